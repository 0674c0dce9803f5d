"""Thousands of requests at random to every RPC, from clients and workers side by side: all are answered with a code that means
something, and the server and its file are as they should be afterwards. Builds with checks compare each run in memory with
its log at every commit meanwhile.

FERMATA_RANDOM_SEED repeats a failure, FERMATA_RANDOM_REQUESTS says how many there are.
"""

import asyncio
import copy
import os
import pathlib
import random
from collections import Counter

import grpc
import pytest
from driver import SERVICES, accept, place, reject, respond
from google.protobuf.message_factory import GetMessageClass
from killing import integrity
from launch import launch
from random_messages import Requests

SEED = int(os.environ.get("FERMATA_RANDOM_SEED", "0")) or random.randrange(1, 1 << 30)
REQUESTS = int(os.environ.get("FERMATA_RANDOM_REQUESTS", "4000"))
CLIENTS, WORKERS = 8, 40
POLL_SECONDS = 2.2  # a poll must have two seconds at least
SELDOM = ("RegisterNamespace", "DeleteNamespace", "UpdateNamespace", "DeprecateNamespace", "TerminateWorkflowExecution", "DeleteWorkflowExecution", "StartBatchOperation")  # fmt: skip
WORKFLOW_TASKS = "PollWorkflowTaskQueue", "RespondWorkflowTaskCompleted", "RespondWorkflowTaskFailed"
ACTIVITY_TASKS = "PollActivityTaskQueue", "RespondActivityTaskCompleted", "RespondActivityTaskFailed"
CLOSING = "complete_workflow", "fail_workflow", "cancel_workflow", "continue_as_new"
NOT_HERE = "nexus", "protocol_message"
VERSIONED = 2  # WORKER_VERSIONING_MODE_VERSIONED
OFTEN = {
    "StartWorkflowExecution": 20,
    "RespondActivityTaskCompleted": 2,
    "SignalWorkflowExecution": 6,
    "UpdateWorkflowExecution": 6,
    "UpdateWorkflowExecutionOptions": 6,
    "ResetWorkflowExecution": 6,
    "SetWorkerDeploymentCurrentVersion": 3,
    "SetWorkerDeploymentRampingVersion": 3,
}
# What the real server says, too, or what stands in docs/differences.md; DATA_LOSS and the like say that something is broken.
FINE = (
    "OK CANCELLED INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED "
    "FAILED_PRECONDITION OUT_OF_RANGE UNIMPLEMENTED UNAVAILABLE INTERNAL"
).split()


class Storm:
    def __init__(self, channel):
        self.channel, self.requests, self.left = channel, Requests(SEED), REQUESTS
        self.codes, self.odd = Counter(), []
        methods = [method for service in SERVICES for method in service.methods]
        missing = pathlib.Path(__file__, "../../raw/unimplemented.txt").resolve().read_text().split()
        seldom = {*SELDOM, *(line.split("/")[1] for line in missing)}
        weights = [0.1 if method.name in seldom else OFTEN.get(method.name, 1) for method in methods]
        self.methods, self.weights, self.by_name = methods, weights, {method.name: method for method in methods}

    async def call(self, method, request, timeout):
        """Its answer; None when it was refused."""
        path = f"/{method.containing_service.full_name}/{method.name}"
        call = self.channel.unary_unary(path, type(request).SerializeToString, GetMessageClass(method.output_type).FromString)
        self.left -= 1
        try:
            answer = await call(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            code = error.code().name
            self.codes[code] += 1
            if code not in FINE:
                self.odd.append(f"{method.name}: {code}: {error.details()[:300]}")
            return None
        self.codes["OK"] += 1
        self.requests.learn(answer)
        return answer

    async def client(self):
        while self.left > 0:
            method = self.requests.rng.choices(self.methods, self.weights)[0]
            request = self.requests.request(GetMessageClass(method.input_type))
            await self.call(method, request, POLL_SECONDS if method.name.startswith("Poll") else 0.2)

    async def worker(self, kind):
        """Polls, and answers a task with anything: completed, mostly."""
        poll, complete, fail = (self.by_name[name] for name in kind)
        while self.left > 0:
            asked = self.requests.request(GetMessageClass(poll.input_type), 0)
            asked.task_queue.kind = 1  # NORMAL
            asked.ClearField("worker_version_capabilities")
            task = await self.call(poll, asked, POLL_SECONDS)
            if task is None or not task.task_token:
                continue
            answer = complete if self.requests.rng.random() < 0.9 else fail
            request = self.requests.request(GetMessageClass(answer.input_type))
            request.task_token = task.task_token
            if answer is complete and hasattr(request, "commands") and self.requests.rng.random() < 0.9:
                self.make_sense(request, asked, task)
            if await self.call(answer, request, 1.0) is not None:
                self.codes[f"{answer.name} taken"] += 1

    def make_sense(self, request, asked, task):
        """As the worker of a task answers, which knows its version, ends a workflow with its last command, and answers
        updates."""
        rng = self.requests.rng
        commands = [command for command in request.commands if not of_kind(command, "None", *NOT_HERE, *CLOSING)]
        closing = [command for command in request.commands if of_kind(command, *CLOSING)]
        messages = []
        for message in task.messages:
            id = message.protocol_instance_id
            messages += rng.choice([[reject(id)], [accept(id)], [accept(id), respond(id, "done")]])
        commands += [place(message) for message in messages if not message.id.endswith("/reject")]
        if closing and rng.random() < 0.4:
            commands.append(closing[0])
        kept = copy.deepcopy(commands)
        del request.commands[:], request.messages[:]
        request.commands.extend(kept)
        request.messages.extend(messages)
        request.deployment_options.CopyFrom(asked.deployment_options)
        if asked.deployment_options.worker_versioning_mode != VERSIONED:
            request.versioning_behavior = 0
        for field in ("page_number", "intermediate_page", "worker_version_stamp", "deployment", "sticky_attributes"):
            if rng.random() < 0.9:
                request.ClearField(field)


def of_kind(command, *kinds):
    return any(kind in str(command.WhichOneof("attributes")) for kind in kinds)


@pytest.mark.fermata_only
@pytest.mark.timeout(180)
async def test_random_requests_do_no_harm(fermata_exe, tmp_path):
    path = tmp_path / "random.db"
    flags = ["--db-filename", str(path), "--search-attribute", "CustomKeywordField=Keyword"]
    with launch(fermata_exe, *flags) as launched:
        async with grpc.aio.insecure_channel(launched.address) as channel:
            storm = Storm(channel)
            workers = [storm.worker(WORKFLOW_TASKS if i % 3 else ACTIVITY_TASKS) for i in range(WORKERS)]
            await asyncio.gather(*(storm.client() for _ in range(CLIENTS)), *workers)
        said = f"seed {SEED}, {dict(storm.codes)}; the server said: {launched.output()[-3000:]}"
        print(said)
        assert launched.alive(), said
        assert not storm.odd, "\n".join([*storm.odd[:20], said])
        launched.process.terminate()
        assert launched.process.wait(20) == 0, launched.output()
    assert integrity(path) == "ok"
    with launch(fermata_exe, "--db-filename", str(path)) as launched:
        assert launched.alive()
