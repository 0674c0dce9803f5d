/* What the files of server/metrics share. */
#ifndef FERMATA_SERVER_METRICS_PARTS_H
#define FERMATA_SERVER_METRICS_PARTS_H

#include "base/metrics.h"
#include "matching/matching.h"

struct server;

/* The labels that name a physical queue, as the real server writes them. Texts are borrowed from the queue's names, or
 * lie in here. */
struct queue_labels {
    const char *partition; /* "0", for there are no others, or "__sticky__" */
    const char *task_type;
    const char *taskqueue; /* of a sticky queue: that which its worker serves */
    const char *build_id, *deployment;
    char version[2048]; /* "deployment:build id", or "__unversioned__" */
};

/* Fills them in. `normal_name` may be NULL. */
void metrics_name_queue(const struct queue_name *queue, const char *normal_name, const struct queue_version *version,
                        struct queue_labels *ret_labels);

/* Looks up what nobody counts: gauges of the present state, and counters that others keep. */
void metrics_collect(struct server *server, struct metrics *metrics);

#endif
