/*
 * What the files of server/metrics count with: which metrics there are, the values that their labels have, and who
 * keeps them.
 */
#ifndef FERMATA_SERVER_METRICS_SCOPES_H
#define FERMATA_SERVER_METRICS_SCOPES_H

#include "base/bytes.h"
#include "base/hash_table.h"
#include "base/metrics.h"
#include "proto/api.h"
#include "server/metrics/server_metrics.h"

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

enum metric_id {
#define METRIC(id, set, kind, name, constants, help) METRIC_##id,
#include "server/metrics/metrics.def"
#undef METRIC
    METRICS_COUNT
};

struct metric_scope {
    UT_hash_handle hh;
    enum scope_class class;
    PbVersioningBehavior behavior; /* CLASS_WORKFLOW: which one its value names */
    const char *values[VALUES_MAX];
    struct series **series; /* NULL: not made yet */
    char key[];
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

/* The scope of these values, made when there is none. */
struct metric_scope *metrics_scope_of(struct server_metrics *metrics, enum scope_class class,
                                      const char *const *values);

/* The series of a metric in its scope, made when there is none: for gauges, which go up and down. */
struct series *metrics_series(struct server_metrics *metrics, struct metric_scope *scope, enum metric_id id);

/* Counts one; counts a value in a histogram. With metrics->withholds: when the turn has been stored. */
void metrics_count(struct server_metrics *metrics, struct metric_scope *scope, enum metric_id id);
void metrics_observe(struct server_metrics *metrics, struct metric_scope *scope, enum metric_id id, double value);

/* As Prometheus has times. */
static inline double metrics_seconds(nanos span)
{
    return (double)span / (double)NANOS_PER_SECOND;
}

#endif
