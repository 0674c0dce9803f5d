/*
 * Series are found in two steps, both remembered: who counts finds its scope by the values of its labels once, and the
 * scope keeps the series that have been made of these values, a place for each metric of its class.
 */
#include "server/metrics/server_metrics.h"

#include <string.h>

#include "base/hash_table.h"
#include "history/decide.h"
#include "proto/pb.h"
#include "server/metrics/parts.h"
#include "server/services/namespaces.h"

/* As the values of labels, series are bounded (MX2). A scope takes some 300 bytes. */
enum { SCOPES_MAX = 10000 };

/* Who has not polled for so long does not count as a poller. Server 1.32.0: matching.noPollerThreshold */
#define RECENT_POLL seconds(120)

/* ---- metrics by the table ---- */

/* What a scope's values are. */
enum scope_class {
    CLASS_SERVER,
    CLASS_RPC,
    CLASS_QUEUE,
    CLASS_WORKFLOW,
    CLASS_ACTIVITY,
    CLASS_FAILURE,
    CLASS_COMMAND,
    CLASSES_COUNT
};
enum { RPC_NAMESPACE, RPC_OPERATION, RPC_VALUES };
enum {
    QUEUE_NAMESPACE,
    QUEUE_PARTITION,
    QUEUE_KIND,
    QUEUE_TASK_TYPE,
    QUEUE_NAME,
    QUEUE_BUILD_ID,
    QUEUE_DEPLOYMENT,
    QUEUE_VERSION,
    QUEUE_VALUES
};
enum { WORKFLOW_NAMESPACE, WORKFLOW_QUEUE, WORKFLOW_TYPE, WORKFLOW_BEHAVIOR, WORKFLOW_VALUES };
enum { ACTIVITY_TYPE = WORKFLOW_VALUES, ACTIVITY_VALUES }; /* behind those of its workflow */
enum { FAILURE_NAMESPACE, FAILURE_BEHAVIOR, FAILURE_CAUSE, FAILURE_VALUES };
enum { COMMAND_NAMESPACE, COMMAND_TYPE, COMMAND_VALUES };
enum { VALUES_MAX = QUEUE_VALUES };

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

enum metric_id {
#define METRIC(id, set, kind, name, constants, help) METRIC_##id,
#include "server/metrics/metrics.def"
#undef METRIC
    METRICS_COUNT
};

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

struct metric_scope {
    UT_hash_handle hh;
    enum scope_class class;
    PbVersioningBehavior behavior; /* CLASS_WORKFLOW: which one its value names */
    const char *values[VALUES_MAX];
    struct series **series; /* NULL: not made yet */
    char key[];
};

/* What has been counted in this turn, and shall count if its commit succeeds. */
struct withheld {
    struct series *series;
    double value;
};

struct server_metrics {
    struct server *server;
    struct metrics *registry;
    struct metric_family *families[METRICS_COUNT];
    size_t places[METRICS_COUNT]; /* in the scopes of its class */
    size_t class_counts[CLASSES_COUNT];
    struct metric_scope *scopes;
    struct metric_scope *others[CLASSES_COUNT]; /* for what is beyond SCOPES_MAX */
    struct metric_scope *own;
    struct buffer key, labels; /* scratch */
    struct rpc_metrics *rpcs;  /* of each line of rpc_table */
    struct buffer withheld;    /* of struct withheld */
    bool withholds;            /* what is counted now */
};

/* A method's scope that was used last, and where in its requests the namespace is. */
struct rpc_metrics {
    struct metric_scope *latest[2]; /* the second: is_history_poll */
    size_t namespace_offset;        /* 0: requests have none */
    bool is_counted;
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

static struct metric_scope *find_scope(struct server_metrics *metrics, enum scope_class class,
                                       const char *const *values)
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

static struct series *series_of(struct server_metrics *metrics, struct metric_scope *scope, enum metric_id id)
{
    struct series **place = &scope->series[metrics->places[id]];

