"""Runs that follow each other: continue-as-new, retry, time-outs, cron."""

from driver import *
from world import scenario


@scenario
def continue_as_new_with_everything(world):
    run = world.start(
        workflow_execution_timeout=seconds(5000),
        workflow_run_timeout=seconds(900),
        retry_policy=dict(maximum_attempts=7),
        memo=dict(fields=dict(old=payload(1))),
        header=dict(fields=dict(old=payload(1))),
        priority=dict(priority_key=2, fairness_key="tenant"),
        links=[dict(batch_job=dict(job_id="a job"))],
        user_metadata=dict(summary=payload("summary")),
    )
    command = continue_as_new(
        workflow_type=dict(name="wf2"),
        task_queue=dict(name=world.id("queue2")),
        input=payloads("next", 2),
        workflow_run_timeout=seconds(800),
        workflow_task_timeout=seconds(30),
        backoff_start_interval=seconds(2000),
        retry_policy=dict(maximum_attempts=3, initial_interval=seconds(5)),
        initiator="CONTINUE_AS_NEW_INITIATOR_WORKFLOW",
        failure=application_failure("carried on"),
        last_completion_result=payloads("the last"),
        header=dict(fields=dict(new=payload(2))),
        memo=dict(fields=dict(new=payload(2))),
    )
    command.user_metadata.summary.CopyFrom(payload("of the command"))
    run.task().complete(command)


@scenario(waits=True)
def continue_as_new_with_nothing(world):
    run = world.start(
        workflow_run_timeout=seconds(900),
        workflow_task_timeout=seconds(7),
        retry_policy=dict(maximum_attempts=7),
        memo=dict(fields=dict(old=payload(1))),
        header=dict(fields=dict(old=payload(1))),
        input=payloads("old"),
    )
    run.task().complete(continue_as_new())
    second = world.next_run(run)
    second.task().complete(complete_workflow())


@scenario(waits=True)
def continue_as_new_again_and_again(world):
    run = world.start(workflow_execution_timeout=seconds(1000))
    for index in range(3):
        run.task().complete(continue_as_new(input=payloads(index)))
        run = world.next_run(run)
    run.task().complete(fail_workflow())


@scenario
def continue_as_new_that_is_refused(world):
    for index, attributes in enumerate(
        [
            dict(workflow_type=dict(name="x" * 1001)),
            dict(task_queue=dict(name="x" * 1001)),
            dict(task_queue=dict(name="q"), workflow_run_timeout=seconds(-1)),
            dict(workflow_task_timeout=seconds(-1)),
            dict(backoff_start_interval=seconds(-1)),
            dict(retry_policy=dict(maximum_attempts=-1)),
            dict(cron_schedule="nonsense"),
            dict(search_attributes=dict(indexed_fields=dict(NoSuchAttribute=payload(1)))),
            dict(input=payloads("x" * (2 << 20))),
            dict(memo=dict(fields=dict(m=payload("x" * (2 << 20))))),
        ]
    ):
        run = world.start(f"wf{index}")
        with world.tried():
            run.task().complete(continue_as_new(**attributes))


@scenario
def what_is_pending_when_it_continues_as_new(world):
    run = world.start()
    run.task().complete(
        start_timer("t", 100), run.schedule_activity("a"), start_child(world.id("child"), world.id("child-queue"))
    )
    activity = run.activity()
    run.task().complete(continue_as_new())
    with world.refused():
        activity.complete()
    world.wait_for(world.child(run, "child"), "WorkflowExecutionTerminated")


@scenario
def cancel_during_the_backoff_of_a_continued_run(world):
    run = world.start()
    run.task().complete(continue_as_new(backoff_start_interval=seconds(600)))
    second = world.next_run(run)
    second.signal("does not wake it")
    second.describe()
    second.cancel()
    second.task().complete(cancel_workflow())


@scenario
def signal_to_a_run_that_went_on(world):
    run = world.start()
    run.task().complete(continue_as_new(backoff_start_interval=seconds(600)))
    with world.refused():
        run.signal("to the closed run")
    run.signal("to the current run", workflow_execution=dict(workflow_id=run.workflow_id))
    world.next_run(run)


@scenario(waits=True)
def retried_until_no_attempt_is_left(world):
    policy = dict(initial_interval=seconds(0.1), maximum_attempts=2)
    run = world.start(
        retry_policy=policy,
        input=payloads("in"),
        memo=dict(fields=dict(m=payload(1))),
        header=dict(fields=dict(h=payload(1))),
        priority=dict(priority_key=2),
        user_metadata=dict(summary=payload("summary")),
        links=[dict(batch_job=dict(job_id="a job"))],
    )
    run.task().complete(fail_workflow(application_failure("first")))
    second = world.next_run(run)
    second.task().complete(fail_workflow(application_failure("second")))


