#include "tw_bytes.h"

/* An element x of int8 is taken as the unsigned byte x + 128. tw_dot_u8 adds two of its products with
 * weights as int16: that is exact if neither the weights over zero nor those below come to more than 128
 * together, as 255 * 128 is an int16. Where `paired`, four products are added so. Blocks of a filter in
 * which weights come to more are noted once, and their sums made right each time. */

enum { BLOCK = 32, LEAST_DEPTH = 64, MOST_DEPTH = 16384, MOST_CHANNELS = 65535, MOST_SUM = 128 };
/* One of so many blocks may be noted. */
enum { NOTED = 16 };

typedef struct {
  uint16_t channel, block;
} place;

struct tw_bytes {
  const int8_t *weights; /* [channels, depth] */
  int32_t depth;
  tw_scales scales;
  tw_scale4 even; /* of all channels, but for their biases; `scaled` if it serves for them */
  int32_t *offsets; /* [channels], to be added to sums, behind the places; NULL: nothing is */
  bool paired;
  int32_t count;
  place places[]; /* in order */
};

/* What layers keep is no part of the arena, which is as large as without. */
enum { KEPT_BYTES = 8192 };
static _Alignas(16) uint8_t kept[KEPT_BYTES];

static void *keep(tw_engine *e, uint32_t bytes) {
  if (bytes > KEPT_BYTES - e->kept_bytes) return NULL;
  void *const memory = kept + e->kept_bytes;
  e->kept_bytes += (bytes + 15) & ~15u;
  return memory;
}

/* ---- weights ---- */

typedef struct {
  place *places;
  int32_t count, room;
} list;

static void note(list *to, int32_t channel, int32_t block) {
  if (to->count < to->room) to->places[to->count] = (place){(uint16_t)channel, (uint16_t)block};
  to->count++;
}

/* Sums of weights over zero and of those below. */
TW_INLINE bool is_much(v128_t over, v128_t below) {
  return wasm_v128_any_true(wasm_v128_or(wasm_i16x8_gt(over, wasm_i16x8_splat(MOST_SUM)),
                                         wasm_i16x8_lt(below, wasm_i16x8_splat(-MOST_SUM))));
}

/* Note a block of weights in the list of those where two products are too much, and where four are. */
static void look_at(const int8_t *w, int32_t channel, int32_t block, list *two, list *four) {
  const v128_t zero = wasm_i8x16_splat(0), a = wasm_v128_load(w), b = wasm_v128_load(w + 16);
  const v128_t over_a = wasm_i16x8_extadd_pairwise_i8x16(wasm_i8x16_max(a, zero)),
               over_b = wasm_i16x8_extadd_pairwise_i8x16(wasm_i8x16_max(b, zero)),
               below_a = wasm_i16x8_extadd_pairwise_i8x16(wasm_i8x16_min(a, zero)),
               below_b = wasm_i16x8_extadd_pairwise_i8x16(wasm_i8x16_min(b, zero));
  if (!is_much(wasm_i16x8_add(over_a, over_b), wasm_i16x8_add(below_a, below_b))) return;
  note(four, channel, block);
  if (is_much(over_a, below_a) || is_much(over_b, below_b)) note(two, channel, block);
}

static int32_t sum_of(const int8_t *w, int32_t depth) {
  int32_t sum = 0;
  for (int32_t i = 0; i < depth; i++) sum += w[i];
  return sum;
}

/* Note what `best` says of a layer; NULL: there is no room. */
static tw_bytes *keep_layer(tw_engine *e, const tw_tensor *weights, const tw_tensor *bias,
                            const tw_requant *q, const list *best, bool paired) {
  const int32_t depth = tw_dim(weights, -1), channels = tw_dim(weights, -2);
  const uint32_t places = (uint32_t)best->count * sizeof(place);
  const uint32_t offsets = q->input_zero_point == INT8_MIN ? 0 : (uint32_t)channels * sizeof(int32_t);
  tw_bytes *const b = keep(e, sizeof *b + places + offsets);
  if (b == NULL) return NULL;
  *b = (tw_bytes){.weights = weights->data, .depth = depth, .count = best->count, .paired = paired,
                  .scales = tw_scales_of(q, bias, channels, (uint32_t)depth * 255 * 128)};
  memcpy(b->places, best->places, places);
  if (!q->per_channel) {
    tw_scales alike = b->scales;
    alike.bias = NULL;
    tw_scale4_set(&b->even, &alike, (const int32_t[]){0, 1, 2, 3}, 4);
  }
  if (offsets == 0) return b;
  b->offsets = (int32_t *)(void *)(b->places + best->count);
  for (int32_t c = 0; c < channels; c++) {
    b->offsets[c] = -(128 + q->input_zero_point) * sum_of(b->weights + c * depth, depth);
  }
  return b;
}

