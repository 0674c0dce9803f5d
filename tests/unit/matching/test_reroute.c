/* Tasks of versioned workflows: which queue they wait in, and what happens to them when routing changes. */
#include <check.h>

#include "base/fingerprint.h"
#include "bed.h"
#include "matching/backlog.h"

static struct bed bed;

static void setup(void)
{
    bed_open(&bed);
}

static void teardown(void)
{
    bed_close(&bed);
}

static const struct queue_version NONE = {0};

/* "ramp-wf-1" is at 18.28 %, "ramp-wf-0" at 94.79 %. */
#define LOW  "ramp-wf-1"
#define HIGH "ramp-wf-0"

/* Sets the routing of "work" and tells of it. */
static void route(const struct queue_version *current, const struct queue_version *ramping, double percentage)
{
    bed.routing = (struct queue_routing){
        .is_known = true,
        .current.version = *current,
        .has_ramping = ramping != NULL,
        .ramping.version = ramping != NULL ? *ramping : NONE,
        .ramp_percentage = percentage,
    };
    matching_reroute(bed.matching, &WORK);
    matching_reroute(bed.matching, &ACTIVITIES);
}

static void add_bound(const struct queue_name *queue, const struct task_binding *binding, int64_t run)
{
    struct task task = bed_task(queue->type == QUEUE_WORKFLOW ? TASK_WORKFLOW : TASK_ACTIVITY, run);

    clock_advance(bed.clock, 1);
    task.created = clock_now(bed.clock);
    ck_assert(matching_add(bed.matching, queue, binding, &task));
}

static void add(const struct queue_name *queue, const char *workflow_id, int64_t run)
{
    struct task_binding binding = {.workflow_id = workflow_id};

    add_bound(queue, &binding, run);
}

static void add_pinned(const struct queue_name *queue, const struct queue_version *version, int64_t run)
{
    struct task_binding binding = {.is_pinned = true, .version = *version, .workflow_id = LOW};

    add_bound(queue, &binding, run);
}

static void add_query(const struct task_binding *binding, int64_t run)
{
    struct task task = bed_task(TASK_QUERY, run);

    clock_advance(bed.clock, 1);
    task.created = clock_now(bed.clock);
    ck_assert(matching_add(bed.matching, &WORK, binding, &task));
}

/* Polls that leave as soon as they have nothing; which runs they were given, as bed_starts. */
static const char *taken_by(const struct queue_name *queue, const struct queue_version *version)
{
    bed.starts_count = 0;
    for (;;) {
        struct poll poll = {.identity = "w", .version = *version};

        if (!matching_poll(bed.matching, queue, &poll)) {
            matching_remove_poll(bed.matching, &poll, true);
            return bed_starts(&bed);
        }
    }
}

/* ---- where a task goes ---- */

START_TEST(work_goes_to_the_current_version)
{
    struct poll unversioned = {.identity = "u"}, v1 = {.identity = "1", .version = V1};

    route(&V1, NULL, 0);
    matching_poll(bed.matching, &WORK, &unversioned);
    matching_poll(bed.matching, &WORK, &v1);
    add(&WORK, LOW, 1);
    ck_assert_ptr_eq(bed.starts[0].poll, &v1);
    add(&WORK, LOW, 2);
    ck_assert_str_eq(bed_starts(&bed), "1");
    ck_assert_str_eq(taken_by(&WORK, &V2), "");
    ck_assert_str_eq(taken_by(&WORK, &V1), "2*");
    matching_remove_poll(bed.matching, &unversioned, true);
}
END_TEST

START_TEST(a_ramp_divides_work_by_workflow_id)
{
    struct task_binding asking = {.workflow_id = HIGH, .use_ramping = true};

    route(&V1, &V2, 40);
    add(&WORK, LOW, 1);
    add(&WORK, HIGH, 2);
    add_bound(&WORK, &asking, 3);
    add(&ACTIVITIES, LOW, 4);
    ck_assert_str_eq(taken_by(&WORK, &V1), "2*");
    ck_assert_str_eq(taken_by(&WORK, &V2), "1* 3*");
    ck_assert_str_eq(taken_by(&ACTIVITIES, &V1), "");
    ck_assert_str_eq(taken_by(&ACTIVITIES, &V2), "4*");
}
END_TEST

