"""Child workflows: every field, every policy, every way to end, and what comes while the parent's task runs."""

from driver import *
from world import scenario


def parent_of(world, name="child", **attributes):
    """A parent whose child has started, and the child."""
    run = world.start("parent")
    run.task().complete(start_child(world.id(name), world.id(f"{name}-queue"), **attributes))
    child = world.child(run, name)
    run.task().complete()
    return run, child


def parent_close(policy):
    return dict(parent_close_policy=f"PARENT_CLOSE_POLICY_{policy}")


def reuse(policy):
    return dict(workflow_id_reuse_policy=f"WORKFLOW_ID_REUSE_POLICY_{policy}")


@scenario
def every_field(world):
    run = world.start("parent", priority=dict(priority_key=1, fairness_key="parent"))
    command = start_child(
        world.id("child"),
        world.id("child-queue"),
        input=payloads("in", 1),
        workflow_execution_timeout=seconds(5000),
        workflow_run_timeout=seconds(900),
        workflow_task_timeout=seconds(20),
        control="control",
        retry_policy=dict(maximum_attempts=3, initial_interval=seconds(2)),
        header=dict(fields=dict(h=payload("header"))),
        memo=dict(fields=dict(m=payload("memo"))),
        priority=dict(priority_key=4),
        **parent_close("ABANDON"),
        **reuse("ALLOW_DUPLICATE_FAILED_ONLY"),
    )
    command.user_metadata.summary.CopyFrom(payload("summary"))
    command.user_metadata.details.CopyFrom(payload("details"))
    run.task().complete(command)
    child = world.child(run, "child")
    child.describe()
    run.describe()
    run.task().complete()
    child.task().complete(complete_workflow("out"))
    run.task().complete(complete_workflow())


@scenario
def nothing_but_what_must_be(world):
    run = world.start("parent", memo=dict(fields=dict(m=payload(1))), workflow_run_timeout=seconds(100))
    command = start_child(world.id("child"), "")
    command.start_child_workflow_execution_command_attributes.ClearField("task_queue")
    run.task().complete(command)
    world.child(run, "child")


@scenario
def completed(world):
    run, child = parent_of(world)
    child.task().complete(complete_workflow("result", 2))
    run.task().complete(complete_workflow())


@scenario
def failed(world):
    run, child = parent_of(world)
    child.task().complete(fail_workflow(application_failure("no", details=payloads("d"))))
    run.task().complete(complete_workflow())


@scenario
def cancelled(world):
    run, child = parent_of(world)
    child.cancel(reason="why")
    child.task().complete(cancel_workflow("details"))
    run.task().complete(complete_workflow())


@scenario
def terminated(world):
    run, child = parent_of(world)
    child.terminate(reason="why")
    run.task().complete(complete_workflow())


@scenario(waits=True)
def timed_out(world):
    run, _ = parent_of(world, workflow_run_timeout=seconds(2))
    run.task().complete(complete_workflow())


@scenario(waits=True)
def failed_after_a_retry(world):
    run, child = parent_of(world, retry_policy=dict(initial_interval=seconds(0.1), maximum_attempts=2))
    child.task().complete(fail_workflow(application_failure("first")))
    second = world.next_run(child)
    second.task().complete(fail_workflow(application_failure("second")))
    run.task().complete(complete_workflow())


@scenario(waits=True)
def continued_as_new_then_completed(world):
    run, child = parent_of(world)
    child.task().complete(continue_as_new())
    run.describe()
    second = world.next_run(child)
    second.task().complete(complete_workflow("by the second run"))
    run.task().complete(complete_workflow())


def childless(description):
    return not description.pending_children


@scenario
def closed_while_the_parents_task_runs(world):
    run, child = parent_of(world)
    run.signal()
    task = run.task()
    child.task().complete(complete_workflow("meanwhile"))
    world.until(run, childless)
    task.complete(start_timer("t", 100))
    run.task().complete(complete_workflow())


@scenario
def closed_while_the_parents_task_runs_that_would_close(world):
    run, child = parent_of(world)
    run.signal()
    task = run.task()
    child.task().complete(complete_workflow("meanwhile"))
    world.until(run, childless)
    with world.refused():
        task.complete(complete_workflow())
    run.task().complete(complete_workflow())


@scenario
def closed_while_the_parents_task_runs_that_fails(world):
    run, child = parent_of(world)
    run.signal()
    task = run.task()
    child.terminate()
    world.until(run, childless)
    task.fail()
    run.task().complete(complete_workflow())


@scenario
def started_and_closed_while_the_parents_task_runs(world):
    run = world.start("parent")
    answer = run.task().complete(
        start_child(world.id("child"), world.id("child-queue")),
        force_create_new_workflow_task=True,
        return_new_workflow_task=True,
    )
    task = Task(run, answer.workflow_task)
    child = world.run(world.id("child"), "", world.id("child-queue")).task()
    child.complete(complete_workflow())
    world.until(run, childless)
    task.complete(start_timer("t", 100))
    run.task().complete(complete_workflow())


@scenario
def several_that_end_in_another_order(world):
    run = world.start("parent")
    children = []
    for index in range(3):
        run.task().complete(start_child(world.id(f"child{index}"), world.id(f"child{index}-queue")))
        children.append(world.child(run, f"child{index}"))
    run.task().complete()
    for child in reversed(children):
        child.task().complete(complete_workflow(child.workflow_id))
        run.task().complete()
    run.describe()


