/* Commands: what they write, and what they are refused for. A refusal's text is what SDKs show to their users. */
#include "tests/unit/history/support.h"

static struct bed bed;

static void set_up(void)
{
    bed_open_started(&bed);
    bed_poll(&bed);
}

static void tear_down(void)
{
    bed_close(&bed);
}

/* Completes the started task with `command`, which must fail it with this cause and text; the next task is started. */
static void expect_refusal(PbCommand *command, PbWorkflowTaskFailedCause cause, const char *text)
{
    int64_t next = bed.ms->next_event_id;

    ck_assert_str_eq(COMPLETE(&bed, command), text);
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, next, workflow_task_failed)->cause, cause);
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, next, workflow_task_failed)->failure->message, text);
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, next, workflow_task_failed)->failure->failure_info_case,
                     PbFailure_server_failure_info_case);
    ck_assert_int_eq(bed.ms->next_event_id, next + 1); /* nothing else came of it */
    POLL_AND_COMPLETE(&bed);
    bed_signal(&bed, text);
    bed_poll(&bed);
}
#define EXPECT_REFUSAL(command, cause, text) expect_refusal((command), WORKFLOW_TASK_FAILED_CAUSE_##cause, (text))

/* ---- all commands ---- */

static const PbCommandType TYPES[] = {
#define COMMAND(upper, attributes, decide, closes) COMMAND_TYPE_##upper,
#include "history/command_types.def"
#undef COMMAND
};

START_TEST(a_command_has_its_attributes)
{
    const char *text = COMPLETE(&bed, command_of(&bed, TYPES[_i])), *behind;

    behind = strstr(text, "CommandAttributes is not set on ");
    ck_assert_msg(behind != NULL, "the text is: %s", text);
    ck_assert_ptr_nonnull(strstr(behind, "Command."));
    EXPECT_EVENTS(&bed, 4, "4 F");
}
END_TEST

START_TEST(attributes_of_another_command_are_none)
{
    PbCommand *command = start_timer(&bed, "t", 1);

    command->command_type = COMMAND_TYPE_CANCEL_TIMER;
    EXPECT_REFUSAL(command, BAD_CANCEL_TIMER_ATTRIBUTES,
                   "BadCancelTimerAttributes: CancelTimerCommandAttributes is not set on CancelTimerCommand.");
}
END_TEST

START_TEST(a_command_that_is_not_built_is_refused)
{
    EXPECT_REFUSAL(command_of(&bed, COMMAND_TYPE_SCHEDULE_NEXUS_OPERATION), FEATURE_DISABLED,
                   "FeatureDisabled: ScheduleNexusOperation is not supported by this server yet.");
}
END_TEST

START_TEST(metadata_goes_onto_the_event)
{
    PbCommand *first = record_marker(&bed, "m"), *second = start_timer(&bed, "t", 1);

    second->user_metadata = ARENA_NEW_PB(bed.arena, PbUserMetadata);
    second->user_metadata->summary = payloads_of(&bed, "why")->payloads[0];
    ck_assert_str_eq(COMPLETE(&bed, first, second), "");
    ck_assert_ptr_null(bed_event(&bed, 5)->user_metadata);
    ck_assert_mem_eq(bed_event(&bed, 6)->user_metadata->summary->data.data, "why", 3);
}
END_TEST

/* One bad command makes the whole completion void. */
START_TEST(nothing_is_left_of_a_refused_completion)
{
    ck_assert_str_eq(COMPLETE(&bed, start_timer(&bed, "t", seconds(1)), schedule_activity(&bed, "a"),
                              start_child(&bed, "child"), start_timer(&bed, "", 1)),
                     "BadStartTimerAttributes: TimerId is not set on StartTimerCommand.");
    EXPECT_EVENTS(&bed, 3, "3 R, 4 F");
    EXPECT_TASK(&bed, "scheduled 5 a2 transient");
    ck_assert_int_eq(mutable_state_timers_count(bed.ms), 0);
    ck_assert_int_eq(mutable_state_activities_count(bed.ms), 0);
    ck_assert_ptr_null(bed.ms->children);
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 4, workflow_task_failed)->identity, "worker");
}
END_TEST