START_TEST(tasks_without_a_workflow_are_spread_over_a_ramp)
{
    struct queue_name nexus = {.namespace_id = 1, .type = QUEUE_NEXUS, .name = "work"};
    int64_t ramped;

    route(&V1, &V2, 25);
    for (int64_t run = 0; run < 1000; run++)
        add_bound(&nexus, NULL, run);
    taken_by(&nexus, &V2);
    ramped = (int64_t)bed.starts_count;
    ck_assert_msg(ramped > 200 && ramped < 300, "%lld of 1000", (long long)ramped);
    taken_by(&nexus, &V1);
    ck_assert_int_eq((int64_t)bed.starts_count, 1000 - ramped);
}
END_TEST

START_TEST(a_pinned_task_and_others_leave_by_priority_and_age)
{
    struct task urgent = bed_task(TASK_WORKFLOW, 9);
    struct task_binding pinned = {.is_pinned = true, .version = V1};

    route(&V1, NULL, 0);
    add(&WORK, LOW, 1);
    add_pinned(&WORK, &V1, 2);
    add_pinned(&WORK, &V1, 3);
    add(&WORK, LOW, 4);
    urgent.priority = 1;
    urgent.created = clock_now(bed.clock);
    ck_assert(matching_add(bed.matching, &WORK, &pinned, &urgent));
    ck_assert_str_eq(taken_by(&WORK, &V1), "9* 1* 2* 3* 4*");
}
END_TEST

/* ---- when routing changes ---- */

START_TEST(what_waits_follows_routing)
{
    add(&WORK, LOW, 1);
    add(&WORK, HIGH, 2);
    add_pinned(&WORK, &V1, 3);
    route(&V1, NULL, 0);
    ck_assert_str_eq(taken_by(&WORK, &NONE), "");
    route(&V2, NULL, 0);
    route(&V2, &V3, 40);
    ck_assert_str_eq(taken_by(&WORK, &V1), "3*");
    ck_assert_str_eq(taken_by(&WORK, &V3), "1*");
    route(&NONE, NULL, 0);
    ck_assert_str_eq(taken_by(&WORK, &V2), "");
    ck_assert_str_eq(taken_by(&WORK, &NONE), "2*");
}
END_TEST

START_TEST(a_poll_that_waits_gets_what_comes_to_its_version)
{
    struct poll v2 = {.identity = "2", .version = V2}, another = {.identity = "3", .version = V2};

    route(&V1, NULL, 0);
    matching_poll(bed.matching, &WORK, &v2);
    matching_poll(bed.matching, &WORK, &another);
    for (int64_t run = 1; run <= 3; run++)
        add(&WORK, LOW, run);
    bed.stale_below = 2;
    route(&V2, NULL, 0);
    ck_assert_str_eq(bed_starts(&bed), "2* 3*");
    ck_assert_ptr_eq(bed.starts[0].poll, &v2);
    ck_assert_ptr_eq(bed.starts[1].poll, &another);
    ck_assert_int_eq(matching_stats(bed.matching, &WORK).backlog_count, 0);
}
END_TEST

static void add_the_next_run(struct bed *started, const struct task *task)
{
    (void)started;
    if (task->run < 5)
        add(&WORK, LOW, task->run + 1);
}

START_TEST(what_is_added_meanwhile_follows_too)
{
    struct poll polls[3] = {
        {.identity = "1", .version = V2}, {.identity = "2", .version = V2}, {.identity = "3", .version = V2}};

    route(&V1, NULL, 0);
    for (int i = 0; i < 3; i++)
        matching_poll(bed.matching, &WORK, &polls[i]);
    add(&WORK, LOW, 1);
    bed.on_start = add_the_next_run;
    route(&V2, NULL, 0);
    ck_assert_str_eq(bed_starts(&bed), "1* 2 3");
    ck_assert_uint_eq(bed.depth_max, 1);
    ck_assert_int_eq(matching_version_stats(bed.matching, &WORK, &V2).backlog_count, 1);
}
END_TEST

