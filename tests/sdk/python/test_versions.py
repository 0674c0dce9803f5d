"""Code that changes while workflows run: patches, and values that are drawn once."""

import pytest
from stories import *
from temporalio import workflow
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner


@workflow.defn(name="Changing")
class Before:
    @workflow.run
    async def run(self) -> str:
        await workflow.sleep(0.01)
        await workflow.wait_condition(lambda: self.go)
        return "old"

    def __init__(self) -> None:
        self.go = False

    @workflow.signal
    def finish(self) -> None:
        self.go = True


@workflow.defn(name="Changing")
class Patched:
    def __init__(self) -> None:
        self.go = False

    @workflow.run
    async def run(self) -> str:
        if workflow.patched("faster"):
            path = "new"
        else:
            await workflow.sleep(0.01)
            path = "old"
        await workflow.wait_condition(lambda: self.go)
        return path

    @workflow.signal
    def finish(self) -> None:
        self.go = True


@workflow.defn(name="Changing")
class Deprecated:
    def __init__(self) -> None:
        self.go = False

    @workflow.run
    async def run(self) -> str:
        workflow.deprecate_patch("faster")
        await workflow.wait_condition(lambda: self.go)
        return "new"

    @workflow.signal
    def finish(self) -> None:
        self.go = True


async def begin(client, queue, code):
    """Starts a workflow on one version of the code, and stops its worker once it is idle."""
    async with worker(client, code, queue=queue, max_cached_workflows=0):
        handle = await client.start_workflow("Changing", id=unique(), task_queue=queue)

        async def idle():
            names = await event_names(handle)
            return names[-1] == "WorkflowTaskCompleted" or "UpsertWorkflowSearchAttributes" == names[-1]

        await eventually(idle)
        return handle


async def finish(client, queue, handle, code):
    async with worker(client, code, queue=queue):
        await handle.signal("finish")
        return await handle.result()


async def test_an_old_workflow_keeps_the_old_path(client):
    queue = unique("queue")
    handle = await begin(client, queue, Before)
    assert await finish(client, queue, handle, Patched) == "old"


async def test_a_new_workflow_takes_the_new_path_and_says_so(client):
    queue = unique("queue")
    handle = await begin(client, queue, Patched)
    assert await finish(client, queue, handle, Patched) == "new"
    (marker,) = await attributes(handle, "MarkerRecorded")
    assert marker.marker_name == "core_patch"


async def test_a_patch_that_is_deprecated(client):
    queue = unique("queue")
    handle = await begin(client, queue, Patched)
    assert await finish(client, queue, handle, Deprecated) == "new"


@workflow.defn
class Draw:
    @workflow.run
    async def run(self) -> list:
        drawn = [workflow.random().random(), str(workflow.uuid4())]
        await workflow.sleep(0.01)
        return drawn


async def test_drawn_values_are_the_same_in_every_replay(client):
    """Without a cache each task replays the workflow from its start."""
    async with worker(client, Draw, max_cached_workflows=0) as queue:
        handle = await client.start_workflow(Draw.run, id=unique(), task_queue=queue)
        await handle.result()
        history = await handle.fetch_history()
    await Replayer(workflows=[Draw], workflow_runner=UnsandboxedWorkflowRunner()).replay_workflow(history)


async def test_changed_code_without_a_patch_is_found_by_replay(client):
    queue = unique("queue")
    handle = await begin(client, queue, Before)
    history = await handle.fetch_history()
    with pytest.raises(workflow.NondeterminismError):
        replayer = Replayer(workflows=[NoTimer], workflow_runner=UnsandboxedWorkflowRunner())
        await replayer.replay_workflow(history)
    await handle.terminate()


@workflow.defn(name="Changing")
class NoTimer:
    @workflow.run
    async def run(self) -> str:
        return "no timer at all"