/* In a later attempt nothing is recorded at all: the task is left to time out, which slows such a worker down. */
START_TEST(a_refusal_in_a_later_attempt_leaves_no_trace)
{
    bed_fail_task(&bed);
    bed_poll(&bed);
    ck_assert_str_eq(COMPLETE(&bed, cancel_timer(&bed, "")),
                     "BadCancelTimerAttributes: TimerId is not set on CancelTimerCommand.");
    EXPECT_EVENTS(&bed, 4, "4 F");
    EXPECT_TASK(&bed, "started 5/6 a2 transient");
}
END_TEST

/* ---- timers ---- */

START_TEST(timers_are_checked)
{
    PbCommand *mixed = start_timer(&bed, "t", 0);

    bed.limits.id_bytes_max = 20;
    EXPECT_REFUSAL(start_timer(&bed, "", 1), BAD_START_TIMER_ATTRIBUTES,
                   "BadStartTimerAttributes: TimerId is not set on StartTimerCommand.");
    EXPECT_REFUSAL(start_timer(&bed, "aaaaaaaaaaaaaaaaaaaaa", 1), BAD_START_TIMER_ATTRIBUTES,
                   "BadStartTimerAttributes: TimerId on StartTimerCommand exceeds length limit. "
                   "TimerId=aaaaaaaaaaaaaaaaaaaaa Length=21 Limit=20");
    EXPECT_REFUSAL(
        start_timer(&bed, "t", -1), BAD_START_TIMER_ATTRIBUTES,
        "BadStartTimerAttributes: An invalid StartToFireTimeout is set on StartTimerCommand: negative duration. "
        "TimerId=t");
    mixed->start_timer_command_attributes->start_to_fire_timeout->seconds = 1;
    mixed->start_timer_command_attributes->start_to_fire_timeout->nanos = -1;
    EXPECT_REFUSAL(mixed, BAD_START_TIMER_ATTRIBUTES,
                   "BadStartTimerAttributes: An invalid StartToFireTimeout is set on StartTimerCommand: "
                   "duration has seconds and nanos with different signs. TimerId=t");
    EXPECT_REFUSAL(cancel_timer(&bed, "zz"), BAD_CANCEL_TIMER_ATTRIBUTES,
                   "BadCancelTimerAttributes: invalid history builder state for action: add-timer-canceled-event, "
                   "TimerID: zz");
    EXPECT_REFUSAL(cancel_timer(&bed, "aaaaaaaaaaaaaaaaaaaaa"), BAD_CANCEL_TIMER_ATTRIBUTES,
                   "BadCancelTimerAttributes: TimerId on CancelTimerCommand exceeds length limit. "
                   "TimerId=aaaaaaaaaaaaaaaaaaaaa Length=21 Limit=20");
    ck_assert_str_eq(COMPLETE(&bed, start_timer(&bed, "aaaaaaaaaaaaaaaaaaaa", seconds(1))), "");
    bed_signal(&bed, "wake up");
    bed_poll(&bed);
    EXPECT_REFUSAL(start_timer(&bed, "aaaaaaaaaaaaaaaaaaaa", 1), START_TIMER_DUPLICATE_ID,
                   "StartTimerDuplicateId: invalid history builder state for action: add-timer-started-event, "
                   "TimerID: aaaaaaaaaaaaaaaaaaaa");
}
END_TEST

/* ---- activities ---- */

/* What one change makes of a good command. */
#define BAD_ACTIVITY(change, text)                                                                         \
    do {                                                                                                   \
        PbCommand *command = schedule_activity(&bed, "a");                                                 \
        PbScheduleActivityTaskCommandAttributes *want = activity_of(command);                              \
        change;                                                                                            \
        EXPECT_REFUSAL(command, BAD_SCHEDULE_ACTIVITY_ATTRIBUTES, "BadScheduleActivityAttributes: " text); \
    } while (0)

