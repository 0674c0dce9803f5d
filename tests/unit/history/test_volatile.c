/* The volatile part: what the log does not say of a run, packed and restored; and bytes that only look like it. */
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

/* Restores `part` upon the log as it is. */
static enum broken unpack_upon_log(struct bytes part)
{
    struct mutable_state *ms = mutable_state_new();
    enum broken broken = mutable_state_apply_batch(ms, bed_packed_log(&bed, 0));
    struct arena *arena = arena_new(1024);

    ck_assert_int_eq(broken, INTACT);
    broken = mutable_state_unpack_volatile(ms, &bed.limits, part);
    if (broken == INTACT) { /* then it can be used like any other */
        (void)mutable_state_next_deadline(ms);
        (void)mutable_state_pack_volatile(ms, arena);
    }
    arena_free(arena);
    mutable_state_free(ms);
    return broken;
}

static enum broken unpack_message(const PbRunVolatile *part)
{
    return unpack_upon_log(pb_pack(bed.arena, part));
}

START_TEST(there_is_nothing_to_say_of_most_runs)
{
    ck_assert_uint_eq(mutable_state_pack_volatile(bed.ms, bed.arena).len, 0);
    POLL_AND_COMPLETE(&bed, start_timer(&bed, "t", seconds(1)), schedule_activity(&bed, "a"), start_child(&bed, "c"));
    ck_assert_uint_eq(mutable_state_pack_volatile(bed.ms, bed.arena).len, 0);
    ck_assert_int_eq(unpack_upon_log((struct bytes){0}), INTACT);
}
END_TEST

START_TEST(an_activity_comes_back)
{
    const struct activity *a;

    POLL_AND_COMPLETE(&bed, schedule_activity(&bed, "a"));
    bed_activity_start(&bed, "a");
    bed_activity_heartbeat(&bed, "a", "half");
    bed_activity_fail(&bed, "a", application_failure(&bed, "Type", false));
    bed_advance(&bed, seconds(1));
    bed_activity_start(&bed, "a");
    bed_advance(&bed, seconds(2));
    bed_activity_heartbeat(&bed, "a", "most");
    bed_reload(&bed);
    a = bed_activity(&bed, "a");
    ck_assert_int_eq(a->state, ACTIVITY_STARTED);
    ck_assert_int_eq(a->attempt, 2);
    ck_assert_int_eq(a->started_time, START + seconds(1));
    ck_assert_int_eq(a->attempt_scheduled_time, START + seconds(1));
    ck_assert_int_eq(a->heartbeat_time, START + seconds(3));
    ck_assert_int_eq(a->last_heartbeat_time, START + seconds(3));
    ck_assert_int_eq(a->last_attempt_complete_time, START);
    ck_assert_str_eq(a->started_identity, "activity worker");
    ck_assert_str_eq(a->started_request_id, "activity request");
    ck_assert_str_eq(a->last_failure->application_failure_info->type, "Type");
    ck_assert_mem_eq(a->heartbeat_details->payloads[0]->data.data, "most", 4);
    bed_activity_complete(&bed, "a"); /* and its events are those of before */
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 6, activity_task_started)->identity, "activity worker");
    ck_assert_int_eq(time_from_pb(bed_event(&bed, 6)->event_time), START + seconds(1));
}
END_TEST

START_TEST(a_transient_task_comes_back)
{
    bed_poll(&bed);
    bed_fail_task(&bed);
    bed_poll(&bed);
    bed_fail_task(&bed);
    bed_reload(&bed);
    EXPECT_TASK(&bed, "scheduled 5 a3 transient");
    ck_assert_int_eq(bed.ms->workflow_task_problems, 2);
    bed_poll(&bed);
    ck_assert_str_eq(COMPLETE(&bed), "");
    EXPECT_EVENTS(&bed, 4, "4 F, 5 S3, 6 R, 7 C");
}
END_TEST

/* A transient task whose virtual ids were taken before the crash is a first attempt afterwards, as it would have been.
 */
START_TEST(a_stale_transient_task_comes_back)
{
    bed_poll(&bed);
    bed_fail_task(&bed);
    bed_signal(&bed, "takes id 5");
    bed_reload(&bed);
    EXPECT_TASK(&bed, "scheduled 5 a2 transient");
    bed_poll(&bed);
    EXPECT_TASK(&bed, "started 6/7 a1");
}
END_TEST

/* ---- parts that contradict the log ---- */

