/* TLS on accepted sockets, by OpenSSL. */
#ifndef FERMATA_SERVER_GRPC_TLS_H
#define FERMATA_SERVER_GRPC_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/status.h"

struct tls_context;
struct tls;

/* What reading and writing return besides a count; 0 is the end of the stream. */
enum { IO_AGAIN = -1, IO_FAILED = -2 };

/* Reads certificate, key and, unless NULL, the authorities that clients' certificates must come from. The error's text
 * says which file is wrong and how; it lives in `arena`. */
status tls_context_new(struct arena *arena, const char *cert, const char *key, const char *client_ca,
                       struct tls_context **ret_context);

/* Frees it; NULL is accepted. */
void tls_context_free(struct tls_context *context);

/* The server's side of a connection. The handshake happens in tls_read. */
struct tls *tls_new(struct tls_context *context, int fd);

/* Says good-bye, if that can be, and frees it; NULL is accepted. The socket stays open. */
void tls_free(struct tls *tls);

/* Reads up to `len` bytes. */
ssize_t tls_read(struct tls *tls, void *data, size_t len);

/* Writes some of `len` bytes. */
ssize_t tls_write(struct tls *tls, const void *data, size_t len);

/* Whether reading said IO_AGAIN because it has to write first. */
bool tls_wants_to_write(struct tls *tls);

#endif
