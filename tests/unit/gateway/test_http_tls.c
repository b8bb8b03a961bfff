/* TLS on the way in: a request, a reload of the certificate, and what is refused. */
#include "tests/unit/gateway/http_app.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#define H "Host: h\r\n"

static struct app app;
static char folder[] = "/tmp/hearth-tls-XXXXXX";
static char cert_file[64], key_file[64];

/* A key and a certificate for it, made anew. */
static void write_pair(const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    assert_non_null(key);
    assert_non_null(cert);
    (void)X509_set_version(cert, X509_VERSION_3);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    (void)X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME *subject = X509_get_subject_name(cert);
    (void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                                     -1, 0);
    (void)X509_set_issuer_name(cert, subject);
    (void)X509_set_pubkey(cert, key);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *file = fopen(cert_file, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, cert), 1);
    fclose(file);
    file = fopen(key_file, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

struct tls_client {
    struct client tcp;
    SSL_CTX *ctx;
    SSL *ssl;
    char got[65536];
    size_t len;
};

/* protocols: in ALPN's form, or NULL; max_version 0 = the newest */
static int tls_open(struct tls_client *client, const char *protocols, int max_version)
{
    memset(client, 0, sizeof(*client));
    client->tcp = client_open(app.port);
    client->ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(client->ctx, 0);
    (void)SSL_CTX_set_min_proto_version(client->ctx, TLS1_VERSION);
    (void)SSL_CTX_set_max_proto_version(client->ctx, max_version);
    client->ssl = SSL_new(client->ctx);
    (void)SSL_set_fd(client->ssl, client->tcp.fd);
    if (protocols)
        (void)SSL_set_alpn_protos(client->ssl, (const unsigned char *)protocols,
                                  (unsigned)strlen(protocols));
    return SSL_connect(client->ssl);
}

static void tls_close(struct tls_client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->ctx);
    client_close(&client->tcp);
    ERR_clear_error();
}

static void tls_send(struct tls_client *client, const char *text)
{
    assert_int_equal(SSL_write(client->ssl, text, (int)strlen(text)), (int)strlen(text));
}

static bool tls_expect(struct tls_client *client, const char *text)
{
    while (!memmem(client->got, client->len, text, strlen(text))) {
        int got = SSL_read(client->ssl, client->got + client->len,
                           (int)(sizeof(client->got) - client->len));
        if (got <= 0)
            return false;
        client->len += (size_t)got;
    }
    return true;
}

static void common_name(struct tls_client *client, char *out, int size)
{
    X509 *cert = SSL_get1_peer_certificate(client->ssl);
    assert_non_null(cert);
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, out, size);
    X509_free(cert);
}

