/*
 * What a run does to other runs: starts children and tells them of its end, tells its parent of its own, signals others
 * and asks them to cancel.
 *
 * Such errands are queued while transitions are committed and done at the end of the same turn, before its COMMIT: so
 * it is stored together with the events that ask for it and nothing can be lost between them. Signals and cancellation
 * requests come before children that were initiated with them: on the real server, too, a child does not exist yet for
 * a signal of the same workflow task.
 */
#include <string.h>

#include "base/invariant.h"
#include "base/log.h"
#include "base/uuid.h"
#include "persistence/store.h"
#include "server/engine/internal.h"

enum errand_kind { TELL_EXTERNAL, START_CHILD, TELL_PARENT, END_CHILD };

struct errand {
    enum errand_kind kind;
    int64_t run, event_id;
    const struct child_end *end;      /* TELL_PARENT */
    const char *workflow_id, *run_id; /* TELL_PARENT: the parent; END_CHILD: the child and the first run of its chain */
    const char *child_id, *child_run_id; /* TELL_PARENT: the child and the first run of its chain */
    const struct namespace_info *ns;     /* TELL_PARENT, END_CHILD: in which that one is */
    PbParentClosePolicy policy;
    struct errand *next;
};

static const char server_identity[] = "history-service";

/* The namespace that an event names by its id. NULL: it is gone. */
static const struct namespace_info *namespace_of(const struct engine *engine, const char *id)
{
    return namespaces_find_by_uuid(engine->server->namespaces, id);
}

static void enqueue(struct engine *engine, const struct errand *what)
{
    struct errand_queue *queue = what->kind == TELL_EXTERNAL ? &engine->urgent : &engine->errands;
    struct errand *errand = ARENA_NEW(turn_arena(engine->server->turn), struct errand);

    *errand = *what;
    errand->next = NULL;
    if (queue->last == NULL)
        queue->first = errand;
    else
        queue->last->next = errand;
    queue->last = errand;
}

void others_enqueue_effect(struct run *run, const struct effect *effect)
{
    struct errand errand = {.run = run->id, .event_id = effect->event_id};

    if (effect->kind != EFFECT_START_CHILD && effect->kind != EFFECT_TELL_EXTERNAL)
        return;
    errand.kind = effect->kind == EFFECT_START_CHILD ? START_CHILD : TELL_EXTERNAL;
    enqueue(run->engine, &errand);
}

/* ---- a run has ended ---- */

static const struct child_end *end_of(const struct run *run, struct arena *arena, const PbHistoryEvent *close)
{
    struct child_end *end = ARENA_NEW(arena, struct child_end);

    end->outcome = run->state->status;
    end->run_id = arena_strdup(arena, run->run_id_text);
    switch ((int)close->event_type) {
    case EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
        end->result = close->workflow_execution_completed_event_attributes->result;
        break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
        end->failure = close->workflow_execution_failed_event_attributes->failure;
        end->retry_state = close->workflow_execution_failed_event_attributes->retry_state;
        break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
        end->result = close->workflow_execution_canceled_event_attributes->details;
        break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
        end->retry_state = close->workflow_execution_timed_out_event_attributes->retry_state;
        break;
    default:
        break;
    }
    return end;
}

static bool is_ended_by_reset(const PbHistoryEvent *close)
{
    return close->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED &&
           strcmp(close->workflow_execution_terminated_event_attributes->identity, RESETTER) == 0;
}

void others_run_closed(struct run *run, const struct transition *t)
{
    const struct mutable_state *ms = run->state;
    bool ended_by_reset = is_ended_by_reset(t->events[t->events_count - 1]);
    const struct child *child;

    if (ms->parent_execution != NULL && ms->new_run_id == NULL && !ended_by_reset) {
        struct errand errand = {
            .kind = TELL_PARENT,
            .ns = namespace_of(run->engine, ms->parent_namespace_id),
            .event_id = ms->parent_initiated_event_id,
            .workflow_id = arena_strdup(t->arena, ms->parent_execution->workflow_id),
            .run_id = arena_strdup(t->arena, ms->parent_execution->run_id),
            .child_id = arena_strdup(t->arena, ms->workflow_id),
            .child_run_id = arena_strdup(t->arena, ms->first_run_id),
            .end = end_of(run, t->arena, t->events[t->events_count - 1]),
        };

        if (errand.ns != NULL)
            enqueue(run->engine, &errand);
    }
    if (ended_by_reset && ms->reset_run_id != NULL)
        return; /* its children go on with the new run */
    for (child = ms->children; child != NULL; child = child->by_event.next) {
        struct errand errand = {
            .kind = END_CHILD,
            .run = run->id,
            .ns = namespace_of(run->engine, child->initiated->namespace_id),
            .workflow_id = arena_strdup(t->arena, child->initiated->workflow_id),
            .run_id = arena_strdup(t->arena, child->run_id),
            .policy = child->initiated->parent_close_policy,
        };

        if (errand.ns != NULL && child->run_id != NULL && !child->closing &&
            errand.policy != PARENT_CLOSE_POLICY_ABANDON)
            enqueue(run->engine, &errand);
    }
}

