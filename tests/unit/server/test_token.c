/* Tokens come back from anywhere: what we made is read, anything else is refused without harm. */
#include <check.h>
#include <string.h>

#include "base/rand.h"
#include "proto/pb.h"
#include "server/engine/token.h"

static struct arena *arena;

static void set_up(void)
{
    arena = arena_new(4096);
}

static void tear_down(void)
{
    arena_free(arena);
}

static ProtobufCBinaryData binary(const void *data, size_t len)
{
    return (ProtobufCBinaryData){.len = len, .data = arena_memdup(arena, data, len)};
}

static PbTaskToken *task_token(void)
{
    PbTaskToken *token = ARENA_NEW_PB(arena, PbTaskToken);

    token->run = 7;
    token->run_id = binary("0123456789abcdef", UUID_BYTES);
    token->scheduled_event_id = 5;
    token->started_event_id = 6;
    token->attempt = 2;
    token->started_time = 123456789;
    token->stamp = 9;
    return token;
}

START_TEST(task_token_round_trip)
{
    ProtobufCBinaryData packed = task_token_encode(arena, task_token());
    const PbTaskToken *token = task_token_decode(arena, &packed);

    ck_assert_ptr_nonnull(token);
    ck_assert_int_eq(token->run, 7);
    ck_assert_int_eq(token->scheduled_event_id, 5);
    ck_assert_int_eq(token->started_event_id, 6);
    ck_assert_int_eq(token->attempt, 2);
    ck_assert_int_eq(token->started_time, 123456789);
    ck_assert_int_eq(token->stamp, 9);
    ck_assert_mem_eq(token->run_id.data, "0123456789abcdef", UUID_BYTES);
    ck_assert_str_eq(token->query_id, "");
}
END_TEST

START_TEST(query_token_round_trip)
{
    PbTaskToken *token = ARENA_NEW_PB(arena, PbTaskToken);
    ProtobufCBinaryData packed;

    token->query_id = "q";
    packed = task_token_encode(arena, token);
    token = task_token_decode(arena, &packed);
    ck_assert_ptr_nonnull(token);
    ck_assert_str_eq(token->query_id, "q");
}
END_TEST

START_TEST(token_of_an_activity_by_its_id_round_trip)
{
    PbTaskToken *token = ARENA_NEW_PB(arena, PbTaskToken);
    ProtobufCBinaryData packed;

    token->namespace_name = "ns";
    token->workflow_id = "w";
    token->activity_id = "a";
    packed = task_token_encode(arena, token);
    token = task_token_decode(arena, &packed);
    ck_assert_ptr_nonnull(token);
    ck_assert_int_eq(token->run, 0);
    ck_assert_uint_eq(token->run_id.len, 0);
    ck_assert_str_eq(token->activity_id, "a");
}
END_TEST

START_TEST(page_token_round_trip)
{
    PbHistoryPageToken *token = ARENA_NEW_PB(arena, PbHistoryPageToken);
    ProtobufCBinaryData packed;

    token->run_id = binary("0123456789abcdef", UUID_BYTES);
    token->next_event_id = 12;
    token->was_open = true;
    packed = page_token_encode(arena, token);
    token = page_token_decode(arena, &packed);
    ck_assert_ptr_nonnull(token);
    ck_assert_int_eq(token->next_event_id, 12);
    ck_assert(token->was_open);
    ck_assert_ptr_null(task_token_decode(arena, &packed)); /* one kind is not mistaken for the other */
}
END_TEST

START_TEST(cut_tokens_are_refused_or_whole)
{
    ProtobufCBinaryData packed = task_token_encode(arena, task_token());

    for (size_t len = 0; len < packed.len; len++) {
        ProtobufCBinaryData cut = binary(packed.data, len);
        const PbTaskToken *token = task_token_decode(arena, &cut);

        /* A cut between two fields leaves a well-formed message; its run, event and run id must all be there then. */
        if (token != NULL) {
            ck_assert_int_eq(token->run, 7);
            ck_assert_int_eq(token->scheduled_event_id, 5);
            ck_assert_uint_eq(token->run_id.len, UUID_BYTES);
        }
    }
}
END_TEST

