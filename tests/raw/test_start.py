"""StartWorkflowExecution: what is refused and how, the id policies, the started event."""

import pytest
from driver import *

CLOSERS = dict(
    completed=lambda run: run.task().complete(complete_workflow()),
    failed=lambda run: run.task().complete(fail_workflow()),
    canceled=lambda run: run.task().complete(cancel_workflow()),
    terminated=lambda run: run.terminate(),
)


def closed(server, how, **fields):
    run = server.start(**fields)
    CLOSERS[how](run)
    return run


def again(server, run, reuse=None, conflict=None, **fields):
    """A second start of the same workflow id."""
    if reuse:
        fields["workflow_id_reuse_policy"] = f"WORKFLOW_ID_REUSE_POLICY_{reuse}"
    if conflict:
        fields["workflow_id_conflict_policy"] = f"WORKFLOW_ID_CONFLICT_POLICY_{conflict}"
    return server.start(workflow_id=run.workflow_id, task_queue=dict(name=run.queue), **fields)


REFUSED = [
    ("no workflow id", dict(workflow_id=""), "WorkflowId is not set on request."),
    (
        "a workflow id that is too long",
        dict(workflow_id="x" * 1001),
        "WorkflowId exceeds maximum allowed length (1001/1000)",
    ),
    ("no type", dict(workflow_type=None), "WorkflowType is not set on request."),
    ("a type without a name", dict(workflow_type=dict(name="")), "WorkflowType is not set on request."),
    ("a type that is too long", dict(workflow_type=dict(name="x" * 1001)), "WorkflowType length exceeds limit."),
    ("a task queue without a name", dict(task_queue=dict(name="")), "missing task queue name"),
    (
        "a reserved task queue",
        dict(task_queue=dict(name="/_sys/x")),
        "task queue name cannot start with reserved prefix /_sys/",
    ),
    (
        "a negative execution timeout",
        dict(workflow_execution_timeout=seconds(-1)),
        "An invalid WorkflowExecutionTimeoutSeconds is set on request. cause: negative duration",
    ),
    (
        "a negative run timeout",
        dict(workflow_run_timeout=seconds(-1)),
        "An invalid WorkflowRunTimeoutSeconds is set on request. cause: negative duration",
    ),
    (
        "a negative task timeout",
        dict(workflow_task_timeout=seconds(-1)),
        "An invalid WorkflowTaskTimeoutSeconds is set on request. cause: negative duration",
    ),
    (
        "a negative start delay",
        dict(workflow_start_delay=seconds(-1)),
        "An invalid WorkflowStartDelaySeconds is set on request. cause: negative duration",
    ),
    (
        "cron with a start delay",
        dict(cron_schedule="* * * * *", workflow_start_delay=seconds(1)),
        "CronSchedule and WorkflowStartDelay may not be used together.",
    ),
    ("a bad cron schedule", dict(cron_schedule="every now and then"), "invalid CronSchedule."),
    (
        "a backoff coefficient below one",
        dict(retry_policy=dict(backoff_coefficient=0.5)),
        "BackoffCoefficient cannot be less than 1 on retry policy.",
    ),
    (
        "a maximum interval below the initial one",
        dict(retry_policy=dict(initial_interval=seconds(10), maximum_interval=seconds(1))),
        "MaximumInterval cannot be less than InitialInterval on retry policy.",
    ),
    (
        "negative attempts",
        dict(retry_policy=dict(maximum_attempts=-1)),
        "MaximumAttempts cannot be negative on retry policy.",
    ),
    (
        "a negative initial interval",
        dict(retry_policy=dict(initial_interval=seconds(-1))),
        "invalid InitialInterval set on retry policy: negative duration",
    ),
    (
        "an unknown timeout type in the retry policy",
        dict(retry_policy=dict(non_retryable_error_types=["TemporalTimeout:Lunch"])),
        "Invalid timeout type value: Lunch.",
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
        "REJECT_DUPLICATE with TERMINATE_EXISTING",
        dict(
            workflow_id_reuse_policy="WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE",
            workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING",
        ),
        "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE cannot be used together with "
        "WorkflowIdConflictPolicy WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING",
    ),
    (
        "callbacks attached without the request id",
        dict(
            workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING",
            on_conflict_options=dict(attach_completion_callbacks=True),
        ),
        "attaching request ID is required for attaching completion callbacks",
    ),
    (
        "an unknown search attribute",
        dict(search_attributes=dict(indexed_fields={"Unknown": payload("x")})),
        "Namespace default has no mapping defined for search attribute Unknown",
    ),
    ("a negative priority", dict(priority=dict(priority_key=-1)), "priority key can't be negative"),
    ("a long fairness key", dict(priority=dict(fairness_key="x" * 65)), "fairness key length exceeds limit"),
    ("a negative fairness weight", dict(priority=dict(fairness_weight=-1)), "must be greater than zero"),
    ("a request id that is too long", dict(request_id="x" * 1001), "RequestId length exceeds limit."),
    ("an oversized input", dict(input=payloads("x" * (2 << 20))), "Blob data size exceeds limit."),
    ("an oversized memo", dict(memo=dict(fields={"m": payload("x" * (2 << 20))})), "Memo size exceeds limit."),
]


