"""Workers that fail, stop, come back, share a queue, keep nothing in their cache."""

import asyncio
import time

from stories import *
from temporalio import activity, workflow
from temporalio.client import Client

failures: dict[str, int] = {}


@workflow.defn
class FailTasks:
    """Raises what is no workflow failure: its task fails and is tried again."""

    @workflow.run
    async def run(self, times: int) -> str:
        key = workflow.info().workflow_id
        failures[key] = failures.get(key, 0) + 1
        if failures[key] <= times:
            raise RuntimeError(f"a bug, hit {failures[key]} times")
        return "fixed"


async def test_a_workflow_recovers_from_a_bug(client):
    async with worker(client, FailTasks) as queue:
        handle = await client.start_workflow(FailTasks.run, 1, id=unique(), task_queue=queue)
        assert await handle.result() == "fixed"
        (failed,) = await attributes(handle, "WorkflowTaskFailed")
        assert failed.failure.message == "a bug, hit 1 times"


async def test_further_attempts_leave_no_trace(client):
    """Failures after the first are not even reported: the SDK lets those tasks time out."""
    async with worker(client, FailTasks) as queue:
        handle = await client.start_workflow(FailTasks.run, 3, id=unique(), task_queue=queue, task_timeout=seconds(1))
        assert await handle.result() == "fixed"
        assert len(await attributes(handle, "WorkflowTaskFailed")) == 1
        assert [scheduled.attempt for scheduled in await attributes(handle, "WorkflowTaskScheduled")] == [1, 4]


@workflow.defn
class Steps:
    def __init__(self) -> None:
        self.steps = 0

    @workflow.run
    async def run(self, wanted: int) -> int:
        await workflow.wait_condition(lambda: self.steps >= wanted)
        return self.steps

    @workflow.signal
    def step(self) -> None:
        self.steps += 1

    @workflow.query
    def taken(self) -> int:
        return self.steps


async def test_tasks_after_the_first_go_to_the_sticky_queue(client):
    async with worker(client, Steps) as queue:
        handle = await client.start_workflow(Steps.run, 2, id=unique(), task_queue=queue)
        assert await handle.query(Steps.taken) == 0
        await handle.signal(Steps.step)
        await handle.signal(Steps.step)
        await handle.result()
        kinds = [scheduled.task_queue.kind for scheduled in await attributes(handle, "WorkflowTaskScheduled")]
        assert kinds[0] == 1 and set(kinds[1:]) == {2}  # NORMAL, then STICKY


async def test_a_worker_without_a_cache_uses_no_sticky_queue(client):
    async with worker(client, Steps, max_cached_workflows=0) as queue:
        handle = await client.start_workflow(Steps.run, 2, id=unique(), task_queue=queue)
        assert await handle.query(Steps.taken) == 0
        await handle.signal(Steps.step)
        assert await handle.query(Steps.taken) == 1
        await handle.signal(Steps.step)
        assert await handle.result() == 2
        kinds = {scheduled.task_queue.kind for scheduled in await attributes(handle, "WorkflowTaskScheduled")}
        assert kinds == {1}


async def test_another_worker_takes_over_when_the_first_stops(client):
    queue = unique("queue")
    async with worker(client, Steps, queue=queue):
        handle = await client.start_workflow(Steps.run, 2, id=unique(), task_queue=queue)
        await handle.signal(Steps.step)
        assert await handle.query(Steps.taken) == 1
    async with worker(client, Steps, queue=queue):
        await handle.signal(Steps.step)
        assert await handle.result() == 2


async def test_a_workflow_outlives_its_place_in_the_cache(client):
    async with worker(client, Steps, max_cached_workflows=2) as queue:
        handles = [await client.start_workflow(Steps.run, 2, id=unique(), task_queue=queue) for _ in range(8)]
        for handle in handles:
            await handle.signal(Steps.step)
        for handle in handles:
            await handle.signal(Steps.step)
            assert await handle.result() == 2


@activity.defn
async def whose() -> str:
    return activity.info().task_queue


@workflow.defn
class Elsewhere:
    @workflow.run
    async def run(self, queue: str) -> str:
        return await workflow.execute_activity(whose, task_queue=queue, start_to_close_timeout=seconds(20))


