"""DeleteWorkflowExecution. The real server deletes after it has answered, a closed workflow half a minute after, hence `gone`."""

import time

from driver import *


def delete(run, **fields):
    fields.setdefault("workflow_execution", run.execution)
    return run.server.call("DeleteWorkflowExecution", **fields)


def gone(run, **execution):
    """Waits until nothing is left of the run."""
    execution = execution or run.execution
    for _ in range(1200):
        try:
            run.describe(execution=execution)
        except grpc.RpcError as error:
            assert error.code() == NOT_FOUND, error
            return
        time.sleep(0.05)
    raise AssertionError("the run is still there")


def by_id_text(run):
    return f"workflow not found for ID: {run.workflow_id}"


def by_run_text(run):
    return f'workflow execution not found for workflow ID "{run.workflow_id}" and run ID "{run.run_id}"'


def test_a_closed_workflow(server):
    run = server.start()
    run.task().complete(complete_workflow())
    delete(run)
    gone(run)
    with refused(NOT_FOUND, by_run_text(run), NotFoundFailure):
        run.history_page()
    with refused(NOT_FOUND, by_id_text(run), NotFoundFailure):
        run.describe(execution=dict(workflow_id=run.workflow_id))
    with refused(NOT_FOUND, by_id_text(run), NotFoundFailure):
        run.signal(workflow_execution=dict(workflow_id=run.workflow_id))
    with refused(NOT_FOUND, by_run_text(run), NotFoundFailure):
        delete(run)


def test_an_open_workflow_is_terminated_first(server):
    run = server.start()
    run.task()
    waiting = server.call_later(
        "GetWorkflowExecutionHistory",
        execution=run.execution,
        wait_new_event=True,
        history_event_filter_type="HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT",
    )
    time.sleep(0.2)
    delete(run)
    gone(run)
    try:
        (close,) = waiting.result().history.events
        assert (event_type(close), attributes_of(close).reason) == (
            "WorkflowExecutionTerminated",
            "Delete workflow execution",
        )
        assert attributes_of(close).identity == "history-service"
    except grpc.RpcError as error:  # the real server may have deleted it before it looks
        assert error.code() == NOT_FOUND


def test_its_tasks_are_void(server):
    run = server.start()
    run.task().complete(run.schedule_activity("a"), run.schedule_activity("b"))
    activity = run.activity()
    run.signal()
    task = run.task()
    delete(run)
    gone(run)
    with refused(NOT_FOUND, None, NotFoundFailure):
        activity.complete()
    with refused(NOT_FOUND, None, NotFoundFailure):
        task.complete()
    run.no_activity()


def test_its_workflow_id_is_free(server):
    run = server.start()
    run.task().complete(complete_workflow())
    delete(run, workflow_execution=dict(workflow_id=run.workflow_id))
    gone(run)
    server.start(
        workflow_id=run.workflow_id, workflow_id_reuse_policy="WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE"
    ).terminate()


def test_older_runs_stay_but_are_found_by_their_run_id_only(server):
    run = server.start()
    run.terminate()
    second = server.start(workflow_id=run.workflow_id)
    delete(second)
    gone(second)
    with refused(NOT_FOUND, by_id_text(run), NotFoundFailure):
        run.describe(execution=dict(workflow_id=run.workflow_id))
    assert run.status() == "TERMINATED"


def test_an_older_run_goes_and_the_current_one_stays(server):
    run = server.start()
    run.terminate()
    second = server.start(workflow_id=run.workflow_id)
    delete(run)
    gone(run)
    assert second.describe(execution=dict(workflow_id=run.workflow_id)).workflow_execution_info.status == 1


def test_a_parent_hears_of_the_end_and_a_child_goes_on_by_its_policy(server):
    run = server.start()
    queue = unique("queue")

    def child(name, policy):
        attributes = dict(
            workflow_id=f"{run.workflow_id}-{name}",
            workflow_type=dict(name="child"),
            task_queue=dict(name=queue),
            parent_close_policy=f"PARENT_CLOSE_POLICY_{policy}",
        )
        return command_pb.Command(
            command_type="COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION",
            start_child_workflow_execution_command_attributes=attributes,
        )

    run.task().complete(child("deleted", "TERMINATE"), child("cancelled", "REQUEST_CANCEL"))
    task = run.task()
    while len([event for event in task.history.events if event_type(event) == "ChildWorkflowExecutionStarted"]) < 2:
        task.complete()
        task = run.task()
    task.complete()
    deleted = Run(server, f"{run.workflow_id}-deleted", "", queue)
    delete(deleted, workflow_execution=dict(workflow_id=deleted.workflow_id))
    task = run.task()
    assert event_type(task.history.events[-3]) == "ChildWorkflowExecutionTerminated"
    delete(run)
    gone(run)
    other = Run(server, f"{run.workflow_id}-cancelled", "", queue)
    for _ in range(100):
        (cancelled,) = [event for event in other.events() if event_type(event).endswith("CancelRequested")] or [None]
        if cancelled:
            break
        time.sleep(0.05)
    assert attributes_of(cancelled).external_workflow_execution.run_id == run.run_id


def test_what_is_refused(server):
    with refused(INVALID_ARGUMENT, "Execution is not set on request."):
        server.call("DeleteWorkflowExecution")
    with refused(INVALID_ARGUMENT, "WorkflowId is not set on request."):
        server.call("DeleteWorkflowExecution", workflow_execution=dict())
    with refused(NOT_FOUND, "workflow not found for ID: nowhere", NotFoundFailure):
        server.call("DeleteWorkflowExecution", workflow_execution=dict(workflow_id="nowhere"))


def test_a_query_on_a_deleted_workflow(server):
    run = server.start()
    run.task().complete(complete_workflow())
    delete(run)
    gone(run)
    with refused(NOT_FOUND, by_run_text(run), NotFoundFailure):
        run.query()
