"""Signals and cancellation requests that workflows send to others."""

import pytest
from families import *

SIGNALED = "ExternalWorkflowExecutionSignaled"
SIGNAL_FAILED = "SignalExternalWorkflowExecutionFailed"
CANCEL_FAILED = "RequestCancelExternalWorkflowExecutionFailed"
CANCEL_REQUESTED = "ExternalWorkflowExecutionCancelRequested"
MISSING = "EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND"


# ---------------------------------------------------------------------------------------------------------------------
# Signals


def test_a_signal_to_another_workflow(server):
    sender, target = server.start(), idle_run(server)
    header = dict(fields={"h": payload(1)})
    sender.task().complete(signal_external(target.workflow_id, "hello", "in", control="c", header=header))
    sender.task()
    header_text = json.dumps(json_format.MessageToDict(common_pb.Header(**header)), sort_keys=True)
    sender.expect(f"""
        ...
        4 WorkflowTaskCompleted
        5 SignalExternalWorkflowExecutionInitiated workflow_task_completed_event_id=4 namespace=- workflow_execution.workflow_id={target.workflow_id} workflow_execution.run_id=- signal_name=hello input='"in"' control=c child_workflow_only=false 'header={header_text}'
        6 {SIGNALED} initiated_event_id=5 namespace=default workflow_execution.workflow_id={target.workflow_id} workflow_execution.run_id=- control=c
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)
    target.expect(f"""
        ...
        5 WorkflowExecutionSignaled signal_name=hello input='"in"' identity=history-service external_workflow_execution.workflow_id={sender.workflow_id} external_workflow_execution.run_id={sender.run_id} 'header={header_text}'
        6 WorkflowTaskScheduled
    """)
    signaled = attributes_of(target.events()[4])
    assert len(signaled.request_id) == 36
    namespace_id = attributes_of(sender.events()[4]).namespace_id
    assert namespace_id and attributes_of(sender.events()[5]).namespace_id == namespace_id


def idle_run(server):
    run = server.start()
    run.task().complete()
    return run


def test_a_signal_to_a_run(server):
    sender, target = server.start(), idle_run(server)
    sender.task().complete(signal_external(target.workflow_id, run_id=target.run_id))
    sender.task()
    sender.expect(f"""
        ...
        5 SignalExternalWorkflowExecutionInitiated workflow_execution.run_id={target.run_id}
        6 {SIGNALED} workflow_execution.run_id={target.run_id}
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)


def closed_run(server):
    run = server.start()
    run.terminate()
    return run.workflow_id, run.run_id


def closed_by_id(server):
    return closed_run(server)[0], ""


def nobody(server):
    return unique("nobody"), ""


def no_such_run(server):
    return server.start().workflow_id, str(uuid.uuid4())


LOST = [closed_run, closed_by_id, nobody, no_such_run]


@pytest.mark.parametrize("find", LOST)
def test_a_signal_that_does_not_arrive(server, find):
    workflow_id, run_id = find(server)
    sender = server.start()
    sender.task().complete(signal_external(workflow_id, run_id=run_id, control="c"))
    sender.task()
    sender.expect(f"""
        ...
        5 SignalExternalWorkflowExecutionInitiated
        6 {SIGNAL_FAILED} cause={MISSING} initiated_event_id=5 namespace=default workflow_execution.workflow_id={workflow_id} workflow_execution.run_id={run_id or "-"} control=c workflow_task_completed_event_id=-
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)


def test_a_signal_to_oneself(server):
    sender = server.start()
    sender.task().complete(signal_external(sender.workflow_id), signal_external(sender.workflow_id, run_id=sender.run_id))
    failed = [event for event in wait_for_event(sender, SIGNAL_FAILED, 2) if event_type(event) == SIGNAL_FAILED]
    assert [attributes_of(event).cause for event in failed] == [1, 1]


def test_a_signal_to_an_earlier_run_of_oneself(server):
    first = server.start()
    first.task().complete(continue_as_new())
    sender = next_run(first)
    sender.task().complete(signal_external(first.workflow_id, run_id=first.run_id))
    sender.task()
    sender.expect(f"""
        ...
        6 {SIGNAL_FAILED} cause={MISSING}
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)


