/* Resets: which points are valid, what the new run's log becomes, and what begins anew. */
#include "tests/unit/history/support.h"

static struct bed base, made;

static const struct reset_exclusions NOTHING;

static void set_up(void)
{
    bed_open_started(&base);
    bed_open(&made);
}

static void tear_down(void)
{
    bed_close(&base);
    bed_close(&made);
}

/* The run to be made gets the base's log before event `event_id`, folded. */
static void copy_log(int64_t event_id)
{
    size_t count = (size_t)event_id - 1;

    ck_assert(count <= base.log_count);
    mutable_state_free(made.ms);
    made.ms = mutable_state_new();
    made.log = ARENA_NEW_ARRAY(made.arena, PbHistoryEvent *, count);
    made.log_count = made.log_capacity = count;
    for (size_t i = 0; i < count; i++) {
        made.log[i] = pb_copy(made.arena, base.log[i]); /* the base may be gone before it */
        ck_assert_int_eq(mutable_state_apply(made.ms, base.log[i]), INTACT);
    }
    made.stored_volatile = (struct bytes){0};
    made.now = base.now;
}

/* A reset to event `event_id`, up to where events are reapplied. */
static void begin(int64_t event_id)
{
    copy_log(event_id);
    ck_assert(reset_point_is_valid(made.ms));
    reset_begin(bed_begin(&made), "base", "why");
}

static void finish(void)
{
    reset_finish(&made.t);
    bed_commit(&made);
}

static void reapply_from(int64_t event_id, const struct reset_exclusions *exclude)
{
    for (size_t i = (size_t)event_id - 1; i < base.log_count; i++)
        reset_reapply(&made.t, base.log[i], exclude);
}

/* All of it. */
static void reset_to(int64_t event_id)
{
    begin(event_id);
    reapply_from(event_id, &NOTHING);
    finish();
}

static PbHistoryEvent *event_of(PbEventType type, PbHistoryEvent__AttributesCase kind, void *attributes)
{
    PbHistoryEvent *event = ARENA_NEW_PB(base.arena, PbHistoryEvent);

    event->event_type = type;
    event->event_time = pb_timestamp_new(base.arena, base.now);
    event->attributes_case = kind;
    *event_attributes(event) = attributes;
    return event;
}

static PbUpdateRequest *update_request(const char *id)
{
    PbUpdateRequest *request = ARENA_NEW_PB(base.arena, PbUpdateRequest);

    request->meta = ARENA_NEW_PB(base.arena, PbMeta);
    request->meta->update_id = borrow_text(id);
    return request;
}

static PbHistoryEvent *accepted(const char *id, bool with_request)
{
    PbWorkflowExecutionUpdateAcceptedEventAttributes *attributes =
        ARENA_NEW_PB(base.arena, PbWorkflowExecutionUpdateAcceptedEventAttributes);

    attributes->protocol_instance_id = borrow_text(id);
    if (with_request)
        attributes->accepted_request = update_request(id);
    return event_of(EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
                    PbHistoryEvent_workflow_execution_update_accepted_event_attributes_case, attributes);
}

static PbHistoryEvent *admitted(const char *id)
{
    PbWorkflowExecutionUpdateAdmittedEventAttributes *attributes =
        ARENA_NEW_PB(base.arena, PbWorkflowExecutionUpdateAdmittedEventAttributes);

    attributes->request = update_request(id);
    attributes->origin = UPDATE_ADMITTED_EVENT_ORIGIN_REAPPLY;
    return event_of(EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED,
                    PbHistoryEvent_workflow_execution_update_admitted_event_attributes_case, attributes);
}

/* ---- points ---- */

START_TEST(a_point_has_a_workflow_task_before_it)
{
    POLL_AND_COMPLETE(&base);
    bed_signal(&base, "s");
    EXPECT_EVENTS(&base, 1, "1 WorkflowExecutionStarted, 2 S1, 3 R, 4 C, 5 WorkflowExecutionSignaled, 6 S1");
    for (int64_t event_id = 2; event_id <= 7; event_id++) {
        copy_log(event_id);
        ck_assert_int_eq(reset_point_is_valid(made.ms), event_id == 3 || event_id == 4 || event_id == 7);
    }
}
END_TEST