@scenario
def the_policy_to_terminate(world):
    run, child = parent_of(world, **parent_close("TERMINATE"))
    run.signal()
    run.task().complete(complete_workflow())
    world.wait_for(child, "WorkflowExecutionTerminated")


@scenario
def the_policy_to_cancel(world):
    run, child = parent_of(world, **parent_close("REQUEST_CANCEL"))
    run.signal()
    run.task().complete(fail_workflow())
    world.wait_for(child, "WorkflowExecutionCancelRequested")
    child.task().complete(cancel_workflow())


@scenario
def the_policy_to_abandon(world):
    run, child = parent_of(world, **parent_close("ABANDON"))
    run.terminate(reason="parent goes")
    child.task().complete(complete_workflow("all the same"))


@scenario(waits=True)
def the_policy_follows_a_chain(world):
    run, child = parent_of(world)
    child.task().complete(continue_as_new())
    second = world.next_run(child)
    run.terminate()
    world.wait_for(second, "WorkflowExecutionTerminated")


@scenario(waits=True)
def a_policy_when_the_parent_times_out(world):
    run = world.start("parent", workflow_run_timeout=seconds(2))
    run.task().complete(start_child(world.id("child"), world.id("child-queue")))
    child = world.child(run, "child")
    run.task().complete()
    world.wait_for(child, "WorkflowExecutionTerminated")
    world.wait_for(run, "WorkflowExecutionTimedOut")


@scenario
def never_started_because_the_parent_closes(world):
    run = world.start("parent")
    run.task().complete(
        start_child(world.id("child"), world.id("child-queue"), **parent_close("ABANDON")), complete_workflow()
    )
    with world.refused():
        world.call("DescribeWorkflowExecution", execution=dict(workflow_id=world.id("child")))


@scenario
def the_id_is_in_use(world):
    other = world.start("child")
    run = world.start("parent")
    run.task().complete(start_child(world.id("child"), world.id("child-queue"), control="control"))
    world.wait_for(run, "StartChildWorkflowExecutionFailed")
    run.task().complete(complete_workflow())
    other.describe()


@scenario
def the_id_may_not_be_used_again(world):
    world.start("child").task().complete(complete_workflow())
    run = world.start("parent")
    run.task().complete(start_child(world.id("child"), world.id("child-queue"), **reuse("REJECT_DUPLICATE")))
    world.wait_for(run, "StartChildWorkflowExecutionFailed")
    run.task().complete(start_child(world.id("child"), world.id("child-queue"), **reuse("ALLOW_DUPLICATE_FAILED_ONLY")))
    allowed = reuse("ALLOW_DUPLICATE") | parent_close("ABANDON")
    run.task().complete(start_child(world.id("child"), world.id("child-queue"), **allowed))
    run.task().complete(complete_workflow())


@scenario
def a_child_of_a_child(world):
    run, child = parent_of(world)
    child.task().complete(start_child(world.id("grandchild"), world.id("grandchild-queue")))
    grandchild = world.child(child, "grandchild")
    child.task().complete()
    grandchild.task().complete(complete_workflow("from below"))
    child.task().complete(complete_workflow())
    run.task().complete(complete_workflow())


@scenario
def the_parent_continues_as_new(world):
    run, child = parent_of(world, **parent_close("ABANDON"))
    run.signal()
    run.task().complete(continue_as_new())
    child.task().complete(complete_workflow("nobody listens"))
    world.next_run(run)


@scenario
def cancelled_by_its_parent(world):
    run, child = parent_of(world)
    run.signal()
    run.task().complete(
        cancel_external(world.id("child"), child_workflow_only=True, reason="because", control="control")
    )
    run.task().complete()
    child.task().complete(cancel_workflow("as asked"))
    run.task().complete(complete_workflow())


@scenario
def signalled_by_its_parent(world):
    run, child = parent_of(world)
    run.signal()
    run.task().complete(signal_external(world.id("child"), "sig", "input", child_workflow_only=True, control="control"))
    run.task().complete()
    child.task().complete(complete_workflow())
    run.task().complete(complete_workflow())


@scenario
def commands_that_are_refused(world):
    for index, attributes in enumerate(
        [
            dict(workflow_id=""),
            dict(workflow_id="x" * 1001),
            dict(workflow_type=dict(name="")),
            dict(workflow_run_timeout=seconds(-1)),
            dict(retry_policy=dict(maximum_attempts=-1)),
            dict(cron_schedule="nonsense"),
            dict(search_attributes=dict(indexed_fields=dict(NoSuchAttribute=payload(1)))),
            dict(namespace="no such namespace"),
        ]
    ):
        run = world.start(f"parent{index}")
        command = start_child(world.id("child"), run.queue)
        for name, value in attributes.items():
            setting = type(command.start_child_workflow_execution_command_attributes)(**{name: value})
            if not setting.ListFields():
                command.start_child_workflow_execution_command_attributes.ClearField(name)
            command.start_child_workflow_execution_command_attributes.MergeFrom(setting)
        with world.tried():
            run.task().complete(command)
