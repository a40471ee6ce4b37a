/* The address policy: which IP addresses a delivery may reach.
 *
 * Refused is every block of IANA's special-purpose registries (RFC 6890 and
 * after): this host, private, loopback, link-local, shared (CGNAT),
 * documentation, benchmarking, multicast, reserved, NAT64 of a network's own, 6to4, Teredo, ORCHID,
 * unique local, and for IPv6 all that lies outside of global unicast. That takes
 * in the few blocks which IANA calls globally reachable: they are relays and
 * anycast services, where the nearest machine answers, perhaps the sender's own.
 * IPv4-mapped IPv6 is judged as IPv4, and NAT64's well-known 64:ff9b::/96 by the address inside, since in
 * a network without IPv4 all others are reached so; other forms that carry an IPv4 address are
 * refused whatever they carry. An exact list of ranges lets some through. */
#ifndef WHI_ADDRESS_H
#define WHI_ADDRESS_H

#include <stddef.h>
#include <sys/socket.h>

#define WHI_ALLOW_MAXIMUM 1024 /* ranges of one policy */

typedef struct whi_policy whi_policy;

/* Reads "127.0.0.1", "10.1.0.0/16", "::1", "fd00::/8". count may be 0.
 * WH_EINVALID names the entry; bits behind the prefix length must be 0. A range
 * within ::ffff:0:0/96 is the same as its IPv4 range, and no other IPv6 range
 * holds IPv4 addresses. */
int whi_policy_new(whi_policy **out, const char *const *allow, size_t count);
void whi_policy_free(whi_policy *policy);

/* 1 if an address may be reached. reason, if not NULL, receives a static word for
 * a refusal: "loopback", "private", … policy may be NULL: nothing special is allowed. */
int whi_policy_allows(const whi_policy *policy, const struct sockaddr *address, const char **reason);

#endif
