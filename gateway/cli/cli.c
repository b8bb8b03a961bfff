#include "gateway/cli/cli.h"

#include "base/doc/doc.h"
#include "gateway/serve/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 64 << 20, CONFIG_TEXT_MAX = 64 << 10 };

/* ---- messages ---- */

int cli_fail(const struct base_error *detail)
{
    (void)fprintf(stderr, "hearth: %s\n", detail->message);
    return CLI_FAILED;
}

int cli_failf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("hearth: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return CLI_FAILED;
}

int cli_usage(const struct cli_command *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "hearth %s: ", command->name);
    (void)vfprintf(stderr, format, args);
    (void)fprintf(stderr, "\nusage: hearth %s %s%s[OPTIONS]; `hearth %s --help` says more\n",
                  command->name, command->arguments, command->arguments[0] ? " " : "",
                  command->name);
    va_end(args);
    return CLI_USAGE;
}

void cli_print(struct slice text)
{
    (void)fwrite(text.ptr, 1, text.len, stdout);
}

void cli_print_buffer(struct buffer *out)
{
    cli_print(buffer_slice(out));
    buffer_done(out);
}

/* ---- options ---- */

static void print_command_help(const struct cli_command *command, const struct cli_option *options)
{
    (void)printf("hearth %s: %s\n\nusage: hearth %s %s%s[OPTIONS]\n\n", command->name,
                 command->summary, command->name, command->arguments,
                 command->arguments[0] ? " " : "");
    for (; options->name; options++) {
        char left[64];
        (void)snprintf(left, sizeof(left), "%s%s%s", options->name, options->value ? " " : "",
                       options->value ? options->value : "");
        (void)printf("  %-22s %s\n", left, options->help);
    }
    (void)printf("  %-22s this text\n\nexample:\n  %s\n", "--help", command->example);
}

static const struct cli_option *option_find(const struct cli_option *options, const char *arg,
                                            const char **ret_value)
{
    for (; options->name; options++) {
        size_t len = strlen(options->name);
        if (strncmp(arg, options->name, len) != 0)
            continue;
        if (arg[len] == '\0') {
            *ret_value = NULL;
            return options;
        }
        if (arg[len] == '=' && options->value && strncmp(arg, "--", 2) == 0) {
            *ret_value = arg + len + 1;
            return options;
        }
    }
    return NULL;
}

static void unknown_option(const struct cli_command *command, const struct cli_option *options,
                           const char *arg)
{
    enum { OPTIONS_MAX = 32 };
    struct slice names[OPTIONS_MAX];
    size_t count = 0;
    for (; options->name && count < OPTIONS_MAX; options++)
        names[count++] = slice_from_str(options->name);
    struct slice nearest = doc_nearest(slice_from_str(arg), names, count);
    cli_usage(command, "unknown option `%.64s`%s%.*s%s", arg, nearest.len ? "; did you mean `" : "",
              SLICE_ARG(nearest), nearest.len ? "`?" : "");
}

bool cli_parse(const struct cli_command *command, const struct cli_option *options, int argc,
               char **argv, const char **ret_rest, int rest_max, int *ret_rest_count, int *ret_exit)
{
    bool only_rest = false;
    *ret_rest_count = 0;
    *ret_exit = CLI_USAGE;
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i], *value = NULL;
        if (!only_rest && strcmp(arg, "--") == 0) {
            only_rest = true;
            continue;
        }
        if (!only_rest && (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)) {
            print_command_help(command, options);
            *ret_exit = CLI_OK;
            return false;
        }
        if (only_rest || arg[0] != '-' || arg[1] == '\0') {
            if (*ret_rest_count == rest_max) {
                cli_usage(command, "unexpected argument `%.64s`", arg);
                return false;
            }
            ret_rest[(*ret_rest_count)++] = arg;
            continue;
        }
        const struct cli_option *option = option_find(options, arg, &value);
        if (!option) {
            unknown_option(command, options, arg);
            return false;
        }
        if (option->value && !value) {
            if (i + 1 == argc) {
                cli_usage(command, "%s needs a value: %s", option->name, option->value);
                return false;
            }
            value = argv[++i];
        }
        *option->ret = option->value ? value : "";
    }
    return true;
}

/* ---- files ---- */

enum base_err cli_read_file(const char *path, size_t max_bytes, struct buffer *out,
                            struct base_error *reterr)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? 0 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return base_error_set(reterr, BASE_ERR_IO, "%s: %s", path, strerror(errno));
    buffer_init(out, max_bytes);
    ssize_t got;
    do {
        char *to = buffer_reserve(out, 1 << 16);
        got = to ? read(fd, to, 1 << 16) : -1;
        if (got > 0)
            buffer_commit(out, (size_t)got);
    } while (got > 0);
    int failed = errno;
    if (!is_stdin)
        (void)close(fd);
    if (got == 0)
        return BASE_OK;
    enum base_err err = out->err ? out->err : BASE_ERR_IO;
    buffer_done(out);
    return base_error_set(reterr, err, "%s: %s", path,
                          err == BASE_ERR_IO ? strerror(failed) : "too large");
}

