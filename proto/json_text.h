/*
 * JSON (RFC 8259) as it stands in a request: one pass over the text makes a flat list of its values, which stay where
 * they are in the text. No recursion; 16 bytes of memory per value and no more, whatever the text is: a tree with a
 * table per object (jansson's) makes 300 MB out of 4 MB of "{}". Numbers keep their digits, and each value its place,
 * which errors name.
 */
#ifndef FERMATA_PROTO_JSON_TEXT_H
#define FERMATA_PROTO_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

/* How deep arrays and objects may nest: as messages (SCAN_DEPTH_MAX). Whatever walks values recursively counts on it.
 */
enum { JSON_DEPTH_MAX = 500 };

enum json_node_kind {
    JSON_NODE_NULL,
    JSON_NODE_FALSE,
    JSON_NODE_TRUE,
    JSON_NODE_NUMBER,
    JSON_NODE_STRING, /* also the names of members */
    JSON_NODE_ARRAY,
    JSON_NODE_OBJECT, /* its members: name, value, name, value … */
};

/* A value: the bytes [start, end) of the text. Strings with their quotes. */
struct json_node {
    uint32_t kind;
    uint32_t start, end;
    uint32_t next; /* the index behind it and all that is in it; what is in it begins at its own index + 1 */
};

/* A text and its values; the first is the whole. Both are borrowed: the nodes are in the arena that it was read with.
 */
struct json_text {
    struct bytes text;
    const struct json_node *nodes;
    size_t count;
};

/* Reads one value with nothing but blanks around it. NULL when that is what `text` is (at most 4 GB), else what is
 * wrong with it, in the words of Go's encoding/json; in `arena`, as the nodes. */
const char *json_text_read(struct arena *arena, struct bytes text, struct json_text *ret_json);

/* The bytes of a node as they stand in the text. */
struct bytes json_text_raw(const struct json_text *json, uint32_t node);

/* What a string node says: without quotes and escapes, zero-terminated; may hold NUL characters. */
struct bytes json_text_string(struct arena *arena, const struct json_text *json, uint32_t node);

/* How many values an array holds, or how many members an object has. */
size_t json_text_children(const struct json_text *json, uint32_t node);

/* "(line 3:14)", of a byte of the text. */
const char *json_text_place(struct arena *arena, const struct json_text *json, size_t offset);

#endif
