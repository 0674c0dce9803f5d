"""Runs that follow each other: continue-as-new, retry, timeouts."""

from driver import *


def next_run(run):
    """The run that continues this closed one."""
    return run.other(attributes_of(run.events()[-1]).new_execution_run_id)


def test_continue_as_new_starts_the_next_run(server):
    run = server.start(workflow_task_timeout=seconds(7), workflow_run_timeout=seconds(70))
    run.task().complete(continue_as_new(input=payloads("next")))
    run.expect("""
        ...
        4 WorkflowTaskCompleted
        5 WorkflowExecutionContinuedAsNew workflow_type.name=wf input='"next"' workflow_run_timeout=70s workflow_task_timeout=7s initiator=UNSPECIFIED workflow_task_completed_event_id=4
    """)
    assert run.status() == "CONTINUED_AS_NEW"
    following = next_run(run)
    following.task().complete(complete_workflow())
    following.expect("""
        1 WorkflowExecutionStarted input='"next"' initiator=WORKFLOW attempt=1 workflow_type.name=wf workflow_run_timeout=70s workflow_task_timeout=7s
        2 WorkflowTaskScheduled
        3 WorkflowTaskStarted
        4 WorkflowTaskCompleted
        5 WorkflowExecutionCompleted
    """)
    started = attributes_of(following.events()[0])
    assert started.continued_execution_run_id == run.run_id
    assert started.first_execution_run_id == run.run_id
    assert started.original_execution_run_id == following.run_id
    assert started.task_queue.name == run.queue


def test_no_run_continues_on_a_queue_of_the_servers_own_workers(server):
    run = server.start()
    name = "temporal-sys-worker-controller-per-ns-tq"
    text = (
        "BadContinueAsNewAttributes: error validating ContinueAsNewWorkflowExecutionCommand TaskQueue: "
        f"cannot use internal per-namespace task queue:{name} (in parent component task queue: {run.queue}). "
        f'WorkflowType=wf TaskQueue=name:"{name}" kind:TASK_QUEUE_KIND_NORMAL'
    )
    # protobuf for Go puts one or two blanks between fields, so that nobody relies on its texts.
    with refused(INVALID_ARGUMENT, re.compile(re.escape(text).replace(r"\ kind", " +kind"))):
        run.task().complete(continue_as_new(task_queue=dict(name=name)))
    run.expect("""
        ...
        4 WorkflowTaskFailed cause=BAD_CONTINUE_AS_NEW_ATTRIBUTES
        5 WorkflowTaskScheduled
    """)


def test_a_quick_continue_as_new_is_held_back_to_a_second(server):
    run = server.start()
    run.task().complete(continue_as_new())
    following = next_run(run)
    backoff = attributes_of(following.events()[0]).first_workflow_task_backoff.ToTimedelta().total_seconds()
    assert 0 < backoff <= 1
    assert following.text() == "1 WorkflowExecutionStarted"


def test_memo_and_header_come_from_the_command_only(server):
    fields = {"m": payload(1)}
    run = server.start(memo=dict(fields=fields), header=dict(fields=fields))
    run.task().complete(continue_as_new())
    started = attributes_of(next_run(run).events()[0])
    assert not started.memo.fields and not started.header.fields
    run = server.start()
    run.task().complete(continue_as_new(memo=dict(fields=fields), header=dict(fields=fields)))
    started = attributes_of(next_run(run).events()[0])
    assert started.memo.fields == fields and started.header.fields == fields


def test_the_retry_policy_is_not_inherited(server):
    run = server.start(retry_policy=dict(maximum_attempts=3))
    run.task().complete(continue_as_new())
    assert not attributes_of(next_run(run).events()[0]).HasField("retry_policy")


def test_continue_as_new_may_change_type_and_queue(server):
    run = server.start()
    queue = unique("other")
    run.task().complete(continue_as_new(workflow_type=dict(name="wf2"), task_queue=dict(name=queue)))
    started = attributes_of(next_run(run).events()[0])
    assert (started.workflow_type.name, started.task_queue.name) == ("wf2", queue)


