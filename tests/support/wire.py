"""HTTP/2 and gRPC by hand: what no well-behaved client library would send can be sent with this."""

import contextlib
import socket
import struct
import time

import hpack

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS = 0x4

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = range(4)
FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 6, 7, 8, 9, 11
MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 3, 4

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WORKFLOW_SERVICE = "/temporal.api.workflowservice.v1.WorkflowService/"
GET_SYSTEM_INFO = WORKFLOW_SERVICE + "GetSystemInfo"


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def message(body=b"", compressed=0, length=None):
    """A gRPC message with its prefix, which may lie about the length."""
    return struct.pack(">BI", compressed, len(body) if length is None else length) + body


def field(number, value):
    """A length-delimited protobuf field."""
    length, size = b"", len(value)
    while size > 0x7F:
        length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + value


def call_headers(path=GET_SYSTEM_INFO, method="POST", content_type="application/grpc", extra=()):
    """The headers of a call; a content type of None leaves that out."""
    headers = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "test"), ("te", "trailers")]
    if content_type is not None:
        headers.append(("content-type", content_type))
    return headers + list(extra)


class Response:
    """What came back on one stream, until it ended."""

    def __init__(self):
        self.headers, self.body, self.ended, self.reset = {}, b"", False, None

    @property
    def status(self):
        return int(self.headers["grpc-status"]) if "grpc-status" in self.headers else None

    @property
    def text(self):
        return self.headers.get("grpc-message", "")

    def __repr__(self):
        return f"Response({self.headers}, {len(self.body)} bytes, ended={self.ended}, reset={self.reset})"


class Closed(Exception):
    """The server has closed the connection."""


class Wire:
    """One connection. Frames are read only when something is waited for."""

    def __init__(self, port, tls=None, preface=True, settings=b"", timeout=10, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.timeout, self.buffer = timeout, b""
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.decoder.max_header_list_size = 1 << 20
        self.responses, self.goaway, self.pongs, self.settled = {}, None, 0, False
        self.unfinished = None  # the stream whose header block goes on
        self.next_stream = 1
        if preface:
            self.send(PREFACE + frame(SETTINGS, payload=settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.close()

    # --- out ---

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed from error

    def flood(self, data, seconds=5):
        """Sends as much of `data` as the server takes; what it answers is left for later. Returns whether all was taken."""
        view, give_up = memoryview(data), time.monotonic() + seconds
        self.socket.settimeout(0.2)
        try:
            while view and time.monotonic() < give_up:
                try:
                    view = view[self.socket.send(view[: 1 << 16]) :]
                except TimeoutError:
                    with contextlib.suppress(TimeoutError):
                        self._fill()
                except (BrokenPipeError, ConnectionResetError):
                    return False
        except Closed:
            return False
        finally:
            self.socket.settimeout(self.timeout)
        return not view

    def stream(self):
        self.next_stream += 2
        return self.next_stream - 2

    def headers_frame(self, stream, headers, flags=END_HEADERS):
        return frame(HEADERS, flags, stream, self.encoder.encode(headers))

    def request(self, body=b"", end=True, **headers):
        """Opens a stream with these headers, and sends `body` (bytes of DATA, prefixes and all). Returns its number."""
        stream = self.stream()
        out = self.headers_frame(stream, call_headers(**headers), END_HEADERS)
        pieces = [body[i : i + 16384] for i in range(0, len(body), 16384)] or [b""]
        for piece in pieces[:-1]:
            out += frame(DATA, 0, stream, piece)
        out += frame(DATA, END_STREAM if end else 0, stream, pieces[-1])
        self.send(out)
        return stream

    def call(self, body=message(), end=True, **headers):
        """A call and its response."""
        return self.response(self.request(body, end, **headers))

    def system_info(self):
        """A call that always works."""
        response = self.call()
        assert response.status == 0 and b"1." in response.body, response

    # --- in ---

    def _fill(self):
        try:
            data = self.socket.recv(1 << 16)
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Closed from error
        if not data:
            raise Closed
        self.buffer += data
        while len(self.buffer) >= 9:
            length = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + length:
                break
            kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
            payload, self.buffer = self.buffer[9 : 9 + length], self.buffer[9 + length :]
            self._take(kind, flags, stream & 0x7FFFFFFF, payload)

    def _take(self, kind, flags, stream, payload):
        if kind in (HEADERS, CONTINUATION):
            assert flags & END_HEADERS, "the server's header blocks are short"
            response = self.responses.setdefault(stream, Response())
            response.headers.update(self.decoder.decode(payload))
            response.ended |= bool(flags & END_STREAM)
        elif kind == DATA:
            response = self.responses.setdefault(stream, Response())
            response.body += payload
            response.ended |= bool(flags & END_STREAM)
            if payload:
                increment = struct.pack(">I", len(payload))
                with contextlib.suppress(Closed):
                    self.send(frame(WINDOW_UPDATE, 0, 0, increment) + frame(WINDOW_UPDATE, 0, stream, increment))
        elif kind == RST_STREAM:
            self.responses.setdefault(stream, Response()).reset = int.from_bytes(payload, "big")
        elif kind == GOAWAY:
            self.goaway = (int.from_bytes(payload[4:8], "big"), payload[8:].decode())
        elif kind == PING and flags & ACK:
            self.pongs += 1
        elif kind == SETTINGS and not flags & ACK:
            self.settled = True
            with contextlib.suppress(Closed):
                self.send(frame(SETTINGS, ACK))

    def wait(self, condition, seconds=10):
        """Reads until `condition()` holds. Raises Closed when the server closes before, TimeoutError when it does not hold."""
        give_up = time.monotonic() + seconds
        while not condition():
            left = give_up - time.monotonic()
            if left <= 0:
                raise TimeoutError("it does not come")
            self.socket.settimeout(left)
            self._fill()
        self.socket.settimeout(self.timeout)

    def response(self, stream, seconds=10):
        """The response on a stream, when it is complete or has been reset."""

        def is_complete():
            response = self.responses.get(stream)
            return response is not None and (response.ended or response.reset is not None)

        self.wait(is_complete, seconds)
        return self.responses[stream]

    def wait_for_end(self, seconds=10):
        """Reads until the server closes the connection; returns what its GOAWAY said, or None."""
        with contextlib.suppress(Closed):
            self.wait(lambda: False, seconds)
        return self.goaway

    def ping(self):
        """Waits until the server has come through all that was sent before."""
        pongs = self.pongs
        self.send(frame(PING, payload=b"12345678"))
        self.wait(lambda: self.pongs > pongs)
