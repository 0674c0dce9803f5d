"""docs/devenv: each file is of the form that its reader wants, and the server takes the arguments that they give it."""

import dataclasses
import json
import pathlib
import re
import time

import kubernetes_validate
import pytest
import yaml
from launch import accepts, free_port, launch
from schemas import check_fields, check_jsonschema

DEVENV = pathlib.Path(__file__).resolve().parents[2] / "docs" / "devenv"
COMPOSE = [DEVENV / "compose.yaml", DEVENV / ".devcontainer" / "compose.yaml"]
KUBERNETES = "1.37"
GRPC_PORT = 7233


# What the Worker Controller reads (1.7 to 1.8.1), of what a rollout needs: no field that is not named here, and none missing.
@dataclasses.dataclass
class Reference:
    name: str


@dataclasses.dataclass
class ConnectionSpec:
    hostPort: str


@dataclasses.dataclass
class WorkerOptions:
    connectionRef: Reference
    temporalNamespace: str
    unsafeCustomBuildID: str = ""


@dataclasses.dataclass
class Step:
    rampPercentage: int
    pauseDuration: str


@dataclasses.dataclass
class Rollout:
    strategy: str
    steps: list[Step] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Sunset:
    scaledownDelay: str = ""
    deleteDelay: str = ""


@dataclasses.dataclass
class WorkerDeploymentSpec:
    workerOptions: WorkerOptions
    rollout: Rollout
    sunset: Sunset
    template: dict[str, object]
    replicas: int = 1
    minReadySeconds: int = 0
    progressDeadlineSeconds: int = 600


def manifests():
    """kind -> resource."""
    found = list(yaml.safe_load_all((DEVENV / "kubernetes.yaml").read_text()))
    made = {one["kind"]: one for one in found}
    assert len(made) == len(found)
    return made


def seconds(span):
    number, unit = re.fullmatch(r"(\d+)([smh])", span).groups()
    return int(number) * {"s": 1, "m": 60, "h": 3600}[unit]


def test_compose_files_are_such():
    check_jsonschema("compose-spec", *COMPOSE)


def test_the_development_container_refers_to_what_is_there():
    container = json.loads((DEVENV / ".devcontainer" / "devcontainer.json").read_text())
    compose = yaml.safe_load((DEVENV / ".devcontainer" / container["dockerComposeFile"]).read_text())
    workspace = compose["services"][container["service"]]
    assert f"..:{container['workspaceFolder']}:cached" in workspace["volumes"]
    (ui,) = container["forwardPorts"]
    server, port = ui.split(":")
    assert port in compose["services"][server]["command"]
    assert container["containerEnv"]["TEMPORAL_ADDRESS"] == f"{server}:{GRPC_PORT}"


def test_the_resources_of_kubernetes():
    kinds = manifests()
    for kind in ("StatefulSet", "Service"):
        kubernetes_validate.validate(kinds[kind], KUBERNETES, strict=True)
    (container,) = kinds["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    declared = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert {port["name"]: port["port"] for port in kinds["Service"]["spec"]["ports"]} == declared


def test_the_resources_of_the_worker_controller():
    kinds = manifests()
    connection, deployment = kinds["Connection"], kinds["WorkerDeployment"]
    assert connection["apiVersion"] == deployment["apiVersion"] == "temporal.io/v1alpha1"
    check_fields(connection["spec"], ConnectionSpec)
    check_fields(deployment["spec"], WorkerDeploymentSpec)
    assert connection["spec"]["hostPort"] == f"{kinds['Service']['metadata']['name']}:{GRPC_PORT}"
    assert deployment["spec"]["workerOptions"]["connectionRef"]["name"] == connection["metadata"]["name"]
    rollout = deployment["spec"]["rollout"]
    assert rollout["strategy"] == "Progressive"
    assert all(1 <= step["rampPercentage"] <= 99 and seconds(step["pauseDuration"]) >= 30 for step in rollout["steps"])
    labels = {"app": "worker"}  # the controller's own
    template = {**deployment["spec"]["template"], "metadata": {"labels": labels}}
    worker = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "worker"}}
    worker["spec"] = {"selector": {"matchLabels": labels}, "template": template}
    kubernetes_validate.validate(worker, KUBERNETES, strict=True)


def commands():
    """(arguments of the server, ports that are said to be there) of each file that runs it."""
    for path in COMPOSE:
        service = yaml.safe_load(path.read_text())["services"]["fermata"]
        yield service["command"], {int(port.split(":")[1]) for port in service.get("ports", [])}
    (container,) = manifests()["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    yield container["args"], {port["containerPort"] for port in container["ports"]}


@pytest.mark.parametrize("command, ports", list(commands()))
def test_the_server_takes_its_arguments(fermata_exe, tmp_path, command, ports):
    assert command[:2] == ["server", "start-dev"]
    words = [word.replace("/data", str(tmp_path)) for word in command[2:]]
    given = {}
    for place, word in enumerate(words):
        if word.endswith("-port"):
            given[int(words[place + 1])] = free_port()
            words[place + 1] = str(given[int(words[place + 1])])
    assert ports <= {GRPC_PORT, *given}
    with launch(fermata_exe, "--headless=false", *words) as launched:
        while not all(map(accepts, given.values())):
            assert launched.alive(), launched.output()
            time.sleep(0.01)
    assert (tmp_path / "fermata.db").exists()
