"""Queries: they leave no trace in the history, however they are answered."""

from driver import *
from world import scenario


@scenario
def of_an_idle_workflow(world):
    run = world.start()
    run.task().complete()
    query = dict(query_type="state", query_args=payloads(1), header=dict(fields=dict(h=payload(2))))
    answer = world.call_later("QueryWorkflow", execution=run.execution, query=query)
    run.task().answer_query("fine")
    answer.result()


@scenario
def of_a_closed_workflow(world):
    run = world.start()
    run.task().complete(complete_workflow())
    answer = run.query_later()
    run.task().answer_query("it is over")
    answer.result()


@scenario
def that_fails(world):
    run = world.start()
    run.task().complete()
    answer = run.query_later()
    run.task().answer_query(
        completed_type="QUERY_RESULT_TYPE_FAILED", error_message="no such query", failure=application_failure("no")
    )
    with world.refused():
        answer.result()


@scenario
def that_rides_a_task(world):
    run = world.start()
    run.task().complete()
    run.signal()
    answer = run.query_later()
    run.describe()  # by then the server has the query, which was sent before
    task = run.task()
    (id,) = task.queries
    result = dict(result_type="QUERY_RESULT_TYPE_ANSWERED", answer=payloads("with the task"))
    task.complete(start_timer("t", 100), query_results={id: result})
    answer.result()


@scenario
def with_a_condition_on_the_status(world):
    run = world.start()
    run.task().complete(fail_workflow())
    for condition in ("NOT_OPEN", "NOT_COMPLETED_CLEANLY"):
        run.query(query_reject_condition=f"QUERY_REJECT_CONDITION_{condition}")
    other = world.start("other")
    other.task().complete(complete_workflow())
    other.query(query_reject_condition="QUERY_REJECT_CONDITION_NOT_OPEN")


@scenario
def that_cannot_be(world):
    for fields in (
        dict(execution=dict(workflow_id=world.id("nobody"))),
        dict(execution=dict()),
        dict(query=dict()),
        dict(query=None),
        dict(namespace="no such namespace"),
    ):
        fields = dict(dict(execution=dict(workflow_id=world.id("nobody")), query=dict(query_type="state")), **fields)
        with world.refused():
            world.call("QueryWorkflow", **fields)


@scenario
def during_the_delay_of_a_start(world):
    run = world.start(workflow_start_delay=seconds(100))
    with world.refused():
        run.query(timeout=3)


@scenario
def of_a_workflow_whose_tasks_fail(world):
    run = world.start()
    for _ in range(3):
        run.task().fail()
    with world.refused():
        run.query()
