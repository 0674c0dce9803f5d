"""Workflow tasks: which events each course of things leaves behind."""

from driver import *

def sticky(run, schedule_to_start=10):
    """The attributes that make a worker's own queue the place of the next task, and that queue as a poll names it."""
    name = run.queue + "-sticky"
    queue = dict(name=name, kind="TASK_QUEUE_KIND_STICKY", normal_name=run.queue)
    return dict(worker_task_queue=queue, schedule_to_start_timeout=seconds(schedule_to_start)), queue


def test_hello_world(server):
    run = server.start(input=payloads("Ann"))
    task = run.task()
    assert (task.attempt, task.started_event_id, task.previous_started_event_id) == (1, 3, 0)
    task.complete(complete_workflow("hello Ann"))
    run.expect("""
        1 WorkflowExecutionStarted workflow_type.name=wf input='"Ann"' attempt=1 identity=client
        2 WorkflowTaskScheduled task_queue.kind=NORMAL start_to_close_timeout=10s attempt=1
        3 WorkflowTaskStarted scheduled_event_id=2 identity=worker
        4 WorkflowTaskCompleted scheduled_event_id=2 started_event_id=3 identity=worker
        5 WorkflowExecutionCompleted result='"hello Ann"' workflow_task_completed_event_id=4
    """)
    assert run.status() == "COMPLETED"


def test_the_poll_response_carries_the_task(server):
    run = server.start(input=payloads(1))
    task = run.task()
    assert task.workflow_execution.workflow_id == run.workflow_id
    assert task.workflow_execution.run_id == run.run_id
    assert task.workflow_type.name == "wf"
    assert task.workflow_execution_task_queue.name == run.queue
    assert task.HasField("scheduled_time") and task.HasField("started_time")
    assert not task.HasField("query") and not task.queries and not task.next_page_token
    assert task.text() == "1 WorkflowExecutionStarted\n2 WorkflowTaskScheduled\n3 WorkflowTaskStarted"


def test_the_second_task_carries_the_whole_history_without_a_sticky_queue(server):
    run = server.start()
    run.task().complete()
    run.signal()
    task = run.task()
    assert (task.previous_started_event_id, task.started_event_id) == (3, 7)
    assert task.text().splitlines()[0] == "1 WorkflowExecutionStarted"
    assert task.text().splitlines()[-1] == "7 WorkflowTaskStarted"


def test_command_metadata_and_sdk_metadata_reach_the_events(server):
    run = server.start()
    command = start_timer("t", 60)
    command.user_metadata.summary.CopyFrom(payload("a summary"))
    run.task().complete(command, sdk_metadata=dict(sdk_name="raw", lang_used_flags=[3]), binary_checksum="sum")
    run.expect("""
        ...
        4 WorkflowTaskCompleted sdk_metadata.sdk_name=raw sdk_metadata.lang_used_flags=[3] binary_checksum=sum
        5 TimerStarted user_metadata.summary='"a summary"'
    """)


