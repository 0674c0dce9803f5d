"""How workflows come to another version: by whom it begins, what waits for it, and what ends it."""

from driver import *
from teams import *

# ---------------------------------------------------------------------------------------------------------------------
# The first task


@scenario
def a_first_task(world):
    """A run without a version is on its way to one as soon as its first task is taken."""
    team = Team(world)
    run = world.start()
    described(world, run)
    task = team.taken(run)
    described(world, run)
    task.complete()
    described(world, run)


@scenario
def a_first_task_that_waits_while_routing_changes(world):
    team = Team(world)
    run = world.start()
    team.set_current("v2")
    team.taken(run).complete()
    other = world.start("wf1", task_queue=dict(name=run.queue))
    team.set_current("")
    team.taken(other).complete()


@scenario
def a_first_task_of_an_unversioned_worker(world):
    team = Team(world, current=None)
    run = world.start()
    task = team.taken(run)
    described(world, run)
    task.complete()
    described(world, run)


@scenario
def a_first_task_that_fails(world):
    team = Team(world)
    run = world.start()
    team.taken(run).fail()
    described(world, run)
    team.set_current("v2")
    team.taken(run).complete()


@scenario
def a_first_task_that_takes_too_long(world):
    team = Team(world)
    run = world.start(workflow_task_timeout=seconds(1))
    team.taken(run)
    world.wait_for(run, "WorkflowTaskTimedOut")
    world.wait_for(run, "WorkflowTaskScheduled")
    described(world, run)
    team.taken(run, behavior=PINNED).complete()


@scenario
def a_first_task_of_each_behavior(world):
    team = Team(world)
    for index, behavior in enumerate((PINNED, AUTO_UPGRADE, NO_BEHAVIOR)):
        run = world.start(f"wf{index}", task_queue=dict(name=world.id("wf-queue")))
        team.worker("v1", behavior).step(run)
        described(world, run)


@scenario
def an_eager_start(world):
    team = Team(world)
    run = world.start(request_eager_execution=True, eager_worker_deployment_options=team.options("v2"))
    task = team.pinned("v2").of(Task(run, run.response.eager_workflow_task))
    described(world, run)
    task.complete()
    described(world, run)
    run.signal()
    team.taken(run).complete()


@scenario
def an_eager_start_by_the_current_version(world):
    team = Team(world)
    run = world.start(request_eager_execution=True, eager_worker_deployment_options=team.options("v1"))
    task = team.upgraded("v1").of(Task(run, run.response.eager_workflow_task))
    task.complete()
    described(world, run)


# ---------------------------------------------------------------------------------------------------------------------
# By a workflow task


@scenario
def by_a_workflow_task(world):
    team = Team(world)
    run = on_v1(world, team)
    team.set_current("v2")
    described(world, run)
    run.signal()
    task = team.taken(run)
    described(world, run)
    task.complete()
    described(world, run)


@scenario
def by_a_workflow_task_that_fails(world):
    """The transition goes on, and so does the next task."""
    team = Team(world)
    run = on_v1(world, team)
    team.set_current("v2")
    run.signal()
    team.taken(run).fail()
    described(world, run)
    team.set_current("v1")
    team.taken(run).complete()
    described(world, run)


@scenario
def by_a_workflow_task_that_takes_too_long(world):
    team = Team(world)
    run = on_v1(world, team, workflow_task_timeout=seconds(1))
    team.set_current("v2")
    run.signal()
    team.taken(run)
    world.wait_for(run, "WorkflowTaskTimedOut")
    described(world, run)
    team.taken(run).complete()


@scenario
def that_waits_while_routing_changes(world):
    """The workflow task was written for v1 and is taken by v2."""
    team = Team(world)
    run = on_v1(world, team)
    run.signal()
    team.set_current("v2")
    team.taken(run).complete()


@scenario
def there_and_back(world):
    team = Team(world)
    run = on_v1(world, team)
    for build in ("v2", "v1"):
        team.set_current(build)
        run.signal()
        team.taken(run).complete()


