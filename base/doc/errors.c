#include "base/doc/doc.h"

#include <stdarg.h>
#include <stdio.h>

void doc_errors_init(struct doc_errors *errors)
{
    errors->count = errors->total = 0;
}

static bool is_before(const struct doc_error *a, const struct doc_error *b)
{
    int order =
        a->file && b->file ? strcmp(a->file, b->file) : (a->file != NULL) - (b->file != NULL);
    if (order != 0)
        return order < 0;
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* Kept sorted; when there are too many, the last in the file is dropped. */
static void add(struct doc_errors *errors, const struct doc_error *error)
{
    errors->total++;
    size_t at = errors->count;
    while (at > 0 && is_before(error, &errors->items[at - 1]))
        at--;
    if (at == DOC_ERRORS_MAX)
        return;
    if (errors->count < DOC_ERRORS_MAX)
        errors->count++;
    memmove(&errors->items[at + 1], &errors->items[at],
            (errors->count - 1 - at) * sizeof(errors->items[0]));
    errors->items[at] = *error;
}

static void add_text(struct doc_errors *errors, struct doc_error *error, const char *format,
                     va_list args)
{
    struct base_error cleaned; /* its constructor makes text from outside harmless */
    char text[sizeof(error->message)];
    (void)vsnprintf(text, sizeof(text), format, args);
    (void)base_error_set(&cleaned, BASE_ERR_BAD_CONFIG, "%s", text);
    memcpy(error->message, cleaned.message, strlen(cleaned.message) + 1);
    add(errors, error);
}

void doc_errors_add(struct doc_errors *errors, const struct doc_node *node, const char *format, ...)
{
    struct doc_error error = {.file = NULL};
    if (node)
        error = (struct doc_error){.file = node->file, .line = node->line, .column = node->column};
    va_list args;
    va_start(args, format);
    add_text(errors, &error, format, args);
    va_end(args);
}

void doc_errors_add_key(struct doc_errors *errors, const struct doc_node *node, const char *format,
                        ...)
{
    struct doc_error error = {.file = NULL};
    if (node) {
        error = (struct doc_error){
            .file = node->file, .line = node->key_line, .column = node->key_column};
        if (error.line == 0) {
            error.line = node->line;
            error.column = node->column;
        }
    }
    va_list args;
    va_start(args, format);
    add_text(errors, &error, format, args);
    va_end(args);
}

static void format_place(const struct doc_error *error, char *out, size_t size)
{
    if (error->file)
        (void)snprintf(out, size, "%s:%u:%u: ", error->file, error->line, error->column);
    else
        out[0] = '\0';
}

void doc_errors_print(const struct doc_errors *errors, struct buffer *out)
{
    char place[512];
    for (size_t i = 0; i < errors->count; i++) {
        format_place(&errors->items[i], place, sizeof(place));
        buffer_addf(out, "%s%s\n", place, errors->items[i].message);
    }
    if (errors->total > errors->count)
        buffer_addf(out, "and %zu more\n", errors->total - errors->count);
}

enum base_err doc_errors_result(const struct doc_errors *errors, struct base_error *reterr)
{
    if (errors->total == 0)
        return BASE_OK;
    char place[512], more[40] = "";
    format_place(&errors->items[0], place, sizeof(place));
    if (errors->total > 1)
        (void)snprintf(more, sizeof(more), " (and %zu more)", errors->total - 1);
    return base_error_set(reterr, BASE_ERR_BAD_CONFIG, "%s%s%s", place, errors->items[0].message,
                          more);
}

/* Optimal string alignment distance; `limit` + 1 when it is larger. Names longer than the table
 * are no misspellings. */
enum { NAME_MAX_BYTES = 64 };

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static size_t distance(struct slice a, struct slice b)
{
    size_t rows[3][NAME_MAX_BYTES + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    memset(rows, 0, sizeof(rows));
    for (size_t k = 0; k <= b.len; k++)
        last[k] = k;
    for (size_t i = 1; i <= a.len; i++) {
        row[0] = i;
        for (size_t k = 1; k <= b.len; k++) {
            size_t cost = a.ptr[i - 1] != b.ptr[k - 1];
            row[k] = min3(last[k] + 1, row[k - 1] + 1, last[k - 1] + cost);
            if (i > 1 && k > 1 && a.ptr[i - 1] == b.ptr[k - 2] && a.ptr[i - 2] == b.ptr[k - 1] &&
                before[k - 2] + 1 < row[k])
                row[k] = before[k - 2] + 1;
        }
        size_t *free_row = before;
        before = last;
        last = row;
        row = free_row;
    }
    return last[b.len];
}

struct slice doc_nearest(struct slice name, const struct slice *candidates, size_t count)
{
    struct slice best = SLICE_NONE;
    if (name.len > NAME_MAX_BYTES)
        return best;
    size_t limit = name.len < 6 ? 2 : name.len / 3; /* the best so far must be beaten */
    limit = name.len < 3 ? 1 : limit;
    size_t least = limit + 1;
    for (size_t i = 0; i < count; i++) {
        if (candidates[i].len > NAME_MAX_BYTES)
            continue;
        size_t d = distance(name, candidates[i]);
        if (d < least) {
            least = d;
            best = candidates[i];
        }
    }
    return best;
}
