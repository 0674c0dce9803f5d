"""Which version's workers get a task: by ramp, after a change of routing, on queues that a version does not serve."""

import time

import pytest
from driver import *
from test_versioned_queues import (
    assert_equal,
    eventually,
    options,
    register,
    routing,
    set_current,
    set_ramping,
    waiting,
)

AUTO_UPGRADE, PINNED = "VERSIONING_BEHAVIOR_AUTO_UPGRADE", "VERSIONING_BEHAVIOR_PINNED"


@pytest.fixture(name="d")
def a_deployment():
    return unique("d")


def route(server, queue, deployment, current, ramping=None, percentage=0, **fields):
    """Sets where the queue sends work, and returns when it knows."""
    set_current(server, deployment, current)
    if ramping is not None:
        set_ramping(server, deployment, ramping, percentage)
    names = [f"{deployment}.{build}" if build else "__unversioned__" for build in (current, ramping) if build is not None]
    expected = (names[0], *(names[1:] or [""]), percentage)
    eventually(lambda: assert_equal(routing(server, queue, **fields), expected))


def worker(deployment, build):
    """What a poll of that version's worker says."""
    return dict(identity=f"{deployment}:{build}", deployment_options=options(deployment, build))


def completion(deployment, build, behavior):
    return dict(deployment_options=options(deployment, build), versioning_behavior=behavior)


def tasks_of(server, queue, count, **who):
    """The workflow ids of the next tasks."""
    polls = [
        server.call_later("PollWorkflowTaskQueue", task_queue=dict(name=queue), **{"identity": "w", **who})
        for _ in range(count)
    ]
    return {poll.result().workflow_execution.workflow_id for poll in polls}


def gets_nothing(server, queue, rpc="PollWorkflowTaskQueue", **who):
    poll = server.call(rpc, timeout=2.3, task_queue=dict(name=queue), **{"identity": "w", **who})
    assert not poll.task_token


# "ramp-wf-…" is ramped from this percentage on.
THRESHOLDS = {0: 94.79, 1: 18.28, 2: 14.97, 3: 0.48, 5: 40.21, 11: 33.77, 16: 95.59, 18: 40.45}


def test_a_ramp_takes_the_same_workflow_ids_everywhere(server, d):
    queue = unique("queue")
    register(server, queue, d, "1", "2")
    route(server, queue, d, "1", "2", 40.25)
    for number in THRESHOLDS:
        server.start(workflow_id=f"ramp-wf-{number}", task_queue=dict(name=queue))
    ramped = {f"ramp-wf-{number}" for number, threshold in THRESHOLDS.items() if threshold <= 40.25}
    assert tasks_of(server, queue, len(ramped), **worker(d, "2")) == ramped
    others = {f"ramp-wf-{number}" for number in THRESHOLDS} - ramped
    assert tasks_of(server, queue, len(others), **worker(d, "1")) == others


def test_what_waits_goes_to_the_new_current_version(server, d):
    queue = unique("queue")
    register(server, queue, d, "1", "2")
    route(server, queue, d, "1")
    ids = {server.start(task_queue=dict(name=queue)).workflow_id for _ in range(4)}
    gets_nothing(server, queue, **worker(d, "2"))
    gets_nothing(server, queue)
    poll = server.call_later("PollWorkflowTaskQueue", task_queue=dict(name=queue), **worker(d, "2"))
    route(server, queue, d, "2")
    first = poll.result().workflow_execution.workflow_id  # it was waiting all the time
    assert {first} | tasks_of(server, queue, 3, **worker(d, "2")) == ids


def test_what_waits_goes_to_workers_without_a_version(server, d):
    queue = unique("queue")
    register(server, queue, d, "1")
    route(server, queue, d, "1")
    ids = {server.start(task_queue=dict(name=queue)).workflow_id for _ in range(2)}
    route(server, queue, d, "")
    assert tasks_of(server, queue, 2) == ids


def a_run_on(server, d, build, behavior, *commands, queue=None):
    """A run whose first workflow task was completed by a worker of that version."""
    run = server.start(task_queue=dict(name=queue or unique("queue")))
    run.task(**worker(d, build)).complete(*commands, **completion(d, build, behavior))
    return run


