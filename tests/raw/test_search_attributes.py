"""Search attributes of a namespace: adding, removing, listing, and what becomes of values."""

import contextlib
import os

import pytest
from driver import *
from launch import launch
from temporalio.api.enums.v1 import common_pb2

ORACLE = os.environ.get("ORACLE")
SERVER_FLAGS = [] if ORACLE else ["--search-attribute-limits=real"]

ADD, REMOVE = "OperatorService/AddSearchAttributes", "OperatorService/RemoveSearchAttributes"
LIST = "OperatorService/ListSearchAttributes"
TYPES = {name.removeprefix("INDEXED_VALUE_TYPE_"): number for name, number in common_pb2.IndexedValueType.items()}


def listed(server, **fields):
    response = server.call(LIST, **fields)
    names = {number: name for name, number in TYPES.items()}
    assert not response.storage_schema
    return {name: names[type] for name, type in response.custom_attributes.items()}


@contextlib.contextmanager
def added(server, **types):
    server.call(ADD, search_attributes={name: TYPES[type] for name, type in types.items()})
    try:
        yield
    finally:
        server.call(REMOVE, search_attributes=list(types))


def aliases(server):
    return dict(server.call("DescribeNamespace").config.custom_search_attribute_aliases)


def test_one_of_every_type(server):
    types = dict(A="TEXT", B="KEYWORD", C="INT", D="DOUBLE", E="BOOL", F="DATETIME", G="KEYWORD_LIST")
    with added(server, **types):
        assert listed(server) == types
        assert sorted(aliases(server).values()) == sorted(types)
        assert {name[:-2] for name in aliases(server)} == {
            "Text", "Keyword", "Int", "Double", "Bool", "Datetime", "KeywordList"
        }  # fmt: skip
    assert listed(server) == {} and aliases(server) == {}


def test_what_every_namespace_has(server):
    system = server.call(LIST).system_attributes
    assert len(system) == 33
    assert system["WorkflowId"] == TYPES["KEYWORD"]
    assert system["CloseTime"] == TYPES["DATETIME"]
    assert system["BuildIds"] == TYPES["KEYWORD_LIST"]
    assert "NamespaceId" not in system


def test_adding_again_changes_nothing(server):
    with added(server, A="INT"):
        before = aliases(server)
        server.call(ADD, search_attributes=dict(A=TYPES["KEYWORD"]))
        assert listed(server) == dict(A="INT") and aliases(server) == before


def test_any_name_will_do(server):
    with added(server, **{"weird name!": "KEYWORD", "temporalx": "KEYWORD", "é": "INT", "select": "BOOL"}):
        assert len(listed(server)) == 4
        server.call("CountWorkflowExecutions", query="`weird name!` = 'a' AND `é` = 5 AND `select` = TRUE")


def test_removing_what_is_not_there(server):
    with added(server, A="INT"):
        server.call(REMOVE, search_attributes=["Nope", "NamespaceId"])
        assert listed(server) == dict(A="INT")


@pytest.mark.parametrize(
    "types, text",
    [
        (dict(WorkflowId=2), "Search attribute WorkflowId is reserved by system."),
        (dict(BuildIds=2), "Search attribute BuildIds is reserved by system."),
        (dict(TemporalX=2), "Search attribute TemporalX is reserved by system."),
        (dict(NamespaceId=2), "Search attribute NamespaceId is reserved by system."),
        (dict(Memo=99), "Search attribute Memo is reserved by system."),
        (dict(A=99), "Unknown search attribute type: 99."),
        (dict(A=0), "Unable to create search attributes: cannot have more than 0 search attribute of type Unspecified."),
        ({}, "SearchAttributes are not set on request."),
    ],
)
def test_refused_to_add(server, types, text):
    with refused(INVALID_ARGUMENT, text):
        server.call(ADD, search_attributes=types)
    assert listed(server) == {}


