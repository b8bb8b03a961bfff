/*
 * What a configuration says of this machine, looked at without opening or loading anything: so that
 * what `hearth check` calls good does start.
 *
 *     err = preflight_process(config, &errors);       // addresses, certificate
 *     err = preflight_models(config, &errors);        // the heads of model files
 *
 * Every problem is said, with its place. BAD_CONFIG when there was one. Threads: any.
 */
#ifndef GATEWAY_SERVE_PREFLIGHT_H
#define GATEWAY_SERVE_PREFLIGHT_H

#include "gateway/config/config.h"

enum base_err preflight_process(const struct config *config,
                                struct config_errors *errors) BASE_MUST_USE;
/* Files that are not there, are no models, or need more than engine.memory. */
enum base_err preflight_models(const struct config *config,
                               struct config_errors *errors) BASE_MUST_USE;

#endif
