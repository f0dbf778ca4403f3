/* What programs that break models share: random numbers, a change to a model, inputs for it. */
#ifndef TW_MUTATE_H
#define TW_MUTATE_H

#include "tw_engine.h"

/* The next of a sequence that its seed, `*state`, is all there is to know of (splitmix64). */
uint64_t tw_random(uint64_t *state);

/* A random number below `limit`, which is not 0. */
uint32_t tw_below(uint64_t *state, uint32_t limit);

/* One change to a model of 8 bytes or more: to bytes, to a word, or to a field of a table. */
void tw_mutate(uint8_t *data, uint32_t bytes, uint64_t *state);

/* Random bytes, or for a tensor in four small words, for all inputs of the main subgraph. */
void tw_fill_inputs(const tw_engine *e, uint64_t *state);

/* After init: have AddressSanitizer watch the part of the arena between its buffers and its tables,
 * which nothing may touch from then on. */
void tw_watch_gap(const tw_engine *e);

#endif
