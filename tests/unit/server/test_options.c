/* The command line: what each form of a flag means, and the words in which a wrong one is refused. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration_text.h"
#include "server/options.h"

enum { WORDS_MAX = 24 };

static struct arena *arena;
static struct options options;

static void setup(void)
{
    arena = arena_new(4096);
}

static void teardown(void)
{
    arena_free(arena);
}

/* Parses "fermata " and `line`, cut at spaces. */
static status parse(const char *line)
{
    char *argv[WORDS_MAX + 1] = {arena_strdup(arena, "fermata")};
    char *word = arena_strdup(arena, line), *space;
    int argc = 1;

    for (; word != NULL && *word != '\0'; word = space == NULL ? NULL : space + 1) {
        space = strchr(word, ' ');
        if (space != NULL)
            *space = '\0';
        argv[argc++] = word;
        ck_assert_int_lt(argc, WORDS_MAX);
    }
    options = (struct options){0};
    return options_parse(arena, argc, argv, &options);
}

static void parse_well(const char *line)
{
    status parsed = parse(line);

    ck_assert_msg(status_is_ok(parsed), "%s: %s", line, parsed.message);
}

START_TEST(defaults_are_those_of_the_real_command)
{
    parse_well("server start-dev");
    ck_assert_int_eq(options.action, ACTION_SERVE);
    ck_assert_int_eq(options.port, 7233);
    ck_assert_str_eq(options.ip, "localhost");
    ck_assert_str_eq(options_listen_ip(&options), "127.0.0.1");
    ck_assert_ptr_null(options.db_filename);
    ck_assert(options.banner);
    ck_assert(!options.headless);
    ck_assert_int_eq(options.log_level, LOG_WARN);
    ck_assert_int_eq(options.config.history.blob_bytes_max, 2 << 20);
    ck_assert_int_eq(options.config.history.id_bytes_max, 1000);
    ck_assert_int_eq(options.config.long_poll_max, seconds(60));
}
END_TEST

/* Every way to write the same. */
static const char *const PORT_9[] = {
    "server start-dev --port 9",
    "server start-dev --port=9",
    "server start-dev -p 9",
    "server start-dev -p9",
    "server start-dev -p=9",
    "--port 9 server start-dev",
    "-p9 server start-dev",
    "server --port=9 start-dev",
    "server start-dev --port 8 --port 9",
    "server start-dev --port 0x9",
    "--port 9 -- server start-dev",
    "server start-dev --headless --port 9",
    "server start-dev --port=9 --headless=false",
    "--disable-config-env server start-dev -p 9",
};

START_TEST(flags_have_many_forms)
{
    parse_well(PORT_9[_i]);
    ck_assert_int_eq(options.port, 9);
}
END_TEST

/* As the launchers of SDKs write it. */
START_TEST(launchers_are_understood)
{
    parse_well("server start-dev --port 7777 --namespace ns --ip 127.0.0.1 --log-format pretty --log-level warn "
               "--dynamic-config-value frontend.enableServerVersionCheck=false --dynamic-config-value "
               "frontend.enableUpdateWorkflowExecution=true --db-filename /tmp/x.db --headless");
    ck_assert_int_eq(options.port, 7777);
    ck_assert_int_eq(options.namespaces_count, 1);
    ck_assert_str_eq(options.namespaces[0], "ns");
    ck_assert_str_eq(options.db_filename, "/tmp/x.db");
    ck_assert(options.headless);
    ck_assert(!options.log_as_json);
    parse_well("server start-dev --log-level fatal --ui-port 1234 --search-attribute Name=Keyword");
    ck_assert_int_eq(options.log_level, LOG_NEVER);
    ck_assert_int_eq(options.ui_port, 1234);
}
END_TEST

START_TEST(lists_grow_and_single_values_are_replaced)
{
    parse_well("server start-dev -n a --namespace=b -nc --sqlite-pragma x=1 --sqlite-pragma y=z=2 --search-attribute "
               "A=INT --search-attribute B=keywordlist --search-attribute A=Text -o none --log-format json");
    ck_assert_int_eq(options.namespaces_count, 3);
    ck_assert_str_eq(options.namespaces[2], "c");
    ck_assert_int_eq(options.pragmas_count, 2);
    ck_assert_str_eq(options.pragmas[1].name, "y");
    ck_assert_str_eq(options.pragmas[1].value, "z=2");
    ck_assert_int_eq(options.search_attributes_count, 2);
    ck_assert_str_eq(options.search_attributes[0].name, "A");
    ck_assert_int_eq(options.search_attributes[0].type, INDEXED_VALUE_TYPE_TEXT);
    ck_assert_int_eq(options.search_attributes[1].type, INDEXED_VALUE_TYPE_KEYWORD_LIST);
    ck_assert(!options.banner);
    ck_assert(options.log_as_json);
}
END_TEST

