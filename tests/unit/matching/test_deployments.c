#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "matching/deployments.h"
#include "proto/pb.h"

enum { NS = 7, TOLD_MAX = 512 };

static const struct queue_version NONE = {.deployment = "", .build_id = ""};

static struct arena *arena;
static struct deployments_limits limits;
static struct deployments *deployments;
static nanos now;
static char told[TOLD_MAX];        /* queues that the listener heard of */
static const char *polled_version; /* its workers poll */
static bool is_busy;

static void listen(void *context, const struct queue_name *queue)
{
    (void)context;
    ck_assert_uint_lt(strlen(told) + strlen(queue->name) + 3, TOLD_MAX);
    strcat(told, queue->name);
    strcat(told, queue->type == QUEUE_WORKFLOW ? "w " : "a ");
}

static bool answer_pollers(void *context, int64_t namespace_id, const struct queue_version *version)
{
    (void)context;
    ck_assert_int_eq(namespace_id, NS);
    return polled_version != NULL && strcmp(version->build_id, polled_version) == 0;
}

static bool answer_busy(void *context, const struct queue_name *queue, const struct queue_version *version)
{
    (void)context;
    (void)queue;
    (void)version;
    return is_busy;
}

static struct deployments *new_deployments(void)
{
    const struct deployments_ports ports = {.has_pollers = answer_pollers, .is_busy = answer_busy};
    struct deployments *made = deployments_new(&limits);

    deployments_set_ports(made, &ports);
    deployments_set_listener(made, listen, NULL);
    return made;
}

static void set_up(void)
{
    arena = arena_new(4096);
    limits = (struct deployments_limits){.deployments_max = 3,
                                         .versions_max = 3,
                                         .version_queues_max = 2,
                                         .queue_versions_max = 4,
                                         .drainage_first_check = seconds(3),
                                         .drainage_next_check = seconds(2),
                                         .reactivates = true};
    deployments = new_deployments();
    deployments_counting_done(deployments);
    now = seconds(1000);
    told[0] = '\0';
    polled_version = NULL;
    is_busy = false;
}

static void tear_down(void)
{
    deployments_free(deployments);
    arena_free(arena);
}

/* ---- words of the tests ---- */

static struct queue_version version_of(const char *deployment, const char *build_id)
{
    return (struct queue_version){.deployment = deployment, .build_id = build_id};
}

static struct queue_name workflow_queue(const char *name)
{
    return (struct queue_name){.namespace_id = NS, .type = QUEUE_WORKFLOW, .name = name};
}

static status poll(const char *deployment, const char *build_id, const char *queue)
{
    struct queue_name name = workflow_queue(queue);
    struct queue_version version = version_of(deployment, build_id);

    return deployments_register(deployments, arena, &name, &version, now);
}

static struct routing_change change_of(const char *deployment, const char *build_id)
{
    return (struct routing_change){.namespace_id = NS, .name = deployment, .build_id = build_id, .identity = "me"};
}

static status set_current(const char *deployment, const char *build_id)
{
    struct routing_change change = change_of(deployment, build_id);
    struct routing_before before;

    return deployments_set_current(deployments, arena, &change, now, &before);
}

/* "*": to workers without a version. */
static status set_ramping(const char *deployment, const char *build_id, float percentage)
{
    bool is_unversioned = strcmp(build_id, "*") == 0;
    struct routing_change change = change_of(deployment, is_unversioned ? "" : build_id);
    struct routing_before before;

    return deployments_set_ramping(deployments, arena, &change, is_unversioned, percentage, now, &before);
}

static status delete_version(const char *deployment, const char *build_id)
{
    struct queue_version version = version_of(deployment, build_id);

    return deployments_delete_version(deployments, arena, NS, &version, false, "me", now);
}

static void count(const char *deployment, const char *build_id, int delta)
{
    struct queue_version version = version_of(deployment, build_id);

    deployments_count_pinned(deployments, NS, &version, delta);
}

static void ok(status result)
{
    ck_assert_msg(status_is_ok(result), "%s", result.message);
}

static void refused(status result, enum status_code code, const char *text)
{
    ck_assert_int_eq(result.code, code);
    ck_assert_str_eq(result.message, text);
}

static const PbDeploymentVersionRecord *record_of(const char *deployment, const char *build_id)
{
    const struct deployment *found = deployments_find(deployments, NS, deployment);

    ck_assert_ptr_nonnull(found);
    ck_assert_ptr_nonnull(deployment_find_version(found, build_id));
    return deployment_version_record(deployment_find_version(found, build_id));
}

