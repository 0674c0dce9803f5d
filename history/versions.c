/*
 * What a run remembers of the workers that have completed its workflow tasks: the stamp of the last one, a reset point
 * for each pair of build id and binary checksum (where to go back to when that build turns out to be bad), and the
 * search attributes BuildIds and BinaryChecksums, by which such runs are found. No event says so: it is all folded from
 * the completions.
 */
#include <string.h>

#include "history/internal.h"

/* Both are part of the fold and hence not configurable. Server 1.32.0: history.historyMaxAutoResetPoints and
 * searchAttributesSizeOfValueLimit. */
enum { RESET_POINTS_MAX = 20, ATTRIBUTE_BYTES_MAX = 2048, VERSIONS_ARENA_BYTES = 512 };

static const char unversioned[] = "unversioned";

/* The whole memory, replaced when something of it changes: workers seldom do. */
struct versions {
    struct arena *arena;
    PbWorkerVersionStamp *stamp; /* NULL: the last completion had none */
    PbResetPoints *points;       /* oldest first; the run id of this run's own is "" */
    const char **build_ids;      /* as BuildIds has them: "unversioned", then "unversioned:<build id>" */
    size_t build_ids_count;
};

/* A copy that has room for one more reset point and build id. */
static struct versions *versions_copy(const struct versions *before)
{
    static const struct versions none;
    struct arena *arena = arena_new(VERSIONS_ARENA_BYTES);
    struct versions *copy = ARENA_NEW(arena, struct versions);
    size_t points_count;

    if (before == NULL)
        before = &none;
    points_count = before->points == NULL ? 0 : before->points->n_points;
    copy->arena = arena;
    copy->stamp = pb_copy(arena, before->stamp);
    copy->points = ARENA_NEW_PB(arena, PbResetPoints);
    copy->points->points = ARENA_NEW_ARRAY(arena, PbResetPointInfo *, points_count + 1);
    for (; copy->points->n_points < points_count; copy->points->n_points++)
        copy->points->points[copy->points->n_points] = pb_copy(arena, before->points->points[copy->points->n_points]);
    copy->build_ids = ARENA_NEW_ARRAY(arena, const char *, before->build_ids_count + 2);
    for (; copy->build_ids_count < before->build_ids_count; copy->build_ids_count++)
        copy->build_ids[copy->build_ids_count] = arena_strdup(arena, before->build_ids[copy->build_ids_count]);
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
    struct versions from = {.points = borrow(points)};

    if (points != NULL && points->n_points > 0)
        replace(ms, versions_copy(&from));
}

const PbWorkerVersionStamp *mutable_state_last_stamp(const struct mutable_state *ms)
{
    return ms->versions == NULL ? NULL : ms->versions->stamp;
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

static bool build_id_is_known(const struct versions *versions, const char *build_id)
{
    for (size_t i = 1; i < versions->build_ids_count; i++)
        if (strcmp(versions->build_ids[i] + sizeof(unversioned), build_id) == 0)
            return true;
    return false;
}

/* Adds "unversioned" and the build id; where that gets too long for an attribute, the oldest one goes. */
static void add_build_id(struct mutable_state *ms, struct versions *versions, const char *build_id)
{
    struct arena *scratch = arena_new(1024);
    PbPayload *payload;

    if (versions->build_ids_count == 0)
        versions->build_ids[versions->build_ids_count++] = unversioned;
    if (build_id[0] != '\0')
        versions->build_ids[versions->build_ids_count++] =
            arena_printf(versions->arena, "%s:%s", unversioned, build_id);
    payload = keyword_list_payload(scratch, versions->build_ids_count, versions->build_ids);
    while (payload->data.len > ATTRIBUTE_BYTES_MAX && versions->build_ids_count > 1) {
        versions->build_ids_count--;
        memmove(versions->build_ids + 1, versions->build_ids + 2, (versions->build_ids_count - 1) * sizeof(char *));
        payload = keyword_list_payload(scratch, versions->build_ids_count, versions->build_ids);
    }
    mutable_state_set_search_attribute(ms, "BuildIds", payload);
    arena_free(scratch);
}

void versions_note_completion(struct mutable_state *ms, const PbHistoryEvent *event,
                              const PbWorkflowTaskCompletedEventAttributes *attributes)
{
    const struct versions *before = ms->versions;
    struct versions *after;
    const PbWorkerVersionStamp *stamp = attributes->worker_version;
    const char *build_id = stamp == NULL ? "" : stamp->build_id, *checksum = attributes->binary_checksum;
    bool is_new_point = !point_is_known(before, checksum, build_id);
    bool is_new_build_id =
        before == NULL || before->build_ids_count == 0 || (build_id[0] != '\0' && !build_id_is_known(before, build_id));

    if (!is_new_point && !is_new_build_id && stamps_are_equal(stamp, before->stamp))
        return;
    after = versions_copy(before);
    after->stamp = pb_copy(after->arena, stamp);
    if (is_new_point)
        add_point(ms, after, event, checksum, build_id);
    if (is_new_point && checksum[0] != '\0')
        set_checksums_attribute(ms, after);
    if (is_new_build_id)
        add_build_id(ms, after, build_id);
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
