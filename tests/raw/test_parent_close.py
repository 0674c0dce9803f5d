"""What becomes of children when their parent closes, in every way that it can."""

import pytest
from families import *

POLICIES = ["TERMINATE", "ABANDON", "REQUEST_CANCEL"]


def close_by(command):
    def close(parent):
        parent.signal()
        parent.task().complete(command())

    return close


def time_out(parent):
    parent.wait_closed()


WAYS = {
    "complete": (close_by(complete_workflow), {}, "COMPLETED"),
    "fail": (close_by(fail_workflow), {}, "FAILED"),
    "cancel": (close_by(cancel_workflow), {}, "CANCELED"),
    "continue": (close_by(continue_as_new), {}, "CONTINUED_AS_NEW"),
    "retry": (close_by(fail_workflow), dict(retry_policy=dict(maximum_attempts=3)), "FAILED"),
    "terminate": (lambda parent: parent.terminate(), {}, "TERMINATED"),
    "time out": (time_out, dict(workflow_run_timeout=seconds(2)), "TIMED_OUT"),
    "end of execution": (time_out, dict(workflow_execution_timeout=seconds(2)), "TIMED_OUT"),
    "refused": (None, {}, "TERMINATED"),
}


def oversized(parent):
    parent.signal()
    with refused(INVALID_ARGUMENT):
        parent.task().complete(complete_workflow("x" * (2 << 20)))


WAYS["refused"] = (oversized, {}, "TERMINATED")


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("way", WAYS)
def test_the_parent_closes(server, way, policy):
    close, fields, status = WAYS[way]
    parent, child = start_with_child(server, dict(parent_close_policy=f"PARENT_CLOSE_POLICY_{policy}"), **fields)
    close(parent)
    assert parent.status() == status
    if policy == "TERMINATE":
        wait_for_status(child, "TERMINATED")
        child.expect("""
            1 WorkflowExecutionStarted
            2 WorkflowTaskScheduled
            3 WorkflowExecutionTerminated reason='by parent close policy' identity=history-service details=-
        """)
    elif policy == "REQUEST_CANCEL":
        wait_for_event(child, "WorkflowExecutionCancelRequested")
        child.expect(f"""
            1 WorkflowExecutionStarted
            2 WorkflowTaskScheduled
            3 WorkflowExecutionCancelRequested cause=- identity=history-service external_initiated_event_id=- external_workflow_execution.workflow_id={parent.workflow_id} external_workflow_execution.run_id={parent.run_id}
        """)
    else:
        time.sleep(0.3)  # time in which it could be told
        child.expect("""
            1 WorkflowExecutionStarted
            2 WorkflowTaskScheduled
        """)
    before = parent.text()
    if policy != "TERMINATE":
        child.task().complete(complete_workflow())
        assert parent.text() == before
    (pending,) = parent.describe().pending_children
    assert (pending.run_id, pending.initiated_id) == (child.run_id, 5)


@pytest.mark.parametrize("policy", POLICIES)
def test_an_idle_child_with_a_task_behind_it(server, policy):
    parent, child = start_with_child(server, dict(parent_close_policy=f"PARENT_CLOSE_POLICY_{policy}"))
    child.task().complete(start_timer("t", 900))
    parent.terminate()
    if policy == "TERMINATE":
        wait_for_status(child, "TERMINATED")
        child.expect("""
            ...
            5 TimerStarted
            6 WorkflowExecutionTerminated
        """)
    elif policy == "REQUEST_CANCEL":
        child.task().complete(cancel_workflow())
        child.expect("""
            ...
            5 TimerStarted
            6 WorkflowExecutionCancelRequested
            7 WorkflowTaskScheduled
            8 WorkflowTaskStarted
            9 WorkflowTaskCompleted
            10 WorkflowExecutionCanceled
        """)
    else:
        assert child.status() == "RUNNING"


