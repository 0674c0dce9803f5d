"""What grpc's own client library asks of the server, below the RPCs."""

import pytest
from driver import *


@pytest.mark.parametrize("service", ["", "temporal.api.workflowservice.v1.WorkflowService"])
def test_health(server, service):
    request = b"\x0a" + bytes([len(service)]) + service.encode() if service else b""
    assert server.channel.unary_unary("/grpc.health.v1.Health/Check")(request, timeout=5) == b"\x08\x01"  # SERVING


def test_health_of_an_unknown_service(server):
    with refused(NOT_FOUND):
        server.channel.unary_unary("/grpc.health.v1.Health/Check")(b"\x0a\x01x", timeout=5)


def test_health_can_be_watched(server):
    watch = server.channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=5)
    assert next(watch) == b"\x08\x01"
    watch.cancel()


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_lists_the_services(server, version):
    method = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
    list_services = b"\x3a\x01*"  # field 7, list_services
    answer = next(server.channel.stream_stream(method)(iter([list_services]), timeout=5))
    assert b"temporal.api.workflowservice.v1.WorkflowService" in answer
    assert b"grpc.health.v1.Health" in answer


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.NoCompression])
def test_compressed_requests(server, compression):
    big = "compressible " * 50_000
    with Server(server.address, compression=compression) as client:
        run = client.start(input=payloads(big))
        assert value_of(attributes_of(run.task().history.events[0]).input) == big


def test_a_large_answer_comes_whole(server):
    run = server.start()
    half = "x" * (1 << 20)
    for _ in range(6):
        run.signal("big", half)
    assert sum(event.ByteSize() for event in run.task().history.events) > 6 << 20


def test_a_request_above_four_mebibytes_is_refused(server):
    with refused(RESOURCE_EXHAUSTED, re.compile(r"grpc: received message larger than max \(\d+ vs\. 4194304\)")):
        server.start(input=payloads("x" * (5 << 20)))


def test_many_calls_at_once_on_one_connection(server):
    run = server.start()
    calls = [server.call_later("DescribeWorkflowExecution", execution=run.execution) for _ in range(200)]
    assert {call.result().workflow_execution_info.execution.run_id for call in calls} == {run.run_id}


def test_a_request_that_is_no_protobuf_is_refused(server):
    method = "/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace"
    with pytest.raises(grpc.RpcError) as refusal:
        server.channel.unary_unary(method)(b"\xff\xff\xff\xff", timeout=5)
    assert refusal.value.code() in (grpc.StatusCode.INTERNAL, INVALID_ARGUMENT)
