"""What the server tells of task queues, and what it advises their pollers."""

import time

import pytest
from driver import *

ACTIVITY, NEXUS = "TASK_QUEUE_TYPE_ACTIVITY", "TASK_QUEUE_TYPE_NEXUS"
ENHANCED = dict(api_mode="DESCRIBE_TASK_QUEUE_MODE_ENHANCED")


def describe(server, name, kind="TASK_QUEUE_KIND_NORMAL", normal_name="", **fields):
    return server.call("DescribeTaskQueue", task_queue=dict(name=name, kind=kind, normal_name=normal_name), **fields)


def backlog(server, *activities):
    """A run with activities that nobody has taken yet, for half a second."""
    run = server.start()
    run.task().complete(*[run.schedule_activity(name, **attributes) for name, attributes in activities])
    time.sleep(0.5)
    return run


# DescribeTaskQueue


def test_a_queue_that_nobody_knows(server):
    answer = describe(server, unique("queue"))
    assert not answer.pollers and not answer.HasField("stats") and not answer.stats_by_priority_key
    assert not answer.HasField("task_queue_status") and not answer.HasField("config") and not answer.versions_info
    assert answer.versioning_info.current_version == "__unversioned__"
    assert not answer.versioning_info.HasField("current_deployment_version")
    limit = answer.effective_rate_limit
    assert (limit.requests_per_second, limit.rate_limit_source) == (4000, 3)  # SYSTEM


def test_pollers_are_listed_by_identity_with_what_they_say_of_themselves(server):
    run = backlog(server, ("a", {}), ("b", {}))
    options = dict(
        build_id="x", deployment_name="d", worker_versioning_mode="WORKER_VERSIONING_MODE_UNVERSIONED"
    )
    before = time.time()
    run.activity(
        identity="w1", deployment_options=options, worker_version_capabilities=dict(build_id="b1")
    ).complete()
    run.activity(identity="w2", task_queue_metadata=dict(max_tasks_per_second=dict(value=50)))
    workflow, activity = describe(server, run.queue), describe(server, run.queue, task_queue_type=ACTIVITY)
    assert [poller.identity for poller in workflow.pollers] == ["worker"]
    pollers = {poller.identity: poller for poller in activity.pollers}
    assert set(pollers) == {"w1", "w2"}
    assert (pollers["w1"].rate_per_second, pollers["w2"].rate_per_second) == (100000, 50)
    assert pollers["w1"].deployment_options.build_id == "x" and not pollers["w2"].HasField("deployment_options")
    assert pollers["w1"].worker_version_capabilities.build_id == "b1"
    assert not pollers["w2"].HasField("worker_version_capabilities")
    assert abs(pollers["w1"].last_access_time.ToNanoseconds() / 1e9 - before) < 5


def test_a_poll_that_waits_is_listed(server):
    run = server.start()
    run.task()
    with polling(run.task_later(identity="waits")):
        give_up = time.monotonic() + 10
        while "waits" not in [poller.identity for poller in describe(server, run.queue).pollers]:
            assert time.monotonic() < give_up
            time.sleep(0.02)


def test_the_numbers_of_a_backlog(server):
    run = backlog(server, ("a", {}), ("b", {}), ("c", dict(priority=dict(priority_key=1))))
    answer = describe(server, run.queue, task_queue_type=ACTIVITY, report_stats=True)
    assert answer.stats.approximate_backlog_count == 3
    assert 0.3 < answer.stats.approximate_backlog_age.ToTimedelta().total_seconds() < 10
    assert answer.stats.tasks_add_rate > 0 and answer.stats.tasks_dispatch_rate == 0
    by_key = answer.stats_by_priority_key
    assert {key: stats.approximate_backlog_count for key, stats in by_key.items()} == {1: 1, 3: 2}
    assert all(stats.approximate_backlog_age.nanos > 0 and stats.tasks_add_rate > 0 for stats in by_key.values())


def test_the_numbers_of_an_empty_queue(server):
    run = server.start()
    run.task()
    time.sleep(0.2)
    answer = describe(server, run.queue, report_stats=True)
    assert answer.stats.approximate_backlog_count == 0
    assert answer.stats.HasField("approximate_backlog_age") and answer.stats.approximate_backlog_age.nanos == 0
    assert answer.stats.tasks_dispatch_rate > 0 and set(answer.stats_by_priority_key) == {3}
    nothing = describe(server, unique("queue"), report_stats=True)
    assert nothing.stats.HasField("approximate_backlog_age") and nothing.stats.tasks_add_rate == 0
    assert set(nothing.stats_by_priority_key) == {3}


def test_the_old_status(server):
    run = backlog(server, ("a", {}))
    status = describe(server, run.queue, task_queue_type=ACTIVITY, include_task_queue_status=True).task_queue_status
    assert status.rate_per_second == 4000 and (status.task_id_block.start_id, status.task_id_block.end_id) == (1, 100000)


def test_a_workers_rate_is_the_queues(server):
    run = backlog(server, ("a", {}), ("b", {}))
    run.activity(task_queue_metadata=dict(max_tasks_per_second=dict(value=50)))
    limit = describe(server, run.queue, task_queue_type=ACTIVITY).effective_rate_limit
    assert (limit.requests_per_second, limit.rate_limit_source) == (50, 2)  # WORKER
    run.activity()
    limit = describe(server, run.queue, task_queue_type=ACTIVITY).effective_rate_limit
    assert (limit.requests_per_second, limit.rate_limit_source) == (4000, 3)


