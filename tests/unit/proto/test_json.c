/* JSON as text, and messages as JSON: both ways, and what is refused. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/api.h"
#include "proto/field_path.h"
#include "proto/json_message.h"
#include "proto/json_text.h"
#include "proto/json_types.h"
#include "proto/json_writer.h"
#include "proto/pb.h"

static struct arena *arena;

static void set_up(void)
{
    arena = arena_new(4096);
}

static void tear_down(void)
{
    arena_free(arena);
}

/* The writer's text, and the buffer freed. */
static const char *text_of(struct json_writer *writer)
{
    const char *text = arena_strndup(arena, (const char *)writer->out.data, writer->out.len);

    buffer_free(&writer->out);
    return text;
}

/* What a text becomes when it is read and written again; its mistake when it cannot be read. */
static const char *there_and_back(const char *text, bool pretty)
{
    struct json_writer writer = {.pretty = pretty};
    struct json_text json;
    const char *wrong = json_text_read(arena, bytes_of(text), &json);

    if (wrong != NULL)
        return wrong;
    json_put_value(&writer, &json, 0);
    return text_of(&writer);
}

START_TEST(texts_are_read_and_written)
{
    static const char *const good[] = {"null",
                                       "true",
                                       "-0.5e+10",
                                       "\"\\u00fc \\ud83d\\ude00\"",
                                       "[]",
                                       "{}",
                                       "[1,[2,[3,{}]],{\"a\":[],\"b\":{\"c\":null}}]",
                                       "123456789012345678901234567890"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_str_eq(there_and_back(good[i], false), good[i]);
    ck_assert_str_eq(there_and_back(" { \"a\" :\t[ 1 ,\r\n 2 ] } ", false), "{\"a\":[1,2]}");
    ck_assert_str_eq(there_and_back("{\"a\":[1,{}],\"b\":[]}", true),
                     "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
}
END_TEST

static const struct {
    const char *text, *wrong;
} bad_texts[] = {
    {"", "unexpected EOF"},
    {"{\"a\":", "unexpected EOF"},
    {"[1,", "unexpected EOF"},
    {"\"abc", "unexpected EOF"},
    {"\"\\", "unexpected EOF"},
    {"x", "invalid character 'x' looking for beginning of value"},
    {"[1 2]", "invalid character '2' after array element"},
    {"[,]", "invalid character ',' looking for beginning of value"},
    {"[1,]", "invalid character ']' looking for beginning of value"},
    {"{1:2}", "invalid character '1' looking for beginning of object key string"},
    {"{\"a\" 1}", "invalid character '1' after object key"},
    {"{\"a\":1 \"b\":2}", "invalid character '\"' after object key:value pair"},
    {"{\"a\":1,}", "invalid character '}' looking for beginning of object key string"},
    {"1 2", "invalid character '2' after top-level value"},
    {"01", "invalid character '1' after top-level value"},
    {"1.", "unexpected EOF"},
    {"-a", "invalid character 'a' in numeric literal"},
    {"tru]", "invalid character ']' in a literal"},
    {"\"\n\"", "invalid character '\\n' in string literal"},
    {"\"\\x\"", "invalid character 'x' in string escape code"},
    {"\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape"},
    {"\"\\ud800\"", "syntax error: a string has half of a surrogate pair"},
    {"\"\\udc00\\ud800\"", "syntax error: a string has half of a surrogate pair"},
    {"\"\xff\"", "syntax error: invalid UTF-8 in string"},
    {"\"\xed\xa0\x80\"", "syntax error: invalid UTF-8 in string"},
};

START_TEST(bad_texts_are_refused)
{
    ck_assert_str_eq(there_and_back(bad_texts[_i].text, false), bad_texts[_i].wrong);
}
END_TEST

START_TEST(depth_is_bounded)
{
    enum { TOO_DEEP = JSON_DEPTH_MAX + 1 };
    char *text = arena_alloc(arena, 2 * TOO_DEEP + 1);

    memset(text, '[', TOO_DEEP);
    memset(text + TOO_DEEP, ']', TOO_DEEP);
    ck_assert_str_eq(there_and_back(text, false), "exceeded max depth");
    text[2 * TOO_DEEP - 1] = '\0';
    ck_assert_str_eq(there_and_back(text + 1, false), text + 1);
}
END_TEST

static const struct {
    double value;
    const char *text;
} numbers[] = {
    {0, "0"},
    {-0.0, "-0"},
    {1, "1"},
    {0.1, "0.1"},
    {1.5, "1.5"},
    {-123.25, "-123.25"},
    {1e20, "100000000000000000000"},
    {1e21, "1e+21"},
    {0.000001, "0.000001"},
    {1e-7, "1e-7"},
    {1.7976931348623157e308, "1.7976931348623157e+308"},
    {5e-324, "5e-324"},
    {NAN, "\"NaN\""},
    {-INFINITY, "\"-Infinity\""},
};

START_TEST(numbers_are_as_short_as_can_be)
{
    struct json_writer writer = {.pretty = false};

    json_put_double(&writer, numbers[_i].value, false);
    ck_assert_str_eq(text_of(&writer), numbers[_i].text);
}
END_TEST

/* --- messages --- */

static const char *as_json(const void *message, bool shorthand)
{
    struct json_writer writer = {.pretty = false};

    json_message_write(&writer, arena, message, shorthand);
    return text_of(&writer);
}

/* A message of `type` read and written again, or the mistake. */
static const char *message_back(const ProtobufCMessageDescriptor *type, const char *text, bool shorthand)
{
    void *message;
    const char *wrong = json_message_read(arena, type, bytes_of(text), shorthand, &message);

    return wrong != NULL ? wrong : as_json(message, shorthand);
}

static const struct {
    const ProtobufCMessageDescriptor *type;
    const char *text, *back; /* back: NULL for the same */
} messages[] = {
    {&PbStartWorkflowExecutionRequest_descriptor,
     "{\"namespace\":\"n\",\"workflow_id\":\"w\",\"workflowType\":{\"name\":\"T\"},\"workflowRunTimeout\":\"1.5s\"}",
     "{\"namespace\":\"n\",\"workflowId\":\"w\",\"workflowType\":{\"name\":\"T\"},\"workflowRunTimeout\":\"1.500s\"}"},
    {&PbStartWorkflowExecutionRequest_descriptor, "{\"namespace\":\"\",\"memo\":null,\"requestEagerExecution\":false}",
     "{}"},
    {&PbHistoryEvent_descriptor, "{\"eventId\":\"9007199254740993\",\"eventTime\":\"2026-01-02T03:04:05.000006Z\"}",
     NULL},
    {&PbHistoryEvent_descriptor, "{\"eventId\":7,\"eventTime\":\"2026-01-02T03:04:05+01:00\",\"eventType\":1}",
     "{\"eventId\":\"7\",\"eventTime\":\"2026-01-02T02:04:05Z\",\"eventType\":\"EVENT_TYPE_WORKFLOW_EXECUTION_"
     "STARTED\"}"},
    {&PbHistoryEvent_descriptor, "{\"eventType\":\"WorkflowTaskScheduled\"}",
     "{\"eventType\":\"EVENT_TYPE_WORKFLOW_TASK_SCHEDULED\"}"},
    {&PbHistoryEvent_descriptor, "{\"eventType\":4711}", NULL},
    {&PbHistoryEvent_descriptor, "{\"eventId\":\"2e1\"}", "{\"eventId\":\"20\"}"},
    {&PbUpdateWorkflowExecutionOptionsRequest_descriptor, "{\"updateMask\":\"versioningOverride,a.bC\"}", NULL},
    {&PbPayload_descriptor, "{\"metadata\":{\"a\":\"eA==\",\"b\":\"\"},\"data\":\"AAEC/w==\"}", NULL},
    {&PbPayload_descriptor, "{\"data\":\"AAEC_w\"}", "{\"data\":\"AAEC/w==\"}"},
    {&PbStatus_descriptor,
     "{\"code\":5,\"details\":[{\"@type\":\"type.googleapis.com/temporal.api.errordetails.v1.NotFoundFailure\","
     "\"currentCluster\":\"c\"},{\"@type\":\"x/google.protobuf.Duration\",\"value\":\"3s\"}]}",
     NULL},
};

START_TEST(messages_are_read_and_written)
{
    const char *wanted = messages[_i].back == NULL ? messages[_i].text : messages[_i].back;

    ck_assert_str_eq(message_back(messages[_i].type, messages[_i].text, false), wanted);
}
END_TEST

static const struct {
    const ProtobufCMessageDescriptor *type;
    const char *text, *wrong;
} bad_messages[] = {
    {&PbStartWorkflowExecutionRequest_descriptor, "{\"bogus\":1}", "(line 1:2): unknown field \"bogus\""},
    {&PbStartWorkflowExecutionRequest_descriptor, "{\"workflowType\":5}",
     "syntax error (line 1:17): unexpected token 5"},
    {&PbStartWorkflowExecutionRequest_descriptor, "{\"workflowId\":5}",
     "(line 1:15): invalid value for string type: 5"},
    {&PbStartWorkflowExecutionRequest_descriptor, "{\n \"workflowId\":\"\\u0000\"}",
     "(line 2:15): invalid value for string type: \"\\u0000\""},
    {&PbStartWorkflowExecutionRequest_descriptor, "{\"workflowId\":\"a\",\"workflow_id\":\"b\"}",
     "(line 1:19): duplicate field \"workflow_id\""},
    {&PbHistoryEvent_descriptor, "{\"eventId\":1.5}", "(line 1:12): invalid value for int64 type: 1.5"},
    {&PbHistoryEvent_descriptor, "{\"eventId\":\"9223372036854775808\"}",
     "(line 1:12): invalid value for int64 type: \"9223372036854775808\""},
    {&PbHistoryEvent_descriptor, "{\"eventType\":\"NOPE\"}", "(line 1:14): invalid value for enum type: \"NOPE\""},
    {&PbHistoryEvent_descriptor, "{\"eventTime\":\"yesterday\"}",
     "(line 1:14): invalid google.protobuf.Timestamp value \"yesterday\""},
    {&PbHistoryEvent_descriptor, "{\"eventTime\":\"2026-02-29T00:00:00Z\"}",
     "(line 1:14): invalid google.protobuf.Timestamp value \"2026-02-29T00:00:00Z\""},
    {&PbPayload_descriptor, "{\"data\":\"!\"}", "(line 1:9): invalid value for bytes type: \"!\""},
    {&PbPayload_descriptor, "{\"metadata\":{\"a\":\"\",\"a\":\"\"}}", "(line 1:21): duplicate map key \"a\""},
    {&PbPayloads_descriptor, "{\"payloads\":{}}", "syntax error (line 1:13): unexpected token {"},
    {&PbStatus_descriptor, "{\"details\":[{\"a\":1}]}", "(line 1:13): missing \"@type\" field {"},
    {&PbStatus_descriptor, "{\"details\":[{\"@type\":\"x/y\"}]}", "(line 1:22): unable to resolve \"x/y\""},
};

START_TEST(bad_messages_are_refused)
{
    ck_assert_str_eq(message_back(bad_messages[_i].type, bad_messages[_i].text, false),
                     arena_printf(arena, "temporalproto: %s", bad_messages[_i].wrong));
}
END_TEST

static const struct {
    const char *text, *in_full;
} shorthands[] = {
    {"[1]", "{\"payloads\":[{\"metadata\":{\"encoding\":\"anNvbi9wbGFpbg==\"},\"data\":\"MQ==\"}]}"},
    {"[\"\\u0000\",{\"b\":1.50,\"a\":[]}]", NULL},
    {"[]", "{}"},
    {"[{\"metadata\":{\"encoding\":\"YmluYXJ5L251bGw=\"}}]",
     "{\"payloads\":[{\"metadata\":{\"encoding\":\"YmluYXJ5L251bGw=\"}}]}"},
    {"[{\"_protoMessageType\":\"a.B\",\"c\":1}]", "{\"payloads\":[{\"metadata\":{\"encoding\":\"anNvbi9wcm90b2J1Zg==\","
                                                  "\"messageType\":\"YS5C\"},\"data\":\"eyJjIjoxfQ==\"}]}"},
    {"[{\"metadata\":{\"encoding\":1},\"data\":2}]", NULL},
};

START_TEST(payloads_have_a_short_form)
{
    void *message;
    const char *wrong = json_message_read(arena, &PbPayloads_descriptor, bytes_of(shorthands[_i].text), true, &message);

    ck_assert_msg(wrong == NULL, "%s", wrong);
    if (shorthands[_i].in_full != NULL)
        ck_assert_str_eq(as_json(message, false), shorthands[_i].in_full);
    ck_assert_str_eq(as_json(message, true), shorthands[_i].text);
    wrong = json_message_read(arena, &PbPayloads_descriptor, bytes_of(as_json(message, false)), true, &message);
    ck_assert_msg(wrong == NULL, "%s", wrong);
    ck_assert_str_eq(as_json(message, true), shorthands[_i].text);
}
END_TEST

START_TEST(null_is_a_payload_of_nothing)
{
    ck_assert_str_eq(message_back(&PbPayloads_descriptor, "[null]", true),
                     "[{\"metadata\":{\"encoding\":\"YmluYXJ5L251bGw=\"}}]");
    ck_assert_str_eq(message_back(&PbMemo_descriptor, "{\"fields\":{\"k\":null}}", true),
                     "{\"fields\":{\"k\":{\"metadata\":{\"encoding\":\"YmluYXJ5L251bGw=\"}}}}");
}
END_TEST

START_TEST(what_is_not_json_stays_long)
{
    ck_assert_str_eq(message_back(&PbPayload_descriptor,
                                  "{\"metadata\":{\"encoding\":\"anNvbi9wbGFpbg==\"},\"data\":\"ew==\"}", true),
                     "{\"metadata\":{\"encoding\":\"anNvbi9wbGFpbg==\"},\"data\":\"ew==\"}");
}
END_TEST

START_TEST(many_empty_messages_are_too_much)
{
    enum { COUNT = 1 << 19 };
    char *text = arena_alloc(arena, 3 * COUNT + 32), *to = text;
    void *message;
    const char *wrong;

    to += snprintf(to, 32, "{\"payloads\":[{}");
    for (int i = 1; i < COUNT; i++, to += 3)
        memcpy(to, ",{}", 3);
    memcpy(to, "]}", 3);
    wrong = json_message_read(arena, &PbPayloads_descriptor, bytes_of(text), false, &message);
    ck_assert(wrong == NULL || strstr(wrong, "too much memory") != NULL);
    ck_assert_uint_lt(arena_bytes_held(arena), (size_t)128 << 20);
}
END_TEST

/* --- fields by path --- */

static const struct {
    const char *path, *value, *outcome;
} paths[] = {
    {"namespace", "n", "{\"namespace\":\"n\"}"},
    {"execution.workflowId", "w", "{\"execution\":{\"workflowId\":\"w\"}}"},
    {"maximum_page_size", "7", "{\"maximumPageSize\":7}"},
    {"maximumPageSize", "x", "parsing field \"maximum_page_size\": strconv.ParseInt: parsing \"x\": invalid syntax"},
    {"maximumPageSize", "2147483648",
     "parsing field \"maximum_page_size\": strconv.ParseInt: parsing \"2147483648\": value out of range"},
    {"waitNewEvent", "t", "{\"waitNewEvent\":true}"},
    {"waitNewEvent", "yes", "parsing field \"wait_new_event\": strconv.ParseBool: parsing \"yes\": invalid syntax"},
    {"nextPageToken", "AAE=", "{\"nextPageToken\":\"AAE=\"}"},
    {"nextPageToken", "*", "parsing field \"next_page_token\": illegal base64 data at input byte 0"},
    {"historyEventFilterType", "2", "{\"historyEventFilterType\":\"HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT\"}"},
    {"historyEventFilterType", "HISTORY_EVENT_FILTER_TYPE_ALL_EVENT",
     "{\"historyEventFilterType\":\"HISTORY_EVENT_FILTER_TYPE_ALL_EVENT\"}"},
    {"historyEventFilterType", "9", "parsing field \"history_event_filter_type\": \"9\" is not a valid value"},
    {"execution", "x",
     "parsing field \"execution\": unsupported message type: \"temporal.api.common.v1.WorkflowExecution\""},
    {"namespace.x", "y", "invalid path: \"namespace\" is not a message"},
    {"bogus.x", "y", "{}"},
};

START_TEST(fields_are_set_by_path)
{
    PbGetWorkflowExecutionHistoryRequest *message = ARENA_NEW_PB(arena, PbGetWorkflowExecutionHistoryRequest);
    const char *wrong = field_path_set(arena, message, paths[_i].path, &paths[_i].value, 1);

    ck_assert_str_eq(wrong != NULL ? wrong : as_json(message, false), paths[_i].outcome);
}
END_TEST

START_TEST(a_field_has_one_value)
{
    static const char *const values[] = {"a", "b"};
    PbGetWorkflowExecutionHistoryRequest *message = ARENA_NEW_PB(arena, PbGetWorkflowExecutionHistoryRequest);

    ck_assert_str_eq(field_path_set(arena, message, "namespace", values, 2),
                     "too many values for field \"namespace\": a, b");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, texts_are_read_and_written);
    tcase_add_loop_test(tcase, bad_texts_are_refused, 0, (int)(sizeof(bad_texts) / sizeof(bad_texts[0])));
    tcase_add_test(tcase, depth_is_bounded);
    tcase_add_loop_test(tcase, numbers_are_as_short_as_can_be, 0, (int)(sizeof(numbers) / sizeof(numbers[0])));
    tcase_add_loop_test(tcase, messages_are_read_and_written, 0, (int)(sizeof(messages) / sizeof(messages[0])));
    tcase_add_loop_test(tcase, bad_messages_are_refused, 0, (int)(sizeof(bad_messages) / sizeof(bad_messages[0])));
    tcase_add_loop_test(tcase, payloads_have_a_short_form, 0, (int)(sizeof(shorthands) / sizeof(shorthands[0])));
    tcase_add_test(tcase, null_is_a_payload_of_nothing);
    tcase_add_test(tcase, what_is_not_json_stays_long);
    tcase_add_test(tcase, many_empty_messages_are_too_much);
    tcase_add_loop_test(tcase, fields_are_set_by_path, 0, (int)(sizeof(paths) / sizeof(paths[0])));
    tcase_add_test(tcase, a_field_has_one_value);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
