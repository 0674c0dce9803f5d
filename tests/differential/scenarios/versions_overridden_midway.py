"""Overrides of a workflow's version while a task runs or on the way to another version; for one task; and other options."""

from driver import *
from teams import *

# ---------------------------------------------------------------------------------------------------------------------
# While a task runs


@for_each_kind
def while_a_task_runs(world, override):
    """The event comes after the task, and another task after the event."""
    team = Team(world)
    run = on_v1(world, team)
    run.signal()
    task = team.upgraded("v1").task(run)
    update_options(run, override(team))
    described(world, run)
    task.complete()
    described(world, run)
    team.taken(run).complete()
    described(world, run)


@scenario
def while_a_task_of_a_pinned_workflow_runs(world):
    team = Team(world)
    run = on_v1(world, team, behavior=PINNED)
    run.signal()
    task = team.pinned("v1").task(run)
    update_options(run, auto_upgraded())
    team.set_current("v2")
    task.complete()
    described(world, run)
    team.taken(run, behavior=PINNED).complete()
    described(world, run)
    update_options(run)
    described(world, run)


@scenario
def while_a_task_runs_and_taken_away_again(world):
    team = Team(world)
    run = on_v1(world, team)
    run.signal()
    task = team.upgraded("v1").task(run)
    update_options(run, pinned_to(team.v2))
    update_options(run)
    task.complete()
    team.taken(run).complete()


@scenario
def while_a_task_runs_that_would_close(world):
    team = Team(world)
    run = on_v1(world, team)
    run.signal()
    task = team.upgraded("v1").task(run)
    update_options(run, pinned_to(team.v2))
    with world.tried():
        task.complete(complete_workflow())
    team.taken(run).complete(complete_workflow())


@scenario
def while_a_task_runs_that_fails(world):
    team = Team(world)
    run = on_v1(world, team)
    run.signal()
    task = team.upgraded("v1").task(run)
    update_options(run, pinned_to(team.v2))
    task.fail()
    team.taken(run).complete()


@scenario
def while_a_task_runs_that_takes_too_long(world):
    team = Team(world)
    run = on_v1(world, team, workflow_task_timeout=seconds(1))
    run.signal()
    team.upgraded("v1").task(run)
    update_options(run, pinned_to(team.v2))
    world.wait_for(run, "WorkflowTaskTimedOut")
    team.taken(run).complete()


@scenario
def while_a_task_runs_that_asks_for_the_next(world):
    team = Team(world)
    run = on_v1(world, team)
    run.signal()
    task = team.upgraded("v1").task(run)
    update_options(run, pinned_to(team.v2))
    response = task.complete(return_new_workflow_task=True)
    described(world, run)
    if not response.HasField("workflow_task"):
        team.taken(run).complete()


@scenario
def while_an_update_is_delivered(world):
    team = Team(world)
    run = on_v1(world, team)
    answer = run.update_later("u")
    world.admitted(run, "u")
    task = team.upgraded("v1").task(run)
    update_options(run, pinned_to(team.v2))
    described(world, run)
    task.complete(messages=[accept("u", 5), respond("u", "done")])
    answer.result()
    described(world, run)
    if task_waits(world, run):
        team.taken(run).complete()


@scenario
def while_a_task_with_activities_runs(world):
    """What the running task schedules goes where the override says, as what was there before."""
    team = Team(world, "wf", "act")
    run = on_v1(world, team, schedule_activity("a", world.id("wf-queue")))
    run.signal()
    task = team.upgraded("v1").task(run)
    update_options(run, pinned_to(team.v2))
    task.complete(schedule_activity("b", world.id("act-queue")))
    team.activity_taken(run).complete()
    team.activity_taken(run, task_queue=dict(name=world.id("act-queue"))).complete()
    team.taken(run).complete()


# ---------------------------------------------------------------------------------------------------------------------
# On the way to another version


