/* How fast batches go. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "server/services/batch_pace.h"

/* Operations that are done in so many seconds by one that asks again when it has been told to. */
static const struct {
    const char *what;
    double asked;
    int usual, seconds, done;
} CASES[] = {
    {"a second's worth at once, then one by one", 10, 50, 2, 10 + 20},
    {"without a wish the usual number", 0, 50, 1, 50 + 50},
    {"a negative one is no wish", -3, 5, 2, 5 + 10},
    {"nor is what is no number", NAN, 5, 2, 5 + 10},
    {"less than one per second: one, then the next after a while", 0.5, 50, 9, 1 + 4},
    {"none at all is as slow as can be", 0, 0, 1000, 1},
};

START_TEST(operations_in_a_time)
{
    const nanos start = seconds(1000), end = start + seconds(CASES[_i].seconds);
    struct batch_pace pace = batch_pace_begin(CASES[_i].asked, CASES[_i].usual, start);
    nanos now = start;
    int done = 0;

    while (now <= end) {
        if (batch_pace_take(&pace, now))
            done++;
        else
            ck_assert_int_gt(batch_pace_next(&pace, now), now);
        now = batch_pace_next(&pace, now);
    }
    ck_assert_msg(abs(done - CASES[_i].done) <= 1, "%s: %d", CASES[_i].what, done);
}
END_TEST

START_TEST(the_next_turn_has_come_when_it_was_said_to)
{
    struct batch_pace pace = batch_pace_begin(3, 50, 0);
    nanos now = 0;

    for (int i = 0; i < 1000; i++) {
        ck_assert(batch_pace_take(&pace, now));
        now = batch_pace_next(&pace, now);
    }
}
END_TEST

START_TEST(a_pause_gives_one_seconds_worth)
{
    struct batch_pace pace = batch_pace_begin(5, 50, 0);
    int done = 0;

    while (batch_pace_take(&pace, 0))
        ck_assert_int_lt(++done, 100);
    ck_assert_int_eq(done, 5);
    for (done = 0; batch_pace_take(&pace, seconds(3600)); done++)
        ck_assert_int_lt(done, 100);
    ck_assert_int_eq(done, 5);
}
END_TEST

START_TEST(without_bounds_nobody_waits)
{
    struct batch_pace pace = batch_pace_begin(INFINITY, 50, 0);

    for (int i = 0; i < 100000; i++)
        ck_assert(batch_pace_take(&pace, 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("batch_pace");
    TCase *tcase = tcase_create("batch_pace");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tcase, operations_in_a_time, 0, sizeof(CASES) / sizeof(CASES[0]));
    tcase_add_test(tcase, the_next_turn_has_come_when_it_was_said_to);
    tcase_add_test(tcase, a_pause_gives_one_seconds_worth);
    tcase_add_test(tcase, without_bounds_nobody_waits);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
