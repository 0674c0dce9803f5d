/* What a run takes over of another one's version: the whole matrix, and that commands, retries and resets use it. */
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

/* Everything serves "served", nothing else but the run's own queue, which is never asked for. */
static bool only_one_is_served(void *context, const PbWorkerDeploymentVersion *version, const char *task_queue)
{
    (void)context;
    ck_assert_ptr_nonnull(version);
    ck_assert_str_ne(task_queue, "queue");
    return strcmp(task_queue, "served") == 0;
}

/* ---- the matrix ---- */

enum heir { CHILD, CONTINUED, UPGRADED, RAMPING, RETRIED, CRON, HEIRS };

/* What each heir inherits of a run on d:1 that revision 3 has moved there, NULL being nothing. */
static const struct {
    PbVersioningBehavior behavior;
    const char *override, *queue;
    const char *inherits[HEIRS];
} MATRIX[] = {
    {AUTO_UPGRADE,
     "",
     "queue",
     {"upgraded d:1 rev 3", "upgraded d:1 rev 3", "upgraded d:1 rev 3 upgrading", "upgraded d:1 rev 3 ramping",
      "upgraded d:1 rev 3", NULL}},
    {PINNED,
     "",
     "queue",
     {"pinned d:1", "pinned d:1", "upgraded d:1 rev 3 upgrading", "upgraded d:1 rev 3 ramping", NULL, NULL}},
    {PINNED,
     "pinned d:2",
     "queue",
     {"override pinned d:2, pinned d:2", "override pinned d:2, pinned d:2",
      "override pinned d:2, upgraded d:2 rev 3 upgrading", "override pinned d:2, upgraded d:2 rev 3 ramping",
      "override pinned d:2", "override pinned d:2"}},
    {PINNED,
     "one-time d:2",
     "queue",
     {"override one-time d:2, pinned d:2", "pinned d:2", "upgraded d:2 rev 3 upgrading", "upgraded d:2 rev 3 ramping",
      NULL, NULL}},
    {PINNED,
     "auto",
     "queue",
     {"upgraded d:1 rev 3", "upgraded d:1 rev 3", "upgraded d:1 rev 3 upgrading", "upgraded d:1 rev 3 ramping",
      "upgraded d:1 rev 3", NULL}},
    {AUTO_UPGRADE,
     "pinned d:2",
     "queue",
     {"override pinned d:2, pinned d:2", "override pinned d:2, pinned d:2",
      "override pinned d:2, upgraded d:2 rev 3 upgrading", "override pinned d:2, upgraded d:2 rev 3 ramping",
      "override pinned d:2", "override pinned d:2"}},
    {AUTO_UPGRADE,
     "one-time d:2",
     "queue",
     {"override one-time d:2, pinned d:2", "pinned d:2", "upgraded d:2 rev 3 upgrading", "upgraded d:2 rev 3 ramping",
      NULL, NULL}},
    {AUTO_UPGRADE,
     "auto",
     "queue",
     {"upgraded d:1 rev 3", "upgraded d:1 rev 3", "upgraded d:1 rev 3 upgrading", "upgraded d:1 rev 3 ramping",
      "upgraded d:1 rev 3", NULL}},
    {UNSPECIFIED, "", "queue", {NULL, NULL, NULL, NULL, NULL, NULL}},
    {UNSPECIFIED,
     "pinned d:2",
     "queue",
     {"override pinned d:2, pinned d:2", "override pinned d:2, pinned d:2",
      "override pinned d:2, upgraded d:2 rev 3 upgrading", "override pinned d:2, upgraded d:2 rev 3 ramping",
      "override pinned d:2", "override pinned d:2"}},
    {UNSPECIFIED, "auto", "queue", {NULL, NULL, NULL, NULL, NULL, NULL}},
    /* Another queue, which the version serves as well. */
    {AUTO_UPGRADE,
     "",
     "served",
     {"upgraded d:1 rev 3", "upgraded d:1 rev 3", "upgraded d:1 rev 3 upgrading", "upgraded d:1 rev 3 ramping"}},
    {PINNED, "", "served", {"pinned d:1", "pinned d:1", "upgraded d:1 rev 3 upgrading", "upgraded d:1 rev 3 ramping"}},
    {PINNED,
     "pinned d:2",
     "served",
     {"override pinned d:2, pinned d:2", "override pinned d:2, pinned d:2", "upgraded d:2 rev 3 upgrading",
      "upgraded d:2 rev 3 ramping"}}, /* the real server asks only for a pin that is inherited */
    {PINNED,
     "one-time d:2",
     "served",
     {"override one-time d:2, pinned d:2", "pinned d:2", "upgraded d:2 rev 3 upgrading", "upgraded d:2 rev 3 ramping"}},
    /* One that it does not. */
    {AUTO_UPGRADE, "", "other", {NULL, NULL, NULL, NULL}},
    {PINNED, "", "other", {NULL, NULL, NULL, NULL}},
    {PINNED, "pinned d:2", "other", {NULL, NULL, NULL, NULL}},
    {PINNED, "one-time d:2", "other", {NULL, NULL, NULL, NULL}},
};

