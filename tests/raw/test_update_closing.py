"""What becomes of updates when their workflow closes, or continues in another run."""

import pytest
from updates import *

CUT_OFF = "Workflow Update failed because the Workflow completed before the Update completed."


CLOSES = {
    "complete": lambda: complete_workflow("end"),
    "fail": lambda: fail_workflow(),
    "cancel": lambda: cancel_workflow(),
    "continue": lambda: continue_as_new(),
}


def assert_cut_off(response):
    assert answer_of(response) == ("COMPLETED", CUT_OFF)
    failure = response.outcome.failure
    info = failure.application_failure_info
    assert (info.type, info.non_retryable, failure.source) == ("AcceptedUpdateCompletedWorkflow", True, "Server")


@pytest.mark.parametrize("close", CLOSES)
def test_an_accepted_update_when_the_workflow_closes(server, close):
    run = idle(server)
    answer = run.update_later()
    take(run.task())
    run.signal()
    run.task().complete(CLOSES[close]())
    response = answer.result()
    assert_cut_off(response)
    assert response.link.workflow.reason == "Update rejected"
    assert_cut_off(run.poll_update(stage="COMPLETED"))
    if close != "continue":
        assert_cut_off(run.update())


def test_an_accepted_update_when_the_workflow_is_terminated(server):
    run = idle(server)
    answer = run.update_later()
    take(run.task())
    run.terminate()
    assert_cut_off(answer.result())
    assert_cut_off(run.poll_update())
    assert_cut_off(run.update(stage="ACCEPTED"))


def test_an_accepted_update_when_the_workflow_times_out(server):
    run = idle(server, workflow_run_timeout=seconds(2))
    answer = run.update_later()
    take(run.task())
    assert_cut_off(answer.result())
    assert run.status() == "TIMED_OUT"


@pytest.mark.parametrize("stage", ["ACCEPTED", "COMPLETED"])
def test_accepting_and_closing_in_one_task(server, stage):
    run = idle(server)
    answer = run.update_later(stage=stage)
    take(run.task(), "u", complete_workflow())
    assert_cut_off(answer.result())
    run.expect("""
        ...
        7 WorkflowTaskCompleted
        8 WorkflowExecutionUpdateAccepted
        9 WorkflowExecutionCompleted
    """)


def test_completing_an_update_and_closing_in_one_task(server):
    run = idle(server)
    answer = run.update_later()
    messages = [accept("u", 5), respond("u", "both")]
    run.task().complete(*map(place, messages), complete_workflow(), messages=messages)
    assert answer_of(answer.result()) == ("COMPLETED", "both")
    run.expect("""
        ...
        8 WorkflowExecutionUpdateAccepted
        9 WorkflowExecutionUpdateCompleted
        10 WorkflowExecutionCompleted
    """)


@pytest.mark.parametrize("close", CLOSES)
def test_messages_behind_a_closing_command_come_too_late(server, close):
    run = idle(server)
    answer = run.update_later()
    run.task().complete(CLOSES[close](), messages=[accept("u", 5), respond("u", 1)])
    with refused(NOT_FOUND, ABORTED_BY_CLOSE, NotFoundFailure):
        answer.result()
    assert len(run.events()) == 8


@pytest.mark.parametrize("placed", [False, True])
def test_a_rejection_reaches_the_client_though_the_workflow_closes(server, placed):
    run = idle(server)
    answer = run.update_later()
    message = reject("u")
    run.task().complete(*([place(message)] if placed else []), complete_workflow(), messages=[message])
    assert answer_of(answer.result()) == ("COMPLETED", "no")
    run.expect("""
        ...
        7 WorkflowTaskCompleted
        8 WorkflowExecutionCompleted
    """)


@pytest.mark.parametrize("close", ["complete", "fail", "cancel"])
def test_an_unanswered_update_when_the_workflow_closes(server, close):
    run = idle(server)
    answer = run.update_later()
    run.task().complete(CLOSES[close]())
    with refused(NOT_FOUND, ABORTED_BY_CLOSE, NotFoundFailure):
        answer.result()


def test_an_unanswered_update_when_the_workflow_continues_as_new(server):
    run = idle(server)
    answer = run.update_later()
    run.task().complete(continue_as_new())
    with refused(RESOURCE_EXHAUSTED, CLOSING, BUSY_WORKFLOW):
        answer.result()


@pytest.mark.parametrize("close", ["complete", "fail", "cancel"])
def test_an_update_that_arrives_during_the_last_task(server, close):
    run = server.start()
    task = run.task()
    answer = run.send_update()
    task.complete(CLOSES[close]())
    with refused(NOT_FOUND, ABORTED_BY_CLOSE, NotFoundFailure):
        answer.result()


@pytest.mark.parametrize("by_id", [True, False])
def test_an_update_that_arrives_before_the_workflow_continues_as_new(server, by_id):
    run = server.start()
    task = run.task()
    execution = dict(workflow_id=run.workflow_id) if by_id else run.execution
    answer = run.send_update(workflow_execution=execution)
    task.complete(continue_as_new())
    with refused(RESOURCE_EXHAUSTED, CLOSING, BUSY_WORKFLOW):
        answer.result()


def test_an_update_that_arrives_before_the_workflow_is_retried(server):
    run = server.start(retry_policy=dict(maximum_attempts=3))
    task = run.task()
    answer = run.send_update()
    task.complete(fail_workflow())
    with refused(RESOURCE_EXHAUSTED, CLOSING, BUSY_WORKFLOW):
        answer.result()


def test_an_update_lands_on_the_run_that_continues(server):
    run = server.start()
    run.task().complete(continue_as_new())
    answer = run.update_later("u", workflow_execution=dict(workflow_id=run.workflow_id))
    following = run.other(attributes_of(run.events()[-1]).new_execution_run_id)
    task = following.task()
    assert task.workflow_execution.run_id == following.run_id
    finish(task, "u", "there")
    response = answer.result()
    assert answer_of(response) == ("COMPLETED", "there")
    assert response.update_ref.workflow_execution.run_id == following.run_id
    with refused(NOT_FOUND, "workflow execution already completed", NotFoundFailure):
        run.update()


def test_updates_of_a_closed_workflow(server):
    run = idle(server)
    answer = run.update_later("kept")
    finish(run.task(), "kept", "result")
    answer.result()
    run.terminate()
    before = run.text()
    for stage in ("ACCEPTED", "COMPLETED"):
        assert answer_of(run.update("kept", stage=stage)) == ("COMPLETED", "result")
        assert answer_of(run.poll_update("kept", stage=stage)) == ("COMPLETED", "result")
    with refused(NOT_FOUND, "workflow execution already completed", NotFoundFailure):
        run.update("new")
    with refused(NOT_FOUND, 'update "new" not found', NotFoundFailure):
        run.poll_update("new")
    assert run.text() == before


def test_an_aborted_update_is_not_found_later(server):
    run = server.start()
    answer = run.send_update()
    run.terminate()
    with refused(NOT_FOUND, ABORTED_BY_CLOSE, NotFoundFailure):
        answer.result()
    # The real server says the one as long as it has the run in its cache.
    with refused(NOT_FOUND, re.compile(f"{ABORTED_BY_CLOSE}|workflow execution already completed"), NotFoundFailure):
        run.update()
