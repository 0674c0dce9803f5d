"""Workers' heartbeats: what workers tell of themselves, and the lists, counts and descriptions made of it."""

import pytest
from driver import *


def heartbeat(key, **fields):
    usual = dict(
        worker_instance_key=key,
        worker_identity=f"{key}@host",
        task_queue="queue-1",
        sdk_name="sdk",
        sdk_version="1.2",
        status="WORKER_STATUS_RUNNING",
    )
    return dict(usual, **fields)


FIRST = heartbeat(
    "a",
    host_info=dict(host_name="host", process_id="7", worker_grouping_key="group", current_host_cpu_usage=0.5),
    deployment_version=dict(deployment_name="dep", build_id="b1"),
    plugins=[dict(name="plugin", version="2")],
    drivers=[dict(type="driver")],
    start_time="2026-01-01T00:00:00Z",
    heartbeat_time="2026-01-02T00:00:00Z",
    workflow_task_slots_info=dict(current_used_slots=3),
)
SECOND = heartbeat("b", task_queue="other", status="WORKER_STATUS_SHUTTING_DOWN")
SYSTEM = heartbeat("c", task_queue="temporal-sys-x")


@pytest.fixture(scope="module")
def known(server):
    def from_dict(fields):
        fields = dict(fields)
        times = {name: fields.pop(name) for name in ("start_time", "heartbeat_time") if name in fields}
        request = service_pb.RecordWorkerHeartbeatRequest(worker_heartbeat=[fields])
        for name, text in times.items():
            getattr(request.worker_heartbeat[0], name).FromJsonString(text)
        return request.worker_heartbeat[0]

    workers = [from_dict(fields) for fields in (SECOND, FIRST, SYSTEM)]
    server.call("RecordWorkerHeartbeat", identity="client", worker_heartbeat=workers)
    return {worker.worker_instance_key: worker for worker in workers}


def keys(server, **fields):
    return sorted(worker.worker_instance_key for worker in server.call("ListWorkers", **fields).workers)


def unknown(key):
    return refused(NOT_FOUND, f"Worker {key} not found", NotFoundFailure)


def test_a_worker_is_described_by_its_last_heartbeat(server, known):
    assert server.call("DescribeWorker", worker_instance_key="a").worker_info.worker_heartbeat == known["a"]
    with unknown("nobody"):
        server.call("DescribeWorker", worker_instance_key="nobody")
    with unknown(""):
        server.call("DescribeWorker")


def test_a_list_has_the_heartbeat_and_what_stays_the_same_in_it(server, known):
    page = server.call("ListWorkers", query="WorkerInstanceKey = 'a'")
    assert [info.worker_heartbeat for info in page.workers_info] == [known["a"]]
    (shown,) = page.workers
    worker = known["a"]
    for name in ("worker_identity", "task_queue", "deployment_version", "sdk_name", "sdk_version", "status", "start_time"):
        assert getattr(shown, name) == getattr(worker, name)
    assert (shown.host_name, shown.worker_grouping_key, shown.process_id) == ("host", "group", "7")
    assert list(shown.plugins) == list(worker.plugins) and list(shown.drivers) == list(worker.drivers)


def test_workers_of_the_servers_own_queues_are_shown_when_asked_for(server, known):
    assert keys(server) == ["a", "b"]
    assert keys(server, include_system_workers=True) == ["a", "b", "c"]
    assert server.call("CountWorkers").count == 2
    assert server.call("CountWorkers", include_system_workers=True).count == 3


def test_pages_are_in_the_order_of_the_keys(server, known):
    first = server.call("ListWorkers", page_size=1)
    assert [worker.worker_instance_key for worker in first.workers] == ["a"]
    assert first.next_page_token == b'{"l":"a"}'
    second = server.call("ListWorkers", page_size=1, next_page_token=first.next_page_token)
    assert [worker.worker_instance_key for worker in second.workers] == ["b"] and not second.next_page_token
    with refused(INVALID_ARGUMENT, "invalid next_page_token"):
        server.call("ListWorkers", page_size=1, next_page_token=b"nonsense")


