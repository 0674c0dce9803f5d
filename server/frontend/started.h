/*
 * From a request to start a workflow to the first event of its history: checked, with defaults filled in, then field by
 * field.
 */
#ifndef FERMATA_SERVER_FRONTEND_STARTED_H
#define FERMATA_SERVER_FRONTEND_STARTED_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/status.h"
#include "history/transition.h"
#include "proto/api.h"
#include "server/frontend/check.h"

/* Checks a start and returns it with its defaults filled in: id policies (never UNSPECIFIED, never
 * TERMINATE_IF_RUNNING), request id, retry policy, kind of task queue, search attributes and memo without nil values.
 * Eager execution is declined when the first task has to wait. What it does not change is borrowed from `req`. */
__attribute__((warn_unused_result)) status check_start(const struct check *check,
                                                       const PbStartWorkflowExecutionRequest *req,
                                                       PbStartWorkflowExecutionRequest **ret_req);

/* Checks a start with a signal; returns the start in it, as check_start does. Its request id is the signal's, too. */
__attribute__((warn_unused_result)) status check_signal_with_start(const struct check *check,
                                                                   const PbSignalWithStartWorkflowExecutionRequest *req,
                                                                   PbStartWorkflowExecutionRequest **ret_start);

/* The attributes of WorkflowExecutionStarted for a request that check_start has returned, for a run `run_id` that
 * starts at `now` and has no predecessor and no parent. Messages of `req` and `run_id` are borrowed. Also ends the
 * time-outs' story: the run's is cut to the execution's, the task's is the default when not set, then cut to the
 * maximum and to the run's. */
PbWorkflowExecutionStartedEventAttributes *frontend_make_started(struct arena *arena,
                                                                 const PbStartWorkflowExecutionRequest *req,
                                                                 const char *run_id, nanos now,
                                                                 const struct history_limits *limits);

#endif
