/* Deployments and matching as the server puts them together: what is done to deployments moves what waits. */
#include <check.h>

#include "bed.h"
#include "matching/deployments.h"

static struct bed bed;
static struct deployments *deployments;
static struct arena *arena;

static const struct deployments_limits LIMITS = {
    .deployments_max = 100,
    .versions_max = 100,
    .version_queues_max = 100,
    .queue_versions_max = 200,
};

static void answer_routing(const void *context, const struct queue_name *queue, struct queue_routing *ret_routing)
{
    deployments_routing(context, queue, ret_routing);
}

static bool answer_has_queue(const void *context, const struct queue_name *queue, const struct queue_version *version)
{
    return deployments_version_has_queue(context, queue->namespace_id, version, queue->type, queue->name);
}

static void routing_changed(void *context, const struct queue_name *queue)
{
    struct bed *of = context;

    matching_reroute(of->matching, queue);
}

static void setup(void)
{
    struct matching_ports ports = {
        .engine = &bed,
        .start = bed_start,
        .give_back = bed_give_back,
        .routing = answer_routing,
        .version_has_queue = answer_has_queue,
    };

    bed_open(&bed);
    matching_free(bed.matching);
    arena = arena_new(1024);
    ports.deployments = deployments = deployments_new(&LIMITS);
    bed.matching = matching_new(&ports, bed.clock);
    deployments_set_listener(deployments, routing_changed, &bed);
}

static void teardown(void)
{
    bed_close(&bed);
    deployments_free(deployments);
    arena_free(arena);
}

static void enter(const struct queue_name *queue, const struct queue_version *version)
{
    clock_advance(bed.clock, 1);
    ck_assert(status_is_ok(deployments_register(deployments, arena, queue, version, clock_now(bed.clock))));
}

static void set_current(const char *build_id)
{
    struct routing_change change = {
        .namespace_id = 1, .name = "shop", .build_id = build_id, .identity = "ops", .ignores_missing_queues = true};
    struct routing_before before;

    clock_advance(bed.clock, 1);
    ck_assert(status_is_ok(deployments_set_current(deployments, arena, &change, clock_now(bed.clock), &before)));
}

static void add(const struct queue_name *queue, const struct queue_version *pin, int64_t run)
{
    struct task_binding binding = {.is_pinned = pin != NULL, .workflow_id = "w"};
    struct task task = bed_task(queue->type == QUEUE_WORKFLOW ? TASK_WORKFLOW : TASK_ACTIVITY, run);

    if (pin != NULL)
        binding.version = *pin;
    ck_assert(matching_add(bed.matching, queue, &binding, &task));
}

static bool is_for(const struct queue_name *queue, const struct queue_version *version)
{
    static const struct queue_version none;
    struct poll poll = {.identity = "w", .version = version != NULL ? *version : none};

    if (matching_poll(bed.matching, queue, &poll))
        return true;
    matching_remove_poll(bed.matching, &poll, true);
    return false;
}

START_TEST(what_waits_goes_where_the_deployment_says)
{
    add(&WORK, NULL, 1);
    add(&WORK, NULL, 2);
    enter(&WORK, &V1);
    enter(&WORK, &V2);
    ck_assert(!is_for(&WORK, &V1));
    set_current("1");
    ck_assert(!is_for(&WORK, NULL));
    ck_assert(is_for(&WORK, &V1));
    set_current("2");
    ck_assert(!is_for(&WORK, &V1));
    ck_assert(is_for(&WORK, &V2));
    add(&WORK, NULL, 3);
    set_current("");
    ck_assert(!is_for(&WORK, &V2));
    ck_assert(is_for(&WORK, NULL));
}
END_TEST

START_TEST(a_queue_that_enters_the_current_version_is_routed_at_once)
{
    enter(&WORK, &V1);
    set_current("1");
    add(&ACTIVITIES, NULL, 1);
    ck_assert(!is_for(&ACTIVITIES, &V1));
    enter(&ACTIVITIES, &V1);
    ck_assert(!is_for(&ACTIVITIES, NULL));
    ck_assert(is_for(&ACTIVITIES, &V1));
}
END_TEST

START_TEST(a_stray_activity_comes_home_though_routing_stays_the_same)
{
    enter(&ACTIVITIES, &V2);
    set_current("2");
    enter(&WORK, &V1);
    add(&ACTIVITIES, &V1, 1);
    add(&ACTIVITIES, &V1, 2);
    ck_assert(is_for(&ACTIVITIES, &V2));
    enter(&ACTIVITIES, &V1);
    ck_assert(!is_for(&ACTIVITIES, &V2));
    ck_assert(is_for(&ACTIVITIES, &V1));
}
END_TEST

START_TEST(what_a_deleted_version_was_to_do_goes_astray)
{
    enter(&ACTIVITIES, &V1);
    add(&ACTIVITIES, &V1, 1);
    clock_advance(bed.clock, 1);
    ck_assert(status_is_ok(deployments_delete_version(deployments, arena, 1, &V1, true, "ops", clock_now(bed.clock))));
    ck_assert(!is_for(&ACTIVITIES, &V1));
    ck_assert(is_for(&ACTIVITIES, NULL));
}
END_TEST

START_TEST(what_was_undone_has_no_effect)
{
    enter(&WORK, &V1); /* and nothing else is known of these */
    set_current("1");
    add(&WORK, NULL, 1);
    deployments_undo(deployments);
    matching_reroute_all(bed.matching);
    ck_assert(!is_for(&WORK, &V1));
    ck_assert(is_for(&WORK, NULL));

    enter(&WORK, &V1);
    deployments_confirm(deployments);
    set_current("1");
    add(&WORK, NULL, 2);
    deployments_undo(deployments);
    matching_reroute_all(bed.matching);
    ck_assert(is_for(&WORK, NULL));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("versions together");
    TCase *tcase = tcase_create("versions together");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_waits_goes_where_the_deployment_says);
    tcase_add_test(tcase, a_queue_that_enters_the_current_version_is_routed_at_once);
    tcase_add_test(tcase, a_stray_activity_comes_home_though_routing_stays_the_same);
    tcase_add_test(tcase, what_a_deleted_version_was_to_do_goes_astray);
    tcase_add_test(tcase, what_was_undone_has_no_effect);
    suite_add_tcase(suite, tcase);
    return bed_run(suite);
}
