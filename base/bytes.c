#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"

enum { BUFFER_BYTES_MIN = 256 };

uint8_t *buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t need = buffer->len + more;

    invariant(need >= more, "buffer size overflows");
    if (need > buffer->capacity) {
        size_t capacity = buffer->capacity < BUFFER_BYTES_MIN ? BUFFER_BYTES_MIN : buffer->capacity * 2;

        if (capacity < need)
            capacity = need;
        buffer->data = realloc(buffer->data, capacity);
        invariant(buffer->data != NULL, "out of memory");
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->len;
}

void buffer_append(struct buffer *buffer, const void *data, size_t len)
{
    if (len == 0)
        return;
    memcpy(buffer_reserve(buffer, len), data, len);
    buffer->len += len;
}

void buffer_append_byte(struct buffer *buffer, uint8_t byte)
{
    *buffer_reserve(buffer, 1) = byte;
    buffer->len++;
}

void buffer_consume(struct buffer *buffer, size_t len)
{
    invariant(len <= buffer->len, "consumes %zu of %zu bytes", len, buffer->len);
    buffer->len -= len;
    if (buffer->len > 0)
        memmove(buffer->data, buffer->data + len, buffer->len);
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

struct bytes bytes_of(const char *text)
{
    return text == NULL ? (struct bytes){0} : (struct bytes){(const uint8_t *)text, strlen(text)};
}
