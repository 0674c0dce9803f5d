/* What clients configure for task queues: how fast they hand out tasks, and what fairness keys weigh. */
#include <stdlib.h>
#include <string.h>

#include "proto/payload.h"
#include "proto/pb.h"
#include "proto/time.h"
#include "server/frontend/check.h"
#include "server/frontend/handlers.h"
#include "server/frontend/messages.h"
#include "server/server.h"
#include "server/services/task_queue_configs.h"

/* Of the reason for a limit, in bytes; a constant there. */
enum { REASON_BYTES_MAX = 1000 };

typedef PbUpdateTaskQueueConfigRequest update_request;
typedef PbUpdateTaskQueueConfigRequestRateLimitUpdate limit_update;
typedef PbTaskQueueConfigFairnessWeightOverridesEntry weight_entry;

/* ---- checks ---- */

static status check_length(const struct check *check, const char *field, const char *value, int64_t bytes_max)
{
    if ((int64_t)strlen(value) <= bytes_max)
        return status_ok();
    return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_FIELD_TOO_LONG, field, (long long)bytes_max);
}

static status check_limit(const struct check *check, const limit_update *update, const char *label)
{
    if (update == NULL || update->rate_limit == NULL)
        return status_ok();
    if (update->rate_limit->requests_per_second < 0)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_RATE_LIMIT_NEGATIVE, label);
    return check_length(check, arena_printf(check->arena, "%s.Reason", label), update->reason, REASON_BYTES_MAX);
}

static status check_limits(const struct check *check, const update_request *req)
{
    bool is_workflow = req->task_queue_type == TASK_QUEUE_TYPE_WORKFLOW;
    const limit_update *queue = req->update_queue_rate_limit, *key = req->update_fairness_key_rate_limit_default;

    if (is_workflow && queue != NULL && queue->rate_limit != NULL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_RATE_LIMIT_OF_WORKFLOWS);
    TRY(check_limit(check, queue, "UpdateQueueRateLimit"));
    if (is_workflow && key != NULL && key->rate_limit != NULL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_KEY_RATE_LIMIT_OF_WORKFLOWS);
    return check_limit(check, key, "UpdateFairnessKeyRateLimitDefault");
}

static status check_key(const char *key)
{
    PbPriority priority = PbPriority_INIT;

    if (key[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_FAIRNESS_KEY_EMPTY);
    priority.fairness_key = key;
    return check_priority(&priority);
}

static status check_weights(const struct check *check, const update_request *req)
{
    size_t total = req->n_set_fairness_weight_overrides + req->n_unset_fairness_weight_overrides;
    int32_t most = check->config->fairness_weights_max;

    if (total > (size_t)most)
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_FAIRNESS_WEIGHTS_TOO_MANY, total, (int)most);
    for (size_t i = 0; i < req->n_set_fairness_weight_overrides; i++) {
        const char *key = req->set_fairness_weight_overrides[i]->key;

        TRY(check_key(key));
        if (!(req->set_fairness_weight_overrides[i]->value > 0))
            return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_FAIRNESS_WEIGHT_INVALID,
                                 json_quoted(check->arena, key));
    }
    for (size_t i = 0; i < req->n_unset_fairness_weight_overrides; i++)
        TRY(check_key(req->unset_fairness_weight_overrides[i]));
    return status_ok();
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp((*(weight_entry *const *)a)->key, (*(weight_entry *const *)b)->key);
}

/* Those that are set, sorted by key. */
static weight_entry **set_weights(const struct check *check, const update_request *req)
{
    size_t count = req->n_set_fairness_weight_overrides;
    weight_entry **entries = ARENA_NEW_ARRAY(check->arena, weight_entry *, count);

    for (size_t i = 0; i < count; i++) {
        entries[i] = ARENA_NEW_PB(check->arena, PbTaskQueueConfigFairnessWeightOverridesEntry);
        entries[i]->key = req->set_fairness_weight_overrides[i]->key;
        entries[i]->value = req->set_fairness_weight_overrides[i]->value;
    }
    if (count > 0)
        qsort(entries, count, sizeof(weight_entry *), compare_entries);
    return entries;
}

static bool is_among(const char *key, weight_entry **entries, size_t count)
{
    weight_entry wanted = PbTaskQueueConfigFairnessWeightOverridesEntry_INIT;
    const weight_entry *const at = &wanted;

    wanted.key = key;
    return count > 0 && bsearch(&at, entries, count, sizeof(weight_entry *), compare_entries) != NULL;
}

