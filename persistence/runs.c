/*
 * Which run is current costs nothing to keep: it is the newest row of its workflow id that was inserted as current, so
 * a new run needs no write to the one before it. Only the deletion of a current run writes more: the older ones must
 * not take its place, and lose their flag.
 */
#include "persistence/runs.h"

#include "persistence/events.h"
#include "persistence/search_index.h"
#include "persistence/store.h"
#include "persistence/store_internal.h"

static const char *text_or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

static bool uuid_is_set(const uint8_t uuid[UUID_BYTES])
{
    for (int i = 0; i < UUID_BYTES; i++)
        if (uuid[i] != 0)
            return true;
    return false;
}

static void bind_uuid_or_null(sqlite3_stmt *statement, int place, const uint8_t uuid[UUID_BYTES])
{
    bind_uuid(statement, place, uuid_is_set(uuid) ? uuid : NULL);
}

/* ---- changes ---- */

void runs_insert(struct store *store, struct run_row *row)
{
    sqlite3_stmt *statement = statement_for_write(
        store, SLOT_RUNS_INSERT,
        "INSERT INTO runs (id, namespace_id, workflow_id, run_id, may_be_current, start_request_id, status, "
        "workflow_type, "
        "task_queue, start_time, execution_time, close_time, history_length, history_bytes, state_transitions, memo, "
        "search_attributes, parent_workflow_id, parent_run_id, root_workflow_id, root_run_id, first_run_id, "
        "volatile_part) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, "
        "?23)");

    row->id = store_next_run(store);
    if (statement == NULL)
        return;
    sqlite3_bind_int64(statement, 1, row->id);
    sqlite3_bind_int64(statement, 2, row->namespace_id);
    bind_text(statement, 3, row->workflow_id);
    bind_uuid(statement, 4, row->run_id);
    sqlite3_bind_int(statement, 5, row->is_current);
    bind_text(statement, 6, text_or_empty(row->start_request_id));
    sqlite3_bind_int(statement, 7, row->status);
    bind_text(statement, 8, text_or_empty(row->workflow_type));
    bind_text(statement, 9, text_or_empty(row->task_queue));
    sqlite3_bind_int64(statement, 10, row->start_time);
    sqlite3_bind_int64(statement, 11, row->execution_time);
    sqlite3_bind_int64(statement, 12, row->close_time);
    sqlite3_bind_int64(statement, 13, row->history_length);
    sqlite3_bind_int64(statement, 14, row->history_bytes);
    sqlite3_bind_int64(statement, 15, row->state_transitions);
    bind_bytes(statement, 16, row->memo);
    bind_bytes(statement, 17, row->search_attributes);
    bind_text(statement, 18, row->parent_workflow_id);
    bind_uuid_or_null(statement, 19, row->parent_run_id);
    bind_text(statement, 20, row->root_workflow_id);
    bind_uuid_or_null(statement, 21, row->root_run_id);
    bind_uuid(statement, 22, row->first_run_id);
    bind_bytes(statement, 23, row->volatile_part);
    statement_write(store, statement);
    if (row->search_attributes.len > 0)
        search_index_change(store, row->namespace_id, row->id, (struct bytes){NULL, 0}, row->search_attributes);
}

/* Search attributes of a run are about to become others (those of `row`), or to go with it (NULL). */
static void change_index(struct store *store, int64_t id, const struct run_row *row)
{
    sqlite3_stmt *statement;
    struct bytes before;
    bool found;

    if (!status_is_ok(statement_for_read(store, SLOT_RUNS_GET_ATTRIBUTES,
                                         "SELECT namespace_id, search_attributes FROM runs WHERE id = ?1", &statement)))
        return; /* the transaction is poisoned */
    sqlite3_bind_int64(statement, 1, id);
    if (!status_is_ok(statement_next(store, statement, &found))) {
        store_poison(store);
        return;
    }
    if (!found)
        return;
    before = (struct bytes){sqlite3_column_blob(statement, 1), (size_t)sqlite3_column_bytes(statement, 1)};
    search_index_change(store, sqlite3_column_int64(statement, 0), id, before,
                        row == NULL ? (struct bytes){NULL, 0} : row->search_attributes);
    statement_done(statement);
}

