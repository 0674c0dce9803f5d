/*
 * The parts of the HTTP server, for the files of this folder.
 *
 *   http.c        listening, the set of connections, winding down      request.c   bytes to requests
 *   connection.c  bytes in and out, time-outs, one request after the other
 *   exchange.c    one request and its answer: dispatch, calls, ends
 *   api.c         the JSON API: routes, requests, answers, errors      routes.c    the generated routes
 *   openapi.c     the API's descriptions of itself
 *   ui.c          the web UI's server; files.c its files; raw_history.c one of its routes
 *
 * HT1  An exchange is freed exactly once, by exchange_release; exchange->connection is NULL from when its connection
 *      has gone. HT2  Nothing that the engine can see happens in a socket callback: serving, cancel hooks and
 *      undelivered hooks are posted work (LO1). HT3  Bytes are written at the end of a turn, by connection_write, or
 *      when a full socket takes more.
 */
#ifndef FERMATA_SERVER_HTTP_PARTS_H
#define FERMATA_SERVER_HTTP_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/timers.h"
#include "server/call.h"
#include "server/http/http.h"
#include "server/http/request.h"
#include "server/loop/listener.h"
#include "server/loop/loop.h"
#include "server/turn.h"

struct st_h2o_socket_t;

/* What clients may make us hold. A browser has six connections; beyond the limit the longest idle one goes. */
enum { HTTP_CONNECTIONS_MAX = 1000 };

/* Memory of all requests under way and of answers that nobody reads yet. New requests get 503 beyond it. */
#define HTTP_HELD_BYTES_MAX ((size_t)256 << 20)

/* The largest body, as the real server. */
enum { HTTP_BODY_BYTES_MAX = 4 * 1024 * 1024 };

/* One read. */
enum { HTTP_IN_BYTES = 64 * 1024 };

/* What is read ahead of the answer to the request before. */
enum { HTTP_AHEAD_BYTES_MAX = 64 * 1024 };

enum { HTTP_CONNECTION_MAGIC = 0x68747470, EXCHANGE_MAGIC = 0x65786368 };

struct exchange;
struct http;
struct http_connection;
struct ui;

/* What listens on one port. */
struct http_site {
    struct http *http;
    struct listener *listener; /* NULL: does not, or not any more */
    uint16_t port;
    void (*serve)(struct exchange *exchange); /* answers a complete request, or makes its call */
};

/*
 *   WAITING ──► SERVING ──► CALLED ──► SENDING ──► (released; the connection goes on)
 *      │           └───────────────────────▲    CALLED: a handler has its call, or the turn withholds the answer
 *      └── the body is being read ─────────┘ (refused)
 */
enum exchange_state { EXCHANGE_WAITING, EXCHANGE_SERVING, EXCHANGE_CALLED, EXCHANGE_SENDING };

/* A request and its answer, in an arena of their own. */
struct exchange {
    uint32_t magic;
    enum exchange_state state;
    struct http *http;
    const struct http_site *site;
    struct http_connection *connection; /* NULL: gone */
    struct arena *arena;
    struct work work;
    struct timer deadline;

    struct http_head head;
    struct buffer body;
    struct chunk_reader chunks;

    struct call call;
    void (*on_answer)(struct exchange *exchange); /* the call's answer has been released */
    void *context;                                /* the site's */

    /* The answer. */
    struct http_header added[16];
    size_t added_count;
    struct buffer out;      /* its head */
    struct buffer out_body; /* owned content, or nothing and … */
    struct bytes content;   /* … content that outlives the exchange, or is in its arena */
    size_t sent;            /* of the head and the content */
    bool is_delivered;      /* all of it has been taken by the socket */
    size_t held;            /* bytes that have been charged */
};

struct http_connection {
    uint32_t magic;
    struct http *http;
    const struct http_site *site;
    struct http_connection *prev, *next;             /* of the server, longest there first */
    struct http_connection *dirty_prev, *dirty_next; /* with something to write at the turn's end */
    bool dirty;
    struct arena *arena;
    struct st_h2o_socket_t *socket;
    struct exchange *exchange; /* the request that is being read, served or answered */
    struct buffer in;          /* what has not been taken yet */
    size_t looked_at;          /* of `in`, for the end of a head */
    struct timer timer;
    nanos until; /* what the timer stands for: the end of this phase */
    bool keep_alive, lingering, client_ended, stops_reading, waits_for_room;
};

