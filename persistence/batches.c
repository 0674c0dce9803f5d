#include "persistence/batches.h"

#include "persistence/store.h"
#include "persistence/store_internal.h"

/* So many closed batches are deleted at a time. */
enum { RETIRED_AT_ONCE = 16 };

/* ---- changes ---- */

/* A statement whose parameters are all integers. */
static void write_integers(struct store *store, enum statement_slot slot, const char *sql, const int64_t *values,
                           int count)
{
    sqlite3_stmt *statement = statement_for_write(store, slot, sql);

    if (statement == NULL)
        return;
    for (int i = 0; i < count; i++)
        sqlite3_bind_int64(statement, i + 1, values[i]);
    statement_write(store, statement);
}

static void insert_request(struct store *store, const struct batch_row *row)
{
    sqlite3_stmt *statement = statement_for_write(store, SLOT_BATCH_REQUESTS_INSERT,
                                                  "INSERT INTO batch_requests (batch, request) VALUES (?1, ?2)");

    if (statement == NULL)
        return;
    sqlite3_bind_int64(statement, 1, row->id);
    bind_bytes(statement, 2, row->request);
    statement_write(store, statement);
}

void batches_insert(struct store *store, struct batch_row *row)
{
    sqlite3_stmt *statement = statement_for_write(
        store, SLOT_BATCHES_INSERT,
        "INSERT INTO batches (namespace_id, job_id, run_id, type, state, start_time, close_time, at, total, completed, "
        "failed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");

    if (statement == NULL)
        return;
    sqlite3_bind_int64(statement, 1, row->namespace_id);
    bind_text(statement, 2, row->job_id);
    bind_uuid(statement, 3, row->run_id);
    sqlite3_bind_int(statement, 4, row->type);
    sqlite3_bind_int(statement, 5, row->state);
    sqlite3_bind_int64(statement, 6, row->start_time);
    sqlite3_bind_int64(statement, 7, row->close_time);
    sqlite3_bind_int64(statement, 8, row->at);
    sqlite3_bind_int64(statement, 9, row->total);
    sqlite3_bind_int64(statement, 10, row->completed);
    sqlite3_bind_int64(statement, 11, row->failed);
    statement_write(store, statement);
    row->id = sqlite3_last_insert_rowid(store_database(store));
    insert_request(store, row);
}

void batches_update(struct store *store, const struct batch_row *row)
{
    int64_t values[] = {row->id, row->state, row->close_time, row->at, row->total, row->completed, row->failed};

    write_integers(store, SLOT_BATCHES_UPDATE,
                   "UPDATE batches SET state = ?2, close_time = ?3, at = ?4, total = ?5, completed = ?6, failed = ?7 "
                   "WHERE id = ?1",
                   values, 7);
}

#define TO_RETIRE                                                                              \
    "(SELECT id FROM batches WHERE namespace_id = ?1 AND close_time > 0 AND close_time <= ?2 " \
    "ORDER BY close_time, id LIMIT ?3)"

status batches_retire(struct store *store, int64_t namespace_id, nanos closed_before, bool *ret_more)
{
    int64_t values[] = {namespace_id, closed_before, RETIRED_AT_ONCE};
    sqlite3_stmt *statement;
    int64_t count = 0;
    bool row;

    TRY(statement_for_read(store, SLOT_BATCHES_TO_RETIRE, "SELECT count(*) FROM " TO_RETIRE, &statement));
    for (int i = 0; i < 3; i++)
        sqlite3_bind_int64(statement, i + 1, values[i]);
    TRY(statement_next(store, statement, &row));
    if (row) {
        count = sqlite3_column_int64(statement, 0);
        statement_done(statement);
    }
    *ret_more = count == RETIRED_AT_ONCE;
    if (count == 0)
        return status_ok();
    write_integers(store, SLOT_BATCH_REQUESTS_DELETE, "DELETE FROM batch_requests WHERE batch IN " TO_RETIRE, values,
                   3);
    write_integers(store, SLOT_BATCHES_DELETE, "DELETE FROM batches WHERE id IN " TO_RETIRE, values, 3);
    return status_ok();
}

/* ---- questions ---- */

#define COLUMNS "id, namespace_id, job_id, run_id, type, state, start_time, close_time, at, total, completed, failed"
#define REQUEST "(SELECT request FROM batch_requests WHERE batch = batches.id)"

static void read_row(sqlite3_stmt *statement, struct arena *arena, struct batch_row *ret_row)
{
    *ret_row = (struct batch_row){
        .id = sqlite3_column_int64(statement, 0),
        .namespace_id = sqlite3_column_int64(statement, 1),
        .job_id = column_text(statement, 2, arena),
        .type = sqlite3_column_int(statement, 4),
        .state = sqlite3_column_int(statement, 5),
        .start_time = sqlite3_column_int64(statement, 6),
        .close_time = sqlite3_column_int64(statement, 7),
        .at = sqlite3_column_int64(statement, 8),
        .total = sqlite3_column_int64(statement, 9),
        .completed = sqlite3_column_int64(statement, 10),
        .failed = sqlite3_column_int64(statement, 11),
    };
    column_uuid(statement, 3, ret_row->run_id);
}

