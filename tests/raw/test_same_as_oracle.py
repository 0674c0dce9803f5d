"""Random lives of workflows, lived at the same time on Fermata and on the real server, step by step compared.

Needs the real server's executable in ORACLE_EXE. SCENARIOS says how many lives (default 40), SEED which come first; a
failure names the seed that repeats it: SEED=17 SCENARIOS=1.
"""

import os
import random

import pytest
from driver import *
from launch import launch

ORACLE_EXE = os.environ.get("ORACLE_EXE", "")
SCENARIOS = int(os.environ.get("SCENARIOS", "40"))
FIRST_SEED = int(os.environ.get("SEED", "1"))
STEPS = 40

# What differs between two servers, or between two runs of one.
VOLATILE = {
    "event_time",
    "task_id",
    "history_size_bytes",
    "original_execution_run_id",
    "first_execution_run_id",
    "new_execution_run_id",
    "run_id",
    "request_id",
    "workflow_execution_expiration_time",
}


@pytest.fixture(scope="module")
def oracle():
    if not ORACLE_EXE:
        pytest.skip("ORACLE_EXE does not name the real server's executable")
    with launch(ORACLE_EXE) as launched, Server(launched.address) as server:
        yield server


def plain(message):
    """A message as nested dicts, without what is volatile."""

    def strip(value):
        if isinstance(value, dict):
            return {key: strip(inner) for key, inner in value.items() if key not in VOLATILE}
        if isinstance(value, list):
            return [strip(inner) for inner in value]
        return value

    fields = strip(json_format.MessageToDict(message, preserving_proto_field_name=True))
    scheduled = fields.get("workflow_task_scheduled_event_attributes", {})
    if scheduled.get("attempt", 0) > 3:
        del scheduled["start_to_close_timeout"]  # has a random part from the fourth attempt on
    return fields


class Life:
    """One run on one server. Every step is a method that takes its choices as arguments and says what it saw."""

    def __init__(self, server, name):
        self.server = server
        self.run = server.start(
            workflow_id=name, task_queue=dict(name=name), request_id=f"start-{name}", workflow_task_timeout=seconds(100)
        )
        self.tasks, self.activities = [], {}

    def step(self, verb, *choices):
        try:
            return getattr(self, verb)(*choices)
        except grpc.RpcError as error:
            return f"{error.code().name}: {error.details()} {plain(details_of(error)) if details_of(error) else ''}"

    def take_task(self):
        described = self.run.describe()
        if described.pending_workflow_task.state != 1 or described.workflow_execution_info.status != 1:
            return "none to take"
        task = self.run.task()
        self.tasks.append(task)
        events = [plain(event) for event in task.history.events]
        return f"{task.attempt} {task.started_event_id} {task.previous_started_event_id} {events}"

    def _task(self, which):
        """Mostly the newest; sometimes one that has had its answer."""
        return self.tasks[max(len(self.tasks) - 1 - which, 0)]

    def complete(self, which, commands, options):
        if not self.tasks:
            return "no task yet"
        commands = [build(self.run) for build in commands]
        response = self._task(which).complete(*commands, **options)
        if response.HasField("workflow_task"):
            self.tasks.append(Task(self.run, response.workflow_task))
        return f"{response.HasField('workflow_task')} {response.reset_history_event_id}"

    def fail(self, which):
        if not self.tasks:
            return "no task yet"
        self._task(which).fail()

    def take_activity(self, id):
        described = self.run.describe()
        pending = {activity.activity_id: activity for activity in described.pending_activities}
        if id not in pending or pending[id].state != 1 or pending[id].attempt > 1:
            return "none to take"
        if described.workflow_execution_info.status != 1:
            return "closed"
        activity = self.run.activity(task_queue=dict(name=f"{self.run.queue}-{id}"))
        self.activities[id] = activity
        return f"{activity.activity_id} {activity.attempt} {value_of(activity.heartbeat_details)}"

    def answer_activity(self, id, how, failure):
        if id not in self.activities:
            return "not taken"
        if how == "fail":
            return plain(self.activities[id].fail(failure))
        return plain(getattr(self.activities[id], how)(f"{id} {how}"))

    def signal(self, name, request_id):
        self.run.signal(name, request_id=request_id)

    def cancel(self):
        self.run.cancel(reason="r", identity="c")

    def terminate(self):
        self.run.terminate(reason="r", identity="c")

    def seen(self):
        """What a client can ask about the run, but for the count of its transactions, which is the server's own affair."""
        described = self.run.describe()
        pending = sorted(
            f"{a.activity_id} state {a.state} attempt {a.attempt} {a.last_failure.message} {value_of(a.heartbeat_details)}"
            for a in described.pending_activities
        )
        info, task = described.workflow_execution_info, described.pending_workflow_task
        history = "\n".join(f"{event.event_id} {event_type(event)} {plain(event)}" for event in self.run.events())
        return "\n".join(
            [
                f"status {info.status} length {info.history_length}",
                f"task {task.state} attempt {task.attempt}",
                f"cancel requested {described.workflow_extended_info.cancel_requested}",
                *pending,
                history,
            ]
        )


