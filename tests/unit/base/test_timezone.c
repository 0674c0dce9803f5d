/* Time zones against Go's time package: time_zones.txt; and TZif data that are damaged. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time_zones_embedded.h"
#include "base/timezone.h"
#include "expectations.h"

static struct time_zone zone_named(const char *name)
{
    struct time_zone zone;

    ck_assert_msg(timezone_find(&zone, name, strlen(name)), "no zone %s", name);
    return zone;
}

static void check_line(char *fields[FIELDS_MAX], int line)
{
    struct time_zone zone = zone_named(fields[1]);
    int64_t at = instant_read(fields[2]) / NANOS_PER_SECOND;
    struct local_time local = timezone_local(&zone, at);
    char found[80];

    if (strcmp(fields[0], "local") == 0) {
        snprintf(found, sizeof(found), "%04d-%02d-%02dT%02d:%02d:%02d %d %d", (int)local.year, local.month, local.day,
                 local.hour, local.minute, local.second, local.weekday, timezone_offset(&zone, at));
    } else {
        const struct time_zone utc = {0};

        local = timezone_local(&utc, at);
        instant_write(timezone_instant(&zone, &local) * NANOS_PER_SECOND, found);
    }
    ck_assert_msg(strcmp(found, fields[3]) == 0, "line %d: %s %s: %s instead of %s", line, fields[1], fields[2], found,
                  fields[3]);
}

START_TEST(clocks_show_what_go_says)
{
    expectations_read("unit/base/time_zones.txt", 500, check_line);
}
END_TEST

START_TEST(every_embedded_zone_can_be_read)
{
    ck_assert_int_gt((int)time_zones_count, 500);
    for (size_t i = 0; i < time_zones_count; i++)
        (void)zone_named(time_zones[i].name);
}
END_TEST

START_TEST(names_are_exact)
{
    static const char *const wrong[] = {"",       "utc",    "europe/berlin", "Europe/Berli", "Europe/Berlin ",
                                        "Europe", "../UTC", "Zulu2"};
    struct time_zone zone;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!timezone_find(&zone, wrong[i], strlen(wrong[i])), "found: %s", wrong[i]);
    ck_assert(timezone_find(&zone, "UTC later", 3));
}
END_TEST

START_TEST(fields_carry_over)
{
    const struct time_zone utc = {0};
    struct local_time odd = {.year = 2023, .month = 15, .day = 0, .hour = -1, .minute = 60, .second = 61};
    char text[32];

    instant_write(timezone_instant(&utc, &odd) * NANOS_PER_SECOND, text);
    ck_assert_str_eq(text, "2024-02-29T00:01:01Z");
    odd = (struct local_time){.year = 2024, .month = -10, .day = 1};
    instant_write(timezone_instant(&utc, &odd) * NANOS_PER_SECOND, text);
    ck_assert_str_eq(text, "2023-02-01T00:00:00Z");
}
END_TEST

/* ---- TZif made by hand ---- */

/* Version 2 data: one type of UTC+1, one change at 2001-09-09 to UTC+2, and a rule. Returns its length. */
static size_t make_tzif(uint8_t data[256], char version, const char *rule)
{
    static const uint8_t header[44] = {'T', 'Z', 'i', 'f', [35] = 1, [39] = 2, [43] = 4};
    static const uint8_t types[] = {0, 0, 0x0e, 0x10, 0, 0, 0, 0, 0x1c, 0x20, 1, 0, 'A', 'B', 'C', 0};
    static const uint8_t change[] = {0, 0, 0, 0, 0x3b, 0x9a, 0xca, 0x00};
    size_t len = 0;

    for (int time_bytes = 4; time_bytes <= (version == 0 ? 4 : 8); time_bytes += 4) {
        memcpy(data + len, header, sizeof(header));
        data[len + 4] = (uint8_t)version;
        len += sizeof(header);
        memcpy(data + len, change + 8 - time_bytes, (size_t)time_bytes);
        len += (size_t)time_bytes;
        data[len++] = 1;
        memcpy(data + len, types, sizeof(types));
        len += sizeof(types);
    }
    if (version != 0)
        len += (size_t)sprintf((char *)data + len, "\n%s\n", rule);
    return len;
}

