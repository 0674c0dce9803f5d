"""conftest.py: a server for the whole test session, found as FERMATA, `fermata` in PATH, or named here."""

import os

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client():
    executable = os.environ.get("FERMATA", "fermata")
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=executable) as environment:
        yield environment.client
