/* Activities: their time-outs, attempts and ends. */
#include "tests/unit/history/support.h"

static struct bed bed;

static void set_up(void)
{
    bed_open_started(&bed);
}

static void tear_down(void)
{
    bed_close(&bed);
}

static const char NO_TIME[] =
    "Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying";

/* A command for activity "a" with these time-outs in seconds; 0: not set. */
static PbCommand *activity_with(int64_t schedule_to_close, int64_t schedule_to_start, int64_t start_to_close,
                                int64_t heartbeat)
{
    PbCommand *command = schedule_activity(&bed, "a");
    PbScheduleActivityTaskCommandAttributes *want = activity_of(command);

    want->schedule_to_close_timeout = schedule_to_close == 0 ? NULL : duration_of(&bed, seconds(schedule_to_close));
    want->schedule_to_start_timeout = schedule_to_start == 0 ? NULL : duration_of(&bed, seconds(schedule_to_start));
    want->start_to_close_timeout = start_to_close == 0 ? NULL : duration_of(&bed, seconds(start_to_close));
    want->heartbeat_timeout = heartbeat == 0 ? NULL : duration_of(&bed, seconds(heartbeat));
    return command;
}

static PbCommand *with_attempts(PbCommand *command, int32_t most)
{
    PbRetryPolicy *policy = ARENA_NEW_PB(bed.arena, PbRetryPolicy);

    policy->maximum_attempts = most;
    activity_of(command)->retry_policy = policy;
    return command;
}

/* Its deadline as "12 StartToClose", in seconds from now, "never", or "dispatch" when it is to be dispatched. */
static const char *deadline(void)
{
    PbTimeoutType type;
    nanos at = activity_deadline(bed_activity(&bed, "a"), &type);

    if (at == NANOS_MAX)
        return "never";
    return arena_printf(bed.arena, "%lld %s", (long long)((at - bed.now) / NANOS_PER_SECOND),
                        type == TIMEOUT_TYPE_UNSPECIFIED ? "dispatch" : timeout_type_name(type));
}

/* ---- scheduling ---- */

/* The table of history.md 4.1: what is given, and what the event says; in seconds. */
static const struct {
    int64_t run, schedule_to_close, schedule_to_start, start_to_close, heartbeat; /* 0: none */
    int64_t closes, starts, runs, beats;
} TIMEOUTS[] = {
    {0, 60, 0, 0, 0, 60, 60, 60, 0},     /* schedule-to-close alone is all of them */
    {0, 60, 20, 30, 10, 60, 20, 30, 10}, /* as given */
    {0, 60, 90, 90, 90, 60, 60, 60, 60}, /* none is longer than schedule-to-close */
    {0, 0, 0, 30, 0, 0, 0, 30, 0},       /* start-to-close alone: the others unlimited */
    {0, 0, 20, 30, 40, 0, 20, 30, 30},   /* a heartbeat within the attempt */
    {100, 0, 0, 30, 0, 100, 100, 30, 0}, /* with a run time-out that is the limit */
    {100, 0, 20, 30, 0, 100, 20, 30, 0},   {100, 0, 300, 300, 300, 100, 100, 100, 100},
    {100, 300, 0, 0, 0, 100, 100, 100, 0}, {100, 300, 200, 20, 30, 100, 100, 20, 20},
};

START_TEST(timeouts_are_completed)
{
    const PbActivityTaskScheduledEventAttributes *scheduled;
    PbWorkflowExecutionStartedEventAttributes *started;

    bed_close(&bed);
    bed_open(&bed);
    started = bed_started(&bed);
    started->workflow_run_timeout = duration_of(&bed, seconds(TIMEOUTS[_i].run));
    bed_start(&bed, started);
    POLL_AND_COMPLETE(&bed, activity_with(TIMEOUTS[_i].schedule_to_close, TIMEOUTS[_i].schedule_to_start,
                                          TIMEOUTS[_i].start_to_close, TIMEOUTS[_i].heartbeat));
    scheduled = ATTRIBUTES_OF(&bed, 5, activity_task_scheduled);
    ck_assert_int_eq(scheduled->schedule_to_close_timeout->seconds, TIMEOUTS[_i].closes); /* present, also when 0 */
    ck_assert_int_eq(scheduled->schedule_to_start_timeout->seconds, TIMEOUTS[_i].starts);
    ck_assert_int_eq(scheduled->start_to_close_timeout->seconds, TIMEOUTS[_i].runs);
    ck_assert_int_eq(scheduled->heartbeat_timeout->seconds, TIMEOUTS[_i].beats);
}
END_TEST

