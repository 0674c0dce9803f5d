/*
 * Values are JSON: a scalar, or a list of scalars. A scanner of just that is enough; no tree is built.
 */
#include "proto/search_value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/search_attributes.h"

#define MICROS_PER_SECOND      INT64_C(1000000)
#define MICROS_PER_MILLISECOND 1000

/* ---- instants ---- */

/* The number that the two digits at `at` write, -1 when there are none. */
static int two_digits(const char *at)
{
    if (!isdigit((unsigned char)at[0]) || !isdigit((unsigned char)at[1]))
        return -1;
    return (at[0] - '0') * 10 + (at[1] - '0');
}

static bool is_two_digits(const char *at, int least, int most)
{
    return two_digits(at) >= least && two_digits(at) <= most;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && is_leap);
}

/* Days from 1970-01-01 to a day of the Gregorian calendar, years from 0. Counts years from March, so that the leap day
 * comes last. */
static int64_t days_from_epoch(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400, year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

/* Behind "2026-01-31T23:59:59" at `at`, NULL when there is none. */
static const char *scan_date_and_time(const char *at, int64_t *ret_seconds)
{
    int year;

    if (strspn(at, "0123456789") != 4 || at[4] != '-' || !is_two_digits(at + 5, 1, 12) || at[7] != '-')
        return NULL;
    year = two_digits(at) * 100 + two_digits(at + 2);
    if (!is_two_digits(at + 8, 1, days_in_month(year, two_digits(at + 5))))
        return NULL;
    if (at[10] != 'T' || !is_two_digits(at + 11, 0, 23) || at[13] != ':' || !is_two_digits(at + 14, 0, 59) ||
        at[16] != ':' || !is_two_digits(at + 17, 0, 59))
        return NULL;
    *ret_seconds = days_from_epoch(year, two_digits(at + 5), two_digits(at + 8)) * 86400 + two_digits(at + 11) * 3600 +
                   two_digits(at + 14) * 60 + two_digits(at + 17);
    return at + 19;
}

/* Behind ".123456789", or `at` when there is no fraction; NULL when it has no digits. */
static const char *scan_fraction(const char *at, int64_t *ret_micros)
{
    int64_t unit = MICROS_PER_SECOND;

    *ret_micros = 0;
    if (*at != '.' && *at != ',') /* the comma is ISO 8601's, and taken */
        return at;
    at++;
    if (!isdigit((unsigned char)*at))
        return NULL;
    for (; isdigit((unsigned char)*at); at++) {
        unit /= 10;
        *ret_micros += unit * (*at - '0');
    }
    return at;
}

const char *instant_scan(const char *text, int64_t *ret_micros)
{
    int64_t seconds, micros;
    const char *at = scan_date_and_time(text, &seconds);

    if (at == NULL || (at = scan_fraction(at, &micros)) == NULL)
        return NULL;
    if (*at == 'Z') {
        at++;
    } else if ((*at == '+' || *at == '-') && is_two_digits(at + 1, 0, 23) && at[3] == ':' &&
               is_two_digits(at + 4, 0, 59)) {
        int offset = two_digits(at + 1) * 3600 + two_digits(at + 4) * 60;

        seconds -= *at == '+' ? offset : -offset;
        at += 6;
    } else {
        return NULL;
    }
    *ret_micros = seconds * MICROS_PER_SECOND + micros;
    return at;
}

/* ---- JSON scalars ---- */

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

static const char *scan_word(const char *at, const char *word)
{
    return strncmp(at, word, strlen(word)) == 0 ? at + strlen(word) : NULL;
}

/* The four hexadecimal digits at `at`, -1 when there are not so many. */
static int four_digits(const char *at)
{
    int value = 0;

    for (int i = 0; i < 4; i++) {
        int digit = (unsigned char)at[i];

        if (!isxdigit(digit))
            return -1;
        value = value * 16 + (isdigit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10);
    }
    return value;
}

static char *put_utf8(char *to, int code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/* Behind the escape whose backslash is before `at`; NULL when it is none. What it stands for is never longer than it.
 */
static const char *scan_escape(const char *at, char **to)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *name;
    int code, low;

    if (*at != 'u') {
        name = *at == '\0' ? NULL : strchr(names, *at);
        if (name == NULL)
            return NULL;
        *(*to)++ = values[name - names];
        return at + 1;
    }
    code = four_digits(at + 1);
    if (code < 0)
        return NULL;
    at += 5;
    if (code >= 0xd800 && code < 0xdc00 && at[0] == '\\' && at[1] == 'u' && (low = four_digits(at + 2)) >= 0xdc00 &&
        low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
    } else if (code >= 0xd800 && code < 0xe000) {
        code = 0xfffd; /* half of a pair */
    }
    *to = put_utf8(*to, code);
    return at;
}

/* Behind the JSON string at `at`, NULL when there is none. Its text goes to `*room`, which moves on. */
static const char *scan_string(const char *at, char **room, struct bytes *ret_text)
{
    char *text = *room, *to = text;

    if (*at != '"')
        return NULL;
    for (at++; *at != '"';) {
        if ((unsigned char)*at < 0x20)
            return NULL;
        if (*at != '\\')
            *to++ = *at++;
        else if ((at = scan_escape(at + 1, &to)) == NULL)
            return NULL;
    }
    *ret_text = (struct bytes){(const uint8_t *)text, (size_t)(to - text)};
    *room = to;
    return at + 1;
}

/* Behind the JSON number at `at`, NULL when there is none. */
static const char *scan_number(const char *at, bool *ret_is_integer)
{
    size_t digits;

    *ret_is_integer = true;
    at += *at == '-';
    digits = strspn(at, "0123456789");
    if (digits == 0 || (digits > 1 && *at == '0'))
        return NULL;
    at += digits;
    if (*at == '.') {
        *ret_is_integer = false;
        digits = strspn(++at, "0123456789");
        if (digits == 0)
            return NULL;
        at += digits;
    }
    if (*at == 'e' || *at == 'E') {
        *ret_is_integer = false;
        at++;
        at += *at == '+' || *at == '-';
        digits = strspn(at, "0123456789");
        if (digits == 0)
            return NULL;
        at += digits;
    }
    return at;
}

static const char *scan_integer(const char *at, int64_t *ret_value)
{
    bool is_integer;
    const char *end = scan_number(at, &is_integer);

    if (end == NULL || !is_integer)
        return NULL;
    errno = 0;
    *ret_value = strtoll(at, NULL, 10);
    return errno == 0 ? end : NULL;
}

static const char *scan_real(const char *at, double *ret_value)
{
    bool ignored;
    const char *end = scan_number(at, &ignored);

    if (end == NULL)
        return NULL;
    *ret_value = strtod(at, NULL);
    return isfinite(*ret_value) ? end : NULL;
}

static const char *scan_bool(const char *at, int64_t *ret_value)
{
    const char *end = scan_word(at, "true");

    *ret_value = end != NULL;
    return end != NULL ? end : scan_word(at, "false");
}

/* Behind a JSON string with an instant. Kept to the millisecond, as the real server keeps it. */
static const char *scan_instant(const char *at, int64_t *ret_micros)
{
    int64_t rest;

    if (*at != '"' || (at = instant_scan(at + 1, ret_micros)) == NULL || *at != '"')
        return NULL;
    rest = *ret_micros % MICROS_PER_MILLISECOND;
    *ret_micros -= rest < 0 ? rest + MICROS_PER_MILLISECOND : rest;
    return at + 1;
}

/* ---- values ---- */

/* A value that is being read. */
struct reading {
    PbIndexedValueType type;
    struct search_value *value;
    struct bytes *texts; /* room for all that there can be */
    char *room;          /* for their bytes: together not more than what is read */
};

/* Behind a scalar of the type (an element, of a list type) at `at`, NULL when there is none. */
static const char *scan_scalar(struct reading *reading, const char *at)
{
    struct search_value *value = reading->value;

    switch (reading->type) {
    case INDEXED_VALUE_TYPE_TEXT:
    case INDEXED_VALUE_TYPE_KEYWORD:
    case INDEXED_VALUE_TYPE_KEYWORD_LIST:
        return scan_string(at, &reading->room, &reading->texts[value->texts_count++]);
    case INDEXED_VALUE_TYPE_INT:
        return scan_integer(at, &value->integer);
    case INDEXED_VALUE_TYPE_DOUBLE:
        return scan_real(at, &value->real);
    case INDEXED_VALUE_TYPE_BOOL:
        return scan_bool(at, &value->integer);
    case INDEXED_VALUE_TYPE_DATETIME:
        return scan_instant(at, &value->integer);
    default:
        return NULL;
    }
}

/* An upper bound for the elements of a list: commas, wherever they stand, and one. */
static size_t elements_max(const char *text)
{
    size_t count = 1;

    for (; *text != '\0'; text++)
        count += *text == ',';
    return count;
}

static enum search_value_kind read_list(struct reading *reading, const char *at)
{
    int count = 0, set = 0;

    at = skip_blanks(at + 1);
    while (*at != ']') {
        const char *null;

        if (count++ > 0) {
            if (*at != ',' || reading->type != INDEXED_VALUE_TYPE_KEYWORD_LIST)
                return SEARCH_VALUE_BAD;
            at = skip_blanks(at + 1);
        }
        null = scan_word(at, "null");
        set += null == NULL;
        at = null != NULL ? null : scan_scalar(reading, at);
        if (at == NULL)
            return SEARCH_VALUE_BAD;
        at = skip_blanks(at);
    }
    if (*skip_blanks(at + 1) != '\0')
        return SEARCH_VALUE_BAD;
    return set > 0 ? SEARCH_VALUE_SET : SEARCH_VALUE_NONE;
}

enum search_value_kind search_value_read(struct arena *arena, struct bytes json, PbIndexedValueType type,
                                         struct search_value *ret_value)
{
    const char *text = arena_strndup(arena, (const char *)json.data, json.len), *at = skip_blanks(text), *end;
    struct reading reading = {
        .type = type,
        .value = ret_value,
        .texts = ARENA_NEW_ARRAY(arena, struct bytes, elements_max(text)),
        .room = arena_alloc_raw(arena, json.len),
    };

    *ret_value = (struct search_value){.texts = reading.texts};
    if (strlen(text) != json.len)
        return SEARCH_VALUE_BAD;
    end = scan_word(at, "null");
    if (end != NULL)
        return *skip_blanks(end) == '\0' ? SEARCH_VALUE_NONE : SEARCH_VALUE_BAD;
    if (*at == '[')
        return read_list(&reading, at);
    if (type == INDEXED_VALUE_TYPE_KEYWORD_LIST)
        return SEARCH_VALUE_BAD;
    end = scan_scalar(&reading, at);
    return end != NULL && *skip_blanks(end) == '\0' ? SEARCH_VALUE_SET : SEARCH_VALUE_BAD;
}