START_TEST(an_activity_that_is_not_there_is_told)
{
    PbRunVolatile *part = ARENA_NEW_PB(bed.arena, PbRunVolatile);
    PbActivityVolatile *activity = ARENA_NEW_PB(bed.arena, PbActivityVolatile);

    activity->scheduled_event_id = 5;
    activity->attempt = 1;
    part->activities = &activity;
    part->n_activities = 1;
    ck_assert_int_eq(unpack_message(part), BROKEN_VOLATILE);
}
END_TEST

START_TEST(a_second_workflow_task_is_told)
{
    PbRunVolatile *part = ARENA_NEW_PB(bed.arena, PbRunVolatile);

    part->transient_workflow_task = ARENA_NEW_PB(bed.arena, PbTransientWorkflowTask);
    part->transient_workflow_task->attempt = 2;
    part->transient_workflow_task->scheduled_event_id = 3;
    ck_assert_int_eq(unpack_message(part), BROKEN_VOLATILE); /* event 2 is pending */
}
END_TEST

START_TEST(an_impossible_workflow_task_is_told)
{
    PbRunVolatile *part = ARENA_NEW_PB(bed.arena, PbRunVolatile);
    static const int32_t attempts[] = {2, 0, 1, -1, 2, 2};
    static const int64_t events[] = {5, 5, 5, 5, 0, 99};

    bed_poll(&bed);
    bed_fail_task(&bed);
    part->transient_workflow_task = ARENA_NEW_PB(bed.arena, PbTransientWorkflowTask);
    part->transient_workflow_task->attempt = attempts[_i];
    part->transient_workflow_task->scheduled_event_id = events[_i];
    ck_assert_int_eq(unpack_message(part), _i == 0 ? INTACT : BROKEN_VOLATILE);
}
END_TEST

static enum broken unpack_buffered(PbHistoryEvent *event)
{
    PbRunVolatile *part = ARENA_NEW_PB(bed.arena, PbRunVolatile);

    part->buffered_events = &event;
    part->n_buffered_events = 1;
    return unpack_message(part);
}

START_TEST(an_event_that_does_not_wait_is_told)
{
    PbHistoryEvent *event = ARENA_NEW_PB(bed.arena, PbHistoryEvent);

    event->event_type = EVENT_TYPE_MARKER_RECORDED; /* of a command: it never waits */
    event->attributes_case = PbHistoryEvent_marker_recorded_event_attributes_case;
    event->marker_recorded_event_attributes = ARENA_NEW_PB(bed.arena, PbMarkerRecordedEventAttributes);
    ck_assert_int_eq(unpack_buffered(event), BROKEN_VOLATILE);
    event->event_type = EVENT_TYPE_ACTIVITY_TASK_COMPLETED; /* with another's attributes */
    ck_assert_int_eq(unpack_buffered(event), BROKEN_VOLATILE);
    event->event_type = EVENT_TYPE_TIMER_FIRED; /* with none */
    event->attributes_case = 0;
    ck_assert_int_eq(unpack_buffered(event), BROKEN_VOLATILE);
    event->event_type = (PbEventType)9999;
    ck_assert_int_eq(unpack_buffered(event), BROKEN_VOLATILE);
}
END_TEST

/* An event that waits enters the log as soon as the run is loaded: one that then would break it must not get so far. */
START_TEST(a_waiting_end_of_nothing_is_told)
{
    PbHistoryEvent *event = ARENA_NEW_PB(bed.arena, PbHistoryEvent);

    event->event_type = EVENT_TYPE_TIMER_FIRED;
    event->attributes_case = PbHistoryEvent_timer_fired_event_attributes_case;
    event->timer_fired_event_attributes = ARENA_NEW_PB(bed.arena, PbTimerFiredEventAttributes);
    event->timer_fired_event_attributes->timer_id = "none";
    ck_assert_int_eq(unpack_buffered(event), BROKEN_VOLATILE);
    event->event_type = EVENT_TYPE_ACTIVITY_TASK_COMPLETED;
    event->attributes_case = PbHistoryEvent_activity_task_completed_event_attributes_case;
    event->activity_task_completed_event_attributes = ARENA_NEW_PB(bed.arena, PbActivityTaskCompletedEventAttributes);
    event->activity_task_completed_event_attributes->scheduled_event_id = 2;
    ck_assert_int_eq(unpack_buffered(event), BROKEN_VOLATILE);
}
END_TEST

/* ---- bytes ---- */