START_TEST(an_activity_is_scheduled_and_dispatched)
{
    const PbActivityTaskScheduledEventAttributes *scheduled;

    POLL_AND_COMPLETE(&bed, schedule_activity(&bed, "a"));
    EXPECT_EVENTS(&bed, 4, "4 C, 5 ActivityTaskScheduled");
    ck_assert_uint_eq(bed_effects(&bed, EFFECT_DISPATCH_ACTIVITY), 1);
    scheduled = ATTRIBUTES_OF(&bed, 5, activity_task_scheduled);
    ck_assert_str_eq(scheduled->activity_id, "a");
    ck_assert_str_eq(scheduled->task_queue->name, "activities");
    ck_assert_int_eq(scheduled->workflow_task_completed_event_id, 4);
    ck_assert_int_eq(scheduled->retry_policy->initial_interval->seconds, 1);
    ck_assert_int_eq(scheduled->retry_policy->maximum_interval->seconds, 100);
    ck_assert_double_eq(scheduled->retry_policy->backoff_coefficient, 2.0);
}
END_TEST

START_TEST(an_eager_activity_is_not_dispatched)
{
    PbCommand *command = schedule_activity(&bed, "a");

    activity_of(command)->request_eager_execution = true;
    POLL_AND_COMPLETE(&bed, command);
    ck_assert_uint_eq(bed_effects(&bed, EFFECT_DISPATCH_ACTIVITY), 0);
    ck_assert_uint_eq(bed_effects(&bed, EFFECT_START_ACTIVITY_EAGERLY), 1);
    /* Should nobody start it, after a crash say, it is dispatched like any other. */
    bed_advance(&bed, 0);
    ck_assert_uint_eq(bed_effects(&bed, EFFECT_DISPATCH_ACTIVITY), 1);
}
END_TEST

/* A field of the activity's own wins over the workflow's. (The event keeps what the command says.) */
START_TEST(priorities_are_merged)
{
    PbPriority *workflow = ARENA_NEW_PB(bed.arena, PbPriority), *own = ARENA_NEW_PB(bed.arena, PbPriority);
    const PbPriority *merged;
    PbCommand *command = schedule_activity(&bed, "a");

    workflow->priority_key = 4;
    workflow->fairness_key = "tenant";
    own->priority_key = 2;
    merged = history_merged_priority(bed.arena, workflow, own);
    ck_assert_int_eq(merged->priority_key, 2);
    ck_assert_str_eq(merged->fairness_key, "tenant");
    ck_assert_ptr_eq(history_merged_priority(bed.arena, workflow, NULL), workflow);
    ck_assert_ptr_eq(history_merged_priority(bed.arena, NULL, own), own);
    ck_assert_ptr_null(history_merged_priority(bed.arena, NULL, NULL));
    activity_of(command)->priority = own;
    POLL_AND_COMPLETE(&bed, command);
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 5, activity_task_scheduled)->priority->priority_key, 2);
}
END_TEST

/* ---- ends ---- */

