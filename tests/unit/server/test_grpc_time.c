/*
 * The transport's time-outs, on a virtual clock: a client that does nothing, one that does not answer pings, one that
 * does not read, a request that never ends. The client is a socket in the same process; after each of its moves the
 * loop makes a few turns.
 */
#include <arpa/inet.h>
#include <check.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/timers.h"
#include "persistence/store.h"
#include "server/engine/engine.h"
#include "server/grpc/transport.h"
#include "server/loop/loop.h"
#include "server/options.h"
#include "server/server.h"
#include "server/services/deployments.h"
#include "server/turn.h"

enum { DATA = 0, HEADERS = 1, SETTINGS = 4, PING = 6, WINDOW_UPDATE = 8, END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

static struct arena *arena;
static struct options options;
static struct server server;
static int client;
static struct buffer received;

static void finish(struct work *work)
{
    (void)work;
    loop_finish(server.loop);
}

/* Turns until nothing comes any more. */
static void turn(void)
{
    static struct work last;

    for (int i = 0; i < 10; i++) {
        loop_post(server.loop, &last, finish);
        loop_run(server.loop);
    }
}

static void pass(nanos span)
{
    clock_advance(server.clock, span);
    turn();
}

static void connect_client(int receive_buffer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(transport_port(server.transport))};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ge(client, 0);
    if (receive_buffer > 0)
        setsockopt(client, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    ck_assert_int_eq(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
    turn();
    ck_assert_uint_eq(transport_counts(server.transport).connections, 1);
}

static void set_up(void)
{
    struct transport_options transport_options = {.ip = "127.0.0.1"};

    arena = arena_new(4096);
    log_configure(LOG_NEVER, false);
    server = (struct server){.options = &options, .clock = clock_new(seconds(1700000000)), .rand = rand_new(1)};
    server.timers = timers_new();
    ck_assert(status_is_ok(store_open(arena, &(struct store_options){.path = NULL}, &server.store)));
    server.loop = loop_new(&server);
    server.turn = turn_new(&server);
    ck_assert(status_is_ok(deployment_service_new(&server, &server.deployment_service)));
    server.engine = engine_new(&server);
    ck_assert(status_is_ok(transport_new(&server, arena, &transport_options, &server.transport)));
}

static void tear_down(void)
{
    close(client);
    buffer_free(&received);
    transport_free(server.transport);
    engine_free(server.engine);
    deployment_service_free(server.deployment_service);
    turn_free(server.turn);
    loop_free(server.loop);
    store_close(server.store);
    timers_free(server.timers);
    rand_free(server.rand);
    clock_free(server.clock);
    arena_free(arena);
}

/* What is sent arrives in its own time, even on the same machine. */
static void wait_until_arrived(void)
{
    int on_the_way = 1;

    for (int i = 0; i < 5000 && on_the_way > 0; i++) {
        ck_assert_int_eq(ioctl(client, SIOCOUTQ, &on_the_way), 0);
        if (on_the_way > 0)
            poll(NULL, 0, 1);
    }
    ck_assert_int_eq(on_the_way, 0);
}

static void say(const void *data, size_t len)
{
    ck_assert_int_eq(send(client, data, len, MSG_NOSIGNAL), (ssize_t)len);
    wait_until_arrived();
    turn();
}

static void say_frame(uint8_t type, uint8_t flags, uint8_t stream, const void *payload, size_t len)
{
    struct buffer frame = {0};
    const uint8_t header[9] = {0, (uint8_t)(len >> 8), (uint8_t)len, type, flags, 0, 0, 0, stream};

    buffer_append(&frame, header, sizeof(header));
    buffer_append(&frame, payload, len);
    say(frame.data, frame.len);
    buffer_free(&frame);
}

static void greet(void)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    say(preface, sizeof(preface) - 1);
    say_frame(SETTINGS, 0, 0, "", 0);
}

/* A header as HPACK has it in its plainest form (RFC 7541, 6.2.2). */
static void put_header(struct buffer *block, const char *name, const char *value)
{
    buffer_append_byte(block, 0);
    buffer_append_byte(block, (uint8_t)strlen(name));
    buffer_append(block, name, strlen(name));
    buffer_append_byte(block, (uint8_t)strlen(value));
    buffer_append(block, value, strlen(value));
}

static void ask(uint8_t stream, const char *path, const char *timeout)
{
    struct buffer block = {0};

    put_header(&block, ":method", "POST");
    put_header(&block, ":scheme", "http");
    put_header(&block, ":path", path);
    put_header(&block, ":authority", "test");
    put_header(&block, "content-type", "application/grpc");
    if (timeout != NULL)
        put_header(&block, "grpc-timeout", timeout);
    say_frame(HEADERS, END_HEADERS, stream, block.data, block.len);
    buffer_free(&block);
}

/* How many frames of a type have come since the last look. */
static int count_frames(uint8_t type)
{
    uint8_t data[65536];
    ssize_t len;
    size_t at = 0;
    int count = 0;

    poll(&(struct pollfd){.fd = client, .events = POLLIN}, 1, 20);
    while ((len = recv(client, data, sizeof(data), MSG_DONTWAIT)) > 0)
        buffer_append(&received, data, (size_t)len);
    while (received.len - at >= 9) {
        size_t length = (size_t)received.data[at] << 16 | (size_t)received.data[at + 1] << 8 | received.data[at + 2];

        if (received.len - at < 9 + length)
            break;
        count += received.data[at + 3] == type && received.data[at + 4] != ACK;
        at += 9 + length;
    }
    buffer_consume(&received, at);
    return count;
}

static bool is_connected(void)
{
    return transport_counts(server.transport).connections == 1;
}

START_TEST(a_client_that_says_nothing_is_let_go)
{
    connect_client(0);
    pass(seconds(19));
    ck_assert(is_connected());
    pass(seconds(1));
    ck_assert(!is_connected());
}
END_TEST

START_TEST(a_client_that_answers_pings_stays)
{
    connect_client(0);
    greet();
    for (int i = 0; i < 5; i++) {
        pass(seconds(59));
        ck_assert_int_eq(count_frames(PING), 0);
        pass(seconds(2));
        ck_assert_int_eq(count_frames(PING), 1);
        say_frame(PING, ACK, 0, "\0\0\0\0\0\0\0\0", 8);
        pass(seconds(9));
        ck_assert(is_connected());
        say_frame(WINDOW_UPDATE, 0, 0, "\0\0\0\1", 4); /* anything counts as a sign of life */
    }
}
END_TEST

START_TEST(a_client_that_does_not_answer_pings_is_gone_with_its_calls)
{
    connect_client(0);
    greet();
    ask(1, "/grpc.health.v1.Health/Watch", NULL);
    say_frame(DATA, END_STREAM, 1, "\0\0\0\0\0", 5);
    ck_assert_uint_eq(transport_counts(server.transport).streams, 1);
    pass(seconds(60));
    ck_assert_int_eq(count_frames(PING), 1);
    pass(seconds(9));
    ck_assert(is_connected());
    pass(seconds(1));
    ck_assert(!is_connected());
    ck_assert_uint_eq(transport_counts(server.transport).streams, 0);
}
END_TEST

START_TEST(a_client_that_does_not_read_is_let_go)
{
    static const char by_name[] = "\0\0\0\0\x2f\x1a\x2dtemporal/api/workflowservice/v1/service.proto";
    const uint8_t window[] = {0, 4, 0x7f, 0xff, 0xff, 0xff};

    connect_client(4096);
    greet();
    say_frame(SETTINGS, 0, 0, window, sizeof(window));
    say_frame(WINDOW_UPDATE, 0, 0, "\x7f\0\0\0", 4);
    for (uint8_t stream = 1; stream < 99; stream += 2) { /* more than sockets hold */
        ask(stream, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", NULL);
        say_frame(DATA, 0, stream, by_name, sizeof(by_name) - 1);
    }
    for (int i = 0; i < 3; i++) { /* as long as it speaks, silence is not what ends it */
        pass(seconds(9));
        ck_assert(is_connected());
        say_frame(PING, ACK, 0, "\0\0\0\0\0\0\0\0", 8);
    }
    pass(seconds(4));
    ck_assert(!is_connected());
}
END_TEST

START_TEST(a_request_that_never_ends_is_answered_at_its_deadline)
{
    connect_client(0);
    greet();
    ask(1, "/grpc.health.v1.Health/Check", "5S");
    say_frame(DATA, 0, 1, "\0\0", 2);
    pass(seconds(5) - 1);
    ck_assert_int_eq(count_frames(HEADERS), 0);
    pass(1);
    ck_assert_int_eq(count_frames(HEADERS), 1);
    ck_assert_uint_eq(transport_counts(server.transport).streams, 0);
}
END_TEST

START_TEST(a_call_that_waits_is_answered_at_its_deadline)
{
    connect_client(0);
    greet();
    ask(1, "/grpc.health.v1.Health/Watch", "5S");
    say_frame(DATA, END_STREAM, 1, "\0\0\0\0\0", 5);
    ck_assert_int_eq(count_frames(HEADERS), 1);
    pass(seconds(5));
    ck_assert_int_eq(count_frames(HEADERS), 1); /* trailers */
    ck_assert_uint_eq(transport_counts(server.transport).streams, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gRPC time-outs");
    TCase *tcase = tcase_create("time");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_client_that_says_nothing_is_let_go);
    tcase_add_test(tcase, a_client_that_answers_pings_stays);
    tcase_add_test(tcase, a_client_that_does_not_answer_pings_is_gone_with_its_calls);
    tcase_add_test(tcase, a_client_that_does_not_read_is_let_go);
    tcase_add_test(tcase, a_request_that_never_ends_is_answered_at_its_deadline);
    tcase_add_test(tcase, a_call_that_waits_is_answered_at_its_deadline);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
