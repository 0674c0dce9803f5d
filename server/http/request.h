/*
 * HTTP/1.1 requests (RFC 9112) as bytes: the head, and bodies in chunks. Pure: bytes in, facts out. Strict where two
 * readers of a request could disagree about where it ends: no folded headers, no blanks before colons, one
 * Content-Length, never beside Transfer-Encoding.
 */
#ifndef FERMATA_SERVER_HTTP_REQUEST_H
#define FERMATA_SERVER_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

/* Bounds of a head. Browsers send some 2 KB with cookies. */
enum { HTTP_HEAD_BYTES_MAX = 64 * 1024, HTTP_HEADERS_MAX = 100 };

/* A header: its name in lower case, its value without the blanks around it. */
struct http_header {
    const char *name, *value;
};

/* The head of a request; texts live in the arena that it was read with. */
struct http_head {
    const char *method;
    const char *path;  /* as it came, from the first slash to the query */
    const char *query; /* what follows '?'; NULL when there is none */
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t headers_count;
    bool keep_alive;     /* the connection goes on after this request */
    bool chunked;        /* the body comes in chunks */
    bool wants_continue; /* the client waits for "100 Continue" before it sends the body */
    uint64_t body_bytes; /* of a body that does not come in chunks */
};

/* The length of the head at the beginning of `in`, with the empty line that ends it; 0 when it is not complete. The
 * first `looked_at` bytes have been searched before. */
size_t http_head_length(struct bytes in, size_t looked_at);

/* Reads a complete head. 0 when it is good, else the HTTP status that says what is wrong: 400, 417, 431, 501, 505. */
int http_head_read(struct arena *arena, struct bytes in, struct http_head *ret_head);

/* The value of the header with this (lower-case) name, the first of several; NULL when there is none. */
const char *http_head_find(const struct http_head *head, const char *name);

/* The decoded value of the first query parameter of this name, "" when it has none; NULL when it is not there or not
 * well-formed. */
const char *http_query_find(struct arena *arena, const char *query, const char *name);

/* Where a reader of chunks stands. Zeroed is the start. */
struct chunk_reader {
    int state;
    bool is_done;         /* the body is complete */
    uint64_t left;        /* bytes of this chunk that are to come */
    uint32_t line_length; /* of chunk sizes with extensions, or of all trailers */
};

/* Takes bytes of a chunked body and appends what they hold to `body`. Returns how many were taken (all, or up to the
 * body's end); -1 when they are not well-formed, -2 when the body would be longer than `body_max`. */
ptrdiff_t chunk_reader_take(struct chunk_reader *reader, struct bytes in, size_t body_max, struct buffer *body);

/* Decodes %XX, and '+' as a blank when `plus_is_blank`. Zero-terminated; NULL when an escape is broken, or what comes
 * out is not UTF-8 or has a NUL in it. */
const char *percent_decode(struct arena *arena, const char *text, size_t len, bool plus_is_blank);

#endif
