/* What the files of server/engine share: the engine, the loaded runs and what waits for them. */
#ifndef FERMATA_SERVER_ENGINE_INTERNAL_H
#define FERMATA_SERVER_ENGINE_INTERNAL_H

#include "base/hash_table.h"
#include "base/timers.h"
#include "history/decide.h"
#include "matching/deployments.h"
#include "matching/matching.h"
#include "persistence/events.h"
#include "persistence/runs.h"
#include "proto/pb.h"
#include "proto/time.h"
#include "server/dynamic_config.h"
#include "server/engine/engine.h"
#include "server/engine/token.h"
#include "server/frontend/messages.h"
#include "server/options.h"
#include "server/services/deployments.h"
#include "server/services/namespaces.h"
#include "server/turn.h"

/* A call that waits for new events of a run. */
struct history_reader {
    struct call *call;
    struct run *run;
    struct timer timer; /* the soft end of its wait */
    struct history_reader *next;
    int64_t from;    /* the first event that it has not seen */
    bool close_only; /* CLOSE_EVENT filter */
    bool goes_on;    /* it has asked to wait: when nothing comes, it is told where to go on */
};

/* A loaded run: its state and what holds on to it. Exists while the state is in memory; what is left of an evicted run
 * is at most a `struct parked`. */
struct run {
    int64_t id; /* the row */
    const struct namespace_info *ns;
    uint8_t run_id[UUID_BYTES];
    char run_id_text[UUID_TEXT_BYTES];
    char *start_request_id;
    struct mutable_state *state;

    /* The started event of the pending workflow task, which is not stored before that ends: a packed History, or empty.
     */
    struct buffer unstored;
    int64_t unstored_first_id;
    bool is_unstored_counted; /* the row has been written since: its transitions and its length include that event */

    struct engine *engine;
    struct timer deadline;
    int64_t dispatched_event_id; /* the workflow task that matching has been given */
    int64_t dispatched_stamp;
    char *counted_pin; /* the version that it is counted with (pins.c): deployment, build id; NULL: none */
    struct history_reader *readers;
    struct update_waiter *update_waiters;
    struct query_task *queries; /* those that ride on the workflow task, first come first */

    struct run *newer, *older; /* by last use */
    nanos last_used;
    struct run *next_touched, *next_to_dispatch, *next_to_delete;
    bool is_current, is_touched, is_to_dispatch, is_to_delete;
    bool may_be_indexed;        /* its row may have search attributes that are looked up */
    int64_t stored_transitions; /* as many as loading the run would count: its row's, and batches behind that */
    size_t bytes;               /* what it was last counted with */

    char *current_key; /* namespace and workflow id, when it is the current run */
    size_t current_key_bytes;
    struct metric_scope *metrics; /* its own, for server/metrics */
    UT_hash_handle by_row, by_key;
};

/* What is left in memory of an open run that has been evicted: its deadline, and the worker that still knows it.
 * Neither: no such object. */
struct parked {
    int64_t id;
    struct engine *engine;
    struct timer deadline;
    nanos since; /* what was due by then has been done */
    nanos sticky_timeout;
    UT_hash_handle by_row;
    char sticky_queue[]; /* "" for none */
};

/* A query on its way: attached to its run (riding a workflow task) or handed to matching by itself. */
struct query_task {
    struct call *call;
    struct engine *engine;
    int64_t run;        /* the row */
    struct run *riding; /* the run whose list it is in; NULL: it is direct */
    struct query_task *next;
    bool sent;        /* riding: the started workflow task carries it; direct: a worker has it */
    uint64_t sent_in; /* direct: the turn in which a worker was given it */
    bool on_sticky;   /* direct: it waits at the sticky queue */
    char *sticky_queue;
    struct queue_name queue; /* direct: where it waits */
    const struct namespace_info *ns;
    struct timer timer;     /* direct: the sticky queue's time-out */
    struct timer last_look; /* shortly before its client gives up: whether there is any worker at all */
    char id[UUID_TEXT_BYTES];
    UT_hash_handle by_id;
};

/* Errands to other runs, to be done before the turn's COMMIT (others.c). */
struct errand_queue {
    struct errand *first, *last;
};

