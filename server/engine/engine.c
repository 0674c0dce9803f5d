/*
 * Loading, storing, evicting runs; deadlines; recovery.
 *
 * A transition's events are packed into batches and appended, except a trailing WorkflowTaskStarted, which waits in
 * run->unstored for the event that ends the task. Rows of `runs` are written when a run begins, when its volatile part
 * changes and when it closes; what lies between is in the events.
 */
#include "server/engine/engine.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/invariant.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "persistence/store.h"
#include "server/engine/internal.h"
#include "server/frontend/search_attributes.h"

/* Memory for loaded runs. An idle one costs about 2 KiB; busy ones beyond the budget stay. Builds with checks keep none that
 * can go, so that every test also tests that a run comes back as it went. */
#if defined(FERMATA_CHECKS) && FERMATA_CHECKS
enum { LOADED_BYTES_MAX = 0 };
#else
enum { LOADED_BYTES_MAX = 16 * 1024 * 1024 };
#endif
enum { RUN_BYTES = sizeof(struct run) + sizeof(struct mutable_state) + 512 };

/* Recovery and deadlines take at most so many runs per turn, so that calls are answered in between. */
enum { RECOVERED_PER_TURN = 256, BATCHES_PER_READ = 256 };

#define SWEEP_INTERVAL seconds(10)

/* A run that nobody has touched for so long leaves memory; at most so many per sweep, so that a sweep stays short. */
#define IDLE_SPAN seconds(30)
enum { EVICTED_PER_SWEEP = 2000 };

struct forgotten {
    int64_t id;
    struct forgotten *next;
};

static void recover_some(struct timer *timer, void *context);
static void sweep(struct timer *timer, void *context);
static void deadline_due(struct timer *timer, void *context);

struct engine *engine_new(struct server *server)
{
    struct engine *engine = memory_new(sizeof(*engine));
    struct matching_ports ports = {.engine = engine, .start = tasks_start, .give_back = tasks_give_back};

    engine->server = server;
    engine->limits = &server->options->config.history;
    engine->matching = server->matching = matching_new(&ports, server->clock);
    timers_set(server->timers, &engine->sweep, nanos_add(clock_now(server->clock), SWEEP_INTERVAL), sweep, engine);
    return engine;
}

status not_found(struct arena *arena, const char *format, ...)
{
    status result = {.code = GRPC_NOT_FOUND, .detail = ARENA_NEW_PB(arena, PbNotFoundFailure)};
    va_list args;

    va_start(args, format);
    result.message = arena_vprintf(arena, format, args);
    va_end(args);
    return result;
}

/* ---- the tables of loaded runs ---- */

static char *make_current_key(int64_t namespace_id, const char *workflow_id, size_t *ret_bytes)
{
    size_t length = strlen(workflow_id);
    char *key = memory_new(sizeof(namespace_id) + length);

    memcpy(key, &namespace_id, sizeof(namespace_id));
    memcpy(key + sizeof(namespace_id), workflow_id, length);
    *ret_bytes = sizeof(namespace_id) + length;
    return key;
}

static void index_as_current(struct run *run)
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

static void touch(struct run *run)
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

static void count_bytes(struct run *run)
{
    const struct mutable_state *ms = run->state;
    size_t bytes = RUN_BYTES + arena_bytes_held(ms->arena) + run->unstored.capacity;

    bytes += (size_t)mutable_state_activities_count(ms) * 1024 + (size_t)mutable_state_timers_count(ms) * 128;
    bytes += (size_t)HASH_COUNT(ms->used_requests) * 128 + (size_t)ms->buffered_bytes;
    run->engine->loaded_bytes += bytes - run->bytes;
    run->bytes = bytes;
}

static struct run *new_run(struct engine *engine, int64_t id, const struct namespace_info *ns,
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

static void drop_run(struct run *run)
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
    memory_free(run);
}

/* ---- loading ---- */

static status data_loss(struct run *run, const char *what)
{
    log_error("a run of the database cannot be read; it is set aside", "workflow_run", run->run_id_text, "reason", what);
    return status_error(GRPC_DATA_LOSS, "the run's stored history cannot be read");
}

