/* A listening TCP socket on the loop: what all transports share of accepting connections. */
#ifndef FERMATA_SERVER_LOOP_LISTENER_H
#define FERMATA_SERVER_LOOP_LISTENER_H

#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

struct listener;
struct server;
struct st_h2o_socket_t;

/* Takes an accepted socket, with TCP_NODELAY; called in a socket callback (LO1). */
typedef void listener_accept(void *context, struct st_h2o_socket_t *socket);

/* Listens on a literal IPv4 or IPv6 address; port 0 is any free one. An error's text is the real server's, "listen tcp
 * 127.0.0.1:7233: bind: address already in use", and lives in `arena`. */
status listener_new(struct server *server, struct arena *arena, const char *ip, uint16_t port, listener_accept *accept,
                    void *context, struct listener **ret_listener);

/* Stops listening and frees it; NULL is accepted. */
void listener_free(struct listener *listener);

/* The port that it listens on. */
uint16_t listener_port(const struct listener *listener);

#endif
