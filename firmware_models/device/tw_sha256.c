#include "tw_sha256.h"

#include <string.h>

enum { BLOCK_BYTES = 64, ROUNDS = 64 };

static const uint32_t constants[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, uint32_t bits) { return x >> bits | x << (32 - bits); }

static uint32_t big_endian(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_big_endian(uint8_t *p, uint32_t value) {
  for (uint32_t i = 0; i < 4; i++) p[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Word t of the message schedule; the last 16 words are kept in a ring. */
static uint32_t schedule(uint32_t w[16], const uint8_t *block, uint32_t t) {
  if (t < 16) return w[t] = big_endian(block + 4 * t);
  uint32_t a = w[(t - 15) & 15], b = w[(t - 2) & 15];
  uint32_t s0 = rotate(a, 7) ^ rotate(a, 18) ^ a >> 3;
  uint32_t s1 = rotate(b, 17) ^ rotate(b, 19) ^ b >> 10;
  return w[t & 15] += s0 + w[(t - 7) & 15] + s1;
}

static void compress(uint32_t state[8], const uint8_t *block) {
  uint32_t w[16], v[8];
  memcpy(v, state, sizeof v);
  for (uint32_t t = 0; t < ROUNDS; t++) {
    uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
    uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
    uint32_t sum = v[7] + s1 + choice + constants[t] + schedule(w, block, t);
    uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
    uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
    memmove(v + 1, v, 7 * sizeof v[0]);
    v[4] += sum;
    v[0] = sum + s0 + majority;
  }
  for (uint32_t i = 0; i < 8; i++) state[i] += v[i];
}

void tw_sha256(const uint8_t *data, uint32_t bytes, uint8_t digest[TW_SHA256_BYTES]) {
  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint8_t last[2 * BLOCK_BYTES] = {0};
  uint32_t whole = bytes / BLOCK_BYTES * BLOCK_BYTES, rest = bytes - whole;
  for (uint32_t i = 0; i < whole; i += BLOCK_BYTES) compress(state, data + i);
  if (rest > 0) memcpy(last, data + whole, rest);
  last[rest] = 0x80;
  uint32_t end = rest < BLOCK_BYTES - 8 ? BLOCK_BYTES : 2 * BLOCK_BYTES;
  put_big_endian(last + end - 8, bytes >> 29);
  put_big_endian(last + end - 4, bytes << 3);
  for (uint32_t i = 0; i < end; i += BLOCK_BYTES) compress(state, last + i);
  for (uint32_t i = 0; i < 8; i++) put_big_endian(digest + 4 * i, state[i]);
}