@scenario
def pinned_workflows_stay(world):
    team = Team(world)
    run = on_v1(world, team, behavior=PINNED)
    team.set_current("v2")
    run.signal()
    task = team.taken(run, behavior=PINNED)
    described(world, run)
    task.complete()
    run.signal()
    team.taken(run, behavior=PINNED).complete(complete_workflow())


@scenario
def from_pinned_to_auto_upgrade_and_back(world):
    team = Team(world)
    run = on_v1(world, team, behavior=PINNED)
    run.signal()
    team.upgraded("v1").step(run)
    described(world, run)
    team.set_current("v2")
    run.signal()
    team.taken(run, behavior=PINNED).complete()
    described(world, run)
    team.set_current("v1")
    run.signal()
    team.taken(run, behavior=PINNED).complete()


@scenario
def to_no_behavior(world):
    """The version is in the event, but the workflow is bound to none."""
    team = Team(world)
    run = on_v1(world, team)
    run.signal()
    team.worker("v1", NO_BEHAVIOR).step(run)
    described(world, run)
    team.set_current("v2")
    run.signal()
    team.taken(run, behavior=NO_BEHAVIOR).complete()
    described(world, run)


@scenario
def a_task_at_once_when_another_version_is_current(world):
    """The worker asks for its next task in its answer, as it does for long local activities."""
    team = Team(world)
    run = world.start()
    task = team.upgraded("v1").task(run)
    team.set_current("v2")
    task.complete(return_new_workflow_task=True, force_create_new_workflow_task=True)
    described(world, run)
    if task_waits(world, run):
        team.taken(run).complete()


@scenario
def a_task_at_once_on_the_way(world):
    """The next task in the answer that ends the transition."""
    team = Team(world)
    run = on_v1(world, team)
    team.set_current("v2")
    run.signal()
    task = team.taken(run)
    task.complete(return_new_workflow_task=True, force_create_new_workflow_task=True)
    described(world, run)


# ---------------------------------------------------------------------------------------------------------------------
# By an activity


@scenario
def by_an_activity(world):
    team = Team(world)
    run = on_v1(world, team, schedule_activity("a", world.id("wf-queue")))
    team.set_current("v2")
    poll = team.upgraded("v2").activity_later(run)
    world.wait_for(run, "WorkflowTaskScheduled", lambda attributes: True)
    world.until(run, lambda response: response.pending_workflow_task.state == 1)
    described(world, run)
    team.taken(run).complete()
    Activity(run, poll.result()).complete()
    described(world, run)
    team.taken(run).complete(complete_workflow())


@scenario
def by_an_activity_while_a_task_waits(world):
    team = Team(world)
    run = on_v1(world, team, schedule_activity("a", world.id("wf-queue")))
    run.signal()
    team.set_current("v2")
    poll = team.upgraded("v2").activity_later(run)
    world.until(run, lambda r: r.workflow_execution_info.versioning_info.HasField("version_transition"))
    described(world, run)
    team.taken(run).complete()
    Activity(run, poll.result()).complete()


@scenario
def by_an_activity_while_a_task_runs(world):
    """The task of the old version is let run, and followed by one for the new version."""
    team = Team(world)
    run = on_v1(world, team, schedule_activity("a", world.id("wf-queue")))
    run.signal()
    task = team.upgraded("v1").task(run)
    team.set_current("v2")
    poll = team.upgraded("v2").activity_later(run)
    world.until(run, lambda r: r.workflow_execution_info.versioning_info.HasField("version_transition"))
    described(world, run)
    task.complete()
    described(world, run)
    team.taken(run).complete()
    Activity(run, poll.result()).complete()


@scenario
def by_an_activity_and_back_before_the_task(world):
    """By the time that somebody takes the workflow task, the old version is current again."""
    team = Team(world)
    run = on_v1(world, team, schedule_activity("a", world.id("wf-queue")))
    team.set_current("v2")
    with polling(team.upgraded("v2").activity_later(run)):
        world.until(run, lambda r: r.workflow_execution_info.versioning_info.HasField("version_transition"))
    team.set_current("v1")
    described(world, run)
    team.taken(run).complete()
    described(world, run)
    team.activity_taken(run).complete()