struct engine {
    struct server *server;
    struct matching *matching;
    const struct history_limits *limits;
    struct run *runs;           /* by row */
    struct run *currents;       /* by namespace and workflow id */
    struct parked *parked;      /* by row */
    struct query_task *queries; /* all, by id */
    struct run *newest, *oldest;
    struct run *touched;
    struct run *to_dispatch; /* whose workflow task matching has not been given yet */
    struct run *to_delete;   /* at the end of this turn */
    struct errand_queue urgent, errands;
    size_t loaded_bytes;
    uint64_t folds;          /* since start */
    int64_t recovered_up_to; /* recovery has seen all rows up to this one; INT64_MAX: done */
    struct timer recovery, sweep, retention, bring_back;
    struct forgotten *forgotten;    /* runs to be brought back, see recovery.c */
    int64_t last_at_start;          /* the newest row that was there at start */
    struct pin_change *pin_changes; /* of this turn, see pins.c */
    uint64_t commits_at_failure;    /* how many there had been when that was last asked for */
    nanos patience;
    uint64_t turn; /* number of the present one */
};

/* ---- runs.c ---- */

/* A loaded run that has a row and no state yet. */
struct run *run_new(struct engine *engine, int64_t id, const struct namespace_info *ns,
                    const uint8_t run_id[UUID_BYTES], const char *request_id);

/* Lets go of a loaded run; it must not be touched in this turn, unless the turn is undone. */
void run_drop(struct run *run);

/* Makes a run the current one of its workflow id, in memory. */
void run_index_as_current(struct run *run);

/* Notes that this turn uses the run: it stays loaded until the turn has ended. */
void run_touch(struct run *run);

/* Counts the memory that a run takes, for the budget. */
void run_count_bytes(struct run *run);

/* Folds the stored events and the row's volatile part into an empty state; into run->state, replacing it. DATA_LOSS,
 * and a line in the log, when they do not fold. */
status run_fold_into(struct run *run, struct mutable_state *ms, struct arena *scratch, const struct run_row *row);
status run_fold(struct run *run, const struct run_row *row);

/* Takes what the run has scheduled up to that instant as given to matching. */
void run_assume_dispatched(struct run *run, nanos up_to);

/* Whether nothing holds the run in memory. */
bool run_is_evictable(const struct run *run);

/* Evicts runs until the budget is met; those that have been idle for long. */
void runs_evict_over_budget(struct engine *engine);
void runs_evict_idle(struct engine *engine);

/* Frees all, at exit. */
void runs_free(struct engine *engine);

/* The run of a row, if it is loaded; else NULL. */
struct run *engine_find_loaded(const struct engine *engine, int64_t id);

/* ---- deletion.c ---- */

/* Begins to delete closed runs when their namespace's retention is over. */
void deletion_begin(struct engine *engine);

/* Deletes a closed run with its history, when all else that this turn asks for has been done. */
void run_delete_at_turn_end(struct run *run);

/* Deletes what is to be deleted in this turn. */
void deletion_carry_out(struct engine *engine);

/* ---- recovery.c ---- */

/* Sees to it that a run which could not be read, or was dropped, is loaded soon and what it waits for is given to
 * matching again. */
void engine_bring_back(struct engine *engine, int64_t id);

/* Loads the run of a task that matching hands over. False: the task is void, or its run cannot be read for now and will
 * be brought back. */
bool engine_load_for_task(struct engine *engine, int64_t id, struct run **ret_run);

/* Frees what it keeps, at exit. */
void recovery_free(struct engine *engine);

/* ---- runs.c, commit.c ---- */

/* Loads the run of a row. NOT_FOUND when it is not there, DATA_LOSS when its events do not fold. */
status engine_load(struct engine *engine, int64_t id, struct run **ret_run);

/* The current run of a workflow id; NULL when there is none. */
status engine_load_current(struct engine *engine, const struct namespace_info *ns, const char *workflow_id,
                           struct run **ret_run);

/* Puts a new run into the engine: row inserted, nothing in its history yet. */
struct run *engine_add_run(struct engine *engine, const struct namespace_info *ns,
                           const PbWorkflowExecutionStartedEventAttributes *started, const uint8_t run_id[UUID_BYTES],
                           const char *request_id);

/* The same for a run whose state is there already and becomes its own; its events are still to be stored. */
struct run *engine_adopt_run(struct engine *engine, const struct namespace_info *ns, struct mutable_state *state,
                             const uint8_t run_id[UUID_BYTES], const char *request_id);

/* Begins a transition of a loaded run. */
void run_begin(struct run *run, struct transition *t);

/* Ends it: stores the events, then does what follows from them: dispatch, deadlines, readers, queries, the next run. */
void run_commit(struct run *run, struct transition *t);

