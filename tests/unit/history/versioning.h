/*
 * What the tests of versions share: workers that belong to versions, and what a run says of its own as one line of
 * text. A version is written "d:1", deployment d, build id 1; "" or NULL is none.
 */
#ifndef FERMATA_TESTS_HISTORY_VERSIONING_H
#define FERMATA_TESTS_HISTORY_VERSIONING_H

#include "tests/unit/history/support.h"

#define AUTO_UPGRADE VERSIONING_BEHAVIOR_AUTO_UPGRADE
#define PINNED       VERSIONING_BEHAVIOR_PINNED
#define UNSPECIFIED  VERSIONING_BEHAVIOR_UNSPECIFIED

PbWorkerDeploymentVersion *version_of(struct bed *bed, const char *text);

/* "" (none), "pinned d:1", "one-time d:1" or "auto". */
PbVersioningOverride *override_of(struct bed *bed, const char *text);

/* A worker of this version is given the task, which the queue sends to `target` by revision `revision`. */
void poll_as(struct bed *bed, const char *version, const char *target, int64_t revision);

/* It completes it. */
PbRespondWorkflowTaskCompletedRequest *completion_as(struct bed *bed, const char *version,
                                                     PbVersioningBehavior behavior);
void complete_as(struct bed *bed, const char *version, PbVersioningBehavior behavior);

/* Both, for a version that is the target as well. */
void run_task_as(struct bed *bed, const char *version, PbVersioningBehavior behavior, int64_t revision);

/* The options are updated: the override, "" unsetting it. */
void set_override(struct bed *bed, const char *override);

/* What describe tells: "Pinned d:1 (override one-time d:2) -> d:3 rev 4 ramping", with what there is of it; "nothing"
 * without a message, "empty" for an empty one. */
const char *versioning_of(struct bed *bed);
#define EXPECT_VERSIONING(bed, text) ck_assert_str_eq(versioning_of(bed), (text))

/* Where tasks go: "Pinned d:1". */
const char *binding_of(struct bed *bed);
#define EXPECT_BINDING(bed, text) ck_assert_str_eq(binding_of(bed), (text))

/* The search attributes of versions: [build ids] [used] deployment version behavior, those that are there. */
const char *attributes_of(struct bed *bed);
#define EXPECT_ATTRIBUTES(bed, text) ck_assert_str_eq(attributes_of(bed), (text))

/* What a run begins with: "override pinned d:1, pinned d:1, upgraded d:1 rev 2 ramping, declined d:2 rev 3". */
const char *inheritance_of(struct bed *bed, const PbWorkflowExecutionStartedEventAttributes *started);

#endif
