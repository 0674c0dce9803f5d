/* Updates and the speculative workflow tasks that bring them: nothing is written unless something comes of it. */
#include "tests/unit/history/support.h"

static struct bed bed;

/* A worker has completed the first task: events 1 to 4. */
static void set_up(void)
{
    bed_open_started(&bed);
    POLL_AND_COMPLETE(&bed);
}

static void tear_down(void)
{
    bed_close(&bed);
}

/* Update u1 is on its way with a started speculative task. */
static void send_u1(void)
{
    bed_admit_update(&bed, "u1");
    EXPECT_TASK(&bed, "scheduled 5 a1 speculative");
    bed_poll(&bed);
    EXPECT_TASK(&bed, "started 5/6 a1 speculative");
    EXPECT_EVENTS(&bed, 4, "4 C");
}

/* ---- what comes of it ---- */

START_TEST(an_update_is_accepted_and_completed)
{
    send_u1();
    ck_assert_str_eq(ANSWER(&bed, accept_update(&bed, "u1"), respond_to_update(&bed, "u1")), "");
    EXPECT_EVENTS(&bed, 5, "5 S1, 6 R, 7 C, 8 WorkflowExecutionUpdateAccepted, 9 WorkflowExecutionUpdateCompleted");
    ck_assert_str_eq(bed_news(&bed), "u1 accepted, u1 done");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 8, workflow_execution_update_accepted)->protocol_instance_id, "u1");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 8, workflow_execution_update_accepted)->accepted_request_message_id,
                     "u1/request");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 8, workflow_execution_update_accepted)->accepted_request_sequencing_event_id,
                     5);
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 8, workflow_execution_update_accepted)->accepted_request->input->name,
                     "update");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 9, workflow_execution_update_completed)->accepted_event_id, 8);
    EXPECT_TASK(&bed, "none");
    bed_reload(&bed);
    ck_assert_int_eq(mutable_state_update(bed.ms, "u1")->stage, UPDATE_COMPLETED);
    ck_assert_int_eq(mutable_state_updates_in_flight(bed.ms), 0);
    ck_assert_int_eq(mutable_state_updates_count(bed.ms), 1);
}
END_TEST

START_TEST(it_is_completed_later)
{
    send_u1();
    ck_assert_str_eq(ANSWER(&bed, accept_update(&bed, "u1")), "");
    ck_assert_str_eq(bed_news(&bed), "u1 accepted");
    bed_reload(&bed);
    ck_assert_int_eq(mutable_state_update(bed.ms, "u1")->stage, UPDATE_ACCEPTED);
    bed_signal(&bed, "wake up");
    bed_poll(&bed);
    ck_assert_str_eq(ANSWER(&bed, respond_to_update(&bed, "u1")), "");
    EXPECT_EVENTS(&bed, 9, "9 WorkflowExecutionSignaled, 10 S1, 11 R, 12 C, 13 WorkflowExecutionUpdateCompleted");
    ck_assert_str_eq(bed_news(&bed), "u1 done");
}
END_TEST

START_TEST(a_command_puts_a_message_in_its_place)
{
    PbRespondWorkflowTaskCompletedRequest *request = bed_completion(&bed);
    PbMessage *messages[] = {accept_update(&bed, "u1"), respond_to_update(&bed, "u1")};
    PbCommand *commands[2];

    send_u1();
    messages[0] = accept_update(&bed, "u1");
    commands[0] = place_message(&bed, messages[0]);
    commands[1] = record_marker(&bed, "m");
    request->messages = messages;
    request->n_messages = 2;
    request->commands = commands;
    request->n_commands = 2;
    ck_assert_str_eq(bed_complete_with(&bed, request), "");
    EXPECT_EVENTS(&bed, 7,
                  "7 C, 8 WorkflowExecutionUpdateAccepted, 9 MarkerRecorded, 10 WorkflowExecutionUpdateCompleted");
}
END_TEST

/* Rejected, or left unanswered by a worker that knows no updates: no event tells of it. */
START_TEST(a_rejection_leaves_no_trace)
{
    send_u1();
    ck_assert_str_eq(_i == 0 ? ANSWER(&bed, reject_update(&bed, "u1")) : ANSWER(&bed), "discarded");
    EXPECT_EVENTS(&bed, 4, "4 C");
    EXPECT_TASK(&bed, "none");
    ck_assert_str_eq(bed_news(&bed), "u1 rejected");
    ck_assert_ptr_null(mutable_state_update(bed.ms, "u1"));
    if (_i == 1)
        ck_assert_str_eq(bed.t.update_news->outcome->failure->application_failure_info->type, "UnprocessedUpdate");
    else
        ck_assert_str_eq(bed.t.update_news->outcome->failure->message, "rejected");
}
END_TEST

