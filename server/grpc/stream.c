/*
 * A stream is one call: its headers choose the RPC, its body becomes the request message, the stream's work calls the
 * handler, and the turn brings the answer back (answer.c sends it).
 *
 * Whatever is wrong with a request is answered here, in the words of the real server's gRPC library, without a handler.
 */
#include <string.h>

#include <utlist.h>

#include "base/invariant.h"
#include "proto/pb.h"
#include "proto/scan.h"
#include "server/frontend/client_version.h"
#include "server/grpc/parts.h"
#include "server/grpc/stream_call.h"
#include "server/metrics/server_metrics.h"
#include "server/server.h"

/* The first chunk of a call's arena: stream, call, a poll's request and its empty response fit. An idle poll costs
 * this, and about 300 bytes in nghttp2. */
enum { CALL_ARENA_BYTES = 2048 };

/* Arenas of finished calls that are kept for the next ones; what a burst of calls has at once. */
enum { SPARE_ARENAS_MAX = 64 };

/* Unread messages of a streaming answer. */
enum { QUEUED_BYTES_MAX = 1 << 20 };

static struct arena *take_arena(struct transport *transport)
{
    if (transport->spare_arenas_count > 0)
        return transport->spare_arenas[--transport->spare_arenas_count];
    return arena_new(CALL_ARENA_BYTES);
}

static void give_arena(struct transport *transport, struct arena *arena)
{
    if (transport->spare_arenas == NULL)
        transport->spare_arenas = ARENA_NEW_ARRAY(transport->arena, struct arena *, SPARE_ARENAS_MAX);
    if (transport->spare_arenas_count == SPARE_ARENAS_MAX) {
        arena_free(arena);
        return;
    }
    arena_reset(arena);
    transport->spare_arenas[transport->spare_arenas_count++] = arena;
}

struct stream *stream_new(struct connection *connection, int32_t id)
{
    struct transport *transport = connection->transport;
    struct arena *arena = take_arena(transport);
    struct stream *stream = ARENA_NEW(arena, struct stream);

    stream->magic = STREAM_MAGIC;
    stream->id = id;
    stream->connection = connection;
    stream->transport = transport;
    stream->arena = arena;
    stream->messages_end = &stream->messages;
    stream->call.server = transport->server;
    stream->call.arena = arena;
    stream->call.tail_end = &stream->call.tail;
    stream->call.deadline = NANOS_MAX;
    stream->call.transport = &transport->delivery;
    stream->call.stream = stream;
    DL_APPEND(connection->streams, stream);
    transport->counts.streams++;
    return stream;
}

/* Frees what its arena does not, then the arena with the stream in it (TR1). */
static void stream_release(struct stream *stream)
{
    struct transport *transport = stream->transport;

    invariant(stream->connection == NULL, "a stream is freed while its connection has it"); /* TR1 */
    metrics_call_ends(&stream->call); /* one that was never answered; else it has ended before */
    loop_unpost(transport->server->loop, &stream->work);
    for (struct stream_message *message = stream->messages, *next; message != NULL; message = next) {
        next = message->next;
        arena_free(message->arena);
    }
    message_reader_free(&stream->reader);
    buffer_free(&stream->queued);
    transport->counts.streams--;
    stream->magic = 0;
    give_arena(transport, stream->arena);
}

void stream_charge(struct stream *stream)
{
    struct connection *connection = stream->connection;
    size_t holds = arena_bytes_held(stream->arena) + stream->reader.body.capacity + stream->queued.capacity;

    if (connection == NULL)
        return;
    connection->held += holds - stream->held;
    stream->transport->held += holds - stream->held;
    stream->held = holds;
}

/* Whether its connection, or all of them together, hold more than they may. */
static bool is_over_limit(const struct stream *stream)
{
    return stream->connection->held > HELD_BYTES_PER_CONNECTION_MAX || stream->transport->held > HELD_BYTES_MAX;
}

static void stream_work(struct work *work);

/* --- ends --- */

/* The work of a stream that has gone. */
static void stream_bury(struct stream *stream)
{
    struct call *call = &stream->call;

    if (stream->state == STREAM_CALLED && call->answered)
        return; /* the turn has it, and stream_deliver will see */
    if (stream->state == STREAM_CALLED && call->on_cancel != NULL)
        call->on_cancel(call, CALL_CLIENT_GONE);
    if (stream->state == STREAM_CALLED && call->answered)
        return; /* by its own cancel hook */
    if (stream->state == STREAM_SENDING && call->on_undelivered != NULL)
        call->on_undelivered(call);
    stream_release(stream);
}

