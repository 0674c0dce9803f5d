"""Parents and their child workflows, and workflows that speak to others."""

import asyncio

import pytest
from stories import *
from temporalio import workflow
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import RetryPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import (
    ApplicationError,
    CancelledError,
    ChildWorkflowError,
    TerminatedError,
    TimeoutError,
    WorkflowAlreadyStartedError,
)
from temporalio.workflow import ChildWorkflowCancellationType, ParentClosePolicy


@workflow.defn
class Square:
    @workflow.run
    async def run(self, number: int) -> int:
        await workflow.sleep(0.01)
        return number * number


@workflow.defn
class SumOfSquares:
    @workflow.run
    async def run(self, count: int) -> int:
        return sum(await asyncio.gather(*(workflow.execute_child_workflow(Square.run, n) for n in range(count))))


async def test_a_parent_with_many_children(client):
    async with worker(client, SumOfSquares, Square) as queue:
        handle = await client.start_workflow(SumOfSquares.run, 40, id=unique("parent"), task_queue=queue)
        assert await handle.result() == sum(n * n for n in range(40))
        assert (await event_names(handle)).count("ChildWorkflowExecutionCompleted") == 40


# ---- failure ----


@workflow.defn
class Fails:
    @workflow.run
    async def run(self, times: int) -> str:
        attempt = workflow.info().attempt
        if attempt <= times:
            raise ApplicationError(f"attempt {attempt}", {"n": attempt}, type="Bad")
        return f"attempt {attempt} went well"


@workflow.defn
class Tries:
    @workflow.run
    async def run(self, times: int, attempts: int) -> str:
        policy = RetryPolicy(initial_interval=seconds(0.05), maximum_attempts=attempts)
        return await workflow.execute_child_workflow(Fails.run, times, retry_policy=policy)


async def test_a_childs_failure_reaches_the_client(client):
    async with worker(client, Tries, Fails) as queue:
        with pytest.raises(WorkflowFailureError) as failed:
            await client.execute_workflow(Tries.run, args=[9, 1], id=unique("parent"), task_queue=queue)
        child_error = failed.value.cause
        assert isinstance(child_error, ChildWorkflowError) and child_error.workflow_type == "Fails"
        cause = child_error.cause
        assert isinstance(cause, ApplicationError) and (cause.message, cause.type) == ("attempt 1", "Bad")
        assert list(cause.details) == [{"n": 1}]


async def test_a_child_is_retried_until_it_goes_well(client):
    async with worker(client, Tries, Fails) as queue:
        handle = await client.start_workflow(Tries.run, args=[1, 3], id=unique("parent"), task_queue=queue)
        assert await handle.result() == "attempt 2 went well"
        assert (await event_names(handle)).count("ChildWorkflowExecutionStarted") == 1


async def test_a_child_is_retried_in_vain(client):
    async with worker(client, Tries, Fails) as queue:
        with pytest.raises(WorkflowFailureError) as failed:
            await client.execute_workflow(Tries.run, args=[9, 2], id=unique("parent"), task_queue=queue)
        assert failed.value.cause.cause.message == "attempt 2"


@workflow.defn
class Waits:
    def __init__(self) -> None:
        self.got: list[str] = []

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: "end" in self.got)
        return " ".join(self.got)

    @workflow.signal
    def tell(self, what: str) -> None:
        self.got.append(what)


@workflow.defn
class Impatient:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_child_workflow(Waits.run, run_timeout=seconds(1))


async def test_a_child_times_out(client):
    async with worker(client, Impatient, Waits) as queue:
        with pytest.raises(WorkflowFailureError) as failed:
            await client.execute_workflow(Impatient.run, id=unique("parent"), task_queue=queue)
        assert isinstance(failed.value.cause.cause, TimeoutError)


# ---- cancellation, termination, the end of the parent ----


