/* The order of the checks is the real frontend's (release 1.32.0, StartWorkflowExecution), then its history service's:
 * sizes. */
#include "server/frontend/started.h"

#include <string.h>
#include <strings.h>

#include "base/uuid.h"
#include "history/decide.h"
#include "proto/payload.h"
#include "proto/pb.h"
#include "proto/time.h"
#include "proto/versioning.h"
#include "server/frontend/messages.h"
#include "server/frontend/search_attributes.h"

/* ---- checks ---- */

/* A span as it is kept: cut down to the longest there is. NULL stays NULL. */
static PbDuration *kept_duration(struct arena *arena, PbDuration *duration)
{
    return duration_check(duration) == DURATION_TOO_LONG ? pb_duration_new(arena, DURATION_MAX) : duration;
}

static void fill_in_policies(PbStartWorkflowExecutionRequest *req, PbWorkflowIdConflictPolicy conflict_default)
{
    if (req->workflow_id_conflict_policy == WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED) {
        if (req->workflow_id_reuse_policy == WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING) {
            /* The deprecated way to ask for the same. */
            req->workflow_id_conflict_policy = WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING;
            req->workflow_id_reuse_policy = WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE;
        } else {
            req->workflow_id_conflict_policy = conflict_default;
        }
    }
    if (req->workflow_id_reuse_policy == WORKFLOW_ID_REUSE_POLICY_UNSPECIFIED)
        req->workflow_id_reuse_policy = WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE;
}

static status check_policies(const PbStartWorkflowExecutionRequest *req)
{
    if (req->workflow_id_reuse_policy == WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_REUSE_POLICY_TERMINATE);
    if (req->workflow_id_reuse_policy == WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE &&
        req->workflow_id_conflict_policy == WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_REUSE_POLICY_REJECT);
    if (req->on_conflict_options != NULL && req->on_conflict_options->attach_completion_callbacks &&
        !req->on_conflict_options->attach_request_id)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_ATTACH_WITHOUT_REQUEST_ID);
    return status_ok();
}

static status check_workflow_id(const struct check *check, const char *workflow_id)
{
    int64_t most = check->config->history.id_bytes_max;

    if (workflow_id[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_WORKFLOW_ID_NOT_SET);
    if ((int64_t)strlen(workflow_id) > most)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_WORKFLOW_ID_TOO_LONG, strlen(workflow_id),
                             (long long)most);
    return status_ok();
}

static status check_retry_policy(const struct check *check, PbRetryPolicy **policy)
{
    const char *problem;

    if (*policy == NULL)
        return status_ok();
    *policy = retry_policy_complete(check->arena, *policy);
    problem = retry_policy_problem(check->arena, *policy);
    return problem == NULL ? status_ok() : status_error(GRPC_INVALID_ARGUMENT, problem);
}

static status check_cron(const struct check *check, const char *schedule)
{
    const char *problem = cron_problem(schedule, check->now);

    return problem == NULL ? status_ok() : status_error(GRPC_INVALID_ARGUMENT, problem);
}

static status check_delay_and_cron(const struct check *check, PbStartWorkflowExecutionRequest *req)
{
    bool has_cron = req->cron_schedule[0] != '\0';
    const char *problem = duration_problem(req->workflow_start_delay);

    if (has_cron && req->workflow_start_delay != NULL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_CRON_AND_DELAY);
    if (problem != NULL)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_START_DELAY_INVALID, problem);
    req->workflow_start_delay = kept_duration(check->arena, req->workflow_start_delay);
    return check_cron(check, req->cron_schedule);
}

static status check_type_and_queue(const struct check *check, PbStartWorkflowExecutionRequest *req)
{
    PbTaskQueue *queue;

    if (req->workflow_type == NULL || req->workflow_type->name[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_WORKFLOW_TYPE_NOT_SET);
    if ((int64_t)strlen(req->workflow_type->name) > check->config->history.id_bytes_max)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_WORKFLOW_TYPE_TOO_LONG);
    TRY(check_task_queue(check, req->task_queue, true));
    if (req->task_queue->kind == TASK_QUEUE_KIND_UNSPECIFIED) {
        queue = ARENA_NEW_PB(check->arena, PbTaskQueue);
        *queue = *req->task_queue;
        queue->kind = TASK_QUEUE_KIND_NORMAL;
        req->task_queue = queue;
    }
    return status_ok();
}

