"""The server itself: how it is launched, its namespaces, what it says of itself, TLS."""

import asyncio
import datetime
import ipaddress

import grpc
import pytest
from launch import launch
from stories import *
from temporalio import workflow
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    GetClusterInfoRequest,
    GetSystemInfoRequest,
    ListNamespacesRequest,
    RegisterNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode, TLSConfig
from temporalio.testing import WorkflowEnvironment


@workflow.defn
class Greet:
    @workflow.run
    async def run(self, name: str) -> str:
        return f"hello {name}"


@workflow.defn
class Count:
    def __init__(self) -> None:
        self.count = 0

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self.count >= 3)
        return self.count

    @workflow.signal
    def add(self) -> None:
        self.count += 1


async def greet(client):
    async with worker(client, Greet) as queue:
        return await client.execute_workflow(Greet.run, "Ann", id=unique(), task_queue=queue)


async def test_the_launcher_says_that_time_is_not_skipped(env):
    assert env.supports_time_skipping is False


async def test_a_launch_in_a_namespace_of_another_name(fermata_exe):
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=fermata_exe, namespace="other", dev_server_log_level="error"
    ) as env:
        assert env.client.namespace == "other"
        assert await greet(env.client) == "hello Ann"


async def test_two_servers_side_by_side(env, fermata_exe):
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=fermata_exe, dev_server_log_level="error"
    ) as other:
        assert await asyncio.gather(greet(env.client), greet(other.client)) == ["hello Ann", "hello Ann"]


async def test_a_workflow_goes_on_after_the_server_was_killed(fermata_exe, tmp_path):
    """The launcher stops its server with SIGKILL; what was acknowledged is in the file."""
    file, queue = str(tmp_path / "fermata.db"), unique("queue")
    options = dict(
        dev_server_existing_path=fermata_exe, dev_server_database_filename=file, dev_server_log_level="error"
    )
    async with await WorkflowEnvironment.start_local(**options) as env:
        async with worker(env.client, Count, queue=queue):
            handle = await env.client.start_workflow(Count.run, id=unique(), task_queue=queue)
            await handle.signal(Count.add)
            await handle.signal(Count.add)
    async with await WorkflowEnvironment.start_local(**options) as env:
        handle = env.client.get_workflow_handle(handle.id)
        async with worker(env.client, Count, queue=queue):
            await handle.signal(Count.add)
            assert await handle.result() == 3


async def test_system_info(client):
    info = await client.workflow_service.get_system_info(GetSystemInfoRequest())
    assert info.server_version.startswith("1.")
    assert info.capabilities.signal_and_query_header


async def test_cluster_info(client):
    info = await client.workflow_service.get_cluster_info(GetClusterInfoRequest())
    assert info.cluster_name == "active"


async def test_a_new_namespace_can_be_used_at_once(env):
    service, name = env.client.workflow_service, unique("ns")
    retention = datetime.timedelta(days=1)
    await service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=retention)
    )
    described = await service.describe_namespace(DescribeNamespaceRequest(namespace=name))
    assert described.namespace_info.name == name
    listed = await service.list_namespaces(ListNamespacesRequest(page_size=100))
    assert name in [namespace.namespace_info.name for namespace in listed.namespaces]
    client = await Client.connect(env.client.service_client.config.target_host, namespace=name)
    assert await greet(client) == "hello Ann"


async def test_a_namespace_exists_once(client):
    request = RegisterNamespaceRequest(
        namespace="default", workflow_execution_retention_period=datetime.timedelta(days=1)
    )
    with pytest.raises(RPCError) as error:
        await client.workflow_service.register_namespace(request)
    assert error.value.status == RPCStatusCode.ALREADY_EXISTS


# TLS


def certificates(folder):
    """A certificate authority, and a server's and a client's certificate signed by it, as PEM files."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def name(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    def write(subject, issuer, key, signer, is_ca):
        now = datetime.datetime.now(datetime.timezone.utc)
        alternatives = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .sign(signer, hashes.SHA256())
        )
        (folder / f"{subject}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (folder / f"{subject}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    authority = ec.generate_private_key(ec.SECP256R1())
    write("authority", "authority", authority, authority, True)
    for subject in ("server", "client"):
        write(subject, "authority", ec.generate_private_key(ec.SECP256R1()), authority, False)
    return folder


def pem(folder, name):
    return (folder / name).read_bytes()


@pytest.mark.fermata_only
async def test_tls(fermata_exe, tmp_path):
    files = certificates(tmp_path)
    with launch(fermata_exe, "--tls-cert", str(files / "server.pem"), "--tls-key", str(files / "server.key")) as server:
        tls = TLSConfig(server_root_ca_cert=pem(files, "authority.pem"), domain="localhost")
        assert await greet(await Client.connect(server.address, tls=tls)) == "hello Ann"
        with pytest.raises(RuntimeError):  # in clear
            await Client.connect(server.address)
        with pytest.raises(RuntimeError):  # trusting nobody who signed it
            await Client.connect(server.address, tls=TLSConfig(domain="localhost"))


@pytest.mark.fermata_only
async def test_mutual_tls(fermata_exe, tmp_path):
    files = certificates(tmp_path)
    arguments = ["--tls-cert", str(files / "server.pem"), "--tls-key", str(files / "server.key")]
    with launch(fermata_exe, *arguments, "--tls-client-ca", str(files / "authority.pem")) as server:
        tls = TLSConfig(
            server_root_ca_cert=pem(files, "authority.pem"),
            domain="localhost",
            client_cert=pem(files, "client.pem"),
            client_private_key=pem(files, "client.key"),
        )
        assert await greet(await Client.connect(server.address, tls=tls)) == "hello Ann"
        with pytest.raises(RuntimeError):  # without a certificate of its own
            anonymous = TLSConfig(server_root_ca_cert=pem(files, "authority.pem"), domain="localhost")
            await Client.connect(server.address, tls=anonymous)


@pytest.mark.fermata_only
def test_tls_as_grpc_speaks_it(fermata_exe, tmp_path):
    """grpc's own library insists on ALPN and on h2."""
    files = certificates(tmp_path)
    with launch(fermata_exe, "--tls-cert", str(files / "server.pem"), "--tls-key", str(files / "server.key")) as server:
        credentials = grpc.ssl_channel_credentials(root_certificates=pem(files, "authority.pem"))
        with grpc.secure_channel(server.address, credentials) as channel:
            answer = channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=10)
            assert answer == b"\x08\x01"