START_TEST(order_survives_any_change)
{
    char expected[256] = "", *end = expected;

    route(&V1, &V2, 40);
    for (int64_t run = 1; run <= 12; run++)
        add(&WORK, run % 3 == 0 ? LOW : HIGH, run);
    route(&V2, &V1, 20);
    route(&V1, &NONE, 90);
    route(&V3, NULL, 0);
    for (int run = 1; run <= 12; run++)
        end += snprintf(end, (size_t)(expected + sizeof(expected) - end), "%s%d*", run > 1 ? " " : "", run);
    ck_assert_str_eq(taken_by(&WORK, &V3), expected);
}
END_TEST

START_TEST(queries_follow_unless_pinned)
{
    struct task_binding loose = {.workflow_id = LOW}, pinned = {.is_pinned = true, .version = V1};
    int query;
    struct task task = bed_task(TASK_QUERY, 5);

    route(&V1, NULL, 0);
    add_query(&loose, 1);
    add_query(&pinned, 2);
    add_query(&loose, 3);
    task.query = (struct query_task *)&query;
    ck_assert(matching_add(bed.matching, &WORK, &loose, &task));
    route(&V2, NULL, 0);
    ck_assert(matching_remove_query(bed.matching, &WORK, task.query));
    ck_assert_str_eq(taken_by(&WORK, &V1), "2*");
    ck_assert_str_eq(taken_by(&WORK, &V2), "1* 3*");
}
END_TEST

START_TEST(queries_of_two_versions_stay_in_order)
{
    struct task_binding low = {.workflow_id = LOW}, high = {.workflow_id = HIGH};

    route(&V1, &V2, 40);
    for (int64_t run = 1; run <= 6; run++)
        add_query(run % 2 == 0 ? &low : &high, run);
    route(&V3, NULL, 0);
    ck_assert_str_eq(taken_by(&WORK, &V3), "1* 2* 3* 4* 5* 6*");
}
END_TEST

/* ---- activities that are not part of the deployment ---- */

START_TEST(an_activity_on_a_foreign_queue_goes_where_that_queue_sends_work)
{
    bed.stranger = &V1;
    route(&V2, NULL, 0);
    add_pinned(&ACTIVITIES, &V1, 1);
    add_pinned(&WORK, &V1, 2); /* workflow tasks never do */
    ck_assert_str_eq(taken_by(&ACTIVITIES, &V1), "");
    ck_assert_str_eq(taken_by(&ACTIVITIES, &V2), "1*");
    ck_assert_str_eq(taken_by(&WORK, &V2), "");
    ck_assert_str_eq(taken_by(&WORK, &V1), "2*");
}
END_TEST

START_TEST(it_comes_home_when_the_version_polls_the_queue)
{
    struct poll v1 = {.identity = "1", .version = V1}, v2 = {.identity = "2", .version = V2};

    bed.stranger = &V1;
    add_pinned(&ACTIVITIES, &V1, 1);
    add(&ACTIVITIES, LOW, 2);
    route(&V2, NULL, 0);
    bed.stranger = NULL;
    matching_reroute(bed.matching, &ACTIVITIES);
    matching_poll(bed.matching, &ACTIVITIES, &v2);
    matching_poll(bed.matching, &ACTIVITIES, &v1);
    ck_assert_str_eq(bed_starts(&bed), "2* 1*");
    ck_assert_ptr_eq(bed.starts[0].poll, &v2);

    add_pinned(&ACTIVITIES, &V1, 3);
    bed.stranger = &V1; /* and goes astray again when that version is deleted */
    matching_reroute(bed.matching, &ACTIVITIES);
    ck_assert_str_eq(taken_by(&ACTIVITIES, &V1), "");
    ck_assert_str_eq(taken_by(&ACTIVITIES, &V2), "3*");
}
END_TEST

