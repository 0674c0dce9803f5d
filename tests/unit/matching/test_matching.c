/* Tasks meet polls: order on both sides, stale tasks, what the engine does meanwhile, and versions. */
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

static bool add_pinned(const struct queue_version *version, int64_t run)
{
    struct task task = bed_task(TASK_WORKFLOW, run);
    struct task_binding binding = {.is_pinned = true, .version = *version};

    return matching_add(bed.matching, &WORK, &binding, &task);
}

static bool add_query(int64_t run, struct query_task *query)
{
    struct task task = bed_task(TASK_QUERY, run);

    task.query = query;
    return matching_add(bed.matching, &WORK, NULL, &task);
}

/* Polls that leave as soon as they have nothing; returns whether it got a task. */
static bool poll_once(const struct queue_name *queue, const struct queue_version *version)
{
    struct poll poll = {.identity = "w"};

    if (version != NULL)
        poll.version = *version;
    if (matching_poll(bed.matching, queue, &poll))
        return true;
    matching_remove_poll(bed.matching, &poll, true);
    return false;
}

START_TEST(a_task_goes_at_once_to_the_oldest_poll)
{
    struct poll first = {.identity = "1"}, second = {.identity = "2"};

    ck_assert(!matching_poll(bed.matching, &WORK, &first));
    ck_assert(!matching_poll(bed.matching, &WORK, &second));
    bed_add(&bed, &WORK, 1);
    bed_add(&bed, &WORK, 2);
    bed_add(&bed, &WORK, 3);
    ck_assert_str_eq(bed_starts(&bed), "1 2");
    ck_assert_ptr_eq(bed.starts[0].poll, &first);
    ck_assert_ptr_eq(bed.starts[1].poll, &second);
    ck_assert_int_eq(matching_stats(bed.matching, &WORK).backlog_count, 1);
}
END_TEST

START_TEST(a_poll_takes_what_waited_longest)
{
    bed_add(&bed, &WORK, 1);
    bed_add(&bed, &WORK, 2);
    ck_assert(poll_once(&WORK, NULL));
    ck_assert(poll_once(&WORK, NULL));
    ck_assert(!poll_once(&WORK, NULL));
    ck_assert_str_eq(bed_starts(&bed), "1* 2*");
}
END_TEST

START_TEST(queues_are_apart_by_namespace_type_and_name)
{
    struct queue_name elsewhere = {.namespace_id = 2, .type = QUEUE_WORKFLOW, .name = "work"};
    struct queue_name longer = {.namespace_id = 1, .type = QUEUE_WORKFLOW, .name = "work2"};

    bed_add(&bed, &WORK, 1);
    ck_assert(!poll_once(&ACTIVITIES, NULL));
    ck_assert(!poll_once(&elsewhere, NULL));
    ck_assert(!poll_once(&longer, NULL));
    ck_assert(poll_once(&WORK, NULL));
}
END_TEST

START_TEST(a_query_goes_before_the_backlog_and_is_not_counted_in_it)
{
    int a, b;

    bed_add(&bed, &WORK, 1);
    add_query(8, (struct query_task *)&a);
    add_query(9, (struct query_task *)&b);
    ck_assert_int_eq(matching_stats(bed.matching, &WORK).backlog_count, 1);
    for (int i = 0; i < 3; i++)
        ck_assert(poll_once(&WORK, NULL));
    ck_assert_str_eq(bed_starts(&bed), "8* 9* 1*");
    ck_assert_ptr_eq(bed.starts[1].task.query, (struct query_task *)&b);
}
END_TEST

START_TEST(a_query_that_is_taken_back_is_never_started)
{
    int a, b;

    add_query(8, (struct query_task *)&a);
    add_query(9, (struct query_task *)&b);
    ck_assert(matching_remove_query(bed.matching, &WORK, (struct query_task *)&a));
    ck_assert(!matching_remove_query(bed.matching, &WORK, (struct query_task *)&a));
    ck_assert(!matching_remove_query(bed.matching, &ACTIVITIES, (struct query_task *)&b));
    ck_assert(poll_once(&WORK, NULL));
    ck_assert(!poll_once(&WORK, NULL));
    ck_assert_str_eq(bed_starts(&bed), "9*");
}
END_TEST