def test_a_child_whose_task_runs_is_terminated(server):
    parent, child = start_with_child(server)
    child.task()
    parent.terminate()
    wait_for_status(child, "TERMINATED")
    child.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowTaskScheduled
        3 WorkflowTaskStarted
        4 WorkflowTaskFailed cause=FORCE_CLOSE_COMMAND
        5 WorkflowExecutionTerminated
    """)


def test_a_child_whose_task_runs_is_cancelled(server):
    parent, child = start_with_child(server, dict(parent_close_policy="PARENT_CLOSE_POLICY_REQUEST_CANCEL"))
    task = child.task()
    parent.terminate()
    time.sleep(0.3)  # the request is buffered: nothing tells that it is there
    task.complete()
    child.expect("""
        ...
        4 WorkflowTaskCompleted
        5 WorkflowExecutionCancelRequested
        6 WorkflowTaskScheduled
    """)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_child_that_has_just_been_initiated_never_starts(server, policy):
    """Not even one that is to be abandoned."""
    parent = server.start()
    child_id = unique("child")
    command = start_child(child_id, "q", parent_close_policy=f"PARENT_CLOSE_POLICY_{policy}")
    parent.task().complete(command, complete_workflow())
    parent.expect("""
        ...
        5 StartChildWorkflowExecutionInitiated
        6 WorkflowExecutionCompleted
    """)
    time.sleep(0.3)  # time in which it could be started
    with refused(NOT_FOUND, f"workflow not found for ID: {child_id}", NotFoundFailure):
        server.call("DescribeWorkflowExecution", execution=dict(workflow_id=child_id))
    (pending,) = parent.describe().pending_children
    assert (pending.workflow_id, pending.run_id) == (child_id, "")


@pytest.mark.parametrize("policy", POLICIES)
def test_the_policy_follows_the_childs_runs(server, policy):
    parent, child = start_with_child(server, dict(parent_close_policy=f"PARENT_CLOSE_POLICY_{policy}"))
    child.task().complete(continue_as_new())
    second = next_run(child)
    second.task().complete(continue_as_new())
    third = next_run(second)
    parent.terminate()
    if policy == "TERMINATE":
        wait_for_status(third, "TERMINATED")
    elif policy == "REQUEST_CANCEL":
        wait_for_event(third, "WorkflowExecutionCancelRequested")
    assert second.status() == "CONTINUED_AS_NEW"


def test_another_workflow_with_the_childs_id_is_left_alone(server):
    parent, child = start_with_child(server)
    parent.signal()
    task = parent.task()
    child.terminate()  # buffered: the parent has not heard of it
    other = server.start(workflow_id=child.workflow_id)
    time.sleep(0.3)
    del task
    parent.terminate()
    time.sleep(0.3)  # time in which it could be told
    assert other.status() == "RUNNING"
    parent.expect("""
        ...
        12 WorkflowTaskStarted
        13 WorkflowTaskFailed cause=FORCE_CLOSE_COMMAND
        14 ChildWorkflowExecutionTerminated
        15 WorkflowExecutionTerminated
    """)


def test_a_whole_family_goes_down(server):
    root, child = start_with_child(server)
    queue = unique("grandchild")
    child.task().complete(*[start_child(f"{child.workflow_id}/{n}", queue) for n in range(2)])
    wait_for_event(child, "ChildWorkflowExecutionStarted", 2)
    root.terminate()
    for run in [child, *(Run(server, f"{child.workflow_id}/{n}", "", queue) for n in range(2))]:
        wait_for_status(run, "TERMINATED")
        closed = attributes_of(run.events()[-1])
        assert closed.reason == "by parent close policy"


def test_a_child_that_has_been_asked_to_cancel_before(server):
    parent, child = start_with_child(server, dict(parent_close_policy="PARENT_CLOSE_POLICY_REQUEST_CANCEL"))
    child.cancel()
    parent.terminate()
    time.sleep(0.3)  # time in which it could be told again
    child.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowTaskScheduled
        3 WorkflowExecutionCancelRequested identity=-
    """)


def test_twelve_children(server):
    """From ten on the real server has a workflow of its own do it."""
    parent = server.start()
    queue = unique("child")
    parent.task().complete(*[start_child(f"{parent.workflow_id}/{n}", queue) for n in range(12)])
    wait_for_event(parent, "ChildWorkflowExecutionStarted", 12)
    parent.terminate()
    for n in range(12):
        child = Run(server, f"{parent.workflow_id}/{n}", "", queue)
        wait_for_status(child, "TERMINATED")
        assert attributes_of(child.events()[-1]).reason == "by parent close policy"
