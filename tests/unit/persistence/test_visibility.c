/*
 * Scans: whatever the way through the rows, a list has the runs that a filter selects, in order, and a count their
 * number. Random filters over random rows are compared with the plain answer: every run judged by itself.
 */
#include "bed.h"

#include "base/rand.h"
#include "persistence/visibility.h"
#include "persistence/visibility_match.h"
#include "persistence/visibility_query.h"
#include "proto/pb.h"

enum { RUNS = 300, FILTERS = 400, NAMESPACE = 1, OTHER_NAMESPACE = 2 };

static struct bed bed;
static struct rand *noise;
static PbNamespaceRecord *ns;

static void add_name(const char *name, PbIndexedValueType type)
{
    PbNamespaceSearchAttribute *attribute = ARENA_NEW_PB(bed.arena, PbNamespaceSearchAttribute);

    attribute->name = name;
    attribute->type = (int32_t)type;
    ns->search_attributes[ns->n_search_attributes++] = attribute;
}

static void make_names(void)
{
    ns = ARENA_NEW_PB(bed.arena, PbNamespaceRecord);
    ns->search_attributes = ARENA_NEW_ARRAY(bed.arena, PbNamespaceSearchAttribute *, 8);
    add_name("Kw", INDEXED_VALUE_TYPE_KEYWORD);
    add_name("Kl", INDEXED_VALUE_TYPE_KEYWORD_LIST);
    add_name("Tx", INDEXED_VALUE_TYPE_TEXT);
    add_name("Nu", INDEXED_VALUE_TYPE_INT);
    add_name("Do", INDEXED_VALUE_TYPE_DOUBLE);
    add_name("Bo", INDEXED_VALUE_TYPE_BOOL);
    add_name("Ti", INDEXED_VALUE_TYPE_DATETIME);
}

static void setup(void)
{
    bed_make(&bed);
    bed_open_in_memory(&bed);
    noise = rand_new(20);
    make_names();
}

static void teardown(void)
{
    rand_free(noise);
    bed_end(&bed);
}

static int any(int below)
{
    return (int)rand_below(noise, (uint64_t)below);
}

/* ---- rows ---- */

static void set(PbSearchAttributes *attributes, const char *name, const char *type, const char *json)
{
    PbSearchAttributesIndexedFieldsEntry *entry = ARENA_NEW_PB(bed.arena, PbSearchAttributesIndexedFieldsEntry);
    PbPayloadMetadataEntry *metadata = ARENA_NEW_PB(bed.arena, PbPayloadMetadataEntry);

    metadata->key = "type";
    metadata->value = (ProtobufCBinaryData){strlen(type), (uint8_t *)arena_strdup(bed.arena, type)};
    entry->key = name;
    entry->value = ARENA_NEW_PB(bed.arena, PbPayload);
    entry->value->metadata = ARENA_NEW(bed.arena, PbPayloadMetadataEntry *);
    entry->value->metadata[entry->value->n_metadata++] = metadata;
    entry->value->data = (ProtobufCBinaryData){strlen(json), (uint8_t *)arena_strdup(bed.arena, json)};
    attributes->indexed_fields[attributes->n_indexed_fields++] = entry;
}

static const char *printed(const char *format, int number)
{
    char *text = arena_alloc(bed.arena, 100);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, 100, format, number, (number + 1) % 5);
#pragma GCC diagnostic pop
    return text;
}

static struct bytes any_attributes(void)
{
    static const struct {
        const char *name, *type, *format;
    } kinds[] = {
        {"Kw", "Keyword", "\"k%d\""},
        {"Kl", "KeywordList", "[\"E%d\", \"e%d\"]"},
        {"Tx", "Text", "\"word%d and some more words\""},
        {"Nu", "Int", "%d"},
        {"Do", "Double", "%d.5"},
        {"Ti", "Datetime", "\"2020-01-01T00:00:0%dZ\""},
        {"Nu", "Keyword", "\"%d\""}, /* of a type that the name does not have any more */
        {"TemporalNamespaceDivision", "Keyword", "\"d%d\""},
    };
    PbSearchAttributes *attributes = ARENA_NEW_PB(bed.arena, PbSearchAttributes);