@scenario
def with_activities_under_way(world):
    """What runs goes on with the old version; what waits is refused until the transition is over."""
    team = Team(world, "wf", "act")
    queue = world.id("wf-queue")
    run = on_v1(world, team, schedule_activity("a", queue))
    started = team.upgraded("v1").activity(run)
    run.signal()
    team.upgraded("v1").step(run, schedule_activity("b", queue))
    team.set_current("v2")
    run.signal()
    task = team.taken(run)
    team.no_activity_for(run, "v2")
    described(world, run)
    task.complete(schedule_activity("c", world.id("act-queue")))
    team.activity_taken(run)
    team.activity_taken(run, task_queue=dict(name=world.id("act-queue")))
    described(world, run)
    started.complete()
    team.taken(run).complete()


@scenario
def a_retry_of_an_activity(world):
    """A later attempt goes where the workflow is by then."""
    team = Team(world)
    policy = dict(initial_interval=seconds(0.1))
    run = on_v1(world, team, schedule_activity("a", world.id("wf-queue"), retry_policy=policy))
    activity = team.upgraded("v1").activity(run)
    team.set_current("v2")
    run.signal()
    team.taken(run).complete()
    activity.fail()
    described_activity = team.activity_taken(run)
    described(world, run)
    described_activity.complete()


@scenario
def a_retry_of_an_activity_of_a_pinned_workflow(world):
    team = Team(world)
    policy = dict(initial_interval=seconds(0.1))
    run = on_v1(world, team, schedule_activity("a", world.id("wf-queue"), retry_policy=policy), behavior=PINNED)
    activity = team.pinned("v1").activity(run)
    team.set_current("v2")
    activity.fail()
    team.activity_taken(run).complete()


@scenario
def a_retry_of_an_activity_that_begins_a_transition(world):
    team = Team(world)
    policy = dict(initial_interval=seconds(0.1))
    run = on_v1(world, team, schedule_activity("a", world.id("wf-queue"), retry_policy=policy))
    activity = team.upgraded("v1").activity(run)
    team.set_current("v2")
    activity.fail()
    poll = team.upgraded("v2").activity_later(run)
    world.until(run, lambda r: r.workflow_execution_info.versioning_info.HasField("version_transition"))
    team.taken(run).complete()
    Activity(run, poll.result()).complete()


@scenario
def an_eager_activity(world):
    """It stays with the worker that asked for it, whatever is current by then."""
    team = Team(world)
    run = world.start()
    task = team.upgraded("v1").task(run)
    team.set_current("v2")
    command = schedule_activity("a", run.queue, request_eager_execution=True)
    response = task.complete(command)
    described(world, run)
    for given in response.activity_tasks:
        Activity(run, given).complete()


# ---------------------------------------------------------------------------------------------------------------------
# Activities on queues of their own


def _independent(world, behavior, other):
    """An activity on a queue that the workflow's versions do not have; `other` says who has it."""
    team = Team(world)
    queue = world.id("act-queue")
    if other:
        another = Deployment(world, world.id("another"))
        another.has("x1", queue, types=("ACTIVITY",))
        another.set_current("x1")
        worker = another.worker("x1")
    else:
        worker = team.unversioned
    run = on_v1(world, team, schedule_activity("a", queue), behavior=behavior)
    activity = worker.activity(run, task_queue=dict(name=queue))
    described(world, run)
    activity.complete()
    team.taken(run, behavior=behavior).complete()


@scenario
def an_activity_of_another_deployment_for_a_pinned_workflow(world):
    _independent(world, PINNED, True)


@scenario
def an_activity_of_another_deployment_for_an_upgrading_workflow(world):
    _independent(world, AUTO_UPGRADE, True)


