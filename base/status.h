/*
 * The one error type, from SQLite to the wire: a gRPC code, a message and at most one detail message. Returned by value
 * and never ignored. The message's memory is borrowed: a literal, or the arena of the call that it answers.
 */
#ifndef FERMATA_BASE_STATUS_H
#define FERMATA_BASE_STATUS_H

#include <stdbool.h>

/* Codes of the gRPC protocol, and one of our own that never reaches the wire. */
enum status_code {
    GRPC_PENDING = -1, /* not an outcome: the call has been parked and is answered later */
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_ALREADY_EXISTS = 6,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_ABORTED = 10,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_DATA_LOSS = 15,
    GRPC_UNAUTHENTICATED = 16,
};

struct arena;

struct status {
    enum status_code code;
    const char *message; /* UTF-8; NULL for none */
    const void *detail;  /* a protobuf message that goes into grpc-status-details-bin, or NULL; borrowed */
};
typedef struct status status;

/* Success. */
static inline __attribute__((warn_unused_result)) status status_ok(void)
{
    return (status){.code = GRPC_OK};
}

/* The call has been parked (see server/call.h). */
static inline __attribute__((warn_unused_result)) status status_pending(void)
{
    return (status){.code = GRPC_PENDING};
}

/* Whether `s` is success. */
static inline bool status_is_ok(status s)
{
    return s.code == GRPC_OK;
}

/* An error whose text is `literal`, which must outlive the answer. */
__attribute__((warn_unused_result)) status status_error(enum status_code code, const char *literal);

/* An error whose text is formatted into `arena`. */
__attribute__((warn_unused_result)) status status_errorf(struct arena *arena, enum status_code code, const char *format,
                                                         ...) __attribute__((format(printf, 3, 4)));

/* An error with a detail message (a ProtobufCMessage); text formatted into `arena`. */
__attribute__((warn_unused_result)) status status_detail(struct arena *arena, enum status_code code, const void *detail,
                                                         const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The protocol's name of a code: "NOT_FOUND". */
const char *status_code_name(enum status_code code);

/* Returns from the enclosing function with the status of `expression` unless that is success. */
#define TRY(expression)                    \
    do {                                   \
        status try_status_ = (expression); \
        if (!status_is_ok(try_status_))    \
            return try_status_;            \
    } while (0)

#endif
