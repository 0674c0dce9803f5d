"""The executable for arm64, emulated: everything that a user touches, and its file.

For the stage arm64 of test.sh, where FERMATA_EXE is tests/arm64/fermata and build/release is of the same source; skipped with
any other. Names have letters beyond ASCII: `char` has no sign there.
"""

import contextlib
import os
import pathlib
import struct
import subprocess
import uuid

import pytest
from sites import serve
from stories import *
from temporalio import activity, workflow
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError
from temporalio.worker import WorkerDeploymentConfig

ROOT = pathlib.Path(__file__).resolve().parents[2]
EMULATED = ROOT / "tests/arm64/fermata"
NATIVE = ROOT / "build/release/fermata"

pytestmark = [
    pytest.mark.fermata_only,
    pytest.mark.skipif(
        not EMULATED.samefile(os.environ["FERMATA_EXE"]), reason="not the executable for arm64: test.sh arm64"
    ),
]


@activity.defn
async def charge(name: str) -> str:
    if activity.info().attempt < 2:
        raise RuntimeError("nobody answers")
    return f"receipt of {name}"


@workflow.defn(versioning_behavior=VersioningBehavior.PINNED)
class Order:
    def __init__(self) -> None:
        self.receipt, self.city, self.sent = "", "", False

    @workflow.run
    async def run(self, name: str) -> str:
        timer = asyncio.create_task(workflow.sleep(2))
        self.receipt = await workflow.execute_activity(charge, name, start_to_close_timeout=seconds(10))
        await workflow.wait_condition(lambda: self.sent)
        await timer
        return f"{self.receipt}, to {self.city}"

    @workflow.update
    async def move(self, city: str) -> str:
        await workflow.wait_condition(lambda: self.receipt != "")
        self.city = city
        return f"on the way to {city}"

    @workflow.signal
    def send(self) -> None:
        self.sent = True

    @workflow.query
    def where(self) -> str:
        return self.city


def version_one(client):
    """A worker of the version 1 of the deployment `orders`."""
    version = WorkerDeploymentVersion("orders", "1")
    config = WorkerDeploymentConfig(version=version, use_worker_versioning=True)
    return worker(client, Order, activities=[charge], queue="orders", deployment_config=config)


async def is_current(client):
    """Sends new work to version 1, once its worker has polled."""
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace="default", deployment_name="orders", build_id="1", identity="operator"
    )
    with contextlib.suppress(RPCError):
        return await client.workflow_service.set_worker_deployment_current_version(request)


async def begin(client):
    """An order that has been charged and updated; what is left of it is a signal and a timer."""
    async with version_one(client):
        await eventually(lambda: is_current(client))
        order = await client.start_workflow(
            Order.run, "Ødegård", id=f"größe-{uuid.uuid4()}", task_queue="orders", memo={"naïve": "ÿ€😀"}
        )
        assert await order.execute_update(Order.move, "Køge") == "on the way to Køge"
        assert await order.query(Order.where) == "Køge"
    return order.id


async def finish(client, id):
    """The same order, by another worker, on another process of the server."""
    order = client.get_workflow_handle(id)
    assert (await (await order.describe()).memo()) == {"naïve": "ÿ€😀"}
    async with version_one(client):
        await order.signal(Order.send)
        assert await order.result() == "receipt of Ødegård, to Køge"
    happened = await event_names(order)
    for name in ("ActivityTaskCompleted", "WorkflowExecutionUpdateCompleted", "WorkflowExecutionSignaled", "TimerFired"):
        assert happened.count(name) == 1, happened
    assert [run.id async for run in client.list_workflows(f"WorkflowId = '{id}' AND ExecutionStatus = 'Completed'")] == [id]


@pytest.fixture
def file(tmp_path):
    return ["--db-filename", str(tmp_path / "fermata.db")]


async def test_a_killed_server_goes_on(fermata_exe, file):
    with serve(fermata_exe, *file) as server:
        id = await begin(await Client.connect(server.launched.address))
        server.launched.kill()
    with serve(fermata_exe, *file) as server:
        await finish(await Client.connect(server.launched.address), id)


@pytest.mark.parametrize("first, second", [(NATIVE, EMULATED), (EMULATED, NATIVE)], ids=["to arm64", "from arm64"])
async def test_the_file_of_another_machine(first, second, file):
    with serve(str(first), *file) as server:
        id = await begin(await Client.connect(server.launched.address))
        server.launched.kill()
    with serve(str(second), *file) as server:
        await finish(await Client.connect(server.launched.address), id)


def test_pages_and_json(fermata_exe):
    with serve(fermata_exe, ui=True) as server:
        assert server.ui.call("GET", "/healthz").json() == {"status": "OK"}
        page = server.ui.call("GET", "/")
        assert page.status == 200 and b"<html" in page.body
        start = {"workflowType": {"name": "Größe"}, "taskQueue": {"name": "q"}, "input": ["ÿ€😀"]}
        run = server.api.call("POST", "/api/v1/namespaces/default/workflows/json", start).json()
        described = server.api.call("GET", "/api/v1/namespaces/default/workflows/json").json()["workflowExecutionInfo"]
        assert described["execution"] == {"workflowId": "json", "runId": run["runId"]}
        assert described["type"] == {"name": "Größe"}
        history = server.api.call("GET", "/api/v1/namespaces/default/workflows/json/history").json()["history"]["events"]
        assert history[0]["workflowExecutionStartedEventAttributes"]["input"] == ["ÿ€😀"]
        asked = [fermata_exe, "healthcheck", "--address", server.launched.address]
        assert subprocess.run(asked, check=False).returncode == 0
    assert subprocess.run(asked, check=False, stderr=subprocess.DEVNULL).returncode == 1


def test_it_says_its_version(fermata_exe):
    said = subprocess.run([fermata_exe, "--version"], check=True, capture_output=True, text=True).stdout
    assert said.startswith("fermata version ")


def test_it_is_what_is_shipped():
    """For arm64, and with no need of a loader or of any other file."""
    head = (ROOT / "build/arm64/fermata").read_bytes()
    (machine,) = struct.unpack_from("<H", head, 18)
    offset, size, count = *struct.unpack_from("<Q", head, 32), *struct.unpack_from("<HH", head, 54)
    segments = [struct.unpack_from("<I", head, offset + i * size)[0] for i in range(count)]
    EM_AARCH64, PT_LOAD, PT_INTERP = 183, 1, 3
    assert machine == EM_AARCH64 and PT_LOAD in segments and PT_INTERP not in segments
