/*
 * Which clients may talk to this server: by the headers client-name, client-version and supported-server-versions, as
 * the real server checks them. Names that are not in the table, and clients that send no version, are welcome.
 */
#ifndef FERMATA_SERVER_FRONTEND_CLIENT_VERSION_H
#define FERMATA_SERVER_FRONTEND_CLIENT_VERSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"
#include "server/call.h"

/* A client that is checked, and the range of its versions that is served. */
struct supported_client {
    const char *name, *versions;
};
extern const struct supported_client supported_clients[];
extern const size_t supported_clients_count;

/* Checks the versions in `headers`: FAILED_PRECONDITION with its detail, or INVALID_ARGUMENT when a version or range is
 * not one. Texts go into `arena`. */
__attribute__((warn_unused_result)) status client_version_check(struct arena *arena,
                                                                const struct call_headers *headers);

/* What holds for every call of the API, whatever its handler: the client's version. Called by those who run handlers,
 * before each. */
__attribute__((warn_unused_result)) status frontend_enter(struct call *call);

/* Whether `feature` is in the client's supported-features header. */
bool client_supports(const struct call_headers *headers, const char *feature);

#endif
