/* The parts of proto-JSON that reading and writing share; for proto/json_*.c only. */
#ifndef FERMATA_PROTO_JSON_TYPES_H
#define FERMATA_PROTO_JSON_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/bytes.h"

/* Types with a JSON form of their own. */
enum json_form {
    JSON_FORM_FIELDS, /* none: an object with a member per field */
    JSON_FORM_ANY,
    JSON_FORM_TIMESTAMP,
    JSON_FORM_DURATION,
    JSON_FORM_FIELD_MASK,
    JSON_FORM_WRAPPER, /* as its one field */
};

/* The form of a type. */
enum json_form json_form_of(const ProtobufCMessageDescriptor *type);

/* The type that an Any names, NULL when it is not known. */
const ProtobufCMessageDescriptor *json_type_of_url(const char *url);

/* Bounds of proto-JSON. */
#define JSON_TIMESTAMP_SECONDS_MIN INT64_C(-62135596800) /* 0001-01-01 */
#define JSON_TIMESTAMP_SECONDS_MAX INT64_C(253402300799) /* 9999-12-31 */
#define JSON_DURATION_SECONDS_MAX  INT64_C(315576000000) /* ten thousand years */

/* "1.5s"; false when it is not a span, or its seconds are out of range. */
bool json_duration_read(const char *text, int64_t *ret_seconds, int32_t *ret_nanos);

/* RFC 3339; false when it is not an instant, or its year is out of range. */
bool json_timestamp_read(const char *text, int64_t *ret_seconds, int32_t *ret_nanos);

/* The reverse; values that are out of range are held at its ends. */
const char *json_duration_text(struct arena *arena, int64_t seconds, int32_t nanos);
const char *json_timestamp_text(struct arena *arena, int64_t seconds, int32_t nanos);

/* Base64 of either alphabet, with padding or without. Returns the offset of the first byte that does not belong, -1
 * when it is good. */
ptrdiff_t json_base64_read(struct arena *arena, struct bytes text, ProtobufCBinaryData *ret_data);

#endif
