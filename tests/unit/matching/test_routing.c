/* Routing: every combination of what a workflow is bound to, what its queue knows and who polls; and the ramp. */
#include <check.h>
#include <math.h>

#include "base/fingerprint.h"
#include "bed.h"
#include "matching/routing.h"

/* Versions go by one letter: o is old, c current, r ramping, x that of an override, i an inherited one, and - none. */
static struct queue_version version_named(char name)
{
    static const char *const build_ids[] = {"o", "c", "r", "x", "i"};

    for (size_t i = 0; i < sizeof(build_ids) / sizeof(build_ids[0]); i++) {
        if (build_ids[i][0] == name)
            return (struct queue_version){"shop", build_ids[i]};
    }
    return (struct queue_version){0};
}

/* "ramp-wf-1" is at 18.28 %, "ramp-wf-0" at 94.79 %. */
static const uint32_t LOW = 785201685, HIGH = 4070997680;

/* What a queue can know, and where it therefore sends low ids, high ids, and those that ask for the ramping version. */
static const struct {
    const char *what;
    char current, ramping; /* 0: there is no ramp */
    double percentage;
    char low, high, asking;
} ROUTINGS[] = {
    {"nothing was ever set", '-', 0, 0, '-', '-', '-'},
    {"current", 'c', 0, 0, 'c', 'c', 'c'},
    {"a ramp of 0 %", 'c', 'r', 0, 'c', 'c', 'r'},
    {"a ramp of 40 %", 'c', 'r', 40, 'r', 'c', 'r'},
    {"a ramp of 100 %", 'c', 'r', 100, 'r', 'r', 'r'},
    {"a ramp from unversioned", '-', 'r', 40, 'r', '-', 'r'},
    {"a ramp to unversioned of 0 %", 'c', '-', 0, 'c', 'c', 'c'},
    {"a ramp to unversioned", 'c', '-', 40, '-', 'c', '-'},
    {"a ramp to unversioned of 100 %", 'c', '-', 100, '-', '-', '-'},
};

enum behavior { NOT_COMPLETED, UNSPECIFIED, PINNED, AUTO_UPGRADE, BEHAVIORS };
enum override { NO_OVERRIDE, OVERRIDE_PINNED, OVERRIDE_ONE_TIME, OVERRIDE_AUTO_UPGRADE, OVERRIDES };
enum inheritance { INHERITS_NOTHING, INHERITS_PIN, INHERITS_AUTO_UPGRADE, INHERITS_RAMPING, INHERITANCES };
enum kind { WORKFLOW_TASK, ACTIVITY_HERE, ACTIVITY_ELSEWHERE, NEXUS_TASK, AT_STICKY, AT_STICKY_OF_UNKNOWN, KINDS };

static const char OWN_VERSIONS[] = "-ocr", POLLERS[] = "-ocrxi";

enum {
    ROUTINGS_COUNT = sizeof(ROUTINGS) / sizeof(ROUTINGS[0]),
    OWN_COUNT = sizeof(OWN_VERSIONS) - 1,
    POLLERS_COUNT = sizeof(POLLERS) - 1,
};

struct combination {
    enum behavior behavior; /* of the last completed workflow task */
    enum override override;
    enum inheritance inheritance;
    char own; /* of the last completed workflow task */
    size_t routing;
    enum kind kind;
    bool is_low;
};

/* ---- what the documentation of worker versioning says of it ---- */

/* The version that a workflow is pinned to, or 0. */
static char pin_of(const struct combination *c)
{
    if (c->override == OVERRIDE_PINNED || c->override == OVERRIDE_ONE_TIME)
        return 'x';
    if (c->override == OVERRIDE_AUTO_UPGRADE)
        return 0;
    if (c->behavior == NOT_COMPLETED)
        return c->inheritance == INHERITS_PIN ? 'i' : 0;
    return c->behavior == PINNED && c->own != '-' ? c->own : 0;
}

static char effective_version(const struct combination *c)
{
    if (pin_of(c) != 0)
        return pin_of(c);
    if (c->behavior == NOT_COMPLETED)
        return c->inheritance == INHERITS_NOTHING ? '-' : 'i';
    return c->behavior == UNSPECIFIED ? '-' : c->own;
}

static bool asks_for_ramping(const struct combination *c)
{
    return c->behavior == NOT_COMPLETED && c->inheritance == INHERITS_RAMPING;
}

static char target_of(const struct combination *c)
{
    if (asks_for_ramping(c) && ROUTINGS[c->routing].ramping != '-')
        return ROUTINGS[c->routing].asking;
    return c->is_low ? ROUTINGS[c->routing].low : ROUTINGS[c->routing].high;
}

static bool is_sticky(enum kind kind)
{
    return kind == AT_STICKY || kind == AT_STICKY_OF_UNKNOWN;
}

