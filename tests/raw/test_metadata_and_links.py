"""User metadata and links: what a request or a command carries stands on the event that it makes."""

import pytest
from driver import *

METADATA = dict(summary=payload("short"), details=payload("in full"))
LINK = dict(workflow_event=dict(namespace="default", workflow_id="other", run_id="some-run"))


def only(run, type):
    (event,) = [event for event in run.events() if event_type(event) == type]
    return event


def with_metadata(command):
    command.user_metadata.CopyFrom(type(command.user_metadata)(**METADATA))
    return command


def has_metadata(event):
    return value_of(event.user_metadata.summary) == "short" and value_of(event.user_metadata.details) == "in full"


def start_child(run):
    attributes = dict(workflow_id=unique("child"), workflow_type=dict(name="c"), task_queue=dict(name=unique("queue")))
    return command_pb.Command(
        command_type="COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION",
        start_child_workflow_execution_command_attributes=attributes,
    )


def signal_external(run):
    attributes = dict(execution=dict(workflow_id=unique("nobody")), signal_name="s")
    return command_pb.Command(
        command_type="COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION",
        signal_external_workflow_execution_command_attributes=attributes,
    )


def cancel_external(run):
    attributes = dict(workflow_id=unique("nobody"))
    return command_pb.Command(
        command_type="COMMAND_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION",
        request_cancel_external_workflow_execution_command_attributes=attributes,
    )


def modify_properties(run):
    attributes = dict(upserted_memo=dict(fields={"m": payload(1)}))
    return command_pb.Command(
        command_type="COMMAND_TYPE_MODIFY_WORKFLOW_PROPERTIES",
        modify_workflow_properties_command_attributes=attributes,
    )


COMMANDS = [
    ("ActivityTaskScheduled", lambda run: run.schedule_activity("a")),
    ("TimerStarted", lambda run: start_timer("t", 3600)),
    ("MarkerRecorded", lambda run: record_marker("m")),
    ("StartChildWorkflowExecutionInitiated", start_child),
    ("SignalExternalWorkflowExecutionInitiated", signal_external),
    ("RequestCancelExternalWorkflowExecutionInitiated", cancel_external),
    ("WorkflowPropertiesModified", modify_properties),
    ("WorkflowExecutionCompleted", lambda run: complete_workflow()),
    ("WorkflowExecutionFailed", lambda run: fail_workflow()),
    ("WorkflowExecutionCanceled", lambda run: cancel_workflow()),
    ("WorkflowExecutionContinuedAsNew", lambda run: continue_as_new()),
]


@pytest.mark.parametrize("type, make", COMMANDS, ids=[type for type, _ in COMMANDS])
def test_the_metadata_of_a_command_stands_on_its_event(server, type, make):
    run = server.start()
    run.task().complete(with_metadata(make(run)))
    event = only(run, type)
    assert has_metadata(event), event


def test_the_metadata_of_cancelling_commands(server):
    run = server.start()
    run.task().complete(run.schedule_activity("a"), start_timer("t", 3600))
    run.signal()
    run.task().complete(with_metadata(cancel_activity(5)), with_metadata(cancel_timer("t")))
    assert has_metadata(only(run, "ActivityTaskCancelRequested")) and has_metadata(only(run, "TimerCanceled"))
    assert not only(run, "ActivityTaskCanceled").HasField("user_metadata")


def test_the_metadata_of_a_start_does_not_go_on_with_its_chain(server):
    run = server.start(user_metadata=METADATA, retry_policy=dict(initial_interval=seconds(0.01)))
    run.task().complete(fail_workflow())
    assert has_metadata(run.events()[0]) and not run.events()[-1].HasField("user_metadata")
    new = run.other(attributes_of(run.events()[-1]).new_execution_run_id)
    config = new.describe().execution_config
    assert not new.events()[0].HasField("user_metadata")
    assert not new.describe().execution_config.HasField("user_metadata")
    new.task().complete(with_metadata(continue_as_new()))
    newest = run.other(attributes_of(new.events()[-1]).new_execution_run_id)
    assert not newest.events()[0].HasField("user_metadata")


def test_the_metadata_of_a_childs_command_stands_on_its_start_too(server):
    run = server.start(user_metadata=METADATA)
    run.task().complete(start_child(run), with_metadata(start_child(run)))
    run.task()
    initiated = [event for event in run.events() if event_type(event) == "StartChildWorkflowExecutionInitiated"]
    plain, described = [Run(server, attributes_of(event).workflow_id, "", "") for event in initiated]
    assert not plain.events()[0].HasField("user_metadata")
    assert has_metadata(initiated[1]) and has_metadata(described.events()[0])


def test_links_of_clients(server):
    run = server.start(links=[LINK])
    run.signal(links=[LINK])
    run.cancel(links=[LINK])
    run.terminate(links=[LINK])
    for type in ("Started", "Signaled", "CancelRequested", "Terminated"):
        event = only(run, f"WorkflowExecution{type}")
        assert len(event.links) == 1 and event.links[0].workflow_event.workflow_id == "other", event


def test_links_of_a_cancel_that_waits_for_a_task(server):
    run = server.start()
    task = run.task()
    run.cancel(links=[LINK])
    task.complete()
    assert len(only(run, "WorkflowExecutionCancelRequested").links) == 1


def test_metadata_of_any_length_is_taken(server):
    metadata = dict(summary=payload("x" * 401), details=payload("x" * 20001))
    run = server.start(user_metadata=metadata)
    assert len(value_of(only(run, "WorkflowExecutionStarted").user_metadata.summary)) == 401
