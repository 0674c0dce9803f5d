/* What the tests of the store share: a store in memory or on a file in a folder of its own, and rows with known
 * contents. */
#ifndef FERMATA_TESTS_UNIT_PERSISTENCE_BED_H
#define FERMATA_TESTS_UNIT_PERSISTENCE_BED_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "persistence/events.h"
#include "persistence/metadata.h"
#include "persistence/namespaces.h"
#include "persistence/runs.h"
#include "persistence/store.h"

struct bed {
    struct arena *arena;
    struct store *store;
    char folder[64];
    char path[96];
};

static inline void bed_make(struct bed *bed)
{
    *bed = (struct bed){.arena = arena_new(4096)};
    snprintf(bed->folder, sizeof(bed->folder), "/tmp/fermata-store-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(bed->folder));
    snprintf(bed->path, sizeof(bed->path), "%s/test.db", bed->folder);
}

static inline status bed_try_open(struct bed *bed)
{
    return store_open(bed->arena, &(struct store_options){.path = bed->path}, &bed->store);
}

static inline void bed_open(struct bed *bed)
{
    status opened = bed_try_open(bed);

    ck_assert_msg(status_is_ok(opened), "%s", opened.message);
}

static inline void bed_open_in_memory(struct bed *bed)
{
    status opened = store_open(bed->arena, &(struct store_options){.path = NULL}, &bed->store);

    ck_assert_msg(status_is_ok(opened), "%s", opened.message);
}

static inline void bed_close(struct bed *bed)
{
    store_close(bed->store);
    bed->store = NULL;
}

static inline void bed_end(struct bed *bed)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};

    bed_close(bed);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
        unlink(arena_printf(bed->arena, "%s%s", bed->path, suffixes[i]));
    rmdir(bed->folder);
    arena_free(bed->arena);
}

static inline void bed_commit(struct bed *bed)
{
    status done = store_commit(bed->store, bed->arena);

    ck_assert_msg(status_is_ok(done), "%s", done.message);
}

/* Runs SQL on the file behind the store's back; the store must be closed. */
static inline void bed_sql(const struct bed *bed, const char *sql)
{
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(bed->path, &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* The first column of the first row, as text in the bed's arena, likewise. */
static inline const char *bed_sql_text(const struct bed *bed, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    const char *text;

    ck_assert_int_eq(sqlite3_open(bed->path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    text = arena_strdup(bed->arena, (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return text;
}

/* An open run; `number` is in its ids. */
static inline struct run_row bed_run(const char *workflow_id, int number)
{
    struct run_row row = {.namespace_id = 1,
                          .workflow_id = workflow_id,
                          .is_current = true,
                          .start_request_id = "request",
                          .status = 1,
                          .workflow_type = "Type",
                          .task_queue = "queue",
                          .start_time = 1000 + number,
                          .execution_time = 1000 + number};

    memset(row.run_id, number, UUID_BYTES);
    row.run_id[0] = (uint8_t)(number >> 8);
    memcpy(row.first_run_id, row.run_id, UUID_BYTES);
    return row;
}

static inline struct event_batch bed_batch(int64_t first_event_id, int count, const char *history)
{
    return (struct event_batch){.first_event_id = first_event_id, .events_count = count, .history = bytes_of(history)};
}

static inline void bed_append(struct bed *bed, int64_t run, int64_t first_event_id, int count, const char *history)
{
    struct event_batch batch = bed_batch(first_event_id, count, history);

    events_append(bed->store, run, &batch);
}

/* All batches of a run, joined with '|'. */
static inline const char *bed_history(struct bed *bed, int64_t run)
{
    struct event_batch *batches;
    const char *text = "";
    int count;
    status read = events_read(bed->store, bed->arena, run, 0, 1000, &batches, &count);

    ck_assert_msg(status_is_ok(read), "%s", read.message);
    for (int i = 0; i < count; i++)
        text = arena_printf(bed->arena, "%s%s%.*s", text, i == 0 ? "" : "|", (int)batches[i].history.len,
                            (const char *)batches[i].history.data);
    return text;
}

/* The row of the current run of a workflow id, 0 when there is none. */
static inline int64_t bed_current(struct bed *bed, const char *workflow_id)
{
    struct run_row row;
    status found = runs_find_current(bed->store, bed->arena, 1, workflow_id, &row);

    if (found.code == GRPC_NOT_FOUND)
        return 0;
    ck_assert_msg(status_is_ok(found), "%s", found.message);
    ck_assert(row.is_current);
    return row.id;
}

static inline int bed_run_suite(const char *name, void (*fill)(TCase *tcase))
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 60);
    fill(tcase);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
