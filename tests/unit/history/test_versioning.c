/* Versions: what a run is on, what a completion, a transition and an override do to it, and what clients see of it. */
#include "tests/unit/history/versioning.h"

static struct bed bed;

static void set_up(void)
{
    bed_open_started(&bed);
}

static void tear_down(void)
{
    bed_close(&bed);
}

/* The run is on d:1 with this behaviour, and the next workflow task is scheduled. */
static void settle_on(PbVersioningBehavior behavior)
{
    run_task_as(&bed, "d:1", behavior, 1);
    bed_signal(&bed, "next");
}

/* ---- the first task ---- */

START_TEST(a_run_without_versions_costs_nothing)
{
    const struct versions *versions;

    POLL_AND_COMPLETE(&bed);
    EXPECT_VERSIONING(&bed, "nothing");
    EXPECT_BINDING(&bed, "Unspecified none");
    EXPECT_ATTRIBUTES(&bed, "[\"unversioned\"]");
    ck_assert_ptr_null(bed.ms->versioning);
    ck_assert_uint_eq(bed.stored_volatile.len, 0);
    versions = bed.ms->versions;
    bed_signal(&bed, "next");
    POLL_AND_COMPLETE(&bed);
    ck_assert_ptr_eq(bed.ms->versions, versions); /* what is remembered of workers was not made anew */
}
END_TEST

START_TEST(the_first_task_is_a_transition)
{
    poll_as(&bed, "d:1", "d:1", 7);
    EXPECT_VERSIONING(&bed, "Unspecified none -> d:1 rev 7");
    EXPECT_BINDING(&bed, "AutoUpgrade d:1");
    EXPECT_ATTRIBUTES(&bed, "");
    ck_assert(versioning_in_transition(bed.ms));
    ck_assert_uint_eq(bed.stored_volatile.len, 0); /* it is as little stored as the start of the task */
    complete_as(&bed, "d:1", AUTO_UPGRADE);
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:1 rev 7");
    EXPECT_ATTRIBUTES(&bed, "[\"d:1\"] \"d\" \"d:1\" \"AutoUpgrade\"");
    bed_reload(&bed);
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:1 rev 7");
}
END_TEST

START_TEST(a_completion_is_recorded)
{
    const PbWorkflowTaskCompletedEventAttributes *completed;

    run_task_as(&bed, "d:1", PINNED, 1);
    completed = ATTRIBUTES_OF(&bed, 4, workflow_task_completed);
    ck_assert_int_eq(completed->versioning_behavior, PINNED);
    ck_assert_str_eq(completed->worker_deployment_name, "d");
    ck_assert_str_eq(completed->deployment_version->deployment_name, "d");
    ck_assert_str_eq(completed->deployment_version->build_id, "1");
    ck_assert_str_eq(completed->worker_deployment_version, "");
    ck_assert_ptr_null(completed->deployment);
    EXPECT_ATTRIBUTES(&bed, "[\"pinned:d:1\"] [\"d:1\"] \"d\" \"d:1\" \"Pinned\"");
    ck_assert_str_eq(versioning_deployment_name(bed.ms), "d");
    ck_assert_str_eq(mutable_state_reset_points(bed.ms, bed.arena, "r")->points[0]->build_id, "1");
}
END_TEST

START_TEST(a_start_that_never_came_leaves_nothing_behind)
{
    poll_as(&bed, "d:1", "d:1", 7);
    bed_reload(&bed);
    EXPECT_VERSIONING(&bed, "nothing");
    EXPECT_TASK(&bed, "scheduled 2 a1");
}
END_TEST

START_TEST(a_completed_task_that_says_the_same_changes_nothing)
{
    const struct versioning *versioning;
    const struct versions *versions;
    struct bytes stored;

    settle_on(PINNED);
    versioning = bed.ms->versioning;
    versions = bed.ms->versions;
    stored = bed.stored_volatile;
    bed.ms->columns_changed = false;
    run_task_as(&bed, "d:1", PINNED, 1);
    ck_assert_ptr_eq(bed.ms->versioning, versioning);
    ck_assert_ptr_eq(bed.ms->versions, versions);
    ck_assert_ptr_eq(bed.stored_volatile.data, stored.data);
    ck_assert(!bed.ms->columns_changed);
}
END_TEST

/* What a worker may say of itself, and what becomes of it. */
static const struct {
    const char *version;
    bool is_unversioned_mode; /* the version is named, but not in mode VERSIONED */
    PbVersioningBehavior behavior;
    const char *versioning, *attributes, *deployment;
} CLAIMS[] = {
    {"d:1", false, PINNED, "Pinned d:1", "[\"pinned:d:1\"] [\"d:1\"] \"d\" \"d:1\" \"Pinned\"", "d"},
    {"d:1", false, AUTO_UPGRADE, "AutoUpgrade d:1", "[\"d:1\"] \"d\" \"d:1\" \"AutoUpgrade\"", "d"},
    {"d:1", false, UNSPECIFIED, "nothing", "[\"unversioned\"] [\"d:1\"] \"d\"", "d"},
    {"d:1", true, UNSPECIFIED, "nothing", "[\"unversioned\"] \"d\"", "d"},
    {"d:1", true, PINNED, "nothing", "[\"unversioned\"] \"d\"", "d"}, /* a bug of SDKs that the real server knows */
    {NULL, false, UNSPECIFIED, "nothing", "[\"unversioned\"]", ""},
};

START_TEST(what_a_worker_claims)
{
    PbRespondWorkflowTaskCompletedRequest *request = completion_as(&bed, CLAIMS[_i].version, CLAIMS[_i].behavior);

    if (CLAIMS[_i].is_unversioned_mode)
        request->deployment_options->worker_versioning_mode = WORKER_VERSIONING_MODE_UNVERSIONED;
    bed_poll(&bed); /* with the answer to a start: such a task begins no transition */
    ck_assert_str_eq(bed_complete_with(&bed, request), "");
    EXPECT_VERSIONING(&bed, CLAIMS[_i].versioning);
    EXPECT_ATTRIBUTES(&bed, CLAIMS[_i].attributes);
    ck_assert_str_eq(versioning_deployment_name(bed.ms), CLAIMS[_i].deployment);
}
END_TEST