    attributes->indexed_fields = ARENA_NEW_ARRAY(bed.arena, PbSearchAttributesIndexedFieldsEntry *, 16);
    for (size_t i = 0; i < 6; i++)
        if (any(2) == 0)
            set(attributes, kinds[i].name, kinds[i].type, printed(kinds[i].format, any(5)));
    if (any(2) == 0)
        set(attributes, "Bo", "Bool", any(2) == 0 ? "true" : "false");
    if (any(8) == 0)
        set(attributes, kinds[7].name, kinds[7].type, printed(kinds[7].format, any(2)));
    return pb_pack(bed.arena, attributes);
}

/* Some have a workflow id of their own, and may stay open. The others are runs of a few ids, one after the other. */
static void insert_any(int number)
{
    bool is_alone = any(3) > 0;
    struct run_row row = bed_run(is_alone ? printed("u%d", number) : printed("w%d", number % 40), number + 1);

    row.namespace_id = any(10) == 0 ? OTHER_NAMESPACE : NAMESPACE;
    row.start_time = row.execution_time = 1000000 * (nanos)(number / 3); /* three at a time */
    row.workflow_type = printed("T%d", any(5));
    if (any(3) > 0)
        row.search_attributes = any_attributes();
    if (any(4) == 0) {
        row.parent_workflow_id = printed("w%d", any(40));
        memset(row.parent_run_id, any(5) + 1, UUID_BYTES);
        row.root_workflow_id = row.parent_workflow_id;
        memcpy(row.root_run_id, row.parent_run_id, UUID_BYTES);
    }
    runs_insert(bed.store, &row);
    if (is_alone && any(3) == 0)
        return;
    row.status = 2 + any(6);
    row.close_time = row.start_time + 1000000 * (nanos)(1 + any(is_alone ? 200 : 12));
    row.history_length = any(10);
    row.attributes_changed = any(2) == 0;
    if (row.attributes_changed)
        row.search_attributes = any_attributes();
    runs_update(bed.store, &row);
}

static void insert_all(void)
{
    for (int i = 0; i < RUNS; i++)
        insert_any(i);
}

/* ---- filters ---- */

static const char *any_condition(void)
{
    static const char *const formats[] = {
        "Kw = 'k%d'",
        "Kw != 'k%d'",
        "Kw IN ('k%d', 'k%d')",
        "Kw NOT IN ('k%d', 'zz')",
        "Kw STARTS_WITH 'K%d'",
        "Kw < 'k%d'",
        "Kw BETWEEN 'k%d' AND 'k%d'",
        "Kw IS NULL",
        "Kl = 'e%d'",
        "Kl IN ('E%d', 'e%d')",
        "Kl != 'E%d'",
        "Kl IS NOT NULL",
        "Tx = 'WORD%d'",
        "Tx != 'word%d'",
        "Nu = %d",
        "Nu = %d.0",
        "Nu IN (%d, %d.5)",
        "Nu > %d",
        "Nu IS NULL",
        "Do >= %d.5",
        "Do = %d",
        "Bo = TRUE",
        "Bo != TRUE",
        "Ti = '2020-01-01T00:00:0%dZ'",
        "Ti < '2020-01-01T00:00:0%d.5Z'",
        "WorkflowId = 'w%d'",
        "WorkflowId IN ('w%d', 'w%d')",
        "WorkflowId STARTS_WITH 'W%d'",
        "WorkflowType = 'T%d'",
        "ExecutionStatus = 'Running'",
        "ExecutionStatus != 'Running'",
        "ExecutionStatus IN ('Completed', 'Running', 'Failed')",
        "ExecutionStatus IN ('Completed', 'Failed')",
        "ExecutionStatus > %d",
        "StartTime > '1970-01-01T00:00:00.0%d%dZ'",
        "StartTime = '1970-01-01T00:00:00.0%d%dZ'",
        "StartTime <= '1970-01-01T00:00:00.0%d%dZ'",
        "CloseTime > '1970-01-01T00:00:00.1%d%dZ'",
        "CloseTime <= '1970-01-01T00:00:00.1%d%dZ'",
        "CloseTime BETWEEN '1970-01-01T00:00:00.0%dZ' AND '1970-01-01T00:00:00.2%dZ'",
        "CloseTime = '1970-01-01T00:00:00.10%dZ'",
        "CloseTime IS NULL",
        "CloseTime IS NOT NULL",
        "HistoryLength > %d",
        "HistoryLength IS NULL",
        "ExecutionDuration < '0.0%d%ds'",
        "ParentWorkflowId = 'w%d'",
        "ParentWorkflowId IS NULL",
        "RootWorkflowId = 'w%d'",
        "RunId = '0%d0%d0101-0101-0101-0101-010101010101'",
        "RunId = 'no'",
        "RunId IS NOT NULL",
        "TemporalNamespaceDivision = 'd%d'",
        "TemporalNamespaceDivision IS NULL",
        "Keyword01 = 'x'",
    };

    return printed(formats[any(sizeof(formats) / sizeof(formats[0]))], any(5));
}