/* The statuses of a deployment's versions, in the order of their build ids: I, C, R, D(raining), X (drained), N(ew). */
static const char *statuses(const char *deployment)
{
    static const char letters[] = "?ICRDXN";
    static char text[16];
    size_t length = 0;

    for (char build_id = '1'; build_id <= '9'; build_id++) {
        struct queue_version version = version_of(deployment, (char[]){build_id, '\0'});
        PbWorkerDeploymentVersionStatus found = deployments_version_status(deployments, NS, &version);

        if (found != WORKER_DEPLOYMENT_VERSION_STATUS_UNSPECIFIED)
            text[length++] = letters[found];
    }
    text[length] = '\0';
    return text;
}

/* "current" or "current ramping@percentage", as "deployment.build" each and "-" for none. */
static const char *routing(const char *queue)
{
    struct queue_name name = workflow_queue(queue);
    struct queue_routing found;
    const char *current, *ramping;

    deployments_routing(deployments, &name, &found);
    if (!found.is_known)
        return "unknown";
    current = queue_version_is_set(&found.current.version)
                  ? arena_printf(arena, "%s.%s", found.current.version.deployment, found.current.version.build_id)
                  : "-";
    ramping = queue_version_is_set(&found.ramping.version)
                  ? arena_printf(arena, "%s.%s", found.ramping.version.deployment, found.ramping.version.build_id)
                  : "-";
    return found.has_ramping ? arena_printf(arena, "%s %s@%g", current, ramping, found.ramp_percentage) : current;
}

/* All that is known, as bytes that can be compared. */
static struct buffer snapshot(void)
{
    struct buffer all = {0};
    struct deployment **list;
    size_t deployments_count = deployments_list(deployments, NS, arena, &list);

    for (size_t i = 0; i < deployments_count; i++) {
        struct deployment_version **versions;
        size_t versions_count = deployment_versions(list[i], arena, &versions);
        struct bytes packed = pb_pack(arena, deployment_record(list[i]));

        buffer_append(&all, deployment_name(list[i]), strlen(deployment_name(list[i])));
        buffer_append(&all, packed.data, packed.len);
        for (size_t place = 0; place < versions_count; place++) {
            packed = pb_pack(arena, deployment_version_record(versions[place]));
            buffer_append(&all, deployment_version_build_id(versions[place]), 1);
            buffer_append(&all, packed.data, packed.len);
        }
    }
    return all;
}

/* ---- statuses ---- */

START_TEST(a_version_goes_through_its_statuses)
{
    struct queue_version third = version_of("d", "3");

    ok(poll("d", "1", "q"));
    ok(poll("d", "2", "q"));
    ok(deployments_create_version(deployments, arena, NS, &third, NULL, "me", "r", now));
    ck_assert_str_eq(statuses("d"), "IIN");
    ok(set_current("d", "1"));
    ck_assert_str_eq(statuses("d"), "CIN");
    ok(set_ramping("d", "2", 0));
    ck_assert_str_eq(statuses("d"), "CRN");
    ok(set_current("d", "2"));
    ck_assert_str_eq(statuses("d"), "DCN");
    ok(set_ramping("d", "1", 5));
    ck_assert_str_eq(statuses("d"), "RCN");
    ok(set_ramping("d", "3", 5));
    ck_assert_str_eq(statuses("d"), "DCR");
    ok(set_ramping("d", "", 0));
    ck_assert_str_eq(statuses("d"), "DCD");
    ok(set_current("d", ""));
    ck_assert_str_eq(statuses("d"), "DDD");
    deployments_check_drainage(deployments, now + seconds(2));
    ck_assert_str_eq(statuses("d"), "XXX");
    ok(set_current("d", "3"));
    ck_assert_str_eq(statuses("d"), "XXC");
    ok(poll("d", "3", "q"));
    ok(delete_version("d", "1"));
    ok(poll("d", "1", "q"));
    ck_assert_str_eq(statuses("d"), "IXC");
}
END_TEST