@scenario
def an_unversioned_activity_for_a_pinned_workflow(world):
    _independent(world, PINNED, False)


@scenario
def an_unversioned_activity_for_an_upgrading_workflow(world):
    _independent(world, AUTO_UPGRADE, False)


@scenario
def an_activity_of_an_unversioned_workflow_in_a_deployment(world):
    team = Team(world, current=None)
    another = Deployment(world, world.id("another"))
    another.has("x1", world.id("act-queue"), types=("ACTIVITY",))
    another.set_current("x1")
    run = world.start()
    team.unversioned.step(run, schedule_activity("a", world.id("act-queue")))
    activity = another.worker("x1").activity(run, task_queue=dict(name=world.id("act-queue")))
    described(world, run)
    activity.complete()
    team.unversioned.step(run)


# ---------------------------------------------------------------------------------------------------------------------
# From and to workers without a version


@scenario
def adopted_from_unversioned_workers(world):
    team = Team(world, current=None)
    named = Worker(team.options("b1", UNVERSIONED), identity="named")
    run = world.start()
    named.step(run, worker_version_stamp=dict(build_id="b1"))
    described(world, run)
    team.set_current("v1")
    run.signal()
    task = team.taken(run)
    described(world, run)
    task.complete()
    described(world, run)


@scenario
def adopted_while_an_activity_waits(world):
    team = Team(world, current=None)
    run = world.start()
    team.unversioned.step(run, schedule_activity("a", run.queue))
    team.set_current("v1")
    poll = team.upgraded("v1").activity_later(run)
    world.until(run, lambda r: r.workflow_execution_info.versioning_info.HasField("version_transition"))
    described(world, run)
    team.taken(run).complete()
    Activity(run, poll.result()).complete()


@scenario
def no_version_is_current_any_more(world):
    team = Team(world)
    run = on_v1(world, team, schedule_activity("a", world.id("wf-queue")))
    team.set_current("")
    run.signal()
    task = team.taken(run)
    described(world, run)
    task.complete()
    described(world, run)
    team.activity_taken(run).complete()


@scenario
def an_activity_when_no_version_is_current_any_more(world):
    team = Team(world)
    run = on_v1(world, team, schedule_activity("a", world.id("wf-queue")))
    team.set_current("")
    with polling(team.unversioned.activity_later(run)) as poll:
        world.until(run, lambda r: r.workflow_execution_info.versioning_info.HasField("version_transition"))
        described(world, run)
        team.taken(run).complete()
        Activity(run, poll.result()).complete()


@scenario
def pinned_when_no_version_is_current_any_more(world):
    team = Team(world)
    run = on_v1(world, team, behavior=PINNED)
    team.set_current("")
    run.signal()
    team.taken(run, behavior=PINNED).complete()


# ---------------------------------------------------------------------------------------------------------------------
# What a completion says


def _completed_as(world, first, second, behavior=AUTO_UPGRADE):
    """Taken by one worker, and answered as if by another."""
    team = Team(world)
    run = world.start()
    task = (team.worker("v1", behavior) if first else team.unversioned).task(run)
    (team.worker(second, behavior) if second else team.unversioned).of(task).complete()
    described(world, run)
    task = team.taken(run, behavior=behavior) if task_waits(world, run) else None
    if task:
        task.complete()
        described(world, run)


@scenario
def completed_as_another_pinned_version(world):
    _completed_as(world, "v1", "v2", PINNED)


@scenario
def completed_as_another_upgrading_version(world):
    _completed_as(world, "v1", "v2")


@scenario
def completed_as_no_version(world):
    _completed_as(world, "v1", None)


@scenario
def an_unversioned_task_completed_as_a_version(world):
    team = Team(world, current=None)
    run = world.start()
    task = team.unversioned.task(run)
    team.pinned("v1").of(task).complete()
    described(world, run)
    if task_waits(world, run):
        team.taken(run, behavior=PINNED).complete()
        described(world, run)


