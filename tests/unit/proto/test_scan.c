/* The scan of foreign bytes before they are unpacked: what it refuses, and that what it lets through unpacks within
 * bounds. */
#include "proto/scan.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/rand.h"
#include "proto/pb.h"

/* Field numbers of the messages that these tests write by hand. */
enum { FAILURE_MESSAGE = 1, FAILURE_CAUSE = 4, PAYLOADS_PAYLOADS = 1, EXECUTION_WORKFLOW_ID = 1, UNKNOWN_FIELD = 9999 };

enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, GROUP_START = 3, GROUP_END = 4, FIXED32 = 5 };

static void put_varint(struct buffer *out, uint64_t value)
{
    for (; value > 0x7F; value >>= 7)
        buffer_append_byte(out, (uint8_t)(value | 0x80));
    buffer_append_byte(out, (uint8_t)value);
}

static void put_tag(struct buffer *out, uint64_t number, unsigned wire)
{
    put_varint(out, number << 3 | wire);
}

static void put_field(struct buffer *out, uint64_t number, const void *data, size_t len)
{
    put_tag(out, number, LENGTH);
    put_varint(out, len);
    buffer_append(out, data, len);
}

static enum scan_result scan_buffer(const ProtobufCMessageDescriptor *type, const struct buffer *bytes)
{
    return scan_message(type, bytes->data, bytes->len, NULL, NULL);
}

/* Scans; what is let through must unpack, and in no more memory than said (SC1). */
static enum scan_result scan_and_unpack(const ProtobufCMessageDescriptor *type, const void *data, size_t len)
{
    struct arena *arena = arena_new(64);
    struct scan_report report;
    enum scan_result result = scan_message(type, data, len, NULL, &report);

    if (result == SCAN_OK) {
        ck_assert_ptr_nonnull(pb_unpack(arena, type, data, len));
        ck_assert_uint_eq(report.offset, len);
#if defined(__SANITIZE_ADDRESS__) /* then an arena allocates exactly what it is asked for */
        ck_assert_uint_le(arena_bytes_held(arena), report.unpacked_bytes);
#endif
    }
    arena_free(arena);
    return result;
}

/* A message with some of everything: maps, oneofs, nesting, repeated scalars, bytes, text beyond ASCII. */
static struct bytes rich_message(struct arena *arena)
{
    PbStartWorkflowExecutionRequest *start = ARENA_NEW_PB(arena, PbStartWorkflowExecutionRequest);
    PbMemoFieldsEntry *entry = ARENA_NEW_PB(arena, PbMemoFieldsEntry);
    PbPayload *payload = ARENA_NEW_PB(arena, PbPayload);
    static const char json[] = "\"Grüße, 世界 🎵\"";

    payload->data = (ProtobufCBinaryData){.data = arena_memdup(arena, json, strlen(json)), .len = strlen(json)};
    entry->key = "clé";
    entry->value = payload;
    start->namespace_ = "default";
    start->workflow_id = "order-1";
    start->workflow_type = ARENA_NEW_PB(arena, PbWorkflowType);
    start->workflow_type->name = "Bestellung für 世界";
    start->input = ARENA_NEW_PB(arena, PbPayloads);
    start->input->n_payloads = 3;
    start->input->payloads = ARENA_NEW_ARRAY(arena, PbPayload *, 3);
    for (size_t i = 0; i < 3; i++)
        start->input->payloads[i] = payload;
    start->memo = ARENA_NEW_PB(arena, PbMemo);
    start->memo->n_fields = 1;
    start->memo->fields = ARENA_NEW_ARRAY(arena, PbMemoFieldsEntry *, 1);
    start->memo->fields[0] = entry;
    start->workflow_execution_timeout = ARENA_NEW_PB(arena, PbDuration);
    start->workflow_execution_timeout->seconds = -1;
    return pb_pack(arena, start);
}

START_TEST(accepts_an_empty_message)
{
    ck_assert_int_eq(scan_and_unpack(&PbGetSystemInfoRequest_descriptor, NULL, 0), SCAN_OK);
}
END_TEST

