/*
 * The transport: gRPC over HTTP/2, from listening sockets to calls and back. What main needs of it.
 *
 * It turns each complete request into a call (server/call.h) and each answer that the turn releases into frames.
 * Cleartext HTTP/2 with prior knowledge, or TLS with ALPN "h2"; OpenSSL is touched only when TLS is asked for.
 *
 * Order of making: loop_new, turn_new, transport_new, loop_run; of freeing: transport_free, then the engine (parked
 * calls are cancelled by transport_free), turn_free, loop_free.
 */
#ifndef FERMATA_SERVER_GRPC_TRANSPORT_H
#define FERMATA_SERVER_GRPC_TRANSPORT_H

#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

struct server;
struct transport;

struct transport_options {
    const char *ip;                 /* a literal IPv4 or IPv6 address */
    uint16_t port;                  /* 0: any free one, see transport_port */
    const char *tls_cert, *tls_key; /* paths of PEM files; both or none */
    const char *tls_client_ca;      /* path of a PEM file; clients must show a certificate that it vouches for */
};

/* Listens, and serves as soon as the loop runs. Adds a delivery to server->turn and winds down with the loop.
 * server->loop and server->turn must be there. An error's text goes to the user behind "can't set frontend port N: ",
 * as the real server's does: "listen tcp 127.0.0.1:7233: bind: address already in use". It lives in `arena`. */
status transport_new(struct server *server, struct arena *arena, const struct transport_options *options,
                     struct transport **ret_transport);

/* Closes everything; hooks of calls that are still parked run with CALL_CLIENT_GONE, and what they change is committed.
 * NULL is accepted. */
void transport_free(struct transport *transport);

/* The port that it listens on. */
uint16_t transport_port(const struct transport *transport);

/* Stops listening, says GOAWAY on every connection, cancels parked calls (their clients read UNAVAILABLE and try again
 * elsewhere) and ends the loop when all is written, at the latest after half a second. */
void transport_drain(struct transport *transport);

/* Counts, for metrics and tests. */
struct transport_counts {
    uint64_t connections, accepted; /* open; since start */
    uint64_t streams, calls;        /* open; since start */
};
struct transport_counts transport_counts(const struct transport *transport);

#endif
