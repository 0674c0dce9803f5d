"""SIGTERM: whoever waits is told to go elsewhere, what has been answered arrives, and the process ends soon with code 0."""

import signal
import time

import pytest
from wire import *

POLL = WORKFLOW_SERVICE + "PollWorkflowTaskQueue"
POLL_REQUEST = message(field(1, b"default") + field(2, field(1, b"nobody-has-work-here")) + field(3, b"hostile"))
UNAVAILABLE = 14

# Sanitizers look for leaks at the end, which takes its time.
SOON = 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_every_stop_signal_ends_it_well(victim, number):
    victim.still_serves()
    victim.process.send_signal(number)
    assert victim.process.wait(SOON) == 0


def test_an_idle_server_with_an_idle_client_stops_at_once(victim):
    with victim.connect() as wire:
        wire.system_info()
        assert victim.stop() < SOON
        assert wire.wait_for_end() == (NO_ERROR, "")


def test_polls_are_told(victim):
    """Every parked poll gets an answer: empty, or UNAVAILABLE, on which clients try again elsewhere."""
    with victim.connect() as wire:
        streams = [wire.request(POLL_REQUEST, path=POLL, extra=[("grpc-timeout", "60S")]) for _ in range(200)]
        wire.ping()
        assert not any(stream in wire.responses for stream in streams), "polls wait"
        victim.process.send_signal(signal.SIGTERM)
        wire.wait_for_end()
        assert wire.goaway == (NO_ERROR, "")
        assert {wire.responses[stream].status for stream in streams} <= {0, UNAVAILABLE}
    assert victim.process.wait(SOON) == 0


def test_watchers_are_told(victim):
    with victim.connect() as wire:
        stream = wire.request(message(), path="/grpc.health.v1.Health/Watch")
        wire.wait(lambda: stream in wire.responses)
        victim.process.send_signal(signal.SIGTERM)
        wire.wait_for_end()
        assert wire.responses[stream].status == UNAVAILABLE
    assert victim.process.wait(SOON) == 0


def test_requests_under_way_are_told(victim):
    with victim.connect() as wire:
        stream = wire.request(b"\0\0", end=False)
        wire.ping()
        victim.process.send_signal(signal.SIGTERM)
        wire.wait_for_end()
        assert wire.responses[stream].status == UNAVAILABLE
    assert victim.process.wait(SOON) == 0


def test_a_client_that_does_not_read_cannot_hold_it(victim):
    with victim.connect(receive_buffer=4096) as wire:
        for _ in range(5000):
            wire.request(message(), path="/grpc.health.v1.Health/List")
        assert victim.stop() < SOON


def test_new_connections_are_refused_while_it_stops(victim):
    with victim.connect() as wire:
        wire.system_info()
        victim.process.send_signal(signal.SIGTERM)
        wire.wait_for_end()
        with pytest.raises((ConnectionRefusedError, ConnectionResetError, Closed)):
            victim.connect().system_info()
    assert victim.process.wait(SOON) == 0


def test_idle_costs_no_time(victim):
    """No ticks: an idle server with an idle client sleeps."""

    def ticks():
        with open(f"/proc/{victim.process.pid}/stat") as stat:
            return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))

    def switches():
        with open(f"/proc/{victim.process.pid}/status") as status:
            return sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)

    with victim.connect() as wire:
        wire.system_info()
        time.sleep(0.5)
        before = ticks(), switches()
        time.sleep(3)
        after = ticks(), switches()
    assert after[0] - before[0] <= 1 and after[1] - before[1] <= 10, (before, after)
