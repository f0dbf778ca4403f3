#include "tw_slots.h"

#include "tw_bytes.h"
#include "tw_crc32.h"

enum {
  ANNOUNCEMENT = 0x4D4C4654, /* "TFLM" */
  ACTIVATION = 0x564C4654,   /* "TFLV" */
  /* Positions in an announcement. */
  AT_SIZE = 4,
  AT_DIGEST = 8,
  ANNOUNCEMENT_CRC = 44,
  /* Positions in an activation. */
  AT_GENERATION = 4,
  ACTIVATION_CRC = 12,
};

/* ---- reading ---- */

static uint32_t header_bytes(const tw_slots *s) { return TW_SLOT_CELLS * s->cell_bytes; }

static uint32_t slot_offset(const tw_slots *s, uint8_t slot) { return slot * s->slot_bytes; }

static const uint8_t *cell(const tw_slots *s, uint8_t slot, uint32_t index) {
  return s->flash.base + slot_offset(s, slot) + index * s->cell_bytes;
}

uint32_t tw_slots_capacity(const tw_slots *s) { return s->slot_bytes - header_bytes(s); }

const uint8_t *tw_slots_model(const tw_slots *s, uint8_t slot) {
  return s->flash.base + slot_offset(s, slot) + header_bytes(s);
}

static bool is_blank(const uint8_t *data, uint32_t bytes) {
  for (uint32_t i = 0; i < bytes; i++) {
    if (data[i] != TW_FLASH_ERASED) return false;
  }
  return true;
}

static bool is_record(const uint8_t *data, uint32_t magic, uint32_t crc_at) {
  return tw_get_u32(data) == magic && tw_crc32(data, crc_at) == tw_get_u32(data + crc_at);
}

/* First byte of the model that has to be written again: the start of the last sector that is not
 * blank, or 0 where that sector also holds the header. */
static uint32_t resume_at(const tw_slots *s, uint8_t slot, uint32_t size) {
  uint32_t sector = s->flash.sector_bytes, header = header_bytes(s);
  uint32_t end = tw_round_up(header + size, sector);
  const uint8_t *start = s->flash.base + slot_offset(s, slot);
  while (end > sector && is_blank(start + end - sector, sector)) end -= sector;
  return end - sector < header ? 0 : end - sector - header;
}

/* Read a slot's header. */
static tw_slot look(const tw_slots *s, uint8_t slot) {
  tw_slot found = {.state = TW_SLOT_EMPTY};
  const uint8_t *first = cell(s, slot, 0);
  uint32_t size = tw_get_u32(first + AT_SIZE);
  if (!is_record(first, ANNOUNCEMENT, ANNOUNCEMENT_CRC)) return found;
  if (size == 0 || size > tw_slots_capacity(s)) return found;
  found.state = TW_SLOT_PARTIAL;
  found.size = size;
  memcpy(found.digest, first + AT_DIGEST, sizeof found.digest);
  for (uint32_t i = 1; i < TW_SLOT_CELLS; i++) {
    const uint8_t *data = cell(s, slot, i);
    if (!is_record(data, ACTIVATION, ACTIVATION_CRC)) continue;
    uint32_t generation = tw_get_u32(data + AT_GENERATION);
    if (generation > found.generation) found.generation = generation;
  }
  if (found.generation > 0) found.state = TW_SLOT_PROVEN;
  found.received = found.generation > 0 ? size : resume_at(s, slot, size);
  return found;
}

bool tw_slots_start(tw_slots *s, const tw_flash *flash) {
  *s = (tw_slots){.flash = *flash};
  uint32_t unit = flash->unit_bytes, sector = flash->sector_bytes;
  if (unit == 0 || unit > TW_FLASH_MAX_UNIT_BYTES || (unit & (unit - 1)) != 0) return false;
  if (sector == 0 || sector % unit != 0 || (uintptr_t)flash->base % 16 != 0) return false;
  s->cell_bytes = unit > TW_SLOT_CELL_BYTES ? unit : TW_SLOT_CELL_BYTES;
  s->slot_bytes = flash->bytes / TW_LINK_SLOT_COUNT / sector * sector;
  if (s->slot_bytes <= header_bytes(s)) return false;
  for (uint8_t slot = 0; slot < TW_LINK_SLOT_COUNT; slot++) s->slots[slot] = look(s, slot);
  return true;
}

