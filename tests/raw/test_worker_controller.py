"""What a controller that rolls out worker versions asks of a server, in its order: from nothing to deletion."""

import pytest
from rollout import *
from temporalio.api.enums.v1 import deployment_pb2

CONTROLLER = "controller/cluster-1"
SERVER_FLAGS = setting(
    matching__wv__VersionDrainageStatusVisibilityGracePeriod='"1s"',
    matching__wv__VersionDrainageStatusRefreshInterval='"1s"',
    matching__PollerHistoryTTL='"3s"',
    history__versionMembershipCacheTTL='"1ms"',
)
OPERATOR = dict(identity=CONTROLLER)


class Reconciler(Rollout):
    """The controller's side: it reads everything before it changes one thing, with the token that it has read."""

    def claim(self):
        described = self.describe()
        if described.worker_deployment_info.manager_identity == CONTROLLER:
            return described.conflict_token
        return self.set_manager(CONTROLLER, self=True, conflict_token=described.conflict_token).conflict_token

    def promote(self, build, **fields):
        return self.set_current(build, conflict_token=self.claim(), **OPERATOR, **fields)

    def ramp(self, build, percentage, **fields):
        return self.set_ramping(build, percentage, conflict_token=self.claim(), **OPERATOR, **fields)

    def mark(self, build):
        """Writes down who manages this version."""
        values = {"temporal.io/controller": CONTROLLER, "temporal.io/controller-version": "1.0"}
        written = self.set_metadata(build, identity=CONTROLLER, **values)
        assert {key: value_of(value) for key, value in written.entries.items()} == values

    def gate(self, build, queue):
        """Runs a test workflow on a version before it gets any other; returns its run."""
        workflow_id = f"test-{self.name}:{build}-{queue}"
        with refused(NOT_FOUND, re.compile("workflow not found.*"), NotFoundFailure):
            self.server.call("DescribeWorkflowExecution", execution=dict(workflow_id=workflow_id))
        fields = dict(
            workflow_id=workflow_id,
            task_queue=dict(name=queue),
            workflow_execution_timeout=seconds(3600),
            workflow_id_reuse_policy="WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE",
            workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_FAIL",
            versioning_override=dict(
                pinned=dict(behavior="PINNED_OVERRIDE_BEHAVIOR_PINNED", version=self.version(build))
            ),
            input=payloads("a"),
        )
        run = self.server.start(**fields)
        with pytest.raises(grpc.RpcError) as error:
            self.server.start(**fields)
        assert error.value.code() == ALREADY_EXISTS
        return run

    def finish_gate(self, run, build):
        task = run.task(deployment_options=self.options(build))
        task.complete(
            complete_workflow("passed"),
            deployment_options=self.options(build),
            versioning_behavior="VERSIONING_BEHAVIOR_PINNED",
        )
        described = self.server.call("DescribeWorkflowExecution", execution=dict(workflow_id=run.workflow_id))
        assert described.workflow_execution_info.task_queue == run.queue
        assert run.status() == "COMPLETED"


def test_from_rollout_to_deletion(server):
    team, queue = Reconciler(server), unique("queue")
    with no_deployment(team.name):  # no state yet, which is no error
        team.describe()

    # The first version: nobody uses an older one, so it becomes current as soon as its workers poll.
    with team.polling("v1", queue, types=POLLS):
        info = team.info
        assert not info.routing_config.HasField("current_deployment_version")
        assert not info.routing_config.HasField("ramping_deployment_version")
        assert team.statuses() == {"v1": "INACTIVE"}
        for place in team.version_info("v1").task_queue_infos:
            found = server.call("DescribeTaskQueue", task_queue=dict(name=place.name), task_queue_type=place.type)
            modes = {one.deployment_options.worker_versioning_mode for one in found.pollers}
            assert modes <= {deployment_pb2.WORKER_VERSIONING_MODE_VERSIONED}
        team.mark("v1")
        team.promote("v1")
        team.becomes(v1="CURRENT")
        assert (team.info.last_modifier_identity, team.info.manager_identity) == (CONTROLLER, CONTROLLER)

        # The second one: a gate, then step by step.
        team.polled("v2", queue, types=POLLS)
        team.finish_gate(team.gate("v2", queue), "v2")
        for percentage in (1, 50.5):
            team.ramp("v2", percentage)
            routing = team.routing
            assert routing.ramping_deployment_version.build_id == "v2"
            assert routing.ramping_version_percentage == percentage
            assert time_of(routing, "ramping_version_percentage_changed_time") >= time_of(
                routing, "ramping_version_changed_time"
            )
        stale = team.token
        team.promote("v2")
        with refused(FAILED_PRECONDITION, "conflict token mismatch"):
            team.set_current("v1", conflict_token=stale, **OPERATOR)
        with refused(FAILED_PRECONDITION, re.compile("ManagerIdentity .*")):
            team.set_current("v1", identity="somebody else")
        assert team.routing.ramping_version == "" and team.routing.ramping_version_percentage == 0
        team.becomes(v1="DRAINED", v2="CURRENT")
        drained = team.summary("v1")
        assert drained.drainage_info.status == deployment_pb2.VERSION_DRAINAGE_STATUS_DRAINED
        assert drained.drainage_info.HasField("last_changed_time") and drained.HasField("last_current_time")

        # A ramp that somebody has left behind.
        team.create_version("v3")
        team.ramp("v3", 10, ignore_missing_task_queues=True)
        team.ramp("v3", 0)
        assert team.routing.ramping_deployment_version.build_id == "v3"

        # All goes: the ramp, the current version, then versions as soon as nobody polls for them, and the deployment.
        team.set_ramping("", 0, **OPERATOR)
        assert not team.routing.HasField("ramping_deployment_version")
        team.set_current("", conflict_token=team.token, ignore_missing_task_queues=True, **OPERATOR)
        assert not team.routing.HasField("current_deployment_version")
        team.polled("v1", queue)
        with refused(FAILED_PRECONDITION, f"version '{team.name}:v1' cannot be deleted since it has active pollers"):
            team.delete_version("v1", skip_drainage=True, **OPERATOR)
    with refused(FAILED_PRECONDITION, "deployment has versions, can't be deleted"):
        team.delete(**OPERATOR)

    def deleted(build):
        try:
            team.delete_version(build, skip_drainage=True, **OPERATOR)
        except grpc.RpcError as error:
            assert error.code() == FAILED_PRECONDITION, error
            return False
        return True

    for build in ("v1", "v2", "v3"):
        eventually(lambda build=build: deleted(build), f"{build} is deleted")
    assert team.statuses() == {}
    team.delete(**OPERATOR)
    with no_deployment(team.name):
        team.describe()
