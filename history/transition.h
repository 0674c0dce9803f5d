/*
 * A transition: one change of one run. It collects the events that a decision adds and what else must happen (effects),
 * and applies the events to the state as it goes, so that the next command of the same workflow task sees them.
 *
 * Life: transition_begin, then any number of decisions (functions of this folder that take a `struct transition *`),
 * then the engine packs and stores the events and carries out the effects. A transition that is given up (a refused
 * command) leaves a changed state behind: the engine drops that state and folds it again.
 *
 * TR1  An event that may not enter the log while a workflow task is started is buffered instead (see buffered.c).
 * TR2  A batch ends after every WorkflowTaskStarted (history pages count batches).
 */
#ifndef FERMATA_HISTORY_TRANSITION_H
#define FERMATA_HISTORY_TRANSITION_H

#include "history/mutable_state.h"

/* Limits that decisions respect; the server's configuration sets them. Bytes are of packed messages. */
struct history_limits {
    int64_t id_bytes_max;
    int64_t blob_bytes_max;
    int64_t memo_bytes_max;
    int32_t pending_activities_max;
    int32_t pending_children_max, pending_signals_max, pending_cancels_max;
    int32_t signals_max;
    int32_t buffered_events_max;
    int64_t buffered_bytes_max;
    int64_t history_events_max, history_bytes_max;
    int64_t state_bytes_max;       /* of mutable_state_stored_bytes */
    int64_t transaction_bytes_max; /* of the events of one transition */
    int64_t suggest_events, suggest_bytes;
    int64_t updates_in_flight_bytes_max; /* of updates, 0 means: no limit */
    int32_t updates_in_flight_max, updates_total_max;
    int32_t updates_suggest_millionths; /* of updates_total_max: so many are a reason to continue as new; 0: none are */
    nanos task_timeout_default, task_timeout_max;
    nanos task_heartbeat_max;      /* so long a worker may keep a task alive without progress (local activities) */
    int32_t reported_problems_min; /* so many unsuccessful tasks in a row are told of in a search attribute; 0: none */
    bool crosses_namespaces;       /* whether commands may act in other namespaces */
    bool tells_of_targets; /* whether pinned workflows are told that their queue sends work to another version now */
};

/* Something that must happen once the events are stored. */
enum effect_kind {
    EFFECT_DISPATCH_ACTIVITY,      /* hand activity `event_id` to matching */
    EFFECT_START_ACTIVITY_EAGERLY, /* let the worker that has scheduled it begin at once */
    EFFECT_START_CHILD,            /* start the child that event `event_id` has initiated */
    EFFECT_TELL_EXTERNAL,          /* deliver the signal or cancellation request that event `event_id` has initiated */
};
struct effect {
    enum effect_kind kind;
    int64_t event_id; /* of the event that scheduled or initiated it */
};

/* What has become of an update: for those who wait for it. */
enum update_news_kind {
    UPDATE_NOW_ACCEPTED,
    UPDATE_REJECTED, /* with an outcome; no event tells of it */
    UPDATE_DONE,     /* with its outcome */
    UPDATE_ABORTED,  /* the run has closed */
    UPDATE_MOVED,    /* the run has closed, and another follows */
    UPDATE_LOST,     /* the workflow task that carried it was refused */
    UPDATE_GONE,     /* the run has been terminated because the answer to its workflow task was too large */
};
struct update_news {
    const char *id;
    enum update_news_kind kind;
    const PbOutcome *outcome;
    struct update_news *next;
};

/* What a worker's search attributes are, in the eyes of who knows the namespace's names and types. */
struct search_attributes_verdict {
    const char *problem;       /* NULL: none */
    bool is_unknown_name;      /* the problem is a name */
    PbSearchAttributes *typed; /* without a problem: each with its type, nil ones (which delete) included */
};

/* The run that follows this one (continue-as-new, retry, cron): created in the same turn. */
struct successor {
    uint8_t run_id[UUID_BYTES];
    PbWorkflowExecutionStartedEventAttributes *started; /* complete */
    size_t links_count;                                 /* of this run's start */
    PbCommonLink **links;
};

/* How the pending workflow task has ended, for who counts: later attempts leave no event. */
enum task_end { TASK_NOT_ENDED, TASK_COMPLETED, TASK_FAILED, TASK_TIMED_OUT };
struct ended_task {
    enum task_end how;
    int32_t attempt;
    PbWorkflowTaskFailedCause cause;                         /* TASK_FAILED */
    PbTimeoutType timeout;                                   /* TASK_TIMED_OUT */
    const PbRespondWorkflowTaskCompletedRequest *completion; /* TASK_COMPLETED; borrowed from the call */
};