void stream_gone(struct stream *stream)
{
    struct connection *connection = stream->connection;
    struct loop *loop = stream->transport->server->loop;

    connection->held -= stream->held;
    stream->transport->held -= stream->held;
    DL_DELETE(connection->streams, stream);
    stream->connection = NULL;
    timers_cancel(loop_timers(loop), &stream->deadline);
    if (stream->state == STREAM_CALLED ||
        (stream->state == STREAM_SENDING && !stream->delivered && stream->call.on_undelivered != NULL))
        loop_post(loop, &stream->work, stream_work); /* TR2 */
    else
        stream_release(stream);
}

/* Answers a request that no handler will see, or a parked call that the transport gives up. */
static void stream_refuse(struct stream *stream, const char *http_status, status why)
{
    if (stream->connection == NULL || stream->state == STREAM_SENDING)
        return;
    timers_cancel(loop_timers(stream->transport->server->loop), &stream->deadline);
    loop_unpost(stream->transport->server->loop, &stream->work);
    message_reader_free(&stream->reader);
    answer_final(stream, http_status, why);
    connection_touch(stream->connection);
}

static void deadline_passed(struct timer *timer, void *context)
{
    struct stream *stream = context;
    status expired = status_error(GRPC_DEADLINE_EXCEEDED, "context deadline exceeded");

    (void)timer;
    if (stream->state == STREAM_CALLED)
        call_end_early(&stream->call, CALL_DEADLINE, expired);
    else
        stream_refuse(stream, "200", expired);
}

void stream_watch_deadline(struct stream *stream)
{
    if (stream->call.deadline == NANOS_MAX || timer_is_set(&stream->deadline))
        return;
    timers_set(loop_timers(stream->transport->server->loop), &stream->deadline, stream->call.deadline, deadline_passed,
               stream);
}

void stream_drain(struct stream *stream)
{
    status draining = status_error(GRPC_UNAVAILABLE, "the server is shutting down");

    if (stream->state == STREAM_CALLED)
        call_end_early(&stream->call, CALL_DRAINING, draining);
    else
        stream_refuse(stream, "200", draining);
}

void stream_deliver(struct stream *stream)
{
    struct call *call = &stream->call;

    timers_cancel(loop_timers(stream->transport->server->loop), &stream->deadline);
    if (stream->connection == NULL) { /* what it was to hand out comes back in the next turn, which follows at once */
        stream->state = STREAM_SENDING;
        loop_post(stream->transport->server->loop, &stream->work, stream_work);
        return;
    }
    if (call->rpc->kind == UNARY)
        answer_unary(stream);
    else
        answer_final(stream, "200", call->answer);
    stream_charge(stream);
    connection_touch(stream->connection);
}

/* --- headers --- */

static bool is(struct bytes name, const char *literal, size_t len)
{
    return memcmp(name.data, literal, len) == 0;
}

/* A text of a header in the call's arena. */
static char *keep(struct stream *stream, struct bytes value)
{
    return arena_strndup(stream->arena, (const char *)value.data, value.len);
}

static void set_timeout(struct stream *stream, struct bytes value)
{
    nanos timeout;

    stream->timeout = timeout_parse(stream->arena, (const char *)value.data, value.len, &timeout);
    if (stream->timeout == NULL)
        stream->call.deadline = nanos_add(stream->connection->read_at, timeout);
}

static void set_encoding(struct stream *stream, struct bytes value)
{
    if (value.len == 4 && is(value, "gzip", 4))
        stream->gzip = true;
    else if (value.len > 0 && !(value.len == 8 && is(value, "identity", 8)))
        stream->encoding = keep(stream, value);
}

/* "application/grpc", alone or followed by + or ; and more. We do not look at what follows: the body is protobuf. */
static void set_content_type(struct stream *stream, struct bytes value)
{
    static const char wanted[] = "application/grpc";
    const size_t len = sizeof(wanted) - 1;

    if (value.len >= len && is(value, wanted, len) &&
        (value.len == len || value.data[len] == '+' || value.data[len] == ';'))
        stream->has_content_type = true;
    else
        stream->content_type = keep(stream, value);
}

static void set_path(struct stream *stream, struct bytes value)
{
    stream->call.rpc = rpc_find((const char *)value.data, value.len);
    if (stream->call.rpc != NULL)
        return;
    stream->path = keep(stream, value);
    stream->path_len = (uint32_t)value.len;
}

