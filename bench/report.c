#include "bench/report.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *what, *unit;
    int digits;
    bool more_is_better;
} METRICS[] = {
#define METRIC(id, what, unit, digits, more_is_better) {what, unit, digits, more_is_better},
#include "bench/metrics.def"
#undef METRIC
};

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

double percentile(double *values, size_t count, double share)
{
    size_t place = (size_t)(share * (double)count);

    if (count == 0)
        return 0;
    qsort(values, count, sizeof(values[0]), compare);
    return values[place < count ? place : count - 1];
}

void report_add(struct report *report, enum metric metric, double value)
{
    struct samples *samples = &report->metrics[metric];

    if (samples->count < SAMPLES_MAX)
        samples->values[samples->count++] = value;
}

/* "median [least most]" into `text`; returns the median. */
static double describe(struct samples samples, int digits, char *text, size_t bytes)
{
    double median = percentile(samples.values, samples.count, 0.5);

    if (samples.count == 0)
        snprintf(text, bytes, "-");
    else if (samples.values[0] == samples.values[samples.count - 1])
        snprintf(text, bytes, "%.*f", digits, median);
    else
        snprintf(text, bytes, "%.*f [%.*f %.*f]", digits, median, digits, samples.values[0], digits,
                 samples.values[samples.count - 1]);
    return median;
}

void report_print(const char *title, const struct report *report, const char *other_name, const struct report *other)
{
    char text[96], other_text[96];

    printf("\n%s\n%-48s %-28s", title, "", "fermata");
    if (other != NULL)
        printf(" %-28s %s", other_name, "ratio");
    printf("\n");
    for (int i = 0; i < METRICS_COUNT; i++) {
        double median = describe(report->metrics[i], METRICS[i].digits, text, sizeof(text));
        char what[64];

        snprintf(what, sizeof(what), "%s%s%s", METRICS[i].what, METRICS[i].unit[0] != '\0' ? ", " : "",
                 METRICS[i].unit);
        printf("%-48s %-28s", what, text);
        if (other != NULL) {
            double other_median = describe(other->metrics[i], METRICS[i].digits, other_text, sizeof(other_text));
            double ratio = METRICS[i].more_is_better ? median / other_median : other_median / median;

            printf(" %-28s", other_text);
            if (report->metrics[i].count > 0 && other->metrics[i].count > 0 && median > 0 && other_median > 0)
                printf(" %.*f", ratio < 10 ? 1 : 0, ratio);
        }
        printf("\n");
    }
}
