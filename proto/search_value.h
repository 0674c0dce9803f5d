/* The value of a search attribute, read out of the JSON in its payload. */
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

/* Reads an instant as RFC 3339 has it, with a zone: "2026-01-31T23:59:59.5Z". Returns what follows it, NULL when there
 * is none. Microseconds since the Unix epoch; what is below them is cut off. */
const char *instant_scan(const char *text, int64_t *ret_micros);

#endif
