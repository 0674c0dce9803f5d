/*
 * Flags are read as the real command reads them (Go's pflag): --name=value, --name value, -p 7233, -p7233, in any
 * place, also before the command; the last of several counts, lists grow; "--" ends them. The error texts are its
 * texts.
 */
#include "server/options.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/duration_text.h"
#include "proto/api.h"

struct parser {
    struct arena *arena;
    struct options *options;
    int argc;
    char **argv;
    int next;                /* in argv */
    const char *commands[3]; /* what is not a flag; more than three are an error anyway */
    int commands_count;
    bool wants_help, wants_version;
    status failure; /* of a value that is well-formed for its flag but means nothing */
};

struct flag;

/* Takes the value. Returns why it is not one, or NULL. */
typedef const char *flag_set(struct parser *parser, const struct flag *flag, const char *value);

static flag_set set_bool, set_integer, set_text, set_choice, set_span, set_log_level, set_log_format, set_output,
    set_namespace, set_search_attribute, set_attribute_limits, set_dynamic_config, set_pragma, set_synchronous,
    set_help, set_version;

/* In `flag.field` of those that are taken and have no effect. */
#define NOWHERE     SIZE_MAX
#define FIELD(name) offsetof(struct options, name)

struct flag {
    char letter; /* 0: none */
    const char *name;
    const char *value; /* what the value is, for --help; NULL: a switch */
    flag_set *set;
    size_t field;
    const char *choices; /* set_choice: "a, b, c" */
    const char *help;    /* NULL: not shown */
};

static const struct flag flags[] = {
    {'p', "port", "PORT", set_integer, FIELD(port), NULL, "Port of the gRPC service; 0 takes any free one (7233)"},
    {0, "ip", "ADDRESS", set_text, FIELD(ip), NULL,
     "Address to listen on (localhost); 0.0.0.0 is reachable from outside a container"},
    {'f', "db-filename", "FILE", set_text, FIELD(db_filename), NULL,
     "Keep everything in this file; without it, all is lost when the server stops"},
    {'n', "namespace", "NAME", set_namespace, NOWHERE, NULL, "Namespace to create beside \"default\"; repeatable"},
    {0, "search-attribute", "NAME=TYPE", set_search_attribute, NOWHERE, NULL,
     "Search attribute of the namespaces created at this start; repeatable. TYPE is Text, Keyword, Int, Double, Bool, "
     "Datetime or KeywordList"},
    {0, "search-attribute-limits", "LIMITS", set_attribute_limits, NOWHERE, "none, real",
     "real: as many search attributes of a type as the real server takes, ten Keyword and three of each other (none)"},
    {0, "dynamic-config-value", "KEY=JSON", set_dynamic_config, NOWHERE, NULL,
     "Setting of the server, as in 'limit.maxIDLength=500'; repeatable"},
    {0, "sqlite-pragma", "NAME=VALUE", set_pragma, NOWHERE, NULL, "Pragma for the database; repeatable"},
    {0, "sqlite-synchronous", "MODE", set_synchronous, NOWHERE, "normal, full",
     "normal: a killed process loses nothing. full: a power cut loses nothing either, for an fsync per commit "
     "(normal)"},
    {0, "tls-cert", "FILE", set_text, FIELD(tls_cert), NULL, "Serve TLS with this certificate chain (PEM)"},
    {0, "tls-key", "FILE", set_text, FIELD(tls_key), NULL, "The certificate's private key (PEM)"},
    {0, "tls-client-ca", "FILE", set_text, FIELD(tls_client_ca), NULL,
     "Demand client certificates that these authorities vouch for (PEM)"},
    {0, "headless", NULL, set_bool, FIELD(headless), NULL, "No web UI"},
    {0, "http-port", "PORT", set_integer, FIELD(http_port), NULL, "Port of the JSON API over HTTP (any free one)"},
    {0, "metrics-port", "PORT", set_integer, FIELD(metrics_port), NULL,
     "Count, and show it at /metrics on this port for Prometheus; 0 takes any free one"},
    {0, "ui-port", "PORT", set_integer, FIELD(ui_port), NULL, "Port of the web UI (1000 more than --port)"},
    {0, "ui-ip", "ADDRESS", set_text, FIELD(ui_ip), NULL, "Address of the web UI (that of --ip)"},
    {0, "ui-public-path", "PATH", set_text, FIELD(ui_public_path), NULL,
     "Path under which the web UI is reached, behind a proxy"},
    {0, "ui-asset-path", "FOLDER", set_text, FIELD(ui_asset_path), NULL,
     "Serve another web UI, from this folder, in place of the one that is built in"},
    {0, "ui-codec-endpoint", "URL", set_text, FIELD(ui_codec_endpoint), NULL,
     "Codec server that the web UI asks to decode payloads"},
    {0, "ui-disable-news-fetch", NULL, set_bool, FIELD(ui_disable_news_fetch), NULL, "Taken for compatibility"},
    {0, "log-level", "LEVEL", set_log_level, NOWHERE, "debug, info, warn, error, never",
     "Least level that is logged on standard error: debug, info, warn, error or never (warn)"},
    {0, "log-format", "FORMAT", set_log_format, NOWHERE, "text, json, pretty", "Form of the log: text or json (text)"},
    {0, "log-config", NULL, set_bool, FIELD(log_config), NULL,
     "Print the configuration on standard error before serving"},
    {'o', "output", "FORMAT", set_output, NOWHERE, "text, json, jsonl, none",
     "text prints the addresses when the server is up; json, jsonl and none do not (text)"},
    {0, "address", "ADDRESS", set_text, FIELD(address), NULL,
     "Of healthcheck: the server to ask, in clear (localhost:7233)"},
    {'h', "help", NULL, set_help, NOWHERE, NULL, "Print this"},
    {'v', "version", NULL, set_version, NOWHERE, NULL, "Print the version"},
    /* Global flags of the real command line, which have no meaning for a server. */
    {0, "color", "WHEN", set_choice, NOWHERE, "always, never, auto", NULL},
    {0, "time-format", "FORMAT", set_choice, NOWHERE, "relative, iso, raw", NULL},
    {0, "command-timeout", "SPAN", set_span, NOWHERE, NULL, NULL},
    {0, "client-connect-timeout", "SPAN", set_span, NOWHERE, NULL, NULL},
    {0, "config-file", "FILE", set_text, NOWHERE, NULL, NULL},
    {0, "disable-config-env", NULL, set_bool, NOWHERE, NULL, NULL},
    {0, "disable-config-file", NULL, set_bool, NOWHERE, NULL, NULL},
    {0, "env", "NAME", set_text, NOWHERE, NULL, NULL},
    {0, "env-file", "FILE", set_text, NOWHERE, NULL, NULL},
    {0, "no-json-shorthand-payloads", NULL, set_bool, NOWHERE, NULL, NULL},
    {0, "profile", "NAME", set_text, NOWHERE, NULL, NULL},
};

