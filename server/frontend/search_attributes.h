/*
 * Search attributes in requests: which names a client may set, and what values they may have. Names are those that are
 * registered in the namespace, and a few that every namespace has.
 */
#ifndef FERMATA_SERVER_FRONTEND_SEARCH_ATTRIBUTES_H
#define FERMATA_SERVER_FRONTEND_SEARCH_ATTRIBUTES_H

#include "base/arena.h"
#include "base/status.h"
#include "proto/api.h"
#include "server/dynamic_config.h"
#include "server/services/namespaces.h"

/* Checks what a client sets and returns it as it is stored and shown: without attributes whose value is nil (those are
 * not set), and with the type in each payload's metadata. NULL when nothing is left. Payload data is borrowed. */
__attribute__((warn_unused_result)) status
search_attributes_check(struct arena *arena, const struct dynamic_config *config, const struct namespace_info *ns,
                        const PbSearchAttributes *attributes, PbSearchAttributes **ret_attributes);

#endif
