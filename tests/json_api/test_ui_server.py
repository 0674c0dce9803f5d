"""The web UI's server: its own routes, files, and what other sites may not do."""

import base64
import gzip
import hashlib
import re


import pytest
from sites import serve

NS = "/api/v1/namespaces/default"
CANCEL = f"{NS}/workflows/none/cancel"


def test_health_and_settings(ui):
    assert ui.call("GET", "/healthz").json() == {"status": "OK"}
    settings = ui.call("GET", "/api/v1/settings").json()
    assert settings["Auth"]["Enabled"] is False and settings["Version"] == "2.54.1"
    assert settings["Codec"]["Endpoint"] == "" and settings["DisableWriteActions"] is False


def test_settings_follow_the_command_line(fermata_exe):
    with serve(fermata_exe, "--ui-codec-endpoint", "http://codec:1", "--ui-disable-news-fetch", ui=True) as server:
        settings = server.ui.call("GET", "/api/v1/settings").json()
    assert settings["Codec"]["Endpoint"] == "http://codec:1" and settings["DisableNewsFetch"] is True


def test_the_api_in_its_form_for_browsers(server):
    start = {"workflowType": {"name": "T"}, "taskQueue": {"name": "q"}, "input": [1]}
    assert server.api.call("POST", f"{NS}/workflows/seen", start).status == 200
    answer = server.ui.call("GET", f"{NS}/workflows/seen/history")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["grpc-metadata-content-type"] == "application/grpc"
    assert answer.body.startswith(b'{\n  "history": {\n')
    events = answer.json()["history"]["events"]
    input_ = events[0]["workflowExecutionStartedEventAttributes"]["input"]
    assert input_ == {"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "MQ=="}]}
    assert server.ui.call("GET", "/api/v1/nope").json() == {"code": 5, "message": "Not Found"}


def test_raw_history(server):
    start = {"workflowType": {"name": "T"}, "taskQueue": {"name": "q"}, "input": [1], "workflowRunTimeout": "500.5s"}
    run = server.api.call("POST", f"{NS}/workflows/raw%2F1", start).json()  # its slash makes it another path
    assert run["code"] == 5
    same = {"Sec-Fetch-Site": "same-origin"}
    run = server.ui.call("POST", f"{NS}/workflows/raw%2F1", {**start, "input": {"payloads": [{"data": "MQ=="}]}}, same).json()["runId"]
    for _ in range(400):  # more than a page
        server.ui.call("POST", f"{NS}/workflows/raw%2F1/signal/s", {}, same)
    events = server.ui.call("GET", f"{NS}/workflows/raw%2F1/run/{run}/history.json").json()
    assert [event["event_id"] for event in events] == list(range(1, 403))
    started = events[0]["Attributes"]["WorkflowExecutionStartedEventAttributes"]
    assert events[0]["event_type"] == 1 and set(events[0]["event_time"]) <= {"seconds", "nanos"}
    assert started["workflow_run_timeout"] == {"seconds": 500, "nanos": 500000000}
    assert started["input"] == {"payloads": [{"data": "MQ=="}]}
    (failed,) = server.ui.call("GET", f"{NS}/workflows/raw/run/{run}/history.json").json()
    assert "not found" in failed["error"]


def test_an_answer_that_has_not_changed_costs_nothing(ui):
    first = ui.call("GET", "/api/v1/system-info")
    again = ui.call("GET", "/api/v1/system-info", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert ui.call("GET", "/api/v1/cluster-info", headers={"If-None-Match": first.headers["etag"]}).status == 200


def test_ids_with_slashes(server):
    start = {"workflowType": {"name": "T"}, "taskQueue": {"name": "q"}}
    same = {"Sec-Fetch-Site": "same-origin"}
    assert server.ui.call("POST", f"{NS}/workflows/a%2Fb%20c", start, same).status == 200
    info = server.ui.call("GET", f"{NS}/workflows/a%2Fb%20c").json()["workflowExecutionInfo"]
    assert info["execution"]["workflowId"] == "a/b c"


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"Sec-Fetch-Site": "same-origin"}, 404),
        ({"Sec-Fetch-Site": "none"}, 404),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Authorization": "Bearer x"}, 404),
        ({}, 400),
        ({"X-CSRF-Token": "0" * 32}, 403),
        ({"X-CSRF-Token": "0" * 32, "Cookie": "a=b; _csrf=" + "0" * 32}, 404),
        ({"X-CSRF-Token": "0" * 32, "Cookie": "_csrf=" + "1" * 32}, 403),
        ({"X-CSRF-Token": "", "Cookie": "_csrf="}, 403),
    ],
)
def test_requests_of_other_sites(ui, headers, status):
    assert ui.call("POST", CANCEL, {}, headers).status == status


def test_the_api_port_takes_no_orders_from_pages_of_other_sites(api):
    assert api.call("POST", CANCEL, {}, {"Sec-Fetch-Site": "cross-site"}).json()["code"] == 7
    assert api.call("POST", CANCEL, {}, {"Sec-Fetch-Site": "none"}).json()["code"] == 5
    assert api.call("GET", f"{NS}/workflows", headers={"Sec-Fetch-Site": "cross-site"}).status == 200


def test_the_cookie_is_given_once(ui):
    cookie = ui.call("GET", "/").headers["set-cookie"]
    assert cookie.startswith("_csrf=") and "SameSite=Strict" in cookie
    token = cookie.split(";")[0]
    assert "set-cookie" not in ui.call("GET", "/", headers={"Cookie": token}).headers
    assert ui.call("POST", CANCEL, {}, {"Cookie": token, "X-CSRF-Token": token.split("=")[1]}).status == 404