#define FLAGS_COUNT (sizeof(flags) / sizeof(flags[0]))

/* ---- values ---- */

static void *field_of(struct parser *parser, const struct flag *flag)
{
    return flag->field == NOWHERE ? NULL : (char *)parser->options + flag->field;
}

static const char *set_bool(struct parser *parser, const struct flag *flag, const char *value)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    bool *field = field_of(parser, flag);

    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        bool is_yes = strcmp(value, yes[i]) == 0;

        if (!is_yes && strcmp(value, no[i]) != 0)
            continue;
        if (field != NULL)
            *field = is_yes;
        return NULL;
    }
    return arena_printf(parser->arena, "strconv.ParseBool: parsing \"%s\": invalid syntax", value);
}

static const char *set_integer(struct parser *parser, const struct flag *flag, const char *value)
{
    int64_t *field = field_of(parser, flag);
    char *end;
    long long number;

    errno = 0;
    number = strtoll(value, &end, 0);
    if (*value == '\0' || *end != '\0' || isspace((unsigned char)*value))
        return arena_printf(parser->arena, "strconv.ParseInt: parsing \"%s\": invalid syntax", value);
    if (errno == ERANGE)
        return arena_printf(parser->arena, "strconv.ParseInt: parsing \"%s\": value out of range", value);
    *field = number;
    return NULL;
}

static const char *set_text(struct parser *parser, const struct flag *flag, const char *value)
{
    const char **field = field_of(parser, flag);

    if (field != NULL)
        *field = value;
    return NULL;
}

