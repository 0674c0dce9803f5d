#!/usr/bin/env python3
"""Makes the two descriptor sets that everything about the API is generated from.

    lift_descriptors.py --wheels DIR --own DIR --full OUT --bare OUT [--api-dir DIR]

The API's file descriptors are lifted out of the packages named in wheels.txt: each `_pb2.py` holds one as a bytes literal,
which is read from the syntax tree; nothing of the packages is imported or run. google/protobuf/* come with protoc, our own
messages from --own. With --api-dir the API comes from a checkout of its .proto files instead.

`full` is what reflection shows to clients. `bare` is what C is generated from: the types alone, without services, without
options (HTTP rules, deprecation marks) and without the files that only options need. The names
of the files of `bare` are printed.
"""
import argparse
import ast
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import descriptors

API_ROOTS = [
    "temporal/api/errordetails/v1/message.proto",
    "temporal/api/operatorservice/v1/service.proto",
    "temporal/api/testservice/v1/service.proto",
    "temporal/api/workflowservice/v1/service.proto",
]
OTHER_ROOTS = [
    "google/rpc/status.proto",
    "grpc/health/v1/health.proto",
    "grpc/reflection/v1/reflection.proto",
    "grpc/reflection/v1alpha/reflection.proto",
]
WELL_KNOWN = ["any", "descriptor", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers"]
# Files that describe options: their messages never travel, and no C is made of them.
OPTION_FILES = ("google/api/", "google/protobuf/descriptor.proto", "nexusannotations/", "temporal/api/protometa/", "protoc-gen-openapiv2/")
LEFT_OUT = ("temporal/api/cloud/", "temporal/bridge/", "coresdk")


def files_in_wheel(path):
    """The serialized file descriptors in a wheel's _pb2.py files."""
    with zipfile.ZipFile(path) as wheel:
        for name in sorted(wheel.namelist()):
            if not name.endswith("_pb2.py"):
                continue
            for node in ast.walk(ast.parse(wheel.read(name), name)):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "AddSerializedFile":
                    yield descriptors.File(ast.literal_eval(node.args[0]))


def files_from_protoc(arguments, protos):
    """What protoc makes of .proto files, with all that they import."""
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch, "set.pb")
        subprocess.run(["protoc", *arguments, "--include_imports", f"--descriptor_set_out={out}", *protos], check=True)
        return descriptors.read_set(out)


def collect(options):
    """All files that there are, by name; what comes first wins."""
    found = {}

    def add(file):
        if not file.name.startswith(LEFT_OUT):
            found.setdefault(file.name, file)

    for file in files_from_protoc([], [f"google/protobuf/{name}.proto" for name in WELL_KNOWN]):
        add(file)
    if options.api_dir:
        # A checkout of the API has no TestService; what it lacks comes from the packages after all.
        present = [root for root in API_ROOTS if pathlib.Path(options.api_dir, root).exists()]
        for file in files_from_protoc([f"-I{options.api_dir}"], present):
            add(file)
    for wheel in sorted(pathlib.Path(options.wheels).glob("*.whl")):
        for file in files_in_wheel(wheel):
            # The Python packages of gRPC keep these under names of their own; clients know them by gRPC's.
            if file.name == "grpc_health/v1/health.proto":
                file = descriptors.renamed(file, "grpc/health/v1/health.proto", "grpc.health.v1")
            elif file.name == "grpc_reflection/v1alpha/reflection.proto":
                # v1 is v1alpha under its final name, and only the latter is packaged.
                add(descriptors.renamed(file, "grpc/reflection/v1/reflection.proto", "grpc.reflection.v1"))
                file = descriptors.renamed(file, "grpc/reflection/v1alpha/reflection.proto", "grpc.reflection.v1alpha")
            add(file)
    return found


def own_files(directory, api_files):
    """Our own messages, which import the API's."""
    protos = sorted(str(path.relative_to(directory)) for path in pathlib.Path(directory).glob("fermata/*.proto"))
    if not protos:
        return []
    with tempfile.NamedTemporaryFile(suffix=".pb") as known:
        known.write(descriptors.file_set([file.data for file in api_files]))
        known.flush()
        made = files_from_protoc([f"--descriptor_set_in={known.name}", f"-I{directory}"], protos)
    return [file for file in made if file.name in protos]


def write_if_changed(path, data):
    """Leaves the file's time alone when nothing changed, so that nothing is compiled again."""
    path = pathlib.Path(path)
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheels", required=True)
    parser.add_argument("--own", required=True)
    parser.add_argument("--full", required=True)
    parser.add_argument("--bare", required=True)
    parser.add_argument("--api-dir")
    options = parser.parse_args()

    found = collect(options)
    missing = [root for root in API_ROOTS + OTHER_ROOTS if root not in found]
    if missing:
        sys.exit(f"no descriptors of {', '.join(missing)} in {options.wheels}: run setup.sh")
    api = descriptors.closure(found.values(), sorted(API_ROOTS + OTHER_ROOTS + ["google/protobuf/any.proto"]))
    own = own_files(options.own, found.values())
    everything = descriptors.closure(list(found.values()) + own, [file.name for file in api + own])

    typeless = {
        file.name
        for file in everything
        if file.name.startswith(OPTION_FILES) or not (file.messages or file.enums)
    }
    bare = [descriptors.bare(file, typeless) for file in everything if file.name not in typeless]
    write_if_changed(options.full, descriptors.file_set([file.data for file in everything]))
    write_if_changed(options.bare, descriptors.file_set([file.data for file in bare]))
    print("\n".join(file.name for file in bare))


if __name__ == "__main__":
    main()