def test_the_execution_timeout_spans_the_chain(server):
    run = server.start(workflow_execution_timeout=seconds(100))
    expires = attributes_of(run.events()[0]).workflow_execution_expiration_time
    run.task().complete(continue_as_new())
    started = attributes_of(next_run(run).events()[0])
    assert started.workflow_execution_expiration_time == expires
    assert started.workflow_execution_timeout.seconds == 100


def test_activities_of_the_old_run_vanish(server):
    run = server.start()
    run.task().complete(run.schedule_activity("a"), force_create_new_workflow_task=True)
    activity = run.activity()
    run.task().complete(continue_as_new())
    with refused(NOT_FOUND, "workflow execution already completed", NotFoundFailure):
        activity.complete()
    assert not next_run(run).describe().pending_activities


def test_an_id_without_a_run_id_means_the_new_run(server):
    run = server.start()
    run.task().complete(continue_as_new())
    current = server.call("DescribeWorkflowExecution", execution=dict(workflow_id=run.workflow_id))
    assert current.workflow_execution_info.execution.run_id == next_run(run).run_id
    assert current.workflow_execution_info.first_run_id == run.run_id


def test_a_failed_workflow_is_retried(server):
    policy = dict(initial_interval=seconds(0.1), maximum_attempts=2)
    run = server.start(retry_policy=policy, input=payloads("again"), memo=dict(fields={"m": payload(1)}))
    run.task().complete(fail_workflow(application_failure("first")))
    run.expect("""
        ...
        5 WorkflowExecutionFailed retry_state=IN_PROGRESS failure.message=first
    """)
    second = next_run(run)
    second.task().complete(fail_workflow(application_failure("second")))
    second.expect("""
        1 WorkflowExecutionStarted attempt=2 initiator=RETRY continued_failure.message=first input='"again"'
        2 WorkflowTaskScheduled
        3 WorkflowTaskStarted
        4 WorkflowTaskCompleted
        5 WorkflowExecutionFailed retry_state=MAXIMUM_ATTEMPTS_REACHED failure.message=second new_execution_run_id=-
    """)
    assert value_of(attributes_of(second.events()[0]).memo.fields["m"]) == 1


def test_a_failure_without_a_retry_policy(server):
    run = server.start()
    run.task().complete(fail_workflow())
    run.expect("""
        ...
        5 WorkflowExecutionFailed retry_state=RETRY_POLICY_NOT_SET failure.message=boom failure.application_failure_info.type=Boom new_execution_run_id=- workflow_task_completed_event_id=4
    """)
    assert run.status() == "FAILED"


def test_a_non_retryable_failure_ends_the_workflow(server):
    run = server.start(retry_policy=dict(maximum_attempts=5))
    run.task().complete(fail_workflow(application_failure(non_retryable=True)))
    run.expect("""
        ...
        5 WorkflowExecutionFailed retry_state=NON_RETRYABLE_FAILURE new_execution_run_id=-
    """)


def test_a_type_listed_as_non_retryable_ends_the_workflow(server):
    run = server.start(retry_policy=dict(non_retryable_error_types=["Boom"]))
    run.task().complete(fail_workflow())
    run.expect("""
        ...
        5 WorkflowExecutionFailed retry_state=NON_RETRYABLE_FAILURE
    """)


def test_a_retry_beyond_the_execution_timeout_is_not_made(server):
    policy = dict(initial_interval=seconds(60))
    run = server.start(retry_policy=policy, workflow_execution_timeout=seconds(30))
    run.task().complete(fail_workflow())
    run.expect("""
        ...
        5 WorkflowExecutionFailed retry_state=TIMEOUT
    """)


def test_the_run_timeout_ends_a_workflow(server):
    run = server.start(workflow_run_timeout=seconds(1))
    run.wait_closed()
    run.expect("""
        1 WorkflowExecutionStarted
        2 WorkflowTaskScheduled
        3 WorkflowExecutionTimedOut retry_state=RETRY_POLICY_NOT_SET new_execution_run_id=-
    """)
    assert run.status() == "TIMED_OUT"