static status fold_stored(struct run *run, struct mutable_state *ms, struct arena *scratch, const struct run_row *row)
{
    struct event_batch *batches;
    int count;

    do {
        TRY(events_read(run->engine->server->store, scratch, run->id, ms->next_event_id, BATCHES_PER_READ, &batches, &count));
        for (int i = 0; i < count; i++) {
            enum broken broken = mutable_state_apply_batch(ms, batches[i].history);

            if (broken != INTACT)
                return data_loss(run, arena_printf(scratch, "its events do not fold: %d at event %lld", (int)broken,
                                                   (long long)batches[i].first_event_id));
            ms->history_bytes += (int64_t)batches[i].history.len;
            ms->transitions++;
        }
    } while (count == BATCHES_PER_READ);
    if (ms->next_event_id == 1)
        return data_loss(run, "it has no events");
    if (mutable_state_unpack_volatile(ms, row->volatile_part) != INTACT)
        return data_loss(run, "its volatile part contradicts its events");
    ms->columns_changed = false;
    if (row->state_transitions > ms->transitions)
        ms->transitions = row->state_transitions;
    return status_ok();
}

static status fold_run(struct run *run, const struct run_row *row)
{
    struct arena *scratch = arena_new(16 * 1024);
    struct mutable_state *ms = mutable_state_new();
    status folded = fold_stored(run, ms, scratch, row);

    arena_free(scratch);
    if (!status_is_ok(folded)) {
        mutable_state_free(ms);
        return folded;
    }
    mutable_state_free(run->state);
    run->state = ms;
    return status_ok();
}

/* What a loaded run has scheduled up to that instant is taken as dispatched: this process did it before the run was evicted,
 * and after a start recovery does it again for every run. */
static void assume_dispatched(struct run *run, nanos up_to)
{
    struct activity *activity, *next;

    run->dispatched_event_id = run->state->workflow_task.scheduled_event_id;
    run->dispatched_attempt = run->state->workflow_task.attempt;
    HASH_ITER(by_event, run->state->activities, activity, next)
    activity->dispatched = activity->attempt_scheduled_time <= up_to;
}

void run_set_deadline(struct run *run)
{
    timers_set(run->engine->server->timers, &run->deadline, mutable_state_next_deadline(run->state), deadline_due, run);
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
    assume_dispatched(run, parked == NULL ? clock_now(run->engine->server->clock) : parked->since);
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
    run = new_run(engine, row->id, ns, row->run_id, row->start_request_id == NULL ? "" : row->start_request_id);
    folded = fold_run(run, row);
    if (!status_is_ok(folded)) {
        drop_run(run);
        return folded;
    }
    if (row->is_current)
        index_as_current(run);
    take_from_park(run);
    run_set_deadline(run);
    count_bytes(run);
    touch(run);
    flush_after_load(run);
    *ret_run = run;
    return status_ok();
}

static struct run *find_loaded(struct engine *engine, int64_t id)
{
    struct run *run;

    HASH_FIND(by_row, engine->runs, &id, sizeof(id), run);
    return run;
}

/* The loaded run of a row that was read, or loads it. */
static status from_row(struct engine *engine, const struct run_row *row, struct run **ret_run)
{
    *ret_run = find_loaded(engine, row->id);
    if (*ret_run == NULL)
        return load_row(engine, row, ret_run);
    touch(*ret_run);
    return status_ok();
}

status engine_load(struct engine *engine, int64_t id, struct run **ret_run)
{
    struct run_row row;

    *ret_run = find_loaded(engine, id);
    if (*ret_run != NULL) {
        touch(*ret_run);
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
        touch(*ret_run);
        return status_ok();
    }
    found = runs_find_current(engine->server->store, arena, ns->id, workflow_id, &row);
    if (found.code == GRPC_NOT_FOUND)
        return status_ok(); /* *ret_run is NULL */
    TRY(found);
    return from_row(engine, &row, ret_run);
}

