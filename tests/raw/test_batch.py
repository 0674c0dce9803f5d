"""Batch operations: what is refused, what they do to workflows, how they are described, listed and stopped."""

import os
import re
import time
import uuid

import grpc
import pytest
from driver import *  # noqa: F403

ORACLE = os.environ.get("ORACLE")
RUNNING, COMPLETED, FAILED = 1, 2, 3
ONEOF = "*workflowservice.StartBatchOperationRequest_"
PARAMETERS = (
    "must provide required parameters: BatchType,Reason,Namespace, AND one of (Query OR Executions OR TargetExecutions)"
)
NO_ACTIVITY = "Either activity type must be set, or match all should be set to true"


def start(server, job_id=None, **fields):
    """Starts a batch; returns its job id. The real server learns a little late that the one before has ended."""
    fields.setdefault("reason", "because")
    job_id = unique("job") if job_id is None else job_id
    give_up = time.monotonic() + (5 if ORACLE else 0)
    while True:
        try:
            server.call("StartBatchOperation", job_id=job_id, **fields)
            return job_id
        except grpc.RpcError as error:
            if error.code() != RESOURCE_EXHAUSTED or time.monotonic() > give_up:
                raise
            time.sleep(0.05)


def describe(server, job_id):
    return server.call("DescribeBatchOperation", job_id=job_id)


def finished(server, job_id):
    """The description of a batch that has ended."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        answer = describe(server, job_id)
        if answer.state != RUNNING:
            return answer
        time.sleep(0.02)
    pytest.fail(f"still running: {answer}")


def done(server, **fields):
    """Starts a batch, waits for its end; returns its (total, completed, failed)."""
    answer = finished(server, start(server, **fields))
    assert answer.state == COMPLETED, answer
    return answer.total_operation_count, answer.complete_operation_count, answer.failure_operation_count


def listed(server, query, count):
    """Waits until lists know so many: the real server's are a little late."""
    give_up = time.monotonic() + (10 if ORACLE else 0)
    while True:
        found = server.call("CountWorkflowExecutions", query=query).count
        if found == count or time.monotonic() > give_up:
            assert found == count
            return
        time.sleep(0.05)


def some(server, count, **fields):
    """So many workflows of a type of their own, and the query that selects them."""
    name = unique("type")
    runs = [server.start(workflow_type=dict(name=name), **fields) for _ in range(count)]
    query = f"WorkflowType = '{name}'"
    listed(server, query, count)
    return runs, query


def name_of(event):
    return event_type_pb2.EventType.Name(event.event_type)


def current(run):
    """The run that holds the workflow id now."""
    return run.other(run.describe(execution=dict(workflow_id=run.workflow_id)).workflow_execution_info.execution.run_id)


# ---------------------------------------------------------------------------------------------------------------------
# What is refused

START = dict(reason="because", job_id="job", visibility_query="WorkflowId = 'none'", termination_operation={})
WORKFLOWS = [
    ("termination_operation", "TerminationOperation"),
    ("cancellation_operation", "CancellationOperation"),
    ("signal_operation", "SignalOperation"),
    ("deletion_operation", "DeletionOperation"),
    ("reset_operation", "ResetOperation"),
    ("update_workflow_options_operation", "UpdateWorkflowOptionsOperation"),
    ("unpause_activities_operation", "UnpauseActivitiesOperation"),
    ("reset_activities_operation", "ResetActivitiesOperation"),
    ("update_activity_options_operation", "UpdateActivityOptionsOperation"),
]
ACTIVITIES = [
    ("terminate_activities_operation", "TerminateActivitiesOperation"),
    ("cancel_activities_operation", "CancelActivitiesOperation"),
    ("delete_activities_operation", "DeleteActivitiesOperation"),
]


def request(*without, operation=None, **fields):
    """The request of START without some fields, with others, or for another operation."""
    kept = {key: value for key, value in START.items() if key not in without}
    if operation is not None:
        del kept["termination_operation"]
        kept.update(operation)
    return dict(kept, **fields)


