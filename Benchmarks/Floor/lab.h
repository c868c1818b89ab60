/* What a run needs around it: the data set in memory, clocks, CPU time, and its report as one line of JSON. Linux. */
#ifndef LAB_H
#define LAB_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/resource.h>

static inline void die(const char *what) { fprintf(stderr, "FATAL %s (errno: %s)\n", what, strerror(errno)); exit(1); }
static inline double now_s(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec * 1e-9; }
static inline double cpu_s(void) {
  struct rusage u; getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}
static inline double proc_status_mb(const char *field) { /* VmRSS / VmHWM */
  FILE *f = fopen("/proc/self/status", "r"); char l[256]; double kb = 0; size_t n = strlen(field);
  while (f && fgets(l, sizeof l, f)) if (!strncmp(l, field, n)) kb = atof(l + n + 1);
  if (f) fclose(f);
  return kb / 1024;
}
static inline double load1(void) { double a = 0; return getloadavg(&a, 1) == 1 ? a : 0; }

/* The data set: [u32 key length][key][u32 value length][value] repeated; "blob i" is one such slice with its lengths. */
typedef struct { uint8_t *buf; size_t n, bytes; uint64_t *off; } lab_ds;
static inline lab_ds ds_load(const char *path, size_t max) {
  lab_ds d; memset(&d, 0, sizeof d);
  int fd = open(path, O_RDONLY); struct stat st;
  if (fd < 0 || fstat(fd, &st)) die(path);
  d.buf = (uint8_t *)malloc(st.st_size + 8);
  for (size_t o = 0; o < (size_t)st.st_size;) { ssize_t k = read(fd, d.buf + o, st.st_size - o); if (k <= 0) die("read"); o += k; }
  close(fd);
  size_t cap = 1 << 20; d.off = (uint64_t *)malloc((cap + 1) * 8);
  size_t o = 0;
  while (o < (size_t)st.st_size && d.n < max) {
    uint32_t k, v; memcpy(&k, d.buf + o, 4); memcpy(&v, d.buf + o + 4 + k, 4);
    if (d.n == cap) { cap *= 2; d.off = (uint64_t *)realloc(d.off, (cap + 1) * 8); }
    d.off[d.n++] = o; d.bytes += k + v; o += 8 + k + v;
  }
  d.off[d.n] = o;
  return d;
}
static inline const uint8_t *ds_blob(const lab_ds *d, size_t i, uint32_t *len) { *len = d->off[i + 1] - d->off[i]; return d->buf + d->off[i]; }
static volatile uint64_t lab_sink;
static inline uint64_t touch(const void *p, size_t n) { /* one load per cache line: proves the bytes arrived */
  const uint8_t *b = (const uint8_t *)p; uint64_t s = n;
  for (size_t i = 0; i < n; i += 64) s += b[i];
  return s;
}
static uint64_t lab_du_acc;
static int lab_du_cb(const char *p, const struct stat *s, int t, struct FTW *f) { (void)p; (void)f; if (t == FTW_F) lab_du_acc += (uint64_t)s->st_blocks * 512; return 0; }
static inline double du_mb(const char *path) { lab_du_acc = 0; nftw(path, lab_du_cb, 16, FTW_PHYS); return lab_du_acc / 1e6; }

/* Busy and stolen CPU seconds of the whole machine: they tell how disturbed a run was. */
static inline void machine_cpu(double *busy, double *steal) {
  double f[8] = { 0 }; FILE *p = fopen("/proc/stat", "r");
  if (p) { if (fscanf(p, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", f, f + 1, f + 2, f + 3, f + 4, f + 5, f + 6, f + 7) != 8) f[7] = 0; fclose(p); }
  double hz = sysconf(_SC_CLK_TCK); *busy = (f[0] + f[1] + f[2] + f[5] + f[6]) / hz; *steal = f[7] / hz;
}
typedef struct { double t0, c0, rss0, load0, busy0, steal0; } lab_mark;
static inline lab_mark mark(void) {
  lab_mark m = { now_s(), cpu_s(), proc_status_mb("VmRSS:"), load1(), 0, 0 }; machine_cpu(&m.busy0, &m.steal0); return m;
}
/* sec <= 0: until now; disk_mb < 0: not measured; extra: "" or more members, each with a comma before it */
static inline void report(lab_mark m, double sec, size_t n, double bytes, double disk_mb, const char *extra) {
  double end = now_s(), busy, steal, cpu = cpu_s() - m.c0; if (sec <= 0) sec = end - m.t0;
  machine_cpu(&busy, &steal);
  printf("{\"n\":%zu,\"mb\":%.1f,\"sec\":%.4f,\"rec_s\":%.0f,\"mb_s\":%.1f,\"cpu_s\":%.6f,\"rss_mb\":%.1f,\"disk_mb\":%.1f,\"load1\":%.2f,\"busy_s\":%.2f,\"steal_s\":%.2f%s}\n",
         n, bytes / 1e6, sec, n / sec, bytes / 1e6 / sec, cpu, proc_status_mb("VmHWM:") - m.rss0, disk_mb, m.load0, busy - m.busy0, steal - m.steal0, extra);
  fflush(stdout);
}
#endif
