/* The one table that the parser, `hearth schema` and docs/configuration.md share. */
#include "gateway/config/file.h"

/* ---- numbers: every one that becomes a size or money is bounded ---- */

#define COUNT_TO(most)                                                                             \
    {                                                                                              \
        .kind = DOC_KIND_INT, .size = sizeof(int64_t), .max = (most)                               \
    }
static const struct doc_type count_threads = COUNT_TO(256);
static const struct doc_type count_guesses = COUNT_TO(16);
static const struct doc_type count_sequences = COUNT_TO(1024);
static const struct doc_type count_queue = COUNT_TO(1 << 20);
static const struct doc_type count_tokens = COUNT_TO(1 << 24);
static const struct doc_type count_entries = COUNT_TO(1 << 27);
static const struct doc_type body_size = {
    .kind = DOC_KIND_BYTES, .size = sizeof(int64_t), .min = 1 << 10, .max = 1 << 30};
static const struct doc_type usd = {
    .kind = DOC_KIND_DOUBLE, .size = sizeof(double), .max = 1000000};
static const struct doc_type pace = {
    .kind = DOC_KIND_DOUBLE, .size = sizeof(double), .max = 1000000};

/* ---- words ---- */

static const struct doc_word level_words[] = {
    {"public", POLICY_LEVEL_PUBLIC, "may be seen by anybody"},
    {"internal", POLICY_LEVEL_INTERNAL, "the organisation and its providers"},
    {"confidential", POLICY_LEVEL_CONFIDENTIAL, "the organisation's own machines"},
    {"restricted", POLICY_LEVEL_RESTRICTED, "this machine"},
    {0}};
static const struct doc_type level = {
    .kind = DOC_KIND_ENUM, .size = sizeof(int), .name = "level", .words = level_words};

static const struct doc_word zone_words[] = {
    {"device", POLICY_ZONE_DEVICE, "this process"},
    {"premises", POLICY_ZONE_PREMISES, "a machine of your own"},
    {"cloud", POLICY_ZONE_CLOUD, "a provider"},
    {0}};
static const struct doc_type zone = {
    .kind = DOC_KIND_ENUM, .size = sizeof(int), .name = "zone", .words = zone_words};
static const struct doc_type zones = {
    .kind = DOC_KIND_LIST, .size = sizeof(struct doc_list), .item = &zone, .single = true};

static const struct doc_word objective_words[] = {
    {"cost", ROUTER_OBJECTIVE_COST, "the cheapest that is able and quick enough"},
    {"latency", ROUTER_OBJECTIVE_LATENCY, "the quickest that is able"},
    {"quality", ROUTER_OBJECTIVE_QUALITY, "the most capable"},
    {0}};
static const struct doc_type objective = {
    .kind = DOC_KIND_ENUM, .size = sizeof(int), .name = "objective", .words = objective_words};

static const struct doc_word feature_words[] = {{"tools", CHAT_NEED_TOOLS, NULL},
                                                {"images", CHAT_NEED_IMAGES, NULL},
                                                {"audio", CHAT_NEED_AUDIO, NULL},
                                                {"documents", CHAT_NEED_DOCUMENTS, NULL},
                                                {"json_object", CHAT_NEED_JSON_OBJECT, NULL},
                                                {"json_schema", CHAT_NEED_JSON_SCHEMA, NULL},
                                                {"logprobs", CHAT_NEED_LOGPROBS, NULL},
                                                {"many", CHAT_NEED_MANY, "n above 1"},
                                                {"reasoning", CHAT_NEED_REASONING, NULL},
                                                {0}};
static const struct doc_type feature = {
    .kind = DOC_KIND_ENUM, .size = sizeof(int), .name = "feature", .words = feature_words};
static const struct doc_type features = {
    .kind = DOC_KIND_LIST, .size = sizeof(struct doc_list), .item = &feature};

#define X(name, text, tokens) {text, ROUTER_TASK_##name, NULL},
static const struct doc_word task_words[] = {ROUTER_TASKS(X){0}};
#undef X
static const struct doc_type task = {
    .kind = DOC_KIND_ENUM, .size = sizeof(int), .name = "task", .words = task_words};

/* ---- capability ---- */

static const struct doc_type per_task = {
    .kind = DOC_KIND_MAP, .size = sizeof(struct doc_map), .item = &doc_type_ratio, .key = &task};
static const struct doc_field capability_forms[] = {
    DOC_FORM(struct file_capability, all, doc_type_ratio),
    DOC_FORM(struct file_capability, per_task, per_task),
    {0}};
static const struct doc_type capability = {.kind = DOC_KIND_ONE_OF,
                                           .size = sizeof(struct file_capability),
                                           .name = "capability",
                                           .fields = capability_forms,
                                           .tag = DOC_AT(struct file_capability, form)};

/* ---- engine ---- */

static const struct doc_word kv_words[] = {
    {"f16", ENGINE_KV_F16, "half precision"},
    {"q8_0", ENGINE_KV_Q8_0, "8 bits: about half the memory, answers hardly differ"},
    {"f32", ENGINE_KV_F32, "single precision: twice the memory"},
    {0}};
static const struct doc_type kv = {
    .kind = DOC_KIND_ENUM, .size = sizeof(int), .name = "type of the KV cache", .words = kv_words};
static const struct doc_word overflow_words[] = {
    {"stop", ENGINE_OVERFLOW_STOP, "a longer prompt is refused, an answer ends there"},
    {"truncate_middle", ENGINE_OVERFLOW_TRUNCATE_MIDDLE,
     "system messages and the first of a user stay, what comes behind them goes"},
    {"rolling_window", ENGINE_OVERFLOW_ROLLING_WINDOW,
     "system messages stay, the oldest behind them go"},
    {0}};
