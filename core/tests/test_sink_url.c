#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "pure/sink_url.h"
#include "webhook.h"

static void the_scheme_says_where_deliveries_go(void **state) {
    char scheme[WHI_SCHEME_SIZE];

    (void)state;
    assert_int_equal(whi_url_kind_of("https://a.example/", scheme), WHI_URL_HTTP);
    assert_string_equal(scheme, "");
    assert_int_equal(whi_url_kind_of("PostgreSQL://a.example/", scheme), WHI_URL_DATABASE);
    assert_string_equal(scheme, "postgresql");
    assert_int_equal(whi_url_kind_of("sqlite:/a", scheme), WHI_URL_DATABASE);
    assert_int_equal(whi_url_kind_of("mongodb+srv://a", scheme), WHI_URL_ABSENT);
    assert_string_equal(scheme, "mongodb+srv");
    assert_int_equal(whi_url_kind_of("snowflake://a", NULL), WHI_URL_ABSENT);
    assert_int_equal(whi_url_kind_of("gopher://a", scheme), WHI_URL_HTTP);
    assert_int_equal(whi_url_kind_of("postgresql", scheme), WHI_URL_HTTP);
    assert_int_equal(whi_url_kind_of("", scheme), WHI_URL_HTTP);
}

struct row {
    const char *text, *masked, *password;
};

static void a_password_is_kept_apart_and_put_back(void **state) {
    static const struct row rows[] = {
        { "postgresql://u:s3cret@db.example/app", "postgresql://u:***@db.example/app", "s3cret" },
        { "POSTGRES://u:a@b:c%40@db.example:5433/app?sslmode=require",
          "postgres://u:***@db.example:5433/app?sslmode=require", "a@b:c%40" },
        { "mysql://u@db.example/app", "mysql://u@db.example/app", "" },
        { "mysql://db.example", "mysql://db.example", "" },
        { "mariadb://u:@db.example/app", "mariadb://u@db.example/app", "" },
        { "postgresql://u:x@[::1]:5432/app", "postgresql://u:***@[::1]:5432/app", "x" },
        { "sqlite:/var/lib/a.db", "sqlite:/var/lib/a.db", "" },
        { "sqlite:///var/lib/a.db", "sqlite:/var/lib/a.db", "" },
    };
    char joined[WHI_URL_SIZE + WHI_PASSWORD_SIZE];
    whi_sink_url url, again;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *password = rows[i].password[0] != '\0' ? rows[i].password : NULL;

        if (whi_sink_url_parse(&url, rows[i].text) != WH_OK) {
            fail_msg("%s: %s", rows[i].text, wh_last_error());
        }
        assert_string_equal(url.text, rows[i].masked);
        assert_string_equal(url.password, rows[i].password);
        assert_false(url.is_masked);
        assert_int_equal(whi_sink_url_join(url.text, password, joined), WH_OK);
        assert_int_equal(whi_sink_url_parse(&again, joined), WH_OK);
        assert_string_equal(again.text, url.text);
        assert_string_equal(again.password, url.password);
    }
    assert_int_equal(whi_sink_url_join("mysql://u:***@h/a?x=:***@", "pw", joined), WH_OK);
    assert_string_equal(joined, "mysql://u:pw@h/a?x=:***@");
}

static void a_mask_is_no_password(void **state) {
    char joined[WHI_URL_SIZE + WHI_PASSWORD_SIZE];
    whi_sink_url url;

    (void)state;
    assert_int_equal(whi_sink_url_parse(&url, "mysql://u:***@db.example/app"), WH_OK);
    assert_true(url.is_masked);
    assert_string_equal(url.password, "");
    assert_string_equal(url.text, "mysql://u:***@db.example/app");
    assert_int_equal(whi_sink_url_join(url.text, NULL, joined), WH_EINVALID);
    assert_int_equal(whi_sink_url_join("mysql://u@h/a", "pw", joined), WH_EINVALID);
}

static void what_would_show_a_secret_is_refused_and_not_repeated(void **state) {
    static const char *const texts[] = {
        "postgresql://u:s3cret/x@db.example/app",
        "postgresql://u:s3cret?x@db.example/app",
        "postgresql://u:s3cret#x@db.example/app",
        "postgresql://u:s3 cret@db.example/app",
        "postgresql://u:s3cret\\@db.example/app",
        "postgresql://u@db.example/app?password=s3cret",
        "postgresql://u@db.example/app?a=b&sslPassword=s3cret",
        "postgresql://u@db.example/app?pass%77ord=s3cret",
        "postgresql://u:s3cret@",
        "postgresql://u:s3cret@:5432/app",
        "postgresql:u:s3cret",
        "postgresql:///s3cret",
        "sqlite:s3cret.db",
        "sqlite://s3cret/a.db",
        "sqlite:/a.db?s3cret",
        "sqlite:/folder/%2e%2e%2fs3cret.db", /* which is decoded where it is opened */
        "https://u:s3cret@db.example/",
    };
    whi_sink_url url;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (whi_sink_url_parse(&url, texts[i]) != WH_EINVALID) {
            fail_msg("accepted: %s", texts[i]);
        }
        assert_null(strstr(wh_last_error(), "s3"));
        assert_string_equal(wh_last_error_field(), "url");
    }
}

static void what_is_too_long_is_refused(void **state) {
    char text[WHI_URL_SIZE + 8] = "mysql://u:";
    whi_sink_url url;

    (void)state;
    memset(text + 10, 'p', WHI_PASSWORD_SIZE - 1);
    memcpy(text + 10 + WHI_PASSWORD_SIZE - 1, "@h/a", 5);
    assert_int_equal(whi_sink_url_parse(&url, text), WH_OK);
    memset(text + 10, 'p', WHI_PASSWORD_SIZE);
    memcpy(text + 10 + WHI_PASSWORD_SIZE, "@h/a", 5);
    assert_int_equal(whi_sink_url_parse(&url, text), WH_EINVALID);
    memset(text + 8, 'h', WHI_URL_SIZE - 8);
    text[WHI_URL_SIZE] = '\0';
    assert_int_equal(whi_sink_url_parse(&url, text), WH_EINVALID);
    memcpy(text, "mysql://u:p@", 12); /* of which the mask makes it longer than it may be */
    text[WHI_URL_SIZE - 1] = '\0';
    assert_int_equal(whi_sink_url_parse(&url, text), WH_EINVALID);
}

static void only_sqlite_is_a_file(void **state) {
    (void)state;
    assert_string_equal(whi_sink_url_file("sqlite:/a/b"), "/a/b");
    assert_null(whi_sink_url_file("mysql://h/a"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scheme_says_where_deliveries_go),
        cmocka_unit_test(a_password_is_kept_apart_and_put_back),
        cmocka_unit_test(a_mask_is_no_password),
        cmocka_unit_test(what_would_show_a_secret_is_refused_and_not_repeated),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(only_sqlite_is_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
