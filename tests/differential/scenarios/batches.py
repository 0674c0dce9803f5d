"""What batches do to workflows, and what is told of them. By lists of executions: those that a query selects come in no order."""

import time

import grpc
from driver import *
from world import CALL_SECONDS, scenario

LISTED_LATE = 0.05  # the real server learns by its lists that the batch before has ended


def batch(world, *executions, name="job", **operation):
    """Runs a batch over these runs or executions; its end is in the record."""
    job_id = world.id(name)
    executions = [each if isinstance(each, dict) else each.execution for each in executions]
    fields = dict(job_id=job_id, reason="because", executions=executions, **operation)
    give_up = time.monotonic() + CALL_SECONDS
    while True:
        try:
            world.quietly("StartBatchOperation", **fields)
            break
        except grpc.RpcError as error:
            assert error.code() == RESOURCE_EXHAUSTED and time.monotonic() < give_up, error
            time.sleep(LISTED_LATE)
    while world.quietly("DescribeBatchOperation", job_id=job_id).state == 1:
        assert time.monotonic() < give_up, "the batch does not end"
        time.sleep(LISTED_LATE)
    world.call("DescribeBatchOperation", job_id=job_id)


def current(world, run):
    """The run that holds the workflow id now."""
    execution = dict(workflow_id=run.workflow_id)
    described = world.quietly("DescribeWorkflowExecution", execution=execution).workflow_execution_info
    return world.run(run.workflow_id, described.execution.run_id, run.queue)


@scenario
def terminate(world):
    idle, busy, closed = world.start("idle"), world.start("busy"), world.start("closed")
    busy.task()
    closed.terminate()
    operation = dict(termination_operation=dict(identity="batch", details=payloads("lost")))
    batch(world, idle, busy, closed, dict(workflow_id="unknown"), **operation)


@scenario
def terminate_a_parent(world):
    run = world.start()
    run.task().complete(start_child(world.id("child"), world.id("child-queue")))
    world.child(run, "child")
    batch(world, run, termination_operation={})


@scenario
def cancel(world):
    idle, busy, asked = world.start("idle"), world.start("busy"), world.start("asked")
    task = busy.task()
    asked.cancel(identity="client")
    batch(world, idle, busy, asked, cancellation_operation=dict(identity="batch"))
    task.complete()


@scenario
def signal(world):
    idle, busy = world.start("idle"), world.start("busy")
    task = busy.task()
    operation = dict(identity="batch", signal="sig", input=payloads("in", 2), header=dict(fields=entries(dict(a=1))))
    batch(world, idle, busy, dict(workflow_id="unknown"), signal_operation=operation)
    task.complete()


@scenario
def signal_one_twice(world):
    """Named twice, once by its run: those are two signals. Twice by the same names: one."""
    run = world.start()
    operation = dict(signal_operation=dict(signal="sig"))
    batch(world, run, dict(workflow_id=run.workflow_id), run, **operation)


@scenario
def delete(world):
    run = world.start()
    batch(world, run, dict(workflow_id="unknown"), deletion_operation=dict(identity="batch"))
    give_up = time.monotonic() + CALL_SECONDS
    while time.monotonic() < give_up:
        try:
            world.quietly("DescribeWorkflowExecution", execution=run.execution)
        except grpc.RpcError:
            break


@scenario
def options(world):
    idle, busy, closed = world.start("idle"), world.start("busy"), world.start("closed")
    task = busy.task()
    closed.terminate()
    change = dict(
        identity="batch",
        workflow_execution_options=dict(versioning_override=dict(auto_upgrade=True), priority=dict(priority_key=2)),
        update_mask=dict(paths=["versioning_override", "priority.priority_key"]),
    )
    batch(world, idle, busy, closed, update_workflow_options_operation=change)
    task.complete()


def with_history(world):
    """A run with two workflow tasks, a signal before the second, a timer and a signal behind it."""
    run = world.start()
    task = run.task()
    run.signal("early", identity="client")
    task.complete(worker_version_stamp=dict(build_id="b1"))
    run.task().complete(start_timer("t", 1000), worker_version_stamp=dict(build_id="b2"))
    run.signal("late", identity="client")
    return run


def reset(world, **operation):
    run, untouched = with_history(world), world.start("untouched")
    batch(world, run, untouched, dict(workflow_id="unknown"), reset_operation=dict(operation, identity="batch"))
    current(world, run)


@scenario
def reset_to_the_first_task(world):
    reset(world, options=dict(first_workflow_task={}))


@scenario
def reset_to_the_first_task_by_the_old_field(world):
    reset(world, reset_type="RESET_TYPE_FIRST_WORKFLOW_TASK")


@scenario
def reset_to_the_last_task(world):
    reset(world, options=dict(last_workflow_task={}))


@scenario
def reset_to_the_last_task_without_signals(world):
    exclude = ["RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL"]
    reset(world, options=dict(last_workflow_task={}, reset_reapply_exclude_types=exclude))


@scenario
def reset_by_the_old_field_without_anything(world):
    reset(world, reset_type="RESET_TYPE_LAST_WORKFLOW_TASK", reset_reapply_type="RESET_REAPPLY_TYPE_NONE")


@scenario
def reset_to_an_event(world):
    reset(world, options=dict(workflow_task_id=4))


@scenario
def reset_to_an_event_that_is_none(world):
    reset(world, options=dict(workflow_task_id=77))


@scenario
def reset_to_a_build(world):
    reset(world, options=dict(build_id="b2"))


@scenario
def reset_to_a_build_of_the_run_before(world):
    run = world.start()
    run.task().complete(continue_as_new(), worker_version_stamp=dict(build_id="b1"))
    following = world.next_run(run)
    following.task().complete(worker_version_stamp=dict(build_id="b2"))
    operation = dict(options=dict(build_id="b1", current_run_only=True))
    batch(world, following, reset_operation=operation)
    batch(world, following, name="job2", reset_operation=dict(options=dict(build_id="b1")))
    current(world, run)


@scenario
def reset_and_change_options(world):
    change = dict(
        workflow_execution_options=dict(versioning_override=dict(auto_upgrade=True)),
        update_mask=dict(paths=["versioning_override"]),
    )
    reset(world, reset_type=1, post_reset_operations=[dict(update_workflow_options=change)])


@scenario
def what_fails(world):
    run = world.start()
    batch(world, run, dict(workflow_id=run.workflow_id, run_id="no uuid"), signal_operation=dict(signal="s" * 1001))
