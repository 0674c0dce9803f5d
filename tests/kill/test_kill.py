"""SIGKILL at random moments under load, again and again on the same file; then everything that was acknowledged must be there.

Clients start workflows, signal them, and work on their tasks with raw calls. Each call carries something of its own (an id or a
nonce), and notes it when, and only when, the server has acknowledged it. After the last round all workflows are driven to
their end, and their histories are compared with the notes:

  * an acknowledged start: the run exists under the run id that was answered; a start that was repeated with the same request
    id after a crash has made one run;
  * an acknowledged signal: its event is there, once; one that was not acknowledged is there at most once;
  * an acknowledged completion of a workflow task or activity: its event is there, once;
  * an activity with one attempt was handed out at most once (if the crash swallowed it on its way, it times out, and the
    workflow asks for another one);
  * a workflow has one closing event, the last one, and event ids without gaps.

FERMATA_KILL_ROUNDS and FERMATA_KILL_SEED repeat a failure.
"""

import asyncio
import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import grpc
import pytest
from killing import *
from temporalio.api.command.v1 import message_pb2 as command_pb
from temporalio.api.enums.v1 import command_type_pb2 as command_type
from temporalio.api.enums.v1 import event_type_pb2 as event_type
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

ROUNDS = int(os.environ.get("FERMATA_KILL_ROUNDS", "40"))
SEED = int(os.environ.get("FERMATA_KILL_SEED", "0")) or random.randrange(1, 1 << 30)
QUEUE = "storm"
LIFE_SECONDS = (0.03, 0.45)  # of a round's server, from its first answer to its death
WORKFLOWS_OPEN_MAX = 150  # so that what is open in the end is driven home in seconds
SIGNALS_WANTED = 2
HELD = 10  # tasks that workers have in hand at any time
ACTIVITY_SECONDS = 3  # until one that was swallowed times out
CLOSING = {
    event_type.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
    event_type.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
    event_type.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
    event_type.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
    event_type.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
    event_type.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
}


@dataclass
class Workflow:
    """What the clients know of a workflow: what they tried, and what was acknowledged."""

    id: str
    request_id: str
    run_id: str = ""  # acknowledged
    signals_tried: set = field(default_factory=set)
    signals_acked: set = field(default_factory=set)
    task_completions_acked: set = field(default_factory=set)
    activity_completions_acked: set = field(default_factory=set)
    result_acked: str = ""
    activities_handed_out: Counter = field(default_factory=Counter)
    closed: bool = False


