"""ResetWorkflowExecution: a new run that begins where an older one stood before one of its workflow tasks ended."""

import time

import pytest
from driver import *
from launch import launch
from updates import idle

BOUNDARY = (
    "StateRebuilder unable to Rebuild mutable state to event ID: {}, version: 0, this event must be at the boundary"
)
NO_TASK = "Can only reset workflow to event ID in range [WorkflowTaskScheduled +1, WorkflowTaskStarted + 1]: {}"
OUT_OF_RANGE = "Workflow task finish ID must be > 1 && <= workflow last event ID."
SOME_RUN_ID = "11111111-1111-4111-8111-111111111111"
LINK = dict(workflow_event=dict(namespace="default", workflow_id="other", run_id=SOME_RUN_ID))
EXCLUDE = "RESET_REAPPLY_EXCLUDE_TYPE_"
EVERYTHING = [EXCLUDE + name for name in ("SIGNAL", "UPDATE", "NEXUS", "CANCEL_REQUEST")]


def reset(run, event_id, **fields):
    fields.setdefault("workflow_execution", run.execution)
    fields.setdefault("request_id", unique("reset"))
    fields.setdefault("reason", "bad deploy")
    response = run.server.call("ResetWorkflowExecution", workflow_task_finish_event_id=event_id, **fields)
    return run.other(response.run_id)


def next_run(run):
    return run.other(attributes_of(run.events()[-1]).new_execution_run_id)


def names(run, first=1):
    return [event_type(event) for event in run.events() if event.event_id >= first]


def eventually(claim):
    """Until it holds: on the real server, what one run does to another takes a moment."""
    give_up = time.monotonic() + 10
    while not claim():
        assert time.monotonic() < give_up, "it never came true"
        time.sleep(0.02)


def wait_for_event(run, name, count=1):
    eventually(lambda: names(run).count(name) == count)


def answer_update(task, update_id, sequencing_event_id, *result):
    """Completes a task with the acceptance of an update and, if there is a result, its outcome."""
    messages = [accept(update_id, sequencing_event_id)]
    if result:
        messages.append(respond(update_id, *result))
    task.complete(*map(place, messages), messages=messages)


def update(run, update_id, *result):
    """An update that the run's worker accepts, and completes if there is a result."""
    call = run.update_later(update_id, "up", update_id, stage="ACCEPTED")
    task = run.task()
    answer_update(task, update_id, task.messages[0].event_id, *result)
    call.result()


# What is wrong with a request


@pytest.mark.parametrize(
    "text, fields",
    [
        ("RequestId is not set on request.", dict(request_id="")),
        ("RequestId length exceeds limit.", dict(request_id="x" * 1001)),
        ("Execution is not set on request.", dict(workflow_execution=None)),
        ("WorkflowId is not set on request.", dict(workflow_execution=dict(run_id="x"))),
        ("Invalid RunId.", dict(workflow_execution=dict(workflow_id="x", run_id="x"))),
    ],
)
def test_bad_requests(server, text, fields):
    with refused(INVALID_ARGUMENT, text):
        reset(idle(server), 4, **fields)


def test_unknown_runs(server):
    run = idle(server)
    with refused(NOT_FOUND, "workflow not found for ID: nobody", NotFoundFailure):
        reset(run, 4, workflow_execution=dict(workflow_id="nobody"))
    text = f'workflow execution not found for workflow ID "{run.workflow_id}" and run ID "{SOME_RUN_ID}"'
    with refused(NOT_FOUND, text, NotFoundFailure):
        reset(run.other(SOME_RUN_ID), 4)


def test_an_unknown_reapply_type(server):
    with pytest.raises(grpc.RpcError) as caught:
        reset(idle(server), 4, reset_reapply_type=77)
    assert caught.value.code() == grpc.StatusCode.INTERNAL


def test_operations_after_the_reset(server):
    run = idle(server)
    text = "unsupported post reset operation: *workflow.PostResetOperation_SignalWorkflow_"
    with refused(INVALID_ARGUMENT, text):
        reset(run, 4, post_reset_operations=[dict(signal_workflow=dict(signal_name="s"))])
    with refused(INVALID_ARGUMENT, "unsupported post reset operation: <nil>"):
        reset(run, 4, post_reset_operations=[{}])
    with refused(INVALID_ARGUMENT, OUT_OF_RANGE):
        reset(run, 99, post_reset_operations=[{}])
    assert run.status() == "RUNNING"
    nothing = dict(update_workflow_options=dict(workflow_execution_options={}, update_mask={}))
    assert names(reset(run, 4, post_reset_operations=[nothing]), 4) == ["WorkflowTaskFailed", "WorkflowTaskScheduled"]


