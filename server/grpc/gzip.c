#include "server/grpc/gzip.h"

#include <zlib.h>

#include "base/invariant.h"

/* 15 bits of window, plus 16: gzip's header instead of zlib's. */
enum { WINDOW_BITS_GZIP = 15 + 16, MEMORY_LEVEL = 8 };

/* The fastest level: packing is there to save a slow link, not to win a contest, and it runs on the only thread. */
enum { LEVEL = 1 };

/* What unpacking grows by. */
enum { STEP_BYTES = 16 * 1024 };

struct gzip {
    z_stream in, out;
    bool in_ready, out_ready;
};

struct gzip *gzip_new(struct arena *arena)
{
    return ARENA_NEW(arena, struct gzip);
}

void gzip_free(struct gzip *gzip)
{
    if (gzip == NULL)
        return;
    if (gzip->in_ready)
        inflateEnd(&gzip->in);
    if (gzip->out_ready)
        deflateEnd(&gzip->out);
}

static z_stream *ready_to_unpack(struct gzip *gzip)
{
    int result = gzip->in_ready ? inflateReset(&gzip->in) : inflateInit2(&gzip->in, WINDOW_BITS_GZIP);

    invariant(result == Z_OK, "inflate does not start: %d", result);
    gzip->in_ready = true;
    return &gzip->in;
}

static z_stream *ready_to_pack(struct gzip *gzip)
{
    int result = gzip->out_ready
                     ? deflateReset(&gzip->out)
                     : deflateInit2(&gzip->out, LEVEL, Z_DEFLATED, WINDOW_BITS_GZIP, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);

    invariant(result == Z_OK, "deflate does not start: %d", result);
    gzip->out_ready = true;
    return &gzip->out;
}

enum gunzip_result gunzip(struct gzip *gzip, struct bytes data, size_t len_max, struct buffer *out)
{
    z_stream *stream = ready_to_unpack(gzip);
    size_t start = out->len;
    int result = Z_OK;

    stream->next_in = (Bytef *)(uintptr_t)data.data; /* zlib reads it only, but does not say so */
    stream->avail_in = (uInt)data.len;
    while (result == Z_OK) {
        size_t before = out->len;

        stream->next_out = buffer_reserve(out, STEP_BYTES);
        stream->avail_out = STEP_BYTES;
        result = inflate(stream, Z_NO_FLUSH);
        out->len += STEP_BYTES - stream->avail_out;
        if (out->len - start > len_max)
            return GUNZIP_TOO_LARGE;
        if (result == Z_OK && out->len == before && stream->avail_in == 0)
            return GUNZIP_DAMAGED; /* truncated */
    }
    return result == Z_STREAM_END && stream->avail_in == 0 ? GUNZIPPED : GUNZIP_DAMAGED;
}

bool gzip_pack(struct gzip *gzip, struct arena *arena, struct bytes data, size_t room_before, struct bytes *ret_packed)
{
    z_stream *stream = ready_to_pack(gzip);
    uint8_t *packed = arena_alloc_raw(arena, room_before + data.len);

    packed += room_before;
    stream->next_in = (Bytef *)(uintptr_t)data.data;
    stream->avail_in = (uInt)data.len;
    stream->next_out = packed;
    stream->avail_out = (uInt)data.len;
    if (deflate(stream, Z_FINISH) != Z_STREAM_END)
        return false;
    *ret_packed = (struct bytes){packed, data.len - stream->avail_out};
    return true;
}