START_TEST(accepts_a_rich_message_and_counts_its_memory)
{
    struct arena *arena = arena_new(1024);
    struct bytes packed = rich_message(arena);

    ck_assert_int_eq(scan_and_unpack(&PbStartWorkflowExecutionRequest_descriptor, packed.data, packed.len), SCAN_OK);
    arena_free(arena);
}
END_TEST

/* At every length that cuts a field the result is MALFORMED; between fields it is a shorter message. */
START_TEST(truncation_at_every_byte_never_passes_what_does_not_unpack)
{
    struct arena *arena = arena_new(1024);
    struct bytes packed = rich_message(arena);
    size_t malformed = 0;

    for (size_t len = 0; len < packed.len; len++) {
        uint8_t *exact = malloc(len + 1); /* so that reading one byte too many is caught */

        memcpy(exact, packed.data, len);
        malformed += scan_and_unpack(&PbStartWorkflowExecutionRequest_descriptor, exact, len) == SCAN_MALFORMED;
        free(exact);
    }
    ck_assert_uint_gt(malformed, packed.len * 8 / 10);
    arena_free(arena);
}
END_TEST

START_TEST(any_changed_byte_is_refused_or_unpacks)
{
    struct arena *arena = arena_new(1024);
    struct bytes packed = rich_message(arena);
    struct rand *rand = rand_new(7);

    for (int round = 0; round < 20000; round++) {
        uint8_t *changed = arena_memdup(arena, packed.data, packed.len);

        for (uint64_t changes = 1 + rand_below(rand, 4); changes > 0; changes--)
            changed[rand_below(rand, packed.len)] = (uint8_t)rand_bits(rand);
        scan_and_unpack(&PbStartWorkflowExecutionRequest_descriptor, changed, packed.len);
        if (round % 256 == 0) {
            arena_reset(arena);
            packed = rich_message(arena);
        }
    }
    rand_free(rand);
    arena_free(arena);
}
END_TEST

/* Bytes that are no message, whatever the type. */
static const struct {
    const char *what, *bytes;
    size_t len;
} malformed[] = {
#define BYTES(text) text, sizeof(text) - 1
    {"field number 0", BYTES("\x02\x00")},
    {"field number beyond 2^29 - 1", BYTES("\x80\x80\x80\x80\x10\x00")},
    {"tag of six bytes", BYTES("\x88\x80\x80\x80\x80\x00\x00")},
    {"tag without end", BYTES("\xFF\xFF")},
    {"no value", BYTES("\x08")},
    {"varint of eleven bytes", BYTES("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")},
    {"varint of 65 bits", BYTES("\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02")},
    {"varint without end", BYTES("\x08\x80")},
    {"length beyond the end", BYTES("\x1A\x05\x61\x62\x63\x64")},
    {"length of 4 GiB", BYTES("\x1A\xFF\xFF\xFF\xFF\x0F\x61")},
    {"length of six bytes", BYTES("\x1A\x81\x80\x80\x80\x80\x00\x61")},
    {"length without end", BYTES("\x1A\x80")},
    {"start of a group", BYTES("\x0B\x0C")},
    {"unknown group", BYTES("\xA3\x06\xA4\x06")},
    {"end of a group", BYTES("\x0C")},
    {"wire type 6", BYTES("\x0E\x00")},
    {"wire type 7", BYTES("\x0F\x00")},
    {"32 bits cut", BYTES("\xA5\x06\x00\x00\x00")},
    {"64 bits cut", BYTES("\xA1\x06\x00\x00\x00\x00\x00\x00\x00")},
    {"string as varint", BYTES("\x1A\x00\x18\x01")},
    {"varint as string", BYTES("\x0A\x01\x61")},
#undef BYTES
};

/* google.rpc.Status: int32 code = 1, string message = 2, repeated Any details = 3 - read as a type with code = 1. */
START_TEST(refuses_what_is_malformed)
{
    const uint8_t *data = (const uint8_t *)malformed[_i].bytes;

    ck_assert_msg(scan_and_unpack(&PbStatus_descriptor, data, malformed[_i].len) == SCAN_MALFORMED, "%s",
                  malformed[_i].what);
}
END_TEST

