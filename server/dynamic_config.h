/*
 * What `--dynamic-config-value KEY=JSON` can change, with the real server's defaults (release 1.32.0). One table in
 * dynamic_config.c has a line per key. A key that is not in it is accepted and has no effect, and a value of the wrong
 * type leaves the default, both as there.
 */
#ifndef FERMATA_SERVER_DYNAMIC_CONFIG_H
#define FERMATA_SERVER_DYNAMIC_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/status.h"
#include "history/transition.h"
#include "matching/deployments.h"
#include "proto/json.h"

struct dynamic_config {
    /* What decisions respect: lengths of ids, sizes of payloads, memos and histories, numbers of pending things. */
    struct history_limits history;

    nanos long_poll_max;         /* matching.longPollExpirationInterval: a poll without a task ends empty after this */
    nanos history_long_poll_max; /* history.longPollExpirationInterval: the same for readers that wait for new events */
    /* Batches per page of a history: of one that is read, without another number; behind a workflow task; behind a
     * query of a run that has no task. At most 256, which is what anything else means. */
    int32_t read_page_max, task_page_max, query_page_max;
    int32_t buffered_queries_max; /* history.MaxBufferedQueryCount: per run, waiting for its workflow task */
    int32_t long_polls_max;       /* frontend.namespaceCount: concurrent ones per namespace and API */

    /* Requests that start or signal. */
    int32_t links_max, link_bytes_max;
    int32_t callbacks_max, callback_url_bytes_max, callback_header_bytes_max;
    int32_t search_attributes_max, search_attribute_bytes_max, search_attributes_bytes_max;
    int32_t summary_bytes_max, details_bytes_max; /* user metadata */
    int32_t build_id_bytes_max;
    int32_t task_completion_bytes_max; /* reported by DescribeNamespace */

    /* Worker deployments. */
    struct deployments_limits deployments;
    bool deployment_versions; /* system.enableDeploymentVersions: whether they may be used at all */
    nanos poller_history;     /* matching.PollerHistoryTTL: how long a worker counts after its last poll */
    int32_t deployment_reads_per_second, deployment_reads_burst_ratio; /* per namespace */
    int32_t batches_max;                 /* frontend.MaxConcurrentBatchOperationPerNamespace: running ones */
    int32_t batch_operations_per_second; /* worker.batcherRPS: of a batch that does not ask for a number */

    int32_t fairness_weights_max; /* matching.maxFairnessKeyWeightOverrides: configured for one task queue */

    /* frontend.httpAllowedHosts: what the Host of a request to the HTTP API must be like, "*" standing for anything; no
     * list: no matter. Texts are borrowed from the arena of dynamic_config_set. */
    struct json_texts http_hosts;

    bool server_version_check; /* frontend.enableServerVersionCheck; nothing phones home, whatever it says */
};

/* The defaults. */
void dynamic_config_init(struct dynamic_config *config);

/* Applies one "KEY=JSON". An error has the real server's text when it is not of that form. */
status dynamic_config_set(struct dynamic_config *config, struct arena *arena, const char *assignment);

#endif
