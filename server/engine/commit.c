/*
 * Transitions: from a decision to stored events and what follows from them.
 *
 * A transition's events are packed into batches and appended, except a trailing WorkflowTaskStarted, which waits in
 * run->unstored for the event that ends the task. Rows of `runs` are written when a run begins, when its volatile part
 * or what lists show changes, and when it closes; what lies between is in the events.
 */
#include <string.h>

#include "base/invariant.h"
#include "base/uuid.h"
#include "persistence/store.h"
#include "proto/packed_attributes.h"
#include "server/engine/internal.h"
#include "server/frontend/search_attributes.h"
#include "server/metrics/server_metrics.h"

/* In a turn that will be undone, what is returned matters only in that it can be read. */
static PbHistoryEvent *blank_first_event(struct arena *arena)
{
    PbHistoryEvent *event = ARENA_NEW_PB(arena, PbHistoryEvent);
    PbWorkflowExecutionStartedEventAttributes *started = ARENA_NEW_PB(arena, PbWorkflowExecutionStartedEventAttributes);

    started->workflow_type = ARENA_NEW_PB(arena, PbWorkflowType);
    started->task_queue = ARENA_NEW_PB(arena, PbTaskQueue);
    event->attributes_case = PbHistoryEvent_workflow_execution_started_event_attributes_case;
    event->workflow_execution_started_event_attributes = started;
    return event;
}

static const PbHistoryEvent *read_first_event(void *context)
{
    struct run *run = context;
    struct arena *arena = turn_arena(run->engine->server->turn);
    struct event_batch *batches;
    const PbHistory *history;
    int count;
    status read = events_read(run->engine->server->store, arena, run->id, 1, 1, &batches, &count);

    if (!status_is_ok(read) || count != 1) {
        store_poison(run->engine->server->store);
        return blank_first_event(arena);
    }
    history = pb_unpack(arena, &PbHistory_descriptor, batches[0].history.data, batches[0].history.len);
    invariant(history != NULL && history->n_events > 0, "a loaded run's first event has become unreadable");
    return history->events[0];
}

/* That of a name: the run's own, or one that was looked for before the commands of a completion are decided. */
static const struct namespace_info *namespace_named(const struct run *run, const char *name)
{
    const struct server *server = run->engine->server;
    const struct namespace_info *ns = run->ns;
    status found;

    if (strcmp(name, ns->name) == 0)
        return ns;
    found = namespaces_find(server->namespaces, turn_arena(server->turn), name, &ns);
    invariant(status_is_ok(found), "a command's namespace %s is not there", name);
    return ns;
}

static const char *namespace_id_of(void *context, const char *name)
{
    return namespace_named(context, name)->uuid_text;
}

static void judge_search_attributes(void *context, struct arena *arena, const char *namespace_name,
                                    const PbSearchAttributes *attributes, struct search_attributes_verdict *ret_verdict)
{
    const struct run *run = context;

    search_attributes_judge(arena, &run->engine->server->options->config, namespace_named(run, namespace_name),
                            attributes, ret_verdict);
}

static const char *search_attributes_size_problem(void *context, struct arena *arena,
                                                  const PbSearchAttributes *attributes)
{
    const struct run *run = context;

    return search_attributes_check_sizes(arena, &run->engine->server->options->config, attributes).message;
}

void run_begin(struct run *run, struct transition *t)
{
    struct engine *engine = run->engine;

    run_touch(run);
    transition_begin(t, run->state, turn_arena(engine->server->turn), clock_now(engine->server->clock),
                     engine->server->rand, engine->limits);
    t->run_id = run->run_id_text;
    t->namespace_name = run->ns->name;
    t->namespace_id = run->ns->uuid_text;
    t->retention = run->ns->retention;
    t->load_first_event = read_first_event;
    t->namespace_id_of = namespace_id_of;
    t->judge_search_attributes = judge_search_attributes;
    t->search_attributes_size_problem = search_attributes_size_problem;
    t->version_has_queue = run_version_has_queue;
    t->tells_ended_activities = engine->server->metrics != NULL;
    t->context = run;
}

static struct bytes pack_batch(struct arena *arena, PbHistoryEvent **events, size_t count)
{
    PbHistory history = PbHistory_INIT;

    history.events = events;
    history.n_events = count;
    return pb_pack(arena, &history);
}

static void store_unstored(struct run *run)
{
    struct event_batch batch = {
        .first_event_id = run->unstored_first_id,
        .events_count = 1,
        .history = {run->unstored.data, run->unstored.len},
    };

    if (run->unstored.len == 0)
        return;
    events_append(run->engine->server->store, run->id, &batch);
    run->stored_transitions += !run->is_unstored_counted;
    buffer_free(&run->unstored); /* a run that waits does without */
}