static status check_timeouts(const struct check *check, PbStartWorkflowExecutionRequest *req)
{
    const char *problem;

    if ((problem = duration_problem(req->workflow_execution_timeout)) != NULL)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_EXECUTION_TIMEOUT_INVALID, problem);
    if ((problem = duration_problem(req->workflow_run_timeout)) != NULL)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_RUN_TIMEOUT_INVALID, problem);
    if ((problem = duration_problem(req->workflow_task_timeout)) != NULL)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_TASK_TIMEOUT_INVALID, problem);
    req->workflow_execution_timeout = kept_duration(check->arena, req->workflow_execution_timeout);
    req->workflow_run_timeout = kept_duration(check->arena, req->workflow_run_timeout);
    req->workflow_task_timeout = kept_duration(check->arena, req->workflow_task_timeout);
    return status_ok();
}

static status check_request_id(const struct check *check, PbStartWorkflowExecutionRequest *req)
{
    uint8_t request_id[UUID_BYTES];

    if (req->request_id[0] == '\0') { /* by hand only: SDKs set one, for their retries */
        rand_uuid4(check->rand, request_id);
        req->request_id = uuid_text(check->arena, request_id);
    }
    if ((int64_t)strlen(req->request_id) > check->config->history.id_bytes_max)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_REQUEST_ID_TOO_LONG);
    return status_ok();
}

static status check_callback_url(const struct check *check, const char *url)
{
    const char *rest = strstr(url, "://");

    if (strlen(url) > (size_t)check->config->callback_url_bytes_max)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_CALLBACK_URL_TOO_LONG,
                             check->config->callback_url_bytes_max);
    if (strcmp(url, "temporal://system") == 0 || strcmp(url, "temporal://internal") == 0)
        return status_ok();
    if (rest == NULL || (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0))
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_CALLBACK_URL_NO_SCHEME, url);
    if (rest[3] == '\0' || strchr("/?#", rest[3]) != NULL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_CALLBACK_URL_NO_HOST);
    return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_CALLBACK_URL_NOT_ALLOWED, url);
}

static status check_callback(const struct check *check, const PbCallback *callback)
{
    size_t header_bytes = 0;

    if (callback->variant_case == PbCallback_internal_case)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_CALLBACK_INTERNAL);
    if (callback->variant_case != PbCallback_nexus_case)
        return status_error(GRPC_UNIMPLEMENTED, MSG_CALLBACK_UNKNOWN);
    TRY(check_callback_url(check, callback->nexus->url));
    for (size_t i = 0; i < callback->nexus->n_header; i++)
        header_bytes += strlen(callback->nexus->header[i]->key) + strlen(callback->nexus->header[i]->value);
    if (header_bytes > (size_t)check->config->callback_header_bytes_max)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_CALLBACK_HEADER_TOO_LARGE,
                             check->config->callback_header_bytes_max);
    return check_links(check, callback->n_links, callback->links);
}

static status check_callbacks(const struct check *check, size_t count, PbCallback *const *callbacks)
{
    if (count > (size_t)check->config->callbacks_max)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_CALLBACKS_TOO_MANY, check->config->callbacks_max);
    for (size_t i = 0; i < count; i++)
        TRY(check_callback(check, callbacks[i]));
    return status_ok();
}

static status check_sizes(const struct check *check, const PbStartWorkflowExecutionRequest *req)
{
    TRY(check_blob(check, req->input));
    if (req->memo != NULL &&
        (int64_t)protobuf_c_message_get_packed_size(&req->memo->base) > check->config->history.memo_bytes_max)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_MEMO_TOO_LARGE);
    return status_ok();
}

/* What the real server would do, and this one cannot yet. */
static status check_is_supported(const struct check *check, const PbStartWorkflowExecutionRequest *req)
{
    if (req->n_completion_callbacks > 0)
        return status_errorf(check->arena, GRPC_UNIMPLEMENTED, MSG_NOT_SUPPORTED_YET, "completion callbacks");
    return status_ok();
}

