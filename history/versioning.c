/*
 * Which worker deployment version a run is on, and where it is going.
 *
 * Where it is follows from events: its start (an override, what it has inherited), each completed workflow task (the
 * behaviour and version that the worker claims), changed options. Where it is going does not: the transition to another
 * version, the revision of the routing that has moved it, which target it has been told of. That is volatile.
 *
 *                  a workflow task starts, or an activity would, at a worker of another version
 *     on version A -----------------------------------------------------------------------------> on the way to B
 *          ^   ^                                                                                     |       |
 *          |   +-- a task completes at B: on B now ---------------------------------------------------       |
 *          |                                                                                                 |
 *          +-- (a task completes at C: on C, still on the way to B, so the next task follows at once) -------+
 *
 * Three things say where its tasks go, the first that speaks counts: a transition under way, an override, the last
 * completion. A transition ends only by a completion of its target; an override that is set meanwhile waits for that.
 */
#include <string.h>

#include "base/invariant.h"
#include "history/internal.h"
#include "proto/versioning.h"

enum { VERSIONING_ARENA_BYTES = 256 };

/* Where the run's queue has sent new runs when that was looked at. */
struct known_target {
    bool is_set;
    const PbWorkerDeploymentVersion *version; /* NULL: to unversioned workers */
    int64_t revision;
};

/* All of it, replaced when something changes: that is seldom, and so nothing has to be freed by itself. */
struct versioning {
    struct arena *arena;

    /* The fold. */
    PbVersioningBehavior behavior;
    const PbWorkerDeploymentVersion *version;           /* NULL: none */
    const PbVersioningOverride *override;               /* in the form without deprecated members; NULL: none */
    PbContinueAsNewVersioningBehavior initial_behavior; /* how the run was continued as new */

    /* Volatile; of the last three the fold of the run's start makes a beginning. */
    bool in_transition;
    const PbWorkerDeploymentVersion *transition_to; /* NULL: to unversioned workers */
    int64_t transition_event_id;                    /* the started event that it has begun with; 0: something else */
    struct known_target notified;                   /* a workflow task has told of it */
    bool attributes_held; /* the search attributes are those from before an override, until the transition is over */
    int64_t revision;
    struct known_target declined; /* the run before this one was told of it, and did not move */
    /* Of options that have acted before the completion behind which their event stands: the override that the log tells
     * of has been satisfied by then; the name of the deployment has remained the completion's. */
    bool override_is_over, name_is_kept;

    bool unstored;  /* the volatile part is not that of the row */
    bool has_moved; /* the last event has changed where tasks go: for who has decided it */
};

static const struct versioning nothing;

static const struct versioning *of(const struct mutable_state *ms)
{
    return ms->versioning == NULL ? &nothing : ms->versioning;
}

/* ---- questions ---- */

static PbVersioningBehavior effective_behavior(const struct versioning *v)
{
    if (v->in_transition)
        return VERSIONING_BEHAVIOR_AUTO_UPGRADE;
    return v->override != NULL ? override_behavior(v->override) : v->behavior;
}

static const PbWorkerDeploymentVersion *overriding_version(const struct versioning *v)
{
    return override_target(NULL, v->override); /* takes no memory: there are no deprecated members */
}

static const PbWorkerDeploymentVersion *effective_version(const struct versioning *v)
{
    if (v->in_transition)
        return v->transition_to;
    if (overriding_version(v) != NULL)
        return overriding_version(v);
    return effective_behavior(v) == VERSIONING_BEHAVIOR_UNSPECIFIED ? NULL : v->version;
}

PbVersioningBehavior versioning_effective_behavior(const struct mutable_state *ms)
{
    return effective_behavior(of(ms));
}

const PbWorkerDeploymentVersion *versioning_effective_version(const struct mutable_state *ms)
{
    return effective_version(of(ms));
}

int64_t versioning_revision(const struct mutable_state *ms)
{
    return of(ms)->revision;
}