# The points that a run can be reset to


def a_long_run(server):
    run = server.start()
    run.task().complete(start_timer("t", 100), record_marker("m"))
    run.signal("one")
    task = run.task()
    run.signal("two")
    task.complete()
    run.task().fail()
    run.task().complete(run.schedule_activity("a"))
    run.activity().complete()
    run.task().complete(complete_workflow())
    assert run.text() == textwrap.dedent("""\
        1 WorkflowExecutionStarted
        2 WorkflowTaskScheduled
        3 WorkflowTaskStarted
        4 WorkflowTaskCompleted
        5 TimerStarted
        6 MarkerRecorded
        7 WorkflowExecutionSignaled
        8 WorkflowTaskScheduled
        9 WorkflowTaskStarted
        10 WorkflowTaskCompleted
        11 WorkflowExecutionSignaled
        12 WorkflowTaskScheduled
        13 WorkflowTaskStarted
        14 WorkflowTaskFailed
        15 WorkflowTaskScheduled
        16 WorkflowTaskStarted
        17 WorkflowTaskCompleted
        18 ActivityTaskScheduled
        19 ActivityTaskStarted
        20 ActivityTaskCompleted
        21 WorkflowTaskScheduled
        22 WorkflowTaskStarted
        23 WorkflowTaskCompleted
        24 WorkflowExecutionCompleted""")
    return run


def test_which_events_are_points(server):
    run = a_long_run(server)
    points = {3, 4, 9, 10, 13, 14, 15, 17, 22, 23}  # where a workflow task is started, has ended, or is tried again
    for event_id in range(-1, 27):
        if event_id in points:
            assert names(reset(run, event_id))[-1] == "WorkflowTaskScheduled"
            continue
        text = OUT_OF_RANGE if not 1 < event_id <= 24 else BOUNDARY.format(event_id - 1)
        if event_id in (7, 19):
            text = NO_TASK.format(event_id)
        with refused(INVALID_ARGUMENT, text):
            reset(run, event_id)


def test_copied_events_are_the_same_to_the_byte(server):
    run = a_long_run(server)
    events = run.events()
    for event_id in (4, 10, 22):
        assert reset(run, event_id).events()[: event_id - 1] == events[: event_id - 1]


def test_a_refused_reset_leaves_everything_as_it_was(server):
    run = idle(server)
    run.signal()
    with refused(INVALID_ARGUMENT, NO_TASK.format(5)):
        reset(run, 5)
    with refused(INVALID_ARGUMENT, BOUNDARY.format(5)):
        reset(run, 6)
    with refused(INVALID_ARGUMENT, OUT_OF_RANGE):
        reset(run, 7)
    assert run.status() == "RUNNING" and not run.describe().workflow_extended_info.reset_run_id
    run.task().complete(complete_workflow())


def test_a_task_that_is_only_scheduled_is_no_point(server):
    run = server.start()
    for event_id, text in ((2, BOUNDARY.format(1)), (3, OUT_OF_RANGE)):
        with refused(INVALID_ARGUMENT, text):
            reset(run, event_id)


def test_to_a_completed_task(server):
    run = idle(server)
    new = reset(run, 4)
    new.expect(f"""
        1 WorkflowExecutionStarted original_execution_run_id={run.run_id} first_execution_run_id={run.run_id}
        2 WorkflowTaskScheduled
        3 WorkflowTaskStarted identity=worker
        4 WorkflowTaskFailed cause=RESET_WORKFLOW scheduled_event_id=2 started_event_id=3 identity=history-service failure.message='bad deploy' failure.reset_workflow_failure_info={{}} failure.source=- base_run_id={run.run_id} new_run_id={new.run_id} fork_event_version=-
        5 WorkflowTaskScheduled attempt=1 task_queue.name={run.queue} task_queue.kind=NORMAL
    """)
    run.expect("""
        ...
        4 WorkflowTaskCompleted
        5 WorkflowExecutionTerminated reason='bad deploy' identity=history-resetter details=-
    """)
    task = new.task()
    assert (task.previous_started_event_id, task.started_event_id, task.attempt) == (0, 6, 1)
    task.complete(complete_workflow("fixed"))
    assert new.status() == "COMPLETED" and run.status() == "TERMINATED"


