/* Heads and chunked bodies of HTTP/1.1 requests, and the routes of the API. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/request.h"
#include "server/http/routes.h"

static struct arena *arena;

static void set_up(void)
{
    arena = arena_new(4096);
}

static void tear_down(void)
{
    arena_free(arena);
}

static int read_head(const char *text, struct http_head *ret_head)
{
    return http_head_read(arena, bytes_of(text), ret_head);
}

START_TEST(a_head_says_what_it_says)
{
    struct http_head head;

    ck_assert_int_eq(read_head("POST /a%20b?x=1&y HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\nX-Y: \t a b \r\n"
                               "Expect: 100-Continue\r\n\r\n",
                               &head),
                     0);
    ck_assert_str_eq(head.method, "POST");
    ck_assert_str_eq(head.path, "/a%20b");
    ck_assert_str_eq(head.query, "x=1&y");
    ck_assert_str_eq(http_head_find(&head, "x-y"), "a b");
    ck_assert_ptr_null(http_head_find(&head, "x"));
    ck_assert_uint_eq(head.body_bytes, 12);
    ck_assert(head.keep_alive && head.wants_continue && !head.chunked);
    ck_assert_int_eq(read_head("GET http://h:1/p HTTP/1.1\nHost: h\nConnection: x, Close\n\n", &head), 0);
    ck_assert_str_eq(head.path, "/p");
    ck_assert(!head.keep_alive && head.query == NULL);
    ck_assert_int_eq(read_head("GET / HTTP/1.0\r\n\r\n", &head), 0);
    ck_assert(!head.keep_alive);
}
END_TEST

static const struct {
    const char *text;
    int wrong;
} bad_heads[] = {
    {"GET\r\n\r\n", 400},
    {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 505},
    {"GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET x HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"G(T / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET / FTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
    {"PRI * HTTP/2.0\r\n\r\n", 505},
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nX: a\x01z\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nX\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999999999999999\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\nHost: h\r\nExpect: a miracle\r\n\r\n", 417},
};

START_TEST(bad_heads_are_refused)
{
    struct http_head head;

    ck_assert_int_eq(read_head(bad_heads[_i].text, &head), bad_heads[_i].wrong);
}
END_TEST

START_TEST(headers_are_bounded)
{
    struct buffer text = {0};
    struct http_head head;

    buffer_append(&text, "GET / HTTP/1.1\r\nHost: h\r\n", 25);
    for (int i = 0; i < HTTP_HEADERS_MAX; i++)
        buffer_append(&text, "a: b\r\n", 6);
    buffer_append(&text, "\r\n", 2);
    ck_assert_int_eq(http_head_read(arena, (struct bytes){text.data, text.len}, &head), 431);
    buffer_free(&text);
}
END_TEST

START_TEST(the_end_of_a_head_is_found_in_pieces)
{
    static const char *const texts[] = {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\nHost: h\n\n",
                                        "GET / HTTP/1.1\r\nHost: h\n\r\n"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t len = strlen(texts[i]);

        for (size_t cut = 0; cut < len; cut++) {
            ck_assert_uint_eq(http_head_length((struct bytes){(const uint8_t *)texts[i], cut}, 0), 0);
            ck_assert_uint_eq(http_head_length(bytes_of(texts[i]), cut), len);
        }
    }
}
END_TEST

static const struct {
    const char *text, *body; /* body: NULL when it is not well-formed */
} chunked[] = {
    {"0\r\n\r\n", ""},
    {"3\r\nabc\r\n2;x=\"y\"\r\nde\r\n0\r\n\r\n", "abcde"},
    {"A\nabcdefghij\n0\nTrailer: x\n\n", "abcdefghij"},
    {"3 \r\nabc\r\n000\r\nT: 1\r\nU: 2\r\n\r\n", "abc"},
    {"\r\n", NULL},
    {"x\r\n", NULL},
    {"-1\r\n", NULL},
    {"3\r\nabcd\r\n", NULL},
    {"3\r\nabc\r\r\n", NULL},
    {"fffffffff\r\n", NULL},
};

