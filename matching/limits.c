/*
 * Limits: where they come from, and what they do to tasks and polls that meet. How they are kept is in
 * matching/throttle.h.
 */
#include <string.h>

#include "base/fingerprint.h"
#include "matching/matching_internal.h"

static struct queue_limits limits_of(const struct matching *matching, const struct queue_name *name)
{
    struct queue_limits limits = {0};

    if (matching->ports.limits != NULL && !name->is_sticky)
        matching->ports.limits(matching->ports.configs, name, &limits);
    return limits;
}

static struct queue_rate rate_of(const struct queue_limits *limits, const struct task_queue *task_queue)
{
    struct queue_rate rate = {.source = RATE_UNLIMITED};

    if (limits->has_rate)
        rate = (struct queue_rate){RATE_CONFIGURED, limits->rate};
    else if (task_queue != NULL && task_queue->worker_wants_rate)
        rate = (struct queue_rate){RATE_OF_WORKER, task_queue->worker_rate};
    return rate.per_second < MATCHING_RATE_MAX ? rate : (struct queue_rate){.source = RATE_UNLIMITED};
}

static void look_again(struct timer *timer, void *context)
{
    struct task_queue *task_queue = context;

    (void)timer;
    matching_serve_held_back(task_queue->throttle->matching, task_queue);
}

void limits_refresh(struct matching *matching, struct task_queue *task_queue)
{
    struct queue_name name = task_queue_name(task_queue);
    struct queue_limits limits = limits_of(matching, &name);
    struct queue_rate rate = rate_of(&limits, task_queue);
    struct rate_limit all = {0};
    nanos now = clock_now(matching->clock);

    if (rate.source != RATE_UNLIMITED)
        all = rate_limit_of(rate.per_second);
    if (task_queue->throttle == NULL) {
        if (matching->ports.timers == NULL || (!rate_limit_is_set(&all) && !limits.has_key_rate))
            return; /* T1 */
        task_queue->throttle = throttle_new(matching, matching->ports.timers);
    }
    if (throttle_set(task_queue->throttle, &all, &limits, now)) /* T2 */
        timers_set(matching->ports.timers, &task_queue->throttle->timer, now, look_again, task_queue);
}

void limits_hear_worker(struct matching *matching, struct task_queue *task_queue, const struct poll *poll)
{
    bool is_news = task_queue->worker_wants_rate != poll->wants_rate ||
                   (poll->wants_rate && task_queue->worker_rate != poll->tasks_per_second_max);

    if (!is_news || task_queue->is_sticky)
        return;
    task_queue->worker_wants_rate = poll->wants_rate;
    task_queue->worker_rate = poll->tasks_per_second_max;
    limits_refresh(matching, task_queue);
}

/* Polls wait, and so do tasks, until this instant. */
static void hold_back(struct matching *matching, struct queue *queue, nanos due)
{
    struct task_queue *task_queue = queue->task_queue;
    struct throttle *throttle = task_queue->throttle;

    queue->held_back = clock_now(matching->clock);
    if (!timer_is_set(&throttle->timer) || due < throttle->timer.due)
        timers_set(throttle->timers, &throttle->timer, due, look_again, task_queue);
}

bool limits_take(struct matching *matching, struct queue *queue, struct task *ret_task)
{
    const struct throttle *throttle = queue->task_queue->throttle;
    nanos due;

    if (throttle == NULL)
        return queue_take(queue, ret_task);
    if (queue_take_due(queue, throttle, clock_now(matching->clock), ret_task, &due))
        return true;
    if (queue_has_work(queue))
        hold_back(matching, queue, due);
    return false;
}

bool limits_let_pass(const struct matching *matching, const struct queue *queue, const struct task *task)
{
    const struct throttle *throttle = queue->task_queue->throttle;

    return throttle == NULL || (!queue_has_work(queue) && throttle_ready(throttle, task) <= clock_now(matching->clock));
}

struct queue_rate matching_rate(const struct matching *matching, const struct queue_name *name)
{
    struct queue_limits limits = limits_of(matching, name);

    return rate_of(&limits, queue_table_find(&matching->queues, name));
}

void matching_limits_changed(struct matching *matching, const struct queue_name *name)
{
    struct task_queue *task_queue = queue_table_find(&matching->queues, name);

    if (task_queue != NULL)
        limits_refresh(matching, task_queue);
}

uint32_t matching_fairness_key(const char *key)
{
    uint32_t number = key[0] == '\0' ? 0 : fingerprint32(key, strlen(key));

    return number == 0 && key[0] != '\0' ? 1 : number;
}
