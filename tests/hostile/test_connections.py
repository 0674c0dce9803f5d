"""Connections that misbehave: they are told so and closed, or they get on nobody's nerves but their own. Others are served
all the while."""

import os
import random
import socket
import struct
import time

import pytest
from launch import launch
from wire import *

MEBIBYTE = 1 << 20
POLL = WORKFLOW_SERVICE + "PollWorkflowTaskQueue"
POLL_REQUEST = message(field(1, b"default") + field(2, field(1, b"nobody-has-work-here")) + field(3, b"hostile"))


def ends_calmly(wire, victim):
    """The server has said why, and closed."""
    error, _ = wire.wait_for_end() or (None, None)
    victim.still_serves()
    return error


# --- what is no HTTP/2 ---


@pytest.mark.parametrize(
    "bytes_",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),  # how TLS begins
        PREFACE[:10] + b"garbage" * 100,
        bytes(1000),
        PREFACE + b"\xff" * 1000,
        PREFACE + frame(DATA, 0, 1, b"before any settings"),
    ],
    ids=["HTTP/1.1", "TLS", "half a preface", "zeros", "a preface and noise", "a preface and data"],
)
def test_garbage_is_closed(victim, bytes_):
    with victim.connect(preface=False) as wire:
        wire.send(bytes_)
        wire.wait_for_end()


def test_half_a_preface_waits_without_harm(victim):
    silent = [victim.connect(preface=False) for _ in range(20)]
    for i, wire in enumerate(silent):
        wire.send(PREFACE[:i])
    victim.still_serves()
    for wire in silent:
        wire.close()


def test_noise(victim):
    """Random bytes behind a good preface; the seed is in the test's output when it fails."""
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print("SEED", seed)
    noise = random.Random(seed)
    for _ in range(60):
        with victim.connect(timeout=5) as wire:
            for _ in range(20):
                kind, flags, stream = noise.randrange(12), noise.randrange(256), noise.choice([0, 1, 1, 3, 2**31 - 1])
                payload = noise.randbytes(noise.choice([0, 4, 5, 6, 8, 100]))
                if not wire.flood(frame(kind, flags, stream, payload), seconds=1):
                    break
    victim.still_serves()


# --- protocol errors ---


@pytest.mark.parametrize(
    "frames, error",
    [
        (frame(DATA, 0, 0, b"x"), PROTOCOL_ERROR),
        (frame(HEADERS, END_HEADERS, 2, b""), PROTOCOL_ERROR),
        (frame(PUSH_PROMISE, END_HEADERS, 1, bytes(8)), PROTOCOL_ERROR),
        (frame(CONTINUATION, END_HEADERS, 1, b""), PROTOCOL_ERROR),
        (frame(HEADERS, END_HEADERS, 1, b"\xff" * 50), COMPRESSION_ERROR),
        (frame(PING, payload=b"short"), FRAME_SIZE_ERROR),
        (frame(SETTINGS, payload=b"odd"), FRAME_SIZE_ERROR),
        (frame(DATA, 0, 1, bytes(20000)), FRAME_SIZE_ERROR),
        (frame(WINDOW_UPDATE, payload=struct.pack(">I", 0x7FFFFFFF)), FLOW_CONTROL_ERROR),
        (frame(SETTINGS, payload=struct.pack(">HI", INITIAL_WINDOW_SIZE, 0xFFFFFFFF)), FLOW_CONTROL_ERROR),
    ],
    ids=["data on 0", "even stream", "push", "lone continuation", "no HPACK", "short ping", "odd settings", "huge frame",
         "huge window", "huge initial window"],
)
def test_protocol_errors_are_named(victim, frames, error):
    with victim.connect() as wire:
        wire.system_info()
        wire.send(frames)
        assert ends_calmly(wire, victim) == error


def test_connection_headers_reset_the_stream(victim):
    with victim.connect() as wire:
        stream = wire.stream()
        wire.send(wire.headers_frame(stream, call_headers(extra=[("connection", "close")]), END_HEADERS | END_STREAM))
        assert wire.response(stream).reset == PROTOCOL_ERROR
        wire.system_info()


# --- floods ---


def flood_of(name):
    return {
        "pings": frame(PING, payload=bytes(8)) * 200_000,
        "settings": frame(SETTINGS, payload=struct.pack(">HI", INITIAL_WINDOW_SIZE, 1 << 20)) * 100_000,
        "empty data": frame(HEADERS, END_HEADERS, 1, hpack.Encoder().encode(call_headers())) + frame(DATA, 0, 1) * 100_000,
        "priorities": frame(PRIORITY, 0, 1, bytes([0, 0, 0, 3, 15])) * 100_000,
        "unknown frames": frame(0x42, 0, 1, b"?") * 100_000,
        "continuations": frame(HEADERS, 0, 1, b"") + frame(CONTINUATION, 0, 1, b"") * 100_000,
        "resets": b"".join(
            frame(HEADERS, END_HEADERS, 2 * i + 1, b"\x83\x86\x04\x01/")
            + frame(RST_STREAM, 0, 2 * i + 1, struct.pack(">I", CANCEL))
            for i in range(100_000)
        ),
    }[name]


