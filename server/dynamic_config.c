#include "server/dynamic_config.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/duration_text.h"

enum setting_type { TYPE_INT64, TYPE_INT32, TYPE_NANOS, TYPE_MILLIONTHS, TYPE_BOOL, TYPE_TEXTS };

#define SETTING(key, type, field, value)                         \
    {                                                            \
        key, type, offsetof(struct dynamic_config, field), value \
    }

/* Every key that has an effect; defaults are the real server's, unless a comment says otherwise. */
static const struct setting {
    const char *key; /* compared without regard to case, as there */
    enum setting_type type;
    size_t offset;
    int64_t value; /* the default */
} settings[] = {
    /* Ids, names and identities, in bytes; enough for any scheme, small enough for an index. */
    SETTING("limit.maxIDLength", TYPE_INT64, history.id_bytes_max, 1000),
    /* One payload set: histories are read and sent whole, so a single event must stay small against a message's 4 MB.
     */
    SETTING("limit.blobSize.error", TYPE_INT64, history.blob_bytes_max, 2 << 20),
    SETTING("limit.memoSize.error", TYPE_INT64, history.memo_bytes_max, 2 << 20),
    SETTING("limit.numPendingActivities.error", TYPE_INT32, history.pending_activities_max, 2000),
    SETTING("limit.numPendingChildExecutions.error", TYPE_INT32, history.pending_children_max, 2000),
    SETTING("limit.numPendingSignals.error", TYPE_INT32, history.pending_signals_max, 2000),
    SETTING("limit.numPendingCancelRequests.error", TYPE_INT32, history.pending_cancels_max, 2000),
    SETTING("history.maximumSignalsPerExecution", TYPE_INT32, history.signals_max, 10000),
    /* Buffered events are stored again with every change while a workflow task runs. */
    SETTING("history.maximumBufferedEventsBatch", TYPE_INT32, history.buffered_events_max, 100),
    SETTING("history.maximumBufferedEventsSizeInBytes", TYPE_INT64, history.buffered_bytes_max, 2 << 20),
    SETTING("limit.historyCount.error", TYPE_INT64, history.history_events_max, 50 << 10),
    SETTING("limit.historySize.error", TYPE_INT64, history.history_bytes_max, 50 << 20),
    SETTING("limit.mutableStateSize.error", TYPE_INT64, history.state_bytes_max, 8 << 20),
    SETTING("system.transactionSizeLimit", TYPE_INT64, history.transaction_bytes_max, 4 << 20),
    SETTING("limit.historyCount.suggestContinueAsNew", TYPE_INT64, history.suggest_events, 4 << 10),
    SETTING("limit.historySize.suggestContinueAsNew", TYPE_INT64, history.suggest_bytes, 4 << 20),
    SETTING("history.maxInFlightUpdates", TYPE_INT32, history.updates_in_flight_max, 10),
    SETTING("history.maxInFlightUpdatePayloads", TYPE_INT64, history.updates_in_flight_bytes_max, 20 << 20),
    SETTING("history.maxTotalUpdates", TYPE_INT32, history.updates_total_max, 2000),
    SETTING("history.maxTotalUpdates.suggestContinueAsNewThreshold", TYPE_MILLIONTHS,
            history.updates_suggest_millionths, 900000),
    SETTING("history.defaultWorkflowTaskTimeout", TYPE_NANOS, history.task_timeout_default, 10 * NANOS_PER_SECOND),
    /* A constant there: no key, hence one that nobody can write. */
    SETTING("", TYPE_NANOS, history.task_timeout_max, 120 * NANOS_PER_SECOND),
    SETTING("history.workflowTaskHeartbeatTimeout", TYPE_NANOS, history.task_heartbeat_max, 1800 * NANOS_PER_SECOND),
    SETTING("system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute", TYPE_INT32,
            history.reported_problems_min, 5),

    SETTING("matching.longPollExpirationInterval", TYPE_NANOS, long_poll_max, 60 * NANOS_PER_SECOND),
    SETTING("history.longPollExpirationInterval", TYPE_NANOS, history_long_poll_max, 20 * NANOS_PER_SECOND),
    SETTING("history.MaxBufferedQueryCount", TYPE_INT32, buffered_queries_max, 1),
    SETTING("frontend.namespaceCount", TYPE_INT32, long_polls_max, 1200),
    SETTING("frontend.historyMaxPageSize", TYPE_INT32, read_page_max, 256),
    SETTING("limit.historyMaxPageSize", TYPE_INT32, task_page_max, 256),
    SETTING("matching.historyMaxPageSize", TYPE_INT32, query_page_max, 256),

    SETTING("frontend.maxlinksPerRequest", TYPE_INT32, links_max, 10),
    SETTING("frontend.linkMaxSize", TYPE_INT32, link_bytes_max, 4000), /* two ids and a namespace of 1000 each fit */
    SETTING("system.maxCallbacksPerWorkflow", TYPE_INT32, callbacks_max, 32),
    SETTING("frontend.callbackURLMaxLength", TYPE_INT32, callback_url_bytes_max, 1000),
    SETTING("frontend.callbackHeaderMaxLength", TYPE_INT32, callback_header_bytes_max, 8 << 10),
    SETTING("frontend.searchAttributesNumberOfKeysLimit", TYPE_INT32, search_attributes_max, 100),
    SETTING("frontend.searchAttributesSizeOfValueLimit", TYPE_INT32, search_attribute_bytes_max, 2 << 10),
    SETTING("frontend.searchAttributesTotalSizeLimit", TYPE_INT32, search_attributes_bytes_max, 40 << 10),
    SETTING("limit.userMetadataSummarySize", TYPE_INT32, summary_bytes_max, 400),
    SETTING("limit.userMetadataDetailsSize", TYPE_INT32, details_bytes_max, 20000),
    SETTING("limit.workerBuildIdSize", TYPE_INT32, build_id_bytes_max, 255),
    SETTING("", TYPE_INT32, task_completion_bytes_max, 40 << 20), /* a constant there */

    SETTING("system.enableDeploymentVersions", TYPE_BOOL, deployment_versions, 1),
    SETTING("system.enableCrossNamespaceCommands", TYPE_BOOL, history.crosses_namespaces, 0),
    SETTING("system.enableSendTargetVersionChanged", TYPE_BOOL, history.tells_of_targets, 1),
    SETTING("matching.maxDeployments", TYPE_INT32, deployments.deployments_max, 100),
    SETTING("matching.maxVersionsInDeployment", TYPE_INT32, deployments.versions_max, 100),
    SETTING("matching.maxTaskQueuesInDeploymentVersion", TYPE_INT32, deployments.version_queues_max, 100),
    SETTING("matching.maxVersionsInTaskQueue", TYPE_INT32, deployments.queue_versions_max, 200),
    SETTING("history.enableVersionReactivationSignals", TYPE_BOOL, deployments.reactivates, 1),
    /* These two have an effect together, when one of them is given (see dynamic_config_set). */
    SETTING("matching.wv.VersionDrainageStatusVisibilityGracePeriod", TYPE_NANOS, deployments.drainage_first_check,
            180 * NANOS_PER_SECOND),
    SETTING("matching.wv.VersionDrainageStatusRefreshInterval", TYPE_NANOS, deployments.drainage_next_check,
            180 * NANOS_PER_SECOND),
    SETTING("matching.PollerHistoryTTL", TYPE_NANOS, poller_history, 300 * NANOS_PER_SECOND),
    SETTING("frontend.globalNamespaceWorkerDeploymentReadRPS", TYPE_INT32, deployment_reads_per_second, 50),
    SETTING("frontend.globalNamespaceWorkerDeploymentReadBurstRatio", TYPE_INT32, deployment_reads_burst_ratio, 10),
    SETTING("frontend.MaxConcurrentBatchOperationPerNamespace", TYPE_INT32, batches_max, 1),
    SETTING("worker.batcherRPS", TYPE_INT32, batch_operations_per_second, 50),
    SETTING("matching.maxFairnessKeyWeightOverrides", TYPE_INT32, fairness_weights_max, 1000),

    SETTING("frontend.httpAllowedHosts", TYPE_TEXTS, http_hosts, 0), /* no list */
    SETTING("frontend.enableServerVersionCheck", TYPE_BOOL, server_version_check, 0),
};

