/*
 * OpenSSL works on the socket itself; the loop only says when it is ready. It is initialized by its first use, so that
 * a server without TLS does not pay for its tables.
 */
#include "server/grpc/tls.h"

#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/invariant.h"

static SSL_CTX *context_of(struct tls_context *context)
{
    return (SSL_CTX *)context;
}

static SSL *ssl_of(struct tls *tls)
{
    return (SSL *)tls;
}

/* The reason of OpenSSL's last error, as a text. */
static status failed(struct arena *arena, const char *what, const char *path)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason =
        ERR_GET_LIB(error) == ERR_LIB_SYS ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);

    ERR_clear_error();
    return status_errorf(arena, GRPC_INVALID_ARGUMENT, "tls: %s %s: %s", what, path,
                         reason == NULL ? "cannot be read" : reason);
}

/* gRPC asks for ALPN "h2" (RFC 7540, 3.3). A client that offers other protocols only is turned away in the handshake.
 */
static int select_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                     unsigned int in_len, void *context)
{
    static const unsigned char h2[] = "h2";

    (void)ssl;
    (void)context;
    for (unsigned int at = 0; at < in_len; at += in[at] + 1u) {
        if (in[at] == sizeof(h2) - 1 && at + in[at] < in_len && memcmp(in + at + 1, h2, sizeof(h2) - 1) == 0) {
            *out = in + at + 1;
            *out_len = in[at];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static status load_files(struct arena *arena, SSL_CTX *ctx, const char *cert, const char *key, const char *client_ca)
{
    static const unsigned char session_context[] =
        "fermata"; /* without one, clients that show certificates cannot resume */

    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
        return failed(arena, "certificate", cert);
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        return failed(arena, "key", key);
    if (SSL_CTX_check_private_key(ctx) != 1)
        return failed(arena, "key does not belong to the certificate:", key);
    if (client_ca == NULL)
        return status_ok();
    if (SSL_CTX_load_verify_file(ctx, client_ca) != 1)
        return failed(arena, "client CA", client_ca);
    SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(client_ca));
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_id_context(ctx, session_context, sizeof(session_context) - 1);
    return status_ok();
}

status tls_context_new(struct arena *arena, const char *cert, const char *key, const char *client_ca,
                       struct tls_context **ret_context)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    status loaded;

    invariant(ctx != NULL, "OpenSSL does not start");
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION); /* RFC 7540, 9.2 */
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(ctx, select_h2, NULL);
    loaded = load_files(arena, ctx, cert, key, client_ca);
    if (!status_is_ok(loaded)) {
        SSL_CTX_free(ctx);
        return loaded;
    }
    *ret_context = (struct tls_context *)ctx;
    return status_ok();
}

void tls_context_free(struct tls_context *context)
{
    SSL_CTX_free(context_of(context));
}

struct tls *tls_new(struct tls_context *context, int fd)
{
    SSL *ssl = SSL_new(context_of(context));

    invariant(ssl != NULL && SSL_set_fd(ssl, fd) == 1, "OpenSSL takes no socket");
    SSL_set_accept_state(ssl);
    return (struct tls *)ssl;
}

void tls_free(struct tls *tls)
{
    SSL *ssl = ssl_of(tls);

    if (ssl == NULL)
        return;
    if (SSL_is_init_finished(ssl)) {
        SSL_shutdown(ssl);
        ERR_clear_error();
    }
    SSL_free(ssl);
}

static ssize_t outcome(SSL *ssl, int result)
{
    if (result > 0)
        return result;
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return IO_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        ERR_clear_error();
        SSL_set_quiet_shutdown(ssl, 1); /* after a fatal error there is nobody to say good-bye to */
        return IO_FAILED;
    }
}

ssize_t tls_read(struct tls *tls, void *data, size_t len)
{
    ERR_clear_error();
    return outcome(ssl_of(tls), SSL_read(ssl_of(tls), data, len > INT_MAX ? INT_MAX : (int)len));
}

ssize_t tls_write(struct tls *tls, const void *data, size_t len)
{
    ERR_clear_error();
    return outcome(ssl_of(tls), SSL_write(ssl_of(tls), data, len > INT_MAX ? INT_MAX : (int)len));
}

bool tls_wants_to_write(struct tls *tls)
{
    return SSL_want_write(ssl_of(tls));
}