START_TEST(a_version_is_remembered_while_its_tasks_are_astray)
{
    bed.stranger = &V1;
    add_pinned(&ACTIVITIES, &V1, 1);
    for (int i = 0; i < 20; i++) {
        clock_advance(bed.clock, seconds(60));
        matching_sweep(bed.matching);
    }
    bed.stranger = NULL;
    matching_reroute(bed.matching, &ACTIVITIES);
    ck_assert_str_eq(taken_by(&ACTIVITIES, &NONE), "");
    ck_assert_str_eq(taken_by(&ACTIVITIES, &V1), "1*");
}
END_TEST

/* ---- sticky queues ---- */

static bool add_sticky(const struct task_binding *binding, enum task_kind kind, int64_t run)
{
    struct task task = bed_task(kind, run);

    return matching_add(bed.matching, &STICKY, binding, &task);
}

static void poll_sticky(const struct queue_version *version, const char *normal_name)
{
    struct poll poll = {.identity = "s", .version = *version, .normal_name = normal_name};

    matching_poll(bed.matching, &STICKY, &poll);
    matching_remove_poll(bed.matching, &poll, true);
}

START_TEST(a_sticky_queue_refuses_what_moves_to_another_version)
{
    struct task_binding at_1 = {.version = V1, .workflow_id = LOW, .normal_name = "work"};
    struct task_binding at_none = {.workflow_id = LOW, .normal_name = "work"};
    struct task_binding pinned = {.is_pinned = true, .version = V1, .workflow_id = LOW, .normal_name = "work"};

    poll_sticky(&V1, "work");
    ck_assert(!add_sticky(&at_1, TASK_WORKFLOW, 1)); /* nothing is current */
    ck_assert(add_sticky(&at_none, TASK_WORKFLOW, 2));
    route(&V1, NULL, 0);
    ck_assert(add_sticky(&at_1, TASK_WORKFLOW, 3));
    ck_assert(!add_sticky(&at_none, TASK_WORKFLOW, 4)); /* adopted by a version */
    route(&V2, NULL, 0);
    ck_assert(!add_sticky(&at_1, TASK_WORKFLOW, 5));
    ck_assert(add_sticky(&pinned, TASK_WORKFLOW, 6));
    route(&V1, &V2, 40);
    ck_assert(!add_sticky(&at_1, TASK_QUERY, 7));
    route(&V1, &V2, 10);
    ck_assert(add_sticky(&at_1, TASK_QUERY, 8));
}
END_TEST

START_TEST(what_waits_at_a_sticky_queue_leaves_it)
{
    struct task_binding low = {.version = V1, .workflow_id = LOW, .normal_name = "work"};
    struct task_binding high = {.version = V1, .workflow_id = HIGH, .normal_name = "work"};
    struct task_binding pinned = {.is_pinned = true, .version = V1, .workflow_id = LOW, .normal_name = "work"};

    route(&V1, NULL, 0);
    poll_sticky(&V1, "work");
    ck_assert(add_sticky(&low, TASK_WORKFLOW, 1));
    ck_assert(add_sticky(&high, TASK_WORKFLOW, 2));
    ck_assert(add_sticky(&pinned, TASK_WORKFLOW, 3));
    ck_assert_int_eq(matching_version_stats(bed.matching, &STICKY, &V1).backlog_count, 3); /* whatever its version */
    ck_assert(add_sticky(&low, TASK_QUERY, 4));
    ck_assert(add_sticky(&high, TASK_QUERY, 5));
    ck_assert(add_sticky(&pinned, TASK_QUERY, 6));
    route(&V1, &V2, 40);
    ck_assert_uint_eq(bed.given_back_count, 2);
    ck_assert_int_eq(bed.given_back[0].run, 4);
    ck_assert_int_eq(bed.given_back[1].run, 1);
    ck_assert_str_eq(taken_by(&STICKY, &V1), "5* 6* 2* 3*"); /* of one instant: what is pinned last */

    poll_sticky(&V1, "elsewhere"); /* that of another worker */
    ck_assert(add_sticky(&high, TASK_WORKFLOW, 7));
    route(&V2, NULL, 0);
    ck_assert_uint_eq(bed.given_back_count, 2);
    ck_assert_str_eq(taken_by(&STICKY, &V1), "7*");
}
END_TEST

