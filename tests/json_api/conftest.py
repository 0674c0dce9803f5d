"""Tests of the JSON API and of the web UI's server share a server per file."""

import pytest
from sites import serve


@pytest.fixture(scope="module")
def server(fermata_exe):
    with serve(fermata_exe, ui=True) as serving:
        yield serving


@pytest.fixture(scope="module")
def api(server):
    return server.api


@pytest.fixture(scope="module")
def ui(server):
    return server.ui
