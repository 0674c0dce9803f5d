/* Small messages that several decisions make. */
#include "history/internal.h"

PbFailure *server_failure(struct arena *arena, const char *message)
{
    PbFailure *failure = ARENA_NEW_PB(arena, PbFailure);

    failure->message = borrow_text(message);
    failure->failure_info_case = PbFailure_server_failure_info_case;
    failure->server_failure_info = ARENA_NEW_PB(arena, PbServerFailureInfo);
    return failure;
}

PbTaskQueue *normal_task_queue(struct arena *arena, const char *name)
{
    PbTaskQueue *queue = ARENA_NEW_PB(arena, PbTaskQueue);

    queue->name = borrow_text(name);
    queue->kind = TASK_QUEUE_KIND_NORMAL;
    return queue;
}