START_TEST(a_poll_passes_over_stale_tasks)
{
    bed.stale_below = 3;
    for (int64_t run = 1; run <= 3; run++)
        bed_add(&bed, &WORK, run);
    ck_assert(poll_once(&WORK, NULL));
    ck_assert_str_eq(bed_starts(&bed), "3*");
    ck_assert_uint_eq(bed.stale_count, 2);
    ck_assert_int_eq(matching_stats(bed.matching, &WORK).backlog_count, 0);
}
END_TEST

START_TEST(a_stale_task_leaves_the_poll_waiting_at_its_place)
{
    struct poll first = {.identity = "1"}, second = {.identity = "2"};

    bed.stale_below = 2;
    matching_poll(bed.matching, &WORK, &first);
    matching_poll(bed.matching, &WORK, &second);
    bed_add(&bed, &WORK, 1);
    ck_assert_uint_eq(bed.stale_count, 1);
    bed_add(&bed, &WORK, 2);
    ck_assert_str_eq(bed_starts(&bed), "2");
    ck_assert_ptr_eq(bed.starts[0].poll, &first);
    matching_remove_poll(bed.matching, &second, true);
}
END_TEST

START_TEST(a_poll_that_is_removed_gets_nothing)
{
    struct poll first = {.identity = "1"}, middle = {.identity = "2"}, last = {.identity = "3"};

    matching_poll(bed.matching, &WORK, &first);
    matching_poll(bed.matching, &WORK, &middle);
    matching_poll(bed.matching, &WORK, &last);
    matching_remove_poll(bed.matching, &middle, false);
    matching_remove_poll(bed.matching, &middle, false); /* once more does nothing */
    bed_add(&bed, &WORK, 1);
    matching_remove_poll(bed.matching, &first, true); /* nor after it got a task */
    bed_add(&bed, &WORK, 2);
    bed_add(&bed, &WORK, 3);
    ck_assert_str_eq(bed_starts(&bed), "1 2");
    ck_assert_ptr_eq(bed.starts[1].poll, &last);
    ck_assert(!matching_has_waiting_poll(bed.matching, &WORK));
}
END_TEST

START_TEST(a_poll_that_the_engine_removes_when_offered_is_gone)
{
    struct poll waiting = {.identity = "1"}, coming = {.identity = "2"};

    matching_poll(bed.matching, &WORK, &waiting);
    bed.gone = &waiting;
    bed_add(&bed, &WORK, 1);
    ck_assert(!matching_has_waiting_poll(bed.matching, &WORK));

    bed_add(&bed, &WORK, 2);
    bed.gone = &coming;
    ck_assert(!matching_poll(bed.matching, &WORK, &coming));
    ck_assert(!matching_has_waiting_poll(bed.matching, &WORK));
    ck_assert_uint_eq(bed.starts_count, 0);
}
END_TEST

/* --- what the engine adds while it starts a task --- */

static void add_the_next_run(struct bed *started, const struct task *task)
{
    if (task->run < 5)
        ck_assert(bed_add(started, &WORK, task->run + 1));
}

START_TEST(a_chain_of_tasks_does_not_enter_the_engine_twice)
{
    struct poll polls[4] = {{.identity = "1"}, {.identity = "2"}, {.identity = "3"}, {.identity = "4"}};

    bed.on_start = add_the_next_run;
    for (int i = 0; i < 4; i++)
        matching_poll(bed.matching, &WORK, &polls[i]);
    bed_add(&bed, &WORK, 1);
    ck_assert_str_eq(bed_starts(&bed), "1 2 3 4");
    ck_assert_uint_eq(bed.depth_max, 1);
    for (int i = 0; i < 4; i++)
        ck_assert_ptr_eq(bed.starts[i].poll, &polls[i]);
    ck_assert_int_eq(matching_stats(bed.matching, &WORK).backlog_count, 1);
}
END_TEST

