"""Awkward orders: what comes while something else is on its way."""

from driver import *
from world import scenario


def started_task(world, run, *commands):
    """Completes the first task and has the next one at once, so that whatever the commands lead to is held back."""
    answer = run.task().complete(*commands, force_create_new_workflow_task=True, return_new_workflow_task=True)
    return Task(run, answer.workflow_task)


def sticky(run):
    """A poll on a queue of one worker, and the fields of a completion that name this queue."""
    queue = dict(name=f"{run.queue}-sticky", kind="TASK_QUEUE_KIND_STICKY", normal_name=run.queue)
    attributes = dict(worker_task_queue=queue, schedule_to_start_timeout=seconds(100))
    return run.task_later(task_queue=queue), dict(sticky_attributes=attributes)


@scenario
def an_activity_ends_while_a_second_attempt_runs(world):
    run = world.start()
    task = started_task(world, run, run.schedule_activity("a"))
    activity = run.activity()
    task.fail()
    task = run.task()
    activity.complete("result")
    task.complete(start_timer("t", 100))
    run.task().complete(complete_workflow())


@scenario
def an_activity_ends_while_a_second_attempt_waits(world):
    run = world.start()
    task = started_task(world, run, run.schedule_activity("a"))
    activity = run.activity()
    task.fail()
    activity.complete("result")
    run.describe()
    run.task().complete(complete_workflow())


@scenario
def an_activity_fails_and_its_cancellation_crosses(world):
    run = world.start()
    task = started_task(world, run, run.schedule_activity("a", retry_policy=dict(maximum_attempts=1)))
    activity = run.activity()
    activity.fail()
    task.complete(cancel_activity(5), run.schedule_activity("a"))
    run.task().complete()
    run.activity().complete()
    run.task().complete(complete_workflow())


@scenario
def an_activity_that_backs_off_is_cancelled_while_a_task_runs(world):
    run = world.start()
    policy = dict(initial_interval=seconds(600))
    task = started_task(world, run, run.schedule_activity("a", retry_policy=policy))
    run.activity().fail()
    run.signal()
    task.complete(cancel_activity(5))
    run.task().complete(complete_workflow())


@scenario
def two_activities_are_cancelled_and_a_signal_comes(world):
    run = world.start()
    other = world.id("other-queue")
    task = started_task(world, run, run.schedule_activity("a"), schedule_activity("b", other))
    b = run.activity(task_queue=dict(name=other))
    run.signal("before")
    task.complete(cancel_activity(5), cancel_activity(6))
    run.signal("after")
    b.cancel()
    run.task().complete(complete_workflow())


@scenario
def an_eager_activity_is_cancelled(world):
    run = world.start()
    command = run.schedule_activity("a", request_eager_execution=True, heartbeat_timeout=seconds(100))
    (given,) = run.task().complete(command).activity_tasks
    run.signal()
    run.task().complete(cancel_activity(5))
    activity = Activity(run, given)
    activity.heartbeat()
    activity.cancel()
    run.task().complete(complete_workflow())


@scenario
def an_activity_ends_after_the_run_went_on(world):
    run = world.start()
    task = started_task(world, run, run.schedule_activity("a", heartbeat_timeout=seconds(100)))
    activity = run.activity()
    task.complete(continue_as_new(backoff_start_interval=seconds(600)))
    for answer in (activity.heartbeat, activity.complete, activity.fail):
        with world.refused():
            answer()
    world.next_run(run)


@scenario
def a_workflow_closes_with_everything_pending(world):
    run = world.start()
    target = world.start("target")
    child = start_child(
        world.id("child"), world.id("child-queue"), parent_close_policy="PARENT_CLOSE_POLICY_REQUEST_CANCEL"
    )
    run.task().complete(child)
    started = world.child(run, "child")
    run.task().complete(
        start_timer("t", 100),
        run.schedule_activity("a"),
        signal_external(target.workflow_id, "never sent"),
        cancel_external(target.workflow_id, reason="never sent"),
        complete_workflow(),
    )
    world.wait_for(started, "WorkflowExecutionCancelRequested")


@scenario
def a_child_that_cannot_start_while_the_parents_task_runs(world):
    world.start("child")
    run = world.start("parent")
    task = started_task(world, run, start_child(world.id("child"), world.id("child-queue")))
    world.until(run, lambda description: not description.pending_children)
    task.complete(record_marker("m"))
    run.task().complete(complete_workflow())


