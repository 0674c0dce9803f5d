"""Calls of the WorkflowService by gRPC, for tests in another language: rpc.py ADDRESS.

Reads a line {"rpc": name, "request": proto-JSON} and writes a line {"answer": proto-JSON} or {"error": text}, until its input ends.
"""

import asyncio
import json
import re
import sys

from google.protobuf import json_format
from temporalio.api.workflowservice import v1 as messages
from temporalio.client import Client


async def answer(client, line):
    asked = json.loads(line)
    request = json_format.ParseDict(asked["request"], getattr(messages, asked["rpc"] + "Request")())
    method = re.sub(r"(?<!^)(?=[A-Z])", "_", asked["rpc"]).lower()
    return json_format.MessageToDict(await getattr(client.workflow_service, method)(request))


async def main():
    client = await Client.connect(sys.argv[1])
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        try:
            said = {"answer": await answer(client, line)}
        except Exception as error:  # the other side decides what a failure means
            said = {"error": str(error)}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
