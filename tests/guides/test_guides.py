"""The guides do what they say: their commands are run as they stand there, and their code is the code in this folder."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import time

import pytest
import yaml
from launch import launch
from schemas import check_jsonschema
from temporal_cli import CLI, needs_cli

HERE = pathlib.Path(__file__).parent
GUIDES = HERE.parents[1] / "docs" / "guides"


def blocks(guide, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", (GUIDES / guide).read_text(), re.M | re.S)


def steps(guide):
    """The commands of a guide, each with the lines that it should print."""
    for block in blocks(guide, "console"):
        for command, printed in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
            yield command, printed.splitlines()


TYPESCRIPT, JAVA = "sdk/typescript/guide", "sdk/java/guide"


@pytest.mark.parametrize(
    "guide, kind, path",
    [
        ("rollout.md", "python", "guides/rollout_worker.py"),
        ("tests.md", "python", "guides/conftest_example.py"),
        ("tests.md", "python", "guides/greeting_example.py"),
        ("tests.md", "go", "sdk/go/guide/guide_test.go"),
        *(("tests.md", "ts", f"{TYPESCRIPT}/{name}.ts") for name in ("vitest.config", "server", "workflows", "greeting.test")),
        ("tests.md", "xml", f"{JAVA}/pom.xml"),
        ("tests.md", "java", f"{JAVA}/src/test/java/GreetingTest.java"),
    ],
)
def test_the_code_is_what_is_run(guide, kind, path):
    """Here, or by the suite of its language in tests/sdk."""
    assert (HERE.parent / path).read_text() in blocks(guide, kind)


def test_the_workflow_of_github_is_one(tmp_path):
    whole, service = map(yaml.safe_load, blocks("tests.md", "yaml"))
    whole["jobs"]["test"] |= service
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({str(key).replace("True", "on"): whole[key] for key in whole}))
    check_jsonschema("github-workflows", tmp_path / "test.yaml")


def unpadded(line):
    return " ".join(line.split())


class Console:
    """Runs commands against one server, in place of the one that the guide starts."""

    def __init__(self, address):
        self.address, self.jobs = address, []

    def run(self, command, expected):
        words = shlex.split(command)
        if words[0] == "python":
            self.jobs.append(subprocess.Popen([sys.executable, HERE / words[1], words[2], self.address]))
        elif words[0] == "kill":
            self.jobs[int(words[1].removeprefix("%")) - 1].terminate()
        else:
            self.temporal(words[1:], expected)

    def temporal(self, words, expected):
        """Again until it prints what is expected: workers come up, and versions drain, in their own time."""
        environment = ["--address", self.address, "--color", "never", "--env-file", os.devnull]
        give_up = time.monotonic() + 30
        while True:
            ended = subprocess.run([CLI, *words, *environment], capture_output=True, text=True, timeout=60)
            printed = {unpadded(line) for line in ended.stdout.splitlines()}
            if ended.returncode == 0 and printed.issuperset(map(unpadded, expected)):
                return
            assert time.monotonic() < give_up, f"{shlex.join(words)}\n{ended.stdout}{ended.stderr}"
            time.sleep(0.2)


@needs_cli
def test_rehearsing_a_rollout(fermata_exe):
    (server, _), *commands = steps("rollout.md")
    words = shlex.split(server)
    assert words[:3] == ["fermata", "server", "start-dev"]
    with launch(fermata_exe, *words[3:]) as launched:
        console = Console(launched.address)
        try:
            for command, expected in commands:
                console.run(command, expected)
        finally:
            for job in console.jobs:
                job.kill()
                job.wait()


def test_the_tests_of_the_guide_pass(fermata_exe, tmp_path):
    shutil.copy(HERE / "conftest_example.py", tmp_path / "conftest.py")
    shutil.copy(HERE / "greeting_example.py", tmp_path / "test_greeting.py")
    (tmp_path / "pytest.ini").write_text(*blocks("tests.md", "ini"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path]
    ended = subprocess.run(command, cwd=tmp_path, env=dict(os.environ, FERMATA=fermata_exe), capture_output=True, text=True)
    assert ended.returncode == 0 and "2 passed" in ended.stdout, ended.stdout


def test_waiting_for_a_server_in_a_script(fermata_exe, tmp_path):
    *_, script = blocks("tests.md", "sh")
    (tmp_path / "fermata").symlink_to(fermata_exe)
    with launch(fermata_exe) as launched:  # not on the default port, which somebody else may have
        waiting = script.splitlines()[1].replace("healthcheck", f"healthcheck --address {launched.address}")
        path = f"{tmp_path}:{os.environ['PATH']}"
        assert subprocess.run(["sh", "-c", waiting], env=dict(os.environ, PATH=path), timeout=30).returncode == 0
