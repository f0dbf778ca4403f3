#include "tw_custom.h"
#include "tw_move.h"

/* TFLM_DECODE: constants that the model holds compressed. For each output there are two inputs, the
 * encoded elements and how to decode them: a header of 16 bytes, then a table. */

enum { LOOK_UP = 0, HUFFMAN = 1, PRUNING = 2 };
enum { HEADER_KIND = 0, HEADER_VERSION = 1, HEADER_KIND_VERSION = 4, HEADER_OPTIONS = 5,
       HEADER_STRIDE = 6, HEADER_BYTES = 16 };

typedef struct {
  const uint8_t *bits, *table; /* in the model */
  uint32_t bit_bytes, table_bytes;
  uint32_t elements;
  uint32_t channels, run; /* so many elements of a channel lie side by side */
  const int8_t *zeros;    /* pruning: what was left out, of each channel */
  uint8_t kind, element_bytes, width, stride;
  bool wide;              /* Huffman: entries of 32 bits instead of 16 */
} decoder;

/* ---- eval ---- */

/* `count` bits, at most 24, from bit `at` on, the first being the highest; behind the end are 0s. */
TW_NOINLINE static uint32_t bits_at(const decoder *d, uint64_t at, uint32_t count) {
  uint32_t byte = (uint32_t)(at >> 3), word = 0;
  for (uint32_t i = 0; i < 4; i++, byte++) {
    word = word << 8 | (byte < d->bit_bytes ? d->bits[byte] : 0u);
  }
  return word << (at & 7) >> (32 - count);
}

/* Copy an element of the table; nothing when only checking, and false when it is not in there. */
TW_NOINLINE static bool take(const decoder *d, uint64_t element, uint8_t *out) {
  const uint32_t bytes = d->element_bytes;
  if ((element + 1) * bytes > d->table_bytes) return false;
  const uint8_t *from = d->table + (uint32_t)element * bytes;
  for (uint32_t i = 0; out != NULL && i < bytes; i++) out[i] = from[i];
  return true;
}

static bool look_up(const decoder *d, uint8_t *out) {
  uint32_t left = d->run, channel = 0;
  for (uint32_t i = 0; i < d->elements; i++) {
    uint32_t index = bits_at(d, (uint64_t)i * d->width, d->width);
    if (!take(d, (uint64_t)channel * d->stride + index, out)) return false;
    if (out != NULL) out += d->element_bytes;
    if (--left > 0) continue;
    left = d->run;
    if (++channel == d->channels) channel = 0;
  }
  return true;
}

static bool fill_pruned(const decoder *d, uint8_t *out) {
  uint32_t left = d->run, channel = 0, kept = 0;
  for (uint32_t i = 0; i < d->elements; i++) {
    if (bits_at(d, i, 1)) {
      if (!take(d, kept++, out)) return false;
    } else if (out != NULL) {
      memset(out, 0, d->element_bytes);
      out[0] = (uint8_t)d->zeros[channel]; /* not 0 for int8 only */
    }
    if (out != NULL) out += d->element_bytes;
    if (--left > 0) continue;
    left = d->run;
    if (++channel == d->channels) channel = 0;
  }
  return true;
}

/* Entry `i` of a Huffman table with its fields where those of 32 bits are. */
TW_NOINLINE static bool load_entry(const decoder *d, uint64_t i, uint32_t *entry) {
  const uint32_t bytes = d->wide ? 4 : 2;
  if ((i + 1) * bytes > d->table_bytes) return false;
  const uint8_t *p = d->table + (uint32_t)i * bytes;
  const uint32_t narrow = tw_load_u16(p);
  *entry = d->wide ? tw_load_u32(p) : (narrow & 0xF800) << 16 | (narrow & 0x7FF);
  return true;
}

/* A table is indexed by the next bits of the code. An entry is a symbol and how many of the bits
 * belong to it, or leads to a table for the bits behind them. */
static bool decode_huffman(const decoder *d, uint8_t *out) {
  uint64_t at = 0, end = (uint64_t)d->bit_bytes * 8;
  for (uint32_t i = 0; i < d->elements; i++) {
    uint32_t width = d->width, entry;
    const uint64_t before = at;
    uint64_t index = bits_at(d, at, width);
    at += width;
    if (!load_entry(d, index, &entry)) return false;
    while ((entry & 0x80000000u) == 0) {
      width = (entry >> 27) + 1;
      index += (entry & 0x07FFFFFFu) + bits_at(d, at, width);
      at += width;
      if (at > end + 32 || !load_entry(d, index, &entry)) return false;
    }
    uint32_t used = entry >> 27 & 15;
    if (used < width) at -= width - used;
    if (at > end) return false;
    if (out == NULL && at == before) return true; /* a code of no bits goes on for ever */
    for (uint32_t k = 0; out != NULL && k < d->element_bytes; k++) {
      *out++ = (uint8_t)(entry >> (8 * k));
    }
  }
  return true;
}

/* With `out` NULL only find out whether all is in its place. */
static bool decode(const decoder *d, uint8_t *out) {
  switch (d->kind) {
    case LOOK_UP: return look_up(d, out);
    case HUFFMAN: return decode_huffman(d, out);
    default: return fill_pruned(d, out);
  }
}

static int eval(tw_engine *e, tw_node *node) {
  const decoder *d = node->data;
  for (uint32_t i = 0; i < node->output_count; i++) decode(&d[i], tw_output(e, node, i)->data);
  return TW_OK;
}

/* ---- prepare ---- */