@pytest.mark.parametrize(
    "fields, text",
    [
        (dict(), PARAMETERS),
        (request("reason"), PARAMETERS),
        (request("visibility_query"), PARAMETERS),
        (request("termination_operation"), PARAMETERS),
        (request("reason", "job_id"), PARAMETERS),
        (request("job_id"), "JobId is not set on request."),
        (
            request(executions=[dict(workflow_id="x")]),
            "visibility query, executions, and target executions are mutually exclusive",
        ),
        (request("job_id", operation=dict(signal_operation={})), "JobId is not set on request."),
        (request(operation=dict(signal_operation={})), "must provide signal name"),
        (request(operation=dict(reset_operation={})), "unknown batch reset type Unspecified"),
        (request(operation=dict(reset_operation=dict(reset_type=7))), "unknown batch reset type 7"),
        (request(operation=dict(reset_operation=dict(reset_type=-1))), "unknown batch reset type -1"),
        (request(operation=dict(reset_operation=dict(options={}))), "batch reset missing target"),
        (request(operation=dict(update_workflow_options_operation={})), "must provide UpdateOptions"),
        (
            request(operation=dict(update_workflow_options_operation=dict(workflow_execution_options={}))),
            "must provide UpdateMask",
        ),
        (request(operation=dict(unpause_activities_operation={})), "activity filter must be set"),
        (request(operation=dict(unpause_activities_operation=dict(type=""))), NO_ACTIVITY),
        (request(operation=dict(unpause_activities_operation=dict(match_all=False))), NO_ACTIVITY),
        (request(operation=dict(reset_activities_operation={})), "must provide ActivityType or MatchAll"),
        (request(operation=dict(reset_activities_operation=dict(type=""))), NO_ACTIVITY),
        (request(operation=dict(reset_activities_operation=dict(match_all=False))), NO_ACTIVITY),
        (
            request(operation=dict(update_activity_options_operation={})),
            "Either activity type must be set, or restore original should be set to true",
        ),
        (
            request(
                operation=dict(update_activity_options_operation=dict(activity_options={}, restore_original=True))
            ),
            "cannot set both activity options and restore original",
        ),
        (
            request(operation=dict(update_activity_options_operation=dict(activity_options={}, type=""))),
            NO_ACTIVITY,
        ),
        (
            request(operation=dict(update_activity_options_operation=dict(activity_options={}, match_all=False))),
            NO_ACTIVITY,
        ),
        (request(job_id="j" * 1001), "WorkflowId exceeds length limit."),
        (request(namespace=""), "Namespace is empty."),
    ],
)
def test_a_bad_start_is_refused(server, fields, text):
    with refused(INVALID_ARGUMENT, text):
        server.call("StartBatchOperation", **fields)


@pytest.mark.parametrize("field, name", WORKFLOWS + ACTIVITIES)
def test_targets_are_of_the_operations_kind(server, field, name):
    wanted, other = ("Activity", 1) if (field, name) in ACTIVITIES else ("Workflow", 2)
    fields = request("visibility_query", operation={field: {}})
    given = {0: "Unspecified", 1: "Workflow", 2: "Activity", 3: "3", 9: "9"}
    for place, type in enumerate((other, 0, 3, 9)):
        targets = [dict(type=3 - other, business_id="x")] * place + [dict(type=type, business_id="x")]
        text = f"target_executions[{place}] has type {given[type]}, but operation {ONEOF}{name} requires {wanted}"
        with refused(INVALID_ARGUMENT, text):
            server.call("StartBatchOperation", target_executions=targets, **fields)


@pytest.mark.parametrize(
    "query, problem",
    [
        ("()", "29"),
        ("WorkflowId=", "38"),
        ("nope nope", "36 near 'nope'"),
        ("order by StartTime", "32 near 'order'"),
        ("'", "28"),
        ("   ", "30"),
    ],
)
def test_what_is_no_query_is_refused(server, query, problem):
    with refused(INVALID_ARGUMENT, f"invalid visibility query: syntax error at position {problem}"):
        start(server, visibility_query=query, termination_operation={})


@pytest.mark.parametrize("operation", ["termination_operation", "deletion_operation"])
@pytest.mark.parametrize(
    "query", ["abc", "nope = 1", "1 = 1", "WorkflowId = 'x' ORDER BY StartTime", "WorkflowId = 'x' LIMIT 3"]
)
def test_a_query_without_a_meaning_fails_the_batch(server, query, operation):
    answer = finished(server, start(server, visibility_query=query, **{operation: dict(identity="me")}))
    assert answer.state == FAILED
    assert answer.close_time.ToNanoseconds() >= answer.start_time.ToNanoseconds() > 0
    assert (answer.total_operation_count, answer.complete_operation_count, answer.failure_operation_count) == (0, 0, 0)
    assert (answer.query, answer.reason, answer.identity) == (query, "because", "me")


