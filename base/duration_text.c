#include "base/duration_text.h"

#include <stddef.h>
#include <string.h>

static const struct unit {
    const char *name;
    nanos span;
} units[] = {
    /* Longer names first where one begins another. */
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000}, /* the micro sign */
    {"\xce\xbcs", 1000}, /* the letter mu */
    {"ms", NANOS_PER_MILLISECOND},
    {"s", NANOS_PER_SECOND},
    {"m", 60 * NANOS_PER_SECOND},
    {"h", 3600 * NANOS_PER_SECOND},
    {"d", 24 * 3600 * NANOS_PER_SECOND},
};

static const struct unit *find_unit(const char *text)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strncmp(text, units[i].name, strlen(units[i].name)) == 0)
            return &units[i];
    return NULL;
}

/* Reads digits with an optional fraction: whole and fraction / scale. Returns what follows, or NULL without a digit. */
static const char *read_number(const char *text, int64_t *ret_whole, int64_t *ret_fraction, int64_t *ret_scale)
{
    const char *start = text;
    int digits = 0;

    *ret_whole = *ret_fraction = 0;
    *ret_scale = 1;
    for (; *text >= '0' && *text <= '9'; text++, digits++)
        *ret_whole = nanos_add(nanos_scale(*ret_whole, 10), *text - '0');
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++, digits++) {
            if (*ret_scale >= NANOS_PER_SECOND) /* below a nanosecond's share of any unit worth writing */
                continue;
            *ret_fraction = *ret_fraction * 10 + (*text - '0');
            *ret_scale *= 10;
        }
    return digits == 0 || text == start ? NULL : text;
}

bool duration_text_read(const char *text, nanos *ret_span)
{
    bool negative = *text == '-';
    nanos span = 0;

    if (*text == '-' || *text == '+')
        text++;
    if (strcmp(text, "0") == 0) {
        *ret_span = 0;
        return true;
    }
    if (*text == '\0')
        return false;
    while (*text != '\0') {
        int64_t whole, fraction, scale;
        const struct unit *unit;

        text = read_number(text, &whole, &fraction, &scale);
        if (text == NULL)
            return false;
        unit = find_unit(text);
        if (unit == NULL)
            return false;
        text += strlen(unit->name);
        span = nanos_add(span, nanos_scale(unit->span, whole));
        span = nanos_add(span, (nanos)((double)unit->span * ((double)fraction / (double)scale)));
    }
    *ret_span = negative ? -span : span;
    return true;
}
