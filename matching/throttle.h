/*
 * The throttle of a task queue: how fast it may hand out tasks, of all its versions together, and of each fairness key.
 *
 * A rate is what was configured for the queue, else what the worker that polled last asks for; rates per key are
 * configured only. Tasks that may not go yet stay in the backlog while polls wait, and a timer looks again when the
 * first of them may.
 *
 * T1  A task queue that never had a limit has no throttle, and what is handed out costs nothing more.
 * T2  All limits of a throttle are those of its sources; who changes one calls throttle_set.
 */
#ifndef FERMATA_MATCHING_THROTTLE_H
#define FERMATA_MATCHING_THROTTLE_H

#include "base/timers.h"
#include "matching/matching.h"
#include "matching/rate_limit.h"

/* So many fairness keys are told apart; those that were seen longest ago begin anew. Server 1.32.0. */
enum { THROTTLE_KEYS_MAX = 2000 };

struct throttled_key;

struct throttle {
    struct rate_limit all, each;      /* of the queue; of a fairness key of weight 1 */
    nanos ready;                      /* from when on the queue may hand out a task */
    struct throttled_key *keys;       /* uthash, the one used last at its end */
    const struct key_weight *weights; /* borrowed from whoever has configured them */
    size_t weights_count;
    struct matching *matching; /* whose queue it is */
    struct timers *timers;
    struct timer timer;   /* when the first task that waits for its time may go */
    uint32_t served_last; /* number of the physical queue that the timer has served last */
};

/* Makes one without limits. */
struct throttle *throttle_new(struct matching *matching, struct timers *timers);

/* Frees it; NULL is accepted. */
void throttle_free(struct throttle *throttle);

/* Sets its limits. True: they are others than before, and what waits has to be looked at again. */
bool throttle_set(struct throttle *throttle, const struct rate_limit *all, const struct queue_limits *limits,
                  nanos now);

/* Whether it would be missed: one that was made anew would let the next task go earlier. NULL is accepted. */
bool throttle_matters(const struct throttle *throttle, nanos now);

/* Whether fairness keys matter. */
bool throttle_has_keys(const struct throttle *throttle);

/* When `task` may go; NANOS_MAX: never. */
nanos throttle_ready(const struct throttle *throttle, const struct task *task);

/* `task` goes now; it was refused. */
void throttle_take(struct throttle *throttle, const struct task *task, nanos now);
void throttle_give_back(struct throttle *throttle, const struct task *task);

#endif
