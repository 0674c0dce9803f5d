"""A database that fails: the n-th step of SQLite ends with an I/O error, and more after it, for many n.

A step is a row read or written, a BEGIN, a COMMIT. When one fails, the turn is undone, the clients in it are told
UNAVAILABLE, and what it touched is read again; so clients and workers that simply try again get everything done, in the
end, once. Each test runs a scenario of several workflows over such a database and then compares the histories with what
the clients were told:

  * an acknowledged change is in the history, once; one that was answered with UNAVAILABLE is not;
  * each workflow has one closing event, the last one, and event ids without gaps;
  * an activity is handed out once per attempt, and its second attempt is the last;
  * what a killed process would leave on disk is intact, and a server on it has the same histories.

Only builds with checks have the switch, FERMATA_FAIL_STORE_AFTER; with others the tests are skipped.
FERMATA_FAULTS_ALL=1 tries every n instead of some.
"""

import contextlib
import os
import re
import shutil
import sqlite3
import threading
import time
import urllib.request
import uuid
from collections import Counter

import grpc
import pytest
from driver import (
    NOT_FOUND,
    Run,
    Server,
    accept,
    attributes_of,
    complete_workflow,
    continue_as_new,
    event_type,
    payloads,
    place,
    render,
    respond,
    schedule_activity,
    seconds,
    signal_external,
    start_child,
    start_timer,
    update_request,
    value_of,
    wait_for,
)
from launch import launch
from rollout import Rollout, eventually

pytestmark = [pytest.mark.fermata_only]

# Steps until the next failure, growing by one each time. More than the largest turn takes, which could never end otherwise.
PERIOD = 61
SCENARIO_SECONDS = 40
CLOSED = {"WorkflowExecution" + how for how in ("Completed", "Terminated", "ContinuedAsNew", "Failed", "TimedOut")}
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
CANCELLED = grpc.StatusCode.CANCELLED
FIRSTS = range(1, PERIOD + 1, 1 if os.environ.get("FERMATA_FAULTS_ALL") else 3)


def step_fails(launched):
    return launched.output().count("a step of the database fails")


@contextlib.contextmanager
def failing(exe, monkeypatch, faults, *flags):
    if faults:
        monkeypatch.setenv("FERMATA_FAIL_STORE_AFTER", faults)
    with launch(exe, "--log-level", "warn", *flags) as launched:
        monkeypatch.delenv("FERMATA_FAIL_STORE_AFTER", raising=False)
        yield launched


@pytest.fixture(scope="session")
def exe(fermata_exe):
    with pytest.MonkeyPatch.context() as monkeypatch, failing(fermata_exe, monkeypatch, "1") as launched:
        with Server(launched.address) as server:
            with contextlib.suppress(grpc.RpcError):
                server.start()
        if not step_fails(launched):
            pytest.skip("this executable has no FERMATA_FAIL_STORE_AFTER: it was built without checks")
    return fermata_exe