static int start(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(cert_file, sizeof(cert_file), "%s/cert.pem", folder);
    (void)snprintf(key_file, sizeof(key_file), "%s/key.pem", folder);
    write_pair("first");
    struct http_options options = app_options(&app);
    struct base_error detail = {.message = ""};
    const struct http_listen listen = {
        .address = "127.0.0.1:0", .tls_cert = cert_file, .tls_key = key_file};
    if (http_server_new(&options, &app.server, &detail) ||
        http_server_listen(app.server, &listen, &detail) || http_server_start(app.server, &detail))
        fail_msg("%s", detail.message);
    app.port = http_server_port(app.server, 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    app_stop(&app);
    unlink(cert_file);
    unlink(key_file);
    rmdir(folder);
    return 0;
}

static void test_requests_over_tls(void **state)
{
    (void)state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (int i = 0; i < 2; i++) {
        struct tls_client client;
        assert_int_equal(tls_open(&client, "\x02h2\x08http/1.1", versions[i]), 1);
        const unsigned char *chosen;
        unsigned len;
        SSL_get0_alpn_selected(client.ssl, &chosen, &len);
        assert_int_equal(len, 8);
        tls_send(&client, "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello");
        assert_true(tls_expect(&client, "\r\n\r\nhello"));
        tls_send(&client, "GET /stream?n=3 HTTP/1.1\r\n" H "\r\nGET /ping HTTP/1.1\r\n" H
                          "Connection: close\r\n\r\n");
        assert_true(tls_expect(&client, "[DONE]"));
        assert_true(tls_expect(&client, "pong"));
        assert_false(tls_expect(&client, "nothing more"));
        assert_int_equal(SSL_get_shutdown(client.ssl), SSL_RECEIVED_SHUTDOWN);
        tls_close(&client);
    }
}

static void test_large_bodies_over_tls(void **state)
{
    (void)state;
    enum { SIZE = 300000 };
    static char body[SIZE];
    memset(body, 'y', sizeof(body));
    struct tls_client client;
    assert_int_equal(tls_open(&client, NULL, 0), 1);
    tls_send(&client, "POST /echo HTTP/1.1\r\n" H "Content-Length: 300000\r\n\r\n");
    assert_int_equal(SSL_write(client.ssl, body, SIZE), SIZE);
    assert_true(tls_expect(&client, "\r\n\r\n"));
    char *end = memmem(client.got, client.len, "\r\n\r\n", 4);
    size_t got = client.len - (size_t)(end + 4 - client.got);
    while (got < SIZE) {
        int piece = SSL_read(client.ssl, client.got, sizeof(client.got));
        assert_true(piece > 0);
        got += (size_t)piece;
    }
    assert_int_equal(got, SIZE);
    tls_close(&client);
}

static void test_a_client_that_leaves_over_tls(void **state)
{
    (void)state;
    struct tls_client client;
    int gone = app.gone;
    assert_int_equal(tls_open(&client, NULL, 0), 1);
    tls_send(&client, "GET /stream?n=100000 HTTP/1.1\r\n" H "\r\n");
    assert_true(tls_expect(&client, "data: "));
    tls_close(&client);
    assert_true(client_await(&app.gone, gone + 1));
}

static void test_what_is_refused(void **state)
{
    (void)state;
    struct tls_client client;
    assert_int_not_equal(tls_open(&client, NULL, TLS1_1_VERSION), 1);
    tls_close(&client);
    assert_int_not_equal(tls_open(&client, "\x02h2", 0), 1);
    tls_close(&client);
    struct client plain = client_open(app.port);
    client_send(&plain, "GET /ping HTTP/1.1\r\n" H "\r\n");
    (void)client_finish(&plain);
    assert_null(strstr(plain.got, "HTTP/"));
    client_close(&plain);
    struct http_stats stats; /* a client may see the failure before the server has counted it */
    int64_t end = client_now_ms() + CLIENT_WAIT_MS;
    do {
        http_server_stats(app.server, &stats);
    } while (stats.tls_failures < 3 && client_now_ms() < end);
    assert_int_equal(stats.tls_failures, 3);
}

static void test_reload(void **state)
{
    (void)state;
    struct tls_client before, after;
    struct base_error detail;
    char name[32];
    assert_int_equal(tls_open(&before, NULL, 0), 1);
    write_pair("second");
    assert_int_equal(http_server_reload_tls(app.server, &detail), BASE_OK);
    assert_int_equal(tls_open(&after, NULL, 0), 1);
    common_name(&after, name, sizeof(name));
    assert_string_equal(name, "second");
    tls_send(&before, "GET /ping HTTP/1.1\r\n" H "\r\n"); /* goes on as it began */
    assert_true(tls_expect(&before, "pong"));
    common_name(&before, name, sizeof(name));
    assert_string_equal(name, "first");
    tls_close(&before);
    tls_close(&after);

    write_text(cert_file, "not a certificate\n"); /* refused; the old one stays */
    assert_int_equal(http_server_reload_tls(app.server, &detail), BASE_ERR_BAD_CONFIG);
    assert_non_null(strstr(detail.message, cert_file));
    assert_int_equal(tls_open(&after, NULL, 0), 1);
    common_name(&after, name, sizeof(name));
    assert_string_equal(name, "second");
    tls_close(&after);
}

static void test_a_bad_pair_is_refused_at_the_start(void **state)
{
    (void)state;
    struct http_options options = app_options(&app);
    struct http_server *server;
    struct base_error detail;
    char other_key[80];
    const struct http_listen listen = {
        .address = "127.0.0.1:0", .tls_cert = cert_file, .tls_key = other_key};
    assert_int_equal(http_server_new(&options, &server, &detail), BASE_OK);
    (void)snprintf(other_key, sizeof(other_key), "%s/missing.pem", folder);
    write_pair("third");
    assert_int_equal(http_server_listen(server, &listen, &detail), BASE_ERR_BAD_CONFIG);
    assert_non_null(strstr(detail.message, "missing.pem: cannot use the"));
    assert_non_null(strstr(detail.message, "No such file or directory"));
    (void)snprintf(other_key, sizeof(other_key), "%s/other.pem", folder);
    assert_int_equal(rename(key_file, other_key),
                     0); /* the third's key, the fourth's certificate */
    write_pair("fourth");
    assert_int_equal(http_server_listen(server, &listen, &detail), BASE_ERR_BAD_CONFIG);
    assert_non_null(strstr(detail.message, "other.pem"));
    http_server_free(server);
    unlink(other_key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_over_tls),
        cmocka_unit_test(test_large_bodies_over_tls),
        cmocka_unit_test(test_a_client_that_leaves_over_tls),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_a_bad_pair_is_refused_at_the_start),
    };
    log_setup(LOG_ERROR, 2);
    return cmocka_run_group_tests(tests, start, stop);
}
