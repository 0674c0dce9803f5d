"""Activities: their time-outs, retries, heartbeats and cancellation, and in which order their events are written."""

from driver import *
from world import scenario


def quickly(**policy):
    """A retry policy that does not keep anybody waiting."""
    return dict(retry_policy=dict(dict(initial_interval=seconds(0.1), backoff_coefficient=1), **policy))


def slowly(**policy):
    return dict(retry_policy=dict(dict(initial_interval=seconds(600)), **policy))


def with_activity(world, activity_id="a", **attributes):
    """A run that waits for one activity."""
    run = world.start()
    run.task().complete(run.schedule_activity(activity_id, **attributes))
    return run


def end(run):
    run.task().complete(complete_workflow())


@scenario
def completed(world):
    run = world.start()
    run.task().complete(
        run.schedule_activity(
            "a",
            input=payloads("in", 1),
            header=dict(fields=dict(h=payload("header"))),
            priority=dict(priority_key=3, fairness_key="tenant"),
            use_workflow_build_id=True,
            schedule_to_close_timeout=seconds(100),
            schedule_to_start_timeout=seconds(50),
            start_to_close_timeout=seconds(30),
            heartbeat_timeout=seconds(20),
            retry_policy=dict(
                initial_interval=seconds(3),
                backoff_coefficient=4,
                maximum_interval=seconds(70),
                maximum_attempts=5,
                non_retryable_error_types=["Bad"],
            ),
        )
    )
    run.describe()
    activity = run.activity()
    run.describe()
    activity.complete("out", 2)
    end(run)


@scenario
def timeouts_fill_each_other_in(world):
    run = world.start(workflow_run_timeout=seconds(500))
    timeouts = "schedule_to_close_timeout", "schedule_to_start_timeout", "start_to_close_timeout", "heartbeat_timeout"
    run.task().complete(
        *(
            run.schedule_activity(
                f"a{index}", **{timeout: seconds(value) for timeout, value in zip(timeouts, values) if value}
            )
            for index, values in enumerate(
                [(30, 0, 0, 0), (30, 50, 50, 50), (0, 0, 30, 0), (0, 0, 30, 50), (0, 20, 900, 0), (900, 800, 700, 800)]
            )
        )
    )


@scenario
def failed_for_good(world):
    run = with_activity(world, **quickly())
    failure = application_failure("no", non_retryable=True, details=payloads("d"))
    failure.cause.CopyFrom(application_failure("deeper", "Cause"))
    failure.stack_trace, failure.source = "at line 1", "a test"
    failure.encoded_attributes.CopyFrom(payload("hidden"))
    run.activity().fail(failure)
    end(run)


@scenario
def failed_with_a_type_that_is_not_retried(world):
    run = with_activity(world, **quickly(non_retryable_error_types=["Boom"]))
    run.activity().fail()
    end(run)


@scenario
def failed_until_no_attempt_is_left(world):
    run = with_activity(world, **quickly(maximum_attempts=3))
    for attempt in range(3):
        run.activity(identity=f"worker {attempt}").fail(application_failure(f"failure {attempt}"))
    end(run)


@scenario
def retried_then_completed(world):
    run = with_activity(world, **quickly())
    run.activity().fail(application_failure("once"), last_heartbeat_details=payloads("half"))
    run.describe()
    run.activity().complete("twice")
    end(run)


@scenario
def waiting_for_its_retry(world):
    run = with_activity(world, **slowly(maximum_attempts=7))
    run.activity().fail(application_failure("wait"))
    run.describe()


@scenario
def the_next_delay_comes_with_the_failure(world):
    run = with_activity(world, **slowly())
    run.activity().fail(application_failure("sooner", next_retry_delay=seconds(0.1)))
    run.activity().complete()
    end(run)


@scenario
def no_time_left_for_a_retry(world):
    run = with_activity(world, schedule_to_close_timeout=seconds(60), **slowly())
    run.activity().fail()
    end(run)


@scenario
def failed_without_a_failure(world):
    run = with_activity(world, **quickly())
    activity = run.activity()
    world.call("RespondActivityTaskFailed", task_token=activity.task_token)
    run.activity().complete()
    end(run)


@scenario
def failed_with_a_failure_of_another_kind(world):
    run = with_activity(world, **quickly())
    activity = run.activity()
    with world.refused():
        activity.fail(failure_pb.Failure(message="bare"))
    with world.refused():
        activity.fail(failure_pb.Failure(message="c", canceled_failure_info=dict()))
    activity.complete()


@scenario
def nobody_takes_it_in_time(world):
    run = with_activity(world, schedule_to_start_timeout=seconds(0.2), start_to_close_timeout=seconds(9), **quickly())
    end(run)


@scenario
def nobody_takes_it_before_it_must_be_closed(world):
    run = with_activity(world, schedule_to_close_timeout=seconds(0.3), **quickly())
    end(run)


