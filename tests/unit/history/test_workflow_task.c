/* The workflow task: from its schedule to its end, the attempts in between, and stickiness. */
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

/* ---- the good way ---- */

START_TEST(a_task_is_scheduled_started_completed)
{
    EXPECT_TASK(&bed, "scheduled 2 a1");
    bed_poll(&bed);
    EXPECT_TASK(&bed, "started 2/3 a1");
    ck_assert_str_eq(COMPLETE(&bed), "");
    EXPECT_TASK(&bed, "none");
    EXPECT_EVENTS(&bed, 1, "1 WorkflowExecutionStarted, 2 S1, 3 R, 4 C");
    ck_assert_int_eq(bed.ms->previous_started_event_id, 3);
    ck_assert_int_eq(bed.ms->last_completed_event_id, 4);
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 2, workflow_task_scheduled)->start_to_close_timeout->seconds, 10);
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 3, workflow_task_started)->identity, "worker");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 3, workflow_task_started)->request_id, "request");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 4, workflow_task_completed)->scheduled_event_id, 2);
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 4, workflow_task_completed)->started_event_id, 3);
}
END_TEST

START_TEST(one_task_at_a_time)
{
    bed_signal(&bed, "while one is scheduled");
    workflow_task_schedule(bed_begin(&bed), true);
    bed_commit(&bed);
    EXPECT_EVENTS(&bed, 2, "2 S1, 3 WorkflowExecutionSignaled");
    bed_terminate(&bed);
    workflow_task_schedule(bed_begin(&bed), true); /* nor after the end */
    bed_commit(&bed);
    EXPECT_EVENTS(&bed, 4, "4 WorkflowExecutionTerminated");
}
END_TEST

START_TEST(a_new_task_can_be_forced)
{
    PbRespondWorkflowTaskCompletedRequest *request = bed_completion(&bed);

    bed_poll(&bed);
    request->force_create_new_workflow_task = true;
    ck_assert_str_eq(bed_complete_with(&bed, request), "");
    EXPECT_EVENTS(&bed, 4, "4 C, 5 S1");
}
END_TEST

START_TEST(continue_as_new_is_suggested)
{
    bed.limits.suggest_events = 4;
    bed.limits.suggest_bytes = 1 << 20;
    bed_poll(&bed);
    ck_assert(!ATTRIBUTES_OF(&bed, 3, workflow_task_started)->suggest_continue_as_new);
    ck_assert_str_eq(COMPLETE(&bed), "");
    bed_signal(&bed, "s");
    bed.ms->history_bytes = bed.limits.suggest_bytes;
    bed_poll(&bed);
    ck_assert(ATTRIBUTES_OF(&bed, 7, workflow_task_started)->suggest_continue_as_new);
    ck_assert_uint_eq(ATTRIBUTES_OF(&bed, 7, workflow_task_started)->n_suggest_continue_as_new_reasons, 2);
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 7, workflow_task_started)->history_size_bytes, bed.limits.suggest_bytes);
}
END_TEST

/* ---- failures ---- */

START_TEST(a_second_attempt_leaves_no_trace)
{
    bed_poll(&bed);
    bed_fail_task(&bed);
    EXPECT_TASK(&bed, "scheduled 5 a2 transient");
    EXPECT_EVENTS(&bed, 3, "3 R, 4 F");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 4, workflow_task_failed)->failure->message, "oops");
    bed_poll(&bed);
    EXPECT_TASK(&bed, "started 5/6 a2 transient");
    bed_fail_task(&bed);
    EXPECT_TASK(&bed, "scheduled 5 a3 transient");
    ck_assert_int_eq(bed.ms->workflow_task_problems, 2);
    bed_poll(&bed);
    ck_assert_str_eq(COMPLETE(&bed), "");
    EXPECT_EVENTS(&bed, 4, "4 F, 5 S3, 6 R, 7 C");
    ck_assert_int_eq(bed.ms->workflow_task_problems, 0);
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 6, workflow_task_started)->identity, "worker");
}
END_TEST

