/*
 * A connection: reads a request, has it served, writes the answer, reads the next one. While a request is under way the
 * socket is still read, a little ahead: that is how we notice that the client has gone.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <h2o/socket.h>
#include <utlist.h>

#include "base/invariant.h"
#include "server/http/parts.h"
#include "server/server.h"

/* From a request's first byte, or the connection's beginning, to the end of its head; to the end of its body; between
 * two requests (the latter two as the real server). */
#define HEAD_TIME seconds(20)
#define BODY_TIME seconds(120)
#define IDLE_TIME seconds(120)

/* A socket that takes nothing for so long while there is something to write belongs to a client that does not read. */
#define STALL_TIME seconds(30)

/* After the last byte we wait for the client's end of the connection: closing a socket with unread input resets it, and
 * a reset can overtake what we wrote. While winding down we wait less: the process is to end. */
#define LINGER_TIME          seconds(1)
#define LINGER_TIME_DRAINING milliseconds(50)

static void on_readable(h2o_socket_t *socket, const char *err);
static void take_in(struct http_connection *connection);

static struct loop *loop_of(const struct http_connection *connection)
{
    return connection->http->server->loop;
}

/* --- time --- */

static void time_is_up(struct timer *timer, void *context)
{
    (void)timer;
    http_connection_free(context);
}

/* Ends the connection unless the present phase ends in time. Read from the system: socket callbacks run before the
 * turn's time is known. */
static void give_time(struct http_connection *connection, nanos span)
{
    timers_set(loop_timers(loop_of(connection)), &connection->timer,
               nanos_add(clock_monotonic(connection->http->server->clock), span), time_is_up, connection);
}

static void take_time_off(struct http_connection *connection)
{
    timers_cancel(loop_timers(loop_of(connection)), &connection->timer);
}

/* --- life --- */

static bool is_idle(const struct http_connection *connection)
{
    return connection->exchange == NULL && connection->in.len == 0;
}

/* Makes room for one more: the longest idle one goes. */
static void close_an_idle_one(struct http *http)
{
    struct http_connection *connection;

    DL_FOREACH (http->connections, connection)
        if (is_idle(connection)) {
            http_connection_free(connection);
            return;
        }
}

void http_connection_new(const struct http_site *site, h2o_socket_t *socket)
{
    struct http *http = site->http;
    struct http_connection *connection;
    struct arena *arena;

    if (http->connections_count >= HTTP_CONNECTIONS_MAX)
        close_an_idle_one(http);
    if (http->connections_count >= HTTP_CONNECTIONS_MAX) {
        h2o_socket_close(socket);
        return;
    }
    arena = arena_new(sizeof(struct http_connection) + 64);
    connection = ARENA_NEW(arena, struct http_connection);
    connection->magic = HTTP_CONNECTION_MAGIC;
    connection->http = http;
    connection->site = site;
    connection->arena = arena;
    connection->socket = socket;
    DL_APPEND(http->connections, connection);
    http->connections_count++;
    give_time(connection, HEAD_TIME);
    socket->data = connection;
    h2o_socket_dont_read(socket, 1); /* tells us, and leaves the reading to us */
    h2o_socket_read_start(socket, on_readable);
}

void http_connection_free(struct http_connection *connection)
{
    struct http *http = connection->http;

    if (connection->exchange != NULL)
        exchange_gone(connection->exchange);
    h2o_socket_close(connection->socket);
    take_time_off(connection);
    buffer_free(&connection->in);
    if (connection->dirty)
        DL_DELETE2(http->dirty, connection, dirty_prev, dirty_next);
    DL_DELETE(http->connections, connection);
    http->connections_count--;
    connection->magic = 0;
    arena_free(connection->arena);
    if (http->draining && http->connections == NULL)
        loop_wound_down(http->server->loop, &http->stopper);
}

void http_connection_touch(struct http_connection *connection)
{
    if (connection->dirty)
        return;
    connection->dirty = true;
    DL_APPEND2(connection->http->dirty, connection, dirty_prev, dirty_next);
}

static struct http_connection *connection_of(h2o_socket_t *socket)
{
    struct http_connection *connection = socket->data;

    invariant(connection->magic == HTTP_CONNECTION_MAGIC, "a socket whose connection is none");
    return connection;
}

/* --- reading --- */

