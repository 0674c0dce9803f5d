"""What the tests of child workflows and of workflows that speak to others share."""

import time

from driver import *


def start_with_child(server, child_fields=(), **fields):
    """A parent that has started a child of id "<its own>/child", and that child; the parent's task about it is done.

    Events 1 to 10 of the parent: its start and first task, 5 Initiated, 6 Started, and the task that follows.
    """
    parent = server.start(**fields)
    child_queue = unique("child")
    child_id = dict(child_fields).get("workflow_id", f"{parent.workflow_id}/child")
    attributes = {key: value for key, value in dict(child_fields).items() if key != "workflow_id"}
    parent.task().complete(start_child(child_id, child_queue, **attributes))
    parent.task().complete()
    return parent, child_of(parent, 6, child_queue)


def child_of(parent, event_id, queue):
    """The child whose Started event this is, with the queue of its tasks."""
    event = parent.events()[event_id - 1]
    assert event_type(event) == "ChildWorkflowExecutionStarted", parent.text()
    execution = attributes_of(event).workflow_execution
    return Run(parent.server, execution.workflow_id, execution.run_id, queue)


def current(run):
    """The current run of this workflow id."""
    info = run.describe(execution=dict(workflow_id=run.workflow_id)).workflow_execution_info
    return run.other(info.execution.run_id)


def next_run(run):
    """The run that continues this closed one."""
    return run.other(attributes_of(run.events()[-1]).new_execution_run_id)


def wait_for_event(run, type, count=1):
    """Waits until so many events of a type are in the history; returns it."""
    for _ in range(300):
        events = run.events()
        if sum(event_type(event) == type for event in events) >= count:
            return events
        time.sleep(0.02)
    raise AssertionError(f"no {type} in\n{run.text()}")


def wait_for_status(run, status):
    for _ in range(300):
        if run.status() == status:
            return
        time.sleep(0.02)
    raise AssertionError(f"status {run.status()}, not {status}\n{run.text()}")
