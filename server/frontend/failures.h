/* What stands in place of something that a worker reported and that is over the limit. */
#ifndef FERMATA_SERVER_FRONTEND_FAILURES_H
#define FERMATA_SERVER_FRONTEND_FAILURES_H

#include "base/arena.h"
#include "proto/api.h"

/* A failure of the server's own that is not retried, with this message (borrowed) and cause (NULL: none). */
PbFailure *failure_of_server(struct arena *arena, const char *message, PbFailure *cause);

/* A copy of `failure` that takes about `bytes_max` bytes at most: of whether it is retried, type, source, message,
 * stack trace and causes, in this order, as much as fits; details are dropped. Texts that fit are borrowed. */
PbFailure *failure_shorten(struct arena *arena, const PbFailure *failure, size_t bytes_max);

#endif