START_TEST(claims_that_contradict_themselves)
{
    PbRespondWorkflowTaskCompletedRequest *request = completion_as(&bed, NULL, PINNED);

    ck_assert_str_eq(
        versioning_completion_problem(bed.ms, request),
        "versioning behavior cannot be specified without deployment options being set with versioned mode");
    ck_assert_ptr_null(versioning_completion_problem(bed.ms, completion_as(&bed, "d:1", PINNED)));
    ck_assert_ptr_null(versioning_completion_problem(bed.ms, completion_as(&bed, NULL, UNSPECIFIED)));
    bed_poll(&bed);
    request = bed_completion(&bed);
    request->worker_version_stamp = ARENA_NEW_PB(bed.arena, PbWorkerVersionStamp);
    request->worker_version_stamp->build_id = "b";
    request->worker_version_stamp->use_versioning = true;
    ck_assert_str_eq(bed_complete_with(&bed, request), "");
    EXPECT_ATTRIBUTES(&bed, "[\"versioned:b\"]");
    ck_assert_str_eq(versioning_completion_problem(bed.ms, bed_completion(&bed)),
                     "Workflow using versioning must continue to use versioning.");
    ck_assert_ptr_null(versioning_completion_problem(bed.ms, completion_as(&bed, "d:1", PINNED)));
}
END_TEST

START_TEST(a_start_names_the_build_of_a_worker_without_a_deployment)
{
    PbWorkerVersionCapabilities capabilities = PbWorkerVersionCapabilities_INIT;
    struct task_poller who = {.identity = "worker", .request_id = "request", .has_target = true};

    who.capabilities = &capabilities;
    capabilities.build_id = "b";
    bed_poll_by(&bed, &who);
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 3, workflow_task_started)->worker_version->build_id, "b");
    EXPECT_VERSIONING(&bed, "nothing");
    ck_assert_str_eq(COMPLETE(&bed), "");
    bed_signal(&bed, "next");
    capabilities.use_versioning = true;
    capabilities.deployment_series_name = "series"; /* the form before versions: it is one */
    bed_poll_by(&bed, &who);
    ck_assert_ptr_null(ATTRIBUTES_OF(&bed, 7, workflow_task_started)->worker_version);
    EXPECT_VERSIONING(&bed, "Unspecified none -> series:b");
}
END_TEST

/* ---- transitions ---- */

START_TEST(the_next_task_moves_a_run_that_upgrades)
{
    settle_on(AUTO_UPGRADE);
    poll_as(&bed, "d:2", "d:2", 2);
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:1 -> d:2 rev 2");
    EXPECT_ATTRIBUTES(&bed, "[\"d:1\"] \"d\" \"d:1\" \"AutoUpgrade\""); /* a transition does not show */
    complete_as(&bed, "d:2", AUTO_UPGRADE);
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:2 rev 2");
    EXPECT_ATTRIBUTES(&bed, "[\"d:1\",\"d:2\"] \"d\" \"d:2\" \"AutoUpgrade\"");
}
END_TEST

START_TEST(a_run_that_leaves_versions_shows_an_empty_message)
{
    settle_on(AUTO_UPGRADE);
    poll_as(&bed, NULL, NULL, 3);
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:1 -> none");
    ck_assert_str_eq(versioning_info(bed.ms, bed.arena)->version_transition->version, "__unversioned__");
    complete_as(&bed, NULL, UNSPECIFIED);
    EXPECT_VERSIONING(&bed, "empty");
    EXPECT_ATTRIBUTES(&bed, "[\"unversioned\"] [\"d:1\"]");
    ck_assert_str_eq(versioning_deployment_name(bed.ms), "");
    bed_reload(&bed);
    EXPECT_VERSIONING(&bed, "empty");
}
END_TEST

START_TEST(an_unversioned_run_is_adopted)
{
    POLL_AND_COMPLETE(&bed);
    bed_signal(&bed, "next");
    run_task_as(&bed, "d:1", PINNED, 3);
    EXPECT_VERSIONING(&bed, "Pinned d:1 rev 3");
    EXPECT_ATTRIBUTES(&bed, "[\"pinned:d:1\"] [\"d:1\"] \"d\" \"d:1\" \"Pinned\"");
}
END_TEST

START_TEST(a_failed_task_leaves_the_transition)
{
    settle_on(AUTO_UPGRADE);
    poll_as(&bed, "d:2", "d:2", 2);
    bed_fail_task(&bed);
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:1 -> d:2 rev 2");
    bed_reload(&bed);
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:1 -> d:2 rev 2"); /* stored with the failure */
    run_task_as(&bed, "d:2", PINNED, 2);
    EXPECT_VERSIONING(&bed, "Pinned d:2 rev 2");
}
END_TEST

START_TEST(a_transition_may_turn_elsewhere)
{
    settle_on(AUTO_UPGRADE);
    poll_as(&bed, "d:2", "d:2", 2);
    bed_fail_task(&bed);
    poll_as(&bed, "d:3", "d:3", 3);
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:1 -> d:3 rev 3");
    bed_fail_task(&bed);
    poll_as(&bed, "d:1", "d:1", 4); /* back to where it was: that is one, too */
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:1 -> d:1 rev 4");
    complete_as(&bed, "d:1", AUTO_UPGRADE);
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:1 rev 4");
}
END_TEST

START_TEST(a_completion_may_claim_another_version)
{
    poll_as(&bed, "d:1", "d:1", 1);
    complete_as(&bed, "d:2", PINNED);
    EXPECT_VERSIONING(&bed, "Pinned d:2 -> d:1 rev 1");
    EXPECT_BINDING(&bed, "AutoUpgrade d:1");
    EXPECT_EVENTS(&bed, 4, "4 C, 5 S1"); /* the task that brings it where it is going */
    EXPECT_ATTRIBUTES(&bed, "[\"pinned:d:2\"] [\"d:2\"] \"d\" \"d:2\" \"Pinned\"");
    bed_reload(&bed);
    EXPECT_VERSIONING(&bed, "Pinned d:2 -> d:1 rev 1");
}
END_TEST

