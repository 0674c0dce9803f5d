"""Payloads that are kept elsewhere: how many a run has and how large they are, when it is described and, once it is
closed, in lists."""

import os
import time

from driver import *

COUNT, BYTES = "TemporalExternalPayloadCount", "TemporalExternalPayloadSizeBytes"


def kept_elsewhere(*sizes):
    return common_pb.Payload(data=b"where", external_payloads=[dict(size_bytes=size) for size in sizes])


def all_of(*values):
    return common_pb.Payloads(payloads=values)


def described(run):
    info = run.describe().workflow_execution_info
    return info.external_payload_count, info.external_payload_size_bytes


def listed(run, query):
    """The two search attributes of the run, when the query finds it. The real server's lists lag behind a little."""
    give_up = time.monotonic() + (10 if os.environ.get("ORACLE") else 0)
    while True:
        rows = run.server.call(
            "ListWorkflowExecutions", query=f"WorkflowId = '{run.workflow_id}' AND {query}"
        ).executions
        if rows or time.monotonic() >= give_up:
            break
        time.sleep(0.1)
    assert len(rows) == 1, f"{len(rows)} rows for {query}"
    fields = rows[0].search_attributes.indexed_fields
    return tuple(value_of(fields[name]) if name in fields else None for name in (COUNT, BYTES))


def test_a_run_without(server):
    run = server.start(input=payloads("here"))
    assert described(run) == (0, 0)
    assert listed(run, "ExecutionStatus = 'Running'") == (None, None)


def test_what_a_client_starts_it_with_counts_at_once(server):
    run = server.start(
        input=all_of(kept_elsewhere(1000), payload("here"), kept_elsewhere(200, 30)),
        memo=dict(fields={"m": kept_elsewhere(4)}),
        header=dict(fields={"h": kept_elsewhere(50)}),
    )
    assert described(run) == (5, 1284)
    assert listed(run, "ExecutionStatus = 'Running'") == (None, None)
    run.terminate()
    assert listed(run, f"{COUNT} = 5 AND {BYTES} > 1000") == (5, 1284)
    assert not run.describe().workflow_execution_info.search_attributes.indexed_fields


def test_what_comes_later_counts_where_it_enters_the_history(server):
    run = server.start()
    run.signal("s", input=all_of(kept_elsewhere(1)))
    assert described(run) == (1, 1)
    task = run.task()
    run.signal("s", input=all_of(kept_elsewhere(10)))
    task.complete(run.schedule_activity("a", input=all_of(kept_elsewhere(100), kept_elsewhere(1000))))
    assert described(run) == (4, 1111)
    failure = failure_pb.Failure(
        application_failure_info=dict(details=all_of(kept_elsewhere(10000))),
        cause=dict(encoded_attributes=kept_elsewhere(100000)),
    )
    run.activity().fail(failure, last_heartbeat_details=all_of(kept_elsewhere(7)))
    assert described(run) == (4, 1111)  # what is tried again has no event yet
    run.activity().complete()
    assert described(run) == (6, 111111)  # the start names what went wrong before
    run.task().complete(complete_workflow())
    assert listed(run, f"{BYTES} = 111111") == (6, 111111)


def test_those_of_search_attributes_do_not_count(server):
    user = payload("b")
    user.external_payloads.add(size_bytes=9)
    run = server.start(search_attributes=dict(indexed_fields={"BatcherUser": user}))
    assert described(run) == (0, 0)


def test_a_run_that_follows_begins_with_its_own(server):
    run = server.start(input=all_of(kept_elsewhere(5, 6)))
    run.task().complete(continue_as_new(input=all_of(kept_elsewhere(3))))
    following = run.other(attributes_of(run.events()[-1]).new_execution_run_id)
    assert (described(run), described(following)) == ((3, 14), (1, 3))
    following.terminate()
    assert listed(following, "ExecutionStatus = 'Terminated'") == (1, 3)


def test_the_history_of_a_reset_counts_again(server):
    run = server.start(input=all_of(kept_elsewhere(5)))
    run.task().complete(record_marker("m"), force_create_new_workflow_task=True)
    run.task().complete(run.schedule_activity("a", input=all_of(kept_elsewhere(60))))
    again = run.server.call(
        "ResetWorkflowExecution",
        workflow_execution=run.execution,
        workflow_task_finish_event_id=4,
        request_id=unique("reset"),
    )
    again = run.other(again.run_id)
    assert (described(run), described(again)) == ((2, 65), (1, 5))


def test_sizes_may_be_anything(server):
    run = server.start(input=all_of(kept_elsewhere(2**63 - 1, 1)))
    assert described(run) == (2, -(2**63))
    run.signal("s", input=all_of(kept_elsewhere(-5)))
    assert described(run) == (3, 2**63 - 5)


def test_beside_search_attributes_of_its_own(server):
    run = server.start(input=all_of(kept_elsewhere(8)))
    run.task().complete(upsert_search_attributes(BatcherUser="me"), complete_workflow())
    assert listed(run, "BatcherUser = 'me'") == (1, 8)
