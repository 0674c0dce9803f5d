/* The tokens of list filters. Only visibility_syntax.c reads them. */
#ifndef FERMATA_PERSISTENCE_VISIBILITY_SCANNER_H
#define FERMATA_PERSISTENCE_VISIBILITY_SCANNER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"

/* What a token is. TOKEN_END comes after the last one, TOKEN_BAD is none of the language. */
enum token_kind {
    TOKEN_END,
    TOKEN_BAD,
    TOKEN_NAME, /* an identifier, or a word of SQL that may be one (in lower case then) */
    TOKEN_WORD, /* a reserved word of SQL, in lower case */
    TOKEN_STRING,
    TOKEN_NUMBER,
    TOKEN_OPERATOR, /* `text` is it */
    TOKEN_LIST_ARGUMENT,
};

/* A token; `text` is what it says: without quotes, escapes resolved. */
struct token {
    enum token_kind kind;
    struct bytes text;
    size_t start, end; /* in the filter */
    bool is_integer;
    bool is_quoted;
};

/* Where the scanner stands. Zeroed but for the first three, it is before the first token. */
struct filter_scanner {
    struct arena *arena;
    const char *text; /* terminated */
    size_t length, at;
    struct token token;
    size_t previous_end; /* of the token before */
};

/* Goes to the next token. Blanks and comments are passed over. */
void filter_scanner_next(struct filter_scanner *scanner);

/* Whether the word is one of a list: words with a blank before and behind each. */
bool filter_word_is_in(const char *words, const char *word);

/* Whether a name needs no backticks: it is letters, digits and dots, and no word of SQL. */
bool filter_name_is_plain(const char *name);

#endif