START_TEST(a_result_writes_start_and_end)
{
    const PbActivityTaskStartedEventAttributes *started;

    POLL_AND_COMPLETE(&bed, schedule_activity(&bed, "a"));
    bed_advance(&bed, seconds(1));
    bed_activity_start(&bed, "a");
    EXPECT_EVENTS(&bed, 5, "5 ActivityTaskScheduled"); /* until it is over, the log says no more */
    bed_advance(&bed, seconds(2));
    bed_activity_complete(&bed, "a");
    EXPECT_EVENTS(&bed, 5, "5 ActivityTaskScheduled, 6 ActivityTaskStarted, 7 ActivityTaskCompleted, 8 S1");
    started = ATTRIBUTES_OF(&bed, 6, activity_task_started);
    ck_assert_str_eq(started->identity, "activity worker");
    ck_assert_str_eq(started->request_id, "activity request");
    ck_assert_int_eq(started->attempt, 1);
    ck_assert_int_eq(time_from_pb(bed_event(&bed, 6)->event_time), START + seconds(1));
    ck_assert_int_eq(time_from_pb(bed_event(&bed, 7)->event_time), START + seconds(3));
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 7, activity_task_completed)->started_event_id, 6);
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 7, activity_task_completed)->scheduled_event_id, 5);
    ck_assert_ptr_nonnull(ATTRIBUTES_OF(&bed, 7, activity_task_completed)->result);
}
END_TEST

START_TEST(a_failed_attempt_is_followed_by_another)
{
    const PbActivityTaskStartedEventAttributes *started;

    POLL_AND_COMPLETE(&bed, with_attempts(schedule_activity(&bed, "a"), 3));
    bed_activity_start(&bed, "a");
    bed_activity_fail(&bed, "a", application_failure(&bed, "First", false));
    ck_assert_str_eq(deadline(), "1 dispatch");
    ck_assert_int_eq(bed_activity(&bed, "a")->attempt, 2);
    bed_advance(&bed, seconds(1));
    ck_assert_uint_eq(bed_effects(&bed, EFFECT_DISPATCH_ACTIVITY), 1);
    bed_activity_start(&bed, "a");
    bed_activity_fail(&bed, "a", application_failure(&bed, "Second", false));
    ck_assert_str_eq(deadline(), "2 dispatch");
    bed_reload(&bed); /* attempts are not in the log, but stored */
    ck_assert_int_eq(bed_activity(&bed, "a")->attempt, 3);
    ck_assert_str_eq(bed_activity(&bed, "a")->last_worker_identity, "activity worker");
    ck_assert_str_eq(deadline(), "2 dispatch");
    EXPECT_EVENTS(&bed, 5, "5 ActivityTaskScheduled");
    bed_advance(&bed, seconds(2));
    bed_activity_start(&bed, "a");
    bed_activity_fail(&bed, "a", application_failure(&bed, "Third", false));
    EXPECT_EVENTS(&bed, 6, "6 ActivityTaskStarted, 7 ActivityTaskFailed, 8 S1");
    started = ATTRIBUTES_OF(&bed, 6, activity_task_started);
    ck_assert_int_eq(started->attempt, 3);
    ck_assert_str_eq(started->last_failure->application_failure_info->type, "Second");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 7, activity_task_failed)->failure->application_failure_info->type, "Third");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 7, activity_task_failed)->retry_state, RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED);
}
END_TEST

START_TEST(a_retry_without_delay_is_dispatched_at_once)
{
    PbFailure *failure = application_failure(&bed, "", false);

    failure->application_failure_info->next_retry_delay = duration_of(&bed, -seconds(1));
    POLL_AND_COMPLETE(&bed, schedule_activity(&bed, "a"));
    bed_activity_start(&bed, "a");
    bed_activity_fail(&bed, "a", failure);
    ck_assert_uint_eq(bed_effects(&bed, EFFECT_DISPATCH_ACTIVITY), 1);
    ck_assert_str_eq(deadline(), "never");
}
END_TEST

START_TEST(a_failure_without_a_message_is_tried_again)
{
    POLL_AND_COMPLETE(&bed, schedule_activity(&bed, "a"));
    bed_activity_start(&bed, "a");
    bed_activity_fail(&bed, "a", NULL);
    ck_assert_int_eq(bed_activity(&bed, "a")->attempt, 2);
    ck_assert_ptr_null(bed_activity(&bed, "a")->last_failure);
}
END_TEST

