"""What the stories share: a worker around a block, ids, and the history as a list of names."""

import asyncio
import uuid
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.worker import UnsandboxedWorkflowRunner, Worker


def unique(prefix="wf"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def seconds(value):
    return timedelta(seconds=value)


@asynccontextmanager
async def worker(client, *workflows, activities=(), queue=None, **options):
    """A worker while the block runs; yields its task queue. Without the sandbox, which is not what is tested here."""
    queue = queue or unique("queue")
    options.setdefault("workflow_runner", UnsandboxedWorkflowRunner())
    options.setdefault("graceful_shutdown_timeout", timedelta(0))
    async with Worker(client, task_queue=queue, workflows=workflows, activities=activities, **options):
        yield queue


def names(history):
    """The types of a history's events: ["WorkflowExecutionStarted", ...]."""
    return [
        "".join(word.capitalize() for word in EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").split("_"))
        for event in history.events
    ]


async def event_names(handle):
    return names(await handle.fetch_history())


async def attributes(handle, name):
    """The attributes of the history's events of one type."""
    history = await handle.fetch_history()
    return [
        getattr(event, event.WhichOneof("attributes"))
        for event, event_name in zip(history.events, names(history))
        if event_name == name
    ]


async def eventually(check, within=20):
    """Asks again and again until `check` (async) returns something true, and returns that.

    For what the server only shows when asked; where there is something to wait on, tests wait on it."""
    deadline = asyncio.get_running_loop().time() + within
    while True:
        result = await check()
        if result:
            return result
        assert asyncio.get_running_loop().time() < deadline, f"still {result!r} after {within} s"
        await asyncio.sleep(0.02)
