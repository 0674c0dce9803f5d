/*
 * A connection: bytes from the socket to the nghttp2 session and back, the time-outs that end it, and its end.
 *
 * h2o's socket tells when there is something to read or room to write; reading and writing are done here, into buffers
 * that all connections share, so an idle connection owns none. What one turn frames for a connection goes out in one
 * write. When the socket does not take all of it, the rest is kept, and nothing more is framed until it has gone: what
 * a client leaves unread waits as unpacked answers, which stream_charge limits, not as bytes on top of them.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <h2o/socket.h>
#include <utlist.h>

#include "base/invariant.h"
#include "base/log.h"
#include "server/grpc/parts.h"
#include "server/server.h"

/* From accept to the client's first settings, TLS handshake included. */
#define SETTLE_TIME seconds(20)

/* A socket that takes nothing for so long while there is something to write belongs to a client that does not read. */
#define STALL_TIME seconds(30)

/* Keepalive, as the real server: a ping after so much silence, and so long for its answer. This is how polls of a
 * machine that was unplugged go away. */
#define SILENCE_TIME seconds(60)
#define PING_TIME    seconds(10)

/* After the last byte we wait for the client's end of the connection: closing a socket with unread input resets it, and
 * a reset can overtake what we wrote. While winding down we wait less: the process is to end. */
#define LINGER_TIME          seconds(1)
#define LINGER_TIME_DRAINING milliseconds(50)

/* Full buffers written per turn, before other connections get their turn. */
enum { WRITES_PER_TURN = 16 };

static void on_readable(h2o_socket_t *socket, const char *err);
static void check_time(struct timer *timer, void *context);

void connection_new(struct transport *transport, h2o_socket_t *socket)
{
    struct arena *arena = arena_new(sizeof(struct connection) + 64);
    struct connection *connection = ARENA_NEW(arena, struct connection);

    connection->magic = CONNECTION_MAGIC;
    connection->transport = transport;
    connection->arena = arena;
    connection->socket = socket;
    connection->opened_at = connection->read_at = clock_monotonic(transport->server->clock);
    if (transport->tls != NULL)
        connection->tls = tls_new(transport->tls, h2o_socket_get_fd(socket));
    DL_APPEND(transport->connections, connection);
    transport->counts.connections++;
    transport->counts.accepted++;
    timers_set(loop_timers(transport->server->loop), &connection->timer, connection->opened_at + SETTLE_TIME,
               check_time, connection);
    socket->data = connection;
    h2o_socket_dont_read(socket, 1); /* tells us, and leaves the reading to us */
    h2o_socket_read_start(socket, on_readable);
}

/* Everything but the socket and the connection itself. */
static void end_session(struct connection *connection)
{
    struct stream *stream, *next;

    DL_FOREACH_SAFE (connection->streams, stream, next)
        stream_gone(stream);
    nghttp2_session_del(connection->session);
    connection->session = NULL;
    buffer_free(&connection->unwritten);
    connection->unwritten_from = 0;
}

void connection_free(struct connection *connection)
{
    struct transport *transport = connection->transport;

    end_session(connection);
    tls_free(connection->tls);
    h2o_socket_close(connection->socket);
    timers_cancel(loop_timers(transport->server->loop), &connection->timer);
    if (connection->dirty)
        DL_DELETE2(transport->dirty, connection, dirty_prev, dirty_next);
    DL_DELETE(transport->connections, connection);
    transport->counts.connections--;
    connection->magic = 0;
    arena_free(connection->arena);
    if (transport->draining && transport->connections == NULL)
        loop_wound_down(transport->server->loop, &transport->stopper);
}

void connection_touch(struct connection *connection)
{
    if (connection->dirty)
        return;
    connection->dirty = true;
    DL_APPEND2(connection->transport->dirty, connection, dirty_prev, dirty_next);
}

static struct connection *connection_of(h2o_socket_t *socket)
{
    struct connection *connection = socket->data;

    invariant(connection->magic == CONNECTION_MAGIC, "a socket whose connection is none");
    return connection;
}

/* --- time --- */

static nanos earliest(nanos a, nanos b)
{
    return a < b ? a : b;
}

/* Sets the timer to the earliest moment at which check_time could have something to do. */
static void set_timer(struct connection *connection)
{
    nanos due = connection->read_at + SILENCE_TIME;

    if (connection->pinged_at != 0)
        due = connection->pinged_at + PING_TIME;
    if (!connection->settled)
        due = connection->opened_at + SETTLE_TIME;
    if (connection->waits_for_room)
        due = earliest(due, connection->written_at + STALL_TIME);
    if (connection->linger_until != 0)
        due = connection->linger_until;
    timers_set(loop_timers(connection->transport->server->loop), &connection->timer, due, check_time, connection);
}

