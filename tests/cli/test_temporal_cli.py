"""The `temporal` command-line client, as its users call it. Skipped where it is not installed: its path is taken from
FERMATA_TEMPORAL_CLI or found as `temporal` in PATH. Written for release 1.5.1."""

import asyncio
import json
import os
import uuid
from datetime import timedelta

import pytest
import pytest_asyncio
from launch import launch
from temporal_cli import Cli, needs_cli, status, types
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

pytestmark = needs_cli


@activity.defn
async def greet(name: str) -> str:
    return f"hello {name}"


@workflow.defn
class Greeter:
    def __init__(self) -> None:
        self.names: list[str] = []

    @workflow.run
    async def run(self, name: str) -> list[str]:
        self.names.append(name)
        await workflow.wait_condition(lambda: "done" in self.names)
        return [
            await workflow.execute_activity(greet, name, start_to_close_timeout=timedelta(seconds=10))
            for name in self.names
        ]

    @workflow.signal
    def add(self, name: str) -> None:
        self.names.append(name)

    @workflow.query
    def count(self) -> int:
        return len(self.names)


@pytest.fixture(scope="module")
def cli(fermata_exe):
    with launch(fermata_exe) as launched:
        yield Cli(launched.address)
        assert launched.alive(), launched.output()


@pytest_asyncio.fixture
async def queue(cli):
    """A task queue with a worker."""
    name = f"queue-{uuid.uuid4().hex[:8]}"
    client = await Client.connect(cli.address)
    options = dict(workflow_runner=UnsandboxedWorkflowRunner(), graceful_shutdown_timeout=timedelta(0))
    async with Worker(client, task_queue=name, workflows=[Greeter], activities=[greet], **options):
        yield name


def new_id():
    return f"wf-{uuid.uuid4().hex[:8]}"


async def start(cli, queue, id, *more):
    words = ("--type", "Greeter", "--task-queue", queue, "--workflow-id", id, "--input", '"Ann"', *more)
    return await cli.json("workflow", "start", *words)


async def test_a_workflows_life(cli, queue):
    id = new_id()
    started = await start(cli, queue, id, "--memo", 'note="remember"', "--static-summary", "greets")
    assert started["workflowId"] == id and started["namespace"] == "default"
    await cli.text("workflow", "signal", "--workflow-id", id, "--name", "add", "--input", '"Bob"')
    queried = await cli.json("workflow", "query", "--workflow-id", id, "--type", "count")
    assert queried["queryResult"] == [2]
    described = await cli.json("workflow", "describe", "--workflow-id", id)
    assert described["workflowExecutionInfo"]["memo"]["fields"]["note"]
    await cli.text("workflow", "signal", "--workflow-id", id, "--name", "add", "--input", '"done"')
    result = await cli.json("workflow", "result", "--workflow-id", id)
    assert result["result"] == ["hello Ann", "hello Bob", "hello done"] and result["status"] == "COMPLETED"
    shown = await types(cli, id)
    assert shown[0] == "WORKFLOW_EXECUTION_STARTED" and shown[-1] == "WORKFLOW_EXECUTION_COMPLETED"
    assert shown.count("ACTIVITY_TASK_COMPLETED") == 3
    table = await cli.text("workflow", "show", "--workflow-id", id)
    assert "WorkflowExecutionCompleted" in table and "ActivityTaskScheduled" in table


async def test_following_a_workflow_to_its_end(cli, queue):
    id = new_id()
    await start(cli, queue, id)
    following = asyncio.ensure_future(cli.text("workflow", "show", "--workflow-id", id, "--follow"))
    await cli.text("workflow", "signal", "--workflow-id", id, "--name", "add", "--input", '"done"')
    assert "WorkflowExecutionCompleted" in await following


async def test_starting_and_waiting_in_one(cli, queue):
    words = ("--type", "Greeter", "--task-queue", queue, "--workflow-id", new_id(), "--input", '"done"')
    executed = await cli.json("workflow", "execute", *words)
    assert executed["result"] == ["hello done"]


async def test_signal_with_start(cli, queue):
    id = new_id()
    words = ("--type", "Greeter", "--task-queue", queue, "--workflow-id", id, "--input", '"Ann"')
    for name in ("Bob", "done"):
        await cli.text(
            "workflow", "signal-with-start", *words, "--signal-name", "add", "--signal-input", f'"{name}"'
        )
    result = await cli.json("workflow", "result", "--workflow-id", id)
    assert len(result["result"]) == 3


