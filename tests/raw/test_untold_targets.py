"""Pinned workflows that are not told, by configuration, when their task queue sends work to another version."""

from versioned import *

SERVER_FLAGS = [*PROMPT, "--dynamic-config-value=system.enableSendTargetVersionChanged=false"]


def test_a_task_does_not_tell_of_another_version(server):
    team = Deployment(server, unique("team"))
    run = server.start()
    team.has("v1", run.queue)
    team.set_current("v1")
    v1 = team.worker("v1", PINNED)
    v1.step(run)
    team.has("v2", run.queue)
    team.set_current("v2")
    run.signal()
    v1.step(run)
    starts = [event for event in run.events() if event.HasField("workflow_task_started_event_attributes")]
    told = [one.workflow_task_started_event_attributes.target_worker_deployment_version_changed for one in starts]
    assert told == [False, False]
