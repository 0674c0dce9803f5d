#include "server/grpc/framing.h"

#include <string.h>

uint32_t message_reader_length(const struct message_reader *reader)
{
    const uint8_t *p = reader->prefix;

    return (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
}

bool message_reader_is_midway(const struct message_reader *reader)
{
    return reader->prefix_len > 0;
}

void message_reader_free(struct message_reader *reader)
{
    buffer_free(&reader->body);
}

static void advance(struct bytes *piece, size_t len)
{
    piece->data += len;
    piece->len -= len;
}

static void take_prefix(struct message_reader *reader, struct bytes *piece)
{
    size_t missing = (size_t)(MESSAGE_PREFIX_BYTES - reader->prefix_len),
           len = piece->len < missing ? piece->len : missing;

    memcpy(reader->prefix + reader->prefix_len, piece->data, len);
    reader->prefix_len = (uint8_t)(reader->prefix_len + len);
    advance(piece, len);
}

enum message_read message_reader_take(struct message_reader *reader, struct bytes *piece, struct bytes *ret_message,
                                      bool *ret_compressed)
{
    size_t length, len;

    if (piece->len > 0 && reader->prefix_len < MESSAGE_PREFIX_BYTES) {
        buffer_free(&reader->body); /* of the message before */
        take_prefix(reader, piece);
    }
    if (reader->prefix_len < MESSAGE_PREFIX_BYTES)
        return MESSAGE_PARTIAL;
    if (reader->prefix[0] > 1)
        return MESSAGE_BAD_FLAG;
    length = message_reader_length(reader);
    if (length > MESSAGE_BYTES_MAX)
        return MESSAGE_TOO_LARGE;
    if (reader->body.len == 0 && piece->len >= length) {
        *ret_message = (struct bytes){piece->data, length};
        advance(piece, length);
    } else {
        /* Grows with what has arrived, not to what the prefix announces: announcing costs a client nothing. */
        len = length - reader->body.len < piece->len ? length - reader->body.len : piece->len;
        buffer_append(&reader->body, piece->data, len);
        advance(piece, len);
        if (reader->body.len < length)
            return MESSAGE_PARTIAL;
        *ret_message = (struct bytes){reader->body.data, length};
    }
    *ret_compressed = reader->prefix[0] == 1;
    reader->prefix_len = 0;
    return MESSAGE_COMPLETE;
}

void message_prefix_write(uint8_t prefix[MESSAGE_PREFIX_BYTES], bool compressed, uint32_t len)
{
    prefix[0] = compressed;
    prefix[1] = (uint8_t)(len >> 24);
    prefix[2] = (uint8_t)(len >> 16);
    prefix[3] = (uint8_t)(len >> 8);
    prefix[4] = (uint8_t)len;
}

/* 0 when it is not a unit. */
static nanos timeout_unit(char unit)
{
    switch (unit) {
    case 'H':
        return 3600 * NANOS_PER_SECOND;
    case 'M':
        return 60 * NANOS_PER_SECOND;
    case 'S':
        return NANOS_PER_SECOND;
    case 'm':
        return NANOS_PER_MILLISECOND;
    case 'u':
        return 1000;
    case 'n':
        return 1;
    default:
        return 0;
    }
}

const char *timeout_parse(struct arena *arena, const char *text, size_t len, nanos *ret_timeout)
{
    enum { LEN_MIN = 2, LEN_MAX = 9 }; /* up to eight digits and a unit */
    int64_t count = 0;
    nanos unit;

    if (len < LEN_MIN)
        return arena_printf(arena, "transport: timeout string is too short: \"%.*s\"", (int)len, text);
    if (len > LEN_MAX)
        return arena_printf(arena, "transport: timeout string is too long: \"%.*s\"", (int)(len < 64 ? len : 64), text);
    unit = timeout_unit(text[len - 1]);
    if (unit == 0)
        return arena_printf(arena, "transport: timeout unit is not recognized: \"%.*s\"", (int)len, text);
    for (size_t i = 0; i < len - 1; i++) {
        if (text[i] < '0' || text[i] > '9')
            return arena_printf(arena, "strconv.ParseUint: parsing \"%.*s\": invalid syntax", (int)(len - 1), text);
        count = count * 10 + (text[i] - '0');
    }
    *ret_timeout = nanos_scale(unit, count);
    return NULL;
}

/* The length of the well-formed UTF-8 sequence at `text` (RFC 3629), 0 when there is none. */
static size_t utf8_sequence(const uint8_t *text)
{
    uint8_t first = text[0], low = 0x80, high = 0xbf; /* bounds of the second byte */
    size_t len;

    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        len = 2;
    else if ((first & 0xf0) == 0xe0)
        len = 3;
    else if (first >= 0xf0 && first <= 0xf4)
        len = 4;
    else
        return 0;
    if (first == 0xe0)
        low = 0xa0; /* shorter forms exist */
    else if (first == 0xed)
        high = 0x9f; /* surrogates */
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f; /* beyond U+10FFFF */
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

static bool travels_as_it_is(uint8_t byte)
{
    return byte >= ' ' && byte <= '~' && byte != '%';
}

struct bytes percent_encode(struct arena *arena, const char *text, size_t len_max)
{
    static const char hex[] = "0123456789ABCDEF", replacement[] = "\xef\xbf\xbd";
    const uint8_t *at = (const uint8_t *)text;
    uint8_t *out;
    size_t len = strlen(text), out_len = 0;

    if (len > len_max)
        len = len_max;                         /* more would not fit in any case */
    out = arena_alloc_raw(arena, 9 * len + 1); /* at worst every byte becomes %EF%BF%BD */
    while (at < (const uint8_t *)text + len) {
        size_t sequence = utf8_sequence(at), bytes = sequence > 0 ? sequence : 3;
        const uint8_t *from = sequence > 0 ? at : (const uint8_t *)replacement;

        if (out_len + 3 * bytes > len_max)
            break;
        for (size_t i = 0; i < bytes; i++) {
            if (travels_as_it_is(from[i])) {
                out[out_len++] = from[i];
                continue;
            }
            out[out_len++] = '%';
            out[out_len++] = (uint8_t)hex[from[i] >> 4];
            out[out_len++] = (uint8_t)hex[from[i] & 15];
        }
        at += sequence > 0 ? sequence : 1;
    }
    out[out_len] = '\0';
    return (struct bytes){out, out_len};
}

struct bytes base64_encode(struct arena *arena, struct bytes data)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t *out = arena_alloc_raw(arena, data.len / 3 * 4 + 5);
    size_t out_len = 0;
    uint32_t bits = 0;
    int count = 0; /* of bits that wait */

    for (size_t i = 0; i < data.len; i++) {
        bits = bits << 8 | data.data[i];
        for (count += 8; count >= 6; count -= 6)
            out[out_len++] = (uint8_t)digits[bits >> (count - 6) & 63];
    }
    if (count > 0)
        out[out_len++] = (uint8_t)digits[bits << (6 - count) & 63];
    out[out_len] = '\0';
    return (struct bytes){out, out_len};
}
