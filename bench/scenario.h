/* The scenarios: each starts a server of its own, measures something, stops it, and adds samples to a report. */
#ifndef FERMATA_BENCH_SCENARIO_H
#define FERMATA_BENCH_SCENARIO_H

#include <stdbool.h>

#include "base/clock.h"
#include "bench/report.h"

/* How much of everything. */
struct scale {
    int lives;          /* starts and stops */
    int calls;          /* that do nothing */
    int one_task;       /* workflows */
    int versioned;      /* workflows of one task at a worker of a version, and as many without */
    int ten_activities; /* workflows */
    int latency;        /* workflows started one after the other */
    int open;           /* workflows left open */
    int signals;
    int polls;
    int waiting; /* workflow tasks in a queue whose routing changes */
};

/* One server in one mode. */
struct subject {
    const struct clock *clock;
    const char *executable;
    const char *directory; /* for its log and its database */
    bool on_file;
    bool takes_many; /* can be given 100,000 workflows; on the real server that takes half an hour */
    struct report *report;
};

/* Start-up, the first workflow, idle memory and CPU, stop. */
void scenario_lives(const struct subject *subject, const struct scale *scale);

/* CPU per call and per workflow, throughput, latency. */
void scenario_workflows(const struct subject *subject, const struct scale *scale);

/* Memory per open workflow, CPU per signal. */
void scenario_open_workflows(const struct subject *subject, const struct scale *scale);

/* Memory per waiting poll. */
void scenario_polls(const struct subject *subject, const struct scale *scale);

/* CPU per workflow of a version, and a change of routing while many tasks wait. */
void scenario_versions(const struct subject *subject, const struct scale *scale);

#endif
