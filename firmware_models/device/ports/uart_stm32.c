/* The USART of STM32F1, F2 and F4. */
#include "tw_board.h"
#include "tw_port.h"

typedef struct {
  volatile uint32_t status, data, brr, cr1, cr2, cr3;
} uart;

#define UART ((uart *)TW_UART_BASE)

enum {
  STATUS_OVERRUN = 1 << 3,
  STATUS_RX = 1 << 5,
  STATUS_TX = 1 << 7,
  CR1_RX = 1 << 2,
  CR1_TX = 1 << 3,
  CR1_RX_INTERRUPT = 1 << 5,
  CR1_ENABLE = 1 << 13,
};

static uint32_t overruns;

void tw_port_start(void) {
  UART->brr = (TW_UART_CLOCK_HZ + TW_UART_BAUD / 2) / TW_UART_BAUD;
  UART->cr1 = CR1_ENABLE | CR1_TX | CR1_RX | CR1_RX_INTERRUPT;
}

void tw_port_write(uint8_t byte) {
  while (!(UART->status & STATUS_TX)) {
  }
  UART->data = byte;
}

bool tw_port_read(uint8_t *byte) {
  uint32_t status = UART->status;
  if (status & STATUS_OVERRUN) overruns++;
  if (!(status & (STATUS_RX | STATUS_OVERRUN))) return false;
  *byte = (uint8_t)UART->data; /* clears both */
  return (status & STATUS_RX) != 0;
}

uint32_t tw_port_overruns(void) { return overruns; }