static int32_t offset_with_rule(const char *rule, const char *instant)
{
    struct time_zone zone;
    uint8_t data[256];

    ck_assert(timezone_read(&zone, data, make_tzif(data, '2', rule)));
    return timezone_offset(&zone, instant_read(instant) / NANOS_PER_SECOND);
}

START_TEST(both_forms_are_read)
{
    struct time_zone zone;
    uint8_t data[256];

    for (int version = 0; version <= '4'; version += version == 0 ? '2' : 1) {
        ck_assert(timezone_read(&zone, data, make_tzif(data, (char)version, "")));
        ck_assert_int_eq(timezone_offset(&zone, 999999999), 3600);
        ck_assert_int_eq(timezone_offset(&zone, 1000000000), 7200);
    }
}
END_TEST

START_TEST(rules_of_every_form)
{
    static const struct {
        const char *rule, *instant;
        int32_t offset;
    } cases[] = {
        {"X-3", "2030-01-01T00:00:00Z", 7200}, /* not a rule: the last change holds */
        {"XXX-3", "2030-01-01T00:00:00Z", 10800},
        {"<+1030>-10:30:15", "2030-01-01T00:00:00Z", 37815},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2030-03-31T00:59:59Z", 3600},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2030-03-31T01:00:00Z", 7200},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2030-10-27T00:59:59Z", 7200},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2030-10-27T01:00:00Z", 3600},
        {"AAA0BBB-2,J60/0,J61/0", "2032-03-01T00:00:00Z", 7200}, /* March 1st in leap years, too */
        {"AAA0BBB-2,J60/0,J61/0", "2032-02-29T00:00:00Z", 0},
        {"AAA0BBB-2,60/0,J365/-24", "2032-03-01T00:00:00Z", 7200},
        {"AAA0BBB-2,60/0,J365/-24", "2031-03-01T23:59:59Z", 0},
        {"AAA0BBB,M12.5.2/167,M1.1.1", "2030-06-01T00:00:00Z", 0},
        {"AAA0BBB,M3.5.0", "2030-06-01T00:00:00Z", 7200},
        {"AAA0BBB,M3.5.0,M10.5.0/3x", "2030-06-01T00:00:00Z", 7200},
        {"AAA0BBB,M13.5.0,M10.5.0", "2030-06-01T00:00:00Z", 7200},
        {"AAA168", "2030-06-01T00:00:00Z", -168 * 3600},
        {"AAA169", "2030-06-01T00:00:00Z", 7200},
        {"<AAA", "2030-06-01T00:00:00Z", 7200},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(offset_with_rule(cases[i].rule, cases[i].instant) == cases[i].offset, "%s at %s: %d",
                      cases[i].rule, cases[i].instant, offset_with_rule(cases[i].rule, cases[i].instant));
}
END_TEST

/* Cut short anywhere, or with any byte changed, it is refused or gives some offset; the sanitizers watch. */
START_TEST(damaged_data_do_no_harm)
{
    uint8_t good[256], *bad;
    size_t len = make_tzif(good, '2', "CET-1CEST,M3.5.0,M10.5.0/3");
    struct time_zone zone;

    for (size_t cut = 0; cut < len; cut++) {
        bad = malloc(cut + 1);
        memcpy(bad, good, cut);
        if (timezone_read(&zone, bad, cut))
            (void)timezone_offset(&zone, 4000000000);
        free(bad);
    }
    bad = malloc(len);
    for (size_t i = 0; i < len; i++) {
        for (int value = 0; value < 256; value++) {
            memcpy(bad, good, len);
            bad[i] = (uint8_t)value;
            if (timezone_read(&zone, bad, len)) {
                (void)timezone_offset(&zone, 4000000000);
                (void)timezone_local(&zone, -4000000000);
            }
        }
    }
    free(bad);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timezone");
    TCase *tests = tcase_create("timezone");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, clocks_show_what_go_says);
    tcase_add_test(tests, every_embedded_zone_can_be_read);
    tcase_add_test(tests, names_are_exact);
    tcase_add_test(tests, fields_carry_over);
    tcase_add_test(tests, both_forms_are_read);
    tcase_add_test(tests, rules_of_every_form);
    tcase_add_test(tests, damaged_data_do_no_harm);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
