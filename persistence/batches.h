/*
 * The table of batch operations: what was asked for, and how far it has come. A batch's progress is written in the
 * transaction of what it has done, so it never tells more or less than that.
 */
#ifndef FERMATA_PERSISTENCE_BATCHES_H
#define FERMATA_PERSISTENCE_BATCHES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/rand.h"
#include "base/status.h"

struct store;

struct batch_row {
    int64_t id;
    int64_t namespace_id;
    const char *job_id;
    uint8_t run_id[UUID_BYTES]; /* what clients are told of a job id that is taken */
    int type, state;            /* temporal.api.enums.v1.BatchOperationType, BatchOperationState */
    nanos start_time, close_time;
    /* With a query: runs with a row id below this one are still to be looked at. With a list of executions: so many of
     * them have been dealt with. */
    int64_t at;
    int64_t total; /* executions; -1: not counted yet */
    int64_t completed, failed;
    struct bytes request; /* StartBatchOperationRequest, packed; lists have none */
};

/* Inserts a row with its request; sets row->id. */
void batches_insert(struct store *store, struct batch_row *row);

/* Rewrites state, close_time, at and the counts of the row with row->id. */
void batches_update(struct store *store, const struct batch_row *row);

/* Finds a namespace's batch by its job id. NOT_FOUND without text when there is none. */
status batches_find(struct store *store, struct arena *arena, int64_t namespace_id, const char *job_id,
                    struct batch_row *ret_row);

/* How many of a namespace's are running. */
status batches_count_running(struct store *store, int64_t namespace_id, int64_t *ret_count);

/* The first running one with an id above `after`. NOT_FOUND without text when there is none. */
status batches_next_running(struct store *store, struct arena *arena, int64_t after, struct batch_row *ret_row);

/* A namespace's, at most `most`, behind the one that closed at `close_time` (0: it was running) and has this id; id 0:
 * from the beginning. Running ones come first, by start, then the others by close; the newest first in both. */
status batches_list(struct store *store, struct arena *arena, int64_t namespace_id, nanos close_time, int64_t id,
                    int most, struct batch_row **ret_rows, int *ret_count);

/* Deletes some of a namespace's batches whose close_time is at most `closed_before`. True: there may be more. */
status batches_retire(struct store *store, int64_t namespace_id, nanos closed_before, bool *ret_more);

/* A row id above those of all runs there are. */
int64_t batches_above_all_runs(const struct store *store);

#endif
