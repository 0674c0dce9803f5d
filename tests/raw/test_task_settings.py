"""Settings that concern workflow tasks, with values that a test can reach."""

import pytest
from driver import *

HEARTBEAT_SECONDS = 1
SETTINGS = {
    "history.workflowTaskHeartbeatTimeout": f'"{HEARTBEAT_SECONDS}s"',
    "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute": "2",
    "history.maxTotalUpdates": "3",
    "history.maxTotalUpdates.suggestContinueAsNewThreshold": "0.5",
    "frontend.historyMaxPageSize": "4",
    "limit.historyMaxPageSize": "3",
    "matching.historyMaxPageSize": "2",
}
SERVER_FLAGS = [word for key, value in SETTINGS.items() for word in ("--dynamic-config-value", f"{key}={value}")]


def test_a_task_is_kept_alive_only_so_long(server):
    run = server.start()
    task = run.task()
    with refused(NOT_FOUND, "workflow task heartbeat timeout", NotFoundFailure):
        while True:
            task.complete(force_create_new_workflow_task=True)
            task = run.task()
    events = run.events()
    first = next(event for event in events if event_type(event) == "WorkflowTaskScheduled")
    assert event_type(events[-2]) == "WorkflowTaskTimedOut" and event_type(events[-1]) == "WorkflowTaskScheduled"
    span = events[-2].event_time.ToNanoseconds() - first.event_time.ToNanoseconds()
    assert span >= HEARTBEAT_SECONDS * 1_000_000_000
    run.task().complete(complete_workflow())
    assert run.status() == "COMPLETED"


def reported(run):
    return "TemporalReportedProblems" in run.describe().workflow_execution_info.search_attributes.indexed_fields


def test_problems_are_told_of_from_the_second_on(server):
    run = server.start()
    run.task().fail()
    assert not reported(run)
    run.task().fail()
    assert reported(run)
    run.task().complete()
    assert not reported(run)


def test_from_half_of_the_updates_on_a_task_suggests_to_continue_as_new(server):
    run = server.start()
    run.task().complete()
    suggestions = []
    for number in (1, 2, 3):
        update = run.update_later(f"u{number}")
        task = run.task()
        started = run.events()[-1]  # with the task comes a page only
        assert event_type(started) == "WorkflowTaskStarted"
        suggestions.append(attributes_of(started).suggest_continue_as_new)
        task.complete(messages=[accept(f"u{number}"), respond(f"u{number}")])
        update.result()
    assert suggestions == [False, True, True]


def rounds(server, count):
    run = server.start()
    for number in range(count):
        run.task().complete()
        run.signal(f"s{number}")
    return run


def rest(run, page):
    """The number of events of each page, the first one's included."""
    sizes, token = [len(page.history.events)], page.next_page_token
    while token:
        page = run.history_page(next_page_token=token)
        sizes.append(len(page.history.events))
        token = page.next_page_token
    return sizes


def test_pages_of_a_history_that_is_read(server):
    run = rounds(server, 3)
    # Batches: 1 and 2, 3, 4, 5 and 6, ...
    assert rest(run, run.history_page())[0] == 6
    assert rest(run, run.history_page(maximum_page_size=1))[0] == 2
    assert rest(run, run.history_page(maximum_page_size=100)) == [len(run.events())]


def test_the_first_page_of_a_workflow_task(server):
    run = rounds(server, 3)
    task = run.task()
    assert [event.event_id for event in task.history.events] == [1, 2, 3, 4]
    assert sum(rest(run, task)) == task.started_event_id


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_transient_task_is_behind_the_last_page(server, count):
    run = rounds(server, count)
    run.task().fail()
    task = run.task()
    assert task.attempt == 2 and [event.event_id for event in task.history.events] == [1, 2, 3, 4]
    assert sum(rest(run, task)) == task.started_event_id
    task.complete(complete_workflow())


def test_the_first_page_of_a_query(server):
    run = rounds(server, 2)
    run.terminate()
    query = run.query_later()
    task = run.task()
    assert [event.event_id for event in task.history.events] == [1, 2, 3]
    assert sum(rest(run, task)) == len(run.events())
    task.answer_query("found")
    assert query.result().query_result
