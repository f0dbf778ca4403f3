/* Convolutions with windows of 3 x 3 that move by one, by Winograd's F(2x2, 3x3): four output pixels
 * take 16 products instead of 36. */
#ifndef TW_WINOGRAD_H
#define TW_WINOGRAD_H

#include "tw_gemm.h"

/* Tiles of two by two output pixels. A row of tiles sees four rows of the image, whose columns begin
 * at starts[4 * row + 0 .. 3] and follow each other; what is missing below the image is zeros. */
typedef struct {
  const int16_t *const *starts;
  int32_t rows, columns;  /* of tiles */
  int32_t depth;          /* channels of the image, a multiple of 8 */
  int32_t height, width;  /* of the output: the last row and column of tiles may have one pixel each */
  int16_t *image;         /* [16, rows, columns, depth] */
  int32_t *products;      /* [16, rows * columns + 1, TW_GROUP] */
  int8_t *out;            /* [height, width, channels] */
} tw_tiles;

/* `g->widened` has room for [16, depth, TW_GROUP]. */
void tw_winograd_run(const tw_gemm *g, const tw_tiles *t);

#endif
