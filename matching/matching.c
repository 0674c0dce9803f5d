/*
 * The meeting of tasks and polls. Both ways in do the same: find the physical queue that routing names, hand the task
 * over if its counterpart waits there, else let it wait.
 *
 * A hand-over calls the engine, which may add more tasks meanwhile. These are put aside and offered when the engine has
 * returned: the engine is never entered twice, and the depth of the stack does not grow with a chain of tasks.
 */
#include "matching/matching.h"

#include <string.h>

#include "base/fingerprint.h"
#include "matching/queue.h"
#include "matching/sticky.h"

/* An empty queue is kept as long as its rates (matching/rate.h) mean something. */
#define QUEUE_FORGOTTEN_AFTER (30 * NANOS_PER_SECOND)

/* A task that was added during a hand-over. */
struct deferred {
    struct deferred *prev, *next;
    struct queue *queue;
    struct task task;
};

struct matching {
    struct matching_ports ports;
    const struct clock *clock;
    struct queue_table queues;
    bool is_handing_over;
    struct poll *in_hand; /* offered to the engine and in no list; NULL also when it was removed meanwhile */
    struct deferred *deferred;
};

struct matching *matching_new(const struct matching_ports *ports, const struct clock *clock)
{
    struct matching *matching = memory_new(sizeof(*matching));

    matching->ports = *ports;
    matching->clock = clock;
    queue_table_init(&matching->queues);
    return matching;
}

void matching_free(struct matching *matching)
{
    if (matching == NULL)
        return;
    invariant(!matching->is_handing_over, "matching is freed during a hand-over");
    queue_table_destroy(&matching->queues);
    memory_free(matching);
}

static void note_poll(struct matching *matching, struct task_queue *task_queue, const struct poll *poll)
{
    nanos now = clock_now(matching->clock);

    pollers_touch(&task_queue->pollers, poll, now);
    task_queue->last_poll = now;
    task_queue->rate_wanted = poll->tasks_per_second_max;
}

/* Offers `task` to `poll`, which is in no list. True: started; the poll is used and its memory is not touched any more.
 * False: the task was stale; the poll is still in no list, and poll->queue is NULL if it was removed meanwhile. */
static bool hand_over(struct matching *matching, struct queue *queue, struct poll *poll, const struct task *task,
                      bool from_backlog)
{
    bool is_started, is_removed;

    invariant(!matching->is_handing_over, "two hand-overs at once");
    matching->is_handing_over = true;
    matching->in_hand = poll;
    poll->queue = NULL;
    is_started = matching->ports.start(matching->ports.engine, task, poll, from_backlog);
    is_removed = matching->in_hand == NULL;
    matching->in_hand = NULL;
    matching->is_handing_over = false;

    if (is_started)
        rate_count(&queue_traffic(queue, task->priority)->dispatches, clock_now(matching->clock));
    else if (!is_removed)
        poll->queue = queue;
    return is_started;
}

/* Hands the task to the oldest waiting poll or stores it. A stale one is dropped, and the poll is put back to the
 * front. */
static void offer(struct matching *matching, struct queue *queue, const struct task *task)
{
    struct poll *poll = queue->polls;

    if (poll == NULL) {
        queue_store(queue, task);
        return;
    }
    queue_unlist_poll(poll);
    note_poll(matching, queue->task_queue, poll); /* its end; once it is used, its texts are gone */
    if (!hand_over(matching, queue, poll, task, false) && poll->queue != NULL)
        queue_prepend_poll(queue, poll);
}

/* Offers what was added during hand-overs. Offering may add more; they go to the end. */
static void offer_deferred(struct matching *matching)
{
    while (matching->deferred != NULL) {
        struct deferred *first = matching->deferred;

        DL_DELETE(matching->deferred, first);
        offer(matching, first->queue, &first->task);
        memory_free(first);
    }
}

static void defer(struct matching *matching, struct queue *queue, const struct task *task)
{
    struct deferred *deferred = memory_new(sizeof(*deferred));

    deferred->queue = queue;
    deferred->task = *task;
    DL_APPEND(matching->deferred, deferred);
}

