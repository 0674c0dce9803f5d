/* Runs, events, namespaces and metadata: what is written is read, in memory and on a file. */
#include "bed.h"

static struct bed bed;

static void setup(void)
{
    bed_make(&bed);
    bed_open_in_memory(&bed);
}

static void teardown(void)
{
    bed_end(&bed);
}

static void assert_rows_equal(const struct run_row *a, const struct run_row *b)
{
    ck_assert_int_eq(a->id, b->id);
    ck_assert_int_eq(a->namespace_id, b->namespace_id);
    ck_assert_str_eq(a->workflow_id, b->workflow_id);
    ck_assert_mem_eq(a->run_id, b->run_id, UUID_BYTES);
    ck_assert_int_eq(a->is_current, b->is_current);
    ck_assert_str_eq(a->start_request_id, b->start_request_id);
    ck_assert_int_eq(a->status, b->status);
    ck_assert_str_eq(a->workflow_type, b->workflow_type);
    ck_assert_str_eq(a->task_queue, b->task_queue);
    ck_assert_int_eq(a->start_time, b->start_time);
    ck_assert_int_eq(a->execution_time, b->execution_time);
    ck_assert_int_eq(a->close_time, b->close_time);
    ck_assert_int_eq(a->history_length, b->history_length);
    ck_assert_int_eq(a->history_bytes, b->history_bytes);
    ck_assert_int_eq(a->state_transitions, b->state_transitions);
    ck_assert(bytes_equal(a->memo, b->memo));
    ck_assert(bytes_equal(a->search_attributes, b->search_attributes));
    ck_assert_pstr_eq(a->parent_workflow_id, b->parent_workflow_id);
    ck_assert_mem_eq(a->parent_run_id, b->parent_run_id, UUID_BYTES);
    ck_assert_pstr_eq(a->root_workflow_id, b->root_workflow_id);
    ck_assert_mem_eq(a->root_run_id, b->root_run_id, UUID_BYTES);
    ck_assert_mem_eq(a->first_run_id, b->first_run_id, UUID_BYTES);
    ck_assert(bytes_equal(a->volatile_part, b->volatile_part));
}

static struct run_row get(int64_t id)
{
    struct run_row row;
    status found = runs_get(bed.store, bed.arena, id, &row);

    ck_assert_msg(status_is_ok(found), "run %lld: %d", (long long)id, found.code);
    return row;
}

START_TEST(a_full_row_comes_back_as_it_was)
{
    struct run_row row = bed_run("w", 7), found;

    row.close_time = 5000;
    row.status = 2;
    row.history_length = 11;
    row.history_bytes = 1234567890123;
    row.state_transitions = 9;
    row.memo = bytes_of("memo");
    row.search_attributes = bytes_of("attributes");
    row.parent_workflow_id = "parent";
    memset(row.parent_run_id, 1, UUID_BYTES);
    row.root_workflow_id = "root";
    memset(row.root_run_id, 2, UUID_BYTES);
    memset(row.first_run_id, 3, UUID_BYTES);
    row.volatile_part = (struct bytes){(const uint8_t *)"\0\xff\0", 3};
    runs_insert(bed.store, &row);

    found = get(row.id);
    assert_rows_equal(&found, &row);
    ck_assert(status_is_ok(runs_find(bed.store, bed.arena, 1, "w", row.run_id, &found)));
    assert_rows_equal(&found, &row);
    ck_assert(status_is_ok(runs_find_current(bed.store, bed.arena, 1, "w", &found)));
    assert_rows_equal(&found, &row);
}
END_TEST

START_TEST(an_empty_row_comes_back_empty)
{
    struct run_row row = bed_run("w", 7), found;

    row.start_request_id = row.workflow_type = row.task_queue = NULL;
    runs_insert(bed.store, &row);
    found = get(row.id);
    row.start_request_id = row.workflow_type = row.task_queue = "";
    assert_rows_equal(&found, &row);
    ck_assert_ptr_null(found.parent_workflow_id);
    ck_assert_ptr_null(found.root_workflow_id);
}
END_TEST

