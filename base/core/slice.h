/*
 * Slices: borrowed views of bytes.
 *
 * A slice never owns what it points to; whoever hands one out says how long the bytes live
 * (usually: as long as the arena of the exchange). Bytes may contain NUL and are not terminated.
 *
 *     struct slice name = SLICE("auto");
 *     if (slice_eq(name, SLICE("auto"))) ...
 *     printf("%.*s\n", SLICE_ARG(name));
 */
#ifndef BASE_CORE_SLICE_H
#define BASE_CORE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *ptr; /* borrowed; NULL means "absent" (an empty string has a non-NULL ptr) */
    size_t len;      /* bytes */
};

/* A slice of a string literal. */
#define SLICE(lit) ((struct slice){"" lit, sizeof(lit) - 1})
/* The same as a constant initialiser, for static tables. */
#define SLICE_INIT(lit)                                                                            \
    {                                                                                              \
        "" lit, sizeof(lit) - 1                                                                    \
    }
#define SLICE_NONE ((struct slice){NULL, 0})
/* Arguments for "%.*s". */
#define SLICE_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

static inline struct slice slice_of(const char *ptr, size_t len)
{
    return (struct slice){ptr, len};
}

static inline struct slice slice_from_str(const char *str)
{
    return (struct slice){str, str ? strlen(str) : 0};
}

static inline bool slice_is_absent(struct slice s)
{
    return s.ptr == NULL;
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_eq_str(struct slice a, const char *str)
{
    return slice_eq(a, slice_from_str(str));
}

static inline bool slice_starts_with(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool slice_ends_with(struct slice s, struct slice suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

/* The part from byte `from`, at most `len` bytes; both are clipped to the slice. */
static inline struct slice slice_sub(struct slice s, size_t from, size_t len)
{
    if (from > s.len)
        from = s.len;
    if (len > s.len - from)
        len = s.len - from;
    return (struct slice){s.ptr ? s.ptr + from : NULL, len};
}

/* ASCII-only comparison that ignores case (HTTP header names). */
bool slice_eq_nocase(struct slice a, struct slice b);

/* Index of the first `needle` in `s`, or SIZE_MAX. */
size_t slice_find(struct slice s, struct slice needle);

/* Without leading and trailing spaces, tabs, CR and LF. */
struct slice slice_trim(struct slice s);

/* Order as memcmp, then by length: for sorting and binary search. */
int slice_cmp(struct slice a, struct slice b);

/* Reads a whole slice as a decimal integer: optional '-', digits, no spaces. False if it is
 * anything else or does not fit; *ret is then untouched. */
bool slice_to_i64(struct slice s, int64_t *ret);

/* Reads a whole slice as a finite decimal number in JSON's grammar, independent of the locale. */
bool slice_to_double(struct slice s, double *ret);

/* True if the bytes are well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates). */
bool slice_is_utf8(struct slice s);
/* How many bytes at its beginning are ASCII. */
size_t slice_ascii_len(struct slice s);

/* The character at the start of `s`: its length in bytes (1 to 4) and, if `ret` is not NULL, its
 * code point. 0 when the bytes there are not well-formed UTF-8, and for an empty slice. */
size_t slice_utf8_char(struct slice s, uint32_t *ret);

#endif
