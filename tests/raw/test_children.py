"""Child workflows, from their parents' commands to their ends."""

import time

import pytest
from families import *
from launch import launch

# ---------------------------------------------------------------------------------------------------------------------
# A child that goes well


def test_a_child_is_started_and_completes(server):
    parent = server.start()
    queue, child_id = unique("child"), unique("child")
    parent.task().complete(start_child(child_id, queue, input=payloads("in"), control="c"))
    parent.task().complete()
    child = child_of(parent, 6, queue)
    child.task().complete(complete_workflow("out"))
    parent.task()
    parent.expect(f"""
        1 WorkflowExecutionStarted
        2 WorkflowTaskScheduled
        3 WorkflowTaskStarted
        4 WorkflowTaskCompleted
        5 StartChildWorkflowExecutionInitiated workflow_id={child_id} workflow_type.name=child namespace=default task_queue.name={queue} task_queue.kind=NORMAL input='"in"' control=c workflow_task_completed_event_id=4 parent_close_policy=TERMINATE workflow_id_reuse_policy=ALLOW_DUPLICATE workflow_execution_timeout=- workflow_run_timeout=0s workflow_task_timeout=10s retry_policy=- cron_schedule=- header=- memo=- search_attributes=- inherit_build_id=false priority=-
        6 ChildWorkflowExecutionStarted initiated_event_id=5 workflow_execution.workflow_id={child_id} workflow_execution.run_id={child.run_id} workflow_type.name=child namespace=default header=-
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
        9 WorkflowTaskCompleted
        10 ChildWorkflowExecutionCompleted initiated_event_id=5 started_event_id=6 result='"out"' workflow_execution.workflow_id={child_id} workflow_execution.run_id={child.run_id} workflow_type.name=child namespace=default
        11 WorkflowTaskScheduled
        12 WorkflowTaskStarted
    """)
    child.expect(f"""
        1 WorkflowExecutionStarted workflow_type.name=child task_queue.name={queue} input='"in"' parent_workflow_namespace=default parent_workflow_execution.workflow_id={parent.workflow_id} parent_workflow_execution.run_id={parent.run_id} parent_initiated_event_id=5 root_workflow_execution.workflow_id={parent.workflow_id} root_workflow_execution.run_id={parent.run_id} original_execution_run_id={child.run_id} first_execution_run_id={child.run_id} attempt=1 identity=- workflow_execution_timeout=- workflow_run_timeout=0s workflow_task_timeout=10s first_workflow_task_backoff=0s workflow_execution_expiration_time=- continued_execution_run_id=- initiator=UNSPECIFIED workflow_id={child_id} retry_policy=-
        2 WorkflowTaskScheduled
        3 WorkflowTaskStarted
        4 WorkflowTaskCompleted
        5 WorkflowExecutionCompleted result='"out"'
    """)
    namespace_id = attributes_of(child.events()[0]).parent_workflow_namespace_id
    assert namespace_id
    for event in parent.events()[4:6] + parent.events()[9:10]:
        assert attributes_of(event).namespace_id == namespace_id


def test_a_child_with_everything(server):
    fields = {"k": payload(1)}
    parent, child = start_with_child(
        server,
        dict(
            workflow_type=dict(name="Rich"),
            workflow_execution_timeout=seconds(300),
            workflow_run_timeout=seconds(500),
            workflow_task_timeout=seconds(7),
            parent_close_policy="PARENT_CLOSE_POLICY_ABANDON",
            workflow_id_reuse_policy="WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE",
            retry_policy=dict(maximum_attempts=5),
            header=dict(fields=fields),
            memo=dict(fields=fields),
            priority=dict(priority_key=2),
        ),
    )
    policy = json.dumps(
        dict(backoff_coefficient=2.0, initial_interval="1s", maximum_attempts=5, maximum_interval="100s"), sort_keys=True
    )
    memo = json.dumps(json_format.MessageToDict(common_pb.Memo(fields=fields)), sort_keys=True)
    parent.expect(f"""
        ...
        5 StartChildWorkflowExecutionInitiated workflow_type.name=Rich workflow_execution_timeout=300s workflow_run_timeout=300s workflow_task_timeout=7s parent_close_policy=ABANDON workflow_id_reuse_policy=REJECT_DUPLICATE 'retry_policy={policy}' 'header={memo}' 'memo={memo}' priority.priority_key=2
        6 ChildWorkflowExecutionStarted workflow_type.name=Rich 'header={memo}'
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
        9 WorkflowTaskCompleted
    """)
    child.expect(f"""
        1 WorkflowExecutionStarted workflow_type.name=Rich workflow_execution_timeout=300s workflow_run_timeout=300s workflow_task_timeout=7s 'retry_policy={policy}' 'header={memo}' 'memo={memo}' priority.priority_key=2
        2 WorkflowTaskScheduled start_to_close_timeout=7s
    """)
    assert attributes_of(child.events()[0]).HasField("workflow_execution_expiration_time")
    described = child.describe()
    assert described.workflow_execution_info.memo.fields == fields
    assert described.execution_config.workflow_execution_timeout.seconds == 300


