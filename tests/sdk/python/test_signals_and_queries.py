"""Signals and queries to running, idle and closed workflows."""

import asyncio

import pytest
from stories import *
from temporalio import workflow
from temporalio.client import (
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.common import QueryRejectCondition
from temporalio.service import RPCError, RPCStatusCode


@workflow.defn
class Collect:
    """Collects what is signalled until "end" comes."""

    def __init__(self) -> None:
        self.got: list[str] = []

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: "end" in self.got)
        return self.got

    @workflow.signal
    def add(self, what: str) -> None:
        self.got.append(what)

    @workflow.query
    def so_far(self) -> list[str]:
        return self.got

    @workflow.query
    def count_of(self, what: str) -> int:
        return self.got.count(what)

    @workflow.query
    def broken(self) -> None:
        raise ValueError("the query is broken")


async def start(client, queue):
    return await client.start_workflow(Collect.run, id=unique(), task_queue=queue)


async def test_a_signal_reaches_its_workflow(client):
    async with worker(client, Collect) as queue:
        handle = await start(client, queue)
        await handle.signal(Collect.add, "one")
        await handle.signal(Collect.add, "end")
        assert await handle.result() == ["one", "end"]


async def test_signals_sent_before_the_worker_is_there(client):
    queue = unique("queue")
    handle = await start(client, queue)
    for what in ("a", "b", "end"):
        await handle.signal(Collect.add, what)
    async with worker(client, Collect, queue=queue):
        assert await handle.result() == ["a", "b", "end"]


async def test_a_hundred_signals_keep_their_order(client):
    async with worker(client, Collect) as queue:
        handle = await start(client, queue)
        expected = [str(number) for number in range(100)]
        for what in expected:
            await handle.signal(Collect.add, what)
        await handle.signal(Collect.add, "end")
        assert await handle.result() == [*expected, "end"]


async def test_signals_from_many_callers_all_arrive(client):
    async with worker(client, Collect) as queue:
        handle = await start(client, queue)
        await asyncio.gather(*(handle.signal(Collect.add, str(number)) for number in range(50)))
        await handle.signal(Collect.add, "end")
        assert sorted((await handle.result())[:-1], key=int) == [str(number) for number in range(50)]


async def test_a_closed_workflow_takes_no_signal(client):
    async with worker(client, Collect) as queue:
        handle = await start(client, queue)
        await handle.signal(Collect.add, "end")
        await handle.result()
        with pytest.raises(RPCError) as error:
            await handle.signal(Collect.add, "late")
        assert error.value.status == RPCStatusCode.NOT_FOUND
        assert error.value.message == "workflow execution already completed"


async def test_a_query_sees_the_signal_sent_before_it(client):
    async with worker(client, Collect) as queue:
        handle = await start(client, queue)
        for number in range(10):
            await handle.signal(Collect.add, str(number))
            assert (await handle.query(Collect.so_far))[-1] == str(number)


async def test_a_query_with_an_argument(client):
    async with worker(client, Collect) as queue:
        handle = await start(client, queue)
        await handle.signal(Collect.add, "x")
        await handle.signal(Collect.add, "x")
        assert await handle.query(Collect.count_of, "x") == 2


async def test_a_query_leaves_no_event(client):
    async with worker(client, Collect) as queue:
        handle = await start(client, queue)
        await handle.query(Collect.so_far)
        before = await event_names(handle)
        for _ in range(5):
            await handle.query(Collect.so_far)
        assert await event_names(handle) == before


async def test_a_closed_workflow_answers_queries(client):
    async with worker(client, Collect) as queue:
        handle = await start(client, queue)
        await handle.signal(Collect.add, "end")
        await handle.result()
        assert await handle.query(Collect.so_far) == ["end"]


async def test_a_closed_workflow_answers_from_its_history(client):
    """Another worker, which has to replay it."""
    async with worker(client, Collect) as queue:
        handle = await start(client, queue)
        await handle.signal(Collect.add, "end")
        await handle.result()
    async with worker(client, Collect, queue=queue):
        assert await handle.query(Collect.so_far) == ["end"]


async def test_a_query_that_fails(client):
    async with worker(client, Collect) as queue:
        handle = await start(client, queue)
        with pytest.raises(WorkflowQueryFailedError, match="the query is broken"):
            await handle.query(Collect.broken)


async def test_an_unknown_query(client):
    async with worker(client, Collect) as queue:
        handle = await start(client, queue)
        with pytest.raises(WorkflowQueryFailedError, match="nothing like it"):
            await handle.query("nothing like it")


async def test_a_rejected_query(client):
    async with worker(client, Collect) as queue:
        handle = await start(client, queue)
        await handle.query(Collect.so_far, reject_condition=QueryRejectCondition.NOT_OPEN)
        await handle.signal(Collect.add, "end")
        await handle.result()
        with pytest.raises(WorkflowQueryRejectedError) as error:
            await handle.query(Collect.so_far, reject_condition=QueryRejectCondition.NOT_OPEN)
        assert error.value.status == 2  # COMPLETED
        condition = QueryRejectCondition.NOT_COMPLETED_CLEANLY
        assert await handle.query(Collect.so_far, reject_condition=condition) == ["end"]


async def test_a_query_without_a_worker_ends_with_its_deadline(client):
    handle = await start(client, unique("nobody"))
    with pytest.raises(RPCError) as error:
        await handle.query(Collect.so_far, rpc_timeout=seconds(1))
    assert error.value.status in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)


async def test_many_queries_at_once(client):
    async with worker(client, Collect) as queue:
        handle = await start(client, queue)
        await handle.query(Collect.so_far)  # from here on the workflow is idle, and queries come alone
        answers = await asyncio.gather(*(handle.query(Collect.count_of, str(number)) for number in range(30)))
        assert answers == [0] * 30


@workflow.defn
class SlowStart:
    """Works through its signals with a timer between them, so that others come while a task runs."""

    def __init__(self) -> None:
        self.queue: list[int] = []

    @workflow.run
    async def run(self, wanted: int) -> list[int]:
        done = []
        while len(done) < wanted:
            await workflow.wait_condition(lambda: bool(self.queue))
            done.append(self.queue.pop(0))
        return done

    @workflow.signal
    async def work(self, number: int) -> None:
        await workflow.sleep(0.01)
        self.queue.append(number)


async def test_signals_that_collide_with_completion_are_not_lost(client):
    """The last command of a task is refused while a signal waits; the worker tries again with it."""
    async with worker(client, SlowStart) as queue:
        handles = [
            await client.start_workflow(SlowStart.run, 5, id=unique(), task_queue=queue) for _ in range(5)
        ]
        for number in range(5):
            await asyncio.gather(*(handle.signal(SlowStart.work, number) for handle in handles))
        for handle in handles:
            assert sorted(await handle.result()) == list(range(5))
