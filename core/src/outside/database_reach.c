/* Tests: test_destination_postgres, test_destination_hung. */
#include "outside/database_reach.h"

#include "base/clock.h"

int64_t whi_reach_until(const whi_database *database, int64_t ms) {
    int64_t until = whi_monotonic_us() + ms * 1000;

    return database->until != 0 && database->until < until ? database->until : until;
}

int whi_reach_tls(const whi_database *database, const whi_address *address) {
    if (database->url.tls != WHI_TLS_USUAL) {
        return database->url.tls;
    }
    return whi_reach_is_loopback(address) ? WHI_TLS_NONE : WHI_TLS_VERIFY_FULL;
}
