/* Truto: its webhook object, its ids, its retry list and what answers mean. */
#include "object_kit.h"

static void truto_keeps_every_field_of_the_seed(void **state) {
    static const member members[] = {
        { "id", "\"77656268-6f6f-4000-8000-000000000102\"" },
        { "target_url", "\"https://example.com/webhook\"" },
        { "is_active", "false" },
        { "event_types", "[\"integrated_account:created\",\"record:updated\",\"not_yet:known\"]" },
        { "environment_id", "\"cc60e23d-5bdf-5e70-a0d9-96abf0764438\"" },
        { "created_at", "\"2016-09-13T15:50:17.000Z\"" },
        { "updated_at", "\"2016-09-13T15:50:17.123Z\"" },
        { "secret", NULL },
        { NULL, NULL },
    };
    static const char secret[] = "{\"secrets\":[\"d5fac1cb-1820-4da7-bfd8-a6b758bcf8ff\"]}";
    whi_subscription *s = make(&whi_system_truto, truto_all);

    (void)state;
    assert_int_equal(s->secret_count, 0); /* the engine's to make */
    free(s->tenant);
    s->tenant = whi_strdup("env-1", WH_ZSTR);
    assert_int_equal(whi_subscription_apply(s, secret, strlen(secret), RULE_MAXIMUM, 0), WH_OK);
    holds_all(written(&whi_system_truto, s), members);
    holds(written_with(&whi_system_truto, s, 1, WHI_OBJECT_SECRET), "secret",
          "\"d5fac1cb-1820-4da7-bfd8-a6b758bcf8ff\"");
    whi_subscription_free(s);
}

static void truto_without_event_types_takes_all(void **state) {
    whi_subscription *s = make(&whi_system_truto, "{\"target_url\":\"https://e.com/\"}");

    (void)state;
    assert_int_equal(s->event_count, 0);
    assert_int_equal(s->paused, 0);
    holds(written(&whi_system_truto, s), "event_types", "[]");
    patch(&whi_system_truto, s, "{\"event_types\":[\"a:b\"],\"is_active\":false}");
    assert_int_equal(s->event_count, 1);
    assert_int_equal(s->paused, 1);
    patch(&whi_system_truto, s, "{\"event_types\":null,\"is_active\":true}");
    assert_int_equal(s->event_count, 0);
    assert_int_equal(s->paused, 0);
    s->disabled = whi_strdup("failing", WH_ZSTR);
    holds(written(&whi_system_truto, s), "is_active", "false");
    patch(&whi_system_truto, s, "{\"is_active\":true}");
    assert_string_equal(document.data, "{\"paused\":false}");
    whi_subscription_free(s);
}

static void truto_refuses_by_the_wire_name(void **state) {
    static const char *const rows[][2] = {
        { "{}", "target_url: expected a text, found none" },
        { "{\"target_url\":null}", "target_url: expected a text, found none" },
        { "{\"target_url\":\"\"}", "target_url: expected \"http://\" or \"https://\" and a host" },
        { "{\"target_url\":\"https://e.com\",\"is_active\":1}", "is_active: expected true or false, found 1" },
        { "{\"target_url\":\"https://e.com\",\"event_types\":\"a\"}",
          "event_types: expected a list of texts, found a text" },
        { "{\"target_url\":\"https://e.com\",\"event_types\":[\"a\",[]]}",
          "event_types[1]: expected a text without zero bytes, found a list" },
        { "{\"target_url\":\"https://e.com\",\"event_types\":[\"a\",\"b c\"]}",
          "event_types[1]: expected a type of 1 to 128 of A-Z a-z 0-9 . _ : - / or \"prefix:*\"" },
        { "{\"target_url\":\"https://e.com\",\"environment_id\":5}", "environment_id: expected a text, found 5" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        refuses(&whi_system_truto, rows[i][0], NULL, rows[i][1]);
    }
}

static void the_last_of_two_members_counts_and_unknown_ones_do_not(void **state) {
    whi_subscription *s =
        make(&whi_system_truto, "{\"target_url\":5,\"is_active\":true,\"target_url\":\"http://e.com/2\","
                                "\"is_active\":false,\"other\":{\"target_url\":7},\"\\u0000\":1}");

    (void)state;
    assert_string_equal(s->url, "http://e.com/2");
    assert_int_equal(s->paused, 1);
    whi_subscription_free(s);
    s = make(&whi_system_truto, "{\"t\\u0061rget_url\":\"http://e.com/3\"}");
    assert_string_equal(s->url, "http://e.com/3");
    whi_subscription_free(s);
}

static void truto_makes_uuids_of_numbers(void **state) {
    static const char *const wrong[] = { "77656268-6f6f-4000-8000-00000000010g", "77656268-6f6f-4008-8000-000000000102",
                                         "4a4de828-f4db-4c9e-adfd-434e0864c3c7",
                                         "77656268-6f6f-4f00-8000-000000000102" };
    int64_t number;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(whi_system_ident_parse(&whi_system_truto, wrong[i], &number), WH_ENOTFOUND);
    }
    assert_int_equal(whi_system_ident_parse(&whi_system_truto, "77656268-6F6F-4000-8000-00000000ABCD", &number), WH_OK);
    assert_int_equal(number, 0xabcd);
}