@workflow.defn
class Cleans:
    """Does not go without cleaning up."""

    @workflow.run
    async def run(self) -> None:
        try:
            await workflow.wait_condition(lambda: False)
        except asyncio.CancelledError:
            await workflow.sleep(0.01)
            raise


@workflow.defn
class Guardian:
    @workflow.run
    async def run(self, child_id: str, kind: int) -> None:
        await workflow.execute_child_workflow(
            Cleans.run, id=child_id, cancellation_type=ChildWorkflowCancellationType(kind)
        )


@pytest.mark.parametrize(
    "kind",
    [ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED, ChildWorkflowCancellationType.TRY_CANCEL],
)
async def test_cancelling_a_parent_cancels_its_child(client, kind):
    async with worker(client, Guardian, Cleans) as queue:
        child_id = unique("child")
        handle = await client.start_workflow(
            Guardian.run, args=[child_id, int(kind)], id=unique("parent"), task_queue=queue
        )
        child = client.get_workflow_handle(child_id)
        await eventually(lambda: is_open(child))
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        assert isinstance(failed.value.cause, CancelledError)
        if kind == ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED:
            assert "ChildWorkflowExecutionCanceled" in await event_names(handle)
        await eventually(lambda: has_status(child, WorkflowExecutionStatus.CANCELED, WorkflowExecutionStatus.TERMINATED))


async def has_status(handle, *statuses):
    return (await handle.describe()).status in statuses


async def is_open(handle):
    try:
        return await has_status(handle, WorkflowExecutionStatus.RUNNING)
    except Exception:
        return False  # it is not there yet


async def test_a_child_is_terminated_by_hand(client):
    async with worker(client, Guardian, Cleans) as queue:
        child_id = unique("child")
        handle = await client.start_workflow(Guardian.run, args=[child_id, 0], id=unique("parent"), task_queue=queue)
        child = client.get_workflow_handle(child_id)
        await eventually(lambda: is_open(child))
        await child.terminate()
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        assert isinstance(failed.value.cause.cause, TerminatedError)


@workflow.defn
class Leaves:
    """Starts a child and ends before it."""

    @workflow.run
    async def run(self, child_id: str, policy: int) -> None:
        await workflow.start_child_workflow(Waits.run, id=child_id, parent_close_policy=ParentClosePolicy(policy))


@pytest.mark.parametrize(
    "policy,status",
    [
        (ParentClosePolicy.TERMINATE, WorkflowExecutionStatus.TERMINATED),
        (ParentClosePolicy.REQUEST_CANCEL, WorkflowExecutionStatus.CANCELED),
        (ParentClosePolicy.ABANDON, WorkflowExecutionStatus.COMPLETED),
    ],
)
async def test_the_parent_leaves(client, policy, status):
    async with worker(client, Leaves, Waits) as queue:
        child_id = unique("child")
        await client.execute_workflow(Leaves.run, args=[child_id, int(policy)], id=unique("parent"), task_queue=queue)
        child = client.get_workflow_handle_for(Waits.run, child_id)
        if policy == ParentClosePolicy.ABANDON:
            await child.signal(Waits.tell, "end")
            assert await child.result() == "end"
        await eventually(lambda: has_status(child, status))


# ---- ids ----


@workflow.defn
class Takes:
    @workflow.run
    async def run(self, child_id: str) -> str:
        try:
            await workflow.start_child_workflow(
                Waits.run, id=child_id, id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE
            )
        except WorkflowAlreadyStartedError as error:
            return f"{error.workflow_id} is taken"
        return "started"


async def test_the_childs_id_is_taken(client):
    async with worker(client, Takes, Waits) as queue:
        other = await client.start_workflow(Waits.run, id=unique("other"), task_queue=queue)
        result = await client.execute_workflow(Takes.run, other.id, id=unique("parent"), task_queue=queue)
        assert result == f"{other.id} is taken"
        await other.terminate()
        result = await client.execute_workflow(Takes.run, other.id, id=unique("parent"), task_queue=queue)
        assert result == f"{other.id} is taken"


