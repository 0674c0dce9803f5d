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
    JSON_KIND_TEXTS, /* an array of nothing but texts */
    JSON_KIND_COMPOUND
};

/* Texts in their order. NULL: there is no list, which is not the same as an empty one. */
struct json_texts {
    const char **texts;
    size_t count;
};

/* A value; of objects, and arrays with anything but texts, only that they are there. */
struct json_value {
    enum json_kind kind;
    bool boolean;
    int64_t integer; /* JSON_KIND_INTEGER */
    double real;     /* JSON_KIND_INTEGER and _REAL */
    const char *text;
    struct json_texts texts;
};

/* Reads the one JSON value that `text` is. False, and why in `ret_error` (both in `arena`), when it is not one. */
bool json_read_value(struct arena *arena, const char *text, struct json_value *ret_value, const char **ret_error);

#endif
