"""Clients that misbehave on the HTTP ports: each is told so or closed, and others are served all the while."""

import json
import os
import re
import socket
import time

import pytest
from sites import serve

NS = "/api/v1/namespaces/default"
START = {"workflowType": {"name": "T"}, "taskQueue": {"name": "q"}}


def get(path="/api/v1/system-info", extra=b""):
    return b"GET " + path.encode() + b" HTTP/1.1\r\nHost: h\r\n" + extra + b"\r\n"


def post(path, body, extra=b""):
    head = b"POST " + path.encode() + b" HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n" % len(body)
    return head + extra + b"\r\n" + body


def statuses(said):
    """The statuses of all answers in what a server has said."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", said)]


CLOSE = b"Connection: close\r\n"


@pytest.fixture(autouse=True)
def still_serves(server):
    yield
    assert server.api.call("GET", "/api/v1/system-info").status == 200
    assert server.ui.call("GET", "/healthz").status == 200


@pytest.mark.parametrize(
    "text, wanted",
    [
        (b"GET /\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (get(extra=b"A : b\r\n"), 400),
        (get(extra=b"Content-Length: 1\r\nContent-Length: 2\r\n"), 400),
        (get(extra=b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400),
        (get(extra=b"Transfer-Encoding: gzip\r\n"), 501),
        (get(extra=b"Expect: the unexpected\r\n"), 417),
        (get(extra=b"A: b\r\n" * 200), 431),
        (get(extra=b"A: " + b"b" * 100_000 + b"\r\n"), 431),
        (b"GET /" + b"a" * 100_000, 431),
        (get(extra=b"Transfer-Encoding: chunked\r\n") + b"xyz\r\n", 400),
        (get(extra=b"Content-Length: 4194305\r\n"), 400),
        (get(extra=b"Transfer-Encoding: chunked\r\n") + b"400001\r\n", 400),
    ],
)
def test_what_is_no_request_ends_its_connection(server, text, wanted):
    for site in (server.api, server.ui):
        assert statuses(site.say(text)) == [wanted]


def test_pipelined_requests_are_answered_in_their_order(api):
    paths = [f"{NS}/workflows/{i}" for i in range(50)]
    said = api.say(b"".join(map(get, paths)) + get(extra=CLOSE))
    assert statuses(said) == [404] * 50 + [200]
    ids = [json.loads(part.split(b"}]}")[0] + b"}]}")["message"] for part in said.split(b"\r\n\r\n")[1:-1]]
    assert ids == [f"workflow not found for ID: {i}" for i in range(50)]


def test_more_may_be_pipelined_than_is_read_ahead(api):
    count = 3000
    assert statuses(api.say(get() * count + get(extra=CLOSE))) == [200] * (count + 1)


def test_a_request_in_single_bytes(api):
    with api.connect() as wire:
        for byte in get(extra=CLOSE):
            wire.sendall(bytes([byte]))
        said = b"".join(iter(lambda: wire.recv(65536), b""))
    assert statuses(said) == [200]


def test_bodies_in_chunks(api):
    body = json.dumps(START).encode()
    chunks = b"".join(b"%x;a=b\r\n%s\r\n" % (1, body[i : i + 1]) for i in range(len(body))) + b"0\r\nT: x\r\n\r\n"
    head = f"POST {NS}/workflows/chunked HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    assert statuses(api.say(head + chunks + get(extra=CLOSE))) == [200, 200]


def test_a_body_that_waits_for_permission(api):
    body = json.dumps(START).encode()
    with api.connect() as wire:
        wire.sendall(post(f"{NS}/workflows/expected", b"", b"")[:-2].replace(b": 0", b": %d" % len(body)))
        wire.sendall(b"Expect: 100-continue\r\n" + CLOSE + b"\r\n")
        assert wire.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(body)
        said = b"".join(iter(lambda: wire.recv(65536), b""))
    assert statuses(said) == [200]


@pytest.mark.parametrize(
    "body, words",
    [
        (b"[" * 3_000_000, "exceeded max depth"),
        (b'{"memo":' * 100_000, "exceeded max depth"),
        (b'{"identity":"\xff"}', "invalid UTF-8"),
        (b'{"identity":"\\ud800"}', "surrogate"),
        (b'{"identity":"a\\u0000b"}', "invalid value for string type"),
        (b'{"identity":"' + b"a" * 4_000_000, "unexpected EOF"),
        (b"{" + b'"identity":"a",' * 200_000 + b'"x":1}', "duplicate field"),
        (b'{"memo":{"fields":{' + b",".join(b'"%d":{}' % i for i in range(150_000)) + b',"1":{}}}}', "duplicate map key"),
        (b"1" * 4_000_000, "unexpected token 1"),
        (b"\x00" * 1000, "invalid character"),
    ],
    ids=["arrays", "objects", "UTF-8", "half a pair", "NUL", "no end", "duplicates", "a large map", "a number", "zeros"],
)
def test_json_that_is_none_or_too_much(api, body, words):
    answer = api.call("POST", f"{NS}/workflows/hostile", body)
    assert answer.status == 400 and words in answer.json()["message"]


def test_a_text_of_many_values_takes_little_memory(server):
    before = server.resident_kilobytes()
    body = b'{"input":[' + b"{}," * 1_300_000 + b"{}]}"
    server.api.call("POST", f"{NS}/workflows/many", body)
    server.api.call("POST", f"{NS}/workflows/many", b'{"memo":' + b"[" + b"{}," * 1_300_000 + b"{}]}")
    if "debug" not in os.environ["FERMATA_EXE"]:  # sanitizers have memory of their own
        assert server.resident_kilobytes() - before < 400_000


@pytest.mark.parametrize("path", ["%ff", "%00", "%", "%zz", "a%2", "a%2Fb"])
def test_odd_ids(server, path):
    assert server.api.call("GET", f"{NS}/workflows/{path}").status in (400, 404)
    assert server.ui.call("GET", f"{NS}/workflows/{path}").status in (400, 404)


def test_too_many_parameters(api):
    assert api.call("GET", f"{NS}/workflows?" + "a=b&" * 5000).json()["message"] == "too many query parameters"


def test_clients_that_go_while_their_call_waits(server):
    server.api.call("POST", f"{NS}/workflows/waits", START)
    path = f"{NS}/workflows/waits/history?waitNewEvent=true&historyEventFilterType=2"
    wires = [server.api.connect() for _ in range(50)]
    for wire in wires:
        wire.sendall(get(path))
    time.sleep(0.2)
    for i, wire in enumerate(wires):
        if i % 2:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        wire.close()


def test_a_call_that_waits_is_answered(server):
    server.api.call("POST", f"{NS}/workflows/answered", START)
    path = f"{NS}/workflows/answered/history?waitNewEvent=true&historyEventFilterType=2"
    with server.api.connect() as wire:
        wire.sendall(get(path, CLOSE))
        server.api.call("POST", f"{NS}/workflows/answered/terminate", {})
        said = b"".join(iter(lambda: wire.recv(65536), b""))
    assert statuses(said) == [200] and b"EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED" in said


def test_a_deadline_ends_a_call(server):
    server.api.call("POST", f"{NS}/workflows/late", START)
    path = f"{NS}/workflows/late/history?waitNewEvent=true&historyEventFilterType=2"
    answer = server.api.call("GET", path, headers={"Grpc-Timeout": "2100m"})
    assert answer.status in (200, 504)


def test_an_answer_that_nobody_reads(server):
    for _ in range(20):
        server.api.call("POST", f"{NS}/workflows/big-{_}", {**START, "input": ["x" * 100_000]})
    wires = [server.api.connect() for _ in range(20)]
    for wire in wires:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.sendall(b"".join(get(f"{NS}/workflows/big-{i}/history") for i in range(20)))
    assert server.api.call("GET", "/api/v1/system-info").status == 200
    for wire in wires:
        wire.close()


def test_idle_connections_make_room(server):
    wires = [server.api.connect() for _ in range(1050)]
    try:
        assert server.api.call("GET", "/api/v1/system-info").status == 200
    finally:
        for wire in wires:
            wire.close()


def test_sigterm_answers_what_waits(fermata_exe):
    with serve(fermata_exe, ui=True) as server:
        server.api.call("POST", f"{NS}/workflows/waits", START)
        path = f"{NS}/workflows/waits/history?waitNewEvent=true&historyEventFilterType=2"
        idle = server.ui.connect()
        with server.api.connect() as wire:
            wire.sendall(get(path))
            time.sleep(0.2)
            server.process.terminate()
            said = b"".join(iter(lambda: wire.recv(65536), b""))
        assert server.process.wait(10) == 0
        idle.close()
    assert statuses(said) == [503]
