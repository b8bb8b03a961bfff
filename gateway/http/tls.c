/* TLS on the way in, with OpenSSL on non-blocking sockets. */
#include "gateway/http/internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

struct http_tls {
    char *cert_file, *key_file;
    pthread_mutex_t lock; /* of `current`; held for moments */
    SSL_CTX *current;
    SSL_CTX *loaded; /* by http_tls_load(), not yet taken */
};

static enum base_err fail(struct base_error *reterr, const char *what, const char *file)
{
    unsigned long first = ERR_peek_error(); /* what the system said, then what was made of it */
    const char *reason = ERR_SYSTEM_ERROR(first) ? strerror(ERR_GET_REASON(first))
                                                 : ERR_reason_error_string(ERR_peek_last_error());
    enum base_err err = base_error_set(reterr, BASE_ERR_BAD_CONFIG, "%s: cannot use the %s: %s",
                                       file, what, reason ? reason : "unknown reason");
    ERR_clear_error();
    return err;
}

/* Of the protocols that the client offers, only ours. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    (void)ssl, (void)arg;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_context(const char *cert_file, const char *key_file, struct base_error *reterr)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx) {
        (void)base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for TLS");
        return NULL;
    }
    (void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    /* A connection cut without a farewell: every message of ours has its own length. */
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_IGNORE_UNEXPECTED_EOF |
                                       SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
        (void)fail(reterr, "certificate", cert_file);
    else if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
        (void)fail(reterr, "key", key_file);
    else if (SSL_CTX_check_private_key(ctx) != 1)
        (void)fail(reterr, "key, it is not the certificate's", key_file);
    else
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

enum base_err http_tls_load(struct http_tls *tls, struct base_error *reterr)
{
    SSL_CTX *ctx = make_context(tls->cert_file, tls->key_file, reterr);
    if (!ctx)
        return BASE_ERR_BAD_CONFIG;
    SSL_CTX_free(tls->loaded);
    tls->loaded = ctx;
    return BASE_OK;
}

void http_tls_settle(struct http_tls *tls, bool take)
{
    SSL_CTX *gone = tls->loaded;
    if (take && tls->loaded) {
        pthread_mutex_lock(&tls->lock);
        gone = tls->current;
        tls->current = tls->loaded;
        pthread_mutex_unlock(&tls->lock);
    }
    tls->loaded = NULL;
    SSL_CTX_free(gone); /* connections hold their own references */
}

void http_tls_free(struct http_tls *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->current);
    SSL_CTX_free(tls->loaded);
    pthread_mutex_destroy(&tls->lock);
    free(tls->cert_file);
    free(tls->key_file);
    free(tls);
}

enum base_err http_tls_new(const char *cert_file, const char *key_file, struct http_tls **ret_tls,
                           struct base_error *reterr)
{
    struct http_tls *tls = calloc(1, sizeof(*tls));
    if (!tls)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for TLS");
    pthread_mutex_init(&tls->lock, NULL);
    tls->cert_file = strdup(cert_file);
    tls->key_file = strdup(key_file);
    enum base_err err = tls->cert_file && tls->key_file
                            ? http_tls_load(tls, reterr)
                            : base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for TLS");
    if (err) {
        http_tls_free(tls);
        return err;
    }
    http_tls_settle(tls, true);
    *ret_tls = tls;
    return BASE_OK;
}

/* ---- bytes ---- */

static ssize_t outcome(SSL *ssl, int result)
{
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return IO_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        ERR_clear_error();
        return IO_BROKEN;
    }
}

static int tls_handshake(struct http_io *io)
{
    ERR_clear_error();
    int result = SSL_accept(io->state);
    if (result == 1)
        return 0;
    return outcome(io->state, result) == IO_AGAIN ? IO_AGAIN : IO_BROKEN;
}

static ssize_t tls_recv(struct http_io *io, void *bytes, size_t len)
{
    size_t got;
    ERR_clear_error();
    int result = SSL_read_ex(io->state, bytes, len, &got);
    return result == 1 ? (ssize_t)got : outcome(io->state, result);
}

static ssize_t tls_send(struct http_io *io, const void *bytes, size_t len)
{
    size_t put;
    ERR_clear_error();
    int result = SSL_write_ex(io->state, bytes, len, &put);
    if (result == 1)
        return (ssize_t)put;
    return outcome(io->state, result) == IO_AGAIN ? IO_AGAIN : IO_BROKEN;
}

static void tls_end_output(struct http_io *io)
{
    ERR_clear_error();
    if (SSL_is_init_finished(io->state))
        (void)SSL_shutdown(io->state);
    ERR_clear_error();
    (void)shutdown(io->fd, SHUT_WR);
}

static void tls_close(struct http_io *io)
{
    tls_end_output(io);
    SSL_free(io->state);
    (void)close(io->fd);
    io->fd = -1;
}

static const struct http_io_ops ops = {
    .handshake = tls_handshake,
    .recv = tls_recv,
    .send = tls_send,
    .end_output = tls_end_output,
    .close = tls_close,
};

enum base_err io_tls_init(struct http_io *io, int fd, struct http_tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    SSL *ssl = SSL_new(tls->current);
    pthread_mutex_unlock(&tls->lock);
    if (!ssl || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        return BASE_ERR_NO_MEMORY;
    }
    SSL_set_accept_state(ssl);
    *io = (struct http_io){.ops = &ops, .fd = fd, .state = ssl};
    return BASE_OK;
}

enum base_err http_check_certificate(const char *cert_file, const char *key_file,
                                     struct base_error *reterr)
{
    SSL_CTX *ctx = make_context(cert_file, key_file, reterr);
    SSL_CTX_free(ctx);
    return ctx ? BASE_OK : BASE_ERR_BAD_CONFIG;
}
