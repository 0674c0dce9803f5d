"""SignalWorkflowExecution, RequestCancelWorkflowExecution and TerminateWorkflowExecution."""

import pytest
from driver import *

NOBODY = "0198c0de-0000-7000-8000-000000000000"


def test_a_signal_is_recorded_and_schedules_a_task(server):
    run = server.start()
    run.task().complete()
    run.signal("go", 42, request_id="r1", header=dict(fields={"h": payload(1)}))
    run.expect("""
        ...
        5 WorkflowExecutionSignaled signal_name=go input=42 identity=client request_id=r1
        6 WorkflowTaskScheduled attempt=1
    """)
    assert value_of(attributes_of(run.events()[4]).header.fields["h"]) == 1


def test_a_signal_before_the_first_task_waits_for_it(server):
    run = server.start()
    run.signal("early")
    assert run.task().text().splitlines() == [
        "1 WorkflowExecutionStarted",
        "2 WorkflowTaskScheduled",
        "3 WorkflowExecutionSignaled",
        "4 WorkflowTaskStarted",
    ]


def test_many_signals_share_one_task_and_keep_their_order(server):
    run = server.start()
    run.task().complete()
    for number in range(50):
        run.signal(f"s{number}")
    events = run.task().history.events
    names = [attributes_of(e).signal_name for e in events if event_type(e) == "WorkflowExecutionSignaled"]
    assert names == [f"s{number}" for number in range(50)]
    assert sum(event_type(event) == "WorkflowTaskScheduled" for event in events) == 2


def test_a_repeated_signal_request_id_counts_once(server):
    run = server.start()
    for _ in range(3):
        run.signal("go", request_id="same")
    assert run.text().count("WorkflowExecutionSignaled") == 1
    run.signal("go", request_id="other")
    assert run.text().count("WorkflowExecutionSignaled") == 2


def test_a_repeated_signal_is_accepted_even_after_the_close(server):
    run = server.start()
    run.signal("go", request_id="same")
    run.terminate()
    run.signal("go", request_id="same")
    assert run.text().count("WorkflowExecutionSignaled") == 1


def test_signals_without_a_request_id_all_count(server):
    run = server.start()
    run.signal("go")
    run.signal("go")
    assert run.text().count("WorkflowExecutionSignaled") == 2


def test_the_signals_response_links_to_its_request(server):
    response = server.start().signal("go", request_id="r")
    assert response.link.workflow_event.request_id_ref.request_id == "r"


def test_a_signal_without_a_run_id_reaches_the_current_run(server):
    run = server.start()
    run.signal("go", workflow_execution=dict(workflow_id=run.workflow_id))
    assert "WorkflowExecutionSignaled" in run.text()


def test_a_signal_without_a_name_is_refused(server):
    with refused(INVALID_ARGUMENT, "SignalName is not set on request."):
        server.start().signal("")


def test_a_signal_with_a_long_name_is_refused(server):
    with refused(INVALID_ARGUMENT, "SignalName length exceeds limit."):
        server.start().signal("x" * 1001)


def test_an_oversized_signal_is_refused(server):
    with refused(INVALID_ARGUMENT, "Blob data size exceeds limit."):
        server.start().signal("go", "x" * (2 << 20))


def test_a_closed_workflow_takes_no_signal(server):
    run = server.start()
    run.terminate()
    with refused(NOT_FOUND, "workflow execution already completed", NotFoundFailure):
        run.signal()


def test_cancel_is_recorded_and_schedules_a_task(server):
    run = server.start()
    run.task().complete()
    run.cancel(reason="stop it", identity="me", request_id="r1")
    run.task().complete(cancel_workflow("bye"))
    run.expect("""
        ...
        5 WorkflowExecutionCancelRequested cause='stop it' identity=me
        6 WorkflowTaskScheduled
        7 WorkflowTaskStarted
        8 WorkflowTaskCompleted
        9 WorkflowExecutionCanceled details='"bye"' workflow_task_completed_event_id=8
    """)
    assert run.status() == "CANCELED"


def test_a_second_cancel_is_accepted_and_does_nothing(server):
    run = server.start()
    run.cancel(request_id="one")
    run.cancel(request_id="two")
    run.cancel()
    assert run.text().count("CancelRequested") == 1
    assert run.describe().workflow_extended_info.cancel_requested is True


def test_cancel_of_a_closed_workflow_is_accepted_and_does_nothing(server):
    run = server.start()
    run.terminate()
    run.cancel()
    assert "CancelRequested" not in run.text()


