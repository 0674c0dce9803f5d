/*
 * Routing: which version's polls may take a task. The one place that decides it, and a pure function: what it says
 * depends on its arguments alone, so its test is a table of cases.
 *
 * It is asked when a task enters a queue and again whenever what it depends on changes. What it needs to know comes in
 * two parts: what the task carries (the version that its workflow is bound to) and what its queue knows (whether it is
 * sticky; which versions it sends new work to).
 */
#ifndef FERMATA_MATCHING_ROUTING_H
#define FERMATA_MATCHING_ROUTING_H

#include <stdbool.h>

#include "matching/matching.h"

/* What a task carries: its workflow's effective values when it was scheduled. */
struct routing_task {
    struct queue_version pinned; /* temporal.api.enums.v1.VERSIONING_BEHAVIOR_PINNED to it; empty: not pinned */
};

/* What the queue knows. */
struct routing_queue {
    bool is_sticky;
};

/* All that the decision depends on. */
struct routing_input {
    struct routing_task task;
    struct routing_queue queue;
};

/* Whose polls may take the task. */
enum routing_target {
    ROUTING_TO_UNVERSIONED, /* those of workers without a version */
    ROUTING_TO_VERSION,     /* those of the answer's version only */
    ROUTING_TO_STICKY,      /* those at this sticky queue, which belongs to one worker, whatever its version */
};

struct routing_answer {
    enum routing_target target;
    struct queue_version version; /* ROUTING_TO_VERSION: borrowed from the input */
};

/* Decides. */
struct routing_answer routing_decide(const struct routing_input *input);

/* Whether `version` names one. */
bool routing_is_versioned(const struct queue_version *version);

#endif