START_TEST(activities_are_checked)
{
    PbRetryPolicy *policy = ARENA_NEW_PB(bed.arena, PbRetryPolicy);

    policy->maximum_attempts = -1;
    BAD_ACTIVITY(want->task_queue = NULL, "taskQueue is not set");
    BAD_ACTIVITY(want->task_queue->name = "", "missing task queue name");
    BAD_ACTIVITY(want->task_queue->name = "/_sys/x", "task queue name cannot start with reserved prefix /_sys/");
    BAD_ACTIVITY(want->task_queue->name = text_of_length(&bed, 1001), "taskQueue length exceeds limit");
    BAD_ACTIVITY(want->activity_id = "", "activityId is not set");
    BAD_ACTIVITY(want->activity_id = text_of_length(&bed, 1001),
                 "activityId exceeds length limit. Length=1001 Limit=1000");
    BAD_ACTIVITY(want->activity_type = NULL, "activityType is not set");
    BAD_ACTIVITY(want->activity_type->name = "", "activityType is not set");
    BAD_ACTIVITY(want->activity_type->name = text_of_length(&bed, 1001),
                 "activityType exceeds length limit. Length=1001 Limit=1000");
    BAD_ACTIVITY(want->retry_policy = policy, "MaximumAttempts cannot be negative on retry policy.");
    BAD_ACTIVITY(want->start_to_close_timeout = duration_of(&bed, -1),
                 "invalid StartToCloseTimeout: negative duration");
    BAD_ACTIVITY(want->schedule_to_close_timeout = duration_of(&bed, -1),
                 "invalid ScheduleToCloseTimeout: negative duration");
    BAD_ACTIVITY(want->schedule_to_start_timeout = duration_of(&bed, -1),
                 "invalid ScheduleToStartTimeout: negative duration");
    BAD_ACTIVITY(want->heartbeat_timeout = duration_of(&bed, -1), "invalid HeartbeatTimeout: negative duration");
    BAD_ACTIVITY(want->start_to_close_timeout = NULL,
                 "a valid StartToCloseTimeout or ScheduleToCloseTimeout must be set on the activity. ActivityId=a "
                 "ActivityType=activity type");
}
END_TEST

START_TEST(an_activity_id_is_used_once_at_a_time)
{
    ck_assert_str_eq(COMPLETE(&bed, schedule_activity(&bed, "a")), "");
    bed_signal(&bed, "wake up");
    bed_poll(&bed);
    EXPECT_REFUSAL(schedule_activity(&bed, "a"), SCHEDULE_ACTIVITY_DUPLICATE_ID,
                   "ScheduleActivityDuplicateId: invalid history builder state for action: "
                   "add-activitytask-scheduled-event, ActivityID: a");
    bed_activity_start(&bed, "a");
    bed_activity_complete(&bed, "a"); /* even while its end waits, the id is free */
    ck_assert_str_eq(COMPLETE(&bed, schedule_activity(&bed, "a")), "");
}
END_TEST

START_TEST(cancelled_activities_are_checked)
{
    static const char unknown[] = "BadRequestCancelActivityAttributes: invalid history builder state for action: "
                                  "add-activitytask-cancel-requested-event, ScheduledEventID: 5";

    EXPECT_REFUSAL(
        cancel_activity(&bed, 0), BAD_REQUEST_CANCEL_ACTIVITY_ATTRIBUTES,
        "BadRequestCancelActivityAttributes: ScheduledEventId is not set on RequestCancelActivityTaskCommand.");
    tear_down();
    set_up();
    EXPECT_REFUSAL(cancel_activity(&bed, 5), BAD_REQUEST_CANCEL_ACTIVITY_ATTRIBUTES, unknown);
    tear_down();
    set_up();
    ck_assert_str_eq(COMPLETE(&bed, schedule_activity(&bed, "a")), "");
    bed_activity_start(&bed, "a");
    bed_signal(&bed, "wake up");
    bed_poll(&bed);
    ck_assert_str_eq(COMPLETE(&bed, cancel_activity(&bed, 5)), "");
    bed_signal(&bed, "again");
    bed_poll(&bed);
    EXPECT_REFUSAL(cancel_activity(&bed, 5), BAD_REQUEST_CANCEL_ACTIVITY_ATTRIBUTES, unknown); /* once is enough */
}
END_TEST

