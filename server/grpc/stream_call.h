/*
 * Streaming RPCs, as far as a server of this API needs them (health watching, reflection).
 *
 * Their handlers have the form of unary ones, with NULL for the response; messages go out through stream_call_send.
 *
 * SERVER_STREAM  called once, with the only request. It returns status_pending() to keep the stream open (call_park, if
 * it wants to hear of the end), or the stream's final status. BIDI_STREAM    called for each request message, whose
 * memory and call->arena live until it returns. OK goes on, anything else ends the stream; when the client has no more
 * to say the stream ends with OK.
 *
 * Messages leave at the end of the turn, whatever becomes of its commit: they must not report what the turn has
 * written.
 */
#ifndef FERMATA_SERVER_GRPC_STREAM_CALL_H
#define FERMATA_SERVER_GRPC_STREAM_CALL_H

#include "base/status.h"
#include "server/call.h"

/* Queues a copy of `message`, packed. RESOURCE_EXHAUSTED, to be returned by the handler, when the client leaves too
 * much unread. */
__attribute__((warn_unused_result)) status stream_call_send(struct call *call, const ProtobufCMessage *message);

#endif
