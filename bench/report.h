/* What was measured, and the table that is printed of it. */
#ifndef FERMATA_BENCH_REPORT_H
#define FERMATA_BENCH_REPORT_H

#include <stddef.h>

enum metric {
#define METRIC(id, what, unit, digits, more_is_better) METRIC_##id,
#include "bench/metrics.def"
#undef METRIC
    METRICS_COUNT
};

enum { SAMPLES_MAX = 256 };

/* The samples of one metric. */
struct samples {
    double values[SAMPLES_MAX];
    size_t count;
};

/* All that was measured of one server in one mode. Zeroed is empty. */
struct report {
    struct samples metrics[METRICS_COUNT];
};

/* Adds a sample; beyond SAMPLES_MAX it is dropped. */
void report_add(struct report *report, enum metric metric, double value);

/* Prints a table with medians, and least and most in brackets; with `other`, also its column and the ratio of the two.
 */
void report_print(const char *title, const struct report *report, const char *other_name, const struct report *other);

/* The value that `share` (0 to 1) of `count` values do not exceed. Sorts them. */
double percentile(double *values, size_t count, double share);

#endif
