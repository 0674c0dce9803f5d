"""Overrides of a workflow's version: at its start, and while it waits."""

from driver import *
from teams import *

# ---------------------------------------------------------------------------------------------------------------------
# At the start


@for_each_kind
def at_the_start(world, override):
    team = Team(world)
    run = world.start(versioning_override=override(team))
    described(world, run)
    task = team.taken(run)
    described(world, run)
    task.complete(schedule_activity("a", run.queue))
    described(world, run)
    if task_waits(world, run):
        team.taken(run).complete()
    team.activity_on_its_way(run).complete()
    team.taken(run).complete()


@for_each_kind
def at_the_start_with_a_signal(world, override):
    team = Team(world)
    fields = world.start_fields()
    response = world.call(
        "SignalWithStartWorkflowExecution", signal_name="sig", versioning_override=override(team), **fields
    )
    run = world.run(fields["workflow_id"], response.run_id, fields["task_queue"]["name"])
    described(world, run)
    team.taken(run, behavior=PINNED).complete()


@for_each_kind
def at_the_start_with_a_delay(world, override):
    team = Team(world)
    run = world.start(versioning_override=override(team), workflow_start_delay=seconds(0.1))
    described(world, run)
    team.taken(run).complete(complete_workflow())


@scenario
def at_the_start_with_an_update(world):
    team = Team(world)
    start = world.start_fields(versioning_override=pinned_to(team.v2), workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_FAIL")
    execution = dict(workflow_id=start["workflow_id"])
    update = dict(
        namespace=world.namespace,
        workflow_execution=execution,
        request=update_request("u", "up"),
        wait_policy=wait_for("COMPLETED"),
    )
    operations = [
        dict(start_workflow=dict(namespace=world.namespace, **start)),
        dict(update_workflow=update),
    ]
    answer = world.call_later("ExecuteMultiOperation", operations=operations)
    run = Run(world, start["workflow_id"], "", start["task_queue"]["name"])
    team.taken(run).complete(messages=[accept("u", 2), respond("u", "done")])
    response = answer.result()
    run = world.run(start["workflow_id"], response.responses[0].start_workflow.run_id, start["task_queue"]["name"])
    described(world, run)


@scenario
def at_a_start_that_finds_the_workflow_running(world):
    team = Team(world)
    run = on_v1(world, team)
    again = world.start_fields(
        request_id="again",
        versioning_override=pinned_to(team.v2),
        workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING",
    )
    world.call("StartWorkflowExecution", **again)
    described(world, run)


@scenario
def at_a_signal_that_finds_the_workflow_running(world):
    team = Team(world)
    run = on_v1(world, team)
    fields = world.start_fields(request_id="again", versioning_override=pinned_to(team.v2))
    world.call("SignalWithStartWorkflowExecution", signal_name="sig", **fields)
    described(world, run)
    team.taken(run).complete()


@scenario
def an_eager_start_with_a_pin(world):
    team = Team(world)
    run = world.start(request_eager_execution=True, versioning_override=pinned_to(team.v2))
    described(world, run)
    if run.response.HasField("eager_workflow_task"):
        team.upgraded("v1").of(Task(run, run.response.eager_workflow_task)).complete()
    described(world, run)


# ---------------------------------------------------------------------------------------------------------------------
# Later, while the workflow waits


def _later(world, behavior, override):
    team = Team(world)
    run = on_v1(world, team, behavior=behavior)
    update_options(run, override(team))
    described(world, run)
    run.signal()
    team.taken(run, behavior=behavior).complete()
    described(world, run)
    run.signal()
    team.taken(run, behavior=behavior).complete()
    update_options(run)
    described(world, run)
    run.signal()
    team.taken(run, behavior=behavior).complete()


@for_each_kind
def of_an_upgrading_workflow(world, override):
    _later(world, AUTO_UPGRADE, override)


@for_each_kind
def of_a_pinned_workflow(world, override):
    _later(world, PINNED, override)


@for_each_kind
def of_a_workflow_without_a_behavior(world, override):
    _later(world, NO_BEHAVIOR, override)


@for_each_kind
def of_an_unversioned_workflow(world, override):
    team = Team(world, current=None)
    run = world.start()
    team.unversioned.step(run)
    update_options(run, override(team))
    described(world, run)
    run.signal()
    team.taken(run, behavior=PINNED).complete()
    update_options(run)
    described(world, run)
    run.signal()
    team.taken(run, behavior=PINNED).complete()


@for_each_kind
def with_the_old_mask(world, override):
    team = Team(world)
    run = on_v1(world, team)
    old = ["versioning_override.behavior", "versioning_override.deployment"]
    with world.tried():
        update_options(run, override(team), mask=old)
    described(world, run)
    with world.tried():
        update_options(run, mask=old)
    described(world, run)


@scenario
def replaced_by_others(world):
    team = Team(world)
    run = on_v1(world, team)
    for override in (pinned_to(team.v2), once_on(team.v1), auto_upgraded(), pinned_to(team.v1), once_on(team.v2)):
        update_options(run, override)
        described(world, run)
    run.signal()
    team.taken(run).complete()
    described(world, run)


@scenario
def the_same_again(world):
    """Nothing changes, so nothing is written."""
    team = Team(world)
    run = on_v1(world, team)
    for override in (pinned_to(team.v2), auto_upgraded(), once_on(team.v2), None):
        update_options(run, override)
        update_options(run, override)
    update_options(run, pinned_to_by_text(team.v2))
    update_options(run, pinned_to(team.v2))


@scenario
def a_pin_without_a_version(world):
    team = Team(world)
    unnamed = dict(pinned=dict(behavior="PINNED_OVERRIDE_BEHAVIOR_PINNED"))
    for name, behavior in (("pinned", PINNED), ("upgrading", AUTO_UPGRADE), ("unbound", NO_BEHAVIOR)):
        run = world.start(name, task_queue=dict(name=world.id("wf-queue")))
        with world.tried():
            update_options(run, unnamed)
        team.worker("v1", behavior).step(run)
        with world.tried():
            update_options(run, unnamed)
    overridden = world.start("overridden", task_queue=dict(name=world.id("wf-queue")), versioning_override=pinned_to(team.v2))
    with world.tried():
        update_options(overridden, unnamed)


@scenario
def a_pin_to_the_version_it_is_on(world):
    team = Team(world)
    run = on_v1(world, team, behavior=PINNED)
    update_options(run, pinned_to(team.v1))
    team.set_current("v2")
    run.signal()
    team.taken(run, behavior=PINNED).complete()


@scenario
def before_anybody_took_a_task(world):
    """The pending task goes to the version of the override, and then back."""
    team = Team(world)
    run = world.start()
    update_options(run, pinned_to(team.v2))
    described(world, run)
    team.taken(run).complete()
    other = world.start("wf1", task_queue=dict(name=run.queue))
    update_options(other, pinned_to(team.v2))
    update_options(other)
    described(world, other)
    team.taken(other).complete()


@scenario
def while_a_task_waits(world):
    team = Team(world)
    run = on_v1(world, team)
    run.signal()
    update_options(run, pinned_to(team.v2))
    team.taken(run).complete()
    run.signal()
    update_options(run)
    team.taken(run).complete()


@scenario
def while_a_task_waits_in_vain(world):
    """A worker that polls for the version gets the task that was there for another."""
    team = Team(world)
    run = on_v1(world, team)
    run.signal()
    with polling(team.upgraded("v2").task_later(run)) as poll:
        update_options(run, once_on(team.v2))
        team.upgraded("v2").of(Task(run, poll.result())).complete()
    described(world, run)


@scenario
def while_activities_wait(world):
    """One that runs goes on; one that waits goes where the override says."""
    team = Team(world)
    run = on_v1(world, team, schedule_activity("a", world.id("wf-queue")))
    running = team.upgraded("v1").activity(run)
    run.signal()
    team.upgraded("v1").step(run, schedule_activity("b", run.queue))
    update_options(run, pinned_to(team.v2))
    team.activity_taken(run).complete()
    running.complete()
    team.taken(run).complete()


@scenario
def while_an_activity_waits_for_its_retry(world):
    team = Team(world)
    policy = dict(initial_interval=seconds(0.2))
    run = on_v1(world, team, schedule_activity("a", world.id("wf-queue"), retry_policy=policy))
    activity = team.upgraded("v1").activity(run)
    activity.fail()
    update_options(run, pinned_to(team.v2))
    team.activity_taken(run).complete()


@scenario
def with_a_sticky_worker(world):
    team = Team(world)
    run = world.start()
    v1 = team.upgraded("v1")
    v1.step(run, **v1.sticky(run))
    with polling(v1.sticky_task_later(run)):
        update_options(run, pinned_to(team.v2))
        run.signal()
        team.taken(run).complete()


@scenario
def with_a_sticky_worker_of_the_same_version(world):
    team = Team(world)
    run = world.start()
    v1 = team.pinned("v1")
    v1.step(run, **v1.sticky(run))
    polls = [(v1, v1.sticky_task_later(run)), (v1, v1.task_later(run))]
    until(lambda: team.call("DescribeTaskQueue", task_queue=v1.sticky_queue(run)).pollers, "the sticky worker polls")
    update_options(run, pinned_to(team.v1))
    run.signal()
    team.first(polls, run).complete()
