#include "matching/routing.h"

#include <stddef.h>

bool routing_is_ramped(uint32_t hash, double percentage)
{
    static const double HASHES = 4294967296.0;

    if (percentage <= 0)
        return false;
    return percentage >= 100 || 100 * (hash / HASHES) <= percentage; /* as the real server computes it, with its <= */
}

const struct queue_target *routing_side(const struct queue_routing *routing, uint32_t hash, bool use_ramping)
{
    if (!routing->has_ramping)
        return &routing->current;
    if (use_ramping && queue_version_is_set(&routing->ramping.version)) /* one asks for a version, not for none */
        return &routing->ramping;
    return routing_is_ramped(hash, routing->ramp_percentage) ? &routing->ramping : &routing->current;
}

static struct routing_answer to_version(const struct queue_version *version, const struct queue_target *target)
{
    if (!queue_version_is_set(version))
        return (struct routing_answer){.place = ROUTING_TO_UNVERSIONED, .target = target};
    return (struct routing_answer){.place = ROUTING_TO_VERSION, .version = *version, .target = target};
}

struct routing_answer routing_decide(const struct routing_input *input)
{
    const struct routing_task *task = &input->task;
    const struct routing_queue *queue = &input->queue;
    bool is_pinned = task->is_pinned && queue_version_is_set(&task->version);
    const struct queue_target *target;

    if (queue->is_sticky && (is_pinned || queue->routing == NULL))
        return (struct routing_answer){.place = ROUTING_TO_STICKY};

    /* A pinned workflow may have activities that are not part of its deployment: nobody of its version serves their
     * queue. These go where that queue sends any work. */
    if (is_pinned && (queue->type != QUEUE_ACTIVITY || queue->pinned_version_has_it))
        return to_version(&task->version, NULL);

    target = routing_side(queue->routing, task->hash, task->use_ramping);
    if (!queue->is_sticky)
        return to_version(&target->version, target);
    /* The worker that has the workflow cached is of the workflow's version. If routing has moved on since, so does the
     * workflow, by way of the normal queue. */
    return (struct routing_answer){
        .place = queue_version_equal(&task->version, &target->version) ? ROUTING_TO_STICKY : ROUTING_STICKY_UNAVAILABLE,
        .target = target,
    };
}
