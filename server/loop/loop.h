/*
 * The loop: one thread that waits for sockets, deadlines and signals, and turns what they bring into turns
 * (server/turn.h).
 *
 * A turn of the loop: poll; read the clock; run the work that socket callbacks have posted (calls to dispatch, streams
 * that went away); fire what is due; turn_end. Socket callbacks only parse and post: they run while the poll returns,
 * when the clock still stands at the turn before, so nothing that looks at the time or changes state may run in them.
 *
 * LO1  Handlers, timers and cancel hooks run between the clock's tick and turn_end, never inside a socket callback.
 * LO2  With nothing due and nothing to read the process sleeps: there is no periodic tick.
 */
#ifndef FERMATA_SERVER_LOOP_LOOP_H
#define FERMATA_SERVER_LOOP_LOOP_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/timers.h"

struct loop;
struct server;
struct st_h2o_evloop_t;

/* Something to do in this turn. Embedded by its owner; zeroed is "not posted". */
struct work {
    struct work *next;
    void (*run)(struct work *work);
    bool posted;
};

/* Makes the loop of a server. From now on SIGTERM, SIGINT and SIGHUP are held back for loop_run, and SIGPIPE is
 * ignored. server->clock must be there; timers and turn may follow before loop_run. */
struct loop *loop_new(struct server *server);

/* Frees it; its sockets must have been closed. NULL is accepted. */
void loop_free(struct loop *loop);

/* Turns until loop_finish. May be called again. */
void loop_run(struct loop *loop);

/* One who has something to wind down when the loop stops: its owner's, until loop_forget_stopper. */
struct stopper {
    void (*wind_down)(void *context);
    void *context;
    bool is_done; /* loop_wound_down */
    struct stopper *next;
};

/* Has stopper->wind_down called on the first of those signals, or by loop_stop; it begins to wind down, and
 * loop_wound_down says when it is done. Without any the loop ends at once. A second signal ends it at once in any case.
 */
void loop_on_stop(struct loop *loop, struct stopper *stopper);

/* Says that this one has wound down, once or more often: when all have, the loop ends after this turn. */
void loop_wound_down(struct loop *loop, struct stopper *stopper);

/* Takes it off the list, after loop_run. */
void loop_forget_stopper(struct loop *loop, struct stopper *stopper);

/* Does what a signal does. */
void loop_stop(struct loop *loop);

/* Ends loop_run after this turn. */
void loop_finish(struct loop *loop);

/* Runs work->run(work) in this turn, or, from within turn_end, in the next one, which then follows at once. Once,
 * however often it is posted before that. */
void loop_post(struct loop *loop, struct work *work, void (*run)(struct work *work));

/* Takes posted work back; nothing when it is not posted. */
void loop_unpost(struct loop *loop, struct work *work);

/* Runs what has been posted, now: for those who take things down after loop_run. */
void loop_run_work(struct loop *loop);

/* Monotonic time, read when this turn's poll returned. Socket callbacks run before that: they read clock_monotonic. */
nanos loop_now(const struct loop *loop);

/* Deadlines of protocols, on loop_now's time. (What workflows wait for is on the wall clock: server->timers.) */
struct timers *loop_timers(struct loop *loop);

/* h2o's event loop, for those who make sockets on it. */
struct st_h2o_evloop_t *loop_sockets(struct loop *loop);

#endif
