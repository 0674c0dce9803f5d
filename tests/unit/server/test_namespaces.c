/* The table of namespaces: what launch makes, what the file keeps, what a failed commit takes back. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/uuid.h"
#include "persistence/store.h"
#include "proto/pb.h"
#include "server/engine/engine.h"
#include "server/options.h"
#include "server/server.h"
#include "server/services/cluster.h"
#include "server/services/deployments.h"
#include "server/services/namespaces.h"
#include "server/turn.h"

static struct arena *arena;
static struct options options;
static struct server server;

static void reopen_namespaces(void)
{
    status made;

    namespaces_free(server.namespaces);
    server.namespaces = NULL;
    made = namespaces_new(&server, arena, &server.namespaces);
    ck_assert_msg(status_is_ok(made), "%s", made.message);
    ck_assert(status_is_ok(store_commit(server.store, arena)));
}

static void setup(void)
{
    static const char *names[] = {"mine", "mine", "default", "odd name!"};

    arena = arena_new(4096);
    options = (struct options){.namespaces = names, .namespaces_count = 4};
    server = (struct server){.options = &options, .clock = clock_new(seconds(1700000000)), .rand = rand_new(7)};
    server.timers = timers_new();
    server.turn = turn_new(&server);
    ck_assert(status_is_ok(store_open(arena, &(struct store_options){.path = NULL}, &server.store)));
    ck_assert(status_is_ok(deployment_service_new(&server, &server.deployment_service)));
    reopen_namespaces();
    server.engine = engine_new(&server); /* a turn ends with it */
}

static void teardown(void)
{
    engine_free(server.engine);
    deployment_service_free(server.deployment_service);
    namespaces_free(server.namespaces);
    turn_free(server.turn);
    timers_free(server.timers);
    store_close(server.store);
    rand_free(server.rand);
    clock_free(server.clock);
    arena_free(arena);
}

static const struct namespace_info *find(const char *name)
{
    const struct namespace_info *ns = NULL;

    return status_is_ok(namespaces_find(server.namespaces, arena, name, &ns)) ? ns : NULL;
}

static PbNamespaceRecord *record_of(const char *description)
{
    PbNamespaceRecord *record = ARENA_NEW_PB(arena, PbNamespaceRecord);

    record->description = description;
    record->retention = seconds(7200);
    return record;
}

START_TEST(launch_makes_the_default_set_and_those_asked_for)
{
    const struct namespace_info *ns = find("default"), *system = find("temporal-system");

    ck_assert_int_eq(namespaces_count(server.namespaces), 4);
    ck_assert_ptr_nonnull(ns);
    ck_assert_int_eq(ns->retention, seconds(86400));
    ck_assert_int_eq(ns->state, NAMESPACE_STATE_REGISTERED);
    ck_assert_int_eq(ns->uuid[6] >> 4, 7);
    ck_assert_ptr_nonnull(find("odd name!"));
    ck_assert_str_eq(system->uuid_text, "32049b68-7872-4094-8e63-d0dd59896a83");
    ck_assert_int_eq(system->retention, seconds(604800));
    ck_assert_str_eq(system->record->owner_email, "temporal-core@temporal.io");
}
END_TEST

START_TEST(they_are_found_by_each_of_their_names)
{
    const struct namespace_info *ns = find("mine");
    char upper[UUID_TEXT_BYTES];

    ck_assert_ptr_eq(namespaces_find_by_id(server.namespaces, ns->id), ns);
    ck_assert_ptr_eq(namespaces_find_by_uuid(server.namespaces, ns->uuid_text), ns);
    for (size_t i = 0; i < sizeof(upper); i++)
        upper[i] = (char)(ns->uuid_text[i] >= 'a' ? ns->uuid_text[i] - 32 : ns->uuid_text[i]);
    ck_assert_ptr_eq(namespaces_find_by_uuid(server.namespaces, upper), ns);
    ck_assert_ptr_null(namespaces_find_by_id(server.namespaces, 999));
    ck_assert_ptr_null(namespaces_find_by_uuid(server.namespaces, "mine"));
    ck_assert_ptr_null(namespaces_find_by_uuid(server.namespaces, "00000000-0000-0000-0000-000000000000"));
}
END_TEST

START_TEST(an_unknown_name_is_refused_with_its_detail)
{
    const struct namespace_info *ns = NULL;
    status found = namespaces_find(server.namespaces, arena, "nope", &ns);
    const PbNamespaceNotFoundFailure *detail = found.detail;

    ck_assert_int_eq(found.code, GRPC_NOT_FOUND);
    ck_assert_str_eq(found.message, "Namespace nope is not found.");
    ck_assert_str_eq(detail->namespace_, "nope");
    ck_assert_int_eq(namespaces_find(server.namespaces, arena, "", &ns).code, GRPC_INVALID_ARGUMENT);
    ck_assert_str_eq(namespaces_find(server.namespaces, arena, NULL, &ns).message, "Namespace is empty.");
    ck_assert_ptr_null(ns);
}
END_TEST

