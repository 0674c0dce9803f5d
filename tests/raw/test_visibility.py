"""Lists and counts of workflows: the filter language, rows, order, pages, groups.

filters.txt has a filter and what becomes of it per line: OK, or the text of the error. It is what the real server answers.
"""

import os
import pathlib
import time

import pytest
from driver import *


NAMES = dict(MyKw="Keyword", MyKl="KeywordList", MyText="Text", MyInt="Int", MyDouble="Double", MyBool="Bool", MyTime="Datetime")
SERVER_FLAGS = [f"--search-attribute={name}={type}" for name, type in NAMES.items()]
ORACLE = os.environ.get("ORACLE")
FILTERS = [line.split("\t") for line in pathlib.Path(__file__).with_name("filters.txt").read_text().splitlines()]


def eventually(look, expected):
    """The real server's lists lag behind a little; ours must be right at once."""
    give_up = time.monotonic() + (10 if ORACLE else 0)
    while (got := look()) != expected and time.monotonic() < give_up:
        time.sleep(0.1)
    assert got == expected


def count(server, query, **fields):
    if ORACLE:
        time.sleep(0.011)  # it takes no more than a hundred per second
    return server.call("CountWorkflowExecutions", query=query, **fields)


def listed(server, query, rpc="ListWorkflowExecutions", **fields):
    if ORACLE:
        time.sleep(0.011)
    return server.call(rpc, query=query, **fields)


def names(response, prefix=""):
    return [row.execution.workflow_id.removeprefix(prefix) for row in response.executions]


def test_what_becomes_of_filters(server):
    wrong = []
    for text, expected in FILTERS:
        try:
            count(server, text)
            got = "OK"
        except grpc.RpcError as error:
            assert error.code() == INVALID_ARGUMENT, (text, error.details())
            got = error.details().removeprefix("invalid query: ")
        if got != expected:
            wrong.append(f"{text}\n    expected {expected}\n    got      {got}")
    assert not wrong, "\n".join(wrong)


def test_nesting_has_a_limit(server):
    for opening, closing in (("(", ")"), ("NOT ", "")):
        count(server, opening * 199 + "MyInt = 1" + closing * 199)
        with refused(INVALID_ARGUMENT, re.compile("invalid query: malformed SQL query: max nesting level reached at position .*")):
            count(server, opening * 200 + "MyInt = 1" + closing * 200)


def test_long_filters(server):
    count(server, " AND ".join(["MyInt = 1"] * 400))
    count(server, "WorkflowId IN (" + ",".join(["'x'"] * 5000) + ")")
    count(server, "WorkflowId = '" + "x" * 100000 + "'")
    count(server, " " * 100000)


# ---------------------------------------------------------------------------------------------------------------------
# What conditions select


@pytest.fixture(scope="module")
def zoo(server):
    """Runs with values of all types; `select` says which of them a condition selects."""
    prefix = unique("zoo") + "-"
    runs = {
        "text": dict(MyText="Héllo Wörld, foo-bar_baz ÀÉ x1.5 don't a@b.com"),
        "list": dict(MyKl=["B c,D", "É", " lead", 'q"uote']),
        "three": dict(MyTime="2020-01-01T00:00:00.123456Z", MyKw="É1", MyDouble=1.5, MyInt=9007199254740993),
        "four": dict(MyTime="2020-01-01T00:00:01.501Z", MyKw="é1", MyDouble=3, MyInt=-5, MyBool=True),
        "five": dict(MyTime="1950-01-01T00:00:01.9Z", MyKw="", MyBool=False),
        "far": dict(MyTime="9999-12-31T23:59:59.999Z"),
        "odd": dict(MyKl=[None, "n"], MyTime=["2020-01-01T00:00:01.501+01:00"]),
    }
    for name, values in runs.items():
        server.start(workflow_id=prefix + name, search_attributes=dict(indexed_fields=entries(values)))
    eventually(lambda: count(server, f"WorkflowId STARTS_WITH '{prefix}'").count, len(runs))

    def select(condition):
        response = listed(server, f"WorkflowId STARTS_WITH '{prefix}' AND ({condition})")
        return " ".join(sorted(names(response, prefix)))

    return select


