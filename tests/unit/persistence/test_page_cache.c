/* The page cache: a database that grows, shrinks and is rolled back all the time stays whole. */
#include "bed.h"
#include "persistence/page_cache.h"

static void run(sqlite3 *db, const char *sql)
{
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
}

static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;
    int64_t value;

    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static void expect_whole(sqlite3 *db)
{
    sqlite3_stmt *statement;

    ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    ck_assert_str_eq((const char *)sqlite3_column_text(statement, 0), "ok");
    sqlite3_finalize(statement);
}

/* Keys by chance split pages everywhere, which is when SQLite lends the number of the page that no database uses. */
static const char ADD[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) "
                          "INSERT INTO t SELECT randomblob(16), randomblob(200) FROM n";

static const struct {
    const char *name;
    bool on_file;
} PLACES[] = {{"in memory", false}, {"on a file", true}};

START_TEST(a_database_that_grows_and_shrinks_stays_whole)
{
    struct bed bed;
    sqlite3 *db;

    bed_make(&bed);
    bed_open(&bed);
    page_cache_install(); /* has been, by the store */
    ck_assert_int_eq(sqlite3_open(PLACES[_i].on_file ? arena_printf(bed.arena, "%s-other", bed.path) : ":memory:", &db),
                     SQLITE_OK);
    run(db, "PRAGMA auto_vacuum = FULL");
    run(db, "CREATE TABLE t (k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID");
    for (int round = 0; round < 30; round++) {
        int64_t rows = number(db, "SELECT count(*) FROM t"), pages = number(db, "PRAGMA page_count");

        run(db, "BEGIN");
        run(db, ADD);
        if (round % 3 == 1) {
            run(db, "ROLLBACK");
            ck_assert_int_eq(number(db, "SELECT count(*) FROM t"), rows);
            ck_assert_int_eq(number(db, "PRAGMA page_count"), pages);
        } else {
            run(db, "COMMIT");
            ck_assert_int_eq(number(db, "SELECT count(*) FROM t"), rows + 300);
        }
        if (round % 7 == 6) {
            run(db, "DELETE FROM t WHERE k < x'e0'"); /* the end of the file is cut off */
            ck_assert_int_lt(number(db, "PRAGMA page_count"), pages);
        }
        expect_whole(db);
    }
    sqlite3_close(db);
    if (PLACES[_i].on_file)
        remove(arena_printf(bed.arena, "%s-other", bed.path));
    bed_end(&bed);
}
END_TEST

static void fill(TCase *tcase)
{
    tcase_add_loop_test(tcase, a_database_that_grows_and_shrinks_stays_whole, 0, sizeof(PLACES) / sizeof(PLACES[0]));
}

int main(void)
{
    return bed_run_suite("page_cache", fill);
}
