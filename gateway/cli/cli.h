/*
 * The command line: one program, one table of commands (main.c), one file per family.
 *
 * A command gets its arguments without its own name and returns the exit code: 0 done, 1 it
 * failed, 2 wrong arguments or a bad configuration, 3 the answer is "no" (route: refused; explain
 * and audit: not verified). Results go to stdout, everything else to stderr. Every command knows
 * --help; main() sees to it that output which could not be written is a failure.
 */
#ifndef GATEWAY_CLI_CLI_H
#define GATEWAY_CLI_CLI_H

#include "base/core/arena.h"
#include "base/core/buffer.h"
#include "base/json/json.h"
#include "gateway/serve/snapshot.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_NO = 3 };

/* One option of a command. A value is a string; a flag has none. */
struct cli_option {
    const char *name;  /* "--config" */
    const char *value; /* "FILE"; NULL = a flag */
    const char *help;
    const char **ret; /* where the value goes; a flag becomes "" */
};

struct cli_command {
    const char *name;
    const char *arguments; /* "[MODEL] [\"PROMPT\"]" */
    const char *summary;   /* one line */
    const char *example;   /* one or more lines, each a command that works */
    int (*run)(const struct cli_command *command, int argc, char **argv);
};

/* Reads options anywhere among `argv`; what is left is in ret_rest (at most rest_max). False when
 * the command is to end with *ret_exit: --help was printed, or a mistake was reported. `options`
 * ends with name NULL. */
bool cli_parse(const struct cli_command *command, const struct cli_option *options, int argc,
               char **argv, const char **ret_rest, int rest_max, int *ret_rest_count,
               int *ret_exit);

/* "hearth: MESSAGE" on stderr; returns CLI_FAILED. */
int cli_fail(const struct base_error *detail);
int cli_failf(const char *format, ...) BASE_PRINTF(1, 2);
/* The same with the command's usage line; returns CLI_USAGE. */
int cli_usage(const struct cli_command *command, const char *format, ...) BASE_PRINTF(2, 3);

void cli_print(struct slice text);         /* to stdout */
void cli_print_buffer(struct buffer *out); /* and frees it */

/* The whole of a file, or of stdin for "-". */
enum base_err cli_read_file(const char *path, size_t max_bytes, struct buffer *out,
                            struct base_error *reterr);

/* Calls `each` for every line of a JSON Lines file ("-" = stdin) that is an object with `id`
 * (string or number) and `text` or `prompt`; `root` is the whole object. Lines that are not stop
 * everything with file and line. */
struct cli_line {
    struct slice id;   /* JSON, ready to be written */
    struct slice text; /* absent when the object has neither */
    const struct json_node *root;
    struct arena *arena; /* of this line */
};
typedef enum base_err (*cli_line_fn)(void *user, const struct cli_line *line,
                                     struct base_error *reterr);
enum base_err cli_each_line(const char *path, cli_line_fn each, void *user,
                            struct base_error *reterr);

/* A configuration compiled without loading or connecting anything: the file, or the defaults.
 * Prints what is wrong with it; NULL then, with *ret_exit set. */
struct snapshot *cli_snapshot(const char *config_path, int *ret_exit);
/* The same without printing: what is wrong goes to *errors. */
struct snapshot *cli_compile(const char *config_path, struct config_errors *errors, int *ret_exit);

/* The state folder: --state, else HEARTH_STATE, else the configuration's, else ./hearth-state.
 * In `buffer`. */
const char *cli_state(const char *given, const char *config_path, char *buffer, size_t size);

/* "7d", "12h", "30m": how long ago, in nanoseconds; 0 when it is none of these. */
int64_t cli_ago_ns(const char *since);

/* ---- a small HTTP client, for our own server ---- */

struct cli_reply {
    int status; /* 0 = nobody answered */
    struct buffer head, body;
};
/* `address`: "unix:/path" or "host:port". Blocking. on_body (may be NULL) gets pieces as they
 * come; otherwise they are collected in reply->body. False = no connection or no valid answer, with
 * the reason in *reterr. */
bool cli_request(const char *address, const char *method, const char *path, const char *key,
                 struct slice body, void (*on_body)(void *user, struct slice piece), void *user,
                 struct cli_reply *ret_reply, struct base_error *reterr);
void cli_reply_done(struct cli_reply *reply);

/* ---- commands ---- */

int cli_serve(const struct cli_command *command, int argc, char **argv);
int cli_status(const struct cli_command *command, int argc, char **argv);
int cli_reload(const struct cli_command *command, int argc, char **argv);
int cli_keys(const struct cli_command *command, int argc, char **argv);
int cli_chat(const struct cli_command *command, int argc, char **argv);
int cli_route(const struct cli_command *command, int argc, char **argv);
int cli_explain(const struct cli_command *command, int argc, char **argv);
int cli_audit(const struct cli_command *command, int argc, char **argv);
int cli_report(const struct cli_command *command, int argc, char **argv);
int cli_check(const struct cli_command *command, int argc, char **argv);
int cli_schema(const struct cli_command *command, int argc, char **argv);
int cli_scan(const struct cli_command *command, int argc, char **argv);
int cli_score(const struct cli_command *command, int argc, char **argv);
int cli_logits(const struct cli_command *command, int argc, char **argv);
int cli_tokenize(const struct cli_command *command, int argc, char **argv);
int cli_embed(const struct cli_command *command, int argc, char **argv);
int cli_perplexity(const struct cli_command *command, int argc, char **argv);
int cli_bench(const struct cli_command *command, int argc, char **argv);

#endif
