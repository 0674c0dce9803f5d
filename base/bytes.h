/* Byte strings: a borrowed view, and a buffer that grows. Also the one hash function for tables keyed by bytes. */
#ifndef FERMATA_BASE_BYTES_H
#define FERMATA_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A view of bytes that somebody else owns. {NULL, 0} is empty. */
struct bytes {
    const uint8_t *data;
    size_t len;
};

/* A growing buffer on the heap. Zeroed is empty. */
struct buffer {
    uint8_t *data;
    size_t len, capacity;
};

/* Makes room for `more` bytes behind the present ones and returns where they go; len does not change. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t more);

/* Appends a copy of `len` bytes. */
void buffer_append(struct buffer *buffer, const void *data, size_t len);

/* Appends one byte. */
void buffer_append_byte(struct buffer *buffer, uint8_t byte);

/* Removes `len` bytes at the front (at most all). */
void buffer_consume(struct buffer *buffer, size_t len);

/* Frees the memory and leaves an empty buffer. */
void buffer_free(struct buffer *buffer);

/* Whether two views hold the same bytes. */
bool bytes_equal(struct bytes a, struct bytes b);

/* A view of a zero-terminated text, without its zero. NULL is empty. */
struct bytes bytes_of(const char *text);

#endif
