/* Two model slots in flash, such that a power loss at any moment leaves the old model or the new one.
 *
 * A slot is a header, then the model, which stays where it is and is read in place. The header is a
 * row of cells, each programmed once between two erasures of the slot:
 *
 *   cell 0       announcement: magic, size, SHA-256 of the model, zero, CRC-32 of all that
 *   cell 1..15   activations: magic, generation, zero, CRC-32 of all that
 *
 * The slot with the valid activation of the highest generation is the active one. A torn cell has a
 * wrong CRC and does not count. An upload erases the slot's first sector first, so that the old
 * model in it ends at once, and writes the announcement last, so that a half-erased slot is empty.
 * The pieces follow in order. After a restart an upload goes on at the last sector that is not
 * blank, which is erased again: all before it was written before. The digest has the last word. */
#ifndef TW_SLOTS_H
#define TW_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "tw_link_defs.h"
#include "tw_sha256.h"

enum {
  TW_SLOT_CELLS = 16,      /* per header: an announcement and 15 activations */
  TW_SLOT_CELL_BYTES = 64, /* or one program unit, where that is larger */
  TW_FLASH_MAX_UNIT_BYTES = 256,
  TW_FLASH_ERASED = 0xFF,  /* what an erased byte reads as */
};

/* The flash that holds the slots. Offsets count from its start. */
typedef struct {
  /* Where it is mapped for reading; 16-byte aligned. Written only through the callbacks. */
  const uint8_t *base;

  /* Its size; half of it, rounded down to whole sectors, is one slot. */
  uint32_t bytes;

  /* What erase() erases at once, in bytes; the flash starts at a sector's start. */
  uint32_t sector_bytes;

  /* What program() programs at once, in bytes: a power of two up to TW_FLASH_MAX_UNIT_BYTES. Each
   * unit is programmed at most once between two erasures. */
  uint32_t unit_bytes;

  /* Erase the sector at `offset`; true when it worked. */
  bool (*erase)(void *context, uint32_t offset);

  /* Program `bytes` bytes, both whole units; true when it worked and reads back the same. `data` is
   * not in this flash. */
  bool (*program)(void *context, uint32_t offset, const uint8_t *data, uint32_t bytes);

  void *context;
} tw_flash;

typedef struct {
  tw_slot_state state;
  uint32_t generation; /* of the latest activation; 0: none */
  uint32_t size;       /* bytes of the model */
  uint32_t received;   /* how many are there */
  uint8_t digest[TW_SHA256_BYTES];
} tw_slot;

typedef struct {
  tw_flash flash;
  uint32_t cell_bytes;
  uint32_t slot_bytes; /* header and model */
  tw_slot slots[TW_LINK_SLOT_COUNT];
  uint32_t failed_at;  /* after TW_LINK_E_FLASH: where */
  bool uploading;      /* since the start: `received` of the slot is exact */
  uint8_t upload_slot;
} tw_slots;

/* Look at what the flash holds. False when the geometry is wrong: see tw_flash. */
bool tw_slots_start(tw_slots *s, const tw_flash *flash);

/* Largest model that a slot holds, in bytes. */
uint32_t tw_slots_capacity(const tw_slots *s);

/* The model in a slot: `size` bytes, 16-byte aligned. */
const uint8_t *tw_slots_model(const tw_slots *s, uint8_t slot);

/* The slot of the highest generation below `below`, or TW_LINK_SLOT_NONE. */
uint8_t tw_slots_newest(const tw_slots *s, uint32_t below);

/* Does the model in the slot have its digest? */
bool tw_slots_is_intact(const tw_slots *s, uint8_t slot);

/* Make room for a model, or find what is there of it. `active` is spared, unless it holds this
 * model. Writes the slot, and where to go on is its `received`. */
tw_link_error tw_slots_begin(tw_slots *s, uint32_t size, const uint8_t digest[TW_SHA256_BYTES],
                             uint8_t active, uint8_t *slot);

/* Write the next piece. TW_LINK_E_OFFSET leaves everything as it is. */
tw_link_error tw_slots_write(tw_slots *s, uint32_t offset, const uint8_t *data, uint32_t bytes);

/* Make a slot with an intact model the one that starts at power-up. */
tw_link_error tw_slots_activate(tw_slots *s, uint8_t slot);

/* Forget the model in a slot. */
tw_link_error tw_slots_empty(tw_slots *s, uint8_t slot);

#endif