def test_the_childs_user_metadata(server):
    parent = server.start()
    command = start_child(unique("child"), "q")
    command.user_metadata.summary.CopyFrom(payload("what for"))
    parent.task().complete(command)
    wait_for_event(parent, "ChildWorkflowExecutionStarted")
    initiated = parent.events()[4]
    assert value_of(initiated.user_metadata.summary) == "what for"
    child = child_of(parent, 6, "q")
    assert value_of(child.events()[0].user_metadata.summary) == "what for"
    assert value_of(child.describe().execution_config.user_metadata.summary) == "what for"
    parent.terminate()


def test_a_child_without_a_queue_uses_its_parents(server):
    parent = server.start()
    parent.task().complete(start_child(unique("child"), "", task_queue=None))
    wait_for_event(parent, "ChildWorkflowExecutionStarted")
    child = child_of(parent, 6, parent.queue)
    assert attributes_of(parent.events()[4]).task_queue.name == parent.queue
    tasks = [parent.task(), parent.task()]
    assert {task.workflow_execution.run_id for task in tasks} == {parent.run_id, child.run_id}


def test_the_child_inherits_the_priority_only(server):
    fields = {"m": payload(1)}
    parent, child = start_with_child(
        server,
        priority=dict(priority_key=1, fairness_key="f"),
        memo=dict(fields=fields),
        header=dict(fields=fields),
        retry_policy=dict(maximum_attempts=3),
        workflow_run_timeout=seconds(500),
    )
    started = attributes_of(child.events()[0])
    assert (started.priority.priority_key, started.priority.fairness_key) == (1, "f")
    assert not started.memo.fields and not started.header.fields and not started.HasField("retry_policy")
    assert started.workflow_run_timeout.seconds == 0


def test_the_root_of_nested_children(server):
    root, child = start_with_child(server)
    queue = unique("grandchild")
    child.task().complete(start_child(f"{child.workflow_id}/child", queue))
    wait_for_event(child, "ChildWorkflowExecutionStarted")
    grandchild = child_of(child, 6, queue)
    started = attributes_of(grandchild.events()[0])
    assert started.parent_workflow_execution.run_id == child.run_id
    assert started.root_workflow_execution.run_id == root.run_id
    info = grandchild.describe().workflow_execution_info
    assert (info.parent_execution.run_id, info.root_execution.run_id) == (child.run_id, root.run_id)
    assert info.parent_namespace_id == started.parent_workflow_namespace_id
    info = root.describe().workflow_execution_info
    assert info.root_execution.run_id == root.run_id and not info.HasField("parent_execution")


def test_several_children_of_one_task(server):
    parent = server.start()
    names = [f"{parent.workflow_id}/{n}" for n in range(4)]
    parent.task().complete(*[start_child(name, parent.queue + "-c") for name in names])
    events = wait_for_event(parent, "ChildWorkflowExecutionStarted", 4)
    assert [event_type(event) for event in events[4:8]] == ["StartChildWorkflowExecutionInitiated"] * 4
    initiated = {event.event_id: attributes_of(event).workflow_id for event in events[4:8]}
    assert list(initiated.values()) == names
    rest = [event for event in events[8:] if event_type(event) == "ChildWorkflowExecutionStarted"]
    assert {attributes_of(e).initiated_event_id: attributes_of(e).workflow_execution.workflow_id for e in rest} == initiated
    assert sum(event_type(event) == "WorkflowTaskScheduled" for event in events) == 2


