/* Each priority is a list of chunks; tasks enter at the end of the last and leave at the start of the first. Chunks
 * double in size, so that a queue with one waiting task is small and one with many allocates rarely. */
#include "matching/backlog.h"

#include <string.h>

#include "base/invariant.h"
#include "base/memory.h"

/* 7 and 127 tasks make chunks of just under 256 and 4096 bytes: what an allocator hands out without waste. */
enum { CHUNK_TASKS_MIN = 7, CHUNK_TASKS_MAX = 127 };

struct waiting_task {
    int64_t run, event_id, stamp;
    nanos created;
};

struct backlog_chunk {
    struct backlog_chunk *next;
    uint32_t capacity, begin, end;
    struct waiting_task tasks[];
};

void backlog_init(struct backlog *backlog, enum task_kind kind)
{
    *backlog = (struct backlog){.kind = kind};
}

static void drop_first_chunk(struct backlog_lane *lane)
{
    struct backlog_chunk *chunk = lane->first;

    lane->first = chunk->next;
    if (lane->first == NULL)
        lane->last = NULL;
    memory_free(chunk);
}

void backlog_clear(struct backlog *backlog)
{
    for (int i = 0; i < PRIORITY_LAST; i++) {
        while (backlog->lanes[i].first != NULL)
            drop_first_chunk(&backlog->lanes[i]);
        backlog->lanes[i].count = 0;
    }
}

int64_t backlog_count_of(const struct backlog *backlog, int priority)
{
    return backlog->lanes[priority - PRIORITY_FIRST].count;
}

int64_t backlog_count(const struct backlog *backlog)
{
    int64_t count = 0;

    for (int priority = PRIORITY_FIRST; priority <= PRIORITY_LAST; priority++)
        count += backlog_count_of(backlog, priority);
    return count;
}

nanos backlog_oldest_of(const struct backlog *backlog, int priority)
{
    const struct backlog_chunk *chunk = backlog->lanes[priority - PRIORITY_FIRST].first;

    return chunk == NULL ? NANOS_MAX : chunk->tasks[chunk->begin].created;
}

nanos backlog_oldest(const struct backlog *backlog)
{
    nanos oldest = NANOS_MAX;

    for (int priority = PRIORITY_FIRST; priority <= PRIORITY_LAST; priority++)
        if (backlog_oldest_of(backlog, priority) < oldest)
            oldest = backlog_oldest_of(backlog, priority);
    return oldest;
}

static struct backlog_lane *lane_of(struct backlog *backlog, int priority)
{
    if (priority < PRIORITY_FIRST)
        priority = PRIORITY_DEFAULT;
    if (priority > PRIORITY_LAST)
        priority = PRIORITY_LAST;
    return &backlog->lanes[priority - PRIORITY_FIRST];
}

static struct backlog_chunk *chunk_with_room(struct backlog_lane *lane)
{
    struct backlog_chunk *last = lane->last;
    uint32_t capacity = CHUNK_TASKS_MIN;

    if (last != NULL && last->end < last->capacity)
        return last;
    if (last != NULL)
        capacity = last->capacity * 2 + 1 < CHUNK_TASKS_MAX ? last->capacity * 2 + 1 : CHUNK_TASKS_MAX;

    struct backlog_chunk *chunk = memory_new(sizeof(*chunk) + capacity * sizeof(chunk->tasks[0]));
    chunk->capacity = capacity;
    if (last != NULL)
        last->next = chunk;
    else
        lane->first = chunk;
    lane->last = chunk;
    return chunk;
}

void backlog_push(struct backlog *backlog, const struct task *task)
{
    struct backlog_lane *lane = lane_of(backlog, task->priority);
    struct backlog_chunk *chunk = chunk_with_room(lane);

    invariant(task->kind == backlog->kind, "a task of kind %d in a backlog of kind %d", (int)task->kind,
              (int)backlog->kind); /* B1 */
    chunk->tasks[chunk->end++] = (struct waiting_task){
        .run = task->run, .event_id = task->event_id, .stamp = task->stamp, .created = task->created};
    lane->count++;
}

static void take_first(struct backlog *backlog, struct backlog_lane *lane, struct task *ret_task)
{
    struct backlog_chunk *chunk = lane->first;
    const struct waiting_task *waiting = &chunk->tasks[chunk->begin];

    *ret_task = (struct task){.kind = backlog->kind,
                              .priority = (int)(lane - backlog->lanes) + PRIORITY_FIRST,
                              .run = waiting->run,
                              .event_id = waiting->event_id,
                              .stamp = waiting->stamp,
                              .created = waiting->created};
    lane->count--;
    if (++chunk->begin == chunk->end)
        drop_first_chunk(lane); /* B2 */
}

bool backlog_pop(struct backlog *backlog, struct task *ret_task)
{
    for (int i = 0; i < PRIORITY_LAST; i++) {
        if (backlog->lanes[i].first == NULL)
            continue;
        take_first(backlog, &backlog->lanes[i], ret_task);
        return true;
    }
    return false;
}
