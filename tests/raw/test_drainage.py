"""Versions that nothing is routed to any more: they drain until no workflow is pinned to them."""

import pytest
from launch import launch
from rollout import *

QUICK = setting(
    matching__wv__VersionDrainageStatusVisibilityGracePeriod='"1s"',
    matching__wv__VersionDrainageStatusRefreshInterval='"1s"',
    history__versionMembershipCacheTTL='"1ms"',
    history__routingInfoCacheTTL='"1ms"',
)
SERVER_FLAGS = QUICK


def start_pinned(team, build, queue):
    override = dict(pinned=dict(behavior="PINNED_OVERRIDE_BEHAVIOR_PINNED", version=team.version(build)))
    return team.server.start(task_queue=dict(name=queue), versioning_override=override)


def stop(run):
    run.server.call("TerminateWorkflowExecution", workflow_execution=run.execution)


def drainage(team, build):
    return team.version_info(build).drainage_info


def test_a_version_drains_while_workflows_are_pinned_to_it(server):
    team, queue = Rollout(server), unique("queue")
    team.polled("v1", queue)
    team.polled("v2", queue)
    team.set_current("v1")
    runs = [start_pinned(team, "v1", queue) for _ in range(2)]
    team.set_current("v2")
    eventually(lambda: team.status("v1") == "DRAINING", "v1 drains")
    began = time_of(drainage(team, "v1"), "last_changed_time")
    stop(runs[0])
    eventually(lambda: time_of(drainage(team, "v1"), "last_checked_time") > began, "v1 is looked at")
    eventually(lambda: time_of(drainage(team, "v1"), "last_checked_time") > began + 2 * 10**9, "and again")
    assert team.status("v1") == "DRAINING" and time_of(drainage(team, "v1"), "last_changed_time") == began
    stop(runs[1])
    team.becomes(v1="DRAINED", v2="CURRENT")
    info = drainage(team, "v1")
    assert time_of(info, "last_changed_time") == time_of(info, "last_checked_time") >= began + 10**9
    summary = team.summary("v1")
    assert summary.drainage_info == info and summary.drainage_status == info.status
    assert time_of(summary, "last_deactivation_time") <= began


def test_workflows_that_are_not_pinned_do_not_count(server):
    team, queue = Rollout(server), unique("queue")
    team.polled("v1", queue)
    team.set_current("v1")
    server.start(task_queue=dict(name=queue))
    server.start(task_queue=dict(name=queue), versioning_override=dict(auto_upgrade=True))
    team.set_current("")
    team.becomes(v1="DRAINED")


def test_a_workflow_that_is_pinned_to_it_makes_a_drained_version_drain_again(server):
    team, queue = Rollout(server), unique("queue")
    team.polled("v1", queue)
    team.set_current("v1")
    team.set_current("")
    team.becomes(v1="DRAINED")
    drained = time_of(drainage(team, "v1"), "last_changed_time")
    deactivated = team.summary("v1").last_deactivation_time
    run = start_pinned(team, "v1", queue)
    team.becomes(v1="DRAINING")
    assert time_of(drainage(team, "v1"), "last_changed_time") > drained
    assert team.summary("v1").last_deactivation_time == deactivated
    stop(run)
    team.becomes(v1="DRAINED")


def test_a_workflow_that_is_pinned_to_it_makes_an_unused_version_drain(server):
    team, queue = Rollout(server), unique("queue")
    team.polled("v1", queue)
    run = start_pinned(team, "v1", queue)
    team.becomes(v1="DRAINING")
    assert not team.summary("v1").HasField("last_deactivation_time")
    stop(run)
    team.becomes(v1="DRAINED")


def test_a_version_that_is_routed_to_again_drains_no_more(server):
    team, queue = Rollout(server), unique("queue")
    team.polled("v1", queue)
    for _ in range(2):
        team.set_ramping("v1", 1)
        team.becomes(v1="RAMPING")
        assert not team.version_info("v1").HasField("drainage_info")
        team.set_ramping("", 0)
        eventually(lambda: team.status("v1").startswith("DRAIN"), "v1 drains")


@pytest.mark.fermata_only  # there it takes three minutes
def test_without_intervals_the_verdict_comes_at_once(fermata_exe):
    """But drainage is to be seen for a second."""
    with launch(fermata_exe) as launched, Server(launched.address) as server:
        team, queue = Rollout(server), unique("queue")
        team.polled("v1", queue)
        team.set_current("v1")
        run = start_pinned(team, "v1", queue)
        team.set_current("")
        assert team.status("v1") == "DRAINING"
        began = time_of(drainage(team, "v1"), "last_changed_time")
        eventually(lambda: time_of(drainage(team, "v1"), "last_checked_time") > began + 10**9, "a second passes")
        assert team.status("v1") == "DRAINING"
        stop(run)
        team.becomes(v1="DRAINED")
        assert time_of(drainage(team, "v1"), "last_changed_time") >= began + 10**9
        team.set_current("v1")
        team.set_current("")
        assert team.status("v1") == "DRAINING"
        team.becomes(v1="DRAINED")


@pytest.mark.fermata_only  # another key of the same kind is all that this needs
def test_pinning_revives_nothing_where_that_is_switched_off(fermata_exe):
    with (
        launch(fermata_exe, *setting(history__enableVersionReactivationSignals="false")) as launched,
        Server(launched.address) as server,
    ):
        team, queue = Rollout(server), unique("queue")
        team.polled("v1", queue)
        start_pinned(team, "v1", queue)
        assert team.status("v1") == "INACTIVE"
