/*
 * TZif data are checked once and then read where they lie: 64-bit instants of change in ascending order, for each of
 * them the index of a type, then the types (offset, whether it is daylight saving time, name). Behind them stands a
 * rule for all later years, in the form of POSIX's TZ variable. Data of the first version have 32-bit instants and no
 * rule; what later versions have before their own block, for programs that know nothing else, is skipped.
 */
#include "base/timezone.h"

#include <string.h>

#include "base/time_zones_embedded.h"

enum {
    HEADER_BYTES = 44,
    OLD_TIME_BYTES = 4, /* of the first version */
    TIME_BYTES = 8,
    TYPE_BYTES = 6,
    TYPES_MAX = 256,
    MINUTE_SECONDS = 60,
    HOUR_SECONDS = 3600,
    DAY_SECONDS = 24 * HOUR_SECONDS,
    RULE_HOURS_MAX = 24 * 7,
    RULE_TIME_DEFAULT = 2 * HOUR_SECONDS,
};

/* ---- dates ---- */

/* Divides downwards, also below zero. */
static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static bool is_leap_year(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_before_month(int64_t year, int month)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

    return before[month - 1] + (month > 2 && is_leap_year(year));
}

/* Days from 1970-01-01 to January 1st of `year`. */
static int64_t days_before_year(int64_t year)
{
    int64_t y = year - 1;

    return 365 * (year - 1970) + floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400) - 477;
}

/* The year of a day, and in *ret_day of which day of it (from 0). */
static int64_t year_of_day(int64_t days, int *ret_day)
{
    int64_t year = 1970 + floor_div(days * 400, 146097); /* off by one at most */

    while (days_before_year(year) > days)
        year--;
    while (days_before_year(year + 1) <= days)
        year++;
    *ret_day = (int)(days - days_before_year(year));
    return year;
}

static struct local_time as_local_time(int64_t seconds)
{
    int64_t days = floor_div(seconds, DAY_SECONDS);
    int of_day = (int)(seconds - days * DAY_SECONDS), day;
    struct local_time local = {
        .year = year_of_day(days, &day),
        .month = 1,
        .hour = of_day / HOUR_SECONDS,
        .minute = of_day % HOUR_SECONDS / MINUTE_SECONDS,
        .second = of_day % MINUTE_SECONDS,
        .weekday = (int)(days + 4 - floor_div(days + 4, 7) * 7), /* 1970 began on a Thursday */
    };

    while (local.month < 12 && days_before_month(local.year, local.month + 1) <= day)
        local.month++;
    local.day = day - days_before_month(local.year, local.month) + 1;
    return local;
}

static int64_t as_seconds(const struct local_time *local)
{
    int64_t months = (int64_t)local->month - 1, carry = floor_div(months, 12), year = local->year + carry;
    int64_t days = days_before_year(year) + days_before_month(year, (int)(months - carry * 12) + 1) + local->day - 1;

    return ((days * 24 + local->hour) * 60 + local->minute) * 60 + local->second;
}

/* ---- the rule at the end ---- */

/* A text that is being read. */
struct reader {
    const char *at, *end;
};

