/* How runs end, and the runs that follow them: continue-as-new and retries. */
#include "tests/unit/history/support.h"

static struct bed bed;
static PbWorkflowExecutionStartedEventAttributes *started;

/* A run that can have everything a successor may take over; tests change `started` before they begin. */
static void set_up(void)
{
    bed_open(&bed);
    started = bed_started(&bed);
    started->header = ARENA_NEW_PB(bed.arena, PbHeader);
    started->memo = ARENA_NEW_PB(bed.arena, PbMemo);
    started->search_attributes = ARENA_NEW_PB(bed.arena, PbSearchAttributes);
    started->priority = ARENA_NEW_PB(bed.arena, PbPriority);
    started->priority->priority_key = 3;
    started->first_execution_run_id = "00000000-0000-4000-8000-00000000000f";
}

static void tear_down(void)
{
    bed_close(&bed);
}

/* Starts the run; a worker has its first task. */
static void begin(void)
{
    bed_start(&bed, started);
    bed_poll(&bed);
}

static PbRetryPolicy *retries(int32_t most)
{
    PbRetryPolicy *policy = retry_policy_complete(bed.arena, NULL);

    policy->maximum_attempts = most;
    return policy;
}

static const PbWorkflowExecutionStartedEventAttributes *successor(void)
{
    ck_assert_ptr_nonnull(bed.t.successor);
    return bed.t.successor->started;
}

static PbContinueAsNewWorkflowExecutionCommandAttributes *wishes_of(PbCommand *command)
{
    return command->continue_as_new_workflow_execution_command_attributes;
}

/* The successor's backoff in milliseconds. */
static int64_t backoff(void)
{
    return duration_from_pb(successor()->first_workflow_task_backoff) / NANOS_PER_MILLISECOND;
}

/* ---- ends ---- */

START_TEST(a_run_ends_by_command)
{
    PbCommand *commands[] = {complete_workflow(&bed), fail_workflow(&bed, failure_of(&bed, "f")),
                             cancel_workflow(&bed)};
    static const char *const events[] = {"4 C, 5 WorkflowExecutionCompleted", "4 C, 5 WorkflowExecutionFailed",
                                         "4 C, 5 WorkflowExecutionCanceled"};
    static const PbWorkflowExecutionStatus outcomes[] = {
        WORKFLOW_EXECUTION_STATUS_COMPLETED, WORKFLOW_EXECUTION_STATUS_FAILED, WORKFLOW_EXECUTION_STATUS_CANCELED};

    begin();
    bed_advance(&bed, seconds(2));
    ck_assert_str_eq(COMPLETE(&bed, commands[_i]), "");
    EXPECT_EVENTS(&bed, 4, events[_i]);
    ck_assert_int_eq(bed.ms->status, outcomes[_i]);
    ck_assert_int_eq(bed.ms->close_event_id, 5);
    ck_assert_int_eq(bed.ms->close_time, START + seconds(2));
    ck_assert(!mutable_state_is_open(bed.ms));
    ck_assert_ptr_null(bed.t.successor);
    ck_assert_ptr_null(bed.ms->new_run_id);
    if (_i == 1)
        ck_assert_int_eq(ATTRIBUTES_OF(&bed, 5, workflow_execution_failed)->retry_state,
                         RETRY_STATE_RETRY_POLICY_NOT_SET);
}
END_TEST

START_TEST(a_failure_is_needed_to_fail)
{
    begin();
    ck_assert_str_eq(COMPLETE(&bed, fail_workflow(&bed, NULL)),
                     "BadFailWorkflowExecutionAttributes: Failure is not set on FailWorkflowExecutionCommand.");
}
END_TEST

