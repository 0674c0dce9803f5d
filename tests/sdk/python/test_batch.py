"""A batch over a query: what a team does to hundreds of workflows after a bad afternoon."""

from stories import *
from temporalio import workflow
from temporalio.api.batch.v1 import BatchOperationReset, BatchOperationSignal, BatchOperationTermination
from temporalio.api.common.v1 import Payloads
from temporalio.api.enums.v1 import BatchOperationState, ResetType
from temporalio.api.workflowservice.v1 import DescribeBatchOperationRequest, StartBatchOperationRequest
from temporalio.client import WorkflowExecutionStatus
from temporalio.converter import default

RUNNING = BatchOperationState.BATCH_OPERATION_STATE_RUNNING
COMPLETED = BatchOperationState.BATCH_OPERATION_STATE_COMPLETED


@workflow.defn
class Parcel:
    """Waits for its addresses and goes where the last word sends it."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: "go" in self.addresses)
        return self.addresses

    @workflow.signal
    def send_to(self, address: str) -> None:
        self.addresses.append(address)


async def batch(client, query, **operation):
    """Runs a batch to its end; returns its description."""
    job_id = unique("job")
    await client.workflow_service.start_batch_operation(
        StartBatchOperationRequest(
            namespace=client.namespace, job_id=job_id, reason="a bad afternoon", visibility_query=query, **operation
        )
    )

    async def ended():
        request = DescribeBatchOperationRequest(namespace=client.namespace, job_id=job_id)
        answer = await client.workflow_service.describe_batch_operation(request)
        return answer if answer.state != RUNNING else None

    return await eventually(ended)


async def word(text):
    payloads = await default().encode([text])
    return dict(signal_operation=BatchOperationSignal(signal="send_to", input=Payloads(payloads=payloads)))


async def test_a_fleet_is_signalled_reset_and_ended(client):
    async with worker(client, Parcel) as queue:
        handles = [await client.start_workflow(Parcel.run, id=unique("parcel"), task_queue=queue) for _ in range(30)]
        await handles[0].terminate()
        for handle in handles[1:]:  # each has had its first task, so it can be reset
            await eventually(lambda handle=handle: has_begun(handle))
        query = f"TaskQueue = '{queue}'"

        told = await batch(client, query, **await word("Rome"))
        assert (told.state, told.total_operation_count, told.complete_operation_count) == (COMPLETED, 29, 29)

        reset = await batch(
            client,
            f"{query} AND ExecutionStatus = 'Running'",
            reset_operation=BatchOperationReset(reset_type=ResetType.RESET_TYPE_FIRST_WORKFLOW_TASK),
        )
        assert (reset.complete_operation_count, reset.failure_operation_count) == (29, 0)
        last = await batch(client, query, **await word("go"))
        assert last.complete_operation_count == 29
        for handle in handles[1:]:
            newest = client.get_workflow_handle(handle.id)
            assert await newest.result() == ["Rome", "go"]  # the reset has kept the first signal

        idle = [await client.start_workflow(Parcel.run, id=unique("parcel"), task_queue=queue) for _ in range(3)]
        ended = await batch(client, query, termination_operation=BatchOperationTermination())
        assert ended.complete_operation_count == 3
        for handle in idle:
            assert (await handle.describe()).status == WorkflowExecutionStatus.TERMINATED
            (how,) = await attributes(handle, "WorkflowExecutionTerminated")
            assert how.reason == "a bad afternoon"


async def has_begun(handle):
    return "WorkflowTaskCompleted" in await event_names(handle)
