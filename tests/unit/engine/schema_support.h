/*
 * For tests of masks: a vocabulary, random schemas, and a validator that shares nothing with the
 * engine. A part of the test that includes it.
 */
#ifndef TESTS_UNIT_ENGINE_SCHEMA_SUPPORT_H
#define TESTS_UNIT_ENGINE_SCHEMA_SUPPORT_H

#include <math.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json/json.h"
#include "engine/grammar/grammar.h"
#include "engine/tokenizer/tokenizer.h"
#include "engine/unicode/unicode.h"

enum { TOKENS_MAX = 1200, EOS = 256 };

static uint64_t random_state = 20240917;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % below;
}

/* --- A vocabulary: all bytes, an end token, a control token, pieces that JSON is likely to meet,
 * and random ones, some of them cut inside a character --- */

static struct engine_vocab vocab;
static struct slice texts[TOKENS_MAX];
static struct slice raws[TOKENS_MAX];
static uint8_t types[TOKENS_MAX];
static struct arena *arena;
static struct engine_tokenizer *tok;
static struct grammar_trie *trie;

static struct slice gpt2_text(struct slice raw)
{
    char *out = arena_alloc(arena, raw.len * 2 + 1);
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        uint32_t b = (unsigned char)raw.ptr[i], code = b;
        bool plain = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        if (!plain) { /* counts the bytes before it that are not plain either */
            uint32_t n = 0;
            for (uint32_t k = 0; k < b; k++)
                n += !((k >= 33 && k <= 126) || (k >= 161 && k <= 172) || k >= 174);
            code = 256 + n;
        }
        len += engine_unicode_write(code, out + len);
    }
    return slice_of(out, len);
}

static void add(struct slice raw, uint8_t type)
{
    uint32_t id = vocab.token_count++;
    raws[id] = arena_dup(arena, raw);
    texts[id] = type == ENGINE_TOKEN_NORMAL ? gpt2_text(raw) : raws[id];
    types[id] = type;
}

/* More tokens, ended by NULL; set before setup(). */
static const char *const *further_pieces;

static int setup(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "{\"",  "\":",  "\": ",     "\",\"",    "\", \"",     "\"}",
        "{}",   "[]",   "[[",       "]]",       "},{",        ", ",
        "\n  ", "null", "true",     "false",    "nul",        "12",
        "00",   "0.",   ".5",       "e+",       "-1",         "\\u",
        "\\n",  "\\\"", "\\ud8",    " \"",      " {",         " 1",
        "abc",  "the ", "\xc3\xa9", "\xe2\x82", "\x82\xac\"", "\xf0\x9f\x98\x80\"]"};
    arena = arena_new(16 << 20);
    for (int b = 0; b < 256; b++) {
        char c = (char)b;
        add(slice_of(&c, 1), ENGINE_TOKEN_NORMAL);
    }
    add(SLICE("<|end|>"), ENGINE_TOKEN_CONTROL);
    add(SLICE("<|other|>"), ENGINE_TOKEN_CONTROL);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        add(slice_from_str(pieces[i]), ENGINE_TOKEN_NORMAL);
    for (size_t i = 0; further_pieces && further_pieces[i]; i++)
        add(slice_from_str(further_pieces[i]), ENGINE_TOKEN_NORMAL);
    while (vocab.token_count < TOKENS_MAX - 1) {
        static const char letters[] =
            "{}[]\",:0123456789.-eEtrufalsn \n\\/abcxyz\xc3\xa9\xe2\x82\xac\x80";
        char text[7];
        size_t len = 2 + draw(5);
        for (size_t i = 0; i < len; i++)
            text[i] = letters[draw(sizeof(letters) - 1)];
        add(slice_of(text, len), ENGINE_TOKEN_NORMAL);
    }
    add(SLICE("abc"), ENGINE_TOKEN_UNUSED);
    vocab.model = SLICE("gpt2");
    vocab.pre = SLICE("gpt-2");
    vocab.texts = texts;
    vocab.types = types;
    for (int i = 0; i < ENGINE_SPECIAL_COUNT; i++)
        vocab.special[i] = -1;
    vocab.special[ENGINE_SPECIAL_EOS] = EOS;
    struct base_error detail = {0};
    if (engine_tokenizer_from_vocab(&vocab, &tok, &detail))
        fail_msg("%s", detail.message);
    trie = grammar_trie_new(tok);
    assert_non_null(trie);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    grammar_trie_free(trie);
    engine_tokenizer_free(tok);
    arena_free(arena);
    return 0;
}

