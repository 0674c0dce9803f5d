/*
 * Texts as lists compare them: words of a Text attribute, elements of a KeywordList. Unicode's letters and cases are
 * SQLite's, from the tokenizer of its full-text search, which is also what the real server's development database uses.
 */
#ifndef FERMATA_PERSISTENCE_VISIBILITY_TEXT_H
#define FERMATA_PERSISTENCE_VISIBILITY_TEXT_H

#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"

struct store;
struct visibility_text;

/* Frees it; NULL is accepted. The store's own, made when it is first needed. */
void visibility_text_free(struct visibility_text *text);

/* The words of a text: in lower case, without diacritics. */
size_t visibility_text_words(struct store *store, struct arena *arena, struct bytes text, struct bytes **ret_words);

/* An element of a list in lower case. Borrowed from `text` when that is so already. */
struct bytes visibility_text_fold(struct store *store, struct arena *arena, struct bytes text);

#endif