def test_groups_mean_nothing_to_lists_and_nothing_in_parentheses(server):
    query = "WorkflowId = 'x' GROUP BY ExecutionStatus"
    assert finished(server, start(server, visibility_query=query, termination_operation={})).state == FAILED
    assert done(server, visibility_query=query, deletion_operation={}) == (0, 0, 0)


@pytest.mark.fermata_only
@pytest.mark.parametrize(
    "operation",
    [
        dict(unpause_activities_operation=dict(match_all=True)),
        dict(reset_activities_operation=dict(match_all=True)),
        dict(update_activity_options_operation=dict(restore_original=True, match_all=True)),
        dict(terminate_activities_operation={}),
        dict(cancel_activities_operation={}),
        dict(delete_activities_operation={}),
    ],
)
def test_what_is_not_there_yet_says_so(server, operation):
    with refused(UNIMPLEMENTED, "batches of this operation are not supported yet"):
        server.call("StartBatchOperation", **request(operation=operation))


def test_unknown_namespaces(server):
    missing = NamespaceNotFoundFailure(namespace="nope")
    for rpc in ("StartBatchOperation", "DescribeBatchOperation", "StopBatchOperation", "ListBatchOperations"):
        with refused(NOT_FOUND, "Namespace nope is not found.", missing):
            server.call(rpc, namespace="nope", **(START if rpc.startswith("Start") else {}))
        with refused(INVALID_ARGUMENT, "Namespace is empty."):
            server.call(rpc, namespace="")


def test_unknown_jobs(server):
    for rpc, fields in (("DescribeBatchOperation", {}), ("StopBatchOperation", dict(reason="because"))):
        with refused(INVALID_ARGUMENT, "JobId is not set on request."):
            server.call(rpc)
        with refused(NOT_FOUND, "workflow not found for ID: nope", NotFoundFailure):
            server.call(rpc, job_id="nope", **fields)
    with refused(INVALID_ARGUMENT, "Reason is not set on request."):
        server.call("StopBatchOperation", job_id="nope")


# ---------------------------------------------------------------------------------------------------------------------
# What they do

OPERATIONS = {
    "terminate": dict(termination_operation=dict(identity="me", details=payloads("d"))),
    "cancel": dict(cancellation_operation=dict(identity="me")),
    "signal": dict(
        signal_operation=dict(
            identity="me", signal="sig", input=payloads(1), header=dict(fields=entries(dict(a="b")))
        )
    ),
    "delete": dict(deletion_operation=dict(identity="me")),
}
TYPES = dict(terminate=13, cancel=14, signal=15, delete=16)


