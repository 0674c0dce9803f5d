/*
 * Time zones: those of the IANA database, embedded when Fermata is built so that the host's do not matter, and such as
 * come from elsewhere as TZif data (RFC 9636). What a zone did before 1970 is not embedded.
 *
 * What a local time means where clocks are set forward or back is what Go's time package makes of it, because the real
 * server's cron schedules and calendars follow that.
 */
#ifndef FERMATA_BASE_TIMEZONE_H
#define FERMATA_BASE_TIMEZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A day of the year on which clocks are set, as POSIX's TZ has it, and when: seconds after its midnight, maybe
 * negative. */
enum zone_day_kind { ZONE_DAY_COUNTED, ZONE_DAY_COUNTED_WITHOUT_LEAP_DAY, ZONE_DAY_OF_WEEK };
struct zone_day {
    enum zone_day_kind kind;
    int32_t month, week, day; /* the first two of ZONE_DAY_OF_WEEK only */
    int32_t time;
};

/* A zone: a view of its data, which it borrows. All zeros: UTC. Its members are timezone.c's. */
struct time_zone {
    const uint8_t *times, *indexes, *types; /* instants of change; the type from then on; per type six bytes */
    uint32_t times_count, types_count, time_bytes;
    /* What holds after the last change. */
    bool has_rule, has_daylight;
    int32_t standard, daylight; /* seconds east of Greenwich */
    struct zone_day daylight_begins, daylight_ends;
};

/* A date and a time of day. `weekday`: Sunday is 0. */
struct local_time {
    int64_t year;
    int32_t month, day, hour, minute, second;
    int32_t weekday;
};

/* Finds a zone of the database; false: there is none of this name, which is `len` bytes. */
bool timezone_find(struct time_zone *ret_zone, const char *name, size_t len);

/* Reads TZif data of whatever origin; false: it is not. The zone borrows them. */
bool timezone_read(struct time_zone *ret_zone, const void *data, size_t len);

/* Seconds east of Greenwich at an instant, in seconds since 1970. */
int32_t timezone_offset(const struct time_zone *zone, int64_t utc);

/* What the clocks of the zone show at an instant. Instants are within the range of `nanos` (base/clock.h). */
struct local_time timezone_local(const struct time_zone *zone, int64_t utc);

/* The instant at which they show that. Fields may lie beyond their ranges (month 13, day 0): they carry over; weekday
 * is not looked at. Of a time that comes twice or never, one of the two instants near it, as Go's time.Date chooses. */
int64_t timezone_instant(const struct time_zone *zone, const struct local_time *local);

#endif
