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
#include "matching/matching_internal.h"
#include "matching/routing.h"
#include "matching/sticky.h"

/* An empty queue is kept as long as its rates (matching/rate.h) mean something. */
#define QUEUE_FORGOTTEN_AFTER (30 * NANOS_PER_SECOND)

/* matching.PollerHistoryTTL */
#define POLLER_HISTORY_DEFAULT (300 * NANOS_PER_SECOND)

struct matching *matching_new(const struct matching_ports *ports, const struct clock *clock)
{
    struct matching *matching = memory_new(sizeof(*matching));

    matching->ports = *ports;
    if (ports->poller_history == 0)
        matching->ports.poller_history = POLLER_HISTORY_DEFAULT;
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

/* The task queue of that name, made when there is none. */
static struct task_queue *get_task_queue(struct matching *matching, const struct queue_name *name)
{
    struct task_queue *task_queue = queue_table_get(&matching->queues, name);

    if (!task_queue->routes.is_asked) {
        routes_refresh(task_queue, &matching->ports);
        limits_refresh(matching, task_queue);
    }
    return task_queue;
}

static void note_poll(struct matching *matching, struct task_queue *task_queue, const struct poll *poll)
{
    nanos now = clock_now(matching->clock);

    pollers_touch(&task_queue->pollers, poll, now);
    if (task_queue->is_sticky)
        task_queue_set_worker(task_queue, poll);
    task_queue->last_poll = now;
}

static void observe(const struct matching *matching, struct queue *queue, enum matching_event event,
                    const struct task *task, nanos polled)
{
    struct matching_observation seen;

    if (matching->ports.observe == NULL)
        return;
    seen = (struct matching_observation){
        .event = event,
        .queue = task_queue_name(queue->task_queue),
        .normal_name = task_queue_normal_name(queue->task_queue),
        .version = queue->version,
        .task = task,
        .polled = polled,
        .note = &queue->note,
    };
    matching->ports.observe(matching->ports.engine, &seen);
}

/* Offers `task` to `poll`, which is in no list. True: started; the poll is used and its memory is not touched any more.
 * False: the task was stale; the poll is still in no list, and poll->queue is NULL if it was removed meanwhile. */
static bool hand_over(struct matching *matching, struct queue *queue, struct poll *poll, const struct task *task,
                      bool from_backlog)
{
    struct throttle *throttle = queue->task_queue->throttle;
    nanos now = clock_now(matching->clock), polled = now - poll->since;
    bool is_started, is_removed;

    invariant(!matching->is_handing_over, "two hand-overs at once");
    invariant(!task->route.is_pinned || task->route.home == queue->number || task->kind == TASK_ACTIVITY,
              "run %lld is pinned to another version", (long long)task->run); /* M4 */
    matching->is_handing_over = true;
    matching->in_hand = poll;
    poll->queue = NULL;
    if (throttle != NULL)
        throttle_take(throttle, task, now);
    is_started = matching->ports.start(matching->ports.engine, task, poll, from_backlog);
    is_removed = matching->in_hand == NULL;
    matching->in_hand = NULL;
    matching->is_handing_over = false;

    if (!is_started && throttle != NULL)
        throttle_give_back(throttle, task);
    if (is_started) {
        rate_count(&queue_traffic(queue, task->priority)->dispatches, now);
        observe(matching, queue, from_backlog ? MATCHING_STARTED_LATER : MATCHING_STARTED_AT_ONCE, task, polled);
    } else if (!is_removed) {
        poll->queue = queue;
    }
    return is_started;
}

/* Hands a task to the oldest waiting poll. A stale one is dropped, and the poll is put back to the front. */
static void give(struct matching *matching, struct queue *queue, const struct task *task, bool from_backlog)
{
    struct poll *poll = queue->polls;

    queue_unlist_poll(poll);
    note_poll(matching, queue->task_queue, poll); /* its end; once it is used, its texts are gone */
    if (!hand_over(matching, queue, poll, task, from_backlog) && poll->queue != NULL)
        queue_prepend_poll(queue, poll);
}

/* Hands out what has come to a queue whose polls were waiting. */
static void serve(struct matching *matching, struct queue *queue)
{
    struct task task;

    while (queue->polls != NULL && limits_take(matching, queue, &task)) /* M3 */
        give(matching, queue, &task, true);
}

static void offer(struct matching *matching, struct queue *queue, const struct task *task)
{
    bool goes_at_once = queue->polls != NULL && limits_let_pass(matching, queue, task);

    observe(matching, queue, goes_at_once ? MATCHING_ADDED_TO_POLL : MATCHING_ADDED_TO_BACKLOG, task, 0);
    if (goes_at_once) {
        give(matching, queue, task, false);
        return;
    }
    queue_store(queue, task);
    serve(matching, queue);
}

/* Offers what was added during hand-overs. Offering may add more; they go to the end. */
static void offer_deferred(struct matching *matching)
{
    while (matching->deferred != NULL) {
        struct deferred *first = matching->deferred;

        DL_DELETE(matching->deferred, first);
        offer(matching, routes_place(first->task_queue, &first->task), &first->task);
        memory_free(first);
    }
}

static void defer(struct matching *matching, struct task_queue *task_queue, const struct task *task)
{
    struct deferred *deferred = memory_new(sizeof(*deferred));

    deferred->task_queue = task_queue;
    deferred->task = *task;
    DL_APPEND(matching->deferred, deferred);
}

/* What of a binding is kept with the task. Those without a workflow id are spread evenly over a ramp. */
static struct task_route route_of(struct matching *matching, const struct task_binding *binding)
{
    struct task_route route = {0};

