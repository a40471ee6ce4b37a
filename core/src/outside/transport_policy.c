/* Where a transfer may go: the policy of pure/address.h, asked for each socket and each request.
 * Redirects lead nowhere else: they are not followed (sinks/http.h).
 * Tests: test_transport. */
#include "outside/transport_curl.h"

#include <stdio.h>

/* The address itself is not told: who sees the attempt may be a stranger who wants to know what
 * a name means in here. */
int whi_transfer_allows(whi_transfer *transfer, const struct sockaddr *address) {
    const char *reason = "not allowed";

    if (whi_policy_allows(transfer->transport->policy, address, &reason)) {
        return 1;
    }
    snprintf(transfer->refused, sizeof transfer->refused, "%.80s is refused: %s; allow it with the option \"allow\"",
             transfer->target->host, reason);
    return 0;
}
