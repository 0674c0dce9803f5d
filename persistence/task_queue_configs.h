/* What has been configured for task queues, as rows: packed messages that persistence does not interpret. All are read
 * at start and written when something changes, which is seldom. */
#ifndef FERMATA_PERSISTENCE_TASK_QUEUE_CONFIGS_H
#define FERMATA_PERSISTENCE_TASK_QUEUE_CONFIGS_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

struct store;

struct task_queue_config_row {
    int64_t namespace_id;
    const char *name;
    int type;            /* temporal.api.enums.v1.TaskQueueType */
    struct bytes config; /* temporal.api.taskqueue.v1.TaskQueueConfig, packed */
};

/* Inserts the row, or replaces its config. */
void task_queue_config_rows_put(struct store *store, const struct task_queue_config_row *row);

/* Calls `each` for every row; memory is valid during that call only. */
status task_queue_config_rows_each(struct store *store,
                                   void (*each)(void *context, const struct task_queue_config_row *row), void *context);

#endif
