"""How fast a task queue hands out activities: what workers ask for, what is configured, for all and for each fairness key."""

import time

import pytest
from driver import *
from test_deployments_restart import running
from versioned import until

# With more partitions the real server lets each have its part of a rate, and of what may go at once.
SERVER_FLAGS = [
    f"--dynamic-config-value=matching.numTaskqueue{kind}Partitions=1" for kind in ("Read", "Write")
] + ["--dynamic-config-value=matching.maxFairnessKeyWeightOverrides=3"]

ACTIVITY, WORKFLOW = "TASK_QUEUE_TYPE_ACTIVITY", "TASK_QUEUE_TYPE_WORKFLOW"
SYSTEM, WORKER, API = "SYSTEM", "WORKER", "API"


def limit(rate=None, reason=""):
    return dict(rate_limit=None if rate is None else dict(requests_per_second=rate), reason=reason)


def configure(server, queue, type=ACTIVITY, identity="admin", **fields):
    return server.call(
        "UpdateTaskQueueConfig", task_queue=queue, task_queue_type=type, identity=identity, **fields
    ).config


def describe(server, queue, type=ACTIVITY, **fields):
    return server.call("DescribeTaskQueue", task_queue=dict(name=queue), task_queue_type=type, **fields)


def effective(server, queue):
    found = describe(server, queue).effective_rate_limit
    return value_text(found.DESCRIPTOR.fields_by_name["rate_limit_source"], found.rate_limit_source)


def rate(value):
    return dict(task_queue_metadata=dict(max_tasks_per_second=dict(value=value)))


def activities(server, count, **attributes):
    """A run with so many activities that wait, "0" first."""
    run = server.start()
    run.task().complete(*[run.schedule_activity(str(n), **attributes) for n in range(count)])
    return run


# ---------------------------------------------------------------------------------------------------------------------
# Configuration


def test_a_limit_is_kept_with_who_set_it_and_why(server):
    queue = unique("queue")
    assert not describe(server, queue, report_config=True).HasField("config")
    config = configure(server, queue, update_queue_rate_limit=limit(10, "because"))
    metadata = config.queue_rate_limit.metadata
    assert config.queue_rate_limit.rate_limit.requests_per_second == 10
    assert (metadata.reason, metadata.update_identity) == ("because", "admin")
    assert abs(metadata.update_time.ToNanoseconds() / 1e9 - time.time()) < 3600
    assert metadata.update_time.nanos % 10**6 == 0
    later = configure(server, queue, identity="other", update_fairness_key_rate_limit_default=limit(2.5, "k"))
    assert later.queue_rate_limit == config.queue_rate_limit
    default = later.fairness_keys_rate_limit_default
    assert (default.rate_limit.requests_per_second, default.metadata.update_identity) == (2.5, "other")
    assert describe(server, queue, report_config=True).config == later
    assert not describe(server, queue).HasField("config")
    assert not describe(server, queue, WORKFLOW, report_config=True).HasField("config")


def test_a_limit_that_is_taken_away_leaves_its_metadata(server):
    queue = unique("queue")
    configure(server, queue, update_queue_rate_limit=limit(10))
    config = configure(server, queue, update_queue_rate_limit=limit(reason="no more"))
    assert not config.queue_rate_limit.HasField("rate_limit")
    assert config.queue_rate_limit.metadata.reason == "no more"
    until(lambda: effective(server, queue) == SYSTEM, "no limit")


def test_a_request_that_changes_nothing_asks(server):
    queue = unique("queue")
    assert configure(server, queue).ListFields() == []
    config = configure(server, queue, update_queue_rate_limit=limit(1))
    assert configure(server, queue, identity="") == config


