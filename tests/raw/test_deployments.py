"""Worker deployments and their versions: making, changing, describing, listing and deleting them, and what is refused."""

import pytest
from rollout import *
from temporalio.api.enums.v1 import task_queue_pb2

LONG = "x" * 481
TOO_LONG = "size of {} larger than the maximum allowed"
INVALID = 'invalid version string "{}", expected format is "<deployment_name>.<build_id>"'
NOT_THE_MANAGER = (
    "ManagerIdentity '{}' is set and does not match user identity '{}'; to proceed, set your own identity as the "
    "ManagerIdentity, remove the ManagerIdentity, or wait for the other client to do so"
)

# ---------------------------------------------------------------------------------------------------------------------
# The form of requests

NAMES = {
    "": "WorkerDeploymentName cannot be empty",
    LONG: TOO_LONG.format("WorkerDeploymentName"),
    "a.b": "worker deployment name cannot contain '.'",
    "a:b": "worker deployment name cannot contain ':'",
    "__a": "WorkerDeploymentName cannot start with '__'",
}
BUILD_IDS = {LONG: TOO_LONG.format("BuildID"), "__1": "BuildID cannot start with '__'"}


@pytest.mark.parametrize("name", NAMES)
def test_names_of_deployments(server, name):
    text = NAMES[name]
    with refused(INVALID_ARGUMENT, text):
        server.call("DescribeWorkerDeployment", deployment_name=name)
    with refused(INVALID_ARGUMENT, text):
        server.call("DeleteWorkerDeployment", deployment_name=name)
    with refused(INVALID_ARGUMENT, text):
        server.call("SetWorkerDeploymentManager", deployment_name=name, identity="operator", self=True)
    with refused(INVALID_ARGUMENT, text if name else "deployment name cannot be empty"):
        server.call("CreateWorkerDeployment", deployment_name=name)
    with refused(INVALID_ARGUMENT, text if name else "deployment name cannot be empty"):
        server.call("CreateWorkerDeploymentVersion", deployment_version=dict(deployment_name=name, build_id="1"))
    with refused(INVALID_ARGUMENT, text if name else "deployment name cannot be empty"):
        server.call("SetWorkerDeploymentCurrentVersion", deployment_name=name)
    with refused(INVALID_ARGUMENT, text):
        server.call("SetWorkerDeploymentRampingVersion", deployment_name=name)


@pytest.mark.parametrize("build", BUILD_IDS)
def test_build_ids(server, build):
    team = Rollout(server)
    with refused(INVALID_ARGUMENT, BUILD_IDS[build]):
        team.create_version(build)
    with refused(INVALID_ARGUMENT, BUILD_IDS[build]):
        team.describe_version(build)
    with refused(INVALID_ARGUMENT, BUILD_IDS[build]):
        team.set_current(build, allow_no_pollers=True)
    with refused(INVALID_ARGUMENT, BUILD_IDS[build]):
        team.set_ramping(build, 5, allow_no_pollers=True)


def test_names_that_are_blank(server):
    with refused(INVALID_ARGUMENT, "deployment name cannot be empty"):
        server.call("CreateWorkerDeploymentVersion")
    with refused(INVALID_ARGUMENT, "build ID cannot be empty"):
        server.call("CreateWorkerDeploymentVersion", deployment_version=dict(deployment_name="d"))
    with refused(INVALID_ARGUMENT, "deployment name cannot be empty"):
        server.call("UpdateWorkerDeploymentVersionComputeConfig")
    with refused(INVALID_ARGUMENT, "build ID cannot be empty"):
        server.call("UpdateWorkerDeploymentVersionComputeConfig", deployment_version=dict(deployment_name="d"))
    with refused(INVALID_ARGUMENT, "deployment version cannot be empty"):
        server.call("DescribeWorkerDeploymentVersion")
    with refused(INVALID_ARGUMENT, "Identity is required"):
        server.call("SetWorkerDeploymentManager", deployment_name="")


@pytest.mark.parametrize("text", ["abc", "a:b", ".1", "a.", "."])
def test_texts_that_are_no_versions(server, text):
    for method in ("DescribeWorkerDeploymentVersion", "DeleteWorkerDeploymentVersion"):
        with refused(INVALID_ARGUMENT, INVALID.format(text)):
            server.call(method, version=text)


def test_no_version_is_none_to_describe_or_delete(server):
    for method in ("DescribeWorkerDeploymentVersion", "DeleteWorkerDeploymentVersion"):
        with refused(INVALID_ARGUMENT, "WorkerDeploymentName cannot be empty"):
            server.call(method, version="__unversioned__")


