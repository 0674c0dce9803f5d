"""Resets: to which points, what is applied again, and what becomes of what was pending."""

from driver import *
from world import scenario


def reset(world, run, event_id, request_id="reset", **fields):
    """Resets a run, and returns the new one."""
    fields.setdefault("reason", "why")
    response = world.call(
        "ResetWorkflowExecution",
        workflow_execution=run.execution,
        workflow_task_finish_event_id=event_id,
        request_id=request_id,
        identity="client",
        **fields,
    )
    return world.run(run.workflow_id, response.run_id, run.queue)


def two_tasks(world, **fields):
    """1 Started 2 S 3 R 4 C 5 Marker 6 Signaled 7 S 8 R 9 C 10 TimerStarted"""
    run = world.start(**fields)
    run.task().complete(record_marker("m"))
    run.signal("between", 1)
    run.task().complete(start_timer("t", 100))
    return run


@scenario
def to_the_first_task(world):
    run = two_tasks(world)
    again = reset(world, run, 4)
    again.describe()
    again.task().complete(complete_workflow())


@scenario
def to_the_last_task(world):
    run = two_tasks(world)
    run.signal("afterwards", 2)
    again = reset(world, run, 9)
    again.task().complete(complete_workflow())


@scenario
def to_a_started_task(world):
    run = two_tasks(world)
    again = reset(world, run, 8)
    again.task().complete(complete_workflow())


@scenario
def of_a_closed_run(world):
    run = two_tasks(world)
    run.signal()
    run.task().complete(complete_workflow("wrong"))
    again = reset(world, run, 9)
    again.task().complete(complete_workflow("right"))


@scenario
def while_a_task_runs(world):
    run = two_tasks(world)
    run.signal("third")
    task = run.task()
    run.signal("held back")
    again = reset(world, run, 9)
    with world.refused():
        task.complete()
    again.task().complete(complete_workflow())


@scenario
def to_the_task_that_runs(world):
    run = two_tasks(world)
    run.signal("third")
    run.task()
    run.signal("held back")
    again = reset(world, run, 13)
    again.task().complete(complete_workflow())


@scenario
def two_in_a_row(world):
    run = two_tasks(world)
    run.signal("afterwards", 2)
    second = reset(world, run, 9)
    second.task().complete(record_marker("again"))
    second.signal("to the second run")
    third = reset(world, second, 4, "another reset")
    third.task().complete(complete_workflow())


@scenario
def two_of_the_same_run(world):
    run = two_tasks(world)
    second = reset(world, run, 9)
    second.signal("to the second run")
    third = reset(world, run, 4, "another reset")
    third.task().complete(complete_workflow())


@scenario
def the_same_request_again(world):
    run = two_tasks(world)
    reset(world, run, 9)
    reset(world, run, 9)


@scenario
def without_applying_signals_again(world):
    run = two_tasks(world)
    run.signal("afterwards", 2)
    again = reset(world, run, 4, reset_reapply_exclude_types=["RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL"])
    again.task().complete(complete_workflow())
    none = reset(world, again, 4, "another reset", reset_reapply_type="RESET_REAPPLY_TYPE_NONE")
    none.task().complete(complete_workflow())


@scenario
def after_continue_as_new(world):
    """Signals of the runs that followed are applied again, too."""
    run = two_tasks(world)
    run.signal("afterwards")
    run.task().complete(continue_as_new(backoff_start_interval=seconds(600)))
    second = world.next_run(run)
    second.signal("to the next run")
    again = reset(world, run, 9)
    again.task().complete(complete_workflow())


@scenario
def pending_activities(world):
    run = world.start()
    run.task().complete(
        run.schedule_activity("started"),
        schedule_activity("waiting", world.id("other"), retry_policy=dict(initial_interval=seconds(600))),
        start_timer("t", 100),
    )
    old = run.activity()
    run.activity(task_queue=dict(name=world.id("other"))).fail()
    run.signal()
    run.task().complete(record_marker("m"))
    again = reset(world, run, 11)
    with world.refused():
        old.complete()
    again.describe()
    again.activity().complete("by the new run's")
    again.activity(task_queue=dict(name=world.id("other"))).complete("this too")
    again.task().complete(complete_workflow())


@scenario
def a_timer_goes_on(world):
    run = world.start()
    run.task().complete(start_timer("t", 0.2))
    run.task().complete(record_marker("m"))
    again = reset(world, run, 8)
    again.task().complete(complete_workflow())
    before = reset(world, run, 4, "another reset")
    before.task().complete(start_timer("t", 0.1))
    before.task().complete(complete_workflow())


@scenario
def a_completed_activity_is_kept(world):
    run = world.start()
    run.task().complete(run.schedule_activity("a"))
    run.activity().complete("result")
    run.task().complete(fail_workflow())
    again = reset(world, run, 10)
    again.task().complete(complete_workflow())


@scenario
def children(world):
    run = world.start("parent")
    run.task().complete(
        start_child(world.id("child"), world.id("child-queue"), parent_close_policy="PARENT_CLOSE_POLICY_ABANDON")
    )
    child = world.child(run, "child")
    run.task().complete(record_marker("m"))
    again = reset(world, run, 9)
    again.describe()
    child.task().complete(complete_workflow("for the new run"))
    world.wait_for(again, "ChildWorkflowExecutionCompleted")
    again.task().complete()


@scenario
def updates(world):
    run = two_tasks(world)
    update = run.update_later("u", "up", 1)
    task = run.task()
    (message,) = task.messages
    messages = [accept("u", message.event_id), respond("u", "first")]
    task.complete(*(place(message) for message in messages), messages=messages)
    update.result()
    again = reset(world, run, 9)
    again.task().complete()


@scenario
def of_what_a_retry_follows(world):
    run = world.start(retry_policy=dict(initial_interval=seconds(600)))
    run.task().complete(fail_workflow())
    world.next_run(run)
    again = reset(world, run, 4)
    again.task().complete(complete_workflow())


@scenario
def cancel_is_not_applied_again(world):
    run = two_tasks(world)
    run.cancel()
    again = reset(world, run, 9)
    again.task().complete(complete_workflow())


@scenario
def memo_and_attributes(world):
    run = world.start(
        memo=dict(fields=dict(m=payload(1))), search_attributes=dict(indexed_fields=entries(dict(DiffInt=1)))
    )
    run.task().complete(modify_memo(m=2), upsert_search_attributes(DiffInt=2))
    run.signal()
    run.task().complete(modify_memo(m=3), upsert_search_attributes(DiffInt=3))
    again = reset(world, run, 9)
    again.describe()
    again.task().complete(complete_workflow())


@scenario
def what_is_refused(world):
    run = two_tasks(world)
    for event_id in (0, 1, 2, 3, 5, 6, 7, 10, 11, 100):
        with world.tried():
            reset(world, run, event_id, f"reset {event_id}")
    with world.tried():
        reset(world, run, 9, "")
    for execution in (
        dict(workflow_id=world.id("nobody")),
        dict(workflow_id=run.workflow_id, run_id="00000000-0000-4000-8000-000000000000"),
        dict(),
    ):
        with world.tried():
            world.call(
                "ResetWorkflowExecution", workflow_execution=execution, workflow_task_finish_event_id=4, request_id="r"
            )
