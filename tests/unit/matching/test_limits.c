/* How fast a task queue hands out tasks: what workers ask for, what is configured, for all and for each fairness key.
 */
#include <check.h>

#include "bed.h"

enum { POLLS = 40 };

static struct bed bed;
static struct poll polls[POLLS];
static size_t polls_count;

static void setup(void)
{
    bed_open(&bed);
    memset(polls, 0, sizeof(polls));
    polls_count = 0;
}

static void teardown(void)
{
    bed_close(&bed);
}

static struct poll *new_poll(void)
{
    ck_assert_uint_lt(polls_count, POLLS);
    polls[polls_count].identity = "w";
    return &polls[polls_count++];
}

/* So many more polls; they wait if there is nothing for them. */
static void poll_times(int count)
{
    while (count-- > 0)
        matching_poll(bed.matching, &ACTIVITIES, new_poll());
}

static void poll_wanting(double rate)
{
    struct poll *poll = new_poll();

    poll->wants_rate = true;
    poll->tasks_per_second_max = rate;
    matching_poll(bed.matching, &ACTIVITIES, poll);
}

static void configure(double rate)
{
    bed.limits.has_rate = true;
    bed.limits.rate = rate;
    matching_limits_changed(bed.matching, &ACTIVITIES);
}

static void configure_keys(double rate)
{
    bed.limits.has_key_rate = true;
    bed.limits.key_rate = rate;
    matching_limits_changed(bed.matching, &ACTIVITIES);
}

static void add(int first, int last)
{
    for (int run = first; run <= last; run++)
        bed_add(&bed, &ACTIVITIES, run);
}

static void add_of(const char *key, float weight, int64_t run)
{
    struct task task = bed_task(TASK_ACTIVITY, run);

    task.created = clock_now(bed.clock);
    task.fairness = (struct fairness){matching_fairness_key(key), weight};
    matching_add(bed.matching, &ACTIVITIES, NULL, &task);
}

static int64_t backlog(void)
{
    return matching_stats(bed.matching, &ACTIVITIES).backlog_count;
}

START_TEST(the_worker_that_polled_last_is_heard)
{
    add(1, 10);
    for (int i = 0; i < 9; i++)
        poll_wanting(2);
    ck_assert_str_eq(bed_starts(&bed), "1* 2* 3*"); /* a second's worth, and one */
    poll_times(1);                                  /* wants no limit */
    bed_wait(&bed, 0);
    ck_assert_int_eq(backlog(), 0);
}
END_TEST

START_TEST(what_is_held_back_goes_when_its_time_comes)
{
    add(1, 6);
    for (int i = 0; i < 6; i++)
        poll_wanting(2);
    ck_assert_str_eq(bed_starts(&bed), "1* 2* 3*");
    ck_assert_int_eq(backlog(), 3);
    ck_assert(matching_stats(bed.matching, &ACTIVITIES).is_held_back);
    bed_wait(&bed, milliseconds(499));
    ck_assert_int_eq(bed.starts_count, 3);
    bed_wait(&bed, milliseconds(1));
    ck_assert_str_eq(bed_starts(&bed), "1* 2* 3* 4*");
    bed_wait(&bed, seconds(1));
    ck_assert_str_eq(bed_starts(&bed), "1* 2* 3* 4* 5* 6*");
    ck_assert_int_eq(backlog(), 0);
    ck_assert_uint_eq(timers_count(bed.timers), 0); /* nothing to look at, no timer */
    bed_wait(&bed, seconds(40));
    ck_assert(!matching_stats(bed.matching, &ACTIVITIES).is_held_back);
}
END_TEST

START_TEST(what_comes_later_waits_behind_what_is_held_back)
{
    configure(1);
    poll_times(5);
    add(1, 3);
    ck_assert_str_eq(bed_starts(&bed), "1 2");
    clock_advance(bed.clock, seconds(1)); /* 3 may go, but its timer has not fired */
    add(4, 4);
    ck_assert_str_eq(bed_starts(&bed), "1 2 3*");
    bed_wait(&bed, seconds(1));
    ck_assert_str_eq(bed_starts(&bed), "1 2 3* 4*");
}
END_TEST

