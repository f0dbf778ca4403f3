/* What wasm2c/tw_trap.h is on a board, for this machine: a trap ends the call with its code. */
#ifndef TW_TRAP_H
#define TW_TRAP_H

#include <setjmp.h>
#include <stdint.h>

typedef enum {
  TW_TRAP_UNREACHABLE = 1,
  TW_TRAP_OOB_LOAD,
  TW_TRAP_OOB_STORE,
  TW_TRAP_INT_OVERFLOW,
  TW_TRAP_DIV_BY_ZERO,
  TW_TRAP_INVALID_CONVERSION,
  TW_TRAP_CALL_INDIRECT,
  TW_TRAP_EXHAUSTION,
} tw_trap_code;

static jmp_buf tw_native_end;

__attribute__((noreturn)) static inline void tw_trap(tw_trap_code code) {
  longjmp(tw_native_end, (int)code);
}

#define TW_GUEST_BASE 0u
#define TW_GUEST_BYTES 0u

#endif
