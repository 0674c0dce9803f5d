"""Completing, failing, cancelling and heartbeating an activity by its id, as another process than its worker does."""

import pytest
from driver import *

NOT_FOUND_TEXT = "invalid activityID or activity already timed out or invoking workflow is completed"
UNKNOWN_TEXT = "cannot find pending activity with ActivityID {}, check workflow execution history for more details"
RPCS = [
    "RespondActivityTaskCompletedById",
    "RespondActivityTaskFailedById",
    "RespondActivityTaskCanceledById",
    "RecordActivityTaskHeartbeatById",
]


def scheduled(server, **attributes):
    run = server.start()
    run.task().complete(run.schedule_activity("a", **attributes))
    return run


def by_id(run, rpc, **fields):
    fields = dict(dict(workflow_id=run.workflow_id, run_id=run.run_id, activity_id="a", identity="caller"), **fields)
    return run.server.call(rpc, **fields)


def complete(run, *result, **fields):
    return by_id(run, RPCS[0], result=payloads(*result) if result else None, **fields)


def fail(run, failure=None, **fields):
    return by_id(run, RPCS[1], failure=failure, **fields)


def cancel(run, *details, **fields):
    return by_id(run, RPCS[2], details=payloads(*details) if details else None, **fields)


def heartbeat(run, *details, **fields):
    return by_id(run, RPCS[3], details=payloads(*details) if details else None, **fields)


# Which activity


@pytest.mark.parametrize("rpc", RPCS)
def test_what_is_refused(server, rpc):
    run = scheduled(server)
    with refused(INVALID_ARGUMENT, "ActivityId is not set on request."):
        by_id(run, rpc, activity_id="")
    with refused(INVALID_ARGUMENT, "ActivityId is not set on request."):
        by_id(run, rpc, activity_id="", workflow_id="", identity="x" * 1001)
    if rpc != RPCS[3]:
        with refused(INVALID_ARGUMENT, "Identity length exceeds limit."):
            by_id(run, rpc, identity="x" * 1001)
    with refused(NOT_FOUND, UNKNOWN_TEXT.format("b"), NotFoundFailure):
        by_id(run, rpc, activity_id="b")
    with refused(NOT_FOUND, "workflow not found for ID: nowhere", NotFoundFailure):
        by_id(run, rpc, workflow_id="nowhere", run_id="")
    other = str(uuid.uuid4())
    text = f'workflow execution not found for workflow ID "{run.workflow_id}" and run ID "{other}"'
    with refused(NOT_FOUND, text, NotFoundFailure):
        by_id(run, rpc, run_id=other)
    with refused(NOT_FOUND, "activity not found for ID: zz", NotFoundFailure):
        by_id(run, rpc, workflow_id="", run_id="", activity_id="zz")
    with refused(INVALID_ARGUMENT, "RunId is not valid UUID."):
        by_id(run, rpc, run_id="nonsense")
    with refused(NOT_FOUND, "Namespace nope is not found.", NamespaceNotFoundFailure):
        by_id(run, rpc, namespace="nope", activity_id="")


@pytest.mark.parametrize("rpc", RPCS)
def test_a_closed_workflow_has_no_activities(server, rpc):
    run = scheduled(server)
    run.terminate()
    with refused(NOT_FOUND, "workflow execution already completed", NotFoundFailure):
        by_id(run, rpc)


@pytest.mark.parametrize("rpc", RPCS[1:])
def test_an_activity_that_nobody_has_started_can_only_be_completed(server, rpc):
    run = scheduled(server)
    with refused(NOT_FOUND, NOT_FOUND_TEXT, NotFoundFailure):
        by_id(run, rpc)


@pytest.mark.parametrize("rpc", RPCS)
def test_an_activity_whose_result_waits_for_a_workflow_task_is_over(server, rpc):
    run = scheduled(server)
    activity = run.activity()
    run.signal()
    task = run.task()
    activity.complete()
    with refused(NOT_FOUND, UNKNOWN_TEXT.format("a"), NotFoundFailure):
        by_id(run, rpc)
    task.complete()


def test_without_a_run_id_the_current_run_is_meant(server):
    run = scheduled(server)
    run.activity()
    complete(run, "done", run_id="")
    run.signal()
    run.task().complete(continue_as_new())
    with refused(NOT_FOUND, UNKNOWN_TEXT.format("a"), NotFoundFailure):
        complete(run, run_id="")


# What it does


