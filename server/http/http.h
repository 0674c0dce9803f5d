/*
 * HTTP/1.1: what main needs of it. Three sites, each on a port of its own: the JSON API (api.c), the web UI with the
 * few routes of its server (ui.c), and the page of metrics (metrics.c). Their calls go through the same handlers as
 * gRPC's, in the same turns.
 *
 * Why not h2o's HTTP/1 server, whose sockets we use: it reads as much as a client sends, waits for ever for one that
 * does not read, and does not notice one that goes while its call is parked.
 *
 * Order of making: loop_new, turn_new, http_new, http_listen_…, loop_run; of freeing: http_free, turn_free, loop_free.
 */
#ifndef FERMATA_SERVER_HTTP_HTTP_H
#define FERMATA_SERVER_HTTP_HTTP_H

#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

struct http;
struct server;

/* Makes it, without listening yet; winds down with the loop. */
struct http *http_new(struct server *server);

/* Closes everything: parked calls are cancelled with CALL_CLIENT_GONE, and what their hooks change is committed. NULL
 * is accepted. */
void http_free(struct http *http);

/* Serves the JSON API, or the web UI as server->options ask for it, on a literal address; port 0 is any free one. An
 * error's text is listener_new's, or names what is wrong with the UI's options; in `arena`. */
status http_listen_api(struct http *http, struct arena *arena, const char *ip, uint16_t port);
status http_listen_ui(struct http *http, struct arena *arena, const char *ip, uint16_t port);

/* The same for the page of metrics; server->metrics must be there. */
status http_listen_metrics(struct http *http, struct arena *arena, const char *ip, uint16_t port);

/* The ports; 0 when it does not listen. */
uint16_t http_api_port(const struct http *http);
uint16_t http_ui_port(const struct http *http);
uint16_t http_metrics_port(const struct http *http);

#endif
