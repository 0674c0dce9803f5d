"""Commands that a workflow task may not give: with which cause it fails, and what the worker is told."""

import pytest
from driver import *


def case(name, cause, text, *commands):
    return pytest.param(cause, text, commands, id=name)


NO_TIMEOUT = (
    "a valid StartToCloseTimeout or ScheduleToCloseTimeout must be set on the activity. "
    "ActivityId=a ActivityType=act"
)


def activity(**attributes):
    fields = dict(activity_id="a", activity_type=dict(name="act"), task_queue=dict(name="q"))
    fields["start_to_close_timeout"] = seconds(1)
    fields.update(attributes)
    fields = {key: value for key, value in fields.items() if value is not None}
    return command_pb.Command(
        command_type="COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK", schedule_activity_task_command_attributes=fields
    )


BAD_ACTIVITY = "BAD_SCHEDULE_ACTIVITY_ATTRIBUTES"
REFUSED = [
    case(
        "timer without attributes",
        "BAD_START_TIMER_ATTRIBUTES",
        "BadStartTimerAttributes: StartTimerCommandAttributes is not set on StartTimerCommand.",
        bare("START_TIMER"),
    ),
    case(
        "timer without an id",
        "BAD_START_TIMER_ATTRIBUTES",
        "BadStartTimerAttributes: TimerId is not set on StartTimerCommand.",
        start_timer("", 1),
    ),
    case(
        "timer with a negative time",
        "BAD_START_TIMER_ATTRIBUTES",
        "BadStartTimerAttributes: An invalid StartToFireTimeout is set on StartTimerCommand: negative duration. "
        "TimerId=t",
        start_timer("t", -1),
    ),
    case(
        "timer with a long id",
        "BAD_START_TIMER_ATTRIBUTES",
        f"BadStartTimerAttributes: TimerId on StartTimerCommand exceeds length limit. TimerId={'t' * 1001} "
        "Length=1001 Limit=1000",
        start_timer("t" * 1001, 1),
    ),
    case(
        "timer with the id of another",
        "START_TIMER_DUPLICATE_ID",
        "StartTimerDuplicateId: invalid history builder state for action: add-timer-started-event, TimerID: k",
        start_timer("k", 9),
        start_timer("k", 9),
    ),
    case(
        "cancel of an unknown timer",
        "BAD_CANCEL_TIMER_ATTRIBUTES",
        "BadCancelTimerAttributes: invalid history builder state for action: add-timer-canceled-event, TimerID: zz",
        cancel_timer("zz"),
    ),
    case(
        "cancel of a timer without an id",
        "BAD_CANCEL_TIMER_ATTRIBUTES",
        "BadCancelTimerAttributes: TimerId is not set on CancelTimerCommand.",
        cancel_timer(""),
    ),
    case(
        "activity without attributes",
        BAD_ACTIVITY,
        "BadScheduleActivityAttributes: ScheduleActivityTaskCommandAttributes is not set on "
        "ScheduleActivityTaskCommand.",
        bare("SCHEDULE_ACTIVITY_TASK"),
    ),
    case(
        "activity without an id",
        BAD_ACTIVITY,
        "BadScheduleActivityAttributes: activityId is not set",
        activity(activity_id=""),
    ),
    case(
        "activity without a type",
        BAD_ACTIVITY,
        "BadScheduleActivityAttributes: activityType is not set",
        activity(activity_type=None),
    ),
    case(
        "activity without a task queue",
        BAD_ACTIVITY,
        "BadScheduleActivityAttributes: taskQueue is not set",
        activity(task_queue=None),
    ),
    case(
        "activity with a task queue that has no name",
        BAD_ACTIVITY,
        "BadScheduleActivityAttributes: missing task queue name",
        activity(task_queue=dict(name="")),
    ),
    case(
        "activity without a timeout",
        BAD_ACTIVITY,
        f"BadScheduleActivityAttributes: {NO_TIMEOUT}",
        activity(start_to_close_timeout=None),
    ),
    case(
        "activity with a negative timeout",
        BAD_ACTIVITY,
        "BadScheduleActivityAttributes: invalid StartToCloseTimeout: negative duration",
        activity(start_to_close_timeout=seconds(-1)),
    ),
    case(
        "activity with a bad retry policy",
        BAD_ACTIVITY,
        "BadScheduleActivityAttributes: MaximumAttempts cannot be negative on retry policy.",
        activity(retry_policy=dict(maximum_attempts=-1)),
    ),
    case(
        "activity of the workflow's build elsewhere",
        BAD_ACTIVITY,
        "BadScheduleActivityAttributes: Activity with UseCompatibleVersion cannot run on different task queue.",
        activity(use_workflow_build_id=True),
    ),
    case(
        "activity with the id of another",
        "SCHEDULE_ACTIVITY_DUPLICATE_ID",
        "ScheduleActivityDuplicateId: invalid history builder state for action: add-activitytask-scheduled-event, "
        "ActivityID: a",
        activity(),
        activity(),
    ),
    case(
        "cancel of an unknown activity",
        "BAD_REQUEST_CANCEL_ACTIVITY_ATTRIBUTES",
        "BadRequestCancelActivityAttributes: invalid history builder state for action: "
        "add-activitytask-cancel-requested-event, ScheduledEventID: 999",
        cancel_activity(999),
    ),
    case(
        "cancel of activity zero",
        "BAD_REQUEST_CANCEL_ACTIVITY_ATTRIBUTES",
        "BadRequestCancelActivityAttributes: ScheduledEventId is not set on RequestCancelActivityTaskCommand.",
        cancel_activity(0),
    ),
    case(
        "marker without a name",
        "BAD_RECORD_MARKER_ATTRIBUTES",
        "BadRecordMarkerAttributes: MarkerName is not set on RecordMarkerCommand.",
        record_marker(""),
    ),
    case(
        "marker without attributes",
        "BAD_RECORD_MARKER_ATTRIBUTES",
        "BadRecordMarkerAttributes: RecordMarkerCommandAttributes is not set on RecordMarkerCommand.",
        bare("RECORD_MARKER"),
    ),
    case(
        "complete without attributes",
        "BAD_COMPLETE_WORKFLOW_EXECUTION_ATTRIBUTES",
        "BadCompleteWorkflowExecutionAttributes: CompleteWorkflowExecutionCommandAttributes is not set on "
        "CompleteWorkflowExecutionCommand.",
        bare("COMPLETE_WORKFLOW_EXECUTION"),
    ),
    case(
        "fail without attributes",
        "BAD_FAIL_WORKFLOW_EXECUTION_ATTRIBUTES",
        "BadFailWorkflowExecutionAttributes: FailWorkflowExecutionCommandAttributes is not set on "
        "FailWorkflowExecutionCommand.",
        bare("FAIL_WORKFLOW_EXECUTION"),
    ),
    case(
        "fail without a failure",
        "BAD_FAIL_WORKFLOW_EXECUTION_ATTRIBUTES",
        "BadFailWorkflowExecutionAttributes: Failure is not set on FailWorkflowExecutionCommand.",
        command_pb.Command(
            command_type="COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION", fail_workflow_execution_command_attributes={}
        ),
    ),
    case(
        "cancel without attributes",
        "BAD_CANCEL_WORKFLOW_EXECUTION_ATTRIBUTES",
        "BadCancelWorkflowExecutionAttributes: CancelWorkflowExecutionCommandAttributes is not set on "
        "CancelWorkflowExecutionCommand.",
        bare("CANCEL_WORKFLOW_EXECUTION"),
    ),
    case(
        "continue as new without attributes",
        "BAD_CONTINUE_AS_NEW_ATTRIBUTES",
        "BadContinueAsNewAttributes: ContinueAsNewWorkflowExecutionCommandAttributes is not set on "
        "ContinueAsNewWorkflowExecutionCommand.",
        bare("CONTINUE_AS_NEW_WORKFLOW_EXECUTION"),
    ),
    case(
        "continue as new with a negative timeout",
        "BAD_CONTINUE_AS_NEW_ATTRIBUTES",
        re.compile(
            "BadContinueAsNewAttributes: Invalid WorkflowRunTimeout on ContinueAsNewWorkflowExecutionCommand: "
            "negative duration. WorkflowType=wf TaskQueue=.*"
        ),
        continue_as_new(workflow_run_timeout=seconds(-1)),
    ),
    case(
        "continue as new with a bad retry policy",
        "BAD_CONTINUE_AS_NEW_ATTRIBUTES",
        re.compile(
            "BadContinueAsNewAttributes: invalid WorkflowRetryPolicy on ContinueAsNewWorkflowExecutionCommand: "
            r"BackoffCoefficient cannot be less than 1 on retry policy\.\. WorkflowType=wf TaskQueue=.*"
        ),
        continue_as_new(retry_policy=dict(backoff_coefficient=0.1)),
    ),
]


