/*
 * What the files of persistence/ share, and nobody else: prepared statements, and the two ways to run one.
 *
 * Each statement has a slot, is prepared when it is first used and kept until the store closes. Writes go through
 * statement_for_write and statement_write, which know the turn's transaction and its poison (ST1); reads through
 * statement_for_read and statement_next. Bound texts and blobs are borrowed until the statement has run.
 */
#ifndef FERMATA_PERSISTENCE_STORE_INTERNAL_H
#define FERMATA_PERSISTENCE_STORE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

struct store;

enum statement_slot {
    SLOT_BEGIN,
    SLOT_COMMIT,
    SLOT_METADATA_SET,
    SLOT_METADATA_GET,
    SLOT_NAMESPACES_INSERT,
    SLOT_NAMESPACES_UPDATE,
    SLOT_NAMESPACES_EACH,
    SLOT_RUNS_INSERT,
    SLOT_RUNS_UPDATE,
    SLOT_RUNS_UPDATE_PROGRESS,
    SLOT_RUNS_FIND_CURRENT,
    SLOT_RUNS_FIND,
    SLOT_RUNS_GET,
    SLOT_RUNS_LIST_OPEN,
    SLOT_RUNS_LIST_CLOSED_BEFORE,
    SLOT_RUNS_DELETE,
    SLOT_RUNS_RETIRE_OLDER,
    SLOT_EVENTS_APPEND,
    SLOT_EVENTS_READ,
    SLOT_EVENTS_READ_BACK,
    SLOT_EVENTS_DELETE,
    SLOT_SEARCH_INDEX_INSERT,
    SLOT_SEARCH_INDEX_DELETE,
    SLOT_SEARCH_INDEX_FIND,
    SLOT_SEARCH_INDEX_FILL,
    SLOT_RUNS_GET_ATTRIBUTES,
    SLOT_VISIBILITY_OPEN,
    SLOT_VISIBILITY_CLOSED,
    SLOT_VISIBILITY_ALL,
    SLOT_VISIBILITY_WORKFLOW,
    SLOT_VISIBILITY_RUN_ID,
    SLOT_VISIBILITY_ROW,
    SLOT_VISIBILITY_LAST,
    SLOT_DEPLOYMENTS_PUT,
    SLOT_DEPLOYMENTS_DELETE,
    SLOT_DEPLOYMENTS_EACH,
    SLOT_DEPLOYMENT_VERSIONS_PUT,
    SLOT_DEPLOYMENT_VERSIONS_DELETE,
    SLOT_DEPLOYMENT_VERSIONS_EACH,
    SLOT_BATCHES_INSERT,
    SLOT_BATCHES_UPDATE,
    SLOT_BATCHES_FIND,
    SLOT_BATCHES_COUNT_RUNNING,
    SLOT_BATCHES_NEXT_RUNNING,
    SLOT_BATCHES_LIST_RUNNING,
    SLOT_BATCHES_LIST_CLOSED,
    SLOT_BATCHES_TO_RETIRE,
    SLOT_BATCHES_DELETE,
    SLOT_BATCH_REQUESTS_INSERT,
    SLOT_BATCH_REQUESTS_DELETE,
    SLOT_TASK_QUEUE_CONFIGS_PUT,
    SLOT_TASK_QUEUE_CONFIGS_EACH,
    STATEMENT_SLOTS_COUNT
};

/* The statement of `slot`, ready to be bound, inside the turn's transaction (begun now if there is none). NULL when the
 * transaction is poisoned: the caller leaves it at that. */
sqlite3_stmt *statement_for_write(struct store *store, enum statement_slot slot, const char *sql);

/* Runs a statement of statement_for_write. A failure poisons the transaction. */
void statement_write(struct store *store, sqlite3_stmt *statement);

/* What visibility_text.c needs of the store: the connection, and where to keep its tokenizers. */
struct visibility_text;
sqlite3 *store_database(struct store *store);
struct visibility_text **store_visibility_text(struct store *store);

/* A row id for a new run. */
int64_t store_next_run(struct store *store);

/* The last one that it gave out, or that the file had. */
int64_t store_last_run(const struct store *store);

/* The statement of `slot`, ready to be bound. Fails when this turn's transaction is poisoned: what it would read may be
 * half of the turn. */
status statement_for_read(struct store *store, enum statement_slot slot, const char *sql, sqlite3_stmt **ret_statement);

/* Steps to the next row; without one, and on failure, the statement has been reset. */
status statement_next(struct store *store, sqlite3_stmt *statement, bool *ret_row);

/* Gives up the remaining rows. */
void statement_done(sqlite3_stmt *statement);

/* Binds of our types; texts and blobs are borrowed. NULL text and empty bytes become NULL. */
void bind_text(sqlite3_stmt *statement, int place, const char *text);
void bind_bytes(sqlite3_stmt *statement, int place, struct bytes bytes);
void bind_uuid(sqlite3_stmt *statement, int place, const uint8_t *uuid);

/* Columns of our types, copied into `arena`. NULL becomes NULL, {NULL, 0} or zeros. */
const char *column_text(sqlite3_stmt *statement, int column, struct arena *arena);
struct bytes column_bytes(sqlite3_stmt *statement, int column, struct arena *arena);
void column_uuid(sqlite3_stmt *statement, int column, uint8_t *ret_uuid);

#endif
