"""The workflow tasks that bring updates to a worker: speculative ones, and others that carry them along."""

import time

from updates import *


# ---------------------------------------------------------------------------------------------------------------------
# The life of a speculative task


def test_a_signal_makes_the_scheduled_task_real(server):
    run = idle(server)
    answer = run.send_update()
    run.signal()
    run.expect("""
        ...
        5 WorkflowTaskScheduled
        6 WorkflowExecutionSignaled
    """)
    task = run.task()
    assert (ids_of(task), task.started_event_id, task.messages[0].event_id) == (["u"], 7, 6)
    turn_down(task)
    assert answer_of(answer.result()) == ("COMPLETED", "no")
    run.expect("""
        ...
        5 WorkflowTaskScheduled
        6 WorkflowExecutionSignaled
        7 WorkflowTaskStarted
        8 WorkflowTaskCompleted
    """)


def test_a_signal_makes_the_started_task_real(server):
    run = idle(server)
    answer = run.update_later()
    task = run.task()
    run.signal()
    run.expect("""
        ...
        5 WorkflowTaskScheduled
        6 WorkflowTaskStarted identity=-
    """)
    assert all(event.task_id for event in run.events())
    turn_down(task)
    assert answer_of(answer.result()) == ("COMPLETED", "no")
    run.expect("""
        ...
        5 WorkflowTaskScheduled
        6 WorkflowTaskStarted
        7 WorkflowTaskCompleted
        8 WorkflowExecutionSignaled
        9 WorkflowTaskScheduled
    """)


def test_a_cancellation_request_makes_the_task_real(server):
    run = idle(server)
    answer = run.send_update()
    run.cancel()
    run.expect("""
        ...
        5 WorkflowTaskScheduled
        6 WorkflowExecutionCancelRequested
    """)
    finish(run.task())
    answer.result()


def test_an_activitys_end_makes_the_task_real(server):
    run = server.start()
    run.task().complete(run.schedule_activity("a"))
    answer = run.send_update()
    run.activity().complete()
    run.expect("""
        ...
        5 ActivityTaskScheduled
        6 WorkflowTaskScheduled
        7 ActivityTaskStarted
        8 ActivityTaskCompleted
    """)
    finish(run.task())
    answer.result()


def test_a_timer_makes_the_started_task_real(server):
    run = server.start()
    run.task().complete(start_timer("t", 1))
    answer = run.update_later()
    task = run.task()
    run.no_activity()  # the time passes
    finish(task)
    answer.result()
    run.expect("""
        ...
        5 TimerStarted
        6 WorkflowTaskScheduled
        7 WorkflowTaskStarted
        8 WorkflowTaskCompleted
        9 WorkflowExecutionUpdateAccepted
        10 WorkflowExecutionUpdateCompleted
        11 TimerFired
        12 WorkflowTaskScheduled
    """)


def test_an_activitys_heartbeat_does_not_make_the_task_real(server):
    run = server.start()
    run.task().complete(run.schedule_activity("a", heartbeat_timeout=seconds(60)))
    activity = run.activity()
    answer = run.update_later()
    task = run.task()
    activity.heartbeat(1)
    finish(task)
    answer.result()
    run.expect("""
        ...
        6 WorkflowTaskScheduled
        7 WorkflowTaskStarted
        8 WorkflowTaskCompleted
        9 WorkflowExecutionUpdateAccepted
        10 WorkflowExecutionUpdateCompleted
    """)


def test_a_task_that_nobody_takes_becomes_real_after_five_seconds(server):
    run = idle(server)
    answer = run.send_update(timeout=30)
    give_up = time.monotonic() + 15
    while len(run.events()) < 7 and time.monotonic() < give_up:
        time.sleep(0.1)
    run.expect("""
        ...
        5 WorkflowTaskScheduled attempt=1
        6 WorkflowTaskTimedOut timeout_type=SCHEDULE_TO_START scheduled_event_id=5 started_event_id=-
        7 WorkflowTaskScheduled attempt=1
    """)
    task = run.task()
    assert (ids_of(task), task.messages[0].event_id, task.attempt) == (["u"], 7, 1)
    finish(task)
    assert answer_of(answer.result()) == ("COMPLETED", None)