static const char *inherited(enum heir heir, const char *queue)
{
    PbWorkflowExecutionStartedEventAttributes *started =
        ARENA_NEW_PB(bed.arena, PbWorkflowExecutionStartedEventAttributes);
    PbStartChildWorkflowExecutionInitiatedEventAttributes initiated =
        PbStartChildWorkflowExecutionInitiatedEventAttributes_INIT;
    const struct transition *t = bed_begin(&bed);

    started->task_queue = initiated.task_queue = normal_task_queue(bed.arena, queue);
    switch (heir) {
    case CHILD:
        inherit_by_child(t, &initiated, true, started);
        break;
    case CONTINUED:
        inherit_by_continuing(t, CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_UNSPECIFIED, started);
        break;
    case UPGRADED:
        inherit_by_continuing(t, CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_AUTO_UPGRADE, started);
        break;
    case RAMPING:
        inherit_by_continuing(t, CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_USE_RAMPING_VERSION, started);
        break;
    case RETRIED:
    case CRON:
        inherit_by_rerun(t, bed.started, heir == RETRIED, started);
        break;
    case HEIRS:
        break;
    }
    return inheritance_of(&bed, started);
}

START_TEST(what_each_heir_inherits)
{
    bed.version_has_queue = only_one_is_served;
    run_task_as(&bed, "d:1", MATRIX[_i].behavior, 3);
    if (MATRIX[_i].override[0] != '\0')
        set_override(&bed, MATRIX[_i].override);
    for (enum heir heir = CHILD; heir < HEIRS; heir++) {
        const char *expected = MATRIX[_i].inherits[heir] == NULL ? "" : MATRIX[_i].inherits[heir];
        const char *is;

        if (heir >= RETRIED && strcmp(MATRIX[_i].queue, "queue") != 0)
            continue; /* always on the same queue */
        is = inherited(heir, MATRIX[_i].queue);
        ck_assert_msg(strcmp(is, expected) == 0, "heir %d inherits \"%s\", not \"%s\"", (int)heir, is, expected);
    }
}
END_TEST

START_TEST(a_run_without_versions_has_nothing_to_give)
{
    POLL_AND_COMPLETE(&bed);
    for (enum heir heir = CHILD; heir < HEIRS; heir++)
        ck_assert_str_eq(inherited(heir, "queue"), "");
}
END_TEST

START_TEST(without_a_revision_there_is_no_upgrade_to_inherit)
{
    bed_poll(&bed); /* eagerly: that moves nothing */
    complete_as(&bed, "d:1", AUTO_UPGRADE);
    ck_assert_str_eq(inherited(CHILD, "queue"), "");
    ck_assert_str_eq(inherited(UPGRADED, "queue"), "");
    ck_assert_str_eq(inherited(RETRIED, "queue"), "");
}
END_TEST

START_TEST(a_child_in_another_namespace_inherits_nothing)
{
    PbWorkflowExecutionStartedEventAttributes started = PbWorkflowExecutionStartedEventAttributes_INIT;
    PbStartChildWorkflowExecutionInitiatedEventAttributes initiated =
        PbStartChildWorkflowExecutionInitiatedEventAttributes_INIT;

    run_task_as(&bed, "d:1", PINNED, 3);
    initiated.task_queue = normal_task_queue(bed.arena, "queue");
    inherit_by_child(bed_begin(&bed), &initiated, false, &started);
    ck_assert_str_eq(inheritance_of(&bed, &started), "");
}
END_TEST

START_TEST(a_childs_own_override_is_all_it_gets)
{
    PbWorkflowExecutionStartedEventAttributes started = PbWorkflowExecutionStartedEventAttributes_INIT;
    PbStartChildWorkflowExecutionInitiatedEventAttributes initiated =
        PbStartChildWorkflowExecutionInitiatedEventAttributes_INIT;

    run_task_as(&bed, "d:1", PINNED, 3);
    initiated.task_queue = normal_task_queue(bed.arena, "queue");
    initiated.versioning_override = override_of(&bed, "auto");
    inherit_by_child(bed_begin(&bed), &initiated, true, &started);
    ck_assert_str_eq(inheritance_of(&bed, &started), "override auto");
}
END_TEST

