#!/usr/bin/env python3
"""Makes the C of the API from the descriptor sets: protoc-gen-c's, and what else we need to know about it.

    generate.py --full FULL --bare BARE --out DIR

    *.pb-c.[ch]                 by protoc-gen-c
    proto/api.h                 short names for the generated types: PbStartWorkflowExecutionRequest, EVENT_TYPE_TIMER_FIRED, ...
    proto/rpc_table.def         a line per RPC
    proto/message_types.c       every message type by name, for google.protobuf.Any (see proto/message_types.h)
    proto/http_routes.def       a line per HTTP route, from the google.api.http annotations
    proto/descriptor_files.c    the file descriptors themselves, for gRPC reflection (see proto/descriptor_files.h)
"""
import argparse
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

import descriptors
import http_rules

# The services that we serve -> (their name in the table, the prefix of their handlers). v1alpha of reflection is the same on
# the wire as v1, so it shares v1's types and handler.
SERVICES = {
    "temporal.api.workflowservice.v1.WorkflowService": ("WorkflowService", "rpc_"),
    "temporal.api.operatorservice.v1.OperatorService": ("OperatorService", "rpc_operator_"),
    "temporal.api.testservice.v1.TestService": ("TestService", "rpc_test_"),
    "grpc.health.v1.Health": ("Health", "rpc_health_"),
    "grpc.reflection.v1.ServerReflection": ("ServerReflection", "rpc_reflection_"),
    "grpc.reflection.v1alpha.ServerReflection": ("ServerReflectionV1alpha", "rpc_reflection_"),
}
SAME_AS = {"grpc.reflection.v1alpha": "grpc.reflection.v1"}
KINDS = {(False, False): "UNARY", (False, True): "SERVER_STREAM", (True, True): "BIDI_STREAM"}
OWN_PACKAGE = "fermata.v1"


def snake(name):
    """CamelCase -> camel_case, as protoc-gen-c does it: a run of capitals is one word."""
    return re.sub(r"(?<=[^A-Z])([A-Z])", r"_\1", name).lower()


def camel(name):
    """snake_case -> SnakeCase, as protoc-gen-c does it."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def c_type(full_name):
    return "__".join(camel(part) for part in full_name.split("."))


def c_lower(full_name):
    return "__".join(snake(part) for part in full_name.split("."))


def c_upper(full_name):
    return c_lower(full_name).upper()


def own_name(type_):
    """The name of a message or enum with those that it is nested in: OuterInner."""
    return (own_name(type_.outer) if type_.outer else "") + camel(type_.name)


def package_word(package):
    """The last segment of a package that is not a version: temporal.api.update.v1 -> Update."""
    return camel([part for part in package.split(".") if not re.fullmatch(r"v\d+(alpha|beta)?\d*", part)][-1])


def short_names(files):
    """Full name -> Pb name, for every message and enum.

    Where several packages have one of a name, their package's word comes before it, unless it starts with that word already:
    temporal.api.failure.v1.Failure is PbFailure, temporal.api.nexus.v1.Failure PbNexusFailure.
    """
    wanted = collections.defaultdict(list)
    for file in files:
        if file.package in SAME_AS:
            continue
        for type_ in [*file.all_messages(), *file.all_enums()]:
            wanted[own_name(type_)].append((file.package, type_.full_name))
    names = {}
    for name, holders in wanted.items():
        for package, full_name in holders:
            word = package_word(package) if len(holders) > 1 else ""
            names[full_name] = "Pb" + (name if name.startswith(word) else word + name)
    twice = [name for name, count in collections.Counter(names.values()).items() if count > 1]
    if twice:
        sys.exit(f"no short names for {', '.join(sorted(twice))}")
    return names


def enum_value_macros(files):
    """(short, long) of every enum value. A value that does not start with its enum's name gets it before its own."""
    macros = []
    for file in files:
        if file.package in SAME_AS:
            continue
        for enum in file.all_enums():
            prefix = snake(enum.name).upper() + "_"
            for value, _ in enum.values:
                short = value if value.startswith(prefix) else prefix + value
                macros.append((short, f"{c_upper(enum.full_name)}__{value}"))
    counts = collections.Counter(short for short, _ in macros)
    return [(short, long) for short, long in macros if counts[short] == 1]


