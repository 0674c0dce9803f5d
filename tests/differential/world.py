"""What a scenario is played in: a server, and a record of all that it says.

A scenario is a function that takes a World and does what clients and workers do, one step after the other. Every answer
to a call, and every refusal, is written down as it comes; at the end the descriptions and histories of all runs that
were heard of are added. That text (see normal_form.py) is what is compared with the real server's, which lies in
tests/oracle/<module>/<scenario>.txt.

The rules for a scenario:

- Ids come from `world.start(name)` and `world.id(name)`, so that they are the same in every run but for a tag.
- No step may depend on which of two things comes first by chance. The real server does much in the background: wait for
  it with `world.wait_for`, or with the poll for the task that it leads to.
- What must not be compared because the real server's answer is not always the same is read `quietly`.
"""

import contextlib
import time
import uuid

import grpc
from driver import CALL_SECONDS, Run, Server, attributes_of, event_type, render
from normal_form import Normalizer, indented

# Calls whose answers are not recorded: histories come in full at the end, and how many answers a wait took is chance.
UNRECORDED = {"GetWorkflowExecutionHistory"}

SCENARIOS = {}


class NotBuilt(Exception):
    """The server does not have what the scenario needs."""


def scenario(play=None, *, missing=None, waits=False, namespace="default"):
    """Marks a function as a scenario.

    `missing` names what is not built yet and makes it fail; then it must fail. `waits` says that it does little but
    wait for a time-out or a backoff, so that many of its kind can be played at once. `namespace` is where it is played;
    the record does not tell.
    """

    def mark(play):
        name = f"{play.__module__.rpartition('.')[2]}/{play.__name__}"
        assert name not in SCENARIOS, name
        SCENARIOS[name] = play
        play.missing, play.waits, play.namespace = missing, waits, namespace
        return play

    return mark(play) if play else mark


