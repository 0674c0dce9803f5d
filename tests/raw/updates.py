"""What the tests of updates share: short words for what workers do with them, and texts."""

from driver import *

ABORTED_BY_CLOSE = "workflow update was aborted by closing workflow"
CLOSING = "workflow operation can not be applied because workflow is closing"
TASK_FAILED = "Unable to perform workflow execution update due to unexpected workflow task failure."
TASK_FAILING = "Unable to perform workflow execution update due to Workflow Task in failed state."

IDLE = """
    1 WorkflowExecutionStarted
    2 WorkflowTaskScheduled
    3 WorkflowTaskStarted
    4 WorkflowTaskCompleted
"""


def idle(server, **fields):
    """A run whose first task is done: events 1 to 4."""
    run = server.start(**fields)
    run.task().complete()
    return run


def answer_of(response):
    """What a client learns: the stage, and the result or the failure's text."""
    stage = value_text(response.DESCRIPTOR.fields_by_name["stage"], response.stage)
    if not response.HasField("outcome"):
        return stage
    if response.outcome.HasField("failure"):
        return stage, response.outcome.failure.message
    return stage, value_of(response.outcome.success)


def finish(task, update_id="u", *result):
    """Accepts and completes an update, in place."""
    messages = [accept(update_id, task.started_event_id - 1), respond(update_id, *result)]
    return task.complete(*map(place, messages), messages=messages)


def take(task, update_id="u", *commands, **fields):
    """Accepts an update without completing it."""
    message = accept(update_id, task.started_event_id - 1)
    return task.complete(place(message), *commands, messages=[message], **fields)


def turn_down(task, update_id="u", text="no", **fields):
    return task.complete(messages=[reject(update_id, application_failure(text))], **fields)


def ids_of(task):
    return [message.protocol_instance_id for message in task.messages]
