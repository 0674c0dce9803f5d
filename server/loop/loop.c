/*
 * How it works: h2o's evloop polls and runs socket callbacks; they post work, which this file runs once the poll has
 * returned and the clock has been read. What wakes the poll: sockets, the earliest deadline (as the poll's time-out),
 * and two file descriptors of our own: a signalfd, and a timerfd that fires only when somebody sets the wall clock or
 * the machine wakes up, since deadlines on the wall clock are waited for on the monotonic one.
 */
#include "server/loop/loop.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <h2o.h>
#include <utlist.h>

#include "base/arena.h"
#include "base/invariant.h"
#include "server/server.h"
#include "server/turn.h"

/* Due timers that fire in one turn: enough to keep up with any load (each turn costs one commit), few enough that a
 * restart which finds a hundred thousand overdue timers still answers calls in between. */
enum { TIMERS_PER_TURN = 1000 };

/* A timerfd has to be armed to watch the clock, for an instant that does not come: the year 2255. */
#define FAR_AWAY_SECONDS INT64_C(9000000000)

struct loop {
    struct arena *arena;
    struct server *server;
    h2o_evloop_t *sockets;
    h2o_socket_t *signals, *clock_changes; /* the latter NULL where the system has no such thing */
    struct timers *timers;
    nanos now;
    struct work *first, **last;
    struct stopper *stoppers;
    struct work wind_down_work;
    bool stopping, finished;
};

static void watch_clock_changes(h2o_socket_t *socket)
{
    struct itimerspec far = {.it_value = {.tv_sec = FAR_AWAY_SECONDS}};

    timerfd_settime(h2o_socket_get_fd(socket), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL);
}

/* The wake-up is all that is wanted: the next wait is computed from the new time. */
static void on_clock_change(h2o_socket_t *socket, const char *err)
{
    uint64_t expirations;
    ssize_t ignored = read(h2o_socket_get_fd(socket), &expirations, sizeof(expirations)); /* ECANCELED */

    (void)ignored;
    (void)err;
    watch_clock_changes(socket);
}

static void on_signal(h2o_socket_t *socket, const char *err)
{
    struct loop *loop = socket->data;
    struct signalfd_siginfo info;

    (void)err;
    while (read(h2o_socket_get_fd(socket), &info, sizeof(info)) == (ssize_t)sizeof(info))
        loop_stop(loop);
}

static h2o_socket_t *add_descriptor(struct loop *loop, int fd, h2o_socket_cb on_readable)
{
    h2o_socket_t *socket = h2o_evloop_socket_create(loop->sockets, fd, H2O_SOCKET_FLAG_DONT_READ);

    socket->data = loop;
    h2o_socket_read_start(socket, on_readable);
    return socket;
}

struct loop *loop_new(struct server *server)
{
    struct arena *arena = arena_new(sizeof(struct loop) + 64);
    struct loop *loop = ARENA_NEW(arena, struct loop);
    sigset_t stop;
    int fd;

    *loop = (struct loop){.arena = arena, .server = server, .timers = timers_new(), .last = &loop->first};
    loop->sockets = h2o_evloop_create();
    loop->now = clock_monotonic(server->clock);

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGHUP);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    fd = signalfd(-1, &stop, SFD_NONBLOCK | SFD_CLOEXEC);
    invariant(fd >= 0, "signalfd: %s", strerror(errno));
    loop->signals = add_descriptor(loop, fd, on_signal);

    fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd >= 0) {
        loop->clock_changes = add_descriptor(loop, fd, on_clock_change);
        watch_clock_changes(loop->clock_changes);
    }
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    h2o_socket_close(loop->signals);
    if (loop->clock_changes != NULL)
        h2o_socket_close(loop->clock_changes);
    h2o_evloop_run(loop->sockets, 0); /* frees the sockets that were closed since the last poll */
    h2o_evloop_destroy(loop->sockets);
    timers_free(loop->timers);
    arena_free(loop->arena);
}

