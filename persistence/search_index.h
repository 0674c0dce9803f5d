/*
 * The index of search attributes: which runs have this value. An entry per Keyword, Int, and element of a KeywordList,
 * which are what people look for one by one. It is where a list that asks for one of them begins to look: what is found
 * there is then judged like any other run.
 *
 * SI1  A run that has such a value has its entry. (The reverse need not hold: a name may have changed its type.)
 */
#ifndef FERMATA_PERSISTENCE_SEARCH_INDEX_H
#define FERMATA_PERSISTENCE_SEARCH_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "persistence/visibility_query.h"

struct store;

/* The search attributes of a run become others (packed temporal.api.common.v1.SearchAttributes; empty: none). */
void search_index_change(struct store *store, int64_t namespace_id, int64_t run, struct bytes before,
                         struct bytes after);

/* Whether entries are kept for what this condition looks for. */
bool search_index_serves(const struct filter *condition);

/* Runs that may meet such a condition, at most `most`, in no order, possibly twice. */
status search_index_find(struct store *store, int64_t namespace_id, const struct filter *condition, int most,
                         int64_t *ret_runs, int *ret_count);

/* Makes the entries of all runs: for a file from before there was an index. Inside the transaction that makes the
 * table. */
void search_index_fill(struct store *store);

#endif
