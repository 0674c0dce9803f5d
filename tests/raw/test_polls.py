"""Polls: when they return, and to whom tasks go."""

import time

import pytest
from driver import *

POLLS = ["PollWorkflowTaskQueue", "PollActivityTaskQueue"]


def poll(server, rpc, queue=None, **fields):
    return server.call(rpc, task_queue=dict(name=queue or unique("queue")), **fields)


@pytest.mark.parametrize("rpc", POLLS)
def test_an_empty_poll_returns_before_its_deadline(server, rpc):
    before = time.monotonic()
    assert not poll(server, rpc, timeout=3).task_token
    assert 1.5 <= time.monotonic() - before < 3


@pytest.mark.parametrize("rpc", POLLS)
def test_a_poll_without_a_deadline_is_refused(server, rpc):
    with refused(INVALID_ARGUMENT, "Context timeout is not set."):
        poll(server, rpc, timeout=None)


@pytest.mark.parametrize("rpc", POLLS)
def test_a_poll_with_a_short_deadline_is_refused(server, rpc):
    with refused(FAILED_PRECONDITION, "Context timeout is too short."):
        poll(server, rpc, timeout=1.5)


@pytest.mark.parametrize("rpc", POLLS)
def test_a_poll_without_a_queue_is_refused(server, rpc):
    with refused(INVALID_ARGUMENT, "taskQueue is not set"):
        server.call(rpc)
    with refused(INVALID_ARGUMENT, "missing task queue name"):
        server.call(rpc, task_queue=dict(name=""))


@pytest.mark.parametrize("rpc", POLLS)
def test_a_poll_with_a_long_queue_name_is_refused(server, rpc):
    with refused(INVALID_ARGUMENT, "taskQueue length exceeds limit"):
        poll(server, rpc, "x" * 1001)


@pytest.mark.parametrize("rpc", POLLS)
def test_a_poll_with_a_long_identity_is_refused(server, rpc):
    with refused(INVALID_ARGUMENT, "Identity length exceeds limit."):
        poll(server, rpc, identity="x" * 1001)


@pytest.mark.parametrize("rpc", POLLS)
def test_a_poll_in_an_unknown_namespace_is_refused(server, rpc):
    with refused(NOT_FOUND, "Namespace nope is not found.", NamespaceNotFoundFailure):
        poll(server, rpc, namespace="nope")


def test_a_waiting_poll_gets_a_task_at_once(server):
    queue = unique("queue")
    waiting = server.call_later("PollWorkflowTaskQueue", task_queue=dict(name=queue))
    run = server.start(task_queue=dict(name=queue))
    assert waiting.result().workflow_execution.run_id == run.run_id


def test_tasks_wait_for_their_polls(server):
    queue = dict(name=unique("queue"))
    runs = [server.start(task_queue=queue) for _ in range(5)]
    got = {runs[0].task().workflow_execution.run_id for _ in runs}
    assert got == {run.run_id for run in runs}


@pytest.mark.fermata_only  # the real server spreads a queue over partitions, which keep no order among each other
def test_the_oldest_task_goes_first(server):
    queue = dict(name=unique("queue"))
    runs = [server.start(task_queue=queue) for _ in range(20)]
    got = [runs[0].task().workflow_execution.run_id for _ in runs]
    assert got == [run.run_id for run in runs]


def test_a_poll_that_was_given_up_takes_no_task(server):
    queue = unique("queue")
    given_up = [server.call_later("PollWorkflowTaskQueue", task_queue=dict(name=queue)) for _ in range(5)]
    waiting = server.call_later("PollWorkflowTaskQueue", task_queue=dict(name=queue))
    for poll in given_up:
        poll.cancel()
    runs = {server.start(task_queue=dict(name=queue)).run_id for _ in range(3)}
    got = {waiting.result().workflow_execution.run_id}
    while got != runs:
        task = server.call("PollWorkflowTaskQueue", task_queue=dict(name=queue))
        assert task.task_token, "a task was lost to a poll that nobody waits for"
        got.add(task.workflow_execution.run_id)


def test_a_poll_whose_connection_went_away_takes_no_task(server):
    queue = unique("queue")
    with Server(server.address) as other:
        gone = [other.call_later("PollWorkflowTaskQueue", task_queue=dict(name=queue)) for _ in range(3)]
        other.call("GetSystemInfo")  # on the same connection, behind the polls
    assert all(poll.cancelled() or poll.exception() for poll in gone)
    run = server.start(task_queue=dict(name=queue))
    assert run.task().workflow_execution.run_id == run.run_id


def test_each_task_goes_to_one_of_several_polls(server):
    queue = unique("queue")
    polls = [server.call_later("PollWorkflowTaskQueue", task_queue=dict(name=queue)) for _ in range(10)]
    runs = {server.start(task_queue=dict(name=queue)).run_id for _ in range(10)}
    assert {poll.result().workflow_execution.run_id for poll in polls} == runs


def test_workflow_and_activity_queues_of_one_name_are_two(server):
    run = server.start()
    run.no_activity()
    run.task()


def test_shutdown_of_an_unknown_worker_is_accepted(server):
    server.call("ShutdownWorker", sticky_task_queue=unique("sticky"), identity="w", reason="done")