static const struct doc_type overflow = {.kind = DOC_KIND_ENUM,
                                         .size = sizeof(int),
                                         .name = "overflow of the context",
                                         .words = overflow_words};
struct file_speculation {
    int64_t tokens;
    struct slice draft;
};
static const struct doc_field speculation_fields[] = {
    DOC_FIELD(struct file_speculation, tokens, "tokens", count_guesses, .fallback = "8",
              .doc = "most tokens guessed at once; 0: none"),
    DOC_FIELD(struct file_speculation, draft, "draft", doc_type_string,
              .doc = "GGUF file of a small model with the same vocabulary, which guesses; without "
                     "it only what stood in the text before is guessed",
              .example = "draft-135m.gguf"),
    {0}};
static const struct doc_type speculation = {
    .kind = DOC_KIND_OBJECT,
    .size = sizeof(struct file_speculation),
    .name = "speculation",
    .doc = "Guesses ahead, verified by the model: answers are the same, only quicker. Made where "
           "they save time.",
    .fields = speculation_fields};
enum { LOAD_AT_START, LOAD_ON_DEMAND };
static const struct doc_word load_words[] = {
    {"start", LOAD_AT_START, "when Hearth starts; it stays"},
    {"on_demand", LOAD_ON_DEMAND, "when a request comes; it goes when idle, or for another model"},
    {0}};
static const struct doc_type load = {
    .kind = DOC_KIND_ENUM, .size = sizeof(int), .name = "when to load", .words = load_words};
static const struct doc_field engine_adapter_fields[] = {
    DOC_FIELD(struct file_engine_adapter, name, "name", doc_type_name, .required = true,
              .doc = "the target, and the model that clients may ask for, is called MODEL:NAME",
              .example = "contracts"),
    DOC_FIELD(struct file_engine_adapter, path, "path", doc_type_text, .required = true,
              .doc = "GGUF file of the adapter, relative to this file",
              .example = "contracts-lora.gguf"),
    DOC_FIELD(struct file_engine_adapter, capability, "capability", capability, .fallback = "0",
              .doc = "highest complexity that it answers well; 0: it is taken only when asked for"),
    {0}};
static const struct doc_type engine_adapter = {.kind = DOC_KIND_OBJECT,
                                               .size = sizeof(struct file_engine_adapter),
                                               .name = "adapter",
                                               .doc = "A LoRA adapter: a small file that changes a "
                                                      "model. Adapters come and go with a reload.",
                                               .fields = engine_adapter_fields};
static const struct doc_type engine_adapters = {
    .kind = DOC_KIND_LIST, .size = sizeof(struct doc_list), .item = &engine_adapter, .max = 1024};
static const struct doc_field engine_model_fields[] = {
    DOC_FIELD(struct file_engine_model, name, "name", doc_type_name, .required = true,
              .doc = "name of the target, and of the model that clients may ask for",
              .example = "demo"),
    DOC_FIELD(struct file_engine_model, path, "path", doc_type_text, .required = true,
              .doc = "GGUF file, relative to this file", .example = "demo.gguf"),
    DOC_FIELD(struct file_engine_model, context, "context", count_tokens, .fallback = "0",
              .doc = "tokens of one request, prompt and answer; 0: what the model was made for, at "
                     "most 4096"),
    DOC_FIELD(struct file_engine_model, overflow, "overflow", overflow, .fallback = "stop",
              .doc = "what happens when prompt and answer outgrow `context`"),
    DOC_FIELD(struct file_engine_model, sequences, "sequences", count_sequences, .fallback = "4",
              .doc = "answers computed at the same time"),
    DOC_FIELD(struct file_engine_model, kv_cache, "kv_cache", kv, .fallback = "f16",
              .doc = "numbers of the cache of what was read so far"),
    DOC_FIELD(struct file_engine_model, speculation, "speculation", speculation,
              .doc = "guesses ahead of an answer"),
    DOC_FIELD(struct file_engine_model, load, "load", load, .fallback = "start",
              .doc = "when it comes into memory"),
    DOC_FIELD(struct file_engine_model, idle_ms, "idle", doc_type_duration, .fallback = "10m",
              .doc = "on demand: without a request for so long it leaves memory; 0: it stays until "
                     "another model needs the room"),
    DOC_FIELD(struct file_engine_model, adapters, "adapters", engine_adapters,
              .doc = "LoRA adapters, each a target; requests with different ones are computed "
                     "together",
              .example = "[{name: contracts, path: contracts-lora.gguf}]"),
    DOC_FIELD(struct file_engine_model, threads, "threads", count_threads, .fallback = "0",
              .doc = "compute threads; 0: one less than the cores, at least 1"),
    DOC_FIELD(struct file_engine_model, queue, "queue", count_queue, .fallback = "64",
              .doc = "answers that may wait; more are refused with 503"),
    DOC_FIELD(struct file_engine_model, capability, "capability", capability, .fallback = "0.3",
              .doc = "highest complexity that it answers well, for all tasks or per task (tasks "
                     "not named: 0)",
              .example = "{classification: 0.4, chat: 0.1}"),
    DOC_FIELD(struct file_engine_model, clearance, "clearance", level, .fallback = "restricted",
              .doc = "highest level that it may see"),
    DOC_FIELD(struct file_engine_model, usd_per_hour, "usd_per_hour", usd, .fallback = "0.05",
              .doc = "what an hour of this machine costs; a local second is not free"),
    {0}};
