/* CRC-32 as in Ethernet and zlib: reflected polynomial 0xEDB88320, start and final XOR ~0. */
#ifndef TW_CRC32_H
#define TW_CRC32_H

#include <stdint.h>

/* The CRC-32 of `bytes` bytes. */
uint32_t tw_crc32(const uint8_t *data, uint32_t bytes);

#endif