START_TEST(a_pinned_run_does_not_move)
{
    settle_on(PINNED);
    poll_as(&bed, "d:2", "d:2", 2); /* which who routes tasks does not let happen */
    EXPECT_VERSIONING(&bed, "Pinned d:1 rev 1");
    complete_as(&bed, "d:1", PINNED);
    versioning_start_transition(bed_begin(&bed), version_of(&bed, "d:2"), 2);
    bed_commit(&bed);
    EXPECT_VERSIONING(&bed, "Pinned d:1 rev 1");
    EXPECT_TASK(&bed, "none");
}
END_TEST

START_TEST(a_refused_completion_does_not_forget_the_transition)
{
    poll_as(&bed, "d:1", "d:1", 5);
    ck_assert_str_ne(COMPLETE(&bed, start_timer(&bed, "", 1)), "");
    EXPECT_VERSIONING(&bed, "Unspecified none -> d:1 rev 5");
    bed_reload(&bed);
    EXPECT_VERSIONING(&bed, "Unspecified none -> d:1 rev 5");
}
END_TEST

START_TEST(a_buffered_event_stores_the_transition)
{
    poll_as(&bed, "d:1", "d:1", 5);
    bed_signal(&bed, "meanwhile");
    bed_reload(&bed); /* the start is lost, where it goes is not: that does no harm */
    EXPECT_VERSIONING(&bed, "Unspecified none -> d:1 rev 5");
}
END_TEST

START_TEST(a_speculative_task_leaves_it_to_its_completion)
{
    run_task_as(&bed, "d:1", AUTO_UPGRADE, 1);
    bed_admit_update(&bed, "u");
    poll_as(&bed, "d:2", "d:2", 2);
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:1 rev 1");
    {
        PbRespondWorkflowTaskCompletedRequest *request = completion_as(&bed, "d:2", AUTO_UPGRADE);
        PbMessage *messages[] = {accept_update(&bed, "u")};

        request->n_messages = 1;
        request->messages = messages;
        ck_assert_str_eq(bed_complete_with(&bed, request), "");
    }
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:2 rev 1");
}
END_TEST

START_TEST(a_transition_ends_stickiness)
{
    PbRespondWorkflowTaskCompletedRequest *request = completion_as(&bed, "d:1", AUTO_UPGRADE);

    poll_as(&bed, "d:1", "d:1", 1);
    request->sticky_attributes = bed_sticky_completion(&bed)->sticky_attributes;
    ck_assert_str_eq(bed_complete_with(&bed, request), "");
    bed_signal(&bed, "next");
    EXPECT_TASK(&bed, "scheduled 6 a1 sticky");
    versioning_start_transition(bed_begin(&bed), version_of(&bed, "d:2"), 2);
    bed_commit(&bed);
    ck_assert_ptr_null(bed.ms->sticky_queue);
    EXPECT_TASK(&bed, "scheduled 6 a1"); /* no event: the same task goes elsewhere */
    ck_assert(bed.t.task_rebound);
    ck_assert_int_eq(bed.ms->workflow_task.stamp, 1);
}
END_TEST

/* ---- activities ---- */

/* The run is on d:1, AUTO_UPGRADE, and has scheduled activity "a" (event 5). */
static void schedule_on_first_version(void)
{
    PbRespondWorkflowTaskCompletedRequest *request = completion_as(&bed, "d:1", AUTO_UPGRADE);
    PbCommand *commands[] = {schedule_activity(&bed, "a")};

    poll_as(&bed, "d:1", "d:1", 1);
    request->n_commands = 1;
    request->commands = commands;
    ck_assert_str_eq(bed_complete_with(&bed, request), "");
    ck_assert_uint_eq(bed_effects(&bed, EFFECT_DISPATCH_ACTIVITY), 1); /* once: it was not there before */
}

START_TEST(an_activity_moves_the_run)
{
    schedule_on_first_version();
    versioning_start_transition(bed_begin(&bed), version_of(&bed, "d:2"), 2);
    bed_commit(&bed);
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:1 -> d:2 rev 2");
    EXPECT_EVENTS(&bed, 5, "5 ActivityTaskScheduled, 6 S1");
    ck_assert_uint_eq(bed_effects(&bed, EFFECT_DISPATCH_ACTIVITY), 0); /* it waits */
    bed_reload(&bed);
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:1 -> d:2 rev 2");
    bed_advance(&bed, seconds(3));
    run_task_as(&bed, "d:2", AUTO_UPGRADE, 2);
    ck_assert_uint_eq(bed_effects(&bed, EFFECT_DISPATCH_ACTIVITY), 1);
    ck_assert_int_eq(bed_activity(&bed, "a")->stamp, 1);
    ck_assert(bed_activity(&bed, "a")->attempt_scheduled_time == START + seconds(3)); /* that long it was held back */
    ck_assert(bed_activity(&bed, "a")->first_scheduled_time == START);
}
END_TEST

START_TEST(an_activity_does_not_disturb_a_task_that_runs)
{
    schedule_on_first_version();
    bed_signal(&bed, "next");
    poll_as(&bed, "d:1", "d:1", 1);
    versioning_start_transition(bed_begin(&bed), version_of(&bed, "d:2"), 2);
    bed_commit(&bed);
    ck_assert(!bed.t.task_rebound);
    complete_as(&bed, "d:1", AUTO_UPGRADE); /* not where it goes */
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:1 -> d:2 rev 2");
    EXPECT_EVENTS(&bed, 8, "8 R, 9 C, 10 S1");
    ck_assert_uint_eq(bed_effects(&bed, EFFECT_DISPATCH_ACTIVITY), 0);
}
END_TEST

START_TEST(started_and_waiting_activities_stay_where_they_are)
{
    schedule_on_first_version();
    bed_activity_start(&bed, "a");
    bed_signal(&bed, "next");
    run_task_as(&bed, "d:2", AUTO_UPGRADE, 2);
    ck_assert_uint_eq(bed_effects(&bed, EFFECT_DISPATCH_ACTIVITY), 0);
    bed_activity_fail(&bed, "a", application_failure(&bed, "t", false));
    bed_signal(&bed, "again");
    run_task_as(&bed, "d:3", AUTO_UPGRADE, 3); /* during its backoff */
    ck_assert_uint_eq(bed_effects(&bed, EFFECT_DISPATCH_ACTIVITY), 0);
    ck_assert_int_eq(bed_activity(&bed, "a")->stamp, 0);
}
END_TEST

