#include "tests/unit/history/versioning.h"

#include "proto/versioning.h"

PbWorkerDeploymentVersion *version_of(struct bed *bed, const char *text)
{
    const char *colon = text == NULL ? NULL : strchr(text, ':');
    PbWorkerDeploymentVersion *version;

    if (colon == NULL)
        return NULL;
    version = ARENA_NEW_PB(bed->arena, PbWorkerDeploymentVersion);
    version->deployment_name = arena_strndup(bed->arena, text, (size_t)(colon - text));
    version->build_id = colon + 1;
    return version;
}

PbVersioningOverride *override_of(struct bed *bed, const char *text)
{
    PbVersioningOverride *override = ARENA_NEW_PB(bed->arena, PbVersioningOverride);

    if (text[0] == '\0')
        return NULL;
    if (strcmp(text, "auto") == 0) {
        override->override_case = PbVersioningOverride_auto_upgrade_case;
        override->auto_upgrade = true;
    } else if (text[0] == 'p') {
        override->override_case = PbVersioningOverride_pinned_case;
        override->pinned = ARENA_NEW_PB(bed->arena, PbVersioningOverridePinnedOverride);
        override->pinned->behavior = PINNED_OVERRIDE_BEHAVIOR_PINNED;
        override->pinned->version = version_of(bed, strchr(text, ' ') + 1);
    } else {
        override->override_case = PbVersioningOverride_one_time_case;
        override->one_time = ARENA_NEW_PB(bed->arena, PbVersioningOverrideOneTimeOverride);
        override->one_time->target_deployment_version = version_of(bed, strchr(text, ' ') + 1);
    }
    return override;
}

static PbWorkerDeploymentOptions *options_of(struct bed *bed, const char *version)
{
    PbWorkerDeploymentVersion *of = version_of(bed, version);
    PbWorkerDeploymentOptions *options;

    if (of == NULL)
        return NULL;
    options = ARENA_NEW_PB(bed->arena, PbWorkerDeploymentOptions);
    options->deployment_name = of->deployment_name;
    options->build_id = of->build_id;
    options->worker_versioning_mode = WORKER_VERSIONING_MODE_VERSIONED;
    return options;
}

void poll_as(struct bed *bed, const char *version, const char *target, int64_t revision)
{
    bed_poll_by(bed, &(struct task_poller){
                         .identity = "worker",
                         .request_id = "request",
                         .options = options_of(bed, version),
                         .has_target = true,
                         .target = version_of(bed, target),
                         .target_revision = revision,
                     });
}

PbRespondWorkflowTaskCompletedRequest *completion_as(struct bed *bed, const char *version,
                                                     PbVersioningBehavior behavior)
{
    PbRespondWorkflowTaskCompletedRequest *request = bed_completion(bed);

    request->deployment_options = options_of(bed, version);
    request->versioning_behavior = behavior;
    return request;
}

void complete_as(struct bed *bed, const char *version, PbVersioningBehavior behavior)
{
    ck_assert_str_eq(bed_complete_with(bed, completion_as(bed, version, behavior)), "");
}

void run_task_as(struct bed *bed, const char *version, PbVersioningBehavior behavior, int64_t revision)
{
    poll_as(bed, version, version, revision);
    complete_as(bed, version, behavior);
}

void set_override(struct bed *bed, const char *override)
{
    PbWorkflowExecutionOptionsUpdatedEventAttributes options = PbWorkflowExecutionOptionsUpdatedEventAttributes_INIT;

    options.versioning_override = override_of(bed, override);
    options.unset_versioning_override = options.versioning_override == NULL;
    options.identity = "operator";
    decide_options_update(bed_begin(bed), &options);
    bed_commit(bed);
}

/* ---- as text ---- */

static const char *key(struct bed *bed, const PbWorkerDeploymentVersion *version)
{
    return version == NULL ? "none" : version_to_key(bed->arena, version);
}

static const char *behavior_name(PbVersioningBehavior behavior)
{
    static const char *const names[] = {"Unspecified", "Pinned", "AutoUpgrade"};

    return names[behavior];
}

