"""Backoffs and time-outs at awkward moments: while something waits, runs or is on its way."""

from driver import *
from world import scenario


@scenario
def a_delay_of_nothing_comes_with_the_failure(world):
    run = world.start(retry_policy=dict(initial_interval=seconds(5), maximum_interval=seconds(50)))
    run.task().complete(fail_workflow(application_failure(next_retry_delay=seconds(0))))
    activity = world.start("activity")
    activity.task().complete(activity.schedule_activity("a", retry_policy=dict(initial_interval=seconds(5))))
    activity.activity().fail(application_failure(next_retry_delay=seconds(0)))
    world.wait_for(activity, "ActivityTaskFailed")


@scenario
def the_run_times_out_during_the_delay_that_its_chain_does_not_outlive(world):
    """The execution time-out counts from the start, the run's from the end of the delay."""
    run = world.start(
        workflow_execution_timeout=seconds(1), workflow_run_timeout=seconds(1), workflow_start_delay=seconds(60)
    )
    world.wait_for(run, "WorkflowExecutionTimedOut")


@scenario
def the_chain_times_out_during_the_backoff_of_a_retry(world):
    run = world.start(workflow_execution_timeout=seconds(2), retry_policy=dict(initial_interval=seconds(1.5)))
    run.task().complete(fail_workflow())
    second = world.next_run(run)
    second.signal("in vain")
    world.wait_for(second, "WorkflowExecutionTimedOut")


@scenario
def the_chain_times_out_during_the_wait_for_cron(world):
    run = world.start(workflow_execution_timeout=seconds(2), cron_schedule="@every 10h")
    world.wait_for(run, "WorkflowExecutionTimedOut")


@scenario
def the_run_times_out_with_a_transient_task(world):
    run = world.start(workflow_run_timeout=seconds(2), retry_policy=dict(initial_interval=seconds(600)))
    run.task().fail()
    run.task()
    world.wait_for(run, "WorkflowExecutionTimedOut")
    world.next_run(run)


@scenario
def the_run_times_out_with_everything_pending(world):
    run = world.start(workflow_run_timeout=seconds(2), retry_policy=dict(initial_interval=seconds(600)))
    children = []
    for name, policy in (("terminated", "TERMINATE"), ("cancelled", "REQUEST_CANCEL"), ("abandoned", "ABANDON")):
        run.task().complete(
            start_child(
                world.id(name), world.id(f"{name}-queue"), parent_close_policy=f"PARENT_CLOSE_POLICY_{policy}"
            )
        )
        children.append(world.child(run, name))
    run.task().complete(start_timer("t", 100), run.schedule_activity("waits"))
    world.wait_for(run, "WorkflowExecutionTimedOut")
    world.wait_for(children[0], "WorkflowExecutionTerminated")
    world.wait_for(children[1], "WorkflowExecutionCancelRequested")
    world.next_run(run)


@scenario
def a_retry_of_the_parent_starts_its_child_again(world):
    run = world.start(retry_policy=dict(initial_interval=seconds(1)))
    run.task().complete(start_child(world.id("child"), world.id("child-queue")))
    child = world.child(run, "child")
    run.task().complete(fail_workflow())
    world.wait_for(child, "WorkflowExecutionTerminated")
    second = world.next_run(run)
    second.task().complete(start_child(world.id("child"), world.id("child-queue")))
    again = world.child(second, "child")
    second.task().complete()
    again.task().complete(complete_workflow("again"))
    second.task().complete(complete_workflow())


@scenario
def a_child_with_a_retry_policy(world):
    run = world.start()
    run.task().complete(
        start_child(
            world.id("child"),
            world.id("child-queue"),
            retry_policy=dict(initial_interval=seconds(1), maximum_attempts=2),
            workflow_execution_timeout=seconds(1000),
            input=payloads("in"),
            memo=dict(fields=dict(m=payload(1))),
            priority=dict(priority_key=4),
        )
    )
    child = world.child(run, "child")
    run.task().complete()
    child.task().complete(fail_workflow(application_failure("first")))
    second = world.next_run(child)
    run.describe()
    second.task().complete(fail_workflow(application_failure("second")))
    world.wait_for(run, "ChildWorkflowExecutionFailed")


@scenario
def a_child_with_a_cron_schedule(world):
    run = world.start()
    run.task().complete(
        start_child(world.id("child"), world.id("child-queue"), cron_schedule="@every 1s", input=payloads("in"))
    )
    child = world.child(run, "child")
    run.task().complete()
    child.task().complete(complete_workflow("first"))
    second = world.next_run(child)
    second.task().complete(fail_workflow())
    third = world.next_run(second)
    third.task().complete(cancel_workflow())
    world.wait_for(run, "ChildWorkflowExecutionCanceled")


@scenario
def the_parent_of_a_cron_child_closes(world):
    run = world.start()
    run.task().complete(start_child(world.id("child"), world.id("child-queue"), cron_schedule="@every 10h"))
    started = attributes_of(world.wait_for(run, "ChildWorkflowExecutionStarted")).workflow_execution
    child = world.run(started.workflow_id, started.run_id, world.id("child-queue"))
    run.task().complete(complete_workflow())
    world.wait_for(child, "WorkflowExecutionTerminated")


@scenario
def a_child_with_a_cron_schedule_that_is_none(world):
    for name, schedule in (("none", "every now and then"), ("never", "0 0 31 2 *")):
        run = world.start(name)
        task = run.task()
        with world.refused():
            task.complete(start_child(world.id("child"), world.id("child-queue"), cron_schedule=schedule))


