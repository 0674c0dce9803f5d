/*
 * JSON, value by value, into a buffer: compact, or with two blanks per level. What is written is well-formed as long as
 * beginnings, names and ends are called in a sensible order; commas and line breaks come by themselves.
 *
 * All is json_put_...: jansson, which is linked into the same executable, has a json_string and others of its own.
 */
#ifndef FERMATA_PROTO_JSON_WRITER_H
#define FERMATA_PROTO_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "proto/json_text.h"

/* Zeroed, with `pretty` set or not, is the start. The caller frees `out`. */
struct json_writer {
    struct buffer out;
    bool pretty;
    bool follows_value, follows_name; /* what was written last */
    unsigned depth;
};

/* Arrays and objects. */
void json_put_array_begin(struct json_writer *writer);
void json_put_array_end(struct json_writer *writer);
void json_put_object_begin(struct json_writer *writer);
void json_put_object_end(struct json_writer *writer);

/* A member's name; its value follows. */
void json_put_name(struct json_writer *writer, const char *name);

/* A member's name that need not be zero-terminated. */
void json_put_name_bytes(struct json_writer *writer, struct bytes name);

/* A string. What is not UTF-8 in it becomes U+FFFD. */
void json_put_string(struct json_writer *writer, const char *text);

/* A string that need not be zero-terminated. */
void json_put_string_bytes(struct json_writer *writer, struct bytes text);

/* A string: the bytes in base64. */
void json_put_base64(struct json_writer *writer, struct bytes data);

/* Numbers: integers, and the shortest digits that read back as the same double, or float when `is_float`; what is not
 * finite is a string, as in proto-JSON. */
void json_put_integer(struct json_writer *writer, int64_t value);
void json_put_unsigned(struct json_writer *writer, uint64_t value);
void json_put_double(struct json_writer *writer, double value, bool is_float);

/* true, false and null. */
void json_put_bool(struct json_writer *writer, bool value);
void json_put_null(struct json_writer *writer);

/* A value that has been read: as it is there, laid out as everything else. */
void json_put_value(struct json_writer *writer, const struct json_text *json, uint32_t node);

#endif