static const char *any_filter(int depth)
{
    static const char *const joins[] = {" AND ", " AND ", " OR "};
    const char *join = joins[any(3)], *text;

    if (depth == 0 || any(3) == 0)
        return any_condition();
    if (any(5) == 0)
        return arena_printf(bed.arena, "NOT (%s)", any_filter(depth - 1));
    text = any_filter(depth - 1);
    for (int i = any(3); i >= 0; i--)
        text = arena_printf(bed.arena, "%s%s%s", text, join, any_filter(depth - 1));
    return any(3) == 0 ? arena_printf(bed.arena, "(%s)", text) : text;
}

/* ---- answers ---- */

static struct visibility_query read_query(const char *text)
{
    struct visibility_query query;
    status read = visibility_query_read(bed.arena, ns, text, &query);

    ck_assert_msg(status_is_ok(read), "%s: %s", text, read.message);
    return query;
}

static void run_to_end(struct visibility_scan *scan)
{
    for (bool is_done = false; !is_done;) {
        status stepped = visibility_scan_step(scan, &is_done);

        ck_assert_msg(status_is_ok(stepped), "%s", stepped.message);
    }
}

static const struct visible_run *list_page(const char *text, const struct visibility_position *after, int most,
                                           int *ret_count)
{
    struct visibility_query *query = ARENA_NEW(bed.arena, struct visibility_query);
    struct visibility_scan *scan;

    *query = read_query(text);
    scan = visibility_list_new(bed.arena, bed.store, NAMESPACE, query, after, most, NANOS_MAX - 1);
    run_to_end(scan);
    return visibility_list_rows(scan, ret_count);
}

/* The ids of the pages of a list, joined. */
static const char *list_ids(const char *text, int page_size)
{
    struct visibility_position after = {0};
    const char *ids = "";
    int count;

    do {
        const struct visible_run *rows = list_page(text, &after, page_size, &count);

        for (int i = 0; i < count; i++)
            ids = arena_printf(bed.arena, "%s %lld", ids, (long long)rows[i].id);
        if (count > 0)
            after = (struct visibility_position){rows[count - 1].close_time, rows[count - 1].id};
    } while (count == page_size);
    return ids;
}

/* The same, of all the runs there are, each judged by itself. */
static const char *judged_ids(const char *text, int *ret_count)
{
    struct visibility_query query = read_query(text);
    struct visibility_position beginning = {0};
    const char *ids = "";
    const struct visible_run *rows;
    int count;

    visibility_query_prepare(bed.arena, bed.store, &query);
    rows = list_page("TemporalNamespaceDivision IS NULL OR TemporalNamespaceDivision IS NOT NULL", &beginning, RUNS + 1,
                     &count);
    *ret_count = 0;
    for (int i = 0; i < count; i++) {
        if (!visibility_query_matches(&query, bed.store, bed.arena, &rows[i]))
            continue;
        ids = arena_printf(bed.arena, "%s %lld", ids, (long long)rows[i].id);
        ++*ret_count;
    }
    return ids;
}

