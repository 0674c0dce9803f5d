"""Requests that are wrong in one way each get a precise status, on a connection that goes on working. Codes and texts are
the real server's (release 1.32.0) but where a comment says otherwise."""

import gzip

import pytest
from wire import *

OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND = range(6)
RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE = 8, 12, 13, 14
DESCRIBE_NAMESPACE = WORKFLOW_SERVICE + "DescribeNamespace"
MEBIBYTE = 1 << 20


def zipped(body, cut=0):
    packed = gzip.compress(body)
    return message(packed[: len(packed) - cut], compressed=1)


def timeout(text):
    return {"extra": [("grpc-timeout", text)]}


def encoding(name):
    return {"extra": [("grpc-encoding", name)]}


def nested(depth):
    """A RespondActivityTaskFailedRequest whose failure has a cause that has a cause ..."""
    varints, body = [], b""
    size = 0
    for _ in range(depth):  # from the inside out; sizes first, since joining as we go would take quadratic time
        length, rest = b"", size
        while rest > 0x7F:
            length, rest = length + bytes([rest & 0x7F | 0x80]), rest >> 7
        varints.append(bytes([4 << 3 | 2]) + length + bytes([rest]))
        size += len(varints[-1])
    body = b"".join(reversed(varints))
    return field(2, body)


REQUESTS = {
    # what is sent, the status, the HTTP status, and how the text begins
    "unknown method": (dict(path=WORKFLOW_SERVICE + "Nope"), UNIMPLEMENTED, 200,
                       "unknown method Nope for service temporal.api.workflowservice.v1.WorkflowService"),
    "unknown service": (dict(path="/foo.Bar/Baz"), UNIMPLEMENTED, 200, "unknown service foo.Bar"),
    "long path": (dict(path="/" + "a/b" * 5000), UNIMPLEMENTED, 200, "unknown service a/ba/b"),
    "path without a method": (dict(path="/foo"), UNIMPLEMENTED, 200, 'malformed method name: "/foo"'),
    "not POST": (dict(method="GET"), INTERNAL, 405, 'Received a HEADERS frame with :method "GET" which should be POST'),
    "JSON": (dict(content_type="application/json"), INVALID_ARGUMENT, 415,
             'invalid gRPC request content-type "application/json"'),
    "no content type": (dict(content_type=None), INVALID_ARGUMENT, 415, 'invalid gRPC request content-type ""'),
    "almost gRPC": (dict(content_type="application/grpcfoo"), INVALID_ARGUMENT, 415, "invalid gRPC request content-type"),
    "gRPC with a codec": (dict(content_type="application/grpc+proto"), OK, 200, ""),
    "no unit": (timeout("1"), INTERNAL, 400, 'malformed grpc-timeout: transport: timeout string is too short: "1"'),
    "too many digits": (timeout("123456789S"), INTERNAL, 400, "malformed grpc-timeout: transport: timeout string is too long"),
    "strange unit": (timeout("10X"), INTERNAL, 400, "malformed grpc-timeout: transport: timeout unit is not recognized"),
    "not a number": (timeout("-1S"), INTERNAL, 400, 'malformed grpc-timeout: strconv.ParseUint: parsing "-1": invalid syntax'),
    "no time at all": (timeout("0S"), DEADLINE_EXCEEDED, 200, "context deadline exceeded"),
    "more time than there is": (timeout("99999999H"), OK, 200, ""),
    # the real server answers UNKNOWN, with "EOF" and "unexpected EOF", to the next three
    "no message": (dict(body=b""), INTERNAL, 200, "grpc: the request has no message"),
    "half a prefix": (dict(body=b"\0\0"), INTERNAL, 200, "grpc: the request ends within a message"),
    "half a message": (dict(body=message(b"ab", length=5)), INTERNAL, 200, "grpc: the request ends within a message"),
    # the real server takes the first and ignores the second
    "two messages": (dict(body=message() + message()), INTERNAL, 200, "grpc: received more than one message"),
    "strange flag": (dict(body=message(compressed=2)), INTERNAL, 200, "grpc: received unexpected payload format 2"),
    "announces 5 MB": (dict(body=message(length=5242930)), RESOURCE_EXHAUSTED, 200,
                       "grpc: received message larger than max (5242930 vs. 4194304)"),
    "announces 4 GB": (dict(body=message(length=0xFFFFFFFF)), RESOURCE_EXHAUSTED, 200,
                       "grpc: received message larger than max (4294967295 vs. 4194304)"),
    "sends 5 MB": (dict(body=message(bytes(5 * MEBIBYTE))), RESOURCE_EXHAUSTED, 200,
                   "grpc: received message larger than max (5242880 vs. 4194304)"),
    "compressed, but how": (dict(body=zipped(b"")), INTERNAL, 200,
                            "grpc: compressed flag set with identity or empty encoding"),
    "gzip": (dict(body=zipped(b""), **encoding("gzip")), OK, 200, ""),
    "said gzip, sent plain": (dict(body=message(), **encoding("gzip")), OK, 200, ""),
    "not gzip": (dict(body=message(b"hello", compressed=1), **encoding("gzip")), INTERNAL, 200,
                 "grpc: failed to decompress the message"),
    "half a gzip": (dict(body=zipped(b"x" * 100, cut=4), **encoding("gzip")), INTERNAL, 200,
                    "grpc: failed to decompress the message"),
    "gzip bomb": (dict(body=zipped(bytes(256 * MEBIBYTE)), **encoding("gzip")), RESOURCE_EXHAUSTED, 200,
                  "grpc: received message after decompression larger than max 4194304"),
    "strange encoding": (dict(body=message(b"x", compressed=1), **encoding("snappy")), UNIMPLEMENTED, 200,
                         'grpc: Decompressor is not installed for grpc-encoding "snappy"'),
    "not protobuf": (dict(path=DESCRIBE_NAMESPACE, body=message(b"\x0a\xff")), INTERNAL, 200,
                     "grpc: error unmarshalling request: "),
    "not UTF-8": (dict(path=DESCRIBE_NAMESPACE, body=message(b"\x0a\x02\xff\xfe")), INTERNAL, 200,
                  "grpc: error unmarshalling request: string field contains invalid UTF-8"),
    "nested 100,000 deep": (dict(path=WORKFLOW_SERVICE + "RespondActivityTaskFailed", body=message(nested(100_000))),
                            INTERNAL, 200, "grpc: error unmarshalling request: "),
    "swells when unpacked": (dict(path=WORKFLOW_SERVICE + "RespondActivityTaskFailed",
                                  body=message(b"\x12\x02\x22\0" * MEBIBYTE)), INTERNAL, 200, "grpc: error unmarshalling request: "),
    "unknown health service": (dict(path="/grpc.health.v1.Health/Check", body=message(b"\x0a\x01x")), NOT_FOUND, 200,
                               "unknown service"),
}


