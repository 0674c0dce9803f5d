"""test_greeting.py: a workflow with its activity replaced, and one that waits until a worker comes."""

import uuid
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.worker import Worker


@activity.defn
async def greet(name: str) -> str:
    raise NotImplementedError("calls the outside world")


@workflow.defn
class Greeting:
    @workflow.run
    async def run(self, name: str) -> str:
        return await workflow.execute_activity(greet, name, start_to_close_timeout=timedelta(seconds=10))


@activity.defn(name="greet")
async def greet_without_the_world(name: str) -> str:
    return f"Hello {name}"


async def test_greeting(client):
    queue = f"greetings-{uuid.uuid4()}"  # tests share the server, and nothing else
    async with Worker(client, task_queue=queue, workflows=[Greeting], activities=[greet_without_the_world]):
        answer = await client.execute_workflow(Greeting.run, "you", id=queue, task_queue=queue)
    assert answer == "Hello you"


async def test_a_worker_comes_later(client):
    queue = f"greetings-{uuid.uuid4()}"
    handle = await client.start_workflow(Greeting.run, "you", id=queue, task_queue=queue)  # nobody is there yet
    async with Worker(client, task_queue=queue, workflows=[Greeting], activities=[greet_without_the_world]):
        assert await handle.result() == "Hello you"
