/* The floor for blocks: what any log must at least do with these bytes on one thread, with nothing around it.
   Records are copied into a block of BLOCK bytes; the block is compressed (none, lz4, zstd level 1), checksummed, written
   by one write(); `durable` adds fdatasync after each block. Only the loop is measured, not the loading of the data.
   blockfloor append|durable|replay DATA DIR BLOCK none|lz4|zstd [NMAX] [MAXSEC]
   Block on disk: [u32 stored][u32 crc32c of stored bytes][u32 raw]; replay checks, decompresses, walks every record. */
#include "lab.h"
#include "crc32c.h"
#include <lz4.h>
#include <zstd.h>
int main(int c, char **v) {
  if (c < 6) { fprintf(stderr, "usage: blockfloor append|durable|replay DATA DIR BLOCK none|lz4|zstd [NMAX] [MAXSEC]\n"); return 2; }
  size_t block = atol(v[4]), nmax = c > 6 ? atol(v[6]) : 1u << 30; double maxs = c > 7 ? atof(v[7]) : 60;
  int codec = !strcmp(v[5], "lz4") ? 1 : !strcmp(v[5], "zstd") ? 2 : 0; crc_init();
  char path[512]; snprintf(path, sizeof path, "%s/blockfloor-%s.log", v[3], v[5]);
  size_t cap = ZSTD_compressBound(block) + LZ4_compressBound((int)block) + 64;
  uint8_t *raw = malloc(block + 64), *out = malloc(cap); uint32_t h[3];
  ZSTD_CCtx *cc = ZSTD_createCCtx(); ZSTD_DCtx *dc = ZSTD_createDCtx();
  if (!strcmp(v[1], "replay")) {
    lab_mark k = mark(); size_t n = 0; double bytes = 0; int fd = open(path, O_RDONLY); if (fd < 0) die(path);
    while (read(fd, h, 12) == 12) {
      if (h[0] > cap || h[2] > block) die("length");
      if (read(fd, out, h[0]) != (ssize_t)h[0]) die("short");
      if (crc32c_plain(out, h[0]) != h[1]) die("crc");
      uint8_t *b = out; size_t w = h[0];
      if (codec == 1) { b = raw; w = LZ4_decompress_safe((char *)out, (char *)raw, h[0], (int)block); }
      if (codec == 2) { b = raw; w = ZSTD_decompressDCtx(dc, raw, block, out, h[0]); }
      if (w != h[2]) die("raw length");
      for (size_t o = 0; o < w;) {
        uint32_t kl, vl; memcpy(&kl, b + o, 4); memcpy(&vl, b + o + 4 + kl, 4);
        lab_sink += touch(b + o, 8 + kl + vl); o += 8 + kl + vl; n++; bytes += kl + vl;
      }
    }
    report(k, 0, n, bytes, -1, ""); return 0;
  }
  int durable = !strcmp(v[1], "durable");
  lab_ds d = ds_load(v[2], nmax); double bytes = 0; size_t w = 0, i = 0;
  unlink(path); sync(); int fd = open(path, O_CREAT | O_WRONLY, 0644); if (fd < 0) die(path);
  lab_mark k = mark();
  for (;; i++) {
    uint32_t len = 0; const uint8_t *p = i < d.n ? ds_blob(&d, i, &len) : 0;
    if (!p || w + len > block) {
      size_t s = w; uint8_t *body = out + 12;
      if (codec == 0) memcpy(body, raw, w);
      if (codec == 1) s = LZ4_compress_default((char *)raw, (char *)body, (int)w, (int)(cap - 12));
      if (codec == 2) s = ZSTD_compressCCtx(cc, body, cap - 12, raw, w, 1);
      h[0] = s; h[1] = crc32c_plain(body, s); h[2] = w; memcpy(out, h, 12);
      if (write(fd, out, s + 12) != (ssize_t)(s + 12)) die("write");
      if (durable && fdatasync(fd)) die("sync");
      w = 0; if (!p || now_s() - k.t0 > maxs) break;
    }
    memcpy(raw + w, p, len); w += len; bytes += len - 8;
  }
  double sec = now_s() - k.t0; close(fd); report(k, sec, i, bytes, du_mb(v[3]), ""); return 0;
}
