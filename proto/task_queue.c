#include "proto/task_queue.h"

#include <string.h>

bool task_queue_is_internal(const char *name)
{
    static const char prefix[] = "temporal-sys-per-ns-";

    /* One of them was named before the prefix was agreed on. */
    return strncmp(name, prefix, sizeof(prefix) - 1) == 0 ||
           strcmp(name, "temporal-sys-worker-controller-per-ns-tq") == 0;
}
