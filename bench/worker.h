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
    int64_t errors;   /* answers other than OK */
    nanos start_took; /* of the last acknowledged start */
};

/* Makes a worker on `client` (borrowed) that keeps `polls` polls open at each of its queues. 0: it never polls. */
struct worker *worker_new(struct grpc_client *client, int polls);

/* Frees it; its calls must be gone with their client. NULL is accepted. */
void worker_free(struct worker *worker);

/* Starts one more workflow; returns its number. The answer is seen in the counts. */
int64_t worker_start_workflow(struct worker *worker, enum workflow_kind kind);

/* Signals a workflow by its number. */
void worker_signal(struct worker *worker, int64_t number);

/* Opens one poll for workflow tasks, at a queue of its own when `queue` is not 0; nothing is done with its answer. */
void worker_open_idle_poll(struct worker *worker, int queue);

/* The counts; live. */
const struct worker_counts *worker_counts(const struct worker *worker);

/* The first error's text, "" when there was none. */
const char *worker_first_error(const struct worker *worker);

#endif