/* The events of a transition that are stored with it, in batches. */
struct packed_events {
    struct event_batch *batches;
    size_t count;
    int64_t bytes;
};

/* Packs `count` events; a batch ends after every WorkflowTaskStarted. */
static void pack_events(struct arena *arena, PbHistoryEvent **events, size_t count, struct packed_events *ret_packed)
{
    struct packed_events packed = {0};
    size_t first = 0, batches = 1;

    for (size_t i = 0; i < count; i++)
        batches += events[i]->event_type == EVENT_TYPE_WORKFLOW_TASK_STARTED;
    packed.batches = ARENA_NEW_ARRAY(arena, struct event_batch, batches);
    for (size_t i = 0; i < count; i++) {
        struct event_batch *batch = &packed.batches[packed.count];

        if (i + 1 < count && events[i]->event_type != EVENT_TYPE_WORKFLOW_TASK_STARTED)
            continue;
        *batch = (struct event_batch){
            .first_event_id = events[first]->event_id,
            .events_count = (int32_t)(i + 1 - first),
            .history = pack_batch(arena, events + first, i + 1 - first),
        };
        packed.bytes += (int64_t)batch->history.len;
        packed.count++;
        first = i + 1;
    }
    *ret_packed = packed;
}

static void store_events(struct run *run, const struct packed_events *packed)
{
    store_unstored(run);
    for (size_t i = 0; i < packed->count; i++)
        events_append(run->engine->server->store, run->id, &packed->batches[i]);
    run->stored_transitions += (int64_t)packed->count;
    run->state->history_bytes += packed->bytes;
}

/* A started event at the end of a transition is kept back. */
static void keep_unstored(struct run *run, struct arena *arena, PbHistoryEvent *event)
{
    struct bytes packed = pack_batch(arena, &event, 1);

    invariant(run->unstored.len == 0, "two started events that are not stored");
    buffer_append(&run->unstored, packed.data, packed.len);
    run->unstored_first_id = event->event_id;
    run->is_unstored_counted = false;
    run->state->history_bytes += (int64_t)packed.len;
}

static struct attribute_change number_attribute(struct arena *arena, const char *name, int64_t value)
{
    const char *json = arena_printf(arena, "%lld", (long long)value);

    return (struct attribute_change){name, "Int", {(const uint8_t *)json, strlen(json)}};
}

/* The search attributes that lists show of a run: its own, and once it is closed how much its history keeps outside.
 * The latter are not of its state: they are not shown when it is described, and a run that follows begins without. */
static struct bytes listed_attributes(const struct mutable_state *ms, struct arena *arena)
{
    struct bytes listed = ms->search_attributes;
    struct buffer packed = {0};

    if (mutable_state_is_open(ms) || ms->external_payloads.count == 0)
        return listed;
    if (packed_attributes_change(
            listed,
            (struct attribute_change[]){
                number_attribute(arena, "TemporalExternalPayloadCount", ms->external_payloads.count),
                number_attribute(arena, "TemporalExternalPayloadSizeBytes", ms->external_payloads.bytes),
            },
            2, &packed))
        listed = (struct bytes){arena_memdup(arena, packed.data, packed.len), packed.len};
    buffer_free(&packed);
    return listed;
}

static void fill_relatives(struct run_row *row, const PbWorkflowExecution *parent, const PbWorkflowExecution *root)
{
    if (parent != NULL) {
        row->parent_workflow_id = parent->workflow_id;
        uuid_parse(parent->run_id, row->parent_run_id);
    }
    if (root != NULL) {
        row->root_workflow_id = root->workflow_id;
        uuid_parse(root->run_id, row->root_run_id);
    }
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
        .search_attributes = listed_attributes(ms, arena),
        .volatile_part = mutable_state_pack_volatile(ms, arena),
    };
    memcpy(row->run_id, run->run_id, UUID_BYTES);
    uuid_parse(ms->first_run_id, row->first_run_id);
    if (ms->memo != NULL)
        row->memo = pb_pack(arena, ms->memo);
    fill_relatives(row, ms->parent_execution, ms->root_execution);
}

/* The row has been written. */
static void note_row(struct run *run)
{
    run->stored_transitions = run->state->transitions;
    run->is_unstored_counted = true;
}