def test_a_name_with_a_dot_is_read_as_another(server):
    """Messages go through their texts."""
    name = unique("a")
    with refused(NOT_FOUND, f"workflow not found for ID: temporal-sys-worker-deployment:{name}", NotFoundFailure):
        server.call("DeleteWorkerDeploymentVersion", deployment_version=dict(deployment_name=f"{name}.b", build_id="1"))
    with refused(INVALID_ARGUMENT, "invalid version string 'a.b.1' does not match deployment name 'a.b'"):
        server.call("SetWorkerDeploymentCurrentVersion", deployment_name="a.b", build_id="1")


def test_texts_in_changes_of_routing(server):
    team = Rollout(server)
    for method in ("SetWorkerDeploymentCurrentVersion", "SetWorkerDeploymentRampingVersion"):
        text = "invalid version string: expected delimiter ':' or '.' not found in version string abc"
        with refused(INVALID_ARGUMENT, text):
            server.call(method, deployment_name=team.name, version="abc")
        with refused(INVALID_ARGUMENT, f"invalid version string 'o.1' does not match deployment name '{team.name}'"):
            server.call(method, deployment_name=team.name, version="o.1")
    text = "invalid version string: deployment name is empty in version string .1"
    with refused(INVALID_ARGUMENT, text):
        server.call("SetWorkerDeploymentRampingVersion", build_id="1")


@pytest.mark.parametrize("percentage", [-1, 100.5, 101])
def test_percentages(server, percentage):
    with refused(INVALID_ARGUMENT, "Percentage must be between 0 and 100 (inclusive)"):
        Rollout(server).set_ramping("1", percentage)


# ---------------------------------------------------------------------------------------------------------------------
# What is not there


def test_an_unknown_deployment(server):
    team = Rollout(server)
    for call in (
        team.describe,
        lambda: team.create_version("1"),
        lambda: team.set_current("1"),
        lambda: team.set_current(""),
        lambda: team.set_ramping("1", 10),
        lambda: team.set_ramping("", 0),
    ):
        with no_deployment(team.name):
            call()
    workflow = f"workflow not found for ID: temporal-sys-worker-deployment:{team.name}"
    with refused(NOT_FOUND, workflow, NotFoundFailure):
        team.set_manager(self=True)
    with refused(NOT_FOUND, workflow, NotFoundFailure):
        team.delete_version("1")
    team.delete()  # that it is gone is all that is wanted


def test_an_unknown_version(server):
    team = Rollout(server)
    team.create()
    unknown = f"build ID 'nope' not found in Worker Deployment '{team.name}'"
    with refused(NOT_FOUND, "Worker Deployment Version not found", NotFoundFailure):
        team.describe_version("nope")
    with refused(NOT_FOUND, unknown, NotFoundFailure):
        team.set_current("nope")
    with refused(NOT_FOUND, unknown, NotFoundFailure):
        team.set_ramping("nope", 10)
    with refused(NOT_FOUND, unknown, NotFoundFailure):
        server.call("UpdateWorkerDeploymentVersionComputeConfig", deployment_version=team.version("nope"))
    workflow = f"workflow not found for ID: temporal-sys-worker-deployment-version:{team.name}:nope"
    with refused(NOT_FOUND, workflow, NotFoundFailure):
        team.set_metadata("nope", a=1)
    team.delete_version("nope")


def test_an_unknown_namespace(server):
    for method in (
        "CreateWorkerDeployment",
        "DescribeWorkerDeployment",
        "DescribeWorkerDeploymentVersion",
        "ListWorkerDeployments",
        "SetWorkerDeploymentManager",
        "DeleteWorkerDeployment",
    ):
        detail = NamespaceNotFoundFailure(namespace="nons")
        with refused(NOT_FOUND, "Namespace nons is not found.", detail):
            server.call(method, namespace="nons")


# ---------------------------------------------------------------------------------------------------------------------
# Making


def test_a_deployment_is_made(server):
    team = Rollout(server)
    token = team.create(identity="me", request_id="r1").conflict_token
    assert len(token) == 15 and token[:1] == b"\x01" and token[-2:] == b"\xff\xff"  # an instant as Go writes it
    assert team.create(identity="you", request_id="r1").conflict_token == token
    with refused(ALREADY_EXISTS, f'Worker Deployment with name "{team.name}" already exists'):
        team.create(identity="me", request_id="r2")
    with refused(ALREADY_EXISTS, f'Worker Deployment with name "{team.name}" already exists'):
        team.create()
    described = team.describe()
    info = described.worker_deployment_info
    assert described.conflict_token == token
    assert (info.name, info.last_modifier_identity, info.manager_identity) == (team.name, "me", "")
    assert info.create_time.seconds > 0 and not info.version_summaries
    assert info.routing_config_update_state == task_queue_pb2.ROUTING_CONFIG_UPDATE_STATE_COMPLETED
    assert info.routing_config == type(info.routing_config)(current_version="__unversioned__")


