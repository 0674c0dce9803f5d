#include "persistence/deployments.h"

#include "persistence/store_internal.h"

static void bind_names(sqlite3_stmt *statement, const struct stored_deployment *row)
{
    sqlite3_bind_int64(statement, 1, row->namespace_id);
    bind_text(statement, 2, row->name);
    if (row->build_id != NULL)
        bind_text(statement, 4, row->build_id);
}

void deployment_rows_put(struct store *store, const struct stored_deployment *row)
{
    sqlite3_stmt *statement =
        row->build_id == NULL
            ? statement_for_write(store, SLOT_DEPLOYMENTS_PUT,
                                  "INSERT OR REPLACE INTO deployments (namespace_id, name, record)"
                                  " VALUES (?1, ?2, ifnull(?3, x''))")
            : statement_for_write(store, SLOT_DEPLOYMENT_VERSIONS_PUT,
                                  "INSERT OR REPLACE INTO deployment_versions (namespace_id, deployment, build_id,"
                                  " record) VALUES (?1, ?2, ?4, ifnull(?3, x''))");

    if (statement == NULL)
        return;
    bind_names(statement, row);
    bind_bytes(statement, 3, row->record);
    statement_write(store, statement);
}

void deployment_rows_delete(struct store *store, const struct stored_deployment *row)
{
    sqlite3_stmt *statement =
        row->build_id == NULL
            ? statement_for_write(store, SLOT_DEPLOYMENTS_DELETE,
                                  "DELETE FROM deployments WHERE namespace_id = ?1 AND name = ?2")
            : statement_for_write(
                  store, SLOT_DEPLOYMENT_VERSIONS_DELETE,
                  "DELETE FROM deployment_versions WHERE namespace_id = ?1 AND deployment = ?2 AND build_id = ?4");

    if (statement == NULL)
        return;
    bind_names(statement, row);
    statement_write(store, statement);
}

/* All rows of a statement whose columns are namespace, name, build id, record. */
static status each_row(struct store *store, sqlite3_stmt *statement,
                       void (*each)(void *context, const struct stored_deployment *row), void *context)
{
    bool more;

    for (;;) {
        struct stored_deployment row;

        TRY(statement_next(store, statement, &more));
        if (!more)
            return status_ok();
        row.namespace_id = sqlite3_column_int64(statement, 0);
        row.name = (const char *)sqlite3_column_text(statement, 1);
        row.build_id = (const char *)sqlite3_column_text(statement, 2);
        row.record.data = sqlite3_column_blob(statement, 3);
        row.record.len = (size_t)sqlite3_column_bytes(statement, 3);
        each(context, &row);
    }
}

status deployment_rows_each(struct store *store, void (*each)(void *context, const struct stored_deployment *row),
                            void *context)
{
    sqlite3_stmt *statement;

    TRY(statement_for_read(store, SLOT_DEPLOYMENTS_EACH,
                           "SELECT namespace_id, name, NULL, record FROM deployments ORDER BY namespace_id, name",
                           &statement));
    TRY(each_row(store, statement, each, context));
    TRY(statement_for_read(store, SLOT_DEPLOYMENT_VERSIONS_EACH,
                           "SELECT namespace_id, deployment, build_id, record FROM deployment_versions"
                           " ORDER BY namespace_id, deployment, build_id",
                           &statement));
    return each_row(store, statement, each, context);
}