def test_the_run_timeout_fails_a_started_task(server):
    run = server.start(workflow_run_timeout=seconds(1), workflow_task_timeout=seconds(1))
    run.task().complete(force_create_new_workflow_task=True)
    run.no_activity()  # the time passes
    run.wait_closed()
    assert event_type(run.events()[-1]) == "WorkflowExecutionTimedOut"


def test_the_run_timeout_is_retried(server):
    run = server.start(workflow_run_timeout=seconds(1), retry_policy=dict(initial_interval=seconds(1), maximum_attempts=2))
    run.wait_closed()
    run.expect("""
        ...
        3 WorkflowExecutionTimedOut retry_state=IN_PROGRESS
    """)
    started = attributes_of(next_run(run).events()[0])
    assert (started.attempt, started.initiator) == (2, 2)  # RETRY
    info = started.continued_failure.timeout_failure_info
    assert (started.continued_failure.message, info.timeout_type) == ("workflow timeout", 1)  # START_TO_CLOSE


def test_the_execution_timeout_ends_the_chain(server):
    run = server.start(workflow_execution_timeout=seconds(1), retry_policy=dict(maximum_attempts=5))
    run.wait_closed()
    run.expect("""
        ...
        3 WorkflowExecutionTimedOut retry_state=TIMEOUT new_execution_run_id=-
    """)


def test_an_old_client_sees_a_retried_close_as_continued_as_new(server):
    run = server.start(retry_policy=dict(initial_interval=seconds(1), maximum_attempts=2))
    run.task().complete(fail_workflow())
    close = dict(history_event_filter_type="HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT")
    (old,) = run.history_page(**close).history.events
    (new,) = run.history_page(**close, metadata=(("supported-features", "follows-next-run-id"),)).history.events
    assert (event_type(old), old.event_id) == ("WorkflowExecutionContinuedAsNew", 5)
    assert attributes_of(old).new_execution_run_id == attributes_of(new).new_execution_run_id
    assert (event_type(new), new.event_id) == ("WorkflowExecutionFailed", 5)


def test_continue_as_new_with_a_backoff_waits(server):
    run = server.start()
    run.task().complete(continue_as_new(backoff_start_interval=seconds(60)))
    following = next_run(run)
    following.expect("""
        1 WorkflowExecutionStarted first_workflow_task_backoff=60s
    """)
    following.signal()
    assert following.text().endswith("2 WorkflowExecutionSignaled")  # a signal does not end the wait
    following.cancel()
    following.expect("""
        ...
        2 WorkflowExecutionSignaled
        3 WorkflowExecutionCancelRequested
        4 WorkflowTaskScheduled
    """)


def test_a_cron_workflow_runs_again_with_its_last_result(server):
    run = server.start(cron_schedule="@every 1s", input=payloads("in"))
    run.expect("""
        1 WorkflowExecutionStarted cron_schedule='@every 1s' initiator=CRON_SCHEDULE attempt=1
    """)
    run.task().complete(complete_workflow("first result"))
    second = next_run(run)
    second.task().complete(fail_workflow())
    third = next_run(second)
    second.expect("""
        1 WorkflowExecutionStarted initiator=CRON_SCHEDULE attempt=1 last_completion_result='"first result"' input='"in"'
        2 WorkflowTaskScheduled
        3 WorkflowTaskStarted
        4 WorkflowTaskCompleted
        5 WorkflowExecutionFailed retry_state=RETRY_POLICY_NOT_SET
    """)
    started = attributes_of(third.events()[0])
    assert value_of(started.last_completion_result) == "first result"
    assert started.continued_failure.message == "boom"
    third.terminate()


def test_cancel_ends_a_cron_workflow(server):
    run = server.start(cron_schedule="@every 1s")
    run.task().complete(cancel_workflow())
    run.expect("""
        ...
        5 WorkflowExecutionCanceled
    """)
    current = server.call("DescribeWorkflowExecution", execution=dict(workflow_id=run.workflow_id))
    assert current.workflow_execution_info.execution.run_id == run.run_id