@scenario
def a_later_task_completed_as_another_version(world):
    team = Team(world)
    run = on_v1(world, team)
    run.signal()
    task = team.upgraded("v1").task(run)
    team.upgraded("v2").of(task).complete(schedule_activity("a", run.queue))
    described(world, run)
    if task_waits(world, run):
        team.taken(run).complete()
    described(world, run)


@scenario
def a_pinned_task_completed_as_another_version(world):
    team = Team(world)
    run = on_v1(world, team, behavior=PINNED)
    run.signal()
    task = team.pinned("v1").task(run)
    team.pinned("v2").of(task).complete()
    described(world, run)
    run.signal()
    team.taken(run, behavior=PINNED).complete()


@scenario
def completions_that_are_refused(world):
    team = Team(world)
    for index, fields in enumerate(
        [
            dict(versioning_behavior=PINNED),
            dict(versioning_behavior=PINNED, deployment_options=team.options("v1", UNVERSIONED)),
            dict(versioning_behavior=AUTO_UPGRADE, deployment_options=team.options("v1", "WORKER_VERSIONING_MODE_UNSPECIFIED")),
            dict(versioning_behavior=PINNED, deployment_options=team.options("")),
            dict(versioning_behavior=PINNED, deployment_options=dict(build_id="v1", worker_versioning_mode=VERSIONED)),
        ]
    ):
        run = world.start(f"wf{index}", task_queue=dict(name=world.id("wf-queue")))
        task = team.upgraded("v1").task(run)
        task.worker = Worker(identity="v1")
        with world.tried():
            task.complete(**fields)
        run.terminate()


# ---------------------------------------------------------------------------------------------------------------------
# Sticky workers


def _sticky(world, team, behavior):
    """A run whose next task is for v1's own queue, where a worker is."""
    run = world.start()
    v1 = team.worker("v1", behavior)
    v1.step(run, **v1.sticky(run))
    return run, v1


def _both(team, v1, run):
    """Polls of v1's own queue and of the common one."""
    v2 = team.worker("v2", v1.behavior)
    unversioned = team.unversioned
    return [(v1, v1.sticky_task_later(run)), (v2, v2.task_later(run)), (unversioned, unversioned.task_later(run))]


@scenario
def a_sticky_worker_of_the_current_version(world):
    team = Team(world)
    run, v1 = _sticky(world, team, AUTO_UPGRADE)
    polls = _both(team, v1, run)
    until(lambda: team.call("DescribeTaskQueue", task_queue=v1.sticky_queue(run)).pollers, "the sticky worker polls")
    run.signal()
    team.first(polls, run).complete()


@scenario
def a_sticky_worker_of_the_version_before(world):
    team = Team(world)
    run, v1 = _sticky(world, team, AUTO_UPGRADE)
    team.set_current("v2")
    polls = _both(team, v1, run)
    until(lambda: team.call("DescribeTaskQueue", task_queue=v1.sticky_queue(run)).pollers, "the sticky worker polls")
    run.signal()
    team.first(polls, run).complete()
    described(world, run)


@scenario
def a_sticky_worker_of_a_pinned_workflow(world):
    team = Team(world)
    run, v1 = _sticky(world, team, PINNED)
    team.set_current("v2")
    polls = _both(team, v1, run)
    until(lambda: team.call("DescribeTaskQueue", task_queue=v1.sticky_queue(run)).pollers, "the sticky worker polls")
    run.signal()
    team.first(polls, run).complete()


@scenario
def a_sticky_worker_and_an_activity(world):
    """An activity that goes to the next version takes the workflow from its sticky worker."""
    team = Team(world)
    run = world.start()
    v1 = team.upgraded("v1")
    v1.step(run, schedule_activity("a", run.queue), **v1.sticky(run))
    team.set_current("v2")
    with polling(v1.sticky_task_later(run)):
        until(lambda: team.call("DescribeTaskQueue", task_queue=v1.sticky_queue(run)).pollers, "the sticky worker polls")
        poll = team.upgraded("v2").activity_later(run)
        world.until(run, lambda r: r.workflow_execution_info.versioning_info.HasField("version_transition"))
        team.taken(run).complete()
        Activity(run, poll.result()).complete()