@scenario
def a_child_ends_while_a_second_attempt_runs(world):
    run = world.start("parent")
    run.task().complete(start_child(world.id("child"), world.id("child-queue")))
    child = world.child(run, "child")
    run.task().fail()
    task = run.task()
    child.task().complete(fail_workflow())
    world.until(run, lambda description: not description.pending_children)
    task.complete()
    run.task().complete(complete_workflow())


@scenario
def a_child_is_cancelled_and_signalled_by_its_parent_while_its_task_runs(world):
    run = world.start("parent")
    run.task().complete(start_child(world.id("child"), world.id("child-queue")))
    child = world.child(run, "child")
    task = child.task()
    run.task().complete(signal_external(world.id("child"), "sig", child_workflow_only=True))
    run.task().complete(cancel_external(world.id("child"), child_workflow_only=True))
    run.task().complete()
    with world.refused():
        task.complete(complete_workflow("too early"))
    child.task().complete(cancel_workflow())
    run.task().complete(complete_workflow())


@scenario
def a_parent_is_terminated_with_children_of_every_policy(world):
    run = world.start("parent")
    for policy in ("TERMINATE", "REQUEST_CANCEL", "ABANDON"):
        command = start_child(
            world.id(policy), world.id(f"{policy}-queue"), parent_close_policy=f"PARENT_CLOSE_POLICY_{policy}"
        )
        run.task().complete(command)
        world.child(run, policy)
    run.terminate()
    world.wait_for(world.child(run, "TERMINATE"), "WorkflowExecutionTerminated")
    world.wait_for(world.child(run, "REQUEST_CANCEL"), "WorkflowExecutionCancelRequested")


@scenario
def a_signal_of_a_run_that_went_on_comes_again(world):
    """Request ids of signals are remembered for a run, not for its chain."""
    run = world.start()
    run.signal("sig", request_id="r")
    run.task().complete(continue_as_new(backoff_start_interval=seconds(600)))
    run.signal("sig", request_id="r", workflow_execution=dict(workflow_id=run.workflow_id))
    run.signal("sig", request_id="r", workflow_execution=dict(workflow_id=run.workflow_id))
    world.next_run(run)


@scenario
def signal_with_start_to_a_run_that_waits_for_its_retry(world):
    run = world.start(retry_policy=dict(initial_interval=seconds(600)))
    run.task().complete(fail_workflow())
    fields = world.start_fields(request_id="another", signal_name="wakes it")
    world.call("SignalWithStartWorkflowExecution", **fields)
    world.next_run(run).task().complete(complete_workflow())


@scenario
def a_query_while_a_task_runs_that_fails(world):
    run = world.start()
    run.task().complete()
    run.signal()
    task = run.task()
    answer = run.query_later()
    run.describe()
    task.fail()
    task = run.task()
    (id,) = task.queries
    result = dict(result_type="QUERY_RESULT_TYPE_ANSWERED", answer=payloads("at last"))
    task.complete(query_results={id: result})
    answer.result()


@scenario
def a_query_that_is_not_answered_with_its_task(world):
    run = world.start()
    run.task().complete()
    run.signal()
    answer = run.query_later()
    run.describe()
    run.task().complete()
    run.task().answer_query("alone")
    answer.result()


@scenario
def a_query_and_an_update_on_one_task(world):
    run = world.start()
    run.task().complete()
    run.signal()
    query = run.query_later()
    update = run.update_later()
    world.admitted(run, "u")
    task = run.task()
    (id,) = task.queries
    messages = [accept("u", task.messages[0].event_id), respond("u", "result")]
    result = dict(result_type="QUERY_RESULT_TYPE_ANSWERED", answer=payloads("answer"))
    task.complete(*(place(message) for message in messages), messages=messages, query_results={id: result})
    query.result()
    update.result()


@scenario
def a_sticky_worker_gets_the_returned_task(world):
    run = world.start()
    poll, fields = sticky(run)
    task = run.task()
    run.signal()
    answer = task.complete(start_timer("t", 100), return_new_workflow_task=True, **fields)
    answer = Task(run, answer.workflow_task).complete(force_create_new_workflow_task=True, **fields)
    Task(run, poll.result()).complete(complete_workflow())


@scenario
def a_bad_command_on_the_sticky_queue(world):
    run = world.start()
    poll, fields = sticky(run)
    run.task().complete(**fields)
    run.signal()
    task = Task(run, poll.result())
    with world.refused():
        task.complete(start_timer("", 1), **fields)
    run.describe()
    run.task().complete(complete_workflow())


