/* Sleeping between bytes. An external interrupt wakes the hart though mstatus masks it; nothing else lets
 * it through, so that none is ever taken. */
#include "tw_board.h"
#include "tw_csr.h"
#include "tw_port.h"

/* Of the platform-level interrupt controller, for hart 0 in machine mode. */
#define PLIC_CLAIM (*(volatile uint32_t *)(TW_PLIC_BASE + 0x200004))

enum { MIE_EXTERNAL = 1 << 11 };

void tw_idle(void) {
#ifdef TW_UART_IRQ
  TW_CSR_SET(mie, MIE_EXTERNAL);
  __asm__ volatile("wfi" ::: "memory");
  TW_CSR_CLEAR(mie, MIE_EXTERNAL);
  PLIC_CLAIM = PLIC_CLAIM; /* done with it: the next byte raises it again */
#endif
}