START_TEST(a_transient_task_keeps_its_times)
{
    bed_poll(&bed);
    bed_fail_task(&bed);
    bed_advance(&bed, seconds(3));
    bed_poll(&bed);
    bed_advance(&bed, seconds(2));
    ck_assert_str_eq(COMPLETE(&bed), "");
    EXPECT_EVENTS(&bed, 4, "4 F, 5 S2, 6 R, 7 C");
    ck_assert_int_eq(time_from_pb(bed_event(&bed, 5)->event_time), START);
    ck_assert_int_eq(time_from_pb(bed_event(&bed, 6)->event_time), START + seconds(3));
    ck_assert_int_eq(time_from_pb(bed_event(&bed, 7)->event_time), START + seconds(5));
}
END_TEST

START_TEST(clients_see_a_transient_task)
{
    PbHistoryEvent *events[2];

    ck_assert_uint_eq(workflow_task_virtual_events(bed.ms, bed.arena, false, events), 0);
    bed_poll(&bed);
    bed_fail_task(&bed);
    ck_assert_uint_eq(workflow_task_virtual_events(bed.ms, bed.arena, false, events), 1);
    ck_assert_int_eq(events[0]->event_id, 5);
    ck_assert_int_eq(events[0]->task_id, 0);
    ck_assert_int_eq(events[0]->workflow_task_scheduled_event_attributes->attempt, 2);
    bed_poll(&bed);
    ck_assert_uint_eq(workflow_task_virtual_events(bed.ms, bed.arena, false, events), 2);
    ck_assert_int_eq(events[1]->event_id, 6);
    ck_assert_int_eq(events[1]->workflow_task_started_event_attributes->scheduled_event_id, 5);
    bed_fail_task(&bed);
    bed_signal(&bed, "takes id 5");
    ck_assert_uint_eq(workflow_task_virtual_events(bed.ms, bed.arena, false, events), 0);
}
END_TEST

START_TEST(a_transient_task_whose_ids_are_taken_is_a_first_attempt)
{
    bed_poll(&bed);
    bed_fail_task(&bed);
    bed_signal(&bed, "takes id 5");
    EXPECT_TASK(&bed, "scheduled 5 a2 transient");
    bed_poll(&bed);
    EXPECT_TASK(&bed, "started 6/7 a1");
    EXPECT_EVENTS(&bed, 4, "4 F, 5 WorkflowExecutionSignaled, 6 S1, 7 R");
}
END_TEST

START_TEST(what_waited_makes_the_next_attempt_the_first)
{
    bed_poll(&bed);
    bed_fail_task(&bed);
    bed_poll(&bed);
    bed_signal(&bed, "waits");
    EXPECT_EVENTS(&bed, 4, "4 F");
    bed_advance(&bed, seconds(10)); /* attempt 2 times out */
    EXPECT_EVENTS(&bed, 4, "4 F, 5 WorkflowExecutionSignaled, 6 S1");
}
END_TEST

START_TEST(a_task_times_out)
{
    bed_poll(&bed);
    bed_advance(&bed, seconds(10) - 1);
    EXPECT_TASK(&bed, "started 2/3 a1");
    bed_advance(&bed, 1);
    EXPECT_TASK(&bed, "scheduled 5 a2 transient");
    EXPECT_EVENTS(&bed, 4, "4 T");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 4, workflow_task_timed_out)->timeout_type, TIMEOUT_TYPE_START_TO_CLOSE);
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 4, workflow_task_timed_out)->started_event_id, 3);
    bed_advance(&bed, seconds(3600)); /* the normal queue is patient */
    EXPECT_TASK(&bed, "scheduled 5 a2 transient");
}
END_TEST

/* Attempt n > 3 gets 5 s * 2^(n-4) more, at most 10 min, less up to a fifth. */
START_TEST(late_attempts_get_more_time)
{
    static const int64_t extra_seconds[] = {0, 0, 0, 0, 5, 10, 20, 40, 80, 160, 320, 600, 600, 600};

    bed_poll(&bed);
    for (int attempt = 1; attempt < (int)LENGTH_OF(extra_seconds); attempt++) {
        nanos extra = bed.ms->workflow_task.start_to_close - seconds(10), most = seconds(extra_seconds[attempt]);

        ck_assert_int_eq(bed.ms->workflow_task.attempt, attempt);
        ck_assert_int_le(extra, most);
        ck_assert_int_ge(extra, most - most / 5);
        ck_assert_int_eq(workflow_task_deadline(bed.ms), bed.now + bed.ms->workflow_task.start_to_close);
        bed_advance(&bed, bed.ms->workflow_task.start_to_close);
        bed_poll(&bed);
    }
}
END_TEST