/* It travels with every attempt and lies in memory: only its beginning is kept, cut between letters. */
START_TEST(a_failure_that_is_kept_is_cut_down)
{
    PbFailure *failure = application_failure(&bed, "Type", false);
    const PbFailure *kept;

    failure->message = text_of_length(&bed, 5000);
    for (size_t i = 0; i < 5000; i += 2)
        memcpy(borrow_text(failure->message) + i, "\xc3\xa9", 2);
    failure->source = _i == 0 ? "" : "x"; /* so that the cut falls before or into a letter */
    POLL_AND_COMPLETE(&bed, schedule_activity(&bed, "a"));
    bed_activity_start(&bed, "a");
    bed_activity_fail(&bed, "a", failure);
    kept = bed_activity(&bed, "a")->last_failure;
    ck_assert_str_eq(kept->message, "Failure exceeds size limit.");
    ck_assert_int_eq(kept->failure_info_case, PbFailure_server_failure_info_case);
    ck_assert_uint_gt(strlen(kept->cause->message), 4000);
    ck_assert_uint_eq(strlen(kept->cause->message) % 2, 0);
    ck_assert_str_eq(kept->cause->application_failure_info->type, "Type");
    ck_assert_int_le(packed_bytes(kept->cause), 4096);
}
END_TEST

START_TEST(whatever_is_large_in_it)
{
    PbFailure *failure = application_failure(&bed, _i == 0 ? text_of_length(&bed, 50000) : "", false);

    failure->source = _i == 1 ? text_of_length(&bed, 50000) : "";
    failure->stack_trace = _i == 2 ? text_of_length(&bed, 50000) : "";
    failure->cause = _i == 3 ? failure_of(&bed, text_of_length(&bed, 50000)) : NULL;
    POLL_AND_COMPLETE(&bed, schedule_activity(&bed, "a"));
    bed_activity_start(&bed, "a");
    bed_activity_fail(&bed, "a", failure);
    ck_assert_int_le(packed_bytes(bed_activity(&bed, "a")->last_failure->cause), 4096 + 16);
}
END_TEST

START_TEST(a_start_is_current_by_attempt_and_stamp)
{
    struct activity *a;

    POLL_AND_COMPLETE(&bed, schedule_activity(&bed, "a"));
    a = bed_activity(&bed, "a");
    ck_assert_ptr_eq(activity_current(bed.ms, 5, 1, 0, false), a);
    ck_assert_ptr_null(activity_current(bed.ms, 5, 1, 0, true));
    bed_activity_start(&bed, "a");
    ck_assert_ptr_eq(activity_current(bed.ms, 5, 1, 0, true), a);
    ck_assert_ptr_null(activity_current(bed.ms, 5, 1, 0, false));
    ck_assert_ptr_null(activity_current(bed.ms, 5, 2, 0, true));
    ck_assert_ptr_null(activity_current(bed.ms, 5, 1, 1, true));
    ck_assert_ptr_null(activity_current(bed.ms, 4, 1, 0, true));
    bed_terminate(&bed);
    ck_assert_ptr_null(activity_current(bed.ms, 5, 1, 0, true));
}
END_TEST

START_TEST(a_start_can_be_taken_back)
{
    POLL_AND_COMPLETE(&bed, schedule_activity(&bed, "a"));
    bed_activity_start(&bed, "a");
    activity_unstart(bed_begin(&bed), bed_activity(&bed, "a"));
    bed_commit(&bed);
    ck_assert_uint_eq(bed_effects(&bed, EFFECT_DISPATCH_ACTIVITY), 1);
    ck_assert_ptr_nonnull(activity_current(bed.ms, 5, 1, 0, false)); /* the same attempt: nobody began it */
    bed_activity_start(&bed, "a");
    bed_activity_complete(&bed, "a");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 6, activity_task_started)->attempt, 1);
}
END_TEST

/* However often it is tried, an activity takes no more memory. */
START_TEST(attempts_do_not_pile_up)
{
    size_t held;

    POLL_AND_COMPLETE(&bed, schedule_activity(&bed, "a"));
    for (int i = 0; i < 3; i++) {
        bed_activity_start(&bed, "a");
        bed_activity_heartbeat(&bed, "a", "details");
        bed_activity_fail(&bed, "a", application_failure(&bed, "Again", false));
    }
    held = arena_bytes_held(bed_activity(&bed, "a")->arena);
    for (int i = 0; i < 100; i++) {
        bed_activity_start(&bed, "a");
        bed_activity_heartbeat(&bed, "a", "details");
        bed_activity_fail(&bed, "a", application_failure(&bed, "Again", false));
    }
    ck_assert_uint_eq(arena_bytes_held(bed_activity(&bed, "a")->arena), held);
}
END_TEST