static int64_t counted(const char *text, int64_t *ret_by_groups)
{
    struct visibility_query *query = ARENA_NEW(bed.arena, struct visibility_query);
    const struct visibility_count *groups;
    struct visibility_scan *scan;
    int count;

    *query = read_query(arena_printf(bed.arena, "%s GROUP BY ExecutionStatus", text));
    scan = visibility_count_new(bed.arena, bed.store, NAMESPACE, query, NANOS_MAX - 1);
    run_to_end(scan);
    groups = visibility_count_groups(scan, &count);
    *ret_by_groups = 0;
    for (int i = 0; i < count; i++)
        *ret_by_groups += groups[i].count;
    return visibility_count_total(scan);
}

static void check_filter(const char *text)
{
    static const int page_sizes[] = {1, 7, 100, 1000};
    int page_size = page_sizes[any(4)], count;
    const char *expected = judged_ids(text, &count), *got = list_ids(text, page_size);
    int64_t by_groups, total = counted(text, &by_groups);

    ck_assert_msg(strcmp(got, expected) == 0, "%s, pages of %d\n expected%s\n got     %s", text, page_size, expected,
                  got);
    ck_assert_msg(total == count && by_groups == count, "%s: %lld counted, %lld in groups, %d expected", text,
                  (long long)total, (long long)by_groups, count);
}

START_TEST(any_filter_selects_what_every_run_says_for_itself)
{
    insert_all();
    for (int i = 0; i < FILTERS; i++)
        check_filter(any_filter(3));
}
END_TEST

START_TEST(deleted_runs_are_gone_from_every_way)
{
    insert_all();
    for (int64_t id = 1; id <= RUNS; id += 2)
        runs_delete(bed.store, id);
    for (int i = 0; i < FILTERS / 4; i++)
        check_filter(any_filter(2));
}
END_TEST

/* ---- the index ---- */

static const char *count_entries(const struct bed *file)
{
    return bed_sql_text(file, "SELECT group_concat(name || '=' || value || '@' || run, ' ') FROM "
                              "(SELECT * FROM search_index ORDER BY name, value, run)");
}

static void insert_indexed(void)
{
    struct run_row row = bed_run("w", 1);
    PbSearchAttributes *attributes = ARENA_NEW_PB(bed.arena, PbSearchAttributes);

    attributes->indexed_fields = ARENA_NEW_ARRAY(bed.arena, PbSearchAttributesIndexedFieldsEntry *, 8);
    set(attributes, "Kw", "Keyword", "\"A\\u00e9\"");
    set(attributes, "Kl", "KeywordList", "[\"B\", \"\\u00c9x\"]");
    set(attributes, "Nu", "Int", "[5]");
    set(attributes, "Tx", "Text", "\"text\"");
    set(attributes, "BuildIds", "KeywordList", "[\"unversioned\"]");
    row.search_attributes = pb_pack(bed.arena, attributes);
    runs_insert(bed.store, &row);
    bed_commit(&bed);
}