def test_a_task_that_the_worker_fails(server):
    run = idle(server)
    answer = run.update_later()
    run.task().fail()
    run.expect("""
        ...
        5 WorkflowTaskScheduled attempt=1
        6 WorkflowTaskStarted
        7 WorkflowTaskFailed cause=WORKFLOW_WORKER_UNHANDLED_FAILURE
        8 WorkflowTaskScheduled attempt=2
    """)
    task = run.task()
    assert (task.attempt, ids_of(task), task.messages[0].event_id) == (2, ["u"], 8)
    task.fail()
    task = run.task()
    assert (task.attempt, ids_of(task), task.messages[0].event_id) == (3, ["u"], 8)
    finish(task)
    assert answer_of(answer.result()) == ("COMPLETED", None)
    run.expect("""
        ...
        7 WorkflowTaskFailed
        8 WorkflowTaskScheduled attempt=3
        9 WorkflowTaskStarted
        10 WorkflowTaskCompleted
        11 WorkflowExecutionUpdateAccepted accepted_request_sequencing_event_id=8
        12 WorkflowExecutionUpdateCompleted
    """)


def test_a_task_that_the_worker_lets_time_out(server):
    run = idle(server, workflow_task_timeout=seconds(1))
    answer = run.update_later(timeout=30)
    run.task()
    task = run.task()
    assert (task.attempt, ids_of(task)) == (2, ["u"])
    turn_down(task)
    assert answer_of(answer.result()) == ("COMPLETED", "no")
    run.expect("""
        ...
        5 WorkflowTaskScheduled attempt=1
        6 WorkflowTaskStarted
        7 WorkflowTaskTimedOut timeout_type=START_TO_CLOSE
        8 WorkflowTaskScheduled attempt=2
        9 WorkflowTaskStarted
        10 WorkflowTaskCompleted
    """)


def test_terminating_while_the_task_is_scheduled(server):
    run = idle(server)
    answer = run.send_update()
    run.terminate()
    with refused(NOT_FOUND, ABORTED_BY_CLOSE, NotFoundFailure):
        answer.result()
    run.expect("""
        ...
        4 WorkflowTaskCompleted
        5 WorkflowExecutionTerminated
    """)


def test_terminating_while_the_task_is_started(server):
    run = idle(server)
    answer = run.update_later()
    run.task()
    run.terminate()
    with refused(NOT_FOUND, ABORTED_BY_CLOSE, NotFoundFailure):
        answer.result()
    run.expect("""
        ...
        5 WorkflowTaskScheduled
        6 WorkflowTaskStarted identity=history-service
        7 WorkflowTaskFailed cause=FORCE_CLOSE_COMMAND identity=history-service
        8 WorkflowExecutionTerminated
    """)


def test_a_query_rides_on_the_task(server):
    run = idle(server)
    answer = run.send_update()
    query = run.query_later()
    time.sleep(0.3)  # nothing tells when a query has arrived
    task = run.task()
    (id,) = task.queries
    task.complete(
        messages=[reject("u")],
        query_results={id: dict(result_type="QUERY_RESULT_TYPE_ANSWERED", answer=payloads("state"))},
    )
    assert value_of(query.result().query_result) == "state"
    assert answer_of(answer.result()) == ("COMPLETED", "no")
    run.expect(IDLE)


# ---------------------------------------------------------------------------------------------------------------------
# Updates that arrive while a task runs


def test_what_arrives_during_a_task_comes_with_the_next(server):
    run = server.start()
    task = run.task()
    answer = run.send_update()
    response = task.complete()
    assert not response.HasField("workflow_task")
    run.expect("""
        ...
        4 WorkflowTaskCompleted
        5 WorkflowTaskScheduled
    """)
    second = run.task()
    assert (ids_of(second), second.messages[0].event_id) == (["u"], 5)
    turn_down(second)
    assert answer_of(answer.result()) == ("COMPLETED", "no")
    run.expect("""
        ...
        5 WorkflowTaskScheduled
        6 WorkflowTaskStarted
        7 WorkflowTaskCompleted
    """)


