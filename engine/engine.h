/*
 * The engine: GGUF files to text, on the CPU, in this process.
 *
 * It knows nothing of the network, of tenants or of policy: a request carries an opaque `domain`
 * (caches are shared only inside one) and an opaque `flow` (the queue is fair between flows).
 * It depends on base/core, pthread and libm alone.
 *
 * The layers, each usable without the next:
 *
 *     model      a GGUF file, mapped: facts, vocabulary, weights          gguf/, model/
 *     adapter    a small file that changes a model, chosen per token      compute/
 *     session    a KV cache, scratch memory and threads: tokens in,       compute/, kernels/
 *                logits out, several sequences in one step
 *     tokenizer  text <-> tokens                                          tokenizer/, unicode/
 *     template   messages -> prompt text                                  template/
 *     answer     text -> what is said, thought and called                 answer/
 *     sampler    logits -> token                                          sampler/
 *     grammar    GBNF or JSON Schema -> which tokens may come next        grammar/
 *     scheduler  a thread that owns one session and serves many           scheduler/
 *                generations at once, from a bounded fair queue
 *
 * Whole, in the order of calls:
 *
 *     struct engine_model *model;
 *     err = engine_model_open("demo.gguf", NULL, &model, &detail);
 *     struct engine_scheduler *sched;
 *     err = engine_scheduler_new(model, NULL, &sched, &detail);
 *     struct engine_message hello = {.role = SLICE("user"), .content = SLICE("Hello")};
 *     struct engine_request req = {.messages = &hello, .message_count = 1, .max_tokens = 64,
 *                                  .sampling = ENGINE_SAMPLING_DEFAULT};
 *     err = engine_scheduler_submit(sched, &req, (struct engine_sink){on_event, me}, &id, &detail);
 *     ... on_event() on the scheduler's thread: STARTED, TEXT, TEXT, FINISHED, then DONE
 *     engine_scheduler_free(sched);
 *     engine_model_unref(model);
 *
 * Bare computation:
 *
 *     struct engine_session *session;
 *     err = engine_session_new(model, NULL, &session, &detail);
 *     struct engine_batch_item items[2] = {{.sequence = 0, .token = 1},
 *                                          {.sequence = 0, .token = 42, .want_logits = true}};
 *     err = engine_session_step(session, items, 2, NULL, &detail);
 *     const float *row = engine_session_logits(session, 0);     // n_vocab numbers
 *
 * What it computes: architectures llama (Mistral, SmolLM, Mixtral...), mistral3, qwen2, qwen3,
 * qwen3moe, gemma, gemma2, gemma3, phi3, starcoder2, gpt-oss, and encoders for embeddings bert,
 * nomic-bert (docs/models.md has the table); weights F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1,
 * Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, MXFP4, in any mix. Formats with panels
 * (kernels/panel.h) are multiplied with 8-bit activations, one scale for 32 (nmse of the logits
 * about 1e-4), the others with float32 ones.
 *
 * Errors: BAD_FILE for a file that breaks its format (the message names the field), UNSUPPORTED for
 * one that is well-formed but of a kind the engine does not compute, NO_MEMORY for one that cannot
 * fit (the message says what would), CONTEXT_LENGTH, OVERLOADED, CANCELLED. Nothing here aborts.
 *
 * Threads: models, tokenizers and templates are immutable: any thread. A session belongs to one
 * thread at a time. The scheduler's functions may be called from any thread.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdatomic.h>

#include "base/core/buffer.h"
#include "base/core/error.h"
#include "base/core/slice.h"

/* --- Processor paths ---------------------------------------------------------------------- */

/*
 * Kernels exist once per instruction set; one set is chosen for the process at first use: the best
 * the processor has, or the one named by the environment variable HEARTH_CPU.
 */

/* "portable", "avx2"...: the chosen path; static. An unknown HEARTH_CPU falls to "portable", and
 * engine_cpu_select(NULL) reports it. */
const char *engine_cpu_name(void);

/* Chooses by name ("auto" or NULL: by HEARTH_CPU, else the best). BAD_VALUE with the list of names
 * when it is unknown, UNSUPPORTED when this processor lacks it. Call before any session exists. */
enum base_err engine_cpu_select(const char *name, struct base_error *reterr);

/* Names of the paths built in, in rising order of preference; NULL past the last one. Those that
 * this processor cannot run are listed too; engine_cpu_select() refuses them. */
const char *engine_cpu_at(size_t index);

/* --- Models ------------------------------------------------------------------------------- */

/* Numbers of the KV cache. q8_0, 8 bits with a scale for each 32, takes 17/32 of the memory of f16
 * (heads a multiple of 32); the logits then differ from those with f16 by an nmse below 2e-4, their
 * distributions by less than 1e-4 nats (mean, small random models; test_kv.c). */
enum engine_kv { ENGINE_KV_F16, ENGINE_KV_F32, ENGINE_KV_Q8_0, ENGINE_KV_COUNT };
const char *engine_kv_name(enum engine_kv kv); /* "f16", "f32", "q8_0" */

/* All zero = defaults. What the file is opened for; used to say beforehand whether it fits. */
struct engine_model_options {
    uint32_t context;   /* tokens of KV cache to plan for; 0 = the least of context_train, 4096 */
    uint32_t sequences; /* sequences at once to plan for; 0 = 4 */
    enum engine_kv kv;  /* type of the KV cache to plan for */
    uint32_t batch;     /* tokens of one step to plan for; 0 = 256 */
    uint64_t memory_limit; /* bytes the model may take; 0 = what the system calls available */
    bool skip_memory_check;
    bool copy_weights; /* read the file into memory instead of mapping it */
    bool vocab_only;   /* for tokenizers alone: any architecture, no weights needed or bound; a
                      * session on such a model is refused with BAD_VALUE */
};

