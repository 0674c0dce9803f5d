-- Worker deployments and their versions.

CREATE TABLE deployments (
    namespace_id INTEGER NOT NULL,
    name         TEXT NOT NULL,
    record       BLOB NOT NULL,
    PRIMARY KEY (namespace_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE deployment_versions (
    namespace_id INTEGER NOT NULL,
    deployment   TEXT NOT NULL,
    build_id     TEXT NOT NULL,
    record       BLOB NOT NULL,
    PRIMARY KEY (namespace_id, deployment, build_id)
) STRICT, WITHOUT ROWID;
