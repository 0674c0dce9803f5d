"""What DescribeTaskQueue tells of worker deployment versions: where a queue sends work, who polls it, what waits.

The real server tells its task queues of a change after it has answered, and remembers numbers for five seconds: what is
asserted is what it comes to, see `eventually`. Fermata must say it at once.
"""

import contextlib
import os
import time

import pytest
from driver import *

ORACLE = os.environ.get("ORACLE")
ACTIVITY = "TASK_QUEUE_TYPE_ACTIVITY"
ROUNDING = 3 if ORACLE else 0  # each of its four partitions rounds by itself
ENHANCED = dict(api_mode="DESCRIBE_TASK_QUEUE_MODE_ENHANCED")


def eventually(check, seconds=12):
    """What `check` returns once it raises no AssertionError any more."""
    give_up = time.monotonic() + (seconds if ORACLE else 0)
    while True:
        try:
            return check()
        except AssertionError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.2)


def version(deployment, build):
    return dict(deployment_name=deployment, build_id=build)


def options(deployment, build):
    return dict(version(deployment, build), worker_versioning_mode="WORKER_VERSIONING_MODE_VERSIONED")


def describe(server, name, kind="TASK_QUEUE_KIND_NORMAL", **fields):
    return server.call("DescribeTaskQueue", task_queue=dict(name=name, kind=kind), **fields)


@contextlib.contextmanager
def waiting(server, queue, deployment, build, rpc="PollWorkflowTaskQueue"):
    """A poll of that version, which the server knows of inside the block: the version, and a moment later the poller."""
    identity = unique(f"{deployment}-{build}")
    poll = server.call_later(
        rpc, task_queue=dict(name=queue), identity=identity, deployment_options=options(deployment, build)
    )
    type = 2 if rpc == "PollActivityTaskQueue" else 1

    def is_known():
        with contextlib.suppress(grpc.RpcError):
            info = server.call(
                "DescribeWorkerDeploymentVersion", deployment_version=version(deployment, build)
            ).worker_deployment_version_info
            listed = describe(server, queue, task_queue_type=type).pollers
            return any(known.name == queue and known.type == type for known in info.task_queue_infos) and any(
                poller.identity == identity for poller in listed
            )

    give_up = time.monotonic() + 10
    while not is_known():
        assert time.monotonic() < give_up
        time.sleep(0.02)
    try:
        yield poll
    finally:
        poll.cancel()


def register(server, queue, deployment, *builds, rpc="PollWorkflowTaskQueue"):
    for build in builds:
        with waiting(server, queue, deployment, build, rpc):
            pass


def set_current(server, deployment, build):
    server.call("SetWorkerDeploymentCurrentVersion", deployment_name=deployment, build_id=build, identity="ops")


def set_ramping(server, deployment, build, percentage):
    server.call(
        "SetWorkerDeploymentRampingVersion",
        deployment_name=deployment,
        build_id=build,
        percentage=percentage,
        identity="ops",
    )


def shown(info):
    """versioning_info as (current, ramping, percentage), with the old form and the new one side by side."""

    def both(text, has, version):
        new = f"{version.deployment_name}.{version.build_id}" if has else "__unversioned__"
        assert text in (new, ""), (text, new)
        return text

    current = both(info.current_version, info.HasField("current_deployment_version"), info.current_deployment_version)
    ramping = both(info.ramping_version, info.HasField("ramping_deployment_version"), info.ramping_deployment_version)
    return current, ramping, info.ramping_version_percentage


def routing(server, queue, **fields):
    return shown(describe(server, queue, **fields).versioning_info)


# Where a queue sends work