/* ---- limits on what is pending ---- */

START_TEST(what_is_pending_is_limited)
{
    bed.limits.pending_activities_max = bed.limits.pending_children_max = 2;
    bed.limits.pending_signals_max = bed.limits.pending_cancels_max = 2;
    ck_assert_str_eq(COMPLETE(&bed, schedule_activity(&bed, "1"), schedule_activity(&bed, "2"), start_child(&bed, "1"),
                              start_child(&bed, "2"), signal_external(&bed, "1", "s"), signal_external(&bed, "1", "s"),
                              cancel_external(&bed, "x"), cancel_external(&bed, "x")),
                     "");
    bed_signal(&bed, "wake up");
    bed_poll(&bed);
    EXPECT_REFUSAL(schedule_activity(&bed, "3"), PENDING_ACTIVITIES_LIMIT_EXCEEDED,
                   "PendingActivitiesLimitExceeded: the number of pending activities, 2, has reached the per-workflow "
                   "limit of 2");
    EXPECT_REFUSAL(
        start_child(&bed, "3"), PENDING_CHILD_WORKFLOWS_LIMIT_EXCEEDED,
        "PendingChildWorkflowsLimitExceeded: the number of pending child workflow executions, 2, has reached "
        "the per-workflow limit of 2");
    EXPECT_REFUSAL(
        signal_external(&bed, "3", "s"), PENDING_SIGNALS_LIMIT_EXCEEDED,
        "PendingSignalsLimitExceeded: the number of pending signals to external workflows, 2, has reached the "
        "per-workflow limit of 2");
    EXPECT_REFUSAL(cancel_external(&bed, "x"), PENDING_REQUEST_CANCEL_LIMIT_EXCEEDED,
                   "PendingRequestCancelLimitExceeded: the number of pending requests to cancel external workflows, 2, "
                   "has reached the per-workflow limit of 2");
}
END_TEST

/* ---- markers, properties ---- */

START_TEST(a_marker_is_recorded)
{
    PbCommand *command = record_marker(&bed, "m");
    PbRecordMarkerCommandAttributes *want = command->record_marker_command_attributes;

    want->details = ARENA_NEW_ARRAY(bed.arena, PbRecordMarkerCommandAttributesDetailsEntry *, 1);
    want->details[want->n_details++] = ARENA_NEW_PB(bed.arena, PbRecordMarkerCommandAttributesDetailsEntry);
    want->details[0]->key = "key";
    want->details[0]->value = payloads_of(&bed, "value");
    want->failure = failure_of(&bed, "f");
    ck_assert_str_eq(COMPLETE(&bed, command), "");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 5, marker_recorded)->marker_name, "m");
    ck_assert_uint_eq(ATTRIBUTES_OF(&bed, 5, marker_recorded)->n_details, 1);
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 5, marker_recorded)->details[0]->key, "key");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 5, marker_recorded)->failure->message, "f");
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 5, marker_recorded)->workflow_task_completed_event_id, 4);
}
END_TEST

START_TEST(markers_are_checked)
{
    bed.limits.id_bytes_max = 3;
    EXPECT_REFUSAL(record_marker(&bed, ""), BAD_RECORD_MARKER_ATTRIBUTES,
                   "BadRecordMarkerAttributes: MarkerName is not set on RecordMarkerCommand.");
    EXPECT_REFUSAL(record_marker(&bed, "name"), BAD_RECORD_MARKER_ATTRIBUTES,
                   "BadRecordMarkerAttributes: MarkerName on RecordMarkerCommand exceeds length limit. MarkerName=name "
                   "Length=4 Limit=3");
}
END_TEST

static void add_memo(PbMemo *memo, const char *key, const char *value)
{
    PbMemoFieldsEntry *entry = ARENA_NEW_PB(bed.arena, PbMemoFieldsEntry);
    PbMemoFieldsEntry **fields = ARENA_NEW_ARRAY(bed.arena, PbMemoFieldsEntry *, memo->n_fields + 1);

    entry->key = arena_strdup(bed.arena, key);
    entry->value = value == NULL ? ARENA_NEW_PB(bed.arena, PbPayload) : payloads_of(&bed, value)->payloads[0];
    if (memo->n_fields > 0)
        memcpy(fields, memo->fields, memo->n_fields * sizeof(fields[0]));
    fields[memo->n_fields++] = entry;
    memo->fields = fields;
}

