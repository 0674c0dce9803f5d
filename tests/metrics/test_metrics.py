"""What /metrics says: a page that Prometheus reads, with the names and labels of the real server, and each number moves when
it should."""

import json
import pathlib
import re
import urllib.error
import urllib.request

import grpc
import pytest
from driver import *
from versioned import AUTO_UPGRADE, PINNED, Deployment

fermata_only = pytest.mark.fermata_only


def own(run, **labels):
    """The labels of a run's task queue."""
    return dict(namespace="default", taskqueue=run.queue.replace("-", "_"), **labels)


def frontend(operation, **labels):
    return dict(namespace="default", operation=operation, service_name="frontend", **labels)


# ---- the page ----


@fermata_only
def test_the_docs_and_the_dashboard_name_what_there_is(server):
    docs = pathlib.Path(__file__).parents[2] / "docs"
    told = set(re.findall(r"^\| `(\w+)` \|", (docs / "metrics.md").read_text(), re.M))
    assert server.page().families.keys() <= told
    asked = {
        name.removesuffix("_bucket")
        for panel in json.loads((docs / "grafana.json").read_text())["panels"]
        for target in panel.get("targets", ())
        for name in re.findall(r"\b([a-z_]+)(?=\{|\[\$)", target["expr"]) + [target["expr"]] * target["expr"].isidentifier()
    }
    assert len(asked) > 20 and asked <= told


