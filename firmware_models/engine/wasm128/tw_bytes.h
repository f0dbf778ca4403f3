/* Products of one pixel with constant filters, of bytes: nothing is widened. */
#ifndef TW_BYTES_H
#define TW_BYTES_H

#include "tw_gemm.h"

/* What is found out about a layer's filters once. */
typedef struct tw_bytes tw_bytes;

/* NULL if products of bytes don't fit the layer, or there is no memory left to note where they don't. */
tw_bytes *tw_bytes_prepare(tw_engine *e, const tw_tensor *weights, const tw_tensor *bias,
                           const tw_requant *q);

/* Memory that tw_bytes_run takes, 16-byte aligned. */
TW_INLINE int32_t tw_bytes_work(int32_t depth) { return 3 * depth; }

/* One pixel times all filters. */
void tw_bytes_run(const tw_bytes *b, const int8_t *x, void *work, int8_t *out);

#endif