START_TEST(an_activity_remembers_the_version_that_has_had_it)
{
    schedule_on_first_version();
    activity_start(bed_begin(&bed), bed_activity(&bed, "a"), "w", "r", version_of(&bed, "d:2"));
    bed_commit(&bed);
    bed_reload(&bed);
    ck_assert_str_eq(bed_activity(&bed, "a")->last_version->build_id, "2");
    bed_activity_fail(&bed, "a", application_failure(&bed, "t", false));
    bed_advance(&bed, seconds(1));
    bed_activity_start(&bed, "a");
    ck_assert_str_eq(bed_activity(&bed, "a")->last_version->build_id, "2"); /* an unversioned worker leaves it */
}
END_TEST

/* ---- overrides ---- */

/* An override on a run that is on d:1: where its tasks go then, and what is seen of it. */
static const struct {
    PbVersioningBehavior behavior;
    const char *override, *binding, *attributes, *pin;
    bool has_moved;
} OVERRIDES[] = {
    {PINNED, "pinned d:2", "Pinned d:2", "[\"pinned:d:2\"] [\"d:1\"] \"d\" \"d:2\" \"Pinned\"", "2", true},
    {PINNED, "one-time e:2", "Pinned e:2", "[\"pinned:e:2\"] [\"d:1\"] \"e\" \"e:2\" \"Pinned\"", "2", true},
    {PINNED, "auto", "AutoUpgrade d:1", "[\"d:1\"] \"d\" \"d:1\" \"AutoUpgrade\"", NULL, true},
    {PINNED, "pinned d:1", "Pinned d:1", "[\"pinned:d:1\"] [\"d:1\"] \"d\" \"d:1\" \"Pinned\"", "1", false},
    {PINNED, "", "Pinned d:1", "[\"pinned:d:1\"] [\"d:1\"] \"d\" \"d:1\" \"Pinned\"", "1", false},
    {AUTO_UPGRADE, "pinned d:1", "Pinned d:1", "[\"pinned:d:1\"] [\"d:1\"] \"d\" \"d:1\" \"Pinned\"", "1", true},
    {AUTO_UPGRADE, "one-time d:2", "Pinned d:2", "[\"pinned:d:2\"] [\"d:1\"] \"d\" \"d:2\" \"Pinned\"", "2", true},
    {AUTO_UPGRADE, "auto", "AutoUpgrade d:1", "[\"d:1\"] \"d\" \"d:1\" \"AutoUpgrade\"", NULL, false},
    {UNSPECIFIED, "pinned d:2", "Pinned d:2", "[\"pinned:d:2\"] [\"d:1\"] \"d\" \"d:2\" \"Pinned\"", "2", true},
    {UNSPECIFIED, "auto", "AutoUpgrade none", "[\"d:1\"] \"d\" \"AutoUpgrade\"", NULL, true},
    {UNSPECIFIED, "", "Unspecified none", "[\"unversioned\"] [\"d:1\"] \"d\"", NULL, false},
};

START_TEST(what_an_override_does)
{
    int64_t stamp;

    settle_on(OVERRIDES[_i].behavior);
    stamp = bed.ms->workflow_task.stamp;
    set_override(&bed, OVERRIDES[_i].override);
    EXPECT_BINDING(&bed, OVERRIDES[_i].binding);
    EXPECT_ATTRIBUTES(&bed, OVERRIDES[_i].attributes);
    ck_assert_int_eq(bed.t.task_rebound, OVERRIDES[_i].has_moved);
    ck_assert_int_eq(bed.ms->workflow_task.stamp, stamp + (OVERRIDES[_i].has_moved ? 1 : 0));
    if (OVERRIDES[_i].pin == NULL)
        ck_assert_ptr_null(versioning_pin(bed.ms));
    else
        ck_assert_str_eq(versioning_pin(bed.ms)->build_id, OVERRIDES[_i].pin);
    EXPECT_EVENTS(&bed, 5, "5 WorkflowExecutionSignaled, 6 S1, 7 WorkflowExecutionOptionsUpdated");
    ck_assert(bed_event(&bed, 7)->worker_may_ignore);
    stamp = bed.ms->workflow_task.stamp;
    bed_reload(&bed);
    ck_assert_int_eq(bed.ms->workflow_task.stamp, stamp); /* matching may have the task still */
    EXPECT_BINDING(&bed, OVERRIDES[_i].binding);
    EXPECT_ATTRIBUTES(&bed, OVERRIDES[_i].attributes);
}
END_TEST

START_TEST(an_override_may_be_in_an_older_form)
{
    PbWorkflowExecutionOptionsUpdatedEventAttributes options = PbWorkflowExecutionOptionsUpdatedEventAttributes_INIT;

    options.versioning_override = ARENA_NEW_PB(bed.arena, PbVersioningOverride);
    options.versioning_override->behavior = PINNED;
    options.versioning_override->pinned_version = "d.2";
    decide_options_update(bed_begin(&bed), &options);
    bed_commit(&bed);
    EXPECT_VERSIONING(&bed, "Unspecified none (override pinned d:2)");
    ck_assert_str_eq(ATTRIBUTES_OF(&bed, 3, workflow_execution_options_updated)->versioning_override->pinned_version,
                     "");
    ck_assert_int_eq(versioning_info(bed.ms, bed.arena)->versioning_override->behavior, PINNED); /* the mirrors */
    ck_assert_str_eq(versioning_info(bed.ms, bed.arena)->versioning_override->pinned_version, "d.2");
    ck_assert_str_eq(versioning_deployment_name(bed.ms), "d");
}
END_TEST

START_TEST(an_override_that_goes_before_any_completion_leaves_a_trace)
{
    set_override(&bed, "pinned d:2");
    EXPECT_ATTRIBUTES(&bed, "[\"pinned:d:2\"] \"d\" \"d:2\" \"Pinned\"");
    set_override(&bed, "");
    EXPECT_VERSIONING(&bed, "empty");
    EXPECT_ATTRIBUTES(&bed, "[\"unversioned\"]");
    ck_assert_str_eq(versioning_deployment_name(bed.ms), "");
}
END_TEST

