/* Whether a run meets a filter. */
#ifndef FERMATA_PERSISTENCE_VISIBILITY_MATCH_H
#define FERMATA_PERSISTENCE_VISIBILITY_MATCH_H

#include <stdbool.h>

#include "persistence/visibility.h"
#include "persistence/visibility_query.h"

/* Readies a query's values for comparisons: elements of lists in lower case, texts as words. Once. */
void visibility_query_prepare(struct arena *arena, struct store *store, struct visibility_query *query);

/* Whether the run is one of those that the query selects. `scratch` is used and can be emptied afterwards. */
bool visibility_query_matches(const struct visibility_query *query, struct store *store, struct arena *scratch,
                              const struct visible_run *run);

/* The run's TemporalNamespaceDivision, in `arena`; empty when it has none. */
struct bytes visible_run_division(struct arena *arena, const struct visible_run *run);

#endif
