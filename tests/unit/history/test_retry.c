/* Retry policies: what is refused, what is filled in, how long the waits are, and whether there is another attempt. */
#include <math.h>

#include "tests/unit/history/support.h"

static struct bed bed;

static void set_up(void)
{
    bed_open(&bed);
}

static void tear_down(void)
{
    bed_close(&bed);
}

static PbRetryPolicy *policy_of(nanos initial, double coefficient, nanos maximum, int32_t attempts)
{
    PbRetryPolicy *policy = ARENA_NEW_PB(bed.arena, PbRetryPolicy);

    policy->initial_interval = duration_of(&bed, initial);
    policy->backoff_coefficient = coefficient;
    policy->maximum_interval = duration_of(&bed, maximum);
    policy->maximum_attempts = attempts;
    return policy;
}

static void list_types(PbRetryPolicy *policy, const char *types[], size_t count)
{
    policy->non_retryable_error_types = types;
    policy->n_non_retryable_error_types = count;
}

/* ---- waits ---- */

static const struct {
    nanos initial;
    double coefficient;
    nanos maximum; /* 0: none */
    int32_t attempt;
    nanos expected;
} INTERVALS[] = {
    {NANOS_PER_SECOND, 2, 100 * NANOS_PER_SECOND, 1, NANOS_PER_SECOND},
    {NANOS_PER_SECOND, 2, 100 * NANOS_PER_SECOND, 2, 2 * NANOS_PER_SECOND},
    {NANOS_PER_SECOND, 2, 100 * NANOS_PER_SECOND, 7, 64 * NANOS_PER_SECOND},
    {NANOS_PER_SECOND, 2, 100 * NANOS_PER_SECOND, 8, 100 * NANOS_PER_SECOND},
    {NANOS_PER_SECOND, 2, 128 * NANOS_PER_SECOND, 8, 128 * NANOS_PER_SECOND},
    {NANOS_PER_SECOND, 1.5, 0, 3, 2250 * NANOS_PER_MILLISECOND},
    {NANOS_PER_SECOND, 1, 100 * NANOS_PER_SECOND, INT32_MAX, NANOS_PER_SECOND},
    {NANOS_PER_SECOND, 2, 100 * NANOS_PER_SECOND, INT32_MAX, 100 * NANOS_PER_SECOND}, /* the power is infinite */
    {NANOS_PER_SECOND, 2, 0, 33, INT64_C(4294967296) * NANOS_PER_SECOND},
    {NANOS_PER_SECOND, 2, 0, 35, NANOS_MAX}, /* just beyond the range */
    {NANOS_PER_SECOND, 2, 0, INT32_MAX, NANOS_MAX},
    {NANOS_PER_SECOND, 1e308, 0, 3, NANOS_MAX},
    {NANOS_PER_SECOND, INFINITY, 0, 1, NANOS_PER_SECOND},
    {NANOS_PER_SECOND, INFINITY, 0, 2, NANOS_MAX},
    {NANOS_PER_SECOND, INFINITY, 5 * NANOS_PER_SECOND, 2, 5 * NANOS_PER_SECOND},
    {1, 2, 0, 1, 1},
    {NANOS_MAX, 1, 0, 1, NANOS_MAX},
    {NANOS_MAX, 1, NANOS_MAX, 1, NANOS_MAX},
    {2 * NANOS_PER_SECOND, 2, NANOS_PER_SECOND, 1, NANOS_PER_SECOND},
};

START_TEST(intervals_grow_up_to_the_maximum)
{
    const PbRetryPolicy *policy = policy_of(INTERVALS[_i].initial, INTERVALS[_i].coefficient, INTERVALS[_i].maximum, 0);

    ck_assert_int_eq(retry_interval(policy, INTERVALS[_i].attempt), INTERVALS[_i].expected);
}
END_TEST

START_TEST(defaults_are_filled_in)
{
    const PbRetryPolicy *policy = retry_policy_complete(bed.arena, NULL);

    ck_assert_int_eq(duration_from_pb(policy->initial_interval), seconds(1));
    ck_assert_double_eq(policy->backoff_coefficient, 2.0);
    ck_assert_int_eq(duration_from_pb(policy->maximum_interval), seconds(100));
    ck_assert_int_eq(policy->maximum_attempts, 0);
    policy = retry_policy_complete(bed.arena, policy_of(seconds(3), 1, 0, 4));
    ck_assert_int_eq(duration_from_pb(policy->initial_interval), seconds(3));
    ck_assert_double_eq(policy->backoff_coefficient, 1.0);
    ck_assert_int_eq(duration_from_pb(policy->maximum_interval), seconds(300));
    ck_assert_int_eq(policy->maximum_attempts, 4);
}
END_TEST

/* ---- what is refused ---- */