def test_no_other_origin_is_allowed(server):
    origin = {"Origin": "http://elsewhere", "Access-Control-Request-Method": "POST"}
    answer = server.ui.call("OPTIONS", CANCEL, headers=origin)
    assert answer.status == 204
    answers = [answer, server.ui.call("GET", "/api/v1/settings", headers=origin), server.api.call("GET", NS, headers=origin)]
    assert not any(name.startswith("access-control") for answer in answers for name in answer.headers)


def test_text_of_users_is_shown_as_it_is(ui):
    answer = ui.call("GET", "/render?theme=dark&content=%3Cscript%3Ea%20%26+b")
    assert b"<pre>&lt;script>a &amp; b</pre>" in answer.body and "sandbox" in answer.headers["content-security-policy"]


def test_every_page_is_the_first_one(ui):
    first = ui.call("GET", "/")
    assert first.status == 200 and first.headers["content-type"] == "text/html; charset=utf-8"
    assert ui.call("GET", "/namespaces/default/workflows/a%20b").body == first.body
    head = ui.call("HEAD", "/anything")
    assert head.status == 200 and head.body == b"" and int(head.headers["content-length"]) == len(first.body)
    assert ui.call("GET", "/js/nothing.js").status == 404


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "_app").mkdir()
    (tmp_path / "_app" / "a.js").write_text("1")
    (tmp_path / ".secret").write_text("no")
    (tmp_path / "index.html").write_text('<meta http-equiv="content-security-policy" content="x">base: "" "/_app/a.js"')
    (tmp_path.parent / "outside.txt").write_text("no")
    return tmp_path


def test_files_of_a_folder(fermata_exe, folder):
    with serve(fermata_exe, "--ui-asset-path", str(folder), ui=True) as server:
        script = server.ui.call("GET", "/_app/a.js")
        assert script.body == b"1" and script.headers["content-type"] == "text/javascript; charset=utf-8"
        assert server.ui.call("GET", "/_app/a.js", headers={"If-None-Match": script.headers["etag"]}).status == 304
        assert b"content-security-policy" in server.ui.call("GET", "/x").body
        for path in ("/../outside.txt", "/%2e%2e/outside.txt", "/_app/../../outside.txt", "/.secret", "/_app", "//index.html"):
            assert b"no" != server.ui.call("GET", path).body


def test_a_public_path(fermata_exe, folder):
    with serve(fermata_exe, "--ui-asset-path", str(folder), "--ui-public-path", "/here/", ui=True) as server:
        assert server.ui.call("GET", "/").status == 308
        page = server.ui.call("GET", "/here/").body
        assert b'base: "/here"' in page and b'"/here/_app/a.js"' in page and b"policy" not in page
        for prefix in ("", "/here"):
            assert server.ui.call("GET", prefix + "/_app/a.js").body == b"1"
            assert server.ui.call("GET", prefix + "/healthz").status == 200
            assert server.ui.call("GET", prefix + "/api/v1/system-info").status == 200
    with serve(fermata_exe, "--ui-public-path", "/here", ui=True) as server:
        page = server.ui.call("GET", "/here/some/page").body
        assert b'<base href="/here/"' in page
        assert server.ui.call("GET", "/here/" + re.search(rb'src="(js/[^"]+)"', page)[1].decode()).status == 200


def test_embedded_files_are_compressed_and_kept_by_caches(ui):
    page = ui.call("GET", "/")
    name = re.search(rb'src="(js/[^"]+)"', page.body)[1].decode()
    for path, how_long in (("/", "no-cache"), (f"/{name}", "public, max-age=31536000, immutable")):
        plain = ui.call("GET", path)
        answer = ui.call("GET", path, headers={"Accept-Encoding": "gzip"})
        assert gzip.decompress(answer.body) == plain.body and answer.headers["etag"] == plain.headers["etag"]
        assert ui.call("GET", path, headers={"If-None-Match": plain.headers["etag"]}).status == 304
        assert plain.headers["cache-control"] == how_long


def test_the_policy_allows_what_stands_in_the_page_and_no_other_inline_code(ui):
    page = ui.call("GET", "/")
    policy = page.headers["content-security-policy"]
    for kind in ("script", "style"):
        inline = re.findall(rf"<{kind}>(.*?)</{kind}>".encode(), page.body, re.S)
        hashes = [base64.b64encode(hashlib.sha256(text).digest()).decode() for text in inline]
        assert f"{kind}-src 'self' " + " ".join(f"'sha256-{one}'" for one in hashes) + ";" in policy
    assert "unsafe" not in policy


def test_search_attributes_are_added_and_removed_below_the_ui(ui):
    path = f"{NS}/search-attributes"
    headers = {"Sec-Fetch-Site": "same-origin"}
    added = ui.call("POST", path, {"searchAttributes": {"Mood": "INDEXED_VALUE_TYPE_KEYWORD"}}, headers=headers)
    assert added.status == 200 and ui.call("GET", path).json()["customAttributes"]["Mood"] == "INDEXED_VALUE_TYPE_KEYWORD"
    assert ui.call("POST", f"{path}/remove", {"searchAttributes": ["Mood"]}).status == 400, "another site's request"
    assert ui.call("POST", f"{path}/remove", {"searchAttributes": ["Mood"]}, headers=headers).status == 200
    assert "Mood" not in ui.call("GET", path).json().get("customAttributes", {})