/* Whether a run was found. One that cannot be read for now cannot be told apart from one that is not there: then the
 * turn is undone with all that has asked for the errand. */
static bool is_read(struct engine *engine, status found)
{
    if (found.code == GRPC_UNAVAILABLE)
        store_poison(engine->server->store);
    return status_is_ok(found);
}

/* The run with this id; without one, the current run. */
static status find_run(struct engine *engine, const struct namespace_info *ns, const char *workflow_id,
                       const char *run_id, struct run **ret_run)
{
    struct run_row row;
    uint8_t uuid[UUID_BYTES];
    status found;

    *ret_run = NULL;
    TRY(engine_load_current(engine, ns, workflow_id, ret_run));
    if (run_id[0] == '\0' || (*ret_run != NULL && strcmp((*ret_run)->run_id_text, run_id) == 0))
        return *ret_run != NULL ? status_ok() : status_error(GRPC_NOT_FOUND, NULL);
    *ret_run = NULL;
    if (!uuid_parse(run_id, uuid))
        return status_error(GRPC_NOT_FOUND, NULL);
    found = runs_find(engine->server->store, turn_arena(engine->server->turn), ns->id, workflow_id, uuid, &row);
    TRY(found);
    return engine_load(engine, row.id, ret_run);
}

/* ---- starting a child ---- */

/* Whether the holder of the child's workflow id, NULL being none, lets the child have it. */
static bool may_take(const struct run *present, const struct run *parent, PbWorkflowIdReusePolicy policy)
{
    if (present == NULL)
        return true;
    if (mutable_state_is_open(present->state))
        return policy == WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING && present != parent;
    switch ((int)policy) {
    case WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE:
        return false;
    case WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY:
        return present->state->status != WORKFLOW_EXECUTION_STATUS_COMPLETED;
    default:
        return true;
    }
}

static PbWorkflowExecution *execution_of(struct arena *arena, const struct run *run)
{
    PbWorkflowExecution *execution = ARENA_NEW_PB(arena, PbWorkflowExecution);

    execution->workflow_id = arena_strdup(arena, run->state->workflow_id);
    execution->run_id = arena_strdup(arena, run->run_id_text);
    return execution;
}

static PbWorkflowExecutionStartedEventAttributes *make_started(struct run *parent, const struct child *child,
                                                               const struct namespace_info *ns, const char *run_id,
                                                               nanos now)
{
    struct arena *arena = turn_arena(parent->engine->server->turn);
    const PbStartChildWorkflowExecutionInitiatedEventAttributes *initiated = pb_copy(arena, child->initiated);
    PbWorkflowExecutionStartedEventAttributes *started = ARENA_NEW_PB(arena, PbWorkflowExecutionStartedEventAttributes);
    struct transition t;

    started->workflow_id = initiated->workflow_id;
    started->workflow_type = initiated->workflow_type;
    started->parent_workflow_namespace = parent->ns->name;
    started->parent_workflow_namespace_id = parent->ns->uuid_text;
    started->parent_workflow_execution = execution_of(arena, parent);
    started->parent_initiated_event_id = child->initiated_event_id;
    started->root_workflow_execution = parent->state->root_execution != NULL
                                           ? pb_copy(arena, parent->state->root_execution)
                                           : started->parent_workflow_execution;
    started->task_queue = initiated->task_queue;
    started->input = initiated->input;
    started->header = initiated->header;
    started->workflow_execution_timeout = initiated->workflow_execution_timeout;
    started->workflow_run_timeout = initiated->workflow_run_timeout;
    started->workflow_task_timeout = initiated->workflow_task_timeout;
    started->original_execution_run_id = run_id;
    started->first_execution_run_id = run_id;
    started->retry_policy = initiated->retry_policy;
    started->attempt = 1;
    started->cron_schedule = initiated->cron_schedule;
    start_fill_in_times(arena, started, now, 0);
    started->memo = initiated->memo;
    started->search_attributes = initiated->search_attributes;
    started->priority = history_merged_priority(arena, parent->state->priority, initiated->priority);
    run_begin(parent, &t); /* to ask with: it changes nothing */
    inherit_by_child(&t, initiated, ns == parent->ns, started);
    return started;
}