START_TEST(a_task_that_would_be_tried_again_counts)
{
    bed_poll(&base);
    bed_fail_task(&base);
    bed_signal(&base, "s");
    copy_log(5);
    ck_assert(reset_point_is_valid(made.ms));
    reset_to(6);
    EXPECT_EVENTS(&made, 4, "4 F, 5 WorkflowExecutionSignaled, 6 S1, 7 R, 8 F, 9 S1");
    POLL_AND_COMPLETE(&base);
    copy_log((int64_t)base.log_count + 1);
    ck_assert(!reset_point_is_valid(made.ms)); /* a success: nothing will be tried again */
}
END_TEST

START_TEST(so_does_one_that_timed_out)
{
    bed_poll(&base);
    bed_advance(&base, seconds(10));
    EXPECT_EVENTS(&base, 4, "4 T");
    reset_to(5);
    EXPECT_EVENTS(&made, 4, "4 T, 5 S1, 6 R, 7 F, 8 S1");
}
END_TEST

START_TEST(a_backoff_has_no_task)
{
    PbWorkflowExecutionStartedEventAttributes *started = bed_started(&made);

    started->first_workflow_task_backoff = duration_of(&made, seconds(5));
    bed_start(&made, started);
    ck_assert(!reset_point_is_valid(made.ms));
}
END_TEST

/* ---- the log ---- */

START_TEST(to_a_completed_task)
{
    const PbWorkflowTaskFailedEventAttributes *failed;

    POLL_AND_COMPLETE(&base, start_timer(&base, "t", seconds(1)));
    reset_to(4);
    EXPECT_EVENTS(&made, 1, "1 WorkflowExecutionStarted, 2 S1, 3 R, 4 F, 5 S1");
    EXPECT_TASK(&made, "scheduled 5 a1");
    failed = ATTRIBUTES_OF(&made, 4, workflow_task_failed);
    ck_assert_int_eq(failed->cause, WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW);
    ck_assert_int_eq(failed->scheduled_event_id, 2);
    ck_assert_int_eq(failed->started_event_id, 3);
    ck_assert_str_eq(failed->identity, "history-service");
    ck_assert_str_eq(failed->base_run_id, "base");
    ck_assert_str_eq(failed->new_run_id, made.t.run_id);
    ck_assert_str_eq(failed->failure->message, "why");
    ck_assert_int_eq(failed->failure->failure_info_case, PbFailure_reset_workflow_failure_info_case);
    ck_assert_int_eq(made.ms->previous_started_event_id, 0);
}
END_TEST

START_TEST(to_a_scheduled_task)
{
    POLL_AND_COMPLETE(&base);
    reset_to(3);
    EXPECT_EVENTS(&made, 2, "2 S1, 3 R, 4 F, 5 S1");
    ck_assert_str_eq(ATTRIBUTES_OF(&made, 3, workflow_task_started)->identity, "history-service");
    ck_assert_str_eq(ATTRIBUTES_OF(&made, 3, workflow_task_started)->request_id, "emptyUuid");
}
END_TEST

START_TEST(an_attempt_that_failed_before_does_not_count)
{
    bed_poll(&base);
    bed_fail_task(&base);
    POLL_AND_COMPLETE(&base);
    EXPECT_EVENTS(&base, 4, "4 F, 5 S2, 6 R, 7 C");
    reset_to(7);
    EXPECT_EVENTS(&made, 5, "5 S2, 6 R, 7 F, 8 S1");
    EXPECT_TASK(&made, "scheduled 8 a1");
}
END_TEST

/* ---- what is reapplied ---- */

