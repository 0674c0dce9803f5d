/*
 * Namespaces: all of them in memory, loaded from the store at start; every request finds its own here.
 *
 * NS1  What is in memory is in the database, or is part of the turn that is open; what a failed commit has taken away
 * is gone from memory before the next turn. NS2  A name, an id and a row belong to one namespace each. temporal-system
 * is always there and cannot be changed. NS3  A `struct namespace_info` lives until the process ends: its address may
 * be kept. Its texts are replaced when it changes, and live until the next turn at least.
 */
#ifndef FERMATA_SERVER_SERVICES_NAMESPACES_H
#define FERMATA_SERVER_SERVICES_NAMESPACES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/rand.h"
#include "base/status.h"
#include "proto/api.h"

struct namespaces;
struct options;
struct server;

struct namespace_info {
    int64_t id; /* the row */
    uint8_t uuid[UUID_BYTES];
    const char *uuid_text;
    const char *name;
    nanos retention; /* how long closed runs are kept */
    PbNamespaceState state;
    const PbNamespaceRecord *record; /* description, owner, data, search attributes */
};

/* Loads what the store has and registers what is missing of temporal-system, "default" and options->namespaces, as rows
 * of the open turn; options->search_attributes goes to those that are new. server->store, clock, rand, turn and options
 * must be there. */
status namespaces_new(struct server *server, struct arena *arena, struct namespaces **ret_namespaces);

/* Frees it; NULL is accepted. */
void namespaces_free(struct namespaces *namespaces);

/* Finds the namespace that a request names. INVALID_ARGUMENT for NULL or "", NOT_FOUND with NamespaceNotFoundFailure
 * when there is none. */
status namespaces_find(const struct namespaces *namespaces, struct arena *arena, const char *name,
                       const struct namespace_info **ret_namespace);

/* Finds by row, for what was stored with it. NULL when there is none. */
const struct namespace_info *namespaces_find_by_id(const struct namespaces *namespaces, int64_t id);

/* Finds by the id that clients see, as text. NULL when there is none, or it is not a UUID. */
const struct namespace_info *namespaces_find_by_uuid(const struct namespaces *namespaces, const char *uuid);

/* Fails unless the namespace is REGISTERED: FAILED_PRECONDITION with NamespaceInvalidStateFailure. For what starts
 * something; the rest also works in a deprecated namespace. */
status namespace_check_registered(struct arena *arena, const struct namespace_info *ns);

/* Whether `name` is still free: ALREADY_EXISTS with NamespaceAlreadyExistsFailure otherwise. */
status namespaces_check_new(const struct namespaces *namespaces, struct arena *arena, const char *name);

/* Adds one with a new id (its record is copied), unless the name is taken. */
status namespaces_register(struct namespaces *namespaces, struct arena *arena, const char *name,
                           const PbNamespaceRecord *record, const struct namespace_info **ret_namespace);

/* Adds search attributes of these names and types, all or none. Those that are there already are left as they are,
 * whatever their type. INVALID_ARGUMENT when there is no room for more of a type. Names are not checked. */
status namespaces_add_search_attributes(struct namespaces *namespaces, struct arena *arena,
                                        const struct namespace_info *ns, int count, const char *const *names,
                                        const int *types);

/* Removes those of these names; names that are not there are ignored. Values that runs have stay in the database, are
 * not shown any more, and come back with an attribute of the same name and type. */
void namespaces_remove_search_attributes(struct namespaces *namespaces, struct arena *arena,
                                         const struct namespace_info *ns, size_t count, const char *const *names);

/* In order of their ids' bytes, as lists show them: those behind `after` (16 bytes; NULL: from the first). Returns how
 * many were stored, at most `most`. */
int namespaces_list(const struct namespaces *namespaces, const uint8_t *after, bool with_deleted,
                    const struct namespace_info **ret_list, int most);

/* All of them, in the order of lists. */
int namespaces_count(const struct namespaces *namespaces);
const struct namespace_info *namespaces_at(const struct namespaces *namespaces, int place);

#endif
