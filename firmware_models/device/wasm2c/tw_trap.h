/* How guest code leaves its sandbox: a supervisor call with a reason and a value. */
#ifndef TW_TRAP_H
#define TW_TRAP_H

#include <stdint.h>

/* Reasons; the value is a call's result, or a tw_trap_code. */
enum { TW_LEAVE_RETURN, TW_LEAVE_TRAP };

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

/* Hand `value` to the firmware; never returns. */
__attribute__((noreturn, cold)) static inline void tw_leave(uint32_t value, uint32_t reason) {
#if defined(__riscv)
  register uint32_t a0 __asm__("a0") = value;
  register uint32_t a1 __asm__("a1") = reason;
  __asm__ volatile("ecall" : : "r"(a0), "r"(a1));
#elif defined(__arm__)
  register uint32_t r0 __asm__("r0") = value;
  register uint32_t r1 __asm__("r1") = reason;
  __asm__ volatile("svc #1" : : "r"(r0), "r"(r1));
#else
#error "no supervisor call is known for this architecture"
#endif
  __builtin_unreachable();
}

__attribute__((noreturn, cold)) static inline void tw_trap(tw_trap_code code) {
  tw_leave((uint32_t)code, TW_LEAVE_TRAP);
}

static inline uintptr_t tw_stack_pointer(void) {
  uintptr_t sp;
#if defined(__riscv)
  __asm__ volatile("mv %0, sp" : "=r"(sp));
#else
  __asm__ volatile("mov %0, sp" : "=r"(sp));
#endif
  return sp;
}

#endif
