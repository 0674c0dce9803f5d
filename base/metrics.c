#include "base/metrics.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/hash_table.h"

/* A series in its family: by its labels, and in a list. */
struct entry {
    struct series series;
    UT_hash_handle hh; /* also the order in which they were made */
    size_t labels_len;
    char labels[];
};

struct metric_family {
    UT_hash_handle hh;
    struct metrics *metrics;
    const char *name, *help;
    enum metric_kind kind;
    const struct metric_buckets *buckets;
    struct entry *series;
};

struct metrics {
    struct metric_family *families;
    size_t samples;
};

/* ---- buckets ---- */

#define BUCKET(bound) \
    {                 \
        bound, #bound \
    }

static const struct metric_bucket seconds_list[] = {
    BUCKET(0.001), BUCKET(0.002), BUCKET(0.005), BUCKET(0.01), BUCKET(0.02), BUCKET(0.05), BUCKET(0.1),
    BUCKET(0.2),   BUCKET(0.5),   BUCKET(1),     BUCKET(2),    BUCKET(5),    BUCKET(10),   BUCKET(20),
    BUCKET(50),    BUCKET(100),   BUCKET(200),   BUCKET(500),  BUCKET(1000),
};
static const struct metric_bucket bytes_list[] = {
    BUCKET(1024),         BUCKET(2048),         BUCKET(4096),         BUCKET(8192),         BUCKET(16384),
    BUCKET(32768),        BUCKET(65536),        BUCKET(131072),       BUCKET(262144),       BUCKET(524288),
    BUCKET(1.048576e+06), BUCKET(2.097152e+06), BUCKET(4.194304e+06), BUCKET(8.388608e+06), BUCKET(1.6777216e+07),
};
static const struct metric_bucket counts_list[] = {
    BUCKET(1),   BUCKET(2),    BUCKET(5),    BUCKET(10),   BUCKET(20),    BUCKET(50),    BUCKET(100),   BUCKET(200),
    BUCKET(500), BUCKET(1000), BUCKET(2000), BUCKET(5000), BUCKET(10000), BUCKET(20000), BUCKET(50000), BUCKET(100000),
};

const struct metric_buckets metric_buckets_seconds = {seconds_list, sizeof(seconds_list) / sizeof(seconds_list[0])};
const struct metric_buckets metric_buckets_bytes = {bytes_list, sizeof(bytes_list) / sizeof(bytes_list[0])};
const struct metric_buckets metric_buckets_counts = {counts_list, sizeof(counts_list) / sizeof(counts_list[0])};

/* ---- families and series ---- */

struct metrics *metrics_new(void)
{
    return memory_new(sizeof(struct metrics));
}

static size_t samples_of_series(const struct metric_family *family)
{
    enum { INFINITY_SUM_COUNT = 3 };

    return family->kind == METRIC_HISTOGRAM ? family->buckets->count + INFINITY_SUM_COUNT : 1;
}

void metric_family_clear(struct metric_family *family)
{
    struct entry *entry, *next;

    HASH_ITER (hh, family->series, entry, next) {
        HASH_DEL(family->series, entry);
        family->metrics->samples -= samples_of_series(family);
        memory_free(entry->series.counts);
        memory_free(entry);
    }
}

void metrics_free(struct metrics *metrics)
{
    struct metric_family *family, *next;

    if (metrics == NULL)
        return;
    HASH_ITER (hh, metrics->families, family, next) {
        metric_family_clear(family);
        HASH_DEL(metrics->families, family);
        memory_free(family);
    }
    memory_free(metrics);
}

static int by_name(const struct metric_family *a, const struct metric_family *b)
{
    return strcmp(a->name, b->name);
}

struct metric_family *metrics_family(struct metrics *metrics, const char *name, const char *help, enum metric_kind kind,
                                     const struct metric_buckets *buckets)
{
    struct metric_family *family;

    HASH_FIND(hh, metrics->families, name, strlen(name), family);
    if (family != NULL) {
        invariant(family->kind == kind, "%s is two kinds of metric", name);
        return family;
    }
    family = memory_new(sizeof(*family));
    family->metrics = metrics;
    family->name = name;
    family->help = help;
    family->kind = kind;
    family->buckets = kind == METRIC_HISTOGRAM ? buckets : NULL;
    HASH_ADD_KEYPTR(hh, metrics->families, family->name, strlen(name), family);
    HASH_SRT(hh, metrics->families, by_name);
    return family;
}

