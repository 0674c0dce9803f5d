/*
 * How the file is set up. WAL, because a turn then costs one sequential write and no fsync; a process that is killed
 * loses nothing, because what was written is the kernel's. locking_mode=EXCLUSIVE, set before the file is first
 * touched: the lock is taken once instead of per turn, a second process is turned away, and the WAL's index lives in
 * our memory instead of a shared-memory file.
 *
 * A file is looked at before it is changed: whether it is ours is settled by application_id, whether we understand it
 * by user_version, and whether it is whole by quick_check. Only then does it get its settings and its migrations.
 */
#include "persistence/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/invariant.h"
#include "base/log.h"
#include "base/rand.h"
#include "persistence/migrations_embedded.h"
#include "persistence/page_cache.h"
#include "persistence/search_index.h"
#include "persistence/store_internal.h"
#include "persistence/visibility_text.h"

#define STORE_MAGIC UINT64_C(0x6665726d61746130)

/* "Frma", in every file of ours; see https://www.sqlite.org/fileformat2.html#application_id. */
#define APPLICATION_ID 0x46726d61

/* Pages in the WAL at which store_idle moves them into the file: 4 MB. A checkpoint cannot be interrupted without
 * losing its progress, so its size is what bounds the pause: 7 ms with 1000 pages, 26 ms with 4000, on the disk where
 * this was measured. Fewer write the same hot pages more often: 1000 cost 5 % more CPU per row than 4000. */
enum { CHECKPOINT_PAGES = 1000 };

/* A file up to this size is checked page by page when it is opened (about 1.2 ms per MB); in a larger one only the
 * small tables are, and SQLite notices other damage when it meets it. */
#define FULL_CHECK_BYTES_MAX (INT64_C(64) << 20)

struct store {
    uint64_t magic;
    struct arena *arena; /* holds this struct */
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_SLOTS_COUNT];
    uint64_t uses[STATEMENT_SLOTS_COUNT]; /* how often each was made ready */
    const char *path;                     /* NULL: in memory */

    bool in_transaction;
    int poison; /* SQLite's code of the turn's first failed write, SQLITE_OK for none */

    int64_t last_run;
    int wal_pages; /* after the last commit */
    struct store_counts counts;
    int64_t fail_countdown;                  /* store_fail_after */
    int64_t fail_period;                     /* store_fail_every */
    struct visibility_text *visibility_text; /* NULL: not needed yet */
};

/* ---- statements ---- */

/* Every step of a statement passes here, so that a test can make any of them fail. */
static int step(struct store *store, sqlite3_stmt *statement)
{
    if (store->fail_countdown > 0 && --store->fail_countdown == 0) {
        if (store->fail_period > 0)
            store->fail_countdown = store->fail_period++;
        log_warn("a step of the database fails, as was asked for", "sql", sqlite3_sql(statement));
        return SQLITE_IOERR;
    }
    return sqlite3_step(statement);
}

static int prepare(struct store *store, enum statement_slot slot, const char *sql)
{
    store->uses[slot]++;
    if (store->statements[slot] != NULL)
        return SQLITE_OK;
    return sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &store->statements[slot], NULL);
}

