"""UpdateWorkflowExecutionOptions: what it takes and what it refuses; and how overrides are refused wherever they may stand."""

import pytest
from versioned import *

SERVER_FLAGS = PROMPT

NOT_THERE = "Pinned version '{}' is not present in task queue '{}' of type 'Workflow'"
BAD_STRING = 'invalid version string "{}", expected format is "<deployment_name>.<build_id>"'

# Each names an override that is refused, and how. {team} stands for the deployment's name.
MALFORMED = {
    "nothing": (dict(), "override behavior is required"),
    "no upgrade": (dict(auto_upgrade=False), "auto-upgrade override must be true"),
    "a pin without its kind": (
        dict(pinned=dict(version=dict(deployment_name="d", build_id="b"))),
        "must specify pinned override behavior if override is pinned.",
    ),
    "a pin without anything": (dict(pinned=dict()), "must provide version if override is pinned."),
    "once on nothing": (dict(one_time=dict()), "must provide target deployment version if override is one-time."),
    "an old pin without a version": (
        dict(behavior=PINNED),
        "must provide deployment (deprecated) or pinned version if behavior is 'PINNED'",
    ),
    "an old pin to garbage": (dict(behavior=PINNED, pinned_version="garbage"), BAD_STRING.format("garbage")),
    "an old pin with a colon only": (dict(behavior=PINNED, pinned_version="a:b"), BAD_STRING.format("a:b")),
    "an old pin without a name": (dict(behavior=PINNED, pinned_version=".b"), BAD_STRING.format(".b")),
    "an old pin without a build": (dict(behavior=PINNED, pinned_version="a."), BAD_STRING.format("a.")),
    "an older pin without anything": (dict(behavior=PINNED, deployment=dict()), "deployment name cannot be empty"),
    "an older pin without a build": (
        dict(behavior=PINNED, deployment=dict(series_name="d")),
        "deployment build ID cannot be empty",
    ),
    "an old upgrade with a version": (
        dict(behavior=AUTO_UPGRADE, pinned_version="a.b"),
        "only provide pinned version if behavior is 'PINNED'",
    ),
    "an old upgrade with a deployment": (
        dict(behavior=AUTO_UPGRADE, deployment=dict(series_name="d", build_id="b")),
        "only provide deployment if behavior is 'PINNED'",
    ),
    "an old behavior that is not there": (dict(behavior=9), "override behavior 9 not recognized"),
    "an old version alone": (dict(pinned_version="a.b"), "override behavior is required"),
    "an old deployment alone": (
        dict(deployment=dict(series_name="d", build_id="b")),
        "override behavior is required",
    ),
}
ELSEWHERE = {  # well-formed, but not where the workflow is; names and builds are not checked any further
    "another build": (lambda name: pinned_to(dict(deployment_name=name, build_id="nope")), "{team}:nope"),
    "another deployment": (lambda name: pinned_to(dict(deployment_name="nope", build_id="v1")), "nope:v1"),
    "activities only": (lambda name: pinned_to(dict(deployment_name=name, build_id="acts")), "{team}:acts"),
    "an empty version": (lambda name: pinned_to(dict()), ":"),
    "no build": (lambda name: pinned_to(dict(deployment_name="d")), "d:"),
    "no name": (lambda name: pinned_to(dict(build_id="b")), ":b"),
    "a name with a dot": (lambda name: pinned_to(dict(deployment_name="a.b", build_id="c")), "a.b:c"),
    "a name with a colon": (lambda name: pinned_to(dict(deployment_name="a:b", build_id="c")), "a:b:c"),
    "a reserved name": (lambda name: pinned_to(dict(deployment_name="__a", build_id="c")), "__a:c"),
    "a long name": (lambda name: pinned_to(dict(deployment_name="a" * 481, build_id="c")), "a" * 481 + ":c"),
    "once": (lambda name: once_on(dict(deployment_name=name, build_id="nope")), "{team}:nope"),
    "once on an empty version": (lambda name: once_on(dict()), ":"),
    "the old form": (lambda name: dict(behavior=PINNED, pinned_version="nope.v1"), "nope:v1"),
    "the old form with two dots": (lambda name: dict(behavior=PINNED, pinned_version="a.b.c"), "a:b.c"),
}


