/*
 * nghttp2's callbacks: they find the stream and pass on what came. Nothing here calls a handler (TR2).
 *
 * What a client can do at no cost of its own is limited here by token buckets; beyond them it is told
 * ENHANCE_YOUR_CALM. nghttp2 itself limits resets, CONTINUATION frames, entries of SETTINGS and answers to SETTINGS and
 * PING that nobody reads.
 */
#include <string.h>

#include "base/invariant.h"
#include "server/grpc/parts.h"
#include "server/server.h"

/* Pings: keepalive needs one in ten seconds, but clients also measure bandwidth with them, the Go client with nearly
 * every answer that it reads. So these are the pings between two answers: as every gRPC server does it, what we send
 * forgives those before it. The debug text is what gRPC clients know: they ping less after it. */
static const struct token_bucket_limit ping_limit = {.burst = 500, .per_second = 100};

/* Frames that move nothing: empty DATA, SETTINGS and the like. (PRIORITY and unknown types nghttp2 skips by itself, for
 * less than it costs to send them.) */
static const struct token_bucket_limit idle_frame_limit = {.burst = 1000, .per_second = 200};

/* Resets: a client whose ten thousand polls reach their deadlines at once resets them all. */
enum { RESET_BURST = 2 * STREAMS_PER_CONNECTION_MAX, RESETS_PER_SECOND = 1000 };

/* Nine frames of a header block are more than HEADER_LIST_BYTES_MAX needs. */
enum { CONTINUATIONS_MAX = 8 };

/* Answers to PING and SETTINGS that wait because the client does not read. More than the buckets above let pass in one
 * read. */
enum { ACKS_QUEUED_MAX = 2000 };

/* Flow-control windows. nghttp2 gives back what has come in, so these bound what is in flight, not what is held: enough
 * for a gigabit link of 60 ms. */
enum { STREAM_WINDOW_BYTES = 1 << 20, CONNECTION_WINDOW_BYTES = 8 << 20 };

static struct stream *find_stream(nghttp2_session *session, int32_t id)
{
    struct stream *stream = nghttp2_session_get_stream_user_data(session, id);

    invariant(stream == NULL || stream->magic == STREAM_MAGIC, "stream %d is none", id);
    return stream;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct connection *connection = user_data;

    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        connection->receiving = NULL; /* trailers, of which requests have none that we know */
        return 0;
    }
    connection->receiving = stream_new(connection, frame->hd.stream_id);
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, connection->receiving);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name, nghttp2_rcbuf *value,
                     uint8_t flags, void *user_data)
{
    struct connection *connection = user_data;
    nghttp2_vec name_bytes = nghttp2_rcbuf_get_buf(name), value_bytes = nghttp2_rcbuf_get_buf(value);

    (void)session;
    (void)frame;
    (void)flags;
    if (connection->receiving != NULL)
        stream_header(connection->receiving, (struct bytes){name_bytes.base, name_bytes.len},
                      (struct bytes){value_bytes.base, value_bytes.len});
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t len,
                   void *user_data)
{
    struct stream *stream = find_stream(session, stream_id);

    (void)flags;
    (void)user_data;
    if (stream != NULL)
        stream_data(stream, (struct bytes){data, len});
    return 0;
}

static void spend(struct connection *connection, struct token_bucket *bucket, const struct token_bucket_limit *limit,
                  const char *reason)
{
    if (!token_bucket_take(bucket, limit, connection->read_at))
        connection_end(connection, NGHTTP2_ENHANCE_YOUR_CALM, reason);
}

/* Counts frames that move nothing. */
static void limit_frame(struct connection *connection, const nghttp2_frame *frame)
{
    switch (frame->hd.type) {
    case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
            spend(connection, &connection->pings, &ping_limit, "too_many_pings");
        break;
    case NGHTTP2_DATA:
        if (frame->hd.length > 0 || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
            break;
        spend(connection, &connection->idle_frames, &idle_frame_limit, "too many empty frames");
        break;
    case NGHTTP2_HEADERS:
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_WINDOW_UPDATE: /* one comes with each answer that a client reads */
        break;
    default:
        spend(connection, &connection->idle_frames, &idle_frame_limit, "too many control frames");
        break;
    }
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct connection *connection = user_data;
    struct stream *stream;

    limit_frame(connection, frame);
    if (connection->ending)
        return NGHTTP2_ERR_CALLBACK_FAILURE; /* take_in knows; what else it has read is of no interest */
    if (frame->hd.type == NGHTTP2_SETTINGS) {
        connection->settled = true;
        return 0;
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    stream = find_stream(session, frame->hd.stream_id);
    if (stream == NULL)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS)
        connection->receiving = NULL;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        stream_headers_end(stream);
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        stream_request_end(stream);
    return 0;
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct connection *connection = user_data;
    struct stream *stream;

    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    token_bucket_fill(&connection->pings);
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    stream = find_stream(session, frame->hd.stream_id);
    if (stream == NULL)
        return 0;
    stream->delivered = true;
    if (!stream->request_ended) /* the rest of the request is of no use (RFC 7540, 8.1) */
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code, void *user_data)
{
    struct connection *connection = user_data;
    struct stream *stream = find_stream(session, stream_id);

    (void)error_code;
    if (stream == NULL)
        return 0;
    if (connection->receiving == stream)
        connection->receiving = NULL;
    stream_gone(stream);
    return 0;
}

void session_setup(struct transport *transport)
{
    invariant(nghttp2_session_callbacks_new(&transport->callbacks) == 0 &&
                  nghttp2_option_new(&transport->session_options) == 0,
              "out of memory");
    nghttp2_session_callbacks_set_on_begin_headers_callback(transport->callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(transport->callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(transport->callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(transport->callbacks, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(transport->callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(transport->callbacks, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(transport->callbacks, answer_send_data);
    nghttp2_option_set_no_closed_streams(transport->session_options, 1); /* kept for RFC 7540's priorities only */
    nghttp2_option_set_stream_reset_rate_limit(transport->session_options, RESET_BURST, RESETS_PER_SECOND);
    nghttp2_option_set_max_continuations(transport->session_options, CONTINUATIONS_MAX);
    nghttp2_option_set_max_outbound_ack(transport->session_options, ACKS_QUEUED_MAX);
}

void session_new(struct connection *connection)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_PER_CONNECTION_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_LIST_BYTES_MAX},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}, /* no tree of streams to keep */
    };
    struct transport *transport = connection->transport;
    int made =
        nghttp2_session_server_new2(&connection->session, transport->callbacks, connection, transport->session_options);

    invariant(made == 0, "nghttp2: %s", nghttp2_strerror(made));
    nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings, sizeof(settings) / sizeof(settings[0]));
    nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW_BYTES);
    connection_touch(connection);
}