@scenario
def it_takes_too_long_once(world):
    run = with_activity(world, start_to_close_timeout=seconds(0.3), **quickly())
    late = run.activity()
    second = run.activity()
    with world.refused():
        late.complete()
    second.complete()
    end(run)


@scenario
def it_takes_too_long_with_one_attempt(world):
    run = with_activity(world, start_to_close_timeout=seconds(0.3), **quickly(maximum_attempts=1))
    run.activity()
    end(run)


@scenario
def it_takes_too_long_and_that_is_not_retried(world):
    policy = quickly(non_retryable_error_types=["TemporalTimeout:StartToClose"])
    run = with_activity(world, start_to_close_timeout=seconds(0.3), **policy)
    run.activity()
    end(run)


@scenario(waits=True)
def closed_by_the_time_for_all_attempts(world):
    run = with_activity(world, schedule_to_close_timeout=seconds(2.5), start_to_close_timeout=seconds(2.5), **quickly())
    run.activity().fail(application_failure("before"))
    run.activity()  # which the real server may give out a second after the failure
    end(run)


@scenario(waits=True)
def closed_by_the_time_for_all_attempts_while_waiting(world):
    policy = dict(retry_policy=dict(initial_interval=seconds(0.6), backoff_coefficient=1))
    run = with_activity(world, schedule_to_close_timeout=seconds(1), start_to_close_timeout=seconds(0.7), **policy)
    run.activity().fail(application_failure("before"))
    end(run)


@scenario
def heartbeats(world):
    run = with_activity(world, heartbeat_timeout=seconds(100), **quickly())
    first = run.activity()
    first.heartbeat("page 1")
    first.heartbeat("page 2")
    run.describe()
    first.fail()
    second = run.activity()
    second.complete()
    with world.refused():
        second.heartbeat("after all")
    end(run)


@scenario
def no_heartbeat(world):
    run = with_activity(world, heartbeat_timeout=seconds(0.3), **quickly(maximum_attempts=2))
    run.activity().heartbeat("alive")
    run.activity()
    end(run)


@scenario
def cancelled_before_anybody_took_it(world):
    run = with_activity(world)
    run.signal()
    run.task().complete(cancel_activity(5))
    end(run)


@scenario
def cancelled_in_the_task_that_scheduled_it(world):
    run = world.start()
    run.task().complete(run.schedule_activity("a"), cancel_activity(5))
    end(run)


@scenario
def cancelled_while_it_runs(world):
    run = with_activity(world, heartbeat_timeout=seconds(100))
    activity = run.activity()
    run.signal()
    run.task().complete(cancel_activity(5))
    run.describe()
    activity.heartbeat()
    activity.cancel("cleaned up")
    end(run)


@scenario
def cancelled_while_it_runs_but_completed(world):
    run = with_activity(world)
    activity = run.activity()
    run.signal()
    run.task().complete(cancel_activity(5))
    activity.complete("anyway")
    end(run)


@scenario
def cancelled_while_it_runs_but_failed(world):
    run = with_activity(world, **quickly())
    activity = run.activity()
    run.signal()
    run.task().complete(cancel_activity(5))
    activity.fail()
    end(run)


@scenario(waits=True)
def cancelled_while_it_runs_but_timed_out(world):
    run = with_activity(world, start_to_close_timeout=seconds(1), **quickly())
    run.activity()
    run.signal()
    run.task().complete(cancel_activity(5))
    end(run)


@scenario
def cancelled_during_the_wait_for_a_retry(world):
    run = with_activity(world, **slowly())
    run.activity().fail(application_failure("once"))
    run.signal()
    run.task().complete(cancel_activity(5))
    end(run)


@scenario
def cancelled_twice(world):
    run = with_activity(world)
    activity = run.activity()
    run.signal()
    run.task().complete(cancel_activity(5))
    run.signal()
    with world.refused():
        run.task().complete(cancel_activity(5))
    activity.cancel()


@scenario
def cancelled_without_a_request(world):
    run = with_activity(world)
    activity = run.activity()
    with world.refused():
        activity.cancel()
    activity.complete()


@scenario
def a_result_and_a_signal_and_a_failure_during_a_task(world):
    run = world.start()
    run.task().complete(
        run.schedule_activity("a", **quickly(maximum_attempts=1)),
        schedule_activity("b", world.id("other-queue"), **quickly(maximum_attempts=1)),
        force_create_new_workflow_task=True,
    )
    task = run.task()
    a, b = run.activity(), run.activity(task_queue=dict(name=world.id("other-queue")))
    a.complete("result")
    run.signal()
    b.fail()
    task.complete(start_timer("t", 100))
    run.task().complete(complete_workflow())


@scenario
def results_in_another_order_than_the_activities(world):
    run = world.start()
    queues = [world.id(f"queue-{index}") for index in range(3)]
    run.task().complete(*(schedule_activity(f"a{index}", queue) for index, queue in enumerate(queues)))
    activities = [run.activity(task_queue=dict(name=queue)) for queue in queues]
    activities[2].complete("third")
    run.task().complete()
    activities[0].complete("first")
    activities[1].complete("second")
    run.task().complete(complete_workflow())


