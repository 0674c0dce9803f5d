/* Poller records: what describe shows of who polled lately. */
#include <check.h>
#include <stdio.h>

#include "bed.h"
#include "matching/poller.h"
#include "proto/api.h"

static struct bed bed;

static void setup(void)
{
    bed_open(&bed);
}

static void teardown(void)
{
    bed_close(&bed);
}

/* A poll by `identity` that comes and ends empty. */
static void poll_and_leave(const char *identity)
{
    struct poll poll = {.identity = identity};

    ck_assert(!matching_poll(bed.matching, &WORK, &poll));
    matching_remove_poll(bed.matching, &poll, true);
}

START_TEST(pollers_are_listed_newest_first)
{
    struct poller_info pollers[4];

    poll_and_leave("a");
    clock_advance(bed.clock, seconds(1));
    poll_and_leave("b");
    clock_advance(bed.clock, seconds(1));
    poll_and_leave("a"); /* again: one record, now the newest */
    ck_assert_uint_eq(matching_pollers(bed.matching, &WORK, pollers, 4), 2);
    ck_assert_str_eq(pollers[0].identity, "a");
    ck_assert_int_eq(pollers[0].last_access, clock_now(bed.clock));
    ck_assert_str_eq(pollers[1].identity, "b");
    ck_assert_int_eq(pollers[1].last_access, clock_now(bed.clock) - seconds(1));
    ck_assert_uint_eq(matching_pollers(bed.matching, &WORK, pollers, 1), 1);
    ck_assert_str_eq(pollers[0].identity, "a");
    ck_assert_uint_eq(matching_pollers(bed.matching, &ACTIVITIES, pollers, 4), 0);
}
END_TEST

START_TEST(a_poll_counts_at_its_start_and_at_its_end_but_not_when_given_up)
{
    struct poller_info found;
    struct poll patient = {.identity = "w"}, given_up = {.identity = "w"};
    nanos began = clock_now(bed.clock);

    matching_poll(bed.matching, &WORK, &given_up);
    clock_advance(bed.clock, seconds(30));
    matching_remove_poll(bed.matching, &given_up, false);
    matching_pollers(bed.matching, &WORK, &found, 1);
    ck_assert_int_eq(found.last_access, began);

    matching_poll(bed.matching, &WORK, &patient);
    clock_advance(bed.clock, seconds(30));
    matching_remove_poll(bed.matching, &patient, true);
    matching_pollers(bed.matching, &WORK, &found, 1);
    ck_assert_int_eq(found.last_access, began + seconds(60));
}
END_TEST

START_TEST(a_poll_that_gets_a_task_counts_then)
{
    struct poller_info found;
    struct poll poll = {.identity = "w"};

    matching_poll(bed.matching, &WORK, &poll);
    clock_advance(bed.clock, seconds(20));
    bed_add(&bed, &WORK, 1);
    matching_pollers(bed.matching, &WORK, &found, 1);
    ck_assert_int_eq(found.last_access, clock_now(bed.clock));
}
END_TEST

START_TEST(a_record_expires_after_five_minutes)
{
    struct poller_info found;

    poll_and_leave("w");
    clock_advance(bed.clock, seconds(300) - 1); /* one nanosecond early */
    matching_sweep(bed.matching);
    ck_assert_uint_eq(matching_pollers(bed.matching, &WORK, &found, 1), 1);
    clock_advance(bed.clock, 1);
    ck_assert_uint_eq(matching_pollers(bed.matching, &WORK, &found, 1), 0); /* not shown, swept or not */
    matching_sweep(bed.matching);
    ck_assert_uint_eq(matching_pollers(bed.matching, &WORK, &found, 1), 0);
}
END_TEST

START_TEST(versions_of_one_worker_have_records_of_their_own)
{
    struct poller_info found[4];
    struct poll old = {.identity = "w", .version = V1}, new = {.identity = "w", .version = V2};

    matching_poll(bed.matching, &WORK, &old);
    matching_poll(bed.matching, &WORK, &new);
    ck_assert_uint_eq(matching_pollers(bed.matching, &WORK, found, 4), 2);
    matching_remove_poll(bed.matching, &old, true);
    matching_remove_poll(bed.matching, &new, true);
}
END_TEST