/* Facts about an open model. Slices are borrowed from it; absent where the file says nothing. */
struct engine_model_info {
    struct slice architecture; /* "llama" */
    struct slice name;         /* general.name */
    struct slice weight_type;  /* type of most weights: "F32", "F16", "Q8_0" */
    struct slice chat_template;
    uint32_t n_vocab;
    uint32_t context_train; /* tokens the model was made for */
    uint32_t n_embd, n_layer, n_head, n_head_kv, head_dim, n_ff;
    bool encoder; /* gives embeddings, no text: sessions compute it through engine_embed() alone */
    uint64_t param_count;
    uint64_t weight_bytes; /* bytes of the file's tensor data */
    /* What the model is, as 32 hexadecimal digits: the same for copies of a file, different for
     * anything trained or quantised anew. Taken from the names, types and shapes of all tensors and
     * from the first and last 4096 bytes of each. Tells models apart; proves nothing. */
    char hash[33];
};

/* What a model needs, in bytes. */
struct engine_memory {
    uint64_t weights;
    uint64_t kv;
    uint64_t scratch; /* activations, logits, tables */
    uint64_t total;
    uint64_t available;   /* limit given, or what the system calls available */
    uint32_t context;     /* the context that the figures are for */
    uint32_t context_fit; /* the largest context that would fit; 0 = not even the weights do */
    bool encoder;         /* as in engine_model_info */
};

struct engine_model;

/*
 * Opens a GGUF file (version 2 or 3), checks all of it, maps its weights. Of a model split over
 * several files the first part, <prefix>-00001-of-00003.gguf, opens all. The files must not change
 * while the model is open: see engine_catch_lost_pages() (replace files by renaming, or use
 * copy_weights). Returns with one reference, given back by engine_model_unref().
 * IO, BAD_FILE, UNSUPPORTED, NO_MEMORY. options NULL = defaults.
 */
enum base_err engine_model_open(const char *path, const struct engine_model_options *options,
                                struct engine_model **ret_model, struct base_error *reterr);

/* The same from bytes in memory, which must stay and be aligned to 64 bytes (a model embedded in
 * the program). `name` stands in messages where a path would. */
enum base_err engine_model_open_bytes(struct slice bytes, const char *name,
                                      const struct engine_model_options *options,
                                      struct engine_model **ret_model, struct base_error *reterr);

struct engine_model *engine_model_ref(struct engine_model *model);
void engine_model_unref(struct engine_model *model); /* NULL allowed */

const struct engine_model_info *engine_model_info(const struct engine_model *model);

/* Whether its files are no longer what was opened: written to, cut short, not to be read. A system
 * call for each file; any thread. */
bool engine_model_is_changed(const struct engine_model *model);

/*
 * Reading a mapped file that was cut short, or whose disk fails, raises SIGBUS, which ends the
 * process. After this call it does not: steps of that model fail with BAD_FILE from then on, those
 * of others go on. For the whole process, once, by the program; faults elsewhere go where they
 * would have gone.
 */
void engine_catch_lost_pages(void);

/* What opening `path` would need, without opening it for use. */
enum base_err engine_model_estimate(const char *path, const struct engine_model_options *options,
                                    struct engine_memory *ret_memory, struct base_error *reterr);

/* --- Adapters (LoRA) ------------------------------------------------------------------------ */

/*
 * A GGUF file of general.type `adapter` and adapter.type `lora`: pairs of tensors NAME.lora_a and
 * NAME.lora_b for matrices NAME of a model. Each adds alpha / rank * B (A x) to W x (alpha from
 * adapter.lora.alpha; without it the factor is 1). Pairs for attention, feed-forward and output
 * matrices are computed, other tensors are refused, never left out. Several adapters and none may
 * stand in one step.
 *
 * It is held to be made for the model when architecture, names and shapes agree and, where the file
 * has the key below, when that is engine_model_info.hash of the model.
 *
 * Numbers of files in F16 are held as they are, others in float32; nothing stays of the file.
 */
#define ENGINE_ADAPTER_BASE_KEY "hearth.adapter.base_hash"

struct engine_adapter_info {
    uint32_t rank; /* the largest */
    uint32_t pair_count;
    float alpha;     /* 0 = the file says nothing */
    bool base_named; /* the file names the hash of its model, and it is this one */
    uint64_t bytes;  /* held in memory */
};

struct engine_adapter;

/* Holds a reference to the model; comes with one, given back by engine_adapter_unref(). Immutable:
 * any thread. IO, BAD_FILE, UNSUPPORTED, NO_MEMORY. */
enum base_err engine_adapter_open(struct engine_model *model, const char *path,
                                  struct engine_adapter **ret_adapter, struct base_error *reterr);
enum base_err engine_adapter_open_bytes(struct engine_model *model, struct slice bytes,
                                        const char *name, struct engine_adapter **ret_adapter,
                                        struct base_error *reterr);
struct engine_adapter *engine_adapter_ref(struct engine_adapter *adapter);
void engine_adapter_unref(struct engine_adapter *adapter); /* NULL allowed */
const struct engine_adapter_info *engine_adapter_info(const struct engine_adapter *adapter);

/* --- Vocabulary: what the file says, for the tokenizer -------------------------------------- */

enum engine_token_type { /* values as in the file */
                         ENGINE_TOKEN_UNDEFINED,
                         ENGINE_TOKEN_NORMAL,
                         ENGINE_TOKEN_UNKNOWN,
                         ENGINE_TOKEN_CONTROL,
                         ENGINE_TOKEN_USER_DEFINED,
                         ENGINE_TOKEN_UNUSED,
                         ENGINE_TOKEN_BYTE,
                         ENGINE_TOKEN_TYPE_COUNT
};