START_TEST(an_override_acts_while_its_event_waits)
{
    settle_on(PINNED);
    poll_as(&bed, "d:1", "d:1", 1);
    set_override(&bed, "pinned d:2");
    EXPECT_BINDING(&bed, "Pinned d:2");
    EXPECT_ATTRIBUTES(&bed, "[\"pinned:d:2\"] [\"d:1\"] \"d\" \"d:2\" \"Pinned\"");
    ck_assert_int_eq(bed.ms->buffered_count, 1);
    ck_assert(!bed.t.task_rebound); /* the started task is left to finish */
    complete_as(&bed, "d:1", PINNED);
    EXPECT_EVENTS(&bed, 7, "7 R, 8 C, 9 WorkflowExecutionOptionsUpdated, 10 S1");
    EXPECT_VERSIONING(&bed, "Pinned d:1 (override pinned d:2) rev 1");
    EXPECT_ATTRIBUTES(&bed, "[\"pinned:d:2\"] [\"d:1\"] \"d\" \"d:2\" \"Pinned\"");
}
END_TEST

START_TEST(an_override_survives_in_what_waits)
{
    settle_on(PINNED);
    poll_as(&bed, "d:1", "d:1", 1);
    set_override(&bed, "pinned d:2");
    bed_reload(&bed);
    EXPECT_BINDING(&bed, "Pinned d:2");
    EXPECT_EVENTS(&bed, 6, "6 S1, 7 WorkflowExecutionOptionsUpdated");
}
END_TEST

START_TEST(an_override_does_not_act_again_as_its_event_enters_the_log)
{
    static const char after[] = "[\"unversioned\"] [\"d:1\"] \"d\"";

    set_override(&bed, "auto");
    poll_as(&bed, "d:1", "d:1", 1);
    set_override(&bed, "");
    ck_assert_str_eq(versioning_deployment_name(bed.ms), "");
    complete_as(&bed, "d:1", UNSPECIFIED);
    EXPECT_EVENTS(&bed, 4, "4 R, 5 C, 6 WorkflowExecutionOptionsUpdated, 7 S1");
    ck_assert_str_eq(versioning_deployment_name(bed.ms), "d"); /* that of the completion */
    EXPECT_ATTRIBUTES(&bed, after);
    bed_reload(&bed);
    ck_assert_str_eq(versioning_deployment_name(bed.ms), "d");
    EXPECT_ATTRIBUTES(&bed, after);
    set_override(&bed, "auto"); /* keeps the name, which the events alone do not tell */
    bed_reload(&bed);
    ck_assert_str_eq(versioning_deployment_name(bed.ms), "d");
    run_task_as(&bed, "d:1", UNSPECIFIED, 1);
    bed_reload(&bed);
    ck_assert_str_eq(versioning_deployment_name(bed.ms), "d");
}
END_TEST

START_TEST(a_one_time_override_that_is_satisfied_while_its_event_waits_is_over)
{
    settle_on(AUTO_UPGRADE);
    poll_as(&bed, "d:1", "d:1", 1);
    set_override(&bed, "one-time d:1");
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:1 (override one-time d:1) rev 1");
    complete_as(&bed, "d:1", AUTO_UPGRADE);
    EXPECT_EVENTS(&bed, 7, "7 R, 8 C, 9 WorkflowExecutionOptionsUpdated, 10 S1");
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:1 rev 1");
    bed_reload(&bed);
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:1 rev 1");
    EXPECT_ATTRIBUTES(&bed, "[\"d:1\"] \"d\" \"d:1\" \"AutoUpgrade\"");
    run_task_as(&bed, "d:2", AUTO_UPGRADE, 2); /* nothing holds it */
    bed_reload(&bed);
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:2 rev 2");
    EXPECT_ATTRIBUTES(&bed, "[\"d:1\",\"d:2\"] \"d\" \"d:2\" \"AutoUpgrade\"");
    set_override(&bed, "one-time d:1"); /* the same again counts again */
    bed_reload(&bed);
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:2 (override one-time d:1) rev 2");
}
END_TEST

START_TEST(of_several_overrides_that_wait_the_last_one_counts)
{
    settle_on(PINNED);
    poll_as(&bed, "d:1", "d:1", 1);
    set_override(&bed, "pinned d:2");
    set_override(&bed, "one-time d:1");
    complete_as(&bed, "d:1", PINNED);
    EXPECT_VERSIONING(&bed, "Pinned d:1 rev 1");
    poll_as(&bed, "d:1", "d:1", 1);
    set_override(&bed, "one-time d:1");
    set_override(&bed, "pinned e:2");
    complete_as(&bed, "d:1", PINNED);
    EXPECT_VERSIONING(&bed, "Pinned d:1 (override pinned e:2) rev 1");
    ck_assert_str_eq(versioning_deployment_name(bed.ms), "d");
    bed_reload(&bed);
    EXPECT_VERSIONING(&bed, "Pinned d:1 (override pinned e:2) rev 1");
    ck_assert_str_eq(versioning_deployment_name(bed.ms), "d");
}
END_TEST

START_TEST(an_override_waits_for_a_transition_to_end)
{
    static const char before[] = "[\"d:1\"] \"d\" \"d:1\" \"AutoUpgrade\"";

    settle_on(AUTO_UPGRADE);
    poll_as(&bed, "d:2", "d:2", 2);
    bed_fail_task(&bed);
    set_override(&bed, "pinned d:3");
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:1 (override pinned d:3) -> d:2 rev 2");
    EXPECT_BINDING(&bed, "AutoUpgrade d:2");
    EXPECT_ATTRIBUTES(&bed, before);
    ck_assert(!bed.t.task_rebound);
    bed_reload(&bed);
    EXPECT_ATTRIBUTES(&bed, before); /* although the events alone say otherwise */
    bed_signal(&bed, "meanwhile");
    EXPECT_ATTRIBUTES(&bed, before);
    run_task_as(&bed, "d:2", AUTO_UPGRADE, 2);
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:2 (override pinned d:3) rev 2");
    EXPECT_BINDING(&bed, "Pinned d:3");
    EXPECT_ATTRIBUTES(&bed, "[\"pinned:d:3\"] [\"d:1\",\"d:2\"] \"d\" \"d:3\" \"Pinned\"");
    bed_reload(&bed);
    EXPECT_ATTRIBUTES(&bed, "[\"pinned:d:3\"] [\"d:1\",\"d:2\"] \"d\" \"d:3\" \"Pinned\"");
}
END_TEST

