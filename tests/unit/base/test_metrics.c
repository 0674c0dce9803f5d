/* The page of metrics as Prometheus reads it, the sanitising of labels, and the bounds (MX1, MX2). */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"

static struct metrics *metrics;
static struct buffer page, labels;

static void set_up(void)
{
    metrics = metrics_new();
}

static void tear_down(void)
{
    metrics_free(metrics);
    buffer_free(&page);
    buffer_free(&labels);
}

static struct series *with_label(struct metric_family *family, const char *name, const char *value)
{
    labels.len = 0;
    metric_labels_add(&labels, name, value);
    return metric_series(family, (struct bytes){labels.data, labels.len});
}

static const char *written(void)
{
    page.len = 0;
    metrics_write(metrics, &page);
    buffer_append_byte(&page, '\0');
    return (const char *)page.data;
}

START_TEST(counters_and_gauges)
{
    struct metric_family *calls = metrics_family(metrics, "calls", "Calls", METRIC_COUNTER, NULL);
    struct metric_family *age = metrics_family(metrics, "age", "Age", METRIC_GAUGE, NULL);

    series_add(with_label(calls, "operation", "Start"), 1);
    series_add(with_label(calls, "operation", "Start"), 1);
    series_add(with_label(calls, "operation", "Stop"), 1);
    series_set(metric_series(age, (struct bytes){NULL, 0}), 0.25);
    ck_assert_str_eq(written(), "# HELP age Age\n# TYPE age gauge\nage 0.25\n"
                                "# HELP calls Calls\n# TYPE calls counter\n"
                                "calls{operation=\"Start\"} 2\ncalls{operation=\"Stop\"} 1\n");
}
END_TEST

START_TEST(histograms)
{
    static const struct metric_bucket list[] = {{1, "1"}, {2, "2"}};
    static const struct metric_buckets buckets = {list, 2};
    struct series *series = with_label(metrics_family(metrics, "size", "Size", METRIC_HISTOGRAM, &buckets), "of", "x");

    series_observe(series, 0.5);
    series_observe(series, 1);
    series_observe(series, 1.5);
    series_observe(series, 99);
    ck_assert_str_eq(written(),
                     "# HELP size Size\n# TYPE size histogram\n"
                     "size_bucket{of=\"x\",le=\"1\"} 2\nsize_bucket{of=\"x\",le=\"2\"} 3\n"
                     "size_bucket{of=\"x\",le=\"+Inf\"} 4\nsize_sum{of=\"x\"} 102\nsize_count{of=\"x\"} 4\n");
}
END_TEST

START_TEST(a_family_without_series_is_not_shown)
{
    struct metric_family *family = metrics_family(metrics, "calls", "Calls", METRIC_COUNTER, NULL);

    ck_assert_str_eq(written(), "");
    series_add(with_label(family, "a", "b"), 1);
    ck_assert_uint_eq(metrics_samples(metrics), 1);
    metric_family_clear(family);
    ck_assert_str_eq(written(), "");
    ck_assert_uint_eq(metrics_samples(metrics), 0);
    ck_assert_ptr_eq(metrics_family(metrics, "calls", "Calls", METRIC_COUNTER, NULL), family);
}
END_TEST

static const struct {
    const char *value, *written;
} sanitised[] = {
    {"", "a=\"\""},
    {"plain_09AZ", "a=\"plain_09AZ\""},
    {"my-tq.1/x y", "a=\"my_tq_1_x_y\""},
    {"quote\"back\\slash\nline", "a=\"quote_back_slash_line\""},
    {"h\xc3\xa9t\xe2\x82\xac", "a=\"h_t_\""}, /* a character is one underscore, however many bytes it has */
};

START_TEST(values_are_sanitised)
{
    metric_labels_add(&labels, "a", sanitised[_i].value);
    buffer_append_byte(&labels, '\0');
    ck_assert_str_eq((const char *)labels.data, sanitised[_i].written);
}
END_TEST

START_TEST(what_reads_the_same_is_the_same)
{
    struct metric_family *family = metrics_family(metrics, "calls", "Calls", METRIC_COUNTER, NULL);

    ck_assert_ptr_eq(with_label(family, "queue", "my-tq"), with_label(family, "queue", "my.tq")); /* MX1 */
}
END_TEST

START_TEST(beyond_the_bound_all_is_counted_together)
{
    struct metric_family *family = metrics_family(metrics, "calls", "Calls", METRIC_COUNTER, NULL);
    char value[16];

    for (int i = 0; i < SERIES_PER_FAMILY_MAX + 5; i++) {
        snprintf(value, sizeof(value), "v%d", i);
        series_add(with_label(family, "queue", value), 1);
    }
    series_add(with_label(family, "queue", "v0"), 1); /* those that are there go on */
    ck_assert_uint_eq(metrics_samples(metrics), SERIES_PER_FAMILY_MAX + 1);
    ck_assert_ptr_nonnull(strstr(written(), "calls{queue=\"_other_\"} 5\n"));
    ck_assert_ptr_nonnull(strstr(written(), "calls{queue=\"v0\"} 2\n"));
}
END_TEST

START_TEST(all_families_together_are_bounded)
{
    char names[64][16], value[16];
    size_t most = 0;

    for (int i = 0; i < 64; i++) {
        snprintf(names[i], sizeof(names[i]), "size%d", i);
        for (int j = 0; j < 200; j++) {
            snprintf(value, sizeof(value), "v%d", j);
            series_observe(
                with_label(metrics_family(metrics, names[i], "Size", METRIC_HISTOGRAM, &metric_buckets_seconds), "a",
                           value),
                1);
        }
    }
    most = SAMPLES_MAX + 65 * (metric_buckets_seconds.count + 3); /* one more per family */
    ck_assert_uint_le(metrics_samples(metrics), most);
}
END_TEST

START_TEST(numbers)
{
    static const struct {
        double value;
        const char *written;
    } cases[] = {{0, "0"}, {-3, "-3"}, {0.001, "0.001"}, {123456789012.0, "123456789012"}, {1.5e-7, "1.5e-07"}};
    char expected[128];

    series_set(metric_series(metrics_family(metrics, "n", "N", METRIC_GAUGE, NULL), (struct bytes){NULL, 0}),
               cases[_i].value);
    snprintf(expected, sizeof(expected), "# HELP n N\n# TYPE n gauge\nn %s\n", cases[_i].written);
    ck_assert_str_eq(written(), expected);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tcase = tcase_create("metrics");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, counters_and_gauges);
    tcase_add_test(tcase, histograms);
    tcase_add_test(tcase, a_family_without_series_is_not_shown);
    tcase_add_loop_test(tcase, values_are_sanitised, 0, (int)(sizeof(sanitised) / sizeof(sanitised[0])));
    tcase_add_test(tcase, what_reads_the_same_is_the_same);
    tcase_add_test(tcase, beyond_the_bound_all_is_counted_together);
    tcase_add_test(tcase, all_families_together_are_bounded);
    tcase_add_loop_test(tcase, numbers, 0, 5);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