START_TEST(signals_are_reapplied_without_their_sender)
{
    PbWorkflowExecutionSignaledEventAttributes signal = PbWorkflowExecutionSignaledEventAttributes_INIT;
    PbWorkflowExecution sender = PbWorkflowExecution_INIT;
    const PbWorkflowExecutionSignaledEventAttributes *again;

    POLL_AND_COMPLETE(&base);
    signal.signal_name = "s";
    signal.input = payloads_of(&base, "in");
    signal.identity = "history-service";
    signal.request_id = "r";
    signal.external_workflow_execution = &sender;
    decide_signal(bed_begin(&base), &signal, 0, NULL);
    bed_commit(&base);
    base.now += seconds(9);
    reset_to(4);
    EXPECT_EVENTS(&made, 4, "4 F, 5 WorkflowExecutionSignaled, 6 S1");
    again = ATTRIBUTES_OF(&made, 5, workflow_execution_signaled);
    ck_assert_str_eq(again->signal_name, "s");
    ck_assert_str_eq(again->identity, "history-service");
    ck_assert_str_eq(again->request_id, "r");
    ck_assert_int_eq(packed_bytes(again->input), packed_bytes(signal.input));
    ck_assert_ptr_null(again->external_workflow_execution);
    ck_assert_int_eq(time_from_pb(bed_event(&made, 5)->event_time), base.now);
    ck_assert(mutable_state_request_used(made.ms, "r"));
}
END_TEST

START_TEST(what_others_decide_or_the_worker_does_is_not_reapplied)
{
    POLL_AND_COMPLETE(&base, start_timer(&base, "t", seconds(1)), schedule_activity(&base, "a"),
                      record_marker(&base, "m"));
    bed_advance(&base, seconds(1));
    bed_activity_start(&base, "a");
    bed_activity_complete(&base, "a");
    bed_request_cancel(&base);
    bed_terminate(&base);
    reset_to(4);
    EXPECT_EVENTS(&made, 4, "4 F, 5 S1");
    ck_assert(!made.ms->cancel_requested);
    ck_assert(mutable_state_is_open(made.ms));
}
END_TEST

START_TEST(a_start_that_has_joined_is_reapplied_whatever_is_excluded)
{
    const struct reset_exclusions all = {.signals = true, .updates = true, .everything = true};

    POLL_AND_COMPLETE(&base);
    decide_join(bed_begin(&base), "joined", 0, NULL);
    bed_commit(&base);
    begin(4);
    reapply_from(4, &all); /* `everything` is for the engine, which does not even ask then */
    finish();
    EXPECT_EVENTS(&made, 4, "4 F, 5 WorkflowExecutionOptionsUpdated, 6 S1");
    ck_assert(mutable_state_request_joined(made.ms, "joined"));
    ck_assert(bed_event(&made, 5)->worker_may_ignore);
}
END_TEST

START_TEST(updates_are_admitted_again_once)
{
    const struct update *update;

    POLL_AND_COMPLETE(&base);
    begin(4);
    reset_reapply(&made.t, accepted("u1", true), &NOTHING);
    reset_reapply(&made.t, accepted("u1", true), &NOTHING);  /* another run of the chain has used its id as well */
    reset_reapply(&made.t, accepted("u2", false), &NOTHING); /* admitted by an event: */
    reset_reapply(&made.t, admitted("u2"), &NOTHING);
    finish();
    EXPECT_EVENTS(&made, 4, "4 F, 5 WorkflowExecutionUpdateAdmitted, 6 WorkflowExecutionUpdateAdmitted, 7 S1");
    ck_assert_int_eq(ATTRIBUTES_OF(&made, 5, workflow_execution_update_admitted)->origin,
                     UPDATE_ADMITTED_EVENT_ORIGIN_REAPPLY);
    update = mutable_state_update(made.ms, "u1");
    ck_assert_int_eq(update->admitted_event_id, 5);
    ck_assert_ptr_null(update->request); /* no message brings it: the worker reads the event */
    ck_assert(!updates_are_in_memory_only(made.ms));
    bed_reload(&made);
    ck_assert_ptr_nonnull(mutable_state_update(made.ms, "u2"));
}
END_TEST

