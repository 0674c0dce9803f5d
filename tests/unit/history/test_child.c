/* Children, and signals and cancellation requests to other workflows, as the run sees them that has asked for them. */
#include "tests/unit/history/support.h"

static struct bed bed;

static void set_up(void)
{
    bed_open_started(&bed);
    bed_poll(&bed);
}

static void tear_down(void)
{
    bed_close(&bed);
}

/* Completes the task with a child's start (event 5). */
static struct child *initiate(void)
{
    ck_assert_str_eq(COMPLETE(&bed, start_child(&bed, "child")), "");
    ck_assert_uint_eq(bed_effects(&bed, EFFECT_START_CHILD), 1);
    return mutable_state_child(bed.ms, 5);
}

static void tell_started(void)
{
    child_started(bed_begin(&bed), mutable_state_child(bed.ms, 5), "first run");
    bed_commit(&bed);
}

static void tell_ended(PbWorkflowExecutionStatus outcome)
{
    struct child_end end = {.outcome = outcome, .run_id = "last run", .result = payloads_of(&bed, "r")};

    end.failure = failure_of(&bed, "f");
    end.retry_state = RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED;
    child_ended(bed_begin(&bed), mutable_state_child(bed.ms, 5), &end);
    bed_commit(&bed);
}

/* ---- children ---- */

START_TEST(a_child_is_initiated)
{
    const PbStartChildWorkflowExecutionInitiatedEventAttributes *initiated;

    initiate();
    initiated = ATTRIBUTES_OF(&bed, 5, start_child_workflow_execution_initiated);
    ck_assert_str_eq(initiated->namespace_, "default");
    ck_assert_str_eq(initiated->namespace_id, "id-of-default");
    ck_assert_str_eq(initiated->workflow_id, "child");
    ck_assert_str_eq(initiated->task_queue->name, "queue"); /* the parent's */
    ck_assert_int_eq(initiated->parent_close_policy, PARENT_CLOSE_POLICY_TERMINATE);
    ck_assert_int_eq(initiated->workflow_id_reuse_policy, WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE);
    ck_assert_int_eq(initiated->workflow_task_timeout->seconds, 10);
    ck_assert_int_eq(initiated->workflow_run_timeout->seconds, 0);
    ck_assert_ptr_null(initiated->retry_policy);
    ck_assert_int_eq(initiated->workflow_task_completed_event_id, 4);
    EXPECT_TASK(&bed, "none");
}
END_TEST

/* Time-outs asked for and written, in seconds. */
static const struct {
    int64_t execution, run, task, run_written, task_written;
} TIMEOUTS[] = {
    {0, 0, 0, 0, 10},    {60, 0, 0, 60, 10}, {60, 90, 0, 60, 10},
    {60, 30, 0, 30, 10}, {0, 5, 0, 5, 5},    {0, 0, 500, 0, 120},
};

START_TEST(timeouts_of_a_child_are_completed)
{
    PbCommand *command = start_child(&bed, "child");
    PbStartChildWorkflowExecutionCommandAttributes *want = command->start_child_workflow_execution_command_attributes;
    const PbStartChildWorkflowExecutionInitiatedEventAttributes *initiated;

    want->workflow_execution_timeout = duration_of(&bed, seconds(TIMEOUTS[_i].execution));
    want->workflow_run_timeout = duration_of(&bed, seconds(TIMEOUTS[_i].run));
    want->workflow_task_timeout = duration_of(&bed, seconds(TIMEOUTS[_i].task));
    ck_assert_str_eq(COMPLETE(&bed, command), "");
    initiated = ATTRIBUTES_OF(&bed, 5, start_child_workflow_execution_initiated);
    ck_assert_int_eq(initiated->workflow_execution_timeout->seconds, TIMEOUTS[_i].execution);
    ck_assert_int_eq(initiated->workflow_run_timeout->seconds, TIMEOUTS[_i].run_written);
    ck_assert_int_eq(initiated->workflow_task_timeout->seconds, TIMEOUTS[_i].task_written);
}
END_TEST