class Storm(Clients):
    """The clients and their notes."""

    def __init__(self, seed):
        super().__init__(seed)
        self.workflows = {}
        self.starting = True
        self.tasks, self.activities = [], []  # handed out
        self.uncertain_tasks, self.uncertain_activities = [], []  # whose completion a crash has cut off
    # --- clients ---

    async def start_one(self):
        unacked = [workflow for workflow in self.workflows.values() if not workflow.run_id]
        if unacked:  # after a crash: the same request again
            workflow = self.rng.choice(unacked)
        elif self.starting and self.open_count() < WORKFLOWS_OPEN_MAX:
            workflow = Workflow(id=f"w-{len(self.workflows)}", request_id=nonce())
            self.workflows[workflow.id] = workflow
        else:
            await asyncio.sleep(0.02)
            return
        request = api.StartWorkflowExecutionRequest(namespace=NAMESPACE, workflow_id=workflow.id, request_id=workflow.request_id)
        request.workflow_type.name = "Storm"
        request.task_queue.name = QUEUE
        request.workflow_id_reuse_policy = 3  # REJECT_DUPLICATE: a second run would be an error here
        response = await self.server.call("StartWorkflowExecution", request)
        assert workflow.run_id in ("", response.run_id), f"{workflow.id} has two runs"
        workflow.run_id = response.run_id
        self.counts["starts"] += 1

    def open_count(self):
        return sum(not workflow.closed for workflow in self.workflows.values())

    async def signal_one(self):
        wanting = [
            workflow
            for workflow in self.workflows.values()
            if workflow.run_id and not workflow.closed and len(workflow.signals_acked) < SIGNALS_WANTED
        ]
        if not wanting:
            await asyncio.sleep(0.005)
            return
        workflow = self.rng.choice(wanting)
        mark = nonce()
        workflow.signals_tried.add(mark)
        request = api.SignalWorkflowExecutionRequest(namespace=NAMESPACE, signal_name="s", request_id=mark, input=payloads(mark))
        request.workflow_execution.workflow_id = workflow.id
        try:
            await self.server.call("SignalWorkflowExecution", request)
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise
            assert "already completed" in error.details(), f"{workflow.id}: {error.details()}"
            await asyncio.sleep(0)
            return
        workflow.signals_acked.add(mark)
        self.counts["signals"] += 1

    # --- workers ---

    async def poll_workflow_task(self):
        await self.room(self.tasks)
        request = api.PollWorkflowTaskQueueRequest(namespace=NAMESPACE, identity="worker")
        request.task_queue.name = QUEUE
        task = await self.server.call("PollWorkflowTaskQueue", request, timeout=30)
        if task.task_token:
            workflow = self.workflows[task.workflow_execution.workflow_id]
            assert workflow.run_id in ("", task.workflow_execution.run_id), f"{workflow.id} has two runs"
            assert not task.next_page_token, "histories of this test fit in a page"
            self.tasks.append((workflow, task))

    async def finish_workflow_task(self):
        """Completes a task that has been waiting here for a while, perhaps since before a crash."""
        workflow, task = await self.take(self.tasks)
        mark, result = nonce(), nonce()
        done = api.RespondWorkflowTaskCompletedRequest(namespace=NAMESPACE, task_token=task.task_token, identity=mark)
        done.commands.extend(self.decide(task.history.events, result))
        try:
            await self.server.call("RespondWorkflowTaskCompleted", done)
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                self.counts["stale tasks"] += 1  # it has been handed out again since
                return
            if error.code() == grpc.StatusCode.INVALID_ARGUMENT and "UnhandledCommand" in error.details():
                self.counts["overtaken tasks"] += 1  # by a signal, when it wanted to close
                return
            self.uncertain_tasks.append((workflow, task))
            raise
        workflow.task_completions_acked.add(mark)
        self.counts["task completions"] += 1
        if done.commands and done.commands[0].command_type == command_type.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION:
            workflow.result_acked = result
            workflow.closed = True
            self.counts["workflow completions"] += 1

    @staticmethod
    async def room(waiting):
        while len(waiting) > 2 * HELD:
            await asyncio.sleep(0.002)

    async def take(self, waiting):
        """One of those that wait, when there are enough of them: at a crash there shall be some."""
        while not waiting or (self.starting and len(waiting) < HELD):
            await asyncio.sleep(0.002)
        return waiting.pop(self.rng.randrange(len(waiting)))

    @staticmethod
    def decide(events, result):
        kinds = Counter(event.event_type for event in events)
        scheduled, timed_out = (
            kinds[event_type.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED],
            kinds[event_type.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT],
        )
        if scheduled == timed_out:
            command = command_pb.Command(command_type=command_type.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK)
            attributes = command.schedule_activity_task_command_attributes
            attributes.activity_id = f"a{scheduled}"
            attributes.activity_type.name = "Once"
            attributes.task_queue.name = QUEUE
            attributes.start_to_close_timeout.seconds = ACTIVITY_SECONDS
            attributes.schedule_to_close_timeout.seconds = 600
            attributes.retry_policy.maximum_attempts = 1
            return [command]
        signalled = kinds[event_type.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED] >= SIGNALS_WANTED
        if signalled and kinds[event_type.EVENT_TYPE_ACTIVITY_TASK_COMPLETED]:
            command = command_pb.Command(command_type=command_type.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION)
            command.complete_workflow_execution_command_attributes.result.CopyFrom(payloads(result))
            return [command]
        return []

    async def poll_activity(self):
        await self.room(self.activities)
        request = api.PollActivityTaskQueueRequest(namespace=NAMESPACE, identity="worker")
        request.task_queue.name = QUEUE
        task = await self.server.call("PollActivityTaskQueue", request, timeout=30)
        if task.task_token:
            workflow = self.workflows[task.workflow_execution.workflow_id]
            workflow.activities_handed_out[task.activity_id] += 1
            self.activities.append((workflow, task.task_token))

    async def finish_activity(self):
        """The same for an activity."""
        workflow, token = await self.take(self.activities)
        mark = nonce()
        request = api.RespondActivityTaskCompletedRequest(namespace=NAMESPACE, task_token=token, identity=mark, result=payloads(mark))
        try:
            await self.server.call("RespondActivityTaskCompleted", request)
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                self.counts["stale activities"] += 1  # timed out meanwhile, or completed by the call that a crash cut off
                return
            self.uncertain_activities.append((workflow, token))
            raise
        workflow.activity_completions_acked.add(mark)
        self.counts["activity completions"] += 1

    def crash(self):
        """What a worker does when its server has died: sends again what was not acknowledged."""
        self.tasks += self.uncertain_tasks
        self.activities += self.uncertain_activities
        self.uncertain_tasks, self.uncertain_activities = [], []

    def steps(self):
        steps = [self.start_one] * 2 + [self.signal_one] * 3 + [self.poll_workflow_task] * 4
        steps += [self.finish_workflow_task] * 3 + [self.poll_activity] * 3 + [self.finish_activity] * 2
        return steps