/* ---- deadlines ---- */

START_TEST(every_state_has_its_deadline)
{
    POLL_AND_COMPLETE(&bed, activity_with(100, 20, 30, 10));
    ck_assert_str_eq(deadline(), "20 ScheduleToStart");
    bed_advance(&bed, seconds(5));
    ck_assert_str_eq(deadline(), "15 ScheduleToStart");
    bed_activity_start(&bed, "a");
    ck_assert_str_eq(deadline(), "10 Heartbeat");
    bed_advance(&bed, seconds(9));
    bed_activity_heartbeat(&bed, "a", "1");
    ck_assert_str_eq(deadline(), "10 Heartbeat");
    bed_advance(&bed, seconds(9));
    bed_activity_heartbeat(&bed, "a", "2");
    bed_advance(&bed, seconds(9));
    bed_activity_heartbeat(&bed, "a", "3");
    ck_assert_str_eq(deadline(), "3 StartToClose");
    bed_reload(&bed);
    ck_assert_str_eq(deadline(), "3 StartToClose");
    bed_activity_fail(&bed, "a", application_failure(&bed, "", false));
    ck_assert_str_eq(deadline(), "1 dispatch");
    bed_advance(&bed, seconds(1));
    ck_assert_str_eq(deadline(), "20 ScheduleToStart"); /* of this attempt */
    bed_activity_start(&bed, "a");
    ck_assert_str_eq(deadline(), "10 Heartbeat"); /* the last attempt's heartbeats do not count */
    ck_assert_int_eq(bed_activity(&bed, "a")->last_heartbeat_time, START + seconds(32));
    ck_assert_ptr_nonnull(bed_activity(&bed, "a")->heartbeat_details); /* but what they said is handed on */
}
END_TEST

START_TEST(nobody_picks_it_up)
{
    const PbActivityTaskTimedOutEventAttributes *timed_out;

    POLL_AND_COMPLETE(&bed, activity_with(60, _i == 0 ? 20 : 0, 0, 0));
    bed_advance(&bed, seconds(60));
    EXPECT_EVENTS(&bed, 6, "6 ActivityTaskTimedOut, 7 S1");
    timed_out = ATTRIBUTES_OF(&bed, 6, activity_task_timed_out);
    ck_assert_int_eq(time_from_pb(bed_event(&bed, 6)->event_time), START + seconds(_i == 0 ? 20 : 60));
    ck_assert_str_eq(timed_out->failure->message, "activity ScheduleToStart timeout");
    ck_assert_str_eq(timed_out->failure->source, "Server");
    ck_assert_int_eq(timed_out->failure->timeout_failure_info->timeout_type, TIMEOUT_TYPE_SCHEDULE_TO_START);
    ck_assert_int_eq(timed_out->retry_state, RETRY_STATE_TIMEOUT);
    ck_assert_int_eq(timed_out->started_event_id, 0);
}
END_TEST