def test_a_signal_during_a_task_makes_completion_unhandled(server):
    run = server.start()
    task = run.task()
    run.signal("late")
    with refused(INVALID_ARGUMENT, "UnhandledCommand"):
        task.complete(complete_workflow())
    run.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowTaskScheduled attempt=1
        3 WorkflowTaskStarted
        4 WorkflowTaskFailed cause=UNHANDLED_COMMAND failure.message=UnhandledCommand identity=worker
        5 WorkflowExecutionSignaled signal_name=late
        6 WorkflowTaskScheduled attempt=1
    """)
    run.task().complete(complete_workflow())
    assert run.status() == "COMPLETED"


def test_a_signal_during_a_task_makes_continue_as_new_unhandled(server):
    run = server.start()
    task = run.task()
    run.signal("late")
    with refused(INVALID_ARGUMENT, "UnhandledCommand"):
        task.complete(continue_as_new())
    run.expect("""
        ...
        4 WorkflowTaskFailed cause=UNHANDLED_COMMAND
        5 WorkflowExecutionSignaled
        6 WorkflowTaskScheduled attempt=1
    """)


def test_signals_are_refused_while_the_task_after_unhandled_command_runs(server):
    run = server.start()
    task = run.task()
    run.signal()
    with refused(INVALID_ARGUMENT, "UnhandledCommand"):
        task.complete(complete_workflow())
    run.signal("still accepted")  # scheduled, not started
    task = run.task()
    busy = "workflow operation can not be applied because workflow is closing"
    with refused(RESOURCE_EXHAUSTED, busy, BUSY_WORKFLOW):
        run.signal("refused")
    task.complete(complete_workflow())
    assert run.status() == "COMPLETED"


def test_command_events_precede_a_signal_that_came_during_the_task(server):
    run = server.start()
    task = run.task()
    run.signal("during")
    assert run.describe().workflow_execution_info.history_length == 3  # buffered events are not seen
    task.complete(start_timer("t", 60))
    run.expect("""
        ...
        4 WorkflowTaskCompleted
        5 TimerStarted
        6 WorkflowExecutionSignaled signal_name=during
        7 WorkflowTaskScheduled attempt=1
    """)


def test_attempts_after_the_second_leave_no_trace_until_one_succeeds(server):
    run = server.start()
    run.task().fail()
    second = run.task()
    assert (second.attempt, second.started_event_id) == (2, 6)
    assert second.text().endswith("5 WorkflowTaskScheduled\n6 WorkflowTaskStarted")
    second.fail()
    third = run.task()
    assert (third.attempt, third.started_event_id) == (3, 6)
    run.expect("""
        ...
        4 WorkflowTaskFailed cause=WORKFLOW_WORKER_UNHANDLED_FAILURE failure.message=boom
        5 WorkflowTaskScheduled attempt=3 task_id=-
        6 WorkflowTaskStarted task_id=- identity=-
    """)
    assert run.describe().workflow_execution_info.history_length == 4
    third.complete(complete_workflow())
    run.expect("""
        ...
        4 WorkflowTaskFailed
        5 WorkflowTaskScheduled attempt=3
        6 WorkflowTaskStarted scheduled_event_id=5 identity=worker
        7 WorkflowTaskCompleted scheduled_event_id=5 started_event_id=6
        8 WorkflowExecutionCompleted
    """)


def test_a_signal_brings_a_transient_task_back_to_attempt_one(server):
    run = server.start()
    run.task().fail()
    run.signal()
    task = run.task()
    assert task.attempt == 1
    task.complete()
    run.expect("""
        ...
        4 WorkflowTaskFailed
        5 WorkflowExecutionSignaled
        6 WorkflowTaskScheduled attempt=1
        7 WorkflowTaskStarted
        8 WorkflowTaskCompleted
    """)


def test_a_signal_during_a_transient_attempt_that_fails(server):
    run = server.start()
    run.task().fail()
    second = run.task()
    run.signal()
    second.fail()
    run.expect("""
        ...
        4 WorkflowTaskFailed
        5 WorkflowExecutionSignaled
        6 WorkflowTaskScheduled attempt=1
    """)


def test_a_task_times_out_and_a_late_answer_is_refused(server):
    run = server.start(workflow_task_timeout=seconds(1))
    task = run.task()
    retry = run.task()
    assert retry.attempt == 2
    with refused(NOT_FOUND, "Workflow task not found.", NotFoundFailure):
        task.complete(complete_workflow())
    with refused(NOT_FOUND, "Workflow task not found.", NotFoundFailure):
        task.fail()
    retry.complete(complete_workflow())
    run.expect("""
        ...
        2 WorkflowTaskScheduled start_to_close_timeout=1s
        3 WorkflowTaskStarted
        4 WorkflowTaskTimedOut timeout_type=START_TO_CLOSE scheduled_event_id=2 started_event_id=3
        5 WorkflowTaskScheduled attempt=2
        6 WorkflowTaskStarted
        7 WorkflowTaskCompleted
        8 WorkflowExecutionCompleted
    """)


def test_a_task_can_be_answered_once(server):
    run = server.start()
    task = run.task()
    task.complete()
    with refused(NOT_FOUND, "Workflow task not found.", NotFoundFailure):
        task.complete()


def test_a_sticky_poll_gets_only_what_is_new(server):
    run = server.start()
    attributes, queue = sticky(run)
    with polling(run.task_later(task_queue=queue)) as poll:
        run.task().complete(sticky_attributes=attributes)
        run.signal()
        task = Task(run, poll.result())
    assert task.previous_started_event_id == 3
    assert task.text().splitlines()[0] == "4 WorkflowTaskCompleted"
    task.complete(complete_workflow(), sticky_attributes=attributes)
    run.expect("""
        ...
        5 WorkflowExecutionSignaled
        6 WorkflowTaskScheduled task_queue.kind=STICKY start_to_close_timeout=10s attempt=1
        7 WorkflowTaskStarted
        8 WorkflowTaskCompleted
        9 WorkflowExecutionCompleted
    """)
    scheduled = run.events()[5].workflow_task_scheduled_event_attributes
    assert (scheduled.task_queue.name, scheduled.task_queue.normal_name) == (queue["name"], run.queue)


def test_a_sticky_queue_without_a_poller_hands_its_task_to_the_normal_queue(server):
    run = server.start()
    attributes, _ = sticky(run)
    run.task().complete(sticky_attributes=attributes)
    run.signal()
    task = run.task()
    assert task.text().startswith("1 WorkflowExecutionStarted\n")
    task.complete(complete_workflow())
    run.expect("""
        ...
        6 WorkflowTaskScheduled task_queue.kind=STICKY
        7 WorkflowTaskStarted
        8 WorkflowTaskCompleted
        9 WorkflowExecutionCompleted
    """)


def test_a_sticky_task_that_nobody_takes_times_out(server):
    run = server.start()
    attributes, _ = sticky(run, schedule_to_start=0.3)
    run.task().complete(sticky_attributes=attributes)
    run.signal()
    event = run.history_page(wait_new_event=True)
    while len(run.events()) < 8:  # nothing to take it: wait for the timeout with the long poll
        event = run.history_page(wait_new_event=True, next_page_token=event.next_page_token)
    run.expect("""
        ...
        5 WorkflowExecutionSignaled
        6 WorkflowTaskScheduled task_queue.kind=STICKY
        7 WorkflowTaskTimedOut timeout_type=SCHEDULE_TO_START scheduled_event_id=6 started_event_id=-
        8 WorkflowTaskScheduled task_queue.kind=NORMAL attempt=1
    """)
    assert run.task().attempt == 1


def test_a_failure_while_sticky_clears_the_queue_and_keeps_attempt_one(server):
    run = server.start()
    attributes, queue = sticky(run)
    with polling(run.task_later(task_queue=queue)) as poll:
        run.task().complete(sticky_attributes=attributes)
        run.signal()
        Task(run, poll.result()).fail()
    task = run.task()
    assert task.attempt == 1
    assert task.text().startswith("1 WorkflowExecutionStarted\n")
    run.expect("""
        ...
        6 WorkflowTaskScheduled task_queue.kind=STICKY attempt=1
        7 WorkflowTaskStarted
        8 WorkflowTaskFailed
        9 WorkflowTaskScheduled task_queue.kind=NORMAL attempt=1
        10 WorkflowTaskStarted
    """)


def test_shutdown_of_a_worker_sends_its_sticky_tasks_to_the_normal_queue(server):
    run = server.start()
    attributes, queue = sticky(run, schedule_to_start=30)
    with polling(run.task_later(task_queue=queue)):
        run.task().complete(sticky_attributes=attributes)
    server.call("ShutdownWorker", sticky_task_queue=queue["name"], identity="worker", reason="test")
    run.signal()
    assert run.task().text().startswith("1 WorkflowExecutionStarted\n")


def test_a_refused_command_fails_the_task_and_the_call(server):
    run = server.start()
    text = "BadStartTimerAttributes: TimerId is not set on StartTimerCommand."
    with refused(INVALID_ARGUMENT, text):
        run.task().complete(start_timer("", 1))
    run.expect(f"""
        ...
        4 WorkflowTaskFailed cause=BAD_START_TIMER_ATTRIBUTES failure.message='{text}' identity=worker
        5 WorkflowTaskScheduled attempt=2
    """)


def test_a_refused_command_undoes_the_commands_before_it(server):
    run = server.start()
    with refused(INVALID_ARGUMENT):
        run.task().complete(start_timer("good", 1), start_timer("", 1))
    assert "TimerStarted" not in run.text()


def test_a_refused_command_in_a_later_attempt_leaves_the_task_running(server):
    run = server.start(workflow_task_timeout=seconds(1))
    run.task().fail()
    second = run.task()
    with refused(INVALID_ARGUMENT, "BadStartTimerAttributes: TimerId is not set on StartTimerCommand."):
        second.complete(start_timer("", 1))
    assert run.describe().pending_workflow_task.state == 2  # STARTED
    run.expect("""
        ...
        4 WorkflowTaskFailed
        5 WorkflowTaskScheduled attempt=2
        6 WorkflowTaskStarted
    """)
    assert run.task().attempt == 3  # after its timeout


def test_an_illegal_command_sequence_leaves_the_task_running(server):
    run = server.start()
    task = run.task()
    text = (
        "invalid command sequence: [CompleteWorkflowExecution, StartTimer], "
        "command CompleteWorkflowExecution must be the last command."
    )
    with refused(INVALID_ARGUMENT, text):
        task.complete(complete_workflow(), start_timer("t", 1))
    assert run.text().endswith("3 WorkflowTaskStarted")
    task.complete(complete_workflow())
    assert run.status() == "COMPLETED"


def test_an_unknown_command_type_leaves_the_task_running(server):
    run = server.start()
    task = run.task()
    with refused(INVALID_ARGUMENT, "unknown command type: Unspecified"):
        task.complete(command_pb.Command())
    task.complete(complete_workflow())
    assert run.status() == "COMPLETED"


def test_terminate_writes_nothing_for_a_task_that_is_only_scheduled(server):
    run = server.start()
    run.terminate(reason="enough", identity="me")
    run.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowTaskScheduled
        3 WorkflowExecutionTerminated reason=enough identity=me
    """)