def test_each_step_of_a_rollout_is_told(server):
    queue, d = unique("queue"), unique("d")
    register(server, queue, d, "1.0", "2.0")
    first = eventually(lambda: describe(server, queue).versioning_info)
    assert shown(first) == ("__unversioned__", "", 0)
    assert first.update_time.seconds in (0, -62135596800)

    before = time.time()
    steps = [
        (lambda: set_ramping(server, d, "1.0", 0), ("__unversioned__", f"{d}.1.0", 0)),
        (lambda: set_ramping(server, d, "1.0", 12.5), ("__unversioned__", f"{d}.1.0", 12.5)),
        (lambda: set_current(server, d, "1.0"), (f"{d}.1.0", "", 0)),
        (lambda: set_ramping(server, d, "2.0", 40), (f"{d}.1.0", f"{d}.2.0", 40)),
        (lambda: set_ramping(server, d, "", 30), (f"{d}.1.0", "__unversioned__", 30)),
        (lambda: set_ramping(server, d, "", 0), (f"{d}.1.0", "", 0)),
        (lambda: set_ramping(server, d, "2.0", 100), (f"{d}.1.0", f"{d}.2.0", 100)),
        (lambda: set_current(server, d, "2.0"), (f"{d}.2.0", "", 0)),
        (lambda: set_current(server, d, ""), ("__unversioned__", "", 0)),
    ]
    last = None
    for step, expected in steps:
        step()

        def is_told():
            info = describe(server, queue).versioning_info
            assert shown(info) == expected
            return info.update_time.ToNanoseconds()

        told = eventually(is_told)
        assert before - 1 < told / 1e9 < time.time() + 1
        assert last is None or told >= last or expected[1] == ""  # the end of a ramp is no time of the current version
        last = told


def test_types_of_a_queue_are_routed_apart(server):
    queue, d = unique("queue"), unique("d")
    register(server, queue, d, "1", rpc="PollActivityTaskQueue")
    set_current(server, d, "1")
    eventually(lambda: assert_equal(routing(server, queue, task_queue_type=ACTIVITY), (f"{d}.1", "", 0)))
    info = describe(server, queue).versioning_info
    assert shown(info) == ("__unversioned__", "", 0)


def assert_equal(value, expected):
    assert value == expected


def test_a_queue_that_the_current_version_does_not_have_is_unversioned(server):
    queue, other, d = unique("queue"), unique("other"), unique("d")
    register(server, queue, d, "1", "2")
    register(server, other, d, "1")
    set_current(server, d, "1")
    eventually(lambda: assert_equal(routing(server, other), (f"{d}.1", "", 0)))
    set_current(server, d, "2")  # nothing waits at `other`, so that none is missed
    eventually(lambda: assert_equal(routing(server, queue), (f"{d}.2", "", 0)))
    eventually(lambda: assert_equal(routing(server, other), ("__unversioned__", "", 0)))


def test_of_two_deployments_the_one_that_was_set_last_decides(server):
    queue, a, b = unique("queue"), unique("a"), unique("b")
    register(server, queue, a, "1")
    register(server, queue, b, "1")
    set_current(server, a, "1")
    set_current(server, b, "1")
    eventually(lambda: assert_equal(routing(server, queue), (f"{b}.1", "", 0)))
    set_ramping(server, a, "", 20)
    eventually(lambda: assert_equal(routing(server, queue), (f"{b}.1", "__unversioned__", 20)))
    set_current(server, b, "")
    eventually(lambda: assert_equal(routing(server, queue), (f"{a}.1", "__unversioned__", 20)))


# Who polls


def test_pollers_of_all_versions_are_listed_together(server):
    queue, d = unique("queue"), unique("d")
    plain = server.call_later("PollWorkflowTaskQueue", task_queue=dict(name=queue), identity="plain")
    with waiting(server, queue, d, "1"), waiting(server, queue, d, "2"):

        def all_are_listed():
            pollers = describe(server, queue).pollers
            assert sorted(
                (poller.deployment_options.build_id, poller.deployment_options.worker_versioning_mode)
                for poller in pollers
            ) == [("", 0), ("1", 2), ("2", 2)]

        eventually(all_are_listed)

        def each_under_its_version():
            versions = dict(build_ids=[f"{d}:1", f"{d}:2", "1"], unversioned=True)
            answer = describe(server, queue, versions=versions, report_pollers=True, **ENHANCED)
            assert {
                key: [poller.deployment_options.build_id for poller in info.types_info[1].pollers]
                for key, info in answer.versions_info.items()
            } == {f"{d}:1": ["1"], f"{d}:2": ["2"], "1": [], "": [""]}

        eventually(each_under_its_version)
    plain.cancel()