def test_weights_of_fairness_keys(server):
    queue = unique("queue")
    config = configure(server, queue, set_fairness_weight_overrides={"a": 2, "b": 0.5})
    assert config.fairness_weight_overrides == {"a": 2, "b": 0.5}
    config = configure(
        server, queue, set_fairness_weight_overrides={"a": 3}, unset_fairness_weight_overrides=["b", "never"]
    )
    assert config.fairness_weight_overrides == {"a": 3}
    configure(server, queue, set_fairness_weight_overrides={"c": 1, "d": 1})
    with refused(
        INVALID_ARGUMENT, "fairness weight overrides update rejected: exceeding maximum key size"
    ):
        configure(server, queue, set_fairness_weight_overrides={"e": 1}, update_queue_rate_limit=limit(1))
    config = configure(server, queue, unset_fairness_weight_overrides=["c", "d"])
    assert config.fairness_weight_overrides == {"a": 3} and not config.HasField("queue_rate_limit")


@pytest.mark.parametrize(
    "fields, text",
    [
        (dict(type=WORKFLOW, update_queue_rate_limit=limit(1)), "Setting rate limit on workflow task queues is not allowed."),
        (
            dict(type=WORKFLOW, update_fairness_key_rate_limit_default=limit(1)),
            "Setting fairness key rate limit on workflow task queues is not allowed.",
        ),
        (
            dict(update_queue_rate_limit=limit(-1)),
            "RequestsPerSecond for UpdateQueueRateLimit rate limit must be non-negative.",
        ),
        (
            dict(update_fairness_key_rate_limit_default=limit(-1)),
            "RequestsPerSecond for UpdateFairnessKeyRateLimitDefault rate limit must be non-negative.",
        ),
        (
            dict(update_queue_rate_limit=limit(1, "r" * 1001)),
            "UpdateQueueRateLimit.Reason field too long (max 1000 characters).",
        ),
        (dict(identity="i" * 1001), "Identity field too long (max 1000 characters)."),
        (
            dict(set_fairness_weight_overrides={"a": 1}, unset_fairness_weight_overrides=["a"]),
            'fairness weight override key "a" present in both set and unset lists',
        ),
        (
            dict(set_fairness_weight_overrides={"a": 0}),
            'invalid fairness weight weight for key "a": must be greater than zero',
        ),
        (dict(set_fairness_weight_overrides={"": 1}), "fairness weight override key must not be empty"),
        (dict(unset_fairness_weight_overrides=[""]), "fairness weight override key must not be empty"),
        (dict(set_fairness_weight_overrides={"x" * 65: 1}), "fairness key length exceeds limit"),
        (dict(unset_fairness_weight_overrides=["x" * 65]), "fairness key length exceeds limit"),
        (
            dict(unset_fairness_weight_overrides=["1", "2", "3", "4"]),
            "too many fairness weight overrides in request: got 4, maximum 3",
        ),
    ],
)
def test_what_cannot_be_configured(server, fields, text):
    with refused(INVALID_ARGUMENT, text):
        configure(server, unique("queue"), **fields)


@pytest.mark.parametrize(
    "name, text",
    [
        ("/_sys/x/1", "task queue family name cannot have prefix /_sys/ /_sys/x/1"),
        ("/_sys/x", "invalid task queue partition name /_sys/x"),
    ],
)
def test_parts_of_queues_cannot_be_configured(server, name, text):
    with refused(INVALID_ARGUMENT, text):
        configure(server, name)


def test_what_holds_is_what_is_configured_before_what_workers_ask_for(server):
    run = activities(server, 3)
    assert effective(server, run.queue) == SYSTEM
    run.activity(**rate(50))
    assert effective(server, run.queue) == WORKER
    configure(server, run.queue, update_queue_rate_limit=limit(100))
    until(lambda: effective(server, run.queue) == API, "the configured limit")
    run.activity(**rate(50))
    assert describe(server, run.queue).effective_rate_limit.requests_per_second == 100
    configure(server, run.queue, update_queue_rate_limit=limit())
    until(lambda: effective(server, run.queue) == WORKER, "the worker's limit")
    run.activity()
    assert effective(server, run.queue) == SYSTEM


# ---------------------------------------------------------------------------------------------------------------------
# What it does


def test_a_worker_s_rate_is_kept_to(server):
    run = activities(server, 6)
    began = time.monotonic()
    assert {run.activity(**rate(2)).activity_id for _ in range(6)} == set("012345")
    assert time.monotonic() - began > 1.4  # three at once, three more at half a second each


