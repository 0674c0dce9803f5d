/*
 * Messages in arenas: making, reading, writing and copying them. What is made here is freed with its arena, never by
 * protobuf-c's free functions. `message` arguments point to a generated struct (PbFoo), whose first member is its
 * ProtobufCMessage.
 *
 * A message that came from outside is scanned (proto/scan.h) before it is unpacked: protobuf-c limits neither the depth
 * nor the size of what it makes, nor does it look at UTF-8.
 */
#ifndef FERMATA_PROTO_PB_H
#define FERMATA_PROTO_PB_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "proto/api.h"

/* A new message of `type` with every field at its default: "" for strings, NULL for messages, 0 elements. */
void *pb_new(struct arena *arena, const ProtobufCMessageDescriptor *type);

/* A new PbFoo: ARENA_NEW_PB(arena, PbFoo). */
#define ARENA_NEW_PB(arena, PbType) ((PbType *)pb_new((arena), &PbType##_descriptor))

/* Reads a message of `type`. Everything is copied: `data` is not needed afterwards. NULL when it is not well-formed. */
void *pb_unpack(struct arena *arena, const ProtobufCMessageDescriptor *type, const void *data, size_t len);

/* Writes a message. Unknown fields that it was read with are kept. */
struct bytes pb_pack(struct arena *arena, const void *message);

/* The same, with so many bytes of the caller's before and behind what is returned. */
struct bytes pb_pack_with_room(struct arena *arena, const void *message, size_t before, size_t after);

/* A deep copy that shares nothing with `message`. NULL stays NULL. */
void *pb_copy(struct arena *arena, const void *message);

/* The message in a google.protobuf.Any, with type_url "type.googleapis.com/" and its full name. */
PbAny *pb_pack_any(struct arena *arena, const void *message);

/* The message of `type` in `any`, scanned before it is unpacked. NULL when `any` is NULL, holds another type, or is not
 * what scan_message lets through. */
void *pb_unpack_any(struct arena *arena, const ProtobufCMessageDescriptor *type, const PbAny *any);

/* The name of an enum's value as the real server writes it in texts: with the prefix "COMMAND_TYPE_"
 * COMMAND_TYPE_START_TIMER is "StartTimer". The number, when there is no such value. */
const char *pb_enum_short_name(struct arena *arena, const ProtobufCEnumDescriptor *type, int value, const char *prefix);

#endif
