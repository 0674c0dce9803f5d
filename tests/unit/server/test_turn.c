/* The order of a turn: commit, answers, what was deferred; and what becomes of answers when the commit fails. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/timers.h"
#include "persistence/metadata.h"
#include "persistence/store.h"
#include "proto/pb.h"
#include "server/call.h"
#include "server/engine/engine.h"
#include "server/options.h"
#include "server/server.h"
#include "server/services/deployments.h"
#include "server/turn.h"

static struct arena *arena;
static struct options options;
static struct server server;
static struct turn_delivery delivery;
static char journal[256]; /* what happened, in order */

static void note(const char *what)
{
    ck_assert_uint_lt(strlen(journal) + strlen(what) + 2, sizeof(journal));
    strcat(journal, journal[0] == '\0' ? "" : " ");
    strcat(journal, what);
}

static void write_row(void)
{
    metadata_set(server.store, "test", bytes_of("x"));
}

static void deliver(void *context, struct call *call)
{
    (void)context;
    ck_assert(!store_has_changes(server.store)); /* never before the commit */
    note(call->delivery);
    if (call->answer.code != GRPC_OK)
        note(status_code_name(call->answer.code));
}

static void flush(void *context)
{
    (void)context;
    note("flush");
}

static void set_up(void)
{
    struct store_options store_options = {.path = NULL};

    arena = arena_new(4096);
    server = (struct server){.options = &options, .clock = clock_new(seconds(1000)), .rand = rand_new(1)};
    server.timers = timers_new();
    ck_assert(status_is_ok(store_open(arena, &store_options, &server.store)));
    server.turn = turn_new(&server);
    dynamic_config_init(&options.config);
    ck_assert(status_is_ok(deployment_service_new(&server, &server.deployment_service)));
    server.engine = engine_new(&server);
    delivery = (struct turn_delivery){deliver, flush, NULL, NULL};
    turn_add_delivery(server.turn, &delivery);
    ck_assert(status_is_ok(store_commit(server.store, arena)));
    journal[0] = '\0';
    log_configure(LOG_NEVER, false);
}

static void tear_down(void)
{
    engine_free(server.engine);
    deployment_service_free(server.deployment_service);
    turn_free(server.turn);
    store_close(server.store);
    timers_free(server.timers);
    rand_free(server.rand);
    clock_free(server.clock);
    arena_free(arena);
}

/* A call that is known by a name in the journal. */
static struct call *new_call(char *name)
{
    struct call *call = ARENA_NEW(arena, struct call);

    *call = (struct call){.server = &server,
                          .arena = arena,
                          .rpc = rpc_table,
                          .deadline = NANOS_MAX,
                          .delivery = name,
                          .transport = &delivery};
    call->tail_end = &call->tail;
    return call;
}

static char a[] = "a", b[] = "b", c[] = "c";

static void deferred(void *context)
{
    note(context);
}

START_TEST(answers_leave_in_order_after_the_commit)
{
    turn_defer(server.turn, deferred, c);
    call_answer(new_call(a), status_ok());
    write_row();
    call_answer(new_call(b), status_error(GRPC_NOT_FOUND, "no"));
    ck_assert_str_eq(journal, "");
    turn_end(server.turn);
    ck_assert_str_eq(journal, "a b NOT_FOUND c flush");
    turn_end(server.turn);
    ck_assert_str_eq(journal, "a b NOT_FOUND c flush flush");
}
END_TEST

static void must_not_run(struct call *call)
{
    (void)call;
    ck_abort_msg("a spoiled answer comes back");
}

START_TEST(when_the_commit_fails_nothing_has_happened)
{
    struct call *call = new_call(a);

    call->on_undelivered = must_not_run;
    call_add_header(call, "x", "y");
    call_answer(call, status_ok());
    write_row();
    store_fail_after(server.store, 1);
    turn_end(server.turn);
    store_fail_after(server.store, 0);
    ck_assert_str_eq(journal, "a UNAVAILABLE flush");
    ck_assert_ptr_null(call->on_undelivered);
    ck_assert_ptr_null(call->answer_headers);
    ck_assert(!store_has_changes(server.store));

    call_answer(new_call(b), status_ok()); /* the next turn knows nothing of it */
    write_row();
    turn_end(server.turn);
    ck_assert_str_eq(journal, "a UNAVAILABLE flush b flush");
}
END_TEST

static void answer_another(void *context)
{
    note("deferred");
    write_row();
    call_answer(context, status_ok());
}

START_TEST(what_is_deferred_may_answer_and_write)
{
    turn_defer(server.turn, answer_another, new_call(b));
    call_answer(new_call(a), status_ok());
    turn_end(server.turn);
    ck_assert_str_eq(journal, "a deferred b flush");
    ck_assert(!store_has_changes(server.store));
}
END_TEST

static void hook(struct call *call, enum call_end why)
{
    (void)call;
    (void)why;
}

START_TEST(an_answered_call_is_parked_no_longer)
{
    struct call *call = new_call(a);

    ck_assert_int_eq(call_park(call, hook, call).code, GRPC_PENDING);
    ck_assert(call->parked && call->on_cancel == hook && call->waiter == call);
    call_answer(call, status_ok());
    ck_assert(!call->parked && call->answered && call->on_cancel == NULL && call->waiter == NULL);
    turn_end(server.turn);
}
END_TEST

START_TEST(the_time_that_is_left)
{
    struct call *call = new_call(a);

    ck_assert_int_eq(call_time_left(call), NANOS_MAX);
    call->deadline = clock_monotonic(server.clock) + 5;
    ck_assert_int_eq(call_time_left(call), 5);
    call->deadline -= 10;
    ck_assert_int_eq(call_time_left(call), 0);
}
END_TEST

/* Encoded fields behind a packed message are the same as fields in it. */
START_TEST(appended_fields_merge)
{
    struct call *call = new_call(a);
    PbHistoryEvent event = PbHistoryEvent_INIT;
    struct bytes packed, parts[2];
    PbHistory *history;
    uint8_t all[512];
    size_t len = 0;

    event.event_id = 7;
    packed = pb_pack(arena, &event);
    parts[0] = (struct bytes){packed.data, 1};
    parts[1] = (struct bytes){packed.data + 1, packed.len - 1};
    call_append_field(call, 1, parts, 2); /* History.events */
    call_append_field(call, 1, parts, 0); /* an event with nothing in it */
    for (struct call_tail *tail = call->tail; tail != NULL; tail = tail->next) {
        memcpy(all + len, tail->encoded.data, tail->encoded.len);
        len += tail->encoded.len;
    }
    history = pb_unpack(arena, &PbHistory_descriptor, all, len);
    ck_assert_ptr_nonnull(history);
    ck_assert_uint_eq(history->n_events, 2);
    ck_assert_int_eq(history->events[0]->event_id, 7);
    ck_assert_int_eq(history->events[1]->event_id, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("turn");
    TCase *tcase = tcase_create("turn");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, answers_leave_in_order_after_the_commit);
    tcase_add_test(tcase, when_the_commit_fails_nothing_has_happened);
    tcase_add_test(tcase, what_is_deferred_may_answer_and_write);
    tcase_add_test(tcase, an_answered_call_is_parked_no_longer);
    tcase_add_test(tcase, the_time_that_is_left);
    tcase_add_test(tcase, appended_fields_merge);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