START_TEST(accepts_a_varint_of_ten_bytes)
{
    static const uint8_t minus_one[] = {0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01};
    static const uint8_t padded[] = {0x88, 0x80, 0x00, 0x81, 0x80, 0x80, 0x80, 0x00};

    ck_assert_int_eq(scan_and_unpack(&PbStatus_descriptor, minus_one, sizeof(minus_one)), SCAN_OK);
    ck_assert_int_eq(scan_and_unpack(&PbStatus_descriptor, padded, sizeof(padded)), SCAN_OK);
}
END_TEST

START_TEST(keeps_unknown_fields_of_every_wire_type)
{
    struct buffer bytes = {0};

    put_tag(&bytes, UNKNOWN_FIELD, VARINT);
    put_varint(&bytes, UINT64_MAX);
    put_tag(&bytes, UNKNOWN_FIELD, FIXED64);
    buffer_append(&bytes, "12345678", 8);
    put_field(&bytes, UNKNOWN_FIELD, "\xFF\xFE not text", 11); /* nobody knows that it is a string */
    put_tag(&bytes, UNKNOWN_FIELD, FIXED32);
    buffer_append(&bytes, "1234", 4);
    ck_assert_int_eq(scan_and_unpack(&PbStatus_descriptor, bytes.data, bytes.len), SCAN_OK);
    buffer_free(&bytes);
}
END_TEST

/* A Failure with `depth - 1` causes below it, and so `depth` levels. Written from the inside out, back to front. */
static struct buffer nested_failure(size_t depth)
{
    struct buffer forward = {0};
    size_t capacity = depth * 7, at = capacity;
    uint8_t *back = malloc(capacity);

    for (size_t level = 1; level < depth; level++) {
        struct buffer head = {0};

        put_tag(&head, FAILURE_CAUSE, LENGTH);
        put_varint(&head, capacity - at);
        at -= head.len;
        memcpy(back + at, head.data, head.len);
        buffer_free(&head);
    }
    buffer_append(&forward, back + at, capacity - at);
    free(back);
    return forward;
}

START_TEST(nesting_is_bounded)
{
    static const struct {
        size_t depth;
        enum scan_result result;
    } cases[] = {
        {1, SCAN_OK},
        {2, SCAN_OK},
        {SCAN_DEPTH_MAX, SCAN_OK},
        {SCAN_DEPTH_MAX + 1, SCAN_TOO_DEEP},
        {100000, SCAN_TOO_DEEP},
    };
    struct buffer bytes = nested_failure(cases[_i].depth);

    ck_assert_int_eq(scan_and_unpack(&PbFailure_descriptor, bytes.data, bytes.len), cases[_i].result);
    buffer_free(&bytes);
}
END_TEST

START_TEST(nesting_bound_can_be_lower)
{
    struct scan_limits limits = scan_limits_default;
    struct buffer bytes = nested_failure(10);

    limits.depth_max = 10;
    ck_assert_int_eq(scan_message(&PbFailure_descriptor, bytes.data, bytes.len, &limits, NULL), SCAN_OK);
    limits.depth_max = 9;
    ck_assert_int_eq(scan_message(&PbFailure_descriptor, bytes.data, bytes.len, &limits, NULL), SCAN_TOO_DEEP);
    buffer_free(&bytes);
}
END_TEST