bool matching_add(struct matching *matching, const struct queue_name *name, const struct task_binding *binding,
                  const struct task *task)
{
    nanos now = clock_now(matching->clock);
    struct queue_version version = {0};
    struct task_queue *task_queue;

    if (name->is_sticky) { /* a refused task must not make a queue: sticky queues of workers long gone are asked for */
        task_queue = queue_table_find(&matching->queues, name);
        if (task_queue == NULL || sticky_refuses(task_queue, now))
            return false;
    }
    task_queue = queue_table_get(&matching->queues, name);
    if (binding != NULL && binding->is_pinned && !name->is_sticky)
        version = binding->version;

    struct queue *queue = task_queue_get(task_queue, &version);
    queue->last_used = now;
    rate_count(&queue_traffic(queue, task->priority)->adds, now);
    if (matching->is_handing_over) {
        defer(matching, queue, task);
        return true;
    }
    offer(matching, queue, task);
    offer_deferred(matching);
    return true;
}

/* A worker's polls wait where tasks of its version are put. */
static struct queue *queue_of_poll(struct task_queue *task_queue, const struct poll *poll)
{
    static const struct queue_version none = {0};

    return task_queue_get(task_queue, task_queue->is_sticky ? &none : &poll->version);
}

bool matching_poll(struct matching *matching, const struct queue_name *name, struct poll *poll)
{
    struct task_queue *task_queue = queue_table_get(&matching->queues, name);
    struct queue *queue = queue_of_poll(task_queue, poll);
    struct task task;

    invariant(!matching->is_handing_over, "a poll comes in during a hand-over");
    poll->next = poll->prev = NULL;
    poll->since = clock_now(matching->clock);
    poll->queue = queue;
    task_queue->is_dropped = false;
    queue->last_used = poll->since;
    note_poll(matching, task_queue, poll);

    while (queue_take(queue, &task)) { /* M3 */
        bool is_started = hand_over(matching, queue, poll, &task, true);

        /* Before the poll is listed, so that nothing can be offered to it behind our back; what it may take goes to the
         * backlog and is taken from there in the next round. */
        offer_deferred(matching);
        if (is_started)
            return true;
        if (poll->queue == NULL)
            return false;
    }
    queue_append_poll(queue, poll);
    return false;
}

void matching_remove_poll(struct matching *matching, struct poll *poll, bool refresh)
{
    struct queue *queue = poll->queue;

    if (poll == matching->in_hand) {
        matching->in_hand = NULL;
        return;
    }
    if (queue == NULL)
        return;
    queue->last_used = clock_now(matching->clock);
    if (refresh)
        note_poll(matching, queue->task_queue, poll);
    if (poll->prev != NULL)
        queue_unlist_poll(poll);
    poll->queue = NULL;
}

static bool remove_deferred_query(struct matching *matching, const struct query_task *query)
{
    struct deferred *deferred;

    DL_FOREACH (matching->deferred, deferred) {
        if (deferred->task.query != query)
            continue;
        DL_DELETE(matching->deferred, deferred);
        memory_free(deferred);
        return true;
    }
    return false;
}

bool matching_remove_query(struct matching *matching, const struct queue_name *name, const struct query_task *query)
{
    struct task_queue *task_queue = queue_table_find(&matching->queues, name);

    if (task_queue == NULL)
        return false;
    for (struct queue *queue = &task_queue->unversioned; queue != NULL; queue = queue->next) {
        if (queue_remove_query(queue, query))
            return true;
    }
    return remove_deferred_query(matching, query);
}

/* Moves tasks that were put aside for a queue into the queue. */
static void store_deferred(struct matching *matching, struct queue *queue)
{
    struct deferred *deferred, *next;

    DL_FOREACH_SAFE (matching->deferred, deferred, next) {
        if (deferred->queue != queue)
            continue;
        queue_store(queue, &deferred->task);
        DL_DELETE(matching->deferred, deferred);
        memory_free(deferred);
    }
}