START_TEST(the_same_while_the_first_task_runs)
{
    poll_as(&bed, "d:1", "d:1", 1);
    set_override(&bed, "pinned d:3");
    EXPECT_VERSIONING(&bed, "Unspecified none (override pinned d:3) -> d:1 rev 1");
    EXPECT_ATTRIBUTES(&bed, "");
    complete_as(&bed, "d:1", AUTO_UPGRADE);
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:1 (override pinned d:3) rev 1");
    EXPECT_ATTRIBUTES(&bed, "[\"pinned:d:3\"] [\"d:1\"] \"d\" \"d:3\" \"Pinned\"");
    EXPECT_EVENTS(&bed, 3, "3 R, 4 C, 5 WorkflowExecutionOptionsUpdated, 6 S1");
}
END_TEST

START_TEST(a_one_time_override_is_over_when_its_target_completes)
{
    settle_on(PINNED);
    set_override(&bed, "one-time d:2");
    ck_assert_str_eq(versioning_pin(bed.ms)->build_id, "2");
    poll_as(&bed, "d:2", "d:1", 1);
    EXPECT_VERSIONING(&bed, "Pinned d:1 (override one-time d:2) rev 1"); /* no transition: it is pinned there */
    complete_as(&bed, "d:2", PINNED);
    EXPECT_VERSIONING(&bed, "Pinned d:2 rev 1");
    EXPECT_ATTRIBUTES(&bed, "[\"pinned:d:2\"] [\"d:1\",\"d:2\"] \"d\" \"d:2\" \"Pinned\"");
    bed_reload(&bed);
    EXPECT_VERSIONING(&bed, "Pinned d:2 rev 1");
}
END_TEST

START_TEST(an_override_sends_activities_elsewhere)
{
    schedule_on_first_version();
    set_override(&bed, "pinned d:2");
    ck_assert_uint_eq(bed_effects(&bed, EFFECT_DISPATCH_ACTIVITY), 1);
    ck_assert_int_eq(bed_activity(&bed, "a")->stamp, 1);
    ck_assert(bed_activity(&bed, "a")->attempt_scheduled_time == START);
    set_override(&bed, "pinned d:2");
    ck_assert_uint_eq(bed_effects(&bed, EFFECT_DISPATCH_ACTIVITY), 0);
}
END_TEST

START_TEST(a_new_priority_sends_what_waits_again)
{
    PbWorkflowExecutionOptionsUpdatedEventAttributes options = PbWorkflowExecutionOptionsUpdatedEventAttributes_INIT;

    options.priority = ARENA_NEW_PB(bed.arena, PbPriority);
    options.priority->priority_key = 2;
    options.unset_versioning_override = true;
    decide_options_update(bed_begin(&bed), &options);
    bed_commit(&bed);
    ck_assert(bed.t.task_rebound);
    ck_assert_int_eq(bed.ms->priority->priority_key, 2);
    EXPECT_VERSIONING(&bed, "nothing");
    EXPECT_ATTRIBUTES(&bed, "");
    decide_options_update(bed_begin(&bed), &options);
    bed_commit(&bed);
    ck_assert(!bed.t.task_rebound);
}
END_TEST

/* ---- starts ---- */

static void start_with(const char *override, const char *pinned, const char *upgraded)
{
    PbWorkflowExecutionStartedEventAttributes *started = bed_started(&bed);

    mutable_state_free(bed.ms);
    bed.ms = mutable_state_new();
    bed.log_count = 0;
    started->versioning_override = override_of(&bed, override);
    started->inherited_pinned_version = version_of(&bed, pinned);
    if (upgraded != NULL) {
        started->inherited_auto_upgrade_info = ARENA_NEW_PB(bed.arena, PbInheritedAutoUpgradeInfo);
        started->inherited_auto_upgrade_info->source_deployment_version = version_of(&bed, upgraded);
        started->inherited_auto_upgrade_info->source_deployment_revision_number = 4;
        started->inherited_auto_upgrade_info->continue_as_new_initial_versioning_behavior =
            CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_USE_RAMPING_VERSION;
    }
    bed_start(&bed, started);
}

static const struct {
    const char *override, *pinned, *upgraded;
    const char *versioning, *binding, *attributes, *deployment;
} STARTS[] = {
    {"pinned d:2", NULL, NULL, "Unspecified none (override pinned d:2)", "Pinned d:2",
     "[\"pinned:d:2\"] \"d\" \"d:2\" \"Pinned\"", "d"},
    {"one-time d:2", NULL, NULL, "Unspecified none (override one-time d:2)", "Pinned d:2",
     "[\"pinned:d:2\"] \"d\" \"d:2\" \"Pinned\"", "d"},
    {"auto", NULL, NULL, "Unspecified none (override auto)", "AutoUpgrade none", "\"AutoUpgrade\"", ""},
    {"", "d:1", NULL, "Pinned d:1", "Pinned d:1", "[\"pinned:d:1\"] \"d\" \"d:1\" \"Pinned\"", "d"},
    {"pinned d:2", "d:2", NULL, "Pinned d:2 (override pinned d:2)", "Pinned d:2",
     "[\"pinned:d:2\"] \"d\" \"d:2\" \"Pinned\"", "d"},
    {"", NULL, "d:1", "AutoUpgrade d:1 rev 4 ramping", "AutoUpgrade d:1", "\"d\" \"d:1\" \"AutoUpgrade\"", "d"},
    {"pinned e:2", NULL, "d:1", "AutoUpgrade d:1 (override pinned e:2) rev 4 ramping", "Pinned e:2",
     "[\"pinned:e:2\"] \"e\" \"e:2\" \"Pinned\"", "e"},
};