/* ---- numbers ---- */

START_TEST(the_backlog_is_shared_by_the_ramp)
{
    struct queue_stats stats;

    route(&V1, &V2, 33);
    for (int64_t run = 1; run <= 10; run++)
        add(&WORK, LOW, run); /* where they wait does not matter */
    add_pinned(&WORK, &V1, 11);
    add_pinned(&WORK, &V3, 12);
    clock_advance(bed.clock, seconds(3));
    ck_assert_int_eq(matching_version_stats(bed.matching, &WORK, &V2).backlog_count, 4); /* 3.3 */
    stats = matching_version_stats(bed.matching, &WORK, &V1);
    ck_assert_int_eq(stats.backlog_count, 7 + 1); /* 6.7, and its own */
    ck_assert(stats.is_known && stats.backlog_age >= seconds(3));
    stats = matching_version_stats(bed.matching, &WORK, &V3);
    ck_assert_int_eq(stats.backlog_count, 1);
    ck_assert(stats.add_rate > 0 && stats.dispatch_rate == 0);
    stats = matching_version_stats(bed.matching, &WORK, &NONE);
    ck_assert_int_eq(stats.backlog_count, 0);
    ck_assert_int_eq(stats.backlog_age, 0);
    ck_assert_int_eq(matching_stats(bed.matching, &WORK).backlog_count, 12);

    route(&V1, &V2, 0);
    ck_assert_int_eq(matching_version_stats(bed.matching, &WORK, &V1).backlog_count, 11);
    ck_assert_int_eq(matching_version_stats(bed.matching, &WORK, &V2).backlog_count, 0);

    route(&V1, &NONE, 40);
    ck_assert_int_eq(matching_version_stats(bed.matching, &WORK, &V1).backlog_count, 7);
    ck_assert_int_eq(matching_version_stats(bed.matching, &WORK, &NONE).backlog_count, 4);

    route(&NONE, &V2, 40);
    ck_assert_int_eq(matching_version_stats(bed.matching, &WORK, &V2).backlog_count, 4);
    ck_assert_int_eq(matching_version_stats(bed.matching, &WORK, &NONE).backlog_count, 6);
    ck_assert_int_eq(matching_version_stats(bed.matching, &WORK, &V1).backlog_count, 1);
}
END_TEST

START_TEST(a_version_has_stats_by_priority)
{
    struct task_binding binding = {.workflow_id = LOW};
    struct task task = bed_task(TASK_WORKFLOW, 1);

    route(&V1, NULL, 0);
    task.priority = 5;
    ck_assert(matching_add(bed.matching, &WORK, &binding, &task));
    add(&WORK, LOW, 2);
    ck_assert_int_eq(matching_version_stats_of_priority(bed.matching, &WORK, &V1, 5).backlog_count, 1);
    ck_assert_int_eq(matching_version_stats_of_priority(bed.matching, &WORK, &V1, 3).backlog_count, 1);
    ck_assert(!matching_version_stats_of_priority(bed.matching, &WORK, &V1, 1).is_known);
    ck_assert(!matching_version_stats_of_priority(bed.matching, &WORK, &V2, 5).is_known);
    ck_assert(!matching_version_stats_of_priority(bed.matching, &ACTIVITIES, &V2, 5).is_known);
}
END_TEST

