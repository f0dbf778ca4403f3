/* What the agent needs of whatever runs the guest: a struct of callbacks that a board's sandbox
 * implements, or a test. */
#ifndef TW_SANDBOX_H
#define TW_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "tw_link_defs.h"

/* How a call into the guest ended. */
typedef struct {
  /* The sandbox stopped it: `kind` and `address` say why, `status` means nothing, and the guest's
   * memory is not to be trusted until the next init. */
  bool faulted;
  tw_fault_kind kind;
  uint32_t address;    /* that it wanted to read, write or execute, 0 when unknown */
  int32_t status;      /* what it returned: a tw_status, 0 is ok */
  uint64_t ticks;      /* of the board's clock, spent in the guest */
  uint32_t arena_bytes; /* init: bytes of arena that it was given */
} tw_guest_result;

typedef struct {
  /* Start over with a fresh guest and call tflm_wasm_init on a model, which stays where it is, is
   * 16-byte aligned, and is there until the next init. */
  tw_guest_result (*init)(void *context, const uint8_t *model, uint32_t bytes);

  /* Call wasm_invoke. Only after an init that went well. */
  tw_guest_result (*invoke)(void *context);

  /* Call tflm_wasm_reset. Only after an init that went well. */
  tw_guest_result (*reset)(void *context);

  /* Where `bytes` bytes of linear memory at `address` are; NULL when they are not all inside. The
   * control block, at address 0, is always there and 16-byte aligned. */
  uint8_t *(*memory)(void *context, uint32_t address, uint32_t bytes);

  void *context;
} tw_sandbox;

#endif
