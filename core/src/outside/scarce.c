#include "outside/scarce.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

int whi_scarce_errno(int number) {
    return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

int whi_scarce_descriptors(void) {
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        close(fd);
        return 0;
    }
    return whi_scarce_errno(errno);
}

/* A datagram socket has ports of its own, and its connect sends nothing. */
int whi_scarce_ports(const struct sockaddr *address) {
    socklen_t size = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int fd = socket(address->sa_family, SOCK_DGRAM, 0);
    int reached = fd >= 0 && connect(fd, address, size) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return reached;
}