static bool may_take(const struct combination *c, char poller)
{
    char pin = pin_of(c);

    if (c->kind == AT_STICKY_OF_UNKNOWN)
        return true;
    if (c->kind == AT_STICKY)
        return pin != 0 || effective_version(c) == target_of(c);
    if (pin == 0 || c->kind == ACTIVITY_ELSEWHERE)
        return poller == target_of(c);
    return poller == pin;
}

/* ---- what routing says ---- */

static enum queue_type type_of(enum kind kind)
{
    if (kind == ACTIVITY_HERE || kind == ACTIVITY_ELSEWHERE)
        return QUEUE_ACTIVITY;
    return kind == NEXUS_TASK ? QUEUE_NEXUS : QUEUE_WORKFLOW;
}

static bool does_take(const struct combination *c, char poller)
{
    struct queue_routing routing = {
        .is_known = true,
        .current.version = version_named(ROUTINGS[c->routing].current),
        .has_ramping = ROUTINGS[c->routing].ramping != 0,
        .ramping.version = version_named(ROUTINGS[c->routing].ramping),
        .ramp_percentage = ROUTINGS[c->routing].percentage,
    };
    struct routing_input input = {
        .task = {.is_pinned = pin_of(c) != 0,
                 .use_ramping = asks_for_ramping(c),
                 .hash = c->is_low ? LOW : HIGH,
                 .version = version_named(effective_version(c))},
        .queue = {.type = type_of(c->kind),
                  .is_sticky = is_sticky(c->kind),
                  .pinned_version_has_it = c->kind != ACTIVITY_ELSEWHERE,
                  .routing = c->kind == AT_STICKY_OF_UNKNOWN ? NULL : &routing},
    };
    struct routing_answer answer = routing_decide(&input);
    struct queue_version version = version_named(poller);

    switch (answer.place) {
    case ROUTING_TO_UNVERSIONED:
        ck_assert(!is_sticky(c->kind));
        return poller == '-';
    case ROUTING_TO_VERSION:
        ck_assert(!is_sticky(c->kind));
        ck_assert(answer.target == NULL || answer.target == &routing.current || answer.target == &routing.ramping);
        return queue_version_equal(&answer.version, &version);
    case ROUTING_TO_STICKY:
        ck_assert(is_sticky(c->kind));
        return true;
    case ROUTING_STICKY_UNAVAILABLE:
        ck_assert(is_sticky(c->kind));
        return false;
    }
    ck_abort_msg("place %d", (int)answer.place);
    return false;
}

/* The n-th of all combinations, by the digits of n. */
static bool combination(size_t n, struct combination *ret_combination, char *ret_poller)
{
    ret_combination->behavior = n % BEHAVIORS, n /= BEHAVIORS;
    ret_combination->override = n % OVERRIDES, n /= OVERRIDES;
    ret_combination->inheritance = n % INHERITANCES, n /= INHERITANCES;
    ret_combination->own = OWN_VERSIONS[n % OWN_COUNT], n /= OWN_COUNT;
    ret_combination->kind = n % KINDS, n /= KINDS;
    ret_combination->is_low = n % 2 != 0, n /= 2;
    *ret_poller = POLLERS[n % POLLERS_COUNT], n /= POLLERS_COUNT;
    ret_combination->routing = n % ROUTINGS_COUNT, n /= ROUTINGS_COUNT;
    return n == 0;
}

START_TEST(every_combination_is_decided_as_documented)
{
    struct combination c;
    size_t n = 0, taken = 0;
    char poller;

    for (; combination(n, &c, &poller); n++) {
        bool does = does_take(&c, poller);

        taken += does;
        ck_assert_msg(does == may_take(&c, poller),
                      "%s: behavior %d, override %d, inheritance %d, own %c, task %d, %s id, polled by %c: %s",
                      ROUTINGS[c.routing].what, (int)c.behavior, (int)c.override, (int)c.inheritance, c.own,
                      (int)c.kind, c.is_low ? "low" : "high", poller, does ? "taken" : "not taken");
    }
    ck_assert_uint_eq(n, (size_t)BEHAVIORS * OVERRIDES * INHERITANCES * OWN_COUNT * KINDS * 2 * POLLERS_COUNT *
                             ROUTINGS_COUNT);
    ck_assert_uint_gt(taken, n / 10);
}
END_TEST

START_TEST(a_pin_to_no_version_is_none)
{
    struct queue_routing routing = {0};
    struct routing_input input = {
        .task = {.is_pinned = true, .version = {"", ""}},
        .queue = {.type = QUEUE_WORKFLOW, .routing = &routing},
    };

    ck_assert_int_eq(routing_decide(&input).place, ROUTING_TO_UNVERSIONED);
    input.task.version = (struct queue_version){0};
    ck_assert_int_eq(routing_decide(&input).place, ROUTING_TO_UNVERSIONED);
}
END_TEST

