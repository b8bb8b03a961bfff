#include "gateway/local/forms.h"

#include "base/core/arena.h"
#include "base/crypto/crypto.h"
#include "gateway/local/convert.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    FORM_BYTES_MAX = 64 << 20,
    TEXT_BYTES_MAX = 1 << 20, /* of one schema */
    CACHE_BYTES_MAX = 32 << 20,
    CACHE_ENTRIES_MAX = 128,
    WAITING_MAX = 256
};

struct local_form {
    struct arena *arena; /* all that `form` points to */
    struct engine_form form;
    uint8_t digest[CRYPTO_SHA256_BYTES];
    bool is_named; /* its only tool was named by tool_choice */
    bool is_plain; /* a text goes on, with no markup */

    /* While it is compiled. */
    struct local_form *next;
    struct local_forms *forms;
    struct loop *loop;
    local_form_fn on_done;
    void *user;
    enum base_err err;
    struct base_error error;
    struct engine_grammar *grammar;
};

struct entry {
    uint8_t digest[CRYPTO_SHA256_BYTES];
    struct engine_grammar *grammar;
    struct base_error *error; /* not NULL: it cannot be compiled */
    size_t bytes;
    uint64_t used_at;
};

struct local_forms {
    const struct engine_markup *markup;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool thread_runs;
    atomic_bool stopping;
    struct local_form *head, *tail; /* waiting */
    size_t waiting;
    struct entry entries[CACHE_ENTRIES_MAX];
    size_t entry_count, bytes;
    uint64_t use_count;
};

/* ---- reading a request ---- */

void local_form_free(struct local_form *form)
{
    if (!form)
        return;
    engine_grammar_unref(form->grammar);
    arena_free(form->arena);
    free(form);
}

bool local_form_has_tools(const struct local_form *form)
{
    return form && form->form.tool_count > 0;
}

bool local_form_is_json(const struct local_form *form)
{
    return form && form->form.content != ENGINE_CONTENT_FREE;
}

static enum base_err no_memory(struct base_error *reterr)
{
    return base_error_set(reterr, BASE_ERR_NO_MEMORY, "no memory for the form of an answer");
}

static enum base_err keep_node(struct local_form *form, const struct json_node *node,
                               const char *param, struct slice *ret, struct base_error *reterr)
{
    struct buffer text;
    struct json_writer w;
    buffer_init(&text, TEXT_BYTES_MAX);
    json_writer_init(&w, &text);
    json_put_node(&w, node);
    enum base_err err = text.err;
    if (!err)
        *ret = arena_dup(form->arena, buffer_slice(&text));
    buffer_done(&text);
    if (err)
        return base_error_set_param(reterr, err == BASE_ERR_LIMIT ? BASE_ERR_UNSUPPORTED : err,
                                    param, "%s: a schema is too long for the local model", param);
    return slice_is_absent(*ret) ? no_memory(reterr) : BASE_OK;
}

static enum base_err read_tool(struct local_form *form, const struct chat_tool *tool, bool forced,
                               struct engine_tool *ret, struct base_error *reterr)
{
    if (tool->raw)
        return base_error_set_param(reterr, BASE_ERR_UNSUPPORTED, "tools",
                                    "tools: the local model takes functions only, with name, "
                                    "description, parameters and strict");
    *ret = (struct engine_tool){.name = arena_dup(form->arena, tool->name),
                                .parameters = SLICE_NONE,
                                .strict = forced || tool->strict};
    if (slice_is_absent(ret->name))
        return no_memory(reterr);
    if (!tool->parameters || json_is(tool->parameters, JSON_NULL))
        return BASE_OK;
    /* {} says nothing: any object will do. */
    if (json_is(tool->parameters, JSON_OBJECT) && tool->parameters->count == 0) {
        ret->parameters = SLICE("{\"type\":\"object\"}");
        return BASE_OK;
    }
    return keep_node(form, tool->parameters, "tools", &ret->parameters, reterr);
}

/* {"type":"allowed_tools","allowed_tools":{"mode","tools":[{"type","function":{"name"}}]}}: the
 * list, or NULL for any other kind of choice. OpenAI's OpenAPI document 2.3.0. */
static const struct json_node *allowed_tools(const struct chat_request *chat, bool *ret_forced)
{
    const struct json_node *raw = chat->tool_choice_raw, *all;
    if (chat->tool_choice != CHAT_TOOL_CHOICE_OTHER ||
        !slice_eq_str(json_string(json_get(raw, SLICE("type"))), "allowed_tools"))
        return NULL;
    all = json_get(raw, SLICE("allowed_tools"));
    struct slice mode = json_string(json_get(all, SLICE("mode")));
    const struct json_node *tools = json_get(all, SLICE("tools"));
    *ret_forced = slice_eq_str(mode, "required");
    return (*ret_forced || slice_eq_str(mode, "auto")) && json_is(tools, JSON_ARRAY) ? tools : NULL;
}