/* Unless so much has been written since the worker's last task that it would have to read all that again. */
START_TEST(a_late_rejection_leaves_its_task)
{
    PbRespondWorkflowTaskCompletedRequest *request = bed_completion(&bed);
    PbMessage *message;

    bed_signal(&bed, "s");
    POLL_AND_COMPLETE(&bed, record_marker(&bed, "m"), record_marker(&bed, "m"));
    bed_admit_update(&bed, "u1");
    bed_poll(&bed);
    EXPECT_TASK(&bed, "started 11/12 a1 speculative");
    message = reject_update(&bed, "u1");
    request->messages = &message;
    request->n_messages = 1;
    request->capabilities = ARENA_NEW_PB(bed.arena, PbRespondWorkflowTaskCompletedRequestCapabilities);
    request->capabilities->discard_speculative_workflow_task_with_events = _i == 1;
    ck_assert_str_eq(bed_complete_with(&bed, request), _i == 0 ? "" : "discarded");
    EXPECT_EVENTS(&bed, 10, _i == 0 ? "10 MarkerRecorded, 11 S1, 12 R, 13 C" : "10 MarkerRecorded");
    ck_assert_str_eq(bed_news(&bed), "u1 rejected");
}
END_TEST

/* ---- what comes between ---- */

START_TEST(anything_else_makes_the_task_real)
{
    bed_admit_update(&bed, "u1");
    if (_i == 1)
        bed_poll(&bed);
    bed_signal(&bed, "s");
    EXPECT_EVENTS(&bed, 5, _i == 0 ? "5 S1, 6 WorkflowExecutionSignaled" : "5 S1, 6 R"); /* the signal waits */
    EXPECT_TASK(&bed, _i == 0 ? "scheduled 5 a1" : "started 5/6 a1");
    if (_i == 0)
        bed_poll(&bed);
    ck_assert_str_eq(ANSWER(&bed, accept_update(&bed, "u1")), "");
    EXPECT_EVENTS(&bed, 7,
                  _i == 0 ? "7 R, 8 C, 9 WorkflowExecutionUpdateAccepted"
                          : "7 C, 8 WorkflowExecutionUpdateAccepted, 9 WorkflowExecutionSignaled, 10 S1");
}
END_TEST

START_TEST(a_pending_task_takes_it_along)
{
    bed_signal(&bed, "s");
    bed_admit_update(&bed, "u1");
    bed_admit_update(&bed, "u2");
    EXPECT_TASK(&bed, "scheduled 6 a1");
    bed_poll(&bed);
    ck_assert_int_eq(mutable_state_update(bed.ms, "u2")->stage, UPDATE_SENT);
    bed_admit_update(&bed, "u3"); /* this one rides on the next */
    ck_assert_str_eq(ANSWER(&bed, accept_update(&bed, "u1"), reject_update(&bed, "u2")), "");
    ck_assert_str_eq(bed_news(&bed), "u1 accepted, u2 rejected");
    EXPECT_TASK(&bed, "scheduled 10 a1");
    ck_assert_int_eq(mutable_state_update(bed.ms, "u3")->stage, UPDATE_ADMITTED);
}
END_TEST

START_TEST(nobody_picks_it_up)
{
    bed_admit_update(&bed, "u1");
    bed_advance(&bed, seconds(5));
    EXPECT_EVENTS(&bed, 5, "5 S1, 6 T, 7 S1");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 6, workflow_task_timed_out)->timeout_type, TIMEOUT_TYPE_SCHEDULE_TO_START);
    bed_poll(&bed);
    ck_assert_str_eq(ANSWER(&bed, accept_update(&bed, "u1")), "");
    ck_assert_str_eq(bed_news(&bed), "u1 accepted");
}
END_TEST

/* The task fails, or times out: the next one carries the update again. */
START_TEST(a_failed_task_sends_it_again)
{
    send_u1();
    if (_i == 0)
        bed_fail_task(&bed);
    else
        bed_advance(&bed, seconds(10));
    EXPECT_EVENTS(&bed, 5, _i == 0 ? "5 S1, 6 R, 7 F" : "5 S1, 6 R, 7 T");
    ck_assert_int_eq(mutable_state_update(bed.ms, "u1")->stage, UPDATE_ADMITTED);
    EXPECT_TASK(&bed, "scheduled 8 a2 transient");
    bed_poll(&bed);
    ck_assert_int_eq(mutable_state_update(bed.ms, "u1")->stage, UPDATE_SENT);
    ck_assert_str_eq(ANSWER(&bed, accept_update(&bed, "u1")), "");
    EXPECT_EVENTS(&bed, 8, "8 S2, 9 R, 10 C, 11 WorkflowExecutionUpdateAccepted");
}
END_TEST

