/*
 * Series are found in two steps, both remembered: who counts finds its scope by the values of its labels once, and the
 * scope keeps the series that have been made of these values, a place for each metric of its class.
 */
#include "server/metrics/server_metrics.h"

#include <string.h>

#include "proto/pb.h"
#include "server/metrics/parts.h"
#include "server/metrics/scopes.h"

/* As the values of labels, series are bounded (MX2). A scope takes some 300 bytes. */
enum { SCOPES_MAX = 10000 };

/* ---- metrics by the table ---- */

static const size_t values_of_class[CLASSES_COUNT] = {
    [CLASS_RPC] = RPC_VALUES,           [CLASS_QUEUE] = QUEUE_VALUES,     [CLASS_WORKFLOW] = WORKFLOW_VALUES,
    [CLASS_ACTIVITY] = ACTIVITY_VALUES, [CLASS_FAILURE] = FAILURE_VALUES, [CLASS_COMMAND] = COMMAND_VALUES,
};

/* The labels of a line of the table: which values of a scope, under which names. */
struct label {
    const char *name;
    size_t value;
};
struct label_set {
    enum scope_class class;
    size_t count;
    struct label labels[VALUES_MAX];
};

enum label_set_id {
    SET_SERVER,
    SET_RPC,
    SET_QUEUE,
    SET_QUEUE_KIND,
    SET_QUEUE_VERSION,
    SET_NAMESPACE,
    SET_WORKFLOW,
    SET_BEHAVIOR,
    SET_ACTIVITY,
    SET_FAILURE,
    SET_COMMAND,
};

static const struct label_set label_sets[] = {
    [SET_SERVER] = {CLASS_SERVER, 0, {{0}}},
    [SET_RPC] = {CLASS_RPC, 2, {{"namespace", RPC_NAMESPACE}, {"operation", RPC_OPERATION}}},
    [SET_QUEUE] = {CLASS_QUEUE,
                   4,
                   {{"namespace", QUEUE_NAMESPACE},
                    {"partition", QUEUE_PARTITION},
                    {"task_type", QUEUE_TASK_TYPE},
                    {"taskqueue", QUEUE_NAME}}},
    [SET_QUEUE_KIND] = {CLASS_QUEUE,
                        4,
                        {{"namespace", QUEUE_NAMESPACE},
                         {"partition", QUEUE_KIND},
                         {"task_type", QUEUE_TASK_TYPE},
                         {"taskqueue", QUEUE_NAME}}},
    [SET_QUEUE_VERSION] = {CLASS_QUEUE,
                           7,
                           {{"namespace", QUEUE_NAMESPACE},
                            {"partition", QUEUE_PARTITION},
                            {"task_type", QUEUE_TASK_TYPE},
                            {"taskqueue", QUEUE_NAME},
                            {"worker_build_id", QUEUE_BUILD_ID},
                            {"worker_deployment_name", QUEUE_DEPLOYMENT},
                            {"worker_version", QUEUE_VERSION}}},
    [SET_NAMESPACE] = {CLASS_WORKFLOW, 1, {{"namespace", WORKFLOW_NAMESPACE}}},
    [SET_WORKFLOW] = {CLASS_WORKFLOW,
                      3,
                      {{"namespace", WORKFLOW_NAMESPACE},
                       {"taskqueue", WORKFLOW_QUEUE},
                       {"workflowType", WORKFLOW_TYPE}}},
    [SET_BEHAVIOR] = {CLASS_WORKFLOW,
                      2,
                      {{"namespace", WORKFLOW_NAMESPACE}, {"versioning_behavior", WORKFLOW_BEHAVIOR}}},
    [SET_ACTIVITY] = {CLASS_ACTIVITY,
                      5,
                      {{"activityType", ACTIVITY_TYPE},
                       {"namespace", WORKFLOW_NAMESPACE},
                       {"taskqueue", WORKFLOW_QUEUE},
                       {"versioning_behavior", WORKFLOW_BEHAVIOR},
                       {"workflowType", WORKFLOW_TYPE}}},
    [SET_FAILURE] = {CLASS_FAILURE,
                     3,
                     {{"failure", FAILURE_CAUSE},
                      {"namespace", FAILURE_NAMESPACE},
                      {"versioning_behavior", FAILURE_BEHAVIOR}}},
    [SET_COMMAND] = {CLASS_COMMAND, 2, {{"commandType", COMMAND_TYPE}, {"namespace", COMMAND_NAMESPACE}}},
};