static struct slice allowed_name(const struct json_node *tool)
{
    return json_string(json_get(json_get(tool, SLICE("function")), SLICE("name")));
}

static bool is_allowed(const struct json_node *list, struct slice name)
{
    const struct json_node *n = json_first(list);
    while (n && !slice_eq(allowed_name(n), name))
        n = json_next(n);
    return n != NULL;
}

/* A name that is none of the tools' is a mistake, not a tool less. */
static enum base_err check_allowed(const struct json_node *list, const struct chat_request *chat,
                                   struct base_error *reterr)
{
    bool good = list->count > 0;
    for (const struct json_node *n = json_first(list); n && good; n = json_next(n)) {
        size_t i = 0;
        while (i < chat->tool_count && !slice_eq(chat->tools[i].name, allowed_name(n)))
            i++;
        good = i < chat->tool_count;
    }
    return good ? BASE_OK
                : base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "tool_choice",
                                       "tool_choice: allowed_tools must name some of the tools");
}

static enum base_err read_tools(struct local_form *form, const struct chat_request *chat,
                                struct base_error *reterr)
{
    bool named = chat->tool_choice == CHAT_TOOL_CHOICE_NAMED;
    bool forced = named || chat->tool_choice == CHAT_TOOL_CHOICE_REQUIRED;
    const struct json_node *allowed = allowed_tools(chat, &forced);
    enum base_err err = allowed ? check_allowed(allowed, chat, reterr) : BASE_OK;
    if (err)
        return err;
    if (chat->tool_choice == CHAT_TOOL_CHOICE_OTHER && !allowed)
        return base_error_set_param(reterr, BASE_ERR_UNSUPPORTED, "tool_choice",
                                    "tool_choice: the local model takes auto, none, required, "
                                    "allowed_tools or the name of a function");
    if (forced && chat->tool_count == 0)
        return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "tool_choice",
                                    "tool_choice: there are no tools to choose from");
    if (chat->tool_choice == CHAT_TOOL_CHOICE_NONE || chat->tool_count == 0)
        return BASE_OK;
    struct engine_tool *tools = arena_calloc(form->arena, chat->tool_count, sizeof(*tools));
    if (!tools)
        return no_memory(reterr);
    for (size_t i = 0; i < chat->tool_count; i++) {
        const struct chat_tool *tool = &chat->tools[i];
        if ((named && !slice_eq(tool->name, chat->tool_choice_name)) ||
            (allowed && !is_allowed(allowed, tool->name)))
            continue;
        err = read_tool(form, tool, forced, &tools[form->form.tool_count], reterr);
        if (err)
            return err;
        form->form.tool_count++;
    }
    if (form->form.tool_count == 0)
        return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "tool_choice",
                                    "tool_choice: no tool has the name of this function");
    form->form.tools = tools;
    form->form.must_call = forced;
    form->form.one_call = named || (chat->parallel_tools_given && !chat->parallel_tools);
    form->is_named = named;
    return BASE_OK;
}

static void add_text(struct buffer *to, struct slice text)
{
    buffer_addf(to, "%zu:", slice_is_absent(text) ? (size_t)0 : text.len + 1);
    buffer_add_slice(to, text);
}

static enum base_err take_digest(struct local_form *form, struct base_error *reterr)
{
    const struct engine_form *f = &form->form;
    struct buffer all;
    buffer_init(&all, FORM_BYTES_MAX);
    buffer_addf(&all, "%d %d %d %d %d ", f->must_call, f->one_call, (int)f->content, form->is_named,
                form->is_plain);
    add_text(&all, f->schema);
    for (size_t i = 0; i < f->tool_count; i++) {
        buffer_addf(&all, " %d ", f->tools[i].strict);
        add_text(&all, f->tools[i].name);
        add_text(&all, f->tools[i].parameters);
    }
    enum base_err err = all.err;
    crypto_sha256(buffer_slice(&all), form->digest);
    buffer_done(&all);
    return err ? no_memory(reterr) : BASE_OK;
}

