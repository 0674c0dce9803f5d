"""Worker deployments as tests of versioning use them: versions, their workers, and where task queues send their tasks.

    team = Deployment(server, unique("team"))
    team.has("v1", queue)                      # as if a worker of v1 had polled there
    team.set_current("v1")
    v1 = team.worker("v1", PINNED)
    v1.task(run).complete(start_timer("t", 1)) # answered with v1's name and behavior

What only prepares a test is called past any record that the server object keeps of its calls; see Deployment.call.
"""

import contextlib
import time

from driver import *
from temporalio.api.enums.v1.task_queue_pb2 import TaskQueueType

PINNED, AUTO_UPGRADE, NO_BEHAVIOR = (f"VERSIONING_BEHAVIOR_{name}" for name in ("PINNED", "AUTO_UPGRADE", "UNSPECIFIED"))
VERSIONED, UNVERSIONED = (f"WORKER_VERSIONING_MODE_{name}" for name in ("VERSIONED", "UNVERSIONED"))
POLLS = dict(WORKFLOW="PollWorkflowTaskQueue", ACTIVITY="PollActivityTaskQueue", NEXUS="PollNexusTaskQueue")
NO_VERSION = "__unversioned__"  # as the texts of versions say it

# For the real server, which remembers for a while what was.
PROMPT = [
    f"--dynamic-config-value={setting}"
    for setting in (
        'history.versionMembershipCacheTTL="1ms"',
        'history.routingInfoCacheTTL="1ms"',
    )
]


def until(fits, what, timeout=20):
    """Waits until `fits()` returns something that is true, and returns it."""
    give_up = time.monotonic() + timeout
    while True:
        found = fits()
        if found:
            return found
        assert time.monotonic() < give_up, f"it does not come to this: {what}"
        time.sleep(0.05)


# ---------------------------------------------------------------------------------------------------------------------
# Overrides


def pinned_to(version):
    return dict(pinned=dict(behavior="PINNED_OVERRIDE_BEHAVIOR_PINNED", version=version))


def auto_upgraded():
    return dict(auto_upgrade=True)


def once_on(version):
    return dict(one_time=dict(target_deployment_version=version))


def pinned_to_by_text(version):
    return dict(behavior=PINNED, pinned_version=f"{version['deployment_name']}.{version['build_id']}")


def auto_upgraded_by_behavior():
    return dict(behavior=AUTO_UPGRADE)


def update_options(run, override=None, mask="versioning_override", **fields):
    """UpdateWorkflowExecutionOptions; no override with the usual mask takes one away."""
    fields.setdefault("identity", "operator")
    fields.setdefault("workflow_execution", run.execution)
    fields.setdefault("workflow_execution_options", dict(versioning_override=override) if override else {})
    paths = [mask] if isinstance(mask, str) else mask
    return run.server.call("UpdateWorkflowExecutionOptions", update_mask=dict(paths=paths), **fields)


# ---------------------------------------------------------------------------------------------------------------------
# A deployment and its workers