START_TEST(exclusions_leave_their_kind_out)
{
    const struct reset_exclusions no_signals = {.signals = true}, no_updates = {.updates = true};

    POLL_AND_COMPLETE(&base);
    bed_signal(&base, "s");
    begin(4);
    reapply_from(4, &no_signals);
    reset_reapply(&made.t, accepted("u", true), &no_signals);
    finish();
    EXPECT_EVENTS(&made, 5, "5 WorkflowExecutionUpdateAdmitted, 6 S1");
    begin(4);
    reapply_from(4, &no_updates);
    reset_reapply(&made.t, accepted("u", true), &no_updates);
    reset_reapply(&made.t, admitted("v"), &no_updates);
    finish();
    EXPECT_EVENTS(&made, 5, "5 WorkflowExecutionSignaled, 6 S1");
}
END_TEST

static const struct {
    PbResetReapplyType type;
    PbResetReapplyExcludeType exclude[4];
    size_t excluded;
    struct reset_exclusions expected;
} REQUESTS[] = {
    {.type = RESET_REAPPLY_TYPE_UNSPECIFIED},
    {.type = RESET_REAPPLY_TYPE_ALL_ELIGIBLE},
    {.type = RESET_REAPPLY_TYPE_SIGNAL, .expected = {.updates = true}},
    {.type = RESET_REAPPLY_TYPE_NONE, .expected = {.signals = true, .updates = true}},
    {.exclude = {RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL}, .excluded = 1, .expected = {.signals = true}},
    {.exclude = {RESET_REAPPLY_EXCLUDE_TYPE_UPDATE}, .excluded = 1, .expected = {.updates = true}},
    {.exclude = {RESET_REAPPLY_EXCLUDE_TYPE_NEXUS, RESET_REAPPLY_EXCLUDE_TYPE_CANCEL_REQUEST}, .excluded = 2},
    {.type = RESET_REAPPLY_TYPE_SIGNAL,
     .exclude = {RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL},
     .excluded = 1,
     .expected = {.signals = true, .updates = true}},
    {.type = RESET_REAPPLY_TYPE_NONE,
     .exclude = {RESET_REAPPLY_EXCLUDE_TYPE_NEXUS, RESET_REAPPLY_EXCLUDE_TYPE_CANCEL_REQUEST},
     .excluded = 2,
     .expected = {.signals = true, .updates = true, .everything = true}},
    {.exclude = {RESET_REAPPLY_EXCLUDE_TYPE_CANCEL_REQUEST, RESET_REAPPLY_EXCLUDE_TYPE_UPDATE,
                 RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL, RESET_REAPPLY_EXCLUDE_TYPE_NEXUS},
     .excluded = 4,
     .expected = {.signals = true, .updates = true, .everything = true}},
};

START_TEST(what_a_request_excludes)
{
    PbResetWorkflowExecutionRequest request = PbResetWorkflowExecutionRequest_INIT;
    struct reset_exclusions exclude;

    request.reset_reapply_type = REQUESTS[_i].type;
    request.reset_reapply_exclude_types = borrow(REQUESTS[_i].exclude);
    request.n_reset_reapply_exclude_types = REQUESTS[_i].excluded;
    exclude = reset_exclusions(&request);
    ck_assert_int_eq(exclude.signals, REQUESTS[_i].expected.signals);
    ck_assert_int_eq(exclude.updates, REQUESTS[_i].expected.updates);
    ck_assert_int_eq(exclude.everything, REQUESTS[_i].expected.everything);
}
END_TEST

/* ---- children and other workflows ---- */