def test_workers_of_the_oldest_kind_of_versions_poll_apart(server):
    queue = unique("queue")
    capabilities = dict(build_id="b7", use_versioning=True)
    poll = server.call_later(
        "PollWorkflowTaskQueue", task_queue=dict(name=queue), identity="old", worker_version_capabilities=capabilities
    )

    def is_listed():
        (known,) = describe(server, queue).pollers
        assert known.identity == "old" and known.worker_version_capabilities.build_id == "b7"

    give_up = time.monotonic() + 10
    while not describe(server, queue).pollers and time.monotonic() < give_up:
        time.sleep(0.02)
    is_listed()

    def is_apart():
        versions = dict(build_ids=["b7", "b8"], unversioned=True)
        answer = describe(server, queue, versions=versions, report_pollers=True, **ENHANCED)
        pollers = {key: [who.identity for who in info.types_info[1].pollers] for key, info in answer.versions_info.items()}
        assert pollers == {"b7": ["old"], "b8": [], "": []}

    eventually(is_apart)
    run = server.start(task_queue=dict(name=queue))
    assert run.task(identity="plain").attempt == 1  # the older poll does not get it
    poll.cancel()


# What waits


def counts(answer):
    return {key: info.types_info[1].stats.approximate_backlog_count for key, info in answer.versions_info.items()}


def start_many(server, queue, count, **fields):
    for _ in range(count):
        server.start(task_queue=dict(name=queue), **fields)


@pytest.mark.parametrize(
    "current, ramping, percentage, expected",
    [
        (None, None, 0, {"": 10, "1": 0, "2": 0}),
        ("1", None, 0, {"": 0, "1": 10, "2": 0}),
        ("1", "2", 0, {"": 0, "1": 10, "2": 0}),
        ("1", "2", 25, {"": 0, "1": 8, "2": 3}),  # both rounded up
        ("1", "2", 100, {"": 0, "1": 0, "2": 10}),
        ("1", "", 40, {"": 4, "1": 6, "2": 0}),
        (None, "2", 40, {"": 6, "1": 0, "2": 4}),
    ],
)
def test_the_backlog_is_shared_by_routing(server, current, ramping, percentage, expected):
    queue, d = unique("queue"), unique("d")
    register(server, queue, d, "1", "2")
    if current is not None:
        set_current(server, d, current)
    if ramping is not None:
        set_ramping(server, d, ramping, percentage)
    start_many(server, queue, 10)
    expected = {build and f"{d}:{build}": count for build, count in expected.items()}

    def is_shared():
        versions = dict(build_ids=[f"{d}:1", f"{d}:2"], unversioned=True)
        answer = describe(server, queue, versions=versions, report_stats=True, **ENHANCED)
        for key, count in counts(answer).items():
            assert abs(count - expected[key]) <= (ROUNDING if 0 < expected[key] < 10 else 0), key
        for info in answer.versions_info.values():
            stats = info.types_info[1].stats
            age = stats.approximate_backlog_age
            assert stats.HasField("approximate_backlog_age")
            assert (age.seconds, age.nanos) == (0, 0) or stats.approximate_backlog_count > 0

    eventually(is_shared)


def test_reachability_knows_no_deployments(server):
    queue, d = unique("queue"), unique("d")
    register(server, queue, d, "1")
    set_current(server, d, "1")
    versions = dict(build_ids=[f"{d}:1"], unversioned=True)
    answer = describe(server, queue, versions=versions, report_task_reachability=True, **ENHANCED)
    reachabilities = {key: info.task_reachability for key, info in answer.versions_info.items()}
    assert reachabilities == {"": 1, f"{d}:1": 3}  # REACHABLE, UNREACHABLE


def test_numbers_of_a_version_by_priority(server):
    queue, d = unique("queue"), unique("d")
    register(server, queue, d, "1", "2")
    set_current(server, d, "1")
    start_many(server, queue, 3)
    start_many(server, queue, 2, priority=dict(priority_key=1))
    pinned = dict(behavior="PINNED_OVERRIDE_BEHAVIOR_PINNED", version=version(d, "2"))
    start_many(server, queue, 1, versioning_override=dict(pinned=pinned), priority=dict(priority_key=5))

    def by_priority(build):
        answer = server.call(
            "DescribeWorkerDeploymentVersion", deployment_version=version(d, build), report_task_queue_stats=True
        )
        (known,) = answer.version_task_queues
        return known.stats.approximate_backlog_count, {
            key: stats.approximate_backlog_count
            for key, stats in known.stats_by_priority_key.items()
            if stats.approximate_backlog_count > 0
        }

    eventually(lambda: assert_equal(by_priority("1"), (5, {1: 2, 3: 3})))
    eventually(lambda: assert_equal(by_priority("2"), (1, {5: 1})))
    eventually(
        lambda: assert_equal(describe(server, queue, report_stats=True).stats.approximate_backlog_count, 6)
    )
