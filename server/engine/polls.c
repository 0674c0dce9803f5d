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

/* The clock stands still within a turn. */
#define NEXT_TURN 1

/* Between two attempts to store what a poll makes known. */
#define STORING_PATIENCE milliseconds(50)

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

/* `span`, or as much of it as the client waits. */
static nanos span_left(const struct waiting_poll *waiting, nanos span)
{
    nanos left = call_time_left(waiting->poll.call);

    return left != NANOS_MAX && left - POLL_TAIL_ROOM < span ? left - POLL_TAIL_ROOM : span;
}

static void set_timer(struct waiting_poll *waiting, nanos span, timer_fire *fire)
{
    const struct server *server = waiting->engine->server;

    timers_set(server->timers, &waiting->timer, nanos_add(clock_now(server->clock), span), fire, waiting);
}

/* Answers with `refusal`, later. */
static void hold(struct waiting_poll *waiting, status refusal)
{
    waiting->refusal = refusal;
    set_timer(waiting, span_left(waiting, DEPLOYMENT_POLL_HOLD), refusal_due);
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

/* How a version becomes known to its deployment. */
enum registration { POLLER_KNOWN, POLLER_NEW, POLLER_REFUSED };

/* Makes the poller's version known as one that has the task queue; for a sticky queue that is the one that its worker
 * serves. */
static enum registration register_poller(const struct waiting_poll *waiting, status *ret_refusal)
{
    const struct queue_version *version = &waiting->poll.version;
    struct call *call = waiting->poll.call;
    struct queue_name queue = waiting->queue;

    if (version->deployment == NULL || version->deployment[0] == '\0')
        return POLLER_KNOWN;
    if (queue.is_sticky) {
        queue.name = waiting->poll.normal_name;
        queue.is_sticky = false;
    }
    *ret_refusal = deployments_register_poll(call->server, call->arena, &queue, version);
    if (!status_is_ok(*ret_refusal))
        return POLLER_REFUSED;
    if (!deployments_have_changed(call->server->deployments))
        return POLLER_KNOWN;
    /* Else another version that is polled for in this turn could take this one's place: nobody seems to want it. */
    matching_expect_poll(call->server->matching, &waiting->queue, &waiting->poll);
    return POLLER_NEW;
}

/* Lets the poll take a task, or makes it wait. True: it has been answered. */
static bool take_or_wait(struct waiting_poll *waiting)
{
    const struct server *server = waiting->engine->server;

    if (matching_poll(waiting->engine->matching, &waiting->queue, &waiting->poll)) {
        invariant(waiting->used, "matching has used a poll that was not answered");
        return true;
    }
    set_timer(waiting, span_left(waiting, server->options->config.long_poll_max), poll_expired);
    return false;
}

/* The turn that has made a poller's version known is over. Only now the poll waits: if that turn has been undone, it
 * would wait at a version that nobody knows of, and nothing would come. */
static void registration_stored(struct timer *timer, void *context)
{
    struct waiting_poll *waiting = context;
    status refusal;

    (void)timer;
    if (call_time_left(waiting->poll.call) <= POLL_TAIL_ROOM) {
        call_answer(waiting->poll.call, status_ok());
        return;
    }
    switch (register_poller(waiting, &refusal)) {
    case POLLER_KNOWN:
        take_or_wait(waiting);
        return;
    case POLLER_NEW:
        set_timer(waiting, STORING_PATIENCE, registration_stored);
        return;
    case POLLER_REFUSED:
        hold(waiting, refusal);
        return;
    }
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
    status refusal;

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
    if (call_time_left(call) <= POLL_TAIL_ROOM)
        return status_ok();
    switch (register_poller(waiting, &refusal)) {
    case POLLER_KNOWN:
        if (take_or_wait(waiting))
            return status_ok();
        break;
    case POLLER_NEW:
        set_timer(waiting, NEXT_TURN, registration_stored);
        break;
    case POLLER_REFUSED:
        if (refusal.code != GRPC_RESOURCE_EXHAUSTED)
            return refusal;
        hold(waiting, refusal);
        break;
    }
    return call_park(call, poll_cancelled, waiting);
}
