/*
 * A simulated worker and the starter of its workflows. It polls the way an SDK does (a normal and a sticky workflow
 * queue, an activity queue, new workflow tasks taken from the completion's response), and plays workflows by their
 * type's name.
 */
#ifndef FERMATA_BENCH_WORKER_H
#define FERMATA_BENCH_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/grpc_client.h"

/* What workflows do. */
enum workflow_kind {
    WORKFLOW_ONE_TASK,       /* completes in its first task */
    WORKFLOW_TEN_ACTIVITIES, /* schedules ten at once, completes when all have completed */
    WORKFLOW_IDLE,           /* waits for signals for ever */
};

struct worker;

/* What has happened so far. */
struct worker_counts {
    int64_t started, completed; /* workflows, as acknowledged */
    int64_t tasks_completed;    /* workflow tasks, as acknowledged */
    int64_t activities;         /* activity completions, as acknowledged */
    int64_t signals_sent, signals_seen;
    int64_t routed, not_routed; /* calls that make a version current: acknowledged, refused */
    int64_t handed_out;         /* tasks to polls of worker_poll_for_version */
    int64_t errors;             /* other answers than OK */
    nanos start_took;           /* of the last acknowledged start */
    nanos route_took;           /* of the last call that made a version current */
};

/* Makes a worker on `client` (borrowed) that keeps `polls` polls open at each of its queues. 0: it never polls. With a
 * `build` (borrowed) it is of that version of a deployment of its own, which upgrades its workflows; NULL: of none. */
struct worker *worker_new(struct grpc_client *client, int polls, const char *build);

/* Goes on as if it were a new process, with another client: no poll is open. */
void worker_move(struct worker *worker, struct grpc_client *client);

/* Frees it; its calls must be gone with their client. NULL is accepted. */
void worker_free(struct worker *worker);

/* Starts one more workflow; returns its number. The answer is seen in the counts. */
int64_t worker_start_workflow(struct worker *worker, enum workflow_kind kind);

/* Signals a workflow by its number. */
void worker_signal(struct worker *worker, int64_t number);

/* Opens one poll for workflow tasks, at a queue of its own when `queue` is not 0; nothing is done with its answer. */
void worker_open_idle_poll(struct worker *worker, int queue);

/* Opens one poll for workflow tasks as a worker of version `build`; nothing is done with a task but to count it. */
void worker_poll_for_version(struct worker *worker, const char *build);

/* Makes a version current. The answer is seen in the counts: refused while the version has not polled yet. */
void worker_set_current(struct worker *worker, const char *build);

/* The counts; live. */
const struct worker_counts *worker_counts(const struct worker *worker);

/* The first error's text, "" when there was none. */
const char *worker_first_error(const struct worker *worker);

#endif
