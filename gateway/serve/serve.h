/*
 * The running process: `hearth serve`.
 *
 *     struct serve_options options = {.config_path = "hearth.yaml"};
 *     exit_code = serve_run(&options);        // returns when the process has been told to end
 *
 * SIGTERM or SIGINT: not ready any more, no new connections, what runs is finished until `drain`;
 * the second one ends at once. SIGHUP: reload. Exit codes: 0 ended as told, 1 could not start, 2
 * bad configuration.
 */
#ifndef GATEWAY_SERVE_SERVE_H
#define GATEWAY_SERVE_SERVE_H

#include "gateway/serve/app.h"

struct serve_options {
    const char *config_path; /* NULL = built-in defaults */
    const char *model_path;  /* for these: the demo model; NULL = looked for */
    const char *listen;      /* instead of the file's; NULL = the file's */
    const char *state;       /* the same */
};

int serve_run(const struct serve_options *options);

/* Where the demo model is: HEARTH_DEMO, beside the program, or installed. NULL = nowhere. */
const char *serve_find_demo(void);

/* Loads, compiles, tests and puts into force the file that the process was started with; all or
 * nothing. `errors` says what was wrong. Takes its time: not on a loop thread. One at a time. */
enum base_err serve_reload(struct app *app, struct config_errors *errors);

/* Runs the tests of a configuration: a sentence each, planned like a request. Zone, level and
 * target tests that fail make it BAD_CONFIG; *ret_soft counts failed complexity tests. */
enum base_err serve_config_tests(struct snapshot *snapshot, struct config_errors *errors,
                                 size_t *ret_soft);

#endif
