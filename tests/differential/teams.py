"""What the scenarios of versioned workers share: a team with versions v1 and v2, and who of its workers takes a task."""

from versioned import *
from world import scenario as any_scenario


def scenario(play):
    """Marks a function as a scenario, in a namespace that its module has for itself: one takes a hundred deployments.

    The real server takes a second to tell its task queues of a change: many of these are played at once.
    """
    module = play.__module__.rpartition(".")[2]
    return any_scenario(waits=True, namespace=module.replace("_", "-"))(play)



class Team(Deployment):
    """A deployment with v1 and v2 on the queues of the workflows that are named, and v1 current unless said otherwise."""

    def __init__(self, world, *names, current="v1", builds=("v1", "v2")):
        super().__init__(world, world.id("team"))
        self.world = world
        for build in builds:
            self.has(build, *(world.id(f"{name}-queue") for name in names or ["wf"]))
        self.v1, self.v2, self.v3 = (self.version(build) for build in ("v1", "v2", "v3"))
        self.unversioned = Worker(identity="unversioned")
        if current:
            self.set_current(current)

    def pinned(self, build):
        return self.worker(build, PINNED)

    def upgraded(self, build):
        return self.worker(build, AUTO_UPGRADE)

    def all(self, behavior=AUTO_UPGRADE):
        return [*(self.worker(build, behavior) for build in sorted(self.places)), self.unversioned]

    def taken(self, run, behavior=AUTO_UPGRADE, **fields):
        """The next workflow task, for which workers of all versions and of none wait, taken by one of them."""
        return self.first([(worker, worker.task_later(run, **fields)) for worker in self.all(behavior)], run)

    def first(self, polls, run):
        worker, response = self._first(polls, run)
        return worker.of(Task(run, response))

    def activity_taken(self, run, **fields):
        """The next activity, in the same way."""
        _, response = self._first([(worker, worker.activity_later(run, **fields)) for worker in self.all()], run)
        return Activity(run, response)

    def activity_on_its_way(self, run, behavior=AUTO_UPGRADE):
        """The next activity, after the workflow task that one of its polls may lead to."""
        polls = [(worker, worker.activity_later(run)) for worker in self.all()]
        until(lambda: any(poll.done() for _, poll in polls) or task_waits(self.world, run), "the activity's start")
        if not any(poll.done() for _, poll in polls):
            self.world.note("Not before a workflow task")
            self.taken(run, behavior).complete()
        _, response = self._first(polls, run)
        return Activity(run, response)

    def answers(self, run, *result):
        """Has a query answered by the workers whom it is sent to."""
        query = run.query_later()
        self.taken(run).answer_query(*result)
        query.result()

    def _first(self, polls, run):
        """Who of these workers has got a task, with the task; the other polls are given up."""
        try:
            until(lambda: any(poll.done() for _, poll in polls), "somebody gets a task")
            worker, poll = next((worker, poll) for worker, poll in polls if poll.done())
            self.world.note(f"Taken by {worker.identity}")
            response = poll.result()
            assert response.task_token, "no task came; the history is\n" + run.text()
            return worker, response
        finally:
            for _, poll in polls:
                poll.cancel()

    def no_activity_for(self, run, build):
        """The activities are not for this version now: its poll comes back with nothing."""
        response = self.upgraded(build).activity_later(run, timeout=2.3).result()
        assert not response.task_token, "an activity task came where none is expected; the history is\n" + run.text()


def task_waits(world, run):
    """Whether a workflow task is pending that no worker has."""
    response = world.quietly("DescribeWorkflowExecution", execution=run.execution)
    return response.HasField("pending_workflow_task") and response.pending_workflow_task.state == 1


def described(world, run):
    """What the description says of versions, in the middle of a scenario."""
    response = world.quietly("DescribeWorkflowExecution", execution=run.execution)
    info = response.workflow_execution_info
    lines = world.normalizer.message("versioning_info", info.versioning_info)
    if info.worker_deployment_name:
        lines += [f"worker_deployment_name: {world.normalizer.string(info.worker_deployment_name)}"]
    lines += world.normalizer.message("search_attributes", info.search_attributes)
    for activity in sorted(response.pending_activities, key=lambda activity: activity.activity_id):
        lines += world.normalizer.message("activity", activity)
    world.note("Described", *lines)


# ---------------------------------------------------------------------------------------------------------------------
# Runs and overrides that many scenarios have

def on_v1(world, team, *commands, behavior=AUTO_UPGRADE, **fields):
    """A run whose first task v1 has completed."""
    run = world.start(**fields)
    team.worker("v1", behavior).step(run, *commands)
    return run


KINDS = {
    "pinned": lambda team: pinned_to(team.v2),
    "auto_upgrade": lambda team: auto_upgraded(),
    "once": lambda team: once_on(team.v2),
    "pinned_by_text": lambda team: pinned_to_by_text(team.v2),
    "pinned_by_deployment": lambda team: dict(
        behavior=PINNED, deployment=dict(series_name=team.name, build_id=team.v2["build_id"])
    ),
    "auto_upgrade_by_behavior": lambda team: auto_upgraded_by_behavior(),
}


def for_each_kind(play):
    """A scenario for each kind of override, which the function gets after the world."""
    for kind, override in KINDS.items():

        def one(world, override=override):
            play(world, override)

        one.__name__, one.__module__ = f"{play.__name__}__{kind}", play.__module__
        scenario(one)
    return play