@pytest.mark.parametrize("fields, text", [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_start_refuses(server, fields, text):
    with refused(INVALID_ARGUMENT, text):
        server.start(**fields)


def test_start_refuses_a_missing_task_queue(server):
    with refused(INVALID_ARGUMENT, "taskQueue is not set"):
        server.call("StartWorkflowExecution", workflow_id=unique("wf"), workflow_type=dict(name="wf"))


def test_start_in_an_unknown_namespace(server):
    with refused(NOT_FOUND, "Namespace nope is not found.", NamespaceNotFoundFailure(namespace="nope")):
        server.start(namespace="nope")


def test_start_without_a_namespace(server):
    with refused(INVALID_ARGUMENT, "Namespace is empty."):
        server.start(namespace="")


def test_the_namespace_is_checked_before_the_request(server):
    with refused(NOT_FOUND, "Namespace nope is not found.", NamespaceNotFoundFailure):
        server.start(namespace="nope", workflow_id="")


def test_the_response_of_a_new_start(server):
    run = server.start()
    assert run.response.started is True
    assert run.response.run_id and run.response.first_execution_run_id == run.run_id
    assert run.response.status == 1  # RUNNING
    event = run.response.link.workflow_event
    assert (event.workflow_id, event.run_id, event.event_ref.event_id) == (run.workflow_id, run.run_id, 1)


def test_the_started_event(server):
    run = server.start(
        input=payloads("in"),
        header=dict(fields={"trace": payload("t1")}),
        memo=dict(fields={"note": payload("n"), "none": common_pb.Payload()}),
        workflow_execution_timeout=seconds(100),
        workflow_run_timeout=seconds(50),
        workflow_task_timeout=seconds(5),
        retry_policy=dict(maximum_attempts=3),
        user_metadata=dict(summary=payload("sum"), details=payload("det")),
        identity="me",
    )
    run.expect("""
        1 WorkflowExecutionStarted input='"in"' identity=me attempt=1 initiator=UNSPECIFIED workflow_execution_timeout=100s workflow_run_timeout=50s workflow_task_timeout=5s first_workflow_task_backoff=0s retry_policy.initial_interval=1s retry_policy.backoff_coefficient=2.0 retry_policy.maximum_interval=100s retry_policy.maximum_attempts=3 user_metadata.summary='"sum"' user_metadata.details='"det"' continued_execution_run_id=- root_workflow_execution=-
        2 WorkflowTaskScheduled start_to_close_timeout=5s
    """)
    started = attributes_of(run.events()[0])
    assert started.workflow_id == run.workflow_id
    assert started.original_execution_run_id == started.first_execution_run_id == run.run_id
    assert value_of(started.header.fields["trace"]) == "t1"
    assert value_of(started.memo.fields["note"]) == "n"
    assert started.HasField("workflow_execution_expiration_time")


def test_the_run_timeout_is_cut_to_the_execution_timeout(server):
    run = server.start(workflow_execution_timeout=seconds(10), workflow_run_timeout=seconds(20))
    run.expect("""
        1 WorkflowExecutionStarted workflow_execution_timeout=10s workflow_run_timeout=10s
        2 WorkflowTaskScheduled
    """)


def test_the_execution_timeout_stands_in_for_the_run_timeout(server):
    run = server.start(workflow_execution_timeout=seconds(10))
    run.expect("""
        1 WorkflowExecutionStarted workflow_run_timeout=10s
        2 WorkflowTaskScheduled
    """)


def test_timeouts_that_were_not_given_stay_absent(server):
    run = server.start()
    run.expect("""
        1 WorkflowExecutionStarted workflow_execution_timeout=- workflow_run_timeout=- workflow_task_timeout=10s retry_policy=- workflow_execution_expiration_time=-
        2 WorkflowTaskScheduled
    """)


def test_the_task_timeout_is_cut_to_two_minutes_and_to_the_run_timeout(server):
    run = server.start(workflow_task_timeout=seconds(500))
    assert attributes_of(run.events()[0]).workflow_task_timeout.seconds == 120
    run = server.start(workflow_task_timeout=seconds(50), workflow_run_timeout=seconds(20))
    assert attributes_of(run.events()[0]).workflow_task_timeout.seconds == 20


def test_start_links_reach_the_event(server):
    link = dict(workflow_event=dict(namespace="default", workflow_id="w", run_id="r", event_ref=dict(event_id=1, event_type=1)))
    run = server.start(links=[link])
    assert run.events()[0].links[0].workflow_event.workflow_id == "w"


# Id policies


def test_an_open_run_refuses_a_second_start(server):
    run = server.start(request_id="first")
    detail = AlreadyStartedFailure(start_request_id="first", run_id=run.run_id, first_execution_run_id=run.run_id)
    text = f"Workflow execution is already running. WorkflowId: {run.workflow_id}, RunId: {run.run_id}."
    with refused(ALREADY_EXISTS, text, detail):
        again(server, run)


@pytest.mark.parametrize("reuse", ["ALLOW_DUPLICATE", "ALLOW_DUPLICATE_FAILED_ONLY", "REJECT_DUPLICATE"])
def test_the_reuse_policy_does_not_matter_while_a_run_is_open(server, reuse):
    run = server.start()
    with refused(ALREADY_EXISTS, None, AlreadyStartedFailure):
        again(server, run, reuse=reuse)


def test_use_existing_answers_with_the_open_run(server):
    run = server.start()
    second = again(server, run, conflict="USE_EXISTING")
    assert (second.run_id, second.response.started, second.response.status) == (run.run_id, False, 1)
    assert run.text().endswith("2 WorkflowTaskScheduled")


def test_use_existing_can_attach_the_request_id(server):
    run = server.start()
    options = dict(attach_request_id=True)
    second = again(server, run, conflict="USE_EXISTING", request_id="second", on_conflict_options=options)
    assert second.response.started is False
    assert second.response.link.workflow_event.request_id_ref.request_id == "second"
    run.expect("""
        ...
        2 WorkflowTaskScheduled
        3 WorkflowExecutionOptionsUpdated attached_request_id=second worker_may_ignore=true
    """)
    assert set(run.describe().workflow_extended_info.request_id_infos) >= {"second"}


def test_terminate_existing_replaces_the_open_run(server):
    run = server.start()
    second = again(server, run, conflict="TERMINATE_EXISTING")
    assert second.response.started is True and second.run_id != run.run_id
    run.expect("""
        ...
        3 WorkflowExecutionTerminated reason='TerminateIfRunning WorkflowIdReusePolicy' identity=history-service
    """)
    (details,) = attributes_of(run.events()[-1]).details.payloads
    assert json.loads(details.data) == f"terminated by new runID: {second.run_id}"
    assert second.status() == "RUNNING"


def test_terminate_existing_fails_a_started_task_first(server):
    run = server.start()
    run.task()
    run.signal()
    again(server, run, conflict="TERMINATE_EXISTING")
    run.expect("""
        ...
        3 WorkflowTaskStarted
        4 WorkflowTaskFailed cause=FORCE_CLOSE_COMMAND
        5 WorkflowExecutionSignaled
        6 WorkflowExecutionTerminated
    """)


def test_terminate_if_running_is_the_old_name_of_terminate_existing(server):
    run = server.start()
    second = again(server, run, reuse="TERMINATE_IF_RUNNING")
    assert second.run_id != run.run_id
    assert run.status() == "TERMINATED"


@pytest.mark.parametrize("how", CLOSERS)
def test_a_closed_id_may_be_used_again_by_default(server, how):
    run = closed(server, how)
    second = again(server, run)
    assert second.run_id != run.run_id and second.response.started is True
    assert second.response.first_execution_run_id == second.run_id


def test_failed_only_refuses_after_success(server):
    run = closed(server, "completed")
    text = (
        f"Workflow execution already finished successfully. WorkflowId: {run.workflow_id}, RunId: {run.run_id}. "
        "Workflow Id reuse policy: allow duplicate workflow Id if last run failed."
    )
    with refused(ALREADY_EXISTS, text, AlreadyStartedFailure):
        again(server, run, reuse="ALLOW_DUPLICATE_FAILED_ONLY")


@pytest.mark.parametrize("how", [how for how in CLOSERS if how != "completed"])
def test_failed_only_starts_after_any_other_end(server, how):
    run = closed(server, how)
    assert again(server, run, reuse="ALLOW_DUPLICATE_FAILED_ONLY").run_id != run.run_id


@pytest.mark.parametrize("how", CLOSERS)
def test_reject_duplicate_refuses_after_any_end(server, how):
    run = closed(server, how)
    text = (
        f"Workflow execution already finished. WorkflowId: {run.workflow_id}, RunId: {run.run_id}. "
        "Workflow Id reuse policy: reject duplicate workflow Id."
    )
    with refused(ALREADY_EXISTS, text, AlreadyStartedFailure):
        again(server, run, reuse="REJECT_DUPLICATE")


def test_use_existing_on_a_closed_run_obeys_the_reuse_policy(server):
    run = closed(server, "completed")
    with refused(ALREADY_EXISTS, None, AlreadyStartedFailure):
        again(server, run, reuse="REJECT_DUPLICATE", conflict="USE_EXISTING")
    assert again(server, run, conflict="USE_EXISTING").run_id != run.run_id


def test_a_repeated_request_id_answers_with_the_same_run(server):
    run = server.start(request_id="same")
    second = again(server, run, request_id="same")
    assert (second.run_id, second.response.started, second.response.status) == (run.run_id, True, 1)


def test_a_repeated_request_id_answers_even_when_the_run_is_closed(server):
    run = closed(server, "completed", request_id="same")
    second = again(server, run, request_id="same")
    assert (second.run_id, second.response.started, second.response.status) == (run.run_id, True, 2)


def test_only_the_current_runs_request_id_counts(server):
    first = closed(server, "completed", request_id="one")
    second = again(server, first, request_id="two")
    CLOSERS["completed"](second)
    third = again(server, first, request_id="one")
    assert third.run_id not in (first.run_id, second.run_id)


def test_an_empty_request_id_is_replaced(server):
    run = server.start(request_id="")
    with refused(ALREADY_EXISTS, None, AlreadyStartedFailure):
        again(server, run, request_id="")


# Delay and eager start


def test_a_start_delay_holds_the_first_task_back(server):
    run = server.start(workflow_start_delay=seconds(0.5))
    run.expect("""
        1 WorkflowExecutionStarted first_workflow_task_backoff=0.5s
    """)
    run.task().complete(complete_workflow())
    started, scheduled = run.events()[:2]
    waited = scheduled.event_time.ToNanoseconds() - started.event_time.ToNanoseconds()
    assert 0.5e9 <= waited < 5e9


def test_a_signal_does_not_end_the_delay(server):
    run = server.start(workflow_start_delay=seconds(60))
    run.signal()
    run.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowExecutionSignaled
    """)


def test_a_cancel_ends_the_delay(server):
    run = server.start(workflow_start_delay=seconds(60))
    run.cancel()
    run.task()
    run.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowExecutionCancelRequested
        3 WorkflowTaskScheduled
        4 WorkflowTaskStarted
    """)


def test_an_eager_start_returns_the_first_task(server):
    run = server.start(request_eager_execution=True, identity="eager worker")
    task = Task(run, run.response.eager_workflow_task)
    assert task.text() == "1 WorkflowExecutionStarted\n2 WorkflowTaskScheduled\n3 WorkflowTaskStarted"
    assert (task.attempt, task.started_event_id, task.previous_started_event_id) == (1, 3, 0)
    task.complete(complete_workflow())
    run.expect("""
        1 WorkflowExecutionStarted eager_execution_accepted=true
        2 WorkflowTaskScheduled
        3 WorkflowTaskStarted identity='eager worker'
        4 WorkflowTaskCompleted
        5 WorkflowExecutionCompleted
    """)


def test_an_eager_start_with_a_delay_is_an_ordinary_one(server):
    run = server.start(request_eager_execution=True, workflow_start_delay=seconds(60))
    assert not run.response.HasField("eager_workflow_task")
    run.expect("""
        1 WorkflowExecutionStarted eager_execution_accepted=false
    """)


def test_a_repeated_eager_start_returns_the_task_again(server):
    run = server.start(request_eager_execution=True, request_id="same")
    second = again(server, run, request_eager_execution=True, request_id="same")
    assert second.run_id == run.run_id
    task = Task(second, second.response.eager_workflow_task)
    assert task.started_event_id == 3
    task.complete(complete_workflow())


def test_an_eager_start_that_meets_an_existing_run_gets_no_task(server):
    run = server.start()
    second = again(server, run, conflict="USE_EXISTING", request_eager_execution=True)
    assert not second.response.HasField("eager_workflow_task")


def test_terminate_during_the_delay(server):
    run = server.start(workflow_start_delay=seconds(60))
    run.terminate()
    run.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowExecutionTerminated
    """)
