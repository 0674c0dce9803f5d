#include "tests/unit/history/support.h"

#include <stdio.h>

/* ---- the run ---- */

static const struct history_limits DEFAULTS = {
    .id_bytes_max = 1000,
    .blob_bytes_max = 2 << 20,
    .memo_bytes_max = 2 << 20,
    .pending_activities_max = 2000,
    .pending_children_max = 2000,
    .pending_signals_max = 2000,
    .pending_cancels_max = 2000,
    .signals_max = 10000,
    .buffered_events_max = 100,
    .buffered_bytes_max = 2 << 20,
    .history_events_max = 50 << 10,
    .history_bytes_max = 50 << 20,
    .state_bytes_max = 8 << 20,
    .transaction_bytes_max = 4 << 20,
    .suggest_events = 4 << 10,
    .suggest_bytes = 4 << 20,
    .updates_in_flight_bytes_max = 20 << 20,
    .updates_in_flight_max = 10,
    .updates_total_max = 2000,
    .updates_suggest_millionths = 900000,
    .task_timeout_default = 10 * NANOS_PER_SECOND,
    .task_timeout_max = 120 * NANOS_PER_SECOND,
    .task_heartbeat_max = 1800 * NANOS_PER_SECOND,
    .reported_problems_min = 5,
    .tells_of_targets = true,
};

static const char RUN_ID[] = "00000000-0000-4000-8000-000000000001";

void bed_open(struct bed *bed)
{
    *bed = (struct bed){
        .arena = arena_new(4096),
        .rand = rand_new(1),
        .limits = DEFAULTS,
        .now = START,
        .ms = mutable_state_new(),
    };
}

void bed_close(struct bed *bed)
{
    mutable_state_free(bed->ms);
    rand_free(bed->rand);
    arena_free(bed->arena);
}

static const PbHistoryEvent *load_first_event(void *context)
{
    return ((struct bed *)context)->log[0];
}

static const char *namespace_id_of(void *context, const char *namespace_name)
{
    (void)context;
    (void)namespace_name;
    return "0198c1de-0000-7000-8000-000000000002";
}

/* Here every name is known, and every value fits. */
static void judge(void *context, struct arena *arena, const char *namespace_name, const PbSearchAttributes *attributes,
                  struct search_attributes_verdict *ret_verdict)
{
    (void)context;
    (void)namespace_name;
    ret_verdict->typed = pb_copy(arena, attributes);
}

static const char *no_size_problem(void *context, struct arena *arena, const PbSearchAttributes *attributes)
{
    (void)context;
    (void)arena;
    (void)attributes;
    return NULL;
}

struct transition *bed_begin(struct bed *bed)
{
    struct transition *t = &bed->t;

    transition_begin(t, bed->ms, bed->arena, bed->now, bed->rand, &bed->limits);
    t->run_id = RUN_ID;
    t->namespace_name = "default";
    t->namespace_id = "id-of-default";
    t->load_first_event = load_first_event;
    t->namespace_id_of = namespace_id_of;
    t->judge_search_attributes = judge;
    t->search_attributes_size_problem = no_size_problem;
    t->version_has_queue = bed->version_has_queue;
    t->context = bed;
    return t;
}

static void append(struct bed *bed, PbHistoryEvent *event)
{
    if (bed->log_count == bed->log_capacity) {
        PbHistoryEvent **log = ARENA_NEW_ARRAY(bed->arena, PbHistoryEvent *, bed->log_capacity * 2 + 16);

        if (bed->log_count > 0)
            memcpy(log, bed->log, bed->log_count * sizeof(log[0]));
        bed->log = log;
        bed->log_capacity = bed->log_capacity * 2 + 16;
    }
    bed->log[bed->log_count++] = pb_copy(bed->arena, event); /* as if packed: what it borrows may be gone soon */
}

/* How much of the log is stored: a start of a workflow task only together with what ends it. */
static size_t stored_count(const struct bed *bed)
{
    bool is_open_start =
        bed->log_count > 0 && bed->log[bed->log_count - 1]->event_type == EVENT_TYPE_WORKFLOW_TASK_STARTED;

    return is_open_start ? bed->log_count - 1 : bed->log_count;
}

