"""Updates: on a task that is there anyway or a speculative one, accepted, rejected, unanswered, across the close."""

from driver import *
from world import scenario


def idle(world, name="wf", **fields):
    """A run whose first task is done, so that an update gets a speculative one."""
    run = world.start(name, **fields)
    run.task().complete()
    return run


def accepted(task, update_id="u"):
    """The acceptance of an update that came with this task, as SDKs send it: with a copy of the request."""
    (message,) = [message for message in task.messages if message.protocol_instance_id == update_id]
    request = update_pb.Request()
    message.body.Unpack(request)
    return accept(update_id, message.event_id, accepted_request=request)


def answer(task, *messages, commands=(), **fields):
    """Completes a task that brought updates, with a command that gives each message its place before other commands."""
    return task.complete(*(place(message) for message in messages), *commands, messages=messages, **fields)


@scenario
def completed_on_a_speculative_task(world):
    run = idle(world)
    update = run.update_later("u", "up", "arg", 2)
    task = run.task()
    answer(task, accepted(task), respond("u", "result"))
    update.result()


@scenario
def every_field(world):
    run = idle(world)
    request = update_request("u", "up", "arg")
    request["meta"]["identity"] = "somebody"
    request["input"]["header"] = dict(fields=dict(h=payload("header")))
    update = run.update_later(request=request, first_execution_run_id=run.run_id)
    task = run.task()
    answer(task, accepted(task), respond("u", "result", 2), commands=[start_timer("t", 100)])
    update.result()


@scenario
def completed_by_a_later_task(world):
    run = idle(world)
    update = run.update_later(stage="ACCEPTED")
    task = run.task()
    answer(task, accepted(task), commands=[start_timer("t", 0.1)])
    update.result()
    run.poll_update()
    answer(run.task(), respond("u", "at last"), commands=[complete_workflow()])
    run.poll_update(stage="COMPLETED")


@scenario
def failed(world):
    run = idle(world)
    update = run.update_later()
    task = run.task()
    answer(task, accepted(task), respond("u", failure=application_failure("no", details=payloads("d"))))
    update.result()


@scenario
def rejected_on_a_speculative_task(world):
    run = idle(world)
    update = run.update_later()
    task = run.task()
    answer(task, reject("u", application_failure("not this one")))
    update.result()
    run.signal()
    run.task().complete(complete_workflow())


@scenario
def rejected_again_and_again(world):
    run = idle(world)
    for index in range(3):
        update = run.update_later(f"u{index}")
        task = run.task()
        answer(task, reject(f"u{index}"))
        update.result()
    run.describe()


@scenario
def rejected_on_the_first_task(world):
    run = world.start()
    update = run.update_later()
    world.admitted(run)
    task = run.task()
    answer(task, reject("u"), commands=[start_timer("t", 100)])
    update.result()


@scenario
def rejected_on_a_speculative_task_with_commands(world):
    run = idle(world)
    update = run.update_later()
    task = run.task()
    answer(task, reject("u"), commands=[start_timer("t", 100)])
    update.result()


@scenario
def rejected_then_asked_again(world):
    run = idle(world)
    update = run.update_later()
    answer(run.task(), reject("u"))
    update.result()
    update = run.update_later()
    task = run.task()
    answer(task, accepted(task), respond("u"))
    update.result()


@scenario
def not_answered(world):
    run = idle(world)
    update = run.update_later()
    run.task().complete()
    update.result()


@scenario
def not_answered_on_a_task_with_events(world):
    run = idle(world)
    run.signal()
    update = run.update_later()
    world.admitted(run)
    run.task().complete(record_marker("m"))
    update.result()


@scenario
def on_the_first_task(world):
    run = world.start()
    update = run.update_later()
    world.admitted(run)
    task = run.task()
    answer(task, accepted(task), respond("u"), commands=[start_timer("t", 100)])
    update.result()


@scenario
def while_a_task_runs(world):
    run = world.start()
    task = run.task()
    update = run.update_later()
    world.admitted(run)
    task.complete(start_timer("t", 100))
    task = run.task()
    answer(task, accepted(task), respond("u"))
    update.result()


@scenario
def while_a_task_runs_that_closes(world):
    run = world.start()
    task = run.task()
    update = run.update_later()
    world.admitted(run)
    task.complete(complete_workflow())
    with world.refused():
        update.result()