def test_a_version_is_made(server):
    team = Rollout(server)
    team.create()
    token = team.token
    team.create_version("1.0", identity="me", request_id="q1")
    team.create_version("1.0", identity="me", request_id="q1")
    with refused(ALREADY_EXISTS, f'Worker Deployment Version "{team.name}.1.0" already exists'):
        team.create_version("1.0", identity="me", request_id="q2")
    info = team.version_info("1.0")
    assert (info.version, info.last_modifier_identity) == (f"{team.name}.1.0", "me")
    assert status_name(info.status) == "CREATED"
    assert info.deployment_version.build_id == "1.0" and info.deployment_version.deployment_name == team.name
    assert [field.name for field, _ in info.ListFields()] == [
        "version", "create_time", "deployment_version", "status", "last_modifier_identity"
    ]  # fmt: skip
    summary = team.summary("1.0")
    assert status_name(summary.status) == "CREATED" and [name for name in TIMES if summary.HasField(name)] == TIMES[:1]
    assert team.token == token and team.info.last_modifier_identity == ""


def test_versions_by_text_and_by_message(server):
    team = Rollout(server)
    team.create()
    team.create_version("a.b:c")
    assert team.version_info("a.b:c").version == f"{team.name}.a.b:c"
    for text in (f"{team.name}.a.b:c", f"{team.name}:a.b:c"):
        found = server.call("DescribeWorkerDeploymentVersion", version=text).worker_deployment_version_info
        assert found.deployment_version.build_id == "a.b:c"


# ---------------------------------------------------------------------------------------------------------------------
# The current version


def test_a_current_version_is_set_and_unset(server):
    team, queue = Rollout(server), unique("queue")
    team.polled("v1", queue)
    assert team.info.last_modifier_identity == ""
    first = team.token
    response = team.set_current("v1", identity="me", conflict_token=first)
    assert response.previous_version == "__unversioned__" and not response.HasField("previous_deployment_version")
    assert response.conflict_token == team.token != first
    info = team.info
    routing = info.routing_config
    assert routing.current_version == f"{team.name}.v1" and routing.current_deployment_version.build_id == "v1"
    assert routing.revision_number == 1 and info.last_modifier_identity == "me"
    assert routing.HasField("current_version_changed_time")
    assert not routing.HasField("ramping_version_changed_time") and routing.ramping_version == ""
    with refused(FAILED_PRECONDITION, "conflict token mismatch"):
        team.set_current("", identity="me", conflict_token=first)
    response = team.set_current("", identity="you", conflict_token=response.conflict_token)
    assert response.previous_version == f"{team.name}.v1"
    assert response.previous_deployment_version.build_id == "v1"
    assert team.routing.current_version == "__unversioned__" and team.routing.revision_number == 2
    assert not team.routing.HasField("current_deployment_version")


def test_what_is_current_already(server):
    """The same by the same changes nothing, whatever the token; by another it changes the token and who was last."""
    team = Rollout(server)
    team.set_current("v1", identity="me", allow_no_pollers=True)
    before = team.describe()
    response = team.set_current("v1", identity="me", conflict_token=b"of long ago")
    assert response.previous_version == f"{team.name}.v1" and response.conflict_token == before.conflict_token
    with refused(FAILED_PRECONDITION, "conflict token mismatch"):
        team.set_current("v1", identity="you", conflict_token=b"of long ago")
    response = team.set_current("v1", identity="you")
    assert response.previous_version == f"{team.name}.v1" and response.conflict_token != before.conflict_token
    after = team.info
    assert after.last_modifier_identity == "you"
    assert after.routing_config == before.worker_deployment_info.routing_config


def test_a_version_that_nobody_has_polled_for(server):
    team = Rollout(server)
    with no_deployment(team.name):
        team.set_current("v1")
    team.set_current("v1", allow_no_pollers=True)
    team.becomes(v1="CURRENT")
    with refused(ALREADY_EXISTS, f'Worker Deployment with name "{team.name}" already exists'):
        team.create()
    with refused(NOT_FOUND, f"build ID 'v2' not found in Worker Deployment '{team.name}'", NotFoundFailure):
        team.set_ramping("v2", 5)
    team.set_ramping("v2", 5, allow_no_pollers=True)
    team.becomes(v1="CURRENT", v2="RAMPING")


