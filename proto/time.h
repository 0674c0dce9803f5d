/*
 * The API's instants and spans as `nanos` (base/clock.h), and back. Conversion to nanos holds at the ends of its range
 * (years 1678 to 2262) instead of wrapping; it accepts whatever a client sends, so check first where it matters.
 */
#ifndef FERMATA_PROTO_TIME_H
#define FERMATA_PROTO_TIME_H

#include "base/arena.h"
#include "base/clock.h"
#include "proto/api.h"

/* What may be wrong with a span that a client asks for. */
enum duration_validity {
    DURATION_VALID,
    DURATION_MISMATCHED_SIGNS, /* seconds and nanos point to different sides */
    DURATION_NEGATIVE,
    DURATION_TOO_LONG, /* longer than DURATION_MAX; the API's servers do not refuse it but cut it down */
};

/* The longest span that counts as such: 100 years of 365 days, as in the real server, whose instants end in 2262. */
#define DURATION_MAX (INT64_C(100) * 365 * 24 * 3600 * NANOS_PER_SECOND)

/* The instant; 0 for NULL. */
nanos time_from_pb(const PbTimestamp *timestamp);

/* The span; 0 for NULL. */
nanos duration_from_pb(const PbDuration *duration);

/* Whether the span is one that a client may ask for. NULL is: it means 0, or that the field is not set. */
enum duration_validity duration_check(const PbDuration *duration);

/* The instant as a new message; its nanos are never negative, also before 1970. */
PbTimestamp *pb_timestamp_new(struct arena *arena, nanos instant);

/* The span as a new message; seconds and nanos have the same sign. */
PbDuration *pb_duration_new(struct arena *arena, nanos span);

#endif
