/* What is configured for task queues: it comes back from a file, and a commit that fails takes it back. */
#include "server/services/task_queue_configs.h"

#include <check.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/rand.h"
#include "persistence/store.h"
#include "proto/pb.h"
#include "server/engine/engine.h"
#include "server/options.h"
#include "server/server.h"
#include "server/services/deployments.h"
#include "server/turn.h"

static const struct queue_name QUEUE = {.namespace_id = 2, .type = QUEUE_ACTIVITY, .name = "work"};

static struct arena *arena;
static struct options options;
static struct server server;

static void open_server(const char *path)
{
    struct store_options store_options = {.path = path};

    server = (struct server){.options = &options, .clock = clock_new(seconds(1000)), .rand = rand_new(1)};
    server.timers = timers_new();
    ck_assert(status_is_ok(store_open(arena, &store_options, &server.store)));
    server.turn = turn_new(&server);
    dynamic_config_init(&options.config);
    ck_assert(status_is_ok(deployment_service_new(&server, &server.deployment_service)));
    ck_assert(status_is_ok(task_queue_configs_new(&server)));
    server.engine = engine_new(&server);
    ck_assert(status_is_ok(store_commit(server.store, arena)));
    log_configure(LOG_NEVER, false);
}

static void close_server(void)
{
    engine_free(server.engine);
    task_queue_configs_free(server.task_queue_configs);
    deployment_service_free(server.deployment_service);
    turn_free(server.turn);
    store_close(server.store);
    timers_free(server.timers);
    rand_free(server.rand);
    clock_free(server.clock);
}

static void set_up(void)
{
    arena = arena_new(4096);
}

static void tear_down(void)
{
    arena_free(arena);
}

static void set_rate(const struct queue_name *queue, float rate)
{
    PbTaskQueueConfig config = PbTaskQueueConfig_INIT;
    PbRateLimitConfig limit = PbRateLimitConfig_INIT;
    PbRateLimit per_second = PbRateLimit_INIT;

    per_second.requests_per_second = rate;
    limit.rate_limit = &per_second;
    config.queue_rate_limit = &limit;
    task_queue_configs_set(server.task_queue_configs, queue, &config);
}

static double rate_of(const struct queue_name *queue)
{
    struct queue_rate rate = matching_rate(server.matching, queue);

    return rate.source == RATE_CONFIGURED ? rate.per_second : -1;
}

START_TEST(a_queue_is_told_from_its_namesakes)
{
    const struct queue_name nexus = {.namespace_id = 2, .type = QUEUE_NEXUS, .name = "work"};
    const struct queue_name elsewhere = {.namespace_id = 3, .type = QUEUE_ACTIVITY, .name = "work"};

    open_server(NULL);
    set_rate(&QUEUE, 5);
    turn_end(server.turn);
    ck_assert_double_eq(rate_of(&QUEUE), 5);
    ck_assert_double_eq(rate_of(&nexus), -1);
    ck_assert_double_eq(rate_of(&elsewhere), -1);
    close_server();
}
END_TEST

START_TEST(it_is_there_again_after_a_restart)
{
    char folder[] = "/tmp/fermata-configs-XXXXXX";
    const char *path;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    path = arena_printf(arena, "%s/test.db", folder);
    open_server(path);
    set_rate(&QUEUE, 5);
    set_rate(&QUEUE, 7);
    turn_end(server.turn);
    close_server();
    open_server(path);
    ck_assert_double_eq(rate_of(&QUEUE), 7);
    close_server();
    ck_assert_int_eq(system(arena_printf(arena, "rm -r %s", folder)), 0);
}
END_TEST

START_TEST(a_commit_that_fails_takes_it_back)
{
    const struct queue_name other = {.namespace_id = 2, .type = QUEUE_ACTIVITY, .name = "other"};

    open_server(NULL);
    set_rate(&QUEUE, 5);
    turn_end(server.turn);
    set_rate(&QUEUE, 6);
    set_rate(&QUEUE, 7);
    set_rate(&other, 8);
    store_poison(server.store);
    turn_end(server.turn);
    ck_assert_double_eq(rate_of(&QUEUE), 5);
    ck_assert_ptr_null(task_queue_configs_find(server.task_queue_configs, &other));
    close_server();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("task_queue_configs");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_queue_is_told_from_its_namesakes);
    tcase_add_test(tcase, it_is_there_again_after_a_restart);
    tcase_add_test(tcase, a_commit_that_fails_takes_it_back);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
