// The few things that C says better than Swift: the CRC-32C instructions, and calls whose C macros or variadic
// signatures Swift cannot import.
#ifndef CDAYBOOKSHIMS_H
#define CDAYBOOKSHIMS_H

#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli) of `count` bytes, continuing from `crc` (0 to begin). Uses the CPU's instruction where it has
/// one (SSE 4.2 on x86-64, the CRC extension on arm64), else the table.
uint32_t daybook_crc32c(uint32_t crc, const void *bytes, size_t count);

/// The same by table, on any machine. Public so that tests can compare the two.
uint32_t daybook_crc32c_table(uint32_t crc, const void *bytes, size_t count);

/// CRC-32C of the concatenation A B, from the CRCs of A and of B and the length of B in bytes. O(log length).
uint32_t daybook_crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b);

/// 1 when `daybook_crc32c` uses an instruction on this machine, else 0.
int daybook_crc32c_is_accelerated(void);

/// The number of the kind of file system that `path` stands on, as Linux' statfs(2) tells it, in `*magic`. Returns 0, or
/// -1 with errno set; ENOSYS where the system has no such numbers.
int daybook_file_system_magic(const char *path, uint32_t *magic);

/// A local stream socket, closed in programs started later, none of whose calls waits. Returns it, or -1 with errno set.
int daybook_socket_make(void);

/// The next connection of a listening socket, as `daybook_socket_make` makes them; -1 with errno set, EAGAIN without one.
int daybook_socket_accept(int listener);

/// Sends what can be sent at once; no signal where the other side is gone. Returns how many bytes, or -1 with errno set.
ptrdiff_t daybook_socket_send(int socket, const void *bytes, size_t count);

/// The user and the process at the other side, as the kernel noted them down when it was connected; process 0 where the
/// system does not tell. Returns 0, or -1 with errno set.
int daybook_socket_peer(int socket, uint32_t *user, int32_t *process);

/// A folder, open for looking up names in it. Returns the descriptor, or -1 with errno set.
int daybook_folder_open(const char *path);

/// The two ends of a pipe, none of whose calls waits. Returns 0, or -1 with errno set.
int daybook_pipe_make(int *reader, int *writer);

#endif
