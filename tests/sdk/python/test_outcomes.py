"""How workflows end: success, failure, retry, cancel, terminate, timeouts, continue-as-new."""

import asyncio

import pytest
from stories import *
from temporalio import activity, workflow
from temporalio.client import (
    WorkflowContinuedAsNewError,
    WorkflowExecutionStatus,
    WorkflowFailureError,
)
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ApplicationError,
    CancelledError,
    TerminatedError,
    TimeoutError,
    TimeoutType,
)
from temporalio.service import RPCError, RPCStatusCode


async def failure(handle):
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    return error.value.cause


async def status(handle):
    return (await handle.describe()).status


@workflow.defn
class Fail:
    @workflow.run
    async def run(self, retryable: bool) -> None:
        raise ApplicationError("it broke", {"why": 1}, type="Broken", non_retryable=not retryable)


async def test_a_failure_reaches_the_caller(client):
    async with worker(client, Fail) as queue:
        handle = await client.start_workflow(Fail.run, False, id=unique(), task_queue=queue)
        cause = await failure(handle)
        assert isinstance(cause, ApplicationError)
        assert (cause.message, cause.type, cause.details) == ("it broke", "Broken", ({"why": 1},))
        assert await status(handle) == WorkflowExecutionStatus.FAILED


@workflow.defn
class SucceedOnAttempt:
    @workflow.run
    async def run(self, wanted: int) -> int:
        if workflow.info().attempt < wanted:
            raise ApplicationError(f"attempt {workflow.info().attempt}")
        return workflow.info().attempt


async def test_a_workflow_is_retried(client):
    async with worker(client, SucceedOnAttempt) as queue:
        policy = RetryPolicy(initial_interval=seconds(0.1))
        handle = await client.start_workflow(
            SucceedOnAttempt.run, 2, id=unique(), task_queue=queue, retry_policy=policy
        )
        assert await handle.result() == 2
        first = client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
        assert await status(first) == WorkflowExecutionStatus.FAILED


async def test_a_workflows_attempts_run_out(client):
    async with worker(client, SucceedOnAttempt) as queue:
        policy = RetryPolicy(initial_interval=seconds(0.1), maximum_attempts=2)
        handle = await client.start_workflow(
            SucceedOnAttempt.run, 9, id=unique(), task_queue=queue, retry_policy=policy
        )
        assert (await failure(handle)).message == "attempt 2"


# Cancel and terminate


@activity.defn
async def clean_up() -> str:
    return "clean"


@workflow.defn
class CleanUp:
    @workflow.run
    async def run(self) -> str:
        try:
            await workflow.wait_condition(lambda: False)
        except asyncio.CancelledError:
            done = await workflow.execute_activity(clean_up, start_to_close_timeout=seconds(10))
            return f"cancelled, {done}"


@workflow.defn
class Wait:
    @workflow.run
    async def run(self) -> None:
        await workflow.sleep(600)


async def test_a_cancelled_workflow_ends_cancelled(client):
    async with worker(client, Wait) as queue:
        handle = await client.start_workflow(Wait.run, id=unique(), task_queue=queue)
        await handle.cancel()
        assert isinstance(await failure(handle), CancelledError)
        assert await status(handle) == WorkflowExecutionStatus.CANCELED


async def test_a_workflow_may_clean_up_when_cancelled(client):
    async with worker(client, CleanUp, activities=[clean_up]) as queue:
        handle = await client.start_workflow(CleanUp.run, id=unique(), task_queue=queue)
        await eventually(lambda: idle(handle))
        await handle.cancel(reason="enough")
        assert await handle.result() == "cancelled, clean"
        (requested,) = await attributes(handle, "WorkflowExecutionCancelRequested")
        assert requested.cause == "enough"


async def idle(handle):
    return (await event_names(handle))[-1] in ("WorkflowTaskCompleted", "TimerStarted")


async def test_cancel_of_a_delayed_workflow_wakes_it(client):
    async with worker(client, Wait) as queue:
        handle = await client.start_workflow(Wait.run, id=unique(), task_queue=queue, start_delay=seconds(600))
        await handle.cancel()
        assert isinstance(await failure(handle), CancelledError)


async def test_cancel_twice_and_after_the_end_is_harmless(client):
    async with worker(client, Wait) as queue:
        handle = await client.start_workflow(Wait.run, id=unique(), task_queue=queue)
        await handle.cancel()
        await handle.cancel()
        await failure(handle)
        await handle.cancel()


async def test_a_terminated_workflow_needs_no_worker(client):
    handle = await client.start_workflow(Wait.run, id=unique(), task_queue=unique("nobody"))
    await handle.terminate("details", reason="no more")
    cause = await failure(handle)
    assert isinstance(cause, TerminatedError) and cause.message == "no more"
    assert await status(handle) == WorkflowExecutionStatus.TERMINATED


