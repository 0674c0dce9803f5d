#include "proto/versioning.h"

#include <string.h>

#include "proto/pb.h"

/* ---- versions ---- */

/* As printf does it, at a tenth of the cost: each first completion of a run writes these. */
static char *joined(struct arena *arena, const PbWorkerDeploymentVersion *version, char between)
{
    size_t name_bytes = strlen(version->deployment_name), build_bytes = strlen(version->build_id);
    char *text = arena_alloc_raw(arena, name_bytes + 1 + build_bytes + 1);

    memcpy(text, version->deployment_name, name_bytes);
    text[name_bytes] = between;
    memcpy(text + name_bytes + 1, version->build_id, build_bytes + 1);
    return text;
}

char *version_to_text(struct arena *arena, const PbWorkerDeploymentVersion *version)
{
    return version == NULL ? arena_strdup(arena, UNVERSIONED_TEXT) : joined(arena, version, '.');
}

char *version_to_key(struct arena *arena, const PbWorkerDeploymentVersion *version)
{
    return joined(arena, version, ':');
}

PbWorkerDeploymentVersion *version_copy(struct arena *arena, const PbWorkerDeploymentVersion *version)
{
    PbWorkerDeploymentVersion *copy;

    if (version == NULL)
        return NULL;
    copy = ARENA_NEW_PB(arena, PbWorkerDeploymentVersion);
    copy->deployment_name = arena_strdup(arena, version->deployment_name);
    copy->build_id = arena_strdup(arena, version->build_id);
    return copy;
}

PbWorkerDeploymentVersion *version_from_text(struct arena *arena, const char *text, const char **ret_problem)
{
    const char *dot = strchr(text, '.'), *colon = strchr(text, ':');
    const char *cut = dot != NULL && colon != NULL && colon < dot ? colon : dot;
    PbWorkerDeploymentVersion *version;

    *ret_problem = NULL;
    if (strcmp(text, UNVERSIONED_TEXT) == 0)
        return NULL;
    if (dot == NULL && colon == NULL) {
        *ret_problem = arena_printf(arena, "expected delimiter ':' or '.' not found in version string %s", text);
    } else if (cut == text) {
        *ret_problem = arena_printf(arena, "deployment name is empty in version string %s", text);
    } else if (cut == NULL || cut[1] == '\0') { /* a colon alone does not count, and leaves no build id */
        *ret_problem = arena_printf(arena, "build id is empty in version string %s", text);
    }
    if (*ret_problem != NULL)
        return NULL;
    version = ARENA_NEW_PB(arena, PbWorkerDeploymentVersion);
    version->deployment_name = arena_strndup(arena, text, (size_t)(cut - text));
    version->build_id = arena_strdup(arena, cut + 1);
    return version;
}

bool versions_are_equal(const PbWorkerDeploymentVersion *a, const PbWorkerDeploymentVersion *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return strcmp(a->build_id, b->build_id) == 0 && strcmp(a->deployment_name, b->deployment_name) == 0;
}

/* ---- overrides: what is wrong ---- */

static const char *series_problem(const PbDeployment *deployment)
{
    if (deployment->series_name[0] == '\0')
        return "deployment name cannot be empty";
    if (strpbrk(deployment->series_name, ".:") != NULL)
        return "deployment name cannot contain '.' or ':'";
    if (deployment->build_id[0] == '\0')
        return "deployment build ID cannot be empty";
    return NULL;
}

static const char *old_pinned_problem(struct arena *arena, const PbVersioningOverride *override)
{
    const char *problem;

    if (override->deployment != NULL)
        return series_problem(override->deployment);
    if (override->pinned_version[0] == '\0')
        return "must provide deployment (deprecated) or pinned version if behavior is 'PINNED'";
    if (version_from_text(arena, override->pinned_version, &problem) != NULL)
        return NULL; /* else it is none, or says that there is none, to which nothing can be pinned */
    return arena_printf(arena, "invalid version string \"%s\", expected format is \"<deployment_name>.<build_id>\"",
                        override->pinned_version);
}

