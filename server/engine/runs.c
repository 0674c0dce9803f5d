/*
 * Loaded runs: the tables that find them, folding them from what is stored, and letting go of them.
 *
 * What leaves memory can be folded again at any time. A run that is evicted leaves a `struct parked` behind if
 * something is due of it, or if a worker still knows it.
 */
#include <malloc.h>
#include <string.h>

#include "base/invariant.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "persistence/store.h"
#include "server/engine/internal.h"

/* Memory for loaded runs. An idle one costs about 2 KiB; busy ones beyond the budget stay. Builds with checks keep none
 * that can go, so that every test also tests that a run comes back as it went. */
#if defined(FERMATA_CHECKS) && FERMATA_CHECKS
enum { LOADED_BYTES_MAX = 0 };
#else
enum { LOADED_BYTES_MAX = 16 * 1024 * 1024 };
#endif

/* What a loaded run takes beside what its arenas hold, about. */
enum { RUN_BYTES = sizeof(struct run) + sizeof(struct mutable_state) + 512 };

enum { BATCHES_PER_READ = 256 };

/* A run that nobody has touched for so long leaves memory; at most so many per sweep, so that a sweep stays short. */
#define IDLE_SPAN seconds(30)
enum { EVICTED_PER_SWEEP = 2000 };

/* ---- the tables ---- */

static char *make_current_key(int64_t namespace_id, const char *workflow_id, size_t *ret_bytes)
{
    size_t length = strlen(workflow_id);
    char *key = memory_new(sizeof(namespace_id) + length);

    memcpy(key, &namespace_id, sizeof(namespace_id));
    memcpy(key + sizeof(namespace_id), workflow_id, length);
    *ret_bytes = sizeof(namespace_id) + length;
    return key;
}

void run_index_as_current(struct run *run)
{
    struct run *before;

    run->current_key = make_current_key(run->ns->id, run->state->workflow_id, &run->current_key_bytes);
    HASH_FIND(by_key, run->engine->currents, run->current_key, run->current_key_bytes, before);
    if (before != NULL) {
        HASH_DELETE(by_key, run->engine->currents, before);
        memory_free(before->current_key);
        before->current_key = NULL;
        before->is_current = false;
    }
    HASH_ADD_KEYPTR(by_key, run->engine->currents, run->current_key, run->current_key_bytes, run);
    run->is_current = true;
}

static void unlink_use(struct run *run)
{
    struct engine *engine = run->engine;

    if (run->newer != NULL)
        run->newer->older = run->older;
    else if (engine->newest == run)
        engine->newest = run->older;
    if (run->older != NULL)
        run->older->newer = run->newer;
    else if (engine->oldest == run)
        engine->oldest = run->newer;
    run->newer = run->older = NULL;
}

static void link_as_newest(struct run *run)
{
    struct engine *engine = run->engine;

    run->older = engine->newest;
    run->newer = NULL;
    if (engine->newest != NULL)
        engine->newest->newer = run;
    else
        engine->oldest = run;
    engine->newest = run;
}

void run_touch(struct run *run)
{
    if (run->is_touched)
        return;
    run->is_touched = true;
    run->last_used = clock_now(run->engine->server->clock);
    run->next_touched = run->engine->touched;
    run->engine->touched = run;
    if (run->engine->newest != run) {
        unlink_use(run);
        link_as_newest(run);
    }
}

void run_count_bytes(struct run *run)
{
    const struct mutable_state *ms = run->state;
    size_t bytes = RUN_BYTES + arena_bytes_held(ms->arena) + run->unstored.capacity;

    bytes += (size_t)mutable_state_activities_count(ms) * 1024 + (size_t)mutable_state_timers_count(ms) * 128;
    bytes += (size_t)HASH_COUNT(ms->used_requests) * 128 + (size_t)ms->buffered_bytes;
    run->engine->loaded_bytes += bytes - run->bytes;
    run->bytes = bytes;
}

struct run *run_new(struct engine *engine, int64_t id, const struct namespace_info *ns,
                    const uint8_t run_id[UUID_BYTES], const char *request_id)
{
    struct run *run = memory_new(sizeof(*run));

    run->id = id;
    run->engine = engine;
    run->ns = ns;
    memcpy(run->run_id, run_id, UUID_BYTES);
    uuid_format(run_id, run->run_id_text);
    run->start_request_id = memory_new(strlen(request_id) + 1);
    memcpy(run->start_request_id, request_id, strlen(request_id));
    HASH_ADD(by_row, engine->runs, id, sizeof(run->id), run);
    link_as_newest(run);
    return run;
}