/* A task that is only scheduled leaves no trace of the end, one that is started does, unless it is transient. */
START_TEST(a_run_is_terminated)
{
    static const char *const events[] = {"2 S1, 3 WorkflowExecutionTerminated",
                                         "2 S1, 3 R, 4 F, 5 WorkflowExecutionTerminated",
                                         "2 S1, 3 R, 4 F, 5 WorkflowExecutionTerminated"};

    bed_start(&bed, started);
    if (_i >= 1)
        bed_poll(&bed);
    if (_i == 2) {
        bed_fail_task(&bed);
        bed_poll(&bed);
    }
    bed_terminate(&bed);
    EXPECT_EVENTS(&bed, 2, events[_i]);
    ck_assert_int_eq(bed.ms->status, WORKFLOW_EXECUTION_STATUS_TERMINATED);
    if (_i == 1)
        ck_assert_int_eq(ATTRIBUTES_OF(&bed, 4, workflow_task_failed)->cause,
                         WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND);
}
END_TEST

START_TEST(a_run_times_out)
{
    started->workflow_run_timeout = _i == 0 ? duration_of(&bed, seconds(60)) : NULL;
    started->workflow_execution_expiration_time = _i == 1 ? pb_timestamp_new(bed.arena, START + seconds(60)) : NULL;
    bed_start(&bed, started);
    POLL_AND_COMPLETE(&bed, start_timer(&bed, "t", seconds(60)), start_timer(&bed, "u", seconds(59)));
    bed_advance(&bed, seconds(100));
    /* What is due at the same instant does not happen any more. */
    EXPECT_EVENTS(&bed, 5, "5 TimerStarted, 6 TimerStarted, 7 TimerFired, 8 S1, 9 WorkflowExecutionTimedOut");
    ck_assert_int_eq(bed.ms->close_time, START + seconds(60));
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 9, workflow_execution_timed_out)->retry_state,
                     _i == 0 ? RETRY_STATE_RETRY_POLICY_NOT_SET : RETRY_STATE_TIMEOUT);
}
END_TEST

/* The run's time is that of its work: the backoff before its first task does not count. */
START_TEST(the_run_timeout_begins_after_the_backoff)
{
    started->workflow_run_timeout = duration_of(&bed, seconds(10));
    started->first_workflow_task_backoff = duration_of(&bed, seconds(30));
    bed_start(&bed, started);
    ck_assert_int_eq(bed.ms->run_expires_at, START + seconds(40));
}
END_TEST

START_TEST(nothing_changes_after_the_end)
{
    PbHistoryEvent *event;

    begin();
    ck_assert_str_eq(COMPLETE(&bed, complete_workflow(&bed)), "");
    event = pb_copy(bed.arena, bed_event(&bed, 2));
    event->event_id = 6;
    ck_assert_int_eq(mutable_state_apply(bed.ms, event), BROKEN_EVENT_ORDER); /* MS5 */
}
END_TEST

START_TEST(a_history_that_is_too_long_ends)
{
    bed.limits.history_events_max = 10;
    bed_start(&bed, started);
    for (int i = 0; i < 8; i++)
        bed_signal(&bed, arena_printf(bed.arena, "%d", i));
    ck_assert(mutable_state_is_open(bed.ms)); /* 10 events: the limit itself */
    bed_signal(&bed, "one more");
    ck_assert(mutable_state_is_open(bed.ms)); /* 11 events: what a transition ends with counts from the next one on */
    bed_signal(&bed, "and another");
    EXPECT_EVENTS(&bed, 12, "12 WorkflowExecutionSignaled, 13 WorkflowExecutionTerminated");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 13, workflow_execution_terminated)->reason,
                     "Workflow history count exceeds limit.");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 13, workflow_execution_terminated)->identity, "history-service");
}
END_TEST

START_TEST(a_history_that_is_too_large_ends)
{
    bed_start(&bed, started);
    bed.limits.history_bytes_max = bed.ms->history_bytes + 10;
    bed_signal(&bed, "more than 10 bytes");
    ck_assert(mutable_state_is_open(bed.ms));
    bed_signal(&bed, "and the next one sees it");
    EXPECT_EVENTS(&bed, 5, "5 WorkflowExecutionTerminated");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 5, workflow_execution_terminated)->reason,
                     "Workflow history size exceeds limit.");
}
END_TEST

