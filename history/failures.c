/* What is kept of a failure, and in which order, is the real server's choice: users find it in their histories. */
#include "history/failures.h"

#include <string.h>

#include "proto/pb.h"

enum {
    CAUSES_MAX = 20,      /* further ones are dropped: nobody reads that deep */
    TEXT_FRAME_BYTES = 4, /* tag and length around a text */
    INFO_FRAME_BYTES = 8, /* the same around failure info with its flag */
};

static void spend(size_t *left, size_t bytes)
{
    *left -= bytes < *left ? bytes : *left;
}

/* As much of `text` as fits, cut between characters. */
static const char *shorten_text(struct arena *arena, const char *text, size_t *left)
{
    size_t len = strlen(text);

    if (len > *left) {
        len = *left;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
        text = arena_strndup(arena, text, len);
    }
    if (len > 0)
        spend(left, len + TEXT_FRAME_BYTES);
    return text;
}

static void shorten_info(struct arena *arena, const PbFailure *from, PbFailure *to, size_t *left)
{
    if (from->failure_info_case == PbFailure_application_failure_info_case) {
        to->failure_info_case = from->failure_info_case;
        to->application_failure_info = ARENA_NEW_PB(arena, PbApplicationFailureInfo);
        to->application_failure_info->non_retryable = from->application_failure_info->non_retryable;
        to->application_failure_info->type = shorten_text(arena, from->application_failure_info->type, left);
        spend(left, INFO_FRAME_BYTES);
    } else if (from->failure_info_case == PbFailure_server_failure_info_case) {
        to->failure_info_case = from->failure_info_case;
        to->server_failure_info = ARENA_NEW_PB(arena, PbServerFailureInfo);
        to->server_failure_info->non_retryable = from->server_failure_info->non_retryable;
        spend(left, TEXT_FRAME_BYTES);
    }
}

PbFailure *failure_shorten(struct arena *arena, const PbFailure *failure, size_t bytes_max)
{
    PbFailure *first = NULL, **place = &first;
    size_t left = bytes_max;

    for (int depth = 0; failure != NULL && depth <= CAUSES_MAX; depth++) {
        PbFailure *copy = ARENA_NEW_PB(arena, PbFailure);

        shorten_info(arena, failure, copy, &left);
        copy->source = shorten_text(arena, failure->source, &left);
        copy->message = shorten_text(arena, failure->message, &left);
        copy->stack_trace = shorten_text(arena, failure->stack_trace, &left);
        *place = copy;
        place = &copy->cause;
        failure = failure->cause;
        if (left <= TEXT_FRAME_BYTES)
            break;
        left -= TEXT_FRAME_BYTES;
    }
    return first;
}