@pytest.mark.parametrize(
    "name", ["pings", "settings", "empty data", "continuations", "resets"]
)
def test_floods_are_dammed(victim, name):
    with victim.connect() as wire:
        wire.wait(lambda: wire.settled)
        wire.flood(flood_of(name), seconds=30)
        assert ends_calmly(wire, victim) in (ENHANCE_YOUR_CALM, INTERNAL_ERROR)


@pytest.mark.parametrize("name", ["priorities", "unknown frames"])
def test_what_is_skipped_does_no_harm(victim, name):
    with victim.connect() as wire:
        wire.wait(lambda: wire.settled)
        wire.flood(flood_of(name), seconds=30)
        victim.still_serves()
        wire.system_info()


def test_too_many_pings_are_told_so(victim):
    """gRPC clients know this text and ping less after it."""
    with victim.connect() as wire:
        wire.wait(lambda: wire.settled)
        wire.send(frame(PING, payload=bytes(8)) * 1000)
        assert wire.wait_for_end() == (ENHANCE_YOUR_CALM, "too_many_pings")


def test_pings_between_answers_are_not_held_against_anybody(victim):
    """grpc-go measures bandwidth with a ping for nearly every answer that it reads."""
    with victim.connect() as wire:
        for _ in range(20):
            wire.send(frame(PING, payload=bytes(8)) * 100)
            wire.system_info()
        assert wire.goaway is None


def test_a_polite_number_of_pings_and_resets_passes(victim):
    with victim.connect() as wire:
        for _ in range(100):
            wire.ping()
        for _ in range(1000):
            stream = wire.request(POLL_REQUEST, path=POLL, extra=[("grpc-timeout", "30S")])
            wire.send(frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))
        wire.system_info()
        assert wire.goaway is None


def test_headers_without_end(victim):
    """Header blocks that nobody finishes: nine frames are the limit."""
    with victim.connect() as wire:
        block = wire.encoder.encode(call_headers())
        more = hpack.Encoder().encode([("x", "y" * 16000)], huffman=False)
        out = frame(HEADERS, 0, 1, block) + frame(CONTINUATION, 0, 1, more) * 500
        wire.flood(out, seconds=20)
        assert ends_calmly(wire, victim) == ENHANCE_YOUR_CALM


def test_a_header_table_bomb(victim):
    """One large header, referenced thousands of times: little on the wire, a lot when decoded."""
    with victim.connect() as wire:
        for round_ in range(20):
            stream = wire.stream()
            entry = b"\x40\x01a" + b"\x7f\x81\x1e" + b"b" * 4000 if round_ == 0 else b""
            block = hpack.Encoder().encode(call_headers()) if round_ == 0 else b"\x83\x86\x84"
            wire.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, block + entry + b"\xbe" * 8000))
            response = wire.response(stream)
            assert response.reset is not None or response.headers[":status"] in ("431", "415")
        assert victim.resident_kilobytes() < 400_000


# --- clients that take and do not give back ---


def test_a_client_that_never_reads(victim):
    """Its calls are answered until its socket is full, then it waits; memory does not grow with what it asks."""
    with victim.connect(receive_buffer=4096) as wire:
        stream_bytes = b"".join(
            wire.headers_frame(wire.stream(), call_headers(path="/grpc.health.v1.Health/List"))
            + frame(DATA, END_STREAM, wire.next_stream - 2, message())
            for _ in range(60_000)
        )
        before = victim.resident_kilobytes()
        wire.socket.settimeout(0.5)
        view, give_up = memoryview(stream_bytes), time.monotonic() + 20
        while view and time.monotonic() < give_up:
            try:
                view = view[wire.socket.send(view[: 1 << 16]) :]
            except TimeoutError:
                break
            except OSError:
                break
        victim.still_serves()
        assert victim.resident_kilobytes() - before < 400_000


def test_a_window_that_stays_shut(victim):
    """Answers wait for a window that never comes; with too many of them new calls are refused. Then it opens after all."""
    with victim.connect(settings=struct.pack(">HI", INITIAL_WINDOW_SIZE, 0)) as wire:
        streams = [wire.request(message()) for _ in range(2000)]
        wire.ping()
        victim.still_serves()
        assert not any(wire.responses.get(stream) and wire.responses[stream].body for stream in streams)
        wire.send(frame(SETTINGS, payload=struct.pack(">HI", INITIAL_WINDOW_SIZE, 65535)))
        assert [r for s in streams if (r := wire.response(s)).status != 0] == []