/* Answers a request that cannot be read, and ends the connection after that: what follows in it makes no sense. */
static void refuse(struct http_connection *connection, int http_status)
{
    static const struct {
        int http_status;
        const char *text;
    } texts[] = {
        {417, "417 Expectation Failed"},  {431, "431 Request Header Fields Too Large"}, {501, "501 Not Implemented"},
        {503, "503 Service Unavailable"}, {505, "505 HTTP Version Not Supported"},      {400, "400 Bad Request"},
    };
    size_t i = 0;

    while (texts[i].http_status != http_status && texts[i].http_status != 400)
        i++;
    connection->keep_alive = false;
    exchange_reply(connection->exchange, http_status, "text/plain; charset=utf-8", bytes_of(texts[i].text));
}

/* The same of a body that is too large, as the real server says it. */
static void refuse_body(struct http_connection *connection)
{
    connection->keep_alive = false;
    exchange_reply(connection->exchange, 400, "*",
                   bytes_of("{\"code\":3,\"message\":\"http: request body too large\"}"));
}

static void complete(struct http_connection *connection)
{
    take_time_off(connection);
    exchange_begin(connection->exchange);
}

/* Takes what there is of a body. */
static void take_body(struct http_connection *connection)
{
    struct exchange *exchange = connection->exchange;
    struct http_head *head = &exchange->head;
    struct bytes in = {connection->in.data, connection->in.len};
    ptrdiff_t taken;

    if (head->chunked) {
        taken = chunk_reader_take(&exchange->chunks, in, HTTP_BODY_BYTES_MAX, &exchange->body);
        if (taken < 0) {
            if (taken == -1)
                refuse(connection, 400);
            else
                refuse_body(connection);
            return;
        }
    } else {
        uint64_t left = head->body_bytes - exchange->body.len;

        taken = (ptrdiff_t)(in.len < left ? in.len : left);
        buffer_append(&exchange->body, in.data, (size_t)taken);
    }
    buffer_consume(&connection->in, (size_t)taken);
    exchange_charge(exchange);
    if (head->chunked ? exchange->chunks.is_done : exchange->body.len == head->body_bytes)
        complete(connection);
    else if (connection->http->held > HTTP_HELD_BYTES_MAX)
        refuse(connection, 503);
}

/* What a client that waits for it gets before it sends a body. Nothing else is being written then. */
static void say_continue(struct http_connection *connection)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    ssize_t ignored = send(h2o_socket_get_fd(connection->socket), text, sizeof(text) - 1, MSG_NOSIGNAL);

    (void)ignored; /* a socket without room for 25 bytes has a client that does not read: it will wait in vain */
}

/* Reads a head that is complete. */
static void take_head(struct http_connection *connection, size_t len)
{
    struct exchange *exchange = exchange_new(connection);
    int wrong = http_head_read(exchange->arena, (struct bytes){connection->in.data, len}, &exchange->head);

    connection->exchange = exchange;
    connection->looked_at = 0;
    buffer_consume(&connection->in, len);
    if (wrong != 0) {
        exchange->head = (struct http_head){.method = "GET"};
        refuse(connection, wrong);
        return;
    }
    connection->keep_alive = exchange->head.keep_alive && !connection->http->draining;
    if (exchange->head.body_bytes > HTTP_BODY_BYTES_MAX) {
        refuse_body(connection);
        return;
    }
    exchange_charge(exchange);
    give_time(connection, BODY_TIME);
    if (exchange->head.wants_continue && connection->in.len == 0)
        say_continue(connection);
    take_body(connection);
}

/* Goes on with what has been read: the next head, or more of a body. */
static void take_in(struct http_connection *connection)
{
    size_t len;

    if (connection->exchange != NULL) {
        if (connection->exchange->state == EXCHANGE_WAITING)
            take_body(connection);
        return;
    }
    /* Empty lines before a request are tolerated: RFC 9112, 2.2. */
    while (connection->in.len > 0 && (connection->in.data[0] == '\r' || connection->in.data[0] == '\n'))
        buffer_consume(&connection->in, 1);
    if (connection->in.len == 0) {
        buffer_free(&connection->in);
        return;
    }
    len = http_head_length((struct bytes){connection->in.data, connection->in.len}, connection->looked_at);
    connection->looked_at = connection->in.len;
    if (len > 0) {
        take_head(connection, len);
    } else if (connection->in.len > HTTP_HEAD_BYTES_MAX) {
        connection->exchange = exchange_new(connection);
        connection->exchange->head.method = "GET";
        refuse(connection, 431);
    }
}

/* The client will send nothing more. While its call is parked, that is how it goes. */
static void end_of_input(struct http_connection *connection)
{
    if (connection->exchange == NULL || connection->exchange->state != EXCHANGE_SENDING) {
        http_connection_free(connection);
        return;
    }
    connection->client_ended = true;
    connection->keep_alive = false;
    h2o_socket_read_stop(connection->socket);
}

