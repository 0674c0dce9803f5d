#include "persistence/namespaces.h"

#include "persistence/store_internal.h"

void namespace_rows_insert(struct store *store, const struct namespace_row *row)
{
    sqlite3_stmt *statement =
        statement_for_write(store, SLOT_NAMESPACES_INSERT,
                            "INSERT INTO namespaces (id, uuid, name, record) VALUES (?1, ?2, ?3, ifnull(?4, x''))");

    if (statement == NULL)
        return;
    sqlite3_bind_int64(statement, 1, row->id);
    bind_uuid(statement, 2, row->uuid);
    bind_text(statement, 3, row->name);
    bind_bytes(statement, 4, row->record);
    statement_write(store, statement);
}

void namespace_rows_update(struct store *store, const struct namespace_row *row)
{
    sqlite3_stmt *statement = statement_for_write(
        store, SLOT_NAMESPACES_UPDATE, "UPDATE namespaces SET name = ?2, record = ifnull(?3, x'') WHERE id = ?1");

    if (statement == NULL)
        return;
    sqlite3_bind_int64(statement, 1, row->id);
    bind_text(statement, 2, row->name);
    bind_bytes(statement, 3, row->record);
    statement_write(store, statement);
}

status namespace_rows_each(struct store *store, void (*each)(void *context, const struct namespace_row *row),
                           void *context)
{
    sqlite3_stmt *statement;
    bool more;

    TRY(statement_for_read(store, SLOT_NAMESPACES_EACH, "SELECT id, uuid, name, record FROM namespaces ORDER BY id",
                           &statement));
    for (;;) {
        struct namespace_row row;

        TRY(statement_next(store, statement, &more));
        if (!more)
            return status_ok();
        row.id = sqlite3_column_int64(statement, 0);
        column_uuid(statement, 1, row.uuid);
        row.name = (const char *)sqlite3_column_text(statement, 2);
        row.record.data = sqlite3_column_blob(statement, 3);
        row.record.len = (size_t)sqlite3_column_bytes(statement, 3);
        each(context, &row);
    }
}
