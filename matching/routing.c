#include "matching/routing.h"

bool routing_is_versioned(const struct queue_version *version)
{
    return version->deployment != NULL && version->deployment[0] != '\0';
}

struct routing_answer routing_decide(const struct routing_input *input)
{
    /* A sticky queue has no versions: one worker polls it, and the workflow that is cached there is bound to that
     * worker. */
    if (input->queue.is_sticky)
        return (struct routing_answer){.target = ROUTING_TO_STICKY};
    if (routing_is_versioned(&input->task.pinned))
        return (struct routing_answer){.target = ROUTING_TO_VERSION, .version = input->task.pinned};
    return (struct routing_answer){.target = ROUTING_TO_UNVERSIONED};
}