/* Special tokens that a file may name; index into engine_vocab.special. */
enum engine_special {
    ENGINE_SPECIAL_BOS,
    ENGINE_SPECIAL_EOS,
    ENGINE_SPECIAL_EOT,
    ENGINE_SPECIAL_EOM,
    ENGINE_SPECIAL_UNKNOWN,
    ENGINE_SPECIAL_SEPARATOR,
    ENGINE_SPECIAL_PADDING,
    ENGINE_SPECIAL_CLS,
    ENGINE_SPECIAL_MASK,
    ENGINE_SPECIAL_FIM_PREFIX,
    ENGINE_SPECIAL_FIM_SUFFIX,
    ENGINE_SPECIAL_FIM_MIDDLE,
    ENGINE_SPECIAL_FIM_PAD,
    ENGINE_SPECIAL_FIM_REPO,
    ENGINE_SPECIAL_FIM_SEPARATOR,
    ENGINE_SPECIAL_COUNT
};

enum engine_flag { ENGINE_FLAG_UNSET, ENGINE_FLAG_NO, ENGINE_FLAG_YES };

/*
 * tokenizer.ggml.* as it stands in the file, checked for types and ranges only: every token id here
 * is below token_count. Text is UTF-8 as the file has it (for byte-level BPE in GPT-2's alphabet);
 * it is not checked to be well-formed. Borrowed from the model.
 */
struct engine_vocab {
    struct slice model; /* tokenizer.ggml.model: "gpt2", "llama"...; absent = no tokenizer */
    struct slice pre;   /* tokenizer.ggml.pre */
    uint32_t token_count;
    const struct slice *texts; /* [token_count] */
    const float *scores;       /* [token_count] or NULL */
    const uint8_t *types;      /* [token_count] of enum engine_token_type, or NULL = all NORMAL */
    uint32_t merge_count;
    const struct slice *merges;            /* [merge_count] "left right" */
    int32_t special[ENGINE_SPECIAL_COUNT]; /* -1 = not named */
    enum engine_flag add_bos, add_eos, add_sep, add_space_prefix, remove_extra_whitespaces;
    enum engine_flag lowercase, strip_accents; /* tokenizer.ggml.normalizer.* */
    struct slice precompiled_charsmap;         /* raw bytes */
    struct slice chat_template;                /* tokenizer.chat_template */
    struct slice tool_template; /* the one for requests with tools, if it is another */
};
const struct engine_vocab *engine_model_vocab(const struct engine_model *model);

/* --- Sessions: the computation -------------------------------------------------------------- */

/* Compute threads. Sessions may share one pool (one computes at a time); a session without one
 * makes its own. Threads spin briefly between pieces of work, then sleep; they run at lower
 * priority. */
struct engine_pool;
enum base_err engine_pool_new(uint32_t threads, struct engine_pool **ret_pool,
                              struct base_error *reterr); /* 0 = cores - 1, at least 1 */
void engine_pool_free(struct engine_pool *pool);          /* after the sessions that use it */
uint32_t engine_pool_threads(const struct engine_pool *pool);

/* All zero = defaults. */
struct engine_session_options {
    uint32_t context;   /* tokens of KV cache, shared by all sequences; 0 as for models */
    uint32_t longest;   /* tokens that one sequence may have; 0 = context. Only chooses the rope
                           factors of models that have two sets (longrope) */
    uint32_t sequences; /* sequence numbers run from 0 to this - 1; 0 = 4 */
    uint32_t batch;     /* most tokens in one step; 0 = 256 */
    uint32_t outputs;   /* most rows of logits in one step; 0 = as many as sequences */
    uint32_t threads;   /* 0 = cores - 1, at least 1; not used when `pool` is given */
    enum engine_kv kv;
    struct engine_pool *pool; /* borrowed; NULL = one of its own */
};

/*
 * One token to compute. It is appended to its sequence, so its position is the sequence's length at
 * that point; tokens of one sequence may stand anywhere in the batch, in their order.
 */
struct engine_batch_item {
    uint32_t sequence;
    uint32_t token;
    bool want_logits;
    const struct engine_adapter *adapter; /* of the session's model; NULL = none */
};

struct engine_session;

/* Holds a reference to the model. All memory is taken here; a step allocates nothing. */
enum base_err engine_session_new(struct engine_model *model,
                                 const struct engine_session_options *options,
                                 struct engine_session **ret_session, struct base_error *reterr);
void engine_session_free(struct engine_session *session); /* NULL allowed */

/*
 * Computes `count` (1 .. batch) tokens in one pass over the weights: prompts in pieces and one
 * token each of running sequences, in any mix. Afterwards engine_session_logits(session, i) is the
 * i-th item that wanted logits. The result for a sequence does not depend on what else is in the
 * batch beyond rounding.
 *
 * `cancel` (may be NULL) is looked at between layers: when true the step ends with CANCELLED.
 * On any failure the sequences are as they were before. BAD_VALUE: an item out of range. LIMIT: no
 * room in the KV cache (nothing was computed; see engine_session_room). CONTEXT_LENGTH: a sequence
 * would grow past the session's context.
 */
enum base_err engine_session_step(struct engine_session *session,
                                  const struct engine_batch_item *items, size_t count,
                                  const atomic_bool *cancel, struct base_error *reterr);

/* n_vocab numbers, valid until the next step; NULL when the last step had no such row. The caller
 * may write into them (penalties, masks). */
float *engine_session_logits(struct engine_session *session, size_t row);

/* Tokens in the sequence; 0 for one out of range. */
uint32_t engine_session_length(const struct engine_session *session, uint32_t sequence);

/* Of layers with a sliding window the cache holds what lies behind it only while there is room, so
 * that a sequence can be cut back to an earlier length only sometimes: to none, by as many tokens
 * as a step has, and where this says so. Of models without windows: always. */
bool engine_session_keeps(const struct engine_session *session, uint32_t sequence, uint32_t length);

/* Keeps the first `length` tokens of the sequence and forgets the rest (0 = all); forgets all where
 * it does not keep them: see engine_session_length(). */
void engine_session_trim(struct engine_session *session, uint32_t sequence, uint32_t length);

