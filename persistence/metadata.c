#include "persistence/metadata.h"

#include "persistence/store_internal.h"

void metadata_set(struct store *store, const char *name, struct bytes value)
{
    sqlite3_stmt *statement = statement_for_write(store, SLOT_METADATA_SET,
                                                  "INSERT INTO metadata (name, value) VALUES (?1, ifnull(?2, x'')) "
                                                  "ON CONFLICT (name) DO UPDATE SET value = excluded.value");

    if (statement == NULL)
        return;
    bind_text(statement, 1, name);
    bind_bytes(statement, 2, value);
    statement_write(store, statement);
}

status metadata_get(struct store *store, struct arena *arena, const char *name, struct bytes *ret_value)
{
    sqlite3_stmt *statement;
    bool row;

    TRY(statement_for_read(store, SLOT_METADATA_GET, "SELECT value FROM metadata WHERE name = ?1", &statement));
    bind_text(statement, 1, name);
    TRY(statement_next(store, statement, &row));
    if (!row)
        return status_error(GRPC_NOT_FOUND, NULL);
    *ret_value = column_bytes(statement, 0, arena);
    statement_done(statement);
    return status_ok();
}