class World(Server):
    def __init__(self, address, namespace="default"):
        super().__init__(address, namespace)
        self.tag = uuid.uuid4().hex[:8]
        self.normalizer = Normalizer(self.tag, namespace)
        self.lines, self.runs, self.labels = [], {}, {}

    # Names

    def id(self, name):
        """An id that is this world's alone, and reads as `name` in the record."""
        return f"{name}-{self.tag}"

    def start(self, name="wf", **fields):
        """Starts a workflow of type "wf" with this name as its id, on a queue that is called after it."""
        fields = self.start_fields(name, **fields)
        response = self.call("StartWorkflowExecution", **fields)
        return self.run(fields["workflow_id"], response.run_id, fields["task_queue"]["name"], response)

    def start_fields(self, name="wf", **fields):
        fields.setdefault("workflow_id", self.id(name))
        fields.setdefault("workflow_type", dict(name="wf"))
        fields.setdefault("task_queue", dict(name=self.id(f"{name}-queue")))
        fields.setdefault("request_id", f"start {name}")
        fields.setdefault("identity", "client")
        return fields

    def run(self, workflow_id, run_id, queue, response=None):
        """A run that the record is to have at its end."""
        return self.runs.setdefault((workflow_id, run_id), Run(self, workflow_id, run_id, queue, response))

    def next_run(self, run):
        """The run that a closed one was followed by."""
        return self.run(run.workflow_id, attributes_of(self.events(run)[-1]).new_execution_run_id, run.queue)

    def child(self, parent, name):
        """The run of a child that has `name` as its id, once its first task waits on the queue called after it."""
        started = self.wait_for(
            parent, "ChildWorkflowExecutionStarted", lambda a: a.workflow_execution.workflow_id == self.id(name)
        )
        execution = attributes_of(started).workflow_execution
        child = self.run(execution.workflow_id, execution.run_id, self.id(f"{name}-queue"))
        self.wait_for(child, "WorkflowTaskScheduled")
        return child

    # Calls

    def call(self, name, *, timeout=CALL_SECONDS, metadata=(), **fields):
        return self.call_later(name, timeout=timeout, metadata=metadata, **fields).result()

    def call_later(self, name, *, timeout=CALL_SECONDS, metadata=(), **fields):
        """The answer is recorded when it is asked for, so that its place in the record does not depend on chance."""
        return Answer(self, name, super().call_later(name, timeout=timeout, metadata=metadata, **fields))

    def quietly(self, name, **fields):
        """A call that leaves nothing in the record."""
        return super().call(name, **fields)

    @contextlib.contextmanager
    def refused(self):
        """The call inside must end with an error, which is in the record."""
        try:
            yield
        except grpc.RpcError:
            return
        raise AssertionError("the call was accepted")

    def tried(self):
        """The call inside may end with an error: what it ends with is in the record either way."""
        return contextlib.suppress(grpc.RpcError)

    # The record

    def note(self, title, *lines):
        self.lines += [title, *indented(lines)]

    def record(self, name, response=None, error=None):
        if name in UNRECORDED:
            return
        if error is not None:
            self.lines += self.normalizer.error(f"{name} is refused", error)
        else:
            self.lines += self.normalizer.message(name, response)

    def text(self):
        """The record, with what can be seen of all runs at the end."""
        lines, seen = list(self.lines), set()
        while len(seen) < len(self.runs):
            run = next(self.runs[key] for key in self.runs if key not in seen)
            seen.add((run.workflow_id, run.run_id))
            lines += ["", *self.run_lines(run)]
        return "\n".join(lines).strip() + "\n"

    def run_lines(self, run):
        title = self.normalizer.string(run.workflow_id) + " " + self.normalizer.name_of(run.run_id, "run_id")
        try:
            events = self.events(run)
            description = self.quietly("DescribeWorkflowExecution", execution=run.execution)
        except grpc.RpcError as error:
            return self.normalizer.error(f"No {title}", error)
        for event in events:
            self.discover(run, event)
        return [
            f"History of {title}",
            *indented(self.normalizer.events(events)),
            *self.normalizer.message(f"Description of {title}", description),
        ]

    def discover(self, run, event):
        """Runs that an event tells of."""
        attributes, kind = attributes_of(event), event_type(event)
        following = getattr(attributes, "new_execution_run_id", "") or getattr(attributes, "new_run_id", "")
        if following:
            self.run(run.workflow_id, following, run.queue)
        if kind == "ChildWorkflowExecutionStarted":
            self.run(attributes.workflow_execution.workflow_id, attributes.workflow_execution.run_id, None)

    # Histories

    def events(self, run):
        events, token = [], b""
        while True:
            page = self.quietly("GetWorkflowExecutionHistory", execution=run.execution, next_page_token=token)
            events += page.history.events
            token = page.next_page_token
            if not token:
                return events

    def wait_for(self, run, kind, fits=lambda attributes: True):
        """The first event of this kind that fits, waited for as clients do."""
        token, events = b"", []
        while True:
            page = self.quietly(
                "GetWorkflowExecutionHistory", execution=run.execution, wait_new_event=True, next_page_token=token
            )
            for event in page.history.events:
                events.append(event)
                if event_type(event) == kind and fits(attributes_of(event)):
                    return event
            token = page.next_page_token
            assert token, f"no {kind} comes any more:\n{render(events)}"

    def until(self, run, fits):
        """Waits until the run's description fits: for what happens in the background and writes no event yet."""
        give_up = time.monotonic() + CALL_SECONDS
        while not fits(self.quietly("DescribeWorkflowExecution", execution=run.execution)):
            assert time.monotonic() < give_up, "it does not come to that:\n" + render(self.events(run))

    def admitted(self, run, update_id="u"):
        """Waits until the server has an update that was sent, and whose answer nobody waits for yet."""
        reference, stage = dict(workflow_execution=run.execution, update_id=update_id), 0
        while not stage:
            with contextlib.suppress(grpc.RpcError):
                stage = self.quietly("PollWorkflowExecutionUpdate", update_ref=reference).stage

    def close_all(self):
        """So that nothing of this scenario goes on, for as long as the server runs."""
        for workflow_id in {workflow_id for workflow_id, _ in self.runs}:
            with contextlib.suppress(grpc.RpcError):
                self.quietly("TerminateWorkflowExecution", workflow_execution=dict(workflow_id=workflow_id))


class Answer:
    """The answer to a call that is under way."""

    def __init__(self, world, name, future):
        self.world, self.name, self.future = world, name, future
        self.recorded = False

    def result(self):
        try:
            response = self.future.result()
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                raise NotBuilt(f"{self.name}: {error.details()}") from None
            self._record(error=error)
            raise
        self._record(response)
        return response

    def _record(self, response=None, error=None):
        if not self.recorded:
            self.recorded = True
            self.world.record(self.name, response, error)

    def done(self):
        return self.future.done()

    def cancel(self):
        return self.future.cancel()
