/* Values of search attributes: read from JSON, found in packed messages, and in bytes that are none. */
#include "proto/search_value.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proto/pb.h"

static struct arena *arena;

static void make_arena(void)
{
    arena = arena_new(4096);
}

static void free_arena(void)
{
    arena_free(arena);
}

static const struct {
    PbIndexedValueType type;
    const char *json;
    enum search_value_kind kind;
    int64_t integer;
    double real;
    const char *texts; /* joined with '|' */
} cases[] = {
    {INDEXED_VALUE_TYPE_INT, "5", SEARCH_VALUE_SET, 5, 0, ""},
    {INDEXED_VALUE_TYPE_INT, " [ -7 ] ", SEARCH_VALUE_SET, -7, 0, ""},
    {INDEXED_VALUE_TYPE_INT, "9223372036854775807", SEARCH_VALUE_SET, INT64_MAX, 0, ""},
    {INDEXED_VALUE_TYPE_INT, "9223372036854775808", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_INT, "1.0", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_INT, "01", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_INT, "\"5\"", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_INT, "[1, 2]", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_INT, "5 x", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_INT, "", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_INT, "null", SEARCH_VALUE_NONE, 0, 0, ""},
    {INDEXED_VALUE_TYPE_INT, "[]", SEARCH_VALUE_NONE, 0, 0, ""},
    {INDEXED_VALUE_TYPE_INT, "[null]", SEARCH_VALUE_NONE, 0, 0, ""},
    {INDEXED_VALUE_TYPE_INT, "nullx", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_INT, "[", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_INT, "[1", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_INT, "[,]", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_DOUBLE, "-1.5e3", SEARCH_VALUE_SET, 0, -1500, ""},
    {INDEXED_VALUE_TYPE_DOUBLE, "7", SEARCH_VALUE_SET, 0, 7, ""},
    {INDEXED_VALUE_TYPE_DOUBLE, "1e999", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_DOUBLE, "1.", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_BOOL, "true", SEARCH_VALUE_SET, 1, 0, ""},
    {INDEXED_VALUE_TYPE_BOOL, "[false]", SEARCH_VALUE_SET, 0, 0, ""},
    {INDEXED_VALUE_TYPE_BOOL, "truex", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_BOOL, "1", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_KEYWORD, "\"\"", SEARCH_VALUE_SET, 0, 0, ""},
    {INDEXED_VALUE_TYPE_KEYWORD, "\"a|\\n\\u00e9\\ud83d\\ude00\\/\\\"\"", SEARCH_VALUE_SET, 0, 0,
     "a|\n\u00e9\U0001f600/\""},
    {INDEXED_VALUE_TYPE_KEYWORD, "\"\\ud83d x\"", SEARCH_VALUE_SET, 0, 0, "\ufffd x"},
    {INDEXED_VALUE_TYPE_KEYWORD, "\"\\u12\"", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_KEYWORD, "\"\\x\"", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_KEYWORD, "\"open", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_KEYWORD, "\"open\\", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_KEYWORD, "\"a\nb\"", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_TEXT, "[\"one\"]", SEARCH_VALUE_SET, 0, 0, "one"},
    {INDEXED_VALUE_TYPE_KEYWORD_LIST, "[\"a\", null , \"b,c\"]", SEARCH_VALUE_SET, 0, 0, "a|b,c"},
    {INDEXED_VALUE_TYPE_KEYWORD_LIST, "\"a\"", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_KEYWORD_LIST, "[\"a\", 1]", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_KEYWORD_LIST, "[\"a\" \"b\"]", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_DATETIME, "\"1970-01-01T00:00:01.123456Z\"", SEARCH_VALUE_SET, 1123000, 0, ""},
    {INDEXED_VALUE_TYPE_DATETIME, "\"1969-12-31T23:59:59.9995Z\"", SEARCH_VALUE_SET, -1000, 0, ""},
    {INDEXED_VALUE_TYPE_DATETIME, "\"2024-02-29T00:00:00+00:30\"", SEARCH_VALUE_SET, INT64_C(1709163000000000), 0, ""},
    {INDEXED_VALUE_TYPE_DATETIME, "\"2023-02-29T00:00:00Z\"", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_DATETIME, "\"2024-01-01T00:00:00\"", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_DATETIME, "\"2024-01-01T24:00:00Z\"", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_DATETIME, "5", SEARCH_VALUE_BAD, 0, 0, ""},
    {INDEXED_VALUE_TYPE_UNSPECIFIED, "5", SEARCH_VALUE_BAD, 0, 0, ""},
};

static const char *joined(const struct search_value *value)
{
    const char *text = "";

    for (size_t i = 0; i < value->texts_count; i++)
        text = arena_printf(arena, "%s%s%.*s", text, i == 0 ? "" : "|", (int)value->texts[i].len,
                            (const char *)value->texts[i].data);
    return text;
}

START_TEST(values_are_read)
{
    struct search_value value;
    enum search_value_kind kind = search_value_read(arena, bytes_of(cases[_i].json), cases[_i].type, &value);

    ck_assert_msg(kind == cases[_i].kind, "%s is %d", cases[_i].json, (int)kind);
    if (kind != SEARCH_VALUE_SET)
        return;
    ck_assert_int_eq(value.integer, cases[_i].integer);
    ck_assert_double_eq(value.real, cases[_i].real);
    ck_assert_str_eq(joined(&value), cases[_i].texts);
}
END_TEST

START_TEST(a_byte_zero_is_no_end)
{
    struct search_value value;

    ck_assert_int_eq(
        search_value_read(arena, (struct bytes){(const uint8_t *)"5\0x", 3}, INDEXED_VALUE_TYPE_INT, &value),
        SEARCH_VALUE_BAD);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("search_value");
    TCase *tcase = tcase_create("search_value");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, make_arena, free_arena);
    tcase_add_loop_test(tcase, values_are_read, 0, sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(tcase, a_byte_zero_is_no_end);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