# ---- signals and cancellation requests to others ----


@workflow.defn
class Speaks:
    @workflow.run
    async def run(self, id: str, words: list[str]) -> str:
        other = workflow.get_external_workflow_handle_for(Waits.run, id)
        try:
            for word in words:
                await other.signal(Waits.tell, word)
        except ApplicationError as error:
            return error.type or ""
        return "heard"


async def test_a_workflow_signals_another(client):
    async with worker(client, Speaks, Waits) as queue:
        other = await client.start_workflow(Waits.run, id=unique("other"), task_queue=queue)
        words = ["do", "not", "end"]
        assert await client.execute_workflow(Speaks.run, args=[other.id, words], id=unique("sp"), task_queue=queue) == "heard"
        assert await other.result() == "do not end"


async def test_nobody_is_there_to_be_signalled(client):
    async with worker(client, Speaks) as queue:
        result = client.execute_workflow(Speaks.run, args=[unique("nobody"), ["x"]], id=unique("sp"), task_queue=queue)
        assert "NotFound" in await result


@workflow.defn
class Conducts:
    """Starts children, tells each of them something, and collects what they say."""

    @workflow.run
    async def run(self, count: int) -> list[str]:
        children = [await workflow.start_child_workflow(Waits.run) for _ in range(count)]
        for number, child in enumerate(children):
            await child.signal(Waits.tell, f"child {number}")
            await child.signal(Waits.tell, "end")
        return list(await asyncio.gather(*children))


async def test_a_parent_signals_its_children(client):
    async with worker(client, Conducts, Waits) as queue:
        got = await client.execute_workflow(Conducts.run, 5, id=unique("parent"), task_queue=queue)
        assert got == [f"child {number} end" for number in range(5)]


@workflow.defn
class Stops:
    @workflow.run
    async def run(self, id: str) -> None:
        await workflow.get_external_workflow_handle(id).cancel()


async def test_a_workflow_cancels_another(client):
    async with worker(client, Stops, Cleans) as queue:
        other = await client.start_workflow(Cleans.run, id=unique("other"), task_queue=queue)
        await client.execute_workflow(Stops.run, other.id, id=unique("stops"), task_queue=queue)
        with pytest.raises(WorkflowFailureError) as failed:
            await other.result()
        assert isinstance(failed.value.cause, CancelledError)


# ---- a family tree ----


@workflow.defn
class Tree:
    """A tree of workflows, two children each, that says how many there are."""

    @workflow.run
    async def run(self, depth: int) -> int:
        if depth == 0:
            return 1
        children = [workflow.execute_child_workflow(Tree.run, depth - 1) for _ in range(2)]
        return 1 + sum(await asyncio.gather(*children))


async def test_a_family_tree(client):
    async with worker(client, Tree) as queue:
        handle = await client.start_workflow(Tree.run, 4, id=unique("tree"), task_queue=queue)
        assert await handle.result() == 31


async def test_without_the_workers_memory(client):
    async with worker(client, Tree, Conducts, Waits, max_cached_workflows=0) as queue:
        handle = await client.start_workflow(Tree.run, 2, id=unique("tree"), task_queue=queue)
        assert await handle.result() == 7
        got = await client.execute_workflow(Conducts.run, 2, id=unique("parent"), task_queue=queue)
        assert got == ["child 0 end", "child 1 end"]


@workflow.defn
class Continues:
    """A child that continues as new a few times."""

    @workflow.run
    async def run(self, left: int) -> str:
        if left > 0:
            workflow.continue_as_new(left - 1)
        return "at last"


@workflow.defn
class Patient:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_child_workflow(Continues.run, 2)


async def test_a_child_that_continues_as_new(client):
    async with worker(client, Patient, Continues) as queue:
        handle = await client.start_workflow(Patient.run, id=unique("parent"), task_queue=queue)
        assert await handle.result() == "at last"
        assert (await event_names(handle)).count("ChildWorkflowExecutionStarted") == 1
