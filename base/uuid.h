/* UUIDs as text: 8-4-4-4-12 lower-case hexadecimal digits. */
#ifndef FERMATA_BASE_UUID_H
#define FERMATA_BASE_UUID_H

#include <stdbool.h>

#include "base/rand.h"

struct arena;

/* Writes the text form with its terminating zero. */
void uuid_format(const uint8_t uuid[UUID_BYTES], char ret_text[UUID_TEXT_BYTES]);

/* Reads the text form (either case, hyphens required). False, and nothing set, when it is not one. */
bool uuid_parse(const char *text, uint8_t ret_uuid[UUID_BYTES]);

/* The UUID of version 5 (RFC 9562) of a name in the namespace of all zeros: the same name, the same UUID. */
void uuid_of_name(const char *name, uint8_t ret_uuid[UUID_BYTES]);

/* The text form in `arena`. */
char *uuid_text(struct arena *arena, const uint8_t uuid[UUID_BYTES]);

#endif
