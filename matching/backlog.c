/* Each priority is a list of chunks; tasks enter at the end of the last and leave at the start of the first. Chunks
 * double in size, so that a queue with one waiting task is small and one with many allocates rarely. */
#include "matching/backlog.h"

#include <string.h>

#include "base/invariant.h"
#include "base/memory.h"

/* 7 and 127 tasks make chunks of just under 256 and 4096 bytes: what an allocator hands out without waste. */
enum { CHUNK_TASKS_MIN = 7, CHUNK_TASKS_MAX = 127 };

/* The widths are checked when a task enters: a row's number, an event's in its history, and a version's in its task
 * queue do not come near their ends. */
enum { RUN_BITS = 40, HOME_BITS = 23 };

struct waiting_task {
    int64_t stamp;
    nanos created;
    uint64_t run : RUN_BITS, home : HOME_BITS, use_ramping : 1;
    uint32_t event_id, hash;
};

_Static_assert(sizeof(struct waiting_task) == 32, "a waiting task has grown");

struct backlog_chunk {
    struct backlog_chunk *next;
    struct fairness *fairness; /* of each task; NULL: no task here has any */
    uint16_t capacity, begin, end;
    struct waiting_task tasks[];
};

void backlog_init(struct backlog *backlog, enum task_kind kind)
{
    *backlog = (struct backlog){.kind = kind};
}

/* Drops the chunk behind `before` (NULL: the first one). */
static void drop_chunk(struct backlog_lane *lane, struct backlog_chunk *before)
{
    struct backlog_chunk **at = before == NULL ? &lane->first : &before->next, *chunk = *at;

    *at = chunk->next;
    if (lane->last == chunk)
        lane->last = before;
    memory_free(chunk->fairness);
    memory_free(chunk);
}

