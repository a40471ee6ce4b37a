#include "pure/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "webhook.h"

#define TEXT_MAXIMUM 64 /* the longest address has 45 letters, its prefix length 4 */

/* An address of 4 or 16 bytes, in network order. */
struct address {
    uint8_t bytes[16];
    unsigned bits; /* 32 or 128 */
};

struct range {
    struct address first;
    unsigned prefix;
};

struct whi_policy {
    size_t count;
    struct range allow[];
};

struct special {
    uint8_t bytes[16];
    unsigned prefix;
    const char *reason;
};

/* IANA IPv4 Special-Purpose Address Registry, and beside it multicast and one
 * address of a cloud. */
static const struct special special_v4[] = {
    { { 0 }, 8, "this network" },                /* RFC 791 */
    { { 10 }, 8, "private" },                    /* RFC 1918 */
    { { 100, 64 }, 10, "shared" },               /* RFC 6598: CGNAT */
    { { 127 }, 8, "loopback" },                  /* RFC 1122 */
    { { 168, 63, 129, 16 }, 32, "metadata" },    /* Azure's platform services, public by its looks only */
    { { 169, 254 }, 16, "link-local" },          /* RFC 3927; also what clouds call metadata */
    { { 172, 16 }, 12, "private" },              /* RFC 1918 */
    { { 192, 0, 0 }, 24, "protocol" },           /* RFC 6890; within: RFC 7335, 7600, 7723, 8155, 8880 */
    { { 192, 0, 2 }, 24, "documentation" },      /* RFC 5737 */
    { { 192, 31, 196 }, 24, "anycast" },         /* RFC 7535: AS112 */
    { { 192, 52, 193 }, 24, "anycast" },         /* RFC 7450: AMT */
    { { 192, 88, 99 }, 24, "6to4" },             /* RFC 7526: relays; within: RFC 6751 */
    { { 192, 168 }, 16, "private" },             /* RFC 1918 */
    { { 192, 175, 48 }, 24, "anycast" },         /* RFC 7534: AS112 */
    { { 198, 18 }, 15, "benchmarking" },         /* RFC 2544 */
    { { 198, 51, 100 }, 24, "documentation" },   /* RFC 5737 */
    { { 203, 0, 113 }, 24, "documentation" },    /* RFC 5737 */
    { { 224 }, 4, "multicast" },                 /* RFC 5771 */
    { { 255, 255, 255, 255 }, 32, "broadcast" }, /* RFC 919 and 8190 */
    { { 240 }, 4, "reserved" },                  /* RFC 1112 */
};

/* IANA IPv6 Special-Purpose Address Registry, and the other blocks of RFC 4291.
 * The first row that fits names the reason. ::ffff:0:0/96 (RFC 4291, mapped) is
 * judged as IPv4 before, and so is 64:ff9b::/96 (RFC 6052), behind which a network that has no IPv4 of its
 * own gives the IPv4 addresses of others. */