def test_a_signal_to_a_child(server):
    parent, child = start_with_child(server)
    parent.signal("go")
    parent.task().complete(signal_external(child.workflow_id, child_workflow_only=True))
    parent.task()
    parent.expect(f"""
        ...
        13 WorkflowTaskCompleted
        14 SignalExternalWorkflowExecutionInitiated child_workflow_only=true
        15 {SIGNALED}
        16 WorkflowTaskScheduled
        17 WorkflowTaskStarted
    """)
    child.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowTaskScheduled
        3 WorkflowExecutionSignaled
    """)


def test_a_signal_to_a_child_that_continues(server):
    parent, child = start_with_child(server)
    child.task().complete(continue_as_new())
    parent.signal("go")
    parent.task().complete(
        signal_external(child.workflow_id, "now", child_workflow_only=True),
        signal_external(child.workflow_id, "then", run_id=child.run_id, child_workflow_only=True),
    )
    events = wait_for_event(parent, SIGNALED)
    events = wait_for_event(parent, SIGNAL_FAILED)
    assert next_run(child).events()[1].workflow_execution_signaled_event_attributes.signal_name == "now"
    (failed,) = [attributes_of(event) for event in events if event_type(event) == SIGNAL_FAILED]
    assert failed.initiated_event_id == 15


def test_a_signal_to_a_stranger_as_if_it_were_a_child(server):
    sender, target = server.start(), idle_run(server)
    sender.task().complete(signal_external(target.workflow_id, child_workflow_only=True))
    sender.task()
    sender.expect(f"""
        ...
        6 {SIGNAL_FAILED} cause={MISSING}
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)


@pytest.mark.parametrize("child_only", [True, False])
def test_a_child_is_started_and_signalled_at_once(server, child_only):
    """The signal is faster than the start."""
    parent = server.start()
    child_id = unique("child")
    parent.task().complete(start_child(child_id, "q"), signal_external(child_id, child_workflow_only=child_only))
    events = wait_for_event(parent, SIGNAL_FAILED)
    (failed,) = [attributes_of(event) for event in events if event_type(event) == SIGNAL_FAILED]
    assert (failed.initiated_event_id, failed.cause) == (6, 1)
    wait_for_event(parent, "ChildWorkflowExecutionStarted")
    parent.terminate()


def test_signals_to_many(server):
    targets = [idle_run(server) for _ in range(3)]
    sender = server.start()
    sender.task().complete(*[signal_external(target.workflow_id, f"s{n}") for n, target in enumerate(targets)])
    events = wait_for_event(sender, SIGNALED, 3)
    assert sum(event_type(event) == "WorkflowTaskScheduled" for event in events) == 2
    for n, target in enumerate(targets):
        signaled = attributes_of(target.events()[4])
        assert signaled.signal_name == f"s{n}"


def test_a_signal_with_the_last_task_is_never_sent(server):
    sender, target = server.start(), idle_run(server)
    sender.task().complete(signal_external(target.workflow_id), complete_workflow())
    time.sleep(0.3)  # time in which it could be sent
    assert "Signaled" not in target.text()
    sender.expect("""
        ...
        5 SignalExternalWorkflowExecutionInitiated
        6 WorkflowExecutionCompleted
    """)


def test_the_result_of_a_signal_while_a_task_runs(server):
    sender, target = server.start(), idle_run(server)
    task = sender.task().inline(signal_external(target.workflow_id), force_create_new_workflow_task=True)
    wait_for_event(target, "WorkflowExecutionSignaled")
    time.sleep(0.3)  # nothing tells when the sender has heard of it
    sender.signal("later")
    task.complete(record_marker("m"))
    sender.expect(f"""
        ...
        5 SignalExternalWorkflowExecutionInitiated
        6 WorkflowTaskScheduled
        7 WorkflowTaskStarted
        8 WorkflowTaskCompleted
        9 MarkerRecorded
        10 {SIGNALED} initiated_event_id=5
        11 WorkflowExecutionSignaled
        12 WorkflowTaskScheduled
    """)