static void truto_tries_three_times_more_within_seconds(void **state) {
    const int64_t *list = whi_system_truto.retry;

    (void)state;
    assert_int_equal(whi_system_truto.retry_count, 4);
    assert_int_equal(list[0] + list[1] + list[2] + list[3], 7000);
}

static void outcomes_are_the_systems_own(void **state) {
    static const struct {
        const whi_system *system;
        const char *type;
        int error, status, outcome, code, abort;
    } rows[] = {
        { &whi_system_standard, "a", 0, 204, WHI_OUTCOME_SUCCESS, WH_OK, 0 },
        { &whi_system_unified, "a", 0, 201, WHI_OUTCOME_SUCCESS, WH_OK, 0 },
        { &whi_system_callfire, "a", 0, 202, WHI_OUTCOME_SUCCESS, WH_OK, 0 },
        { &whi_system_truto, "a", 0, 200, WHI_OUTCOME_SUCCESS, WH_OK, 0 },
        { &whi_system_truto, "a", 0, 204, WHI_OUTCOME_RETRY, WH_ESTATUS, 0 },
        { &whi_system_truto, "a", 0, 400, WHI_OUTCOME_RETRY, WH_ESTATUS, 0 },
        { &whi_system_truto, "sync_job_run:started", 0, 400, WHI_OUTCOME_SUCCESS, WH_ESTATUS, 1 },
        { &whi_system_truto, "sync_job_run:started", 0, 200, WHI_OUTCOME_SUCCESS, WH_OK, 0 },
        { &whi_system_truto, "sync_job_run:started", WH_ETIMEOUT, 400, WHI_OUTCOME_RETRY, WH_ETIMEOUT, 0 },
        { &whi_system_unified, "sync_job_run:started", 0, 400, WHI_OUTCOME_RETRY, WH_ESTATUS, 0 },
        { &whi_system_truto, "a", 0, 410, WHI_OUTCOME_GONE, WH_EGONE, 0 },
        { &whi_system_callfire, "a", 0, 410, WHI_OUTCOME_GONE, WH_EGONE, 0 },
        { &whi_system_unified, "a", 0, 302, WHI_OUTCOME_RETRY, WH_EREDIRECT, 0 },
    };
    int code, aborted;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_response response = { rows[i].type, rows[i].error, rows[i].status };
        assert_int_equal(whi_system_outcome(rows[i].system, &response, &code, &aborted), rows[i].outcome);
        assert_int_equal(code, rows[i].code);
        assert_int_equal(aborted, rows[i].abort);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truto_keeps_every_field_of_the_seed),
        cmocka_unit_test(truto_without_event_types_takes_all),
        cmocka_unit_test(truto_refuses_by_the_wire_name),
        cmocka_unit_test(the_last_of_two_members_counts_and_unknown_ones_do_not),
        cmocka_unit_test(truto_makes_uuids_of_numbers),
        cmocka_unit_test(truto_tries_three_times_more_within_seconds),
        cmocka_unit_test(outcomes_are_the_systems_own),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
