/*
 * Which executions a batch deals with, one after the other: those that its request lists, or those that its query
 * selects.
 *
 * BT1  A query's runs come by their row ids, downward from those that were there at the start. So each comes once,
 * whatever becomes of it meanwhile, and what the batch itself brings forth never comes. Whether a run belongs to the
 * query is judged when it is found.
 */
#ifndef FERMATA_SERVER_SERVICES_BATCH_TARGETS_H
#define FERMATA_SERVER_SERVICES_BATCH_TARGETS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "proto/api.h"

struct batch_targets;
struct namespace_info;
struct server;

/* An execution, and the place behind it: where to begin once it has been dealt with (batch_row.at). */
struct batch_target {
    PbWorkflowExecution execution;
    int64_t at;
};

/* Where a request's executions begin, and how many there are; -1: they are to be counted. */
int64_t batch_targets_begin(const struct server *server, const PbStartBatchOperationRequest *request);
int64_t batch_targets_total(const PbStartBatchOperationRequest *request);

/* Makes a request's executions from the place `at` on. `ns` and `request` are borrowed. */
struct batch_targets *batch_targets_new(const struct server *server, const struct namespace_info *ns,
                                        const PbStartBatchOperationRequest *request, int64_t at);

/* Frees it, with the executions that it has given out. NULL is accepted. */
void batch_targets_free(struct batch_targets *targets);

/* Takes a step of counting what the query selects. INVALID_ARGUMENT: it means nothing. */
status batch_targets_count(struct batch_targets *targets, bool *ret_done, int64_t *ret_total);

/* Takes a step of finding the next ones, when none is known. What was given out in earlier turns is freed. */
status batch_targets_find(struct batch_targets *targets);

/* The next one, if one is known; else NULL. The same one until it is passed. */
const struct batch_target *batch_targets_next(const struct batch_targets *targets);

/* Goes to the one behind it. */
void batch_targets_pass(struct batch_targets *targets);

/* Whether all have been passed. */
bool batch_targets_are_over(const struct batch_targets *targets);

#endif