status check_start(const struct check *check, const PbStartWorkflowExecutionRequest *req,
                   PbStartWorkflowExecutionRequest **ret_req)
{
    PbStartWorkflowExecutionRequest *normal = ARENA_NEW_PB(check->arena, PbStartWorkflowExecutionRequest);

    *normal = *req;
    fill_in_policies(normal, WORKFLOW_ID_CONFLICT_POLICY_FAIL);
    TRY(check_workflow_id(check, normal->workflow_id));
    TRY(check_retry_policy(check, &normal->retry_policy));
    TRY(check_delay_and_cron(check, normal));
    TRY(check_type_and_queue(check, normal));
    TRY(check_timeouts(check, normal));
    TRY(check_request_id(check, normal));
    TRY(check_policies(normal));
    TRY(search_attributes_check(check->arena, check->config, check->ns, req->search_attributes,
                                &normal->search_attributes));
    TRY(check_priority(normal->priority));
    TRY(check_callbacks(check, normal->n_completion_callbacks, normal->completion_callbacks));
    TRY(check_links(check, normal->n_links, normal->links));
    if (normal->time_skipping_config != NULL)
        return status_error(GRPC_UNIMPLEMENTED, MSG_TIME_SKIPPING_DISABLED);
    TRY(check_sizes(check, normal));
    TRY(check_is_supported(check, normal));
    normal->memo = memo_without_nil(check->arena, normal->memo);
    if (duration_from_pb(normal->workflow_start_delay) > 0 || normal->cron_schedule[0] != '\0')
        normal->request_eager_execution = false; /* a wish, which is declined where there is no first task yet */
    *ret_req = normal;
    return status_ok();
}

/* ---- starts with a signal ---- */

static PbStartWorkflowExecutionRequest *start_part(struct arena *arena,
                                                   const PbSignalWithStartWorkflowExecutionRequest *req)
{
    PbStartWorkflowExecutionRequest *start = ARENA_NEW_PB(arena, PbStartWorkflowExecutionRequest);

    start->namespace_ = req->namespace_;
    start->workflow_id = req->workflow_id;
    start->workflow_type = req->workflow_type;
    start->task_queue = req->task_queue;
    start->input = req->input;
    start->workflow_execution_timeout = req->workflow_execution_timeout;
    start->workflow_run_timeout = req->workflow_run_timeout;
    start->workflow_task_timeout = req->workflow_task_timeout;
    start->identity = req->identity;
    start->request_id = req->request_id;
    start->workflow_id_reuse_policy = req->workflow_id_reuse_policy;
    start->workflow_id_conflict_policy = req->workflow_id_conflict_policy;
    start->retry_policy = req->retry_policy;
    start->cron_schedule = req->cron_schedule;
    start->memo = req->memo;
    start->search_attributes = req->search_attributes;
    start->header = req->header;
    start->workflow_start_delay = req->workflow_start_delay;
    start->user_metadata = req->user_metadata;
    start->n_links = req->n_links;
    start->links = req->links;
    start->versioning_override = req->versioning_override;
    start->priority = req->priority;
    start->time_skipping_config = req->time_skipping_config;
    return start;
}

/* The same mistakes as in an ordinary start have other texts here. */
static status check_signal_names(const struct check *check, const PbSignalWithStartWorkflowExecutionRequest *req)
{
    const char *type = req->workflow_type == NULL ? "" : req->workflow_type->name;
    int64_t most = check->config->history.id_bytes_max;

    if (req->signal_name[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_SIGNAL_NOT_SET);
    if ((int64_t)strlen(req->signal_name) > most)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_SIGNAL_TOO_LONG, strlen(req->signal_name),
                             (long long)most);
    if (type[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_SIGNAL_TYPE_NOT_SET);
    if ((int64_t)strlen(type) > most)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_SIGNAL_TYPE_TOO_LONG, strlen(type),
                             (long long)most);
    return status_ok();
}

static status check_signal_policies(const PbStartWorkflowExecutionRequest *start)
{
    TRY(check_policies(start));
    if (start->workflow_id_conflict_policy == WORKFLOW_ID_CONFLICT_POLICY_FAIL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_SIGNAL_POLICY_FAIL);
    return status_ok();
}