/* Folds what is stored. */
static struct mutable_state *fold(struct bed *bed)
{
    struct mutable_state *ms = mutable_state_new();

    for (size_t i = 0; i < stored_count(bed); i++)
        ck_assert_int_eq(mutable_state_apply(ms, bed->log[i]), INTACT);
    ck_assert_int_eq(mutable_state_unpack_volatile(ms, &bed->limits, bed->stored_volatile), INTACT);
    return ms;
}

static void check_fold(struct bed *bed)
{
    struct mutable_state *again = fold(bed);
    const char *difference;

    if (stored_count(bed) < bed->log_count)
        ck_assert_int_eq(mutable_state_apply(again, bed->log[bed->log_count - 1]), INTACT);
    if (bed->ms->workflow_task.is_speculative)
        again->workflow_task = bed->ms->workflow_task; /* in memory only, all of it */
    if (again->workflow_task.state == WORKFLOW_TASK_SCHEDULED && again->workflow_task.is_transient &&
        bed->ms->workflow_task.state == WORKFLOW_TASK_STARTED)
        again->workflow_task.state = WORKFLOW_TASK_STARTED; /* a transient start is in memory only */
    if (versioning_must_be_stored(bed->ms)) /* what the start of a workflow task has changed is in memory only, too */
        versioning_unpack(again, versioning_pack(bed->ms, bed->arena), false);
    difference = mutable_state_difference(bed->ms, again, bed->arena);
    ck_assert_msg(difference == NULL, "what is stored folds to another state: %s; %s", difference, bed_events(bed, 1));
    mutable_state_free(again);
}

static void carry_out(struct bed *bed)
{
    for (size_t i = 0; i < bed->t.effects_count; i++) {
        struct activity *activity = mutable_state_activity(bed->ms, bed->t.effects[i].event_id);

        if (bed->t.effects[i].kind == EFFECT_DISPATCH_ACTIVITY && activity != NULL)
            activity->dispatched = true;
    }
}

void bed_commit(struct bed *bed)
{
    struct transition *t = &bed->t;

    transition_finish(t);
    if (t->over_limit != NULL)
        transition_terminate_over_limit(t);
    for (size_t i = 0; i < t->events_count; i++) {
        append(bed, t->events[i]);
        bed->ms->history_bytes += packed_bytes(t->events[i]);
    }
    if (t->volatile_changed || !mutable_state_is_open(bed->ms))
        bed->stored_volatile = mutable_state_pack_volatile(bed->ms, bed->arena);
    check_fold(bed);
    carry_out(bed);
}

void bed_reload(struct bed *bed)
{
    struct mutable_state *ms = fold(bed);
    struct activity *activity, *next;

    bed->log_count = stored_count(bed);
    mutable_state_free(bed->ms);
    bed->ms = ms;
    HASH_ITER (by_event, ms->activities, activity, next)
        activity->dispatched = activity->attempt_scheduled_time <= bed->now;
    if (!mutable_state_is_open(ms) || ms->buffered == NULL)
        return;
    transition_flush_buffered(bed_begin(bed)); /* nothing to wait for any more */
    workflow_task_schedule(&bed->t, false);
    bed_commit(bed);
}

PbWorkflowExecutionStartedEventAttributes *bed_started(struct bed *bed)
{
    PbWorkflowExecutionStartedEventAttributes *started =
        ARENA_NEW_PB(bed->arena, PbWorkflowExecutionStartedEventAttributes);

    started->workflow_id = "workflow";
    started->workflow_type = ARENA_NEW_PB(bed->arena, PbWorkflowType);
    started->workflow_type->name = "type";
    started->task_queue = normal_task_queue(bed->arena, "queue");
    started->original_execution_run_id = started->first_execution_run_id = RUN_ID;
    started->workflow_task_timeout = duration_of(bed, seconds(10));
    started->attempt = 1;
    started->identity = "starter";
    started->cron_schedule = "";
    started->input = payloads_of(bed, "input");
    return started;
}