START_TEST(an_attempt_times_out_and_is_tried_again)
{
    POLL_AND_COMPLETE(&bed, with_attempts(activity_with(0, 0, 10, _i == 0 ? 0 : 5), 2));
    bed_activity_start(&bed, "a");
    bed_advance(&bed, seconds(_i == 0 ? 10 : 5));
    ck_assert_int_eq(bed_activity(&bed, "a")->attempt, 2);
    ck_assert_str_eq(bed_activity(&bed, "a")->last_failure->message,
                     _i == 0 ? "activity StartToClose timeout" : "activity Heartbeat timeout");
    bed_advance(&bed, seconds(1));
    bed_activity_start(&bed, "a");
    bed_activity_heartbeat(&bed, "a", "so far");
    bed_advance(&bed, seconds(10));
    EXPECT_EVENTS(&bed, 6, "6 ActivityTaskStarted, 7 ActivityTaskTimedOut, 8 S1");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 7, activity_task_timed_out)->retry_state,
                     RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED);
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 7, activity_task_timed_out)->failure->timeout_failure_info->timeout_type,
                     _i == 0 ? TIMEOUT_TYPE_START_TO_CLOSE : TIMEOUT_TYPE_HEARTBEAT);
    ck_assert_ptr_nonnull(
        ATTRIBUTES_OF(&bed, 7, activity_task_timed_out)->failure->timeout_failure_info->last_heartbeat_details);
    ck_assert_ptr_nonnull(ATTRIBUTES_OF(&bed, 7, activity_task_timed_out)->failure->cause); /* the first attempt's */
}
END_TEST

/* Whenever schedule-to-close is what leaves no room for another attempt, the time-out says so. */
START_TEST(no_time_is_left_to_try_again)
{
    const PbActivityTaskTimedOutEventAttributes *timed_out;
    static const int64_t to_close[] = {10, 11, 15, 30}, start_to_close[] = {10, 10, 0, 20};

    POLL_AND_COMPLETE(&bed, activity_with(to_close[_i], 0, start_to_close[_i], 0));
    if (_i == 1)
        bed_advance(&bed, seconds(1)); /* 11 s are not enough for a start after 1 s, 10 s and a backoff of 1 s */
    if (_i == 3)
        bed_advance(&bed, seconds(15));
    bed_activity_start(&bed, "a");
    bed_advance(&bed, seconds(30));
    EXPECT_EVENTS(&bed, 6, "6 ActivityTaskStarted, 7 ActivityTaskTimedOut, 8 S1");
    timed_out = ATTRIBUTES_OF(&bed, 7, activity_task_timed_out);
    ck_assert_str_eq(timed_out->failure->message, NO_TIME);
    ck_assert_int_eq(timed_out->failure->timeout_failure_info->timeout_type, TIMEOUT_TYPE_SCHEDULE_TO_CLOSE);
    ck_assert_int_eq(timed_out->retry_state, RETRY_STATE_TIMEOUT);
}
END_TEST

START_TEST(a_failure_that_leaves_no_time_is_final)
{
    PbFailure *failure = application_failure(&bed, "", false);

    failure->application_failure_info->next_retry_delay = duration_of(&bed, seconds(61));
    POLL_AND_COMPLETE(&bed, activity_with(60, 0, 0, 0));
    bed_activity_start(&bed, "a");
    bed_activity_fail(&bed, "a", failure);
    EXPECT_EVENTS(&bed, 6, "6 ActivityTaskStarted, 7 ActivityTaskFailed, 8 S1");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 7, activity_task_failed)->retry_state, RETRY_STATE_TIMEOUT);
}
END_TEST

START_TEST(schedule_to_close_ends_a_backoff)
{
    const PbActivityTaskTimedOutEventAttributes *timed_out;

    POLL_AND_COMPLETE(&bed, activity_with(20, 0, 10, 0));
    bed_activity_start(&bed, "a");
    bed_activity_fail(&bed, "a", application_failure(&bed, "Before", false));
    bed_advance(&bed, seconds(20)); /* dispatched after 1 s, and nobody picks it up */
    EXPECT_EVENTS(&bed, 6, "6 ActivityTaskTimedOut, 7 S1");
    timed_out = ATTRIBUTES_OF(&bed, 6, activity_task_timed_out);
    ck_assert_str_eq(timed_out->failure->message, NO_TIME);
    ck_assert_str_eq(timed_out->failure->cause->application_failure_info->type, "Before");
    ck_assert_int_eq(timed_out->started_event_id, 0);
}
END_TEST

