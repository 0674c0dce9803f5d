/*
 * A call: one RPC from its first complete request message to its answer.
 *
 * The transport makes it when a unary request is complete, scanned and unpacked; a handler fills the response and
 * returns a status, or parks the call and somebody answers it later. Either way the answer leaves only after the COMMIT
 * of the turn in which it was given (server/turn.h).
 *
 * C1  A call is answered at most once. After call_answer its memory may be read until the turn ends, not longer.
 * C2  A parked call has a cancel hook. It runs when the client goes away, when the deadline passes or when the server
 *     drains; it must unlink the call from wherever it waits. It does not answer: the transport does.
 */
#ifndef FERMATA_SERVER_CALL_H
#define FERMATA_SERVER_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/status.h"
#include "proto/api.h"
#include "server/rpc_table.h"

struct server;
struct call;
struct metric_scope;
struct turn_delivery;

/* Why a parked call's cancel hook runs. */
enum call_end {
    CALL_CLIENT_GONE, /* stream reset or connection closed: nobody will read an answer */
    CALL_DEADLINE,    /* grpc-timeout has passed: the transport answers DEADLINE_EXCEEDED */
    CALL_DRAINING,    /* the server stops: the transport answers UNAVAILABLE */
};

/* A cancel hook, see C2. */
typedef void call_cancel(struct call *call, enum call_end why);

/* The request headers that handlers look at. Texts live in the call's arena; NULL when absent. */
struct call_headers {
    const char *client_name, *client_version;
    const char *supported_server_versions, *supported_features;
};

/* A response header or trailer that a handler adds. */
struct call_header {
    const char *name, *value;
    struct call_header *next;
};

/* Encoded protobuf fields that are sent behind the packed response message: how stored history travels without being
 * unpacked and packed again. Concatenated protobuf encodings merge, so the client sees one message. */
struct call_tail {
    struct bytes encoded; /* tag, length and value of one or more fields; in the call's arena */
    struct call_tail *next;
};

struct call {
    struct server *server;
    struct arena *arena;
    const struct rpc *rpc;
    const void *request; /* an instance of rpc->request */
    void *response;      /* an instance of rpc->response, initialised */
    struct call_tail *tail, **tail_end;
    struct call_header *answer_headers;
    struct call_headers headers;
    nanos deadline; /* monotonic (clock_monotonic); NANOS_MAX when the client set none */

    const PbTaskToken *task_token; /* the request's, once task_token_of_call has read it */

    /* For the code that has parked the call. */
    call_cancel *on_cancel;
    void *waiter;

    /* Set by those who hand out something that must come back if it cannot be delivered: runs when the stream turns out
     * to be gone before the answer was written. */
    void (*on_undelivered)(struct call *call);
    void *delivery;

    /* The transport's. */
    const struct turn_delivery *transport; /* where its answer goes (server/turn.h) */
    void *stream;                          /* what the transport knows it by */
    status answer;
    bool parked, answered;
    struct call *next_answered; /* the turn's list */

    /* Of server/metrics: its series (NULL: it is not counted), when its handler was called, and how long it was parked;
     * while it is, less the instant at which that began. Monotonic. */
    struct metric_scope *metrics;
    nanos began, waited;
};

/* Parks the call: to be returned by a handler. */
__attribute__((warn_unused_result)) status call_park(struct call *call, call_cancel *on_cancel, void *waiter);

/* Answers a parked call (or one whose handler has just returned). `answer` must not be GRPC_PENDING. */
void call_answer(struct call *call, status answer);

/* Ends a call that a handler has seen, unless it is answered: its cancel hook runs, and `answer` takes its way. */
void call_end_early(struct call *call, enum call_end why, status answer);

/* Appends the field `number` (length-delimited) with the concatenation of `parts` as its value to the response. The
 * bytes are copied. */
void call_append_field(struct call *call, uint32_t number, const struct bytes *parts, size_t parts_count);

/* Adds a response header. Texts are borrowed until the answer is sent. */
void call_add_header(struct call *call, const char *name, const char *value);

/* Time left until the deadline (0 when it has passed, NANOS_MAX when there is none). */
nanos call_time_left(const struct call *call);

#endif
