#!/usr/bin/env python3
"""Makes the description of the HTTP API from the descriptor set: openapi.py --full FULL --out FILE.c

Two documents, as the real server has them: Swagger 2.0 in JSON and OpenAPI 3.0 in YAML, gzipped into C (see proto/openapi.h).
Every HTTP route is in them, under the names that the real server's documents have for operations, parameters and types. Theirs
are not valid, because operations share an id and types a name; here a second route of a method has a number behind its id, and
a type's name has its package in front where two packages have one.
"""
import argparse
import collections
import gzip
import json
import pathlib
import re

import descriptors
import http_rules
from descriptors import Field

INFO = {"title": "The HTTP API", "version": "1"}
STATUS = "google.rpc.Status"

# What a value of a type looks like in JSON: in Swagger 2.0, in OpenAPI 3.0.
DATE_TIME = {"type": "string", "format": "date-time"}
SCALARS = {
    Field.DOUBLE: ({"type": "number", "format": "double"},) * 2,
    Field.FLOAT: ({"type": "number", "format": "float"},) * 2,
    Field.INT32: ({"type": "integer", "format": "int32"},) * 2,
    Field.UINT32: ({"type": "integer", "format": "int64"}, {"type": "integer", "format": "uint32"}),
    Field.INT64: ({"type": "string", "format": "int64"}, {"type": "string"}),
    Field.UINT64: ({"type": "string", "format": "uint64"}, {"type": "string"}),
    Field.BOOL: ({"type": "boolean"},) * 2,
    Field.STRING: ({"type": "string"},) * 2,
    Field.BYTES: ({"type": "string", "format": "byte"}, {"type": "string", "format": "bytes"}),
}
SAME_AS = {Field.SINT32: Field.INT32, Field.SFIXED32: Field.INT32, Field.SINT64: Field.INT64}
SAME_AS |= {Field.SFIXED64: Field.INT64, Field.FIXED32: Field.UINT32, Field.FIXED64: Field.UINT64}
SPAN = {"type": "string", "pattern": r"^-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,9})?s$"}
TEXTS = {
    "google.protobuf.Timestamp": (DATE_TIME, DATE_TIME),
    "google.protobuf.Duration": ({"type": "string"}, SPAN),
    "google.protobuf.FieldMask": ({"type": "string"}, {"type": "string", "format": "field-mask"}),
}
ANY = "google.protobuf.Any"
PAYLOAD, PAYLOADS = "temporal.api.common.v1.Payload", "temporal.api.common.v1.Payloads"
ABOUT_PAYLOADS = "An array of values; an object with `payloads` under ?noPayloadShorthand, and accepted always."
ABOUT_PAYLOAD = "Any JSON; or, for what is not plain JSON and under ?noPayloadShorthand, an object of metadata and data in base64."


def camel(name):
    """The name of a field in JSON."""
    return re.sub(r"_+([a-z0-9]?)", lambda match: match[1].upper(), name)


class Api:
    """The types by their full names, and the methods that have routes."""

    def __init__(self, files):
        self.messages = {message.full_name: message for file in files for message in file.all_messages()}
        self.enums = {enum.full_name: enum for file in files for enum in file.all_enums()}
        self.packages = {type_.full_name: file.package for file in files for type_ in [*file.all_messages(), *file.all_enums()]}
        self.routes = []  # (service, method, number from 1, verb, path, has_body)
        for file in files:
            for service in file.services:
                for method in service.methods:
                    for number, rule in enumerate(http_rules.of(method), 1):
                        self.routes.append((service, method, number, *rule))

    def reachable(self):
        """The names of all types that requests with a body and responses can hold, the error's among them."""
        pending = [STATUS]
        for _, method, _, _, _, has_body in self.routes:
            pending += [method.output] + [method.input] * has_body
        found = set()
        while pending:
            name = pending.pop()
            if name in found or name in TEXTS:
                continue
            found.add(name)
            if name in self.messages and name not in (ANY, PAYLOAD):
                pending += [field.type_name for field in self.messages[name].fields if field.type_name]
        return {name for name in found if name in self.enums or not self.messages[name].map_entry}