/* Makes `to` a copy of the first `length` tokens of `from` (what `to` held is forgotten; nothing
 * happens when they are the same). Pages of the cache are shared until one side writes, so this
 * takes no time and no room; the first write to a shared page takes a page. BAD_VALUE: out of
 * range. LIMIT: `from` does not keep them (engine_session_keeps), and nothing has changed. */
enum base_err engine_session_copy(struct engine_session *session, uint32_t from, uint32_t to,
                                  uint32_t length);

/* How many tokens can still be appended to this sequence now. */
uint32_t engine_session_room(const struct engine_session *session, uint32_t sequence);

/* The cache is kept in pages of this many tokens: sharing works in whole pages. */
uint32_t engine_session_page(const struct engine_session *session);

struct engine_model *engine_session_model(const struct engine_session *session); /* borrowed */
uint32_t engine_session_context(const struct engine_session *session); /* after defaults */
uint32_t engine_session_sequences(const struct engine_session *session);
uint32_t engine_session_batch(const struct engine_session *session);

/* Logits of every position of `tokens`, one fresh sequence, KV cache in float32:
 * on_row(user, position, logits) is called in order; false stops (CANCELLED). threads 0 = default.
 */
typedef bool (*engine_row_fn)(void *user, size_t position, const float *logits);
enum base_err engine_logits(struct engine_model *model, const struct engine_adapter *adapter,
                            const uint32_t *tokens, size_t count, uint32_t threads,
                            engine_row_fn on_row, void *user, struct base_error *reterr);

/* What stands for a text among the hidden states of its tokens. */
enum engine_pooling {
    ENGINE_POOLING_MODEL, /* as the file says; else MEAN for encoders, LAST for others */
    ENGINE_POOLING_MEAN,
    ENGINE_POOLING_FIRST, /* the classification token of BERT */
    ENGINE_POOLING_LAST,
    ENGINE_POOLING_COUNT
};

/*
 * The embedding of one text: n_embd numbers, of length 1 when `normalise`. Tokens with the model's
 * special ones, as engine_tokenize(.., add_special) gives them. Uses sequence 0 of the session;
 * what it held is forgotten. An encoder takes the text in one step, so it must fit the session's
 * batch. CONTEXT_LENGTH: too long; BAD_VALUE; UNSUPPORTED: the file asks for another pooling (a
 * reranker).
 */
enum base_err engine_embed(struct engine_session *session, const uint32_t *tokens, size_t count,
                           enum engine_pooling pooling, bool normalise, float *ret_vector,
                           struct base_error *reterr);

/*
 * Perplexity: exp of the mean of -log p over the tokens of a text, each given those before it. The
 * text is taken in chunks of `context` tokens, each from an empty cache (float32) and begun with
 * `bos` in place of its first token where there is one; what the second half of a chunk foresees
 * counts, so that each token counted has at least half a chunk before it. What is left over behind
 * the last whole chunk is not used; a text shorter than one chunk is one. So does llama.cpp.
 * on_chunk(user, so_far, chunks) is called after each chunk (may be NULL); false = CANCELLED.
 * BAD_VALUE: fewer than 4 tokens, or one outside the vocabulary.
 */
struct engine_perplexity_options {
    uint32_t context; /* 0 = 512 */
    uint32_t chunks;  /* at most so many; 0 = all */
    uint32_t threads; /* 0 = default */
    int32_t bos;      /* -1 = none */
};
struct engine_perplexity {
    double perplexity;
    double error; /* standard error of the perplexity */
    double nats;  /* mean of -log p */
    uint64_t scored;
    uint32_t chunks;
};
typedef bool (*engine_perplexity_fn)(void *user, const struct engine_perplexity *so_far,
                                     uint32_t chunks);
enum base_err engine_perplexity(struct engine_model *model, const uint32_t *tokens, size_t count,
                                const struct engine_perplexity_options *options,
                                engine_perplexity_fn on_chunk, void *user,
                                struct engine_perplexity *ret, struct base_error *reterr);

/* Speed: medians over `runs` runs, without loading. */
struct engine_bench_options {
    uint32_t prompt_tokens; /* 0 = leave out */
    uint32_t gen_tokens;    /* 0 = leave out */
    uint32_t threads;       /* 0 = default */
    uint32_t runs;          /* 0 = 5 */
    uint32_t sequences;     /* that generate at once, in one batch; 0 = 1, at most 64 */
    enum engine_kv kv;
};
struct engine_bench_result {
    double pp_tokens_per_s; /* prompt; 0 when left out */
    double tg_tokens_per_s; /* generation, all sequences together */
    double pp_spread;       /* (largest - smallest) / median */
    double tg_spread;
    uint32_t threads, runs;
};
enum base_err engine_bench(struct engine_model *model, const struct engine_bench_options *options,
                           struct engine_bench_result *ret, struct base_error *reterr);

/* --- Tokenizer ------------------------------------------------------------------------------ */

struct engine_tokenizer;

/* Built from the model's vocabulary; holds a reference to the model. UNSUPPORTED names a tokenizer
 * model or pre-tokenizer that is not known (never a guess). */
enum base_err engine_tokenizer_new(struct engine_model *model, struct engine_tokenizer **ret_tok,
                                   struct base_error *reterr);
void engine_tokenizer_free(struct engine_tokenizer *tok);

/* A list of tokens that grows; all zero = empty. `items` is from malloc, given back by
 * engine_tokens_done(). */
struct engine_tokens {
    uint32_t *items;
    size_t count, capacity;
};
void engine_tokens_done(struct engine_tokens *tokens);

/* `parse_special`: texts of control tokens in `text` become these tokens (for rendered templates,
 * never for what a user wrote). `add_special`: the model's own start and end tokens, as the file
 * asks for. Appends to *tokens. Time is O(n log n) for any text. NO_MEMORY, LIMIT. */
