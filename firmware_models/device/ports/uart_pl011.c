/* Arm's PrimeCell UART, PL011: Stellaris, and Raspberry Pi Pico with its clocks and resets. */
#include "tw_board.h"
#include "tw_port.h"

typedef struct {
  volatile uint32_t data, error, unused1[4], flag, unused2, ilpr, ibrd, fbrd, lcr, cr, ifls,
      interrupts;
} uart;

#define UART ((uart *)TW_UART_BASE)

enum {
  ERROR_OVERRUN = 8,
  FLAG_RX_EMPTY = 1 << 4,
  FLAG_TX_FULL = 1 << 5,
  LCR_FIFO = 1 << 4,
  LCR_8_BITS = 3 << 5,
  CR_ENABLE = 1 << 0,
  CR_TX = 1 << 8,
  CR_RX = 1 << 9,
  INTERRUPT_RX = 1 << 4,
  INTERRUPT_RX_TIMEOUT = 1 << 6, /* for bytes that are fewer than it takes for the other */
};

static uint32_t overruns;

void tw_port_start(void) {
  uint32_t divisor = (TW_UART_CLOCK_HZ * 4u + TW_UART_BAUD / 2) / TW_UART_BAUD; /* in 64ths */
  UART->cr = 0;
  UART->ibrd = divisor >> 6;
  UART->fbrd = divisor & 63;
  UART->lcr = LCR_8_BITS | LCR_FIFO;
  UART->interrupts = INTERRUPT_RX | INTERRUPT_RX_TIMEOUT;
  UART->cr = CR_ENABLE | CR_TX | CR_RX;
}

void tw_port_write(uint8_t byte) {
  while (UART->flag & FLAG_TX_FULL) {
  }
  UART->data = byte;
}

bool tw_port_read(uint8_t *byte) {
  if (UART->error & ERROR_OVERRUN) {
    UART->error = 0;
    overruns++;
  }
  if (UART->flag & FLAG_RX_EMPTY) return false;
  *byte = (uint8_t)UART->data;
  return true;
}

uint32_t tw_port_overruns(void) { return overruns; }