/* The one row of a bound statement, whose last column is the request. */
static status read_one(struct store *store, sqlite3_stmt *statement, struct arena *arena, struct batch_row *ret_row)
{
    bool row;

    TRY(statement_next(store, statement, &row));
    if (!row)
        return status_error(GRPC_NOT_FOUND, NULL);
    read_row(statement, arena, ret_row);
    ret_row->request = column_bytes(statement, 12, arena);
    statement_done(statement);
    return status_ok();
}

status batches_find(struct store *store, struct arena *arena, int64_t namespace_id, const char *job_id,
                    struct batch_row *ret_row)
{
    sqlite3_stmt *statement;

    TRY(statement_for_read(store, SLOT_BATCHES_FIND,
                           "SELECT " COLUMNS ", " REQUEST " FROM batches WHERE namespace_id = ?1 AND job_id = ?2",
                           &statement));
    sqlite3_bind_int64(statement, 1, namespace_id);
    bind_text(statement, 2, job_id);
    return read_one(store, statement, arena, ret_row);
}

status batches_count_running(struct store *store, int64_t namespace_id, int64_t *ret_count)
{
    sqlite3_stmt *statement;
    bool row;

    TRY(statement_for_read(store, SLOT_BATCHES_COUNT_RUNNING,
                           "SELECT count(*) FROM batches WHERE namespace_id = ?1 AND close_time = 0", &statement));
    sqlite3_bind_int64(statement, 1, namespace_id);
    TRY(statement_next(store, statement, &row));
    *ret_count = row ? sqlite3_column_int64(statement, 0) : 0;
    statement_done(statement);
    return status_ok();
}

status batches_next_running(struct store *store, struct arena *arena, int64_t after, struct batch_row *ret_row)
{
    sqlite3_stmt *statement;

    TRY(statement_for_read(
        store, SLOT_BATCHES_NEXT_RUNNING,
        "SELECT " COLUMNS ", " REQUEST
        " FROM batches INDEXED BY batches_running WHERE close_time = 0 AND id > ?1 ORDER BY id LIMIT 1",
        &statement));
    sqlite3_bind_int64(statement, 1, after);
    return read_one(store, statement, arena, ret_row);
}

/* Adds what the statement yields to the rows. */
static status read_page(struct store *store, sqlite3_stmt *statement, struct arena *arena, int64_t namespace_id,
                        const struct batch_row *after, int most, struct batch_row *rows, int *count)
{
    sqlite3_bind_int64(statement, 1, namespace_id);
    sqlite3_bind_int64(statement, 2, after->id == 0 ? INT64_MAX : after->id);
    sqlite3_bind_int64(statement, 3, after->close_time == 0 ? INT64_MAX : after->close_time);
    sqlite3_bind_int64(statement, 4, most - *count);
    for (;;) {
        bool row;

        TRY(statement_next(store, statement, &row));
        if (!row)
            return status_ok();
        read_row(statement, arena, &rows[(*count)++]);
    }
}

status batches_list(struct store *store, struct arena *arena, int64_t namespace_id, nanos close_time, int64_t id,
                    int most, struct batch_row **ret_rows, int *ret_count)
{
    struct batch_row after = {.id = id, .close_time = close_time}, beginning = {0};
    struct batch_row *rows = ARENA_NEW_ARRAY(arena, struct batch_row, most);
    sqlite3_stmt *statement;
    int count = 0;

    if (close_time == 0) {
        TRY(statement_for_read(store, SLOT_BATCHES_LIST_RUNNING,
                               "SELECT " COLUMNS " FROM batches WHERE namespace_id = ?1 AND close_time = 0 "
                               "AND id < ?2 ORDER BY id DESC LIMIT ?4",
                               &statement));
        TRY(read_page(store, statement, arena, namespace_id, &after, most, rows, &count));
    }
    if (count < most) {
        TRY(statement_for_read(store, SLOT_BATCHES_LIST_CLOSED,
                               "SELECT " COLUMNS " FROM batches WHERE namespace_id = ?1 AND close_time > 0 "
                               "AND close_time <= ?3 AND (close_time < ?3 OR id < ?2) "
                               "ORDER BY close_time DESC, id DESC LIMIT ?4",
                               &statement));
        TRY(read_page(store, statement, arena, namespace_id, close_time == 0 ? &beginning : &after, most, rows,
                      &count));
    }
    *ret_rows = rows;
    *ret_count = count;
    return status_ok();
}

int64_t batches_above_all_runs(const struct store *store)
{
    return store_last_run(store) + 1;
}
