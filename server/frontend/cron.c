/*
 * A field becomes a set of numbers, one bit each; that is enough to tell whether there is any day that it means. Who
 * runs cron schedules will need the sets, so the parser makes them although only their emptiness is asked for here.
 */
#include "server/frontend/cron.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* Set in a field's bits when it is "every": of two day fields, one that is "every" does not widen the other. */
#define EVERY (UINT64_C(1) << 63)

enum { FIELD_COUNT = 5, MINUTE = 0, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK };

struct field {
    int least, most;
    const char *const *names; /* of least, least + 1, ...; NULL: none */
    int names_count;
};

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static const struct field fields[FIELD_COUNT] = {
    [MINUTE] = {0, 59, NULL, 0},
    [HOUR] = {0, 23, NULL, 0},
    [DAY_OF_MONTH] = {1, 31, NULL, 0},
    [MONTH] = {1, 12, month_names, 12},
    [DAY_OF_WEEK] = {0, 6, weekday_names, 7},
};

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

/* A number with an optional plus sign; false when it is none. Large ones are held at 1000, which is beyond every field.
 */
static bool read_number(struct piece piece, int *ret_number)
{
    int number = 0;

    if (piece.len > 0 && piece.start[0] == '+') {
        piece.start++;
        piece.len--;
    }
    if (piece.len == 0)
        return false;
    for (size_t i = 0; i < piece.len; i++) {
        if (!isdigit((unsigned char)piece.start[i]))
            return false;
        if (number < 1000)
            number = number * 10 + (piece.start[i] - '0');
    }
    *ret_number = number;
    return true;
}

static bool read_value(struct piece piece, const struct field *field, int *ret_value)
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
    int first = field->least, last = field->most, step = 1;
    bool has_high, has_step, is_every;

    if (!next_piece(&range, '/', &span))
        return false;
    has_step = next_piece(&range, '/', &step_text);
    if (has_step && (next_piece(&range, '/', &excess) || !read_number(step_text, &step) || step == 0))
        return false;
    (void)next_piece(&span, '-', &low);
    is_every = low.len == 1 && (low.start[0] == '*' || low.start[0] == '?'); /* then the real parser ignores "-high" */
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
    for (int value = first; value <= last; value += step)
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

/* Whether some day is in the set. Restricted on both sides, a day needs to match only one of them. */
static bool has_day(uint64_t days, uint64_t months, uint64_t weekdays)
{
    static const int days_in_month[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool both_needed = (days & EVERY) != 0 || (weekdays & EVERY) != 0;

    for (int month = 1; month <= 12; month++) {
        uint64_t in_month = days & ((UINT64_C(2) << days_in_month[month]) - 1);
        bool some_weekday = (weekdays & ~EVERY) != 0;

        if ((months & (UINT64_C(1) << month)) == 0)
            continue;
        if (both_needed ? in_month != 0 && some_weekday : in_month != 0 || some_weekday)
            return true;
    }
    return false;
}

static enum cron_validity check_fields(const char *text)
{
    uint64_t bits[FIELD_COUNT];
    int count = 0;

    for (;;) {
        struct piece piece;

        text += strspn(text, " \t\n\v\f\r");
        if (*text == '\0')
            break;
        piece = (struct piece){.start = text, .len = strcspn(text, " \t\n\v\f\r")};
        if (count == FIELD_COUNT || !read_field(piece, &fields[count], &bits[count]))
            return CRON_INVALID;
        count++;
        text += piece.len;
    }
    if (count != FIELD_COUNT)
        return CRON_INVALID;
    if ((bits[MINUTE] & ~EVERY) == 0 || (bits[HOUR] & ~EVERY) == 0)
        return CRON_NEVER;
    return has_day(bits[DAY_OF_MONTH], bits[MONTH], bits[DAY_OF_WEEK]) ? CRON_VALID : CRON_NEVER;
}

/* A decimal number at *text, which moves behind it: "1", "1.5", ".5". */
static bool read_decimal(const char **text, double *ret_number)
{
    double number = 0, scale = 1;
    bool has_digit = false, has_point = false;

    for (; isdigit((unsigned char)**text) || (**text == '.' && !has_point); (*text)++) {
        if (**text == '.') {
            has_point = true;
            continue;
        }
        has_digit = true;
        number = number * 10 + (**text - '0');
        if (has_point)
            scale *= 10;
    }
    *ret_number = number / scale;
    return has_digit;
}

/* Whether `text` is a span as Go writes it: "1h30m", "1.5s". */
static bool is_span(const char *text)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"\xc2\xb5s", 1e-6}, {"\xce\xbcs", 1e-6},
                 {"ms", 1e-3}, {"s", 1},     {"m", 60},           {"h", 3600}}; /* "ms" stands before "m" */
    const double longest = 9.2e9; /* 292 years: more does not fit 64 bits of nanoseconds */
    double total = 0, number;

    if (*text == '+' || *text == '-')
        text++;
    if (strcmp(text, "0") == 0)
        return true;
    do {
        size_t unit = 0;

        if (!read_decimal(&text, &number))
            return false;
        while (unit < sizeof(units) / sizeof(units[0]) &&
               strncmp(text, units[unit].name, strlen(units[unit].name)) != 0)
            unit++;
        if (unit == sizeof(units) / sizeof(units[0]))
            return false;
        text += strlen(units[unit].name);
        total += number * units[unit].seconds;
    } while (*text != '\0');
    return total < longest;
}

static enum cron_validity check_name(const char *text)
{
    static const char *const names[] = {"@yearly", "@annually", "@monthly", "@weekly",
                                        "@daily",  "@midnight", "@hourly"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0)
            return CRON_VALID;
    }
    return strncmp(text, "@every ", 7) == 0 && is_span(text + 7) ? CRON_VALID : CRON_INVALID;
}

static bool is_time_zone(struct piece name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!isalnum((unsigned char)name.start[i]) && strchr("/_+-", name.start[i]) == NULL)
            return false;
    }
    return name.len == 0 || name.start[0] != '/';
}

enum cron_validity cron_check(const char *schedule)
{
    if (strncmp(schedule, "TZ=", 3) == 0 || strncmp(schedule, "CRON_TZ=", 8) == 0) {
        const char *name = strchr(schedule, '=') + 1;
        size_t len = strcspn(name, " ");

        if (name[len] == '\0' || !is_time_zone((struct piece){.start = name, .len = len}))
            return CRON_INVALID;
        schedule = name + len;
        schedule += strspn(schedule, " \t\n\v\f\r");
    }
    return schedule[0] == '@' ? check_name(schedule) : check_fields(schedule);
}
