"""What the tests share that kill the server again and again under load: its process, the clients' loop, and looks at the file."""

import asyncio
import contextlib
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import time
import uuid
from collections import Counter

import grpc
from launch import free_port
from temporalio.api.common.v1 import message_pb2 as common_pb
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

NAMESPACE = "default"
GONE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNKNOWN)


def payloads(text):
    return common_pb.Payloads(payloads=[common_pb.Payload(metadata={"encoding": b"binary/plain"}, data=text.encode())])


def text_of(value):
    return value.payloads[0].data.decode()


def nonce():
    return uuid.uuid4().hex


class Server:
    """One process of the server on the common file."""

    def __init__(self, exe, path, log):
        self.port = free_port()
        command = [exe, "server", "start-dev", "--port", str(self.port), "--headless", "--log-level", "error", "-o", "none"]
        self.process = subprocess.Popen([*command, "--db-filename", str(path)], stdout=log, stderr=log)
        self.channel = None

    async def up(self):
        """Waits for the first answer."""
        give_up = time.monotonic() + 20
        while True:
            assert self.process.poll() is None, f"the server ended with code {self.process.returncode}"
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                break
            assert time.monotonic() < give_up, "the server does not listen"
            await asyncio.sleep(0.005)
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.port}")
        await self.call("GetSystemInfo", api.GetSystemInfoRequest())

    async def call(self, method, request, timeout=10.0):
        response = getattr(api, method + "Response")
        path = f"/temporal.api.workflowservice.v1.WorkflowService/{method}"
        return await self.channel.unary_unary(path, type(request).SerializeToString, response.FromString)(request, timeout=timeout)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    async def stop(self):
        await self.channel.close()
        self.process.terminate()
        return await asyncio.to_thread(self.process.wait, 20)

    async def aclose(self):
        if self.channel is not None:
            await self.channel.close()
        if self.process.poll() is None:
            self.kill()


class Clients:
    """Clients that repeat their steps until the server is gone. What goes wrong is noted in `errors`. A storm of them has a
    seed: all that it chooses comes from that."""

    def __init__(self, seed):
        self.seed, self.rng = seed, random.Random(seed)
        self.server = None
        self.errors = []
        self.counts = Counter()

    def steps(self):
        """The steps that are repeated side by side."""
        raise NotImplementedError

    def crash(self):
        """The server has died since the last call."""

    async def forever(self, step):
        """Repeats a client's step until its server is gone; what else goes wrong is a finding."""
        while True:
            try:
                await step()
            except grpc.aio.AioRpcError as error:
                if error.code() in GONE:
                    self.counts[error.code().name] += 1
                    await asyncio.sleep(0.01)
                else:
                    self.errors.append(f"{step.__name__}: {error.code().name}: {error.details()}")
                    return
            except AssertionError as error:
                self.errors.append(f"{step.__name__}: {error}")
                return

    def clients(self):
        return [asyncio.create_task(self.forever(step)) for step in self.steps()]


async def one_round(storm, server, seconds):
    """The clients at work until `seconds` have passed and the server is dead."""
    await server.up()
    storm.server = server
    storm.crash()
    clients = storm.clients()
    await asyncio.sleep(seconds)
    server.kill()
    await asyncio.sleep(0.02)  # what it has still sent is read, and every call sees the end
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)


async def drive_home(storm, server, seconds, is_open):
    """The clients go on, without new starts, until `is_open` says that nothing is, or something is wrong."""
    storm.starting = False
    clients = storm.clients()
    give_up = time.monotonic() + seconds
    while await is_open() and time.monotonic() < give_up and not storm.errors:
        await asyncio.sleep(0.1)
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)


async def weather(storm, exe, path, rounds, life, look):
    """Kills the server `rounds` times under the storm, each after `life` (least and most) seconds. The last server is not
    killed: `look` tells its findings about it. Asserts that there are none; returns what to say when more is asserted."""
    findings, code = [], 0
    with open(path.with_suffix(".log"), "w+") as log:
        for number in range(rounds):
            if storm.errors:
                break
            async with contextlib.aclosing(Server(exe, path, log)) as server:
                await one_round(storm, server, storm.rng.uniform(*life))
            if number % 8 == 0:
                left = integrity_of_what_is_left(path, path.parent)
                if left != "ok":
                    findings.append(f"after kill {number}: {left}")
        if not storm.errors:
            async with contextlib.aclosing(Server(exe, path, log)) as server:
                await server.up()
                storm.server = server
                storm.crash()
                findings += await look(server)
                code = await server.stop() if not storm.errors else 0
        log.seek(0)
        said = f"seed {storm.seed}; the server said: {log.read()[-3000:]}"
    print(f"seed {storm.seed}, {rounds} kills: {dict(storm.counts)}")
    findings = storm.errors + findings
    assert not findings, "\n".join([*findings[:20], said])
    assert code == 0, f"exit code {code}; {said}"
    assert integrity(path) == "ok", said
    return said


async def history_of(server, workflow_id, run_id="", page=b""):
    """The events of a run: all of them, or those from the page on that the token names."""
    events = []
    while True:
        request = api.GetWorkflowExecutionHistoryRequest(namespace=NAMESPACE, next_page_token=page)
        request.execution.workflow_id = workflow_id
        request.execution.run_id = run_id
        answer = await server.call("GetWorkflowExecutionHistory", request)
        events += answer.history.events
        page = answer.next_page_token
        if not page:
            return events


def integrity(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA integrity_check").fetchone()[0]


def integrity_of_what_is_left(path, folder):
    """Of a copy of the file and its WAL, as the killed process has left them."""
    copy = folder / "copy.db"
    for suffix in ("", "-wal"):
        source = pathlib.Path(f"{path}{suffix}")
        pathlib.Path(f"{copy}{suffix}").unlink(missing_ok=True)
        if source.exists():
            shutil.copy(source, f"{copy}{suffix}")
    return integrity(copy)
