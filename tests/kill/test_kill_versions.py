"""The same as test_kill.py with worker deployments: routing, the queues of versions, overrides, and who gets whose tasks.

An operator moves the current version and the ramp of a deployment about; workers of three versions make new task queues
known, and take the tasks of workflows that are pinned, or upgrade; clients override where single workflows go. All of that
goes on while the server is killed again and again. After each crash, and in the end:

  * the deployment routes as was acknowledged last, or as was asked for when the server died; its revision has grown with it;
  * a queue that a version was seen to have is there;
  * a workflow's override is the one that was acknowledged, or the one that was asked for when the server died;
  * no history shows a workflow task that another version has taken than the one that the workflow was pinned to;
  * versions are drained when, and only when, no open workflow is pinned to them: their counters are right.

FERMATA_KILL_ROUNDS and FERMATA_KILL_SEED repeat a failure.
"""

import asyncio
import os
import random
import time
from dataclasses import dataclass, field

import grpc
import pytest
from killing import *
from temporalio.api.command.v1 import message_pb2 as command_pb
from temporalio.api.deployment.v1 import message_pb2 as deployment_pb
from temporalio.api.enums.v1 import command_type_pb2 as command_type
from temporalio.api.enums.v1 import deployment_pb2 as deployment_enums
from temporalio.api.enums.v1 import event_type_pb2 as event_type
from temporalio.api.workflow.v1 import message_pb2 as workflow_pb
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

ROUNDS = int(os.environ.get("FERMATA_KILL_ROUNDS", "30"))
SEED = int(os.environ.get("FERMATA_KILL_SEED", "0")) or random.randrange(1, 1 << 30)
TEAM, QUEUE = "team", "common"
BUILDS = ["v1", "v2", "v3"]
LIFE_SECONDS = (0.05, 0.5)  # of a round's server, from its first answer to its death
OPEN_MAX = 60
QUEUES_MAX = 60  # of a version; a version takes a hundred
PINNED, AUTO_UPGRADE = 1, 2
NONE, UPGRADE = "none", "upgrade"  # overrides other than a version's build

E = event_type.EventType.Value


def version(build):
    return deployment_pb.WorkerDeploymentVersion(deployment_name=TEAM, build_id=build)


def override_of(spec):
    if spec == UPGRADE:
        return workflow_pb.VersioningOverride(auto_upgrade=True)
    pinned = workflow_pb.VersioningOverride.PinnedOverride(behavior=PINNED, version=version(spec))
    return workflow_pb.VersioningOverride(pinned=pinned)


def spec_of(holder):
    """What a message's versioning_override says."""
    if not holder.HasField("versioning_override"):
        return NONE
    override = holder.versioning_override
    return override.pinned.version.build_id if override.HasField("pinned") else UPGRADE


@dataclass
class Workflow:
    id: str
    request_id: str
    behavior: int
    override: str  # acknowledged
    run_id: str = ""  # acknowledged
    tried: set = field(default_factory=set)  # overrides that were asked for since, without an answer
    busy: bool = False  # somebody is about to override it
    closed: bool = False


@dataclass(frozen=True)
class Routing:
    current: str = ""
    ramping: str = ""
    percentage: float = 0.0

    def with_current(self, build):
        return Routing(build, *(("", 0.0) if build == self.ramping else (self.ramping, self.percentage)))

    def with_ramp(self, build, percentage):
        return Routing(self.current, build, percentage)