/* --- A validator, from the words of JSON Schema --- */

static const struct json_node *root_schema;

static bool equal(const struct json_node *a, const struct json_node *b)
{
    if (a->type != b->type || a->count != b->count)
        return false;
    if (a->type == JSON_STRING)
        return slice_eq(a->text, b->text);
    if (a->type == JSON_NUMBER) {
        double x = 0, y = 1;
        return json_to_double(a, &x) && json_to_double(b, &y) && x == y;
    }
    const struct json_node *y = json_first(b);
    for (const struct json_node *x = json_first(a); x; x = json_next(x), y = json_next(y)) {
        const struct json_node *other = a->type == JSON_OBJECT ? json_get(b, x->key) : y;
        if (!other || !equal(x, other))
            return false;
    }
    return true;
}

static bool is_type(const struct json_node *v, struct slice type)
{
    double d;
    static const char *const names[JSON_TYPE_COUNT] = {"null",   "boolean", "boolean", "number",
                                                       "string", "array",   "object"};
    if (slice_eq_str(type, "integer"))
        return json_to_double(v, &d) && d == floor(d);
    return slice_eq_str(type, names[v->type]);
}

static size_t characters(struct slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return n;
}

static bool limit_ok(const struct json_node *s, const char *key, double value, int direction)
{
    double limit;
    if (!json_to_double(json_get(s, slice_from_str(key)), &limit))
        return true;
    return direction > 0 ? value >= limit : value <= limit;
}

static bool valid(const struct json_node *s, const struct json_node *v);

static bool valid_object(const struct json_node *s, const struct json_node *v)
{
    const struct json_node *properties = json_get(s, SLICE("properties"));
    const struct json_node *others = json_get(s, SLICE("additionalProperties"));
    for (const struct json_node *r = json_first(json_get(s, SLICE("required"))); r;
         r = json_next(r))
        if (!json_get(v, r->text))
            return false;
    for (const struct json_node *m = json_first(v); m; m = json_next(m)) {
        const struct json_node *p = json_get(properties, m->key);
        if (p ? !valid(p, m) : others && !valid(others, m))
            return false;
    }
    return true;
}

static bool valid_array(const struct json_node *s, const struct json_node *v)
{
    const struct json_node *prefix = json_get(s, SLICE("prefixItems"));
    const struct json_node *items = json_get(s, SLICE("items"));
    size_t i = 0;
    for (const struct json_node *m = json_first(v); m; m = json_next(m), i++) {
        const struct json_node *p = json_at(prefix, i);
        if (p ? !valid(p, m) : items && !valid(items, m))
            return false;
    }
    return limit_ok(s, "minItems", v->count, 1) && limit_ok(s, "maxItems", v->count, -1);
}

static bool valid_string(const struct json_node *s, const struct json_node *v)
{
    double n = (double)characters(v->text);
    struct slice pattern = json_string(json_get(s, SLICE("pattern")));
    if (!slice_is_absent(pattern)) {
        char source[200], text[200];
        regex_t regex;
        (void)snprintf(source, sizeof(source), "%.*s", SLICE_ARG(pattern));
        (void)snprintf(text, sizeof(text), "%.*s", SLICE_ARG(v->text));
        assert_int_equal(regcomp(&regex, source, REG_EXTENDED | REG_NOSUB), 0);
        int miss = regexec(&regex, text, 0, NULL, 0);
        regfree(&regex);
        if (miss)
            return false;
    }
    return limit_ok(s, "minLength", n, 1) && limit_ok(s, "maxLength", n, -1);
}

