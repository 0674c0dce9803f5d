"""Commands that act in another namespace, where the server allows it: children, signals, requests to cancel."""

import time

import pytest
from driver import *

ALLOWED = "system.enableCrossNamespaceCommands=true"
SERVER_FLAGS = ["--namespace", "other", "--dynamic-config-value", ALLOWED]


@pytest.fixture
def there(server):
    """The other namespace of the same server."""
    with Server(server.address, "other") as there:
        yield there


def until(look, expected):
    """The real server does to others what a completion asks for after it has answered."""
    give_up = time.monotonic() + 10
    while (got := look()) != expected and time.monotonic() < give_up:
        time.sleep(0.05)
    assert got == expected


def kinds(run):
    return [event_type(event) for event in run.events()]


def attributes_by_kind(run, kind):
    (event,) = [event for event in run.events() if event_type(event) == kind]
    return attributes_of(event)


def id_of(server):
    return server.call("DescribeNamespace").namespace_info.id


def child_of(run, there, workflow_id, queue):
    """The started child, as a run of the other namespace."""
    until(lambda: "ChildWorkflowExecutionStarted" in kinds(run), True)
    started = attributes_by_kind(run, "ChildWorkflowExecutionStarted")
    return Run(there, workflow_id, started.workflow_execution.run_id, queue)


def test_a_signal_and_a_request_to_cancel(server, there):
    target, run = there.start(), server.start()
    run.task().complete(
        signal_external(target.workflow_id, "s", 1, namespace="other", control="c"),
        cancel_external(target.workflow_id, namespace="other", reason="r"),
    )
    delivered = ["ExternalWorkflowExecutionSignaled", "ExternalWorkflowExecutionCancelRequested"]
    until(lambda: all(kind in kinds(run) for kind in delivered), True)
    for kind in (
        "SignalExternalWorkflowExecutionInitiated",
        "RequestCancelExternalWorkflowExecutionInitiated",
        *delivered,
    ):
        attributes = attributes_by_kind(run, kind)
        assert (attributes.namespace, attributes.namespace_id) == ("other", id_of(there)), kind
    signaled = attributes_by_kind(target, "WorkflowExecutionSignaled")
    assert (signaled.signal_name, signaled.external_workflow_execution.run_id) == ("s", run.run_id)
    asked = attributes_by_kind(target, "WorkflowExecutionCancelRequested")
    assert (asked.cause, asked.external_workflow_execution.run_id) == ("r", run.run_id)


def test_nobody_of_that_id_is_there(server, there):
    run, namesake = server.start(), server.start()
    run.task().complete(
        signal_external(namesake.workflow_id, "s", namespace="other"),
        cancel_external(namesake.workflow_id, namespace="other"),
    )
    failures = ["SignalExternalWorkflowExecutionFailed", "RequestCancelExternalWorkflowExecutionFailed"]
    until(lambda: all(failure in kinds(run) for failure in failures), True)
    for failure in failures:
        attributes = attributes_by_kind(run, failure)
        assert value_text(attributes.DESCRIPTOR.fields_by_name["cause"], attributes.cause).endswith("NOT_FOUND")
        assert (attributes.namespace, attributes.namespace_id) == ("other", id_of(there))
    assert kinds(namesake) == ["WorkflowExecutionStarted", "WorkflowTaskScheduled"]


def test_a_workflow_of_ones_own_id_is_another_one_there(server, there):
    target = there.start()
    run = server.start(workflow_id=target.workflow_id)
    run.task().complete(signal_external(run.workflow_id, "s", namespace="other"))
    until(lambda: kinds(target)[2:], ["WorkflowExecutionSignaled"])


