/*
 * Answers as HTTP/2 says them.
 *
 *   success         HEADERS (200, content-type) · DATA (prefix, message) · HEADERS (grpc-status: 0)
 *   anything else   HEADERS (status, content-type, grpc-status, grpc-message, grpc-status-details-bin): "trailers
 * only", but for what is exhausted, which headers tell of: those, then the others as trailers
 *
 * A message is packed once, straight into the form in which it travels, and copied once, into the buffer that the
 * socket is written from.
 */
#include <stdio.h>
#include <string.h>

#include "base/invariant.h"
#include "proto/pb.h"
#include "server/grpc/parts.h"
#include "server/server.h"

/* Headers that a handler may add, and ours. */
enum { ADDED_HEADERS_MAX = 16, HEADERS_MAX = ADDED_HEADERS_MAX + 10 };

/* Clients bound header lists, some at 8 KiB: a longer text would replace our status by an error of theirs. */
enum { MESSAGE_TEXT_BYTES_MAX = 4096, DETAILS_BYTES_MAX = 8192 };

/* Answers smaller than this are not worth packing; a flag in front of each message says whether it is. */
enum { GZIP_BYTES_MIN = 1024 };

struct header_list {
    nghttp2_nv entries[HEADERS_MAX];
    size_t count;
};

/* Both texts stay where they are until the frame is made: literals, or in the stream's arena. */
static void add(struct header_list *list, const char *name, const char *value)
{
    invariant(list->count < HEADERS_MAX, "too many headers");
    list->entries[list->count++] = (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name, /* nghttp2 does not write to it, but does not say so */
        .value = (uint8_t *)(uintptr_t)value,
        .namelen = strlen(name),
        .valuelen = strlen(value),
        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE,
    };
}

/* The handler's headers, in the order in which they were added. */
static void add_headers_of(struct header_list *list, const struct call *call)
{
    const struct call_header *newest_first[ADDED_HEADERS_MAX];
    size_t count = 0;

    for (const struct call_header *header = call->answer_headers; header != NULL; header = header->next) {
        invariant(count < ADDED_HEADERS_MAX, "%s adds too many headers", call->rpc->method);
        newest_first[count++] = header;
    }
    while (count-- > 0)
        add(list, newest_first[count]->name, newest_first[count]->value);
}

static const char *code_text(enum status_code code)
{
    static const char *const texts[] = {"0", "1",  "2",  "3",  "4",  "5",  "6",  "7", "8",
                                        "9", "10", "11", "12", "13", "14", "15", "16"};

    invariant(code >= 0 && (size_t)code < sizeof(texts) / sizeof(texts[0]), "a status code %d", code);
    return texts[code];
}

/* google.rpc.Status with the detail in it, as grpc-status-details-bin. */
static void add_details(struct header_list *list, struct arena *arena, status final)
{
    PbStatus *details = ARENA_NEW_PB(arena, PbStatus);
    struct bytes packed;

    details->code = (int32_t) final.code;
    details->message = final.message == NULL ? "" : final.message;
    details->n_details = 1;
    details->details = ARENA_NEW_ARRAY(arena, PbAny *, 1);
    details->details[0] = pb_pack_any(arena, final.detail);
    packed = pb_pack(arena, details);
    if (packed.len <= DETAILS_BYTES_MAX)
        add(list, "grpc-status-details-bin", (const char *)base64_encode(arena, packed).data);
}

static void add_status(struct header_list *list, struct arena *arena, status final)
{
    add(list, "grpc-status", code_text(final.code));
    if (final.message != NULL && final.message[0] != '\0')
        add(list, "grpc-message", (const char *)percent_encode(arena, final.message, MESSAGE_TEXT_BYTES_MAX).data);
    if (final.detail != NULL)
        add_details(list, arena, final);
}

/* --- data --- */

static void submit_trailers(struct stream *stream)
{
    struct header_list list = {.count = 0};

    add_status(&list, stream->arena, stream->call.answer);
    nghttp2_submit_trailer(stream->connection->session, stream->id, list.entries, list.count);
}

static struct bytes unsent(const struct stream *stream)
{
    struct bytes all = stream->answer;

    if (stream->call.rpc->kind != UNARY)
        all = (struct bytes){stream->queued.data, stream->queued.len};
    return all.len == 0 ? all : (struct bytes){all.data + stream->sent, all.len - stream->sent};
}

/* nghttp2's: how much of the answer goes into the next frame. */
static ssize_t next_data(nghttp2_session *session, int32_t stream_id, uint8_t *buffer, size_t len, uint32_t *flags,
                         nghttp2_data_source *source, void *user_data)
{
    struct stream *stream = source->ptr;
    struct bytes left = unsent(stream);

    (void)session;
    (void)stream_id;
    (void)buffer;
    (void)user_data;
    invariant(stream->magic == STREAM_MAGIC, "data of a stream that is none");
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (left.len > len)
        return (ssize_t)len;
    if (stream->finished) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        submit_trailers(stream);
    } else if (left.len == 0) {
        return NGHTTP2_ERR_DEFERRED; /* until answer_message or answer_final */
    }
    return (ssize_t)left.len;
}

int answer_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *frame_header, size_t length,
                     nghttp2_data_source *source, void *user_data)
{
    struct stream *stream = source->ptr;
    struct transport *transport = stream->transport;
    uint8_t *at = transport->out + transport->out_len;

    (void)session;
    (void)frame;
    (void)user_data;
    /* Room stays for a frame that nghttp2 makes by itself before it comes back to connection_write. */
    if (OUT_BYTES - transport->out_len < FRAME_HEADER_BYTES + length + FRAME_BYTES_MAX)
        return NGHTTP2_ERR_WOULDBLOCK;
    memcpy(at, frame_header, FRAME_HEADER_BYTES);
    if (length > 0)
        memcpy(at + FRAME_HEADER_BYTES, unsent(stream).data, length);
    transport->out_len += FRAME_HEADER_BYTES + length;
    stream->sent += length;
    if (stream->sent == stream->queued.len && stream->queued.len > 0) {
        buffer_free(&stream->queued);
        stream->sent = 0;
    }
    return 0;
}