def test_the_form_by_text(server):
    team = Rollout(server)
    team.set_current("v0", allow_no_pollers=True)
    response = server.call(
        "SetWorkerDeploymentCurrentVersion",
        deployment_name=team.name,
        version=f"{team.name}:v1.0",
        build_id="v9",
        allow_no_pollers=True,
    )
    assert response.previous_version == f"{team.name}.v0"
    assert team.routing.current_deployment_version.build_id == "v1.0"
    server.call("SetWorkerDeploymentCurrentVersion", deployment_name=team.name, version="__unversioned__")
    assert team.routing.current_version == "__unversioned__"


# ---------------------------------------------------------------------------------------------------------------------
# Ramps


def test_a_ramp_is_set_raised_and_ended(server):
    team, queue = Rollout(server), unique("queue")
    team.set_current("v1", allow_no_pollers=True)
    team.polled("v2", queue)
    response = team.set_ramping("v2", 12.5)
    assert (response.previous_version, response.previous_percentage) == ("", 0)
    assert response.conflict_token == team.token
    began = team.routing
    assert began.ramping_version == f"{team.name}.v2" and began.ramping_deployment_version.build_id == "v2"
    assert (began.ramping_version_percentage, began.revision_number) == (12.5, 2)
    assert time_of(began, "ramping_version_changed_time") == time_of(began, "ramping_version_percentage_changed_time")
    team.becomes(v1="CURRENT", v2="RAMPING")
    assert team.version_info("v2").ramp_percentage == 12.5

    response = team.set_ramping("v2", 50)
    assert (response.previous_version, response.previous_percentage) == (f"{team.name}.v2", 12.5)
    raised = team.routing
    assert (raised.ramping_version_percentage, raised.revision_number) == (50, 3)
    assert raised.ramping_version_changed_time == began.ramping_version_changed_time
    assert time_of(raised, "ramping_version_percentage_changed_time") > time_of(
        began, "ramping_version_percentage_changed_time"
    )
    eventually(lambda: team.version_info("v2").ramp_percentage == 50, "v2 at 50 %")
    assert team.version_info("v2").ramping_since_time == began.ramping_version_changed_time

    response = team.set_ramping("", 0)
    assert (response.previous_version, response.previous_percentage) == (f"{team.name}.v2", 50)
    ended = team.routing
    assert (ended.ramping_version, ended.ramping_version_percentage, ended.revision_number) == ("", 0, 4)
    assert not ended.HasField("ramping_deployment_version")
    assert time_of(ended, "ramping_version_changed_time") > time_of(raised, "ramping_version_percentage_changed_time")
    eventually(lambda: team.status("v2") in ("DRAINING", "DRAINED"), "v2 drains")


def test_a_ramp_of_0_percent(server):
    team = Rollout(server)
    team.create()
    team.create_version("v1")
    team.set_ramping("v1", 0)
    team.becomes(v1="RAMPING")
    assert team.routing.ramping_version == f"{team.name}.v1" and team.routing.ramping_version_percentage == 0


def test_what_ramps_already(server):
    team = Rollout(server)
    team.set_ramping("v1", 10, identity="me", allow_no_pollers=True)
    before = team.describe()
    response = team.set_ramping("v1", 10, identity="me", conflict_token=b"of long ago")
    assert (response.previous_version, response.previous_percentage) == (f"{team.name}.v1", 10)
    assert response.conflict_token == before.conflict_token
    with refused(FAILED_PRECONDITION, "conflict token mismatch"):
        team.set_ramping("v1", 11, identity="me", conflict_token=b"of long ago")
    assert team.set_ramping("v1", 10, identity="you").conflict_token != before.conflict_token
    assert team.routing == before.worker_deployment_info.routing_config
    assert team.info.last_modifier_identity == "you"


def test_ending_a_ramp_that_there_is_not(server):
    team = Rollout(server)
    token = team.create(identity="me").conflict_token
    response = team.set_ramping("", 0, identity="you")
    assert (response.previous_version, response.previous_percentage) == ("", 0) and response.conflict_token != token
    assert team.info.last_modifier_identity == "you" and team.routing.revision_number == 0


