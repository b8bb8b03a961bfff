#include "gateway/serve/preflight.h"

#include "gateway/http/http.h"
#include "gateway/serve/snapshot.h"

#include <stdio.h>

enum { ADDRESS_MAX = 4200 };

static void complain(const struct config *config, struct config_errors *errors, const char *path,
                     const struct base_error *detail)
{
    char message[sizeof(detail->message) + 128];
    (void)snprintf(message, sizeof(message), "%.100s: %s", path, detail->message);
    config_complain(config, errors, path, message);
}

static void check_address(const struct config *config, struct config_errors *errors,
                          const char *key, struct slice address)
{
    char text[ADDRESS_MAX];
    struct base_error detail;
    (void)snprintf(text, sizeof(text), "%.*s", SLICE_ARG(address));
    if (http_check_address(text, &detail))
        complain(config, errors, key, &detail);
}

static void check_certificate(const struct config *config, struct config_errors *errors)
{
    char cert[ADDRESS_MAX], key[ADDRESS_MAX];
    struct base_error detail;
    (void)snprintf(cert, sizeof(cert), "%.*s", SLICE_ARG(config->tls_cert));
    (void)snprintf(key, sizeof(key), "%.*s", SLICE_ARG(config->tls_key));
    if (http_check_certificate(cert, key, &detail))
        complain(config, errors, "tls", &detail);
}

enum base_err preflight_process(const struct config *config, struct config_errors *errors)
{
    size_t before = errors->count;
    struct base_error detail;
    check_address(config, errors, "listen", config->listen);
    if (config->admin.len > 0)
        check_address(config, errors, "admin", config->admin);
    if (config->admin.len > 0 && slice_eq(config->admin, config->listen) &&
        !slice_ends_with(config->admin, SLICE(":0")))
        config_complain(config, errors, "admin", "admin: the same address as `listen`");
    for (size_t i = 0; i < config->trusted_proxy_count; i++)
        if (http_check_range(config->trusted_proxies[i], &detail))
            complain(config, errors, "trusted_proxies", &detail);
    if (config->tls_cert.len > 0)
        check_certificate(config, errors);
    return errors->count > before ? BASE_ERR_BAD_CONFIG : BASE_OK;
}

enum base_err preflight_models(const struct config *config, struct config_errors *errors)
{
    size_t before = errors->count;
    for (size_t i = 0; i < config->engine_model_count; i++) {
        struct base_error detail;
        char path[64];
        (void)snprintf(path, sizeof(path), "engine.models[%zu]", i);
        if (engines_check(config, i, &detail))
            complain(config, errors, path, &detail);
    }
    return errors->count > before ? BASE_ERR_BAD_CONFIG : BASE_OK;
}