static const struct {
    PbWorkflowExecutionStatus outcome;
    const char *event;
} ENDS[] = {
    {WORKFLOW_EXECUTION_STATUS_COMPLETED, "ChildWorkflowExecutionCompleted"},
    {WORKFLOW_EXECUTION_STATUS_FAILED, "ChildWorkflowExecutionFailed"},
    {WORKFLOW_EXECUTION_STATUS_CANCELED, "ChildWorkflowExecutionCanceled"},
    {WORKFLOW_EXECUTION_STATUS_TIMED_OUT, "ChildWorkflowExecutionTimedOut"},
    {WORKFLOW_EXECUTION_STATUS_TERMINATED, "ChildWorkflowExecutionTerminated"},
};

START_TEST(a_child_starts_and_ends)
{
    initiate();
    tell_started();
    EXPECT_EVENTS(&bed, 6, "6 ChildWorkflowExecutionStarted, 7 S1");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 6, child_workflow_execution_started)->workflow_execution->run_id, "first run");
    POLL_AND_COMPLETE(&bed);
    bed_reload(&bed);
    tell_ended(ENDS[_i].outcome);
    EXPECT_EVENTS(&bed, 10, arena_printf(bed.arena, "10 %s, 11 S1", ENDS[_i].event));
    ck_assert_ptr_null(bed.ms->children);
    if (_i == 1) {
        ck_assert_str_eq(ATTRIBUTES_OF(&bed, 10, child_workflow_execution_failed)->failure->message, "f");
        ck_assert_str_eq(ATTRIBUTES_OF(&bed, 10, child_workflow_execution_failed)->workflow_execution->run_id,
                         "last run");
        ck_assert_int_eq(ATTRIBUTES_OF(&bed, 10, child_workflow_execution_failed)->started_event_id, 6);
        ck_assert_int_eq(ATTRIBUTES_OF(&bed, 10, child_workflow_execution_failed)->initiated_event_id, 5);
        ck_assert_int_eq(ATTRIBUTES_OF(&bed, 10, child_workflow_execution_failed)->retry_state,
                         RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED);
    }
}
END_TEST

START_TEST(a_child_cannot_start)
{
    struct child *child = initiate(); /* a transition of its own: not among the arguments, which have no order */

    child_start_failed(bed_begin(&bed), child, START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS);
    bed_commit(&bed);
    EXPECT_EVENTS(&bed, 6, "6 StartChildWorkflowExecutionFailed, 7 S1");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 6, start_child_workflow_execution_failed)->workflow_id, "child");
    ck_assert_ptr_null(bed.ms->children);
}
END_TEST

/* Both wait: the end learns the id of the start when that gets one. */
START_TEST(news_of_a_child_waits)
{
    initiate();
    bed_signal(&bed, "wake up");
    bed_poll(&bed);
    tell_started();
    tell_ended(WORKFLOW_EXECUTION_STATUS_COMPLETED);
    bed_signal(&bed, "last");
    EXPECT_EVENTS(&bed, 8, "8 R");
    ck_assert(mutable_state_child(bed.ms, 5)->closing);
    ck_assert_str_eq(COMPLETE(&bed), "");
    EXPECT_EVENTS(
        &bed, 9,
        "9 C, 10 ChildWorkflowExecutionStarted, 11 WorkflowExecutionSignaled, 12 ChildWorkflowExecutionCompleted, "
        "13 S1");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 12, child_workflow_execution_completed)->started_event_id, 10);
}
END_TEST

/* A child's own first task waits until its parent knows its run id; that of its successor does not. */
START_TEST(a_child_waits_for_its_parent)
{
    PbWorkflowExecutionStartedEventAttributes *started;

    tear_down();
    bed_open(&bed);
    started = bed_started(&bed);
    started->parent_workflow_execution = ARENA_NEW_PB(bed.arena, PbWorkflowExecution);
    started->continued_execution_run_id = _i == 0 ? "" : "before";
    bed_start(&bed, started);
    EXPECT_EVENTS(&bed, 1, _i == 0 ? "1 WorkflowExecutionStarted" : "1 WorkflowExecutionStarted, 2 S1");
    if (_i == 0) {
        workflow_task_schedule(bed_begin(&bed), false);
        bed_commit(&bed);
        EXPECT_EVENTS(&bed, 2, "2 S1");
    }
    bed_poll(&bed); /* so that all is as set_up leaves it */
}
END_TEST

