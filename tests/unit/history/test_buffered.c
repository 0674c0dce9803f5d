/* Events that wait while a workflow task is started: their order, the ids they get, and what they keep from happening.
 */
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

static void join(const char *request_id)
{
    decide_join(bed_begin(&bed), request_id, 0, NULL);
    bed_commit(&bed);
}

/* Activities a (event 5) and b (event 6) are pending, and a workflow task (8) is started; 10 is the next event. */
static void start_two_activities(void)
{
    POLL_AND_COMPLETE(&bed, schedule_activity(&bed, "a"), schedule_activity(&bed, "b"));
    bed_activity_start(&bed, "a");
    bed_activity_start(&bed, "b");
    bed_signal(&bed, "wake up");
    bed_poll(&bed);
    EXPECT_EVENTS(&bed, 5, "5 ActivityTaskScheduled, 6 ActivityTaskScheduled, 7 WorkflowExecutionSignaled, 8 S1, 9 R");
}

START_TEST(news_waits_for_the_end_of_the_task)
{
    bed_poll(&bed);
    bed_signal(&bed, "one");
    bed_request_cancel(&bed);
    join("join");
    EXPECT_EVENTS(&bed, 3, "3 R");
    ck_assert_int_eq(bed.ms->next_event_id, 4);
    ck_assert_int_eq(bed.ms->buffered_count, 3);
    ck_assert(bed.ms->cancel_requested); /* but it counts already */
    ck_assert(mutable_state_request_used(bed.ms, "one"));
    ck_assert(!mutable_state_request_joined(bed.ms, "one"));
    ck_assert(mutable_state_request_joined(bed.ms, "join"));
    ck_assert_str_eq(COMPLETE(&bed, record_marker(&bed, "m")), "");
    EXPECT_EVENTS(&bed, 4,
                  "4 C, 5 MarkerRecorded, 6 WorkflowExecutionSignaled, 7 WorkflowExecutionCancelRequested, "
                  "8 WorkflowExecutionOptionsUpdated, 9 S1");
    ck_assert_int_eq(bed.ms->buffered_count, 0);
    ck_assert_int_eq(bed.ms->buffered_bytes, 0);
}
END_TEST

/* The trace of history.md 11.2: the real server moves what closes an activity behind all others, and patches its start.
 */
START_TEST(ends_come_last_and_know_their_starts)
{
    start_two_activities();
    bed_activity_complete(&bed, "a");
    bed_signal(&bed, "between");
    bed_activity_fail(&bed, "b", application_failure(&bed, "", true));
    EXPECT_EVENTS(&bed, 9, "9 R");
    ck_assert_int_eq(bed_activity(&bed, "a")->state, ACTIVITY_CLOSING);
    ck_assert_str_eq(COMPLETE(&bed), "");
    EXPECT_EVENTS(&bed, 10,
                  "10 C, 11 ActivityTaskStarted, 12 WorkflowExecutionSignaled, 13 ActivityTaskStarted, "
                  "14 ActivityTaskCompleted, 15 ActivityTaskFailed, 16 S1");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 14, activity_task_completed)->scheduled_event_id, 5);
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 14, activity_task_completed)->started_event_id, 11);
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 15, activity_task_failed)->scheduled_event_id, 6);
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 15, activity_task_failed)->started_event_id, 13);
    ck_assert_int_eq(mutable_state_activities_count(bed.ms), 0);
}
END_TEST

START_TEST(a_buffered_end_is_an_end)
{
    PbTimeoutType type;
    struct activity *activity;

    start_two_activities();
    bed_activity_complete(&bed, "a");
    activity = bed_activity(&bed, "a");
    ck_assert_int_eq(activity_deadline(activity, &type), NANOS_MAX);
    ck_assert_ptr_null(activity_current(bed.ms, 5, 1, 0, true)); /* no second result */
    /* Its id is taken until the event is in the log, and a cancellation is tolerated. */
    ck_assert_str_eq(COMPLETE(&bed, cancel_activity(&bed, 5)), "");
    EXPECT_EVENTS(&bed, 10,
                  "10 C, 11 ActivityTaskCancelRequested, 12 ActivityTaskStarted, 13 ActivityTaskCompleted, 14 S1");
}
END_TEST

START_TEST(what_waits_refuses_a_close)
{
    PbCommand *closing[] = {complete_workflow(&bed), fail_workflow(&bed, failure_of(&bed, "f")), cancel_workflow(&bed),
                            continue_as_new(&bed)};

    bed_poll(&bed);
    bed_signal(&bed, "waits");
    ck_assert_str_eq(COMPLETE(&bed, start_timer(&bed, "t", seconds(1)), closing[_i]), "UnhandledCommand");
    EXPECT_EVENTS(&bed, 3, "3 R, 4 F, 5 WorkflowExecutionSignaled, 6 S1");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 4, workflow_task_failed)->cause, WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND);
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 4, workflow_task_failed)->failure->message, "UnhandledCommand");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 4, workflow_task_failed)->identity, "worker");
    ck_assert(bed.ms->close_refused);
    ck_assert_int_eq(mutable_state_timers_count(bed.ms), 0); /* the whole completion is void */
    ck_assert_ptr_null(bed.t.successor);
    bed_poll(&bed);
    ck_assert_str_eq(COMPLETE(&bed, closing[_i]), "");
    ck_assert(!mutable_state_is_open(bed.ms));
    ck_assert(!bed.ms->close_refused);
}
END_TEST