void matching_drop_sticky(struct matching *matching, const struct queue_name *name,
                          void (*each)(void *context, const struct task *task), void *context)
{
    struct task_queue *task_queue = queue_table_find(&matching->queues, name);
    struct queue tasks = {0};
    struct task task;

    if (task_queue == NULL || !task_queue->is_sticky)
        return;
    store_deferred(matching, &task_queue->unversioned);
    sticky_drop(task_queue, &tasks); /* moved out first: `each` adds them elsewhere */
    while (queue_take(&tasks, &task))
        each(context, &task);
}

bool matching_has_recent_poll(const struct matching *matching, const struct queue_name *name, nanos span)
{
    const struct task_queue *task_queue = queue_table_find(&matching->queues, name);

    if (task_queue == NULL || task_queue->is_dropped)
        return false;
    return task_queue->waiting_polls_count > 0 ||
           (task_queue->last_poll != 0 && clock_now(matching->clock) - task_queue->last_poll < span);
}

bool matching_has_waiting_poll(const struct matching *matching, const struct queue_name *name)
{
    const struct task_queue *task_queue = queue_table_find(&matching->queues, name);

    return task_queue != NULL && task_queue->waiting_polls_count > 0;
}

size_t matching_pollers(const struct matching *matching, const struct queue_name *name, struct poller_info *ret_pollers,
                        size_t most)
{
    const struct task_queue *task_queue = queue_table_find(&matching->queues, name);

    if (task_queue == NULL)
        return 0;
    return pollers_list(&task_queue->pollers, clock_now(matching->clock), NULL, ret_pollers, most);
}

size_t matching_version_pollers(const struct matching *matching, const struct queue_name *name,
                                const struct queue_version *version, struct poller_info *ret_pollers, size_t most)
{
    const struct task_queue *task_queue = queue_table_find(&matching->queues, name);

    if (task_queue == NULL)
        return 0;
    return pollers_list(&task_queue->pollers, clock_now(matching->clock), version, ret_pollers, most);
}

bool matching_version_has_pollers(const struct matching *matching, int64_t namespace_id,
                                  const struct queue_version *version, nanos span)
{
    nanos since = clock_now(matching->clock) - span;

    for (const struct task_queue *queue = matching->queues.by_key; queue != NULL; queue = queue->hh.next) {
        if (queue->namespace_id == namespace_id && pollers_have(&queue->pollers, version, since))
            return true;
    }
    return false;
}

static void add_stats(const struct queue *queue, int priority, nanos now, struct queue_stats *stats)
{
    const struct traffic *traffic = &queue->traffic;
    nanos oldest = backlog_oldest_of(&queue->backlog, priority);

    if (priority != PRIORITY_DEFAULT)
        traffic = queue->other_traffic == NULL ? NULL : &queue->other_traffic[priority - PRIORITY_FIRST];
    stats->backlog_count += backlog_count_of(&queue->backlog, priority);
    if (oldest < now && now - oldest > stats->backlog_age)
        stats->backlog_age = now - oldest;
    if (traffic != NULL) {
        stats->add_rate += rate_per_second(&traffic->adds, now);
        stats->dispatch_rate += rate_per_second(&traffic->dispatches, now);
    }
    stats->is_known = stats->backlog_count > 0 || stats->add_rate > 0 || stats->dispatch_rate > 0;
}

static struct queue_stats stats_between(const struct matching *matching, const struct queue_name *name, int first,
                                        int last)
{
    const struct task_queue *task_queue = queue_table_find(&matching->queues, name);
    nanos now = clock_now(matching->clock);
    struct queue_stats stats = {0};

    if (task_queue == NULL)
        return stats;
    for (const struct queue *queue = &task_queue->unversioned; queue != NULL; queue = queue->next)
        for (int priority = first; priority <= last; priority++)
            add_stats(queue, priority, now, &stats);
    return stats;
}

struct queue_stats matching_stats(const struct matching *matching, const struct queue_name *name)
{
    return stats_between(matching, name, PRIORITY_FIRST, PRIORITY_LAST);
}

struct queue_stats matching_stats_of_priority(const struct matching *matching, const struct queue_name *name,
                                              int priority)
{
    return stats_between(matching, name, priority, priority);
}