def assert_dealt_with(run, operation, job_id):
    """The end of the run's history is the operation's, with all that it says of itself."""
    if operation == "delete":
        give_up = time.monotonic() + (10 if ORACLE else 0)  # which deletes in the background
        with refused(NOT_FOUND, None, NotFoundFailure):
            while run.events() and time.monotonic() < give_up:
                time.sleep(0.05)
        return
    event = run.events()[-1]
    if operation == "terminate":
        attributes = event.workflow_execution_terminated_event_attributes
        assert (event.event_id, attributes.reason) == (3, "because")
        assert not attributes.HasField("details")
        assert re.fullmatch(r"\d+@[^@]+@", attributes.identity)
    elif operation == "cancel":
        attributes = event.workflow_execution_cancel_requested_event_attributes
        assert event.event_id == 3 and re.fullmatch(r"\d+@[^@]+@", attributes.identity)
        assert (attributes.cause, attributes.external_initiated_event_id) == ("", 0)
    else:
        attributes = event.workflow_execution_signaled_event_attributes
        assert (event.event_id, attributes.signal_name, attributes.identity) == (3, "sig", "me")
        assert attributes.input == payloads(1) and not attributes.HasField("header")
        return attributes.request_id
    assert not event.links


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_batch_by_query(server, operation):
    runs, query = some(server, 3)
    runs[2].terminate()
    listed(server, f"{query} AND ExecutionStatus = 'Running'", 2)
    job_id = start(server, visibility_query=query, **OPERATIONS[operation])
    answer = finished(server, job_id)

    assert answer.state == COMPLETED
    count = 3 if operation == "delete" else 2  # the others leave closed ones alone
    assert (answer.total_operation_count, answer.complete_operation_count) == (count, count)
    assert answer.failure_operation_count == 0
    assert (answer.operation_type, answer.job_id) == (TYPES[operation], job_id)
    assert (answer.identity, answer.reason, answer.query) == ("me", "because", query)
    assert not answer.executions
    assert 0 < answer.start_time.ToNanoseconds() <= answer.close_time.ToNanoseconds()
    for run in runs[: 2 if ORACLE else count]:  # the real server takes its time to delete what had been closed
        request_id = assert_dealt_with(run, operation, job_id)
        if operation == "signal":
            name = f"{job_id}:signal:{run.workflow_id}:{run.run_id}:sig"
            assert request_id == str(uuid.uuid5(uuid.UUID(int=0), name))
    if operation != "delete":
        assert runs[2].events()[-1].event_id == 3


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_batch_by_list(server, operation):
    runs = [server.start() for _ in range(2)]
    closed = server.start()
    closed.terminate()
    executions = [
        dict(workflow_id=runs[0].workflow_id),
        runs[1].execution,
        closed.execution,
        dict(workflow_id="unknown"),
        dict(workflow_id=runs[0].workflow_id, run_id=str(uuid.uuid4())),
        dict(workflow_id=runs[0].workflow_id, run_id="no uuid"),
        dict(workflow_id=""),
    ]
    job_id = start(server, executions=executions, **OPERATIONS[operation])
    answer = finished(server, job_id)

    # What is not there, or closed, counts as done.
    assert answer.state == COMPLETED
    assert (answer.total_operation_count, answer.complete_operation_count) == (7, 5)
    assert answer.failure_operation_count == 2
    assert answer.query == ""
    assert [(each.type, each.business_id, each.run_id) for each in answer.executions] == [
        (1, each["workflow_id"], each.get("run_id", "")) for each in executions
    ]
    for run in runs:
        assert_dealt_with(run, operation, job_id)


def test_a_batch_by_list_in_its_newer_form(server):
    run = server.start()
    targets = [dict(type=1, business_id=run.workflow_id, run_id=run.run_id), dict(type=1, business_id="unknown")]
    job_id = start(server, target_executions=targets, **OPERATIONS["signal"])
    answer = finished(server, job_id)
    assert (answer.total_operation_count, answer.complete_operation_count) == (2, 2)
    assert [(each.type, each.business_id, each.run_id) for each in answer.executions] == [
        (1, run.workflow_id, run.run_id),
        (1, "unknown", ""),
    ]
    assert_dealt_with(run, "signal", job_id)


def test_a_batch_of_nothing(server):
    assert done(server, visibility_query="WorkflowId = 'none'", termination_operation={}) == (0, 0, 0)


def test_what_fails_for_each_is_counted(server):
    run = server.start()
    too_long = dict(signal_operation=dict(signal="s" * 1001))
    assert done(server, executions=[run.execution, dict(workflow_id="unknown")], **too_long) == (2, 0, 2)
    assert run.events()[-1].event_id == 2


def test_a_child_that_its_parents_end_terminates_is_done(server):
    parent = server.start()
    parent.task().complete(start_child(queue=unique("queue")))
    (started,) = [event for event in parent.task().history.events if "CHILD_WORKFLOW_EXECUTION_STARTED" in name_of(event)]
    child = started.child_workflow_execution_started_event_attributes.workflow_execution
    executions = [parent.execution, dict(workflow_id=child.workflow_id, run_id=child.run_id)]
    assert done(server, executions=executions, termination_operation={}) == (2, 2, 0)
    assert parent.status() == "TERMINATED"


# ---------------------------------------------------------------------------------------------------------------------
# Options of workflows

OVERRIDE, PRIORITY = ["versioning_override"], ["priority"]
AUTO_UPGRADE = dict(versioning_override=dict(auto_upgrade=True))


def options(mask, **given):
    given = dict(identity="me", workflow_execution_options=given, update_mask=dict(paths=mask))
    return dict(update_workflow_options_operation=given)