START_TEST(times_say_when_it_was_what)
{
    const PbDeploymentVersionRecord *record;
    nanos first, second;

    ok(poll("d", "1", "q"));
    ok(poll("d", "2", "q"));
    record = record_of("d", "1");
    ck_assert_int_eq(record->create_time, now);
    now += seconds(1);
    ok(set_ramping("d", "1", 5));
    first = record->ramping_since_time;
    ck_assert_int_ge(first, now);
    ck_assert_int_eq(record->routing_changed_time, first);
    ck_assert_int_eq(record->first_activation_time, first);
    ck_assert_int_eq(record->last_current_time, 0);
    now += seconds(1);
    ok(set_ramping("d", "1", 10));
    ck_assert_int_eq(record->ramping_since_time, first);
    ck_assert_int_gt(record->routing_changed_time, first);
    now += seconds(1);
    ok(set_current("d", "1"));
    second = record->current_since_time;
    ck_assert_int_ge(second, now);
    ck_assert_int_eq(record->last_current_time, second);
    ck_assert_int_eq(record->ramping_since_time, 0);
    ck_assert_int_eq(record->first_activation_time, first);
    now += seconds(1);
    ok(set_current("d", "2"));
    ck_assert_int_eq(record->current_since_time, 0);
    ck_assert_int_ge(record->last_deactivation_time, now);
    ck_assert_int_eq(record->routing_changed_time, record->last_deactivation_time);
    ck_assert_int_eq(record->drainage_changed_time, record->last_deactivation_time);
    ck_assert_int_eq(record->last_current_time, second);
    ok(set_current("d", "1"));
    ck_assert_int_eq(record->last_deactivation_time, 0);
    ck_assert_int_eq(record->drainage_changed_time, 0);
    ck_assert_int_eq(record->first_activation_time, first);
}
END_TEST

/* D4 */
START_TEST(of_two_changes_at_one_instant_one_is_the_newer)
{
    uint8_t tokens[2][CONFLICT_TOKEN_BYTES];

    ok(poll("a", "1", "q"));
    ok(poll("b", "1", "q"));
    ok(set_current("b", "1"));
    deployment_conflict_token(deployments_find(deployments, NS, "b"), tokens[0]);
    ok(set_current("a", "1"));
    ck_assert_str_eq(routing("q"), "a.1");
    ok(set_current("b", ""));
    deployment_conflict_token(deployments_find(deployments, NS, "b"), tokens[1]);
    ck_assert_int_lt(memcmp(tokens[0], tokens[1], CONFLICT_TOKEN_BYTES), 0);
}
END_TEST

/* ---- routing ---- */

START_TEST(a_queue_goes_where_the_deployments_that_have_it_say)
{
    ck_assert_str_eq(routing("q"), "unknown");
    ok(poll("a", "1", "q"));
    ck_assert_str_eq(routing("q"), "-");
    ok(set_current("a", "1"));
    ck_assert_str_eq(routing("q"), "a.1");
    ck_assert_str_eq(routing("other"), "unknown");

    /* One that was never routed says nothing; one that is, last, has the say. */
    ok(poll("b", "1", "q"));
    ck_assert_str_eq(routing("q"), "a.1");
    ok(set_current("b", "1"));
    ck_assert_str_eq(routing("q"), "b.1");

    /* A version goes before none, however new that is. */
    ok(set_current("b", ""));
    ck_assert_str_eq(routing("q"), "a.1");
    ok(set_current("b", "1"));
    ck_assert_str_eq(routing("q"), "b.1");

    /* A current version without the queue says nothing about it. */
    ok(poll("b", "2", "elsewhere"));
    ok(set_current("b", "2"));
    ck_assert_str_eq(routing("q"), "a.1");
    ck_assert_str_eq(routing("elsewhere"), "b.2");
    ok(poll("b", "2", "q"));
    ck_assert_str_eq(routing("q"), "b.2");
    ok(set_current("a", ""));
    ok(set_current("b", ""));
    ck_assert_str_eq(routing("q"), "-");
}
END_TEST

START_TEST(ramps_are_looked_for_apart_from_the_current_version)
{
    ok(poll("a", "1", "q"));
    ok(poll("a", "2", "q"));
    ok(poll("b", "1", "q"));
    ok(set_ramping("a", "2", 0));
    ck_assert_str_eq(routing("q"), "- a.2@0");
    ok(set_current("a", "1"));
    ok(set_ramping("b", "1", 25));
    ck_assert_str_eq(routing("q"), "a.1 b.1@25");
    ok(set_ramping("a", "2", 12.5F));
    ck_assert_str_eq(routing("q"), "a.1 a.2@12.5");
    ok(set_ramping("a", "*", 50));
    ck_assert_str_eq(routing("q"), "a.1 b.1@25");
    ok(set_ramping("b", "", 0)); /* newer than the ramp to workers without a version: there is none */
    ck_assert_str_eq(routing("q"), "a.1");
    ok(set_ramping("a", "*", 60));
    ck_assert_str_eq(routing("q"), "a.1 -@60");
    ok(set_current("a", ""));
    ck_assert_str_eq(routing("q"), "-");
}
END_TEST