void stream_header(struct stream *stream, struct bytes name, struct bytes value)
{
    enum { ENTRY_OVERHEAD = 32 }; /* RFC 7540, 6.5.2 */

    if (stream->headers_bytes > HEADER_LIST_BYTES_MAX)
        return;
    stream->headers_bytes += (uint32_t)(name.len + value.len) + ENTRY_OVERHEAD;
    if (stream->headers_bytes > HEADER_LIST_BYTES_MAX)
        return; /* refused at their end; until then nghttp2 decodes them, which its table needs */
    switch (name.len) {
    case 5:
        if (is(name, ":path", 5))
            set_path(stream, value);
        break;
    case 7:
        if (is(name, ":method", 7) && !(value.len == 4 && is(value, "POST", 4)))
            stream->method = keep(stream, value);
        break;
    case 11:
        if (is(name, "client-name", 11))
            stream->call.headers.client_name = keep(stream, value);
        break;
    case 12:
        if (is(name, "content-type", 12))
            set_content_type(stream, value);
        else if (is(name, "grpc-timeout", 12))
            set_timeout(stream, value);
        break;
    case 13:
        if (is(name, "grpc-encoding", 13))
            set_encoding(stream, value);
        break;
    case 14:
        if (is(name, "client-version", 14))
            stream->call.headers.client_version = keep(stream, value);
        break;
    case 18:
        if (is(name, "supported-features", 18))
            stream->call.headers.supported_features = keep(stream, value);
        break;
    case 25:
        if (is(name, "supported-server-versions", 25))
            stream->call.headers.supported_server_versions = keep(stream, value);
        break;
    default:
        break;
    }
}

/* What an unknown path is told. */
static status unknown_path(struct stream *stream)
{
    const char *path = stream->path, *slash = path == NULL ? NULL : strrchr(path, '/');
    enum { SHOWN_MAX = 500 };

    if (path == NULL || path[0] != '/' || slash == path)
        return status_errorf(stream->arena, GRPC_UNIMPLEMENTED, "malformed method name: \"%.*s\"", SHOWN_MAX,
                             path == NULL ? "" : path);
    if (!rpc_service_exists(path + 1, (size_t)(slash - path - 1)))
        return status_errorf(stream->arena, GRPC_UNIMPLEMENTED, "unknown service %.*s",
                             slash - path - 1 < SHOWN_MAX ? (int)(slash - path - 1) : SHOWN_MAX, path + 1);
    return status_errorf(stream->arena, GRPC_UNIMPLEMENTED, "unknown method %.*s for service %.*s", SHOWN_MAX,
                         slash + 1, (int)(slash - path - 1), path + 1);
}

/* Looks at what HTTP says of the request. False when it has been refused. */
static bool check_http(struct stream *stream)
{
    struct arena *arena = stream->arena;
    enum { SHOWN_MAX = 200 };

    if (stream->headers_bytes > HEADER_LIST_BYTES_MAX)
        stream_refuse(
            stream, "431",
            status_errorf(arena, GRPC_RESOURCE_EXHAUSTED, "request headers larger than max %d", HEADER_LIST_BYTES_MAX));
    else if (!stream->has_content_type)
        stream_refuse(stream, "415",
                      status_errorf(arena, GRPC_INVALID_ARGUMENT, "invalid gRPC request content-type \"%.*s\"",
                                    SHOWN_MAX, stream->content_type == NULL ? "" : stream->content_type));
    else if (stream->timeout != NULL)
        stream_refuse(stream, "400",
                      status_errorf(arena, GRPC_INTERNAL, "malformed grpc-timeout: %s", stream->timeout));
    else if (stream->method != NULL)
        stream_refuse(stream, "405",
                      status_errorf(arena, GRPC_INTERNAL,
                                    "Received a HEADERS frame with :method \"%.*s\" which should be POST", SHOWN_MAX,
                                    stream->method));
    else
        return true;
    return false;
}

void stream_headers_end(struct stream *stream)
{
    struct call *call = &stream->call;

    if (stream->state != STREAM_HEADERS)
        return;
    stream->state = STREAM_REQUEST;
    stream_charge(stream);
    if (!check_http(stream))
        return;
    if (call->rpc == NULL)
        stream_refuse(stream, "200", unknown_path(stream));
    else if (!rpc_is_implemented(call->rpc))
        stream_refuse(stream, "200",
                      status_errorf(stream->arena, GRPC_UNIMPLEMENTED, "method %s of service %s is not implemented",
                                    call->rpc->method, call->rpc->service));
    else if (stream->encoding != NULL)
        stream_refuse(stream, "200",
                      status_errorf(stream->arena, GRPC_UNIMPLEMENTED,
                                    "grpc: Decompressor is not installed for grpc-encoding \"%.100s\"",
                                    stream->encoding));
    else if (call->deadline <= stream->connection->read_at)
        stream_refuse(stream, "200", status_error(GRPC_DEADLINE_EXCEEDED, "context deadline exceeded"));
    else if (is_over_limit(stream))
        stream_refuse(stream, "200", status_error(GRPC_RESOURCE_EXHAUSTED, "too much is under way on this connection"));
}

