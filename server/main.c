/*
 * One server process, from its command line to its exit code: 0 after a signal, 1 with a line on standard error when it
 * cannot start. What is made here in order is freed in the opposite one, everything, so that leak checkers stay quiet.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/timers.h"
#include "persistence/store.h"
#include "server/engine/engine.h"
#include "server/grpc/health_client.h"
#include "server/grpc/transport.h"
#include "server/http/http.h"
#include "server/loop/loop.h"
#include "server/metrics/server_metrics.h"
#include "server/options.h"
#include "server/server.h"
#include "server/services/batch.h"
#include "server/services/cluster.h"
#include "server/services/deployments.h"
#include "server/services/namespaces.h"
#include "server/services/scans.h"
#include "server/services/task_queue_configs.h"
#include "server/services/workers.h"
#include "server/turn.h"

/* A connection is a file descriptor, and the usual soft limit of 1024 is there for programs that use select(). */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warn("cannot raise the limit of open files", "error", strerror(errno));
}

static status open_store(struct server *server, struct arena *arena)
{
    const struct options *options = server->options;
    struct store_options store_options = {.path = options->db_filename,
                                          .synchronous_full = options->synchronous_full,
                                          .pragmas = options->pragmas,
                                          .pragmas_count = options->pragmas_count};

    return store_open(arena, &store_options, &server->store);
}

/* Makes all that serves requests; on an error some of it is there, which tear_down knows. */
static status set_up(struct server *server, struct arena *arena)
{
    server->clock = clock_new(0);
    server->rand = rand_new(0);
    server->timers = timers_new();
    clock_tick(server->clock);
    TRY(open_store(server, arena));
    server->loop = loop_new(server);
    server->turn = turn_new(server);
    TRY(namespaces_new(server, arena, &server->namespaces));
    TRY(cluster_set_up(server, arena));
    TRY(deployment_service_new(server, &server->deployment_service));
    TRY(task_queue_configs_new(server));
    TRY(store_commit(server->store, arena));
    if (server->options->metrics_port >= 0)
        server->metrics = server_metrics_new(server);
    server->engine = engine_new(server);
    server->scans = scans_new(server);
    server->workers = workers_new(server->clock);
    server->batches = batches_new(server);
    engine_recover(server->engine);
    batches_recover(server->batches);
    return status_ok();
}

static status listen_for_browsers(struct server *server, struct arena *arena)
{
    const struct options *options = server->options;
    uint16_t port = options_ui_port(options, transport_port(server->transport));
    status listening = http_listen_ui(server->http, arena, options_ui_ip(options), port);

    if (status_is_ok(listening) || listening.code == GRPC_INVALID_ARGUMENT)
        return listening;
    if (options->ui_port != 0)
        return status_errorf(arena, GRPC_FAILED_PRECONDITION, "can't set UI port %u: %s", (unsigned)port,
                             listening.message);
    return status_errorf(arena, GRPC_FAILED_PRECONDITION, "can't use default UI port %u (%u + 1000): %s",
                         (unsigned)port, (unsigned)transport_port(server->transport), listening.message);
}

/* HTTP is in clear and asks nobody for a certificate: where gRPC is not so, only on ports that were asked for. */
static status listen_for_http(struct server *server, struct arena *arena)
{
    const struct options *options = server->options;
    bool in_tls = options->tls_cert != NULL;
    status listening;

    if (in_tls && (options->http_port != 0 || (options->ui_port != 0 && !options->headless)))
        log_warn("HTTP is served in clear, and to clients without a certificate");
    if (!in_tls || options->http_port != 0) {
        listening = http_listen_api(server->http, arena, options_listen_ip(options), (uint16_t)options->http_port);
        if (!status_is_ok(listening))
            return status_errorf(arena, GRPC_FAILED_PRECONDITION, "can't set frontend HTTP port %lld: %s",
                                 (long long)options->http_port, listening.message);
    }
    if (options->headless || (in_tls && options->ui_port == 0))
        return status_ok();
    return listen_for_browsers(server, arena);
}

static status listen_for_prometheus(struct server *server, struct arena *arena)
{
    const struct options *options = server->options;
    status listening;

    if (server->metrics == NULL)
        return status_ok();
    listening = http_listen_metrics(server->http, arena, options_listen_ip(options), (uint16_t)options->metrics_port);
    if (status_is_ok(listening))
        return listening;
    return status_errorf(arena, GRPC_FAILED_PRECONDITION, "can't set metrics port %lld: %s",
                         (long long)options->metrics_port, listening.message);
}

