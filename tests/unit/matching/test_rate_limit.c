/* The arithmetic of limits: spacing, what rest is worth, none and nothing. */
#include "matching/rate_limit.h"

#include "bed.h"

/* How many tokens can be had at `now`. */
static int drain(const struct rate_limit *limit, nanos *ready, nanos now)
{
    int count = 0;

    for (; *ready <= now && count < 1000; count++)
        *ready = rate_limit_take(limit, *ready, now);
    return count;
}

START_TEST(a_rested_limit_gives_a_second_s_worth_and_one)
{
    struct rate_limit limit = rate_limit_of(10);
    nanos now = seconds(100), ready = 0;

    ck_assert_int_eq(drain(&limit, &ready, now), 11);
    ck_assert_int_eq(ready, now + milliseconds(100));
    ck_assert_int_eq(drain(&limit, &ready, now + milliseconds(99)), 0);
    ck_assert_int_eq(drain(&limit, &ready, now + milliseconds(100)), 1);
    ck_assert_int_eq(drain(&limit, &ready, now + milliseconds(400)), 3);
    ck_assert_int_eq(drain(&limit, &ready, now + seconds(60)), 11); /* a longer rest is worth no more */
}
END_TEST

START_TEST(a_slow_limit_gives_one_per_interval)
{
    struct rate_limit limit = rate_limit_of(0.5);
    nanos now = seconds(100), ready = 0;

    ck_assert_int_eq(drain(&limit, &ready, now), 1);
    ck_assert_int_eq(ready, now + seconds(1)); /* half of the interval was rest */
    ck_assert_int_eq(drain(&limit, &ready, now + seconds(1)), 1);
    ck_assert_int_eq(ready, now + seconds(3));
}
END_TEST

START_TEST(a_token_that_was_given_back_can_be_had_again)
{
    struct rate_limit limit = rate_limit_of(1);
    nanos now = seconds(100), ready = 0;

    drain(&limit, &ready, now);
    ready = rate_limit_give_back(&limit, ready);
    ck_assert_int_eq(drain(&limit, &ready, now), 1);
}
END_TEST

START_TEST(of_zero_nothing_may_pass_until_the_rate_is_another_one)
{
    struct rate_limit none = rate_limit_of(0), some = rate_limit_of(2), all = {0};
    nanos now = seconds(100), ready = rate_limit_change(&none, 0, now);

    ck_assert_int_eq(ready, NANOS_MAX);
    ck_assert_int_eq(rate_limit_take(&none, 0, now), NANOS_MAX);
    ck_assert_int_eq(rate_limit_give_back(&none, NANOS_MAX), NANOS_MAX);
    ck_assert_int_eq(rate_limit_change(&some, ready, now), now + milliseconds(1500));
    ck_assert_int_eq(rate_limit_change(&all, ready, now), now);
    ck_assert(rate_limit_is_set(&none) && rate_limit_is_set(&some) && !rate_limit_is_set(&all));
}
END_TEST

START_TEST(a_weight_scales_the_rate)
{
    struct rate_limit limit = rate_limit_of(2), heavy = rate_limit_scaled(&limit, 4);
    struct rate_limit light = rate_limit_scaled(&limit, 0.001);

    ck_assert_int_eq(heavy.interval, milliseconds(125));
    ck_assert_int_eq(light.interval, seconds(500));
    limit = rate_limit_of(2e-9);
    ck_assert_int_eq(rate_limit_scaled(&limit, 0.001).interval, -1); /* beyond any clock */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rate_limit");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, a_rested_limit_gives_a_second_s_worth_and_one);
    tcase_add_test(tcase, a_slow_limit_gives_one_per_interval);
    tcase_add_test(tcase, a_token_that_was_given_back_can_be_had_again);
    tcase_add_test(tcase, of_zero_nothing_may_pass_until_the_rate_is_another_one);
    tcase_add_test(tcase, a_weight_scales_the_rate);
    suite_add_tcase(suite, tcase);
    return bed_run(suite);
}