/* Bytes that come and go do not move the timer; it looks, when it fires, whether there were any. */
static void check_time(struct timer *timer, void *context)
{
    struct connection *connection = context;
    nanos now = loop_now(connection->transport->server->loop);

    (void)timer;
    if ((connection->linger_until != 0 && now >= connection->linger_until) ||
        (!connection->settled && now >= connection->opened_at + SETTLE_TIME) ||
        (connection->waits_for_room && now >= connection->written_at + STALL_TIME) ||
        (connection->pinged_at != 0 && now >= connection->pinged_at + PING_TIME)) {
        connection_free(connection);
        return;
    }
    if (connection->session != NULL && connection->settled && connection->pinged_at == 0 &&
        now >= connection->read_at + SILENCE_TIME) {
        nghttp2_submit_ping(connection->session, NGHTTP2_FLAG_NONE, NULL);
        connection->pinged_at = now;
        connection_touch(connection);
    }
    set_timer(connection);
}

/* --- reading --- */

static ssize_t read_some(struct connection *connection, uint8_t *data, size_t len)
{
    ssize_t count;

    if (connection->tls != NULL)
        return tls_read(connection->tls, data, len);
    do
        count = recv(h2o_socket_get_fd(connection->socket), data, len, 0);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return errno == EAGAIN ? IO_AGAIN : IO_FAILED;
    return count;
}

static void on_room(h2o_socket_t *socket, const char *err);

static void wait_for_room(struct connection *connection)
{
    if (h2o_socket_is_writing(connection->socket))
        return;
    h2o_socket_notify_write(connection->socket, on_room);
}

/* Has the deadlines watched of requests that began with this read and did not end with it: those at the list's end. */
static void watch_deadlines(struct connection *connection)
{
    struct stream *first = connection->streams, *stream = first == NULL ? NULL : first->prev;
    int32_t newest = stream == NULL ? connection->watched_until : stream->id;

    if (stream != NULL && stream->state == STREAM_HEADERS)
        newest--; /* it has none yet; the next read will look again */
    while (stream != NULL && stream->id > connection->watched_until) {
        if (stream->state == STREAM_REQUEST)
            stream_watch_deadline(stream);
        stream = stream == first ? NULL : stream->prev;
    }
    if (newest > connection->watched_until)
        connection->watched_until = newest;
}

