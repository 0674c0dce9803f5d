/*
 * A field becomes a set of numbers, one bit each. The search for the next time goes from month to minute: a field that
 * does not match is counted up, everything below it starts over, and where one wraps around the search begins again at
 * the top. It does so on the instant, not on its parts, and step by step like robfig/cron, whose choices where clocks
 * are set forward or back follow from these very steps.
 */
#include "base/cron.h"

#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Set in a field's bits when it is "every": of two day fields, one that is "every" does not widen the other. */
#define EVERY (UINT64_C(1) << 63)

enum {
    YEARS_AHEAD_MAX = 5,
    FIELD_COUNT = 5,
    MINUTE_SECONDS = 60,
    HOUR_SECONDS = 3600,
    DAY_SECONDS = 24 * HOUR_SECONDS
};

struct field {
    size_t offset; /* of its bits in struct cron */
    int least, most;
    const char *const *names; /* of least, least + 1, ...; NULL: none */
    int names_count;
};

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static const struct field fields[FIELD_COUNT] = {
    {offsetof(struct cron, minutes), 0, 59, NULL, 0},
    {offsetof(struct cron, hours), 0, 23, NULL, 0},
    {offsetof(struct cron, days), 1, 31, NULL, 0},
    {offsetof(struct cron, months), 1, 12, month_names, 12},
    {offsetof(struct cron, weekdays), 0, 6, weekday_names, 7},
};

static const char white_space[] = " \t\n\v\f\r";

/* ---- reading ---- */

/* A piece of the text. */
struct piece {
    const char *start;
    size_t len;
};

/* The piece of `from` before the next `separator`, which is taken off `from` with it; false when nothing is left. */
static bool next_piece(struct piece *from, char separator, struct piece *ret_piece)
{
    const char *end;

    if (from->start == NULL)
        return false;
    end = memchr(from->start, separator, from->len);
    ret_piece->start = from->start;
    if (end == NULL) {
        ret_piece->len = from->len;
        from->start = NULL;
        return true;
    }
    ret_piece->len = (size_t)(end - from->start);
    from->len -= ret_piece->len + 1;
    from->start = end + 1;
    return true;
}

static bool piece_is(struct piece piece, const char *text)
{
    return piece.len == strlen(text) && memcmp(piece.start, text, piece.len) == 0;
}

/* A number with an optional plus sign; false when it is none, or too large for 64 bits. */
static bool read_number(struct piece piece, int64_t *ret_number)
{
    int64_t number = 0;

    if (piece.len > 0 && piece.start[0] == '+') {
        piece.start++;
        piece.len--;
    }
    if (piece.len == 0)
        return false;
    for (size_t i = 0; i < piece.len; i++) {
        if (!isdigit((unsigned char)piece.start[i]) || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, piece.start[i] - '0', &number))
            return false;
    }
    *ret_number = number;
    return true;
}

static bool read_value(struct piece piece, const struct field *field, int64_t *ret_value)
{
    for (int i = 0; i < field->names_count; i++) {
        if (piece.len == strlen(field->names[i]) && strncasecmp(piece.start, field->names[i], piece.len) == 0) {
            *ret_value = field->least + i;
            return true;
        }
    }
    return read_number(piece, ret_value);
}

/* "low", "low-high", "*", each with "/step". */
static bool read_range(struct piece range, const struct field *field, uint64_t *bits)
{
    struct piece span, low, high, step_text, excess;
    int64_t first = field->least, last = field->most, step = 1;
    bool has_high, has_step, is_every;

    if (!next_piece(&range, '/', &span))
        return false;
    has_step = next_piece(&range, '/', &step_text);
    if (has_step && (next_piece(&range, '/', &excess) || !read_number(step_text, &step) || step == 0))
        return false;
    (void)next_piece(&span, '-', &low);
    is_every = piece_is(low, "*") || piece_is(low, "?"); /* then the real parser ignores "-high" */
    if (!is_every) {
        if (!read_value(low, field, &first))
            return false;
        last = first;
        has_high = next_piece(&span, '-', &high);
        if (has_high && (!read_value(high, field, &last) || next_piece(&span, '-', &excess)))
            return false;
        if (!has_high && has_step)
            last = field->most; /* "5/10" means "5-59/10" */
    }
    if (first < field->least || last > field->most || first > last)
        return false;
    for (int64_t value = first; value <= last; value = step > last ? last + 1 : value + step)
        *bits |= UINT64_C(1) << value;
    if (is_every && step == 1)
        *bits |= EVERY;
    return true;
}