START_TEST(types_of_a_queue_are_apart)
{
    struct queue_name activities = {.namespace_id = NS, .type = QUEUE_ACTIVITY, .name = "q"};
    struct queue_version version = version_of("a", "1");
    struct queue_routing found;

    ok(poll("a", "1", "q"));
    ck_assert(deployments_version_has_queue(deployments, NS, &version, QUEUE_WORKFLOW, "q"));
    ck_assert(!deployments_version_has_queue(deployments, NS, &version, QUEUE_ACTIVITY, "q"));
    ck_assert(!deployments_version_has_queue(deployments, NS + 1, &version, QUEUE_WORKFLOW, "q"));
    deployments_routing(deployments, &activities, &found);
    ck_assert(!found.is_known);
    ok(deployments_register(deployments, arena, &activities, &version, now));
    ok(set_current("a", "1"));
    deployments_routing(deployments, &activities, &found);
    ck_assert_str_eq(found.current.version.build_id, "1");
    ck_assert_int_eq(found.current.revision, 1);
    ck_assert(!deployments_version_has_queue(deployments, NS, &NONE, QUEUE_WORKFLOW, "q"));
}
END_TEST

START_TEST(the_listener_hears_of_queues_that_send_elsewhere)
{
    ok(poll("a", "1", "p"));
    ok(poll("a", "1", "q"));
    ok(poll("a", "2", "q"));
    ck_assert_str_eq(told, "pw qw qw ");
    routing("p");
    routing("q");
    told[0] = '\0';
    ok(set_current("a", "1"));
    ck_assert_str_eq(told, "pw qw ");
    told[0] = '\0';
    ok(set_ramping("a", "2", 10));
    ck_assert_str_eq(told, "qw "); /* p is not in version 2 */
    told[0] = '\0';
    ok(set_ramping("a", "2", 10));
    ck_assert_str_eq(told, "");
    ok(set_current("a", "2"));
    ck_assert_str_eq(told, "pw qw ");
}
END_TEST

/* ---- limits ---- */

START_TEST(the_oldest_version_that_may_go_makes_room)
{
    ok(poll("d", "1", "q"));
    ok(poll("d", "2", "q"));
    ok(poll("d", "3", "q"));
    ok(set_current("d", "1"));
    polled_version = "2";
    ok(poll("d", "4", "q"));
    ck_assert_str_eq(statuses("d"), "CII");
    ck_assert_ptr_null(deployment_find_version(deployments_find(deployments, NS, "d"), "3"));
    ok(set_ramping("d", "4", 1));
    refused(poll("d", "5", "q"), GRPC_RESOURCE_EXHAUSTED,
            "cannot add version d.5 since maximum number of versions (3) have been registered in the deployment");
    ok(set_ramping("d", "", 0));
    refused(poll("d", "5", "q"), GRPC_RESOURCE_EXHAUSTED, /* 4 drains */
            "cannot add version d.5 since maximum number of versions (3) have been registered in the deployment");
    deployments_check_drainage(deployments, now + seconds(2));
    ok(poll("d", "5", "q"));
}
END_TEST

START_TEST(there_may_be_so_many_and_no_more)
{
    ok(poll("a", "1", "p"));
    ok(poll("a", "1", "q"));
    refused(poll("a", "1", "r"), GRPC_RESOURCE_EXHAUSTED,
            "cannot add task queue r since maximum number of task queues (2) have been registered in deployment");
    ok(poll("b", "1", "q"));
    ok(poll("b", "2", "q"));
    ok(poll("c", "1", "q"));
    ok(poll("c", "2", "q")); /* one more than the limit */
    refused(poll("c", "3", "q"), GRPC_RESOURCE_EXHAUSTED,
            "exceeding maximum number of Deployment Versions in this task queue (limit = 4)");
    refused(poll("d", "1", "s"), GRPC_RESOURCE_EXHAUSTED, "reached maximum deployments in namespace (3)");
}
END_TEST