@pytest.fixture(scope="module")
def team(server):
    """v1 has the queue, "acts" only for activities."""
    until(lambda: ready(server), "the server answers")
    team = Deployment(server, unique("team"))
    team.queue_name = unique("queue")
    team.has("v1", team.queue_name)
    team.has("v2", team.queue_name)
    team.has("acts", team.queue_name, types=("ACTIVITY",))
    team.set_current("v1")
    return team


def ready(server):
    try:
        return server.call("DescribeNamespace")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAVAILABLE, error
        return False


def started(team, behavior=None, **fields):
    """A run; with a behavior, after its first task by v1."""
    run = team.server.start(task_queue=dict(name=team.queue_name), **fields)
    if behavior:
        team.worker("v1", behavior).step(run)
    return run


@pytest.fixture
def fields(team):
    return dict(
        workflow_id=unique("wf"),
        workflow_type=dict(name="wf"),
        task_queue=dict(name=team.queue_name),
        request_id=unique("request"),
        identity="client",
    )


def refusals(team):
    for override, text in MALFORMED.values():
        yield override, INVALID_ARGUMENT, text
    for override, version in ELSEWHERE.values():
        text = NOT_THERE.format(version.format(team=team.name), team.queue_name)
        yield override(team.name), FAILED_PRECONDITION, text


NO_VERSION_YET = dict(pinned=dict(behavior="PINNED_OVERRIDE_BEHAVIOR_PINNED"))


# ---------------------------------------------------------------------------------------------------------------------
# Overrides that are refused, wherever they stand


def test_starts_refuse_overrides(team, fields):
    for override, code, text in refusals(team):
        with refused(code, text):
            team.server.call("StartWorkflowExecution", versioning_override=override, **fields)
        with refused(code, text):
            team.server.call(
                "SignalWithStartWorkflowExecution", signal_name="sig", versioning_override=override, **fields
            )
    with refused(INVALID_ARGUMENT, "must provide version if override is pinned."):
        team.server.call("StartWorkflowExecution", versioning_override=NO_VERSION_YET, **fields)


def test_starts_with_an_update_refuse_overrides(team, fields):
    update = dict(
        namespace="default",
        workflow_execution=dict(workflow_id=fields["workflow_id"]),
        request=update_request("u", "up"),
        wait_policy=wait_for("COMPLETED"),
    )
    for override, code, text in refusals(team):
        start = dict(namespace="default", versioning_override=override, **fields)
        with refused(code, "Update-with-Start could not be executed.", MultiOperationFailure) as error:
            team.server.call("ExecuteMultiOperation", operations=[dict(start_workflow=start), dict(update_workflow=update)])
        first, second = error.got.statuses
        assert (first.code, first.message) == (code.value[0], text)
        assert (second.code, second.message) == (ABORTED.value[0], "Operation was aborted.")