def test_to_a_started_task(server):
    run = idle(server)
    reset(run, 3).expect("""
        ...
        3 WorkflowTaskStarted scheduled_event_id=2 identity=history-service request_id=emptyUuid
        4 WorkflowTaskFailed started_event_id=3 cause=RESET_WORKFLOW
        5 WorkflowTaskScheduled
    """)


def test_to_a_task_that_is_started_now(server):
    run = idle(server)
    run.signal("one")
    task = run.task()
    run.signal("waits")
    new = reset(run, 7)
    run.expect("""
        ...
        7 WorkflowTaskStarted
        8 WorkflowTaskFailed cause=FORCE_CLOSE_COMMAND
        9 WorkflowExecutionSignaled signal_name=waits
        10 WorkflowExecutionTerminated
    """)
    new.expect("""
        ...
        5 WorkflowExecutionSignaled signal_name=one
        6 WorkflowTaskScheduled
        7 WorkflowTaskStarted identity=history-service
        8 WorkflowTaskFailed cause=RESET_WORKFLOW
        9 WorkflowExecutionSignaled signal_name=waits
        10 WorkflowTaskScheduled
    """)
    with refused(NOT_FOUND, "Workflow task not found.", NotFoundFailure):
        task.complete()


def test_to_the_event_after_a_failed_task(server):
    run = a_long_run(server)
    reset(run, 15).expect("""
        ...
        14 WorkflowTaskFailed cause=WORKFLOW_WORKER_UNHANDLED_FAILURE
        15 WorkflowTaskScheduled attempt=1 start_to_close_timeout=10s
        16 WorkflowTaskStarted identity=history-service
        17 WorkflowTaskFailed cause=RESET_WORKFLOW scheduled_event_id=15 started_event_id=16
        18 WorkflowTaskScheduled attempt=1
    """)


def test_a_task_that_timed_out(server):
    run = server.start(workflow_task_timeout=seconds(1))
    run.task()
    wait_for_event(run, "WorkflowTaskTimedOut")
    run.signal()
    assert names(reset(run, 4), 4) == ["WorkflowTaskFailed", "WorkflowExecutionSignaled", "WorkflowTaskScheduled"]


# What the new run is


def test_what_is_described(server):
    run = server.start(workflow_start_delay=seconds(0.5), memo=dict(fields={"m": payload(1)}), request_id="began")
    run.task().complete()
    new = reset(run, 4)
    old, described = run.describe(), new.describe()
    info, extended = described.workflow_execution_info, described.workflow_extended_info
    begun = info.start_time.ToNanoseconds()
    assert begun > old.workflow_execution_info.start_time.ToNanoseconds()
    assert extended.last_reset_time == info.start_time
    assert extended.original_start_time == old.workflow_execution_info.start_time
    assert info.execution_time.ToNanoseconds() - begun == 500_000_000  # of no consequence, but shown
    assert info.first_run_id == run.run_id and info.root_execution.run_id == new.run_id
    assert value_of(info.memo.fields["m"]) == 1
    assert (info.history_length, info.state_transition_count) == (5, 2)
    assert extended.request_id_infos["began"].event_id == 1
    assert not extended.reset_run_id and old.workflow_extended_info.reset_run_id == new.run_id
    assert not old.workflow_extended_info.HasField("last_reset_time")
    current = server.call("DescribeWorkflowExecution", execution=dict(workflow_id=run.workflow_id))
    assert current.workflow_execution_info.execution.run_id == new.run_id


def test_time_outs_begin_anew(server):
    run = server.start(workflow_run_timeout=seconds(50), workflow_execution_timeout=seconds(60))
    run.task().complete()
    time.sleep(0.5)
    new = reset(run, 4).describe()
    begun = new.workflow_execution_info.start_time.ToNanoseconds()
    extended = new.workflow_extended_info
    for expires, after in ((extended.run_expiration_time, 50), (extended.execution_expiration_time, 60)):
        assert 0 <= expires.ToNanoseconds() - begun - after * 1_000_000_000 < 200_000_000