ALL = "far five four list odd text three"
CONDITIONS = [
    # words of a text: any of those that blanks part; what is one word there, a phrase here
    ("MyText = 'hello'", "text"),
    ("MyText = 'HÉLLO'", "text"),
    ("MyText = 'hell'", ""),
    ("MyText = 'foo-bar'", "text"),
    ("MyText = 'foo-zzz'", ""),
    ("MyText = 'zzz world'", "text"),
    ("MyText = '1.5'", ""),
    ("MyText = '-'", ""),
    ("MyText = 'a@b.com'", "text"),
    ("MyText != 'hello'", "far five four list odd three"),
    ("NOT MyText = 'hello'", "far five four list odd three"),
    ("MyText IS NULL", "far five four list odd three"),
    # elements of a list
    ("MyKl = 'b C,d'", "list"),
    ("MyKl = 'c'", ""),
    ("MyKl = 'é'", "list"),
    ("MyKl = 'e'", ""),
    ("MyKl = ' lead'", "list"),
    ("MyKl = 'lead'", ""),
    ("MyKl = 'n'", "odd"),
    ("MyKl IN ('zzz', 'N', 'é')", "list odd"),
    ("MyKl != 'é'", "far five four odd text three"),
    ("MyKl NOT IN ('é', 'zzz')", "far five four odd text three"),
    ("MyKl IS NOT NULL", "list odd"),
    # keywords: bytes, but for the case of ASCII letters in STARTS_WITH
    ("MyKw = 'É1'", "three"),
    ("MyKw = ''", "five"),
    ("MyKw != 'É1'", "five four"),
    ("NOT MyKw = 'É1'", "five four"),
    ("MyKw STARTS_WITH 'é'", "four"),
    ("MyKw STARTS_WITH ''", "five four three"),
    ("MyKw NOT STARTS_WITH 'é'", "five three"),
    ("MyKw > 'a'", "four three"),
    ("MyKw < 'a'", "five"),
    ("MyKw BETWEEN 'a' AND 'É1'", "three"),
    ("MyKw IN ('é1', '', 'zzz')", "five four"),
    ("MyKw NOT IN ('é1')", "five three"),
    ("MyKw IS NULL", "far list odd text"),
    # numbers
    ("MyDouble = 3", "four"),
    ("MyDouble >= 1.5", "four three"),
    ("MyDouble IN (1.5, 3.0, 7)", "four three"),
    ("MyInt = 9007199254740993", "three"),
    ("MyInt = 9007199254740992", ""),
    ("MyInt = 9007199254740993.0", ""),
    ("MyInt = -5.0", "four"),
    ("MyInt < 99999999999999999999999", "four three"),
    ("MyInt NOT BETWEEN -10 AND 0", "three"),
    ("MyInt > -5.5 AND MyInt < -4.5", "four"),
    ("MyBool = TRUE", "four"),
    ("MyBool != TRUE", "five"),
    ("MyBool < TRUE", "five"),
    # instants
    ("MyTime = '2020-01-01T00:00:00.123Z'", "three"),
    ("MyTime = '2020-01-01T00:00:00.123456Z'", ""),
    ("MyTime = '2020-01-01T02:00:01.501+02:00'", "four"),
    ("MyTime = 1577836801501000000", "four"),
    ("MyTime < '1960-01-01T00:00:00Z'", "five"),
    ("MyTime > '3000-01-01T00:00:00Z'", "far"),
    ("MyTime BETWEEN '2019-01-01T00:00:00Z' AND '2021-01-01T00:00:00Z'", "four odd three"),
    ("MyTime IS NULL", "list text"),
    # logic
    ("MyKw = 'zzz' OR MyInt = -5", "four"),
    ("MyKw = 'é1' AND MyInt = -5 AND MyBool = TRUE", "four"),
    ("MyKw = 'zzz' AND MyInt = -5 OR MyBool = FALSE", "five"),
    ("NOT (MyKw = 'é1' OR MyInt = 5)", "three"),  # unknown is not true, nor is its negation
    ("NOT (MyKw = 'é1' AND MyInt = 5)", "four five three"),
    ("MyKw = 'é1' && MyInt = -5 || MyText = 'hello'", "four text"),
    ("ExecutionStatus = 'Running'", ALL),
    ("ExecutionStatus != 'Running'", ""),
    ("Keyword09 = 'x' OR Keyword10 IS NOT NULL OR MyInt = -5 AND Int03 IS NULL", "four"),
]