static bool is_kept(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

void metric_labels_add(struct buffer *labels, const char *name, const char *value)
{
    if (labels->len > 0)
        buffer_append_byte(labels, ',');
    buffer_append(labels, name, strlen(name));
    buffer_append(labels, "=\"", 2);
    for (const unsigned char *c = (const unsigned char *)value; *c != '\0'; c++) {
        bool continues = (*c & 0xc0) == 0x80; /* a character of UTF-8 is one underscore */

        if (!continues)
            buffer_append_byte(labels, is_kept(*c) ? *c : '_');
    }
    buffer_append_byte(labels, '"');
}

static struct entry *find(const struct metric_family *family, struct bytes labels)
{
    struct entry *entry;

    HASH_FIND(hh, family->series, labels.data, labels.len, entry);
    return entry;
}

static struct entry *add(struct metric_family *family, struct bytes labels)
{
    struct entry *entry = memory_new(sizeof(*entry) + labels.len + 1);

    entry->labels_len = labels.len;
    if (labels.len > 0)
        memcpy(entry->labels, labels.data, labels.len);
    if (family->kind == METRIC_HISTOGRAM) {
        entry->series.buckets = family->buckets;
        entry->series.counts = memory_new((family->buckets->count + 1) * sizeof(entry->series.counts[0]));
    }
    HASH_ADD_KEYPTR(hh, family->series, entry->labels, entry->labels_len, entry);
    family->metrics->samples += samples_of_series(family);
    return entry;
}

/* The same labels with "_other_" for each value, MX2. */
static void make_other(struct bytes labels, struct buffer *other)
{
    static const char value[] = "_other_";
    bool in_value = false;

    for (size_t i = 0; i < labels.len; i++) {
        if (labels.data[i] == '"') {
            if (!in_value)
                buffer_append(other, "\"", 1);
            else
                buffer_append(other, value, sizeof(value)); /* with room for the quote */
            if (in_value)
                other->data[other->len - 1] = '"';
            in_value = !in_value;
        } else if (!in_value) {
            buffer_append_byte(other, labels.data[i]);
        }
    }
}

struct series *metric_series(struct metric_family *family, struct bytes labels)
{
    struct entry *entry = find(family, labels);
    struct buffer other = {0};

    if (entry != NULL)
        return &entry->series;
    if (HASH_COUNT(family->series) < SERIES_PER_FAMILY_MAX && family->metrics->samples < SAMPLES_MAX)
        return &add(family, labels)->series;
    make_other(labels, &other);
    labels = (struct bytes){other.data, other.len};
    entry = find(family, labels);
    if (entry == NULL)
        entry = add(family, labels);
    buffer_free(&other);
    return &entry->series;
}

/* ---- the page ---- */

size_t metrics_samples(const struct metrics *metrics)
{
    return metrics->samples;
}

static void write_text(struct buffer *page, const char *text)
{
    buffer_append(page, text, strlen(text));
}

static void write_number(struct buffer *page, double number)
{
    enum { NUMBER_BYTES = 32 };
    static const double integers_up_to = 1e15;
    bool is_integer = fabs(number) < integers_up_to && number == floor(number);
    char *at = (char *)buffer_reserve(page, NUMBER_BYTES);

    page->len += (size_t)snprintf(at, NUMBER_BYTES, is_integer ? "%.0f" : "%.9g", number);
}

/* A line: name, suffix, labels, and `le` when it is a bucket. */
static void write_sample(struct buffer *page, const struct metric_family *family, const char *suffix,
                         const struct entry *entry, const char *le, double value)
{
    write_text(page, family->name);
    write_text(page, suffix);
    if (entry->labels_len > 0 || le != NULL)
        buffer_append_byte(page, '{');
    buffer_append(page, entry->labels, entry->labels_len);
    if (le != NULL) {
        write_text(page, entry->labels_len > 0 ? ",le=\"" : "le=\"");
        write_text(page, le);
        buffer_append_byte(page, '"');
    }
    if (entry->labels_len > 0 || le != NULL)
        buffer_append_byte(page, '}');
    buffer_append_byte(page, ' ');
    write_number(page, value);
    buffer_append_byte(page, '\n');
}

static void write_histogram(struct buffer *page, const struct metric_family *family, const struct entry *entry)
{
    const struct metric_buckets *buckets = family->buckets;
    double count = 0;

    for (size_t i = 0; i <= buckets->count; i++) {
        count += (double)entry->series.counts[i];
        write_sample(page, family, "_bucket", entry, i < buckets->count ? buckets->list[i].text : "+Inf", count);
    }
    write_sample(page, family, "_sum", entry, NULL, entry->series.value);
    write_sample(page, family, "_count", entry, NULL, count);
}

static void write_header(struct buffer *page, const struct metric_family *family)
{
    static const char *const kinds[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};

    write_text(page, "# HELP ");
    write_text(page, family->name);
    buffer_append_byte(page, ' ');
    write_text(page, family->help);
    write_text(page, "\n# TYPE ");
    write_text(page, family->name);
    buffer_append_byte(page, ' ');
    write_text(page, kinds[family->kind]);
    buffer_append_byte(page, '\n');
}

void metrics_write(const struct metrics *metrics, struct buffer *page)
{
    const struct metric_family *family;
    const struct entry *entry;

    for (family = metrics->families; family != NULL; family = family->hh.next) {
        if (family->series == NULL)
            continue;
        write_header(page, family);
        for (entry = family->series; entry != NULL; entry = entry->hh.next) {
            if (family->kind == METRIC_HISTOGRAM)
                write_histogram(page, family, entry);
            else
                write_sample(page, family, "", entry, NULL, entry->series.value);
        }
    }
}