def test_messages_that_are_never_finished(victim):
    """Many calls, each with nearly 4 MiB of a message: they are refused before the memory is gone."""
    with victim.connect(timeout=30) as wire:
        wire.wait(lambda: wire.settled)
        almost = message(bytes(4 * MEBIBYTE - 16384), length=4 * MEBIBYTE)
        statuses = []
        for _ in range(60):
            stream = wire.stream()
            out = wire.headers_frame(stream, call_headers())
            out += b"".join(frame(DATA, 0, stream, almost[i : i + 16384]) for i in range(0, len(almost), 16384))
            wire.flood(out, seconds=30)  # without regard to windows, which are given back as fast
            wire.ping()
            statuses.append(wire.responses[stream].status if stream in wire.responses else None)
            if wire.goaway:
                break
        assert 8 in statuses, statuses
        assert victim.resident_kilobytes() < 700_000
        victim.still_serves()


def test_more_streams_than_allowed(victim):
    """Ten thousand are; who goes beyond what our settings say breaks the protocol."""
    with victim.connect(timeout=30) as wire:
        wire.wait(lambda: wire.settled)
        wire.flood(b"".join(wire.headers_frame(wire.stream(), call_headers()) for _ in range(10_000)), seconds=20)
        wire.ping()
        assert wire.goaway is None and not wire.responses
        victim.still_serves()
        wire.send(wire.headers_frame(wire.stream(), call_headers()))
        assert ends_calmly(wire, victim) == PROTOCOL_ERROR


def test_a_thousand_idle_connections(victim):
    idle = [victim.connect() for _ in range(1000)]
    for wire in idle[::100]:
        wire.system_info()
    victim.still_serves()
    for wire in idle[1::2]:
        wire.close()
    victim.still_serves()
    for wire in idle[::100]:
        wire.system_info()
    for wire in idle:
        wire.close()


def test_more_connections_than_descriptors(fermata_exe, tmp_path):
    """Who is connected is served; who is not waits until somebody leaves."""
    few = tmp_path / "few"
    few.write_text(f'#!/bin/sh\nulimit -n 48\nexec "{fermata_exe}" "$@"\n')
    few.chmod(0o755)
    with launch(str(few)) as launched:
        with Wire(launched.port) as first:
            first.system_info()
            others = [Wire(launched.port) for _ in range(100)]
            first.system_info()
            with pytest.raises(TimeoutError):
                others[-1].wait(lambda: others[-1].settled, seconds=0.5)
            for other in others[:-1]:
                other.close()
            others[-1].system_info()
            others[-1].close()
            assert launched.output().count("no more connections can be accepted") <= 2
        launched.process.terminate()
        assert launched.process.wait(10) == 0, launched.output()


def test_connections_that_come_and_go(victim):
    for i in range(500):
        with victim.connect(preface=i % 3 != 0) as wire:
            if i % 5 == 0:
                wire.request(POLL_REQUEST, path=POLL, extra=[("grpc-timeout", "30S")])
            if i % 7 == 0:  # a reset instead of an end
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    victim.still_serves()


def test_polls_go_with_their_connection(victim):
    """A thousand polls on one connection, cut: the server stops as if they had never been."""
    with victim.connect() as wire:
        for _ in range(1000):
            wire.request(POLL_REQUEST, path=POLL, extra=[("grpc-timeout", "60S")])
        wire.ping()
    victim.still_serves()
    assert victim.stop() < 5


def test_a_task_that_could_not_be_delivered_goes_to_the_next_poll(victim):
    """Its poll's window is shut, then its connection goes: the task is nobody's fault and loses no attempt."""
    queue = field(1, b"left-behind")
    poll = message(field(1, b"default") + field(2, queue) + field(3, b"worker"))
    start = field(1, b"default") + field(2, b"a-workflow") + field(3, field(1, b"Type")) + field(4, queue)
    with victim.connect(settings=struct.pack(">HI", INITIAL_WINDOW_SIZE, 0)) as shut, victim.connect() as wire:
        asked = shut.request(poll, path=POLL, extra=[("grpc-timeout", "30S")])
        shut.ping()
        started = wire.call(message(start + field(10, b"request-id")), path=WORKFLOW_SERVICE + "StartWorkflowExecution")
        assert started.status == 0, started
        shut.wait(lambda: asked in shut.responses)  # headers, but no data
        assert shut.responses[asked].body == b""
        shut.close()
        task = wire.call(poll, path=POLL, extra=[("grpc-timeout", "5S")])
        assert task.status == 0 and b"a-workflow" in task.body
