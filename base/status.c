#include "base/status.h"

#include <stdarg.h>
#include <stddef.h>

#include "base/arena.h"

status status_error(enum status_code code, const char *literal)
{
    return (status){.code = code, .message = literal};
}

status status_errorf(struct arena *arena, enum status_code code, const char *format, ...)
{
    status result = {.code = code};
    va_list args;

    va_start(args, format);
    result.message = arena_vprintf(arena, format, args);
    va_end(args);
    return result;
}

status status_detail(struct arena *arena, enum status_code code, const void *detail, const char *format, ...)
{
    status result = {.code = code, .detail = detail};
    va_list args;

    va_start(args, format);
    result.message = arena_vprintf(arena, format, args);
    va_end(args);
    return result;
}

const char *status_code_name(enum status_code code)
{
    static const char *const names[] = {
        "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
        "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
        "DATA_LOSS", "UNAUTHENTICATED",
    };

    if (code == GRPC_PENDING)
        return "PENDING";
    return (size_t)code < sizeof(names) / sizeof(names[0]) ? names[code] : "UNKNOWN";
}
