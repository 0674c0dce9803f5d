/*
 * What is wrong with a request, as the real frontend would say it: small checks that handlers put together in the real
 * order, for the first mistake is the one that a client hears of. Nothing here looks at a run; that is the engine's
 * part.
 *
 * Checks do not change requests. Where the real frontend fills in defaults, the handler works on a shallow copy.
 */
#ifndef FERMATA_SERVER_FRONTEND_CHECK_H
#define FERMATA_SERVER_FRONTEND_CHECK_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/rand.h"
#include "base/status.h"
#include "proto/api.h"
#include "server/call.h"
#include "server/dynamic_config.h"
#include "server/services/namespaces.h"

/* What checks depend on beside the request. */
struct check {
    struct arena *arena; /* texts and details of errors, and what is normalised */
    const struct dynamic_config *config;
    const struct namespace_info *ns; /* NULL where the token names it */
    struct rand *rand;
    nanos now;
};

/* ---- the beginning of a handler ---- */

/* Finds the namespace that a request names and prepares the checks of the request. */
__attribute__((warn_unused_result)) status check_begin(struct call *call, const char *namespace_name,
                                                       struct check *ret_check);

/* What a token must be of. */
enum token_kind { TOKEN_OF_TASK, TOKEN_OF_QUERY };

/* The same for what carries a task token: it must be one of ours and of this kind. When the request names no namespace,
 * ns stays NULL: the token's run knows it. */
__attribute__((warn_unused_result)) status check_begin_token(struct call *call, const char *namespace_name,
                                                             const ProtobufCBinaryData *token, enum token_kind kind,
                                                             struct check *ret_check);

/* ---- parts of requests ---- */

/* A run that a request names: set, with a workflow id, and a run id that is a UUID or empty. */
__attribute__((warn_unused_result)) status check_execution(const PbWorkflowExecution *execution);

/* The identity of a worker. */
__attribute__((warn_unused_result)) status check_identity(const struct check *check, const char *identity);

/* A task queue by name: of a poll, or (`for_users`) one that tasks shall go to. */
__attribute__((warn_unused_result)) status check_task_queue(const struct check *check, const PbTaskQueue *queue,
                                                            bool for_users);

/* The same for a question, which may also be about a partition of one. */
__attribute__((warn_unused_result)) status check_task_queue_or_partition(const struct check *check,
                                                                         const PbTaskQueue *queue);

/* The size of a payload set, or any other message that an event will hold. NULL is fine. */
__attribute__((warn_unused_result)) status check_blob(const struct check *check, const void *message);

/* Whether a message is over the size of a payload set. NULL is not. */
bool blob_is_too_large(const struct check *check, const void *message);

/* A signal to a workflow, a change of its options, and a reset of one. */
__attribute__((warn_unused_result)) status check_update_options(const struct check *check,
                                                                const PbUpdateWorkflowExecutionOptionsRequest *req);
__attribute__((warn_unused_result)) status check_signal(const struct check *check,
                                                        const PbSignalWorkflowExecutionRequest *req);
__attribute__((warn_unused_result)) status check_reset(const struct check *check,
                                                       const PbResetWorkflowExecutionRequest *req);

/* Links that an event will carry. */
__attribute__((warn_unused_result)) status check_links(const struct check *check, size_t count,
                                                       PbCommonLink *const *links);

/* Priority and fairness; NULL is fine. */
__attribute__((warn_unused_result)) status check_priority(const PbPriority *priority);

/* The names that make a worker deployment version. */
__attribute__((warn_unused_result)) status check_deployment_name(const struct check *check, const char *name);
__attribute__((warn_unused_result)) status check_build_id(const struct check *check, const char *build_id);

/* What a worker says of its version, old style (`use_versioning`, `build_id`) and new. `queue` is the sticky queue or
 * the one that is polled; NULL: none. */
__attribute__((warn_unused_result)) status check_worker_version(const struct check *check, bool use_versioning,
                                                                const char *build_id,
                                                                const PbWorkerDeploymentOptions *options,
                                                                const PbTaskQueue *queue);

/* The deadline of a long poll: it must be there, and leave time to wait. */
__attribute__((warn_unused_result)) status check_poll_deadline(const struct call *call);

#endif
