/* The file: what survives a crash, what is refused and in which words, and what a failed write leaves behind. */
#include "bed.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

static struct bed bed;

static void setup(void)
{
    bed_make(&bed);
}

static void teardown(void)
{
    bed_end(&bed);
}

static void assert_refused(const char *text)
{
    status opened = bed_try_open(&bed);

    ck_assert_msg(!status_is_ok(opened), "the file was accepted");
    ck_assert_msg(strstr(opened.message, text) != NULL, "\"%s\" is not in: %s", text, opened.message);
}

/* Writes into the file at `offset`; a negative one counts from its end. */
static void scribble(off_t offset, const char *bytes, size_t len)
{
    int fd = open(bed.path, O_RDWR);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_ge(lseek(fd, offset, offset < 0 ? SEEK_END : SEEK_SET), 0);
    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

/* ---- life of a file ---- */

START_TEST(a_file_keeps_what_was_committed)
{
    struct run_row row = bed_run("w", 1);

    bed_open(&bed);
    runs_insert(bed.store, &row);
    bed_append(&bed, row.id, 1, 2, "events");
    bed_commit(&bed);
    bed_close(&bed);
    bed_open(&bed);
    ck_assert_int_eq(bed_current(&bed, "w"), row.id);
    ck_assert_str_eq(bed_history(&bed, row.id), "events");
    bed_close(&bed);
    ck_assert_int_ne(access(arena_printf(bed.arena, "%s-wal", bed.path), F_OK), 0);
    ck_assert_str_eq(bed_sql_text(&bed, "PRAGMA integrity_check"), "ok");
}
END_TEST

START_TEST(what_was_not_committed_is_gone_after_a_close)
{
    struct run_row row = bed_run("w", 1);

    bed_open(&bed);
    runs_insert(bed.store, &row);
    bed_close(&bed);
    bed_open(&bed);
    ck_assert_int_eq(bed_current(&bed, "w"), 0);
}
END_TEST

START_TEST(rows_are_numbered_on_after_reopening)
{
    struct run_row first = bed_run("w", 1), second = bed_run("v", 2);

    bed_open(&bed);
    runs_insert(bed.store, &first);
    bed_commit(&bed);
    bed_close(&bed);
    bed_open(&bed);
    runs_insert(bed.store, &second);
    ck_assert_int_eq(second.id, first.id + 1);
}
END_TEST

/* In a child that dies by SIGKILL: turns of two rows, the last one not committed. */
static void die_after(int turns)
{
    pid_t child = fork();
    int ended;

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        bed_open(&bed);
        for (int i = 1; i <= turns + 1; i++) {
            struct run_row row = bed_run("w", i);

            runs_insert(bed.store, &row);
            bed_append(&bed, row.id, 1, 1, "e");
            if (i <= turns && !status_is_ok(store_commit(bed.store, bed.arena)))
                _exit(1);
            store_idle(bed.store);
        }
        raise(SIGKILL);
    }
    ck_assert_int_eq(waitpid(child, &ended, 0), child);
    ck_assert(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGKILL);
}

/* 0: died while empty; 2000: after checkpoints, with pages in the WAL and in the file. */
static const int TURNS[] = {0, 1, 50, 2000};

START_TEST(a_killed_process_loses_nothing_that_was_committed)
{
    int64_t current;

    die_after(TURNS[_i]);
    bed_open(&bed);
    current = bed_current(&bed, "w");
    ck_assert_int_eq(current, TURNS[_i]);
    for (int64_t run = 1; run <= current; run++)
        ck_assert_str_eq(bed_history(&bed, run), "e");
    ck_assert_str_eq(bed_history(&bed, current + 1), "");
    bed_close(&bed);
    ck_assert_str_eq(bed_sql_text(&bed, "PRAGMA integrity_check"), "ok");
}
END_TEST

START_TEST(the_wal_is_moved_into_the_file_before_it_grows_large)
{
    struct store_counts counts;
    struct stat wal;

    bed_open(&bed);
    for (int i = 1; i <= 3000; i++) {
        struct run_row row = bed_run("w", i);

        runs_insert(bed.store, &row);
        bed_commit(&bed);
        store_idle(bed.store);
    }
    counts = store_counts(bed.store);
    ck_assert_uint_eq(counts.commits, 3000);
    ck_assert_uint_eq(counts.rows_written, 3000);
    ck_assert_uint_gt(counts.checkpoints, 3);
    ck_assert_uint_eq(counts.checkpoint_failures, 0);
    ck_assert_int_eq(stat(arena_printf(bed.arena, "%s-wal", bed.path), &wal), 0);
    ck_assert_int_lt(wal.st_size, 5 << 20);
}
END_TEST