/* The parts of a queue of a cluster are named /_sys/name/number. */
static status check_name(const struct check *check, const char *name)
{
    static const char prefix[] = "/_sys/";
    const char *last = strrchr(name, '/');

    if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
        return check_length(check, "TaskQueue", name, check->config->history.id_bytes_max);
    if (last < name + sizeof(prefix) || last[1] == '\0' || strspn(last + 1, "0123456789") != strlen(last + 1))
        return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_PARTITION_NAME_INVALID, name);
    return status_errorf(check->arena, GRPC_INVALID_ARGUMENT, MSG_TASK_QUEUE_FAMILY_RESERVED, name);
}

/* ---- changes ---- */

/* A limit as it is kept; an update without a rate takes the limit away. */
static PbRateLimitConfig *limit_of(const struct check *check, const limit_update *update, const char *identity)
{
    PbRateLimitConfig *limit = ARENA_NEW_PB(check->arena, PbRateLimitConfig);

    limit->rate_limit = update->rate_limit;
    limit->metadata = ARENA_NEW_PB(check->arena, PbConfigMetadata);
    limit->metadata->reason = update->reason;
    limit->metadata->update_identity = identity;
    limit->metadata->update_time =
        pb_timestamp_new(check->arena, check->now - check->now % NANOS_PER_MILLISECOND); /* as exact as there */
    return limit;
}

static bool is_unset(const update_request *req, const char *key)
{
    for (size_t i = 0; i < req->n_unset_fairness_weight_overrides; i++)
        if (strcmp(req->unset_fairness_weight_overrides[i], key) == 0)
            return true;
    return false;
}

/* The weights of before that stay, and those that are set. */
static status merge_weights(const struct check *check, const update_request *req, weight_entry **set,
                            PbTaskQueueConfig *config)
{
    size_t set_count = req->n_set_fairness_weight_overrides, count = 0;
    weight_entry **merged =
        ARENA_NEW_ARRAY(check->arena, weight_entry *, config->n_fairness_weight_overrides + set_count);

    for (size_t i = 0; i < config->n_fairness_weight_overrides; i++) {
        weight_entry *entry = config->fairness_weight_overrides[i];

        if (!is_unset(req, entry->key) && !is_among(entry->key, set, set_count))
            merged[count++] = entry;
    }
    for (size_t i = 0; i < set_count; i++)
        if (i + 1 == set_count || strcmp(set[i]->key, set[i + 1]->key) != 0) /* of a repeated key one stays */
            merged[count++] = set[i];
    if (count > (size_t)check->config->fairness_weights_max)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_FAIRNESS_WEIGHTS_REJECTED);
    if (count > 0)
        qsort(merged, count, sizeof(weight_entry *), compare_entries);
    config->fairness_weight_overrides = merged;
    config->n_fairness_weight_overrides = count;
    return status_ok();
}

/* WorkflowService.UpdateTaskQueueConfig. A request that changes nothing asks what there is. */
status rpc_update_task_queue_config(struct call *call, const PbUpdateTaskQueueConfigRequest *req,
                                    PbUpdateTaskQueueConfigResponse *resp)
{
    struct task_queue_configs *configs = call->server->task_queue_configs;
    struct queue_name queue = {.type = (enum queue_type)req->task_queue_type, .name = req->task_queue};
    const PbTaskQueueConfig *before;
    PbTaskQueueConfig *config = ARENA_NEW_PB(call->arena, PbTaskQueueConfig);
    weight_entry **set;
    struct check check;

    TRY(check_begin(call, req->namespace_, &check));
    TRY(check_limits(&check, req));
    TRY(check_length(&check, "Identity", req->identity, check.config->history.id_bytes_max));
    TRY(check_weights(&check, req));
    set = set_weights(&check, req);
    for (size_t i = 0; i < req->n_unset_fairness_weight_overrides; i++)
        if (is_among(req->unset_fairness_weight_overrides[i], set, req->n_set_fairness_weight_overrides))
            return status_errorf(call->arena, GRPC_INVALID_ARGUMENT, MSG_FAIRNESS_WEIGHT_TWICE,
                                 json_quoted(call->arena, req->unset_fairness_weight_overrides[i]));
    TRY(check_name(&check, req->task_queue));

    queue.namespace_id = check.ns->id;
    before = task_queue_configs_find(configs, &queue);
    if (before != NULL)
        config = pb_copy(call->arena, before);
    if (req->update_queue_rate_limit != NULL)
        config->queue_rate_limit = limit_of(&check, req->update_queue_rate_limit, req->identity);
    if (req->update_fairness_key_rate_limit_default != NULL)
        config->fairness_keys_rate_limit_default =
            limit_of(&check, req->update_fairness_key_rate_limit_default, req->identity);
    TRY(merge_weights(&check, req, set, config));
    task_queue_configs_set(configs, &queue, config);
    resp->config = config;
    return status_ok();
}