/* Returns false when the connection is of no more use. */
static bool take_in(struct connection *connection, const uint8_t *data, size_t len)
{
    ssize_t taken;

    if (connection->linger_until != 0 || connection->ending)
        return true; /* read to be thrown away */
    if (connection->session == NULL)
        session_new(
            connection); /* not before there is something to read: a connection that says nothing costs little */
    taken = nghttp2_session_mem_recv(connection->session, data, len);
    watch_deadlines(connection);
    if (taken == NGHTTP2_ERR_FLOODED || taken == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
        connection_end(connection, NGHTTP2_ENHANCE_YOUR_CALM, nghttp2_strerror((int)taken));
    return taken >= 0 || connection->ending;
}

static void on_readable(h2o_socket_t *socket, const char *err)
{
    struct connection *connection = connection_of(socket);
    struct transport *transport = connection->transport;
    ssize_t count = err == NULL ? read_some(connection, transport->in, IN_BYTES) : IO_FAILED;

    if (count == IO_AGAIN) {
        if (connection->tls != NULL && tls_wants_to_write(connection->tls))
            wait_for_room(connection);
        return;
    }
    if (count <= 0) {
        connection_free(connection);
        return;
    }
    connection->read_at = clock_monotonic(transport->server->clock);
    connection->pinged_at = 0;
    if (!take_in(connection, transport->in, (size_t)count)) {
        connection_free(connection);
        return;
    }
    connection_touch(connection);
}

/* --- writing --- */

static ssize_t write_some(struct connection *connection, const uint8_t *data, size_t len)
{
    ssize_t count;

    if (connection->tls != NULL)
        return tls_write(connection->tls, data, len);
    do
        count = send(h2o_socket_get_fd(connection->socket), data, len, MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return errno == EAGAIN ? IO_AGAIN : IO_FAILED;
    return count;
}

/* Writes as much as the socket takes; returns how much that was, or IO_FAILED. */
static ssize_t write_out(struct connection *connection, const uint8_t *data, size_t len)
{
    size_t written = 0;

    while (written < len) {
        ssize_t count = write_some(connection, data + written, len - written);

        if (count == IO_AGAIN)
            break;
        if (count <= 0)
            return IO_FAILED;
        written += (size_t)count;
        if (connection->tls == NULL && written < len)
            break; /* a short write: the socket is full */
    }
    if (written > 0)
        connection->written_at = loop_now(connection->transport->server->loop);
    return (ssize_t)written;
}

/* Fills the shared buffer with frames. False when the session has broken. */
static bool frame(struct connection *connection)
{
    struct transport *transport = connection->transport;
    const uint8_t *data;
    ssize_t count;

    transport->out_len = 0;
    do {
        /* Data frames go into the buffer by themselves (answer_send_data), as long as there is room; all others fit in
         * one of nghttp2's own buffers. */
        if (OUT_BYTES - transport->out_len < FRAME_BYTES_MAX)
            return true;
        count = nghttp2_session_mem_send(connection->session, &data);
        if (count > 0) {
            memcpy(transport->out + transport->out_len, data, (size_t)count);
            transport->out_len += (size_t)count;
        }
    } while (count > 0);
    return count == 0;
}

/* Nothing more will be written: waits for the client to see it and close. */
static void linger(struct connection *connection)
{
    struct transport *transport = connection->transport;

    end_session(connection);
    tls_free(connection->tls);
    connection->tls = NULL; /* what comes now is thrown away undecoded */
    shutdown(h2o_socket_get_fd(connection->socket), SHUT_WR);
    connection->linger_until =
        loop_now(transport->server->loop) + (transport->draining ? LINGER_TIME_DRAINING : LINGER_TIME);
    set_timer(connection);
}

/* Whether all has been said. */
static bool is_over(const struct connection *connection)
{
    if (connection->ending || (connection->draining && connection->streams == NULL))
        return true;
    return !nghttp2_session_want_read(connection->session) && !nghttp2_session_want_write(connection->session);
}

static void keep_unwritten(struct connection *connection, const uint8_t *data, size_t len)
{
    buffer_append(&connection->unwritten, data, len);
    if (!connection->waits_for_room) {
        connection->waits_for_room = true;
        connection->written_at = loop_now(connection->transport->server->loop); /* the patience begins here */
        set_timer(connection);
    }
    wait_for_room(connection);
}

/* Writes what an earlier turn had to keep. False when there is still some, or the connection is gone. */
static bool write_unwritten(struct connection *connection)
{
    ssize_t count;

    if (connection->unwritten.len == 0)
        return true;
    count = write_out(connection, connection->unwritten.data + connection->unwritten_from,
                      connection->unwritten.len - connection->unwritten_from);
    if (count < 0) {
        connection_free(connection);
        return false;
    }
    connection->unwritten_from += (size_t)count;
    if (connection->unwritten_from < connection->unwritten.len) {
        wait_for_room(connection);
        return false;
    }
    buffer_free(&connection->unwritten);
    connection->unwritten_from = 0;
    connection->waits_for_room = false;
    return true;
}

void connection_write(struct connection *connection)
{
    struct transport *transport = connection->transport;

    if (connection->session == NULL || !write_unwritten(connection))
        return;
    for (int i = 0; i < WRITES_PER_TURN; i++) {
        ssize_t count;

        if (!frame(connection)) {
            connection_free(connection);
            return;
        }
        if (transport->out_len == 0) {
            if (is_over(connection))
                linger(connection);
            return;
        }
        count = write_out(connection, transport->out, transport->out_len);
        if (count < 0) {
            connection_free(connection);
            return;
        }
        if ((size_t)count < transport->out_len) {
            keep_unwritten(connection, transport->out + count, transport->out_len - (size_t)count);
            return;
        }
    }
    wait_for_room(connection); /* there is room, so this comes back in the next turn */
}

static void on_room(h2o_socket_t *socket, const char *err)
{
    struct connection *connection = connection_of(socket);

    if (err != NULL) {
        connection_free(connection);
        return;
    }
    if (connection->tls != NULL && connection->session == NULL) {
        on_readable(socket, NULL); /* the TLS handshake goes on */
        return;
    }
    connection_touch(connection);
}

/* --- ends --- */

void connection_end(struct connection *connection, uint32_t http2_error, const char *reason)
{
    if (connection->ending)
        return;
    connection->ending = true;
    log_info("connection ended", "reason", reason);
    nghttp2_submit_goaway(connection->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(connection->session), http2_error,
                          (const uint8_t *)reason, strlen(reason));
    connection_touch(connection);
}

void connection_drain(struct connection *connection)
{
    struct stream *stream, *next;

    connection->draining = true;
    if (connection->linger_until != 0)
        return;
    if (connection->session == NULL) {
        connection_free(connection);
        return;
    }
    nghttp2_submit_goaway(connection->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(connection->session), NGHTTP2_NO_ERROR, NULL, 0);
    DL_FOREACH_SAFE (connection->streams, stream, next)
        stream_drain(stream);
    connection_touch(connection);
}
