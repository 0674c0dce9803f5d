"""TLS, server and mutual: who shows the right certificate is served as in cleartext, who does not is turned away."""

import contextlib
import datetime
import ipaddress
import os
import pathlib
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from launch import launch
from wire import *


class Authority:
    """A certificate authority, and what it has signed, as files in a folder."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._certify(name, self.key.public_key(), is_authority=True)
        self.path = self._write(name, self.certificate)

    def _certify(self, name, public_key, is_authority=False):
        now = datetime.datetime.now(datetime.timezone.utc)
        issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, self.name)])
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(issuer)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def _write(self, name, certificate):
        path = self.folder / f"{name}.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return str(path)

    def issue(self, name):
        """The paths of a new certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        key_path = self.folder / f"{name}.key"
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return self._write(name, self._certify(name, key.public_key())), str(key_path)


def client(authority, certificate=None, protocols=("h2",), oldest=None):
    context = ssl.create_default_context(cafile=authority.path)
    if oldest is not None:
        context.maximum_version = oldest
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if certificate is not None:
        context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "authority")


@contextlib.contextmanager
def tls_server(exe, authority, *extra):
    certificate, key = authority.issue("server")
    with launch(exe, "--tls-cert", certificate, "--tls-key", key, *extra) as launched:
        yield launched
        launched.process.terminate()
        assert launched.process.wait(10) == 0, launched.output()


pytestmark = pytest.mark.fermata_only


@pytest.mark.parametrize("oldest", [None, ssl.TLSVersion.TLSv1_2], ids=["1.3", "1.2"])
def test_served_over_tls(fermata_exe, authority, oldest):
    with tls_server(fermata_exe, authority) as server, Wire(server.port, tls=client(authority, oldest=oldest)) as wire:
        assert wire.socket.selected_alpn_protocol() == "h2"
        wire.system_info()
        response = wire.call(body=message(bytes(4 << 20)))  # many records; unknown fields of zeros are no protobuf
        assert response.status == 13
        streams = [wire.request(message()) for _ in range(1000)]
        assert [r for s in streams if (r := wire.response(s)).status != 0] == []


def test_other_protocols_are_turned_away(fermata_exe, authority):
    with tls_server(fermata_exe, authority) as server:
        with pytest.raises(ssl.SSLError):
            Wire(server.port, tls=client(authority, protocols=["http/1.1"]))
        Wire(server.port, tls=client(authority)).system_info()


def test_cleartext_on_a_tls_port_is_closed(fermata_exe, authority):
    with tls_server(fermata_exe, authority) as server:
        with Wire(server.port) as wire:
            wire.wait_for_end()
        with socket.create_connection(("127.0.0.1", server.port)) as half:
            half.sendall(b"\x16\x03\x01\x02\x00\x01")  # a handshake that goes no further
            Wire(server.port, tls=client(authority)).system_info()


def test_clients_with_the_right_certificate_are_served(fermata_exe, authority):
    with tls_server(fermata_exe, authority, "--tls-client-ca", authority.path) as server:
        for _ in range(3):
            with Wire(server.port, tls=client(authority, authority.issue("friend"))) as wire:
                wire.system_info()


def test_clients_without_it_are_turned_away(fermata_exe, authority, tmp_path):
    stranger = Authority(tmp_path, "stranger")
    with tls_server(fermata_exe, authority, "--tls-client-ca", authority.path) as server:
        for certificate in (None, stranger.issue("impostor")):
            with pytest.raises((ssl.SSLError, ConnectionResetError, Closed)):
                # In TLS 1.3 the client learns of it with its first read.
                Wire(server.port, tls=client(authority, certificate)).system_info()
        Wire(server.port, tls=client(authority, authority.issue("friend"))).system_info()


def test_a_client_that_leaves_in_the_handshake(fermata_exe, authority):
    with tls_server(fermata_exe, authority) as server:
        for length in (1, 5, 20, 200):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            greeting = client(authority).wrap_bio(incoming, outgoing, server_hostname="localhost")
            with contextlib.suppress(ssl.SSLWantReadError):
                greeting.do_handshake()
            with socket.create_connection(("127.0.0.1", server.port)) as half:
                half.sendall(outgoing.read()[:length])
        Wire(server.port, tls=client(authority)).system_info()


def test_nothing_is_served_in_clear_unless_asked_for(fermata_exe, tmp_path):
    """Else who may not call by gRPC could by HTTP."""
    certificate, key = Authority(tmp_path, "authority").issue("server")
    tls = ["--tls-cert", certificate, "--tls-key", key, "--headless=false"]
    with launch(fermata_exe, *tls) as launched:
        inodes = set()
        for descriptor in pathlib.Path(f"/proc/{launched.process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                inodes.add(os.readlink(descriptor).removeprefix("socket:[").removesuffix("]"))
        rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        listening = [int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and row[9] in inodes]
        assert listening == [launched.port]