static void on_readable(h2o_socket_t *socket, const char *err)
{
    struct http_connection *connection = connection_of(socket);
    struct http *http = connection->http;
    ssize_t count;

    do
        count = recv(h2o_socket_get_fd(socket), http->in, HTTP_IN_BYTES, 0);
    while (count < 0 && errno == EINTR);
    if (count < 0 && errno == EAGAIN && err == NULL)
        return;
    if (count < 0 || (count == 0 && connection->lingering)) {
        http_connection_free(connection);
        return;
    }
    if (count == 0) {
        end_of_input(connection);
        return;
    }
    if (connection->lingering)
        return; /* read to be thrown away */
    if (is_idle(connection))
        give_time(connection, HEAD_TIME);
    buffer_append(&connection->in, http->in, (size_t)count);
    take_in(connection);
    if (connection->in.len > HTTP_AHEAD_BYTES_MAX && connection->exchange != NULL) {
        connection->stops_reading = true;
        h2o_socket_read_stop(socket);
    }
}

/* --- writing --- */

static void on_room(h2o_socket_t *socket, const char *err)
{
    struct http_connection *connection = connection_of(socket);

    connection->waits_for_room = false;
    if (err != NULL)
        http_connection_free(connection);
    else
        http_connection_touch(connection);
}

/* Nothing more will be written: waits for the client to see it and close. */
static void linger(struct http_connection *connection)
{
    if (connection->client_ended) {
        http_connection_free(connection);
        return;
    }
    shutdown(h2o_socket_get_fd(connection->socket), SHUT_WR);
    connection->lingering = true;
    buffer_free(&connection->in);
    if (connection->stops_reading)
        h2o_socket_read_start(connection->socket, on_readable);
    connection->stops_reading = false;
    give_time(connection, connection->http->draining ? LINGER_TIME_DRAINING : LINGER_TIME);
}

/* The answer is out. */
static void finish_exchange(struct http_connection *connection)
{
    struct exchange *exchange = connection->exchange;

    exchange->is_delivered = true;
    exchange_gone(exchange);
    connection->exchange = NULL;
    if (!connection->keep_alive) {
        linger(connection);
        return;
    }
    give_time(connection, connection->in.len > 0 ? HEAD_TIME : IDLE_TIME);
    if (connection->stops_reading) {
        connection->stops_reading = false;
        h2o_socket_read_start(connection->socket, on_readable);
    }
    take_in(connection);
}

/* What is left of an answer's head and content. */
static int gather(const struct exchange *exchange, struct iovec parts[2])
{
    struct bytes content = exchange->out_body.len > 0 ? (struct bytes){exchange->out_body.data, exchange->out_body.len}
                                                      : exchange->content;
    size_t sent = exchange->sent;
    int count = 0;

    if (sent < exchange->out.len)
        parts[count++] = (struct iovec){exchange->out.data + sent, exchange->out.len - sent};
    sent = sent < exchange->out.len ? 0 : sent - exchange->out.len;
    if (sent < content.len)
        parts[count++] = (struct iovec){(uint8_t *)(uintptr_t)content.data + sent, content.len - sent};
    return count;
}

void http_connection_write(struct http_connection *connection)
{
    struct exchange *exchange = connection->exchange;
    struct iovec parts[2];
    int count;

    if (exchange == NULL || exchange->state != EXCHANGE_SENDING || connection->lingering)
        return;
    while ((count = gather(exchange, parts)) > 0) {
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
        ssize_t written = sendmsg(h2o_socket_get_fd(connection->socket), &message, MSG_NOSIGNAL);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN) {
            if (!timer_is_set(&connection->timer)) /* nothing of it has been taken yet */
                give_time(connection, STALL_TIME);
            if (!connection->waits_for_room)
                h2o_socket_notify_write(connection->socket, on_room);
            connection->waits_for_room = true;
            return;
        }
        if (written < 0) {
            http_connection_free(connection);
            return;
        }
        exchange->sent += (size_t)written;
        give_time(connection, STALL_TIME);
    }
    finish_exchange(connection);
}

void http_connection_drain(struct http_connection *connection)
{
    struct exchange *exchange = connection->exchange;

    connection->keep_alive = false;
    if (exchange == NULL || exchange->state == EXCHANGE_WAITING) {
        if (!connection->lingering)
            http_connection_free(connection);
    } else if (exchange->state == EXCHANGE_CALLED) {
        call_end_early(&exchange->call, CALL_DRAINING, status_error(GRPC_UNAVAILABLE, "the server is shutting down"));
    }
}