static const struct {
    const char *data;
    size_t len;
} GARBAGE[] = {
    {"", 0},
    {"x", 1},
    {"xx", 2}, /* an unknown field and nothing else */
    {"not a token at all", 18},
    {"\x08\x07", 2},                                      /* a run without a run id */
    {"\x08\x07\x10\x05\x4a\x03zzz", 9},                   /* a run id that is too short */
    {"\x08\x07\x10\x05\x4a\x7f", 6},                      /* a length beyond the end */
    {"\x0b\x0c", 2},                                      /* a group */
    {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11}, /* a tag without end */
    {"\x5a\x02\xc3\x28", 4},                              /* a query id that is not UTF-8 */
    {"\x5a\x01\x00", 3},                                  /* a query id that is a NUL */
    {"\x00", 1},
};

START_TEST(garbage_is_refused)
{
    ProtobufCBinaryData data = binary(GARBAGE[_i].data, GARBAGE[_i].len);

    ck_assert_ptr_null(task_token_decode(arena, &data));
    ck_assert_ptr_null(page_token_decode(arena, &data));
}
END_TEST

START_TEST(impossible_numbers_are_refused)
{
    static const int64_t run[] = {0, -1, 7, 7, 7}, event[] = {5, 5, 0, -3, 5};
    static const int32_t attempt[] = {1, 1, 1, 1, -1};

    for (size_t i = 0; i < sizeof(run) / sizeof(run[0]); i++) {
        PbTaskToken *token = task_token();
        struct bytes packed;
        ProtobufCBinaryData data;

        token->run = run[i];
        token->scheduled_event_id = event[i];
        token->attempt = attempt[i];
        packed = pb_pack(arena, token);
        data = binary(packed.data, packed.len);
        ck_assert_ptr_null(task_token_decode(arena, &data));
    }
}
END_TEST

START_TEST(huge_tokens_are_refused)
{
    PbTaskToken *token = task_token();
    size_t len = 1 << 20;
    char *text = arena_alloc_raw(arena, len + 1);
    struct bytes packed;
    ProtobufCBinaryData data;

    memset(text, 'a', len);
    text[len] = '\0';
    token->workflow_id = text;
    packed = pb_pack(arena, token);
    data = binary(packed.data, packed.len);
    ck_assert_ptr_null(task_token_decode(arena, &data));
}
END_TEST

START_TEST(random_bytes_do_no_harm)
{
    struct rand *rand = rand_new(41);

    for (int i = 0; i < 20000; i++) {
        uint8_t noise[64];
        size_t len = rand_below(rand, sizeof(noise));
        ProtobufCBinaryData data;

        for (size_t at = 0; at < len; at++)
            noise[at] = (uint8_t)rand_bits(rand);
        data = binary(noise, len);
        ck_assert_ptr_null(page_token_decode(arena, &data));
        (void)task_token_decode(arena, &data); /* may by chance be a query's: then it is one that nobody waits for */
        arena_reset(arena);
    }
    rand_free(rand);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("token");
    TCase *tcase = tcase_create("token");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, task_token_round_trip);
    tcase_add_test(tcase, query_token_round_trip);
    tcase_add_test(tcase, token_of_an_activity_by_its_id_round_trip);
    tcase_add_test(tcase, page_token_round_trip);
    tcase_add_test(tcase, cut_tokens_are_refused_or_whole);
    tcase_add_loop_test(tcase, garbage_is_refused, 0, sizeof(GARBAGE) / sizeof(GARBAGE[0]));
    tcase_add_test(tcase, impossible_numbers_are_refused);
    tcase_add_test(tcase, huge_tokens_are_refused);
    tcase_add_test(tcase, random_bytes_do_no_harm);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
