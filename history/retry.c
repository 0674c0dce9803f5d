/* Retry policies and time-outs: whether an attempt is followed by another, and when. For activities and workflows
 * alike. */
#include <math.h>
#include <string.h>

#include "history/internal.h"

#define INITIAL_INTERVAL_DEFAULT seconds(1)
#define COEFFICIENT_DEFAULT      2.0

/* The maximum interval, when not given, is so many initial intervals. Server 1.32.0. */
enum { MAXIMUM_INTERVAL_FACTOR = 100 };

static const char timeout_prefix[] = "TemporalTimeout:";

const char *timeout_type_name(PbTimeoutType type)
{
    switch ((int)type) {
    case TIMEOUT_TYPE_START_TO_CLOSE:
        return "StartToClose";
    case TIMEOUT_TYPE_SCHEDULE_TO_START:
        return "ScheduleToStart";
    case TIMEOUT_TYPE_SCHEDULE_TO_CLOSE:
        return "ScheduleToClose";
    case TIMEOUT_TYPE_HEARTBEAT:
        return "Heartbeat";
    default:
        return "Unspecified";
    }
}

const char *duration_problem(const PbDuration *duration)
{
    switch (duration_check(duration)) {
    case DURATION_MISMATCHED_SIGNS:
        return "duration has seconds and nanos with different signs";
    case DURATION_NEGATIVE:
        return "negative duration";
    case DURATION_VALID:
    case DURATION_TOO_LONG:
        return NULL;
    }
    return NULL;
}

static bool is_timeout_name(const char *name)
{
    for (int type = TIMEOUT_TYPE_START_TO_CLOSE; type <= TIMEOUT_TYPE_HEARTBEAT; type++)
        if (strcmp(name, timeout_type_name((PbTimeoutType)type)) == 0)
            return true;
    return false;
}

const char *retry_policy_problem(struct arena *arena, const PbRetryPolicy *policy)
{
    const char *problem;
    nanos initial, maximum;

    if (policy == NULL || policy->maximum_attempts == 1) /* one attempt: the rest does not matter */
        return NULL;
    initial = duration_from_pb(policy->initial_interval);
    maximum = duration_from_pb(policy->maximum_interval);
    if ((problem = duration_problem(policy->initial_interval)) != NULL)
        return arena_printf(arena, "invalid InitialInterval set on retry policy: %s", problem);
    if (policy->backoff_coefficient != 0 && !(policy->backoff_coefficient >= 1))
        return "BackoffCoefficient cannot be less than 1 on retry policy.";
    if ((problem = duration_problem(policy->maximum_interval)) != NULL)
        return arena_printf(arena, "invalid MaximumInterval set on retry policy: %s", problem);
    if (maximum > 0 && maximum < initial)
        return "MaximumInterval cannot be less than InitialInterval on retry policy.";
    if (policy->maximum_attempts < 0)
        return "MaximumAttempts cannot be negative on retry policy.";
    for (size_t i = 0; i < policy->n_non_retryable_error_types; i++) {
        const char *name = policy->non_retryable_error_types[i];

        if (strncmp(name, timeout_prefix, sizeof(timeout_prefix) - 1) == 0 &&
            !is_timeout_name(name + sizeof(timeout_prefix) - 1))
            return arena_printf(arena, "Invalid timeout type value: %s.", name + sizeof(timeout_prefix) - 1);
    }
    return NULL;
}

PbRetryPolicy *retry_policy_complete(struct arena *arena, const PbRetryPolicy *policy)
{
    PbRetryPolicy *complete = policy == NULL ? ARENA_NEW_PB(arena, PbRetryPolicy) : pb_copy(arena, policy);

    if (duration_from_pb(complete->initial_interval) == 0)
        complete->initial_interval = pb_duration_new(arena, INITIAL_INTERVAL_DEFAULT);
    if (complete->backoff_coefficient == 0)
        complete->backoff_coefficient = COEFFICIENT_DEFAULT;
    if (duration_from_pb(complete->maximum_interval) == 0)
        complete->maximum_interval =
            pb_duration_new(arena, nanos_scale(duration_from_pb(complete->initial_interval), MAXIMUM_INTERVAL_FACTOR));
    return complete;
}