void runs_update_progress(struct store *store, int64_t id, const struct run_progress *progress)
{
    sqlite3_stmt *statement =
        statement_for_write(store, SLOT_RUNS_UPDATE_PROGRESS,
                            "UPDATE runs SET history_length = ?2, history_bytes = ?3, state_transitions = ?4, "
                            "volatile_part = ?5 WHERE id = ?1");

    if (statement == NULL)
        return;
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_int64(statement, 2, progress->history_length);
    sqlite3_bind_int64(statement, 3, progress->history_bytes);
    sqlite3_bind_int64(statement, 4, progress->state_transitions);
    bind_bytes(statement, 5, progress->volatile_part);
    statement_write(store, statement);
}

void runs_update(struct store *store, const struct run_row *row)
{
    sqlite3_stmt *statement;

    if (row->attributes_changed && row->had_none)
        search_index_change(store, row->namespace_id, row->id, (struct bytes){NULL, 0}, row->search_attributes);
    else if (row->attributes_changed)
        change_index(store, row->id, row);
    statement =
        statement_for_write(store, SLOT_RUNS_UPDATE,
                            "UPDATE runs SET status = ?2, execution_time = ?3, close_time = ?4, history_length = ?5, "
                            "history_bytes = ?6, state_transitions = ?7, memo = ?8, search_attributes = ?9, "
                            "volatile_part = ?10 WHERE id = ?1");

    if (statement == NULL)
        return;
    sqlite3_bind_int64(statement, 1, row->id);
    sqlite3_bind_int(statement, 2, row->status);
    sqlite3_bind_int64(statement, 3, row->execution_time);
    sqlite3_bind_int64(statement, 4, row->close_time);
    sqlite3_bind_int64(statement, 5, row->history_length);
    sqlite3_bind_int64(statement, 6, row->history_bytes);
    sqlite3_bind_int64(statement, 7, row->state_transitions);
    bind_bytes(statement, 8, row->memo);
    bind_bytes(statement, 9, row->search_attributes);
    bind_bytes(statement, 10, row->volatile_part);
    statement_write(store, statement);
}

void runs_delete(struct store *store, int64_t id)
{
    sqlite3_stmt *statement = statement_for_write(
        store, SLOT_RUNS_RETIRE_OLDER,
        "UPDATE runs SET may_be_current = 0 WHERE id IN (SELECT older.id FROM runs AS deleted JOIN runs AS older "
        "ON older.namespace_id = deleted.namespace_id AND older.workflow_id = deleted.workflow_id "
        "AND older.id < deleted.id AND older.may_be_current WHERE deleted.id = ?1 AND deleted.may_be_current)");

    if (statement == NULL)
        return;
    sqlite3_bind_int64(statement, 1, id);
    statement_write(store, statement);

    change_index(store, id, NULL);
    statement = statement_for_write(store, SLOT_RUNS_DELETE, "DELETE FROM runs WHERE id = ?1");
    if (statement == NULL)
        return;
    sqlite3_bind_int64(statement, 1, id);
    statement_write(store, statement);
    events_delete(store, id);
}

/* ---- questions ---- */

/* Column order of read_row. The subquery is "no newer run may be current". */
#define RUN_COLUMNS                                                                                            \
    "id, namespace_id, workflow_id, run_id, start_request_id, status, workflow_type, task_queue, start_time, " \
    "execution_time, close_time, history_length, history_bytes, state_transitions, memo, search_attributes, "  \
    "parent_workflow_id, parent_run_id, root_workflow_id, root_run_id, first_run_id, volatile_part, "          \
    "may_be_current AND NOT EXISTS (SELECT 1 FROM runs AS newer WHERE newer.namespace_id = runs.namespace_id " \
    "AND newer.workflow_id = runs.workflow_id AND newer.id > runs.id AND newer.may_be_current)"

static void read_row(sqlite3_stmt *statement, struct arena *arena, struct run_row *ret_row)
{
    *ret_row = (struct run_row){
        .id = sqlite3_column_int64(statement, 0),
        .namespace_id = sqlite3_column_int64(statement, 1),
        .workflow_id = column_text(statement, 2, arena),
        .start_request_id = column_text(statement, 4, arena),
        .status = sqlite3_column_int(statement, 5),
        .workflow_type = column_text(statement, 6, arena),
        .task_queue = column_text(statement, 7, arena),
        .start_time = sqlite3_column_int64(statement, 8),
        .execution_time = sqlite3_column_int64(statement, 9),
        .close_time = sqlite3_column_int64(statement, 10),
        .history_length = sqlite3_column_int64(statement, 11),
        .history_bytes = sqlite3_column_int64(statement, 12),
        .state_transitions = sqlite3_column_int64(statement, 13),
        .memo = column_bytes(statement, 14, arena),
        .search_attributes = column_bytes(statement, 15, arena),
        .parent_workflow_id = column_text(statement, 16, arena),
        .root_workflow_id = column_text(statement, 18, arena),
        .volatile_part = column_bytes(statement, 21, arena),
        .is_current = sqlite3_column_int(statement, 22) != 0,
    };
    column_uuid(statement, 3, ret_row->run_id);
    column_uuid(statement, 17, ret_row->parent_run_id);
    column_uuid(statement, 19, ret_row->root_run_id);
    column_uuid(statement, 20, ret_row->first_run_id);
}

