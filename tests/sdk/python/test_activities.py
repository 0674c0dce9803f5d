"""Activities as a program sees them: success, retries, timeouts, heartbeats, cancellation, completion from elsewhere."""

import asyncio
from typing import Any

import pytest
from stories import *
from temporalio import activity, workflow
from temporalio.client import WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    RetryState,
    TimeoutError,
    TimeoutType,
)

QUICK = dict(initial_interval=0.05, backoff_coefficient=1.0)


@workflow.defn
class Call:
    """Calls one activity, as the options say, and returns its result."""

    @workflow.run
    async def run(self, name: str, argument: Any, options: dict) -> Any:
        return await workflow.execute_activity(name, argument, **decoded(options))


def decoded(options):
    """Options as plain data, because they come through the server: seconds and a dict for the policy."""
    options = {key: seconds(value) if key.endswith("_timeout") else value for key, value in options.items()}
    options.setdefault("start_to_close_timeout", seconds(20))
    policy = options.pop("retry", None)
    if policy is not None:
        policy = {key: seconds(value) if key.endswith("_interval") else value for key, value in policy.items()}
        options["retry_policy"] = RetryPolicy(**policy)
    return options


async def call(client, function, argument=None, activities=None, **options):
    """Runs the activity in a workflow of its own; returns its result."""
    async with worker(client, Call, activities=activities or [function]) as queue:
        name = function.__name__
        return await client.execute_workflow(Call.run, args=[name, argument, options], id=unique(), task_queue=queue)


async def failure(client, function, argument=None, **options):
    """The same for an activity that fails: returns the ActivityError."""
    with pytest.raises(WorkflowFailureError) as error:
        await call(client, function, argument, **options)
    assert isinstance(error.value.cause, ActivityError), repr(error.value.cause)
    return error.value.cause


@activity.defn
async def double(number: int) -> int:
    return number * 2


async def test_an_activity_returns_its_result(client):
    assert await call(client, double, 21) == 42


@activity.defn
async def succeed_on_attempt(wanted: int) -> int:
    if activity.info().attempt < wanted:
        raise ApplicationError(f"attempt {activity.info().attempt}")
    return activity.info().attempt


async def test_an_activity_is_retried_until_it_succeeds(client):
    assert await call(client, succeed_on_attempt, 4, retry=QUICK) == 4


async def test_maximum_attempts(client):
    error = await failure(client, succeed_on_attempt, 9, retry=dict(QUICK, maximum_attempts=3))
    assert error.retry_state == RetryState.MAXIMUM_ATTEMPTS_REACHED
    assert error.cause.message == "attempt 3"


@activity.defn
async def fail_for_good(_: Any) -> None:
    raise ApplicationError("for good", "detail", type="Fatal", non_retryable=True)


async def test_a_non_retryable_error(client):
    error = await failure(client, fail_for_good)
    assert error.retry_state == RetryState.NON_RETRYABLE_FAILURE
    assert (error.cause.message, error.cause.type, error.cause.details) == ("for good", "Fatal", ("detail",))
    assert error.activity_type == "fail_for_good"


@activity.defn
async def fail_as_type(_: Any) -> None:
    raise ApplicationError("typed", type="Listed")


async def test_a_type_listed_as_non_retryable(client):
    error = await failure(client, fail_as_type, retry=dict(QUICK, non_retryable_error_types=["Listed"]))
    assert error.retry_state == RetryState.NON_RETRYABLE_FAILURE


@activity.defn
async def ask_for_delay(_: Any) -> float:
    info = activity.info()
    if info.attempt == 1:
        raise ApplicationError("soon", next_retry_delay=seconds(0.05))
    return (info.current_attempt_scheduled_time - info.scheduled_time).total_seconds()


async def test_an_activity_may_choose_its_next_delay(client):
    waited = await call(client, ask_for_delay, retry=dict(initial_interval=3600))
    assert 0.05 <= waited < 60


@activity.defn
async def sleep_long(_: Any) -> None:
    await asyncio.sleep(30)


async def test_start_to_close_timeout(client):
    error = await failure(client, sleep_long, start_to_close_timeout=0.3, retry=dict(maximum_attempts=1))
    assert isinstance(error.cause, TimeoutError)
    assert error.cause.type == TimeoutType.START_TO_CLOSE
    assert error.retry_state == RetryState.MAXIMUM_ATTEMPTS_REACHED