def test_it_is_what_prometheus_reads(server):
    with urllib.request.urlopen(server.url) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4; charset=utf-8")
    page = server.page()
    assert "restarts" in page.families
    for line in page.text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) \w+ .*|\w+(\{(\w+="[^"]*",?)*\})? \S+', line), line


def test_no_series_comes_twice(server):
    server.start().task().complete(complete_workflow())
    seen = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in server.page().samples]
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("path", ["/", "/metric", "/metrics/", "/debug/pprof"])
def test_nothing_else_is_there(server, path):
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(server.url.removesuffix("/metrics") + path)
    assert error.value.code == 404


def test_histograms_have_the_real_buckets(server):
    server.start().task().complete(complete_workflow())
    page = server.comes_to(lambda page: page.value("workflow_success") > 0)

    def bounds(name):
        labels = next(labels for labels in page.labels(f"{name}_bucket") if labels["le"] != "+Inf")
        same = {key: value for key, value in labels.items() if key != "le"}
        return " ".join(found["le"] for found in page.labels(f"{name}_bucket", **same))

    assert bounds("service_latency") == "0.001 0.002 0.005 0.01 0.02 0.05 0.1 0.2 0.5 1 2 5 10 20 50 100 200 500 1000 +Inf"
    assert bounds("history_count") == "1 2 5 10 20 50 100 200 500 1000 2000 5000 10000 20000 50000 100000 +Inf"
    assert bounds("history_size").startswith("1024 2048 4096 8192 16384 32768 65536 131072 262144 524288 1.048576e+06 ")


def test_label_values_are_sanitised(server):
    queue = f"q.{unique('x')}/é y"
    run = server.start(task_queue=dict(name=queue), workflow_type=dict(name="my-type.v1"))
    labels = dict(taskqueue=re.sub("[^A-Za-z0-9_]", "_", queue), workflowType="my_type_v1")
    with server.moves(("workflow_terminate", labels, 1)):
        run.terminate()


# ---- calls ----


def test_calls(server):
    run = server.start()
    with server.moves(
        ("service_requests", frontend("DescribeWorkflowExecution"), 2),
        ("service_latency_count", frontend("DescribeWorkflowExecution"), 2),
        ("service_latency_nouserlatency_count", frontend("DescribeWorkflowExecution"), 2),
        ("service_error_with_type", frontend("DescribeWorkflowExecution"), 0),
    ):
        run.describe()
        run.describe()


def test_calls_of_another_namespace(server):
    with server.moves(("service_requests", dict(namespace="other_team", operation="CountWorkflowExecutions"), 1)):
        server.call("CountWorkflowExecutions", namespace="other-team")


def test_calls_without_a_namespace(server):
    with server.moves(("service_requests", dict(namespace="_unknown_", operation="GetSystemInfo"), 1)):
        server.call("GetSystemInfo")


def test_operator_calls_are_told_apart(server):
    with server.moves(("service_requests", frontend("OperatorListSearchAttributes"), 1)):
        server.call("ListSearchAttributes")


@fermata_only  # the real server counts none of them
def test_namespaces_that_are_not_there_make_no_series(server):
    with server.moves(("service_requests", dict(namespace="_unknown_", operation="CountWorkflowExecutions"), 3)):
        for name in ("no-1", "no-2", "no-3"):
            with refused(NOT_FOUND, detail=NamespaceNotFoundFailure):
                server.call("CountWorkflowExecutions", namespace=name)


def test_errors_by_type(server):
    operation = "DescribeWorkflowExecution"
    with server.moves(
        ("service_error_with_type", frontend(operation, error_type="serviceerror_NotFound"), 1),
        ("service_error_with_type", frontend(operation, error_type="serviceerror_InvalidArgument"), 1),
    ):
        with refused(NOT_FOUND, detail=NotFoundFailure):
            server.call(operation, execution=dict(workflow_id="nope"))
        with refused(INVALID_ARGUMENT):
            server.call(operation, execution=dict(workflow_id="nope", run_id="no uuid"))


def test_errors_have_the_names_of_their_details(server):
    run = server.start()
    labels = frontend("StartWorkflowExecution", error_type="serviceerror_WorkflowExecutionAlreadyStarted")
    with server.moves(("service_error_with_type", labels, 1)):
        with refused(ALREADY_EXISTS, detail=AlreadyStartedFailure):
            server.start(workflow_id=run.workflow_id)


def test_what_limits_refuse(server):
    run = server.start()
    queries = [run.query_later(timeout=5) for _ in range(3)]
    labels = frontend("QueryWorkflow", resource_exhausted_cause="BusyWorkflow", resource_exhausted_scope="Namespace")
    server.comes_to(lambda page: page.value("service_errors_resource_exhausted", **labels) > 0)
    for query in queries:
        query.cancel()


def test_calls_under_way(server):
    queue = unique("queue")
    pending = dict(operation="PollActivityTaskQueue", namespace="default")
    before = server.page().value("service_pending_requests", **pending)
    with polling(server.call_later("PollActivityTaskQueue", task_queue=dict(name=queue))):
        server.comes_to(lambda page: page.value("service_pending_requests", **pending) == before + 1)
    server.comes_to(lambda page: page.value("service_pending_requests", **pending) == before)


def test_long_polls_of_history_are_a_method_of_their_own(server):
    run = server.start()
    with server.moves(
        ("service_requests", frontend("PollWorkflowExecutionHistory"), 1),
        ("service_requests", frontend("GetWorkflowExecutionHistory"), 0),
    ):
        run.history_page(wait_new_event=True)


def test_waiting_is_told_apart(server):
    run = server.start()
    run.task().complete()
    waiting = run.task_later()
    with server.moves(("service_latency_userlatency_count", frontend("PollWorkflowTaskQueue"), 1)):
        run.signal()
        assert waiting.result().task_token


def test_connections(server):
    before = server.page().value("service_grpc_conn_accepted")
    with Server(server.address) as other:
        other.call("GetSystemInfo")
        server.comes_to(lambda page: page.value("service_grpc_conn_accepted") == before + 1)
        assert server.page().value("service_grpc_conn_active", service_name="frontend") >= 2
    server.comes_to(lambda page: page.value("service_grpc_conn_closed") >= 1)


# ---- workflows ----

ENDS = {
    "workflow_success": lambda run: run.task().complete(complete_workflow()),
    "workflow_failed": lambda run: run.task().complete(fail_workflow()),
    "workflow_cancel": lambda run: (run.cancel(), run.task().complete(cancel_workflow())),
    "workflow_terminate": lambda run: run.terminate(),
    "workflow_continued_as_new": lambda run: run.task().complete(continue_as_new()),
}


@pytest.mark.parametrize("name", ENDS)
def test_how_workflows_end(server, name):
    run = server.start()
    labels = own(run, workflowType="wf", operation="CompletionStats", service_name="history", namespace_state="active")
    others = [(other, labels, int(other == name)) for other in ENDS]
    with server.moves(*others, ("workflow_schedule_to_close_latency_count", labels, 1)):
        ENDS[name](run)
    if name == "workflow_continued_as_new":
        run.terminate(workflow_execution=dict(workflow_id=run.workflow_id))


def test_workflows_that_time_out(server):
    queue = unique("queue")
    with server.moves(("workflow_timeout", dict(taskqueue=queue.replace("-", "_"), workflowType="wf"), 1)):
        server.start(task_queue=dict(name=queue), workflow_run_timeout=seconds(1)).wait_closed()


def test_sizes_of_histories(server):
    run = server.start()
    with server.moves(
        ("history_count_count", dict(namespace="default", operation="CompletionStats"), 1),
        ("history_count_sum", dict(namespace="default", operation="CompletionStats"), 5),
        ("history_size_count", dict(namespace="default", operation="CompletionStats"), 1),
    ):
        run.task().complete(complete_workflow())


# ---- workflow tasks ----


def test_workflow_tasks_completed(server):
    run = server.start()
    tasks = dict(namespace="default", operation="WorkflowContext", versioning_behavior="Unspecified")
    with server.moves(
        ("workflow_tasks_completed", dict(tasks, first_attempt="true"), 2),
        ("workflow_task_attempt_count", dict(namespace="default"), 2),
        ("complete_workflow_task_sticky_enabled_count", dict(service_name="history"), 1),
        ("complete_workflow_task_sticky_disabled_count", dict(service_name="history"), 1),
    ):
        sticky = dict(worker_task_queue=dict(name=unique("sticky")), schedule_to_start_timeout=seconds(5))
        task = run.task().inline(sticky_attributes=sticky, force_create_new_workflow_task=True)
        task.complete(complete_workflow())


def test_commands_by_their_type(server):
    run = server.start()
    labels = dict(namespace="default", operation="RespondWorkflowTaskCompleted", service_name="history")
    with server.moves(
        ("command", dict(labels, commandType="StartTimer"), 2),
        ("command", dict(labels, commandType="CompleteWorkflowExecution"), 1),
    ):
        run.task().complete(start_timer("a", 100), start_timer("b", 100), complete_workflow())


def test_workflow_tasks_that_fail_by_their_cause(server):
    run = server.start()
    failed = dict(namespace="default", service_name="history", failure="NonDeterministicError")
    with server.moves(
        ("failed_workflow_tasks", dict(failed, first_attempt="true"), 1),
        ("failed_workflow_tasks", dict(failed, first_attempt="false"), 1),
        ("workflow_tasks_completed", dict(namespace="default", first_attempt="false"), 1),
    ):
        cause = "WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR"
        run.task().fail(cause)
        run.task().fail(cause)
        run.task().complete(complete_workflow())


def test_bad_commands_fail_a_task_too(server):
    run = server.start()
    labels = dict(namespace="default", failure="BadStartTimerAttributes")
    with server.moves(("failed_workflow_tasks", labels, 1)):
        with refused(INVALID_ARGUMENT):
            run.task().complete(start_timer("", 1))


def test_workflow_tasks_that_time_out(server):
    run = server.start(workflow_task_timeout=seconds(1))
    labels = dict(operation="TimerActiveTaskWorkflowTaskTimeout", namespace="default", first_attempt="true")
    with server.moves(("start_to_close_timeout", labels, 1)):
        run.task()
        run.task().complete(complete_workflow())


def test_sticky_workers_that_do_not_come(server):
    run = server.start()
    sticky = unique("sticky")
    attributes = dict(worker_task_queue=dict(name=sticky), schedule_to_start_timeout=seconds(1))
    run.task().complete(sticky_attributes=attributes)
    queue = dict(name=sticky, kind="TASK_QUEUE_KIND_STICKY", normal_name=run.queue)
    with polling(run.task_later(task_queue=queue)):  # it is seen, and goes
        seen = own(run, partition="__sticky__")
        server.comes_to(lambda page: page.value("pending_polls", **seen) > 0)
    labels = dict(operation="TimerActiveTaskWorkflowTaskTimeout", namespace="default")
    with server.moves(("schedule_to_start_timeout", labels, 1)):
        run.signal()
        run.task().complete(complete_workflow())


# ---- activities ----


def act(run, **labels):
    return own(run, activityType="act", workflowType="wf", service_name="history", **labels)


def one_activity(server, **attributes):
    run = server.start()
    run.task().complete(run.schedule_activity("a", **attributes))
    return run


def test_activities_that_complete(server):
    run = one_activity(server)
    labels = act(run, operation="RespondActivityTaskCompleted")
    with server.moves(
        ("activity_success", labels, 1),
        ("activity_start_to_close_latency_count", labels, 1),
        ("activity_end_to_end_latency_count", labels, 1),
        ("activity_schedule_to_close_latency_count", labels, 1),
    ):
        run.activity().complete()


def test_activities_that_fail(server):
    retry = dict(initial_interval=seconds(0.01), maximum_attempts=2)
    run = one_activity(server, retry_policy=retry)
    labels = act(run, operation="RespondActivityTaskFailed")
    with server.moves(
        ("activity_task_fail", labels, 2),
        ("activity_fail", labels, 1),
        ("activity_start_to_close_latency_count", labels, 2),
        ("activity_schedule_to_close_latency_count", labels, 1),
        ("activity_success", act(run), 0),
    ):
        run.activity().fail()
        run.activity().fail()


def test_activities_that_are_cancelled(server):
    run = one_activity(server)
    activity = run.activity()
    with server.moves(("activity_cancel", act(run, operation="RespondActivityTaskCanceled"), 1)):
        run.signal()
        run.task().complete(cancel_activity(5))
        activity.cancel()


@pytest.mark.parametrize(
    "kind, attributes, is_started",
    [
        ("StartToClose", dict(start_to_close_timeout=seconds(1)), True),
        ("Heartbeat", dict(start_to_close_timeout=seconds(30), heartbeat_timeout=seconds(1)), True),
        ("ScheduleToStart", dict(start_to_close_timeout=seconds(30), schedule_to_start_timeout=seconds(1)), False),
    ],
)
def test_activities_that_time_out(server, kind, attributes, is_started):
    run = one_activity(server, retry_policy=dict(maximum_attempts=1), **attributes)
    operation = "TimerActiveTaskActivityTimeout"
    labels = act(run, operation=operation, timeout_type=kind)
    by_kind = dict(namespace="default", operation=operation, first_attempt="true", versioning_behavior="Unspecified")
    name = {"StartToClose": "start_to_close", "Heartbeat": "heartbeat", "ScheduleToStart": "schedule_to_start"}[kind]
    with server.moves(
        ("activity_timeout", labels, 1),
        ("activity_task_timeout", labels, 1),
        (f"{name}_timeout", by_kind, 1),
    ):
        if is_started:
            run.activity()
        run.task()


# ---- task queues ----


def test_tasks_that_a_poll_waits_for(server):
    run = server.start()
    run.task().complete()
    queue = own(run, task_type="Workflow")
    with server.moves(
        ("poll_success", dict(queue, worker_version="__unversioned__"), 1),
        ("poll_success_sync", queue, 1),
        ("syncmatch_latency_count", dict(queue, operation="AddWorkflowTask"), 1),
        ("task_schedule_to_start_latency_count", dict(queue, operation="RecordWorkflowTaskStarted", partition="__normal__"), 1),
        ("poll_latency_count", dict(queue, poll_result="dispatch"), 1),
    ):
        waiting = run.task_later()
        labels = dict(taskqueue=queue["taskqueue"])
        server.comes_to(lambda page: page.value("pending_polls", **labels) > 0)
        run.signal()
        assert waiting.result().task_token


def test_tasks_that_wait_for_a_poll(server):
    run = server.start()
    queue = own(run, task_type="Workflow")
    backlog = dict(queue, worker_version="__unversioned__", worker_build_id="", operation="TaskQueuePartitionManager")
    server.comes_to(lambda page: page.value("approximate_backlog_count", task_priority="3", **backlog) == 1)
    page = server.comes_to(lambda page: page.value("approximate_backlog_age_seconds", **backlog) > 0)
    assert page.value("no_poller_tasks", **queue) == 1
    assert page.value("tasks_added", task_add_result="backlog", versioning_behavior="Unspecified", **queue) == 1
    with server.moves(("poll_success", queue, 1), ("asyncmatch_latency_count", queue, 1), ("poll_success_sync", queue, 0)):
        run.task().complete(complete_workflow())
    server.comes_to(lambda page: page.value("approximate_backlog_count", **backlog) == 0)


@fermata_only  # too slow to wait for: the real server counts a poll as lost only at its own limit
def test_polls_that_end_empty(server):
    run = server.start()
    run.task().complete()
    labels = own(run, task_type="Workflow")
    with server.moves(("poll_timeouts", labels, 1), ("poll_latency_count", dict(labels, poll_result="timeout"), 1)):
        run.no_task()


@fermata_only  # fermata_pollers is ours
def test_pollers_and_polls(server):
    queue = unique("queue")
    labels = dict(namespace="default", task_type="Activity", taskqueue=queue.replace("-", "_"))
    polls = [server.call_later("PollActivityTaskQueue", task_queue=dict(name=queue), identity=who) for who in "aab"]
    page = server.comes_to(lambda page: page.value("pending_polls", **labels) == 3)
    assert page.value("fermata_pollers", **labels) == 2
    for poll in polls:
        poll.cancel()
    server.comes_to(lambda page: page.value("pending_polls", **labels) == 0)


def test_priorities_are_told_apart(server):
    run = server.start(priority=dict(priority_key=1))
    labels = own(run, task_type="Workflow", task_priority="1")
    server.comes_to(lambda page: page.value("approximate_backlog_count", **labels) == 1)
    run.task().complete(complete_workflow())


def test_sticky_tasks(server):
    run = server.start()
    sticky = unique("sticky")
    queue = dict(name=sticky, kind="TASK_QUEUE_KIND_STICKY", normal_name=run.queue)
    run.task().complete(sticky_attributes=dict(worker_task_queue=queue, schedule_to_start_timeout=seconds(10)))
    labels = own(run, task_type="Workflow", partition="__sticky__")
    with server.moves(("poll_success", labels, 1), ("task_schedule_to_start_latency_count", labels, 1)):
        waiting = run.task_later(task_queue=queue)
        server.comes_to(lambda page: page.value("pending_polls", **labels) > 0)
        run.signal()
        assert waiting.result().task_token


# ---- versions ----


@fermata_only  # on the real server the backlog is spread over partitions, and comes to the page within a minute
def test_backlogs_by_version(server):
    team, queue = Deployment(server, unique("team")), unique("queue")
    team.has("v-1", queue)
    team.has("v-2", queue)
    team.set_current("v-1")
    team.set_ramping("v-2", 100)
    runs = [server.start(task_queue=dict(name=queue)) for _ in range(3)]
    version = dict(taskqueue=queue.replace("-", "_"), task_type="Workflow", worker_deployment_name=team.name.replace("-", "_"))
    page = server.comes_to(lambda page: page.value("approximate_backlog_count", worker_build_id="v_2", **version) == 3)
    assert page.value("approximate_backlog_count", worker_build_id="v_1", **version) == 0
    (labels,) = page.labels("approximate_backlog_age_seconds", worker_build_id="v_2", **version)
    assert labels["worker_version"] == f"{version['worker_deployment_name']}_v_2"
    worker = team.worker("v-2", AUTO_UPGRADE)
    counted = dict(version, worker_build_id="v_2")
    behavior = dict(namespace="default", versioning_behavior="AutoUpgrade")
    with server.moves(("poll_success", counted, 3), ("workflow_tasks_completed", behavior, 3)):
        for _ in runs:
            worker.task(runs[0]).complete(complete_workflow())


@fermata_only  # the same
def test_pinned_tasks_are_told_apart(server):
    team, queue = Deployment(server, unique("team")), unique("queue")
    team.has("v1", queue)
    team.set_current("v1")
    run = server.start(task_queue=dict(name=queue))
    worker = team.worker("v1", PINNED)
    worker.task(run).complete()
    labels = dict(taskqueue=queue.replace("-", "_"), worker_build_id="v1", versioning_behavior="Pinned")
    with server.moves(("tasks_added", labels, 1)):
        run.signal()
    worker.task(run).complete(complete_workflow())


# ---- storage and the process ----


@fermata_only
def test_commits_and_rows(server):
    before = server.page()
    server.start()
    after = server.page()
    for name in ("fermata_commits", "fermata_rows_written", "fermata_turns", "fermata_commit_rows_sum"):
        assert after.value(name) > before.value(name), name
    assert after.value("fermata_commit_answers_count") == after.value("persistence_latency_count")
    creations = dict(operation="CreateWorkflowExecution", service_name="history")
    assert after.value("persistence_requests", **creations) == before.value("persistence_requests", **creations) + 1


@fermata_only
def test_runs_in_memory(server):
    server.start()
    page = server.page()
    assert page.value("fermata_runs_loaded") >= 1
    assert page.value("fermata_runs_loaded_bytes") > 0


def test_the_process(server):
    page = server.page()
    assert page.labels("memory_allocated", service_name="frontend")  # sanitizers have an allocator that does not tell
    assert page.value("restarts", service_name="frontend") == 1
    assert page.labels("build_information", service_name="frontend")[0]["build_version"] == "1_32_0"


@fermata_only
def test_memory_and_time(server):
    page = server.page()
    assert page.value("fermata_memory_resident_bytes") > 1e6
    assert page.value("fermata_cpu_seconds") > 0
    assert page.value("total_namespaces") == 3
    assert page.value("loaded_task_queue_count", namespace="default", task_type="Workflow") > 0


@fermata_only
def test_series_are_bounded(server):
    for number in range(2100):
        run = server.start(workflow_type=dict(name=f"type-{number}"), task_queue=dict(name="many"))
        run.terminate()
    page = server.page()
    assert page.value("workflow_terminate", workflowType="_other_") > 50
    assert len(page.labels("workflow_terminate")) <= 2001