@scenario
def a_result_during_a_task_that_fails(world):
    run = world.start()
    run.task().complete(run.schedule_activity("a"), force_create_new_workflow_task=True)
    task = run.task()
    run.activity().complete("result")
    task.fail()
    end(run)


@scenario
def a_result_during_a_task_that_would_close(world):
    run = world.start()
    run.task().complete(run.schedule_activity("a"), force_create_new_workflow_task=True)
    task = run.task()
    run.activity().complete("result")
    with world.refused():
        task.complete(complete_workflow())
    end(run)


@scenario(waits=True)
def a_result_during_a_task_that_times_out(world):
    run = world.start(workflow_task_timeout=seconds(1))
    run.task().complete(run.schedule_activity("a"), force_create_new_workflow_task=True)
    activity = run.activity()
    run.task()
    activity.complete("result")
    end(run)


@scenario
def a_cancel_that_crosses_the_result(world):
    run = world.start()
    run.task().complete(run.schedule_activity("a"), force_create_new_workflow_task=True)
    task = run.task()
    run.activity().complete("result")
    task.complete(cancel_activity(5))
    end(run)


@scenario
def an_id_used_again(world):
    run = with_activity(world)
    run.activity().complete("first")
    run.task().complete(run.schedule_activity("a"))
    run.activity().complete("second")
    run.task().complete(run.schedule_activity("a"), force_create_new_workflow_task=True)
    with world.refused():
        run.task().complete(run.schedule_activity("a"))


@scenario
def an_eager_activity(world):
    run = world.start()
    answer = run.task().complete(run.schedule_activity("a", request_eager_execution=True))
    (given,) = answer.activity_tasks
    run.describe()
    Activity(run, given).complete()
    end(run)


@scenario
def two_eager_activities_and_one_that_is_not(world):
    run = world.start()
    answer = run.task().complete(
        run.schedule_activity("a", request_eager_execution=True),
        run.schedule_activity("b"),
        run.schedule_activity("c", request_eager_execution=True, **quickly()),
        identity="eager",
    )
    a, c = (Activity(run, given) for given in answer.activity_tasks)
    c.fail()
    a.complete()
    run.task().complete()
    run.activity().complete()
    run.activity().complete()
    run.task().complete()


@scenario
def answers_after_the_workflow_closed(world):
    run = with_activity(world, heartbeat_timeout=seconds(30))
    activity = run.activity()
    run.terminate()
    for answer in (activity.complete, activity.fail, activity.cancel, activity.heartbeat):
        with world.refused():
            answer()


@scenario
def what_is_too_large(world):
    run = world.start()
    activities = [
        run.schedule_activity(id, heartbeat_timeout=seconds(100), **quickly(maximum_attempts=1)) for id in "abcd"
    ]
    for id, command in zip("abcd", activities):
        command.schedule_activity_task_command_attributes.task_queue.name = world.id(id)
    run.task().complete(*activities, force_create_new_workflow_task=True)
    a, b, c, d = (run.activity(task_queue=dict(name=world.id(id))) for id in "abcd")
    run.task().complete(cancel_activity(8))
    large = "x" * (2 << 20)
    a.complete(large)
    run.task().complete()
    b.fail(application_failure(large))
    c.heartbeat(large)
    d.cancel(large)


@scenario
def a_failure_that_is_kept_is_cut(world):
    run = with_activity(world, **slowly())
    run.activity().fail(application_failure("y" * 5000))
    run.describe()


@scenario
def commands_that_are_refused(world):
    for index, attributes in enumerate(
        [
            dict(activity_id=""),
            dict(activity_id="x" * 1001),
            dict(activity_type=dict(name="")),
            dict(activity_type=dict(name="x" * 1001)),
            dict(task_queue=dict(name="")),
            dict(start_to_close_timeout=seconds(0)),
            dict(heartbeat_timeout=seconds(-1)),
            dict(schedule_to_start_timeout=seconds(-1)),
            dict(task_queue=dict(name="x" * 1001)),
            dict(retry_policy=dict(maximum_attempts=-1)),
            dict(retry_policy=dict(backoff_coefficient=0.1)),
            dict(priority=dict(priority_key=-1)),
            dict(priority=dict(fairness_key="x" * 65)),
            dict(priority=dict(fairness_weight=-1)),
            dict(activity_id="", activity_type=dict(name=""), priority=dict(priority_key=-1)),
            dict(start_to_close_timeout=seconds(0), priority=dict(priority_key=-1)),
        ]
    ):
        run = world.start(f"wf{index}")
        attributes = dict(dict(activity_id="a"), **attributes)
        with world.tried():
            run.task().complete(run.schedule_activity(**attributes))