static const struct doc_type engine_model = {.kind = DOC_KIND_OBJECT,
                                             .size = sizeof(struct file_engine_model),
                                             .name = "engine model",
                                             .doc = "A model that this process loads and runs.",
                                             .fields = engine_model_fields};
static const struct doc_type engine_models = {
    .kind = DOC_KIND_LIST, .size = sizeof(struct doc_list), .item = &engine_model};
struct file_engine {
    DOC_LIST_OF(struct file_engine_model) models;
    int64_t memory;
};
static const struct doc_field engine_fields[] = {
    DOC_FIELD(struct file_engine, models, "models", engine_models,
              .doc = "models to load, each a target"),
    DOC_FIELD(struct file_engine, memory, "memory", doc_type_bytes, .fallback = "0",
              .doc =
                  "what loaded models may take together, weights and caches; to make room, those "
                  "loaded on demand go, the one idle for longest first; 0: each load is checked "
                  "against what the system has",
              .example = "8G"),
    {0}};
static const struct doc_type engine = {.kind = DOC_KIND_OBJECT,
                                       .size = sizeof(struct file_engine),
                                       .name = "engine",
                                       .doc = "The engine inside the process.",
                                       .fields = engine_fields};

/* ---- upstreams ---- */

static const struct doc_type optional_usd = {
    .kind = DOC_KIND_POINTER, .size = sizeof(void *), .item = &usd};
static const struct doc_field price_fields[] = {
    DOC_FIELD(struct file_prices, input, "input", usd, .required = true,
              .doc = "USD per million input tokens"),
    DOC_FIELD(struct file_prices, output, "output", usd, .required = true,
              .doc = "USD per million output tokens"),
    DOC_FIELD(
        struct file_prices, cache_read, "cache_read", optional_usd,
        .doc = "USD per million input tokens read from the provider's cache; without it: as input"),
    DOC_FIELD(struct file_prices, cache_write, "cache_write", optional_usd,
              .doc = "USD per million tokens written to the cache for 5 minutes; without it and "
                     "with such tokens the cost is unknown"),
    DOC_FIELD(struct file_prices, cache_write_1h, "cache_write_1h", optional_usd,
              .doc = "the same, for an hour"),
    DOC_FIELD(struct file_prices, reasoning, "reasoning", optional_usd,
              .doc = "USD per million reasoning tokens; without it: as output"),
    DOC_FIELD(struct file_prices, per_request, "per_request", usd, .fallback = "0",
              .doc = "USD per request"),
    DOC_FIELD(struct file_prices, date, "date", doc_type_string,
              .doc = "since when; kept with every attempt", .example = "\"2026-01-31\""),
    {0}};
static const struct doc_type prices = {
    .kind = DOC_KIND_OBJECT,
    .size = sizeof(struct file_prices),
    .name = "prices",
    .doc = "What a model costs. Without prices the cost is unknown, which is never counted as 0.",
    .fields = price_fields};
static const struct doc_type optional_prices = {
    .kind = DOC_KIND_POINTER, .size = sizeof(void *), .item = &prices};

static const struct doc_field upstream_model_fields[] = {
    DOC_FIELD(struct file_upstream_model, name, "name", doc_type_name, .required = true,
              .doc = "the target is called UPSTREAM/NAME", .example = "gpt-x"),
    DOC_FIELD(struct file_upstream_model, upstream_name, "upstream_name", doc_type_string,
              .doc = "what the server calls it; without it: the name"),
    DOC_FIELD(struct file_upstream_model, capability, "capability", capability, .fallback = "0.5",
              .doc = "highest complexity that it answers well, for all tasks or per task",
              .example = "0.7"),
    DOC_FIELD(struct file_upstream_model, features, "features", features,
              .given = DOC_AT(struct file_upstream_model, features_given),
              .doc = "what it is equipped for; without it: everything but audio and documents"),
    DOC_FIELD(struct file_upstream_model, context, "context", doc_type_count, .fallback = "0",
              .doc = "tokens of prompt and answer together; 0: unknown, taken as large enough"),
    DOC_FIELD(struct file_upstream_model, max_output, "max_output", doc_type_count, .fallback = "0",
              .doc = "most tokens of an answer; 0: unknown"),
    DOC_FIELD(struct file_upstream_model, prices, "prices", optional_prices, .doc = "what it costs",
              .example = "{input: 0.15, output: 0.6}"),
    {0}};
static const struct doc_type upstream_model = {.kind = DOC_KIND_OBJECT,
                                               .size = sizeof(struct file_upstream_model),
                                               .name = "upstream model",
                                               .fields = upstream_model_fields,
                                               .shorthand = "name"};
static const struct doc_type upstream_models = {.kind = DOC_KIND_LIST,
                                                .size = sizeof(struct doc_list),
                                                .item = &upstream_model,
                                                .min = 1,
                                                .max = 1024};

static const struct doc_field deadline_fields[] = {
    DOC_FIELD(struct file_deadlines, connect_ms, "connect", doc_type_duration, .fallback = "10s",
              .doc = "until connected"),
    DOC_FIELD(struct file_deadlines, first_byte_ms, "first_byte", doc_type_duration,
              .fallback = "120s", .doc = "from the request sent to the first piece of the answer"),
    DOC_FIELD(struct file_deadlines, idle_ms, "idle", doc_type_duration, .fallback = "60s",
              .doc = "between two pieces"),
    DOC_FIELD(struct file_deadlines, total_ms, "total", doc_type_duration, .fallback = "30m",
              .doc = "for the whole answer"),
    {0}};
