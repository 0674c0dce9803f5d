"""Activities: which events each course of things leaves behind, and what workers are told."""

from driver import *


def started(server, activity_id="a", **attributes):
    """A run whose first task has scheduled one activity: its event is number 5."""
    run = server.start()
    run.task().complete(run.schedule_activity(activity_id, **attributes))
    return run


def once(**policy):
    return dict(retry_policy=dict(maximum_attempts=1, **policy))


def quickly(**policy):
    """A retry policy that does not make a test wait."""
    return dict(retry_policy=dict(initial_interval=seconds(0.05), backoff_coefficient=1, **policy))


def retry_interval(run):
    """In seconds. The server measures it between two readings of its clock, so it may be microseconds too long."""
    return round(run.describe().pending_activities[0].current_retry_interval.ToTimedelta().total_seconds(), 2)


def test_an_activity_completes(server):
    run = started(server, input=payloads("in"))
    activity = run.activity()
    assert activity.workflow_execution.workflow_id == run.workflow_id
    assert activity.workflow_type.name == "wf"
    assert activity.workflow_namespace == "default"
    assert (activity.activity_id, activity.activity_type.name, activity.attempt) == ("a", "act", 1)
    assert value_of(activity.input) == "in"
    assert run.text().endswith("5 ActivityTaskScheduled")  # a start is not written before the close
    activity.complete("out")
    run.task().complete(complete_workflow())
    run.expect("""
        ...
        4 WorkflowTaskCompleted
        5 ActivityTaskScheduled activity_id=a activity_type.name=act workflow_task_completed_event_id=4 input='"in"'
        6 ActivityTaskStarted scheduled_event_id=5 identity=worker attempt=1 last_failure=-
        7 ActivityTaskCompleted scheduled_event_id=5 started_event_id=6 identity=worker result='"out"'
        8 WorkflowTaskScheduled
        9 WorkflowTaskStarted
        10 WorkflowTaskCompleted
        11 WorkflowExecutionCompleted
    """)


def test_the_scheduled_event_shows_the_defaulted_timeouts_and_retry_policy(server):
    run = started(server, start_to_close_timeout=seconds(5))
    run.expect("""
        ...
        5 ActivityTaskScheduled start_to_close_timeout=5s schedule_to_close_timeout=0s schedule_to_start_timeout=0s heartbeat_timeout=0s retry_policy.initial_interval=1s retry_policy.backoff_coefficient=2.0 retry_policy.maximum_interval=100s retry_policy.maximum_attempts=-
    """)


def test_timeouts_are_cut_to_each_other(server):
    run = started(
        server,
        schedule_to_close_timeout=seconds(4),
        start_to_close_timeout=seconds(9),
        heartbeat_timeout=seconds(7),
    )
    run.expect("""
        ...
        5 ActivityTaskScheduled schedule_to_close_timeout=4s schedule_to_start_timeout=4s start_to_close_timeout=4s heartbeat_timeout=4s
    """)


def test_timeouts_are_cut_to_the_run_timeout(server):
    run = server.start(workflow_run_timeout=seconds(30))
    run.task().complete(run.schedule_activity("a", start_to_close_timeout=seconds(50)))
    run.expect("""
        ...
        5 ActivityTaskScheduled schedule_to_close_timeout=30s schedule_to_start_timeout=30s start_to_close_timeout=30s
    """)


def test_a_retried_activity_writes_only_its_last_attempt(server):
    run = started(server, **quickly())
    run.activity().fail(application_failure("first"))
    again = run.activity()
    assert again.attempt == 2
    again.complete()
    run.expect("""
        ...
        5 ActivityTaskScheduled
        6 ActivityTaskStarted attempt=2 last_failure.message=first
        7 ActivityTaskCompleted
        8 WorkflowTaskScheduled
    """)


def test_maximum_attempts(server):
    run = started(server, **quickly(maximum_attempts=2))
    run.activity().fail(application_failure("first"))
    run.activity().fail(application_failure("second"))
    run.expect("""
        ...
        6 ActivityTaskStarted attempt=2 last_failure.message=first
        7 ActivityTaskFailed failure.message=second retry_state=MAXIMUM_ATTEMPTS_REACHED identity=worker
        8 WorkflowTaskScheduled
    """)


