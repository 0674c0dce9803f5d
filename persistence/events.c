/*
 * A batch's key is one integer: the run's row in the upper bits, the first event's id in the lower ones. SQLite keeps a
 * table with an integer key sorted by it, so a run's batches lie together, need no second index, and (unlike in a table
 * WITHOUT ROWID, whose rows leave their page at a quarter of it) a batch of up to 4 KB stays in its page.
 */
#include "persistence/events.h"

#include "base/invariant.h"
#include "persistence/store_internal.h"

/* 2^24 events per run (the limit of a history is 51,200 unless configured otherwise) leave 2^39 runs. */
#define EVENT_ID_BITS 24
#define EVENT_ID_MAX  ((INT64_C(1) << EVENT_ID_BITS) - 1)
#define RUN_MAX       ((INT64_C(1) << (63 - EVENT_ID_BITS)) - 1)

static int64_t place_of(int64_t run, int64_t event_id)
{
    invariant(run > 0 && run <= RUN_MAX, "run %lld", (long long)run);
    if (event_id < 0)
        event_id = 0;
    if (event_id > EVENT_ID_MAX)
        event_id = EVENT_ID_MAX;
    return run << EVENT_ID_BITS | event_id;
}

void events_append(struct store *store, int64_t run, const struct event_batch *batch)
{
    sqlite3_stmt *statement;

    invariant(batch->first_event_id > 0 && batch->first_event_id < EVENT_ID_MAX, "event id %lld",
              (long long)batch->first_event_id);
    statement = statement_for_write(store, SLOT_EVENTS_APPEND,
                                    "INSERT INTO events (place, events_count, history) VALUES (?1, ?2, ?3)");
    if (statement == NULL)
        return;
    sqlite3_bind_int64(statement, 1, place_of(run, batch->first_event_id));
    sqlite3_bind_int(statement, 2, batch->events_count);
    bind_bytes(statement, 3, batch->history);
    statement_write(store, statement);
}

/* Reads at most `most` batches of a bound statement. */
static status read_batches(struct store *store, sqlite3_stmt *statement, struct arena *arena, int most,
                           struct event_batch **ret_batches, int *ret_count)
{
    struct event_batch *batches = NULL;
    int count = 0, room = 0;

    for (;;) {
        bool row;

        TRY(statement_next(store, statement, &row));
        if (!row)
            break;
        if (count == room) { /* grown, because `most` may be far above what there is */
            struct event_batch *larger;

            room = room == 0 ? 16 : room * 2;
            larger = ARENA_NEW_ARRAY(arena, struct event_batch, room < most ? room : most);
            for (int i = 0; i < count; i++)
                larger[i] = batches[i];
            batches = larger;
        }
        batches[count++] = (struct event_batch){.first_event_id = sqlite3_column_int64(statement, 0) & EVENT_ID_MAX,
                                                .events_count = sqlite3_column_int(statement, 1),
                                                .history = column_bytes(statement, 2, arena)};
    }
    *ret_batches = batches;
    *ret_count = count;
    return status_ok();
}

status events_read(struct store *store, struct arena *arena, int64_t run, int64_t from, int most,
                   struct event_batch **ret_batches, int *ret_count)
{
    sqlite3_stmt *statement;

    TRY(statement_for_read(store, SLOT_EVENTS_READ,
                           "SELECT place, events_count, history FROM events WHERE place BETWEEN ?1 AND ?2 "
                           "ORDER BY place LIMIT ?3",
                           &statement));
    sqlite3_bind_int64(statement, 1, place_of(run, from));
    sqlite3_bind_int64(statement, 2, place_of(run, EVENT_ID_MAX));
    sqlite3_bind_int(statement, 3, most);
    return read_batches(store, statement, arena, most, ret_batches, ret_count);
}

status events_read_back(struct store *store, struct arena *arena, int64_t run, int64_t from, int most,
                        struct event_batch **ret_batches, int *ret_count)
{
    sqlite3_stmt *statement;

    TRY(statement_for_read(store, SLOT_EVENTS_READ_BACK,
                           "SELECT place, events_count, history FROM events WHERE place BETWEEN ?1 AND ?2 "
                           "ORDER BY place DESC LIMIT ?3",
                           &statement));
    sqlite3_bind_int64(statement, 1, place_of(run, 0));
    sqlite3_bind_int64(statement, 2, place_of(run, from));
    sqlite3_bind_int(statement, 3, most);
    return read_batches(store, statement, arena, most, ret_batches, ret_count);
}

void events_delete(struct store *store, int64_t run)
{
    sqlite3_stmt *statement =
        statement_for_write(store, SLOT_EVENTS_DELETE, "DELETE FROM events WHERE place BETWEEN ?1 AND ?2");

    if (statement == NULL)
        return;
    sqlite3_bind_int64(statement, 1, place_of(run, 0));
    sqlite3_bind_int64(statement, 2, place_of(run, EVENT_ID_MAX));
    statement_write(store, statement);
}