static const struct special special_v6[] = {
    { { 0 }, 128, "this network" },                                          /* ::, RFC 4291 */
    { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 128, "loopback" }, /* ::1, RFC 4291 */
    { { 0 }, 96, "compatible" },                                             /* ::/96, RFC 4291 */
    { { 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96, "translated" },            /* ::ffff:0:0:0/96, RFC 2765 */
    { { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48, "nat64" },                 /* 64:ff9b:1::/48, RFC 8215 */
    { { 0x01 }, 64, "discard" },                                             /* 100::/64, RFC 6666 */
    { { 0x01, 0, 0, 0, 0, 0, 0, 0x01 }, 64, "dummy" },                       /* 100:0:0:1::/64, RFC 9780 */
    { { 0x20, 0x01, 0x00, 0x00 }, 32, "teredo" },                            /* 2001::/32, RFC 4380 */
    { { 0x20, 0x01, 0x00, 0x02, 0, 0 }, 48, "benchmarking" },                /* 2001:2::/48, RFC 5180 */
    { { 0x20, 0x01, 0x00, 0x03 }, 32, "anycast" },                           /* 2001:3::/32, RFC 7450: AMT */
    { { 0x20, 0x01, 0x00, 0x04, 0x01, 0x12 }, 48, "anycast" },               /* 2001:4:112::/48, RFC 7535 */
    { { 0x20, 0x01, 0x00, 0x10 }, 28, "orchid" },                            /* 2001:10::/28, RFC 4843 */
    { { 0x20, 0x01, 0x00, 0x20 }, 28, "orchid" },                            /* 2001:20::/28, RFC 7343 */
    { { 0x20, 0x01, 0x00, 0x30 }, 28, "drip" },                              /* 2001:30::/28, RFC 9374 */
    { { 0x20, 0x01 }, 23, "protocol" },                        /* 2001::/23, RFC 2928; within: RFC 7723, 8155, 9665 */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32, "documentation" },       /* 2001:db8::/32, RFC 3849 */
    { { 0x20, 0x02 }, 16, "6to4" },                            /* 2002::/16, RFC 3056 */
    { { 0x26, 0x20, 0x00, 0x4f, 0x80, 0x00 }, 48, "anycast" }, /* 2620:4f:8000::/48, RFC 7534 */
    { { 0x3f, 0xff }, 20, "documentation" },                   /* 3fff::/20, RFC 9637 */
    { { 0x5f, 0x00 }, 16, "segment routing" },                 /* 5f00::/16, RFC 9602 */
    { { 0xfc }, 7, "private" },                                /* fc00::/7, RFC 4193 */
    { { 0xfe, 0x80 }, 10, "link-local" },                      /* fe80::/10, RFC 4291 */
    { { 0xfe, 0xc0 }, 10, "site-local" },                      /* fec0::/10, RFC 3879 */
    { { 0xff }, 8, "multicast" },                              /* ff00::/8, RFC 4291 */
};

/* 2000::/3, global unicast; IANA has given out nothing beside it (RFC 4291 2.4). */
static const uint8_t global_unicast[16] = { 0x20 };

static int has_prefix(const uint8_t *bytes, const uint8_t *prefix, unsigned bits) {
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(bytes, prefix, whole) != 0) {
        return 0;
    }
    return rest == 0 || (uint8_t)((bytes[whole] ^ prefix[whole]) >> (8 - rest)) == 0;
}

/* ::ffff:a.b.c.d becomes a.b.c.d. */
static void unmap(struct address *address) {
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    if (address->bits == 128 && memcmp(address->bytes, mapped, sizeof mapped) == 0) {
        memmove(address->bytes, address->bytes + 12, 4);
        memset(address->bytes + 4, 0, 12);
        address->bits = 32;
    }
}

/* 64:ff9b::a.b.c.d: what it stands for. A range that lets a.b.c.d through says nothing of it: behind the
 * network's gateway that may be another machine. */
static int translated(const struct address *address, struct address *out) {
    static const uint8_t prefix[12] = { 0x00, 0x64, 0xff, 0x9b };

    if (address->bits != 128 || memcmp(address->bytes, prefix, sizeof prefix) != 0) {
        return 0;
    }
    memset(out, 0, sizeof *out);
    memcpy(out->bytes, address->bytes + 12, 4);
    out->bits = 32;
    return 1;
}

/* ---------------------------------------------------------------- allow list */

static void mask(struct address *address, unsigned prefix) {
    for (unsigned i = 0; i < address->bits / 8; i++) {
        unsigned kept = prefix > i * 8 ? prefix - i * 8 : 0;

        if (kept < 8) {
            address->bytes[i] &= (uint8_t)(0xff00 >> kept);
        }
    }
}

static int fail_entry(const char *text) {
    return whi_fail(WH_EINVALID,
                    "\"%.*s\" is no address range, expected such as \"127.0.0.1\", \"10.1.0.0/16\", \"fd00::/8\"",
                    TEXT_MAXIMUM, text);
}

static int prefix_read(unsigned *out, const char *text, unsigned maximum) {
    unsigned number = 0;
    size_t size = strspn(text, "0123456789");

    if (size == 0 || size > 3 || text[size] != '\0' || (size > 1 && text[0] == '0')) {
        return 0;
    }
    for (size_t i = 0; i < size; i++) {
        number = number * 10 + (unsigned)(text[i] - '0');
    }
    *out = number;
    return number <= maximum;
}

static int fail_bits(const struct range *range, const char *text) {
    struct address first = range->first;
    char expected[INET6_ADDRSTRLEN];

    mask(&first, range->prefix);
    inet_ntop(first.bits == 32 ? AF_INET : AF_INET6, first.bytes, expected, sizeof expected);
    return whi_fail(WH_EINVALID, "\"%s\" has bits behind its prefix length, expected \"%s/%u\"", text, expected,
                    range->prefix);
}

