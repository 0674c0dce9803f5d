/* Messages of JSON that chance has spoilt: reading them ends well, and what was read is written and read again as the
 * same. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "proto/api.h"
#include "proto/json_message.h"
#include "proto/pb.h"
#include "proto/scan.h"

enum { ROUNDS = 200000, CHANGES_MAX = 2, TEXT_BYTES_MAX = 2048 };

static const struct {
    const ProtobufCMessageDescriptor *type;
    const char *text;
} seeds[] = {
    {&PbStartWorkflowExecutionRequest_descriptor,
     "{\"workflowType\":{\"name\":\"T\"},\"taskQueue\":{\"name\":\"q\",\"kind\":\"TASK_QUEUE_KIND_NORMAL\"},\"input\":["
     "1,\"a\\u00fc\\ud83d\\ude00\",{\"metadata\":{\"encoding\":\"YQ==\"},\"data\":\"AAEC\"},null,{\"_"
     "protoMessageType\":"
     "\"a.B\",\"c\":[true,-1.5e3]}],\"workflowRunTimeout\":\"1.5s\",\"memo\":{\"fields\":{\"k\":{\"x\":1}}},"
     "\"priority\":{\"priorityKey\":3,\"fairnessWeight\":1.25},\"requestEagerExecution\":true}"},
    {&PbHistoryEvent_descriptor,
     "{\"eventId\":\"12\",\"eventTime\":\"2026-01-02T03:04:05.678Z\",\"eventType\":\"EVENT_TYPE_TIMER_FIRED\","
     "\"timerFiredEventAttributes\":{\"timerId\":\"t\",\"startedEventId\":\"5\"},\"userMetadata\":{\"summary\":\"s\"}"
     "}"},
    {&PbUpdateWorkflowExecutionOptionsRequest_descriptor,
     "{\"workflowExecutionOptions\":{\"versioningOverride\":{\"autoUpgrade\":true}},\"updateMask\":"
     "\"versioningOverride,a\"}"},
    {&PbStatus_descriptor,
     "{\"code\":5,\"message\":\"m\",\"details\":[{\"@type\":\"x/temporal.api.errordetails.v1.NotFoundFailure\","
     "\"currentCluster\":\"c\"},{\"@type\":\"x/google.protobuf.Duration\",\"value\":\"3s\"}]}"},
};

/* Changes a few bytes: other ones, none, twice, or a piece of elsewhere. */
static size_t spoil(struct rand *rand, char *text, size_t len)
{
    static const char likely[] = "{}[]\",:\\0123456789.-+eEtfnulx \n\xc3\xff";

    for (uint64_t changes = 1 + rand_below(rand, CHANGES_MAX); changes > 0 && len > 1; changes--) {
        size_t at = rand_below(rand, len), piece = 1 + rand_below(rand, 16), from = rand_below(rand, len);

        piece = piece > len - at ? len - at : piece;
        switch (rand_below(rand, 4)) {
        case 0:
            text[at] = likely[rand_below(rand, sizeof(likely) - 1)];
            break;
        case 1:
            memmove(text + at, text + at + piece, len - at - piece);
            len -= piece;
            break;
        case 2:
            if (len + piece > TEXT_BYTES_MAX)
                break;
            memmove(text + at + piece, text + at, len - at);
            len += piece;
            break;
        default:
            memmove(text + at, text + from, piece > len - from ? len - from : piece);
            break;
        }
    }
    return len;
}

static struct buffer write(struct arena *arena, const void *message, bool shorthand)
{
    struct json_writer writer = {.pretty = false};

    json_message_write(&writer, arena, message, shorthand);
    return writer.out;
}

/* What was read has the bounds of a message that was scanned, and survives a round; but in short, a payload that has no
 * data and is not binary/null looks like JSON: that is how the real server has it. */
static void check_message(struct arena *arena, const ProtobufCMessageDescriptor *type, const void *message,
                          bool shorthand)
{
    struct bytes packed = pb_pack(arena, message);
    struct buffer first = write(arena, message, shorthand), second;
    void *again;
    const char *wrong = json_message_read(arena, type, (struct bytes){first.data, first.len}, shorthand, &again);

    ck_assert_int_eq(scan_message(type, packed.data, packed.len, NULL, NULL), SCAN_OK);
    ck_assert_msg(wrong == NULL, "%s: %.*s", wrong, (int)first.len, (const char *)first.data);
    second = write(arena, again, shorthand);
    ck_assert_msg(shorthand || (first.len == second.len && memcmp(first.data, second.data, first.len) == 0),
                  "%.*s became %.*s", (int)first.len, (const char *)first.data, (int)second.len,
                  (const char *)second.data);
    buffer_free(&first);
    buffer_free(&second);
}

START_TEST(what_chance_has_spoilt_does_no_harm)
{
    struct rand *rand = rand_new((uint64_t)_i + 1);
    struct arena *arena = arena_new(64 * 1024);
    int good = 0;

    for (int i = 0; i < ROUNDS / 4; i++) {
        char text[TEXT_BYTES_MAX];
        size_t len = strlen(seeds[_i].text);
        bool shorthand = rand_below(rand, 2) == 0;
        void *message;

        memcpy(text, seeds[_i].text, len);
        len = spoil(rand, text, len);
        if (json_message_read(arena, seeds[_i].type, (struct bytes){(const uint8_t *)text, len}, shorthand, &message) ==
            NULL) {
            check_message(arena, seeds[_i].type, message, shorthand);
            good++;
        }
        arena_reset(arena);
    }
    ck_assert_int_gt(good, 100); /* or it would show little */
    arena_free(arena);
    rand_free(rand);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_random");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tcase, what_chance_has_spoilt_does_no_harm, 0, (int)(sizeof(seeds) / sizeof(seeds[0])));
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
