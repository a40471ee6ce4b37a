#include "base/socket.h"

#include <fcntl.h>
#include <sys/socket.h>

#ifdef MSG_NOSIGNAL

#define QUIET MSG_NOSIGNAL

static void keep_quiet(int fd) {
    (void)fd;
}

#else /* macOS: it is the socket that is told */

#define QUIET 0

static void keep_quiet(int fd) {
    int one = 1;

    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof one);
}

#endif

#ifdef SOCK_CLOEXEC

int whi_socket_new(int family, int type, int protocol) {
    return socket(family, type | SOCK_CLOEXEC, protocol);
}

#else

/* A program that another thread starts in between inherits it. */
int whi_socket_new(int family, int type, int protocol) {
    int fd = socket(family, type, protocol);

    if (fd >= 0) {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    return fd;
}

#endif

int whi_socket_accept(int listener) {
    int fd = accept(listener, NULL, NULL);

    if (fd >= 0) {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        keep_quiet(fd);
    }
    return fd;
}

ssize_t whi_socket_send(int fd, const void *bytes, size_t size) {
    return send(fd, bytes, size, QUIET);
}

ssize_t whi_socket_send_parts(int fd, struct iovec *parts, int count) {
    struct msghdr message = { .msg_iov = parts };

    message.msg_iovlen = (unsigned)count;
    return sendmsg(fd, &message, QUIET);
}
