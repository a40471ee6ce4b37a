#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "subscription_kit.h"
#include "webhook.h"

#define URL "{\"url\":\"postgresql://u:s3cret@db.example/app\"}"
#define MASKED "{\"url\":\"postgresql://u:***@db.example/app\"}"

static void a_password_is_shown_to_the_store_alone(void **state) {
    (void)state;
    assert_int_equal(apply_as(URL, 0), WH_OK);
    written_as(0, "\"url\":\"postgresql://u:***@db.example/app\"", "s3cret");
    written_as(WHI_WRITE_SECRETS, NULL, "s3cret");
    written_as(WHI_WRITE_SECRETS | WHI_WRITE_CREDENTIALS | WHI_WRITE_BRIEF, "\"credentials\":[\"s3cret\"]", NULL);
    assert_true(whi_subscription_is_database(subscription));
}

static void a_copy_has_the_password(void **state) {
    whi_subscription *copy;

    (void)state;
    assert_int_equal(apply_as(URL, 0), WH_OK);
    assert_int_equal(whi_subscription_copy(&copy, subscription), WH_OK);
    assert_string_equal(copy->password, "s3cret");
    assert_string_equal(copy->url, subscription->url);
    whi_subscription_free(copy);
}

static void a_mask_that_is_written_back_leaves_it(void **state) {
    (void)state;
    assert_int_equal(apply_as(URL, 0), WH_OK);
    assert_int_equal(apply_as(MASKED, 0), WH_OK);
    assert_string_equal(subscription->password, "s3cret");
    assert_int_equal(apply_as("{\"url\":\"postgresql://u:n3w@db.example/app\"}", 0), WH_OK);
    assert_string_equal(subscription->password, "n3w");
    assert_int_equal(apply_as("{\"url\":\"https://a.example/\"}", 0), WH_OK);
    assert_null(subscription->password);
    assert_false(whi_subscription_is_database(subscription));
}

/* Who may change a subscription must not have the password told to whoever answers in the host's place. */
static void a_password_is_told_to_who_was_trusted_alone(void **state) {
    static const char queue[] = "nats+tls://u:s3cret@queue.example/orders";
    char text[256];

    (void)state;
    snprintf(text, sizeof text, "{\"url\":\"%s\"}", queue);
    assert_int_equal(apply_as(text, 0), WH_OK);
    assert_int_equal(apply_as("{\"insecure\":true}", 0), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "insecure");
    assert_null(strstr(wh_last_error(), "s3cret"));
    subscription->insecure = 0;
    snprintf(text, sizeof text, "{\"insecure\":true,\"url\":\"%s\"}", queue);
    assert_int_equal(apply_as(text, 0), WH_OK);
    assert_int_equal(apply_as("{\"name\":\"n\"}", 0), WH_OK);
}

static void nor_is_that_of_the_other_place(void **state) {
    static const char also[] = "\"also\":{\"url\":\"nats+tls://u:s3cret@queue.example/orders\"}";
    char text[256];

    (void)state;
    snprintf(text, sizeof text, "{\"url\":\"https://a.example/\",%s}", also);
    assert_int_equal(apply_as(text, 0), WH_OK);
    assert_int_equal(apply_as("{\"insecure\":true}", 0), WH_EINVALID);
    assert_non_null(strstr(wh_last_error(), "also.url"));
    subscription->insecure = 0;
    snprintf(text, sizeof text, "{\"insecure\":true,%s}", also);
    assert_int_equal(apply_as(text, 0), WH_OK);
}

/* Who may change the URL must not have the password sent to a host of his. */
static void a_password_goes_nowhere_else(void **state) {
    static const char *const documents[] = {
        "{\"url\":\"postgresql://u:***@evil.example/app\"}",
        "{\"url\":\"postgresql://u:***@db.example/app?sslmode=disable\"}",
        "{\"url\":\"postgresql://v:***@db.example/app\"}",
    };

    (void)state;
    assert_int_equal(apply_as(MASKED, 0), WH_EINVALID);
    assert_int_equal(apply_as(URL, 0), WH_OK);
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        assert_int_equal(apply_as(documents[i], 0), WH_EINVALID);
        assert_string_equal(wh_last_error_field(), "url");
        assert_string_equal(subscription->url, "postgresql://u:***@db.example/app");
    }
}

static void what_is_not_built_is_told_by_name(void **state) {
    (void)state;
    assert_int_equal(apply_as("{\"url\":\"mongodb://u:s3cret@a/b\"}", 0), WH_EINVALID);
    assert_non_null(strstr(wh_last_error(), "mongodb"));
    assert_null(strstr(wh_last_error(), "s3cret"));
    assert_int_equal(apply_as("{\"url\":\"gopher://a/b\"}", 0), WH_EINVALID);
    assert_non_null(strstr(wh_last_error(), "http://"));
}

static void how_it_is_written_to_is_kept(void **state) {
    (void)state;
    assert_int_equal(apply_as("{\"url\":\"sqlite:/a/b.db\",\"database\":{\"schema\":\"crm\",\"prefix\":\"u_\","
                              "\"create\":\"never\",\"removes\":true,\"check\":false}}",
                              0),
                     WH_OK);
    assert_true(subscription->unchecked);
    written_as(
        0, "\"database\":{\"schema\":\"crm\",\"prefix\":\"u_\",\"create\":\"never\",\"removes\":true,\"times\":false}",
        NULL);
    assert_int_equal(apply_as("{\"database\":{\"prefix\":\"v_\"}}", 0), WH_OK);
    assert_false(subscription->unchecked);
    written_as(0,
               "\"database\":{\"schema\":null,\"prefix\":\"v_\",\"create\":\"full\",\"removes\":false,\"times\":false}",
               NULL);
    written_as(WHI_WRITE_BRIEF, "\"database\":{\"prefix\":\"v_\"}", NULL);
    assert_int_equal(apply_as("{\"database\":null}", 0), WH_OK);
    written_as(0, NULL, "database");
}

static void what_no_database_takes_is_refused(void **state) {
    static const char *const documents[] = {
        "{\"database\":{\"schema\":\"a b\"}}",
        "{\"database\":{\"schema\":7}}",
        "{\"database\":{\"prefix\":\"\\u0061\"}}",
        "{\"database\":{\"prefix\":\"a\\\"b\"}}",
        "{\"database\":{\"create\":\"some\"}}",
        "{\"database\":{\"removes\":\"yes\"}}",
        "{\"database\":{\"check\":1}}",
        "{\"database\":{\"other\":1}}",
        "{\"database\":[]}",
        "{\"database\":{\"prefix\":\"1234567890123456789012345678901234567890123456789012345678901234\"}}",
    };

    (void)state;
    assert_int_equal(apply_as("{\"url\":\"sqlite:/a/b.db\"}", 0), WH_OK);
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        if (apply_as(documents[i], 0) != WH_EINVALID) {
            fail_msg("accepted: %s", documents[i]);
        }
        assert_null(subscription->database);
    }
    assert_int_equal(apply_as("{\"url\":\"https://a.example/\",\"database\":{\"prefix\":\"u_\"}}", 0), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "database");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_password_is_shown_to_the_store_alone),      TEST(a_copy_has_the_password),
        TEST(a_mask_that_is_written_back_leaves_it),       TEST(a_password_goes_nowhere_else),
        TEST(a_password_is_told_to_who_was_trusted_alone), TEST(nor_is_that_of_the_other_place),
        TEST(what_is_not_built_is_told_by_name),           TEST(how_it_is_written_to_is_kept),
        TEST(what_no_database_takes_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