static bool reader_skip(struct reader *reader, char c)
{
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

static bool reader_is_at(const struct reader *reader, char c)
{
    return reader->at < reader->end && *reader->at == c;
}

static bool read_number(struct reader *reader, int32_t least, int32_t most, int32_t *ret_number)
{
    const char *start = reader->at;
    int32_t number = 0;

    for (; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9'; reader->at++) {
        number = number * 10 + (*reader->at - '0');
        if (number > most)
            return false;
    }
    if (reader->at == start || number < least)
        return false;
    *ret_number = number;
    return true;
}

/* A zone's short name, in angle brackets when it is not all letters. */
static bool skip_name(struct reader *reader)
{
    const char *start = reader->at;

    if (reader_skip(reader, '<')) {
        while (reader->at < reader->end && *reader->at != '>')
            reader->at++;
        return reader_skip(reader, '>');
    }
    while (reader->at < reader->end && strchr("0123456789,+-", *reader->at) == NULL)
        reader->at++;
    return reader->at - start >= 3;
}

/* "hh[:mm[:ss]]", signed. */
static bool read_time(struct reader *reader, int32_t *ret_seconds)
{
    int32_t hours, minutes = 0, seconds = 0, sign = 1;

    if (!reader_skip(reader, '+') && reader_skip(reader, '-'))
        sign = -1;
    if (!read_number(reader, 0, RULE_HOURS_MAX, &hours))
        return false;
    if (reader_skip(reader, ':')) {
        if (!read_number(reader, 0, 59, &minutes))
            return false;
        if (reader_skip(reader, ':') && !read_number(reader, 0, 59, &seconds))
            return false;
    }
    *ret_seconds = sign * (hours * HOUR_SECONDS + minutes * MINUTE_SECONDS + seconds);
    return true;
}

static bool read_day(struct reader *reader, struct zone_day *ret_day)
{
    struct zone_day day = {.kind = ZONE_DAY_COUNTED, .time = RULE_TIME_DEFAULT};

    if (reader_skip(reader, 'M')) {
        day.kind = ZONE_DAY_OF_WEEK;
        if (!read_number(reader, 1, 12, &day.month) || !reader_skip(reader, '.') ||
            !read_number(reader, 1, 5, &day.week) || !reader_skip(reader, '.') || !read_number(reader, 0, 6, &day.day))
            return false;
    } else if (reader_skip(reader, 'J')) {
        day.kind = ZONE_DAY_COUNTED_WITHOUT_LEAP_DAY;
        if (!read_number(reader, 1, 365, &day.day))
            return false;
    } else if (!read_number(reader, 0, 365, &day.day)) {
        return false;
    }
    if (reader_skip(reader, '/') && !read_time(reader, &day.time))
        return false;
    *ret_day = day;
    return true;
}

/* A rule such as "CET-1CEST,M3.5.0,M10.5.0/3"; false when it is none. In it, west of Greenwich counts up. */
static bool read_rule(struct reader *reader, struct time_zone *zone)
{
    if (!skip_name(reader) || !read_time(reader, &zone->standard))
        return false;
    zone->standard = -zone->standard;
    if (reader->at == reader->end)
        return true;
    zone->has_daylight = true;
    zone->daylight = zone->standard + HOUR_SECONDS;
    if (!skip_name(reader))
        return false;
    if (!reader_is_at(reader, ',')) {
        if (!read_time(reader, &zone->daylight))
            return false;
        zone->daylight = -zone->daylight;
    }
    return reader_skip(reader, ',') && read_day(reader, &zone->daylight_begins) && reader_skip(reader, ',') &&
           read_day(reader, &zone->daylight_ends) && reader->at == reader->end;
}

/* When clocks that show `offset` are set, in seconds UTC from the beginning of the year. */
static int64_t day_instant(const struct zone_day *rule, int64_t year, int32_t offset)
{
    int64_t day = rule->day;

    switch (rule->kind) {
    case ZONE_DAY_COUNTED:
        break;
    case ZONE_DAY_COUNTED_WITHOUT_LEAP_DAY:
        day += is_leap_year(year) && day >= 60 ? 0 : -1;
        break;
    case ZONE_DAY_OF_WEEK: {
        int before = days_before_month(year, rule->month);
        int length = (rule->month == 12 ? 31 : days_before_month(year, rule->month + 1) - before);
        int first = as_local_time((days_before_year(year) + before) * DAY_SECONDS).weekday;

        day = (rule->day - first + 7) % 7;
        for (int week = 1; week < rule->week && day + 7 < length; week++)
            day += 7;
        day += before;
        break;
    }
    }
    return day * DAY_SECONDS + rule->time - offset;
}

/* The offset that the rule gives: daylight saving time lies between the two days or, in the south, around them. */
static int32_t rule_offset(const struct time_zone *zone, int64_t utc)
{
    int64_t year, second, begins, ends;
    int day;

    if (!zone->has_daylight)
        return zone->standard;
    year = year_of_day(floor_div(utc, DAY_SECONDS), &day);
    second = utc - days_before_year(year) * DAY_SECONDS;
    begins = day_instant(&zone->daylight_begins, year, zone->standard);
    ends = day_instant(&zone->daylight_ends, year, zone->daylight);
    if (begins <= ends)
        return second >= begins && second < ends ? zone->daylight : zone->standard;
    return second >= ends && second < begins ? zone->standard : zone->daylight;
}

/* ---- TZif ---- */

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t time_at(const struct time_zone *zone, uint32_t i)
{
    const uint8_t *at = zone->times + (size_t)i * zone->time_bytes;

    return zone->time_bytes == OLD_TIME_BYTES ? (int32_t)read_u32(at)
                                              : (int64_t)((uint64_t)read_u32(at) << 32 | read_u32(at + 4));
}

static int32_t type_offset(const struct time_zone *zone, uint32_t type)
{
    return (int32_t)read_u32(zone->types + (size_t)type * TYPE_BYTES);
}

/* The counts of a header, in its order. */
struct counts {
    uint32_t ut_flags, standard_flags, leap_seconds, times, types, name_bytes;
};

static bool read_header(const uint8_t *data, size_t len, struct counts *ret_counts)
{
    if (len < HEADER_BYTES || memcmp(data, "TZif", 4) != 0)
        return false;
    *ret_counts = (struct counts){
        .ut_flags = read_u32(data + 20),
        .standard_flags = read_u32(data + 24),
        .leap_seconds = read_u32(data + 28),
        .times = read_u32(data + 32),
        .types = read_u32(data + 36),
        .name_bytes = read_u32(data + 40),
    };
    return true;
}

/* The bytes of a block behind its header; `time_bytes` is the size of its instants. A leap second has one and a count.
 */
static uint64_t block_bytes(const struct counts *counts, uint64_t time_bytes)
{
    return counts->times * (time_bytes + 1) + (uint64_t)counts->types * TYPE_BYTES + counts->name_bytes +
           counts->leap_seconds * (time_bytes + sizeof(uint32_t)) + counts->standard_flags + counts->ut_flags;
}

static bool is_sound(const struct time_zone *zone)
{
    for (uint32_t i = 0; i < zone->times_count; i++)
        if (zone->indexes[i] >= zone->types_count || (i > 0 && time_at(zone, i - 1) >= time_at(zone, i)))
            return false;
    return true;
}

/* What stands between two line ends behind the block. One that is not understood is not there, as in Go. */
static void read_footer(const uint8_t *data, size_t len, struct time_zone *zone)
{
    struct reader reader = {.at = (const char *)data + 1};
    struct time_zone with_rule = *zone;
    const uint8_t *end;

    if (len < 2 || data[0] != '\n' || (end = memchr(data + 1, '\n', len - 1)) == NULL || end == data + 1)
        return;
    reader.end = (const char *)end;
    with_rule.has_rule = true;
    if (read_rule(&reader, &with_rule))
        *zone = with_rule;
}

/* A header and its block; behind it, except in the first version, the rule. */
static bool read_block(struct time_zone *ret_zone, const uint8_t *data, size_t len, uint32_t time_bytes)
{
    struct time_zone zone = {.time_bytes = time_bytes};
    struct counts counts;
    uint64_t bytes;

    if (!read_header(data, len, &counts))
        return false;
    bytes = block_bytes(&counts, time_bytes);
    if (bytes > len - HEADER_BYTES || counts.types == 0 || counts.types > TYPES_MAX)
        return false;
    zone.times_count = counts.times;
    zone.types_count = counts.types;
    zone.times = data + HEADER_BYTES;
    zone.indexes = zone.times + (size_t)counts.times * time_bytes;
    zone.types = zone.indexes + counts.times;
    if (!is_sound(&zone))
        return false;
    if (time_bytes == TIME_BYTES)
        read_footer(data + HEADER_BYTES + bytes, len - HEADER_BYTES - bytes, &zone);
    *ret_zone = zone;
    return true;
}

bool timezone_read(struct time_zone *ret_zone, const void *data, size_t len)
{
    const uint8_t *first = data;
    struct counts counts;
    uint64_t bytes;

    if (!read_header(first, len, &counts))
        return false;
    if (first[4] < '2')
        return read_block(ret_zone, first, len, OLD_TIME_BYTES);
    bytes = HEADER_BYTES + block_bytes(&counts, OLD_TIME_BYTES);
    return bytes <= len && read_block(ret_zone, first + bytes, len - bytes, TIME_BYTES);
}

bool timezone_find(struct time_zone *ret_zone, const char *name, size_t len)
{
    size_t low = 0, high = time_zones_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct embedded_time_zone *found = &time_zones[middle];
        size_t found_len = strlen(found->name), shorter = len < found_len ? len : found_len;
        int order = memcmp(name, found->name, shorter);

        if (order == 0 && len == found_len)
            return read_block(ret_zone, time_zones_data + found->offset, found->len, TIME_BYTES);
        if (order < 0 || (order == 0 && len < found_len))
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* ---- questions ---- */

int32_t timezone_offset(const struct time_zone *zone, int64_t utc)
{
    uint32_t low = 0, high = zone->times_count;

    while (low < high) { /* the number of changes up to `utc` */
        uint32_t middle = low + (high - low) / 2;

        if (time_at(zone, middle) <= utc)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->times_count && zone->has_rule)
        return rule_offset(zone, utc);
    if (low > 0)
        return type_offset(zone, zone->indexes[low - 1]);
    return zone->types_count == 0 ? 0 : type_offset(zone, 0);
}

struct local_time timezone_local(const struct time_zone *zone, int64_t utc)
{
    return as_local_time(utc + timezone_offset(zone, utc));
}

int64_t timezone_instant(const struct time_zone *zone, const struct local_time *local)
{
    int64_t seconds = as_seconds(local);
    int32_t offset = timezone_offset(zone, seconds);

    /* Go takes the offset at the same reading of UTC's clock and, unless that is 0, corrects it once. */
    if (offset != 0)
        offset = timezone_offset(zone, seconds - offset);
    return seconds - offset;
}