START_TEST(pollers_are_told_by_version)
{
    struct poller_info pollers[4];

    taken_by(&WORK, &NONE);
    taken_by(&WORK, &V1);
    clock_advance(bed.clock, seconds(60));
    taken_by(&ACTIVITIES, &V2);
    ck_assert_uint_eq(matching_pollers(bed.matching, &WORK, pollers, 4), 2);
    ck_assert_uint_eq(matching_version_pollers(bed.matching, &WORK, &V1, pollers, 4), 1);
    ck_assert_str_eq(pollers[0].version.build_id, "1");
    ck_assert_uint_eq(matching_version_pollers(bed.matching, &WORK, &NONE, pollers, 4), 1);
    ck_assert(!queue_version_is_set(&pollers[0].version));
    ck_assert_uint_eq(matching_version_pollers(bed.matching, &WORK, &V2, pollers, 4), 0);

    ck_assert(matching_version_has_pollers(bed.matching, 1, &V2, seconds(1)));
    ck_assert(matching_version_has_pollers(bed.matching, 1, &V1, seconds(61)));
    ck_assert(!matching_version_has_pollers(bed.matching, 1, &V1, seconds(60)));
    ck_assert(!matching_version_has_pollers(bed.matching, 1, &V3, seconds(300)));
    ck_assert(!matching_version_has_pollers(bed.matching, 2, &V2, seconds(300)));
}
END_TEST

START_TEST(a_target_is_told)
{
    struct queue_name elsewhere = {.namespace_id = 1, .type = QUEUE_WORKFLOW, .name = "elsewhere"};
    struct queue_target target;

    route(&V1, &V2, 40);
    bed.routing.current.revision = 7;
    bed.routing.ramping.revision = 8;
    target = matching_target(bed.matching, &WORK, HIGH, false);
    ck_assert(queue_version_equal(&target.version, &V1));
    ck_assert_int_eq(target.revision, 7);
    target = matching_target(bed.matching, &WORK, LOW, false);
    ck_assert(queue_version_equal(&target.version, &V2));
    target = matching_target(bed.matching, &WORK, HIGH, true);
    ck_assert(queue_version_equal(&target.version, &V2));
    ck_assert_int_eq(target.revision, 8);
    target = matching_target(bed.matching, &elsewhere, HIGH, true);
    ck_assert(!queue_version_is_set(&target.version));
}
END_TEST

/* ---- upkeep ---- */

START_TEST(numbers_of_versions_are_used_again)
{
    for (int i = 0; i < 200; i++) {
        char build_id[16];
        struct queue_version version = {"shop", build_id};

        snprintf(build_id, sizeof(build_id), "b%d", i);
        add_pinned(&WORK, &version, i);
        if (i % 3 == 0)
            continue;
        taken_by(&WORK, &version);
        clock_advance(bed.clock, seconds(31));
        matching_sweep(bed.matching);
    }
    for (int i = 0; i < 200; i += 3) {
        char build_id[16], expected[16];
        struct queue_version version = {"shop", build_id};

        snprintf(build_id, sizeof(build_id), "b%d", i);
        snprintf(expected, sizeof(expected), "%d*", i);
        ck_assert_str_eq(taken_by(&WORK, &version), expected);
    }
}
END_TEST

START_TEST(routes_outlive_their_versions_being_idle)
{
    struct poll waiting = {.identity = "w", .version = V3};

    matching_poll(bed.matching, &WORK, &waiting); /* keeps the task queue */
    route(&V1, &V2, 40);
    for (int i = 0; i < 10; i++) {
        clock_advance(bed.clock, seconds(60));
        matching_sweep(bed.matching);
    }
    add(&WORK, LOW, 1);
    add(&WORK, HIGH, 2);
    ck_assert_str_eq(taken_by(&WORK, &V1), "2*");
    ck_assert_str_eq(taken_by(&WORK, &V2), "1*");
    matching_remove_poll(bed.matching, &waiting, true);
    for (int i = 0; i < 10; i++) {
        clock_advance(bed.clock, seconds(60));
        matching_sweep(bed.matching);
    }
    add(&WORK, LOW, 3); /* a task queue that was forgotten asks again */
    ck_assert_str_eq(taken_by(&WORK, &V2), "3*");
}
END_TEST

