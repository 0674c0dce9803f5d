/* Small messages that several decisions make, and checks that they share. */
#include <string.h>

#include "history/internal.h"
#include "proto/task_queue.h"

enum { FAIRNESS_KEY_BYTES_MAX = 64 }; /* the API says so: temporal.api.common.v1.Priority */

PbFailure *server_failure(struct arena *arena, const char *message)
{
    PbFailure *failure = ARENA_NEW_PB(arena, PbFailure);

    failure->message = borrow_text(message);
    failure->failure_info_case = PbFailure_server_failure_info_case;
    failure->server_failure_info = ARENA_NEW_PB(arena, PbServerFailureInfo);
    return failure;
}

const char *task_queue_problem(const struct transition *t, const char *name)
{
    static const char reserved[] = "/_sys/";

    if (name[0] == '\0')
        return "missing task queue name";
    if (strlen(name) > (size_t)t->limits->id_bytes_max)
        return "taskQueue length exceeds limit";
    if (strncmp(name, reserved, sizeof(reserved) - 1) == 0)
        return "task queue name cannot start with reserved prefix /_sys/";
    return NULL;
}

const char *workflow_queue_problem(const struct transition *t, const char *name)
{
    const char *problem = task_queue_problem(t, name);

    if (problem != NULL || !task_queue_is_internal(name) || task_queue_is_internal(t->ms->task_queue))
        return problem;
    return arena_printf(t->arena,
                        "cannot use internal per-namespace task queue:%s (in parent component task queue: %s)", name,
                        t->ms->task_queue);
}

PbTaskQueue *normal_task_queue(struct arena *arena, const char *name)
{
    PbTaskQueue *queue = ARENA_NEW_PB(arena, PbTaskQueue);

    queue->name = borrow_text(name);
    queue->kind = TASK_QUEUE_KIND_NORMAL;
    return queue;
}

PbPriority *history_merged_priority(struct arena *arena, const PbPriority *workflow, const PbPriority *own)
{
    PbPriority *merged;

    if (workflow == NULL || own == NULL)
        return borrow(workflow == NULL ? own : workflow);
    merged = pb_copy(arena, workflow);
    if (own->priority_key != 0)
        merged->priority_key = own->priority_key;
    if (own->fairness_key[0] != '\0')
        merged->fairness_key = own->fairness_key;
    if (own->fairness_weight != 0)
        merged->fairness_weight = own->fairness_weight;
    return merged;
}

const char *priority_problem(const PbPriority *priority)
{
    if (priority == NULL)
        return NULL;
    if (priority->priority_key < 0)
        return "priority key can't be negative";
    if (strlen(priority->fairness_key) > FAIRNESS_KEY_BYTES_MAX)
        return "fairness key length exceeds limit";
    return priority->fairness_weight < 0 ? "must be greater than zero" : NULL;
}

const char *target_namespace_problem(const struct transition *t, const char *name, struct target_namespace *ret_target)
{
    *ret_target = (struct target_namespace){t->namespace_name, t->namespace_id};
    if (name[0] == '\0' || strcmp(name, t->namespace_name) == 0)
        return NULL;
    *ret_target = (struct target_namespace){name, t->namespace_id_of(t->context, name)};
    return t->limits->crosses_namespaces ? NULL : "cross namespace commands are not allowed";
}
