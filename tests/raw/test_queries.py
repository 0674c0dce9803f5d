"""QueryWorkflow: alone to a worker, on a workflow task, rejected, failing."""

import pytest
from driver import *

NOT_READY = WorkflowNotReadyFailure


def idle(server, **fields):
    """A run that has completed its first task and waits."""
    run = server.start(**fields)
    run.task().complete(start_timer("long", 600))
    return run


def query_on_task(run):
    """A query, and the task that it rides on; the run must have a pending task."""
    answer = run.query_later()
    task = run.task()
    while not task.queries:  # the task was faster than the query, which then rides on the next
        task.complete(force_create_new_workflow_task=True)
        task = run.task()
    return answer, task


def answered(*result):
    return dict(result_type="QUERY_RESULT_TYPE_ANSWERED", answer=payloads(*result))


def test_a_query_on_an_idle_workflow_comes_alone(server):
    run = idle(server)
    answer = run.query_later("state")
    task = run.task()
    assert task.query.query_type == "state"
    assert (task.started_event_id, task.previous_started_event_id, task.attempt) == (0, 3, 1)
    assert task.text().splitlines()[-1] == "5 TimerStarted"
    task.answer_query("fine")
    assert value_of(answer.result().query_result) == "fine"
    assert run.text().endswith("5 TimerStarted")  # a query leaves no trace


def test_a_query_carries_its_arguments_and_header(server):
    run = idle(server)
    query = dict(query_type="q", query_args=payloads("arg"), header=dict(fields={"h": payload(1)}))
    answer = server.call_later("QueryWorkflow", execution=run.execution, query=query)
    task = run.task()
    assert value_of(task.query.query_args) == "arg"
    assert value_of(task.query.header.fields["h"]) == 1
    task.answer_query()
    answer.result()


def test_a_failing_query_tells_the_caller_why(server):
    run = idle(server)
    answer = run.query_later()
    run.task().answer_query(
        completed_type="QUERY_RESULT_TYPE_FAILED", error_message="no such query", failure=application_failure("deep")
    )
    with refused(INVALID_ARGUMENT, "no such query", QueryFailedFailure) as refusal:
        answer.result()
    assert refusal.got.failure.message == "deep"


def test_a_closed_workflow_can_be_queried(server):
    run = server.start()
    run.task().complete(complete_workflow())
    answer = run.query_later()
    task = run.task()
    assert task.text().splitlines()[-1] == "5 WorkflowExecutionCompleted"
    task.answer_query("after")
    assert value_of(answer.result().query_result) == "after"


def test_a_query_while_a_task_is_pending_rides_on_it(server):
    run = idle(server)
    run.signal()
    answer, task = query_on_task(run)
    ((query_id, query),) = task.queries.items()
    assert query.query_type == "state" and not task.HasField("query")
    result = answered("ridden")
    task.complete(query_results={query_id: result})
    assert value_of(answer.result().query_result) == "ridden"


def test_only_one_query_can_wait_for_a_task(server):
    run = idle(server)
    run.signal()
    first = run.query_later()
    text = (
        "consistent query buffer is full, this may be caused by too many queries and workflow not able to process "
        "query fast enough"
    )
    second = run.query_later()
    done = []
    while not done:
        done = [future for future in (first, second) if future.done()]
    with refused(RESOURCE_EXHAUSTED, text, BUSY_WORKFLOW):
        done[0].result()
    left = second if done[0] is first else first
    task = run.task()
    ((query_id, _),) = task.queries.items()
    task.complete(query_results={query_id: answered(1)})
    assert value_of(left.result().query_result) == 1


def test_a_query_that_a_task_failed_to_answer_rides_on_its_next_attempt(server):
    run = idle(server)
    run.signal()
    answer, task = query_on_task(run)
    task.fail()
    again = run.task()
    assert again.attempt == 2 and list(again.queries) == list(task.queries)
    (query_id,) = again.queries
    again.complete(query_results={query_id: answered("late")})
    assert value_of(answer.result().query_result) == "late"


def test_a_query_left_unanswered_by_its_task_is_sent_alone(server):
    run = idle(server)
    run.signal()
    answer, task = query_on_task(run)
    task.complete()
    alone = run.task()
    assert alone.query.query_type == "state"
    alone.answer_query("alone")
    assert value_of(answer.result().query_result) == "alone"


def test_a_task_that_closes_the_workflow_may_answer_its_query(server):
    run = idle(server)
    run.signal()
    answer, task = query_on_task(run)
    (query_id,) = task.queries
    results = {query_id: answered("last words")}
    task.complete(complete_workflow(), query_results=results)
    assert value_of(answer.result().query_result) == "last words"


def test_a_failing_answer_on_a_task(server):
    run = idle(server)
    run.signal()
    answer, task = query_on_task(run)
    (query_id,) = task.queries
    results = {query_id: dict(result_type="QUERY_RESULT_TYPE_FAILED", error_message="unknown query")}
    task.complete(query_results=results)
    with refused(INVALID_ARGUMENT, "unknown query", QueryFailedFailure):
        answer.result()


def test_unknown_keys_among_the_results_are_ignored(server):
    run = server.start()
    results = {"nobody": answered(1)}
    run.task().complete(query_results=results)
    assert run.text().endswith("4 WorkflowTaskCompleted")


