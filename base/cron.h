/*
 * Cron schedules: five fields, or a name such as @daily, or @every with a span, each with a time zone before it when
 * wanted
 * ("CRON_TZ=Europe/Berlin 0 9 * * MON-FRI"). As the real server reads them (the standard parser of robfig/cron, version
 * 3), with its oddities: ? is *, lists may have empty items, 7 is not Sunday; a day must match both day fields if one
 * of them is
 * *, otherwise one is enough. Times are UTC where no zone is given.
 */
#ifndef FERMATA_BASE_CRON_H
#define FERMATA_BASE_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/timezone.h"

/* A schedule that has been read. Its members are cron.c's. */
struct cron {
    nanos every; /* 0: the fields count */
    uint64_t minutes, hours, days, months, weekdays;
    struct time_zone zone;
};

/* Reads a schedule; false: it is none. */
bool cron_parse(const char *text, struct cron *ret_cron);

/* The first time of the schedule after `after`; NANOS_MAX: none within five years. */
nanos cron_next(const struct cron *cron, nanos after);

/* How long a chain of runs has to wait for its next one when the run that was scheduled for `scheduled` ends at `now`:
 * until the schedule's next time, not before `now`, in whole seconds rounded up. CRON_NEVER: there is none, or `text`
 * is no schedule (also when it is empty). */
#define CRON_NEVER (-1)
nanos cron_backoff(const char *text, nanos scheduled, nanos now);

#endif
