/*
 * The fold: every event type is applied, what breaks the order is told, and whatever bytes are taken for a log do no
 * harm. And random lives of runs: after every transition what is stored folds to the state in memory (bed_commit
 * compares), and the log keeps its rules.
 */
#include "tests/unit/history/support.h"

static struct bed bed;

static void set_up(void)
{
    bed_open_started(&bed);
}

static void tear_down(void)
{
    bed_close(&bed);
}

/* ---- broken logs ---- */

/* An event with empty attributes. */
static PbHistoryEvent *event_of(PbEventType type, int64_t event_id)
{
    const struct event_type *known = event_type_find(type);
    PbHistoryEvent *event = ARENA_NEW_PB(bed.arena, PbHistoryEvent);

    event->event_type = type;
    event->event_id = event_id;
    event->event_time = pb_timestamp_new(bed.arena, bed.now);
    if (known != NULL) {
        event->attributes_case = known->attributes_case;
        *event_attributes(event) = pb_new(bed.arena, known->attributes);
    }
    return event;
}

/* Applies one event of this type behind the log. */
static enum broken append(PbEventType type)
{
    return mutable_state_apply(bed.ms, event_of(type, bed.ms->next_event_id));
}

START_TEST(ids_are_dense)
{
    static const int64_t wrong[] = {0, 1, 2, 4, -1, INT64_MAX, INT64_MIN};

    for (size_t i = 0; i < LENGTH_OF(wrong); i++)
        ck_assert_int_eq(mutable_state_apply(bed.ms, event_of(EVENT_TYPE_MARKER_RECORDED, wrong[i])),
                         BROKEN_EVENT_ORDER);
    ck_assert_int_eq(append(EVENT_TYPE_MARKER_RECORDED), INTACT); /* the refused ones have left no trace */
}
END_TEST

START_TEST(a_log_begins_with_the_start_and_has_one)
{
    struct mutable_state *empty = mutable_state_new();

    ck_assert_int_eq(append(EVENT_TYPE_WORKFLOW_EXECUTION_STARTED), BROKEN_EVENT_ORDER);
    ck_assert_int_eq(mutable_state_apply(empty, event_of(EVENT_TYPE_MARKER_RECORDED, 1)), BROKEN_EVENT_ORDER);
    mutable_state_free(empty);
}
END_TEST

START_TEST(an_unknown_event_is_told)
{
    PbHistoryEvent *event = event_of(EVENT_TYPE_MARKER_RECORDED, 3);

    ck_assert_int_eq(append(EVENT_TYPE_UNSPECIFIED), BROKEN_UNKNOWN_EVENT);
    ck_assert_int_eq(append((PbEventType)9999), BROKEN_UNKNOWN_EVENT);
    event->event_type = EVENT_TYPE_TIMER_STARTED; /* with another's attributes */
    ck_assert_int_eq(mutable_state_apply(bed.ms, event), BROKEN_UNKNOWN_EVENT);
    event->event_type = EVENT_TYPE_MARKER_RECORDED;
    *event_attributes(event) = NULL;
    ck_assert_int_eq(mutable_state_apply(bed.ms, event), BROKEN_UNKNOWN_EVENT);
}
END_TEST

/* Types that refer to something that is not there: no activity, timer, child, message or update has been begun. */
static const PbEventType DANGLING[] = {
    EVENT_TYPE_ACTIVITY_TASK_STARTED,
    EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
    EVENT_TYPE_ACTIVITY_TASK_FAILED,
    EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT,
    EVENT_TYPE_ACTIVITY_TASK_CANCELED,
    EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED,
    EVENT_TYPE_TIMER_FIRED,
    EVENT_TYPE_TIMER_CANCELED,
    EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED,
    EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED,
    EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED,
    EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED,
    EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED,
    EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT,
    EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED,
    EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED,
    EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED,
    EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED,
    EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED,
    EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED,
};

START_TEST(a_reference_to_nothing_is_told)
{
    ck_assert_int_eq(append(DANGLING[_i]), BROKEN_UNKNOWN_REFERENCE);
}
END_TEST