#define COUNTER METRIC_COUNTER, NULL
#define GAUGE   METRIC_GAUGE, NULL
#define SECONDS METRIC_HISTOGRAM, &metric_buckets_seconds
#define BYTES   METRIC_HISTOGRAM, &metric_buckets_bytes
#define COUNTS  METRIC_HISTOGRAM, &metric_buckets_counts

static const struct metric_line {
    enum label_set_id set;
    enum metric_kind kind;
    const struct metric_buckets *buckets;
    const char *name, *constants, *help;
} lines[METRICS_COUNT] = {
#define METRIC(id, set, kind, name, constants, help) {SET_##set, kind, name, constants, help},
#include "server/metrics/metrics.def"
#undef METRIC
};

/* ---- scopes and series ---- */

static struct metric_scope *scope_new(struct server_metrics *metrics, enum scope_class class, const void *key,
                                      size_t key_len)
{
    struct metric_scope *scope = memory_new(sizeof(*scope) + key_len + 1);
    const char *value = scope->key + 1;

    memcpy(scope->key, key, key_len);
    scope->class = class;
    scope->series = memory_new(metrics->class_counts[class] * sizeof(struct series *) + 1);
    for (size_t i = 0; i < values_of_class[class]; i++) {
        scope->values[i] = value;
        value += strlen(value) + 1;
    }
    return scope;
}

static void scope_free(struct metric_scope *scope)
{
    if (scope == NULL)
        return;
    memory_free(scope->series);
    memory_free(scope);
}

/* The class, then each value with its zero. */
static void make_key(struct server_metrics *metrics, enum scope_class class, const char *const *values)
{
    metrics->key.len = 0;
    buffer_append_byte(&metrics->key, (uint8_t) class);
    for (size_t i = 0; i < values_of_class[class]; i++)
        buffer_append(&metrics->key, values[i], strlen(values[i]) + 1);
}

static struct metric_scope *other_scope(struct server_metrics *metrics, enum scope_class class)
{
    const char *values[VALUES_MAX];

    if (metrics->others[class] != NULL)
        return metrics->others[class];
    for (size_t i = 0; i < VALUES_MAX; i++)
        values[i] = "_other_";
    make_key(metrics, class, values);
    metrics->others[class] = scope_new(metrics, class, metrics->key.data, metrics->key.len);
    return metrics->others[class];
}

struct metric_scope *metrics_scope_of(struct server_metrics *metrics, enum scope_class class, const char *const *values)
{
    struct metric_scope *scope;

    make_key(metrics, class, values);
    HASH_FIND(hh, metrics->scopes, metrics->key.data, metrics->key.len, scope);
    if (scope != NULL)
        return scope;
    if (HASH_COUNT(metrics->scopes) >= SCOPES_MAX)
        return other_scope(metrics, class);
    scope = scope_new(metrics, class, metrics->key.data, metrics->key.len);
    HASH_ADD_KEYPTR(hh, metrics->scopes, scope->key, metrics->key.len, scope);
    return scope;
}

static struct series *make_series(struct server_metrics *metrics, struct metric_scope *scope, enum metric_id id)
{
    const struct metric_line *line = &lines[id];
    const struct label_set *set = &label_sets[line->set];

    metrics->labels.len = 0;
    buffer_append(&metrics->labels, line->constants, strlen(line->constants));
    for (size_t i = 0; i < set->count; i++)
        metric_labels_add(&metrics->labels, set->labels[i].name, scope->values[set->labels[i].value]);
    return metric_series(metrics->families[id], (struct bytes){metrics->labels.data, metrics->labels.len});
}

struct series *metrics_series(struct server_metrics *metrics, struct metric_scope *scope, enum metric_id id)
{
    struct series **place = &scope->series[metrics->places[id]];

    if (*place == NULL)
        *place = make_series(metrics, scope, id);
    return *place;
}

/* What has been counted in this turn, and shall count if its commit succeeds. */
struct withheld {
    struct series *series;
    double value;
};

