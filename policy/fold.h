/*
 * Single characters: which stand for ASCII ones, and which for nothing. Private to policy/.
 * Source: Unicode 15 (UnicodeData: decimal digits, compatibility forms, categories), UTS 39.
 */
#ifndef POLICY_FOLD_H
#define POLICY_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#define FOLD_KEEP 0xFFFFFFFFu /* not folded */
#define FOLD_DROP 0xFFFFFFFEu /* invisible */

/* The ASCII character, FOLD_KEEP or FOLD_DROP. */
uint32_t fold_char(uint32_t code);

/* A Greek or Cyrillic letter that is drawn like an ASCII one, or FOLD_KEEP: only beside ASCII. */
uint32_t fold_lookalike(uint32_t code);

/* Means nothing behind an ASCII character. */
bool fold_is_noise(uint32_t code);

#endif
