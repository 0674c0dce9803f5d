"""Update-with-start: ExecuteMultiOperation with a start and an update, which succeed or fail together."""

import time

import pytest
from updates import *

FAILED = "Update-with-Start could not be executed."
OPERATION_ABORTED = "Operation was aborted."
OK, IA, NF, AE, PD, RE, FP, AB = 0, 3, 5, 6, 7, 8, 9, 10  # gRPC codes, as they stand in the details


def operations(workflow_id, queue, update_id="u", start=(), update=(), stage="COMPLETED"):
    """The two operations, with what `start` and `update` change in them."""
    started = dict(
        workflow_id=workflow_id,
        workflow_type=dict(name="wf"),
        task_queue=dict(name=queue),
        request_id=str(uuid.uuid4()),
        workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING",
        namespace="default",
    )
    updated = dict(
        workflow_execution=dict(workflow_id=workflow_id),
        request=update_request(update_id),
        wait_policy=wait_for(stage),
        namespace="default",
    )
    return [dict(start_workflow=dict(started, **dict(start))), dict(update_workflow=dict(updated, **dict(update)))]


def names(run=None):
    return (run.workflow_id, run.queue) if run else (unique("wf"), unique("queue"))


def send_later(server, *args, timeout=CALL_SECONDS, **fields):
    return server.call_later("ExecuteMultiOperation", operations=operations(*args, **fields), timeout=timeout)


def send(server, *args, **fields):
    return send_later(server, *args, **fields).result()


def parts(response):
    assert len(response.responses) == 2
    return response.responses[0].start_workflow, response.responses[1].update_workflow


def wait_until_known(run):
    while True:
        with contextlib.suppress(grpc.RpcError):
            run.poll_update()
            break


def run_of(server, workflow_id, queue):
    return Run(server, workflow_id, "", queue)


class failed(refused):
    """The whole call fails with these statuses, each a code, its text and what its detail is, of start and update."""

    def __init__(self, code, start, update):
        super().__init__(code, FAILED, MultiOperationFailure)
        self.expected = [start, update]

    def __exit__(self, *args):
        super().__exit__(*args)
        got = []
        for status, expected in zip(self.got.statuses, self.expected):
            details = [detail.type_url.rpartition("/")[2] for detail in status.details]
            got.append((status.code, status.message, *details))
        assert got == self.expected
        return True


START_ABORTED = UPDATE_ABORTED = (AB, OPERATION_ABORTED, "temporal.api.failure.v1.MultiOperationExecutionAborted")
NOT_FOUND_DETAIL = "temporal.api.errordetails.v1.NotFoundFailure"
ALREADY_STARTED_DETAIL = "temporal.api.errordetails.v1.WorkflowExecutionAlreadyStartedFailure"


# ---------------------------------------------------------------------------------------------------------------------
# A new workflow


