/* A flatbuffer reader that checks everything before use.
 *
 * Every read is bounds-checked against the buffer; a malformed offset, table or vector sets `bad`
 * and yields the default, so callers read on and check `bad` once per stage. `bad` never clears.
 * All loads are byte-wise, so no alignment is assumed. Positions are offsets from the start. */
#ifndef TW_FB_H
#define TW_FB_H

#include "tw_base.h"

typedef struct {
  const uint8_t *data;
  uint32_t bytes;
  bool bad;
} tw_fb;

/* A table, which lies inside the buffer with its vtable; `pos` 0 means absent: every field then
 * reads as its default. One number, because WebAssembly passes a struct of more through memory. */
typedef struct {
  uint32_t pos;
} tw_fb_table;

/* A vector, which lies inside the buffer; `pos` 0 means absent. */
typedef struct {
  uint32_t pos; /* of its count; its elements are behind that */
} tw_fb_vector;

#define TW_LOAD(name, type)                    \
  static inline type name(const uint8_t *p) {  \
    type v;                                    \
    memcpy(&v, p, sizeof v);                   \
    return v;                                  \
  }
TW_LOAD(tw_load_u16, uint16_t)
TW_LOAD(tw_load_u32, uint32_t)
TW_LOAD(tw_load_u64, uint64_t)
TW_LOAD(tw_load_f32, float)
static inline int32_t tw_load_i32(const uint8_t *p) { return (int32_t)tw_load_u32(p); }
static inline int64_t tw_load_i64(const uint8_t *p) { return (int64_t)tw_load_u64(p); }

/* The root table. */
tw_fb_table tw_fb_root(tw_fb *fb);

/* Scalar field `id` of a table, or `otherwise` when the field is absent. */
uint8_t tw_fb_u8(tw_fb *fb, tw_fb_table t, uint32_t id, uint8_t otherwise);
int32_t tw_fb_i32(tw_fb *fb, tw_fb_table t, uint32_t id, int32_t otherwise);
uint64_t tw_fb_u64(tw_fb *fb, tw_fb_table t, uint32_t id, uint64_t otherwise);
float tw_fb_f32(tw_fb *fb, tw_fb_table t, uint32_t id, float otherwise);

/* Field `id` as a table, a vector of `element_bytes` elements, or a string's bytes. */
tw_fb_table tw_fb_sub(tw_fb *fb, tw_fb_table t, uint32_t id);
tw_fb_vector tw_fb_vec(tw_fb *fb, tw_fb_table t, uint32_t id, uint32_t element_bytes);

/* A vector's number of elements, 0 when it is absent, and where they start. */
uint32_t tw_fb_count(const tw_fb *fb, tw_fb_vector v);
static inline const uint8_t *tw_fb_elements(const tw_fb *fb, tw_fb_vector v) {
  return fb->data + v.pos + 4;
}

/* Whether field `id` is present. */
bool tw_fb_has(tw_fb *fb, tw_fb_table t, uint32_t id);

/* Element `i` of a vector of tables. */
tw_fb_table tw_fb_at(tw_fb *fb, tw_fb_vector v, uint32_t i);

#endif
