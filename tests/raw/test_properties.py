"""Search attributes and memo that a workflow changes while it runs, or gives to the runs that it starts."""

import pytest
from driver import *

SERVER_FLAGS = [f"--search-attribute=My{type}={type}" for type in ("Keyword", "KeywordList", "Text", "Int", "Bool")]

NIL = common_pb.Payload(metadata={"encoding": b"binary/null"})
OVERSIZED = "x" * (2 << 20)


def bare(command_type, **attributes):
    return command_pb.Command(command_type=f"COMMAND_TYPE_{command_type}", **attributes)


def values(map):
    return {key: value_of(entry) for key, entry in map.items()}


def search_attributes(info):
    """Those of a description, but for what the server keeps by itself."""
    found = values(info.search_attributes.indexed_fields)
    found.pop("BuildIds", None)
    return found


def described(run):
    info = run.describe().workflow_execution_info
    return search_attributes(info), values(info.memo.fields)


def test_an_upsert_is_merged_into_what_is_there(server):
    run = server.start(search_attributes=dict(indexed_fields=entries(dict(MyInt=1, MyKeyword="a"))))
    run.task().complete(upsert_search_attributes(MyInt=2, MyText="some words"), upsert_search_attributes(MyKeyword=None))
    run.expect("""
        ...
        4 WorkflowTaskCompleted
        5 UpsertWorkflowSearchAttributes workflow_task_completed_event_id=4
        6 UpsertWorkflowSearchAttributes workflow_task_completed_event_id=4
    """)
    assert described(run) == (dict(MyInt=2, MyText="some words"), {})
    first, second = [attributes_of(event).search_attributes.indexed_fields for event in run.events()[4:]]
    assert values(first) == dict(MyInt=2, MyText="some words")
    assert first["MyInt"].metadata["type"] == b"Int"
    assert values(second) == dict(MyKeyword=None)


@pytest.mark.parametrize("nothing", [None, [], NIL], ids=["null", "empty list", "nil"])
def test_nothing_deletes_a_search_attribute(server, nothing):
    run = server.start(search_attributes=dict(indexed_fields=entries(dict(MyInt=1, MyKeywordList=["a", "b"]))))
    run.task().complete(upsert_search_attributes(MyKeywordList=nothing, MyText=nothing))
    assert described(run) == (dict(MyInt=1), {})


def test_a_memo_is_merged_into_what_is_there(server):
    run = server.start(memo=dict(fields=entries(dict(a=1, b=2))))
    run.task().complete(modify_memo(b=3, c=[4]), modify_memo(a=NIL, d=None))
    run.expect("""
        ...
        5 WorkflowPropertiesModified workflow_task_completed_event_id=4
        6 WorkflowPropertiesModified workflow_task_completed_event_id=4
    """)
    assert described(run) == ({}, dict(b=3, c=[4]))
    assert attributes_of(run.events()[5]).upserted_memo.fields["a"] == NIL


def test_changes_survive_the_workflow(server):
    run = server.start()
    run.task().complete(upsert_search_attributes(MyBool=True), modify_memo(a="b"), complete_workflow())
    assert described(run) == (dict(MyBool=True), dict(a="b"))


def test_versions_of_changes_are_recorded(server):
    """What the patching API of SDKs sends."""
    run = server.start()
    run.task().complete(record_marker("core_patch"), upsert_search_attributes(TemporalChangeVersion=["one"]))
    assert described(run) == (dict(TemporalChangeVersion=["one"]), {})


def case(name, cause, text, *commands):
    return pytest.param(cause, text, commands, id=name)


