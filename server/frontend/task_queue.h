/* What the handlers that describe task queues share. */
#ifndef FERMATA_SERVER_FRONTEND_TASK_QUEUE_H
#define FERMATA_SERVER_FRONTEND_TASK_QUEUE_H

#include "base/arena.h"
#include "matching/matching.h"
#include "proto/api.h"

/* The numbers of a queue as the API shows them. */
PbTaskQueueStats *describe_queue_stats(struct arena *arena, const struct queue_stats *stats);

#endif
