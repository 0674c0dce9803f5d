"""What clients ask besides: activities by id, histories in pages and backwards, deletion, lists of workflows."""

from driver import *
from world import scenario


def with_activity(world, **attributes):
    run = world.start()
    run.task().complete(run.schedule_activity("a", **attributes))
    return run


def by_id(world, run, rpc, activity_id="a", **fields):
    fields = dict(
        dict(workflow_id=run.workflow_id, run_id=run.run_id, activity_id=activity_id, identity="client"), **fields
    )
    return world.call(rpc, **fields)


@scenario
def complete_by_id(world):
    run = with_activity(world)
    run.activity()
    by_id(world, run, "RespondActivityTaskCompletedById", result=payloads("by id", 2))
    run.task().complete()


@scenario
def complete_by_id_what_nobody_took(world):
    run = with_activity(world)
    by_id(world, run, "RespondActivityTaskCompletedById", result=payloads("unasked"), run_id="")
    run.task().complete()


@scenario
def fail_by_id(world):
    run = with_activity(world, retry_policy=dict(initial_interval=seconds(0.1), maximum_attempts=2))
    run.activity()
    by_id(
        world,
        run,
        "RespondActivityTaskFailedById",
        failure=application_failure("first"),
        last_heartbeat_details=payloads("d"),
    )
    run.activity()
    by_id(world, run, "RespondActivityTaskFailedById", failure=application_failure("second"))
    run.task().complete()


@scenario
def cancel_by_id(world):
    run = with_activity(world, heartbeat_timeout=seconds(100))
    run.activity()
    by_id(world, run, "RecordActivityTaskHeartbeatById", details=payloads("page 1"))
    with world.refused():
        by_id(world, run, "RespondActivityTaskCanceledById")
    run.signal()
    run.task().complete(cancel_activity(5))
    by_id(world, run, "RecordActivityTaskHeartbeatById", details=payloads("page 2"))
    by_id(world, run, "RespondActivityTaskCanceledById", details=payloads("as asked"))
    run.task().complete()


@scenario
def by_an_id_that_is_not_there(world):
    run = with_activity(world)
    for rpc in ("RespondActivityTaskFailedById", "RespondActivityTaskCanceledById", "RecordActivityTaskHeartbeatById"):
        with world.tried():
            by_id(world, run, rpc)
    for rpc in (
        "RespondActivityTaskCompletedById",
        "RespondActivityTaskFailedById",
        "RespondActivityTaskCanceledById",
        "RecordActivityTaskHeartbeatById",
    ):
        for fields in (
            dict(activity_id="unknown"),
            dict(activity_id=""),
            dict(workflow_id=world.id("nobody"), run_id=""),
            dict(run_id="00000000-0000-4000-8000-000000000000"),
            dict(run_id="no run id"),
        ):
            with world.tried():
                by_id(world, run, rpc, **fields)
    run.terminate()
    for rpc in ("RespondActivityTaskCompletedById", "RecordActivityTaskHeartbeatById"):
        with world.tried():
            by_id(world, run, rpc)


def with_a_long_history(world):
    run = world.start()
    for index in range(4):
        run.task().complete(record_marker(f"m{index}"))
        run.signal(f"s{index}")
    run.task().complete(complete_workflow())
    return run


def pages(world, run, rpc, title, **fields):
    token, number = b"", 0
    while True:
        page = world.quietly(rpc, execution=run.execution, next_page_token=token, **fields)
        number += 1
        world.note(
            f"{title}, page {number}",
            ", ".join(f"{event.event_id} {event_type(event)}" for event in page.history.events),
        )
        token = page.next_page_token
        if not token:
            return


@scenario
def a_history_in_pages(world):
    run = with_a_long_history(world)
    for size in (1, 3, 100):
        pages(world, run, "GetWorkflowExecutionHistory", f"At most {size}", maximum_page_size=size)


@scenario
def a_history_backwards(world):
    run = with_a_long_history(world)
    for size in (1, 3, 100):
        pages(world, run, "GetWorkflowExecutionHistoryReverse", f"At most {size}", maximum_page_size=size)
    running = world.start("running")
    task = running.task()
    running.signal()
    pages(world, running, "GetWorkflowExecutionHistoryReverse", "While a task runs")
    task.fail()
    running.task()
    pages(world, running, "GetWorkflowExecutionHistoryReverse", "While a second attempt runs")


