/*
 * The engine: loads runs, asks history/ for decisions, stores their events and carries out their effects. Everything
 * that happens to a workflow passes through here.
 *
 * Its functions take a request that server/frontend has validated, most of them with its call; they fill the response,
 * or park the call. A status that they return goes to the client as it is.
 *
 * Runs live in memory while they are busy; idle ones are evicted under a memory budget and folded again when touched.
 */
#ifndef FERMATA_SERVER_ENGINE_ENGINE_H
#define FERMATA_SERVER_ENGINE_ENGINE_H

#include "base/status.h"
#include "history/transition.h"
#include "server/call.h"
#include "server/server.h"

struct engine;
struct namespace_info;
struct run;

/* Makes the engine (and server->matching). server->store, clock, rand, timers and namespaces must be there. */
struct engine *engine_new(struct server *server);

/* Frees it; parked calls must be gone. NULL is accepted. */
void engine_free(struct engine *engine);

/* For metrics. */
struct engine_counts {
    uint64_t runs_loaded, runs_parked; /* whose state is in memory; of which a few bytes are, see engine/runs.c */
    uint64_t runs_bytes;               /* of those loaded */
    uint64_t folds;                    /* runs read from the database, since start */
};
struct engine_counts engine_counts(const struct engine *engine);

/* Begins to bring back what open runs of the database wait for, and to delete closed ones whose time is over; both go
 * on in steps, a bounded number per turn. */
void engine_recover(struct engine *engine);

/* Called by the turn before each commit: what this turn's transitions ask of other runs, then hands workflow tasks to
 * matching. */
void engine_turn_work(struct engine *engine);

/* Whether it would do anything: what was deferred may have asked for something that writes no row. */
bool engine_has_turn_work(const struct engine *engine);

/* The turn's commit has failed: drops every run that the turn touched. */
void engine_forget_turn(struct engine *engine);

/* Called by the turn after each commit: lets go of what the turn touched, evicts. */
void engine_turn_done(struct engine *engine);

/* What clients do to runs, by a call or in a batch. `ns` has been found by name in the request; what a response points
 * to and the texts of errors are in `arena`. */
status engine_signal_workflow(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                              const PbSignalWorkflowExecutionRequest *req, PbSignalWorkflowExecutionResponse *resp);
status engine_request_cancel(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                             const PbRequestCancelWorkflowExecutionRequest *req);
status engine_terminate(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                        const PbTerminateWorkflowExecutionRequest *req);
status engine_reset(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                    const PbResetWorkflowExecutionRequest *req, PbResetWorkflowExecutionResponse *resp);
status engine_delete_workflow(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                              const PbDeleteWorkflowExecutionRequest *req);
status engine_update_options(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                             const PbUpdateWorkflowExecutionOptionsRequest *req,
                             PbUpdateWorkflowExecutionOptionsResponse *resp);

/* What is wrong with the paths of a mask of workflow options, in `arena`; NULL: nothing. */
const char *options_mask_problem(struct arena *arena, const PbFieldMask *mask);

/* The event to reset a run to: its first or last completed workflow task, or, if it has none, behind the first that was
 * scheduled. FAILED_PRECONDITION when it has neither. */
status engine_reset_event(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                          const PbWorkflowExecution *execution, bool last, int64_t *ret_event_id);

/* The same: the first workflow task that a build has completed. It may be one of an earlier run, which `execution`
 * names then. FAILED_PRECONDITION when there is none, or it is of no use. */
status engine_reset_event_of_build(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                                   const char *build_id, bool current_run_only, PbWorkflowExecution *execution,
                                   int64_t *ret_event_id);

/* Other client calls. */
status engine_start_workflow(struct call *call, const struct namespace_info *ns,
                             const PbStartWorkflowExecutionRequest *req, PbStartWorkflowExecutionResponse *resp);
/* `start` is the start that the request holds, `req` the request itself. */
status engine_signal_with_start(struct call *call, const struct namespace_info *ns,
                                const PbStartWorkflowExecutionRequest *start,
                                const PbSignalWithStartWorkflowExecutionRequest *req,
                                PbSignalWithStartWorkflowExecutionResponse *resp);
status engine_describe(struct call *call, const struct namespace_info *ns,
                       const PbDescribeWorkflowExecutionRequest *req, PbDescribeWorkflowExecutionResponse *resp);
