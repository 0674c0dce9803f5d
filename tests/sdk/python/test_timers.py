"""Timers as a program sees them."""

import asyncio

from stories import *
from temporalio import workflow


@workflow.defn
class Sleep:
    @workflow.run
    async def run(self, how_long: float) -> float:
        before = workflow.now()
        await workflow.sleep(how_long)
        return (workflow.now() - before).total_seconds()


async def test_a_sleep_is_as_long_as_it_says(client):
    async with worker(client, Sleep) as queue:
        slept = await client.execute_workflow(Sleep.run, 0.3, id=unique(), task_queue=queue)
        assert 0.3 <= slept < 5


async def test_a_sleep_goes_on_without_a_worker(client):
    queue = unique("queue")
    handle = await client.start_workflow(Sleep.run, 0.2, id=unique(), task_queue=queue)

    async def started():
        return "TimerStarted" in await event_names(handle)

    async def fired():
        return "TimerFired" in await event_names(handle)

    async with worker(client, Sleep, queue=queue, max_cached_workflows=0):
        await eventually(started)
    await eventually(fired)
    async with worker(client, Sleep, queue=queue):
        assert await handle.result() >= 0.2


@workflow.defn
class Race:
    """The shorter timer wins, the longer one is cancelled."""

    @workflow.run
    async def run(self) -> str:
        async def nap(name: str, how_long: float) -> str:
            await workflow.sleep(how_long)
            return name

        tasks = [asyncio.create_task(nap("long", 600)), asyncio.create_task(nap("short", 0.05))]
        done, rest = await workflow.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        (winner,) = done
        await workflow.sleep(0.01)  # so that the cancel is a command of its own task
        return winner.result()


async def test_a_cancelled_timer_does_not_hold_the_workflow(client):
    async with worker(client, Race) as queue:
        handle = await client.start_workflow(Race.run, id=unique(), task_queue=queue)
        assert await handle.result() == "short"
        assert "TimerCanceled" in await event_names(handle)


@workflow.defn
class Many:
    @workflow.run
    async def run(self, count: int) -> int:
        await asyncio.gather(*(workflow.sleep(0.2) for _ in range(count)))
        return count


async def test_two_hundred_timers_of_one_instant(client):
    async with worker(client, Many) as queue:
        handle = await client.start_workflow(Many.run, 200, id=unique(), task_queue=queue)
        assert await handle.result() == 200
        assert (await event_names(handle)).count("TimerFired") == 200


@workflow.defn
class Await:
    @workflow.run
    async def run(self) -> str:
        try:
            await workflow.wait_condition(lambda: False, timeout=seconds(0.05))
        except asyncio.TimeoutError:
            return "timed out"


async def test_a_condition_with_a_timeout(client):
    async with worker(client, Await) as queue:
        assert await client.execute_workflow(Await.run, id=unique(), task_queue=queue) == "timed out"