START_TEST(a_workflow_task_has_its_order)
{
    ck_assert_int_eq(append(EVENT_TYPE_WORKFLOW_TASK_SCHEDULED), BROKEN_WORKFLOW_TASK); /* 2 is pending */
    tear_down();
    set_up();
    ck_assert_int_eq(append(EVENT_TYPE_WORKFLOW_TASK_STARTED), BROKEN_WORKFLOW_TASK); /* names event 0 */
    tear_down();
    set_up();
    ck_assert_int_eq(append(EVENT_TYPE_WORKFLOW_TASK_COMPLETED), BROKEN_WORKFLOW_TASK);
    tear_down();
    set_up();
    ck_assert_int_eq(append(EVENT_TYPE_WORKFLOW_TASK_FAILED), BROKEN_WORKFLOW_TASK);
    tear_down();
    set_up();
    ck_assert_int_eq(append(EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT), BROKEN_WORKFLOW_TASK);
    tear_down();
    set_up();
    POLL_AND_COMPLETE(&bed);
    ck_assert_int_eq(append(EVENT_TYPE_WORKFLOW_TASK_STARTED), BROKEN_WORKFLOW_TASK);
}
END_TEST

/* Whatever type comes with empty attributes: it is applied or refused, no more. */
START_TEST(empty_attributes_do_no_harm)
{
    static const PbEventType types[] = {
#define EVENT(upper, lower, camel, apply, buffered) EVENT_TYPE_##upper,
#include "history/event_types.def"
#undef EVENT
    };

    for (size_t i = 0; i < LENGTH_OF(types); i++) {
        struct mutable_state *first = mutable_state_new();

        (void)mutable_state_apply(first, event_of(types[i], 1));
        mutable_state_free(first);
        (void)append(types[i]);
        ck_assert_str_ne(event_type_name(types[i]), "Unknown");
        tear_down();
        set_up();
    }
}
END_TEST

/* ---- bytes ---- */

/* A run with a bit of everything in its log. */
static void live_fully(void)
{
    POLL_AND_COMPLETE(&bed, start_timer(&bed, "t", seconds(1)), start_timer(&bed, "u", seconds(60)),
                      schedule_activity(&bed, "a"), schedule_activity(&bed, "b"), record_marker(&bed, "m"),
                      start_child(&bed, "child"), signal_external(&bed, "other", "s"), cancel_external(&bed, "other"));
    bed_activity_start(&bed, "a");
    bed_activity_start(&bed, "b");
    bed_activity_heartbeat(&bed, "b", "so far");
    bed_activity_fail(&bed, "b", application_failure(&bed, "Type", false));
    bed_signal(&bed, "s");
    bed_poll(&bed);
    bed_advance(&bed, seconds(1));
    bed_activity_complete(&bed, "a");
    child_started(bed_begin(&bed), bed.ms->children, "00000000-0000-4000-8000-00000000000c");
    bed_commit(&bed);
    external_delivered(bed_begin(&bed), bed.ms->externals);
    bed_commit(&bed);
    ck_assert_str_eq(COMPLETE(&bed, cancel_timer(&bed, "u")), "");
    bed_poll(&bed);
    bed_fail_task(&bed);
    bed_signal(&bed, "at the end");
}

START_TEST(a_packed_log_folds)
{
    struct mutable_state *again = mutable_state_new();

    live_fully();
    ck_assert_int_eq(mutable_state_apply_batch(again, bed_packed_log(&bed, 10)), INTACT);
    ck_assert_int_eq(again->next_event_id, 11);
    ck_assert_int_eq(mutable_state_apply_batch(again, bed_packed_log(&bed, 0)), BROKEN_EVENT_ORDER); /* 1 comes again */
    mutable_state_free(again);
}
END_TEST

START_TEST(a_batch_is_not_empty)
{
    ck_assert_int_ne(mutable_state_apply_batch(bed.ms, (struct bytes){0}), INTACT);
    ck_assert_int_ne(mutable_state_apply_batch(bed.ms, bytes_of("no protobuf")), INTACT);
}
END_TEST

