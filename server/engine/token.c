/*
 * A token is a packed message (proto/fermata/run.proto), so later releases can add fields and still read the tokens
 * that workers hold while the server is replaced. Nothing in it is secret, and nothing in it is trusted.
 */
#include "server/engine/token.h"

#include "base/invariant.h"
#include "base/rand.h"
#include "proto/pb.h"
#include "proto/scan.h"
#include "server/call.h"

/* Three ids and a namespace of at most 1000 bytes each by default, limit.maxIDLength may raise that; numbers add few.
 */
enum { TOKEN_BYTES_MAX = 64 * 1024 };

static ProtobufCBinaryData encode(struct arena *arena, const void *message)
{
    struct bytes packed = pb_pack(arena, message);

    return (ProtobufCBinaryData){.len = packed.len, .data = arena_memdup(arena, packed.data, packed.len)};
}

static void *decode(struct arena *arena, const ProtobufCMessageDescriptor *type, const ProtobufCBinaryData *data)
{
    if (data->len == 0 || data->len > TOKEN_BYTES_MAX)
        return NULL;
    if (scan_message(type, data->data, data->len, NULL, NULL) != SCAN_OK)
        return NULL;
    return pb_unpack(arena, type, data->data, data->len);
}

static bool is_task(const PbTaskToken *token)
{
    return token->run > 0 && token->scheduled_event_id > 0 && token->run_id.len == UUID_BYTES && token->attempt >= 0;
}

static bool is_query(const PbTaskToken *token)
{
    return token->query_id[0] != '\0';
}

/* Names in place of rows: what a client that knows an activity by its id gets. */
static bool is_activity_by_id(const PbTaskToken *token)
{
    return token->run == 0 && token->activity_id[0] != '\0' && token->namespace_name[0] != '\0' &&
           (token->run_id.len == 0 || token->run_id.len == UUID_BYTES);
}

static bool is_ours(const PbTaskToken *token)
{
    return is_task(token) || is_query(token) || is_activity_by_id(token);
}

ProtobufCBinaryData task_token_encode(struct arena *arena, const PbTaskToken *token)
{
    invariant(is_ours(token), "a token names neither a task nor a query");
    return encode(arena, token);
}

PbTaskToken *task_token_decode(struct arena *arena, const ProtobufCBinaryData *data)
{
    PbTaskToken *token = decode(arena, &PbTaskToken_descriptor, data);

    return token != NULL && is_ours(token) ? token : NULL;
}

const PbTaskToken *task_token_of_call(struct call *call, const ProtobufCBinaryData *data)
{
    if (call->task_token == NULL)
        call->task_token = task_token_decode(call->arena, data);
    return call->task_token;
}

static bool is_page(const PbHistoryPageToken *token)
{
    return token->run_id.len == UUID_BYTES && token->next_event_id > 0;
}

ProtobufCBinaryData page_token_encode(struct arena *arena, const PbHistoryPageToken *token)
{
    invariant(is_page(token), "a page token names no place in a history");
    return encode(arena, token);
}

PbHistoryPageToken *page_token_decode(struct arena *arena, const ProtobufCBinaryData *data)
{
    PbHistoryPageToken *token = decode(arena, &PbHistoryPageToken_descriptor, data);

    return token != NULL && is_page(token) ? token : NULL;
}