/* How an attempt of an activity has ended, for who counts. */
enum activity_end { ACTIVITY_SUCCEEDED, ACTIVITY_FAILED, ACTIVITY_TIMED_OUT, ACTIVITY_CANCELED };
struct ended_activity {
    enum activity_end how;
    bool is_closed;        /* there is no further attempt */
    PbTimeoutType timeout; /* ACTIVITY_TIMED_OUT */
    int32_t attempt;
    const char *type, *task_queue;
    nanos first_scheduled_time, started_time; /* of the first attempt; of this one, 0: never */
    struct ended_activity *next;
};

struct transition {
    struct mutable_state *ms;
    struct arena *arena; /* the turn's */
    nanos now;
    struct rand *rand;
    const struct history_limits *limits;
    const char *run_id;                        /* this run's, as text */
    const char *namespace_name, *namespace_id; /* this run's; the id as text */
    nanos retention;                           /* of its namespace: how long closed runs are kept */
    /* Reads this run's first event again (input, header: not kept in memory). Its memory is the turn's. */
    const PbHistoryEvent *(*load_first_event)(void *context);
    /* The id, as text, of another namespace that a command names: it is there. */
    const char *(*namespace_id_of)(void *context, const char *namespace_name);
    /* Judges search attributes (there are some) of a run in this namespace; says why they are too large, or NULL. */
    void (*judge_search_attributes)(void *context, struct arena *arena, const char *namespace_name,
                                    const PbSearchAttributes *attributes,
                                    struct search_attributes_verdict *ret_verdict);
    const char *(*search_attributes_size_problem)(void *context, struct arena *arena,
                                                  const PbSearchAttributes *attributes);
    /* Whether a version serves this task queue's workflows; NULL: each does. */
    bool (*version_has_queue)(void *context, const PbWorkerDeploymentVersion *version, const char *task_queue);
    void *context;
    size_t links_count; /* of the request to cancel or to terminate: for the event that it makes */
    PbCommonLink **links;
    int64_t uncounted_bytes; /* of the history: what the call that this transition is part of has stored already. A
                              * workflow task that it starts is not told of them, as on the real server */
    /* What the worker that ends an activity says of its version, for the event of its start; NULL: nothing. */
    const PbWorkerVersionStamp *worker_version;
    bool tells_ended_activities; /* whether somebody wants ended_activities */

    /* The outcome. */
    PbHistoryEvent **events; /* applied, with their ids */
    size_t events_count, events_capacity;
    PbHistoryEvent *pending;  /* being filled: applied (or buffered) by the next transition_settle */
    const PbCommand *command; /* being decided: the first event that it makes gets what it adds beside its attributes */
    bool in_commands;         /* a completion's commands are being decided: what is bufferable waits for their end */
    struct effect *effects;
    size_t effects_count, effects_capacity;
    struct successor *successor;     /* NULL: none */
    struct update_news *update_news; /* the newest first */
    struct ended_task ended_task;
    struct ended_activity *ended_activities; /* the newest first */
    const char *over_limit;  /* set by transition_finish: the run is too large to go on, and why; NULL: it is not */
    bool volatile_changed;   /* the volatile part must be stored */
    bool attributes_changed; /* memo or search attributes are other than those of the row */
    bool task_ended;         /* the pending workflow task ended in this transition */
    bool speculative_is_new; /* a speculative task was scheduled in it, after all that it stores */
    bool task_rebound; /* what matching has of the pending workflow task is void (its stamp has grown): it is to be
                        * given to it again. To activities the same happens by EFFECT_DISPATCH_ACTIVITY */
};

/* Begins a transition; `arena` is the turn's. The caller sets run_id and the functions with their context afterwards
 * when they are needed. */
void transition_begin(struct transition *t, struct mutable_state *ms, struct arena *arena, nanos now, struct rand *rand,
                      const struct history_limits *limits);

/* Adds an event of `type` with its attributes message allocated and returns the attributes. The caller fills them (and
 * the event, t->pending) and then calls transition_settle. An event added before is settled first. */
void *transition_add(struct transition *t, PbEventType type);

/* Applies (or buffers) the event that has been filled. Returns its id; 0 when it was buffered, or there is none. */
int64_t transition_settle(struct transition *t);

/* Ends the decisions: settles, enforces the limits on buffered events, and judges those on the whole run: see
 * over_limit. To be called before storing. */
void transition_finish(struct transition *t);

/* Ends a run that is over a limit, in the transition that has made it so: what that has brought stays. */
void transition_terminate_over_limit(struct transition *t);

/* Adds an effect. */
void transition_effect(struct transition *t, enum effect_kind kind, int64_t event_id);

/* Puts the buffered events into the log, in their right order, and patches what refers to ids that they only get now.
 * True when there were any. Only when no workflow task is started (MS4). */
bool transition_flush_buffered(struct transition *t);

/* Whether events of this type are buffered while a workflow task is started. */
bool event_type_is_bufferable(PbEventType type);

/* The name of an event type as people write it: "TimerFired". */
const char *event_type_name(PbEventType type);

#endif