@pytest.mark.parametrize("condition, expected", CONDITIONS, ids=[condition for condition, _ in CONDITIONS])
def test_conditions(zoo, condition, expected):
    assert zoo(condition) == " ".join(sorted(expected.split()))


def test_an_index_does_not_change_what_is_found(server):
    """A value that few runs have, then the same with many that have it."""
    prefix = unique("many") + "-"
    for number in range(30):
        server.start(
            workflow_id=prefix + str(number),
            search_attributes=dict(indexed_fields=entries(dict(MyKw=f"{prefix}{number % 3}", MyKl=["x", prefix], MyInt=number))),
        )
    eventually(lambda: count(server, f"MyKw = '{prefix}1'").count, 10)
    assert count(server, f"MyKl = '{prefix.upper()}' AND MyInt = 7.0").count == 1
    assert names(listed(server, f"MyKw IN ('{prefix}1', '{prefix}2', '{prefix}1') AND MyInt < 5"), prefix) == ["4", "2", "1"]
    assert count(server, f"MyKw = '{prefix}1' OR MyKw = '{prefix}2'").count == 20
    assert count(server, f"MyKw != '{prefix}1' AND MyKl = '{prefix}'").count == 20


# ---------------------------------------------------------------------------------------------------------------------
# Rows


def row_of(server, run, status=None):
    def look():
        rows = listed(server, f"RunId = '{run.run_id}'").executions
        return [row for row in rows if status is None or row.status == status]

    eventually(lambda: len(look()), 1)
    return look()[0]


def test_an_open_run(server):
    run = server.start(memo=dict(fields=entries(dict(a=1))), search_attributes=dict(indexed_fields=entries(dict(MyInt=1))))
    info, described = row_of(server, run), run.describe().workflow_execution_info
    assert (info.execution.workflow_id, info.execution.run_id) == (run.workflow_id, run.run_id)
    assert (info.type.name, info.task_queue, info.status) == ("wf", run.queue, 1)
    assert info.start_time.ToMicroseconds() == described.start_time.ToMicroseconds()
    assert info.start_time.nanos % 1000 == 0
    assert info.execution_time == info.start_time
    assert info.root_execution == info.execution
    assert not info.HasField("parent_execution") and not info.HasField("close_time")
    assert not info.HasField("execution_duration") and not info.history_length and not info.state_transition_count
    assert info.memo == described.memo
    assert value_of(info.search_attributes.indexed_fields["MyInt"]) == 1
    assert info.search_attributes.indexed_fields["MyInt"].metadata["type"] == b"Int"
    assert info.first_run_id == "" and not info.HasField("auto_reset_points")


def test_a_closed_run(server):
    run = server.start()
    run.task().complete(complete_workflow())
    info, described = row_of(server, run, status=2), run.describe().workflow_execution_info
    assert info.close_time.ToMicroseconds() == described.close_time.ToMicroseconds()
    assert info.history_length == 5
    assert info.history_size_bytes > 0 and info.state_transition_count == described.state_transition_count
    spent = described.close_time.ToNanoseconds() - described.start_time.ToNanoseconds()
    assert abs(info.execution_duration.ToNanoseconds() - spent) <= 1000
    assert info.HasField("memo") and info.HasField("search_attributes")


