"""The executable as people and launchers run it: what it prints, with which code it ends, what it refuses and in which words."""

import contextlib
import json
import re
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.request

import pytest
from launch import accepts, free_port

pytestmark = pytest.mark.fermata_only


def run(exe, *words):
    return subprocess.run([exe, *words], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)


@contextlib.contextmanager
def serving(exe, *words):
    """A server until the block ends: its process and port."""
    port = free_port()
    if not any(word.startswith("--ui") for word in words):
        words = (*words, "--headless")
    command = [exe, "server", "start-dev", "--port", str(port), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        give_up = time.monotonic() + 20
        while not accepts(port):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < give_up, "the server does not listen"
            time.sleep(0.01)
        yield process, port
    finally:
        process.kill()
        process.communicate()


def until_it_accepts(port):
    """The gRPC port is the first to listen, and others follow at once."""
    give_up = time.monotonic() + 20
    while not accepts(port):
        assert time.monotonic() < give_up, "the server does not listen"
        time.sleep(0.01)


def stop(process, how=signal.SIGTERM):
    process.send_signal(how)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


def refused(exe, *words):
    """The line on standard error with which the executable refuses to start."""
    ended = run(exe, "server", "start-dev", *words)
    assert ended.returncode == 1, ended
    assert ended.stdout == ""
    return ended.stderr.splitlines()[0]


def test_version_and_help_are_on_standard_output(fermata_exe):
    version = run(fermata_exe, "--version")
    assert (version.returncode, version.stderr) == (0, "")
    assert re.fullmatch(r"fermata version \S+ \(Server 1\.32\.0\)\n", version.stdout)
    for words in (["--help"], ["server", "start-dev", "--help"], ["help"]):
        told = run(fermata_exe, *words)
        assert (told.returncode, told.stderr) == (0, "")
        assert "--db-filename FILE" in told.stdout


def test_wrong_usage_points_at_help(fermata_exe):
    ended = run(fermata_exe, "server", "start-dev", "--nope")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "Error: unknown flag: --nope\nSee 'fermata --help'.\n"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_with_0_and_in_silence(fermata_exe, how):
    with serving(fermata_exe, "--headless", "--ip", "127.0.0.1") as (process, port):
        code, out, err = stop(process, how)
    assert (code, err) == (0, "")
    title, empty, *lines = out.splitlines()
    assert re.fullmatch(r"Fermata \S+ \(Server 1\.32\.0\)", title) and empty == ""
    assert lines == [f"Fermata Server:       localhost:{port}", "Fermata Persistence:  in-memory"]


@pytest.mark.parametrize("form", ["none", "json", "jsonl"])
def test_the_banner_can_be_left_out(fermata_exe, form):
    with serving(fermata_exe, "-o", form) as (process, _):
        assert stop(process) == (0, "", "")


def test_it_listens_on_all_addresses_for_containers(fermata_exe):
    with serving(fermata_exe, "--ip", "0.0.0.0") as (process, port):
        with socket.create_connection(("127.0.0.2", port), timeout=5):
            pass
        _, out, _ = stop(process)
    assert f"0.0.0.0:{port}" in out


def test_metrics_have_a_port_of_their_own_and_none_unless_asked_for(fermata_exe):
    port = free_port()
    with serving(fermata_exe, "--metrics-port", str(port)) as (process, _):
        until_it_accepts(port)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert b"fermata_commits" in answer.read()
        line = refused(fermata_exe, "--port", str(free_port()), "--metrics-port", str(port))
        _, out, err = stop(process)
    assert f"Fermata Metrics:      http://localhost:{port}/metrics\n" in out and err == ""
    assert line == f"Error: can't set metrics port {port}: listen tcp 127.0.0.1:{port}: bind: address already in use"
    with serving(fermata_exe) as (process, _):
        assert "Metrics" not in stop(process)[1]


def test_the_web_ui_has_a_port_of_its_own(fermata_exe):
    port = free_port()
    with serving(fermata_exe, "--ui-port", str(port), "--ui-public-path", "/here") as (process, _):
        until_it_accepts(port)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/here/healthz", timeout=10) as answer:
            assert json.load(answer) == {"status": "OK"}
        line = refused(fermata_exe, "--port", str(free_port()), "--ui-port", str(port))
        _, out, _ = stop(process)
    assert f"Fermata UI:           http://localhost:{port}/here\n" in out
    assert line == f"Error: can't set UI port {port}: listen tcp 127.0.0.1:{port}: bind: address already in use"


def test_the_http_port_is_named_when_it_was_asked_for(fermata_exe):
    port = free_port()
    with serving(fermata_exe, "--http-port", str(port)) as (process, _):
        until_it_accepts(port)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/system-info", timeout=10) as answer:
            assert json.load(answer)["serverVersion"] == "1.32.0"
        line = refused(fermata_exe, "--port", str(free_port()), "--http-port", str(port))
        _, out, _ = stop(process)
    assert f"Fermata HTTP:         localhost:{port}\n" in out
    assert line == (
        f"Error: can't set frontend HTTP port {port}: listen tcp 127.0.0.1:{port}: bind: address already in use"
    )


def test_json_logs_are_json(fermata_exe):
    with serving(fermata_exe, "--log-level", "info", "--log-format", "json") as (process, _):
        _, _, err = stop(process)
    assert err.startswith('{"time":') and '"level":"INFO"' in err


def test_a_taken_port(fermata_exe):
    with serving(fermata_exe) as (_, port):
        assert refused(fermata_exe, "--port", str(port)) == (
            f"Error: can't set frontend port {port}: listen tcp 127.0.0.1:{port}: bind: address already in use"
        )


def test_a_file_that_another_server_has(fermata_exe, tmp_path):
    path = tmp_path / "a.db"
    with serving(fermata_exe, "--db-filename", str(path)):
        line = refused(fermata_exe, "--port", str(free_port()), "-f", str(path))
    assert line == f"Error: failed starting server: database file {path} is in use by another process"


def test_files_that_are_not_ours(fermata_exe, tmp_path):
    text, other, missing = tmp_path / "text", tmp_path / "other.db", tmp_path / "no" / "such.db"
    text.write_text("not a database at all, but long enough to be looked at " * 20)
    with contextlib.closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE namespaces (id)")
    prefix = "Error: failed starting server: "
    assert refused(fermata_exe, "-f", str(text)) == f"{prefix}database file {text} is damaged, or not a database at all"
    assert refused(fermata_exe, "-f", str(other)) == (
        f"{prefix}database file {other} belongs to another program and is left alone; choose a new file name"
    )
    assert refused(fermata_exe, "-f", str(missing)) == (
        f"{prefix}failed checking dir for database file: stat {missing.parent}: no such file or directory"
    )


def test_too_many_search_attributes_of_a_type(fermata_exe):
    words = [word for name in "ABCD" for word in ("--search-attribute", f"{name}=int")]
    assert refused(fermata_exe, "--search-attribute-limits", "real", *words) == (
        "Error: failed starting server: failed creating namespace config: "
        "cannot have more than 3 search attributes of type Int"
    )


def test_healthcheck_tells_by_its_code(fermata_exe):
    with serving(fermata_exe) as (_, port):
        healthy = run(fermata_exe, "healthcheck", "--address", f"localhost:{port}")
        assert (healthy.returncode, healthy.stdout, healthy.stderr) == (0, "", "")
    gone = run(fermata_exe, "healthcheck", f"--address=127.0.0.1:{port}")
    assert gone.returncode == 1
    assert gone.stderr == f"Error: 127.0.0.1:{port} cannot be reached: Connection refused\n"


def test_healthcheck_of_what_is_no_server(fermata_exe):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        asking = subprocess.Popen([fermata_exe, "healthcheck", "--address", address], stderr=subprocess.PIPE, text=True)
        connection, _ = mute.accept()
        with connection:
            connection.recv(24)  # the preface
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        assert asking.communicate(timeout=20)[1] == f"Error: {address} does not say that it serves\n"
        assert asking.returncode == 1


@pytest.mark.parametrize("address", ["", "x", "localhost", "localhost:", "localhost:0", "localhost:65536", "host.example:7233", "[:7233"])
def test_healthcheck_wants_an_address(fermata_exe, address):
    asked = run(fermata_exe, "healthcheck", "--address", address)
    assert asked.returncode == 1
    assert asked.stderr.startswith(f"Error: {address} is not an address: IP:PORT or localhost:PORT\n")