/* Reads the one row of a bound statement. */
static status read_one(struct store *store, sqlite3_stmt *statement, struct arena *arena, struct run_row *ret_row)
{
    bool row;

    TRY(statement_next(store, statement, &row));
    if (!row)
        return status_error(GRPC_NOT_FOUND, NULL);
    read_row(statement, arena, ret_row);
    statement_done(statement);
    return status_ok();
}

status runs_find_current(struct store *store, struct arena *arena, int64_t namespace_id, const char *workflow_id,
                         struct run_row *ret_row)
{
    sqlite3_stmt *statement;

    TRY(statement_for_read(store, SLOT_RUNS_FIND_CURRENT,
                           "SELECT " RUN_COLUMNS " FROM runs WHERE namespace_id = ?1 AND workflow_id = ?2 "
                           "AND may_be_current ORDER BY id DESC LIMIT 1",
                           &statement));
    sqlite3_bind_int64(statement, 1, namespace_id);
    bind_text(statement, 2, workflow_id);
    return read_one(store, statement, arena, ret_row);
}

status runs_find(struct store *store, struct arena *arena, int64_t namespace_id, const char *workflow_id,
                 const uint8_t run_id[UUID_BYTES], struct run_row *ret_row)
{
    sqlite3_stmt *statement;

    TRY(statement_for_read(store, SLOT_RUNS_FIND,
                           "SELECT " RUN_COLUMNS " FROM runs INDEXED BY runs_by_run_id "
                           "WHERE run_id = ?1 AND namespace_id = ?2 AND workflow_id = ?3",
                           &statement));
    bind_uuid(statement, 1, run_id);
    sqlite3_bind_int64(statement, 2, namespace_id);
    bind_text(statement, 3, workflow_id);
    return read_one(store, statement, arena, ret_row);
}

status runs_get(struct store *store, struct arena *arena, int64_t id, struct run_row *ret_row)
{
    sqlite3_stmt *statement;

    TRY(statement_for_read(store, SLOT_RUNS_GET, "SELECT " RUN_COLUMNS " FROM runs WHERE id = ?1", &statement));
    sqlite3_bind_int64(statement, 1, id);
    return read_one(store, statement, arena, ret_row);
}

static status read_ids(struct store *store, sqlite3_stmt *statement, int64_t *ret_ids, int *ret_count)
{
    int count = 0;

    for (;;) {
        bool row;

        TRY(statement_next(store, statement, &row));
        if (!row)
            break;
        ret_ids[count++] = sqlite3_column_int64(statement, 0);
    }
    *ret_count = count;
    return status_ok();
}

status runs_list_open(struct store *store, int64_t after, int most, int64_t *ret_ids, int *ret_count)
{
    sqlite3_stmt *statement;

    TRY(statement_for_read(
        store, SLOT_RUNS_LIST_OPEN,
        "SELECT id FROM runs INDEXED BY runs_open WHERE close_time = 0 AND id > ?1 ORDER BY id LIMIT ?2", &statement));
    sqlite3_bind_int64(statement, 1, after);
    sqlite3_bind_int(statement, 2, most);
    return read_ids(store, statement, ret_ids, ret_count);
}

status runs_list_closed_before(struct store *store, int64_t namespace_id, nanos closed_before, int most,
                               int64_t *ret_ids, int *ret_count)
{
    sqlite3_stmt *statement;

    TRY(statement_for_read(store, SLOT_RUNS_LIST_CLOSED_BEFORE,
                           "SELECT id FROM runs INDEXED BY runs_closed WHERE namespace_id = ?1 AND close_time > 0 "
                           "AND close_time <= ?2 ORDER BY close_time LIMIT ?3",
                           &statement));
    sqlite3_bind_int64(statement, 1, namespace_id);
    sqlite3_bind_int64(statement, 2, closed_before);
    sqlite3_bind_int(statement, 3, most);
    return read_ids(store, statement, ret_ids, ret_count);
}
