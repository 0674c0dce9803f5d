"""What is known of a workflow from outside: its description, its history, and what the SDK does with them."""

import asyncio

from stories import *
from temporalio import activity, workflow
from temporalio.client import WorkflowExecutionStatus, WorkflowHistory, WorkflowHistoryEventFilterType
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner


@activity.defn
async def shout(text: str) -> str:
    return text.upper()


@workflow.defn
class Mixed:
    """A bit of everything."""

    def __init__(self) -> None:
        self.names: list[str] = []

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: len(self.names) == 2)
        await workflow.sleep(0.05)
        return [
            await workflow.execute_activity(shout, name, start_to_close_timeout=seconds(20)) for name in self.names
        ]

    @workflow.signal
    def add(self, name: str) -> None:
        self.names.append(name)


async def run_mixed(client):
    async with worker(client, Mixed, activities=[shout]) as queue:
        handle = await client.start_workflow(Mixed.run, id=unique(), task_queue=queue, memo={"m": 1})
        await handle.signal(Mixed.add, "a")
        await handle.signal(Mixed.add, "b")
        assert await handle.result() == ["A", "B"]
        return handle


async def test_the_description_of_a_finished_workflow(client):
    handle = await run_mixed(client)
    description = await handle.describe()
    assert description.status == WorkflowExecutionStatus.COMPLETED
    assert (description.id, description.run_id) == (handle.id, handle.first_execution_run_id)
    assert description.workflow_type == "Mixed"
    assert description.history_length == len(await event_names(handle))
    assert description.start_time <= description.execution_time <= description.close_time
    assert await description.memo() == {"m": 1}
    assert description.parent_id is None


async def test_the_history_can_be_replayed(client):
    handle = await run_mixed(client)
    history = await handle.fetch_history()
    replayer = Replayer(workflows=[Mixed], workflow_runner=UnsandboxedWorkflowRunner())
    result = await replayer.replay_workflow(history)
    assert result.replay_failure is None


async def test_a_fetched_history_survives_json(client):
    handle = await run_mixed(client)
    history = await handle.fetch_history()
    again = WorkflowHistory.from_json(handle.id, history.to_json())
    replayer = Replayer(workflows=[Mixed], workflow_runner=UnsandboxedWorkflowRunner())
    assert (await replayer.replay_workflow(again)).replay_failure is None


async def test_events_are_read_page_by_page(client):
    handle = await run_mixed(client)
    all_ids = [event.event_id async for event in handle.fetch_history_events()]
    paged = [event.event_id async for event in handle.fetch_history_events(page_size=2)]
    assert all_ids == paged == list(range(1, len(all_ids) + 1))


async def test_the_close_event_alone(client):
    handle = await run_mixed(client)
    filter = WorkflowHistoryEventFilterType.CLOSE_EVENT
    events = [event async for event in handle.fetch_history_events(event_filter_type=filter)]
    assert [event.HasField("workflow_execution_completed_event_attributes") for event in events] == [True]


async def test_events_can_be_followed_as_they_happen(client):
    async with worker(client, Mixed, activities=[shout]) as queue:
        handle = await client.start_workflow(Mixed.run, id=unique(), task_queue=queue)

        async def follow():
            return [event.event_id async for event in handle.fetch_history_events(wait_new_event=True)]

        following = asyncio.create_task(follow())
        await handle.signal(Mixed.add, "a")
        await handle.signal(Mixed.add, "b")
        await handle.result()
        ids = await asyncio.wait_for(following, 20)
        assert ids == list(range(1, len(ids) + 1))
        assert len(ids) == (await handle.describe()).history_length


async def test_the_history_of_a_running_workflow(client):
    async with worker(client, Mixed, activities=[shout]) as queue:
        handle = await client.start_workflow(Mixed.run, id=unique(), task_queue=queue)

        async def idle():
            return (await event_names(handle))[-1] == "WorkflowTaskCompleted"

        await eventually(idle)
        assert await event_names(handle) == [
            "WorkflowExecutionStarted",
            "WorkflowTaskScheduled",
            "WorkflowTaskStarted",
            "WorkflowTaskCompleted",
        ]
        description = await handle.describe()
        assert description.status == WorkflowExecutionStatus.RUNNING and description.close_time is None
        await handle.terminate()


async def test_many_callers_wait_for_one_result(client):
    async with worker(client, Mixed, activities=[shout]) as queue:
        handle = await client.start_workflow(Mixed.run, id=unique(), task_queue=queue)
        waiting = [asyncio.create_task(handle.result()) for _ in range(20)]
        await handle.signal(Mixed.add, "a")
        await handle.signal(Mixed.add, "b")
        assert await asyncio.gather(*waiting) == [["A", "B"]] * 20


async def test_the_worker_says_which_sdk_it_is(client):
    handle = await run_mixed(client)
    completed = await attributes(handle, "WorkflowTaskCompleted")
    assert completed[0].sdk_metadata.sdk_name == "temporal-python"