# ---------------------------------------------------------------------------------------------------------------------
# How a child ends


def test_a_child_fails(server):
    parent, child = start_with_child(server)
    child.task().complete(fail_workflow(application_failure("sad", "Sad", non_retryable=True)))
    parent.task()
    parent.expect("""
        ...
        10 ChildWorkflowExecutionFailed failure.message=sad failure.application_failure_info.type=Sad retry_state=RETRY_POLICY_NOT_SET initiated_event_id=5 started_event_id=6
        11 WorkflowTaskScheduled
        12 WorkflowTaskStarted
    """)


def test_a_child_is_cancelled(server):
    parent, child = start_with_child(server)
    child.cancel()
    child.task().complete(cancel_workflow("why"))
    parent.task()
    parent.expect("""
        ...
        10 ChildWorkflowExecutionCanceled details='"why"' initiated_event_id=5 started_event_id=6
        11 WorkflowTaskScheduled
        12 WorkflowTaskStarted
    """)


def test_a_child_times_out(server):
    parent, child = start_with_child(server, dict(workflow_run_timeout=seconds(1)))
    parent.task()
    parent.expect("""
        ...
        10 ChildWorkflowExecutionTimedOut retry_state=RETRY_POLICY_NOT_SET initiated_event_id=5 started_event_id=6
        11 WorkflowTaskScheduled
        12 WorkflowTaskStarted
    """)


def test_a_child_runs_out_of_its_execution_timeout(server):
    fields = dict(workflow_execution_timeout=seconds(1), retry_policy=dict(maximum_attempts=5))
    parent, child = start_with_child(server, fields)
    parent.task()
    parent.expect("""
        ...
        10 ChildWorkflowExecutionTimedOut retry_state=TIMEOUT
        11 WorkflowTaskScheduled
        12 WorkflowTaskStarted
    """)


def test_a_child_is_terminated(server):
    parent, child = start_with_child(server)
    child.terminate(reason="enough")
    parent.task()
    parent.expect("""
        ...
        10 ChildWorkflowExecutionTerminated initiated_event_id=5 started_event_id=6
        11 WorkflowTaskScheduled
        12 WorkflowTaskStarted
    """)


def test_a_retried_child_ends_once(server):
    policy = dict(initial_interval=seconds(0.1), maximum_attempts=2)
    parent, child = start_with_child(server, dict(retry_policy=policy))
    child.task().complete(fail_workflow(application_failure("first")))
    second = next_run(child)
    assert not parent.describe().HasField("pending_workflow_task")  # nothing has come of it
    (pending,) = parent.describe().pending_children
    assert pending.run_id == child.run_id
    started = attributes_of(second.events()[0])
    assert started.parent_workflow_execution.run_id == parent.run_id
    assert started.parent_initiated_event_id == 5 and started.root_workflow_execution.run_id == parent.run_id
    second.task().complete(fail_workflow(application_failure("second")))
    parent.task()
    parent.expect(f"""
        ...
        10 ChildWorkflowExecutionFailed failure.message=second retry_state=MAXIMUM_ATTEMPTS_REACHED workflow_execution.run_id={second.run_id} started_event_id=6
        11 WorkflowTaskScheduled
        12 WorkflowTaskStarted
    """)


def test_a_retried_child_may_do_better(server):
    parent, child = start_with_child(server, dict(retry_policy=dict(initial_interval=seconds(0.1))))
    child.task().complete(fail_workflow())
    second = next_run(child)
    second.task().complete(complete_workflow("better"))
    parent.task()
    parent.expect(f"""
        ...
        10 ChildWorkflowExecutionCompleted result='"better"' workflow_execution.run_id={second.run_id}
        11 WorkflowTaskScheduled
        12 WorkflowTaskStarted
    """)


