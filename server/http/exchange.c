/*
 * An exchange is one request and its answer. Its site serves it as work of the loop; most answers go through a call,
 * which the turn brings back when it has committed. What is answered without a call is written at the end of the turn
 * as well.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/invariant.h"
#include "proto/pb.h"
#include "server/frontend/client_version.h"
#include "server/http/parts.h"
#include "server/metrics/server_metrics.h"
#include "server/server.h"

/* The first chunk of an exchange's arena: itself, its head's texts and a small call. */
enum { EXCHANGE_ARENA_BYTES = 8192 };

struct exchange *exchange_new(struct http_connection *connection)
{
    struct arena *arena = arena_new(EXCHANGE_ARENA_BYTES);
    struct exchange *exchange = ARENA_NEW(arena, struct exchange);
    struct http *http = connection->http;

    exchange->magic = EXCHANGE_MAGIC;
    exchange->http = http;
    exchange->site = connection->site;
    exchange->connection = connection;
    exchange->arena = arena;
    exchange->call.server = http->server;
    exchange->call.arena = arena;
    exchange->call.tail_end = &exchange->call.tail;
    exchange->call.deadline = NANOS_MAX;
    exchange->call.transport = &http->delivery;
    exchange->call.stream = exchange;
    http->exchanges_count++;
    return exchange;
}

void exchange_release(struct exchange *exchange)
{
    struct http *http = exchange->http;

    invariant(exchange->connection == NULL, "an exchange is freed while its connection has it"); /* HT1 */
    metrics_call_ends(&exchange->call); /* one that was never answered; else it has ended before */
    loop_unpost(http->server->loop, &exchange->work);
    timers_cancel(loop_timers(http->server->loop), &exchange->deadline);
    http->held -= exchange->held;
    http->exchanges_count--;
    buffer_free(&exchange->body);
    buffer_free(&exchange->out);
    buffer_free(&exchange->out_body);
    exchange->magic = 0;
    arena_free(exchange->arena);
}

void exchange_charge(struct exchange *exchange)
{
    size_t holds = arena_bytes_held(exchange->arena) + exchange->body.capacity + exchange->out.capacity +
                   exchange->out_body.capacity;

    exchange->http->held += holds - exchange->held;
    exchange->held = holds;
}

/* --- ends --- */

/* The work of an exchange whose connection has gone. */
static void bury(struct work *work)
{
    struct exchange *exchange = (struct exchange *)((char *)work - offsetof(struct exchange, work));
    struct call *call = &exchange->call;

    invariant(exchange->magic == EXCHANGE_MAGIC, "work of an exchange that is none");
    if (exchange->state == EXCHANGE_CALLED && !call->answered && call->on_cancel != NULL)
        call->on_cancel(call, CALL_CLIENT_GONE);
    if (exchange->state == EXCHANGE_CALLED && call->answered)
        return; /* the turn has it, and exchange_deliver will see */
    if (exchange->state == EXCHANGE_SENDING && !exchange->is_delivered && call->on_undelivered != NULL)
        call->on_undelivered(call);
    exchange_release(exchange);
}

void exchange_gone(struct exchange *exchange)
{
    struct loop *loop = exchange->http->server->loop;

    exchange->connection = NULL;
    loop_unpost(loop, &exchange->work);
    timers_cancel(loop_timers(loop), &exchange->deadline);
    if (exchange->state == EXCHANGE_CALLED ||
        (exchange->state == EXCHANGE_SENDING && !exchange->is_delivered && exchange->call.on_undelivered != NULL))
        loop_post(loop, &exchange->work, bury); /* HT2 */
    else
        exchange_release(exchange);
}

static void deadline_passed(struct timer *timer, void *context)
{
    struct exchange *exchange = context;

    (void)timer;
    call_end_early(&exchange->call, CALL_DEADLINE, status_error(GRPC_DEADLINE_EXCEEDED, "context deadline exceeded"));
}

void exchange_deliver(struct exchange *exchange)
{
    struct loop *loop = exchange->http->server->loop;

    timers_cancel(loop_timers(loop), &exchange->deadline);
    exchange->state = EXCHANGE_SENDING;
    if (exchange->connection == NULL) /* what it was to hand out comes back in the next turn, which follows at once */
        loop_post(loop, &exchange->work, bury);
    else
        exchange->on_answer(exchange);
}

/* --- serving --- */

static void serve(struct work *work)
{
    struct exchange *exchange = (struct exchange *)((char *)work - offsetof(struct exchange, work));

    invariant(exchange->magic == EXCHANGE_MAGIC, "work of an exchange that is none");
    exchange->site->serve(exchange);
    invariant(exchange->state >= EXCHANGE_CALLED, "%s is not served", exchange->head.path);
}

void exchange_begin(struct exchange *exchange)
{
    exchange->state = EXCHANGE_SERVING;
    loop_post(exchange->http->server->loop, &exchange->work, serve);
}

