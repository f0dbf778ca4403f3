/* Faster twins of the quantized layers, where the target has some: for WebAssembly SIMD in wasm128/,
 * for microcontrollers, of int8 alone, in mcu/. A twin gives the bytes of the plain loop beside which
 * it stands, in ops/<name>.c.
 *
 * The first function of each pair is called at the end of prepare. Where the twin fits it sets *work,
 * or asks for scratch memory there, which sets it later; the second one is then called in place of
 * the plain loop. */
#ifndef TW_FAST_H
#define TW_FAST_H

#include "tw_pool.h"
#include "tw_sum.h"

#if defined(TW_WASM128) || defined(TW_MCU)

#define TW_FAST_OR(fast, plain) ((void)(plain), (fast))

tw_status tw_fast_conv_prepare(tw_engine *e, const tw_node *node, const tw_window *w,
                               const tw_requant *q, void **work);
/* `weights` are the filter's as int8; here and below. */
void tw_fast_conv(const tw_engine *e, const tw_node *node, const tw_window *w,
                  const tw_requant *q, const int8_t *weights, void *work);

tw_status tw_fast_depthwise_prepare(tw_engine *e, const tw_node *node, const tw_window *w,
                                    const tw_requant *q, void **work);
void tw_fast_depthwise(const tw_engine *e, const tw_node *node, const tw_window *w,
                       const tw_requant *q, const int8_t *weights, void *work);

/* Rows of the input, [batches, depth], times rows of the weights, [channels, depth]. */
tw_status tw_fast_dense_prepare(tw_engine *e, const tw_node *node, const tw_requant *q,
                                void **work);
void tw_fast_dense(const tw_engine *e, const tw_node *node, const tw_requant *q, void *work);

/* A row of ADD or SUB; the parameters are a tw_sum. */
void tw_fast_sum_i8(const void *params, const tw_row *row);

#else

#define TW_FAST_OR(fast, plain) (plain)

static inline tw_status tw_fast_conv_prepare(tw_engine *e, const tw_node *node, const tw_window *w,
                                             const tw_requant *q, void **work) {
  (void)e, (void)node, (void)w, (void)q, (void)work;
  return TW_OK;
}
static inline void tw_fast_conv(const tw_engine *e, const tw_node *node, const tw_window *w,
                                const tw_requant *q, const int8_t *weights, void *work) {
  (void)e, (void)node, (void)w, (void)q, (void)weights, (void)work;
}
static inline tw_status tw_fast_depthwise_prepare(tw_engine *e, const tw_node *node,
                                                  const tw_window *w, const tw_requant *q,
                                                  void **work) {
  (void)e, (void)node, (void)w, (void)q, (void)work;
  return TW_OK;
}
static inline void tw_fast_depthwise(const tw_engine *e, const tw_node *node, const tw_window *w,
                                     const tw_requant *q, const int8_t *weights, void *work) {
  (void)e, (void)node, (void)w, (void)q, (void)weights, (void)work;
}
static inline tw_status tw_fast_dense_prepare(tw_engine *e, const tw_node *node,
                                              const tw_requant *q, void **work) {
  (void)e, (void)node, (void)q, (void)work;
  return TW_OK;
}
static inline void tw_fast_dense(const tw_engine *e, const tw_node *node, const tw_requant *q,
                                 void *work) {
  (void)e, (void)node, (void)q, (void)work;
}

#endif

/* Pools, pixel by pixel; only WebAssembly SIMD has twins of them. */
#ifdef TW_WASM128
bool tw_fast_average_fits(const tw_tensor *output, const tw_window *w);
void tw_fast_average_i8(const tw_pixel *p);
bool tw_fast_max_fits(const tw_tensor *output);
void tw_fast_max_i8(const tw_pixel *p);
#endif

#endif
