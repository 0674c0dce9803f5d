"""Workflows that go on for longer than one run: a report by cron, a loop that continues as new, attempts in a row."""

import dataclasses
from datetime import timedelta

import pytest
from stories import *
from temporalio import activity, workflow
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import RetryPolicy, WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError, CancelledError, TimeoutError


async def follow(client, handle):
    """The runs of a chain, oldest first, each as (status, its started attributes)."""
    runs, run_id = [], handle.first_execution_run_id
    while run_id:
        run = client.get_workflow_handle(handle.id, run_id=run_id)
        events = (await run.fetch_history()).events
        runs.append(((await run.describe()).status, events[0].workflow_execution_started_event_attributes))
        last = events[-1]
        run_id = getattr(getattr(last, last.WhichOneof("attributes")), "new_execution_run_id", "")
    return runs


async def results(client, *started):
    """What each run was given as the last report."""
    return [
        (await client.data_converter.decode(attributes.last_completion_result.payloads, [Report]))[0]
        for attributes in started
    ]


# A report that is written by cron


@dataclasses.dataclass
class Report:
    number: int
    total: int


SALES = []


@activity.defn
async def sales_since_the_last_report() -> int:
    SALES.append(len(SALES) + 1)
    return SALES[-1]


@workflow.defn
class SalesReport:
    """Adds to what the last report said. The third one fails, which does not stop the reports."""

    @workflow.run
    async def run(self) -> Report:
        sales = await workflow.execute_activity(sales_since_the_last_report, start_to_close_timeout=seconds(10))
        if sales == 3:
            raise ApplicationError("no figures today")
        last = workflow.get_last_completion_result(Report) or Report(0, 0)
        return Report(last.number + 1, last.total + sales)


async def test_a_report_by_cron_goes_on_from_the_last_one(client):
    SALES.clear()
    async with worker(client, SalesReport, activities=[sales_since_the_last_report]) as queue:
        handle = await client.start_workflow(
            SalesReport.run, id=unique("report"), task_queue=queue, cron_schedule="@every 1s"
        )

        async def four_reports():
            return len(SALES) >= 4

        await eventually(four_reports)
        await client.get_workflow_handle(handle.id).terminate("that is enough")
    runs = await follow(client, handle)
    ended = [status.name for status, _ in runs]
    assert (ended[:3], ended[-1]) == (["COMPLETED", "COMPLETED", "FAILED"], "TERMINATED")
    second, third, fourth = (started for _, started in runs[1:4])
    assert await results(client, second, third, fourth) == [Report(1, 1), Report(2, 3), Report(2, 3)]
    assert not third.HasField("continued_failure")
    assert fourth.continued_failure.message == "no figures today"
    assert {started.first_execution_run_id for _, started in runs} == {handle.first_execution_run_id}


async def test_a_cron_workflow_waits_for_its_time(client):
    async with worker(client, SalesReport, activities=[sales_since_the_last_report]) as queue:
        schedule = "CRON_TZ=Europe/Berlin 0 9 * * MON-FRI"
        handle = await client.start_workflow(
            SalesReport.run, id=unique("report"), task_queue=queue, cron_schedule=schedule
        )
        description = await handle.describe()
        assert description.status == WorkflowExecutionStatus.RUNNING
        assert timedelta() < description.execution_time - description.start_time <= timedelta(days=3)
        assert await event_names(handle) == ["WorkflowExecutionStarted"]
        await handle.terminate()


async def test_what_is_no_cron_schedule_is_refused(client):
    with pytest.raises(Exception, match="invalid CronSchedule"):
        await client.start_workflow(SalesReport.run, id=unique(), task_queue=unique(), cron_schedule="every monday")


@workflow.defn
class Patient:
    @workflow.run
    async def run(self) -> None:
        await workflow.sleep(600)


async def test_cancel_ends_the_reports(client):
    async with worker(client, Patient) as queue:
        handle = await client.start_workflow(
            Patient.run, id=unique("cron"), task_queue=queue, cron_schedule="@every 1s"
        )

        async def has_begun():
            return "WorkflowTaskCompleted" in await event_names(handle)

        await eventually(has_begun)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as error:
            await handle.result()
        assert isinstance(error.value.cause, CancelledError)
        assert [status for status, _ in await follow(client, handle)] == [WorkflowExecutionStatus.CANCELED]


@workflow.defn
class Supervisor:
    @workflow.run
    async def run(self) -> str:
        child = await workflow.start_child_workflow(
            SalesReport.run, id=f"{workflow.info().workflow_id}-reports", cron_schedule="@every 1s"
        )
        await workflow.sleep(3)
        # Not child.cancel(): that means the child's first run, which is over.
        await workflow.get_external_workflow_handle(child.id).cancel()
        try:
            await child
        except Exception as error:
            return "cancelled" if isinstance(error.__cause__, CancelledError) else f"{error!r}"
        return "completed"