/* ---- beginnings ---- */

START_TEST(a_backoff_holds_the_first_task_back)
{
    started->first_workflow_task_backoff = duration_of(&bed, seconds(30));
    bed_start(&bed, started);
    bed_signal(&bed, "does not wake it");
    EXPECT_EVENTS(&bed, 1, "1 WorkflowExecutionStarted, 2 WorkflowExecutionSignaled");
    ck_assert(mutable_state_in_backoff(bed.ms));
    if (_i == 0) {
        bed_advance(&bed, seconds(30) - 1);
        EXPECT_TASK(&bed, "none");
        bed_advance(&bed, 1);
        EXPECT_EVENTS(&bed, 3, "3 S1");
    } else {
        bed_request_cancel(&bed); /* does */
        EXPECT_EVENTS(&bed, 3, "3 WorkflowExecutionCancelRequested, 4 S1");
        bed_poll(&bed);
        ck_assert_str_eq(COMPLETE(&bed), "");
        bed_advance(&bed, seconds(60)); /* the end of the backoff is nothing any more */
        EXPECT_EVENTS(&bed, 5, "5 R, 6 C");
    }
    ck_assert(!mutable_state_in_backoff(bed.ms));
}
END_TEST

/* ---- continue-as-new ---- */

START_TEST(a_run_is_continued)
{
    const PbWorkflowExecutionContinuedAsNewEventAttributes *continued;
    const PbWorkflowExecutionStartedEventAttributes *next;

    started->retry_policy = retries(5);
    begin();
    bed_advance(&bed, seconds(3));
    ck_assert_str_eq(COMPLETE(&bed, continue_as_new(&bed)), "");
    EXPECT_EVENTS(&bed, 4, "4 C, 5 WorkflowExecutionContinuedAsNew");
    continued = ATTRIBUTES_OF(&bed, 5, workflow_execution_continued_as_new);
    next = successor();
    ck_assert_str_eq(continued->new_execution_run_id, next->original_execution_run_id);
    ck_assert_str_eq(bed.ms->new_run_id, next->original_execution_run_id);
    ck_assert_str_eq(next->workflow_id, "workflow");
    ck_assert_str_eq(next->continued_execution_run_id, "00000000-0000-4000-8000-000000000001");
    ck_assert_str_eq(next->first_execution_run_id, "00000000-0000-4000-8000-00000000000f");
    ck_assert_str_eq(next->workflow_type->name, "type");
    ck_assert_str_eq(next->task_queue->name, "queue");
    ck_assert_mem_eq(next->input->payloads[0]->data.data, "next input", 10);
    ck_assert_int_eq(next->initiator, CONTINUE_AS_NEW_INITIATOR_WORKFLOW);
    ck_assert_int_eq(continued->initiator, CONTINUE_AS_NEW_INITIATOR_UNSPECIFIED); /* verbatim */
    ck_assert_int_eq(next->attempt, 1);
    ck_assert_int_eq(next->priority->priority_key, 3);
    ck_assert_int_eq(next->workflow_task_timeout->seconds, 10);
    ck_assert_int_eq(backoff(), 0);
    ck_assert_ptr_nonnull(next->prev_auto_reset_points);
    ck_assert_ptr_null(next->retry_policy); /* these come from the command only */
    ck_assert_ptr_null(next->memo);
    ck_assert_ptr_null(next->search_attributes);
    ck_assert_ptr_null(next->header);
}
END_TEST

