/* Memory for what a layer makes of its weights and scales in its second run, and uses in all later ones.
 * It lies in the arena, behind what the model needs of it; a layer that has no room there makes it anew in
 * each run, and so does the first run, which would only wait for fresh pages. */
#ifndef TW_PACKED_H
#define TW_PACKED_H

#include "tw_engine.h"

/* A layer's part. */
typedef struct {
  uint32_t offset, bytes;
  bool has_run;
  bool ready; /* it holds something */
} tw_packed;

/* Whether weights and biases are always the same: whatever the model does not hold may change. */
static inline bool tw_packed_is_fixed(const tw_tensor *weights, const tw_tensor *bias) {
  return weights->data != NULL && (bias == NULL || bias->data != NULL);
}

/* In prepare: ask for so many bytes, maybe 0. */
tw_packed *tw_packed_request(tw_engine *e, uint32_t bytes);

/* In each run, once: where they are, aligned as the arena; NULL: nowhere. */
void *tw_packed_memory(const tw_engine *e, tw_packed *p);

/* Bytes of an arena in which all layers have room. */
uint32_t tw_packed_arena(const tw_engine *e);

#endif