class Team(Clients):
    """The operator, the workers and the clients, and their notes."""

    def __init__(self, seed):
        super().__init__(seed)
        self.workflows = {}
        self.routing, self.tried, self.revision = Routing(), None, 0
        self.queues = {build: set() for build in BUILDS}  # seen

    # --- the operator ---

    async def describe(self):
        request = api.DescribeWorkerDeploymentRequest(namespace=NAMESPACE, deployment_name=TEAM)
        config = (await self.server.call("DescribeWorkerDeployment", request)).worker_deployment_info.routing_config
        routing = Routing(
            config.current_deployment_version.build_id,
            config.ramping_deployment_version.build_id,
            config.ramping_version_percentage,
        )
        return routing, config.revision_number

    async def check_routing(self):
        """Compares the routing with what was acknowledged, and takes it over."""
        found, revision = await self.describe()
        assert found in (self.routing, self.tried), f"routing is {found}, not {self.routing} nor {self.tried}"
        changes = found != self.routing
        assert revision == self.revision + changes, f"revision {revision} after {self.revision}, changed: {changes}"
        self.routing, self.tried, self.revision = found, None, revision

    async def operate(self):
        if not all(self.queues.values()):
            await asyncio.sleep(0.005)
            return
        await self.check_routing()
        if self.rng.random() < 0.5:
            build = self.rng.choice(["", *BUILDS])
            request = api.SetWorkerDeploymentCurrentVersionRequest(build_id=build)
            wanted, method = self.routing.with_current(build), "SetWorkerDeploymentCurrentVersion"
        else:
            build = self.rng.choice([build for build in BUILDS if build != self.routing.current])
            percentage = float(self.rng.choice([1, 25, 50, 100]))
            if self.rng.random() < 0.3:
                build, percentage = "", 0.0
            request = api.SetWorkerDeploymentRampingVersionRequest(build_id=build, percentage=percentage)
            wanted, method = self.routing.with_ramp(build, percentage), "SetWorkerDeploymentRampingVersion"
        request.namespace, request.deployment_name, request.identity = NAMESPACE, TEAM, "operator"
        request.ignore_missing_task_queues = True
        self.tried = wanted
        await self.server.call(method, request)
        self.revision += wanted != self.routing
        self.routing, self.tried = wanted, None
        self.counts["routings"] += 1
        await asyncio.sleep(self.rng.random() * 0.02)

    # --- workers ---

    def options(self, build):
        return deployment_pb.WorkerDeploymentOptions(deployment_name=TEAM, build_id=build, worker_versioning_mode=2)

    async def arrive(self):
        """A worker polls a queue that its version did not have, until that is seen."""
        build = self.rng.choice(BUILDS)
        if len(self.queues[build]) >= QUEUES_MAX:
            await asyncio.sleep(0.02)
            return
        queue = QUEUE if QUEUE not in self.queues[build] else f"queue-{len(self.queues[build])}"
        poll = api.PollActivityTaskQueueRequest(namespace=NAMESPACE, identity=build, deployment_options=self.options(build))
        if queue == QUEUE:
            poll = api.PollWorkflowTaskQueueRequest(namespace=NAMESPACE, identity=build, deployment_options=self.options(build))
        poll.task_queue.name = queue
        method = type(poll).__name__.removesuffix("Request")
        task = asyncio.create_task(self.server.call(method, poll, timeout=30))
        try:
            while queue not in await self.queues_of(build):
                await asyncio.sleep(0.002)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self.queues[build].add(queue)
        self.counts["queues"] += 1

    async def queues_of(self, build):
        request = api.DescribeWorkerDeploymentVersionRequest(namespace=NAMESPACE, deployment_version=version(build))
        try:
            info = (await self.server.call("DescribeWorkerDeploymentVersion", request)).worker_deployment_version_info
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND and not self.queues[build]:
                return set()
            raise
        found = {queue.name for queue in info.task_queue_infos}
        assert found >= self.queues[build], f"{build} has lost {self.queues[build] - found}"
        return found

    async def work(self, build):
        """Takes a task and completes it, as the version that it is, or no version."""
        request = api.PollWorkflowTaskQueueRequest(namespace=NAMESPACE, identity=build or "unversioned")
        request.task_queue.name = QUEUE
        if build:
            request.deployment_options.CopyFrom(self.options(build))
        task = await self.server.call("PollWorkflowTaskQueue", request, timeout=30)
        if not task.task_token:
            return
        workflow = self.workflows[task.workflow_execution.workflow_id]
        done = api.RespondWorkflowTaskCompletedRequest(namespace=NAMESPACE, task_token=task.task_token)
        done.identity = request.identity
        if build:
            done.deployment_options.CopyFrom(request.deployment_options)
            done.versioning_behavior = workflow.behavior
        if self.rng.random() < 0.05:
            command = command_pb.Command(command_type=command_type.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION)
            command.complete_workflow_execution_command_attributes.SetInParent()
            done.commands.append(command)
        try:
            await self.server.call("RespondWorkflowTaskCompleted", done)
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                return  # timed out meanwhile
            if error.code() == grpc.StatusCode.INVALID_ARGUMENT and "UnhandledCommand" in error.details():
                return  # a signal came when it wanted to close
            raise
        workflow.closed = workflow.closed or bool(done.commands)
        self.counts[f"tasks of {request.identity}"] += 1

    # --- clients ---

    async def start_one(self):
        unacked = [workflow for workflow in self.workflows.values() if not workflow.run_id]
        if unacked:  # after a crash: the same request again
            workflow = self.rng.choice(unacked)
        elif sum(not workflow.closed for workflow in self.workflows.values()) < OPEN_MAX and all(self.queues.values()):
            spec = self.rng.choice([NONE, NONE, UPGRADE, *BUILDS])
            behavior = self.rng.choice([PINNED, AUTO_UPGRADE])
            workflow = Workflow(f"w-{len(self.workflows)}", nonce(), behavior, spec)
            self.workflows[workflow.id] = workflow
        else:
            await asyncio.sleep(0.02)
            return
        request = api.StartWorkflowExecutionRequest(namespace=NAMESPACE, workflow_id=workflow.id, request_id=workflow.request_id)
        request.workflow_type.name = "Pinned or not"
        request.task_queue.name = QUEUE
        request.workflow_task_timeout.seconds = 1  # what a crash has swallowed is soon there again
        request.workflow_id_reuse_policy = 3  # REJECT_DUPLICATE: a second run would be an error here
        if workflow.override != NONE:
            request.versioning_override.CopyFrom(override_of(workflow.override))
        response = await self.server.call("StartWorkflowExecution", request)
        assert workflow.run_id in ("", response.run_id), f"{workflow.id} has two runs"
        workflow.run_id = response.run_id
        self.counts["starts"] += 1

    def any_open(self):
        found = [workflow for workflow in self.workflows.values() if workflow.run_id and not workflow.closed and not workflow.busy]
        return self.rng.choice(found) if found else None

    async def signal_one(self):
        workflow = self.any_open()
        if workflow is None:
            await asyncio.sleep(0.005)
            return
        request = api.SignalWorkflowExecutionRequest(namespace=NAMESPACE, signal_name="s", request_id=nonce())
        request.workflow_execution.workflow_id = workflow.id
        try:
            await self.server.call("SignalWorkflowExecution", request)
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and "workflow is closing" in error.details():
                return  # so often that a worker cannot close it
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise
            workflow.closed = True
            return
        self.counts["signals"] += 1

    async def check_override(self, workflow):
        """Compares a workflow's override with what was acknowledged, and takes it over; says whether it is open."""
        request = api.DescribeWorkflowExecutionRequest(namespace=NAMESPACE)
        request.execution.workflow_id = workflow.id
        info = (await self.server.call("DescribeWorkflowExecution", request)).workflow_execution_info
        found = spec_of(info.versioning_info)
        assert found in {workflow.override} | workflow.tried, f"{workflow.id}: {found}, not {workflow.override} {workflow.tried}"
        workflow.override, workflow.tried = found, set()
        workflow.closed = info.status != 1  # RUNNING
        return not workflow.closed

    async def override_one(self):
        workflow = self.any_open()
        if workflow is None:
            await asyncio.sleep(0.005)
            return
        workflow.busy = True
        try:
            if not await self.check_override(workflow):
                return
            spec = self.rng.choice([NONE, UPGRADE, *BUILDS])
            request = api.UpdateWorkflowExecutionOptionsRequest(namespace=NAMESPACE, identity=nonce())
            request.workflow_execution.workflow_id = workflow.id
            request.workflow_execution_options.SetInParent()
            if spec != NONE:
                request.workflow_execution_options.versioning_override.CopyFrom(override_of(spec))
            request.update_mask.paths.append("versioning_override")
            workflow.tried = {spec}
            try:
                await self.server.call("UpdateWorkflowExecutionOptions", request)
            except grpc.aio.AioRpcError as error:
                if error.code() != grpc.StatusCode.NOT_FOUND:
                    raise
                workflow.closed, workflow.tried = True, set()
                return
            workflow.override, workflow.tried = spec, set()
            self.counts["overrides"] += 1
        finally:
            workflow.busy = False

    def steps(self):
        def of(build):
            async def work():
                await self.work(build)

            return work

        steps = [self.operate, self.arrive] + [self.start_one] * 2 + [self.signal_one] * 3 + [self.override_one] * 2
        return steps + [of(build) for build in (*BUILDS, *BUILDS, "")]


