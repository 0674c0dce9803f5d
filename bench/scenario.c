#include "bench/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "bench/grpc_client.h"
#include "bench/process.h"
#include "bench/worker.h"
#include "proto/api.h"

/* Load: enough at once to keep a server on one core busy, few enough that no queue builds up. */
enum { CONNECTIONS = 4, POLLS = 8, AT_ONCE = 16, WARM_UP = 100, TRIES = 3, SLICES = 20 };

/* Workflows that are only started, to wait. */
enum { MANY_AT_ONCE = 200 };

/* How long a server may take for anything before the measurement is given up. */
static const nanos PATIENCE = 60 * NANOS_PER_SECOND;

/* What is left to be done after the last answer (the real server works on) belongs to the cost. */
static const nanos SETTLE = NANOS_PER_SECOND / 2;

/* How long an idle server's CPU is watched. */
static const nanos IDLE_SPAN = 2 * NANOS_PER_SECOND;

/* Before memory is read. */
static const nanos SETTLE_MEMORY = 2 * NANOS_PER_SECOND;

/* A running server with a client and a worker. */
struct life {
    const struct subject *subject;
    struct process process;
    struct grpc_client *client;
    struct worker *worker;
    char file[256];
};

static void give_up(const struct life *life, const char *what)
{
    fprintf(stderr, "%s: %s", life->subject->executable, what);
    if (life->worker != NULL)
        fprintf(stderr, "; %lld errors, first: %s", (long long)worker_counts(life->worker)->errors,
                worker_first_error(life->worker));
    fprintf(stderr, "\nits output is in %s/server.log\n", life->subject->directory);
    if (life->process.pid != 0)
        process_stop(life->subject->clock, &(struct process){.pid = life->process.pid});
    exit(1);
}

static nanos now(const struct life *life)
{
    return clock_monotonic(life->subject->clock);
}

static double milliseconds_of(nanos span)
{
    return (double)span / (double)NANOS_PER_MILLISECOND;
}

/* --- beginning and end --- */

