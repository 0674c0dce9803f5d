"""A research team's afternoon: a change that breaks what runs; and then the same with versions, so that nothing breaks.

The story is told twice: with an operator at the command line (skipped where there is none: FERMATA_TEMPORAL_CLI), and
with one who calls the API.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil

import grpc
import pytest
import pytest_asyncio
from launch import launch
from stories import *
from temporalio import activity, workflow
from temporalio.api.batch.v1 import BatchOperationUpdateWorkflowExecutionOptions
from temporalio.api.enums.v1 import WorkerDeploymentVersionStatus, WorkflowTaskFailedCause
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    DeleteWorkerDeploymentVersionRequest,
    DescribeWorkerDeploymentRequest,
    DescribeWorkerDeploymentVersionRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
    StartBatchOperationRequest,
)
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.common import PinnedVersioningOverride, VersioningBehavior, WorkerDeploymentVersion
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import WorkerDeploymentConfig

CLI = os.environ.get("FERMATA_TEMPORAL_CLI") or shutil.which("temporal")
TEAM = "research"
FLAGS = [
    '--dynamic-config-value=matching.PollerHistoryTTL="2s"',  # a version can be deleted so long after its last poll
]
if os.environ.get("ORACLE"):  # which looks every three minutes otherwise
    FLAGS += [
        '--dynamic-config-value=matching.wv.VersionDrainageStatusVisibilityGracePeriod="2s"',
        '--dynamic-config-value=matching.wv.VersionDrainageStatusRefreshInterval="1s"',
    ]


@pytest_asyncio.fixture
async def client(fermata_exe):
    with launch(fermata_exe, *FLAGS) as launched:
        yield await eventually(lambda: connected(launched.address))


async def connected(address):
    with contextlib.suppress(RuntimeError, RPCError):
        client = await Client.connect(address)
        await client.count_workflows()
        return client


# ---------------------------------------------------------------------------------------------------------------------
# Before there were versions


@activity.defn
async def find(topic: str) -> str:
    return f"papers on {topic}"


@activity.defn
async def read(papers: str) -> str:
    return f"notes on {papers}"


@workflow.defn(name="Study")
class Study:
    def __init__(self) -> None:
        self.enough = False

    @workflow.run
    async def run(self, topic: str) -> str:
        papers = await workflow.execute_activity(find, topic, start_to_close_timeout=seconds(10))
        await workflow.wait_condition(lambda: self.enough)
        return papers

    @workflow.signal
    def finish(self) -> None:
        self.enough = True

    @workflow.query
    def progress(self) -> str:
        return "reading"


@workflow.defn(name="Study")
class StudyChangedInPlace(Study):
    """Somebody thought that it would do to have one more step."""

    @workflow.run
    async def run(self, topic: str) -> str:
        old = await workflow.execute_activity(read, "old ones", start_to_close_timeout=seconds(10))
        papers = await workflow.execute_activity(find, topic, start_to_close_timeout=seconds(10))
        await workflow.wait_condition(lambda: self.enough)
        return f"{old}, {papers}"

    @workflow.signal
    def finish(self) -> None:
        self.enough = True

    @workflow.query
    def progress(self) -> str:
        return "reading"


async def test_a_change_breaks_what_runs(client):
    queue = unique("queue")
    async with worker(client, Study, activities=[find], queue=queue):
        # The SDK answers the first attempt only, and lets the others time out.
        fields = dict(task_queue=queue, task_timeout=seconds(1))
        handle = await client.start_workflow("Study", "bees", id="study", **fields)
        await eventually(lambda: waits_after(handle, "ActivityTaskCompleted"))

    async with worker(client, StudyChangedInPlace, activities=[find, read], queue=queue):
        await handle.signal(Study.finish)

        async def failed():
            return await attributes(handle, "WorkflowTaskFailed")

        # In the history, and in what lists and descriptions say.
        first = (await eventually(failed))[0]
        assert first.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
        assert "ondetermin" in first.failure.message

        async def tried_again():
            return (await handle.describe()).raw_description.pending_workflow_task.attempt > 1

        await eventually(tried_again)
        problem = "TemporalReportedProblems = 'cause=WorkflowTaskFailedCauseNonDeterministicError'"

        async def reported():
            return [found.id async for found in client.list_workflows(problem)]

        assert await eventually(reported) == ["study"]

        # Nobody can ask it anything: the code that is there cannot come to where the workflow is.
        with pytest.raises((WorkflowQueryFailedError, RPCError)) as refused:
            await handle.query(Study.progress, rpc_timeout=seconds(10))
        assert re.search("ondetermin|Workflow Task in failed state", str(refused.value)), refused.value

    async with worker(client, Study, activities=[find], queue=queue):
        assert await handle.result() == "papers on bees"
        assert await handle.query(Study.progress) == "reading"


async def waits_after(handle, name):
    """Whether a workflow has done what it does at once when this event comes, and has no task any more."""
    found = await event_names(handle)
    return name in found and found[-1] == "WorkflowTaskCompleted"


# ---------------------------------------------------------------------------------------------------------------------
# With versions


def place(build):
    """An activity that says whose it is."""

    @activity.defn(name="place")
    async def place() -> str:
        return build

    return place


async def here():
    return await workflow.execute_activity("place", result_type=str, start_to_close_timeout=seconds(10))


@workflow.defn(name="Lookup", versioning_behavior=VersioningBehavior.PINNED)
class Lookup:
    """Over in a moment."""

    @workflow.run
    async def run(self) -> str:
        return await here()


@workflow.defn(name="Survey", versioning_behavior=VersioningBehavior.PINNED)
class Survey:
    """Keeps to the code that it began with."""

    def __init__(self) -> None:
        self.enough = False

    @workflow.run
    async def run(self) -> str:
        began = await here()
        await workflow.wait_condition(lambda: self.enough)
        return f"from {began} to {await here()}"

    @workflow.signal
    def finish(self) -> None:
        self.enough = True


@workflow.defn(name="Survey", versioning_behavior=VersioningBehavior.PINNED)
class SurveyWithReview(Survey):
    """Of version v2: begins in another way, so that what v1 has begun could not go on here unprepared."""

    @workflow.run
    async def run(self) -> str:
        if workflow.patched("review"):
            await workflow.sleep(0.001)
        began = await here()
        await workflow.wait_condition(lambda: self.enough)
        return f"from {began} to {await here()}"

    @workflow.signal
    def finish(self) -> None:
        self.enough = True


@workflow.defn(name="Watch", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class Watch:
    """Goes where the team goes; notes for each signal where it is by then."""

    def __init__(self) -> None:
        self.wanted, self.places = 0, []

    @workflow.run
    async def run(self) -> None:
        while True:
            await workflow.wait_condition(lambda: self.wanted > len(self.places))
            self.places.append(await here())

    @workflow.signal
    def look(self) -> None:
        self.wanted += 1

    @workflow.query
    def seen(self) -> list[str]:
        return self.places


@workflow.defn(name="Archive", versioning_behavior=VersioningBehavior.PINNED)
class Archive:
    """Runs for ever, pinned, but continues as new on the team's new version when there is one."""

    def __init__(self) -> None:
        self.entries = 0

    @workflow.run
    async def run(self, places: list[str]) -> None:
        places = places + [await here()]
        entries = 0
        while True:
            await workflow.wait_condition(lambda: self.entries > entries)
            entries += 1
            if workflow.info().is_target_worker_deployment_version_changed():
                workflow.continue_as_new(
                    places, initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE
                )
            self.places = places

    @workflow.signal
    def add(self) -> None:
        self.entries += 1