def test_a_child_names_its_parent_and_root(server):
    run = server.start()
    child_id = unique("child")
    run.task().complete(start_child(child_id))
    eventually(lambda: count(server, f"WorkflowId = '{child_id}'").count, 1)
    (child,) = listed(server, f"WorkflowId = '{child_id}'").executions
    assert (child.parent_execution.workflow_id, child.parent_execution.run_id) == (run.workflow_id, run.run_id)
    assert child.root_execution == child.parent_execution
    for condition in (
        f"ParentWorkflowId = '{run.workflow_id}'",
        f"ParentRunId = '{run.run_id}'",
        f"RootWorkflowId = '{run.workflow_id}' AND ParentWorkflowId IS NOT NULL",
        f"RootRunId = '{run.run_id}' AND WorkflowId != '{run.workflow_id}'",
    ):
        assert names(listed(server, condition)) == [child_id], condition
    assert count(server, f"RootWorkflowId = '{run.workflow_id}'").count == 2
    assert count(server, f"RootWorkflowId = '{run.workflow_id}' AND ParentWorkflowId IS NULL").count == 1
    assert count(server, f"WorkflowId = '{run.workflow_id}' AND ParentWorkflowId = ''").count == 0


def test_changes_are_seen(server):
    run = server.start()
    where = f"WorkflowId = '{run.workflow_id}'"
    run.task().complete(
        upsert_search_attributes(MyKw="a", MyKl=["b"]), modify_memo(a=1), force_create_new_workflow_task=True
    )
    eventually(lambda: count(server, f"{where} AND MyKw = 'a' AND MyKl = 'b'").count, 1)
    assert value_of(listed(server, where).executions[0].memo.fields["a"]) == 1
    run.task().complete(upsert_search_attributes(MyKw="c", MyKl=None), force_create_new_workflow_task=True)
    eventually(lambda: count(server, f"{where} AND MyKw = 'c' AND MyKl IS NULL").count, 1)
    assert count(server, f"{where} AND MyKw = 'a'").count == 0
    run.task().complete(upsert_search_attributes(MyKw="d"), complete_workflow())
    eventually(lambda: count(server, f"{where} AND MyKw = 'd' AND ExecutionStatus = 'Completed'").count, 1)


ENDS = {
    "Completed": lambda run: run.task().complete(complete_workflow()),
    "Failed": lambda run: run.task().complete(fail_workflow()),
    "Canceled": lambda run: run.task().complete(cancel_workflow()),
    "Terminated": lambda run: run.terminate(),
    "ContinuedAsNew": lambda run: run.task().complete(continue_as_new()),
}


@pytest.mark.parametrize("status", ENDS)
def test_statuses(server, status):
    run = server.start()
    where = f"RunId = '{run.run_id}'"
    eventually(lambda: count(server, f"{where} AND ExecutionStatus = 'Running' AND CloseTime IS NULL").count, 1)
    ENDS[status](run)
    eventually(lambda: count(server, f"{where} AND ExecutionStatus = '{status}'").count, 1)
    assert count(server, f"{where} AND ExecutionStatus = 'Running'").count == 0
    assert count(server, f"{where} AND CloseTime IS NOT NULL").count == 1


def test_numbers_of_a_closed_run(server):
    run = server.start()
    where = f"RunId = '{run.run_id}'"
    eventually(lambda: count(server, where).count, 1)
    for condition in ("HistoryLength", "HistorySizeBytes", "StateTransitionCount", "ExecutionDuration", "CloseTime"):
        assert count(server, f"{where} AND {condition} IS NULL").count == 1, condition
        assert count(server, f"{where} AND {condition} > -1").count == 0, condition
    run.task().complete(complete_workflow())
    eventually(lambda: count(server, f"{where} AND ExecutionStatus = 'Completed'").count, 1)
    for condition in (
        "HistoryLength = 5",
        "HistoryLength IN (4, 5)",
        "HistorySizeBytes > 10",
        "StateTransitionCount BETWEEN 1 AND 10",
        "ExecutionDuration < '1m'",
        "ExecutionDuration < '0:01:00'",
        "ExecutionDuration < 60000000000",
        "ExecutionDuration > '0s'",
        "CloseTime > '2020-01-01T00:00:00Z'",
        "CloseTime < 9000000000000000000",
    ):
        assert count(server, f"{where} AND {condition}").count == 1, condition


