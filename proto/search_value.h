/*
 * The value of a search attribute: read out of the JSON in its payload, and found in a packed SearchAttributes message
 * without unpacking the rest. Lists look at the values of thousands of runs per second this way.
 */
#ifndef FERMATA_PROTO_SEARCH_VALUE_H
#define FERMATA_PROTO_SEARCH_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "proto/api.h"

struct search_value {
    int64_t integer;           /* Int; Bool: 0 or 1; Datetime: microseconds since the Unix epoch, whole milliseconds */
    double real;               /* Double */
    const struct bytes *texts; /* Keyword, Text: one; KeywordList: its elements */
    size_t texts_count;
};

enum search_value_kind {
    SEARCH_VALUE_BAD,  /* not a value of the type */
    SEARCH_VALUE_NONE, /* null, or a list without elements: not set */
    SEARCH_VALUE_SET,
};

/* Reads a value of `type`. A list of one is as good as its element; elements that are null are passed over. */
enum search_value_kind search_value_read(struct arena *arena, struct bytes json, PbIndexedValueType type,
                                         struct search_value *ret_value);

/* The value of the attribute `name` in a packed temporal.api.common.v1.SearchAttributes. NONE when it is not there,
 * cannot be read, or is of another type: left by an attribute of that name which has been removed. */
enum search_value_kind search_value_find(struct arena *arena, struct bytes attributes, const char *name,
                                         PbIndexedValueType type, struct search_value *ret_value);

/* Calls `each` for every attribute of a packed message whose key is wanted (NULL: for all), with its key and the data
 * and type of its payload. */
void search_attributes_each(struct bytes attributes, bool (*wants)(struct bytes key),
                            void (*each)(void *context, struct bytes key, struct bytes data, struct bytes type),
                            void *context);

/* Reads an instant as RFC 3339 has it, with a zone: "2026-01-31T23:59:59.5Z". Returns what follows it, NULL when there
 * is none. Microseconds since the Unix epoch; what is below them is cut off. */
const char *instant_scan(const char *text, int64_t *ret_micros);

#endif
