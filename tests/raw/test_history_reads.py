"""GetWorkflowExecutionHistory: pages, waiting, the close event, what is shown of an attempt that may leave no trace."""

import pytest
from driver import *

CLOSE = dict(history_event_filter_type="HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT")


def pages_of(run, **fields):
    """All pages, by the token and not by emptiness: the last may be empty."""
    pages, token = [], b""
    while True:
        page = run.history_page(next_page_token=token, **fields)
        pages.append(page)
        token = page.next_page_token
        if not token:
            return pages


def long_history(server):
    run = server.start()
    for number in range(8):
        run.signal(f"s{number}")
        run.task().complete()
    run.signal("end")
    run.task().complete(complete_workflow())
    return run


def test_events_are_dense_and_times_and_task_ids_grow(server):
    events = long_history(server).events()
    assert [event.event_id for event in events] == list(range(1, len(events) + 1))
    times = [event.event_time.ToNanoseconds() for event in events]
    tasks = [event.task_id for event in events]
    assert times == sorted(times)
    assert all(earlier < later for earlier, later in zip(tasks, tasks[1:])) and tasks[0] > 0


def test_a_run_in_progress_is_read_to_its_end_without_a_token(server):
    run = server.start()
    page = run.history_page()
    assert render(page.history.events) == "1 WorkflowExecutionStarted\n2 WorkflowTaskScheduled"
    assert page.next_page_token == b"" and page.archived is False


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_pages_put_together_are_the_whole_history(server, size):
    run = long_history(server)
    pages = pages_of(run, maximum_page_size=size)
    together = [event for page in pages for event in page.history.events]
    assert together == run.events()
    assert (len(pages) > 1) == (size < 20)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 100])
@pytest.mark.parametrize("is_started", [False, True])
def test_a_transient_attempt_is_on_the_last_page_only(server, is_started, size):
    run = server.start()
    run.task().fail()
    if is_started:
        run.task()
    pages = pages_of(run, maximum_page_size=size)
    together = [event for page in pages for event in page.history.events]
    assert [event.event_id for event in together] == list(range(1, 7 if is_started else 6))
    if size < 4:  # three batches are stored
        assert len(pages[-1].history.events) == (2 if is_started else 1) + (3 % size > 0) * (3 % size)


def test_pages_of_a_long_history(server):
    run = server.start()
    for _ in range(6):
        run.task().complete(*(record_marker("m") for _ in range(100)), force_create_new_workflow_task=True)
    together = [event for page in pages_of(run) for event in page.history.events]
    assert [event.event_id for event in together] == list(range(1, len(together) + 1))
    assert len(together) > 600


def test_a_poll_with_a_long_history_brings_all_of_it(server):
    run = server.start()
    for _ in range(6):
        run.task().complete(*(record_marker("m") for _ in range(100)), force_create_new_workflow_task=True)
    task = run.task()
    events, token = list(task.history.events), task.next_page_token
    while token:
        page = run.history_page(next_page_token=token)
        events += page.history.events
        token = page.next_page_token
    assert [event.event_id for event in events] == list(range(1, task.started_event_id + 1))


def test_a_waiting_read_brings_what_is_there_and_a_token(server):
    run = server.start()
    page = run.history_page(wait_new_event=True)
    assert len(page.history.events) == 2 and page.next_page_token
    waiting = server.call_later(
        "GetWorkflowExecutionHistory",
        execution=run.execution,
        wait_new_event=True,
        next_page_token=page.next_page_token,
    )
    run.signal("new")
    assert render(waiting.result().history.events) == "3 WorkflowExecutionSignaled"


def test_a_waiting_read_does_not_wait_behind_a_full_page(server):
    run = server.start()
    run.task().fail()
    page = run.history_page(wait_new_event=True, maximum_page_size=3)
    assert render(page.history.events).endswith("4 WorkflowTaskFailed") and page.next_page_token
    page = run.history_page(wait_new_event=True, maximum_page_size=3, next_page_token=page.next_page_token)
    assert render(page.history.events) == "5 WorkflowTaskScheduled" and page.next_page_token
    page = run.history_page(wait_new_event=True, next_page_token=page.next_page_token, timeout=2)
    assert not page.history.events and page.next_page_token


def test_a_waiting_read_of_a_closed_run_ends_without_a_token(server):
    run = server.start()
    run.terminate()
    page = run.history_page(wait_new_event=True)
    assert len(page.history.events) == 3 and not page.next_page_token


def test_a_waiting_read_comes_back_empty_before_its_deadline(server):
    run = server.start()
    token = run.history_page(wait_new_event=True).next_page_token
    page = run.history_page(wait_new_event=True, next_page_token=token, timeout=2)
    assert not page.history.events and page.next_page_token


def test_the_close_event_of_a_closed_run(server):
    run = server.start()
    run.task().complete(complete_workflow("r"))
    page = run.history_page(**CLOSE)
    assert render(page.history.events) == "5 WorkflowExecutionCompleted"
    assert not page.next_page_token


def test_the_close_event_of_a_running_workflow_is_waited_for_unasked(server):
    run = server.start()
    reading = server.call_later("GetWorkflowExecutionHistory", execution=run.execution, **CLOSE)
    run.task().complete(complete_workflow("r"))
    page = reading.result()
    assert render(page.history.events) == "5 WorkflowExecutionCompleted"
    assert not page.next_page_token


def test_a_close_event_that_does_not_come_is_no_reason_to_go_on(server):
    page = server.start().history_page(timeout=3, **CLOSE)
    assert page.HasField("history") and not page.history.events and not page.next_page_token


def test_waiting_for_the_close_event(server):
    run = server.start()
    waiting = server.call_later("GetWorkflowExecutionHistory", execution=run.execution, wait_new_event=True, **CLOSE)
    run.signal("not this one")
    run.terminate()
    page = waiting.result()
    assert render(page.history.events) == "4 WorkflowExecutionTerminated"
    assert not page.next_page_token


def test_waiting_for_the_close_event_comes_back_empty_before_its_deadline(server):
    page = server.start().history_page(wait_new_event=True, timeout=2, **CLOSE)
    assert not page.history.events and page.next_page_token


def test_many_may_wait_for_one_close_event(server):
    run = server.start()
    waiting = [
        server.call_later("GetWorkflowExecutionHistory", execution=run.execution, wait_new_event=True, **CLOSE)
        for _ in range(20)
    ]
    run.terminate()
    assert {render(future.result().history.events) for future in waiting} == {"3 WorkflowExecutionTerminated"}


def test_a_token_belongs_to_its_run(server):
    run, other = server.start(), server.start()
    token = run.history_page(wait_new_event=True).next_page_token
    with refused(INVALID_ARGUMENT, "RunId in the request does not match the NextPageToken."):
        other.history_page(next_page_token=token)


def test_a_garbled_token_is_refused(server):
    with refused(INVALID_ARGUMENT, "Invalid NextPageToken."):
        server.start().history_page(next_page_token=b"garbage")


def test_the_command_line_and_the_ui_do_not_see_transient_attempts(server):
    run = server.start()
    run.task().fail()
    run.task()
    assert run.text().endswith("5 WorkflowTaskScheduled\n6 WorkflowTaskStarted")
    page = run.history_page(metadata=(("client-name", "temporal-cli"), ("client-version", "1.0.0")))
    assert render(page.history.events).endswith("4 WorkflowTaskFailed")