static const struct {
    const char *text;
    enum scan_result result;
} texts[] = {
    {"", SCAN_OK},
    {"plain ASCII, longer than eight bytes", SCAN_OK},
    {"\x7F", SCAN_OK},
    {"\xC2\x80 \xDF\xBF", SCAN_OK},                 /* U+0080, U+07FF */
    {"\xE0\xA0\x80 \xEF\xBF\xBF", SCAN_OK},         /* U+0800, U+FFFF */
    {"\xED\x9F\xBF \xEE\x80\x80", SCAN_OK},         /* either side of the surrogates */
    {"\xF0\x90\x80\x80 \xF4\x8F\xBF\xBF", SCAN_OK}, /* U+10000, U+10FFFF */
    {"seven..\xC3\xA4 across a word", SCAN_OK},
    {"\x80", SCAN_INVALID_UTF8}, /* continuation alone */
    {"\xBF", SCAN_INVALID_UTF8},
    {"12345678\x80", SCAN_INVALID_UTF8},
    {"\xC0\x80", SCAN_INVALID_UTF8}, /* overlong NUL */
    {"\xC1\xBF", SCAN_INVALID_UTF8},
    {"\xE0\x80\x80", SCAN_INVALID_UTF8},
    {"\xE0\x9F\xBF", SCAN_INVALID_UTF8},
    {"\xF0\x80\x80\x80", SCAN_INVALID_UTF8},
    {"\xF0\x8F\xBF\xBF", SCAN_INVALID_UTF8},
    {"\xED\xA0\x80", SCAN_INVALID_UTF8},     /* U+D800 */
    {"\xED\xBF\xBF", SCAN_INVALID_UTF8},     /* U+DFFF */
    {"\xF4\x90\x80\x80", SCAN_INVALID_UTF8}, /* U+110000 */
    {"\xF5\x80\x80\x80", SCAN_INVALID_UTF8},
    {"\xFE", SCAN_INVALID_UTF8},
    {"\xFF", SCAN_INVALID_UTF8},
    {"\xC3", SCAN_INVALID_UTF8}, /* cut */
    {"\xE2\x82", SCAN_INVALID_UTF8},
    {"\xF0\x9F\x8E", SCAN_INVALID_UTF8},
    {"\xC3\x28", SCAN_INVALID_UTF8}, /* continuation missing */
    {"\xE2\x28\xA1", SCAN_INVALID_UTF8},
    {"\xE2\x82\x28", SCAN_INVALID_UTF8},
    {"\xF0\x9F\x8E\x28", SCAN_INVALID_UTF8},
};

START_TEST(text_is_utf8)
{
    const char *text = texts[_i].text;
    struct buffer bytes = {0}, entry = {0}, metadata = {0};

    put_field(&bytes, EXECUTION_WORKFLOW_ID, text, strlen(text));
    ck_assert_int_eq(scan_and_unpack(&PbWorkflowExecution_descriptor, bytes.data, bytes.len), texts[_i].result);
    /* The key of a map; its value is bytes, which may be anything. */
    put_field(&entry, 1, text, strlen(text));
    put_field(&entry, 2, "\xFF", 1);
    put_field(&metadata, 1, entry.data, entry.len);
    ck_assert_int_eq(scan_and_unpack(&PbPayload_descriptor, metadata.data, metadata.len), texts[_i].result);
    buffer_free(&bytes);
    buffer_free(&entry);
    buffer_free(&metadata);
}
END_TEST

START_TEST(a_nul_in_text_is_told_apart_and_located)
{
    struct buffer bytes = {0};
    struct scan_report report;

    put_field(&bytes, EXECUTION_WORKFLOW_ID, "a\0b", 3);
    ck_assert_int_eq(scan_message(&PbWorkflowExecution_descriptor, bytes.data, bytes.len, NULL, &report),
                     SCAN_NUL_IN_STRING);
    ck_assert_str_eq(report.field->name, "workflow_id");
    ck_assert_ptr_eq(report.type, &PbWorkflowExecution_descriptor);
    ck_assert_uint_eq(report.offset, 2);
    buffer_free(&bytes);
}
END_TEST

/* 4 MiB of empty payloads, of two bytes each, would be 200 MB. */
START_TEST(element_bombs_are_refused)
{
    struct buffer bytes = {0};

    for (size_t i = 0; i < 2 * 1024 * 1024; i++)
        put_field(&bytes, PAYLOADS_PAYLOADS, NULL, 0);
    ck_assert_int_eq(scan_buffer(&PbPayloads_descriptor, &bytes), SCAN_TOO_LARGE);
    bytes.len = 1000; /* a few of them are fine */
    ck_assert_int_eq(scan_and_unpack(&PbPayloads_descriptor, bytes.data, bytes.len), SCAN_OK);
    buffer_free(&bytes);
}
END_TEST

