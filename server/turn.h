/*
 * The turn: read, change, COMMIT, answer. The one place that knows this order.
 *
 * Handlers and timers of one turn of the loop change memory and write rows; nothing they answer leaves before turn_end
 * has committed those rows. If the commit fails, whatever was touched is dropped from memory (engine_forget_turn), its
 * withheld answers turn into UNAVAILABLE, and it is loaded from the database again when next needed.
 */
#ifndef FERMATA_SERVER_TURN_H
#define FERMATA_SERVER_TURN_H

#include "base/arena.h"

struct call;
struct server;
struct turn;

/* Where answers go, of a transport: `deliver` takes each of its answered calls (call->transport), which is its own to
 * free from then on; `flush` then writes. */
struct turn_delivery {
    void (*deliver)(void *context, struct call *call);
    void (*flush)(void *context);
    void *context;
    struct turn_delivery *next; /* the turn's */
};

/* Makes the turn of a server. */
struct turn *turn_new(struct server *server);

/* Adds a transport's delivery, which is the transport's own, until turn_remove_delivery. */
void turn_add_delivery(struct turn *turn, struct turn_delivery *delivery);

/* Removes it: none of its calls is left. */
void turn_remove_delivery(struct turn *turn, struct turn_delivery *delivery);

/* Frees it; NULL is accepted. */
void turn_free(struct turn *turn);

/* Memory that lives until this turn has ended. */
struct arena *turn_arena(struct turn *turn);

/* Adds an answered call to those that leave at the turn's end. */
void turn_add_answer(struct turn *turn, struct call *call);

/* Runs `action(context)` once after this turn's answers are out (before the next turn). */
void turn_defer(struct turn *turn, void (*action)(void *context), void *context);

/* Ends the turn: COMMIT (if anything was written), then hands every answer to the transport, then runs what was
 * deferred; what that writes and answers in its turn is committed and delivered in the same way. */
void turn_end(struct turn *turn);

#endif
