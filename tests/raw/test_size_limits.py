"""Runs that have become too large, by the real server's own limits: 51,200 events, 50 MiB of history, 8 MiB of state, 4 MiB
in one transaction. What goes beyond does not happen; the run is terminated instead, and whoever asked is told why."""

import re

from updates import *

COUNT = "Workflow history count exceeds limit."
SIZE = "Workflow history size exceeds limit."
STATE = "Workflow mutable state size exceeds limit."
TRANSACTION = re.compile(r"transaction size of (\d+) bytes exceeds limit of 4194304 bytes")
BIG = "x" * 1_900_000  # as much as fits into a payload, nearly


def markers(count):
    return [record_marker("m")] * count


def long_run(server):
    """A run with 51,192 events, the last of which is a WorkflowTaskScheduled."""
    run = server.start()
    for _ in range(5):
        run.task().complete(*markers(10235), force_create_new_workflow_task=True)
    return run


def terminated(run, reason):
    last = run.events()[-1]
    assert event_type(last) == "WorkflowExecutionTerminated"
    assert attributes_of(last).reason == reason and attributes_of(last).identity == "history-service"
    assert run.status() == "TERMINATED"
    return attributes_of(last)


def test_a_completion_that_makes_the_history_too_long_ends_the_run_and_has_no_effect(server):
    run = long_run(server)
    task = run.task()
    update = run.send_update("u")
    with refused(INVALID_ARGUMENT, COUNT):
        task.complete(*markers(100))
    with refused(NOT_FOUND, "workflow update was aborted by closing workflow", NotFoundFailure):
        update.result()
    terminated(run, COUNT)
    run.expect("""
        ...
        51193 WorkflowTaskStarted
        51194 WorkflowTaskFailed cause=FORCE_CLOSE_COMMAND
        51195 WorkflowExecutionTerminated
    """)


def test_a_completion_that_closes_the_run_may_make_it_as_long_as_it_likes(server):
    run = long_run(server)
    run.task().complete(*markers(100), continue_as_new())
    assert run.events()[-1].event_id == 51295 and run.status() == "CONTINUED_AS_NEW"


def test_the_signal_after_the_last_that_fits_ends_the_run(server):
    run = long_run(server)
    for _ in range(9):
        run.signal()
    with refused(INVALID_ARGUMENT, COUNT):
        run.signal()
    terminated(run, COUNT)
    run.expect("""
        ...
        51201 WorkflowExecutionSignaled
        51202 WorkflowExecutionTerminated
    """)


def test_a_history_that_is_too_large_ends_with_the_next_change(server):
    run = server.start()
    for _ in range(28):  # 53 MB
        run.signal("s", BIG)
    with refused(INVALID_ARGUMENT, SIZE):
        run.signal("small")
    terminated(run, SIZE)


def heartbeat(activity, details):
    activity.run.server.call("RecordActivityTaskHeartbeat", task_token=activity.task_token, details=payloads(details))


def run_with_activities(server, count, **fields):
    run = server.start(**fields)
    run.task().complete(*(run.schedule_activity(str(n), start_to_close_timeout=seconds(60)) for n in range(count)))
    return run, [run.activity() for _ in range(count)]


def test_heartbeat_details_of_many_activities_can_be_too_much(server):
    run, activities = run_with_activities(server, 5)
    for activity in activities[:4]:
        heartbeat(activity, BIG)
    with refused(INVALID_ARGUMENT, STATE):
        heartbeat(activities[4], BIG)
    terminated(run, STATE)
    assert [event_type(event) for event in run.events()[-2:]] == ["ActivityTaskScheduled", "WorkflowExecutionTerminated"]


def test_what_is_buffered_counts_as_state_and_is_in_the_history_at_the_end(server):
    run, activities = run_with_activities(server, 5)
    for activity in activities[:4]:
        heartbeat(activity, BIG)
    heartbeat(activities[4], "x" * 760_000)
    run.signal()
    run.task()
    for _ in range(2):
        run.signal("buffered", "x" * 10_000)
    with refused(INVALID_ARGUMENT, STATE):
        run.signal("one too many", "x" * 10_000)
    terminated(run, STATE)
    run.expect("""
        ...
        12 WorkflowTaskStarted
        13 WorkflowTaskFailed cause=FORCE_CLOSE_COMMAND
        14 WorkflowExecutionSignaled signal_name=buffered
        15 WorkflowExecutionSignaled signal_name=buffered
        16 WorkflowExecutionTerminated
    """)


