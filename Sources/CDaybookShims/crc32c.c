// CRC-32C: by instruction with three interleaved streams, by table, and the algebra that joins two checksums.
//
// The instruction has a latency of three cycles and a throughput of one, so one stream uses a third of the machine.
// Three neighbouring stretches are therefore summed side by side and joined with a linear map ("append n zero
// bytes"), which is kept as four 256-entry tables per stretch length. See Gopal et al., "Fast CRC Computation for
// iSCSI Polynomial Using CRC32 Instruction" (Intel, 2011).

#include "CDaybookShims.h"

#include <pthread.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u  // Castagnoli, reflected

enum { LONG_STRETCH = 1360, SHORT_STRETCH = 256 };  // bytes; multiples of 8

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint32_t table[8][256];
static uint32_t long_shift[4][256], short_shift[4][256];
static int accelerated;

// ---- polynomial arithmetic: bit 31 is x^0 (reflected) ----

static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (uint32_t bit = 1u << 31; bit; bit >>= 1) {
        if (a & bit) product ^= b;
        b = (b & 1) ? (b >> 1) ^ POLYNOMIAL : b >> 1;
    }
    return product;
}

static uint32_t powers[64];  // powers[k] = x^(8·2^k) modulo the polynomial: "append 2^k zero bytes"

static uint32_t zeros_operator(uint64_t bytes) {
    uint32_t result = 1u << 31;
    for (int k = 0; bytes; k++, bytes >>= 1)
        if (bytes & 1) result = multiply(powers[k], result);
    return result;
}

static void fill_shift(uint32_t shift[4][256], uint64_t bytes) {
    uint32_t operator = zeros_operator(bytes);
    for (int k = 0; k < 4; k++)
        for (uint32_t v = 0; v < 256; v++) shift[k][v] = multiply(operator, v << (8 * k));
}

static inline uint32_t apply_shift(uint32_t shift[4][256], uint32_t crc) {
    return shift[0][crc & 255] ^ shift[1][crc >> 8 & 255] ^ shift[2][crc >> 16 & 255] ^ shift[3][crc >> 24];
}

static int machine_has_instruction(void);

static void fill_tables(void) {
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t crc = n;
        for (int k = 0; k < 8; k++) crc = (crc & 1) ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
        table[0][n] = crc;
    }
    for (uint32_t n = 0; n < 256; n++)
        for (int k = 1; k < 8; k++) table[k][n] = table[0][table[k - 1][n] & 255] ^ (table[k - 1][n] >> 8);
    powers[0] = 1u << 23;  // x^8
    for (int k = 1; k < 64; k++) powers[k] = multiply(powers[k - 1], powers[k - 1]);
    fill_shift(long_shift, LONG_STRETCH);
    fill_shift(short_shift, SHORT_STRETCH);
    accelerated = machine_has_instruction();
}

// ---- the table ----

static uint32_t run_table(uint32_t crc, const uint8_t *p, size_t n) {
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t a = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
        crc = table[7][a & 255] ^ table[6][a >> 8 & 255] ^ table[5][a >> 16 & 255] ^ table[4][a >> 24] ^
              table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
    }
    for (; n; n--, p++) crc = table[0][(crc ^ *p) & 255] ^ (crc >> 8);
    return crc;
}

// ---- the instruction ----

#if defined(__x86_64__)
#include <nmmintrin.h>
#define WITH_INSTRUCTION __attribute__((target("sse4.2")))
static int machine_has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
WITH_INSTRUCTION static inline uint32_t step8(uint32_t crc, uint64_t w) { return (uint32_t)_mm_crc32_u64(crc, w); }
WITH_INSTRUCTION static inline uint32_t step1(uint32_t crc, uint8_t b) { return _mm_crc32_u8(crc, b); }
#elif defined(__aarch64__)
#include <arm_acle.h>
#if defined(__linux__)
#include <sys/auxv.h>
static int machine_has_instruction(void) { return (getauxval(AT_HWCAP) & (1 << 7)) != 0; }  // HWCAP_CRC32
#else
static int machine_has_instruction(void) { return 1; }  // every Apple arm64 has it
#endif
#define WITH_INSTRUCTION __attribute__((target("crc")))
WITH_INSTRUCTION static inline uint32_t step8(uint32_t crc, uint64_t w) { return __crc32cd(crc, w); }
WITH_INSTRUCTION static inline uint32_t step1(uint32_t crc, uint8_t b) { return __crc32cb(crc, b); }
#endif

#if defined(WITH_INSTRUCTION)
static inline uint64_t load8(const uint8_t *p) {
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

WITH_INSTRUCTION static inline uint32_t three_streams(
    uint32_t crc, const uint8_t *p, size_t stretch, uint32_t shift[4][256]) {
    uint32_t a = crc, b = 0, c = 0;
    for (size_t i = 0; i < stretch; i += 8) {
        a = step8(a, load8(p + i));
        b = step8(b, load8(p + stretch + i));
        c = step8(c, load8(p + 2 * stretch + i));
    }
    return apply_shift(shift, apply_shift(shift, a) ^ b) ^ c;
}

WITH_INSTRUCTION static uint32_t run_instruction(uint32_t crc, const uint8_t *p, size_t n) {
    for (; n >= 3 * LONG_STRETCH; n -= 3 * LONG_STRETCH, p += 3 * LONG_STRETCH)
        crc = three_streams(crc, p, LONG_STRETCH, long_shift);
    for (; n >= 3 * SHORT_STRETCH; n -= 3 * SHORT_STRETCH, p += 3 * SHORT_STRETCH)
        crc = three_streams(crc, p, SHORT_STRETCH, short_shift);
    for (; n >= 8; n -= 8, p += 8) crc = step8(crc, load8(p));
    for (; n; n--, p++) crc = step1(crc, *p);
    return crc;
}
#else
static int machine_has_instruction(void) { return 0; }
static uint32_t run_instruction(uint32_t crc, const uint8_t *p, size_t n) { return run_table(crc, p, n); }
#endif

// ---- what Swift calls ----

uint32_t daybook_crc32c(uint32_t crc, const void *bytes, size_t count) {
    pthread_once(&once, fill_tables);
    return ~(accelerated ? run_instruction(~crc, bytes, count) : run_table(~crc, bytes, count));
}

uint32_t daybook_crc32c_table(uint32_t crc, const void *bytes, size_t count) {
    pthread_once(&once, fill_tables);
    return ~run_table(~crc, bytes, count);
}

uint32_t daybook_crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b) {
    pthread_once(&once, fill_tables);
    return multiply(zeros_operator(length_b), crc_a) ^ crc_b;
}

int daybook_crc32c_is_accelerated(void) {
    pthread_once(&once, fill_tables);
    return accelerated;
}
