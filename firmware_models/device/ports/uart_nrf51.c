/* The UART of Nordic's nRF51. */
#include "tw_board.h"
#include "tw_port.h"

#define UART(offset) (*(volatile uint32_t *)(TW_UART_BASE + (offset)))
#define START_RX UART(0x000)
#define START_TX UART(0x008)
#define RX_READY UART(0x108)
#define TX_READY UART(0x11C)
#define INTERRUPTS_ON UART(0x304)
#define ERROR_SOURCE UART(0x480)
#define ENABLE UART(0x500)
#define PIN_TX UART(0x50C)
#define PIN_RX UART(0x514)
#define RX_DATA UART(0x518)
#define TX_DATA UART(0x51C)
#define BAUD UART(0x524)

enum { ENABLED = 4, ERROR_OVERRUN = 1, INTERRUPT_RX = 4 };

static uint32_t overruns;

void tw_port_start(void) {
  PIN_TX = TW_UART_PIN_TX;
  PIN_RX = TW_UART_PIN_RX;
  BAUD = (uint32_t)(((uint64_t)TW_UART_BAUD << 32) / TW_UART_CLOCK_HZ + 0x800) & 0xFFFFF000;
  ENABLE = ENABLED;
  INTERRUPTS_ON = INTERRUPT_RX;
  START_RX = START_TX = 1;
}

void tw_port_write(uint8_t byte) {
  TX_READY = 0;
  TX_DATA = byte;
  while (TX_READY == 0) {
  }
}

bool tw_port_read(uint8_t *byte) {
  uint32_t errors = ERROR_SOURCE;
  if (errors & ERROR_OVERRUN) {
    ERROR_SOURCE = errors;
    overruns++;
  }
  if (RX_READY == 0) return false;
  RX_READY = 0;
  *byte = (uint8_t)RX_DATA;
  return true;
}

uint32_t tw_port_overruns(void) { return overruns; }
