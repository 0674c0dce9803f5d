/*
 * What a run remembers of the workers that have completed its workflow tasks: the stamp of the last one and the name of
 * its deployment, a reset point for each pair of build id and binary checksum (where to go back to when that build
 * turns out to be bad), and the search attributes by which such runs are found. No event says so: it is all folded from
 * the start, the completions and changed options.
 *
 * Search attributes show what a run is on (versioning.c), an override first; a transition shows when it is over. They
 * are compared with what they show already, and made anew only when that differs: a worker that completes a thousand
 * tasks costs as much as its first.
 */
#include <string.h>

#include "history/internal.h"
#include "proto/versioning.h"

/* Both are part of the fold and hence not configurable. Server 1.32.0: history.historyMaxAutoResetPoints and
 * searchAttributesSizeOfValueLimit. */
enum { RESET_POINTS_MAX = 20, ATTRIBUTE_BYTES_MAX = 2048, VERSIONS_ARENA_BYTES = 512 };

/* What the search attributes say of the version that the run is on. */
struct view {
    bool is_unversioned; /* a worker without versions has it; the real server's oldest versioning is neither */
    PbVersioningBehavior behavior;
    const PbWorkerDeploymentVersion *version; /* NULL: none */
    const char *deployment;                   /* "": none */
};

/* The whole memory, replaced when something of it changes: workers seldom do. */
struct versions {
    struct arena *arena;
    PbWorkerVersionStamp *stamp; /* NULL: the last completion had none */
    const char *deployment_name; /* "": none */
    PbResetPoints *points;       /* oldest first; the run id of this run's own is "" */
    bool is_shown;               /* the search attributes show `view`; before, they show nothing */
    struct view view;
    struct texts {
        const char **texts;
        size_t count;
    } build_ids, used; /* BuildIds without the first one, which is the view's, and the versions that have completed */
};

static struct texts copy_texts(struct arena *arena, const struct texts *texts)
{
    struct texts copy = {ARENA_NEW_ARRAY(arena, const char *, texts->count + 1), 0};

    for (; copy.count < texts->count; copy.count++)
        copy.texts[copy.count] = arena_strdup(arena, texts->texts[copy.count]);
    return copy;
}

/* A copy that has room for one more reset point, build id and used version. */
static struct versions *versions_copy(const struct versions *before)
{
    static const struct versions none = {.deployment_name = "", .view.deployment = ""};
    struct arena *arena = arena_new(VERSIONS_ARENA_BYTES);
    struct versions *copy = ARENA_NEW(arena, struct versions);
    size_t points_count;

    if (before == NULL)
        before = &none;
    points_count = before->points == NULL ? 0 : before->points->n_points;
    *copy = *before;
    copy->arena = arena;
    copy->stamp = pb_copy(arena, before->stamp);
    copy->deployment_name = arena_strdup(arena, before->deployment_name);
    copy->points = ARENA_NEW_PB(arena, PbResetPoints);
    copy->points->points = ARENA_NEW_ARRAY(arena, PbResetPointInfo *, points_count + 1);
    for (; copy->points->n_points < points_count; copy->points->n_points++)
        copy->points->points[copy->points->n_points] = pb_copy(arena, before->points->points[copy->points->n_points]);
    copy->view.version = pb_copy(arena, before->view.version);
    copy->view.deployment = arena_strdup(arena, before->view.deployment);
    copy->build_ids = copy_texts(arena, &before->build_ids);
    copy->used = copy_texts(arena, &before->used);
    return copy;
}

static void replace(struct mutable_state *ms, struct versions *versions)
{
    struct versions *old = ms->versions;

    ms->versions = versions;
    versions_free(old);
}

void versions_free(struct versions *versions)
{
    if (versions != NULL)
        arena_free(versions->arena);
}

void versions_inherit(struct mutable_state *ms, const PbResetPoints *points)
{
    struct versions from = {.deployment_name = "", .points = borrow(points), .view.deployment = ""};

    if (points != NULL && points->n_points > 0)
        replace(ms, versions_copy(&from));
}

const PbWorkerVersionStamp *mutable_state_last_stamp(const struct mutable_state *ms)
{
    return ms->versions == NULL ? NULL : ms->versions->stamp;
}

