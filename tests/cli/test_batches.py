"""Batches, as users of the `temporal` command-line client start and watch them."""

import asyncio
import json
import re
import uuid

import pytest
from launch import launch
from temporal_cli import Cli, needs_cli, status, types
from temporalio.client import Client

pytestmark = needs_cli
COUNT = 5
TYPES = {name: f"BATCH_OPERATION_TYPE_{name}_WORKFLOW" for name in ("TERMINATE", "CANCEL", "SIGNAL", "DELETE")}


@pytest.fixture(scope="module")
def cli(fermata_exe):
    with launch(fermata_exe) as launched:
        yield Cli(launched.address)
        assert launched.alive(), launched.output()


async def some(cli, count=COUNT):
    """So many workflows that wait for nobody, and the query that selects them."""
    name = f"Waiting{uuid.uuid4().hex[:8]}"
    client = await Client.connect(cli.address)
    handles = [await client.start_workflow(name, id=f"{name}-{i}", task_queue="nobody") for i in range(count)]
    return [handle.id for handle in handles], f"WorkflowType = '{name}'"


async def job(cli, *words):
    """Runs a command that starts a batch; returns what is known of the batch once it has ended."""
    output = await cli.text(*words, "--reason", "because", "--yes")
    job_id = re.search(r"job ID: ([0-9a-f-]{36})", output)[1]
    while True:
        described = await cli.json("batch", "describe", "--job-id", job_id)
        if described["state"] != "BATCH_OPERATION_STATE_RUNNING":
            return described
        await asyncio.sleep(0.05)


def assert_done(described, operation, count=COUNT):
    assert described["state"] == "BATCH_OPERATION_STATE_COMPLETED"
    name, number = TYPES[operation], list(TYPES).index(operation) + 13
    assert described["operationType"] in (name, number)  # older releases know no name for it
    assert described["totalOperationCount"] == described["completeOperationCount"] == str(count)
    assert described["reason"] == "because"


async def test_terminating(cli):
    ids, query = await some(cli)
    assert_done(await job(cli, "workflow", "terminate", "--query", query), "TERMINATE")
    assert [await status(cli, id) for id in ids] == ["TERMINATED"] * COUNT


async def test_signalling(cli):
    ids, query = await some(cli)
    words = ("workflow", "signal", "--query", query, "--name", "hello", "--input", '"Ann"')
    assert_done(await job(cli, *words), "SIGNAL")
    for id in ids:
        assert (await types(cli, id))[2:] == ["WORKFLOW_EXECUTION_SIGNALED"]


async def test_cancelling(cli):
    ids, query = await some(cli)
    assert_done(await job(cli, "workflow", "cancel", "--query", query), "CANCEL")
    for id in ids:
        assert (await types(cli, id))[2:] == ["WORKFLOW_EXECUTION_CANCEL_REQUESTED"]


async def test_deleting(cli):
    ids, query = await some(cli)
    assert_done(await job(cli, "workflow", "delete", "--query", query), "DELETE")
    for id in ids:
        assert "not found" in await cli.fails("workflow", "describe", "--workflow-id", id)


async def test_changing_options(cli):
    ids, query = await some(cli)
    words = ("workflow", "update-options", "--query", query, "--versioning-override-behavior", "auto_upgrade")
    described = await job(cli, *words)
    assert described["completeOperationCount"] == str(COUNT)
    for id in ids:
        assert (await types(cli, id))[2:] == ["WORKFLOW_EXECUTION_OPTIONS_UPDATED"]


async def test_resetting_what_cannot_be_reset(cli):
    _, query = await some(cli)
    described = await job(cli, "workflow", "reset", "--query", query, "--type", "FirstWorkflowTask")
    assert described["state"] == "BATCH_OPERATION_STATE_COMPLETED"
    assert described["failureOperationCount"] == str(COUNT)


@pytest.mark.fermata_only  # the real server has a pace of its own
async def test_watching_and_ending_one(fermata_exe):
    with launch(fermata_exe) as launched:
        cli = Cli(launched.address)
        _, query = await some(cli, 3)
        output = await cli.text(
            *("workflow", "terminate", "--query", query, "--reason", "because", "--yes", "--rps", "0.01")
        )
        job_id = re.search(r"job ID: ([0-9a-f-]{36})", output)[1]
        listed = [json.loads(line) for line in (await cli.text("batch", "list", "-o", "jsonl")).splitlines()]
        assert [(each["jobId"], each["state"]) for each in listed] == [(job_id, "BATCH_OPERATION_STATE_RUNNING")]
        assert job_id in await cli.text("batch", "list")
        described = await cli.json("batch", "describe", "--job-id", job_id)
        assert described["totalOperationCount"] == "3" and described["completeOperationCount"] == "1"
        await cli.text("batch", "terminate", "--job-id", job_id, "--reason", "enough")
        described = await cli.json("batch", "describe", "--job-id", job_id)
        assert described["state"] == "BATCH_OPERATION_STATE_FAILED"
        assert "could not find" in await cli.fails("batch", "describe", "--job-id", "nowhere")
        assert launched.alive()
