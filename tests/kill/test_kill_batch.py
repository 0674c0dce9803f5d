"""SIGKILL again and again while a batch is under way: in the end it has dealt with each of its workflows, once.

Of a signal that can be seen in the histories, of a reset by the runs that it has made, of a termination by what is still open.
"""

import asyncio
import os
import random

import pytest
from killing import *
from temporalio.api.enums.v1 import event_type_pb2 as event_type
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

ROUNDS = int(os.environ.get("FERMATA_KILL_ROUNDS", "40")) // 4
SEED = int(os.environ.get("FERMATA_KILL_SEED", "0")) or random.randrange(1, 1 << 30)
WORKFLOWS = 200
LIFE_SECONDS = (0.005, 0.1)
QUERY = "WorkflowType = 'Batched'"


async def start_workflows(server):
    """Each has completed a workflow task, so that it can be reset."""

    async def start_one(number):
        request = api.StartWorkflowExecutionRequest(namespace=NAMESPACE, workflow_id=f"w-{number}", request_id=nonce())
        request.workflow_type.name = "Batched"
        request.task_queue.name = "batched"
        await server.call("StartWorkflowExecution", request)
        poll = api.PollWorkflowTaskQueueRequest(namespace=NAMESPACE, identity="worker")
        poll.task_queue.name = "batched"
        task = await server.call("PollWorkflowTaskQueue", poll, timeout=30)
        await server.call("RespondWorkflowTaskCompleted", api.RespondWorkflowTaskCompletedRequest(task_token=task.task_token))

    for first in range(0, WORKFLOWS, 20):
        await asyncio.gather(*(start_one(first + place) for place in range(20)))


async def start_batch(server, **operation):
    """Takes some seconds."""
    request = api.StartBatchOperationRequest(
        namespace=NAMESPACE,
        job_id="job",
        reason="because",
        visibility_query=QUERY,
        max_operations_per_second=20,  # as many at once after each start
        **operation,
    )
    await server.call("StartBatchOperation", request)


async def describe(server):
    return await server.call("DescribeBatchOperation", api.DescribeBatchOperationRequest(namespace=NAMESPACE, job_id="job"))


async def finished(server):
    while True:
        answer = await describe(server)
        if answer.state != 1:
            return answer
        await asyncio.sleep(0.02)


async def count(server, query):
    request = api.CountWorkflowExecutionsRequest(namespace=NAMESPACE, query=query)
    return (await server.call("CountWorkflowExecutions", request)).count


async def signalled(server):
    for number in range(WORKFLOWS):
        types = [event.event_type for event in await history_of(server, f"w-{number}")]
        assert types.count(event_type.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED) == 1, f"w-{number}: {types}"


async def changed(server):
    for number in range(WORKFLOWS):
        types = [event.event_type for event in await history_of(server, f"w-{number}")]
        assert types.count(event_type.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED) == 1, f"w-{number}: {types}"


async def reset(server):
    assert await count(server, QUERY) == 2 * WORKFLOWS
    assert await count(server, f"{QUERY} AND ExecutionStatus = 'Running'") == WORKFLOWS
    assert await count(server, f"{QUERY} AND ExecutionStatus = 'Terminated'") == WORKFLOWS


async def terminated(server):
    assert await count(server, f"{QUERY} AND ExecutionStatus = 'Terminated'") == WORKFLOWS


async def deleted(server):
    assert await count(server, QUERY) == 0


@pytest.mark.parametrize(
    "operation, as_wanted",
    [
        (dict(signal_operation=dict(signal="s", identity="batch")), signalled),
        (dict(reset_operation=dict(reset_type=1)), reset),
        (dict(termination_operation={}), terminated),
        (dict(deletion_operation={}), deleted),
        (
            dict(
                update_workflow_options_operation=dict(
                    workflow_execution_options=dict(versioning_override=dict(auto_upgrade=True)),
                    update_mask=dict(paths=["versioning_override"]),
                )
            ),
            changed,
        ),
    ],
    ids=["signal", "reset", "terminate", "delete", "options"],
)
async def test_each_workflow_is_dealt_with_once(fermata_exe, tmp_path, operation, as_wanted):
    rng = random.Random(SEED)
    print(f"FERMATA_KILL_SEED={SEED}")
    path = tmp_path / "batch.db"
    with open(tmp_path / "server.log", "w") as log:
        server = Server(fermata_exe, path, log)
        await server.up()
        await start_workflows(server)
        await start_batch(server, **operation)
        dealt_with = []
        for _ in range(ROUNDS):
            await asyncio.sleep(rng.uniform(*LIFE_SECONDS))
            answer = await describe(server)
            dealt_with.append(answer.complete_operation_count + answer.failure_operation_count)
            server.kill()
            await server.aclose()
            assert integrity_of_what_is_left(path, tmp_path) == "ok"
            server = Server(fermata_exe, path, log)
            await server.up()
        answer = await finished(server)
        assert (answer.state, answer.complete_operation_count, answer.failure_operation_count) == (2, WORKFLOWS, 0)
        assert answer.total_operation_count == WORKFLOWS
        assert dealt_with == sorted(dealt_with), "what was told once does not hold any more"
        assert 0 < dealt_with[-1]
        await as_wanted(server)
        assert await server.stop() == 0
