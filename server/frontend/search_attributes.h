/*
 * Search attributes in requests: which names a client may set, and what values they may have. Names are those that are
 * registered in the namespace, and a few that every namespace has.
 */
#ifndef FERMATA_SERVER_FRONTEND_SEARCH_ATTRIBUTES_H
#define FERMATA_SERVER_FRONTEND_SEARCH_ATTRIBUTES_H

#include "base/arena.h"
#include "base/status.h"
#include "history/transition.h"
#include "proto/api.h"
#include "server/dynamic_config.h"
#include "server/services/namespaces.h"

/* Checks what a client sets and returns it as it is stored and shown: without attributes whose value is nil (those are
 * not set), and with the type in each payload's metadata. NULL when nothing is left. Payload data is borrowed. */
__attribute__((warn_unused_result)) status
search_attributes_check(struct arena *arena, const struct dynamic_config *config, const struct namespace_info *ns,
                        const PbSearchAttributes *attributes, PbSearchAttributes **ret_attributes);

/* The same for a workflow task's commands, which are refused step by step: names, then values; sizes apart.
 * `attributes` is not NULL. */
void search_attributes_judge(struct arena *arena, const struct dynamic_config *config, const struct namespace_info *ns,
                             const PbSearchAttributes *attributes, struct search_attributes_verdict *ret_verdict);

/* Search attributes of a run as clients see them: those that the namespace has, of the type that it has them of.
 * Messages are borrowed; never NULL. */
PbSearchAttributes *search_attributes_shown(struct arena *arena, const struct namespace_info *ns,
                                            const PbSearchAttributes *attributes);

/* A payload with this text as JSON, and the type in its metadata. */
PbPayload *search_attribute_payload(struct arena *arena, PbIndexedValueType type, const char *text);

/* Whether values, one by one and all together, are within their limits. */
__attribute__((warn_unused_result)) status search_attributes_check_sizes(struct arena *arena,
                                                                         const struct dynamic_config *config,
                                                                         const PbSearchAttributes *attributes);

#endif
