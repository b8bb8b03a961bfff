/*
 * What answers of a request may look like, as grammars: compiled on a thread of their own, because
 * a large schema takes longer than a loop may compute, and kept for the next request.
 *
 *     err = local_forms_new(markup, &forms, &detail);
 *     err = local_form_read(chat, markup, &form, &detail);    // NULL: every text will do
 *     if (form && !local_forms_find(forms, form, &grammar, &err, &detail))
 *         err = local_forms_compile(forms, form, loop, on_done, user, &detail);
 *     ... on_done(user, err, grammar, &error) on the loop
 *     local_forms_free(forms);                                // after its last on_done was posted
 *
 * The cache is keyed by the digest of what was asked for, bounded in bytes; what was used longest
 * ago goes first. That a form cannot be followed is kept too.
 * Threads: find and compile from any; a form belongs to one thread at a time.
 * Private to gateway/local.
 */
#ifndef GATEWAY_LOCAL_FORMS_H
#define GATEWAY_LOCAL_FORMS_H

#include "base/chat/chat.h"
#include "base/core/loop.h"
#include "engine/template/markup.h"

struct local_forms;
struct local_form;

/* The thread is made when the first form is compiled. The markup is borrowed. */
enum base_err local_forms_new(const struct engine_markup *markup, struct local_forms **ret_forms,
                              struct base_error *reterr) BASE_MUST_USE;
/* Ends the thread; forms that still wait get CANCELLED. NULL allowed. */
void local_forms_free(struct local_forms *forms);

/* Tools, their choice, response_format and grammar; copied out of the request. BAD_VALUE,
 * UNSUPPORTED (kinds of tools that a model here cannot have), NO_MEMORY. */
enum base_err local_form_read(const struct chat_request *chat, struct local_form **ret_form,
                              struct base_error *reterr) BASE_MUST_USE;
void local_form_free(struct local_form *form); /* NULL allowed */
bool local_form_has_tools(const struct local_form *form);
bool local_form_is_json(const struct local_form *form); /* or of a grammar */

/* True when it is known: *ret_grammar then has a reference for the caller, or is NULL; or *ret_err
 * says why it cannot be compiled. */
bool local_forms_find(struct local_forms *forms, const struct local_form *form,
                      struct engine_grammar **ret_grammar, enum base_err *ret_err,
                      struct base_error *reterr);

/* On the loop. `grammar` has a reference for the callee when err is BASE_OK (NULL: every text will
 * do). Errors: BAD_VALUE, UNSUPPORTED (another target may be able to follow), with the parameter
 * that is at fault. */
typedef void (*local_form_fn)(void *user, enum base_err err, struct engine_grammar *grammar,
                              const struct base_error *error);

/* Takes the form. OVERLOADED: too many wait. On failure on_done is not called. */
enum base_err local_forms_compile(struct local_forms *forms, struct local_form *form,
                                  struct loop *loop, local_form_fn on_done, void *user,
                                  struct base_error *reterr) BASE_MUST_USE;

#endif