@scenario
def two_on_one_task(world):
    run = world.start()
    first = run.update_later("first")
    world.admitted(run, "first")
    second = run.update_later("second")
    world.admitted(run, "second")
    task = run.task()
    answer(
        task,
        accepted(task, "second"),
        reject("first"),
        respond("second", 2),
        commands=[start_timer("t", 100)],
    )
    first.result()
    second.result()


@scenario
def without_commands_that_place_the_answers(world):
    run = idle(world)
    update = run.update_later()
    task = run.task()
    task.complete(start_timer("t", 100), messages=[accepted(task), respond("u")])
    update.result()


@scenario
def the_same_id_again(world):
    run = idle(world)
    first, second = run.update_later("u", "up", 1), run.update_later("u", "up", 1)
    task = run.task()
    answer(task, accepted(task), respond("u", "once"))
    first.result()
    second.result()
    run.update("u", "up", 2)
    run.signal()
    run.task().complete(complete_workflow())
    run.update("u", "up", 3)
    run.poll_update("u", "COMPLETED")


@scenario
def accepted_and_the_workflow_closes(world):
    run = idle(world)
    update = run.update_later()
    task = run.task()
    answer(task, accepted(task), commands=[complete_workflow("over")])
    update.result()
    run.poll_update("u", "COMPLETED")


@scenario
def completed_and_the_workflow_closes(world):
    run = idle(world)
    update = run.update_later()
    task = run.task()
    answer(task, accepted(task), respond("u", "both"), commands=[complete_workflow("over")])
    update.result()


@scenario
def rejected_and_the_workflow_closes(world):
    run = idle(world)
    update = run.update_later()
    answer(run.task(), reject("u"), commands=[complete_workflow("over")])
    update.result()


@scenario
def accepted_and_the_workflow_is_terminated(world):
    run = idle(world)
    update = run.update_later(stage="ACCEPTED")
    task = run.task()
    answer(task, accepted(task))
    update.result()
    run.terminate()
    run.poll_update("u", "COMPLETED")
    with world.refused():
        run.update("another")


@scenario
def not_accepted_when_the_workflow_continues_as_new(world):
    run = idle(world)
    run.signal()
    task = run.task()
    update = run.update_later()
    world.admitted(run)
    task.complete(continue_as_new())
    with world.refused():
        update.result()


@scenario
def accepted_when_the_workflow_continues_as_new(world):
    run = idle(world)
    update = run.update_later(stage="ACCEPTED")
    task = run.task()
    answer(task, accepted(task))
    update.result()
    run.signal()
    run.task().complete(continue_as_new())
    run.poll_update("u", "COMPLETED")
    second = world.next_run(run)
    with world.refused():
        second.poll_update("u")


@scenario
def accepted_when_the_workflow_is_retried(world):
    run = idle(world, retry_policy=dict(initial_interval=seconds(600)))
    update = run.update_later(stage="ACCEPTED")
    task = run.task()
    answer(task, accepted(task))
    update.result()
    run.signal()
    run.task().complete(fail_workflow())
    run.poll_update("u", "COMPLETED")


@scenario
def a_speculative_task_that_fails(world):
    run = idle(world)
    update = run.update_later()
    run.task().fail()
    run.task().fail()
    task = run.task()
    answer(task, accepted(task), respond("u", "in the end"))
    update.result()


@scenario(waits=True)
def a_speculative_task_that_times_out(world):
    run = idle(world, workflow_task_timeout=seconds(1))
    update = run.update_later()
    run.task()
    task = run.task()
    answer(task, accepted(task), respond("u", "in the end"))
    update.result()


@scenario(waits=True)
def a_speculative_task_that_nobody_takes(world):
    run = idle(world)
    update = run.update_later()
    world.wait_for(run, "WorkflowTaskTimedOut")
    world.admitted(run)  # once more: the real server may have lost it, and got it again from itself
    task = run.task()
    answer(task, accepted(task), respond("u", "in the end"))
    update.result()


@scenario
def a_bad_command_on_a_speculative_task(world):
    run = idle(world)
    update = run.update_later()
    task = run.task()
    with world.refused():
        answer(task, accepted(task), commands=[start_timer("", 1)])
    with world.refused():
        update.result()
    run.task().complete()


@scenario
def signal_while_a_speculative_task_waits(world):
    run = idle(world)
    update = run.update_later()
    world.admitted(run)
    run.signal()
    task = run.task()
    answer(task, reject("u"))
    update.result()


