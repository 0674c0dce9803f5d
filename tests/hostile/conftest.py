"""Each test has a server of its own, and the server has to survive it: afterwards it still answers others, stops at SIGTERM
with code 0, and (in the build with sanitizers) has leaked nothing."""

import time

import pytest
from launch import launch
from wire import Wire


class Victim:
    def __init__(self, launched):
        self.port, self.process, self.launched = launched.port, launched.process, launched

    def connect(self, **options):
        return Wire(self.port, **options)

    def still_serves(self, **options):
        """Another client gets its answer now."""
        with self.connect(**options) as other:
            other.system_info()

    def stop(self, seconds=10):
        """SIGTERM; how long it took to end with code 0."""
        started = time.monotonic()
        self.process.terminate()
        code = self.process.wait(seconds)
        took = time.monotonic() - started
        assert code == 0, f"code {code}:\n{self.launched.output()}"
        return took

    def resident_kilobytes(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


@pytest.fixture
def victim(fermata_exe):
    with launch(fermata_exe) as launched:
        victim = Victim(launched)
        yield victim
        if victim.process.poll() is None:
            victim.still_serves()
            victim.stop()
        assert victim.process.returncode == 0, launched.output()
        assert "Sanitizer" not in launched.output(), launched.output()
