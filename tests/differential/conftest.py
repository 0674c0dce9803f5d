"""The differential test runs against FERMATA_EXE.

With --rewrite it runs against ORACLE_EXE, the real server, and writes what that does into tests/oracle/:
`ORACLE_EXE=... pytest tests/differential --rewrite [-k a_scenario]`.
"""

import os

import grpc
import pytest
from driver import Server
from launch import launch
from versioned import PROMPT
from world import SCENARIOS

ATTRIBUTES = (
    "Keyword=Keyword",
    "Keywords=KeywordList",
    "Text=Text",
    "Int=Int",
    "Double=Double",
    "Bool=Bool",
    "Datetime=Datetime",
)
FLAGS = [*(f"--search-attribute=Diff{attribute}" for attribute in ATTRIBUTES), *PROMPT]


def pytest_addoption(parser):
    parser.addoption("--rewrite", action="store_true", help="write tests/oracle/ from the real server, ORACLE_EXE")


@pytest.fixture(scope="session")
def rewrite(pytestconfig):
    # Unknown when this folder was not named on the command line, because then pytest reads this file too late.
    return pytestconfig.getoption("--rewrite", default=False)


def answers(address):
    """Waits until calls are answered: the real server listens before it is ready."""
    with Server(address) as server:
        while True:
            try:
                server.call("DescribeNamespace", timeout=5)
                return
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.UNAVAILABLE, error


@pytest.fixture(scope="module")
def launched(fermata_exe, rewrite):
    if rewrite and not os.environ.get("ORACLE_EXE"):
        pytest.fail("--rewrite needs the real server's executable in ORACLE_EXE")
    namespaces = {f"--namespace={play.namespace}" for play in SCENARIOS.values()} - {"--namespace=default"}
    with launch(os.environ["ORACLE_EXE"] if rewrite else fermata_exe, *FLAGS, *sorted(namespaces)) as launched:
        answers(launched.address)
        yield launched
        if not launched.alive():
            pytest.fail(f"the server died with code {launched.process.returncode}:\n{launched.output()}")
