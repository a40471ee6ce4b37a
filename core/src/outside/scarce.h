/* What the machine has not enough of: descriptors, ports, threads, memory of the kernel.
 *
 * A failure for want of them says nothing about the receiver, so it must cost no attempt; but
 * one that only looks like it and never passes must, or it would be tried for ever. */
#ifndef WHI_SCARCE_H
#define WHI_SCARCE_H

#include <sys/socket.h>

/* 1 if an errno says so, whatever was done. */
int whi_scarce_errno(int number);

/* 1 if no descriptor can be had now: for libraries that do not tell why they failed. */
int whi_scarce_descriptors(void);

/* After a connect that failed with EADDRNOTAVAIL: 1 if there is a way to that address, so that
 * what lacks is a port; 0 if we have no address to send from. */
int whi_scarce_ports(const struct sockaddr *address);

#endif