def test_options_by_query(server):
    runs, query = some(server, 3)
    runs[2].terminate()
    listed(server, f"{query} AND ExecutionStatus = 'Running'", 2)
    answer = finished(server, start(server, visibility_query=query, **options(OVERRIDE, **AUTO_UPGRADE)))
    assert (answer.total_operation_count, answer.complete_operation_count) == (2, 2)
    assert (answer.operation_type, answer.identity) == (18, "me")
    for run in runs[:2]:
        event = run.events()[-1]
        attributes = event.workflow_execution_options_updated_event_attributes
        assert (event.event_id, attributes.identity) == (3, "me")
        assert attributes.versioning_override.auto_upgrade
    assert runs[2].events()[-1].event_id == 3


PINNED = dict(behavior=1, version=dict(deployment_name="nowhere", build_id="b"))


@pytest.mark.parametrize(
    "operation, failed, last_event",
    [
        (options(OVERRIDE, **AUTO_UPGRADE), 0, 3),
        (options(PRIORITY, priority=dict(priority_key=3)), 0, 3),
        (options([], **AUTO_UPGRADE), 0, 2),  # nothing changes
        (options(OVERRIDE), 0, 2),
        (options(["nope"], **AUTO_UPGRADE), 4, 2),
        (options(PRIORITY, priority=dict(priority_key=-3)), 4, 2),
        (options(OVERRIDE, versioning_override=dict(pinned=PINNED)), 2, 2),
        (options(OVERRIDE, versioning_override=dict(behavior=1)), 2, 2),
    ],
)
def test_options_by_list(server, operation, failed, last_event):
    run, other, closed = (server.start() for _ in range(3))
    closed.terminate()
    executions = [run.execution, other.execution, closed.execution, dict(workflow_id="unknown")]
    assert done(server, executions=executions, **operation) == (4, 4 - failed, failed)
    assert [each.events()[-1].event_id for each in (run, other)] == [last_event] * 2


def test_time_skipping_is_refused_at_the_start(server):
    skipping = options(["time_skipping_config"], time_skipping_config={})
    after_reset = dict(
        workflow_execution_options=dict(time_skipping_config={}), update_mask=dict(paths=["time_skipping_config"])
    )
    operations = [dict(update_workflow_options=after_reset)]
    for operation in (skipping, dict(reset_operation=dict(reset_type=1, post_reset_operations=operations))):
        with refused(UNIMPLEMENTED, "The Time-Skipping feature is not enabled for namespace."):
            start(server, visibility_query="WorkflowId = 'x'", **operation)


# ---------------------------------------------------------------------------------------------------------------------
# Reset

FIRST_RESET = """
    4 WorkflowTaskFailed cause=RESET_WORKFLOW
    5 WorkflowExecutionSignaled signal_name=early
    6 WorkflowExecutionSignaled signal_name=s1
    7 WorkflowTaskScheduled
"""
LAST_RESET = """
    8 WorkflowTaskFailed cause=RESET_WORKFLOW
    9 WorkflowTaskScheduled
"""
SIGNALS, NOTHING = 1, 2  # what is reapplied: of ResetReapplyExcludeType, of ResetReapplyType