/* The same, unless the run or this transition is larger than limits allow. INVALID_ARGUMENT then: nothing of the
 * transition has happened, and a run that is too large has been terminated instead, as has one whose worker's answer to
 * a workflow task is (`memory`: of before that answer; NULL for all other transitions). Pointers into the state are
 * void. */
status run_commit_checked(struct run *run, struct transition *t, const struct task_memory *memory);

/* Gives up a transition that has changed the state: folds it again and recalls what is only in memory: `memory`, or of
 * a transition that is no answer to a workflow task, NULL, the updates alone. */
void run_give_up(struct run *run, const struct task_memory *memory);

/* Sets the run's timer to its earliest deadline. */
void run_set_deadline(struct run *run);

/* Hands the pending workflow task to matching, again if `again`. */
void run_dispatch_task(struct run *run, bool again);

/* The history of a run from event `from` on: batches, at most `most` (0: 256), and behind them what is not stored yet.
 * `ret_next`: the first event that is not contained. */
status run_read_history(struct run *run, struct arena *arena, int64_t from, int most, struct bytes **ret_parts,
                        size_t *ret_count, int64_t *ret_next);

/* A text as a payload, encoded as JSON. */
PbPayloads *json_text(struct arena *arena, const char *text);

/* Terminates an open run. Who does so in the course of a reset is RESETTER. */
#define RESETTER "history-resetter"
void run_terminate(struct run *run, const char *reason, const PbPayloads *details, const char *identity);