START_TEST(versions_are_compared_by_both_names)
{
    struct queue_version none = {0}, empty = {"", ""}, shop = {"shop", "1"}, other = {"shop", "2"}, bare = {"", "1"};

    ck_assert(queue_version_equal(&none, &empty));
    ck_assert(!queue_version_is_set(&empty));
    ck_assert(queue_version_is_set(&bare)); /* of the kind before deployments: no workers without a version */
    ck_assert(!queue_version_equal(&bare, &shop));
    ck_assert(!queue_version_equal(&shop, &other));
    ck_assert(!queue_version_equal(&shop, &none));
    ck_assert(queue_version_equal(&shop, &shop));
}
END_TEST

/* ---- the ramp ---- */

enum { IDS = 10000 };

static uint32_t hash_of_id(int i)
{
    char id[32];
    int len = snprintf(id, sizeof(id), "order-%d", i);

    return fingerprint32(id, (size_t)len);
}

START_TEST(a_ramp_takes_its_share_of_ids)
{
    static const double PERCENTAGES[] = {0.5, 1, 5, 10, 25, 33.3, 50, 75, 90, 99, 99.5};

    for (size_t i = 0; i < sizeof(PERCENTAGES) / sizeof(PERCENTAGES[0]); i++) {
        double share = PERCENTAGES[i] / 100, expected = IDS * share, deviation = sqrt(IDS * share * (1 - share));
        int ramped = 0;

        for (int id = 0; id < IDS; id++)
            ramped += routing_is_ramped(hash_of_id(id), PERCENTAGES[i]);
        ck_assert_msg(fabs(ramped - expected) < 4 * deviation, "%g %%: %d of %d", PERCENTAGES[i], ramped, IDS);
    }
}
END_TEST

START_TEST(raising_the_percentage_moves_none_back)
{
    for (int id = 0; id < IDS; id++) {
        uint32_t hash = hash_of_id(id);
        bool was_ramped = false;

        for (double percentage = 0; percentage <= 100; percentage += 2.5) {
            bool is_ramped = routing_is_ramped(hash, percentage);

            ck_assert_msg(is_ramped || !was_ramped, "order-%d is moved back at %g %%", id, percentage);
            was_ramped = is_ramped;
        }
        ck_assert(was_ramped);
    }
}
END_TEST

/* At which percentage the real server begins to ramp an id, to a hundredth. */
static const struct {
    const char *id;
    double percentage;
} THRESHOLDS[] = {
    {"ramp-wf-0", 94.7853},
    {"ramp-wf-1", 18.2819},
    {"ramp-wf-2", 14.9713},
    {"ramp-wf-3", 0.4755},
    {"ramp-wf-5", 40.2117},
    {"ramp-wf-11", 33.7659},
    {"ramp-wf-16", 95.5928},
    {"ramp-wf-18", 40.4489},
    {"a", 23.6683},
    {"abc", 18.5110},
    {"workflow-1", 40.9524},
    {"0123456789abcdefghijklmnopqrstuvwxyz", 78.3465},
    {"\xc3\xa9-wf", 37.1259},
    {"thirteen-chr1", 17.7835},
    {"workflow-id-16ch", 79.5575},
    {"workflow-id-of-24-chars!", 79.4229},
    {"workflow-id-of-25-chars!!", 51.5975},
};

START_TEST(an_id_is_ramped_from_where_the_real_server_does)
{
    uint32_t hash = fingerprint32(THRESHOLDS[_i].id, strlen(THRESHOLDS[_i].id));

    ck_assert(!routing_is_ramped(hash, THRESHOLDS[_i].percentage - 0.01));
    ck_assert(routing_is_ramped(hash, THRESHOLDS[_i].percentage + 0.01));
}
END_TEST

START_TEST(the_ends_of_a_ramp)
{
    ck_assert(!routing_is_ramped(0, 0)); /* though 0 <= 0 */
    ck_assert(routing_is_ramped(0, 0.000001));
    ck_assert(routing_is_ramped(UINT32_MAX, 100));
    ck_assert(!routing_is_ramped(UINT32_MAX, 99.999999));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("routing");
    TCase *tcase = tcase_create("routing");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, every_combination_is_decided_as_documented);
    tcase_add_test(tcase, a_pin_to_no_version_is_none);
    tcase_add_test(tcase, versions_are_compared_by_both_names);
    tcase_add_test(tcase, a_ramp_takes_its_share_of_ids);
    tcase_add_test(tcase, raising_the_percentage_moves_none_back);
    tcase_add_loop_test(tcase, an_id_is_ramped_from_where_the_real_server_does, 0,
                        sizeof(THRESHOLDS) / sizeof(THRESHOLDS[0]));
    tcase_add_test(tcase, the_ends_of_a_ramp);
    suite_add_tcase(suite, tcase);
    return bed_run(suite);
}