/* Initiates children `one` and `two` by events 5 and 6; `one` starts and ends. */
static void raise_children(void)
{
    const struct child_end end = {.outcome = WORKFLOW_EXECUTION_STATUS_COMPLETED, .run_id = "last run"};

    POLL_AND_COMPLETE(&base, start_child(&base, "one"), start_child(&base, "two"));
    child_started(bed_begin(&base), mutable_state_child(base.ms, 5), "first run");
    bed_commit(&base);
    bed_poll(&base);
    ck_assert_str_eq(COMPLETE(&base), "");
    EXPECT_EVENTS(&base, 5,
                  "5 StartChildWorkflowExecutionInitiated, 6 StartChildWorkflowExecutionInitiated, "
                  "7 ChildWorkflowExecutionStarted, 8 S1, 9 R, 10 C");
    child_ended(bed_begin(&base), mutable_state_child(base.ms, 5), &end);
    bed_commit(&base);
    child_start_failed(bed_begin(&base), mutable_state_child(base.ms, 6),
                       START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS);
    bed_commit(&base);
}

START_TEST(a_pending_child_stays)
{
    raise_children();
    begin(10);
    finish();
    EXPECT_EVENTS(&made, 10, "10 F, 11 S1");
    ck_assert_str_eq(mutable_state_child(made.ms, 5)->run_id, "first run");
    ck_assert_uint_eq(bed_effects(&made, EFFECT_START_CHILD), 1); /* two */
}
END_TEST

START_TEST(the_fates_of_children_are_reapplied)
{
    raise_children();
    reset_to(10);
    EXPECT_EVENTS(&made, 10, "10 F, 11 ChildWorkflowExecutionCompleted, 12 StartChildWorkflowExecutionFailed, 13 S1");
    ck_assert_int_eq(ATTRIBUTES_OF(&made, 11, child_workflow_execution_completed)->started_event_id, 7);
    ck_assert_ptr_null(made.ms->children);
    ck_assert_uint_eq(bed_effects(&made, EFFECT_START_CHILD), 0);
}
END_TEST

START_TEST(the_start_of_a_child_is_reapplied_and_its_end_names_it)
{
    const struct child_end end = {.outcome = WORKFLOW_EXECUTION_STATUS_CANCELED, .run_id = "last run"};
    PbRespondWorkflowTaskCompletedRequest *request = bed_completion(&base);
    PbCommand *command = start_child(&base, "one");

    request->commands = &command;
    request->n_commands = 1;
    request->force_create_new_workflow_task = true;
    bed_poll(&base);
    ck_assert_str_eq(bed_complete_with(&base, request), "");
    child_started(bed_begin(&base), mutable_state_child(base.ms, 5), "first run");
    bed_commit(&base);
    child_ended(bed_begin(&base), mutable_state_child(base.ms, 5), &end);
    bed_commit(&base);
    EXPECT_EVENTS(&base, 6, "6 S1, 7 ChildWorkflowExecutionStarted, 8 ChildWorkflowExecutionCanceled");
    reset_to(7);
    EXPECT_EVENTS(&made, 6,
                  "6 S1, 7 R, 8 F, 9 ChildWorkflowExecutionStarted, 10 ChildWorkflowExecutionCanceled, 11 S1");
    ck_assert_int_eq(ATTRIBUTES_OF(&made, 10, child_workflow_execution_canceled)->started_event_id, 9);
}
END_TEST

START_TEST(children_that_come_after_the_point_are_not_known)
{
    raise_children();
    reset_to(4);
    EXPECT_EVENTS(&made, 4, "4 F, 5 S1");
    ck_assert_ptr_null(made.ms->children);
}
END_TEST

START_TEST(a_message_without_a_result_is_sent_again)
{
    PbRespondWorkflowTaskCompletedRequest *request = bed_completion(&base);
    PbCommand *commands[] = {signal_external(&base, "other", "s"), cancel_external(&base, "another")};

    request->commands = commands;
    request->n_commands = 2;
    request->force_create_new_workflow_task = true;
    bed_poll(&base);
    ck_assert_str_eq(bed_complete_with(&base, request), "");
    reset_to(8);
    ck_assert_uint_eq(bed_effects(&made, EFFECT_TELL_EXTERNAL), 2);
}
END_TEST