class Clients:
    """Clients and workers that do not give up, and their notes."""

    def __init__(self, launched):
        self.launched = launched
        self.server = Server(launched.address)
        self.give_up = time.monotonic() + SCENARIO_SECONDS
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.acknowledged, self.refused = set(), set()  # identities of calls that change something
        self.attempts = Counter()  # of activities, as handed out
        self.counts = Counter()
        self.errors = []
        self.polls = set()
        self.queue, self.parent, self.child, self.pal = (f"{name}-{uuid.uuid4().hex[:8]}" for name in ("q", "p", "c", "l"))

    def call(self, name, **fields):
        """Calls until the answer is not UNAVAILABLE. Each try has an identity of its own, so that its traces can be found."""
        while True:
            identity = uuid.uuid4().hex
            assert self.launched.alive(), f"the server died:\n{self.launched.output()[-3000:]}"
            assert time.monotonic() < self.give_up, f"{name} does not get through"
            try:
                if "identity" in self.server.method(name)[1].DESCRIPTOR.fields_by_name:
                    answer = self.server.call(name, identity=identity, **fields)
                else:
                    answer = self.server.call(name, **fields)
            except grpc.RpcError as error:
                if error.code() != UNAVAILABLE:
                    raise
                with self.lock:
                    self.refused.add(identity)
                    self.counts[f"{name} unavailable"] += 1
                continue
            with self.lock:
                self.acknowledged.add(identity)
                self.counts[name] += 1
            return answer, identity

    def poll(self, name):
        future = self.server.call_later(name, timeout=60, task_queue=dict(name=self.queue), identity="worker")
        with self.lock:
            self.polls.add(future)
        try:
            if self.stopping.is_set():
                future.cancel()
            return future.result()
        except grpc.FutureCancelledError:
            return None
        except grpc.RpcError as error:
            if error.code() not in (UNAVAILABLE, CANCELLED):
                raise
            with self.lock:
                self.counts[f"{name} {error.code().name}"] += 1
            return None
        finally:
            with self.lock:
                self.polls.discard(future)

    # Workers

    def work(self, step):
        try:
            while not self.stopping.is_set():
                step()
        except Exception as error:  # told by the test, in its own thread
            self.errors.append(f"{step.__name__}: {error!r}")

    def workflow_worker(self):
        task = self.poll("PollWorkflowTaskQueue")
        if task is None or not task.task_token:
            return
        if task.HasField("query"):
            with contextlib.suppress(grpc.RpcError):  # a query that was given up is not there any more
                self.call(
                    "RespondQueryTaskCompleted",
                    task_token=task.task_token,
                    completed_type="QUERY_RESULT_TYPE_ANSWERED",
                    query_result=payloads("answer"),
                )
            return
        assert [event.event_id for event in task.history.events] == list(range(1, len(task.history.events) + 1))
        commands, messages = self.decide(task)
        results = {id: dict(result_type="QUERY_RESULT_TYPE_ANSWERED", answer=payloads("answer")) for id in task.queries}
        try:
            self.call(
                "RespondWorkflowTaskCompleted",
                task_token=task.task_token,
                commands=commands,
                messages=messages,
                query_results=results,
            )
        except grpc.RpcError as error:
            # The start of a task is in memory only: one that was forgotten is handed out again. A signal may come first.
            assert error.code() == NOT_FOUND or "UnhandledCommand" in error.details(), error
            with self.lock:
                self.counts["tasks again"] += 1

    def decide(self, task):
        """The workflows' code: what to do follows from the history alone."""
        seen = Counter(event_type(event) for event in task.history.events)
        name, commands, messages = task.workflow_type.name, [], []
        for message in task.messages:
            update_id = message.protocol_instance_id
            answers = [accept(update_id, message.event_id), respond(update_id, "updated")]
            messages += answers
            commands += [place(answer) for answer in answers]
        if name == "child":
            return [complete_workflow("child's")], messages
        if name == "pal":
            return commands + ([complete_workflow("pal's")] if seen["WorkflowExecutionSignaled"] else []), messages
        started = attributes_of(task.history.events[0])
        if started.continued_execution_run_id:
            return commands, messages  # to be queried and terminated
        if not seen["TimerStarted"]:
            retry = dict(initial_interval=seconds(0.02), maximum_attempts=3)
            commands += [
                start_timer("t", 0.05),
                schedule_activity("a", self.queue, retry_policy=retry, start_to_close_timeout=seconds(30)),
                start_child(self.child, self.queue),
                signal_external(self.pal, "greeting"),
            ]
        elif (
            seen["TimerFired"]
            and seen["ActivityTaskCompleted"]
            and seen["ChildWorkflowExecutionCompleted"]
            and seen["ExternalWorkflowExecutionSignaled"]
            and seen["WorkflowExecutionSignaled"]
            and (seen["WorkflowExecutionUpdateCompleted"] or messages)  # it may be the last to come
        ):
            commands.append(continue_as_new(workflow_type=dict(name="main"), task_queue=dict(name=self.queue)))
        return commands, messages

    def activity_worker(self):
        task = self.poll("PollActivityTaskQueue")
        if task is None or not task.task_token:
            return
        self.attempts[task.attempt] += 1
        if task.attempt == 1:
            self.call("RecordActivityTaskHeartbeat", task_token=task.task_token, details=payloads("half"))
            failure = dict(message="again", application_failure_info=dict(type="Again"))
            self.call("RespondActivityTaskFailed", task_token=task.task_token, failure=failure)
        else:
            assert value_of(task.heartbeat_details) == "half"
            self.call("RespondActivityTaskCompleted", task_token=task.task_token, result=payloads("done"))

    # The client

    def start(self, workflow_id, type):
        answer, _ = self.call(
            "StartWorkflowExecution",
            workflow_id=workflow_id,
            workflow_type=dict(name=type),
            task_queue=dict(name=self.queue),
            request_id=str(uuid.uuid4()),
            workflow_id_reuse_policy="WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE",
        )
        assert answer.started
        return Run(self.server, workflow_id, answer.run_id, self.queue)

    def wait_closed(self, run):
        token = b""
        while True:
            page, _ = self.call(
                "GetWorkflowExecutionHistory",
                execution=run.execution,
                wait_new_event=True,
                history_event_filter_type="HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT",
                next_page_token=token,
                timeout=5,
            )
            if page.history.events:
                return page.history.events[0]
            token = page.next_page_token

    def events(self, run):
        page, _ = self.call("GetWorkflowExecutionHistory", execution=run.execution, maximum_page_size=1000)
        return list(page.history.events)

    def scenario(self):
        """Returns the histories of the four runs, by what they are."""
        pal = self.start(self.pal, "pal")
        parent = self.start(self.parent, "main")
        self.call(
            "SignalWorkflowExecution", workflow_execution=parent.execution, signal_name="s", request_id=str(uuid.uuid4())
        )
        answer, _ = self.call(
            "UpdateWorkflowExecution",
            workflow_execution=parent.execution,
            request=update_request("u"),
            wait_policy=wait_for("COMPLETED"),
        )
        assert value_of(answer.outcome.success) == "updated"
        assert event_type(self.wait_closed(parent)) == "WorkflowExecutionContinuedAsNew"
        next_run = parent.other(self.events(parent)[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id)
        answer, _ = self.call("QueryWorkflow", execution=dict(workflow_id=self.parent), query=dict(query_type="state"))
        assert value_of(answer.query_result) == "answer"
        self.call("TerminateWorkflowExecution", workflow_execution=next_run.execution, reason="enough")
        self.wait_closed(pal)
        (initiated,) = [
            event.child_workflow_execution_started_event_attributes
            for event in self.events(parent)
            if event_type(event) == "ChildWorkflowExecutionStarted"
        ]
        child = Run(self.server, self.child, initiated.workflow_execution.run_id, self.queue)
        return {run.run_id: (run, self.events(run)) for run in (parent, next_run, child, pal)}

    def run(self):
        steps = [self.workflow_worker, self.workflow_worker, self.activity_worker]
        workers = [threading.Thread(target=self.work, args=(step,), daemon=True) for step in steps]
        for worker in workers:
            worker.start()
        try:
            histories = self.scenario()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.story()}") from error
        finally:
            self.stopping.set()
            with self.lock:
                polls = list(self.polls)
            for poll in polls:
                poll.cancel()
            for worker in workers:
                worker.join(20)
        assert not self.errors, "\n".join(self.errors) + "\n" + self.story()
        assert not any(worker.is_alive() for worker in workers), "a worker's call hangs\n" + self.story()
        return histories

    def story(self):
        """For a failure: what can be told about the workflows."""
        lines = [f"{dict(self.counts)} errors {self.errors}"]
        for workflow_id in (self.parent, self.child, self.pal):
            try:
                page = self.server.call(
                    "GetWorkflowExecutionHistory", execution=dict(workflow_id=workflow_id), timeout=5
                )
                lines.append(f"{workflow_id}:\n{render(page.history.events)}")
            except grpc.RpcError as error:
                lines.append(f"{workflow_id}: {error.code().name}: {error.details()}")
        return "\n".join(lines) + "\n" + self.launched.output()[-6000:]