static const struct doc_type deadlines = {.kind = DOC_KIND_OBJECT,
                                          .size = sizeof(struct file_deadlines),
                                          .name = "deadlines",
                                          .fields = deadline_fields};

static const struct doc_field upstream_fields[] = {
    DOC_FIELD(struct file_upstream, name, "name", doc_type_name, .required = true,
              .doc = "first half of its targets' names", .example = "openai"),
    DOC_FIELD(
        struct file_upstream, kind, "kind", doc_type_name, .required = true,
        .doc =
            "the dialect and habits of the server: openai, vllm, llama.cpp, ollama, lmstudio, ...",
        .example = "openai"),
    DOC_FIELD(struct file_upstream, urls, "url", doc_type_string_or_list,
              .doc = "where it is, up to and including /v1; several are replicas of the same "
                     "thing; without it: the kind's own",
              .example = "http://10.0.0.5:8000/v1"),
    DOC_FIELD(struct file_upstream, keys, "key", doc_type_string_or_list,
              .doc = "env:NAME or file:PATH, never the key itself; two make it possible to change "
                     "keys without a gap",
              .example = "env:OPENAI_API_KEY"),
    DOC_FIELD(struct file_upstream, zone, "zone", zone,
              .given = DOC_AT(struct file_upstream, zone_given),
              .doc = "where it is; without it: what the kind suggests"),
    DOC_FIELD(struct file_upstream, clearance, "clearance", level,
              .given = DOC_AT(struct file_upstream, clearance_given),
              .doc = "highest level that it may see; without it: cloud internal, premises "
                     "confidential, device restricted"),
    DOC_FIELD(struct file_upstream, addresses, "address", doc_type_string_or_list,
              .doc = "address ranges it may be reached at, checked at every connection",
              .example = "10.0.0.0/8"),
    DOC_FIELD(struct file_upstream, ca_file, "ca_file", doc_type_string,
              .doc = "PEM file to verify its certificate against, relative to the configuration; "
                     "without it: the system's"),
    DOC_FIELD(struct file_upstream, deadlines, "deadlines", deadlines,
              .doc = "how long to wait for what"),
    DOC_FIELD(struct file_upstream, max_concurrent, "max_concurrent", doc_type_count,
              .fallback = "0", .doc = "requests at once; 0: no limit"),
    DOC_FIELD(struct file_upstream, models, "models", upstream_models, .required = true,
              .doc = "its models, each a target", .example = "[{name: gpt-x, capability: 0.95}]"),
    {0}};
static const struct doc_type upstream = {.kind = DOC_KIND_OBJECT,
                                         .size = sizeof(struct file_upstream),
                                         .name = "upstream",
                                         .doc = "A provider, or a server on the premises.",
                                         .fields = upstream_fields,
                                         .where = DOC_AT(struct file_upstream, where)};
static const struct doc_type upstreams = {
    .kind = DOC_KIND_LIST, .size = sizeof(struct doc_list), .item = &upstream};

/* ---- policy ---- */

static const struct doc_type level_map = {
    .kind = DOC_KIND_MAP, .size = sizeof(struct doc_map), .item = &level};
static const struct doc_field dictionary_fields[] = {
    DOC_FIELD(struct file_dictionary, name, "name", doc_type_name, .required = true,
              .doc = "name of its findings", .example = "code-names"),
    DOC_FIELD(struct file_dictionary, words, "words", doc_type_strings,
              .doc = "the words; case, spaces and dashes are alike"),
    DOC_FIELD(struct file_dictionary, file, "file", doc_type_string,
              .doc = "or a file with one a line", .example = "names.txt"),
    DOC_FIELD(struct file_dictionary, level, "level", level, .fallback = "confidential",
              .doc = "level of a text that holds one"),
    {0}};
static const struct doc_type dictionary = {.kind = DOC_KIND_OBJECT,
                                           .size = sizeof(struct file_dictionary),
                                           .name = "dictionary",
                                           .fields = dictionary_fields,
                                           .where = DOC_AT(struct file_dictionary, where)};
static const struct doc_type dictionaries = {
    .kind = DOC_KIND_LIST, .size = sizeof(struct doc_list), .item = &dictionary};

static const struct doc_field pattern_fields[] = {
    DOC_FIELD(struct file_pattern, name, "name", doc_type_name, .required = true,
              .doc = "name of its findings", .example = "ticket"),
    DOC_FIELD(struct file_pattern, regex, "regex", doc_type_text, .required = true,
              .doc = "matched in linear time: no back-references, no look-around",
              .example = "'\\bTCK-[0-9]{6}\\b'"),
    DOC_FIELD(struct file_pattern, level, "level", level, .fallback = "confidential",
              .doc = "level of a text that matches"),
    {0}};
static const struct doc_type pattern = {.kind = DOC_KIND_OBJECT,
                                        .size = sizeof(struct file_pattern),
                                        .name = "pattern",
                                        .fields = pattern_fields};
static const struct doc_type patterns = {
    .kind = DOC_KIND_LIST, .size = sizeof(struct doc_list), .item = &pattern};

