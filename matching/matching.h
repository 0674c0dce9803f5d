/*
 * Matching: task queues, the polls that wait at them, and which poll gets which task.
 *
 * A physical queue is (namespace, name, type, version). There the polls of that version's workers wait, and the tasks
 * that they may take: those pinned to the version, and those of other workflows that the task queue sends to it at
 * present (matching/routing.h). Nothing here is stored: after a restart the engine adds the tasks of open runs again.
 *
 * A task is a small reference. Whether it is still wanted is known to the engine alone, so matching hands it over
 * through `ports.start`; a refused (stale) task is dropped and the poll keeps waiting.
 *
 * M1  A task is in at most one place: a backlog, or handed over.
 * M2  A poll waits at one queue; matched or removed, it never gets a second task.
 * M3  While a queue has a poll that may take a task of its backlog, that backlog holds no such task; a task that a
 * limit holds back (matching/throttle.h) may not be taken yet. M4  A task that is pinned to a version is handed to that
 * version's polls only (activities on queues that the version does not have aside: these are as if they were not
 * pinned). M5  Any other task waits where the task queue sends it at present.
 *
 * Of several polls the oldest gets the task: it is the nearest to its deadline, and work spreads over the workers. Of
 * several tasks a query goes first (its client stands waiting, and queries are not part of a backlog), then priority,
 * then age.
 *
 * `ports.start` may call matching_add, matching_remove_poll and the questions. What it adds is offered after it has
 * returned, so no two starts are ever under way at once. It must not call matching_poll, matching_reroute,
 * matching_sweep or matching_each_poll.
 */
#ifndef FERMATA_MATCHING_MATCHING_H
#define FERMATA_MATCHING_MATCHING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "matching/names.h"

struct matching;
struct poll;
struct query_task;
struct timers;

enum task_kind { TASK_WORKFLOW, TASK_ACTIVITY, TASK_QUERY };

/* What matching keeps of a task's binding, to route it again when routing changes. */
struct task_route {
    uint32_t hash; /* of the workflow id */
    uint32_t home; /* number, in the task queue, of the version that the task is pinned to; 0: it is not */
    bool is_pinned, use_ramping;
    bool is_bound; /* to some version, pinned or not */
};

/* Whose share of a queue a task belongs to. Zeroed: to nobody's, with the usual weight. */
struct fairness {
    uint32_t key; /* of matching_fairness_key */
    float weight; /* of the key's rate; 0: 1 */
};

/* A reference to something that a worker should do. Copied by matching. */
struct task {
    enum task_kind kind;
    int priority; /* 1 (first) to 5; 0 means 3 */
    struct fairness fairness;
    int64_t run;              /* the run's row */
    int64_t event_id;         /* scheduled_event_id */
    int64_t stamp;            /* must equal the run's or activity's stamp when it starts, else the task is stale */
    nanos created;            /* when it became ready; its age in the backlog */
    struct query_task *query; /* TASK_QUERY only: the engine's */
    struct task_route route;  /* matching's; set by matching_add */
};

/* What a task's workflow is bound to when the task is added: its effective behaviour and version. Zeroed (or NULL where
 * a pointer to it is taken): to nothing. Borrowed during the call. */
struct task_binding {
    bool is_pinned;               /* temporal.api.enums.v1.VERSIONING_BEHAVIOR_PINNED, to `version` */
    struct queue_version version; /* effective; empty: none */
    bool use_ramping;             /* the first task of a run that continued as new onto the ramping version */
    const char *workflow_id;      /* which side of a ramp it falls on; NULL: there is none (Nexus) */
    const char *normal_name;      /* at a sticky queue: the task queue whose routing decides; NULL: none does */
};

enum matching_event {
    MATCHING_ADDED_TO_POLL,    /* a task has come and is offered to a poll that waits */
    MATCHING_ADDED_TO_BACKLOG, /* a task has come, or come back, and waits */
    MATCHING_STARTED_AT_ONCE,  /* a poll has got a task that never waited */
    MATCHING_STARTED_LATER,    /* a poll has got a task that did */
    MATCHING_POLL_ENDED_EMPTY, /* a poll has waited in vain, or its client is gone */
};

/* What has happened at a physical queue. Borrowed during the call. */
struct matching_observation {
    enum matching_event event;
    struct queue_name queue;
    const char *normal_name;      /* of a sticky queue: the task queue that its worker also serves; NULL: not said */
    struct queue_version version; /* of the queue's workers; empty: without one */
    const struct task *task;      /* NULL: MATCHING_POLL_ENDED_EMPTY */
    nanos polled;                 /* how long the poll has waited; 0 when none is concerned */
    void **note;                  /* the queue's own, for the observer to keep something; NULL at first */
};

