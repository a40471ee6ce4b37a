#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/error.h"
#include "pure/url.h"
#include "webhook.h"

struct row {
    const char *text, *normal, *host;
    int port, https, literal;
};

static void check(const struct row *row) {
    whi_url url, again;

    if (whi_url_parse(&url, row->text) != WH_OK) {
        fail_msg("%s: %s", row->text, wh_last_error());
    }
    assert_string_equal(url.text, row->normal);
    assert_string_equal(url.host, row->host);
    assert_int_equal(url.port, row->port);
    assert_int_equal(url.https, row->https);
    assert_int_equal(url.literal, row->literal);
    assert_int_equal(whi_url_parse(&again, url.text), WH_OK);
    assert_memory_equal(&again, &url, sizeof url);
}

static void a_url_is_normalised_and_its_parts_are_told(void **state) {
    static const struct row rows[] = {
        { "https://example.com/hooks?a=b", "https://example.com/hooks?a=b", "example.com", 443, 1, 0 },
        { "http://example.com", "http://example.com/", "example.com", 80, 0, 0 },
        { "HTTPS://EXAMPLE.com:443/A/../B?X#frag", "https://example.com/B?X", "example.com", 443, 1, 0 },
        { "https://example.com#", "https://example.com/", "example.com", 443, 1, 0 },
        { "https://example.com?x", "https://example.com/?x", "example.com", 443, 1, 0 },
        { "http://example.com:08080/", "http://example.com:8080/", "example.com", 8080, 0, 0 },
        { "http://example.com:443/", "http://example.com:443/", "example.com", 443, 0, 0 },
        { "http://example.com:/", "http://example.com/", "example.com", 80, 0, 0 },
        { "http://example.com/%20/@x:y", "http://example.com/%20/@x:y", "example.com", 80, 0, 0 },
        { "http://a_b.example.com./x", "http://a_b.example.com./x", "a_b.example.com.", 80, 0, 0 },
        { "http://localhost:3000/", "http://localhost:3000/", "localhost", 3000, 0, 0 },
        { "http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80, 0, 0 },
        { "http://%65xample.com/", "http://example.com/", "example.com", 80, 0, 0 },
        { "http://1.example/", "http://1.example/", "1.example", 80, 0, 0 },
        { "http://0xyz/", "http://0xyz/", "0xyz", 80, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check(&rows[i]);
    }
}

/* Newer versions of libcurl write the digits in upper case. */
static void bytes_above_ascii_in_a_path_become_escapes(void **state) {
    whi_url url;

    (void)state;
    assert_int_equal(whi_url_parse(&url, "http://example.com/\xc3\xa9?\xc3\xa9"), WH_OK);
    assert_int_equal(strcasecmp(url.text, "http://example.com/%c3%a9?%c3%a9"), 0);
}

/* All the ways to write 127.0.0.1 that inet_aton reads, and those of IPv6. */
static void an_address_is_a_literal_however_it_is_written(void **state) {
    static const char *const loopback[] = { "127.0.0.1", "2130706433", "0x7f.1",       "0177.0.0.1",
                                            "127.1",     "0x7F000001", "017700000001", "%31%32%37.0.0.1" };
    static const struct row rows[] = {
        { "http://0/", "http://0.0.0.0/", "0.0.0.0", 80, 0, 1 },
        { "http://1.2.3/", "http://1.2.0.3/", "1.2.0.3", 80, 0, 1 },
        { "https://[::1]/", "https://[::1]/", "::1", 443, 1, 1 },
        { "https://[::1]:8443/", "https://[::1]:8443/", "::1", 8443, 1, 1 },
        { "http://[FD00:0::1]/", "http://[fd00::1]/", "fd00::1", 80, 0, 1 },
        { "http://[::ffff:127.0.0.1]/", "http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1", 80, 0, 1 },
    };
    char text[64];
    whi_url url;

    (void)state;
    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++) {
        snprintf(text, sizeof text, "http://%s/", loopback[i]);
        assert_int_equal(whi_url_parse(&url, text), WH_OK);
        assert_string_equal(url.text, "http://127.0.0.1/");
        assert_string_equal(url.host, "127.0.0.1");
        assert_int_equal(url.literal, 1);
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check(&rows[i]);
    }
}

static void what_is_wrong_with_a_url_is_named(void **state) {
    static const char *const rows[][2] = {
        { "", "expected \"http://\"" },
        { "example.com", "expected \"http://\"" },
        { "//example.com/", "expected \"http://\"" },
        { "ftp://example.com/", "expected \"http://\"" },
        { "file:///etc/passwd", "expected \"http://\"" },
        { "gopher://example.com/", "expected \"http://\"" },
        { "javascript:alert(1)", "expected \"http://\"" },
        { "httpx://example.com/", "expected \"http://\"" },
        { "http:example.com", "expected \"http://\"" },
        { "http:/example.com", "expected \"http://\"" },
        { "http:///example.com", "expected \"http://\"" },
        { " http://example.com/", "blank at byte 1" },
        { "http://exa mple.com/", "blank at byte 11" },
        { "http://example.com/a b", "blank" },
        { "http://example.com/\n", "control character 0x0a" },
        { "http://example.com/\x7f", "control character 0x7f" },
        { "http://example.com/\t", "control character 0x09" },
        { "http://user@example.com/", "user info" },
        { "http://user:pw@example.com/", "user info" },
        { "http://@example.com/", "user info" },
        { "http://:@example.com/", "user info" },
        { "http://example.com\\@evil.example/", "backslash" },
        { "http://example.com\\evil", "backslash" },
        { "http://", "no host" },
        { "http://?x", "no host" },
        { "http://:80/", "no host" },
        { "http://example.com:0/", "port" },
        { "http://example.com:00/", "port" },
        { "http://example.com:65536/", "port" },
        { "http://example.com:8a/", "port" },
        { "http://example.com:-1/", "port" },
        { "http://b\xc3\xbc"
          "cher.example/",
          "xn--" },
        { "http://b%c3%bc"
          "cher.example/",
          "xn--" },
        { "http://\xef\xbc\x91.com/", "xn--" },
        { "http://[::1/", "url: the host is not an IPv6 address in brackets, like [2001:db8::1]" },
        { "http://[::g]/", "url: the host is not an IPv6 address in brackets, like [2001:db8::1]" },
        { "http://[127.0.0.1]/", "url: the host is not an IPv6 address in brackets, like [2001:db8::1]" },
        { "http://a{b/", "url: the host holds '{', expected letters, digits, '-', '_' and '.'" },
        { "http://$HOST/", "url: the host holds '$', expected letters, digits, '-', '_' and '.'" },
        { "https://*.example.com:8080/", "url: the host holds '*', expected letters" },
        { "https://a.example,b.example", "url: the host holds ','" },
        { "https://<host>/x", "url: the host holds '<'" },
        { "http://[fe80::1%25eth0]/", "zone" },
        { "http://[fe80::1%eth0]/", "zone" },
        { "http://example..com/", "label of 0" },
        { "http://.example.com/", "label of 0" },
        { "http://./", "0 letters" },
        { "http://a|b/", "'|'" },
        { "http://a%00b/", "url: the host holds '%'" },
        { "http://127.0.0.1./", "ends in a number" },
        { "http://256.1.1.1/", "ends in a number" },
        { "http://1.2.3.4.5/", "ends in a number" },
        { "http://4294967296/", "ends in a number" },
        { "http://08/", "ends in a number" },
        { "http://0x/", "ends in a number" },
        { "http://example.0x7f/", "ends in a number" },
    };
    whi_url url;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_error_clear();
        if (whi_url_parse(&url, rows[i][0]) != WH_EINVALID) {
            fail_msg("%s was taken as %s", rows[i][0], url.text);
        }
        if (strstr(wh_last_error(), rows[i][1]) == NULL) {
            fail_msg("%s: \"%s\" does not say \"%s\"", rows[i][0], wh_last_error(), rows[i][1]);
        }
        assert_string_equal(url.text, "");
    }
    assert_int_equal(whi_url_parse(&url, NULL), WH_EINVALID);
}

