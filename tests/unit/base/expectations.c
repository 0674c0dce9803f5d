#include "expectations.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LINE_MAX_BYTES = 1024 };

static void unescape(char *text)
{
    char *to = text;

    for (; *text != '\0'; text++) {
        if (text[0] == '\\' && (text[1] == 't' || text[1] == 'n' || text[1] == '\\')) {
            text++;
            *to++ = *text == 't' ? '\t' : *text == 'n' ? '\n' : '\\';
        } else {
            *to++ = *text;
        }
    }
    *to = '\0';
}

void expectations_read(const char *path, int least, void (*check)(char *fields[FIELDS_MAX], int line))
{
    FILE *file = fopen(path, "r");
    char text[LINE_MAX_BYTES];
    int count = 0, line = 0;

    ck_assert_msg(file != NULL, "%s is not there", path);
    while (fgets(text, sizeof(text), file) != NULL) {
        char nothing[] = "", *fields[FIELDS_MAX] = {nothing, nothing, nothing, nothing}, *rest = text;

        line++;
        text[strcspn(text, "\n")] = '\0';
        if (text[0] == '#')
            continue;
        for (int i = 0; i < FIELDS_MAX && rest != NULL; i++) {
            fields[i] = rest;
            rest = strstr(rest, " | ");
            if (rest != NULL) {
                *rest = '\0';
                rest += 3;
            }
            unescape(fields[i]);
        }
        check(fields, line);
        count++;
    }
    fclose(file);
    ck_assert_int_ge(count, least);
}

nanos instant_read(const char *text)
{
    struct tm tm = {0};
    double fraction = 0;
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

    ck_assert_msg(rest != NULL, "no instant: %s", text);
    if (*rest == '.')
        sscanf(rest, "%lf", &fraction);
    return seconds(timegm(&tm)) + (nanos)(fraction * 1e9 + 0.5);
}

void instant_write(nanos instant, char *ret_text)
{
    time_t at = instant / NANOS_PER_SECOND;
    struct tm tm;

    gmtime_r(&at, &tm);
    strftime(ret_text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}
