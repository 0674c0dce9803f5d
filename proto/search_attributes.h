/*
 * Search attributes as the API defines them: the types, and those that every namespace has. Custom ones are the
 * namespace's (fermata.v1.NamespaceSearchAttribute).
 */
#ifndef FERMATA_PROTO_SEARCH_ATTRIBUTES_H
#define FERMATA_PROTO_SEARCH_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/api.h"

enum search_attribute_use {
    SEARCH_ATTRIBUTE_OF_ROW, /* a column of every list's row (WorkflowId, ...); never in the map of attributes */
    SEARCH_ATTRIBUTE_OPEN,   /* in the map; workers and tools may set it */
    SEARCH_ATTRIBUTE_SERVER, /* in the map; only the server sets it */
    SEARCH_ATTRIBUTE_CUSTOM, /* registered in the namespace */
};

/* An attribute that every namespace has. */
struct predefined_search_attribute {
    const char *name;
    PbIndexedValueType type;
    enum search_attribute_use use;
};

/* All that every namespace has. */
extern const struct predefined_search_attribute predefined_search_attributes[];
extern const size_t predefined_search_attributes_count;

/* The one of this name, NULL when there is none. */
const struct predefined_search_attribute *predefined_search_attribute_find(const char *name);

/* A type that attributes can have, and how many of it a namespace of the real server has columns for. */
struct search_attribute_type {
    PbIndexedValueType type;
    const char
        *name; /* "KeywordList": in payloads' metadata, texts, and with a number, as a column ("KeywordList01") */
    int columns_count;
};
extern const struct search_attribute_type search_attribute_types[];
extern const size_t search_attribute_types_count;

/* The line of a type, NULL for what is none. */
const struct search_attribute_type *search_attribute_type_find(int type);

/* "Keyword"; "Unspecified" for what is none. */
const char *search_attribute_type_name(int type);

/* Whether this is the name of a column of the real server: "Keyword01" to "Keyword10" and so on. */
bool is_search_attribute_column(const char *name);

/* Whether a custom attribute must not have this name: predefined, internal, or with the reserved prefix. */
bool is_search_attribute_reserved(const char *name);

/* Whether people look for single values of it that few runs have. Not of BuildIds and BinaryChecksums, nor of what says
 * where a run of a deployment belongs: every run that a worker has worked on has them, they are the same for many, and
 * most who ask mean open runs, which are walked first. Nor of what is kept outside of payloads: ranges are asked for.
 */
bool is_search_attribute_looked_up(const char *name);

/* The custom attribute of this name, NULL when there is none. */
const PbNamespaceSearchAttribute *custom_search_attribute_find(const PbNamespaceRecord *record, const char *name);

#endif
