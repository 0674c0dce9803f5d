/*
 * Messages as the real UI's server writes raw history: what Go's encoding/json makes of its generated structs. Names
 * are those of the .proto files, enums and 64-bit integers numbers, instants and spans {seconds, nanos}, and a oneof is
 * an object of its own: {"Attributes": {"TimerStartedEventAttributes": {…}}}. For tools that read such files.
 */
#ifndef FERMATA_PROTO_JSON_RAW_H
#define FERMATA_PROTO_JSON_RAW_H

#include "base/arena.h"
#include "proto/json_writer.h"

/* Writes a message as one value; `arena` is for scratch. */
void json_raw_write(struct json_writer *writer, struct arena *arena, const void *message);

#endif
