#include "tw_fft.h"

#include "tw_custom.h"
#include "tw_math.h"

#define JOINED(name, suffix) name##_##suffix
#define SUFFIXED(name, suffix) JOINED(name, suffix)
#define FFT(name) SUFFIXED(name, SUFFIX)

#define SUFFIX i16
#define REAL int16_t
#define WIDE int32_t
#define FRACTION 15
#include "tw_fft_body.h"
#undef SUFFIX
#undef REAL
#undef WIDE
#undef FRACTION

#define SUFFIX i32
#define REAL int32_t
#define WIDE int64_t
#define FRACTION 31
#include "tw_fft_body.h"
#undef SUFFIX
#undef REAL
#undef WIDE
#undef FRACTION

#define SUFFIX f32
#define REAL float
#define WIDE float
#define FRACTION 0
#include "tw_fft_body.h"

static void fill(const tw_fft *fft, void *factors, uint32_t k, double phase) {
  double sine, cosine;
  tw_sincos(fft->inverse ? -phase : phase, &sine, &cosine);
  switch (fft->type) {
    case TW_INT16: fill_i16(factors, k, sine, cosine); break;
    case TW_INT32: fill_i32(factors, k, sine, cosine); break;
    case TW_FLOAT32: fill_f32(factors, k, sine, cosine); break;
  }
}

/* The phases are rounded as kissfft's are. */
void tw_fft_fill(const tw_fft *fft) {
  const double pi = 3.14159265358979323846;
  for (uint32_t k = 0; k < fft->points; k++) {
    fill(fft, fft->twiddles, k, -2.0 * pi * (double)k / (double)fft->points);
  }
  for (uint32_t k = 0; k < fft->points / 2; k++) {
    fill(fft, fft->turns, k, -pi * ((double)(k + 1) / (double)fft->points + 0.5));
  }
}

void tw_fft_forward(const tw_fft *fft, const void *reals, void *bins) {
  switch (fft->type) {
    case TW_INT16: forward_i16(fft, reals, bins); break;
    case TW_INT32: forward_i32(fft, reals, bins); break;
    case TW_FLOAT32: forward_f32(fft, reals, bins); break;
  }
}

void tw_fft_inverse(const tw_fft *fft, const void *bins, void *reals) {
  switch (fft->type) {
    case TW_INT16: inverse_i16(fft, bins, reals); break;
    case TW_INT32: inverse_i32(fft, bins, reals); break;
    case TW_FLOAT32: inverse_f32(fft, bins, reals); break;
  }
}

/* The radixes: fours, then a two, threes and fives. TFLM's kissfft has others, and 1 point, but needs
 * an allocator for them that TFLM does not give it: it crashes. */
static bool factorize(tw_fft *fft) {
  static const uint8_t radixes[] = {4, 2, 3, 5};
  uint32_t rest = fft->points;
  for (uint32_t i = 0; i < TW_COUNT(radixes); i++) {
    for (; rest % radixes[i] == 0; rest /= radixes[i]) fft->radix[fft->stages++] = radixes[i];
  }
  return rest == 1 && fft->stages > 0;
}

/* Whether transforms of `size`, `step` apart, cover `all` elements and no more. */
static bool covers(uint32_t rows, uint32_t step, uint32_t size, uint32_t all) {
  return (uint64_t)(rows - 1) * step + size == all && (rows == 1 || step <= size);
}

/* As TFLM, which goes by the last dimensions alone: an input that ends with a row, all of an output
 * written. */
static tw_status check_shapes(tw_engine *e, tw_fft *fft, const tw_tensor *time,
                              const tw_tensor *spectrum) {
  uint32_t rows, row_scalars, reals = 2 * fft->points;
  TW_TRY(tw_rows_of(e, time, &fft->rows, &fft->row_reals));
  TW_TRY(tw_rows_of(e, spectrum, &rows, &row_scalars));
  fft->row_bins = row_scalars / 2;
  bool fit;
  if (fft->inverse) {
    uint32_t bins = tw_elements(spectrum) / 2;
    fft->rows = fft->row_bins > 0 ? (bins + fft->row_bins - 1) / fft->row_bins : 0;
    fit = fft->rows > 0 &&
          (uint64_t)(fft->rows - 1) * fft->row_bins + fft->points + 1 <= bins &&
          covers(fft->rows, fft->row_reals, reals, tw_elements(time));
  } else {
    fit = fft->row_reals <= reals &&
          covers(fft->rows, 2 * fft->row_bins, reals + 2, tw_elements(spectrum));
  }
  TW_VERIFY(e, fit, TW_E_SHAPE, "rows of %u samples, of %u numbers of spectrum for fft_length %u",
            (unsigned)fft->row_reals, (unsigned)row_scalars, (unsigned)reals);
  return TW_OK;
}

tw_status tw_fft_prepare(tw_engine *e, tw_node *node, bool inverse) {
  int32_t type, values[2];
  TW_TRY(tw_type_option(e, node, &type));
  TW_TRY(tw_int_options(e, node, values, 2));
  TW_VERIFY(e, type == TW_INT16 || type == TW_INT32 || type == TW_FLOAT32, TW_E_TYPE,
            "option T is %d", (int)type);
  const tw_slot slots[] = {{(uint16_t)type, TW_ANY_RANK}, {(uint16_t)type, TW_ANY_RANK}};
  TW_TRY(tw_expect_slots(e, node, slots, 1, 1));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  int32_t length = values[1];
  TW_VERIFY(e, input->rank == output->rank, TW_E_SHAPE, "input and output differ in rank");
  tw_fft fft = {.points = (uint32_t)length / 2, .type = (uint8_t)type, .inverse = inverse};
  TW_VERIFY(e, length > 0 && length % 2 == 0 && factorize(&fft), TW_E_PARAM,
            "fft_length %d, half of which is no product of 2, 3 and 5", (int)length);
  TW_TRY(check_shapes(e, &fft, inverse ? output : input, inverse ? input : output));
  const uint64_t number = 2 * tw_type_bytes(fft.type);
  tw_fft *kept = node->data = tw_alloc(e, sizeof fft);
  if (kept == NULL) return TW_E_ARENA;
  TW_TRY(tw_alloc_large(e, fft.points * number, &fft.twiddles));
  TW_TRY(tw_alloc_large(e, fft.points / 2 * number, &fft.turns));
  tw_fft_fill(&fft);
  *kept = fft;
  return tw_request_scratch(e, (uint32_t)(fft.points * number), &kept->work);
}