def check(clients, histories):
    identities = Counter()
    for run, events in histories.values():
        text = render(events)
        assert [event.event_id for event in events] == list(range(1, len(events) + 1)), text
        closing = [event.event_id for event in events if event_type(event) in CLOSED]
        assert closing == [len(events)], f"{run.workflow_id} closes at {closing}:\n{text}"
        seen = Counter(event_type(event) for event in events)
        assert seen["WorkflowTaskScheduled"] >= seen["WorkflowTaskStarted"] >= seen["WorkflowTaskCompleted"], text
        for event in events:
            attributes = attributes_of(event)
            if "identity" in attributes.DESCRIPTOR.fields_by_name:
                identities[(event_type(event), attributes.identity)] += 1
            if event_type(event) == "ActivityTaskStarted":
                assert attributes.attempt == 2, text
    assert clients.attempts == {1: 1, 2: 1}
    undone = {identity for _, identity in identities if identity in clients.refused}
    assert not undone, f"changes of calls that were told UNAVAILABLE: {undone}"
    for kind in (
        "WorkflowExecutionStarted",
        "WorkflowTaskCompleted",
        "ActivityTaskCompleted",
        "WorkflowExecutionSignaled",
        "WorkflowExecutionTerminated",
    ):
        times = {identity: n for (type, identity), n in identities.items() if type == kind and identity in clients.acknowledged}
        assert times and set(times.values()) == {1}, f"{kind}: {times}"
    types = Counter(kind for kind, _ in identities)
    assert types["WorkflowExecutionTerminated"] == 1 and types["WorkflowExecutionUpdateAccepted"] == 0