bool versioning_uses_ramping(const struct mutable_state *ms)
{
    return ms->previous_started_event_id == 0 &&
           of(ms)->initial_behavior == CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_USE_RAMPING_VERSION;
}

PbVersioningBehavior versioning_shown_behavior(const struct mutable_state *ms)
{
    const struct versioning *v = of(ms);

    return v->override != NULL ? override_behavior(v->override) : v->behavior;
}

const PbWorkerDeploymentVersion *versioning_version_under(const struct mutable_state *ms,
                                                          const PbVersioningOverride *override)
{
    const PbWorkerDeploymentVersion *version = override_target(NULL, override);

    return version != NULL ? version : of(ms)->version;
}

const PbWorkerDeploymentVersion *versioning_shown_version(const struct mutable_state *ms)
{
    return versioning_version_under(ms, of(ms)->override);
}

const PbWorkerDeploymentVersion *versioning_pin(const struct mutable_state *ms)
{
    return versioning_shown_behavior(ms) == VERSIONING_BEHAVIOR_PINNED ? versioning_shown_version(ms) : NULL;
}

bool versioning_in_transition(const struct mutable_state *ms)
{
    return of(ms)->in_transition;
}

const PbVersioningOverride *versioning_override(const struct mutable_state *ms)
{
    return of(ms)->override;
}

PbContinueAsNewVersioningBehavior versioning_initial_behavior(const struct mutable_state *ms)
{
    return of(ms)->initial_behavior;
}

bool versioning_tells_of_target(const struct mutable_state *ms)
{
    return of(ms)->notified.is_set && versioning_effective_behavior(ms) == VERSIONING_BEHAVIOR_PINNED;
}

bool versioning_attributes_held(const struct mutable_state *ms)
{
    return of(ms)->attributes_held;
}

const PbWorkerDeploymentVersion *versioning_of_worker(struct arena *arena, const PbWorkerDeploymentOptions *options,
                                                      const PbWorkerVersionCapabilities *capabilities)
{
    PbWorkerDeploymentVersion *version;
    const char *name = "", *build_id = "";

    if (options != NULL && options->worker_versioning_mode == WORKER_VERSIONING_MODE_VERSIONED) {
        name = options->deployment_name;
        build_id = options->build_id;
    } else if (capabilities != NULL && capabilities->use_versioning) {
        name = capabilities->deployment_series_name;
        build_id = capabilities->build_id;
    }
    if (name[0] == '\0' || build_id[0] == '\0')
        return NULL;
    version = ARENA_NEW_PB(arena, PbWorkerDeploymentVersion);
    version->deployment_name = name;
    version->build_id = build_id;
    return version;
}

const PbWorkerDeploymentVersion *versioning_of_completion(struct arena *arena,
                                                          const PbRespondWorkflowTaskCompletedRequest *request)
{
    const PbWorkerDeploymentOptions *options = request->deployment_options;
    const PbDeployment *old = request->deployment;
    PbWorkerDeploymentVersion *version;

    if (options != NULL && options->worker_versioning_mode == WORKER_VERSIONING_MODE_VERSIONED)
        return versioning_of_worker(arena, options, NULL);
    if (old == NULL || old->series_name[0] == '\0' || old->build_id[0] == '\0')
        return NULL;
    version = ARENA_NEW_PB(arena, PbWorkerDeploymentVersion);
    version->deployment_name = old->series_name;
    version->build_id = old->build_id;
    return version;
}

const char *versioning_completion_problem(const struct mutable_state *ms,
                                          const PbRespondWorkflowTaskCompletedRequest *request)
{
    const PbWorkerDeploymentOptions *options = request->deployment_options;
    const PbWorkerVersionStamp *before = mutable_state_last_stamp(ms), *stamp = request->worker_version_stamp;
    bool is_versioned = options != NULL && options->worker_versioning_mode == WORKER_VERSIONING_MODE_VERSIONED;

    if (request->versioning_behavior != VERSIONING_BEHAVIOR_UNSPECIFIED && request->deployment == NULL && !is_versioned)
        return "versioning behavior cannot be specified without deployment options being set with versioned mode";
    if (before != NULL && before->use_versioning && (stamp == NULL || !stamp->use_versioning) && !is_versioned &&
        versioning_effective_behavior(ms) == VERSIONING_BEHAVIOR_UNSPECIFIED)
        return "Workflow using versioning must continue to use versioning.";
    return NULL;
}