async def test_an_activity_may_run_on_another_queue(client):
    async with worker(client, Elsewhere) as queue, worker(client, activities=[whose]) as other:
        assert await client.execute_workflow(Elsewhere.run, other, id=unique(), task_queue=queue) == other


async def test_several_workers_share_a_queue(client):
    queue, address = unique("queue"), client.service_client.config.target_host
    async with (
        worker(client, Steps, queue=queue),
        worker(await Client.connect(address, identity="two"), Steps, queue=queue),
        worker(await Client.connect(address, identity="three"), Steps, queue=queue),
    ):
        handles = await asyncio.gather(
            *(client.start_workflow(Steps.run, 1, id=unique(), task_queue=queue) for _ in range(30))
        )
        await asyncio.gather(*(handle.signal(Steps.step) for handle in handles))
        assert await asyncio.gather(*(handle.result() for handle in handles)) == [1] * 30


async def test_a_worker_that_comes_late_finds_its_tasks(client):
    queue = unique("queue")
    handles = [await client.start_workflow(Steps.run, 0, id=unique(), task_queue=queue) for _ in range(20)]
    async with worker(client, Steps, queue=queue):
        await asyncio.gather(*(handle.result() for handle in handles))


@workflow.defn
class Hang:
    """Blocks its worker's thread in the first attempt, as a deadlock would."""

    @workflow.run
    async def run(self) -> str:
        key = workflow.info().workflow_id
        failures[key] = failures.get(key, 0) + 1
        if failures[key] == 1:
            time.sleep(1.6)
        return "woke up"


async def test_a_task_that_hangs_is_given_out_again(client):
    async with worker(client, Hang, max_cached_workflows=10) as queue:
        handle = await client.start_workflow(Hang.run, id=unique(), task_queue=queue, task_timeout=seconds(1))
        assert await handle.result() == "woke up"
        (timed_out,) = await attributes(handle, "WorkflowTaskTimedOut")
        assert timed_out.timeout_type == 1  # START_TO_CLOSE


async def test_a_worker_stops_at_once_when_it_has_nothing_to_do(client):
    before = asyncio.get_running_loop().time()
    async with worker(client, Steps, activities=[whose]):
        pass
    assert asyncio.get_running_loop().time() - before < 5


# Quantity


@workflow.defn
class Busy:
    @workflow.run
    async def run(self, number: int) -> int:
        await workflow.sleep(0.01)
        return await workflow.execute_activity(plus_one, number, start_to_close_timeout=seconds(60))


@activity.defn
async def plus_one(number: int) -> int:
    return number + 1


async def test_three_hundred_workflows_at_once(client):
    async with worker(client, Busy, activities=[plus_one], max_concurrent_workflow_tasks=50) as queue:
        results = await asyncio.gather(
            *(client.execute_workflow(Busy.run, number, id=unique(), task_queue=queue) for number in range(300))
        )
    assert results == [number + 1 for number in range(300)]


@workflow.defn
class Echo:
    @workflow.run
    async def run(self, text: str) -> str:
        return await workflow.execute_activity(echo, text, start_to_close_timeout=seconds(20))


@activity.defn
async def echo(text: str) -> str:
    return text


async def test_a_megabyte_goes_in_and_out(client):
    text = "0123456789abcdef" * (1 << 16)
    async with worker(client, Echo, activities=[echo]) as queue:
        assert await client.execute_workflow(Echo.run, text, id=unique(), task_queue=queue) == text


@workflow.defn
class Long:
    @workflow.run
    async def run(self, activities: int) -> int:
        total = 0
        for number in range(activities):
            total = await workflow.execute_activity(plus_one, total, start_to_close_timeout=seconds(20))
        return total


async def test_a_long_history_is_replayed_page_by_page(client):
    queue = unique("queue")
    async with worker(client, Long, activities=[plus_one], queue=queue, max_cached_workflows=0):
        handle = await client.start_workflow(Long.run, 60, id=unique(), task_queue=queue)
        assert await handle.result() == 60
    assert len(await event_names(handle)) == 5 + 6 * 60