START_TEST(what_a_run_begins_with)
{
    start_with(STARTS[_i].override, STARTS[_i].pinned, STARTS[_i].upgraded);
    EXPECT_VERSIONING(&bed, STARTS[_i].versioning);
    EXPECT_BINDING(&bed, STARTS[_i].binding);
    EXPECT_ATTRIBUTES(&bed, STARTS[_i].attributes);
    ck_assert_str_eq(versioning_deployment_name(bed.ms), STARTS[_i].deployment);
    bed_reload(&bed);
    EXPECT_VERSIONING(&bed, STARTS[_i].versioning);
}
END_TEST

START_TEST(only_the_first_task_uses_the_ramping_version)
{
    start_with("", NULL, "d:1");
    ck_assert(versioning_uses_ramping(bed.ms));
    poll_as(&bed, "d:2", "d:2", 5);
    bed_fail_task(&bed);
    ck_assert(versioning_uses_ramping(bed.ms)); /* none has been completed */
    run_task_as(&bed, "d:2", AUTO_UPGRADE, 5);
    ck_assert(!versioning_uses_ramping(bed.ms));
    EXPECT_VERSIONING(&bed, "AutoUpgrade d:2 rev 5 ramping");
}
END_TEST

START_TEST(the_start_of_an_older_release_is_understood)
{
    PbWorkflowExecutionStartedEventAttributes *started = bed_started(&bed);

    mutable_state_free(bed.ms);
    bed.ms = mutable_state_new();
    bed.log_count = 0;
    started->versioning_override = ARENA_NEW_PB(bed.arena, PbVersioningOverride);
    started->versioning_override->behavior = AUTO_UPGRADE;
    bed_start(&bed, started);
    EXPECT_VERSIONING(&bed, "Unspecified none (override auto)");
}
END_TEST

/* ---- targets ---- */

/* Workflow tasks of a run that is pinned to d:1: where its queue sends it, and whether the task tells of that. */
static const struct {
    const char *target;
    int64_t revision;
    bool tells;
    const char *override; /* set before it; NULL: nothing */
} TARGETS[][6] = {
    {{"d:1", 1, false, NULL}, {"d:2", 2, true, NULL}, {"d:2", 2, true, NULL}, {"d:3", 3, true, NULL}},
    {{"d:2", 2, true, NULL},
     {"d:1", 1, true, NULL},
     {"d:1", 3, false, NULL},
     {"d:2", 4, true, NULL}},                                               /* the second is out of date */
    {{"d:2", 2, true, NULL}, {"", 3, true, NULL}, {"d:1", 4, false, NULL}}, /* unversioned is a target as well */
    {{"d:2", 2, true, NULL}, {"d:2", 2, false, "auto"}, {"d:2", 2, true, ""}},
    {{"d:2", 2, true, NULL}, {"d:2", 2, false, "pinned d:1"}, {"d:1", 1, false, ""}},
};

START_TEST(a_pinned_run_is_told_of_another_target)
{
    settle_on(PINNED);
    for (size_t i = 0; i < LENGTH_OF(TARGETS[0]) && TARGETS[_i][i].target != NULL; i++) {
        bool tells;

        if (TARGETS[_i][i].override != NULL)
            set_override(&bed, TARGETS[_i][i].override);
        poll_as(&bed, "d:1", TARGETS[_i][i].target, TARGETS[_i][i].revision);
        tells = ATTRIBUTES_OF(&bed, bed.ms->workflow_task.started_event_id, workflow_task_started)
                    ->target_worker_deployment_version_changed;
        ck_assert_msg(tells == TARGETS[_i][i].tells, "task %zu: %d", i, tells);
        complete_as(&bed, "d:1", PINNED);
        bed_reload(&bed);
        bed_signal(&bed, "next");
    }
}
END_TEST

START_TEST(a_run_that_upgrades_is_not_told)
{
    settle_on(AUTO_UPGRADE);
    poll_as(&bed, "d:1", "d:2", 2);
    ck_assert(!ATTRIBUTES_OF(&bed, 7, workflow_task_started)->target_worker_deployment_version_changed);
}
END_TEST

START_TEST(a_task_inside_an_answer_repeats_what_is_known)
{
    settle_on(PINNED);
    poll_as(&bed, "d:1", "d:2", 2);
    complete_as(&bed, "d:1", PINNED);
    bed_signal(&bed, "next");
    bed_poll(&bed);
    ck_assert(ATTRIBUTES_OF(&bed, 11, workflow_task_started)->target_worker_deployment_version_changed);
}
END_TEST

START_TEST(a_declined_target_is_not_told_again)
{
    PbWorkflowExecutionStartedEventAttributes *started = bed_started(&bed);

    mutable_state_free(bed.ms);
    bed.ms = mutable_state_new();
    bed.log_count = 0;
    started->continued_execution_run_id = "the one before";
    started->inherited_pinned_version = version_of(&bed, "d:1");
    started->declined_target_version_upgrade = ARENA_NEW_PB(bed.arena, PbDeclinedTargetVersionUpgrade);
    started->declined_target_version_upgrade->deployment_version = version_of(&bed, "d:2");
    started->declined_target_version_upgrade->revision_number = 2;
    bed_start(&bed, started);
    poll_as(&bed, "d:1", "d:2", 2);
    ck_assert(!ATTRIBUTES_OF(&bed, 3, workflow_task_started)->target_worker_deployment_version_changed);
    complete_as(&bed, "d:1", PINNED);
    bed_signal(&bed, "next");
    poll_as(&bed, "d:1", "d:3", 3);
    ck_assert(ATTRIBUTES_OF(&bed, 7, workflow_task_started)->target_worker_deployment_version_changed);
}
END_TEST

START_TEST(a_transient_task_tells_as_well)
{
    PbHistoryEvent *events[2];

    settle_on(PINNED);
    poll_as(&bed, "d:1", "d:1", 1);
    bed_fail_task(&bed);
    poll_as(&bed, "d:1", "d:2", 2);
    ck_assert_uint_eq(workflow_task_virtual_events(bed.ms, bed.arena, true, events), 2);
    ck_assert(events[1]->workflow_task_started_event_attributes->target_worker_deployment_version_changed);
    complete_as(&bed, "d:1", PINNED);
    ck_assert(ATTRIBUTES_OF(&bed, 10, workflow_task_started)->target_worker_deployment_version_changed);
}
END_TEST