bool versioning_admits_completer(struct arena *arena, const struct mutable_state *ms,
                                 const PbRespondWorkflowTaskCompletedRequest *request)
{
    const PbWorkerDeploymentVersion *at = versioning_of_completion(arena, request);

    return at == NULL || versioning_effective_behavior(ms) != VERSIONING_BEHAVIOR_PINNED ||
           versions_are_equal(at, versioning_effective_version(ms));
}

/* ---- what describe tells ---- */

/* The override with the deprecated members that clients of older releases read. */
static PbVersioningOverride *shown_override(struct arena *arena, const PbVersioningOverride *override)
{
    PbVersioningOverride *shown;

    if (override == NULL)
        return NULL;
    shown = ARENA_NEW_PB(arena, PbVersioningOverride);
    *shown = *override;
    if (override->override_case == PbVersioningOverride_auto_upgrade_case) {
        shown->behavior = VERSIONING_BEHAVIOR_AUTO_UPGRADE;
    } else if (override->override_case == PbVersioningOverride_pinned_case) {
        shown->behavior = VERSIONING_BEHAVIOR_PINNED;
        shown->pinned_version = version_to_text(arena, override->pinned->version);
    }
    return shown;
}

PbWorkflowExecutionVersioningInfo *versioning_info(const struct mutable_state *ms, struct arena *arena)
{
    const struct versioning *v = ms->versioning;
    PbWorkflowExecutionVersioningInfo *info;

    if (v == NULL)
        return NULL;
    info = ARENA_NEW_PB(arena, PbWorkflowExecutionVersioningInfo);
    info->behavior = v->behavior;
    info->deployment_version = borrow(v->version);
    if (v->version != NULL)
        info->version = version_to_text(arena, v->version);
    info->versioning_override = shown_override(arena, v->override);
    if (v->in_transition) {
        info->version_transition = ARENA_NEW_PB(arena, PbDeploymentVersionTransition);
        info->version_transition->deployment_version = borrow(v->transition_to);
        info->version_transition->version = version_to_text(arena, v->transition_to);
    }
    info->revision_number = v->revision;
    info->continue_as_new_initial_versioning_behavior = v->initial_behavior;
    return info;
}

/* ---- changing it ---- */

static struct known_target copy_target(struct arena *arena, const struct known_target *target)
{
    return (struct known_target){target->is_set, version_copy(arena, target->version), target->revision};
}

/* A copy to be changed. What it is changed to may still be borrowed from the one that it will replace. */
static struct versioning *begin_change(const struct mutable_state *ms)
{
    const struct versioning *before = of(ms);
    struct arena *arena = arena_new(VERSIONING_ARENA_BYTES);
    struct versioning *v = ARENA_NEW(arena, struct versioning);

    *v = *before;
    v->arena = arena;
    v->version = version_copy(arena, before->version);
    v->override = pb_copy(arena, before->override);
    v->transition_to = version_copy(arena, before->transition_to);
    v->notified = copy_target(arena, &before->notified);
    v->declined = copy_target(arena, &before->declined);
    return v;
}

static void end_change(struct mutable_state *ms, struct versioning *v)
{
    const struct versioning *before = of(ms);

    v->has_moved = before->in_transition != v->in_transition || effective_behavior(before) != effective_behavior(v) ||
                   !versions_are_equal(effective_version(before), effective_version(v));
    versioning_free(ms->versioning);
    ms->versioning = v;
}

void versioning_free(struct versioning *versioning)
{
    if (versioning != NULL)
        arena_free(versioning->arena);
}

bool versioning_has_moved(struct mutable_state *ms)
{
    bool has_moved = of(ms)->has_moved;

    if (has_moved)
        ms->versioning->has_moved = false;
    return has_moved;
}