static void store_row(struct run *run, struct transition *t)
{
    struct store *store = run->engine->server->store;

    if (!mutable_state_is_open(run->state) || t->attributes_changed || run->state->columns_changed) {
        struct run_row row;

        fill_row(run, t->arena, &row);
        row.attributes_changed = t->attributes_changed || run->state->lookups_changed;
        row.had_none = !run->may_be_indexed;
        run->may_be_indexed |= row.attributes_changed;
        runs_update(store, &row);
        run->state->columns_changed = run->state->lookups_changed = false;
        note_row(run);
    } else if (t->volatile_changed) {
        struct run_progress progress = {
            .history_length = run->state->next_event_id - 1,
            .history_bytes = run->state->history_bytes,
            .state_transitions = run->state->transitions,
            .volatile_part = mutable_state_pack_volatile(run->state, t->arena),
        };

        runs_update_progress(store, run->id, &progress);
        note_row(run);
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
    folded = run_fold_into(run, again, arena, &row);
    invariant(folded.code != GRPC_DATA_LOSS, "run %s: what is stored does not fold", run->run_id_text);
    if (status_is_ok(folded)) {
        enum broken broken = INTACT;

        if (run->unstored.len > 0) {
            broken = mutable_state_apply_batch(again, (struct bytes){run->unstored.data, run->unstored.len});
            again->transitions += !run->is_unstored_counted;
        }
        if (run->state->workflow_task.is_speculative)
            again->workflow_task = run->state->workflow_task; /* in memory only, all of it */
        if (again->workflow_task.state == WORKFLOW_TASK_SCHEDULED && again->workflow_task.is_transient &&
            run->state->workflow_task.state == WORKFLOW_TASK_STARTED)
            again->workflow_task.state = WORKFLOW_TASK_STARTED; /* a transient start is in memory only */
        difference = mutable_state_difference(run->state, again, arena);
        invariant(broken == INTACT && difference == NULL, "run %s: memory and stored events differ: %s",
                  run->run_id_text, difference == NULL ? "does not fold" : difference);
    }
    mutable_state_free(again);
#else
    (void)run;
    (void)arena;
#endif
}

static void start_successor(struct run *run, const struct successor *successor)
{
    struct engine *engine = run->engine;
    uint8_t request_id[UUID_BYTES];
    struct transition t;
    struct run *next;

    rand_uuid4(engine->server->rand, request_id);
    next = engine_add_run(engine, run->ns, successor->started, successor->run_id,
                          uuid_text(turn_arena(engine->server->turn), request_id));
    run_begin(next, &t);
    decide_start(&t, successor->started, NULL, successor->links_count, successor->links);
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

/* Workflow tasks go to matching at the end of the turn: whatever else the turn brings to the run travels with the task.
 */
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
    deletion_carry_out(engine);
}

bool engine_has_turn_work(const struct engine *engine)
{
    return engine->to_dispatch != NULL || engine->to_delete != NULL || engine->urgent.first != NULL ||
           engine->errands.first != NULL;
}

/* How many of the events are stored now: not the start of a workflow task at their end. */
static size_t stored_count(const struct transition *t)
{
    size_t count = t->events_count;

    return count > 0 && t->events[count - 1]->event_type == EVENT_TYPE_WORKFLOW_TASK_STARTED ? count - 1 : count;
}

/* Stores a transition whose events have been packed, then does what follows from it. */
static void commit_packed(struct run *run, struct transition *t, const struct packed_events *packed)
{
    size_t stored = stored_count(t);

    if (t->task_ended)
        run->dispatched_event_id = 0; /* the next task may get the same (virtual) id */
    if (t->events_count > 0 || t->volatile_changed || run->state->workflow_task.is_transient)
        run->state->transitions++; /* nothing of a speculative task is stored on the real server either */
    if (stored > 0)
        store_events(run, packed);
    if (stored > 0 && run->stored_transitions != run->state->transitions)
        t->volatile_changed = true; /* batches do not tell how many there were: the row has to */
    if (stored < t->events_count)
        keep_unstored(run, t->arena, t->events[stored]);
    if (stored > 0 && run->current_key == NULL && run->is_current)
        run_index_as_current(run); /* its first transition: now the state knows its workflow id */
    if (run->engine->server->metrics != NULL)
        metrics_transition(run->engine->server->metrics, run->ns, t, &run->metrics);
    if (stored > 0 || t->volatile_changed)
        store_row(run, t);
    if (stored > 0 || t->volatile_changed)
        check_fold(run, t->arena);
    carry_out(run, t);
    dispatch_at_turn_end(run);
    run_set_deadline(run);
    pins_follow(run);
    if (t->task_ended)
        queries_task_ended(run);
    if (t->update_news != NULL)
        updates_tell(run, t);
    if (t->events_count > 0)
        readers_wake(run);
    run_count_bytes(run);
    if (!mutable_state_is_open(run->state) && stored > 0)
        others_run_closed(run, t);
    if (t->successor != NULL && !mutable_state_is_open(run->state))
        start_successor(run, t->successor);
}

void run_commit(struct run *run, struct transition *t)
{
    struct packed_events packed;

    transition_finish(t);
    if (t->over_limit != NULL)
        transition_terminate_over_limit(t);
    pack_events(t->arena, t->events, stored_count(t), &packed);
    commit_packed(run, t, &packed);
}

static const char *transaction_problem(const struct transition *t, const struct packed_events *packed)
{
    if (packed->bytes <= t->limits->transaction_bytes_max)
        return NULL;
    return arena_printf(t->arena, MSG_TRANSACTION_TOO_LARGE, (long long)packed->bytes,
                        (long long)t->limits->transaction_bytes_max);
}

/* Terminates a run that has been given up for what was to be done to it: by a worker, if there is a `memory`. */
static void run_end_over_limit(struct run *run, const char *reason, const PbPayloads *details, bool is_run_too_large,
                               const struct task_memory *memory)
{
    struct transition t;

    run_begin(run, &t);
    if (memory != NULL)
        workflow_task_abandon(&t, is_run_too_large);
    decide_terminate(&t, reason, details, "history-service");
    run_commit(run, &t);
}

status run_commit_checked(struct run *run, struct transition *t, const struct task_memory *memory)
{
    struct packed_events packed;
    const char *problem;

    transition_finish(t);
    if (t->over_limit != NULL) {
        run_give_up(run, memory);
        run_end_over_limit(run, t->over_limit, NULL, true, memory);
        return status_error(GRPC_INVALID_ARGUMENT, t->over_limit);
    }
    pack_events(t->arena, t->events, stored_count(t), &packed);
    problem = transaction_problem(t, &packed);
    if (problem == NULL) {
        commit_packed(run, t, &packed);
        return status_ok();
    }
    run_give_up(run, memory);
    if (memory != NULL) /* a worker would come again and again with what it has made of its task */
        run_end_over_limit(run, "Transaction size exceeds limit.", json_text(t->arena, problem), false, memory);
    return status_errorf(t->arena, GRPC_INVALID_ARGUMENT, "%s", problem);
}

void run_give_up(struct run *run, const struct task_memory *memory)
{
    struct engine *engine = run->engine;
    struct arena *arena = turn_arena(engine->server->turn);
    struct update_memory *updates = memory == NULL ? updates_remember(run->state, arena) : NULL;
    struct run_row row;
    status loaded = runs_get(engine->server->store, arena, run->id, &row);

    if (status_is_ok(loaded))
        loaded = run_fold(run, &row);
    if (!status_is_ok(loaded)) {
        store_poison(engine->server->store); /* the turn will be undone, and the run dropped with it */
        return;
    }
    if (run->unstored.len > 0) {
        enum broken broken =
            mutable_state_apply_batch(run->state, (struct bytes){run->unstored.data, run->unstored.len});

        invariant(broken == INTACT, "the started event does not fold");
        run->state->transitions += !run->is_unstored_counted;
    }
    if (memory != NULL)
        workflow_task_recall(run->state, memory);
    else
        updates_recall(run->state, updates);
    /* What is not dispatched yet has a deadline that has not fired. */
    run_assume_dispatched(run, timer_is_set(&run->deadline) ? run->deadline.due - 1 : NANOS_MAX);
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
    fill_relatives(&row, started->parent_workflow_execution, started->root_workflow_execution);
    runs_insert(engine->server->store, &row);
    run = run_new(engine, row.id, ns, run_id, request_id);
    run->may_be_indexed = row.search_attributes.len > 0;
    run->state = mutable_state_new();
    run->is_current = true;
    run_touch(run);
    return run;
}

struct run *engine_adopt_run(struct engine *engine, const struct namespace_info *ns, struct mutable_state *state,
                             const uint8_t run_id[UUID_BYTES], const char *request_id)
{
    struct run *run, shape = {.ns = ns, .state = state, .is_current = true};
    struct run_row row;

    memcpy(shape.run_id, run_id, UUID_BYTES);
    fill_row(&shape, turn_arena(engine->server->turn), &row);
    row.start_request_id = request_id;
    runs_insert(engine->server->store, &row);
    run = run_new(engine, row.id, ns, run_id, request_id);
    run->may_be_indexed = row.search_attributes.len > 0;
    run->state = state;
    run->stored_transitions = state->transitions;
    run->is_current = true;
    run_touch(run);
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

void run_set_deadline(struct run *run)
{
    timers_set(run->engine->server->timers, &run->deadline, mutable_state_next_deadline(run->state), deadline_due, run);
}