def test_a_child_that_continues_as_new_ends_once(server):
    parent, child = start_with_child(server)
    child.task().complete(continue_as_new(input=payloads(2)))
    second = next_run(child)
    started = attributes_of(second.events()[0])
    assert started.parent_workflow_execution.run_id == parent.run_id
    assert started.parent_initiated_event_id == 5 and started.root_workflow_execution.run_id == parent.run_id
    assert not parent.describe().HasField("pending_workflow_task")
    second.task().complete(complete_workflow("end"))
    parent.task()
    parent.expect(f"""
        ...
        10 ChildWorkflowExecutionCompleted result='"end"' workflow_execution.run_id={second.run_id} workflow_type.name=child
        11 WorkflowTaskScheduled
        12 WorkflowTaskStarted
    """)


def test_a_child_that_continues_as_another_type(server):
    parent, child = start_with_child(server)
    child.task().complete(continue_as_new(workflow_type=dict(name="other")))
    second = next_run(child)
    second.task().complete(complete_workflow())
    parent.task()
    parent.expect("""
        ...
        10 ChildWorkflowExecutionCompleted workflow_type.name=child
        11 WorkflowTaskScheduled
        12 WorkflowTaskStarted
    """)


def test_the_parent_continues_the_child_does_not_know(server):
    """A child that was abandoned tells its end to nobody."""
    parent, child = start_with_child(server, dict(parent_close_policy="PARENT_CLOSE_POLICY_ABANDON"))
    parent.signal()
    parent.task().complete(continue_as_new())
    following = next_run(parent)
    child.task().complete(complete_workflow())
    task = following.task()
    task.complete()
    following.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowTaskScheduled
        3 WorkflowTaskStarted
        4 WorkflowTaskCompleted
    """)
    assert not following.describe().pending_children


# ---------------------------------------------------------------------------------------------------------------------
# A child that cannot be started


FAILED = "StartChildWorkflowExecutionFailed"


def test_the_id_is_taken(server):
    other = server.start()
    parent = server.start()
    parent.task().complete(start_child(other.workflow_id, "q", control="c"))
    parent.task()
    parent.expect(f"""
        ...
        5 StartChildWorkflowExecutionInitiated
        6 {FAILED} cause=WORKFLOW_ALREADY_EXISTS initiated_event_id=5 workflow_task_completed_event_id=- workflow_id={other.workflow_id} workflow_type.name=child control=c namespace=default
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)
    assert not parent.describe().pending_children
    assert other.status() == "RUNNING"


def test_the_parents_own_id(server):
    parent = server.start()
    parent.task().complete(start_child(parent.workflow_id, "q"))
    parent.task()
    parent.expect(f"""
        ...
        6 {FAILED} cause=WORKFLOW_ALREADY_EXISTS
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)


def test_two_children_with_one_id(server):
    parent = server.start()
    child_id = unique("child")
    parent.task().complete(start_child(child_id, "q"), start_child(child_id, "q"))
    wait_for_event(parent, FAILED)
    wait_for_event(parent, "ChildWorkflowExecutionStarted")
    parent.terminate()


REUSE = [
    ("ALLOW_DUPLICATE", "complete", True),
    ("ALLOW_DUPLICATE", "fail", True),
    ("ALLOW_DUPLICATE_FAILED_ONLY", "complete", False),
    ("ALLOW_DUPLICATE_FAILED_ONLY", "fail", True),
    ("ALLOW_DUPLICATE_FAILED_ONLY", "terminate", True),
    ("REJECT_DUPLICATE", "complete", False),
    ("REJECT_DUPLICATE", "fail", False),
    ("TERMINATE_IF_RUNNING", "complete", True),
]


@pytest.mark.parametrize("policy,end,starts", REUSE)
def test_the_id_has_been_used(server, policy, end, starts):
    other = server.start()
    if end == "terminate":
        other.terminate()
    else:
        other.task().complete(complete_workflow() if end == "complete" else fail_workflow())
    parent = server.start()
    policy = f"WORKFLOW_ID_REUSE_POLICY_{policy}"
    parent.task().complete(start_child(other.workflow_id, "q", workflow_id_reuse_policy=policy))
    parent.task()
    parent.expect(f"""
        ...
        6 {"ChildWorkflowExecutionStarted" if starts else f"{FAILED} cause=WORKFLOW_ALREADY_EXISTS"}
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)
    parent.terminate()