/* All of it. */
struct http {
    struct server *server;
    struct arena *arena;
    struct http_site api, ui_site, metrics_site;
    struct ui *ui;
    struct http_connection *connections, *dirty;
    size_t connections_count, exchanges_count, held;
    struct turn_delivery delivery;
    struct stopper stopper;
    struct timer drain_limit;
    bool draining;
    uint8_t *in;
};

/* --- connection.c --- */

/* Takes over an accepted socket. */
void http_connection_new(const struct http_site *site, struct st_h2o_socket_t *socket);

/* Closes and frees it; its exchange is gone. */
void http_connection_free(struct http_connection *connection);

/* Has it written at the end of the turn. */
void http_connection_touch(struct http_connection *connection);

/* Writes as far as the socket takes it; when an answer is out goes on with the next request. May free it. */
void http_connection_write(struct http_connection *connection);

/* The server winds down: ends as soon as the answer that is under way is out. May free it. */
void http_connection_drain(struct http_connection *connection);

/* --- exchange.c --- */

/* The exchange of a request whose head begins. */
struct exchange *exchange_new(struct http_connection *connection);

/* The request is complete: has it served in this turn. */
void exchange_begin(struct exchange *exchange);

/* Its connection goes: freed as soon as that may be. */
void exchange_gone(struct exchange *exchange);

/* Frees it and all that it owns. */
void exchange_release(struct exchange *exchange);

/* Charges the server for what it holds now. */
void exchange_charge(struct exchange *exchange);

/* The turn releases the answer of its call. */
void exchange_deliver(struct exchange *exchange);

/* Calls the handler of a unary RPC; `on_answer` follows when the turn has released exchange->call.answer. */
void exchange_call(struct exchange *exchange, const struct rpc *rpc, const void *request,
                   void (*on_answer)(struct exchange *exchange));

/* From on_answer: forgets the call, and has `work` of the exchange run in the next turn, to make another. */
void exchange_call_again(struct exchange *exchange, void (*run)(struct work *work));

/* The response of its call as one message, with what was appended to it. In the exchange's arena. */
const void *exchange_response(struct exchange *exchange);

/* Adds a header to the answer; the texts are borrowed until it is out. */
void exchange_add_header(struct exchange *exchange, const char *name, const char *value);

/* Answers. `type` is a content type, NULL for none. The content is borrowed: static, or in the exchange's arena. */
void exchange_reply(struct exchange *exchange, int http_status, const char *type, struct bytes content);

/* Answers with content that the exchange frees. */
void exchange_reply_buffer(struct exchange *exchange, int http_status, const char *type, struct buffer *content);

/* --- api.c --- */

/* How a site speaks the JSON API. */
struct api_style {
    bool is_proxy; /* as the real UI's server: only /api/v1/…, two blanks, no shorthand */
};

/* Answers a request of the JSON API. */
void api_serve(struct exchange *exchange, const struct api_style *style);

/* Answers with an error, as JSON. */
void api_reply_error(struct exchange *exchange, const struct api_style *style, int http_status, status error);

/* The HTTP status of a gRPC code. */
int api_http_status(enum status_code code);

/* The site of --http-port. */
void api_site_serve(struct exchange *exchange);

/* --- openapi.c --- */

/* Answers with a description of the API; false when none is asked for. */
bool openapi_serve(struct exchange *exchange);

/* --- ui.c --- */

/* Makes the UI's site as server->options want it: an error when its files cannot be read. */
status ui_new(struct http *http, struct arena *arena, struct ui **ret_ui);

/* Serves …/run/R/history.json; false when that is not what is asked for. */
bool raw_history_serve(struct exchange *exchange);

/* The site of --ui-port. */
void ui_site_serve(struct exchange *exchange);

/* --- metrics.c --- */

/* The site of --metrics-port. */
void metrics_site_serve(struct exchange *exchange);

#endif