static bool valid_any(const struct json_node *list, const struct json_node *v)
{
    for (const struct json_node *b = json_first(list); b; b = json_next(b))
        if (valid(b, v))
            return true;
    return list == NULL;
}

static bool valid_type(const struct json_node *type, const struct json_node *v)
{
    if (!json_is(type, JSON_ARRAY))
        return !type || is_type(v, type->text);
    for (const struct json_node *t = json_first(type); t; t = json_next(t))
        if (is_type(v, t->text))
            return true;
    return false;
}

static bool valid_value(const struct json_node *s, const struct json_node *v)
{
    const struct json_node *values = json_get(s, SLICE("enum"));
    const struct json_node *only = json_get(s, SLICE("const"));
    bool found = values == NULL;
    for (const struct json_node *e = json_first(values); e; e = json_next(e))
        found |= equal(e, v);
    return found && (!only || equal(only, v));
}

static bool valid(const struct json_node *s, const struct json_node *v)
{
    double number;
    if (s->type == JSON_TRUE || s->type == JSON_FALSE)
        return s->type == JSON_TRUE;
    struct slice ref = json_string(json_get(s, SLICE("$ref")));
    if (slice_eq_str(ref, "#") && !valid(root_schema, v))
        return false;
    if (slice_starts_with(ref, SLICE("#/$defs/")) &&
        !valid(json_get(json_get(root_schema, SLICE("$defs")), slice_sub(ref, 8, SIZE_MAX)), v))
        return false;
    for (const struct json_node *p = json_first(json_get(s, SLICE("allOf"))); p; p = json_next(p))
        if (!valid(p, v))
            return false;
    if (!valid_type(json_get(s, SLICE("type")), v) || !valid_value(s, v) ||
        !valid_any(json_get(s, SLICE("anyOf")), v))
        return false;
    if (json_to_double(v, &number))
        return limit_ok(s, "minimum", number, 1) && limit_ok(s, "maximum", number, -1);
    return v->type == JSON_OBJECT   ? valid_object(s, v)
           : v->type == JSON_ARRAY  ? valid_array(s, v)
           : v->type == JSON_STRING ? valid_string(s, v)
                                    : true;
}

/* --- Random schemas --- */

static void put_schema(struct buffer *out, int depth);

static void put_object(struct buffer *out, int depth)
{
    static const char *const names[] = {"a", "ab", "abc", "b\xc3\xa9", "x\\\"y"};
    uint32_t count = draw(4), first = draw(2);
    (void)buffer_add_str(out, "{\"type\":\"object\",\"properties\":{");
    for (uint32_t i = 0; i < count; i++) {
        (void)buffer_addf(out, "%s\"%s\":", i > 0 ? "," : "", names[first + i]);
        put_schema(out, depth + 1);
    }
    (void)buffer_add_str(out, "},\"required\":[");
    bool comma = false;
    for (uint32_t i = 0; i < count; i++) {
        if (draw(2) == 0)
            continue;
        (void)buffer_addf(out, "%s\"%s\"", comma ? "," : "", names[first + i]);
        comma = true;
    }
    (void)buffer_add_str(out, "]");
    if (draw(3) == 0) {
        (void)buffer_add_str(out, ",\"additionalProperties\":");
        put_schema(out, depth + 1);
    }
    (void)buffer_add_str(out, "}");
}

