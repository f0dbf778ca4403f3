/* The sandbox on Cortex-M: the guest runs in unprivileged thread mode on the process stack.
 *
 * Going in and coming out are exceptions. The firmware makes a supervisor call; its handler keeps the
 * firmware's registers on the main stack, lays an exception frame onto the guest's stack and returns
 * into the guest. The guest's own supervisor call, any fault of its, or the deadline, is an exception
 * that returns to the firmware instead. Handlers trust nothing of the guest but the frame that the
 * processor itself put on the process stack, and that only when it is inside the guest's stack. */
#include "tw_guest.h"

#include <stddef.h>

#include "tw_board.h"
#include "tw_mpu.h"
#include "tw_scb.h"
#include "tw_trap.h"

enum { FRAME_R0, FRAME_R1, FRAME_R2, FRAME_R3, FRAME_R12, FRAME_LR, FRAME_PC, FRAME_XPSR, FRAME_WORDS };
enum { CONTROL_UNPRIVILEGED = 1, XPSR_THUMB = 1 << 24 };

/* Memory management faults in CFSR. */
enum {
  CFSR_IACCVIOL = 1 << 0,
  CFSR_DACCVIOL = 1 << 1,
  CFSR_MSTKERR = 1 << 4,
  CFSR_MLSPERR = 1 << 5,
  CFSR_MMARVALID = 1 << 7,
  CFSR_IBUSERR = 1 << 8,
  CFSR_PRECISERR = 1 << 9,
  CFSR_STKERR = 1 << 12,
  CFSR_BFARVALID = 1 << 15,
  CFSR_UNDEFINSTR = 1 << 16,
  CFSR_INVSTATE = 1 << 17,
  CFSR_STKOF = 1 << 20, /* v8-M */
};

static tw_end end;
static uint64_t deadline;
static const uint8_t *window_start;
static uint32_t window_bytes;

typedef struct {
  uint32_t call, a, b, c;
} request;

/* ---- called by the handlers below, in handler mode ---- */

/* Make the processor ready for the guest: `r` lies in the firmware's exception frame. */
__attribute__((used)) void tw_sandbox_enter(const request *r) {
  uint32_t *frame = (uint32_t *)(void *)tw_guest_stack_top - FRAME_WORDS;
  frame[FRAME_R0] = r->call;
  frame[FRAME_R1] = r->a;
  frame[FRAME_R2] = r->b;
  frame[FRAME_R3] = r->c;
  frame[FRAME_R12] = 0;
  frame[FRAME_LR] = 0;
  frame[FRAME_PC] = (uint32_t)(uintptr_t)tw_guest_main & ~1u;
  frame[FRAME_XPSR] = XPSR_THUMB;
  __asm__ volatile("msr psp, %0" : : "r"(frame));
#ifdef TW_SANDBOX_MPU
  tw_mpu_enable();
  __asm__ volatile("msr control, %0\n isb" : : "r"(CONTROL_UNPRIVILEGED));
#endif
}

/* Back to the firmware: whatever the guest left in the processor must not matter. */
static void leave(void) {
#ifdef TW_SANDBOX_MPU
  tw_mpu_disable();
  __asm__ volatile("msr control, %0\n isb" : : "r"(0));
  /* A supervisor call that could not even be stacked is still pending. */
  SCB_SHCSR &= ~(uint32_t)SHCSR_SVCALLPENDED;
#endif
#ifdef TW_FPU
  FPU_FPCCR &= ~1u; /* forget floating-point registers that were still to be saved */
#endif
}

static bool is_frame(const uint32_t *frame) {
  uintptr_t address = (uintptr_t)frame;
  return address >= (uintptr_t)tw_guest_stack && address % 4 == 0 &&
         address + FRAME_WORDS * sizeof *frame <= (uintptr_t)tw_guest_stack_top;
}

/* The guest asked to leave. */
__attribute__((used)) void tw_sandbox_called(const uint32_t *frame) {
  leave();
  end = (tw_end){.kind = TW_FAULT_OTHER};
  if (!is_frame(frame)) return;
  end.value = frame[FRAME_R0];
  end.pc = frame[FRAME_PC];
  end.returned = frame[FRAME_R1] == TW_LEAVE_RETURN;
  if (end.returned) return;
  end.kind = tw_kind_of_trap(end.value);
}