def test_a_non_retryable_failure_is_not_retried(server):
    run = started(server, **quickly())
    run.activity().fail(application_failure(non_retryable=True))
    run.expect("""
        ...
        6 ActivityTaskStarted attempt=1
        7 ActivityTaskFailed retry_state=NON_RETRYABLE_FAILURE
        8 WorkflowTaskScheduled
    """)


def test_a_non_retryable_type_is_not_retried(server):
    run = started(server, **quickly(non_retryable_error_types=["Fatal"]))
    run.activity().fail(application_failure(type="Mild"))
    run.activity().fail(application_failure(type="Fatal"))
    run.expect("""
        ...
        6 ActivityTaskStarted attempt=2
        7 ActivityTaskFailed retry_state=NON_RETRYABLE_FAILURE failure.application_failure_info.type=Fatal
        8 WorkflowTaskScheduled
    """)


def test_backoff_grows_by_the_coefficient_up_to_its_maximum(server):
    policy = dict(
        initial_interval=seconds(0.1), backoff_coefficient=3, maximum_interval=seconds(0.5), maximum_attempts=4
    )
    run = started(server, retry_policy=policy)
    delays = []
    for _ in range(3):
        run.activity().fail()
        delays.append(retry_interval(run))
    assert delays == [0.1, 0.3, 0.5]


def test_next_retry_delay_replaces_the_interval_and_ignores_its_maximum(server):
    policy = dict(initial_interval=seconds(60), maximum_interval=seconds(60))
    run = started(server, retry_policy=policy)
    run.activity().fail(application_failure(next_retry_delay=seconds(0.05)))
    again = run.activity()
    assert again.attempt == 2
    again.fail(application_failure(next_retry_delay=seconds(100)))
    assert retry_interval(run) == 100


def test_a_retry_that_would_miss_schedule_to_close_is_not_made(server):
    run = started(server, schedule_to_close_timeout=seconds(5), retry_policy=dict(initial_interval=seconds(20)))
    run.activity().fail()
    run.expect("""
        ...
        6 ActivityTaskStarted attempt=1
        7 ActivityTaskFailed retry_state=TIMEOUT failure.message=boom
        8 WorkflowTaskScheduled
    """)


def test_schedule_to_start_timeout(server):
    run = started(server, schedule_to_start_timeout=seconds(0.2), start_to_close_timeout=seconds(9))
    run.task()
    run.expect("""
        ...
        5 ActivityTaskScheduled
        6 ActivityTaskTimedOut scheduled_event_id=5 started_event_id=- retry_state=TIMEOUT failure.message='activity ScheduleToStart timeout' failure.source=Server failure.timeout_failure_info.timeout_type=SCHEDULE_TO_START
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)


def test_an_activity_that_nobody_takes_with_only_schedule_to_close(server):
    run = started(server, schedule_to_close_timeout=seconds(0.2))
    run.task()
    run.expect("""
        ...
        6 ActivityTaskTimedOut started_event_id=- retry_state=TIMEOUT failure.timeout_failure_info.timeout_type=SCHEDULE_TO_START
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)


