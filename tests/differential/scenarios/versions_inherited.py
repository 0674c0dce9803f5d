"""What children and following runs have of the version of the run that they come from.

Each scenario is one way on and one state of the run that goes: v1 is current when it does, and v2 when the new run's
first task is taken. The queue "other" has both versions, "foreign" has v2 only.
"""

from teams import *


def team_of(world):
    team = Team(world, "wf", "wf1", "wf2", "other", current=None)
    team.has("v2", world.id("foreign-queue"))
    team.set_current("v1")
    return team


# Each state: a run's task, and the worker that is to answer it.


def pinned(team, run_of):
    return team.pinned("v1").task(run_of())


def auto_upgrade(team, run_of):
    return team.upgraded("v1").task(run_of())


def no_behavior(team, run_of):
    return team.worker("v1", NO_BEHAVIOR).task(run_of())


def unversioned(team, run_of):
    task = team.upgraded("v1").task(run_of())
    return team.unversioned.of(task)


def pinned_by_an_override(team, run_of):
    return team.upgraded("v1").task(run_of(versioning_override=pinned_to(team.v1)))


def auto_upgrade_by_an_override(team, run_of):
    return team.pinned("v1").task(run_of(versioning_override=auto_upgraded()))


def once_on_v2(team, run_of):
    """The task that goes on is the one that the override was for."""
    return team.upgraded("v2").task(run_of(versioning_override=once_on(team.v2)))


def once_on_v2_as_pinned(team, run_of):
    return team.pinned("v2").task(run_of(versioning_override=once_on(team.v2)))


def once_on_v2_but_not_yet(team, run_of):
    """v2 got the task, but what answers it says that it is v1."""
    task = team.upgraded("v2").task(run_of(versioning_override=once_on(team.v2)))
    return team.upgraded("v1").of(task)


def pinned_by_an_earlier_override(team, run_of):
    """The override came while the run had gone on for a while."""
    run = run_of()
    team.upgraded("v1").step(run)
    update_options(run, pinned_to(team.v2))
    run.signal()
    return team.upgraded("v2").task(run)


STATES = [
    pinned,
    auto_upgrade,
    no_behavior,
    unversioned,
    pinned_by_an_override,
    auto_upgrade_by_an_override,
    once_on_v2,
    once_on_v2_as_pinned,
    once_on_v2_but_not_yet,
    pinned_by_an_earlier_override,
]


def play_out(world, team, *runs, last=complete_workflow):
    """Each run's first task and its last one, when v2 is current."""
    team.set_current("v2")
    for run in runs:
        described(world, run)
        team.taken(run).complete()
        run.signal()
        team.taken(run).complete(last())


def child(world, state):
    team, parents, children = team_of(world), [], []
    for name, child in (("wf", "other"), ("wf1", "foreign")):
        task = state(team, lambda name=name, **fields: world.start(name, **fields))
        task.complete(start_child(world.id(child), world.id(f"{child}-queue")))
        parents.append(task.run)
        children.append(world.child(task.run, child))
    play_out(world, team, *children)
    for parent in parents:
        world.wait_for(parent, "ChildWorkflowExecutionCompleted")


def _go_on(world, state, **how):
    team, tasks = team_of(world), []
    for name, queue in (("wf", "wf"), ("wf1", "other"), ("wf2", "foreign")):
        tasks.append(state(team, lambda name=name, **fields: world.start(name, **fields)))
        queue = dict(name=world.id(f"{queue}-queue"))
        tasks[-1].complete(continue_as_new(task_queue=queue, **how))
    following = []
    for task, queue in zip(tasks, ("wf", "other", "foreign")):
        run = world.next_run(task.run)
        run.queue = world.id(f"{queue}-queue")
        following.append(run)
        world.wait_for(run, "WorkflowTaskScheduled")
    play_out(world, team, *following)


def continue_as_new_as_is(world, state):
    _go_on(world, state)


