#include "persistence/task_queue_configs.h"

#include "persistence/store_internal.h"

void task_queue_config_rows_put(struct store *store, const struct task_queue_config_row *row)
{
    sqlite3_stmt *statement =
        statement_for_write(store, SLOT_TASK_QUEUE_CONFIGS_PUT,
                            "INSERT OR REPLACE INTO task_queue_configs (namespace_id, name, type, config)"
                            " VALUES (?1, ?2, ?3, ifnull(?4, x''))");

    if (statement == NULL)
        return;
    sqlite3_bind_int64(statement, 1, row->namespace_id);
    bind_text(statement, 2, row->name);
    sqlite3_bind_int64(statement, 3, row->type);
    bind_bytes(statement, 4, row->config);
    statement_write(store, statement);
}

status task_queue_config_rows_each(struct store *store,
                                   void (*each)(void *context, const struct task_queue_config_row *row), void *context)
{
    sqlite3_stmt *statement;
    bool more;

    TRY(statement_for_read(store, SLOT_TASK_QUEUE_CONFIGS_EACH,
                           "SELECT namespace_id, name, type, config FROM task_queue_configs", &statement));
    for (;;) {
        struct task_queue_config_row row;

        TRY(statement_next(store, statement, &more));
        if (!more)
            return status_ok();
        row.namespace_id = sqlite3_column_int64(statement, 0);
        row.name = (const char *)sqlite3_column_text(statement, 1);
        row.type = sqlite3_column_int(statement, 2);
        row.config.data = sqlite3_column_blob(statement, 3);
        row.config.len = (size_t)sqlite3_column_bytes(statement, 3);
        each(context, &row);
    }
}
