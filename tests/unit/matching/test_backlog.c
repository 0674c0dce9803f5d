/* The backlog: order by priority and arrival, counts and age, and what it costs when it is long. */
#include <check.h>

#include "bed.h"
#include "matching/backlog.h"

static void push(struct backlog *backlog, int64_t run, int priority, nanos created)
{
    struct task task = bed_task(TASK_WORKFLOW, run);

    task.priority = priority;
    task.created = created;
    backlog_push(backlog, &task);
}

/* Tasks go in as run 1, 2, 3, ... with these priorities and come out in this order. */
static const struct {
    int priorities[8];
    int64_t order[8];
    int priorities_out[8];
} ORDERS[] = {
    {{3, 3, 3}, {1, 2, 3}, {3, 3, 3}},
    {{5, 4, 3, 2, 1}, {5, 4, 3, 2, 1}, {1, 2, 3, 4, 5}},
    {{3, 1, 3, 1, 5, 1}, {2, 4, 6, 1, 3, 5}, {1, 1, 1, 3, 3, 5}},
    {{0, 3, 0}, {1, 2, 3}, {3, 3, 3}}, /* none given means 3 */
    {{9, 5, 1}, {3, 1, 2}, {1, 5, 5}}, /* beyond the last counts as the last */
    {{4, -1, 2}, {3, 2, 1}, {2, 3, 4}},
};

START_TEST(tasks_leave_by_priority_then_by_arrival)
{
    struct backlog backlog;
    struct task task;
    int64_t count = 0;

    backlog_init(&backlog, TASK_WORKFLOW);
    for (; ORDERS[_i].order[count] != 0; count++)
        push(&backlog, count + 1, ORDERS[_i].priorities[count], 0);
    ck_assert_int_eq(backlog_count(&backlog), count);
    for (int64_t i = 0; i < count; i++) {
        ck_assert(backlog_pop(&backlog, &task));
        ck_assert_int_eq(task.run, ORDERS[_i].order[i]);
        ck_assert_int_eq(task.priority, ORDERS[_i].priorities_out[i]);
    }
    ck_assert(!backlog_pop(&backlog, &task));
    ck_assert_int_eq(backlog_count(&backlog), 0);
}
END_TEST

START_TEST(a_task_comes_out_as_it_went_in)
{
    struct backlog backlog;
    struct task in = {.kind = TASK_ACTIVITY, .priority = 2, .run = 11, .event_id = 12, .stamp = 13, .created = 14}, out;

    backlog_init(&backlog, TASK_ACTIVITY);
    backlog_push(&backlog, &in);
    ck_assert(backlog_pop(&backlog, &out));
    ck_assert_int_eq(out.kind, TASK_ACTIVITY);
    ck_assert_int_eq(out.priority, 2);
    ck_assert_int_eq(out.run, 11);
    ck_assert_int_eq(out.event_id, 12);
    ck_assert_int_eq(out.stamp, 13);
    ck_assert_int_eq(out.created, 14);
    ck_assert_ptr_null(out.query);
}
END_TEST

START_TEST(its_age_is_that_of_the_oldest_task_of_any_priority)
{
    struct backlog backlog;
    struct task task;

    backlog_init(&backlog, TASK_WORKFLOW);
    ck_assert_int_eq(backlog_oldest(&backlog), NANOS_MAX);
    push(&backlog, 1, 5, 100);
    push(&backlog, 2, 1, 200);
    ck_assert_int_eq(backlog_oldest(&backlog), 100);
    ck_assert(backlog_pop(&backlog, &task)); /* run 2, of the higher priority */
    ck_assert_int_eq(backlog_oldest(&backlog), 100);
    ck_assert(backlog_pop(&backlog, &task));
    ck_assert_int_eq(backlog_oldest(&backlog), NANOS_MAX);
}
END_TEST

START_TEST(a_long_one_keeps_its_order_while_tasks_come_and_go)
{
    enum { TASKS = 100000 };
    struct backlog backlog;
    struct task task;
    int64_t next = 0;

    backlog_init(&backlog, TASK_WORKFLOW);
    for (int64_t run = 0; run < TASKS; run++) {
        push(&backlog, run, 3, run);
        if (run % 3 != 0)
            continue;
        ck_assert(backlog_pop(&backlog, &task));
        ck_assert_int_eq(task.run, next++);
    }
    while (backlog_pop(&backlog, &task))
        ck_assert_int_eq(task.run, next++);
    ck_assert_int_eq(next, TASKS);
}
END_TEST

START_TEST(clearing_frees_what_waits)
{
    struct backlog backlog;
    struct task task;

    backlog_init(&backlog, TASK_WORKFLOW);
    for (int64_t run = 0; run < 1000; run++)
        push(&backlog, run, (int)(run % 5) + 1, run);
    backlog_clear(&backlog);
    ck_assert_int_eq(backlog_count(&backlog), 0);
    ck_assert(!backlog_pop(&backlog, &task));
    push(&backlog, 5, 3, 0); /* and it can be used again */
    ck_assert(backlog_pop(&backlog, &task));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backlog");
    TCase *tcase = tcase_create("backlog");

    tcase_add_loop_test(tcase, tasks_leave_by_priority_then_by_arrival, 0, sizeof(ORDERS) / sizeof(ORDERS[0]));
    tcase_add_test(tcase, a_task_comes_out_as_it_went_in);
    tcase_add_test(tcase, its_age_is_that_of_the_oldest_task_of_any_priority);
    tcase_add_test(tcase, a_long_one_keeps_its_order_while_tasks_come_and_go);
    tcase_add_test(tcase, clearing_frees_what_waits);
    suite_add_tcase(suite, tcase);
    return bed_run(suite);
}
