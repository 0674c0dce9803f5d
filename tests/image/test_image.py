"""The image without Docker: an empty root directory with the executable in it, run as the Dockerfile says, by its user.

Needs the static executable and the right to call chroot; skipped otherwise.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import urllib.request

import pytest
from launch import free_port
from temporalio.client import Client

pytestmark = pytest.mark.fermata_only
ROOT = pathlib.Path(__file__).resolve().parents[2]


def instructions():
    """The last stage of the Dockerfile: what each instruction says."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text()).split("FROM scratch", 1)[1]
    return {word: rest for word, rest in re.findall(r"^([A-Z]+) (.*)$", text, re.M)}


def arguments(instruction):
    return json.loads(instruction[instruction.index("[") :])


def is_static(exe):
    head = pathlib.Path(exe).read_bytes()[:4096]
    return head[:4] == b"\x7fELF" and b"/ld-linux" not in head


class Image:
    """An empty root with what the Dockerfile puts there."""

    def __init__(self, root, exe):
        says = instructions()
        self.root, self.entry = root, arguments(says["ENTRYPOINT"])
        self.command, self.check = arguments(says["CMD"]), arguments(says["HEALTHCHECK"])
        self.user, self.group = map(int, says["USER"].split(":"))
        shutil.copy(exe, root / "fermata")
        (root / "data").mkdir()
        os.chown(root / "data", self.user, self.group)

    def start(self, words, **options):
        return subprocess.Popen(words, preexec_fn=self._enter, cwd="/", env={}, stdin=subprocess.DEVNULL, **options)

    def _enter(self):
        os.chroot(self.root)
        os.chdir("/")
        os.setgroups([])
        os.setgid(self.group)
        os.setuid(self.user)

    def healthy(self, port):
        asked = [word.replace("7233", str(port)) for word in self.check]
        return self.start(asked, stderr=subprocess.DEVNULL).wait(30) == 0


@pytest.fixture
def image(tmp_path, fermata_exe):
    if os.geteuid() != 0:
        pytest.skip("chroot needs root")
    if not is_static(fermata_exe):
        pytest.skip("not the static executable")
    for folder in [tmp_path, *tmp_path.parents][:3]:
        os.chmod(folder, 0o755)  # the image's user passes through
    return Image(tmp_path, fermata_exe)


FREE = object()  # stands for a port that nobody listens on


@contextlib.contextmanager
def running(image, *more):
    """The container's process, its port, and what it says. A port that somebody else has meanwhile is tried again."""
    for _ in range(3):
        port = free_port()
        log = open(image.root.parent / "log", "w+")
        flags = [str(free_port()) if flag is FREE else flag for flag in more]
        process = image.start([*image.entry, *image.command, "--port", str(port), *flags], stdout=log, stderr=log)
        give_up = time.monotonic() + 20
        while not (is_healthy := image.healthy(port)) and process.poll() is None and time.monotonic() < give_up:
            pass
        if is_healthy:
            break
    try:
        log.seek(0)
        assert is_healthy, log.read()
        yield port, lambda: (log.seek(0), log.read())[1]
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        log.close()


async def test_it_serves_in_an_empty_root(image):
    with running(image, "--metrics-port", "0", "--http-port", FREE, "--ui-port", FREE) as (port, output):
        json_at = re.search(r"HTTP: +(\S+)", output())[1]
        assert b"serverVersion" in urllib.request.urlopen(f"http://{json_at}/api/v1/cluster-info").read()
        ui_at = re.search(r"UI: +(\S+)", output())[1]
        assert b"<html" in urllib.request.urlopen(ui_at).read()
        client = await Client.connect(f"127.0.0.1:{port}")
        await client.start_workflow("Nobody", id="kept", task_queue="q")
        page = re.search(r"Metrics: +(http://\S+)", output())[1]
        assert b"fermata_commits" in urllib.request.urlopen(page).read()
    assert (image.root / "data" / "fermata.db").stat().st_uid == image.user
    with running(image, "--metrics-port", "0") as (port, _):
        client = await Client.connect(f"127.0.0.1:{port}")
        assert (await client.get_workflow_handle("kept").describe()).workflow_type == "Nobody"


def test_nothing_else_is_needed(image):
    with running(image, "--metrics-port", "0"):
        files = {str(path.relative_to(image.root)) for path in image.root.rglob("*") if path.is_file()}
    assert {name for name in files if not name.startswith("data/")} == {"fermata"}


def test_the_check_fails_when_nobody_answers(image):
    assert not image.healthy(free_port())