BAD = "BAD_SEARCH_ATTRIBUTES"
BAD_MEMO = "BAD_MODIFY_WORKFLOW_PROPERTIES_ATTRIBUTES"
UNKNOWN = dict(indexed_fields=entries(dict(Nope=1)))
NO_INT = dict(indexed_fields=entries(dict(MyInt="x")))
REFUSED = [
    case(
        "upsert without attributes",
        BAD,
        "UpsertWorkflowSearchAttributesCommandAttributes is not set on UpsertWorkflowSearchAttributesCommand.",
        bare("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"),
    ),
    case(
        "upsert without search attributes",
        BAD,
        "SearchAttributes is not set on UpsertWorkflowSearchAttributesCommand.",
        bare("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", upsert_workflow_search_attributes_command_attributes={}),
    ),
    case(
        "upsert of nothing",
        BAD,
        "IndexedFields is not set on UpsertWorkflowSearchAttributesCommand.",
        upsert_search_attributes(),
    ),
    case(
        "upsert of an unknown name",
        BAD,
        "Namespace default has no mapping defined for search attribute Nope",
        upsert_search_attributes(MyInt="x", Nope=1),
    ),
    case(
        "upsert of what the server sets",
        BAD,
        "WorkflowId attribute can't be set in SearchAttributes",
        upsert_search_attributes(WorkflowId="x"),
    ),
    case(
        "upsert of another type",
        BAD,
        "invalid value for search attribute MyInt of type Int: x",
        upsert_search_attributes(MyInt="x", MyKeyword="x" * 3000),
    ),
    case(
        "memo without attributes",
        BAD_MEMO,
        "ModifyWorkflowPropertiesCommandAttributes is not set on ModifyWorkflowPropertiesCommand.",
        bare("MODIFY_WORKFLOW_PROPERTIES"),
    ),
    case(
        "memo that is not set",
        BAD_MEMO,
        "UpsertedMemo is not set on ModifyWorkflowPropertiesCommand.",
        bare("MODIFY_WORKFLOW_PROPERTIES", modify_workflow_properties_command_attributes={}),
    ),
    case(
        "memo of nothing",
        BAD_MEMO,
        "UpsertedMemo.Fields is not set on ModifyWorkflowPropertiesCommand.",
        modify_memo(),
    ),
    case(
        "continue as new with an unknown name",
        BAD,
        "Namespace default has no mapping defined for search attribute Nope",
        continue_as_new(search_attributes=UNKNOWN, workflow_run_timeout=seconds(-1)),
    ),
    case(
        "continue as new with another type",
        BAD,
        re.compile(
            "invalid SearchAttributes on ContinueAsNewWorkflowExecutionCommand: invalid value for search attribute MyInt "
            r'of type Int: x\. WorkflowType=wf TaskQueue=name:"queue-\w+" +kind:TASK_QUEUE_KIND_NORMAL'
        ),
        continue_as_new(search_attributes=NO_INT),
    ),
    case(
        "child with an unknown name",
        BAD,
        "Namespace default has no mapping defined for search attribute Nope",
        start_child(search_attributes=UNKNOWN, workflow_id=""),
    ),
    case(
        "child with another type",
        BAD,
        "invalid SearchAttributes on StartChildWorkflowCommand: invalid value for search attribute MyInt of type Int: x. "
        "WorkflowId=c WorkflowType=child Namespace=default",
        start_child(search_attributes=NO_INT, workflow_id="c"),
    ),
]


def camel(cause):
    return "".join(word.capitalize() for word in cause.split("_"))


def with_cause(cause, text):
    if isinstance(text, re.Pattern):
        return re.compile(f"{camel(cause)}: {text.pattern}")
    return f"{camel(cause)}: {text}"


@pytest.mark.parametrize("cause, text, commands", REFUSED)
def test_a_bad_command_fails_the_task(server, cause, text, commands):
    run = server.start()
    with refused(INVALID_ARGUMENT, with_cause(cause, text)) as refusal:
        run.task().complete(*commands)
    run.expect(f"""
        ...
        4 WorkflowTaskFailed cause={cause} failure.message={shlex.quote(refusal.message)}
        5 WorkflowTaskScheduled attempt=2
    """)


