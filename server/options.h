/*
 * The command line of `fermata server start-dev`: the flags of `temporal server start-dev`, with their meanings, and a
 * few of our own. One table in options.c has a line per flag. None of them has an environment variable, as there.
 */
#ifndef FERMATA_SERVER_OPTIONS_H
#define FERMATA_SERVER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/status.h"
#include "persistence/store.h"
#include "server/dynamic_config.h"

/* This version; shown by --version and the banner. */
#define FERMATA_VERSION "0.1.0"

/* The release of the real server whose behaviour this is; clients decide by it what they may ask for. */
#define SERVER_VERSION "1.32.0"

/* What the command line asks for. */
enum options_action {
    ACTION_SERVE,
    ACTION_HEALTHCHECK, /* ask the server at options.address whether it is serving */
    ACTION_PRINT,       /* print options.text on standard output and exit with 0: --help, --version */
};

/* A `--search-attribute NAME=TYPE`. */
struct search_attribute_option {
    const char *name;
    int type; /* temporal.api.enums.v1.IndexedValueType */
};

struct options {
    enum options_action action;
    const char *text;
    const char *address; /* of the server that is asked */

    int64_t port, http_port, ui_port; /* the last two: 0 unless given */
    int64_t metrics_port;             /* -1 unless given: no metrics; 0: any free one */
    const char *ip;                   /* as typed; options_listen_ip is the address */
    const char *ui_ip, *ui_public_path, *ui_asset_path, *ui_codec_endpoint;
    bool ui_disable_news_fetch;
    bool headless;

    const char *db_filename; /* NULL: in memory */
    const char **namespaces; /* beside "default"; may repeat */
    int namespaces_count;
    struct search_attribute_option *search_attributes; /* each name once */
    int search_attributes_count;
    bool real_search_attribute_limits; /* per type, as the real server's columns have it */
    struct store_pragma *pragmas;
    int pragmas_count;
    bool synchronous_full;
    struct dynamic_config config;

    const char *tls_cert, *tls_key, *tls_client_ca; /* paths of PEM files, NULL for none */

    enum log_level log_level;
    bool log_as_json;
    bool log_config; /* print the configuration on standard error */
    bool banner;     /* not with --output none, json or jsonl */
};

/* Reads the command line (argv[0] is the program). What the options hold is in `arena`, or borrowed from argv. An
 * error's text is for the user: INVALID_ARGUMENT when the usage is wrong and --help helps, FAILED_PRECONDITION
 * otherwise. */
status options_parse(struct arena *arena, int argc, char **argv, struct options *ret_options);

/* The address to listen on: "localhost" is 127.0.0.1. */
const char *options_listen_ip(const struct options *options);

/* The same of the web UI. */
const char *options_ui_ip(const struct options *options);

/* The web UI's port, when the frontend has this one: 1000 more, unless another was given; any free one (0) when that
 * was asked for the frontend. */
uint16_t options_ui_port(const struct options *options, uint16_t frontend_port);

/* Address and port as people type them into a client: loopback is "localhost", IPv6 is bracketed. */
const char *options_address_of(struct arena *arena, const char *ip, uint16_t port);

/* The same of a port on --ip. */
const char *options_address(const struct options *options, struct arena *arena, uint16_t port);

/* The options as YAML, for --log-config. */
const char *options_dump(const struct options *options, struct arena *arena);

#endif