START_TEST(what_a_stale_start_adds_reaches_the_same_poll)
{
    struct poll waiting = {.identity = "1"};

    bed.on_start = add_the_next_run;
    bed.stale_below = 3;
    matching_poll(bed.matching, &WORK, &waiting);
    bed_add(&bed, &WORK, 1); /* stale, adds 2: stale, adds 3 */
    ck_assert_ptr_eq(bed.starts[0].poll, &waiting);
    ck_assert_int_eq(bed.starts[0].task.run, 3);
    ck_assert_int_eq(matching_stats(bed.matching, &WORK).backlog_count, 1); /* M3: 4, and no poll */

    bed_close(&bed);
    bed_open(&bed);
    bed.stale_below = 3;
    bed_add(&bed, &WORK, 1);
    bed.on_start = add_the_next_run;
    ck_assert(poll_once(&WORK, NULL)); /* the same, met by a poll that comes in */
    ck_assert_str_eq(bed_starts(&bed), "3*");
}
END_TEST

static void add_an_activity(struct bed *started, const struct task *task)
{
    if (task->kind == TASK_WORKFLOW)
        bed_add(started, &ACTIVITIES, task->run + 100);
}

START_TEST(a_start_may_add_to_other_queues)
{
    struct poll workflows = {.identity = "w"}, activities = {.identity = "w"};

    bed.on_start = add_an_activity;
    matching_poll(bed.matching, &ACTIVITIES, &activities);
    matching_poll(bed.matching, &WORK, &workflows);
    bed_add(&bed, &WORK, 1);
    ck_assert_str_eq(bed_starts(&bed), "1 101");
    ck_assert_uint_eq(bed.depth_max, 1);
}
END_TEST

static int deferred_query;

static void add_a_query_and_take_it_back(struct bed *started, const struct task *task)
{
    struct task query = bed_task(TASK_QUERY, 77);

    if (task->kind == TASK_QUERY)
        return;
    query.query = (struct query_task *)&deferred_query;
    ck_assert(matching_add(started->matching, &WORK, NULL, &query));
    ck_assert(matching_remove_query(started->matching, &WORK, query.query));
}

START_TEST(a_query_can_be_taken_back_before_it_was_offered)
{
    struct poll first = {.identity = "1"}, second = {.identity = "2"};

    bed.on_start = add_a_query_and_take_it_back;
    matching_poll(bed.matching, &WORK, &first);
    matching_poll(bed.matching, &WORK, &second);
    bed_add(&bed, &WORK, 1);
    ck_assert_str_eq(bed_starts(&bed), "1");
    matching_remove_poll(bed.matching, &second, true);
}
END_TEST

/* --- versions --- */

START_TEST(a_pinned_task_meets_only_its_version)
{
    struct poll unversioned = {.identity = "u"}, v2 = {.identity = "2", .version = V2};

    matching_poll(bed.matching, &WORK, &unversioned);
    matching_poll(bed.matching, &WORK, &v2);
    add_pinned(&V1, 1);
    ck_assert_uint_eq(bed.starts_count, 0);
    add_pinned(&V2, 2);
    bed_add(&bed, &WORK, 3);
    ck_assert_str_eq(bed_starts(&bed), "2 3");
    ck_assert_ptr_eq(bed.starts[0].poll, &v2);
    ck_assert_ptr_eq(bed.starts[1].poll, &unversioned);
    ck_assert(!poll_once(&WORK, NULL));
    ck_assert(!poll_once(&WORK, &V2));
    ck_assert(poll_once(&WORK, &V1));
    ck_assert_str_eq(bed_starts(&bed), "2 3 1*");
}
END_TEST