def test_a_workflow_may_cancel_itself_without_a_request(server):
    run = server.start()
    run.task().complete(cancel_workflow())
    assert run.status() == "CANCELED"


def test_a_cancel_during_a_task_is_buffered(server):
    run = server.start()
    task = run.task()
    run.cancel()
    assert run.text().endswith("3 WorkflowTaskStarted")
    task.complete()
    run.expect("""
        ...
        4 WorkflowTaskCompleted
        5 WorkflowExecutionCancelRequested
        6 WorkflowTaskScheduled
    """)


def test_terminate_keeps_its_reason_and_details(server):
    run = server.start()
    run.terminate(reason="because", details=payloads("d"), identity="me")
    run.expect("""
        ...
        3 WorkflowExecutionTerminated reason=because details='"d"' identity=me
    """)
    assert run.status() == "TERMINATED"


def test_terminate_of_a_closed_workflow_is_refused(server):
    run = server.start()
    run.terminate()
    with refused(NOT_FOUND, "workflow execution already completed", NotFoundFailure):
        run.terminate()


def test_terminate_finds_the_current_run_of_a_chain(server):
    first = server.start()
    first.task().complete(continue_as_new())
    first.terminate(first_execution_run_id=first.run_id)
    assert first.status() == "CONTINUED_AS_NEW"
    current = server.call("DescribeWorkflowExecution", execution=dict(workflow_id=first.workflow_id))
    assert current.workflow_execution_info.status == 5  # TERMINATED


def test_terminate_with_another_chains_first_run_is_refused(server):
    run = server.start()
    with refused(NOT_FOUND, "workflow execution not found", NotFoundFailure):
        run.terminate(first_execution_run_id=NOBODY)


def calls_on(execution):
    """Every RPC that names an execution, as (name, request fields)."""
    return [
        ("SignalWorkflowExecution", dict(workflow_execution=execution, signal_name="s")),
        ("RequestCancelWorkflowExecution", dict(workflow_execution=execution)),
        ("TerminateWorkflowExecution", dict(workflow_execution=execution)),
        ("DescribeWorkflowExecution", dict(execution=execution)),
        ("GetWorkflowExecutionHistory", dict(execution=execution)),
        ("QueryWorkflow", dict(execution=execution, query=dict(query_type="q"))),
    ]


RPCS = [name for name, _ in calls_on({})]


@pytest.mark.parametrize("rpc", RPCS)
def test_an_unknown_workflow_id(server, rpc):
    fields = dict(calls_on(dict(workflow_id="nobody")))[rpc]
    with refused(NOT_FOUND, "workflow not found for ID: nobody", NotFoundFailure):
        server.call(rpc, **fields)


@pytest.mark.parametrize("rpc", RPCS)
def test_an_unknown_run_id(server, rpc):
    run = server.start()
    fields = dict(calls_on(dict(workflow_id=run.workflow_id, run_id=NOBODY)))[rpc]
    text = f'workflow execution not found for workflow ID "{run.workflow_id}" and run ID "{NOBODY}"'
    with refused(NOT_FOUND, text, NotFoundFailure):
        server.call(rpc, **fields)


@pytest.mark.parametrize("rpc", RPCS)
def test_a_run_id_that_is_no_uuid(server, rpc):
    fields = dict(calls_on(dict(workflow_id="w", run_id="not-a-uuid")))[rpc]
    with refused(INVALID_ARGUMENT, "Invalid RunId."):
        server.call(rpc, **fields)


@pytest.mark.parametrize("rpc", RPCS)
def test_no_workflow_id(server, rpc):
    fields = dict(calls_on(dict(workflow_id="")))[rpc]
    with refused(INVALID_ARGUMENT, "WorkflowId is not set on request."):
        server.call(rpc, **fields)


@pytest.mark.parametrize("rpc", RPCS)
def test_no_execution(server, rpc):
    fields = {key: value for key, value in dict(calls_on(None))[rpc].items() if value is not None}
    with refused(INVALID_ARGUMENT, "Execution is not set on request."):
        server.call(rpc, **fields)


@pytest.mark.parametrize("rpc", RPCS)
def test_an_unknown_namespace(server, rpc):
    fields = dict(calls_on(dict(workflow_id="w")))[rpc]
    with refused(NOT_FOUND, "Namespace nope is not found.", NamespaceNotFoundFailure(namespace="nope")):
        server.call(rpc, namespace="nope", **fields)
