"""Timers of a workflow."""

import pytest
from driver import *


def test_a_timer_fires_not_before_its_time(server):
    run = server.start()
    run.task().complete(start_timer("t", 0.3))
    run.task().complete(complete_workflow())
    run.expect("""
        ...
        4 WorkflowTaskCompleted
        5 TimerStarted timer_id=t start_to_fire_timeout=0.3s workflow_task_completed_event_id=4
        6 TimerFired timer_id=t started_event_id=5
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
        9 WorkflowTaskCompleted
        10 WorkflowExecutionCompleted
    """)
    started, fired = run.events()[4:6]
    assert fired.event_time.ToNanoseconds() - started.event_time.ToNanoseconds() >= 0.3e9


def test_a_timer_of_no_time_fires_at_once_but_later(server):
    run = server.start()
    run.task().complete(start_timer("t", 0))
    run.task()
    run.expect("""
        ...
        4 WorkflowTaskCompleted
        5 TimerStarted start_to_fire_timeout=0s
        6 TimerFired
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)


def test_timers_due_at_once_share_one_task(server):
    run = server.start()
    run.task().complete(*(start_timer(f"t{number}", 0.2) for number in range(30)))
    task = run.task()
    fired = [attributes_of(event).timer_id for event in task.history.events if event_type(event) == "TimerFired"]
    while len(fired) < 30:  # the server may have read its clock in the middle of them
        task.complete()
        task = run.task()
        fired = [attributes_of(event).timer_id for event in task.history.events if event_type(event) == "TimerFired"]
    assert fired == [f"t{number}" for number in range(30)]


def test_timers_fire_in_the_order_of_their_times(server):
    run = server.start()
    run.task().complete(start_timer("late", 0.4), start_timer("soon", 0.1), start_timer("never", 600))
    fired = []
    while len(fired) < 2:
        task = run.task()
        fired = [attributes_of(event).timer_id for event in task.history.events if event_type(event) == "TimerFired"]
        task.complete()
    assert fired == ["soon", "late"]


def test_a_cancelled_timer_does_not_fire(server):
    run = server.start()
    run.task().complete(start_timer("t", 1), force_create_new_workflow_task=True)
    run.task().complete(cancel_timer("t"))
    run.expect("""
        ...
        8 WorkflowTaskCompleted
        9 TimerCanceled timer_id=t started_event_id=5 workflow_task_completed_event_id=8 identity=worker
    """)
    run.no_task()


def test_a_timer_started_and_cancelled_in_one_task(server):
    run = server.start()
    run.task().complete(start_timer("t", 60), cancel_timer("t"))
    run.expect("""
        ...
        4 WorkflowTaskCompleted
        5 TimerStarted
        6 TimerCanceled started_event_id=5
    """)


def test_a_timer_that_fires_during_a_task_is_buffered(server):
    run = server.start()
    run.task().complete(start_timer("t", 0.1), force_create_new_workflow_task=True)
    task = run.task()
    run.no_task(queue=run.queue + "-elsewhere")  # the timer's time passes, the real server's late second too
    assert run.text().endswith("7 WorkflowTaskStarted")
    task.complete()
    run.expect("""
        ...
        8 WorkflowTaskCompleted
        9 TimerFired
        10 WorkflowTaskScheduled
    """)


def test_a_cancel_removes_a_timer_that_fired_during_the_task(server):
    run = server.start()
    run.task().complete(start_timer("t", 0.1), force_create_new_workflow_task=True)
    task = run.task()
    run.no_task(queue=run.queue + "-elsewhere")
    task.complete(cancel_timer("t"), complete_workflow())
    run.expect("""
        ...
        8 WorkflowTaskCompleted
        9 TimerCanceled timer_id=t
        10 WorkflowExecutionCompleted
    """)


@pytest.mark.parametrize("end", ["fired", "cancelled"])
def test_an_id_is_free_again_after_its_timer_ended(server, end):
    run = server.start()
    run.task().complete(start_timer("t", 0.05 if end == "fired" else 60), force_create_new_workflow_task=end != "fired")
    task = run.task()
    task.complete(*([cancel_timer("t")] if end == "cancelled" else []), start_timer("t", 60))
    assert run.text().count("TimerStarted") == 2


def test_timers_of_a_closed_workflow_are_dead(server):
    run = server.start()
    run.task().complete(start_timer("t", 0.1), complete_workflow())
    run.no_task()
    assert run.text().endswith("6 WorkflowExecutionCompleted")