def test_terminate_fails_a_started_task_and_keeps_what_was_buffered(server):
    run = server.start()
    run.task()
    run.signal("during")
    run.terminate()
    run.expect("""
        ...
        3 WorkflowTaskStarted
        4 WorkflowTaskFailed cause=FORCE_CLOSE_COMMAND identity=history-service
        5 WorkflowExecutionSignaled
        6 WorkflowExecutionTerminated reason='terminated by user via frontend' identity=frontend-service
    """)


def test_terminate_writes_nothing_for_a_transient_attempt(server):
    run = server.start()
    run.task().fail()
    run.task()
    run.terminate()
    run.expect("""
        ...
        4 WorkflowTaskFailed
        5 WorkflowExecutionTerminated
    """)


def test_a_heartbeat_brings_a_new_task_in_the_response(server):
    run = server.start()
    response = run.task().complete(force_create_new_workflow_task=True, return_new_workflow_task=True)
    task = Task(run, response.workflow_task)
    assert task.text() == "4 WorkflowTaskCompleted\n5 WorkflowTaskScheduled\n6 WorkflowTaskStarted"
    assert (task.attempt, task.previous_started_event_id, task.started_event_id) == (1, 3, 6)
    task.complete(complete_workflow())
    run.expect("""
        ...
        4 WorkflowTaskCompleted
        5 WorkflowTaskScheduled attempt=1
        6 WorkflowTaskStarted request_id=request-from-RespondWorkflowTaskCompleted
        7 WorkflowTaskCompleted
        8 WorkflowExecutionCompleted
    """)


