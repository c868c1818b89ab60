/* CRC-32C with the processor's instruction: plain, as the floor uses it, and (x86-64) three interleaved streams joined by a
   GF(2) shift table, which hide the instruction's latency. */
#ifndef CRC32C_H
#define CRC32C_H
#include <stdint.h>
#include <string.h>
#if defined(__aarch64__)
#include <arm_acle.h>
#define _mm_crc32_u64(c, w) __crc32cd((uint32_t)(c), (w))
#define _mm_crc32_u8(c, b) __crc32cb((c), (b))
#else
#include <nmmintrin.h>
#endif
static inline uint32_t crc_run(uint64_t c, const uint8_t *p, size_t n) {
  for (; n >= 8; n -= 8, p += 8) { uint64_t w; memcpy(&w, p, 8); c = _mm_crc32_u64(c, w); }
  for (; n; n--, p++) c = _mm_crc32_u8((uint32_t)c, *p);
  return (uint32_t)c;
}
static inline uint32_t crc32c_plain(const void *p, size_t n) { return ~crc_run(0xffffffffu, (const uint8_t *)p, n); }

#define CRC_LANE 1360                    /* bytes per stream; 3 streams = 4080 */
static uint32_t crc_shift_tab[4][256];
static void crc_init(void) {             /* register state after CRC_LANE zero bytes, as a linear map */
  uint32_t basis[32];
  for (int b = 0; b < 32; b++) { uint64_t c = 1u << b; for (int i = 0; i < CRC_LANE / 8; i++) c = _mm_crc32_u64(c, 0); basis[b] = (uint32_t)c; }
  for (int k = 0; k < 4; k++) for (int v = 0; v < 256; v++) { uint32_t x = 0; for (int b = 0; b < 8; b++) if (v >> b & 1) x ^= basis[8 * k + b]; crc_shift_tab[k][v] = x; }
}
static inline uint32_t crc_shift(uint32_t c) {
  return crc_shift_tab[0][c & 255] ^ crc_shift_tab[1][c >> 8 & 255] ^ crc_shift_tab[2][c >> 16 & 255] ^ crc_shift_tab[3][c >> 24];
}
static inline uint32_t crc32c_3way(const void *vp, size_t n) {
  const uint8_t *p = (const uint8_t *)vp; uint32_t crc = 0xffffffffu;
  while (n >= 3 * CRC_LANE) {
    uint64_t a = crc, b = 0, c = 0;
    for (size_t i = 0; i < CRC_LANE; i += 8) {
      uint64_t x, y, z; memcpy(&x, p + i, 8); memcpy(&y, p + CRC_LANE + i, 8); memcpy(&z, p + 2 * CRC_LANE + i, 8);
      a = _mm_crc32_u64(a, x); b = _mm_crc32_u64(b, y); c = _mm_crc32_u64(c, z);
    }
    crc = crc_shift(crc_shift((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
    p += 3 * CRC_LANE; n -= 3 * CRC_LANE;
  }
  return ~crc_run(crc, p, n);
}
#endif