/* Makes the child, in `ns`. Its first batch holds only its start; its first workflow task comes once the parent knows
 * its run id. `present` holds its workflow id and, when open, makes room; NULL: nobody does. */
static void create_child(struct run *parent, struct child *child, const struct namespace_info *ns, struct run *present)
{
    struct engine *engine = parent->engine;
    nanos now = clock_now(engine->server->clock);
    PbWorkflowExecutionStartedEventAttributes *started;
    struct transition t;
    uint8_t uuid[UUID_BYTES];
    struct arena *arena = turn_arena(engine->server->turn);
    char *run_id, *request_id;
    struct run *run;

    rand_uuid7(engine->server->rand, now, uuid);
    run_id = uuid_text(arena, uuid);
    request_id = arena_printf(arena, "%s:%lld:0", parent->run_id_text, (long long)child->initiated_event_id);
    if (present != NULL && mutable_state_is_open(present->state))
        run_terminate_for(present, run_id);
    started = make_started(parent, child, ns, run_id, now);
    run = engine_add_run(engine, ns, started, uuid, request_id);
    run_begin(run, &t);
    decide_start(&t, started, pb_copy(arena, child->user_metadata), 0, NULL);
    run_commit(run, &t);
    engine_override_acts(engine, run->ns, child->initiated->versioning_override);
    run_begin(parent, &t);
    child_started(&t, child, run_id);
    run_commit(parent, &t);
    run_begin(run, &t);
    workflow_task_schedule(&t, false);
    run_commit(run, &t);
}

/* Whether a run that a reset has made finds the child which the run that it was made of has started. */
static bool is_started_already(const struct run *present, const struct run *parent, const struct child *child)
{
    const PbWorkflowExecution *starter = present->state->parent_execution;
    struct run *origin;

    return child->initiated_event_id < parent->state->reset_event_id && mutable_state_is_open(present->state) &&
           starter != NULL && strcmp(present->state->parent_namespace_id, parent->ns->uuid_text) == 0 &&
           strcmp(starter->workflow_id, parent->state->workflow_id) == 0 &&
           is_read(parent->engine,
                   find_run(parent->engine, parent->ns, starter->workflow_id, starter->run_id, &origin)) &&
           strcmp(origin->state->original_run_id, parent->state->original_run_id) == 0;
}

static void fail_to_start(struct run *parent, struct child *child, PbStartChildWorkflowExecutionFailedCause cause)
{
    struct transition t;

    run_begin(parent, &t);
    child_start_failed(&t, child, cause);
    run_commit(parent, &t);
}

static void start_child(struct engine *engine, const struct errand *errand)
{
    const struct namespace_info *ns;
    struct run *parent, *present;
    struct transition t;
    struct child *child;

    if (!is_read(engine, engine_load(engine, errand->run, &parent)) || !mutable_state_is_open(parent->state))
        return; /* a child that has not started when its parent closes never does */
    child = mutable_state_child(parent->state, errand->event_id);
    if (child == NULL || child->run_id != NULL || child->closing)
        return;
    ns = namespace_of(engine, child->initiated->namespace_id);
    if (ns == NULL) {
        fail_to_start(parent, child, START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_NAMESPACE_NOT_FOUND);
        return;
    }
    if (!is_read(engine, engine_load_current(engine, ns, child->initiated->workflow_id, &present))) {
        log_error("the holder of a child's workflow id cannot be read", "workflow", child->initiated->workflow_id);
        present = NULL;
    }
    if (present != NULL && is_started_already(present, parent, child)) {
        run_begin(parent, &t);
        child_started(&t, child, present->state->first_run_id);
        run_commit(parent, &t);
        return;
    }
    if (!status_is_ok(engine_check_override(engine, turn_arena(engine->server->turn), ns,
                                            child->initiated->task_queue->name, child->initiated->versioning_override)))
        fail_to_start(parent, child, START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_INVALID_VERSIONING_OVERRIDE);
    else if (!may_take(present, parent, child->initiated->workflow_id_reuse_policy))
        fail_to_start(parent, child, START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS);
    else
        create_child(parent, child, ns, present);
}