/* Runs a statement that has no parameters and returns no rows. */
static int run_simple(struct store *store, enum statement_slot slot, const char *sql)
{
    int code = prepare(store, slot, sql);

    if (code != SQLITE_OK)
        return code;
    code = step(store, store->statements[slot]);
    sqlite3_reset(store->statements[slot]);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

sqlite3_stmt *statement_for_write(struct store *store, enum statement_slot slot, const char *sql)
{
    if (store->poison != SQLITE_OK)
        return NULL;
    if (!store->in_transaction) {
        store->poison = run_simple(store, SLOT_BEGIN, "BEGIN IMMEDIATE");
        if (store->poison != SQLITE_OK)
            return NULL;
        store->in_transaction = true;
    }
    store->poison = prepare(store, slot, sql);
    return store->poison == SQLITE_OK ? store->statements[slot] : NULL;
}

void statement_write(struct store *store, sqlite3_stmt *statement)
{
    int code = step(store, statement);

    sqlite3_reset(statement);
    if (code == SQLITE_DONE)
        store->counts.rows_written += (uint64_t)sqlite3_changes64(store->db);
    else
        store->poison = code;
}

sqlite3 *store_database(struct store *store)
{
    return store->db;
}

struct visibility_text **store_visibility_text(struct store *store)
{
    return &store->visibility_text;
}

int64_t store_next_run(struct store *store)
{
    return ++store->last_run;
}

int64_t store_last_run(const struct store *store)
{
    return store->last_run;
}

/* A failed read as a status: damage is for good, all else may pass. */
static status read_failed(int code)
{
    bool is_damage = (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;

    return status_error(is_damage ? GRPC_DATA_LOSS : GRPC_UNAVAILABLE, sqlite3_errstr(code));
}

status statement_for_read(struct store *store, enum statement_slot slot, const char *sql, sqlite3_stmt **ret_statement)
{
    int code = store->poison != SQLITE_OK ? store->poison : prepare(store, slot, sql);

    if (code != SQLITE_OK)
        return read_failed(code);
    *ret_statement = store->statements[slot];
    return status_ok();
}

status statement_next(struct store *store, sqlite3_stmt *statement, bool *ret_row)
{
    int code = step(store, statement);

    if (code == SQLITE_ROW) {
        *ret_row = true;
        return status_ok();
    }
    sqlite3_reset(statement);
    if (code != SQLITE_DONE)
        return read_failed(code);
    *ret_row = false;
    return status_ok();
}

void statement_done(sqlite3_stmt *statement)
{
    sqlite3_reset(statement);
}

void bind_text(sqlite3_stmt *statement, int place, const char *text)
{
    sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC);
}

void bind_bytes(sqlite3_stmt *statement, int place, struct bytes bytes)
{
    if (bytes.len == 0)
        sqlite3_bind_null(statement, place);
    else
        sqlite3_bind_blob64(statement, place, bytes.data, bytes.len, SQLITE_STATIC);
}

void bind_uuid(sqlite3_stmt *statement, int place, const uint8_t *uuid)
{
    sqlite3_bind_blob(statement, place, uuid, UUID_BYTES, SQLITE_STATIC);
}

const char *column_text(sqlite3_stmt *statement, int column, struct arena *arena)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);

    return text == NULL ? NULL : arena_strndup(arena, text, (size_t)sqlite3_column_bytes(statement, column));
}

struct bytes column_bytes(sqlite3_stmt *statement, int column, struct arena *arena)
{
    const void *data = sqlite3_column_blob(statement, column);
    size_t len = (size_t)sqlite3_column_bytes(statement, column);

    return (struct bytes){.data = arena_memdup(arena, data, len), .len = len};
}

void column_uuid(sqlite3_stmt *statement, int column, uint8_t *ret_uuid)
{
    const void *data = sqlite3_column_blob(statement, column);

    if (data != NULL && sqlite3_column_bytes(statement, column) == UUID_BYTES)
        memcpy(ret_uuid, data, UUID_BYTES);
    else
        memset(ret_uuid, 0, UUID_BYTES);
}

/* ---- the turn's transaction ---- */

bool store_has_changes(const struct store *store)
{
    return store->in_transaction || store->poison != SQLITE_OK;
}

void store_poison(struct store *store)
{
    if (store->poison == SQLITE_OK)
        store->poison = SQLITE_ABORT;
}

static void roll_back(struct store *store)
{
    /* Some failures (disk full, I/O error) have made SQLite roll back by itself. Not through step(): a test that makes
     * a commit fail wants the roll-back to work. */
    if (sqlite3_get_autocommit(store->db) == 0)
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    store->in_transaction = false;
    store->poison = SQLITE_OK;
}

status store_commit(struct store *store, struct arena *arena)
{
    int code;

    if (!store_has_changes(store))
        return status_ok();
    code = store->poison != SQLITE_OK ? store->poison : run_simple(store, SLOT_COMMIT, "COMMIT");
    if (code != SQLITE_OK) {
        store->counts.commit_failures++;
        roll_back(store);
        return status_errorf(arena, GRPC_UNAVAILABLE, "the database could not be written: %s (code %d)",
                             sqlite3_errstr(code), code);
    }
    store->in_transaction = false;
    store->counts.commits++;
    return status_ok();
}

