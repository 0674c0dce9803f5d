"""Starting workflows: what the caller gets, what the workflow sees, and who may use an id twice."""

import pytest
from stories import *
from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode


@workflow.defn
class Greet:
    @workflow.run
    async def run(self, name: str) -> str:
        return f"hello {name}"


@workflow.defn
class Wait:
    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)


@workflow.defn
class Fail:
    @workflow.run
    async def run(self) -> None:
        raise ApplicationError("no")


@workflow.defn
class WhoAmI:
    @workflow.run
    async def run(self) -> dict:
        info = workflow.info()
        return dict(
            id=info.workflow_id,
            run_id=info.run_id,
            type=info.workflow_type,
            queue=info.task_queue,
            attempt=info.attempt,
            namespace=info.namespace,
            memo=workflow.memo(),
            run_timeout=info.run_timeout and info.run_timeout.total_seconds(),
            execution_timeout=info.execution_timeout and info.execution_timeout.total_seconds(),
        )


async def test_hello_world(client):
    async with worker(client, Greet) as queue:
        assert await client.execute_workflow(Greet.run, "Ann", id=unique(), task_queue=queue) == "hello Ann"


async def test_a_workflow_knows_itself(client):
    async with worker(client, WhoAmI) as queue:
        handle = await client.start_workflow(
            WhoAmI.run,
            id=unique(),
            task_queue=queue,
            memo={"note": "remember"},
            run_timeout=seconds(50),
            execution_timeout=seconds(100),
        )
        assert await handle.result() == dict(
            id=handle.id,
            run_id=handle.first_execution_run_id,
            type="WhoAmI",
            queue=queue,
            attempt=1,
            namespace="default",
            memo={"note": "remember"},
            run_timeout=50,
            execution_timeout=100,
        )


async def test_a_result_can_be_asked_for_long_after_the_end(client):
    async with worker(client, Greet) as queue:
        handle = await client.start_workflow(Greet.run, "Ann", id=unique(), task_queue=queue)
        await handle.result()
    assert await client.get_workflow_handle(handle.id).result() == "hello Ann"


async def test_a_workflow_may_start_before_its_worker(client):
    queue = unique("queue")
    handle = await client.start_workflow(Greet.run, "early", id=unique(), task_queue=queue)
    async with worker(client, Greet, queue=queue):
        assert await handle.result() == "hello early"


async def test_an_open_id_is_taken(client):
    handle = await client.start_workflow(Wait.run, id=unique(), task_queue="none")
    with pytest.raises(WorkflowAlreadyStartedError) as error:
        await client.start_workflow(Wait.run, id=handle.id, task_queue="none")
    assert error.value.run_id == handle.first_execution_run_id
    assert error.value.workflow_id == handle.id


async def test_use_existing_gives_the_open_run(client):
    first = await client.start_workflow(Wait.run, id=unique(), task_queue="none")
    second = await client.start_workflow(
        Wait.run, id=first.id, task_queue="none", id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING
    )
    assert second.first_execution_run_id == first.first_execution_run_id


async def test_terminate_existing_makes_room(client):
    first = await client.start_workflow(Wait.run, id=unique(), task_queue="none")
    second = await client.start_workflow(
        Wait.run, id=first.id, task_queue="none", id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING
    )
    assert second.first_execution_run_id != first.first_execution_run_id
    old = client.get_workflow_handle(first.id, run_id=first.first_execution_run_id)
    assert (await old.describe()).status == WorkflowExecutionStatus.TERMINATED


async def test_a_finished_id_is_free_again(client):
    async with worker(client, Greet) as queue:
        id = unique()
        assert await client.execute_workflow(Greet.run, "1", id=id, task_queue=queue) == "hello 1"
        assert await client.execute_workflow(Greet.run, "2", id=id, task_queue=queue) == "hello 2"


async def test_reject_duplicate_keeps_a_finished_id(client):
    async with worker(client, Greet) as queue:
        id = unique()
        await client.execute_workflow(Greet.run, "1", id=id, task_queue=queue)
        with pytest.raises(WorkflowAlreadyStartedError):
            await client.start_workflow(
                Greet.run, "2", id=id, task_queue=queue, id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE
            )


async def test_failed_only_lets_a_failed_id_start_again(client):
    async with worker(client, Fail, Greet) as queue:
        id = unique()
        policy = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
        with pytest.raises(WorkflowFailureError):
            await client.execute_workflow(Fail.run, id=id, task_queue=queue)
        await client.execute_workflow(Greet.run, "2", id=id, task_queue=queue, id_reuse_policy=policy)
        with pytest.raises(WorkflowAlreadyStartedError):
            await client.start_workflow(Greet.run, "3", id=id, task_queue=queue, id_reuse_policy=policy)


async def test_a_delayed_workflow_runs_later(client):
    async with worker(client, Greet) as queue:
        handle = await client.start_workflow(Greet.run, "x", id=unique(), task_queue=queue, start_delay=seconds(0.4))
        assert await event_names(handle) == ["WorkflowExecutionStarted"]
        assert await handle.result() == "hello x"
        description = await handle.describe()
        assert description.execution_time - description.start_time == seconds(0.4)


async def test_summary_and_details_are_kept(client):
    handle = await client.start_workflow(
        Wait.run, id=unique(), task_queue="none", static_summary="in short", static_details="at length"
    )
    description = await handle.describe()
    assert await description.static_summary() == "in short"
    assert await description.static_details() == "at length"


async def test_a_workflow_says_how_urgent_it_is_and_whose(client):
    priority = Priority(priority_key=2, fairness_key="tea", fairness_weight=2.5)
    handle = await client.start_workflow(Wait.run, id=unique(), task_queue="none", priority=priority)
    described = (await handle.describe()).raw_description.workflow_execution_info.priority
    assert (described.priority_key, described.fairness_key, described.fairness_weight) == (2, "tea", 2.5)
    (started,) = await attributes(handle, "WorkflowExecutionStarted")
    assert started.priority == described


async def test_an_eager_start_runs_on_the_clients_own_worker(client):
    async with worker(client, Greet) as queue:
        handle = await client.start_workflow(Greet.run, "x", id=unique(), task_queue=queue, request_eager_start=True)
        assert await handle.result() == "hello x"
        (started,) = await attributes(handle, "WorkflowExecutionStarted")
        assert started.eager_execution_accepted


async def test_the_identity_of_the_client_is_recorded(env):
    client = await Client.connect(env.client.service_client.config.target_host, identity="it is me")
    handle = await client.start_workflow(Wait.run, id=unique(), task_queue="none")
    (started,) = await attributes(handle, "WorkflowExecutionStarted")
    assert started.identity == "it is me"


async def test_an_unknown_workflow_is_not_found(client):
    with pytest.raises(RPCError) as error:
        await client.get_workflow_handle("nobody").describe()
    assert error.value.status == RPCStatusCode.NOT_FOUND


async def test_an_unknown_namespace_is_not_found(env):
    client = await Client.connect(env.client.service_client.config.target_host, namespace="nope")
    with pytest.raises(RPCError) as error:
        await client.start_workflow(Wait.run, id=unique(), task_queue="none")
    assert error.value.status == RPCStatusCode.NOT_FOUND
    assert error.value.message == "Namespace nope is not found."


async def test_an_invalid_start_is_an_invalid_argument(client):
    with pytest.raises(RPCError) as error:
        await client.start_workflow(Wait.run, id="", task_queue="none")
    assert error.value.status == RPCStatusCode.INVALID_ARGUMENT
    assert error.value.message == "WorkflowId is not set on request."
