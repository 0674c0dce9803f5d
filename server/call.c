#include "server/call.h"

#include <string.h>

#include "base/invariant.h"
#include "server/metrics/server_metrics.h"
#include "server/server.h"
#include "server/turn.h"

status call_park(struct call *call, call_cancel *on_cancel, void *waiter)
{
    invariant(!call->answered, "parks an answered %s call", call->rpc->method); /* C1 */
    call->parked = true;
    metrics_call_parks(call);
    call->on_cancel = on_cancel;
    call->waiter = waiter;
    return status_pending();
}

void call_answer(struct call *call, status answer)
{
    invariant(!call->answered, "answers a %s call twice", call->rpc->method); /* C1 */
    invariant(answer.code != GRPC_PENDING, "answers a %s call with \"pending\"", call->rpc->method);
    if (call->parked)
        metrics_call_is_answered(call);
    call->answer = answer;
    call->answered = true;
    call->parked = false;
    call->on_cancel = NULL;
    call->waiter = NULL;
    turn_add_answer(call->server->turn, call);
}

void call_end_early(struct call *call, enum call_end why, status answer)
{
    call_cancel *on_cancel = call->on_cancel;

    if (call->answered)
        return;
    call->on_cancel = NULL;
    if (on_cancel != NULL)
        on_cancel(call, why);
    if (!call->answered)
        call_answer(call, answer);
}

static size_t put_varint(uint8_t *at, uint64_t value)
{
    size_t len = 0;

    for (; value >= 0x80; value >>= 7)
        at[len++] = (uint8_t)(value | 0x80);
    at[len++] = (uint8_t)value;
    return len;
}

void call_append_field(struct call *call, uint32_t number, const struct bytes *parts, size_t parts_count)
{
    enum { LENGTH_DELIMITED = 2, VARINT_BYTES_MAX = 10 };
    struct call_tail *tail = ARENA_NEW(call->arena, struct call_tail);
    size_t len = 0, at;
    uint8_t *field;

    for (size_t i = 0; i < parts_count; i++)
        len += parts[i].len;
    field = arena_alloc_raw(call->arena, len + 2 * VARINT_BYTES_MAX);
    at = put_varint(field, (uint64_t)number << 3 | LENGTH_DELIMITED);
    at += put_varint(field + at, len);
    for (size_t i = 0; i < parts_count; i++) {
        if (parts[i].len > 0)
            memcpy(field + at, parts[i].data, parts[i].len);
        at += parts[i].len;
    }
    tail->encoded = (struct bytes){field, at};
    *call->tail_end = tail;
    call->tail_end = &tail->next;
}

void call_add_header(struct call *call, const char *name, const char *value)
{
    struct call_header *header = ARENA_NEW(call->arena, struct call_header);

    *header = (struct call_header){.name = name, .value = value, .next = call->answer_headers};
    call->answer_headers = header;
}

nanos call_time_left(const struct call *call)
{
    nanos now;

    if (call->deadline == NANOS_MAX)
        return NANOS_MAX;
    now = clock_monotonic(call->server->clock);
    return call->deadline > now ? nanos_add(call->deadline, -now) : 0;
}