/* SQLite tells how many pages the WAL has after each commit. */
static int on_wal_commit(void *context, sqlite3 *db, const char *schema, int pages)
{
    struct store *store = context;

    (void)db;
    (void)schema;
    invariant(store->magic == STORE_MAGIC, "not a store");
    store->wal_pages = pages;
    return SQLITE_OK;
}

void store_idle(struct store *store)
{
    if (store->wal_pages < CHECKPOINT_PAGES || store_has_changes(store))
        return;
    store->wal_pages = 0; /* a failure is tried again after the next commit, which sets it */
    store->counts.checkpoints++;
    if (sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) != SQLITE_OK)
        store->counts.checkpoint_failures++;
}

struct store_counts store_counts(const struct store *store)
{
    return store->counts;
}

/* What a dashboard knows these statements as. Those without a name have no counterpart there. */
static const char *const operations[STATEMENT_SLOTS_COUNT] = {
    [SLOT_COMMIT] = "Commit",
    [SLOT_NAMESPACES_INSERT] = "CreateNamespace",
    [SLOT_NAMESPACES_UPDATE] = "UpdateNamespace",
    [SLOT_RUNS_INSERT] = "CreateWorkflowExecution",
    [SLOT_RUNS_UPDATE] = "UpdateWorkflowExecution",
    [SLOT_RUNS_UPDATE_PROGRESS] = "UpdateWorkflowExecution",
    [SLOT_RUNS_FIND_CURRENT] = "GetCurrentExecution",
    [SLOT_RUNS_FIND] = "GetWorkflowExecution",
    [SLOT_RUNS_GET] = "GetWorkflowExecution",
    [SLOT_RUNS_DELETE] = "DeleteWorkflowExecution",
    [SLOT_EVENTS_APPEND] = "AppendHistoryNodes",
    [SLOT_EVENTS_READ] = "ReadHistoryBranch",
    [SLOT_EVENTS_READ_BACK] = "ReadHistoryBranchReverse",
    [SLOT_EVENTS_DELETE] = "DeleteHistoryBranch",
    [SLOT_TASK_QUEUE_CONFIGS_PUT] = "UpdateTaskQueueUserData",
};

void store_each_operation(const struct store *store, void (*each)(void *context, const char *operation, uint64_t count),
                          void *context)
{
    for (int slot = 0; slot < STATEMENT_SLOTS_COUNT; slot++)
        if (operations[slot] != NULL && store->uses[slot] > 0)
            each(context, operations[slot], store->uses[slot]);
}

void store_fail_after(struct store *store, int64_t steps)
{
    store->fail_countdown = steps;
}

void store_fail_every(struct store *store, int64_t steps)
{
    store->fail_period = steps;
}

/* ---- opening ---- */

/* What went wrong with the file, for the user. */
static status file_error(const struct store *store, struct arena *arena, int code, const char *doing)
{
    const char *path = store->path == NULL ? "in memory" : store->path;

    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return status_errorf(arena, GRPC_UNAVAILABLE, "database file %s is in use by another process", path);
    case SQLITE_NOTADB:
        return status_errorf(arena, GRPC_DATA_LOSS, "database file %s is damaged, or not a database at all", path);
    case SQLITE_CORRUPT:
        return status_errorf(arena, GRPC_DATA_LOSS, "database file %s is damaged", path);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return status_errorf(arena, GRPC_PERMISSION_DENIED, "database file %s cannot be written", path);
    default:
        return status_errorf(arena, GRPC_UNAVAILABLE, "database file %s: %s: %s", path, doing,
                             sqlite3_errmsg(store->db));
    }
}

/* Runs SQL (one or many statements) while opening. */
static status execute(struct store *store, struct arena *arena, const char *sql, const char *doing)
{
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

    return code == SQLITE_OK ? status_ok() : file_error(store, arena, code, doing);
}