async def test_a_child_by_cron_reports_when_it_is_stopped(client):
    SALES.clear()
    activities = [sales_since_the_last_report]
    async with worker(client, Supervisor, SalesReport, activities=activities) as queue:
        assert await client.execute_workflow(Supervisor.run, id=unique("supervisor"), task_queue=queue) == "cancelled"
    assert len(SALES) >= 2  # the child had run again before it was stopped


# A loop without an end


@dataclasses.dataclass
class Account:
    balance: int = 0
    entries: int = 0
    runs: int = 1
    pending: list[int] = dataclasses.field(default_factory=list)
    closing: bool = False


@workflow.defn
class Bookkeeper:
    """Books what is sent to it, five entries in each run, and hands its books and what is left over to the next run."""

    def __init__(self):
        self.pending, self.closing, self.account = [], False, Account()

    @workflow.signal
    def book(self, amount: int) -> None:
        self.pending.append(amount)

    @workflow.signal
    def close(self) -> None:
        self.closing = True

    @workflow.query
    def books(self) -> Account:
        return self.account

    @workflow.run
    async def run(self, account: Account) -> Account:
        self.account = account
        self.pending = account.pending + self.pending  # signals may have come before this
        self.closing = account.closing or self.closing
        for _ in range(5):
            await workflow.wait_condition(lambda: self.pending or self.closing)
            if not self.pending:
                return dataclasses.replace(self.account, pending=[])
            self.account.balance += self.pending.pop(0)
            self.account.entries += 1
        runs = self.account.runs + 1
        workflow.continue_as_new(
            dataclasses.replace(self.account, runs=runs, pending=self.pending, closing=self.closing)
        )


async def test_a_loop_that_continues_as_new_loses_nothing(client):
    async with worker(client, Bookkeeper) as queue:
        handle = await client.start_workflow(Bookkeeper.run, Account(), id=unique("books"), task_queue=queue)
        current = client.get_workflow_handle_for(Bookkeeper.run, handle.id)
        for amount in range(1, 18):
            await current.signal(Bookkeeper.book, amount)  # to whichever run is the current one
        await current.signal(Bookkeeper.close)
        account = await handle.result()
    assert (account.balance, account.entries, account.runs) == (153, 17, 4)
    runs = await follow(client, handle)
    assert [status.name for status, _ in runs] == ["CONTINUED_AS_NEW"] * 3 + ["COMPLETED"]
    assert [started.continued_execution_run_id for _, started in runs[1:]] == [
        started.original_execution_run_id for _, started in runs[:-1]
    ]


@workflow.defn
class Album:
    """Keeps pictures in its history, until the server says that this has got too long."""

    def __init__(self):
        self.pictures, self.is_full = 0, False

    @workflow.query
    def count(self) -> int:
        return self.pictures

    @workflow.signal
    def add(self, picture: bytes) -> None:
        self.pictures += 1

    @workflow.signal
    def close(self) -> None:
        self.is_full = True

    @workflow.run
    async def run(self, pictures: int) -> int:
        await workflow.wait_condition(lambda: self.is_full or workflow.info().is_continue_as_new_suggested())
        if not self.is_full:
            workflow.continue_as_new(pictures + self.pictures)
        return pictures + self.pictures


async def test_a_loop_continues_as_new_when_it_is_told(client):
    async with worker(client, Album) as queue:
        handle = await client.start_workflow(Album.run, 0, id=unique("album"), task_queue=queue)
        current = client.get_workflow_handle_for(Album.run, handle.id)
        first = client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
        pictures = 0
        while (await first.describe()).status == WorkflowExecutionStatus.RUNNING:  # 4 MiB are too long
            await current.signal(Album.add, b"x" * 1_000_000)
            pictures += 1
            await current.query(Album.count)  # who sends too fast keeps it from going on
        await current.signal(Album.close)
        assert await handle.result() == pictures
    statuses = [status.name for status, _ in await follow(client, handle)]
    assert statuses[0] == "CONTINUED_AS_NEW" and statuses[-1] == "COMPLETED"


async def test_a_loop_is_asked_for_its_books_between_two_runs(client):
    async with worker(client, Bookkeeper) as queue:
        handle = await client.start_workflow(Bookkeeper.run, Account(), id=unique("books"), task_queue=queue)
        current = client.get_workflow_handle_for(Bookkeeper.run, handle.id)
        for _ in range(5):
            await current.signal(Bookkeeper.book, 10)

        async def second_run():
            account = await current.query(Bookkeeper.books)
            return account if account.runs == 2 else None

        assert (await eventually(second_run)).balance == 50
        await current.signal(Bookkeeper.close)
        assert (await handle.result()).balance == 50