def continue_as_new_and_upgrade(world, state):
    _go_on(world, state, initial_versioning_behavior="CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_AUTO_UPGRADE")


def continue_as_new_and_ramp(world, state):
    _go_on(world, state, initial_versioning_behavior="CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_USE_RAMPING_VERSION")


def _follow(world, state, command, last=complete_workflow, **fields):
    team = team_of(world)
    task = state(team, lambda **more: world.start(**fields, **more))
    task.complete(command)
    following = world.next_run(task.run)
    world.wait_for(following, "WorkflowTaskScheduled")
    play_out(world, team, following, last=last)


def retry(world, state):
    _follow(world, state, fail_workflow(), retry_policy=dict(initial_interval=seconds(0.1)))


def cron(world, state):
    _follow(world, state, complete_workflow("first"), last=cancel_workflow, cron_schedule="@every 1s")


for path in (
    child,
    continue_as_new_as_is,
    continue_as_new_and_upgrade,
    continue_as_new_and_ramp,
    retry,
    cron,
):
    for state in STATES:

        def play(world, path=path, state=state):
            path(world, state)

        play.__name__ = f"{path.__name__}__{state.__name__}"
        scenario(play)


# ---------------------------------------------------------------------------------------------------------------------
# What is passed on twice, and how the ways mix


@scenario
def pinned_for_a_whole_family(world):
    """A pinned run's child has a child; and each continues as new."""
    team = Team(world, "wf", "child", "grandchild")
    run = world.start()
    team.pinned("v1").step(run, start_child(world.id("child"), world.id("child-queue")))
    team.set_current("v2")
    child = world.child(run, "child")
    team.taken(child, PINNED).complete(start_child(world.id("grandchild"), world.id("grandchild-queue")))
    grandchild = world.child(child, "grandchild")
    team.taken(grandchild, PINNED).complete(continue_as_new())
    again = world.next_run(grandchild)
    team.taken(again, PINNED).complete(complete_workflow())
    world.wait_for(child, "ChildWorkflowExecutionCompleted")


@scenario
def a_pin_that_was_inherited_and_a_retry(world):
    """Only what the failed run was itself started with is kept by its retry."""
    team = Team(world)
    run = world.start(retry_policy=dict(initial_interval=seconds(0.1)))
    team.pinned("v1").step(run, continue_as_new(retry_policy=dict(initial_interval=seconds(0.1))))
    team.set_current("v2")
    second = world.next_run(run)
    team.taken(second, PINNED).complete(fail_workflow())
    third = world.next_run(second)
    team.taken(third, PINNED).complete(complete_workflow())


@scenario
def a_pin_that_was_inherited_and_an_upgrade(world):
    """No revision is known of a run that inherited its pin, so nothing is passed on when it upgrades."""
    team = Team(world)
    run = world.start()
    team.pinned("v1").step(run, continue_as_new())
    second = world.next_run(run)
    team.pinned("v1").step(
        second, continue_as_new(initial_versioning_behavior="CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_AUTO_UPGRADE")
    )
    team.set_current("v2")
    third = world.next_run(second)
    team.taken(third, PINNED).complete(complete_workflow())


@scenario
def what_was_inherited_while_upgrading_and_a_retry(world):
    team = Team(world)
    run = world.start(retry_policy=dict(initial_interval=seconds(0.1)))
    team.pinned("v1").step(
        run,
        continue_as_new(
            initial_versioning_behavior="CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_AUTO_UPGRADE",
            retry_policy=dict(initial_interval=seconds(0.1)),
        ),
    )
    second = world.next_run(run)
    described(world, second)
    team.upgraded("v1").step(second, fail_workflow())
    team.set_current("v2")
    third = world.next_run(second)
    world.wait_for(third, "WorkflowTaskScheduled")
    described(world, third)
    team.taken(third).complete(complete_workflow())