/* ---- refusals ---- */

START_TEST(a_second_process_is_turned_away)
{
    pid_t child;
    int ended;

    bed_open(&bed);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) { /* a lock is a process's, so it takes another one to meet it */
        struct store *second;
        status opened = store_open(bed.arena, &(struct store_options){.path = bed.path}, &second);

        _exit(!status_is_ok(opened) && strstr(opened.message, "in use by another process") != NULL ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &ended, 0), child);
    ck_assert(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
}
END_TEST

START_TEST(an_empty_file_is_a_new_database)
{
    int fd = open(bed.path, O_CREAT | O_WRONLY, 0600);

    close(fd);
    bed_open(&bed);
}
END_TEST

START_TEST(a_text_file_is_refused_and_left_alone)
{
    char text[] = "Dear diary, today I was nearly overwritten by a database. It was close.";
    char after[sizeof(text)] = "";
    int fd = open(bed.path, O_CREAT | O_RDWR, 0600);

    ck_assert_int_eq(write(fd, text, sizeof(text)), (ssize_t)sizeof(text));
    assert_refused("not a database");
    ck_assert_int_eq(pread(fd, after, sizeof(after), 0), (ssize_t)sizeof(after));
    ck_assert_str_eq(text, after);
    close(fd);
}
END_TEST

START_TEST(the_file_of_another_program_is_refused)
{
    bed_sql(&bed, "CREATE TABLE namespaces (id BLOB); CREATE TABLE executions (id BLOB)");
    assert_refused("belongs to another program");
    bed_sql(&bed, "DROP TABLE namespaces; DROP TABLE executions; PRAGMA application_id = 42");
    assert_refused("belongs to another program");
}
END_TEST

START_TEST(a_file_of_a_newer_version_is_refused)
{
    const char *version;

    bed_open(&bed);
    bed_close(&bed);
    version = bed_sql_text(&bed, "PRAGMA user_version");
    bed_sql(&bed, "PRAGMA user_version = 9999");
    assert_refused("newer version of Fermata (schema 9999");
    bed_sql(&bed, arena_printf(bed.arena, "PRAGMA user_version = %s", version));
    bed_open(&bed);
}
END_TEST

static void make_some_rows(void)
{
    bed_open(&bed);
    for (int i = 1; i <= 200; i++) {
        struct run_row row = bed_run("w", i);

        runs_insert(bed.store, &row);
        bed_append(&bed, row.id, 1, 1, "some events that fill a page or two when there are enough of them");
    }
    bed_commit(&bed);
    bed_close(&bed);
}

START_TEST(damage_is_refused_cut_short)
{
    make_some_rows();
    ck_assert_int_eq(truncate(bed.path, 5 * 4096), 0);
    assert_refused("is damaged");
}
END_TEST

START_TEST(damage_is_refused_overwritten)
{
    char rubbish[4096];

    make_some_rows();
    memset(rubbish, 0x5a, sizeof(rubbish));
    scribble(-4096, rubbish, sizeof(rubbish));
    assert_refused("is damaged");
}
END_TEST

START_TEST(damage_is_refused_in_the_header)
{
    make_some_rows();
    scribble(0, "SQLite forgot 3", 16);
    assert_refused("is damaged");
}
END_TEST

START_TEST(a_missing_folder_is_named)
{
    snprintf(bed.path, sizeof(bed.path), "%s/no/such.db", bed.folder);
    assert_refused(arena_printf(
        bed.arena, "failed checking dir for database file: stat %s/no: no such file or directory", bed.folder));
}
END_TEST

/* ---- pragmas ---- */

static status open_with(const char *name, const char *value)
{
    struct store_pragma pragma = {name, value};

    return store_open(bed.arena, &(struct store_options){.path = bed.path, .pragmas = &pragma, .pragmas_count = 1},
                      &bed.store);
}

START_TEST(pragmas_of_the_user_are_applied)
{
    ck_assert(status_is_ok(open_with("page_size", "8192")));
    bed_close(&bed);
    ck_assert(status_is_ok(open_with("Journal_Mode", "DELETE")));
    bed_close(&bed);
    ck_assert_str_eq(bed_sql_text(&bed, "PRAGMA page_size"), "8192");
    ck_assert_str_eq(bed_sql_text(&bed, "PRAGMA journal_mode"), "delete");
    ck_assert(status_is_ok(open_with("no_such_pragma", "1")));
}
END_TEST