def test_a_configured_rate_is_kept_to_while_polls_wait(server):
    run = server.start()
    task = run.task()
    configure(server, run.queue, update_queue_rate_limit=limit(2))
    until(lambda: effective(server, run.queue) == API, "the limit")
    polls = [run.activity_later() for _ in range(5)]
    began = time.monotonic()
    task.complete(*[run.schedule_activity(str(n)) for n in range(5)])
    assert {poll.result().activity_id for poll in polls} == set("01234")
    assert time.monotonic() - began > 0.9
    stats = describe(server, run.queue, report_stats=True)
    assert stats.stats.rate_limiting_active and stats.stats_by_priority_key[3].rate_limiting_active
    assert not describe(server, run.queue, WORKFLOW, report_stats=True).stats.rate_limiting_active


def test_a_rate_of_zero_pauses_a_queue(server):
    run = activities(server, 1)
    configure(server, run.queue, update_queue_rate_limit=limit(0))
    until(lambda: effective(server, run.queue) == API, "the limit")
    run.no_activity()
    assert describe(server, run.queue, report_stats=True).stats.approximate_backlog_count == 1
    poll = run.activity_later()
    configure(server, run.queue, update_queue_rate_limit=limit(10))
    assert poll.result().activity_id == "0"


def test_a_worker_that_wants_nothing_gets_nothing(server):
    run = activities(server, 1)
    assert not run.activity_later(timeout=2.3, **rate(0)).result().task_token
    assert run.activity().activity_id == "0"


def keys_handed_out(run, keys):
    """Has activities with these keys done, by id; returns the keys of those that somebody gets in time."""
    run.task().complete(*[run.schedule_activity(id, priority=dict(fairness_key=key)) for id, key in keys.items()])
    polls = [run.activity_later(timeout=4) for _ in keys]
    return sorted(keys[poll.result().activity_id] for poll in polls if poll.result().task_token)


def test_each_fairness_key_has_a_rate_of_its_own(server):
    run = server.start()
    configure(server, run.queue, update_fairness_key_rate_limit_default=limit(0.001))
    until(lambda: describe(server, run.queue, report_config=True).HasField("config"), "the limit")
    got = keys_handed_out(run, dict(a1="a", a2="a", b1="b", b2="b", none1="", none2=""))
    assert len(got) == len(set(got)) > 1  # the real server loses the token of a task that it looks at by itself


def test_a_key_rate_of_zero_is_none(server):
    run = server.start()
    configure(server, run.queue, update_fairness_key_rate_limit_default=limit(0))
    until(lambda: describe(server, run.queue, report_config=True).HasField("config"), "the limit")
    assert keys_handed_out(run, dict(a1="a", a2="a", none="")) == ["", "a", "a"]


def test_a_workflow_s_fairness_key_is_its_activities_key(server):
    run = server.start(priority=dict(fairness_key="w"))
    configure(server, run.queue, update_fairness_key_rate_limit_default=limit(0.001))
    until(lambda: describe(server, run.queue, report_config=True).HasField("config"), "the limit")
    got = keys_handed_out(run, dict(own1="", own2="", own3="w"))
    assert len(got) <= 1  # as above


# ---------------------------------------------------------------------------------------------------------------------
# A restart


@pytest.mark.fermata_only  # how the real server keeps it is its own affair
def test_what_is_configured_is_kept_in_the_file(fermata_exe, tmp_path):
    with running(fermata_exe, tmp_path / "f.db") as server:
        configure(server, "q", update_queue_rate_limit=limit(5))
        config = configure(
            server, "q", update_queue_rate_limit=limit(0, "stop"), set_fairness_weight_overrides={"a": 2, "b": 3}
        )
        run = server.start(task_queue=dict(name="q"))
        run.task().complete(run.schedule_activity("a"))
    with running(fermata_exe, tmp_path / "f.db") as server:
        assert describe(server, "q", report_config=True).config == config
        assert effective(server, "q") == API
        run = Run(server, run.workflow_id, run.run_id, "q")
        run.no_activity()
        configure(server, "q", update_queue_rate_limit=limit())
        assert run.activity().activity_id == "a"