@scenario
def a_child_times_out_and_is_retried(world):
    run = world.start()
    run.task().complete(
        start_child(
            world.id("child"),
            world.id("child-queue"),
            workflow_run_timeout=seconds(1),
            retry_policy=dict(initial_interval=seconds(1), maximum_attempts=2),
        )
    )
    child = world.child(run, "child")
    run.task().complete()
    world.wait_for(child, "WorkflowExecutionTimedOut")
    world.wait_for(world.next_run(child), "WorkflowExecutionTimedOut")
    world.wait_for(run, "ChildWorkflowExecutionTimedOut")


@scenario
def a_child_that_continues_as_new(world):
    run = world.start()
    run.task().complete(start_child(world.id("child"), world.id("child-queue"), workflow_run_timeout=seconds(1000)))
    child = world.child(run, "child")
    run.task().complete()
    child.task().complete(continue_as_new(input=payloads("next"), backoff_start_interval=seconds(2)))
    second = world.next_run(child)
    run.describe()
    second.task().complete(complete_workflow("last"))
    world.wait_for(run, "ChildWorkflowExecutionCompleted")


@scenario
def cancel_of_a_cron_chain_between_its_runs(world):
    run = world.start(cron_schedule="@every 1s")
    run.task().complete(complete_workflow("first"))
    second = world.next_run(run)
    second.cancel(reason="enough")
    second.task().complete(cancel_workflow())


@scenario
def a_cron_run_that_ends_before_its_time(world):
    """Woken by a cancellation request, which it does not heed: the next run has the time that this one had."""
    run = world.start(cron_schedule="@every 600s")
    run.cancel()
    run.task().complete(fail_workflow())
    second = world.next_run(run)
    second.describe()


@scenario
def a_start_again_while_cron_waits(world):
    run = world.start(cron_schedule="@every 600s")
    fields = world.start_fields()
    fields["request_id"] = "another"
    with world.refused():
        world.call("StartWorkflowExecution", **fields)
    fields["workflow_id_conflict_policy"] = "WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING"
    response = world.call("StartWorkflowExecution", **fields)
    world.run(run.workflow_id, response.run_id, run.queue)


@scenario
def signal_with_start_of_a_cron_workflow(world):
    fields = world.start_fields(cron_schedule="@every 600s")
    response = world.call("SignalWithStartWorkflowExecution", signal_name="first", **fields)
    run = world.run(fields["workflow_id"], response.run_id, fields["task_queue"]["name"])
    fields["request_id"] = "another"
    world.call("SignalWithStartWorkflowExecution", signal_name="second", **fields)
    run.task().complete(complete_workflow("early"))
    world.next_run(run)


@scenario
def update_while_cron_waits(world):
    run = world.start(cron_schedule="@every 600s")
    answer = run.update_later("u")
    run.task().complete(
        place(a := accept("u")), place(b := respond("u", "done")), messages=[a, b]
    )
    answer.result()


@scenario
def cron_with_links_and_metadata(world):
    run = world.start(
        cron_schedule="@every 1s",
        links=[dict(batch_job=dict(job_id="a job"))],
        user_metadata=dict(summary=payload("summary")),
        retry_policy=dict(initial_interval=seconds(0.1), maximum_attempts=2),
        workflow_execution_timeout=seconds(1000),
        workflow_run_timeout=seconds(1000),
    )
    run.task().complete(complete_workflow("first"))
    second = world.next_run(run)
    second.task().complete(fail_workflow())
    again = world.next_run(second)
    again.task().complete(fail_workflow(application_failure("again")))
    fourth = world.next_run(again)
    fourth.task().complete(complete_workflow("fourth"))
    world.next_run(fourth)


@scenario
def the_chain_keeps_its_links_when_it_continues_as_new(world):
    run = world.start(links=[dict(batch_job=dict(job_id="a job"))], user_metadata=dict(summary=payload("summary")))
    run.task().complete(continue_as_new(cron_schedule="@every 1s"))
    second = world.next_run(run)
    second.task().complete(complete_workflow())
    world.next_run(second)


@scenario
def a_cron_workflow_of_which_no_time_comes(world):
    for name, schedule in (("none", "x"), ("never", "0 0 30 2 *"), ("zone", "CRON_TZ=Atlantis/City 0 0 * * *")):
        with world.refused():
            world.start(name, cron_schedule=schedule)


@scenario
def a_timer_and_the_run_at_the_same_instant(world):
    run = world.start(workflow_run_timeout=seconds(1), workflow_start_delay=seconds(1))
    run.task().complete(start_timer("t", 10), run.schedule_activity("a", start_to_close_timeout=seconds(10)))
    run.activity()
    world.wait_for(run, "WorkflowExecutionTimedOut")


@scenario
def spans_of_nothing_in_a_chain(world):
    """As SDKs send them that set every span."""
    nothing = seconds(0)
    run = world.start(
        workflow_execution_timeout=nothing,
        workflow_run_timeout=nothing,
        workflow_task_timeout=nothing,
        retry_policy=dict(initial_interval=seconds(0.1), maximum_interval=nothing),
    )
    run.task().complete(fail_workflow())
    second = world.next_run(run)
    second.task().complete(
        continue_as_new(workflow_run_timeout=nothing, workflow_task_timeout=nothing, backoff_start_interval=nothing)
    )
    third = world.next_run(second)
    third.task().complete(complete_workflow())


@scenario
def continue_as_new_after_more_than_a_second(world):
    run = world.start()
    task = run.task()
    run.no_activity()  # two seconds
    task.complete(continue_as_new())
    second = world.next_run(run)
    second.task().complete(continue_as_new(backoff_start_interval=seconds(0)))
    world.next_run(second).task()
