/* The engine, compiled for this machine, in the place of a sandboxed guest. */
#ifndef GUEST_ENGINE_H
#define GUEST_ENGINE_H

#include "tw_engine.h"
#include "tw_sandbox.h"

typedef struct {
  tw_engine engine;
  uint8_t *memory;      /* "linear memory": the control block, then the arena */
  uint32_t arena_bytes;
  tw_sandbox sandbox;   /* what the agent sees; its context is this struct */
  tw_guest_result planned; /* when `faulted`: how the next call ends instead of running */
} guest_engine;

/* Make a guest without a model; exits the program when there is no memory. */
void guest_engine_start(guest_engine *g, uint32_t arena_bytes);

#endif