V1 = [Lookup, Survey, Watch, Archive]
V2 = [Lookup, SurveyWithReview, Watch, Archive]

# On the way from 0 to 100 % these ids lie at 0.5, 18.5, 41.0 and 94.8.
IDS = ["ramp-wf-3", "abc", "workflow-1", "ramp-wf-0"]


def version(client, build, workflows, queue):
    """A worker of a version while the block runs."""
    config = WorkerDeploymentConfig(WorkerDeploymentVersion(TEAM, build), use_worker_versioning=True)
    return worker(client, *workflows, activities=[place(build)], queue=queue, deployment_config=config)


class ByApi:
    """An operator with a program."""

    def __init__(self, client):
        self.client, self.service = client, client.workflow_service

    async def describe(self):
        request = DescribeWorkerDeploymentRequest(namespace="default", deployment_name=TEAM)
        info = (await self.service.describe_worker_deployment(request)).worker_deployment_info
        routing = info.routing_config
        return dict(
            current=routing.current_deployment_version.build_id,
            ramping=routing.ramping_deployment_version.build_id,
            percentage=routing.ramping_version_percentage,
            versions=sorted(summary.deployment_version.build_id for summary in info.version_summaries),
        )

    async def set_current(self, build):
        request = SetWorkerDeploymentCurrentVersionRequest(namespace="default", deployment_name=TEAM, build_id=build)
        request.identity = "operator"
        await self.service.set_worker_deployment_current_version(request)

    async def ramp(self, build, percentage):
        request = SetWorkerDeploymentRampingVersionRequest(namespace="default", deployment_name=TEAM, build_id=build)
        request.percentage, request.identity = percentage, "operator"
        await self.service.set_worker_deployment_ramping_version(request)

    async def delete(self, build):
        request = DeleteWorkerDeploymentVersionRequest(namespace="default", identity="operator")
        request.deployment_version.deployment_name, request.deployment_version.build_id = TEAM, build
        await self.service.delete_worker_deployment_version(request)

    async def move(self, query, build):
        """Pins all workflows that a query finds."""
        override = PinnedVersioningOverride(WorkerDeploymentVersion(TEAM, build))._to_proto()
        operation = BatchOperationUpdateWorkflowExecutionOptions(
            identity="operator",
            workflow_execution_options=WorkflowExecutionOptions(versioning_override=VersioningOverride(pinned=override.pinned)),
        )
        operation.update_mask.paths.append("versioning_override")
        await self.service.start_batch_operation(
            StartBatchOperationRequest(
                namespace="default",
                job_id=unique("job"),
                reason="v1 is to go",
                visibility_query=query,
                update_workflow_options_operation=operation,
            )
        )


