-- The first tables. What each is for stands in persistence/SCHEMA.md. A migration that has been released is never edited.

CREATE TABLE metadata (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE namespaces (
    id     INTEGER PRIMARY KEY,
    uuid   BLOB NOT NULL UNIQUE,
    name   TEXT NOT NULL UNIQUE,
    record BLOB NOT NULL
) STRICT;

CREATE TABLE runs (
    id                 INTEGER PRIMARY KEY,
    namespace_id       INTEGER NOT NULL,
    workflow_id        TEXT NOT NULL,
    run_id             BLOB NOT NULL,
    may_be_current     INTEGER NOT NULL,
    start_request_id   TEXT NOT NULL,
    status             INTEGER NOT NULL,
    workflow_type      TEXT NOT NULL,
    task_queue         TEXT NOT NULL,
    start_time         INTEGER NOT NULL,
    execution_time     INTEGER NOT NULL,
    close_time         INTEGER NOT NULL,
    history_length     INTEGER NOT NULL,
    history_bytes      INTEGER NOT NULL,
    state_transitions  INTEGER NOT NULL,
    memo               BLOB,
    search_attributes  BLOB,
    parent_workflow_id TEXT,
    parent_run_id      BLOB,
    root_workflow_id   TEXT,
    root_run_id        BLOB,
    first_run_id       BLOB NOT NULL,
    volatile_part      BLOB
) STRICT;

CREATE INDEX runs_by_workflow_id ON runs (namespace_id, workflow_id);
CREATE UNIQUE INDEX runs_by_run_id ON runs (run_id);
CREATE INDEX runs_open ON runs (id) WHERE close_time = 0;
CREATE INDEX runs_closed ON runs (namespace_id, close_time) WHERE close_time > 0;

CREATE TABLE events (
    place        INTEGER PRIMARY KEY,
    events_count INTEGER NOT NULL,
    history      BLOB NOT NULL
) STRICT;