START_TEST(children_are_checked)
{
#define BAD_CHILD(change, text)                                                               \
    do {                                                                                      \
        PbCommand *command;                                                                   \
        PbStartChildWorkflowExecutionCommandAttributes *want;                                 \
        tear_down();                                                                          \
        set_up();                                                                             \
        command = start_child(&bed, "c");                                                     \
        want = command->start_child_workflow_execution_command_attributes;                    \
        change;                                                                               \
        ck_assert_str_eq(COMPLETE(&bed, command), "BadStartChildExecutionAttributes: " text); \
    } while (0)

    BAD_CHILD(want->namespace_ = "other", "cross namespace commands are not allowed");
    BAD_CHILD(want->workflow_id = "", "Required field WorkflowId is not set on StartChildWorkflowExecutionCommand. "
                                      "WorkflowType=child type Namespace=default");
    BAD_CHILD(want->workflow_type = NULL,
              "Required field WorkflowType is not set on StartChildWorkflowExecutionCommand. "
              "WorkflowId=c Namespace=default");
    BAD_CHILD(want->workflow_run_timeout = duration_of(&bed, -1),
              "Invalid WorkflowRunTimeout on StartChildWorkflowExecutionCommand: negative duration. WorkflowId=c "
              "WorkflowType=child type Namespace=default");
    BAD_CHILD(want->cron_schedule = "bad",
              "invalid CronSchedule on StartChildWorkflowExecutionCommand: invalid CronSchedule.. WorkflowId=c "
              "WorkflowType=child type Namespace=default");
    BAD_CHILD(want->task_queue = normal_task_queue(bed.arena, "/_sys/x"),
              "invalid TaskQueue on StartChildWorkflowExecutionCommand: task queue name cannot start with reserved "
              "prefix /_sys/. WorkflowId=c WorkflowType=child type Namespace=default TaskQueue=name:\"/_sys/x\" "
              "kind:TASK_QUEUE_KIND_NORMAL");
    BAD_CHILD(want->priority = ARENA_NEW_PB(bed.arena, PbPriority);
              want->priority->priority_key = -1, "priority key can't be negative");
    BAD_CHILD(want->priority = ARENA_NEW_PB(bed.arena, PbPriority);
              want->priority->fairness_key = text_of_length(&bed, 65), "fairness key length exceeds limit");
    BAD_CHILD(want->input = payloads_of(&bed, text_of_length(&bed, 2 << 20)),
              "StartChildWorkflowExecutionCommandAttributes. Input exceeds size limit.");
    EXPECT_EVENTS(&bed, 4, "4 F, 5 WorkflowExecutionTerminated");
}
END_TEST

START_TEST(the_childs_metadata_is_kept)
{
    PbCommand *command = start_child(&bed, "c");

    command->user_metadata = ARENA_NEW_PB(bed.arena, PbUserMetadata);
    command->user_metadata->summary = payloads_of(&bed, "what for")->payloads[0];
    ck_assert_str_eq(COMPLETE(&bed, command), "");
    for (int i = 0; i < 2; i++, bed_reload(&bed))
        ck_assert_ptr_nonnull(mutable_state_child(bed.ms, 5)->user_metadata->summary);
}
END_TEST

/* ---- other workflows ---- */