@pytest.mark.parametrize("cause, text, commands", REFUSED)
def test_a_bad_command_fails_the_task(server, cause, text, commands):
    run = server.start()
    with refused(INVALID_ARGUMENT, text) as refusal:
        run.task().complete(*commands)
    failed = attributes_of(run.events()[3])
    run.expect(f"""
        ...
        4 WorkflowTaskFailed cause={cause} identity=worker
        5 WorkflowTaskScheduled attempt=2
    """)
    assert failed.failure.HasField("server_failure_info")
    assert failed.failure.message == refusal.message


def test_a_running_activity_can_be_cancelled_once(server):
    run = server.start()
    run.task().complete(run.schedule_activity("a"), force_create_new_workflow_task=True)
    run.activity()
    with refused(INVALID_ARGUMENT) as refusal:
        run.task().complete(cancel_activity(5), cancel_activity(5))
    assert refusal.message.endswith("add-activitytask-cancel-requested-event, ScheduledEventID: 5")


OVERSIZED = "x" * (2 << 20)


@pytest.mark.parametrize(
    "cause, text, command",
    [
        (  # the real server's cause, odd as it is
            "BAD_SCHEDULE_ACTIVITY_ATTRIBUTES",
            "BadScheduleActivityAttributes: CompleteWorkflowExecutionCommandAttributes.Result exceeds size limit.",
            complete_workflow(OVERSIZED),
        ),
        (
            "BAD_FAIL_WORKFLOW_EXECUTION_ATTRIBUTES",
            "BadFailWorkflowExecutionAttributes: FailWorkflowExecutionCommandAttributes.Failure exceeds size limit.",
            fail_workflow(application_failure(OVERSIZED)),
        ),
        (
            "BAD_SCHEDULE_ACTIVITY_ATTRIBUTES",
            "BadScheduleActivityAttributes: ScheduleActivityTaskCommandAttributes.Input exceeds size limit.",
            activity(input=payloads(OVERSIZED)),
        ),
        (
            "BAD_CONTINUE_AS_NEW_ATTRIBUTES",
            "BadContinueAsNewAttributes: ContinueAsNewWorkflowExecutionCommandAttributes. Input exceeds size limit.",
            continue_as_new(input=payloads(OVERSIZED)),
        ),
        (
            "BAD_RECORD_MARKER_ATTRIBUTES",
            "BadRecordMarkerAttributes: RecordMarkerCommandAttributes.Details exceeds size limit.",
            record_marker("m", x=OVERSIZED),
        ),
    ],
    ids=["complete", "fail", "activity", "continue as new", "marker"],
)
def test_an_oversized_payload_ends_the_workflow(server, cause, text, command):
    run = server.start()
    with refused(INVALID_ARGUMENT, text):
        run.task().complete(command)
    run.expect(f"""
        ...
        4 WorkflowTaskFailed cause={cause} failure.message='{text}'
        5 WorkflowExecutionTerminated reason='{text}' identity=history-service
    """)