/* ---- lists that get too long ---- */

START_TEST(the_oldest_used_version_goes)
{
    char *first = arena_printf(bed.arena, "d:%s", text_of_length(&bed, 900));
    char *second = arena_printf(bed.arena, "e:%s", text_of_length(&bed, 900));
    char *third = arena_printf(bed.arena, "f:%s", text_of_length(&bed, 900));

    run_task_as(&bed, first, AUTO_UPGRADE, 1);
    bed_signal(&bed, "next");
    run_task_as(&bed, second, AUTO_UPGRADE, 1);
    bed_signal(&bed, "next");
    run_task_as(&bed, third, AUTO_UPGRADE, 1);
    EXPECT_ATTRIBUTES(&bed,
                      arena_printf(bed.arena, "[\"%s\",\"%s\"] \"f\" \"%s\" \"AutoUpgrade\"", second, third, third));
    bed_reload(&bed);
    EXPECT_ATTRIBUTES(&bed,
                      arena_printf(bed.arena, "[\"%s\",\"%s\"] \"f\" \"%s\" \"AutoUpgrade\"", second, third, third));
}
END_TEST

START_TEST(build_ids_outlive_what_they_began_with)
{
    PbRespondWorkflowTaskCompletedRequest *request = bed_completion(&bed);

    bed_poll(&bed);
    request->worker_version_stamp = ARENA_NEW_PB(bed.arena, PbWorkerVersionStamp);
    request->worker_version_stamp->build_id = "b1";
    ck_assert_str_eq(bed_complete_with(&bed, request), "");
    EXPECT_ATTRIBUTES(&bed, "[\"unversioned\",\"unversioned:b1\"]");
    bed_signal(&bed, "next");
    run_task_as(&bed, "d:1", PINNED, 1);
    EXPECT_ATTRIBUTES(&bed, "[\"pinned:d:1\",\"unversioned:b1\"] [\"d:1\"] \"d\" \"d:1\" \"Pinned\"");
    set_override(&bed, "auto");
    EXPECT_ATTRIBUTES(&bed, "[\"unversioned:b1\"] [\"d:1\"] \"d\" \"d:1\" \"AutoUpgrade\"");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("versioning");
    TCase *tcase = tcase_create("versioning");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_run_without_versions_costs_nothing);
    tcase_add_test(tcase, the_first_task_is_a_transition);
    tcase_add_test(tcase, a_completion_is_recorded);
    tcase_add_test(tcase, a_start_that_never_came_leaves_nothing_behind);
    tcase_add_test(tcase, a_completed_task_that_says_the_same_changes_nothing);
    tcase_add_loop_test(tcase, what_a_worker_claims, 0, LENGTH_OF(CLAIMS));
    tcase_add_test(tcase, claims_that_contradict_themselves);
    tcase_add_test(tcase, a_start_names_the_build_of_a_worker_without_a_deployment);
    tcase_add_test(tcase, the_next_task_moves_a_run_that_upgrades);
    tcase_add_test(tcase, a_run_that_leaves_versions_shows_an_empty_message);
    tcase_add_test(tcase, an_unversioned_run_is_adopted);
    tcase_add_test(tcase, a_failed_task_leaves_the_transition);
    tcase_add_test(tcase, a_transition_may_turn_elsewhere);
    tcase_add_test(tcase, a_completion_may_claim_another_version);
    tcase_add_test(tcase, a_pinned_run_does_not_move);
    tcase_add_test(tcase, a_refused_completion_does_not_forget_the_transition);
    tcase_add_test(tcase, a_buffered_event_stores_the_transition);
    tcase_add_test(tcase, a_speculative_task_leaves_it_to_its_completion);
    tcase_add_test(tcase, a_transition_ends_stickiness);
    tcase_add_test(tcase, an_activity_moves_the_run);
    tcase_add_test(tcase, an_activity_does_not_disturb_a_task_that_runs);
    tcase_add_test(tcase, started_and_waiting_activities_stay_where_they_are);
    tcase_add_test(tcase, an_activity_remembers_the_version_that_has_had_it);
    tcase_add_loop_test(tcase, what_an_override_does, 0, LENGTH_OF(OVERRIDES));
    tcase_add_test(tcase, an_override_may_be_in_an_older_form);
    tcase_add_test(tcase, an_override_that_goes_before_any_completion_leaves_a_trace);
    tcase_add_test(tcase, an_override_acts_while_its_event_waits);
    tcase_add_test(tcase, an_override_survives_in_what_waits);
    tcase_add_test(tcase, an_override_does_not_act_again_as_its_event_enters_the_log);
    tcase_add_test(tcase, a_one_time_override_that_is_satisfied_while_its_event_waits_is_over);
    tcase_add_test(tcase, of_several_overrides_that_wait_the_last_one_counts);
    tcase_add_test(tcase, an_override_waits_for_a_transition_to_end);
    tcase_add_test(tcase, the_same_while_the_first_task_runs);
    tcase_add_test(tcase, a_one_time_override_is_over_when_its_target_completes);
    tcase_add_test(tcase, an_override_sends_activities_elsewhere);
    tcase_add_test(tcase, a_new_priority_sends_what_waits_again);
    tcase_add_loop_test(tcase, what_a_run_begins_with, 0, LENGTH_OF(STARTS));
    tcase_add_test(tcase, only_the_first_task_uses_the_ramping_version);
    tcase_add_test(tcase, the_start_of_an_older_release_is_understood);
    tcase_add_loop_test(tcase, a_pinned_run_is_told_of_another_target, 0, LENGTH_OF(TARGETS));
    tcase_add_test(tcase, a_run_that_upgrades_is_not_told);
    tcase_add_test(tcase, a_task_inside_an_answer_repeats_what_is_known);
    tcase_add_test(tcase, a_declined_target_is_not_told_again);
    tcase_add_test(tcase, a_transient_task_tells_as_well);
    tcase_add_test(tcase, the_oldest_used_version_goes);
    tcase_add_test(tcase, build_ids_outlive_what_they_began_with);
    suite_add_tcase(suite, tcase);
    return bed_run(suite);
}
