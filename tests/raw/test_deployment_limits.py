"""How many deployments, versions and task queues there may be, how often they may be read, and switching them off."""

import pytest
from launch import launch
from rollout import *

SHORT_MEMORY = setting(matching__PollerHistoryTTL='"1s"')


@contextlib.contextmanager
def server_with(exe, *flags):
    with launch(exe, *flags) as launched, Server(launched.address) as server:
        yield server


def known(team):
    return team.name in {one.name for one in team.server.call("ListWorkerDeployments").worker_deployments}


def poll_is_refused(team, build, queue, text):
    with refused(RESOURCE_EXHAUSTED, text, LIMITS):
        team.poll(build, queue, timeout=20).result()


# The launcher of the real server that tests know does not take numbers.
takes_numbers = pytest.mark.fermata_only


@takes_numbers
def test_deployments(fermata_exe):
    with server_with(fermata_exe, *setting(matching__maxDeployments=2)) as server:
        first, second, third = (Rollout(server) for _ in range(3))
        first.create()
        second.polled("v1", "queue")
        listed = lambda: len(server.call("ListWorkerDeployments").worker_deployments)
        eventually(lambda: listed() == 2, "two deployments")
        text = "reached maximum deployments in namespace (2)"
        with refused(RESOURCE_EXHAUSTED, text, LIMITS):
            third.create()
        with refused(RESOURCE_EXHAUSTED, text, LIMITS):
            third.set_current("v1", allow_no_pollers=True)
        poll_is_refused(third, "v1", "queue", text)
        second.polled("v2", "queue")
        first.delete()
        eventually(lambda: listed() == 1, "one deployment")
        third.create()


@takes_numbers
def test_versions(fermata_exe):
    """The oldest one that may go makes room for a new one; its manager is not asked."""
    with server_with(fermata_exe, *setting(matching__maxVersionsInDeployment=2), *SHORT_MEMORY) as server:
        team = Rollout(server)
        team.create(identity="me")
        team.set_manager("boss", self=True)
        for build in ("v1", "v2", "v3"):
            team.create_version(build)
        assert set(team.statuses()) == {"v2", "v3"} and team.info.last_modifier_identity == "boss"
        team.set_current("v2", identity="boss")
        team.polled("v4", "queue")
        assert set(team.statuses()) == {"v2", "v4"}
        team.set_ramping("v4", 10, identity="boss")
        text = (
            f"cannot add version {team.name}.v5 since maximum number of versions (2) have been registered in the "
            "deployment"
        )
        with refused(RESOURCE_EXHAUSTED, text, LIMITS):
            team.create_version("v5")
        poll_is_refused(team, "v5", "queue", text)
        assert team.statuses() == {"v2": "CURRENT", "v4": "RAMPING"}


@takes_numbers
def test_a_version_that_is_polled_for_stays(fermata_exe):
    with server_with(fermata_exe, *setting(matching__maxVersionsInDeployment=1)) as server:
        team = Rollout(server)
        with team.polling("v1", "queue"):
            poll_is_refused(team, "v2", "queue", re.compile("cannot add version .*"))
        assert set(team.statuses()) == {"v1"}


@takes_numbers
def test_of_two_new_versions_that_are_polled_for_at_once_the_first_stays(fermata_exe):
    with server_with(fermata_exe, *setting(matching__maxVersionsInDeployment=1)) as server:
        teams = [Rollout(server) for _ in range(20)]
        polls = [{build: team.poll(build, "queue", timeout=60) for build in ("v1", "v2")} for team in teams]
        for team, both in zip(teams, polls):
            eventually(lambda team=team: known(team), f"{team.name} is known")
            (build,) = team.statuses()
            first = both.pop(build)
            (second,) = both.values()
            with refused(RESOURCE_EXHAUSTED, re.compile("cannot add version .*"), LIMITS):
                second.result()
            assert set(team.statuses()) == {build}
            first.cancel()


@takes_numbers
def test_task_queues_of_a_version(fermata_exe):
    """Names count, not types."""
    with server_with(fermata_exe, *setting(matching__maxTaskQueuesInDeploymentVersion=2)) as server:
        team = Rollout(server)
        team.polled("v1", "a", "b", types=POLLS)
        text = "cannot add task queue c since maximum number of task queues (2) have been registered in deployment"
        poll_is_refused(team, "v1", "c", text)
        assert len(team.queues("v1")) == 4


@takes_numbers
def test_versions_of_a_task_queue(fermata_exe):
    with server_with(fermata_exe, *setting(matching__maxVersionsInTaskQueue=1)) as server:
        team = Rollout(server)
        team.polled("v1", "queue")
        team.polled("v2", "queue")
        text = "exceeding maximum number of Deployment Versions in this task queue (limit = 1)"
        poll_is_refused(team, "v3", "queue", text)
        assert set(team.statuses()) == {"v1", "v2"}
        team.polled("v3", "another")


@takes_numbers
def test_reads(fermata_exe):
    with server_with(fermata_exe, *setting(frontend__globalNamespaceWorkerDeploymentReadRPS=1)) as server:
        team = Rollout(server)
        team.create()
        text = 'Worker Deployment Read API rate limit exceeded for namespace "default"'
        detail = ResourceExhaustedFailure(
            cause="RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT", scope="RESOURCE_EXHAUSTED_SCOPE_NAMESPACE"
        )
        with refused(RESOURCE_EXHAUSTED, text, detail):
            for _ in range(100):
                team.describe()
        with refused(RESOURCE_EXHAUSTED, text, detail):
            for _ in range(100):
                server.call("DescribeWorkerDeploymentVersion")
        server.call("ListWorkerDeployments")
        team.set_manager(self=True)


def test_switched_off(fermata_exe):
    with server_with(fermata_exe, *setting(system__enableDeploymentVersions="false")) as server:
        team = Rollout(server)
        text = "Worker Deployment Versions are disabled on this namespace."
        for call in (
            team.create,
            lambda: team.create_version("v1"),
            team.describe,
            lambda: team.describe_version("v1"),
            lambda: server.call("ListWorkerDeployments"),
            lambda: team.set_current("v1"),
            lambda: team.set_ramping("v1", 5),
        ):
            with refused(PERMISSION_DENIED, text, PermissionDeniedFailure):
                call()
        assert not team.poll("v1", "queue", timeout=3).result().task_token
        team.delete()