def check(workflow, events):
    """Yields where a history shows a task that was taken by another version than the one that it was pinned to."""
    if [event.event_id for event in events] != list(range(1, len(events) + 1)):
        yield f"event ids {[event.event_id for event in events]}"
    override, base, on_its_way, taker = NONE, "", False, ""
    for event in events:
        if event.event_type == E("EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"):
            override = spec_of(event.workflow_execution_started_event_attributes)
        elif event.event_type == E("EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED"):
            override = spec_of(event.workflow_execution_options_updated_event_attributes)
        elif event.event_type == E("EVENT_TYPE_WORKFLOW_TASK_STARTED"):
            taker = event.workflow_task_started_event_attributes.identity
            pin = override if override in BUILDS else base if override == NONE else ""
            if pin and not on_its_way and taker != pin:
                yield f"event {event.event_id}: {taker} took a task that was pinned to {pin}"
            on_its_way = on_its_way or not pin
        elif event.event_type == E("EVENT_TYPE_WORKFLOW_TASK_COMPLETED"):
            attributes = event.workflow_task_completed_event_attributes
            build = attributes.deployment_version.build_id
            base = build if attributes.versioning_behavior == PINNED else ""
            on_its_way = False


async def drained(team, server):
    """Whether versions are drained exactly when nobody is pinned to them any more: v3 first, and then the others."""
    request = api.SetWorkerDeploymentRampingVersionRequest(namespace=NAMESPACE, deployment_name=TEAM, identity="operator")
    await server.call("SetWorkerDeploymentRampingVersion", request)
    for build in (*BUILDS, ""):  # each has been current once, so that all drain
        request = api.SetWorkerDeploymentCurrentVersionRequest(namespace=NAMESPACE, deployment_name=TEAM, identity="operator")
        request.build_id, request.ignore_missing_task_queues = build, True
        await server.call("SetWorkerDeploymentCurrentVersion", request)
    holders = await holders_of(team, server)
    for build in ("v3", "v1", "v2"):
        for id in holders[build]:
            execution = api.TerminateWorkflowExecutionRequest(namespace=NAMESPACE)
            execution.workflow_execution.workflow_id = id
            await server.call("TerminateWorkflowExecution", execution)
        holders[build] = set()
        give_up = time.monotonic() + 10
        while await status(server, build) != "DRAINED":
            if time.monotonic() > give_up:
                return [f"{build} is not drained, although nobody is pinned to it"]
            await asyncio.sleep(0.02)
        for other in BUILDS:
            if holders[other] and await status(server, other) != "DRAINING":
                return [f"{other} is {await status(server, other)}, although {holders[other]} are pinned to it"]
    return []


