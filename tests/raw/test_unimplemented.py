"""The RPCs that are not built yet are known, and say so. Building one means taking its line out of unimplemented.txt."""

import pathlib

import pytest
from driver import *

GONE = "Deployments are deprecated and no longer supported, use Worker Deployments instead"  # there, too
LIST = pathlib.Path(__file__).with_name("unimplemented.txt")


@pytest.mark.fermata_only
def test_the_list_of_unimplemented_rpcs_is_true(server):
    unimplemented = []
    for service in SERVICES:
        for method in service.methods:
            name = f"{service.name}/{method.name}"
            try:
                server.call(name, timeout=5)
            except grpc.RpcError as error:
                if error.code() == UNIMPLEMENTED and error.details() != GONE:
                    unimplemented.append(name)
    assert unimplemented == LIST.read_text().split()


def call_bytes(server, path):
    return server.channel.unary_unary(path)(b"", timeout=5)


def test_an_unknown_method(server):
    with refused(UNIMPLEMENTED, "unknown method Nope for service temporal.api.workflowservice.v1.WorkflowService"):
        call_bytes(server, "/temporal.api.workflowservice.v1.WorkflowService/Nope")


def test_an_unknown_service(server):
    with refused(UNIMPLEMENTED, "unknown service foo.Bar"):
        call_bytes(server, "/foo.Bar/Baz")