static const struct doc_field policy_fields[] = {
    DOC_FIELD(struct file_policy, default_level, "default", level, .fallback = "internal",
              .doc = "a text in which nothing was found"),
    DOC_FIELD(struct file_policy, uninspected, "uninspected", level, .fallback = "confidential",
              .doc = "what cannot be read: images, audio, files, a scan that failed"),
    DOC_FIELD(struct file_policy, levels, "levels", level_map,
              .doc = "level of a finding type or of a group (pii, secrets, financial, health)",
              .example = "{health: restricted}"),
    DOC_FIELD(struct file_policy, dictionaries, "dictionaries", dictionaries,
              .doc = "words of your own"),
    DOC_FIELD(struct file_policy, patterns, "patterns", patterns, .doc = "patterns of your own"),
    DOC_FIELD(struct file_policy, memory_ttl_ms, "memory_ttl", doc_type_duration, .fallback = "30d",
              .doc = "how long the level of a message is remembered, so that later turns of its "
                     "conversation carry it"),
    DOC_FIELD(struct file_policy, memory_entries, "memory_entries", count_entries,
              .fallback = "262144", .doc = "messages remembered at most, 32 bytes each"),
    {0}};
static const struct doc_type policy = {.kind = DOC_KIND_OBJECT,
                                       .size = sizeof(struct file_policy),
                                       .name = "policy",
                                       .doc = "What counts as private.",
                                       .fields = policy_fields,
                                       .where = DOC_AT(struct file_policy, where)};

/* ---- rules ---- */

static const struct doc_field target_set_fields[] = {
    DOC_FIELD(struct file_target_set, zones, "zone", zones, .doc = "all targets of these zones",
              .example = "[device, premises]"),
    DOC_FIELD(struct file_target_set, targets, "target", doc_type_string_or_list,
              .doc = "these targets", .example = "openai/gpt-x"),
    {0}};
static const struct doc_type target_set = {.kind = DOC_KIND_OBJECT,
                                           .size = sizeof(struct file_target_set),
                                           .name = "targets of a rule",
                                           .fields = target_set_fields};
static const struct doc_field raise_fields[] = {
    DOC_FIELD(struct file_raise, sensitivity, "sensitivity", level,
              .given = DOC_AT(struct file_raise, sensitivity_given),
              .doc = "to at least this level; never lowers"),
    DOC_FIELD(struct file_raise, complexity, "complexity", doc_type_ratio,
              .given = DOC_AT(struct file_raise, complexity_given), .doc = "to at least this rank"),
    {0}};
static const struct doc_type raise_type = {.kind = DOC_KIND_OBJECT,
                                           .size = sizeof(struct file_raise),
                                           .name = "raise",
                                           .fields = raise_fields};
static const struct doc_field refuse_forms[] = {
    DOC_FORM(struct file_refuse, yes, doc_type_bool),
    DOC_FORM(struct file_refuse, message, doc_type_string),
    {0}};
static const struct doc_type refuse = {.kind = DOC_KIND_ONE_OF,
                                       .size = sizeof(struct file_refuse),
                                       .name = "refuse",
                                       .fields = refuse_forms,
                                       .tag = DOC_AT(struct file_refuse, form)};
static const struct doc_type when = {.kind = DOC_KIND_CUSTOM,
                                     .size = sizeof(struct router_condition),
                                     .name = "condition",
                                     .parse = file_parse_when,
                                     .json_schema = file_when_json_schema};
static const struct doc_field rule_fields[] = {
    DOC_FIELD(struct file_rule, name, "name", doc_type_name, .required = true,
              .doc = "shown in headers, ledger and explanations", .example = "contracts-stay"),
    DOC_FIELD(struct file_rule, when, "when", when,
              .doc = "what must hold (see [condition](#condition)); without it: always",
              .example = "{task: code, prompt_tokens: {over: 2000}}"),
    DOC_FIELD(struct file_rule, raise, "raise", raise_type,
              .doc = "raises the request's level or complexity",
              .example = "{sensitivity: restricted}"),
    DOC_FIELD(struct file_rule, only, "only", target_set, .doc = "nothing else may serve"),
    DOC_FIELD(struct file_rule, avoid, "avoid", target_set,
              .doc = "only when nothing else may serve"),
    DOC_FIELD(struct file_rule, prefer, "prefer", target_set,
              .doc = "before cheaper ones that are equally able"),
    DOC_FIELD(struct file_rule, pin, "pin", doc_type_string, .doc = "this target and no other"),
    DOC_FIELD(struct file_rule, refuse, "refuse", refuse,
              .doc = "answer 403; a text is the message",
              .example = "\"not through this gateway\""),
    DOC_FIELD(struct file_rule, objective, "objective", objective,
              .given = DOC_AT(struct file_rule, objective_given),
              .doc = "what is least among the targets that may serve"),
    DOC_FIELD(struct file_rule, max_cost_usd, "max_cost", usd,
              .given = DOC_AT(struct file_rule, max_cost_given),
              .doc = "most that one request may be expected to cost, in USD"),
    DOC_FIELD(struct file_rule, final, "final", doc_type_bool, .fallback = "false",
              .doc = "later rules have no routing effects; raises still apply"),
    {0}};
static const struct doc_type rule = {.kind = DOC_KIND_OBJECT,
                                     .size = sizeof(struct file_rule),
                                     .name = "rule",
                                     .doc = "All rules that match apply, in order.",
                                     .fields = rule_fields};
static const struct doc_type rules = {
    .kind = DOC_KIND_LIST, .size = sizeof(struct doc_list), .item = &rule};

/* ---- tests ---- */

static const struct doc_field over_under_fields[] = {
    DOC_FIELD(struct file_over_under, over, "over", doc_type_number, .fallback = "-1",
              .doc = "more than this"),
    DOC_FIELD(struct file_over_under, under, "under", doc_type_number, .fallback = "-1",
              .doc = "less than this"),
    {0}};
static const struct doc_type over_under = {.kind = DOC_KIND_OBJECT,
                                           .size = sizeof(struct file_over_under),
                                           .name = "range",
                                           .fields = over_under_fields};
