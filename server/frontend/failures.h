/* What stands in place of something that a worker reported and that is over the limit. */
#ifndef FERMATA_SERVER_FRONTEND_FAILURES_H
#define FERMATA_SERVER_FRONTEND_FAILURES_H

#include "base/arena.h"
#include "proto/api.h"

/* A failure of the server's own that is not retried, with this message (borrowed) and cause (NULL: none). */
PbFailure *failure_of_server(struct arena *arena, const char *message, PbFailure *cause);

#endif