/* A command that merges these into the memo; NULL deletes. */
static PbCommand *modify_memo(const char *key, const char *value, const char *other_key, const char *other_value)
{
    PbCommand *command = command_of(&bed, COMMAND_TYPE_MODIFY_WORKFLOW_PROPERTIES);

    command->attributes_case = PbCommand_modify_workflow_properties_command_attributes_case;
    command->modify_workflow_properties_command_attributes =
        ARENA_NEW_PB(bed.arena, PbModifyWorkflowPropertiesCommandAttributes);
    command->modify_workflow_properties_command_attributes->upserted_memo = ARENA_NEW_PB(bed.arena, PbMemo);
    add_memo(command->modify_workflow_properties_command_attributes->upserted_memo, key, value);
    if (other_key != NULL)
        add_memo(command->modify_workflow_properties_command_attributes->upserted_memo, other_key, other_value);
    return command;
}

/* The memo as "key=value, key=value". */
static const char *memo_text(void)
{
    const char *text = "";

    for (size_t i = 0; bed.ms->memo != NULL && i < bed.ms->memo->n_fields; i++)
        text = arena_printf(bed.arena, "%s%s%s=%.*s", text, i == 0 ? "" : ", ", bed.ms->memo->fields[i]->key,
                            (int)bed.ms->memo->fields[i]->value->data.len, bed.ms->memo->fields[i]->value->data.data);
    return text;
}

START_TEST(a_memo_is_merged)
{
    ck_assert_str_eq(COMPLETE(&bed, modify_memo("a", "1", "b", "2"), modify_memo("c", "3", "a", "4"),
                              modify_memo("b", NULL, "none", NULL)),
                     "");
    ck_assert_str_eq(memo_text(), "a=4, c=3");
    ck_assert(bed.t.attributes_changed);
    EXPECT_EVENTS(&bed, 5, "5 WorkflowPropertiesModified, 6 WorkflowPropertiesModified, 7 WorkflowPropertiesModified");
    bed_reload(&bed);
    ck_assert_str_eq(memo_text(), "a=4, c=3");
}
END_TEST

/* Each key of a large map is found by its hash: comparing each with each would stop the server for minutes. */
START_TEST(a_large_memo_is_merged_quickly)
{
    enum { KEYS = 20000 };
    PbCommand *command = modify_memo("k", "v", NULL, NULL);
    PbMemo *memo = command->modify_workflow_properties_command_attributes->upserted_memo;

    memo->fields = ARENA_NEW_ARRAY(bed.arena, PbMemoFieldsEntry *, KEYS);
    memo->n_fields = KEYS;
    for (int i = 0; i < KEYS; i++) {
        memo->fields[i] = ARENA_NEW_PB(bed.arena, PbMemoFieldsEntry);
        memo->fields[i]->key = arena_printf(bed.arena, "%d", i);
        memo->fields[i]->value = payloads_of(&bed, "v")->payloads[0];
    }
    ck_assert_str_eq(COMPLETE(&bed, command), "");
    ck_assert_uint_eq(bed.ms->memo->n_fields, KEYS);
}
END_TEST

/* ---- what is too large ---- */

static PbCommand *large_activity(PbPayloads *large)
{
    PbCommand *command = schedule_activity(&bed, "a");

    activity_of(command)->input = large;
    return command;
}

static PbCommand *large_result(PbPayloads *large)
{
    PbCommand *command = complete_workflow(&bed);

    command->complete_workflow_execution_command_attributes->result = large;
    return command;
}

static PbCommand *large_failure(PbPayloads *large)
{
    (void)large;
    return fail_workflow(&bed, failure_of(&bed, text_of_length(&bed, 2000)));
}