START_TEST(queues_with_work_are_not_left_behind)
{
    struct routing_change change = change_of("a", "2");
    struct routing_before before;

    ok(poll("a", "1", "q"));
    ok(poll("a", "2", "p"));
    ok(set_current("a", "1"));
    is_busy = true;
    refused(set_current("a", "2"), GRPC_FAILED_PRECONDITION,
            "proposed current version 'a:2' is missing active task queues from the current version; these would become "
            "unversioned if it is set as the current version");
    refused(set_ramping("a", "2", 1), GRPC_FAILED_PRECONDITION,
            "proposed ramping version 'a:2' is missing active task queues from the current version; these would become "
            "unversioned if it is set as the ramping version");
    ok(set_current("a", ""));
    ok(set_current("a", "2"));
    ok(set_current("a", ""));
    ok(set_current("a", "1"));
    change.ignores_missing_queues = true;
    ok(deployments_set_current(deployments, arena, &change, now, &before));
    ck_assert_str_eq(before.build_id, "1");
}
END_TEST

/* ---- drainage ---- */

static nanos next_check(void)
{
    nanos due = -1;

    ck_assert(deployments_next_check(deployments, &due));
    return due;
}

static void drain_first_version(void)
{
    ok(poll("d", "1", "q"));
    ok(set_current("d", "1"));
    ok(set_current("d", ""));
}

START_TEST(a_version_without_pinned_runs_drains_for_a_second)
{
    drain_first_version();
    ck_assert_int_eq(next_check(), record_of("d", "1")->drainage_changed_time + seconds(1));
    deployments_check_drainage(deployments, now + seconds(1) - 1);
    ck_assert_str_eq(statuses("d"), "D");
    deployments_check_drainage(deployments, next_check());
    ck_assert_str_eq(statuses("d"), "X");
    ck_assert_int_eq(next_check(), NANOS_MAX);
}
END_TEST

START_TEST(the_last_pinned_run_ends_drainage)
{
    count("d", "1", 1);
    drain_first_version();
    count("d", "1", 1);
    ck_assert_int_eq(next_check(), NANOS_MAX);
    deployments_check_drainage(deployments, now + seconds(100));
    count("d", "1", -1);
    ck_assert_str_eq(statuses("d"), "D");
    deployments_check_drainage(deployments, now + seconds(200));
    ck_assert_str_eq(statuses("d"), "D");
    count("d", "1", -1);
    ck_assert_int_lt(next_check(), now + seconds(2));
    deployments_check_drainage(deployments, now + seconds(300));
    ck_assert_str_eq(statuses("d"), "X");
    ck_assert_int_eq(record_of("d", "1")->drainage_changed_time, now + seconds(300));
}
END_TEST

START_TEST(nothing_is_drained_before_all_runs_are_counted)
{
    deployments_free(deployments);
    deployments = new_deployments();
    drain_first_version();
    ck_assert_int_eq(next_check(), NANOS_MAX);
    deployments_check_drainage(deployments, now + seconds(100));
    ck_assert_str_eq(statuses("d"), "D");
    deployments_counting_done(deployments);
    ck_assert_int_lt(next_check(), now + seconds(2));
    deployments_check_drainage(deployments, now + seconds(100));
    ck_assert_str_eq(statuses("d"), "X");
}
END_TEST

START_TEST(intervals_say_when_to_look)
{
    nanos began, looked;

    limits.checks_drainage_at_intervals = true;
    count("d", "1", 1);
    drain_first_version();
    began = record_of("d", "1")->drainage_changed_time;
    ck_assert_int_eq(next_check(), began + seconds(3));
    deployments_check_drainage(deployments, began + seconds(3));
    looked = record_of("d", "1")->drainage_checked_time;
    ck_assert_int_eq(looked, began + seconds(3));
    ck_assert_int_eq(record_of("d", "1")->drainage_changed_time, began);
    count("d", "1", -1);
    ck_assert_int_eq(next_check(), looked + seconds(2));
    deployments_check_drainage(deployments, looked + seconds(2) - 1);
    ck_assert_str_eq(statuses("d"), "D");
    deployments_check_drainage(deployments, looked + seconds(2));
    ck_assert_str_eq(statuses("d"), "X");
}
END_TEST