START_TEST(what_is_configured_goes_before_what_a_worker_asks_for)
{
    configure(3);
    poll_wanting(50);
    ck_assert_int_eq(matching_rate(bed.matching, &ACTIVITIES).source, RATE_CONFIGURED);
    ck_assert_double_eq(matching_rate(bed.matching, &ACTIVITIES).per_second, 3);
    bed.limits.has_rate = false;
    matching_limits_changed(bed.matching, &ACTIVITIES);
    ck_assert_int_eq(matching_rate(bed.matching, &ACTIVITIES).source, RATE_OF_WORKER);
    poll_wanting(MATCHING_RATE_MAX);
    ck_assert_int_eq(matching_rate(bed.matching, &ACTIVITIES).source, RATE_UNLIMITED);
}
END_TEST

START_TEST(a_rate_of_zero_stops_a_queue_until_it_is_taken_back)
{
    configure(0);
    poll_times(2);
    add(1, 2);
    bed_wait(&bed, seconds(3600));
    ck_assert_str_eq(bed_starts(&bed), "");
    ck_assert_uint_eq(timers_count(bed.timers), 0);
    bed.limits.has_rate = false;
    matching_limits_changed(bed.matching, &ACTIVITIES);
    bed_wait(&bed, 0);
    ck_assert_str_eq(bed_starts(&bed), "1* 2*");
}
END_TEST

START_TEST(a_higher_rate_acts_on_what_waits)
{
    configure(0.001);
    poll_times(3);
    add(1, 3);
    ck_assert_str_eq(bed_starts(&bed), "1");
    configure(1000);
    bed_wait(&bed, seconds(2));
    ck_assert_str_eq(bed_starts(&bed), "1 2* 3*");
}
END_TEST

START_TEST(a_stale_task_costs_nothing)
{
    configure(1);
    bed.stale_below = 100;
    add(1, 5);
    add(100, 103);
    poll_times(5);
    ck_assert_str_eq(bed_starts(&bed), "100* 101*");
    ck_assert_uint_eq(bed.stale_count, 5);
}
END_TEST

START_TEST(versions_share_a_queue_s_rate_in_turn)
{
    configure(1);
    for (int i = 0; i < 6; i++) {
        struct poll *poll = new_poll();
        struct task task = bed_task(TASK_ACTIVITY, i < 3 ? 10 + i : 20 + i - 3);
        struct task_binding binding = {.is_pinned = true, .version = i < 3 ? V1 : V2};

        poll->version = i < 3 ? V1 : V2;
        matching_poll(bed.matching, &ACTIVITIES, poll);
        matching_add(bed.matching, &ACTIVITIES, &binding, &task);
    }
    ck_assert_str_eq(bed_starts(&bed), "10 11");
    bed_wait(&bed, seconds(4));
    ck_assert_str_eq(bed_starts(&bed), "10 11 12* 20* 21* 22*");
}
END_TEST

START_TEST(each_fairness_key_has_a_rate_of_its_own)
{
    configure_keys(1);
    for (int64_t i = 0; i < 4; i++)
        add_of("a", 0, 10 + i);
    for (int64_t i = 0; i < 3; i++)
        add_of("b", 0, 20 + i);
    add(30, 32); /* without a key: that is one, too */
    poll_times(12);
    ck_assert_str_eq(bed_starts(&bed), "10* 11* 20* 21* 30* 31*");
    ck_assert_int_eq(backlog(), 4);
    bed_wait(&bed, seconds(1));
    ck_assert_str_eq(bed_starts(&bed), "10* 11* 20* 21* 30* 31* 12* 22* 32*");
    bed_wait(&bed, seconds(1));
    ck_assert_int_eq(backlog(), 0);
}
END_TEST

START_TEST(a_key_s_weight_scales_its_rate)
{
    const struct key_weight override = {matching_fairness_key("b"), 4};

    bed.limits.weights = &override;
    bed.limits.weights_count = 1;
    configure_keys(1);
    for (int64_t i = 0; i < 8; i++) {
        add_of("a", 2, 10 + i);
        add_of("b", 0.5F, 20 + i);
    }
    poll_times(16);
    ck_assert_str_eq(bed_starts(&bed), "10* 20* 11* 21* 12* 22* 23* 24*"); /* 2 and 4 a second, and one each */
}
END_TEST

