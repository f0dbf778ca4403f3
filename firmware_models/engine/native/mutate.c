#include "mutate.h"

#include <sanitizer/asan_interface.h>

#include "tw_base.h"
#include "tw_internal.h"

uint64_t tw_random(uint64_t *state) {
  uint64_t z = *state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

uint32_t tw_below(uint64_t *state, uint32_t limit) { return (uint32_t)(tw_random(state) % limit); }

static uint32_t any_word(uint32_t bytes, uint64_t *state) {
  static const uint32_t words[] = {0,          1,          2,          0xFFFFFFFF, 0x7FFFFFFF,
                                   0x80000000, 0xFFFF,     0x10000,    0x3F800000, 0x7F800000,
                                   0x7FC00000, 0x00800000, 0x40000000, 127,        128};
  switch (tw_below(state, 4)) {
    case 0: return (uint32_t)tw_random(state);
    case 1: return tw_below(state, bytes);
    default: return words[tw_below(state, TW_COUNT(words))];
  }
}

static void put_word(uint8_t *data, uint32_t bytes, uint32_t position, uint32_t word) {
  if (position + 4 <= bytes) memcpy(data + position, &word, 4);
}

/* Whether a flatbuffer's table may begin at `position`, and where its vtable then is. */
static bool looks_like_table(const uint8_t *data, uint32_t bytes, uint32_t position,
                             uint32_t *vtable) {
  int64_t start = (int64_t)position - tw_load_i32(data + position);
  if (start < 0 || start + 4 > bytes) return false;
  *vtable = (uint32_t)start;
  uint32_t vtable_bytes = tw_load_u16(data + start), table_bytes = tw_load_u16(data + start + 2);
  return vtable_bytes >= 6 && vtable_bytes % 2 == 0 && vtable_bytes <= 64 &&
         start + vtable_bytes <= bytes && table_bytes >= 4 && position + table_bytes <= bytes;
}

/* Change a field of the next table behind a random place, or say that it is absent. */
static void mutate_table(uint8_t *data, uint32_t bytes, uint64_t *state) {
  uint32_t words = bytes / 4, first = tw_below(state, words), vtable;
  for (uint32_t i = 0; i < words; i++) {
    uint32_t position = (first + i) % words * 4;
    if (!looks_like_table(data, bytes, position, &vtable)) continue;
    uint32_t fields = (tw_load_u16(data + vtable) - 4u) / 2;
    uint32_t entry = vtable + 4 + 2 * tw_below(state, fields);
    uint32_t field = position + tw_load_u16(data + entry);
    if (tw_below(state, 4) == 0) {
      uint16_t other = tw_below(state, 2) ? 0 : tw_load_u16(data + vtable + 4);
      memcpy(data + entry, &other, 2);
    } else if (field > position && tw_below(state, 2)) {
      put_word(data, bytes, field, any_word(bytes, state));
    } else if (field > position && field < bytes) {
      data[field] = (uint8_t)tw_below(state, tw_below(state, 2) ? 8 : 256);
    }
    return;
  }
}

void tw_mutate(uint8_t *data, uint32_t bytes, uint64_t *state) {
  /* The tables that describe the graph are mostly near the end of a file, weights before them. */
  uint32_t from = tw_below(state, 2) ? 0 : bytes - bytes / 8;
  uint32_t position = from + tw_below(state, bytes - from);
  switch (tw_below(state, 6)) {
    case 0: data[position] ^= (uint8_t)(1u << tw_below(state, 8)); break;
    case 1: data[position] = (uint8_t)tw_random(state); break;
    case 2:
    case 3: put_word(data, bytes, position & ~3u, any_word(bytes, state)); break;
    case 4: mutate_table(data, bytes, state); break;
    default: {
      uint32_t length = 1 + tw_below(state, 16), source = tw_below(state, bytes);
      if (position + length <= bytes && source + length <= bytes) {
        memmove(data + position, data + source, length);
      }
    }
  }
}

void tw_fill_inputs(const tw_engine *e, uint64_t *state) {
  for (uint32_t i = 0; i < e->subgraphs[0].input_count; i++) {
    const tw_tensor *t = tw_engine_input(e, i);
    bool small = tw_below(state, 4) == 0;
    for (uint32_t k = 0; k < t->bytes; k++) {
      uint8_t byte = (uint8_t)tw_random(state);
      if (small) byte = k % 4 == 0 ? byte & 7 : 0;
      ((uint8_t *)t->data)[k] = byte;
    }
  }
}

void tw_watch_gap(const tw_engine *e) {
  uint32_t start = e->arena_used - tw_align_up(e->persistent, TW_ALIGN);
  uint32_t end = e->arena_bytes - e->tail;
  if (start < end) ASAN_POISON_MEMORY_REGION(e->arena + start, end - start);
}