START_TEST(a_crash_forgets_what_is_on_its_way)
{
    send_u1();
    bed_reload(&bed);
    EXPECT_EVENTS(&bed, 4, "4 C");
    EXPECT_TASK(&bed, "none");
    ck_assert_ptr_null(mutable_state_update(bed.ms, "u1")); /* its client asks again */
}
END_TEST

/* An update does not wait for the end of a start delay. When that falls into its task, the task is all there is to do.
 */
START_TEST(a_backoff_ends_while_it_is_out)
{
    PbWorkflowExecutionStartedEventAttributes *started;

    tear_down();
    bed_open(&bed);
    started = bed_started(&bed);
    started->first_workflow_task_backoff = duration_of(&bed, seconds(30));
    bed_start(&bed, started);
    bed_advance(&bed, seconds(25));
    bed_admit_update(&bed, "u1");
    bed_poll(&bed);
    EXPECT_TASK(&bed, "started 2/3 a1 speculative");
    bed_advance(&bed, seconds(9)); /* bed_advance checks that nothing stays due */
    EXPECT_TASK(&bed, "started 2/3 a1 speculative");
    ck_assert_str_eq(ANSWER(&bed, reject_update(&bed, "u1")), "discarded");
    bed_advance(&bed, 0); /* and its first task is not forgotten */
    EXPECT_EVENTS(&bed, 1, "1 WorkflowExecutionStarted, 2 S1");
}
END_TEST

/* ---- the end of the run ---- */

START_TEST(the_end_cuts_updates_off)
{
    bed_admit_update(&bed, "u1");
    bed_poll(&bed);
    ck_assert_str_eq(ANSWER(&bed, accept_update(&bed, "u1")), "");
    bed_admit_update(&bed, "u2");
    if (_i == 0) {
        bed_terminate(&bed);
        ck_assert_str_eq(bed_news(&bed), "u1 done, u2 aborted");
    } else {
        bed_poll(&bed);
        ck_assert_str_eq(COMPLETE(&bed, _i == 1 ? complete_workflow(&bed) : continue_as_new(&bed)), "");
        ck_assert_str_eq(bed_news(&bed), _i == 1 ? "u1 done, u2 aborted" : "u1 done, u2 moved");
    }
    ck_assert(!mutable_state_is_open(bed.ms));
    ck_assert_ptr_null(mutable_state_update(bed.ms, "u2"));
    bed_reload(&bed);
    ck_assert_int_eq(mutable_state_update(bed.ms, "u1")->stage, UPDATE_ACCEPTED);
}
END_TEST

/* A message for an update behind the command that closes the run; a rejection still counts. */
START_TEST(a_message_behind_the_end_comes_too_late)
{
    PbRespondWorkflowTaskCompletedRequest *request = bed_completion(&bed);
    PbMessage *messages[2];
    PbCommand *close = _i == 0 ? complete_workflow(&bed) : continue_as_new(&bed);

    bed_admit_update(&bed, "u1");
    bed_admit_update(&bed, "u2");
    bed_poll(&bed);
    messages[0] = accept_update(&bed, "u1");
    messages[1] = reject_update(&bed, "u2");
    request->messages = messages;
    request->n_messages = 2;
    request->commands = &close;
    request->n_commands = 1;
    ck_assert_str_eq(bed_complete_with(&bed, request), "");
    ck_assert_str_eq(bed_news(&bed), "u1 aborted, u2 rejected");
    ck_assert(!mutable_state_is_open(bed.ms));
    ck_assert_ptr_null(mutable_state_update(bed.ms, "u1"));
}
END_TEST

/* ---- what the worker has been shown ---- */

/* An update that is admitted meanwhile would make a later task suggest to continue as new; this one did not, and a
 * replay must find that. */