START_TEST(the_command_says_how_to_go_on)
{
    PbCommand *command = continue_as_new(&bed);
    PbContinueAsNewWorkflowExecutionCommandAttributes *want = wishes_of(command);
    const PbWorkflowExecutionStartedEventAttributes *next;

    want->workflow_type = ARENA_NEW_PB(bed.arena, PbWorkflowType);
    want->workflow_type->name = "other type";
    want->task_queue = normal_task_queue(bed.arena, "other queue");
    want->workflow_run_timeout = duration_of(&bed, seconds(20));
    want->workflow_task_timeout = duration_of(&bed, seconds(500));
    want->retry_policy = ARENA_NEW_PB(bed.arena, PbRetryPolicy);
    want->initiator = CONTINUE_AS_NEW_INITIATOR_RETRY;
    want->failure = failure_of(&bed, "why");
    want->backoff_start_interval = duration_of(&bed, seconds(7));
    started->workflow_run_timeout = duration_of(&bed, seconds(100));
    started->attempt = 2;
    begin();
    ck_assert_str_eq(COMPLETE(&bed, command), "");
    next = successor();
    ck_assert_str_eq(next->workflow_type->name, "other type");
    ck_assert_str_eq(next->task_queue->name, "other queue");
    ck_assert_int_eq(next->workflow_run_timeout->seconds, 20);
    ck_assert_int_eq(next->workflow_task_timeout->seconds, 20); /* within 120 s, and the run's */
    ck_assert_int_eq(next->retry_policy->initial_interval->seconds, 1);
    ck_assert_int_eq(next->attempt, 3);
    ck_assert_str_eq(next->continued_failure->message, "why");
    ck_assert_int_eq(backoff(), 7000);
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 5, workflow_execution_continued_as_new)->backoff_start_interval->seconds, 7);
}
END_TEST

START_TEST(the_execution_timeout_bounds_every_run)
{
    started->workflow_execution_timeout = duration_of(&bed, seconds(60));
    started->workflow_execution_expiration_time = pb_timestamp_new(bed.arena, START + seconds(60));
    begin();
    ck_assert_str_eq(COMPLETE(&bed, continue_as_new(&bed)), "");
    ck_assert_int_eq(successor()->workflow_execution_timeout->seconds, 60);
    ck_assert_int_eq(time_from_pb(successor()->workflow_execution_expiration_time),
                     START + seconds(60)); /* not extended */
    ck_assert_int_eq(successor()->workflow_run_timeout->seconds, 60);
}
END_TEST

/* Lifetime and wish in milliseconds: the next run begins at least a second after this one did. */
static const struct {
    int64_t lived, wish, backoff;
} CHAINS[] = {
    {0, 0, 1000}, {32, 0, 968},    {999, 0, 1},     {1000, 0, 0},
    {5000, 0, 0}, {100, 200, 900}, {100, 900, 900}, {100, 2000, 2000},
};

START_TEST(chains_do_not_spin)
{
    PbCommand *command = continue_as_new(&bed);

    wishes_of(command)->backoff_start_interval = duration_of(&bed, milliseconds(CHAINS[_i].wish));
    begin();
    bed_advance(&bed, milliseconds(CHAINS[_i].lived));
    ck_assert_str_eq(COMPLETE(&bed, command), "");
    ck_assert_int_eq(backoff(), CHAINS[_i].backoff);
}
END_TEST

/* The second counts from the first task, not from the start: a run that waited has not spun. */
START_TEST(a_backoff_is_no_lifetime)
{
    started->first_workflow_task_backoff = duration_of(&bed, seconds(10));
    bed_start(&bed, started);
    bed_advance(&bed, seconds(10));
    bed_poll(&bed);
    ck_assert_str_eq(COMPLETE(&bed, continue_as_new(&bed)), "");
    ck_assert_int_eq(backoff(), 1000);
}
END_TEST

