/* Counters, gauges and histograms in memory, shown in Prometheus' text form 0.0.4. The list is
 * metric_table.h. Any thread. */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include "base/buf.h"

enum metric {
#define METRIC(id, name, kind, label, doc) METRIC_##id,
#include "base/metric_table.h"
#undef METRIC
    METRIC_COUNT
};

/* Adds to a counter or gauge. label is NULL when the table names none; it must outlive the process
 * (a literal or a table's text). At most 256 values a metric; what comes after is counted under
 * "other". */
void metric_add(enum metric m, const char *label, double v);

/* Sets a gauge. */
void metric_set(enum metric m, const char *label, double v);

/* Notes one observation of a histogram, in seconds. */
void metric_seen(enum metric m, const char *label, double seconds);

/* The value of a counter or gauge (0 when never touched), or the count of a histogram: for tests
 * and health. */
double metric_value(enum metric m, const char *label);

/* All of them, with HELP and TYPE. */
void metric_print(struct buf *out);

#endif
