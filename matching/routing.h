/*
 * Routing: which version's polls may take a task. The one place that decides it, and pure functions: what they say
 * depends on their arguments alone, so their test is a table of every combination.
 *
 * It is asked when a task enters a queue and again whenever what it depends on changes. What it needs to know comes in
 * two parts: what the task carries (what its workflow is bound to) and what its queue knows (whether it is sticky;
 * which versions it sends new work to).
 *
 * A pinned task goes to its version, wherever routing points. Any other goes to the queue's current version or, on one
 * side of the ramp, to the ramping one; either may be workers without a version. The side is a matter of the workflow
 * id's hash alone: a workflow stays on its side while the percentage does, and raising the percentage moves none back.
 */
#ifndef FERMATA_MATCHING_ROUTING_H
#define FERMATA_MATCHING_ROUTING_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/names.h"

/* What a task carries: its workflow's effective values when it was added. */
struct routing_task {
    bool is_pinned;               /* to `version` */
    bool use_ramping;             /* goes to the ramping version, whatever the percentage */
    uint32_t hash;                /* of the workflow id (base/fingerprint.h) */
    struct queue_version version; /* the workflow's; empty: none */
};

/* What the queue knows. */
struct routing_queue {
    enum queue_type type;
    bool is_sticky;
    bool pinned_version_has_it;          /* workers of the version that the task is pinned to have polled the queue */
    const struct queue_routing *routing; /* at a sticky queue: of the worker's normal queue, NULL when unknown */
};

/* All that the decision depends on. */
struct routing_input {
    struct routing_task task;
    struct routing_queue queue;
};

/* Whose polls may take the task. */
enum routing_place {
    ROUTING_TO_UNVERSIONED,     /* those of workers without a version */
    ROUTING_TO_VERSION,         /* those of the answer's version only */
    ROUTING_TO_STICKY,          /* those at this sticky queue, which belongs to one worker */
    ROUTING_STICKY_UNAVAILABLE, /* none at this sticky queue: the workflow moves to another version */
};

struct routing_answer {
    enum routing_place place;
    struct queue_version version;      /* ROUTING_TO_VERSION: borrowed from the input */
    const struct queue_target *target; /* the side of the routing that decided; NULL: it did not, the task is pinned */
};

/* Decides. */
struct routing_answer routing_decide(const struct routing_input *input);

/* Where the routing sends a workflow that is not pinned: its `current` or its `ramping`. */
const struct queue_target *routing_side(const struct queue_routing *routing, uint32_t hash, bool use_ramping);

/* Whether a workflow id of that hash is among the `percentage` of all that a ramp takes. */
bool routing_is_ramped(uint32_t hash, double percentage);

#endif
