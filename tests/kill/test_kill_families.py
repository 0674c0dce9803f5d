"""The same as test_kill.py with what concerns more than one run, or lives in memory: children, chains of runs and updates.

A parent starts two children; each of them fails, is retried, signals its parent and completes. When both have ended, the parent
continues as new; its last run completes. Clients send updates to parents all the time. All of that goes on while the server is
killed again and again. In the end:

  * an acknowledged start has made one chain: every run names the next one, and the next one names it;
  * a child is what its parent says: the Started event names the first run of its chain, the Completed event the last one and
    its result, and there is one child per command;
  * the child's signal is there once, and both sides know of it;
  * an update that was acknowledged as accepted stands in the run that was answered, once; an acknowledged outcome is the one that
    stands there, and asking again gives the same;
  * runs have one closing event, the last one, and event ids without gaps.

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
from temporalio.api.protocol.v1 import message_pb2 as protocol_pb
from temporalio.api.update.v1 import message_pb2 as update_pb
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

ROUNDS = int(os.environ.get("FERMATA_KILL_ROUNDS", "40"))
SEED = int(os.environ.get("FERMATA_KILL_SEED", "0")) or random.randrange(1, 1 << 30)
QUEUE = "families"
LIFE_SECONDS = (0.05, 0.5)  # of a round's server, from its first answer to its death
CHAINS_OPEN_MAX = 60
RUNS = 3  # of a parent's chain
CHILDREN = 2  # of each run
HELD = 4  # tasks that workers have in hand at any time
ACCEPTED, COMPLETED = 2, 3  # stages

E = event_type.EventType.Value


def of(events, name):
    kind = E(f"EVENT_TYPE_{name}")
    return [event for event in events if event.event_type == kind]


def count(events, name):
    return len(of(events, name))


def command(name, attributes, **fields):
    return command_pb.Command(
        command_type=command_type.CommandType.Value(f"COMMAND_TYPE_{name}"), **{f"{attributes}_command_attributes": fields}
    )


def seconds(value):
    return dict(seconds=int(value), nanos=int(value % 1 * 1e9))


@dataclass
class Update:
    """What a client knows of an update: the runs in which it was accepted, and the outcome, as they were acknowledged."""

    id: str
    accepted_in: set = field(default_factory=set)
    outcomes: dict = field(default_factory=dict)  # run id -> result, or None for a rejection
    done: bool = False


@dataclass
class Chain:
    id: str
    request_id: str
    first_run_id: str = ""  # acknowledged
    updates: list = field(default_factory=list)
    closed: bool = False


# ---------------------------------------------------------------------------------------------------------------------
# What workflows do, decided from their history


def parent_commands(events):
    """Commands of a parent's task, but for those that answer updates."""
    started = events[0].workflow_execution_started_event_attributes
    number = int(text_of(started.input))
    if not count(events, "START_CHILD_WORKFLOW_EXECUTION_INITIATED"):
        return [
            command(
                "START_CHILD_WORKFLOW_EXECUTION",
                "start_child_workflow_execution",
                workflow_id=f"{started.workflow_id}/{number}/{child}",
                workflow_type=dict(name="Child"),
                task_queue=dict(name=QUEUE),
                retry_policy=dict(initial_interval=seconds(0.01), maximum_attempts=3),
                workflow_id_reuse_policy=3,  # REJECT_DUPLICATE: a second child would be an error here
            )
            for child in range(CHILDREN)
        ]
    if count(events, "CHILD_WORKFLOW_EXECUTION_COMPLETED") < CHILDREN:
        return []
    if number < RUNS:
        return [
            command(
                "CONTINUE_AS_NEW_WORKFLOW_EXECUTION", "continue_as_new_workflow_execution", input=payloads(str(number + 1))
            )
        ]
    return [command("COMPLETE_WORKFLOW_EXECUTION", "complete_workflow_execution", result=payloads(nonce()))]


