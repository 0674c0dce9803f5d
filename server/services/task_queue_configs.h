/*
 * What has been configured for task queues (UpdateTaskQueueConfig): limits and weights of fairness keys. All of it is
 * in memory, restored from the database at start, stored with the turn that changes it and undone when its commit
 * fails.
 */
#ifndef FERMATA_SERVER_SERVICES_TASK_QUEUE_CONFIGS_H
#define FERMATA_SERVER_SERVICES_TASK_QUEUE_CONFIGS_H

#include "base/status.h"
#include "matching/matching.h"
#include "proto/api.h"

struct server;
struct task_queue_configs;

/* Makes server->task_queue_configs of what is stored. server->store and turn must be there. DATA_LOSS when a row cannot
 * be read. */
status task_queue_configs_new(struct server *server);

/* Frees it; NULL is accepted. */
void task_queue_configs_free(struct task_queue_configs *configs);

/* Lets matching ask: call it with the ports that matching is then made with. NULL: nothing is ever configured. */
void task_queue_configs_fill_ports(const struct task_queue_configs *configs, struct matching_ports *ports);

/* The config of a queue, which need not be of a type that there is; NULL: it never had any. Borrowed until it changes.
 */
const PbTaskQueueConfig *task_queue_configs_find(const struct task_queue_configs *configs,
                                                 const struct queue_name *queue);

/* Replaces it by a copy of `config`; matching is told. */
void task_queue_configs_set(struct task_queue_configs *configs, const struct queue_name *queue,
                            const PbTaskQueueConfig *config);

/* The commit of this turn has succeeded, or failed. NULL is accepted. */
void task_queue_configs_turn_done(struct task_queue_configs *configs);
void task_queue_configs_forget_turn(struct task_queue_configs *configs);

#endif