START_TEST(what_is_registered_survives_and_is_left_alone_by_launch)
{
    const struct namespace_info *ns;
    const char *uuid;

    ck_assert(status_is_ok(namespaces_register(server.namespaces, arena, "n1", record_of("first"), &ns)));
    uuid = arena_strdup(arena, ns->uuid_text);
    ck_assert_int_eq(ns->uuid[6] >> 4, 4);
    turn_end(server.turn);
    reopen_namespaces();
    ns = find("n1");
    ck_assert_ptr_nonnull(ns);
    ck_assert_str_eq(ns->uuid_text, uuid);
    ck_assert_str_eq(ns->record->description, "first");
    ck_assert_int_eq(ns->retention, seconds(7200));
    ck_assert_int_eq(namespaces_count(server.namespaces), 5);
}
END_TEST

START_TEST(a_taken_name_is_refused)
{
    const struct namespace_info *ns = NULL;
    status taken = namespaces_register(server.namespaces, arena, "odd name!", record_of(""), &ns);

    ck_assert_int_eq(taken.code, GRPC_ALREADY_EXISTS);
    ck_assert_str_eq(taken.message, "Namespace \"odd name!\" already exists");
    ck_assert_ptr_nonnull(taken.detail);
    ck_assert_ptr_null(ns);
}
END_TEST

START_TEST(a_failed_commit_takes_the_new_one_back)
{
    const struct namespace_info *ns, *kept = find("mine");

    store_fail_after(server.store, 1);
    ck_assert(status_is_ok(namespaces_register(server.namespaces, arena, "n1", record_of(""), &ns)));
    store_fail_after(server.store, 0);
    ck_assert_ptr_eq(find("n1"), ns);
    turn_end(server.turn);
    ck_assert_ptr_null(find("n1"));
    ck_assert_ptr_null(namespaces_find_by_uuid(server.namespaces, ns->uuid_text));
    ck_assert_ptr_eq(find("mine"), kept);
    ck_assert(status_is_ok(namespaces_register(server.namespaces, arena, "n1", record_of(""), &ns)));
    turn_end(server.turn);
    ck_assert_ptr_eq(find("n1"), ns);
}
END_TEST

START_TEST(lists_go_by_the_bytes_of_ids)
{
    const struct namespace_info *list[8], *ns;

    for (int i = 0; i < 3; i++)
        ck_assert(status_is_ok(
            namespaces_register(server.namespaces, arena, arena_printf(arena, "n%d", i), record_of(""), &ns)));
    ck_assert_int_eq(namespaces_list(server.namespaces, NULL, false, list, 8), 7);
    for (int i = 1; i < 7; i++)
        ck_assert_int_lt(memcmp(list[i - 1]->uuid, list[i]->uuid, UUID_BYTES), 0);
    ns = list[3];
    ck_assert_int_eq(namespaces_list(server.namespaces, list[2]->uuid, false, list, 2), 2);
    ck_assert_ptr_eq(list[0], ns);
    turn_end(server.turn);
}
END_TEST

START_TEST(search_attributes_of_the_launch_get_columns)
{
    struct search_attribute_option attributes[] = {
        {"A", INDEXED_VALUE_TYPE_INT}, {"B", INDEXED_VALUE_TYPE_KEYWORD}, {"C", INDEXED_VALUE_TYPE_INT}};
    static const char *names[] = {"later"};
    const PbNamespaceRecord *record;

    options.namespaces = names;
    options.namespaces_count = 1;
    options.search_attributes = attributes;
    options.search_attributes_count = 3;
    reopen_namespaces();
    record = find("later")->record;
    ck_assert_uint_eq(record->n_search_attributes, 3);
    ck_assert_str_eq(record->search_attributes[0]->column, "Int01");
    ck_assert_str_eq(record->search_attributes[1]->column, "Keyword01");
    ck_assert_str_eq(record->search_attributes[2]->column, "Int02");
    ck_assert_str_eq(record->search_attributes[2]->name, "C");
    ck_assert_uint_eq(find("mine")->record->n_search_attributes, 0); /* was there before */
}
END_TEST

START_TEST(there_are_as_many_columns_as_in_the_real_server)
{
    struct search_attribute_option attributes[] = {{"A", INDEXED_VALUE_TYPE_INT},
                                                   {"B", INDEXED_VALUE_TYPE_INT},
                                                   {"C", INDEXED_VALUE_TYPE_INT},
                                                   {"D", INDEXED_VALUE_TYPE_INT}};
    struct namespaces *namespaces = NULL;
    status made;

    options.search_attributes = attributes;
    options.search_attributes_count = 4;
    options.real_search_attribute_limits = true;
    made = namespaces_new(&server, arena, &namespaces);
    ck_assert_str_eq(made.message,
                     "failed creating namespace config: cannot have more than 3 search attributes of type Int");
    ck_assert_ptr_null(namespaces);
}
END_TEST

