import os
import socket

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

os.environ.setdefault("RUST_BACKTRACE", "0")  # the SDK appends 150 lines of it to some error messages


@pytest_asyncio.fixture(scope="module")
async def env(fermata_exe):
    """A server of this module's own, launched as any user of the SDK launches its dev server."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=fermata_exe, dev_server_log_level="error"
    ) as env:
        yield env
        host, port = env.client.service_client.config.target_host.split(":")
        with socket.create_connection((host, int(port)), timeout=5):  # or the server died during a test
            pass


@pytest_asyncio.fixture(scope="module")
async def client(env):
    return env.client