static struct slice id_of(const struct json_node *root, struct arena *arena)
{
    const struct json_node *id = json_get(root, SLICE("id"));
    struct buffer out;
    struct json_writer w;
    if (!id)
        return SLICE("null");
    buffer_init(&out, 1 << 20);
    json_writer_init(&w, &out);
    json_put_node(&w, id);
    struct slice ret = arena_dup(arena, buffer_slice(&out));
    buffer_done(&out);
    return slice_is_absent(ret) ? SLICE("null") : ret;
}

static enum base_err one_line(const char *path, size_t number, struct slice text, cli_line_fn each,
                              void *user, struct base_error *reterr)
{
    struct arena *arena = arena_new(1u << 30);
    if (!arena)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for line %zu", number);
    struct base_error detail;
    struct cli_line line = {.arena = arena};
    enum base_err err = json_parse(text, &json_limits_request, arena, &line.root, &detail);
    if (!err && !json_is(line.root, JSON_OBJECT))
        err = base_error_set(&detail, BASE_ERR_BAD_JSON, "expected an object");
    if (!err) {
        line.id = id_of(line.root, arena);
        line.text = json_string(json_get(line.root, SLICE("text")));
        if (slice_is_absent(line.text))
            line.text = json_string(json_get(line.root, SLICE("prompt")));
        err = each(user, &line, &detail);
    }
    if (err)
        (void)base_error_set(reterr, err, "%s:%zu: %s", path, number, detail.message);
    arena_free(arena);
    return err;
}

enum base_err cli_each_line(const char *path, cli_line_fn each, void *user,
                            struct base_error *reterr)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!file)
        return base_error_set(reterr, BASE_ERR_IO, "%s: %s", path, strerror(errno));
    char *line = NULL;
    size_t capacity = 0, number = 0;
    ssize_t len;
    enum base_err err = BASE_OK;
    while (!err && (len = getline(&line, &capacity, file)) >= 0) {
        struct slice text = slice_trim(slice_of(line, (size_t)len));
        number++;
        if (text.len > LINE_MAX_BYTES)
            err = base_error_set(reterr, BASE_ERR_TOO_LARGE,
                                 "%s:%zu: the line is longer than 64 MiB", path, number);
        else if (text.len > 0)
            err = one_line(path, number, text, each, user, reterr);
    }
    free(line);
    if (file != stdin)
        (void)fclose(file);
    return err;
}

/* ---- configuration ---- */

struct snapshot *cli_compile(const char *config_path, struct config_errors *errors, int *ret_exit)
{
    struct config *config = NULL;
    struct snapshot *snapshot = NULL;
    const char *demo = serve_find_demo();
    enum base_err err = config_path
                            ? config_load(config_path, &config, errors)
                            : config_default(demo ? demo : "deploy/demo.gguf", &config, errors);
    if (!err)
        err = snapshot_new(config, NULL, NULL, &snapshot, errors);
    *ret_exit = err == BASE_ERR_BAD_CONFIG ? CLI_USAGE : CLI_FAILED;
    return err ? NULL : snapshot;
}

struct snapshot *cli_snapshot(const char *config_path, int *ret_exit)
{
    struct config_errors errors = {.count = 0};
    buffer_init(&errors.text, CONFIG_TEXT_MAX);
    struct snapshot *snapshot = cli_compile(config_path, &errors, ret_exit);
    struct slice text = buffer_slice(&errors.text);
    (void)fwrite(text.ptr, 1, text.len, stderr);
    buffer_done(&errors.text);
    return snapshot;
}

/* The one line of the file that matters here: it may be wrong elsewhere, which the running Hearth
 * will say better. */
static void read_state(const char *config_path, char *buffer, size_t size)
{
    struct base_error detail = {.message = ""};
    const struct doc_node *root = NULL;
    struct arena *arena = arena_new(64 << 20);
    enum base_err err = arena ? doc_load(config_path, arena, &root, &detail) : BASE_ERR_NO_MEMORY;
    const struct doc_node *state = doc_get(root, "state");
    if (err)
        (void)fprintf(stderr, "%s\n", detail.message);
    else if (state && state->type == DOC_NODE_SCALAR && state->text.len > 0)
        (void)snprintf(buffer, size, "%.*s", SLICE_ARG(state->text));
    arena_free(arena);
}

const char *cli_state(const char *given, const char *config_path, char *buffer, size_t size)
{
    if (!given)
        given = getenv("HEARTH_STATE");
    if (given)
        return given;
    (void)snprintf(buffer, size, "hearth-state");
    if (config_path)
        read_state(config_path, buffer, size);
    return buffer;
}