@scenario(waits=True)
def retried_then_completed(world):
    run = world.start(retry_policy=dict(initial_interval=seconds(0.1)), workflow_execution_timeout=seconds(1000))
    run.task().complete(fail_workflow())
    second = world.next_run(run)
    second.task().complete(complete_workflow("well"))


@scenario
def a_retry_takes_back_what_was_changed(world):
    run = world.start(retry_policy=dict(initial_interval=seconds(600)), memo=dict(fields=dict(m=payload("started"))))
    run.task().complete(modify_memo(m="changed", n=1), fail_workflow())
    world.next_run(run)


@scenario
def not_retried(world):
    listed = dict(non_retryable_error_types=["Boom"])
    for name, policy, failure in (
        ("without-policy", None, application_failure()),
        ("flag", dict(), application_failure(non_retryable=True)),
        ("listed", listed, application_failure()),
        ("canceled", dict(), failure_pb.Failure(message="c", canceled_failure_info=dict(details=payloads("d")))),
        ("server", dict(), failure_pb.Failure(message="s", server_failure_info=dict(non_retryable=True))),
        ("bare", dict(maximum_attempts=1), failure_pb.Failure(message="bare")),
    ):
        run = world.start(name, **({} if policy is None else dict(retry_policy=policy)))
        run.task().complete(fail_workflow(failure))


@scenario
def no_time_left_for_a_retry(world):
    run = world.start(retry_policy=dict(initial_interval=seconds(600)), workflow_execution_timeout=seconds(300))
    run.task().complete(fail_workflow())


@scenario
def the_next_delay_comes_with_the_failure(world):
    run = world.start(retry_policy=dict(initial_interval=seconds(5), maximum_interval=seconds(50)))
    run.task().complete(fail_workflow(application_failure(next_retry_delay=seconds(40))))
    capped = world.start("capped", retry_policy=dict(initial_interval=seconds(5), maximum_interval=seconds(50)))
    capped.task().complete(fail_workflow(application_failure(next_retry_delay=seconds(500))))


@scenario
def cancel_during_the_backoff_of_a_retry(world):
    run = world.start(retry_policy=dict(initial_interval=seconds(600)))
    run.task().complete(fail_workflow())
    second = world.next_run(run)
    second.cancel(reason="do not wait")
    second.task().complete(cancel_workflow())


@scenario
def terminate_during_the_backoff_of_a_retry(world):
    run = world.start(retry_policy=dict(initial_interval=seconds(600)))
    run.task().complete(fail_workflow())
    second = world.next_run(run)
    second.describe()
    second.terminate()


@scenario(waits=True)
def a_run_that_continues_as_new_with_a_retry_policy(world):
    run = world.start(retry_policy=dict(initial_interval=seconds(0.1)))
    run.task().complete(fail_workflow(application_failure("first")))
    second = world.next_run(run)
    second.task().complete(continue_as_new(retry_policy=dict(initial_interval=seconds(600))))
    third = world.next_run(second)
    third.task().complete(fail_workflow(application_failure("third")))
    world.next_run(third)


@scenario(waits=True)
def the_run_times_out(world):
    run = world.start(workflow_run_timeout=seconds(1))
    world.wait_for(run, "WorkflowExecutionTimedOut")


@scenario(waits=True)
def the_run_times_out_while_a_task_runs(world):
    run = world.start(workflow_run_timeout=seconds(2))
    run.task().complete(start_timer("t", 100), run.schedule_activity("a"))
    run.activity()
    run.signal()
    task = run.task()
    run.signal("held back")
    world.wait_for(run, "WorkflowExecutionTimedOut")
    with world.refused():
        task.complete()


@scenario(waits=True)
def the_run_times_out_and_is_retried(world):
    run = world.start(workflow_run_timeout=seconds(1), retry_policy=dict(initial_interval=seconds(600)))
    world.wait_for(run, "WorkflowExecutionTimedOut")
    world.next_run(run)


@scenario(waits=True)
def the_run_times_out_while_it_waits(world):
    """The time-out of a run counts from the end of the delay."""
    run = world.start(workflow_run_timeout=seconds(1), workflow_start_delay=seconds(1))
    world.wait_for(run, "WorkflowExecutionTimedOut")