def make_api_header(files):
    names = short_names(files)
    lines = [
        "/*",
        " * Short names for the API's types. Generated from the descriptors by proto/generate.py.",
        " *",
        " *   PbFoo                the message or enum Foo; OuterInner for one that is nested in Outer; where two packages have",
        " *                        a Foo, the package's name comes before it: PbUpdateRequest, PbCommonLink,",
        " *                        unless Foo starts with it: PbFailure, PbNexusFailure",
        " *   PbFoo_descriptor     its ProtobufCMessageDescriptor",
        " *   PbFoo_INIT           initializer of one on the stack",
        " *   PbFoo__BarCase       the type of the case field of its oneof `bar`",
        " *   PbFoo_baz_case       the value of a oneof's case field that says that `baz` is set;",
        " *                        PbFoo_<oneof>_not_set_case that none is",
        " *   EVENT_TYPE_FOO       a value of an enum, by its name in the .proto file",
        " */",
        "#ifndef FERMATA_PROTO_API_H",
        "#define FERMATA_PROTO_API_H",
        "",
    ]
    lines += [f'#include "{file.name.removesuffix(".proto")}.pb-c.h"' for file in sorted(files, key=lambda f: f.name)]
    for file in files:
        if file.package in SAME_AS:
            continue
        lines += ["", f"/* {file.name} */"]
        for message in file.all_messages():
            short = names[message.full_name]
            lines.append(f"typedef {c_type(message.full_name)} {short};")
            lines.append(f"#define {short}_descriptor {c_lower(message.full_name)}__descriptor")
            lines.append(f"#define {short}_INIT {c_upper(message.full_name)}__INIT")
            upper = c_upper(message.full_name)
            for index, oneof in enumerate(message.oneofs):
                members = [f for f in message.fields if f.oneof_index == index]
                if any(f.proto3_optional for f in members):
                    continue  # an `optional` field: has_... says whether it is set
                lines.append(f"typedef {c_type(message.full_name)}__{camel(oneof)}Case {short}__{camel(oneof)}Case;")
                lines.append(f"#define {short}_{oneof}_not_set_case {upper}__{snake(oneof).upper()}__NOT_SET")
                for field in members:
                    case = f"{upper}__{snake(oneof).upper()}_{snake(field.name).upper()}"
                    lines.append(f"#define {short}_{field.name}_case {case}")
        for enum in file.all_enums():
            lines.append(f"typedef {c_type(enum.full_name)} {names[enum.full_name]};")
            lines.append(f"#define {names[enum.full_name]}_descriptor {c_lower(enum.full_name)}__descriptor")
    lines += ["", "/* enum values */"]
    lines += [f"#define {short} {long}" for short, long in enum_value_macros(files)]
    lines += ["", "#endif", ""]
    return "\n".join(lines)


def moved(full_name):
    """The type that a type of a package in SAME_AS shares."""
    package, _, name = full_name.rpartition(".")
    return f"{SAME_AS.get(package, package)}.{name}"


def make_rpc_table(full, bare):
    names = short_names(bare)
    rows = []
    for file in full:
        for service in file.services:
            if service.full_name not in SERVICES:
                continue
            short, prefix = SERVICES[service.full_name]
            for method in service.methods:
                kind = KINDS[method.client_streaming, method.server_streaming]
                types = f"{names[moved(method.input)]}, {names[moved(method.output)]}"
                row = f'RPC({short}, "{service.full_name}", {method.name}, {prefix}{snake(method.name)}, {types}, {kind})'
                rows.append((f"/{service.full_name}/{method.name}", row))
    absent = set(SERVICES) - {service.full_name for file in full for service in file.services}
    if absent:
        sys.exit(f"no descriptors of {', '.join(sorted(absent))}")
    head = [
        "/*",
        " * Every RPC, sorted by path (bytewise, of \"/full.service.Name/Method\"). Generated by proto/generate.py.",
        " *",
        " * RPC(service, \"full.service.Name\", Method, handler, PbRequest, PbResponse, KIND), KIND one of UNARY, SERVER_STREAM,",
        " * BIDI_STREAM. Define RPC, include this; RPC is undefined at the end. A handler may stand in several lines.",
        " */",
    ]
    return "\n".join(head + [row for _, row in sorted(rows)] + ["#undef RPC", ""])


