/* The language of list filters: what becomes of each text, and that no text can hurt. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "bed.h"
#include "persistence/visibility_query.h"
#include "proto/pb.h"

/* A filter and its outcome per line, as the real server answers it. */
#define FILTERS "raw/filters.txt"

enum { FILTERS_MIN = 400, MUTATIONS = 20000 };

static struct arena *arena;
static PbNamespaceRecord *ns;

static void add_attribute(const char *name, PbIndexedValueType type)
{
    PbNamespaceSearchAttribute *attribute = ARENA_NEW_PB(arena, PbNamespaceSearchAttribute);

    attribute->name = name;
    attribute->type = (int32_t)type;
    ns->search_attributes[ns->n_search_attributes++] = attribute;
}

static void setup(void)
{
    arena = arena_new(64 * 1024);
    ns = ARENA_NEW_PB(arena, PbNamespaceRecord);
    ns->search_attributes = ARENA_NEW_ARRAY(arena, PbNamespaceSearchAttribute *, 8);
    add_attribute("MyKw", INDEXED_VALUE_TYPE_KEYWORD);
    add_attribute("MyKl", INDEXED_VALUE_TYPE_KEYWORD_LIST);
    add_attribute("MyText", INDEXED_VALUE_TYPE_TEXT);
    add_attribute("MyInt", INDEXED_VALUE_TYPE_INT);
    add_attribute("MyDouble", INDEXED_VALUE_TYPE_DOUBLE);
    add_attribute("MyBool", INDEXED_VALUE_TYPE_BOOL);
    add_attribute("MyTime", INDEXED_VALUE_TYPE_DATETIME);
}

static void teardown(void)
{
    arena_free(arena);
}

/* "OK", or the text of the error without its beginning. */
static const char *outcome(const char *text)
{
    static const char beginning[] = "invalid query: ";
    struct visibility_query query;
    status read = visibility_query_read(arena, ns, text, &query);

    if (status_is_ok(read))
        return "OK";
    ck_assert_int_eq(read.code, GRPC_INVALID_ARGUMENT);
    ck_assert_msg(strncmp(read.message, beginning, strlen(beginning)) == 0, "%s: %s", text, read.message);
    return read.message + strlen(beginning);
}

/* Calls `each` for the filters of the file. */
static int each_filter(void (*each)(char *text, const char *expected))
{
    FILE *file = fopen(FILTERS, "r");
    char *line = NULL;
    size_t capacity = 0;
    int count = 0;

    ck_assert_msg(file != NULL, "no %s: to be run in tests/", FILTERS);
    while (getline(&line, &capacity, file) > 0) {
        char *tab = strchr(line, '\t');

        line[strcspn(line, "\n")] = '\0';
        ck_assert_ptr_nonnull(tab);
        *tab = '\0';
        each(line, tab + 1);
        count++;
    }
    free(line);
    fclose(file);
    return count;
}

static void compare(char *text, const char *expected)
{
    const char *got = outcome(text);

    ck_assert_msg(strcmp(got, expected) == 0, "%s\n  expected %s\n  got      %s", text, expected, got);
}

START_TEST(filters_become_what_the_real_server_makes_of_them)
{
    ck_assert_int_ge(each_filter(compare), FILTERS_MIN);
}
END_TEST

/* What the real server refuses with other texts, or not at all, and lets SQLite fail later. */
static const struct {
    const char *text, *outcome;
} own_outcomes[] = {
    {"WorkflowId = ('a','b')", "invalid expression: unexpected value type sqlparser.ValTuple"},
    {"MyKw STARTS_WITH ('a','b')", "invalid expression: unexpected value type sqlparser.ValTuple"},
    {"MyInt IN ((1,2),3)", "invalid expression: unexpected value type sqlparser.ValTuple"},
    {"MyKw = (SELECT 1)", "malformed SQL query: syntax error at position 42 near 'select'"},
    {"CASE WHEN 1 THEN 2 END", "malformed SQL query: syntax error at position 32 near 'case'"},
    {"MyKw = 'a' UNION SELECT 1", "malformed SQL query: syntax error at position 44 near 'union'"},
    {"MyKw = 'a' /*! AND MyInt = 1 */", "malformed SQL query: syntax error at position 42"},
};

START_TEST(filters_that_are_refused_in_our_own_words)
{
    ck_assert_str_eq(outcome(own_outcomes[_i].text), own_outcomes[_i].outcome);
}
END_TEST

static const char *repeated(const char *part, int times, const char *middle, const char *end)
{
    size_t length = strlen(part) * (size_t)times;
    char *text = arena_alloc(arena, length + strlen(middle) + strlen(end) * (size_t)times + 1);

    for (int i = 0; i < times; i++)
        memcpy(text + (size_t)i * strlen(part), part, strlen(part));
    strcat(text, middle);
    for (int i = 0; i < times; i++)
        strcat(text + length, end);
    return text;
}