class Document:
    """What the versions have in common.

    They differ in how types, parameters and operations are said; and `version` is their place in the pairs above, `place` where
    schemas stand, `names_enums` whether enums are types of their own, `anything` the schema of what may be anything.
    """

    def __init__(self, api):
        self.api = api
        types = api.reachable()
        self.types = [name for name in sorted(types) if name in api.messages or self.names_enums]
        counts = collections.Counter(self.short_name(name) for name in self.types)
        self.names = {n: self.short_name(n) if counts[self.short_name(n)] == 1 else self.long_name(n) for n in self.types}
        if len(set(self.names.values())) < len(self.types):
            raise SystemExit("two types have one name in the description of the HTTP API")
        self.schemas = {self.names[name]: self.schema_of_type(name) for name in self.types}
        self.paths = collections.defaultdict(dict)
        for route in api.routes:
            _, method, number, verb, template, _ = route
            in_path = re.findall(r"\{(.*?)\}", template)
            for field in in_path:
                template = template.replace("{" + field + "}", "{" + self.path_name(field) + "}")
            self.paths[template][verb.lower()] = {
                "tags": [route[0].name],
                "operationId": method.name + (str(number) if number > 1 else ""),
                **self.operation(route, in_path),
            }

    def used_schemas(self):
        """The schemas that the paths refer to, and those that these refer to; sorted."""
        pending, used = [self.paths], {}
        while pending:
            for name in re.findall(rf'"{self.place}(\w+)"', json.dumps(pending.pop())):
                if name not in used:
                    used[name] = self.schemas[name]
                    pending.append(self.schemas[name])
        return dict(sorted(used.items()))

    def nesting(self, name):
        """The name of a type within its package: [Outer, Inner]."""
        return name.removeprefix(self.api.packages[name] + ".").split(".")

    def ref(self, name):
        return {"$ref": f"{self.place}{self.names[name]}"}

    def schema_of_type(self, name):
        if name in self.api.enums:
            values = [value for value, _ in self.api.enums[name].values]
            return {"type": "string", "enum": values, "default": values[0]}
        if name == ANY:
            return {"type": "object", "properties": {"@type": {"type": "string"}}, "additionalProperties": self.anything}
        if name == PAYLOAD:
            return {"description": ABOUT_PAYLOAD}
        if name == PAYLOADS:
            return {"description": ABOUT_PAYLOADS, **self.payloads()}
        return self.schema_of_fields(self.api.messages[name], [])

    def schema_of_fields(self, message, without):
        """An object with the fields of a message, without those field paths that a route's path has said."""
        properties = {}
        for field in message.fields:
            inner = [path.partition(".")[2] for path in without if path.partition(".")[0] == field.name]
            if "" in inner:
                continue
            nested = inner and self.schema_of_fields(self.api.messages[field.type_name], inner)
            properties[camel(field.name)] = nested or self.schema_of_field(field)
        return {"type": "object", **({"properties": properties} if properties else {})}

    def schema_of_field(self, field):
        message = self.api.messages.get(field.type_name)
        if message is not None and message.map_entry:
            return {"type": "object", "additionalProperties": self.schema_of_value(message.fields[1])}
        if field.repeated:
            return {"type": "array", "items": self.schema_of_value(field)}
        return self.schema_of_value(field)

    def schema_of_value(self, field):
        if field.type == Field.ENUM:
            return self.enum(field.type_name)
        if field.type == Field.MESSAGE:
            return TEXTS[field.type_name][self.version] if field.type_name in TEXTS else self.ref(field.type_name)
        return SCALARS[SAME_AS.get(field.type, field.type)][self.version]

    def query_fields(self, message, in_path, prefix="", within=()):
        """(name, field) of what can be said in the query: single values, and lists of them. Field paths in `in_path` are said."""
        for field in message.fields:
            name = prefix + field.name
            inner = self.api.messages.get(field.type_name)
            if name in in_path:
                continue
            if inner is None or field.type_name in TEXTS:
                yield ".".join(map(camel, name.split("."))), field
            elif not field.repeated and field.type_name not in within:
                yield from self.query_fields(inner, in_path, name + ".", (*within, field.type_name))

    def parameters(self, route, in_path):
        """Those of the path and, where there is no body, of the query."""
        _, method, _, _, _, has_body = route
        text = self.typed({"type": "string"})
        made = [{"name": self.path_name(name), "in": "path", "required": True, **text} for name in in_path]
        if not has_body:
            for name, field in self.query_fields(self.api.messages[method.input], in_path):
                made.append({"name": name, "in": "query", **self.typed(self.schema_of_parameter(field))})
        return made


