/* The 16550, with registers one byte apart. */
#include "tw_board.h"
#include "tw_port.h"

#define UART(offset) (*(volatile uint8_t *)(TW_UART_BASE + (offset)))
#define DATA UART(0)     /* with DLAB: divisor, low byte */
#define INTERRUPTS UART(1) /* with DLAB: divisor, high byte */
#define FIFO UART(2)
#define LINE_CONTROL UART(3)
#define LINE_STATUS UART(5)

enum {
  INTERRUPT_RX = 1,
  CONTROL_8_BITS = 3,
  CONTROL_DLAB = 0x80,
  STATUS_RX = 1,
  STATUS_OVERRUN = 2,
  STATUS_TX_EMPTY = 0x20,
};

static uint32_t overruns;

void tw_port_start(void) {
  uint32_t divisor = TW_UART_CLOCK_HZ / 16 / TW_UART_BAUD;
  INTERRUPTS = 0;
  LINE_CONTROL = CONTROL_DLAB;
  DATA = (uint8_t)divisor;
  INTERRUPTS = (uint8_t)(divisor >> 8);
  LINE_CONTROL = CONTROL_8_BITS;
  FIFO = 1;
  INTERRUPTS = INTERRUPT_RX;
}

void tw_port_write(uint8_t byte) {
  while (!(LINE_STATUS & STATUS_TX_EMPTY)) {
  }
  DATA = byte;
}

bool tw_port_read(uint8_t *byte) {
  uint8_t status = LINE_STATUS;
  if (status & STATUS_OVERRUN) overruns++;
  if (!(status & STATUS_RX)) return false;
  *byte = DATA;
  return true;
}

uint32_t tw_port_overruns(void) { return overruns; }
