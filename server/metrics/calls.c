/* What counts of calls: how many, how long, what they end with. */
#include <string.h>

#include "proto/pb.h"
#include "server/metrics/scopes.h"
#include "server/services/namespaces.h"

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
    *latest = metrics_scope_of(metrics, CLASS_RPC, values);
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
    metrics_count(metrics, call->metrics, METRIC_SERVICE_REQUESTS);
    series_add(metrics_series(metrics, call->metrics, METRIC_SERVICE_PENDING_REQUESTS), 1);
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
    series_add(metrics_series(metrics, call->metrics, METRIC_SERVICE_PENDING_REQUESTS), -1);
    metrics_observe(metrics, call->metrics, METRIC_SERVICE_LATENCY, metrics_seconds(took));
    metrics_observe(metrics, call->metrics, METRIC_SERVICE_LATENCY_OURS, metrics_seconds(took - call->waited));
    if (call->waited > 0)
        metrics_observe(metrics, call->metrics, METRIC_SERVICE_LATENCY_USER, metrics_seconds(call->waited));
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
