#include "base/metric.h"

#include "base/mem.h"

#include <pthread.h>

enum kind {
    COUNTER,
    GAUGE,
    HISTOGRAM,
};

enum {
    MAX_LABELS = 256,
};

static const double bounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                0.2,    0.5,   1,      2.5,   5,    10,    30,   60};

struct series {
    const char *label; /* NULL: the metric has none */
    double value;      /* of a histogram: the sum */
    uint64_t count;
    uint64_t buckets[COUNT(bounds)];
};

struct family {
    const char *name;
    enum kind kind;
    const char *label;
    const char *doc;
    struct series *series;
    size_t count;
};

static struct family families[METRIC_COUNT] = {
#define METRIC(id, name, kind, label, doc) {name, kind, label, doc, NULL, 0},
#include "base/metric_table.h"
#undef METRIC
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Mostly it is the very text; two literals may say the same. */
static struct series *find(const struct family *f, const char *label)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->series[i].label == label) {
            return &f->series[i];
        }
    }
    for (size_t i = 0; i < f->count && label; i++) {
        if (strcmp(f->series[i].label, label) == 0) {
            return &f->series[i];
        }
    }
    return NULL;
}

/* Under the lock. */
static struct series *series_of(enum metric m, const char *label)
{
    struct family *f = &families[m];
    must((f->label == NULL) == (label == NULL));
    struct series *known = find(f, label);
    if (known) {
        return known;
    }
    if (f->count >= MAX_LABELS) {
        return &f->series[MAX_LABELS - 1];
    }
    f->series = mem_realloc(f->series, (f->count + 1) * sizeof(*f->series));
    f->series[f->count] = (struct series){.label = f->count == MAX_LABELS - 1 ? "other" : label};
    return &f->series[f->count++];
}

void metric_add(enum metric m, const char *label, double v)
{
    (void)pthread_mutex_lock(&lock);
    series_of(m, label)->value += v;
    (void)pthread_mutex_unlock(&lock);
}

void metric_set(enum metric m, const char *label, double v)
{
    (void)pthread_mutex_lock(&lock);
    series_of(m, label)->value = v;
    (void)pthread_mutex_unlock(&lock);
}

void metric_seen(enum metric m, const char *label, double seconds)
{
    (void)pthread_mutex_lock(&lock);
    struct series *s = series_of(m, label);
    s->value += seconds;
    s->count++;
    for (size_t i = 0; i < COUNT(bounds); i++) {
        if (seconds <= bounds[i]) {
            s->buckets[i]++;
            break;
        }
    }
    (void)pthread_mutex_unlock(&lock);
}

double metric_value(enum metric m, const char *label)
{
    (void)pthread_mutex_lock(&lock);
    const struct series *s = series_of(m, label);
    const double v = families[m].kind == HISTOGRAM ? (double)s->count : s->value;
    (void)pthread_mutex_unlock(&lock);
    return v;
}

static void print_histogram(struct buf *out, const struct family *f, const struct series *s)
{
    char label[300] = "";
    if (s->label) {
        (void)snprintf(label, sizeof(label), "%s=\"%s\",", f->label, s->label);
    }
    uint64_t below = 0;
    for (size_t i = 0; i < COUNT(bounds); i++) {
        below += s->buckets[i];
        buf_fmt(out, "%s_bucket{%sle=\"%g\"} %" PRIu64 "\n", f->name, label, bounds[i], below);
    }
    buf_fmt(out, "%s_bucket{%sle=\"+Inf\"} %" PRIu64 "\n", f->name, label, s->count);
    if (s->label) {
        buf_fmt(out, "%s_sum{%s=\"%s\"} %.9g\n%s_count{%s=\"%s\"} %" PRIu64 "\n", f->name, f->label,
                s->label, s->value, f->name, f->label, s->label, s->count);
    } else {
        buf_fmt(out, "%s_sum %.9g\n%s_count %" PRIu64 "\n", f->name, s->value, f->name, s->count);
    }
}

static void print_family(struct buf *out, const struct family *f)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    buf_fmt(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->doc, f->name, kinds[f->kind]);
    if (f->count == 0 && !f->label && f->kind != HISTOGRAM) {
        buf_fmt(out, "%s 0\n", f->name);
    }
    for (size_t i = 0; i < f->count; i++) {
        const struct series *s = &f->series[i];
        if (f->kind == HISTOGRAM) {
            print_histogram(out, f, s);
        } else if (s->label) {
            buf_fmt(out, "%s{%s=\"%s\"} %.15g\n", f->name, f->label, s->label, s->value);
        } else {
            buf_fmt(out, "%s %.15g\n", f->name, s->value);
        }
    }
}

void metric_print(struct buf *out)
{
    (void)pthread_mutex_lock(&lock);
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        print_family(out, &families[i]);
    }
    (void)pthread_mutex_unlock(&lock);
}