def test_what_arrives_during_a_task_comes_inline(server):
    run = server.start()
    task = run.task()
    answer = run.send_update()
    second = task.inline()
    assert (ids_of(second), second.messages[0].event_id) == (["u"], 5)
    assert [event.event_id for event in second.history.events] == [4, 5, 6]
    assert not second.history.events[-1].task_id
    assert attributes_of(second.history.events[-1]).identity == "worker"
    finish(second, "u", "inline")
    assert answer_of(answer.result()) == ("COMPLETED", "inline")
    run.expect("""
        ...
        4 WorkflowTaskCompleted
        5 WorkflowTaskScheduled
        6 WorkflowTaskStarted request_id=request-from-RespondWorkflowTaskCompleted identity=worker
        7 WorkflowTaskCompleted
        8 WorkflowExecutionUpdateAccepted
        9 WorkflowExecutionUpdateCompleted
    """)


def test_an_inline_task_of_a_rejected_update_vanishes(server):
    run = server.start()
    task = run.task()
    answer = run.send_update()
    response = turn_down(task.inline())
    assert response.reset_history_event_id == 3
    assert answer_of(answer.result()) == ("COMPLETED", "no")
    run.expect(IDLE)


def test_a_chain_of_inline_tasks(server):
    run = idle(server)
    first = run.update_later("one")
    task = run.task()
    answers = [first]
    for name in ("two", "three", "four"):
        answers.append(run.send_update(name))
        (waiting,) = ids_of(task)
        task = task.inline(messages=[reject(waiting)])
        assert (ids_of(task), task.started_event_id) == ([name], 6)
    turn_down(task, "four")
    assert [answer_of(answer.result()) for answer in answers] == [("COMPLETED", "no")] * 4
    run.expect(IDLE)


def test_an_inline_task_after_one_that_has_come_to_something(server):
    run = idle(server)
    one = run.update_later("one")
    task = run.task()
    two = run.send_update("two")
    second = task.inline(messages=[accept("one", 5), respond("one", 1)])
    assert (ids_of(second), second.started_event_id) == (["two"], 11)
    assert run.describe().workflow_execution_info.history_length == 9
    capabilities = dict(discard_speculative_workflow_task_with_events=True)
    assert turn_down(second, "two", capabilities=capabilities).reset_history_event_id == 6
    assert answer_of(one.result()) == ("COMPLETED", 1)
    assert answer_of(two.result()) == ("COMPLETED", "no")
    run.expect("""
        ...
        8 WorkflowExecutionUpdateAccepted
        9 WorkflowExecutionUpdateCompleted
    """)


def test_a_buffered_signal_makes_the_next_task_real(server):
    run = server.start()
    task = run.task()
    answer = run.send_update()
    run.signal()
    second = task.inline()
    assert ids_of(second) == ["u"]
    turn_down(second)
    assert answer_of(answer.result()) == ("COMPLETED", "no")
    run.expect("""
        ...
        4 WorkflowTaskCompleted
        5 WorkflowExecutionSignaled
        6 WorkflowTaskScheduled
        7 WorkflowTaskStarted
        8 WorkflowTaskCompleted
    """)


def test_an_update_during_the_speculative_task_of_another(server):
    run = idle(server)
    one = run.update_later("one")
    task = run.task()
    two = run.send_update("two")
    turn_down(task, "one")
    run.expect("""
        ...
        4 WorkflowTaskCompleted
        5 WorkflowTaskScheduled
    """)
    finish(run.task(), "two", 2)
    assert answer_of(one.result()) == ("COMPLETED", "no")
    assert answer_of(two.result()) == ("COMPLETED", 2)
    run.expect("""
        ...
        5 WorkflowTaskScheduled
        6 WorkflowTaskStarted
        7 WorkflowTaskCompleted
        8 WorkflowExecutionUpdateAccepted protocol_instance_id=two accepted_request_sequencing_event_id=5
        9 WorkflowExecutionUpdateCompleted
    """)


def test_an_update_during_a_transient_task(server):
    run = server.start()
    run.task().fail()
    task = run.task()
    answer = run.send_update()
    task.complete()
    second = run.task()
    assert (second.attempt, ids_of(second)) == (1, ["u"])
    finish(second)
    assert answer_of(answer.result()) == ("COMPLETED", None)


def test_an_update_rides_on_a_transient_task(server):
    run = server.start()
    run.task().fail()
    answer = run.send_update()
    task = run.task()
    assert (task.attempt, ids_of(task), task.messages[0].event_id) == (2, ["u"], 5)
    finish(task)
    assert answer_of(answer.result()) == ("COMPLETED", None)
    run.expect("""
        ...
        4 WorkflowTaskFailed
        5 WorkflowTaskScheduled attempt=2
        6 WorkflowTaskStarted
        7 WorkflowTaskCompleted
        8 WorkflowExecutionUpdateAccepted
        9 WorkflowExecutionUpdateCompleted
    """)


