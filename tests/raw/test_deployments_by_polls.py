"""Worker deployments that come to be because somebody polls: versions, their task queues, and where these send tasks."""

import pytest
from rollout import *
from temporalio.api.enums.v1 import task_queue_pb2

WORKFLOW, ACTIVITY = task_queue_pb2.TASK_QUEUE_TYPE_WORKFLOW, task_queue_pb2.TASK_QUEUE_TYPE_ACTIVITY


def pollers(server, queue, **fields):
    return {one.identity: one for one in server.call("DescribeTaskQueue", task_queue=dict(name=queue), **fields).pollers}


def test_a_poll_makes_a_deployment(server):
    team, queue = Rollout(server), unique("queue")
    with team.polling("v1", queue, types=POLLS):
        assert team.queues("v1") == {(queue, WORKFLOW), (queue, ACTIVITY)}
        info = team.version_info("v1")
        assert {(one.name, one.type) for one in info.task_queue_infos} == team.queues("v1")
        assert status_name(info.status) == "INACTIVE" and info.last_modifier_identity == ""
        assert team.info.last_modifier_identity == "" and team.routing.revision_number == 0
        eventually(lambda: "worker of v1" in pollers(server, queue), "its poll is known")
        assert pollers(server, queue)["worker of v1"].deployment_options.build_id == "v1"
    text = f'Worker Deployment with name "{team.name}" already exists (auto-created from worker polls)'
    with refused(ALREADY_EXISTS, text):
        team.create()


def test_more_queues_for_a_version(server):
    team, first, second = Rollout(server), unique("queue"), unique("queue")
    team.polled("v1", first)
    with team.polling("v1", second):
        eventually(lambda: team.queues("v1") == {(first, WORKFLOW), (second, WORKFLOW)}, "two queues")
    team.polled("v2", first)
    assert team.queues("v2") == {(first, WORKFLOW)}


def test_a_created_version_is_inactive_when_it_is_polled_for(server):
    team, queue = Rollout(server), unique("queue")
    team.create()
    team.create_version("v1", identity="me")
    made = team.version_info("v1").create_time
    team.polled("v1", queue)
    team.becomes(v1="INACTIVE")
    info = team.version_info("v1")
    assert info.create_time == made and info.last_modifier_identity == "me"


def test_what_makes_nothing(server):
    team, queue = Rollout(server), unique("queue")
    unversioned = dict(team.options("v1"), worker_versioning_mode="WORKER_VERSIONING_MODE_UNVERSIONED")
    polls = [
        team.poll("v1", queue, deployment_options=unversioned),
        team.poll("v1", queue, deployment_options=team.version("v1")),
    ]
    eventually(lambda: pollers(server, queue), "the polls wait")
    with no_deployment(team.name):
        team.describe()
    for poll in polls:
        poll.cancel()


def test_a_sticky_poll_is_one_of_the_task_queue_that_it_belongs_to(server):
    team, queue = Rollout(server), unique("queue")
    sticky = dict(name=unique("sticky"), kind="TASK_QUEUE_KIND_STICKY", normal_name=queue)
    poll = server.call_later("PollWorkflowTaskQueue", task_queue=sticky, deployment_options=team.options("v1"))
    eventually(lambda: team.queues("v1") == {(queue, WORKFLOW)}, "v1 has the queue")
    poll.cancel()


def test_a_poll_by_the_first_form_of_versions(server):
    team, queue = Rollout(server), unique("queue")
    old = dict(use_versioning=True, deployment_series_name=team.name, build_id="v1")
    poll = team.poll("v1", queue, deployment_options=None, worker_version_capabilities=old)
    eventually(lambda: team.queues("v1") == {(queue, WORKFLOW)}, "the version is known")
    poll.cancel()


def test_a_poll_by_a_build_id_alone(server):
    """Of a time when task queues had sets of them: taken, and never given anything."""
    queue, old = unique("queue"), dict(use_versioning=True, build_id="b1")
    poll = server.call_later(
        "PollWorkflowTaskQueue", task_queue=dict(name=queue), identity="old", worker_version_capabilities=old, timeout=3
    )
    server.start(task_queue=dict(name=queue))
    assert not poll.result().task_token
    assert pollers(server, queue)["old"].worker_version_capabilities.build_id == "b1"


def test_polls_that_are_refused(server):
    team, queue = Rollout(server), unique("queue")
    options = dict(worker_versioning_mode="WORKER_VERSIONING_MODE_VERSIONED")
    for names in (dict(), dict(deployment_name="d"), dict(build_id="b")):
        with refused(INVALID_ARGUMENT, "Deployment name and build id must be set together."):
            team.poll("v1", queue, deployment_options=dict(options, **names)).result()
    with refused(INVALID_ARGUMENT, "worker deployment name cannot contain '.'"):
        team.poll("v1", queue, deployment_options=dict(options, deployment_name="a.b", build_id="1")).result()


def test_a_new_queue_of_the_current_version_is_routed_at_once(server):
    team, first, second = Rollout(server), unique("queue"), unique("queue")
    team.polled("v1", first)
    team.set_current("v1")
    poll = team.poll("v1", second, timeout=30)
    eventually(lambda: (second, WORKFLOW) in team.queues("v1"), "v1 has the second queue")
    run = server.start(task_queue=dict(name=second))
    assert poll.result().workflow_execution.run_id == run.run_id


def test_a_change_of_the_current_version_acts_on_what_waits(server):
    team, queue = Rollout(server), unique("queue")
    with team.polling("v1", queue):
        pass
    poll = team.poll("v2", queue, timeout=30)
    eventually(lambda: (queue, WORKFLOW) in team.queues("v2"), "v2 has the queue")
    team.set_current("v1")
    run = server.start(task_queue=dict(name=queue))
    assert not poll.done()
    team.set_current("v2")
    assert poll.result().workflow_execution.run_id == run.run_id


def test_queues_that_the_new_version_lacks(server):
    """A queue with work to do may not be left behind, unless that is asked for."""
    team, busy, idle, new = Rollout(server), unique("queue"), unique("queue"), unique("queue")
    team.polled("v1", busy, idle)
    team.polled("v2", new)
    team.polled("v3", busy, new)
    team.set_current("v1")

    def backlog():
        found = team.describe_version("v1", report_task_queue_stats=True).version_task_queues
        (stats,) = [one.stats for one in found if one.name == busy]
        return stats.approximate_backlog_count

    eventually(lambda: team.status("v1") == "CURRENT", "v1 is current")
    server.start(task_queue=dict(name=busy))
    eventually(lambda: backlog() == 1, "a task waits")
    text = (
        "proposed {0} version '{1}:v2' is missing active task queues from the current version; these would become "
        "unversioned if it is set as the {0} version"
    )
    with refused(FAILED_PRECONDITION, text.format("current", team.name)):
        team.set_current("v2")
    with refused(FAILED_PRECONDITION, text.format("ramping", team.name)):
        team.set_ramping("v2", 10)
    team.set_ramping("v3", 10)  # does without the idle one
    team.set_current("v2", ignore_missing_task_queues=True)
    assert team.routing.current_deployment_version.build_id == "v2"
