/* Products of one pixel with constant filters, of bytes: nothing is widened. */
#ifndef TW_BYTES_H
#define TW_BYTES_H

#include "tw_gemm.h"

/* What is found out about a layer's filters once. */
typedef struct tw_bytes tw_bytes;

/* NULL if products of bytes don't fit the layer, or there is no memory left to note where they don't. */
tw_bytes *tw_bytes_prepare(tw_engine *e, const tw_tensor *weights, const tw_tensor *bias,
                           const tw_requant *q);

/* One pixel times all filters; `work` is memory for one. */
void tw_bytes_run(const tw_bytes *b, const int8_t *x, void *work, int8_t *out);

#endif
