"""Updates: what a client asks of a running workflow, and the workflow accepts or rejects, answers or leaves unanswered."""

import time

import pytest
from launch import launch
from updates import *

UNPROCESSED = (
    "Workflow Update is rejected because it wasn't processed by worker. Probably, Workflow Update is not supported by the "
    "worker."
)


@pytest.fixture(scope="module")
def impatient(fermata_exe):
    """A server that lets nobody wait for long, and no run have many updates."""
    values = ['history.longPollExpirationInterval="2s"', "history.maxInFlightUpdates=3", "history.maxTotalUpdates=5"]
    flags = [word for value in values for word in ("--dynamic-config-value", value)]
    with launch(fermata_exe, *flags) as launched, Server(launched.address) as server:
        yield server


# ---------------------------------------------------------------------------------------------------------------------
# An update that goes well


def test_an_update_of_an_idle_workflow_has_its_own_task(server):
    run = idle(server)
    answer = run.update_later("u", "rename", "x", stage="COMPLETED")
    task = run.task()
    assert (task.attempt, task.started_event_id, task.previous_started_event_id) == (1, 6, 3)
    (message,) = task.messages
    assert (message.id, message.protocol_instance_id, message.event_id) == ("u/request", "u", 5)
    request = update_pb.Request()
    assert message.body.Unpack(request)
    assert (request.meta.update_id, request.meta.identity, request.input.name) == ("u", "client", "rename")
    assert value_of(request.input.args) == "x"
    finish(task, "u", "renamed")
    response = answer.result()
    assert answer_of(response) == ("COMPLETED", "renamed")
    assert response.update_ref.workflow_execution.workflow_id == run.workflow_id
    assert response.update_ref.workflow_execution.run_id == run.run_id
    assert response.update_ref.update_id == "u"
    run.expect("""
        ...
        5 WorkflowTaskScheduled attempt=1
        6 WorkflowTaskStarted scheduled_event_id=5 identity=worker
        7 WorkflowTaskCompleted scheduled_event_id=5 started_event_id=6
        8 WorkflowExecutionUpdateAccepted protocol_instance_id=u accepted_request_message_id=u/request accepted_request_sequencing_event_id=5 accepted_request.input.name=rename accepted_request.input.args='"x"' accepted_request.meta.identity=client
        9 WorkflowExecutionUpdateCompleted accepted_event_id=8 meta.update_id=u outcome.success='"renamed"'
    """)


def test_the_task_of_an_update_is_not_in_the_history_before_it_completes(server):
    run = idle(server)
    answer = run.update_later()
    task = run.task()
    assert [event.event_id for event in task.history.events] == [1, 2, 3, 4, 5, 6]
    assert [bool(event.task_id) for event in task.history.events] == [True] * 4 + [False] * 2
    described = run.describe()
    assert described.workflow_execution_info.history_length == 4
    pending = described.pending_workflow_task
    assert (pending.state, pending.attempt) == (2, 1)  # STARTED
    assert pending.HasField("scheduled_time") and pending.HasField("started_time")
    events = run.events()
    assert render(events).splitlines()[4:] == ["5 WorkflowTaskScheduled", "6 WorkflowTaskStarted"]
    assert not events[4].task_id and not events[5].task_id
    cli = (("client-name", "temporal-cli"), ("client-version", "1.0.0"))
    assert len(run.history_page(metadata=cli).history.events) == 4
    finish(task)
    answer.result()


