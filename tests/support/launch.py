"""Starts the server as a child process, for the tests that talk to it without an SDK's launcher."""

import contextlib
import os
import random
import socket
import subprocess
import tempfile
import time

LANES_BEGIN, LANES, LANE_PORTS = 12000, 8, 2500


class Launched:
    """A running server. `address` is host:port; `output()` is what it has printed so far."""

    def __init__(self, process, port, log):
        self.process, self.port, self.address, self._log = process, port, f"127.0.0.1:{port}", log
        self.killed = False

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        """SIGKILL, and the block may go on to its end."""
        self.killed = True
        self.process.kill()
        self.process.wait()

    def output(self):
        self._log.flush()
        with open(self._log.name, errors="replace") as log:
            return log.read()


def free_port():
    """A port that nobody listens on. Bound and released: the launch below tries again if another process was faster. Each of
    pytest's workers has ports of its own to choose from, below those that the system gives to clients."""
    lane = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % LANES
    while True:
        port = LANES_BEGIN + lane * LANE_PORTS + random.randrange(LANE_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def accepts(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def launch(exe, *extra):
    """Runs `exe server start-dev` until the block ends; raises with the server's own words if it does not come up."""
    with tempfile.NamedTemporaryFile("w", prefix="fermata-", suffix=".log") as log:
        for _ in range(3):
            port = free_port()
            command = [exe, "server", "start-dev", "--port", str(port), "--headless", "--log-level", "error", *extra]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ)
            give_up = time.monotonic() + 20
            while process.poll() is None and time.monotonic() < give_up:
                if accepts(port):
                    break
                time.sleep(0.01)
            if process.poll() is None:
                break
        server = Launched(process, port, log)
        try:
            if not accepts(port):
                raise RuntimeError(f"the server did not start: {' '.join(command)}\n{server.output()}")
            yield server
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        # Not in the finally: what happened in the block is told first. A sanitizer that finds a leak speaks up only here.
        if process.returncode != 0 and not server.killed:
            raise RuntimeError(f"the server stopped with code {process.returncode}\n{server.output()}")