@workflow.defn
class Countdown:
    @workflow.run
    async def run(self, left: int) -> list[str]:
        info = workflow.info()
        if left > 0:
            workflow.continue_as_new(
                left - 1, memo={"left": left - 1}, run_timeout=seconds(100 + left), task_timeout=seconds(5 + left)
            )
        return [info.workflow_type, str(info.run_timeout), str(info.task_timeout), str(info.execution_timeout)]


async def test_what_a_continued_run_is_told_of_itself(client):
    async with worker(client, Countdown) as queue:
        handle = await client.start_workflow(
            Countdown.run, 2, id=unique(), task_queue=queue, execution_timeout=seconds(1000), memo={"left": 2}
        )
        assert await handle.result() == ["Countdown", "0:01:41", "0:00:06", "0:16:40"]
        last = await client.get_workflow_handle(handle.id).describe()
        assert await last.memo() == {"left": 0}


# Attempts in a row


@workflow.defn
class Stubborn:
    """Fails in a way of its own at each attempt, and tells the next what it saw of the one before."""

    @workflow.run
    async def run(self, name: str) -> list[str]:
        attempt, before = workflow.info().attempt, workflow.get_last_failure()
        if attempt == 1:
            raise ApplicationError(f"{name} was late", type="Late")
        if attempt == 2:
            raise ApplicationError("later still", type="Late", next_retry_delay=seconds(1.2))
        return [str(attempt), before.message, before.type]


async def test_an_attempt_knows_why_the_one_before_failed(client):
    policy = RetryPolicy(initial_interval=seconds(0.1), backoff_coefficient=1)
    async with worker(client, Stubborn) as queue:
        handle = await client.start_workflow(
            Stubborn.run, "the train", id=unique(), task_queue=queue, retry_policy=policy, memo={"kept": True}
        )
        assert await handle.result() == ["3", "later still", "Late"]
    runs = await follow(client, handle)
    assert [status.name for status, _ in runs] == ["FAILED", "FAILED", "COMPLETED"]
    assert [started.attempt for _, started in runs] == [1, 2, 3]
    assert [started.continued_failure.message for _, started in runs] == ["", "the train was late", "later still"]
    assert runs[2][1].first_workflow_task_backoff.ToTimedelta() == seconds(1.2)
    assert all("kept" in started.memo.fields for _, started in runs)


async def test_a_run_that_takes_too_long_is_tried_again(client):
    policy = RetryPolicy(initial_interval=seconds(0.1), maximum_attempts=2)
    async with worker(client, Patient) as queue:
        handle = await client.start_workflow(
            Patient.run, id=unique(), task_queue=queue, retry_policy=policy, run_timeout=seconds(1)
        )
        with pytest.raises(WorkflowFailureError) as error:
            await handle.result()
        assert isinstance(error.value.cause, TimeoutError)
    assert [status.name for status, _ in await follow(client, handle)] == ["TIMED_OUT", "TIMED_OUT"]


@workflow.defn
class Parent:
    @workflow.run
    async def run(self, queue: str) -> str:
        return (
            await workflow.execute_child_workflow(
                Stubborn.run,
                "the child",
                id=f"{workflow.info().workflow_id}-child",
                retry_policy=RetryPolicy(initial_interval=seconds(0.1), backoff_coefficient=1),
            )
        )[0]


async def test_a_parent_hears_of_its_childs_last_attempt_only(client):
    async with worker(client, Parent, Stubborn) as queue:
        handle = await client.start_workflow(Parent.run, queue, id=unique("parent"), task_queue=queue)
        assert await handle.result() == "3"
        children = [name for name in await event_names(handle) if "Child" in name]
        assert children == [
            "StartChildWorkflowExecutionInitiated",
            "ChildWorkflowExecutionStarted",
            "ChildWorkflowExecutionCompleted",
        ]


async def test_a_start_delay_is_waited_for(client):
    async with worker(client, Countdown) as queue:
        handle = await client.start_workflow(Countdown.run, 0, id=unique(), task_queue=queue, start_delay=seconds(1))
        await handle.result()
        events = (await handle.fetch_history()).events
        waited = events[1].event_time.ToDatetime() - events[0].event_time.ToDatetime()
        assert seconds(1) <= waited < seconds(2)


async def test_a_start_joins_the_chain_of_a_cron_workflow(client):
    id = unique("cron")
    first = await client.start_workflow(SalesReport.run, id=id, task_queue=unique(), cron_schedule="0 0 1 1 *")
    again = await client.start_workflow(
        SalesReport.run, id=id, task_queue=unique(), id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING
    )
    assert again.first_execution_run_id == first.first_execution_run_id
    await first.terminate()
