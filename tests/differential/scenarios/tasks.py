"""Workflow tasks: attempts, failures, time-outs, transient ones, stickiness, what comes while one runs."""

from driver import *
from world import scenario

WORKER_FAILURE = "WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE"


def sticky(run, after=100):
    """The fields of a completion that make the run's next tasks come to one worker."""
    queue = dict(name=f"{run.queue}-sticky", kind="TASK_QUEUE_KIND_STICKY", normal_name=run.queue)
    return dict(sticky_attributes=dict(worker_task_queue=queue, schedule_to_start_timeout=seconds(after)))


class StickyWorker:
    """A worker that waits on its own queue. A task goes there only when somebody has lately polled."""

    def __init__(self, run):
        self.run = run
        self.wait()

    def wait(self):
        queue = dict(name=f"{self.run.queue}-sticky", kind="TASK_QUEUE_KIND_STICKY", normal_name=self.run.queue)
        self.poll = self.run.task_later(task_queue=queue)

    def task(self):
        return Task(self.run, self.poll.result())


@scenario
def hello(world):
    run = world.start(input=payloads("world"))
    run.task().complete(complete_workflow("hello world"))


@scenario
def a_completion_with_all_that_a_worker_tells_of_itself(world):
    run = world.start()
    run.task().complete(
        start_timer("t", 100),
        sdk_metadata=dict(core_used_flags=[1, 2], lang_used_flags=[3], sdk_name="an SDK", sdk_version="1.2.3"),
        metering_metadata=dict(nonfirst_local_activity_execution_attempts=4),
        binary_checksum="checksum",
        identity="somebody",
    )
    run.signal()
    run.task().complete(worker_version_stamp=dict(build_id="build 7"), identity="somebody else")
    run.signal()
    run.task().complete(complete_workflow())


@scenario
def a_worker_of_a_deployment_without_versioning(world):
    unversioned = dict(deployment_name="d", build_id="b", worker_versioning_mode="WORKER_VERSIONING_MODE_UNVERSIONED")
    run = world.start()
    run.task(deployment_options=unversioned).complete(run.schedule_activity("a"), deployment_options=unversioned)
    run.activity(deployment_options=unversioned).complete(deployment_options=unversioned)
    run.task(deployment_options=unversioned).complete(complete_workflow(), deployment_options=unversioned)


@scenario
def a_worker_that_tells_its_build_id(world):
    run = world.start()
    task = run.task(worker_version_capabilities=dict(build_id="b"))
    task.complete(run.schedule_activity("a"), worker_version_stamp=dict(build_id="b"))
    run.activity(worker_version_capabilities=dict(build_id="b")).complete(worker_version=dict(build_id="b"))
    run.task(worker_version_capabilities=dict(build_id="b")).complete(complete_workflow())


@scenario
def a_task_kept_alive(world):
    run = world.start()
    answer = run.task().complete(force_create_new_workflow_task=True, return_new_workflow_task=True)
    answer = Task(run, answer.workflow_task).complete(
        force_create_new_workflow_task=True, return_new_workflow_task=True
    )
    Task(run, answer.workflow_task).complete(complete_workflow())


@scenario
def a_new_task_that_is_not_taken_with_the_answer(world):
    run = world.start()
    run.task().complete(start_timer("t", 100), force_create_new_workflow_task=True)
    run.task().complete()


@scenario
def signal_while_a_task_runs(world):
    run = world.start()
    task = run.task()
    run.signal("first", 1)
    run.signal("second", 2)
    task.complete(start_timer("t", 100))
    run.task().complete()


@scenario
def signal_while_a_task_runs_that_would_close(world):
    run = world.start()
    task = run.task()
    run.signal()
    with world.refused():
        task.complete(complete_workflow("too early"))
    run.task().complete(complete_workflow("now"))


@scenario
def signal_while_a_task_runs_that_would_continue_as_new(world):
    run = world.start()
    task = run.task()
    run.signal()
    with world.refused():
        task.complete(start_timer("t", 5), continue_as_new())
    run.task().complete(fail_workflow())


