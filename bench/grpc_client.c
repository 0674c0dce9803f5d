/* nghttp2 on non-blocking sockets under epoll. What the sessions want to send is gathered once per step, so that calls
 * made together leave in one write. */
#include "bench/grpc_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/hash_table.h"
#include "base/status.h"
#include "proto/pb.h"

/* Large enough that flow control never decides what is measured. */
enum { STREAM_WINDOW_BYTES = 4 * 1024 * 1024, CONNECTION_WINDOW_BYTES = 64 * 1024 * 1024, READ_BYTES = 256 * 1024 };

enum { GRPC_PREFIX_BYTES = 5, EVENTS_MAX = 64 };

struct grpc_call_state {
    struct grpc_call_state *prev, *next;
    struct connection *connection;
    const struct grpc_method *method;
    grpc_done *done;
    void *context;
    nanos began;
    struct buffer request, response;
    size_t request_sent;
    int grpc_status;
    char message[200];
};

struct connection {
    struct grpc_client *client;
    nghttp2_session *session;
    int fd;
    bool is_broken, wants_write;
    struct buffer out;
    struct grpc_call_state *calls;
};

struct grpc_client {
    const struct clock *clock;
    int epoll, count, next;
    struct arena *arena;
    uint8_t *read_buffer;
    struct connection connections[];
};

static void free_call(struct grpc_call_state *call)
{
    DL_DELETE(call->connection->calls, call);
    buffer_free(&call->request);
    buffer_free(&call->response);
    memory_free(call);
}

/* Unpacks the one message of the response; NULL when it is not there. */
static void *unpack_response(const struct grpc_call_state *call, struct arena *arena)
{
    const uint8_t *data = call->response.data;
    size_t len;

    if (call->response.len < GRPC_PREFIX_BYTES || data[0] != 0)
        return NULL;
    len = (size_t)data[1] << 24 | (size_t)data[2] << 16 | (size_t)data[3] << 8 | data[4];
    if (len != call->response.len - GRPC_PREFIX_BYTES)
        return NULL;
    return pb_unpack(arena, call->method->response, data + GRPC_PREFIX_BYTES, len);
}

static void finish_call(struct grpc_call_state *call)
{
    struct grpc_client *client = call->connection->client;
    struct grpc_result result = {
        .status = call->grpc_status, .message = call->message, .took = clock_monotonic(client->clock) - call->began};
    grpc_done *done = call->done;
    void *context = call->context;

    if (result.status == GRPC_OK) {
        result.response = unpack_response(call, client->arena);
        if (result.response == NULL)
            result.status = GRPC_INTERNAL;
    }
    done(context, &result);
    free_call(call);
    arena_reset(client->arena);
}

static void break_connection(struct connection *connection)
{
    connection->is_broken = true;
    while (connection->calls != NULL) {
        connection->calls->grpc_status = GRPC_UNAVAILABLE;
        finish_call(connection->calls);
    }
}

/* --- nghttp2's callbacks --- */

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *context)
{
    struct grpc_call_state *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

    (void)flags;
    (void)context;
    if (call == NULL)
        return 0;
    if (name_len == 11 && memcmp(name, "grpc-status", 11) == 0)
        call->grpc_status = atoi((const char *)value);
    else if (name_len == 12 && memcmp(name, "grpc-message", 12) == 0)
        snprintf(call->message, sizeof(call->message), "%.*s", (int)value_len, (const char *)value);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t len,
                   void *context)
{
    struct grpc_call_state *call = nghttp2_session_get_stream_user_data(session, stream_id);

    (void)flags;
    (void)context;
    if (call != NULL)
        buffer_append(&call->response, data, len);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error, void *context)
{
    struct grpc_call_state *call = nghttp2_session_get_stream_user_data(session, stream_id);

    (void)error;
    (void)context;
    if (call != NULL)
        finish_call(call);
    return 0;
}

static ssize_t read_request(nghttp2_session *session, int32_t stream_id, uint8_t *ret_data, size_t len,
                            uint32_t *ret_flags, nghttp2_data_source *source, void *context)
{
    struct grpc_call_state *call = source->ptr;
    size_t left = call->request.len - call->request_sent;

    (void)session;
    (void)stream_id;
    (void)context;
    if (len > left)
        len = left;
    memcpy(ret_data, call->request.data + call->request_sent, len);
    call->request_sent += len;
    if (call->request_sent == call->request.len)
        *ret_flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)len;
}

static nghttp2_session *new_session(struct connection *connection)
{
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                               {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES}};
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session;

    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    invariant(nghttp2_session_client_new(&session, callbacks, connection) == 0, "out of memory");
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, sizeof(settings) / sizeof(settings[0]));
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW_BYTES);
    return session;
}

/* --- connections --- */

static int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

static bool open_connection(struct grpc_client *client, struct connection *connection, int port)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

    connection->client = client;
    connection->fd = connect_to(port);
    if (connection->fd < 0)
        return false;
    connection->session = new_session(connection);
    epoll_ctl(client->epoll, EPOLL_CTL_ADD, connection->fd, &event);
    return true;
}

struct grpc_client *grpc_client_new(const struct clock *clock, int port, int connections)
{
    struct grpc_client *client = memory_new(sizeof(*client) + (size_t)connections * sizeof(client->connections[0]));

