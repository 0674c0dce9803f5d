/* google.protobuf.Timestamp and Duration; see their .proto files for the rules on signs. */
#include "proto/time.h"

#include <stddef.h>

#include "proto/pb.h"

/* 128 bits, so that only the result is held at the ends of the range, not what leads to it. */
static nanos clamp(int64_t whole_seconds, int32_t rest)
{
    __int128 value = (__int128)whole_seconds * NANOS_PER_SECOND + rest;

    return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : (nanos)value;
}

nanos time_from_pb(const PbTimestamp *timestamp)
{
    return timestamp == NULL ? 0 : clamp(timestamp->seconds, timestamp->nanos);
}

nanos duration_from_pb(const PbDuration *duration)
{
    return duration == NULL ? 0 : clamp(duration->seconds, duration->nanos);
}

enum duration_validity duration_check(const PbDuration *duration)
{
    if (duration == NULL)
        return DURATION_VALID;
    if ((duration->seconds > 0 && duration->nanos < 0) || (duration->seconds < 0 && duration->nanos > 0))
        return DURATION_MISMATCHED_SIGNS;
    if (duration_from_pb(duration) < 0)
        return DURATION_NEGATIVE;
    return duration_from_pb(duration) > DURATION_MAX ? DURATION_TOO_LONG : DURATION_VALID;
}

PbTimestamp *pb_timestamp_new(struct arena *arena, nanos instant)
{
    PbTimestamp *timestamp = ARENA_NEW_PB(arena, PbTimestamp);

    timestamp->seconds = instant / NANOS_PER_SECOND;
    timestamp->nanos = (int32_t)(instant % NANOS_PER_SECOND);
    if (timestamp->nanos < 0) {
        timestamp->nanos += (int32_t)NANOS_PER_SECOND;
        timestamp->seconds--;
    }
    return timestamp;
}

PbDuration *pb_duration_new(struct arena *arena, nanos span)
{
    PbDuration *duration = ARENA_NEW_PB(arena, PbDuration);

    duration->seconds = span / NANOS_PER_SECOND;
    duration->nanos = (int32_t)(span % NANOS_PER_SECOND);
    return duration;
}
