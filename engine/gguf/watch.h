/*
 * Mapped files that change while they are used: cut short or overwritten by somebody, on a disk
 * that fails. Reading a page that is gone raises SIGBUS; with gguf_watch_catch() the rest of that
 * mapping becomes zeros instead, and the file counts as lost from then on.
 *
 *     gguf_watch_catch();                                     // once, by the program
 *     err = gguf_watch_add(mapped, size, &watch, &detail);    // before the first byte is read
 *     ... gguf_watch_is_lost(watch)
 *     gguf_watch_remove(watch);                               // before the mapping goes
 *
 * Any thread.
 */
#ifndef ENGINE_GGUF_WATCH_H
#define ENGINE_GGUF_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/core/error.h"

struct gguf_watch;

/* LIMIT when too many files are mapped at once. `bytes` from mmap() of a whole file. */
enum base_err gguf_watch_add(const void *mapped, size_t bytes, struct gguf_watch **ret_watch,
                             struct base_error *reterr);
void gguf_watch_remove(struct gguf_watch *watch); /* NULL allowed */

/* Whether a page could not be read. NULL: never. */
bool gguf_watch_is_lost(const struct gguf_watch *watch);

/* Handles SIGBUS for this process; again only where somebody else has taken over since. A fault
 * elsewhere goes where it would have gone. */
void gguf_watch_catch(void);

#endif