static status listen_for_clients(struct server *server, struct arena *arena)
{
    const struct options *options = server->options;
    struct transport_options transport_options = {.ip = options_listen_ip(options),
                                                  .port = (uint16_t)options->port,
                                                  .tls_cert = options->tls_cert,
                                                  .tls_key = options->tls_key,
                                                  .tls_client_ca = options->tls_client_ca};
    status listening = transport_new(server, arena, &transport_options, &server->transport);

    if (!status_is_ok(listening))
        return status_errorf(arena, GRPC_FAILED_PRECONDITION, "can't set frontend port %lld: %s",
                             (long long)options->port, listening.message);
    server->http = http_new(server);
    TRY(listen_for_prometheus(server, arena));
    return listen_for_http(server, arena);
}

static void tear_down(struct server *server)
{
    http_free(server->http);
    transport_free(server->transport);
    scans_free(server->scans);
    workers_free(server->workers);
    batches_free(server->batches);
    engine_free(server->engine);
    task_queue_configs_free(server->task_queue_configs);
    deployment_service_free(server->deployment_service);
    namespaces_free(server->namespaces);
    turn_free(server->turn);
    loop_free(server->loop);
    server_metrics_free(server->metrics);
    store_close(server->store);
    timers_free(server->timers);
    rand_free(server->rand);
    clock_free(server->clock);
}

static void print_banner(struct server *server, struct arena *arena)
{
    const struct options *options = server->options;

    printf("Fermata %s (Server %s)\n\n", FERMATA_VERSION, SERVER_VERSION);
    printf("%-21s %s\n", "Fermata Server:", options_address(options, arena, transport_port(server->transport)));
    printf("%-21s %s\n", "Fermata Persistence:", options->db_filename == NULL ? "in-memory" : options->db_filename);
    if (options->http_port != 0)
        printf("%-21s %s\n", "Fermata HTTP:", options_address(options, arena, http_api_port(server->http)));
    if (http_ui_port(server->http) != 0)
        printf("%-21s http://%s%s\n",
               "Fermata UI:", options_address_of(arena, options_ui_ip(options), http_ui_port(server->http)),
               options->ui_public_path == NULL ? "" : options->ui_public_path);
    if (server->metrics != NULL)
        printf("%-21s http://%s/metrics\n",
               "Fermata Metrics:", options_address(options, arena, http_metrics_port(server->http)));
    fflush(stdout);
}

/* FERMATA_FAIL_STORE_AFTER=n[,m], only in builds with checks: the n-th step of the database from here on fails, then
 * every m-th. For tests/faults. */
static void ask_for_faults(struct store *store)
{
#if defined(FERMATA_CHECKS) && FERMATA_CHECKS
    const char *asked = getenv("FERMATA_FAIL_STORE_AFTER");
    char *rest;

    if (asked == NULL)
        return;
    store_fail_after(store, strtoll(asked, &rest, 10));
    if (*rest == ',')
        store_fail_every(store, strtoll(rest + 1, NULL, 10));
#else
    (void)store;
#endif
}

static status serve(const struct options *options, struct arena *arena)
{
    struct server server = {.options = options};
    status result;

    raise_descriptor_limit();
    result = set_up(&server, arena);
    if (status_is_ok(result))
        result = listen_for_clients(&server, arena);
    else
        result = status_errorf(arena, GRPC_FAILED_PRECONDITION, "failed starting server: %s", result.message);
    if (status_is_ok(result)) {
        log_info("serving", "address", options_address(options, arena, transport_port(server.transport)));
        if (options->banner)
            print_banner(&server, arena);
        ask_for_faults(server.store);
        loop_run(server.loop);
    }
    tear_down(&server);
    return result;
}

static status run(struct arena *arena, int argc, char **argv)
{
    struct options options;

    TRY(options_parse(arena, argc, argv, &options));
    if (options.action == ACTION_PRINT) {
        fputs(options.text, stdout);
        return status_ok();
    }
    if (options.action == ACTION_HEALTHCHECK)
        return health_client_check(arena, options.address);
    log_configure(options.log_level, options.log_as_json);
    if (options.log_config)
        fputs(options_dump(&options, arena), stderr);
    return serve(&options, arena);
}

int main(int argc, char **argv)
{
    struct arena *arena = arena_new(4096);
    status result = run(arena, argc, argv);
    bool failed = !status_is_ok(result);

    if (failed)
        fprintf(stderr, "Error: %s\n", result.message == NULL ? status_code_name(result.code) : result.message);
    if (result.code == GRPC_INVALID_ARGUMENT) /* of the command line itself */
        fputs("See 'fermata --help'.\n", stderr);
    arena_free(arena);
    return failed ? 1 : 0;
}