uint8_t tw_slots_newest(const tw_slots *s, uint32_t below) {
  uint8_t newest = TW_LINK_SLOT_NONE;
  uint32_t highest = 0;
  for (uint8_t slot = 0; slot < TW_LINK_SLOT_COUNT; slot++) {
    uint32_t generation = s->slots[slot].generation;
    if (generation <= highest || generation >= below) continue;
    highest = generation;
    newest = slot;
  }
  return newest;
}

bool tw_slots_is_intact(const tw_slots *s, uint8_t slot) {
  uint8_t digest[TW_SHA256_BYTES];
  const tw_slot *one = &s->slots[slot];
  if (one->size == 0 || one->received != one->size) return false;
  tw_sha256(tw_slots_model(s, slot), one->size, digest);
  return memcmp(digest, one->digest, sizeof digest) == 0;
}

/* ---- writing ---- */

static tw_link_error erase(tw_slots *s, uint32_t offset) {
  s->failed_at = offset;
  return s->flash.erase(s->flash.context, offset) ? TW_LINK_E_NONE : TW_LINK_E_FLASH;
}

static tw_link_error program(tw_slots *s, uint32_t offset, const uint8_t *data, uint32_t bytes) {
  s->failed_at = offset;
  bool done = bytes == 0 || s->flash.program(s->flash.context, offset, data, bytes);
  return done ? TW_LINK_E_NONE : TW_LINK_E_FLASH;
}

/* Program a cell with a record; its CRC-32 goes to `crc_at`, the record's end. */
static tw_link_error put_record(tw_slots *s, uint8_t slot, uint32_t index, uint8_t *record,
                                uint32_t crc_at) {
  uint32_t bytes = tw_round_up(crc_at + 4, s->flash.unit_bytes);
  tw_put_u32(record + crc_at, tw_crc32(record, crc_at));
  return program(s, slot_offset(s, slot) + index * s->cell_bytes, record, bytes);
}

/* Erase all of a slot, its header first. */
static tw_link_error erase_slot(tw_slots *s, uint8_t slot) {
  s->slots[slot] = (tw_slot){.state = TW_SLOT_EMPTY};
  for (uint32_t offset = 0; offset < s->slot_bytes; offset += s->flash.sector_bytes) {
    if (is_blank(s->flash.base + slot_offset(s, slot) + offset, s->flash.sector_bytes)) continue;
    tw_link_error error = erase(s, slot_offset(s, slot) + offset);
    if (error != TW_LINK_E_NONE) return error;
  }
  return TW_LINK_E_NONE;
}

tw_link_error tw_slots_empty(tw_slots *s, uint8_t slot) {
  if (s->upload_slot == slot) s->uploading = false;
  return erase_slot(s, slot);
}

static tw_link_error announce(tw_slots *s, uint8_t slot, uint32_t size, const uint8_t *digest) {
  uint8_t record[TW_FLASH_MAX_UNIT_BYTES] = {0};
  tw_put_u32(record, ANNOUNCEMENT);
  tw_put_u32(record + AT_SIZE, size);
  memcpy(record + AT_DIGEST, digest, TW_SHA256_BYTES);
  tw_link_error error = put_record(s, slot, 0, record, ANNOUNCEMENT_CRC);
  if (error == TW_LINK_E_NONE) s->slots[slot] = look(s, slot);
  return error;
}

/* After a restart: erase what may be half-written, so that it can be written again. */
static tw_link_error prepare_resume(tw_slots *s, uint8_t slot) {
  const tw_slot *one = &s->slots[slot];
  uint32_t first = header_bytes(s) + one->received, end = header_bytes(s) + one->size;
  if (one->received == 0) first = tw_round_up(first, s->flash.sector_bytes);
  for (uint32_t at = first; at < end; at += s->flash.sector_bytes) {
    if (is_blank(s->flash.base + slot_offset(s, slot) + at, s->flash.sector_bytes)) continue;
    tw_link_error error = erase(s, slot_offset(s, slot) + at);
    if (error != TW_LINK_E_NONE) return error;
  }
  return TW_LINK_E_NONE;
}

static bool holds(const tw_slots *s, uint8_t slot, uint32_t size, const uint8_t *digest) {
  const tw_slot *one = &s->slots[slot];
  return one->state != TW_SLOT_EMPTY && one->size == size &&
         memcmp(one->digest, digest, TW_SHA256_BYTES) == 0;
}