async def test_terminate_after_the_end_is_not_found(client):
    handle = await client.start_workflow(Wait.run, id=unique(), task_queue=unique("nobody"))
    await handle.terminate()
    with pytest.raises(RPCError) as error:
        await handle.terminate()
    assert error.value.status == RPCStatusCode.NOT_FOUND


# Timeouts


async def test_the_run_timeout(client):
    async with worker(client, Wait) as queue:
        handle = await client.start_workflow(Wait.run, id=unique(), task_queue=queue, run_timeout=seconds(1))
        cause = await failure(handle)
        assert isinstance(cause, TimeoutError) and cause.type == TimeoutType.START_TO_CLOSE
        assert await status(handle) == WorkflowExecutionStatus.TIMED_OUT


async def test_the_execution_timeout_ends_all_retries(client):
    async with worker(client, Wait) as queue:
        handle = await client.start_workflow(
            Wait.run,
            id=unique(),
            task_queue=queue,
            execution_timeout=seconds(1),
            retry_policy=RetryPolicy(initial_interval=seconds(0.1)),
        )
        assert isinstance(await failure(handle), TimeoutError)
        assert await status(handle) == WorkflowExecutionStatus.TIMED_OUT


# Continue-as-new


@workflow.defn
class CountDown:
    @workflow.run
    async def run(self, left: int, runs: list[str]) -> list[str]:
        runs.append(workflow.info().run_id)
        if left == 0:
            return runs
        workflow.continue_as_new(args=[left - 1, runs], memo={"left": left - 1})


async def test_a_result_is_that_of_the_last_run(client):
    async with worker(client, CountDown) as queue:
        handle = await client.start_workflow(CountDown.run, args=[2, []], id=unique(), task_queue=queue)
        runs = await handle.result()
        assert len(set(runs)) == 3
        assert runs[0] == handle.first_execution_run_id
        last = await client.get_workflow_handle(handle.id).describe()
        assert last.run_id == runs[2] and await last.memo() == {"left": 0}


async def test_the_first_run_alone_ended_as_continued(client):
    async with worker(client, CountDown) as queue:
        handle = await client.start_workflow(CountDown.run, args=[1, []], id=unique(), task_queue=queue)
        runs = await handle.result()
        first = client.get_workflow_handle(handle.id, run_id=runs[0])
        with pytest.raises(WorkflowContinuedAsNewError) as error:
            await first.result(follow_runs=False)
        assert error.value.new_execution_run_id == runs[1]
        assert await status(first) == WorkflowExecutionStatus.CONTINUED_AS_NEW


@workflow.defn
class Inherit:
    @workflow.run
    async def run(self, again: bool) -> dict:
        info = workflow.info()
        if again:
            workflow.continue_as_new(False)
        return dict(
            queue=info.task_queue,
            run_timeout=info.run_timeout.total_seconds(),
            execution_timeout=info.execution_timeout.total_seconds(),
            task_timeout=info.task_timeout.total_seconds(),
            memo=workflow.memo(),
            continued=info.continued_run_id,
            first=info.first_execution_run_id,
            retry=info.retry_policy and info.retry_policy.maximum_attempts,
        )


async def test_what_the_next_run_inherits(client):
    async with worker(client, Inherit) as queue:
        handle = await client.start_workflow(
            Inherit.run,
            True,
            id=unique(),
            task_queue=queue,
            run_timeout=seconds(60),
            execution_timeout=seconds(90),
            task_timeout=seconds(7),
            memo={"kept": "by the SDK"},
            retry_policy=RetryPolicy(maximum_attempts=3),
        )
        first = handle.first_execution_run_id
        assert await handle.result() == dict(
            queue=queue,
            run_timeout=60,
            execution_timeout=90,
            task_timeout=7,
            memo={"kept": "by the SDK"},
            continued=first,
            first=first,
            retry=3,
        )


async def test_a_signal_without_a_run_id_follows_the_chain(client):
    async with worker(client, Chain) as queue:
        handle = await client.start_workflow(Chain.run, 0, id=unique(), task_queue=queue)
        for _ in range(3):
            await handle.signal(Chain.step)
        assert await handle.result() >= 1


@workflow.defn
class Chain:
    def __init__(self) -> None:
        self.steps = 0

    @workflow.run
    async def run(self, taken: int) -> int:
        await workflow.wait_condition(lambda: self.steps > 0)
        if taken + self.steps < 3:
            workflow.continue_as_new(taken + self.steps)
        return taken + self.steps

    @workflow.signal
    def step(self) -> None:
        self.steps += 1