def test_the_run_time_out_ends_the_new_run(server):
    run = server.start(workflow_run_timeout=seconds(1))
    run.task().complete()
    time.sleep(0.6)
    new = reset(run, 4)
    time.sleep(0.6)
    assert new.status() == "RUNNING"
    assert event_type(new.wait_closed()) == "WorkflowExecutionTimedOut"


def test_a_closed_run(server):
    run = idle(server)
    run.signal("one")
    run.task().complete(complete_workflow())
    closed = run.events()
    new = reset(run, 4)
    new.expect("""
        ...
        4 WorkflowTaskFailed
        5 WorkflowExecutionSignaled signal_name=one
        6 WorkflowTaskScheduled
    """)
    assert run.events() == closed and run.status() == "COMPLETED"
    assert run.describe().workflow_extended_info.reset_run_id == new.run_id


def test_the_last_task_of_a_closed_run(server):
    run = server.start()
    run.task().complete(fail_workflow())
    new = reset(run, 4)
    new.task().complete(complete_workflow())
    assert (run.status(), new.status()) == ("FAILED", "COMPLETED")


def test_without_a_run_id_it_is_the_current_run(server):
    run = idle(server)
    new = reset(run, 4, workflow_execution=dict(workflow_id=run.workflow_id))
    assert attributes_of(new.events()[3]).base_run_id == run.run_id


def test_a_run_that_is_not_current(server):
    run = idle(server)
    run.signal("one")
    run.task().complete(complete_workflow())
    other = server.start(workflow_id=run.workflow_id, task_queue=dict(name=run.queue))
    other.signal("two")
    new = reset(run, 4)
    assert names(other)[-1] == "WorkflowExecutionTerminated"
    assert not other.describe().workflow_extended_info.reset_run_id
    new.expect("""
        ...
        4 WorkflowTaskFailed
        5 WorkflowExecutionSignaled signal_name=one
        6 WorkflowTaskScheduled
    """)


def test_two_resets_in_a_row(server):
    run = idle(server)
    run.signal("one")
    run.task().complete()
    first = reset(run, 4)
    first.signal("two")
    second = reset(first, 4)
    second.expect(f"""
        ...
        4 WorkflowTaskFailed cause=RESET_WORKFLOW base_run_id={first.run_id} new_run_id={second.run_id}
        5 WorkflowExecutionSignaled signal_name=one
        6 WorkflowExecutionSignaled signal_name=two
        7 WorkflowTaskScheduled
    """)
    second.task().complete()
    third = reset(second, 9)
    third.expect(f"""
        ...
        4 WorkflowTaskFailed base_run_id={first.run_id}
        5 WorkflowExecutionSignaled signal_name=one
        6 WorkflowExecutionSignaled signal_name=two
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted identity=worker
        9 WorkflowTaskFailed base_run_id={second.run_id} new_run_id={third.run_id}
        10 WorkflowTaskScheduled
    """)
    infos = [other.describe().workflow_extended_info for other in (run, first, second, third)]
    assert [info.reset_run_id for info in infos] == [first.run_id, second.run_id, third.run_id, ""]
    assert infos[3].original_start_time == infos[0].original_start_time
    third.task().complete(complete_workflow())
    again = reset(run, 4)  # of the first run once more
    assert run.describe().workflow_extended_info.reset_run_id == again.run_id
    assert [event.event_id for event in again.events()] == [1, 2, 3, 4, 5, 6]


def test_request_ids(server):
    began = unique("began")
    run = server.start(request_id=began)
    run.task().complete()
    assert reset(run, 4, request_id=began).run_id == run.run_id  # that which made the current run: nothing happens
    first = reset(run, 4, request_id="same")
    second = reset(run, 4, request_id="same")  # the request id of a reset is not kept
    assert first.run_id != second.run_id and first.status() == "TERMINATED"
    assert server.start(workflow_id=run.workflow_id, request_id=began).run_id == second.run_id


# What is reapplied


def test_signals_keep_what_they_carry(server):
    sender, run = server.start(), idle(server)
    run.signal("one", 7, header=dict(fields={"h": payload(1)}), links=[LINK], request_id="r1")
    sender.task().complete(signal_external(run.workflow_id, "two"))
    wait_for_event(run, "WorkflowExecutionSignaled", 2)
    new = reset(run, 4)
    (one, two) = new.events()[4:6]
    was = run.events()[4]
    assert attributes_of(one) == attributes_of(was) and list(one.links) == list(was.links)
    assert one.event_time.ToNanoseconds() > was.event_time.ToNanoseconds()
    assert attributes_of(two).signal_name == "two" and not attributes_of(two).HasField("external_workflow_execution")