static bool read_field(struct piece text, const struct field *field, uint64_t *ret_bits)
{
    struct piece range;

    *ret_bits = 0;
    while (next_piece(&text, ',', &range)) {
        if (range.len > 0 && !read_range(range, field, ret_bits))
            return false;
    }
    return true;
}

static bool read_fields(struct piece text, struct cron *cron)
{
    int count = 0;

    for (;;) {
        struct piece piece = text;

        while (piece.len > 0 && strchr(white_space, piece.start[0]) != NULL) {
            piece.start++;
            piece.len--;
        }
        if (piece.len == 0)
            return count == FIELD_COUNT;
        text = piece;
        for (piece.len = 0; piece.len < text.len && strchr(white_space, text.start[piece.len]) == NULL;)
            piece.len++;
        text.start += piece.len;
        text.len -= piece.len;
        if (count == FIELD_COUNT ||
            !read_field(piece, &fields[count], (uint64_t *)(void *)((char *)cron + fields[count].offset)))
            return false;
        count++;
    }
}

/* The digits at the start of `text`, which moves behind them. What does not fit is left to `ret_dropped`. */
static uint64_t read_digits(struct piece *text, int *ret_digits, int *ret_dropped)
{
    uint64_t number = 0;

    *ret_digits = *ret_dropped = 0;
    for (; text->len > 0 && isdigit((unsigned char)text->start[0]); text->start++, text->len--) {
        ++*ret_digits;
        if (*ret_dropped > 0 || number > (UINT64_C(1) << 63) / 10 - 1)
            ++*ret_dropped;
        else
            number = number * 10 + (uint64_t)(text->start[0] - '0');
    }
    return number;
}