def some_commands(rng):
    """Builders of commands, because an activity's queue is its run's."""
    timers, activities = ["t1", "t2"], ["a1", "a2", "a3"]

    def activity(id, attempts, beats):
        policy = dict(maximum_attempts=1) if attempts else dict(initial_interval=seconds(600))
        attributes = dict(start_to_close_timeout=seconds(500), retry_policy=policy)
        if beats:
            attributes["heartbeat_timeout"] = seconds(400)
        return lambda run: schedule_activity(id, f"{run.queue}-{id}", **attributes)

    def one():
        kind = rng.random()
        if kind < 0.25:
            timer = rng.choice(timers)
            return lambda run: start_timer(timer, 900)
        if kind < 0.35:
            timer = rng.choice(timers)
            return lambda run: cancel_timer(timer)
        if kind < 0.65:
            return activity(rng.choice(activities), rng.random() < 0.5, rng.random() < 0.5)
        if kind < 0.8:
            event_id = rng.randrange(4, 30)
            return lambda run: cancel_activity(event_id)
        return lambda run: record_marker("m", at=1)

    commands = [one() for _ in range(rng.choice([0, 0, 1, 1, 2, 3]))]
    end = rng.random()
    if end < 0.06:
        commands.append(lambda run: complete_workflow("done"))
    elif end < 0.09:
        commands.append(lambda run: fail_workflow())
    elif end < 0.12:
        commands.append(lambda run: cancel_workflow())
    elif end < 0.14:
        commands.append(lambda run: continue_as_new())
    return commands


def some_options(rng, name):
    options = {}
    if rng.random() < 0.2:
        options["force_create_new_workflow_task"] = True
    if rng.random() < 0.2:
        options["return_new_workflow_task"] = True
    if rng.random() < 0.3:
        queue = dict(name=f"{name}-sticky", kind="TASK_QUEUE_KIND_STICKY", normal_name=name)
        options["sticky_attributes"] = dict(worker_task_queue=queue, schedule_to_start_timeout=seconds(300))
    return options


def some_step(rng, name):
    kind = rng.random()
    which = 1 if rng.random() < 0.05 else 0
    if kind < 0.28:
        return ("take_task",)
    if kind < 0.5:
        return "complete", which, some_commands(rng), some_options(rng, name)
    if kind < 0.56:
        return "fail", which
    if kind < 0.68:
        return "take_activity", rng.choice(["a1", "a2", "a3"])
    if kind < 0.86:
        how = rng.choice(["complete", "fail", "fail", "cancel", "heartbeat", "heartbeat"])
        failure = application_failure(f"failure {rng.randrange(9)}", non_retryable=rng.random() < 0.3)
        return "answer_activity", rng.choice(["a1", "a2", "a3"]), how, failure
    if kind < 0.95:
        return "signal", f"s{rng.randrange(9)}", rng.choice(["", "r1", "r2", str(rng.random())])
    if kind < 0.985:
        return ("cancel",)
    return ("terminate",)


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SCENARIOS))
def test_a_random_life_is_the_same_on_both(server, oracle, seed):
    rng = random.Random(seed)
    name = f"life-{seed}"
    lives = Life(oracle, name), Life(server, name)
    steps = []
    for _ in range(STEPS):
        step = some_step(rng, name)
        steps.append(f"{step[0]} {[choice for choice in step[1:] if not isinstance(choice, list)]}")
        expected, got = (life.step(*step) for life in lives)
        assert got == expected, "\n".join(["after these steps:", *steps, "the history is", lives[0].run.text()])
        expected, got = (life.seen() for life in lives)
        assert got == expected, "\n".join(["after these steps:", *steps])