def test_terminate_if_running(server):
    other = server.start()
    parent = server.start()
    policy = "WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING"
    parent.task().complete(start_child(other.workflow_id, "q", workflow_id_reuse_policy=policy))
    parent.task()
    parent.expect("""
        ...
        6 ChildWorkflowExecutionStarted
        7 WorkflowTaskScheduled
        8 WorkflowTaskStarted
    """)
    assert other.status() == "TERMINATED"
    closed = attributes_of(other.events()[-1])
    assert closed.reason == "TerminateIfRunning WorkflowIdReusePolicy" and closed.identity == "history-service"
    parent.terminate()


# ---------------------------------------------------------------------------------------------------------------------
# What comes while the parent's task runs


def test_a_child_ends_while_the_parents_task_runs(server):
    parent, child = start_with_child(server)
    parent.signal("go")
    task = parent.task()
    child.task().complete(complete_workflow("meanwhile"))
    parent.signal("after")
    wait_for_status(child, "COMPLETED")
    assert parent.text().endswith("12 WorkflowTaskStarted")
    task.complete(start_timer("t", 900))
    parent.expect("""
        ...
        13 WorkflowTaskCompleted
        14 TimerStarted
        15 WorkflowExecutionSignaled
        16 ChildWorkflowExecutionCompleted result='"meanwhile"' initiated_event_id=5 started_event_id=6
        17 WorkflowTaskScheduled
    """)


def test_a_child_starts_and_ends_while_the_parents_task_runs(server):
    parent = server.start()
    queue = unique("child")
    task = parent.task().inline(start_child(f"{parent.workflow_id}/child", queue), force_create_new_workflow_task=True)
    Run(server, f"{parent.workflow_id}/child", "", queue).task().complete(complete_workflow("quick"))
    wait_for_status(Run(server, f"{parent.workflow_id}/child", "", queue), "COMPLETED")
    time.sleep(0.3)  # nothing tells when the parent has heard of it
    parent.signal()
    task.complete(record_marker("m"))
    parent.expect("""
        ...
        5 StartChildWorkflowExecutionInitiated
        6 WorkflowTaskScheduled
        7 WorkflowTaskStarted
        8 WorkflowTaskCompleted
        9 MarkerRecorded
        10 ChildWorkflowExecutionStarted initiated_event_id=5
        11 WorkflowExecutionSignaled
        12 ChildWorkflowExecutionCompleted initiated_event_id=5 started_event_id=10
        13 WorkflowTaskScheduled
    """)


def test_a_close_is_refused_when_a_child_has_ended(server):
    parent, child = start_with_child(server)
    parent.signal()
    task = parent.task()
    child.task().complete(complete_workflow("unseen"))
    wait_for_status(child, "COMPLETED")
    time.sleep(0.3)  # nothing tells when the parent has heard of it
    with refused(INVALID_ARGUMENT, "UnhandledCommand"):
        task.complete(complete_workflow())
    parent.expect("""
        ...
        13 WorkflowTaskFailed cause=UNHANDLED_COMMAND
        14 ChildWorkflowExecutionCompleted
        15 WorkflowTaskScheduled attempt=1
    """)


def test_two_children_end_while_the_parents_task_runs(server):
    parent = server.start()
    queues = [unique("child"), unique("child")]
    commands = [start_child(f"{parent.workflow_id}/{n}", queue) for n, queue in enumerate(queues)]
    parent.task().complete(*commands)
    wait_for_event(parent, "ChildWorkflowExecutionStarted", 2)
    task = parent.task()
    children = [Run(server, f"{parent.workflow_id}/{n}", "", queue) for n, queue in enumerate(queues)]
    for child in reversed(children):
        child.task().complete(complete_workflow(child.workflow_id))
        time.sleep(0.3)  # nothing tells when the parent has heard of it
    task.complete()
    ends = [attributes_of(e) for e in parent.events() if event_type(e) == "ChildWorkflowExecutionCompleted"]
    assert [end.initiated_event_id for end in ends] == [6, 5]