status engine_get_history(struct call *call, const struct namespace_info *ns,
                          const PbGetWorkflowExecutionHistoryRequest *req, PbGetWorkflowExecutionHistoryResponse *resp);
status engine_get_history_reverse(struct call *call, const struct namespace_info *ns,
                                  const PbGetWorkflowExecutionHistoryReverseRequest *req,
                                  PbGetWorkflowExecutionHistoryReverseResponse *resp);
status engine_query(struct call *call, const struct namespace_info *ns, const PbQueryWorkflowRequest *req,
                    PbQueryWorkflowResponse *resp);

/* Admits an update, and waits for what becomes of it; waits for one that was admitted before. */
status engine_update_workflow(struct call *call, const struct namespace_info *ns,
                              const PbUpdateWorkflowExecutionRequest *req, PbUpdateWorkflowExecutionResponse *resp);
status engine_poll_update(struct call *call, const struct namespace_info *ns,
                          const PbPollWorkflowExecutionUpdateRequest *req, PbPollWorkflowExecutionUpdateResponse *resp);

/* Update-with-start. Its errors go out as `wrap` makes them of what has failed, also those that come later. */
enum with_start_failure {
    START_FAILED,
    UPDATE_OF_NEW_FAILED,  /* the workflow has been started for it */
    UPDATE_OF_OPEN_FAILED, /* nothing has been started */
};
typedef status wrap_error(struct call *call, enum with_start_failure failed, status error);
status engine_update_with_start(struct call *call, const struct namespace_info *ns,
                                const PbStartWorkflowExecutionRequest *start,
                                const PbUpdateWorkflowExecutionRequest *update, wrap_error *wrap,
                                PbExecuteMultiOperationResponse *resp);

/* Worker calls. Respond... find their namespace in the token when the request has none (`ns` NULL then). */
status engine_poll_workflow_task(struct call *call, const struct namespace_info *ns,
                                 const PbPollWorkflowTaskQueueRequest *req, PbPollWorkflowTaskQueueResponse *resp);
status engine_complete_workflow_task(struct call *call, const struct namespace_info *ns,
                                     const PbRespondWorkflowTaskCompletedRequest *req,
                                     PbRespondWorkflowTaskCompletedResponse *resp);
status engine_fail_workflow_task(struct call *call, const struct namespace_info *ns,
                                 const PbRespondWorkflowTaskFailedRequest *req);
status engine_answer_query(struct call *call, const struct namespace_info *ns,
                           const PbRespondQueryTaskCompletedRequest *req);
status engine_poll_activity_task(struct call *call, const struct namespace_info *ns,
                                 const PbPollActivityTaskQueueRequest *req, PbPollActivityTaskQueueResponse *resp);
status engine_complete_activity(struct call *call, const struct namespace_info *ns,
                                const PbRespondActivityTaskCompletedRequest *req);
status engine_fail_activity(struct call *call, const struct namespace_info *ns,
                            const PbRespondActivityTaskFailedRequest *req, PbRespondActivityTaskFailedResponse *resp);
status engine_cancel_activity(struct call *call, const struct namespace_info *ns,
                              const PbRespondActivityTaskCanceledRequest *req);
status engine_heartbeat_activity(struct call *call, const struct namespace_info *ns,
                                 const PbRecordActivityTaskHeartbeatRequest *req,
                                 PbRecordActivityTaskHeartbeatResponse *resp);
status engine_reset_sticky(struct call *call, const struct namespace_info *ns,
                           const PbResetStickyTaskQueueRequest *req);
status engine_shutdown_worker(struct call *call, const struct namespace_info *ns, const PbShutdownWorkerRequest *req);

/* For frontend code that shows a run: finds it (run_id "" means the current one) with its state loaded. NOT_FOUND with
 * the real server's texts, INVALID_ARGUMENT for a run id that is not a UUID. Valid until the turn ends. */
status engine_find_run(struct call *call, const struct namespace_info *ns, const PbWorkflowExecution *execution,
                       struct run **ret_run);

/* The same without a call; texts in `arena`. */
status engine_look_up_run(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                          const PbWorkflowExecution *execution, struct run **ret_run);

/* The loaded state of a found run; its run id as text; its row. */
const struct mutable_state *run_state(const struct run *run);
const char *run_id_text(const struct run *run);
int64_t run_row_id(const struct run *run);

#endif
