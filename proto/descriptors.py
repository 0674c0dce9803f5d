"""FileDescriptorProtos without the protobuf package: reading, and writing the few changes that we make to them.

A message is held as a list of (field number, wire type, value), in the order of the wire, so that what we do not know is
written back byte for byte. On top of that, small classes give names to what the generators ask for. Field numbers are
those of google/protobuf/descriptor.proto.
"""

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5


def _read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _write_varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def parse(data):
    """Serialized message -> list of (number, wire type, value); a length-delimited value is bytes, others are ints."""
    fields, at = [], 0
    while at < len(data):
        key, at = _read_varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = _read_varint(data, at)
        elif wire == LENGTH:
            length, at = _read_varint(data, at)
            value, at = data[at : at + length], at + length
        elif wire in (FIXED64, FIXED32):
            width = 8 if wire == FIXED64 else 4
            value, at = int.from_bytes(data[at : at + width], "little"), at + width
        else:
            raise ValueError(f"wire type {wire} in a descriptor")
        fields.append((number, wire, value))
    return fields


def serialize(fields):
    """The reverse of parse."""
    out = bytearray()
    for number, wire, value in fields:
        out += _write_varint(number << 3 | wire)
        if wire == VARINT:
            out += _write_varint(value)
        elif wire == LENGTH:
            out += _write_varint(len(value)) + value
        else:
            out += value.to_bytes(8 if wire == FIXED64 else 4, "little")
    return bytes(out)


def file_set(serialized_files):
    """Serialized files -> a serialized FileDescriptorSet."""
    return serialize([(1, LENGTH, data) for data in serialized_files])


def _all(fields, number):
    return [value for n, _, value in fields if n == number]


def _one(fields, number, default=None):
    values = _all(fields, number)
    return values[-1] if values else default


def _text(fields, number, default=""):
    value = _one(fields, number)
    return default if value is None else value.decode()


class Field:
    """A field of a message. `type_name` is full, without the leading dot, and empty for scalars."""

    DOUBLE, FLOAT, INT64, UINT64, INT32, FIXED64, FIXED32, BOOL, STRING, GROUP = range(1, 11)
    MESSAGE, BYTES, UINT32, ENUM, SFIXED32, SFIXED64, SINT32, SINT64 = range(11, 19)
    REPEATED = 3

    def __init__(self, data):
        fields = parse(data)
        self.name = _text(fields, 1)
        self.number = _one(fields, 3)
        self.label = _one(fields, 4)
        self.type = _one(fields, 5)
        self.type_name = _text(fields, 6).lstrip(".")
        self.oneof_index = _one(fields, 9)
        self.proto3_optional = bool(_one(fields, 17, 0))
        self.repeated = self.label == self.REPEATED


class Enum:
    """An enum; `values` are (name, number). `outer` is the message that it is nested in, or None."""

    def __init__(self, data, scope, outer):
        fields = parse(data)
        self.name = _text(fields, 1)
        self.full_name = f"{scope}.{self.name}"
        self.outer = outer
        self.values = []
        for value in _all(fields, 2):
            inner = parse(value)
            self.values.append((_text(inner, 1), _one(inner, 2, 0)))


class Message:
    """A message with what is nested in it."""

    def __init__(self, data, scope, outer):
        fields = parse(data)
        self.name = _text(fields, 1)
        self.full_name = f"{scope}.{self.name}"
        self.outer = outer
        self.fields = [Field(value) for value in _all(fields, 2)]
        self.messages = [Message(value, self.full_name, self) for value in _all(fields, 3)]
        self.enums = [Enum(value, self.full_name, self) for value in _all(fields, 4)]
        self.oneofs = [_text(parse(value), 1) for value in _all(fields, 8)]
        self.map_entry = bool(_one(parse(_one(fields, 7, b"")), 7, 0))


class Method:
    """A method of a service; types are full names. `options` are the raw MethodOptions fields."""

    def __init__(self, data):
        fields = parse(data)
        self.name = _text(fields, 1)
        self.input = _text(fields, 2).lstrip(".")
        self.output = _text(fields, 3).lstrip(".")
        self.options = parse(_one(fields, 4, b""))
        self.client_streaming = bool(_one(fields, 5, 0))
        self.server_streaming = bool(_one(fields, 6, 0))


class Service:
    """A service and its methods."""

    def __init__(self, data, scope):
        fields = parse(data)
        self.name = _text(fields, 1)
        self.full_name = f"{scope}.{self.name}"
        self.methods = [Method(value) for value in _all(fields, 2)]


