"""GetSystemInfo, GetClusterInfo and the namespaces."""

import re

from driver import *

DAY = timedelta(days=1)


def register(server, **fields):
    name = fields.setdefault("namespace", unique("ns"))
    fields.setdefault("workflow_execution_retention_period", DAY)
    server.call("RegisterNamespace", **fields)
    return name


def test_system_info(server):
    info = server.call("GetSystemInfo")
    assert re.fullmatch(r"1\.\d+\.\d+", info.server_version)
    needed = [
        "signal_and_query_header",
        "internal_error_differentiation",
        "activity_failure_include_heartbeat",
        "encoded_failure_attributes",
        "eager_workflow_start",
        "sdk_metadata",
        "build_id_based_versioning",
        "count_group_by_execution_status",
    ]
    assert all(getattr(info.capabilities, name) for name in needed), info.capabilities


def test_cluster_info(server):
    info = server.call("GetClusterInfo")
    assert info.cluster_name == "active"
    assert re.fullmatch(r"[0-9a-f-]{36}", info.cluster_id)
    assert info.history_shard_count == 1 and info.persistence_store == "sqlite"
    assert info.supported_clients["temporal-go"] == "<2.0.0"
    assert info.server_version == server.call("GetSystemInfo").server_version


def test_the_default_namespace(server):
    described = server.call("DescribeNamespace")
    info = described.namespace_info
    assert (info.name, info.state) == ("default", 1)  # REGISTERED
    assert re.fullmatch(r"[0-9a-f-]{36}", info.id)
    assert described.config.workflow_execution_retention_ttl.ToTimedelta() == DAY
    assert described.replication_config.active_cluster_name == "active"
    assert [cluster.cluster_name for cluster in described.replication_config.clusters] == ["active"]
    assert info.limits.blob_size_limit_error == info.limits.memo_size_limit_error == 2 << 20
    needed = ["eager_workflow_start", "sync_update", "async_update", "reported_problems_search_attribute"]
    assert all(getattr(info.capabilities, name) for name in needed), info.capabilities
    assert not described.is_global_namespace
    by_id = server.call("DescribeNamespace", namespace="", id=info.id)
    assert by_id.namespace_info.name == "default"


def test_a_registered_namespace_can_be_used_at_once(server):
    name = register(server, description="what for", owner_email="o@example.com", data={"k": "v"})
    info = server.call("DescribeNamespace", namespace=name).namespace_info
    assert (info.description, info.owner_email, info.data["k"]) == ("what for", "o@example.com", "v")
    run = server.start(namespace=name)
    described = server.call("DescribeWorkflowExecution", namespace=name, execution=run.execution)
    assert described.workflow_execution_info.status == 1
    text = f'workflow execution not found for workflow ID "{run.workflow_id}" and run ID "{run.run_id}"'
    with refused(NOT_FOUND, text, NotFoundFailure):
        run.describe()  # it is not in the default namespace


def test_a_task_queue_belongs_to_its_namespace(server):
    run = server.start(namespace=register(server))
    run.no_task()


def test_namespaces_are_listed_page_by_page(server):
    names = {register(server) for _ in range(3)}
    listed, token = set(), b""
    while True:
        page = server.call("ListNamespaces", page_size=2, next_page_token=token)
        assert len(page.namespaces) <= 2
        listed |= {described.namespace_info.name for described in page.namespaces}
        token = page.next_page_token
        if not token:
            break
    assert listed >= names | {"default"}


def test_a_name_can_be_registered_once(server):
    name = register(server)
    detail = errordetails_pb.NamespaceAlreadyExistsFailure
    with refused(ALREADY_EXISTS, re.compile(f'.*"?{name}"? already exists.*'), detail):
        register(server, namespace=name)


def test_register_refuses_a_missing_name(server):
    with refused(INVALID_ARGUMENT, "Namespace not set on request."):
        register(server, namespace="")


def test_register_refuses_a_short_or_missing_retention(server):
    text = "A valid retention period is not set on request."
    with refused(INVALID_ARGUMENT, text):
        server.call("RegisterNamespace", namespace=unique("ns"))
    with refused(INVALID_ARGUMENT, text):
        register(server, workflow_execution_retention_period=seconds(3599))
    register(server, workflow_execution_retention_period=seconds(3600))


def test_register_refuses_a_global_namespace(server):
    with refused(INVALID_ARGUMENT, "Cannot register global namespace when not enabled"):
        register(server, is_global_namespace=True)


def test_describe_refuses_an_unknown_namespace(server):
    with refused(NOT_FOUND, "Namespace nope is not found.", NamespaceNotFoundFailure(namespace="nope")):
        server.call("DescribeNamespace", namespace="nope")


def test_describe_refuses_no_namespace(server):
    with refused(INVALID_ARGUMENT, "Namespace not set on request."):
        server.call("DescribeNamespace", namespace="")


def test_describe_refuses_a_name_together_with_an_id(server):
    info = server.call("DescribeNamespace").namespace_info
    with refused(INVALID_ARGUMENT, "GetNamespace operation failed.  Both ID and Name specified in request."):
        server.call("DescribeNamespace", namespace="default", id=info.id)


def test_a_client_that_is_too_new_is_refused(server):
    text = "Client version 3.0.0 is not supported. Server supports temporal-go versions: <2.0.0"
    with refused(FAILED_PRECONDITION, text, errordetails_pb.ClientVersionNotSupportedFailure):
        server.call("GetSystemInfo", metadata=(("client-name", "temporal-go"), ("client-version", "3.0.0")))


def test_a_client_that_needs_another_server_is_refused(server):
    version = server.call("GetSystemInfo").server_version
    text = f"Server version {version} is not supported. Client supports server versions: >=2.0.0"
    metadata = (
        ("client-name", "temporal-go"),
        ("client-version", "1.30.0"),
        ("supported-server-versions", ">=2.0.0"),
    )
    with refused(FAILED_PRECONDITION, text, errordetails_pb.ServerVersionNotSupportedFailure):
        server.call("GetSystemInfo", metadata=metadata)


def test_a_client_version_that_cannot_be_read_is_refused(server):
    text = "Unable to parse client version: No Major.Minor.Patch elements found"
    with refused(INVALID_ARGUMENT, text):
        server.call("GetSystemInfo", metadata=(("client-name", "temporal-go"), ("client-version", "new")))


def test_clients_of_other_names_are_not_checked(server):
    server.call("GetSystemInfo", metadata=(("client-name", "mine"), ("client-version", "99.0.0")))
