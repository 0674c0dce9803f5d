"""Starting a workflow: every field, the id policies, delays, what is refused."""

from driver import *
from world import scenario

CLOSED = [(complete_workflow, "Completed"), (fail_workflow, "Failed"), (cancel_workflow, "Canceled")]


def policy(reuse=None, conflict=None):
    fields = {}
    if reuse:
        fields["workflow_id_reuse_policy"] = f"WORKFLOW_ID_REUSE_POLICY_{reuse}"
    if conflict:
        fields["workflow_id_conflict_policy"] = f"WORKFLOW_ID_CONFLICT_POLICY_{conflict}"
    return fields


@scenario
def every_field(world):
    run = world.start(
        input=payloads("one", 2),
        workflow_execution_timeout=seconds(3000),
        workflow_run_timeout=seconds(2000),
        workflow_task_timeout=seconds(20),
        retry_policy=dict(
            initial_interval=seconds(2),
            backoff_coefficient=3,
            maximum_interval=seconds(50),
            maximum_attempts=4,
            non_retryable_error_types=["Bad", "Worse"],
        ),
        memo=dict(fields=dict(m=payload("memo"))),
        header=dict(fields=dict(h=payload("header"))),
        user_metadata=dict(summary=payload("what it is"), details=payload("what it is in more words")),
        links=[
            dict(
                workflow_event=dict(
                    namespace="default",
                    workflow_id="who asked",
                    run_id="00000000-0000-4000-8000-000000000001",
                    event_ref=dict(event_id=7, event_type="EVENT_TYPE_NEXUS_OPERATION_SCHEDULED"),
                )
            )
        ],
        priority=dict(priority_key=2, fairness_key="tenant", fairness_weight=1.5),
    )
    run.describe()
    run.task().complete(complete_workflow("done"))


@scenario
def nothing_but_what_must_be(world):
    world.start(request_id="", identity="")


@scenario
def a_retry_policy_is_filled_in(world):
    world.start(retry_policy=dict(maximum_attempts=3))
    world.start("all", retry_policy=dict())


@scenario
def timeouts_are_cut_to_each_other(world):
    world.start("run", workflow_execution_timeout=seconds(100), workflow_run_timeout=seconds(500))
    world.start("task", workflow_run_timeout=seconds(50), workflow_task_timeout=seconds(70))
    world.start("long", workflow_task_timeout=seconds(500))
    world.start("execution", workflow_execution_timeout=seconds(300))


@scenario
def the_same_request_again(world):
    first = world.start()
    world.start()
    first.task().complete(complete_workflow())
    world.start()


@scenario
def an_id_in_use(world):
    world.start()
    with world.refused():
        world.start(request_id="another")
    with world.refused():
        world.start(request_id="another", **policy(conflict="FAIL"))
    with world.refused():
        world.start(request_id="another", **policy("REJECT_DUPLICATE"))


@scenario
def use_the_one_in_use(world):
    world.start()
    world.start(request_id="another", **policy(conflict="USE_EXISTING"))


@scenario
def use_the_one_in_use_and_attach_what_came(world):
    run = world.start()
    link = dict(namespace="default", workflow_id="who asked", run_id="00000000-0000-4000-8000-000000000001")
    world.start(
        request_id="another",
        links=[dict(workflow_event=dict(link, event_ref=dict(event_id=5, event_type="EVENT_TYPE_TIMER_STARTED")))],
        on_conflict_options=dict(attach_request_id=True, attach_links=True),
        **policy(conflict="USE_EXISTING"),
    )
    world.start(
        request_id="another",
        on_conflict_options=dict(attach_request_id=True),
        **policy(conflict="USE_EXISTING"),
    )
    run.task().complete(complete_workflow())


@scenario
def terminate_the_one_in_use(world):
    run = world.start()
    run.task()
    world.start(request_id="another", **policy(conflict="TERMINATE_EXISTING"))


@scenario
def terminate_if_running(world):
    first = world.start()
    second = world.start(request_id="another", **policy("TERMINATE_IF_RUNNING"))
    assert first.run_id != second.run_id
    second.task().complete(complete_workflow())
    world.start(request_id="a third", **policy("TERMINATE_IF_RUNNING"))