/* One number with its unit; false when it is none, or longer than 64 bits of nanoseconds. */
static bool read_span_part(struct piece *text, uint64_t *ret_span)
{
    static const struct {
        const char *name;
        uint64_t nanos;
    } units[] = {{"ns", 1},       {"us", 1000},      {"\xc2\xb5s", 1000}, {"\xce\xbcs", 1000},
                 {"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000},  {"h", 3600000000000}};
    int digits, dropped, fraction_digits = 0, fraction_dropped;
    uint64_t whole = read_digits(text, &digits, &dropped), fraction = 0;
    struct piece unit;

    if (dropped > 0)
        return false;
    if (text->len > 0 && text->start[0] == '.') {
        text->start++;
        text->len--;
        fraction = read_digits(text, &fraction_digits, &fraction_dropped);
        digits += fraction_digits;
        fraction_digits -= fraction_dropped; /* beyond what matters */
    }
    for (unit = *text, unit.len = 0;
         text->len > 0 && text->start[0] != '.' && !isdigit((unsigned char)text->start[0]);) {
        unit.len++;
        text->start++;
        text->len--;
    }
    for (size_t i = 0; digits > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (!piece_is(unit, units[i].name))
            continue;
        return !__builtin_mul_overflow(whole, units[i].nanos, ret_span) &&
               !__builtin_add_overflow(
                   *ret_span, (uint64_t)((double)fraction * ((double)units[i].nanos / pow(10, fraction_digits))),
                   ret_span);
    }
    return false;
}

/* A span as Go writes it: "1h30m", "-1.5s". */
static bool read_span(struct piece text, nanos *ret_span)
{
    bool is_negative = text.len > 0 && text.start[0] == '-';
    uint64_t total = 0, part;

    if (is_negative || (text.len > 0 && text.start[0] == '+')) {
        text.start++;
        text.len--;
    }
    if (piece_is(text, "0")) {
        *ret_span = 0;
        return true;
    }
    do {
        if (!read_span_part(&text, &part) || __builtin_add_overflow(total, part, &total))
            return false;
    } while (text.len > 0);
    if (total > (uint64_t)INT64_MAX + is_negative)
        return false;
    *ret_span = is_negative ? -(nanos)(total / 2) - (nanos)(total - total / 2) : (nanos)total;
    return true;
}

static bool read_name(struct piece text, struct cron *cron)
{
    static const struct {
        const char *name, *fields;
    } names[] = {
        {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
        {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@hourly", "0 * * * *"},
    };
    static const char every[] = "@every ";
    const size_t every_len = sizeof(every) - 1;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (piece_is(text, names[i].name))
            return read_fields((struct piece){names[i].fields, strlen(names[i].fields)}, cron);
    if (text.len < every_len || memcmp(text.start, every, every_len) != 0 ||
        !read_span((struct piece){text.start + every_len, text.len - every_len}, &cron->every))
        return false;
    if (cron->every < NANOS_PER_SECOND)
        cron->every = NANOS_PER_SECOND;
    cron->every -= cron->every % NANOS_PER_SECOND;
    return true;
}

/* "TZ=name " or "CRON_TZ=name " at the start of `text`, which moves behind it and loses its outer white space. */
static bool read_zone(struct piece *text, struct time_zone *ret_zone)
{
    struct piece rest = *text, name;

    (void)next_piece(&rest, '=', &name);
    if (!next_piece(&rest, ' ', &name) || rest.start == NULL)
        return false; /* nothing follows the name: the real parser crashes */
    while (rest.len > 0 && strchr(white_space, rest.start[0]) != NULL) {
        rest.start++;
        rest.len--;
    }
    while (rest.len > 0 && strchr(white_space, rest.start[rest.len - 1]) != NULL)
        rest.len--;
    *text = rest;
    if (name.len == 0 || piece_is(name, "Local")) /* a server's local time is UTC */
        return true;
    return timezone_find(ret_zone, name.start, name.len);
}

bool cron_parse(const char *text, struct cron *ret_cron)
{
    struct piece rest = {.start = text, .len = strlen(text)};
    struct cron cron = {0};

    if ((strncmp(text, "TZ=", 3) == 0 || strncmp(text, "CRON_TZ=", 8) == 0) && !read_zone(&rest, &cron.zone))
        return false;
    if (rest.len > 0 && rest.start[0] == '@' ? !read_name(rest, &cron) : !read_fields(rest, &cron))
        return false;
    *ret_cron = cron;
    return true;
}

/* ---- the next time ---- */

static bool contains(uint64_t bits, int32_t value)
{
    return (bits & UINT64_C(1) << value) != 0;
}

static bool day_matches(const struct cron *cron, const struct local_time *local)
{
    bool day = contains(cron->days, local->day), weekday = contains(cron->weekdays, local->weekday);

    if ((cron->days & EVERY) != 0 || (cron->weekdays & EVERY) != 0)
        return day && weekday;
    return day || weekday;
}

/* A search under way. `at` is the instant, `local` what it is in the schedule's zone. */
struct search {
    const struct cron *cron;
    int64_t at;
    struct local_time local;
    bool moved; /* what lies below the field that is looked at has been set to its beginning */
};

static void move_to(struct search *search, int64_t at)
{
    search->at = at;
    search->local = timezone_local(&search->cron->zone, at);
}

static void move_to_local(struct search *search, const struct local_time *local)
{
    move_to(search, timezone_instant(&search->cron->zone, local));
}

/* Sets what lies below a field to its beginning, once. */
static void start_over(struct search *search, struct local_time beginning)
{
    if (!search->moved)
        move_to_local(search, &beginning);
    search->moved = true;
}

static void start_minute_over(struct search *search)
{
    if (!search->moved)
        move_to(search, search->at - (search->at % MINUTE_SECONDS + MINUTE_SECONDS) % MINUTE_SECONDS);
    search->moved = true;
}

/* Each of these moves on to where its field matches; false when a larger field has changed on the way. */

static bool find_month(struct search *search)
{
    while (!contains(search->cron->months, search->local.month)) {
        struct local_time next;

        start_over(search, (struct local_time){.year = search->local.year, .month = search->local.month, .day = 1});
        next = search->local;
        next.month++;
        move_to_local(search, &next);
        if (search->local.month == 1)
            return false;
    }
    return true;
}

static bool find_day(struct search *search)
{
    while (!day_matches(search->cron, &search->local)) {
        struct local_time next = search->local;
        int64_t before;

        start_over(search, (struct local_time){.year = next.year, .month = next.month, .day = next.day});
        next = search->local;
        next.day++;
        before = search->at;
        move_to_local(search, &next);
        if (search->at <=
            before) /* a zone has left out a whole day, as Samoa did in 2011: there Go's search never ends */
            move_to(search, before + DAY_SECONDS);
        if (search->local.hour > 12) /* there is no midnight on that day: back to its first hour */
            move_to(search, search->at + (int64_t)(24 - search->local.hour) * HOUR_SECONDS);
        else if (search->local.hour > 0)
            move_to(search, search->at - (int64_t)search->local.hour * HOUR_SECONDS);
        if (search->local.day == 1)
            return false;
    }
    return true;
}

static bool find_hour(struct search *search)
{
    while (!contains(search->cron->hours, search->local.hour)) {
        struct local_time beginning = search->local;

        beginning.minute = beginning.second = 0;
        start_over(search, beginning);
        move_to(search, search->at + HOUR_SECONDS);
        if (search->local.hour == 0)
            return false;
    }
    return true;
}

static bool find_minute(struct search *search)
{
    while (!contains(search->cron->minutes, search->local.minute)) {
        start_minute_over(search);
        move_to(search, search->at + MINUTE_SECONDS);
        if (search->local.minute == 0)
            return false;
    }
    return true;
}

/* Schedules of this kind have second 0. */
static bool find_second(struct search *search)
{
    while (search->local.second != 0) {
        search->moved = true;
        move_to(search, search->at + 1);
        if (search->local.second == 0)
            return false;
    }
    return true;
}

nanos cron_next(const struct cron *cron, nanos after)
{
    int64_t second = after / NANOS_PER_SECOND - (after % NANOS_PER_SECOND < 0);
    struct search search = {.cron = cron};
    int64_t last_year;

    if (cron->every > 0)
        return nanos_add(nanos_scale(NANOS_PER_SECOND, second), cron->every);
    move_to(&search, second + 1);
    last_year = search.local.year + YEARS_AHEAD_MAX;
    while (search.local.year <= last_year)
        if (find_month(&search) && find_day(&search) && find_hour(&search) && find_minute(&search) &&
            find_second(&search))
            return nanos_scale(NANOS_PER_SECOND, search.at);
    return NANOS_MAX;
}

/* The first of the schedule's times from `scheduled` on that is not before `now`. */
static nanos next_from(const struct cron *cron, nanos scheduled, nanos now)
{
    nanos next;

    if (now < scheduled)
        return scheduled;
    if (cron->every == 0 && now - scheduled > seconds(2 * DAY_SECONDS))
        scheduled = now - seconds(2 * DAY_SECONDS); /* the times do not depend on where the steps to them began */
    next = cron_next(cron, scheduled);
    if (cron->every > 0 && next < now)
        next = nanos_add(next, (now - next + cron->every - 1) / cron->every * cron->every);
    while (next < now)
        next = cron_next(cron, next);
    return next;
}

nanos cron_backoff(const char *text, nanos scheduled, nanos now)
{
    struct cron cron;
    nanos next, wait;

    if (text[0] == '\0' || !cron_parse(text, &cron))
        return CRON_NEVER;
    next = next_from(&cron, scheduled, now);
    if (next == NANOS_MAX)
        return CRON_NEVER;
    wait = next - now;
    return seconds(wait / NANOS_PER_SECOND + (wait % NANOS_PER_SECOND > 0));
}