def test_a_child(server, there):
    run, workflow_id, queue = server.start(), unique("child"), unique("queue")
    run.task().complete(start_child(workflow_id, queue, namespace="other"))
    child = child_of(run, there, workflow_id, queue)
    started = attributes_of(child.events()[0])
    assert (started.parent_workflow_namespace, started.parent_workflow_namespace_id) == ("default", id_of(server))
    assert started.parent_workflow_execution.run_id == run.run_id
    child.task().complete(complete_workflow(5))
    until(lambda: "ChildWorkflowExecutionCompleted" in kinds(run), True)
    for kind in (
        "StartChildWorkflowExecutionInitiated",
        "ChildWorkflowExecutionStarted",
        "ChildWorkflowExecutionCompleted",
    ):
        attributes = attributes_by_kind(run, kind)
        assert (attributes.namespace, attributes.namespace_id) == ("other", id_of(there)), kind


def test_the_id_of_a_child_is_taken_there(server, there):
    present, run = there.start(), server.start()
    run.task().complete(start_child(present.workflow_id, "q", namespace="other"))
    until(lambda: "StartChildWorkflowExecutionFailed" in kinds(run), True)
    failed = attributes_by_kind(run, "StartChildWorkflowExecutionFailed")
    assert (failed.cause, failed.namespace) == (1, "other")


def test_a_child_that_follows_itself_still_tells_its_parent(server, there):
    run, workflow_id, queue = server.start(), unique("child"), unique("queue")
    run.task().complete(start_child(workflow_id, queue, namespace="other"))
    child = child_of(run, there, workflow_id, queue)
    child.task().complete(continue_as_new())
    following = child.other(attributes_of(child.events()[-1]).new_execution_run_id)
    following.task().complete(complete_workflow())
    until(lambda: "ChildWorkflowExecutionCompleted" in kinds(run), True)


@pytest.mark.parametrize("policy, status", [("TERMINATE", "TERMINATED"), ("ABANDON", "RUNNING")])
def test_the_parent_ends(server, there, policy, status):
    run, workflow_id, queue = server.start(), unique("child"), unique("queue")
    close_policy = f"PARENT_CLOSE_POLICY_{policy}"
    run.task().complete(start_child(workflow_id, queue, namespace="other", parent_close_policy=close_policy))
    child = child_of(run, there, workflow_id, queue)
    run.terminate()
    until(child.status, status)


def test_the_parent_ends_and_asks_its_child_to_cancel(server, there):
    run, workflow_id, queue = server.start(), unique("child"), unique("queue")
    close_policy = "PARENT_CLOSE_POLICY_REQUEST_CANCEL"
    run.task().complete(start_child(workflow_id, queue, namespace="other", parent_close_policy=close_policy))
    child = child_of(run, there, workflow_id, queue)
    run.terminate()
    until(lambda: kinds(child)[-1], "WorkflowExecutionCancelRequested")


def test_search_attributes_are_those_of_the_other_namespace(server, there):
    there.call("OperatorService/AddSearchAttributes", search_attributes=dict(Theirs="INDEXED_VALUE_TYPE_KEYWORD"))
    fields = dict(namespace="other", search_attributes=dict(indexed_fields=entries(dict(Theirs="a"))))
    workflow_id, queue = unique("child"), unique("queue")

    def accepted():  # the real server knows the new name some time later
        run = server.start()
        try:
            run.task().complete(start_child(workflow_id, queue, **fields))
        except grpc.RpcError as error:
            return error.details()
        return "yes"

    until(accepted, "yes")
    fields["search_attributes"] = dict(indexed_fields=entries(dict(Mine="a")))
    server.call("OperatorService/AddSearchAttributes", search_attributes=dict(Mine="INDEXED_VALUE_TYPE_KEYWORD"))
    text = "BadSearchAttributes: Namespace other has no mapping defined for search attribute Mine"
    with refused(INVALID_ARGUMENT, text):
        server.start().task().complete(start_child(workflow_id, queue, **fields))


@pytest.mark.parametrize("command", [signal_external, cancel_external, start_child])
def test_a_namespace_that_is_not_there(server, command):
    run = server.start()
    task = run.task()
    with refused(NOT_FOUND, "Namespace nope is not found.", NamespaceNotFoundFailure(namespace="nope")):
        task.complete(command("x", namespace="nope"))
    task.complete(complete_workflow())  # nothing has happened to the task