/* The one number that a query returns. */
static status read_number(struct store *store, struct arena *arena, const char *sql, int64_t *ret_number)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *ret_number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return code == SQLITE_ROW ? status_ok() : file_error(store, arena, code, "cannot be read");
}

static status check_directory(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *directory = slash == NULL   ? "."
                            : slash == path ? "/"
                                            : arena_strndup(arena, path, (size_t)(slash - path));
    struct stat found;

    if (stat(directory, &found) == 0)
        return status_ok();
    return status_errorf(arena, GRPC_NOT_FOUND, "failed checking dir for database file: stat %s: %s", directory,
                         errno == ENOENT ? "no such file or directory" : strerror(errno));
}

/* A setting of ours. */
struct setting {
    const char *name, *value;
    bool is_for_files; /* an in-memory database has no use for it */
    const char *fixed; /* why a user's pragma must not change it; NULL: it may */
};

/* In this order; the user's go before journal_mode, because some (page_size, auto_vacuum) only work on a file that is
 * still empty, and journal_mode=WAL writes to it. */
static const struct setting settings[] = {
    {"temp_store", "MEMORY", false, NULL},
    {"secure_delete", "OFF", false,
     NULL}, /* Debian's build overwrites what is deleted, at the price of twice the writes */
    {"cell_size_check", "ON", false, NULL},
    {"trusted_schema", "OFF", false, NULL},
    {"cache_size", "-8192", true, NULL},            /* 8 MB at most; it grows with what is touched */
    {"journal_size_limit", "33554432", true, NULL}, /* what a WAL that had to grow large shrinks back to */
    {"journal_mode", "WAL", true, NULL},
};

/* Those that a user may not set, with the reason that is told. */
static const struct setting fixed_settings[] = {
    {"locking_mode", NULL, false, "the file must be locked while the server runs"},
    {"user_version", NULL, false, "it holds the version of the schema"},
    {"application_id", NULL, false, "it marks the file as Fermata's"},
    {"schema_version", NULL, false, "it belongs to SQLite"},
    {"writable_schema", NULL, false, "it belongs to SQLite"},
};

static status set_pragma(struct store *store, struct arena *arena, const char *name, const char *value)
{
    sqlite3_stmt *statement = NULL;
    const char *rest = "";
    int code = sqlite3_prepare_v2(store->db, arena_printf(arena, "PRAGMA %s=%s", name, value), -1, &statement, &rest);

    if (code == SQLITE_OK && *rest != '\0')
        code = SQLITE_MISUSE; /* more than one statement in it */
    while (code == SQLITE_OK || code == SQLITE_ROW)
        code = sqlite3_step(statement);
    sqlite3_finalize(statement);
    if (code == SQLITE_DONE)
        return status_ok();
    if (code == SQLITE_ERROR || code == SQLITE_MISUSE)
        return status_errorf(arena, GRPC_INVALID_ARGUMENT, "invalid pragma %s=%s", name, value);
    return file_error(store, arena, code, "cannot be set up");
}

static const struct store_pragma *find_pragma(const struct store_options *options, const char *name)
{
    for (int i = options->pragmas_count - 1; i >= 0; i--) /* the last of several counts */
        if (strcasecmp(options->pragmas[i].name, name) == 0)
            return &options->pragmas[i];
    return NULL;
}

static bool is_ours(const char *name)
{
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        if (strcasecmp(settings[i].name, name) == 0)
            return true;
    return strcasecmp(name, "synchronous") == 0;
}