def test_cancel_requests_and_terminations_are_not_reapplied(server):
    run = idle(server)
    run.cancel()
    run.task().complete()
    run.terminate()
    new = reset(run, 4)
    assert names(new, 4) == ["WorkflowTaskFailed", "WorkflowTaskScheduled"]
    assert not new.describe().workflow_extended_info.cancel_requested


def test_a_start_that_has_joined_is_reapplied(server):
    run = idle(server)
    server.start(
        workflow_id=run.workflow_id,
        workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING",
        on_conflict_options=dict(attach_request_id=True, attach_links=True, attach_completion_callbacks=True),
        request_id="joins",
        links=[LINK],
    )
    new = reset(run, 4, reset_reapply_exclude_types=EVERYTHING[:2])
    new.expect("""
        ...
        4 WorkflowTaskFailed
        5 WorkflowExecutionOptionsUpdated attached_request_id=joins worker_may_ignore=true
        6 WorkflowTaskScheduled
    """)
    assert new.describe().workflow_extended_info.request_id_infos["joins"].event_id == 5
    assert len(new.events()[4].links) == 1


def test_updates_are_admitted_again(server):
    run = idle(server)
    update(run, "u1", "done")
    run.signal("between")
    update(run, "u2")
    waits = run.update_later("u3")
    run.task()
    new = reset(run, 4)
    with refused(NOT_FOUND, "workflow update was aborted by closing workflow", NotFoundFailure):
        waits.result()
    new.expect("""
        ...
        4 WorkflowTaskFailed
        5 WorkflowExecutionUpdateAdmitted request.meta.update_id=u1 request.input.args='"u1"' origin=REAPPLY
        6 WorkflowExecutionSignaled signal_name=between
        7 WorkflowExecutionUpdateAdmitted request.meta.update_id=u2 origin=REAPPLY
        8 WorkflowTaskScheduled
    """)
    waits = new.update_later("u1")
    task = new.task()
    assert not task.messages  # the worker reads it in the event
    answer_update(task, "u1", 5, "again")
    response = waits.result()
    assert value_of(response.outcome.success) == "again" and response.update_ref.workflow_execution.run_id == new.run_id
    new.expect("""
        ...
        10 WorkflowTaskCompleted
        11 WorkflowExecutionUpdateAccepted protocol_instance_id=u1 accepted_request_message_id=u1/request accepted_request_sequencing_event_id=5 accepted_request=-
        12 WorkflowExecutionUpdateCompleted accepted_event_id=11 meta.update_id=u1
    """)
    second = reset(new, 4)  # the admitted ones are reapplied as such; what accepted them is not
    admitted = ["WorkflowExecutionUpdateAdmitted", "WorkflowExecutionSignaled", "WorkflowExecutionUpdateAdmitted"]
    assert names(second, 5) == admitted + ["WorkflowTaskScheduled"]
    third = reset(new, 10)
    assert names(third, 9) == ["WorkflowTaskStarted", "WorkflowTaskFailed", "WorkflowTaskScheduled"]
    answer_update(third.task(), "u1", 5, "once more")
    accepted = ["WorkflowExecutionUpdateAccepted", "WorkflowExecutionUpdateCompleted"]
    assert names(third, 13) == ["WorkflowTaskCompleted"] + accepted


SIGNALED, ADMITTED = "WorkflowExecutionSignaled", "WorkflowExecutionUpdateAdmitted"


@pytest.mark.parametrize(
    "fields, reapplied",
    [
        (dict(), [SIGNALED, ADMITTED]),
        (dict(reset_reapply_type="RESET_REAPPLY_TYPE_ALL_ELIGIBLE"), [SIGNALED, ADMITTED]),
        (dict(reset_reapply_type="RESET_REAPPLY_TYPE_SIGNAL"), [SIGNALED]),
        (dict(reset_reapply_type="RESET_REAPPLY_TYPE_NONE"), []),
        (dict(reset_reapply_exclude_types=[EXCLUDE + "SIGNAL"]), [ADMITTED]),
        (dict(reset_reapply_exclude_types=[EXCLUDE + "UPDATE"]), [SIGNALED]),
        (dict(reset_reapply_exclude_types=[EXCLUDE + "NEXUS", EXCLUDE + "CANCEL_REQUEST"]), [SIGNALED, ADMITTED]),
        (dict(reset_reapply_exclude_types=EVERYTHING), []),
        (
            dict(reset_reapply_type="RESET_REAPPLY_TYPE_SIGNAL", reset_reapply_exclude_types=[EXCLUDE + "SIGNAL"]),
            [],
        ),
    ],
)
def test_exclusions(server, fields, reapplied):
    run = idle(server)
    run.signal()
    update(run, "u")
    assert names(reset(run, 4, **fields), 5) == reapplied + ["WorkflowTaskScheduled"]


