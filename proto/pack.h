/*
 * Messages into their wire form in one pass, from the last byte to the first: so a length is known when it is written.
 * protobuf-c goes through a message twice, and through what is n levels deep n times more; here that was a fifth of all
 * a workflow costs. The bytes are the same (PK1: builds with checks compare), fields ascending, unknown ones last.
 */
#ifndef FERMATA_PROTO_PACK_H
#define FERMATA_PROTO_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

/* Writes `message` into the last bytes of the room that ends before `end`. Returns where it begins, or NULL when there
 * is not enough room; the room's content is then undefined. */
uint8_t *pack_backwards(const ProtobufCMessage *message, uint8_t *room, uint8_t *end);

/* Whether a message would be written with this field: it is set, or is not what it is by default. */
bool pack_has_field(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);

/* Bytes of memory that a value of this type takes in a repeated field's array. */
size_t pack_value_bytes(ProtobufCType type);

#endif
