/*
 * Runs: one row per workflow run. persistence stores the columns and does not interpret `volatile_part`; history/ makes
 * and reads it.
 */
#ifndef FERMATA_PERSISTENCE_RUNS_H
#define FERMATA_PERSISTENCE_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/rand.h"
#include "base/status.h"

struct store;

struct run_row {
    int64_t id;           /* the row; ascending by creation */
    int64_t namespace_id; /* the namespace's row */
    const char *workflow_id;
    uint8_t run_id[UUID_BYTES];
    bool is_current;              /* the newest run of its workflow id, unless deleted; at most one per workflow id */
    const char *start_request_id; /* NULL is stored as "", as are workflow_type and task_queue */

    /* What lists show and filter by. Open runs have close_time 0. */
    int status; /* temporal.api.enums.v1.WorkflowExecutionStatus */
    const char *workflow_type;
    const char *task_queue;
    nanos start_time, execution_time, close_time;
    int64_t history_length, history_bytes, state_transitions;
    struct bytes memo;              /* temporal.api.common.v1.Memo, packed */
    struct bytes search_attributes; /* temporal.api.common.v1.SearchAttributes, packed */
    bool attributes_changed;        /* for runs_update: some that are looked up are others than those of the row */
    bool had_none;                  /* and the row has none that are */
    const char *parent_workflow_id; /* NULL for none */
    uint8_t parent_run_id[UUID_BYTES];
    const char *root_workflow_id; /* NULL: itself */
    uint8_t root_run_id[UUID_BYTES];
    uint8_t first_run_id[UUID_BYTES]; /* head of its chain */

    struct bytes volatile_part; /* what the event log does not record; see proto/fermata/run.proto */
};

/* Inserts a row and sets row->id, which no other run of this process has or had, also when the transaction is poisoned.
 * When row->is_current, the present current run of that workflow id stops being it. */
void runs_insert(struct store *store, struct run_row *row);

/* What a transition changes most of the time: only these columns of the row `id`. */
struct run_progress {
    int64_t history_length, history_bytes, state_transitions;
    struct bytes volatile_part;
};
void runs_update_progress(struct store *store, int64_t id, const struct run_progress *progress);

/* Rewrites the row with row->id: status, times, lengths, memo, search attributes, volatile part. */
void runs_update(struct store *store, const struct run_row *row);

/* Finds the current run of a workflow id. NOT_FOUND without text when there is none. Texts and blobs in `arena`. */
status runs_find_current(struct store *store, struct arena *arena, int64_t namespace_id, const char *workflow_id,
                         struct run_row *ret_row);

/* Finds one run. NOT_FOUND without text when there is none. */
status runs_find(struct store *store, struct arena *arena, int64_t namespace_id, const char *workflow_id,
                 const uint8_t run_id[UUID_BYTES], struct run_row *ret_row);

/* Finds by row. */
status runs_get(struct store *store, struct arena *arena, int64_t id, struct run_row *ret_row);

/* Open runs in ascending order of id, those above `after`, at most `most`: their ids only. For recovery after a start.
 */
status runs_list_open(struct store *store, int64_t after, int most, int64_t *ret_ids, int *ret_count);

/* Closed runs whose close_time is at most `closed_before` in the namespace, at most `most`: for retention. */
status runs_list_closed_before(struct store *store, int64_t namespace_id, nanos closed_before, int most,
                               int64_t *ret_ids, int *ret_count);

/* Deletes the row and its events. */
void runs_delete(struct store *store, int64_t id);

#endif
