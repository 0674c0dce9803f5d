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

#include "base/invariant.h"
#include "base/memory.h"
#include "history/internal.h"
#include "proto/versioning.h"

/* Both are part of the fold and hence not configurable. Server 1.32.0: history.historyMaxAutoResetPoints and
 * searchAttributesSizeOfValueLimit. */
enum { RESET_POINTS_MAX = 20, ATTRIBUTE_BYTES_MAX = 2048 };

/* For a draft and its search attributes: what malloc has at hand, with room for an arena's own. */
enum { SCRATCH_BYTES = 960 };

/* What the search attributes say of the version that the run is on. */
struct view {
    bool is_unversioned; /* a worker without versions has it; the real server's oldest versioning is neither */
    PbVersioningBehavior behavior;
    const PbWorkerDeploymentVersion *version; /* NULL: none */
    const char *deployment;                   /* "": none */
};

/* A reset point. Most runs have one, so it is less than the message. */
struct point {
    const char *checksum, *build_id;
    const char *run_id; /* "": this run's own */
    int64_t completed_event_id;
    nanos created, expires; /* 0: never */
    bool is_resettable;
};

/* The whole memory, in one piece with all that it points to; replaced when something of it changes, which workers
 * seldom do. What it becomes is drafted on the stack, and may borrow from what it has been. */
struct versions {
    const PbWorkerVersionStamp *stamp; /* NULL: the last completion had none */
    const char *deployment_name;       /* "": none */
    struct point *points;              /* oldest first */
    size_t points_count;
    bool is_shown; /* the search attributes show `view`; before, they show nothing */
    struct view view;
    struct texts {
        const char **texts;
        size_t count;
    } build_ids, used; /* BuildIds without the first one, which is the view's, and the versions that have completed */
};

static const struct versions nothing = {.deployment_name = "", .view.deployment = ""};

static const struct versions *of(const struct mutable_state *ms)
{
    return ms->versions == NULL ? &nothing : ms->versions;
}

/* ---- keeping it ---- */

static size_t text_bytes(const char *text)
{
    return text[0] == '\0' ? 0 : strlen(text) + 1;
}

static size_t texts_bytes(const struct texts *texts)
{
    size_t bytes = texts->count * sizeof(char *);

    for (size_t i = 0; i < texts->count; i++)
        bytes += text_bytes(texts->texts[i]);
    return bytes;
}

/* What a piece takes that holds all of it. */
static size_t versions_bytes(const struct versions *v)
{
    size_t bytes = sizeof(*v) + v->points_count * sizeof(v->points[0]);

    for (size_t i = 0; i < v->points_count; i++)
        bytes +=
            text_bytes(v->points[i].checksum) + text_bytes(v->points[i].build_id) + text_bytes(v->points[i].run_id);
    if (v->stamp != NULL)
        bytes += sizeof(*v->stamp) + text_bytes(v->stamp->build_id);
    if (v->view.version != NULL)
        bytes += sizeof(*v->view.version) + text_bytes(v->view.version->deployment_name) +
                 text_bytes(v->view.version->build_id);
    return bytes + texts_bytes(&v->build_ids) + texts_bytes(&v->used) + text_bytes(v->deployment_name) +
           text_bytes(v->view.deployment);
}

/* The room of a piece: what must be aligned is taken first, texts after it. */
static void *take(char **room, const void *from, size_t bytes)
{
    char *taken = *room;

    if (bytes > 0)
        memcpy(taken, from, bytes);
    *room += bytes;
    return taken;
}

static char *take_text(char **room, const char *text)
{
    static char empty[] = "";

    return text[0] == '\0' ? empty : take(room, text, strlen(text) + 1);
}

static void take_texts(char **room, struct texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        texts->texts[i] = take_text(room, texts->texts[i]);
}

