"""Requests by the host that they name, where the operator has said which hosts may be named."""

import json

import pytest
from sites import serve

WHOLE = pytest.mark.fermata_only  # of several patterns the real server compares only the ends of the first and the last
PATTERNS = ["localhost:*", "*.example.com", "api.*.org"]


@pytest.fixture(scope="module", params=[PATTERNS, []], ids=["some", "none"])
def hosts(request):
    return request.param


@pytest.fixture(scope="module")
def api(fermata_exe, hosts):
    with serve(fermata_exe, f"--dynamic-config-value=frontend.httpAllowedHosts={json.dumps(hosts)}") as serving:
        yield serving.api


@pytest.mark.parametrize(
    "host, is_like_one",
    [
        ("localhost:7243", True),
        ("localhost", False),
        ("LOCALHOST:7243", False),
        ("a.example.com", True),
        ("a.b.example.com", True),
        ("example.com", False),
        pytest.param("a.example.com:80", False, marks=WHOLE),
        ("api.test.org", True),
        ("api.org", False),
        pytest.param("my.api.test.org", False, marks=WHOLE),
        ("127.0.0.1:7243", False),
        ("elsewhere", False),
    ],
)
def test_a_host_is_served_or_refused(api, hosts, host, is_like_one):
    answer = api.call("GET", "/api/v1/system-info", headers={"Host": host})
    if hosts and is_like_one:
        assert answer.status == 200
    else:
        assert (answer.status, answer.json()) == (403, {"code": 7, "message": "Host not allowed"})
