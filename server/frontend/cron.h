/*
 * The syntax of cron schedules: five fields, or a name such as @daily, or @every with a span, each with a time zone
 * before it when wanted ("CRON_TZ=Europe/Berlin 0 9 * * MON-FRI"). As the real server reads it (robfig/cron's standard
 * parser), with its oddities: ? is *, lists may have empty items, 7 is not Sunday.
 */
#ifndef FERMATA_SERVER_FRONTEND_CRON_H
#define FERMATA_SERVER_FRONTEND_CRON_H

enum cron_validity {
    CRON_VALID,
    CRON_INVALID, /* not a schedule */
    CRON_NEVER,   /* a schedule of which no time ever comes: the 31st of February */
};

/* Whether `schedule` is a cron schedule. Of a time zone only the form of its name is looked at. */
enum cron_validity cron_check(const char *schedule);

#endif
