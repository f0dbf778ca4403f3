/* SHA-256 (FIPS 180-4) of one buffer. */
#ifndef TW_SHA256_H
#define TW_SHA256_H

#include <stdint.h>

enum { TW_SHA256_BYTES = 32 };

/* Write the digest of `bytes` bytes to `digest`; about 360 bytes of stack. */
void tw_sha256(const uint8_t *data, uint32_t bytes, uint8_t digest[TW_SHA256_BYTES]);

#endif