status engine_find_run(struct call *call, const struct namespace_info *ns, const PbWorkflowExecution *execution,
                       struct run **ret_run)
{
    struct engine *engine = call->server->engine;
    uint8_t run_id[UUID_BYTES];
    struct run_row row;
    status found;

    if (execution->run_id[0] != '\0' && !uuid_parse(execution->run_id, run_id))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_INVALID_RUN_ID);
    TRY(engine_load_current(engine, ns, execution->workflow_id, ret_run));
    if (execution->run_id[0] == '\0')
        return *ret_run != NULL ? status_ok() : not_found(call->arena, MSG_WORKFLOW_NOT_FOUND, execution->workflow_id);
    if (*ret_run != NULL && memcmp((*ret_run)->run_id, run_id, UUID_BYTES) == 0)
        return status_ok();
    found = runs_find(engine->server->store, call->arena, ns->id, execution->workflow_id, run_id, &row);
    if (found.code == GRPC_NOT_FOUND)
        return not_found(call->arena, MSG_RUN_NOT_FOUND, execution->workflow_id, execution->run_id);
    TRY(found);
    return from_row(engine, &row, ret_run);
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

/* ---- transitions ---- */

static const PbWorkflowExecutionStartedEventAttributes *read_started(void *context)
{
    struct run *run = context;
    struct arena *arena = turn_arena(run->engine->server->turn);
    struct event_batch *batches;
    const PbHistory *history;
    int count;
    status read = events_read(run->engine->server->store, arena, run->id, 1, 1, &batches, &count);

    if (!status_is_ok(read) || count != 1) {
        store_poison(run->engine->server->store); /* the turn will be undone: what is returned does not matter */
        return ARENA_NEW_PB(arena, PbWorkflowExecutionStartedEventAttributes);
    }
    history = pb_unpack(arena, &PbHistory_descriptor, batches[0].history.data, batches[0].history.len);
    invariant(history != NULL && history->n_events > 0, "a loaded run's first event has become unreadable");
    return history->events[0]->workflow_execution_started_event_attributes;
}

static void judge_search_attributes(void *context, struct arena *arena, const PbSearchAttributes *attributes,
                                    struct search_attributes_verdict *ret_verdict)
{
    const struct run *run = context;

    search_attributes_judge(arena, &run->engine->server->options->config, run->ns, attributes, ret_verdict);
}

static const char *search_attributes_size_problem(void *context, struct arena *arena, const PbSearchAttributes *attributes)
{
    const struct run *run = context;

    return search_attributes_check_sizes(arena, &run->engine->server->options->config, attributes).message;
}

void run_begin(struct run *run, struct transition *t)
{
    struct engine *engine = run->engine;

    touch(run);
    transition_begin(t, run->state, turn_arena(engine->server->turn), clock_now(engine->server->clock), engine->server->rand,
                     engine->limits);
    t->run_id = run->run_id_text;
    t->namespace_name = run->ns->name;
    t->namespace_id = run->ns->uuid_text;
    t->retention = run->ns->retention;
    t->load_started = read_started;
    t->judge_search_attributes = judge_search_attributes;
    t->search_attributes_size_problem = search_attributes_size_problem;
    t->context = run;
}

static struct bytes pack_batch(struct arena *arena, PbHistoryEvent **events, size_t count)
{
    PbHistory history = PbHistory_INIT;

    history.events = events;
    history.n_events = count;
    return pb_pack(arena, &history);
}

static void append_batch(struct run *run, int64_t first_event_id, size_t count, struct bytes packed)
{
    struct event_batch batch = {.first_event_id = first_event_id, .events_count = (int32_t)count, .history = packed};

    events_append(run->engine->server->store, run->id, &batch);
}

static void store_unstored(struct run *run)
{
    if (run->unstored.len == 0)
        return;
    append_batch(run, run->unstored_first_id, 1, (struct bytes){run->unstored.data, run->unstored.len});
    run->unstored.len = 0;
}

