/* The table of all RPCs: complete, sorted, and found again. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "server/rpc_table.h"

START_TEST(every_rpc_is_found_by_its_path)
{
    const struct rpc *rpc = &rpc_table[_i];

    ck_assert_ptr_eq(rpc_find(rpc->path, strlen(rpc->path)), rpc);
    ck_assert_ptr_null(rpc_find(rpc->path, strlen(rpc->path) - 1));
    ck_assert(rpc_service_exists(rpc->service, strlen(rpc->service)));
    ck_assert(_i == 0 || strcmp(rpc_table[_i - 1].path, rpc->path) < 0);
    ck_assert_ptr_nonnull(rpc->request);
    ck_assert_ptr_nonnull(rpc->response);
    ck_assert(strncmp(rpc->path + 1, rpc->service, strlen(rpc->service)) == 0);
}
END_TEST

START_TEST(other_paths_are_not_found)
{
    static const char *const paths[] = {"", "/", "x", "/grpc.health.v1.Health/", "/grpc.health.v1.Health/Checks", "/~"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        ck_assert_ptr_null(rpc_find(paths[i], strlen(paths[i])));
    ck_assert_ptr_null(rpc_find("/grpc.health.v1.Health/Check\0x", 30));
    ck_assert(!rpc_service_exists("grpc.health.v1.Healt", 20));
    ck_assert(!rpc_service_exists("", 0));
}
END_TEST

START_TEST(handlers_are_found_by_name)
{
    const char *check = "/grpc.health.v1.Health/Check", *watch = "/grpc.health.v1.Health/Watch";

    ck_assert(rpc_is_implemented(rpc_find(check, strlen(check))));
    ck_assert_int_eq(rpc_find(check, strlen(check))->kind, UNARY);
    ck_assert_int_eq(rpc_find(watch, strlen(watch))->kind, SERVER_STREAM);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("RPC table");
    TCase *tcase = tcase_create("table");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tcase, every_rpc_is_found_by_its_path, 0, (int)rpc_table_count);
    tcase_add_test(tcase, other_paths_are_not_found);
    tcase_add_test(tcase, handlers_are_found_by_name);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
