/* What the handlers of worker deployments share. */
#ifndef FERMATA_SERVER_FRONTEND_DEPLOYMENTS_H
#define FERMATA_SERVER_FRONTEND_DEPLOYMENTS_H

#include "base/status.h"
#include "matching/deployments.h"
#include "proto/api.h"
#include "server/frontend/check.h"

/* PERMISSION_DENIED where versions are switched off. */
__attribute__((warn_unused_result)) status check_deployments_enabled(const struct check *check);

/* The version that a request names by the deprecated text. "__unversioned__" leaves both names empty. */
__attribute__((warn_unused_result)) status check_version_text(const struct check *check, const char *text,
                                                              struct queue_version *ret_version);

/* The conflict token of a deployment, in `arena`. */
ProtobufCBinaryData conflict_token_of(struct arena *arena, const struct deployment *deployment);

/* The metadata of a version, in `arena`; NULL when it has none. */
PbVersionMetadata *describe_version_metadata(struct arena *arena, const PbDeploymentVersionRecord *record);

/* What a compute config shows in lists: types and kinds; NULL for NULL. */
PbComputeConfigSummary *summarize_compute_config(struct arena *arena, const PbComputeConfig *config);

/* That a compute config is one: as far as a server can tell that runs no workers itself. NULL is fine. */
__attribute__((warn_unused_result)) status check_compute_config(const struct check *check,
                                                                const PbComputeConfig *config);

#endif