@scenario
def signal_while_a_speculative_task_runs(world):
    run = idle(world)
    update = run.update_later()
    task = run.task()
    run.signal()
    answer(task, reject("u"))
    update.result()
    run.task().complete()


@scenario
def signal_while_a_speculative_task_runs_that_would_close(world):
    run = idle(world)
    update = run.update_later()
    task = run.task()
    run.signal()
    with world.refused():
        answer(task, accepted(task), respond("u"), commands=[complete_workflow()])
    with world.refused():
        update.result()
    run.task().complete()


@scenario
def terminate_while_a_speculative_task_waits(world):
    run = idle(world)
    update = run.update_later()
    world.admitted(run)
    run.describe()
    run.terminate()
    with world.refused():
        update.result()
    # There a closed run is still said to have the task that waited, until it is loaded anew.
    world.normalizer.passed_over.add("pending_workflow_task")


@scenario
def terminate_while_a_speculative_task_runs(world):
    run = idle(world)
    update = run.update_later()
    task = run.task()
    run.describe()
    run.terminate()
    with world.refused():
        update.result()
    with world.refused():
        answer(task, accepted(task))


@scenario
def cancel_while_a_speculative_task_runs(world):
    run = idle(world)
    update = run.update_later()
    task = run.task()
    run.cancel()
    answer(task, accepted(task), respond("u"))
    update.result()
    run.task().complete(cancel_workflow())


@scenario(waits=True)
def a_timer_fires_while_a_speculative_task_runs(world):
    run = world.start()
    run.task().complete(start_timer("t", 0.2))
    other = world.start("other")  # whose timer is set later and fires later
    other.task().complete(start_timer("later", 1.2))
    update = run.update_later()
    task = run.task()
    other.task().complete(complete_workflow())
    answer(task, reject("u"))
    update.result()
    run.task().complete(complete_workflow())


@scenario
def what_is_seen_of_a_speculative_task(world):
    run = idle(world)
    update = run.update_later()
    world.admitted(run)
    for client in ("an SDK", "temporal-cli"):
        page = run.history_page(metadata=(("client-name", client),))
        world.note(f"While the task waits, {client} sees", *world.normalizer.events(page.history.events))
    task = run.task()
    for client in ("an SDK", "temporal-cli"):
        page = run.history_page(metadata=(("client-name", client),))
        world.note(f"While the task runs, {client} sees", *world.normalizer.events(page.history.events))
    answer(task, reject("u"))
    update.result()


@scenario
def on_a_sticky_queue(world):
    run = world.start()
    queue = dict(name=world.id("sticky"), kind="TASK_QUEUE_KIND_STICKY", normal_name=run.queue)
    poll = run.task_later(task_queue=queue)
    run.task().complete(sticky_attributes=dict(worker_task_queue=queue, schedule_to_start_timeout=seconds(100)))
    update = run.update_later()
    task = Task(run, poll.result())
    answer(task, accepted(task), respond("u"))
    update.result()


@scenario
def kept_alive_before_it_is_answered(world):
    run = idle(world)
    update = run.update_later()
    task = run.task()
    returned = task.complete(force_create_new_workflow_task=True, return_new_workflow_task=True)
    task = Task(run, returned.workflow_task)
    if task.messages:
        answer(task, accepted(task), respond("u"))
    else:
        task.complete()
    update.result()


@scenario
def during_the_delay_of_a_start(world):
    run = world.start(workflow_start_delay=seconds(600))
    update = run.update_later()
    task = run.task()
    answer(task, accepted(task), respond("u"))
    update.result()


@scenario
def more_than_may_be_in_flight(world):
    run = idle(world)
    updates = []
    for index in range(10):
        updates.append(run.update_later(f"u{index}", stage="ACCEPTED"))
        world.admitted(run, f"u{index}")
    task = run.task()
    answer(task, *(accepted(task, f"u{index}") for index in range(10)))
    for update in updates:
        update.result()
    with world.refused():
        run.update("one too many")
    run.describe()


@scenario
def messages_that_are_refused(world):
    for index, messages in enumerate(
        [
            lambda task: [accept("unknown", 1)],
            lambda task: [respond("u", "before it is accepted")],
            lambda task: [accepted(task), respond("u"), respond("u")],
            lambda task: [accepted(task), accepted(task)],
            lambda task: [reject("unknown")],
            lambda task: [accepted(task), reject("u")],
            lambda task: [update_message("u", update_pb.Acceptance(), "accept")],
            lambda task: [update_message("u", update_pb.Rejection(), "reject")],
        ]
    ):
        run = idle(world, f"wf{index}")
        update = run.update_later(timeout=5)
        task = run.task()
        with world.tried():
            task.complete(messages=messages(task))
        update.cancel()