START_TEST(what_does_not_exist_is_not_found)
{
    struct run_row row = bed_run("w", 7), found = {.id = -1};
    uint8_t other[UUID_BYTES] = {9};

    runs_insert(bed.store, &row);
    ck_assert_int_eq(runs_get(bed.store, bed.arena, row.id + 1, &found).code, GRPC_NOT_FOUND);
    ck_assert_int_eq(runs_find(bed.store, bed.arena, 1, "w", other, &found).code, GRPC_NOT_FOUND);
    ck_assert_int_eq(runs_find(bed.store, bed.arena, 2, "w", row.run_id, &found).code, GRPC_NOT_FOUND);
    ck_assert_int_eq(runs_find(bed.store, bed.arena, 1, "W", row.run_id, &found).code, GRPC_NOT_FOUND);
    ck_assert_int_eq(runs_find_current(bed.store, bed.arena, 2, "w", &found).code, GRPC_NOT_FOUND);
    ck_assert_int_eq(found.id, -1);
}
END_TEST

START_TEST(the_newest_run_is_current)
{
    struct run_row first = bed_run("w", 1), second = bed_run("w", 2), aside = bed_run("w", 3), other = bed_run("v", 4);

    runs_insert(bed.store, &first);
    ck_assert_int_eq(bed_current(&bed, "w"), first.id);
    runs_insert(bed.store, &second);
    ck_assert_int_eq(bed_current(&bed, "w"), second.id);
    ck_assert(!get(first.id).is_current);
    aside.is_current = false;
    runs_insert(bed.store, &aside);
    runs_insert(bed.store, &other);
    ck_assert_int_eq(bed_current(&bed, "w"), second.id);
    ck_assert(get(second.id).is_current);
    ck_assert(!get(aside.id).is_current);
    ck_assert_int_eq(bed_current(&bed, "v"), other.id);
    ck_assert(first.id < second.id && second.id < aside.id);
}
END_TEST

START_TEST(when_the_current_run_is_deleted_no_older_one_takes_its_place)
{
    struct run_row first = bed_run("w", 1), second = bed_run("w", 2), third = bed_run("w", 3);

    runs_insert(bed.store, &first);
    runs_insert(bed.store, &second);
    runs_delete(bed.store, second.id);
    ck_assert_int_eq(bed_current(&bed, "w"), 0);
    ck_assert(!get(first.id).is_current);
    runs_insert(bed.store, &third);
    ck_assert_int_eq(bed_current(&bed, "w"), third.id);
    runs_delete(bed.store, first.id); /* an older one: nothing changes */
    ck_assert_int_eq(bed_current(&bed, "w"), third.id);
}
END_TEST

START_TEST(updates_change_what_they_say_and_no_more)
{
    struct run_row row = bed_run("w", 1), other = bed_run("v", 2), found;

    row.memo = bytes_of("old");
    runs_insert(bed.store, &row);
    runs_insert(bed.store, &other);
    runs_update_progress(
        bed.store, row.id,
        &(struct run_progress){
            .history_length = 5, .history_bytes = 50, .state_transitions = 3, .volatile_part = bytes_of("volatile")});
    found = get(row.id);
    row.history_length = 5;
    row.history_bytes = 50;
    row.state_transitions = 3;
    row.volatile_part = bytes_of("volatile");
    assert_rows_equal(&found, &row);

    row.status = 2;
    row.close_time = 2000;
    row.execution_time = 1500;
    row.memo = bytes_of("new");
    row.search_attributes = bytes_of("sa");
    row.volatile_part = (struct bytes){NULL, 0};
    runs_update(bed.store, &row);
    found = get(row.id);
    assert_rows_equal(&found, &row);
    found = get(other.id);
    assert_rows_equal(&found, &other);
}
END_TEST