def test_a_signal_to_a_workflow_in_its_start_delay(server):
    sender, target = server.start(), server.start(workflow_start_delay=seconds(600))
    sender.task().complete(signal_external(target.workflow_id))
    wait_for_event(sender, SIGNALED)
    target.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowExecutionSignaled
    """)


# ---------------------------------------------------------------------------------------------------------------------
# Cancellation requests


def test_a_cancellation_request(server):
    sender, target = server.start(), idle_run(server)
    sender.task().complete(cancel_external(target.workflow_id, reason="why", control="c"))
    sender.task()
    sender.expect(f"""
        ...
        4 WorkflowTaskCompleted
        5 RequestCancelExternalWorkflowExecutionInitiated workflow_task_completed_event_id=4 namespace=- workflow_execution.workflow_id={target.workflow_id} workflow_execution.run_id=- reason=why control=c child_workflow_only=false
        6 {CANCEL_REQUESTED} initiated_event_id=5 namespace=default workflow_execution.workflow_id={target.workflow_id} workflow_execution.run_id=-
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)
    target.expect(f"""
        ...
        5 WorkflowExecutionCancelRequested cause=why external_initiated_event_id=5 external_workflow_execution.workflow_id={sender.workflow_id} external_workflow_execution.run_id={sender.run_id} identity=history-service
        6 WorkflowTaskScheduled
    """)
    namespace_id = attributes_of(sender.events()[4]).namespace_id
    assert namespace_id and attributes_of(sender.events()[5]).namespace_id == namespace_id


def test_a_cancellation_request_that_names_the_namespace(server):
    sender, target = server.start(), idle_run(server)
    sender.task().complete(cancel_external(target.workflow_id, namespace="default", run_id=target.run_id))
    sender.task()
    sender.expect(f"""
        ...
        5 RequestCancelExternalWorkflowExecutionInitiated namespace=default workflow_execution.run_id={target.run_id}
        6 {CANCEL_REQUESTED} namespace=default workflow_execution.run_id={target.run_id}
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)


@pytest.mark.parametrize("find", [closed_run, closed_by_id])
def test_a_closed_workflow_is_as_good_as_cancelled(server, find):
    workflow_id, run_id = find(server)
    sender = server.start()
    sender.task().complete(cancel_external(workflow_id, run_id=run_id))
    sender.task()
    sender.expect(f"""
        ...
        6 {CANCEL_REQUESTED}
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)


@pytest.mark.parametrize("find", [nobody, no_such_run])
def test_a_cancellation_request_that_does_not_arrive(server, find):
    workflow_id, run_id = find(server)
    sender = server.start()
    sender.task().complete(cancel_external(workflow_id, run_id=run_id, control="c"))
    sender.task()
    sender.expect(f"""
        ...
        5 RequestCancelExternalWorkflowExecutionInitiated
        6 {CANCEL_FAILED} cause={MISSING} initiated_event_id=5 namespace=default workflow_execution.workflow_id={workflow_id} workflow_execution.run_id={run_id or "-"} control=- workflow_task_completed_event_id=-
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)


def test_a_cancellation_request_to_oneself(server):
    sender = server.start()
    sender.task().complete(cancel_external(sender.workflow_id))
    sender.task()
    sender.expect(f"""
        ...
        6 {CANCEL_FAILED} cause={MISSING}
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)


def test_a_second_cancellation_request(server):
    target = idle_run(server)
    target.cancel()
    sender = server.start()
    sender.task().complete(cancel_external(target.workflow_id), cancel_external(target.workflow_id))
    wait_for_event(sender, CANCEL_REQUESTED, 2)
    target.expect("""
        ...
        5 WorkflowExecutionCancelRequested identity=-
        6 WorkflowTaskScheduled
    """)