static const struct {
    const char *line, *text;
    enum status_code code; /* INVALID_ARGUMENT: with a hint at --help */
} WRONG[] = {
    {"server start-dev --nope", "unknown flag: --nope", GRPC_INVALID_ARGUMENT},
    {"server start-dev --nope=1", "unknown flag: --nope", GRPC_INVALID_ARGUMENT},
    {"server start-dev --por 1", "unknown flag: --por", GRPC_INVALID_ARGUMENT},
    {"server start-dev -z", "unknown shorthand flag: 'z' in -z", GRPC_INVALID_ARGUMENT},
    {"server start-dev --port", "flag needs an argument: --port", GRPC_INVALID_ARGUMENT},
    {"server start-dev -p", "flag needs an argument: 'p' in -p", GRPC_INVALID_ARGUMENT},
    {"server start-dev --port abc",
     "invalid argument \"abc\" for \"-p, --port\" flag: strconv.ParseInt: parsing \"abc\": invalid syntax",
     GRPC_INVALID_ARGUMENT},
    {"server start-dev --port=", "parsing \"\": invalid syntax", GRPC_INVALID_ARGUMENT},
    {"server start-dev --port 99999999999999999999", "value out of range", GRPC_INVALID_ARGUMENT},
    {"server start-dev --port 99999", "can't set frontend port 99999: listen tcp: address 99999: invalid port",
     GRPC_FAILED_PRECONDITION},
    {"server start-dev --port -1", "can't set frontend port -1: listen tcp: address -1: invalid port",
     GRPC_FAILED_PRECONDITION},
    {"server start-dev --headless=maybe",
     "invalid argument \"maybe\" for \"--headless\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
     GRPC_INVALID_ARGUMENT},
    {"server start-dev --log-level loud",
     "invalid argument \"loud\" for \"--log-level\" flag: loud is not one of required values of debug, info, warn, "
     "error, "
     "never",
     GRPC_INVALID_ARGUMENT},
    {"server start-dev -o xml",
     "for \"-o, --output\" flag: xml is not one of required values of text, json, jsonl, none", GRPC_INVALID_ARGUMENT},
    {"server start-dev --color sometimes", "sometimes is not one of required values of always, never, auto",
     GRPC_INVALID_ARGUMENT},
    {"server start-dev --command-timeout soon", "time: invalid duration \"soon\"", GRPC_INVALID_ARGUMENT},
    {"server start-dev --search-attribute foo", "invalid search attributes: missing expected '=' in \"foo\"",
     GRPC_FAILED_PRECONDITION},
    {"server start-dev --search-attribute foo=Nope", "invalid search attribute value type \"Nope\"",
     GRPC_FAILED_PRECONDITION},
    {"server start-dev --dynamic-config-value foo", "invalid dynamic config values: missing expected '=' in \"foo\"",
     GRPC_FAILED_PRECONDITION},
    {"server start-dev --dynamic-config-value foo=bar",
     "invalid dynamic config values: invalid JSON value for key \"foo\": ", GRPC_FAILED_PRECONDITION},
    {"server start-dev --dynamic-config-value foo=1,2",
     "invalid JSON value for key \"foo\": ", GRPC_FAILED_PRECONDITION},
    {"server start-dev --sqlite-pragma x", "invalid pragma: missing expected '=' in \"x\"", GRPC_FAILED_PRECONDITION},
    {"server start-dev --tls-cert a.pem", "--tls-cert and --tls-key go together", GRPC_INVALID_ARGUMENT},
    {"server start-dev --tls-client-ca a.pem", "--tls-client-ca needs", GRPC_INVALID_ARGUMENT},
    {"server start-dev extra", "unknown command \"extra\" for \"fermata server start-dev\"", GRPC_INVALID_ARGUMENT},
    {"server stop", "unknown command \"stop\" for \"fermata server\"", GRPC_INVALID_ARGUMENT},
    {"nope", "unknown command \"nope\" for \"fermata\"", GRPC_INVALID_ARGUMENT},
    {"server", "no command", GRPC_INVALID_ARGUMENT},
    {"", "no command", GRPC_INVALID_ARGUMENT},
    {"7233", "time-skipping test server (fermata PORT) is not there yet", GRPC_INVALID_ARGUMENT},
};

START_TEST(wrong_lines_are_refused_in_the_real_words)
{
    status parsed = parse(WRONG[_i].line);

    ck_assert_msg(!status_is_ok(parsed), "accepted: %s", WRONG[_i].line);
    ck_assert_msg(strstr(parsed.message, WRONG[_i].text) != NULL, "%s: %s", WRONG[_i].line, parsed.message);
    ck_assert_int_eq(parsed.code, WRONG[_i].code);
}
END_TEST

static const struct {
    const char *line, *text;
} PRINTS[] = {
    {"--version", "fermata version "},
    {"-v", "(Server 1.32.0)"},
    {"--help", "--db-filename FILE"},
    {"-h", "Usage:"},
    {"help", "Usage:"},
    {"server start-dev --help", "-p, --port PORT"},
};

START_TEST(help_and_version_are_printed)
{
    parse_well(PRINTS[_i].line);
    ck_assert_int_eq(options.action, ACTION_PRINT);
    ck_assert_ptr_nonnull(strstr(options.text, PRINTS[_i].text));
}
END_TEST