def child_commands(events):
    started = events[0].workflow_execution_started_event_attributes
    if started.attempt == 1:
        failure = dict(message="the first attempt fails", application_failure_info=dict(type="First"))
        return [command("FAIL_WORKFLOW_EXECUTION", "fail_workflow_execution", failure=failure)]
    if not count(events, "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED"):
        return [
            command(
                "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION",
                "signal_external_workflow_execution",
                execution=dict(workflow_id=started.parent_workflow_execution.workflow_id),
                signal_name="from-child",
                input=payloads(started.workflow_id),
            )
        ]
    if not count(events, "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED"):
        return []
    return [command("COMPLETE_WORKFLOW_EXECUTION", "complete_workflow_execution", result=payloads(nonce()))]


def message(update_id, kind, body):
    result = protocol_pb.Message(id=f"{update_id}/{kind}", protocol_instance_id=update_id)
    result.body.Pack(body)
    return result


def accept(request):
    body = update_pb.Acceptance(
        accepted_request_message_id=request.id, accepted_request_sequencing_event_id=request.event_id
    )
    return message(request.protocol_instance_id, "accept", body)


def reject(request):
    failure = dict(message="no", application_failure_info=dict(type="No"))
    body = update_pb.Rejection(rejected_request_message_id=request.id, failure=failure)
    return message(request.protocol_instance_id, "reject", body)


def respond(update_id):
    body = update_pb.Response(meta=dict(update_id=update_id), outcome=dict(success=payloads(nonce())))
    return message(update_id, "respond", body)


def place(protocol_message):
    return command("PROTOCOL_MESSAGE", "protocol_message", message_id=protocol_message.id)


# ---------------------------------------------------------------------------------------------------------------------
# Clients and workers


