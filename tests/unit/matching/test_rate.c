/* Rates: a count over about 30 s, in buckets of 5 s. */
#include <check.h>
#include <math.h>

#include "bed.h"
#include "matching/rate.h"

/* `per_second` events in each second from 0 to `until`, then the rate at `asked`. All in seconds. The clock starts at a
 * bucket's edge, so the window is 30 s and what has passed of the present bucket. */
static const struct {
    const char *what;
    int per_second, until, asked;
    double rate;
} CASES[] = {
    {"nothing happened", 0, 0, 10, 0},
    {"the first second counts as one, not as an instant", 6, 1, 0, 6},
    {"a young rate is not thinned out", 10, 10, 10, 10},
    {"a steady one is steady", 10, 300, 300, 10},
    {"after a pause it falls", 10, 30, 45, 10 * 15 / 30.0},
    {"what left the window does not count", 10, 30, 60, 0},
    {"nor does it come back when the buckets' places do", 10, 30, 3600, 0},
};

START_TEST(counts)
{
    const nanos start = seconds(1000);
    struct rate rate = {0};

    for (int second = 0; second < CASES[_i].until; second++) {
        for (int i = 0; i < CASES[_i].per_second; i++)
            rate_count(&rate, start + seconds(second));
    }
    double found = rate_per_second(&rate, start + seconds(CASES[_i].asked));
    ck_assert_msg(fabs(found - CASES[_i].rate) < 0.01, "%s: %f", CASES[_i].what, found);
}
END_TEST

START_TEST(an_event_after_a_long_pause_starts_with_empty_buckets)
{
    struct rate rate = {0};

    for (int i = 0; i < 1000; i++)
        rate_count(&rate, seconds(1000));
    rate_count(&rate, seconds(1000 + 35 * 100));
    ck_assert(rate_per_second(&rate, seconds(1000 + 35 * 100)) < 0.04);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rate");
    TCase *tcase = tcase_create("rate");

    tcase_add_loop_test(tcase, counts, 0, sizeof(CASES) / sizeof(CASES[0]));
    tcase_add_test(tcase, an_event_after_a_long_pause_starts_with_empty_buckets);
    suite_add_tcase(suite, tcase);
    return bed_run(suite);
}
