/*
 * Metrics: counters, gauges and histograms with labels, and the text that Prometheus reads (exposition format 0.0.4).
 *
 * A family is a metric's name; a series is a family with values for its labels. Who counts often keeps the series:
 * counting is then an addition, and looking a series up by its labels happens once.
 *
 * MX1  A family's series differ in their labels, as they are written.
 * MX2  Series are bounded, per family and in all (SERIES_PER_FAMILY_MAX, SAMPLES_MAX): label values come from clients,
 *      and a page that nobody can read is worse than a sum. What is beyond is counted together, in a series whose
 *      labels say "_other_".
 */
#ifndef FERMATA_BASE_METRICS_H
#define FERMATA_BASE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* A series takes some 300 bytes, a line of the page some 200; all of it is written in one go. */
enum { SERIES_PER_FAMILY_MAX = 2000, SAMPLES_MAX = 50000 };

struct metrics;
struct metric_family;

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* The upper bounds of a histogram's buckets, ascending, and how they are written; behind them is +Inf. */
struct metric_bucket {
    double bound;
    const char *text;
};
struct metric_buckets {
    const struct metric_bucket *list;
    size_t count;
};

/* The real server's: of times in seconds, of sizes in bytes, of numbers of things. */
extern const struct metric_buckets metric_buckets_seconds, metric_buckets_bytes, metric_buckets_counts;

/* One series. */
struct series {
    double value; /* a histogram's sum */
    const struct metric_buckets *buckets;
    uint64_t *counts; /* per bucket, not cumulated, and one more for +Inf; NULL unless it is a histogram's */
};

/* Makes an empty set of metrics. */
struct metrics *metrics_new(void);

/* Frees it with all families and series; NULL is accepted. */
void metrics_free(struct metrics *metrics);

/* The family of that name, made when there is none. Texts are borrowed for good; `buckets` only of a histogram. */
struct metric_family *metrics_family(struct metrics *metrics, const char *name, const char *help, enum metric_kind kind,
                                     const struct metric_buckets *buckets);

/* Appends a label to those in `labels`, as they are written. The value is sanitised as the real server's are: each
 * character beside letters, digits and the underscore becomes an underscore. */
void metric_labels_add(struct buffer *labels, const char *name, const char *value);

/* The series with these labels (of metric_labels_add, or constants written in the same way), made when there is none.
 * It lives until metric_family_clear. */
struct series *metric_series(struct metric_family *family, struct bytes labels);

/* Forgets a family's series: for gauges that are looked up anew for each page. */
void metric_family_clear(struct metric_family *family);

/* Adds to a counter or gauge. */
static inline void series_add(struct series *series, double count)
{
    series->value += count;
}

/* Sets a gauge, or a counter that somebody else counts. */
static inline void series_set(struct series *series, double value)
{
    series->value = value;
}

/* Counts a value in a histogram. */
static inline void series_observe(struct series *series, double value)
{
    const struct metric_buckets *buckets = series->buckets;
    size_t place = 0;

    while (place < buckets->count && value > buckets->list[place].bound)
        place++;
    series->counts[place]++;
    series->value += value;
}

/* How many samples the page has at present: its lines without comments. */
size_t metrics_samples(const struct metrics *metrics);

/* Appends the page: families in the order of their names, series in that of their making. */
void metrics_write(const struct metrics *metrics, struct buffer *page);

#endif