class Families(Clients):
    def __init__(self, seed):
        super().__init__(seed)
        self.chains = {}
        self.starting = True
        self.tasks, self.uncertain = [], []

    def crash(self):
        self.tasks += self.uncertain
        self.uncertain = []

    def steps(self):
        return (
            [self.start_one] + [self.update_one] * 6 + [self.poll_update_one] * 2 + [self.poll] * 4 + [self.finish] * 4
        )

    def open_chains(self):
        return [chain for chain in self.chains.values() if not chain.closed]

    async def start_one(self):
        unacked = [chain for chain in self.chains.values() if not chain.first_run_id]
        if unacked:  # after a crash: the same request again
            chain = self.rng.choice(unacked)
        elif self.starting and len(self.open_chains()) < CHAINS_OPEN_MAX:
            chain = Chain(id=f"p-{len(self.chains)}", request_id=nonce())
            self.chains[chain.id] = chain
        else:
            await asyncio.sleep(0.02)
            return
        request = api.StartWorkflowExecutionRequest(namespace=NAMESPACE, workflow_id=chain.id, request_id=chain.request_id)
        request.workflow_type.name = "Parent"
        request.task_queue.name = QUEUE
        request.input.CopyFrom(payloads("1"))
        request.workflow_id_reuse_policy = 3  # REJECT_DUPLICATE
        try:
            response = await self.server.call("StartWorkflowExecution", request)
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.ALREADY_EXISTS:
                raise
            chain.first_run_id = "?"  # it has continued as new before its client heard of it
            return
        assert chain.first_run_id in ("", response.run_id), f"{chain.id} has two chains"
        chain.first_run_id = response.run_id
        self.counts["starts"] += 1

    async def update_one(self):
        chains = [chain for chain in self.open_chains() if chain.first_run_id]
        if not chains:
            await asyncio.sleep(0.01)
            return
        chain = self.rng.choice(chains)
        waiting = [update for update in chain.updates if not update.done]
        if waiting and self.rng.random() < 0.5:  # perhaps one that a crash has cut off
            update = self.rng.choice(waiting)
        else:
            update = Update(id=nonce())
            chain.updates.append(update)
        request = api.UpdateWorkflowExecutionRequest(namespace=NAMESPACE)
        request.workflow_execution.workflow_id = chain.id
        request.wait_policy.lifecycle_stage = self.rng.choice([ACCEPTED, COMPLETED])
        request.request.meta.update_id = update.id
        request.request.input.name = "u"
        await self.ask(chain, update, self.server.call("UpdateWorkflowExecution", request, timeout=5))

    async def poll_update_one(self):
        known = [(chain, u) for chain in self.chains.values() for u in chain.updates if u.accepted_in]
        if not known:
            await asyncio.sleep(0.01)
            return
        chain, update = self.rng.choice(known)
        request = api.PollWorkflowExecutionUpdateRequest(namespace=NAMESPACE)
        request.update_ref.workflow_execution.workflow_id = chain.id
        request.update_ref.workflow_execution.run_id = self.rng.choice(sorted(update.accepted_in))
        request.update_ref.update_id = update.id
        if self.rng.random() < 0.5:
            request.wait_policy.lifecycle_stage = COMPLETED
        await asyncio.sleep(0.01)
        await self.ask(chain, update, self.server.call("PollWorkflowExecutionUpdate", request, timeout=5), must_be_known=True)

    async def ask(self, chain, update, call, must_be_known=False):
        try:
            answer = await call
        except grpc.aio.AioRpcError as error:
            code, text = error.code(), error.details()
            if must_be_known and code == grpc.StatusCode.NOT_FOUND:
                raise AssertionError(f"{chain.id}: the accepted update {update.id} is lost: {text}") from error
            expected = (
                # aborted by the end of its run, or too late; refused with its task; too many; about to continue as new
                (grpc.StatusCode.NOT_FOUND, "aborted by closing workflow"),
                (grpc.StatusCode.NOT_FOUND, "already completed"),
                (grpc.StatusCode.FAILED_PRECONDITION, "Unable to perform workflow execution update"),
                (grpc.StatusCode.RESOURCE_EXHAUSTED, "in-flight updates"),
                (grpc.StatusCode.RESOURCE_EXHAUSTED, "workflow is closing"),
            )
            if not any(code == expected_code and words in text for expected_code, words in expected):
                raise
            if "already completed" in text:
                chain.closed = True
            self.counts["updates that came to nothing"] += 1
            await asyncio.sleep(0.005)
            return
        run_id = answer.update_ref.workflow_execution.run_id
        if answer.stage == ACCEPTED:
            update.accepted_in.add(run_id)
            self.counts["acceptances"] += 1
        elif answer.stage == COMPLETED:
            rejected = answer.outcome.HasField("failure")
            result = None if rejected else text_of(answer.outcome.success)
            before = update.outcomes.setdefault(run_id, result)
            assert before == result, f"{chain.id}: {update.id} had the outcome {before}, and now {result}"
            if not rejected:
                update.accepted_in.add(run_id)
            else:
                assert answer.outcome.failure.message == "no", answer.outcome.failure.message
                del update.outcomes[run_id]  # it is forgotten: the same id may be tried again
            update.done = True
            self.counts["rejections" if rejected else "outcomes"] += 1

    # --- workers ---

    async def poll(self):
        while len(self.tasks) > 2 * HELD:
            await asyncio.sleep(0.002)
        request = api.PollWorkflowTaskQueueRequest(namespace=NAMESPACE, identity="worker")
        request.task_queue.name = QUEUE
        task = await self.server.call("PollWorkflowTaskQueue", request, timeout=30)
        if task.task_token:
            if task.next_page_token:  # a run with so many updates that its history is longer than a page
                rest = await history_of(
                    self.server, task.workflow_execution.workflow_id, task.workflow_execution.run_id, task.next_page_token
                )
                task.history.events.extend(rest)
            self.tasks.append(task)

    async def finish(self):
        """Completes a task that has been waiting here for a while, perhaps since before a crash."""
        while not self.tasks or (self.starting and len(self.tasks) < HELD):
            await asyncio.sleep(0.002)
        task = self.tasks.pop(self.rng.randrange(len(self.tasks)))
        done = api.RespondWorkflowTaskCompletedRequest(namespace=NAMESPACE, task_token=task.task_token, identity=nonce())
        events = task.history.events
        if task.workflow_type.name == "Child":
            done.commands.extend(child_commands(events))
        else:
            self.decide_parent(task, events, done)
        try:
            await self.server.call("RespondWorkflowTaskCompleted", done)
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                self.counts["stale tasks"] += 1
                return
            if error.code() == grpc.StatusCode.INVALID_ARGUMENT and "UnhandledCommand" in error.details():
                self.counts["overtaken tasks"] += 1
                return
            if error.code() == grpc.StatusCode.INVALID_ARGUMENT and "wasn't found on the server" in error.details():
                self.counts["lost updates"] += 1  # answered in a task that had not brought it
                return
            self.uncertain.append(task)
            raise
        self.counts["task completions"] += 1

    def decide_parent(self, task, events, done):
        """Updates are answered at once, or accepted and answered with the next task, or rejected."""
        accepted = {
            event.workflow_execution_update_accepted_event_attributes.protocol_instance_id
            for event in of(events, "WORKFLOW_EXECUTION_UPDATE_ACCEPTED")
        }
        completed = {
            event.workflow_execution_update_completed_event_attributes.meta.update_id
            for event in of(events, "WORKFLOW_EXECUTION_UPDATE_COMPLETED")
        }
        messages = [respond(update_id) for update_id in sorted(accepted - completed)]
        later = False
        for request in task.messages:
            dice = self.rng.random()
            if dice < 0.2:
                messages.append(reject(request))
                continue
            messages.append(accept(request))
            if dice < 0.5:
                later = True
            else:
                messages.append(respond(request.protocol_instance_id))
        done.messages.extend(messages)
        done.commands.extend(place(m) for m in messages if not m.id.endswith("/reject"))
        done.force_create_new_workflow_task = later
        if not later:
            done.commands.extend(parent_commands(events))