def test_the_first_task_brings_the_update(server):
    workflow_id, queue = names()
    answer = send_later(server, workflow_id, queue)
    run = run_of(server, workflow_id, queue)
    task = run.task()
    assert (ids_of(task), task.messages[0].event_id, task.attempt) == (["u"], 2, 1)
    finish(task, "u", "hello")
    response = answer.result()
    started, updated = parts(response)
    run = run_of(server, workflow_id, queue).other(started.run_id)
    assert started.started and started.first_execution_run_id == started.run_id
    assert started.status == 1  # RUNNING
    event = started.link.workflow_event
    assert (event.workflow_id, event.run_id, event.event_ref.event_id) == (workflow_id, started.run_id, 1)
    assert answer_of(updated) == ("COMPLETED", "hello")
    assert updated.update_ref.workflow_execution.run_id == started.run_id
    assert updated.update_ref.update_id == "u"
    assert updated.link.workflow_event.run_id == started.run_id
    run.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowTaskScheduled
        3 WorkflowTaskStarted
        4 WorkflowTaskCompleted
        5 WorkflowExecutionUpdateAccepted accepted_request_sequencing_event_id=2
        6 WorkflowExecutionUpdateCompleted
    """)


def test_waiting_for_acceptance_only(server):
    workflow_id, queue = names()
    answer = send_later(server, workflow_id, queue, stage="ACCEPTED")
    take(run_of(server, workflow_id, queue).task())
    started, updated = parts(answer.result())
    assert started.started and answer_of(updated) == "ACCEPTED"


def test_a_rejection_is_no_failure(server):
    workflow_id, queue = names()
    answer = send_later(server, workflow_id, queue)
    run = run_of(server, workflow_id, queue)
    turn_down(run.task())
    started, updated = parts(answer.result())
    assert started.started and answer_of(updated) == ("COMPLETED", "no")
    assert updated.link.workflow.reason == "Update rejected"
    run.expect(IDLE)


def test_the_start_counts_though_the_update_is_aborted(server):
    workflow_id, queue = names()
    answer = send_later(server, workflow_id, queue)
    run = run_of(server, workflow_id, queue)
    run.task().complete(complete_workflow())
    with failed(NOT_FOUND, (OK, ""), (NF, ABORTED_BY_CLOSE, NOT_FOUND_DETAIL)):
        answer.result()
    assert run.status() == "COMPLETED"


def test_the_workflow_completes_in_its_first_task(server):
    workflow_id, queue = names()
    answer = send_later(server, workflow_id, queue)
    messages = [accept("u", 2), respond("u", "both")]
    run_of(server, workflow_id, queue).task().complete(*map(place, messages), complete_workflow(), messages=messages)
    started, updated = parts(answer.result())
    assert answer_of(updated) == ("COMPLETED", "both")
    assert started.started and started.status == 1  # as it was when it was started


def test_without_a_namespace_or_a_stage_in_the_update(server):
    workflow_id, queue = names()
    both = operations(workflow_id, queue)
    both[1]["update_workflow"].pop("namespace")
    both[1]["update_workflow"].pop("wait_policy")
    answer = server.call_later("ExecuteMultiOperation", operations=both)
    finish(run_of(server, workflow_id, queue).task(), "u", 1)
    assert answer_of(parts(answer.result())[1]) == ("COMPLETED", 1)


def test_an_id_is_made_for_an_update_without_one(server):
    workflow_id, queue = names()
    answer = send_later(server, workflow_id, queue, "")
    task = run_of(server, workflow_id, queue).task()
    (name,) = ids_of(task)
    finish(task, name)
    assert parts(answer.result())[1].update_ref.update_id == name


# ---------------------------------------------------------------------------------------------------------------------
# A workflow that is open


def test_an_open_workflow_gets_the_update(server):
    run = idle(server)
    answer = send_later(server, *names(run))
    finish(run.task(), "u", "there")
    started, updated = parts(answer.result())
    assert not started.started and started.run_id == run.run_id and started.status == 1
    event = started.link.workflow_event
    assert (event.run_id, event.event_ref.event_id) == (run.run_id, 1)
    assert started.first_execution_run_id == ""
    assert answer_of(updated) == ("COMPLETED", "there")


def test_a_closed_workflow_is_started_again(server):
    run = idle(server)
    run.terminate()
    answer = send_later(server, *names(run))
    task = run.task()
    assert task.workflow_execution.run_id != run.run_id
    finish(task, "u", "new")
    started, updated = parts(answer.result())
    assert started.started and started.run_id == task.workflow_execution.run_id
    assert answer_of(updated) == ("COMPLETED", "new")


def test_an_open_workflow_that_may_not_be_used(server):
    run = idle(server)
    text = f"Workflow execution is already running. WorkflowId: {run.workflow_id}, RunId: {run.run_id}."
    for policy in ("FAIL", "UNSPECIFIED"):
        start = dict(workflow_id_conflict_policy=f"WORKFLOW_ID_CONFLICT_POLICY_{policy}")
        with failed(ALREADY_EXISTS, (AE, text, ALREADY_STARTED_DETAIL), UPDATE_ABORTED):
            send(server, *names(run), start=start)
    run.expect(IDLE)


def test_an_open_workflow_that_is_terminated(server):
    run = idle(server)
    start = dict(workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING")
    answer = send_later(server, *names(run), start=start)
    task = run.task()
    finish(task, "u", "new")
    started, updated = parts(answer.result())
    assert started.started and started.run_id != run.run_id
    assert answer_of(updated) == ("COMPLETED", "new")
    assert run.status() == "TERMINATED"


def test_a_closed_workflow_whose_id_may_not_be_used_again(server):
    run = idle(server)
    run.terminate()
    text = (
        f"Workflow execution already finished. WorkflowId: {run.workflow_id}, RunId: {run.run_id}. Workflow Id reuse "
        "policy: reject duplicate workflow Id."
    )
    start = dict(workflow_id_reuse_policy="WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE")
    with failed(ALREADY_EXISTS, (AE, text, ALREADY_STARTED_DETAIL), UPDATE_ABORTED):
        send(server, *names(run), start=start)


FAIL = dict(workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_FAIL")


def test_the_same_request_finds_its_workflow_whatever_the_policy(server):
    workflow_id, queue = names()
    start = dict(FAIL, request_id="one-request")
    answer = send_later(server, workflow_id, queue, start=start)
    run = run_of(server, workflow_id, queue)
    task = run.task()
    again = send_later(server, workflow_id, queue, start=start)
    other = send_later(server, workflow_id, queue, "v", start=start)
    time.sleep(0.3)  # nothing tells that they wait
    second = task.inline(messages=[accept("u", 2), respond("u", 1)])
    finish(second, "v", 2)
    first_started, first = parts(answer.result())
    again_started, repeated = parts(again.result())
    other_started, third = parts(other.result())
    assert first_started.run_id == again_started.run_id == other_started.run_id
    assert (first_started.started, again_started.started, other_started.started) == (True, False, False)
    assert [answer_of(part) for part in (first, repeated, third)] == [("COMPLETED", 1)] * 2 + [("COMPLETED", 2)]


def test_a_known_update_finds_its_workflow_whatever_the_policy(server):
    run = idle(server)
    answer = run.send_update("u")
    again = send_later(server, *names(run), start=FAIL)
    time.sleep(0.3)  # nothing tells that it waits
    finish(run.task(), "u", 1)
    answer.result()
    started, updated = parts(again.result())
    assert not started.started and started.run_id == run.run_id
    assert answer_of(updated) == ("COMPLETED", 1)


@pytest.mark.parametrize("close", [False, True])
@pytest.mark.parametrize("policy", ["FAIL", "USE_EXISTING", "TERMINATE_EXISTING"])
def test_a_completed_update_is_answered_at_once(server, close, policy):
    run = idle(server)
    answer = run.update_later("u")
    finish(run.task(), "u", "kept")
    answer.result()
    if close:
        run.terminate()
    start = dict(workflow_id_conflict_policy=f"WORKFLOW_ID_CONFLICT_POLICY_{policy}")
    started, updated = parts(send(server, *names(run), start=start))
    assert not started.started and started.run_id == run.run_id
    assert started.status == (5 if close else 1)  # TERMINATED or RUNNING
    assert not started.HasField("link")
    assert answer_of(updated) == ("COMPLETED", "kept")
    assert updated.update_ref.workflow_execution.run_id == run.run_id
    assert not updated.HasField("link")
    assert run.status() == ("TERMINATED" if close else "RUNNING")


def test_an_update_that_was_cut_off_is_not_an_answer(server):
    """Accepted, never completed: the workflow is started anew and gets an update of its own."""
    run = idle(server)
    answer = run.update_later("u")
    take(run.task())
    run.terminate()
    answer.result()
    again = send_later(server, *names(run))
    finish(run.task(), "u", "now")
    started, updated = parts(again.result())
    assert started.started and answer_of(updated) == ("COMPLETED", "now")


def test_the_workflow_closes_before_it_sees_the_update(server):
    """The server tries once more, and starts the workflow anew."""
    run = server.start()
    task = run.task()
    answer = send_later(server, *names(run))
    wait_until_known(run)
    task.complete(complete_workflow())
    task = run.task()
    assert task.workflow_execution.run_id != run.run_id and ids_of(task) == ["u"]
    finish(task, "u", "second try")
    started, updated = parts(answer.result())
    assert started.started and started.run_id == task.workflow_execution.run_id
    assert answer_of(updated) == ("COMPLETED", "second try")


def test_the_workflow_closes_and_may_not_be_started_again(server):
    run = server.start()
    task = run.task()
    start = dict(workflow_id_reuse_policy="WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE")
    answer = send_later(server, *names(run), start=start)
    wait_until_known(run)
    task.complete(complete_workflow())
    text = (
        f"Workflow execution already finished. WorkflowId: {run.workflow_id}, RunId: {run.run_id}. Workflow Id reuse "
        "policy: reject duplicate workflow Id."
    )
    with failed(ALREADY_EXISTS, (AE, text, ALREADY_STARTED_DETAIL), UPDATE_ABORTED):
        answer.result()


def test_the_workflow_continues_before_it_sees_the_update(server):
    run = server.start()
    task = run.task()
    answer = send_later(server, *names(run))
    wait_until_known(run)
    task.complete(continue_as_new())
    detail = "temporal.api.errordetails.v1.ResourceExhaustedFailure"
    with failed(RESOURCE_EXHAUSTED, START_ABORTED, (RE, CLOSING, detail)):
        answer.result()


def test_the_task_of_an_open_workflow_fails_again_and_again(server):
    run = server.start()
    run.task().fail()
    run.task().fail()
    detail = "temporal.api.errordetails.v1.WorkflowNotReadyFailure"
    with failed(FAILED_PRECONDITION, START_ABORTED, (FP, TASK_FAILING, detail)):
        send(server, *names(run))


def test_a_refused_task_loses_the_update(server):
    workflow_id, queue = names()
    answer = send_later(server, workflow_id, queue)
    with refused(INVALID_ARGUMENT):
        run_of(server, workflow_id, queue).task().complete(start_timer("", 1))
    detail = "temporal.api.errordetails.v1.WorkflowNotReadyFailure"
    with failed(FAILED_PRECONDITION, (OK, ""), (FP, TASK_FAILED, detail)):
        answer.result()


def test_a_refused_task_of_an_open_workflow_loses_the_update(server):
    run = idle(server)
    answer = send_later(server, *names(run))
    with refused(INVALID_ARGUMENT):
        run.task().complete(start_timer("", 1))
    detail = "temporal.api.errordetails.v1.WorkflowNotReadyFailure"
    with failed(FAILED_PRECONDITION, START_ABORTED, (FP, TASK_FAILED, detail)):
        answer.result()


def test_too_many_updates_in_flight(server):
    run = idle(server)
    answers = [run.send_update(f"u{n}") for n in range(10)]
    text = "limit on number of concurrent in-flight updates has been reached (10)"
    detail = "temporal.api.errordetails.v1.ResourceExhaustedFailure"
    with failed(RESOURCE_EXHAUSTED, START_ABORTED, (RE, text, detail)):
        send(server, *names(run))
    run.terminate()
    for answer in answers:
        answer.exception()


# ---------------------------------------------------------------------------------------------------------------------
# Refused at once


@pytest.mark.parametrize("indices", [[], [0], [1], [1, 0], [0, 0], [1, 1], [0, 1, 1]])
def test_other_operations_than_these_two(server, indices):
    both = operations(*names())
    with refused(INVALID_ARGUMENT, "Operations have to be exactly [Start, Update]."):
        server.call("ExecuteMultiOperation", operations=[both[index] for index in indices])


def test_an_empty_operation(server):
    with refused(INVALID_ARGUMENT, "Operations have to be exactly [Start, Update]."):
        server.call("ExecuteMultiOperation", operations=[dict(), operations(*names())[1]])


def test_an_unknown_namespace(server):
    with refused(NOT_FOUND, "Namespace nope is not found.", NamespaceNotFoundFailure):
        server.call("ExecuteMultiOperation", namespace="nope", operations=operations(*names()))


START_ERRORS = {
    "no type": (dict(workflow_type={}), "WorkflowType is not set on request."),
    "no id": (dict(workflow_id=""), "WorkflowId is not set on request."),
    "no queue": (dict(task_queue=dict(name="")), "missing task queue name"),
    "cron": (dict(cron_schedule="@daily"), "CronSchedule is not allowed."),
    "bad cron": (dict(cron_schedule="bad"), "invalid CronSchedule."),
    "eager": (dict(request_eager_execution=True), "RequestEagerExecution is not supported."),
    "delay": (dict(workflow_start_delay=seconds(1)), "WorkflowStartDelay is not supported."),
    "namespace": (dict(namespace="other"), "Operation namespace did not match request's namespace."),
}


@pytest.mark.parametrize("case", START_ERRORS)
def test_a_bad_start(server, case):
    fields, text = START_ERRORS[case]
    with failed(INVALID_ARGUMENT, (IA, text), UPDATE_ABORTED):
        send(server, *names(), start=fields)


UPDATE_ERRORS = {
    "no meta": (dict(request=dict(input=dict(name="n"))), "Update meta is not set on request."),
    "no input": (dict(request=dict(meta={})), "Update input is not set on request."),
    "no name": (dict(request=dict(meta={}, input={})), "Update name is not set on request."),
    "long id": (dict(request=update_request("u" * 1001)), "UpdateId length exceeds limit."),
    "no workflow id": (dict(workflow_execution=dict(workflow_id="")), "WorkflowId is not set on request."),
    "other workflow id": (
        dict(workflow_execution=dict(workflow_id="other")),
        "WorkflowId is not consistent with previous operation(s).",
    ),
    "namespace": (dict(namespace="other"), "Operation namespace did not match request's namespace."),
    "first run": (dict(first_execution_run_id="x"), "FirstExecutionRunId is not allowed."),
}


@pytest.mark.parametrize("case", UPDATE_ERRORS)
def test_a_bad_update(server, case):
    fields, text = UPDATE_ERRORS[case]
    with failed(INVALID_ARGUMENT, START_ABORTED, (IA, text)):
        send(server, *names(), update=fields)


def test_an_update_of_a_run(server):
    workflow_id, queue = names()
    execution = dict(workflow_id=workflow_id, run_id=str(uuid.uuid4()))
    with failed(INVALID_ARGUMENT, START_ABORTED, (IA, "RunId is not allowed.")):
        send(server, workflow_id, queue, update=dict(workflow_execution=execution))


def test_waiting_for_admission_only(server):
    text = "UpdateWorkflowExecution issued asynchronously and waiting on update admitted is not supported."
    detail = "temporal.api.errordetails.v1.PermissionDeniedFailure"
    with failed(PERMISSION_DENIED, START_ABORTED, (PD, text, detail)):
        send(server, *names(), stage="ADMITTED")


def test_both_operations_are_bad(server):
    with failed(INVALID_ARGUMENT, (IA, "CronSchedule is not allowed."), (IA, "Update name is not set on request.")):
        send(server, *names(), start=dict(cron_schedule="@daily"), update=dict(request=dict(meta={}, input={})))


def test_unknown_search_attributes_of_the_start(server):
    attributes = dict(indexed_fields={"Nope": payload("x")})
    text = "Namespace default has no mapping defined for search attribute Nope"
    with failed(INVALID_ARGUMENT, (IA, text), UPDATE_ABORTED):
        send(server, *names(), start=dict(search_attributes=attributes))
