/*
 * What the tests of history/ share: a run without a server. A bed plays the engine's part: it keeps the log and the
 * volatile part as the engine would store them, carries out effects as far as they concern the run itself, and after
 * every transition folds what is stored again and compares (bed_commit). Every test is a test of the fold that way.
 */
#ifndef FERMATA_TESTS_HISTORY_SUPPORT_H
#define FERMATA_TESTS_HISTORY_SUPPORT_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "history/internal.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* When every run of these tests starts. */
#define START seconds(1000000)

struct bed {
    struct arena *arena; /* the test's: all that is made in it */
    struct rand *rand;
    struct history_limits limits;
    nanos now;
    struct mutable_state *ms;

    PbHistoryEvent **log; /* what is in the log; a WorkflowTaskStarted at its end is not stored yet */
    size_t log_count, log_capacity;
    struct bytes stored_volatile;

    struct transition t; /* the last one, or the one that is under way */
    PbWorkflowExecutionStartedEventAttributes *started;
    /* Which versions serve which queues; NULL: each serves each. */
    bool (*version_has_queue)(void *context, const PbWorkerDeploymentVersion *version, const char *task_queue);
};

/* ---- the run ---- */

/* A bed without a run, with the server's default limits. */
void bed_open(struct bed *bed);
void bed_close(struct bed *bed);

/* A bed whose run has started and waits for a worker: events 1 and 2. */
void bed_open_started(struct bed *bed);

/* The attributes that bed_open_started starts with: no time-outs but the workflow task's 10 s, no retry policy. */
PbWorkflowExecutionStartedEventAttributes *bed_started(struct bed *bed);
void bed_start(struct bed *bed, PbWorkflowExecutionStartedEventAttributes *started);

/* A transition at bed->now; in between come calls into history/. */
struct transition *bed_begin(struct bed *bed);
void bed_commit(struct bed *bed);

/* Moves time, stopping at every deadline on the way. */
void bed_advance(struct bed *bed, nanos span);

/* A crash, or an eviction: what is stored is folded again. */
void bed_reload(struct bed *bed);

/* The packed log, as one History; from event 1 to `last` (0: all of it). */
struct bytes bed_packed_log(struct bed *bed, int64_t last);

/* ---- what happens to it ---- */

void bed_signal(struct bed *bed, const char *name);
void bed_request_cancel(struct bed *bed);
void bed_terminate(struct bed *bed);

/* A worker polls the normal queue, or the sticky one, and gets the workflow task. */
void bed_poll(struct bed *bed);
void bed_poll_sticky(struct bed *bed);
void bed_poll_by(struct bed *bed, const struct task_poller *who);

/* The worker completes the task. Returns the refusal's text, "" when there was none; after a refusal the bed does what
 * the engine does. */
const char *bed_complete_with(struct bed *bed, PbRespondWorkflowTaskCompletedRequest *request);
const char *bed_complete_list(struct bed *bed, PbCommand *const commands[]); /* from [1] to NULL */
#define COMPLETE(bed, ...) bed_complete_list((bed), (PbCommand *const[]){NULL, ##__VA_ARGS__, NULL})