# ---------------------------------------------------------------------------------------------------------------------
# What must hold in the end


async def note_closed(storm, server):
    for chain in storm.open_chains():
        if chain.first_run_id:
            request = api.DescribeWorkflowExecutionRequest(namespace=NAMESPACE)
            request.execution.workflow_id = chain.id
            answer = await server.call("DescribeWorkflowExecution", request)
            chain.closed = answer.workflow_execution_info.status != 1  # RUNNING


async def runs_of(server, workflow_id, first_run_id):
    """The runs of a chain with their histories, in order."""
    runs, run_id = [], first_run_id
    while run_id:
        events = await history_of(server, workflow_id, run_id)
        runs.append((run_id, events))
        run_id = getattr(close_attributes(events[-1]), "new_execution_run_id", "")
    return runs


def close_attributes(event):
    return getattr(event, event.WhichOneof("attributes"))


def check_run(run_id, events):
    if [event.event_id for event in events] != list(range(1, len(events) + 1)):
        yield f"event ids {[event.event_id for event in events]}"
    closing = [e for e in events if e.event_type in CLOSING]
    if len(closing) != 1 or closing[0] is not events[-1]:
        yield f"closing events {[event.event_id for event in closing]} of {len(events)}"


CLOSING = {
    E(f"EVENT_TYPE_WORKFLOW_EXECUTION_{how}")
    for how in ("COMPLETED", "FAILED", "TIMED_OUT", "CANCELED", "TERMINATED", "CONTINUED_AS_NEW")
}


def check_links(runs):
    """That every run names its neighbours."""
    for (before, _), (run_id, events) in zip(runs, runs[1:]):
        started = events[0].workflow_execution_started_event_attributes
        if started.continued_execution_run_id != before or started.first_execution_run_id != runs[0][0]:
            yield f"run {run_id} does not continue {before}"


async def check_child(server, parent_run_id, parent_events, initiated):
    child_id = initiated.start_child_workflow_execution_initiated_event_attributes.workflow_id
    started = [
        event.child_workflow_execution_started_event_attributes
        for event in of(parent_events, "CHILD_WORKFLOW_EXECUTION_STARTED")
        if event.child_workflow_execution_started_event_attributes.initiated_event_id == initiated.event_id
    ]
    completed = [
        event.child_workflow_execution_completed_event_attributes
        for event in of(parent_events, "CHILD_WORKFLOW_EXECUTION_COMPLETED")
        if event.child_workflow_execution_completed_event_attributes.initiated_event_id == initiated.event_id
    ]
    if len(started) != 1 or len(completed) != 1:
        yield f"{child_id} has started {len(started)} times and completed {len(completed)} times"
        return
    runs = await runs_of(server, child_id, started[0].workflow_execution.run_id)
    for run_id, events in runs:
        for finding in [*check_run(run_id, events), *check_links(runs)]:
            yield f"{child_id} {run_id}: {finding}"
        parent = events[0].workflow_execution_started_event_attributes.parent_workflow_execution
        if parent.run_id != parent_run_id:
            yield f"{child_id} {run_id} has the parent {parent.run_id}"
    if len(runs) != 2:
        yield f"{child_id} has {len(runs)} runs"
    last_run_id, last_events = runs[-1]
    result = text_of(last_events[-1].workflow_execution_completed_event_attributes.result)
    if completed[0].workflow_execution.run_id != last_run_id or text_of(completed[0].result) != result:
        yield f"{child_id} has ended otherwise than its parent says"
    signals = [
        event
        for event in of(parent_events, "WORKFLOW_EXECUTION_SIGNALED")
        if text_of(event.workflow_execution_signaled_event_attributes.input) == child_id
    ]
    if len(signals) != 1 or count(last_events, "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED") != 1:
        yield f"{len(signals)} signals of {child_id} have arrived"


