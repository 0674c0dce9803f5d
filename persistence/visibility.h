/*
 * Lists and counts of runs that a filter selects.
 *
 * A scan looks at a bounded number of rows per step, so that a filter which selects little of much delays nobody: its
 * caller takes a step per turn until it is done. Rows are judged one by one, as the turn sees them; between steps the
 * world goes on, and a run that closes meanwhile is told as it was when it was looked at, once.
 *
 * Lists are in the real server's order: open runs first, by start, then closed ones by close; the newest first in both.
 *
 * VI1  A scan holds no statement and no memory of SQLite's between steps.
 */
#ifndef FERMATA_PERSISTENCE_VISIBILITY_H
#define FERMATA_PERSISTENCE_VISIBILITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/rand.h"
#include "base/status.h"
#include "persistence/visibility_query.h"

struct store;

/* A run, as lists show it; see struct run_row. Times are as stored, in nanoseconds. */
struct visible_run {
    int64_t id;
    int status;
    nanos start_time, execution_time, close_time; /* close_time 0: open */
    int64_t history_length, history_bytes, state_transitions;
    struct bytes workflow_id, workflow_type, task_queue;
    uint8_t run_id[UUID_BYTES];
    struct bytes memo, search_attributes;
    bool has_parent, has_root; /* without a root it is its own */
    struct bytes parent_workflow_id, root_workflow_id;
    uint8_t parent_run_id[UUID_BYTES], root_run_id[UUID_BYTES];
};

/* A place in the order of lists: behind this run. Zeroed: the beginning. */
struct visibility_position {
    nanos close_time; /* 0: it was open */
    int64_t id;       /* 0: the beginning */
};

/* A number of runs that have the same value of what is grouped by. */
struct visibility_count {
    int status;            /* GROUP_BY_STATUS */
    struct bytes division; /* GROUP_BY_DIVISION; empty for none */
    int64_t count;
};

struct visibility_scan;

/* Makes a list of at most `most` runs behind `after`. It lives in `arena`, as what it finds does; `query` is borrowed,
 * and prepared for being evaluated. */
struct visibility_scan *visibility_list_new(struct arena *arena, struct store *store, int64_t namespace_id,
                                            struct visibility_query *query, const struct visibility_position *after,
                                            int most, nanos now);

/* Makes a list of at most `most` runs with row ids below `below`, the newest first, by which each run is met once,
 * whatever happens between one list and the next. It may be given up between steps. */
struct visibility_scan *visibility_walk_new(struct arena *arena, struct store *store, int64_t namespace_id,
                                            struct visibility_query *query, int64_t below, int most, nanos now);

/* How far such a list has come: all runs that it can find from there on have ids below this one. */
int64_t visibility_walk_position(const struct visibility_scan *scan);

/* Makes a count of all runs. */
struct visibility_scan *visibility_count_new(struct arena *arena, struct store *store, int64_t namespace_id,
                                             struct visibility_query *query, nanos now);

/* Looks at some more rows. */
status visibility_scan_step(struct visibility_scan *scan, bool *ret_done);

/* What a list that is done has found. */
const struct visible_run *visibility_list_rows(const struct visibility_scan *scan, int *ret_count);

/* What a count is grouped by. */
enum visibility_group visibility_count_group(const struct visibility_scan *scan);

/* What a count that is done has found: how many, and without GROUP BY no groups. */
int64_t visibility_count_total(const struct visibility_scan *scan);
const struct visibility_count *visibility_count_groups(const struct visibility_scan *scan, int *ret_count);

#endif