@pytest.mark.parametrize("behavior, goes_to", [(AUTO_UPGRADE, "2"), (PINNED, "1")])
def test_a_query_goes_where_a_workflow_task_would(server, d, behavior, goes_to):
    queue = unique("queue")
    register(server, queue, d, "1", "2")
    route(server, queue, d, "1")
    run = a_run_on(server, d, "1", behavior, complete_workflow(), queue=queue)
    route(server, queue, d, "2")
    answer = run.query_later()
    task = run.task(**worker(d, goes_to))
    assert task.query.query_type == "state"
    task.answer_query(goes_to)
    assert value_of(answer.result().query_result) == goes_to


def test_a_query_that_waits_moves_too(server, d):
    queue = unique("queue")
    register(server, queue, d, "1", "2")
    route(server, queue, d, "1")
    run = a_run_on(server, d, "1", AUTO_UPGRADE, complete_workflow(), queue=queue)
    # A worker that was seen lately, but does not come now.
    gets_nothing(server, queue, **worker(d, "1"))
    answer = run.query_later()
    time.sleep(0.3)
    route(server, queue, d, "2")
    task = run.task(**worker(d, "2"))
    task.answer_query("moved")
    assert value_of(answer.result().query_result) == "moved"


@pytest.mark.fermata_only  # there it waits for its time-out at the sticky queue
def test_a_waiting_task_leaves_the_sticky_queue_of_another_version(server, d):
    queue, sticky = unique("queue"), unique("sticky")
    register(server, queue, d, "1", "2")
    route(server, queue, d, "1")
    run = server.start(task_queue=dict(name=queue))
    at_sticky = dict(name=sticky, kind="TASK_QUEUE_KIND_STICKY", normal_name=queue)
    with polling(server.call_later("PollWorkflowTaskQueue", task_queue=at_sticky, **worker(d, "1"))) as poll:
        run.task(**worker(d, "1")).complete(
            sticky_attributes=dict(worker_task_queue=at_sticky, schedule_to_start_timeout=seconds(30)),
            **completion(d, "1", AUTO_UPGRADE),
        )
        run.signal()
        first = Task(run, poll.result())
        assert first.started_event_id
    # The worker has no more polls there: the next task waits for it.
    first.complete(
        sticky_attributes=dict(worker_task_queue=at_sticky, schedule_to_start_timeout=seconds(30)),
        **completion(d, "1", AUTO_UPGRADE),
    )
    run.signal()
    route(server, queue, d, "2")
    assert run.task(**worker(d, "2")).response.history.events[0].event_id == 1


def test_an_activity_of_a_pinned_workflow_on_a_queue_that_its_version_does_not_serve(server, d):
    queue, other = unique("queue"), unique("other")
    register(server, queue, d, "1")
    route(server, queue, d, "1")
    commands = [schedule_activity(name, other) for name in ("a", "b")]
    run = a_run_on(server, d, "1", PINNED, *commands, queue=queue)
    stray = run.activity(task_queue=dict(name=other))  # a worker without a version
    # As soon as its version serves the queue, the other one is for that version.
    with waiting(server, other, d, "1", "PollActivityTaskQueue") as poll:
        assert {stray.activity_id, poll.result().activity_id} == {"a", "b"}


def test_an_activity_of_an_upgrading_workflow_waits_for_the_new_version(server, d):
    queue = unique("queue")
    register(server, queue, d, "1", "2")
    register(server, queue, d, "1", "2", rpc="PollActivityTaskQueue")
    route(server, queue, d, "1")
    run = a_run_on(server, d, "1", AUTO_UPGRADE, schedule_activity("a", queue), queue=queue)
    route(server, queue, d, "2", task_queue_type="TASK_QUEUE_TYPE_ACTIVITY")
    gets_nothing(server, queue, "PollActivityTaskQueue", **worker(d, "1"))
    gets_nothing(server, queue, "PollActivityTaskQueue", **worker(d, "2"))  # the workflow has to move first
    run.task(**worker(d, "2")).complete(**completion(d, "2", AUTO_UPGRADE))
    assert run.activity(**worker(d, "2")).activity_id == "a"