/* Stores `count` events as batches; one ends after every WorkflowTaskStarted. */
static void store_events(struct run *run, struct arena *arena, PbHistoryEvent **events, size_t count)
{
    size_t first = 0;

    store_unstored(run);
    for (size_t i = 0; i < count; i++) {
        struct bytes packed;

        if (i + 1 < count && events[i]->event_type != EVENT_TYPE_WORKFLOW_TASK_STARTED)
            continue;
        packed = pack_batch(arena, events + first, i + 1 - first);
        append_batch(run, events[first]->event_id, i + 1 - first, packed);
        run->state->history_bytes += (int64_t)packed.len;
        first = i + 1;
    }
}

/* A started event at the end of a transition is kept back. */
static void keep_unstored(struct run *run, struct arena *arena, PbHistoryEvent *event)
{
    struct bytes packed = pack_batch(arena, &event, 1);

    invariant(run->unstored.len == 0, "two started events that are not stored");
    buffer_append(&run->unstored, packed.data, packed.len);
    run->unstored_first_id = event->event_id;
    run->state->history_bytes += (int64_t)packed.len;
}

static void fill_row(const struct run *run, struct arena *arena, struct run_row *row)
{
    const struct mutable_state *ms = run->state;

    *row = (struct run_row){
        .id = run->id,
        .namespace_id = run->ns->id,
        .workflow_id = ms->workflow_id,
        .is_current = run->is_current,
        .start_request_id = run->start_request_id,
        .status = (int)ms->status,
        .workflow_type = ms->workflow_type,
        .task_queue = ms->task_queue,
        .start_time = ms->start_time,
        .execution_time = ms->first_task_at,
        .close_time = ms->close_time,
        .history_length = ms->next_event_id - 1,
        .history_bytes = ms->history_bytes,
        .state_transitions = ms->transitions,
        .volatile_part = mutable_state_pack_volatile(ms, arena),
    };
    memcpy(row->run_id, run->run_id, UUID_BYTES);
    uuid_parse(ms->first_run_id, row->first_run_id);
    if (ms->memo != NULL)
        row->memo = pb_pack(arena, ms->memo);
    if (ms->search_attributes != NULL)
        row->search_attributes = pb_pack(arena, ms->search_attributes);
}

static void store_row(struct run *run, struct transition *t)
{
    struct store *store = run->engine->server->store;

    if (!mutable_state_is_open(run->state) || t->attributes_changed || run->state->columns_changed) {
        struct run_row row;

        fill_row(run, t->arena, &row);
        runs_update(store, &row);
        run->state->columns_changed = false;
    } else if (t->volatile_changed) {
        struct run_progress progress = {
            .history_length = run->state->next_event_id - 1,
            .history_bytes = run->state->history_bytes,
            .state_transitions = run->state->transitions,
            .volatile_part = mutable_state_pack_volatile(run->state, t->arena),
        };

        runs_update_progress(store, run->id, &progress);
    }
}

/* In builds with checks: what is stored, folded again, is what is in memory. */
static void check_fold(struct run *run, struct arena *arena)
{
#if defined(FERMATA_CHECKS) && FERMATA_CHECKS
    struct mutable_state *again;
    struct run_row row;
    const char *difference;
    status folded;

    if (!status_is_ok(runs_get(run->engine->server->store, arena, run->id, &row)))
        return; /* the transaction is poisoned: the turn will be undone */
    again = mutable_state_new();
    folded = fold_stored(run, again, arena, &row);
    invariant(folded.code != GRPC_DATA_LOSS, "run %s: what is stored does not fold", run->run_id_text);
    if (status_is_ok(folded)) {
        enum broken broken = INTACT;

        if (run->unstored.len > 0)
            broken = mutable_state_apply_batch(again, (struct bytes){run->unstored.data, run->unstored.len});
        if (run->state->workflow_task.is_speculative)
            again->workflow_task = run->state->workflow_task; /* in memory only, all of it */
        if (again->workflow_task.state == WORKFLOW_TASK_SCHEDULED && again->workflow_task.is_transient &&
            run->state->workflow_task.state == WORKFLOW_TASK_STARTED)
            again->workflow_task.state = WORKFLOW_TASK_STARTED; /* a transient start is in memory only */
        difference = mutable_state_difference(run->state, again, arena);
        invariant(broken == INTACT && difference == NULL, "run %s: memory and stored events differ: %s", run->run_id_text,
                  difference == NULL ? "does not fold" : difference);
    }
    mutable_state_free(again);
#else
    (void)run;
    (void)arena;
#endif
}