static status check_pragma(struct arena *arena, const struct store_pragma *pragma)
{
    for (size_t i = 0; i < sizeof(fixed_settings) / sizeof(fixed_settings[0]); i++)
        if (strcasecmp(fixed_settings[i].name, pragma->name) == 0)
            return status_errorf(arena, GRPC_INVALID_ARGUMENT, "pragma %s cannot be set: %s", pragma->name,
                                 fixed_settings[i].fixed);
    if (strcasecmp(pragma->name, "journal_mode") == 0 && strcasecmp(pragma->value, "off") == 0)
        return status_error(GRPC_INVALID_ARGUMENT,
                            "pragma journal_mode=OFF cannot be set: a failed write must be rolled back");
    if (*pragma->name == '\0' ||
        strspn(pragma->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") != strlen(pragma->name))
        return status_errorf(arena, GRPC_INVALID_ARGUMENT, "invalid pragma %s=%s", pragma->name, pragma->value);
    return status_ok();
}

static status apply_settings(struct store *store, struct arena *arena, const struct store_options *options)
{
    for (int i = 0; i < options->pragmas_count; i++)
        if (!is_ours(options->pragmas[i].name))
            TRY(set_pragma(store, arena, options->pragmas[i].name, options->pragmas[i].value));
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        const struct store_pragma *users = find_pragma(options, settings[i].name);

        if (users != NULL)
            TRY(set_pragma(store, arena, users->name, users->value));
        else if (store->path != NULL || !settings[i].is_for_files)
            TRY(set_pragma(store, arena, settings[i].name, settings[i].value));
    }
    return status_ok();
}

/* How much a power cut may take. */
static status set_synchronous(struct store *store, struct arena *arena, const struct store_options *options)
{
    const struct store_pragma *synchronous = find_pragma(options, "synchronous");

    return set_pragma(store, arena, "synchronous",
                      synchronous != NULL         ? synchronous->value
                      : options->synchronous_full ? "FULL"
                                                  : "NORMAL");
}

/* Whether the file is ours and not newer than us; changes nothing in it. */
static status check_identity(struct store *store, struct arena *arena)
{
    int64_t tables, application_id, version;

    TRY(read_number(store, arena, "SELECT count(*) FROM sqlite_schema", &tables));
    TRY(read_number(store, arena, "PRAGMA application_id", &application_id));
    TRY(read_number(store, arena, "PRAGMA user_version", &version));
    if (application_id != APPLICATION_ID && (tables > 0 || application_id != 0))
        return status_errorf(arena, GRPC_FAILED_PRECONDITION,
                             "database file %s belongs to another program and is left alone; choose a new file name",
                             store->path);
    if (version > migrations[migrations_count - 1].number)
        return status_errorf(
            arena, GRPC_FAILED_PRECONDITION,
            "database file %s was written by a newer version of Fermata (schema %lld, this version knows "
            "up to %d)",
            store->path, (long long)version, migrations[migrations_count - 1].number);
    return status_ok();
}

static status check_integrity(struct store *store, struct arena *arena, const char *what)
{
    sqlite3_stmt *statement = NULL;
    status result = status_ok();
    int code = sqlite3_prepare_v2(store->db, arena_printf(arena, "PRAGMA quick_check(%s)", what), -1, &statement, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code != SQLITE_ROW)
        result = file_error(store, arena, code, "cannot be checked");
    else if (strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0)
        result = status_errorf(arena, GRPC_DATA_LOSS, "database file %s is damaged: %s", store->path,
                               (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return result;
}

static status check_whole(struct store *store, struct arena *arena)
{
    int64_t pages, page_bytes, tables;

    TRY(read_number(store, arena, "SELECT count(*) FROM sqlite_schema", &tables));
    if (tables == 0)
        return status_ok();
    TRY(read_number(store, arena, "PRAGMA page_count", &pages));
    TRY(read_number(store, arena, "PRAGMA page_size", &page_bytes));
    if (pages * page_bytes <= FULL_CHECK_BYTES_MAX)
        return check_integrity(store, arena, "1"); /* stops at the first fault */
    TRY(check_integrity(store, arena, "metadata"));
    return check_integrity(store, arena, "namespaces");
}

/* What a migration needs beside its SQL, in the same transaction. */
static const struct {
    int number;
    void (*fill)(struct store *store);
} fills[] = {
    {2, search_index_fill},
};

static status run_migration(struct store *store, struct arena *arena, const struct migration *migration)
{
    const char *what = arena_printf(arena, "migration %d (%s)", migration->number, migration->name);

    TRY(execute(store, arena, arena_printf(arena, "BEGIN IMMEDIATE;\n%s", migration->sql), what));
    store->in_transaction = true;
    for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++)
        if (fills[i].number == migration->number)
            fills[i].fill(store);
    if (store->poison != SQLITE_OK)
        return file_error(store, arena, store->poison, arena_printf(arena, "%s failed", what));
    TRY(execute(store, arena,
                arena_printf(arena, "PRAGMA application_id = %d;PRAGMA user_version = %d;COMMIT", APPLICATION_ID,
                             migration->number),
                what));
    store->in_transaction = false;
    return status_ok();
}

/* Brings the schema up to date: each migration in a transaction of its own, with the version that it makes. */
static status migrate(struct store *store, struct arena *arena)
{
    int64_t version;

    TRY(read_number(store, arena, "PRAGMA user_version", &version));
    for (size_t i = 0; i < migrations_count; i++) {
        status done;

        if (migrations[i].number <= version)
            continue;
        done = run_migration(store, arena, &migrations[i]);
        if (!status_is_ok(done)) {
            roll_back(store);
            return done;
        }
    }
    return status_ok();
}

static status set_up(struct store *store, struct arena *arena, const struct store_options *options)
{
    int64_t last_run, tables = 0;

    for (int i = 0; i < options->pragmas_count; i++)
        TRY(check_pragma(arena, &options->pragmas[i]));
    if (store->path != NULL) {
        TRY(execute(store, arena, "PRAGMA locking_mode=EXCLUSIVE", "cannot be locked"));
        TRY(check_identity(store, arena));
        if (sqlite3_db_readonly(store->db, "main") == 1)
            return file_error(store, arena, SQLITE_READONLY, "cannot be written");
        TRY(check_whole(store, arena));
        TRY(read_number(store, arena, "SELECT count(*) FROM sqlite_schema", &tables));
    }
    /* There is nothing to lose in a new file yet, and six waits for the disk to save. Not where a power cut must lose
     * nothing later: the file's first page has to be on disk before its WAL counts. */
    if (tables == 0 && !options->synchronous_full && find_pragma(options, "synchronous") == NULL)
        TRY(set_pragma(store, arena, "synchronous", "OFF"));
    TRY(apply_settings(store, arena, options));
    TRY(migrate(store, arena));
    TRY(set_synchronous(store, arena, options));
    TRY(read_number(store, arena, "SELECT ifnull(max(id), 0) FROM runs", &last_run));
    store->last_run = last_run;
    return status_ok();
}

static void configure_sqlite(struct store *store)
{
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL); /* nothing may write around the b-trees */
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);   /* a misspelt column is an error, not a text */
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_wal_hook(store->db, on_wal_commit, store); /* instead of the automatic checkpoint in the middle of a turn */
}