START_TEST(a_retry_keeps_an_inherited_pin)
{
    bed.started->inherited_pinned_version = version_of(&bed, "d:1");
    bed.started->declined_target_version_upgrade = ARENA_NEW_PB(bed.arena, PbDeclinedTargetVersionUpgrade);
    bed.started->declined_target_version_upgrade->deployment_version = version_of(&bed, "d:2");
    bed.started->declined_target_version_upgrade->revision_number = 5;
    run_task_as(&bed, "d:1", PINNED, 3);
    ck_assert_str_eq(inherited(RETRIED, "queue"), "pinned d:1, declined d:2 rev 5");
    ck_assert_str_eq(inherited(CRON, "queue"), "declined d:2 rev 5"); /* as the real server writes it */
}
END_TEST

START_TEST(who_stays_declines)
{
    run_task_as(&bed, "d:1", PINNED, 3);
    bed_signal(&bed, "next");
    poll_as(&bed, "d:1", "d:2", 4);
    complete_as(&bed, "d:1", PINNED);
    ck_assert_str_eq(inherited(CONTINUED, "queue"), "pinned d:1, declined d:2 rev 4");
    ck_assert_str_eq(inherited(UPGRADED, "queue"), "upgraded d:1 rev 3 upgrading");
    ck_assert_str_eq(inherited(CHILD, "queue"), "pinned d:1");
}
END_TEST

/* ---- in use ---- */

static void complete_with(const char *version, PbVersioningBehavior behavior, PbCommand *command)
{
    PbRespondWorkflowTaskCompletedRequest *request = completion_as(&bed, version, behavior);

    request->n_commands = 1;
    request->commands = &command;
    ck_assert_str_eq(bed_complete_with(&bed, request), "");
}

START_TEST(a_run_continues_as_new)
{
    PbCommand *command = continue_as_new(&bed);

    command->continue_as_new_workflow_execution_command_attributes->initial_versioning_behavior =
        CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_AUTO_UPGRADE;
    poll_as(&bed, "d:1", "d:1", 3);
    complete_with("d:1", PINNED, command); /* of this very completion's behaviour */
    ck_assert_str_eq(inheritance_of(&bed, bed.t.successor->started), "upgraded d:1 rev 3 upgrading");
}
END_TEST

START_TEST(a_run_continues_as_new_where_it_is)
{
    poll_as(&bed, "d:1", "d:1", 3);
    complete_with("d:1", PINNED, continue_as_new(&bed));
    ck_assert_str_eq(inheritance_of(&bed, bed.t.successor->started), "pinned d:1");
}
END_TEST

START_TEST(a_satisfied_override_is_not_inherited)
{
    set_override(&bed, "one-time d:2");
    poll_as(&bed, "d:2", "d:1", 3);
    complete_with("d:2", AUTO_UPGRADE, continue_as_new(&bed));
    ck_assert_str_eq(inheritance_of(&bed, bed.t.successor->started), ""); /* no revision has moved it */
}
END_TEST

START_TEST(a_failed_run_is_tried_again)
{
    PbWorkflowExecutionStartedEventAttributes *started = bed_started(&bed);

    mutable_state_free(bed.ms);
    bed.ms = mutable_state_new();
    bed.log_count = 0;
    started->retry_policy = retry_policy_complete(bed.arena, ARENA_NEW_PB(bed.arena, PbRetryPolicy));
    started->inherited_pinned_version = version_of(&bed, "d:1");
    bed_start(&bed, started);
    poll_as(&bed, "d:1", "d:1", 3);
    complete_with("d:1", PINNED, fail_workflow(&bed, application_failure(&bed, "t", false)));
    ck_assert_int_eq(bed.t.successor->started->initiator, CONTINUE_AS_NEW_INITIATOR_RETRY);
    ck_assert_str_eq(inheritance_of(&bed, bed.t.successor->started), "pinned d:1");
}
END_TEST

START_TEST(a_child_is_started_with_an_override)
{
    PbCommand *command = start_child(&bed, "child");
    PbStartChildWorkflowExecutionCommandAttributes *want = command->start_child_workflow_execution_command_attributes;

    want->versioning_override = ARENA_NEW_PB(bed.arena, PbVersioningOverride);
    want->versioning_override->behavior = AUTO_UPGRADE; /* the older form */
    poll_as(&bed, "d:1", "d:1", 3);
    complete_with("d:1", PINNED, command);
    ck_assert(ATTRIBUTES_OF(&bed, 5, start_child_workflow_execution_initiated)->versioning_override->auto_upgrade);
    ck_assert_int_eq(ATTRIBUTES_OF(&bed, 5, start_child_workflow_execution_initiated)->versioning_override->behavior,
                     UNSPECIFIED);
}
END_TEST

