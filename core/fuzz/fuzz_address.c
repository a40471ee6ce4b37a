/* Allow lists: 16 bytes of an address, then one entry a line. An entry that was read lets
 * its own address through, and a mapped address fares as its IPv4 address. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pure/address.h"
#include "webhook.h"

#define ENTRIES 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good) {
    if (!good) {
        abort();
    }
}

static int allows_v4(const whi_policy *policy, const void *bytes) {
    struct sockaddr_in address = { .sin_family = AF_INET };

    memcpy(&address.sin_addr, bytes, 4);
    return whi_policy_allows(policy, (const struct sockaddr *)&address, NULL);
}

static int allows_v6(const whi_policy *policy, const void *bytes) {
    struct sockaddr_in6 address = { .sin6_family = AF_INET6 };

    memcpy(&address.sin6_addr, bytes, 16);
    return whi_policy_allows(policy, (const struct sockaddr *)&address, NULL);
}

static void check_entry(const char *entry) {
    char text[64];
    uint8_t bytes[16];
    whi_policy *policy;
    size_t size = strcspn(entry, "/");
    uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    if (whi_policy_new(&policy, &entry, 1) != WH_OK) {
        return;
    }
    must(size < sizeof text);
    memcpy(text, entry, size);
    text[size] = '\0';
    if (inet_pton(AF_INET, text, bytes) == 1) {
        must(allows_v4(policy, bytes));
    } else {
        must(inet_pton(AF_INET6, text, bytes) == 1);
        /* a range wider than the mapped ones holds none of them */
        must(allows_v6(policy, bytes) || (memcmp(bytes, mapped, 12) == 0 && strchr(entry, '/') != NULL));
    }
    whi_policy_free(policy);
}

static void check_address(const whi_policy *policy, const uint8_t bytes[16]) {
    uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff };

    memcpy(mapped + 12, bytes, 4);
    must(allows_v4(policy, bytes) == allows_v6(policy, mapped));
    must(allows_v6(NULL, bytes) <= allows_v6(policy, bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *entries[ENTRIES];
    size_t count = 0;
    char *text, *at;
    whi_policy *policy;

    if (size < 16) {
        return 0;
    }
    text = malloc(size - 16 + 1);
    must(text != NULL);
    memcpy(text, data + 16, size - 16);
    text[size - 16] = '\0';
    for (at = text; at != NULL && count < ENTRIES; count++) {
        entries[count] = at;
        at = strchr(at, '\n');
        if (at != NULL) {
            *at++ = '\0';
        }
        check_entry(entries[count]);
    }
    if (whi_policy_new(&policy, entries, count) == WH_OK) {
        check_address(policy, data);
        whi_policy_free(policy);
    }
    free(text);
    return 0;
}