static const struct {
    nanos initial;
    double coefficient;
    nanos maximum;
    int32_t attempts;
    const char *type;    /* a non-retryable one; NULL: none */
    const char *problem; /* NULL: fine */
} POLICIES[] = {
    {NANOS_PER_SECOND, 2, 0, 0, NULL, NULL},
    {NANOS_PER_SECOND, 0, 0, 0, NULL, NULL}, /* 0 is the default */
    {NANOS_PER_SECOND, 0.9, 0, 0, NULL, "BackoffCoefficient cannot be less than 1 on retry policy."},
    {NANOS_PER_SECOND, -2, 0, 0, NULL, "BackoffCoefficient cannot be less than 1 on retry policy."},
    {NANOS_PER_SECOND, NAN, 0, 0, NULL, "BackoffCoefficient cannot be less than 1 on retry policy."},
    {2 * NANOS_PER_SECOND, 2, NANOS_PER_SECOND, 0, NULL,
     "MaximumInterval cannot be less than InitialInterval on retry policy."},
    {-NANOS_PER_SECOND, 2, 0, 0, NULL, "invalid InitialInterval set on retry policy: negative duration"},
    {NANOS_PER_SECOND, 2, -NANOS_PER_SECOND, 0, NULL, "invalid MaximumInterval set on retry policy: negative duration"},
    {NANOS_PER_SECOND, 2, 0, -1, NULL, "MaximumAttempts cannot be negative on retry policy."},
    {-NANOS_PER_SECOND, NAN, -5, 1, "TemporalTimeout:X", NULL}, /* one attempt: the rest does not matter */
    {NANOS_PER_SECOND, 2, 0, 0, "AnyType", NULL},
    {NANOS_PER_SECOND, 2, 0, 0, "TemporalTimeout:StartToClose", NULL},
    {NANOS_PER_SECOND, 2, 0, 0, "TemporalTimeout:Heartbeat", NULL},
    {NANOS_PER_SECOND, 2, 0, 0, "TemporalTimeout:heartbeat", "Invalid timeout type value: heartbeat."},
    {NANOS_PER_SECOND, 2, 0, 0, "TemporalTimeout:", "Invalid timeout type value: ."},
};

START_TEST(a_bad_policy_is_named)
{
    PbRetryPolicy *policy =
        policy_of(POLICIES[_i].initial, POLICIES[_i].coefficient, POLICIES[_i].maximum, POLICIES[_i].attempts);
    const char *types[] = {POLICIES[_i].type};
    const char *problem;

    if (POLICIES[_i].type != NULL)
        list_types(policy, types, 1);
    problem = retry_policy_problem(bed.arena, policy);
    ck_assert_str_eq(problem == NULL ? "fine" : problem, POLICIES[_i].problem == NULL ? "fine" : POLICIES[_i].problem);
}
END_TEST

START_TEST(no_policy_is_no_problem)
{
    ck_assert_ptr_null(retry_policy_problem(bed.arena, NULL));
}
END_TEST

/* ---- decisions ---- */

static PbRetryState decide(const PbRetryPolicy *policy, int32_t attempt, const PbFailure *failure)
{
    return retry_decide(policy, attempt, START, NANOS_MAX, failure, false).state;
}

START_TEST(failures_that_are_not_tried_again)
{
    PbRetryPolicy *policy = policy_of(seconds(1), 2, seconds(100), 0);
    const char *types[] = {"Fatal", "TemporalTimeout:StartToClose", "CancelledError"};
    PbFailure *terminated = failure_of(&bed, "terminated"), *canceled = failure_of(&bed, "canceled");
    PbFailure *server = server_failure(bed.arena, "server");

    list_types(policy, types, LENGTH_OF(types));
    terminated->failure_info_case = PbFailure_terminated_failure_info_case;
    terminated->terminated_failure_info = ARENA_NEW_PB(bed.arena, PbTerminatedFailureInfo);
    canceled->failure_info_case = PbFailure_canceled_failure_info_case;
    canceled->canceled_failure_info = ARENA_NEW_PB(bed.arena, PbCanceledFailureInfo);

    ck_assert_int_eq(decide(NULL, 1, NULL), RETRY_STATE_RETRY_POLICY_NOT_SET);
    ck_assert_int_eq(decide(policy, 1, NULL), RETRY_STATE_IN_PROGRESS);
    ck_assert_int_eq(decide(policy, 1, failure_of(&bed, "plain")), RETRY_STATE_IN_PROGRESS);
    ck_assert_int_eq(decide(policy, 1, application_failure(&bed, "Other", false)), RETRY_STATE_IN_PROGRESS);
    ck_assert_int_eq(decide(policy, 1, application_failure(&bed, "Other", true)), RETRY_STATE_NON_RETRYABLE_FAILURE);
    ck_assert_int_eq(decide(policy, 1, application_failure(&bed, "Fatal", false)), RETRY_STATE_NON_RETRYABLE_FAILURE);
    ck_assert_int_eq(decide(policy, 1, terminated), RETRY_STATE_NON_RETRYABLE_FAILURE);
    ck_assert_int_eq(decide(policy, 1, canceled), RETRY_STATE_NON_RETRYABLE_FAILURE);
    ck_assert_int_eq(decide(policy, 1, server), RETRY_STATE_IN_PROGRESS);
    server->server_failure_info->non_retryable = true;
    ck_assert_int_eq(decide(policy, 1, server), RETRY_STATE_NON_RETRYABLE_FAILURE);
    ck_assert_int_eq(decide(policy, 1, timeout_failure_of(&bed, TIMEOUT_TYPE_HEARTBEAT)), RETRY_STATE_IN_PROGRESS);
    ck_assert_int_eq(decide(policy, 1, timeout_failure_of(&bed, TIMEOUT_TYPE_START_TO_CLOSE)), /* listed */
                     RETRY_STATE_NON_RETRYABLE_FAILURE);
    ck_assert_int_eq(decide(policy, 1, timeout_failure_of(&bed, TIMEOUT_TYPE_SCHEDULE_TO_START)),
                     RETRY_STATE_NON_RETRYABLE_FAILURE);
    ck_assert_int_eq(decide(policy, 1, timeout_failure_of(&bed, TIMEOUT_TYPE_SCHEDULE_TO_CLOSE)),
                     RETRY_STATE_NON_RETRYABLE_FAILURE);
}
END_TEST