async def test_the_stack_of_a_workflow(cli, queue):
    id = new_id()
    await start(cli, queue, id)
    assert "Stack for" in await cli.text("workflow", "stack", "--workflow-id", id)
    metadata = await cli.text("workflow", "metadata", "--workflow-id", id)
    assert "count" in metadata and "add" in metadata
    await cli.text("workflow", "terminate", "--workflow-id", id)


async def test_an_id_is_taken(cli, queue):
    id = new_id()
    first = await start(cli, queue, id)
    words = ("--type", "Greeter", "--task-queue", queue, "--workflow-id", id)
    assert "already running" in await cli.fails("workflow", "start", *words, "--fail-existing")
    assert (await start(cli, queue, id))["runId"] == first["runId"]
    await cli.text("workflow", "terminate", "--workflow-id", id)


async def test_cancel(cli, queue):
    id = new_id()
    await start(cli, queue, id)
    await cli.text("workflow", "cancel", "--workflow-id", id)
    assert "canceled" in (await cli.fails("workflow", "result", "--workflow-id", id)).lower()
    assert await status(cli, id) == "CANCELED"


async def test_terminate(cli, queue):
    id = new_id()
    await start(cli, queue, id)
    await cli.text("workflow", "terminate", "--workflow-id", id, "--reason", "enough")
    assert await status(cli, id) == "TERMINATED"
    shown = await cli.json("workflow", "show", "--workflow-id", id)
    assert shown["events"][-1]["workflowExecutionTerminatedEventAttributes"]["reason"] == "enough"
    assert "already completed" in await cli.fails("workflow", "terminate", "--workflow-id", id)


async def test_delete(cli, queue):
    id = new_id()
    await start(cli, queue, id)
    await cli.text("workflow", "delete", "--workflow-id", id)
    for _ in range(100):
        output, code = await cli.run("workflow", "describe", "--workflow-id", id)
        if code != 0:
            break
        await asyncio.sleep(0.1)
    assert f"workflow not found for ID: {id}" in output
    assert "not found" in await cli.fails("workflow", "delete", "--workflow-id", new_id())


async def test_a_task_queue(cli, queue):
    id = new_id()
    await start(cli, queue, id)
    described = await cli.text("task-queue", "describe", "--task-queue", queue)
    assert "UNVERSIONED" in described and f"{os.getpid()}@" in described
    partitions = await cli.json("task-queue", "list-partition", "--task-queue", queue)
    assert queue in json.dumps(partitions)
    await cli.text("workflow", "terminate", "--workflow-id", id)


async def test_the_rate_of_a_task_queue(cli):
    words = ("--task-queue", f"queue-{uuid.uuid4().hex[:8]}", "--task-queue-type", "activity")
    limits = ("--queue-rps-limit", "2.5", "--queue-rps-limit-reason", "slow", "--fairness-key-rps-limit-default", "1")
    assert "Successfully updated" in await cli.text("task-queue", "config", "set", *words, *limits)
    config = await cli.json("task-queue", "config", "get", *words)
    limit = config["queueRateLimit"]
    assert limit["rateLimit"]["requestsPerSecond"] == 2.5 and limit["metadata"]["reason"] == "slow"
    assert config["fairnessKeysRateLimitDefault"]["rateLimit"]["requestsPerSecond"] == 1
    await cli.text("task-queue", "config", "set", *words, "--queue-rps-limit", "default")
    assert "rateLimit" not in (await cli.json("task-queue", "config", "get", *words))["queueRateLimit"]


async def test_namespaces(cli):
    name = f"ns-{uuid.uuid4().hex[:8]}"
    await cli.text("operator", "namespace", "create", "--namespace", name, "--retention", "48h")
    described = await cli.json("operator", "namespace", "describe", "--namespace", name)
    assert described["namespaceInfo"]["name"] == name
    assert described["config"]["workflowExecutionRetentionTtl"] == "172800s"
    listed = await cli.json("operator", "namespace", "list")
    assert {"default", name} <= {namespace["namespaceInfo"]["name"] for namespace in listed}
    assert "not found" in await cli.fails("operator", "namespace", "describe", "--namespace", "nowhere")


async def test_the_cluster(cli):
    assert "SERVING" in await cli.text("operator", "cluster", "health")
    assert "1.32.0" in await cli.text("operator", "cluster", "system")
    assert (await cli.json("operator", "cluster", "describe"))["clusterName"] == "active"