bool versioning_must_be_stored(const struct mutable_state *ms)
{
    return of(ms)->unstored;
}

void versioning_is_stored(struct mutable_state *ms)
{
    if (ms->versioning != NULL)
        ms->versioning->unstored = false;
}

/* ---- what events mean ---- */

void versioning_note_start(struct mutable_state *ms, const PbWorkflowExecutionStartedEventAttributes *attributes)
{
    const PbInheritedAutoUpgradeInfo *upgraded = attributes->inherited_auto_upgrade_info;
    const PbDeclinedTargetVersionUpgrade *declined = attributes->declined_target_version_upgrade;
    const PbWorkerDeploymentVersion *pinned = attributes->inherited_pinned_version;
    struct versioning *v;

    if (attributes->versioning_override == NULL && pinned == NULL && upgraded == NULL)
        return;
    v = begin_change(ms);
    v->override = pb_copy(v->arena, override_normal(v->arena, attributes->versioning_override));
    if (pinned != NULL) {
        v->behavior = VERSIONING_BEHAVIOR_PINNED;
        v->version = version_copy(v->arena, pinned);
        if (declined != NULL && attributes->continued_execution_run_id[0] != '\0')
            v->declined = (struct known_target){true, version_copy(v->arena, declined->deployment_version),
                                                declined->revision_number};
    }
    if (upgraded != NULL) {
        v->behavior = VERSIONING_BEHAVIOR_AUTO_UPGRADE; /* until a worker says what it is */
        v->version = version_copy(v->arena, upgraded->source_deployment_version);
        v->revision = upgraded->source_deployment_revision_number;
        v->initial_behavior = upgraded->continue_as_new_initial_versioning_behavior;
    }
    end_change(ms, v);
    ms->versioning->has_moved = false; /* nothing was there before */
}

/* Whether the completion at this version is what a one-time override waits for. */
static bool is_satisfied(const PbVersioningOverride *override, const PbWorkerDeploymentVersion *at)
{
    return at != NULL && override != NULL && override->override_case == PbVersioningOverride_one_time_case &&
           versions_are_equal(override->one_time->target_deployment_version, at);
}

void versioning_note_completion(struct mutable_state *ms, const PbWorkflowTaskCompletedEventAttributes *attributes)
{
    const struct versioning *before = of(ms);
    const PbWorkerDeploymentVersion *at = attributes->deployment_version;
    const PbWorkerDeploymentVersion *version =
        attributes->versioning_behavior == VERSIONING_BEHAVIOR_UNSPECIFIED ? NULL : at;
    bool arrives = before->in_transition && versions_are_equal(before->transition_to, at);
    bool is_done = is_satisfied(before->override, at);
    struct versioning *v;

    if (!arrives && !is_done && !before->name_is_kept && before->behavior == attributes->versioning_behavior &&
        versions_are_equal(before->version, version))
        return; /* as nearly always */
    v = begin_change(ms);
    v->behavior = attributes->versioning_behavior;
    v->version = version_copy(v->arena, version);
    if (is_done)
        v->override = NULL;
    if (arrives) {
        v->in_transition = false;
        v->transition_to = NULL;
        v->transition_event_id = 0;
    }
    v->name_is_kept = false; /* it becomes that of this completion */
    v->unstored = before->unstored || arrives || before->name_is_kept;
    end_change(ms, v);
}

void versioning_attributes_follow(struct mutable_state *ms)
{
    if (!of(ms)->attributes_held)
        return;
    ms->versioning->attributes_held = false;
    ms->versioning->unstored = true;
}

/* Whether they send a workflow to the same place by the same means. */
static bool overrides_are_equal(const PbVersioningOverride *a, const PbVersioningOverride *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return a->override_case == b->override_case &&
           versions_are_equal(override_target(NULL, a), override_target(NULL, b));
}