    client->clock = clock;
    client->epoll = epoll_create1(EPOLL_CLOEXEC);
    client->arena = arena_new(64 * 1024);
    client->read_buffer = memory_new(READ_BYTES);
    for (int i = 0; i < connections; i++) {
        client->connections[i].fd = -1;
        client->count = i + 1;
        if (!open_connection(client, &client->connections[i], port)) {
            grpc_client_free(client);
            return NULL;
        }
    }
    return client;
}

void grpc_client_free(struct grpc_client *client)
{
    if (client == NULL)
        return;
    for (int i = 0; i < client->count; i++) {
        struct connection *connection = &client->connections[i];

        while (connection->calls != NULL)
            free_call(connection->calls);
        nghttp2_session_del(connection->session);
        buffer_free(&connection->out);
        if (connection->fd >= 0)
            close(connection->fd);
    }
    close(client->epoll);
    arena_free(client->arena);
    memory_free(client->read_buffer);
    memory_free(client);
}

bool grpc_client_is_broken(const struct grpc_client *client)
{
    for (int i = 0; i < client->count; i++) {
        if (client->connections[i].is_broken)
            return true;
    }
    return false;
}

/* --- calls --- */

static void pack_request(struct buffer *buffer, const ProtobufCMessage *message)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t prefix[GRPC_PREFIX_BYTES] = {0, (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                                         (uint8_t)len};

    buffer_append(buffer, prefix, sizeof(prefix));
    protobuf_c_message_pack(message, buffer_reserve(buffer, len));
    buffer->len += len;
}

/* nghttp2 takes names and values as bytes that are not const and copies them. */
static nghttp2_nv header(const char *name, const char *value)
{
    union {
        const char *text;
        uint8_t *bytes;
    } unconst_name = {.text = name}, unconst_value = {.text = value};

    return (nghttp2_nv){unconst_name.bytes, unconst_value.bytes, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
}

void grpc_call(struct grpc_client *client, const struct grpc_method *method, const void *request, nanos timeout,
               grpc_done *done, void *context)
{
    struct grpc_call_state *call = memory_new(sizeof(*call));
    nghttp2_data_provider body = {.source.ptr = call, .read_callback = read_request};
    char path[160], grpc_timeout[24];

    call->connection = &client->connections[client->next++ % client->count];
    call->method = method;
    call->done = done;
    call->context = context;
    call->began = clock_monotonic(client->clock);
    call->grpc_status = GRPC_UNAVAILABLE; /* until the trailers say otherwise */
    DL_APPEND(call->connection->calls, call);
    pack_request(&call->request, request);
    snprintf(path, sizeof(path), "/temporal.api.workflowservice.v1.WorkflowService/%s", method->name);
    snprintf(grpc_timeout, sizeof(grpc_timeout), "%lldm", (long long)(timeout / NANOS_PER_MILLISECOND));

    const nghttp2_nv headers[] = {header(":method", "POST"),
                                  header(":scheme", "http"),
                                  header(":path", path),
                                  header(":authority", "127.0.0.1"),
                                  header("te", "trailers"),
                                  header("content-type", "application/grpc"),
                                  header("user-agent", "fermata-bench"),
                                  header("client-name", "temporal-python"),
                                  header("client-version", "1.18.0"),
                                  header("grpc-timeout", grpc_timeout)};
    size_t count = sizeof(headers) / sizeof(headers[0]) - (timeout == 0);
    nghttp2_submit_request(call->connection->session, NULL, headers, count, &body, call);
}

/* --- the loop --- */

static void set_wants_write(struct connection *connection, bool wants_write)
{
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? (uint32_t)EPOLLOUT : 0), .data.ptr = connection};

    if (connection->wants_write == wants_write)
        return;
    connection->wants_write = wants_write;
    epoll_ctl(connection->client->epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

static void flush(struct connection *connection)
{
    const uint8_t *data;
    ssize_t len;

    if (connection->is_broken)
        return;
    while ((len = nghttp2_session_mem_send(connection->session, &data)) > 0)
        buffer_append(&connection->out, data, (size_t)len);
    while (connection->out.len > 0) {
        len = send(connection->fd, connection->out.data, connection->out.len, MSG_NOSIGNAL);
        if (len < 0)
            break;
        buffer_consume(&connection->out, (size_t)len);
    }
    set_wants_write(connection, connection->out.len > 0);
}

static void receive(struct connection *connection)
{
    uint8_t *buffer = connection->client->read_buffer;

    for (;;) {
        ssize_t len = recv(connection->fd, buffer, READ_BYTES, 0);

        if (len < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (len <= 0 || nghttp2_session_mem_recv(connection->session, buffer, (size_t)len) < 0) {
            epoll_ctl(connection->client->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
            break_connection(connection);
            return;
        }
        if (len < READ_BYTES)
            return;
    }
}

void grpc_client_step(struct grpc_client *client, nanos wait)
{
    struct epoll_event events[EVENTS_MAX];
    int count;

    for (int i = 0; i < client->count; i++)
        flush(&client->connections[i]);
    count = epoll_wait(client->epoll, events, EVENTS_MAX, (int)(wait / NANOS_PER_MILLISECOND));
    for (int i = 0; i < count; i++) {
        if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
            receive(events[i].data.ptr);
    }
}
