"""When a workflow task suggests to its worker to continue as new: because of the history's size, its length, or both."""

from driver import *

SIZE, COUNT = 1, 2  # enums.v1.SuggestContinueAsNewReason


def suggestion_of(task):
    started = attributes_of(task.history.events[-1])
    return started.suggest_continue_as_new, list(started.suggest_continue_as_new_reasons)


def test_a_short_history_suggests_nothing(server):
    task = server.start().task()
    assert suggestion_of(task) == (False, [])
    assert attributes_of(task.history.events[-1]).history_size_bytes > 0


def test_a_large_history(server):
    run = server.start()
    run.task().complete()
    for _ in range(2):
        run.signal("s", input=payloads("x" * 1_500_000))
    task = run.task()
    assert suggestion_of(task) == (False, [])
    task.complete()
    run.signal("s", input=payloads("x" * 1_500_000))
    task = run.task()
    assert suggestion_of(task) == (True, [SIZE])
    task.complete()
    run.signal("s")  # it goes on suggesting
    assert suggestion_of(run.task()) == (True, [SIZE])


def test_a_long_history(server):
    run = server.start()
    # Events 1 to 4, so many markers, and the two of the next task.
    run.task().complete(*(record_marker("m", at=1) for _ in range(4096 - 7)), force_create_new_workflow_task=True)
    second = run.task()
    assert second.started_event_id == 4095
    assert suggestion_of(second) == (False, [])
    second.complete(force_create_new_workflow_task=True)
    assert suggestion_of(run.task()) == (True, [COUNT])


def test_a_history_that_is_both(server):
    run = server.start()
    for _ in range(3):
        run.signal("s", input=payloads("x" * 1_500_000))
    run.task().complete(*(record_marker("m", at=1) for _ in range(4096)), force_create_new_workflow_task=True)
    assert suggestion_of(run.task()) == (True, [SIZE, COUNT])


def started_sizes(run):
    events = [event for event in run.events() if event_type(event) == "WorkflowTaskStarted"]
    return [attributes_of(event).history_size_bytes for event in events]


def test_a_task_that_comes_with_an_answer_is_not_told_of_the_size_of_what_came_before_it_in_the_call(server):
    run = server.start()
    task = run.task()
    run.signal("s", "x" * 10_000)
    task = task.inline()
    task.inline(force_create_new_workflow_task=True)
    first, second, third = started_sizes(run)
    assert first < second < 1_000 and third > 10_000


def test_a_task_that_is_polled_for_is_told_of_the_whole_size(server):
    run = server.start()
    task = run.task()
    run.signal("s", "x" * 10_000)
    task.complete()
    run.task()
    assert started_sizes(run)[-1] > 10_000