bool versioning_note_override(struct mutable_state *ms, const PbVersioningOverride *override)
{
    struct versioning *v;

    if (override == NULL && of(ms)->override == NULL)
        return false;
    v = begin_change(ms);
    v->override = pb_copy(v->arena, override_normal(v->arena, override));
    if (overrides_are_equal(of(ms)->override, v->override)) {
        versioning_free(v);
        return false;
    }
    if (v->in_transition)
        v->attributes_held = v->unstored = true;
    end_change(ms, v);
    return true;
}

void versioning_note_logged(struct mutable_state *ms, const PbVersioningOverride *override, bool name_is_kept)
{
    const struct versioning *before = of(ms);
    bool is_over = override != NULL && before->override == NULL;
    struct versioning *v;

    if (before->override_is_over == is_over && before->name_is_kept == name_is_kept)
        return;
    v = begin_change(ms);
    v->override_is_over = is_over;
    v->name_is_kept = name_is_kept;
    v->unstored = true;
    end_change(ms, v);
}

bool versioning_name_is_kept(const struct mutable_state *ms)
{
    return of(ms)->name_is_kept;
}

/* ---- transitions ---- */

void versioning_begin_transition(struct mutable_state *ms, const PbWorkerDeploymentVersion *to, int64_t revision,
                                 int64_t started_event_id)
{
    struct versioning *v;

    if (versioning_effective_behavior(ms) == VERSIONING_BEHAVIOR_PINNED ||
        versions_are_equal(versioning_effective_version(ms), to))
        return;
    v = begin_change(ms);
    v->in_transition = true;
    v->transition_to = version_copy(v->arena, to);
    v->transition_event_id = started_event_id;
    v->revision = to == NULL ? 0 : revision; /* a move away from versions counts as none */
    v->unstored = true;
    end_change(ms, v);
}

bool versioning_forget_lost_transition(struct mutable_state *ms)
{
    const struct versioning *before = of(ms);
    struct versioning *v;

    if (!before->in_transition || before->transition_event_id < ms->next_event_id)
        return false;
    v = begin_change(ms);
    v->in_transition = false;
    v->transition_to = NULL;
    v->transition_event_id = 0;
    v->unstored = true;
    end_change(ms, v);
    ms->versioning->has_moved = false; /* nobody has been told where it was going */
    return true;
}

void versioning_start_transition(struct transition *t, const PbWorkerDeploymentVersion *to, int64_t revision)
{
    struct mutable_state *ms = t->ms;

    workflow_task_make_real(t);
    versioning_begin_transition(ms, to, revision, 0);
    if (!versioning_has_moved(ms))
        return;
    workflow_task_forget_sticky(ms);
    workflow_task_rebind(t);
    workflow_task_schedule(t, false);
    t->volatile_changed = true;
}

/* ---- a target that is not the run's own: it could move there by continuing as new ---- */

static int64_t newest_seen(const struct versioning *v)
{
    int64_t notified = v->notified.is_set ? v->notified.revision : 0;
    int64_t declined = v->declined.is_set ? v->declined.revision : 0;

    return notified > declined ? notified : declined;
}

static void remember_targets(struct mutable_state *ms, const struct known_target *notified)
{
    struct versioning *v = begin_change(ms);

    v->notified = copy_target(v->arena, notified);
    v->declined = (struct known_target){0};
    v->unstored = true;
    end_change(ms, v);
}

void versioning_look_at_target(struct mutable_state *ms, const struct task_poller *who)
{
    static const struct known_target none;
    const struct versioning *v = of(ms);
    const struct known_target seen = {true, who->target, who->target_revision};
    bool knows_some = v->notified.is_set || v->declined.is_set;

    if (effective_behavior(v) == VERSIONING_BEHAVIOR_UNSPECIFIED)
        return;
    if (v->override != NULL) { /* the operator decides; without the override it is looked at afresh */
        if (knows_some)
            remember_targets(ms, &none);
        return;
    }
    if (effective_behavior(v) != VERSIONING_BEHAVIOR_PINNED || !who->has_target || seen.revision < newest_seen(v))
        return; /* moves by itself, or is told something that is out of date */
    if (versions_are_equal(effective_version(v), seen.version)) {
        if (knows_some)
            remember_targets(ms, &none);
        return;
    }
    if (v->declined.is_set && seen.revision <= v->declined.revision)
        return;
    if (!v->notified.is_set || v->notified.revision != seen.revision ||
        !versions_are_equal(v->notified.version, seen.version))
        remember_targets(ms, &seen);
}