static void put_array(struct buffer *out, int depth)
{
    (void)buffer_add_str(out, "{\"type\":\"array\",\"items\":");
    put_schema(out, depth + 1);
    if (draw(3) == 0) {
        (void)buffer_add_str(out, ",\"prefixItems\":[");
        put_schema(out, depth + 1);
        (void)buffer_add_str(out, "]");
    }
    uint32_t min = draw(3);
    (void)buffer_addf(out, ",\"minItems\":%u,\"maxItems\":%u}", min, min + draw(3));
}

static void put_plain(struct buffer *out)
{
    static const char *const fixed[] = {
        "true",
        "{}",
        "{\"type\":\"null\"}",
        "{\"type\":\"boolean\"}",
        "{\"type\":\"string\"}",
        "{\"type\":\"number\"}",
        "{\"type\":[\"integer\",\"string\"],\"maxLength\":3}",
        "{\"enum\":[\"a\\\"b\",1,null,[true],{\"k\":2.5}]}",
        "{\"const\":\"\xe2\x82\xac\"}",
        "{\"type\":\"string\",\"pattern\":\"^[a-c]{1,3}(-[0-9]+)?$\"}",
        "{\"type\":\"string\",\"pattern\":\"x[yz]\"}",
        "{\"allOf\":[{\"minLength\":2},{\"type\":\"string\"},{\"maxLength\":5}]}",
        "{\"type\":\"number\",\"minimum\":-3,\"maximum\":12}",
        "{\"properties\":{\"n\":{\"$ref\":\"#/$defs/d\"}}}",
        "{\"$ref\":\"#/$defs/d\"}"};
    if (draw(4) == 0) {
        int low = (int)draw(300) - 150;
        (void)buffer_addf(out, "{\"type\":\"integer\",\"minimum\":%d,\"maximum\":%d}", low,
                          low + (int)draw(2000));
    } else {
        (void)buffer_add_str(out, fixed[draw(sizeof(fixed) / sizeof(fixed[0]))]);
    }
}

/* The recursion is the test's own: at most 3 deep. */
static void put_schema(struct buffer *out, int depth)
{
    uint32_t kind = depth >= 3 ? 3 : draw(5);
    if (kind == 0) {
        put_object(out, depth);
    } else if (kind == 1) {
        put_array(out, depth);
    } else if (kind == 2) {
        (void)buffer_add_str(out, "{\"anyOf\":[");
        put_schema(out, depth + 1);
        (void)buffer_add_str(out, ",");
        put_schema(out, depth + 1);
        (void)buffer_add_str(out, "]}");
    } else {
        put_plain(out);
    }
}

/* Definitions that schemas below refer to; "]}" ends what begins here. */
static const char schema_defs[] =
    "{\"$defs\":{\"d\":{\"type\":\"object\",\"properties\":{\"v\":{\"type\":"
    "\"integer\"},\"d\":{\"anyOf\":[{\"type\":\"null\"},{\"$ref\":\"#/$defs/"
    "d\"}]}},\"required\":[\"d\"],\"additionalProperties\":false}},\"allOf\":[";

/* Two members of one name are the one thing that a reader may refuse. */
static bool is_duplicate(const struct base_error *detail)
{
    return strstr(detail->message, "occurs twice") != NULL;
}

static void check_answer(struct slice schema, struct slice answer, int *ret_valid)
{
    struct arena *memory = arena_new(16 << 20);
    const struct json_node *s, *v;
    struct base_error detail = {0};
    assert_int_equal(json_parse(schema, &json_limits_request, memory, &s, &detail), BASE_OK);
    if (json_parse(answer, &json_limits_request, memory, &v, &detail) != BASE_OK) {
        if (!is_duplicate(&detail))
            fail_msg("%.*s\ngave %.*s\n%s", SLICE_ARG(schema), SLICE_ARG(answer), detail.message);
    } else {
        root_schema = s;
        if (!valid(s, v))
            fail_msg("%.*s\nshould not give %.*s", SLICE_ARG(schema), SLICE_ARG(answer));
        ++*ret_valid;
    }
    arena_free(memory);
}

#endif