static bool has_attribute(const char *name)
{
    const PbSearchAttributes *attributes = mutable_state_search_attributes(bed.ms, bed.arena);

    for (size_t i = 0; attributes != NULL && i < attributes->n_indexed_fields; i++)
        if (strcmp(attributes->indexed_fields[i]->key, name) == 0)
            return true;
    return false;
}

/* Many problems in a row are told as a search attribute; what they are stands in the last event, so that it can be told
 * again after a crash (bed_commit compares), also when that event is the end of a task that was cut. */
START_TEST(problems_are_told_as_a_search_attribute)
{
    bed_poll(&bed);
    for (int i = 0; i < 5; i++) {
        ck_assert(!has_attribute("TemporalReportedProblems"));
        bed_signal(&bed, arena_printf(bed.arena, "%d", i)); /* makes the next attempt a first one, with events */
        bed_fail_task(&bed);
        bed_poll(&bed);
    }
    ck_assert(has_attribute("TemporalReportedProblems"));
    if (_i == 0)
        ck_assert_str_eq(COMPLETE(&bed), "");
    else
        bed_terminate(&bed);
    ck_assert(has_attribute("TemporalReportedProblems") == (_i == 1));
}
END_TEST

START_TEST(a_start_can_be_taken_back)
{
    bed_poll(&bed);
    workflow_task_unstart(bed.ms);
    bed.log_count--; /* it was never stored */
    EXPECT_TASK(&bed, "scheduled 2 a1");
    ck_assert_int_eq(bed.ms->next_event_id, 3);
    bed_poll(&bed);
    bed_fail_task(&bed);
    bed_poll(&bed);
    workflow_task_unstart(bed.ms);
    EXPECT_TASK(&bed, "scheduled 5 a2 transient");
    bed_poll(&bed);
    ck_assert_str_eq(COMPLETE(&bed), "");
    EXPECT_EVENTS(&bed, 2, "2 S1, 3 R, 4 F, 5 S2, 6 R, 7 C");
}
END_TEST

/* ---- stickiness ---- */

/* Until a worker has completed event 4 with a sticky queue, and a signal has made sticky task 6. */
static void go_sticky(void)
{
    bed_poll(&bed);
    ck_assert_str_eq(bed_complete_with(&bed, bed_sticky_completion(&bed)), "");
    bed_signal(&bed, "s");
    EXPECT_EVENTS(&bed, 4, "4 C, 5 WorkflowExecutionSignaled, 6 S1~");
    EXPECT_TASK(&bed, "scheduled 6 a1 sticky");
}

START_TEST(the_next_task_is_for_the_sticky_queue)
{
    const PbTaskQueue *queue;

    go_sticky();
    queue = ATTRIBUTES_OF(&bed, 6, workflow_task_scheduled)->task_queue;
    ck_assert_str_eq(queue->name, "sticky");
    ck_assert_str_eq(queue->normal_name, "queue");
    bed_poll_sticky(&bed);
    ck_assert_str_eq(bed.ms->sticky_queue, "sticky");
    ck_assert_str_eq(COMPLETE(&bed), ""); /* without attributes: it ends */
    ck_assert_ptr_null(bed.ms->sticky_queue);
}
END_TEST

START_TEST(nobody_comes_to_the_sticky_queue)
{
    go_sticky();
    bed_advance(&bed, seconds(5) - 1);
    EXPECT_TASK(&bed, "scheduled 6 a1 sticky");
    bed_advance(&bed, 1);
    EXPECT_EVENTS(&bed, 6, "6 S1~, 7 T, 8 S1");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 7, workflow_task_timed_out)->timeout_type, TIMEOUT_TYPE_SCHEDULE_TO_START);
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 7, workflow_task_timed_out)->started_event_id, 0);
    ck_assert_int_eq(bed.ms->workflow_task_problems, 0); /* no fault of the workflow's */
}
END_TEST

START_TEST(a_poll_of_the_normal_queue_ends_stickiness)
{
    go_sticky();
    bed_poll(&bed);
    ck_assert_ptr_null(bed.ms->sticky_queue);
}
END_TEST