static PbDeclinedTargetVersionUpgrade *as_declined(struct arena *arena, const struct known_target *target)
{
    PbDeclinedTargetVersionUpgrade *declined = ARENA_NEW_PB(arena, PbDeclinedTargetVersionUpgrade);

    declined->deployment_version = version_copy(arena, target->version);
    declined->revision_number = target->revision;
    return declined;
}

PbDeclinedTargetVersionUpgrade *versioning_declined_by_continuing(const struct mutable_state *ms, struct arena *arena)
{
    const struct versioning *v = of(ms);

    if (v->notified.is_set)
        return as_declined(arena, &v->notified);
    return v->declined.is_set ? as_declined(arena, &v->declined) : NULL;
}

/* ---- the volatile part ---- */

static PbKnownTarget *pack_target(struct arena *arena, const struct known_target *target)
{
    PbKnownTarget *packed;

    if (!target->is_set)
        return NULL;
    packed = ARENA_NEW_PB(arena, PbKnownTarget);
    packed->version = version_copy(arena, target->version);
    packed->revision = target->revision;
    return packed;
}

static struct known_target unpack_target(struct arena *arena, const PbKnownTarget *packed)
{
    if (packed == NULL)
        return (struct known_target){0};
    return (struct known_target){true, version_copy(arena, packed->version), packed->revision};
}

PbVersioningVolatile *versioning_pack(const struct mutable_state *ms, struct arena *arena)
{
    const struct versioning *v = ms->versioning;
    PbVersioningVolatile *packed;

    if (v == NULL)
        return NULL;
    packed = ARENA_NEW_PB(arena, PbVersioningVolatile);
    packed->in_transition = v->in_transition;
    packed->transition_to = version_copy(arena, v->transition_to);
    packed->transition_event_id = v->transition_event_id;
    packed->revision = v->revision;
    packed->notified = pack_target(arena, &v->notified);
    packed->declined = pack_target(arena, &v->declined);
    packed->override_is_over = v->override_is_over;
    packed->name_is_kept = v->name_is_kept;
    if (v->name_is_kept)
        packed->deployment_name = arena_strdup(arena, versioning_deployment_name(ms));
    if (v->attributes_held)
        packed->search_attributes = mutable_state_search_attributes(ms, arena);
    if (v->attributes_held && packed->search_attributes == NULL)
        packed->search_attributes = ARENA_NEW_PB(arena, PbSearchAttributes);
    return packed;
}

void versioning_unpack(struct mutable_state *ms, const PbVersioningVolatile *packed, bool is_stored)
{
    struct versioning *v;

    if (packed == NULL)
        return;
    v = begin_change(ms);
    v->in_transition = packed->in_transition;
    v->transition_to = version_copy(v->arena, packed->transition_to);
    v->transition_event_id = packed->transition_event_id;
    v->revision = packed->revision;
    v->notified = unpack_target(v->arena, packed->notified);
    v->declined = unpack_target(v->arena, packed->declined);
    v->attributes_held = packed->search_attributes != NULL;
    v->override_is_over = packed->override_is_over;
    v->name_is_kept = packed->name_is_kept;
    if (v->override_is_over)
        v->override = NULL;
    end_change(ms, v);
    if (packed->override_is_over || packed->name_is_kept)
        versions_show_anew(ms, packed->name_is_kept ? packed->deployment_name : NULL);
    if (packed->search_attributes != NULL)
        mutable_state_replace_search_attributes(ms, packed->search_attributes);
    ms->versioning->has_moved = false;
    ms->versioning->unstored = !is_stored;
}
