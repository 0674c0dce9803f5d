-- Where lists that ask for the value of a search attribute begin to look.

CREATE TABLE search_index (
    namespace_id INTEGER NOT NULL,
    name         TEXT NOT NULL,
    value        ANY NOT NULL,
    run          INTEGER NOT NULL,
    PRIMARY KEY (namespace_id, name, value, run)
) STRICT, WITHOUT ROWID;