nanos retry_interval(const PbRetryPolicy *policy, int32_t attempt)
{
    nanos initial = duration_from_pb(policy->initial_interval), maximum = duration_from_pb(policy->maximum_interval);
    double interval = (double)initial * pow(policy->backoff_coefficient, attempt - 1);

    if (maximum > 0 && !(interval <= (double)maximum)) /* also where the power is infinite, or no number */
        return maximum;
    if (!(interval < (double)NANOS_MAX))
        return NANOS_MAX;
    return interval > 0 ? (nanos)interval : 0;
}

static bool type_is_listed(const PbRetryPolicy *policy, const char *type)
{
    for (size_t i = 0; i < policy->n_non_retryable_error_types; i++)
        if (strcmp(policy->non_retryable_error_types[i], type) == 0)
            return true;
    return false;
}

static bool timeout_is_listed(const PbRetryPolicy *policy, PbTimeoutType timeout)
{
    for (size_t i = 0; i < policy->n_non_retryable_error_types; i++) {
        const char *name = policy->non_retryable_error_types[i];

        if (strncmp(name, timeout_prefix, sizeof(timeout_prefix) - 1) == 0 &&
            strcmp(name + sizeof(timeout_prefix) - 1, timeout_type_name(timeout)) == 0)
            return true;
    }
    return false;
}

static bool is_retryable(const PbRetryPolicy *policy, const PbFailure *failure)
{
    if (failure == NULL)
        return true;
    switch ((int)failure->failure_info_case) {
    case PbFailure_terminated_failure_info_case:
    case PbFailure_canceled_failure_info_case:
        return false;
    case PbFailure_timeout_failure_info_case: {
        PbTimeoutType timeout = failure->timeout_failure_info->timeout_type;

        return (timeout == TIMEOUT_TYPE_START_TO_CLOSE || timeout == TIMEOUT_TYPE_HEARTBEAT) &&
               !timeout_is_listed(policy, timeout);
    }
    case PbFailure_server_failure_info_case:
        return !failure->server_failure_info->non_retryable;
    case PbFailure_application_failure_info_case:
        return !failure->application_failure_info->non_retryable &&
               !type_is_listed(policy, failure->application_failure_info->type);
    default:
        return true;
    }
}

static const PbDuration *delay_asked_for(const PbFailure *failure)
{
    if (failure == NULL || failure->failure_info_case != PbFailure_application_failure_info_case)
        return NULL;
    return failure->application_failure_info->next_retry_delay;
}

struct retry_answer retry_decide(const PbRetryPolicy *policy, int32_t attempt, nanos now, nanos expires_at,
                                 const PbFailure *failure, bool delay_may_exceed_interval)
{
    const PbDuration *asked = delay_asked_for(failure);
    nanos maximum, after;

    if (policy == NULL)
        return (struct retry_answer){.state = RETRY_STATE_RETRY_POLICY_NOT_SET};
    if (!is_retryable(policy, failure))
        return (struct retry_answer){.state = RETRY_STATE_NON_RETRYABLE_FAILURE};
    if (policy->maximum_attempts > 0 && attempt >= policy->maximum_attempts)
        return (struct retry_answer){.state = RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED};
    after = retry_interval(policy, attempt);
    if (asked != NULL) {
        after = duration_from_pb(asked);
        maximum = delay_may_exceed_interval ? after : duration_from_pb(policy->maximum_interval);
        /* The real server takes a delay of 0 for one that does not fit: an activity ends, a workflow waits its longest.
         */
        if (maximum == 0 && after <= 0)
            return (struct retry_answer){.state = RETRY_STATE_TIMEOUT};
        if (after <= 0 || after > maximum)
            after = maximum;
        if (after < 0)
            after = 0;
    }
    if (nanos_add(now, after) > expires_at)
        return (struct retry_answer){.state = RETRY_STATE_TIMEOUT};
    return (struct retry_answer){.state = RETRY_STATE_IN_PROGRESS, .after = after};
}