START_TEST(several_fall_due_in_the_order_of_their_schedule)
{
    PbCommand *commands[4];
    static const char *const ids[] = {"d", "b", "a", "c"};

    for (int i = 0; i < 4; i++) {
        commands[i] = schedule_activity(&bed, ids[i]);
        activity_of(commands[i])->schedule_to_start_timeout = duration_of(&bed, seconds(5));
    }
    POLL_AND_COMPLETE(&bed, commands[0], commands[1], commands[2], commands[3]);
    bed_advance(&bed, seconds(5));
    EXPECT_EVENTS(&bed, 9,
                  "9 ActivityTaskTimedOut, 10 S1, 11 ActivityTaskTimedOut, 12 ActivityTaskTimedOut, "
                  "13 ActivityTaskTimedOut");
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(ATTRIBUTES_OF(&bed, i == 0 ? 9 : 10 + i, activity_task_timed_out)->scheduled_event_id, 5 + i);
}
END_TEST

/* ---- cancellation ---- */

START_TEST(nobody_has_begun_what_is_cancelled)
{
    const PbActivityTaskCanceledEventAttributes *canceled;

    POLL_AND_COMPLETE(&bed, schedule_activity(&bed, "a"));
    if (_i == 1) { /* backing off is not begun either */
        bed_activity_start(&bed, "a");
        bed_activity_fail(&bed, "a", application_failure(&bed, "", false));
    }
    bed_signal(&bed, "wake up");
    POLL_AND_COMPLETE(&bed, cancel_activity(&bed, 5), record_marker(&bed, "m"));
    EXPECT_EVENTS(&bed, 9, "9 C, 10 ActivityTaskCancelRequested, 11 MarkerRecorded, 12 ActivityTaskCanceled, 13 S1");
    canceled = ATTRIBUTES_OF(&bed, 12, activity_task_canceled);
    ck_assert_int_eq(canceled->latest_cancel_requested_event_id, 10);
    ck_assert_int_eq(canceled->started_event_id, 0);
    ck_assert_str_eq(canceled->identity, "worker");
    ck_assert_uint_eq(canceled->details->n_payloads, 1);
    ck_assert_mem_eq(canceled->details->payloads[0]->data.data, "\"ACTIVITY_ID_NOT_STARTED\"", 25);
}
END_TEST

START_TEST(it_is_scheduled_and_cancelled_in_one_completion)
{
    POLL_AND_COMPLETE(&bed, schedule_activity(&bed, "a"), cancel_activity(&bed, 5));
    EXPECT_EVENTS(&bed, 4, "4 C, 5 ActivityTaskScheduled, 6 ActivityTaskCancelRequested, 7 ActivityTaskCanceled, 8 S1");
    ck_assert_ptr_null(mutable_state_activity_by_id(bed.ms, "a")); /* so its dispatch comes to nothing */
}
END_TEST

START_TEST(cancelled_and_closed_in_one_completion)
{
    POLL_AND_COMPLETE(&bed, schedule_activity(&bed, "a"), cancel_activity(&bed, 5), complete_workflow(&bed));
    EXPECT_EVENTS(&bed, 4, "4 C, 5 ActivityTaskScheduled, 6 ActivityTaskCancelRequested, 7 WorkflowExecutionCompleted");
    bed_reload(&bed);
    ck_assert_int_eq(bed_activity(&bed, "a")->state, ACTIVITY_CLOSING); /* it is over, though no event says so */
}
END_TEST

