"""Activities that are completed elsewhere: their function returns, and another process reports the result later."""

import pytest
from stories import *
from temporalio import activity, workflow
from temporalio.client import AsyncActivityCancelledError, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError
from temporalio.service import RPCError, RPCStatusCode

tokens: dict[str, bytes] = {}


@activity.defn
async def ask_a_human(question: str) -> str:
    tokens[activity.info().workflow_id] = activity.info().task_token
    activity.raise_complete_async()


@workflow.defn
class Approval:
    @workflow.run
    async def run(self, question: str) -> str:
        return await workflow.execute_activity(
            ask_a_human,
            question,
            activity_id="ask",
            start_to_close_timeout=seconds(60),
            heartbeat_timeout=seconds(30),
            retry_policy=RetryPolicy(initial_interval=seconds(0.01), maximum_attempts=2),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )


async def asked(client, queue):
    """A workflow whose question has been put to somebody."""
    handle = await client.start_workflow(Approval.run, "may I?", id=unique(), task_queue=queue)
    await eventually(lambda: is_asked(handle))
    return handle


async def is_asked(handle):
    return handle.id in tokens


def by_id(client, handle, activity_id="ask"):
    return client.get_async_activity_handle(workflow_id=handle.id, run_id=None, activity_id=activity_id)


async def test_the_answer_comes_by_the_activitys_id(client):
    async with worker(client, Approval, activities=[ask_a_human]) as queue:
        handle = await asked(client, queue)
        await by_id(client, handle).heartbeat("he is thinking")
        (pending,) = (await handle.describe()).raw_description.pending_activities
        assert b"thinking" in pending.heartbeat_details.payloads[0].data
        await by_id(client, handle).complete("yes")
        assert await handle.result() == "yes"


async def test_the_answer_comes_by_the_task_token(client):
    async with worker(client, Approval, activities=[ask_a_human]) as queue:
        handle = await asked(client, queue)
        await client.get_async_activity_handle(task_token=tokens[handle.id]).complete("yes")
        assert await handle.result() == "yes"


async def test_a_failure_by_id_is_tried_again_and_then_the_workflows(client):
    async with worker(client, Approval, activities=[ask_a_human]) as queue:
        handle = await asked(client, queue)
        for attempt in (1, 2):
            tokens.pop(handle.id)
            await by_id(client, handle).fail(ApplicationError(f"no, {attempt}"))
            if attempt == 1:
                await eventually(lambda: is_asked(handle))
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
        assert isinstance(failure.value.cause, ActivityError) and failure.value.cause.cause.message == "no, 2"


async def test_a_cancelled_workflow_cancels_what_somebody_else_does_for_it(client):
    async with worker(client, Approval, activities=[ask_a_human]) as queue:
        handle = await asked(client, queue)
        await handle.cancel()

        async def is_cancelled():
            try:
                await by_id(client, handle).heartbeat()
            except AsyncActivityCancelledError:
                return True

        await eventually(is_cancelled)
        await by_id(client, handle).report_cancellation()
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
        assert isinstance(failure.value.cause, (CancelledError, ActivityError))


async def test_nobody_is_waiting_for_an_answer(client):
    async with worker(client, Approval, activities=[ask_a_human]) as queue:
        handle = await asked(client, queue)
        with pytest.raises(RPCError) as error:
            await by_id(client, handle, "another").complete("yes")
        assert error.value.status == RPCStatusCode.NOT_FOUND
        await by_id(client, handle).complete("yes")
        await handle.result()
        with pytest.raises(RPCError) as error:
            await by_id(client, handle).complete("yes")
        assert error.value.status == RPCStatusCode.NOT_FOUND