QUERIES = {
    "TaskQueue = 'queue-1'": "a",
    "TaskQueue != 'queue-1'": "b",
    "TaskQueue <> 'queue-1'": "b",
    "`TaskQueue` = \"other\"": "b",
    "TaskQueue STARTS_WITH 'q'": "a",
    "TaskQueue not starts_with 'q'": "b",
    "WorkerStatus = 'Running'": "a",
    "Status = 'ShuttingDown'": "b",
    "STATUS = 'Running' OR status = 'ShuttingDown'": "ab",
    "DeploymentName = 'dep' AND BuildId = 'b1' AND HostName = 'host'": "a",
    "SdkName = 'sdk' AND SdkVersion = '1.2' AND (WorkerIdentity = 'b@host')": "b",
    "HostName IS NULL": "b",
    "HostName IS NOT NULL": "a",
    "StartTime IS NULL": "b",
    "StartTime IS NOT NULL": "a",
    "StartTime > '2025-12-31T00:00:00Z'": "a",
    "StartTime < 5": "b",
    "StartTime = 0": "b",
    "HeartbeatTime BETWEEN '2026-01-02T00:00:00Z' AND '2026-01-03T00:00:00Z'": "a",
    "HeartbeatTime NOT BETWEEN '2026-01-02T00:00:00Z' AND '2026-01-03T00:00:00Z'": "",
    "TaskQueue = 'other' ORDER BY TaskQueue": "b",
    # What makes no sense finds nothing, unless it is decided before.
    "Unknown = 'x'": "",
    "Unknown = 'x' OR TaskQueue = 'queue-1'": "",
    "TaskQueue = 'queue-1' OR Unknown = 'x'": "a",
    "taskqueue = 'queue-1'": "",
    "NOT TaskQueue = 'queue-1'": "",
    "TaskQueue IN ('queue-1')": "",
    "TaskQueue > 'a'": "",
    "TaskQueue = 5": "",
    "TaskQueue = ''": "",
    "TaskQueue": "",
    "1 = 1": "",
}


@pytest.mark.parametrize("query", QUERIES)
def test_queries(server, known, query):
    assert "".join(keys(server, query=query)) == QUERIES[query]
    assert server.call("CountWorkers", query=query).count == len(QUERIES[query])


@pytest.mark.parametrize("rpc", ["ListWorkers", "CountWorkers"])
@pytest.mark.parametrize(
    "query, text",
    [
        ("TaskQueue =", "malformed query: syntax error at position 39"),
        ("order by TaskQueue", "malformed query: syntax error at position 33 near 'order'"),
        (" ", "malformed query: syntax error at position 1"),
        ("TaskQueue = 'q' LIMIT 1", "operation is not supported: 'limit' clause"),
    ],
)
def test_a_query_that_is_none(server, known, rpc, query, text):
    with refused(INVALID_ARGUMENT, text):
        server.call(rpc, query=query)


def test_a_worker_that_has_shut_down_is_forgotten(server, known):
    for ending in ("RecordWorkerHeartbeat", "ShutdownWorker"):
        key = unique("worker")
        server.call("RecordWorkerHeartbeat", worker_heartbeat=[heartbeat(key)])
        assert server.call("DescribeWorker", worker_instance_key=key).worker_info
        last = heartbeat(key, status="WORKER_STATUS_SHUTDOWN")
        server.call(ending, worker_heartbeat=[last] if ending == "RecordWorkerHeartbeat" else last)
        with unknown(key):
            server.call("DescribeWorker", worker_instance_key=key)


def test_shutting_down_may_take_a_while(server):
    key = unique("worker")
    server.call("ShutdownWorker", worker_heartbeat=heartbeat(key, status="WORKER_STATUS_SHUTTING_DOWN"))
    assert keys(server, query=f"WorkerInstanceKey = '{key}' AND Status = 'ShuttingDown'") == [key]
    server.call("ShutdownWorker", worker_heartbeat=heartbeat(key, status="WORKER_STATUS_SHUTDOWN"))


@pytest.mark.parametrize("rpc", ["RecordWorkerHeartbeat", "ListWorkers", "CountWorkers", "DescribeWorker"])
def test_an_unknown_namespace(server, rpc):
    with refused(NOT_FOUND, "Namespace nowhere is not found.", NamespaceNotFoundFailure):
        server.call(rpc, namespace="nowhere")


def test_the_namespace_says_so(server):
    assert server.call("DescribeNamespace", namespace="default").namespace_info.capabilities.worker_heartbeats
