/*
 * Options that change while a run is open: its versioning override and its priority, or that a start has joined it.
 * Unlike anything else that is buffered they act before their event enters the log: whoever pins a workflow does not
 * wait for its worker.
 */
#include <string.h>

#include "history/internal.h"
#include "proto/versioning.h"

enum { PRIORITY_ARENA_BYTES = 128 };

static bool priorities_are_equal(const PbPriority *a, const PbPriority *b)
{
    return a->priority_key == b->priority_key && a->fairness_weight == b->fairness_weight &&
           strcmp(a->fairness_key, b->fairness_key) == 0;
}

void decide_options_update(struct transition *t, const PbWorkflowExecutionOptionsUpdatedEventAttributes *options)
{
    static const PbPriority none = PbPriority_INIT;
    struct mutable_state *ms = t->ms;
    const PbPriority *before = ms->priority == NULL ? &none : ms->priority;
    bool is_other_priority = options->priority != NULL && !priorities_are_equal(before, options->priority);
    PbWorkflowExecutionOptionsUpdatedEventAttributes *updated =
        transition_add(t, EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED);
    bool has_moved;

    *updated = *options;
    updated->versioning_override = override_normal(t->arena, options->versioning_override);
    t->pending->worker_may_ignore = true;
    (void)versioning_has_moved(ms); /* what came before is none of this */
    transition_settle(t);
    has_moved = versioning_has_moved(ms);
    if (has_moved)
        workflow_task_forget_sticky(ms);
    if (has_moved || is_other_priority) {
        workflow_task_rebind(t);
        activities_rebind(t, 0);
    }
}

void decide_join(struct transition *t, const char *request_id, size_t links_count, PbCommonLink **links)
{
    PbWorkflowExecutionOptionsUpdatedEventAttributes *updated =
        transition_add(t, EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED);

    updated->attached_request_id = borrow_text(request_id);
    t->pending->worker_may_ignore = true;
    t->pending->n_links = links_count;
    t->pending->links = links;
    transition_settle(t);
}

static void set_priority(struct mutable_state *ms, const PbPriority *priority)
{
    struct arena *arena = arena_new(PRIORITY_ARENA_BYTES), *old = ms->priority_arena;

    ms->priority = pb_copy(arena, priority);
    ms->priority_arena = arena;
    arena_free(old);
}

/* The name that describe has for the run's deployment follows an override, and falls back to what is below it. */
static const char *deployment_after(const struct mutable_state *ms)
{
    const PbVersioningOverride *override = versioning_override(ms);
    const PbWorkerDeploymentVersion *shown = versioning_shown_version(ms);

    if (override != NULL && override->override_case == PbVersioningOverride_auto_upgrade_case)
        return versioning_deployment_name(ms);
    return shown == NULL ? "" : shown->deployment_name;
}

void options_act(struct mutable_state *ms, const PbWorkflowExecutionOptionsUpdatedEventAttributes *options)
{
    if (options->unset_versioning_override || options->versioning_override != NULL) {
        bool is_other =
            versioning_note_override(ms, options->unset_versioning_override ? NULL : options->versioning_override);

        versions_note_override(ms, deployment_after(ms), is_other);
    }
    if (options->priority != NULL)
        set_priority(ms, options->priority);
}

enum broken apply_options_updated(struct mutable_state *ms, const PbHistoryEvent *event,
                                  const PbWorkflowExecutionOptionsUpdatedEventAttributes *attributes)
{
    mutable_state_remember_join(ms, attributes->attached_request_id, event->event_id);
    options_act(ms, attributes);
    return INTACT;
}
