/*
 * Setting fields of a message by their paths, from texts: what the path and the query of an HTTP request say
 * ("execution.run_id", "pageSize"). Names may be those of the .proto file or camelCase.
 */
#ifndef FERMATA_PROTO_FIELD_PATH_H
#define FERMATA_PROTO_FIELD_PATH_H

#include <stddef.h>

#include "base/arena.h"

/* Sets the field at `path`, making the messages on the way; `values` are zero-terminated texts, more than one only for
 * repeated fields. A path that names no field is none of our business: nothing is set. NULL when all is well, else what
 * is wrong, in the words of the real server; in `arena`, as what is set. */
const char *field_path_set(struct arena *arena, void *message, const char *path, const char *const *values,
                           size_t values_count);

#endif