def test_through_continue_as_new(server):
    first = idle(server)
    first.signal("a")
    first.task().complete(continue_as_new())
    second = next_run(first)
    second.signal("b")
    update(second, "u")
    second.signal("c")
    second.task().complete(continue_as_new())
    third = next_run(second)
    third.signal("d")
    third.task()
    third.signal("waits")
    new = reset(first, 4)
    new.expect("""
        ...
        4 WorkflowTaskFailed
        5 WorkflowExecutionSignaled signal_name=a
        6 WorkflowExecutionSignaled signal_name=b
        7 WorkflowExecutionUpdateAdmitted request.meta.update_id=u
        8 WorkflowExecutionSignaled signal_name=c
        9 WorkflowExecutionSignaled signal_name=d
        10 WorkflowExecutionSignaled signal_name=waits
        11 WorkflowTaskScheduled
    """)
    assert third.status() == "TERMINATED" and not third.describe().workflow_extended_info.reset_run_id
    assert first.describe().workflow_extended_info.reset_run_id == new.run_id
    assert new.describe().workflow_execution_info.first_run_id == first.run_id
    again = reset(second, 5)
    signals = [attributes_of(event).signal_name for event in again.events() if event_type(event) == SIGNALED]
    assert signals == ["b", "c", "d", "waits"]
    assert again.describe().workflow_execution_info.first_run_id == first.run_id


@pytest.mark.fermata_only  # the real server fails with an internal error
def test_an_update_id_that_two_runs_of_a_chain_have_used(server):
    first = idle(server)
    update(first, "u")
    first.signal()
    first.task().complete(continue_as_new())
    second = next_run(first)
    second.task().complete()
    update(second, "u")
    assert names(reset(first, 4), 5) == [ADMITTED, SIGNALED, "WorkflowTaskScheduled"]


def test_not_through_retries(server):
    run = server.start(retry_policy=dict(initial_interval=seconds(0.1)))
    run.task().complete()
    run.signal("one")
    run.task().complete(fail_workflow())
    second = next_run(run)
    second.signal("two")
    new = reset(run, 4)
    assert names(new, 5) == [SIGNALED, "WorkflowTaskScheduled"] and second.status() == "TERMINATED"


# Activities and timers


def test_pending_activities_begin_anew(server):
    run = server.start()
    limits = dict(schedule_to_close_timeout=seconds(30), retry_policy=dict(initial_interval=seconds(20)))
    run.task().complete(run.schedule_activity("a", **limits), run.schedule_activity("b", **limits))
    started, failed = run.activity(), run.activity()
    started.heartbeat("so far")
    failed.fail()
    run.signal()
    run.task().complete()
    new = reset(run, 10)
    assert "ActivityTaskStarted" not in names(new)
    described = new.describe()
    begun = described.workflow_execution_info.start_time
    was = {a.activity_id: a for a in run.describe().pending_activities}
    for activity in described.pending_activities:
        assert (activity.attempt, activity.state, activity.scheduled_time) == (1, 1, begun)
        assert activity.expiration_time == was[activity.activity_id].expiration_time
        assert not activity.HasField("last_failure") and not activity.HasField("heartbeat_details")
    with refused(NOT_FOUND, "workflow execution already completed", NotFoundFailure):
        started.complete()
    again = {activity.activity_id: activity for activity in (new.activity(), new.activity())}
    assert [again[name].attempt for name in ("a", "b")] == [1, 1]
    assert not again[started.activity_id].HasField("heartbeat_details")
    assert again["a"].scheduled_time == run.events()[4].event_time
    assert again["a"].current_attempt_scheduled_time == begun
    again["a"].complete("done")
    assert names(new, 12)[:2] == ["ActivityTaskStarted", "ActivityTaskCompleted"]