/* Whether `value` is one of "a, b, c". */
static bool is_choice(const char *choices, const char *value)
{
    size_t len = strlen(value);

    while (choices != NULL) {
        if (strncmp(choices, value, len) == 0 && (choices[len] == ',' || choices[len] == '\0') && len > 0)
            return true;
        choices = strstr(choices, ", ");
        if (choices != NULL)
            choices += 2;
    }
    return false;
}

static const char *set_choice(struct parser *parser, const struct flag *flag, const char *value)
{
    if (is_choice(flag->choices, value))
        return NULL;
    return arena_printf(parser->arena, "%s is not one of required values of %s", value, flag->choices);
}

static const char *set_span(struct parser *parser, const struct flag *flag, const char *value)
{
    nanos span;

    (void)flag;
    if (duration_text_read(value, &span))
        return NULL;
    return arena_printf(parser->arena, "time: invalid duration \"%s\"", value);
}

static const char *set_log_level(struct parser *parser, const struct flag *flag, const char *value)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {
        {"debug", LOG_DEBUG}, {"info", LOG_INFO},   {"warn", LOG_WARN}, {"error", LOG_ERROR},
        {"never", LOG_NEVER}, {"fatal", LOG_NEVER}, /* refused by the real one, and yet sent by the Python SDK */
    };

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcmp(levels[i].name, value) == 0) {
            parser->options->log_level = levels[i].level;
            return NULL;
        }
    return set_choice(parser, flag, value);
}

static const char *set_log_format(struct parser *parser, const struct flag *flag, const char *value)
{
    parser->options->log_as_json = strcmp(value, "json") == 0;
    return set_choice(parser, flag, value);
}

static const char *set_output(struct parser *parser, const struct flag *flag, const char *value)
{
    parser->options->banner = strcmp(value, "text") == 0;
    return set_choice(parser, flag, value);
}

static const char *set_synchronous(struct parser *parser, const struct flag *flag, const char *value)
{
    parser->options->synchronous_full = strcmp(value, "full") == 0;
    return set_choice(parser, flag, value);
}

static const char *set_namespace(struct parser *parser, const struct flag *flag, const char *value)
{
    (void)flag;
    parser->options->namespaces[parser->options->namespaces_count++] = value;
    return NULL;
}

/* The part before '='; NULL, and the parser's failure set, when there is none. */
static const char *split(struct parser *parser, const char *what, const char *value)
{
    const char *equals = strchr(value, '=');

    if (equals != NULL)
        return arena_strndup(parser->arena, value, (size_t)(equals - value));
    parser->failure = status_errorf(parser->arena, GRPC_FAILED_PRECONDITION,
                                    "invalid %s: missing expected '=' in \"%s\"", what, value);
    return NULL;
}

static const char *set_search_attribute(struct parser *parser, const struct flag *flag, const char *value)
{
    static const struct {
        const char *name;
        PbIndexedValueType type;
    } types[] = {
        {"Text", INDEXED_VALUE_TYPE_TEXT},
        {"Keyword", INDEXED_VALUE_TYPE_KEYWORD},
        {"Int", INDEXED_VALUE_TYPE_INT},
        {"Double", INDEXED_VALUE_TYPE_DOUBLE},
        {"Bool", INDEXED_VALUE_TYPE_BOOL},
        {"Datetime", INDEXED_VALUE_TYPE_DATETIME},
        {"KeywordList", INDEXED_VALUE_TYPE_KEYWORD_LIST},
    };
    struct options *options = parser->options;
    const char *name = split(parser, "search attributes", value), *type_name = strchr(value, '=');

    (void)flag;
    if (name == NULL)
        return NULL;
    type_name++;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        int place = 0;

        if (strcasecmp(types[i].name, type_name) != 0)
            continue;
        while (place < options->search_attributes_count && strcmp(options->search_attributes[place].name, name) != 0)
            place++;
        options->search_attributes[place].name = name;
        options->search_attributes[place].type = (int)types[i].type;
        if (place == options->search_attributes_count)
            options->search_attributes_count++;
        return NULL;
    }
    parser->failure =
        status_errorf(parser->arena, GRPC_FAILED_PRECONDITION, "invalid search attribute value type \"%s\"", type_name);
    return NULL;
}

static const char *set_attribute_limits(struct parser *parser, const struct flag *flag, const char *value)
{
    parser->options->real_search_attribute_limits = strcmp(value, "real") == 0;
    return set_choice(parser, flag, value);
}