class ByCommandLine:
    """An operator with a terminal."""

    def __init__(self, client):
        self.address = client.service_client.config.target_host

    async def run(self, *words):
        more = ("--address", self.address, "--color", "never", "--env-file", os.devnull)
        process = await asyncio.create_subprocess_exec(
            CLI, *words, *more, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        if process.returncode != 0:
            raise ApplicationError(output.decode())
        return output.decode()

    async def deployment(self, verb, *words):
        return await self.run("worker", "deployment", verb, "--deployment-name", TEAM, *words)

    async def describe(self):
        output = await self.run("worker", "deployment", "describe", "--name", TEAM, "-o", "json")
        shown = json.loads(output)
        routing = shown["routingConfig"]
        return dict(
            current=routing.get("currentVersionBuildID", ""),
            ramping=routing.get("rampingVersionBuildID", ""),
            percentage=routing.get("rampingVersionPercentage", 0),
            versions=sorted(summary["BuildID"] for summary in shown["versionSummaries"]),
        )

    async def set_current(self, build):
        await self.deployment("set-current-version", "--build-id", build, "--yes")

    async def ramp(self, build, percentage):
        await self.deployment("set-ramping-version", "--build-id", build, "--percentage", str(percentage), "--yes")

    async def delete(self, build):
        await self.deployment("delete-version", "--build-id", build)

    async def move(self, query, build):
        pin = ("pinned", "--versioning-override-deployment-name", TEAM, "--versioning-override-build-id", build)
        words = ("--query", query, "--versioning-override-behavior", *pin, "--reason", "v1 is to go", "--yes")
        await self.run("workflow", "update-options", *words)


async def status(client, build):
    request = DescribeWorkerDeploymentVersionRequest(namespace="default")
    request.deployment_version.deployment_name, request.deployment_version.build_id = TEAM, build
    response = await client.workflow_service.describe_worker_deployment_version(request)
    name = WorkerDeploymentVersionStatus.Name(response.worker_deployment_version_info.status)
    return name.removeprefix("WORKER_DEPLOYMENT_VERSION_STATUS_")


async def becomes(client, build, expected):
    async def it_has():
        return await status(client, build) == expected

    await eventually(it_has)


async def again_and_again(act, *args):
    """The first polls of a version are still on their way; a version that was polled a moment ago is not deleted."""

    async def acted():
        try:
            await act(*args)
            return True
        except RPCError as error:
            assert error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION), error
        except ApplicationError as error:
            assert re.search("not found|no Worker Deployment found|active pollers", str(error), re.I), error
        return False

    await eventually(acted, 30)


async def lookups(client, queue):
    """Where each id's workflow runs."""
    return [await client.execute_workflow("Lookup", id=id, task_queue=queue) for id in IDS]


async def all_lookups_are(client, queue, expected):
    """The real server takes a second until all of its task queues know where to send whom."""

    async def are():
        return await lookups(client, queue) == expected

    await eventually(are, 30)


def on(build):
    return f"TemporalWorkerDeploymentVersion = '{TEAM}:{build}' AND ExecutionStatus = 'Running'"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("operator", [ByApi, ByCommandLine])
