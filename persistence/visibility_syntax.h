/*
 * The syntax of list filters: text to a tree of expressions. What names and values mean is visibility_query.c's part.
 *
 * The real server reads a filter as the WHERE part of a MySQL SELECT, and many a text is a legal expression of SQL
 * without being a legal filter ("a + 1 = 2"). So the tree holds such expressions, too: what is wrong with them is told
 * in the same words as there, and a syntax error is one where it is one there. Subqueries, CASE, CAST and the like are
 * not read: they are syntax errors here, refused with another text there.
 *
 * VS1  Parentheses, NOT and signs nest at most 200 deep, as there, so recursion is bounded. VS2  A filter has at most
 * FILTER_EXPRESSIONS_MAX expressions.
 */
#ifndef FERMATA_PERSISTENCE_VISIBILITY_SYNTAX_H
#define FERMATA_PERSISTENCE_VISIBILITY_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

/* Values in one IN list may be many, when a program made the list. */
enum { FILTER_EXPRESSIONS_MAX = 100000 };

enum expression_kind {
    EXPRESSION_AND, /* two or more parts */
    EXPRESSION_OR,
    EXPRESSION_NOT,
    EXPRESSION_COMPARISON, /* left, right; `operator` */
    EXPRESSION_RANGE,      /* left, from, to; `is_negated` */
    EXPRESSION_IS,         /* one part; `is_null_test`, `is_negated` */
    EXPRESSION_PARENTHESES,
    EXPRESSION_TUPLE,
    EXPRESSION_COLUMN, /* `text`: the name, parts joined by dots */
    EXPRESSION_STRING, /* `text`: what it says */
    EXPRESSION_NUMBER, /* `text`: as written, signs included; of any notation */
    EXPRESSION_BOOL,   /* `is_true` */
    EXPRESSION_NULL,
    EXPRESSION_FUNCTION,
    EXPRESSION_BINARY,
    EXPRESSION_UNARY, /* one part; `operator` */
    EXPRESSION_DEFAULT,
};

struct expression {
    enum expression_kind kind;
    bool is_negated, is_null_test, is_true;
    const char *operator; /* in capitals: "=", "NOT IN", "STARTS_WITH" */
    struct bytes text;
    struct bytes source; /* the part of the filter that it was read from */
    struct expression **parts;
    size_t parts_count;
};

struct filter_syntax {
    const struct expression *where; /* NULL: none */
    struct expression **group_by;
    size_t group_by_count;
    struct expression **order_by;
    size_t order_by_count;
    bool has_limit;
};

/* Reads a filter. INVALID_ARGUMENT with the whole text ("invalid query: malformed SQL query: ..."). */
status filter_syntax_read(struct arena *arena, const char *text, struct filter_syntax *ret_syntax);

/* Whether a text could be a filter: what the start of a batch is refused for. INVALID_ARGUMENT with the whole text
 * ("invalid visibility query: ..."). */
status filter_syntax_check(struct arena *arena, const char *text);

/* Reads a filter of a list of workers, whose errors are worded otherwise ("malformed query: ..."). */
status filter_syntax_read_of_workers(struct arena *arena, const char *text, struct filter_syntax *ret_syntax);

/* How the real server's language calls the type of an expression in its errors: "*sqlparser.FuncExpr". */
const char *expression_type_name(const struct expression *expression);

/* A column's name as its errors show it: in backticks when it could not stand without. */
const char *expression_column_shown(struct arena *arena, const struct expression *column);

#endif