static const struct {
    const char *name, *value, *text;
} BAD_PRAGMAS[] = {
    {"locking_mode", "NORMAL", "pragma locking_mode cannot be set"},
    {"Journal_mode", "off", "must be rolled back"},
    {"user_version", "7", "cannot be set"},
    {"application_id", "7", "cannot be set"},
    {"cache_size; DROP TABLE runs", "1", "invalid pragma"},
    {"cache_size", "1; DROP TABLE runs", "invalid pragma"},
    {"", "1", "invalid pragma"},
};

START_TEST(pragmas_that_would_break_the_store_are_refused)
{
    status opened = open_with(BAD_PRAGMAS[_i].name, BAD_PRAGMAS[_i].value);

    ck_assert(!status_is_ok(opened));
    ck_assert_msg(strstr(opened.message, BAD_PRAGMAS[_i].text) != NULL, "%s", opened.message);
}
END_TEST

/* ---- faults ---- */

/* A turn of everything that writes. */
static void write_everything(int number)
{
    struct run_row row = bed_run("w", number);

    runs_insert(bed.store, &row);
    bed_append(&bed, row.id, 1, 2, "a");
    bed_append(&bed, row.id, 3, 1, "b");
    runs_update_progress(bed.store, row.id, &(struct run_progress){.history_length = 3});
    row.status = 2;
    row.close_time = 99;
    row.history_length = 4;
    runs_update(bed.store, &row);
    metadata_set(bed.store, "number", bytes_of(arena_printf(bed.arena, "%d", number)));
}

/* Whether the store holds exactly the turns 1 to `number`. */
static void assert_turns(int number)
{
    struct bytes value;
    status found = metadata_get(bed.store, bed.arena, "number", &value);
    struct run_row row;

    if (number == 0) {
        ck_assert_int_eq(found.code, GRPC_NOT_FOUND);
        ck_assert_int_eq(bed_current(&bed, "w"), 0);
        return;
    }
    ck_assert(bytes_equal(value, bytes_of(arena_printf(bed.arena, "%d", number))));
    ck_assert(status_is_ok(runs_find_current(bed.store, bed.arena, 1, "w", &row)));
    ck_assert_int_eq(row.run_id[1], number);
    ck_assert_int_eq(row.history_length, 4);
    ck_assert_str_eq(bed_history(&bed, row.id), "a|b");
}

/* Fails the 1st, 2nd, 3rd ... step of a turn until one meets no failure. In memory (0) and on a file (1), which is also
 * opened again after each failure. */
START_TEST(a_turn_is_whole_or_not_at_all)
{
    int step = 0;
    uint64_t failures = 0;

    _i == 0 ? bed_open_in_memory(&bed) : bed_open(&bed);
    write_everything(1);
    bed_commit(&bed);
    for (;;) {
        status committed;

        store_fail_after(bed.store, ++step);
        write_everything(2);
        committed = store_commit(bed.store, bed.arena);
        store_fail_after(bed.store, 0);
        if (status_is_ok(committed))
            break;
        failures++;
        ck_assert_int_eq(committed.code, GRPC_UNAVAILABLE);
        ck_assert_ptr_nonnull(strstr(committed.message, "disk I/O error"));
        ck_assert(!store_has_changes(bed.store));
        assert_turns(1);
        ck_assert_uint_eq(store_counts(bed.store).commit_failures, _i == 0 ? failures : 1);
        if (_i == 1) {
            bed_close(&bed);
            bed_open(&bed);
            assert_turns(1);
        }
    }
    ck_assert_int_ge(step, 8); /* begin, six writes, commit */
    assert_turns(2);
}
END_TEST

/* A real failure, in the middle of a transaction that SQLite then rolls back by itself. */
START_TEST(a_full_disk_undoes_the_turn_that_met_it)
{
    status committed = status_ok();
    int turns = 0;

    ck_assert(status_is_ok(open_with("max_page_count", "30")));
    while (status_is_ok(committed)) {
        struct run_row row = bed_run("w", ++turns);
        struct event_batch batch = {
            .first_event_id = 1, .events_count = 1, .history = {arena_alloc(bed.arena, 9000), 9000}};

        runs_insert(bed.store, &row);
        bed_append(&bed, row.id, 1, 1, "e");
        batch.first_event_id = 2;
        events_append(bed.store, row.id, &batch);
        committed = store_commit(bed.store, bed.arena);
        ck_assert_int_lt(turns, 30);
    }
    ck_assert_ptr_nonnull(strstr(committed.message, "full"));
    ck_assert_int_eq(bed_current(&bed, "w"), turns - 1);
    ck_assert_str_eq(bed_history(&bed, turns), "");
    runs_delete(bed.store, 1); /* makes room */
    bed_commit(&bed);
    write_everything(100);
    bed_commit(&bed);
    assert_turns(100);
}
END_TEST