static void start_successor(struct run *run, const struct successor *successor)
{
    struct run *next = engine_add_run(run->engine, run->ns, successor->started, successor->run_id, "");
    struct transition t;

    run_begin(next, &t);
    decide_start(&t, successor->started, successor->user_metadata, 0, NULL);
    run_commit(next, &t);
}

static void carry_out(struct run *run, const struct transition *t)
{
    for (size_t i = 0; i < t->effects_count; i++) {
        struct activity *activity = mutable_state_activity(run->state, t->effects[i].event_id);

        others_enqueue_effect(run, &t->effects[i]);
        if (t->effects[i].kind != EFFECT_DISPATCH_ACTIVITY)
            continue;
        /* It may be over already: scheduled and cancelled in one completion. */
        if (activity != NULL && activity->state == ACTIVITY_SCHEDULED && mutable_state_is_open(run->state))
            run_dispatch_activity(run, activity);
    }
}

/* Workflow tasks go to matching at the end of the turn: whatever else the turn brings to the run travels with the task. */
static void dispatch_at_turn_end(struct run *run)
{
    if (run->is_to_dispatch || run->state->workflow_task.state != WORKFLOW_TASK_SCHEDULED)
        return;
    run->is_to_dispatch = true;
    run->next_to_dispatch = run->engine->to_dispatch;
    run->engine->to_dispatch = run;
}

void engine_turn_work(struct engine *engine)
{
    while (others_run_errand(engine) || engine->to_dispatch != NULL) {
        struct run *run = engine->to_dispatch;

        if (engine->urgent.first != NULL || engine->errands.first != NULL || run == NULL)
            continue;
        engine->to_dispatch = run->next_to_dispatch;
        run->is_to_dispatch = false;
        run_dispatch_task(run, false);
    }
}

void run_commit(struct run *run, struct transition *t)
{
    size_t stored;

    transition_finish(t);
    if (t->task_ended)
        run->dispatched_event_id = 0; /* the next task may get the same (virtual) id */
    stored = t->events_count;
    run->state->transitions++;
    if (stored > 0 && t->events[stored - 1]->event_type == EVENT_TYPE_WORKFLOW_TASK_STARTED)
        stored--;
    if (stored > 0)
        store_events(run, t->arena, t->events, stored);
    if (stored < t->events_count)
        keep_unstored(run, t->arena, t->events[stored]);
    if (stored > 0 && run->current_key == NULL && run->is_current)
        index_as_current(run); /* its first transition: now the state knows its workflow id */
    if (stored > 0 || t->volatile_changed)
        store_row(run, t);
    if (stored > 0 || t->volatile_changed)
        check_fold(run, t->arena);
    carry_out(run, t);
    dispatch_at_turn_end(run);
    run_set_deadline(run);
    if (t->task_ended)
        queries_task_ended(run);
    if (t->update_news != NULL)
        updates_tell(run, t);
    if (t->events_count > 0)
        readers_wake(run);
    count_bytes(run);
    if (!mutable_state_is_open(run->state) && stored > 0)
        others_run_closed(run, t);
    if (t->successor != NULL && !mutable_state_is_open(run->state))
        start_successor(run, t->successor);
}