class Swagger2(Document):
    """Swagger 2.0."""

    version, place, names_enums, anything = 0, "#/definitions/", True, {}

    def short_name(self, name):
        return "".join(name.split(".")[-2:])

    def long_name(self, name):
        first, *others = name.split(".")[1:]
        return first + "".join(part[0].upper() + part[1:] for part in others)

    def payloads(self):
        return {}  # nothing can be said of what is either an array or an object

    def enum(self, name):
        return self.ref(name)

    def path_name(self, field):
        return ".".join(map(camel, field.split(".")))

    def schema_of_parameter(self, field):
        if field.type == Field.ENUM:
            schema = self.schema_of_type(field.type_name)
            if field.repeated:
                del schema["default"]
        else:
            schema = self.schema_of_value(field)
        return {"type": "array", "items": schema, "collectionFormat": "multi"} if field.repeated else schema

    def typed(self, schema):
        return schema

    def body(self, route, in_path):
        """The schema of a body: the request, or a type of its own without what the path says."""
        service, method, number, *_ = route
        if not in_path:
            return self.ref(method.input)
        schema = self.schema_of_fields(self.api.messages[method.input], in_path)
        name = f"{service.name}{method.name}Body"
        if self.schemas.setdefault(name, schema) != schema:  # a route whose path says something else
            name += str(number)
            self.schemas[name] = schema
        return {"$ref": self.place + name}

    def operation(self, route, in_path):
        _, method, _, _, _, has_body = route
        parameters = self.parameters(route, in_path)
        if has_body:
            parameters.append({"name": "body", "in": "body", "required": True, "schema": self.body(route, in_path)})
        return {
            **({"parameters": parameters} if parameters else {}),
            "responses": {
                "200": {"description": "The answer.", "schema": self.ref(method.output)},
                "default": {"description": "An error.", "schema": self.ref(STATUS)},
            },
        }

    def whole(self):
        return {
            "swagger": "2.0",
            "info": INFO,
            "consumes": ["application/json"],
            "produces": ["application/json"],
            "paths": dict(sorted(self.paths.items())),
            "definitions": self.used_schemas(),
        }


class OpenApi3(Document):
    """OpenAPI 3.0."""

    version, place, names_enums, anything = 1, "#/components/schemas/", False, True

    def short_name(self, name):
        google = "GoogleProtobuf" if self.api.packages[name] == "google.protobuf" else ""
        return google + "_".join(self.nesting(name))

    def long_name(self, name):
        word = camel("_" + self.api.packages[name].split(".")[-2])
        short = self.short_name(name)
        return short if short.startswith(word) else word + short

    def payloads(self):
        values = {"type": "array", "items": self.ref(PAYLOAD)}
        return {"oneOf": [values, {"type": "object", "properties": {"payloads": values}}]}

    def enum(self, name):
        return {"type": "string", "format": "enum", "enum": [value for value, _ in self.api.enums[name].values]}

    def path_name(self, field):
        return field if "." in field else camel(field)

    def schema_of_parameter(self, field):
        return self.schema_of_field(field)

    def typed(self, schema):
        return {"schema": schema}

    def json(self, schema):
        return {"content": {"application/json": {"schema": schema}}}

    def operation(self, route, in_path):
        _, method, _, _, _, has_body = route
        parameters = self.parameters(route, in_path)
        return {
            **({"parameters": parameters} if parameters else {}),
            **({"requestBody": {"required": True, **self.json(self.ref(method.input))}} if has_body else {}),
            "responses": {
                "200": {"description": "The answer.", **self.json(self.ref(method.output))},
                "default": {"description": "An error.", **self.json(self.ref(STATUS))},
            },
        }

    def whole(self):
        return {
            "openapi": "3.0.3",
            "info": INFO,
            "paths": dict(sorted(self.paths.items())),
            "components": {"schemas": self.used_schemas()},
        }


# Words that are no text in some YAML or other.
YAML_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def yaml_scalar(value):
    """A text as it is where that is safe, everything else as JSON, which is YAML."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z/][\w/{}.-]*", value) and value.lower() not in YAML_WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def yaml_lines(value, indent=""):
    """A value in block style, line by line."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from yaml_under(f"{indent}{yaml_scalar(key)}:", inner, indent + "  ")
    elif isinstance(value, list) and value:
        for inner in value:
            lines = list(yaml_lines(inner, indent + "  "))
            yield f"{indent}- {lines[0].lstrip()}"
            yield from lines[1:]
    else:
        yield indent + yaml_scalar(value)


def yaml_under(key, value, indent):
    if isinstance(value, (dict, list)) and value:
        yield key
        yield from yaml_lines(value, indent)
    else:
        yield f"{key} {yaml_scalar(value)}"


def c_document(name, text):
    data = text.encode()
    packed = gzip.compress(data, 9, mtime=0)
    values = ",".join(map(str, packed))
    yield f"static const uint8_t {name}_gzipped[] = {{{values}}};"
    yield f"const struct openapi_document {name} = {{{{{name}_gzipped, {len(packed)}}}, {len(data)}}};"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    api = Api(descriptors.read_set(options.full))
    swagger = json.dumps(Swagger2(api).whole(), separators=(",", ":"))
    openapi = "\n".join(yaml_lines(OpenApi3(api).whole())) + "\n"
    lines = ["/* Generated by proto/openapi.py. */", '#include "proto/openapi.h"', ""]
    lines += [*c_document("openapi_swagger_json", swagger), *c_document("openapi_yaml", openapi), ""]
    pathlib.Path(options.out).write_text("\n".join(lines))


if __name__ == "__main__":
    main()