def check_restart(exe, monkeypatch, copy, histories):
    with contextlib.closing(sqlite3.connect(copy)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT count(*) FROM runs").fetchone() == (len(histories),)
    with failing(exe, monkeypatch, "", "--db-filename", str(copy)) as launched, Server(launched.address) as server:
        for run, events in histories.values():
            assert Run(server, run.workflow_id, run.run_id, run.queue).events() == events


def copy_database(path, copy):
    """What a process killed just now would leave: nothing goes on, and all that was written is in the files."""
    for suffix in ("", "-wal"):
        if os.path.exists(f"{path}{suffix}"):
            shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")


@pytest.mark.parametrize("first", FIRSTS)
def test_steps_that_fail_on_a_file(first, exe, monkeypatch, tmp_path):
    path, copy = tmp_path / "db", tmp_path / "copy"
    with failing(exe, monkeypatch, f"{first},{PERIOD}", "--db-filename", str(path)) as launched:
        clients = Clients(launched)
        with clients.server:
            histories = clients.run()
            copy_database(path, copy)
        assert step_fails(launched), "no step has failed"
    check(clients, histories)
    check_restart(exe, monkeypatch, copy, histories)


@pytest.mark.parametrize("first", FIRSTS[3::4])
def test_steps_that_fail_in_memory(first, exe, monkeypatch):
    with failing(exe, monkeypatch, f"{first},{PERIOD}") as launched:
        clients = Clients(launched)
        with clients.server:
            histories = clients.run()
        assert step_fails(launched), "no step has failed"
    check(clients, histories)


def test_without_a_fault_nobody_is_refused(exe, monkeypatch):
    with failing(exe, monkeypatch, "") as launched:
        clients = Clients(launched)
        with clients.server:
            histories = clients.run()
        assert not step_fails(launched)
    check(clients, histories)
    assert not clients.refused and not [what for what in clients.counts if "UNAVAILABLE" in what]


def test_a_full_disk_is_told_and_waited_for(exe, monkeypatch, tmp_path):
    """Starts are accepted until the file may not grow any more. Timers that are due meanwhile are tried again, not in every
    turn; with room again they fire, and what was acknowledged is there."""
    path, copy, full = tmp_path / "db", tmp_path / "copy", []
    flags = ["--db-filename", str(path), "--sqlite-pragma", "max_page_count=90"]
    with failing(exe, monkeypatch, "", *flags) as launched, Server(launched.address) as server:
        napper = server.start()
        napper.task().complete(start_timer("t", 3))
        started = []
        while not full:
            try:
                started.append(server.start(memo=dict(fields=dict(much=payloads("x" * 3000).payloads[0]))))
            except grpc.RpcError as error:
                assert error.code() == UNAVAILABLE, error
                full.append(error)
        assert started
        for size in (1000, 300, 100, 30, 0):  # until nothing fits into what is left of its last page
            with pytest.raises(grpc.RpcError, match="UNAVAILABLE"):
                while True:
                    napper.signal("s", "x" * size)
        assert "TimerFired" not in napper.text()
        time.sleep(4)
        failures = launched.output().count("commit failed")
        assert 6 < failures < 30, launched.output()[-3000:]
        assert [event_type(event) for event in started[0].events()] == ["WorkflowExecutionStarted", "WorkflowTaskScheduled"]
        copy_database(path, copy)
    with failing(exe, monkeypatch, "", "--db-filename", str(copy)) as launched, Server(launched.address) as server:
        for run in started:
            assert Run(server, run.workflow_id, run.run_id, run.queue).status() == "RUNNING"
        again = Run(server, napper.workflow_id, napper.run_id, napper.queue)
        assert "TimerFired" in again.task().text()


# ---------------------------------------------------------------------------------------------------------------------
# Batches

BATCHED = 40  # workflows
BATCH_PERIOD = 250  # as PERIOD: a turn of a batch deals with many


def persistently(server, name, **fields):
    give_up = time.monotonic() + SCENARIO_SECONDS
    while True:
        try:
            return server.call(name, **fields)
        except grpc.RpcError as error:
            if error.code() != UNAVAILABLE or time.monotonic() > give_up:
                raise


def start_persistently(server, number, queue="batched"):
    return persistently(
        server,
        "StartWorkflowExecution",
        workflow_id=f"batched-{number}",
        workflow_type=dict(name="Batched"),
        task_queue=dict(name=queue),
        request_id=f"start-{number}",
        identity="client",
    )


BATCHES = {
    "signal": (dict(signal_operation=dict(signal="s", identity="b")), "WorkflowExecutionSignaled"),
    "terminate": (dict(termination_operation={}), "WorkflowExecutionTerminated"),
    "cancel": (dict(cancellation_operation={}), "WorkflowExecutionCancelRequested"),
    "delete": (dict(deletion_operation={}), None),
}


@pytest.mark.parametrize("kind", BATCHES)
@pytest.mark.parametrize("first", [1, 40, 90, 131, 172])
def test_a_batch_over_a_failing_database_deals_with_each_once(first, kind, exe, monkeypatch):
    operation, event = BATCHES[kind]
    with failing(exe, monkeypatch, f"{first},{BATCH_PERIOD}") as launched, Server(launched.address) as server:
        runs = [
            Run(server, f"batched-{i}", start_persistently(server, i).run_id, "batched") for i in range(BATCHED)
        ]
        request = dict(job_id="job", reason="r", visibility_query="WorkflowType = 'Batched'", **operation)
        persistently(server, "StartBatchOperation", **request)  # one that was refused has left nothing
        give_up = time.monotonic() + SCENARIO_SECONDS
        while (answer := persistently(server, "DescribeBatchOperation", job_id="job")).state == 1:
            assert launched.alive() and time.monotonic() < give_up, f"{answer}\n{launched.output()[-3000:]}"
            time.sleep(0.01)
        counts = (answer.total_operation_count, answer.complete_operation_count, answer.failure_operation_count)
        assert counts == (BATCHED, BATCHED, 0)
        for run in runs:
            if event is None:
                with pytest.raises(grpc.RpcError) as error:
                    persistently(server, "GetWorkflowExecutionHistory", execution=run.execution)
                assert error.value.code() == NOT_FOUND
            else:
                page = persistently(server, "GetWorkflowExecutionHistory", execution=run.execution)
                assert [event_type(each) for each in page.history.events].count(event) == 1, render(page.history.events)
        assert step_fails(launched), "no step has failed"


# ---------------------------------------------------------------------------------------------------------------------
# Worker deployments


class Reader:
    """Calls that only read are made again: they are refused with the turn that they fall into."""

    def __init__(self, server):
        self.server, self.call_later = server, server.call_later

    def call(self, name, /, **fields):
        call = persistently if name.startswith("Describe") else Server.call
        return call(self.server, name, **fields)


class Rollouts:
    """One who rolls out and does not give up. A call that was refused has changed nothing; one that was not, will stay."""

    def __init__(self, launched, server):
        self.launched, self.team = launched, Rollout(Reader(server))

    def seen(self):
        """All that there is to see of the deployment, apart from when it was looked at."""
        try:
            described = self.team.describe()
        except grpc.RpcError as error:
            assert error.code() == NOT_FOUND, error
            return None
        seen = [described]
        for summary in described.worker_deployment_info.version_summaries:
            version = self.team.describe_version(summary.deployment_version.build_id)
            version.worker_deployment_version_info.drainage_info.ClearField("last_checked_time")
            summary.drainage_info.ClearField("last_checked_time")
            seen.append(version)
        return [one.SerializeToString(deterministic=True) for one in seen]

    def do(self, change):
        give_up = time.monotonic() + SCENARIO_SECONDS
        while True:
            before = self.seen()
            try:
                return change()
            except grpc.RpcError as error:
                assert error.code() == UNAVAILABLE and time.monotonic() < give_up, error
                assert self.seen() == before, "a call that was told UNAVAILABLE has left something"

    def poll(self, build, queue):
        """A worker that polls until its version is known to have the queue."""
        poll = self.team.poll(build, queue, timeout=30)
        eventually(lambda: any(name == queue for name, _ in self.team.queues(build)), f"{build} has {queue}")
        return poll

    def task(self, build, queue):
        while True:
            try:
                return self.team.poll(build, queue, timeout=30).result()
            except grpc.RpcError as error:
                assert error.code() == UNAVAILABLE, error

    def scenario(self):
        team = self.team
        self.do(lambda: team.create(identity="me", request_id="r"))
        self.do(lambda: team.create_version("v1", request_id="r"))
        polls = [self.poll("v1", "a"), self.poll("v2", "b"), self.poll("v2", "a")]
        self.do(lambda: team.set_current("v1"))
        self.do(lambda: team.set_metadata("v1", a=1))
        self.do(lambda: team.set_ramping("v2", 10))
        self.do(lambda: team.set_manager("boss", self=True))
        self.do(lambda: team.set_current("v2", identity="boss", ignore_missing_task_queues=True))
        eventually(lambda: team.statuses()["v1"] == "DRAINED", "v1 is drained")
        self.do(lambda: team.create_version("v3", request_id="r"))
        self.do(lambda: team.delete_version("v3", identity="boss"))
        for poll in polls:
            poll.cancel()


@pytest.mark.parametrize("first", range(1, 12, 1 if os.environ.get("FERMATA_FAULTS_ALL") else 3))
@pytest.mark.parametrize("period", [5, 8, 13])
def test_deployments_over_a_failing_database(first, period, exe, monkeypatch, tmp_path):
    path, copy = tmp_path / "db", tmp_path / "copy"
    with failing(exe, monkeypatch, f"{first},{period}", "--db-filename", str(path)) as launched:
        with Server(launched.address) as server:
            one = Rollouts(launched, server)
            one.scenario()
            seen, name = one.seen(), one.team.name
            # A poll whose registration was undone, and done again, is one that tasks come to.
            run = start_persistently(server, "of-v2", queue="b")
            assert one.task("v2", "b").workflow_execution.run_id == run.run_id
            copy_database(path, copy)
        assert step_fails(launched), "no step has failed"
    with failing(exe, monkeypatch, "", "--db-filename", str(copy)) as launched, Server(launched.address) as server:
        again = Rollouts(launched, server)
        again.team.name = name
        assert again.seen() == seen


def test_what_did_not_happen_does_not_count(exe, monkeypatch):
    with failing(exe, monkeypatch, "2", "--metrics-port", "0") as launched, Server(launched.address) as server:
        fields = dict(workflow_id="once", request_id="once", task_queue=dict(name="q"))
        with contextlib.suppress(grpc.RpcError):
            server.start(**fields)
        assert step_fails(launched) == 1
        server.start(**fields)
        (url,) = re.findall(r"Metrics: +(http://\S+)", launched.output())
        with urllib.request.urlopen(url) as answer:
            page = answer.read().decode()
        for name in ("tasks_added", "state_transition_count_count"):
            assert re.findall(rf"^{name}\{{.*\}} (\d+)$", page, re.M) == ["1"], name