START_TEST(a_hundred_thousand_waiting_tasks_are_divided_anew)
{
    enum { TASKS = 100000 };
    size_t ramped = 0;

    for (int64_t run = 0; run < TASKS; run++) {
        char id[32];

        snprintf(id, sizeof(id), "order-%lld", (long long)run);
        add(&WORK, id, run);
    }
    route(&V1, NULL, 0);
    route(&V1, &V2, 25);
    route(&V1, &V2, 50);
    taken_by(&WORK, &V2);
    ramped = bed.starts_count;
    ck_assert_msg(ramped > TASKS / 2 - 800 && ramped < TASKS / 2 + 800, "%zu", ramped);
    route(&V3, NULL, 0);
    taken_by(&WORK, &V3);
    ck_assert_uint_eq(bed.starts_count, TASKS - ramped);
    ck_assert_int_eq(matching_stats(bed.matching, &WORK).backlog_count, 0);
}
END_TEST

/* ---- anything, against a list ---- */

enum { LIST_MAX = 1000, OPERATIONS = 20000 };

/* All that waits, in the order in which it came, and where it may go. */
static struct listed {
    int64_t run;
    int priority;
    char pin; /* '1' to '3', or 0 */
    bool is_low, use_ramping;
} list[LIST_MAX];
static size_t list_len;

static struct queue_version version_of(char name)
{
    return name == '1' ? V1 : name == '2' ? V2 : name == '3' ? V3 : NONE;
}

static uint64_t random_state;

static unsigned random_below(unsigned end)
{
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(random_state >> 33) % end;
}

static bool is_listed_for(const struct listed *task, const struct queue_version *version)
{
    struct queue_version pin = version_of(task->pin);
    const struct queue_routing *routing = &bed.routing;
    bool is_ramped =
        routing->has_ramping && ((task->use_ramping && queue_version_is_set(&routing->ramping.version)) ||
                                 (task->is_low ? routing->ramp_percentage > 18.29 : routing->ramp_percentage > 94.79));

    if (task->pin != 0 && (bed.stranger == NULL || !queue_version_equal(bed.stranger, &pin)))
        return queue_version_equal(&pin, version);
    return queue_version_equal(is_ramped ? &routing->ramping.version : &routing->current.version, version);
}

/* Takes out of the list what a poll of that version must get; -1: nothing. */
static int64_t take_listed(const struct queue_version *version)
{
    size_t best = list_len;
    int64_t run;

    for (size_t i = 0; i < list_len; i++)
        if (is_listed_for(&list[i], version) && (best == list_len || list[i].priority < list[best].priority))
            best = i;
    if (best == list_len)
        return -1;
    run = list[best].run;
    memmove(&list[best], &list[best + 1], sizeof(list[0]) * (list_len - best - 1));
    list_len--;
    return run;
}

static void add_anything(int64_t run)
{
    struct listed *listed = &list[list_len];
    struct task_binding binding = {0};
    struct task task = bed_task(TASK_ACTIVITY, run);

    if (list_len == LIST_MAX)
        return;
    *listed = (struct listed){
        .run = run,
        .priority = (int)random_below(8) < 6 ? 3 : 1 + (int)random_below(5),
        .pin = random_below(3) == 0 ? (char)('1' + random_below(3)) : 0,
        .is_low = random_below(2) == 0,
        .use_ramping = random_below(10) == 0,
    };
    list_len++;
    clock_advance(bed.clock, 1);
    task.created = clock_now(bed.clock);
    task.priority = listed->priority;
    binding.is_pinned = listed->pin != 0;
    binding.version = version_of(listed->pin);
    binding.use_ramping = listed->use_ramping;
    binding.workflow_id = listed->is_low ? LOW : HIGH;
    ck_assert(matching_add(bed.matching, &ACTIVITIES, &binding, &task));
}