START_TEST(the_index_follows_the_attributes)
{
    PbSearchAttributes *attributes = ARENA_NEW_PB(bed.arena, PbSearchAttributes);
    struct run_row row;

    bed_close(&bed);
    bed_open(&bed);
    insert_indexed();
    bed_close(&bed);
    ck_assert_str_eq(count_entries(&bed), "Kl=b@1 Kl=\xc3\xa9x@1 Kw=A\xc3\xa9@1 Nu=5@1");

    attributes->indexed_fields = ARENA_NEW_ARRAY(bed.arena, PbSearchAttributesIndexedFieldsEntry *, 2);
    set(attributes, "Kl", "KeywordList", "[\"b\", \"c\"]");
    set(attributes, "Nu", "Int", "6");
    bed_open(&bed);
    ck_assert(status_is_ok(runs_get(bed.store, bed.arena, 1, &row)));
    row.search_attributes = pb_pack(bed.arena, attributes);
    row.attributes_changed = true;
    runs_update(bed.store, &row);
    bed_commit(&bed);
    bed_close(&bed);
    ck_assert_str_eq(count_entries(&bed), "Kl=b@1 Kl=c@1 Nu=6@1");
}
END_TEST

START_TEST(a_file_from_before_the_index_gets_one)
{
    const char *version;

    bed_close(&bed);
    bed_open(&bed);
    insert_indexed();
    bed_close(&bed);
    version = bed_sql_text(&bed, "PRAGMA user_version");
    bed_sql(&bed, "DROP TABLE search_index; DROP TABLE deployments; DROP TABLE deployment_versions; "
                  "DROP TABLE batches; DROP TABLE batch_requests; DROP TABLE task_queue_configs; "
                  "PRAGMA user_version = 1");
    bed_open(&bed);
    ck_assert_str_eq(list_ids("Kw = 'A\xc3\xa9' AND Kl = 'B' AND Nu = 5", 10), " 1");
    bed_close(&bed);
    ck_assert_str_eq(count_entries(&bed), "Kl=b@1 Kl=\xc3\xa9x@1 Kw=A\xc3\xa9@1 Nu=5@1");
    ck_assert_str_eq(bed_sql_text(&bed, "PRAGMA user_version"), version);
}
END_TEST

START_TEST(a_deleted_run_leaves_no_entry)
{
    bed_close(&bed);
    bed_open(&bed);
    insert_indexed();
    runs_delete(bed.store, 1);
    bed_commit(&bed);
    bed_close(&bed);
    ck_assert_str_eq(bed_sql_text(&bed, "SELECT count(*) FROM search_index"), "0");
}
END_TEST

START_TEST(a_failed_read_is_told)
{
    struct visibility_query query = read_query("Kw = 'k1' OR Nu = 5");
    struct visibility_position beginning = {0};
    bool is_done;

    insert_all();
    store_fail_after(bed.store, 5);
    ck_assert_int_eq(
        visibility_scan_step(visibility_list_new(bed.arena, bed.store, NAMESPACE, &query, &beginning, 10, 1), &is_done)
            .code,
        GRPC_UNAVAILABLE);
    store_fail_after(bed.store, 0);
}
END_TEST

START_TEST(a_scan_takes_steps)
{
    struct visibility_query query = read_query("WorkflowId = 'nobody' OR WorkflowType = 'nothing'");
    struct visibility_scan *scan;
    bool is_done = false;
    int steps = 0;

    for (int i = 0; i < 10000; i++) {
        struct run_row row = bed_run("w", i + 1);

        memcpy(row.run_id, &i, sizeof(i));
        runs_insert(bed.store, &row);
    }
    scan = visibility_count_new(bed.arena, bed.store, NAMESPACE, &query, 1);
    for (; !is_done; steps++)
        ck_assert(status_is_ok(visibility_scan_step(scan, &is_done)));
    ck_assert_int_ge(steps, 3);
    ck_assert_int_eq(visibility_count_total(scan), 0);
}
END_TEST

static void fill(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, any_filter_selects_what_every_run_says_for_itself);
    tcase_add_test(tcase, deleted_runs_are_gone_from_every_way);
    tcase_add_test(tcase, the_index_follows_the_attributes);
    tcase_add_test(tcase, a_file_from_before_the_index_gets_one);
    tcase_add_test(tcase, a_deleted_run_leaves_no_entry);
    tcase_add_test(tcase, a_failed_read_is_told);
    tcase_add_test(tcase, a_scan_takes_steps);
}

int main(void)
{
    return bed_run_suite("visibility", fill);
}