status store_open(struct arena *arena, const struct store_options *options, struct store **ret_store)
{
    struct arena *own;
    struct store *store;
    status result;
    int code;

    if (options->path != NULL)
        TRY(check_directory(arena, options->path));
    /* Refused when SQLite is already initialised, which changes nothing for us: one thread, and no accounting of
     * memory. */
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    page_cache_install();
    own = arena_new(sizeof(struct store) + 256);
    store = ARENA_NEW(own, struct store);
    store->magic = STORE_MAGIC;
    store->arena = own;
    store->path = arena_strdup(own, options->path);
    code = sqlite3_open_v2(options->path == NULL ? ":memory:" : options->path, &store->db,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) {
        configure_sqlite(store);
        result = set_up(store, arena, options);
    } else {
        result = file_error(store, arena, code, "cannot be opened");
    }
    if (!status_is_ok(result)) {
        store_close(store);
        return result;
    }
    *ret_store = store;
    return status_ok();
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    if (store->db != NULL)
        roll_back(store);
    for (int i = 0; i < STATEMENT_SLOTS_COUNT; i++)
        sqlite3_finalize(store->statements[i]);
    visibility_text_free(store->visibility_text); /* belongs to the connection */
    sqlite3_close(store->db);                     /* moves what is in the WAL into the file and deletes it */
    store->magic = 0;
    arena_free(store->arena);
}