START_TEST(chunks_are_put_together_wherever_they_are_cut)
{
    const char *text = chunked[_i].text;

    for (size_t step = 1; step <= strlen(text); step++) {
        struct chunk_reader reader = {.state = 0};
        struct buffer body = {0};
        ptrdiff_t taken = 0;

        for (size_t at = 0; at < strlen(text) && taken >= 0 && !reader.is_done; at += (size_t)taken) {
            size_t len = strlen(text) - at < step ? strlen(text) - at : step;

            taken = chunk_reader_take(&reader, (struct bytes){(const uint8_t *)text + at, len}, 100, &body);
            if (taken < 0)
                break;
        }
        if (chunked[_i].body == NULL) {
            ck_assert_int_eq(taken, -1);
        } else {
            ck_assert(reader.is_done);
            ck_assert_str_eq(arena_strndup(arena, (const char *)body.data, body.len), chunked[_i].body);
        }
        buffer_free(&body);
    }
}
END_TEST

START_TEST(a_chunked_body_is_bounded)
{
    struct chunk_reader reader = {.state = 0};
    struct buffer body = {0};

    ck_assert_int_eq(chunk_reader_take(&reader, bytes_of("8\r\n12345678\r\n9\r\n"), 16, &body), -2);
    buffer_free(&body);
}
END_TEST

START_TEST(percents_are_decoded)
{
    ck_assert_str_eq(percent_decode(arena, "a%20b+c%C3%BC", 13, false), "a b+c\xc3\xbc");
    ck_assert_str_eq(percent_decode(arena, "a+b", 3, true), "a b");
    ck_assert_ptr_null(percent_decode(arena, "%", 1, false));
    ck_assert_ptr_null(percent_decode(arena, "%4", 2, false));
    ck_assert_ptr_null(percent_decode(arena, "%4g", 3, false));
    ck_assert_ptr_null(percent_decode(arena, "%00", 3, false));
    ck_assert_ptr_null(percent_decode(arena, "%ff", 3, false));
}
END_TEST

START_TEST(routes_are_found)
{
    struct route_match match = route_find("GET", "/api/v1/namespaces/n/workflows/w%2F1/history", false);

    ck_assert_ptr_nonnull(match.route);
    ck_assert_str_eq(strrchr(match.route->rpc, '/'), "/GetWorkflowExecutionHistory");
    ck_assert_uint_eq(match.parameters_count, 2);
    ck_assert(strncmp(match.parameters[1].field, "execution.workflow_id", match.parameters[1].field_len) == 0);
    ck_assert(strncmp(match.parameters[1].value, "w%2F1", match.parameters[1].value_len) == 0);
    match = route_find("DELETE", "/namespaces/n/workflows/w", false);
    ck_assert(match.route == NULL && match.path_exists);
    match = route_find("GET", "/namespaces/n/workflows/w/x", false);
    ck_assert(match.route == NULL && !match.path_exists);
    ck_assert_ptr_nonnull(route_find("GET", "/cluster", false).route);
    ck_assert_ptr_null(route_find("GET", "/cluster", true).route);
    ck_assert_ptr_nonnull(route_find("GET", "/api/v1/namespaces/", false).route); /* the empty segment */
}
END_TEST

START_TEST(every_route_has_an_rpc)
{
    ck_assert_uint_gt(http_routes_count, 200);
    for (size_t i = 0; i < http_routes_count; i++)
        ck_assert_ptr_nonnull(rpc_find(http_routes[i].rpc, strlen(http_routes[i].rpc)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_request");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_head_says_what_it_says);
    tcase_add_loop_test(tcase, bad_heads_are_refused, 0, (int)(sizeof(bad_heads) / sizeof(bad_heads[0])));
    tcase_add_test(tcase, headers_are_bounded);
    tcase_add_test(tcase, the_end_of_a_head_is_found_in_pieces);
    tcase_add_loop_test(tcase, chunks_are_put_together_wherever_they_are_cut, 0,
                        (int)(sizeof(chunked) / sizeof(chunked[0])));
    tcase_add_test(tcase, a_chunked_body_is_bounded);
    tcase_add_test(tcase, percents_are_decoded);
    tcase_add_test(tcase, routes_are_found);
    tcase_add_test(tcase, every_route_has_an_rpc);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
