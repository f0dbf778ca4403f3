#include "tw_port.h"

void tw_port_write_text(const char *text) {
  while (*text != 0) tw_port_write((uint8_t)*text++);
}

void tw_port_write_hex(uint32_t value) {
  for (int shift = 28; shift >= 0; shift -= 4) {
    tw_port_write((uint8_t)"0123456789abcdef"[value >> shift & 15]);
  }
}