static const struct doc_field expect_not_fields[] = {
    DOC_FIELD(struct file_expect_not, zones, "zone", zones, .doc = "it must not go to these zones"),
    DOC_FIELD(struct file_expect_not, target, "target", doc_type_string,
              .doc = "nor to this target"),
    {0}};
static const struct doc_type expect_not = {.kind = DOC_KIND_OBJECT,
                                           .size = sizeof(struct file_expect_not),
                                           .name = "what must not be",
                                           .fields = expect_not_fields};
static const struct doc_field expect_fields[] = {
    DOC_FIELD(struct file_expect, zones, "zone", zones, .doc = "it must go to one of these zones"),
    DOC_FIELD(struct file_expect, target, "target", doc_type_string,
              .doc = "it must go to this target"),
    DOC_FIELD(struct file_expect, level, "level", level,
              .given = DOC_AT(struct file_expect, level_given), .doc = "it must have this level"),
    DOC_FIELD(struct file_expect, complexity, "complexity", over_under, .doc = "its complexity"),
    DOC_FIELD(struct file_expect, not, "not", expect_not, .doc = "what must not be",
              .example = "{zone: cloud}"),
    {0}};
static const struct doc_type expect = {.kind = DOC_KIND_OBJECT,
                                       .size = sizeof(struct file_expect),
                                       .name = "expectation",
                                       .fields = expect_fields};
static const struct doc_field test_fields[] = {
    DOC_FIELD(struct file_test, say, "say", doc_type_text, .required = true,
              .doc = "a user's message", .example = "\"please translate this\""),
    DOC_FIELD(struct file_test, expect, "expect", expect, .doc = "what must come of it"),
    {0}};
static const struct doc_type test = {.kind = DOC_KIND_OBJECT,
                                     .size = sizeof(struct file_test),
                                     .where = DOC_AT(struct file_test, where),
                                     .name = "test",
                                     .doc = "Run at every load. Zone, level and target tests "
                                            "refuse the file; complexity tests refuse a "
                                            "reload and warn at the start.",
                                     .fields = test_fields};
static const struct doc_type tests = {
    .kind = DOC_KIND_LIST, .size = sizeof(struct doc_list), .item = &test};

/* ---- models and pipelines ---- */

static const struct doc_field model_fields[] = {
    DOC_FIELD(struct file_model, route, "route", doc_type_string,
              .doc = "the same as another name here", .example = "auto"),
    DOC_FIELD(struct file_model, targets, "targets", doc_type_string_or_list,
              .doc = "only these targets; without it: all"),
    DOC_FIELD(struct file_model, pipeline, "pipeline", doc_type_string,
              .doc = "answered by this pipeline"),
    DOC_FIELD(struct file_model, deadline_ms, "deadline", doc_type_duration, .fallback = "0",
              .doc = "to the first token; 0: the general one"),
    DOC_FIELD(struct file_model, objective, "objective", objective,
              .given = DOC_AT(struct file_model, objective_given),
              .doc = "what is least among the targets that may serve"),
    {0}};
static const struct doc_type model = {.kind = DOC_KIND_OBJECT,
                                      .size = sizeof(struct file_model),
                                      .name = "model",
                                      .doc =
                                          "A name that clients ask for, beside each target's own.",
                                      .fields = model_fields,
                                      .where = DOC_AT(struct file_model, where)};
static const struct doc_type models = {
    .kind = DOC_KIND_MAP, .size = sizeof(struct doc_map), .item = &model};

struct file_step_bound {
    struct slice route;
    double max_complexity;
};
static const struct doc_field step_bound_fields[] = {
    DOC_FIELD(struct file_step_bound, route, "route", doc_type_string, .fallback = "auto",
              .doc = "a name under models, or a target"),
    DOC_FIELD(struct file_step_bound, max_complexity, "max_complexity", doc_type_ratio,
              .fallback = "1",
              .doc = "the step is never harder than this, so a cheaper target is able"),
    {0}};
static const struct doc_type step_bound = {.kind = DOC_KIND_OBJECT,
                                           .size = sizeof(struct file_step_bound),
                                           .name = "target of a step",
                                           .fields = step_bound_fields};
static const struct doc_field step_target_forms[] = {
    DOC_FORM(struct file_step_target, name, doc_type_string),
    DOC_FORM(struct file_step_target, bound, step_bound),
    {0}};
static const struct doc_type step_target = {.kind = DOC_KIND_ONE_OF,
                                            .size = sizeof(struct file_step_target),
                                            .name = "target of a step",
                                            .fields = step_target_forms,
                                            .tag = DOC_AT(struct file_step_target, form)};
struct file_output {
    DOC_LIST_OF(struct slice) words;
};
static const struct doc_field output_fields[] = {
    DOC_FIELD(struct file_output, words, "enum", doc_type_strings,
              .doc = "the answer must be one of these words"),
    {0}};
static const struct doc_type output = {.kind = DOC_KIND_OBJECT,
                                       .size = sizeof(struct file_output),
                                       .name = "output of a step",
                                       .fields = output_fields};
static const struct doc_type step_when = {.kind = DOC_KIND_MAP,
                                          .size = sizeof(struct doc_map),
                                          .item = &doc_type_string,
                                          .min = 0,
                                          .max = 1};
