"""Several batches at once, where the configuration allows it."""

import pytest
from driver import *  # noqa: F403
from test_batch import COMPLETED, FAILED, RUNNING, describe, finished, some, start, stop

SERVER_FLAGS = [
    *("--dynamic-config-value", "frontend.MaxConcurrentBatchOperationPerNamespace=3"),
    *("--dynamic-config-value", "worker.batcherRPS=100"),
]
LONG = dict(executions=[dict(workflow_id=f"unknown-{i}") for i in range(600)], termination_operation={})


@pytest.fixture
def namespace(server):
    """One of the test's own: what others run does not count."""
    name = unique("ns")
    server.call("RegisterNamespace", namespace=name, workflow_execution_retention_period=seconds(86400))
    with Server(server.address, namespace=name) as here:
        yield here


@pytest.mark.fermata_only  # the real server has one, whatever its flags say
def test_as_many_as_the_configuration_allows(namespace):
    job_ids = []
    for _ in range(3):
        job_ids.append(start(namespace, **LONG))
    with refused(RESOURCE_EXHAUSTED, "Max concurrent batch operations is reached", ResourceExhaustedFailure):
        namespace.call("StartBatchOperation", job_id="more", reason="r", **LONG)
    assert [describe(namespace, job_id).state for job_id in job_ids] == [RUNNING] * 3
    stop(namespace, job_ids[0])
    with refused(ALREADY_EXISTS, None, AlreadyStartedFailure) as error:
        namespace.call("StartBatchOperation", job_id=job_ids[1], reason="r", **LONG)
    assert error.message == f"Workflow execution is already running. WorkflowId: {job_ids[1]}, RunId: {error.got.run_id}."
    page = namespace.call("ListBatchOperations")
    assert [info.job_id for info in page.operation_info] == [job_ids[2], job_ids[1], job_ids[0]]
    assert [info.state for info in page.operation_info] == [RUNNING, RUNNING, FAILED]
    for job_id in job_ids[1:]:
        stop(namespace, job_id)


@pytest.mark.fermata_only
def test_none_waits_for_another(server):
    """One that waits for its pace delays nobody; two over the same workflows do both."""
    runs, query = some(server, 30)
    slow = start(server, max_operations_per_second=0.001, **LONG)
    operations = [dict(signal_operation=dict(signal=name)) for name in ("one", "two")]
    job_ids = [start(server, visibility_query=query, **operation) for operation in operations]
    for job_id in job_ids:
        answer = finished(server, job_id)
        assert (answer.state, answer.complete_operation_count) == (COMPLETED, 30)
    assert describe(server, slow).complete_operation_count == 1
    stop(server, slow)
    for run in runs:
        names = [event.workflow_execution_signaled_event_attributes.signal_name for event in run.events()[2:]]
        assert sorted(names) == ["one", "two"]


@pytest.mark.fermata_only
def test_the_configured_pace(server):
    executions = [dict(workflow_id=f"unknown-{i}") for i in range(120)]
    answer = finished(server, start(server, executions=executions, termination_operation={}))
    taken = answer.close_time.ToNanoseconds() - answer.start_time.ToNanoseconds()
    assert taken >= 190e6  # a hundred at once, the others a hundredth of a second apart
