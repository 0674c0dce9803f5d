#include "server/services/scans.h"

#include "base/arena.h"
#include "base/memory.h"
#include "persistence/visibility.h"
#include "server/loop/loop.h"
#include "server/server.h"
#include "server/turn.h"

struct waiting_scan {
    struct scans *scans;
    struct call *call;
    struct visibility_scan *scan;
    scan_finish *finish;
    struct waiting_scan *next;
};

struct scans {
    struct server *server;
    struct waiting_scan *first, **end;
    struct work work;
    bool is_scheduled;
};

struct scans *scans_new(struct server *server)
{
    struct scans *scans = memory_new(sizeof(*scans));

    scans->server = server;
    scans->end = &scans->first;
    return scans;
}

void scans_free(struct scans *scans)
{
    if (scans == NULL)
        return;
    loop_unpost(scans->server->loop, &scans->work);
    memory_free(scans);
}

static void append(struct scans *scans, struct waiting_scan *waiting)
{
    waiting->next = NULL;
    *scans->end = waiting;
    scans->end = &waiting->next;
}

static void unlink_waiting(struct scans *scans, const struct waiting_scan *waiting)
{
    struct waiting_scan **place = &scans->first;

    while (*place != waiting)
        place = &(*place)->next;
    *place = waiting->next;
    if (scans->end == &waiting->next)
        scans->end = place;
}

static void cancelled(struct call *call, enum call_end why)
{
    struct waiting_scan *waiting = call->waiter;

    (void)why;
    unlink_waiting(waiting->scans, waiting);
}

static void schedule(struct scans *scans);

static void run_step(struct work *work)
{
    struct scans *scans = (struct scans *)(void *)((char *)work - offsetof(struct scans, work));
    struct waiting_scan *waiting = scans->first;
    bool is_done;
    status stepped;

    if (waiting == NULL)
        return; /* all have gone */
    unlink_waiting(scans, waiting);
    stepped = visibility_scan_step(waiting->scan, &is_done);
    if (!status_is_ok(stepped))
        call_answer(waiting->call, stepped);
    else if (is_done)
        call_answer(waiting->call, waiting->finish(waiting->call, waiting->scan));
    else
        append(scans, waiting);
    if (scans->first != NULL)
        schedule(scans);
}

static void post(void *context)
{
    struct scans *scans = context;

    scans->is_scheduled = false;
    loop_post(scans->server->loop, &scans->work, run_step);
}

/* In the next turn: what is posted from within a turn's work is done in the same one, what its end posts is not. */
static void schedule(struct scans *scans)
{
    if (scans->is_scheduled)
        return;
    scans->is_scheduled = true;
    turn_defer(scans->server->turn, post, scans);
}

status scans_run(struct call *call, struct visibility_scan *scan, scan_finish *finish)
{
    struct scans *scans = call->server->scans;
    struct waiting_scan *waiting;
    bool is_done;

    TRY(visibility_scan_step(scan, &is_done));
    if (is_done)
        return finish(call, scan);
    waiting = ARENA_NEW(call->arena, struct waiting_scan);
    *waiting = (struct waiting_scan){.scans = scans, .call = call, .scan = scan, .finish = finish};
    append(scans, waiting);
    schedule(scans);
    return call_park(call, cancelled, waiting);
}
