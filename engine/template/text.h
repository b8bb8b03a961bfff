/* Operations on STRING values that keep each byte's origin. Results live in the run's arena. */
#ifndef ENGINE_TEMPLATE_TEXT_H
#define ENGINE_TEMPLATE_TEXT_H

#include "engine/template/internal.h"

/* Without leading and trailing characters of `set`; absent = white space. */
struct engine_value jinja_strip(struct engine_value string, struct slice set, bool left,
                                bool right);

enum jinja_case {
    JINJA_CASE_UPPER,
    JINJA_CASE_LOWER,
    JINJA_CASE_CAPITAL,
    JINJA_CASE_TITLE, /* the filter: behind white space and -({[< */
    JINJA_CASE_WORDS, /* the method: behind whatever has no case */
    JINJA_CASE_COUNT
};
/* ASCII letters only. */
enum base_err jinja_change_case(struct jinja_run *run, struct engine_value string,
                                enum jinja_case mode, struct engine_value *ret);

/* At most `most` times; negative = all. */
enum base_err jinja_replace(struct jinja_run *run, struct engine_value string,
                            struct engine_value from, struct engine_value to, int64_t most,
                            struct engine_value *ret);

/* Pieces between `by` (absent = any white space, no empty pieces); at most `most` cuts. */
enum base_err jinja_split(struct jinja_run *run, struct engine_value string, struct slice by,
                          int64_t most, struct engine_value *ret);

enum base_err jinja_join(struct jinja_run *run, const struct jinja_node *node,
                         struct engine_value list, struct engine_value by,
                         struct engine_value *ret);

/* Without their ends, which are those of Python's str.splitlines(): \r, \r\n, \f, U+2028... */
enum base_err jinja_split_lines(struct jinja_run *run, struct engine_value string,
                                struct engine_value *ret);

/* Puts `by` before each line, and "\n" between them; before the first and before empty ones only
 * if told. */
enum base_err jinja_indent(struct jinja_run *run, struct engine_value string,
                           struct engine_value by, bool first, bool blank,
                           struct engine_value *ret);

/* "%s" and "%d" with `items`; "{}", "{0}" and "{name}" with `items` and the MAP `named`. */
enum base_err jinja_format_percent(struct jinja_run *run, const struct jinja_node *node,
                                   struct engine_value format, struct engine_value items,
                                   struct engine_value *ret);
enum base_err jinja_format_braces(struct jinja_run *run, const struct jinja_node *node,
                                  struct engine_value format, struct engine_value items,
                                  struct engine_value named, struct engine_value *ret);

/* & < > ' " as HTML writes them. */
enum base_err jinja_escape(struct jinja_run *run, struct engine_value string,
                           struct engine_value *ret);

enum base_err jinja_reverse(struct jinja_run *run, struct engine_value string,
                            struct engine_value *ret);

#endif
