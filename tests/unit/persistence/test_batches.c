/* The table of batches, and the walk by which they find their runs. */
#include "bed.h"
#include "persistence/batches.h"
#include "persistence/visibility.h"
#include "proto/pb.h"

static struct batch_row add(struct bed *bed, const char *job_id, nanos start, nanos close)
{
    struct batch_row row = {.namespace_id = 1,
                            .job_id = job_id,
                            .type = 13,
                            .state = close == 0 ? 1 : 2,
                            .start_time = start,
                            .close_time = close,
                            .at = 7,
                            .total = -1,
                            .request = bytes_of("request")};

    batches_insert(bed->store, &row);
    return row;
}

/* A namespace's job ids from a place on, joined with blanks. */
static const char *listed(struct bed *bed, const struct batch_row *after, int most)
{
    struct batch_row *rows;
    const char *text = "";
    int count;
    status done = batches_list(bed->store, bed->arena, 1, after == NULL ? 0 : after->close_time,
                               after == NULL ? 0 : after->id, most, &rows, &count);

    ck_assert_msg(status_is_ok(done), "%s", done.message);
    for (int i = 0; i < count; i++)
        text = arena_printf(bed->arena, "%s%s%s", text, i == 0 ? "" : " ", rows[i].job_id);
    return text;
}

START_TEST(a_row_comes_back_as_it_was)
{
    struct bed bed;
    struct batch_row row, found;

    bed_make(&bed);
    bed_open(&bed);
    row = add(&bed, "job", 5, 0);
    row.at = 3;
    row.total = 10;
    row.completed = 4;
    row.failed = 2;
    batches_update(bed.store, &row);
    bed_commit(&bed);
    bed_close(&bed);
    bed_open(&bed);
    ck_assert(status_is_ok(batches_find(bed.store, bed.arena, 1, "job", &found)));
    ck_assert_int_eq(found.id, row.id);
    ck_assert_int_eq(found.at, 3);
    ck_assert_int_eq(found.total, 10);
    ck_assert_int_eq(found.completed, 4);
    ck_assert_int_eq(found.failed, 2);
    ck_assert_int_eq(found.start_time, 5);
    ck_assert(bytes_equal(found.request, bytes_of("request")));
    ck_assert_int_eq(batches_find(bed.store, bed.arena, 2, "job", &found).code, GRPC_NOT_FOUND);
    ck_assert_int_eq(batches_find(bed.store, bed.arena, 1, "jo", &found).code, GRPC_NOT_FOUND);
    bed_end(&bed);
}
END_TEST

START_TEST(lists_have_running_ones_first_then_the_last_closed)
{
    struct bed bed;
    struct batch_row a, b, c;

    bed_make(&bed);
    bed_open_in_memory(&bed);
    a = add(&bed, "a", 1, 50);
    b = add(&bed, "b", 2, 0);
    c = add(&bed, "c", 3, 40);
    add(&bed, "d", 4, 0);
    add(&bed, "e", 5, 40);
    ck_assert_str_eq(listed(&bed, NULL, 10), "d b a e c");
    ck_assert_str_eq(listed(&bed, NULL, 3), "d b a");
    ck_assert_str_eq(listed(&bed, &a, 10), "e c");
    ck_assert_str_eq(listed(&bed, &b, 10), "a e c");
    ck_assert_str_eq(listed(&bed, &c, 10), "");
    bed_end(&bed);
}
END_TEST

START_TEST(running_ones_are_counted_and_found_again)
{
    struct bed bed;
    struct batch_row row;
    int64_t count;

    bed_make(&bed);
    bed_open_in_memory(&bed);
    add(&bed, "a", 1, 0);
    add(&bed, "b", 2, 9);
    add(&bed, "c", 3, 0);
    ck_assert(status_is_ok(batches_count_running(bed.store, 1, &count)));
    ck_assert_int_eq(count, 2);
    ck_assert(status_is_ok(batches_next_running(bed.store, bed.arena, 0, &row)));
    ck_assert_str_eq(row.job_id, "a");
    ck_assert(status_is_ok(batches_next_running(bed.store, bed.arena, row.id, &row)));
    ck_assert_str_eq(row.job_id, "c");
    ck_assert_int_eq(batches_next_running(bed.store, bed.arena, row.id, &row).code, GRPC_NOT_FOUND);
    bed_end(&bed);
}
END_TEST

