/*
 * What is looked up when somebody asks: the present state of queues, memory and caches, and what other parts of the
 * server count for themselves. It costs nothing in between.
 */
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "persistence/store.h"
#include "server/engine/engine.h"
#include "server/grpc/transport.h"
#include "server/metrics/parts.h"
#include "server/options.h"
#include "server/services/namespaces.h"

/* A page that is being made. */
struct collection {
    struct server *server;
    struct metrics *metrics;
    struct buffer labels;
    struct metric_family *backlog_count, *backlog_age, *pending_polls, *pollers, *queues, *persistence;
};

void metrics_name_queue(const struct queue_name *queue, const char *normal_name, const struct queue_version *version,
                        struct queue_labels *ret_labels)
{
    const char *deployment = version->deployment == NULL ? "" : version->deployment;
    const char *build_id = version->build_id == NULL ? "" : version->build_id;

    ret_labels->partition = queue->is_sticky ? "__sticky__" : "0";
    ret_labels->task_type = queue->type == QUEUE_ACTIVITY ? "Activity"
                            : queue->type == QUEUE_NEXUS  ? "Nexus"
                                                          : "Workflow";
    ret_labels->taskqueue =
        queue->is_sticky && normal_name != NULL && normal_name[0] != '\0' ? normal_name : queue->name;
    ret_labels->build_id = build_id;
    ret_labels->deployment = deployment;
    if (queue_version_is_set(version))
        snprintf(ret_labels->version, sizeof(ret_labels->version), "%s%s%s", deployment,
                 deployment[0] == '\0' ? "" : ":", build_id);
    else
        snprintf(ret_labels->version, sizeof(ret_labels->version), "__unversioned__");
}

/* ---- labels ---- */

/* A family whose series are those that are set for this page. */
static struct metric_family *anew(struct collection *c, const char *name, enum metric_kind kind, const char *help)
{
    struct metric_family *family = metrics_family(c->metrics, name, help, kind, NULL);

    metric_family_clear(family);
    return family;
}

/* The series with the labels that have been put together. */
static struct series *labelled(struct collection *c, struct metric_family *family)
{
    return metric_series(family, (struct bytes){c->labels.data, c->labels.len});
}

static void begin_labels(struct collection *c, const char *constants)
{
    c->labels.len = 0;
    buffer_append(&c->labels, constants, strlen(constants));
}

/* Sets one without labels, or with these. */
static void set(struct collection *c, const char *name, enum metric_kind kind, const char *labels, double value,
                const char *help)
{
    begin_labels(c, labels);
    series_set(labelled(c, metrics_family(c->metrics, name, help, kind, NULL)), value);
}

#define FRONTEND "service_name=\"frontend\""
#define HISTORY  "service_name=\"history\""
#define MATCHING "service_name=\"matching\""

/* ---- queues ---- */

static void name_namespace(struct collection *c, int64_t id)
{
    const struct namespace_info *ns = namespaces_find_by_id(c->server->namespaces, id);

    metric_labels_add(&c->labels, "namespace", ns == NULL ? "_unknown_" : ns->name);
}

static void name_queue(struct collection *c, const char *constants, const struct queue_report *report)
{
    struct queue_labels labels;

    metrics_name_queue(&report->queue, report->normal_name, &report->version, &labels);
    begin_labels(c, constants);
    name_namespace(c, report->queue.namespace_id);
    metric_labels_add(&c->labels, "partition", labels.partition);
    metric_labels_add(&c->labels, "task_type", labels.task_type);
    metric_labels_add(&c->labels, "taskqueue", labels.taskqueue);
    metric_labels_add(&c->labels, "worker_build_id", labels.build_id);
    metric_labels_add(&c->labels, "worker_deployment_name", labels.deployment);
    metric_labels_add(&c->labels, "worker_version", labels.version);
}

static void collect_backlog(struct collection *c, const struct queue_report *report)
{
    static const char constants[] = "namespace_state=\"active\",operation=\"TaskQueuePartitionManager\"," MATCHING;
    enum { PRIORITY_SHOWN_ALWAYS = 3, PRIORITIES = 5 };

    name_queue(c, constants, report);
    series_set(labelled(c, c->backlog_age), (double)report->backlog_age / (double)NANOS_PER_SECOND);
    for (int priority = 1; priority <= PRIORITIES; priority++) {
        char text[] = {(char)('0' + priority), '\0'};

        if (priority != PRIORITY_SHOWN_ALWAYS && report->backlog_counts[priority - 1] == 0)
            continue;
        name_queue(c, constants, report);
        metric_labels_add(&c->labels, "task_priority", text);
        series_add(labelled(c, c->backlog_count), (double)report->backlog_counts[priority - 1]);
    }
}

/* Sticky queues of one task queue add up: they differ in their worker, which is no label. */
static void collect_queue(void *context, const struct queue_report *report)
{
    struct collection *c = context;

    collect_backlog(c, report);
    name_queue(c, "namespace_state=\"active\",operation=\"TaskQueueMgr\"," MATCHING, report);
    series_add(labelled(c, c->pending_polls), (double)report->waiting_polls);
    if (report->queue.is_sticky)
        return;
    name_queue(c, "", report);
    series_add(labelled(c, c->pollers), (double)report->pollers);
    if (queue_version_is_set(&report->version))
        return;
    begin_labels(c, "operation=\"MatchingEngine\"," MATCHING);
    name_namespace(c, report->queue.namespace_id);
    metric_labels_add(&c->labels, "task_type", report->queue.type == QUEUE_ACTIVITY ? "Activity" : "Workflow");
    series_add(labelled(c, c->queues), 1);
}

