"""DescribeWorkflowExecution."""

from driver import *


def test_a_new_workflow(server):
    run = server.start(
        memo=dict(fields={"m": payload(1)}),
        user_metadata=dict(summary=payload("sum")),
        workflow_run_timeout=seconds(100),
        request_id="r1",
    )
    described = run.describe()
    info, config = described.workflow_execution_info, described.execution_config
    assert (info.execution.workflow_id, info.execution.run_id) == (run.workflow_id, run.run_id)
    assert (info.type.name, info.status, info.history_length, info.task_queue) == ("wf", 1, 2, run.queue)
    assert info.first_run_id == run.run_id
    assert info.root_execution.run_id == run.run_id and not info.HasField("parent_execution")
    assert info.HasField("start_time") and info.HasField("execution_time") and not info.HasField("close_time")
    assert info.execution_time == info.start_time
    assert info.HasField("memo") and info.HasField("search_attributes") and info.HasField("auto_reset_points")
    assert value_of(info.memo.fields["m"]) == 1
    assert info.state_transition_count == 1 and info.history_size_bytes > 0
    assert (config.task_queue.name, config.task_queue.kind) == (run.queue, 1)
    assert config.workflow_run_timeout.seconds == 100 and not config.HasField("workflow_execution_timeout")
    assert config.default_workflow_task_timeout.seconds == 10
    assert value_of(config.user_metadata.summary) == "sum"
    extended = described.workflow_extended_info
    assert extended.original_start_time == info.start_time and not extended.cancel_requested
    assert extended.HasField("run_expiration_time") and not extended.HasField("execution_expiration_time")
    assert extended.request_id_infos["r1"].event_id == 1


def test_a_pending_task_that_is_scheduled_and_then_started(server):
    run = server.start()
    pending = run.describe().pending_workflow_task
    assert (pending.state, pending.attempt) == (1, 1) and pending.HasField("scheduled_time")
    assert not pending.HasField("started_time")
    run.task()
    pending = run.describe().pending_workflow_task
    assert (pending.state, pending.attempt) == (2, 1) and pending.HasField("started_time")


def test_an_idle_workflow_has_no_pending_task(server):
    run = server.start()
    run.task().complete()
    assert not run.describe().HasField("pending_workflow_task")


def test_a_transient_task_is_described_but_not_counted(server):
    run = server.start()
    run.task().fail()
    run.task()
    described = run.describe()
    assert (described.pending_workflow_task.attempt, described.workflow_execution_info.history_length) == (2, 4)


def test_a_closed_workflow(server):
    run = server.start()
    run.task().complete(complete_workflow())
    described = run.describe()
    info = described.workflow_execution_info
    assert (info.status, info.history_length, info.state_transition_count) == (2, 5, 3)
    assert info.HasField("close_time")
    taken = info.close_time.ToNanoseconds() - info.execution_time.ToNanoseconds()
    assert info.execution_duration.ToNanoseconds() == taken
    assert not described.HasField("pending_workflow_task")


def test_the_close_time_is_the_close_events_time(server):
    run = server.start()
    run.terminate()
    assert run.describe().workflow_execution_info.close_time == run.events()[-1].event_time


def test_a_delayed_workflows_execution_time(server):
    run = server.start(workflow_start_delay=seconds(600))
    described = run.describe()
    info = described.workflow_execution_info
    assert info.execution_time.ToNanoseconds() - info.start_time.ToNanoseconds() == 600 * 10**9
    assert not described.HasField("pending_workflow_task")


def test_what_was_open_at_the_close_is_still_listed(server):
    run = server.start()
    run.task().complete(run.schedule_activity("left"))
    run.terminate()
    (pending,) = run.describe().pending_activities
    assert pending.activity_id == "left"


def test_a_retry_shows_its_attempt(server):
    run = server.start(retry_policy=dict(initial_interval=seconds(1), maximum_attempts=2))
    run.task().complete(fail_workflow())
    following = run.other(attributes_of(run.events()[-1]).new_execution_run_id)
    assert following.describe().workflow_execution_info.first_run_id == run.run_id


def test_the_first_completed_task_leaves_a_reset_point_and_a_build_id(server):
    run = server.start()
    run.task().complete()
    info = run.describe().workflow_execution_info
    (point,) = info.auto_reset_points.points
    assert (point.run_id, point.first_workflow_task_completed_id, point.resettable) == (run.run_id, 4, True)
    build_ids = info.search_attributes.indexed_fields["BuildIds"]
    assert value_of(build_ids) == ["unversioned"]
    assert build_ids.metadata["type"] == b"KeywordList"


def test_every_change_is_a_state_transition(server):
    run = server.start()
    counts = [run.describe().workflow_execution_info.state_transition_count]
    task = run.task()
    counts.append(run.describe().workflow_execution_info.state_transition_count)
    task.complete()
    counts.append(run.describe().workflow_execution_info.state_transition_count)
    run.signal()
    counts.append(run.describe().workflow_execution_info.state_transition_count)
    assert counts == [1, 2, 3, 4]


def test_what_is_speculative_changes_no_state(server):
    run = server.start()
    run.task().complete()
    before = run.describe().workflow_execution_info.state_transition_count
    run.send_update("u")
    assert run.describe().workflow_execution_info.state_transition_count == before
    task = run.task()
    assert run.describe().workflow_execution_info.state_transition_count == before
    acceptance = accept("u", task.messages[0].event_id)
    task.complete(place(acceptance), messages=[acceptance])
    assert run.describe().workflow_execution_info.state_transition_count == before + 1