    if (binding != NULL && binding->workflow_id != NULL) {
        route.hash = fingerprint32(binding->workflow_id, strlen(binding->workflow_id));
    } else {
        matching->anonymous_count++;
        route.hash = fingerprint32(&matching->anonymous_count, sizeof(matching->anonymous_count));
    }
    if (binding != NULL) {
        route.is_pinned = binding->is_pinned && queue_version_is_set(&binding->version);
        route.use_ramping = binding->use_ramping;
        route.is_bound = queue_version_is_set(&binding->version);
    }
    return route;
}

/* The sticky queue of that name, if the task may enter it; else NULL. A refused task must not make a queue: sticky
 * queues of workers long gone are asked for. */
static struct task_queue *enter_sticky(struct matching *matching, const struct queue_name *name,
                                       const struct task_binding *binding, const struct task_route *route)
{
    struct task_queue *task_queue = queue_table_find(&matching->queues, name);
    struct queue_name normal = {.namespace_id = name->namespace_id, .type = name->type};
    struct queue_routing routing = {0};

    if (task_queue == NULL || sticky_refuses(task_queue, clock_now(matching->clock)))
        return NULL;
    if (binding == NULL || binding->normal_name == NULL || matching->ports.routing == NULL)
        return task_queue;
    normal.name = binding->normal_name;
    matching->ports.routing(matching->ports.deployments, &normal, &routing);
    return sticky_suits(route, &binding->version, &routing) ? task_queue : NULL;
}

bool matching_add(struct matching *matching, const struct queue_name *name, const struct task_binding *binding,
                  const struct task *added)
{
    nanos now = clock_now(matching->clock);
    struct task task = *added;
    struct task_queue *task_queue;
    struct queue *queue;

    task.route = route_of(matching, binding);
    if (name->is_sticky) {
        task_queue = enter_sticky(matching, name, binding, &task.route);
        if (task_queue == NULL)
            return false;
    } else {
        task_queue = get_task_queue(matching, name);
        if (task.route.is_pinned)
            task.route.home = routes_queue_of(task_queue, &binding->version, &matching->ports)->number;
    }

    queue = routes_place(task_queue, &task);
    queue->last_used = now;
    rate_count(&queue_traffic(queue, task.priority)->adds, now);
    if (matching->is_handing_over) {
        defer(matching, task_queue, &task);
        return true;
    }
    offer(matching, queue, &task);
    offer_deferred(matching);
    return true;
}

/* ---- what was held back ---- */

/* Hands out one task. The physical queue that gets it is last in line from now on, so that no version keeps what there
 * is from the others. */
static bool serve_next(struct matching *matching, struct task_queue *task_queue)
{
    struct throttle *throttle = task_queue->throttle;
    struct task task;

    for (int round = 0; round < 2; round++)
        for (struct queue *queue = &task_queue->unversioned; queue != NULL; queue = queue->next) {
            bool comes_first = queue->number > throttle->served_last;

            if (comes_first != (round == 0) || queue->polls == NULL || !limits_take(matching, queue, &task))
                continue;
            throttle->served_last = queue->number;
            give(matching, queue, &task, true);
            return true;
        }
    return false;
}

void matching_serve_held_back(struct matching *matching, struct task_queue *task_queue)
{
    while (serve_next(matching, task_queue))
        ;
    offer_deferred(matching);
}

/* ---- rerouting ---- */

static void give_back(struct matching *matching, struct queue *tasks)
{
    struct task task;

    while (queue_take(tasks, &task))
        matching->ports.give_back(matching->ports.engine, &task);
    queue_clear(tasks);
}

/* Tasks of workflows that move to another version leave the sticky queues of workers that serve the queue. */
static void leave_sticky_queues(struct matching *matching, const struct queue_name *name)
{
    struct queue_routing routing = {0};

    if (matching->ports.give_back == NULL || matching->ports.routing == NULL)
        return;
    matching->ports.routing(matching->ports.deployments, name, &routing);
    for (struct task_queue *sticky = matching->queues.sticky; sticky != NULL; sticky = sticky->next_sticky) {
        struct queue leaving = {0};

        if (!sticky_is_beside(sticky, name) || !queue_has_work(&sticky->unversioned))
            continue;
        sticky_leave(sticky, &routing, &leaving);
        give_back(matching, &leaving); /* which may add queues, at the end */
    }
}

void matching_reroute(struct matching *matching, const struct queue_name *name)
{
    struct task_queue *task_queue = queue_table_find(&matching->queues, name);

    invariant(!matching->is_handing_over, "routing changes during a hand-over");
    if (task_queue != NULL) {
        if (!routes_refresh(task_queue, &matching->ports))
            return;
        routes_move(task_queue);
    }
    if (name->type == QUEUE_WORKFLOW)
        leave_sticky_queues(matching, name);
    if (task_queue == NULL)
        return;
    for (struct queue *queue = &task_queue->unversioned; queue != NULL; queue = queue->next)
        serve(matching, queue);
    offer_deferred(matching);
}

void matching_reroute_all(struct matching *matching)
{
    for (struct task_queue *task_queue = matching->queues.by_key; task_queue != NULL;
         task_queue = task_queue->hh.next) {
        struct queue_name name = task_queue_name(task_queue);

        if (!name.is_sticky)
            matching_reroute(matching, &name);
    }
}

struct queue_target matching_target(const struct matching *matching, const struct queue_name *name,
                                    const char *workflow_id, bool use_ramping)
{
    struct queue_routing routing = {0};

    if (matching->ports.routing != NULL)
        matching->ports.routing(matching->ports.deployments, name, &routing);
    return *routing_side(&routing, fingerprint32(workflow_id, strlen(workflow_id)), use_ramping);
}

/* ---- polls ---- */

/* A worker's polls wait where tasks of its version are put. A sticky queue has no versions: one worker polls it. */
static struct queue *queue_of_poll(struct matching *matching, struct task_queue *task_queue, const struct poll *poll)
{
    if (task_queue->is_sticky)
        return &task_queue->unversioned;
    return routes_queue_of(task_queue, &poll->version, &matching->ports);
}

bool matching_poll(struct matching *matching, const struct queue_name *name, struct poll *poll)
{
    struct task_queue *task_queue = get_task_queue(matching, name);
    struct queue *queue = queue_of_poll(matching, task_queue, poll);
    struct task task;

    invariant(!matching->is_handing_over, "a poll comes in during a hand-over");
    poll->next = poll->prev = NULL;
    poll->since = clock_now(matching->clock);
    poll->queue = queue;
    task_queue->is_dropped = false;
    queue->last_used = poll->since;
    note_poll(matching, task_queue, poll);
    limits_hear_worker(matching, task_queue, poll);

    while (limits_take(matching, queue, &task)) { /* M3 */
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

void matching_expect_poll(struct matching *matching, const struct queue_name *name, const struct poll *poll)
{
    note_poll(matching, get_task_queue(matching, name), poll);
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
    observe(matching, queue, MATCHING_POLL_ENDED_EMPTY, NULL, clock_now(matching->clock) - poll->since);
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

/* Moves tasks that were put aside for a sticky queue into the queue. */
static void store_deferred(struct matching *matching, struct task_queue *sticky)
{
    struct deferred *deferred, *next;

    DL_FOREACH_SAFE (matching->deferred, deferred, next) {
        if (deferred->task_queue != sticky)
            continue;
        queue_store(&sticky->unversioned, &deferred->task);
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
    store_deferred(matching, task_queue);
    sticky_drop(task_queue, &tasks); /* moved out first: `each` adds them elsewhere */
    while (queue_take(&tasks, &task))
        each(context, &task);
    queue_clear(&tasks);
}

static bool is_idle(const struct queue *queue, nanos now)
{
    return queue_is_empty(queue) && now - queue->last_used >= QUEUE_FORGOTTEN_AFTER;
}

/* Forgets the versions that are not in use; returns whether what is left is not in use either. */
static bool sweep_versions(struct task_queue *task_queue, nanos now)
{
    bool is_unused = task_queue->strays_count == 0 && is_idle(&task_queue->unversioned, now) &&
                     !throttle_matters(task_queue->throttle, now);

    for (struct queue *queue = &task_queue->unversioned; queue->next != NULL;) {
        bool is_unused_here = is_idle(queue->next, now);

        is_unused &= is_unused_here;
        if (is_unused_here && task_queue->strays_count == 0 && !routes_name(&task_queue->routes, queue->next)) /* Q5 */
            task_queue_forget_next(queue);
        else
            queue = queue->next;
    }
    return is_unused;
}

static void give_back_abandoned(struct matching *matching, struct task_queue *task_queue)
{
    struct queue tasks = {0};

    if (matching->ports.give_back == NULL || !queue_has_work(&task_queue->unversioned))
        return;
    sticky_drop(task_queue, &tasks);
    give_back(matching, &tasks);
}

void matching_sweep(struct matching *matching)
{
    nanos now = clock_now(matching->clock);
    struct task_queue *task_queue, *next;

    invariant(!matching->is_handing_over, "a sweep during a hand-over");
    HASH_ITER (hh, matching->queues.by_key, task_queue, next) {
        pollers_expire(&task_queue->pollers, matching_pollers_since(matching));
        if (sticky_is_abandoned(task_queue, now - POLLER_HISTORY_DEFAULT))
            give_back_abandoned(matching, task_queue);
        if (sweep_versions(task_queue, now) && task_queue->pollers.count == 0)
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