def test_a_running_workflow_refuses_overrides(team):
    run = started(team, AUTO_UPGRADE)
    for override, code, text in refusals(team):
        with refused(code, text):
            update_options(run, workflow_execution_options=dict(versioning_override=override))
    run.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowTaskScheduled
        3 WorkflowTaskStarted
        4 WorkflowTaskCompleted
    """)
    run.terminate()


def test_what_follows_a_reset_refuses_overrides(team):
    run = started(team, AUTO_UPGRADE)
    for override, code, text in refusals(team):
        with refused(code, text):
            reset(run, dict(workflow_execution_options=dict(versioning_override=override), update_mask=OVERRIDE))
    with refused(INVALID_ARGUMENT, "must provide version if override is pinned."):
        reset(run, dict(workflow_execution_options=dict(versioning_override=NO_VERSION_YET), update_mask=OVERRIDE))
    assert run.status() == "RUNNING"
    run.terminate()


def reset(run, update):
    return run.server.call(
        "ResetWorkflowExecution",
        workflow_execution=run.execution,
        workflow_task_finish_event_id=4,
        request_id=unique("reset"),
        post_reset_operations=[dict(update_workflow_options=update)],
    )


@pytest.mark.parametrize("case", MALFORMED)
def test_children_are_not_started_with_bad_overrides(team, case):
    override, text = MALFORMED[case]
    run = started(team)
    task = team.worker("v1", PINNED).task(run)
    cause = "BadStartChildExecutionAttributes"
    with refused(INVALID_ARGUMENT, f"{cause}: {text}"):
        task.complete(start_child(unique("child"), team.queue_name, versioning_override=override))
    failed = run.events()[3]
    assert event_type(failed) == "WorkflowTaskFailed"
    assert attributes_of(failed).failure.message == f"{cause}: {text}"
    run.terminate()


@pytest.mark.fermata_only  # the real server answers INTERNAL
def test_nothing_is_pinned_to_no_version(team, fields):
    override = dict(behavior=PINNED, pinned_version=NO_VERSION)
    with refused(INVALID_ARGUMENT, BAD_STRING.format(NO_VERSION)):
        team.server.call("StartWorkflowExecution", versioning_override=override, **fields)


# ---------------------------------------------------------------------------------------------------------------------
# Requests that are refused

OVERRIDE = dict(paths=["versioning_override"])
UPGRADE = dict(versioning_override=dict(auto_upgrade=True))


def call(team, **fields):
    return team.server.call("UpdateWorkflowExecutionOptions", **fields)


def test_incomplete_requests_are_refused(team):
    run = started(team)
    rest = dict(workflow_execution_options=UPGRADE, update_mask=OVERRIDE)
    for fields, text in (
        (dict(), "WorkflowId is not set on request."),
        (dict(rest, workflow_execution=dict()), "WorkflowId is not set on request."),
        (dict(rest, workflow_execution=dict(workflow_id="x", run_id="zzz")), "RunId is not valid UUID."),
        (dict(workflow_execution=run.execution), "UpdateMask is required"),
        (dict(workflow_execution=run.execution, workflow_execution_options=UPGRADE), "UpdateMask is required"),
        (dict(workflow_execution=run.execution, update_mask=OVERRIDE), "WorkflowExecutionOptions is required"),
        (dict(rest, namespace="", workflow_execution=run.execution), "Namespace is empty."),
    ):
        with refused(INVALID_ARGUMENT, text):
            call(team, **fields)
    run.terminate()


def test_workflows_that_are_not_there(team):
    rest = dict(update_mask=OVERRIDE)
    elsewhere = dict(versioning_override=pinned_to(team.version("nope")))
    for options in (UPGRADE, elsewhere):
        rest["workflow_execution_options"] = options
        with refused(NOT_FOUND, "workflow not found for ID: nope", NotFoundFailure):
            call(team, workflow_execution=dict(workflow_id="nope"), **rest)
    run, other = started(team), str(uuid.uuid4())
    text = f'workflow execution not found for workflow ID "{run.workflow_id}" and run ID "{other}"'
    with refused(NOT_FOUND, text, NotFoundFailure):
        call(team, workflow_execution=dict(workflow_id=run.workflow_id, run_id=other), **rest)
    with refused(NOT_FOUND, "Namespace nope is not found.", NamespaceNotFoundFailure(namespace="nope")):
        call(team, namespace="nope", workflow_execution=run.execution, **rest)
    run.terminate()
    for options in (UPGRADE, elsewhere):
        for execution in (run.execution, dict(workflow_id=run.workflow_id)):
            rest["workflow_execution_options"] = options
            with refused(NOT_FOUND, "workflow execution already completed", NotFoundFailure):
                call(team, workflow_execution=execution, **rest)


def test_masks_that_are_refused(team):
    run = started(team)
    for path in ("bogus", "versioningOverride", "priority.bogus", "priority.priorityKey", "*", ""):
        # The Go library has either kind of space behind the colon, so that nobody compares its texts.
        text = re.compile(
            r"error parsing UpdateMask: proto:[ \u00a0]invalid path "
            + re.escape(f'"{path}" for message "temporal.api.workflow.v1.WorkflowExecutionOptions"')
        )
        for paths in ([path], ["versioning_override", path]):
            with refused(INVALID_ARGUMENT, text):
                update_options(run, auto_upgraded(), mask=paths)
    together = "versioning_override fields must be updated together"
    whole = "versioning_override doesn't support partial updates"
    for paths, text in (
        (["versioning_override.behavior"], together),
        (["versioning_override.deployment"], together),
        (["versioning_override", "versioning_override.behavior"], together),
        (["versioning_override.pinned_version"], whole),
        (["versioning_override.pinned"], whole),
        (["versioning_override.auto_upgrade"], whole),
        (["versioning_override.pinned.version"], whole),
        (["time_skipping_config.enabled"], "time_skipping_config doesn't support partial update"),
    ):
        with refused(INVALID_ARGUMENT, f"error applying update_options: {text}"):
            update_options(run, auto_upgraded(), mask=paths)
    run.terminate()


def test_an_override_is_looked_at_whatever_the_mask_says(team):
    run = started(team)
    with refused(INVALID_ARGUMENT, "override behavior is required"):
        update_options(run, mask="priority", workflow_execution_options=dict(versioning_override=dict()))
    elsewhere = pinned_to(team.version("nope"))
    with refused(FAILED_PRECONDITION, NOT_THERE.format(f"{team.name}:nope", team.queue_name)):
        update_options(run, mask="priority", workflow_execution_options=dict(versioning_override=elsewhere))
    with refused(INVALID_ARGUMENT, "override behavior is required"):
        options = dict(versioning_override=dict())
        update_options(run, mask="versioning_override.pinned", workflow_execution_options=options)
    run.terminate()


def test_priorities_that_are_refused(team):
    run = started(team)
    for priority, text in (
        (dict(priority_key=-1), "priority key can't be negative"),
        (dict(fairness_key="k" * 65), "fairness key length exceeds limit"),
        (dict(fairness_weight=-1), "must be greater than zero"),
    ):
        for mask in ("priority", "versioning_override"):
            with refused(INVALID_ARGUMENT, text):
                update_options(run, mask=mask, workflow_execution_options=dict(priority=priority))
    run.terminate()


def test_time_skipping_is_not_enabled(team):
    run = started(team)
    with refused(UNIMPLEMENTED, "The Time-Skipping feature is not enabled for namespace."):
        update_options(run, mask="time_skipping_config", workflow_execution_options=dict(time_skipping_config=dict()))
    run.terminate()


@pytest.mark.parametrize("behavior, name", [(AUTO_UPGRADE, "AutoUpgrade"), (None, "Unspecified")])
def test_a_pin_without_a_version_needs_a_pinned_workflow(team, behavior, name):
    run = started(team, behavior)
    text = (
        f"must specify a specific pinned override version because workflow with id {run.workflow_id} "
        f"has behavior {name} and is not yet pinned to any version"
    )
    with refused(FAILED_PRECONDITION, text):
        update_options(run, NO_VERSION_YET)
    run.terminate()


# ---------------------------------------------------------------------------------------------------------------------
# What is accepted


def options_of(response):
    return json_format.MessageToDict(response.workflow_execution_options, preserving_proto_field_name=True)


def test_a_pin_without_a_version_is_to_where_the_workflow_is(team):
    run = started(team, PINNED)
    response = update_options(run, NO_VERSION_YET)
    assert response.workflow_execution_options.versioning_override.pinned.version.build_id == "v1"
    run.expect("""
        ...
        5 WorkflowExecutionOptionsUpdated versioning_override.pinned.version.build_id=v1 identity=operator
    """)
    run.terminate()


def test_what_was_asked_for_is_echoed_in_its_own_form(team):
    run = started(team, AUTO_UPGRADE)
    dotted = f"{team.name}.v2"
    for override, echo in (
        (dict(behavior=PINNED, pinned_version=dotted), dict(behavior=PINNED, pinned_version=dotted)),
        (auto_upgraded_by_behavior(), dict(behavior=AUTO_UPGRADE)),
        (auto_upgraded(), dict(auto_upgrade=True)),
        (once_on(team.version("v1")), dict(one_time=dict(target_deployment_version=team.version("v1")))),
        (
            pinned_to(team.version("v2")),
            dict(pinned=dict(behavior="PINNED_OVERRIDE_BEHAVIOR_PINNED", version=team.version("v2"))),
        ),
    ):
        assert options_of(update_options(run, override)) == dict(versioning_override=echo)
    assert options_of(update_options(run, mask=[])) == dict(versioning_override=echo)
    assert options_of(update_options(run)) == {}
    run.terminate()


def test_the_newer_form_counts_where_both_stand(team):
    run = started(team, AUTO_UPGRADE)
    both = dict(auto_upgraded(), behavior=PINNED, pinned_version="nope.v1")
    update_options(run, both)
    run.expect("""
        ...
        5 WorkflowExecutionOptionsUpdated versioning_override.auto_upgrade=true versioning_override.pinned_version=-
    """)
    run.terminate()


def test_an_old_pin_by_a_deployment_is_not_looked_up(team):
    run = started(team, AUTO_UPGRADE)
    update_options(run, dict(behavior=PINNED, deployment=dict(series_name="nope", build_id="v1")))
    info = run.describe().workflow_execution_info.versioning_info
    assert info.versioning_override.pinned.version.deployment_name == "nope"
    run.terminate()


def test_parts_of_a_priority(team):
    run = started(team, priority=dict(priority_key=2, fairness_key="tenant"))
    for mask, priority, expected in (
        ("priority.priority_key", dict(priority_key=4, fairness_key="no"), dict(priority_key=4, fairness_key="tenant")),
        ("priority.fairness_key", dict(fairness_key="t2"), dict(priority_key=4, fairness_key="t2")),
        (
            ["priority.fairness_weight", "priority.fairness_key"],
            dict(fairness_weight=2.5),
            dict(priority_key=4, fairness_weight=2.5),
        ),
        (["priority", "priority.priority_key"], dict(fairness_weight=0.5), dict(fairness_weight=0.5)),
        ("priority", dict(priority_key=9), dict(priority_key=9)),
    ):
        response = update_options(run, mask=mask, workflow_execution_options=dict(priority=priority))
        assert options_of(response) == dict(priority=expected), mask
        info = run.describe().workflow_execution_info
        assert json_format.MessageToDict(info.priority, preserving_proto_field_name=True) == expected
    run.terminate()


def test_by_workflow_id_alone(team):
    first = started(team)
    update_options(first, auto_upgraded(), workflow_execution=dict(workflow_id=first.workflow_id))
    first.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowTaskScheduled
        3 WorkflowExecutionOptionsUpdated versioning_override.auto_upgrade=true identity=operator
    """)
    assert first.events()[2].worker_may_ignore
    first.terminate()


