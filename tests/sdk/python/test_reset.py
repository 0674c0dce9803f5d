"""Resets: what a team does after a bad deploy."""

import pytest
from stories import *
from temporalio import activity, workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import ResetReapplyExcludeType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError

LIMIT = dict(start_to_close_timeout=seconds(10), result_type=str)


class Shop:
    """What the activities do to the world, counted."""

    def __init__(self):
        self.charged, self.shipped = [], []

    @activity.defn(name="charge")
    async def charge(self, order: str) -> str:
        self.charged.append(order)
        return f"receipt of {order}"

    @activity.defn(name="ship")
    async def ship(self, address: str) -> str:
        self.shipped.append(address)
        return f"sent to {address}"

    @property
    def activities(self):
        return [self.charge, self.ship]


class _Order:
    """Charges, waits until it is told where to, ships."""

    def __init__(self) -> None:
        self.address = ""

    async def fulfil(self, order: str) -> str:
        receipt = await workflow.execute_activity("charge", order, **LIMIT)
        await workflow.wait_condition(lambda: self.address != "")
        return receipt + ", " + await workflow.execute_activity("ship", self.label(), **LIMIT)

    def label(self) -> str:
        return self.address


@workflow.defn(name="Order")
class BadOrder(_Order):
    @workflow.run
    async def run(self, order: str) -> str:
        return await self.fulfil(order)

    @workflow.signal
    def send_to(self, address: str) -> None:
        self.address = address

    @workflow.update
    def correct(self, address: str) -> str:
        self.address = address.upper()  # the same bug
        return self.address

    def label(self) -> str:
        raise ApplicationError("the new label printer is broken")


@workflow.defn(name="Order")
class GoodOrder(_Order):
    @workflow.run
    async def run(self, order: str) -> str:
        return await self.fulfil(order)

    @workflow.signal
    def send_to(self, address: str) -> None:
        self.address = address

    @workflow.update
    def correct(self, address: str) -> str:
        self.address = address
        return self.address


async def start(client, name, argument, queue):
    """A handle of this very run: one that start_workflow returns means whichever is current."""
    handle = await client.start_workflow(name, argument, id=unique(), task_queue=queue)
    return client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)


async def reset(client, handle, event_id, **fields):
    """A handle of the run that the reset has made."""
    response = await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=handle.run_id),
            reason="bad deploy",
            workflow_task_finish_event_id=event_id,
            request_id=unique("reset"),
            **fields,
        )
    )
    return client.get_workflow_handle(handle.id, run_id=response.run_id)


async def last_task(handle):
    """The last completed workflow task: what `temporal workflow reset --type LastWorkflowTask` goes back to."""
    history = await handle.fetch_history()
    completed = [event for event, name in zip(history.events, names(history)) if name == "WorkflowTaskCompleted"]
    return completed[-1].event_id


async def test_a_bad_deploy_is_undone_and_only_its_part_is_done_again(client):
    shop, queue = Shop(), unique("queue")
    async with worker(client, BadOrder, activities=shop.activities, queue=queue):
        handle = await start(client, "Order", "order 7", queue)
        await eventually(lambda: attributes(handle, "ActivityTaskCompleted"))
        await handle.signal("send_to", "Paris")
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    fixed = await reset(client, handle, await last_task(handle))
    async with worker(client, GoodOrder, activities=shop.activities, queue=queue):
        assert await fixed.result() == "receipt of order 7, sent to Paris"
    assert (shop.charged, shop.shipped) == (["order 7"], ["Paris"])
    old, new = await handle.describe(), await fixed.describe()
    assert old.status == WorkflowExecutionStatus.FAILED
    assert new.status == WorkflowExecutionStatus.COMPLETED
    assert old.raw_description.workflow_extended_info.reset_run_id == fixed.run_id
    assert (await client.get_workflow_handle(handle.id).result()) == "receipt of order 7, sent to Paris"


async def test_from_the_beginning_with_the_signals_of_a_run_that_still_goes_on(client):
    shop, queue = Shop(), unique("queue")
    async with worker(client, GoodOrder, activities=shop.activities, queue=queue):
        handle = await start(client, "Order", "order 8", queue)
        await eventually(lambda: attributes(handle, "ActivityTaskCompleted"))
    await handle.signal("send_to", "Rome")
    again = await reset(client, handle, 4)
    async with worker(client, GoodOrder, activities=shop.activities, queue=queue):
        assert await again.result() == "receipt of order 8, sent to Rome"
    assert shop.charged == ["order 8", "order 8"]
    (terminated,) = await attributes(handle, "WorkflowExecutionTerminated")
    assert (terminated.reason, terminated.identity) == ("bad deploy", "history-resetter")


async def test_without_the_signals(client):
    shop, queue = Shop(), unique("queue")
    async with worker(client, GoodOrder, activities=shop.activities, queue=queue):
        handle = await start(client, "Order", "order 9", queue)
        await handle.signal("send_to", "nowhere")
        assert await handle.result() == "receipt of order 9, sent to nowhere"
        excluded = [ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL]
        (completed, *_) = await attributes(handle, "WorkflowTaskCompleted")
        again = await reset(client, handle, completed.started_event_id + 1, reset_reapply_exclude_types=excluded)
        await again.signal("send_to", "Oslo")
        assert await again.result() == "receipt of order 9, sent to Oslo"


async def test_an_update_runs_again_in_the_new_run(client):
    shop, queue = Shop(), unique("queue")
    async with worker(client, BadOrder, activities=shop.activities, queue=queue):
        handle = await start(client, "Order", "order 10", queue)
        await eventually(lambda: attributes(handle, "ActivityTaskCompleted"))
        assert await handle.execute_update("correct", "Bonn", id="correction") == "BONN"
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    fixed = await reset(client, handle, 4)
    async with worker(client, GoodOrder, activities=shop.activities, queue=queue):
        assert await fixed.get_update_handle("correction").result() == "Bonn"
        assert await fixed.result() == "receipt of order 10, sent to Bonn"


@workflow.defn
class Parent:
    @workflow.run
    async def run(self, child_id: str) -> str:
        child = await workflow.start_child_workflow("Child", id=child_id, result_type=str)
        return "the child says " + await child


@workflow.defn
class Child:
    def __init__(self) -> None:
        self.word = ""

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self.word != "")
        return self.word

    @workflow.signal
    def say(self, word: str) -> None:
        self.word = word


async def test_a_child_answers_the_run_that_its_parent_was_reset_to(client):
    async with worker(client, Parent, Child) as queue:
        child = client.get_workflow_handle(unique("child"))
        parent = await start(client, "Parent", child.id, queue)
        await eventually(lambda: attributes(parent, "ChildWorkflowExecutionStarted"))
        await eventually(lambda: two_tasks(parent))
        first = await reset(client, parent, await last_task(parent))
        second = await reset(client, first, await eventually(lambda: completed_again(first)))
        await child.signal("say", "hello")
        assert await second.result() == "the child says hello"


async def two_tasks(handle):
    return len(await attributes(handle, "WorkflowTaskCompleted")) == 2


async def completed_again(handle):
    """The task that follows the reset, once it is completed."""
    history = await handle.fetch_history()
    return names(history)[-1] == "WorkflowTaskCompleted" and history.events[-1].event_id