def test_an_update_rides_on_the_task_that_is_scheduled(server):
    run = server.start()
    answer = run.send_update("u", stage="ACCEPTED")
    task = run.task()
    assert (ids_of(task), task.messages[0].event_id) == (["u"], 2)
    take(task)
    assert answer_of(answer.result()) == "ACCEPTED"
    run.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowTaskScheduled
        3 WorkflowTaskStarted
        4 WorkflowTaskCompleted
        5 WorkflowExecutionUpdateAccepted accepted_request_sequencing_event_id=2
    """)


def test_the_sequencing_event_is_the_last_one_before_the_start(server):
    run = server.start()
    run.signal()
    answer = run.send_update("u", stage="ACCEPTED")
    task = run.task()
    assert (task.started_event_id, task.messages[0].event_id) == (4, 3)
    take(task)
    answer.result()


def test_accepted_in_one_task_and_completed_in_another(server):
    run = idle(server)
    waits = run.update_later("u", stage="COMPLETED")
    task = run.task()
    take(task, "u", start_timer("t", 900))
    run.signal()
    message = respond("u", "late")
    run.task().complete(place(message), messages=[message])
    assert answer_of(waits.result()) == ("COMPLETED", "late")
    run.expect("""
        ...
        7 WorkflowTaskCompleted
        8 WorkflowExecutionUpdateAccepted
        9 TimerStarted
        10 WorkflowExecutionSignaled
        11 WorkflowTaskScheduled
        12 WorkflowTaskStarted
        13 WorkflowTaskCompleted
        14 WorkflowExecutionUpdateCompleted accepted_event_id=8
    """)


def test_messages_that_no_command_places_come_last(server):
    run = idle(server)
    answer = run.update_later()
    task = run.task()
    task.complete(start_timer("t", 900), messages=[accept("u", 5), respond("u", 1)])
    assert answer_of(answer.result()) == ("COMPLETED", 1)
    run.expect("""
        ...
        7 WorkflowTaskCompleted
        8 TimerStarted
        9 WorkflowExecutionUpdateAccepted
        10 WorkflowExecutionUpdateCompleted
    """)


def test_commands_put_messages_in_their_place(server):
    run = idle(server)
    answer = run.update_later()
    task = run.task()
    accepted, responded = accept("u", 5), respond("u", 1)
    task.complete(
        start_timer("a", 900),
        place(accepted),
        start_timer("b", 900),
        place(responded),
        start_timer("c", 900),
        messages=[responded, accepted],
    )
    answer.result()
    run.expect("""
        ...
        7 WorkflowTaskCompleted
        8 TimerStarted timer_id=a
        9 WorkflowExecutionUpdateAccepted
        10 TimerStarted timer_id=b
        11 WorkflowExecutionUpdateCompleted
        12 TimerStarted timer_id=c
    """)


def test_updates_come_in_the_order_of_their_admission(server):
    run = server.start()
    names = ["z", "a", "m"]
    answers = [run.send_update(name, stage="ACCEPTED") for name in names]
    task = run.task()
    assert ids_of(task) == names
    task.complete(messages=[accept(name, 2) for name in names])
    assert [answer_of(answer.result()) for answer in answers] == ["ACCEPTED"] * 3
    run.expect("""
        ...
        5 WorkflowExecutionUpdateAccepted protocol_instance_id=z
        6 WorkflowExecutionUpdateAccepted protocol_instance_id=a
        7 WorkflowExecutionUpdateAccepted protocol_instance_id=m
    """)


def test_one_of_two_is_rejected(server):
    run = server.start()
    one, two = run.send_update("one", stage="ACCEPTED"), run.send_update("two", stage="ACCEPTED")
    run.task().complete(messages=[reject("one"), accept("two", 2)])
    assert answer_of(one.result()) == ("COMPLETED", "no")
    assert answer_of(two.result()) == "ACCEPTED"
    run.expect("""
        ...
        4 WorkflowTaskCompleted
        5 WorkflowExecutionUpdateAccepted protocol_instance_id=two
    """)


def test_who_waits_for_acceptance_learns_the_outcome_when_it_is_there(server):
    run = idle(server)
    answer = run.update_later(stage="ACCEPTED")
    finish(run.task(), "u", "done")
    assert answer_of(answer.result()) == ("COMPLETED", "done")


@pytest.mark.parametrize("stage", [None, "UNSPECIFIED"])
def test_without_a_stage_one_waits_for_the_outcome(server, stage):
    run = idle(server)
    answer = run.update_later(stage=stage)
    take(run.task())
    run.signal()
    run.task().complete(messages=[respond("u", "done")])
    assert answer_of(answer.result()) == ("COMPLETED", "done")


def test_an_outcome_may_be_a_failure(server):
    run = idle(server)
    answer = run.update_later()
    message = respond("u", failure=application_failure("broke", "Broke"))
    task = run.task()
    task.complete(messages=[accept("u", 5), message])
    response = answer.result()
    assert answer_of(response) == ("COMPLETED", "broke")
    assert response.outcome.failure.application_failure_info.type == "Broke"
    assert response.link.workflow.reason == "Update rejected"  # which it was not, but so it is
    run.expect("""
        ...
        9 WorkflowExecutionUpdateCompleted outcome.failure.message=broke
    """)


def test_an_id_is_made_for_an_update_without_one(server):
    run = idle(server)
    answer = run.update_later("")
    task = run.task()
    (name,) = ids_of(task)
    assert len(name) == 36
    finish(task, name, 1)
    assert answer.result().update_ref.update_id == name


def test_links_of_the_response(server):
    run = idle(server)
    answer = run.update_later(stage="ACCEPTED", request=update_request("u", request_id="my-request"))
    take(run.task())
    event = answer.result().link.workflow_event
    assert (event.namespace, event.workflow_id, event.run_id) == ("default", run.workflow_id, run.run_id)
    assert event.request_id_ref.request_id == "my-request"
    assert event_type_pb2.EventType.Name(event.request_id_ref.event_type) == "EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED"
    info = run.describe().workflow_extended_info.request_id_infos["my-request"]
    assert (info.event_id, info.event_type, info.buffered) == (8, event.request_id_ref.event_type, False)
    answer = run.update_later("v")
    turn_down(run.task(), "v")
    link = answer.result().link
    assert (link.workflow.namespace, link.workflow.workflow_id) == ("default", run.workflow_id)
    assert (link.workflow.run_id, link.workflow.reason) == (run.run_id, "Update rejected")


def test_the_header_and_the_whole_request_reach_the_event(server):
    run = idle(server)
    header = dict(fields={"trace": payload(1)})
    request = update_request("u", input=dict(name="up", header=header, args=payloads(1, 2)))
    answer = run.update_later(request=request, stage="ACCEPTED")
    take(run.task())
    answer.result()
    accepted = attributes_of(run.events()[-1])
    assert accepted.accepted_request == update_pb.Request(**request)


# ---------------------------------------------------------------------------------------------------------------------
# Rejection


def test_a_rejected_update_leaves_no_trace(server):
    run = idle(server)
    answer = run.update_later()
    response = turn_down(run.task(), "u", "not now")
    assert response.reset_history_event_id == 3
    got = answer.result()
    assert answer_of(got) == ("COMPLETED", "not now")
    assert got.outcome.failure.application_failure_info.type == "Boom"
    run.expect(IDLE)
    assert not run.describe().HasField("pending_workflow_task")
    run.no_task()


def test_after_a_rejection_the_next_update_has_the_same_event_ids(server):
    run = idle(server)
    for _ in range(3):
        answer = run.update_later()
        task = run.task()
        assert (task.started_event_id, task.messages[0].event_id) == (6, 5)
        turn_down(task)
        assert answer_of(answer.result()) == ("COMPLETED", "no")
    answer = run.update_later()
    finish(run.task(), "u", "at last")
    assert answer_of(answer.result()) == ("COMPLETED", "at last")
    run.expect("""
        ...
        5 WorkflowTaskScheduled
        6 WorkflowTaskStarted
        7 WorkflowTaskCompleted
        8 WorkflowExecutionUpdateAccepted
        9 WorkflowExecutionUpdateCompleted
    """)


def test_a_rejected_update_is_forgotten(server):
    run = idle(server)
    answer = run.update_later()
    turn_down(run.task())
    answer.result()
    with refused(NOT_FOUND, 'update "u" not found', NotFoundFailure):
        run.poll_update()


def test_a_rejection_in_a_real_task_leaves_that_task(server):
    run = server.start()
    answer = run.send_update()
    response = turn_down(run.task())
    assert response.reset_history_event_id == 0
    assert answer_of(answer.result()) == ("COMPLETED", "no")
    run.expect(IDLE)


def test_a_rejection_with_a_command_leaves_the_task(server):
    run = idle(server)
    answer = run.update_later()
    response = run.task().complete(start_timer("t", 900), messages=[reject("u")])
    assert response.reset_history_event_id == 0
    assert answer_of(answer.result()) == ("COMPLETED", "no")
    run.expect("""
        ...
        5 WorkflowTaskScheduled
        6 WorkflowTaskStarted
        7 WorkflowTaskCompleted
        8 TimerStarted
    """)


def test_a_rejection_placed_by_a_command_leaves_the_task(server):
    run = idle(server)
    answer = run.update_later()
    message = reject("u")
    run.task().complete(place(message), messages=[message])
    assert answer_of(answer.result()) == ("COMPLETED", "no")
    run.expect("""
        ...
        5 WorkflowTaskScheduled
        6 WorkflowTaskStarted
        7 WorkflowTaskCompleted
    """)


@pytest.mark.parametrize(
    "events,able,vanishes",
    [(0, False, True), (1, False, False), (1, True, True), (9, True, True), (10, True, True), (11, True, False)],
)
def test_a_rejection_after_other_events_leaves_the_task(server, events, able, vanishes):
    """The worker would have to read again all that came since its last task."""
    run = server.start()
    run.task().complete(*[record_marker("m", n=n) for n in range(events)])
    answer = run.update_later()
    capabilities = dict(discard_speculative_workflow_task_with_events=able)
    response = turn_down(run.task(), capabilities=capabilities)
    assert answer_of(answer.result()) == ("COMPLETED", "no")
    assert response.reset_history_event_id == (3 if vanishes else 0)
    assert len(run.events()) == 4 + events + (0 if vanishes else 3)


def test_an_update_that_the_worker_does_not_answer_is_rejected(server):
    run = idle(server)
    answer = run.update_later()
    response = run.task().complete()
    assert response.reset_history_event_id == 3
    got = answer.result()
    assert answer_of(got) == ("COMPLETED", UNPROCESSED)
    info = got.outcome.failure.application_failure_info
    assert (info.type, info.non_retryable, got.outcome.failure.source) == ("UnprocessedUpdate", True, "Server")
    run.expect(IDLE)


def test_an_unanswered_update_of_a_real_task(server):
    run = server.start()
    answer = run.send_update()
    run.task().complete(start_timer("t", 900))
    assert answer_of(answer.result()) == ("COMPLETED", UNPROCESSED)
    run.expect("""
        ...
        4 WorkflowTaskCompleted
        5 TimerStarted
    """)


def test_a_task_that_is_kept_alive_need_not_answer(server):
    run = idle(server)
    answer = run.update_later()
    task = run.task()
    second = task.inline(force_create_new_workflow_task=True)
    assert ids_of(second) == []  # the worker has it already
    run.expect("""
        ...
        5 WorkflowTaskScheduled
        6 WorkflowTaskStarted
        7 WorkflowTaskCompleted
        8 WorkflowTaskScheduled
        9 WorkflowTaskStarted
    """)
    second.complete(messages=[accept("u", 5), respond("u", "slow")])
    assert answer_of(answer.result()) == ("COMPLETED", "slow")
    run.expect("""
        ...
        10 WorkflowTaskCompleted
        11 WorkflowExecutionUpdateAccepted accepted_request_sequencing_event_id=5
        12 WorkflowExecutionUpdateCompleted
    """)


def test_a_task_that_is_kept_alive_and_polled_brings_unanswered_updates_again(server):
    run = idle(server)
    answer = run.update_later()
    run.task().complete(force_create_new_workflow_task=True)
    again = run.task()
    assert ids_of(again) == ["u"] and again.messages[0].event_id == 8
    finish(again, "u", "slow")
    assert answer_of(answer.result()) == ("COMPLETED", "slow")


def test_after_keeping_alive_an_unanswered_update_is_rejected(server):
    run = idle(server)
    answer = run.update_later()
    run.task().inline(force_create_new_workflow_task=True).complete()
    assert answer_of(answer.result()) == ("COMPLETED", UNPROCESSED)


# ---------------------------------------------------------------------------------------------------------------------
# One id, one update; limits


def test_two_callers_with_one_id_share_the_update(server):
    run = idle(server)
    one = run.send_update("u", "up", "first")
    two = run.update_later("u", "other", "second", stage="ACCEPTED")
    time.sleep(0.2)  # nothing tells that the second waits
    task = run.task()
    assert ids_of(task) == ["u"]
    take(task)
    assert answer_of(two.result()) == "ACCEPTED"
    three = run.update_later("u")
    run.signal()
    run.task().complete(messages=[respond("u", "shared")])
    assert [answer_of(answer.result()) for answer in (one, three)] == [("COMPLETED", "shared")] * 2
    assert answer_of(run.update("u", "whatever")) == ("COMPLETED", "shared")
    accepted = [event for event in run.events() if event_type(event) == "WorkflowExecutionUpdateAccepted"]
    assert len(accepted) == 1
    assert value_of(attributes_of(accepted[0]).accepted_request.input.args) == "first"


def test_the_failed_outcome_is_kept(server):
    run = idle(server)
    answer = run.update_later()
    run.task().complete(messages=[accept("u", 5), respond("u", failure=application_failure("kept"))])
    answer.result()
    assert answer_of(run.update()) == ("COMPLETED", "kept")
    assert answer_of(run.poll_update()) == ("COMPLETED", "kept")


def test_ten_updates_in_flight(server):
    run = idle(server)
    answers = [run.send_update(f"u{n}", stage="ACCEPTED") for n in range(10)]
    detail = ResourceExhaustedFailure(
        cause="RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT", scope="RESOURCE_EXHAUSTED_SCOPE_NAMESPACE"
    )
    text = "limit on number of concurrent in-flight updates has been reached (10)"
    task = run.task()
    assert len(task.messages) == 10
    task.complete(messages=[accept(f"u{n}", 5) for n in range(10)])
    assert [answer_of(answer.result()) for answer in answers] == ["ACCEPTED"] * 10
    with refused(RESOURCE_EXHAUSTED, text, detail):
        run.update("one too many")
    assert answer_of(run.update("u0", stage="ACCEPTED")) == "ACCEPTED"  # a known one does not count again
    run.signal()
    run.task().complete(messages=[respond("u0", 0)])
    answer = run.update_later("eleventh")
    turn_down(run.task(), "eleventh")
    assert answer_of(answer.result()) == ("COMPLETED", "no")


def test_twenty_megabytes_of_updates_in_flight(server):
    run = idle(server)
    large = "x" * (3 * 1024 * 1024)
    for n in range(6):
        run.send_update(f"u{n}", "up", large)
    text = f"limit on total payload size of in-flight updates has been reached ({20 << 20} bytes)"
    detail = ResourceExhaustedFailure(
        cause="RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT", scope="RESOURCE_EXHAUSTED_SCOPE_NAMESPACE"
    )
    with refused(RESOURCE_EXHAUSTED, text, detail):
        run.update("one too many", "up", large)
    run.terminate()


@pytest.mark.fermata_only  # the program around the real server passes no numbers on
def test_a_run_takes_so_many_updates_in_all(impatient):
    run = idle(impatient)
    for n in range(5):
        answer = run.update_later(f"u{n}")
        task = run.task()
        started = attributes_of(task.history.events[-1])
        assert started.suggest_continue_as_new == (n == 4)  # nine tenths, rounded up; those in flight count
        finish(task, f"u{n}")
        answer.result()
    text = (
        "The limit on the total number of distinct updates in this workflow has been reached (5). Make sure any duplicate "
        "updates share an Update ID so the server can deduplicate them, and consider rejecting updates that you aren't going "
        "to process. You can also Continue-as-New to avoid this; we recommend you check Continue-as-New Suggested in your "
        "Workflow."
    )
    with refused(FAILED_PRECONDITION, text):
        run.update("one too many")
    assert answer_of(run.update("u3")) == ("COMPLETED", None)
    run.signal()
    started = attributes_of(run.task().history.events[-1])
    assert started.suggest_continue_as_new and list(started.suggest_continue_as_new_reasons) == [3]


def test_rejected_updates_do_not_count(impatient):
    run = idle(impatient)
    for n in range(7):
        answer = run.update_later(f"u{n}")
        turn_down(run.task(), f"u{n}")
        assert answer_of(answer.result()) == ("COMPLETED", "no")


# ---------------------------------------------------------------------------------------------------------------------
# Waiting


def test_the_wait_ends_with_the_stage_that_has_been_reached(impatient):
    run = idle(impatient)
    admitted = run.send_update("u", stage="ACCEPTED")
    begin = time.monotonic()
    response = admitted.result()
    assert answer_of(response) == "ADMITTED" and not response.HasField("outcome")
    assert response.update_ref.update_id == "u" and not response.HasField("link")
    assert 1 < time.monotonic() - begin < 5
    response = run.update("u", stage="COMPLETED")
    assert answer_of(response) == "ADMITTED"
    assert answer_of(run.poll_update("u", stage="ACCEPTED")) == "ADMITTED"
    assert answer_of(run.poll_update("u", stage="COMPLETED")) == "ADMITTED"
    run.signal()
    take(run.task())
    assert answer_of(run.update("u", stage="ACCEPTED")) == "ACCEPTED"
    response = run.update("u", stage="COMPLETED")
    assert answer_of(response) == "ACCEPTED"
    assert response.link.workflow_event.request_id_ref.event_type
    assert answer_of(run.poll_update("u", stage="COMPLETED")) == "ACCEPTED"


def test_a_client_that_does_not_wait_long_enough(server):
    run = idle(server)
    with refused(DEADLINE_EXCEEDED):
        run.update(timeout=1)
    task = run.task()  # the update stays
    assert ids_of(task) == ["u"]
    finish(task, "u", "unseen")
    assert answer_of(run.poll_update()) == ("COMPLETED", "unseen")


def test_polling_for_an_update(server):
    run = idle(server)
    run.send_update()
    for stage in (None, "UNSPECIFIED", "ADMITTED"):
        response = run.poll_update(stage=stage)
        assert answer_of(response) == "ADMITTED"
        assert response.update_ref.update_id == "u"
        assert response.update_ref.workflow_execution.run_id == run.run_id
    task = run.task()
    waits = run.server.call_later(
        "PollWorkflowExecutionUpdate",
        update_ref=dict(workflow_execution=dict(workflow_id=run.workflow_id), update_id="u"),
        wait_policy=wait_for("ACCEPTED"),
    )
    assert answer_of(run.poll_update()) == "ADMITTED"
    take(task)
    assert answer_of(waits.result()) == "ACCEPTED"
    assert answer_of(run.poll_update()) == "ACCEPTED"
    waits = run.server.call_later(
        "PollWorkflowExecutionUpdate",
        update_ref=dict(workflow_execution=run.execution, update_id="u"),
        wait_policy=wait_for("COMPLETED"),
    )
    run.signal()
    run.task().complete(messages=[respond("u", "polled")])
    response = waits.result()
    assert answer_of(response) == ("COMPLETED", "polled")
    assert response.update_ref.workflow_execution.run_id == run.run_id


def test_a_poll_hears_of_a_rejection(server):
    run = idle(server)
    run.send_update()
    polled = run.server.call_later(
        "PollWorkflowExecutionUpdate",
        update_ref=dict(workflow_execution=run.execution, update_id="u"),
        wait_policy=wait_for("ACCEPTED"),
    )
    time.sleep(0.2)  # nothing tells that the poll waits
    turn_down(run.task())
    assert answer_of(polled.result()) == ("COMPLETED", "no")


# ---------------------------------------------------------------------------------------------------------------------
# Requests that are refused at once


def refusal_of_update(request=None, **fields):
    return dict(dict(workflow_execution=dict(workflow_id="w"), request=request or update_request("u")), **fields)


@pytest.mark.parametrize(
    "code,text,detail,fields",
    [
        (INVALID_ARGUMENT, "Execution is not set on request.", None, dict(request=update_request("u"))),
        (INVALID_ARGUMENT, "WorkflowId is not set on request.", None, refusal_of_update(workflow_execution={})),
        (
            INVALID_ARGUMENT,
            "Invalid RunId.",
            None,
            refusal_of_update(workflow_execution=dict(workflow_id="w", run_id="no")),
        ),
        (INVALID_ARGUMENT, "Update meta is not set on request.", None, dict(workflow_execution=dict(workflow_id="w"))),
        (INVALID_ARGUMENT, "Update meta is not set on request.", None, refusal_of_update(dict(input=dict(name="n")))),
        (INVALID_ARGUMENT, "UpdateId length exceeds limit.", None, refusal_of_update(update_request("u" * 1001))),
        (INVALID_ARGUMENT, "Update input is not set on request.", None, refusal_of_update(dict(meta={}))),
        (INVALID_ARGUMENT, "Update name is not set on request.", None, refusal_of_update(dict(meta={}, input={}))),
        (
            PERMISSION_DENIED,
            "UpdateWorkflowExecution issued asynchronously and waiting on update admitted is not supported.",
            PermissionDeniedFailure(),
            refusal_of_update(wait_policy=wait_for("ADMITTED")),
        ),
        (NOT_FOUND, "workflow not found for ID: w", NotFoundFailure, refusal_of_update()),
        (NOT_FOUND, "Namespace nope is not found.", NamespaceNotFoundFailure, refusal_of_update(namespace="nope")),
        (INVALID_ARGUMENT, "Namespace is empty.", None, refusal_of_update(namespace="")),
    ],
)
def test_a_refused_request(server, code, text, detail, fields):
    with refused(code, text, detail):
        server.call("UpdateWorkflowExecution", **fields)


@pytest.mark.parametrize(
    "code,text,detail,fields",
    [
        (INVALID_ARGUMENT, "UpdateRef is not set on request.", None, {}),
        (
            NOT_FOUND,
            "workflow not found for ID: w",
            NotFoundFailure,
            dict(update_ref=dict(workflow_execution=dict(workflow_id="w"), update_id="u")),
        ),
        (
            INVALID_ARGUMENT,
            "RunId is not valid UUID.",
            None,
            dict(update_ref=dict(workflow_execution=dict(workflow_id="w", run_id="no"), update_id="u")),
        ),
        (
            INVALID_ARGUMENT,
            "Can't load workflow execution.  WorkflowId not set.",
            None,
            dict(update_ref=dict(workflow_execution={}, update_id="u")),
        ),
        (INVALID_ARGUMENT, "Can't load workflow execution.  WorkflowId not set.", None, dict(update_ref={})),
        (INVALID_ARGUMENT, "Namespace is empty.", None, dict(namespace="", update_ref={})),
    ],
)
def test_a_refused_poll(server, code, text, detail, fields):
    with refused(code, text, detail):
        server.call("PollWorkflowExecutionUpdate", **fields)


def test_the_run_must_belong_to_the_named_chain(server):
    run = idle(server)
    other = idle(server)
    with refused(NOT_FOUND, "workflow execution not found", NotFoundFailure):
        run.update(first_execution_run_id=other.run_id)
    answer = run.update_later(first_execution_run_id=run.run_id)
    turn_down(run.task())
    answer.result()


def test_the_size_of_an_input_has_no_limit_of_its_own(server):
    run = idle(server)
    answer = run.update_later("u", "up", "x" * (2 * 1024 * 1024 + 1))
    finish(run.task())
    assert answer_of(answer.result()) == ("COMPLETED", None)