    if (*place == NULL)
        *place = make_series(metrics, scope, id);
    return *place;
}

static void series_count(struct series *series, double value)
{
    if (series->counts == NULL)
        series_add(series, value);
    else
        series_observe(series, value);
}

static void observe(struct server_metrics *metrics, struct metric_scope *scope, enum metric_id id, double value)
{
    struct withheld counted = {series_of(metrics, scope, id), value};

    if (metrics->withholds)
        buffer_append(&metrics->withheld, &counted, sizeof(counted));
    else
        series_count(counted.series, value);
}

static void count(struct server_metrics *metrics, struct metric_scope *scope, enum metric_id id)
{
    observe(metrics, scope, id, 1);
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

static double as_seconds(nanos span)
{
    return (double)span / (double)NANOS_PER_SECOND;
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
    metrics->own = find_scope(metrics, CLASS_SERVER, none);
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

/* ---- calls ---- */

/* The namespace that the request names; one that is not there could be any text. */
static const char *namespace_of(const struct call *call, const char *name)
{
    const struct namespace_info *ns;

    if (name == NULL || name[0] == '\0' ||
        !status_is_ok(namespaces_find(call->server->namespaces, call->arena, name, &ns)))
        return "_unknown_";
    return ns->name;
}

/* Whether it waits for events, which the real server counts as a method of its own. */
static bool is_history_poll(const struct call *call)
{
    const PbGetWorkflowExecutionHistoryRequest *history = call->request;

    return call->rpc->request == &PbGetWorkflowExecutionHistoryRequest_descriptor && history->wait_new_event;
}

/* The real server tells the services apart by the names of their methods. */
static const char *operation_of(const struct call *call)
{
    const struct rpc *rpc = call->rpc;

    if (strstr(rpc->service, ".operatorservice.") != NULL)
        return arena_printf(call->arena, "Operator%s", rpc->method);
    if (strstr(rpc->service, ".adminservice.") != NULL)
        return arena_printf(call->arena, "Admin%s", rpc->method);
    return is_history_poll(call) ? "PollWorkflowExecutionHistory" : rpc->method;
}

static struct metric_scope *scope_of_call(struct server_metrics *metrics, const struct call *call)
{
    struct rpc_metrics *rpc = &metrics->rpcs[call->rpc - rpc_table];
    const char *name =
        rpc->namespace_offset == 0 ? "" : *(const char *const *)((const char *)call->request + rpc->namespace_offset);
    const char *values[RPC_VALUES];
    struct metric_scope **latest;

    if (!rpc->is_counted)
        return NULL;
    latest = &rpc->latest[is_history_poll(call)];
    if (*latest != NULL && (rpc->namespace_offset == 0 || strcmp((*latest)->values[RPC_NAMESPACE], name) == 0))
        return *latest;
    values[RPC_NAMESPACE] = namespace_of(call, name);
    values[RPC_OPERATION] = operation_of(call);
    *latest = find_scope(metrics, CLASS_RPC, values);
    return *latest;
}

void metrics_call_begins(struct call *call)
{
    struct server_metrics *metrics = call->server->metrics;

    if (metrics == NULL)
        return;
    call->metrics = scope_of_call(metrics, call);
    if (call->metrics == NULL)
        return;
    call->began = clock_monotonic(call->server->clock);
    count(metrics, call->metrics, METRIC_SERVICE_REQUESTS);
    series_add(series_of(metrics, call->metrics, METRIC_SERVICE_PENDING_REQUESTS), 1);
}

void metrics_call_parks(struct call *call)
{
    if (call->metrics != NULL)
        call->waited -= clock_monotonic(call->server->clock); /* the other end is added by metrics_call_is_answered */
}

void metrics_call_is_answered(struct call *call)
{
    if (call->metrics != NULL && call->waited < 0)
        call->waited += clock_monotonic(call->server->clock);
}

/* "serviceerror_NotFound": the type that the error has in Go, which its detail message is named after. */
static const char *error_type(struct arena *arena, const status *answer)
{
    static const char *const of_code[] = {
        [GRPC_CANCELLED] = "Canceled",
        [GRPC_UNKNOWN] = "Unknown",
        [GRPC_INVALID_ARGUMENT] = "InvalidArgument",
        [GRPC_DEADLINE_EXCEEDED] = "DeadlineExceeded",
        [GRPC_NOT_FOUND] = "NotFound",
        [GRPC_ALREADY_EXISTS] = "AlreadyExists",
        [GRPC_PERMISSION_DENIED] = "PermissionDenied",
        [GRPC_RESOURCE_EXHAUSTED] = "ResourceExhausted",
        [GRPC_FAILED_PRECONDITION] = "FailedPrecondition",
        [GRPC_ABORTED] = "Aborted",
        [GRPC_OUT_OF_RANGE] = "OutOfRange",
        [GRPC_UNIMPLEMENTED] = "Unimplemented",
        [GRPC_INTERNAL] = "Internal",
        [GRPC_UNAVAILABLE] = "Unavailable",
        [GRPC_DATA_LOSS] = "DataLoss",
        [GRPC_UNAUTHENTICATED] = "Unauthenticated",
    };
    static const char suffix[] = "Failure";
    const ProtobufCMessage *detail = answer->detail;
    const char *type;
    size_t len;

    if (detail == NULL)
        return arena_printf(arena, "serviceerror_%s", of_code[answer->code]);
    type = detail->descriptor->short_name;
    len = strlen(type);
    if (len > sizeof(suffix) - 1 && strcmp(type + len - (sizeof(suffix) - 1), suffix) == 0)
        len -= sizeof(suffix) - 1;
    return arena_printf(arena, "serviceerror_%.*s", (int)len, type);
}

/* Errors are rare and have labels of their own: they are looked up each time. */
static void count_error(struct server_metrics *metrics, const struct call *call)
{
    struct metric_family *family =
        metrics_family(metrics->registry, "service_error_with_type", "Calls that failed, by the type of their error",
                       METRIC_COUNTER, NULL);

    metrics->labels.len = 0;
    metric_labels_add(&metrics->labels, "error_type", error_type(call->arena, &call->answer));
    metric_labels_add(&metrics->labels, "namespace", call->metrics->values[RPC_NAMESPACE]);
    metric_labels_add(&metrics->labels, "operation", call->metrics->values[RPC_OPERATION]);
    metric_labels_add(&metrics->labels, "service_name", "frontend");
    series_add(metric_series(family, (struct bytes){metrics->labels.data, metrics->labels.len}), 1);
}

static void count_exhaustion(struct server_metrics *metrics, const struct call *call)
{
    struct metric_family *family = metrics_family(metrics->registry, "service_errors_resource_exhausted",
                                                  "Calls that were refused because of a limit", METRIC_COUNTER, NULL);
    const ProtobufCMessage *detail = call->answer.detail;
    const PbResourceExhaustedFailure *failure = NULL;

    if (detail != NULL && detail->descriptor == &PbResourceExhaustedFailure_descriptor)
        failure = call->answer.detail;
    metrics->labels.len = 0;
    metric_labels_add(&metrics->labels, "namespace", call->metrics->values[RPC_NAMESPACE]);
    metric_labels_add(&metrics->labels, "operation", call->metrics->values[RPC_OPERATION]);
    metric_labels_add(&metrics->labels, "resource_exhausted_cause",
                      pb_enum_short_name(call->arena, &PbResourceExhaustedCause_descriptor,
                                         failure == NULL ? 0 : (int)failure->cause, "RESOURCE_EXHAUSTED_CAUSE_"));
    metric_labels_add(&metrics->labels, "resource_exhausted_scope",
                      pb_enum_short_name(call->arena, &PbResourceExhaustedScope_descriptor,
                                         failure == NULL ? 0 : (int)failure->scope, "RESOURCE_EXHAUSTED_SCOPE_"));
    metric_labels_add(&metrics->labels, "service_name", "frontend");
    series_add(metric_series(family, (struct bytes){metrics->labels.data, metrics->labels.len}), 1);
}

void metrics_call_ends(struct call *call)
{
    struct server_metrics *metrics = call->server->metrics;
    nanos took;

    if (call->metrics == NULL)
        return;
    metrics_call_is_answered(call);
    took = clock_monotonic(call->server->clock) - call->began;
    series_add(series_of(metrics, call->metrics, METRIC_SERVICE_PENDING_REQUESTS), -1);
    observe(metrics, call->metrics, METRIC_SERVICE_LATENCY, as_seconds(took));
    observe(metrics, call->metrics, METRIC_SERVICE_LATENCY_OURS, as_seconds(took - call->waited));
    if (call->waited > 0)
        observe(metrics, call->metrics, METRIC_SERVICE_LATENCY_USER, as_seconds(call->waited));
    if (!status_is_ok(call->answer))
        count_error(metrics, call);
    if (call->answer.code == GRPC_RESOURCE_EXHAUSTED)
        count_exhaustion(metrics, call);
    call->metrics = NULL;
}

void metrics_http_call(struct call *call)
{
    struct server_metrics *metrics = call->server->metrics;
    struct metric_family *family;

    if (call->metrics == NULL)
        return;
    family = metrics_family(metrics->registry, "http_service_requests", "Calls over HTTP", METRIC_COUNTER, NULL);
    metrics->labels.len = 0;
    metric_labels_add(&metrics->labels, "namespace", call->metrics->values[RPC_NAMESPACE]);
    metric_labels_add(&metrics->labels, "operation", call->rpc->path);
    metric_labels_add(&metrics->labels, "service_name", "frontend");
    series_add(metric_series(family, (struct bytes){metrics->labels.data, metrics->labels.len}), 1);
}

/* ---- runs ---- */

static const char *behavior_name(PbVersioningBehavior behavior)
{
    switch (behavior) {
    case VERSIONING_BEHAVIOR_PINNED:
        return "Pinned";
    case VERSIONING_BEHAVIOR_AUTO_UPGRADE:
        return "AutoUpgrade";
    default:
        return "Unspecified";
    }
}

static struct metric_scope *scope_of_run(struct server_metrics *metrics, const struct namespace_info *ns,
                                         const struct mutable_state *ms, struct metric_scope **scope)
{
    PbVersioningBehavior behavior = versioning_effective_behavior(ms);
    const char *values[WORKFLOW_VALUES];

    if (*scope != NULL && (*scope)->behavior == behavior)
        return *scope;
    values[WORKFLOW_NAMESPACE] = ns->name;
    values[WORKFLOW_QUEUE] = ms->task_queue;
    values[WORKFLOW_TYPE] = ms->workflow_type;
    values[WORKFLOW_BEHAVIOR] = behavior_name(behavior);
    *scope = find_scope(metrics, CLASS_WORKFLOW, values);
    (*scope)->behavior = behavior;
    return *scope;
}

static void count_close(struct server_metrics *metrics, struct metric_scope *scope, const struct mutable_state *ms)
{
    enum metric_id id;

    switch (ms->status) {
    case WORKFLOW_EXECUTION_STATUS_COMPLETED:
        id = METRIC_WORKFLOW_SUCCESS;
        break;
    case WORKFLOW_EXECUTION_STATUS_FAILED:
        id = METRIC_WORKFLOW_FAILED;
        break;
    case WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
        id = METRIC_WORKFLOW_TIMEOUT;
        break;
    case WORKFLOW_EXECUTION_STATUS_TERMINATED:
        id = METRIC_WORKFLOW_TERMINATE;
        break;
    case WORKFLOW_EXECUTION_STATUS_CANCELED:
        id = METRIC_WORKFLOW_CANCEL;
        break;
    case WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
        id = METRIC_WORKFLOW_CONTINUED_AS_NEW;
        break;
    default:
        return;
    }
    count(metrics, scope, id);
    observe(metrics, scope, METRIC_WORKFLOW_SCHEDULE_TO_CLOSE, as_seconds(ms->close_time - ms->start_time));
    observe(metrics, scope, METRIC_HISTORY_COUNT, (double)(ms->next_event_id - 1));
    observe(metrics, scope, METRIC_HISTORY_SIZE, (double)ms->history_bytes);
}

static void count_commands(struct server_metrics *metrics, const struct metric_scope *run, const struct transition *t)
{
    const PbRespondWorkflowTaskCompletedRequest *completion = t->ended_task.completion;

    for (size_t i = 0; i < completion->n_commands; i++) {
        const char *values[COMMAND_VALUES] = {
            [COMMAND_NAMESPACE] = run->values[WORKFLOW_NAMESPACE],
            [COMMAND_TYPE] = command_type_name(t->arena, completion->commands[i]->command_type),
        };

        count(metrics, find_scope(metrics, CLASS_COMMAND, values), METRIC_COMMANDS);
    }
}

static void count_task(struct server_metrics *metrics, struct metric_scope *scope, const struct transition *t)
{
    const struct ended_task *task = &t->ended_task;
    bool is_first = task->attempt <= 1;

    switch (task->how) {
    case TASK_NOT_ENDED:
        break;
    case TASK_COMPLETED:
        count(metrics, scope, is_first ? METRIC_WORKFLOW_TASKS_COMPLETED : METRIC_WORKFLOW_TASKS_COMPLETED_AGAIN);
        observe(metrics, scope, METRIC_WORKFLOW_TASK_ATTEMPT, task->attempt);
        count(metrics, metrics->own, t->ms->sticky_queue != NULL ? METRIC_STICKY_ENABLED : METRIC_STICKY_DISABLED);
        count_commands(metrics, scope, t);
        break;
    case TASK_FAILED: {
        const char *values[FAILURE_VALUES] = {
            [FAILURE_NAMESPACE] = scope->values[WORKFLOW_NAMESPACE],
            [FAILURE_BEHAVIOR] = scope->values[WORKFLOW_BEHAVIOR],
            [FAILURE_CAUSE] = failed_cause_name(t->arena, task->cause),
        };

        count(metrics, find_scope(metrics, CLASS_FAILURE, values),
              is_first ? METRIC_FAILED_WORKFLOW_TASKS : METRIC_FAILED_WORKFLOW_TASKS_AGAIN);
        break;
    }
    case TASK_TIMED_OUT:
        if (task->timeout == TIMEOUT_TYPE_SCHEDULE_TO_START)
            count(metrics, scope, METRIC_WORKFLOW_TASK_STICKY_TIMEOUT);
        else
            count(metrics, scope, is_first ? METRIC_WORKFLOW_TASK_TIMEOUT : METRIC_WORKFLOW_TASK_TIMEOUT_AGAIN);
        break;
    }
}

/* What an end of an activity counts as. */
static const struct activity_metrics {
    enum metric_id start_to_close, end_to_end, schedule_to_close;
} activity_latencies[] = {
    [ACTIVITY_SUCCEEDED] = {METRIC_ACTIVITY_START_TO_CLOSE_COMPLETED, METRIC_ACTIVITY_END_TO_END_COMPLETED,
                            METRIC_ACTIVITY_SCHEDULE_TO_CLOSE_COMPLETED},
    [ACTIVITY_FAILED] = {METRIC_ACTIVITY_START_TO_CLOSE_FAILED, METRIC_ACTIVITY_END_TO_END_FAILED,
                         METRIC_ACTIVITY_SCHEDULE_TO_CLOSE_FAILED},
    [ACTIVITY_TIMED_OUT] = {METRICS_COUNT, METRICS_COUNT, METRIC_ACTIVITY_SCHEDULE_TO_CLOSE_TIMED_OUT},
    [ACTIVITY_CANCELED] = {METRIC_ACTIVITY_START_TO_CLOSE_CANCELED, METRIC_ACTIVITY_END_TO_END_CANCELED,
                           METRIC_ACTIVITY_SCHEDULE_TO_CLOSE_CANCELED},
};

/* `run`: its workflow's scope. */
static void count_activity_timeout(struct server_metrics *metrics, struct metric_scope *run, struct metric_scope *scope,
                                   const struct ended_activity *ended)
{
    bool is_first = ended->attempt <= 1;
    enum metric_id kind, attempt, closed;

    switch (ended->timeout) {
    case TIMEOUT_TYPE_SCHEDULE_TO_START:
        kind = is_first ? METRIC_ATTEMPT_SCHEDULE_TO_START_TIMEOUT : METRIC_ATTEMPT_SCHEDULE_TO_START_TIMEOUT_AGAIN;
        attempt = METRIC_ACTIVITY_TASK_TIMEOUT_SCHEDULE_TO_START;
        closed = METRIC_ACTIVITY_TIMEOUT_SCHEDULE_TO_START;
        break;
    case TIMEOUT_TYPE_SCHEDULE_TO_CLOSE:
        kind = is_first ? METRIC_ATTEMPT_SCHEDULE_TO_CLOSE_TIMEOUT : METRIC_ATTEMPT_SCHEDULE_TO_CLOSE_TIMEOUT_AGAIN;
        attempt = METRIC_ACTIVITY_TASK_TIMEOUT_SCHEDULE_TO_CLOSE;
        closed = METRIC_ACTIVITY_TIMEOUT_SCHEDULE_TO_CLOSE;
        break;
    case TIMEOUT_TYPE_HEARTBEAT:
        kind = is_first ? METRIC_ATTEMPT_HEARTBEAT_TIMEOUT : METRIC_ATTEMPT_HEARTBEAT_TIMEOUT_AGAIN;
        attempt = METRIC_ACTIVITY_TASK_TIMEOUT_HEARTBEAT;
        closed = METRIC_ACTIVITY_TIMEOUT_HEARTBEAT;
        break;
    default:
        kind = is_first ? METRIC_ATTEMPT_START_TO_CLOSE_TIMEOUT : METRIC_ATTEMPT_START_TO_CLOSE_TIMEOUT_AGAIN;
        attempt = METRIC_ACTIVITY_TASK_TIMEOUT_START_TO_CLOSE;
        closed = METRIC_ACTIVITY_TIMEOUT_START_TO_CLOSE;
        break;
    }
    count(metrics, scope, attempt);
    if (ended->is_closed) {
        count(metrics, scope, closed);
        count(metrics, run, kind);
    }
}

static void count_activity(struct server_metrics *metrics, struct metric_scope *run, const struct ended_activity *ended,
                           nanos now)
{
    const struct activity_metrics *latencies = &activity_latencies[ended->how];
    const char *values[ACTIVITY_VALUES];
    struct metric_scope *scope;

    memcpy(values, run->values, sizeof(run->values[0]) * WORKFLOW_VALUES);
    values[WORKFLOW_QUEUE] = ended->task_queue;
    values[ACTIVITY_TYPE] = ended->type;
    scope = find_scope(metrics, CLASS_ACTIVITY, values);
    switch (ended->how) {
    case ACTIVITY_SUCCEEDED:
        count(metrics, scope, METRIC_ACTIVITY_SUCCESS);
        break;
    case ACTIVITY_FAILED:
        count(metrics, scope, METRIC_ACTIVITY_TASK_FAIL);
        if (ended->is_closed)
            count(metrics, scope, METRIC_ACTIVITY_FAIL);
        break;
    case ACTIVITY_TIMED_OUT:
        count_activity_timeout(metrics, run, scope, ended);
        break;
    case ACTIVITY_CANCELED:
        count(metrics, scope, METRIC_ACTIVITY_CANCEL);
        break;
    }
    if (latencies->start_to_close != METRICS_COUNT && ended->started_time > 0) {
        observe(metrics, scope, latencies->start_to_close, as_seconds(now - ended->started_time));
        observe(metrics, scope, latencies->end_to_end, as_seconds(now - ended->started_time));
    }
    if (ended->is_closed)
        observe(metrics, scope, latencies->schedule_to_close, as_seconds(now - ended->first_scheduled_time));
}

void metrics_transition(struct server_metrics *metrics, const struct namespace_info *ns, const struct transition *t,
                        struct metric_scope **scope)
{
    struct metric_scope *run = scope_of_run(metrics, ns, t->ms, scope);

    metrics->withholds = true;
    observe(metrics, run, METRIC_STATE_TRANSITION_COUNT, (double)t->ms->transitions);
    count_task(metrics, run, t);
    for (const struct ended_activity *ended = t->ended_activities; ended != NULL; ended = ended->next)
        count_activity(metrics, run, ended, t->now);
    if (!mutable_state_is_open(t->ms) && t->events_count > 0)
        count_close(metrics, run, t->ms);
    metrics->withholds = false;
}

/* ---- queues ---- */

static struct metric_scope *scope_of_queue(struct server_metrics *metrics, const struct matching_observation *seen)
{
    struct metric_scope *scope = *seen->note;
    const struct namespace_info *ns;
    struct queue_labels labels;

    if (scope != NULL)
        return scope;
    ns = namespaces_find_by_id(metrics->server->namespaces, seen->queue.namespace_id);
    metrics_name_queue(&seen->queue, seen->normal_name, &seen->version, &labels);
    scope = find_scope(metrics, CLASS_QUEUE,
                       (const char *const[QUEUE_VALUES]){
                           [QUEUE_NAMESPACE] = ns == NULL ? "_unknown_" : ns->name,
                           [QUEUE_PARTITION] = labels.partition,
                           [QUEUE_KIND] = seen->queue.is_sticky ? labels.partition : "__normal__",
                           [QUEUE_TASK_TYPE] = labels.task_type,
                           [QUEUE_NAME] = labels.taskqueue,
                           [QUEUE_BUILD_ID] = labels.build_id,
                           [QUEUE_DEPLOYMENT] = labels.deployment,
                           [QUEUE_VERSION] = labels.version,
                       });
    *seen->note = scope;
    return scope;
}

static void count_added(struct server_metrics *metrics, struct metric_scope *scope,
                        const struct matching_observation *seen)
{
    static const enum metric_id ids[2][3] = {
        {METRIC_TASKS_ADDED_SYNC, METRIC_TASKS_ADDED_SYNC_PINNED, METRIC_TASKS_ADDED_SYNC_AUTO},
        {METRIC_TASKS_ADDED_BACKLOG, METRIC_TASKS_ADDED_BACKLOG_PINNED, METRIC_TASKS_ADDED_BACKLOG_AUTO},
    };
    const struct task_route *route = &seen->task->route;
    bool waits = seen->event == MATCHING_ADDED_TO_BACKLOG;

    if (seen->task->kind == TASK_QUERY)
        return;
    count(metrics, scope, ids[waits][route->is_pinned ? 1 : route->is_bound ? 2 : 0]);
    if (waits && !seen->queue.is_sticky &&
        !matching_has_recent_poll(metrics->server->matching, &seen->queue, RECENT_POLL))
        count(metrics, scope, METRIC_NO_POLLER_TASKS);
}

static void count_started(struct server_metrics *metrics, struct metric_scope *scope,
                          const struct matching_observation *seen)
{
    double took = as_seconds(clock_now(metrics->server->clock) - seen->task->created);
    bool is_workflow = seen->task->kind == TASK_WORKFLOW, at_once = seen->event == MATCHING_STARTED_AT_ONCE;

    count(metrics, scope, METRIC_POLL_SUCCESS);
    if (at_once)
        count(metrics, scope, METRIC_POLL_SUCCESS_SYNC);
    observe(metrics, scope, METRIC_POLL_LATENCY, as_seconds(seen->polled));
    if (seen->task->kind == TASK_QUERY)
        return;
    if (at_once)
        observe(metrics, scope, is_workflow ? METRIC_SYNCMATCH_LATENCY_WORKFLOW : METRIC_SYNCMATCH_LATENCY_ACTIVITY,
                took);
    else
        observe(metrics, scope, is_workflow ? METRIC_ASYNCMATCH_LATENCY_WORKFLOW : METRIC_ASYNCMATCH_LATENCY_ACTIVITY,
                took);
    observe(metrics, scope, is_workflow ? METRIC_SCHEDULE_TO_START_WORKFLOW : METRIC_SCHEDULE_TO_START_ACTIVITY, took);
}

void metrics_observe_matching(struct server_metrics *metrics, const struct matching_observation *seen)
{
    struct metric_scope *scope = scope_of_queue(metrics, seen);

    metrics->withholds = true;
    switch (seen->event) {
    case MATCHING_ADDED_TO_POLL:
    case MATCHING_ADDED_TO_BACKLOG:
        count_added(metrics, scope, seen);
        break;
    case MATCHING_STARTED_AT_ONCE:
    case MATCHING_STARTED_LATER:
        count_started(metrics, scope, seen);
        break;
    case MATCHING_POLL_ENDED_EMPTY:
        count(metrics, scope, METRIC_POLL_TIMEOUTS);
        observe(metrics, scope, METRIC_POLL_LATENCY_EMPTY, as_seconds(seen->polled));
        break;
    }
    metrics->withholds = false;
}

/* ---- turns ---- */

void metrics_turn(struct server_metrics *metrics)
{
    count(metrics, metrics->own, METRIC_TURNS);
}

void metrics_commit(struct server_metrics *metrics, nanos took, uint64_t rows, uint64_t answers, bool failed)
{
    if (failed) {
        count(metrics, metrics->own, METRIC_PERSISTENCE_ERRORS);
        return;
    }
    observe(metrics, metrics->own, METRIC_PERSISTENCE_LATENCY, as_seconds(took));
    observe(metrics, metrics->own, METRIC_COMMIT_ROWS, (double)rows);
    observe(metrics, metrics->own, METRIC_TURN_ANSWERS, (double)answers);
}