static const char *set_dynamic_config(struct parser *parser, const struct flag *flag, const char *value)
{
    (void)flag;
    parser->failure = dynamic_config_set(&parser->options->config, parser->arena, value);
    return NULL;
}

static const char *set_pragma(struct parser *parser, const struct flag *flag, const char *value)
{
    const char *name = split(parser, "pragma", value);

    (void)flag;
    if (name != NULL)
        parser->options->pragmas[parser->options->pragmas_count++] =
            (struct store_pragma){.name = name, .value = strchr(value, '=') + 1};
    return NULL;
}

static const char *set_help(struct parser *parser, const struct flag *flag, const char *value)
{
    (void)flag;
    (void)value;
    parser->wants_help = true;
    return NULL;
}

static const char *set_version(struct parser *parser, const struct flag *flag, const char *value)
{
    (void)flag;
    (void)value;
    parser->wants_version = true;
    return NULL;
}

/* ---- words ---- */

static const struct flag *find_long(const char *name, size_t len)
{
    for (size_t i = 0; i < FLAGS_COUNT; i++)
        if (strlen(flags[i].name) == len && strncmp(flags[i].name, name, len) == 0)
            return &flags[i];
    return NULL;
}

static const struct flag *find_letter(char letter)
{
    for (size_t i = 0; i < FLAGS_COUNT; i++)
        if (flags[i].letter == letter && letter != 0)
            return &flags[i];
    return NULL;
}

static status set_flag(struct parser *parser, const struct flag *flag, const char *value)
{
    const char *why;

    parser->failure = status_ok();
    why = flag->set(parser, flag, value);
    if (why == NULL)
        return parser->failure;
    if (flag->letter != 0)
        return status_errorf(parser->arena, GRPC_INVALID_ARGUMENT, "invalid argument \"%s\" for \"-%c, --%s\" flag: %s",
                             value, flag->letter, flag->name, why);
    return status_errorf(parser->arena, GRPC_INVALID_ARGUMENT, "invalid argument \"%s\" for \"--%s\" flag: %s", value,
                         flag->name, why);
}

static status parse_long(struct parser *parser, const char *word)
{
    const char *equals = strchr(word, '=');
    size_t len = equals == NULL ? strlen(word) : (size_t)(equals - word);
    const struct flag *flag = find_long(word, len);

    if (flag == NULL)
        return status_errorf(parser->arena, GRPC_INVALID_ARGUMENT, "unknown flag: --%.*s", (int)len, word);
    if (equals != NULL)
        return set_flag(parser, flag, equals + 1);
    if (flag->value == NULL)
        return set_flag(parser, flag, "true");
    if (parser->next == parser->argc)
        return status_errorf(parser->arena, GRPC_INVALID_ARGUMENT, "flag needs an argument: --%s", word);
    return set_flag(parser, flag, parser->argv[parser->next++]);
}

/* One or more letters: -h, -p7233, -p=7233, -p 7233, -vh. */
static status parse_letters(struct parser *parser, const char *word)
{
    for (const char *letter = word; *letter != '\0'; letter++) {
        const struct flag *flag = find_letter(*letter);

        if (flag == NULL)
            return status_errorf(parser->arena, GRPC_INVALID_ARGUMENT, "unknown shorthand flag: '%c' in -%s", *letter,
                                 word);
        if (flag->value == NULL) {
            TRY(set_flag(parser, flag, "true"));
            continue;
        }
        if (letter[1] == '=')
            return set_flag(parser, flag, letter + 2);
        if (letter[1] != '\0')
            return set_flag(parser, flag, letter + 1);
        if (parser->next == parser->argc)
            return status_errorf(parser->arena, GRPC_INVALID_ARGUMENT, "flag needs an argument: '%c' in -%s", *letter,
                                 word);
        return set_flag(parser, flag, parser->argv[parser->next++]);
    }
    return status_ok();
}

static void add_command(struct parser *parser, const char *word)
{
    if (parser->commands_count < 3)
        parser->commands[parser->commands_count++] = word;
}

static status parse_words(struct parser *parser)
{
    while (parser->next < parser->argc) {
        const char *word = parser->argv[parser->next++];

        if (strcmp(word, "--") == 0) {
            while (parser->next < parser->argc)
                add_command(parser, parser->argv[parser->next++]);
        } else if (strncmp(word, "--", 2) == 0) {
            TRY(parse_long(parser, word + 2));
        } else if (word[0] == '-' && word[1] != '\0') {
            TRY(parse_letters(parser, word + 1));
        } else {
            add_command(parser, word);
        }
    }
    return status_ok();
}