/* Channels by the output's quantization, along its first or its last dimension. */
static tw_status find_channels(tw_engine *e, const tw_tensor *output, tw_quant q, decoder *d) {
  d->channels = q.count > 0 ? q.count : 1;
  bool last = d->channels > 1 && q.axis == output->rank - 1;
  TW_VERIFY(e, last || q.axis == 0, TW_E_PARAM, "channels along axis %d", (int)q.axis);
  d->run = last ? 1 : d->elements / d->channels;
  return TW_OK;
}

static tw_status find_zeros(tw_engine *e, const tw_tensor *output, tw_quant q, decoder *d) {
  bool all_zero = true;
  for (uint32_t i = 0; i < d->channels; i++) all_zero &= tw_quant_zero_point(q, i) == 0;
  TW_VERIFY(e, all_zero || output->type == TW_INT8, TW_E_PARAM, "a zero point other than 0");
  if (all_zero) { /* then it does not matter how channels lie */
    d->channels = 1;
    d->run = d->elements;
  }
  int8_t *zeros = tw_alloc(e, d->channels);
  if (zeros == NULL) return TW_E_ARENA;
  for (uint32_t i = 0; i < d->channels; i++) zeros[i] = (int8_t)tw_quant_zero_point(q, i);
  d->zeros = zeros;
  return TW_OK;
}

/* What the header says beyond the kind and the versions. */
static tw_status read_header(tw_engine *e, const uint8_t *header, const tw_tensor *output,
                             decoder *d) {
  uint32_t types = TW_TYPES_F_I8_I16_I32 | TW_TYPE(TW_INT64) | TW_TYPE(TW_BOOL);
  if (d->kind == HUFFMAN) {
    d->wide = header[HEADER_OPTIONS] & 1;
    d->width = (uint8_t)((header[HEADER_OPTIONS] >> 4) + 1);
    types = TW_TYPE(TW_INT8) | (d->wide ? TW_TYPE(TW_INT16) : 0);
  } else if (d->kind == LOOK_UP) {
    d->width = header[HEADER_OPTIONS] & 7;
    d->stride = header[HEADER_STRIDE];
    TW_VERIFY(e, d->width > 0, TW_E_PARAM, "indices of 0 bits");
  } else {
    d->width = 1;
  }
  if ((types >> output->type & 1) == 0) return tw_fail_type(e, "output", output);
  return TW_OK;
}

static tw_status prepare_output(tw_engine *e, const tw_node *node, uint32_t i, decoder *d) {
  const tw_tensor *encoded = tw_input(e, node, 2 * i), *how = tw_input(e, node, 2 * i + 1);
  const tw_tensor *output = tw_output(e, node, i);
  TW_VERIFY(e, tw_is_const(encoded) && tw_is_const(how), TW_E_PARAM,
            "inputs %u and %u are not constant", (unsigned)(2 * i), (unsigned)(2 * i + 1));
  TW_VERIFY(e, how->bytes >= HEADER_BYTES, TW_E_SHAPE, "input %u has %u bytes",
            (unsigned)(2 * i + 1), (unsigned)how->bytes);
  const uint8_t *header = how->data;
  TW_VERIFY(e, header[HEADER_KIND] <= PRUNING, TW_E_PARAM, "unknown encoding %u",
            header[HEADER_KIND]);
  TW_VERIFY(e, header[HEADER_VERSION] == 1 && header[HEADER_KIND_VERSION] == 1, TW_E_PARAM,
            "versions %u and %u of encoding %u", header[HEADER_VERSION],
            header[HEADER_KIND_VERSION], header[HEADER_KIND]);
  tw_quant q = tw_quant_of(e, node->outputs[i]);
  *d = (decoder){.bits = encoded->data,
                 .bit_bytes = encoded->bytes,
                 .table = header + HEADER_BYTES,
                 .table_bytes = how->bytes - HEADER_BYTES,
                 .elements = tw_elements(output),
                 .element_bytes = (uint8_t)tw_type_bytes(output->type),
                 .kind = header[HEADER_KIND]};
  TW_TRY(read_header(e, header, output, d));
  if (d->kind != HUFFMAN) {
    TW_TRY(find_channels(e, output, q, d));
    if (d->kind == PRUNING) TW_TRY(find_zeros(e, output, q, d));
    TW_VERIFY(e, d->elements % d->channels == 0, TW_E_SHAPE, "%u elements in %u channels",
              (unsigned)d->elements, (unsigned)d->channels);
    TW_VERIFY(e, ((uint64_t)d->elements * d->width + 7) / 8 <= d->bit_bytes, TW_E_SHAPE,
              "input %u has %u bytes for %u elements", (unsigned)(2 * i), (unsigned)d->bit_bytes,
              (unsigned)d->elements);
  }
  TW_VERIFY(e, decode(d, NULL), TW_E_MODEL, "what encodes output %u leaves its tables",
            (unsigned)i);
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  const uint32_t count = node->output_count;
  TW_VERIFY(e, count > 0 && node->input_count == 2 * count, TW_E_MODEL, "%u inputs, %u outputs",
            node->input_count, (unsigned)count);
  TW_TRY(tw_expect(e, node, 2 * count, 2 * count, count));
  decoder *d = node->data = tw_alloc(e, count * (uint32_t)sizeof *d);
  if (d == NULL) return TW_E_ARENA;
  for (uint32_t i = 0; i < count; i++) TW_TRY(prepare_output(e, node, i, &d[i]));
  return TW_OK;
}

const tw_op tw_op_tflm_decode = {
    .code = TW_OP_CUSTOM, .custom = "TFLM_DECODE", .prepare = prepare, .eval = eval};