START_TEST(pinning_makes_an_idle_version_drain_again)
{
    struct queue_version version = version_of("d", "1"), unknown = version_of("d", "9");
    nanos deactivated;

    deployments_reactivate(deployments, NS, &version, now);
    drain_first_version();
    deactivated = record_of("d", "1")->last_deactivation_time;
    deployments_check_drainage(deployments, now + seconds(2));
    ck_assert_str_eq(statuses("d"), "X");
    now += seconds(10);
    limits.reactivates = false;
    deployments_reactivate(deployments, NS, &version, now);
    ck_assert_str_eq(statuses("d"), "X");
    limits.reactivates = true;
    deployments_reactivate(deployments, NS, &unknown, now);
    deployments_reactivate(deployments, NS, &version, now);
    ck_assert_str_eq(statuses("d"), "D");
    ck_assert_int_ge(record_of("d", "1")->drainage_changed_time, now);
    ck_assert_int_eq(record_of("d", "1")->last_deactivation_time, deactivated);
    ok(set_current("d", "1"));
    deployments_reactivate(deployments, NS, &version, now);
    ck_assert_str_eq(statuses("d"), "C");
    ok(poll("d", "2", "q"));
    version.build_id = "2";
    deployments_reactivate(deployments, NS, &version, now);
    ck_assert_str_eq(statuses("d"), "CD");
}
END_TEST

/* ---- undoing, storing ---- */

static void change_metadata(void)
{
    PbUpdateWorkerDeploymentVersionMetadataRequest request = PbUpdateWorkerDeploymentVersionMetadataRequest_INIT;
    const char *removed[] = {"a", "nope"};

    request.n_remove_entries = 2;
    request.remove_entries = removed;
    request.identity = "you";
    deployment_version_set_metadata(deployments, deployment_find_version(deployments_find(deployments, NS, "a"), "1"),
                                    &request);
}

/* A turn of changes. */
static void change(int which)
{
    struct queue_version version = version_of("a", "1");
    struct routing_change manager = change_of("a", "");
    const char *before;

    switch (which) {
    case 0:
        ok(poll("new", "1", "q"));
        ok(set_current("new", "1"));
        break;
    case 1:
        ok(poll("a", "3", "q"));
        ok(set_ramping("a", "3", 20));
        break;
    case 2:
        ok(set_current("a", ""));
        ok(delete_version("b", "1"));
        ok(deployments_delete(deployments, NS, "b"));
        break;
    case 3: /* gone and made again */
        ok(delete_version("b", "1"));
        ok(deployments_delete(deployments, NS, "b"));
        ok(poll("b", "1", "p"));
        ok(set_current("b", "1"));
        break;
    case 4:
        change_metadata();
        ok(deployments_set_manager(deployments, arena, &manager, "boss", now, &before));
        break;
    case 5:
        ok(set_ramping("a", "", 0));
        deployments_check_drainage(deployments, now + seconds(5));
        deployments_reactivate(deployments, NS, &version, now);
        break;
    case 6: /* made and gone */
        ok(poll("c", "1", "q"));
        ok(delete_version("c", "1"));
        ok(deployments_delete(deployments, NS, "c"));
        break;
    default:
        ck_abort();
    }
}

enum { CHANGES_COUNT = 7 };

static void make_some(void)
{
    ok(poll("a", "1", "q"));
    ok(poll("a", "2", "q"));
    ok(poll("a", "2", "p"));
    ok(poll("b", "1", "q"));
    ok(set_current("a", "1"));
    ok(set_ramping("a", "2", 10));
    deployments_confirm(deployments);
    ck_assert(!deployments_have_changed(deployments));
}

START_TEST(what_is_undone_was_never_there)
{
    struct buffer before, after;
    const char *routes;

    make_some();
    before = snapshot();
    routes = routing("q");
    change(_i);
    ck_assert(deployments_have_changed(deployments));
    deployments_undo(deployments);
    ck_assert(!deployments_have_changed(deployments));
    after = snapshot();
    ck_assert_uint_eq(after.len, before.len);
    ck_assert_int_eq(memcmp(after.data, before.data, after.len), 0);
    ck_assert_str_eq(routing("q"), routes);
    ck_assert_str_eq(routing("p"), "- a.2@10");
    change(_i); /* what was undone can be done */
    deployments_confirm(deployments);
    buffer_free(&before);
    buffer_free(&after);
}
END_TEST