void run_drop(struct run *run)
{
    struct engine *engine = run->engine;

    timers_cancel(engine->server->timers, &run->deadline);
    unlink_use(run);
    engine->loaded_bytes -= run->bytes;
    if (run->current_key != NULL)
        HASH_DELETE(by_key, engine->currents, run);
    HASH_DELETE(by_row, engine->runs, run);
    mutable_state_free(run->state);
    buffer_free(&run->unstored);
    memory_free(run->current_key);
    memory_free(run->start_request_id);
    memory_free(run->counted_pin);
    memory_free(run);
}

/* ---- loading ---- */

static status data_loss(struct run *run, const char *what)
{
    log_error("a run of the database cannot be read; it is set aside", "workflow_run", run->run_id_text, "reason",
              what);
    return status_error(GRPC_DATA_LOSS, "the run's stored history cannot be read");
}

status run_fold_into(struct run *run, struct mutable_state *ms, struct arena *scratch, const struct run_row *row)
{
    struct event_batch *batches;
    int count;

    ms->transitions = row->state_transitions;
    do {
        TRY(events_read(run->engine->server->store, scratch, run->id, ms->next_event_id, BATCHES_PER_READ, &batches,
                        &count));
        for (int i = 0; i < count; i++) {
            enum broken broken = mutable_state_apply_batch(ms, batches[i].history);

            if (broken != INTACT)
                return data_loss(run, arena_printf(scratch, "its events do not fold: %d at event %lld", (int)broken,
                                                   (long long)batches[i].first_event_id));
            ms->history_bytes += (int64_t)batches[i].history.len;
            ms->transitions += batches[i].first_event_id > row->history_length; /* those before, the row has counted */
        }
    } while (count == BATCHES_PER_READ);
    if (ms->next_event_id == 1)
        return data_loss(run, "it has no events");
    if (mutable_state_unpack_volatile(ms, run->engine->limits, row->volatile_part) != INTACT)
        return data_loss(run, "its volatile part contradicts its events");
    /* The row may have counted a workflow task's start that has not survived: its id goes to another event, which is
     * one more, so the row is written again. */
    ms->columns_changed = row->history_length >= ms->next_event_id;
    ms->lookups_changed = false;
    return status_ok();
}

status run_fold(struct run *run, const struct run_row *row)
{
    struct arena *scratch = arena_new(16 * 1024);
    struct mutable_state *ms = mutable_state_new();
    status folded;

    run->engine->folds++;
    folded = run_fold_into(run, ms, scratch, row);

    arena_free(scratch);
    if (!status_is_ok(folded)) {
        mutable_state_free(ms);
        return folded;
    }
    mutable_state_free(run->state);
    run->state = ms;
    run->stored_transitions = ms->transitions;
    return status_ok();
}

/* What a loaded run has scheduled up to that instant is taken as dispatched: this process did it before the run was
 * evicted, and after a start recovery does it again for every run. */
void run_assume_dispatched(struct run *run, nanos up_to)
{
    struct activity *activity, *next;

    run->dispatched_event_id = run->state->workflow_task.scheduled_event_id;
    run->dispatched_stamp = run->state->workflow_task.stamp << 32 | run->state->workflow_task.attempt;
    HASH_ITER (by_event, run->state->activities, activity, next)
        activity->dispatched = activity->attempt_scheduled_time <= up_to;
}

static void unpark(struct engine *engine, struct parked *parked)
{
    timers_cancel(engine->server->timers, &parked->deadline);
    HASH_DELETE(by_row, engine->parked, parked);
    memory_free(parked);
}

/* The run is loaded again: what was left of it comes back into its state. */
static void take_from_park(struct run *run)
{
    struct parked *parked;

    HASH_FIND(by_row, run->engine->parked, &run->id, sizeof(run->id), parked);
    run_assume_dispatched(run, parked == NULL ? clock_now(run->engine->server->clock) : parked->since);
    if (parked == NULL)
        return;
    if (parked->sticky_queue[0] != '\0')
        workflow_task_keep_sticky(run->state, parked->sticky_queue, parked->sticky_timeout);
    unpark(run->engine, parked);
}

