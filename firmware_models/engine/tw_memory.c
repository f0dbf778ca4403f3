/* Allocation during init: what persists grows down from the arena's end, temporaries grow up from
 * its start. When the arena turns out too small the engine goes on counting: each node's data then
 * reuses the space behind the tables, so that the bytes needed are known in the end. */
#include "tw_internal.h"

uint32_t tw_align_up(uint32_t bytes, uint32_t alignment) {
  return (bytes + alignment - 1) & ~(alignment - 1);
}

enum { LARGEST = 1 << 30 };
static const uint32_t MOST = 1u << 31; /* bytes counted: more than any arena */

void *tw_alloc(tw_engine *e, uint32_t bytes) {
  uint32_t alignment = bytes % 8 == 0 ? 8 : 4;
  if (bytes > LARGEST || e->persistent > LARGEST) {
    e->counting = true;
    e->persistent = bytes > MOST || e->persistent > MOST - bytes ? MOST : e->persistent + bytes;
    return NULL;
  }
  uint32_t persistent = tw_align_up(e->persistent + bytes, alignment);
  uint32_t tail = tw_align_up(e->tail + bytes, alignment);
  if (tail > e->arena_bytes || e->head > e->arena_bytes - tail) {
    e->counting = true;
    e->persistent = persistent;
    return NULL;
  }
  e->persistent = persistent;
  e->tail = tail;
  return e->arena + (e->arena_bytes - tail);
}

void *tw_alloc_temporary(tw_engine *e, uint32_t bytes) {
  bytes = tw_align_up(bytes, sizeof(void *));
  if (bytes > LARGEST || e->tail > e->arena_bytes ||
      bytes > e->arena_bytes - e->tail - e->head) {
    e->counting = true;
    return NULL;
  }
  void *memory = e->arena + e->head;
  e->head += bytes;
  return memory;
}

tw_status tw_request_scratch(tw_engine *e, uint32_t bytes, void **where) {
  tw_scratch *scratch = tw_alloc_temporary(e, sizeof *scratch);
  if (scratch == NULL) return TW_E_ARENA;
  *where = NULL;
  *scratch = (tw_scratch){where, bytes, (uint16_t)e->subgraph, (uint16_t)e->node};
  e->scratch_count++;
  return TW_OK;
}

void tw_may_overwrite(tw_engine *e, uint32_t inputs, int64_t lead) {
  if (lead < 0) lead = 0;
  if (lead > LARGEST) return;
  e->overwrite = TW_OVERWRITES | tw_align_up((uint32_t)lead, TW_ALIGN) | inputs;
}