static const struct doc_field step_fields[] = {
    DOC_FIELD(struct file_step, id, "id", doc_type_name, .required = true,
              .doc = "its answer is known to later steps by this name", .example = "triage"),
    DOC_FIELD(struct file_step, prompt, "prompt", doc_type_text, .required = true,
              .doc = "template over `input` (the user's last ask) and earlier steps",
              .example = "\"Classify: {{ input }}\""),
    DOC_FIELD(struct file_step, system, "system", doc_type_string,
              .doc = "template of a system message"),
    DOC_FIELD(struct file_step, target, "target", step_target, .fallback = "auto",
              .doc = "a name under models, a target, or auto", .example = "{max_complexity: 0.3}"),
    DOC_FIELD(struct file_step, output, "output", output, .doc = "what the answer must look like",
              .example = "{enum: [billing, bug, other]}"),
    DOC_FIELD(struct file_step, when, "when", step_when,
              .doc = "runs only if that earlier step answered this", .example = "{triage: bug}"),
    DOC_FIELD(struct file_step, max_tokens, "max_tokens", doc_type_count, .fallback = "0",
              .doc = "most tokens of its answer; 0: no limit of its own"),
    DOC_FIELD(struct file_step, level, "level", level, .fallback = "public",
              .doc = "its content is at least this sensitive"),
    DOC_FIELD(struct file_step, stream, "stream", doc_type_bool, .fallback = "true",
              .doc = "the last step's answer is passed on as it comes"),
    {0}};
static const struct doc_type step = {.kind = DOC_KIND_OBJECT,
                                     .size = sizeof(struct file_step),
                                     .name = "step",
                                     .fields = step_fields};
static const struct doc_type steps = {
    .kind = DOC_KIND_LIST, .size = sizeof(struct doc_list), .item = &step, .min = 1, .max = 64};
static const struct doc_field pipeline_fields[] = {
    DOC_FIELD(struct file_pipeline, name, "name", doc_type_name, .required = true,
              .doc = "name for `models`", .example = "triage-then-answer"),
    DOC_FIELD(struct file_pipeline, steps, "steps", steps, .required = true, .doc = "in order",
              .example = "[{id: answer, prompt: \"{{ input }}\"}]"),
    {0}};
static const struct doc_type pipeline = {
    .kind = DOC_KIND_OBJECT,
    .size = sizeof(struct file_pipeline),
    .name = "pipeline",
    .doc = "One request answered in several steps. Labels are carried from step to step.",
    .fields = pipeline_fields};
static const struct doc_type pipelines = {
    .kind = DOC_KIND_LIST, .size = sizeof(struct doc_list), .item = &pipeline};

/* ---- tenants ---- */

static const struct doc_word priority_words[] = {
    {"low", -1, "only when nobody else waits; gives way in the middle of an answer"},
    {"normal", 0, NULL},
    {"high", 1, "before all others"},
    {0}};
static const struct doc_type priority = {
    .kind = DOC_KIND_ENUM, .size = sizeof(int), .name = "priority", .words = priority_words};
static const struct doc_field tenant_fields[] = {
    DOC_FIELD(struct file_tenant, name, "name", doc_type_name, .required = true,
              .doc = "as given to `hearth keys add`", .example = "interns"),
    DOC_FIELD(struct file_tenant, groups, "groups", doc_type_string_or_list,
              .doc = "for `key_group` in rules"),
    DOC_FIELD(struct file_tenant, models, "models", doc_type_string_or_list,
              .doc = "names that its keys may use; without it: all"),
    DOC_FIELD(struct file_tenant, objective, "objective", objective,
              .given = DOC_AT(struct file_tenant, objective_given),
              .doc = "what is least among the targets that may serve"),
    DOC_FIELD(struct file_tenant, may_pin, "may_pin", doc_type_bool, .fallback = "false",
              .doc = "x-hearth-target is obeyed; a tenant that is not listed may not either"),
    DOC_FIELD(struct file_tenant, priority, "priority", priority, .fallback = "normal",
              .doc = "of its requests in the queues of engine models; equals take turns"),
    {0}};
static const struct doc_type tenant = {.kind = DOC_KIND_OBJECT,
                                       .size = sizeof(struct file_tenant),
                                       .name = "tenant",
                                       .fields = tenant_fields};
static const struct doc_type tenants = {
    .kind = DOC_KIND_LIST, .size = sizeof(struct doc_list), .item = &tenant};

/* ---- the whole ---- */

struct file_tls {
    struct slice cert, key;
};
static const struct doc_field tls_fields[] = {
    DOC_FIELD(struct file_tls, cert, "cert", doc_type_string,
              .doc = "PEM file with the chain, relative to this file"),
    DOC_FIELD(struct file_tls, key, "key", doc_type_string,
              .doc = "PEM file with the private key, relative to this file"),
    {0}};
static const struct doc_type tls = {
    .kind = DOC_KIND_OBJECT, .size = sizeof(struct file_tls), .name = "tls", .fields = tls_fields};
struct file_unknown {
    double complexity;
};
static const struct doc_field unknown_fields[] = {
    DOC_FIELD(struct file_unknown, complexity, "complexity", doc_type_ratio, .fallback = "0.6",
              .doc = "what a request gets that gives the scorer nothing to go by"),
    {0}};
static const struct doc_type unknown = {.kind = DOC_KIND_OBJECT,
                                        .size = sizeof(struct file_unknown),
                                        .name = "unknown",
                                        .fields = unknown_fields};

static const struct doc_word auth_words[] = {
    {"keys", 0, "keys are demanded once there are any; without any, only loopback is served"},
    {"none", 1, "nobody needs a key; who sends one that is known is its tenant"},
    {0}};
static const struct doc_type auth = {
    .kind = DOC_KIND_ENUM, .size = sizeof(int), .name = "auth", .words = auth_words};
