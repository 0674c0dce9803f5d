/* Messages are packed into the bytes that protobuf-c makes of them. */
#include "proto/pack.h"

#include <check.h>
#include <string.h>

#include "proto/pb.h"

enum { ROOM = 4096 };

static struct arena *arena;

static void make_arena(void)
{
    arena = arena_new(1024);
}

static void free_arena(void)
{
    arena_free(arena);
}

/* That `message` is packed as by protobuf-c, and not into a byte less. Returns its length. */
static size_t assert_same(const void *message)
{
    uint8_t expected[ROOM], room[ROOM], *end = room + sizeof(room);
    size_t len = protobuf_c_message_pack(message, expected);
    const uint8_t *packed = pack_backwards(message, room, end);

    ck_assert_ptr_nonnull(packed);
    ck_assert_uint_eq(end - packed, len);
    ck_assert_mem_eq(packed, expected, len);
    ck_assert_ptr_eq(pack_backwards(message, end - len, end), end - len);
    for (size_t less = 1; less <= len; less++)
        ck_assert_ptr_null(pack_backwards(message, end - len + less, end));
    return len;
}

static PbPayloads *payloads(size_t bytes)
{
    PbPayloads *made = ARENA_NEW_PB(arena, PbPayloads);

    made->payloads = ARENA_NEW_ARRAY(arena, PbPayload *, 2);
    for (; made->n_payloads < 2; made->n_payloads++) {
        PbPayload *payload = ARENA_NEW_PB(arena, PbPayload);
        PbPayloadMetadataEntry *entry = ARENA_NEW_PB(arena, PbPayloadMetadataEntry);

        entry->key = "encoding";
        entry->value = (ProtobufCBinaryData){4, arena_memdup(arena, "\0\1\2\3", 4)};
        payload->metadata = ARENA_NEW_ARRAY(arena, PbPayloadMetadataEntry *, 1);
        payload->metadata[payload->n_metadata++] = entry;
        payload->data = (ProtobufCBinaryData){bytes, arena_alloc(arena, bytes)};
        made->payloads[made->n_payloads] = payload;
    }
    return made;
}

START_TEST(messages_in_messages_and_lists)
{
    ck_assert_uint_eq(assert_same(ARENA_NEW_PB(arena, PbPayloads)), 0);
    assert_same(payloads(0));
    assert_same(payloads(100));
    assert_same(payloads(200)); /* lengths of two bytes */
}
END_TEST

START_TEST(one_of_many)
{
    PbHistoryEvent *event = ARENA_NEW_PB(arena, PbHistoryEvent);

    event->event_id = INT64_MAX;
    event->event_type = EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED;
    event->event_time = ARENA_NEW_PB(arena, PbTimestamp);
    event->event_time->seconds = -1; /* ten bytes */
    event->event_time->nanos = -5;
    event->worker_may_ignore = true;
    assert_same(event);
    event->attributes_case = PbHistoryEvent_workflow_execution_signaled_event_attributes_case;
    assert_same(event); /* says that it has what it has not */
    event->workflow_execution_signaled_event_attributes =
        ARENA_NEW_PB(arena, PbWorkflowExecutionSignaledEventAttributes);
    assert_same(event);
    event->workflow_execution_signaled_event_attributes->signal_name = "s";
    event->workflow_execution_signaled_event_attributes->input = payloads(3);
    assert_same(event);
    event->attributes_case = PbHistoryEvent_workflow_execution_started_event_attributes_case; /* the first of them */
    event->workflow_execution_started_event_attributes = ARENA_NEW_PB(arena, PbWorkflowExecutionStartedEventAttributes);
    event->workflow_execution_started_event_attributes->attempt = 3;
    assert_same(event);
}
END_TEST

START_TEST(scalars)
{
    static const double numbers[] = {0, -0.0, 1, -1.5, 1e300};
    PbTaskQueueStats *stats = ARENA_NEW_PB(arena, PbTaskQueueStats);
    PbResetWorkflowExecutionRequest *reset = ARENA_NEW_PB(arena, PbResetWorkflowExecutionRequest);
    PbResetReapplyExcludeType types[] = {1, 2, 300, 0, (PbResetReapplyExcludeType)-1};
    PbPriority *priority = ARENA_NEW_PB(arena, PbPriority);

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        stats->tasks_add_rate = (float)numbers[i];
        assert_same(stats);
    }
    reset->reset_reapply_exclude_types = types;
    reset->n_reset_reapply_exclude_types = sizeof(types) / sizeof(types[0]);
    assert_same(reset);
    priority->priority_key = -7;
    priority->fairness_weight = 0.5f;
    assert_same(priority);
}
END_TEST

START_TEST(unknown_fields_come_last)
{
    PbWorkflowExecution *execution = ARENA_NEW_PB(arena, PbWorkflowExecution);
    const PbWorkflowType *other;
    struct bytes packed;

    execution->workflow_id = "w";
    execution->run_id = "r";
    packed = pb_pack(arena, execution);
    other = pb_unpack(arena, &PbWorkflowType_descriptor, packed.data, packed.len);
    ck_assert_uint_eq(other->base.n_unknown_fields, 1);
    ck_assert_uint_eq(assert_same(other), packed.len);
}
END_TEST

START_TEST(what_is_larger_than_usual_packs_too)
{
    PbPayloads *large = payloads(100000);
    struct bytes packed = pb_pack_with_room(arena, large, 5, 3);
    const PbPayloads *read = pb_unpack(arena, &PbPayloads_descriptor, packed.data, packed.len);

    ck_assert_ptr_nonnull(read);
    ck_assert_uint_eq(read->payloads[1]->data.len, 100000);
    memset((uint8_t *)(uintptr_t)packed.data - 5, 0xff, 5); /* the room is there */
    memset((uint8_t *)(uintptr_t)packed.data + packed.len, 0xff, 3);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("pack");
    Suite *suite = suite_create("proto/pack");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(cases, make_arena, free_arena);
    tcase_add_test(cases, messages_in_messages_and_lists);
    tcase_add_test(cases, one_of_many);
    tcase_add_test(cases, scalars);
    tcase_add_test(cases, unknown_fields_come_last);
    tcase_add_test(cases, what_is_larger_than_usual_packs_too);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