async def note_closed(storm, server):
    """A completion that was stored but not acknowledged leaves a workflow closed without our knowing."""
    for workflow in storm.workflows.values():
        if workflow.run_id and not workflow.closed:
            request = api.DescribeWorkflowExecutionRequest(namespace=NAMESPACE)
            request.execution.workflow_id = workflow.id
            try:
                answer = await server.call("DescribeWorkflowExecution", request)
            except grpc.aio.AioRpcError as error:
                storm.errors.append(f"{workflow.id}, whose start was acknowledged: {error.code().name}: {error.details()}")
                return
            workflow.closed = answer.workflow_execution_info.status != 1  # RUNNING


def check(workflow, events):
    """Yields what is wrong with a workflow's history."""
    of = lambda kind: [event for event in events if event.event_type == kind]  # noqa: E731
    if [event.event_id for event in events] != list(range(1, len(events) + 1)):
        yield f"event ids {[event.event_id for event in events]}"
    started = of(event_type.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED)
    if len(started) != 1 or started[0].workflow_execution_started_event_attributes.original_execution_run_id != workflow.run_id:
        yield "not one start of the acknowledged run"

    signals = Counter(
        text_of(event.workflow_execution_signaled_event_attributes.input)
        for event in of(event_type.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
    )
    for mark in workflow.signals_acked - signals.keys():
        yield f"acknowledged signal {mark} is lost"
    for mark, count in signals.items():
        if count != 1 or mark not in workflow.signals_tried:
            yield f"signal {mark} is there {count} times"

    completions = Counter(
        event.workflow_task_completed_event_attributes.identity for event in of(event_type.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
    )
    for mark in workflow.task_completions_acked:
        if completions[mark] != 1:
            yield f"acknowledged task completion {mark} is there {completions[mark]} times"

    results = [
        text_of(event.activity_task_completed_event_attributes.result)
        for event in of(event_type.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
    ]
    if len(results) != 1:
        yield f"{len(results)} activities have completed"
    for mark in workflow.activity_completions_acked:
        if results != [mark]:
            yield f"acknowledged activity completion {mark} is not there"
    for activity, count in workflow.activities_handed_out.items():
        if count > 1:
            yield f"activity {activity}, which has one attempt, was handed out {count} times"

    closing = [event for event in events if event.event_type in CLOSING]
    if len(closing) != 1 or closing[0] is not events[-1]:
        yield f"{len(closing)} closing events"
    elif closing[0].event_type != event_type.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
        yield f"closed with event type {closing[0].event_type}"
    else:
        result = text_of(closing[0].workflow_execution_completed_event_attributes.result)
        if workflow.result_acked not in ("", result):
            yield "another completion than the acknowledged one"


@pytest.mark.fermata_only
@pytest.mark.timeout(180)
async def test_nothing_acknowledged_is_lost_when_the_server_is_killed(fermata_exe, tmp_path):
    storm = Storm(SEED)

    async def is_open():
        await note_closed(storm, storm.server)
        return storm.open_count()

    async def look(server):
        await drive_home(storm, server, 40, is_open)
        findings = []
        for workflow in storm.workflows.values():
            if not workflow.run_id:
                findings.append(f"{workflow.id}: its start was never acknowledged")
                continue
            events = await history_of(server, workflow.id, workflow.run_id)
            findings += [f"{workflow.id} ({workflow.run_id}): {finding}" for finding in check(workflow, events)]
        return findings

    said = await weather(storm, fermata_exe, tmp_path / "storm.db", ROUNDS, LIFE_SECONDS, look)
    assert storm.counts["workflow completions"] > ROUNDS, f"hardly any load; {said}"