static void store_value(struct dynamic_config *config, const struct setting *setting, int64_t value)
{
    char *place = (char *)config + setting->offset;

    if (value < 0)
        value = 0; /* no limit is negative; to keep sums and comparisons safe */
    switch (setting->type) {
    case TYPE_INT64:
        *(int64_t *)(void *)place = value;
        break;
    case TYPE_INT32:
    case TYPE_MILLIONTHS:
        *(int32_t *)(void *)place = value > INT32_MAX ? INT32_MAX : (int32_t)value;
        break;
    case TYPE_NANOS:
        *(nanos *)(void *)place = value;
        break;
    case TYPE_BOOL:
        *(bool *)(void *)place = value != 0;
        break;
    case TYPE_TEXTS: /* see apply; without one there is no list */
        break;
    }
}

void dynamic_config_init(struct dynamic_config *config)
{
    memset(config, 0, sizeof(*config));
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        store_value(config, &settings[i], settings[i].value);
}

/* A real number as an integer, held at the ends of the range. */
static int64_t round_towards_zero(double real)
{
    if (real >= (double)INT64_MAX)
        return INT64_MAX;
    if (real <= (double)INT64_MIN)
        return INT64_MIN;
    return (int64_t)real;
}

/* The JSON value as the setting's type. False when it is not of that type. */
static bool convert(const struct setting *setting, const struct json_value *json, int64_t *ret_value)
{
    switch (setting->type) {
    case TYPE_INT64:
    case TYPE_INT32:
        *ret_value = json->integer;
        return json->kind == JSON_KIND_INTEGER;
    case TYPE_NANOS:
        if (json->kind == JSON_KIND_TEXT)
            return duration_text_read(json->text, ret_value);
        /* A bare number is seconds. */
        *ret_value = json->kind == JSON_KIND_INTEGER ? nanos_scale(NANOS_PER_SECOND, json->integer)
                                                     : round_towards_zero(json->real * (double)NANOS_PER_SECOND);
        return json->kind == JSON_KIND_INTEGER || json->kind == JSON_KIND_REAL;
    case TYPE_MILLIONTHS:
        *ret_value = round_towards_zero(json->real * 1e6 + 0.5);
        return json->kind == JSON_KIND_INTEGER || json->kind == JSON_KIND_REAL;
    case TYPE_BOOL:
        *ret_value = json->boolean;
        return json->kind == JSON_KIND_BOOL;
    case TYPE_TEXTS:
        break;
    }
    return false;
}