@pytest.mark.parametrize(
    "operation, expected, failed",
    [
        (dict(reset_type=1), FIRST_RESET, 3),
        (dict(reset_type=2, reset_reapply_type=NOTHING), LAST_RESET, 3),
        (dict(options=dict(first_workflow_task={})), FIRST_RESET, 3),
        (dict(options=dict(last_workflow_task={}, reset_reapply_exclude_types=[SIGNALS])), LAST_RESET, 3),
        (dict(options=dict(workflow_task_id=3)), FIRST_RESET, 2),
        (dict(options=dict(workflow_task_id=4)), FIRST_RESET, 2),
        (dict(options=dict(workflow_task_id=77)), None, 3),
        (dict(options=dict(build_id="b1")), FIRST_RESET, 2),
        (dict(options=dict(build_id="b2")), LAST_RESET.replace("9 Work", "9 WorkflowExecutionSignaled\n10 Work"), 2),
        (dict(options=dict(build_id="b2", current_run_only=True)), "9 WorkflowExecutionSignaled", 2),
        (dict(options=dict(build_id="other")), None, 3),
    ],
)
def test_resets(server, operation, expected, failed):
    run = server.start()
    task = run.task()
    run.signal("early")
    task.complete(worker_version_stamp=dict(build_id="b1"))
    run.task().complete(start_timer("t", 1000), worker_version_stamp=dict(build_id="b2"))
    run.signal("s1")
    untouched, delayed = server.start(), server.start(workflow_start_delay=seconds(1000))
    executions = [run.execution, untouched.execution, delayed.execution, dict(workflow_id="unknown")]

    # A run that is not there is a failure where its history is looked at, and done where it would be reset.
    assert done(server, executions=executions, reset_operation=dict(operation, identity="me")) == (
        4,
        4 - failed,
        failed,
    )
    assert current(untouched).run_id == untouched.run_id and current(delayed).run_id == delayed.run_id
    after = current(run)
    if expected is None:
        assert after.run_id == run.run_id
        return
    assert after.run_id != run.run_id
    first = int(expected.split()[0])
    types = [line.split()[1] for line in expected.strip().splitlines()]
    assert [line.split()[1] for line in after.text().splitlines()][first - 1 :][: len(types)] == types
    ending = run.events()[-1].workflow_execution_terminated_event_attributes
    assert (ending.reason, ending.identity) == ("because", "history-resetter")
    reset = after.events()[3 if "4 W" in expected else 7].workflow_task_failed_event_attributes
    assert (reset.failure.message, reset.identity, reset.base_run_id) == ("because", "history-service", run.run_id)


def test_what_comes_after_a_reset(server):
    run = server.start()
    run.task().complete()
    change = dict(workflow_execution_options=AUTO_UPGRADE, update_mask=dict(paths=OVERRIDE))
    operation = dict(reset_type=1, post_reset_operations=[dict(update_workflow_options=change)])
    assert done(server, executions=[run.execution], reset_operation=operation) == (1, 1, 0)
    current(run).expect(
        """
        ...
        4 WorkflowTaskFailed cause=RESET_WORKFLOW
        5 WorkflowExecutionOptionsUpdated
        6 WorkflowTaskScheduled
        """
    )
    for unknown in (dict(signal_workflow=dict(signal_name="x")), dict()):
        operation = dict(reset_type=1, post_reset_operations=[unknown])
        assert done(server, executions=[run.execution], reset_operation=operation) == (1, 0, 1)


def test_a_reset_by_query_takes_closed_runs_and_none_of_its_own(server):
    runs, query = some(server, 3)
    for run in runs:
        run.task().complete()
    runs[2].terminate()
    listed(server, f"{query} AND ExecutionStatus = 'Terminated'", 1)
    assert done(server, visibility_query=query, reset_operation=dict(reset_type=1)) == (3, 3, 0)
    listed(server, query, 6)
    for run in runs:
        assert current(run).run_id != run.run_id


# ---------------------------------------------------------------------------------------------------------------------
# Jobs

# For some seconds, at the real server's pace.
SLOW = dict(executions=[dict(workflow_id=f"unknown-{i}") for i in range(250)], termination_operation=dict(identity="me"))


def stop(server, job_id, **fields):
    return server.call("StopBatchOperation", job_id=job_id, reason="enough", identity="me", **fields)


@pytest.fixture
def slow(server):
    job_id = start(server, **SLOW)
    if ORACLE:
        time.sleep(0.5)  # the count that limits them is of a list
    yield job_id
    try:
        stop(server, job_id)
    except grpc.RpcError as error:
        assert error.code() == NOT_FOUND


def test_one_at_a_time(server, slow):
    answer = describe(server, slow)
    assert answer.state == RUNNING
    assert not answer.HasField("close_time")
    assert answer.complete_operation_count < 250
    assert len(answer.executions) == 250
    limit = ResourceExhaustedFailure(
        cause="RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT", scope="RESOURCE_EXHAUSTED_SCOPE_NAMESPACE"
    )
    for job_id in (unique("job"), slow):
        with refused(RESOURCE_EXHAUSTED, "Max concurrent batch operations is reached", limit):
            server.call("StartBatchOperation", **dict(START, job_id=job_id))


