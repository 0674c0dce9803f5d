/*
 * List filters: from their text to a condition on a run that visibility.c can evaluate. The language, with its errors,
 * is the real server's.
 *
 * A filter becomes a tree and no SQL: nothing that a client writes reaches SQLite, there is no limit on how many values
 * or conditions it may have but our own, and a scan can stop after any row and go on in a later turn.
 */
#ifndef FERMATA_PERSISTENCE_VISIBILITY_QUERY_H
#define FERMATA_PERSISTENCE_VISIBILITY_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "proto/api.h"

/* What a condition looks at. */
enum visibility_column {
    COLUMN_WORKFLOW_ID,
    COLUMN_RUN_ID,
    COLUMN_WORKFLOW_TYPE,
    COLUMN_TASK_QUEUE,
    COLUMN_STATUS,
    COLUMN_START_TIME,
    COLUMN_EXECUTION_TIME,
    COLUMN_CLOSE_TIME,
    COLUMN_EXECUTION_DURATION,
    COLUMN_HISTORY_LENGTH,
    COLUMN_HISTORY_BYTES,
    COLUMN_STATE_TRANSITIONS,
    COLUMN_PARENT_WORKFLOW_ID,
    COLUMN_PARENT_RUN_ID,
    COLUMN_ROOT_WORKFLOW_ID,
    COLUMN_ROOT_RUN_ID,
    COLUMN_ATTRIBUTE, /* in the map of search attributes, under `attribute` */
    COLUMN_NOTHING,   /* a name without values: what the real server calls its columns */
};

enum filter_kind {
    FILTER_AND,   /* all parts */
    FILTER_OR,    /* any part */
    FILTER_NOT,   /* the one part */
    FILTER_EQUAL, /* any of the values; Text: has any of them as a phrase; KeywordList: has any of them as an element */
    FILTER_LESS,  /* than the value */
    FILTER_LESS_OR_EQUAL,
    FILTER_GREATER,
    FILTER_GREATER_OR_EQUAL,
    FILTER_STARTS_WITH, /* without regard to the case of ASCII letters */
    FILTER_IS_NULL,
};

/* A value of the column's type; numbers may be integers or reals, whichever the column is. */
struct filter_value {
    bool is_real;
    int64_t integer; /* instants in microseconds, spans in nanoseconds, statuses as in the API */
    double real;
    struct bytes text;
    struct bytes *words; /* of a phrase that is looked for in a Text, once the query has been prepared */
    size_t words_count;
};

struct filter {
    enum filter_kind kind;
    struct filter **parts;
    size_t parts_count;

    enum visibility_column column;
    const char *attribute;
    PbIndexedValueType type;
    struct filter_value *values; /* ascending, but for Text and KeywordList */
    size_t values_count;
};

enum visibility_group { GROUP_BY_NOTHING, GROUP_BY_STATUS, GROUP_BY_DIVISION };

struct visibility_query {
    struct filter *filter; /* NULL: all runs */
    enum visibility_group group;
    bool mentions_division; /* else runs with a TemporalNamespaceDivision are not seen */
    size_t conditions_count;
};

/* Reads a filter; `ns` has the custom search attributes. INVALID_ARGUMENT with the whole text ("invalid query: ...").
 */
status visibility_query_read(struct arena *arena, const PbNamespaceRecord *ns, const char *text,
                             struct visibility_query *ret_query);

/* Narrows a query that has been read to open runs. */
void visibility_query_only_open(struct arena *arena, struct visibility_query *query);

/* Compares two numbers exactly, integers and reals in any mixture: below, at or above 0. */
int filter_value_compare_numbers(const struct filter_value *a, const struct filter_value *b);

/* Compares the bytes of two texts: below, at or above 0. */
int filter_value_compare_texts(struct bytes a, struct bytes b);

/* Whether the column holds texts: Keyword, KeywordList, Text. A status is a number. */
bool filter_is_textual(const struct filter *filter);

#endif