@scenario
def a_sticky_worker_that_is_gone(world):
    team = Team(world)
    run, _ = _sticky(world, team, PINNED)
    team.set_current("v2")
    run.signal()
    team.taken(run, behavior=PINNED).complete()


# ---------------------------------------------------------------------------------------------------------------------
# Updates and queries


@scenario
def an_update_on_the_way(world):
    """An update's task may leave no trace: then the transition does neither."""
    team = Team(world)
    run = on_v1(world, team)
    team.set_current("v2")
    answer = run.update_later("u")
    world.admitted(run, "u")
    task = team.taken(run)
    described(world, run)
    task.complete(messages=[accept("u", 5), respond("u", "done")])
    answer.result()
    described(world, run)


@scenario
def an_update_that_is_refused_on_the_way(world):
    team = Team(world)
    run = on_v1(world, team)
    team.set_current("v2")
    answer = run.update_later("u")
    world.admitted(run, "u")
    task = team.taken(run)
    task.complete(messages=[reject("u")])
    answer.result()
    described(world, run)


@scenario
def an_update_of_a_pinned_workflow(world):
    team = Team(world)
    run = on_v1(world, team, behavior=PINNED)
    team.set_current("v2")
    answer = run.update_later("u")
    world.admitted(run, "u")
    team.taken(run, behavior=PINNED).complete(messages=[accept("u", 5), respond("u", "done")])
    answer.result()


@scenario
def queries(world):
    """Of open and of closed runs: the pinned ones by their version, the others by the current one."""
    team = Team(world)
    for name, behavior in (("pinned", PINNED), ("upgrading", AUTO_UPGRADE), ("unbound", NO_BEHAVIOR)):
        run = world.start(name, task_queue=dict(name=world.id("wf-queue")))
        team.worker("v1", behavior).step(run)
        closed = world.start(f"{name}-closed", task_queue=dict(name=world.id("wf-queue")))
        team.worker("v1", behavior).step(closed, complete_workflow())
    team.set_current("v2")
    for run in list(world.runs.values()):
        team.answers(run, "an answer")


@scenario
def a_query_under_an_override(world):
    team = Team(world)
    run = on_v1(world, team)
    update_options(run, pinned_to(team.v2))
    team.answers(run, "an answer")
    update_options(run, auto_upgraded())
    team.answers(run, "an answer")


# ---------------------------------------------------------------------------------------------------------------------
# Ramps


@scenario
def to_a_version_that_has_all_of_a_ramp(world):
    team = Team(world)
    run = on_v1(world, team)
    team.set_ramping("v2", 100)
    run.signal()
    team.taken(run).complete()
    described(world, run)
    team.set_ramping("", 0)
    run.signal()
    team.taken(run).complete()
    described(world, run)


@scenario
def to_no_version_by_a_ramp(world):
    team = Team(world)
    run = on_v1(world, team)
    team.set_ramping("", 100)
    run.signal()
    team.taken(run).complete()
    described(world, run)


@scenario
def a_ramp_of_nothing(world):
    team = Team(world)
    run = on_v1(world, team)
    team.set_ramping("v2", 0)
    run.signal()
    team.taken(run).complete()


@scenario
def a_ramp_that_is_promoted(world):
    """Nothing changes for a workflow that is there already, but for the revision."""
    team = Team(world)
    team.set_ramping("v2", 100)
    run = world.start()
    team.taken(run).complete()
    described(world, run)
    team.set_current("v2")
    run.signal()
    team.taken(run).complete()
    described(world, run)


# ---------------------------------------------------------------------------------------------------------------------
# What pinned workflows are told of a new version


def _next_task(world, team, run, *commands):
    # Whether a run waits before it follows another one depends on how old that one is.
    world.normalizer.passed_over |= {"first_workflow_task_backoff", "execution_time"}
    run.signal()
    team.taken(run, behavior=PINNED).complete(*commands)