static const char *override_text(struct bed *bed, const PbVersioningOverride *override)
{
    switch ((int) override->override_case) {
    case PbVersioningOverride_auto_upgrade_case:
        return "auto";
    case PbVersioningOverride_pinned_case:
        return arena_printf(bed->arena, "pinned %s", key(bed, override->pinned->version));
    case PbVersioningOverride_one_time_case:
        return arena_printf(bed->arena, "one-time %s", key(bed, override->one_time->target_deployment_version));
    default:
        return "odd";
    }
}

static const char *ramping(PbContinueAsNewVersioningBehavior behavior)
{
    static const char *const texts[] = {"", " upgrading", " ramping"};

    return texts[behavior];
}

#define APPEND(...) (text = arena_printf(bed->arena, "%s%s", text, arena_printf(bed->arena, __VA_ARGS__)))

const char *versioning_of(struct bed *bed)
{
    const PbWorkflowExecutionVersioningInfo *info = versioning_info(bed->ms, bed->arena);
    const char *text = "";

    if (info == NULL)
        return "nothing";
    if (protobuf_c_message_get_packed_size(&info->base) == 0)
        return "empty";
    ck_assert_str_eq(info->version, info->deployment_version == NULL
                                        ? ""
                                        : version_to_text(bed->arena, info->deployment_version)); /* the mirror */
    APPEND("%s %s", behavior_name(info->behavior), key(bed, info->deployment_version));
    if (info->versioning_override != NULL)
        APPEND(" (override %s)", override_text(bed, info->versioning_override));
    if (info->version_transition != NULL)
        APPEND(" -> %s", key(bed, info->version_transition->deployment_version));
    if (info->revision_number != 0)
        APPEND(" rev %lld", (long long)info->revision_number);
    APPEND("%s", ramping(info->continue_as_new_initial_versioning_behavior));
    return text;
}

const char *binding_of(struct bed *bed)
{
    return arena_printf(bed->arena, "%s %s", behavior_name(versioning_effective_behavior(bed->ms)),
                        key(bed, versioning_effective_version(bed->ms)));
}

const char *attributes_of(struct bed *bed)
{
    static const char *const names[] = {"BuildIds", "TemporalUsedWorkerDeploymentVersions", "TemporalWorkerDeployment",
                                        "TemporalWorkerDeploymentVersion", "TemporalWorkflowVersioningBehavior"};
    const PbSearchAttributes *attributes = mutable_state_search_attributes(bed->ms, bed->arena);
    const char *text = "";

    for (size_t n = 0; n < LENGTH_OF(names); n++)
        for (size_t i = 0; attributes != NULL && i < attributes->n_indexed_fields; i++) {
            const PbPayload *value = attributes->indexed_fields[i]->value;

            if (strcmp(attributes->indexed_fields[i]->key, names[n]) == 0)
                APPEND("%s%.*s", text[0] == '\0' ? "" : " ", (int)value->data.len, (const char *)value->data.data);
        }
    return text;
}

const char *inheritance_of(struct bed *bed, const PbWorkflowExecutionStartedEventAttributes *started)
{
    const PbInheritedAutoUpgradeInfo *upgraded = started->inherited_auto_upgrade_info;
    const PbDeclinedTargetVersionUpgrade *declined = started->declined_target_version_upgrade;
    const char *text = "";

#define SEPARATOR (text[0] == '\0' ? "" : ", ")
    if (started->versioning_override != NULL)
        APPEND("%soverride %s", SEPARATOR, override_text(bed, started->versioning_override));
    if (started->inherited_pinned_version != NULL)
        APPEND("%spinned %s", SEPARATOR, key(bed, started->inherited_pinned_version));
    if (upgraded != NULL)
        APPEND("%supgraded %s rev %lld%s", SEPARATOR, key(bed, upgraded->source_deployment_version),
               (long long)upgraded->source_deployment_revision_number,
               ramping(upgraded->continue_as_new_initial_versioning_behavior));
    if (declined != NULL)
        APPEND("%sdeclined %s rev %lld", SEPARATOR, key(bed, declined->deployment_version),
               (long long)declined->revision_number);
#undef SEPARATOR
    return text;
}
