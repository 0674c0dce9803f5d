/* What the files of history/ share among themselves. */
#ifndef FERMATA_HISTORY_INTERNAL_H
#define FERMATA_HISTORY_INTERNAL_H

#include <stddef.h>

#include "history/decide.h"
#include "history/mutable_state.h"
#include "history/transition.h"
#include "proto/packed_attributes.h"
#include "proto/pb.h"
#include "proto/time.h"

/* What the table event_types.def knows of a type. */
struct event_type {
    PbEventType type;
    const char *name;
    bool is_buffered;
    PbHistoryEvent__AttributesCase attributes_case;
    const ProtobufCMessageDescriptor *attributes;
    enum broken (*apply)(struct mutable_state *ms, const PbHistoryEvent *event, const void *attributes);
};

/* The table's line of a type; NULL when this release does not know it. */
const struct event_type *event_type_find(PbEventType type);

/* Where the attributes pointer of an event is (all members of the oneof share it). */
static inline void **event_attributes(PbHistoryEvent *event)
{
    return (void **)&event->workflow_execution_started_event_attributes;
}
static inline const void *event_attributes_const(const PbHistoryEvent *event)
{
    return event->workflow_execution_started_event_attributes;
}

/* The commands of one completion, as its deciders see it. */
struct task_context {
    int64_t completed_event_id; /* WorkflowTaskCompleted */
    const char *identity;       /* the worker's */
    const PbRespondWorkflowTaskCompletedRequest *request;
    bool *message_is_done; /* of each of the request's messages */
    bool had_buffered;     /* events were buffered when the commands arrived: a closing command is refused */
};

/* What is wrong with the priority that a command gives, or NULL. NULL is a good one. */
const char *priority_problem(const PbPriority *priority);

/* Where another workflow is that a command names. */
struct target_namespace {
    const char *name, *id; /* the id as text */
};

/* What is wrong with the namespace that a command names for another workflow ("": its own), or NULL. Either way
 * `ret_target` is set. */
const char *target_namespace_problem(const struct transition *t, const char *name, struct target_namespace *ret_target);

/* Decides one command. */
typedef struct refusal command_decide(struct transition *t, const PbCommand *command, struct task_context *task);

#define COMMAND(upper, attributes, decide, closes) command_decide decide;
#include "history/command_types.def"
#undef COMMAND

/* Decides any command: finds its decider in the table. */
struct refusal decide_command(struct transition *t, const PbCommand *command, struct task_context *task);

/* No refusal: the command is carried out. */
#define ACCEPTED ((struct refusal){0})

