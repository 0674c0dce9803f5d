-- What has been configured for task queues.

CREATE TABLE task_queue_configs (
    namespace_id INTEGER NOT NULL,
    name         TEXT NOT NULL,
    type         INTEGER NOT NULL,
    config       BLOB NOT NULL,
    PRIMARY KEY (namespace_id, name, type)
) STRICT, WITHOUT ROWID;