/* Of one that uses the deprecated members only. */
static const char *old_problem(struct arena *arena, const PbVersioningOverride *override)
{
    switch ((int) override->behavior) {
    case VERSIONING_BEHAVIOR_PINNED:
        return old_pinned_problem(arena, override);
    case VERSIONING_BEHAVIOR_AUTO_UPGRADE:
        if (override->deployment != NULL)
            return "only provide deployment if behavior is 'PINNED'";
        if (override->pinned_version[0] != '\0')
            return "only provide pinned version if behavior is 'PINNED'";
        return NULL;
    case VERSIONING_BEHAVIOR_UNSPECIFIED:
        return "override behavior is required";
    default:
        return arena_printf(arena, "override behavior %d not recognized", (int) override->behavior);
    }
}

const char *override_problem(struct arena *arena, const PbVersioningOverride *override)
{
    if (override == NULL)
        return NULL;
    switch ((int) override->override_case) {
    case PbVersioningOverride_auto_upgrade_case:
        return override->auto_upgrade ? NULL : "auto-upgrade override must be true";
    case PbVersioningOverride_pinned_case:
        if (override->pinned->version == NULL)
            return "must provide version if override is pinned.";
        if (override->pinned->behavior == PINNED_OVERRIDE_BEHAVIOR_UNSPECIFIED)
            return "must specify pinned override behavior if override is pinned.";
        return NULL;
    case PbVersioningOverride_one_time_case:
        if (override->one_time->target_deployment_version == NULL)
            return "must provide target deployment version if override is one-time.";
        return NULL;
    default:
        return old_problem(arena, override);
    }
}

/* ---- overrides: what they say ---- */

static PbWorkerDeploymentVersion *old_target(struct arena *arena, const PbVersioningOverride *override)
{
    PbWorkerDeploymentVersion *version;
    const char *problem;

    if (override->pinned_version[0] != '\0')
        return version_from_text(arena, override->pinned_version, &problem);
    if (override->deployment == NULL)
        return NULL;
    version = ARENA_NEW_PB(arena, PbWorkerDeploymentVersion);
    version->deployment_name = override->deployment->series_name;
    version->build_id = override->deployment->build_id;
    return version;
}

const PbWorkerDeploymentVersion *override_target(struct arena *arena, const PbVersioningOverride *override)
{
    if (override == NULL)
        return NULL;
    switch ((int) override->override_case) {
    case PbVersioningOverride_auto_upgrade_case:
        return NULL;
    case PbVersioningOverride_pinned_case:
        return override->pinned->version;
    case PbVersioningOverride_one_time_case:
        return override->one_time->target_deployment_version;
    default:
        return override->behavior == VERSIONING_BEHAVIOR_PINNED ? old_target(arena, override) : NULL;
    }
}

bool override_is_of_series(const PbVersioningOverride *override)
{
    return override->override_case == PbVersioningOverride_override_not_set_case && override->deployment != NULL;
}

PbVersioningOverride *override_normal(struct arena *arena, const PbVersioningOverride *override)
{
    PbVersioningOverride *normal;

    if (override == NULL)
        return NULL;
    normal = ARENA_NEW_PB(arena, PbVersioningOverride);
    if (override->override_case != PbVersioningOverride_override_not_set_case) {
        *normal = *override;
        normal->behavior = VERSIONING_BEHAVIOR_UNSPECIFIED;
        normal->deployment = NULL;
        normal->pinned_version = arena_strdup(arena, "");
        return normal;
    }
    switch ((int) override->behavior) {
    case VERSIONING_BEHAVIOR_AUTO_UPGRADE:
        normal->override_case = PbVersioningOverride_auto_upgrade_case;
        normal->auto_upgrade = true;
        return normal;
    case VERSIONING_BEHAVIOR_PINNED:
        normal->override_case = PbVersioningOverride_pinned_case;
        normal->pinned = ARENA_NEW_PB(arena, PbVersioningOverridePinnedOverride);
        normal->pinned->behavior = PINNED_OVERRIDE_BEHAVIOR_PINNED;
        normal->pinned->version = old_target(arena, override);
        return normal;
    default:
        return NULL;
    }
}

PbVersioningBehavior override_behavior(const PbVersioningOverride *override)
{
    PbVersioningOverride__OverrideCase which;

    if (override == NULL)
        return VERSIONING_BEHAVIOR_UNSPECIFIED;
    which = override->override_case;
    if (which == PbVersioningOverride_auto_upgrade_case && override->auto_upgrade)
        return VERSIONING_BEHAVIOR_AUTO_UPGRADE;
    if (which == PbVersioningOverride_pinned_case || which == PbVersioningOverride_one_time_case)
        return VERSIONING_BEHAVIOR_PINNED;
    return override->behavior;
}