START_TEST(records_are_limited_and_the_oldest_goes)
{
    static struct poller_info found[POLLER_RECORDS_MAX + 10];
    char identity[32];

    for (int i = 0; i < POLLER_RECORDS_MAX + 5; i++) {
        snprintf(identity, sizeof(identity), "worker-%d", i);
        poll_and_leave(identity);
    }
    ck_assert_uint_eq(matching_pollers(bed.matching, &WORK, found, POLLER_RECORDS_MAX + 10), POLLER_RECORDS_MAX);
    ck_assert_str_eq(found[POLLER_RECORDS_MAX - 1].identity, "worker-5");
}
END_TEST

START_TEST(a_record_shows_the_worker_s_limit_and_options_when_the_poll_is_gone)
{
    struct poller_info found;

    {
        char name[] = "shop";
        PbWorkerDeploymentOptions options = PbWorkerDeploymentOptions_INIT;
        PbWorkerVersionCapabilities capabilities = PbWorkerVersionCapabilities_INIT;
        struct poll poll = {
            .identity = "w",
            .wants_rate = true,
            .tasks_per_second_max = 12.5,
            .deployment_options = &options,
            .version_capabilities = &capabilities,
        };

        options.deployment_name = capabilities.build_id = name;
        matching_poll(bed.matching, &WORK, &poll);
        matching_remove_poll(bed.matching, &poll, true);
        memset(name, 'x', 4);
    }
    ck_assert_uint_eq(matching_pollers(bed.matching, &WORK, &found, 1), 1);
    ck_assert_double_eq(found.rate_per_second, 12.5);
    ck_assert_str_eq(((const PbWorkerDeploymentOptions *)found.deployment_options)->deployment_name, "shop");
    ck_assert_str_eq(((const PbWorkerVersionCapabilities *)found.version_capabilities)->build_id, "shop");

    poll_and_leave("w"); /* the last poll says what holds */
    matching_pollers(bed.matching, &WORK, &found, 1);
    ck_assert_double_eq(found.rate_per_second, 100000);
    ck_assert_ptr_null(found.deployment_options);
    ck_assert_ptr_null(found.version_capabilities);
}
END_TEST

START_TEST(recent_polls_are_those_within_the_span)
{
    struct poll poll = {.identity = "w"};

    ck_assert(!matching_has_recent_poll(bed.matching, &WORK, seconds(20)));
    matching_poll(bed.matching, &WORK, &poll);
    ck_assert(matching_has_waiting_poll(bed.matching, &WORK));
    clock_advance(bed.clock, seconds(60));
    ck_assert(matching_has_recent_poll(bed.matching, &WORK, seconds(20))); /* it waits */
    matching_remove_poll(bed.matching, &poll, true);
    ck_assert(!matching_has_waiting_poll(bed.matching, &WORK));
    clock_advance(bed.clock, seconds(20) - 1);
    ck_assert(matching_has_recent_poll(bed.matching, &WORK, seconds(20)));
    clock_advance(bed.clock, 1);
    ck_assert(!matching_has_recent_poll(bed.matching, &WORK, seconds(20)));
}
END_TEST

START_TEST(how_long_they_are_shown_can_be_set)
{
    struct matching_ports ports = {.engine = &bed, .start = bed_start, .poller_history = seconds(4)};
    struct matching *matching = matching_new(&ports, bed.clock);
    struct poll poll = {.identity = "w", .version = V1};
    struct poller_info found;

    matching_poll(matching, &WORK, &poll);
    matching_remove_poll(matching, &poll, true);
    clock_advance(bed.clock, seconds(4) - 1);
    ck_assert_uint_eq(matching_pollers(matching, &WORK, &found, 1), 1);
    clock_advance(bed.clock, 1);
    ck_assert_uint_eq(matching_pollers(matching, &WORK, &found, 1), 0);
    ck_assert_uint_eq(matching_version_pollers(matching, &WORK, &V1, &found, 1), 0);
    matching_free(matching);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("poller");
    TCase *tcase = tcase_create("poller");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, pollers_are_listed_newest_first);
    tcase_add_test(tcase, a_poll_counts_at_its_start_and_at_its_end_but_not_when_given_up);
    tcase_add_test(tcase, a_poll_that_gets_a_task_counts_then);
    tcase_add_test(tcase, a_record_expires_after_five_minutes);
    tcase_add_test(tcase, versions_of_one_worker_have_records_of_their_own);
    tcase_add_test(tcase, records_are_limited_and_the_oldest_goes);
    tcase_add_test(tcase, a_record_shows_the_worker_s_limit_and_options_when_the_poll_is_gone);
    tcase_add_test(tcase, recent_polls_are_those_within_the_span);
    tcase_add_test(tcase, how_long_they_are_shown_can_be_set);
    suite_add_tcase(suite, tcase);
    return bed_run(suite);
}
