/*
 * A turn ends in rounds. A round commits, delivers the answers that were withheld until then, and runs what was
 * deferred. What is deferred may change things again, so another round follows until there is nothing left to commit or
 * to deliver; nearly always one is enough.
 */
#include "server/turn.h"

#include <stdbool.h>

#include <utlist.h>

#include "base/invariant.h"
#include "base/log.h"
#include "persistence/store.h"
#include "server/call.h"
#include "server/engine/engine.h"
#include "server/metrics/server_metrics.h"
#include "server/server.h"
#include "server/services/batch.h"
#include "server/services/deployments.h"
#include "server/services/task_queue_configs.h"

/* What one turn usually needs at once: events, effects and rows of some dozen calls. */
enum { TURN_ARENA_BYTES = 64 * 1024 };

struct deferred {
    void (*action)(void *context);
    void *context;
    struct deferred *next;
};

struct turn {
    struct server *server;
    struct arena *own, *arena; /* what it is made in; what a turn allocates in */
    struct turn_delivery *deliveries;
    struct call *answers, **answers_end;
    struct deferred *deferred, **deferred_end;
    uint64_t rows_before; /* written when the last turn was committed; for metrics only */
};

struct turn *turn_new(struct server *server)
{
    struct arena *own = arena_new(sizeof(struct turn) + 64);
    struct turn *turn = ARENA_NEW(own, struct turn);

    *turn = (struct turn){.server = server, .own = own, .arena = arena_new(TURN_ARENA_BYTES)};
    turn->answers_end = &turn->answers;
    turn->deferred_end = &turn->deferred;
    return turn;
}

void turn_free(struct turn *turn)
{
    if (turn == NULL)
        return;
    arena_free(turn->arena);
    arena_free(turn->own);
}

void turn_add_delivery(struct turn *turn, struct turn_delivery *delivery)
{
    LL_APPEND(turn->deliveries, delivery);
}

void turn_remove_delivery(struct turn *turn, struct turn_delivery *delivery)
{
    LL_DELETE(turn->deliveries, delivery);
}

struct arena *turn_arena(struct turn *turn)
{
    return turn->arena;
}

void turn_add_answer(struct turn *turn, struct call *call)
{
    call->next_answered = NULL;
    *turn->answers_end = call;
    turn->answers_end = &call->next_answered;
}

void turn_defer(struct turn *turn, void (*action)(void *context), void *context)
{
    struct deferred *deferred = ARENA_NEW(turn->arena, struct deferred);

    *deferred = (struct deferred){.action = action, .context = context};
    *turn->deferred_end = deferred;
    turn->deferred_end = &deferred->next;
}

/* What the withheld answers report did not happen: every one of them, also of calls that only read, because they may
 * have read what was not to be. What they were to hand out has been forgotten with the turn, so nothing comes back
 * either. */
static void spoil_answers(struct turn *turn)
{
    for (struct call *call = turn->answers; call != NULL; call = call->next_answered) {
        call->answer =
            status_error(GRPC_UNAVAILABLE, "the database could not store this; nothing has changed, try again");
        call->answer_headers = NULL;
        call->on_undelivered = NULL;
    }
}

static uint64_t count_answers(const struct turn *turn)
{
    uint64_t count = 0;

    for (const struct call *call = turn->answers; call != NULL; call = call->next_answered)
        count++;
    return count;
}

/* Returns whether there was something to commit. */
static bool commit(struct turn *turn)
{
    struct server_metrics *metrics = turn->server->metrics;
    struct store_counts before = {0};
    nanos began = 0;
    status committed;

    deployment_service_turn_work(turn->server->deployment_service);
    if (!store_has_changes(turn->server->store)) {
        metrics_turn_is_stored(metrics);
        return false;
    }
    if (metrics != NULL) {
        before = store_counts(turn->server->store);
        began = clock_monotonic(turn->server->clock);
    }
    committed = store_commit(turn->server->store, turn->arena);
    if (metrics != NULL)
        metrics_commit(metrics, clock_monotonic(turn->server->clock) - began, before.rows_written - turn->rows_before,
                       count_answers(turn), !status_is_ok(committed));
    turn->rows_before = before.rows_written;
    if (status_is_ok(committed)) {
        metrics_turn_is_stored(metrics);
        deployment_service_turn_done(turn->server->deployment_service);
        task_queue_configs_turn_done(turn->server->task_queue_configs);
    } else {
        log_error("commit failed, the turn is undone", "error", committed.message);
        engine_forget_turn(turn->server->engine);
        deployment_service_forget_turn(turn->server->deployment_service);
        task_queue_configs_forget_turn(turn->server->task_queue_configs);
        batches_forget_turn(turn->server->batches);
        spoil_answers(turn);
        metrics_turn_is_undone(metrics); /* last: what is forgotten is seen by matching's observer, too */
    }
    return true;
}

/* Hands over the answers that the commit has released; those that come while it does so wait for the next one. Nothing
 * they borrow from is let go before all are out. */
static void deliver(struct turn *turn)
{
    struct call *call = turn->answers;

    turn->answers = NULL;
    turn->answers_end = &turn->answers;
    while (call != NULL) {
        struct call *next = call->next_answered;

        metrics_call_ends(call);
        call->transport->deliver(call->transport->context, call); /* the call is gone after this */
        call = next;
    }
}

static void run_deferred(struct turn *turn)
{
    while (turn->deferred != NULL) {
        struct deferred *deferred = turn->deferred;

        turn->deferred = deferred->next;
        if (turn->deferred == NULL)
            turn->deferred_end = &turn->deferred;
        deferred->action(deferred->context);
    }
}

void turn_end(struct turn *turn)
{
    struct turn_delivery *delivery;
    bool committed = false;

    do {
        engine_turn_work(turn->server->engine);
        committed |= commit(turn);
        deliver(turn);
        engine_turn_done(turn->server->engine);
        run_deferred(turn);
    } while (turn->answers != NULL || store_has_changes(turn->server->store) ||
             engine_has_turn_work(turn->server->engine));
    LL_FOREACH (turn->deliveries, delivery)
        delivery->flush(delivery->context);
    if (turn->server->metrics != NULL)
        metrics_turn(turn->server->metrics);
    if (committed)
        store_idle(turn->server->store); /* housekeeping comes after the answers */
    invariant(turn->deferred == NULL, "deferred actions outlive their turn");
    arena_reset(turn->arena);
}
