/* Messages in arenas. */
#include "proto/pb.h"

#include <check.h>
#include <string.h>

static struct arena *arena;

static void make_arena(void)
{
    arena = arena_new(256);
}

static void free_arena(void)
{
    arena_free(arena);
}

static PbWorkflowExecution *execution(const char *workflow_id, const char *run_id)
{
    PbWorkflowExecution *made = ARENA_NEW_PB(arena, PbWorkflowExecution);

    made->workflow_id = workflow_id;
    made->run_id = run_id;
    return made;
}

START_TEST(a_new_message_has_its_defaults)
{
    PbStartWorkflowExecutionRequest *start = ARENA_NEW_PB(arena, PbStartWorkflowExecutionRequest);

    ck_assert_ptr_eq(start->base.descriptor, &PbStartWorkflowExecutionRequest_descriptor);
    ck_assert_str_eq(start->workflow_id, "");
    ck_assert_ptr_null(start->input);
    ck_assert_uint_eq(start->n_completion_callbacks, 0);
    ck_assert_int_eq(start->workflow_id_reuse_policy, WORKFLOW_ID_REUSE_POLICY_UNSPECIFIED);
}
END_TEST

START_TEST(what_is_packed_unpacks)
{
    struct bytes packed = pb_pack(arena, execution("order-1", "run"));
    PbWorkflowExecution *read = pb_unpack(arena, &PbWorkflowExecution_descriptor, packed.data, packed.len);

    ck_assert_ptr_nonnull(read);
    ck_assert_str_eq(read->workflow_id, "order-1");
    ck_assert_str_eq(read->run_id, "run");
    ck_assert_ptr_null(pb_unpack(arena, &PbWorkflowExecution_descriptor, packed.data, packed.len - 1));
}
END_TEST

START_TEST(an_empty_message_packs_to_nothing)
{
    struct bytes packed = pb_pack(arena, ARENA_NEW_PB(arena, PbWorkflowExecution));

    ck_assert_uint_eq(packed.len, 0);
    ck_assert_ptr_nonnull(pb_unpack(arena, &PbWorkflowExecution_descriptor, NULL, 0));
}
END_TEST

START_TEST(a_copy_shares_nothing)
{
    char id[] = "order-1";
    PbWorkflowExecution *original = execution(id, "run");
    PbWorkflowExecution *copy = pb_copy(arena, original);

    id[0] = 'X';
    ck_assert_str_eq(copy->workflow_id, "order-1");
    ck_assert_ptr_null(pb_copy(arena, NULL));
}
END_TEST

START_TEST(an_any_gives_back_what_was_put_in)
{
    PbAny *any = pb_pack_any(arena, execution("order-1", ""));
    PbWorkflowExecution *read = pb_unpack_any(arena, &PbWorkflowExecution_descriptor, any);

    ck_assert_str_eq(any->type_url, "type.googleapis.com/temporal.api.common.v1.WorkflowExecution");
    ck_assert_str_eq(read->workflow_id, "order-1");
    any->type_url = "example.com/types/temporal.api.common.v1.WorkflowExecution";
    ck_assert_ptr_nonnull(pb_unpack_any(arena, &PbWorkflowExecution_descriptor, any));
}
END_TEST

START_TEST(an_any_of_something_else_is_refused)
{
    PbAny *any = pb_pack_any(arena, execution("order-1", ""));

    ck_assert_ptr_null(pb_unpack_any(arena, &PbWorkflowType_descriptor, any));
    ck_assert_ptr_null(pb_unpack_any(arena, &PbWorkflowExecution_descriptor, NULL));
    any->value.len--;
    ck_assert_ptr_null(pb_unpack_any(arena, &PbWorkflowExecution_descriptor, any));
    any->type_url = "temporal.api.common.v1.WorkflowExecution"; /* without a slash it is not a type URL */
    ck_assert_ptr_null(pb_unpack_any(arena, &PbWorkflowExecution_descriptor, any));
}
END_TEST

START_TEST(unknown_fields_survive_a_copy)
{
    static const uint8_t newer[] = {0x0A, 0x01, 'a', 0xFA, 0x3F, 0x02, 'h', 'i'}; /* field 1023, of a later API */
    PbWorkflowExecution *read = pb_unpack(arena, &PbWorkflowExecution_descriptor, newer, sizeof(newer));
    struct bytes again = pb_pack(arena, pb_copy(arena, read));

    ck_assert_uint_eq(again.len, sizeof(newer));
    ck_assert_mem_eq(again.data, newer, sizeof(newer));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("pb");
    Suite *suite = suite_create("proto/pb");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(cases, make_arena, free_arena);
    tcase_add_test(cases, a_new_message_has_its_defaults);
    tcase_add_test(cases, what_is_packed_unpacks);
    tcase_add_test(cases, an_empty_message_packs_to_nothing);
    tcase_add_test(cases, a_copy_shares_nothing);
    tcase_add_test(cases, an_any_gives_back_what_was_put_in);
    tcase_add_test(cases, an_any_of_something_else_is_refused);
    tcase_add_test(cases, unknown_fields_survive_a_copy);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
