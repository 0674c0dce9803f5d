"""What operators and tools ask of the server: history backwards, deletion, task queues, a worker's sticky queue."""

import pytest
from stories import *
from temporalio import activity, workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import DescribeTaskQueueMode, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    DescribeTaskQueueRequest,
    GetWorkflowExecutionHistoryReverseRequest,
    ListTaskQueuePartitionsRequest,
    ResetStickyTaskQueueRequest,
)
from temporalio.service import RPCError, RPCStatusCode


@activity.defn
async def work() -> str:
    return "done"


@workflow.defn
class Worked:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_activity(work, start_to_close_timeout=seconds(10))


@workflow.defn
class Wait:
    def __init__(self) -> None:
        self.pokes = 0

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self.pokes == 2)
        return self.pokes

    @workflow.signal
    def poke(self) -> None:
        self.pokes += 1


def execution(handle):
    return WorkflowExecution(workflow_id=handle.id)


async def test_the_history_is_read_backwards_page_by_page(client):
    async with worker(client, Worked, activities=[work]) as queue:
        handle = await client.start_workflow(Worked.run, id=unique(), task_queue=queue)
        await handle.result()
    forward, backward, token = (await handle.fetch_history()).events, [], b""
    while not backward or token:
        page = await client.workflow_service.get_workflow_execution_history_reverse(
            GetWorkflowExecutionHistoryReverseRequest(
                namespace="default", execution=execution(handle), maximum_page_size=2, next_page_token=token
            )
        )
        backward += page.history.events
        token = page.next_page_token
    assert [event.event_id for event in reversed(backward)] == [event.event_id for event in forward]
    assert backward[0] == forward[-1]


@pytest.mark.parametrize("is_open", [True, False])
async def test_a_deleted_workflow_is_gone(client, is_open):
    async with worker(client, Wait) as queue:
        handle = await client.start_workflow(Wait.run, id=unique(), task_queue=queue)
        if not is_open:
            await handle.terminate()
        await client.workflow_service.delete_workflow_execution(
            DeleteWorkflowExecutionRequest(namespace="default", workflow_execution=execution(handle))
        )

        async def is_gone():
            try:
                await handle.describe()
            except RPCError as error:
                return error.status == RPCStatusCode.NOT_FOUND

        await eventually(is_gone, within=60)
        with pytest.raises(RPCError):
            await handle.fetch_history()
        again = await client.start_workflow(Wait.run, id=handle.id, task_queue=queue)
        await again.terminate()


async def test_a_task_queue_knows_its_workers_and_what_waits(client):
    queue = unique("queue")
    for _ in range(3):
        await client.start_workflow(Worked.run, id=unique(), task_queue=queue)

    async def described(**fields):
        return await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(namespace="default", task_queue=TaskQueue(name=queue), **fields)
        )

    async def all_wait():
        return (await described(report_stats=True)).stats.approximate_backlog_count == 3

    await eventually(all_wait)
    assert not (await described()).pollers
    async with worker(client, Worked, activities=[work], queue=queue, identity="the worker"):

        async def is_listed():
            versions = (
                await described(
                    api_mode=DescribeTaskQueueMode.DESCRIBE_TASK_QUEUE_MODE_ENHANCED,
                    report_stats=True,
                    report_pollers=True,
                )
            ).versions_info
            types = versions[""].types_info
            return all(
                "the worker" in [poller.identity for poller in types[type].pollers]
                and types[type].stats.approximate_backlog_count == 0
                for type in (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
            )

        await eventually(is_listed)
    partitions = await client.workflow_service.list_task_queue_partitions(
        ListTaskQueuePartitionsRequest(namespace="default", task_queue=TaskQueue(name=queue))
    )
    assert partitions.workflow_task_queue_partitions[0].key == queue


async def test_a_workflow_goes_on_after_its_sticky_queue_was_reset(client):
    async with worker(client, Wait) as queue:
        handle = await client.start_workflow(Wait.run, id=unique(), task_queue=queue)
        await handle.signal(Wait.poke)

        async def has_worked():
            return "WorkflowTaskCompleted" in await event_names(handle)

        await eventually(has_worked)
        await client.workflow_service.reset_sticky_task_queue(
            ResetStickyTaskQueueRequest(namespace="default", execution=execution(handle))
        )
        await handle.signal(Wait.poke)
        assert await handle.result() == 2
