/*
 * History: one row per event batch. A batch is a packed temporal.api.history.v1.History; batches of a run,
 * concatenated, are its whole history in one such message (protobuf encodings concatenate), so pages are served without
 * unpacking.
 */
#ifndef FERMATA_PERSISTENCE_EVENTS_H
#define FERMATA_PERSISTENCE_EVENTS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

struct store;

struct event_batch {
    int64_t first_event_id;
    int32_t events_count;
    struct bytes history; /* packed History */
};

/* Appends a batch to the run with row `run`. first_event_id is at most 2^24 - 2 (persistence/SCHEMA.md, events.place).
 */
void events_append(struct store *store, int64_t run, const struct event_batch *batch);

/* Batches of a run whose first_event_id is at least `from`, ascending, at most `most`. Copied into `arena`. */
status events_read(struct store *store, struct arena *arena, int64_t run, int64_t from, int most,
                   struct event_batch **ret_batches, int *ret_count);

/* The same downward: those whose first_event_id is at most `from`, descending. */
status events_read_back(struct store *store, struct arena *arena, int64_t run, int64_t from, int most,
                        struct event_batch **ret_batches, int *ret_count);

/* Deletes all of a run's batches. runs_delete does it as well. */
void events_delete(struct store *store, int64_t run);

#endif
