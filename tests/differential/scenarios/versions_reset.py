"""Resets of versioned runs: which version the new run has, and what becomes of overrides."""

from driver import *
from teams import *


def reset(world, run, event_id, request_id="reset", **fields):
    """Resets a run, and returns the new one."""
    fields.setdefault("reason", "why")
    response = world.call(
        "ResetWorkflowExecution",
        workflow_execution=run.execution,
        workflow_task_finish_event_id=event_id,
        request_id=request_id,
        identity="client",
        **fields,
    )
    return world.run(run.workflow_id, response.run_id, run.queue)


def two_tasks(world, team, behavior, second="v1", **fields):
    """1 Started 2 S 3 R 4 C 5 Signaled 6 S 7 R 8 C, the first task by v1"""
    run = world.start(**fields)
    team.worker("v1", behavior).step(run)
    run.signal()
    team.worker(second, behavior).step(run)
    return run


def post(options, *paths):
    return dict(update_workflow_options=dict(workflow_execution_options=options, update_mask=dict(paths=paths)))


def _reset_to(world, behavior, event_id):
    team = Team(world)
    run = two_tasks(world, team, behavior)
    team.set_current("v2")
    again = reset(world, run, event_id)
    described(world, again)
    team.taken(again, behavior=behavior).complete()
    described(world, again)


@scenario
def a_pinned_run_to_its_first_task(world):
    _reset_to(world, PINNED, 4)


@scenario
def a_pinned_run_to_its_second_task(world):
    _reset_to(world, PINNED, 8)


@scenario
def an_upgrading_run_to_its_first_task(world):
    _reset_to(world, AUTO_UPGRADE, 4)


@scenario
def an_upgrading_run_to_its_second_task(world):
    _reset_to(world, AUTO_UPGRADE, 8)


@scenario
def a_run_without_a_behavior_to_its_second_task(world):
    _reset_to(world, NO_BEHAVIOR, 8)


@scenario
def before_the_version_changed(world):
    team = Team(world)
    run = world.start()
    team.upgraded("v1").step(run)
    team.set_current("v2")
    run.signal()
    team.upgraded("v2").step(run)
    run.signal()
    team.upgraded("v2").step(run)
    again = reset(world, run, 8)
    described(world, again)
    team.set_current("v1")
    team.taken(again).complete()


@scenario
def while_on_the_way(world):
    team = Team(world)
    run = two_tasks(world, team, AUTO_UPGRADE)
    team.set_current("v2")
    run.signal()
    team.taken(run)
    again = reset(world, run, 8)
    described(world, again)
    team.taken(again).complete()


@scenario
def an_unversioned_run_when_a_version_is_current(world):
    team = Team(world, current=None)
    run = world.start()
    team.unversioned.step(run)
    run.signal()
    team.unversioned.step(run)
    team.set_current("v1")
    again = reset(world, run, 8)
    described(world, again)
    team.taken(again).complete()


def _overridden(world, override, *, at_start=False, event_id=8):
    team = Team(world)
    if at_start:
        run = world.start(versioning_override=override(team))
        team.taken(run).complete()
        run.signal()
        team.taken(run).complete()
    else:
        run = two_tasks(world, team, AUTO_UPGRADE)
        update_options(run, override(team))
        run.signal()
        team.taken(run).complete()
    again = reset(world, run, event_id)
    described(world, again)
    team.taken(again).complete()
    described(world, again)


for kind, override in (
    ("pinned", lambda team: pinned_to(team.v2)),
    ("auto_upgrade", lambda team: auto_upgraded()),
    ("once", lambda team: once_on(team.v2)),
):

    def applied_again(world, override=override):
        _overridden(world, override)

    def from_the_start(world, override=override):
        _overridden(world, override, at_start=True, event_id=4)

    for play in (applied_again, from_the_start):
        play.__name__ = f"an_override_{play.__name__}__{kind}"
        scenario(play)


@scenario
def an_override_that_came_and_went(world):
    team = Team(world)
    run = two_tasks(world, team, AUTO_UPGRADE)
    update_options(run, pinned_to(team.v2), identity="ann")
    update_options(run, identity="bob")
    again = reset(world, run, 8)
    described(world, again)
    team.taken(again).complete()


@scenario
def an_override_that_went_before_any_task(world):
    team = Team(world)
    run = world.start(versioning_override=pinned_to(team.v2))
    team.upgraded("v2").step(run)
    update_options(run)
    again = reset(world, run, 4)
    described(world, again)
    team.taken(again).complete()


