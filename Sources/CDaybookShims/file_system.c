// The kind of a file system: statfs(2), whose header Swift's modules leave out.

#include "CDaybookShims.h"

#include <errno.h>

#ifdef __linux__
#include <sys/vfs.h>

int daybook_file_system_magic(const char *path, uint32_t *magic) {
    struct statfs status;
    if (statfs(path, &status) != 0) return -1;
    // The field is signed on some machines and wider than the number on others.
    *magic = (uint32_t)status.f_type;
    return 0;
}

#else

int daybook_file_system_magic(const char *path, uint32_t *magic) {
    (void)path, (void)magic;
    errno = ENOSYS;
    return -1;
}

#endif