def test_wrong_requests(victim):
    with victim.connect() as wire:
        for name, (request, status, http_status, text) in REQUESTS.items():
            response = wire.call(**request)
            assert response.ended, name
            got = response.status, int(response.headers[":status"]), response.text[: len(text)]
            assert got == (status, http_status, text), name
        wire.system_info()


def test_headers_that_are_too_many(victim):
    """431 and a status; up to there they pass."""
    with victim.connect() as wire:
        assert wire.call(extra=[(f"x-{i}", "y" * 1000) for i in range(10)]).status == OK
        many = [(f"x-{i}", "y" * 1000) for i in range(80)]
        stream = wire.stream()
        block = hpack.Encoder().encode(call_headers(extra=many), huffman=False)
        pieces = [block[i : i + 16384] for i in range(0, len(block), 16384)]
        wire.send(frame(HEADERS, END_STREAM, stream, pieces[0]))
        for i, piece in enumerate(pieces[1:], 2):
            wire.send(frame(CONTINUATION, END_HEADERS if i == len(pieces) else 0, stream, piece))
        response = wire.response(stream)
        assert (response.headers[":status"], response.status) == ("431", RESOURCE_EXHAUSTED)


def test_a_request_that_never_ends(victim):
    """Its deadline ends it."""
    with victim.connect() as wire:
        response = wire.call(body=b"\0\0\0", end=False, **timeout("200m"))
        assert (response.status, response.text) == (DEADLINE_EXCEEDED, "context deadline exceeded")


def test_pieces_of_any_size(victim):
    """A message that comes byte by byte is the same message."""
    body = message(b"\x0a\x04nope")
    with victim.connect() as wire:
        stream = wire.stream()
        wire.send(wire.headers_frame(stream, call_headers(path=DESCRIBE_NAMESPACE)))
        for i in range(len(body)):
            wire.send(frame(DATA, END_STREAM if i == len(body) - 1 else 0, stream, body[i : i + 1]))
            wire.ping()
        response = wire.response(stream)
        assert (response.status, response.text) == (NOT_FOUND, "Namespace nope is not found.")
        assert "grpc-status-details-bin" in response.headers


def test_answers_are_compressed_as_requests_are(victim):
    with victim.connect() as wire:
        services = wire.call(path="/grpc.health.v1.Health/List", body=zipped(b""), **encoding("gzip"))
        assert services.headers["grpc-encoding"] == "gzip" and services.status == OK


def test_reflection_answers_are_bounded(victim):
    """Asking for the largest file over and over, without reading, ends the stream and not the server."""
    ask = message(field(4, b"temporal.api.workflowservice.v1.WorkflowService"))
    with victim.connect(settings=struct.pack(">HI", INITIAL_WINDOW_SIZE, 0)) as wire:
        stream = wire.request(ask * 2000, end=False, path="/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        wire.ping()
        assert victim.resident_kilobytes() < 400_000
        wire.send(frame(SETTINGS, payload=struct.pack(">HI", INITIAL_WINDOW_SIZE, 1 << 24)))
        assert wire.response(stream).status == RESOURCE_EXHAUSTED


def test_a_stream_is_watched_until_the_client_goes(victim):
    with victim.connect() as wire:
        stream = wire.request(message(), path="/grpc.health.v1.Health/Watch")
        wire.wait(lambda: stream in wire.responses and wire.responses[stream].body)
        assert wire.responses[stream].body == message(b"\x08\x01") and not wire.responses[stream].ended
        wire.send(frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))
        wire.system_info()
