/* One call on one connection, with blocking sockets: it ends when the answer is there, or the socket's time is up. */
#include "server/grpc/health_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nghttp2/nghttp2.h>

#include "base/bytes.h"
#include "proto/pb.h"

/* For each step: connecting, writing, reading. A probe's own limit is often 1 to 5 s. */
enum { TIMEOUT_SECONDS = 3 };

enum { GRPC_PREFIX_BYTES = 5, READ_BYTES = 4096, ANSWER_BYTES_MAX = 4096 };

struct check {
    int fd;
    bool is_over;
    int grpc_status; /* -1: none yet */
    struct buffer answer;
};

/* ---- the address ---- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t parse_address(struct arena *arena, const char *text, union address *ret_address)
{
    const char *colon = strrchr(text, ':');
    char *host, *rest;
    long port;

    if (colon == NULL || colon[1] < '0' || colon[1] > '9')
        return 0;
    port = strtol(colon + 1, &rest, 10);
    if (*rest != '\0' || port < 1 || port > UINT16_MAX)
        return 0;
    host = arena_strndup(arena, text, (size_t)(colon - text));
    if (host[0] == '[' && host[strlen(host) - 1] == ']') {
        host[strlen(host) - 1] = '\0';
        host++;
    }
    if (strcmp(host, "localhost") == 0)
        host = arena_strdup(arena, "127.0.0.1");
    *ret_address = (union address){.v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)}};
    if (inet_pton(AF_INET, host, &ret_address->v4.sin_addr) == 1)
        return sizeof(ret_address->v4);
    *ret_address = (union address){.v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)}};
    if (inet_pton(AF_INET6, host, &ret_address->v6.sin6_addr) == 1)
        return sizeof(ret_address->v6);
    return 0;
}

/* ---- nghttp2's callbacks ---- */

static ssize_t on_send(nghttp2_session *session, const uint8_t *data, size_t len, int flags, void *context)
{
    const struct check *check = context;
    ssize_t sent = send(check->fd, data, len, MSG_NOSIGNAL);

    (void)session;
    (void)flags;
    return sent < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : sent;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *context)
{
    static const char wanted[] = "grpc-status";
    struct check *check = context;

    (void)session;
    (void)frame;
    (void)flags;
    if (name_len == sizeof(wanted) - 1 && memcmp(name, wanted, name_len) == 0)
        check->grpc_status = value_len == 1 && value[0] == '0' ? GRPC_OK : GRPC_UNKNOWN;
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t len,
                   void *context)
{
    struct check *check = context;

    (void)session;
    (void)flags;
    (void)stream;
    if (check->answer.len + len > ANSWER_BYTES_MAX)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    buffer_append(&check->answer, data, len);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *context)
{
    struct check *check = context;

    (void)session;
    (void)stream;
    (void)error;
    check->is_over = true;
    return 0;
}

/* An empty request: "" is the server as a whole. */
static ssize_t read_request(nghttp2_session *session, int32_t stream, uint8_t *data, size_t len, uint32_t *flags,
                            nghttp2_data_source *source, void *context)
{
    (void)session;
    (void)stream;
    (void)len;
    (void)source;
    (void)context;
    memset(data, 0, GRPC_PREFIX_BYTES);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return GRPC_PREFIX_BYTES;
}

/* ---- the call ---- */

static nghttp2_session *session_new(struct check *check)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session = NULL;

    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return NULL;
    nghttp2_session_callbacks_set_send_callback(callbacks, on_send);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    if (nghttp2_session_client_new(&session, callbacks, check) != 0)
        session = NULL;
    nghttp2_session_callbacks_del(callbacks);
    return session;
}

#define HEADER(name, value)                                                                               \
    {                                                                                                     \
        (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1, sizeof(value) - 1, \
            NGHTTP2_NV_FLAG_NONE                                                                          \
    }

static bool submit(nghttp2_session *session)
{
    static const nghttp2_nv headers[] = {
        HEADER(":method", "POST"),
        HEADER(":scheme", "http"),
        HEADER(":path", "/grpc.health.v1.Health/Check"),
        HEADER(":authority", "localhost"),
        HEADER("content-type", "application/grpc"),
        HEADER("te", "trailers"),
        HEADER("user-agent", "fermata-healthcheck"),
    };
    nghttp2_data_provider body = {.read_callback = read_request};

    return nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, NULL, 0) == 0 &&
           nghttp2_submit_request(session, NULL, headers, sizeof(headers) / sizeof(headers[0]), &body, NULL) > 0;
}

static void converse(struct check *check, nghttp2_session *session)
{
    uint8_t in[READ_BYTES];
    ssize_t len;

    while (!check->is_over) {
        if (nghttp2_session_send(session) != 0)
            return;
        len = recv(check->fd, in, sizeof(in), 0);
        if (len <= 0 || nghttp2_session_mem_recv(session, in, (size_t)len) < 0)
            return;
    }
}

static bool says_serving(struct arena *arena, const struct check *check)
{
    const PbHealthCheckResponse *response;

    if (!check->is_over || check->grpc_status != GRPC_OK || check->answer.len < GRPC_PREFIX_BYTES)
        return false;
    response = pb_unpack(arena, &PbHealthCheckResponse_descriptor, check->answer.data + GRPC_PREFIX_BYTES,
                         check->answer.len - GRPC_PREFIX_BYTES);
    return response != NULL && response->status == SERVING_STATUS_SERVING;
}

static int connect_to(const union address *address, socklen_t len)
{
    struct timeval limit = {.tv_sec = TIMEOUT_SECONDS};
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)); /* also that of connect() */
    if (connect(fd, &address->any, len) == 0)
        return fd;
    close(fd);
    return -1;
}

status health_client_check(struct arena *arena, const char *address)
{
    struct check check = {.grpc_status = -1};
    union address parsed;
    socklen_t len = parse_address(arena, address, &parsed);
    nghttp2_session *session;
    bool is_serving;

    if (len == 0)
        return status_errorf(arena, GRPC_INVALID_ARGUMENT, "%s is not an address: IP:PORT or localhost:PORT", address);
    check.fd = connect_to(&parsed, len);
    if (check.fd < 0)
        return status_errorf(arena, GRPC_UNAVAILABLE, "%s cannot be reached: %s", address, strerror(errno));
    session = session_new(&check);
    if (session != NULL && submit(session))
        converse(&check, session);
    is_serving = says_serving(arena, &check);
    nghttp2_session_del(session);
    buffer_free(&check.answer);
    close(check.fd);
    return is_serving ? status_ok() : status_errorf(arena, GRPC_UNAVAILABLE, "%s does not say that it serves", address);
}
