#include <stdlib.h>

#include "engine/model/model.h"

static const char *const special_keys[ENGINE_SPECIAL_COUNT] = {
    [ENGINE_SPECIAL_BOS] = "tokenizer.ggml.bos_token_id",
    [ENGINE_SPECIAL_EOS] = "tokenizer.ggml.eos_token_id",
    [ENGINE_SPECIAL_EOT] = "tokenizer.ggml.eot_token_id",
    [ENGINE_SPECIAL_EOM] = "tokenizer.ggml.eom_token_id",
    [ENGINE_SPECIAL_UNKNOWN] = "tokenizer.ggml.unknown_token_id",
    [ENGINE_SPECIAL_SEPARATOR] = "tokenizer.ggml.seperator_token_id", /* the format's spelling */
    [ENGINE_SPECIAL_PADDING] = "tokenizer.ggml.padding_token_id",
    [ENGINE_SPECIAL_CLS] = "tokenizer.ggml.cls_token_id",
    [ENGINE_SPECIAL_MASK] = "tokenizer.ggml.mask_token_id",
    [ENGINE_SPECIAL_FIM_PREFIX] = "tokenizer.ggml.fim_pre_token_id",
    [ENGINE_SPECIAL_FIM_SUFFIX] = "tokenizer.ggml.fim_suf_token_id",
    [ENGINE_SPECIAL_FIM_MIDDLE] = "tokenizer.ggml.fim_mid_token_id",
    [ENGINE_SPECIAL_FIM_PAD] = "tokenizer.ggml.fim_pad_token_id",
    [ENGINE_SPECIAL_FIM_REPO] = "tokenizer.ggml.fim_rep_token_id",
    [ENGINE_SPECIAL_FIM_SEPARATOR] = "tokenizer.ggml.fim_sep_token_id",
};

#define MAX_VOCAB (1U << 22)

static enum base_err bad_key(const struct engine_model *model, const char *key, const char *what,
                             struct base_error *reterr)
{
    return base_error_set(reterr, BASE_ERR_BAD_FILE, "%s: key '%s' %s", gguf_name(model->file), key,
                          what);
}

/* An array of a given item type and, unless 0, length; *ret = NULL when absent. */
static enum base_err find_array(const struct engine_model *model, const char *key,
                                enum gguf_type item, uint64_t count, const struct gguf_kv **ret,
                                struct base_error *reterr)
{
    const struct gguf_kv *kv = gguf_find(model->file, key);
    if (kv && (kv->type != GGUF_ARRAY || kv->item != item))
        return bad_key(model, key, "is not an array of the type it must have", reterr);
    if (kv && count && kv->count != count)
        return bad_key(model, key, "has not one item per token", reterr);
    if (kv && kv->count > 4 * (uint64_t)MAX_VOCAB)
        return bad_key(model, key, "has too many items", reterr);
    *ret = kv;
    return BASE_OK;
}

static enum base_err read_strings(struct engine_model *model, const struct gguf_kv *tokens,
                                  const struct gguf_kv *merges, struct base_error *reterr)
{
    struct engine_vocab *vocab = &model->vocab;
    size_t token_count = (size_t)tokens->count, merge_count = merges ? (size_t)merges->count : 0;
    model->strings = calloc(token_count + merge_count + 1, sizeof(*model->strings));
    if (!model->strings)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "%s: no memory for its vocabulary",
                              gguf_name(model->file));
    const uint8_t *at = tokens->data;
    for (size_t i = 0; i < token_count; i++)
        model->strings[i] = gguf_next_string(&at);
    at = merges ? merges->data : NULL;
    for (size_t i = 0; i < merge_count; i++)
        model->strings[token_count + i] = gguf_next_string(&at);
    vocab->texts = model->strings;
    vocab->token_count = (uint32_t)token_count;
    vocab->merges = model->strings + token_count;
    vocab->merge_count = (uint32_t)merge_count;
    return BASE_OK;
}

static enum base_err read_scores(struct engine_model *model, struct base_error *reterr)
{
    const struct gguf_kv *kv;
    uint32_t count = model->vocab.token_count;
    enum base_err err = find_array(model, "tokenizer.ggml.scores", GGUF_F32, count, &kv, reterr);
    if (err || !kv)
        return err;
    model->scores = calloc(count, sizeof(*model->scores));
    if (!model->scores)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "%s: no memory for its vocabulary",
                              gguf_name(model->file));
    memcpy(model->scores, kv->data, count * sizeof(float));
    model->vocab.scores = model->scores;
    return BASE_OK;
}

static enum base_err read_types(struct engine_model *model, struct base_error *reterr)
{
    const struct gguf_kv *kv;
    uint32_t count = model->vocab.token_count;
    enum base_err err =
        find_array(model, "tokenizer.ggml.token_type", GGUF_I32, count, &kv, reterr);
    if (err || !kv)
        return err;
    model->types = calloc(count, sizeof(*model->types));
    if (!model->types)
        return base_error_set(reterr, BASE_ERR_NO_MEMORY, "%s: no memory for its vocabulary",
                              gguf_name(model->file));
    for (uint32_t i = 0; i < count; i++) {
        int64_t type = 0;
        if (!gguf_item_i64(kv, i, &type) || type < 0 || type >= ENGINE_TOKEN_TYPE_COUNT)
            return bad_key(model, "tokenizer.ggml.token_type", "has an unknown type", reterr);
        model->types[i] = (uint8_t)type;
    }
    model->vocab.types = model->types;
    return BASE_OK;
}

