/* Faster twins of the int8 layers, where the target has some: for WebAssembly SIMD in wasm128/. A
 * twin gives the bytes of the plain loop beside which it stands, in ops/<name>.c.
 *
 * `fits` is asked once, at the end of prepare; what does not fit runs in the plain loop. */
#ifndef TW_FAST_H
#define TW_FAST_H

#include "tw_conv.h"
#include "tw_sum.h"

#ifdef TW_WASM128

#define TW_FAST_OR(fast, plain) ((void)(plain), (fast))

bool tw_fast_conv_fits(const tw_engine *e, const tw_node *node, const tw_window *w,
                       const tw_requant *q);
void tw_fast_conv(const tw_engine *e, const tw_node *node, const tw_window *w,
                  const tw_requant *q);

bool tw_fast_depthwise_fits(const tw_engine *e, const tw_node *node, const tw_window *w,
                            const tw_requant *q);
void tw_fast_depthwise(const tw_engine *e, const tw_node *node, const tw_window *w,
                       const tw_requant *q);

/* Rows of the input, [batches, depth], times rows of the weights, [channels, depth]. */
bool tw_fast_dense_fits(const tw_engine *e, const tw_node *node, const tw_requant *q);
void tw_fast_dense(const tw_engine *e, const tw_node *node, const tw_requant *q);

/* A row of ADD or SUB; the parameters are a tw_sum. */
void tw_fast_sum_i8(const void *params, const tw_row *row);

#else

#define TW_FAST_OR(fast, plain) (plain)

static inline bool tw_fast_conv_fits(const tw_engine *e, const tw_node *node, const tw_window *w,
                                     const tw_requant *q) {
  (void)e, (void)node, (void)w, (void)q;
  return false;
}
static inline void tw_fast_conv(const tw_engine *e, const tw_node *node, const tw_window *w,
                                const tw_requant *q) {
  (void)e, (void)node, (void)w, (void)q;
}
static inline bool tw_fast_depthwise_fits(const tw_engine *e, const tw_node *node,
                                          const tw_window *w, const tw_requant *q) {
  (void)e, (void)node, (void)w, (void)q;
  return false;
}
static inline void tw_fast_depthwise(const tw_engine *e, const tw_node *node, const tw_window *w,
                                     const tw_requant *q) {
  (void)e, (void)node, (void)w, (void)q;
}
static inline bool tw_fast_dense_fits(const tw_engine *e, const tw_node *node,
                                      const tw_requant *q) {
  (void)e, (void)node, (void)q;
  return false;
}
static inline void tw_fast_dense(const tw_engine *e, const tw_node *node, const tw_requant *q) {
  (void)e, (void)node, (void)q;
}

#endif

#endif