/* What is drafted becomes the run's memory. */
static void keep(struct mutable_state *ms, const struct versions *draft)
{
    size_t bytes = versions_bytes(draft);
    char *block = memory_new(bytes), *room = block;
    struct versions *v = take(&room, draft, sizeof(*draft));
    PbWorkerVersionStamp *stamp = NULL;
    PbWorkerDeploymentVersion *version = NULL;

    v->points = take(&room, draft->points, draft->points_count * sizeof(draft->points[0]));
    v->build_ids.texts = take(&room, draft->build_ids.texts, draft->build_ids.count * sizeof(char *));
    v->used.texts = take(&room, draft->used.texts, draft->used.count * sizeof(char *));
    if (draft->stamp != NULL)
        v->stamp = stamp = take(&room, draft->stamp, sizeof(*stamp));
    if (draft->view.version != NULL)
        v->view.version = version = take(&room, draft->view.version, sizeof(*version));
    if (stamp != NULL) {
        stamp->base = (ProtobufCMessage)PROTOBUF_C_MESSAGE_INIT(stamp->base.descriptor); /* without unknown fields */
        stamp->build_id = take_text(&room, stamp->build_id);
    }
    if (version != NULL) {
        version->base = (ProtobufCMessage)PROTOBUF_C_MESSAGE_INIT(version->base.descriptor);
        version->deployment_name = take_text(&room, version->deployment_name);
        version->build_id = take_text(&room, version->build_id);
    }
    v->deployment_name = take_text(&room, v->deployment_name);
    v->view.deployment = take_text(&room, v->view.deployment);
    for (size_t i = 0; i < v->points_count; i++) {
        v->points[i].checksum = take_text(&room, v->points[i].checksum);
        v->points[i].build_id = take_text(&room, v->points[i].build_id);
        v->points[i].run_id = take_text(&room, v->points[i].run_id);
    }
    take_texts(&room, &v->build_ids);
    take_texts(&room, &v->used);
    invariant(room == block + bytes, "versions take %zd bytes instead of %zu", room - block, bytes);
    memory_free(ms->versions);
    ms->versions = v;
}

void versions_free(struct versions *versions)
{
    memory_free(versions);
}

void versions_inherit(struct mutable_state *ms, const PbResetPoints *points)
{
    struct versions draft = nothing;
    struct arena *scratch;

    if (points == NULL || points->n_points == 0)
        return;
    scratch = arena_new(SCRATCH_BYTES);
    draft.points = ARENA_NEW_ARRAY(scratch, struct point, points->n_points);
    for (; draft.points_count < points->n_points; draft.points_count++) {
        const PbResetPointInfo *from = points->points[draft.points_count];

        draft.points[draft.points_count] = (struct point){
            .checksum = from->binary_checksum,
            .build_id = from->build_id,
            .run_id = from->run_id,
            .completed_event_id = from->first_workflow_task_completed_id,
            .created = time_from_pb(from->create_time),
            .expires = time_from_pb(from->expire_time),
            .is_resettable = from->resettable,
        };
    }
    keep(ms, &draft);
    arena_free(scratch);
}

const PbWorkerVersionStamp *mutable_state_last_stamp(const struct mutable_state *ms)
{
    return of(ms)->stamp;
}

const char *versioning_deployment_name(const struct mutable_state *ms)
{
    return of(ms)->deployment_name;
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
    return versions->is_shown && versions->view.is_unversioned == view->is_unversioned &&
           versions->view.behavior == view->behavior && strcmp(versions->view.deployment, view->deployment) == 0 &&
           versions_are_equal(versions->view.version, view->version);
}

/* The attribute with the list. Of what is too long for one the oldest goes, behind the first `kept`. */
static struct attribute_change fitting_list(struct arena *arena, const char *name, struct texts *list, size_t kept)
{
    while (list->count > 0) {
        struct attribute_change change = keyword_list_attribute(arena, name, list->count, list->texts);

        if (change.json.len <= ATTRIBUTE_BYTES_MAX)
            return change;
        if (list->count == kept)
            kept = 0;
        list->count--;
        memmove(list->texts + kept, list->texts + kept + 1, (list->count - kept) * sizeof(char *));
    }
    return no_attribute(name);
}

/* BuildIds begins with what the run is: "unversioned", or what it is pinned to; one that upgrades has no such entry. */
static struct attribute_change build_ids_attribute(struct arena *arena, struct versions *versions)
{
    const struct view *view = &versions->view;
    struct texts *ids = &versions->build_ids, all = {ARENA_NEW_ARRAY(arena, const char *, ids->count + 1), 0};
    size_t kept = view->is_unversioned ? 1 : 0, left;
    struct attribute_change change;

