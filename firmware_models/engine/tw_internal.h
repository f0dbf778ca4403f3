/* What the engine's own files share; kernels don't see it. */
#ifndef TW_INTERNAL_H
#define TW_INTERNAL_H

#include "tw_kernel.h"

enum {
  TW_MAX_TENSORS = 16384, /* per model; bounds the planner's work */
  TW_MAX_NODES = 16384,   /* per model */
  TW_MAX_TIME = 65534,    /* steps of the lifetime walk */
};

/* tw_load.c: fill in e->subgraphs: tensors and nodes, from the flatbuffer. */
tw_status tw_load(tw_engine *e);

/* tw_plan.c: give every tensor and scratch that lives in the arena its place. */
tw_status tw_plan(tw_engine *e);

/* tw_memory.c: temporary memory at the arena's head, valid until planning ends. */
void *tw_alloc_temporary(tw_engine *e, uint32_t bytes);
uint32_t tw_align_up(uint32_t bytes, uint32_t alignment);

/* Write the error text without the "op N NAME" prefix. */
tw_status tw_fail_model(tw_engine *e, tw_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#if !TW_HAS_TEXTS
#define tw_fail_model(e, status, ...) (0 ? tw_fail_model(e, status, __VA_ARGS__) : (status))
#endif

#endif