/* ---- telling the parent ---- */

/* A parent that was reset is followed so far. Server 1.32.0: maxResetRedirectCount. */
enum { RESETS_FOLLOWED_MAX = 100 };

/* The parent, or what it was reset to. */
static status find_parent(struct engine *engine, const struct errand *errand, struct run **ret_parent)
{
    TRY(find_run(engine, errand->ns, errand->workflow_id, errand->run_id, ret_parent));
    for (int i = 0; i < RESETS_FOLLOWED_MAX; i++) {
        const struct mutable_state *ms = (*ret_parent)->state;

        if (mutable_state_is_open(ms) || ms->reset_run_id == NULL)
            break;
        TRY(find_run(engine, errand->ns, errand->workflow_id, ms->reset_run_id, ret_parent));
    }
    return status_ok();
}

/* Whether the parent waits for just this child: after a reset another one may have been initiated by an event of that
 * id. */
static bool is_awaited(const struct child *child, const struct errand *errand)
{
    return child != NULL && !child->closing && strcmp(child->initiated->workflow_id, errand->child_id) == 0 &&
           (child->run_id == NULL || strcmp(child->run_id, errand->child_run_id) == 0);
}

static void tell_parent(struct engine *engine, const struct errand *errand)
{
    struct run *parent;
    struct transition t;
    struct child *child;

    if (!is_read(engine, find_parent(engine, errand, &parent)) || !mutable_state_is_open(parent->state))
        return;
    child = mutable_state_child(parent->state, errand->event_id);
    if (!is_awaited(child, errand))
        return;
    run_begin(parent, &t);
    child_ended(&t, child, errand->end);
    run_commit(parent, &t);
}

/* ---- a parent has closed ---- */

static void end_child(struct engine *engine, const struct errand *errand)
{
    struct run *run, *parent;
    struct transition t;

    /* The policy follows the child's chain: its current run, if that still belongs to it. */
    if (!is_read(engine, engine_load_current(engine, errand->ns, errand->workflow_id, &run)) || run == NULL ||
        !mutable_state_is_open(run->state) || strcmp(run->state->first_run_id, errand->run_id) != 0)
        return;
    if (errand->policy == PARENT_CLOSE_POLICY_REQUEST_CANCEL) {
        PbWorkflowExecutionCancelRequestedEventAttributes request =
            PbWorkflowExecutionCancelRequestedEventAttributes_INIT;

        if (run->state->cancel_requested)
            return;
        if (is_read(engine, engine_load(engine, errand->run, &parent)))
            request.external_workflow_execution = execution_of(turn_arena(engine->server->turn), parent);
        request.identity = server_identity;
        run_begin(run, &t);
        decide_cancel_request(&t, &request);
        run_commit(run, &t);
        return;
    }
    run_terminate(run, "by parent close policy", NULL, server_identity);
}

/* ---- signals and cancellation requests ---- */

static bool is_child_of(const struct run *run, const struct run *parent)
{
    const struct mutable_state *ms = run->state;

    return ms->parent_execution != NULL && strcmp(ms->parent_execution->run_id, parent->run_id_text) == 0;
}

/* Whether the target may be told: it is there, not the sender itself and, where that is asked for, its child. */
static bool target_fits(const struct run *target, const struct run *sender, bool child_only)
{
    return target != NULL &&
           (target->ns != sender->ns || strcmp(target->state->workflow_id, sender->state->workflow_id) != 0) &&
           (!child_only || is_child_of(target, sender));
}

