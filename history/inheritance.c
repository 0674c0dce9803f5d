/*
 * What a run takes over of another one's version: a child of its parent's, the next run of a chain of the one before.
 * Only where the version also serves the new run's task queue, and never together: either the new run is pinned as the
 * other one was, or it knows from where and by which revision of the routing it comes, so that it does not fall back
 * behind that.
 *
 *                      of a pinned run     of one that upgrades             override
 *     child            the pin             version and revision             pinned, one-time
 *     continued as new the pin             version and revision             pinned
 *       ... to upgrade version, revision   version and revision             pinned
 *     retry            an inherited pin    version and revision             pinned
 *     cron                                                                  pinned
 */
#include <string.h>

#include "history/internal.h"
#include "proto/versioning.h"

static bool serves(const struct transition *t, const PbWorkerDeploymentVersion *version, const char *task_queue)
{
    return version != NULL && (t->version_has_queue == NULL || t->version_has_queue(t->context, version, task_queue));
}

static bool is_pinned_override(const PbVersioningOverride *override)
{
    return override != NULL && override->override_case == PbVersioningOverride_pinned_case;
}

/* How far the run has come. NULL when no revision has moved it, or it is at none. */
static PbInheritedAutoUpgradeInfo *upgraded_from(const struct transition *t,
                                                 PbContinueAsNewVersioningBehavior initial_behavior)
{
    const PbWorkerDeploymentVersion *version = versioning_effective_version(t->ms);
    PbInheritedAutoUpgradeInfo *info;

    if (version == NULL || versioning_revision(t->ms) == 0)
        return NULL;
    info = ARENA_NEW_PB(t->arena, PbInheritedAutoUpgradeInfo);
    info->source_deployment_version = pb_copy(t->arena, version);
    info->source_deployment_revision_number = versioning_revision(t->ms);
    info->continue_as_new_initial_versioning_behavior = initial_behavior;
    return info;
}

void inherit_by_child(const struct transition *t,
                      const PbStartChildWorkflowExecutionInitiatedEventAttributes *initiated, bool is_same_namespace,
                      PbWorkflowExecutionStartedEventAttributes *started)
{
    const struct mutable_state *ms = t->ms;
    const PbWorkerDeploymentVersion *version = versioning_effective_version(ms);
    PbVersioningBehavior behavior = versioning_effective_behavior(ms);
    bool is_same_queue = strcmp(initiated->task_queue->name, ms->task_queue) == 0, is_served;

    if (initiated->versioning_override != NULL) { /* its own wins over all that could be inherited */
        started->versioning_override = override_normal(t->arena, initiated->versioning_override);
        return;
    }
    if (ms->versioning == NULL || !is_same_namespace)
        return;
    is_served = is_same_queue || serves(t, version, initiated->task_queue->name);
    if (behavior == VERSIONING_BEHAVIOR_PINNED && is_served)
        started->inherited_pinned_version = pb_copy(t->arena, version);
    if (versioning_pin(ms) != NULL && versioning_override(ms) != NULL &&
        (is_same_queue || started->inherited_pinned_version != NULL))
        started->versioning_override = pb_copy(t->arena, versioning_override(ms));
    if (behavior == VERSIONING_BEHAVIOR_AUTO_UPGRADE && is_served)
        started->inherited_auto_upgrade_info = upgraded_from(t, CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_UNSPECIFIED);
}

void inherit_by_continuing(const struct transition *t, PbContinueAsNewVersioningBehavior initial_behavior,
                           PbWorkflowExecutionStartedEventAttributes *started)
{
    const struct mutable_state *ms = t->ms;
    const PbWorkerDeploymentVersion *version = versioning_effective_version(ms);
    PbVersioningBehavior behavior = versioning_effective_behavior(ms);
    bool is_same_queue = strcmp(started->task_queue->name, ms->task_queue) == 0, is_served;
    bool upgrades = initial_behavior != CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_UNSPECIFIED;

    if (ms->versioning == NULL)
        return;
    is_served = is_same_queue || serves(t, version, started->task_queue->name);
    if (behavior == VERSIONING_BEHAVIOR_PINNED && !upgrades && is_served) {
        started->inherited_pinned_version = pb_copy(t->arena, version);
        started->declined_target_version_upgrade = versioning_declined_by_continuing(ms, t->arena);
    }
    if (is_pinned_override(versioning_override(ms)) && (is_same_queue || started->inherited_pinned_version != NULL))
        started->versioning_override = pb_copy(t->arena, versioning_override(ms));
    if (is_served &&
        (behavior == VERSIONING_BEHAVIOR_AUTO_UPGRADE || (behavior == VERSIONING_BEHAVIOR_PINNED && upgrades)))
        started->inherited_auto_upgrade_info = upgraded_from(t, initial_behavior);
}

void inherit_by_rerun(const struct transition *t, const PbWorkflowExecutionStartedEventAttributes *original,
                      bool is_retry, PbWorkflowExecutionStartedEventAttributes *started)
{
    const struct mutable_state *ms = t->ms;
    PbVersioningBehavior behavior = versioning_effective_behavior(ms);

    started->declined_target_version_upgrade = original->declined_target_version_upgrade;
    if (is_pinned_override(versioning_override(ms)))
        started->versioning_override = pb_copy(t->arena, versioning_override(ms));
    if (!is_retry)
        return;
    if (behavior == VERSIONING_BEHAVIOR_PINNED && original->inherited_pinned_version != NULL)
        started->inherited_pinned_version = pb_copy(t->arena, versioning_effective_version(ms));
    if (behavior == VERSIONING_BEHAVIOR_AUTO_UPGRADE)
        started->inherited_auto_upgrade_info = upgraded_from(t, versioning_initial_behavior(ms));
}
