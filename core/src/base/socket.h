/* Sockets that the programs started by this one do not inherit, and that send no signal. */
#ifndef WHI_SOCKET_H
#define WHI_SOCKET_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/* As socket(). */
int whi_socket_new(int family, int type, int protocol);

/* As accept(), without the address. */
int whi_socket_accept(int listener);

/* As send(), but where the other side has closed there is EPIPE and no SIGPIPE. Of a socket of
 * whi_socket_accept. */
ssize_t whi_socket_send(int fd, const void *bytes, size_t size);

/* The same of several parts at once. */
ssize_t whi_socket_send_parts(int fd, struct iovec *parts, int count);

#endif