static void submit_headers(struct stream *stream, const struct header_list *list, bool with_data)
{
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = next_data};
    int result = nghttp2_submit_response(stream->connection->session, stream->id, list->entries, list->count,
                                         with_data ? &provider : NULL);

    invariant(result == 0, "nghttp2: %s", nghttp2_strerror(result));
    stream->headers_sent = true;
}

/* --- answers --- */

/* The message with its prefix, in the form in which it travels. */
static struct bytes pack_answer(struct stream *stream)
{
    struct call *call = &stream->call;
    size_t tail_bytes = 0, len, at;
    struct bytes packed;
    uint8_t *out;

    for (const struct call_tail *tail = call->tail; tail != NULL; tail = tail->next)
        tail_bytes += tail->encoded.len;
    packed = pb_pack_with_room(stream->arena, call->response, MESSAGE_PREFIX_BYTES, tail_bytes);
    len = packed.len + tail_bytes;
    out = (uint8_t *)(uintptr_t)packed.data - MESSAGE_PREFIX_BYTES; /* the room before it is ours */
    at = MESSAGE_PREFIX_BYTES + packed.len;
    for (const struct call_tail *tail = call->tail; tail != NULL; tail = tail->next) {
        memcpy(out + at, tail->encoded.data, tail->encoded.len);
        at += tail->encoded.len;
    }
    if (stream->gzip && len >= GZIP_BYTES_MIN &&
        gzip_pack(stream->transport->gzip, stream->arena, (struct bytes){out + MESSAGE_PREFIX_BYTES, len},
                  MESSAGE_PREFIX_BYTES, &packed)) {
        out = (uint8_t *)(uintptr_t)packed.data - MESSAGE_PREFIX_BYTES; /* the room before it is ours */
        message_prefix_write(out, true, (uint32_t)packed.len);
        return (struct bytes){out, MESSAGE_PREFIX_BYTES + packed.len};
    }
    message_prefix_write(out, false, (uint32_t)len);
    return (struct bytes){out, MESSAGE_PREFIX_BYTES + len};
}

static void add_first_headers(struct header_list *list, const struct stream *stream, const char *http_status)
{
    add(list, ":status", http_status);
    add(list, "content-type", "application/grpc");
    add_headers_of(list, &stream->call);
}

void answer_unary(struct stream *stream)
{
    struct header_list list = {.count = 0};

    if (!status_is_ok(stream->call.answer)) {
        answer_final(stream, "200", stream->call.answer);
        return;
    }
    stream->state = STREAM_SENDING;
    stream->finished = true;
    stream->answer = pack_answer(stream);
    add_first_headers(&list, stream, "200");
    if (stream->gzip)
        add(&list, "grpc-encoding", "gzip");
    submit_headers(stream, &list, true);
}

/* What is exhausted, when an error says so. */
static const PbResourceExhaustedFailure *exhausted_by(status final)
{
    const PbResourceExhaustedFailure *exhausted = final.detail;

    return final.code == GRPC_RESOURCE_EXHAUSTED && exhausted != NULL &&
                   exhausted->base.descriptor == &PbResourceExhaustedFailure_descriptor
               ? exhausted
               : NULL;
}

static void add_exhausted(struct header_list *list, struct arena *arena, const PbResourceExhaustedFailure *exhausted)
{
    add(list, "x-resource-exhausted-cause",
        pb_enum_short_name(arena, &PbResourceExhaustedCause_descriptor, (int)exhausted->cause,
                           "RESOURCE_EXHAUSTED_CAUSE_"));
    add(list, "x-resource-exhausted-scope",
        pb_enum_short_name(arena, &PbResourceExhaustedScope_descriptor, (int)exhausted->scope,
                           "RESOURCE_EXHAUSTED_SCOPE_"));
}

void answer_final(struct stream *stream, const char *http_status, status final)
{
    const PbResourceExhaustedFailure *exhausted = exhausted_by(final);
    struct header_list list = {.count = 0};

    stream->state = STREAM_SENDING;
    stream->finished = true;
    stream->call.answer = final;
    if (stream->headers_sent) {
        nghttp2_session_resume_data(stream->connection->session, stream->id); /* next_data sends the trailers */
        return;
    }
    add_first_headers(&list, stream, http_status);
    if (stream->encoding != NULL)
        add(&list, "grpc-accept-encoding", "identity,gzip");
    if (exhausted != NULL)
        add_exhausted(&list, stream->arena, exhausted); /* clients look for these in front of the trailers only */
    else
        add_status(&list, stream->arena, final);
    submit_headers(stream, &list, exhausted != NULL);
}

void answer_message(struct stream *stream, const ProtobufCMessage *message)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *at = buffer_reserve(&stream->queued, MESSAGE_PREFIX_BYTES + len);
    struct header_list list = {.count = 0};

    message_prefix_write(at, false, (uint32_t)len);
    protobuf_c_message_pack(message, at + MESSAGE_PREFIX_BYTES);
    stream->queued.len += MESSAGE_PREFIX_BYTES + len;
    if (stream->headers_sent) {
        nghttp2_session_resume_data(stream->connection->session, stream->id);
        return;
    }
    add_first_headers(&list, stream, "200");
    submit_headers(stream, &list, true);
}