/* The same, accepted, with a poll before it. */
#define POLL_AND_COMPLETE(bed, ...)                           \
    do {                                                      \
        bed_poll(bed);                                        \
        ck_assert_str_eq(COMPLETE((bed), ##__VA_ARGS__), ""); \
    } while (0)

/* A request of `worker` without commands, for what COMPLETE cannot say; sticky: with the queue "sticky", 5 s. */
PbRespondWorkflowTaskCompletedRequest *bed_completion(struct bed *bed);
PbRespondWorkflowTaskCompletedRequest *bed_sticky_completion(struct bed *bed);

/* The worker reports that it could not do the task. */
void bed_fail_task(struct bed *bed);

/* A client sends an update: it is admitted, and brings a speculative workflow task unless one is pending. A poll takes
 * its message along. */
void bed_admit_update(struct bed *bed, const char *id);

/* What the worker says of it, for the messages of a completion. */
PbMessage *accept_update(struct bed *bed, const char *id);
PbMessage *reject_update(struct bed *bed, const char *id);
PbMessage *respond_to_update(struct bed *bed, const char *id);

/* Completes the started task with these messages and no command. */
const char *bed_answer_list(struct bed *bed, PbMessage *const messages[]); /* from [1] to NULL */
#define ANSWER(bed, ...) bed_answer_list((bed), (PbMessage *const[]){NULL, ##__VA_ARGS__, NULL})

/* What has become of updates in the last transition, as "u1 accepted, u1 done", first to last. */
const char *bed_news(struct bed *bed);

/* Its pending activity with this id. */
struct activity *bed_activity(struct bed *bed, const char *id);

/* What a worker does with it, a transition each. */
void bed_activity_start(struct bed *bed, const char *id);
void bed_activity_complete(struct bed *bed, const char *id);
void bed_activity_fail(struct bed *bed, const char *id, const PbFailure *failure);
void bed_activity_heartbeat(struct bed *bed, const char *id, const char *details);
void bed_activity_cancel(struct bed *bed, const char *id);

/* ---- commands ---- */

PbCommand *command_of(struct bed *bed, PbCommandType type); /* with empty attributes, when the type has any */
PbCommand *start_timer(struct bed *bed, const char *id, nanos span);
PbCommand *cancel_timer(struct bed *bed, const char *id);
PbCommand *schedule_activity(struct bed *bed, const char *id); /* start-to-close 10 s */
PbScheduleActivityTaskCommandAttributes *activity_of(PbCommand *command);
PbCommand *cancel_activity(struct bed *bed, int64_t scheduled_event_id);
PbCommand *record_marker(struct bed *bed, const char *name);
PbCommand *complete_workflow(struct bed *bed);
PbCommand *fail_workflow(struct bed *bed, PbFailure *failure);
PbCommand *cancel_workflow(struct bed *bed);
PbCommand *continue_as_new(struct bed *bed);
PbCommand *start_child(struct bed *bed, const char *workflow_id);
PbCommand *signal_external(struct bed *bed, const char *workflow_id, const char *name);
PbCommand *cancel_external(struct bed *bed, const char *workflow_id);
PbCommand *place_message(struct bed *bed, const PbMessage *message); /* PROTOCOL_MESSAGE */

/* ---- small messages ---- */

PbFailure *failure_of(struct bed *bed, const char *message); /* without any info */
PbFailure *application_failure(struct bed *bed, const char *type, bool non_retryable);
PbFailure *timeout_failure_of(struct bed *bed, PbTimeoutType type);
PbPayloads *payloads_of(struct bed *bed, const char *text);
PbDuration *duration_of(struct bed *bed, nanos span);
char *text_of_length(struct bed *bed, size_t length); /* "aaa…" */

/* ---- what has come of it ---- */

/* The events from id `from` on, as "4 WorkflowTaskCompleted, 5 TimerStarted": but a workflow task's are S (with its
 * attempt, and a ~ when for the sticky queue), R, C, F and T, so that "2 S1, 3 R, 4 C" is the usual beginning. */
const char *bed_events(struct bed *bed, int64_t from);
#define EXPECT_EVENTS(bed, from, text) ck_assert_str_eq(bed_events((bed), (from)), (text))

/* The pending workflow task: "none", "scheduled 2 a1", "started 5/6 a3 transient", with "sticky" behind. */
const char *bed_task(struct bed *bed);
#define EXPECT_TASK(bed, text) ck_assert_str_eq(bed_task(bed), (text))

/* The event with this id; which must be of this kind. */
const PbHistoryEvent *bed_event(struct bed *bed, int64_t event_id);
const PbHistoryEvent *bed_event_of(struct bed *bed, int64_t event_id, PbHistoryEvent__AttributesCase kind);

/* The attributes of an event of that kind: ATTRIBUTES_OF(bed, 5, timer_started). */
#define ATTRIBUTES_OF(bed, id, kind) \
    (bed_event_of((bed), (id), PbHistoryEvent_##kind##_event_attributes_case)->kind##_event_attributes)

/* How many effects of this kind the last transition has. */
size_t bed_effects(const struct bed *bed, enum effect_kind kind);

/* Runs the suite; a main function's result. */
int bed_run(Suite *suite);

#endif
