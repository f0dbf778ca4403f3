#include "tw_fb.h"

/* Whether [pos, pos + bytes) lies in the buffer; sets `bad` when it does not. */
static bool inside(tw_fb *fb, uint32_t pos, uint64_t bytes) {
  if (pos <= fb->bytes && bytes <= fb->bytes - pos) return true;
  fb->bad = true;
  return false;
}

static const tw_fb_table no_table = {0};
static const tw_fb_vector no_vector = {0};

/* A table's vtable: its own bytes, the table's bytes, then where each field is. */
static uint32_t vtable_of(const tw_fb *fb, uint32_t pos) {
  return pos - tw_load_u32(fb->data + pos);
}

static tw_fb_table table_at(tw_fb *fb, uint32_t pos) {
  if (!inside(fb, pos, 4)) return no_table;
  int64_t vtable = (int64_t)pos - tw_load_i32(fb->data + pos);
  if (vtable < 0 || vtable > UINT32_MAX || !inside(fb, (uint32_t)vtable, 4)) {
    fb->bad = true;
    return no_table;
  }
  const uint8_t *header = fb->data + vtable;
  uint32_t vtable_bytes = tw_load_u16(header), table_bytes = tw_load_u16(header + 2);
  if (vtable_bytes < 4 || table_bytes < 4 || !inside(fb, (uint32_t)vtable, vtable_bytes) ||
      !inside(fb, pos, table_bytes)) {
    fb->bad = true;
    return no_table;
  }
  return (tw_fb_table){pos};
}

/* Follow the unsigned offset stored at `pos`; 0 when it is malformed. */
static uint32_t follow(tw_fb *fb, uint32_t pos) {
  if (!inside(fb, pos, 4)) return 0;
  uint32_t offset = tw_load_u32(fb->data + pos);
  if (offset < 4 || !inside(fb, pos, offset)) {
    fb->bad = true;
    return 0;
  }
  return pos + offset;
}

/* Position of field `id` of `bytes` bytes, or 0 when it is absent or malformed. */
static uint32_t field(tw_fb *fb, tw_fb_table t, uint32_t id, uint32_t bytes) {
  if (t.pos == 0) return 0;
  const uint8_t *vtable = fb->data + vtable_of(fb, t.pos);
  uint32_t entry = 4 + 2 * id;
  if (entry + 2 > tw_load_u16(vtable)) return 0;
  uint32_t offset = tw_load_u16(vtable + entry);
  if (offset == 0) return 0;
  if (offset < 4 || offset + bytes > tw_load_u16(vtable + 2)) {
    fb->bad = true;
    return 0;
  }
  return t.pos + offset;
}

tw_fb_table tw_fb_root(tw_fb *fb) {
  uint32_t pos = follow(fb, 0);
  return pos ? table_at(fb, pos) : no_table;
}

uint8_t tw_fb_u8(tw_fb *fb, tw_fb_table t, uint32_t id, uint8_t otherwise) {
  uint32_t pos = field(fb, t, id, 1);
  return pos ? fb->data[pos] : otherwise;
}

int32_t tw_fb_i32(tw_fb *fb, tw_fb_table t, uint32_t id, int32_t otherwise) {
  uint32_t pos = field(fb, t, id, 4);
  return pos ? tw_load_i32(fb->data + pos) : otherwise;
}

uint64_t tw_fb_u64(tw_fb *fb, tw_fb_table t, uint32_t id, uint64_t otherwise) {
  uint32_t pos = field(fb, t, id, 8);
  return pos ? tw_load_u64(fb->data + pos) : otherwise;
}

float tw_fb_f32(tw_fb *fb, tw_fb_table t, uint32_t id, float otherwise) {
  uint32_t pos = field(fb, t, id, 4);
  return pos ? tw_load_f32(fb->data + pos) : otherwise;
}

bool tw_fb_has(tw_fb *fb, tw_fb_table t, uint32_t id) { return field(fb, t, id, 1) != 0; }

tw_fb_table tw_fb_sub(tw_fb *fb, tw_fb_table t, uint32_t id) {
  uint32_t pos = field(fb, t, id, 4);
  if (pos == 0) return no_table;
  pos = follow(fb, pos);
  return pos ? table_at(fb, pos) : no_table;
}

tw_fb_vector tw_fb_vec(tw_fb *fb, tw_fb_table t, uint32_t id, uint32_t element_bytes) {
  uint32_t pos = field(fb, t, id, 4);
  if (pos == 0) return no_vector;
  pos = follow(fb, pos);
  if (pos == 0 || !inside(fb, pos, 4)) return no_vector;
  uint64_t bytes = (uint64_t)tw_load_u32(fb->data + pos) * element_bytes;
  return inside(fb, pos + 4, bytes) ? (tw_fb_vector){pos} : no_vector;
}

uint32_t tw_fb_count(const tw_fb *fb, tw_fb_vector v) {
  return v.pos != 0 ? tw_load_u32(fb->data + v.pos) : 0;
}

tw_fb_table tw_fb_at(tw_fb *fb, tw_fb_vector v, uint32_t i) {
  if (i >= tw_fb_count(fb, v)) {
    fb->bad = true;
    return no_table;
  }
  uint32_t pos = follow(fb, v.pos + 4 + 4 * i);
  return pos ? table_at(fb, pos) : no_table;
}
