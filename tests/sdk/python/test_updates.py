"""Updates: asking a running workflow to change, and hearing what came of it."""

import asyncio

import pytest
from stories import *
from temporalio import activity, workflow
from temporalio.client import (
    RPCTimeoutOrCancelledError,
    WithStartWorkflowOperation,
    WorkflowContinuedAsNewError,
    WorkflowUpdateFailedError,
    WorkflowUpdateStage,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode


@activity.defn
async def look_up_price(item: str) -> int:
    await asyncio.sleep(0.1)
    return len(item)


@workflow.defn
class Cart:
    """A shopping cart: items are added by update until it is checked out."""

    @workflow.init
    def __init__(self, limit: int = 100) -> None:
        self.limit = limit
        self.items: list[str] = []
        self.open = True

    @workflow.run
    async def run(self, limit: int = 100) -> list[str]:
        await workflow.wait_condition(lambda: not self.open)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.items

    @workflow.update
    def add(self, item: str) -> int:
        self.items.append(item)
        return len(self.items)

    @add.validator
    def check_add(self, item: str) -> None:
        if not item:
            raise ValueError("an item has a name")
        if len(self.items) >= self.limit:
            raise ApplicationError("the cart is full", type="Full")

    @workflow.update
    async def add_with_price(self, item: str) -> int:
        price = await workflow.execute_activity(look_up_price, item, start_to_close_timeout=seconds(10))
        self.items.append(item)
        return price

    @workflow.update
    async def add_slowly(self, item: str) -> str:
        """Takes until the cart closes."""
        await workflow.wait_condition(lambda: not self.open)
        self.items.append(item)
        return f"{item} at last"

    @workflow.update
    async def fail(self) -> None:
        raise ApplicationError("this one does not work", "detail", type="Nope")

    @workflow.signal
    def check_out(self) -> None:
        self.open = False

    @workflow.query
    def contents(self) -> list[str]:
        return self.items


async def start(client, queue, *args):
    return await client.start_workflow(Cart.run, args=args, id=unique(), task_queue=queue)


async def test_an_update_returns_its_result(client):
    async with worker(client, Cart) as queue:
        handle = await start(client, queue)
        assert await handle.execute_update(Cart.add, "book") == 1
        assert await handle.execute_update(Cart.add, "pen") == 2
        assert await handle.query(Cart.contents) == ["book", "pen"]
        await handle.signal(Cart.check_out)
        assert await handle.result() == ["book", "pen"]
        got = await event_names(handle)
        assert got.count("WorkflowExecutionUpdateAccepted") == got.count("WorkflowExecutionUpdateCompleted") == 2


async def test_a_validator_rejects_without_a_trace(client):
    async with worker(client, Cart) as queue:
        handle = await start(client, queue, 1)
        await handle.execute_update(Cart.add, "book")
        before = await event_names(handle)
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await handle.execute_update(Cart.add, "")
        assert "an item has a name" in str(failed.value.cause)
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await handle.execute_update(Cart.add, "pen")
        assert failed.value.cause.type == "Full"
        assert await event_names(handle) == before
        await handle.signal(Cart.check_out)
        assert await handle.result() == ["book"]


async def test_an_update_that_fails(client):
    async with worker(client, Cart) as queue:
        handle = await start(client, queue)
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await handle.execute_update(Cart.fail)
        cause = failed.value.cause
        assert isinstance(cause, ApplicationError) and (cause.message, cause.type) == ("this one does not work", "Nope")
        assert list(cause.details) == ["detail"]
        assert await handle.execute_update(Cart.add, "still alive") == 1


async def test_a_long_update_with_an_activity(client):
    async with worker(client, Cart, activities=[look_up_price]) as queue:
        handle = await start(client, queue)
        update = await handle.start_update(Cart.add_with_price, "house", wait_for_stage=WorkflowUpdateStage.ACCEPTED)
        assert await update.result() == 5
        events = await event_names(handle)
        assert events.index("WorkflowExecutionUpdateAccepted") < events.index("ActivityTaskScheduled")
        assert events.index("ActivityTaskCompleted") < events.index("WorkflowExecutionUpdateCompleted")


async def test_an_accepted_update_is_waited_for_later(client):
    async with worker(client, Cart) as queue:
        handle = await start(client, queue)
        update = await handle.start_update(
            Cart.add_slowly, "ship", id="slow", wait_for_stage=WorkflowUpdateStage.ACCEPTED
        )
        other = handle.get_update_handle("slow", result_type=str)
        await handle.signal(Cart.check_out)
        assert await update.result() == "ship at last"
        assert await other.result() == "ship at last"
        assert await handle.result() == ["ship"]
        again = handle.get_update_handle("slow", result_type=str)  # after the end
        assert await again.result() == "ship at last"


async def test_the_same_id_is_the_same_update(client):
    async with worker(client, Cart) as queue:
        handle = await start(client, queue)
        results = await asyncio.gather(*(handle.execute_update(Cart.add, "once", id="one") for _ in range(5)))
        assert results == [1] * 5
        assert await handle.query(Cart.contents) == ["once"]


async def test_many_updates_at_once(client):
    async with worker(client, Cart) as queue:
        handle = await start(client, queue)
        for _ in range(5):
            await asyncio.gather(*(handle.execute_update(Cart.add, f"item {n}") for n in range(8)))
        await handle.signal(Cart.check_out)
        assert len(await handle.result()) == 40


async def test_an_update_sent_before_the_worker_is_there(client):
    queue = unique("queue")
    handle = await start(client, queue)
    waiting = asyncio.create_task(handle.execute_update(Cart.add, "early"))
    await asyncio.sleep(0.3)
    async with worker(client, Cart, queue=queue):
        assert await waiting == 1


async def test_an_update_that_nobody_answers(client):
    handle = await start(client, unique("queue"))
    with pytest.raises(RPCTimeoutOrCancelledError):
        await handle.execute_update(Cart.add, "lost", rpc_timeout=seconds(1))


async def test_the_worker_does_not_keep_its_workflows(client):
    """Every task replays the history, speculative ones included."""
    async with worker(client, Cart, activities=[look_up_price], max_cached_workflows=0) as queue:
        handle = await start(client, queue, 3)
        assert await handle.execute_update(Cart.add, "one") == 1
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update(Cart.add, "")
        assert await handle.execute_update(Cart.add_with_price, "two") == 3
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update(Cart.add, "")
        await handle.signal(Cart.check_out)
        assert await handle.result() == ["one", "two"]


async def test_the_worker_is_replaced_while_an_update_runs(client):
    queue = unique("queue")
    async with worker(client, Cart, queue=queue):
        handle = await start(client, queue)
        update = await handle.start_update(Cart.add_slowly, "x", wait_for_stage=WorkflowUpdateStage.ACCEPTED)
    async with worker(client, Cart, queue=queue):
        await handle.signal(Cart.check_out)
        assert await update.result() == "x at last"


async def test_an_update_of_a_workflow_that_has_ended(client):
    async with worker(client, Cart) as queue:
        handle = await start(client, queue)
        assert await handle.execute_update(Cart.add, "kept", id="kept") == 1
        await handle.signal(Cart.check_out)
        await handle.result()
        assert await handle.execute_update(Cart.add, "kept", id="kept") == 1
        with pytest.raises(RPCError) as refused:
            await handle.execute_update(Cart.add, "late")
        assert refused.value.status == RPCStatusCode.NOT_FOUND


async def test_an_update_that_the_end_cuts_off(client):
    async with worker(client, Cart) as queue:
        handle = await start(client, queue)
        update = await handle.start_update(Cart.add_slowly, "x", wait_for_stage=WorkflowUpdateStage.ACCEPTED)
        await handle.terminate()
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await update.result()
        assert failed.value.cause.type == "AcceptedUpdateCompletedWorkflow"


# ---- update-with-start ----


def starting(queue, id, policy=WorkflowIDConflictPolicy.USE_EXISTING):
    return WithStartWorkflowOperation(Cart.run, id=id, task_queue=queue, id_conflict_policy=policy)


async def test_the_first_item_makes_the_cart(client):
    async with worker(client, Cart) as queue:
        id = unique("cart")
        counts = []
        for item in ("a", "b", "c"):
            operation = starting(queue, id)
            count = await client.execute_update_with_start_workflow(Cart.add, item, start_workflow_operation=operation)
            handle = await operation.workflow_handle()
            counts.append((count, handle.first_execution_run_id or handle.result_run_id))
        assert [count for count, _ in counts] == [1, 2, 3]
        handle = client.get_workflow_handle_for(Cart.run, id)
        await handle.signal(Cart.check_out)
        assert await handle.result() == ["a", "b", "c"]


async def test_a_cart_that_is_there_and_may_not_be(client):
    async with worker(client, Cart) as queue:
        id = unique("cart")
        await client.start_workflow(Cart.run, id=id, task_queue=queue)
        operation = starting(queue, id, WorkflowIDConflictPolicy.FAIL)
        with pytest.raises(WorkflowAlreadyStartedError):
            await client.execute_update_with_start_workflow(Cart.add, "x", start_workflow_operation=operation)
        with pytest.raises(WorkflowAlreadyStartedError):
            await operation.workflow_handle()


async def test_the_cart_is_made_although_its_first_item_is_rejected(client):
    async with worker(client, Cart) as queue:
        id = unique("cart")
        operation = starting(queue, id)
        with pytest.raises(WorkflowUpdateFailedError):
            await client.execute_update_with_start_workflow(Cart.add, "", start_workflow_operation=operation)
        handle = await operation.workflow_handle()
        assert await handle.execute_update(Cart.add, "fine") == 1


# ---- human approval ----


@workflow.defn
class Expense:
    """Waits for somebody to approve or to refuse it, and for no longer than it is told."""

    @workflow.init
    def __init__(self, amount: int, patience: float) -> None:
        self.amount = amount
        self.decision: tuple[str, str] | None = None

    @workflow.run
    async def run(self, amount: int, patience: float) -> str:
        try:
            await workflow.wait_condition(lambda: self.decision is not None, timeout=patience)
        except asyncio.TimeoutError:
            return "nobody has decided"
        await workflow.wait_condition(workflow.all_handlers_finished)
        verdict, who = self.decision
        return f"{verdict} by {who}"

    @workflow.update
    def approve(self, who: str) -> str:
        self.decision = ("approved", who)
        return f"{self.amount} approved"

    @approve.validator
    def check_approve(self, who: str) -> None:
        if who != "boss" and self.amount > 100:
            raise ApplicationError(f"{who} may not approve {self.amount}", type="NotAllowed")
        if self.decision is not None:
            raise ApplicationError("it has been decided", type="Decided")


async def test_an_expense_is_approved(client):
    async with worker(client, Expense) as queue:
        handle = await client.start_workflow(Expense.run, args=[1000, 60], id=unique("expense"), task_queue=queue)
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await handle.execute_update(Expense.approve, "clerk")
        assert failed.value.cause.type == "NotAllowed"
        assert await handle.execute_update(Expense.approve, "boss") == "1000 approved"
        assert await handle.result() == "approved by boss"


async def test_nobody_decides(client):
    async with worker(client, Expense) as queue:
        handle = await client.start_workflow(Expense.run, args=[10, 0.5], id=unique("expense"), task_queue=queue)
        assert await handle.result() == "nobody has decided"


# ---- continue-as-new ----


@workflow.defn
class Counter:
    """Continues as new after every few updates; an update that comes in between lands on the next run."""

    @workflow.init
    def __init__(self, before: int = 0) -> None:
        self.before = before
        self.here = 0

    @workflow.run
    async def run(self, before: int = 0) -> None:
        await workflow.wait_condition(lambda: self.here >= 3)
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(self.before + self.here)

    @workflow.update
    def count(self) -> int:
        self.here += 1
        return self.before + self.here


async def test_a_counter_that_continues_as_new_loses_no_update(client):
    async with worker(client, Counter) as queue:
        id = unique("counter")
        first = await client.start_workflow(Counter.run, id=id, task_queue=queue)
        handle = client.get_workflow_handle_for(Counter.run, id)
        assert [await handle.execute_update(Counter.count) for _ in range(8)] == list(range(1, 9))
        with pytest.raises(Exception) as ended:
            await client.get_workflow_handle(id, run_id=first.first_execution_run_id).result(follow_runs=False)
        assert isinstance(ended.value, WorkflowContinuedAsNewError)
        await handle.terminate()