def make_descriptor_files(full):
    """The embedded files and symbols. Ours are internal and stay out."""
    files = [file for file in sorted(full, key=lambda f: f.name) if file.package != OWN_PACKAGE]
    index = {file.name: i for i, file in enumerate(files)}
    symbols = []
    for i, file in enumerate(files):
        for type_ in [*file.all_messages(), *file.all_enums()]:
            symbols.append((type_.full_name, i))
        for service in file.services:
            symbols.append((service.full_name, i))
            symbols.extend((f"{service.full_name}.{method.name}", i) for method in service.methods)
    lines = ["/* Generated by proto/generate.py. */", '#include "proto/descriptor_files.h"', ""]
    for i, file in enumerate(files):
        data = ",".join(map(str, file.data))
        lines.append(f"static const uint8_t data_{i}[] = {{{data}}};")
        if file.dependencies:
            imports = ", ".join(str(index[name]) for name in file.dependencies)
            lines.append(f"static const uint16_t imports_{i}[] = {{{imports}}};")
    lines += ["", "const struct descriptor_file descriptor_files[] = {"]
    for i, file in enumerate(files):
        imports = f"imports_{i}, {len(file.dependencies)}" if file.dependencies else "NULL, 0"
        lines.append(f'    {{"{file.name}", data_{i}, sizeof(data_{i}), {imports}}},')
    lines += ["};", "const size_t descriptor_files_count = sizeof(descriptor_files) / sizeof(descriptor_files[0]);", ""]
    lines.append("const struct descriptor_symbol descriptor_symbols[] = {")
    lines += [f'    {{"{name}", {i}}},' for name, i in sorted(symbols)]
    lines += ["};", "const size_t descriptor_symbols_count = sizeof(descriptor_symbols) / sizeof(descriptor_symbols[0]);", ""]
    return "\n".join(lines)


def make_message_types(files):
    """All messages but the entries of maps, sorted by full name. Ours and those in SAME_AS travel in no Any."""
    types = sorted(
        message.full_name
        for file in files
        if file.package not in SAME_AS and file.package != OWN_PACKAGE
        for message in file.all_messages()
        if not message.map_entry
    )
    lines = ["/* Generated by proto/generate.py. */", '#include "proto/message_types.h"', ""]
    lines += [f'#include "{file.name.removesuffix(".proto")}.pb-c.h"' for file in sorted(files, key=lambda f: f.name)]
    lines += ["", "const ProtobufCMessageDescriptor *const message_types[] = {"]
    lines += [f"    &{c_lower(name)}__descriptor," for name in types]
    lines += ["};", "const size_t message_types_count = sizeof(message_types) / sizeof(message_types[0]);", ""]
    lines.append("const struct message_oneof message_oneofs[] = {")
    for file in files:
        if file.package in SAME_AS or file.package == OWN_PACKAGE:
            continue
        for message in file.all_messages():
            for index, oneof in enumerate(message.oneofs):
                members = [field for field in message.fields if field.oneof_index == index]
                if not any(field.proto3_optional for field in members):
                    lines.append(f'    {{&{c_lower(message.full_name)}__descriptor, "{oneof}", "{members[0].name}"}},')
    lines += ["};", "const size_t message_oneofs_count = sizeof(message_oneofs) / sizeof(message_oneofs[0]);", ""]
    return "\n".join(lines)


def make_http_routes(full):
    """Where several routes fit a path the last one counts, as in the real server's gateway: so they come in reverse."""
    rows = []
    services = [service for file in full for service in file.services if service.full_name in SERVICES]
    for service in sorted(services, key=lambda s: s.full_name, reverse=True):
        for method in service.methods:
            for verb, path, has_body in http_rules.of(method):
                rows.append(f'ROUTE({verb}, "{path}", {int(has_body)}, "/{service.full_name}/{method.name}")')
    head = [
        "/*",
        " * Every HTTP route of the API, in the order in which they are tried. Generated by proto/generate.py.",
        " *",
        " * ROUTE(METHOD, \"/path/{field.path}\", body, \"/full.service.Name/Method\"); body: the request's body is the message",
        " * (but for what the path says); without, the query is. Define ROUTE, include this; it is undefined at the end.",
        " */",
    ]
    return "\n".join(head + rows[::-1] + ["#undef ROUTE", ""])


def write_if_changed(path, text):
    """Leaves the file's time alone when nothing changed, so that nothing is compiled again."""
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def run_protoc(bare_path, files, out):
    """Has protoc-gen-c make its C, and replaces what changed."""
    with tempfile.TemporaryDirectory() as scratch:
        command = ["protoc", f"--descriptor_set_in={bare_path}", f"--c_out={scratch}"]
        subprocess.run([*command, *(file.name for file in files)], check=True)
        for made in pathlib.Path(scratch).rglob("*.pb-c.*"):
            write_if_changed(out / made.relative_to(scratch), made.read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", required=True)
    parser.add_argument("--bare", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    full, bare = descriptors.read_set(options.full), descriptors.read_set(options.bare)
    out = pathlib.Path(options.out)
    run_protoc(options.bare, bare, out)
    write_if_changed(out / "proto" / "api.h", make_api_header(bare))
    write_if_changed(out / "proto" / "rpc_table.def", make_rpc_table(full, bare))
    write_if_changed(out / "proto" / "http_routes.def", make_http_routes(full))
    write_if_changed(out / "proto" / "message_types.c", make_message_types(bare))
    write_if_changed(out / "proto" / "descriptor_files.c", make_descriptor_files(full))


if __name__ == "__main__":
    main()
