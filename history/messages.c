/* Small messages that several decisions make, and checks that they share. */
#include <string.h>

#include "history/internal.h"

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

PbTaskQueue *normal_task_queue(struct arena *arena, const char *name)
{
    PbTaskQueue *queue = ARENA_NEW_PB(arena, PbTaskQueue);

    queue->name = borrow_text(name);
    queue->kind = TASK_QUEUE_KIND_NORMAL;
    return queue;
}