const char *versioning_deployment_name(const struct mutable_state *ms)
{
    return ms->versions == NULL ? "" : ms->versions->deployment_name;
}

/* ---- search attributes ---- */

/* What they are to say, `deployment_name` being that of a run without a version. */
static struct view view_of(const struct mutable_state *ms, const PbWorkerVersionStamp *stamp,
                           const char *deployment_name)
{
    struct view view = {
        .behavior = versioning_shown_behavior(ms),
        .version = versioning_shown_version(ms),
    };

    view.is_unversioned = view.behavior == VERSIONING_BEHAVIOR_UNSPECIFIED && (stamp == NULL || !stamp->use_versioning);
    view.deployment = view.version != NULL ? view.version->deployment_name : deployment_name;
    return view;
}

static bool shows(const struct versions *versions, const struct view *view)
{
    return versions != NULL && versions->is_shown && versions->view.is_unversioned == view->is_unversioned &&
           versions->view.behavior == view->behavior && strcmp(versions->view.deployment, view->deployment) == 0 &&
           versions_are_equal(versions->view.version, view->version);
}

/* The list as an attribute. Of what is too long for one the oldest goes, behind the first `kept`. NULL: nothing. */
static PbPayload *fitting_list(struct arena *arena, struct texts *list, size_t kept)
{
    while (list->count > 0) {
        PbPayload *payload = keyword_list_payload(arena, list->count, list->texts);

        if (payload->data.len <= ATTRIBUTE_BYTES_MAX)
            return payload;
        if (list->count == kept)
            kept = 0;
        list->count--;
        memmove(list->texts + kept, list->texts + kept + 1, (list->count - kept) * sizeof(char *));
    }
    return NULL;
}

/* BuildIds begins with what the run is: "unversioned", or what it is pinned to; one that upgrades has no such entry. */
static PbPayload *build_ids_payload(struct arena *arena, struct versions *versions)
{
    const struct view *view = &versions->view;
    struct texts *ids = &versions->build_ids, all = {ARENA_NEW_ARRAY(arena, const char *, ids->count + 1), 0};
    size_t kept = view->is_unversioned ? 1 : 0, left;
    PbPayload *payload;

    if (view->is_unversioned)
        all.texts[all.count++] = "unversioned";
    else if (view->behavior == VERSIONING_BEHAVIOR_PINNED)
        all.texts[all.count++] =
            arena_printf(arena, "pinned:%s", view->version == NULL ? "" : version_to_key(arena, view->version));
    for (size_t i = 0; i < ids->count; i++)
        all.texts[all.count++] = ids->texts[i];
    payload = fitting_list(arena, &all, kept);
    left = all.count > kept ? all.count - kept : 0;
    if (left < ids->count) { /* the newest ones */
        ids->texts += ids->count - left;
        ids->count = left;
    }
    return payload;
}

static const PbPayload *keyword_or_none(struct arena *arena, const char *text)
{
    return text[0] == '\0' ? NULL : keyword_payload(arena, text);
}

static const char *behavior_shown(PbVersioningBehavior behavior)
{
    switch ((int)behavior) {
    case VERSIONING_BEHAVIOR_PINNED:
        return "Pinned";
    case VERSIONING_BEHAVIOR_AUTO_UPGRADE:
        return "AutoUpgrade";
    default:
        return "";
    }
}

/* Writes the search attributes; `versions` has its lists already, and gets the view. */
static void show(struct mutable_state *ms, struct versions *versions, const struct view *view)
{
    struct arena *scratch = arena_new(1024);
    const struct view *made = &versions->view;
    const char *version;

    versions->is_shown = true;
    versions->view = *view;
    versions->view.version = pb_copy(versions->arena, view->version);
    versions->view.deployment = arena_strdup(versions->arena, view->deployment);
    version = made->version == NULL ? "" : version_to_key(scratch, made->version);
    {
        struct server_attribute changes[] = {
            {"BuildIds", build_ids_payload(scratch, versions)},
            {"TemporalUsedWorkerDeploymentVersions", fitting_list(scratch, &versions->used, 0)},
            {"TemporalWorkerDeployment", keyword_or_none(scratch, made->deployment)},
            {"TemporalWorkerDeploymentVersion", keyword_or_none(scratch, version)},
            {"TemporalWorkflowVersioningBehavior", keyword_or_none(scratch, behavior_shown(made->behavior))},
        };

        mutable_state_set_search_attributes(ms, changes, sizeof(changes) / sizeof(changes[0]));
    }
    arena_free(scratch);
}