static void no_byte_below_or_at_the_blank_is_taken_anywhere(void **state) {
    static const size_t places[] = { 0, 5, 7, 10, 18, 20 };
    char text[] = "http://example.com/abc";
    whi_url url;

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char before = text[places[i]];

        for (int byte = 1; byte <= 0x20; byte++) {
            text[places[i]] = (char)byte;
            assert_int_equal(whi_url_parse(&url, text), WH_EINVALID);
        }
        text[places[i]] = before;
    }
}

static void a_url_may_have_2048_bytes(void **state) {
    char text[2100] = "http://example.com/";
    size_t head = strlen(text);
    whi_url url;

    (void)state;
    memset(text + head, 'a', 2048 - head);
    assert_int_equal(whi_url_parse(&url, text), WH_OK);
    assert_string_equal(url.text, text);
    text[2048] = 'a';
    assert_int_equal(whi_url_parse(&url, text), WH_EINVALID);
    text[2048] = '\0';
    text[2047] = (char)0xe9; /* escaped, it is too long */
    assert_int_equal(whi_url_parse(&url, text), WH_EINVALID);
    assert_string_equal(wh_last_error(), "url: longer than 2048 bytes");
}

static void a_host_has_at_most_253_letters_in_labels_of_63(void **state) {
    char text[400] = "http://";
    whi_url url;

    (void)state;
    memset(text + 7, 'a', 63);
    assert_int_equal(whi_url_parse(&url, text), WH_OK);
    memset(text + 7, 'a', 64);
    assert_int_equal(whi_url_parse(&url, text), WH_EINVALID);
    for (size_t i = 0; i < 253; i++) {
        text[7 + i] = i % 2 ? '.' : 'a';
    }
    assert_int_equal(whi_url_parse(&url, text), WH_OK);
    assert_int_equal(strlen(url.host), 253);
    memcpy(text + 7 + 253, "aa", 3);
    assert_int_equal(whi_url_parse(&url, text), WH_EINVALID);
    memset(text + 7 + 200, 'a', 190);
    assert_int_equal(whi_url_parse(&url, text), WH_EINVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_is_normalised_and_its_parts_are_told),
        cmocka_unit_test(bytes_above_ascii_in_a_path_become_escapes),
        cmocka_unit_test(an_address_is_a_literal_however_it_is_written),
        cmocka_unit_test(what_is_wrong_with_a_url_is_named),
        cmocka_unit_test(no_byte_below_or_at_the_blank_is_taken_anywhere),
        cmocka_unit_test(a_url_may_have_2048_bytes),
        cmocka_unit_test(a_host_has_at_most_253_letters_in_labels_of_63),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