START_TEST(a_task_suggests_what_its_worker_was_shown)
{
    PbHistoryEvent *shown[2];

    bed.limits.updates_total_max = 2;
    send_u1();
    ck_assert_uint_eq(workflow_task_virtual_events(bed.ms, bed.arena, true, shown), 2);
    ck_assert(!shown[1]->workflow_task_started_event_attributes->suggest_continue_as_new);
    ck_assert_str_eq(shown[1]->workflow_task_started_event_attributes->identity, "worker");
    bed_admit_update(&bed, "u2");
    ck_assert_str_eq(ANSWER(&bed, accept_update(&bed, "u1")), "");
    EXPECT_EVENTS(&bed, 5, "5 S1, 6 R, 7 C, 8 WorkflowExecutionUpdateAccepted, 9 S1");
    ck_assert(!ATTRIBUTES_OF(&bed, 6, workflow_task_started)->suggest_continue_as_new);
    bed_poll(&bed);
    ck_assert(ATTRIBUTES_OF(&bed, 10, workflow_task_started)->suggest_continue_as_new);
    ck_assert_uint_eq(ATTRIBUTES_OF(&bed, 10, workflow_task_started)->n_suggest_continue_as_new_reasons, 1);
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 10, workflow_task_started)->suggest_continue_as_new_reasons[0],
                     SUGGEST_CONTINUE_AS_NEW_REASON_TOO_MANY_UPDATES);
}
END_TEST

/* The start that is written later names who ends the task, not who has started it. */
START_TEST(a_start_names_who_ends_the_task)
{
    static const char *const names[] = {"worker", "", "history-service"};

    send_u1();
    switch (_i) {
    case 0:
        ck_assert_str_eq(ANSWER(&bed, accept_update(&bed, "u1")), "");
        break;
    case 1:
        bed_signal(&bed, "s");
        break;
    default:
        bed_terminate(&bed);
    }
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 6, workflow_task_started)->identity, names[_i]);
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 6, workflow_task_started)->request_id, "request");
}
END_TEST

/* ---- bad messages ---- */

static void expect_bad(PbMessage *message, const char *text)
{
    ck_assert_str_eq(ANSWER(&bed, message), arena_printf(bed.arena, "BadUpdateWorkflowExecutionMessage: %s", text));
    ck_assert_int_eq(bed.log[bed.log_count - 1]->event_type, EVENT_TYPE_WORKFLOW_TASK_FAILED);
}

START_TEST(messages_come_in_their_order)
{
    send_u1();
    expect_bad(respond_to_update(&bed, "u1"),
               "invalid state transition attempted for Update u1: received *update.Response "
               "message while in state Sent");
}
END_TEST

/* What an update is told about the stage that it has come to in the same completion. */
START_TEST(a_stage_of_this_completion_is_provisional)
{
    static const char *const told[] = {
        "Acceptance message while in state ProvisionallyAccepted",
        "Rejection message while in state ProvisionallyAccepted",
        "Response message while in state ProvisionallyCompleted",
        "Rejection message while in state ProvisionallyCompleted",
    };
    PbMessage *list[5] = {NULL};

    send_u1();
    list[1] = _i < 3 ? accept_update(&bed, "u1") : reject_update(&bed, "u1");
    list[2] = _i == 2 ? respond_to_update(&bed, "u1") : _i == 1 ? reject_update(&bed, "u1") : list[1];
    list[3] = _i == 2 ? list[2] : NULL;
    ck_assert_str_eq(
        bed_answer_list(&bed, list),
        arena_printf(bed.arena,
                     "BadUpdateWorkflowExecutionMessage: invalid state transition attempted for Update u1: "
                     "received *update.%s",
                     told[_i]));
    ck_assert_str_eq(bed_news(&bed), "u1 lost");
    ck_assert_ptr_null(mutable_state_update(bed.ms, "u1"));
}
END_TEST

START_TEST(the_last_of_several_messages_with_one_id_counts)
{
    PbRespondWorkflowTaskCompletedRequest *request = bed_completion(&bed);
    PbMessage *messages[2];
    PbCommand *commands[2];

    bed_admit_update(&bed, "u1");
    bed_admit_update(&bed, "u2");
    bed_poll(&bed);
    messages[0] = accept_update(&bed, "u1");
    messages[1] = accept_update(&bed, "u2");
    messages[0]->id = messages[1]->id = "same";
    commands[0] = place_message(&bed, messages[0]);
    commands[1] = record_marker(&bed, "m");
    request->messages = messages;
    request->n_messages = 2;
    request->commands = commands;
    request->n_commands = 2;
    ck_assert_str_eq(bed_complete_with(&bed, request), "");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 8, workflow_execution_update_accepted)->protocol_instance_id, "u2");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 10, workflow_execution_update_accepted)->protocol_instance_id, "u1");
}
END_TEST