START_TEST(a_continuation_is_checked)
{
#define QUEUE_SHOWN "TaskQueue=name:\"queue\"  kind:TASK_QUEUE_KIND_NORMAL"
#define BAD_CONTINUATION(change, text)                                                  \
    do {                                                                                \
        PbCommand *command;                                                             \
        PbContinueAsNewWorkflowExecutionCommandAttributes *want;                        \
        tear_down();                                                                    \
        set_up();                                                                       \
        begin();                                                                        \
        command = continue_as_new(&bed);                                                \
        want = wishes_of(command);                                                      \
        change;                                                                         \
        ck_assert_str_eq(COMPLETE(&bed, command), "BadContinueAsNewAttributes: " text); \
        ck_assert_ptr_null(bed.t.successor);                                            \
    } while (0)

    BAD_CONTINUATION(want->workflow_run_timeout = duration_of(&bed, -1),
                     "Invalid WorkflowRunTimeout on ContinueAsNewWorkflowExecutionCommand: negative duration. "
                     "WorkflowType=type " QUEUE_SHOWN);
    BAD_CONTINUATION(want->workflow_task_timeout = duration_of(&bed, -1),
                     "Invalid WorkflowTaskTimeout on ContinueAsNewWorkflowExecutionCommand: negative duration. "
                     "WorkflowType=type " QUEUE_SHOWN);
    BAD_CONTINUATION(want->backoff_start_interval = duration_of(&bed, -1),
                     "Invalid BackoffStartInterval on ContinueAsNewWorkflowExecutionCommand: negative duration. "
                     "WorkflowType=type " QUEUE_SHOWN);
    BAD_CONTINUATION(
        want->task_queue = normal_task_queue(bed.arena, "/_sys/q"),
        "error validating ContinueAsNewWorkflowExecutionCommand TaskQueue: task queue name cannot start with "
        "reserved prefix /_sys/. WorkflowType=type TaskQueue=name:\"/_sys/q\"  kind:TASK_QUEUE_KIND_NORMAL");
    BAD_CONTINUATION(want->retry_policy = retries(-1),
                     "invalid WorkflowRetryPolicy on ContinueAsNewWorkflowExecutionCommand: MaximumAttempts cannot be "
                     "negative on retry policy.. WorkflowType=type " QUEUE_SHOWN);
}
END_TEST

/* ---- retries ---- */

START_TEST(a_failed_run_is_tried_again)
{
    const PbWorkflowExecutionStartedEventAttributes *next, *first;
    PbFailure *failure = application_failure(&bed, "Type", false);

    started->retry_policy = retries(0);
    started->attempt = 3;
    begin();
    bed_advance(&bed, seconds(2));
    ck_assert_str_eq(COMPLETE(&bed, fail_workflow(&bed, failure)), "");
    EXPECT_EVENTS(&bed, 4, "4 C, 5 WorkflowExecutionFailed");
    next = successor();
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 5, workflow_execution_failed)->retry_state, RETRY_STATE_IN_PROGRESS);
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 5, workflow_execution_failed)->new_execution_run_id,
                     next->original_execution_run_id);
    ck_assert_int_eq(next->initiator, CONTINUE_AS_NEW_INITIATOR_RETRY);
    ck_assert_int_eq(next->attempt, 4);
    ck_assert_int_eq(backoff(), 4000); /* the third wait */
    ck_assert_ptr_eq(next->continued_failure, failure);
    /* All is as at the start, whatever has become of it. */
    first = ATTRIBUTES_OF(&bed, 1, workflow_execution_started);
    ck_assert_ptr_eq(next->input, first->input);
    ck_assert_ptr_eq(next->header, first->header);
    ck_assert_ptr_eq(next->memo, first->memo);
    ck_assert_ptr_eq(next->search_attributes, first->search_attributes);
    ck_assert_ptr_eq(next->retry_policy, first->retry_policy);
    ck_assert_str_eq(next->first_execution_run_id, "00000000-0000-4000-8000-00000000000f");
}
END_TEST

START_TEST(a_failed_run_is_not_tried_again)
{
    static const PbRetryState states[] = {RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED, RETRY_STATE_NON_RETRYABLE_FAILURE,
                                          RETRY_STATE_TIMEOUT, RETRY_STATE_RETRY_POLICY_NOT_SET};

    started->retry_policy = _i == 3 ? NULL : retries(_i == 0 ? 2 : 0);
    started->attempt = 2;
    if (_i == 2) /* 2 s of backoff are too much */
        started->workflow_execution_expiration_time = pb_timestamp_new(bed.arena, START + seconds(2) - 1);
    begin();
    ck_assert_str_eq(COMPLETE(&bed, fail_workflow(&bed, application_failure(&bed, "Type", _i == 1))), "");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 5, workflow_execution_failed)->retry_state, states[_i]);
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 5, workflow_execution_failed)->new_execution_run_id, "");
    ck_assert_ptr_null(bed.t.successor);
}
END_TEST