void bed_start(struct bed *bed, PbWorkflowExecutionStartedEventAttributes *started)
{
    bed->started = started;
    decide_start(bed_begin(bed), started, NULL, 0, NULL);
    bed_commit(bed);
}

void bed_open_started(struct bed *bed)
{
    bed_open(bed);
    bed_start(bed, bed_started(bed));
}

void bed_advance(struct bed *bed, nanos span)
{
    nanos until = bed->now + span, due;
    int passes = 0;

    while ((due = mutable_state_next_deadline(bed->ms)) <= until) {
        if (due > bed->now) {
            bed->now = due;
            passes = 0;
        }
        decide_deadlines(bed_begin(bed));
        bed_commit(bed);
        /* An activity may be dispatched and time out at one instant; but then there is an end. */
        ck_assert_msg(++passes <= 2, "a deadline stays due: the loop would spin: %s; %s", bed_task(bed),
                      bed_events(bed, 1));
    }
    bed->now = until;
}

struct bytes bed_packed_log(struct bed *bed, int64_t last)
{
    PbHistory history = PbHistory_INIT;

    history.events = bed->log;
    history.n_events = last == 0 ? bed->log_count : (size_t)last;
    return pb_pack(bed->arena, &history);
}

/* ---- what happens to it ---- */

void bed_signal(struct bed *bed, const char *name)
{
    PbWorkflowExecutionSignaledEventAttributes signal = PbWorkflowExecutionSignaledEventAttributes_INIT;

    signal.signal_name = name;
    signal.identity = "client";
    signal.request_id = name;
    decide_signal(bed_begin(bed), &signal, 0, NULL);
    bed_commit(bed);
}

void bed_request_cancel(struct bed *bed)
{
    PbWorkflowExecutionCancelRequestedEventAttributes request = PbWorkflowExecutionCancelRequestedEventAttributes_INIT;

    request.cause = "because";
    decide_cancel_request(bed_begin(bed), &request);
    bed_commit(bed);
}

void bed_terminate(struct bed *bed)
{
    decide_terminate(bed_begin(bed), "enough", NULL, "client");
    bed_commit(bed);
}

void bed_poll_by(struct bed *bed, const struct task_poller *who)
{
    PbMessage **messages;

    ck_assert_int_eq(bed->ms->workflow_task.state, WORKFLOW_TASK_SCHEDULED);
    workflow_task_start(bed_begin(bed), who);
    bed_commit(bed);
    (void)updates_make_messages(bed->ms, NEW_UPDATES, bed->arena, &messages);
}

void bed_poll(struct bed *bed)
{
    bed_poll_by(bed, &(struct task_poller){.identity = "worker", .request_id = "request"});
}

void bed_poll_sticky(struct bed *bed)
{
    bed_poll_by(bed, &(struct task_poller){.identity = "worker", .request_id = "request", .on_sticky = true});
}

/* After a refused completion the state is spoilt: what is stored is folded, what was in memory only is recalled. */
static void give_up(struct bed *bed, const struct task_memory *memory)
{
    struct mutable_state *ms = fold(bed);

    if (stored_count(bed) < bed->log_count)
        ck_assert_int_eq(mutable_state_apply(ms, bed->log[bed->log_count - 1]), INTACT);
    mutable_state_free(bed->ms);
    bed->ms = ms;
    workflow_task_recall(ms, memory);
}

const char *bed_complete_with(struct bed *bed, PbRespondWorkflowTaskCompletedRequest *request)
{
    struct task_memory memory = workflow_task_remember(bed->ms, bed->arena);
    struct completion_outcome outcome;
    struct refusal refusal;

    ck_assert_int_eq(bed->ms->workflow_task.state, WORKFLOW_TASK_STARTED);
    refusal = workflow_task_complete(bed_begin(bed), request, &outcome);
    if (refusal.cause == WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED) {
        bed_commit(bed);
        return outcome.heartbeat_timeout ? "heartbeat timeout" : outcome.discarded ? "discarded" : "";
    }
    give_up(bed, &memory);
    if (bed->ms->workflow_task.attempt <= 1 || refusal.cause == WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND) {
        workflow_task_fail_for_refusal(bed_begin(bed), &refusal, request->identity);
        bed_commit(bed);
    }
    return refusal.text;
}

