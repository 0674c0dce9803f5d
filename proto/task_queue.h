/* What names of task queues say. */
#ifndef FERMATA_PROTO_TASK_QUEUE_H
#define FERMATA_PROTO_TASK_QUEUE_H

#include <stdbool.h>

/* Whether the name is kept for the workers that a server of Temporal has for each namespace: no workflow of a user may
 * have such a task queue. */
bool task_queue_is_internal(const char *name);

#endif