def test_a_stopped_batch_has_failed(server, slow):
    stop(server, slow)
    answer = describe(server, slow)
    assert answer.state == FAILED
    assert answer.close_time.ToNanoseconds() > answer.start_time.ToNanoseconds()
    assert (answer.reason, answer.identity) == ("because", "me")
    with refused(NOT_FOUND, "workflow execution already completed", NotFoundFailure):
        stop(server, slow)


@pytest.mark.fermata_only
def test_a_stopped_batch_tells_how_far_it_came(server, slow):
    stop(server, slow)
    answer = describe(server, slow)
    assert answer.total_operation_count == 250
    assert answer.complete_operation_count < 250
    assert describe(server, slow) == answer


def test_a_job_id_is_used_once(server):
    job_id = start(server, termination_operation={}, visibility_query="WorkflowId = 'x'")
    finished(server, job_id)
    with refused(ALREADY_EXISTS, None, AlreadyStartedFailure) as error:
        start(server, job_id=job_id, termination_operation={}, visibility_query="WorkflowId = 'x'")
    assert error.message == (
        f"Workflow execution already finished. WorkflowId: {job_id}, RunId: {error.got.run_id}. "
        "Workflow Id reuse policy: reject duplicate workflow Id."
    )


def test_lists(server, slow):
    stop(server, slow)
    job_ids = [slow]
    for operation in OPERATIONS:
        job_ids.append(start(server, visibility_query="WorkflowId = 'x'", **OPERATIONS[operation]))
        finished(server, job_ids[-1])
    if ORACLE:
        time.sleep(1)
    infos, token = [], b""
    while len(infos) < 5:
        page = server.call("ListBatchOperations", page_size=2, next_page_token=token)
        assert len(page.operation_info) == 2
        infos += page.operation_info
        token = page.next_page_token
    assert [info.job_id for info in infos[:5]] == job_ids[::-1]
    for info in infos[:5]:
        answer = describe(server, info.job_id)
        assert (info.state, info.operation_type) == (answer.state, answer.operation_type)
        for field in ("start_time", "close_time"):
            assert getattr(info, field).ToMicroseconds() == getattr(answer, field).ToMicroseconds()
            assert getattr(info, field).nanos % 1000 == 0


def test_a_list_begins_with_what_is_running(server, slow):
    info = server.call("ListBatchOperations", page_size=1).operation_info[0]
    assert (info.job_id, info.state, info.operation_type) == (slow, RUNNING, 13)
    assert not info.HasField("close_time")


@pytest.mark.fermata_only
def test_a_page_token_that_is_none(server):
    with refused(INVALID_ARGUMENT, "Invalid NextPageToken."):
        server.call("ListBatchOperations", next_page_token=b"xx")


@pytest.mark.fermata_only
def test_the_pace_that_is_asked_for(server):
    # Five at once, the sixth a fifth of a second later: it is still running, or it took that long.
    executions = [dict(workflow_id=f"unknown-{i}") for i in range(7)]
    job_id = start(server, executions=executions, termination_operation={}, max_operations_per_second=5)
    answer = finished(server, job_id)
    assert answer.complete_operation_count == 7
    assert answer.close_time.ToNanoseconds() - answer.start_time.ToNanoseconds() >= 390e6


@pytest.mark.fermata_only
def test_many_by_query_each_once(server):
    runs, query = some(server, 100)
    job_id = start(server, visibility_query=query, max_operations_per_second=100000, **OPERATIONS["signal"])
    answer = finished(server, job_id)
    assert (answer.total_operation_count, answer.complete_operation_count) == (100, 100)
    for run in runs:
        assert [event.event_id for event in run.events()] == [1, 2, 3]


@pytest.mark.fermata_only
def test_a_workflow_that_is_about_to_close_is_waited_for(server):
    """A signal is refused while the worker's next task is bound to close the run; the batch tries again."""
    run = server.start()
    task = run.task()
    run.signal("buffered")
    with refused(INVALID_ARGUMENT, "UnhandledCommand"):
        task.complete(complete_workflow())
    task = run.task()
    job_id = start(server, executions=[run.execution], **OPERATIONS["signal"])
    assert describe(server, job_id).state == RUNNING
    task.complete()
    answer = finished(server, job_id)
    assert (answer.complete_operation_count, answer.failure_operation_count) == (1, 0)
    assert_last = run.events()[-2]
    assert assert_last.workflow_execution_signaled_event_attributes.signal_name == "sig"