@pytest.mark.parametrize(
    "names, text",
    [
        (["WorkflowId"], "Unable to remove non-custom search attributes: WorkflowId."),
        (["Keyword02"], "Unable to remove non-custom search attributes: Keyword02."),
        (["A", "BuildIds"], "Unable to remove non-custom search attributes: BuildIds."),
        ([], "SearchAttributes are not set on request."),
    ],
)
def test_refused_to_remove(server, names, text):
    with added(server, A="INT"):
        with refused(INVALID_ARGUMENT, text):
            server.call(REMOVE, search_attributes=names)
        assert listed(server) == dict(A="INT")


@pytest.mark.parametrize("rpc", [ADD, REMOVE, LIST])
def test_the_namespace(server, rpc):
    attributes = {ADD: dict(search_attributes=dict(A=2)), REMOVE: dict(search_attributes=["A"]), LIST: {}}[rpc]
    with refused(INVALID_ARGUMENT, "Namespace is not set on request."):
        server.call(rpc, namespace="", **attributes)
    with refused(NOT_FOUND, "Namespace nope is not found.", NamespaceNotFoundFailure(namespace="nope")):
        server.call(rpc, namespace="nope", **attributes)


def test_as_many_as_the_real_server_takes(server):
    full = "Unable to create search attributes: cannot have more than {} search attribute of type {}."
    with added(server, A="INT", B="INT", C="INT"):
        with refused(INVALID_ARGUMENT, full.format(3, "Int")):
            server.call(ADD, search_attributes=dict(D=TYPES["INT"]))
        with refused(INVALID_ARGUMENT, full.format(3, "Int")):
            server.call(ADD, search_attributes=dict(D=TYPES["BOOL"], E=TYPES["INT"]))
        assert listed(server) == dict(A="INT", B="INT", C="INT")
        server.call(ADD, search_attributes=dict(A=TYPES["INT"]))
    with added(server, **{f"K{number}": "KEYWORD" for number in range(10)}):
        with refused(INVALID_ARGUMENT, full.format(10, "Keyword")):
            server.call(ADD, search_attributes=dict(K10=TYPES["KEYWORD"]))


@pytest.mark.fermata_only
def test_as_many_as_one_likes(fermata_exe):
    names = {f"N{number}": "INT" for number in range(40)}
    with launch(fermata_exe) as launched, Server(launched.address) as server, added(server, **names):
        assert listed(server) == names
        assert sorted(aliases(server))[:4] == ["Int01", "Int02", "Int03", "Int04"]
        run = server.start(search_attributes=dict(indexed_fields=entries({name: 1 for name in names})))
        assert server.call("CountWorkflowExecutions", query="N0 = 1 AND N39 = 1").count == 1
        run.terminate()


@pytest.mark.fermata_only
def test_they_survive_a_restart(fermata_exe, tmp_path):
    flags = ["--db-filename", str(tmp_path / "f.db")]
    with launch(fermata_exe, *flags) as launched, Server(launched.address) as server:
        server.call(ADD, search_attributes=dict(A=TYPES["INT"], B=TYPES["KEYWORD"]))
        server.call(REMOVE, search_attributes=["A"])
    with launch(fermata_exe, *flags) as launched, Server(launched.address) as server:
        assert listed(server) == dict(B="KEYWORD")


def test_a_new_attribute_can_be_used_at_once(server):
    with added(server, A="INT"):
        run = server.start(search_attributes=dict(indexed_fields=entries(dict(A=1))))
        assert value_of(run.describe().workflow_execution_info.search_attributes.indexed_fields["A"]) == 1
    with refused(INVALID_ARGUMENT, "Namespace default has no mapping defined for search attribute A"):
        server.start(search_attributes=dict(indexed_fields=entries(dict(A=1))))
    with refused(INVALID_ARGUMENT, "invalid query: invalid search attribute: A"):
        server.call("CountWorkflowExecutions", query="A = 1")
    assert "A" not in run.describe().workflow_execution_info.search_attributes.indexed_fields


def test_all_names_there_are(server):
    keys = server.call("GetSearchAttributes").keys
    assert len(keys) == 61
    assert keys["WorkflowId"] == TYPES["KEYWORD"] and keys["Keyword10"] == TYPES["KEYWORD"]
    assert keys["Text03"] == TYPES["TEXT"] and "Text04" not in keys