@pytest.mark.fermata_only  # the real server forgets this time-out when it resets
def test_schedule_to_close_counts_from_the_reset(server):
    run = server.start()
    activity = run.schedule_activity("a", schedule_to_close_timeout=seconds(1))
    run.task().complete(activity, force_create_new_workflow_task=True)
    run.task().complete()
    time.sleep(0.6)
    new = reset(run, 8)
    time.sleep(0.6)
    assert "ActivityTaskTimedOut" not in names(new)
    wait_for_event(new, "ActivityTaskTimedOut")


def test_an_activity_that_ended_before_the_point_is_over(server):
    run = server.start()
    run.task().complete(run.schedule_activity("a"))
    run.activity().complete()
    run.task().complete(run.schedule_activity("b"))
    run.activity().complete()
    new = reset(run, 10)
    assert not new.describe().pending_activities
    new.no_activity()


def test_timers_run_on_from_when_they_were_started(server):
    run = server.start()
    run.task().complete(start_timer("over", 0.1), start_timer("soon", 1), force_create_new_workflow_task=True)
    task = run.task()
    time.sleep(0.3)
    task.complete()  # the first timer has fired
    new = reset(run, 9)
    wait_for_event(new, "TimerFired", 2)
    (over, soon) = [event for event in new.events() if event_type(event) == "TimerFired"]
    assert (attributes_of(over).timer_id, attributes_of(soon).timer_id) == ("over", "soon")
    started = run.events()[5]
    assert attributes_of(started).timer_id == "soon"
    assert 1 <= (soon.event_time.ToNanoseconds() - started.event_time.ToNanoseconds()) / 1e9 < 1.5


# Children and other workflows


class Family:
    """A parent with one child that runs, and what happens to the child."""

    def __init__(self, server, **attributes):
        self.server, self.parent = server, server.start()
        self.child_id, self.queue = unique("child"), unique("children")
        self.start = start_child(self.child_id, self.queue, **attributes)

    def begin(self):
        """Events 1 to 9: the child has been started, and the task that saw that is done."""
        self.parent.task().complete(self.start)
        wait_for_event(self.parent, "ChildWorkflowExecutionStarted")
        self.parent.task().complete()

    @property
    def child(self):
        described = self.server.call("DescribeWorkflowExecution", execution=dict(workflow_id=self.child_id))
        return Run(self.server, self.child_id, described.workflow_execution_info.execution.run_id, self.queue)


def test_a_pending_child_stays_and_is_linked_to_the_new_run(server):
    family = Family(server)
    family.begin()
    child = family.child
    new = reset(family.parent, 9)
    (pending,) = new.describe().pending_children
    assert (pending.workflow_id, pending.run_id, pending.initiated_id) == (child.workflow_id, child.run_id, 5)
    time.sleep(0.3)
    assert child.status() == "RUNNING"  # no parent close policy
    again = reset(new, 9)
    child.task().complete(complete_workflow("from the child"))
    wait_for_event(again, "ChildWorkflowExecutionCompleted")
    again.expect(f"""
        ...
        10 WorkflowTaskScheduled
        11 ChildWorkflowExecutionCompleted result='"from the child"' initiated_event_id=5 started_event_id=6 workflow_execution.run_id={child.run_id}
    """)
    assert child.describe().workflow_execution_info.parent_execution.run_id == family.parent.run_id


def test_a_child_that_was_started_after_the_point_runs_on_by_itself(server):
    family = Family(server)
    family.parent.task().complete(family.start)
    wait_for_event(family.parent, "ChildWorkflowExecutionStarted")
    child = family.child
    new = reset(family.parent, 4)
    assert not new.describe().pending_children
    new.task().complete(family.start)
    wait_for_event(new, "StartChildWorkflowExecutionFailed")
    child.task().complete(complete_workflow())
    time.sleep(0.3)
    assert child.status() == "COMPLETED" and "ChildWorkflowExecutionCompleted" not in names(new)


def test_what_has_become_of_a_child_is_reapplied(server):
    family = Family(server)
    family.begin()
    family.child.task().complete(fail_workflow(application_failure("no")))
    wait_for_event(family.parent, "ChildWorkflowExecutionFailed")
    new = reset(family.parent, 9)
    new.expect("""
        ...
        9 WorkflowTaskFailed
        10 ChildWorkflowExecutionFailed failure.message=no initiated_event_id=5 started_event_id=6
        11 WorkflowTaskScheduled
    """)
    assert not new.describe().pending_children