def test_no_new_task_is_returned_when_none_is_needed(server):
    run = server.start()
    response = run.task().complete(return_new_workflow_task=True)
    assert not response.HasField("workflow_task")
    assert run.text().endswith("4 WorkflowTaskCompleted")


def test_a_forced_new_task_can_be_polled(server):
    run = server.start()
    run.task().complete(force_create_new_workflow_task=True)
    assert run.task().started_event_id == 6


def test_a_message_too_large_reported_by_the_worker_ends_the_workflow(server):
    run = server.start()
    run.task().fail(cause="WORKFLOW_TASK_FAILED_CAUSE_GRPC_MESSAGE_TOO_LARGE")
    run.expect("""
        ...
        4 WorkflowTaskFailed cause=FORCE_CLOSE_COMMAND identity=history-service
        5 WorkflowExecutionTerminated reason=GrpcMessageTooLarge identity=history-service
    """)


def test_many_buffered_signals_keep_their_order(server):
    run = server.start()
    task = run.task()
    for number in range(20):
        run.signal(f"s{number}")
    task.complete()
    names = [attributes_of(e).signal_name for e in run.events() if event_type(e) == "WorkflowExecutionSignaled"]
    assert names == [f"s{number}" for number in range(20)]
    assert run.text().endswith("25 WorkflowTaskScheduled")