@for_each_kind
def during_the_first_task(world, override):
    """The first task is a transition itself: the override waits for its end."""
    team = Team(world)
    run = world.start()
    task = team.upgraded("v1").task(run)
    update_options(run, override(team))
    described(world, run)
    task.complete()
    described(world, run)
    team.taken(run).complete()
    described(world, run)


@scenario
def taken_away_during_the_first_task(world):
    """Its worker says no behaviour; the deployment that is shown is that of the completion."""
    team = Team(world)
    run = world.start()
    update_options(run, auto_upgraded())
    task = team.worker("v1", NO_BEHAVIOR).task(run)
    update_options(run)
    described(world, run)
    task.complete()
    described(world, run)
    team.taken(run, behavior=NO_BEHAVIOR).complete()
    described(world, run)


@for_each_kind
def on_the_way(world, override):
    team = Team(world, builds=("v1", "v2", "v3"))
    run = on_v1(world, team)
    team.set_current("v3")
    run.signal()
    task = team.taken(run)
    update_options(run, override(team))
    described(world, run)
    task.complete()
    described(world, run)
    if task_waits(world, run):
        team.taken(run).complete()
        described(world, run)


@scenario
def on_the_way_by_an_activity(world):
    """No task has been taken yet; the pin is to the version that it comes from."""
    team = Team(world)
    run = on_v1(world, team, schedule_activity("a", world.id("wf-queue")))
    team.set_current("v2")
    with polling(team.upgraded("v2").activity_later(run)):
        world.until(run, lambda r: r.workflow_execution_info.versioning_info.HasField("version_transition"))
    update_options(run, pinned_to(team.v1))
    described(world, run)
    team.taken(run).complete()
    described(world, run)
    if task_waits(world, run):
        team.taken(run).complete()
    team.activity_taken(run).complete()
    described(world, run)


@scenario
def on_the_way_by_an_activity_and_taken_away(world):
    team = Team(world)
    run = on_v1(world, team, schedule_activity("a", world.id("wf-queue")))
    team.set_current("v2")
    with polling(team.upgraded("v2").activity_later(run)):
        world.until(run, lambda r: r.workflow_execution_info.versioning_info.HasField("version_transition"))
    update_options(run, pinned_to(team.v1))
    update_options(run)
    described(world, run)
    team.taken(run).complete()
    described(world, run)


# ---------------------------------------------------------------------------------------------------------------------
# One task elsewhere


@scenario
def one_task_elsewhere_and_then_upgraded(world):
    team = Team(world)
    run = on_v1(world, team)
    update_options(run, once_on(team.v2))
    run.signal()
    team.taken(run).complete()
    described(world, run)
    run.signal()
    team.taken(run).complete()
    described(world, run)


@scenario
def one_task_elsewhere_and_then_pinned_there(world):
    team = Team(world)
    run = on_v1(world, team, behavior=PINNED)
    update_options(run, once_on(team.v2))
    run.signal()
    team.taken(run, behavior=PINNED).complete()
    described(world, run)
    run.signal()
    team.taken(run, behavior=PINNED).complete()


@scenario
def one_task_elsewhere_that_fails(world):
    team = Team(world)
    run = on_v1(world, team)
    update_options(run, once_on(team.v2))
    run.signal()
    team.taken(run).fail()
    described(world, run)
    team.taken(run).complete()
    described(world, run)


@scenario
def one_task_elsewhere_answered_by_another(world):
    team = Team(world)
    run = on_v1(world, team)
    update_options(run, once_on(team.v2))
    run.signal()
    task = team.taken(run)
    team.upgraded("v1").of(task).complete()
    described(world, run)
    if not task_waits(world, run):
        run.signal()
    team.taken(run).complete()
    described(world, run)


@scenario
def one_task_where_it_is_anyway(world):
    team = Team(world)
    run = on_v1(world, team)
    update_options(run, once_on(team.v1))
    described(world, run)
    run.signal()
    team.taken(run).complete()
    described(world, run)