class Deployment:
    def __init__(self, server, name):
        self.server, self.name = server, name
        self.places = {}  # build id -> the (queue, type) pairs that its workers have polled

    def call(self, name, **fields):
        """A call that prepares: past what a subclass of Server does with its calls, and again when there were too many."""
        while True:
            try:
                return Server.call(self.server, name, **fields)
            except grpc.RpcError as error:
                if error.code() != RESOURCE_EXHAUSTED or "rate limit" not in error.details():
                    raise
                time.sleep(0.2)

    def version(self, build):
        return dict(deployment_name=self.name, build_id=build)

    def options(self, build, mode=VERSIONED):
        return dict(self.version(build), worker_versioning_mode=mode)

    def worker(self, build, behavior=AUTO_UPGRADE, **fields):
        return Worker(self.options(build), behavior, identity=build, **fields)

    def has(self, build, *queues, types=("WORKFLOW", "ACTIVITY")):
        """Makes the version known to these queues, by polls that are given up again."""
        places = [(queue, type) for queue in queues for type in types]
        options = self.options(build)
        with contextlib.ExitStack() as polls:
            for queue, type in places:
                poll = Server.call_later(
                    self.server,
                    POLLS[type],
                    task_queue=dict(name=queue),
                    identity=f"first worker of {build}",
                    deployment_options=options,
                )
                polls.enter_context(polling(poll))
            for place in places:
                until(lambda place=place: self._polls(build, place), f"{build} polls {place}")
        self.places.setdefault(build, []).extend(place for place in places if place not in self.places.get(build, []))
        return self.version(build)

    def _polls(self, build, place):
        queue, type = place
        try:
            known = self.describe_version(build).task_queue_infos
        except grpc.RpcError as error:
            assert error.code() == NOT_FOUND, error
            return False
        return any((info.name, TaskQueueType.Name(info.type)) == (queue, f"TASK_QUEUE_TYPE_{type}") for info in known)

    def queue(self, queue, type="WORKFLOW", **fields):
        type = f"TASK_QUEUE_TYPE_{type}"
        return self.call("DescribeTaskQueue", task_queue=dict(name=queue), task_queue_type=type, **fields)

    def describe(self):
        return self.call("DescribeWorkerDeployment", deployment_name=self.name).worker_deployment_info

    def describe_version(self, build, **fields):
        request = dict(deployment_version=self.version(build), **fields)
        return self.call("DescribeWorkerDeploymentVersion", **request).worker_deployment_version_info

    def set_current(self, build, **fields):
        """Makes a version current, "" none, and waits until all queues know."""
        fields.setdefault("identity", "operator")
        response = self.call(
            "SetWorkerDeploymentCurrentVersion",
            deployment_name=self.name,
            build_id=build,
            ignore_missing_task_queues=True,
            **fields,
        )
        self._settle()
        return response

    def set_ramping(self, build, percentage, **fields):
        """Ramps a version, "" the workers without one, or ends a ramp ("" and 0), and waits until all queues know."""
        fields.setdefault("identity", "operator")
        response = self.call(
            "SetWorkerDeploymentRampingVersion",
            deployment_name=self.name,
            build_id=build,
            percentage=percentage,
            ignore_missing_task_queues=True,
            **fields,
        )
        self._settle()
        return response

    def _settle(self):
        """Waits until every task queue of the deployment routes as the deployment says."""
        routing = self.describe().routing_config
        current = routing.current_deployment_version.build_id
        ramping = routing.ramping_deployment_version.build_id
        percentage = routing.ramping_version_percentage
        for place in {place for places in self.places.values() for place in places}:
            expected = (
                current if place in self.places.get(current, []) else "",
                (ramping, percentage) if not ramping or place in self.places.get(ramping, []) else ("", 0),
            )
            until(lambda place=place, expected=expected: self._routes(place, *expected), f"{place} routes to {expected}")

    def _routes(self, place, current, ramping):
        info = self.queue(*place).versioning_info
        if info.current_deployment_version.build_id != current:
            return False
        return ramping == (info.ramping_deployment_version.build_id, info.ramping_version_percentage)


class Worker:
    """A worker of one version, or of none. What it polls for and completes carries its name."""

    def __init__(self, options=None, behavior=None, identity="worker"):
        self.options, self.behavior, self.identity = options, behavior, identity

    def _fields(self, fields):
        fields.setdefault("identity", self.identity)
        if self.options:
            fields.setdefault("deployment_options", self.options)
        return fields

    def task_later(self, run, queue=None, **fields):
        return run.task_later(queue, **self._fields(fields))

    def task(self, run, queue=None, **fields):
        return self.of(run.task(queue, **self._fields(fields)))

    def of(self, task):
        """A task, to be answered by this worker whoever has taken it."""
        return WorkerTask(self, task.run, task.response)

    def step(self, run, *commands, **fields):
        """The next task, completed; of `fields` all but the behavior are those of the completion."""
        return self.task(run).complete(*commands, **fields)

    def activity_later(self, run, **fields):
        return run.activity_later(**self._fields(fields))

    def activity(self, run, **fields):
        return run.activity(**self._fields(fields))

    def sticky(self, run, timeout=10):
        """What a completion says so that the next task comes to a queue of this worker's own."""
        queue = self.sticky_queue(run)
        return dict(sticky_attributes=dict(worker_task_queue=queue, schedule_to_start_timeout=seconds(timeout)))

    def sticky_queue(self, run):
        name = f"sticky-{self.identity}-{run.queue}"
        return dict(name=name, kind="TASK_QUEUE_KIND_STICKY", normal_name=run.queue)

    def sticky_task_later(self, run, **fields):
        return run.task_later(task_queue=self.sticky_queue(run), **self._fields(fields))


class WorkerTask(Task):
    def __init__(self, worker, run, response):
        super().__init__(run, response)
        self.worker = worker

    def complete(self, *commands, **fields):
        worker = self.worker
        fields.setdefault("identity", worker.identity)
        if worker.options:
            fields.setdefault("deployment_options", worker.options)
        if worker.behavior:
            fields.setdefault("versioning_behavior", worker.behavior)
        return super().complete(*commands, **fields)

    def fail(self, *args, **fields):
        fields.setdefault("identity", self.worker.identity)
        if self.worker.options:
            fields.setdefault("deployment_options", self.worker.options)
        return super().fail(*args, **fields)