    if (view->is_unversioned)
        all.texts[all.count++] = "unversioned";
    else if (view->behavior == VERSIONING_BEHAVIOR_PINNED)
        all.texts[all.count++] =
            arena_printf(arena, "pinned:%s", view->version == NULL ? "" : version_to_key(arena, view->version));
    for (size_t i = 0; i < ids->count; i++)
        all.texts[all.count++] = ids->texts[i];
    change = fitting_list(arena, "BuildIds", &all, kept);
    left = all.count > kept ? all.count - kept : 0;
    if (left < ids->count) { /* the newest ones */
        ids->texts += ids->count - left;
        ids->count = left;
    }
    return change;
}

static struct attribute_change keyword_or_none(struct arena *arena, const char *name, const char *text)
{
    return text[0] == '\0' ? no_attribute(name) : keyword_attribute(arena, name, text);
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

/* Writes the search attributes; the draft has its lists already, and gets the view. */
static void show(struct mutable_state *ms, struct arena *scratch, struct versions *draft, const struct view *view)
{
    const char *version = view->version == NULL ? "" : version_to_key(scratch, view->version);

    draft->is_shown = true;
    draft->view = *view;
    {
        struct attribute_change changes[] = {
            build_ids_attribute(scratch, draft),
            fitting_list(scratch, "TemporalUsedWorkerDeploymentVersions", &draft->used, 0),
            keyword_or_none(scratch, "TemporalWorkerDeployment", view->deployment),
            keyword_or_none(scratch, "TemporalWorkerDeploymentVersion", version),
            keyword_or_none(scratch, "TemporalWorkflowVersioningBehavior", behavior_shown(view->behavior)),
        };

        mutable_state_set_search_attributes(ms, changes, sizeof(changes) / sizeof(changes[0]));
    }
}

/* Lists of a draft that may change, with room for one more. */
static struct texts longer(struct arena *scratch, const struct texts *texts)
{
    struct texts copy = {ARENA_NEW_ARRAY(scratch, const char *, texts->count + 1), texts->count};

    if (texts->count > 0)
        memcpy(copy.texts, texts->texts, texts->count * sizeof(char *));
    return copy;
}

static struct versions begin_draft(const struct mutable_state *ms, struct arena *scratch)
{
    struct versions draft = *of(ms);

