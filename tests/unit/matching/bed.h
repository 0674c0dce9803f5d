/* What the tests of matching share: a virtual clock, an engine that writes down what it is told to start, and polls. */
#ifndef FERMATA_TESTS_MATCHING_BED_H
#define FERMATA_TESTS_MATCHING_BED_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timers.h"
#include "matching/matching.h"

enum { STARTS_MAX = 64 };

/* One call of ports.start that was accepted. */
struct bed_start {
    struct task task;
    const struct poll *poll;
    bool from_backlog;
};

struct bed {
    struct clock *clock;
    struct timers *timers;
    struct matching *matching;
    struct bed_start starts[STARTS_MAX]; /* the first ones */
    size_t starts_count, stale_count, depth, depth_max;
    int64_t stale_below;                                        /* tasks of runs below this are refused */
    struct poll *gone;                                          /* removed by the engine when it is offered */
    void (*on_start)(struct bed *bed, const struct task *task); /* what else the engine does in a start */
    struct task given_back[STARTS_MAX];
    size_t given_back_count;
    struct queue_routing routing;         /* of every queue that is named "work" */
    const struct queue_version *stranger; /* a version that does not have these queues; NULL: all have */
    struct queue_limits limits;           /* of every queue that is named "work" */
};

static const struct queue_name WORK = {.namespace_id = 1, .type = QUEUE_WORKFLOW, .name = "work"};
static const struct queue_name ACTIVITIES = {.namespace_id = 1, .type = QUEUE_ACTIVITY, .name = "work"};
static const struct queue_name STICKY = {.namespace_id = 1, .type = QUEUE_WORKFLOW, .name = "work", .is_sticky = true};
static const struct queue_version V1 = {.deployment = "shop", .build_id = "1"};
static const struct queue_version V2 = {.deployment = "shop", .build_id = "2"};
static const struct queue_version V3 = {.deployment = "shop", .build_id = "3"};

static inline bool bed_start(void *engine, const struct task *task, struct poll *poll, bool from_backlog)
{
    struct bed *bed = engine;
    bool is_stale = task->run < bed->stale_below;

    bed->depth++;
    if (bed->depth > bed->depth_max)
        bed->depth_max = bed->depth;
    if (poll == bed->gone) {
        matching_remove_poll(bed->matching, poll, false);
        is_stale = true;
    }
    if (bed->on_start != NULL)
        bed->on_start(bed, task);
    if (is_stale)
        bed->stale_count++;
    else if (bed->starts_count++ < STARTS_MAX)
        bed->starts[bed->starts_count - 1] = (struct bed_start){*task, poll, from_backlog};
    bed->depth--;
    return !is_stale;
}

static inline void bed_give_back(void *engine, const struct task *task)
{
    struct bed *bed = engine;

    ck_assert_uint_lt(bed->given_back_count, STARTS_MAX);
    bed->given_back[bed->given_back_count++] = *task;
}

static inline void bed_routing(const void *deployments, const struct queue_name *queue,
                               struct queue_routing *ret_routing)
{
    const struct bed *bed = deployments;

    ck_assert(!queue->is_sticky);
    *ret_routing = strcmp(queue->name, "work") == 0 ? bed->routing : (struct queue_routing){0};
}

static inline bool bed_version_has_queue(const void *deployments, const struct queue_name *queue,
                                         const struct queue_version *version)
{
    const struct bed *bed = deployments;

    ck_assert_int_eq(queue->type, QUEUE_ACTIVITY);
    return bed->stranger == NULL || !queue_version_equal(bed->stranger, version);
}

static inline void bed_limits(const void *configs, const struct queue_name *queue, struct queue_limits *ret_limits)
{
    const struct bed *bed = configs;

    ck_assert(!queue->is_sticky);
    *ret_limits = strcmp(queue->name, "work") == 0 ? bed->limits : (struct queue_limits){0};
}

static inline void bed_open(struct bed *bed)
{
    struct matching_ports ports = {
        .engine = bed,
        .start = bed_start,
        .give_back = bed_give_back,
        .deployments = bed,
        .routing = bed_routing,
        .version_has_queue = bed_version_has_queue,
        .configs = bed,
        .limits = bed_limits,
    };

    memset(bed, 0, sizeof(*bed));
    bed->clock = clock_new(seconds(1000000));
    bed->timers = ports.timers = timers_new();
    bed->matching = matching_new(&ports, bed->clock);
}

static inline void bed_close(struct bed *bed)
{
    matching_free(bed->matching);
    timers_free(bed->timers);
    clock_free(bed->clock);
}

/* Lets time pass; what falls due meanwhile happens in time. */
static inline void bed_wait(struct bed *bed, nanos span)
{
    nanos until = clock_now(bed->clock) + span;

    while (timers_next_due(bed->timers) <= until) {
        if (timers_next_due(bed->timers) > clock_now(bed->clock))
            clock_advance(bed->clock, timers_next_due(bed->timers) - clock_now(bed->clock));
        timers_fire_due(bed->timers, clock_now(bed->clock), 1);
    }
    clock_advance(bed->clock, until - clock_now(bed->clock));
}

static inline struct task bed_task(enum task_kind kind, int64_t run)
{
    return (struct task){.kind = kind, .run = run, .event_id = 2, .stamp = 7};
}

/* Adds a workflow task of `run` to `queue`. */
static inline bool bed_add(struct bed *bed, const struct queue_name *queue, int64_t run)
{
    struct task task = bed_task(queue->type == QUEUE_WORKFLOW ? TASK_WORKFLOW : TASK_ACTIVITY, run);

    task.created = clock_now(bed->clock);
    return matching_add(bed->matching, queue, NULL, &task);
}

/* What was started so far, as "run run* ...", where * marks a task from the backlog. */
static inline const char *bed_starts(const struct bed *bed)
{
    static char text[STARTS_MAX * 24];
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < bed->starts_count && i < STARTS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%lld%s", i > 0 ? " " : "",
                                (long long)bed->starts[i].task.run, bed->starts[i].from_backlog ? "*" : "");
    return text;
}

/* Runs the suite; a main function's result. */
static inline int bed_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