void run_give_up(struct run *run, const struct task_memory *memory)
{
    struct engine *engine = run->engine;
    struct run_row row;
    status loaded = runs_get(engine->server->store, turn_arena(engine->server->turn), run->id, &row);

    if (status_is_ok(loaded))
        loaded = fold_run(run, &row);
    if (!status_is_ok(loaded)) {
        store_poison(engine->server->store); /* the turn will be undone, and the run dropped with it */
        return;
    }
    if (run->unstored.len > 0)
        invariant(mutable_state_apply_batch(run->state, (struct bytes){run->unstored.data, run->unstored.len}) == INTACT,
                  "the started event does not fold");
    workflow_task_recall(run->state, memory);
    /* What is not dispatched yet has a deadline that has not fired. */
    assume_dispatched(run, timer_is_set(&run->deadline) ? run->deadline.due - 1 : NANOS_MAX);
}

struct run *engine_add_run(struct engine *engine, const struct namespace_info *ns,
                           const PbWorkflowExecutionStartedEventAttributes *started, const uint8_t run_id[UUID_BYTES],
                           const char *request_id)
{
    struct arena *arena = turn_arena(engine->server->turn);
    struct run_row row = {
        .namespace_id = ns->id,
        .workflow_id = started->workflow_id,
        .is_current = true,
        .start_request_id = request_id,
        .status = WORKFLOW_EXECUTION_STATUS_RUNNING,
        .workflow_type = started->workflow_type->name,
        .task_queue = started->task_queue->name,
        .start_time = clock_now(engine->server->clock),
    };
    struct run *run;

    row.execution_time = nanos_add(row.start_time, duration_from_pb(started->first_workflow_task_backoff));
    memcpy(row.run_id, run_id, UUID_BYTES);
    uuid_parse(started->first_execution_run_id, row.first_run_id);
    if (started->memo != NULL)
        row.memo = pb_pack(arena, started->memo);
    if (started->search_attributes != NULL)
        row.search_attributes = pb_pack(arena, started->search_attributes);
    runs_insert(engine->server->store, &row);
    run = new_run(engine, row.id, ns, run_id, request_id);
    run->state = mutable_state_new();
    run->is_current = true;
    touch(run);
    return run;
}

void run_terminate(struct run *run, const char *reason, const PbPayloads *details, const char *identity)
{
    struct transition t;

    run_begin(run, &t);
    decide_terminate(&t, reason, details, identity);
    run_commit(run, &t);
}

/* ---- deadlines ---- */

static void run_deadlines(struct run *run)
{
    struct transition t;

    run_begin(run, &t);
    decide_deadlines(&t);
    run_commit(run, &t);
}

static void deadline_due(struct timer *timer, void *context)
{
    (void)timer;
    run_deadlines(context);
}

static void parked_due(struct timer *timer, void *context)
{
    struct parked *parked = context;
    struct engine *engine = parked->engine;
    struct run *run;

    (void)timer;
    /* Loading frees `parked` and sets the run's own timer, which is due as well and fires next. */
    if (!status_is_ok(engine_load(engine, parked->id, &run)))
        unpark(engine, parked);
}

/* ---- eviction ---- */

/* Not while somebody waits for it, nor while it knows something that its rows do not: a start, an update on its way, a
 * task that only the sticky queue has. */
static bool is_evictable(const struct run *run)
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
    drop_run(run);
    return true;
}

static void evict_some(struct engine *engine)
{
    struct run *run = engine->oldest;

    while (run != NULL && engine->loaded_bytes > LOADED_BYTES_MAX) {
        struct run *newer = run->newer;

        if (is_evictable(run))
            evict(run);
        run = newer;
    }
}

void engine_turn_done(struct engine *engine)
{
    while (engine->touched != NULL) {
        struct run *run = engine->touched;

        engine->touched = run->next_touched;
        run->next_touched = NULL;
        run->is_touched = false;
        /* A closed run is seldom needed again, and reading it is cheap. */
        if (!mutable_state_is_open(run->state) && is_evictable(run))
            drop_run(run);
    }
    evict_some(engine);
}

/* ---- after a failed commit ---- */