/* Also in a later attempt, where other refusals leave no trace. */
START_TEST(what_waits_refuses_a_close_in_a_later_attempt)
{
    bed_poll(&bed);
    bed_fail_task(&bed);
    bed_poll(&bed);
    bed_signal(&bed, "waits");
    ck_assert_str_eq(COMPLETE(&bed, complete_workflow(&bed)), "UnhandledCommand");
    EXPECT_EVENTS(&bed, 4, "4 F, 5 WorkflowExecutionSignaled, 6 S1");
}
END_TEST

START_TEST(a_refused_close_is_over_when_the_task_ends)
{
    bed_poll(&bed);
    bed_signal(&bed, "waits");
    ck_assert_str_eq(COMPLETE(&bed, complete_workflow(&bed)), "UnhandledCommand");
    bed_reload(&bed);
    ck_assert(bed.ms->close_refused);
    bed_poll(&bed);
    if (_i == 0)
        ck_assert_str_eq(COMPLETE(&bed), "");
    else if (_i == 1)
        bed_fail_task(&bed);
    else if (_i == 2)
        bed_advance(&bed, seconds(10));
    else {
        bed.limits.buffered_events_max = 0; /* too much waits: the task is given up */
        bed_signal(&bed, "too much");
    }
    ck_assert(!bed.ms->close_refused);
    bed_reload(&bed);
    ck_assert(!bed.ms->close_refused);
}
END_TEST

START_TEST(cancelling_a_timer_undoes_its_buffered_firing)
{
    POLL_AND_COMPLETE(&bed, start_timer(&bed, "t", seconds(1)), start_timer(&bed, "u", seconds(1)));
    bed_signal(&bed, "wake up");
    bed_poll(&bed);
    bed_advance(&bed, seconds(1));
    ck_assert_int_eq(bed.ms->buffered_count, 2);
    ck_assert(mutable_state_timer(bed.ms, "t")->firing);
    ck_assert_str_eq(COMPLETE(&bed, cancel_timer(&bed, "t")), "");
    EXPECT_EVENTS(&bed, 5,
                  "5 TimerStarted, 6 TimerStarted, 7 WorkflowExecutionSignaled, 8 S1, 9 R, 10 C, "
                  "11 TimerCanceled, 12 TimerFired, 13 S1");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 12, timer_fired)->timer_id, "u");
}
END_TEST

/* If nothing else waits, the run may even close. */
START_TEST(a_close_may_follow_a_cancelled_firing)
{
    POLL_AND_COMPLETE(&bed, start_timer(&bed, "t", seconds(1)));
    bed_signal(&bed, "wake up");
    bed_poll(&bed);
    bed_advance(&bed, seconds(1));
    if (_i == 1)
        bed_signal(&bed, "waits, too");
    ck_assert_str_eq(COMPLETE(&bed, cancel_timer(&bed, "t"), complete_workflow(&bed)),
                     _i == 0 ? "" : "UnhandledCommand");
    EXPECT_EVENTS(&bed, 9,
                  _i == 0 ? "9 C, 10 TimerCanceled, 11 WorkflowExecutionCompleted"
                          : "9 F, 10 TimerFired, 11 WorkflowExecutionSignaled, 12 S1");
}
END_TEST

/* An id is free as soon as its event waits: for a while there are two, and the id means the newer one, however many
 * others there are. */
START_TEST(an_id_may_be_used_again_while_its_end_waits)
{
    enum { OTHERS = 500 };
    PbCommand *commands[OTHERS + 5] = {NULL};

    POLL_AND_COMPLETE(&bed, start_timer(&bed, "t", seconds(1)), schedule_activity(&bed, "a"));
    bed_activity_start(&bed, "a");
    bed_signal(&bed, "wake up");
    bed_poll(&bed);
    bed_advance(&bed, seconds(1));
    bed_activity_complete(&bed, "a");
    commands[1] = start_timer(&bed, "t", seconds(9));
    commands[2] = schedule_activity(&bed, "a");
    for (int i = 0; i < OTHERS; i++) {
        const char *id = arena_printf(bed.arena, "other %d", i);

        commands[3 + i] = i % 2 == 0 ? start_timer(&bed, id, seconds(90)) : schedule_activity(&bed, id);
    }
    commands[3 + OTHERS] = _i == 0   ? start_timer(&bed, "t", seconds(9))
                           : _i == 1 ? schedule_activity(&bed, "a")
                                     : cancel_timer(&bed, "t");
    if (_i == 0)
        ck_assert_str_eq(
            bed_complete_list(&bed, commands),
            "StartTimerDuplicateId: invalid history builder state for action: add-timer-started-event, TimerID: t");
    else if (_i == 1)
        ck_assert_str_eq(bed_complete_list(&bed, commands),
                         "ScheduleActivityDuplicateId: invalid history builder state for action: "
                         "add-activitytask-scheduled-event, ActivityID: a");
    else {
        ck_assert_str_eq(bed_complete_list(&bed, commands), "");
        ck_assert_int_eq(ATTRIBUTES_OF(&bed, 11 + 2 + OTHERS - 1 + 1, timer_canceled)->started_event_id, 11);
        ck_assert_ptr_null(mutable_state_timer(bed.ms, "t"));
        ck_assert_int_eq(bed_activity(&bed, "a")->scheduled_event_id, 12);
    }
}
END_TEST