START_TEST(a_message_is_delivered)
{
    ck_assert_str_eq(COMPLETE(&bed, _i == 0 ? signal_external(&bed, "other", "s") : cancel_external(&bed, "other")),
                     "");
    ck_assert_uint_eq(bed_effects(&bed, EFFECT_TELL_EXTERNAL), 1);
    bed_reload(&bed);
    external_delivered(bed_begin(&bed), mutable_state_external(bed.ms, 5));
    bed_commit(&bed);
    EXPECT_EVENTS(&bed, 5,
                  _i == 0 ? "5 SignalExternalWorkflowExecutionInitiated, 6 ExternalWorkflowExecutionSignaled, 7 S1"
                          : "5 RequestCancelExternalWorkflowExecutionInitiated, "
                            "6 ExternalWorkflowExecutionCancelRequested, 7 S1");
    ck_assert_ptr_null(bed.ms->externals);
    if (_i == 0)
        ck_assert_str_eq(ATTRIBUTES_OF(&bed, 6, external_workflow_execution_signaled)->workflow_execution->workflow_id,
                         "other");
    else
        ck_assert_int_eq(ATTRIBUTES_OF(&bed, 6, external_workflow_execution_cancel_requested)->initiated_event_id, 5);
}
END_TEST

START_TEST(a_message_is_not_delivered)
{
    ck_assert_str_eq(COMPLETE(&bed, _i == 0 ? signal_external(&bed, "other", "s") : cancel_external(&bed, "other")),
                     "");
    external_failed(bed_begin(&bed), mutable_state_external(bed.ms, 5), 1);
    bed_commit(&bed);
    EXPECT_EVENTS(&bed, 6,
                  _i == 0 ? "6 SignalExternalWorkflowExecutionFailed, 7 S1"
                          : "6 RequestCancelExternalWorkflowExecutionFailed, 7 S1");
    ck_assert_ptr_null(bed.ms->externals);
}
END_TEST

START_TEST(messages_are_checked)
{
    PbCommand *command = signal_external(&bed, "other", "s");

    ck_assert_str_eq(
        COMPLETE(&bed, signal_external(&bed, "", "s")),
        "BadSignalWorkflowExecutionAttributes: WorkflowId is not set on SignalExternalWorkflowExecutionCommand. "
        "Namespace= RunId= SignalName=s");
    tear_down();
    set_up();
    ck_assert_str_eq(
        COMPLETE(&bed, signal_external(&bed, "other", "")),
        "BadSignalWorkflowExecutionAttributes: SignalName is not set on SignalExternalWorkflowExecutionCommand. "
        "WorkflowId=other Namespace= RunId=");
    tear_down();
    set_up();
    command = signal_external(&bed, "other", "s");
    command->signal_external_workflow_execution_command_attributes->execution->run_id = "no uuid";
    ck_assert_str_eq(
        COMPLETE(&bed, command),
        "BadSignalWorkflowExecutionAttributes: Invalid RunId set on SignalExternalWorkflowExecutionCommand. "
        "WorkflowId=other Namespace= RunId=no uuid SignalName=s");
    tear_down();
    set_up();
    ck_assert_str_eq(
        COMPLETE(&bed, start_child(&bed, "child"), cancel_external(&bed, "child")),
        "BadRequestCancelExternalWorkflowExecutionAttributes: Start and RequestCancel for child workflow is not "
        "allowed in same workflow task. WorkflowId=child RunId= Namespace=");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("child");
    TCase *children = tcase_create("children"), *others = tcase_create("others");

    tcase_add_checked_fixture(children, set_up, tear_down);
    tcase_add_test(children, a_child_is_initiated);
    tcase_add_loop_test(children, timeouts_of_a_child_are_completed, 0, LENGTH_OF(TIMEOUTS));
    tcase_add_loop_test(children, a_child_starts_and_ends, 0, LENGTH_OF(ENDS));
    tcase_add_test(children, a_child_cannot_start);
    tcase_add_test(children, news_of_a_child_waits);
    tcase_add_loop_test(children, a_child_waits_for_its_parent, 0, 2);
    tcase_add_test(children, children_are_checked);
    tcase_add_test(children, the_childs_metadata_is_kept);
    suite_add_tcase(suite, children);
    tcase_add_checked_fixture(others, set_up, tear_down);
    tcase_add_loop_test(others, a_message_is_delivered, 0, 2);
    tcase_add_loop_test(others, a_message_is_not_delivered, 0, 2);
    tcase_add_test(others, messages_are_checked);
    suite_add_tcase(suite, others);
    return bed_run(suite);
}