tw_bytes *tw_bytes_prepare(tw_engine *e, const tw_tensor *weights, const tw_tensor *bias,
                           const tw_requant *q) {
  const int32_t depth = tw_dim(weights, -1), channels = tw_dim(weights, -2);
  if (weights->data == NULL || (bias != NULL && bias->data == NULL) || depth % BLOCK != 0 ||
      depth < LEAST_DEPTH || depth > MOST_DEPTH || channels > MOST_CHANNELS) {
    return NULL;
  }
  const int8_t *w = weights->data;
  const int32_t most = (int32_t)(weights->bytes / BLOCK / NOTED);
  const int32_t room = tw_min(most, TW_WORK_BYTES / 2 / (int32_t)sizeof(place));
  list two = {(place *)(void *)tw_work, 0, room}, four = {two.places + room, 0, room};
  for (int32_t c = 0; c < channels; c++) {
    for (int32_t i = 0; i < depth; i += BLOCK) look_at(w + c * depth + i, c, i / BLOCK, &two, &four);
  }
  const list *const best = four.count <= room ? &four : &two;
  tw_bytes *const b = best->count <= room ? keep_layer(e, weights, bias, q, best, best == &four) : NULL;
  memset(tw_work, 0, 2 * (size_t)room * sizeof(place)); /* a snapshot need not hold it */
  return b;
}

/* ---- products ---- */

TW_INLINE v128_t sum_block(v128_t sum, const int8_t *w, v128_t x0, v128_t x1, bool paired) {
  const v128_t a = tw_dot_u8(wasm_v128_load(w), x0), b = tw_dot_u8(wasm_v128_load(w + 16), x1);
  if (paired) return wasm_i32x4_add(sum, wasm_i32x4_extadd_pairwise_i16x8(wasm_i16x8_add(a, b)));
  return wasm_i32x4_add(wasm_i32x4_add(sum, wasm_i32x4_extadd_pairwise_i16x8(a)),
                        wasm_i32x4_extadd_pairwise_i16x8(b));
}

/* Block number `k` of a turn, and a way out: see docs/adr/0016 for why loops are written so. */
#define STEP(k)                                                                                \
  {                                                                                            \
    const v128_t x0 = wasm_v128_load(at + BLOCK * (k)), x1 = wasm_v128_load(at + BLOCK * (k) + 16); \
    s0 = sum_block(s0, w0 + BLOCK * (k), x0, x1, paired);                                      \
    s1 = sum_block(s1, w1 + BLOCK * (k), x0, x1, paired);                                      \
    s2 = sum_block(s2, w2 + BLOCK * (k), x0, x1, paired);                                      \
    s3 = sum_block(s3, w3 + BLOCK * (k), x0, x1, paired);                                      \
    if (left <= (k) + 1) break;                                                                \
  }

/* `channels` filters, four at a time. */
TW_INLINE void multiply(const uint8_t *x, const int8_t *w, int32_t depth, int32_t channels, bool paired,
                        int32_t *sums) {
  const v128_t zero = wasm_i32x4_splat(0);
  for (int32_t c = 0; c < channels; c += 4, w += 4 * depth, sums += 4) {
    const int32_t last = channels - 1 - c;
    const int8_t *w0 = w, *w1 = w + tw_min(1, last) * depth, *w2 = w + tw_min(2, last) * depth,
                 *w3 = w + tw_min(3, last) * depth;
    const uint8_t *at = x;
    v128_t s0 = zero, s1 = zero, s2 = zero, s3 = zero;
    for (int32_t left = depth / BLOCK;;) {
      STEP(0) STEP(1) STEP(2) STEP(3)
      left -= 4, at += 4 * BLOCK;
      w0 += 4 * BLOCK, w1 += 4 * BLOCK, w2 += 4 * BLOCK, w3 += 4 * BLOCK;
    }
    wasm_v128_store(sums, tw_sum_lanes(s0, s1, s2, s3));
  }
}