def test_a_ramp_to_workers_without_a_version(server):
    team = Rollout(server)
    team.create()
    text = "requested ramping version __unversioned__ is already current"
    with refused(FAILED_PRECONDITION, text):
        team.set_ramping("", 10)
    team.set_current("v1", allow_no_pollers=True)
    team.set_ramping("", 10)
    routing = team.routing
    assert (routing.ramping_version, routing.ramping_version_percentage) == ("__unversioned__", 10)
    assert not routing.HasField("ramping_deployment_version")
    response = team.set_current("")
    assert response.previous_version == f"{team.name}.v1"
    assert (team.routing.ramping_version, team.routing.ramping_version_percentage) == ("", 0)


def test_the_current_version_does_not_ramp(server):
    team = Rollout(server)
    team.set_current("v1", allow_no_pollers=True)
    with refused(FAILED_PRECONDITION, f"requested ramping version {team.name}.v1 is already current"):
        team.set_ramping("v1", 10)


def test_the_ramping_version_becomes_current(server):
    team = Rollout(server)
    team.set_current("v1", allow_no_pollers=True)
    team.set_ramping("v2", 30, allow_no_pollers=True)
    team.set_current("v2")
    routing = team.routing
    assert (routing.ramping_version, routing.ramping_version_percentage) == ("", 0)
    now = time_of(routing, "current_version_changed_time")
    assert time_of(routing, "ramping_version_changed_time") == now
    assert time_of(routing, "ramping_version_percentage_changed_time") == now
    assert routing.revision_number == 3


def test_a_ramp_stays_when_another_version_becomes_current(server):
    team = Rollout(server)
    team.set_current("v1", allow_no_pollers=True)
    team.set_ramping("v2", 30, allow_no_pollers=True)
    team.set_current("v3", allow_no_pollers=True)
    assert team.routing.ramping_version == f"{team.name}.v2" and team.routing.ramping_version_percentage == 30


# ---------------------------------------------------------------------------------------------------------------------
# The life of a version


def test_the_life_of_two_versions(server):
    team, queue = Rollout(server), unique("queue")
    team.polled("v1", queue)
    team.becomes(v1="INACTIVE")
    team.set_current("v1")
    team.becomes(v1="CURRENT")
    first = team.routing
    one = team.summary("v1")
    assert [name for name in TIMES if one.HasField(name)] == [
        "create_time", "routing_update_time", "current_since_time", "first_activation_time", "last_current_time"
    ]  # fmt: skip
    since = time_of(first, "current_version_changed_time")
    assert {time_of(one, name) for name in TIMES[1:] if one.HasField(name)} == {since}

    team.polled("v2", queue)
    team.set_ramping("v2", 10)
    team.becomes(v1="CURRENT", v2="RAMPING")
    two = team.summary("v2")
    assert [name for name in TIMES if two.HasField(name)] == [
        "create_time", "routing_update_time", "ramping_since_time", "first_activation_time"
    ]  # fmt: skip
    assert team.summary("v1") == one
    ramping = time_of(two, "ramping_since_time")
    team.set_ramping("v2", 20)
    eventually(lambda: time_of(team.summary("v2"), "routing_update_time") > ramping, "v2 is raised")
    assert time_of(team.summary("v2"), "ramping_since_time") == ramping

    team.set_current("v2")
    eventually(lambda: team.statuses()["v2"] == "CURRENT" and team.status("v1").startswith("DRAIN"), "v2 is current")
    second = time_of(team.routing, "current_version_changed_time")
    one, two = team.summary("v1"), team.summary("v2")
    assert [name for name in TIMES if one.HasField(name)] == [
        "create_time", "routing_update_time", "first_activation_time", "last_current_time", "last_deactivation_time"
    ]  # fmt: skip
    assert time_of(one, "last_deactivation_time") == time_of(one, "routing_update_time") == second
    assert time_of(one, "first_activation_time") == time_of(one, "last_current_time") == since
    assert one.HasField("drainage_info") and one.drainage_status == one.drainage_info.status
    assert time_of(one.drainage_info, "last_changed_time") >= second
    assert time_of(two, "first_activation_time") == ramping
    assert time_of(two, "current_since_time") == time_of(two, "last_current_time") == second
    assert not two.HasField("ramping_since_time") and not two.HasField("last_deactivation_time")
    assert [one.deployment_version.build_id for one in team.info.version_summaries] == ["v2", "v1"]

    team.set_current("v1", ignore_missing_task_queues=True)
    eventually(lambda: team.statuses()["v1"] == "CURRENT" and team.status("v2").startswith("DRAIN"), "v1 is back")
    one = team.summary("v1")
    assert time_of(one, "first_activation_time") == since and not one.HasField("last_deactivation_time")
    assert time_of(one, "current_since_time") == time_of(one, "last_current_time") > second
    assert not team.version_info("v1").HasField("drainage_info")