static int range_read(struct range *out, const char *text) {
    char address[TEXT_MAXIMUM];
    const char *slash = text != NULL ? strchr(text, '/') : NULL;
    struct address masked;
    size_t size;

    if (text == NULL) {
        return fail_entry("");
    }
    memset(out, 0, sizeof *out);
    size = slash != NULL ? (size_t)(slash - text) : strlen(text);
    if (size >= sizeof address) {
        return fail_entry(text);
    }
    memcpy(address, text, size);
    address[size] = '\0';
    if (inet_pton(AF_INET, address, out->first.bytes) == 1) {
        out->first.bits = 32;
    } else if (inet_pton(AF_INET6, address, out->first.bytes) == 1) {
        out->first.bits = 128;
    } else {
        return fail_entry(text);
    }
    out->prefix = out->first.bits;
    if (slash != NULL && !prefix_read(&out->prefix, slash + 1, out->first.bits)) {
        return fail_entry(text);
    }
    masked = out->first;
    mask(&masked, out->prefix);
    if (memcmp(masked.bytes, out->first.bytes, sizeof masked.bytes) != 0) {
        return fail_bits(out, text);
    }
    if (out->prefix >= 96 && out->first.bits == 128) {
        unmap(&out->first);
        out->prefix -= out->first.bits == 32 ? 96 : 0;
    }
    return WH_OK;
}

int whi_policy_new(whi_policy **out, const char *const *allow, size_t count) {
    whi_policy *policy;

    *out = NULL;
    if (count > WHI_ALLOW_MAXIMUM || (count > 0 && allow == NULL)) {
        return whi_fail_field(WH_EINVALID, "allow", "found %zu ranges, expected at most %d", count, WHI_ALLOW_MAXIMUM);
    }
    policy = whi_calloc(1, sizeof *policy + count * sizeof policy->allow[0]);
    if (policy == NULL) {
        return whi_fail_memory();
    }
    for (size_t i = 0; i < count; i++) {
        int code = range_read(&policy->allow[i], allow[i]);

        if (code != WH_OK) {
            whi_policy_free(policy);
            return whi_fail_within_item(code, "allow", i);
        }
    }
    policy->count = count;
    *out = policy;
    return WH_OK;
}

void whi_policy_free(whi_policy *policy) {
    whi_free(policy);
}

/* ------------------------------------------------------------------- judging */

static int is_listed(const whi_policy *policy, const struct address *address) {
    for (size_t i = 0; policy != NULL && i < policy->count; i++) {
        const struct range *range = &policy->allow[i];

        if (range->first.bits == address->bits && has_prefix(address->bytes, range->first.bytes, range->prefix)) {
            return 1;
        }
    }
    return 0;
}

static const char *find(const struct special *table, size_t count, const uint8_t *bytes) {
    for (size_t i = 0; i < count; i++) {
        if (has_prefix(bytes, table[i].bytes, table[i].prefix)) {
            return table[i].reason;
        }
    }
    return NULL;
}

/* Why an address is refused, NULL if it is not. */
static const char *judge(const struct address *address) {
    const char *reason;

    if (address->bits == 32) {
        return find(special_v4, sizeof special_v4 / sizeof special_v4[0], address->bytes);
    }
    reason = find(special_v6, sizeof special_v6 / sizeof special_v6[0], address->bytes);
    if (reason == NULL && !has_prefix(address->bytes, global_unicast, 3)) {
        reason = "reserved";
    }
    return reason;
}

/* Copied out, since a sockaddr of a callback need not be aligned for its family. */
static int address_read(struct address *out, const struct sockaddr *from) {
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    memset(out, 0, sizeof *out);
    if (from->sa_family == AF_INET) {
        memcpy(&v4, from, sizeof v4);
        memcpy(out->bytes, &v4.sin_addr, 4);
        out->bits = 32;
        return 1;
    }
    if (from->sa_family == AF_INET6) {
        memcpy(&v6, from, sizeof v6);
        memcpy(out->bytes, &v6.sin6_addr, 16);
        out->bits = 128;
        unmap(out);
        return 1;
    }
    return 0;
}

int whi_policy_allows(const whi_policy *policy, const struct sockaddr *address, const char **reason) {
    struct address read, inner;
    const char *why = "not IP";

    if (address_read(&read, address)) {
        why = is_listed(policy, &read) ? NULL : judge(translated(&read, &inner) ? &inner : &read);
    }
    if (why == NULL) {
        return 1;
    }
    if (reason != NULL) {
        *reason = why;
    }
    return 0;
}