START_TEST(stats_sum_up_all_versions)
{
    struct queue_stats stats;

    bed_add(&bed, &WORK, 1);
    clock_advance(bed.clock, seconds(2));
    add_pinned(&V1, 2);
    add_pinned(&V2, 3);
    clock_advance(bed.clock, seconds(3));
    ck_assert(poll_once(&WORK, &V2));
    stats = matching_stats(bed.matching, &WORK);
    ck_assert_int_eq(stats.backlog_count, 2);
    ck_assert(stats.backlog_age >= seconds(5));
    ck_assert(stats.add_rate > 0);
    ck_assert(stats.dispatch_rate > 0);
    ck_assert_int_eq(matching_stats(bed.matching, &ACTIVITIES).backlog_count, 0);
}
END_TEST

static void add_with_priority(int priority, int64_t run)
{
    struct task task = bed_task(TASK_WORKFLOW, run);

    task.priority = priority;
    ck_assert(matching_add(bed.matching, &WORK, NULL, &task));
}

START_TEST(stats_can_be_had_by_priority)
{
    struct queue_stats stats;

    add_with_priority(0, 1);
    add_with_priority(3, 2);
    add_with_priority(9, 3); /* counts as the last */
    clock_advance(bed.clock, seconds(2));
    stats = matching_stats_of_priority(bed.matching, &WORK, 3);
    ck_assert_int_eq(stats.backlog_count, 2);
    ck_assert(stats.is_known && stats.add_rate > 0 && stats.dispatch_rate == 0 && stats.backlog_age >= seconds(2));
    ck_assert_int_eq(matching_stats_of_priority(bed.matching, &WORK, 5).backlog_count, 1);
    ck_assert(!matching_stats_of_priority(bed.matching, &WORK, 1).is_known);
    ck_assert_int_eq(matching_stats(bed.matching, &WORK).backlog_count, 3);
    for (int i = 0; i < 3; i++)
        ck_assert(poll_once(&WORK, NULL));
    ck_assert_str_eq(bed_starts(&bed), "1* 2* 3*");
    ck_assert(matching_stats_of_priority(bed.matching, &WORK, 5).dispatch_rate > 0);
}
END_TEST

START_TEST(the_last_poll_says_how_fast_it_should_go)
{
    struct poll limited = {.identity = "1", .wants_rate = true, .tasks_per_second_max = 7}, other = {.identity = "2"};

    ck_assert_int_eq(matching_rate(bed.matching, &WORK).source, RATE_UNLIMITED);
    matching_poll(bed.matching, &WORK, &limited);
    ck_assert_int_eq(matching_rate(bed.matching, &WORK).source, RATE_OF_WORKER);
    ck_assert_double_eq(matching_rate(bed.matching, &WORK).per_second, 7);
    matching_poll(bed.matching, &WORK, &other);
    ck_assert_int_eq(matching_rate(bed.matching, &WORK).source, RATE_UNLIMITED);
}
END_TEST

/* --- upkeep --- */

START_TEST(sweeping_forgets_what_is_idle_and_keeps_what_is_in_use)
{
    struct poll waiting = {.identity = "w", .version = V1};

    add_pinned(&V2, 1);
    matching_poll(bed.matching, &ACTIVITIES, &waiting);
    for (int i = 0; i < 20; i++) {
        clock_advance(bed.clock, seconds(60));
        matching_sweep(bed.matching);
    }
    ck_assert_int_eq(matching_stats(bed.matching, &WORK).backlog_count,
                     1); /* tasks wait for workers as long as it takes */
    ck_assert(matching_has_waiting_poll(bed.matching, &ACTIVITIES));
    ck_assert(poll_once(&WORK, &V2));
    matching_remove_poll(bed.matching, &waiting, true);
    clock_advance(bed.clock, seconds(300));
    matching_sweep(bed.matching);
    ck_assert(!matching_has_recent_poll(bed.matching, &WORK, seconds(3600))); /* forgotten */
    ck_assert(!matching_has_recent_poll(bed.matching, &ACTIVITIES, seconds(3600)));
}
END_TEST