def test_memo_counts_as_state_and_inputs_do_not(server):
    run, activities = run_with_activities(server, 4, memo=dict(fields=entries(dict(big=BIG))))
    for activity in activities[:3]:
        heartbeat(activity, BIG)
    run.signal()
    run.task().complete(*(run.schedule_activity(f"b{n}", input=payloads("y" * 900_000)) for n in range(4)))
    update = run.send_update("u")
    with refused(INVALID_ARGUMENT, STATE):
        heartbeat(activities[3], BIG)
    with refused(NOT_FOUND, "workflow update was aborted by closing workflow", NotFoundFailure):
        update.result()
    terminated(run, STATE)


def test_a_completion_with_what_was_buffered_can_be_too_large_for_one_transaction(server):
    run = server.start()
    task = run.task()
    run.signal("buffered", "y" * 1_500_000)
    with refused(INVALID_ARGUMENT, TRANSACTION) as refusal:
        task.complete(*[record_marker("m", a=BIG)] * 2)
    assert 5_300_000 < int(TRANSACTION.fullmatch(refusal.message)[1]) < 5_301_000
    assert value_of(terminated(run, "Transaction size exceeds limit.").details) == refusal.message
    run.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowTaskScheduled
        3 WorkflowTaskStarted
        4 WorkflowTaskFailed cause=FORCE_CLOSE_COMMAND
        5 WorkflowExecutionSignaled
        6 WorkflowExecutionTerminated
    """)


def test_a_speculative_task_whose_completion_is_too_large_for_one_transaction_leaves_no_trace(server):
    run = idle(server)
    waiting = run.send_update("u", "up", BIG)
    task = run.task()
    late = run.send_update("late")
    accepted = accept("u", task.started_event_id - 1)
    with refused(INVALID_ARGUMENT, TRANSACTION):
        task.complete(place(accepted), *[record_marker("m", a=BIG)] * 2, messages=[accepted])
    for answer in (waiting, late):
        with refused(NOT_FOUND, "workflow execution already completed", NotFoundFailure):
            answer.result()
    terminated(run, "Transaction size exceeds limit.")
    run.expect(IDLE + "5 WorkflowExecutionTerminated")


def test_a_speculative_task_whose_completion_makes_the_history_too_long_leaves_no_trace(server):
    run = long_run(server)
    run.task().complete()
    before = len(run.events())
    waiting = run.send_update("seen")
    task = run.task()
    late = run.send_update("late")
    with refused(INVALID_ARGUMENT, COUNT):
        task.complete(*markers(100))
    cut_off = "Workflow Update failed because the Workflow completed before the Update completed."
    assert answer_of(waiting.result()) == ("COMPLETED", cut_off)  # as if it had been accepted
    with refused(NOT_FOUND, ABORTED_BY_CLOSE, NotFoundFailure):
        late.result()
    terminated(run, COUNT)
    assert len(run.events()) == before + 1


def test_a_start_with_a_signal_can_be_too_large_for_one_transaction(server):
    def start(**fields):
        server.call(
            "SignalWithStartWorkflowExecution",
            workflow_id=workflow_id,
            workflow_type=dict(name="wf"),
            task_queue=dict(name=unique("queue")),
            input=payloads("x" * 2_090_000),
            signal_name="s",
            signal_input=payloads("x" * 2_080_000),
            request_id=str(uuid.uuid4()),
            **fields,
        )

    workflow_id = unique("wf")
    with refused(INVALID_ARGUMENT, TRANSACTION):  # the header goes into both events
        start(header=dict(fields=entries(dict(h="x" * 15_000))))
    with refused(NOT_FOUND, None, NotFoundFailure):
        server.call("DescribeWorkflowExecution", execution=dict(workflow_id=workflow_id))
    start()