@pytest.mark.parametrize(
    "end, condition, status",
    [
        (complete_workflow, "NOT_OPEN", "COMPLETED"),
        (fail_workflow, "NOT_OPEN", "FAILED"),
        (fail_workflow, "NOT_COMPLETED_CLEANLY", "FAILED"),
    ],
)
def test_a_reject_condition_refuses_the_query(server, end, condition, status):
    run = server.start()
    run.task().complete(end())
    response = run.query(query_reject_condition=f"QUERY_REJECT_CONDITION_{condition}")
    rejected = response.query_rejected
    assert value_text(rejected.DESCRIPTOR.fields_by_name["status"], rejected.status) == status


def test_a_clean_completion_is_not_rejected_as_unclean(server):
    run = server.start()
    run.task().complete(complete_workflow())
    answer = run.query_later(query_reject_condition="QUERY_REJECT_CONDITION_NOT_COMPLETED_CLEANLY")
    run.task().answer_query("ok")
    assert value_of(answer.result().query_result) == "ok"


def test_a_workflow_closed_before_its_first_task_cannot_be_queried(server):
    run = server.start()
    run.terminate()
    with refused(FAILED_PRECONDITION, "Workflow execution closed before WorkflowTaskStarted event", NOT_READY):
        run.query()


def test_a_workflow_whose_first_task_is_delayed_cannot_be_queried(server):
    run = server.start(workflow_start_delay=seconds(600))
    with refused(FAILED_PRECONDITION, "Workflow task is not scheduled yet.", NOT_READY):
        run.query(timeout=3)


def test_a_workflow_whose_task_keeps_failing_cannot_be_queried(server):
    run = server.start()
    run.task().fail()
    run.task().fail()
    text = "Unable to query workflow due to Workflow Task in failed state."
    with refused(FAILED_PRECONDITION, text, NOT_READY):
        run.query()


def test_a_query_waits_for_the_first_task(server):
    run = server.start()
    answer = run.query_later()
    task = run.task()
    if not task.queries:  # the query came while the task ran: it rides on the next, or comes alone
        task.complete()
        task = run.task()
    if task.HasField("query"):
        task.answer_query("first")
    else:
        (query_id,) = task.queries
        task.complete(query_results={query_id: answered("first")})
    assert value_of(answer.result().query_result) == "first"


def test_a_query_that_no_worker_takes_ends_with_its_deadline(server):
    run = idle(server)
    with refused(DEADLINE_EXCEEDED):
        run.query(timeout=1)


def test_a_query_is_tried_on_the_sticky_queue_first(server):
    run = server.start()
    queue = dict(name=run.queue + "-sticky", kind="TASK_QUEUE_KIND_STICKY", normal_name=run.queue)
    with polling(run.task_later(task_queue=queue)) as poll:
        attributes = dict(worker_task_queue=queue, schedule_to_start_timeout=seconds(10))
        run.task().complete(sticky_attributes=attributes)
        answer = run.query_later()
        task = Task(run, poll.result())
    assert task.query.query_type == "state"
    assert not task.history.events  # the worker has it
    task.answer_query("cached")
    assert value_of(answer.result().query_result) == "cached"


def test_a_query_falls_back_to_the_normal_queue(server):
    run = server.start()
    queue = dict(name=run.queue + "-sticky", kind="TASK_QUEUE_KIND_STICKY", normal_name=run.queue)
    run.task().complete(sticky_attributes=dict(worker_task_queue=queue, schedule_to_start_timeout=seconds(1)))
    answer = run.query_later()
    task = run.task()
    assert task.text().splitlines()[0] == "1 WorkflowExecutionStarted"
    task.answer_query("replayed")
    assert value_of(answer.result().query_result) == "replayed"


def test_an_answer_nobody_waits_for_is_refused(server):
    run = idle(server)
    answer = run.query_later()
    task = run.task()
    task.answer_query()
    answer.result()
    with refused(NOT_FOUND, "query task not found, or already expired", NotFoundFailure):
        task.answer_query()


def test_a_query_without_its_message(server):
    run = server.start()
    with refused(INVALID_ARGUMENT, "WorkflowQuery is not set on request."):
        server.call("QueryWorkflow", execution=run.execution)


def test_a_query_without_a_type(server):
    run = server.start()
    with refused(INVALID_ARGUMENT, "QueryType is not set on request."):
        run.query("")


def test_a_query_answer_without_a_token(server):
    with refused(INVALID_ARGUMENT, "Task token not set on request."):
        server.call("RespondQueryTaskCompleted")


def test_a_query_left_unanswered_by_the_closing_task_goes_to_the_closed_run(server):
    run = idle(server)
    run.signal()
    answer, task = query_on_task(run)
    task.complete(complete_workflow())
    alone = run.task()
    assert alone.query.query_type == "state"
    alone.answer_query("closed")
    assert value_of(answer.result().query_result) == "closed"


def test_an_oversized_query_answer_is_a_failure(server):
    run = idle(server)
    answer = run.query_later()
    run.task().answer_query("x" * (2 << 20))
    with refused(INVALID_ARGUMENT, None, QueryFailedFailure):
        answer.result()
