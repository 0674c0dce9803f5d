/*
 * Messages as JSON, both ways, by their descriptors: the JSON form of proto3 (protobuf.dev/programming-guides/json) as
 * the API's own libraries read and write it.
 *
 * Members are named in camelCase when written, and in camelCase or snake_case when read; fields with their default are
 * left out; 64-bit integers are strings, bytes base64, enums their names (or a number that has none); Timestamp,
 * Duration, FieldMask, Any, Empty and the wrappers have the forms of their own.
 *
 * With the payload shorthand a Payload of JSON is that JSON, and Payloads are an array of them; what has other metadata
 * than JSON's stays long. Numbers in it keep their digits, and members their order.
 *
 * A text that has been read as JSON (proto/json_text.h, which bounds its depth) becomes a message of at most
 * SCAN_UNPACKED_BYTES_PER_BYTE as many bytes; strings with a NUL in them are refused, as in proto/scan.h.
 */
#ifndef FERMATA_PROTO_JSON_MESSAGE_H
#define FERMATA_PROTO_JSON_MESSAGE_H

#include <stdbool.h>

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "proto/json_writer.h"

/* Reads a message of `type`; an empty text is an empty message. NULL when all is well, else what is wrong, in the words
 * of the real server as far as SDK users would meet them; all in `arena`. */
const char *json_message_read(struct arena *arena, const ProtobufCMessageDescriptor *type, struct bytes text,
                              bool payload_shorthand, void **ret_message);

/* Writes a message as one value. `arena` is for scratch: what an Any holds is unpacked into it. */
void json_message_write(struct json_writer *writer, struct arena *arena, const void *message, bool payload_shorthand);

/* Whether `name` is the field's: as in its .proto file, or in camelCase. */
bool json_name_is(const ProtobufCFieldDescriptor *field, struct bytes name);

/* The field of this name, NULL when there is none. */
const ProtobufCFieldDescriptor *json_field_find(const ProtobufCMessageDescriptor *type, struct bytes name);

/* Whether the (repeated) field of `type` is a map: its elements are entries of key and value. */
bool json_is_map(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *field);

#endif