def test_times_of_rows_can_be_asked_for(server):
    run = server.start()
    info = row_of(server, run)
    start = info.start_time.ToJsonString()
    for condition, expected in (
        (f"StartTime = '{start}'", 1),
        (f"StartTime >= '{start}'", 1),
        (f"StartTime > '{start}'", 0),
        (f"StartTime <= {info.start_time.ToNanoseconds()}", 1),
        (f"ExecutionTime BETWEEN '{start}' AND '{start}'", 1),
        (f"StartTime < '{start}'", 0),
    ):
        assert count(server, f"WorkflowId = '{run.workflow_id}' AND {condition}").count == expected, condition


def test_names_with_and_without_their_prefix(server):
    run = server.start(
        search_attributes=dict(indexed_fields=entries(dict(TemporalScheduledById="s", TemporalChangeVersion=["v"])))
    )
    where = f"TemporalWorkflowId = '{run.workflow_id}'"
    eventually(lambda: count(server, where).count, 1)
    for condition in (
        "ScheduledById = 's'",
        "TemporalScheduledById = 's'",
        "ChangeVersion = 'V'",
        f"ScheduleId = '{run.workflow_id}'",
        f"TemporalScheduleId = '{run.workflow_id}'",
        f"`WorkflowId` = '{run.workflow_id}'",
    ):
        assert count(server, f"{where} AND {condition}").count == 1, condition


def test_build_ids(server):
    run = server.start()
    run.task().complete(worker_version_stamp=dict(build_id="one"), force_create_new_workflow_task=True)
    where = f"WorkflowId = '{run.workflow_id}'"
    eventually(lambda: count(server, f"{where} AND BuildIds = 'unversioned'").count, 1)
    assert count(server, f"{where} AND BuildIds IN ('unversioned:one', 'x')").count == 1
    assert count(server, f"{where} AND BuildIds = 'unversioned:two'").count == 0


def test_what_belongs_to_a_division_is_hidden(server):
    run = server.start(
        search_attributes=dict(indexed_fields=entries(dict(TemporalNamespaceDivision="mine", MyKw=unique("k"))))
    )
    where = f"WorkflowId = '{run.workflow_id}'"
    eventually(lambda: count(server, f"{where} AND TemporalNamespaceDivision = 'mine'").count, 1)
    assert count(server, where).count == 0
    assert names(listed(server, where)) == []
    assert names(listed(server, f"{where} AND TemporalNamespaceDivision IS NOT NULL")) == [run.workflow_id]
    assert names(listed(server, f"{where} GROUP BY TemporalNamespaceDivision")) == [run.workflow_id]
    groups = count(server, f"{where} GROUP BY TemporalNamespaceDivision")
    assert [(value_of(group.group_values[0]), group.count) for group in groups.groups] == [("mine", 1)]


@pytest.mark.fermata_only
def test_rows_are_right_at_once(server):
    """The real server's lists are right a little later."""
    queue = unique("queue")
    for number in range(50):
        run = server.start(task_queue=dict(name=queue))
        where = f"WorkflowId = '{run.workflow_id}'"
        assert count(server, f"{where} AND ExecutionStatus = 'Running'").count == 1
        run.task().complete(upsert_search_attributes(MyInt=number), complete_workflow())
        assert count(server, f"{where} AND ExecutionStatus = 'Completed' AND MyInt = {number}").count == 1
        assert count(server, f"TaskQueue = '{queue}'").count == number + 1


# ---------------------------------------------------------------------------------------------------------------------
# Order, pages, groups