def test_a_child_is_cancelled_by_its_parent(server):
    parent, child = start_with_child(server)
    parent.signal()
    parent.task().complete(cancel_external(child.workflow_id, child_workflow_only=True))
    parent.task().complete()
    child.task().complete(cancel_workflow())
    parent.task()
    parent.expect(f"""
        ...
        14 RequestCancelExternalWorkflowExecutionInitiated child_workflow_only=true
        15 {CANCEL_REQUESTED}
        16 WorkflowTaskScheduled
        17 WorkflowTaskStarted
        18 WorkflowTaskCompleted
        19 ChildWorkflowExecutionCanceled
        20 WorkflowTaskScheduled
        21 WorkflowTaskStarted
    """)


def test_a_stranger_is_not_cancelled_as_if_it_were_a_child(server):
    sender, target = server.start(), idle_run(server)
    sender.task().complete(cancel_external(target.workflow_id, child_workflow_only=True))
    sender.task()
    sender.expect(f"""
        ...
        6 {CANCEL_FAILED} cause={MISSING}
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)
    assert "CancelRequested" not in target.text()


def test_a_cancellation_request_wakes_a_workflow_in_its_start_delay(server):
    sender, target = server.start(), server.start(workflow_start_delay=seconds(600))
    sender.task().complete(cancel_external(target.workflow_id))
    wait_for_event(target, "WorkflowTaskScheduled")
    target.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowExecutionCancelRequested
        3 WorkflowTaskScheduled
    """)


def test_a_cancellation_request_with_the_last_task_is_never_sent(server):
    sender, target = server.start(), idle_run(server)
    sender.task().complete(cancel_external(target.workflow_id), complete_workflow())
    time.sleep(0.3)  # time in which it could be sent
    assert "CancelRequested" not in target.text()
    sender.expect("""
        ...
        5 RequestCancelExternalWorkflowExecutionInitiated
        6 WorkflowExecutionCompleted
    """)


def test_start_and_cancellation_of_a_child_in_one_task(server):
    run = server.start()
    text = (
        "BadRequestCancelExternalWorkflowExecutionAttributes: Start and RequestCancel for child workflow is not allowed in "
        "same workflow task. WorkflowId=c RunId= Namespace="
    )
    with refused(INVALID_ARGUMENT, text):
        run.task().complete(start_child("c", "q"), cancel_external("c"))
    run.expect("""
        ...
        4 WorkflowTaskFailed cause=BAD_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_ATTRIBUTES
        5 WorkflowTaskScheduled
    """)


def test_cancellation_and_start_of_a_child_in_one_task(server):
    """In this order it is allowed; which is faster on the real server is a matter of chance."""
    run = server.start()
    child_id = unique("child")
    run.task().complete(cancel_external(child_id), start_child(child_id, "q"))
    wait_for_event(run, "ChildWorkflowExecutionStarted")
    for _ in range(300):
        if CANCEL_FAILED in run.text() or CANCEL_REQUESTED in run.text():
            break
    else:
        raise AssertionError(run.text())
    run.terminate()


# ---------------------------------------------------------------------------------------------------------------------
# Refused commands


LONG = "x" * 1001
ON_SIGNAL = "SignalExternalWorkflowExecutionCommand"
ON_CANCEL = "RequestCancelExternalWorkflowExecutionCommand"


def bad_signal(execution, name="s", **fields):
    command = signal_external("w", name, **fields)
    attributes = command.signal_external_workflow_execution_command_attributes
    if execution is None:
        attributes.ClearField("execution")
    else:
        attributes.execution.CopyFrom(common_pb.WorkflowExecution(**execution))
    return command


BAD_SIGNALS = {
    "no attributes": (bare("SIGNAL_EXTERNAL_WORKFLOW_EXECUTION"), f"SignalExternalWorkflowExecutionCommandAttributes is not set on {ON_SIGNAL}."),
    "no execution": (bad_signal(None), f"Execution is not set on {ON_SIGNAL}."),
    "no id": (bad_signal({}), f"WorkflowId is not set on {ON_SIGNAL}. Namespace= RunId= SignalName=s"),
    "long id": (
        bad_signal(dict(workflow_id=LONG)),
        f"WorkflowId on {ON_SIGNAL} exceeds length limit. WorkflowId={LONG} Length=1001 Limit=1000 Namespace= RunId= "
        "SignalName=s",
    ),
    "bad run id": (
        bad_signal(dict(workflow_id="w", run_id="no")),
        f"Invalid RunId set on {ON_SIGNAL}. WorkflowId=w Namespace= RunId=no SignalName=s",
    ),
    "no name": (bad_signal(dict(workflow_id="w"), ""), f"SignalName is not set on {ON_SIGNAL}. WorkflowId=w Namespace= RunId="),
    "namespace": (
        bad_signal(dict(workflow_id="w"), "", namespace="default"),
        f"SignalName is not set on {ON_SIGNAL}. WorkflowId=w Namespace=default RunId=",
    ),
}