/* ---- the whole ---- */

static const char *help_text(struct arena *arena)
{
    const char *text = "Fermata " FERMATA_VERSION ": a Temporal-compatible server in one executable.\n"
                       "\n"
                       "Usage:\n"
                       "  fermata server start-dev [flags]   Serve until SIGTERM or SIGINT\n"
                       "  fermata healthcheck [--address localhost:7233]   Exit with 0 if a server is serving there\n"
                       "  fermata --version\n"
                       "\n"
                       "Flags (those of `temporal server start-dev` and a few more):\n";

    for (size_t i = 0; i < FLAGS_COUNT; i++) {
        const char *name;

        if (flags[i].help == NULL)
            continue;
        name = arena_printf(arena, "--%s%s%s", flags[i].name, flags[i].value == NULL ? "" : " ",
                            flags[i].value == NULL ? "" : flags[i].value);
        text = flags[i].letter != 0 ? arena_printf(arena, "%s  -%c, %s\n", text, flags[i].letter, name)
                                    : arena_printf(arena, "%s      %s\n", text, name);
        text = arena_printf(arena, "%s            %s\n", text, flags[i].help);
    }
    return text;
}

static bool is_number(const char *word)
{
    return *word != '\0' && strspn(word, "0123456789") == strlen(word);
}

/* What the words that are not flags ask for. */
static status check_commands(struct parser *parser)
{
    const char *const *commands = parser->commands;
    struct options *options = parser->options;

    options->action = ACTION_PRINT;
    if (parser->wants_version) {
        options->text = "fermata version " FERMATA_VERSION " (Server " SERVER_VERSION ")\n";
        return status_ok();
    }
    if (parser->wants_help || (parser->commands_count > 0 && strcmp(commands[0], "help") == 0)) {
        options->text = help_text(parser->arena);
        return status_ok();
    }
    if (parser->commands_count == 0)
        return status_error(GRPC_INVALID_ARGUMENT, "no command; to start a server: fermata server start-dev");
    if (is_number(commands[0]))
        return status_error(
            GRPC_INVALID_ARGUMENT,
            "the time-skipping test server (fermata PORT) is not there yet; use fermata server start-dev");
    if (strcmp(commands[0], "healthcheck") == 0 && parser->commands_count == 1) {
        options->action = ACTION_HEALTHCHECK;
        return status_ok();
    }
    if (strcmp(commands[0], "server") != 0)
        return status_errorf(parser->arena, GRPC_INVALID_ARGUMENT, "unknown command \"%s\" for \"fermata\"",
                             commands[0]);
    if (parser->commands_count == 1)
        return status_error(GRPC_INVALID_ARGUMENT, "no command; to start a server: fermata server start-dev");
    if (strcmp(commands[1], "start-dev") != 0)
        return status_errorf(parser->arena, GRPC_INVALID_ARGUMENT, "unknown command \"%s\" for \"fermata server\"",
                             commands[1]);
    if (parser->commands_count > 2)
        return status_errorf(parser->arena, GRPC_INVALID_ARGUMENT,
                             "unknown command \"%s\" for \"fermata server start-dev\"", commands[2]);
    options->action = ACTION_SERVE;
    return status_ok();
}

/* What one flag alone cannot know. */
static status check_together(struct arena *arena, const struct options *options)
{
    if (options->port < 0 || options->port > UINT16_MAX)
        return status_errorf(arena, GRPC_FAILED_PRECONDITION,
                             "can't set frontend port %lld: listen tcp: address %lld: invalid port",
                             (long long)options->port, (long long)options->port);
    if (options->http_port < 0 || options->http_port > UINT16_MAX)
        return status_errorf(arena, GRPC_FAILED_PRECONDITION,
                             "can't set frontend HTTP port %lld: listen tcp: address %lld: invalid port",
                             (long long)options->http_port, (long long)options->http_port);
    if (options->metrics_port < -1 || options->metrics_port > UINT16_MAX)
        return status_errorf(arena, GRPC_FAILED_PRECONDITION,
                             "can't set metrics port %lld: listen tcp: address %lld: invalid port",
                             (long long)options->metrics_port, (long long)options->metrics_port);
    if (options->ui_port < 0 || options->ui_port > UINT16_MAX)
        return status_errorf(arena, GRPC_FAILED_PRECONDITION,
                             "can't set UI port %lld: listen tcp: address %lld: invalid port",
                             (long long)options->ui_port, (long long)options->ui_port);
    if ((options->tls_cert == NULL) != (options->tls_key == NULL))
        return status_error(GRPC_INVALID_ARGUMENT, "--tls-cert and --tls-key go together");
    if (options->tls_client_ca != NULL && options->tls_cert == NULL)
        return status_error(GRPC_INVALID_ARGUMENT, "--tls-client-ca needs --tls-cert and --tls-key");
    return status_ok();
}