@scenario
def a_close_that_is_not_heeded_on_the_sticky_queue(world):
    run = world.start()
    poll, fields = sticky(run)
    run.task().complete(**fields)
    run.signal("first")
    task = Task(run, poll.result())
    run.signal("second")
    with world.refused():
        task.complete(complete_workflow(), **fields)
    run.describe()
    run.task().complete(complete_workflow())


@scenario
def cancelled_and_continued_as_new(world):
    """A request to cancel is not passed on to the next run."""
    run = world.start()
    run.cancel()
    run.task().complete(continue_as_new(backoff_start_interval=seconds(600)))
    world.next_run(run).describe()


@scenario
def cancelled_and_retried(world):
    run = world.start(retry_policy=dict(initial_interval=seconds(600)))
    run.cancel()
    run.task().complete(fail_workflow())
    world.next_run(run)


@scenario
def terminated_with_a_task_on_the_sticky_queue(world):
    run = world.start()
    poll, fields = sticky(run)
    run.task().complete(**fields)
    poll.cancel()
    run.signal()
    run.terminate()


@scenario
def started_again_while_a_task_of_the_last_one_runs(world):
    run = world.start()
    task = run.task()
    again = world.start(
        request_id="another", workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING"
    )
    with world.refused():
        task.complete(complete_workflow("of the first"))
    again.task().complete(complete_workflow("of the second"))


@scenario
def a_timer_is_set_again_in_the_task_that_it_brought(world):
    run = world.start()
    run.task().complete(start_timer("t", 0.1))
    run.task().complete(start_timer("t", 0.1))
    run.task().complete(start_timer("t", 100), cancel_timer("t"))


@scenario
def an_update_wakes_a_run_that_waits_for_its_retry(world):
    run = world.start(retry_policy=dict(initial_interval=seconds(600)))
    run.task().complete(fail_workflow())
    second = world.next_run(run)
    update = second.update_later()
    task = second.task()
    messages = [accept("u", task.messages[0].event_id), respond("u", "result")]
    task.complete(*(place(message) for message in messages), messages=messages)
    update.result()


@scenario
def an_update_is_accepted_and_the_next_task_fails(world):
    run = world.start()
    run.task().complete()
    update = run.update_later()
    task = run.task()
    acceptance = accept("u", task.messages[0].event_id)
    task.complete(place(acceptance), start_timer("t", 0.1), messages=[acceptance])
    run.task().fail()
    response = respond("u", "after a failure")
    run.task().complete(place(response), messages=[response])
    update.result()


@scenario
def an_update_is_completed_while_it_crosses_a_signal(world):
    run = world.start()
    run.task().complete()
    update = run.update_later()
    task = run.task()
    run.signal()
    messages = [accept("u", task.messages[0].event_id), respond("u", "result")]
    task.complete(*(place(message) for message in messages), start_timer("t", 100), messages=messages)
    update.result()
    run.task().complete(complete_workflow())


@scenario
def a_reset_takes_an_accepted_update_back(world):
    run = world.start()
    run.task().complete()
    update = run.update_later("u", "up", 1, stage="ACCEPTED")
    task = run.task()
    acceptance = accept("u", task.messages[0].event_id)
    task.complete(place(acceptance), messages=[acceptance])
    update.result()
    response = world.call(
        "ResetWorkflowExecution",
        workflow_execution=run.execution,
        workflow_task_finish_event_id=4,
        request_id="reset",
        reason="why",
    )
    again = world.run(run.workflow_id, response.run_id, run.queue)
    task = again.task()
    messages = [accept("u", 5), respond("u", "in the new run")]
    task.complete(*(place(message) for message in messages), messages=messages)
    again.poll_update("u", "COMPLETED")


@scenario
def a_reset_goes_before_a_child_and_excludes_updates(world):
    run = world.start("parent")
    run.task().complete()
    run.signal()
    run.task().complete(start_child(world.id("child"), world.id("child-queue")))
    child = world.child(run, "child")
    response = world.call(
        "ResetWorkflowExecution",
        workflow_execution=run.execution,
        workflow_task_finish_event_id=4,
        request_id="reset",
        reason="why",
        reset_reapply_exclude_types=["RESET_REAPPLY_EXCLUDE_TYPE_UPDATE"],
    )
    again = world.run(run.workflow_id, response.run_id, run.queue)
    again.task().complete(complete_workflow())
    child.describe()
