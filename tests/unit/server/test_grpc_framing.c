/* The codecs of gRPC's HTTP/2 mapping, and the token bucket. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "server/grpc/framing.h"
#include "server/grpc/gzip.h"
#include "server/grpc/token_bucket.h"

static struct arena *arena;

static void set_up(void)
{
    arena = arena_new(1024);
}

static void tear_down(void)
{
    arena_free(arena);
}

/* --- message reader --- */

/* Two messages, "abc" and a compressed empty one, then the beginning of a third, cut at every distance. */
START_TEST(messages_come_in_pieces_of_any_size)
{
    static const uint8_t wire[] = {0, 0, 0, 0, 3, 'a', 'b', 'c', 1, 0, 0, 0, 0, 0, 0, 0};
    struct message_reader reader = {.prefix_len = 0};
    struct bytes message;
    size_t step = (size_t)_i, seen = 0;
    bool compressed;

    for (size_t at = 0; at < sizeof(wire); at += step) {
        struct bytes piece = {wire + at, at + step <= sizeof(wire) ? step : sizeof(wire) - at};

        while (message_reader_take(&reader, &piece, &message, &compressed) == MESSAGE_COMPLETE) {
            ck_assert_int_eq(compressed, seen == 1);
            ck_assert_uint_eq(message.len, seen == 0 ? 3 : 0);
            if (seen == 0)
                ck_assert_mem_eq(message.data, "abc", 3);
            seen++;
        }
        ck_assert_uint_eq(piece.len, 0);
    }
    ck_assert_uint_eq(seen, 2);
    ck_assert(message_reader_is_midway(&reader));
    message_reader_free(&reader);
}
END_TEST

START_TEST(a_whole_message_is_not_copied)
{
    static const uint8_t wire[] = {0, 0, 0, 0, 2, 'h', 'i'};
    struct message_reader reader = {.prefix_len = 0};
    struct bytes piece = {wire, sizeof(wire)}, message;
    bool compressed;

    ck_assert_int_eq(message_reader_take(&reader, &piece, &message, &compressed), MESSAGE_COMPLETE);
    ck_assert_ptr_eq(message.data, wire + MESSAGE_PREFIX_BYTES);
    ck_assert(!message_reader_is_midway(&reader));
}
END_TEST

START_TEST(memory_grows_with_what_has_come_not_with_what_is_announced)
{
    static const uint8_t wire[] = {0, 0, 0x40, 0, 0, 'x'}; /* 4 MiB to come */
    struct message_reader reader = {.prefix_len = 0};
    struct bytes piece = {wire, sizeof(wire)}, message;
    bool compressed;

    ck_assert_int_eq(message_reader_take(&reader, &piece, &message, &compressed), MESSAGE_PARTIAL);
    ck_assert_uint_le(reader.body.capacity, 4096);
    message_reader_free(&reader);
}
END_TEST

START_TEST(a_prefix_that_is_wrong)
{
    static const uint8_t large[] = {0, 0, 0x40, 0, 1}, strange[] = {2, 0, 0, 0, 0};
    struct message_reader reader = {.prefix_len = 0};
    struct bytes piece = {large, sizeof(large)}, message;
    bool compressed;

    ck_assert_int_eq(message_reader_take(&reader, &piece, &message, &compressed), MESSAGE_TOO_LARGE);
    ck_assert_uint_eq(message_reader_length(&reader), MESSAGE_BYTES_MAX + 1);
    reader = (struct message_reader){.prefix_len = 0};
    piece = (struct bytes){strange, sizeof(strange)};
    ck_assert_int_eq(message_reader_take(&reader, &piece, &message, &compressed), MESSAGE_BAD_FLAG);
}
END_TEST

START_TEST(a_written_prefix_is_read_again)
{
    uint8_t wire[MESSAGE_PREFIX_BYTES];
    struct message_reader reader = {.prefix_len = 0};
    struct bytes piece = {wire, sizeof(wire)}, message;
    bool compressed;

    message_prefix_write(wire, true, 0x123456);
    ck_assert_int_eq(message_reader_take(&reader, &piece, &message, &compressed), MESSAGE_PARTIAL);
    ck_assert_uint_eq(message_reader_length(&reader), 0x123456);
    message_reader_free(&reader);
}
END_TEST

