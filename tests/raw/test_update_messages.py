"""Messages of workers about updates that cannot be processed, or may just about be."""

import pytest
from updates import *


def body(kind, **fields):
    """A message for update u with a body of this type."""
    message = getattr(update_pb, kind)(**fields)
    return update_message("u", message, kind.lower())


NOT_IN_STATE = "invalid state transition attempted for Update u: received *update.{} message while in state {}"


def numbered(*messages):
    """Messages of one kind with ids of their own."""
    for number, message in enumerate(messages):
        message.id += str(number)
    return list(messages)


META = dict(update_id="u")
SUCCESS = dict(success=payloads(1))
BAD_MESSAGES = {
    "acceptance without a sequencing id": (
        "invalid *update.Acceptance: accepted_request_sequencing_event_id is not set",
        [body("Acceptance", accepted_request_message_id="u/request")],
    ),
    "acceptance without a message id": (
        "invalid *update.Acceptance: accepted_request_message_id is not set",
        [body("Acceptance", accepted_request_sequencing_event_id=2)],
    ),
    "empty acceptance": (
        "invalid *update.Acceptance: accepted_request_sequencing_event_id is not set",
        [body("Acceptance")],
    ),
    "response before acceptance": (NOT_IN_STATE.format("Response", "Sent"), [respond("u", 1)]),
    "two responses": (
        NOT_IN_STATE.format("Response", "ProvisionallyCompleted"),
        numbered(accept("u", 2), respond("u", 1), respond("u", 2)),
    ),
    "two acceptances": (
        NOT_IN_STATE.format("Acceptance", "ProvisionallyAccepted"),
        numbered(accept("u", 2), accept("u", 2)),
    ),
    "rejection after acceptance": (
        NOT_IN_STATE.format("Rejection", "ProvisionallyAccepted"),
        [accept("u", 2), reject("u")],
    ),
    "two rejections": (NOT_IN_STATE.format("Rejection", "ProvisionallyCompleted"), numbered(reject("u"), reject("u"))),
    "acceptance after rejection": (
        NOT_IN_STATE.format("Acceptance", "ProvisionallyCompleted"),
        [reject("u"), accept("u", 2)],
    ),
    "response without meta": ("invalid *update.Response: meta is not set", [accept("u", 2), body("Response", outcome=SUCCESS)]),
    "response without an id": (
        "invalid *update.Response: meta.update_id is not set",
        [accept("u", 2), body("Response", meta={}, outcome=SUCCESS)],
    ),
    "response with another id": (
        "invalid *update.Response: meta.update_id != u",
        [accept("u", 2), body("Response", meta=dict(update_id="v"), outcome=SUCCESS)],
    ),
    "response without an outcome": (
        "invalid *update.Response: outcome is not set",
        [accept("u", 2), body("Response", meta=META)],
    ),
    "message of a wrong type": (
        "Message type *update.Request not supported",
        [body("Request", meta=META, input=dict(name="up"))],
    ),
    "acceptance of an unknown update": (
        "update nobody wasn't found on the server. This is most likely a transient error which will be resolved "
        "automatically by retries",
        [accept("nobody", 2)],
    ),
    "rejection of an unknown update": (
        "update nobody wasn't found on the server. This is most likely a transient error which will be resolved "
        "automatically by retries",
        [reject("nobody")],
    ),
    "response to an unknown update": (
        "update nobody wasn't found on the server. This is most likely a transient error which will be resolved "
        "automatically by retries",
        [respond("nobody", 1)],
    ),
}


@pytest.mark.parametrize("placed", [True, False])
@pytest.mark.parametrize("case", BAD_MESSAGES)
def test_a_bad_message_fails_the_task(server, case, placed):
    text, messages = BAD_MESSAGES[case]
    run = server.start()
    answer = run.send_update()
    commands = map(place, messages) if placed else []
    with refused(INVALID_ARGUMENT, f"BadUpdateWorkflowExecutionMessage: {text}"):
        run.task().complete(*commands, messages=messages)
    run.expect(f"""
        ...
        4 WorkflowTaskFailed cause=BAD_UPDATE_WORKFLOW_EXECUTION_MESSAGE failure.message="BadUpdateWorkflowExecutionMessage: {text}" identity=worker
        5 WorkflowTaskScheduled
    """)
    with refused(FAILED_PRECONDITION, TASK_FAILED, WorkflowNotReadyFailure):
        answer.result()
    task = run.task()
    assert (task.attempt, ids_of(task)) == (2, [])


def test_an_unusual_rejection_is_accepted(server):
    run = server.start()
    answer = run.send_update()
    run.task().complete(messages=[body("Rejection")])
    response = answer.result()
    assert response.outcome.HasField("failure") and response.outcome.failure == failure_pb.Failure()


def test_a_response_after_the_last_response(server):
    run = idle(server)
    answer = run.update_later()
    finish(run.task(), "u", 1)
    answer.result()
    run.signal()
    with refused(INVALID_ARGUMENT, f"BadUpdateWorkflowExecutionMessage: {NOT_IN_STATE.format('Response', 'Completed')}"):
        run.task().complete(messages=[respond("u", 2)])
    with refused(INVALID_ARGUMENT):
        run.task().complete(messages=[accept("u", 2)])