# ---------------------------------------------------------------------------------------------------------------------
# The manager


def test_a_manager_alone_changes_routing(server):
    team = Rollout(server)
    team.create(identity="me")
    team.create_version("v1")
    token = team.token
    response = team.set_manager("boss", self=True, conflict_token=token)
    assert response.previous_manager_identity == "" and response.conflict_token == team.token != token
    assert (team.info.manager_identity, team.info.last_modifier_identity) == ("boss", "boss")
    text = NOT_THE_MANAGER.format("boss", "ops")
    for change in (
        lambda: team.set_current("v1", identity="ops"),
        lambda: team.set_ramping("v1", 1, identity="ops"),
        lambda: team.delete_version("v1", identity="ops"),
    ):
        with refused(FAILED_PRECONDITION, text):
            change()
    team.create_version("v2", identity="ops")
    team.set_metadata("v2", a=1, identity="ops")
    team.set_current("v1", identity="boss")
    with refused(FAILED_PRECONDITION, "conflict token mismatch"):
        team.set_manager("ops", manager_identity="", conflict_token=token)
    assert team.set_manager("ops", manager_identity="other").previous_manager_identity == "boss"
    assert team.set_manager("ops", manager_identity="").previous_manager_identity == "other"
    assert team.info.manager_identity == "" and team.routing.revision_number == 1
    team.set_current("", identity="anybody")


def test_who_is_the_manager_already(server):
    team = Rollout(server)
    team.create()
    token = team.set_manager("boss", self=True).conflict_token
    response = team.set_manager("boss", manager_identity="boss", conflict_token=b"of long ago")
    assert (response.previous_manager_identity, response.conflict_token) == ("boss", token)


# ---------------------------------------------------------------------------------------------------------------------
# Metadata and compute configs


def test_metadata(server):
    team = Rollout(server)
    team.create()
    team.create_version("v1", identity="me")
    token = team.token
    with refused(INVALID_ARGUMENT, "At least one of remove_entries or upsert_entries must be provided"):
        team.set_metadata("v1")
    assert not team.set_metadata("v1", remove=["a"]).entries
    assert {key: value_of(value) for key, value in team.set_metadata("v1", a=1, b=2, c=3).entries.items()} == dict(
        a=1, b=2, c=3
    )
    changed = team.set_metadata("v1", identity="you", remove=["a", "d", "nope"], b=20, d=4)
    assert {key: value_of(value) for key, value in changed.entries.items()} == dict(b=20, c=3)
    info = team.version_info("v1")
    assert info.metadata == changed and info.last_modifier_identity == "you"
    assert team.token == token and team.info.last_modifier_identity == ""
    server.call(
        "UpdateWorkerDeploymentVersionMetadata", version=f"{team.name}.v1", upsert_entries=dict(b=payload("text"))
    )
    assert value_of(team.version_info("v1").metadata.entries["b"]) == "text"


def group(provider, **fields):
    return dict(scaling_group=dict(dict(provider=dict(type=provider)), **fields))


def test_metadata_of_many_entries(server):
    """Of entries with one key the last one counts; the order of keys is their own."""
    team = Rollout(server)
    team.create()
    team.create_version("v1")
    many = {f"key-{number}": number for number in range(3000)}
    team.set_metadata("v1", **many)
    changed = team.set_metadata("v1", remove=[f"key-{number}" for number in range(0, 3000, 2)], **{"key-1": "one"})
    assert len(changed.entries) == 1500 and value_of(changed.entries["key-1"]) == "one"
    assert {value_of(value) for key, value in changed.entries.items() if key != "key-1"} == set(range(3, 3000, 2))


@pytest.mark.fermata_only  # there they are limited by what a message may hold
def test_what_is_kept_has_a_length(server):
    team, long = Rollout(server), "i" * 1001
    team.create()
    team.create_version("v1")
    text = "Identity length exceeds limit."
    for call in (
        lambda: team.create(identity=long),
        lambda: team.create_version("v2", identity=long),
        lambda: team.set_current("v1", identity=long),
        lambda: team.set_ramping("v1", 1, identity=long),
        lambda: team.set_manager(long, self=True),
        lambda: team.set_manager(manager_identity=long),
        lambda: team.set_metadata("v1", a=1, identity=long),
        lambda: team.delete_version("v1", identity=long),
    ):
        with refused(INVALID_ARGUMENT, text):
            call()
    with refused(INVALID_ARGUMENT, "RequestId length exceeds limit."):
        team.create(request_id=long)
    many = dict((f"g{number}", group("k8s")) for number in range(101))
    with refused(INVALID_ARGUMENT, "at most 100 scaling groups can be changed at once"):
        server.call(
            "UpdateWorkerDeploymentVersionComputeConfig",
            deployment_version=team.version("v1"),
            compute_config_scaling_groups=many,
        )


