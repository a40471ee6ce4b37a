#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "pure/database_url.h"
#include "webhook.h"

struct row {
    const char *text;
    int scheme, tls, port;
    const char *host, *user, *password, *database;
};

static void the_parts_of_a_url_are_told(void **state) {
    static const struct row rows[] = {
        { "postgresql://u:p@db.example/data", WHI_DATABASE_POSTGRES, 0, 5432, "db.example", "u", "p", "data" },
        { "postgres://DB.Example:99", WHI_DATABASE_POSTGRES, 0, 99, "db.example", "", "", "" },
        { "mysql://u@h/d", WHI_DATABASE_MARIADB, 0, 3306, "h", "u", "", "d" },
        { "MariaDB://u:@h:3307/d%20e", WHI_DATABASE_MARIADB, 0, 3307, "h", "u", "", "d e" },
        { "postgresql://u:a:b%40c%2f@h/d", WHI_DATABASE_POSTGRES, 0, 5432, "h", "u", "a:b@c/", "d" },
        { "postgresql://u@v:p@w@h/d", WHI_DATABASE_POSTGRES, 0, 5432, "h", "u@v", "p@w", "d" },
        { "postgresql://u:p@[::1]:77/d", WHI_DATABASE_POSTGRES, 0, 77, "::1", "u", "p", "d" },
        { "postgresql://u:p@[::1]/d", WHI_DATABASE_POSTGRES, 0, 5432, "::1", "u", "p", "d" },
        { "postgresql://h/d?sslmode=require", WHI_DATABASE_POSTGRES, WHI_TLS_ANY, 5432, "h", "", "", "d" },
        { "postgresql://h?sslmode=disable&application_name=x", WHI_DATABASE_POSTGRES, WHI_TLS_NONE, 5432, "h", "", "",
          "" },
        { "mysql://h/?sslmode=verify-ca", WHI_DATABASE_MARIADB, WHI_TLS_VERIFY_CA, 3306, "h", "", "", "" },
        { "mysql://h/d?sslmode=verify-full&", WHI_DATABASE_MARIADB, WHI_TLS_VERIFY_FULL, 3306, "h", "", "", "d" },
    };
    whi_database_url url;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (whi_database_url_parse(&url, rows[i].text) != WH_OK) {
            fail_msg("%s: %s", rows[i].text, wh_last_error());
        }
        assert_int_equal(url.scheme, rows[i].scheme);
        assert_int_equal(url.tls, rows[i].tls);
        assert_int_equal(url.port, rows[i].port);
        assert_string_equal(url.host, rows[i].host);
        assert_string_equal(url.user, rows[i].user);
        assert_string_equal(url.password, rows[i].password);
        assert_string_equal(url.database, rows[i].database);
    }
}

static void a_file_has_a_path(void **state) {
    static const char *const texts[] = { "sqlite:/a/b%20c.db", "sqlite:///a/b c.db", "SQLite:/a/b%20c.db" };
    whi_database_url url;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(whi_database_url_parse(&url, texts[i]), WH_OK);
        assert_int_equal(url.scheme, WHI_DATABASE_SQLITE);
        assert_string_equal(url.path, "/a/b c.db");
    }
}

/* The password is "s3cr3t" wherever one stands, also where the URL is broken in the middle of it. */
static void what_is_refused_is_said_without_the_password(void **state) {
    static const struct {
        const char *text, *words;
    } rows[] = {
        { "", "expected \"postgresql://\"" },
        { "s3cr3t", "expected \"postgresql://\"" },
        { "http://h/", "expected \"postgresql://\"" },
        { "postgresql:u:s3cr3t@h/d", "expected \"//\"" },
        { "postgresql://u:s3cr3t@/d", "socket" },
        { "postgresql:///d", "socket" },
        { "postgresql://u:s3cr3t@%2Frun%2Fpostgresql/d", "letter" },
        { "postgresql://u:s3cr3t@a,b/d", "several" },
        { "postgresql://u:s3cr3t@a:1,b:2/d", "several" },
        { "postgresql://u:s3cr3t@h:0/d", "port" },
        { "postgresql://u:s3cr3t@h:65536/d", "port" },
        { "postgresql://u:s3/cr3t@h/d", "port" },
        { "postgresql://u:s3cr3t?@h/d", "port" },
        { "postgresql://u?s3cr3t@h/d", "option" },
        { "postgresql://u:1#s3cr3t@h/d", "#" },
        { "postgresql://u:s3cr3t%@h/d", "%" },
        { "postgresql://u:s3cr3t%zz@h/d", "%" },
        { "postgresql://u:s3cr3t%00@h/d", "control" },
        { "postgresql://u:s3cr3t%ff@h/d", "UTF-8" },
        { "postgresql://u:s3cr3t@h/d?service=x", "\"service\"" },
        { "postgresql://u:s3cr3t@h/d?passfile=/x", "\"passfile\"" },
        { "postgresql://u:s3cr3t@h/d?sslkey=/x", "\"sslkey\"" },
        { "postgresql://u:s3cr3t@h/d?SSLROOTCERT=/x", "\"sslrootcert\"" },
        { "postgresql://u:s3cr3t@h/d?host=/tmp", "\"host\"" },
        { "postgresql://u:s3cr3t@h/d?hostaddr=127.0.0.1", "\"hostaddr\"" },
        { "postgresql://u:s3cr3t@h/d?options=-c%20x", "\"options\"" },
        { "mysql://u:s3cr3t@h/d?local_infile=1", "\"local_infile\"" },
        { "postgresql://u:s3cr3t@h/d?sslmode=prefer", "sslmode" },
        { "postgresql://u:s3cr3t@h/d?%73ervice=x", "\"service\"" },
        { "postgresql://u:s3cr3t@[::1/d", "brackets" },
        { "postgresql://u:s3cr3t@[::g]/d", "brackets" },
        { "postgresql://u:s3cr3t@[::1]x/d", "between" },
        { "sqlite:", "absolute" },
        { "sqlite:a.db", "absolute" },
        { "sqlite://h/a.db", "absolute" },
        { "sqlite:/a.db?mode=memory", "option" },
        { "sqlite::memory:", "absolute" },
    };
    whi_database_url url;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(whi_database_url_parse(&url, rows[i].text), WH_EINVALID);
        if (strstr(wh_last_error(), rows[i].words) == NULL || strstr(wh_last_error(), "s3") != NULL ||
            strstr(wh_last_error(), "cr3t") != NULL) {
            fail_msg("%s: %s", rows[i].text, wh_last_error());
        }
    }
    assert_int_equal(whi_database_url_parse(&url, NULL), WH_EINVALID);
}

static void what_is_too_long_is_refused(void **state) {
    static const char *const forms[] = { "postgresql://%s@h/d", "postgresql://u:%s@h/d",
                                         "postgresql://%s/d",   "postgresql://h/%s",
                                         "sqlite:/%s",          "postgresql://h/d?%s" };
    static char part[1100], text[5000];
    whi_database_url url;

    (void)state;
    memset(part, 'a', sizeof part - 1);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        snprintf(text, sizeof text, "%.*s%s%s", (int)(strstr(forms[i], "%s") - forms[i]), forms[i], part,
                 strstr(forms[i], "%s") + 2);
        assert_int_equal(whi_database_url_parse(&url, text), WH_EINVALID);
    }
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "sqlite:/", 8);
    assert_int_equal(whi_database_url_parse(&url, text), WH_EINVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_of_a_url_are_told),
        cmocka_unit_test(a_file_has_a_path),
        cmocka_unit_test(what_is_refused_is_said_without_the_password),
        cmocka_unit_test(what_is_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