/* --- messages --- */

/* Unpacks a request message into `arena`. */
static status unpack(struct stream *stream, struct arena *arena, struct bytes data, const void **ret_message)
{
    const ProtobufCMessageDescriptor *type = stream->call.rpc->request;
    enum scan_result found = scan_message(type, data.data, data.len, NULL, NULL);
    const void *message;

    if (found != SCAN_OK)
        return status_errorf(stream->arena, GRPC_INTERNAL, "grpc: error unmarshalling request: %s",
                             scan_result_text(found));
    message = pb_unpack(arena, type, data.data, data.len);
    invariant(message != NULL, "a scanned %s does not unpack", type->name);
    *ret_message = message;
    return status_ok();
}

/* Unpacks it, after decompressing it when it is compressed. */
static status take_message(struct stream *stream, struct arena *arena, struct bytes data, bool compressed,
                           const void **ret_message)
{
    struct buffer plain = {0};
    status taken;

    if (!compressed)
        return unpack(stream, arena, data, ret_message);
    if (!stream->gzip)
        return status_error(GRPC_INTERNAL, "grpc: compressed flag set with identity or empty encoding");
    switch (gunzip(stream->transport->gzip, data, MESSAGE_BYTES_MAX, &plain)) {
    case GUNZIPPED:
        taken = unpack(stream, arena, (struct bytes){plain.data, plain.len}, ret_message);
        break;
    case GUNZIP_DAMAGED:
        taken = status_error(GRPC_INTERNAL, "grpc: failed to decompress the message: it is damaged");
        break;
    case GUNZIP_TOO_LARGE:
        taken = status_errorf(stream->arena, GRPC_RESOURCE_EXHAUSTED,
                              "grpc: received message after decompression larger than max %d", MESSAGE_BYTES_MAX);
        break;
    }
    buffer_free(&plain);
    return taken;
}

/* Adds a message of a bidirectional stream to those that wait for the handler. */
static status queue_message(struct stream *stream, struct bytes data, bool compressed)
{
    struct arena *arena = arena_new(CALL_ARENA_BYTES);
    struct stream_message *message = ARENA_NEW(arena, struct stream_message);
    status taken = take_message(stream, arena, data, compressed, &message->message);

    if (!status_is_ok(taken)) {
        arena_free(arena);
        return taken;
    }
    message->arena = arena;
    *stream->messages_end = message;
    stream->messages_end = &message->next;
    loop_post(stream->transport->server->loop, &stream->work, stream_work);
    return status_ok();
}

static status receive(struct stream *stream, struct bytes data, bool compressed)
{
    if (stream->call.rpc->kind == BIDI_STREAM)
        return queue_message(stream, data, compressed);
    if (stream->call.request != NULL)
        return status_error(GRPC_INTERNAL, "grpc: received more than one message for a call that takes one");
    return take_message(stream, stream->arena, data, compressed, &stream->call.request);
}

/* Takes as many messages as the piece completes. */
static status read_messages(struct stream *stream, struct bytes piece)
{
    struct bytes message;
    bool compressed;

    while (piece.len > 0) {
        switch (message_reader_take(&stream->reader, &piece, &message, &compressed)) {
        case MESSAGE_PARTIAL:
            return status_ok();
        case MESSAGE_COMPLETE:
            TRY(receive(stream, message, compressed));
            message_reader_free(&stream->reader);
            break;
        case MESSAGE_TOO_LARGE:
            return status_errorf(stream->arena, GRPC_RESOURCE_EXHAUSTED,
                                 "grpc: received message larger than max (%u vs. %d)",
                                 message_reader_length(&stream->reader), MESSAGE_BYTES_MAX);
        case MESSAGE_BAD_FLAG:
            return status_errorf(stream->arena, GRPC_INTERNAL, "grpc: received unexpected payload format %d",
                                 stream->reader.prefix[0]);
        }
    }
    return status_ok();
}