START_TEST(too_much_that_waits_ends_the_task)
{
    bed.limits.buffered_events_max = 3;
    bed_poll(&bed);
    for (int i = 0; i < 3; i++)
        bed_signal(&bed, arena_printf(bed.arena, "s%d", i));
    EXPECT_EVENTS(&bed, 3, "3 R");
    bed_signal(&bed, "s3");
    EXPECT_EVENTS(&bed, 3,
                  "3 R, 4 F, 5 WorkflowExecutionSignaled, 6 WorkflowExecutionSignaled, 7 WorkflowExecutionSignaled, "
                  "8 WorkflowExecutionSignaled, 9 S2");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 4, workflow_task_failed)->cause,
                     WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND);
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 4, workflow_task_failed)->identity, "history-service");
}
END_TEST

START_TEST(too_many_bytes_that_wait_end_the_task)
{
    bed.limits.buffered_bytes_max = 300;
    bed_poll(&bed);
    bed_signal(&bed, "small");
    EXPECT_EVENTS(&bed, 3, "3 R");
    bed_signal(&bed, text_of_length(&bed, 200));
    EXPECT_EVENTS(&bed, 3, "3 R, 4 F, 5 WorkflowExecutionSignaled, 6 WorkflowExecutionSignaled, 7 S2");
}
END_TEST

START_TEST(a_transient_task_given_up_leaves_no_failure)
{
    bed.limits.buffered_events_max = 0;
    bed_poll(&bed);
    bed_fail_task(&bed);
    bed_poll(&bed);
    bed_signal(&bed, "too much");
    EXPECT_EVENTS(&bed, 4, "4 F, 5 WorkflowExecutionSignaled, 6 S3");
}
END_TEST

START_TEST(what_waits_survives_a_crash)
{
    start_two_activities();
    bed_activity_complete(&bed, "a");
    bed_signal(&bed, "between");
    bed_reload(&bed); /* the start is lost, so there is nothing to wait for */
    EXPECT_EVENTS(&bed, 8, "8 S1, 9 ActivityTaskStarted, 10 WorkflowExecutionSignaled, 11 ActivityTaskCompleted");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 11, activity_task_completed)->started_event_id, 9);
    ck_assert_int_eq(bed_activity(&bed, "b")->state, ACTIVITY_STARTED);
}
END_TEST

START_TEST(a_cut_is_followed_by_what_waited)
{
    bed_poll(&bed);
    bed_signal(&bed, "waits");
    bed_terminate(&bed);
    EXPECT_EVENTS(&bed, 3, "3 R, 4 F, 5 WorkflowExecutionSignaled, 6 WorkflowExecutionTerminated");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 4, workflow_task_failed)->cause,
                     WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buffered events");
    TCase *tcase = tcase_create("buffered events");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, news_waits_for_the_end_of_the_task);
    tcase_add_test(tcase, ends_come_last_and_know_their_starts);
    tcase_add_test(tcase, a_buffered_end_is_an_end);
    tcase_add_loop_test(tcase, what_waits_refuses_a_close, 0, 4);
    tcase_add_test(tcase, what_waits_refuses_a_close_in_a_later_attempt);
    tcase_add_loop_test(tcase, a_refused_close_is_over_when_the_task_ends, 0, 4);
    tcase_add_test(tcase, cancelling_a_timer_undoes_its_buffered_firing);
    tcase_add_loop_test(tcase, a_close_may_follow_a_cancelled_firing, 0, 2);
    tcase_add_loop_test(tcase, an_id_may_be_used_again_while_its_end_waits, 0, 3);
    tcase_add_test(tcase, too_much_that_waits_ends_the_task);
    tcase_add_test(tcase, too_many_bytes_that_wait_end_the_task);
    tcase_add_test(tcase, a_transient_task_given_up_leaves_no_failure);
    tcase_add_test(tcase, what_waits_survives_a_crash);
    tcase_add_test(tcase, a_cut_is_followed_by_what_waited);
    suite_add_tcase(suite, tcase);
    return bed_run(suite);
}