def test_compute_configs_that_are_none(server):
    team = Rollout(server)
    team.create()
    config = dict(scaling_groups=dict(a=dict(provider=dict(type="x"))))
    with refused(INVALID_ARGUMENT, "entry a: invalid compute provider type 'x'"):
        team.create_version("v1", compute_config=config)
    assert not team.info.version_summaries
    team.create_version("v1")
    with refused(INVALID_ARGUMENT, "entry a: invalid compute provider type 'x'"):
        server.call(
            "UpdateWorkerDeploymentVersionComputeConfig",
            deployment_version=team.version("v1"),
            compute_config_scaling_groups=dict(a=group("x")),
        )
    text = (
        "No prior compute config found, which means nothing can be removed and something needs to be added to be valid"
    )
    for fields in (dict(), dict(compute_config_scaling_groups=dict(a=group("k8s")), remove_compute_config_scaling_groups=["b"])):
        with refused(INVALID_ARGUMENT, text):
            server.call("ValidateWorkerDeploymentVersionComputeConfig", **fields)


@pytest.mark.fermata_only  # the real server asks the provider, and runs workers there
def test_compute_configs_are_kept(server):
    team = Rollout(server)
    team.create()
    config = dict(scaling_groups=dict(a=dict(provider=dict(type="k8s"), task_queue_types=["TASK_QUEUE_TYPE_WORKFLOW"])))
    team.create_version("v1", compute_config=config)
    assert team.version_info("v1").compute_config.scaling_groups["a"].provider.type == "k8s"
    assert team.summary("v1").compute_config.scaling_groups["a"].provider_type == "k8s"
    update = dict(deployment_version=team.version("v1"), identity="you")
    server.call(
        "UpdateWorkerDeploymentVersionComputeConfig",
        compute_config_scaling_groups=dict(
            a=dict(group("aws-ecs"), update_mask=dict(paths=["provider.type"])), b=group("k8s")
        ),
        **update,
    )
    info = team.version_info("v1")
    assert {name: one.provider.type for name, one in info.compute_config.scaling_groups.items()} == dict(
        a="aws-ecs", b="k8s"
    )
    assert len(info.compute_config.scaling_groups["a"].task_queue_types) == 1 and info.last_modifier_identity == "you"
    text = "entry c: only one scaling group can have no task types defined"
    with refused(INVALID_ARGUMENT, text):
        server.call(
            "UpdateWorkerDeploymentVersionComputeConfig", compute_config_scaling_groups=dict(c=group("k8s")), **update
        )
    server.call("UpdateWorkerDeploymentVersionComputeConfig", remove_compute_config_scaling_groups=["a", "b"], **update)
    assert not team.version_info("v1").HasField("compute_config")


# ---------------------------------------------------------------------------------------------------------------------
# Deleting


def test_a_version_is_deleted(server):
    team = Rollout(server)
    team.create(identity="me")
    team.create_version("v1")
    token = team.token
    with refused(FAILED_PRECONDITION, "deployment has versions, can't be deleted"):
        team.delete()
    team.delete_version("v1", identity="you")
    assert team.statuses() == {} and team.info.last_modifier_identity == "you" and team.token == token
    with refused(NOT_FOUND, "Worker Deployment Version not found", NotFoundFailure):
        team.describe_version("v1")
    team.delete_version("v1")
    team.delete()
    with no_deployment(team.name):
        team.describe()
    team.create()  # another one
    assert team.info.last_modifier_identity == ""


def test_versions_that_may_not_be_deleted(server):
    team, queue = Rollout(server), unique("queue")
    team.set_current("v1", allow_no_pollers=True)
    team.set_ramping("v2", 10, allow_no_pollers=True)
    for build in ("v1", "v2"):
        text = f"version '{team.name}:{build}' cannot be deleted since it is current or ramping"
        with refused(FAILED_PRECONDITION, text):
            team.delete_version(build, skip_drainage=True)
    team.polled("v3", queue)
    with refused(FAILED_PRECONDITION, f"version '{team.name}:v3' cannot be deleted since it has active pollers"):
        team.delete_version("v3", skip_drainage=True)


