#include "server/http/http.h"

#include <utlist.h>

#include "base/invariant.h"
#include "base/log.h"
#include "server/http/parts.h"
#include "server/server.h"

/* After this, what clients have not read by then is lost to them. */
#define DRAIN_TIME milliseconds(500)

/* --- the turn's side --- */

static void deliver(void *context, struct call *call)
{
    struct exchange *exchange = call->stream;

    (void)context;
    invariant(exchange->magic == EXCHANGE_MAGIC && &exchange->call == call, "an answer to a call that is none");
    exchange_deliver(exchange);
}

static void flush(void *context)
{
    struct http *http = context;

    while (http->dirty != NULL) {
        struct http_connection *connection = http->dirty;

        connection->dirty = false;
        DL_DELETE2(http->dirty, connection, dirty_prev, dirty_next);
        http_connection_write(connection);
    }
}

/* --- winding down --- */

static void give_up_draining(struct timer *timer, void *context)
{
    struct http *http = context;

    (void)timer;
    log_info("winding down took too long, HTTP connections are cut");
    loop_wound_down(http->server->loop, &http->stopper);
}

static void stop_listening(struct http *http)
{
    listener_free(http->api.listener);
    listener_free(http->ui_site.listener);
    listener_free(http->metrics_site.listener);
    http->api.listener = http->ui_site.listener = http->metrics_site.listener = NULL;
}

static void wind_down(void *context)
{
    struct http *http = context;
    struct loop *loop = http->server->loop;
    struct http_connection *connection, *next;

    http->draining = true;
    stop_listening(http);
    timers_set(loop_timers(loop), &http->drain_limit, nanos_add(loop_now(loop), DRAIN_TIME), give_up_draining, http);
    DL_FOREACH_SAFE (http->connections, connection, next)
        http_connection_drain(connection);
    if (http->connections == NULL)
        loop_wound_down(loop, &http->stopper);
}

/* --- life --- */

struct http *http_new(struct server *server)
{
    struct arena *arena = arena_new(HTTP_IN_BYTES + sizeof(struct http) + 64);
    struct http *http = ARENA_NEW(arena, struct http);

    http->server = server;
    http->arena = arena;
    http->in = arena_alloc_raw(arena, HTTP_IN_BYTES);
    http->api = (struct http_site){.http = http, .serve = api_site_serve};
    http->ui_site = (struct http_site){.http = http, .serve = ui_site_serve};
    http->metrics_site = (struct http_site){.http = http, .serve = metrics_site_serve};
    http->delivery = (struct turn_delivery){deliver, flush, http, NULL};
    turn_add_delivery(server->turn, &http->delivery);
    http->stopper = (struct stopper){.wind_down = wind_down, .context = http};
    loop_on_stop(server->loop, &http->stopper);
    return http;
}

void http_free(struct http *http)
{
    struct http_connection *connection, *next;
    struct server *server;

    if (http == NULL)
        return;
    server = http->server;
    stop_listening(http);
    timers_cancel(loop_timers(server->loop), &http->drain_limit);
    DL_FOREACH_SAFE (http->connections, connection, next)
        http_connection_free(connection);
    do { /* what their calls leave behind goes as it would in the loop */
        loop_run_work(server->loop);
        turn_end(server->turn);
    } while (http->exchanges_count > 0);
    turn_remove_delivery(server->turn, &http->delivery);
    loop_forget_stopper(server->loop, &http->stopper);
    arena_free(http->arena);
}

static void accept_connection(void *context, struct st_h2o_socket_t *socket)
{
    http_connection_new(context, socket);
}

static status listen_as(struct http_site *site, struct arena *arena, const char *ip, uint16_t port)
{
    TRY(listener_new(site->http->server, arena, ip, port, accept_connection, site, &site->listener));
    site->port = listener_port(site->listener);
    return status_ok();
}

status http_listen_api(struct http *http, struct arena *arena, const char *ip, uint16_t port)
{
    return listen_as(&http->api, arena, ip, port);
}

status http_listen_ui(struct http *http, struct arena *arena, const char *ip, uint16_t port)
{
    TRY(ui_new(http, arena, &http->ui));
    return listen_as(&http->ui_site, arena, ip, port);
}

status http_listen_metrics(struct http *http, struct arena *arena, const char *ip, uint16_t port)
{
    return listen_as(&http->metrics_site, arena, ip, port);
}

uint16_t http_api_port(const struct http *http)
{
    return http->api.port;
}

uint16_t http_ui_port(const struct http *http)
{
    return http->ui_site.port;
}

uint16_t http_metrics_port(const struct http *http)
{
    return http->metrics_site.port;
}