# ---------------------------------------------------------------------------------------------------------------------
# Pins and the queue that a worker keeps for its own workflows


def test_a_pin_while_a_task_runs_ends_the_workers_hold_on_the_workflow(team):
    """The worker names a queue of its own for the next task, which another version's worker gets all the same."""
    run = started(team, AUTO_UPGRADE)
    v1, v2 = team.worker("v1", AUTO_UPGRADE), team.worker("v2", PINNED)
    run.signal()
    task = v1.task(run)
    with polling(v1.sticky_task_later(run, timeout=60)) as own:
        update_options(run, pinned_to(team.version("v2")))
        task.complete(**v1.sticky(run, timeout=1))
        v2.step(run)
        run.signal()
        v2.step(run)
        assert not own.done()


def test_a_query_of_a_workflow_that_was_pinned_while_a_task_ran(team):
    run = started(team, AUTO_UPGRADE)
    v1, v2 = team.worker("v1", AUTO_UPGRADE), team.worker("v2", PINNED)
    run.signal()
    task = v1.task(run)
    update_options(run, pinned_to(team.version("v2")))
    task.complete(**v1.sticky(run, timeout=1))
    v2.step(run)
    answer = run.query_later("state")
    v2.task(run).answer_query("of v2")
    assert value_of(answer.result().query_result) == "of v2"