/* One message field, again and again: protobuf-c merges each with all before it, which costs quadratic memory. */
START_TEST(merge_bombs_are_refused)
{
    struct buffer bytes = {0}, payloads = {0};

    put_field(&payloads, PAYLOADS_PAYLOADS, NULL, 0);
    for (size_t i = 0; i < 100 * 1000; i++)
        put_field(&bytes, 5, payloads.data, payloads.len); /* StartWorkflowExecutionRequest.input */
    ck_assert_int_eq(scan_buffer(&PbStartWorkflowExecutionRequest_descriptor, &bytes), SCAN_TOO_LARGE);
    bytes.len = 10 * (payloads.len + 2); /* two encodings in a row are one message to protobuf, so a few are fine */
    ck_assert_int_eq(scan_and_unpack(&PbStartWorkflowExecutionRequest_descriptor, bytes.data, bytes.len), SCAN_OK);
    buffer_free(&bytes);
    buffer_free(&payloads);
}
END_TEST

/* The densest that a worker sends: many small commands. It has to stay far from the bound. */
START_TEST(dense_but_honest_messages_pass)
{
    struct arena *arena = arena_new(65536);
    enum { COMMANDS = 20000 };
    PbRespondWorkflowTaskCompletedRequest *done = ARENA_NEW_PB(arena, PbRespondWorkflowTaskCompletedRequest);
    struct scan_report report;
    struct bytes packed;

    done->n_commands = COMMANDS;
    done->commands = ARENA_NEW_ARRAY(arena, PbCommand *, COMMANDS);
    for (size_t i = 0; i < COMMANDS; i++) {
        PbCommand *command = ARENA_NEW_PB(arena, PbCommand);
        PbStartTimerCommandAttributes *timer = ARENA_NEW_PB(arena, PbStartTimerCommandAttributes);

        timer->timer_id = "1";
        timer->start_to_fire_timeout = ARENA_NEW_PB(arena, PbDuration);
        timer->start_to_fire_timeout->seconds = 1;
        command->command_type = COMMAND_TYPE_START_TIMER;
        command->attributes_case = PbCommand_start_timer_command_attributes_case;
        command->start_timer_command_attributes = timer;
        done->commands[i] = command;
    }
    packed = pb_pack(arena, done);
    ck_assert_int_eq(
        scan_message(&PbRespondWorkflowTaskCompletedRequest_descriptor, packed.data, packed.len, NULL, &report),
        SCAN_OK);
    ck_assert_uint_lt(report.unpacked_bytes, packed.len * SCAN_UNPACKED_BYTES_PER_BYTE * 3 / 4);
    arena_free(arena);
}
END_TEST

START_TEST(every_result_has_a_text)
{
    for (enum scan_result result = SCAN_OK; result <= SCAN_NUL_IN_STRING; result++)
        ck_assert_str_ne(scan_result_text(result), "unknown");
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    TCase *cases = tcase_create("scan");
    Suite *suite = suite_create("proto/scan");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, accepts_an_empty_message);
    tcase_add_test(cases, accepts_a_rich_message_and_counts_its_memory);
    tcase_add_test(cases, truncation_at_every_byte_never_passes_what_does_not_unpack);
    tcase_add_test(cases, any_changed_byte_is_refused_or_unpacks);
    tcase_add_loop_test(cases, refuses_what_is_malformed, 0, COUNT(malformed));
    tcase_add_test(cases, accepts_a_varint_of_ten_bytes);
    tcase_add_test(cases, keeps_unknown_fields_of_every_wire_type);
    tcase_add_loop_test(cases, nesting_is_bounded, 0, 5);
    tcase_add_test(cases, nesting_bound_can_be_lower);
    tcase_add_loop_test(cases, text_is_utf8, 0, COUNT(texts));
    tcase_add_test(cases, a_nul_in_text_is_told_apart_and_located);
    tcase_add_test(cases, element_bombs_are_refused);
    tcase_add_test(cases, merge_bombs_are_refused);
    tcase_add_test(cases, dense_but_honest_messages_pass);
    tcase_add_test(cases, every_result_has_a_text);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