/* Is all of the model's first sector that follows the header still blank? */
static bool is_untouched(const tw_slots *s, uint8_t slot) {
  uint32_t rest = tw_round_up(header_bytes(s), s->flash.sector_bytes) - header_bytes(s);
  return is_blank(tw_slots_model(s, slot), tw_min_u32(rest, tw_slots_capacity(s)));
}

tw_link_error tw_slots_begin(tw_slots *s, uint32_t size, const uint8_t digest[TW_SHA256_BYTES],
                             uint8_t active, uint8_t *slot) {
  if (size == 0 || size > tw_slots_capacity(s)) return TW_LINK_E_SIZE;
  for (*slot = 0; *slot < TW_LINK_SLOT_COUNT; (*slot)++) {
    if (!holds(s, *slot, size, digest)) continue;
    const tw_slot *one = &s->slots[*slot];
    bool exact = s->uploading && s->upload_slot == *slot;
    if (one->received == one->size || exact) return TW_LINK_E_NONE;
    if (one->received == 0 && !is_untouched(s, *slot)) break;
    s->uploading = true;
    s->upload_slot = *slot;
    return prepare_resume(s, *slot);
  }
  if (*slot == TW_LINK_SLOT_COUNT) {
    *slot = active == 0 ? 1 : 0;
    /* With no active slot, spare the one that was active last. */
    if (active >= TW_LINK_SLOT_COUNT && tw_slots_newest(s, UINT32_MAX) == 0) *slot = 1;
  }
  s->uploading = false;
  tw_link_error error = erase_slot(s, *slot);
  if (error == TW_LINK_E_NONE) error = announce(s, *slot, size, digest);
  if (error != TW_LINK_E_NONE) return error;
  s->uploading = true;
  s->upload_slot = *slot;
  return TW_LINK_E_NONE;
}

/* Program whole units, then the last one padded with erased bytes. */
static tw_link_error program_padded(tw_slots *s, uint32_t at, const uint8_t *data, uint32_t bytes) {
  uint8_t last[TW_FLASH_MAX_UNIT_BYTES];
  uint32_t unit = s->flash.unit_bytes, rest = bytes % unit, whole = bytes - rest;
  tw_link_error error = program(s, at, data, whole);
  if (error != TW_LINK_E_NONE || rest == 0) return error;
  memset(last, TW_FLASH_ERASED, unit);
  memcpy(last, data + whole, rest);
  return program(s, at + whole, last, unit);
}

tw_link_error tw_slots_write(tw_slots *s, uint32_t offset, const uint8_t *data, uint32_t bytes) {
  if (!s->uploading) return TW_LINK_E_SLOT;
  tw_slot *one = &s->slots[s->upload_slot];
  if (offset != one->received || bytes > one->size - offset) return TW_LINK_E_OFFSET;
  if (bytes % s->flash.unit_bytes != 0 && bytes != one->size - offset) return TW_LINK_E_OFFSET;
  uint32_t at = slot_offset(s, s->upload_slot) + header_bytes(s) + offset;
  tw_link_error error = program_padded(s, at, data, bytes);
  if (error != TW_LINK_E_NONE) {
    s->uploading = false; /* what was programmed is unknown: begin again */
    s->slots[s->upload_slot] = look(s, s->upload_slot);
    return error;
  }
  one->received += bytes;
  if (one->received == one->size) {
    one->state = TW_SLOT_COMPLETE;
    s->uploading = false;
  }
  return TW_LINK_E_NONE;
}

tw_link_error tw_slots_activate(tw_slots *s, uint8_t slot) {
  uint8_t newest = tw_slots_newest(s, UINT32_MAX);
  if (slot == newest) return TW_LINK_E_NONE;
  uint32_t index = 1;
  while (index < TW_SLOT_CELLS && !is_blank(cell(s, slot, index), s->cell_bytes)) index++;
  if (index == TW_SLOT_CELLS) return TW_LINK_E_FULL;
  uint8_t record[TW_FLASH_MAX_UNIT_BYTES] = {0};
  uint32_t generation = newest == TW_LINK_SLOT_NONE ? 1 : s->slots[newest].generation + 1;
  tw_put_u32(record, ACTIVATION);
  tw_put_u32(record + AT_GENERATION, generation);
  tw_link_error error = put_record(s, slot, index, record, ACTIVATION_CRC);
  if (error != TW_LINK_E_NONE) return error;
  s->slots[slot].generation = generation;
  s->slots[slot].state = TW_SLOT_PROVEN;
  return TW_LINK_E_NONE;
}
