/* The sandbox on RISC-V: the guest runs in user mode, and physical memory protection (PMP) is its whole
 * world. The machine timer ends what takes too long.
 *
 * Going in is mret with the guest's registers; its ecall, any trap of its, or the timer comes back
 * through tw_trap_entry, which returns from tw_sandbox_enter to the firmware. */
#include "tw_guest.h"

#include <stddef.h>

#include "tw_board.h"
#include "tw_csr.h"
#include "tw_trap.h"

enum {
  CAUSE_TIMER = (int)0x80000007,
  CAUSE_EXECUTE_MISALIGNED = 0,
  CAUSE_EXECUTE = 1,
  CAUSE_ILLEGAL = 2,
  CAUSE_LOAD_MISALIGNED = 4,
  CAUSE_LOAD = 5,
  CAUSE_STORE_MISALIGNED = 6,
  CAUSE_STORE = 7,
  CAUSE_ECALL = 8,
};
enum { MSTATUS_MPP = 3 << 11, MSTATUS_FS = 3 << 13, MIE_TIMER = 1 << 7 };
enum { PMP_READ = 1, PMP_WRITE = 2, PMP_EXECUTE = 4, PMP_UP_TO = 1 << 3 };

#define MTIMECMP_LOW (*(volatile uint32_t *)(TW_CLINT_BASE + 0x4000))
#define MTIMECMP_HIGH (*(volatile uint32_t *)(TW_CLINT_BASE + 0x4004))

/* What the guest left with; in the order in which tw_trap_entry stores it. */
typedef struct {
  uint32_t a0, a1;
} registers;

static const uint8_t *window_start;
static uint32_t window_bytes;

/* The firmware's stack pointer while the guest runs; 0 while it does not. */
__attribute__((used)) uint32_t tw_firmware_sp;

/* Save the firmware's registers and drop to user mode; "returns" when the guest traps. */
__attribute__((naked, noinline)) static void tw_sandbox_enter(const uint32_t *arguments,
                                                              registers *left) {
  __asm__ volatile(
      "addi sp, sp, -64\n"
      "sw ra, 0(sp)\n sw s0, 4(sp)\n sw s1, 8(sp)\n sw s2, 12(sp)\n sw s3, 16(sp)\n"
      "sw s4, 20(sp)\n sw s5, 24(sp)\n sw s6, 28(sp)\n sw s7, 32(sp)\n sw s8, 36(sp)\n"
      "sw s9, 40(sp)\n sw s10, 44(sp)\n sw s11, 48(sp)\n sw a1, 52(sp)\n"
      "sw gp, 56(sp)\n sw tp, 60(sp)\n"
      "la t0, tw_firmware_sp\n sw sp, 0(t0)\n"
      "lw a1, 4(a0)\n lw a2, 8(a0)\n lw a3, 12(a0)\n lw a0, 0(a0)\n"
      "la sp, tw_guest_stack_top\n"
      "li ra, 0\n li gp, 0\n li tp, 0\n li s0, 0\n li s1, 0\n li s2, 0\n li s3, 0\n li s4, 0\n"
      "li s5, 0\n li s6, 0\n li s7, 0\n li s8, 0\n li s9, 0\n li s10, 0\n li s11, 0\n"
      "li t0, 0\n li t1, 0\n li t2, 0\n li t3, 0\n li t4, 0\n li t5, 0\n li t6, 0\n"
      "li a4, 0\n li a5, 0\n li a6, 0\n li a7, 0\n"
      "mret");
}

/* All traps. Nothing of the guest is kept but a0 and a1. */
__attribute__((naked, used, aligned(4))) void tw_trap_entry(void) {
  __asm__ volatile(
      "la t0, tw_firmware_sp\n lw sp, 0(t0)\n"
      "bnez sp, 1f\n"
      "la sp, tw_main_stack_top\n j tw_panic\n"
      "1: sw zero, 0(t0)\n"
      "lw t0, 52(sp)\n sw a0, 0(t0)\n sw a1, 4(t0)\n"
      "lw ra, 0(sp)\n lw s0, 4(sp)\n lw s1, 8(sp)\n lw s2, 12(sp)\n lw s3, 16(sp)\n"
      "lw s4, 20(sp)\n lw s5, 24(sp)\n lw s6, 28(sp)\n lw s7, 32(sp)\n lw s8, 36(sp)\n"
      "lw s9, 40(sp)\n lw s10, 44(sp)\n lw s11, 48(sp)\n lw gp, 56(sp)\n lw tp, 60(sp)\n"
      "addi sp, sp, 64\n"
      "ret");
}