enum base_err engine_tokenize(const struct engine_tokenizer *tok, struct slice text,
                              bool add_special, bool parse_special, struct engine_tokens *tokens,
                              struct base_error *reterr);

/* Where the bytes of a rendered template came from: those from the end of the run before (or 0) to
 * `end` stand in the template itself (`literal`), or came in with a message. */
struct engine_run {
    size_t end;
    bool literal;
};

/* A list of them that grows; all zero = empty. `items` is from malloc, given back by
 * engine_runs_done(). */
struct engine_runs {
    struct engine_run *items;
    size_t count, capacity;
};
void engine_runs_done(struct engine_runs *runs);

/* The text of a rendered chat template: special tokens are cut out of literal bytes only, so that
 * no message can contain one; the rest is tokenized as one text. Begins with the start token when
 * the model wants one and the text does not bring it. `runs` cover `text`. */
enum base_err engine_tokenize_rendered(const struct engine_tokenizer *tok, struct slice text,
                                       const struct engine_run *runs, size_t run_count,
                                       struct engine_tokens *tokens, struct base_error *reterr);

/* Raw bytes of the tokens; may begin or end inside a UTF-8 sequence. Control tokens give nothing
 * unless `show_special`. */
enum base_err engine_detokenize(const struct engine_tokenizer *tok, const uint32_t *tokens,
                                size_t count, bool show_special, struct buffer *out);

/* A special token: the one that the file names, else one with a well-known text (end of turn, fill
 * in the middle), else the one that its kind of tokenizer has always had; -1 = none. */
int32_t engine_tokenizer_special(const struct engine_tokenizer *tok, enum engine_special which);

/* True for tokens that end a generation (eos, eot, eom, their well-known names, and the paddings
 * and separators of fill-in-the-middle). */
bool engine_token_is_end(const struct engine_tokenizer *tok, uint32_t token);

/* --- Chat templates ------------------------------------------------------------------------- */

/* One call of a tool, in an assistant's message. */
struct engine_tool_call {
    struct slice id, name;
    struct slice arguments; /* JSON text */
};

/* One message; absent slices are absent in the template's eyes. */
struct engine_message {
    struct slice role; /* "system", "user", "assistant", "tool"... */
    struct slice content;
    struct slice name;
    struct slice reasoning; /* reasoning_content */
    struct slice tool_call_id;
    const struct engine_tool_call *tool_calls;
    size_t tool_call_count;
};

struct engine_template;

/* Parses the Jinja text of a model. A construct outside the supported subset is UNSUPPORTED with
 * line and column, never a guess. bos and eos: texts of these tokens ("" when the model has none).
 * The slices are copied. */
enum base_err engine_template_new(struct slice jinja, struct slice bos, struct slice eos,
                                  struct engine_template **ret_template, struct base_error *reterr);
void engine_template_free(struct engine_template *template);

/* What a template is rendered with. */
struct engine_template_input {
    const struct engine_message *messages;
    size_t count;
    struct slice tools_json; /* a JSON array, or absent */
    struct slice vars_json;  /* a JSON object: further variables (enable_thinking...), or absent */
    bool add_generation_prompt;
};

/* Appends the prompt text to `out`, and what of it stands in the template itself to `runs` (may be
 * NULL), for engine_tokenize_rendered(). Content that is absent is none; arguments of tool calls
 * are given as the map they are. BAD_REQUEST with the template's own words when it calls
 * raise_exception(). BAD_VALUE: vars_json is no object, or sets what the messages are given as.
 * LIMIT bounds time and size. The language is described in engine/template/jinja.h, which renders
 * any other template too. */
enum base_err engine_template_render(const struct engine_template *template,
                                     const struct engine_template_input *input, struct buffer *out,
                                     struct engine_runs *runs, struct base_error *reterr);

/* --- Sampler -------------------------------------------------------------------------------- */

struct engine_bias {
    uint32_t token;
    float bias; /* added to the logit; -INFINITY forbids */
};

/*
 * A constraint on the next token, asked before each choice and told after it. Grammars and JSON
 * schemas are one implementation (see the end of this file); anything else may be another.
 */
struct engine_mask_ops {
    /* Sets logits of forbidden tokens to -INFINITY; leaves at least one allowed. */
    void (*apply)(void *self, float *logits, uint32_t n_vocab);
    void (*accept)(void *self, uint32_t token);
};
struct engine_mask {
    const struct engine_mask_ops *ops; /* NULL = none */
    void *self;                        /* borrowed while the generation runs */
};

/*
 * The chain, a step left out at its neutral value: log-probabilities of the raw logits are taken;
 * bias; mask; penalties (repetition over prompt and answer: a positive logit is divided, a negative
 * one multiplied; presence and frequency over the answer, subtracted). Then temperature 0 takes the
 * largest logit, of equals the lower id; any other divides the logits, so that the cuts see what is
 * drawn from: top_k, typical_p, top_p, min_p, each on what the one before left; or, instead of all
 * cuts, mirostat 2 (Basu et al. 2021): only tokens of at most mu bits, where mu begins at 2 tau and
 * is corrected by eta (surprise - tau) after each. One draw with xoshiro256++, seeded through
 * splitmix64. DRY (sampler/dry.h) belongs to the penalties.
 */