START_TEST(attempts_run_out)
{
    const PbRetryPolicy *policy = policy_of(seconds(1), 2, seconds(100), 3);

    ck_assert_int_eq(decide(policy, 1, NULL), RETRY_STATE_IN_PROGRESS);
    ck_assert_int_eq(decide(policy, 2, NULL), RETRY_STATE_IN_PROGRESS);
    ck_assert_int_eq(decide(policy, 3, NULL), RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED);
    ck_assert_int_eq(decide(policy, 4, NULL), RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED);
    ck_assert_int_eq(decide(policy, 3, application_failure(&bed, "", true)), RETRY_STATE_NON_RETRYABLE_FAILURE);
}
END_TEST

START_TEST(a_retry_must_begin_before_the_end)
{
    const PbRetryPolicy *policy = policy_of(seconds(8), 2, seconds(100), 0);

    ck_assert_int_eq(retry_decide(policy, 1, START, START + seconds(8), NULL, false).state, RETRY_STATE_IN_PROGRESS);
    ck_assert_int_eq(retry_decide(policy, 1, START, START + seconds(8) - 1, NULL, false).state, RETRY_STATE_TIMEOUT);
    ck_assert_int_eq(retry_decide(policy, 40, START, NANOS_MAX, NULL, false).state, RETRY_STATE_IN_PROGRESS);
}
END_TEST

START_TEST(a_failure_may_ask_for_its_delay)
{
    const PbRetryPolicy *policy = policy_of(seconds(1), 2, seconds(100), 0);
    PbFailure *failure = application_failure(&bed, "", false);

    failure->application_failure_info->next_retry_delay = duration_of(&bed, seconds(7));
    ck_assert_int_eq(retry_decide(policy, 1, START, NANOS_MAX, failure, false).after, seconds(7));
    failure->application_failure_info->next_retry_delay = duration_of(&bed, 0);
    ck_assert_int_eq(retry_decide(policy, 1, START, NANOS_MAX, failure, false).after, seconds(100));
    ck_assert_int_eq(retry_decide(policy, 1, START, NANOS_MAX, failure, true).state, RETRY_STATE_TIMEOUT);
    failure->application_failure_info->next_retry_delay = duration_of(&bed, -seconds(7));
    ck_assert_int_eq(retry_decide(policy, 1, START, NANOS_MAX, failure, false).after, seconds(100));
    ck_assert_int_eq(retry_decide(policy, 1, START, NANOS_MAX, failure, true).after, 0);
    failure->application_failure_info->next_retry_delay = duration_of(&bed, seconds(500));
    ck_assert_int_eq(retry_decide(policy, 1, START, NANOS_MAX, failure, false).after, seconds(100)); /* workflows */
    ck_assert_int_eq(retry_decide(policy, 1, START, NANOS_MAX, failure, true).after, seconds(500));  /* activities */
    ck_assert_int_eq(retry_decide(policy, 1, START, START + seconds(499), failure, true).state, RETRY_STATE_TIMEOUT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("retry");
    TCase *tcase = tcase_create("retry");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, intervals_grow_up_to_the_maximum, 0, LENGTH_OF(INTERVALS));
    tcase_add_test(tcase, defaults_are_filled_in);
    tcase_add_loop_test(tcase, a_bad_policy_is_named, 0, LENGTH_OF(POLICIES));
    tcase_add_test(tcase, no_policy_is_no_problem);
    tcase_add_test(tcase, failures_that_are_not_tried_again);
    tcase_add_test(tcase, attempts_run_out);
    tcase_add_test(tcase, a_retry_must_begin_before_the_end);
    tcase_add_test(tcase, a_failure_may_ask_for_its_delay);
    suite_add_tcase(suite, tcase);
    return bed_run(suite);
}