static TW_NOINLINE void multiply_paired(const uint8_t *x, const int8_t *w, int32_t depth,
                                        int32_t channels, int32_t *sums) {
  multiply(x, w, depth, channels, true, sums);
}

static TW_NOINLINE void multiply_alone(const uint8_t *x, const int8_t *w, int32_t depth,
                                       int32_t channels, int32_t *sums) {
  multiply(x, w, depth, channels, false, sums);
}

TW_INLINE int32_t sum_of_lanes(v128_t x) {
  x = wasm_i32x4_add(x, wasm_i32x4_shuffle(x, x, 2, 3, 0, 1));
  return wasm_i32x4_extract_lane(x, 0) + wasm_i32x4_extract_lane(x, 1);
}

/* What the sum of a noted block lacks. */
static TW_NOINLINE int32_t missing(const uint8_t *x, const int8_t *w, bool paired) {
  const v128_t x0 = wasm_v128_load(x), x1 = wasm_v128_load(x + 16), zero = wasm_i32x4_splat(0);
  v128_t sum = zero;
  for (int32_t i = 0; i < BLOCK; i += 8) {
    sum = tw_add_dot(sum, wasm_u16x8_load8x8(x + i), wasm_i16x8_load8x8(w + i));
  }
  const v128_t had = paired ? sum_block(zero, w, x0, x1, true) : sum_block(zero, w, x0, x1, false);
  return sum_of_lanes(wasm_i32x4_sub(sum, had));
}

/* Outputs of `count` channels that share a scale are like pixels: only their biases differ. */
static void finish_even(const tw_bytes *b, int32_t *sums, int32_t first, int32_t count, int8_t *out) {
  const v128_t power = b->even.lanes.power;
  const int32_t rest = count % 4, fours = count - rest;
  const int32_t *const bias = b->scales.bias == NULL ? NULL : (const int32_t *)b->scales.bias->data + first;
  for (int32_t i = 0; i < fours; i += 4) {
    v128_t sum = wasm_v128_load(sums + i);
    if (bias != NULL) sum = wasm_i32x4_add(sum, wasm_v128_load(bias + i));
    wasm_v128_store(sums + i, wasm_i32x4_mul(sum, power));
  }
  if (fours > 0) tw_finish(sums, fours / 4, &b->even, b->scales.q, false, 4, 4, out);
  if (rest == 0) return;
  const v128_t last_bias = tw_lane_bias_of(&b->scales, first + fours);
  const v128_t sum = wasm_i32x4_add(wasm_v128_load(sums + fours), last_bias);
  wasm_v128_store(sums + fours, wasm_i32x4_mul(sum, power));
  tw_finish(sums + fours, 1, &b->even, b->scales.q, false, rest, 4, out + fours);
}

void tw_bytes_run(const tw_bytes *b, const int8_t *x, void *work, int8_t *out) {
  const int32_t depth = b->depth, channels = b->scales.channels;
  uint8_t *const bytes = work;
  for (int32_t i = 0; i < depth; i += 16) {
    wasm_v128_store(bytes + i, wasm_v128_xor(wasm_v128_load(x + i), wasm_i8x16_splat(INT8_MIN)));
  }
  const place *next = b->places, *const last = next + b->count;
  int32_t sums[TW_GEMV_MOST + 3]; /* bytes past the last four are read */
  for (int32_t c = 0, end; c < channels; c = end) {
    end = tw_min(c + TW_GEMV_MOST, channels);
    const int8_t *const w = b->weights + c * depth;
    (b->paired ? multiply_paired : multiply_alone)(bytes, w, depth, end - c, sums);
    for (; next != last && next->channel < end; next++) {
      const int32_t at = next->block * BLOCK;
      const int32_t channel = next->channel - c;
      sums[channel] += missing(bytes + at, w + channel * depth + at, b->paired);
    }
    for (int32_t i = 0; b->offsets != NULL && i < end - c; i++) sums[i] += b->offsets[c + i];
    if (b->even.scaled) {
      finish_even(b, sums, c, end - c, out + c);
    } else {
      tw_gemv_finish(&b->scales, sums, c, end, out);
    }
  }
}