def _onto_the_ramping_version(world, behavior):
    team = Team(world)
    team.set_ramping("v2", 0.001)
    run = world.start()
    team.worker("v1", behavior).step(
        run, continue_as_new(initial_versioning_behavior="CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_USE_RAMPING_VERSION")
    )
    second = world.next_run(run)
    described(world, second)
    team.taken(second).complete()
    second.signal()
    team.taken(second).complete()
    return team, second


@scenario
def onto_the_ramping_version_from_pinned(world):
    _onto_the_ramping_version(world, PINNED)


@scenario
def onto_the_ramping_version_from_auto_upgrade(world):
    _onto_the_ramping_version(world, AUTO_UPGRADE)


@scenario
def onto_the_ramping_version_and_a_retry(world):
    team = Team(world)
    team.set_ramping("v2", 0.001)
    policy = dict(initial_interval=seconds(0.1))
    run = world.start()
    team.pinned("v1").step(
        run,
        continue_as_new(
            initial_versioning_behavior="CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_USE_RAMPING_VERSION", retry_policy=policy
        ),
    )
    second = world.next_run(run)
    team.taken(second).complete(fail_workflow())
    third = world.next_run(second)
    world.wait_for(third, "WorkflowTaskScheduled")
    described(world, third)
    team.taken(third).complete(complete_workflow())


@scenario
def onto_the_ramping_version_with_nothing_ramping(world):
    team = Team(world)
    run = world.start()
    team.pinned("v1").step(
        run, continue_as_new(initial_versioning_behavior="CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_USE_RAMPING_VERSION")
    )
    second = world.next_run(run)
    team.taken(second).complete(complete_workflow())


# ---------------------------------------------------------------------------------------------------------------------
# Children with an override of their own


def _child_with(world, override, behavior=PINNED):
    team = Team(world, "wf", "child")
    run = world.start()
    command = start_child(world.id("child"), world.id("child-queue"), versioning_override=override(team))
    team.worker("v1", behavior).step(run, command)
    child = world.child(run, "child")
    described(world, child)
    team.taken(child).complete()
    child.signal()
    team.taken(child).complete(complete_workflow())
    world.wait_for(run, "ChildWorkflowExecutionCompleted")


@scenario
def a_child_with_a_pin_of_its_own(world):
    _child_with(world, lambda team: pinned_to(team.v2))


@scenario
def a_child_with_an_upgrade_of_its_own(world):
    _child_with(world, lambda team: auto_upgraded())


@scenario
def a_child_with_one_task_elsewhere(world):
    _child_with(world, lambda team: once_on(team.v2))


@scenario
def a_child_with_an_old_pin_of_its_own(world):
    _child_with(world, lambda team: pinned_to_by_text(team.v2), AUTO_UPGRADE)


@scenario
def a_child_with_a_pin_that_does_not_exist(world):
    team = Team(world, "wf", "child")
    run = world.start()
    command = start_child(world.id("child"), world.id("child-queue"), versioning_override=pinned_to(team.v3))
    team.pinned("v1").step(run, command)
    world.wait_for(run, "StartChildWorkflowExecutionFailed")


@scenario
def children_with_overrides_that_are_refused(world):
    team = Team(world, "wf")
    for index, override in enumerate(
        [
            dict(),
            dict(auto_upgrade=False),
            dict(pinned=dict(version=team.v2)),
            dict(pinned=dict(behavior="PINNED_OVERRIDE_BEHAVIOR_PINNED")),
            dict(one_time=dict()),
            dict(behavior=PINNED),
            dict(behavior=PINNED, pinned_version="garbage"),
            dict(behavior=AUTO_UPGRADE, pinned_version="a.b"),
        ]
    ):
        run = world.start(f"wf{index}", task_queue=dict(name=world.id("wf-queue")))
        command = start_child(world.id("child"), world.id("child-queue"), versioning_override=override)
        with world.tried():
            team.pinned("v1").step(run, command)
        run.terminate()
