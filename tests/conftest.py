"""What every Python test shares: which executable is under test.

FERMATA_EXE  the server executable to test (absolute, or relative to the current folder).
FERMATA_TEMPORAL_CLI  the temporal command-line client, where it is not in PATH; tests of it are skipped without.
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
    oracle = bool(os.environ.get("ORACLE"))
    for item in items:
        if oracle and item.get_closest_marker("fermata_only"):
            item.add_marker(pytest.mark.skip(reason="holds for Fermata only"))
        if not oracle and item.get_closest_marker("not_built_yet"):
            item.add_marker(pytest.mark.xfail(strict=True, reason="not built yet"))


def pytest_unconfigure():
    # The SDK's native threads may still be handing over their last results, and crash an interpreter that is ending
    # (issue 300 of sdk-python); a worker of xdist that crashes so would be reported as a failure.
    time.sleep(0.3)


@pytest.fixture(scope="session")
def fermata_exe():
    return os.environ["FERMATA_EXE"]
