/* Failures that are too large. */
#ifndef FERMATA_HISTORY_FAILURES_H
#define FERMATA_HISTORY_FAILURES_H

#include "base/arena.h"
#include "proto/api.h"

/* A copy of `failure` that takes about `bytes_max` bytes at most: of whether it is retried, type, source, message,
 * stack trace and causes, in this order, as much as fits; details are dropped. Texts that fit are borrowed. */
PbFailure *failure_shorten(struct arena *arena, const PbFailure *failure, size_t bytes_max);

#endif