/* --- time-outs --- */

static const struct {
    const char *text;
    nanos timeout;     /* -1: refused */
    const char *wrong; /* what the text is told */
} timeouts[] = {
    {"1H", INT64_C(3600000000000), NULL},
    {"2M", INT64_C(120000000000), NULL},
    {"3S", INT64_C(3000000000), NULL},
    {"100m", 100000000, NULL},
    {"5u", 5000, NULL},
    {"99999999n", 99999999, NULL},
    {"0S", 0, NULL},
    {"00000001S", NANOS_PER_SECOND, NULL},
    {"99999999H", NANOS_MAX, NULL}, /* 11,000 years */
    {"99999999M", INT64_C(5999999940000000000), NULL},
    {"", -1, "transport: timeout string is too short: \"\""},
    {"S", -1, "transport: timeout string is too short: \"S\""},
    {"123456789S", -1, "transport: timeout string is too long: \"123456789S\""},
    {"10x", -1, "transport: timeout unit is not recognized: \"10x\""},
    {"-1S", -1, "strconv.ParseUint: parsing \"-1\": invalid syntax"},
    {"1 S", -1, "strconv.ParseUint: parsing \"1 \": invalid syntax"},
};

START_TEST(timeouts_are_read)
{
    nanos timeout = -1;
    const char *wrong = timeout_parse(arena, timeouts[_i].text, strlen(timeouts[_i].text), &timeout);

    ck_assert_int_eq(timeout, timeouts[_i].timeout);
    ck_assert_pstr_eq(wrong, timeouts[_i].wrong);
}
END_TEST

/* --- texts --- */

static const struct {
    const char *plain, *encoded;
} texts[] = {
    {"", ""},
    {"all is ~ well!", "all is ~ well!"},
    {"100%", "100%25"},
    {"two\nlines\t", "two%0Alines%09"},
    {"\x7f", "%7F"},
    {"\xc3\xa9", "%C3%A9"},
    {"\xf0\x9f\x98\x80", "%F0%9F%98%80"},
    {"\xff"
     "a",
     "%EF%BF%BDa"},                                               /* no UTF-8 at all */
    {"\xc3", "%EF%BF%BD"},                                        /* cut short by the end */
    {"\xe2\x82x", "%EF%BF%BD%EF%BF%BDx"},                         /* cut short by another */
    {"\xc0\x80", "%EF%BF%BD%EF%BF%BD"},                           /* longer than it needs to be */
    {"\xed\xa0\x80", "%EF%BF%BD%EF%BF%BD%EF%BF%BD"},              /* a surrogate */
    {"\xf4\x90\x80\x80", "%EF%BF%BD%EF%BF%BD%EF%BF%BD%EF%BF%BD"}, /* beyond Unicode */
};

START_TEST(texts_are_percent_encoded)
{
    struct bytes encoded = percent_encode(arena, texts[_i].plain, 1000);

    ck_assert_str_eq((const char *)encoded.data, texts[_i].encoded);
    ck_assert_uint_eq(encoded.len, strlen(texts[_i].encoded));
}
END_TEST

START_TEST(long_texts_are_cut_between_characters)
{
    struct bytes encoded = percent_encode(arena, "\xc3\xa9\xc3\xa9\xc3\xa9", 14);

    ck_assert_str_eq((const char *)encoded.data, "%C3%A9%C3%A9");
}
END_TEST