/* `grammar`, as llama-server names it. */
static enum base_err read_grammar(struct local_form *form, const struct chat_request *chat,
                                  struct base_error *reterr)
{
    const struct json_node *node = local_extra(chat, "grammar");
    if (!node)
        return BASE_OK;
    if (!json_is(node, JSON_STRING))
        return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "grammar",
                                    "grammar: expected a text, in GBNF");
    if (form->form.content != ENGINE_CONTENT_FREE)
        return base_error_set_param(reterr, BASE_ERR_BAD_VALUE, "grammar",
                                    "grammar: not beside response_format");
    form->form.content = ENGINE_CONTENT_GBNF;
    form->form.schema = arena_dup(form->arena, node->text);
    return slice_is_absent(form->form.schema) ? no_memory(reterr) : BASE_OK;
}

enum base_err local_form_read(const struct chat_request *chat, struct local_form **ret_form,
                              struct base_error *reterr)
{
    struct local_form *form = calloc(1, sizeof(*form));
    if (form)
        form->arena = arena_new(FORM_BYTES_MAX);
    if (!form || !form->arena) {
        free(form);
        return no_memory(reterr);
    }
    enum base_err err = read_tools(form, chat, reterr);
    if (chat->format == CHAT_FORMAT_JSON_OBJECT)
        form->form.content = ENGINE_CONTENT_OBJECT;
    if (!err && chat->format == CHAT_FORMAT_JSON_SCHEMA) {
        form->form.content = ENGINE_CONTENT_SCHEMA;
        err = keep_node(form, chat->schema, "response_format", &form->form.schema, reterr);
    }
    if (!err)
        err = read_grammar(form, chat, reterr);
    form->is_plain = chat->dialect == CHAT_DIALECT_COMPLETIONS;
    bool is_free = form->form.tool_count == 0 && form->form.content == ENGINE_CONTENT_FREE;
    if (!err && !is_free)
        err = take_digest(form, reterr);
    if (err || is_free) {
        local_form_free(form);
        form = NULL;
    }
    if (!err)
        *ret_form = form;
    return err;
}

/* ---- the cache; all under the lock ---- */

static void drop_oldest(struct local_forms *forms)
{
    size_t oldest = 0;
    for (size_t i = 1; i < forms->entry_count; i++)
        if (forms->entries[i].used_at < forms->entries[oldest].used_at)
            oldest = i;
    struct entry *entry = &forms->entries[oldest];
    forms->bytes -= entry->bytes;
    engine_grammar_unref(entry->grammar);
    free(entry->error);
    *entry = forms->entries[--forms->entry_count];
}

static struct entry *find_entry(struct local_forms *forms, const uint8_t *digest)
{
    for (size_t i = 0; i < forms->entry_count; i++)
        if (memcmp(forms->entries[i].digest, digest, CRYPTO_SHA256_BYTES) == 0)
            return &forms->entries[i];
    return NULL;
}

static void keep(struct local_forms *forms, const struct local_form *form)
{
    /* Lack of memory says nothing about the form. */
    bool failed = form->err && form->err != BASE_ERR_NO_MEMORY;
    size_t bytes = failed          ? sizeof(form->error)
                   : form->grammar ? engine_grammar_bytes(form->grammar)
                                   : 0;
    if ((form->err && !failed) || find_entry(forms, form->digest) || bytes > CACHE_BYTES_MAX)
        return;
    struct base_error *error = failed ? malloc(sizeof(*error)) : NULL;
    if (failed && !error)
        return;
    if (failed)
        *error = form->error;
    while (forms->entry_count == CACHE_ENTRIES_MAX || forms->bytes + bytes > CACHE_BYTES_MAX)
        drop_oldest(forms);
    struct entry *entry = &forms->entries[forms->entry_count++];
    memcpy(entry->digest, form->digest, CRYPTO_SHA256_BYTES);
    entry->grammar = form->grammar ? engine_grammar_ref(form->grammar) : NULL;
    entry->error = error;
    entry->bytes = bytes;
    entry->used_at = ++forms->use_count;
    forms->bytes += bytes;
}

bool local_forms_find(struct local_forms *forms, const struct local_form *form,
                      struct engine_grammar **ret_grammar, enum base_err *ret_err,
                      struct base_error *reterr)
{
    pthread_mutex_lock(&forms->lock);
    struct entry *entry = find_entry(forms, form->digest);
    if (entry) {
        entry->used_at = ++forms->use_count;
        *ret_err = entry->error ? entry->error->code : BASE_OK;
        if (entry->grammar)
            *ret_grammar = engine_grammar_ref(entry->grammar);
        if (entry->error && reterr)
            *reterr = *entry->error;
    }
    pthread_mutex_unlock(&forms->lock);
    return entry != NULL;
}

/* ---- the thread ---- */

