import pytest
from driver import Server
from launch import launch

REPORTED = pytest.StashKey()


@pytest.fixture(scope="module")
def server(request, fermata_exe):
    """One server for the tests of a module: they share it, but no workflow id and no task queue.

    A module's SERVER_FLAGS are added to the command line.
    """
    with launch(fermata_exe, *getattr(request.module, "SERVER_FLAGS", ())) as launched:
        request.node.stash[REPORTED] = launched
        with Server(launched.address) as server:
            yield server
        if not launched.alive():
            pytest.fail(f"the server died with code {launched.process.returncode}:\n{launched.output()}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What the server printed belongs into the report of a failed test."""
    outcome = yield
    report = outcome.get_result()
    module = item.getparent(pytest.Module)
    launched = module.stash.get(REPORTED, None) if module else None
    if report.failed and launched is not None:
        state = "running" if launched.alive() else f"gone, code {launched.process.returncode}"
        lines = [line[:300] for line in launched.output().splitlines()[-40:]]
        report.sections.append((f"server ({state})", "\n".join(lines)))