static void collect_queues(struct collection *c)
{
    c->backlog_count = anew(c, "approximate_backlog_count", METRIC_GAUGE, "Tasks that wait, by version of the workers");
    c->backlog_age = anew(c, "approximate_backlog_age_seconds", METRIC_GAUGE, "How long the oldest of them has waited");
    c->pending_polls = anew(c, "pending_polls", METRIC_GAUGE, "Polls that wait for a task");
    c->pollers = anew(c, "fermata_pollers", METRIC_GAUGE, "Workers that have polled lately");
    c->queues = anew(c, "loaded_task_queue_count", METRIC_GAUGE, "Task queues in use");
    matching_each_queue(c->server->matching, collect_queue, c);
}

/* ---- the store, the runs, the transport ---- */

static void collect_operation(void *context, const char *operation, uint64_t count)
{
    struct collection *c = context;

    begin_labels(c, "namespace=\"system\"," HISTORY);
    metric_labels_add(&c->labels, "operation", operation);
    series_add(labelled(c, c->persistence), (double)count);
}

static void collect_store(struct collection *c)
{
    struct store_counts counts = store_counts(c->server->store);

    c->persistence = anew(c, "persistence_requests", METRIC_COUNTER, "Statements of the database");
    store_each_operation(c->server->store, collect_operation, c);
    set(c, "fermata_rows_written", METRIC_COUNTER, "", (double)counts.rows_written, "Rows stored or deleted");
    set(c, "fermata_commits", METRIC_COUNTER, "", (double)counts.commits, "Transactions committed");
    set(c, "fermata_checkpoints", METRIC_COUNTER, "", (double)counts.checkpoints,
        "Times that the WAL was moved into the file");
}

static void collect_runs(struct collection *c)
{
    struct engine_counts counts = engine_counts(c->server->engine);

    set(c, "fermata_runs_loaded", METRIC_GAUGE, "", (double)counts.runs_loaded, "Runs whose state is in memory");
    set(c, "fermata_runs_loaded_bytes", METRIC_GAUGE, "", (double)counts.runs_bytes, "Memory that they take");
    set(c, "fermata_runs_evicted", METRIC_GAUGE, "", (double)counts.runs_parked,
        "Open runs of which only a timer or their worker's sticky queue is in memory");
    set(c, "fermata_runs_folds", METRIC_COUNTER, "", (double)counts.folds, "Runs read from the database");
}

static void collect_transport(struct collection *c)
{
    struct transport_counts counts = transport_counts(c->server->transport);

    set(c, "service_grpc_conn_accepted", METRIC_COUNTER, FRONTEND, (double)counts.accepted, "gRPC connections so far");
    set(c, "service_grpc_conn_closed", METRIC_COUNTER, FRONTEND, (double)(counts.accepted - counts.connections),
        "Those that are over");
    set(c, "service_grpc_conn_active", METRIC_GAUGE, FRONTEND, (double)counts.connections, "Those that are not");
}

/* ---- the process ---- */

static double resident_bytes(void)
{
    FILE *statm = fopen("/proc/self/statm", "re"); /* pages: all, resident; not there in an empty root */
    long resident = 0;

    if (statm == NULL)
        return 0;
    if (fscanf(statm, "%*d %ld", &resident) != 1)
        resident = 0;
    fclose(statm);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static double timeval_seconds(struct timeval time)
{
    static const double microseconds = 1e6;

    return (double)time.tv_sec + (double)time.tv_usec / microseconds;
}

static void collect_process(struct collection *c)
{
    struct mallinfo2 heap = mallinfo2();
    struct rusage usage;

    set(c, "memory_allocated", METRIC_GAUGE, FRONTEND, (double)(heap.uordblks + heap.hblkhd), "Memory in use");
    set(c, "memory_heap", METRIC_GAUGE, FRONTEND, (double)(heap.arena + heap.hblkhd), "Memory taken from the system");
    set(c, "fermata_memory_resident_bytes", METRIC_GAUGE, "", resident_bytes(), "Memory that the process occupies");
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        set(c, "fermata_cpu_seconds", METRIC_COUNTER, "",
            timeval_seconds(usage.ru_utime) + timeval_seconds(usage.ru_stime), "Processor time used");
    set(c, "restarts", METRIC_COUNTER, FRONTEND, 1, "1 since the start");
    set(c, "total_namespaces", METRIC_GAUGE, "operation=\"NamespaceCache\"," FRONTEND,
        namespaces_count(c->server->namespaces), "Namespaces");
    begin_labels(c, FRONTEND);
    metric_labels_add(&c->labels, "build_version", SERVER_VERSION);
    metric_labels_add(&c->labels, "fermata_version", FERMATA_VERSION);
    series_set(
        labelled(c, metrics_family(c->metrics, "build_information", "1; which version this is", METRIC_GAUGE, NULL)),
        1);
}

void metrics_collect(struct server *server, struct metrics *metrics)
{
    struct collection c = {.server = server, .metrics = metrics};

    collect_queues(&c);
    collect_store(&c);
    collect_runs(&c);
    collect_transport(&c);
    collect_process(&c);
    set(&c, "fermata_metrics_samples", METRIC_GAUGE, "", (double)metrics_samples(metrics), "Lines of this page");
    buffer_free(&c.labels);
}