/* The request is no good. A handler that has seen earlier messages hears of it in the stream's work (TR2). */
static void fail_request(struct stream *stream, status why)
{
    if (stream->state != STREAM_CALLED) {
        stream_refuse(stream, "200", why);
        return;
    }
    stream->failure = why;
    loop_post(stream->transport->server->loop, &stream->work, stream_work);
}

void stream_data(struct stream *stream, struct bytes piece)
{
    status taken;

    if (stream->state == STREAM_SENDING || stream->state == STREAM_HEADERS || !status_is_ok(stream->failure))
        return;
    taken = read_messages(stream, piece);
    stream_charge(stream);
    if (status_is_ok(taken) && is_over_limit(stream))
        taken = status_error(GRPC_RESOURCE_EXHAUSTED, "too much is under way on this connection");
    if (!status_is_ok(taken))
        fail_request(stream, taken);
}

void stream_request_end(struct stream *stream)
{
    stream->request_ended = true;
    if (stream->state == STREAM_SENDING || !status_is_ok(stream->failure))
        return;
    if (message_reader_is_midway(&stream->reader)) {
        fail_request(stream, status_error(GRPC_INTERNAL, "grpc: the request ends within a message: unexpected EOF"));
        return;
    }
    if (stream->call.rpc->kind != BIDI_STREAM) {
        if (stream->call.request == NULL) {
            stream_refuse(stream, "200", status_error(GRPC_INTERNAL, "grpc: the request has no message: EOF"));
            return;
        }
        stream->state = STREAM_READY;
    }
    loop_post(stream->transport->server->loop, &stream->work, stream_work);
}

/* --- dispatch --- */

/* Calls the handler of a unary or server-streaming RPC. */
static void dispatch(struct stream *stream)
{
    struct call *call = &stream->call;
    status returned;

    stream->state = STREAM_CALLED;
    stream->transport->counts.calls++;
    if (call->rpc->kind == UNARY)
        call->response = pb_new(stream->arena, call->rpc->response);
    metrics_call_begins(call);
    returned = frontend_enter(call);
    if (status_is_ok(returned))
        returned = call->rpc->handler(call, call->request, call->response);
    if (returned.code != GRPC_PENDING) {
        call_answer(call, returned);
        return;
    }
    invariant(call->parked || call->answered || call->rpc->kind != UNARY, "%s is pending, but not parked",
              call->rpc->method);
    if (!call->answered)
        stream_watch_deadline(stream);
    stream_charge(stream);
}

/* Calls the handler of a bidirectional stream for each message that has come; ends the stream after the client's last.
 */
static void dispatch_messages(struct stream *stream)
{
    struct call *call = &stream->call;

    if (call->answered)
        return;
    if (stream->state != STREAM_CALLED)
        stream->transport->counts.calls++;
    stream->state = STREAM_CALLED;
    while (stream->messages != NULL && !call->answered) {
        struct stream_message *message = stream->messages;
        status returned;

        stream->messages = message->next;
        if (stream->messages == NULL)
            stream->messages_end = &stream->messages;
        call->arena = message->arena;
        returned = call->rpc->handler(call, message->message, NULL);
        call->arena = stream->arena;
        if (!status_is_ok(returned) && returned.code != GRPC_PENDING) {
            returned.message = arena_strdup(stream->arena, returned.message); /* outlives the message */
            returned.detail = pb_copy(stream->arena, returned.detail);
            call_answer(call, returned);
        }
        arena_free(message->arena);
    }
    if (call->answered)
        return;
    if (!status_is_ok(stream->failure))
        call_end_early(&stream->call, CALL_CLIENT_GONE, stream->failure);
    else if (stream->request_ended)
        call_end_early(&stream->call, CALL_CLIENT_GONE, status_ok());
}

static void stream_work(struct work *work)
{
    struct stream *stream = (struct stream *)((char *)work - offsetof(struct stream, work));

    invariant(stream->magic == STREAM_MAGIC, "work of a stream that is none");
    if (stream->connection == NULL)
        stream_bury(stream);
    else if (stream->call.rpc->kind == BIDI_STREAM)
        dispatch_messages(stream);
    else
        dispatch(stream);
}

status stream_call_send(struct call *call, const ProtobufCMessage *message)
{
    struct stream *stream = call->stream;

    if (stream->connection == NULL)
        return status_error(GRPC_CANCELLED, "the client has gone");
    if (stream->queued.len - stream->sent > QUEUED_BYTES_MAX)
        return status_error(GRPC_RESOURCE_EXHAUSTED, "the client leaves too many messages unread");
    answer_message(stream, message);
    stream_charge(stream);
    connection_touch(stream->connection);
    return status_ok();
}
