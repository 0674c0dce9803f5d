/*
 * The transport's parts, for the files of this folder: connections, their streams, and what all of them share.
 *
 *   transport.c   listening, accepting, winding down          connection.c  bytes in and out, time-outs, limits per
 * connection session.c     nghttp2's callbacks: frames to streams       stream.c      one call: request, dispatch, end
 *   answer.c      answers to header blocks and data            tls.c, gzip.c, framing.c   what their names say
 *
 * TR1  A stream is freed exactly once, by stream_release; it has left its connection by then. stream->connection is
 * NULL from the moment on in which nghttp2 closed the stream or the connection went away. TR2  Nothing that the engine
 * can see (dispatch, cancel hooks, undelivered hooks) happens in a socket or nghttp2 callback: they post the stream's
 * work (LO1). TR3  Frames are written by connection_write only, at the end of a turn or when a full socket takes more.
 */
#ifndef FERMATA_SERVER_GRPC_PARTS_H
#define FERMATA_SERVER_GRPC_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <nghttp2/nghttp2.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/timers.h"
#include "server/call.h"
#include "server/grpc/framing.h"
#include "server/grpc/gzip.h"
#include "server/grpc/tls.h"
#include "server/grpc/token_bucket.h"
#include "server/grpc/transport.h"
#include "server/loop/listener.h"
#include "server/loop/loop.h"
#include "server/turn.h"

struct st_h2o_socket_t;

/* What clients may make us hold. An SDK's worker has some dozen streams; a connection with ten thousand idle polls
 * costs about 30 MB. Beyond it nghttp2 refuses streams, and gRPC clients wait. */
enum { STREAMS_PER_CONNECTION_MAX = 10000 };

/* Memory of all streams of a connection, and of the process: requests under way, parked calls, answers that nobody
 * reads. New calls get RESOURCE_EXHAUSTED beyond it. Some dozen of the largest messages, unpacked. */
#define HELD_BYTES_PER_CONNECTION_MAX ((size_t)128 << 20)
#define HELD_BYTES_MAX                ((size_t)1 << 30)

/* Header lists. The real server takes 16 MiB, which no client has a use for. */
enum { HEADER_LIST_BYTES_MAX = 64 * 1024 };

/* One read. Also what bounds the calls that one connection can bring into one turn. */
enum { IN_BYTES = 64 * 1024 };

/* What is written at once: all answers of a turn on one connection, nearly always. */
enum { OUT_BYTES = 128 * 1024 };

/* The largest frame that we make (no client raises SETTINGS_MAX_FRAME_SIZE to any use), with its header. */
enum { FRAME_HEADER_BYTES = 9, FRAME_BYTES_MAX = FRAME_HEADER_BYTES + 16384 };

enum { CONNECTION_MAGIC = 0x636f6e6e, STREAM_MAGIC = 0x7374726d };

struct connection;

/*
 *   HEADERS ──► REQUEST ──► READY ──► CALLED ──► SENDING      CALLED: the handler has been called; the call is parked,
 * or │           │                    ▲  │        ▲                 answered and withheld until the turn's COMMIT │ │
 * (streams) └──┘        │         SENDING: the final status is on its way └───────────┴────────── refused
 * ─────────────┘
 */
enum stream_state { STREAM_HEADERS, STREAM_REQUEST, STREAM_READY, STREAM_CALLED, STREAM_SENDING };

/* A request message of a bidirectional stream that waits for its dispatch; it lies in its own arena. */
struct stream_message {
    struct arena *arena;
    const void *message;
    struct stream_message *next;
};

/* One HTTP/2 stream, in the arena of its call. */
struct stream {
    uint32_t magic;
    int32_t id;
    enum stream_state state;
    struct connection *connection; /* NULL: gone */
    struct transport *transport;
    struct stream *prev, *next; /* of the connection */
    struct work work;
    struct timer deadline;

    /* The request. */
    struct arena *arena;
    const char *method, *path, *content_type, *timeout; /* timeout: what is wrong with it */
    const char *encoding;                               /* of request messages, when it is neither identity nor gzip */
    uint32_t path_len, headers_bytes;
    bool gzip, has_content_type;
    bool request_ended; /* the client has half-closed */
    struct message_reader reader;
    struct stream_message *messages, **messages_end; /* bidirectional streams */
    status failure;                                  /* what is wrong with a request whose handler has been called */