# ---------------------------------------------------------------------------------------------------------------------
# Tasks that fail


def test_the_update_of_a_failed_task_comes_again(server):
    run = server.start()
    answer = run.send_update()
    run.task().fail()
    task = run.task()
    assert (task.attempt, ids_of(task), task.messages[0].event_id) == (2, ["u"], 5)
    turn_down(task)
    assert answer_of(answer.result()) == ("COMPLETED", "no")


def test_accepted_updates_survive_failures_and_do_not_come_again(server):
    run = idle(server, workflow_task_timeout=seconds(1))
    answer = run.update_later(timeout=30)
    take(run.task())
    run.signal()
    run.task().fail()
    task = run.task()
    assert (task.attempt, ids_of(task)) == (2, [])
    task = run.task()  # when that has timed out
    assert (task.attempt, ids_of(task)) == (3, [])
    task.complete(messages=[respond("u", "still there")])
    assert answer_of(answer.result()) == ("COMPLETED", "still there")


def test_a_refused_command_loses_the_update(server):
    run = server.start()
    answer = run.send_update()
    with refused(INVALID_ARGUMENT, "BadStartTimerAttributes: TimerId is not set on StartTimerCommand."):
        run.task().complete(start_timer("", 1), messages=[accept("u", 2)])
    with refused(FAILED_PRECONDITION, TASK_FAILED, WorkflowNotReadyFailure):
        answer.result()
    task = run.task()
    assert (task.attempt, ids_of(task)) == (2, [])
    with refused(NOT_FOUND, 'update "u" not found', NotFoundFailure):
        run.poll_update()
    run.expect("""
        ...
        3 WorkflowTaskStarted
        4 WorkflowTaskFailed cause=BAD_START_TIMER_ATTRIBUTES
        5 WorkflowTaskScheduled
        6 WorkflowTaskStarted
    """)


def test_a_refused_command_loses_the_update_of_a_speculative_task(server):
    run = idle(server)
    answer = run.update_later()
    with refused(INVALID_ARGUMENT, "BadStartTimerAttributes: TimerId is not set on StartTimerCommand."):
        run.task().complete(start_timer("", 1), messages=[accept("u", 5)])
    with refused(FAILED_PRECONDITION, TASK_FAILED, WorkflowNotReadyFailure):
        answer.result()
    task = run.task()
    assert (task.attempt, ids_of(task)) == (2, [])
    task.complete()
    run.expect("""
        ...
        5 WorkflowTaskScheduled attempt=1
        6 WorkflowTaskStarted
        7 WorkflowTaskFailed cause=BAD_START_TIMER_ATTRIBUTES
        8 WorkflowTaskScheduled attempt=2
        9 WorkflowTaskStarted
        10 WorkflowTaskCompleted
    """)


def test_an_acceptance_is_undone_with_its_task(server):
    """The update had been accepted by the completion that was then refused."""
    run = server.start()
    answer = run.send_update()
    message = accept("u", 2)
    with refused(INVALID_ARGUMENT, "BadStartTimerAttributes: TimerId is not set on StartTimerCommand."):
        run.task().complete(place(message), start_timer("", 1), messages=[message])
    with refused(FAILED_PRECONDITION, TASK_FAILED, WorkflowNotReadyFailure):
        answer.result()
    run.task()
    run.expect("""
        ...
        4 WorkflowTaskFailed
        5 WorkflowTaskScheduled
        6 WorkflowTaskStarted
    """)


def test_a_response_is_undone_with_its_task(server):
    run = idle(server)
    answer = run.update_later()
    take(run.task())
    run.signal()
    message = respond("u", "undone")
    with refused(INVALID_ARGUMENT, "BadStartTimerAttributes: TimerId is not set on StartTimerCommand."):
        run.task().complete(place(message), start_timer("", 1), messages=[message])
    assert answer_of(run.poll_update()) == "ACCEPTED"
    run.task().complete(messages=[respond("u", "done")])
    assert answer_of(answer.result()) in ("ACCEPTED", ("COMPLETED", "done"))  # the real server lets nobody wait longer
    assert answer_of(run.poll_update()) == ("COMPLETED", "done")