static bool must_flush(const struct run *run)
{
    return mutable_state_is_open(run->state) && run->state->buffered != NULL &&
           run->state->workflow_task.state != WORKFLOW_TASK_STARTED;
}

/* What waited for a workflow task whose start did not survive has no reason to wait any more. */
static void flush_after_load(struct run *run)
{
    struct transition t;

    if (!must_flush(run))
        return;
    run_begin(run, &t);
    transition_flush_buffered(&t);
    workflow_task_schedule(&t, false);
    run_commit(run, &t);
}

static status load_row(struct engine *engine, const struct run_row *row, struct run **ret_run)
{
    const struct namespace_info *ns = namespaces_find_by_id(engine->server->namespaces, row->namespace_id);
    struct run *run;
    status folded;

    if (ns == NULL)
        return status_error(GRPC_DATA_LOSS, "the run belongs to no namespace");
    run = run_new(engine, row->id, ns, row->run_id, row->start_request_id == NULL ? "" : row->start_request_id);
    run->may_be_indexed = row->search_attributes.len > 0;
    folded = run_fold(run, row);
    if (!status_is_ok(folded)) {
        run_drop(run);
        return folded;
    }
    if (versioning_forget_lost_transition(run->state))
        run->state->columns_changed = true; /* the row still has it */
    if (row->is_current)
        run_index_as_current(run);
    take_from_park(run);
    run_set_deadline(run);
    run_count_bytes(run);
    pins_loaded(run);
    run_touch(run);
    flush_after_load(run);
    *ret_run = run;
    return status_ok();
}

struct run *engine_find_loaded(const struct engine *engine, int64_t id)
{
    struct run *run;

    HASH_FIND(by_row, engine->runs, &id, sizeof(id), run);
    return run;
}

/* The loaded run of a row that was read, or loads it. */
static status from_row(struct engine *engine, const struct run_row *row, struct run **ret_run)
{
    *ret_run = engine_find_loaded(engine, row->id);
    if (*ret_run == NULL)
        return load_row(engine, row, ret_run);
    run_touch(*ret_run);
    return status_ok();
}

status engine_load(struct engine *engine, int64_t id, struct run **ret_run)
{
    struct run_row row;

    *ret_run = engine_find_loaded(engine, id);
    if (*ret_run != NULL) {
        run_touch(*ret_run);
        return status_ok();
    }
    TRY(runs_get(engine->server->store, turn_arena(engine->server->turn), id, &row));
    return load_row(engine, &row, ret_run);
}

status engine_load_current(struct engine *engine, const struct namespace_info *ns, const char *workflow_id,
                           struct run **ret_run)
{
    struct arena *arena = turn_arena(engine->server->turn);
    struct run_row row;
    size_t key_bytes;
    char *key = make_current_key(ns->id, workflow_id, &key_bytes);
    status found;

    HASH_FIND(by_key, engine->currents, key, key_bytes, *ret_run);
    memory_free(key);
    if (*ret_run != NULL) {
        run_touch(*ret_run);
        return status_ok();
    }
    found = runs_find_current(engine->server->store, arena, ns->id, workflow_id, &row);
    if (found.code == GRPC_NOT_FOUND)
        return status_ok(); /* *ret_run is NULL */
    TRY(found);
    return from_row(engine, &row, ret_run);
}

status engine_look_up_run(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                          const PbWorkflowExecution *execution, struct run **ret_run)
{
    uint8_t run_id[UUID_BYTES];
    struct run_row row;
    status found;

    if (execution->run_id[0] != '\0' && !uuid_parse(execution->run_id, run_id))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_INVALID_RUN_ID);
    TRY(engine_load_current(engine, ns, execution->workflow_id, ret_run));
    if (execution->run_id[0] == '\0')
        return *ret_run != NULL ? status_ok() : not_found(arena, MSG_WORKFLOW_NOT_FOUND, execution->workflow_id);
    if (*ret_run != NULL && memcmp((*ret_run)->run_id, run_id, UUID_BYTES) == 0)
        return status_ok();
    found = runs_find(engine->server->store, arena, ns->id, execution->workflow_id, run_id, &row);
    if (found.code == GRPC_NOT_FOUND)
        return not_found(arena, MSG_RUN_NOT_FOUND, execution->workflow_id, execution->run_id);
    TRY(found);
    return from_row(engine, &row, ret_run);
}

