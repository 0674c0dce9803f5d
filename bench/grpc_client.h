/*
 * A small gRPC client for load: unary calls on a few cleartext HTTP/2 connections to 127.0.0.1, many at a time, one
 * thread.
 *
 * Calls are only put on the wire, and callbacks only run, inside grpc_client_step.
 */
#ifndef FERMATA_BENCH_GRPC_CLIENT_H
#define FERMATA_BENCH_GRPC_CLIENT_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "base/clock.h"

struct grpc_client;

/* An unary method of the WorkflowService. */
struct grpc_method {
    const char *name;
    const ProtobufCMessageDescriptor *response;
};

/* How a call ended. */
struct grpc_result {
    int status;           /* a gRPC code; 14 (UNAVAILABLE) also when the connection broke */
    const char *message;  /* of the status; "" when none */
    const void *response; /* NULL unless status is 0; borrowed until the callback returns */
    nanos took;           /* from grpc_call to the end of the stream */
};

typedef void grpc_done(void *context, const struct grpc_result *result);

/* Connects `connections` times. NULL when nobody listens. */
struct grpc_client *grpc_client_new(const struct clock *clock, int port, int connections);

/* Closes the connections; calls still open are dropped without their callbacks. NULL is accepted. */
void grpc_client_free(struct grpc_client *client);

/* Sends `request` on the next connection in turn. `timeout` becomes grpc-timeout; 0: none. */
void grpc_call(struct grpc_client *client, const struct grpc_method *method, const void *request, nanos timeout,
               grpc_done *done, void *context);

/* Writes, waits up to `wait` for something to read, reads, runs callbacks. */
void grpc_client_step(struct grpc_client *client, nanos wait);

/* Whether a connection broke. */
bool grpc_client_is_broken(const struct grpc_client *client);

#endif
