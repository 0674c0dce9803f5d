/*
 * The other side of grpc.health.v1.Health, for `fermata healthcheck`: an image that holds nothing but the executable
 * has no other program that could ask.
 */
#ifndef FERMATA_SERVER_GRPC_HEALTH_CLIENT_H
#define FERMATA_SERVER_GRPC_HEALTH_CLIENT_H

#include "base/arena.h"
#include "base/status.h"

/* Asks the server at "host:port" (host is an IP address, in brackets if it is one of IPv6, or "localhost") in clear
 * whether it is serving, and waits at most a few seconds. INVALID_ARGUMENT when that is no address, UNAVAILABLE with a
 * text for the user when nobody answers, or not so. */
status health_client_check(struct arena *arena, const char *address);

#endif