async def test_an_afternoon_with_versions(client, operator):
    if operator is ByCommandLine and CLI is None:
        pytest.skip("no temporal CLI: set FERMATA_TEMPORAL_CLI or put it into PATH")
    team, queue = operator(client), unique("queue")

    def start(type, id, *args):
        return client.start_workflow(type, *args, id=id, task_queue=queue)

    async with contextlib.AsyncExitStack() as workers:
        first = await workers.enter_async_context(contextlib.AsyncExitStack())
        await first.enter_async_context(version(client, "v1", V1, queue))
        await again_and_again(team.set_current, "v1")
        await all_lookups_are(client, queue, ["v1"] * 4)
        surveys = [await start("Survey", f"survey-{index}") for index in range(3)]
        watch = await start("Watch", "watch")
        archive = await start("Archive", "archive", [])
        for handle in (*surveys, archive):
            await eventually(lambda handle=handle: waits_after(handle, "ActivityTaskCompleted"))

        # The next version comes, step by step.
        await workers.enter_async_context(version(client, "v2", V2, queue))
        await again_and_again(team.ramp, "v2", 10)
        described = await team.describe()
        assert described == dict(current="v1", ramping="v2", percentage=10, versions=["v1", "v2"])
        await all_lookups_are(client, queue, ["v2", "v1", "v1", "v1"])
        await team.ramp("v2", 50)
        await all_lookups_are(client, queue, ["v2", "v2", "v2", "v1"])
        await team.set_current("v2")
        assert (await team.describe())["current"] == "v2"
        await all_lookups_are(client, queue, ["v2"] * 4)
        await becomes(client, "v1", "DRAINING")

        # What is bound to v1 stays there, what upgrades goes to v2.
        await looks(watch, ["v2"])
        await surveys[0].signal(Survey.finish)
        assert await surveys[0].result() == "from v1 to v1"
        await watch_is_on(watch, "v2", "AutoUpgrade")

        # Something is wrong with v2: back, and on again.
        await team.set_current("v1")
        await becomes(client, "v1", "CURRENT")
        await becomes(client, "v2", "DRAINING")
        await all_lookups_are(client, queue, ["v1"] * 4)
        await looks(watch, ["v2", "v1"])
        await team.set_current("v2")
        await all_lookups_are(client, queue, ["v2"] * 4)
        await looks(watch, ["v2", "v1", "v2"])

        # The one that never ends goes on, as a new run, on the new version.
        await archive.signal(Archive.add)

        async def continued():
            described = await client.get_workflow_handle("archive").describe()
            return described.run_id != archive.result_run_id and described

        archive = client.get_workflow_handle("archive", run_id=(await eventually(continued)).run_id)
        await eventually(lambda: waits_after(archive, "ActivityTaskCompleted"))
        started = (await attributes(archive, "WorkflowExecutionStarted"))[0]
        assert started.inherited_auto_upgrade_info.source_deployment_version.build_id == "v1"
        assert not started.HasField("inherited_pinned_version")

        # Those that would hold v1 back are moved, all at once.
        async def left():
            return {found.id async for found in client.list_workflows(on("v1"))} == {"survey-1", "survey-2"}

        await eventually(left)
        await team.move(on("v1"), "v2")

        async def moved():
            return {found.id async for found in client.list_workflows(on("v2"))} >= {"survey-1", "survey-2"}

        await eventually(moved)
        for survey in surveys[1:]:
            await survey.signal(Survey.finish)
            assert await survey.result() == "from v1 to v2"

        # Nobody needs v1 any more.
        await becomes(client, "v1", "DRAINED")
        await first.aclose()
        await again_and_again(team.delete, "v1")
        assert (await team.describe())["versions"] == ["v2"]
        assert await lookups(client, queue) == ["v2"] * 4


async def looks(watch, expected):
    """The next thing that it looks at is where it should be."""
    await watch.signal(Watch.look)

    async def seen():
        places = await watch.query(Watch.seen)
        return len(places) == len(expected) and places

    assert await eventually(seen) == expected


async def watch_is_on(handle, build, behavior):
    found = (await handle.describe()).search_attributes
    assert found["TemporalWorkerDeploymentVersion"] == [f"{TEAM}:{build}"]
    assert found["TemporalWorkflowVersioningBehavior"] == [behavior]
    assert found["TemporalUsedWorkerDeploymentVersions"] == [f"{TEAM}:v1", f"{TEAM}:v2"]