status options_parse(struct arena *arena, int argc, char **argv, struct options *ret_options)
{
    struct options options = {.port = 7233,
                              .metrics_port = -1,
                              .ip = "localhost",
                              .address = "localhost:7233",
                              .log_level = LOG_WARN,
                              .banner = true};
    struct parser parser = {.arena = arena, .options = &options, .argc = argc, .argv = argv, .next = 1};

    dynamic_config_init(&options.config);
    options.namespaces = ARENA_NEW_ARRAY(arena, const char *, argc);
    options.search_attributes = ARENA_NEW_ARRAY(arena, struct search_attribute_option, argc);
    options.pragmas = ARENA_NEW_ARRAY(arena, struct store_pragma, argc);
    TRY(parse_words(&parser));
    TRY(check_commands(&parser));
    TRY(check_together(arena, &options));
    if (options.db_filename != NULL && options.db_filename[0] == '\0')
        options.db_filename = NULL;
    *ret_options = options;
    return status_ok();
}

/* ---- questions ---- */

const char *options_listen_ip(const struct options *options)
{
    return strcmp(options->ip, "localhost") == 0 ? "127.0.0.1" : options->ip;
}

const char *options_ui_ip(const struct options *options)
{
    if (options->ui_ip == NULL || options->ui_ip[0] == '\0')
        return options_listen_ip(options);
    return strcmp(options->ui_ip, "localhost") == 0 ? "127.0.0.1" : options->ui_ip;
}

uint16_t options_ui_port(const struct options *options, uint16_t frontend_port)
{
    enum { UI_PORT_OFFSET = 1000 };

    if (options->ui_port != 0)
        return (uint16_t)options->ui_port;
    if (options->port == 0)
        return 0;
    return frontend_port > UINT16_MAX - UI_PORT_OFFSET ? UINT16_MAX : (uint16_t)(frontend_port + UI_PORT_OFFSET);
}

const char *options_address_of(struct arena *arena, const char *ip, uint16_t port)
{
    if (strcmp(ip, "127.0.0.1") == 0 || strcmp(ip, "::1") == 0)
        ip = "localhost";
    return arena_printf(arena, strchr(ip, ':') == NULL ? "%s:%u" : "[%s]:%u", ip, (unsigned)port);
}

const char *options_address(const struct options *options, struct arena *arena, uint16_t port)
{
    return options_address_of(arena, options_listen_ip(options), port);
}

const char *options_dump(const struct options *options, struct arena *arena)
{
    const char *text =
        arena_printf(arena, "frontend:\n  ip: \"%s\"\n  port: %lld\n  tls: %s\n  clientCertificates: %s\n",
                     options_listen_ip(options), (long long)options->port, options->tls_cert == NULL ? "false" : "true",
                     options->tls_client_ca == NULL ? "false" : "true");

    text = arena_printf(arena, "%spersistence:\n  file: \"%s\"\n  synchronous: %s\n  pragmas:\n", text,
                        options->db_filename == NULL ? "" : options->db_filename,
                        options->synchronous_full ? "full" : "normal");
    for (int i = 0; i < options->pragmas_count; i++)
        text = arena_printf(arena, "%s    \"%s\": \"%s\"\n", text, options->pragmas[i].name, options->pragmas[i].value);
    text = arena_printf(arena, "%snamespaces:\n  - \"default\"\n", text);
    for (int i = 0; i < options->namespaces_count; i++)
        text = arena_printf(arena, "%s  - \"%s\"\n", text, options->namespaces[i]);
    return text;
}