/* A fairness key whose tasks have this weight, whatever they say themselves. */
struct key_weight {
    uint32_t key;
    float weight;
};

/* What has been configured for a task queue. */
struct queue_limits {
    bool has_rate, has_key_rate;
    double rate;     /* tasks per second of the whole queue; goes before what workers ask for */
    double key_rate; /* tasks per second of one fairness key of weight 1 */
    const struct key_weight *weights;
    size_t weights_count;
};

/* What matching asks of the engine. */
struct matching_ports {
    void *engine;
    /* Hands `task` to `poll`: records the start and answers the poll. False: the task is stale (the poll was not used).
     */
    bool (*start)(void *engine, const struct task *task, struct poll *poll, bool from_backlog);
    /* Takes back a task of a sticky queue whose worker has not polled for long (matching_sweep), or whose
     * workflow is to move to another version (matching_reroute). May add it to another queue. NULL: such tasks stay
     * where they are. */
    void (*give_back)(void *engine, const struct task *task);

    /* The versions that there are (matching/deployments.h). NULL functions: none. */
    const void *deployments;
    /* Fills in where a queue that is not sticky sends work. Texts are borrowed until the routing changes. */
    void (*routing)(const void *deployments, const struct queue_name *queue, struct queue_routing *ret_routing);
    /* Whether workers of the version have polled the queue. */
    bool (*version_has_queue)(const void *deployments, const struct queue_name *queue,
                              const struct queue_version *version);

    /* Fills in what has been configured for a queue. The weights are borrowed until matching_limits_changed is called
     * for it. NULL: nothing ever is. */
    void (*limits)(const void *configs, const struct queue_name *queue, struct queue_limits *ret_limits);
    const void *configs;
    struct timers *timers; /* where tasks that may not go yet have their time; NULL: no queue is ever limited */

    /* Told what happens at physical queues, for metrics; NULL: nobody is. */
    void (*observe)(void *engine, const struct matching_observation *seen);

    nanos poller_history; /* how long a poller is shown after its last access; 0: five minutes, as on the real server */
};

/* A waiting poll. Embedded in memory of the poller's call; its texts live as long as it waits. */
struct poll {
    /* Set by the poller. */
    const char *identity;
    struct queue_version version;     /* the worker's, in mode VERSIONED; else empty */
    const void *deployment_options;   /* PbWorkerDeploymentOptions as sent, for describe; NULL when none */
    const void *version_capabilities; /* PbWorkerVersionCapabilities, the same */
    const char *normal_name;          /* sticky queues: the task queue that the worker also serves */
    bool wants_rate;
    double tasks_per_second_max; /* with wants_rate: how fast the whole queue is to be, as far as this worker goes */
    void *call;                  /* the engine's */

    /* Matching's. */
    struct poll *next, *prev;
    void *queue;
    nanos since;
};

/* A poller as describe shows it. Texts are borrowed until matching runs again. */
struct poller_info {
    const char *identity;
    struct queue_version version; /* as in struct poll */
    nanos last_access;
    double rate_per_second;
    const void *deployment_options, *version_capabilities;
};

/* What describe tells of a queue. */
struct queue_stats {
    int64_t backlog_count;
    nanos backlog_age;              /* 0 when empty */
    double add_rate, dispatch_rate; /* per second over the last 30 s */
    bool is_known;                  /* there has been a task in that time or one is waiting */
    bool is_held_back;              /* in that time, polls waited while tasks did, because of a limit */
};

/* Makes an empty matching service. */
struct matching *matching_new(const struct matching_ports *ports, const struct clock *clock);

/* Frees it and its backlogs; polls still waiting are their owners'. NULL is accepted. */
void matching_free(struct matching *matching);

/* Adds a task: hands it to a waiting poll at once if one may take it, else queues it. `binding` says whose polls these
 * are; NULL: its workflow is bound to nothing. A task for a sticky queue at which no poll was seen within 10 s, or
 * whose workflow is to move to another version, goes nowhere and false is returned: the caller adds it to the normal
 * queue. */
bool matching_add(struct matching *matching, const struct queue_name *queue, const struct task_binding *binding,
                  const struct task *task);

/* Where the queue sends, at present, the tasks of a workflow that is not pinned. Texts are borrowed until the routing
 * changes. */
struct queue_target matching_target(const struct matching *matching, const struct queue_name *queue,
                                    const char *workflow_id, bool use_ramping);

/* The routing of a task queue has changed, or which versions have it: what waits there moves to where it belongs now,
 * and polls that wait there get it at once. Linear in the number of tasks that wait, and of sticky queues. */
void matching_reroute(struct matching *matching, const struct queue_name *queue);

/* The same of all task queues: what has changed is not known, as when a turn was undone. */
void matching_reroute_all(struct matching *matching);