@pytest.fixture(scope="module")
def family(server):
    """Ten runs of a queue: even ones closed in the order 0, 4, 2, 8, 6, the others open."""
    queue, prefix = unique("queue"), unique("fam") + "-"
    runs = [server.start(workflow_id=f"{prefix}{number}", task_queue=dict(name=queue)) for number in range(10)]
    for number in (0, 4, 2, 8, 6):
        runs[number].terminate()
    where = f"TaskQueue = '{queue}'"
    eventually(lambda: count(server, f"{where} AND ExecutionStatus = 'Terminated'").count, 5)
    return where, prefix


def test_the_order_of_lists(server, family):
    where, prefix = family
    assert "".join(names(listed(server, where), prefix)) == "9753168240"
    assert "".join(names(listed(server, f"{where} AND ExecutionStatus = 'Running'"), prefix)) == "97531"
    assert "".join(names(listed(server, f"{where} AND ExecutionStatus = 'Terminated'"), prefix)) == "68240"
    assert "".join(names(listed(server, f"{where} AND CloseTime > '2020-01-01T00:00:00Z'"), prefix)) == "68240"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9, 10, 11])
@pytest.mark.parametrize("rpc", ["ListWorkflowExecutions", "ScanWorkflowExecutions"])
def test_pages(server, family, size, rpc):
    where, prefix = family
    pages, token = [], b""
    while True:
        page = listed(server, where, rpc=rpc, page_size=size, next_page_token=token)
        pages.append("".join(names(page, prefix)))
        token = page.next_page_token
        if not token:
            break
    assert "".join(pages) == "9753168240"
    assert [len(page) for page in pages[:-1]] == [size] * (10 // size)
    assert len(pages[-1]) == 10 % size


@pytest.mark.fermata_only
def test_a_page_token_that_is_none(server):
    with refused(INVALID_ARGUMENT, "Invalid NextPageToken."):
        listed(server, "", next_page_token=b"\xff\xff garbage")


def test_groups(server, family):
    where, _ = family
    response = count(server, f"{where} GROUP BY ExecutionStatus")
    assert response.count == 10
    groups = {value_of(group.group_values[0]): group.count for group in response.groups}
    assert groups == dict(Running=5, Terminated=5)
    payload = response.groups[0].group_values[0]
    assert payload.metadata == {"encoding": b"json/plain", "type": b"Keyword"}
    assert not count(server, where).groups
    assert count(server, f"{where} AND WorkflowId = 'x' GROUP BY ExecutionStatus").count == 0
    assert len(listed(server, f"{where} GROUP BY ExecutionStatus").executions) == 10  # there it means nothing


def test_the_runs_of_a_workflow_id(server):
    """Newest first, across runs."""
    workflow_id = unique("again")
    runs = []
    for _ in range(4):
        runs.append(server.start(workflow_id=workflow_id))
        if len(runs) < 4:
            runs[-1].terminate()
    where = f"WorkflowId = '{workflow_id}'"
    eventually(lambda: count(server, f"{where} AND ExecutionStatus = 'Terminated'").count, 3)
    eventually(lambda: count(server, where).count, 4)
    found, token = [], b""
    while True:
        page = listed(server, where, page_size=3, next_page_token=token)
        found += [row.execution.run_id for row in page.executions]
        token = page.next_page_token
        if not token:
            break
    assert found == [run.run_id for run in reversed(runs)]
    assert [row.execution.run_id for row in listed(server, f"{where} AND RunId = '{runs[1].run_id}'").executions] == [
        runs[1].run_id
    ]


# ---------------------------------------------------------------------------------------------------------------------
# The old lists


def times(**ends):
    return dict(start_time_filter={f"{end}_time": timestamp_pb2.Timestamp(seconds=at) for end, at in ends.items()})


def test_open_and_closed_ones(server, family):
    where, prefix = family
    rows = listed(server, where).executions
    ids = {row.execution.workflow_id for row in rows}
    whenever = times(earliest=0, latest=4_000_000_000)

    def found(rpc, **fields):
        if ORACLE:
            time.sleep(0.011)
        response = server.call(rpc, maximum_page_size=1000, **dict(whenever, **fields))
        return "".join(name.removeprefix(prefix) for name in names(response) if name in ids)

    assert found("ListOpenWorkflowExecutions") == "97531"
    assert found("ListOpenWorkflowExecutions", type_filter=dict(name="wf")) == "97531"
    assert found("ListOpenWorkflowExecutions", type_filter=dict(name="other")) == ""
    assert found("ListOpenWorkflowExecutions", execution_filter=dict(workflow_id=prefix + "7")) == "7"
    assert found("ListOpenWorkflowExecutions", execution_filter=dict(workflow_id=prefix + "8")) == ""
    assert found("ListClosedWorkflowExecutions") == "68240"
    assert found("ListClosedWorkflowExecutions", status_filter=dict(status=5)) == "68240"
    assert found("ListClosedWorkflowExecutions", status_filter=dict(status=2)) == ""
    assert found("ListClosedWorkflowExecutions", type_filter=dict(name="wf")) == "68240"
    assert found("ListClosedWorkflowExecutions", execution_filter=dict(workflow_id=prefix + "8")) == "8"
    assert found("ListOpenWorkflowExecutions", **times(earliest=0, latest=5)) == ""
    assert found("ListClosedWorkflowExecutions", **times(earliest=0, latest=5)) == ""


@pytest.mark.fermata_only
def test_a_quote_is_no_way_out_of_a_value(server):
    """The real server pastes texts together, and answers with an error or with other rows."""
    name = "o'brien' OR 'a' = 'a"
    run = server.start(workflow_type=dict(name=name))
    response = server.call("ListOpenWorkflowExecutions", type_filter=dict(name=name), **times(earliest=0))
    assert names(response) == [run.workflow_id]


@pytest.mark.parametrize("rpc", ["ListOpenWorkflowExecutions", "ListClosedWorkflowExecutions"])
def test_times_the_wrong_way_round(server, rpc):
    text = "EarliestTime in StartTimeFilter should not be larger than LatestTime."
    with refused(INVALID_ARGUMENT, text):
        server.call(rpc, **times(earliest=10, latest=5))


@pytest.mark.parametrize("status", [0, 1])
def test_closed_ones_that_are_not(server, status):
    with refused(INVALID_ARGUMENT, "StatusFilter must be specified and must be not Running."):
        server.call("ListClosedWorkflowExecutions", status_filter=dict(status=status), **times(earliest=0, latest=5))


def test_nothing_is_archived(server):
    with refused(INVALID_ARGUMENT, "Cluster is not configured for visibility archival."):
        server.call("ListArchivedWorkflowExecutions")


@pytest.mark.parametrize(
    "rpc",
    [
        "ListWorkflowExecutions",
        "ScanWorkflowExecutions",
        "CountWorkflowExecutions",
        "ListOpenWorkflowExecutions",
        "ListClosedWorkflowExecutions",
        "ListArchivedWorkflowExecutions",
    ],
)
def test_the_namespace(server, rpc):
    with refused(INVALID_ARGUMENT, "Namespace is empty."):
        server.call(rpc, namespace="")
    with refused(NOT_FOUND, "Namespace nope is not found.", NamespaceNotFoundFailure(namespace="nope")):
        server.call(rpc, namespace="nope")


@pytest.mark.fermata_only
def test_namespaces_are_apart(server):
    other = unique("ns")
    server.call("RegisterNamespace", namespace=other, workflow_execution_retention_period=seconds(86400))
    run = server.start(namespace=other)
    where = f"WorkflowId = '{run.workflow_id}'"
    assert count(server, where).count == 0 and count(server, where, namespace=other).count == 1
    assert count(server, f"RunId = '{run.run_id}'").count == 0
    assert names(listed(server, "", namespace=other)) == [run.workflow_id]
    assert count(server, "", namespace=other).count == 1
