"""The HTTP API's descriptions of itself: both are valid, name exactly the routes of the API's annotations with what these
take, and what the server answers is of the types that they say."""

import json
import re

import jsonschema
import pytest
import yaml
from google.api import annotations_pb2
from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV30SpecValidator
from sites import serve
from temporalio.api.operatorservice.v1 import service_pb2 as operator_service
from temporalio.api.workflowservice.v1 import service_pb2 as workflow_service

WELL_KNOWN = "google.protobuf."


@pytest.fixture(scope="module")
def swagger(api):
    return json.loads(api.call("GET", "/swagger.json").body)


@pytest.fixture(scope="module")
def openapi(api):
    return yaml.load(api.call("GET", "/openapi.yaml").body, yaml.CSafeLoader)


def rules():
    """(verb, path template, has a body, method) of every route, as the annotations say."""
    for service in (*workflow_service.DESCRIPTOR.services_by_name.values(), *operator_service.DESCRIPTOR.services_by_name.values()):
        for method in service.methods:
            rule = method.GetOptions().Extensions[annotations_pb2.http]
            for one in [rule, *rule.additional_bindings]:
                verb = one.WhichOneof("pattern")
                if verb:
                    yield verb, getattr(one, verb), one.body == "*", method


def anonymous(path):
    return re.sub(r"{.*?}", "{}", path)


def operations(document):
    return {(verb, anonymous(path)): (path, made) for path, methods in document["paths"].items() for verb, made in methods.items()}


def field(message, path):
    """The field of a message that a path like `execution.workflowId` names, in either form."""
    for name in path.split("."):
        found = next(f for f in message.fields if name in (f.name, f.json_name))
        message = found.message_type
    return found


@pytest.mark.parametrize("path", ["/swagger.json", "/openapi.yaml", "/swagger.json5", "/openapi.yaml/whatever?x"])
def test_served_as_the_real_server_does(api, path):
    answer = api.call("GET", path)
    assert answer.status == 200 and answer.headers["content-type"] == "text/plain; charset=utf-8"
    for verb, other in (("POST", path), ("HEAD", path), ("GET", "/api/v1" + path)):
        assert api.call(verb, other).status == 404


def test_valid(swagger, openapi):
    OpenAPIV2SpecValidator(swagger).validate()
    OpenAPIV30SpecValidator(openapi).validate()


@pytest.mark.parametrize("kind", ["swagger", "openapi"])
def test_every_route_with_its_parameters(kind, request):
    made = operations(request.getfixturevalue(kind))
    for verb, template, has_body, method in rules():
        path, operation = made.pop((verb, anonymous(template)))
        assert re.fullmatch(method.name + r"\d?", operation["operationId"])
        assert operation["tags"] == [method.containing_service.name]
        parameters = operation.get("parameters", [])
        in_path = [field(method.input_type, name) for name in re.findall(r"{(.*?)}", template)]
        assert in_path == [field(method.input_type, name) for name in re.findall(r"{(.*?)}", path)]
        assert in_path == [field(method.input_type, p["name"]) for p in parameters if p["in"] == "path" and p["required"]]
        in_query = [field(method.input_type, p["name"]) for p in parameters if p["in"] == "query"]
        assert has_body == ("requestBody" in operation or any(p["in"] == "body" for p in parameters))
        assert not (has_body and in_query) and not any(f in in_path for f in in_query)
        if not has_body:  # what is there besides are messages, whose fields are parameters
            besides = [f for f in method.input_type.fields if f not in in_path + in_query]
            assert all(f.message_type and not f.message_type.full_name.startswith(WELL_KNOWN) for f in besides)
    assert not made


def test_every_route_is_served(fermata_exe, openapi):
    with serve(fermata_exe) as server:  # one of its own: everything is asked of it, deletions too
        for verb, path in ((v, p) for p, methods in openapi["paths"].items() for v in methods):
            answer = server.api.call(verb.upper(), re.sub(r"{.*?}", "x", path), {} if verb == "post" else None)
            assert answer.json().get("message") not in ("Not Found", "Method Not Allowed"), (verb, path)


def closed(schema):
    """The same, but what it does not name must not be there."""
    if isinstance(schema, dict):
        schema = {key: closed(inner) for key, inner in schema.items()}
        if "properties" in schema and not isinstance(schema["properties"].get("type"), str):
            schema.setdefault("additionalProperties", False)
        return schema
    return [closed(inner) for inner in schema] if isinstance(schema, list) else schema


def test_answers_are_of_the_types_that_it_says(api, openapi):
    schemas = {"components": {"schemas": closed(openapi["components"]["schemas"])}}
    workflow = "/api/v1/namespaces/default/workflows/described"
    start = {"workflowType": {"name": "T"}, "taskQueue": {"name": "q"}, "input": [1, {"a": None}], "workflowRunTimeout": "90s"}
    calls = [
        ("StartWorkflowExecutionResponse", "POST", workflow, start),
        ("Status", "POST", workflow, start),
        ("SignalWorkflowExecutionResponse", "POST", workflow + "/signal/s", {"input": ["x"]}),
        ("DescribeWorkflowExecutionResponse", "GET", workflow, None),
        ("GetWorkflowExecutionHistoryResponse", "GET", workflow + "/history", None),
        ("GetWorkflowExecutionHistoryResponse", "GET", workflow + "/history?noPayloadShorthand", None),
        ("ListWorkflowExecutionsResponse", "GET", "/api/v1/namespaces/default/workflows?pageSize=1", None),
        ("DescribeTaskQueueResponse", "GET", "/api/v1/namespaces/default/task-queues/q?reportStats=true", None),
        ("DescribeNamespaceResponse", "GET", "/api/v1/namespaces/default", None),
        ("GetSystemInfoResponse", "GET", "/api/v1/system-info", None),
        ("GetClusterInfoResponse", "GET", "/api/v1/cluster-info", None),
        ("ListSearchAttributesResponse", "GET", "/api/v1/namespaces/default/search-attributes", None),
    ]
    for name, verb, path, body in calls:
        answer = api.call(verb, path, body)
        assert answer.status == (409 if name == "Status" else 200), answer.body
        jsonschema.validate(answer.json(), {**schemas, "$ref": f"#/components/schemas/{name}"})