static void remove_database(struct life *life)
{
    static const char *const SUFFIXES[] = {"", "-wal", "-shm", "-journal"};
    char name[sizeof(life->file) + 16];

    for (size_t i = 0; i < sizeof(SUFFIXES) / sizeof(SUFFIXES[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", life->file, SUFFIXES[i]);
        unlink(name);
    }
}

/* Answers to calls of GetSystemInfo, which does nothing and needs nothing. */
struct answers {
    int64_t ok, failed;
};

static void note_answer(void *context, const struct grpc_result *result)
{
    struct answers *answers = context;

    if (result->response != NULL)
        answers->ok++;
    else
        answers->failed++;
}

static void ask_for_nothing(struct life *life, struct answers *answers)
{
    static const struct grpc_method GET_SYSTEM_INFO = {"GetSystemInfo", &PbGetSystemInfoResponse_descriptor};
    PbGetSystemInfoRequest request = PbGetSystemInfoRequest_INIT;

    grpc_call(life->client, &GET_SYSTEM_INFO, &request, 5 * NANOS_PER_SECOND, note_answer, answers);
}

static bool is_answering(struct life *life)
{
    struct answers answers = {0};

    ask_for_nothing(life, &answers);
    while (answers.ok + answers.failed == 0 && now(life) - life->process.started < PATIENCE)
        grpc_client_step(life->client, milliseconds(10));
    return answers.ok > 0;
}

/* Connects as often as it takes until an RPC is answered. False: the server has ended. */
static bool await_answer(struct life *life)
{
    const struct timespec pause = {.tv_nsec = 200000};

    for (;;) {
        life->client = grpc_client_new(life->subject->clock, life->process.port, 1);
        if (life->client != NULL && is_answering(life))
            return true;
        grpc_client_free(life->client);
        life->client = NULL;
        if (process_has_ended(&life->process))
            return false;
        if (now(life) - life->process.started > PATIENCE)
            give_up(life, "does not answer");
        nanosleep(&pause, NULL);
    }
}

/* A server that ends at once is tried again: it may need more ports than the one it is told, and find one taken. */
static void begin(struct life *life, const struct subject *subject)
{
    static int serial;
    char log[256];

    *life = (struct life){.subject = subject};
    snprintf(life->file, sizeof(life->file), "%s/bench-%d.db", subject->directory, serial++);
    snprintf(log, sizeof(log), "%s/server.log", subject->directory);
    for (int tries = 0; tries < TRIES; tries++) {
        life->process = process_start(subject->clock, subject->executable, subject->on_file ? life->file : NULL, log);
        if (await_answer(life))
            return;
        process_stop(subject->clock, &life->process);
        remove_database(life);
    }
    give_up(life, "ends before it answers");
}

static nanos end(struct life *life)
{
    nanos took;

    grpc_client_free(life->client);
    worker_free(life->worker);
    took = process_stop(life->subject->clock, &life->process);
    remove_database(life);
    return took;
}

/* --- steps --- */

static void step(struct life *life)
{
    grpc_client_step(life->client, milliseconds(20));
    if (grpc_client_is_broken(life->client))
        give_up(life, "closed the connection");
}

static void settle(struct life *life, nanos span)
{
    nanos until = now(life) + span;

    while (now(life) < until)
        step(life);
}

/* Gives the client the connections for load; what the one before was waiting for is given up. */
static void open_connections(struct life *life)
{
    grpc_client_free(life->client);
    life->client = grpc_client_new(life->subject->clock, life->process.port, CONNECTIONS);
    if (life->client == NULL)
        give_up(life, "does not take connections");
}

/* The same, and a worker: of a version, when there is a `build`. */
static void employ(struct life *life, int polls, const char *build)
{
    open_connections(life);
    life->worker = worker_new(life->client, polls, build);
}

/* Steps until `*counter` has reached `target`. */
static void await_count(struct life *life, const int64_t *counter, int64_t target, const char *what)
{
    nanos last_change = now(life);
    int64_t last = *counter;

    while (*counter < target) {
        step(life);
        if (*counter != last) {
            last = *counter;
            last_change = now(life);
        }
        if (now(life) - last_change > PATIENCE)
            give_up(life, what);
    }
}

/* Runs `count` workflows to their end, `at_once` at a time. */
static void run_workflows(struct life *life, enum workflow_kind kind, int count, int at_once)
{
    const struct worker_counts *counts = worker_counts(life->worker);
    int64_t first = counts->completed;

    for (int i = 0; i < count; i++) {
        worker_start_workflow(life->worker, kind);
        await_count(life, &counts->completed, first + i + 1 - at_once, "workflows do not complete");
    }
    await_count(life, &counts->completed, first + count, "workflows do not complete");
}

/* The first workflow after start-up: what is not ready yet is asked again. */
static void run_first_workflow(struct life *life)
{
    const struct worker_counts *counts = worker_counts(life->worker);

    while (counts->completed == 0) {
        int64_t errors = counts->errors;

        worker_start_workflow(life->worker, WORKFLOW_ONE_TASK);
        while (counts->completed == 0 && counts->errors == errors) {
            step(life);
            if (now(life) - life->process.started > PATIENCE)
                give_up(life, "does not run a workflow");
        }
    }
}

/* --- the scenarios --- */

void scenario_lives(const struct subject *subject, const struct scale *scale)
{
    for (int i = 0; i < scale->lives; i++) {
        struct life life;

        begin(&life, subject);
        report_add(subject->report, METRIC_FIRST_ANSWER, milliseconds_of(now(&life) - life.process.started));
        employ(&life, 1, NULL);
        run_first_workflow(&life);
        report_add(subject->report, METRIC_FIRST_WORKFLOW, milliseconds_of(now(&life) - life.process.started));
        if (i == 0) {
            nanos cpu;

            settle(&life, SETTLE_MEMORY);
            report_add(subject->report, METRIC_IDLE_PSS, (double)process_pss_bytes(&life.process) / 1e6);
            cpu = process_cpu(&life.process);
            settle(&life, IDLE_SPAN);
            report_add(subject->report, METRIC_IDLE_CPU,
                       milliseconds_of(process_cpu(&life.process) - cpu) * (double)NANOS_PER_SECOND /
                           (double)IDLE_SPAN);
        }
        report_add(subject->report, METRIC_STOP, milliseconds_of(end(&life)));
    }
}

/* Runs workflows and returns the server's CPU time per workflow in milliseconds. */
static double cpu_per_workflow(struct life *life, enum workflow_kind kind, int count, nanos *ret_took)
{
    nanos cpu = process_cpu(&life->process), began = now(life);

    run_workflows(life, kind, count, AT_ONCE);
    *ret_took = now(life) - began;
    settle(life, SETTLE);
    return milliseconds_of(process_cpu(&life->process) - cpu) / count;
}

static double cpu_per_call(struct life *life, int count)
{
    struct answers answers = {0};
    nanos cpu = process_cpu(&life->process);

    for (int i = 0; i < count; i++) {
        ask_for_nothing(life, &answers);
        await_count(life, &answers.ok, i + 1 - AT_ONCE, "calls are refused (too many a second?)");
    }
    await_count(life, &answers.ok, count, "calls are refused (too many a second?)");
    settle(life, SETTLE);
    return milliseconds_of(process_cpu(&life->process) - cpu) / count;
}

static void measure_latency(struct life *life, int count)
{
    double *starts = memory_new((size_t)count * sizeof(*starts)), *wholes = memory_new((size_t)count * sizeof(*wholes));

    for (int i = 0; i < count; i++) {
        nanos began = now(life);

        run_workflows(life, WORKFLOW_ONE_TASK, 1, 1);
        wholes[i] = milliseconds_of(now(life) - began);
        starts[i] = milliseconds_of(worker_counts(life->worker)->start_took);
    }
    report_add(life->subject->report, METRIC_START_MEDIAN, percentile(starts, (size_t)count, 0.5));
    report_add(life->subject->report, METRIC_START_P99, percentile(starts, (size_t)count, 0.99));
    report_add(life->subject->report, METRIC_WHOLE_MEDIAN, percentile(wholes, (size_t)count, 0.5));
    memory_free(starts);
    memory_free(wholes);
}

static void warn_of_errors(const struct life *life, int64_t errors_before)
{
    int64_t errors = worker_counts(life->worker)->errors - errors_before;

    if (errors > 0)
        fprintf(stderr, "%s: %lld calls failed, the first: %s\n", life->subject->executable, (long long)errors,
                worker_first_error(life->worker));
}

void scenario_workflows(const struct subject *subject, const struct scale *scale)
{
    struct life life;
    int64_t errors;
    nanos took;

    begin(&life, subject);
    employ(&life, POLLS, NULL);
    run_first_workflow(&life);
    run_workflows(&life, WORKFLOW_ONE_TASK, WARM_UP, AT_ONCE);
    settle(&life, SETTLE);
    errors = worker_counts(life.worker)->errors;

    report_add(subject->report, METRIC_CPU_CALL, cpu_per_call(&life, scale->calls));
    report_add(subject->report, METRIC_CPU_ONE_TASK,
               cpu_per_workflow(&life, WORKFLOW_ONE_TASK, scale->one_task, &took));
    report_add(subject->report, METRIC_THROUGHPUT, scale->one_task * (double)NANOS_PER_SECOND / (double)took);
    measure_latency(&life, scale->latency);
    report_add(subject->report, METRIC_CPU_TEN_ACTIVITIES,
               cpu_per_workflow(&life, WORKFLOW_TEN_ACTIVITIES, scale->ten_activities, &took));
    warn_of_errors(&life, errors);
    end(&life);
}

/* Starts workflows that stay open, and waits until their first tasks are done. */
static void open_workflows(struct life *life, int count)
{
    const struct worker_counts *counts = worker_counts(life->worker);
    int64_t first = counts->tasks_completed;

    for (int i = 0; i < count; i++) {
        worker_start_workflow(life->worker, WORKFLOW_IDLE);
        await_count(life, &counts->tasks_completed, first + i + 1 - AT_ONCE, "workflows do not start");
    }
    await_count(life, &counts->tasks_completed, first + count, "workflows do not start");
}

/* Signals the last workflows in turn. They are many more than signals at once, so that each signal gets its own task.
 */
static double cpu_per_signal(struct life *life, int64_t first, int workflows, int count)
{
    const struct worker_counts *counts = worker_counts(life->worker);
    int64_t seen = counts->signals_seen;
    nanos cpu = process_cpu(&life->process);

    for (int i = 0; i < count; i++) {
        worker_signal(life->worker, first + i % workflows);
        await_count(life, &counts->signals_seen, seen + i + 1 - AT_ONCE, "signals do not arrive");
    }
    await_count(life, &counts->signals_seen, seen + count, "signals do not arrive");
    settle(life, SETTLE);
    return milliseconds_of(process_cpu(&life->process) - cpu) / count;
}

void scenario_open_workflows(const struct subject *subject, const struct scale *scale)
{
    struct life life;
    int64_t first, before, errors;

    begin(&life, subject);
    employ(&life, POLLS, NULL);
    run_first_workflow(&life);
    open_workflows(&life, WARM_UP);
    settle(&life, SETTLE_MEMORY);
    errors = worker_counts(life.worker)->errors;

    before = process_pss_bytes(&life.process);
    first = worker_start_workflow(life.worker, WORKFLOW_IDLE);
    open_workflows(&life, scale->open - 1);
    settle(&life, SETTLE_MEMORY);
    report_add(subject->report, METRIC_OPEN_WORKFLOW,
               (double)(process_pss_bytes(&life.process) - before) / scale->open);
    report_add(subject->report, METRIC_CPU_SIGNAL, cpu_per_signal(&life, first, scale->open, scale->signals));
    warn_of_errors(&life, errors);
    end(&life);
}

static void measure_polls(const struct subject *subject, enum metric metric, int polls, bool own_queues)
{
    struct life life;
    int64_t before;

    begin(&life, subject);
    employ(&life, 1, NULL);
    run_first_workflow(&life);
    settle(&life, SETTLE_MEMORY);
    before = process_pss_bytes(&life.process);
    for (int i = 0; i < polls; i++)
        worker_open_idle_poll(life.worker, own_queues ? i + 1 : 1);
    settle(&life, SETTLE_MEMORY);
    report_add(subject->report, metric, (double)(process_pss_bytes(&life.process) - before) / polls);
    end(&life);
}

void scenario_polls(const struct subject *subject, const struct scale *scale)
{
    measure_polls(subject, METRIC_POLL, scale->polls, false);
    measure_polls(subject, METRIC_POLL_OWN_QUEUE, scale->polls, true);
}

/* Makes a version current, as soon as its polls have made it known. */
static void make_current(struct life *life, const char *build)
{
    const struct worker_counts *counts = worker_counts(life->worker);
    int64_t routed = counts->routed;

    while (counts->routed == routed) {
        int64_t refused = counts->not_routed;

        worker_set_current(life->worker, build);
        while (counts->routed == routed && counts->not_routed == refused)
            step(life);
        if (now(life) - life->process.started > PATIENCE)
            give_up(life, "makes no version current");
    }
}

/* The same workflows at two servers in turn, slice by slice, so that a drift of the machine meets both: one's worker is
 * of a version, the other's is not. */
static void measure_versioned_workflows(const struct subject *subject, int count)
{
    static const char *const builds[] = {NULL, "v1"};
    struct life lives[2];
    int64_t errors[2];
    nanos cpu[2];

    for (int i = 0; i < 2; i++) {
        begin(&lives[i], subject);
        employ(&lives[i], POLLS, builds[i]);
        if (builds[i] == NULL)
            run_first_workflow(&lives[i]);
        else
            make_current(&lives[i], builds[i]);
        run_workflows(&lives[i], WORKFLOW_ONE_TASK, WARM_UP, AT_ONCE);
        settle(&lives[i], SETTLE);
        errors[i] = worker_counts(lives[i].worker)->errors;
        cpu[i] = process_cpu(&lives[i].process);
    }
    for (int slice = 0; slice < SLICES; slice++)
        for (int i = 0; i < 2; i++)
            run_workflows(&lives[i], WORKFLOW_ONE_TASK, count / SLICES, AT_ONCE);
    for (int i = 0; i < 2; i++) {
        settle(&lives[i], SETTLE);
        cpu[i] = process_cpu(&lives[i].process) - cpu[i];
        warn_of_errors(&lives[i], errors[i]);
        end(&lives[i]);
    }
    report_add(subject->report, METRIC_CPU_VERSIONED_TASK, milliseconds_of(cpu[1]) / (count / SLICES * SLICES));
    report_add(subject->report, METRIC_CPU_OF_VERSION, (double)cpu[1] / (double)cpu[0]);
}

/* Tasks wait for v1, which does not poll any more; v2 polls and becomes current. */
static void measure_routing(const struct subject *subject, int waiting)
{
    const struct worker_counts *counts;
    struct life life;
    nanos began;

    begin(&life, subject);
    employ(&life, 0, "v1");
    counts = worker_counts(life.worker);
    worker_poll_for_version(life.worker, "v1");
    worker_poll_for_version(life.worker, "v2");
    make_current(&life, "v2");
    make_current(&life, "v1");
    open_connections(&life);
    worker_move(life.worker, life.client);
    for (int i = 0; i < waiting; i++) {
        worker_start_workflow(life.worker, WORKFLOW_ONE_TASK);
        await_count(&life, &counts->started, i + 1 - MANY_AT_ONCE, "workflows do not start");
    }
    await_count(&life, &counts->started, waiting, "workflows do not start");
    worker_poll_for_version(life.worker, "v2");
    settle(&life, SETTLE);
    if (counts->handed_out > 0)
        give_up(&life, "gives tasks of one version to another");

    began = now(&life);
    worker_set_current(life.worker, "v2");
    await_count(&life, &counts->handed_out, 1, "the new version gets nothing");
    report_add(subject->report, METRIC_ROUTE_FIRST, milliseconds_of(now(&life) - began));
    await_count(&life, &counts->routed, 3, "no version becomes current");
    report_add(subject->report, METRIC_ROUTE_CALL, milliseconds_of(counts->route_took));
    end(&life);
}

void scenario_versions(const struct subject *subject, const struct scale *scale)
{
    measure_versioned_workflows(subject, scale->versioned);
    if (subject->takes_many)
        measure_routing(subject, scale->waiting);
}