async def test_schedule_to_close_timeout_ends_the_retries(client):
    options = dict(schedule_to_close_timeout=0.6, retry=dict(initial_interval=0.1, backoff_coefficient=1.0))
    error = await failure(client, succeed_on_attempt, 1000, **options)
    # Either the last failure, with no time left for another try, or the timeout itself with the last failure as cause.
    assert error.retry_state == RetryState.TIMEOUT


async def test_schedule_to_start_timeout(client):
    error = await failure(client, double, 1, task_queue=unique("nobody"), schedule_to_start_timeout=0.2)
    assert error.cause.type == TimeoutType.SCHEDULE_TO_START
    assert error.retry_state == RetryState.TIMEOUT


@activity.defn
async def beat_once(_: Any) -> None:
    activity.heartbeat("still here")
    await asyncio.sleep(30)


async def test_heartbeat_timeout_shows_the_last_details(client):
    error = await failure(client, beat_once, heartbeat_timeout=0.5, retry=dict(maximum_attempts=1))
    assert error.cause.type == TimeoutType.HEARTBEAT
    assert list(error.cause.last_heartbeat_details) == ["still here"]


@activity.defn
async def continue_from_heartbeat(_: Any) -> str:
    info = activity.info()
    if info.attempt == 1:
        activity.heartbeat("page", 7)
        raise ApplicationError("stop")
    return f"{info.heartbeat_details[0]} {info.heartbeat_details[1]}"


async def test_heartbeat_details_reach_the_next_attempt(client):
    assert await call(client, continue_from_heartbeat, retry=QUICK, heartbeat_timeout=20) == "page 7"


@activity.defn
async def who_am_i(_: Any) -> dict:
    info = activity.info()
    return dict(
        type=info.activity_type,
        attempt=info.attempt,
        queue=info.task_queue,
        workflow=info.workflow_type,
        stc=info.start_to_close_timeout.total_seconds(),
        heartbeat=info.heartbeat_timeout.total_seconds(),
    )


async def test_an_activity_knows_itself(client):
    info = await call(client, who_am_i, start_to_close_timeout=12, heartbeat_timeout=5)
    assert info.pop("queue").startswith("queue-")
    assert info == dict(type="who_am_i", attempt=1, workflow="Call", stc=12, heartbeat=5)


# Cancellation


@workflow.defn
class CancelIt:
    """Starts an activity, cancels it when told to, and says how it ended."""

    @workflow.run
    async def run(self, name: str, options: dict) -> str:
        self.go = False
        options = decoded(options)
        options["cancellation_type"] = workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
        handle = workflow.start_activity(name, None, **options)
        await workflow.wait_condition(lambda: self.go)
        handle.cancel()
        try:
            return f"completed: {await handle}"
        except ActivityError as error:
            return type(error.cause).__name__

    @workflow.signal
    def cancel_now(self) -> None:
        self.go = True


async def cancelled(client, function, ready, **options):
    async with worker(client, CancelIt, activities=[function], max_heartbeat_throttle_interval=seconds(0.1)) as queue:
        handle = await client.start_workflow(
            CancelIt.run, args=[function.__name__, options], id=unique(), task_queue=queue
        )
        await ready(handle)
        await handle.signal(CancelIt.cancel_now)
        return await handle.result(), handle


async def pending(handle):
    return [activity for activity in (await handle.describe()).raw_description.pending_activities]


async def until_started(handle):
    await eventually(lambda: is_state(handle, 2))


async def is_state(handle, state):
    return any(activity.state == state for activity in await pending(handle))


@activity.defn
async def beat_until_cancelled(_: Any) -> str:
    while True:
        activity.heartbeat()
        await asyncio.sleep(0.05)


async def test_a_running_activity_is_cancelled_by_its_heartbeat(client):
    result, handle = await cancelled(client, beat_until_cancelled, until_started, heartbeat_timeout=10)
    assert result == "CancelledError"
    assert "ActivityTaskCanceled" in await event_names(handle)


@activity.defn
async def ignore_the_cancel(_: Any) -> str:
    try:
        while True:
            activity.heartbeat()
            await asyncio.sleep(0.05)
    except asyncio.CancelledError:
        return "finished anyway"


async def test_an_activity_may_finish_in_spite_of_its_cancel(client):
    result, _ = await cancelled(client, ignore_the_cancel, until_started, heartbeat_timeout=10)
    assert result == "completed: finished anyway"