@scenario
def signal_while_a_returned_task_runs(world):
    run = world.start()
    task = run.task()
    run.signal()
    answer = task.complete(record_marker("m"), return_new_workflow_task=True)
    Task(run, answer.workflow_task).complete(complete_workflow())


@scenario
def cancel_while_a_task_runs(world):
    run = world.start()
    task = run.task()
    run.cancel(reason="enough")
    run.cancel(reason="really")
    task.complete(start_timer("t", 100))
    run.task().complete(cancel_workflow("as asked"))


@scenario
def terminate_while_a_task_runs(world):
    run = world.start()
    task = run.task()
    run.signal("lost")
    run.terminate(reason="now")
    with world.refused():
        task.complete(complete_workflow())
    with world.refused():
        task.fail()


@scenario
def a_failed_task_is_tried_again(world):
    run = world.start()
    run.task().fail(failure=application_failure("first"), binary_checksum="checksum")
    run.task().fail(failure=application_failure("second"))
    run.describe()
    run.task().complete(complete_workflow("third"))


@scenario
def every_cause_that_a_worker_may_give(world):
    for cause in ("NON_DETERMINISTIC_ERROR", "GRPC_MESSAGE_TOO_LARGE", "PAYLOADS_TOO_LARGE", "FEATURE_DISABLED"):
        run = world.start(cause)
        run.task().fail(f"WORKFLOW_TASK_FAILED_CAUSE_{cause}", failure=failure_pb.Failure(message="so it is"))


@scenario
def signal_while_a_transient_task_runs(world):
    run = world.start()
    run.task().fail()
    task = run.task()
    run.signal("during the second attempt")
    task.fail()
    run.task().complete()


@scenario
def signal_while_a_transient_task_waits(world):
    run = world.start()
    run.task().fail()
    run.signal("before the second attempt")
    run.describe()
    run.task().complete()


@scenario
def signal_while_a_transient_task_runs_that_completes(world):
    run = world.start()
    run.task().fail()
    task = run.task()
    run.signal("during the second attempt")
    task.complete(start_timer("t", 100))
    run.task().complete()


@scenario
def terminate_while_a_transient_task_waits(world):
    run = world.start()
    run.task().fail()
    run.terminate(reason="no more")


@scenario
def terminate_while_a_transient_task_runs(world):
    run = world.start()
    run.task().fail()
    task = run.task()
    run.terminate(reason="no more")
    with world.refused():
        task.complete()


@scenario(waits=True)
def a_time_out_makes_the_task_transient(world):
    run = world.start(workflow_task_timeout=seconds(1))
    late = run.task()
    task = run.task()
    with world.refused():
        late.complete(complete_workflow())
    task.complete(complete_workflow())


@scenario(waits=True)
def signals_during_a_task_that_times_out(world):
    run = world.start(workflow_task_timeout=seconds(1))
    run.task()
    run.signal("held back")
    run.task().complete()


@scenario
def the_sticky_queue(world):
    run = world.start()
    worker = StickyWorker(run)
    run.task().complete(**sticky(run))
    run.describe()
    run.signal("first")
    task = worker.task()
    worker.wait()
    task.complete(**sticky(run))
    run.signal("second")
    worker.task().complete(complete_workflow())


@scenario
def a_sticky_queue_that_nobody_polled(world):
    run = world.start()
    run.task().complete(**sticky(run))
    run.signal()
    run.task().complete(complete_workflow())


@scenario(waits=True)
def a_sticky_worker_that_is_gone(world):
    run = world.start()
    worker = StickyWorker(run)
    task = run.task()
    worker.poll.cancel()
    task.complete(**sticky(run, after=1))
    run.signal()
    run.task().complete(complete_workflow())


@scenario
def a_failure_on_the_sticky_queue(world):
    run = world.start()
    worker = StickyWorker(run)
    run.task().complete(**sticky(run))
    run.signal()
    worker.task().fail()
    run.describe()
    run.task().complete(complete_workflow())


