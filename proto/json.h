/* JSON, so far as the command line needs it: one value. The one place that knows jansson. */
#ifndef FERMATA_PROTO_JSON_H
#define FERMATA_PROTO_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

enum json_kind {
    JSON_KIND_NULL,
    JSON_KIND_BOOL,
    JSON_KIND_INTEGER,
    JSON_KIND_REAL,
    JSON_KIND_TEXT,
    JSON_KIND_COMPOUND
};

/* A value; of arrays and objects only that they are there. */
struct json_value {
    enum json_kind kind;
    bool boolean;
    int64_t integer; /* JSON_KIND_INTEGER */
    double real;     /* JSON_KIND_INTEGER and _REAL */
    const char *text;
};

/* Reads the one JSON value that `text` is. False, and why in `ret_error` (both in `arena`), when it is not one. */
bool json_read_value(struct arena *arena, const char *text, struct json_value *ret_value, const char **ret_error);

#endif