PbRespondWorkflowTaskCompletedRequest *bed_completion(struct bed *bed)
{
    PbRespondWorkflowTaskCompletedRequest *request = ARENA_NEW_PB(bed->arena, PbRespondWorkflowTaskCompletedRequest);

    request->identity = "worker";
    return request;
}

PbRespondWorkflowTaskCompletedRequest *bed_sticky_completion(struct bed *bed)
{
    PbRespondWorkflowTaskCompletedRequest *request = bed_completion(bed);

    request->sticky_attributes = ARENA_NEW_PB(bed->arena, PbStickyExecutionAttributes);
    request->sticky_attributes->worker_task_queue = normal_task_queue(bed->arena, "sticky");
    request->sticky_attributes->schedule_to_start_timeout = duration_of(bed, seconds(5));
    return request;
}

const char *bed_complete_list(struct bed *bed, PbCommand *const commands[])
{
    PbRespondWorkflowTaskCompletedRequest *request = bed_completion(bed);

    request->commands = borrow(commands + 1);
    while (commands[1 + request->n_commands] != NULL)
        request->n_commands++;
    return bed_complete_with(bed, request);
}

/* ---- updates ---- */

void bed_admit_update(struct bed *bed, const char *id)
{
    PbUpdateRequest *request = ARENA_NEW_PB(bed->arena, PbUpdateRequest);

    request->meta = ARENA_NEW_PB(bed->arena, PbMeta);
    request->meta->update_id = id;
    request->input = ARENA_NEW_PB(bed->arena, PbInput);
    request->input->name = "update";
    update_admit(bed->ms, request);
    workflow_task_schedule_speculative(bed_begin(bed));
    bed_commit(bed);
}

static PbMessage *message_of(struct bed *bed, const char *id, const void *body)
{
    PbMessage *message = ARENA_NEW_PB(bed->arena, PbMessage);

    message->id = arena_printf(bed->arena, "%s/%p", id, body);
    message->protocol_instance_id = id;
    message->body = pb_pack_any(bed->arena, body);
    return message;
}

PbMessage *accept_update(struct bed *bed, const char *id)
{
    PbAcceptance *acceptance = ARENA_NEW_PB(bed->arena, PbAcceptance);

    acceptance->accepted_request_message_id = arena_printf(bed->arena, "%s/request", id);
    acceptance->accepted_request_sequencing_event_id = bed->ms->workflow_task.scheduled_event_id;
    return message_of(bed, id, acceptance);
}

PbMessage *reject_update(struct bed *bed, const char *id)
{
    PbRejection *rejection = ARENA_NEW_PB(bed->arena, PbRejection);

    rejection->failure = failure_of(bed, "rejected");
    return message_of(bed, id, rejection);
}

PbMessage *respond_to_update(struct bed *bed, const char *id)
{
    PbUpdateResponse *response = ARENA_NEW_PB(bed->arena, PbUpdateResponse);

    response->meta = ARENA_NEW_PB(bed->arena, PbMeta);
    response->meta->update_id = id;
    response->outcome = ARENA_NEW_PB(bed->arena, PbOutcome);
    response->outcome->value_case = PbOutcome_success_case;
    response->outcome->success = payloads_of(bed, "outcome");
    return message_of(bed, id, response);
}

const char *bed_answer_list(struct bed *bed, PbMessage *const messages[])
{
    PbRespondWorkflowTaskCompletedRequest *request = bed_completion(bed);

    request->messages = borrow(messages + 1);
    while (messages[1 + request->n_messages] != NULL)
        request->n_messages++;
    return bed_complete_with(bed, request);
}