@scenario(waits=True)
def a_time_out_on_the_sticky_queue(world):
    run = world.start(workflow_task_timeout=seconds(1))
    worker = StickyWorker(run)
    run.task().complete(**sticky(run))
    run.signal()
    worker.task()
    run.task().complete(complete_workflow())


@scenario
def a_completion_that_gives_the_sticky_queue_up(world):
    run = world.start()
    worker = StickyWorker(run)
    run.task().complete(**sticky(run))
    run.signal()
    worker.task().complete()
    run.describe()
    run.signal()
    run.task().complete()


@scenario
def the_sticky_queue_is_reset(world):
    run = world.start()
    run.task().complete(**sticky(run))
    world.call("ResetStickyTaskQueue", execution=run.execution)
    run.describe()
    run.signal()
    run.task().complete()


@scenario
def the_same_answer_twice(world):
    run = world.start()
    task = run.task()
    task.complete(start_timer("t", 100))
    with world.refused():
        task.complete(start_timer("t", 100))
    with world.refused():
        task.fail()


@scenario
def tokens_that_are_none(world):
    for rpc in ("RespondWorkflowTaskCompleted", "RespondWorkflowTaskFailed", "RespondActivityTaskCompleted"):
        for token in (b"", b"no token at all"):
            with world.refused():
                world.call(rpc, task_token=token)


@scenario
def a_bad_command(world):
    run = world.start()
    with world.refused():
        run.task().complete(start_timer("good", 5), start_timer("", 5))
    task = run.task()
    with world.refused():
        task.complete(cancel_timer("unknown"))
    run.describe()
    task.complete(complete_workflow())


@scenario
def one_bad_command_of_each_kind(world):
    for name, command in (
        ("timer", start_timer("t", -1)),
        ("cancel-timer", cancel_timer("t")),
        ("activity", schedule_activity("a", "")),
        ("cancel-activity", cancel_activity(99)),
        ("marker", record_marker("")),
        ("child", start_child("", "queue")),
        ("signal-external", signal_external("", "sig")),
        ("cancel-external", cancel_external("")),
        ("fail", bare("FAIL_WORKFLOW_EXECUTION")),
        ("complete", bare("COMPLETE_WORKFLOW_EXECUTION")),
        ("cancel", bare("CANCEL_WORKFLOW_EXECUTION")),
        ("continue", continue_as_new(workflow_run_timeout=seconds(-1))),
        ("attributes", bare("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES")),
        ("memo", bare("MODIFY_WORKFLOW_PROPERTIES")),
        ("message", bare("PROTOCOL_MESSAGE")),
    ):
        run = world.start(name)
        with world.tried():
            run.task().complete(command)


@scenario
def a_command_after_the_end(world):
    run = world.start()
    task = run.task()
    with world.refused():
        task.complete(complete_workflow(), start_timer("t", 5))
    with world.refused():
        task.complete(complete_workflow(), fail_workflow())
    task.complete(start_timer("t", 5), complete_workflow())


@scenario
def details_of_a_marker_that_are_too_large(world):
    run = world.start()
    with world.refused():
        run.task().complete(record_marker("m", d="x" * (2 << 20)))


@scenario
def many_commands_of_all_kinds_in_one_task(world):
    run = world.start()
    run.task().complete(
        start_timer("t1", 100),
        run.schedule_activity("a1"),
        record_marker("m1", d=1),
        start_timer("t2", 100),
        cancel_timer("t1"),
        run.schedule_activity("a2"),
        cancel_activity(6),
        record_marker("m2"),
    )
    run.task().complete(complete_workflow())


@scenario
def metadata_of_commands_is_kept_on_their_events(world):
    run = world.start()
    commands = start_timer("t", 100), run.schedule_activity("a"), record_marker("m"), complete_workflow()
    for command in commands:
        command.user_metadata.summary.CopyFrom(payload("short"))
        command.user_metadata.details.CopyFrom(payload("long"))
    run.task().complete(*commands)


@scenario(waits=True)
def tasks_time_out_again_and_again(world):
    run = world.start(workflow_task_timeout=seconds(1))
    run.task()
    run.task()
    run.signal("between")
    run.task()
    run.task().complete(complete_workflow())