void exchange_call(struct exchange *exchange, const struct rpc *rpc, const void *request,
                   void (*on_answer)(struct exchange *exchange))
{
    struct call *call = &exchange->call;
    struct loop *loop = exchange->http->server->loop;
    status returned;

    exchange->state = EXCHANGE_CALLED;
    exchange->on_answer = on_answer;
    call->rpc = rpc;
    call->request = request;
    call->response = pb_new(exchange->arena, rpc->response);
    metrics_call_begins(call);
    metrics_http_call(call);
    returned = frontend_enter(call);
    if (status_is_ok(returned))
        returned = rpc->handler(call, request, call->response);
    if (returned.code != GRPC_PENDING) {
        call_answer(call, returned);
        return;
    }
    invariant(call->parked || call->answered, "%s is pending, but not parked", rpc->method);
    if (exchange->http->draining)
        call_end_early(&exchange->call, CALL_DRAINING, status_error(GRPC_UNAVAILABLE, "the server is shutting down"));
    if (!call->answered && call->deadline != NANOS_MAX)
        timers_set(loop_timers(loop), &exchange->deadline, call->deadline, deadline_passed, exchange);
    exchange_charge(exchange);
}

void exchange_call_again(struct exchange *exchange, void (*run)(struct work *work))
{
    struct call *call = &exchange->call;

    call->tail = NULL;
    call->tail_end = &call->tail;
    call->answer_headers = NULL;
    call->answered = call->parked = false;
    exchange->state = EXCHANGE_SERVING;
    loop_post(exchange->http->server->loop, &exchange->work, run);
}

const void *exchange_response(struct exchange *exchange)
{
    const struct call *call = &exchange->call;
    struct bytes packed;
    size_t more = 0, at;
    uint8_t *all;
    const void *whole;

    if (call->tail == NULL)
        return call->response;
    for (const struct call_tail *tail = call->tail; tail != NULL; tail = tail->next)
        more += tail->encoded.len;
    packed = pb_pack_with_room(exchange->arena, call->response, 0, more);
    all = (uint8_t *)(uintptr_t)packed.data; /* the room behind it is ours */
    at = packed.len;
    for (const struct call_tail *tail = call->tail; tail != NULL; tail = tail->next) {
        memcpy(all + at, tail->encoded.data, tail->encoded.len);
        at += tail->encoded.len;
    }
    whole = pb_unpack(exchange->arena, call->rpc->response, all, at);
    invariant(whole != NULL, "an answer to %s does not unpack", call->rpc->method);
    return whole;
}

/* --- answers --- */

void exchange_add_header(struct exchange *exchange, const char *name, const char *value)
{
    invariant(exchange->added_count < sizeof(exchange->added) / sizeof(exchange->added[0]), "too many headers");
    exchange->added[exchange->added_count++] = (struct http_header){name, value};
}

static const char *reason_of(int http_status)
{
    static const struct {
        int http_status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {204, "No Content"},
        {304, "Not Modified"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {417, "Expectation Failed"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].http_status == http_status)
            return reasons[i].reason;
    return ""; /* 499 has none */
}

/* RFC 9110, 5.6.7. */
static void append_date(struct exchange *exchange)
{
    time_t now = (time_t)(clock_now(exchange->http->server->clock) / NANOS_PER_SECOND);
    char text[64];
    struct tm parts;

    gmtime_r(&now, &parts);
    strftime(text, sizeof(text), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
    buffer_append(&exchange->out, text, strlen(text));
}

static void append_header(struct exchange *exchange, const char *name, const char *value)
{
    const char *line = arena_printf(exchange->arena, "%s: %s\r\n", name, value);

    buffer_append(&exchange->out, line, strlen(line));
}

/* Writes the answer's head; from now on it is on its way. */
static void answer_head(struct exchange *exchange, int http_status, const char *type, size_t content_bytes)
{
    const char *line = arena_printf(exchange->arena, "HTTP/1.1 %d %s\r\n", http_status, reason_of(http_status));

    buffer_append(&exchange->out, line, strlen(line));
    for (size_t i = 0; i < exchange->added_count; i++)
        append_header(exchange, exchange->added[i].name, exchange->added[i].value);
    if (type != NULL)
        append_header(exchange, "Content-Type", type);
    if (http_status != 204 && http_status != 304)
        append_header(exchange, "Content-Length", arena_printf(exchange->arena, "%zu", content_bytes));
    if (!exchange->connection->keep_alive)
        append_header(exchange, "Connection", "close");
    append_date(exchange);
    buffer_append(&exchange->out, "\r\n", 2);
    exchange->state = EXCHANGE_SENDING;
    buffer_free(&exchange->body);
    exchange_charge(exchange);
    http_connection_touch(exchange->connection);
}

/* A HEAD request is answered with the head that a GET would have. */
static bool has_content(const struct exchange *exchange, int http_status)
{
    return strcmp(exchange->head.method, "HEAD") != 0 && http_status != 204 && http_status != 304;
}

void exchange_reply(struct exchange *exchange, int http_status, const char *type, struct bytes content)
{
    if (has_content(exchange, http_status))
        exchange->content = content;
    answer_head(exchange, http_status, type, content.len);
}

void exchange_reply_buffer(struct exchange *exchange, int http_status, const char *type, struct buffer *content)
{
    size_t len = content->len;

    if (has_content(exchange, http_status))
        exchange->out_body = *content;
    else
        buffer_free(content);
    *content = (struct buffer){0};
    answer_head(exchange, http_status, type, len);
}