static const struct {
    const char *plain, *encoded;
} binaries[] = {
    {"", ""},
    {"f", "Zg"},
    {"fo", "Zm8"},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg"},
    {"fooba", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy"},
    {"\xfb\xff\xfe", "+//+"}, /* RFC 4648, 10, without padding */
};

START_TEST(binaries_are_base64)
{
    ck_assert_str_eq((const char *)base64_encode(arena, bytes_of(binaries[_i].plain)).data, binaries[_i].encoded);
}
END_TEST

/* --- gzip --- */

START_TEST(what_is_packed_is_unpacked_again)
{
    struct gzip *gzip = gzip_new(arena);
    struct buffer plain = {0};
    struct bytes packed;
    uint8_t *text = arena_alloc(arena, 100000);

    for (size_t i = 0; i < 100000; i++)
        text[i] = (uint8_t)(i % 7 + 'a');
    for (int round = 0; round < 3; round++) { /* the streams are used again */
        ck_assert(gzip_pack(gzip, arena, (struct bytes){text, 100000}, 5, &packed));
        ck_assert_uint_lt(packed.len, 2000);
        plain.len = 0;
        ck_assert_int_eq(gunzip(gzip, packed, 100000, &plain), GUNZIPPED);
        ck_assert_uint_eq(plain.len, 100000);
        ck_assert_mem_eq(plain.data, text, 100000);
    }
    plain.len = 0;
    ck_assert_int_eq(gunzip(gzip, packed, 99999, &plain), GUNZIP_TOO_LARGE);
    plain.len = 0;
    ck_assert_int_eq(gunzip(gzip, (struct bytes){packed.data, packed.len - 1}, 100000, &plain), GUNZIP_DAMAGED);
    plain.len = 0;
    ck_assert_int_eq(gunzip(gzip, bytes_of("no gzip"), 100000, &plain), GUNZIP_DAMAGED);
    plain.len = 0;
    ck_assert_int_eq(gunzip(gzip, (struct bytes){NULL, 0}, 100000, &plain), GUNZIP_DAMAGED);
    buffer_free(&plain);
    gzip_free(gzip);
}
END_TEST

START_TEST(what_does_not_shrink_is_left_alone)
{
    struct gzip *gzip = gzip_new(arena);
    struct bytes packed;

    ck_assert(!gzip_pack(gzip, arena, bytes_of("x"), 0, &packed));
    gzip_free(gzip);
}
END_TEST

/* --- token bucket --- */

START_TEST(a_bucket_allows_a_burst_and_then_a_rate)
{
    const struct token_bucket_limit limit = {.burst = 3, .per_second = 10};
    struct token_bucket bucket = {0};
    nanos now = seconds(1000);

    for (int i = 0; i < 3; i++)
        ck_assert(token_bucket_take(&bucket, &limit, now));
    ck_assert(!token_bucket_take(&bucket, &limit, now));
    ck_assert(!token_bucket_take(&bucket, &limit, now + milliseconds(99)));
    ck_assert(token_bucket_take(&bucket, &limit, now + milliseconds(100)));
    ck_assert(!token_bucket_take(&bucket, &limit, now + milliseconds(100)));
    now += seconds(3600);
    for (int i = 0; i < 3; i++)
        ck_assert(token_bucket_take(&bucket, &limit, now));
    ck_assert(!token_bucket_take(&bucket, &limit, now));
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

int main(void)
{
    Suite *suite = suite_create("gRPC framing");
    TCase *tcase = tcase_create("framing");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, messages_come_in_pieces_of_any_size, 1, 17);
    tcase_add_test(tcase, a_whole_message_is_not_copied);
    tcase_add_test(tcase, memory_grows_with_what_has_come_not_with_what_is_announced);
    tcase_add_test(tcase, a_prefix_that_is_wrong);
    tcase_add_test(tcase, a_written_prefix_is_read_again);
    tcase_add_loop_test(tcase, timeouts_are_read, 0, COUNT(timeouts));
    tcase_add_loop_test(tcase, texts_are_percent_encoded, 0, COUNT(texts));
    tcase_add_test(tcase, long_texts_are_cut_between_characters);
    tcase_add_loop_test(tcase, binaries_are_base64, 0, COUNT(binaries));
    tcase_add_test(tcase, what_is_packed_is_unpacked_again);
    tcase_add_test(tcase, what_does_not_shrink_is_left_alone);
    tcase_add_test(tcase, a_bucket_allows_a_burst_and_then_a_rate);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