/* Folds bytes that may be anything. */
static enum broken fold_bytes(const uint8_t *data, size_t len)
{
    struct mutable_state *ms = mutable_state_new();
    enum broken broken = mutable_state_apply_batch(ms, (struct bytes){data, len});
    struct arena *arena = arena_new(1024);

    if (broken == INTACT) { /* then it can be used like any other */
        (void)mutable_state_next_deadline(ms);
        (void)mutable_state_pack_volatile(ms, arena);
    }
    arena_free(arena);
    mutable_state_free(ms);
    return broken;
}

START_TEST(a_cut_log_is_told)
{
    struct bytes log;

    live_fully();
    log = bed_packed_log(&bed, 0);
    for (size_t len = 0; len < log.len; len += 1 + len / 64) {
        uint8_t *cut = arena_memdup(bed.arena, log.data, len); /* so that reading beyond is seen */

        (void)fold_bytes(cut, len);
    }
    ck_assert_int_eq(fold_bytes(log.data, log.len), INTACT);
}
END_TEST

START_TEST(a_log_with_flipped_bits_does_no_harm)
{
    struct rand *rand = rand_new(7);
    int told = 0;
    struct bytes log;

    live_fully();
    log = bed_packed_log(&bed, 0);
    for (int i = 0; i < 500; i++) {
        uint8_t *copy = arena_memdup(bed.arena, log.data, log.len);

        for (uint64_t flips = 1 + rand_below(rand, 3); flips > 0; flips--)
            copy[rand_below(rand, log.len)] ^= (uint8_t)(1u << rand_below(rand, 8));
        told += fold_bytes(copy, log.len) != INTACT;
    }
    ck_assert_int_gt(told, 0);
    rand_free(rand);
}
END_TEST

/* ---- random lives ---- */

/* What is wrong with the log as a log, whatever has happened; NULL: nothing. */
static const char *log_problem(void)
{
    int64_t open_start = 0;

    for (size_t i = 0; i < bed.log_count; i++) {
        const PbHistoryEvent *event = bed.log[i];
        int64_t id = event->event_id, scheduled = 0, started = 0;

        if (id != (int64_t)i + 1)
            return "ids are not dense";
        if (open_start != 0 && event->event_type != EVENT_TYPE_WORKFLOW_TASK_COMPLETED &&
            event->event_type != EVENT_TYPE_WORKFLOW_TASK_FAILED &&
            event->event_type != EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT)
            return "something comes between the start of a workflow task and its end"; /* MS4 */
        open_start = event->event_type == EVENT_TYPE_WORKFLOW_TASK_STARTED ? id : 0;
        if (event->event_type == EVENT_TYPE_ACTIVITY_TASK_COMPLETED) {
            scheduled = event->activity_task_completed_event_attributes->scheduled_event_id;
            started = event->activity_task_completed_event_attributes->started_event_id;
        } else if (event->event_type == EVENT_TYPE_ACTIVITY_TASK_FAILED) {
            scheduled = event->activity_task_failed_event_attributes->scheduled_event_id;
            started = event->activity_task_failed_event_attributes->started_event_id;
        } else {
            continue;
        }
        if (started <= scheduled || started >= id ||
            bed.log[started - 1]->event_type != EVENT_TYPE_ACTIVITY_TASK_STARTED ||
            bed.log[started - 1]->activity_task_started_event_attributes->scheduled_event_id != scheduled)
            return "an activity's end does not name its start";
    }
    return NULL;
}

static uint64_t dice(uint64_t sides)
{
    return rand_below(bed.rand, sides);
}

static const char *random_id(void)
{
    static const char *const ids[] = {"a", "b", "c", "d"};

    return ids[dice(LENGTH_OF(ids))];
}

static struct activity *random_activity(enum activity_state state)
{
    struct activity *activity, *next;

    HASH_ITER (by_event, bed.ms->activities, activity, next)
        if (activity->state == state && dice(2) == 0)
            return activity;
    return NULL;
}

