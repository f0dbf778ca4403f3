#include "tw_flex.h"

#include "tw_base.h"
#include "tw_fb.h"

/* Types; the lowest two bits of a packed type are log2 of a width. */
enum { NULL_TYPE = 0, INT = 1, UINT = 2, FLOAT = 3, INDIRECT_INT = 6, INDIRECT_UINT = 7,
       INDIRECT_FLOAT = 8, MAP = 9, VECTOR = 10, BOOL = 26 };

static bool is_width(uint64_t width) {
  return width == 1 || width == 2 || width == 4 || width == 8;
}

static bool inside(const tw_flex *f, uint64_t pos, uint64_t bytes) {
  return pos <= f->bytes && bytes <= f->bytes - pos;
}

TW_NOINLINE static uint64_t load_unsigned(const tw_flex *f, uint32_t pos, uint32_t width) {
  const uint8_t *p = f->data + pos;
  switch (width) {
    case 1: return *p;
    case 2: return tw_load_u16(p);
    case 4: return tw_load_u32(p);
    default: return tw_load_u64(p);
  }
}

static int64_t load_signed(const tw_flex *f, uint32_t pos, uint32_t width) {
  uint32_t unused = 64 - 8 * width;
  return (int64_t)(load_unsigned(f, pos, width) << unused) >> unused;
}

/* Where the offset at `pos`, which counts backwards, leads; false when it leaves the buffer. */
static bool follow(const tw_flex *f, uint32_t pos, uint32_t width, uint32_t *target) {
  uint64_t offset = load_unsigned(f, pos, width);
  if (offset > pos) return false;
  *target = pos - (uint32_t)offset;
  return true;
}

/* The count in front of a vector at `pos`; false when so many `element_bytes` don't fit. */
TW_NOINLINE static bool load_count(const tw_flex *f, uint32_t pos, uint32_t width,
                                   uint32_t element_bytes, uint32_t *count) {
  if (pos < width) return false;
  uint64_t n = load_unsigned(f, pos - width, width);
  if (n > f->bytes || !inside(f, pos, n * element_bytes)) return false;
  *count = (uint32_t)n;
  return true;
}

/* In front of a map's count: the offset of its keys, then their width. */
static bool open_keys(tw_flex *f) {
  if (f->values < 3 * (uint32_t)f->width) return false;
  uint32_t at = f->values - 3 * (uint32_t)f->width;
  uint64_t width = load_unsigned(f, at + f->width, f->width);
  if (!is_width(width) || !follow(f, at, f->width, &f->keys)) return false;
  f->key_width = (uint8_t)width;
  return load_count(f, f->keys, f->key_width, f->key_width, &f->key_count);
}

bool tw_flex_root(const uint8_t *data, uint32_t bytes, tw_flex *root) {
  *root = (tw_flex){.data = data, .bytes = bytes};
  if (bytes < 2) return false;
  uint8_t offset_width = data[bytes - 1], packed = data[bytes - 2];
  uint8_t type = packed >> 2;
  if ((type != MAP && type != VECTOR) || !is_width(offset_width)) return false;
  if (bytes - 2 < offset_width) return false;
  root->width = (uint8_t)(1 << (packed & 3));
  uint32_t end = bytes - 2 - offset_width, element_bytes = root->width + 1u;
  return follow(root, end, offset_width, &root->values) &&
         load_count(root, root->values, root->width, element_bytes, &root->count) &&
         (type == VECTOR || open_keys(root));
}

/* As strcmp of `key` with the map's key `i`, whose end is the buffer's if nothing ends it. */
static int compare(const tw_flex *map, const char *key, uint32_t i) {
  uint32_t pos;
  if (!follow(map, map->keys + i * map->key_width, map->key_width, &pos)) return 1;
  for (;; key++, pos++) {
    uint8_t a = (uint8_t)*key, b = pos < map->bytes ? map->data[pos] : 0;
    if (a != b || a == 0) return a - b;
  }
}

bool tw_flex_find(const tw_flex *map, const char *key, uint32_t *index) {
  uint32_t low = 0, high = map->key_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    int order = compare(map, key, middle);
    if (order == 0) {
      *index = middle;
      return middle < map->count;
    }
    if (order < 0) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return false;
}

/* ---- values ---- */

/* One value: where it is, how wide, and as which of INT, UINT and FLOAT it reads. */
typedef struct {
  uint32_t pos;
  uint8_t width, type;
  bool direct; /* not by an offset */
} place;

TW_NOINLINE static bool locate(const tw_flex *f, uint32_t i, place *p) {
  if (i >= f->count) return false;
  uint8_t packed = f->data[f->values + f->count * f->width + i];
  *p = (place){f->values + i * f->width, f->width, packed >> 2, true};
  switch (p->type) {
    case INT: case UINT: case FLOAT: return true;
    case NULL_TYPE: case BOOL: p->type = UINT; return true;
    case INDIRECT_INT: case INDIRECT_UINT: case INDIRECT_FLOAT: break;
    default: return false;
  }
  p->direct = false;
  p->type = (uint8_t)(p->type - INDIRECT_INT + INT);
  if (!follow(f, p->pos, p->width, &p->pos)) return false;
  p->width = (uint8_t)(1 << (packed & 3));
  return inside(f, p->pos, p->width);
}

/* There are no floats of 8 and 16 bits: those are read as integers. */
TW_NOINLINE static double load_float(const tw_flex *f, place p) {
  if (p.width < 4) return (double)load_signed(f, p.pos, p.width);
  if (p.width == 4) return (double)tw_load_f32(f->data + p.pos);
  double value;
  memcpy(&value, f->data + p.pos, sizeof value);
  return value;
}

bool tw_flex_bits(const tw_flex *flex, uint32_t i, int32_t *value) {
  place p;
  if (!locate(flex, i, &p) || p.type == FLOAT || !p.direct) return false;
  *value = (int32_t)load_signed(flex, p.pos, p.width);
  return true;
}

bool tw_flex_i32(const tw_flex *flex, uint32_t i, int32_t *value) {
  place p;
  if (!locate(flex, i, &p)) return false;
  if (p.type == FLOAT) {
    double real = load_float(flex, p);
    if (!(real > -9223372036854775808.0 && real < 9223372036854775808.0)) return false;
    *value = (int32_t)(int64_t)real;
  } else if (p.type == INT) {
    *value = (int32_t)load_signed(flex, p.pos, p.width);
  } else {
    *value = (int32_t)load_unsigned(flex, p.pos, p.width);
  }
  return true;
}

bool tw_flex_f32(const tw_flex *flex, uint32_t i, float *value) {
  place p;
  if (!locate(flex, i, &p)) return false;
  double real = p.type == FLOAT ? load_float(flex, p)
                : p.type == INT ? (double)load_signed(flex, p.pos, p.width)
                                : (double)load_unsigned(flex, p.pos, p.width);
  *value = (float)real; /* a double beyond floats becomes infinite */
  return true;
}
