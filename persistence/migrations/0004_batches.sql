-- Batch operations, and how far each has come.

CREATE TABLE batches (
    id           INTEGER PRIMARY KEY,
    namespace_id INTEGER NOT NULL,
    job_id       TEXT NOT NULL,
    run_id       BLOB NOT NULL,
    type         INTEGER NOT NULL,
    state        INTEGER NOT NULL,
    start_time   INTEGER NOT NULL,
    close_time   INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    total        INTEGER NOT NULL,
    completed    INTEGER NOT NULL,
    failed       INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX batches_by_job_id ON batches (namespace_id, job_id);
CREATE INDEX batches_running ON batches (namespace_id, id) WHERE close_time = 0;
CREATE INDEX batches_closed ON batches (namespace_id, close_time) WHERE close_time > 0;

CREATE TABLE batch_requests (
    batch   INTEGER PRIMARY KEY,
    request BLOB NOT NULL
) STRICT;