START_TEST(a_sticky_failure_costs_no_attempt)
{
    go_sticky();
    bed_poll_sticky(&bed);
    bed_fail_task(&bed);
    EXPECT_EVENTS(&bed, 6, "6 S1~, 7 R, 8 F, 9 S1");
    bed_poll(&bed);
    bed_fail_task(&bed);
    EXPECT_TASK(&bed, "scheduled 12 a2 transient");
}
END_TEST

START_TEST(stickiness_does_not_survive_a_crash)
{
    go_sticky();
    bed_reload(&bed);
    EXPECT_TASK(&bed, "scheduled 6 a1");
    ck_assert_int_eq(mutable_state_next_deadline(bed.ms), NANOS_MAX);
}
END_TEST

START_TEST(a_start_does_not_survive_a_crash)
{
    bed_poll(&bed);
    bed_signal(&bed, "waits");
    bed_reload(&bed);
    EXPECT_EVENTS(&bed, 2, "2 S1, 3 WorkflowExecutionSignaled");
    EXPECT_TASK(&bed, "scheduled 2 a1");
    bed_poll(&bed);
    bed_fail_task(&bed);
    EXPECT_TASK(&bed, "scheduled 6 a2 transient");
    bed_poll(&bed);
    bed_reload(&bed);
    EXPECT_TASK(&bed, "scheduled 6 a2 transient");
}
END_TEST

/* ---- heartbeats ---- */

static void set_up_patient(void)
{
    PbWorkflowExecutionStartedEventAttributes *started;

    bed_open(&bed);
    started = bed_started(&bed);
    started->workflow_task_timeout = duration_of(&bed, seconds(120));
    bed_start(&bed, started);
}

static PbRespondWorkflowTaskCompletedRequest *heartbeat(void)
{
    PbRespondWorkflowTaskCompletedRequest *request = bed_sticky_completion(&bed);

    request->force_create_new_workflow_task = true;
    return request;
}

/* `count` heartbeats, 100 s after one another; each is a task of its own. */
static void keep_alive(int count)
{
    for (int i = 0; i < count; i++) {
        bed_advance(&bed, seconds(100));
        ck_assert_str_eq(bed_complete_with(&bed, heartbeat()), "");
        bed_poll_sticky(&bed);
    }
}

START_TEST(a_task_is_kept_alive_for_half_an_hour)
{
    bed_poll(&bed);
    keep_alive(18);
    ck_assert_int_eq(bed.ms->workflow_task.original_scheduled_time, START);
    ck_assert_int_eq(bed.now, START + seconds(30 * 60));
    bed_advance(&bed, 1);
    ck_assert_str_eq(bed_complete_with(&bed, heartbeat()), "heartbeat timeout");
    ck_assert_int_eq(bed.log[bed.log_count - 2]->event_type, EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT);
    ck_assert_int_eq(bed.log[bed.log_count - 1]->event_type, EVENT_TYPE_WORKFLOW_TASK_SCHEDULED);
    ck_assert_ptr_null(bed.ms->sticky_queue);
    ck_assert_int_eq(bed.ms->workflow_task.original_scheduled_time, bed.now);
}
END_TEST

START_TEST(progress_ends_a_chain_of_heartbeats)
{
    bed_poll(&bed);
    keep_alive(17);
    ck_assert_str_eq(COMPLETE(&bed, record_marker(&bed, "progress")), "");
    bed_signal(&bed, "s");
    bed_reload(&bed); /* nor is the old time dug up again */
    ck_assert_int_eq(bed.ms->workflow_task.original_scheduled_time, bed.now);
    bed_poll(&bed);
    keep_alive(18);
}
END_TEST

START_TEST(heartbeats_are_counted_across_a_crash)
{
    bed_poll(&bed);
    keep_alive(10);
    bed_reload(&bed);
    ck_assert_int_eq(bed.ms->workflow_task.original_scheduled_time, START);
}
END_TEST

/* ---- sequences ---- */