def test_completing_a_started_activity(server):
    run = scheduled(server)
    run.activity()
    complete(run, "done")
    run.expect(
        """
        ...
        5 ActivityTaskScheduled activity_id=a
        6 ActivityTaskStarted identity=worker attempt=1
        7 ActivityTaskCompleted result='"done"' identity=caller scheduled_event_id=5 started_event_id=6
        8 WorkflowTaskScheduled
        """
    )


def test_completing_an_activity_before_a_worker_has_it(server):
    run = scheduled(server)
    complete(run, "early")
    run.expect(
        """
        ...
        5 ActivityTaskScheduled
        6 ActivityTaskStarted identity=caller attempt=1 request_id=-
        7 ActivityTaskCompleted result='"early"' identity=caller started_event_id=6
        8 WorkflowTaskScheduled
        """
    )
    run.no_activity()


def test_completing_an_activity_between_two_attempts(server):
    run = scheduled(server, retry_policy=dict(initial_interval=seconds(3600)))
    run.activity().fail()
    complete(run)
    run.expect(
        """
        ...
        5 ActivityTaskScheduled
        6 ActivityTaskStarted identity=caller attempt=2
        7 ActivityTaskCompleted identity=caller
        8 WorkflowTaskScheduled
        """
    )
    assert attributes_of(run.events()[5]).last_failure.message == "boom"


def test_failing_an_activity_by_id_schedules_its_next_attempt(server):
    run = scheduled(server, retry_policy=dict(initial_interval=seconds(0.01)))
    run.activity()
    fail(run, application_failure("first"), last_heartbeat_details=payloads("so far"))
    activity = run.activity()
    assert (activity.attempt, value_of(activity.heartbeat_details)) == (2, "so far")
    (pending,) = run.describe().pending_activities
    assert pending.last_failure.message == "first"
    fail(run)
    assert run.activity().attempt == 3
    fail(run, application_failure("last", non_retryable=True))
    run.expect(
        """
        ...
        6 ActivityTaskStarted attempt=3
        7 ActivityTaskFailed failure.message=last retry_state=NON_RETRYABLE_FAILURE identity=caller
        8 WorkflowTaskScheduled
        """
    )


def test_a_canceled_failure_by_id_is_not_tried_again(server):
    run = scheduled(server)
    run.activity()
    fail(run, failure_pb.Failure(message="c", canceled_failure_info=dict()))
    run.expect(
        """
        ...
        6 ActivityTaskStarted
        7 ActivityTaskFailed retry_state=NON_RETRYABLE_FAILURE
        8 WorkflowTaskScheduled
        """
    )


def test_cancelling_an_activity_by_id(server):
    run = scheduled(server)
    run.activity()
    with refused(
        INVALID_ARGUMENT, "unable to mark activity as canceled without activity being request canceled first"
    ):
        cancel(run)
    run.signal()
    run.task().complete(cancel_activity(5))
    assert heartbeat(run).cancel_requested
    cancel(run, "why")
    run.expect(
        """
        ...
        9 WorkflowTaskCompleted
        10 ActivityTaskCancelRequested
        11 ActivityTaskStarted identity=worker
        12 ActivityTaskCanceled details='"why"' identity=caller latest_cancel_requested_event_id=10
        13 WorkflowTaskScheduled
        """
    )


def test_a_heartbeat_by_id(server):
    run = scheduled(server, heartbeat_timeout=seconds(5))
    run.activity()
    response = heartbeat(run, "beat")
    assert not response.cancel_requested and not response.activity_paused and not response.activity_reset
    (pending,) = run.describe().pending_activities
    assert value_of(pending.heartbeat_details) == "beat" and pending.last_worker_identity == "worker"


# What is too large

LARGE = "x" * (2 << 20)


@pytest.mark.parametrize(
    "respond, text",
    [
        (complete, "Complete result exceeds size limit."),
        (cancel, "Cancel details exceed size limit."),
        (heartbeat, "Heartbeat details exceed size limit."),
    ],
)
def test_an_oversized_payload_fails_the_activity(server, respond, text):
    run = scheduled(server)
    run.activity()
    response = respond(run, LARGE)
    if respond is heartbeat:
        assert response.cancel_requested
    run.expect(
        f"""
        ...
        6 ActivityTaskStarted
        7 ActivityTaskFailed failure.message='{text}' retry_state=NON_RETRYABLE_FAILURE identity=caller
        8 WorkflowTaskScheduled
        """
    )


def test_an_oversized_failure_is_shortened(server):
    run = scheduled(server)
    run.activity()
    response = fail(run, application_failure(LARGE))
    assert [failure.message for failure in response.failures] == ["Failure exceeds size limit."]