/* The stack grew out of its region: the access was right below it. */
static bool is_below_stack(uint32_t address) {
  enum { FARTHEST = 4096 };
  uintptr_t stack = (uintptr_t)tw_guest_stack;
  return address < stack && address >= stack - FARTHEST;
}

static tw_fault_kind kind_of(uint32_t cause, uint32_t address) {
  switch (cause) {
    case (uint32_t)CAUSE_TIMER: return TW_FAULT_TIMEOUT;
    case CAUSE_EXECUTE_MISALIGNED:
    case CAUSE_EXECUTE: return TW_FAULT_EXECUTE;
    case CAUSE_ILLEGAL: return TW_FAULT_TRAP;
    case CAUSE_LOAD_MISALIGNED:
    case CAUSE_LOAD: return TW_FAULT_READ;
    case CAUSE_STORE_MISALIGNED:
    case CAUSE_STORE: return is_below_stack(address) ? TW_FAULT_STACK : TW_FAULT_WRITE;
    default: return TW_FAULT_OTHER;
  }
}

static tw_end end_of(registers left) {
  uint32_t cause = TW_CSR_READ(mcause);
  tw_end end = {.pc = TW_CSR_READ(mepc), .cause = cause};
  if (cause == CAUSE_ECALL) {
    end.value = left.a0;
    end.returned = left.a1 == TW_LEAVE_RETURN;
    end.kind = tw_kind_of_trap(left.a0);
    return end;
  }
  uint32_t address = TW_CSR_READ(mtval);
  end.kind = kind_of(cause, address);
  end.address = end.kind == TW_FAULT_TIMEOUT ? 0 : address;
  return end;
}

/* ---- PMP: pairs of entries, the second of which means "from the first up to here" ---- */

static uint32_t shifted(uintptr_t address) { return (uint32_t)(address >> 2); }

static void open_memory(void) {
  TW_CSR_WRITE(pmpaddr0, shifted((uintptr_t)tw_guest_code));
  TW_CSR_WRITE(pmpaddr1, shifted((uintptr_t)tw_guest_code_end));
  TW_CSR_WRITE(pmpaddr2, shifted((uintptr_t)tw_guest_memory));
  TW_CSR_WRITE(pmpaddr3, shifted((uintptr_t)tw_guest_memory_end));
  TW_CSR_WRITE(pmpaddr4, shifted((uintptr_t)tw_guest_stack));
  TW_CSR_WRITE(pmpaddr5, shifted((uintptr_t)tw_guest_stack_region_end));
  TW_CSR_WRITE(pmpaddr6, shifted((uintptr_t)window_start));
  TW_CSR_WRITE(pmpaddr7, shifted((uintptr_t)window_start + window_bytes + 3));
  uint32_t code = PMP_UP_TO | PMP_READ | PMP_EXECUTE, data = PMP_UP_TO | PMP_READ | PMP_WRITE;
  uint32_t window = window_bytes == 0 ? 0 : PMP_UP_TO | PMP_READ;
  TW_CSR_WRITE(pmpcfg0, code << 8 | data << 24);
  TW_CSR_WRITE(pmpcfg1, data << 8 | window << 24);
}

static void set_alarm(uint64_t when) {
  MTIMECMP_HIGH = 0xFFFFFFFF;
  MTIMECMP_LOW = (uint32_t)when;
  MTIMECMP_HIGH = (uint32_t)(when >> 32);
}

/* ---- called by the firmware ---- */

tw_end tw_guest_run(tw_guest_call call, uint32_t a, uint32_t b, uint32_t c,
                    uint64_t deadline_ticks) {
  const uint32_t arguments[] = {call, a, b, c};
  registers left = {0, 0};
  open_memory();
  set_alarm(tw_clock_now() + deadline_ticks);
  TW_CSR_WRITE(mepc, (uint32_t)(uintptr_t)tw_guest_main);
  TW_CSR_CLEAR(mstatus, MSTATUS_MPP | MSTATUS_FS);
  TW_CSR_SET(mie, MIE_TIMER);
  tw_sandbox_enter(arguments, &left);
  TW_CSR_CLEAR(mie, MIE_TIMER);
  return end_of(left);
}

void tw_guest_open_window(const uint8_t *start, uint32_t bytes) {
  window_start = start;
  window_bytes = bytes;
}

void tw_sandbox_start(void) { tw_firmware_sp = 0; }