/* ---- a start, changed options ---- */

static void set_deployment_name(struct mutable_state *ms, const char *name)
{
    struct versions *after;

    if (strcmp(versioning_deployment_name(ms), name) == 0)
        return;
    after = versions_copy(ms->versions);
    after->deployment_name = arena_strdup(after->arena, name);
    replace(ms, after);
}

/* Has the search attributes say what the run is on by now. */
static void show_present(struct mutable_state *ms)
{
    struct view view = view_of(ms, NULL, versioning_deployment_name(ms));
    struct versions *after;

    if (shows(ms->versions, &view))
        return;
    after = versions_copy(ms->versions);
    show(ms, after, &view);
    replace(ms, after);
}

void versions_note_start(struct mutable_state *ms)
{
    const PbWorkerDeploymentVersion *version = versioning_effective_version(ms);

    if (versioning_effective_behavior(ms) == VERSIONING_BEHAVIOR_UNSPECIFIED)
        return;
    set_deployment_name(ms, version == NULL ? "" : version->deployment_name);
    show_present(ms);
}

void versions_note_override(struct mutable_state *ms, const char *deployment_name, bool is_other)
{
    set_deployment_name(ms, deployment_name);
    if (is_other && !versioning_in_transition(ms))
        show_present(ms);
}

void versions_show_anew(struct mutable_state *ms, const char *deployment_name)
{
    struct versions *after = versions_copy(ms->versions);
    struct view view;

    if (deployment_name != NULL)
        after->deployment_name = arena_strdup(after->arena, deployment_name);
    view = view_of(ms, after->stamp, after->deployment_name);
    if (!shows(after, &view))
        show(ms, after, &view);
    replace(ms, after);
}

/* ---- a completion ---- */

static bool stamps_are_equal(const PbWorkerVersionStamp *a, const PbWorkerVersionStamp *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return strcmp(a->build_id, b->build_id) == 0 && a->use_versioning == b->use_versioning;
}

static bool point_is_known(const struct versions *versions, const char *checksum, const char *build_id)
{
    for (size_t i = 0; versions != NULL && i < versions->points->n_points; i++) {
        const PbResetPointInfo *point = versions->points->points[i];

        if (strcmp(point->binary_checksum, checksum) == 0 && strcmp(point->build_id, build_id) == 0)
            return true;
    }
    return false;
}

static void add_point(const struct mutable_state *ms, struct versions *versions, const PbHistoryEvent *event,
                      const char *checksum, const char *build_id)
{
    PbResetPointInfo *point = ARENA_NEW_PB(versions->arena, PbResetPointInfo);
    PbResetPoints *points = versions->points;

    point->binary_checksum = arena_strdup(versions->arena, checksum);
    point->build_id = arena_strdup(versions->arena, build_id);
    point->first_workflow_task_completed_id = event->event_id;
    point->create_time = pb_copy(versions->arena, event->event_time);
    /* A child whose end is buffered counts as pending: the log does not tell it apart. */
    point->resettable = ms->children == NULL && ms->externals == NULL;
    points->points[points->n_points++] = point;
    if (points->n_points > RESET_POINTS_MAX) {
        points->points += points->n_points - RESET_POINTS_MAX;
        points->n_points = RESET_POINTS_MAX;
    }
}

static void set_checksums_attribute(struct mutable_state *ms, const struct versions *versions)
{
    const PbResetPoints *points = versions->points;
    struct arena *scratch = arena_new(1024);
    const char **checksums = ARENA_NEW_ARRAY(scratch, const char *, points->n_points);
    size_t count = 0;

    for (size_t i = 0; i < points->n_points; i++)
        if (points->points[i]->binary_checksum[0] != '\0')
            checksums[count++] = points->points[i]->binary_checksum;
    mutable_state_set_search_attribute(ms, "BinaryChecksums", keyword_list_payload(scratch, count, checksums));
    arena_free(scratch);
}

/* How BuildIds has a worker's build id behind its prefix. */
static const char *build_id_prefix(const PbWorkerVersionStamp *stamp)
{
    return stamp->use_versioning ? "versioned" : "unversioned";
}