static PbRespondWorkflowTaskCompletedRequest *with_message_of(const char *type_url)
{
    PbRespondWorkflowTaskCompletedRequest *request = bed_completion(&bed);
    PbMessage *message = ARENA_NEW_PB(bed.arena, PbMessage);

    if (type_url != NULL) {
        message->body = ARENA_NEW_PB(bed.arena, PbAny);
        message->body->type_url = arena_strdup(bed.arena, type_url);
    }
    request->messages = ARENA_NEW_ARRAY(bed.arena, PbMessage *, 1);
    request->messages[request->n_messages++] = message;
    return request;
}

START_TEST(messages_have_bodies_with_names)
{
    static const struct {
        const char *url, *problem;
    } cases[] = {
        {NULL, "nil message body"},
        {"", "no message name specified"},
        {"type.googleapis.com/", "no message name specified"},
        {"/a.b.", "no message name specified"},
        {"/.a", "no message name specified"},
        {"/a..b", "no message name specified"},
        {"Name", "failed to extract protocol type: no . found in \"Name\""},
    };

    ck_assert_str_eq(update_messages_problem(bed.arena, with_message_of(cases[_i].url)), cases[_i].problem);
    ck_assert_ptr_null(update_messages_problem(bed.arena, with_message_of("/a.B")));
    ck_assert_ptr_null(update_messages_problem(bed.arena, bed_completion(&bed)));
}
END_TEST

START_TEST(a_message_is_for_an_update)
{
    send_u1();
    expect_bad(accept_update(&bed, "other"),
               "update other wasn't found on the server. This is most likely a transient error "
               "which will be resolved automatically by retries");
}
END_TEST

START_TEST(a_message_that_cannot_be_read_is_told)
{
    PbMessage *message = accept_update(&bed, "u1");

    send_u1();
    message->body->value.len = 1;
    expect_bad(message, "unable to unmarshal request: proto: cannot parse invalid wire-format data");
}
END_TEST

START_TEST(a_worker_may_bring_back_what_the_server_lost)
{
    PbAcceptance *acceptance = ARENA_NEW_PB(bed.arena, PbAcceptance);
    PbMessage *message = accept_update(&bed, "u1");

    acceptance->accepted_request_message_id = "u1/request";
    acceptance->accepted_request_sequencing_event_id = 5;
    acceptance->accepted_request = ARENA_NEW_PB(bed.arena, PbUpdateRequest);
    acceptance->accepted_request->meta = ARENA_NEW_PB(bed.arena, PbMeta);
    acceptance->accepted_request->meta->update_id = "u1";
    message->body = pb_pack_any(bed.arena, acceptance);
    send_u1();
    bed_reload(&bed);
    bed_signal(&bed, "s");
    bed_poll(&bed);
    ck_assert_str_eq(ANSWER(&bed, message), "");
    EXPECT_EVENTS(&bed, 8, "8 C, 9 WorkflowExecutionUpdateAccepted");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("update");
    TCase *tcase = tcase_create("update");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, an_update_is_accepted_and_completed);
    tcase_add_test(tcase, it_is_completed_later);
    tcase_add_test(tcase, a_command_puts_a_message_in_its_place);
    tcase_add_loop_test(tcase, a_rejection_leaves_no_trace, 0, 2);
    tcase_add_loop_test(tcase, a_late_rejection_leaves_its_task, 0, 2);
    tcase_add_loop_test(tcase, anything_else_makes_the_task_real, 0, 2);
    tcase_add_test(tcase, a_pending_task_takes_it_along);
    tcase_add_test(tcase, nobody_picks_it_up);
    tcase_add_loop_test(tcase, a_failed_task_sends_it_again, 0, 2);
    tcase_add_test(tcase, a_crash_forgets_what_is_on_its_way);
    tcase_add_test(tcase, a_backoff_ends_while_it_is_out);
    tcase_add_loop_test(tcase, the_end_cuts_updates_off, 0, 3);
    tcase_add_loop_test(tcase, a_message_behind_the_end_comes_too_late, 0, 2);
    tcase_add_test(tcase, a_task_suggests_what_its_worker_was_shown);
    tcase_add_loop_test(tcase, a_start_names_who_ends_the_task, 0, 3);
    tcase_add_test(tcase, messages_come_in_their_order);
    tcase_add_loop_test(tcase, a_stage_of_this_completion_is_provisional, 0, 4);
    tcase_add_test(tcase, the_last_of_several_messages_with_one_id_counts);
    tcase_add_loop_test(tcase, messages_have_bodies_with_names, 0, 7);
    tcase_add_test(tcase, a_message_is_for_an_update);
    tcase_add_test(tcase, a_message_that_cannot_be_read_is_told);
    tcase_add_test(tcase, a_worker_may_bring_back_what_the_server_lost);
    suite_add_tcase(suite, tcase);
    return bed_run(suite);
}