def test_no_updates_while_the_task_fails_again_and_again(server):
    run = server.start()
    run.task().fail()
    run.task().fail()
    with refused(FAILED_PRECONDITION, TASK_FAILING, WorkflowNotReadyFailure):
        run.update()
    run.task().complete()
    answer = run.update_later()
    turn_down(run.task())
    assert answer_of(answer.result()) == ("COMPLETED", "no")


def test_a_known_update_while_the_task_fails_again_and_again(server):
    run = idle(server)
    answer = run.update_later()
    finish(run.task(), "u", "kept")
    answer.result()
    run.signal()
    run.task().fail()
    run.task().fail()
    with refused(FAILED_PRECONDITION, TASK_FAILING, WorkflowNotReadyFailure):
        run.update()
    assert answer_of(run.poll_update()) == ("COMPLETED", "kept")


def test_a_refused_close_loses_the_update(server):
    run = server.start()
    answer = run.send_update()
    task = run.task()
    run.signal()
    with refused(INVALID_ARGUMENT, "UnhandledCommand"):
        task.complete(complete_workflow())
    with refused(FAILED_PRECONDITION, TASK_FAILED, WorkflowNotReadyFailure):
        answer.result()
    again = run.send_update("v")  # scheduled only: it may ride along
    task = run.task()
    assert ids_of(task) == ["v"]
    turn_down(task, "v")
    assert answer_of(again.result()) == ("COMPLETED", "no")


def test_no_updates_while_the_workflow_tries_again_to_close(server):
    run = server.start()
    task = run.task()
    run.signal()
    with refused(INVALID_ARGUMENT, "UnhandledCommand"):
        task.complete(complete_workflow())
    task = run.task()
    with refused(RESOURCE_EXHAUSTED, CLOSING, BUSY_WORKFLOW):
        run.update()
    task.complete()
    answer = run.update_later()
    turn_down(run.task())
    assert answer_of(answer.result()) == ("COMPLETED", "no")


def test_an_update_during_a_task_does_not_hinder_the_close(server):
    """Other than a signal would."""
    run = server.start()
    task = run.task()
    answer = run.send_update()
    task.complete(complete_workflow())
    with refused(NOT_FOUND, ABORTED_BY_CLOSE, NotFoundFailure):
        answer.result()
    assert run.status() == "COMPLETED"


def test_the_second_attempt_that_is_refused_loses_the_update_too(server):
    run = server.start(workflow_task_timeout=seconds(2))
    run.task().fail()
    answer = run.send_update()
    task = run.task()
    with refused(INVALID_ARGUMENT, "BadStartTimerAttributes: TimerId is not set on StartTimerCommand."):
        task.complete(start_timer("", 1), messages=[accept("u", 5)])
    with refused(FAILED_PRECONDITION, TASK_FAILED, WorkflowNotReadyFailure):
        answer.result()
    task = run.task()  # when that has timed out
    assert (task.attempt, ids_of(task)) == (3, [])


# ---------------------------------------------------------------------------------------------------------------------
# Delays, sticky queues, eager tasks


def test_an_update_does_not_wait_for_the_start_delay(server):
    run = server.start(workflow_start_delay=seconds(600))
    answer = run.update_later()
    task = run.task()
    assert (task.started_event_id, task.messages[0].event_id, task.previous_started_event_id) == (3, 2, 0)
    finish(task, "u", "early")
    assert answer_of(answer.result()) == ("COMPLETED", "early")
    run.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowTaskScheduled
        3 WorkflowTaskStarted
        4 WorkflowTaskCompleted
        5 WorkflowExecutionUpdateAccepted
        6 WorkflowExecutionUpdateCompleted
    """)


def test_a_rejected_update_in_the_start_delay(server):
    run = server.start(workflow_start_delay=seconds(600))
    answer = run.update_later()
    turn_down(run.task())
    assert answer_of(answer.result()) == ("COMPLETED", "no")
    run.signal()  # which still waits for the delay's end
    run.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowExecutionSignaled
    """)