START_TEST(a_key_rate_of_zero_is_none)
{
    configure_keys(0);
    add_of("a", 0, 1);
    add_of("a", 0, 2);
    poll_times(2);
    ck_assert_str_eq(bed_starts(&bed), "1* 2*");
}
END_TEST

START_TEST(both_limits_hold)
{
    configure(1);
    configure_keys(10);
    for (int64_t i = 1; i <= 4; i++)
        add_of("a", 0, i);
    poll_times(4);
    ck_assert_str_eq(bed_starts(&bed), "1* 2*");
    bed_wait(&bed, seconds(2));
    ck_assert_str_eq(bed_starts(&bed), "1* 2* 3* 4*");
}
END_TEST

/* Out of order, from the middle of long backlogs: none is lost, none comes twice, and of one key all are in order. */
START_TEST(what_is_taken_out_of_order_leaves_the_others_as_they_were)
{
    enum { KEYS = 5, TASKS = 600 };
    int64_t last_of[KEYS] = {0}, count = 0;

    configure_keys(1000);
    for (int64_t i = 1; i <= TASKS; i++) {
        char key[2] = {(char)('a' + i * i % KEYS), '\0'};

        add_of(i % 7 == 0 ? "" : key, 0, i);
    }
    for (int step = 0; count < TASKS && step < 100 * TASKS; step++) {
        struct poll poll = {.identity = "w"};

        bed.starts_count = 0;
        if (!matching_poll(bed.matching, &ACTIVITIES, &poll)) {
            matching_remove_poll(bed.matching, &poll, false);
            bed_wait(&bed, milliseconds(1));
            continue;
        }
        int64_t run = bed.starts[0].task.run, which = run % 7 == 0 ? 2 : run * run % KEYS;

        ck_assert_int_eq(bed.starts[0].task.fairness.key != 0, run % 7 != 0);
        ck_assert_int_gt(run, last_of[which]);
        last_of[which] = run;
        count++;
    }
    ck_assert_int_eq(count, TASKS);
    ck_assert_int_eq(backlog(), 0);
}
END_TEST

START_TEST(a_queue_in_its_limit_is_not_forgotten)
{
    configure(0.002);
    add(1, 1);
    poll_times(1);
    clock_advance(bed.clock, seconds(400)); /* nobody polls any more, nothing waits */
    matching_sweep(bed.matching);
    add(2, 2);
    poll_times(1);
    ck_assert_str_eq(bed_starts(&bed), "1*");
    bed_wait(&bed, seconds(200));
    ck_assert_str_eq(bed_starts(&bed), "1* 2*");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limits");
    TCase *tcase = tcase_create("all");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_worker_that_polled_last_is_heard);
    tcase_add_test(tcase, what_is_held_back_goes_when_its_time_comes);
    tcase_add_test(tcase, what_comes_later_waits_behind_what_is_held_back);
    tcase_add_test(tcase, what_is_configured_goes_before_what_a_worker_asks_for);
    tcase_add_test(tcase, a_rate_of_zero_stops_a_queue_until_it_is_taken_back);
    tcase_add_test(tcase, a_higher_rate_acts_on_what_waits);
    tcase_add_test(tcase, a_stale_task_costs_nothing);
    tcase_add_test(tcase, versions_share_a_queue_s_rate_in_turn);
    tcase_add_test(tcase, each_fairness_key_has_a_rate_of_its_own);
    tcase_add_test(tcase, a_key_s_weight_scales_its_rate);
    tcase_add_test(tcase, a_key_rate_of_zero_is_none);
    tcase_add_test(tcase, both_limits_hold);
    tcase_add_test(tcase, what_is_taken_out_of_order_leaves_the_others_as_they_were);
    tcase_add_test(tcase, a_queue_in_its_limit_is_not_forgotten);
    suite_add_tcase(suite, tcase);
    return bed_run(suite);
}
