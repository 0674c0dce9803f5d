/* Long polls: a call that takes a task at once or waits for one, and ends empty shortly before its client gives up. */
#include "base/invariant.h"
#include "server/engine/internal.h"

/* An empty answer leaves this long before the client's deadline, so that it arrives in time. */
#define POLL_TAIL_ROOM seconds(1)

/* Advice to pollers: one that has waited so long is one too many; there are too few while tasks wait so long, or come
 * so much faster than they are taken. Server 1.32.0: matching.pollerScaling... */
#define IDLE_POLL   seconds(1)
#define OLD_BACKLOG (NANOS_PER_SECOND / 5)
static const double ADDS_PER_DISPATCH_MAX = 1.2;

static void stop_waiting(struct waiting_poll *waiting, bool refresh)
{
    matching_remove_poll(waiting->engine->matching, &waiting->poll, refresh);
    timers_cancel(waiting->engine->server->timers, &waiting->timer);
}

static void poll_cancelled(struct call *call, enum call_end why)
{
    stop_waiting(call->waiter, why == CALL_DEADLINE);
}

static void poll_expired(struct timer *timer, void *context)
{
    struct waiting_poll *waiting = context;

    (void)timer;
    stop_waiting(waiting, true);
    call_answer(waiting->poll.call, status_ok());
}

static void refusal_due(struct timer *timer, void *context)
{
    struct waiting_poll *waiting = context;

    (void)timer;
    call_answer(waiting->poll.call, waiting->refusal);
}

/* Answers with `refusal`, later. */
static status hold(struct waiting_poll *waiting, status refusal, nanos left)
{
    struct engine *engine = waiting->engine;
    nanos held = left != NANOS_MAX && left - POLL_TAIL_ROOM < DEPLOYMENT_POLL_HOLD ? left - POLL_TAIL_ROOM
                                                                                   : DEPLOYMENT_POLL_HOLD;

    waiting->refusal = refusal;
    timers_set(engine->server->timers, &waiting->timer, nanos_add(clock_now(engine->server->clock), held), refusal_due,
               waiting);
    return call_park(waiting->poll.call, poll_cancelled, waiting);
}

/* The version of a worker that has one. One that is versioned in the oldest way has a build id alone: its polls are
 * taken, and nothing is ever routed to them. */
static struct queue_version version_of(const struct poll *who)
{
    const PbWorkerDeploymentOptions *options = who->deployment_options;
    const PbWorkerVersionCapabilities *capabilities = who->version_capabilities;

    if (options != NULL && options->worker_versioning_mode == WORKER_VERSIONING_MODE_VERSIONED)
        return (struct queue_version){options->deployment_name, options->build_id};
    if (capabilities != NULL && capabilities->use_versioning)
        return (struct queue_version){capabilities->deployment_series_name, capabilities->build_id};
    return (struct queue_version){0};
}

/* Makes the poller's version known to its deployment: as one that has the task queue, which for a sticky queue is the
 * one that its worker serves. */
static status register_poller(struct call *call, const struct waiting_poll *waiting)
{
    const struct queue_version *version = &waiting->poll.version;
    struct queue_name queue = waiting->queue;

    if (version->deployment == NULL || version->deployment[0] == '\0')
        return status_ok();
    if (queue.is_sticky) {
        queue.name = waiting->poll.normal_name;
        queue.is_sticky = false;
    }
    return deployments_register_poll(call->server, call->arena, &queue, version);
}

void poll_answer(struct poll *poll)
{
    struct call *call = poll->call;
    struct waiting_poll *waiting = call->waiter;

    waiting->used = true;
    timers_cancel(waiting->engine->server->timers, &waiting->timer);
    if (call->parked)
        call_answer(call, status_ok());
}

PbPollerScalingDecision *poll_advice(const struct engine *engine, const struct poll *poll,
                                     const struct queue_stats *stats)
{
    struct call *call = poll->call;
    PbPollerScalingDecision *advice;
    int delta = 0;

    if (clock_now(engine->server->clock) - poll->since >= IDLE_POLL) {
        delta = -1;
    } else if ((stats->backlog_count > 0 && stats->backlog_age > OLD_BACKLOG) ||
               stats->add_rate > ADDS_PER_DISPATCH_MAX * stats->dispatch_rate) {
        delta = 1;
    }
    if (delta == 0)
        return NULL;
    advice = ARENA_NEW_PB(call->arena, PbPollerScalingDecision);
    advice->poll_request_delta_suggestion = delta;
    return advice;
}

status poll_or_wait(struct call *call, const struct namespace_info *ns, enum queue_type type, const PbTaskQueue *queue,
                    const struct poll *who)
{
    struct engine *engine = call->server->engine;
    struct waiting_poll *waiting = ARENA_NEW(call->arena, struct waiting_poll);
    status registered;
    nanos left = call_time_left(call), most = call->server->options->config.long_poll_max;

    waiting->engine = engine;
    waiting->queue = (struct queue_name){
        .namespace_id = ns->id,
        .type = type,
        .name = queue->name,
        .is_sticky = queue->kind == TASK_QUEUE_KIND_STICKY,
    };
    waiting->poll = *who;
    waiting->poll.normal_name = queue->normal_name;
    waiting->poll.call = call;
    waiting->poll.version = version_of(who);
    call->waiter = waiting;
    if (left <= POLL_TAIL_ROOM)
        return status_ok();
    registered = register_poller(call, waiting);
    if (registered.code == GRPC_RESOURCE_EXHAUSTED)
        return hold(waiting, registered, left);
    TRY(registered);
    if (matching_poll(engine->matching, &waiting->queue, &waiting->poll)) {
        invariant(waiting->used, "matching has used a poll that was not answered");
        return status_ok();
    }
    if (left != NANOS_MAX && left - POLL_TAIL_ROOM < most)
        most = left - POLL_TAIL_ROOM;
    timers_set(engine->server->timers, &waiting->timer, nanos_add(clock_now(engine->server->clock), most), poll_expired,
               waiting);
    return call_park(call, poll_cancelled, waiting);
}