static void bring_back(void *context)
{
    struct engine *engine = context;

    while (engine->forgotten != NULL) {
        struct forgotten *forgotten = engine->forgotten;
        struct run *run;

        engine->forgotten = forgotten->next;
        if (status_is_ok(engine_load(engine, forgotten->id, &run)) && mutable_state_is_open(run->state)) {
            struct activity *activity, *next;

            run_dispatch_task(run, true);
            HASH_ITER(by_event, run->state->activities, activity, next)
            if (activity->state == ACTIVITY_SCHEDULED && activity->dispatched)
                run_dispatch_activity(run, activity);
        }
        memory_free(forgotten);
    }
}

void engine_forget_turn(struct engine *engine)
{
    others_forget(engine);
    engine->to_dispatch = NULL; /* all of them are touched */
    while (engine->touched != NULL) {
        struct run *run = engine->touched;
        struct forgotten *forgotten = memory_new(sizeof(*forgotten));

        engine->touched = run->next_touched;
        forgotten->id = run->id;
        forgotten->next = engine->forgotten;
        engine->forgotten = forgotten;
        readers_fail(run);
        queries_fail(run);
        updates_fail(run);
        drop_run(run);
    }
    if (engine->forgotten != NULL)
        turn_defer(engine->server->turn, bring_back, engine);
}

/* ---- recovery ---- */

static void recover_run(struct engine *engine, int64_t id)
{
    struct activity *activity, *next;
    struct run *run;

    if (!status_is_ok(engine_load(engine, id, &run)) || !mutable_state_is_open(run->state))
        return;
    run_dispatch_task(run, true);
    HASH_ITER(by_event, run->state->activities, activity, next)
    if (activity->state == ACTIVITY_SCHEDULED && activity->dispatched)
        run_dispatch_activity(run, activity);
}

static void recover_some(struct timer *timer, void *context)
{
    struct engine *engine = context;
    int64_t ids[RECOVERED_PER_TURN];
    int count = 0;
    status listed =
        runs_list_open(engine->server->store, engine->recovered_up_to, RECOVERED_PER_TURN, ids, &count);

    if (!status_is_ok(listed))
        log_error("open runs cannot be listed", "error", listed.message == NULL ? "" : listed.message);
    for (int i = 0; i < count; i++)
        recover_run(engine, ids[i]);
    if (count == RECOVERED_PER_TURN) {
        engine->recovered_up_to = ids[count - 1];
        timers_set(engine->server->timers, timer, clock_now(engine->server->clock), recover_some, engine);
    }
}

void engine_recover(struct engine *engine)
{
    recover_some(&engine->recovery, engine);
}

/* Runs that nobody has asked for in a while cost nothing but their rows. */
static void evict_idle(struct engine *engine)
{
    nanos now = clock_now(engine->server->clock);
    struct run *run = engine->oldest;
    size_t evicted = 0;

    while (run != NULL && evicted < EVICTED_PER_SWEEP && nanos_add(run->last_used, IDLE_SPAN) <= now) {
        struct run *newer = run->newer;

        if (is_evictable(run) && evict(run))
            evicted++;
        run = newer;
    }
    if (evicted > 0)
        malloc_trim(0); /* what a burst has used goes back to the system */
}

static void sweep(struct timer *timer, void *context)
{
    struct engine *engine = context;

    matching_sweep(engine->matching);
    evict_idle(engine);
    timers_set(engine->server->timers, timer, nanos_add(clock_now(engine->server->clock), SWEEP_INTERVAL), sweep, engine);
}

void engine_free(struct engine *engine)
{
    struct run *run, *next_run;
    struct parked *parked, *next_parked;

    if (engine == NULL)
        return;
    HASH_ITER(by_row, engine->runs, run, next_run) drop_run(run);
    HASH_ITER(by_row, engine->parked, parked, next_parked) unpark(engine, parked);
    timers_cancel(engine->server->timers, &engine->recovery);
    timers_cancel(engine->server->timers, &engine->sweep);
    while (engine->forgotten != NULL) {
        struct forgotten *next = engine->forgotten->next;

        memory_free(engine->forgotten);
        engine->forgotten = next;
    }
    matching_free(engine->matching);
    memory_free(engine);
}