static void series_count(struct series *series, double value)
{
    if (series->counts == NULL)
        series_add(series, value);
    else
        series_observe(series, value);
}

void metrics_observe(struct server_metrics *metrics, struct metric_scope *scope, enum metric_id id, double value)
{
    struct withheld counted = {metrics_series(metrics, scope, id), value};

    if (metrics->withholds)
        buffer_append(&metrics->withheld, &counted, sizeof(counted));
    else
        series_count(counted.series, value);
}

void metrics_count(struct server_metrics *metrics, struct metric_scope *scope, enum metric_id id)
{
    metrics_observe(metrics, scope, id, 1);
}

void metrics_turn_is_stored(struct server_metrics *metrics)
{
    if (metrics == NULL)
        return;
    for (size_t at = 0; at < metrics->withheld.len; at += sizeof(struct withheld)) {
        struct withheld counted;

        memcpy(&counted, metrics->withheld.data + at, sizeof(counted));
        series_count(counted.series, counted.value);
    }
    metrics->withheld.len = 0;
}

void metrics_turn_is_undone(struct server_metrics *metrics)
{
    if (metrics != NULL)
        metrics->withheld.len = 0;
}

/* ---- life ---- */

static void find_namespace_field(const struct rpc *rpc, struct rpc_metrics *ret_metrics)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(rpc->request, "namespace");

    ret_metrics->is_counted = rpc->kind == UNARY && strncmp(rpc->service, "temporal.", strlen("temporal.")) == 0;
    if (field != NULL && field->type == PROTOBUF_C_TYPE_STRING && field->label != PROTOBUF_C_LABEL_REPEATED)
        ret_metrics->namespace_offset = field->offset;
}

struct server_metrics *server_metrics_new(struct server *server)
{
    struct server_metrics *metrics = memory_new(sizeof(*metrics));
    const char *none[VALUES_MAX] = {0};

    metrics->server = server;
    metrics->registry = metrics_new();
    for (size_t id = 0; id < METRICS_COUNT; id++) {
        const struct metric_line *line = &lines[id];

        metrics->families[id] = metrics_family(metrics->registry, line->name, line->help, line->kind, line->buckets);
        metrics->places[id] = metrics->class_counts[label_sets[line->set].class]++;
    }
    metrics->own = metrics_scope_of(metrics, CLASS_SERVER, none);
    metrics->rpcs = memory_new(rpc_table_count * sizeof(metrics->rpcs[0]));
    for (size_t i = 0; i < rpc_table_count; i++)
        find_namespace_field(&rpc_table[i], &metrics->rpcs[i]);
    return metrics;
}

void server_metrics_free(struct server_metrics *metrics)
{
    struct metric_scope *scope, *next;

    if (metrics == NULL)
        return;
    HASH_ITER (hh, metrics->scopes, scope, next) {
        HASH_DEL(metrics->scopes, scope);
        scope_free(scope);
    }
    for (size_t class = 0; class < CLASSES_COUNT; class ++)
        scope_free(metrics->others[class]);
    metrics_free(metrics->registry);
    buffer_free(&metrics->key);
    buffer_free(&metrics->labels);
    buffer_free(&metrics->withheld);
    memory_free(metrics->rpcs);
    memory_free(metrics);
}

void server_metrics_write(struct server_metrics *metrics, struct buffer *page)
{
    metrics_collect(metrics->server, metrics->registry);
    metrics_write(metrics->registry, page);
}

/* ---- turns ---- */

void metrics_turn(struct server_metrics *metrics)
{
    metrics_count(metrics, metrics->own, METRIC_TURNS);
}

void metrics_commit(struct server_metrics *metrics, nanos took, uint64_t rows, uint64_t answers, bool failed)
{
    if (failed) {
        metrics_count(metrics, metrics->own, METRIC_PERSISTENCE_ERRORS);
        return;
    }
    metrics_observe(metrics, metrics->own, METRIC_PERSISTENCE_LATENCY, metrics_seconds(took));
    metrics_observe(metrics, metrics->own, METRIC_COMMIT_ROWS, (double)rows);
    metrics_observe(metrics, metrics->own, METRIC_TURN_ANSWERS, (double)answers);
}