START_TEST(a_childs_override_may_be_wrong)
{
    PbCommand *command = start_child(&bed, "child");
    PbRespondWorkflowTaskCompletedRequest *request = completion_as(&bed, "d:1", PINNED);

    command->start_child_workflow_execution_command_attributes->versioning_override =
        ARENA_NEW_PB(bed.arena, PbVersioningOverride);
    request->n_commands = 1;
    request->commands = &command;
    poll_as(&bed, "d:1", "d:1", 3);
    ck_assert_str_eq(bed_complete_with(&bed, request),
                     "BadStartChildExecutionAttributes: override behavior is required");
}
END_TEST

/* ---- resets ---- */

START_TEST(a_reset_brings_the_override_along)
{
    static const struct reset_exclusions none;
    struct bed made;

    run_task_as(&bed, "d:1", PINNED, 3);
    bed_signal(&bed, "next");
    set_override(&bed, "pinned d:2"); /* event 7 */
    EXPECT_EVENTS(&bed, 4, "4 C, 5 WorkflowExecutionSignaled, 6 S1, 7 WorkflowExecutionOptionsUpdated");
    bed_open(&made);
    made.log = ARENA_NEW_ARRAY(made.arena, PbHistoryEvent *, 3);
    made.log_capacity = 3;
    for (; made.log_count < 3; made.log_count++) {
        made.log[made.log_count] = pb_copy(made.arena, bed.log[made.log_count]);
        ck_assert_int_eq(mutable_state_apply(made.ms, made.log[made.log_count]), INTACT);
    }
    reset_begin(bed_begin(&made), "base", "why");
    reset_reapply(&made.t, bed.log[6], &none);
    reset_finish(&made.t);
    bed_commit(&made);
    EXPECT_EVENTS(&made, 4, "4 F, 5 WorkflowExecutionOptionsUpdated, 6 S1");
    EXPECT_VERSIONING(&made, "Unspecified none (override pinned d:2)"); /* what completions have said is gone */
    EXPECT_ATTRIBUTES(&made, "[\"pinned:d:2\"] \"d\" \"d:2\" \"Pinned\"");
    bed_close(&made);
}
END_TEST

START_TEST(a_reset_keeps_what_was_completed)
{
    struct bed made;

    run_task_as(&bed, "d:1", PINNED, 3);
    bed_signal(&bed, "next"); /* events 5, 6 */
    bed_open(&made);
    made.log = ARENA_NEW_ARRAY(made.arena, PbHistoryEvent *, 6);
    made.log_capacity = 6;
    for (; made.log_count < 6; made.log_count++) {
        made.log[made.log_count] = pb_copy(made.arena, bed.log[made.log_count]);
        ck_assert_int_eq(mutable_state_apply(made.ms, made.log[made.log_count]), INTACT);
    }
    reset_begin(bed_begin(&made), "base", "why");
    reset_finish(&made.t);
    bed_commit(&made);
    EXPECT_VERSIONING(&made, "Pinned d:1"); /* without the revision, which no event has */
    ck_assert(!ATTRIBUTES_OF(&made, 7, workflow_task_started)->target_worker_deployment_version_changed);
    bed_close(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("inheritance");
    TCase *tcase = tcase_create("inheritance");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, what_each_heir_inherits, 0, LENGTH_OF(MATRIX));
    tcase_add_test(tcase, a_run_without_versions_has_nothing_to_give);
    tcase_add_test(tcase, without_a_revision_there_is_no_upgrade_to_inherit);
    tcase_add_test(tcase, a_child_in_another_namespace_inherits_nothing);
    tcase_add_test(tcase, a_childs_own_override_is_all_it_gets);
    tcase_add_test(tcase, a_retry_keeps_an_inherited_pin);
    tcase_add_test(tcase, who_stays_declines);
    tcase_add_test(tcase, a_run_continues_as_new);
    tcase_add_test(tcase, a_run_continues_as_new_where_it_is);
    tcase_add_test(tcase, a_satisfied_override_is_not_inherited);
    tcase_add_test(tcase, a_failed_run_is_tried_again);
    tcase_add_test(tcase, a_child_is_started_with_an_override);
    tcase_add_test(tcase, a_childs_override_may_be_wrong);
    tcase_add_test(tcase, a_reset_brings_the_override_along);
    tcase_add_test(tcase, a_reset_keeps_what_was_completed);
    suite_add_tcase(suite, tcase);
    return bed_run(suite);
}