def test_the_parents_result_of_a_failed_task(server):
    parent, child = start_with_child(server)
    parent.signal()
    task = parent.task()
    child.task().complete(complete_workflow("kept"))
    wait_for_status(child, "COMPLETED")
    time.sleep(0.3)  # nothing tells when the parent has heard of it
    task.fail()
    parent.expect("""
        ...
        13 WorkflowTaskFailed
        14 ChildWorkflowExecutionCompleted
        15 WorkflowTaskScheduled attempt=1
    """)


# ---------------------------------------------------------------------------------------------------------------------
# Refused commands


def child_command(**attributes):
    fields = dict(workflow_id="c", workflow_type=dict(name="t"), task_queue=dict(name="q"))
    fields.update(attributes)
    fields = {key: value for key, value in fields.items() if value is not None}
    return command_pb.Command(
        command_type="COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION",
        start_child_workflow_execution_command_attributes=fields,
    )


ON = "on StartChildWorkflowExecutionCommand"
WHOSE = "WorkflowId=c WorkflowType=t Namespace=default"
LONG = "x" * 1001
BAD_CHILDREN = {
    "no id": (
        child_command(workflow_id=""),
        f"Required field WorkflowId is not set {ON}. WorkflowType=t Namespace=default",
    ),
    "no type": (
        child_command(workflow_type=None),
        f"Required field WorkflowType is not set {ON}. WorkflowId=c Namespace=default",
    ),
    "empty type": (
        child_command(workflow_type={}),
        f"Required field WorkflowType is not set {ON}. WorkflowId=c Namespace=default",
    ),
    "long id": (
        child_command(workflow_id=LONG),
        f"WorkflowId {ON} exceeds length limit. WorkflowId={LONG} Length=1001 Limit=1000 WorkflowType=t Namespace=default",
    ),
    "long type": (
        child_command(workflow_type=dict(name=LONG)),
        f"WorkflowType {ON} exceeds length limit. WorkflowId=c WorkflowType={LONG} Length=1001 Limit=1000 Namespace=default",
    ),
    "negative execution timeout": (
        child_command(workflow_execution_timeout=seconds(-1)),
        f"Invalid WorkflowExecutionTimeout {ON}: negative duration. {WHOSE}",
    ),
    "negative run timeout": (
        child_command(workflow_run_timeout=seconds(-1)),
        f"Invalid WorkflowRunTimeout {ON}: negative duration. {WHOSE}",
    ),
    "negative task timeout": (
        child_command(workflow_task_timeout=seconds(-1)),
        f"Invalid WorkflowTaskTimeout {ON}: negative duration. {WHOSE}",
    ),
    "bad retry policy": (
        child_command(retry_policy=dict(maximum_attempts=-1)),
        f"invalid WorkflowRetryPolicy {ON}: MaximumAttempts cannot be negative on retry policy.. {WHOSE}",
    ),
    "bad cron": (
        child_command(cron_schedule="bad"),
        f"invalid CronSchedule {ON}: invalid CronSchedule.. {WHOSE}",
    ),
    "reserved queue": (
        child_command(task_queue=dict(name="/_sys/x")),
        f"invalid TaskQueue {ON}: task queue name cannot start with reserved prefix /_sys/. {WHOSE} "
        'TaskQueue=name:"/_sys/x" kind:TASK_QUEUE_KIND_NORMAL',
    ),
    "long queue": (
        child_command(task_queue=dict(name=LONG)),
        f"invalid TaskQueue {ON}: taskQueue length exceeds limit. {WHOSE} "
        f'TaskQueue=name:"{LONG}" kind:TASK_QUEUE_KIND_NORMAL',
    ),
    "internal queue": (
        child_command(task_queue=dict(name="temporal-sys-per-ns-tq")),
        f"invalid TaskQueue {ON}: cannot use internal per-namespace task queue:temporal-sys-per-ns-tq "
        f"(in parent component task queue: OWN_QUEUE). {WHOSE} "
        'TaskQueue=name:"temporal-sys-per-ns-tq" kind:TASK_QUEUE_KIND_NORMAL',
    ),
    "negative priority": (child_command(priority=dict(priority_key=-1)), "priority key can't be negative"),
    "long fairness key": (
        child_command(priority=dict(fairness_key="k" * 65)),
        "fairness key length exceeds limit",
    ),
    "negative weight": (child_command(priority=dict(fairness_weight=-1)), "must be greater than zero"),
}