static PbCommand *random_command(void)
{
    struct activity *activity;
    PbCommand *command;

    switch (dice(12)) {
    case 0:
    case 1:
        return start_timer(&bed, random_id(), seconds((int64_t)dice(20)));
    case 2:
        return cancel_timer(&bed, random_id());
    case 3:
    case 4:
        command = schedule_activity(&bed, random_id());
        activity_of(command)->heartbeat_timeout = duration_of(&bed, seconds((int64_t)dice(9)));
        activity_of(command)->schedule_to_close_timeout = duration_of(&bed, seconds((int64_t)dice(40)));
        return command;
    case 5:
        activity = random_activity(dice(2) == 0 ? ACTIVITY_STARTED : ACTIVITY_SCHEDULED);
        return cancel_activity(&bed, activity == NULL ? 5 : activity->scheduled_event_id);
    case 6:
        return start_child(&bed, random_id());
    case 7:
        return dice(2) == 0 ? signal_external(&bed, random_id(), "s") : cancel_external(&bed, random_id());
    case 8:
        return dice(4) == 0 ? complete_workflow(&bed) : record_marker(&bed, "m");
    default:
        return record_marker(&bed, "m");
    }
}

/* A word on each update that waits for one, or not. */
static void add_random_messages(PbRespondWorkflowTaskCompletedRequest *request)
{
    struct update *update, *next;

    request->messages = ARENA_NEW_ARRAY(bed.arena, PbMessage *, 2 * HASH_CNT(by_id, bed.ms->updates));
    HASH_ITER (by_id, bed.ms->updates, update, next) {
        const char *id = arena_strdup(bed.arena, update->id);
        uint64_t word = dice(6);

        if (update->stage == UPDATE_SENT && word == 0)
            request->messages[request->n_messages++] = reject_update(&bed, id);
        if (update->stage == UPDATE_SENT && word >= 2)
            request->messages[request->n_messages++] = accept_update(&bed, id);
        if ((update->stage == UPDATE_SENT && word >= 4) || (update->stage == UPDATE_ACCEPTED && word == 1))
            request->messages[request->n_messages++] = respond_to_update(&bed, id);
    }
}

static void random_completion(void)
{
    PbRespondWorkflowTaskCompletedRequest *request = dice(2) == 0 ? bed_completion(&bed) : bed_sticky_completion(&bed);

    request->n_commands = dice(4);
    request->commands = ARENA_NEW_ARRAY(bed.arena, PbCommand *, 4);
    for (size_t i = 0; i < request->n_commands; i++)
        request->commands[i] = random_command();
    request->force_create_new_workflow_task = dice(4) == 0;
    request->return_new_workflow_task = dice(2) == 0;
    add_random_messages(request);
    if (workflow_task_check_sequence(bed.arena, request) == NULL)
        (void)bed_complete_with(&bed, request);
}

/* What can happen to a workflow task in the state that it is in. */
static void random_task_step(void)
{
    switch (bed.ms->workflow_task.state) {
    case WORKFLOW_TASK_NONE:
        break;
    case WORKFLOW_TASK_SCHEDULED:
        if (bed.ms->workflow_task.is_sticky && dice(2) == 0)
            bed_poll_sticky(&bed);
        else
            bed_poll(&bed);
        break;
    case WORKFLOW_TASK_STARTED:
        if (dice(4) > 0)
            random_completion();
        else
            bed_fail_task(&bed);
        break;
    }
}

static void random_activity_step(void)
{
    struct activity *activity = random_activity(ACTIVITY_STARTED);

    if (activity == NULL) {
        activity = random_activity(ACTIVITY_SCHEDULED);
        if (activity != NULL && activity->dispatched)
            bed_activity_start(&bed, activity->scheduled->activity_id);
        return;
    }
    bed_begin(&bed);
    switch (dice(5)) {
    case 0:
        activity_complete(&bed.t, activity, payloads_of(&bed, "r"), "w");
        break;
    case 1:
        activity_fail(&bed.t, activity, application_failure(&bed, "T", dice(3) == 0), "w");
        break;
    case 2:
        activity_heartbeat(&bed.t, activity, payloads_of(&bed, "h"));
        break;
    case 3:
        activity_unstart(&bed.t, activity);
        break;
    default:
        if (activity->cancel_requested_event_id != 0)
            activity_cancel(&bed.t, activity, NULL, "w");
    }
    bed_commit(&bed);
}