def test_the_owner_of_a_token_decides_the_namespace(server):
    run = server.start()
    run.task().complete(namespace="")
    assert run.text().endswith("4 WorkflowTaskCompleted")


RESPONDERS = [
    "RespondWorkflowTaskCompleted",
    "RespondWorkflowTaskFailed",
    "RespondActivityTaskCompleted",
    "RespondActivityTaskFailed",
    "RespondActivityTaskCanceled",
    "RecordActivityTaskHeartbeat",
]


@pytest.mark.parametrize("rpc", RESPONDERS)
def test_an_empty_task_token_is_refused(server, rpc):
    with refused(INVALID_ARGUMENT, "Task token not set on request."):
        server.call(rpc)


@pytest.mark.parametrize("rpc", RESPONDERS)
def test_a_garbled_task_token_is_refused(server, rpc):
    with refused(INVALID_ARGUMENT, "Error deserializing task token."):
        server.call(rpc, task_token=b"\xff\xff\xff garbage")


def test_a_token_used_in_another_namespace_is_refused(server):
    other = unique("ns")
    server.call("RegisterNamespace", namespace=other, workflow_execution_retention_period=seconds(86400))
    run = server.start()
    task = run.task()
    with refused(INVALID_ARGUMENT, "Operation requested with a token from a different namespace."):
        task.complete(namespace=other)
    task.complete()


def test_what_is_wrong_with_a_completion_is_looked_at_once_its_task_is_found(server):
    behavior = dict(versioning_behavior="VERSIONING_BEHAVIOR_PINNED")
    without_options = (
        "versioning behavior cannot be specified without deployment options being set with versioned mode"
    )
    no_pages = "workflow task completion pagination is disabled for this namespace default"
    run = server.start()
    task = run.task()
    with refused(FAILED_PRECONDITION, no_pages):
        task.complete(intermediate_page=True)
    with refused(INVALID_ARGUMENT, without_options):
        task.complete(complete_workflow(), complete_workflow(), intermediate_page=True, **behavior)
    run.terminate()
    for fields in (dict(intermediate_page=True), dict(page_number=1), behavior):
        with refused(NOT_FOUND, "Workflow task not found.", NotFoundFailure):
            task.complete(**fields)
