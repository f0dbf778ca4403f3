/* A FlexBuffer reader for the options of custom ops: maps and vectors of numbers.
 *
 * Opening one checks where its values, their types and its keys lie, so that no read leaves the
 * buffer; what a value or a key leads to is checked when it is asked for. No recursion, no alignment
 * assumed. Numbers read as in TFLM, which has two ways: by position, whatever the type, and by key. */
#ifndef TW_FLEX_H
#define TW_FLEX_H

#include <stdbool.h>
#include <stdint.h>

/* A map, or a vector: then it has no keys. Positions are offsets into `data`. */
typedef struct {
  const uint8_t *data;
  uint32_t bytes;
  uint32_t values, count;   /* of `width` bytes each, then one byte of type each */
  uint32_t keys, key_count; /* offsets of `key_width` bytes to strings, in order */
  uint8_t width, key_width;
} tw_flex;

/* The map or vector of mixed types that is the root; false when it is neither or is malformed. */
bool tw_flex_root(const uint8_t *data, uint32_t bytes, tw_flex *root);

/* Where a key is; false when the map lacks it. */
bool tw_flex_find(const tw_flex *map, const char *key, uint32_t *index);

/* The bits of value `i` as a signed number, as TFLM reads by position: a uint8 of 200 is -56.
 * False when it is no integer, bool or null stored in place. */
bool tw_flex_bits(const tw_flex *flex, uint32_t i, int32_t *value);

/* Value `i` converted as TFLM does for a key: its low 32 bits, a float truncated; or a float.
 * False when it is no number, or a float that is no int64. Null is 0. */
bool tw_flex_i32(const tw_flex *flex, uint32_t i, int32_t *value);
bool tw_flex_f32(const tw_flex *flex, uint32_t i, float *value);

#endif