@scenario
def histories_that_are_not_there(world):
    run = world.start()
    for rpc in ("GetWorkflowExecutionHistory", "GetWorkflowExecutionHistoryReverse", "DescribeWorkflowExecution"):
        for execution in (
            dict(workflow_id=world.id("nobody")),
            dict(workflow_id=run.workflow_id, run_id="00000000-0000-4000-8000-000000000000"),
            dict(workflow_id=run.workflow_id, run_id="no run id"),
            dict(),
        ):
            try:
                world.quietly(rpc, execution=execution)
            except grpc.RpcError as error:
                world.lines += world.normalizer.error(rpc, error)


def gone(world, run):
    """Waits until a deleted run is not there any more."""
    while True:
        try:
            world.quietly("DescribeWorkflowExecution", execution=run.execution)
        except grpc.RpcError:
            return


@scenario
def delete(world):
    closed, running = world.start("closed"), world.start("running")
    closed.task().complete(complete_workflow())
    for run in (closed, running):
        world.call("DeleteWorkflowExecution", workflow_execution=dict(workflow_id=run.workflow_id))
        gone(world, run)
        with world.refused():
            run.signal()
        with world.refused():
            world.call("DeleteWorkflowExecution", workflow_execution=dict(workflow_id=run.workflow_id))
    again = world.start(
        "closed", request_id="another", workflow_id_reuse_policy="WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE"
    )
    again.task().complete(complete_workflow())


@scenario(waits=True)
def delete_one_run_of_two(world):
    run = world.start()
    run.task().complete(continue_as_new())
    second = world.next_run(run)
    world.call("DeleteWorkflowExecution", workflow_execution=run.execution)
    gone(world, run)
    second.task().complete(complete_workflow())
    world.call("DescribeWorkflowExecution", execution=dict(workflow_id=run.workflow_id))


def listed(world, query, count):
    """The rows that a query finds, once there are as many as there should be, by workflow id."""
    while True:
        page = world.quietly("ListWorkflowExecutions", query=query)
        if len(page.executions) == count:
            break
    lines = []
    for row in sorted(page.executions, key=lambda row: (row.execution.workflow_id, row.start_time.ToJsonString())):
        lines += world.normalizer.message("Row", row)
    world.note(query.replace(f"-{world.tag}", ""), *lines)


@scenario
def lists(world):
    mine = " OR ".join(f'WorkflowId = "{world.id(name)}"' for name in ("open", "completed", "failed", "continued"))
    world.start(
        "open", memo=dict(fields=dict(m=payload(1))), search_attributes=dict(indexed_fields=entries(dict(DiffInt=7)))
    )
    world.start("completed").task().complete(modify_memo(m=2), upsert_search_attributes(DiffInt=8), complete_workflow())
    world.start("failed", priority=dict(priority_key=2)).task().complete(fail_workflow())
    world.start("continued").task().complete(continue_as_new(backoff_start_interval=seconds(600)))
    listed(world, mine, 5)
    for status, count in (("Running", 2), ("Completed", 1), ("Failed", 1), ("ContinuedAsNew", 1), ("Terminated", 0)):
        listed(world, f'({mine}) AND ExecutionStatus = "{status}"', count)
    listed(world, f"({mine}) AND DiffInt >= 8", 1)
    for query in (f"{mine}", f'({mine}) AND ExecutionStatus != "Running"'):
        world.call("CountWorkflowExecutions", query=query)
    world.call("CountWorkflowExecutions", query=f"({mine}) GROUP BY ExecutionStatus")


@scenario
def lists_that_are_refused(world):
    for query in (
        "nonsense",
        "NoSuchAttribute = 1",
        'ExecutionStatus = "Nonsense"',
        "WorkflowId = 7",
        'StartTime > "yesterday"',
        'WorkflowId = "a" ORDER BY NoSuchAttribute',
        'WorkflowId LIKE "a"',
        "WorkflowId = 'a' AND",
    ):
        with world.tried():
            world.call("ListWorkflowExecutions", query=query)
        with world.tried():
            world.call("CountWorkflowExecutions", query=query)