@scenario(waits=True)
def the_chain_times_out(world):
    run = world.start(workflow_execution_timeout=seconds(1), retry_policy=dict(initial_interval=seconds(1)))
    world.wait_for(run, "WorkflowExecutionTimedOut")


@scenario(waits=True)
def the_chain_times_out_in_its_second_run(world):
    run = world.start(workflow_execution_timeout=seconds(2))
    run.task().complete(continue_as_new(workflow_run_timeout=seconds(100)))
    world.wait_for(world.next_run(run), "WorkflowExecutionTimedOut")


@scenario
def what_an_old_client_is_told_of_a_retry(world):
    run = world.start(retry_policy=dict(initial_interval=seconds(600)))
    run.task().complete(fail_workflow())
    close = dict(history_event_filter_type="HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT")
    for metadata in ((), (("supported-features", "follows-next-run-id"),)):
        page = run.history_page(metadata=metadata, **close)
        world.note("The close event", *world.normalizer.events(page.history.events))


@scenario(waits=True)
def what_an_old_client_is_told_of_a_timed_out_run(world):
    run = world.start(workflow_run_timeout=seconds(1), retry_policy=dict(initial_interval=seconds(600)))
    world.wait_for(run, "WorkflowExecutionTimedOut")
    close = dict(history_event_filter_type="HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT")
    for metadata in ((), (("supported-features", "follows-next-run-id"),)):
        page = run.history_page(metadata=metadata, **close)
        world.note("The close event", *world.normalizer.events(page.history.events))


# ---------------------------------------------------------------------------------------------------------------------
# Cron. "@every" counts from the start of the last run, so the waits are as exact as those of retries.


@scenario(waits=True)
def cron(world):
    run = world.start(
        cron_schedule="@every 1s",
        input=payloads("in"),
        memo=dict(fields=dict(m=payload(1))),
        header=dict(fields=dict(h=payload(1))),
        workflow_run_timeout=seconds(100),
        priority=dict(priority_key=2),
    )
    run.task().complete(complete_workflow("first"))
    second = world.next_run(run)
    second.task().complete(fail_workflow(application_failure("second")))
    third = world.next_run(second)
    third.task().complete(complete_workflow())
    fourth = world.next_run(third)
    fourth.task().complete(cancel_workflow())


@scenario
def cron_waits(world):
    run = world.start(cron_schedule="@every 10h", request_eager_execution=True)
    run.signal("does not wake it")
    run.describe()
    run.cancel()
    run.task().complete(complete_workflow("woken"))
    world.next_run(run)


@scenario(waits=True)
def cron_with_a_retry_policy(world):
    run = world.start(cron_schedule="@every 1s", retry_policy=dict(initial_interval=seconds(0.1), maximum_attempts=2))
    run.task().complete(fail_workflow(application_failure("first")))
    again = world.next_run(run)
    again.task().complete(fail_workflow(application_failure("again")))
    following = world.next_run(again)
    following.task().complete(complete_workflow("well"))
    world.next_run(following)


@scenario(waits=True)
def cron_that_continues_as_new(world):
    run = world.start(cron_schedule="@every 1s", input=payloads("in"))
    run.task().complete(continue_as_new(input=payloads("next")))
    second = world.next_run(run)
    second.task().complete(complete_workflow())


@scenario(waits=True)
def cron_that_continues_as_new_with_its_schedule(world):
    run = world.start(cron_schedule="@every 1s", input=payloads("in"))
    run.task().complete(continue_as_new(input=payloads("next"), cron_schedule="@every 10h"))
    second = world.next_run(run)
    second.terminate()


@scenario(waits=True)
def cron_that_times_out(world):
    run = world.start(cron_schedule="@every 1s", workflow_run_timeout=seconds(1))
    world.wait_for(run, "WorkflowExecutionTimedOut")
    second = world.next_run(run)
    second.task().complete(complete_workflow("in time"))
    world.next_run(second)


@scenario(waits=True)
def cron_beyond_the_end_of_its_chain(world):
    run = world.start(cron_schedule="@every 1s", workflow_execution_timeout=seconds(3))
    run.task().complete(complete_workflow())
    second = world.next_run(run)
    world.wait_for(second, "WorkflowExecutionTimedOut")


@scenario(waits=True)
def cron_is_terminated(world):
    run = world.start(cron_schedule="@every 1s")
    run.task().complete(complete_workflow("first"))
    second = world.next_run(run)
    second.terminate(reason="enough")