/* NOT_FOUND with its detail message. */
status not_found(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- pins.c ---- */

/* The run's state may have changed: so does the number of open runs that are pinned to its version. */
void pins_follow(struct run *run);

/* The run has been loaded: from now on it is followed. */
void pins_loaded(struct run *run);

/* Recovery has met the run, which it has loaded: it counts now. */
void pins_recovered(struct run *run);

/* The turn is undone, and so are its counts. */
void pins_forget_turn(struct engine *engine);

/* ---- versions.c ---- */

/* What the run's tasks are bound to, `sticky` for one that goes to its sticky queue. Texts are the state's. */
struct task_binding run_binding(const struct run *run, bool sticky);

/* The task queue of the run's workflow tasks, the sticky one aside. The name is the state's. */
struct queue_name run_queue(const struct run *run);

/* Where the run's queue sends its workflow tasks now, were it not pinned. */
struct queue_target run_target(const struct run *run);

/* The worker that a poll belongs to, as it starts a workflow task of the run, whose queue sends it to `target`. */
struct task_poller task_poller_of(const struct poll *poll, const struct queue_target *target, struct arena *arena,
                                  const char *request_id, bool on_sticky);

/* The version of a target as messages have it; NULL: unversioned. */
PbWorkerDeploymentVersion *version_message(struct arena *arena, const struct queue_version *version);

/* The same as matching has it. Empty for NULL. Texts are borrowed. */
struct queue_version queue_version_of(const PbWorkerDeploymentVersion *version);

/* Whether workers of the version serve workflows of that queue: for transitions, whose context is a run. */
bool run_version_has_queue(void *context, const PbWorkerDeploymentVersion *version, const char *task_queue);

/* ---- update_options.c ---- */

/* Checks an override for a workflow at that task queue. */
status engine_check_override(struct engine *engine, struct arena *arena, const struct namespace_info *ns,
                             const char *task_queue, const PbVersioningOverride *override);

/* A workflow has got the override: a version that was drained is in use again. NULL is fine. */
void engine_override_acts(struct engine *engine, const struct namespace_info *ns, const PbVersioningOverride *override);

/* What the options of a run would be with those that `mask` names of `given`. */
status options_merge(const struct mutable_state *ms, struct arena *arena, const PbWorkflowExecutionOptions *given,
                     const PbFieldMask *mask, PbWorkflowExecutionOptions **ret_merged, bool *ret_changed);

/* Records these options, which are other than before. */
void run_apply_options(struct transition *t, const PbWorkflowExecutionOptions *options, const char *identity);

/* ---- tasks.c ---- */

/* Fills a poll's answer with the workflow task that has just been started. */
void fill_workflow_task(struct call *call, struct run *run, PbPollWorkflowTaskQueueResponse *resp, bool partial_history,
                        int64_t backlog);

/* The same for a task inside another answer: its history is that since the last completed task. */
void fill_inline_task(struct call *call, struct run *run, PbPollWorkflowTaskQueueResponse *resp);

/* The same for a query that goes by itself: the run's names and history, no task. */
void fill_query_task(struct call *call, struct run *run, PbPollWorkflowTaskQueueResponse *resp, bool without_history);

/* matching's ports. */
bool tasks_start(void *engine, const struct task *task, struct poll *poll, bool from_backlog);
void tasks_give_back(void *engine, const struct task *task);

/* The run and state that a token names; NOT_FOUND with `text` otherwise. */
status token_run(struct call *call, const struct namespace_info *ns, const PbTaskToken *token, struct run **ret_run);

/* ---- activities.c ---- */

/* Hands a pending activity to matching. */
void run_dispatch_activity(struct run *run, struct activity *activity);

/* Starts it for a poll and fills the answer; false: stale. */
bool activity_task_start(struct engine *engine, const struct task *task, struct poll *poll);

/* Starts the activities that a completion `t` wants to begin at once and puts them into its answer. */
void activities_start_eagerly(struct call *call, struct run *run, const struct transition *t,
                              const PbRespondWorkflowTaskCompletedRequest *req,
                              PbRespondWorkflowTaskCompletedResponse *resp);

/* ---- polls.c: what both kinds of poll share ---- */

/* A poll that waits. In its call's arena. */
struct waiting_poll {
    struct poll poll;
    struct engine *engine;
    struct timer timer;
    struct queue_name queue;
    bool used;      /* matching has given it a task */
    status refusal; /* with what it ends, where there is no room for its version */
};

/* Lets the call's poll take a task or wait. `who`: what the poller says of itself. */
status poll_or_wait(struct call *call, const struct namespace_info *ns, enum queue_type type, const PbTaskQueue *queue,
                    const struct poll *who);

/* Whether there should be more or fewer polls, as far as one that is about to get a task can tell: what to put into its
 * answer. `stats` are those of its queue. NULL: nothing to say. */
PbPollerScalingDecision *poll_advice(const struct engine *engine, const struct poll *poll,
                                     const struct queue_stats *stats);

/* The poll has its task: answers the call, now or as soon as its handler has returned. */
void poll_answer(struct poll *poll);

/* ---- queries.c ---- */

/* A query is handed to a poll; fills its answer. False: it is gone. */
bool query_task_start(struct engine *engine, struct query_task *query, struct poll *poll);

/* The queries that ride on the task which has just been started. */
void queries_attach(struct run *run, struct arena *arena, PbPollWorkflowTaskQueueResponse *resp);

/* The worker's answers to riding queries, then what becomes of the rest. */
void queries_answer(struct run *run, const PbRespondWorkflowTaskCompletedRequest *request);
void queries_task_ended(struct run *run);

/* The run is dropped from memory because the turn failed: its queries are told to try again. */
void queries_fail(struct run *run);

/* The turn is undone: no worker has got the direct queries that it has handed out, and their clients try again. */
void queries_forget_turn(struct engine *engine);

/* A direct query comes back from a dropped sticky queue. */
void query_give_back(struct engine *engine, struct query_task *query);

/* ---- others.c ---- */

/* Queues what an effect asks of another run. */
void others_enqueue_effect(struct run *run, const struct effect *effect);

/* Queues what the end of a run, by transition `t`, means to its parent and children. */
void others_run_closed(struct run *run, const struct transition *t);

/* Runs one queued errand; false when there was none. */
bool others_run_errand(struct engine *engine);

/* The turn is undone: so are its errands. */
void others_forget(struct engine *engine);

/* ---- updates.c ---- */

/* Tells those who wait for updates of this run what a transition has brought. */
void updates_tell(struct run *run, const struct transition *t);

/* The run is dropped from memory because the turn failed: they are told to try again. */
void updates_fail(struct run *run);

/* ---- clients.c ---- */

/* Terminates an open run because another one takes its workflow id. */
void run_terminate_for(struct run *run, const char *new_run_id);

/* A link to event 1 of a run. */
PbCommonLink *started_link(struct arena *arena, const struct run *run);

/* A link to the event that a request id has made. */
PbCommonLink *request_link(struct arena *arena, const struct run *run, const char *request_id, PbEventType type);

/* The run is about to close by itself: what would hold that up is refused for now. */
status busy_closing(struct arena *arena);

/* Starts a workflow, or joins the open one, as the request's policies say. */
status start_or_join(struct call *call, const struct namespace_info *ns, const PbStartWorkflowExecutionRequest *req,
                     PbStartWorkflowExecutionResponse *resp, struct run **ret_run);

/* ---- history_readers.c ---- */

/* Something has been added to the run's history, or it has closed: answers those who wait for it. */
void readers_wake(struct run *run);

/* The run is dropped from memory because the turn failed: its readers are told to try again. */
void readers_fail(struct run *run);

#endif