    /* The answer. */
    struct bytes answer;  /* unary: prefix and message, in the arena */
    struct buffer queued; /* streaming: messages with their prefixes */
    size_t sent;          /* bytes of either that have been framed */
    bool headers_sent;    /* response headers have been submitted */
    bool finished;        /* nothing will be added to the answer */
    bool delivered;       /* the frame that ends the stream has been made */
    size_t held;          /* bytes that its connection has been charged for */
    struct call call;
};

struct connection {
    uint32_t magic;
    struct transport *transport;
    struct connection *prev, *next;             /* of the transport */
    struct connection *dirty_prev, *dirty_next; /* with something to write at the turn's end */
    bool dirty;
    struct arena *arena;
    struct st_h2o_socket_t *socket;
    struct tls *tls;                    /* NULL: cleartext */
    nghttp2_session *session;           /* made by the first bytes, gone while lingering */
    struct stream *streams, *receiving; /* receiving: whose header block is being read */
    int32_t watched_until;              /* streams up to this one are done, or have their deadlines watched */

    struct buffer unwritten; /* what a full socket did not take; nothing more is framed until it has */
    size_t unwritten_from;
    bool waits_for_room;

    struct timer timer;
    nanos opened_at, read_at, written_at, pinged_at, linger_until; /* the last two: 0 when not */
    struct token_bucket pings, idle_frames;
    size_t held;
    bool settled;  /* the client's preface and settings have come */
    bool draining; /* GOAWAY has been said: ends when its streams have */
    bool ending;   /* ends as soon as what is queued has been written */
};

struct transport {
    struct server *server;
    struct arena *arena;
    struct listener *listener; /* NULL once it winds down */
    struct turn_delivery delivery;
    struct stopper stopper;
    struct timer drain_limit;
    struct tls_context *tls;
    struct gzip *gzip;
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *session_options;
    struct connection *connections, *dirty;
    struct transport_counts counts;
    size_t held;
    bool draining;
    uint16_t port;
    struct arena **spare_arenas; /* of finished calls, for the next ones */
    size_t spare_arenas_count;
    uint8_t *in, *out;
    size_t out_len;
};

/* --- connection.c --- */

/* Takes over an accepted socket. */
void connection_new(struct transport *transport, struct st_h2o_socket_t *socket);

/* Closes and frees it; its streams are gone. */
void connection_free(struct connection *connection);

/* Has it written at the end of the turn. */
void connection_touch(struct connection *connection);

/* Writes what there is to write, as far as the socket takes it. May free the connection. */
void connection_write(struct connection *connection);

/* Says GOAWAY with this reason, and ends the connection when that is written. */
void connection_end(struct connection *connection, uint32_t http2_error, const char *reason);

/* Says GOAWAY; its streams get UNAVAILABLE or what they were answered; ends when they have. */
void connection_drain(struct connection *connection);

/* --- session.c --- */

/* The callbacks and options that all sessions share. */
void session_setup(struct transport *transport);

/* Makes the session of a connection and queues our settings. */
void session_new(struct connection *connection);

/* --- stream.c --- */

/* A new request's stream. */
struct stream *stream_new(struct connection *connection, int32_t id);

/* One header of the request. */
void stream_header(struct stream *stream, struct bytes name, struct bytes value);

/* The end of the request's headers. */
void stream_headers_end(struct stream *stream);

/* A piece of the request's body. */
void stream_data(struct stream *stream, struct bytes piece);

/* The client has half-closed. */
void stream_request_end(struct stream *stream);

/* Has it end at its deadline. Only for calls that do not end in the turn in which they come: most do. */
void stream_watch_deadline(struct stream *stream);

/* nghttp2 has closed it, or the connection goes: detaches it; frees it as soon as that may be. */
void stream_gone(struct stream *stream);

/* The server winds down. */
void stream_drain(struct stream *stream);

/* The turn releases the answer of its call. */
void stream_deliver(struct stream *stream);

/* Charges the connection for what the stream holds now. */
void stream_charge(struct stream *stream);

/* --- answer.c --- */

/* Submits the headers, and what follows them, of a unary answer that the turn has released. */
void answer_unary(struct stream *stream);

/* Ends a stream with `final`, which nobody had to release: a refused request, or a streaming RPC's last word. */
void answer_final(struct stream *stream, const char *http_status, status final);

/* Queues one message of a streaming answer. */
void answer_message(struct stream *stream, const ProtobufCMessage *message);

/* nghttp2's: frames the answer's bytes. */
int answer_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *frame_header, size_t length,
                     nghttp2_data_source *source, void *user_data);

#endif
