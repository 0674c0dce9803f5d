"""The `temporal` command-line client for tests: its path is taken from FERMATA_TEMPORAL_CLI or found as `temporal` in PATH."""

import asyncio
import json
import os
import shutil

import pytest

CLI = os.environ.get("FERMATA_TEMPORAL_CLI") or shutil.which("temporal")
needs_cli = pytest.mark.skipif(CLI is None, reason="no temporal CLI: set FERMATA_TEMPORAL_CLI or put it into PATH")


class Cli:
    """Calls the CLI against one server."""

    def __init__(self, address):
        self.address = address

    async def run(self, *words):
        """What it has printed, and its exit code."""
        process = await asyncio.create_subprocess_exec(
            CLI,
            *words,
            *("--address", self.address, "--color", "never", "--env-file", os.devnull),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        return output.decode(), process.returncode

    async def text(self, *words):
        output, code = await self.run(*words)
        assert code == 0, output
        return output

    async def json(self, *words):
        return json.loads(await self.text(*words, "-o", "json"))

    async def fails(self, *words):
        output, code = await self.run(*words)
        assert code != 0, output
        return output


async def types(cli, id):
    shown = await cli.json("workflow", "show", "--workflow-id", id)
    return [event["eventType"].removeprefix("EVENT_TYPE_") for event in shown["events"]]


async def status(cli, id):
    described = await cli.json("workflow", "describe", "--workflow-id", id)
    return described["workflowExecutionInfo"]["status"].removeprefix("WORKFLOW_EXECUTION_STATUS_")
