#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "pure/address.h"
#include "webhook.h"

static struct sockaddr_storage address_of(const char *text) {
    struct sockaddr_storage storage;
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

    memset(&storage, 0, sizeof storage);
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(&storage, &v4, sizeof v4);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        memcpy(&storage, &v6, sizeof v6);
    }
    return storage;
}

static int allows(const whi_policy *policy, const char *text) {
    struct sockaddr_storage storage = address_of(text);

    return whi_policy_allows(policy, (const struct sockaddr *)&storage, NULL);
}

/* The first and the last address of every block, and the neighbours of both; then
 * addresses that clouds and tunnels are known for. NULL: may be reached. */
static const struct {
    const char *text, *reason;
} judged[] = {
    { "0.0.0.0", "this network" },
    { "0.255.255.255", "this network" },
    { "1.0.0.0", NULL },
    { "1.1.1.1", NULL },
    { "8.8.8.8", NULL },
    { "9.255.255.255", NULL },
    { "10.0.0.0", "private" },
    { "10.255.255.255", "private" },
    { "11.0.0.0", NULL },
    { "100.63.255.255", NULL },
    { "100.64.0.0", "shared" },
    { "100.100.100.200", "shared" },
    { "100.127.255.255", "shared" },
    { "100.128.0.0", NULL },
    { "126.255.255.255", NULL },
    { "127.0.0.0", "loopback" },
    { "127.255.255.255", "loopback" },
    { "128.0.0.0", NULL },
    { "168.63.129.15", NULL },
    { "168.63.129.16", "metadata" },
    { "168.63.129.17", NULL },
    { "169.253.255.255", NULL },
    { "169.254.0.0", "link-local" },
    { "169.254.169.254", "link-local" },
    { "169.254.255.255", "link-local" },
    { "169.255.0.0", NULL },
    { "172.15.255.255", NULL },
    { "172.16.0.0", "private" },
    { "172.31.255.255", "private" },
    { "172.32.0.0", NULL },
    { "191.255.255.255", NULL },
    { "192.0.0.0", "protocol" },
    { "192.0.0.9", "protocol" },
    { "192.0.0.10", "protocol" },
    { "192.0.0.192", "protocol" },
    { "192.0.0.255", "protocol" },
    { "192.0.1.0", NULL },
    { "192.0.1.255", NULL },
    { "192.0.2.0", "documentation" },
    { "192.0.2.255", "documentation" },
    { "192.0.3.0", NULL },
    { "192.31.195.255", NULL },
    { "192.31.196.0", "anycast" },
    { "192.31.196.255", "anycast" },
    { "192.31.197.0", NULL },
    { "192.52.192.255", NULL },
    { "192.52.193.0", "anycast" },
    { "192.52.193.255", "anycast" },
    { "192.52.194.0", NULL },
    { "192.88.98.255", NULL },
    { "192.88.99.0", "6to4" },
    { "192.88.99.255", "6to4" },
    { "192.88.100.0", NULL },
    { "192.167.255.255", NULL },
    { "192.168.0.0", "private" },
    { "192.168.255.255", "private" },
    { "192.169.0.0", NULL },
    { "192.175.47.255", NULL },
    { "192.175.48.0", "anycast" },
    { "192.175.48.255", "anycast" },
    { "192.175.49.0", NULL },
    { "198.17.255.255", NULL },
    { "198.18.0.0", "benchmarking" },
    { "198.19.255.255", "benchmarking" },
    { "198.20.0.0", NULL },
    { "198.51.99.255", NULL },
    { "198.51.100.0", "documentation" },
    { "198.51.100.255", "documentation" },
    { "198.51.101.0", NULL },
    { "203.0.112.255", NULL },
    { "203.0.113.0", "documentation" },
    { "203.0.113.255", "documentation" },
    { "203.0.114.0", NULL },
    { "223.255.255.255", NULL },
    { "224.0.0.0", "multicast" },
    { "239.255.255.255", "multicast" },
    { "240.0.0.0", "reserved" },
    { "255.255.255.254", "reserved" },
    { "255.255.255.255", "broadcast" },
    { "::", "this network" },
    { "::1", "loopback" },
    { "::2", "compatible" },
    { "::808:808", "compatible" },
    { "::ffff:ffff", "compatible" },
    { "::1:0:0", "reserved" },
    { "::ffff:0:0", "this network" },
    { "::ffff:808:808", NULL },
    { "::ffff:a00:1", "private" },
    { "::ffff:7f00:1", "loopback" },
    { "::ffff:a9fe:a9fe", "link-local" },
    { "::ffff:ffff:ffff", "broadcast" },
    { "::fffe:ffff:ffff:ffff", "reserved" },
    { "::ffff:0:0:0", "translated" },
    { "::ffff:0:808:808", "translated" },
    { "::ffff:0:ffff:ffff", "translated" },
    { "::ffff:1:0:0", "reserved" },
    { "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", "reserved" },
    { "64:ff9b::", "this network" },
    { "64:ff9b::808:808", NULL },
    { "64:ff9b::a00:1", "private" },
    { "64:ff9b::7f00:1", "loopback" },
    { "64:ff9b::a9fe:a9fe", "link-local" },
    { "64:ff9b::ffff:ffff", "broadcast" },
    { "64:ff9b::1:0:0", "reserved" },
    { "64:ff9b:0:ffff:ffff:ffff:ffff:ffff", "reserved" },
    { "64:ff9b:1::", "nat64" },
    { "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "nat64" },
    { "64:ff9b:2::", "reserved" },
    { "ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved" },
    { "100::", "discard" },
    { "100::ffff:ffff:ffff:ffff", "discard" },
    { "100:0:0:1::", "dummy" },
    { "100::1:ffff:ffff:ffff:ffff", "dummy" },
    { "100:0:0:2::", "reserved" },
    { "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved" },
    { "2000::", NULL },
    { "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
    { "2001::", "teredo" },
    { "2001:0:808:808::1", "teredo" },
    { "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "teredo" },
    { "2001:1::", "protocol" },
    { "2001:1::1", "protocol" },
    { "2001:1::2", "protocol" },
    { "2001:1::3", "protocol" },
    { "2001:1:ffff:ffff:ffff:ffff:ffff:ffff", "protocol" },
    { "2001:2::", "benchmarking" },
    { "2001:2:0:ffff:ffff:ffff:ffff:ffff", "benchmarking" },
    { "2001:2:1::", "protocol" },
    { "2001:2:ffff:ffff:ffff:ffff:ffff:ffff", "protocol" },
    { "2001:3::", "anycast" },
    { "2001:3:ffff:ffff:ffff:ffff:ffff:ffff", "anycast" },
    { "2001:4::", "protocol" },
    { "2001:4:111:ffff:ffff:ffff:ffff:ffff", "protocol" },
    { "2001:4:112::", "anycast" },
    { "2001:4:112:ffff:ffff:ffff:ffff:ffff", "anycast" },
    { "2001:4:113::", "protocol" },
    { "2001:f:ffff:ffff:ffff:ffff:ffff:ffff", "protocol" },
    { "2001:10::", "orchid" },
    { "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", "orchid" },
    { "2001:20::", "orchid" },
    { "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", "orchid" },
    { "2001:30::", "drip" },
    { "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff", "drip" },
    { "2001:40::", "protocol" },
    { "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "protocol" },
    { "2001:200::", NULL },
    { "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
    { "2001:db8::", "documentation" },
    { "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "documentation" },
    { "2001:db9::", NULL },
    { "2001:4860:4860::8888", NULL },
    { "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
    { "2002::", "6to4" },
    { "2002:808:808::1", "6to4" },
    { "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "6to4" },
    { "2003::", NULL },
    { "2606:4700:4700::1111", NULL },
    { "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff", NULL },
    { "2620:4f:8000::", "anycast" },
    { "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", "anycast" },
    { "2620:4f:8001::", NULL },
    { "3ffe::1", NULL },
    { "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
    { "3fff::", "documentation" },
    { "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "documentation" },
    { "3fff:1000::", NULL },
    { "4000::", "reserved" },
    { "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved" },
    { "5f00::", "segment routing" },
    { "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "segment routing" },
    { "5f01::", "reserved" },
    { "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved" },
    { "fc00::", "private" },
    { "fd00:ec2::254", "private" },
    { "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private" },
    { "fe00::", "reserved" },
    { "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved" },
    { "fe80::", "link-local" },
    { "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "link-local" },
    { "fec0::", "site-local" },
    { "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "site-local" },
    { "ff00::", "multicast" },
    { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast" },
};

static void each_end_of_each_special_block_is_judged(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof judged / sizeof judged[0]; i++) {
        struct sockaddr_storage storage = address_of(judged[i].text);
        const char *reason = NULL;
        int allowed = whi_policy_allows(NULL, (const struct sockaddr *)&storage, &reason);

        if (allowed != (judged[i].reason == NULL)) {
            fail_msg("%s: %s", judged[i].text, reason != NULL ? reason : "allowed");
        }
        if (!allowed) {
            assert_string_equal(reason, judged[i].reason);
        }
    }
}

/* The gateway goes on to it. */
static void an_address_behind_nat64_is_judged_as_its_ipv4_address(void **state) {
    char behind[64];

    (void)state;
    for (size_t i = 0; i < sizeof judged / sizeof judged[0]; i++) {
        if (strchr(judged[i].text, ':') == NULL) {
            snprintf(behind, sizeof behind, "64:ff9b::%s", judged[i].text);
            assert_int_equal(allows(NULL, behind), judged[i].reason == NULL);
        }
    }
}

/* What cannot be told apart on the wire must not be told apart here. */
static void a_mapped_address_is_judged_as_its_ipv4_address(void **state) {
    char mapped[64];

    (void)state;
    for (size_t i = 0; i < sizeof judged / sizeof judged[0]; i++) {
        if (strchr(judged[i].text, ':') == NULL) {
            snprintf(mapped, sizeof mapped, "::ffff:%s", judged[i].text);
            assert_int_equal(allows(NULL, mapped), judged[i].reason == NULL);
        }
    }
}

static void what_is_no_ip_address_is_refused(void **state) {
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    struct sockaddr none = { .sa_family = AF_UNSPEC };
    const char *reason = NULL;

    (void)state;
    assert_int_equal(whi_policy_allows(NULL, (const struct sockaddr *)&local, &reason), 0);
    assert_string_equal(reason, "not IP");
    assert_int_equal(whi_policy_allows(NULL, &none, NULL), 0);
}

static void a_range_lets_exactly_its_addresses_through(void **state) {
    static const char *const allow[] = {
        "127.0.0.1", "10.1.0.0/16", "192.168.4.0/22", "::1", "fd00::/8", "fe80::/123"
    };
    static const char *const in[] = { "127.0.0.1", "10.1.0.0", "10.1.255.255", "192.168.4.0", "192.168.7.255", "::1",
                                      "fd00::",    "fdff::1",  "fe80::",       "fe80::1f",    "8.8.8.8" };
    static const char *const out[] = { "127.0.0.2",      "127.0.0.0",   "10.0.255.255", "10.2.0.0",
                                       "192.168.3.255",  "192.168.8.0", "::",           "::2",
                                       "fc00::1",        "fe00::",      "fe80::20",     "::127.0.0.1",
                                       "64:ff9b::7f00:1" };
    whi_policy *policy;

    (void)state;
    assert_int_equal(whi_policy_new(&policy, allow, 6), WH_OK);
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++) {
        assert_int_equal(allows(policy, in[i]), 1);
    }
    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++) {
        assert_int_equal(allows(policy, out[i]), 0);
    }
    assert_int_equal(allows(policy, "::ffff:10.1.2.3"), 1);
    assert_int_equal(allows(policy, "::ffff:10.2.2.3"), 0);
    whi_policy_free(policy);
}

static void a_mapped_range_is_the_ipv4_range(void **state) {
    static const char *const allow[] = { "::ffff:10.0.0.0/104", "::ffff:127.0.0.1" };
    whi_policy *policy;

    (void)state;
    assert_int_equal(whi_policy_new(&policy, allow, 2), WH_OK);
    assert_int_equal(allows(policy, "10.255.0.1"), 1);
    assert_int_equal(allows(policy, "::ffff:10.255.0.1"), 1);
    assert_int_equal(allows(policy, "127.0.0.1"), 1);
    assert_int_equal(allows(policy, "11.0.0.1"), 1);
    assert_int_equal(allows(policy, "127.0.0.2"), 0);
    whi_policy_free(policy);
}

static void everything_of_one_family_says_nothing_about_the_other(void **state) {
    static const char *const all_v6[] = { "::/0" }, *const all_v4[] = { "0.0.0.0/0" };
    whi_policy *policy;

    (void)state;
    assert_int_equal(whi_policy_new(&policy, all_v6, 1), WH_OK);
    assert_int_equal(allows(policy, "::1"), 1);
    assert_int_equal(allows(policy, "::ffff:127.0.0.1"), 0);
    assert_int_equal(allows(policy, "127.0.0.1"), 0);
    whi_policy_free(policy);
    assert_int_equal(whi_policy_new(&policy, all_v4, 1), WH_OK);
    assert_int_equal(allows(policy, "::1"), 0);
    assert_int_equal(allows(policy, "::ffff:127.0.0.1"), 1);
    assert_int_equal(allows(policy, "255.255.255.255"), 1);
    whi_policy_free(policy);
}

static void an_entry_that_is_no_range_is_named(void **state) {
    static const char *const wrong[] = {
        "",
        "/",
        "/8",
        "localhost",
        "10",
        "10.0.0",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/+8",
        "10.0.0.0/08",
        "10.0.0.0/8 ",
        " 10.0.0.0/8",
        "10.0.0.0/8/8",
        "10.0.0.0/255.0.0.0",
        "256.0.0.0",
        "0x7f.0.0.1",
        "[::1]",
        "::1/129",
        "::1/1280000000000",
        "fe80::1%eth0",
        ":::",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
    };
    whi_policy *policy;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *allow[] = { "127.0.0.1", wrong[i] };

        if (whi_policy_new(&policy, allow, 2) != WH_EINVALID) {
            fail_msg("\"%s\" was taken", wrong[i]);
        }
        assert_null(policy);
        assert_true(strncmp(wh_last_error(), "allow[1]: ", 10) == 0);
    }
}

static void bits_behind_the_prefix_are_told_with_the_right_range(void **state) {
    static const char *const rows[][2] = { { "10.1.0.0/8", "\"10.0.0.0/8\"" },
                                           { "10.0.0.1/31", "\"10.0.0.0/31\"" },
                                           { "fd00::1/8", "\"fd00::/8\"" },
                                           { "fe80::1/10", "\"fe80::/10\"" },
                                           { "1.2.3.4/0", "\"0.0.0.0/0\"" } };
    whi_policy *policy;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(whi_policy_new(&policy, &rows[i][0], 1), WH_EINVALID);
        assert_non_null(strstr(wh_last_error(), rows[i][1]));
    }
}

static void a_list_may_be_empty_but_not_absent_or_endless(void **state) {
    const char *none[] = { NULL };
    whi_policy *policy;

    (void)state;
    assert_int_equal(whi_policy_new(&policy, NULL, 0), WH_OK);
    assert_int_equal(allows(policy, "127.0.0.1"), 0);
    assert_int_equal(allows(policy, "8.8.8.8"), 1);
    whi_policy_free(policy);
    whi_policy_free(NULL);
    assert_int_equal(whi_policy_new(&policy, NULL, 1), WH_EINVALID);
    assert_int_equal(whi_policy_new(&policy, none, 1), WH_EINVALID);
    assert_int_equal(whi_policy_new(&policy, none, WHI_ALLOW_MAXIMUM + 1), WH_EINVALID);
}

static int fault(void) {
    return 1;
}

static void without_memory_there_is_no_policy(void **state) {
    whi_policy *policy;

    (void)state;
    whi_mem_fault = fault;
    assert_int_equal(whi_policy_new(&policy, NULL, 0), WH_ENOMEM);
    whi_mem_fault = NULL;
    assert_null(policy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_end_of_each_special_block_is_judged),
        cmocka_unit_test(a_mapped_address_is_judged_as_its_ipv4_address),
        cmocka_unit_test(an_address_behind_nat64_is_judged_as_its_ipv4_address),
        cmocka_unit_test(what_is_no_ip_address_is_refused),
        cmocka_unit_test(a_range_lets_exactly_its_addresses_through),
        cmocka_unit_test(a_mapped_range_is_the_ipv4_range),
        cmocka_unit_test(everything_of_one_family_says_nothing_about_the_other),
        cmocka_unit_test(an_entry_that_is_no_range_is_named),
        cmocka_unit_test(bits_behind_the_prefix_are_told_with_the_right_range),
        cmocka_unit_test(a_list_may_be_empty_but_not_absent_or_endless),
        cmocka_unit_test(without_memory_there_is_no_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