START_TEST(a_closing_command_is_the_last)
{
    PbCommand *commands[] = {complete_workflow(&bed), start_timer(&bed, "t", 1)};
    PbRespondWorkflowTaskCompletedRequest *request = bed_completion(&bed);

    request->commands = commands;
    request->n_commands = 2;
    ck_assert_str_eq(workflow_task_check_sequence(bed.arena, request),
                     "invalid command sequence: [CompleteWorkflowExecution, StartTimer], command "
                     "CompleteWorkflowExecution must be the last command.");
    request->n_commands = 1;
    ck_assert_ptr_null(workflow_task_check_sequence(bed.arena, request));
    commands[0] = command_of(&bed, COMMAND_TYPE_UNSPECIFIED);
    ck_assert_str_eq(workflow_task_check_sequence(bed.arena, request), "unknown command type: Unspecified");
    commands[0] = command_of(&bed, (PbCommandType)99);
    ck_assert_str_eq(workflow_task_check_sequence(bed.arena, request), "unknown command type: 99");
}
END_TEST

/* A text of a million names must not be made by making it longer name by name. */
START_TEST(a_long_bad_sequence_is_told_in_short)
{
    enum { COUNT = 1000 * 1000 };
    PbCommand **commands = ARENA_NEW_ARRAY(bed.arena, PbCommand *, COUNT), *timer = start_timer(&bed, "t", 1);
    PbRespondWorkflowTaskCompletedRequest *request = bed_completion(&bed);
    const char *text;

    commands[0] = complete_workflow(&bed);
    for (size_t i = 1; i < COUNT; i++)
        commands[i] = timer;
    request->commands = commands;
    request->n_commands = COUNT;
    text = workflow_task_check_sequence(bed.arena, request);
    ck_assert_uint_lt(strlen(text), 4000);
    ck_assert_ptr_nonnull(
        strstr(text, "StartTimer, ...], command CompleteWorkflowExecution must be the last command."));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("workflow task");
    TCase *life = tcase_create("life"), *sticky = tcase_create("sticky"), *heartbeats = tcase_create("heartbeats");
    TCase *sequences = tcase_create("sequences");

    tcase_add_checked_fixture(life, set_up, tear_down);
    tcase_add_test(life, a_task_is_scheduled_started_completed);
    tcase_add_test(life, one_task_at_a_time);
    tcase_add_test(life, a_new_task_can_be_forced);
    tcase_add_test(life, continue_as_new_is_suggested);
    tcase_add_test(life, a_second_attempt_leaves_no_trace);
    tcase_add_test(life, a_transient_task_keeps_its_times);
    tcase_add_test(life, clients_see_a_transient_task);
    tcase_add_test(life, a_transient_task_whose_ids_are_taken_is_a_first_attempt);
    tcase_add_test(life, what_waited_makes_the_next_attempt_the_first);
    tcase_add_test(life, a_task_times_out);
    tcase_add_test(life, late_attempts_get_more_time);
    tcase_add_loop_test(life, problems_are_told_as_a_search_attribute, 0, 2);
    tcase_add_test(life, a_start_can_be_taken_back);
    tcase_add_test(life, a_start_does_not_survive_a_crash);
    suite_add_tcase(suite, life);
    tcase_add_checked_fixture(sticky, set_up, tear_down);
    tcase_add_test(sticky, the_next_task_is_for_the_sticky_queue);
    tcase_add_test(sticky, nobody_comes_to_the_sticky_queue);
    tcase_add_test(sticky, a_poll_of_the_normal_queue_ends_stickiness);
    tcase_add_test(sticky, a_sticky_failure_costs_no_attempt);
    tcase_add_test(sticky, stickiness_does_not_survive_a_crash);
    suite_add_tcase(suite, sticky);
    tcase_add_checked_fixture(heartbeats, set_up_patient, tear_down);
    tcase_add_test(heartbeats, a_task_is_kept_alive_for_half_an_hour);
    tcase_add_test(heartbeats, progress_ends_a_chain_of_heartbeats);
    tcase_add_test(heartbeats, heartbeats_are_counted_across_a_crash);
    suite_add_tcase(suite, heartbeats);
    tcase_add_checked_fixture(sequences, set_up, tear_down);
    tcase_add_test(sequences, a_closing_command_is_the_last);
    tcase_add_test(sequences, a_long_bad_sequence_is_told_in_short);
    suite_add_tcase(suite, sequences);
    return bed_run(suite);
}