@pytest.mark.parametrize("case", BAD_CHILDREN)
def test_a_bad_command(server, case):
    command, text = BAD_CHILDREN[case]
    run = server.start()
    text = text.replace("OWN_QUEUE", run.queue)
    # protobuf for Go puts one or two blanks between fields, so that nobody relies on its texts.
    text = re.compile(f"BadStartChildExecutionAttributes: {re.escape(text)}".replace(r"\ kind", " +kind"))
    with refused(INVALID_ARGUMENT, text):
        run.task().complete(command)
    run.expect("""
        ...
        4 WorkflowTaskFailed cause=BAD_START_CHILD_EXECUTION_ATTRIBUTES identity=worker
        5 WorkflowTaskScheduled
    """)


@pytest.mark.fermata_only  # the real server has an internal error
def test_a_command_without_attributes(server):
    run = server.start()
    text = "StartChildWorkflowExecutionCommandAttributes is not set on StartChildWorkflowExecutionCommand."
    with refused(INVALID_ARGUMENT, f"BadStartChildExecutionAttributes: {text}"):
        run.task().complete(bare("START_CHILD_WORKFLOW_EXECUTION"))


@pytest.mark.parametrize(
    "fields",
    [dict(workflow_id_reuse_policy=99), dict(parent_close_policy=99), dict(namespace="")],
)
def test_a_strange_command(server, fields):
    run = server.start()
    run.task().complete(child_command(workflow_id=unique("child"), **fields))
    wait_for_event(run, "ChildWorkflowExecutionStarted")
    run.terminate()


@pytest.mark.parametrize(
    "attributes,text",
    [
        (dict(input=payloads("x" * (2 << 20))), "StartChildWorkflowExecutionCommandAttributes. Input exceeds size limit."),
        (
            dict(memo=dict(fields={"m": payload("x" * (2 << 20))})),
            "StartChildWorkflowExecutionCommandAttributes.Memo exceeds size limit.",
        ),
    ],
)
def test_an_oversized_command_ends_the_workflow(server, attributes, text):
    run = server.start()
    text = f"BadStartChildExecutionAttributes: {text}"
    with refused(INVALID_ARGUMENT, text):
        run.task().complete(child_command(**attributes))
    run.expect(f"""
        ...
        4 WorkflowTaskFailed cause=BAD_START_CHILD_EXECUTION_ATTRIBUTES
        5 WorkflowExecutionTerminated reason="{text}" identity=history-service
    """)


def test_a_child_in_a_namespace_that_is_not_there(server):
    run = server.start()
    task = run.task()
    with refused(NOT_FOUND, "Namespace nope is not found.", NamespaceNotFoundFailure(namespace="nope")):
        task.complete(child_command(namespace="nope"))
    task.complete()  # the task goes on


def test_a_child_in_another_namespace(server):
    other = unique("other")
    server.call("RegisterNamespace", namespace=other, workflow_execution_retention_period=seconds(86400))
    for _ in range(100):
        with contextlib.suppress(grpc.RpcError):
            server.call("DescribeNamespace", namespace=other)
            break
    time.sleep(1)  # the real server's caches
    run = server.start()
    with refused(INVALID_ARGUMENT, "BadStartChildExecutionAttributes: cross namespace commands are not allowed"):
        run.task().complete(child_command(namespace=other))
    run.expect("""
        ...
        4 WorkflowTaskFailed cause=BAD_START_CHILD_EXECUTION_ATTRIBUTES
        5 WorkflowTaskScheduled
    """)