static const struct {
    const char *ip, *listens, *shown;
} ADDRESSES[] = {
    {"localhost", "127.0.0.1", "localhost:7"},
    {"127.0.0.1", "127.0.0.1", "localhost:7"},
    {"0.0.0.0", "0.0.0.0", "0.0.0.0:7"},
    {"::1", "::1", "localhost:7"},
    {"::", "::", "[::]:7"},
    {"192.168.1.2", "192.168.1.2", "192.168.1.2:7"},
};

START_TEST(addresses_are_shown_as_clients_need_them)
{
    parse_well(arena_printf(arena, "server start-dev --ip %s", ADDRESSES[_i].ip));
    ck_assert_str_eq(options_listen_ip(&options), ADDRESSES[_i].listens);
    ck_assert_str_eq(options_address(&options, arena, 7), ADDRESSES[_i].shown);
}
END_TEST

START_TEST(dynamic_configuration_is_typed_and_forgiving)
{
    parse_well("server start-dev --dynamic-config-value limit.maxIDLength=500 --dynamic-config-value "
               "LIMIT.BLOBSIZE.ERROR=1024 --dynamic-config-value matching.longPollExpirationInterval=5 "
               "--dynamic-config-value history.longPollExpirationInterval=\"250ms\" --dynamic-config-value "
               "system.system.refreshNexusEndpointsMinWait=\"0s\" --dynamic-config-value "
               "history.MaxBufferedQueryCount=\"many\" --dynamic-config-value limit.memoSize.error=1.5 "
               "--dynamic-config-value callback.allowedAddresses=[{\"Pattern\":\"*\"}] --dynamic-config-value "
               "frontend.enableServerVersionCheck=true");
    ck_assert_int_eq(options.config.history.id_bytes_max, 500);
    ck_assert_int_eq(options.config.history.blob_bytes_max, 1024);
    ck_assert_int_eq(options.config.long_poll_max, seconds(5));
    ck_assert_int_eq(options.config.history_long_poll_max, milliseconds(250));
    ck_assert_int_eq(options.config.buffered_queries_max, 1);         /* a wrong type changes nothing */
    ck_assert_int_eq(options.config.history.memo_bytes_max, 2 << 20); /* nor does a fraction where a number is wanted */
    ck_assert(options.config.server_version_check);
    parse_well("server start-dev --dynamic-config-value matching.longPollExpirationInterval=0.5 --dynamic-config-value "
               "limit.maxIDLength=-3 --dynamic-config-value history.MaxBufferedQueryCount=99999999999");
    ck_assert_int_eq(options.config.long_poll_max, milliseconds(500));
    ck_assert_int_eq(options.config.history.id_bytes_max, 0);
    ck_assert_int_eq(options.config.buffered_queries_max, INT32_MAX);
}
END_TEST

static const struct {
    const char *text;
    nanos span;
} SPANS[] = {
    {"0", 0},
    {"0s", 0},
    {"300ms", 300 * NANOS_PER_MILLISECOND},
    {"1m30s", 90 * NANOS_PER_SECOND},
    {"-1.5h", -5400 * NANOS_PER_SECOND},
    {"+2us", 2000},
    {"3\xc2\xb5s", 3000},
    {".5s", 500 * NANOS_PER_MILLISECOND},
    {"1.s", NANOS_PER_SECOND},
    {"7ns", 7},
    {"1d", 86400 * NANOS_PER_SECOND},
    {"9999999999999999h", NANOS_MAX},
    {"0.3333333333333333333333333s", 333333333},
};

START_TEST(spans_are_read_as_go_reads_them)
{
    nanos span = -1;

    ck_assert(duration_text_read(SPANS[_i].text, &span));
    ck_assert_int_eq(span, SPANS[_i].span);
}
END_TEST

static const char *const NOT_SPANS[] = {"", "-", "5", "s", ".s", "1x", "1m 30s", "1.5", "--1s", "1e3s"};

START_TEST(what_is_not_a_span_is_refused)
{
    nanos span = -1;

    ck_assert(!duration_text_read(NOT_SPANS[_i], &span));
    ck_assert_int_eq(span, -1);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *tcase = tcase_create("options");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, defaults_are_those_of_the_real_command);
    tcase_add_loop_test(tcase, flags_have_many_forms, 0, COUNT(PORT_9));
    tcase_add_test(tcase, launchers_are_understood);
    tcase_add_test(tcase, lists_grow_and_single_values_are_replaced);
    tcase_add_loop_test(tcase, wrong_lines_are_refused_in_the_real_words, 0, COUNT(WRONG));
    tcase_add_loop_test(tcase, help_and_version_are_printed, 0, COUNT(PRINTS));
    tcase_add_loop_test(tcase, addresses_are_shown_as_clients_need_them, 0, COUNT(ADDRESSES));
    tcase_add_test(tcase, dynamic_configuration_is_typed_and_forgiving);
    tcase_add_loop_test(tcase, spans_are_read_as_go_reads_them, 0, COUNT(SPANS));
    tcase_add_loop_test(tcase, what_is_not_a_span_is_refused, 0, COUNT(NOT_SPANS));
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
