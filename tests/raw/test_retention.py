"""Retention: closed runs are deleted when their namespace has kept them for as long as it wants to.

Waiting takes an hour at least, so the runs are made older in the database while the server is down.
"""

import sqlite3
import time

import pytest
from driver import *
from launch import launch

pytestmark = pytest.mark.fermata_only

HOUR = 3600 * 10**9


def age(path, hours, *runs):
    """Makes closed runs look as if they had closed `hours` earlier."""
    with sqlite3.connect(path) as database:
        for run in runs:
            database.execute(
                "UPDATE runs SET close_time = close_time - ? WHERE run_id = ?",
                (int(hours * HOUR), uuid.UUID(run.run_id).bytes),
            )
    database.close()


def rows(path, table):
    database = sqlite3.connect(path)
    ((count,),) = database.execute(f"SELECT count(*) FROM {table}")
    database.close()
    return count


def is_gone(run):
    try:
        run.describe()
    except grpc.RpcError as error:
        assert error.code() == NOT_FOUND, error
        return True
    return False


def wait_until(condition):
    give_up = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up, "it does not happen"
        time.sleep(0.05)


def closed(server, **fields):
    run = server.start(**fields)
    run.terminate()
    return run


def test_what_is_older_than_the_retention_goes_and_the_rest_stays(fermata_exe, tmp_path):
    path = str(tmp_path / "file.db")
    with launch(fermata_exe, "--db-filename", path) as launched, Server(launched.address) as server:
        server.call(
            "RegisterNamespace", namespace="longer", workflow_execution_retention_period=timedelta(hours=72)
        )
        old, young, is_open = closed(server), closed(server), server.start()
        kept = closed(Server(launched.address, "longer"))
        replaced = closed(server)
        current = server.start(workflow_id=replaced.workflow_id)
    age(path, 25, old, kept, replaced)
    age(path, 23, young)
    with launch(fermata_exe, "--db-filename", path) as launched, Server(launched.address) as server:
        for run in (old, young, is_open, replaced, current):
            run.server = server
        wait_until(lambda: is_gone(old) and is_gone(replaced))
        assert not is_gone(young) and not is_gone(is_open) and not is_gone(current)
        kept.server = Server(launched.address, "longer")
        assert not is_gone(kept)
        assert current.describe(execution=dict(workflow_id=current.workflow_id)).workflow_execution_info.status == 1
        reject = "WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE"
        closed(server, workflow_id=old.workflow_id, workflow_id_reuse_policy=reject)


def test_many_runs_go_and_leave_nothing_behind(fermata_exe, tmp_path):
    path, count = str(tmp_path / "file.db"), 300
    with launch(fermata_exe, "--db-filename", path) as launched, Server(launched.address) as server:
        runs = [closed(server) for _ in range(count)]
    age(path, 25, *runs)
    assert rows(path, "runs") == count and rows(path, "events") >= count
    with launch(fermata_exe, "--db-filename", path) as launched, Server(launched.address) as server:
        for run in runs:
            run.server = server
        wait_until(lambda: all(is_gone(run) for run in reversed(runs)))
    assert rows(path, "runs") == 0 and rows(path, "events") == 0
