/*
 * The opaque tokens that clients get and send back: of a task that a worker has, and of a place in a history.
 *
 * SDKs never look inside. What comes back may be anything: decoding bounds it, scans it and checks what every token of
 * ours has, and says no to all else. A token says where to look, never that it is still so: the engine compares what it
 * names with the run.
 */
#ifndef FERMATA_SERVER_ENGINE_TOKEN_H
#define FERMATA_SERVER_ENGINE_TOKEN_H

#include <stdbool.h>

#include "base/arena.h"
#include "proto/api.h"

struct call;

/* Packs a task token into `arena`. It names a task (run, run_id, scheduled_event_id), a query (query_id), or an
 * activity by its id (namespace_name, workflow_id, run_id or none, activity_id). */
ProtobufCBinaryData task_token_encode(struct arena *arena, const PbTaskToken *token);

/* The token in `data`, unpacked into `arena`; NULL when it is none of ours. Then either query_id is not empty, or run
 * and scheduled_event_id are positive and run_id has UUID_BYTES bytes, or run is 0 and activity_id is not empty. */
PbTaskToken *task_token_decode(struct arena *arena, const ProtobufCBinaryData *data);

/* The same, read once per call: `data` is the one task token of its request. */
const PbTaskToken *task_token_of_call(struct call *call, const ProtobufCBinaryData *data);

/* Packs a history page token into `arena`. */
ProtobufCBinaryData page_token_encode(struct arena *arena, const PbHistoryPageToken *token);

/* The page token in `data`, unpacked into `arena`; NULL when it is none of ours. run_id has UUID_BYTES bytes and
 * next_event_id is positive. */
PbHistoryPageToken *page_token_decode(struct arena *arena, const ProtobufCBinaryData *data);

#endif