/* The database: rows by their names. */
static struct {
    struct deployment_row rows[32];
    size_t count;
} stored;

static bool is_same_row(const struct deployment_row *a, const struct deployment_row *b)
{
    return strcmp(a->name, b->name) == 0 && (a->build_id == NULL) == (b->build_id == NULL) &&
           (a->build_id == NULL || strcmp(a->build_id, b->build_id) == 0);
}

static void store_row(void *context, const struct deployment_row *row)
{
    size_t place = 0;

    (void)context;
    while (place < stored.count && !is_same_row(&stored.rows[place], row))
        place++;
    if (row->is_deleted) {
        if (place < stored.count)
            stored.rows[place] = stored.rows[--stored.count];
        return;
    }
    if (place == stored.count)
        stored.count++;
    stored.rows[place] = *row;
    stored.rows[place].name = arena_strdup(arena, row->name);
    stored.rows[place].build_id = arena_strdup(arena, row->build_id);
}

START_TEST(what_was_stored_comes_back)
{
    struct buffer before, after;
    const char *routes;

    stored.count = 0;
    ok(poll("a", "1", "q"));
    ok(poll("a", "2", "q"));
    ok(poll("a", "2", "p"));
    ok(poll("b", "1", "q"));
    ok(set_current("a", "1"));
    ok(set_ramping("a", "2", 10));
    deployments_each_change(deployments, arena, store_row, NULL);
    deployments_confirm(deployments);
    change(_i);
    deployments_each_change(deployments, arena, store_row, NULL);
    deployments_confirm(deployments);
    before = snapshot();
    routes = routing("q");
    deployments_free(deployments);

    deployments = new_deployments();
    for (int versions = 0; versions <= 1; versions++)
        for (size_t i = 0; i < stored.count; i++)
            if ((stored.rows[i].build_id != NULL) == versions)
                ck_assert(deployments_restore(deployments, &stored.rows[i]));
    after = snapshot();
    ck_assert_uint_eq(after.len, before.len);
    ck_assert_int_eq(memcmp(after.data, before.data, after.len), 0);
    ck_assert_str_eq(routing("q"), routes);
    ck_assert(!deployments_have_changed(deployments));
    buffer_free(&before);
    buffer_free(&after);
}
END_TEST

START_TEST(rows_that_cannot_be)
{
    struct deployment_row version = {.namespace_id = NS, .name = "a", .build_id = "1"};
    struct deployment_row garbage = {.namespace_id = NS, .name = "b", .record = {(const uint8_t *)"\x08", 1}};

    ck_assert(!deployments_restore(deployments, &version)); /* its deployment is not there */
    ck_assert(!deployments_restore(deployments, &garbage));
    garbage.record.len = 0;
    ck_assert(deployments_restore(deployments, &garbage));
    ck_assert(!deployments_restore(deployments, &garbage)); /* twice */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("deployments");
    TCase *tcase = tcase_create("deployments");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_version_goes_through_its_statuses);
    tcase_add_test(tcase, times_say_when_it_was_what);
    tcase_add_test(tcase, of_two_changes_at_one_instant_one_is_the_newer);
    tcase_add_test(tcase, a_queue_goes_where_the_deployments_that_have_it_say);
    tcase_add_test(tcase, ramps_are_looked_for_apart_from_the_current_version);
    tcase_add_test(tcase, types_of_a_queue_are_apart);
    tcase_add_test(tcase, the_listener_hears_of_queues_that_send_elsewhere);
    tcase_add_test(tcase, the_oldest_version_that_may_go_makes_room);
    tcase_add_test(tcase, there_may_be_so_many_and_no_more);
    tcase_add_test(tcase, queues_with_work_are_not_left_behind);
    tcase_add_test(tcase, a_version_without_pinned_runs_drains_for_a_second);
    tcase_add_test(tcase, the_last_pinned_run_ends_drainage);
    tcase_add_test(tcase, nothing_is_drained_before_all_runs_are_counted);
    tcase_add_test(tcase, intervals_say_when_to_look);
    tcase_add_test(tcase, pinning_makes_an_idle_version_drain_again);
    tcase_add_loop_test(tcase, what_is_undone_was_never_there, 0, CHANGES_COUNT);
    tcase_add_loop_test(tcase, what_was_stored_comes_back, 0, CHANGES_COUNT);
    tcase_add_test(tcase, rows_that_cannot_be);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