void backlog_clear(struct backlog *backlog)
{
    for (int i = 0; i < PRIORITY_LAST; i++) {
        while (backlog->lanes[i].first != NULL)
            drop_chunk(&backlog->lanes[i], NULL);
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
    uint16_t capacity = CHUNK_TASKS_MIN;

    if (last != NULL && last->end < last->capacity)
        return last;
    if (last != NULL)
        capacity = last->capacity < CHUNK_TASKS_MAX / 2 ? (uint16_t)(last->capacity * 2 + 1) : CHUNK_TASKS_MAX;

    struct backlog_chunk *chunk = memory_new(sizeof(*chunk) + capacity * sizeof(chunk->tasks[0]));
    chunk->capacity = capacity;
    if (last != NULL)
        last->next = chunk;
    else
        lane->first = chunk;
    lane->last = chunk;
    return chunk;
}

/* Notes whose share the task is that comes into the chunk next. */
static void keep_fairness(struct backlog_chunk *chunk, const struct fairness *fairness)
{
    if (chunk->fairness == NULL && fairness->key == 0 && fairness->weight == 0)
        return;
    if (chunk->fairness == NULL)
        chunk->fairness = memory_new(chunk->capacity * sizeof(*chunk->fairness));
    chunk->fairness[chunk->end] = *fairness;
}

void backlog_push(struct backlog *backlog, const struct task *task)
{
    struct backlog_lane *lane = lane_of(backlog, task->priority);
    struct backlog_chunk *chunk = chunk_with_room(lane);

    invariant(task->kind == backlog->kind, "a task of kind %d in a backlog of kind %d", (int)task->kind,
              (int)backlog->kind); /* B1 */
    invariant(task->run >= 0 && task->run >> RUN_BITS == 0 && task->event_id >= 0 && task->event_id <= UINT32_MAX &&
                  task->route.home >> HOME_BITS == 0,
              "run %lld, event %lld, version %u: too large", (long long)task->run, (long long)task->event_id,
              (unsigned)task->route.home);
    keep_fairness(chunk, &task->fairness);
    chunk->tasks[chunk->end++] = (struct waiting_task){
        .stamp = task->stamp,
        .created = task->created,
        .run = (uint64_t)task->run,
        .home = task->route.home,
        .use_ramping = task->route.use_ramping,
        .event_id = (uint32_t)task->event_id,
        .hash = task->route.hash,
    };
    lane->count++;
}

static struct task task_at(const struct backlog *backlog, const struct backlog_place *place)
{
    const struct waiting_task *waiting = &place->chunk->tasks[place->index];
    struct task task = {
        .kind = backlog->kind,
        .priority = (int)(place->lane - backlog->lanes) + PRIORITY_FIRST,
        .run = (int64_t)waiting->run,
        .event_id = (int64_t)waiting->event_id,
        .stamp = waiting->stamp,
        .created = waiting->created,
        .route =
            {
                .hash = waiting->hash,
                .home = waiting->home,
                .is_pinned = waiting->home != 0,
                .use_ramping = waiting->use_ramping,
            },
    };

    if (place->chunk->fairness != NULL)
        task.fairness = place->chunk->fairness[place->index];
    return task;
}

/* Those before it move up: what is taken out of order stands near the front. */
void backlog_remove(struct backlog_place *place)
{
    struct backlog_chunk *chunk = place->chunk;
    size_t before = place->index - chunk->begin;

    memmove(&chunk->tasks[chunk->begin + 1], &chunk->tasks[chunk->begin], before * sizeof(chunk->tasks[0]));
    if (chunk->fairness != NULL)
        memmove(&chunk->fairness[chunk->begin + 1], &chunk->fairness[chunk->begin],
                before * sizeof(chunk->fairness[0]));
    place->lane->count--;
    if (++chunk->begin == chunk->end)
        drop_chunk(place->lane, place->before); /* B2 */
}

bool backlog_find_of(struct backlog *backlog, int priority, bool (*fits)(void *context, const struct task *task),
                     void *context, struct backlog_place *ret_place, struct task *ret_task)
{
    struct backlog_lane *lane = &backlog->lanes[priority - PRIORITY_FIRST];
    struct backlog_place place = {.lane = lane, .chunk = lane->first};
    int looked_at = 0;

    for (; place.chunk != NULL; place.before = place.chunk, place.chunk = place.chunk->next) {
        for (place.index = place.chunk->begin; place.index < place.chunk->end; place.index++) {
            struct task task = task_at(backlog, &place);

            if (looked_at++ == BACKLOG_LOOK_MAX)
                return false;
            if (!fits(context, &task))
                continue;
            *ret_place = place;
            *ret_task = task;
            return true;
        }
    }
    return false;
}

bool backlog_pop_of(struct backlog *backlog, int priority, struct task *ret_task)
{
    struct backlog_lane *lane = &backlog->lanes[priority - PRIORITY_FIRST];
    struct backlog_place place = {.lane = lane, .chunk = lane->first};

    if (lane->first == NULL)
        return false;
    place.index = place.chunk->begin;
    *ret_task = task_at(backlog, &place);
    backlog_remove(&place);
    return true;
}

bool backlog_pop(struct backlog *backlog, struct task *ret_task)
{
    for (int priority = PRIORITY_FIRST; priority <= PRIORITY_LAST; priority++) {
        if (backlog_pop_of(backlog, priority, ret_task))
            return true;
    }
    return false;
}

bool backlog_goes_before(const struct backlog *a, const struct backlog *b)
{
    for (int priority = PRIORITY_FIRST; priority <= PRIORITY_LAST; priority++) {
        nanos oldest_of_a = backlog_oldest_of(a, priority), oldest_of_b = backlog_oldest_of(b, priority);

        if (oldest_of_a != NANOS_MAX || oldest_of_b != NANOS_MAX)
            return oldest_of_a <= oldest_of_b;
    }
    return true;
}

void backlog_move(struct backlog *to, struct backlog *from)
{
    invariant(to->kind == from->kind && backlog_count(to) == 0, "a backlog is moved over another"); /* B1 */
    *to = *from;
    backlog_init(from, to->kind);
}