TOO_LARGE = "search attribute MyKeyword value size 3002 exceeds size limit 2048"
LARGE = dict(indexed_fields=entries(dict(MyKeyword="x" * 3000)))


@pytest.mark.parametrize(
    "cause, text, commands",
    [
        case("upsert", BAD, TOO_LARGE, upsert_search_attributes(MyKeyword="x" * 3000)),
        case(
            "huge upsert",
            BAD,
            "UpsertWorkflowSearchAttributesCommandAttributes exceeds size limit.",
            upsert_search_attributes(MyKeyword=OVERSIZED),
        ),
        case("continue as new", "BAD_CONTINUE_AS_NEW_ATTRIBUTES", TOO_LARGE, continue_as_new(search_attributes=LARGE)),
        case("child", "BAD_START_CHILD_EXECUTION_ATTRIBUTES", TOO_LARGE, start_child(search_attributes=LARGE)),
        case("memo", BAD_MEMO, "ModifyWorkflowPropertiesCommandAttributes exceeds size limit.", modify_memo(a=OVERSIZED)),
        case(
            "memo by and by",
            BAD_MEMO,
            "ModifyWorkflowPropertiesCommandAttributes. Memo exceeds size limit.",
            modify_memo(a="x" * (1 << 20)),
            modify_memo(b="x" * (1 << 20)),
        ),
    ],
)
def test_what_is_too_large_ends_the_workflow(server, cause, text, commands):
    run = server.start()
    text = with_cause(cause, text)
    with refused(INVALID_ARGUMENT, text):
        run.task().complete(*commands)
    run.expect(f"""
        ...
        4 WorkflowTaskFailed cause={cause} failure.message={shlex.quote(text)}
        5 WorkflowExecutionTerminated reason={shlex.quote(text)} identity=history-service
    """)


def test_the_next_run_has_what_the_command_says(server):
    run = server.start(memo=dict(fields=entries(dict(a=1))))
    run.task().complete(
        upsert_search_attributes(MyInt=1),
        continue_as_new(
            search_attributes=dict(indexed_fields=entries(dict(MyBool=[True], MyInt=None))),
            memo=dict(fields=entries(dict(b=NIL, c=1))),
        ),
    )
    event = attributes_of(run.events()[-1])
    assert values(event.search_attributes.indexed_fields) == dict(MyBool=[True])
    assert event.search_attributes.indexed_fields["MyBool"].metadata["type"] == b"Bool"
    assert described(run.other(event.new_execution_run_id)) == (dict(MyBool=[True]), dict(c=1))
    assert described(run) == (dict(MyInt=1), dict(a=1))


def test_a_child_has_what_the_command_says(server):
    run = server.start()
    run.task().complete(
        start_child(
            search_attributes=dict(indexed_fields=entries(dict(MyKeywordList=["a"], MyInt=None))),
            memo=dict(fields=entries(dict(b=NIL, c=1))),
        )
    )
    initiated = attributes_of(run.events()[4])
    assert values(initiated.search_attributes.indexed_fields) == dict(MyKeywordList=["a"])
    assert values(initiated.memo.fields) == dict(c=1)
    run.task()  # the child has been started
    child = Run(server, initiated.workflow_id, "", run.queue)
    assert described(child) == (dict(MyKeywordList=["a"]), dict(c=1))


def test_a_retried_run_begins_with_what_the_first_had(server):
    run = server.start(
        search_attributes=dict(indexed_fields=entries(dict(MyInt=1))),
        memo=dict(fields=entries(dict(a=1))),
        retry_policy=dict(maximum_attempts=2),
    )
    run.task().complete(upsert_search_attributes(MyInt=2, MyBool=True), modify_memo(a=2, b=2), fail_workflow())
    next_run = run.other(attributes_of(run.events()[-1]).new_execution_run_id)
    assert described(next_run) == (dict(MyInt=1), dict(a=1))