    draft.build_ids = longer(scratch, &draft.build_ids);
    draft.used = longer(scratch, &draft.used);
    return draft;
}

static void show_and_keep(struct mutable_state *ms, struct versions *draft, struct arena *scratch,
                          const struct view *view)
{
    if (!shows(draft, view))
        show(ms, scratch, draft, view);
    keep(ms, draft);
}

/* ---- a start, changed options ---- */

static void set_deployment_name(struct mutable_state *ms, const char *name)
{
    struct versions draft = *of(ms);

    if (strcmp(draft.deployment_name, name) == 0)
        return;
    draft.deployment_name = name;
    keep(ms, &draft);
}

/* Has the search attributes say what the run is on by now. */
static void show_present(struct mutable_state *ms)
{
    struct view view = view_of(ms, NULL, versioning_deployment_name(ms));
    struct arena *scratch;
    struct versions draft;

    if (shows(of(ms), &view))
        return;
    scratch = arena_new(SCRATCH_BYTES);
    draft = begin_draft(ms, scratch);
    show_and_keep(ms, &draft, scratch, &view);
    arena_free(scratch);
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
    struct arena *scratch = arena_new(SCRATCH_BYTES);
    struct versions draft = begin_draft(ms, scratch);
    struct view view;

    if (deployment_name != NULL)
        draft.deployment_name = deployment_name;
    view = view_of(ms, draft.stamp, draft.deployment_name);
    show_and_keep(ms, &draft, scratch, &view);
    arena_free(scratch);
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
    for (size_t i = 0; i < versions->points_count; i++) {
        const struct point *point = &versions->points[i];

        if (strcmp(point->checksum, checksum) == 0 && strcmp(point->build_id, build_id) == 0)
            return true;
    }
    return false;
}

static void add_point(const struct mutable_state *ms, struct versions *draft, struct arena *scratch,
                      const PbHistoryEvent *event, const char *checksum, const char *build_id)
{
    size_t count = draft->points_count;
    struct point *points = ARENA_NEW_ARRAY(scratch, struct point, count + 1);

    if (count > 0)
        memcpy(points, draft->points, count * sizeof(points[0]));
    points[count++] = (struct point){
        .checksum = checksum,
        .build_id = build_id,
        .run_id = "",
        .completed_event_id = event->event_id,
        .created = time_from_pb(event->event_time),
        /* A child whose end is buffered counts as pending: the log does not tell it apart. */
        .is_resettable = ms->children == NULL && ms->externals == NULL,
    };
    if (count > RESET_POINTS_MAX) {
        points += count - RESET_POINTS_MAX;
        count = RESET_POINTS_MAX;
    }
    draft->points = points;
    draft->points_count = count;
}

static void set_checksums_attribute(struct mutable_state *ms, const struct versions *draft, struct arena *scratch)
{
    const char **checksums = ARENA_NEW_ARRAY(scratch, const char *, draft->points_count);
    struct attribute_change change;
    size_t count = 0;

    for (size_t i = 0; i < draft->points_count; i++)
        if (draft->points[i].checksum[0] != '\0')
            checksums[count++] = draft->points[i].checksum;
    change = keyword_list_attribute(scratch, "BinaryChecksums", count, checksums);
    mutable_state_set_search_attributes(ms, &change, 1);
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
    for (size_t i = 0; i < versions->build_ids.count; i++) {
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
    for (size_t i = 0; i < versions->used.count; i++) {
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
    const struct versions *before = of(ms);
    const PbWorkerVersionStamp *stamp = attributes->worker_version;
    const PbWorkerDeploymentVersion *version = attributes->deployment_version;
    const char *checksum = attributes->binary_checksum, *name = attributes->worker_deployment_name;
    const char *build_id = version != NULL ? version->build_id : stamp != NULL ? stamp->build_id : "";
    const struct view view = view_of(ms, stamp, name);
    bool is_new_point = !point_is_known(before, checksum, build_id),
         is_new_build_id = !build_id_is_known(before, stamp);
    bool is_first_use = !is_used(before, version);
    bool is_to_show = is_new_build_id || is_first_use || !shows(before, &view) || versioning_attributes_held(ms);
    struct arena *scratch;
    struct versions draft;

    if (!is_new_point && !is_to_show && stamps_are_equal(stamp, before->stamp) &&
        strcmp(name, before->deployment_name) == 0)
        return;
    scratch = arena_new(SCRATCH_BYTES);
    draft = begin_draft(ms, scratch);
    draft.stamp = stamp;
    draft.deployment_name = name;
    if (is_new_point)
        add_point(ms, &draft, scratch, event, checksum, build_id);
    if (is_new_point && checksum[0] != '\0')
        set_checksums_attribute(ms, &draft, scratch);
    if (is_new_build_id)
        draft.build_ids.texts[draft.build_ids.count++] =
            arena_printf(scratch, "%s:%s", build_id_prefix(stamp), stamp->build_id);
    if (is_first_use)
        draft.used.texts[draft.used.count++] = version_to_key(scratch, version);
    if (is_to_show)
        show(ms, scratch, &draft, &view);
    versioning_attributes_follow(ms);
    keep(ms, &draft);
    arena_free(scratch);
}

/* ---- reset points as they are shown ---- */

PbResetPoints *mutable_state_reset_points(const struct mutable_state *ms, struct arena *arena, const char *run_id)
{
    const struct versions *v = of(ms);
    PbResetPoints *points = ARENA_NEW_PB(arena, PbResetPoints);

    points->points = ARENA_NEW_ARRAY(arena, PbResetPointInfo *, v->points_count);
    while (points->n_points < v->points_count) {
        const struct point *from = &v->points[points->n_points];
        PbResetPointInfo *point = ARENA_NEW_PB(arena, PbResetPointInfo);
        bool is_own = from->run_id[0] == '\0';

        point->binary_checksum = arena_strdup(arena, from->checksum);
        point->build_id = arena_strdup(arena, from->build_id);
        point->run_id = arena_strdup(arena, is_own ? run_id : from->run_id);
        point->first_workflow_task_completed_id = from->completed_event_id;
        point->create_time = from->created == 0 ? NULL : pb_timestamp_new(arena, from->created);
        point->expire_time = from->expires == 0 ? NULL : pb_timestamp_new(arena, from->expires);
        point->resettable = from->is_resettable;
        points->points[points->n_points++] = point;
    }
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