status engine_find_run(struct call *call, const struct namespace_info *ns, const PbWorkflowExecution *execution,
                       struct run **ret_run)
{
    return engine_look_up_run(call->server->engine, call->arena, ns, execution, ret_run);
}

const struct mutable_state *run_state(const struct run *run)
{
    return run->state;
}

const char *run_id_text(const struct run *run)
{
    return run->run_id_text;
}

int64_t run_row_id(const struct run *run)
{
    return run->id;
}

/* ---- eviction ---- */

/* When the database cannot be read for now. */
#define PARKED_RETRY (NANOS_PER_SECOND / 10)

static void parked_due(struct timer *timer, void *context)
{
    struct parked *parked = context;
    struct engine *engine = parked->engine;
    struct run *run;
    status loaded;

    /* Loading frees `parked` and sets the run's own timer, which is due as well and fires next. */
    loaded = engine_load(engine, parked->id, &run);
    if (loaded.code == GRPC_UNAVAILABLE)
        timers_set(engine->server->timers, timer, nanos_add(clock_now(engine->server->clock), PARKED_RETRY), parked_due,
                   parked);
    else if (!status_is_ok(loaded))
        unpark(engine, parked);
}

/* Not while somebody waits for it, nor while it knows something that its rows do not: a start, an update on its way, a
 * task that only the sticky queue has. */
bool run_is_evictable(const struct run *run)
{
    const struct workflow_task *task = &run->state->workflow_task;

    return !run->is_touched && !run->is_to_dispatch && run->readers == NULL && run->queries == NULL &&
           run->update_waiters == NULL && run->unstored.len == 0 && task->state != WORKFLOW_TASK_STARTED &&
           !task->is_sticky && !task->is_speculative && !updates_are_in_memory_only(run->state);
}

/* False: it stays, because something is due right now. */
static bool evict(struct run *run)
{
    struct engine *engine = run->engine;
    nanos now = clock_now(engine->server->clock), due = mutable_state_next_deadline(run->state);
    const char *sticky = run->state->sticky_queue == NULL ? "" : run->state->sticky_queue;

    if (due <= now)
        return false;
    if (mutable_state_is_open(run->state) && (due != NANOS_MAX || sticky[0] != '\0')) {
        struct parked *parked = memory_new(sizeof(*parked) + strlen(sticky) + 1);

        parked->id = run->id;
        parked->engine = engine;
        parked->since = now;
        parked->sticky_timeout = run->state->sticky_timeout;
        memcpy(parked->sticky_queue, sticky, strlen(sticky));
        HASH_ADD(by_row, engine->parked, id, sizeof(parked->id), parked);
        timers_set(engine->server->timers, &parked->deadline, due, parked_due, parked);
    }
    run_drop(run);
    return true;
}

void runs_evict_over_budget(struct engine *engine)
{
    struct run *run = engine->oldest;

    while (run != NULL && engine->loaded_bytes > LOADED_BYTES_MAX) {
        struct run *newer = run->newer;

        if (run_is_evictable(run))
            evict(run);
        run = newer;
    }
}

/* Runs that nobody has asked for in a while cost nothing but their rows. */
void runs_evict_idle(struct engine *engine)
{
    nanos now = clock_now(engine->server->clock);
    struct run *run = engine->oldest;
    size_t evicted = 0;

    while (run != NULL && evicted < EVICTED_PER_SWEEP && nanos_add(run->last_used, IDLE_SPAN) <= now) {
        struct run *newer = run->newer;

        if (run_is_evictable(run) && evict(run))
            evicted++;
        run = newer;
    }
    if (evicted > 0)
        malloc_trim(0); /* what a burst has used goes back to the system */
}

void runs_free(struct engine *engine)
{
    struct run *run, *next_run;
    struct parked *parked, *next_parked;

    HASH_ITER (by_row, engine->runs, run, next_run)
        run_drop(run);
    HASH_ITER (by_row, engine->parked, parked, next_parked)
        unpark(engine, parked);
}
