/* Instants and spans of the API as nanoseconds. */
#include "proto/time.h"

#include <check.h>

#include "proto/pb.h"

static struct arena *arena;

static void make_arena(void)
{
    arena = arena_new(256);
}

static void free_arena(void)
{
    arena_free(arena);
}

static const struct {
    int64_t seconds;
    int32_t nanos;
    nanos value;
    enum duration_validity validity;
} cases[] = {
    {0, 0, 0, DURATION_VALID},
    {1, 500000000, 1500000000, DURATION_VALID},
    {0, 1, 1, DURATION_VALID},
    {-1, -500000000, -1500000000, DURATION_NEGATIVE},
    {0, -1, -1, DURATION_NEGATIVE},
    {1, -1, 999999999, DURATION_MISMATCHED_SIGNS},
    {-1, 1, -999999999, DURATION_MISMATCHED_SIGNS},
    {INT64_C(100) * 365 * 24 * 3600, 0, DURATION_MAX, DURATION_VALID},
    {INT64_C(100) * 365 * 24 * 3600, 1, DURATION_MAX + 1, DURATION_TOO_LONG},
    {INT64_C(315576000000), 999999999, INT64_MAX, DURATION_TOO_LONG}, /* the longest that a Duration may be */
    {INT64_MAX, INT32_MAX, INT64_MAX, DURATION_TOO_LONG},
    {INT64_MIN, INT32_MIN, INT64_MIN, DURATION_NEGATIVE},
};

START_TEST(spans_are_read_and_checked)
{
    PbDuration duration = PbDuration_INIT;

    duration.seconds = cases[_i].seconds;
    duration.nanos = cases[_i].nanos;
    ck_assert_int_eq(duration_from_pb(&duration), cases[_i].value);
    ck_assert_int_eq(duration_check(&duration), cases[_i].validity);
}
END_TEST

START_TEST(instants_are_read)
{
    PbTimestamp timestamp = PbTimestamp_INIT;

    timestamp.seconds = cases[_i].seconds;
    timestamp.nanos = cases[_i].nanos;
    ck_assert_int_eq(time_from_pb(&timestamp), cases[_i].value);
}
END_TEST

START_TEST(absent_is_zero)
{
    ck_assert_int_eq(time_from_pb(NULL), 0);
    ck_assert_int_eq(duration_from_pb(NULL), 0);
    ck_assert_int_eq(duration_check(NULL), DURATION_VALID);
}
END_TEST

static const nanos values[] = {
    0, 1, -1, 999999999, 1000000000, -1000000000, -1000000001, INT64_C(1795267045504000001), INT64_MAX, INT64_MIN,
};

START_TEST(what_is_written_reads_the_same)
{
    const PbTimestamp *timestamp = pb_timestamp_new(arena, values[_i]);
    const PbDuration *duration = pb_duration_new(arena, values[_i]);

    ck_assert_int_eq(time_from_pb(timestamp), values[_i]);
    ck_assert_int_ge(timestamp->nanos, 0);
    ck_assert_int_lt(timestamp->nanos, 1000000000);
    ck_assert_int_eq(duration_from_pb(duration), values[_i]);
    ck_assert_int_ne(duration_check(duration), DURATION_MISMATCHED_SIGNS);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    TCase *tests = tcase_create("time");
    Suite *suite = suite_create("proto/time");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, make_arena, free_arena);
    tcase_add_loop_test(tests, spans_are_read_and_checked, 0, COUNT(cases));
    tcase_add_loop_test(tests, instants_are_read, 0, COUNT(cases));
    tcase_add_test(tests, absent_is_zero);
    tcase_add_loop_test(tests, what_is_written_reads_the_same, 0, COUNT(values));
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