class File:
    """One .proto file. `data` is its serialized FileDescriptorProto."""

    def __init__(self, data):
        fields = parse(data)
        self.data = data
        self.name = _text(fields, 1)
        self.package = _text(fields, 2)
        self.dependencies = [value.decode() for value in _all(fields, 3)]
        self.messages = [Message(value, self.package, None) for value in _all(fields, 4)]
        self.enums = [Enum(value, self.package, None) for value in _all(fields, 5)]
        self.services = [Service(value, self.package) for value in _all(fields, 6)]
        self.syntax = _text(fields, 12, "proto2")

    def all_messages(self):
        """Every message of the file, outer ones before their nested ones."""
        pending = list(reversed(self.messages))
        while pending:
            message = pending.pop()
            yield message
            pending.extend(reversed(message.messages))

    def all_enums(self):
        """Every enum of the file, also nested ones."""
        yield from self.enums
        for message in self.all_messages():
            yield from message.enums


def read_set(path):
    """Reads a FileDescriptorSet from a file."""
    with open(path, "rb") as source:
        return [File(data) for data in _all(parse(source.read()), 1)]


def closure(files, roots):
    """The files named by `roots` and all that they import, imported ones first. Order depends on the names alone."""
    by_name = {file.name: file for file in files}
    done, order = set(), []

    def visit(name, wanted_by):
        if name in done:
            return
        if name not in by_name:
            raise SystemExit(f"{wanted_by} imports {name}, which no source of descriptors has")
        done.add(name)
        for dependency in by_name[name].dependencies:
            visit(dependency, name)
        order.append(by_name[name])

    for root in roots:
        visit(root, "the list of roots")
    return order


# Where options live: (message kind, field number of its options). Kinds by field numbers of their parents.
_OPTION_FIELDS = {"file": 8, "message": 7, "field": 8, "oneof": 2, "enum": 3, "value": 3, "service": 3, "method": 4}
_CHILDREN = {
    "file": {4: "message", 5: "enum", 6: "service", 7: "field"},
    "message": {2: "field", 3: "message", 4: "enum", 6: "field", 8: "oneof"},
    "enum": {2: "value"},
    "service": {2: "method"},
}
# Options that change the wire or the generated types: FieldOptions.packed, MessageOptions.map_entry, EnumOptions.allow_alias.
_KEPT_OPTIONS = {"field": {2}, "message": {7}, "enum": {2}}


def _bare(data, kind):
    out = []
    for number, wire, value in parse(data):
        if number == _OPTION_FIELDS[kind]:
            kept = [field for field in parse(value) if field[0] in _KEPT_OPTIONS.get(kind, ())]
            if not kept:
                continue
            value = serialize(kept)
        elif number in _CHILDREN.get(kind, ()):
            value = _bare(value, _CHILDREN[kind][number])
        out.append((number, wire, value))
    return serialize(out)


# What we ask of protoc-gen-c (FileOptions.pb_c_file of protobuf-c/protobuf-c.proto): no pack and unpack wrapper per message
# (we go through the descriptors), and strings as const char *, because a message mostly borrows them.
_C_OPTIONS = (8, LENGTH, serialize([(1019, LENGTH, serialize([(2, VARINT, 0), (4, VARINT, 1)]))]))


def bare(file, dropped):
    """What C is generated from: the types of a file, without options, services, and the imports in `dropped`."""
    fields = parse(_bare(file.data, "file"))
    # public_dependency and weak_dependency are indices into the imports; no file of the API has any.
    if any(number in (10, 11) for number, _, _ in fields):
        raise SystemExit(f"{file.name} has public or weak imports, which are not handled")
    kept = [f for f in fields if f[0] not in (6, 8) and not (f[0] == 3 and f[2].decode() in dropped)]
    return File(serialize(kept + [_C_OPTIONS]))


def renamed(file, name, package):
    """The file under another name and package; its own types move along."""
    old = f".{file.package}.".encode()
    new = f".{package}.".encode()

    def move(data, kind):
        out = []
        for number, wire, value in parse(data):
            if number in _CHILDREN.get(kind, ()):
                value = move(value, _CHILDREN[kind][number])
            elif wire == LENGTH and value.startswith(old) and (kind, number) in (("field", 6), ("method", 2), ("method", 3)):
                value = new + value[len(old) :]
            out.append((number, wire, value))
        return serialize(out)

    fields = [
        (n, w, name.encode() if n == 1 else package.encode() if n == 2 else v) for n, w, v in parse(move(file.data, "file"))
    ]
    return File(serialize(fields))