def test_the_parents_namespace_may_be_named(server):
    parent, child = start_with_child(server, dict(namespace="default"))
    assert attributes_of(parent.events()[4]).namespace == "default"


# ---------------------------------------------------------------------------------------------------------------------
# What describe shows


def test_pending_children(server):
    parent = server.start()
    queue = unique("child")
    commands = [
        start_child(f"{parent.workflow_id}/a", queue, workflow_type=dict(name="A")),
        start_child(f"{parent.workflow_id}/b", queue, parent_close_policy="PARENT_CLOSE_POLICY_REQUEST_CANCEL"),
    ]
    parent.task().complete(*commands)
    events = wait_for_event(parent, "ChildWorkflowExecutionStarted", 2)
    runs = {
        attributes_of(event).workflow_execution.workflow_id: attributes_of(event).workflow_execution.run_id
        for event in events
        if event_type(event) == "ChildWorkflowExecutionStarted"
    }
    pending = {child.workflow_id: child for child in parent.describe().pending_children}
    a, b = pending[f"{parent.workflow_id}/a"], pending[f"{parent.workflow_id}/b"]
    assert (a.workflow_type_name, a.initiated_id, a.run_id) == ("A", 5, runs[a.workflow_id])
    assert (b.workflow_type_name, b.initiated_id, b.run_id) == ("child", 6, runs[b.workflow_id])
    assert (a.parent_close_policy, b.parent_close_policy) == (1, 3)  # TERMINATE, REQUEST_CANCEL
    parent.terminate()
    closed = parent.describe().pending_children
    assert {child.workflow_id for child in closed} == set(runs)  # those that were open then


def test_a_child_that_has_ended_is_not_pending(server):
    parent, child = start_with_child(server)
    child.terminate()
    wait_for_event(parent, "ChildWorkflowExecutionTerminated")
    assert not parent.describe().pending_children


# ---------------------------------------------------------------------------------------------------------------------
# Limits


@pytest.fixture(scope="module")
def narrow(fermata_exe):
    """A server that lets a workflow have two pending things of a kind."""
    kinds = ["ChildExecutions", "Signals", "CancelRequests"]
    flags = [word for kind in kinds for word in ("--dynamic-config-value", f"limit.numPending{kind}.error=2")]
    with launch(fermata_exe, *flags) as launched, Server(launched.address) as server:
        yield server


@pytest.mark.fermata_only  # the program around the real server passes no numbers on
@pytest.mark.parametrize(
    "command,cause,what",
    [
        (lambda n: start_child(unique("c"), "q"), "CHILD_WORKFLOWS", "pending child workflow executions"),
        (lambda n: signal_external(f"w{n}"), "SIGNALS", "pending signals to external workflows"),
        (lambda n: cancel_external(f"w{n}"), "REQUEST_CANCEL", "pending requests to cancel external workflows"),
    ],
)
def test_too_many_at_once(narrow, command, cause, what):
    run = narrow.start()
    words = "".join(word.capitalize() for word in f"PENDING_{cause}_LIMIT_EXCEEDED".split("_"))
    text = f"{words}: the number of {what}, 2, has reached the per-workflow limit of 2"
    with refused(INVALID_ARGUMENT, text):
        run.task().complete(*[command(n) for n in range(3)])
    run.expect(f"""
        ...
        4 WorkflowTaskFailed cause=PENDING_{cause}_LIMIT_EXCEEDED
        5 WorkflowTaskScheduled
    """)
    run.task().complete(*[command(n) for n in range(2)])


@pytest.mark.fermata_only
def test_a_child_that_has_ended_makes_room(narrow):
    parent, child = start_with_child(narrow)
    parent.signal()
    parent.task().complete(start_child(unique("child"), "q"))
    wait_for_event(parent, "ChildWorkflowExecutionStarted", 2)
    with refused(INVALID_ARGUMENT):
        parent.task().complete(start_child(unique("child"), "q"))
    child.terminate()
    wait_for_event(parent, "ChildWorkflowExecutionTerminated")
    parent.task().complete(start_child(unique("child"), "q"))
    assert len(parent.describe().pending_children) == 2
    parent.terminate()