def test_a_sticky_queue_has_no_versions(server):
    answer = describe(server, unique("sticky"), "TASK_QUEUE_KIND_STICKY", unique("queue"))
    assert not answer.HasField("versioning_info") and answer.effective_rate_limit.requests_per_second == 4000


def test_a_queue_type_that_is_not_used(server):
    run = server.start()
    run.task()
    assert not describe(server, run.queue, task_queue_type=NEXUS).pollers


def test_a_partition_has_nothing_of_its_own(server):
    run = server.start()
    run.task()
    assert not describe(server, f"/_sys/{run.queue}/1").pollers
    with refused(INVALID_ARGUMENT, "DescribeTaskQueue stats are only supported for the root partition"):
        describe(server, f"/_sys/{run.queue}/1", report_stats=True)


@pytest.mark.parametrize("mode", [{}, ENHANCED])
def test_what_is_refused(server, mode):
    with refused(INVALID_ARGUMENT, "taskQueue is not set"):
        server.call("DescribeTaskQueue", **mode)
    with refused(INVALID_ARGUMENT, "missing task queue name"):
        describe(server, "", **mode)
    with refused(INVALID_ARGUMENT, "taskQueue length exceeds limit"):
        describe(server, "x" * 1001, **mode)
    with refused(NOT_FOUND, "Namespace nope is not found.", NamespaceNotFoundFailure):
        describe(server, "q", namespace="nope", **mode)


# The same in the mode that the CLI uses


def test_both_types_in_one_answer(server):
    run = backlog(server, ("a", {}))
    answer = describe(server, run.queue, report_stats=True, report_pollers=True, report_task_reachability=True, **ENHANCED)
    assert not answer.pollers and not answer.HasField("versioning_info") and not answer.HasField("effective_rate_limit")
    (version,) = answer.versions_info.values()
    assert set(answer.versions_info) == {""} and set(version.types_info) == {1, 2}
    assert [poller.identity for poller in version.types_info[1].pollers] == ["worker"]
    assert version.types_info[1].stats.tasks_dispatch_rate > 0
    assert version.types_info[2].stats.approximate_backlog_count == 1 and not version.types_info[2].pollers
    assert version.task_reachability == 1  # REACHABLE


def test_types_and_versions_that_were_asked_for(server):
    run = backlog(server, ("a", {}))
    answer = describe(server, run.queue, task_queue_types=[ACTIVITY], report_stats=True, **ENHANCED)
    assert set(answer.versions_info[""].types_info) == {2}
    versions = dict(build_ids=["b7"])
    answer = describe(server, run.queue, versions=versions, report_stats=True, report_task_reachability=True, **ENHANCED)
    assert set(answer.versions_info) == {"b7"}
    assert answer.versions_info["b7"].types_info[1].stats.approximate_backlog_count == 0
    assert answer.versions_info["b7"].task_reachability == 3  # UNREACHABLE
    for versions, keys in ((dict(unversioned=True), {""}), (dict(all_active=True), set()), (dict(), set())):
        assert set(describe(server, run.queue, versions=versions, **ENHANCED).versions_info) == keys


def test_what_this_mode_refuses(server):
    with refused(
        INVALID_ARGUMENT,
        "Enhanced DescribeTaskQueue is not valid for a sticky queue, use api_mode=UNSPECIFIED or a normal queue.",
    ):
        describe(server, "s", "TASK_QUEUE_KIND_STICKY", "q", **ENHANCED)
    with refused(INVALID_ARGUMENT, "task queue name cannot start with reserved prefix /_sys/"):
        describe(server, "/_sys/q/1", **ENHANCED)
    with refused(
        INVALID_ARGUMENT, "Too many build ids queried at once with ReportTaskReachability==true, limit: 5"
    ):
        versions = dict(build_ids=[f"b{n}" for n in range(6)])
        describe(server, "q", versions=versions, report_task_reachability=True, **ENHANCED)


# ListTaskQueuePartitions


def test_partitions(server):
    answer = server.call("ListTaskQueuePartitions", task_queue=dict(name="q"))
    for partitions in (answer.activity_task_queue_partitions, answer.workflow_task_queue_partitions):
        assert partitions[0].key == "q" and all(partition.owner_host_name for partition in partitions)
    with refused(INVALID_ARGUMENT, "taskQueue is not set"):
        server.call("ListTaskQueuePartitions")
    with refused(INVALID_ARGUMENT, "missing task queue name"):
        server.call("ListTaskQueuePartitions", task_queue=dict(name=""))
    with refused(INVALID_ARGUMENT, "task queue name cannot start with reserved prefix /_sys/"):
        server.call("ListTaskQueuePartitions", task_queue=dict(name="/_sys/q/1"))


# Advice to pollers


def advice(response):
    return response.poller_scaling_decision.poll_request_delta_suggestion


def test_a_poll_that_had_to_wait_was_one_too_many(server):
    run = server.start()
    run.task().complete()
    with polling(run.task_later()) as poll:
        time.sleep(1.5)
        run.signal()
        assert advice(poll.result()) == -1


def test_an_old_backlog_wants_more_polls(server):
    run = backlog(server, *((f"a{number}", {}) for number in range(8)))
    assert 1 in [advice(run.activity()) for _ in range(8)]


def test_an_empty_poll_gets_no_advice(server):
    run = server.start()
    run.task()
    response = run.task_later(timeout=2.3).result()
    assert not response.task_token and not response.HasField("poller_scaling_decision")
