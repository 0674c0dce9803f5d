"""Signals, cancellation and termination from outside."""

from driver import *
from world import scenario


@scenario
def with_everything(world):
    run = world.start()
    run.task().complete()
    run.signal(
        "sig",
        "one",
        2,
        header=dict(fields=dict(h=payload("header"))),
        request_id="request of the signal",
        control="ignored",
        links=[dict(batch_job=dict(job_id="a job"))],
    )
    run.task().complete()


@scenario
def with_nothing(world):
    run = world.start()
    run.signal("sig", identity="")


@scenario
def before_the_first_task(world):
    run = world.start()
    run.signal("first")
    run.signal("second")
    run.task().complete(complete_workflow())


@scenario
def the_same_request_again(world):
    run = world.start()
    run.signal("sig", 1, request_id="r")
    run.signal("sig", 2, request_id="r")
    task = run.task()
    run.signal("sig", 3, request_id="s")
    run.signal("sig", 4, request_id="s")
    task.complete()
    run.task().complete(complete_workflow())
    run.signal("sig", 5, request_id="r")
    with world.refused():
        run.signal("sig", 6, request_id="t")


@scenario
def to_whom_it_cannot_go(world):
    run = world.start()
    run.terminate()
    for fields in (
        dict(),
        dict(workflow_execution=dict(workflow_id=run.workflow_id)),
        dict(workflow_execution=dict(workflow_id=world.id("nobody"))),
        dict(workflow_execution=dict(workflow_id=run.workflow_id, run_id="00000000-0000-4000-8000-000000000000")),
        dict(workflow_execution=dict(workflow_id=run.workflow_id, run_id="no run id")),
        dict(workflow_execution=dict()),
        dict(signal_name=""),
        dict(signal_name="x" * 1001),
        dict(identity="x" * 1001),
        dict(input=payloads("x" * (2 << 20))),
    ):
        fields = dict(dict(workflow_execution=run.execution, signal_name="sig", identity="client"), **fields)
        with world.tried():
            world.call("SignalWorkflowExecution", **fields)


@scenario
def more_than_a_task_can_hold_back(world):
    run = world.start()
    task = run.task()
    for index in range(101):
        run.signal(f"s{index}", request_id=f"r{index}")
    with world.refused():
        task.complete()
    run.task().complete(complete_workflow())
    # The signal that is one too many: there it is dated a moment before the task that it makes fail, here all events
    # of a turn have one time.
    world.normalizer.one_instant.add(105)


@scenario
def more_than_a_transient_task_can_hold_back(world):
    run = world.start()
    run.task().fail()
    task = run.task()
    for index in range(101):
        run.signal(f"s{index}", request_id=f"r{index}")
    with world.refused():
        task.complete()
    run.task().complete(complete_workflow())


@scenario
def cancel(world):
    run = world.start()
    run.task().complete()
    run.cancel(reason="why", request_id="request of the cancellation", links=[dict(batch_job=dict(job_id="a job"))])
    run.describe()
    run.cancel(reason="another why", request_id="another request")
    run.task().complete(cancel_workflow("details", 2))
    run.cancel(reason="too late")


@scenario
def cancel_is_not_heeded(world):
    run = world.start()
    run.cancel()
    run.task().complete(complete_workflow("nevertheless"))


@scenario(waits=True)
def cancel_by_the_first_run(world):
    run = world.start()
    run.task().complete(continue_as_new())
    first = run.run_id
    run.cancel(workflow_execution=dict(workflow_id=run.workflow_id), first_execution_run_id=first)
    with world.refused():
        run.cancel(
            workflow_execution=dict(workflow_id=run.workflow_id),
            first_execution_run_id="00000000-0000-4000-8000-000000000000",
        )
    world.next_run(run).task().complete(cancel_workflow())


@scenario
def cancel_of_nobody(world):
    with world.refused():
        world.call("RequestCancelWorkflowExecution", workflow_execution=dict(workflow_id=world.id("nobody")))
    with world.refused():
        world.call("RequestCancelWorkflowExecution", workflow_execution=dict())


@scenario
def terminate(world):
    run = world.start()
    run.terminate(
        reason="why", details=payloads("d", 1), identity="client", links=[dict(batch_job=dict(job_id="a job"))]
    )
    with world.refused():
        run.terminate()
    with world.refused():
        run.terminate(workflow_execution=dict(workflow_id=world.id("nobody")))


@scenario
def terminate_without_a_reason(world):
    run = world.start()
    run.task().complete(start_timer("t", 100), run.schedule_activity("a"), start_child(world.id("child"), run.queue))
    world.wait_for(run, "ChildWorkflowExecutionStarted")
    run.terminate()
    world.wait_for(world.child(run, "child"), "WorkflowExecutionTerminated")


@scenario
def terminate_by_the_first_run(world):
    run = world.start()
    run.task().complete(continue_as_new())
    with world.refused():
        run.terminate(
            workflow_execution=dict(workflow_id=run.workflow_id),
            first_execution_run_id="00000000-0000-4000-8000-000000000000",
        )
    run.terminate(workflow_execution=dict(workflow_id=run.workflow_id), first_execution_run_id=run.run_id)
    world.next_run(run)


WITH_START = dict(signal_name="sig", identity="client")


def signal_with_start(world, name="wf", **fields):
    fields = world.start_fields(name, **dict(WITH_START, **fields))
    response = world.call("SignalWithStartWorkflowExecution", **fields)
    return world.run(fields["workflow_id"], response.run_id, fields["task_queue"]["name"])


@scenario
def with_start(world):
    run = signal_with_start(
        world,
        input=payloads("input"),
        signal_input=payloads("of the signal"),
        header=dict(fields=dict(h=payload("header"))),
        memo=dict(fields=dict(m=payload("memo"))),
        workflow_run_timeout=seconds(100),
        retry_policy=dict(maximum_attempts=2),
        user_metadata=dict(summary=payload("summary")),
        links=[dict(batch_job=dict(job_id="a job"))],
        priority=dict(priority_key=4),
    )
    signal_with_start(world, signal_name="second", request_id="another", signal_input=payloads(2))
    run.task().complete(complete_workflow())


@scenario
def with_start_after_the_close(world):
    signal_with_start(world).task().complete(complete_workflow())
    signal_with_start(world, request_id="second")
    with world.refused():
        run = signal_with_start(world, "other")
        run.task().complete(complete_workflow())
        signal_with_start(
            world, "other", request_id="second", workflow_id_reuse_policy="WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE"
        )


@scenario
def with_start_during_the_delay_of_a_start(world):
    run = signal_with_start(world, workflow_start_delay=seconds(600))
    run.signal("does not wake it")
    signal_with_start(world, signal_name="wakes it", request_id="another")
    run.task().complete(complete_workflow())


@scenario
def with_start_and_terminate(world):
    first = world.start()
    first.task()
    signal_with_start(
        world, request_id="another", workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING"
    )


@scenario
def with_start_while_a_task_runs(world):
    run = world.start()
    task = run.task()
    signal_with_start(world, request_id="another")
    task.complete()
    run.task().complete(complete_workflow())


@scenario
def with_start_refused(world):
    for fields in (
        dict(signal_name=""),
        dict(workflow_id=""),
        dict(workflow_type=dict()),
        dict(task_queue=dict()),
        dict(workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_FAIL"),
        dict(cron_schedule="nonsense"),
        dict(signal_input=payloads("x" * (2 << 20))),
    ):
        with world.tried():
            signal_with_start(world, **fields)