struct queue_stats matching_version_stats_of_priority(const struct matching *matching, const struct queue_name *name,
                                                      const struct queue_version *version, int priority)
{
    const struct task_queue *task_queue = queue_table_find(&matching->queues, name);
    struct queue_stats stats = {0};

    if (task_queue == NULL)
        return stats;
    for (const struct queue *queue = &task_queue->unversioned; queue != NULL; queue = queue->next)
        if (queue_version_equal(&queue->version, version))
            add_stats(queue, priority, clock_now(matching->clock), &stats);
    return stats;
}

static void sum_up(struct queue_stats *sum, const struct queue_stats *stats)
{
    sum->backlog_count += stats->backlog_count;
    if (stats->backlog_age > sum->backlog_age)
        sum->backlog_age = stats->backlog_age;
    sum->add_rate += stats->add_rate;
    sum->dispatch_rate += stats->dispatch_rate;
    sum->is_known |= stats->is_known;
}

struct queue_stats matching_version_stats(const struct matching *matching, const struct queue_name *name,
                                          const struct queue_version *version)
{
    struct queue_stats sum = {0};

    for (int priority = PRIORITY_FIRST; priority <= PRIORITY_LAST; priority++) {
        struct queue_stats stats = matching_version_stats_of_priority(matching, name, version, priority);

        sum_up(&sum, &stats);
    }
    return sum;
}

struct queue_target matching_target(const struct matching *matching, const struct queue_name *name,
                                    const char *workflow_id, bool use_ramping)
{
    struct queue_routing routing = {0};

    if (matching->ports.routing != NULL)
        matching->ports.routing(matching->ports.deployments, name, &routing);
    return *routing_side(&routing, fingerprint32(workflow_id, strlen(workflow_id)), use_ramping);
}

void matching_reroute(struct matching *matching, const struct queue_name *name)
{
    (void)matching; /* pinned tasks stay where they are, and no other is sent to a version yet */
    (void)name;
}

double matching_rate_wanted(const struct matching *matching, const struct queue_name *name)
{
    const struct task_queue *task_queue = queue_table_find(&matching->queues, name);

    return task_queue == NULL ? 0 : task_queue->rate_wanted;
}

static bool may_forget(const struct queue *queue, nanos now)
{
    return queue_is_empty(queue) && now - queue->last_used >= QUEUE_FORGOTTEN_AFTER;
}

static void give_back_abandoned(struct matching *matching, struct task_queue *task_queue)
{
    struct queue tasks = {0};
    struct task task;

    if (matching->ports.give_back == NULL || queue_is_empty(&task_queue->unversioned))
        return;
    sticky_drop(task_queue, &tasks);
    while (queue_take(&tasks, &task))
        matching->ports.give_back(matching->ports.engine, &task);
}

void matching_sweep(struct matching *matching)
{
    nanos now = clock_now(matching->clock);
    struct task_queue *task_queue, *next;

    invariant(!matching->is_handing_over, "a sweep during a hand-over");
    HASH_ITER (hh, matching->queues.by_key, task_queue, next) {
        pollers_expire(&task_queue->pollers, now);
        if (sticky_is_abandoned(task_queue, now))
            give_back_abandoned(matching, task_queue);
        for (struct queue *queue = &task_queue->unversioned; queue->next != NULL;) {
            if (may_forget(queue->next, now))
                task_queue_forget_next(queue);
            else
                queue = queue->next;
        }
        if (task_queue->pollers.count == 0 && task_queue->unversioned.next == NULL &&
            may_forget(&task_queue->unversioned, now))
            queue_table_forget(&matching->queues, task_queue);
    }
}

void matching_each_poll(struct matching *matching, void (*each)(void *context, struct poll *poll), void *context)
{
    struct task_queue *task_queue, *next;

    invariant(!matching->is_handing_over, "polls are listed during a hand-over");
    HASH_ITER (hh, matching->queues.by_key, task_queue, next) {
        for (struct queue *queue = &task_queue->unversioned; queue != NULL; queue = queue->next) {
            while (queue->polls != NULL) {
                const struct poll *first = queue->polls;

                each(context, queue->polls);
                invariant(queue->polls != first, "a poll was listed and not removed");
            }
        }
    }
}