@scenario
def an_override_when_nothing_is_applied_again(world):
    team = Team(world)
    run = two_tasks(world, team, AUTO_UPGRADE)
    update_options(run, pinned_to(team.v2))
    run.signal()
    exclude = ["RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL", "RESET_REAPPLY_EXCLUDE_TYPE_UPDATE"]
    again = reset(world, run, 8, reset_reapply_exclude_types=exclude)
    described(world, again)
    none = reset(world, run, 4, request_id="none", reset_reapply_type="RESET_REAPPLY_TYPE_NONE")
    described(world, none)


@scenario
def a_priority_applied_again(world):
    team = Team(world)
    run = two_tasks(world, team, AUTO_UPGRADE)
    update_options(run, mask="priority", workflow_execution_options=dict(priority=dict(priority_key=1)))
    again = reset(world, run, 8)
    described(world, again)


@scenario
def with_a_pin_afterwards(world):
    team = Team(world)
    run = two_tasks(world, team, AUTO_UPGRADE)
    again = reset(
        world,
        run,
        8,
        post_reset_operations=[post(dict(versioning_override=pinned_to(team.v2)), "versioning_override")],
    )
    described(world, again)
    team.taken(again).complete()


@scenario
def with_several_things_afterwards(world):
    team = Team(world)
    run = two_tasks(world, team, AUTO_UPGRADE)
    update_options(run, pinned_to(team.v1))
    again = reset(
        world,
        run,
        8,
        post_reset_operations=[
            post(dict(versioning_override=pinned_to(team.v2)), "versioning_override"),
            post(dict(priority=dict(priority_key=1)), "priority"),
            post(dict(versioning_override=auto_upgraded()), "versioning_override"),
        ],
    )
    described(world, again)
    team.set_current("v2")
    team.taken(again).complete()


@scenario
def with_the_override_taken_away_afterwards(world):
    team = Team(world)
    run = two_tasks(world, team, AUTO_UPGRADE)
    update_options(run, pinned_to(team.v2))
    again = reset(world, run, 8, post_reset_operations=[post({}, "versioning_override")])
    described(world, again)
    team.taken(again).complete()


@scenario
def with_things_afterwards_that_are_refused(world):
    team = Team(world)
    run = two_tasks(world, team, AUTO_UPGRADE)
    for index, operation in enumerate(
        [
            dict(),
            dict(signal_workflow=dict(signal_name="sig")),
            post(dict(versioning_override=pinned_to(team.v3)), "versioning_override"),
            post(dict(versioning_override=dict()), "versioning_override"),
            post(dict(versioning_override=pinned_to(team.v2)), "bogus"),
            post(dict(priority=dict(priority_key=-1)), "priority"),
        ]
    ):
        with world.tried():
            reset(world, run, 8, request_id=f"reset{index}", post_reset_operations=[operation])


@scenario
def of_a_closed_pinned_run(world):
    team = Team(world)
    run = two_tasks(world, team, PINNED)
    run.signal()
    team.pinned("v1").step(run, complete_workflow())
    team.set_current("v2")
    again = reset(world, run, 8)
    described(world, again)
    team.taken(again, behavior=PINNED).complete()


@scenario
def of_a_run_that_inherited_its_pin(world):
    team = Team(world)
    run = world.start()
    team.pinned("v1").step(run, continue_as_new())
    second = world.next_run(run)
    team.pinned("v1").step(second)
    team.set_current("v2")
    again = reset(world, second, 4)
    described(world, again)
    team.taken(again, behavior=PINNED).complete()


@scenario
def of_a_run_that_inherited_its_upgrade(world):
    team = Team(world)
    run = world.start()
    team.upgraded("v1").step(run, continue_as_new())
    second = world.next_run(run)
    team.upgraded("v1").step(second)
    team.set_current("v2")
    again = reset(world, second, 4)
    described(world, again)
    team.taken(again).complete()


@scenario
def of_a_run_that_was_told_of_a_new_version(world):
    team = Team(world)
    run = two_tasks(world, team, PINNED)
    team.set_current("v2")
    run.signal()
    team.taken(run, behavior=PINNED).complete()
    again = reset(world, run, 12)
    team.taken(again, behavior=PINNED).complete()
    described(world, again)


@scenario
def with_an_activity_that_waits(world):
    team = Team(world)
    run = world.start()
    team.pinned("v1").step(run, schedule_activity("a", run.queue))
    run.signal()
    team.pinned("v1").step(run)
    team.set_current("v2")
    again = reset(world, run, 9)
    team.activity_taken(again).complete()
    team.taken(again, behavior=PINNED).complete()


@scenario
def of_a_child_in_a_pinned_family(world):
    team = Team(world, "wf", "child")
    run = world.start()
    team.pinned("v1").step(run, start_child(world.id("child"), world.id("child-queue")))
    child = world.child(run, "child")
    team.pinned("v1").step(child)
    team.set_current("v2")
    again = reset(world, child, 4)
    described(world, again)
    team.taken(again, behavior=PINNED).complete()
