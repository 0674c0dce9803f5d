"""Signals and cancellation requests from one workflow to another."""

from driver import *
from world import scenario


@scenario
def signal(world):
    target, run = world.start("target"), world.start()
    command = signal_external(
        target.workflow_id, "sig", "input", 2, control="control", header=dict(fields=dict(h=payload("header")))
    )
    command.user_metadata.summary.CopyFrom(payload("summary"))
    run.task().complete(command)
    run.task().complete(complete_workflow())
    target.task().complete(complete_workflow())


@scenario
def signal_to_a_run(world):
    target, run = world.start("target"), world.start()
    run.task().complete(signal_external(target.workflow_id, run_id=target.run_id))
    run.task().complete(complete_workflow())


@scenario
def signal_to_whom_it_cannot_go(world):
    target, run = world.start("target"), world.start()
    target.terminate()
    for command in (
        signal_external(target.workflow_id),
        signal_external(world.id("nobody"), control="control"),
        signal_external(target.workflow_id, run_id="00000000-0000-4000-8000-000000000000"),
        signal_external(run.workflow_id),
        signal_external(target.workflow_id, child_workflow_only=True),
    ):
        run.task().complete(command)
    run.task().complete(complete_workflow())


@scenario
def signal_while_the_targets_task_runs(world):
    target, run = world.start("target"), world.start()
    task = target.task()
    run.task().complete(signal_external(target.workflow_id))
    run.task().complete(complete_workflow())
    task.complete(start_timer("t", 100))
    target.task().complete(complete_workflow())


@scenario
def signal_that_is_answered_while_the_senders_task_runs(world):
    target, run = world.start("target"), world.start()
    answer = run.task().complete(
        signal_external(target.workflow_id), force_create_new_workflow_task=True, return_new_workflow_task=True
    )
    task = Task(run, answer.workflow_task)
    world.wait_for(target, "WorkflowExecutionSignaled")
    world.until(run, lambda description: description.workflow_execution_info.history_length >= 7)
    with world.refused():
        task.complete(complete_workflow())
    run.task().complete(complete_workflow())


@scenario
def signal_with_the_last_breath(world):
    target, run = world.start("target"), world.start()
    run.task().complete(signal_external(target.workflow_id, "never sent"), complete_workflow())
    other = world.start("other")
    other.task().complete(signal_external(target.workflow_id, "sent later"))
    other.task().complete(complete_workflow())


@scenario
def cancel(world):
    target, run = world.start("target"), world.start()
    command = cancel_external(target.workflow_id, reason="why", control="control")
    command.user_metadata.summary.CopyFrom(payload("summary"))
    run.task().complete(command)
    run.task().complete(complete_workflow())
    target.task().complete(cancel_workflow())


@scenario
def cancel_twice_and_after_the_end(world):
    target, run = world.start("target"), world.start()
    run.task().complete(cancel_external(target.workflow_id, run_id=target.run_id))
    run.task().complete(cancel_external(target.workflow_id, reason="again"))
    run.task().complete()
    target.task().complete(cancel_workflow())
    run.signal()
    run.task().complete(cancel_external(target.workflow_id, reason="too late"))
    run.task().complete(complete_workflow())


@scenario
def cancel_of_whom_it_cannot_reach(world):
    target, run = world.start("target"), world.start()
    for command in (
        cancel_external(world.id("nobody"), control="control"),
        cancel_external(target.workflow_id, run_id="00000000-0000-4000-8000-000000000000"),
        cancel_external(run.workflow_id),
        cancel_external(target.workflow_id, child_workflow_only=True),
    ):
        run.task().complete(command)
    run.task().complete(complete_workflow())


@scenario
def cancel_while_the_targets_task_runs(world):
    target, run = world.start("target"), world.start()
    task = target.task()
    run.task().complete(cancel_external(target.workflow_id))
    run.task().complete(complete_workflow())
    task.complete()
    target.task().complete(cancel_workflow())


@scenario
def commands_that_are_refused(world):
    for index, command in enumerate(
        [
            signal_external(""),
            signal_external("x" * 1001),
            signal_external("target", ""),
            signal_external("target", "x" * 1001),
            signal_external("target", run_id="no run id"),
            cancel_external("x" * 1001),
            cancel_external("target", run_id="no run id"),
            signal_external("target", namespace="no such namespace"),
            cancel_external("target", namespace="no such namespace"),
            bare("SIGNAL_EXTERNAL_WORKFLOW_EXECUTION"),
            bare("REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION"),
        ]
    ):
        run = world.start(f"wf{index}")
        with world.tried():
            run.task().complete(command)
