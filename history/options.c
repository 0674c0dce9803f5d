/*
 * Options that change while a run is open: its versioning override and its priority, or that a start has joined it.
 * Unlike anything else that is buffered they act before their event enters the log: whoever pins a workflow does not
 * wait for its worker. When it enters, they do not act again: what a completion has made of them since then stays.
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

static bool keeps_name(const PbVersioningOverride *override)
{
    return override != NULL && override->override_case == PbVersioningOverride_auto_upgrade_case;
}

/* The name that describe has for the run's deployment follows an override, and falls back to what is below it. */
static const char *deployment_under(const struct mutable_state *ms, const PbVersioningOverride *override)
{
    const PbWorkerDeploymentVersion *shown = versioning_version_under(ms, override);

    if (keeps_name(override))
        return versioning_deployment_name(ms);
    return shown == NULL ? "" : shown->deployment_name;
}

static bool changes_override(const PbWorkflowExecutionOptionsUpdatedEventAttributes *options)
{
    return options->unset_versioning_override || options->versioning_override != NULL;
}

void options_act(struct mutable_state *ms, const PbWorkflowExecutionOptionsUpdatedEventAttributes *options)
{
    if (changes_override(options)) {
        bool is_other =
            versioning_note_override(ms, options->unset_versioning_override ? NULL : options->versioning_override);

        versions_note_override(ms, deployment_under(ms, versioning_override(ms)), is_other);
    }
    if (options->priority != NULL)
        set_priority(ms, options->priority);
}

/* What a buffered event changes has acted already when it enters the log: a completion may have come after it. The fold
 * sees the two in the other order, and is told by the volatile part what it would get wrong. */
static void note_logged(struct mutable_state *ms, const PbVersioningOverride *override)
{
    struct arena *scratch = arena_new(PRIORITY_ARENA_BYTES);
    const PbVersioningOverride *normal = override_normal(scratch, override);
    bool is_other_name = keeps_name(normal) ? versioning_name_is_kept(ms)
                                            : strcmp(deployment_under(ms, normal), versioning_deployment_name(ms)) != 0;

    versioning_note_logged(ms, normal, is_other_name);
    arena_free(scratch);
}

enum broken apply_options_updated(struct mutable_state *ms, const PbHistoryEvent *event,
                                  const PbWorkflowExecutionOptionsUpdatedEventAttributes *attributes)
{
    mutable_state_remember_join(ms, attributes->attached_request_id, event->event_id);
    if (!ms->is_flushing)
        options_act(ms, attributes);
    if (changes_override(attributes))
        note_logged(ms, attributes->unset_versioning_override ? NULL : attributes->versioning_override);
    return INTACT;
}