/* Lets `poll` take the first task that it may have, else makes it wait. True: it has been used (ports.start was called
 * with it and accepted). */
bool matching_poll(struct matching *matching, const struct queue_name *queue, struct poll *poll);

/* Notes a worker whose poll is going to come (matching_poll): it counts as one that polls from now on. */
void matching_expect_poll(struct matching *matching, const struct queue_name *queue, const struct poll *poll);

/* Takes a waiting poll out (client gone, deadline, drain). Nothing when it does not wait. `refresh`: count this as
 * seen. */
void matching_remove_poll(struct matching *matching, struct poll *poll, bool refresh);

/* Takes back a query that has not been handed over, for one that times out; true when it was there. */
bool matching_remove_query(struct matching *matching, const struct queue_name *queue, const struct query_task *query);

/* Forgets a sticky queue: its tasks are handed back through `each` (which may add them elsewhere) and later ones are
 * refused as if no poll was ever seen, until a new poll comes. Polls that wait there stay until they end. */
void matching_drop_sticky(struct matching *matching, const struct queue_name *queue,
                          void (*each)(void *context, const struct task *task), void *context);

/* Whether any poll was seen at the queue within the last `span` (waiting ones count). */
bool matching_has_recent_poll(const struct matching *matching, const struct queue_name *queue, nanos span);

/* Whether a poll waits at the queue right now. */
bool matching_has_waiting_poll(const struct matching *matching, const struct queue_name *queue);

/* Pollers seen lately (matching_ports.poller_history), newest first; at most `most`. Returns how many. */
size_t matching_pollers(const struct matching *matching, const struct queue_name *queue,
                        struct poller_info *ret_pollers, size_t most);

/* Numbers of a queue, all versions together. Queries count in the rates and not in the backlog. */
struct queue_stats matching_stats(const struct matching *matching, const struct queue_name *queue);

/* The same for tasks of one priority, 1 to 5. */
struct queue_stats matching_stats_of_priority(const struct matching *matching, const struct queue_name *queue,
                                              int priority);

/* The numbers of one version, or (empty) of workers without one: those of its own queue and the share that falls to it
 * of what is not pinned. */
struct queue_stats matching_version_stats(const struct matching *matching, const struct queue_name *queue,
                                          const struct queue_version *version);
struct queue_stats matching_version_stats_of_priority(const struct matching *matching, const struct queue_name *queue,
                                                      const struct queue_version *version, int priority);

/* As matching_pollers, of one version or (empty) of workers without one. */
size_t matching_version_pollers(const struct matching *matching, const struct queue_name *queue,
                                const struct queue_version *version, struct poller_info *ret_pollers, size_t most);

/* Whether a worker of the version was seen at any queue of the namespace within the last `span`. Linear in the number
 * of queues. */
bool matching_version_has_pollers(const struct matching *matching, int64_t namespace_id,
                                  const struct queue_version *version, nanos span);

/* What has been configured for the queue (matching_ports.limits) has changed: it acts at once, on what waits, too. */
void matching_limits_changed(struct matching *matching, const struct queue_name *queue);

/* How many tasks per second a queue hands out at most. */
struct queue_rate {
    enum { RATE_UNLIMITED, RATE_CONFIGURED, RATE_OF_WORKER } source;
    double per_second; /* unless it is unlimited */
};
struct queue_rate matching_rate(const struct matching *matching, const struct queue_name *queue);

/* A rate that is not below this limits nothing: it is what no queue of the real server exceeds with its four
 * partitions. SDKs that want no limit ask for more. */
#define MATCHING_RATE_MAX 4000

/* The number by which a fairness key is told from others. "" has 0; two keys have the same once in four billion. */
uint32_t matching_fairness_key(const char *key);

/* A physical queue as a page of metrics shows it: what waits, by priority, as matching_version_stats_of_priority has
 * it.
 */
struct queue_report {
    struct queue_name queue;
    const char *normal_name; /* as in struct matching_observation */
    struct queue_version version;
    int64_t backlog_counts[5]; /* of priority 1 to 5 */
    nanos backlog_age;
    size_t waiting_polls, pollers; /* polls that wait; workers seen lately */
};

/* Calls `each` for every physical queue. Texts are borrowed during the call. Linear in the number of queues. */
void matching_each_queue(const struct matching *matching,
                         void (*each)(void *context, const struct queue_report *report), void *context);

/* Forgets poller records that have expired and empty queues that nobody has used for a while. Called now and then:
 * linear in the number of queues. */
void matching_sweep(struct matching *matching);

/* Every waiting poll, for draining: calls `each` until none is left; `each` must remove the poll. */
void matching_each_poll(struct matching *matching, void (*each)(void *context, struct poll *poll), void *context);

#endif