@pytest.mark.parametrize("case", BAD_SIGNALS)
def test_a_bad_signal(server, case):
    command, text = BAD_SIGNALS[case]
    run = server.start()
    with refused(INVALID_ARGUMENT, f"BadSignalWorkflowExecutionAttributes: {text}"):
        run.task().complete(command)
    run.expect("""
        ...
        4 WorkflowTaskFailed cause=BAD_SIGNAL_WORKFLOW_EXECUTION_ATTRIBUTES
        5 WorkflowTaskScheduled
    """)


BAD_CANCELS = {
    "no attributes": (bare("REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION"), f"RequestCancelExternalWorkflowExecutionCommandAttributes is not set on {ON_CANCEL}."),
    "no id": (cancel_external(""), f"WorkflowId is not set on {ON_CANCEL}. Namespace= RunId="),
    "long id": (
        cancel_external(LONG),
        f"WorkflowId on {ON_CANCEL} exceeds length limit. WorkflowId={LONG} Length=1001 Limit=1000 RunId= Namespace=",
    ),
    "bad run id": (
        cancel_external("w", run_id="no"),
        f"Invalid RunId set on {ON_CANCEL}. WorkflowId=w RunId=no Namespace=",
    ),
    "namespace": (
        cancel_external("w", run_id="no", namespace="default"),
        f"Invalid RunId set on {ON_CANCEL}. WorkflowId=w RunId=no Namespace=default",
    ),
}


@pytest.mark.parametrize("case", BAD_CANCELS)
def test_a_bad_cancellation_request(server, case):
    command, text = BAD_CANCELS[case]
    run = server.start()
    with refused(INVALID_ARGUMENT, f"BadRequestCancelExternalWorkflowExecutionAttributes: {text}"):
        run.task().complete(command)
    run.expect("""
        ...
        4 WorkflowTaskFailed cause=BAD_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_ATTRIBUTES
        5 WorkflowTaskScheduled
    """)


def test_an_oversized_signal_ends_the_workflow(server):
    run = server.start()
    text = (
        "BadSignalWorkflowExecutionAttributes: SignalExternalWorkflowExecutionCommandAttributes.Input exceeds size limit."
    )
    with refused(INVALID_ARGUMENT, text):
        run.task().complete(signal_external("w", "s", "x" * (2 << 20)))
    run.expect(f"""
        ...
        4 WorkflowTaskFailed cause=BAD_SIGNAL_WORKFLOW_EXECUTION_ATTRIBUTES
        5 WorkflowExecutionTerminated reason="{text}" identity=history-service
    """)


@pytest.mark.parametrize("command", [signal_external("w", namespace="nope"), cancel_external("w", namespace="nope")])
def test_a_namespace_that_is_not_there(server, command):
    run = server.start()
    task = run.task()
    with refused(NOT_FOUND, "Namespace nope is not found.", NamespaceNotFoundFailure(namespace="nope")):
        task.complete(command)
    task.complete()  # the task goes on


def test_another_namespace(server):
    other = unique("other")
    server.call("RegisterNamespace", namespace=other, workflow_execution_retention_period=seconds(86400))
    time.sleep(1.5)  # the real server's caches
    cases = [
        (signal_external("w", namespace=other), "BadSignalWorkflowExecutionAttributes"),
        (cancel_external("w", namespace=other), "BadRequestCancelExternalWorkflowExecutionAttributes"),
    ]
    for command, cause in cases:
        run = server.start()
        with refused(INVALID_ARGUMENT, f"{cause}: cross namespace commands are not allowed"):
            run.task().complete(command)
