#include "server/frontend/failures.h"

#include "proto/pb.h"

PbFailure *failure_of_server(struct arena *arena, const char *message, PbFailure *cause)
{
    PbFailure *failure = ARENA_NEW_PB(arena, PbFailure);

    failure->message = message;
    failure->cause = cause;
    failure->failure_info_case = PbFailure_server_failure_info_case;
    failure->server_failure_info = ARENA_NEW_PB(arena, PbServerFailureInfo);
    failure->server_failure_info->non_retryable = true;
    return failure;
}