def check_updates(chain, runs):
    accepted, completed = {}, {}
    for run_id, events in runs:
        accepted[run_id] = Counter(
            event.workflow_execution_update_accepted_event_attributes.protocol_instance_id
            for event in of(events, "WORKFLOW_EXECUTION_UPDATE_ACCEPTED")
        )
        answers = [
            event.workflow_execution_update_completed_event_attributes
            for event in of(events, "WORKFLOW_EXECUTION_UPDATE_COMPLETED")
        ]
        completed[run_id] = {answer.meta.update_id: text_of(answer.outcome.success) for answer in answers}
        if len(answers) != len(completed[run_id]) or any(n != 1 for n in accepted[run_id].values()):
            yield f"{run_id}: an update is there twice"
        if completed[run_id].keys() - accepted[run_id].keys():
            yield f"{run_id}: an update was completed and never accepted"
    for update in chain.updates:
        for run_id in update.accepted_in:
            if accepted.get(run_id, {}).get(update.id) != 1:
                yield f"the acknowledged acceptance of {update.id} in {run_id} is lost"
        for run_id, outcome in update.outcomes.items():
            if completed.get(run_id, {}).get(update.id) != outcome:
                yield f"the acknowledged outcome of {update.id} in {run_id} is lost"


async def check_chain(server, chain):
    """All findings about a chain."""
    last = await history_of(server, chain.id)
    first = last[0].workflow_execution_started_event_attributes.first_execution_run_id
    if chain.first_run_id not in ("?", first):
        return [f"the chain began with {first}, acknowledged was {chain.first_run_id}"]
    runs = await runs_of(server, chain.id, first)
    findings = [*check_links(runs), *check_updates(chain, runs)]
    if len(runs) != RUNS or runs[-1][1][-1].event_type != E("EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"):
        findings.append(f"{len(runs)} runs")
    for run_id, events in runs:
        findings += [f"{run_id}: {finding}" for finding in check_run(run_id, events)]
        initiated = of(events, "START_CHILD_WORKFLOW_EXECUTION_INITIATED")
        if len(initiated) != CHILDREN or count(events, "START_CHILD_WORKFLOW_EXECUTION_FAILED"):
            findings.append(f"{run_id}: {len(initiated)} children")
        for event in initiated:
            findings += [finding async for finding in check_child(server, run_id, events, event)]
    return findings


@pytest.mark.fermata_only
@pytest.mark.timeout(240)
async def test_families_and_updates_survive_when_the_server_is_killed(fermata_exe, tmp_path):
    storm = Families(SEED)

    async def is_open():
        await note_closed(storm, storm.server)
        return storm.open_chains()

    async def look(server):
        await drive_home(storm, server, 60, is_open)
        findings = []
        for chain in storm.chains.values():
            if not chain.first_run_id or not chain.closed:
                findings.append(f"{chain.id}: started {bool(chain.first_run_id)}, closed {chain.closed}")
            elif not storm.errors:
                findings += [f"{chain.id}: {finding}" for finding in await check_chain(server, chain)]
        return findings

    said = await weather(storm, fermata_exe, tmp_path / "families.db", ROUNDS, LIFE_SECONDS, look)
    assert min(storm.counts["outcomes"], storm.counts["acceptances"], storm.counts["rejections"]) > ROUNDS / 2, said
