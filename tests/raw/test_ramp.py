"""Ramps: which workflows go to the version that ramps, for the ids alone decide that."""

import os

import pytest
from versioned import *

SERVER_FLAGS = PROMPT
MANY = 200 if os.environ.get("ORACLE") else 10_000  # the real server takes its time
AT_ONCE = 50

# Where ids are on the way from 0 to 100 %: their hash, as a part of 2^32.
PLACES = {
    "ramp-wf-3": 0.4755,
    "workflow-1": 40.9524,
    "ramp-wf-2": 14.9713,
    "thirteen-chr1": 17.7835,
    "ramp-wf-1": 18.2819,
    "abc": 18.5110,
    "a": 23.6683,
    "ramp-wf-11": 33.7659,
    "é-wf": 37.1259,
    "ramp-wf-5": 40.2117,
    "ramp-wf-18": 40.4489,
    "workflow-id-of-25-chars!!": 51.5975,
    "0123456789abcdefghijklmnopqrstuvwxyz": 78.3465,
    "workflow-id-of-24-chars!": 79.4229,
    "workflow-id-16ch": 79.5575,
    "ramp-wf-0": 94.7853,
    "ramp-wf-16": 95.5928,
}


@pytest.fixture(scope="module")
def team(server):
    """v1 is current, v2 is there."""
    until(lambda: ready(server), "the server answers")
    team = Deployment(server, unique("team"))
    team.queue_name = unique("queue")
    team.has("v1", team.queue_name, types=("WORKFLOW",))
    team.has("v2", team.queue_name, types=("WORKFLOW",))
    team.set_current("v1")
    return team


def ready(server):
    try:
        return server.call("DescribeNamespace")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAVAILABLE, error
        return False


def sides(team, ids):
    """Starts a workflow of each id, and has it completed: the ids that v2 was given. Those of v1 are the others."""
    server, ids, taken, left = team.server, set(ids), dict(v1=set(), v2=set()), len(ids)
    waiting = sorted(ids, reverse=True)
    polls, calls = {"v1": [], "v2": []}, []
    give_up = time.monotonic() + 80

    def poll(build):
        return Worker(team.options(build), PINNED, build).task_later(run_on(team), timeout=60)

    while left:
        assert time.monotonic() < give_up, f"{left} of {len(ids)} workflows have not been taken by anybody"
        while waiting and len(calls) < AT_ONCE:
            calls.append(start_later(team, waiting.pop()))
        for build in polls:
            going_on = []
            for future in polls[build]:
                if not future.done():
                    going_on.append(future)
                elif future.result().task_token:
                    left -= 1
                    taken[build].add(future.result().workflow_execution.workflow_id)
                    calls.append(completed_later(team, build, future.result().task_token))
            polls[build] = going_on + [poll(build) for _ in range(10 - len(going_on))]
        calls = [call for call in calls if not (call.done() and call.result() is not None)]
        time.sleep(0.001)
    for call in calls:
        call.result()
    for future in polls["v1"] + polls["v2"]:
        future.cancel()
    assert taken["v1"] | taken["v2"] == ids and not taken["v1"] & taken["v2"]
    return taken["v2"]


def run_on(team):
    return Run(team.server, "", "", team.queue_name)


def start_later(team, id):
    return team.server.call_later(
        "StartWorkflowExecution",
        workflow_id=id,
        workflow_type=dict(name="wf"),
        task_queue=dict(name=team.queue_name),
        request_id=str(uuid.uuid4()),
        timeout=60,
    )


def completed_later(team, build, token):
    return team.server.call_later(
        "RespondWorkflowTaskCompleted",
        task_token=token,
        commands=[complete_workflow()],
        deployment_options=team.options(build),
        versioning_behavior=PINNED,
        timeout=60,
    )


@pytest.mark.parametrize("percentage", [0, 0.47, 0.48, 18.28, 18.29, 37.12, 37.13, 40.44, 40.46, 79.42, 79.43, 95.6, 100])
def test_each_id_has_its_place(team, percentage):
    team.set_ramping("v2", percentage)
    below = {id for id, place in PLACES.items() if place <= percentage}
    assert sides(team, PLACES) == below


@pytest.mark.timeout(300)
def test_as_many_as_the_ramp_says(team):
    part = 0.375
    team.set_ramping("v2", 100 * part)
    ramped = sides(team, [f"many-{index}" for index in range(MANY)])
    spread = (MANY * part * (1 - part)) ** 0.5
    assert abs(len(ramped) - MANY * part) < 4 * spread


@pytest.mark.timeout(300)
def test_raising_it_moves_nobody_back(team):
    ids, before = [unique("wf") for _ in range(MANY // 10)], set()
    for percentage in (1, 10, 50, 80):
        team.set_ramping("v2", percentage)
        now = sides(team, ids)
        assert before <= now
        before = now
    assert set() < before <= set(ids)


def test_ended_and_promoted(team):
    ids = [unique("wf") for _ in range(20)]
    team.set_ramping("v2", 50)
    team.set_ramping("", 0)
    assert sides(team, ids) == set()
    team.set_ramping("v2", 50)
    team.set_current("v2")
    assert sides(team, ids) == set(ids)
    team.set_current("v1")
    assert sides(team, ids) == set()