static const struct doc_word header_words[] = {
    {"full", 0, "x-hearth-* say where and why"},
    {"id", 1, "x-request-id, and x-hearth-warnings when there are any"},
    {0}};
static const struct doc_type headers = {
    .kind = DOC_KIND_ENUM, .size = sizeof(int), .name = "headers", .words = header_words};
static const struct doc_word strict_words[] = {{"strict", 1, "rather no service than no record"},
                                               {"best_effort", 0, "rather service, with an alarm"},
                                               {0}};
static const struct doc_type strictness = {
    .kind = DOC_KIND_ENUM, .size = sizeof(int), .name = "strictness", .words = strict_words};

static const struct doc_field config_fields[] = {
    DOC_FIELD(struct file_config, listen, "listen", doc_type_string, .fallback = "127.0.0.1:8080",
              .doc = "address of the API; beyond loopback it needs keys, or `auth: none`"),
    DOC_FIELD(struct file_config, admin, "admin", doc_type_string,
              .doc = "if given, /metrics and administration are only here",
              .example = "127.0.0.1:8081"),
    DOC_FIELD(struct file_config, state, "state", doc_type_string, .fallback = "./hearth-state",
              .doc = "folder for ledger, keys and label memory; one process at a time"),
    DOC_FIELD(struct file_config, tls, "tls", tls, .doc = "serve HTTPS",
              .example = "{cert: cert.pem, key: key.pem}"),
    DOC_FIELD(struct file_config, auth, "auth", auth, .fallback = "keys", .doc = "who needs a key"),
    DOC_FIELD(struct file_config, headers, "headers", headers, .fallback = "full",
              .doc = "what answers say about their route"),
    DOC_FIELD(
        struct file_config, audit, "audit", strictness, .fallback = "best_effort",
        .doc = "strict: evidence of an attempt is synced to the disk before its first byte leaves"),
    DOC_FIELD(struct file_config, ledger, "ledger", strictness, .fallback = "best_effort",
              .doc = "strict: no new work while rows cannot be written"),
    DOC_FIELD(struct file_config, workers, "workers", count_threads, .fallback = "0",
              .doc = "event-loop threads; 0: one per core"),
    DOC_FIELD(struct file_config, body_max, "body_max", body_size, .fallback = "32M",
              .doc = "largest body of a request"),
    DOC_FIELD(struct file_config, drain_ms, "drain", doc_type_duration, .fallback = "30s",
              .doc = "how long a shutdown waits for running requests"),
    DOC_FIELD(struct file_config, connections_per_ip, "connections_per_ip", count_queue,
              .fallback = "2048", .doc = "open connections from one address; 0: no limit"),
    DOC_FIELD(struct file_config, trusted_proxies, "trusted_proxies", doc_type_string_or_list,
              .doc = "proxies whose X-Forwarded-For is believed", .example = "10.0.0.0/8"),
    DOC_FIELD(struct file_config, engine, "engine", engine, .doc = "models inside this process"),
    DOC_FIELD(struct file_config, upstreams, "upstreams", upstreams,
              .doc = "providers and servers"),
    DOC_FIELD(struct file_config, policy, "policy", policy, .doc = "what counts as private"),
    DOC_FIELD(struct file_config, rules, "rules", rules, .doc = "in order; all that match apply"),
    DOC_FIELD(struct file_config, unknown, "unknown", unknown,
              .doc = "requests that give the scorer nothing to go by"),
    DOC_FIELD(struct file_config, deadline_ms, "deadline", doc_type_duration, .fallback = "5s",
              .doc = "to the first token; a target that is predicted to be slower is taken only "
                     "when there is no other"),
    DOC_FIELD(struct file_config, min_tokens_per_s, "min_tokens_per_s", pace, .fallback = "4",
              .doc = "the pace that counts as quick enough; 0: any"),
    DOC_FIELD(struct file_config, objective, "objective", objective, .fallback = "cost",
              .doc = "what is least among the targets that may serve"),
    DOC_FIELD(struct file_config, tests, "tests", tests,
              .doc = "sentences, and what must come of them; run at every load"),
    DOC_FIELD(struct file_config, models, "models", models, .doc = "names that clients ask for"),
    DOC_FIELD(struct file_config, pipelines, "pipelines", pipelines,
              .doc = "requests answered in several steps"),
    DOC_FIELD(struct file_config, tenants, "tenants", tenants,
              .doc = "what the keys of a tenant may do"),
    {0}};

const struct doc_type file_config_type = {
    .kind = DOC_KIND_OBJECT,
    .size = sizeof(struct file_config),
    .name = "configuration",
    .doc =
        "One YAML file, checked whole before it is used. Durations are written 200ms, 5s, 2m, 7d; "
        "sizes 64K, 32M, 8G.",
    .fields = config_fields};

void config_schema_json(struct buffer *out)
{
    doc_schema_print_json(&file_config_type, "Hearth configuration", out);
}

void config_reference_markdown(struct buffer *out)
{
    buffer_add_str(
        out,
        "# Configuration\n\nMade by `hearth schema --markdown` from the table that the parser "
        "uses; do not edit.\n\nBegin with [deploy/examples/hybrid.yaml]"
        "(../deploy/examples/hybrid.yaml), where everything that most need stands with a word "
        "about it;\nthis page is for looking up. `hearth check FILE` says what is wrong with a "
        "file, `hearth check FILE --matrix` what may go where.\n\n");
    doc_schema_print_markdown(&file_config_type, out);
    file_when_markdown(out);
}