/* Its time is up. */
__attribute__((used)) void tw_sandbox_expired(const uint32_t *frame) {
  leave();
  end = (tw_end){.kind = TW_FAULT_TIMEOUT, .pc = is_frame(frame) ? frame[FRAME_PC] : 0};
}

#if __ARM_ARCH >= 7
/* Whether the Thumb instruction at `pc` loads (else it stores). */
static bool is_load(uint32_t pc) {
  if (pc < (uintptr_t)tw_guest_code || pc >= (uintptr_t)tw_guest_code_end) return true;
  uint16_t code = *(const uint16_t *)(uintptr_t)pc;
  if (code >> 11 >= 0x1D) return (code & 0x10) != 0; /* 32 bits wide */
  if (code >> 12 == 5) return (code >> 9 & 7) >= 3;   /* register offset */
  return (code & 0x800) != 0;
}

static tw_fault_kind kind_of(uint32_t cause, uint32_t pc) {
  if (cause & (CFSR_MSTKERR | CFSR_MLSPERR | CFSR_STKERR | CFSR_STKOF)) return TW_FAULT_STACK;
  if (cause & (CFSR_IACCVIOL | CFSR_IBUSERR | CFSR_INVSTATE)) return TW_FAULT_EXECUTE;
  if (cause & (CFSR_DACCVIOL | CFSR_PRECISERR)) return is_load(pc) ? TW_FAULT_READ : TW_FAULT_WRITE;
  return cause & CFSR_UNDEFINSTR ? TW_FAULT_TRAP : TW_FAULT_OTHER;
}

/* The stack grew out of its region: the access was right below it. */
static bool is_below_stack(uint32_t address) {
  enum { FARTHEST = 4096 };
  uintptr_t stack = (uintptr_t)tw_guest_stack;
  return address < stack && address >= stack - FARTHEST;
}

/* The processor stopped it. */
__attribute__((used)) void tw_sandbox_faulted(const uint32_t *frame) {
  uint32_t cause = SCB_CFSR;
  uint32_t address = cause & CFSR_MMARVALID ? SCB_MMFAR : cause & CFSR_BFARVALID ? SCB_BFAR : 0;
  SCB_CFSR = cause;
  SCB_HFSR = SCB_HFSR;
  leave();
  uint32_t pc = is_frame(frame) ? frame[FRAME_PC] : 0;
  end = (tw_end){.kind = kind_of(cause, pc), .address = address, .pc = pc, .cause = cause};
  if (end.kind == TW_FAULT_EXECUTE) end.address = pc;
  if (end.kind == TW_FAULT_WRITE && is_below_stack(address)) end.kind = TW_FAULT_STACK;
}
#else
__attribute__((used)) void tw_sandbox_faulted(const uint32_t *frame) {
  leave();
  end = (tw_end){.kind = TW_FAULT_OTHER, .pc = is_frame(frame) ? frame[FRAME_PC] : 0};
}
#endif

/* True when the guest runs and its deadline has passed. */
__attribute__((used)) uint32_t tw_sandbox_is_late(void) { return tw_clock_now() >= deadline; }

/* ---- called by the firmware ---- */

static void supervisor_call(const request *r) {
  register const request *r0 __asm__("r0") = r;
  __asm__ volatile("svc #0" : "+r"(r0) : : "memory", "cc");
}

#ifdef TW_SANDBOX_MPU
/* The regions stay as they are, also while they are off, until the window moves. */
static void place_regions(void) {
  static const uint8_t *start;
  static uint32_t bytes;
  static bool placed;
  if (placed && start == window_start && bytes == window_bytes) return;
  start = window_start;
  bytes = window_bytes;
  placed = true;
  tw_mpu_clear();
  /* The window first: where v7-M has to round it out over the guest's code, the later region wins. */
  tw_mpu_add((uintptr_t)window_start, (uintptr_t)window_start + window_bytes, TW_MPU_READ_ONLY);
  tw_mpu_add((uintptr_t)tw_guest_memory, (uintptr_t)tw_guest_memory_end, TW_MPU_READ_WRITE);
  tw_mpu_add((uintptr_t)tw_guest_stack, (uintptr_t)tw_guest_stack_region_end, TW_MPU_READ_WRITE);
  tw_mpu_add((uintptr_t)tw_guest_code, (uintptr_t)tw_guest_code_end, TW_MPU_CODE);
}
#endif