START_TEST(a_run_that_timed_out_is_tried_again)
{
    started->retry_policy = retries(0);
    started->workflow_run_timeout = duration_of(&bed, seconds(60));
    started->workflow_execution_expiration_time = _i == 0 ? NULL : pb_timestamp_new(bed.arena, START + seconds(60));
    bed_start(&bed, started);
    bed_advance(&bed, seconds(60));
    if (_i == 1) { /* not when the execution's time is over, too */
        ck_assert_ptr_null(bed.t.successor);
        ck_assert_int_eq(ATTRIBUTES_OF(&bed, 3, workflow_execution_timed_out)->retry_state, RETRY_STATE_TIMEOUT);
        return;
    }
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 3, workflow_execution_timed_out)->retry_state, RETRY_STATE_IN_PROGRESS);
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 3, workflow_execution_timed_out)->new_execution_run_id,
                     successor()->original_execution_run_id);
    ck_assert_str_eq(successor()->continued_failure->message, "workflow timeout");
    ck_assert_int_eq(successor()->continued_failure->timeout_failure_info->timeout_type, TIMEOUT_TYPE_START_TO_CLOSE);
    ck_assert_int_eq(successor()->attempt, 2);
}
END_TEST

/* ---- cron ---- */

/* A run of an hourly schedule that has begun at a full hour. */
static void begin_hourly(void)
{
    started->cron_schedule = "0 * * * *";
    bed.now = seconds(3600 * 300);
    bed_start(&bed, started);
    bed_advance(&bed, seconds(600));
    bed_poll(&bed);
}

START_TEST(the_next_run_comes_by_schedule)
{
    PbFailure *failure = application_failure(&bed, "Type", false);
    const PbWorkflowExecutionStartedEventAttributes *next;

    started->last_completion_result = payloads_of(&bed, "before");
    begin_hourly();
    ck_assert_str_eq(COMPLETE(&bed, _i == 0 ? complete_workflow(&bed) : fail_workflow(&bed, failure)), "");
    next = successor();
    ck_assert_int_eq(next->initiator, CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE);
    ck_assert_int_eq(backoff(), INT64_C(3000) * 1000);
    ck_assert_int_eq(next->attempt, 1);
    ck_assert_str_eq(next->cron_schedule, "0 * * * *");
    ck_assert_str_eq(bed.ms->new_run_id, next->original_execution_run_id);
    ck_assert_mem_eq(next->last_completion_result->payloads[0]->data.data, _i == 0 ? "result" : "before", 6);
    if (_i == 0) {
        ck_assert_ptr_null(next->continued_failure);
        ck_assert_str_eq(ATTRIBUTES_OF(&bed, 5, workflow_execution_completed)->new_execution_run_id,
                         next->original_execution_run_id);
    } else {
        ck_assert_ptr_eq(next->continued_failure, failure);
        ck_assert_int_eq(ATTRIBUTES_OF(&bed, 5, workflow_execution_failed)->retry_state,
                         RETRY_STATE_RETRY_POLICY_NOT_SET);
    }
}
END_TEST

/* Attempts first, then the schedule. */
START_TEST(a_failed_cron_run_is_tried_again_first)
{
    started->retry_policy = retries(2);
    started->attempt = _i == 0 ? 1 : 2;
    begin_hourly();
    ck_assert_str_eq(COMPLETE(&bed, fail_workflow(&bed, failure_of(&bed, "f"))), "");
    ck_assert_int_eq(successor()->initiator,
                     _i == 0 ? CONTINUE_AS_NEW_INITIATOR_RETRY : CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE);
    ck_assert_int_eq(successor()->attempt, _i == 0 ? 2 : 1);
    ck_assert_str_eq(successor()->cron_schedule, "0 * * * *");
}
END_TEST