status check_signal_with_start(const struct check *check, const PbSignalWithStartWorkflowExecutionRequest *req,
                               PbStartWorkflowExecutionRequest **ret_start)
{
    PbStartWorkflowExecutionRequest *start = start_part(check->arena, req);

    TRY(check_cron(check, start->cron_schedule));
    TRY(check_workflow_id(check, start->workflow_id));
    TRY(check_signal_names(check, req));
    TRY(check_type_and_queue(check, start));
    if ((int64_t)strlen(start->request_id) > check->config->history.id_bytes_max)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_SIGNAL_REQUEST_ID_TOO_LONG,
                             strlen(start->request_id), (long long)check->config->history.id_bytes_max);
    TRY(check_request_id(check, start));
    TRY(check_timeouts(check, start));
    TRY(check_retry_policy(check, &start->retry_policy));
    TRY(check_delay_and_cron(check, start));
    fill_in_policies(start, WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING);
    TRY(check_signal_policies(start));
    TRY(search_attributes_check(check->arena, check->config, check->ns, req->search_attributes,
                                &start->search_attributes));
    TRY(check_priority(start->priority));
    TRY(check_links(check, start->n_links, start->links));
    if (start->time_skipping_config != NULL)
        return status_error(GRPC_UNIMPLEMENTED, MSG_TIME_SKIPPING_DISABLED);
    TRY(check_sizes(check, start));
    TRY(check_blob(check, req->signal_input));
    TRY(check_is_supported(check, start));
    start->memo = memo_without_nil(check->arena, start->memo);
    *ret_start = start;
    return status_ok();
}

/* ---- the event ---- */

static nanos least_set(nanos a, nanos b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

/* Of a time-out that was asked for as `asked` and becomes `span`: `asked` when that is the same, for a span of 0 is
 * shown as it was sent, present or absent. */
static PbDuration *timeout_shown(struct arena *arena, PbDuration *asked, nanos span)
{
    return duration_from_pb(asked) == span ? asked : pb_duration_new(arena, span);
}

static void fill_in_timeouts(struct arena *arena, const PbStartWorkflowExecutionRequest *req,
                             const struct history_limits *limits, PbWorkflowExecutionStartedEventAttributes *started)
{
    nanos execution = duration_from_pb(req->workflow_execution_timeout);
    nanos run = least_set(duration_from_pb(req->workflow_run_timeout), execution);
    nanos task = duration_from_pb(req->workflow_task_timeout);

    if (task == 0)
        task = limits->task_timeout_default;
    task = least_set(least_set(task, limits->task_timeout_max), run);
    started->workflow_execution_timeout = req->workflow_execution_timeout;
    started->workflow_run_timeout = timeout_shown(arena, req->workflow_run_timeout, run);
    started->workflow_task_timeout = timeout_shown(arena, req->workflow_task_timeout, task);
}

PbWorkflowExecutionStartedEventAttributes *frontend_make_started(struct arena *arena,
                                                                 const PbStartWorkflowExecutionRequest *req,
                                                                 const char *run_id, nanos now,
                                                                 const struct history_limits *limits)
{
    PbWorkflowExecutionStartedEventAttributes *started = ARENA_NEW_PB(arena, PbWorkflowExecutionStartedEventAttributes);

    started->workflow_id = req->workflow_id;
    started->workflow_type = req->workflow_type;
    started->task_queue = req->task_queue;
    started->input = req->input;
    started->header = req->header;
    fill_in_timeouts(arena, req, limits, started);
    started->original_execution_run_id = run_id;
    started->first_execution_run_id = run_id;
    started->eager_execution_accepted = req->request_eager_execution;
    started->identity = req->identity;
    started->retry_policy = req->retry_policy;
    started->attempt = 1;
    started->cron_schedule = req->cron_schedule;
    start_fill_in_times(arena, started, now, duration_from_pb(req->workflow_start_delay));
    started->continued_failure = req->continued_failure;
    started->last_completion_result = req->last_completion_result;
    started->memo = req->memo;
    started->search_attributes = req->search_attributes;
    started->priority = req->priority;
    started->versioning_override = override_normal(arena, req->versioning_override);
    return started;
}