/* Milliseconds to wait, rounded up: waking a little late is fine, spinning through the last millisecond is not. */
static int32_t milliseconds_until(nanos due, nanos now)
{
    nanos span;

    if (due <= now)
        return 0;
    span = nanos_add(due, -now);
    if (span >= (nanos)INT32_MAX * NANOS_PER_MILLISECOND)
        return INT32_MAX;
    return (int32_t)((span + NANOS_PER_MILLISECOND - 1) / NANOS_PER_MILLISECOND);
}

/* How long the poll may wait: -1 for ever. */
static int32_t longest_wait(const struct loop *loop)
{
    nanos wall_due = timers_next_due(loop->server->timers), due = timers_next_due(loop->timers);
    int32_t wait = -1, wall_wait;

    if (loop->first != NULL || loop->finished)
        return 0;
    if (due != NANOS_MAX)
        wait = milliseconds_until(due, clock_monotonic(loop->server->clock));
    if (wall_due != NANOS_MAX && !clock_is_virtual(loop->server->clock)) {
        clock_tick(
            loop->server->clock); /* no turn is under way: the time since the last one does not count as waiting */
        wall_wait = milliseconds_until(wall_due, clock_now(loop->server->clock));
        if (wait < 0 || wall_wait < wait)
            wait = wall_wait;
    }
    return wait;
}

void loop_run_work(struct loop *loop)
{
    while (loop->first != NULL) {
        struct work *work = loop->first;

        loop_unpost(loop, work);
        work->run(work);
    }
}

void loop_run(struct loop *loop)
{
    struct server *server = loop->server;

    loop->finished = false;
    while (!loop->finished) {
        if (h2o_evloop_run(loop->sockets, longest_wait(loop)) != 0)
            invariant(errno == EINTR, "epoll: %s", strerror(errno));
        clock_tick(server->clock);
        loop->now = clock_monotonic(server->clock);
        loop_run_work(loop);
        timers_fire_due(loop->timers, loop->now, TIMERS_PER_TURN);
        timers_fire_due(server->timers, clock_now(server->clock), TIMERS_PER_TURN);
        turn_end(server->turn);
    }
}

void loop_on_stop(struct loop *loop, struct stopper *stopper)
{
    LL_APPEND(loop->stoppers, stopper);
}

void loop_wound_down(struct loop *loop, struct stopper *stopper)
{
    stopper->is_done = true;
    LL_FOREACH (loop->stoppers, stopper)
        if (!stopper->is_done)
            return;
    loop_finish(loop);
}

void loop_forget_stopper(struct loop *loop, struct stopper *stopper)
{
    LL_DELETE(loop->stoppers, stopper);
}

/* Runs as work, because cancel hooks run in the wind-down (LO1). */
static void run_wind_down(struct work *work)
{
    struct loop *loop = (struct loop *)((char *)work - offsetof(struct loop, wind_down_work));
    struct stopper *stopper;

    LL_FOREACH (loop->stoppers, stopper)
        stopper->wind_down(stopper->context);
}

void loop_stop(struct loop *loop)
{
    if (loop->stopping || loop->stoppers == NULL) {
        loop_finish(loop);
        return;
    }
    loop->stopping = true;
    loop_post(loop, &loop->wind_down_work, run_wind_down);
}

void loop_finish(struct loop *loop)
{
    loop->finished = true;
}

void loop_post(struct loop *loop, struct work *work, void (*run)(struct work *work))
{
    if (work->posted)
        return;
    *work = (struct work){.run = run, .posted = true};
    *loop->last = work;
    loop->last = &work->next;
}

void loop_unpost(struct loop *loop, struct work *work)
{
    struct work **link = &loop->first;

    if (!work->posted)
        return;
    while (*link != work)
        link = &(*link)->next; /* nearly always the first */
    *link = work->next;
    if (work->next == NULL)
        loop->last = link;
    work->next = NULL;
    work->posted = false;
}

nanos loop_now(const struct loop *loop)
{
    return loop->now;
}

struct timers *loop_timers(struct loop *loop)
{
    return loop->timers;
}

struct st_h2o_evloop_t *loop_sockets(struct loop *loop)
{
    return loop->sockets;
}
