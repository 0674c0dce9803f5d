"""Timers: set, fired, cancelled, several at once, and together with what else happens in the same instant."""

from driver import *
from world import scenario


@scenario
def fired(world):
    run = world.start()
    run.task().complete(start_timer("t", 0.1))
    run.task().complete(complete_workflow())


@scenario
def at_once(world):
    run = world.start()
    run.task().complete(start_timer("t", 0))
    run.task().complete(complete_workflow())


@scenario
def cancelled(world):
    run = world.start()
    run.task().complete(start_timer("t", 100), start_timer("u", 100))
    run.signal()
    run.task().complete(cancel_timer("t"), start_timer("t", 200))
    run.signal()
    run.task().complete(cancel_timer("t"), cancel_timer("u"), complete_workflow())


@scenario
def cancelled_in_the_task_that_started_it(world):
    run = world.start()
    run.task().complete(start_timer("t", 100), cancel_timer("t"), start_timer("t", 50))


@scenario(waits=True)
def fired_while_a_task_runs(world):
    run = world.start()
    run.task().complete(start_timer("t", 0.1), force_create_new_workflow_task=True)
    task = run.task()
    other = world.start("other")  # whose timer is set later and fires later
    other.task().complete(start_timer("later", 1.1))
    other.task().complete(complete_workflow())
    task.complete(record_marker("m"))
    run.task().complete(complete_workflow())


@scenario(waits=True)
def cancelled_after_it_fired_while_a_task_runs(world):
    run = world.start()
    run.task().complete(start_timer("t", 0.1), force_create_new_workflow_task=True)
    task = run.task()
    other = world.start("other")
    other.task().complete(start_timer("later", 1.1))
    other.task().complete(complete_workflow())
    task.complete(cancel_timer("t"), complete_workflow())


@scenario(waits=True)
def would_close_after_it_fired_while_a_task_runs(world):
    run = world.start()
    run.task().complete(start_timer("t", 0.1), force_create_new_workflow_task=True)
    task = run.task()
    other = world.start("other")
    other.task().complete(start_timer("later", 1.1))
    other.task().complete(complete_workflow())
    with world.refused():
        task.complete(complete_workflow())
    run.task().complete(complete_workflow())


@scenario(waits=True)
def a_timer_and_an_activity_in_the_same_instant(world):
    """Both are over while a task runs, so that one batch has both, whichever was quicker."""
    run = world.start()
    run.task().complete(start_timer("t", 0.3), run.schedule_activity("a"), force_create_new_workflow_task=True)
    task = run.task()
    activity = run.activity()
    other = world.start("other")
    other.task().complete(start_timer("later", 1.3))
    other.task().complete(complete_workflow())
    activity.complete("just then")
    task.complete()
    run.task().complete(complete_workflow())


@scenario(waits=True)
def an_activity_and_then_a_timer_in_the_same_instant(world):
    run = world.start()
    run.task().complete(start_timer("t", 0.3), run.schedule_activity("a"), force_create_new_workflow_task=True)
    task = run.task()
    run.activity().complete("just before")
    other = world.start("other")
    other.task().complete(start_timer("later", 1.3))
    other.task().complete(complete_workflow())
    task.complete(cancel_timer("t"))
    run.task().complete(complete_workflow())


@scenario(waits=True)
def two_that_are_due_together(world):
    run = world.start()
    run.task().complete(start_timer("late", 0.11), start_timer("early", 0.1), force_create_new_workflow_task=True)
    task = run.task()
    other = world.start("other")
    other.task().complete(start_timer("later", 1.2))
    other.task().complete(complete_workflow())
    task.complete()
    run.task().complete(complete_workflow())


@scenario
def a_task_that_completes_after_its_timer_fired(world):
    """The next task of a timer that fires while nothing runs, and a signal that comes before the worker takes it."""
    run = world.start()
    run.task().complete(start_timer("t", 0.1))
    world.wait_for(run, "TimerFired")
    run.signal()
    run.task().complete(complete_workflow())


@scenario(waits=True)
def longer_than_the_run(world):
    run = world.start(workflow_run_timeout=seconds(1))
    run.task().complete(start_timer("t", 100))
    world.wait_for(run, "WorkflowExecutionTimedOut")


@scenario
def of_a_closed_run(world):
    run = world.start()
    run.task().complete(start_timer("t", 100), run.schedule_activity("a"))
    run.terminate()