@scenario
def told_of_a_new_version(world):
    team = Team(world, builds=("v1", "v2", "v3"))
    run = on_v1(world, team, behavior=PINNED)
    _next_task(world, team, run)
    team.set_current("v2")
    _next_task(world, team, run)
    _next_task(world, team, run)
    team.set_current("v3")
    _next_task(world, team, run)


@scenario
def told_of_a_new_version_that_is_taken_back(world):
    team = Team(world)
    run = on_v1(world, team, behavior=PINNED)
    team.set_current("v2")
    _next_task(world, team, run)
    team.set_current("v1")
    _next_task(world, team, run)
    team.set_current("v2")
    _next_task(world, team, run)


@scenario
def told_of_a_new_version_and_declined(world):
    team = Team(world, builds=("v1", "v2", "v3"))
    run = on_v1(world, team, behavior=PINNED)
    team.set_current("v2")
    _next_task(world, team, run, continue_as_new())
    second = world.next_run(run)
    team.taken(second, behavior=PINNED).complete()
    described(world, second)
    _next_task(world, team, second, continue_as_new())
    third = world.next_run(second)
    team.set_current("v3")
    team.taken(third, behavior=PINNED).complete()
    _next_task(world, team, third)


@scenario
def told_of_a_new_version_and_declined_and_taken_back(world):
    team = Team(world)
    run = on_v1(world, team, behavior=PINNED)
    team.set_current("v2")
    _next_task(world, team, run, continue_as_new())
    second = world.next_run(run)
    team.taken(second, behavior=PINNED).complete()
    team.set_current("v1")
    _next_task(world, team, second, continue_as_new())
    third = world.next_run(second)
    team.taken(third, behavior=PINNED).complete()


@scenario
def told_of_a_new_version_and_upgraded(world):
    team = Team(world)
    run = on_v1(world, team, behavior=PINNED)
    team.set_current("v2")
    upgrade = dict(initial_versioning_behavior="CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_AUTO_UPGRADE")
    _next_task(world, team, run, continue_as_new(**upgrade))
    second = world.next_run(run)
    described(world, second)
    team.taken(second, behavior=PINNED).complete()
    _next_task(world, team, second)


@scenario
def told_of_a_version_that_ramps(world):
    team = Team(world)
    run = on_v1(world, team, behavior=PINNED)
    team.set_ramping("v2", 100)
    _next_task(world, team, run)
    team.set_ramping("", 0)
    _next_task(world, team, run)


@scenario
def told_that_no_version_is_current(world):
    team = Team(world)
    run = on_v1(world, team, behavior=PINNED)
    team.set_current("")
    _next_task(world, team, run)
    _next_task(world, team, run, continue_as_new())
    second = world.next_run(run)
    team.taken(second, behavior=PINNED).complete()


@scenario
def told_and_then_overridden(world):
    """An override makes the workflow forget what it was told."""
    team = Team(world)
    run = on_v1(world, team, behavior=PINNED)
    team.set_current("v2")
    _next_task(world, team, run)
    update_options(run, pinned_to(team.v1))
    _next_task(world, team, run)
    update_options(run)
    _next_task(world, team, run)


@scenario
def told_while_retried(world):
    team = Team(world)
    run = world.start(retry_policy=dict(initial_interval=seconds(0.1)))
    team.pinned("v1").step(run, continue_as_new(retry_policy=dict(initial_interval=seconds(0.1))))
    team.set_current("v2")
    second = world.next_run(run)
    team.taken(second, behavior=PINNED).complete(fail_workflow())
    third = world.next_run(second)
    team.taken(third, behavior=PINNED).complete()


@scenario
def children_are_told(world):
    team = Team(world, "wf", "child")
    run = on_v1(world, team, behavior=PINNED)
    team.set_current("v2")
    _next_task(world, team, run, start_child(world.id("child"), world.id("child-queue")))
    child = world.child(run, "child")
    team.taken(child, behavior=PINNED).complete()
