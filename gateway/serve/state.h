/*
 * The state folder: one process at a time, and the label memory's file.
 *
 *     err = state_open("hearth-state", &state, &detail);   // made if needed, locked
 *     err = state_memory_open(state, &config, &memory, &detail);
 *     ... policy_memory_* ...
 *     state_memory_close(state, memory);
 *     state_close(state);
 *
 * The lock is flock() on `lock`: it goes with the process, however that ends. The label memory is
 * `labels.log`, records appended as they come (so a killed process loses none), written anew at
 * start, and whenever it has twice as many records as the memory has entries; its HMAC key is
 * `labels.key`, mode 0600, made once.
 */
#ifndef GATEWAY_SERVE_STATE_H
#define GATEWAY_SERVE_STATE_H

#include "gateway/config/config.h"
#include "gateway/serve/workpool.h"
#include "policy/policy.h"

struct state;

/* IN_USE when another Hearth has it; IO. */
enum base_err state_open(struct slice folder, struct state **ret_state,
                         struct base_error *reterr) BASE_MUST_USE;
void state_close(struct state *state); /* NULL allowed */
const char *state_folder(const struct state *state);
/* "FOLDER/name", in a buffer of the state's that the next call reuses. */
const char *state_path(struct state *state, const char *name);

enum base_err state_memory_open(struct state *state, const struct config *config,
                                struct policy_memory **ret_memory,
                                struct base_error *reterr) BASE_MUST_USE;
/* Where the log is written anew while Hearth runs. NULL: nowhere any more, before the pool goes. */
void state_memory_workpool(struct state *state, struct workpool *pool);
void state_memory_close(struct state *state, struct policy_memory *memory);

#endif