START_TEST(closed_ones_go_when_their_time_is_over)
{
    struct bed bed;
    struct batch_row row;
    bool more;

    bed_make(&bed);
    bed_open_in_memory(&bed);
    add(&bed, "running", 1, 0);
    add(&bed, "kept", 2, 101);
    for (int i = 0; i < 20; i++)
        add(&bed, arena_printf(bed.arena, "old-%d", i), 3, 100);
    ck_assert(status_is_ok(batches_retire(bed.store, 1, 100, &more)));
    ck_assert(more);
    ck_assert(status_is_ok(batches_retire(bed.store, 1, 100, &more)));
    ck_assert(!more);
    ck_assert_str_eq(listed(&bed, NULL, 100), "running kept");
    ck_assert(status_is_ok(batches_find(bed.store, bed.arena, 1, "kept", &row)));
    ck_assert(bytes_equal(row.request, bytes_of("request")));
    bed_end(&bed);
}
END_TEST

/* ---- the walk ---- */

static void close_run(struct bed *bed, struct run_row *row, nanos when)
{
    row->status = 2;
    row->close_time = when;
    runs_update(bed->store, row);
}

/* The workflow ids that a walk finds in pages of `most`, doing `between` after each page. */
static const char *walked(struct bed *bed, bool open_only, int most, void (*between)(struct bed *bed))
{
    int64_t below = batches_above_all_runs(bed->store);
    const char *text = "";
    int count = most;

    while (count == most) {
        struct visibility_query query;
        struct visibility_scan *scan;
        const struct visible_run *rows;
        bool is_done = false;

        ck_assert(
            status_is_ok(visibility_query_read(bed->arena, ARENA_NEW_PB(bed->arena, PbNamespaceRecord), "", &query)));
        if (open_only)
            visibility_query_only_open(bed->arena, &query);
        scan = visibility_walk_new(bed->arena, bed->store, 1, &query, below, most, 1000);
        while (!is_done)
            ck_assert(status_is_ok(visibility_scan_step(scan, &is_done)));
        rows = visibility_list_rows(scan, &count);
        for (int i = 0; i < count; i++)
            text = arena_printf(bed->arena, "%s%s%.*s", text, text[0] == '\0' ? "" : " ", (int)rows[i].workflow_id.len,
                                (const char *)rows[i].workflow_id.data);
        below = visibility_walk_position(scan);
        if (between != NULL)
            between(bed);
    }
    return text;
}

static struct run_row rows[6];

/* One that has been met and one that has not close; others begin. */
static void much_happens(struct bed *bed)
{
    static int number = 100;
    struct run_row row = bed_run("new", number++);

    runs_insert(bed->store, &row);
    close_run(bed, &rows[5], 2000);
    close_run(bed, &rows[0], 2001);
}

START_TEST(a_walk_meets_each_run_once)
{
    struct bed bed;

    bed_make(&bed);
    bed_open_in_memory(&bed);
    for (int i = 0; i < 6; i++) {
        rows[i] = bed_run(arena_printf(bed.arena, "w%d", i), i + 1);
        runs_insert(bed.store, &rows[i]);
    }
    close_run(&bed, &rows[3], 500);
    ck_assert_str_eq(walked(&bed, false, 100, NULL), "w5 w4 w3 w2 w1 w0");
    ck_assert_str_eq(walked(&bed, false, 2, NULL), "w5 w4 w3 w2 w1 w0");
    ck_assert_str_eq(walked(&bed, true, 2, NULL), "w5 w4 w2 w1 w0");
    ck_assert_str_eq(walked(&bed, false, 2, much_happens), "w5 w4 w3 w2 w1 w0");
    ck_assert_str_eq(walked(&bed, true, 2, NULL), "new new new new w4 w2 w1");
    bed_end(&bed);
}
END_TEST

static void fill(TCase *tcase)
{
    tcase_add_test(tcase, a_row_comes_back_as_it_was);
    tcase_add_test(tcase, lists_have_running_ones_first_then_the_last_closed);
    tcase_add_test(tcase, running_ones_are_counted_and_found_again);
    tcase_add_test(tcase, closed_ones_go_when_their_time_is_over);
    tcase_add_test(tcase, a_walk_meets_each_run_once);
}

int main(void)
{
    return bed_run_suite("batches", fill);
}