const char *bed_news(struct bed *bed)
{
    static const char *const names[] = {
        [UPDATE_NOW_ACCEPTED] = "accepted", [UPDATE_REJECTED] = "rejected", [UPDATE_DONE] = "done",
        [UPDATE_ABORTED] = "aborted",       [UPDATE_MOVED] = "moved",       [UPDATE_LOST] = "lost",
    };
    const char *text = "";

    for (const struct update_news *news = bed->t.update_news; news != NULL; news = news->next) /* the newest first */
        text = arena_printf(bed->arena, "%s %s%s%s", news->id, names[news->kind], text[0] == '\0' ? "" : ", ", text);
    return text;
}

/* ---- more of what happens ---- */

void bed_fail_task(struct bed *bed)
{
    workflow_task_fail(bed_begin(bed), WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE,
                       failure_of(bed, "oops"), "worker", "", NULL);
    bed_commit(bed);
}

struct activity *bed_activity(struct bed *bed, const char *id)
{
    struct activity *activity = mutable_state_activity_by_id(bed->ms, id);

    ck_assert_msg(activity != NULL, "no activity %s is pending", id);
    return activity;
}

void bed_activity_start(struct bed *bed, const char *id)
{
    struct activity *activity = bed_activity(bed, id);

    activity->dispatched = true;
    activity_start(bed_begin(bed), activity, "activity worker", "activity request", NULL);
    bed_commit(bed);
}

void bed_activity_complete(struct bed *bed, const char *id)
{
    activity_complete(bed_begin(bed), bed_activity(bed, id), payloads_of(bed, "result"), "activity worker");
    bed_commit(bed);
}

void bed_activity_fail(struct bed *bed, const char *id, const PbFailure *failure)
{
    activity_fail(bed_begin(bed), bed_activity(bed, id), failure, "activity worker");
    bed_commit(bed);
}

void bed_activity_heartbeat(struct bed *bed, const char *id, const char *details)
{
    activity_heartbeat(bed_begin(bed), bed_activity(bed, id), payloads_of(bed, details));
    bed_commit(bed);
}

void bed_activity_cancel(struct bed *bed, const char *id)
{
    activity_cancel(bed_begin(bed), bed_activity(bed, id), payloads_of(bed, "details"), "activity worker");
    bed_commit(bed);
}

/* ---- commands ---- */

PbCommand *command_of(struct bed *bed, PbCommandType type)
{
    PbCommand *command = ARENA_NEW_PB(bed->arena, PbCommand);

    command->command_type = type;
    return command;
}