/* ---- what begins anew ---- */

START_TEST(pending_activities_begin_anew)
{
    PbCommand *limited = schedule_activity(&base, "a");
    const struct activity *activity;
    PbTimeoutType type;

    activity_of(limited)->schedule_to_close_timeout = duration_of(&base, seconds(60));
    POLL_AND_COMPLETE(&base, limited);
    bed_activity_start(&base, "a");
    bed_activity_fail(&base, "a", application_failure(&base, "Oops", false));
    bed_signal(&base, "s");
    base.now += seconds(20);
    reset_to(8);
    activity = bed_activity(&made, "a");
    ck_assert_int_eq(activity->state, ACTIVITY_SCHEDULED);
    ck_assert_int_eq(activity->attempt, 1);
    ck_assert_ptr_null(activity->last_failure);
    ck_assert_int_eq(activity->attempt_scheduled_time, base.now);
    ck_assert_int_eq(activity->scheduled_time, START);
    ck_assert_uint_eq(bed_effects(&made, EFFECT_DISPATCH_ACTIVITY), 1);
    ck_assert_int_eq(activity_deadline(activity, &type), base.now + seconds(60));
    bed_reload(&made);
    ck_assert_int_eq(activity_deadline(bed_activity(&made, "a"), &type), base.now + seconds(60));
}
END_TEST

START_TEST(an_activity_that_is_over_stays_so)
{
    POLL_AND_COMPLETE(&base, schedule_activity(&base, "a"));
    bed_activity_start(&base, "a");
    bed_activity_complete(&base, "a");
    POLL_AND_COMPLETE(&base);
    reset_to((int64_t)base.log_count);
    ck_assert_int_eq(mutable_state_activities_count(made.ms), 0);
    ck_assert_uint_eq(bed_effects(&made, EFFECT_DISPATCH_ACTIVITY), 0);
}
END_TEST

START_TEST(timers_run_on)
{
    POLL_AND_COMPLETE(&base, start_timer(&base, "over", seconds(1)), start_timer(&base, "soon", seconds(30)));
    bed_advance(&base, seconds(2));
    EXPECT_EVENTS(&base, 7, "7 TimerFired, 8 S1");
    POLL_AND_COMPLETE(&base);
    base.now += seconds(10);
    reset_to(4);
    ck_assert_int_eq(mutable_state_timers_count(made.ms), 0); /* started after that point */
    reset_to(10);
    ck_assert_int_eq(mutable_state_timers_count(made.ms), 1);
    ck_assert_int_eq(mutable_state_timer(made.ms, "soon")->fires_at, START + seconds(30));
}
END_TEST

START_TEST(time_outs_count_from_the_reset)
{
    PbWorkflowExecutionStartedEventAttributes *started;

    bed_close(&base);
    bed_open(&base);
    started = bed_started(&base);
    started->workflow_run_timeout = duration_of(&base, seconds(50));
    started->workflow_execution_timeout = duration_of(&base, seconds(60));
    started->workflow_execution_expiration_time = pb_timestamp_new(base.arena, START + seconds(60));
    started->first_workflow_task_backoff = duration_of(&base, seconds(5));
    bed_start(&base, started);
    bed_advance(&base, seconds(5));
    POLL_AND_COMPLETE(&base);
    ck_assert_int_eq(base.ms->run_expires_at, START + seconds(55));
    base.now = START + seconds(20);
    reset_to(4);
    ck_assert_int_eq(made.ms->reset_event_id, 4);
    ck_assert_int_eq(made.ms->start_time, START + seconds(20));
    ck_assert_int_eq(made.ms->original_start_time, START);
    ck_assert_int_eq(made.ms->first_task_at, START + seconds(25));
    ck_assert_int_eq(made.ms->run_expires_at, START + seconds(70));
    ck_assert_int_eq(made.ms->execution_expires_at, START + seconds(80));
}
END_TEST

