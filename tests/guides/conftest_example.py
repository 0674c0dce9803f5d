"""conftest.py: a server for the whole test session, which FERMATA names."""

import os

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client():
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=os.environ["FERMATA"]) as environment:
        yield environment.client
