/* What is generated from the API's descriptors: the RPC table and the embedded files keep what their readers rely on.
 */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/api.h"
#include "proto/descriptor_files.h"

struct row {
    const char *service, *method, *handler;
    const ProtobufCMessageDescriptor *request, *response;
};

static const struct row rows[] = {
#define RPC(short_name, service, method, handler, request, response, kind) \
    {service, #method, #handler, &request##_descriptor, &response##_descriptor},
#include "proto/rpc_table.def"
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const struct row *find_row(const char *service, const char *method)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].service, service) == 0 && strcmp(rows[i].method, method) == 0)
            return &rows[i];
    return NULL;
}

START_TEST(rpcs_are_sorted_by_path)
{
    char previous[256] = "";

    for (size_t i = 0; i < ROWS; i++) {
        char path[256];

        snprintf(path, sizeof(path), "/%s/%s", rows[i].service, rows[i].method);
        ck_assert_str_lt(previous, path);
        memcpy(previous, path, sizeof(path));
    }
}
END_TEST

START_TEST(rpcs_have_their_types_and_handlers)
{
    const struct row *start = find_row("temporal.api.workflowservice.v1.WorkflowService", "StartWorkflowExecution");
    const struct row *sleep = find_row("temporal.api.testservice.v1.TestService", "UnlockTimeSkippingWithSleep");

    ck_assert_ptr_nonnull(start);
    ck_assert_str_eq(start->handler, "rpc_start_workflow_execution");
    ck_assert_ptr_eq(start->request, &PbStartWorkflowExecutionRequest_descriptor);
    ck_assert_str_eq(start->response->name, "temporal.api.workflowservice.v1.StartWorkflowExecutionResponse");
    ck_assert_ptr_nonnull(sleep);
    ck_assert_str_eq(sleep->handler, "rpc_test_unlock_time_skipping_with_sleep");
    ck_assert_ptr_eq(sleep->request, &PbSleepRequest_descriptor);
}
END_TEST

/* Release 1.32.0 of the server that we are compatible with serves these; an older package of descriptors lacks them. */
START_TEST(the_api_is_recent_enough)
{
    static const char *const methods[] = {
        "PauseWorkflowExecution",       "DescribeWorker",
        "StartNexusOperationExecution", "PollWorkflowExecutionTimeSkipping",
        "CreateWorkerDeployment",       "UpdateWorkflowExecutionOptions",
    };

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        ck_assert_msg(find_row("temporal.api.workflowservice.v1.WorkflowService", methods[i]) != NULL, "%s",
                      methods[i]);
}
END_TEST

START_TEST(both_reflections_share_a_handler)
{
    const struct row *v1 = find_row("grpc.reflection.v1.ServerReflection", "ServerReflectionInfo");
    const struct row *alpha = find_row("grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo");

    ck_assert_str_eq(v1->handler, alpha->handler);
    ck_assert_ptr_eq(v1->request, alpha->request);
}
END_TEST

START_TEST(every_rpc_is_an_embedded_symbol)
{
    for (size_t i = 0; i < ROWS; i++) {
        char symbol[256];
        const struct descriptor_file *by_method, *by_service;

        snprintf(symbol, sizeof(symbol), "%s.%s", rows[i].service, rows[i].method);
        by_method = descriptor_file_by_symbol(symbol);
        by_service = descriptor_file_by_symbol(rows[i].service);
        ck_assert_ptr_nonnull(by_method);
        ck_assert_ptr_eq(by_method, by_service);
    }
}
END_TEST

START_TEST(embedded_tables_are_sorted_and_closed)
{
    for (size_t i = 1; i < descriptor_files_count; i++)
        ck_assert_str_lt(descriptor_files[i - 1].name, descriptor_files[i].name);
    for (size_t i = 1; i < descriptor_symbols_count; i++)
        ck_assert_str_lt(descriptor_symbols[i - 1].name, descriptor_symbols[i].name);
    for (size_t i = 0; i < descriptor_files_count; i++) {
        ck_assert_uint_gt(descriptor_files[i].len, 0);
        ck_assert_ptr_eq(descriptor_file_by_name(descriptor_files[i].name), &descriptor_files[i]);
        for (size_t k = 0; k < descriptor_files[i].imports_count; k++)
            ck_assert_uint_lt(descriptor_files[i].imports[k], descriptor_files_count);
    }
}
END_TEST

START_TEST(what_is_not_embedded_is_not_found)
{
    ck_assert_ptr_null(descriptor_file_by_symbol("temporal.api.workflowservice.v1.WorkflowService.NoSuchMethod"));
    ck_assert_ptr_null(descriptor_file_by_symbol("fermata.v1.RunVolatile"));
    ck_assert_ptr_null(descriptor_file_by_name("fermata/run.proto"));
    ck_assert_ptr_null(descriptor_file_by_name(""));
    ck_assert_ptr_nonnull(descriptor_file_by_symbol("temporal.api.enums.v1.EventType"));
    ck_assert_ptr_nonnull(descriptor_file_by_symbol("temporal.api.common.v1.Payload.MetadataEntry"));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("generated");
    Suite *suite = suite_create("proto/generated");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(cases, rpcs_are_sorted_by_path);
    tcase_add_test(cases, rpcs_have_their_types_and_handlers);
    tcase_add_test(cases, the_api_is_recent_enough);
    tcase_add_test(cases, both_reflections_share_a_handler);
    tcase_add_test(cases, every_rpc_is_an_embedded_symbol);
    tcase_add_test(cases, embedded_tables_are_sorted_and_closed);
    tcase_add_test(cases, what_is_not_embedded_is_not_found);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
