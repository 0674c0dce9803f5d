/* Cron schedules against the library that the real server uses: cron_next.txt, cron_backoff.txt. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cron.h"
#include "expectations.h"

static void check_next(char *fields[FIELDS_MAX], int line)
{
    struct cron cron;
    nanos at = instant_read(fields[1]);
    bool is_valid = cron_parse(fields[0], &cron);
    char *text;

    ck_assert_msg(is_valid == (strcmp(fields[2], "invalid") != 0), "line %d: '%s' is %s", line, fields[0],
                  is_valid ? "accepted" : "refused");
    for (text = strtok(fields[2], " "); is_valid && text != NULL; text = strtok(NULL, " ")) {
        char found[32] = "never";

        at = cron_next(&cron, at);
        if (at != NANOS_MAX)
            instant_write(at, found);
        ck_assert_msg(strcmp(found, text) == 0, "line %d: '%s': %s instead of %s", line, fields[0], found, text);
    }
}

START_TEST(the_next_times_are_those_of_the_real_library)
{
    expectations_read("unit/base/cron_next.txt", 500, check_next);
}
END_TEST

static void check_backoff(char *fields[FIELDS_MAX], int line)
{
    nanos wait = cron_backoff(fields[0], instant_read(fields[1]), instant_read(fields[2]));
    long long found = wait == CRON_NEVER ? -1 : wait / NANOS_PER_SECOND;

    ck_assert_msg(found == atoll(fields[3]), "line %d: '%s' from %s at %s: %lld instead of %s", line, fields[0],
                  fields[1], fields[2], found, fields[3]);
}

START_TEST(a_chain_waits_for_the_next_time_in_whole_seconds)
{
    expectations_read("unit/base/cron_backoff.txt", 100, check_backoff);
}
END_TEST

START_TEST(a_chain_that_has_been_forgotten_for_years_is_found_at_once)
{
    nanos now = instant_read("2200-01-01T00:00:30Z"), long_ago = instant_read("1970-01-01T00:00:00Z");

    ck_assert_int_eq(cron_backoff("* * * * *", long_ago, now), seconds(30));
    ck_assert_int_eq(cron_backoff("@every 1s", long_ago, now), 0);
    ck_assert_int_eq(cron_backoff("@every 7s", long_ago, now + seconds(1)),
                     seconds(7 - (now / NANOS_PER_SECOND + 1) % 7));
}
END_TEST

START_TEST(a_day_that_a_zone_left_out_is_passed)
{
    struct cron cron;
    char text[32];

    ck_assert(cron_parse("TZ=Pacific/Apia 0 0 * * SAT", &cron));
    instant_write(cron_next(&cron, instant_read("2011-12-29T00:00:00Z")), text);
    ck_assert_str_eq(text, "2011-12-30T10:00:00Z");
}
END_TEST

START_TEST(the_end_of_time_is_never)
{
    struct cron cron;

    ck_assert(cron_parse("@every 1h", &cron));
    ck_assert_int_eq(cron_next(&cron, NANOS_MAX - 1), NANOS_MAX);
    ck_assert(cron_parse("0 0 1 1 *", &cron));
    ck_assert_int_eq(cron_next(&cron, NANOS_MAX - 1), NANOS_MAX);
}
END_TEST

/* Pieces of schedules in every order: none may do harm. */
START_TEST(noise_is_refused_or_has_a_next_time)
{
    static const char *const pieces[] = {"*",    "?",        "/",
                                         "-",    ",",        " ",
                                         "0",    "59",       "99999999999999999999",
                                         "mon",  "JAN",      "@every ",
                                         "TZ=",  "CRON_TZ=", "Europe/Berlin",
                                         "1h",   ".",        "+",
                                         "\xff", "* * * * *"};
    unsigned state = 1;

    for (int round = 0; round < 20000; round++) {
        char text[256] = "";
        struct cron cron;

        for (int i = 0; i < 8; i++) {
            state = state * 1103515245 + 12345;
            strcat(text, pieces[(state >> 16) % (sizeof(pieces) / sizeof(pieces[0]))]);
        }
        if (cron_parse(text, &cron))
            ck_assert_int_gt(cron_next(&cron, seconds(1700000000)), seconds(1700000000));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cron");
    TCase *tests = tcase_create("cron");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_next_times_are_those_of_the_real_library);
    tcase_add_test(tests, a_chain_waits_for_the_next_time_in_whole_seconds);
    tcase_add_test(tests, a_chain_that_has_been_forgotten_for_years_is_found_at_once);
    tcase_add_test(tests, a_day_that_a_zone_left_out_is_passed);
    tcase_add_test(tests, the_end_of_time_is_never);
    tcase_add_test(tests, noise_is_refused_or_has_a_next_time);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
