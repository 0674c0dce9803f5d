/* User timers: when they fire, in which order, and what is left of a cancelled one. */
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

START_TEST(a_timer_fires_when_it_is_due)
{
    POLL_AND_COMPLETE(&bed, start_timer(&bed, "t", seconds(30)));
    ck_assert_int_eq(mutable_state_next_deadline(bed.ms), START + seconds(30));
    bed_advance(&bed, seconds(30) - 1);
    EXPECT_EVENTS(&bed, 5, "5 TimerStarted");
    bed_advance(&bed, 1);
    EXPECT_EVENTS(&bed, 5, "5 TimerStarted, 6 TimerFired, 7 S1");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 6, timer_fired)->timer_id, "t");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 6, timer_fired)->started_event_id, 5);
    ck_assert_int_eq(mutable_state_timers_count(bed.ms), 0);
}
END_TEST

START_TEST(timers_fire_by_time_then_by_start)
{
    POLL_AND_COMPLETE(&bed, start_timer(&bed, "late", seconds(2)), start_timer(&bed, "first of two", seconds(1)),
                      start_timer(&bed, "second of two", seconds(1)), start_timer(&bed, "later", seconds(9)));
    bed.now += seconds(5); /* the server was busy, or down */
    decide_deadlines(bed_begin(&bed));
    bed_commit(&bed);
    EXPECT_EVENTS(&bed, 9, "9 TimerFired, 10 TimerFired, 11 TimerFired, 12 S1");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 9, timer_fired)->timer_id, "first of two");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 10, timer_fired)->timer_id, "second of two");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 11, timer_fired)->timer_id, "late");
}
END_TEST

START_TEST(a_timer_of_no_time_fires_at_once_but_not_inline)
{
    PbCommand *unset = start_timer(&bed, "unset", 0);

    unset->start_timer_command_attributes->start_to_fire_timeout = NULL;
    POLL_AND_COMPLETE(&bed, start_timer(&bed, "zero", 0), unset);
    EXPECT_EVENTS(&bed, 4, "4 C, 5 TimerStarted, 6 TimerStarted");
    ck_assert_int_eq(mutable_state_next_deadline(bed.ms), bed.now);
    bed_advance(&bed, 0);
    EXPECT_EVENTS(&bed, 7, "7 TimerFired, 8 TimerFired, 9 S1");
}
END_TEST

START_TEST(an_id_is_free_again_after_the_end)
{
    POLL_AND_COMPLETE(&bed, start_timer(&bed, "t", seconds(1)));
    bed_advance(&bed, seconds(1));
    POLL_AND_COMPLETE(&bed, start_timer(&bed, "t", seconds(1)), cancel_timer(&bed, "t"),
                      start_timer(&bed, "t", seconds(2)));
    EXPECT_EVENTS(&bed, 9, "9 C, 10 TimerStarted, 11 TimerCanceled, 12 TimerStarted");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 11, timer_canceled)->started_event_id, 10);
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 11, timer_canceled)->identity, "worker");
    ck_assert_int_eq(mutable_state_next_deadline(bed.ms), bed.now + seconds(2));
}
END_TEST

START_TEST(a_timer_beyond_the_end_of_time_never_fires)
{
    POLL_AND_COMPLETE(&bed, start_timer(&bed, "t", NANOS_MAX));
    ck_assert_int_eq(mutable_state_next_deadline(bed.ms), NANOS_MAX);
    bed_advance(&bed, seconds(1000000));
    EXPECT_EVENTS(&bed, 5, "5 TimerStarted");
}
END_TEST

START_TEST(a_timer_is_remembered_by_its_event)
{
    POLL_AND_COMPLETE(&bed, start_timer(&bed, "t", seconds(30)));
    bed_advance(&bed, seconds(10));
    bed_reload(&bed);
    ck_assert_int_eq(mutable_state_next_deadline(bed.ms), START + seconds(30));
    bed_advance(&bed, seconds(20));
    EXPECT_EVENTS(&bed, 6, "6 TimerFired, 7 S1");
}
END_TEST

START_TEST(a_firing_timer_is_not_due_again)
{
    POLL_AND_COMPLETE(&bed, start_timer(&bed, "t", seconds(1)));
    bed_signal(&bed, "s");
    bed_poll(&bed);
    bed_advance(&bed, seconds(5)); /* bed_advance checks that nothing stays due */
    ck_assert_int_eq(bed.ms->buffered_count, 1);
    ck_assert_int_eq(mutable_state_next_deadline(bed.ms), bed.now + seconds(5)); /* the workflow task's */
}
END_TEST

START_TEST(nothing_is_due_after_the_end)
{
    POLL_AND_COMPLETE(&bed, start_timer(&bed, "t", seconds(1)));
    bed_terminate(&bed);
    ck_assert_int_eq(mutable_state_next_deadline(bed.ms), NANOS_MAX);
    bed.now += seconds(2);
    decide_deadlines(bed_begin(&bed)); /* an old alarm */
    bed_commit(&bed);
    EXPECT_EVENTS(&bed, 6, "6 WorkflowExecutionTerminated");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timer");
    TCase *tcase = tcase_create("timer");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_timer_fires_when_it_is_due);
    tcase_add_test(tcase, timers_fire_by_time_then_by_start);
    tcase_add_test(tcase, a_timer_of_no_time_fires_at_once_but_not_inline);
    tcase_add_test(tcase, an_id_is_free_again_after_the_end);
    tcase_add_test(tcase, a_timer_beyond_the_end_of_time_never_fires);
    tcase_add_test(tcase, a_timer_is_remembered_by_its_event);
    tcase_add_test(tcase, a_firing_timer_is_not_due_again);
    tcase_add_test(tcase, nothing_is_due_after_the_end);
    suite_add_tcase(suite, tcase);
    return bed_run(suite);
}