async def holders_of(team, server):
    """The open workflows that count for each version: also those whose override waits for the end of a transition."""
    holders = {build: set() for build in BUILDS}
    for workflow in team.workflows.values():
        request = api.DescribeWorkflowExecutionRequest(namespace=NAMESPACE)
        request.execution.workflow_id = workflow.id
        try:
            info = (await server.call("DescribeWorkflowExecution", request)).workflow_execution_info
        except grpc.aio.AioRpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND and not workflow.run_id, error
            continue  # whose start was never acknowledged
        override, bound = spec_of(info.versioning_info), info.versioning_info
        base = bound.deployment_version.build_id if bound.behavior == PINNED and override == NONE else ""
        if info.status == 1 and (override in BUILDS or base):  # RUNNING
            holders[override if override in BUILDS else base].add(workflow.id)
    for build in BUILDS:
        request = api.ListWorkflowExecutionsRequest(namespace=NAMESPACE, page_size=1000)
        request.query = (
            f"TemporalWorkerDeploymentVersion = '{TEAM}:{build}' AND TemporalWorkflowVersioningBehavior = 'Pinned'"
            " AND ExecutionStatus = 'Running'"
        )
        listed = {found.execution.workflow_id for found in (await server.call("ListWorkflowExecutions", request)).executions}
        more = {id for id in listed - holders[build] if team.workflows[id].override == NONE}  # no transition's remains
        assert not more, f"{more} are listed as pinned to {build}"
    return holders


async def status(server, build):
    request = api.DescribeWorkerDeploymentVersionRequest(namespace=NAMESPACE, deployment_version=version(build))
    info = (await server.call("DescribeWorkerDeploymentVersion", request)).worker_deployment_version_info
    name = deployment_enums.WorkerDeploymentVersionStatus.Name(info.status)
    return name.removeprefix("WORKER_DEPLOYMENT_VERSION_STATUS_")


@pytest.mark.fermata_only
@pytest.mark.timeout(180)
async def test_versions_stay_what_they_are_when_the_server_is_killed(fermata_exe, tmp_path):
    team = Team(SEED)

    async def look(server):
        findings = []
        await team.check_routing()
        for build in BUILDS:
            await team.queues_of(build)
        for workflow in team.workflows.values():
            if workflow.run_id:
                await team.check_override(workflow)
                events = await history_of(server, workflow.id, workflow.run_id)
                findings += [f"{workflow.id} ({workflow.run_id}): {finding}" for finding in check(workflow, events)]
        return findings + await drained(team, server)

    said = await weather(team, fermata_exe, tmp_path / "versions.db", ROUNDS, LIFE_SECONDS, look)
    assert min(team.counts["routings"], team.counts["overrides"], team.counts["queues"]) > ROUNDS / 2, said
    assert all(team.counts[f"tasks of {build}"] > ROUNDS / 2 for build in BUILDS), said