START_TEST(nesting_is_bounded)
{
    ck_assert_str_eq(outcome(repeated("(", 199, "MyInt=1", ")")), "OK");
    ck_assert_str_eq(outcome(repeated("(", 200, "MyInt=1", ")")),
                     "malformed SQL query: max nesting level reached at position 228");
    ck_assert_str_eq(outcome(repeated("NOT ", 199, "MyInt=1", "")), "OK");
    ck_assert_str_eq(outcome(repeated("NOT ", 100000, "MyInt=1", "")),
                     "malformed SQL query: max nesting level reached at position 827 near 'not'");
    ck_assert_str_eq(outcome(repeated("- ", 200, "1", "")),
                     "malformed SQL query: max nesting level reached at position 427");
    ck_assert_str_eq(outcome(repeated("f(", 100000, "", "")),
                     "malformed SQL query: max nesting level reached at position 428");
}
END_TEST

START_TEST(a_filter_may_be_long_but_not_too_long)
{
    ck_assert_str_eq(outcome(repeated("MyInt=1 OR ", 10000, "MyInt=1", "")), "OK");
    ck_assert_str_eq(outcome(repeated("MyInt=1 OR ", 100000, "MyInt=1", "")),
                     "malformed SQL query: max ast depth reached");
    ck_assert_str_eq(outcome(repeated("1+", 100001, "1", "")), "malformed SQL query: max ast depth reached");
}
END_TEST

/* ---- what texts mean ---- */

static struct visibility_query read_query(const char *text)
{
    struct visibility_query query;
    status read = visibility_query_read(arena, ns, text, &query);

    ck_assert_msg(status_is_ok(read), "%s: %s", text, read.message);
    return query;
}

static const struct {
    const char *text;
    enum visibility_column column;
    int64_t integer;
} values[] = {
    {"ExecutionStatus = 'Failed'", COLUMN_STATUS, 3},
    {"ExecutionStatus = 'WORKFLOW_EXECUTION_STATUS_TIMED_OUT'", COLUMN_STATUS, 7},
    {"ExecutionStatus = 'Paused'", COLUMN_STATUS, 8},
    {"ExecutionStatus = 2", COLUMN_STATUS, 2},
    {"ExecutionDuration = '1h30m'", COLUMN_EXECUTION_DURATION, INT64_C(5400000000000)},
    {"ExecutionDuration = '1d'", COLUMN_EXECUTION_DURATION, INT64_C(86400000000000)},
    {"ExecutionDuration = '01:02:03'", COLUMN_EXECUTION_DURATION, INT64_C(3723000000000)},
    {"ExecutionDuration = '0:00:00.25'", COLUMN_EXECUTION_DURATION, 250000000},
    {"ExecutionDuration = '-5s'", COLUMN_EXECUTION_DURATION, INT64_C(-5000000000)},
    {"ExecutionDuration = '17'", COLUMN_EXECUTION_DURATION, 17},
    {"StartTime = '1970-01-01T00:00:01Z'", COLUMN_START_TIME, 1000000},
    {"StartTime = '2000-02-29T23:59:59.123456789+01:30'", COLUMN_START_TIME, INT64_C(951863399123456)},
    {"StartTime = '1969-12-31T23:59:59.5Z'", COLUMN_START_TIME, -500000},
    {"StartTime = '9999-12-31T23:59:59Z'", COLUMN_START_TIME, INT64_C(253402300799000000)},
    {"StartTime = '0000-01-01T00:00:00Z'", COLUMN_START_TIME, INT64_C(-62167219200000000)},
    {"StartTime = 1999", COLUMN_START_TIME, 1},
    {"StartTime = -1", COLUMN_START_TIME, -1},
    {"MyInt = 01", COLUMN_ATTRIBUTE, 1},
    {"MyInt = - -7", COLUMN_ATTRIBUTE, 7},
    {"MyInt = -9223372036854775808", COLUMN_ATTRIBUTE, INT64_MIN},
    {"MyInt = x'10'", COLUMN_ATTRIBUTE, 10},
    {"ScheduleId = 'a'", COLUMN_WORKFLOW_ID, 0},
    {"TemporalRunId = 'a'", COLUMN_RUN_ID, 0},
    {"ScheduledById = 'a'", COLUMN_ATTRIBUTE, 0},
    {"Keyword01 = 'a'", COLUMN_NOTHING, 0},
};