struct engine_sampling {
    float temperature;              /* 0 .. 100; 0 = greedy */
    int32_t top_k;                  /* 0 = off */
    float top_p;                    /* 0 .. 1; 1 = off; 0 = the most likely only */
    float min_p;                    /* 0 .. 1, share of the most likely; 0 = off */
    float typical_p;                /* 0 .. 1; 1 = off */
    float repetition_penalty;       /* 0.01 .. 100; 1 = off */
    float frequency_penalty;        /* -2 .. 2; 0 = off */
    float presence_penalty;         /* -2 .. 2; 0 = off */
    uint32_t penalty_window;        /* last tokens looked at by the penalties; 0 = all */
    bool mirostat;                  /* version 2, instead of the cuts */
    float mirostat_tau;             /* 0 .. 100; surprise aimed at, in bits */
    float mirostat_eta;             /* 0 .. 1; how fast it is corrected */
    float dry_multiplier;           /* 0 .. 100; 0 = off */
    float dry_base;                 /* 1 .. 10 */
    uint32_t dry_allowed_length;    /* 1 .. 1000; matches shorter than this are free */
    uint32_t dry_window;            /* last tokens looked at; 0 = the context, at most 8192 */
    const uint8_t *dry_breaks;      /* [n_vocab] 1 = ends a sequence; NULL = the usual ones: tokens
                                     * with a line end, ':', '"' or '*'; copied */
    bool seed_given;                /* false: a fresh seed from the system */
    uint64_t seed;                  /* same seed, same model, same path: same text */
    uint64_t stream;                /* answers with one seed and different streams differ (n > 1) */
    const struct engine_bias *bias; /* borrowed while the generation is submitted, then copied */
    size_t bias_count;
    bool logprobs;           /* report the chosen token's log-probability (of the raw logits) */
    uint32_t top_logprobs;   /* and those of the most likely ones, at most 20 */
    struct engine_mask mask; /* none when engine_request.grammar is given */
};
#define ENGINE_SAMPLING_DEFAULT                                                                    \
    ((struct engine_sampling){.temperature = 1.0F,                                                 \
                              .top_p = 1.0F,                                                       \
                              .typical_p = 1.0F,                                                   \
                              .repetition_penalty = 1.0F,                                          \
                              .mirostat_tau = 5.0F,                                                \
                              .mirostat_eta = 0.1F,                                                \
                              .dry_base = 1.75F,                                                   \
                              .dry_allowed_length = 2})

struct engine_logprob {
    uint32_t token;
    float logprob; /* natural logarithm, of the raw distribution; -INFINITY = impossible */
};

/* One choice. */
enum { ENGINE_TOP_LOGPROBS_MAX = 20 };
struct engine_pick {
    uint32_t token;
    float logprob;      /* NAN unless asked for */
    uint32_t top_count; /* as many as asked for, fewer when fewer are possible */
    struct engine_logprob top[ENGINE_TOP_LOGPROBS_MAX]; /* most likely first */
};

struct engine_sampler;

/* BAD_VALUE names the parameter out of range (reterr->param has OpenAI's name for it). A sampler is
 * used by one thread at a time and allocates nothing after this. */
enum base_err engine_sampler_new(const struct engine_sampling *sampling, uint32_t n_vocab,
                                 struct engine_sampler **ret_sampler, struct base_error *reterr);
void engine_sampler_free(struct engine_sampler *sampler); /* NULL allowed */

/* Tokens of the prompt, for the repetition penalty; does nothing when that is off. */
void engine_sampler_prompt(struct engine_sampler *sampler, const uint32_t *tokens, size_t count);

/* Chooses from `logits` (n_vocab numbers, overwritten) and takes the choice into account for
 * penalties and mask. INTERNAL: a logit is NaN or +inf, or no token is possible. */
enum base_err engine_sampler_next(struct engine_sampler *sampler, float *logits,
                                  struct engine_pick *ret_pick, struct base_error *reterr);

/* --- Grammars: what an answer may look like --------------------------------------------------
 *
 *     err = engine_grammar_from_schema(SLICE("{\"type\": \"integer\"}"), &grammar, &detail);
 *     struct engine_request req = {..., .grammar = grammar};
 *     err = engine_scheduler_submit(sched, &req, sink, &id, &detail);
 *     engine_grammar_unref(grammar);          // the generation holds a reference of its own
 *
 * With a grammar only such tokens are chosen as keep the answer, byte by byte, the beginning of a
 * text of the grammar; an end token only when it is whole. An answer that can only end does so at
 * once. One that reaches max_tokens or the context first is cut off (LENGTH): it is a beginning.
 * Stop texts work as ever. Every answer is UTF-8.
 *
 * Grammars are immutable and counted: any thread. All sizes are bounded: 128 KiB of text, 256 calls
 * of rules inside each other at run time (so deep do objects nest; what would go deeper is not
 * offered to the model), 1e5 steps, and the work for one token, beyond which the generation fails
 * with LIMIT.
 */
struct engine_grammar;

/*
 * GBNF, as llama.cpp has it. A rule is `name ::= ...` on one line, or on more inside parentheses
 * and where a line begins with `|`; the answer is the rule `root`. Texts "...", classes [a-z]
 * [^a-z], any character `.`, rules by name, groups (...), choices `|`, counts * + ? {2} {2,} {2,5},
 * comments # ...; escapes \n \r \t \\ \" \[ \] \xHH \uHHHH \UHHHHHHHH. Not supported: tokens
 * <...>. BAD_VALUE with the line; UNSUPPORTED: a rule that begins with itself; TOO_LARGE, LIMIT,
 * NO_MEMORY.
 */
enum base_err engine_grammar_from_gbnf(struct slice text, struct engine_grammar **ret_grammar,
                                       struct base_error *reterr) BASE_MUST_USE;