tw_end tw_guest_run(tw_guest_call call, uint32_t a, uint32_t b, uint32_t c,
                    uint64_t deadline_ticks) {
  request r = {call, a, b, c};
#ifdef TW_SANDBOX_MPU
  place_regions();
#endif
  deadline = tw_clock_now() + deadline_ticks;
  supervisor_call(&r);
  return end;
}

void tw_guest_open_window(const uint8_t *start, uint32_t bytes) {
  window_start = start;
  window_bytes = bytes;
}

void tw_sandbox_start(void) {
#if __ARM_ARCH >= 7
  SCB_SHCSR |= SHCSR_FAULTS_ENABLED;
#endif
  SCB_SHPR2 = 0xFFu << 24; /* supervisor calls give way to faults and the clock */
#ifdef TW_FPU
  SCB_CPACR |= 0xFu << 20;
  tw_barrier();
#endif
}

/* ---- handlers ---- */

/* r4 to r11 of the firmware are on the main stack while the guest runs. Both ways they are cleared or
 * restored; r0 to r3 and r12 travel in the exception frames. */
#if __ARM_ARCH >= 7
#define KEEP "push {r3-r11, lr}\n"
#define BACK "pop {r3-r11, pc}\n"
#define FORGET                                                                      \
  "movs r4, #0\n movs r5, #0\n movs r6, #0\n movs r7, #0\n mov r8, r4\n mov r9, r4\n" \
  "mov r10, r4\n mov r11, r4\n"
#else
#define KEEP                                                                              \
  "push {r4-r7, lr}\n mov r4, r8\n mov r5, r9\n mov r6, r10\n mov r7, r11\n push {r3-r7}\n"
#define BACK                                                                              \
  "pop {r3-r7}\n mov r8, r4\n mov r9, r5\n mov r10, r6\n mov r11, r7\n pop {r4-r7, pc}\n"
#define FORGET                                                                      \
  "movs r4, #0\n movs r5, #0\n movs r6, #0\n movs r7, #0\n mov r8, r4\n mov r9, r4\n" \
  "mov r10, r4\n mov r11, r4\n"
#endif
/* Sets the flag Z when the exception came from the firmware: bit 2 of the return value is clear. */
#define FROM_FIRMWARE(scratch) "movs " scratch ", #4\n mov r1, lr\n tst r1, " scratch "\n"

__attribute__((naked, used)) void SVC_Handler(void) {
  __asm__ volatile(FROM_FIRMWARE("r0")
                   "bne 1f\n"
                   "mrs r0, msp\n"
                   "ldr r0, [r0]\n" /* r0 of the frame: the request */
                   KEEP
                   "bl tw_sandbox_enter\n"
                   FORGET
                   "ldr r0, =0xFFFFFFFD\n" /* to thread mode, process stack, no float registers */
                   "bx r0\n"
                   "1: mrs r0, psp\n"
                   "bl tw_sandbox_called\n"
                   BACK
                   ".ltorg");
}

__attribute__((naked, used)) void tw_fault_handler(void) {
  __asm__ volatile(FROM_FIRMWARE("r0")
                   "beq 1f\n"
                   "mrs r0, psp\n"
                   "bl tw_sandbox_faulted\n"
                   BACK
                   "1: mrs r0, msp\n"
                   "ldr r1, =tw_panic\n"
                   "bx r1\n"
                   ".ltorg");
}

__attribute__((naked, used)) void SysTick_Handler(void) {
  __asm__ volatile("push {r4, lr}\n"
                   "bl tw_clock_tick\n"
                   "pop {r4}\n pop {r3}\n mov lr, r3\n"
                   FROM_FIRMWARE("r0")
                   "beq 1f\n"
                   "push {r4, lr}\n"
                   "bl tw_sandbox_is_late\n"
                   "pop {r4}\n pop {r3}\n mov lr, r3\n"
                   "cmp r0, #0\n"
                   "beq 1f\n"
                   "mrs r0, psp\n"
                   "bl tw_sandbox_expired\n"
                   BACK
                   "1: bx lr\n");
}
