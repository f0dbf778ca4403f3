#include "flash_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void demand(bool holds, const char *rule) {
  if (holds) return;
  fprintf(stderr, "flash: %s\n", rule);
  abort();
}

static uint8_t torn(flash_sim *f, uint8_t byte) {
  f->garbage = f->garbage * 1664525u + 1013904223u;
  return byte ^ (uint8_t)(f->garbage >> 24);
}

/* Change one byte, or lose power while doing so: then it and the next few read as anything. */
static void change(flash_sim *f, uint32_t offset, uint32_t end, uint8_t value) {
  if (f->power_bytes == 0) {
    uint32_t unit_end = offset / f->flash.unit_bytes * f->flash.unit_bytes + f->flash.unit_bytes;
    for (uint32_t at = offset; at < unit_end && at < end; at++) {
      f->memory[at] = torn(f, f->memory[at]);
    }
    f->power_bytes = -1;
    f->power_fails();
  }
  if (f->power_bytes > 0) f->power_bytes--;
  f->memory[offset] = value;
}

static bool erase(void *context, uint32_t offset) {
  flash_sim *f = context;
  demand(offset % f->flash.sector_bytes == 0, "erase starts inside a sector");
  demand(offset < f->flash.bytes, "erase outside the flash");
  uint32_t end = offset + f->flash.sector_bytes;
  for (uint32_t at = offset; at < end; at++) change(f, at, end, TW_FLASH_ERASED);
  return true;
}

static bool program(void *context, uint32_t offset, const uint8_t *data, uint32_t bytes) {
  flash_sim *f = context;
  demand(offset % f->flash.unit_bytes == 0 && bytes % f->flash.unit_bytes == 0, "not whole units");
  demand(offset <= f->flash.bytes && bytes <= f->flash.bytes - offset, "program outside the flash");
  for (uint32_t i = 0; i < bytes; i++) {
    demand(f->memory[offset + i] == TW_FLASH_ERASED, "programmed without erasing first");
    change(f, offset + i, offset + bytes, data[i]);
  }
  return true;
}

void flash_sim_start(flash_sim *f, uint32_t bytes, uint32_t sector_bytes, uint32_t unit_bytes) {
  free(f->memory);
  f->memory = malloc(bytes);
  if (f->memory == NULL) exit(2);
  memset(f->memory, TW_FLASH_ERASED, bytes);
  f->power_bytes = -1;
  f->flash = (tw_flash){.base = f->memory,
                        .bytes = bytes,
                        .sector_bytes = sector_bytes,
                        .unit_bytes = unit_bytes,
                        .erase = erase,
                        .program = program,
                        .context = f};
}