def test_schedule_to_close_ends_an_activity_that_waits_for_its_retry(server):
    policy = dict(initial_interval=seconds(0.6), backoff_coefficient=1)
    run = started(server, schedule_to_close_timeout=seconds(1), start_to_close_timeout=seconds(1), retry_policy=policy)
    run.activity().fail(application_failure("first"))
    run.task()  # nobody takes the second attempt
    run.expect("""
        ...
        6 ActivityTaskTimedOut started_event_id=- retry_state=TIMEOUT failure.timeout_failure_info.timeout_type=SCHEDULE_TO_CLOSE failure.message='Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying' failure.cause.message=first
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)


def test_start_to_close_timeout_of_the_only_attempt(server):
    run = started(server, start_to_close_timeout=seconds(0.2), **once())
    activity = run.activity()
    run.task()
    run.expect("""
        ...
        6 ActivityTaskStarted attempt=1
        7 ActivityTaskTimedOut started_event_id=6 retry_state=MAXIMUM_ATTEMPTS_REACHED failure.message='activity StartToClose timeout' failure.timeout_failure_info.timeout_type=START_TO_CLOSE
        8 WorkflowTaskScheduled
        9 WorkflowTaskStarted
    """)
    text = "invalid activityID or activity already timed out or invoking workflow is completed"
    with refused(NOT_FOUND, text, NotFoundFailure):
        activity.complete()


def test_start_to_close_timeout_is_retried(server):
    run = started(server, start_to_close_timeout=seconds(0.2), **quickly())
    first = run.activity()
    second = run.activity()
    assert second.attempt == 2
    text = "invalid activityID or activity already timed out or invoking workflow is completed"
    with refused(NOT_FOUND, text, NotFoundFailure):
        first.complete()
    second.complete()
    run.expect("""
        ...
        6 ActivityTaskStarted attempt=2 last_failure.timeout_failure_info.timeout_type=START_TO_CLOSE
        7 ActivityTaskCompleted
        8 WorkflowTaskScheduled
    """)


def test_a_start_to_close_timeout_named_as_not_retryable(server):
    policy = quickly(non_retryable_error_types=["TemporalTimeout:StartToClose"])
    run = started(server, start_to_close_timeout=seconds(0.2), **policy)
    run.activity()
    run.task()
    run.expect("""
        ...
        6 ActivityTaskStarted attempt=1
        7 ActivityTaskTimedOut retry_state=NON_RETRYABLE_FAILURE
        8 WorkflowTaskScheduled
        9 WorkflowTaskStarted
    """)


def test_start_to_close_as_long_as_schedule_to_close_leaves_no_room_to_retry(server):
    run = started(server, schedule_to_close_timeout=seconds(0.3))
    run.activity()
    run.task()
    run.expect("""
        ...
        6 ActivityTaskStarted attempt=1
        7 ActivityTaskTimedOut retry_state=TIMEOUT failure.timeout_failure_info.timeout_type=SCHEDULE_TO_CLOSE failure.message='Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying'
        8 WorkflowTaskScheduled
        9 WorkflowTaskStarted
    """)


def test_one_attempt_that_may_take_all_of_schedule_to_close_ends_by_that(server):
    run = server.start()
    waiting = run.activity_later()  # so that it is scheduled and started at one instant
    run.task().complete(run.schedule_activity("a", schedule_to_close_timeout=seconds(0.3), **once()))
    assert waiting.result().task_token
    run.task()
    run.expect("""
        ...
        6 ActivityTaskStarted attempt=1
        7 ActivityTaskTimedOut failure.timeout_failure_info.timeout_type=SCHEDULE_TO_CLOSE
        8 WorkflowTaskScheduled
        9 WorkflowTaskStarted
    """)


def test_the_same_after_a_request_to_cancel(server):
    run = server.start()
    waiting = run.activity_later()
    run.task().complete(
        run.schedule_activity("a", schedule_to_close_timeout=seconds(1)), force_create_new_workflow_task=True
    )
    run.task().complete(cancel_activity(5))
    assert waiting.result().task_token
    run.task()
    run.expect("""
        ...
        9 ActivityTaskCancelRequested
        10 ActivityTaskStarted
        11 ActivityTaskTimedOut retry_state=CANCEL_REQUESTED failure.message='activity ScheduleToClose timeout'
        12 WorkflowTaskScheduled
        13 WorkflowTaskStarted
    """)


def test_heartbeat_timeout_carries_the_last_details(server):
    run = started(server, heartbeat_timeout=seconds(0.4), **quickly(maximum_attempts=2))
    run.activity()
    second = run.activity()
    assert second.attempt == 2
    second.heartbeat("half done")
    run.task()
    run.expect("""
        ...
        6 ActivityTaskStarted attempt=2 last_failure.timeout_failure_info.timeout_type=HEARTBEAT
        7 ActivityTaskTimedOut retry_state=MAXIMUM_ATTEMPTS_REACHED failure.timeout_failure_info.timeout_type=HEARTBEAT failure.message='activity Heartbeat timeout' failure.timeout_failure_info.last_heartbeat_details='"half done"'
        8 WorkflowTaskScheduled
        9 WorkflowTaskStarted
    """)


def test_heartbeat_details_reach_the_next_attempt(server):
    run = started(server, **quickly())
    first = run.activity()
    assert not first.HasField("heartbeat_details")
    assert first.heartbeat("page 7").cancel_requested is False
    first.fail()
    assert value_of(run.activity().heartbeat_details) == "page 7"


def test_heartbeat_details_may_come_with_the_failure(server):
    run = started(server, **quickly())
    run.activity().fail(last_heartbeat_details=payloads("at the end"))
    assert value_of(run.activity().heartbeat_details) == "at the end"


def test_two_activities_and_a_signal_during_a_task_are_put_in_order(server):
    run = server.start()
    run.task().complete(
        run.schedule_activity("a", **once()), run.schedule_activity("b", **once()), force_create_new_workflow_task=True
    )
    task = run.task()
    by_id = {activity.activity_id: activity for activity in (run.activity(), run.activity())}
    by_id["a"].complete()
    run.signal()
    by_id["b"].fail()
    task.complete()
    run.expect("""
        ...
        9 WorkflowTaskCompleted
        10 ActivityTaskStarted scheduled_event_id=5
        11 WorkflowExecutionSignaled
        12 ActivityTaskStarted scheduled_event_id=6
        13 ActivityTaskCompleted scheduled_event_id=5 started_event_id=10
        14 ActivityTaskFailed scheduled_event_id=6 started_event_id=12
        15 WorkflowTaskScheduled
    """)


def test_cancel_of_an_activity_that_nobody_took(server):
    run = started(server)
    run.signal()
    run.task().complete(cancel_activity(5))
    run.expect("""
        ...
        9 WorkflowTaskCompleted
        10 ActivityTaskCancelRequested scheduled_event_id=5 workflow_task_completed_event_id=9
        11 ActivityTaskCanceled scheduled_event_id=5 started_event_id=- latest_cancel_requested_event_id=10 details='"ACTIVITY_ID_NOT_STARTED"' identity=worker
        12 WorkflowTaskScheduled
    """)
    run.no_activity()


def test_an_activity_scheduled_and_cancelled_in_one_task(server):
    run = server.start()
    run.task().complete(run.schedule_activity("a"), cancel_activity(5))
    run.expect("""
        ...
        5 ActivityTaskScheduled
        6 ActivityTaskCancelRequested
        7 ActivityTaskCanceled started_event_id=-
        8 WorkflowTaskScheduled
    """)


def test_a_running_activity_learns_of_its_cancel_by_heartbeat(server):
    run = started(server, heartbeat_timeout=seconds(30))
    activity = run.activity()
    assert activity.heartbeat().cancel_requested is False
    run.signal()
    run.task().complete(cancel_activity(5))
    assert activity.heartbeat().cancel_requested is True
    activity.cancel("cleaned up")
    run.expect("""
        ...
        9 WorkflowTaskCompleted
        10 ActivityTaskCancelRequested
        11 ActivityTaskStarted
        12 ActivityTaskCanceled started_event_id=11 latest_cancel_requested_event_id=10 details='"cleaned up"'
        13 WorkflowTaskScheduled
    """)


def test_an_activity_may_complete_in_spite_of_its_cancel(server):
    run = started(server)
    activity = run.activity()
    run.signal()
    run.task().complete(cancel_activity(5))
    activity.complete("anyway")
    run.expect("""
        ...
        10 ActivityTaskCancelRequested
        11 ActivityTaskStarted
        12 ActivityTaskCompleted
        13 WorkflowTaskScheduled
    """)


def test_a_failure_after_a_cancel_request_is_not_retried(server):
    run = started(server, **quickly())
    activity = run.activity()
    run.signal()
    run.task().complete(cancel_activity(5))
    activity.fail()
    run.expect("""
        ...
        10 ActivityTaskCancelRequested
        11 ActivityTaskStarted
        12 ActivityTaskFailed retry_state=CANCEL_REQUESTED
        13 WorkflowTaskScheduled
    """)


def test_cancel_of_an_activity_that_waits_for_its_retry(server):
    run = started(server, retry_policy=dict(initial_interval=seconds(60)))
    run.activity().fail()
    run.signal()
    run.task().complete(cancel_activity(5))
    run.expect("""
        ...
        10 ActivityTaskCancelRequested
        11 ActivityTaskCanceled started_event_id=- latest_cancel_requested_event_id=10
        12 WorkflowTaskScheduled
    """)


def test_canceled_without_a_request_is_refused(server):
    run = started(server)
    activity = run.activity()
    text = "unable to mark activity as canceled without activity being request canceled first"
    with refused(INVALID_ARGUMENT, text):
        activity.cancel()
    activity.complete()


def test_a_result_that_comes_during_a_task_that_times_out(server):
    run = server.start(workflow_task_timeout=seconds(1))
    run.task().complete(run.schedule_activity("a"), force_create_new_workflow_task=True)
    activity = run.activity()
    run.task()
    activity.complete()
    assert run.task().attempt == 1
    run.expect("""
        ...
        7 WorkflowTaskStarted
        8 WorkflowTaskTimedOut timeout_type=START_TO_CLOSE
        9 ActivityTaskStarted
        10 ActivityTaskCompleted
        11 WorkflowTaskScheduled attempt=1
        12 WorkflowTaskStarted
    """)


def test_a_cancel_of_an_activity_whose_result_is_buffered_is_tolerated(server):
    run = server.start()
    run.task().complete(run.schedule_activity("a"), force_create_new_workflow_task=True)
    task = run.task()
    run.activity().complete()
    task.complete(cancel_activity(5))
    run.expect("""
        ...
        8 WorkflowTaskCompleted
        9 ActivityTaskCancelRequested
        10 ActivityTaskStarted
        11 ActivityTaskCompleted
        12 WorkflowTaskScheduled
    """)


def test_an_id_is_free_again_after_its_activity_closed(server):
    run = started(server, "same")
    run.activity().complete()
    run.task().complete(run.schedule_activity("same"))
    assert run.activity().activity_id == "same"


def test_an_id_is_free_again_while_the_result_of_its_activity_is_buffered(server):
    run = server.start()
    run.task().complete(run.schedule_activity("same"), force_create_new_workflow_task=True)
    task = run.task()
    run.activity().complete()
    task.complete(run.schedule_activity("same"))
    run.expect("""
        ...
        8 WorkflowTaskCompleted
        9 ActivityTaskScheduled activity_id=same
        10 ActivityTaskStarted scheduled_event_id=5
        11 ActivityTaskCompleted scheduled_event_id=5
        12 WorkflowTaskScheduled
    """)


def test_an_eager_activity_comes_with_the_completion(server):
    run = server.start()
    response = run.task().complete(run.schedule_activity("a", request_eager_execution=True))
    (given,) = response.activity_tasks
    activity = Activity(run, given)
    assert (activity.activity_id, activity.attempt) == ("a", 1)
    assert run.describe().pending_activities[0].state == 2  # STARTED
    activity.complete()
    run.expect("""
        ...
        5 ActivityTaskScheduled
        6 ActivityTaskStarted identity=worker attempt=1
        7 ActivityTaskCompleted
        8 WorkflowTaskScheduled
    """)


def test_a_worker_with_a_bare_build_id_gets_eagerly_what_shall_run_with_it(server):
    """Versions of the oldest kind: what does not ask for the workflow's own build goes to the queue's newest one."""
    run = server.start()
    response = run.task().complete(
        run.schedule_activity("same build", request_eager_execution=True, use_workflow_build_id=True),
        run.schedule_activity("newest build", request_eager_execution=True),
        worker_version_stamp=dict(build_id="1", use_versioning=True),
    )
    assert [one.activity_id for one in response.activity_tasks] == ["same build"]
    assert run.activity().activity_id == "newest build"


def test_no_activity_task_is_handed_out_after_the_workflow_closed(server):
    run = started(server)
    run.terminate()
    run.no_activity()


def test_answers_after_the_workflow_closed_are_refused(server):
    run = started(server, heartbeat_timeout=seconds(30))
    activity = run.activity()
    run.terminate()
    for answer in (activity.complete, activity.fail, activity.cancel, activity.heartbeat):
        with refused(NOT_FOUND, "workflow execution already completed", NotFoundFailure):
            answer()


def test_a_failure_must_have_application_failure_info(server):
    run = started(server, **quickly())
    activity = run.activity()
    with refused(INVALID_ARGUMENT, "Failure must have ApplicationFailureInfo."):
        activity.fail(failure_pb.Failure(message="bare"))


def test_an_activity_that_fails_without_a_failure_is_retried(server):
    run = started(server, **quickly())
    activity = run.activity()
    server.call("RespondActivityTaskFailed", task_token=activity.task_token)
    again = run.activity()
    again.complete()
    run.expect("""
        ...
        6 ActivityTaskStarted attempt=2 last_failure=-
        7 ActivityTaskCompleted
        8 WorkflowTaskScheduled
    """)


def test_an_oversized_result_fails_the_activity(server):
    run = started(server)
    run.activity().complete("x" * (2 * 1024 * 1024 + 10))
    run.expect("""
        ...
        6 ActivityTaskStarted
        7 ActivityTaskFailed failure.message='Complete result exceeds size limit.' failure.server_failure_info.non_retryable=true retry_state=NON_RETRYABLE_FAILURE
        8 WorkflowTaskScheduled
    """)


def test_the_scheduled_activity_is_described(server):
    run = started(server)
    (pending,) = run.describe().pending_activities
    assert (pending.activity_id, pending.activity_type.name, pending.attempt, pending.state) == ("a", "act", 1, 1)
    assert pending.HasField("scheduled_time") and not pending.HasField("last_started_time")


def test_the_started_activity_is_described(server):
    run = started(server, heartbeat_timeout=seconds(30))
    run.activity().heartbeat("beat")
    (pending,) = run.describe().pending_activities
    assert (pending.state, pending.attempt, pending.last_worker_identity) == (2, 1, "worker")
    assert value_of(pending.heartbeat_details) == "beat"
    assert pending.HasField("last_started_time") and pending.HasField("last_heartbeat_time")


def test_the_activity_that_backs_off_is_described(server):
    run = started(server, retry_policy=dict(initial_interval=seconds(60), maximum_attempts=5))
    run.activity().fail(application_failure("why"))
    (pending,) = run.describe().pending_activities
    assert (pending.state, pending.attempt, pending.maximum_attempts) == (1, 2, 5)
    assert pending.last_failure.message == "why"
    assert retry_interval(run) == 60
    assert pending.HasField("next_attempt_schedule_time") and pending.HasField("last_attempt_complete_time")


def test_the_activity_with_a_cancel_request_is_described(server):
    run = started(server)
    run.activity()
    run.signal()
    run.task().complete(cancel_activity(5))
    assert run.describe().pending_activities[0].state == 3  # CANCEL_REQUESTED


def test_an_oversized_failure_is_replaced(server):
    run = started(server, **once())
    run.activity().fail(application_failure("x" * (2 << 20)))
    run.expect("""
        ...
        6 ActivityTaskStarted
        7 ActivityTaskFailed failure.message='Failure exceeds size limit.'
        8 WorkflowTaskScheduled
    """)


def test_oversized_heartbeat_details_fail_the_activity(server):
    run = started(server, heartbeat_timeout=seconds(30))
    assert run.activity().heartbeat("x" * (2 << 20)).cancel_requested is True
    run.expect("""
        ...
        6 ActivityTaskStarted
        7 ActivityTaskFailed failure.message='Heartbeat details exceed size limit.'
        8 WorkflowTaskScheduled
    """)


def test_a_failure_kept_between_attempts_is_cut(server):
    run = started(server, retry_policy=dict(initial_interval=seconds(60)))
    run.activity().fail(application_failure("y" * 5000))
    failure = run.describe().pending_activities[0].last_failure
    assert failure.message == "Failure exceeds size limit."
    assert failure.ByteSize() < 4096 + 500 and failure.cause.message.startswith("yyy")


def test_a_second_activity_may_follow_the_first_on_one_poll(server):
    run = started(server, "a")
    with polling(run.activity_later()) as first:
        first.result()
        run.signal()
        with polling(run.activity_later()) as second:
            run.task().complete(run.schedule_activity("b"))
            assert second.result().activity_id == "b"


def test_metadata_of_an_activity_reaches_its_event(server):
    run = server.start()
    command = run.schedule_activity("a", header=dict(fields={"h": payload(1)}))
    command.user_metadata.summary.CopyFrom(payload("what it does"))
    run.task().complete(command)
    run.expect("""
        ...
        5 ActivityTaskScheduled user_metadata.summary='"what it does"'
    """)
    assert value_of(run.activity().header.fields["h"]) == 1


def test_the_activity_task_carries_timeouts_and_policy(server):
    run = started(server, start_to_close_timeout=seconds(9), heartbeat_timeout=seconds(3))
    activity = run.activity()
    assert activity.start_to_close_timeout.seconds == 9 and activity.heartbeat_timeout.seconds == 3
    assert activity.retry_policy.initial_interval.seconds == 1
    assert activity.HasField("scheduled_time") and activity.HasField("started_time")
    assert activity.current_attempt_scheduled_time == activity.scheduled_time