static void remove_it(void *context, struct poll *poll)
{
    (*(int *)context)++;
    matching_remove_poll(bed.matching, poll, false);
}

START_TEST(draining_meets_every_waiting_poll)
{
    struct poll polls[5] = {
        {.identity = "1"}, {.identity = "2", .version = V1}, {.identity = "3"}, {.identity = "4"}, {.identity = "5"}};
    int count = 0;

    for (int i = 0; i < 3; i++)
        matching_poll(bed.matching, &WORK, &polls[i]);
    matching_poll(bed.matching, &ACTIVITIES, &polls[3]);
    matching_poll(bed.matching, &STICKY, &polls[4]);
    matching_each_poll(bed.matching, remove_it, &count);
    ck_assert_int_eq(count, 5);
    ck_assert(!matching_has_waiting_poll(bed.matching, &WORK));
}
END_TEST

START_TEST(a_hundred_thousand_tasks_wait_and_leave_in_order)
{
    enum { TASKS = 100000 };
    nanos began = clock_monotonic(bed.clock);

    for (int64_t run = 0; run < TASKS; run++)
        bed_add(&bed, &WORK, run);
    ck_assert_int_eq(matching_stats(bed.matching, &WORK).backlog_count, TASKS);
    bed.stale_below = TASKS / 2; /* half of them no longer wanted: one poll passes over them all */
    for (int64_t run = TASKS / 2; run < TASKS; run++)
        ck_assert(poll_once(&WORK, NULL));
    ck_assert(!poll_once(&WORK, NULL));
    ck_assert_uint_eq(bed.starts_count, TASKS / 2);
    ck_assert_uint_eq(bed.stale_count, TASKS / 2);
    ck_assert_int_eq(bed.starts[1].task.run, TASKS / 2 + 1);
    ck_assert_msg(clock_monotonic(bed.clock) - began < seconds(10), "cost is not linear");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("matching");
    TCase *tcase = tcase_create("matching");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_task_goes_at_once_to_the_oldest_poll);
    tcase_add_test(tcase, a_poll_takes_what_waited_longest);
    tcase_add_test(tcase, queues_are_apart_by_namespace_type_and_name);
    tcase_add_test(tcase, a_query_goes_before_the_backlog_and_is_not_counted_in_it);
    tcase_add_test(tcase, a_query_that_is_taken_back_is_never_started);
    tcase_add_test(tcase, a_poll_passes_over_stale_tasks);
    tcase_add_test(tcase, a_stale_task_leaves_the_poll_waiting_at_its_place);
    tcase_add_test(tcase, a_poll_that_is_removed_gets_nothing);
    tcase_add_test(tcase, a_poll_that_the_engine_removes_when_offered_is_gone);
    tcase_add_test(tcase, a_chain_of_tasks_does_not_enter_the_engine_twice);
    tcase_add_test(tcase, what_a_stale_start_adds_reaches_the_same_poll);
    tcase_add_test(tcase, a_start_may_add_to_other_queues);
    tcase_add_test(tcase, a_query_can_be_taken_back_before_it_was_offered);
    tcase_add_test(tcase, a_pinned_task_meets_only_its_version);
    tcase_add_test(tcase, stats_sum_up_all_versions);
    tcase_add_test(tcase, stats_can_be_had_by_priority);
    tcase_add_test(tcase, the_last_poll_says_how_fast_it_should_go);
    tcase_add_test(tcase, sweeping_forgets_what_is_idle_and_keeps_what_is_in_use);
    tcase_add_test(tcase, draining_meets_every_waiting_poll);
    tcase_add_test(tcase, a_hundred_thousand_tasks_wait_and_leave_in_order);
    suite_add_tcase(suite, tcase);
    return bed_run(suite);
}