START_TEST(values_are_read)
{
    struct visibility_query query = read_query(values[_i].text);

    ck_assert_int_eq(query.filter->kind, FILTER_EQUAL);
    ck_assert_int_eq(query.filter->column, values[_i].column);
    ck_assert_uint_eq(query.filter->values_count, 1);
    ck_assert_int_eq(query.filter->values[0].integer, values[_i].integer);
    ck_assert(!query.filter->values[0].is_real);
}
END_TEST

static const struct {
    const char *text, *value;
} texts[] = {
    {"MyKw = 'it''s'", "it's"},
    {"MyKw = \"it's\"", "it's"},
    {"MyKw = \"say \"\"so\"\"\"", "say \"so\""},
    {"MyKw = 'it\\'s'", "it's"},
    {"MyKw = 'a\\tb\\n\\\\'", "a\tb\n\\"},
    {"MyKw = '\\%\\_\\x'", "%_x"},
    {"MyKw = ''", ""},
    {"MyKw = 'é -- no comment'", "é -- no comment"},
};

START_TEST(texts_are_read)
{
    struct bytes value = read_query(texts[_i].text).filter->values[0].text;

    ck_assert_uint_eq(value.len, strlen(texts[_i].value));
    ck_assert_mem_eq(value.data, texts[_i].value, value.len);
}
END_TEST

START_TEST(and_binds_tighter_than_or_and_not_tighter_than_and)
{
    struct visibility_query query = read_query("NOT MyInt = 1 AND MyInt = 2 OR MyInt = 3 OR MyInt = 4");

    ck_assert_int_eq(query.filter->kind, FILTER_OR);
    ck_assert_uint_eq(query.filter->parts_count, 3);
    ck_assert_int_eq(query.filter->parts[0]->kind, FILTER_AND);
    ck_assert_int_eq(query.filter->parts[0]->parts[0]->kind, FILTER_NOT);
    ck_assert_uint_eq(query.conditions_count, 4);
}
END_TEST

START_TEST(groups_and_divisions_are_noticed)
{
    ck_assert_int_eq(read_query("").group, GROUP_BY_NOTHING);
    ck_assert_int_eq(read_query("MyInt = 1 GROUP BY ExecutionStatus").group, GROUP_BY_STATUS);
    ck_assert_int_eq(read_query("group by TemporalNamespaceDivision").group, GROUP_BY_DIVISION);
    ck_assert(read_query("group by NamespaceDivision").mentions_division);
    ck_assert(read_query("MyInt = 1 OR NOT TemporalNamespaceDivision IS NULL").mentions_division);
    ck_assert(!read_query("MyKw = 'TemporalNamespaceDivision'").mentions_division);
}
END_TEST

/* ---- any text ---- */

static struct rand *noise;

static void mutate(char *text, const char *expected)
{
    static const char alphabet[] = "'\"`()=<>!,;.-+*/%&|^~:?@#\\ \n0123456789eExXbBNOTANDORINISLIKEnull";
    char *changed = arena_strndup(arena, text, strlen(text) + 16);
    size_t length = strlen(text);

    (void)expected;
    for (int i = 0; i < MUTATIONS / FILTERS_MIN && length > 0; i++) {
        size_t at = rand_below(noise, (uint64_t)length);

        switch (rand_below(noise, 3)) {
        case 0:
            changed[at] = alphabet[rand_below(noise, sizeof(alphabet) - 1)];
            break;
        case 1:
            memmove(changed + at, changed + at + 1, length - at);
            length--;
            break;
        default:
            changed[at] = (char)(128 + rand_below(noise, 128));
            break;
        }
        outcome(changed);
    }
    teardown();
    setup();
}

START_TEST(no_text_does_harm)
{
    noise = rand_new(4711);
    each_filter(mutate);
    rand_free(noise);
}
END_TEST

static void fill(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, filters_become_what_the_real_server_makes_of_them);
    tcase_add_loop_test(tcase, filters_that_are_refused_in_our_own_words, 0,
                        sizeof(own_outcomes) / sizeof(own_outcomes[0]));
    tcase_add_test(tcase, nesting_is_bounded);
    tcase_add_test(tcase, a_filter_may_be_long_but_not_too_long);
    tcase_add_loop_test(tcase, values_are_read, 0, sizeof(values) / sizeof(values[0]));
    tcase_add_loop_test(tcase, texts_are_read, 0, sizeof(texts) / sizeof(texts[0]));
    tcase_add_test(tcase, and_binds_tighter_than_or_and_not_tighter_than_and);
    tcase_add_test(tcase, groups_and_divisions_are_noticed);
    tcase_add_test(tcase, no_text_does_harm);
}

int main(void)
{
    return bed_run_suite("visibility_query", fill);
}
