"""Signal-with-start: an order book that exists as soon as somebody orders."""

import pytest
from stories import *
from temporalio import workflow
from temporalio.client import WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError


@workflow.defn
class Basket:
    def __init__(self) -> None:
        self.items: list[str] = []
        self.is_done = False

    @workflow.run
    async def run(self, owner: str) -> list[str]:
        await workflow.wait_condition(lambda: self.is_done)
        return [owner, *self.items]

    @workflow.signal
    def add(self, item: str) -> None:
        self.items.append(item)

    @workflow.signal
    def done(self) -> None:
        self.is_done = True

    @workflow.query
    def count(self) -> int:
        return len(self.items)


async def add(client, id, queue, item, owner="Ann", **options):
    return await client.start_workflow(
        Basket.run, owner, id=id, task_queue=queue, start_signal="add", start_signal_args=[item], **options
    )


async def test_the_first_signal_starts_the_workflow_and_later_ones_find_it(client):
    async with worker(client, Basket) as queue:
        id = unique("basket")
        handles = [await add(client, id, queue, item) for item in ("apple", "pear", "plum")]
        assert len({handle.first_execution_run_id for handle in handles}) == 1
        await handles[0].signal(Basket.done)
        assert await handles[0].result() == ["Ann", "apple", "pear", "plum"]


async def test_a_signal_is_there_before_the_first_line_of_the_workflow(client):
    async with worker(client, Basket) as queue:
        handle = await add(client, unique("basket"), queue, "early")
        assert await handle.query(Basket.count) == 1
        assert (await event_names(handle))[:3] == [
            "WorkflowExecutionStarted",
            "WorkflowExecutionSignaled",
            "WorkflowTaskScheduled",
        ]
        await handle.terminate()


async def test_a_closed_basket_is_followed_by_a_new_one(client):
    async with worker(client, Basket) as queue:
        id = unique("basket")
        first = await add(client, id, queue, "apple")
        await first.signal(Basket.done)
        assert await first.result() == ["Ann", "apple"]
        second = await add(client, id, queue, "pear", owner="Bob")
        await second.signal(Basket.done)
        assert await second.result() == ["Bob", "pear"]
        with pytest.raises(WorkflowAlreadyStartedError):
            await add(client, id, queue, "plum", id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE)


async def test_a_basket_is_thrown_away_for_a_new_one(client):
    async with worker(client, Basket) as queue:
        id = unique("basket")
        first = await add(client, id, queue, "apple")
        second = await add(
            client, id, queue, "pear", id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING
        )
        described = await client.get_workflow_handle(id, run_id=first.first_execution_run_id).describe()
        assert described.status == WorkflowExecutionStatus.TERMINATED
        assert await second.query(Basket.count) == 1
        await second.terminate()


async def test_many_callers_at_once_start_it_once(client):
    async with worker(client, Basket) as queue:
        id = unique("basket")
        handles = await asyncio.gather(*(add(client, id, queue, f"item {n}") for n in range(20)))
        assert len({handle.first_execution_run_id for handle in handles}) == 1
        await handles[0].signal(Basket.done)
        owner, *items = await handles[0].result()
        assert sorted(items) == sorted(f"item {n}" for n in range(20))
