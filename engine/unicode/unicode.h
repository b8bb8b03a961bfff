/*
 * Unicode for tokenizers and templates: the class of a character, and reading characters from bytes
 * that need not be well-formed.
 *
 *     for (size_t at = 0; at < text.len; at += c.len) {
 *         c = engine_unicode_at(text, at);
 *         if (engine_unicode_is_letter(c.class)) ...
 *     }
 *
 * The tables are made by make_table.py. Threads: any.
 */
#ifndef ENGINE_UNICODE_UNICODE_H
#define ENGINE_UNICODE_UNICODE_H

#include "base/core/slice.h"

enum engine_unicode_class {                             /* general categories */
                            ENGINE_UNICODE_OTHER,       /* C*, except the white space among them */
                            ENGINE_UNICODE_UPPER,       /* Lu, Lt */
                            ENGINE_UNICODE_LOWER,       /* Ll */
                            ENGINE_UNICODE_LETTER,      /* Lm, Lo */
                            ENGINE_UNICODE_MARK,        /* M* */
                            ENGINE_UNICODE_NUMBER,      /* N* */
                            ENGINE_UNICODE_PUNCTUATION, /* P* */
                            ENGINE_UNICODE_SYMBOL,      /* S* */
                            ENGINE_UNICODE_SPACE        /* the property White_Space */
};

struct engine_unicode_char {
    uint32_t code; /* U+FFFD for a byte that is not part of a well-formed character */
    uint8_t len;   /* bytes; 1 for such a byte; 0 at the end of the text */
    uint8_t class; /* enum engine_unicode_class; OTHER for such a byte and at the end */
};

enum engine_unicode_class engine_unicode_class(uint32_t code);

/* The character that begins at byte `at`; past the end: all zero. */
struct engine_unicode_char engine_unicode_at(struct slice text, size_t at);

/* Start of the character that ends just before byte `at` (> 0), as engine_unicode_at() splits it.
 */
size_t engine_unicode_before(struct slice text, size_t at);

/* Writes 1 to 4 bytes and returns how many; surrogates and beyond U+10FFFF become U+FFFD. */
size_t engine_unicode_write(uint32_t code, char out[4]);

/* What is left of a character when it is decomposed (canonically, NFD) and its nonspacing marks are
 * taken away: 0 to 3 codes; `out` has room for 3. */
size_t engine_unicode_bare(uint32_t code, uint32_t out[3]);

/* Lower case, one character for one. */
uint32_t engine_unicode_lower(uint32_t code);

static inline bool engine_unicode_is_letter(uint8_t class)
{
    return class >= ENGINE_UNICODE_UPPER && class <= ENGINE_UNICODE_LETTER;
}

#endif
