"""ResetStickyTaskQueue: the next workflow task goes to the normal queue again, with its whole history."""

from driver import *


def sticky_run(server):
    run = server.start()
    queue = dict(name=unique("sticky"), kind="TASK_QUEUE_KIND_STICKY", normal_name=run.queue)
    attributes = dict(worker_task_queue=queue, schedule_to_start_timeout=seconds(10))
    run.task().complete(sticky_attributes=attributes)
    return run, queue


def reset(run, **fields):
    fields.setdefault("execution", run.execution)
    return run.server.call("ResetStickyTaskQueue", **fields)


def test_the_next_task_goes_to_the_normal_queue(server):
    run, queue = sticky_run(server)
    with polling(run.task_later(task_queue=queue)) as poll:
        reset(run)
        run.signal()
        task = run.task()
        assert not poll.done()
    assert task.history.events[0].event_id == 1
    run.expect(
        """
        ...
        6 WorkflowTaskScheduled task_queue.kind=NORMAL
        7 WorkflowTaskStarted
        """
    )


def test_a_workflow_without_a_sticky_queue(server):
    run = server.start()
    reset(run, execution=dict(workflow_id=run.workflow_id))
    run.task().complete(complete_workflow())


def test_what_is_refused(server):
    run = server.start()
    run.terminate()
    with refused(NOT_FOUND, "workflow execution already completed", NotFoundFailure):
        reset(run)
    with refused(NOT_FOUND, "workflow not found for ID: nowhere", NotFoundFailure):
        reset(run, execution=dict(workflow_id="nowhere"))
    with refused(INVALID_ARGUMENT, "Execution is not set on request."):
        server.call("ResetStickyTaskQueue")