/* Refuses a command: the text is "ShortCauseName: " and the formatted one. */
struct refusal refuse(struct transition *t, PbWorkflowTaskFailedCause cause, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, and the run is terminated as well: a payload over its limit. */
struct refusal refuse_and_terminate(struct transition *t, PbWorkflowTaskFailedCause cause, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Appliers, one per event type. */
#define EVENT(upper, lower, camel, apply, buffered)                          \
    enum broken apply(struct mutable_state *ms, const PbHistoryEvent *event, \
                      const Pb##camel##EventAttributes *attributes);
#include "history/event_types.def"
#undef EVENT

/* ---- buffered.c ---- */

/* Keeps a copy of an event that has to wait, and marks what it ends. */
void mutable_state_buffer(struct mutable_state *ms, const PbHistoryEvent *event);

/* The same with an event that was stored as waiting: BROKEN_VOLATILE when it cannot have been, or would break the log.
 */
enum broken mutable_state_buffer_again(struct mutable_state *ms, const PbHistoryEvent *event);

/* Removes a buffered TimerFired of this timer; true when there was one. */
bool mutable_state_unbuffer_timer(struct mutable_state *ms, const char *timer_id);

/* The event that began what this one ends (an activity, a child); 0 when it ends nothing. And the event that started
 * what it ends: to be set once that has an id. */
int64_t event_ends(const PbHistoryEvent *event);
void event_set_started(PbHistoryEvent *event, int64_t started_event_id);

/* Frees all buffered events. */
void mutable_state_drop_buffered(struct mutable_state *ms);

/* A start with this request id ("": none) has joined the run; 0: its event still waits. */
void mutable_state_remember_join(struct mutable_state *ms, const char *request_id, int64_t event_id);

/* ---- search_attributes.c ---- */

/* Sets or removes search attributes that the server keeps itself. Values are copied. */
void mutable_state_set_search_attributes(struct mutable_state *ms, const struct attribute_change *changes,
                                         size_t count);

/* Takes these for those that the run has. They are copied. */
void mutable_state_replace_search_attributes(struct mutable_state *ms, const PbSearchAttributes *attributes);

/* The same where the log says so, and the row follows from that. NULL: none. `scratch` is used meanwhile. */
void mutable_state_keep_search_attributes(struct mutable_state *ms, const PbSearchAttributes *attributes,
                                          struct arena *scratch);

/* The attribute is to have this value, of type KeywordList or Keyword, or none. Values are in the arena. */
struct attribute_change keyword_list_attribute(struct arena *arena, const char *name, size_t count,
                                               const char *const *texts);
struct attribute_change keyword_attribute(struct arena *arena, const char *name, const char *text);
struct attribute_change no_attribute(const char *name);

/* ---- versions.c ---- */

/* Frees it; NULL is accepted. */
void versions_free(struct versions *versions);

/* Takes over the reset points of the run before this one. */
void versions_inherit(struct mutable_state *ms, const PbResetPoints *points);

/* Remembers who has completed a workflow task, after versioning_note_completion. Part of applying that event. */
void versions_note_completion(struct mutable_state *ms, const PbHistoryEvent *event,
                              const PbWorkflowTaskCompletedEventAttributes *attributes);

/* The run begins with a version, or an override has been set or unset (`is_other`: it was another one before); after
 * versioning_note_start, _override. */
void versions_note_start(struct mutable_state *ms);
void versions_note_override(struct mutable_state *ms, const char *deployment_name, bool is_other);

/* Has the search attributes say what the run is on after its last completion, with that name; NULL: the name that it
 * has. */
void versions_show_anew(struct mutable_state *ms, const char *deployment_name);

/* The reset points that the run which follows this one begins with. */
PbResetPoints *versions_for_successor(const struct transition *t);

/* ---- versioning.c ---- */

/* Frees it; NULL is accepted. */
void versioning_free(struct versioning *versioning);

/* Parts of applying events. The override may be in any form; NULL: none any more. True when that changes something. */
void versioning_note_start(struct mutable_state *ms, const PbWorkflowExecutionStartedEventAttributes *attributes);
void versioning_note_completion(struct mutable_state *ms, const PbWorkflowTaskCompletedEventAttributes *attributes);
bool versioning_note_override(struct mutable_state *ms, const PbVersioningOverride *override);

/* The event of an override (NULL: of its end) has entered the log, having acted before or now. In its normal form. From
 * then on, whether the fold is to be told that the deployment's name is another one than follows from that event. */
void versioning_note_logged(struct mutable_state *ms, const PbVersioningOverride *override, bool name_is_kept);
bool versioning_name_is_kept(const struct mutable_state *ms);

/* Whether the last of these has changed where tasks go, or a transition is over. True once. */
bool versioning_has_moved(struct mutable_state *ms);

/* The version that a completion claims; NULL: none. In `arena`. */
const PbWorkerDeploymentVersion *versioning_of_completion(struct arena *arena,
                                                          const PbRespondWorkflowTaskCompletedRequest *request);

/* Behaviour and version as search attributes show them: transitions do not count. */
PbVersioningBehavior versioning_shown_behavior(const struct mutable_state *ms);
const PbWorkerDeploymentVersion *versioning_shown_version(const struct mutable_state *ms);

/* What the latter would be with this override, in its normal form; NULL: with none. */
const PbWorkerDeploymentVersion *versioning_version_under(const struct mutable_state *ms,
                                                          const PbVersioningOverride *override);

/* Whether search attributes stay as they are although an override would change them; that this is over. */
bool versioning_attributes_held(const struct mutable_state *ms);
void versioning_attributes_follow(struct mutable_state *ms);

/* How the run was continued as new. */
PbContinueAsNewVersioningBehavior versioning_initial_behavior(const struct mutable_state *ms);

/* Begins a transition, unless the run is pinned or there already. In memory only, until something is stored. With the
 * id of the started event that it begins with; 0: something else. */
void versioning_begin_transition(struct mutable_state *ms, const PbWorkerDeploymentVersion *to, int64_t revision,
                                 int64_t started_event_id);

/* A workflow task starts: looks where the run's queue sends it by now. Whether that task tells of another target. */
void versioning_look_at_target(struct mutable_state *ms, const struct task_poller *who);
bool versioning_tells_of_target(const struct mutable_state *ms);

/* Whether the worker that has completed a task, and names its version, is one that may get the run's next one: no
 * worker of another version may, where the run is pinned. */
bool versioning_admits_completer(struct arena *arena, const struct mutable_state *ms,
                                 const PbRespondWorkflowTaskCompletedRequest *request);

/* Which target a run that stays where it is by continuing as new has declined; NULL: none. In `arena`. */
PbDeclinedTargetVersionUpgrade *versioning_declined_by_continuing(const struct mutable_state *ms, struct arena *arena);

/* The volatile part, NULL when there is none; all of it in `arena`. Whether that of the row is another one. */
PbVersioningVolatile *versioning_pack(const struct mutable_state *ms, struct arena *arena);
void versioning_unpack(struct mutable_state *ms, const PbVersioningVolatile *packed, bool is_stored);
bool versioning_must_be_stored(const struct mutable_state *ms);
void versioning_is_stored(struct mutable_state *ms);

/* ---- options.c ---- */

/* What changed options mean, their event being in the log or waiting. */
void options_act(struct mutable_state *ms, const PbWorkflowExecutionOptionsUpdatedEventAttributes *options);

/* ---- inheritance.c ---- */

/* What the next run of the chain takes over, `t` being the transition that ends this one. `started` has the new run's
 * task queue. `original` is this run's own start. */
void inherit_by_continuing(const struct transition *t, PbContinueAsNewVersioningBehavior initial_behavior,
                           PbWorkflowExecutionStartedEventAttributes *started);
void inherit_by_rerun(const struct transition *t, const PbWorkflowExecutionStartedEventAttributes *original,
                      bool is_retry, PbWorkflowExecutionStartedEventAttributes *started);

/* ---- activity.c ---- */

/* Hands the scheduled activities to matching again, as scheduled that much later. */
void activities_rebind(struct transition *t, nanos later);

/* Frees an activity that is no longer pending. */
void activity_free(struct mutable_state *ms, struct activity *activity);

/* A worker of this version, NULL being none, has it. */
void activity_keep_version(struct activity *activity, const PbWorkerDeploymentVersion *version);

/* What is due of an activity at t->now: its retry, or one of its time-outs. */
void activity_deadline_passed(struct transition *t, struct activity *activity);

/* ---- child.c, external.c ---- */

/* Frees one that is no longer pending. */
void child_free(struct mutable_state *ms, struct child *child);
void external_free(struct mutable_state *ms, struct external *external);

/* ---- update.c ---- */

/* Forgets an update. */
void update_free(struct mutable_state *ms, struct update *update);

/* Whether a message waits for a workflow task to bring it. */
bool updates_wait_for_a_task(const struct mutable_state *ms);

/* The task that carried them has failed: the next one carries them again. */
void updates_unsend(struct mutable_state *ms);

/* The task has ended and the worker has said nothing of them: it knows no updates. */
void updates_reject_unprocessed(struct transition *t);

/* The run has closed. */
void updates_run_closed(struct transition *t);

/* The same, when it is about to be terminated: see workflow_task_abandon. */
void updates_abandon(struct transition *t, bool is_run_too_large);

/* Processes the messages that no command has named. */
struct refusal updates_process_rest(struct transition *t, struct task_context *task);

/* Whether a completion's messages are all rejections. */
bool messages_are_rejections(const PbRespondWorkflowTaskCompletedRequest *request);

/* ---- properties.c ---- */

/* Asks what the search attributes of a command are, for a run in that namespace. Refuses an unknown name at once, as
 * the first thing that is wrong with the command; a problem with values stands in the verdict, for the command to tell
 * in its own words. */
struct refusal judge_search_attributes(struct transition *t, const char *namespace_name,
                                       const PbSearchAttributes *given, struct search_attributes_verdict *ret_verdict);

/* Those that are set for a run that begins; NULL when there are none. */
PbSearchAttributes *set_search_attributes(struct transition *t, const struct search_attributes_verdict *verdict);

/* Why they are too large, or NULL. NULL attributes are not. */
const char *search_attributes_size_problem(struct transition *t, const PbSearchAttributes *attributes);

/* ---- timer.c ---- */

/* Frees a timer that is no longer pending. */
void user_timer_free(struct mutable_state *ms, struct user_timer *timer);

/* Fires all user timers that are due at t->now, in their order. */
void timers_fire_all_due(struct transition *t);

/* ---- workflow_task.c ---- */

/* When the pending workflow task times out; NANOS_MAX: never. */
nanos workflow_task_deadline(const struct mutable_state *ms);

/* The pending task, unless it is started, is given to matching again: it is bound to another version or priority. */
void workflow_task_rebind(struct transition *t);

/* The queue that the next task's event names: the sticky one while there is one. In `arena`. */
PbTaskQueue *workflow_task_queue(struct arena *arena, const struct mutable_state *ms);

/* Adds WorkflowTaskStarted, not settled; what it tells beside who has started the task. */
void workflow_task_add_started(struct transition *t, const struct task_poller *who, unsigned suggests);
void workflow_task_fill_started(struct arena *arena, const struct mutable_state *ms, unsigned suggests,
                                PbWorkflowTaskStartedEventAttributes *started);

/* Times out the pending workflow task. */
void workflow_task_deadline_passed(struct transition *t);

/* Shows in the search attributes what has gone wrong with the last workflow tasks, when it is more than an accident. */
void workflow_task_report_problems(struct mutable_state *ms, const struct history_limits *limits);

/* ---- virtual_task.c ---- */

/* Schedules the next attempt, without an event. */
void virtual_task_schedule_transient(struct transition *t);

/* Writes the events that a virtual task never got, if it is one: scheduled and, if it is, started. By whom, with which
 * stamp, says who ends the task. And the same of a speculative one only. */
void virtual_task_materialise(struct transition *t, const char *identity, const PbWorkerVersionStamp *stamp);
void virtual_task_make_real(struct transition *t, const char *identity, const PbWorkerVersionStamp *stamp);

/* A speculative task becomes a real one: something else enters the log or is stored. Nothing when it is none. */
void workflow_task_make_real(struct transition *t);

/* ---- reset.c ---- */

/* Part of applying the WorkflowTaskFailed with which a reset makes a run: what counts from its beginning begins anew.
 */
void reset_applied(struct mutable_state *ms, const PbHistoryEvent *event);

/* ---- close.c ---- */

/* The run or execution time-out has passed. */
void close_timed_out(struct transition *t);

/* ---- small helpers ---- */

/* What is wrong with a task queue that a command names ("missing task queue name"), or NULL. */
const char *task_queue_problem(const struct transition *t, const char *name);

/* The same of one that a command names for a workflow. */
const char *workflow_queue_problem(const struct transition *t, const char *name);

/* The bytes of a packed message; 0 for NULL. */
static inline int64_t packed_bytes(const void *message)
{
    return message == NULL ? 0 : (int64_t)protobuf_c_message_get_packed_size((const ProtobufCMessage *)message);
}

/* A message that is only borrowed: the generated structs want non-const pointers although packing reads only. */
static inline void *borrow(const void *message)
{
    return (void *)(uintptr_t)message;
}

/* The same for texts; NULL becomes "". */
static inline char *borrow_text(const char *text)
{
    return (char *)(uintptr_t)(text == NULL ? "" : text);
}

/* A failure that the server itself reports. */
PbFailure *server_failure(struct arena *arena, const char *message);

/* A task queue of kind NORMAL with this name. */
PbTaskQueue *normal_task_queue(struct arena *arena, const char *name);

#endif
