#include "proto/json_types.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/api.h"
#include "proto/message_types.h"

enum json_form json_form_of(const ProtobufCMessageDescriptor *type)
{
    static const struct {
        const ProtobufCMessageDescriptor *type;
        enum json_form form;
    } forms[] = {
        {&PbAny_descriptor, JSON_FORM_ANY},
        {&PbTimestamp_descriptor, JSON_FORM_TIMESTAMP},
        {&PbDuration_descriptor, JSON_FORM_DURATION},
        {&PbFieldMask_descriptor, JSON_FORM_FIELD_MASK},
        {&PbDoubleValue_descriptor, JSON_FORM_WRAPPER},
        {&PbFloatValue_descriptor, JSON_FORM_WRAPPER},
        {&PbInt64Value_descriptor, JSON_FORM_WRAPPER},
        {&PbUInt64Value_descriptor, JSON_FORM_WRAPPER},
        {&PbInt32Value_descriptor, JSON_FORM_WRAPPER},
        {&PbUInt32Value_descriptor, JSON_FORM_WRAPPER},
        {&PbBoolValue_descriptor, JSON_FORM_WRAPPER},
        {&PbStringValue_descriptor, JSON_FORM_WRAPPER},
        {&PbBytesValue_descriptor, JSON_FORM_WRAPPER},
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (forms[i].type == type)
            return forms[i].form;
    return JSON_FORM_FIELDS;
}

static int compare_type(const void *name, const void *type)
{
    return strcmp(name, (*(const ProtobufCMessageDescriptor *const *)type)->name);
}

const ProtobufCMessageDescriptor *json_type_of_url(const char *url)
{
    const char *slash = strrchr(url, '/'); /* pb_unpack_any wants one, too */
    const ProtobufCMessageDescriptor *const *found =
        slash == NULL ? NULL
                      : bsearch(slash + 1, message_types, message_types_count, sizeof(message_types[0]), compare_type);

    return found == NULL ? NULL : *found;
}

/* --- spans and instants --- */

/* Takes up to `digits_max` digits; returns how many there were. */
static int take_digits(const char **text, int digits_max, int64_t *ret_number)
{
    int count = 0;

    *ret_number = 0;
    for (; count < digits_max && **text >= '0' && **text <= '9'; count++, ++*text)
        *ret_number = *ret_number * 10 + (**text - '0');
    return count;
}

/* Takes up to nine digits as nanoseconds; returns how many there were. */
static int take_fraction(const char **text, int32_t *ret_nanos)
{
    int64_t number;
    int count = take_digits(text, 9, &number);

    for (int i = count; i < 9; i++)
        number *= 10;
    *ret_nanos = (int32_t)number;
    return count;
}

bool json_duration_read(const char *text, int64_t *ret_seconds, int32_t *ret_nanos)
{
    enum { DIGITS_MAX = 12 };
    bool negative = *text == '-';
    int64_t seconds;
    int32_t nanos = 0;
    int digits;

    if (*text == '-' || *text == '+')
        text++;
    if (text[0] == '0' && text[1] >= '0' && text[1] <= '9')
        return false;
    digits = take_digits(&text, DIGITS_MAX, &seconds);
    if (*text == '.') {
        text++;
        digits += take_fraction(&text, &nanos) + 1; /* "1." and "." alone count, as in Go */
    }
    if (digits == 0 || strcmp(text, "s") != 0 || seconds > JSON_DURATION_SECONDS_MAX)
        return false;
    *ret_seconds = negative ? -seconds : seconds;
    *ret_nanos = negative ? -nanos : nanos;
    return true;
}

/* Days from 1970-01-01 to a day of the proleptic Gregorian calendar. */
static int64_t days_to(int64_t year, int64_t month, int64_t day)
{
    int64_t era, year_of_era, day_of_year;

    year -= month <= 2;
    era = (year >= 0 ? year : year - 399) / 400;
    year_of_era = year - era * 400;
    day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static int64_t days_of_month(int64_t year, int64_t month)
{
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 2 && leap ? 29 : days[month - 1];
}

/* Takes exactly so many digits and the character behind them. */
static bool take_part(const char **text, int digits, char behind, int64_t *ret_number)
{
    if (take_digits(text, digits, ret_number) != digits || (behind != '\0' && **text != behind))
        return false;
    if (behind != '\0')
        ++*text;
    return true;
}

/* "Z" or "+01:00", to the text's end. */
static bool take_zone(const char *text, int64_t *ret_seconds)
{
    int64_t hours, minutes;
    bool west = *text == '-';

    *ret_seconds = 0;
    if (strcmp(text, "Z") == 0)
        return true;
    if (*text != '+' && *text != '-')
        return false;
    text++;
    if (!take_part(&text, 2, ':', &hours) || !take_part(&text, 2, '\0', &minutes) || *text != '\0' || hours > 23 ||
        minutes > 59)
        return false;
    *ret_seconds = (hours * 60 + minutes) * 60 * (west ? -1 : 1);
    return true;
}

bool json_timestamp_read(const char *text, int64_t *ret_seconds, int32_t *ret_nanos)
{
    int64_t year, month, day, hour, minute, second, zone;
    int32_t nanos = 0;

    if (!take_part(&text, 4, '-', &year) || !take_part(&text, 2, '-', &month) || !take_part(&text, 2, 'T', &day) ||
        !take_part(&text, 2, ':', &hour) || !take_part(&text, 2, ':', &minute) || !take_part(&text, 2, '\0', &second))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, month) || hour > 23 || minute > 59 ||
        second > 59)
        return false;
    if (*text == '.') {
        text++;
        if (take_fraction(&text, &nanos) == 0)
            return false;
    }
    if (!take_zone(text, &zone))
        return false;
    *ret_seconds = days_to(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone;
    *ret_nanos = nanos;
    return *ret_seconds >= JSON_TIMESTAMP_SECONDS_MIN && *ret_seconds <= JSON_TIMESTAMP_SECONDS_MAX;
}

/* The fraction of a second with its point, in 0, 3, 6 or 9 digits. */
static const char *fraction_text(struct arena *arena, int32_t nanos)
{
    if (nanos == 0)
        return "";
    if (nanos % 1000000 == 0)
        return arena_printf(arena, ".%03" PRId32, nanos / 1000000);
    if (nanos % 1000 == 0)
        return arena_printf(arena, ".%06" PRId32, nanos / 1000);
    return arena_printf(arena, ".%09" PRId32, nanos);
}

static int64_t held(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

const char *json_duration_text(struct arena *arena, int64_t seconds, int32_t nanos)
{
    bool negative = seconds < 0 || nanos < 0;

    seconds = held(seconds, -JSON_DURATION_SECONDS_MAX, JSON_DURATION_SECONDS_MAX);
    nanos = (int32_t)held(nanos, -999999999, 999999999);
    return arena_printf(arena, "%s%" PRId64 "%ss", negative ? "-" : "", seconds < 0 ? -seconds : seconds,
                        fraction_text(arena, nanos < 0 ? -nanos : nanos));
}

const char *json_timestamp_text(struct arena *arena, int64_t seconds, int32_t nanos)
{
    time_t instant = (time_t)held(seconds, JSON_TIMESTAMP_SECONDS_MIN, JSON_TIMESTAMP_SECONDS_MAX);
    struct tm parts;

    gmtime_r(&instant, &parts);
    return arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", parts.tm_year + 1900, parts.tm_mon + 1,
                        parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                        fraction_text(arena, (int32_t)held(nanos, 0, 999999999)));
}

/* --- bytes --- */

/* The value of a digit of base64 (either alphabet); -1 for none. */
static int base64_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

ptrdiff_t json_base64_read(struct arena *arena, struct bytes text, ProtobufCBinaryData *ret_data)
{
    size_t len = text.len, out = 0;
    uint8_t *data = arena_alloc_raw(arena, len / 4 * 3 + 3);
    uint32_t bits = 0;

    while (len > 0 && text.data[len - 1] == '=' && text.len - len < 2)
        len--;
    if (text.len != len && text.len % 4 != 0)
        return (ptrdiff_t)len;
    if (len % 4 == 1)
        return (ptrdiff_t)len - 1;
    for (size_t i = 0; i < len; i++) {
        int digit = base64_digit(text.data[i]);

        if (digit < 0)
            return (ptrdiff_t)i;
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 == 0)
            continue;
        data[out++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    *ret_data = (ProtobufCBinaryData){.data = out == 0 ? NULL : data, .len = out};
    return -1;
}