@scenario
def an_id_again_after_each_way_to_close(world):
    for command, name in CLOSED:
        run = world.start(name)
        run.task().complete(command())
        with world.refused():
            world.start(name, request_id="second", **policy("REJECT_DUPLICATE"))
        if name == "Completed":
            with world.refused():
                world.start(name, request_id="third", **policy("ALLOW_DUPLICATE_FAILED_ONLY"))
        else:
            world.start(name, request_id="third", **policy("ALLOW_DUPLICATE_FAILED_ONLY")).terminate()
        world.start(name, request_id="fourth", **policy("ALLOW_DUPLICATE"))


@scenario(waits=True)
def an_id_again_after_termination_and_time_out(world):
    terminated = world.start("terminated")
    terminated.terminate()
    world.start("terminated", request_id="second", **policy("ALLOW_DUPLICATE_FAILED_ONLY"))
    late = world.start("late", workflow_run_timeout=seconds(1))
    world.wait_for(late, "WorkflowExecutionTimedOut")
    world.start("late", request_id="second", **policy("ALLOW_DUPLICATE_FAILED_ONLY"))


@scenario(waits=True)
def a_delayed_start(world):
    run = world.start(workflow_start_delay=seconds(1))
    run.signal("early", "one")
    run.describe()
    run.task().complete(complete_workflow())


@scenario
def cancel_ends_the_delay_of_a_start(world):
    run = world.start(workflow_start_delay=seconds(600))
    run.signal("early")
    run.cancel(reason="why wait")
    run.task().complete(cancel_workflow("was not there yet"))


@scenario
def terminate_during_the_delay_of_a_start(world):
    run = world.start(workflow_start_delay=seconds(600), workflow_execution_timeout=seconds(6000))
    run.signal("early")
    run.terminate(reason="never mind", details=payloads("x"))


@scenario
def an_eager_start(world):
    run = world.start(request_eager_execution=True)
    assert run.response.HasField("eager_workflow_task")
    Task(run, run.response.eager_workflow_task).complete(complete_workflow("at once"))


@scenario(waits=True)
def an_eager_start_that_is_not_answered_in_time(world):
    run = world.start(request_eager_execution=True, workflow_task_timeout=seconds(1))
    run.task().complete(complete_workflow("later"))


@scenario
def no_eager_start_with_a_delay(world):
    world.start(request_eager_execution=True, workflow_start_delay=seconds(600))


@scenario
def what_is_refused(world):
    cases = (
        dict(workflow_id=""),
        dict(workflow_id="x" * 1001),
        dict(workflow_type=dict()),
        dict(workflow_type=dict(name="x" * 1001)),
        dict(task_queue=dict(name="")),
        dict(request_id="x" * 1001),
        dict(identity="x" * 1001),
        dict(workflow_execution_timeout=seconds(-1)),
        dict(workflow_run_timeout=seconds(-1)),
        dict(workflow_task_timeout=seconds(-1)),
        dict(workflow_start_delay=seconds(-1)),
        dict(retry_policy=dict(initial_interval=seconds(-1))),
        dict(retry_policy=dict(backoff_coefficient=0.5)),
        dict(retry_policy=dict(initial_interval=seconds(5), maximum_interval=seconds(2))),
        dict(retry_policy=dict(maximum_attempts=-1)),
        dict(cron_schedule="five past noon"),
        dict(cron_schedule="@every 1h", workflow_start_delay=seconds(5)),
        policy("TERMINATE_IF_RUNNING", "FAIL"),
        policy("REJECT_DUPLICATE", "TERMINATE_EXISTING"),
        dict(input=payloads("x" * (2 << 20))),
        dict(memo=dict(fields=dict(m=payload("x" * (2 << 20))))),
        dict(search_attributes=dict(indexed_fields=dict(NoSuchAttribute=payload(1)))),
        dict(search_attributes=dict(indexed_fields=dict(ExecutionStatus=payload("Running")))),
        dict(user_metadata=dict(summary=payload("x" * 500))),
        dict(links=[dict(workflow_event=dict(namespace="default"))]),
        dict(on_conflict_options=dict(attach_links=True)),
        dict(priority=dict(priority_key=-1)),
        dict(priority=dict(fairness_key="x" * 100)),
        dict(namespace="no such namespace"),
        dict(namespace=""),
    )
    for index, fields in enumerate(cases):
        fields = dict(dict(request_id=f"request {index}"), **fields)
        with world.tried():
            world.start(f"wf{index}", **fields)
