#include "tw_packed.h"

#include "tw_internal.h"

enum { MOST_LAYERS = 256 };

/* The last one is for all layers past it, without memory. */
static tw_packed layers[MOST_LAYERS + 1];

static uint32_t end_of(const tw_engine *e) {
  if (e->packed_layers == 0) return 0;
  const tw_packed *const last = &layers[e->packed_layers - 1];
  return last->offset + last->bytes;
}

tw_packed *tw_packed_request(tw_engine *e, uint32_t bytes) {
  const uint32_t offset = end_of(e);
  bytes = tw_align_up(bytes, TW_ALIGN);
  if (e->packed_layers == MOST_LAYERS || bytes > INT32_MAX - offset) return &layers[MOST_LAYERS];
  tw_packed *const p = &layers[e->packed_layers++];
  *p = (tw_packed){.offset = offset, .bytes = bytes};
  return p;
}

void *tw_packed_memory(const tw_engine *e, tw_packed *p) {
  const bool is_first = !p->has_run;
  p->has_run = true;
  if (is_first || p->bytes == 0 || p->offset + p->bytes > e->spare_bytes) return NULL;
  return e->arena + e->spare + p->offset;
}

uint32_t tw_packed_arena(const tw_engine *e) {
  const uint32_t wanted = tw_align_up(e->arena_used, TW_ALIGN) + end_of(e);
  return wanted > e->arena_needed ? wanted : e->arena_needed;
}