@scenario
def one_task_where_one_runs_already(world):
    """That task is the one; the event that follows it does not bring the override back."""
    team = Team(world)
    run = on_v1(world, team)
    run.signal()
    task = team.upgraded("v1").task(run)
    update_options(run, once_on(team.v1))
    described(world, run)
    task.complete()
    described(world, run)
    team.set_current("v2")
    team.taken(run).complete()
    described(world, run)


@scenario
def a_pin_answered_by_another_version(world):
    team = Team(world)
    run = on_v1(world, team)
    update_options(run, pinned_to(team.v2))
    run.signal()
    task = team.taken(run)
    team.upgraded("v1").of(task).complete()
    described(world, run)
    if not task_waits(world, run):
        run.signal()
    team.taken(run).complete()
    described(world, run)


@scenario
def a_pin_answered_by_no_version(world):
    team = Team(world)
    run = on_v1(world, team)
    update_options(run, pinned_to(team.v2))
    run.signal()
    task = team.taken(run)
    team.unversioned.of(task).complete()
    described(world, run)
    if not task_waits(world, run):
        run.signal()
    team.taken(run).complete()
    described(world, run)


# ---------------------------------------------------------------------------------------------------------------------
# Other options


@scenario
def only_the_priority(world):
    team = Team(world)
    run = on_v1(world, team, priority=dict(priority_key=2, fairness_key="tenant"))
    update_options(run, mask="priority.priority_key", workflow_execution_options=dict(priority=dict(priority_key=4)))
    described(world, run)
    update_options(run, pinned_to(team.v2))
    update_options(run, mask="priority", workflow_execution_options=dict(priority=dict(fairness_weight=2.5)))
    update_options(run, mask="priority.fairness_key", workflow_execution_options=dict(priority=dict(fairness_key="t2")))
    update_options(run, mask="priority.fairness_weight", workflow_execution_options=dict(priority=dict(fairness_weight=1)))
    update_options(run, mask="priority", workflow_execution_options={})
    run.signal()
    team.taken(run).complete()


@scenario
def the_priority_while_a_task_waits(world):
    team = Team(world)
    run = on_v1(world, team)
    run.signal()
    update_options(run, mask="priority", workflow_execution_options=dict(priority=dict(priority_key=1)))
    team.taken(run).complete(schedule_activity("a", run.queue))
    update_options(run, mask="priority", workflow_execution_options=dict(priority=dict(priority_key=5)))
    described(world, run)
    activity = team.activity_taken(run)
    activity.complete()


@scenario
def the_priority_while_a_task_runs(world):
    team = Team(world)
    run = on_v1(world, team)
    run.signal()
    task = team.taken(run)
    update_options(run, mask="priority", workflow_execution_options=dict(priority=dict(priority_key=1)))
    task.complete()
    if task_waits(world, run):
        team.taken(run).complete()


@scenario
def both_at_once(world):
    team = Team(world)
    run = on_v1(world, team)
    options = dict(versioning_override=pinned_to(team.v2), priority=dict(priority_key=1))
    update_options(run, mask=["versioning_override", "priority.priority_key"], workflow_execution_options=options)
    update_options(run, mask=[], workflow_execution_options=options)
    update_options(run, mask=["priority"], workflow_execution_options=options)
    described(world, run)


@scenario
def the_priority_of_an_unversioned_workflow(world):
    run = world.start()
    update_options(run, mask="priority", workflow_execution_options=dict(priority=dict(priority_key=1)))
    run.task().complete()
    update_options(run, mask="priority", workflow_execution_options=dict(priority=dict(priority_key=2)))
    described(world, run)


@scenario
def without_changing_anything(world):
    run = world.start()
    run.task().complete()
    update_options(run)
    update_options(run, mask=[])
    update_options(run, mask="priority", workflow_execution_options={})
    described(world, run)


@scenario
def time_skipping_is_left_alone(world):
    run = world.start()
    run.task().complete()
    with world.tried():
        update_options(run, mask="time_skipping_config", workflow_execution_options={})
    described(world, run)