/* A run of which there is as much to say as there can be. */
static void live_fully(void)
{
    POLL_AND_COMPLETE(&bed, start_timer(&bed, "t", seconds(5)), schedule_activity(&bed, "a"),
                      schedule_activity(&bed, "b"), start_child(&bed, "c"), signal_external(&bed, "other", "s"));
    bed_activity_start(&bed, "a");
    bed_activity_start(&bed, "b");
    bed_activity_heartbeat(&bed, "b", "so far");
    bed_activity_fail(&bed, "b", application_failure(&bed, "Type", false));
    bed_signal(&bed, "s");
    bed_poll(&bed);
    bed_advance(&bed, seconds(5));
    bed_signal(&bed, "waits");
    bed_request_cancel(&bed);
    bed_activity_complete(&bed, "a");
    child_started(bed_begin(&bed), bed.ms->children, "first run");
    bed_commit(&bed);
    external_delivered(bed_begin(&bed), bed.ms->externals);
    bed_commit(&bed);
}

START_TEST(flipped_bits_do_no_harm)
{
    struct rand *rand = rand_new(11);
    struct bytes part;
    int told = 0;

    live_fully();
    part = mutable_state_pack_volatile(bed.ms, bed.arena);
    ck_assert_int_eq(unpack_upon_log(part), INTACT);
    for (int i = 0; i < 500; i++) {
        uint8_t *copy = arena_memdup(bed.arena, part.data, part.len);

        for (uint64_t flips = 1 + rand_below(rand, 3); flips > 0; flips--)
            copy[rand_below(rand, part.len)] ^= (uint8_t)(1u << rand_below(rand, 8));
        told += unpack_upon_log((struct bytes){copy, part.len}) != INTACT;
    }
    ck_assert_int_gt(told, 0);
    rand_free(rand);
}
END_TEST

START_TEST(cut_bytes_do_no_harm)
{
    struct bytes part;

    live_fully();
    part = mutable_state_pack_volatile(bed.ms, bed.arena);
    for (size_t len = 0; len < part.len; len++)
        (void)unpack_upon_log((struct bytes){arena_memdup(bed.arena, part.data, len), len});
}
END_TEST

/* What was accepted is used: everything that waits enters the log, and the run goes on to its end. */
START_TEST(what_is_accepted_can_be_lived_with)
{
    struct rand *rand = rand_new(23);
    struct bytes part;

    live_fully();
    part = mutable_state_pack_volatile(bed.ms, bed.arena);
    for (int i = 0; i < 300; i++) {
        uint8_t *copy = arena_memdup(bed.arena, part.data, part.len);
        struct mutable_state *ms = mutable_state_new();
        struct transition t;

        copy[rand_below(rand, part.len)] ^= (uint8_t)(1u << rand_below(rand, 8));
        ck_assert_int_eq(mutable_state_apply_batch(ms, bed_packed_log(&bed, (int64_t)bed.log_count - 1)), INTACT);
        if (mutable_state_unpack_volatile(ms, &bed.limits, (struct bytes){copy, part.len}) == INTACT) {
            t = *bed_begin(&bed);
            t.ms = ms;
            transition_flush_buffered(&t);
            workflow_task_schedule(&t, false);
            t.now += seconds(100);
            decide_deadlines(&t);
            decide_terminate(&t, "enough", NULL, "");
            transition_finish(&t);
        }
        mutable_state_free(ms);
    }
    rand_free(rand);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("volatile");
    TCase *round = tcase_create("round trip"), *broken = tcase_create("broken"), *bytes = tcase_create("bytes");

    tcase_add_checked_fixture(round, set_up, tear_down);
    tcase_add_test(round, there_is_nothing_to_say_of_most_runs);
    tcase_add_test(round, an_activity_comes_back);
    tcase_add_test(round, a_transient_task_comes_back);
    tcase_add_test(round, a_stale_transient_task_comes_back);
    suite_add_tcase(suite, round);
    tcase_add_checked_fixture(broken, set_up, tear_down);
    tcase_add_test(broken, an_activity_that_is_not_there_is_told);
    tcase_add_test(broken, a_second_workflow_task_is_told);
    tcase_add_loop_test(broken, an_impossible_workflow_task_is_told, 0, 6);
    tcase_add_test(broken, an_event_that_does_not_wait_is_told);
    tcase_add_test(broken, a_waiting_end_of_nothing_is_told);
    suite_add_tcase(suite, broken);
    tcase_add_checked_fixture(bytes, set_up, tear_down);
    tcase_add_test(bytes, flipped_bits_do_no_harm);
    tcase_add_test(bytes, cut_bytes_do_no_harm);
    tcase_add_test(bytes, what_is_accepted_can_be_lived_with);
    suite_add_tcase(suite, bytes);
    return bed_run(suite);
}
