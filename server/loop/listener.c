#include "server/loop/listener.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <h2o/socket.h>

#include "base/log.h"
#include "server/loop/loop.h"
#include "server/server.h"

/* Connections accepted in one turn, so that a storm of them does not keep the others waiting. */
enum { ACCEPTS_PER_TURN = 64 };

enum { BACKLOG = 4096 }; /* the system's own limit is lower or the same */

/* Without file descriptors nothing can be accepted; asking again at once would only burn time. */
#define ACCEPT_PAUSE milliseconds(100)

struct listener {
    struct server *server;
    struct arena *arena;
    h2o_socket_t *socket;
    struct timer accept_again;
    listener_accept *accept;
    void *context;
    uint16_t port;
    bool out_of_descriptors;
};

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t parse_address(const char *ip, uint16_t port, union address *ret_address)
{
    union address address = {.v4 = {.sin_family = AF_INET, .sin_port = htons(port)}};

    if (inet_pton(AF_INET, ip, &address.v4.sin_addr) == 1) {
        *ret_address = address;
        return sizeof(address.v4);
    }
    address = (union address){.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};
    if (inet_pton(AF_INET6, ip, &address.v6.sin6_addr) == 1) {
        *ret_address = address;
        return sizeof(address.v6);
    }
    return 0;
}

/* "listen tcp 127.0.0.1:7233: bind: address already in use": the real server's words. */
static status listen_failed(struct arena *arena, const char *ip, uint16_t port, const char *call, int error)
{
    bool v6 = strchr(ip, ':') != NULL;
    char *reason = arena_strdup(arena, strerror(error));

    reason[0] = (char)tolower((unsigned char)reason[0]);
    return status_errorf(arena, GRPC_UNAVAILABLE, "listen tcp %s%s%s:%u: %s: %s", v6 ? "[" : "", ip, v6 ? "]" : "",
                         (unsigned)port, call, reason);
}

/* A listening socket. SO_REUSEADDR, because launchers of test servers find a free port by connecting to it themselves,
 * which leaves it in TIME_WAIT. */
static status open_socket(struct arena *arena, const char *ip, uint16_t port, int *ret_fd, uint16_t *ret_port)
{
    union address address;
    socklen_t len = parse_address(ip, port, &address);
    int fd, on = 1;
    const char *call = NULL;

    if (len == 0)
        return status_errorf(arena, GRPC_INVALID_ARGUMENT, "%s is not an IP address", ip);
    fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return listen_failed(arena, ip, port, "socket", errno);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
        call = "setsockopt";
    else if (bind(fd, &address.any, len) != 0)
        call = "bind";
    else if (listen(fd, BACKLOG) != 0)
        call = "listen";
    else if (getsockname(fd, &address.any, &len) != 0)
        call = "getsockname";
    if (call != NULL) {
        status failed = listen_failed(arena, ip, port, call, errno);

        close(fd);
        return failed;
    }
    *ret_fd = fd;
    *ret_port = ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    return status_ok();
}

static void on_connection(h2o_socket_t *socket, const char *err);

static void accept_again(struct timer *timer, void *context)
{
    struct listener *listener = context;

    (void)timer;
    h2o_socket_read_start(listener->socket, on_connection);
}

static void on_connection(h2o_socket_t *socket, const char *err)
{
    struct listener *listener = socket->data;
    struct loop *loop = listener->server->loop;

    (void)err;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        h2o_socket_t *accepted = h2o_evloop_socket_accept(socket);

        if (accepted != NULL) {
            listener->out_of_descriptors = false;
            listener->accept(listener->context, accepted);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            if (!listener->out_of_descriptors) /* one line, however long it lasts */
                log_warn("no more connections can be accepted", "error", strerror(errno));
            listener->out_of_descriptors = true;
            h2o_socket_read_stop(socket);
            timers_set(loop_timers(loop), &listener->accept_again,
                       nanos_add(clock_monotonic(listener->server->clock), ACCEPT_PAUSE), accept_again, listener);
        }
        return;
    }
}

status listener_new(struct server *server, struct arena *arena, const char *ip, uint16_t port, listener_accept *accept,
                    void *context, struct listener **ret_listener)
{
    struct listener *listener;
    uint16_t actual_port = 0;
    struct arena *own;
    int fd = -1;

    TRY(open_socket(arena, ip, port, &fd, &actual_port));
    own = arena_new(sizeof(struct listener) + 64);
    listener = ARENA_NEW(own, struct listener);
    *listener =
        (struct listener){.server = server, .arena = own, .accept = accept, .context = context, .port = actual_port};
    listener->socket = h2o_evloop_socket_create(loop_sockets(server->loop), fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->socket->data = listener;
    h2o_socket_read_start(listener->socket, on_connection);
    *ret_listener = listener;
    return status_ok();
}

void listener_free(struct listener *listener)
{
    if (listener == NULL)
        return;
    timers_cancel(loop_timers(listener->server->loop), &listener->accept_again);
    h2o_socket_close(listener->socket);
    arena_free(listener->arena);
}

uint16_t listener_port(const struct listener *listener)
{
    return listener->port;
}