static void random_news(void)
{
    const struct child_end end = {.outcome = WORKFLOW_EXECUTION_STATUS_COMPLETED, .run_id = "last run"};
    struct child *child = bed.ms->children;
    struct external *external = bed.ms->externals;

    bed_begin(&bed);
    if (child != NULL && !child->closing && dice(2) == 0) {
        if (child->run_id == NULL && dice(4) == 0)
            child_start_failed(&bed.t, child, START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS);
        else if (child->run_id == NULL)
            child_started(&bed.t, child, "first run");
        else
            child_ended(&bed.t, child, &end);
    } else if (external != NULL && !external->closing) {
        if (dice(2) == 0)
            external_delivered(&bed.t, external);
        else
            external_failed(&bed.t, external, 1);
    }
    bed_commit(&bed);
}

static void random_step(void)
{
    switch (dice(16)) {
    case 14:
        if (mutable_state_updates_in_flight(bed.ms) < 4 && mutable_state_is_open(bed.ms))
            bed_admit_update(&bed, arena_printf(bed.arena, "u%llu", (unsigned long long)rand_bits(bed.rand)));
        break;
    case 0:
        bed_signal(&bed, arena_printf(bed.arena, "%llu", (unsigned long long)rand_bits(bed.rand)));
        break;
    case 1:
        if (!bed.ms->cancel_requested)
            bed_request_cancel(&bed);
        break;
    case 2:
        decide_join(bed_begin(&bed), arena_printf(bed.arena, "j%llu", (unsigned long long)rand_bits(bed.rand)), 0,
                    NULL);
        bed_commit(&bed);
        break;
    case 3:
    case 4:
        bed_advance(&bed, milliseconds((int64_t)dice(9000)));
        break;
    case 5:
        bed_reload(&bed);
        break;
    case 6:
    case 7:
        random_activity_step();
        break;
    case 8:
        random_news();
        break;
    case 9:
        if (dice(20) == 0)
            bed_terminate(&bed);
        break;
    default:
        random_task_step();
    }
}

START_TEST(random_lives_fold)
{
    PbWorkflowExecutionStartedEventAttributes *started;
    const char *problem;

    bed_close(&bed);
    bed_open(&bed);
    rand_free(bed.rand);
    bed.rand = rand_new((uint64_t)_i + 1);
    bed.limits.buffered_events_max = 5;
    started = bed_started(&bed);
    started->workflow_run_timeout = dice(3) == 0 ? duration_of(&bed, seconds(500)) : NULL;
    started->first_workflow_task_backoff = dice(3) == 0 ? duration_of(&bed, seconds(2)) : NULL;
    bed_start(&bed, started);
    for (int i = 0; i < 120 && mutable_state_is_open(bed.ms); i++)
        random_step();
    problem = log_problem();
    ck_assert_msg(problem == NULL, "seed %d: %s: %s", _i + 1, problem, bed_events(&bed, 1));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fold");
    TCase *order = tcase_create("order"), *bytes = tcase_create("bytes"), *lives = tcase_create("lives");

    tcase_add_checked_fixture(order, set_up, tear_down);
    tcase_add_test(order, ids_are_dense);
    tcase_add_test(order, a_log_begins_with_the_start_and_has_one);
    tcase_add_test(order, an_unknown_event_is_told);
    tcase_add_loop_test(order, a_reference_to_nothing_is_told, 0, LENGTH_OF(DANGLING));
    tcase_add_test(order, a_workflow_task_has_its_order);
    tcase_add_test(order, empty_attributes_do_no_harm);
    suite_add_tcase(suite, order);
    tcase_add_checked_fixture(bytes, set_up, tear_down);
    tcase_add_test(bytes, a_packed_log_folds);
    tcase_add_test(bytes, a_batch_is_not_empty);
    tcase_add_test(bytes, a_cut_log_is_told);
    tcase_add_test(bytes, a_log_with_flipped_bits_does_no_harm);
    suite_add_tcase(suite, bytes);
    tcase_add_checked_fixture(lives, set_up, tear_down);
    tcase_add_loop_test(lives, random_lives_fold, 0, 20);
    suite_add_tcase(suite, lives);
    return bed_run(suite);
}
