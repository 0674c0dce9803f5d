"""GetWorkflowExecutionHistoryReverse: from the newest event to the first."""

from driver import *


def page(run, **fields):
    fields.setdefault("execution", run.execution)
    return run.server.call("GetWorkflowExecutionHistoryReverse", **fields)


def ids(page):
    return [event.event_id for event in page.history.events]


def worked(server):
    run = server.start()
    run.task().complete(start_timer("t", 3600))
    run.signal()
    run.task().complete(complete_workflow())
    return run


def test_the_events_come_newest_first_and_are_the_same(server):
    run = worked(server)
    whole = page(run)
    assert list(whole.history.events) == list(reversed(run.events())) and len(whole.history.events) == 10
    assert not whole.next_page_token


def test_pages_count_batches(server):
    run = worked(server)
    pages, token = [], b""
    while not pages or token:
        got = page(run, maximum_page_size=1, next_page_token=token)
        pages.append(ids(got))
        token = got.next_page_token
    assert pages == [[10, 9], [8], [7, 6], [5, 4], [3], [2, 1]]
    assert ids(page(run, maximum_page_size=2)) == [10, 9, 8]


def test_an_open_workflow(server):
    run = server.start()
    assert ids(page(run)) == [2, 1]
    run.task()
    whole = page(run)
    assert ids(whole) == [3, 2, 1] and not whole.next_page_token
    first = page(run, maximum_page_size=1)
    assert ids(first) == [3]
    assert ids(page(run, next_page_token=first.next_page_token)) == [2, 1]


def test_what_is_only_virtual_is_not_shown(server):
    run = server.start()
    run.task().fail()
    run.task()
    assert len(run.events()) == 6 and ids(page(run)) == [4, 3, 2, 1]


def test_the_current_run_is_read_when_none_is_named(server):
    run = worked(server)
    assert len(ids(page(run, execution=dict(workflow_id=run.workflow_id)))) == 10


def test_what_is_refused(server):
    run = worked(server)
    token = page(run, maximum_page_size=1).next_page_token
    with refused(INVALID_ARGUMENT, "Execution is not set on request."):
        server.call("GetWorkflowExecutionHistoryReverse")
    with refused(INVALID_ARGUMENT, "WorkflowId is not set on request."):
        page(run, execution=dict())
    with refused(INVALID_ARGUMENT, "Invalid RunId."):
        page(run, execution=dict(workflow_id=run.workflow_id, run_id="x"))
    with refused(INVALID_ARGUMENT, "Invalid NextPageToken."):
        page(run, next_page_token=b"garbage")
    with refused(INVALID_ARGUMENT, "RunId in the request does not match the NextPageToken."):
        page(run, execution=dict(workflow_id=run.workflow_id, run_id=str(uuid.uuid4())), next_page_token=token)
    with refused(NOT_FOUND, "workflow not found for ID: nowhere", NotFoundFailure):
        page(run, execution=dict(workflow_id="nowhere"))
