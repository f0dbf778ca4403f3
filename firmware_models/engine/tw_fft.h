/* The FFT of real numbers, bit for bit as kissfft computes it for TFLM: float, or fixed point of 16
 * or 32 bits, where every butterfly scales down by its radix. A transform of `length` reals is one
 * of half as many complex numbers, packed and unpacked around it. */
#ifndef TW_FFT_H
#define TW_FFT_H

#include "tw_kernel.h"

enum { TW_FFT_STAGES = 20 }; /* radixes of 2^30 points at most */

typedef struct {
  void *twiddles;      /* e^(-2 pi i k / points), of the inverse e^(+...); `points` complex numbers */
  void *turns;         /* those of unpacking, points / 2 */
  void *work;          /* scratch for a transform */
  uint32_t points;     /* complex numbers of the transform */
  uint32_t rows;       /* transforms in an invoke */
  uint32_t row_reals;  /* from a row of the time signal to the next */
  uint32_t row_bins;   /* complex numbers from a row of the spectrum to the next */
  uint8_t type;        /* TW_INT16, TW_INT32 or TW_FLOAT32 */
  bool inverse;
  uint8_t stages;
  uint8_t radix[TW_FFT_STAGES]; /* 2, 3, 4 or 5, from the whole inwards */
} tw_fft;

/* Prepare of both ops: options T and fft_length, one input, one output. node->data is a tw_fft. */
tw_status tw_fft_prepare(tw_engine *e, tw_node *node, bool inverse);

/* A row of a real signal, padded with zeros, to its spectrum; and back. */
void tw_fft_forward(const tw_fft *fft, const void *reals, void *bins);
void tw_fft_inverse(const tw_fft *fft, const void *bins, void *reals);

/* The factors of a transform of fft->points, computed into fft->twiddles and fft->turns. */
void tw_fft_fill(const tw_fft *fft);

#endif