static void change_anything(void)
{
    static const double PERCENTAGES[] = {0, 10, 50, 99, 100};
    static const struct queue_version *const STRANGERS[] = {NULL, &V1, &V2, &V3};
    struct queue_version current = version_of((char)('0' + random_below(4)));
    struct queue_version ramping = version_of((char)('0' + random_below(4)));

    bed.stranger = STRANGERS[random_below(4)];
    if (bed.stranger != NULL &&
        (queue_version_equal(bed.stranger, &current) || queue_version_equal(bed.stranger, &ramping)))
        bed.stranger = NULL; /* a queue sends work to versions that have it */
    route(&current, random_below(2) == 0 ? &ramping : NULL, PERCENTAGES[random_below(5)]);
}

START_TEST(anything_is_as_in_a_list)
{
    size_t taken = 0;

    random_state = (uint64_t)_i + 1;
    list_len = 0;
    for (int64_t run = 1; run <= OPERATIONS; run++) {
        unsigned what = random_below(1000);

        if (what < 5) {
            change_anything();
        } else if (what < 6) {
            clock_advance(bed.clock, seconds(40));
            matching_sweep(bed.matching);
        } else if (what < 500) {
            add_anything(run);
        } else {
            struct queue_version version = version_of((char)('0' + random_below(4)));
            struct poll poll = {.identity = "w", .version = version};
            int64_t expected = take_listed(&version);
            bool is_used;

            bed.starts_count = 0;
            is_used = matching_poll(bed.matching, &ACTIVITIES, &poll);
            if (!is_used)
                matching_remove_poll(bed.matching, &poll, true);
            ck_assert_msg(is_used == (expected >= 0) && (!is_used || bed.starts[0].task.run == expected),
                          "operation %lld: %lld expected, %lld taken", (long long)run, (long long)expected,
                          is_used ? (long long)bed.starts[0].task.run : -1);
            taken += is_used;
        }
        ck_assert_int_eq(matching_stats(bed.matching, &ACTIVITIES).backlog_count, (int64_t)list_len);
    }
    ck_assert_uint_gt(taken, OPERATIONS / 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reroute");
    TCase *tcase = tcase_create("reroute");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, work_goes_to_the_current_version);
    tcase_add_test(tcase, a_ramp_divides_work_by_workflow_id);
    tcase_add_test(tcase, tasks_without_a_workflow_are_spread_over_a_ramp);
    tcase_add_test(tcase, a_pinned_task_and_others_leave_by_priority_and_age);
    tcase_add_test(tcase, what_waits_follows_routing);
    tcase_add_test(tcase, a_poll_that_waits_gets_what_comes_to_its_version);
    tcase_add_test(tcase, what_is_added_meanwhile_follows_too);
    tcase_add_test(tcase, order_survives_any_change);
    tcase_add_test(tcase, queries_follow_unless_pinned);
    tcase_add_test(tcase, queries_of_two_versions_stay_in_order);
    tcase_add_test(tcase, an_activity_on_a_foreign_queue_goes_where_that_queue_sends_work);
    tcase_add_test(tcase, it_comes_home_when_the_version_polls_the_queue);
    tcase_add_test(tcase, a_version_is_remembered_while_its_tasks_are_astray);
    tcase_add_test(tcase, a_sticky_queue_refuses_what_moves_to_another_version);
    tcase_add_test(tcase, what_waits_at_a_sticky_queue_leaves_it);
    tcase_add_test(tcase, the_backlog_is_shared_by_the_ramp);
    tcase_add_test(tcase, a_version_has_stats_by_priority);
    tcase_add_test(tcase, pollers_are_told_by_version);
    tcase_add_test(tcase, a_target_is_told);
    tcase_add_test(tcase, numbers_of_versions_are_used_again);
    tcase_add_test(tcase, routes_outlive_their_versions_being_idle);
    tcase_add_test(tcase, a_hundred_thousand_waiting_tasks_are_divided_anew);
    tcase_add_loop_test(tcase, anything_is_as_in_a_list, 0, 4);
    suite_add_tcase(suite, tcase);
    return bed_run(suite);
}
