/*
 * Worker deployment versions and versioning overrides as the API writes them: their textual forms, old and new members,
 * and what is wrong with one. Nothing here knows which versions there are.
 */
#ifndef FERMATA_PROTO_VERSIONING_H
#define FERMATA_PROTO_VERSIONING_H

#include <stdbool.h>

#include "base/arena.h"
#include "proto/api.h"

/* How the deprecated text members name the absence of a version. */
#define UNVERSIONED_TEXT "__unversioned__"

/* "deployment.build", the form of the deprecated text members; UNVERSIONED_TEXT for NULL. In `arena`. */
char *version_to_text(struct arena *arena, const PbWorkerDeploymentVersion *version);

/* "deployment:build", the form of search attributes and of error texts. Not NULL. In `arena`. */
char *version_to_key(struct arena *arena, const PbWorkerDeploymentVersion *version);

/* A copy in `arena`, without fields that we do not know; NULL stays NULL. pb_copy would pack and unpack. */
PbWorkerDeploymentVersion *version_copy(struct arena *arena, const PbWorkerDeploymentVersion *version);

/* Reads the form of the deprecated text members: cut at the first '.', or at the first ':' when that comes before. NULL
 * result with NULL `ret_problem`: unversioned. `ret_problem`: what is wrong, in `arena`. */
PbWorkerDeploymentVersion *version_from_text(struct arena *arena, const char *text, const char **ret_problem);

/* Whether two versions are the same; NULL is unversioned. */
bool versions_are_equal(const PbWorkerDeploymentVersion *a, const PbWorkerDeploymentVersion *b);

/* What is wrong with the form of an override, as the text for INVALID_ARGUMENT, in `arena` or a literal; NULL: nothing.
 * NULL overrides are fine. */
const char *override_problem(struct arena *arena, const PbVersioningOverride *override);

/* The same override without the deprecated members: as it is stored. NULL stays NULL, and so becomes one that says
 * nothing. Shares memory with `override`. */
PbVersioningOverride *override_normal(struct arena *arena, const PbVersioningOverride *override);

/* The version that an override sends a workflow to (pinned and one-time, old members too); NULL: none. In `arena` when
 * it is made from old members. */
const PbWorkerDeploymentVersion *override_target(struct arena *arena, const PbVersioningOverride *override);

/* Whether it names its target by the oldest member (`deployment`), which is not looked up in the task queue. */
bool override_is_of_series(const PbVersioningOverride *override);

/* The behaviour that it makes effective: a one-time override acts as a pinned one. UNSPECIFIED for NULL. */
PbVersioningBehavior override_behavior(const PbVersioningOverride *override);

#endif