@pytest.mark.parametrize(
    "text,commands",
    [
        ("ProtocolMessageCommandAttributes is not set on ProtocolMessageCommand.", [bare("PROTOCOL_MESSAGE")]),
        ("MessageID is not set on ProtocolMessageCommand.", [place(protocol_pb.Message())]),
        ("ProtocolMessageCommand referenced absent message ID nope", [place(protocol_pb.Message(id="nope"))]),
    ],
)
def test_a_bad_command_for_a_message(server, text, commands):
    run = server.start()
    with refused(INVALID_ARGUMENT, f"BadUpdateWorkflowExecutionMessage: {text}"):
        run.task().complete(*commands)
    run.expect("""
        ...
        4 WorkflowTaskFailed cause=BAD_UPDATE_WORKFLOW_EXECUTION_MESSAGE
        5 WorkflowTaskScheduled
    """)


def test_a_message_placed_twice(server):
    run = server.start()
    answer = run.send_update()
    message = accept("u", 2)
    text = "BadUpdateWorkflowExecutionMessage: ProtocolMessageCommand referenced absent message ID u/accept"
    with refused(INVALID_ARGUMENT, text):
        run.task().complete(place(message), place(message), messages=[message])
    with refused(FAILED_PRECONDITION, TASK_FAILED, WorkflowNotReadyFailure):
        answer.result()


@pytest.mark.parametrize("message", [dict(id="m", protocol_instance_id="u"), dict(id="m", protocol_instance_id="")])
def test_a_message_without_a_body(server, message):
    run = server.start()
    answer = run.send_update()
    task = run.task()
    with refused(INVALID_ARGUMENT, "nil message body"):
        task.complete(messages=[message])
    run.terminate()
    answer.exception()


@pytest.mark.parametrize("placed", [True, False])
def test_two_messages_with_one_id(server, placed):
    """The second hides the first from commands."""
    run = server.start()
    one, two = run.send_update("one"), run.send_update("two")
    messages = [reject("one"), reject("two")]
    for message in messages:
        message.id = "same"
    if placed:
        text = "BadUpdateWorkflowExecutionMessage: ProtocolMessageCommand referenced absent message ID same"
        with refused(INVALID_ARGUMENT, text):
            run.task().complete(place(messages[0]), place(messages[0]), messages=messages)
        run.terminate()
    else:
        timer = start_timer("t", 900)
        run.task().complete(place(messages[0]), timer, messages=messages)
        assert answer_of(one.result()) == answer_of(two.result()) == ("COMPLETED", "no")


PROTO = "proto:[ \xa0]"  # protobuf for Go puts in either, so that nobody relies on its texts


@pytest.mark.parametrize(
    "url,value,text",
    [
        ("temporal.api.nosuch.v1.Thing", b"", "unsupported protocol type temporal.api.nosuch.v1"),
        ("temporal.api.common.v1.WorkflowType", b"", "unsupported protocol type temporal.api.common.v1"),
        ("temporal.api.update.v1.Input", b"", r"Message type \*update.Input not supported"),
        (
            "temporal.api.update.v1.Acceptance",
            b"\xff\xff\xff",
            f"unable to unmarshal request: {PROTO}cannot parse invalid wire-format data",
        ),
    ],
)
def test_a_message_with_a_strange_body(server, url, value, text):
    run = server.start()
    answer = run.send_update()
    message = protocol_pb.Message(id="m", protocol_instance_id="u")
    message.body.type_url, message.body.value = f"type.googleapis.com/{url}", value
    with refused(INVALID_ARGUMENT, re.compile(f"BadUpdateWorkflowExecutionMessage: {text}")):
        run.task().complete(messages=[message])
    with refused(FAILED_PRECONDITION, TASK_FAILED, WorkflowNotReadyFailure):
        answer.result()


@pytest.mark.parametrize(
    "url,text",
    [
        ("", "no message name specified"),
        ("type.googleapis.com/", "no message name specified"),
        ("type.googleapis.com/temporal.api.update.v1.Rejection.", "no message name specified"),
        ("type.googleapis.com/Rejection", 'failed to extract protocol type: no . found in "Rejection"'),
    ],
)
def test_a_message_without_a_proper_name(server, url, text):
    """The task goes on: the server takes this for a mistake of the caller, not of the workflow."""
    run = server.start()
    task = run.task()
    message = protocol_pb.Message(id="m", protocol_instance_id="u")
    message.body.type_url = url
    with refused(INVALID_ARGUMENT, text):
        task.complete(messages=[message])
    task.complete()
    run.expect(IDLE)


def test_an_oversized_message_ends_the_workflow(server):
    run = server.start()
    answer = run.send_update()
    text = "BadUpdateWorkflowExecutionMessage: Message type temporal.api.update.v1.Response exceeds size limit."
    with refused(INVALID_ARGUMENT, text):
        run.task().complete(messages=[accept("u", 2), respond("u", "x" * (2 * 1024 * 1024))])
    with refused(FAILED_PRECONDITION, TASK_FAILED, WorkflowNotReadyFailure):
        answer.result()
    run.expect(f"""
        ...
        4 WorkflowTaskFailed cause=BAD_UPDATE_WORKFLOW_EXECUTION_MESSAGE
        5 WorkflowExecutionTerminated reason="{text}" identity=history-service
    """)


def test_the_worker_may_bring_back_a_lost_update(server):
    run = server.start()
    request = update_request("lost", "up", 1)
    run.task().complete(messages=[accept("lost", 2, accepted_request=request)])
    run.expect("""
        ...
        5 WorkflowExecutionUpdateAccepted protocol_instance_id=lost accepted_request_message_id=lost/request accepted_request.input.name=up
    """)
    assert answer_of(run.poll_update("lost")) == "ACCEPTED"


def test_the_worker_may_reject_a_lost_update(server):
    run = server.start()
    run.task().complete(messages=[reject("lost", rejected_request=update_request("lost", "up", 1))])
    run.expect(IDLE)
    with refused(NOT_FOUND, 'update "lost" not found', NotFoundFailure):
        run.poll_update("lost")