static PbCommand *large_input(PbPayloads *large)
{
    PbCommand *command = continue_as_new(&bed);

    command->continue_as_new_workflow_execution_command_attributes->input = large;
    return command;
}

static PbCommand *large_child(PbPayloads *large)
{
    PbCommand *command = start_child(&bed, "child");

    command->start_child_workflow_execution_command_attributes->input = large;
    return command;
}

static PbCommand *large_signal(PbPayloads *large)
{
    PbCommand *command = signal_external(&bed, "other", "s");

    command->signal_external_workflow_execution_command_attributes->input = large;
    return command;
}

static const struct {
    PbCommand *(*make)(PbPayloads *large);
    const char *text;
} LARGE[] = {
    {large_activity, "BadScheduleActivityAttributes: ScheduleActivityTaskCommandAttributes.Input exceeds size limit."},
    {large_result,
     "BadScheduleActivityAttributes: CompleteWorkflowExecutionCommandAttributes.Result exceeds size limit."},
    {large_failure,
     "BadFailWorkflowExecutionAttributes: FailWorkflowExecutionCommandAttributes.Failure exceeds size limit."},
    {large_input,
     "BadContinueAsNewAttributes: ContinueAsNewWorkflowExecutionCommandAttributes. Input exceeds size limit."},
    {large_child,
     "BadStartChildExecutionAttributes: StartChildWorkflowExecutionCommandAttributes. Input exceeds size limit."},
    {large_signal, "BadSignalWorkflowExecutionAttributes: SignalExternalWorkflowExecutionCommandAttributes.Input "
                   "exceeds size limit."},
};

/* A payload over the limit would come back with every attempt: the run is terminated. */
START_TEST(what_is_too_large_terminates_the_run)
{
    bed.limits.blob_bytes_max = 900;
    ck_assert_str_eq(COMPLETE(&bed, LARGE[_i].make(payloads_of(&bed, text_of_length(&bed, 990)))), LARGE[_i].text);
    EXPECT_EVENTS(&bed, 4, "4 F, 5 WorkflowExecutionTerminated");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 5, workflow_execution_terminated)->reason, LARGE[_i].text);
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 5, workflow_execution_terminated)->identity, "history-service");
}
END_TEST

/* The limit itself is allowed. */
START_TEST(what_is_just_not_too_large_is_accepted)
{
    PbCommand *command = large_activity(payloads_of(&bed, text_of_length(&bed, 990)));

    bed.limits.blob_bytes_max = packed_bytes(activity_of(command)->input);
    ck_assert_str_eq(COMPLETE(&bed, command), "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("commands");
    TCase *all = tcase_create("all"), *each = tcase_create("each"), *large = tcase_create("large");

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_loop_test(all, a_command_has_its_attributes, 0, LENGTH_OF(TYPES));
    tcase_add_test(all, attributes_of_another_command_are_none);
    tcase_add_test(all, a_command_that_is_not_built_is_refused);
    tcase_add_test(all, metadata_goes_onto_the_event);
    tcase_add_test(all, nothing_is_left_of_a_refused_completion);
    tcase_add_test(all, a_refusal_in_a_later_attempt_leaves_no_trace);
    suite_add_tcase(suite, all);
    tcase_add_checked_fixture(each, set_up, tear_down);
    tcase_add_test(each, timers_are_checked);
    tcase_add_test(each, activities_are_checked);
    tcase_add_test(each, an_activity_id_is_used_once_at_a_time);
    tcase_add_test(each, cancelled_activities_are_checked);
    tcase_add_test(each, what_is_pending_is_limited);
    tcase_add_test(each, a_marker_is_recorded);
    tcase_add_test(each, markers_are_checked);
    tcase_add_test(each, a_memo_is_merged);
    tcase_add_test(each, a_large_memo_is_merged_quickly);
    suite_add_tcase(suite, each);
    tcase_add_checked_fixture(large, set_up, tear_down);
    tcase_add_loop_test(large, what_is_too_large_terminates_the_run, 0, LENGTH_OF(LARGE));
    tcase_add_test(large, what_is_just_not_too_large_is_accepted);
    suite_add_tcase(suite, large);
    return bed_run(suite);
}