static void compile(struct local_form *form)
{
    static const struct engine_markup none;
    struct base_error detail = {0};
    enum base_err err = engine_grammar_from_form(form->is_plain ? &none : form->forms->markup,
                                                 &form->form, &form->grammar, &detail);
    struct slice message = slice_from_str(detail.message);
    bool of_tool = form->form.tool_count > 0 &&
                   (slice_starts_with(message, SLICE("tool ")) || !form->form.content);
    const char *param = of_tool                                     ? "tools"
                        : form->form.content == ENGINE_CONTENT_GBNF ? "grammar"
                                                                    : "response_format";
    if (form->is_named && slice_starts_with(message, SLICE("tool 0: ")))
        message = slice_sub(message, 8, SIZE_MAX);
    /* What only this engine cannot do is UNSUPPORTED, so that another target may be tried. */
    if (err == BASE_ERR_LIMIT || err == BASE_ERR_TOO_LARGE)
        err = BASE_ERR_UNSUPPORTED;
    if (err == BASE_ERR_BAD_JSON)
        err = BASE_ERR_BAD_VALUE;
    form->err = err;
    if (err)
        (void)base_error_set_param(&form->error, err, param, "%s: %.*s", param, SLICE_ARG(message));
}

static void on_compiled(void *user)
{
    struct local_form *form = user;
    struct engine_grammar *grammar = form->grammar;
    form->grammar = NULL;
    form->on_done(form->user, form->err, grammar, &form->error);
    local_form_free(form);
}

static void give_back(struct local_form *form)
{
    if (!loop_post(form->loop, on_compiled, form))
        on_compiled(form); /* the loop has ended; whoever waited is told, and nobody listens */
}

static struct local_form *next_form(struct local_forms *forms)
{
    pthread_mutex_lock(&forms->lock);
    while (!forms->head && !forms->stopping)
        pthread_cond_wait(&forms->wake, &forms->lock);
    struct local_form *form = forms->head;
    if (form) {
        forms->head = form->next;
        forms->tail = forms->head ? forms->tail : NULL;
        forms->waiting--;
    }
    pthread_mutex_unlock(&forms->lock);
    return form;
}

static void *run(void *user)
{
    struct local_forms *forms = user;
    struct local_form *form;
    while ((form = next_form(forms)) != NULL) {
        if (forms->stopping) {
            form->err =
                base_error_set(&form->error, BASE_ERR_CANCELLED, "the request was cancelled");
        } else if (!local_forms_find(forms, form, &form->grammar, &form->err, &form->error)) {
            compile(form); /* else another one came before it */
            pthread_mutex_lock(&forms->lock);
            keep(forms, form);
            pthread_mutex_unlock(&forms->lock);
        }
        give_back(form);
    }
    return NULL;
}

enum base_err local_forms_compile(struct local_forms *forms, struct local_form *form,
                                  struct loop *loop, local_form_fn on_done, void *user,
                                  struct base_error *reterr)
{
    enum base_err err = BASE_OK;
    form->forms = forms;
    form->loop = loop;
    form->on_done = on_done;
    form->user = user;
    pthread_mutex_lock(&forms->lock);
    if (forms->waiting >= WAITING_MAX)
        err = base_error_set(reterr, BASE_ERR_OVERLOADED,
                             "too many schemas wait to be compiled; try again");
    if (!err && !forms->thread_runs) {
        if (pthread_create(&forms->thread, NULL, run, forms) != 0)
            err = no_memory(reterr);
        forms->thread_runs = !err;
    }
    if (!err) {
        form->next = NULL;
        if (forms->tail)
            forms->tail->next = form;
        else
            forms->head = form;
        forms->tail = form;
        forms->waiting++;
        pthread_cond_signal(&forms->wake);
    }
    pthread_mutex_unlock(&forms->lock);
    if (err)
        local_form_free(form);
    return err;
}

/* ---- life ---- */

enum base_err local_forms_new(const struct engine_markup *markup, struct local_forms **ret_forms,
                              struct base_error *reterr)
{
    struct local_forms *forms = calloc(1, sizeof(*forms));
    if (!forms)
        return no_memory(reterr);
    forms->markup = markup;
    pthread_mutex_init(&forms->lock, NULL);
    pthread_cond_init(&forms->wake, NULL);
    *ret_forms = forms;
    return BASE_OK;
}

void local_forms_free(struct local_forms *forms)
{
    if (!forms)
        return;
    pthread_mutex_lock(&forms->lock);
    forms->stopping = true;
    pthread_cond_signal(&forms->wake);
    pthread_mutex_unlock(&forms->lock);
    if (forms->thread_runs)
        pthread_join(forms->thread, NULL);
    while (forms->entry_count > 0)
        drop_oldest(forms);
    pthread_cond_destroy(&forms->wake);
    pthread_mutex_destroy(&forms->lock);
    free(forms);
}
