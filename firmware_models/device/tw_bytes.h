/* Little-endian numbers in byte buffers, and the few memory functions, on any alignment. */
#ifndef TW_BYTES_H
#define TW_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t tw_get_u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

static inline uint32_t tw_get_u32(const uint8_t *p) {
  return (uint32_t)tw_get_u16(p) | (uint32_t)tw_get_u16(p + 2) << 16;
}

static inline void tw_put_u16(uint8_t *p, uint32_t value) {
  p[0] = (uint8_t)value;
  p[1] = (uint8_t)(value >> 8);
}

static inline void tw_put_u32(uint8_t *p, uint32_t value) {
  tw_put_u16(p, value & 0xFFFF);
  tw_put_u16(p + 2, value >> 16);
}

static inline void tw_put_u64(uint8_t *p, uint64_t value) {
  tw_put_u32(p, (uint32_t)value);
  tw_put_u32(p + 4, (uint32_t)(value >> 32));
}

static inline uint32_t tw_min_u32(uint32_t a, uint32_t b) { return a < b ? a : b; }

static inline uint32_t tw_round_up(uint32_t value, uint32_t unit) {
  return (value + unit - 1) / unit * unit;
}

#endif