def test_the_start_of_a_child_is_reapplied(server):
    family = Family(server)
    family.parent.task().complete(family.start, force_create_new_workflow_task=True)
    wait_for_event(family.parent, "ChildWorkflowExecutionStarted")
    family.parent.task().complete()
    new = reset(family.parent, 7)
    new.expect(f"""
        ...
        7 WorkflowTaskStarted
        8 WorkflowTaskFailed
        9 ChildWorkflowExecutionStarted initiated_event_id=5 workflow_execution.run_id={family.child.run_id}
        10 WorkflowTaskScheduled
    """)
    family.child.task().complete(complete_workflow())
    wait_for_event(new, "ChildWorkflowExecutionCompleted")


def test_a_child_is_found_again_although_its_start_is_not_reapplied(server):
    family = Family(server)
    family.parent.task().complete(family.start, force_create_new_workflow_task=True)
    wait_for_event(family.parent, "ChildWorkflowExecutionStarted")
    family.parent.task().complete()
    new = reset(family.parent, 7, reset_reapply_exclude_types=EVERYTHING)
    wait_for_event(new, "ChildWorkflowExecutionStarted")
    new.expect(f"""
        ...
        8 WorkflowTaskFailed
        9 WorkflowTaskScheduled
        10 ChildWorkflowExecutionStarted initiated_event_id=5 workflow_execution.run_id={family.child.run_id}
    """)
    family.child.task().complete(complete_workflow())
    wait_for_event(new, "ChildWorkflowExecutionCompleted")
    assert names(family.child) == names(family.child)[:5]


def test_children_of_a_later_run_get_their_parent_close_policy(server):
    first = idle(server)
    first.signal()
    first.task().complete(continue_as_new())
    family = Family(server)
    family.parent = next_run(first)
    family.parent.task().complete(family.start)
    wait_for_event(family.parent, "ChildWorkflowExecutionStarted")
    reset(first, 4)
    eventually(lambda: family.child.status() == "TERMINATED")


def test_the_reset_of_a_child(server):
    family = Family(server)
    family.begin()
    child = family.child
    child.task().complete()
    new = reset(child, 4)
    time.sleep(0.3)
    assert names(family.parent)[-1] == "WorkflowTaskCompleted"  # it is not told of the termination
    assert new.describe().workflow_execution_info.parent_execution.run_id == family.parent.run_id
    new.task().complete(complete_workflow("late"))
    wait_for_event(family.parent, "ChildWorkflowExecutionCompleted")
    family.parent.expect(f"""
        ...
        10 ChildWorkflowExecutionCompleted result='"late"' workflow_execution.run_id={new.run_id}
        11 WorkflowTaskScheduled
    """)


def test_a_signal_without_a_result_is_sent_again(server):
    run, target = server.start(), idle(server)
    run.task().complete(signal_external(target.workflow_id, "s"), force_create_new_workflow_task=True)
    wait_for_event(run, "ExternalWorkflowExecutionSignaled")
    run.task().complete()
    new = reset(run, 7)
    wait_for_event(new, "ExternalWorkflowExecutionSignaled")
    wait_for_event(target, "WorkflowExecutionSignaled", 2)


@pytest.mark.fermata_only  # needs a server that can be started again
def test_a_reset_outlives_the_server(fermata_exe, tmp_path):
    database = ("--db-filename", str(tmp_path / "reset.db"))
    with launch(fermata_exe, *database) as launched, Server(launched.address) as server:
        family = Family(server)
        family.parent.task().complete(family.start, family.parent.schedule_activity("a"))
        wait_for_event(family.parent, "ChildWorkflowExecutionStarted")
        family.parent.activity()
        family.parent.task()
        new = reset(reset(family.parent, 9), 9)
        before, described = new.events(), new.describe().workflow_execution_info
    with launch(fermata_exe, *database) as launched, Server(launched.address) as server:
        for run in (new, family.parent):
            run.server = server
        family.server = server
        assert new.events() == before and new.describe().workflow_execution_info == described
        assert new.activity().attempt == 1
        family.child.task().complete(complete_workflow())
        wait_for_event(new, "ChildWorkflowExecutionCompleted")
        assert family.parent.describe().workflow_extended_info.reset_run_id
        new.task().complete(complete_workflow())
        assert new.status() == "COMPLETED"
