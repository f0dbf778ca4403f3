/* Flash that is plain memory: on emulated boards. It keeps its content until the emulator exits. */
#include <string.h>

#include "tw_flash_port.h"

extern uint8_t tw_slot_flash[], tw_slot_flash_end[];

enum { SECTOR_BYTES = 4096, UNIT_BYTES = 4 };

static bool erase(void *context, uint32_t offset) {
  (void)context;
  uint8_t *sector = tw_slot_flash + offset;
  memset(sector, TW_FLASH_ERASED, SECTOR_BYTES);
  return sector[0] == TW_FLASH_ERASED && sector[SECTOR_BYTES - 1] == TW_FLASH_ERASED;
}

static bool program(void *context, uint32_t offset, const uint8_t *data, uint32_t bytes) {
  (void)context;
  memcpy(tw_slot_flash + offset, data, bytes);
  return memcmp(tw_slot_flash + offset, data, bytes) == 0;
}

const tw_flash *tw_flash_port(void) {
  static tw_flash flash = {
      .sector_bytes = SECTOR_BYTES, .unit_bytes = UNIT_BYTES, .erase = erase, .program = program};
  flash.base = tw_slot_flash;
  flash.bytes = (uint32_t)(tw_slot_flash_end - tw_slot_flash);
  return flash.bytes == 0 ? NULL : &flash;
}
