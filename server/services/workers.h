/*
 * Workers as they tell of themselves: the last heartbeat of each, kept in memory for five minutes. Nothing else depends
 * on it; after a restart workers are known again with their next heartbeat, a minute later at most.
 */
#ifndef FERMATA_SERVER_SERVICES_WORKERS_H
#define FERMATA_SERVER_SERVICES_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/status.h"
#include "proto/api.h"
#include "server/services/namespaces.h"

struct workers;

/* `clock` is borrowed. */
struct workers *workers_new(const struct clock *clock);

/* Frees it; NULL is accepted. */
void workers_free(struct workers *workers);

/* A worker's heartbeat takes the place of its last one. One that says that the worker has shut down ends what is known
 * of it. Copied. */
void workers_record(struct workers *workers, const struct namespace_info *ns, const PbWorkerHeartbeat *heartbeat);

/* The last heartbeat of the worker with this instance key, in `arena`; NULL when none is known. */
PbWorkerHeartbeat *workers_find(struct workers *workers, struct arena *arena, const struct namespace_info *ns,
                                const char *instance_key);

/* Which workers are listed. */
struct workers_query {
    const char *filter;  /* in the language of lists; "": all */
    bool include_system; /* also those of the server's own task queues */
    const char *after;   /* those whose key comes after this; "": from the beginning */
    size_t most;         /* so many, and whether there are more */
};

/* The heartbeats of the workers that a query finds, by instance key, in `arena`. A worker about which the filter makes
 * no sense (an unknown name, a comparison that there is not) is not found. INVALID_ARGUMENT when the filter cannot be
 * read. */
status workers_list(struct workers *workers, struct arena *arena, const struct namespace_info *ns,
                    const struct workers_query *query, PbWorkerHeartbeat ***ret_heartbeats, size_t *ret_count,
                    bool *ret_has_more);

#endif
