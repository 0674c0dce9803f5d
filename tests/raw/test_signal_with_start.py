"""SignalWithStartWorkflowExecution: what it checks, and what it does to a workflow id that is new, open or closed."""

import pytest
from driver import *


def signal_with_start(server, workflow_id, queue, **fields):
    fields.setdefault("workflow_type", dict(name="wf"))
    fields.setdefault("signal_name", "sig")
    fields.setdefault("request_id", str(uuid.uuid4()))
    fields.setdefault("identity", "client")
    response = server.call(
        "SignalWithStartWorkflowExecution", workflow_id=workflow_id, task_queue=dict(name=queue), **fields
    )
    return Run(server, workflow_id, response.run_id, queue, response)


def new(server, **fields):
    return signal_with_start(server, unique("wf"), unique("queue"), **fields)


def again(run, **fields):
    return signal_with_start(run.server, run.workflow_id, run.queue, **fields)


REFUSED = [
    ("no workflow id", dict(workflow_id=""), "WorkflowId is not set on request."),
    ("a long workflow id", dict(workflow_id="x" * 1001), "WorkflowId exceeds maximum allowed length (1001/1000)"),
    ("a bad cron schedule and no workflow id", dict(workflow_id="", cron_schedule="now"), "invalid CronSchedule."),
    ("no signal", dict(signal_name=""), "signal not set"),
    ("a long signal", dict(signal_name="x" * 1001), "signal name exceeds maximum allowed length (1001/1000)"),
    ("no type", dict(workflow_type=dict(name="")), "workflow type not set"),
    (
        "a long type",
        dict(workflow_type=dict(name="x" * 1001)),
        "workflow type name exceeds maximum allowed length (1001/1000)",
    ),
    ("no queue", dict(task_queue=dict(name="")), "missing task queue name"),
    ("a long request id", dict(request_id="x" * 1001), "Request ID exceeds maximum allowed length (1001/1000)"),
    (
        "a negative timeout",
        dict(workflow_run_timeout=seconds(-1)),
        "An invalid WorkflowRunTimeoutSeconds is set on request. cause: negative duration",
    ),
    (
        "negative attempts",
        dict(retry_policy=dict(maximum_attempts=-1)),
        "MaximumAttempts cannot be negative on retry policy.",
    ),
    (
        "cron with a start delay",
        dict(cron_schedule="* * * * *", workflow_start_delay=seconds(1)),
        "CronSchedule and WorkflowStartDelay may not be used together.",
    ),
    (
        "TERMINATE_IF_RUNNING with a conflict policy",
        dict(
            workflow_id_reuse_policy="WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING",
            workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_FAIL",
        ),
        "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING cannot be used together with a "
        "WorkflowIDConflictPolicy",
    ),
    (
        "FAIL",
        dict(workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_FAIL"),
        "Invalid WorkflowIDConflictPolicy: WORKFLOW_ID_CONFLICT_POLICY_FAIL is not supported for this operation.",
    ),
    (
        "an unknown search attribute",
        dict(search_attributes=dict(indexed_fields={"Unknown": payload("x")})),
        "Namespace default has no mapping defined for search attribute Unknown",
    ),
    ("a negative priority", dict(priority=dict(priority_key=-1)), "priority key can't be negative"),
    ("an oversized input", dict(input=payloads("x" * (2 << 20))), "Blob data size exceeds limit."),
    ("an oversized memo", dict(memo=dict(fields={"m": payload("x" * (2 << 20))})), "Memo size exceeds limit."),
    ("an oversized signal", dict(signal_input=payloads("x" * (2 << 20))), "Blob data size exceeds limit."),
]


@pytest.mark.parametrize("fields, text", [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused(server, fields, text):
    fields = dict(
        dict(
            workflow_id=unique("wf"),
            workflow_type=dict(name="wf"),
            task_queue=dict(name=unique("queue")),
            signal_name="sig",
        ),
        **fields,
    )
    with refused(INVALID_ARGUMENT, text):
        server.call("SignalWithStartWorkflowExecution", **fields)


def test_a_new_workflow_gets_its_signal_before_its_first_task(server):
    link = dict(workflow_event=dict(namespace="default", workflow_id="w", run_id="r"))
    run = new(
        server,
        request_id="r1",
        input=payloads("in"),
        signal_input=payloads("sig-in"),
        header=dict(fields={"trace": payload("t")}),
        user_metadata=dict(summary=payload("sum")),
        memo=dict(fields={"m": payload(1)}),
        links=[link],
    )
    response = run.response
    assert response.started and response.first_execution_run_id == run.run_id
    event = response.signal_link.workflow_event
    assert (event.workflow_id, event.run_id) == (run.workflow_id, run.run_id)
    assert (event.request_id_ref.request_id, event_type_pb2.EventType.Name(event.request_id_ref.event_type)) == (
        "r1",
        "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED",
    )
    run.expect(
        """
        1 WorkflowExecutionStarted input='"in"' identity=client attempt=1 initiator=UNSPECIFIED
        2 WorkflowExecutionSignaled signal_name=sig input='"sig-in"' identity=client request_id=r1
        3 WorkflowTaskScheduled attempt=1
        """
    )
    started, signaled, _ = run.events()
    assert attributes_of(started).header.fields["trace"] == attributes_of(signaled).header.fields["trace"]
    assert started.links == signaled.links and len(started.links) == 1
    assert value_of(started.user_metadata.summary) == "sum" and not signaled.HasField("user_metadata")
    assert len(run.history_page(maximum_page_size=1).history.events) == 3  # one batch
    run.task().complete(complete_workflow())


def test_an_open_workflow_gets_the_signal(server):
    run = new(server)
    run.task().complete()
    second = again(run, signal_name="more", input=payloads("other"))
    assert (second.response.started, second.run_id) == (False, run.run_id)
    assert second.response.first_execution_run_id == run.run_id
    run.expect(
        """
        ...
        5 WorkflowTaskCompleted
        6 WorkflowExecutionSignaled signal_name=more
        7 WorkflowTaskScheduled
        """
    )


def test_a_signal_during_a_task_waits_for_its_end(server):
    run = new(server)
    task = run.task()
    again(run)
    assert len(run.events()) == 4
    task.complete()
    run.expect(
        """
        ...
        5 WorkflowTaskCompleted
        6 WorkflowExecutionSignaled
        7 WorkflowTaskScheduled
        """
    )


def test_an_empty_request_id_is_replaced(server):
    run = new(server, request_id="")
    assert attributes_of(run.events()[1]).request_id
    again(run, request_id="")
    assert len(run.events()) == 4


def test_a_repeated_request_id_signals_once_while_the_run_is_open(server):
    run = new(server, request_id="r1")
    second = again(run, request_id="r1")
    assert (second.response.started, second.run_id) == (False, run.run_id)
    assert len(run.events()) == 3


def test_a_repeated_request_id_starts_anew_once_the_run_is_closed(server):
    run = new(server, request_id="r1")
    run.terminate()
    second = again(run, request_id="r1")
    assert second.response.started and second.run_id != run.run_id


def test_a_signal_reaches_a_run_that_an_ordinary_start_made_with_the_same_request_id(server):
    run = server.start(request_id="r1")
    second = again(run, request_id="r1")
    assert (second.response.started, second.run_id) == (False, run.run_id)
    assert len(run.events()) == 3


def test_terminate_existing_starts_anew(server):
    run = new(server)
    second = again(run, workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING")
    assert second.response.started and second.run_id != run.run_id
    assert second.response.first_execution_run_id == second.run_id
    assert run.status() == "TERMINATED"
    run.expect(
        """
        ...
        4 WorkflowExecutionTerminated reason="TerminateIfRunning WorkflowIdReusePolicy" identity=history-service
        """
    )


def test_terminate_if_running_is_the_old_name(server):
    run = new(server)
    second = again(run, workflow_id_reuse_policy="WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING")
    assert second.run_id != run.run_id and run.status() == "TERMINATED"


def test_the_reuse_policy_matters_for_a_closed_run_only(server):
    reject = dict(workflow_id_reuse_policy="WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE")
    run = new(server)
    assert again(run, **reject).run_id == run.run_id
    run.task().complete(complete_workflow())
    text = (
        f"Workflow execution already finished. WorkflowId: {run.workflow_id}, RunId: {run.run_id}. Workflow Id reuse "
        "policy: reject duplicate workflow Id."
    )
    with refused(ALREADY_EXISTS, text, AlreadyStartedFailure):
        again(run, **reject)
    with refused(ALREADY_EXISTS, None, AlreadyStartedFailure):
        again(run, workflow_id_reuse_policy="WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY")
    assert again(run).response.started


def test_a_delayed_start_is_signalled_but_not_woken_and_the_next_signal_with_start_wakes_it(server):
    run = new(server, workflow_start_delay=seconds(3600))
    run.expect(
        """
        1 WorkflowExecutionStarted first_workflow_task_backoff=3600s
        2 WorkflowExecutionSignaled
        """
    )
    again(run)
    run.expect(
        """
        1 WorkflowExecutionStarted
        2 WorkflowExecutionSignaled
        3 WorkflowExecutionSignaled
        4 WorkflowTaskScheduled
        """
    )


def test_a_closing_workflow_takes_no_signal(server):
    run = new(server)
    task = run.task()
    again(run)
    with refused(INVALID_ARGUMENT, "UnhandledCommand"):
        task.complete(complete_workflow())
    run.task()
    with refused(
        RESOURCE_EXHAUSTED, "workflow operation can not be applied because workflow is closing", BUSY_WORKFLOW
    ):
        again(run)