def test_a_full_buffer_fails_the_task_and_loses_no_signal(server):
    run = server.start()
    task = run.task()
    for number in range(105):
        run.signal(f"s{number}")
    with refused(NOT_FOUND, "Workflow task not found.", NotFoundFailure):
        task.complete()
    events = run.events()
    assert attributes_of(events[3]).cause == 17  # FORCE_CLOSE_COMMAND
    assert sum(event_type(event) == "WorkflowExecutionSignaled" for event in events) == 105


def test_markers_keep_their_details(server):
    run = server.start()
    run.task().complete(record_marker("Version", **{"change-id": "a", "version": 2}), complete_workflow())
    run.expect("""
        ...
        5 MarkerRecorded marker_name=Version workflow_task_completed_event_id=4
        6 WorkflowExecutionCompleted
    """)
    details = attributes_of(run.events()[4]).details
    assert {key: value_of(value) for key, value in details.items()} == {"change-id": "a", "version": 2}


def test_a_workflow_task_waits_on_the_normal_queue_without_limit(server):
    run = server.start(workflow_task_timeout=seconds(1))
    run.no_task(queue=run.queue + "-elsewhere")  # two seconds pass
    run.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowTaskScheduled
    """)


def test_answers_to_a_closed_workflow(server):
    run = server.start()
    task = run.task()
    run.terminate()
    with refused(NOT_FOUND, "Workflow task not found.", NotFoundFailure):
        task.complete()
    with refused(NOT_FOUND, "workflow execution already completed", NotFoundFailure):
        task.fail()


def test_a_task_with_a_token_of_another_task_of_the_run(server):
    run = server.start()
    old = run.task()
    old.complete(force_create_new_workflow_task=True)
    new = run.task()
    with refused(NOT_FOUND, "Workflow task not found.", NotFoundFailure):
        old.complete()
    new.complete(complete_workflow())


def test_metadata_of_a_close_command_reaches_its_event(server):
    run = server.start()
    command = complete_workflow()
    command.user_metadata.summary.CopyFrom(payload("the end"))
    run.task().complete(command)
    run.expect("""
        ...
        5 WorkflowExecutionCompleted user_metadata.summary='"the end"'
    """)


def test_too_many_pending_activities_fail_the_task(server):
    run = server.start()
    with refused(INVALID_ARGUMENT) as refusal:
        run.task().complete(*(run.schedule_activity(f"a{number}") for number in range(2001)))
    assert refusal.message.startswith("PendingActivitiesLimitExceeded: ")
    run.expect("""
        ...
        4 WorkflowTaskFailed cause=PENDING_ACTIVITIES_LIMIT_EXCEEDED
        5 WorkflowTaskScheduled
    """)


def test_a_failed_tasks_oversized_failure_is_replaced(server):
    run = server.start()
    run.task().fail(failure=application_failure("x" * (2 << 20)))
    run.expect("""
        ...
        4 WorkflowTaskFailed failure.message='Failure exceeds size limit.' failure.server_failure_info.non_retryable=true
        5 WorkflowTaskScheduled
    """)


def test_a_sticky_task_that_times_out_while_it_runs(server):
    run = server.start(workflow_task_timeout=seconds(1))
    attributes, queue = sticky(run)
    with polling(run.task_later(task_queue=queue)) as poll:
        run.task().complete(sticky_attributes=attributes)
        run.signal()
        poll.result()
    assert run.task().attempt == 1
    run.expect("""
        ...
        6 WorkflowTaskScheduled task_queue.kind=STICKY attempt=1
        7 WorkflowTaskStarted
        8 WorkflowTaskTimedOut timeout_type=START_TO_CLOSE
        9 WorkflowTaskScheduled task_queue.kind=NORMAL attempt=1
        10 WorkflowTaskStarted
    """)


def test_completion_without_sticky_attributes_clears_the_queue(server):
    run = server.start()
    attributes, _ = sticky(run)
    run.task().complete(sticky_attributes=attributes)
    run.signal()
    run.task().complete()
    run.signal()
    run.expect("""
        ...
        6 WorkflowTaskScheduled task_queue.kind=STICKY
        7 WorkflowTaskStarted
        8 WorkflowTaskCompleted
        9 WorkflowExecutionSignaled
        10 WorkflowTaskScheduled task_queue.kind=NORMAL
    """)