START_TEST(a_poisoned_turn_writes_and_reads_nothing_more)
{
    struct run_row first = bed_run("w", 1), second = bed_run("w", 2), found;
    struct event_batch *batches;
    int count;

    bed_open_in_memory(&bed);
    ck_assert(!store_has_changes(bed.store));
    store_fail_after(bed.store, 2); /* begin, insert */
    runs_insert(bed.store, &first);
    ck_assert(store_has_changes(bed.store));
    runs_insert(bed.store, &second);
    ck_assert_int_ne(first.id, second.id); /* also now: memory is keyed by them until the turn ends */
    ck_assert_int_eq(runs_get(bed.store, bed.arena, second.id, &found).code, GRPC_UNAVAILABLE);
    ck_assert_int_eq(events_read(bed.store, bed.arena, 1, 0, 9, &batches, &count).code, GRPC_UNAVAILABLE);
    ck_assert(!status_is_ok(store_commit(bed.store, bed.arena)));
    runs_insert(bed.store, &second);
    bed_commit(&bed);
    ck_assert_int_eq(bed_current(&bed, "w"), second.id);
}
END_TEST

START_TEST(a_failed_read_fails_alone)
{
    struct run_row row = bed_run("w", 1), found;
    int64_t ids[2];
    int count;

    bed_open_in_memory(&bed);
    runs_insert(bed.store, &row);
    store_fail_after(bed.store, 1);
    ck_assert_int_eq(runs_get(bed.store, bed.arena, row.id, &found).code, GRPC_UNAVAILABLE);
    store_fail_after(bed.store, 2); /* the row, then the end */
    ck_assert_int_eq(runs_list_open(bed.store, 0, 2, ids, &count).code, GRPC_UNAVAILABLE);
    ck_assert(status_is_ok(runs_get(bed.store, bed.arena, row.id, &found)));
    bed_commit(&bed);
    ck_assert_int_eq(bed_current(&bed, "w"), row.id);
}
END_TEST

START_TEST(a_broken_rule_of_the_schema_poisons_like_any_failure)
{
    struct run_row row = bed_run("w", 1);

    bed_open_in_memory(&bed);
    runs_insert(bed.store, &row);
    runs_insert(bed.store, &row); /* the same run id */
    ck_assert(!status_is_ok(store_commit(bed.store, bed.arena)));
    ck_assert_int_eq(bed_current(&bed, "w"), 0);
}
END_TEST

START_TEST(a_commit_of_nothing_is_nothing)
{
    bed_open_in_memory(&bed);
    bed_commit(&bed);
    store_idle(bed.store);
    ck_assert_uint_eq(store_counts(bed.store).commits, 0);
}
END_TEST

static void fill(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_file_keeps_what_was_committed);
    tcase_add_test(tcase, what_was_not_committed_is_gone_after_a_close);
    tcase_add_test(tcase, rows_are_numbered_on_after_reopening);
    tcase_add_loop_test(tcase, a_killed_process_loses_nothing_that_was_committed, 0, sizeof(TURNS) / sizeof(TURNS[0]));
    tcase_add_test(tcase, the_wal_is_moved_into_the_file_before_it_grows_large);
    tcase_add_test(tcase, a_second_process_is_turned_away);
    tcase_add_test(tcase, an_empty_file_is_a_new_database);
    tcase_add_test(tcase, a_text_file_is_refused_and_left_alone);
    tcase_add_test(tcase, the_file_of_another_program_is_refused);
    tcase_add_test(tcase, a_file_of_a_newer_version_is_refused);
    tcase_add_test(tcase, damage_is_refused_cut_short);
    tcase_add_test(tcase, damage_is_refused_overwritten);
    tcase_add_test(tcase, damage_is_refused_in_the_header);
    tcase_add_test(tcase, a_missing_folder_is_named);
    tcase_add_test(tcase, pragmas_of_the_user_are_applied);
    tcase_add_loop_test(tcase, pragmas_that_would_break_the_store_are_refused, 0,
                        sizeof(BAD_PRAGMAS) / sizeof(BAD_PRAGMAS[0]));
    tcase_add_loop_test(tcase, a_turn_is_whole_or_not_at_all, 0, 2);
    tcase_add_test(tcase, a_full_disk_undoes_the_turn_that_met_it);
    tcase_add_test(tcase, a_poisoned_turn_writes_and_reads_nothing_more);
    tcase_add_test(tcase, a_failed_read_fails_alone);
    tcase_add_test(tcase, a_broken_rule_of_the_schema_poisons_like_any_failure);
    tcase_add_test(tcase, a_commit_of_nothing_is_nothing);
}

int main(void)
{
    return bed_run_suite("store", fill);
}