/* Leaves *ret alone when the key is absent. */
static enum base_err read_id(const struct engine_model *model, const char *key, int32_t *ret,
                             struct base_error *reterr)
{
    uint32_t id = UINT32_MAX; /* files write -1 for "none" too */
    enum base_err err = gguf_u32(model->file, key, GGUF_OPTIONAL, &id, reterr);
    if (err || id == UINT32_MAX)
        return err;
    if (id >= model->vocab.token_count)
        return bad_key(model, key, "is not a token of the vocabulary", reterr);
    *ret = (int32_t)id;
    return BASE_OK;
}

/* Names of before, read where the new ones are absent. */
static const struct {
    enum engine_special which;
    const char *key;
} old_keys[] = {
    {ENGINE_SPECIAL_FIM_PREFIX, "tokenizer.ggml.prefix_token_id"},
    {ENGINE_SPECIAL_FIM_SUFFIX, "tokenizer.ggml.suffix_token_id"},
    {ENGINE_SPECIAL_FIM_MIDDLE, "tokenizer.ggml.middle_token_id"},
};

static enum base_err read_special(struct engine_model *model, struct base_error *reterr)
{
    enum base_err err = BASE_OK;
    int32_t *special = model->vocab.special;
    for (size_t i = 0; !err && i < sizeof(old_keys) / sizeof(old_keys[0]); i++)
        err = read_id(model, old_keys[i].key, &special[old_keys[i].which], reterr);
    for (size_t i = 0; !err && i < ENGINE_SPECIAL_COUNT; i++)
        err = read_id(model, special_keys[i], &special[i], reterr);
    return err;
}

static enum base_err read_flags(struct engine_model *model, struct base_error *reterr)
{
    struct engine_vocab *vocab = &model->vocab;
    const struct {
        const char *key;
        enum engine_flag *flag;
    } flags[] = {
        {"tokenizer.ggml.add_bos_token", &vocab->add_bos},
        {"tokenizer.ggml.add_eos_token", &vocab->add_eos},
        {"tokenizer.ggml.add_sep_token", &vocab->add_sep},
        {"tokenizer.ggml.add_space_prefix", &vocab->add_space_prefix},
        {"tokenizer.ggml.remove_extra_whitespaces", &vocab->remove_extra_whitespaces},
        {"tokenizer.ggml.normalizer.lowercase", &vocab->lowercase},
        {"tokenizer.ggml.normalizer.strip_accents", &vocab->strip_accents},
    };
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        bool value = false;
        enum base_err err = gguf_bool(model->file, flags[i].key, GGUF_OPTIONAL, &value, reterr);
        if (err)
            return err;
        if (gguf_find(model->file, flags[i].key))
            *flags[i].flag = value ? ENGINE_FLAG_YES : ENGINE_FLAG_NO;
    }
    return BASE_OK;
}

static enum base_err read_texts(struct engine_model *model, struct base_error *reterr)
{
    struct engine_vocab *vocab = &model->vocab;
    enum base_err err =
        gguf_string(model->file, "tokenizer.ggml.pre", GGUF_OPTIONAL, &vocab->pre, reterr);
    if (err)
        return err;
    const struct gguf_kv *map = gguf_find(model->file, "tokenizer.ggml.precompiled_charsmap");
    if (map && (map->type != GGUF_ARRAY || gguf_type_bytes[map->item] != 1))
        return bad_key(model, "tokenizer.ggml.precompiled_charsmap", "is not an array of bytes",
                       reterr);
    if (map)
        vocab->precompiled_charsmap = slice_of((const char *)map->data, (size_t)map->count);
    err = gguf_string(model->file, "tokenizer.chat_template", GGUF_OPTIONAL, &vocab->chat_template,
                      reterr);
    return err ? err
               : gguf_string(model->file, "tokenizer.chat_template.tool_use", GGUF_OPTIONAL,
                             &vocab->tool_template, reterr);
}

static enum base_err read_lists(struct engine_model *model, struct base_error *reterr)
{
    const struct gguf_kv *tokens, *merges;
    enum base_err err = find_array(model, "tokenizer.ggml.tokens", GGUF_STRING, 0, &tokens, reterr);
    if (err)
        return err;
    if (!tokens || tokens->count == 0 || tokens->count > MAX_VOCAB)
        return bad_key(model, "tokenizer.ggml.tokens", "is absent, empty or too long", reterr);
    err = find_array(model, "tokenizer.ggml.merges", GGUF_STRING, 0, &merges, reterr);
    if (err)
        return err;
    if (!merges && slice_eq(model->vocab.model, SLICE("gpt2")))
        return bad_key(model, "tokenizer.ggml.merges", "is needed and absent", reterr);
    err = read_strings(model, tokens, merges, reterr);
    if (err)
        return err;
    err = read_scores(model, reterr);
    return err ? err : read_types(model, reterr);
}

enum base_err engine_vocab_read(struct engine_model *model, struct base_error *reterr)
{
    struct engine_vocab *vocab = &model->vocab;
    for (size_t i = 0; i < ENGINE_SPECIAL_COUNT; i++)
        vocab->special[i] = -1;
    enum base_err err =
        gguf_string(model->file, "tokenizer.ggml.model", GGUF_OPTIONAL, &vocab->model, reterr);
    if (err)
        return err;
    if (slice_eq(vocab->model, SLICE("none")) || slice_eq(vocab->model, SLICE("no_vocab")))
        vocab->model = SLICE_NONE;
    else if (slice_is_absent(vocab->model) && gguf_find(model->file, "tokenizer.ggml.tokens"))
        err = bad_key(model, "tokenizer.ggml.model", "is needed and absent", reterr);
    if (!err && !slice_is_absent(vocab->model))
        err = read_lists(model, reterr);
    if (!err)
        err = read_special(model, reterr);
    if (!err)
        err = read_flags(model, reterr);
    return err ? err : read_texts(model, reterr);
}
