"""Worker deployments as those see them who roll out: the calls about them, and workers that only poll.

    team = Rollout(server)
    with team.polling("v1", queue):              # a worker of v1 waits for workflow and activity tasks
        team.set_current("v1")
        assert team.statuses() == {"v1": "CURRENT"}
"""

import contextlib
import time

from driver import *
from temporalio.api.enums.v1 import deployment_pb2

POLLS = dict(WORKFLOW="PollWorkflowTaskQueue", ACTIVITY="PollActivityTaskQueue")
TIMES = [
    "create_time",
    "routing_update_time",
    "current_since_time",
    "ramping_since_time",
    "first_activation_time",
    "last_current_time",
    "last_deactivation_time",
]
LIMITS = ResourceExhaustedFailure(
    cause="RESOURCE_EXHAUSTED_CAUSE_WORKER_DEPLOYMENT_LIMITS", scope="RESOURCE_EXHAUSTED_SCOPE_NAMESPACE"
)


def eventually(fits, what, timeout=30):
    """Waits until `fits()` is true. The real server tells its parts of a change one after the other."""
    give_up = time.monotonic() + timeout
    while not fits():
        assert time.monotonic() < give_up, f"it does not come to this: {what}"
        time.sleep(0.05)


def setting(**values):
    """Flags for the dynamic configuration; "__" in a name stands for a dot."""
    return [f"--dynamic-config-value={name.replace('__', '.')}={value}" for name, value in values.items()]


def no_deployment(name):
    text = f"no Worker Deployment found with name '{name}'; does your Worker Deployment have pollers?"
    return refused(NOT_FOUND, text, NotFoundFailure)


def time_of(message, name):
    """An instant as a number that can be compared; None when it is not there."""
    at = getattr(message, name)
    return at.seconds * 10**9 + at.nanos if message.HasField(name) else None


class Rollout:
    def __init__(self, server, name=None):
        self.server, self.name = server, name or unique("team")

    def version(self, build):
        return dict(deployment_name=self.name, build_id=build)

    def options(self, build):
        return dict(self.version(build), worker_versioning_mode="WORKER_VERSIONING_MODE_VERSIONED")

    # What a worker does

    def poll(self, build, queue, type="WORKFLOW", **fields):
        fields.setdefault("identity", f"worker of {build}")
        fields.setdefault("deployment_options", self.options(build))
        return self.server.call_later(POLLS[type], task_queue=dict(name=queue), **fields)

    @contextlib.contextmanager
    def polling(self, build, *queues, types=("WORKFLOW",)):
        """Workers of a version poll these queues, and the version is known to have them."""
        polls = [self.poll(build, queue, type, timeout=60) for queue in queues for type in types]
        try:
            eventually(lambda: len(self.queues(build)) >= len(polls), f"{build} has {queues}")
            yield
        finally:
            for poll in polls:
                poll.cancel()

    def polled(self, build, *queues, **fields):
        """The same, for a moment."""
        with self.polling(build, *queues, **fields):
            pass

    # What a client asks

    def describe(self):
        return self.server.call("DescribeWorkerDeployment", deployment_name=self.name)

    @property
    def info(self):
        return self.describe().worker_deployment_info

    @property
    def routing(self):
        return self.info.routing_config

    @property
    def token(self):
        return self.describe().conflict_token

    def summary(self, build):
        (found,) = [one for one in self.info.version_summaries if one.deployment_version.build_id == build]
        return found

    def describe_version(self, build, **fields):
        return self.server.call("DescribeWorkerDeploymentVersion", deployment_version=self.version(build), **fields)

    def version_info(self, build):
        return self.describe_version(build).worker_deployment_version_info

    def queues(self, build):
        try:
            found = self.describe_version(build).version_task_queues
        except grpc.RpcError as error:
            assert error.code() == NOT_FOUND, error
            return set()
        return {(queue.name, queue.type) for queue in found}

    def status(self, build):
        return status_name(self.version_info(build).status)

    def statuses(self):
        return {one.deployment_version.build_id: status_name(one.status) for one in self.info.version_summaries}

    def becomes(self, **statuses):
        """The versions (v1=..., v2=...) come to have these statuses, in the deployment and each for itself."""

        def fits():
            return self.statuses() == statuses and all(self.status(one) == status for one, status in statuses.items())

        eventually(fits, f"{statuses} instead of {self.statuses()}")

    # What a client changes

    def create(self, **fields):
        return self.server.call("CreateWorkerDeployment", deployment_name=self.name, **fields)

    def create_version(self, build, **fields):
        return self.server.call("CreateWorkerDeploymentVersion", deployment_version=self.version(build), **fields)

    def set_current(self, build, **fields):
        fields.setdefault("identity", "operator")
        return self.server.call(
            "SetWorkerDeploymentCurrentVersion", deployment_name=self.name, build_id=build, **fields
        )

    def set_ramping(self, build, percentage, **fields):
        fields.setdefault("identity", "operator")
        request = dict(deployment_name=self.name, build_id=build, percentage=percentage, **fields)
        return self.server.call("SetWorkerDeploymentRampingVersion", **request)

    def set_manager(self, identity="operator", /, **fields):
        return self.server.call(
            "SetWorkerDeploymentManager", deployment_name=self.name, identity=identity, **fields
        )

    def delete_version(self, build, **fields):
        fields.setdefault("identity", "operator")
        return self.server.call("DeleteWorkerDeploymentVersion", deployment_version=self.version(build), **fields)

    def delete(self, **fields):
        return self.server.call("DeleteWorkerDeployment", deployment_name=self.name, **fields)

    def set_metadata(self, build, remove=(), identity="operator", **values):
        return self.server.call(
            "UpdateWorkerDeploymentVersionMetadata",
            deployment_version=self.version(build),
            upsert_entries=entries(values),
            remove_entries=remove,
            identity=identity,
        ).metadata


def status_name(number):
    name = deployment_pb2.WorkerDeploymentVersionStatus.Name(number)
    return name.removeprefix("WORKER_DEPLOYMENT_VERSION_STATUS_")