static bool build_id_is_known(const struct versions *versions, const PbWorkerVersionStamp *stamp)
{
    const char *prefix;
    size_t length;

    if (stamp == NULL || stamp->build_id[0] == '\0')
        return true; /* there is nothing to know */
    prefix = build_id_prefix(stamp);
    length = strlen(prefix);
    for (size_t i = 0; versions != NULL && i < versions->build_ids.count; i++) {
        const char *known = versions->build_ids.texts[i];

        if (strncmp(known, prefix, length) == 0 && known[length] == ':' &&
            strcmp(known + length + 1, stamp->build_id) == 0)
            return true;
    }
    return false;
}

static bool is_used(const struct versions *versions, const PbWorkerDeploymentVersion *version)
{
    size_t length = version == NULL ? 0 : strlen(version->deployment_name);

    if (version == NULL)
        return true;
    for (size_t i = 0; versions != NULL && i < versions->used.count; i++) {
        const char *known = versions->used.texts[i];

        if (strncmp(known, version->deployment_name, length) == 0 && known[length] == ':' &&
            strcmp(known + length + 1, version->build_id) == 0)
            return true;
    }
    return false;
}

void versions_note_completion(struct mutable_state *ms, const PbHistoryEvent *event,
                              const PbWorkflowTaskCompletedEventAttributes *attributes)
{
    const struct versions *before = ms->versions;
    const PbWorkerVersionStamp *stamp = attributes->worker_version;
    const PbWorkerDeploymentVersion *version = attributes->deployment_version;
    const char *checksum = attributes->binary_checksum, *name = attributes->worker_deployment_name;
    const char *build_id = version != NULL ? version->build_id : stamp != NULL ? stamp->build_id : "";
    const struct view view = view_of(ms, stamp, name);
    bool is_new_point = !point_is_known(before, checksum, build_id),
         is_new_build_id = !build_id_is_known(before, stamp);
    bool is_first_use = !is_used(before, version);
    bool is_to_show = is_new_build_id || is_first_use || !shows(before, &view) || versioning_attributes_held(ms);
    struct versions *after;

    if (!is_new_point && !is_to_show && stamps_are_equal(stamp, before->stamp) &&
        strcmp(name, before->deployment_name) == 0)
        return;
    after = versions_copy(before);
    after->stamp = pb_copy(after->arena, stamp);
    after->deployment_name = arena_strdup(after->arena, name);
    if (is_new_point)
        add_point(ms, after, event, checksum, build_id);
    if (is_new_point && checksum[0] != '\0')
        set_checksums_attribute(ms, after);
    if (is_new_build_id)
        after->build_ids.texts[after->build_ids.count++] =
            arena_printf(after->arena, "%s:%s", build_id_prefix(stamp), stamp->build_id);
    if (is_first_use)
        after->used.texts[after->used.count++] = version_to_key(after->arena, version);
    if (is_to_show)
        show(ms, after, &view);
    versioning_attributes_follow(ms);
    replace(ms, after);
}

/* ---- reset points as they are shown ---- */

PbResetPoints *mutable_state_reset_points(const struct mutable_state *ms, struct arena *arena, const char *run_id)
{
    PbResetPoints *points = ms->versions == NULL ? NULL : pb_copy(arena, ms->versions->points);

    if (points == NULL)
        return ARENA_NEW_PB(arena, PbResetPoints);
    for (size_t i = 0; i < points->n_points; i++)
        if (points->points[i]->run_id[0] == '\0') /* its own */
            points->points[i]->run_id = arena_strdup(arena, run_id);
    return points;
}

PbResetPoints *versions_for_successor(const struct transition *t)
{
    PbResetPoints *points = mutable_state_reset_points(t->ms, t->arena, t->run_id);
    size_t kept = 0;

    for (size_t i = 0; i < points->n_points; i++) {
        PbResetPointInfo *point = points->points[i];

        if (point->expire_time != NULL && time_from_pb(point->expire_time) < t->now)
            continue; /* that run is deleted by now: there is nothing to go back to */
        if (strcmp(point->run_id, t->run_id) == 0)
            point->expire_time = pb_timestamp_new(t->arena, nanos_add(t->now, t->retention));
        points->points[kept++] = point;
    }
    points->n_points = kept;
    return points;
}
