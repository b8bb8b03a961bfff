/*
 * What the runners of scenarios share: lines, words, events as text.
 *
 *     struct world { struct script script; ... };     // the runner's own, script first
 *     if (!script_open(&w.script, argc, argv, bytes)) return 2;
 *     script_each_line(&w.script, run);
 *     script_close(&w.script);
 *
 * die() ends the program with `FILE:LINE: ...`.
 */
#ifndef TESTS_SCENARIO_SCRIPT_H
#define TESTS_SCENARIO_SCRIPT_H

#include <stdio.h>

#include "base/chat/event.h"
#include "base/core/arena.h"
#include "base/core/buffer.h"
#include "base/json/json.h"

struct script {
    const char *file_name;
    FILE *file;
    int line;
    struct arena *arena; /* lives as long as the script */
};

bool script_open(struct script *s, int argc, char **argv, size_t arena_bytes);
/* Trimmed; empty ones and comments too. */
void script_each_line(struct script *s, void (*run)(struct script *s, struct slice line));
void script_close(struct script *s);

void die(const struct script *s, const char *format, ...) BASE_PRINTF(2, 3)
    __attribute__((noreturn));

struct slice next_word(struct slice *rest);
/* "key=value"; false at the end of the line. */
bool next_pair(struct script *s, struct slice *rest, struct slice *key, struct slice *value);
int64_t script_number(struct script *s, struct slice word);
enum base_err script_code(struct script *s, struct slice name);
/* \n, \r, \t, \\, \xHH */
struct slice script_unescape(struct script *s, struct slice text);
/* The lines that follow and begin with `|`, without it. */
struct slice script_block(struct script *s);
/* A string as it is, anything else as JSON; absent: "null". */
struct slice script_node_text(struct script *s, const struct json_node *node);

/* One line, as README.md writes events. */
void script_add_event(struct buffer *out, const struct chat_event *event);
/* Takes the next line of `events` and compares it; "nothing": there is none. */
void script_expect(struct script *s, struct buffer *events, struct slice wanted);

#endif