async def test_an_activity_that_nobody_took_is_cancelled_at_once(client):
    async def ready(handle):
        await eventually(lambda: is_state(handle, 1))

    result, handle = await cancelled(client, double, ready, task_queue=unique("nobody"))
    assert result == "CancelledError"
    (canceled,) = await attributes(handle, "ActivityTaskCanceled")
    assert canceled.started_event_id == 0


async def test_an_activity_that_backs_off_is_cancelled_at_once(client):
    async def ready(handle):
        async def failed_once():
            return any(activity.attempt == 2 for activity in await pending(handle))

        await eventually(failed_once)

    result, _ = await cancelled(client, fail_as_type, ready, retry=dict(initial_interval=3600))
    assert result == "CancelledError"


# Completion from outside the worker

tokens: dict[str, bytes] = {}


@activity.defn
async def leave_open(key: str) -> None:
    tokens[key] = activity.info().task_token
    activity.raise_complete_async()


async def left_open(client, finish, **options):
    """Runs an activity that its worker leaves open, and lets `finish` end it."""
    async with worker(client, Call, activities=[leave_open]) as queue:
        key = unique("key")
        handle = await client.start_workflow(Call.run, args=["leave_open", key, options], id=unique(), task_queue=queue)

        async def token():
            return tokens.get(key)

        outside = client.get_async_activity_handle(task_token=await eventually(token))
        await finish(outside)
        return await handle.result()


async def test_an_activity_is_completed_from_outside(client):
    async def finish(outside):
        await outside.heartbeat("on its way")
        await outside.complete("from outside")

    assert await left_open(client, finish, heartbeat_timeout=20) == "from outside"


async def test_an_activity_is_failed_from_outside(client):
    async def finish(outside):
        await outside.fail(ApplicationError("outside failure", non_retryable=True))

    with pytest.raises(WorkflowFailureError) as error:
        await left_open(client, finish)
    assert error.value.cause.cause.message == "outside failure"


# Many, and local ones


@workflow.defn
class Fan:
    @workflow.run
    async def run(self, count: int) -> list[int]:
        return await asyncio.gather(
            *(
                workflow.execute_activity(double, number, start_to_close_timeout=seconds(30))
                for number in range(count)
            )
        )


async def test_many_activities_at_once(client):
    async with worker(client, Fan, activities=[double]) as queue:
        result = await client.execute_workflow(Fan.run, 60, id=unique(), task_queue=queue)
    assert result == [number * 2 for number in range(60)]


@workflow.defn
class Local:
    @workflow.run
    async def run(self, name: str, argument: int) -> int:
        policy = RetryPolicy(initial_interval=seconds(0.01), backoff_coefficient=1)
        return await workflow.execute_local_activity(
            name, argument, start_to_close_timeout=seconds(10), retry_policy=policy
        )


async def test_a_local_activity_leaves_a_marker_only(client):
    async with worker(client, Local, activities=[double]) as queue:
        handle = await client.start_workflow(Local.run, args=["double", 4], id=unique(), task_queue=queue)
        assert await handle.result() == 8
    assert await event_names(handle) == [
        "WorkflowExecutionStarted",
        "WorkflowTaskScheduled",
        "WorkflowTaskStarted",
        "WorkflowTaskCompleted",
        "MarkerRecorded",
        "WorkflowExecutionCompleted",
    ]
    (marker,) = await attributes(handle, "MarkerRecorded")
    assert marker.marker_name == "core_local_activity"


async def test_a_local_activity_is_retried_within_the_task(client):
    async with worker(client, Local, activities=[succeed_on_attempt]) as queue:
        handle = await client.start_workflow(Local.run, args=["succeed_on_attempt", 3], id=unique(), task_queue=queue)
        assert await handle.result() == 3


@activity.defn
async def linger(_: int) -> str:
    await asyncio.sleep(1.5)
    return "done"


@workflow.defn
class LongLocal:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_local_activity(linger, 0, start_to_close_timeout=seconds(10))


async def test_a_long_local_activity_keeps_its_task_alive(client):
    async with worker(client, LongLocal, activities=[linger]) as queue:
        handle = await client.start_workflow(
            LongLocal.run, id=unique(), task_queue=queue, task_timeout=seconds(1)
        )
        assert await handle.result() == "done"
    assert "WorkflowTaskTimedOut" not in await event_names(handle)