/* False when the value is not of the setting's type. */
static bool apply(struct dynamic_config *config, const struct setting *setting, const struct json_value *json)
{
    int64_t value;

    if (setting->type == TYPE_TEXTS) {
        if (json->kind == JSON_KIND_TEXTS)
            *(struct json_texts *)(void *)((char *)config + setting->offset) = json->texts;
        return json->kind == JSON_KIND_TEXTS;
    }
    if (!convert(setting, json, &value))
        return false;
    store_value(config, setting, value);
    return true;
}

/* Without these, drained versions are found at once. */
static bool is_about_drainage(const struct setting *setting)
{
    return setting->offset == offsetof(struct dynamic_config, deployments.drainage_first_check) ||
           setting->offset == offsetof(struct dynamic_config, deployments.drainage_next_check);
}

/* However large a history may be by configuration, its event ids must fit their column (persistence/events.h), with
 * room for what one workflow task may add after the limit was passed. */
enum { HISTORY_EVENTS_CEILING = 16 * 1000 * 1000 };

status dynamic_config_set(struct dynamic_config *config, struct arena *arena, const char *assignment)
{
    const char *equals = strchr(assignment, '='), *key, *error;
    struct json_value json;

    if (equals == NULL)
        return status_errorf(arena, GRPC_FAILED_PRECONDITION,
                             "invalid dynamic config values: missing expected '=' in \"%s\"", assignment);
    key = arena_strndup(arena, assignment, (size_t)(equals - assignment));
    if (!json_read_value(arena, equals + 1, &json, &error))
        return status_errorf(arena, GRPC_FAILED_PRECONDITION,
                             "invalid dynamic config values: invalid JSON value for key \"%s\": %s", key, error);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (settings[i].key[0] == '\0' || strcasecmp(settings[i].key, key) != 0 || !apply(config, &settings[i], &json))
            continue;
        if (is_about_drainage(&settings[i]))
            config->deployments.checks_drainage_at_intervals = true;
    }
    if (config->history.history_events_max > HISTORY_EVENTS_CEILING)
        config->history.history_events_max = HISTORY_EVENTS_CEILING;
    return status_ok();
}