START_TEST(open_runs_are_listed_in_pages)
{
    int64_t ids[4];
    int count;

    for (int i = 1; i <= 7; i++) {
        struct run_row row = bed_run("w", i);

        row.close_time = i == 3 ? 9000 : 0;
        runs_insert(bed.store, &row);
        ck_assert_int_eq(row.id, i);
    }
    ck_assert(status_is_ok(runs_list_open(bed.store, 0, 4, ids, &count)));
    ck_assert_int_eq(count, 4);
    ck_assert_int_eq(ids[0], 1);
    ck_assert_int_eq(ids[1], 2);
    ck_assert_int_eq(ids[2], 4);
    ck_assert_int_eq(ids[3], 5);
    ck_assert(status_is_ok(runs_list_open(bed.store, 5, 4, ids, &count)));
    ck_assert_int_eq(count, 2);
    ck_assert(status_is_ok(runs_list_open(bed.store, 7, 4, ids, &count)));
    ck_assert_int_eq(count, 0);
}
END_TEST

START_TEST(closed_runs_are_listed_for_retention)
{
    int64_t ids[4];
    int count;

    for (int i = 1; i <= 5; i++) {
        struct run_row row = bed_run("w", i);

        row.close_time = i == 4 ? 0 : 600 - i * 100;
        row.namespace_id = i == 2 ? 2 : 1;
        runs_insert(bed.store, &row);
    }
    ck_assert(status_is_ok(runs_list_closed_before(bed.store, 1, 300, 4, ids, &count)));
    ck_assert_int_eq(count, 2); /* 5 closed at 100, 3 at 300 */
    ck_assert_int_eq(ids[0], 5);
    ck_assert_int_eq(ids[1], 3);
    ck_assert(status_is_ok(runs_list_closed_before(bed.store, 1, 300, 1, ids, &count)));
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(ids[0], 5);
}
END_TEST

START_TEST(batches_are_read_forwards_and_backwards)
{
    struct event_batch *batches;
    int count;

    bed_append(&bed, 1, 1, 2, "a");
    bed_append(&bed, 1, 3, 1, "b");
    bed_append(&bed, 1, 4, 3, "c");
    bed_append(&bed, 2, 1, 1, "other");
    ck_assert_str_eq(bed_history(&bed, 1), "a|b|c");
    ck_assert_str_eq(bed_history(&bed, 2), "other");
    ck_assert_str_eq(bed_history(&bed, 3), "");

    ck_assert(status_is_ok(events_read(bed.store, bed.arena, 1, 2, 1, &batches, &count)));
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(batches[0].first_event_id, 3);
    ck_assert_int_eq(batches[0].events_count, 1);
    ck_assert(status_is_ok(events_read_back(bed.store, bed.arena, 1, 3, 9, &batches, &count)));
    ck_assert_int_eq(count, 2);
    ck_assert_int_eq(batches[0].first_event_id, 3);
    ck_assert_int_eq(batches[1].first_event_id, 1);
    ck_assert(status_is_ok(events_read_back(bed.store, bed.arena, 1, INT64_MAX, 1, &batches, &count)));
    ck_assert_int_eq(batches[0].first_event_id, 4);
}
END_TEST

START_TEST(many_and_large_batches_come_back)
{
    enum { BATCHES = 300, LARGE = 100000 };
    uint8_t *large = arena_alloc(bed.arena, LARGE);
    struct event_batch batch = {.first_event_id = 1000, .events_count = 1, .history = {large, LARGE}}, *batches;
    int count;

    memset(large, 0xa5, LARGE);
    for (int i = 1; i <= BATCHES; i++)
        bed_append(&bed, 5, i, 1, "x");
    events_append(bed.store, 5, &batch);
    ck_assert(status_is_ok(events_read(bed.store, bed.arena, 5, 0, INT32_MAX, &batches, &count)));
    ck_assert_int_eq(count, BATCHES + 1);
    for (int i = 0; i < BATCHES; i++)
        ck_assert_int_eq(batches[i].first_event_id, i + 1);
    ck_assert(bytes_equal(batches[BATCHES].history, batch.history));
}
END_TEST

