/* Convolutions with windows of 3 x 3 that move by one, by Winograd's F(2x2, 3x3): four output pixels
 * take 16 products instead of 36. */
#ifndef TW_WINOGRAD_H
#define TW_WINOGRAD_H

#include "tw_gemm.h"

/* Tiles of two by two output pixels, some of which are computed together. */
typedef struct {
  int32_t rows, columns;  /* of tiles; columns are a multiple of 4 */
  int32_t height, width;  /* of the output: the last tiles may have fewer pixels, or none */
  int32_t depth;          /* channels of the image, a multiple of 8 */
  /* Four rows of the image for each row of tiles. A row is, for each pair of channels, its columns 0,
   * 2, 4 and so on, columns + 1 of them, and then 1, 3, 5: a pair is what a dot product takes. */
  const int16_t *const *starts;
  int16_t *image;     /* [16, depth / 2, tiles, 2]; tiles: all, rounded up to 16 */
  int32_t *products;  /* [16, TW_GROUP, tiles] */
  int32_t *sums;      /* [2, 2 * columns, TW_GROUP] */
  int8_t *out;        /* [height, width, channels] */
} tw_tiles;

int32_t tw_winograd_tiles(const tw_tiles *t);
/* A group's filters become [16, TW_GROUP, depth]. */
void tw_winograd_run(tw_gemm *g, const tw_tiles *t);

#endif
