/* Sticky queues: who may enter, and what becomes of tasks whose worker is gone. */
#include <check.h>

#include "bed.h"

static struct bed bed;

static void setup(void)
{
    bed_open(&bed);
}

static void teardown(void)
{
    bed_close(&bed);
}

START_TEST(a_task_is_refused_when_the_worker_never_polled)
{
    ck_assert(!bed_add(&bed, &STICKY, 1));
    ck_assert_int_eq(matching_stats(bed.matching, &STICKY).backlog_count, 0);
}
END_TEST

START_TEST(a_task_is_refused_ten_seconds_after_the_last_poll)
{
    struct poll poll = {.identity = "w"};

    matching_poll(bed.matching, &STICKY, &poll);
    clock_advance(bed.clock, seconds(60));
    ck_assert(bed_add(&bed, &STICKY, 1)); /* the poll waits, however long */
    ck_assert_str_eq(bed_starts(&bed), "1");
    clock_advance(bed.clock, seconds(10) - 1);
    ck_assert(bed_add(&bed, &STICKY, 2)); /* busy with the last one, but surely there */
    clock_advance(bed.clock, 1);
    ck_assert(!bed_add(&bed, &STICKY, 3));
    ck_assert_int_eq(matching_stats(bed.matching, &STICKY).backlog_count, 1);
}
END_TEST

START_TEST(the_sticky_queue_of_a_name_is_not_the_normal_one)
{
    struct poll poll = {.identity = "w"};

    matching_poll(bed.matching, &WORK, &poll);
    ck_assert(!bed_add(&bed, &STICKY, 1));
    ck_assert_uint_eq(bed.starts_count, 0);
    matching_remove_poll(bed.matching, &poll, true);
}
END_TEST

START_TEST(a_sticky_queue_has_no_versions)
{
    struct poll poll = {.identity = "w", .version = V1};
    struct task task = bed_task(TASK_WORKFLOW, 1);

    matching_poll(bed.matching, &STICKY, &poll);
    ck_assert(matching_add(bed.matching, &STICKY, NULL, &task));
    ck_assert_str_eq(bed_starts(&bed), "1");
}
END_TEST

static void back_to_normal(void *context, const struct task *task)
{
    struct bed *given = context;

    ck_assert(matching_add(given->matching, &WORK, NULL, task));
}

START_TEST(dropping_gives_tasks_and_queries_back)
{
    struct poll sticky = {.identity = "w"}, normal = {.identity = "other"}, later = {.identity = "other"};
    struct task query = bed_task(TASK_QUERY, 3);

    query.query = (struct query_task *)&query; /* any address */
    matching_poll(bed.matching, &STICKY, &sticky);
    matching_remove_poll(bed.matching, &sticky, true);
    bed_add(&bed, &STICKY, 1);
    bed_add(&bed, &STICKY, 2);
    ck_assert(matching_add(bed.matching, &STICKY, NULL, &query));

    matching_poll(bed.matching, &WORK, &normal);
    matching_poll(bed.matching, &WORK, &later);
    matching_drop_sticky(bed.matching, &STICKY, back_to_normal, &bed);
    ck_assert_str_eq(bed_starts(&bed), "3 1"); /* the query first; task 2 waits at the normal queue */
    ck_assert_int_eq(matching_stats(bed.matching, &WORK).backlog_count, 1);
    ck_assert_int_eq(matching_stats(bed.matching, &STICKY).backlog_count, 0);
}
END_TEST

static void never(void *context, const struct task *task)
{
    (void)context;
    ck_abort_msg("task of run %lld given back", (long long)task->run);
}

START_TEST(a_dropped_queue_refuses_tasks_until_its_worker_polls_again)
{
    struct poll leaving = {.identity = "w"}, again = {.identity = "w"};

    matching_poll(bed.matching, &STICKY, &leaving);
    matching_drop_sticky(bed.matching, &STICKY, never, NULL); /* a worker that shuts down, its poll still open */
    ck_assert(!bed_add(&bed, &STICKY, 1));
    ck_assert(!matching_has_recent_poll(bed.matching, &STICKY, seconds(10)));
    matching_remove_poll(bed.matching, &leaving, false);
    ck_assert(!bed_add(&bed, &STICKY, 1));

    matching_poll(bed.matching, &STICKY, &again);
    ck_assert(bed_add(&bed, &STICKY, 2));
    ck_assert_str_eq(bed_starts(&bed), "2");
}
END_TEST

START_TEST(dropping_what_is_not_there_or_not_sticky_does_nothing)
{
    matching_drop_sticky(bed.matching, &STICKY, never, NULL);
    bed_add(&bed, &WORK, 1);
    matching_drop_sticky(bed.matching, &WORK, never, NULL);
    ck_assert_int_eq(matching_stats(bed.matching, &WORK).backlog_count, 1);
}
END_TEST

START_TEST(an_abandoned_queue_is_swept_and_its_tasks_given_back)
{
    struct poll poll = {.identity = "w"};

    matching_poll(bed.matching, &STICKY, &poll);
    matching_remove_poll(bed.matching, &poll, true);
    bed_add(&bed, &STICKY, 1);
    clock_advance(bed.clock, seconds(300) - 1);
    matching_sweep(bed.matching);
    ck_assert_uint_eq(bed.given_back_count, 0);
    clock_advance(bed.clock, 1);
    matching_sweep(bed.matching);
    ck_assert_uint_eq(bed.given_back_count, 1);
    ck_assert_int_eq(bed.given_back[0].run, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sticky");
    TCase *tcase = tcase_create("sticky");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_task_is_refused_when_the_worker_never_polled);
    tcase_add_test(tcase, a_task_is_refused_ten_seconds_after_the_last_poll);
    tcase_add_test(tcase, the_sticky_queue_of_a_name_is_not_the_normal_one);
    tcase_add_test(tcase, a_sticky_queue_has_no_versions);
    tcase_add_test(tcase, dropping_gives_tasks_and_queries_back);
    tcase_add_test(tcase, a_dropped_queue_refuses_tasks_until_its_worker_polls_again);
    tcase_add_test(tcase, dropping_what_is_not_there_or_not_sticky_does_nothing);
    tcase_add_test(tcase, an_abandoned_queue_is_swept_and_its_tasks_given_back);
    suite_add_tcase(suite, tcase);
    return bed_run(suite);
}