@scenario
def what_is_refused(world):
    run = idle(world)
    for fields in (
        dict(workflow_execution=dict()),
        dict(workflow_execution=dict(workflow_id=world.id("nobody"))),
        dict(workflow_execution=dict(workflow_id=run.workflow_id, run_id="no run id")),
        dict(first_execution_run_id="00000000-0000-4000-8000-000000000000"),
        dict(request=dict()),
        dict(request=dict(meta=dict(update_id="u"))),
        dict(request=dict(meta=dict(update_id="u"), input=dict())),
        dict(request=update_request("x" * 1001)),
        dict(wait_policy=dict(lifecycle_stage="UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED")),
    ):
        with world.refused():
            run.update(**dict(dict(workflow_execution=run.execution), **fields))
    run.terminate()
    with world.refused():
        run.update()
    with world.refused():
        run.poll_update()
    with world.refused():
        world.call("PollWorkflowExecutionUpdate")
    with world.refused():
        run.poll_update(update_ref=dict(workflow_execution=dict(workflow_id=world.id("nobody")), update_id="u"))


@scenario
def of_a_workflow_whose_tasks_fail(world):
    run = world.start()
    for _ in range(3):
        run.task().fail()
    with world.refused():
        run.update()


# ---------------------------------------------------------------------------------------------------------------------
# Update-with-start


def with_start(world, start=None, update=None, name="wf", **fields):
    start = world.start_fields(name, namespace="default", **(start or {}))
    update = dict(
        dict(
            namespace="default",
            workflow_execution=dict(workflow_id=start["workflow_id"]),
            request=update_request("u"),
            wait_policy=wait_for("COMPLETED"),
        ),
        **(update or {}),
    )
    operations = [dict(start_workflow=start), dict(update_workflow=update)]
    return world.call_later("ExecuteMultiOperation", **dict(dict(operations=operations), **fields))


def queue_of(world, name="wf"):
    return world.run(world.id(name), "", world.id(f"{name}-queue"))


USE_EXISTING = dict(workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING")
FAIL = dict(workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_FAIL")


@scenario
def with_a_start(world):
    update = with_start(world, FAIL)
    task = queue_of(world).task()
    answer(task, accepted(task), respond("u", "result"))
    update.result()


@scenario
def with_a_start_that_is_not_needed(world):
    run = idle(world)
    update = with_start(world, dict(request_id="another", **USE_EXISTING))
    task = run.task()
    answer(task, accepted(task), respond("u", "result"))
    update.result()
    update = with_start(world, dict(request_id="a third", **USE_EXISTING))
    update.result()


@scenario
def with_a_start_that_is_refused(world):
    idle(world)
    with world.refused():
        with_start(world, dict(request_id="another", **FAIL)).result()


@scenario
def with_a_start_and_rejected(world):
    update = with_start(world, FAIL)
    task = queue_of(world).task()
    answer(task, reject("u"))
    update.result()


@scenario
def with_a_start_after_the_close(world):
    run = idle(world)
    run.terminate()
    update = with_start(world, dict(request_id="another", **USE_EXISTING))
    task = queue_of(world).task()
    answer(task, accepted(task), respond("u", "in the second run"), commands=[complete_workflow()])
    update.result()


@scenario
def with_a_start_that_cannot_be(world):
    other = dict(workflow_execution=dict(workflow_id=world.id("other")))
    for start, update, fields in (
        (FAIL, other, {}),
        (FAIL, dict(request=dict()), {}),
        (dict(FAIL, workflow_id=""), {}, {}),
        (dict(FAIL, cron_schedule="@every 1h"), {}, {}),
        (dict(FAIL, request_eager_execution=True), {}, {}),
        (dict(FAIL, workflow_start_delay=seconds(5)), {}, {}),
        (FAIL, dict(first_execution_run_id="00000000-0000-4000-8000-000000000000"), {}),
        (FAIL, {}, dict(operations=[])),
        (FAIL, {}, dict(operations=[dict(start_workflow=dict())])),
    ):
        with world.tried():
            with_start(world, start, update, **fields).result()