START_TEST(what_ends_a_cron_chain)
{
    begin_hourly();
    if (_i == 0)
        ck_assert_str_eq(COMPLETE(&bed, cancel_workflow(&bed)), "");
    else if (_i == 1)
        bed_terminate(&bed);
    else
        ck_assert_str_eq(COMPLETE(&bed, continue_as_new(&bed)), "");
    if (_i == 2)
        ck_assert_str_eq(successor()->cron_schedule, ""); /* it goes on, but not by the schedule */
    else
        ck_assert_ptr_null(bed.t.successor);
}
END_TEST

/* The chain goes on: a successor is a run like any other. */
START_TEST(a_successor_starts)
{
    struct bed next;

    begin();
    ck_assert_str_eq(COMPLETE(&bed, continue_as_new(&bed)), "");
    bed_open(&next);
    bed_start(&next, pb_copy(next.arena, successor()));
    EXPECT_EVENTS(&next, 1, "1 WorkflowExecutionStarted");
    bed_advance(&next, seconds(1));
    EXPECT_EVENTS(&next, 1, "1 WorkflowExecutionStarted, 2 S1");
    bed_close(&next);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("close");
    TCase *ends = tcase_create("ends"), *beginnings = tcase_create("beginnings"),
          *continued = tcase_create("continued");
    TCase *retried = tcase_create("retried"), *cron = tcase_create("cron");

    tcase_add_checked_fixture(ends, set_up, tear_down);
    tcase_add_loop_test(ends, a_run_ends_by_command, 0, 3);
    tcase_add_test(ends, a_failure_is_needed_to_fail);
    tcase_add_loop_test(ends, a_run_is_terminated, 0, 3);
    tcase_add_loop_test(ends, a_run_times_out, 0, 2);
    tcase_add_test(ends, the_run_timeout_begins_after_the_backoff);
    tcase_add_test(ends, nothing_changes_after_the_end);
    tcase_add_test(ends, a_history_that_is_too_long_ends);
    tcase_add_test(ends, a_history_that_is_too_large_ends);
    suite_add_tcase(suite, ends);
    tcase_add_checked_fixture(beginnings, set_up, tear_down);
    tcase_add_loop_test(beginnings, a_backoff_holds_the_first_task_back, 0, 2);
    suite_add_tcase(suite, beginnings);
    tcase_add_checked_fixture(continued, set_up, tear_down);
    tcase_add_test(continued, a_run_is_continued);
    tcase_add_test(continued, the_command_says_how_to_go_on);
    tcase_add_test(continued, the_execution_timeout_bounds_every_run);
    tcase_add_loop_test(continued, chains_do_not_spin, 0, LENGTH_OF(CHAINS));
    tcase_add_test(continued, a_backoff_is_no_lifetime);
    tcase_add_test(continued, a_continuation_is_checked);
    tcase_add_test(continued, a_successor_starts);
    suite_add_tcase(suite, continued);
    tcase_add_checked_fixture(retried, set_up, tear_down);
    tcase_add_test(retried, a_failed_run_is_tried_again);
    tcase_add_loop_test(retried, a_failed_run_is_not_tried_again, 0, 4);
    tcase_add_loop_test(retried, a_run_that_timed_out_is_tried_again, 0, 2);
    suite_add_tcase(suite, retried);
    tcase_add_checked_fixture(cron, set_up, tear_down);
    tcase_add_loop_test(cron, the_next_run_comes_by_schedule, 0, 2);
    tcase_add_loop_test(cron, a_failed_cron_run_is_tried_again_first, 0, 2);
    tcase_add_loop_test(cron, what_ends_a_cron_chain, 0, 3);
    suite_add_tcase(suite, cron);
    return bed_run(suite);
}
