/* The address policy: which IP addresses a delivery may reach.
 *
 * Refused are all that are not globally reachable (IANA's special-purpose
 * registries, RFC 6890 and after): this host, private, loopback, link-local,
 * shared (CGNAT), documentation, benchmarking, multicast, reserved, 6to4 and
 * Teredo, unique local, and NAT64 and mapped forms by the IPv4 address that they
 * carry. An exact list of ranges lets some of them through. */
#ifndef WHI_ADDRESS_H
#define WHI_ADDRESS_H

#include <stddef.h>
#include <sys/socket.h>

typedef struct whi_policy whi_policy;

/* Reads "127.0.0.1", "10.1.0.0/16", "::1", "fd00::/8". count may be 0.
 * WH_EINVALID names the entry; bits behind the prefix length must be 0. */
int whi_policy_new(whi_policy **out, const char *const *allow, size_t count);
void whi_policy_free(whi_policy *policy);

/* 1 if an address may be reached. reason, if not NULL, receives a static word for
 * a refusal: "loopback", "private", … IPv4-mapped IPv6 is judged as IPv4. */
int whi_policy_allows(const whi_policy *policy, const struct sockaddr *address, const char **reason);

#endif
