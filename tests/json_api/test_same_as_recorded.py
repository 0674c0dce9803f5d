"""What the JSON API answers to a list of calls is what the real server answered when tests/oracle/json_api/calls.txt was made:

    ORACLE_EXE=... REWRITE=1 pytest tests/json_api/test_same_as_recorded.py

Ids and times are put in other words; members have no order.
"""

import base64
import difflib
import http.client
import json
import os
import pathlib
import re
import time

import pytest
from launch import accepts, free_port, launch

RECORDED = pathlib.Path(__file__).parent.parent / "oracle" / "json_api" / "calls.txt"
REWRITE = bool(os.environ.get("REWRITE"))

NS = "/api/v1/namespaces/default"
START = {"workflowType": {"name": "T"}, "taskQueue": {"name": "q"}}
BINARY = {"metadata": {"encoding": "YmluYXJ5L3BsYWlu"}, "data": "AAEC/w=="}
INPUT = ["a", 1, -1.5, True, None, {"b": [1, {"c": None}], "a": "\u00fc\n"}, BINARY]
MESSAGE = {"_protoMessageType": "x.Y", "a": "b"}

# (method, path, body, headers); what is missing is nothing. A body that is a text is sent as it is.
CALLS = [
    # Starts, in every form.
    ("POST", f"{NS}/workflows/one", {**START, "input": INPUT, "workflowRunTimeout": "90.5s", "request_id": "first"}),
    ("POST", f"{NS}/workflows/one", {**START, "requestId": "second"}),
    ("POST", f"{NS}/workflows/one", {**START, "requestId": "first"}),
    ("POST", f"{NS}/workflows/two?pretty", {**START, "input": [MESSAGE], "memo": {"fields": {"m": {"x": 1}}}}),
    ("POST", "/namespaces/default/workflows/three", {**START, "input": {"payloads": [BINARY]}, "identity": "me"}),
    ("POST", f"{NS}/workflows/with%20blank%25", START),
    (
        "POST",
        f"{NS}/workflows/four",
        {**START, "input": {"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "WzFd"}]}},
        {"Content-Type": "application/json+no-payload-shorthand"},
    ),
    ("POST", f"{NS}/workflows/five", {**START, "input": []}),
    ("POST", f"{NS}/workflows/bad", {**START, "input": "a"}),
    ("POST", f"{NS}/workflows/bad", {**START, "taskQueue": {"name": "q", "kind": "TASK_QUEUE_KIND_NOPE"}}),
    ("POST", f"{NS}/workflows/bad", {**START, "workflowRunTimeout": "soon"}),
    ("POST", f"{NS}/workflows/bad", {**START, "workflowRunTimeout": 5}),
    ("POST", f"{NS}/workflows/bad", {**START, "workflowRunTimeout": "-1s"}),
    ("POST", f"{NS}/workflows/bad", {**START, "priority": {"priorityKey": 1.5}}),
    ("POST", f"{NS}/workflows/bad", {"bogus": 1}),
    ("POST", f"{NS}/workflows/bad", {"workflowType": {"name": "T", "nope": {}}}),
    ("POST", f"{NS}/workflows/bad", '{"identity":"a","identity":"b"}'),
    ("POST", f"{NS}/workflows/bad", '{"identity":5}'),
    ("POST", f"{NS}/workflows/bad", '{"workflowType":5}'),
    ("POST", f"{NS}/workflows/bad", '{"a":'),
    ("POST", f"{NS}/workflows/bad", "x"),
    ("POST", f"{NS}/workflows/bad", '{"identity" "x"}'),
    ("POST", f"{NS}/workflows/bad", "[]"),
    ("POST", f"{NS}/workflows/bad", "null"),
    ("POST", f"{NS}/workflows/bad", ""),
    ("POST", f"{NS}/workflows/bad", "{}"),
    ("POST", "/api/v1/namespaces/nowhere/workflows/bad", START),
    # What has been written, in every form.
    ("GET", f"{NS}/workflows/one/history"),
    ("GET", f"{NS}/workflows/one/history?noPayloadShorthand"),
    ("GET", f"{NS}/workflows/one/history?pretty=false"),
    ("GET", f"{NS}/workflows/one/history", None, {"Accept": "application/json"}),
    ("GET", f"{NS}/workflows/one/history", None, {"Accept": "application/json+pretty+no-payload-shorthand"}),
    ("GET", f"{NS}/workflows/two/history"),
    ("GET", f"{NS}/workflows/three/history"),
    ("GET", f"{NS}/workflows/four/history"),
    ("GET", f"{NS}/workflows/five/history?noPayloadShorthand"),
    ("GET", f"{NS}/workflows/one/history?maximumPageSize=1"),
    ("GET", f"{NS}/workflows/one/history?maximum_page_size=1&execution.runId=&bogus=1&bogus.x=2"),
    ("GET", f"{NS}/workflows/one/history?historyEventFilterType=HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT"),
    ("GET", f"{NS}/workflows/one/history?historyEventFilterType=2"),
    ("GET", f"{NS}/workflows/one/history?historyEventFilterType=7"),
    ("GET", f"{NS}/workflows/one/history?maximumPageSize=x"),
    ("GET", f"{NS}/workflows/one/history?maximumPageSize=3000000000"),
    ("GET", f"{NS}/workflows/one/history?waitNewEvent=maybe"),
    ("GET", f"{NS}/workflows/one/history?nextPageToken=*"),
    ("GET", f"{NS}/workflows/one/history?execution=x"),
    ("GET", f"{NS}/workflows/one/history?maximumPageSize=1&maximumPageSize=2"),
    ("GET", f"{NS}/workflows/one/history-reverse"),
    ("GET", f"{NS}/workflows/one"),
    ("GET", f"{NS}/workflows/with%20blank%25"),
    ("GET", f"{NS}/workflows/none"),
    ("GET", f"{NS}/workflows/none?pretty"),
    ("GET", f"{NS}/workflows/a%2Fb"),
    ("GET", f"{NS}/workflows/one?execution.runId=nonsense"),
    # Doing things.
    ("POST", f"{NS}/workflows/one/signal/wave", {"input": ["hello"], "identity": "me", "requestId": "signal-1"}),
    ("POST", f"{NS}/workflows/one/signal/wave", {"execution": {"runId": ""}, "input": None}),
    ("POST", f"{NS}/workflows/none/signal/wave", {}),
    ("POST", f"{NS}/workflows/six/signal-with-start/wave", {**START, "signalInput": [1]}),
    ("POST", f"{NS}/workflows/one/cancel", ""),
    ("POST", f"{NS}/workflows/one/cancel", {"reason": "again"}),
    ("POST", f"{NS}/workflows/two/terminate", {"reason": "enough", "details": ["d", {"e": 1}]}),
    ("POST", f"{NS}/workflows/two/terminate", {}),
    ("POST", f"{NS}/workflows/one/reset", {"workflowTaskFinishEventId": "2", "requestId": "r"}),
    ("POST", f"{NS}/workflows/one/reset", {"workflowTaskFinishEventId": "two"}),
    ("GET", f"{NS}/workflows/one/history"),
    ("GET", f"{NS}/workflows/two/history"),
    # Lists and counts.
    ("GET", f"{NS}/workflows?query=WorkflowId%3D%22one%22"),
    ("GET", f"{NS}/workflows?query=WorkflowId+%3D+'two'&pageSize=5"),
    ("GET", f"{NS}/workflows?query=x&query=y"),
    ("GET", f"{NS}/workflows?query=bogus"),
    ("GET", f"{NS}/workflows?pageSize=x"),
    ("GET", f"{NS}/workflow-count"),
    ("GET", f"{NS}/workflow-count?query=GROUP%20BY%20ExecutionStatus"),
    ("GET", f"{NS}/batch-operations/none"),
    ("GET", f"{NS}/worker-deployments/none"),
    ("GET", f"{NS}/worker-deployment-versions/none/build"),
    ("POST", f"{NS}/worker-deployments/none/set-current-version", {"buildId": "b"}),
    ("GET", f"{NS}/worker-deployments"),
    ("GET", f"{NS}/task-queues/q?taskQueueType=TASK_QUEUE_TYPE_WORKFLOW"),
    ("GET", "/api/v1/namespaces/nowhere"),
    ("GET", "/cluster/namespaces/nowhere"),
    ("GET", "/api/v1/namespaces/"),
    # What is no route.
    ("GET", "/"),
    ("GET", "/api/v1"),
    ("GET", "/namespaces/default"),
    ("GET", "/health"),
    ("GET", "/nope?pretty"),
    ("GET", f"{NS}/workflows/one/"),
    ("PUT", f"{NS}/workflows/one"),
    ("DELETE", f"{NS}/workflows/one"),
    ("PATCH", "/nope"),
    ("OPTIONS", f"{NS}/workflows/one"),
    ("HEAD", f"{NS}/workflows/one"),
    ("GET", f"{NS}/workflows/one/cancel"),
    ("POST", f"{NS}/workflows", {}),
]

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

# What only has to be there.
MEASURED = {"executionDuration", "historySizeBytes", "taskId", "nextPageToken", "stateTransitionCount", "cacheSize"}
# What the real server adds about itself alone, or counts late; as in the differential test.
PASSED_OVER = {"backlogCountHint", "pollerScalingDecision", "stats", "taskQueueStatus", "effectiveRateLimit", "currentTime"}


class NormalForm:
    """An answer's body in words that are the same each time. One for all calls, because names count upwards."""

    def __init__(self):
        self.names = {}

    def text(self, text):
        text = UUID.sub(lambda found: self.names.setdefault(found[0], f"id-{len(self.names) + 1}"), text)
        text = re.sub(r" \(in /[^)]*\)", "", text)  # where in its source the real server noticed
        text = re.sub(r"retry \([0-9a-f]{8}\)", "retry (8 digits)", text)
        return INSTANT.sub("INSTANT", text)

    def payload(self, data):
        """A payload's data: JSON is told as such, because its members have no order."""
        try:
            return {"JSON": json.loads(base64.b64decode(data))}
        except ValueError:
            return data

    def value(self, value):
        if isinstance(value, dict):
            if set(value) == {"metadata", "data"}:
                return {"metadata": value["metadata"], "data": self.payload(value["data"])}
            return {
                self.text(key): "measured" if key in MEASURED else self.value(inner)
                for key, inner in sorted(value.items())
                if key not in PASSED_OVER
            }
        if isinstance(value, list):
            return [self.value(inner) for inner in value]
        return self.text(value) if isinstance(value, str) else value

    def body(self, body):
        if not body:
            return "(nothing)"
        try:
            return json.dumps(self.value(json.loads(body)), indent=1, ensure_ascii=False, sort_keys=True)
        except ValueError:
            return self.text(body.decode())


def perform(port, method, path, body=None, headers=None):
    """(status, content type, body)"""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    if body is not None and not isinstance(body, str):
        body = json.dumps(body)
    connection.request(method, path, body=body, headers=headers or {})
    answer = connection.getresponse()
    result = answer.status, answer.headers.get("Content-Type"), answer.read()
    connection.close()
    return result


def transcript(port):
    """What is said and answered, call by call."""
    form, parts = NormalForm(), []
    for method, path, *rest in CALLS:
        if path.startswith((f"{NS}/workflows?query=W", f"{NS}/workflow-count")):
            settle(port)
        status, kind, body = perform(port, method, path, *rest)
        said = json.dumps(rest[0]) if rest and rest[0] is not None else ""
        headers = "".join(f"{name}: {value}\n" for name, value in (rest[1] if len(rest) > 1 else {}).items())
        is_pretty = " pretty" if b'{\n  "' in body else ""
        parts.append(f"=== {method} {path} {said}\n{headers}--- {status} {kind}{is_pretty}\n{form.body(body)}\n")
    return "\n".join(parts)


def settle(port):
    """The real server's lists follow what has been answered a moment later."""
    while REWRITE:
        counts = json.loads(perform(port, "GET", f"{NS}/workflow-count?query=ExecutionStatus%3D%22Terminated%22")[2])
        if counts.get("count") == "1":
            return
        time.sleep(0.05)


def test_answers_are_those_of_the_real_server(fermata_exe):
    exe = os.environ["ORACLE_EXE"] if REWRITE else fermata_exe
    port = free_port()
    with launch(exe, "--http-port", str(port)):
        while not accepts(port):
            time.sleep(0.01)
        while REWRITE and perform(port, "GET", f"{NS}/workflow-count")[0] != 200:
            time.sleep(0.1)
        text = transcript(port)
    if REWRITE:
        RECORDED.parent.mkdir(exist_ok=True)
        RECORDED.write_text(text)
    wanted = RECORDED.read_text()
    difference = "\n".join(difflib.unified_diff(wanted.splitlines(), text.splitlines(), "the real server", "Fermata", "", "", 8, ""))
    if difference:
        pytest.fail(difference)