/*
 * JSON Schema: every answer is JSON that satisfies it, but not all such JSON can be an answer.
 * White space between tokens is nothing, one space, or a line end with at most 20 blanks.
 *
 *   all         type (also a list), enum, const (beside type only), $ref to #/..., allOf, anyOf,
 *               oneOf (taken as anyOf: that only one branch fits is not checked), true, false
 *   objects     properties, required, additionalProperties; minProperties, maxProperties without
 *               properties. Members come in the order of `properties`, then others. Others may come
 *               when additionalProperties says so, or when it and properties are both absent; that
 *               their names differ from each other is not checked
 *   arrays      items, prefixItems, minItems, maxItems; without items a tuple ends with its prefix
 *   strings     one of: minLength and maxLength (characters), pattern, format (date, time,
 *               date-time, email, uuid, ipv4). Patterns: characters, classes, \d \w \s, groups,
 *               choices, counts, ^ and $ at the ends
 *   numbers     minimum, maximum, exclusiveMinimum, exclusiveMaximum, for integers; for numbers
 *               minimum and maximum when they are whole. At most 16 digits before and behind the
 *               point unless a limit says more
 *   no effect   title, description, default, examples, deprecated, readOnly, writeOnly, $schema,
 *               $comment, $defs, definitions, $id at the root
 *
 * Where `type` is absent, keywords that speak of one type mean that type. allOf and anyOf beside
 * other keywords are put together with them; a place described twice, and additionalProperties
 * beside properties from elsewhere, are not supported.
 * UNSUPPORTED names any other keyword and its path, as #/properties/a/not; BAD_VALUE one of the
 * wrong form, or a schema that no text satisfies; BAD_JSON, TOO_LARGE, LIMIT, NO_MEMORY.
 */
enum base_err engine_grammar_from_schema(struct slice json, struct engine_grammar **ret_grammar,
                                         struct base_error *reterr) BASE_MUST_USE;

/* Any JSON: an object, or any value. */
enum base_err engine_grammar_json(bool object_only, struct engine_grammar **ret_grammar,
                                  struct base_error *reterr) BASE_MUST_USE;

struct engine_grammar *engine_grammar_ref(struct engine_grammar *grammar);
void engine_grammar_unref(struct engine_grammar *grammar);         /* NULL allowed */
size_t engine_grammar_bytes(const struct engine_grammar *grammar); /* memory that it takes */

/* Is the text one of the grammar's? False too when that takes more memory than the limits. */
bool engine_grammar_matches(struct engine_grammar *grammar, struct slice text);

/* --- Scheduler: many generations on one thread ------------------------------------------------ */

/*
 * What happens when prompt and answer outgrow the request's context.
 * Before the answer begins whole messages are left out; system messages at the beginning and the
 * last message always stay. Room is made for max_tokens, but at most half of the context, and a
 * quarter when it is not given. If even the messages that stay do not fit, and for plain prompts
 * and tokens, the prompt is too long as with STOP.
 * When the answer meets the end of the context, the older half of the tokens behind those that
 * always stay goes, of the answer too, and it goes on, up to max_tokens; when that is not given, up
 * to as many tokens as the context has. What went is in usage.dropped_tokens.
 */
enum engine_overflow {
    ENGINE_OVERFLOW_STOP,            /* prompt too long: CONTEXT_LENGTH; answer: LENGTH and
                                      * `context_full` */
    ENGINE_OVERFLOW_TRUNCATE_MIDDLE, /* the first of a user stays, the oldest behind it go */
    ENGINE_OVERFLOW_ROLLING_WINDOW,  /* the oldest go */
    ENGINE_OVERFLOW_COUNT
};

/*
 * Speculative decoding: tokens are guessed ahead, from what stood in the text before and from a
 * smaller model if one is given, and verified in one step. Answers are what they are without:
 * each token is chosen by the request's own sampler from the model's own logits. Guesses are made
 * where they save time, judged by how many were right and how long steps took.
 */
struct engine_speculation {
    uint32_t most;              /* guesses at once for an answer; 0 = 8; at most 16 */
    bool off;                   /* none at all */
    bool always;                /* as many as possible, also where it does not pay: for tests */
    struct engine_model *draft; /* of the same vocabulary; referenced; NULL = none */
};

/* All zero = defaults. */
struct engine_scheduler_options {
    struct engine_session_options session; /* `sequences` = most generations at once */
    uint32_t queue_max;       /* waiting requests; 0 = 64; more are refused with OVERLOADED */
    uint32_t request_context; /* most tokens of one request, prompt and output; 0 = the session's */
    struct engine_speculation speculation;
};

/* One generation. Exactly one of messages, prompt, tokens. Everything but the mask is copied by
 * submit, the grammar referenced. */
struct engine_request {
    const struct engine_message *messages; /* through the model's chat template */
    size_t message_count;
    struct slice tools_json; /* for the template; absent = none */
    struct slice vars_json;  /* further variables of the template; absent = none */
    struct slice prompt;     /* plain text to continue */
    struct slice suffix;     /* text behind the answer, through the model's tokens for filling in;
                              * absent = none; only with `prompt` */
    const uint32_t *tokens;  /* used as they are */
    size_t token_count;

    /* Made of this request before: then none of the texts above are looked at again. Borrowed. */
    const struct engine_prompt *ready;

    struct engine_adapter *adapter; /* of the model; referenced; NULL = none */
    struct engine_sampling sampling;
    const struct slice *dry_breakers; /* texts: tokens that hold one end a sequence; NULL = usual */
    size_t dry_breaker_count;
    struct engine_grammar *grammar; /* NULL = none; else sampling.mask must be none */
    const struct slice *stop; /* texts that end the answer; they are not part of it. What the model
                                     * thinks, and marks, they do not end; texts they do */
    size_t stop_count;
    uint32_t max_tokens; /* 0 = until the context is full */
    enum engine_overflow overflow;
    uint64_t domain; /* cached prefixes are shared only inside one domain */
    uint64_t flow;   /* the queue takes turns between flows */
    /* Higher first, before fairness, and in the place of a lower one that runs, which waits again
     * and goes on where it was. 0 = normal. */
    int32_t priority;
};

enum engine_event_type {
    ENGINE_EVENT_STARTED,  /* left the queue; `text`: see engine_scheduler_markup() */
    ENGINE_EVENT_TEXT,     /* `text`: whole UTF-8 characters; `tokens` behind it */
    ENGINE_EVENT_FINISHED, /* `finish` and final `usage` */
    ENGINE_EVENT_DONE,     /* last event of a generation that went well */
    ENGINE_EVENT_ERROR,    /* last event of one that did not: `error` (CANCELLED after cancel) */
    ENGINE_EVENT_TYPE_COUNT
};