START_TEST(deleting_a_run_deletes_its_events)
{
    struct run_row row = bed_run("w", 1), other = bed_run("v", 2);

    runs_insert(bed.store, &row);
    runs_insert(bed.store, &other);
    bed_append(&bed, row.id, 1, 1, "a");
    bed_append(&bed, row.id, 16777000, 1, "z");
    bed_append(&bed, other.id, 1, 1, "b");
    runs_delete(bed.store, row.id);
    ck_assert_str_eq(bed_history(&bed, row.id), "");
    ck_assert_str_eq(bed_history(&bed, other.id), "b");
}
END_TEST

struct seen {
    int count;
    char text[200];
};

static void note_namespace(void *context, const struct namespace_row *row)
{
    struct seen *seen = context;

    seen->count++;
    snprintf(seen->text + strlen(seen->text), sizeof(seen->text) - strlen(seen->text), "%lld %02x %s %.*s;",
             (long long)row->id, row->uuid[15], row->name, (int)row->record.len, (const char *)row->record.data);
}

START_TEST(namespaces_come_back_in_order_of_their_rows)
{
    struct namespace_row row = {.id = 2, .uuid = {[15] = 0xbb}, .name = "b", .record = bytes_of("record")};
    struct seen seen = {0};

    namespace_rows_insert(bed.store, &row);
    row = (struct namespace_row){.id = 1, .uuid = {[15] = 0xaa}, .name = "a"};
    namespace_rows_insert(bed.store, &row);
    row = (struct namespace_row){.id = 2, .name = "renamed", .record = bytes_of("new")};
    namespace_rows_update(bed.store, &row);
    ck_assert(status_is_ok(namespace_rows_each(bed.store, note_namespace, &seen)));
    ck_assert_str_eq(seen.text, "1 aa a ;2 bb renamed new;");
}
END_TEST

START_TEST(metadata_is_set_and_set_again)
{
    struct bytes value;

    ck_assert_int_eq(metadata_get(bed.store, bed.arena, "x", &value).code, GRPC_NOT_FOUND);
    metadata_set(bed.store, "x", bytes_of("1"));
    metadata_set(bed.store, "x", bytes_of("2"));
    metadata_set(bed.store, "empty", (struct bytes){NULL, 0});
    ck_assert(status_is_ok(metadata_get(bed.store, bed.arena, "x", &value)));
    ck_assert(bytes_equal(value, bytes_of("2")));
    ck_assert(status_is_ok(metadata_get(bed.store, bed.arena, "empty", &value)));
    ck_assert_uint_eq(value.len, 0);
}
END_TEST

static void fill(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_full_row_comes_back_as_it_was);
    tcase_add_test(tcase, an_empty_row_comes_back_empty);
    tcase_add_test(tcase, what_does_not_exist_is_not_found);
    tcase_add_test(tcase, the_newest_run_is_current);
    tcase_add_test(tcase, when_the_current_run_is_deleted_no_older_one_takes_its_place);
    tcase_add_test(tcase, updates_change_what_they_say_and_no_more);
    tcase_add_test(tcase, open_runs_are_listed_in_pages);
    tcase_add_test(tcase, closed_runs_are_listed_for_retention);
    tcase_add_test(tcase, batches_are_read_forwards_and_backwards);
    tcase_add_test(tcase, many_and_large_batches_come_back);
    tcase_add_test(tcase, deleting_a_run_deletes_its_events);
    tcase_add_test(tcase, namespaces_come_back_in_order_of_their_rows);
    tcase_add_test(tcase, metadata_is_set_and_set_again);
}

int main(void)
{
    return bed_run_suite("rows", fill);
}