def test_the_delay_ends_while_an_update_waits_for_its_task(server):
    run = server.start(workflow_start_delay=seconds(2))
    answer = run.send_update()
    time.sleep(3)
    task = run.task()
    assert ids_of(task) == ["u"]
    finish(task)
    answer.result()
    run.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowTaskScheduled
        3 WorkflowTaskStarted
        4 WorkflowTaskCompleted
        5 WorkflowExecutionUpdateAccepted
        6 WorkflowExecutionUpdateCompleted
    """)


def sticky_run(server, timeout):
    """An idle run whose next task goes to a sticky queue, and that queue."""
    run = server.start()
    queue = dict(name=unique("sticky"), kind="TASK_QUEUE_KIND_STICKY", normal_name=run.queue)
    run.task().complete(sticky_attributes=dict(worker_task_queue=queue, schedule_to_start_timeout=seconds(timeout)))
    return run, queue


def test_an_update_goes_to_the_sticky_queue(server):
    run, queue = sticky_run(server, 30)
    with polling(run.task_later(task_queue=queue)) as poll:
        time.sleep(0.3)  # nothing tells that the poll waits
        answer = run.update_later()
        task = Task(run, poll.result())
    assert ids_of(task) == ["u"]
    assert [event.event_id for event in task.history.events] == [4, 5, 6]
    finish(task)
    answer.result()
    scheduled = attributes_of(run.events()[4])
    assert (scheduled.task_queue.name, scheduled.task_queue.normal_name) == (queue["name"], run.queue)


def test_an_update_when_nobody_is_at_the_sticky_queue(server):
    run, _ = sticky_run(server, 2)
    answer = run.update_later()
    task = run.task()  # from the normal queue
    assert ids_of(task) == ["u"]
    assert [event.event_id for event in task.history.events] == [1, 2, 3, 4, 5, 6]
    turn_down(task)
    assert answer_of(answer.result()) == ("COMPLETED", "no")
    run.expect(IDLE)


def test_a_rejection_keeps_the_run_on_its_sticky_queue(server):
    run, queue = sticky_run(server, 30)
    sticky = dict(worker_task_queue=queue, schedule_to_start_timeout=seconds(30))
    for _ in range(2):
        with polling(run.task_later(task_queue=queue)) as poll:
            time.sleep(0.3)  # nothing tells that the poll waits
            answer = run.update_later()
            task = Task(run, poll.result())
        assert [event.event_id for event in task.history.events] == [4, 5, 6]
        assert turn_down(task, sticky_attributes=sticky).reset_history_event_id == 3
        answer.result()
    run.expect(IDLE)


def test_a_task_that_nobody_takes_from_the_sticky_queue(server):
    run, queue = sticky_run(server, 1)
    with polling(run.task_later(task_queue=queue, timeout=2.5)) as poll:
        poll.result()  # somebody has been there
    answer = run.send_update()
    time.sleep(2.5)
    run.expect("""
        ...
        5 WorkflowTaskScheduled attempt=1 task_queue.kind=STICKY
        6 WorkflowTaskTimedOut timeout_type=SCHEDULE_TO_START
        7 WorkflowTaskScheduled attempt=1 task_queue.kind=NORMAL
    """)
    task = run.task()
    assert ids_of(task) == ["u"]
    turn_down(task)
    answer.result()


def test_a_failed_speculative_task_leaves_the_sticky_queue(server):
    run, queue = sticky_run(server, 30)
    with polling(run.task_later(task_queue=queue)) as poll:
        time.sleep(0.3)  # nothing tells that the poll waits
        answer = run.update_later()
        task = Task(run, poll.result())
    task.fail()
    run.expect("""
        ...
        5 WorkflowTaskScheduled attempt=1 task_queue.kind=STICKY
        6 WorkflowTaskStarted
        7 WorkflowTaskFailed
        8 WorkflowTaskScheduled attempt=1 task_queue.kind=NORMAL
    """)
    task = run.task()
    assert (ids_of(task), task.attempt, len(task.history.events)) == (["u"], 1, 9)
    turn_down(task)
    answer.result()


def test_an_update_during_an_eager_first_task(server):
    run = server.start(request_eager_execution=True)
    task = Task(run, run.response.eager_workflow_task)
    answer = run.send_update()
    second = task.inline()
    assert ids_of(second) == ["u"]
    finish(second, "u", 1)
    assert answer_of(answer.result()) == ("COMPLETED", 1)