START_TEST(only_registered_ones_start_anything)
{
    struct namespace_info ns = *find("mine");
    const PbNamespaceInvalidStateFailure *detail;
    status checked;

    ck_assert(status_is_ok(namespace_check_registered(arena, &ns)));
    ns.state = NAMESPACE_STATE_DEPRECATED;
    checked = namespace_check_registered(arena, &ns);
    detail = checked.detail;
    ck_assert_int_eq(checked.code, GRPC_FAILED_PRECONDITION);
    ck_assert_str_eq(checked.message, "Namespace has invalid state: Deprecated. Must be Registered.");
    ck_assert_int_eq(detail->state, NAMESPACE_STATE_DEPRECATED);
    ck_assert_uint_eq(detail->n_allowed_states, 1);
}
END_TEST

START_TEST(the_cluster_keeps_its_id)
{
    const char *first, *second;

    ck_assert(status_is_ok(cluster_set_up(&server, arena)));
    ck_assert(status_is_ok(cluster_id(&server, arena, &first)));
    ck_assert(status_is_ok(cluster_set_up(&server, arena)));
    ck_assert(status_is_ok(cluster_id(&server, arena, &second)));
    ck_assert_str_eq(first, second);
    ck_assert_uint_eq(strlen(first), UUID_TEXT_BYTES - 1);
}
END_TEST

/* The names of the search attributes of "mine", with blanks between. */
static const char *attribute_names(void)
{
    const PbNamespaceRecord *record = find("mine")->record;
    const char *names = "";

    for (size_t i = 0; i < record->n_search_attributes; i++)
        names = arena_printf(arena, "%s%s%s", names, i == 0 ? "" : " ", record->search_attributes[i]->name);
    return names;
}

static status add_attribute(const char *name, PbIndexedValueType type)
{
    int number = (int)type;

    return namespaces_add_search_attributes(server.namespaces, arena, find("mine"), 1, &name, &number);
}

static void remove_attribute(const char *name)
{
    namespaces_remove_search_attributes(server.namespaces, arena, find("mine"), 1, &name);
}

START_TEST(search_attributes_come_and_go)
{
    const struct namespace_info *ns = find("mine");

    for (int i = 0; i < 5; i++)
        ck_assert(status_is_ok(add_attribute(arena_printf(arena, "A%d", i), INDEXED_VALUE_TYPE_INT)));
    turn_end(server.turn);
    ck_assert_str_eq(attribute_names(), "A0 A1 A2 A3 A4");
    remove_attribute("A1");
    remove_attribute("A1");
    ck_assert(status_is_ok(add_attribute("B", INDEXED_VALUE_TYPE_INT)));
    ck_assert(status_is_ok(add_attribute("B", INDEXED_VALUE_TYPE_BOOL))); /* is there already */
    turn_end(server.turn);
    ck_assert_ptr_eq(find("mine"), ns);
    ck_assert_str_eq(attribute_names(), "A0 A2 A3 A4 B");
    ck_assert_str_eq(ns->record->search_attributes[4]->column, "Int02"); /* the first that is free */
    ck_assert_int_eq(ns->retention, seconds(86400));
    reopen_namespaces();
    ck_assert_str_eq(attribute_names(), "A0 A2 A3 A4 B");
}
END_TEST

START_TEST(a_failed_commit_takes_a_change_back)
{
    ck_assert(status_is_ok(add_attribute("A", INDEXED_VALUE_TYPE_INT)));
    turn_end(server.turn);
    store_fail_after(server.store, 1);
    remove_attribute("A");
    store_fail_after(server.store, 0);
    ck_assert_str_eq(attribute_names(), "");
    turn_end(server.turn);
    ck_assert_str_eq(attribute_names(), "A");
    ck_assert(status_is_ok(add_attribute("B", INDEXED_VALUE_TYPE_TEXT)));
    turn_end(server.turn);
    ck_assert_str_eq(attribute_names(), "A B");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("namespaces");
    TCase *tcase = tcase_create("namespaces");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, launch_makes_the_default_set_and_those_asked_for);
    tcase_add_test(tcase, they_are_found_by_each_of_their_names);
    tcase_add_test(tcase, an_unknown_name_is_refused_with_its_detail);
    tcase_add_test(tcase, what_is_registered_survives_and_is_left_alone_by_launch);
    tcase_add_test(tcase, a_taken_name_is_refused);
    tcase_add_test(tcase, a_failed_commit_takes_the_new_one_back);
    tcase_add_test(tcase, lists_go_by_the_bytes_of_ids);
    tcase_add_test(tcase, search_attributes_of_the_launch_get_columns);
    tcase_add_test(tcase, search_attributes_come_and_go);
    tcase_add_test(tcase, a_failed_commit_takes_a_change_back);
    tcase_add_test(tcase, there_are_as_many_columns_as_in_the_real_server);
    tcase_add_test(tcase, only_registered_ones_start_anything);
    tcase_add_test(tcase, the_cluster_keeps_its_id);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