/* What a worker may answer after a cancellation request: nothing of it is tried again. */
START_TEST(it_ends_after_a_cancellation_request)
{
    static const char *const ends[] = {
        "11 ActivityTaskStarted, 12 ActivityTaskCanceled, 13 S1",
        "11 ActivityTaskStarted, 12 ActivityTaskCompleted, 13 S1",
        "11 ActivityTaskStarted, 12 ActivityTaskFailed, 13 S1",
        "11 ActivityTaskStarted, 12 ActivityTaskTimedOut, 13 S1",
        "11 ActivityTaskStarted, 12 ActivityTaskTimedOut, 13 S1",
    };

    POLL_AND_COMPLETE(&bed, activity_with(_i == 4 ? 10 : 60, 0, _i == 4 ? 60 : 10, 0));
    bed_activity_start(&bed, "a");
    bed_signal(&bed, "wake up");
    POLL_AND_COMPLETE(&bed, cancel_activity(&bed, 5));
    ck_assert_int_eq(bed_activity(&bed, "a")->cancel_requested_event_id, 10);
    if (_i == 0)
        bed_activity_cancel(&bed, "a");
    else if (_i == 1)
        bed_activity_complete(&bed, "a");
    else if (_i == 2)
        bed_activity_fail(&bed, "a", application_failure(&bed, "", false));
    else
        bed_advance(&bed, seconds(10));
    EXPECT_EVENTS(&bed, 11, ends[_i]);
    if (_i == 0)
        ck_assert_int_eq(ATTRIBUTES_OF(&bed, 12, activity_task_canceled)->latest_cancel_requested_event_id, 10);
    if (_i == 2)
        ck_assert_int_eq(ATTRIBUTES_OF(&bed, 12, activity_task_failed)->retry_state, RETRY_STATE_CANCEL_REQUESTED);
    if (_i >= 3) {
        ck_assert_int_eq(ATTRIBUTES_OF(&bed, 12, activity_task_timed_out)->retry_state, RETRY_STATE_CANCEL_REQUESTED);
        /* At one instant both are due: what counts from the scheduling comes first. */
        ck_assert_str_eq(ATTRIBUTES_OF(&bed, 12, activity_task_timed_out)->failure->message,
                         _i == 3 ? "activity StartToClose timeout" : "activity ScheduleToClose timeout");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("activity");
    TCase *scheduling = tcase_create("scheduling"), *ends = tcase_create("ends"), *due = tcase_create("deadlines");
    TCase *cancel = tcase_create("cancellation");

    tcase_add_checked_fixture(scheduling, set_up, tear_down);
    tcase_add_loop_test(scheduling, timeouts_are_completed, 0, LENGTH_OF(TIMEOUTS));
    tcase_add_test(scheduling, an_activity_is_scheduled_and_dispatched);
    tcase_add_test(scheduling, an_eager_activity_is_not_dispatched);
    tcase_add_test(scheduling, priorities_are_merged);
    suite_add_tcase(suite, scheduling);
    tcase_add_checked_fixture(ends, set_up, tear_down);
    tcase_add_test(ends, a_result_writes_start_and_end);
    tcase_add_test(ends, a_failed_attempt_is_followed_by_another);
    tcase_add_test(ends, a_retry_without_delay_is_dispatched_at_once);
    tcase_add_test(ends, a_failure_without_a_message_is_tried_again);
    tcase_add_loop_test(ends, a_failure_that_is_kept_is_cut_down, 0, 2);
    tcase_add_loop_test(ends, whatever_is_large_in_it, 0, 4);
    tcase_add_test(ends, a_start_is_current_by_attempt_and_stamp);
    tcase_add_test(ends, a_start_can_be_taken_back);
    tcase_add_test(ends, attempts_do_not_pile_up);
    suite_add_tcase(suite, ends);
    tcase_add_checked_fixture(due, set_up, tear_down);
    tcase_add_test(due, every_state_has_its_deadline);
    tcase_add_loop_test(due, nobody_picks_it_up, 0, 2);
    tcase_add_loop_test(due, an_attempt_times_out_and_is_tried_again, 0, 2);
    tcase_add_loop_test(due, no_time_is_left_to_try_again, 0, 4);
    tcase_add_test(due, a_failure_that_leaves_no_time_is_final);
    tcase_add_test(due, schedule_to_close_ends_a_backoff);
    tcase_add_test(due, several_fall_due_in_the_order_of_their_schedule);
    suite_add_tcase(suite, due);
    tcase_add_checked_fixture(cancel, set_up, tear_down);
    tcase_add_loop_test(cancel, nobody_has_begun_what_is_cancelled, 0, 2);
    tcase_add_test(cancel, it_is_scheduled_and_cancelled_in_one_completion);
    tcase_add_test(cancel, cancelled_and_closed_in_one_completion);
    tcase_add_loop_test(cancel, it_ends_after_a_cancellation_request, 0, 5);
    suite_add_tcase(suite, cancel);
    return bed_run(suite);
}