START_TEST(a_run_time_out_ends_with_the_execution)
{
    PbWorkflowExecutionStartedEventAttributes *started;

    bed_close(&base);
    bed_open(&base);
    started = bed_started(&base);
    started->workflow_run_timeout = duration_of(&base, seconds(50));
    started->workflow_execution_timeout = duration_of(&base, seconds(30));
    bed_start(&base, started);
    POLL_AND_COMPLETE(&base);
    reset_to(4);
    ck_assert_int_eq(made.ms->run_expires_at, START + seconds(30));
}
END_TEST

START_TEST(a_run_that_is_reset_twice)
{
    POLL_AND_COMPLETE(&base, schedule_activity(&base, "a"));
    bed_signal(&base, "s");
    base.now += seconds(1);
    reset_to(8);
    EXPECT_EVENTS(&made, 4, "4 C, 5 ActivityTaskScheduled, 6 WorkflowExecutionSignaled, 7 S1, 8 R, 9 F, 10 S1");
    bed_close(&base);
    base = made; /* the new run becomes a base */
    bed_open(&made);
    POLL_AND_COMPLETE(&base);
    base.now += seconds(1);
    reset_to(12);
    EXPECT_EVENTS(&made, 9, "9 F, 10 S1, 11 R, 12 F, 13 S1");
    ck_assert_int_eq(made.ms->reset_event_id, 12);
    ck_assert_int_eq(made.ms->start_time, START + seconds(2));
    ck_assert_int_eq(bed_activity(&made, "a")->first_scheduled_time, START + seconds(2));
}
END_TEST

START_TEST(the_base_remembers_the_new_run)
{
    POLL_AND_COMPLETE(&base, complete_workflow(&base));
    reset_note_new_run(bed_begin(&base), "new");
    bed_commit(&base);
    bed_reload(&base);
    ck_assert_str_eq(base.ms->reset_run_id, "new");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reset");
    TCase *tcase = tcase_create("reset");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_point_has_a_workflow_task_before_it);
    tcase_add_test(tcase, a_task_that_would_be_tried_again_counts);
    tcase_add_test(tcase, so_does_one_that_timed_out);
    tcase_add_test(tcase, a_backoff_has_no_task);
    tcase_add_test(tcase, to_a_completed_task);
    tcase_add_test(tcase, to_a_scheduled_task);
    tcase_add_test(tcase, an_attempt_that_failed_before_does_not_count);
    tcase_add_test(tcase, signals_are_reapplied_without_their_sender);
    tcase_add_test(tcase, what_others_decide_or_the_worker_does_is_not_reapplied);
    tcase_add_test(tcase, a_start_that_has_joined_is_reapplied_whatever_is_excluded);
    tcase_add_test(tcase, updates_are_admitted_again_once);
    tcase_add_test(tcase, exclusions_leave_their_kind_out);
    tcase_add_loop_test(tcase, what_a_request_excludes, 0, LENGTH_OF(REQUESTS));
    tcase_add_test(tcase, a_pending_child_stays);
    tcase_add_test(tcase, the_fates_of_children_are_reapplied);
    tcase_add_test(tcase, the_start_of_a_child_is_reapplied_and_its_end_names_it);
    tcase_add_test(tcase, children_that_come_after_the_point_are_not_known);
    tcase_add_test(tcase, a_message_without_a_result_is_sent_again);
    tcase_add_test(tcase, pending_activities_begin_anew);
    tcase_add_test(tcase, an_activity_that_is_over_stays_so);
    tcase_add_test(tcase, timers_run_on);
    tcase_add_test(tcase, time_outs_count_from_the_reset);
    tcase_add_test(tcase, a_run_time_out_ends_with_the_execution);
    tcase_add_test(tcase, a_run_that_is_reset_twice);
    tcase_add_test(tcase, the_base_remembers_the_new_run);
    suite_add_tcase(suite, tcase);
    return bed_run(suite);
}