/* 0: delivered. */
static int deliver_signal(struct run *sender, struct run *target, const struct external *external)
{
    const int not_found_cause = SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND;
    struct arena *arena = turn_arena(sender->engine->server->turn);
    PbWorkflowExecutionSignaledEventAttributes signal = PbWorkflowExecutionSignaledEventAttributes_INIT;
    const PbSignalExternalWorkflowExecutionInitiatedEventAttributes *sent = pb_copy(arena, external->signal);
    uint8_t uuid[UUID_BYTES];
    struct transition t;

    if (!target_fits(target, sender, sent->child_workflow_only) || !mutable_state_is_open(target->state))
        return not_found_cause;
    if (target->state->signals_count >= sender->engine->limits->signals_max)
        return SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_SIGNAL_COUNT_LIMIT_EXCEEDED;
    rand_uuid4(sender->engine->server->rand, uuid);
    signal.signal_name = sent->signal_name;
    signal.input = sent->input;
    signal.identity = server_identity;
    signal.header = sent->header;
    signal.external_workflow_execution = execution_of(arena, sender);
    signal.request_id = uuid_text(arena, uuid);
    run_begin(target, &t);
    decide_signal(&t, &signal, 0, NULL);
    run_commit(target, &t);
    return 0;
}

static int deliver_cancel(struct run *sender, struct run *target, const struct external *external)
{
    struct arena *arena = turn_arena(sender->engine->server->turn);
    PbWorkflowExecutionCancelRequestedEventAttributes request = PbWorkflowExecutionCancelRequestedEventAttributes_INIT;
    struct transition t;

    if (!target_fits(target, sender, external->cancel->child_workflow_only))
        return CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND;
    if (!mutable_state_is_open(target->state) || target->state->cancel_requested)
        return 0; /* nothing left to ask for */
    request.cause = arena_strdup(arena, external->cancel->reason);
    request.external_initiated_event_id = external->initiated_event_id;
    request.external_workflow_execution = execution_of(arena, sender);
    request.identity = server_identity;
    run_begin(target, &t);
    decide_cancel_request(&t, &request);
    run_commit(target, &t);
    return 0;
}

/* What has become of it: 0, or the cause of its failure. */
static int deliver(struct engine *engine, struct run *sender, const struct external *external)
{
    const bool is_signal = external->signal != NULL;
    const PbWorkflowExecution *execution =
        is_signal ? external->signal->workflow_execution : external->cancel->workflow_execution;
    const struct namespace_info *ns =
        namespace_of(engine, is_signal ? external->signal->namespace_id : external->cancel->namespace_id);
    struct run *target;

    if (ns == NULL)
        return is_signal ? (int)SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_NAMESPACE_NOT_FOUND
                         : (int)CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_NAMESPACE_NOT_FOUND;
    if (!is_read(engine, find_run(engine, ns, execution->workflow_id, execution->run_id, &target)))
        target = NULL;
    return is_signal ? deliver_signal(sender, target, external) : deliver_cancel(sender, target, external);
}

static void tell_external(struct engine *engine, const struct errand *errand)
{
    struct run *sender;
    struct external *external;
    struct transition t;
    int cause;

    if (!is_read(engine, engine_load(engine, errand->run, &sender)) || !mutable_state_is_open(sender->state))
        return; /* what is asked for in the task that closes the sender is never done; as on the real server */
    external = mutable_state_external(sender->state, errand->event_id);
    if (external == NULL || external->closing)
        return;
    cause = deliver(engine, sender, external);
    run_begin(sender, &t);
    if (cause == 0)
        external_delivered(&t, external);
    else
        external_failed(&t, external, cause);
    run_commit(sender, &t);
}

/* ---- the queue ---- */

static struct errand *take(struct engine *engine)
{
    struct errand_queue *queue = engine->urgent.first != NULL ? &engine->urgent : &engine->errands;
    struct errand *errand = queue->first;

    if (errand == NULL)
        return NULL;
    queue->first = errand->next;
    if (queue->first == NULL)
        queue->last = NULL;
    return errand;
}

bool others_run_errand(struct engine *engine)
{
    struct errand *errand = take(engine);

    if (errand == NULL)
        return false;
    switch (errand->kind) {
    case TELL_EXTERNAL:
        tell_external(engine, errand);
        break;
    case START_CHILD:
        start_child(engine, errand);
        break;
    case TELL_PARENT:
        tell_parent(engine, errand);
        break;
    case END_CHILD:
        end_child(engine, errand);
        break;
    }
    return true;
}

void others_forget(struct engine *engine)
{
    engine->urgent = engine->errands = (struct errand_queue){0};
}
