"""Queries for which no worker is there: of a version that is drained, or that nobody has polled for."""

import os

import pytest
from versioned import *

SERVER_FLAGS = [
    *PROMPT,
    '--dynamic-config-value=matching.PollerHistoryTTL="2s"',
    '--dynamic-config-value=matching.queryPollerUnavailableWindow="1s"',
]
if os.environ.get("ORACLE"):  # which looks every three minutes otherwise
    SERVER_FLAGS += [
        '--dynamic-config-value=matching.wv.VersionDrainageStatusVisibilityGracePeriod="1s"',
        '--dynamic-config-value=matching.wv.VersionDrainageStatusRefreshInterval="1s"',
    ]

DRAINED = (
    "You are trying to query a closed Workflow that is PINNED to Worker Deployment Version v1, but v1 is drained and has "
    "no pollers to answer the query. Immediately: You can re-deploy Workers in this Deployment Version to take those "
    "queries, or you can workflow update-options to change your workflow to AUTO_UPGRADE. For the future: In your "
    "infrastructure, consider waiting longer after the last queried timestamp as reported in Describe Deployment before "
    "you sunset Workers. Or mark this workflow as AUTO_UPGRADE."
)
NOBODY = "no poller seen for task queue recently, worker may be down"


@pytest.fixture(scope="module")
def team(server):
    until(lambda: ready(server), "the server answers")
    return Deployment(server, unique("team"))


def ready(server):
    try:
        return server.call("DescribeNamespace")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAVAILABLE, error
        return False


def status(team, build):
    info = team.describe_version(build)
    name = info.DESCRIPTOR.fields_by_name["status"].enum_type.values_by_number[info.status].name
    return name.removeprefix("WORKER_DEPLOYMENT_VERSION_STATUS_")


def test_of_a_workflow_whose_version_is_drained(team):
    queue = unique("queue")
    team.has("v1", queue)
    team.set_current("v1")
    run = team.server.start(task_queue=dict(name=queue))
    team.worker("v1", PINNED).step(run, complete_workflow())
    team.set_current("")
    until(lambda: status(team, "v1") == "DRAINED", "v1 is drained")
    until(lambda: not team.queue(queue).pollers, "its worker is forgotten")
    with refused(FAILED_PRECONDITION, DRAINED):
        run.query(timeout=5)


def test_of_a_drained_version_whose_worker_is_back(team):
    queue = unique("queue")
    team.has("v2", queue)
    team.set_current("v2")
    run = team.server.start(task_queue=dict(name=queue))
    team.worker("v2", PINNED).step(run, complete_workflow())
    team.set_current("")
    until(lambda: status(team, "v2") == "DRAINED", "v2 is drained")
    with polling(team.worker("v2").task_later(run)) as poll:
        query = run.query_later()
        Task(run, poll.result()).answer_query("there")
        assert value_of(query.result().query_result) == "there"


def test_of_a_version_that_nobody_has_polled_for(team):
    queue = unique("queue")
    team.has("v3", queue)
    team.set_current("v3")
    run = team.server.start(task_queue=dict(name=queue))
    task = team.worker("v3").task(run)
    team.worker("v4", PINNED).of(task).complete(complete_workflow())
    until(lambda: not team.queue(queue).pollers, "the other version's worker is forgotten")
    with refused(FAILED_PRECONDITION, NOBODY):
        run.query(timeout=3)


def test_of_a_version_whose_worker_has_gone(team):
    queue = unique("queue")
    team.has("v5", queue)
    team.set_current("v5")
    run = team.server.start(task_queue=dict(name=queue))
    team.worker("v5", PINNED).step(run)
    until(lambda: not team.queue(queue).pollers, "its worker is forgotten")
    with refused(FAILED_PRECONDITION, NOBODY):
        run.query(timeout=3)
