// Local sockets: calls of Linux that Swift's modules leave out, and what stands for them elsewhere. Everything is opened so
// that no program started later inherits it, and so that no call waits.

#define _GNU_SOURCE

#include "CDaybookShims.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef __linux__
// Between the call that opens and this one a program started by another thread may inherit the descriptor.
static int guarded(int descriptor) {
    if (descriptor < 0) return descriptor;
    int flags = fcntl(descriptor, F_GETFL);
    if (fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 && flags >= 0 &&
        fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0)
        return descriptor;
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

static int silent(int descriptor) {
#ifdef SO_NOSIGPIPE
    int on = 1;
    if (descriptor >= 0) setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
    return descriptor;
}
#endif

int daybook_socket_make(void) {
#ifdef __linux__
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
#else
    return silent(guarded(socket(AF_UNIX, SOCK_STREAM, 0)));
#endif
}

int daybook_socket_accept(int listener) {
#ifdef __linux__
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
#else
    return silent(guarded(accept(listener, NULL, NULL)));
#endif
}

ptrdiff_t daybook_socket_send(int socket, const void *bytes, size_t count) {
#ifdef MSG_NOSIGNAL
    return send(socket, bytes, count, MSG_NOSIGNAL);
#else
    return send(socket, bytes, count, 0);
#endif
}

int daybook_socket_peer(int socket, uint32_t *user, int32_t *process) {
#ifdef __linux__
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
    *user = peer.uid;
    *process = peer.pid;
    return 0;
#else
    uid_t uid;
    gid_t gid;
    if (getpeereid(socket, &uid, &gid) != 0) return -1;
    *user = uid;
    *process = 0;
#ifdef LOCAL_PEERPID
    pid_t pid;
    socklen_t size = sizeof pid;
    if (getsockopt(socket, SOL_LOCAL, LOCAL_PEERPID, &pid, &size) == 0) *process = pid;
#endif
    return 0;
#endif
}

int daybook_folder_open(const char *path) {
#ifdef O_PATH
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
#else
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
#endif
}

int daybook_pipe_make(int *reader, int *writer) {
    int ends[2];
#ifdef __linux__
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return -1;
#else
    if (pipe(ends) != 0) return -1;
    if (guarded(ends[0]) < 0 || guarded(ends[1]) < 0) return -1;
#endif
    *reader = ends[0];
    *writer = ends[1];
    return 0;
}
