"""What every Python test shares: which executable is under test.

FERMATA_EXE  the server executable to test (absolute, or relative to the current folder).
ORACLE=1     says that this executable is the real server; tests marked fermata_only are skipped.
"""

import os
import shutil
import time

import pytest

pytest.register_assert_rewrite("driver", "stories")


def pytest_configure(config):
    exe = os.environ.get("FERMATA_EXE", "")
    if not exe:
        raise pytest.UsageError("set FERMATA_EXE to the server executable, e.g. FERMATA_EXE=build/release/fermata")
    found = shutil.which(exe)
    if found is None:
        raise pytest.UsageError(f"FERMATA_EXE={exe} is not an executable file")
    os.environ["FERMATA_EXE"] = os.path.abspath(found)


def pytest_collection_modifyitems(items):
    if os.environ.get("ORACLE"):
        skip = pytest.mark.skip(reason="holds for Fermata only")
        for item in items:
            if item.get_closest_marker("fermata_only"):
                item.add_marker(skip)


def pytest_unconfigure():
    # The SDK's native threads may still be handing over their last results, and crash an interpreter that is ending
    # (issue 300 of sdk-python); a worker of xdist that crashes so would be reported as a failure.
    time.sleep(0.3)


@pytest.fixture(scope="session")
def fermata_exe():
    return os.environ["FERMATA_EXE"]
