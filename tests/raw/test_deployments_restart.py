"""Worker deployments are what they were after the server was killed."""

import pytest
from launch import launch
from rollout import *

pytestmark = pytest.mark.fermata_only  # how the real server keeps them is its own affair


@contextlib.contextmanager
def running(exe, file, *flags):
    """Runs the server on a file; it is killed at the end."""
    with contextlib.suppress(RuntimeError):  # it did not stop by itself
        with launch(exe, "--db-filename", str(file), *flags) as launched:
            with Server(launched.address) as server:
                yield server
            launched.process.kill()
            launched.process.wait()


def everything(server, *teams):
    """All that there is to see of deployments, apart from when somebody looked."""
    seen = [server.call("ListWorkerDeployments")]
    for team in teams:
        described = team.describe()
        for summary in described.worker_deployment_info.version_summaries:
            summary.drainage_info.ClearField("last_checked_time")
            info = team.describe_version(summary.deployment_version.build_id)
            info.worker_deployment_version_info.drainage_info.ClearField("last_checked_time")
            seen.append(info)
        seen.append(described)
    for one in seen[0].worker_deployments:
        for summary in (one.latest_version_summary, one.current_version_summary, one.ramping_version_summary):
            summary.ClearField("drainage_info")
    return [one.SerializeToString(deterministic=True) for one in seen]


def pinned_to(team, build):
    return dict(pinned=dict(behavior="PINNED_OVERRIDE_BEHAVIOR_PINNED", version=team.version(build)))


def test_all_of_it_is_there_again(fermata_exe, tmp_path):
    name, other = unique("team"), unique("team")
    with running(fermata_exe, tmp_path / "f.db") as server:
        team = Rollout(server, name)
        team.polled("v1", "a", "b", types=POLLS)
        team.polled("v2", "a")
        team.create_version("v3", identity="me", compute_config=dict(scaling_groups=dict(g=dict(provider=dict(type="k8s")))))
        team.set_metadata("v1", a=1, b="two")
        team.set_current("v1")
        team.set_ramping("v2", 12.5)
        team.set_manager("boss", self=True)
        Rollout(server, other).set_current("v9", allow_no_pollers=True)
        Rollout(server, other).set_ramping("", 30)
        gone = Rollout(server)
        gone.create()
        gone.create_version("v1")
        gone.delete_version("v1")
        gone.delete()
        before = everything(server, team, Rollout(server, other))
        token = team.token
    with running(fermata_exe, tmp_path / "f.db") as server:
        team = Rollout(server, name)
        assert everything(server, team, Rollout(server, other)) == before
        with no_deployment(gone.name):
            Rollout(server, gone.name).describe()
        poll = team.poll("v1", "b", timeout=30)
        run = server.start(task_queue=dict(name="b"))
        assert poll.result().workflow_execution.run_id == run.run_id
        with refused(FAILED_PRECONDITION, "conflict token mismatch"):
            team.set_current("v2", identity="boss", conflict_token=token[:-3] + bytes([token[-3] ^ 1]) + token[-2:])
        changed = team.set_current("v2", identity="boss", conflict_token=token, ignore_missing_task_queues=True)
        assert changed.previous_version == f"{name}.v1"
        assert team.token > token


def test_drainage_goes_on(fermata_exe, tmp_path):
    name = unique("team")
    with running(fermata_exe, tmp_path / "f.db") as server:
        team = Rollout(server, name)
        team.polled("v1", "q")
        team.set_current("v1")
        run = server.start(task_queue=dict(name="q"), versioning_override=pinned_to(team, "v1"))
        server.start(task_queue=dict(name="q"))
        team.set_current("")
        assert team.status("v1") == "DRAINING"
    with running(fermata_exe, tmp_path / "f.db") as server:
        team = Rollout(server, name)
        began = time_of(team.version_info("v1").drainage_info, "last_changed_time")
        drainage = lambda: team.version_info("v1").drainage_info
        eventually(lambda: time_of(drainage(), "last_checked_time") > began + 10**9, "a second passes")
        assert team.status("v1") == "DRAINING"
        server.call("TerminateWorkflowExecution", workflow_execution=run.execution)
        team.becomes(v1="DRAINED")
    with running(fermata_exe, tmp_path / "f.db") as server:
        team = Rollout(server, name)
        assert team.status("v1") == "DRAINED"
        server.start(task_queue=dict(name="q"), versioning_override=pinned_to(team, "v1"))
        assert team.status("v1") == "DRAINING"


def test_a_move_whose_task_did_not_survive_has_never_been(fermata_exe, tmp_path):
    """The row was written while the start of that task was in memory only: a signal came that waits for its end."""
    name = unique("team")
    with running(fermata_exe, tmp_path / "f.db") as server:
        team = Rollout(server, name)
        team.polled("v1", "q")
        team.polled("v2", "q")
        team.set_current("v1")
        run = server.start(task_queue=dict(name="q"))
        task = team.poll("v1", "q", timeout=30).result()
        server.call(
            "RespondWorkflowTaskCompleted",
            task_token=task.task_token,
            versioning_behavior="VERSIONING_BEHAVIOR_AUTO_UPGRADE",
            deployment_options=team.options("v1"),
        )
        team.set_current("v2")
        run.signal("a")
        assert team.poll("v2", "q", timeout=30).result().workflow_execution.run_id == run.run_id
        run.signal("b")
        assert run.describe().workflow_execution_info.versioning_info.version_transition.version == f"{name}.v2"
    with running(fermata_exe, tmp_path / "f.db") as server:
        info = server.call("DescribeWorkflowExecution", execution=dict(workflow_id=run.workflow_id)).workflow_execution_info
        assert not info.versioning_info.HasField("version_transition")
        assert info.versioning_info.deployment_version.build_id == "v1"
        Rollout(server, name).set_current("v1")
        task = Rollout(server, name).poll("v1", "q", timeout=30).result()
        assert task.workflow_execution.run_id == run.run_id