enum engine_finish {
    ENGINE_FINISH_STOP,   /* end token or stop text */
    ENGINE_FINISH_LENGTH, /* max_tokens or context */
    ENGINE_FINISH_COUNT
};

struct engine_usage {
    uint32_t prompt_tokens; /* all of the prompt */
    uint32_t cached_tokens; /* of these, taken from the prefix cache */
    uint32_t output_tokens;
    uint32_t dropped_messages, dropped_tokens; /* left out by the overflow policy */
    bool context_full;                         /* the answer ended because the context was full */
    int64_t queue_ns, prompt_ns, generate_ns;
};

/* Of one token, when asked for. */
struct engine_token_logprobs {
    struct engine_logprob chosen;
    const struct engine_logprob *top; /* most likely first */
    size_t top_count;
};

/* Borrowed for the duration of the callback. */
struct engine_event {
    enum engine_event_type type;
    uint64_t id;
    struct slice text;
    const uint32_t *tokens;
    size_t token_count;
    const struct engine_token_logprobs *logprobs; /* [token_count] or NULL */
    enum engine_finish finish;
    struct engine_usage usage; /* as far as known, in every event */
    const struct base_error *error;
};

/* Called on the scheduler's thread: hand the event over and return at once; calling
 * engine_scheduler_* except _free from inside is allowed. */
struct engine_sink {
    void (*on_event)(void *user, const struct engine_event *event);
    void *user;
};

struct engine_scheduler;

/* Makes session, tokenizer, template and thread; holds a reference to the model. */
enum base_err engine_scheduler_new(struct engine_model *model,
                                   const struct engine_scheduler_options *options,
                                   struct engine_scheduler **ret_sched, struct base_error *reterr);

/* Every generation still there gets ERROR with SHUTTING_DOWN; then the thread ends. Not from
 * inside on_event. */
void engine_scheduler_free(struct engine_scheduler *sched);

/*
 * The prompt of a request, rendered and tokenized: the part of submitting that takes time, 30
 * (llama-bpe) to 350 (SPM) microseconds for each KiB; and the breakers of DRY, looked for in every
 * token, some 45 ms for 32 of them. For threads that must not be held up, and for several answers
 * to one prompt. Any thread; the scheduler must stay meanwhile, but not for free(). Errors as
 * submit.
 */
struct engine_prompt;
enum base_err engine_prompt_new(struct engine_scheduler *sched,
                                const struct engine_request *request,
                                struct engine_prompt **ret_prompt, struct base_error *reterr);
void engine_prompt_free(struct engine_prompt *prompt); /* NULL allowed */

/* Renders and tokenizes on the caller's thread, unless that was done, then queues. After BASE_OK
 * exactly one DONE or ERROR comes for `*ret_id`, perhaps before submit has returned to its caller;
 * after a failure no event does. OVERLOADED: the queue is full (the message has the predicted
 * wait); also as an ERROR event of one that waits, when it gave way to one more urgent or of a flow
 * with fewer in the queue. CONTEXT_LENGTH: the prompt alone is too long (the message has both
 * numbers). */
enum base_err engine_scheduler_submit(struct engine_scheduler *sched,
                                      const struct engine_request *request, struct engine_sink sink,
                                      uint64_t *ret_id, struct base_error *reterr);

/* Ends it within one step; its last event is ERROR with CANCELLED, unless it was over already. An
 * id that is no more is ignored. */
void engine_scheduler_cancel(struct engine_scheduler *sched, uint64_t id);

/* While paused a generation keeps its place and its cache, and computes nothing. */
void engine_scheduler_pause(struct engine_scheduler *sched, uint64_t id);
void engine_scheduler_resume(struct engine_scheduler *sched, uint64_t id);

/* Refuses what comes from now on with SHUTTING_DOWN and waits until all generations are over, at
 * most `timeout_ms`; true if they are. */
bool engine_scheduler_drain(struct engine_scheduler *sched, int64_t timeout_ms);

/* How many tokens the prompt of this request has, its overflow policy applied. Errors as submit. */
enum base_err engine_scheduler_count(struct engine_scheduler *sched,
                                     const struct engine_request *request, uint32_t *ret_tokens,
                                     struct base_error *reterr);

/* How long a request with a prompt of this many tokens, submitted now, would wait for its first
 * token; by the speeds seen so far, 0 when there are none yet. */
int64_t engine_scheduler_wait_ms(struct engine_scheduler *sched, uint32_t prompt_tokens);

struct engine_scheduler_stats {
    uint32_t running, waiting;
    uint32_t kv_tokens, kv_capacity;
    uint64_t prompt_tokens, cached_tokens, output_tokens; /* since the start */
    uint64_t guessed_tokens, right_tokens;                /* ahead; right: they were taken */
    double prompt_tokens_per_s, output_tokens_per_s;      /* recent; 0 = not known yet */
};
void engine_scheduler_stats(struct engine_scheduler *sched, struct engine_scheduler_stats *ret);

/* Does the model's file name the tokens for filling in? Without them a suffix is UNSUPPORTED. */
bool engine_scheduler_can_infill(const struct engine_scheduler *sched);

/* Borrowed; they live as long as the scheduler. The template is NULL when the model has none. */
const struct engine_tokenizer *engine_scheduler_tokenizer(const struct engine_scheduler *sched);
const struct engine_template *engine_scheduler_template(const struct engine_scheduler *sched);

/* --- What comes next, and where it plugs in -----------------------------------------------------
 *
 * Nothing below exists yet; each addition leaves the calls above as they are.
 *
 * Many answers are as many requests: of one domain they share the prompt.
 * More weight types: rows of the format table (format.c) and, for speed, of the kernel tables. More
 *     architectures: rows of arch.c.
 */

#endif