def test_a_draining_version_is_deleted_when_that_is_asked_for(server):
    team = Rollout(server)
    team.set_ramping("v1", 10, allow_no_pollers=True)
    team.set_ramping("", 0)
    eventually(lambda: team.status("v1") == "DRAINING", "v1 drains")
    with refused(FAILED_PRECONDITION, f"version '{team.name}:v1' cannot be deleted since it is draining"):
        team.delete_version("v1")
    team.delete_version("v1", skip_drainage=True)
    assert team.statuses() == {}


def test_a_deleted_version_that_is_polled_for_is_a_new_one(server):
    team, queue = Rollout(server), unique("queue")
    team.set_current("v1", allow_no_pollers=True)
    team.set_current("")
    eventually(lambda: team.status("v1").startswith("DRAIN"), "v1 drains")
    team.delete_version("v1", skip_drainage=True)
    team.polled("v1", queue)
    team.becomes(v1="INACTIVE")
    summary = team.summary("v1")
    assert [name for name in TIMES if summary.HasField(name)] == ["create_time"]


# ---------------------------------------------------------------------------------------------------------------------
# Lists


def listed(server, **fields):
    response = server.call("ListWorkerDeployments", **fields)
    return {one.name: one for one in response.worker_deployments}, response.next_page_token


def test_a_list(server):
    team, other = Rollout(server), Rollout(server)
    team.set_current("v1", allow_no_pollers=True)
    team.set_ramping("v2", 10, allow_no_pollers=True)
    team.create_version("v3")
    other.create()
    eventually(lambda: {team.name, other.name} <= set(listed(server)[0]), "both are listed")
    eventually(lambda: listed(server)[0][team.name].latest_version_summary.version == f"{team.name}.v3", "v3 is listed")
    one = listed(server)[0][team.name]
    assert one.routing_config == team.routing and one.create_time == team.info.create_time
    assert one.current_version_summary.deployment_version.build_id == "v1"
    assert one.ramping_version_summary.deployment_version.build_id == "v2"
    empty = listed(server)[0][other.name]
    assert not empty.HasField("latest_version_summary") and not empty.HasField("current_version_summary")
    assert empty.routing_config.current_version == "__unversioned__"


def test_a_draining_version_in_a_list(server):
    team = Rollout(server)
    team.set_current("v1", allow_no_pollers=True)
    team.set_current("")
    eventually(lambda: team.status("v1").startswith("DRAIN"), "v1 drains")

    def drains():
        latest = listed(server)[0][team.name].latest_version_summary
        return latest.drainage_info.status == team.version_info("v1").drainage_info.status and not latest.drainage_status

    eventually(drains, "the list says so")


def test_a_list_by_pages(server):
    made = [Rollout(server) for _ in range(5)]
    for team in made:
        team.create()
    eventually(lambda: {team.name for team in made} <= set(listed(server)[0]), "all are listed")
    names, token = [], b""
    while True:
        page, token = listed(server, page_size=2, next_page_token=token)
        assert len(page) <= 2
        names += page
        if not token:
            break
    assert [name for name in names if name in {team.name for team in made}] == [team.name for team in reversed(made)]
    assert len(names) == len(set(names))
    assert list(listed(server, page_size=-1)[0]) == names


# ---------------------------------------------------------------------------------------------------------------------
# What came before worker deployments

SETS = "Worker versioning v0.1 (Version Set-based, deprecated) is disabled on this namespace."
RULES = "Worker versioning v0.2 (Rules-based, deprecated) is disabled on this namespace."
OLDER = dict(
    UpdateWorkerBuildIdCompatibility=SETS,
    GetWorkerBuildIdCompatibility=SETS,
    UpdateWorkerVersioningRules=RULES,
    GetWorkerVersioningRules=RULES,
    GetWorkerTaskReachability=RULES,
)
GONE = ["ListDeployments", "DescribeDeployment", "GetCurrentDeployment", "SetCurrentDeployment", "GetDeploymentReachability"]


@pytest.mark.parametrize("method", OLDER)
def test_sets_and_rules_are_switched_off(server, method):
    with refused(PERMISSION_DENIED, OLDER[method], PermissionDeniedFailure):
        server.call(method)


@pytest.mark.parametrize("method", GONE)
def test_deployments_without_versions_are_gone(server, method):
    text = "Deployments are deprecated and no longer supported, use Worker Deployments instead"
    with refused(UNIMPLEMENTED, text):
        server.call(method)
