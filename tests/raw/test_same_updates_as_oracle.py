"""As test_same_as_oracle.py, with updates: random lives in which clients send updates and the worker accepts, rejects, completes
or ignores them, in any order, beside timers, signals and failed tasks.

Nothing is refused in these lives: on the real server a refusal makes it forget all updates that are on their way, and callers
bring them back by and by, as they come.
"""

import os
import random
import time

import pytest
from test_same_as_oracle import Life, plain
from test_same_as_oracle import oracle as oracle_server
from updates import *

SCENARIOS = int(os.environ.get("SCENARIOS", "40"))
FIRST_SEED = int(os.environ.get("SEED", "1"))
STEPS = 40
CLOSING_COMMAND = "complete_workflow_execution_command_attributes"

oracle = oracle_server  # a fixture


class UpdatedLife(Life):
    def __init__(self, server, name):
        super().__init__(server, name)
        self.calls = {}
        self.delivered = {}  # update id -> the sequencing event of its message
        self.accepted = set()
        self.has_tried_to_close = False  # until it does, updates are refused

    def _note_task(self, task):
        for message in task.messages:
            self.delivered[message.protocol_instance_id] = message.event_id
        return sorted(f"{message.id} {message.event_id}" for message in task.messages)

    def take_task(self):
        before = len(self.tasks)
        seen = super().take_task()
        return f"{seen} {self._note_task(self.tasks[-1])}" if len(self.tasks) > before else seen

    def update(self, id, stage):
        if id in self.calls and not self.calls[id].done():
            return "on its way"
        described = self.run.describe()
        refused = self.has_tried_to_close or described.pending_workflow_task.attempt >= 3
        if described.workflow_execution_info.status != 1 or refused:
            return "not now"
        self.calls[id] = self.run.send_update(id, stage=stage)
        return "sent"

    def complete(self, how, commands, options):
        if not self.tasks:
            return "no task yet"
        messages = []
        for id in sorted(self.delivered):
            choice = how[id[:2]]
            if choice in ("accept", "both"):
                messages.append(accept(id, self.delivered[id]))
                self.accepted.add(id)
            if choice == "reject":
                messages.append(reject(id))
        for id in sorted(self.accepted):
            if how[id[:2]] in ("both", "respond"):
                messages.append(respond(id, f"{id} done"))
        commands = [build(self.run) for build in commands]
        if how["placed"]:
            commands = [place(m) for m in messages if not m.id.endswith("/reject")] + commands
        self.has_tried_to_close |= any(command.HasField(CLOSING_COMMAND) for command in commands)
        options = dict(options, messages=messages)
        accepted, delivered = set(self.accepted), dict(self.delivered)
        response = self.tasks[-1].complete(*commands, **options)
        for message in messages:
            if message.id.endswith("/respond"):
                accepted.discard(message.protocol_instance_id)
            delivered.pop(message.protocol_instance_id, None)
        self.accepted = accepted
        self.delivered = delivered if options.get("force_create_new_workflow_task") else {}
        inline = ""
        if response.HasField("workflow_task"):
            task = Task(self.run, response.workflow_task)
            self.tasks.append(task)
            events = [f"{event.event_id} {event_type(event)}" for event in task.history.events]
            inline = f"{task.started_event_id} {task.attempt} {events} {self._note_task(task)}"
        return f"{response.reset_history_event_id} {inline}"

    def fail(self, which):
        result = super().fail(0)
        self.delivered = {}
        return result

    def _progress(self, id):
        """How far an update has come. The real server may lose it for a moment, until the waiting call brings it back."""
        give_up = time.monotonic() + 3
        while True:
            try:
                return answer_of(self.run.poll_update(id))
            except grpc.RpcError as error:
                if self.calls[id].done() or time.monotonic() > give_up:
                    # As long as the real server has the run in its cache, it remembers that an update was aborted.
                    return error.details().replace(ABORTED_BY_CLOSE, f'update "{id}" not found')

    def seen(self):
        return "\n".join([super().seen(), *(f"{id} {self._progress(id)}" for id in sorted(self.calls))])

    def answers(self):
        """What became of the calls, when all is over."""
        lines = []
        for id, call in sorted(self.calls.items()):
            error = call.exception()
            lines.append(f"{id} {error.details() if error else answer_of(call.result())}")
        return "\n".join(lines)


IDS = ["u1", "u2", "u3"]


def some_step(rng, number):
    kind = rng.random()
    if kind < 0.3:
        return "update", f"{rng.choice(IDS)}-{number // 8}", rng.choice(["ACCEPTED", "COMPLETED"])
    if kind < 0.55:
        return ("take_task",)
    if kind < 0.85:
        choices = ["both", "both", "accept", "reject", "reject", "ignore", "respond"]
        how = {id: rng.choice(choices) for id in IDS}
        how["placed"] = rng.random() < 0.5
        commands = [lambda run: record_marker("m", at=1)] * rng.choice([0, 0, 0, 0, 1, 2])
        if rng.random() < 0.03:
            commands = [*commands, lambda run: complete_workflow("done")]
        options = {}
        if rng.random() < 0.15:
            options["force_create_new_workflow_task"] = True
        if rng.random() < 0.4:
            options["return_new_workflow_task"] = True
        if rng.random() < 0.3:
            options["capabilities"] = dict(discard_speculative_workflow_task_with_events=True)
        return "complete", how, commands, options
    if kind < 0.9:
        return "fail", 0
    if kind < 0.98:
        return "signal", f"s{rng.randrange(9)}", str(rng.random())
    return ("cancel",)


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SCENARIOS))
def test_a_random_life_with_updates_is_the_same_on_both(server, oracle, seed):
    rng = random.Random(seed)
    name = f"updated-life-{seed}"
    lives = UpdatedLife(oracle, name), UpdatedLife(server, name)
    steps = []
    for number in range(STEPS):
        step = some_step(rng, number)
        steps.append(f"{step[0]} {[choice for choice in step[1:] if not isinstance(choice, list)]}")
        expected, got = (life.step(*step) for life in lives)
        assert got == expected, "\n".join(["after these steps:", *steps, "the history is", lives[0].run.text()])
        expected, got = (life.seen() for life in lives)
        assert got == expected, "\n".join(["after these steps:", *steps])
    for life in lives:
        life.step("terminate")
    expected, got = (life.answers() for life in lives)
    assert got == expected, "\n".join(["after these steps:", *steps])
