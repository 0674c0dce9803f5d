/*
 * Pollers: who has polled a task queue lately, which DescribeTaskQueue shows (temporal.api.taskqueue.v1.PollerInfo).
 *
 * A record is keyed by identity and version and written when a poll starts and when it ends with a task or empty; a
 * poll that its client gave up does not count at its end. Records outlive polls, so they keep copies.
 *
 * P1  Records are listed in the order of their last access, the oldest first.
 * P2  At most POLLER_RECORDS_MAX records are kept for a task queue: beyond, the oldest goes.
 */
#ifndef FERMATA_MATCHING_POLLER_H
#define FERMATA_MATCHING_POLLER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "matching/matching.h"

/* The real server keeps as many. A record costs some 300 bytes, with the longest identity 1.3 KB. */
enum { POLLER_RECORDS_MAX = 1000 };

struct poller_record;

/* Embedded by its owner; zeroed is empty. */
struct pollers {
    struct poller_record *by_key; /* uthash */
    struct poller_record *oldest; /* list, P1 */
    size_t count;
};

/* Writes that `poll` was seen at `now`. */
void pollers_touch(struct pollers *pollers, const struct poll *poll, nanos now);

/* Forgets records whose last access is not after `since`. */
void pollers_expire(struct pollers *pollers, nanos since);

/* Forgets all. */
void pollers_clear(struct pollers *pollers);

/* Those seen after `since`, newest first, at most `most`; returns how many. Only those of `version` (empty: those
 * without one), unless it is NULL. Borrowed until the next change. */
size_t pollers_list(const struct pollers *pollers, nanos since, const struct queue_version *version,
                    struct poller_info *ret_pollers, size_t most);

/* How many of `version` (empty: without one) were seen after `since`. */
size_t pollers_count(const struct pollers *pollers, const struct queue_version *version, nanos since);

/* Whether one of `version` was seen after `since`. */
bool pollers_have(const struct pollers *pollers, const struct queue_version *version, nanos since);

#endif
