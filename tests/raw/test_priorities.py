"""Priority and fairness: what the history keeps, and what a worker gets to see."""

import time

from driver import *


def scheduled_priority(run):
    (scheduled,) = [event for event in run.events() if event_type(event) == "ActivityTaskScheduled"]
    attributes = attributes_of(scheduled)
    return attributes.priority if attributes.HasField("priority") else None


def test_an_activity_without_a_priority_shows_its_workflows_to_the_worker_only(server):
    run = server.start(priority=dict(priority_key=2, fairness_key="tenant", fairness_weight=2.5))
    run.task().complete(run.schedule_activity("a"))
    assert scheduled_priority(run) is None
    activity = run.activity()
    assert activity.priority == common_pb.Priority(priority_key=2, fairness_key="tenant", fairness_weight=2.5)
    (pending,) = run.describe().pending_activities
    assert pending.priority == common_pb.Priority() and pending.activity_options.priority == common_pb.Priority()


def test_fields_of_an_activitys_own_priority_win_over_its_workflows(server):
    run = server.start(priority=dict(priority_key=2, fairness_key="tenant"))
    run.task().complete(run.schedule_activity("a", priority=dict(priority_key=1, fairness_weight=3)))
    assert scheduled_priority(run) == common_pb.Priority(priority_key=1, fairness_weight=3)
    activity = run.activity()
    assert activity.priority == common_pb.Priority(priority_key=1, fairness_key="tenant", fairness_weight=3)
    (pending,) = run.describe().pending_activities
    assert pending.priority == common_pb.Priority(priority_key=1, fairness_weight=3)


def test_an_activity_where_nobody_has_set_a_priority(server):
    run = server.start()
    run.task().complete(run.schedule_activity("a"))
    assert scheduled_priority(run) is None
    assert not run.activity().HasField("priority")
    described = run.describe()
    (pending,) = described.pending_activities
    assert not pending.HasField("priority") and not pending.activity_options.HasField("priority")
    assert not described.workflow_execution_info.HasField("priority")


def test_an_activity_with_a_higher_priority_is_handed_out_first(server):
    run = server.start(priority=dict(priority_key=2))
    run.task().complete(
        run.schedule_activity("inherits"),
        run.schedule_activity("last", priority=dict(priority_key=5)),
        run.schedule_activity("first", priority=dict(priority_key=1)),
    )
    time.sleep(0.5)  # the real server fills its backlog in its own time
    assert [run.activity().activity_id for _ in range(3)] == ["first", "inherits", "last"]
