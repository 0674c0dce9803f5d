/*
 * Search attributes as they are stored: a packed temporal.api.common.v1.SearchAttributes, read and changed in place of
 * unpacking it. Lists look at the values of thousands of runs per second this way, and every run that a worker works on
 * is given some.
 */
#ifndef FERMATA_PROTO_PACKED_ATTRIBUTES_H
#define FERMATA_PROTO_PACKED_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "proto/search_value.h"

/* The value of the attribute `name` in a packed temporal.api.common.v1.SearchAttributes. NONE when it is not there,
 * cannot be read, or is of another type: left by an attribute of that name which has been removed. */
enum search_value_kind search_value_find(struct arena *arena, struct bytes attributes, const char *name,
                                         PbIndexedValueType type, struct search_value *ret_value);

/* Calls `each` for every attribute of a packed message whose key is wanted (NULL: for all), with its key and the data
 * and type of its payload. */
void search_attributes_each(struct bytes attributes, bool (*wants)(struct bytes key),
                            void (*each)(void *context, struct bytes key, struct bytes data, struct bytes type),
                            void *context);

/* What becomes of an attribute: JSON of this type ("Keyword"), or nothing (no data): it is removed. */
struct attribute_change {
    const char *name, *type;
    struct bytes json;
};

/* Appends to an empty buffer the packed message with these changes, the changed ones last. Returns false, with nothing
 * appended, when none of them changes anything. */
bool packed_attributes_change(struct bytes attributes, const struct attribute_change *changes, size_t count,
                              struct buffer *ret_packed);

#endif