/* A command with its attributes: `kind` in the API's spellings. */
#define NEW_COMMAND(bed, UPPER, kind, Camel)                                                     \
    PbCommand *command = command_of(bed, COMMAND_TYPE_##UPPER);                                  \
    Pb##Camel##CommandAttributes *want = ARENA_NEW_PB(bed->arena, Pb##Camel##CommandAttributes); \
    command->attributes_case = PbCommand_##kind##_command_attributes_case;                       \
    command->kind##_command_attributes = want

PbCommand *start_timer(struct bed *bed, const char *id, nanos span)
{
    NEW_COMMAND(bed, START_TIMER, start_timer, StartTimer);

    want->timer_id = id;
    want->start_to_fire_timeout = duration_of(bed, span);
    return command;
}

PbCommand *cancel_timer(struct bed *bed, const char *id)
{
    NEW_COMMAND(bed, CANCEL_TIMER, cancel_timer, CancelTimer);

    want->timer_id = id;
    return command;
}

PbCommand *schedule_activity(struct bed *bed, const char *id)
{
    NEW_COMMAND(bed, SCHEDULE_ACTIVITY_TASK, schedule_activity_task, ScheduleActivityTask);

    want->activity_id = id;
    want->activity_type = ARENA_NEW_PB(bed->arena, PbActivityType);
    want->activity_type->name = "activity type";
    want->task_queue = normal_task_queue(bed->arena, "activities");
    want->start_to_close_timeout = duration_of(bed, seconds(10));
    return command;
}

PbScheduleActivityTaskCommandAttributes *activity_of(PbCommand *command)
{
    return command->schedule_activity_task_command_attributes;
}

PbCommand *cancel_activity(struct bed *bed, int64_t scheduled_event_id)
{
    NEW_COMMAND(bed, REQUEST_CANCEL_ACTIVITY_TASK, request_cancel_activity_task, RequestCancelActivityTask);

    want->scheduled_event_id = scheduled_event_id;
    return command;
}

PbCommand *record_marker(struct bed *bed, const char *name)
{
    NEW_COMMAND(bed, RECORD_MARKER, record_marker, RecordMarker);

    want->marker_name = name;
    return command;
}

PbCommand *complete_workflow(struct bed *bed)
{
    NEW_COMMAND(bed, COMPLETE_WORKFLOW_EXECUTION, complete_workflow_execution, CompleteWorkflowExecution);

    want->result = payloads_of(bed, "result");
    return command;
}

PbCommand *fail_workflow(struct bed *bed, PbFailure *failure)
{
    NEW_COMMAND(bed, FAIL_WORKFLOW_EXECUTION, fail_workflow_execution, FailWorkflowExecution);

    want->failure = failure;
    return command;
}

PbCommand *cancel_workflow(struct bed *bed)
{
    NEW_COMMAND(bed, CANCEL_WORKFLOW_EXECUTION, cancel_workflow_execution, CancelWorkflowExecution);

    want->details = payloads_of(bed, "details");
    return command;
}

PbCommand *continue_as_new(struct bed *bed)
{
    NEW_COMMAND(bed, CONTINUE_AS_NEW_WORKFLOW_EXECUTION, continue_as_new_workflow_execution,
                ContinueAsNewWorkflowExecution);

    want->input = payloads_of(bed, "next input");
    return command;
}

PbCommand *start_child(struct bed *bed, const char *workflow_id)
{
    NEW_COMMAND(bed, START_CHILD_WORKFLOW_EXECUTION, start_child_workflow_execution, StartChildWorkflowExecution);

    want->workflow_id = workflow_id;
    want->workflow_type = ARENA_NEW_PB(bed->arena, PbWorkflowType);
    want->workflow_type->name = "child type";
    return command;
}

PbCommand *signal_external(struct bed *bed, const char *workflow_id, const char *name)
{
    NEW_COMMAND(bed, SIGNAL_EXTERNAL_WORKFLOW_EXECUTION, signal_external_workflow_execution,
                SignalExternalWorkflowExecution);

    want->execution = ARENA_NEW_PB(bed->arena, PbWorkflowExecution);
    want->execution->workflow_id = workflow_id;
    want->signal_name = name;
    return command;
}

PbCommand *cancel_external(struct bed *bed, const char *workflow_id)
{
    NEW_COMMAND(bed, REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION, request_cancel_external_workflow_execution,
                RequestCancelExternalWorkflowExecution);

    want->workflow_id = workflow_id;
    return command;
}

PbCommand *place_message(struct bed *bed, const PbMessage *message)
{
    NEW_COMMAND(bed, PROTOCOL_MESSAGE, protocol_message, ProtocolMessage);

    want->message_id = message->id;
    return command;
}

/* ---- small messages ---- */

PbFailure *failure_of(struct bed *bed, const char *message)
{
    PbFailure *failure = ARENA_NEW_PB(bed->arena, PbFailure);

    failure->message = message;
    return failure;
}

PbFailure *application_failure(struct bed *bed, const char *type, bool non_retryable)
{
    PbFailure *failure = failure_of(bed, "it failed");

    failure->failure_info_case = PbFailure_application_failure_info_case;
    failure->application_failure_info = ARENA_NEW_PB(bed->arena, PbApplicationFailureInfo);
    failure->application_failure_info->type = type;
    failure->application_failure_info->non_retryable = non_retryable;
    return failure;
}

PbFailure *timeout_failure_of(struct bed *bed, PbTimeoutType type)
{
    PbFailure *failure = failure_of(bed, "too late");

    failure->failure_info_case = PbFailure_timeout_failure_info_case;
    failure->timeout_failure_info = ARENA_NEW_PB(bed->arena, PbTimeoutFailureInfo);
    failure->timeout_failure_info->timeout_type = type;
    return failure;
}

PbPayloads *payloads_of(struct bed *bed, const char *text)
{
    PbPayloads *payloads = ARENA_NEW_PB(bed->arena, PbPayloads);

    payloads->payloads = ARENA_NEW_ARRAY(bed->arena, PbPayload *, 1);
    payloads->payloads[payloads->n_payloads++] = ARENA_NEW_PB(bed->arena, PbPayload);
    payloads->payloads[0]->data.data = arena_memdup(bed->arena, text, strlen(text));
    payloads->payloads[0]->data.len = strlen(text);
    return payloads;
}

PbDuration *duration_of(struct bed *bed, nanos span)
{
    return pb_duration_new(bed->arena, span);
}

char *text_of_length(struct bed *bed, size_t length)
{
    char *text = arena_alloc(bed->arena, length + 1);

    memset(text, 'a', length);
    return text;
}

/* ---- what has come of it ---- */

static const char *event_text(struct bed *bed, const PbHistoryEvent *event)
{
    const PbWorkflowTaskScheduledEventAttributes *scheduled;

    switch ((int)event->event_type) {
    case EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
        scheduled = event->workflow_task_scheduled_event_attributes;
        return arena_printf(bed->arena, "S%d%s", scheduled->attempt,
                            scheduled->task_queue->kind == TASK_QUEUE_KIND_STICKY ? "~" : "");
    case EVENT_TYPE_WORKFLOW_TASK_STARTED:
        return "R";
    case EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
        return "C";
    case EVENT_TYPE_WORKFLOW_TASK_FAILED:
        return "F";
    case EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
        return "T";
    default:
        return event_type_name(event->event_type);
    }
}

const char *bed_events(struct bed *bed, int64_t from)
{
    const char *text = "";

    for (size_t i = (size_t)from - 1; i < bed->log_count; i++)
        text = arena_printf(bed->arena, "%s%s%lld %s", text, text[0] == '\0' ? "" : ", ",
                            (long long)bed->log[i]->event_id, event_text(bed, bed->log[i]));
    return text;
}

const PbHistoryEvent *bed_event(struct bed *bed, int64_t event_id)
{
    ck_assert_msg(event_id >= 1 && (size_t)event_id <= bed->log_count, "no event %lld: %s", (long long)event_id,
                  bed_events(bed, 1));
    return bed->log[event_id - 1];
}

const PbHistoryEvent *bed_event_of(struct bed *bed, int64_t event_id, PbHistoryEvent__AttributesCase kind)
{
    const PbHistoryEvent *event = bed_event(bed, event_id);

    ck_assert_msg(event->attributes_case == kind, "event %lld is another: %s", (long long)event_id, bed_events(bed, 1));
    return event;
}

const char *bed_task(struct bed *bed)
{
    const struct workflow_task *task = &bed->ms->workflow_task;
    const char *text = "none";

    if (task->state == WORKFLOW_TASK_SCHEDULED)
        text = arena_printf(bed->arena, "scheduled %lld", (long long)task->scheduled_event_id);
    if (task->state == WORKFLOW_TASK_STARTED)
        text = arena_printf(bed->arena, "started %lld/%lld", (long long)task->scheduled_event_id,
                            (long long)task->started_event_id);
    if (task->state == WORKFLOW_TASK_NONE)
        return text;
    return arena_printf(bed->arena, "%s a%d%s%s", text, task->attempt,
                        task->is_transient     ? " transient"
                        : task->is_speculative ? " speculative"
                                               : "",
                        task->is_sticky ? " sticky" : "");
}

size_t bed_effects(const struct bed *bed, enum effect_kind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < bed->t.effects_count; i++)
        count += bed->t.effects[i].kind == kind;
    return count;
}

int bed_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
