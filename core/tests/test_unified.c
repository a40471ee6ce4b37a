/* Unified.to: its webhook object and its retry list. */
#include "object_kit.h"

#define DATABASE "\"connection_id\":\"c\",\"object_type\":\"crm_contact\",\"event\":\"updated\""

static void unified_keeps_every_field_of_the_seeds(void **state) {
    static const member members[] = {
        { "id", "\"sub_0000000000082\"" },
        { "created_at", "\"2016-09-13T15:50:17Z\"" },
        { "updated_at", "\"2016-09-13T15:50:17Z\"" },
        { "workspace_id", "\"tenant-1\"" },
        { "connection_id", "\"conn_1\"" },
        { "hook_url", "\"https://example.com/h\"" },
        { "object_type", "\"crm_contact\"" },
        { "interval", "62.5" },
        { "checked_at", NULL },
        { "integration_type", NULL },
        { "environment", "\"Production\"" },
        { "event", "\"updated\"" },
        { "runs", "[]" },
        { "fields", "\"subject, body\"" },
        { "webhook_type", "\"native\"" },
        { "meta", "{\"k\":[1.10,null]}" },
        { "is_healthy", "true" },
        { "page_max_limit", "25" },
        { "filters", "{\"company_id\":\"7\"}" },
        { "db_type", "\"postgres\"" },
        { "db_url", NULL },
        { "db_schema", "\"s\"" },
        { "db_name_prefix", "\"p_\"" },
        { "is_paused", "true" },
        { "is_beta", "true" },
        { NULL, NULL },
    };
    whi_subscription *s = make(&whi_system_unified, unified_all);

    (void)state;
    free(s->tenant);
    s->tenant = whi_strdup("tenant-1", WH_ZSTR);
    holds_all(written(&whi_system_unified, s), members);
    assert_int_equal(s->system, &whi_system_unified);
    assert_string_equal(s->source, "conn_1");
    assert_int_equal(s->event_count, 1);
    assert_string_equal(s->events[0], "crm_contact.updated");
    assert_string_equal(s->filters, "{\"company_id\":\"7\"}");
    whi_subscription_free(s);
}

static void unified_s_database_is_where_it_delivers_to(void **state) {
    static const member members[] = {
        { "hook_url", NULL },     { "db_url", "\"postgres://u:***@h/d\"" }, { "db_type", "\"supabase\"" },
        { "db_schema", "\"s\"" }, { "db_name_prefix", "\"p_\"" },           { NULL, NULL },
    };
    whi_subscription *s = make(&whi_system_unified, "{" DATABASE ",\"db_url\":\"postgres://u:pw@h/d\",\"db_type\":"
                                                    "\"supabase\",\"db_schema\":\"s\",\"db_name_prefix\":\"p_\"}");

    (void)state;
    holds_all(written(&whi_system_unified, s), members);
    assert_string_equal(s->url, "postgres://u:***@h/d");
    assert_string_equal(s->password, "pw");
    assert_string_equal(s->database->schema, "s");
    assert_string_equal(s->database->prefix, "p_");
    assert_null(strstr(s->details, "pw"));
    whi_subscription_free(s);
}

static void what_unified_s_client_writes_back_leaves_the_password(void **state) {
    whi_subscription *s = make(&whi_system_unified, "{" DATABASE ",\"db_url\":\"postgres://u:pw@h/d\"}");

    (void)state;
    s->database = whi_calloc(1, sizeof *s->database);
    s->database->removes = 1; /* said elsewhere */
    patch(&whi_system_unified, s, "{" DATABASE ",\"db_url\":\"postgres://u:***@h/d\",\"db_name_prefix\":\"p_\"}");
    assert_string_equal(s->password, "pw");
    assert_string_equal(s->database->prefix, "p_");
    assert_int_equal(s->database->removes, 1);
    patch(&whi_system_unified, s, "{\"db_url\":\"postgres://u:new@h/d\"}");
    assert_string_equal(s->password, "new");
    assert_string_equal(s->database->prefix, "p_");
    patch(&whi_system_unified, s, "{\"hook_url\":\"https://e.com/\"}"); /* both from now on, by the same password */
    assert_string_equal(s->url, "https://e.com/");
    assert_null(s->password);
    assert_null(s->database);
    assert_string_equal(s->also->url, "postgres://u:***@h/d");
    assert_string_equal(s->also->password, "new");
    assert_string_equal(s->also->database->prefix, "p_");
    assert_int_equal(s->also->database->removes, 1);
    patch(&whi_system_unified, s, "{\"hook_url\":\"https://e.com/\",\"db_url\":null}");
    assert_string_equal(s->url, "https://e.com/");
    assert_null(s->password);
    assert_null(s->database);
    patch(&whi_system_unified, s, "{\"hook_url\":null,\"db_url\":\"mysql://u:pw@h/d\"}");
    assert_string_equal(s->url, "mysql://u:***@h/d");
    assert_string_equal(s->database->prefix, "p_");
    whi_subscription_free(s);
}

/* Made with both, when nothing was delivered to databases. */
static void what_unified_has_kept_beside_a_hook_is_masked(void **state) {
    whi_subscription *s = make(&whi_system_unified, "{" UNIFIED_LEAST "}");

    (void)state;
    whi_free(s->details);
    s->details = whi_strdup("{\"db_url\":\"postgres://u:pw@h/d\",\"db_schema\":\"s\"}", WH_ZSTR);
    holds(written(&whi_system_unified, s), "db_url", "\"postgres://u:***@h/d\"");
    patch(&whi_system_unified, s, "{\"is_beta\":true,\"db_schema\":\"t\"}");
    assert_string_equal(s->url, "https://e.com/");
    holds(written(&whi_system_unified, s), "db_schema", "\"t\"");
    whi_subscription_free(s);
}

static void unified_writes_what_the_server_keeps_in_details(void **state) {
    static const member members[] = {
        { "checked_at", "\"2026-01-01T00:00:00Z\"" },
        { "integration_type", "\"hubspot\"" },
        { "environment", "\"Sandbox\"" },
        { "runs", "[\"a\",\"b\"]" },
        { "interval", NULL }, /* not a number */
        { NULL, NULL },
    };
    static const char change[] =
        "{\"details\":{\"checked_at\":\"2026-01-01T00:00:00Z\",\"integration_type\":\"hubspot\","
        "\"environment\":\"Sandbox\",\"runs\":[\"a\",\"b\"],\"interval\":\"often\"}}";
    whi_subscription *s = make(&whi_system_unified, "{" UNIFIED_LEAST "}");

    (void)state;
    assert_int_equal(whi_subscription_apply(s, change, strlen(change), RULE_MAXIMUM, 0), WH_OK);
    holds_all(written(&whi_system_unified, s), members);
    patch(&whi_system_unified, s, "{\"page_max_limit\":5,\"runs\":[]}"); /* and keeps it through a change */
    holds(written(&whi_system_unified, s), "runs", "[\"a\",\"b\"]");
    holds(wire.data, "page_max_limit", "5");
    whi_subscription_free(s);
}

static void unified_tells_health_and_the_kind_of_webhook(void **state) {
    whi_subscription *s = make(&whi_system_unified, "{" UNIFIED_LEAST "}");

    (void)state;
    holds(written(&whi_system_unified, s), "webhook_type", "\"native\"");
    holds(wire.data, "is_healthy", "true");
    holds(written_with(&whi_system_unified, s, 0, 0), "is_healthy", "false");
    s->disabled = whi_strdup("failing", WH_ZSTR);
    holds(written(&whi_system_unified, s), "is_healthy", "false");
    patch(&whi_system_unified, s, "{\"is_paused\":false}"); /* switches on again what the engine switched off */
    assert_non_null(strstr(document.data, "\"paused\":false"));
    whi_subscription_free(s);
}

/* By what is asked for, or by the interval; then it stays, whatever a change says of it. */
static void unifieds_kind_of_webhook_is_settled_when_it_is_made(void **state) {
    static const char *const changes[] = {
        "{\"webhook_type\":\"virtual\"}", "{\"webhook_type\":null}", "{\"webhook_type\":\"push\"}",
        "{\"webhook_type\":7}",           "{\"interval\":30}",       "{\"interval\":null}"
    };
    static const char *const made[][2] = {
        { "{" UNIFIED_LEAST "}", "\"native\"" },
        { "{" UNIFIED_LEAST ",\"interval\":60}", "\"virtual\"" },
        { "{" UNIFIED_LEAST ",\"interval\":60,\"webhook_type\":\"native\"}", "\"native\"" },
        { "{" UNIFIED_LEAST ",\"webhook_type\":\"virtual\"}", "\"virtual\"" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        whi_subscription *s = make(&whi_system_unified, made[i][0]);
        holds(written(&whi_system_unified, s), "webhook_type", made[i][1]);
        for (size_t k = 0; k < sizeof changes / sizeof changes[0]; k++) {
            patch(&whi_system_unified, s, changes[k]);
            holds(written(&whi_system_unified, s), "webhook_type", made[i][1]);
        }
        holds(wire.data, "interval", NULL);
        whi_subscription_free(s);
    }
}

/* One that was stored before its kind was kept with it. */
static void an_older_webhook_of_unified_keeps_its_kind_too(void **state) {
    whi_subscription *s = make(&whi_system_unified, "{" UNIFIED_LEAST ",\"interval\":60}");

    (void)state;
    whi_free(s->details);
    s->details = whi_strdup("{\"interval\":60}", WH_ZSTR);
    patch(&whi_system_unified, s, "{\"interval\":null}");
    holds(written(&whi_system_unified, s), "webhook_type", "\"virtual\"");
    whi_subscription_free(s);
}

static void unified_takes_null_and_the_empty_text_as_absent(void **state) {
    static const char nulls[] =
        "{" UNIFIED_LEAST ",\"interval\":null,\"fields\":\"\",\"webhook_type\":\"\",\"meta\":null,"
        "\"page_max_limit\":null,\"filters\":null,\"db_type\":\"\",\"db_url\":\"\",\"db_schema\":null,"
        "\"db_name_prefix\":\"\",\"is_paused\":null,\"is_beta\":null,\"runs\":null,\"id\":null}";
    whi_subscription *s = make(&whi_system_unified, nulls), *all = make(&whi_system_unified, unified_all);

    (void)state;
    assert_string_equal(s->details, "{\"connection_id\":\"c\",\"object_type\":\"o\",\"event\":\"created\","
                                    "\"webhook_type\":\"native\"}");
    assert_null(s->filters);
    assert_null(s->fields);
    patch(&whi_system_unified, all, nulls);
    assert_string_equal(all->details, "{\"connection_id\":\"c\",\"object_type\":\"o\",\"event\":\"created\","
                                      "\"webhook_type\":\"native\"}");
    assert_null(all->filters);
    assert_null(all->fields);
    assert_int_equal(all->paused, 0);
    assert_string_equal(all->events[0], "o.created");
    whi_subscription_free(s);
    whi_subscription_free(all);
}

/* A client sends every list option that it knows, the unused ones empty. */
static void unified_filters_by_what_has_a_value(void **state) {
    whi_subscription *s =
        make(&whi_system_unified, "{" UNIFIED_LEAST ",\"filters\":{\"a\":\"\",\"b\":\"1\",\"c\":null}}");

    (void)state;
    assert_string_equal(s->filters, "{\"b\":\"1\"}");
    holds(written(&whi_system_unified, s), "filters", "{\"b\":\"1\"}");
    patch(&whi_system_unified, s, "{\"filters\":{\"b\":\"\"}}");
    assert_null(s->filters);
    holds(written(&whi_system_unified, s), "filters", NULL);
    whi_subscription_free(s);
}

static void unified_changes_only_what_is_named(void **state) {
    whi_subscription *s = make(&whi_system_unified, unified_all);
    char *before;

    (void)state;
    before = whi_strdup(written(&whi_system_unified, s), WH_ZSTR);
    patch(&whi_system_unified, s, "{}");
    assert_string_equal(document.data, "{}");
    patch(&whi_system_unified, s, before); /* the whole object sent back is no change */
    assert_string_equal(document.data, "{}");
    patch(&whi_system_unified, s, "{\"event\":\"deleted\"}");
    assert_string_equal(s->events[0], "crm_contact.deleted");
    patch(&whi_system_unified, s, "{\"object_type\":\"ats_job\",\"connection_id\":\"conn_2\"}");
    assert_string_equal(s->events[0], "ats_job.deleted");
    holds(written(&whi_system_unified, s), "connection_id", "\"conn_2\"");
    holds(wire.data, "object_type", "\"ats_job\"");
    holds(wire.data, "interval", "62.5");
    whi_subscription_free(s);
    whi_free(before);
}

static void unified_refuses_by_the_wire_name(void **state) {
    static const char *const rows[][2] = {
        { "{\"object_type\":\"o\",\"event\":\"created\"}", "connection_id: expected a text, found none" },
        { "{\"connection_id\":\"\",\"object_type\":\"o\",\"event\":\"created\"}",
          "connection_id: expected a text, found none" },
        { "{\"connection_id\":\"c\",\"event\":\"created\"}", "object_type: expected a text, found none" },
        { "{\"connection_id\":\"c\",\"object_type\":\"o\"}", "event: expected a text, found none" },
        { "{\"connection_id\":\"c\",\"object_type\":\"o\",\"event\":\"created\"}",
          "hook_url: expected a URL, or a database's in db_url, found none" },
        { "{" UNIFIED_LEAST ",\"db_url\":\"amqp://h/?queue=q\"}",
          "db_url: expected a database's URL, \"postgresql://…\" or \"mysql://…\"" },
        { "{" DATABASE ",\"db_url\":\"ftp://h\"}",
          "db_url: expected a database's URL, \"postgresql://…\" or \"sqlite:/…\"" },
        { "{" DATABASE ",\"db_url\":\"mysql://u:p/w@h\"}",
          "db_url: found \"@\" behind the host; in a password \"/\" and \"?\" are percent-encoded" },
        { "{" DATABASE ",\"db_url\":\"mysql://h\",\"db_type\":\"postgres\"}",
          "db_type: expected the one of db_url, which begins with \"mysql:\"" },
        { "{" DATABASE ",\"db_url\":\"mysql://h\",\"db_type\":\"mongodb\"}",
          "db_type: expected \"postgres\", \"supabase\", \"mysql\" or \"mariadb\": nothing is delivered to others "
          "yet" },
        { "{" DATABASE ",\"db_url\":\"mysql://h\",\"db_schema\":\"a b\"}",
          "db_schema: expected at most 63 of A-Z a-z 0-9 _" },
        { "{" DATABASE ",\"db_url\":\"mysql://h\",\"db_name_prefix\":\"a-\"}",
          "db_name_prefix: expected at most 63 of A-Z a-z 0-9 _" },
        { "{" UNIFIED_LEAST ",\"event\":\"go.ne\"}",
          "event: expected \"created\", \"updated\" or \"deleted\", found \"go.ne\"" },
        { "{" UNIFIED_LEAST ",\"event\":\"g\\none\"}",
          "event: expected \"created\", \"updated\" or \"deleted\", found \"g?one\"" },
        { "{" UNIFIED_LEAST ",\"interval\":0.5}", "interval: expected a number of 1 to 525600, found 0.5" },
        { "{" UNIFIED_LEAST ",\"interval\":525600.5}", "interval: expected a number of 1 to 525600, found 525600.5" },
        { "{" UNIFIED_LEAST ",\"page_max_limit\":2147483648}",
          "page_max_limit: expected a number of 0 to 2147483647, found 2147483648" },
        { "{" UNIFIED_LEAST ",\"webhook_type\":\"push\"}",
          "webhook_type: expected \"native\" or \"virtual\", found \"push\"" },
        { "{" UNIFIED_LEAST ",\"db_type\":\"cassandra\"}",
          "db_type: expected \"mongodb\", \"mysql\", \"postgres\", \"mssql\", \"mariadb\", \"supabase\" or "
          "\"snowflake\", found \"cassandra\"" },
        { "{" UNIFIED_LEAST ",\"filters\":{\"a\":\"1\",\"b\":1,\"c\":[]}}",
          "filters.b: expected a text without zero bytes, found 1" },
        { "{" UNIFIED_LEAST ",\"filters\":{\"a\":[\"1\"]}}",
          "filters.a: expected a text without zero bytes, found a list" },
        { "{" UNIFIED_LEAST ",\"filters\":[\"a\"]}", "filters: expected an object of texts, found a list" },
        { "{" UNIFIED_LEAST ",\"interval\":1e999}", "interval: expected a number, found 1e999" },
        { "{" UNIFIED_LEAST ",\"hook_url\":\"ftp://e.com\"}",
          "hook_url: expected \"http://\" or \"https://\" and a host" },
        { "{" UNIFIED_LEAST ",\"connection_id\":\"a b\"}",
          "connection_id: expected 1 to 128 of A-Z a-z 0-9 . _ : - /" },
        { "{" UNIFIED_LEAST ",\"object_type\":\"crm_*\"}",
          "object_type: expected a name like \"crm_contact\", of A-Z a-z 0-9 . _ : - /" },
        { "{" UNIFIED_LEAST ",\"filters\":{\"a\":1}}", "filters.a: expected a text without zero bytes, found 1" },
        { "{" UNIFIED_LEAST ",\"db_schema\":\"a\\u0000b\"}", "db_schema: expected a text without zero bytes" },
        { "[]", "document: expected an object" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        refuses(&whi_system_unified, rows[i][0], NULL, rows[i][1]);
    }
    assert_int_equal(read_text(&whi_system_unified, "{", NULL), WH_EJSON);
}

static void unified_lets_nothing_required_be_taken_away(void **state) {
    whi_subscription *s = make(&whi_system_unified, unified_all);

    (void)state;
    refuses(&whi_system_unified, "{\"event\":null}", s, "event: expected a text, found none");
    refuses(&whi_system_unified, "{\"connection_id\":\"\"}", s, "connection_id: expected a text, found none");
    refuses(&whi_system_unified, "{\"hook_url\":\"\",\"db_url\":null}", s,
            "hook_url: expected a URL, or a database's in db_url, found none");
    refuses(&whi_system_unified, "{\"hook_url\":null}", s,
            "hook_url: expected a URL, or a database's in db_url, found none");
    whi_subscription_free(s);
}

static void filters_of_other_kinds_are_written_as_texts(void **state) {
    static const char change[] = "{\"filters\":{\"a\":12,\"b\":true,\"c\":[1],\"d\":null,\"e\":\"x\"}}";
    whi_subscription *s = make(&whi_system_unified, "{" UNIFIED_LEAST "}");

    (void)state;
    assert_int_equal(whi_subscription_apply(s, change, strlen(change), RULE_MAXIMUM, 0), WH_OK);
    holds(written(&whi_system_unified, s), "filters", "{\"a\":\"12\",\"b\":\"true\",\"e\":\"x\"}");
    whi_subscription_free(s);
}

/* As far as the other one can express it. */
static void what_one_system_made_another_reads(void **state) {
    whi_subscription *s = make(&whi_system_callfire, callfire_all);

    (void)state;
    holds(written(&whi_system_truto, s), "event_types", "[\"OutboundCall.Finished\"]");
    holds(written(&whi_system_unified, s), "object_type", "\"OutboundCall\"");
    holds(wire.data, "event", "\"Finished\"");
    holds(wire.data, "connection_id", "\"\"");
    patch(&whi_system_unified, s, wire.data);
    assert_string_equal(document.data, "{}");
    patch(&whi_system_unified, s, "{\"event\":\"created\"}");
    assert_string_equal(s->events[0], "OutboundCall.created");
    assert_string_equal(s->details, "{\"event\":\"created\",\"resource\":\"OutboundCall\",\"events\":[\"Finished\"]}");
    assert_int_equal(s->system, &whi_system_callfire);
    holds(written(&whi_system_callfire, s), "resource", NULL);
    holds(written(&whi_system_standard, s), "profile", "\"callfire\"");
    whi_subscription_free(s);

    s = make(&whi_system_truto, truto_all);
    holds(written(&whi_system_unified, s), "object_type", "\"\"");
    holds(written(&whi_system_callfire, s), "callback", "\"https://example.com/webhook\"");
    patch(&whi_system_unified, s, "{\"event\":\"created\"}"); /* one half alone says nothing of events */
    assert_int_equal(s->event_count, 3);
    whi_subscription_free(s);
}

static void unified_tries_what_was_polled_again_at_fibonacci_minutes(void **state) {
    whi_subscription *s = make(&whi_system_unified, "{" UNIFIED_LEAST ",\"interval\":60}");
    int64_t sum = 0;

    (void)state;
    assert_int_equal(s->retry_count, 21);
    assert_int_equal(s->retry[1], 60000);
    for (size_t i = 0; i < 21; i++) {
        sum += s->retry[i];
        assert_true(i < 3 || s->retry[i] == s->retry[i - 1] + s->retry[i - 2]);
    }
    assert_int_equal(sum, INT64_C(28655) * 60000);
    whi_subscription_free(s);
}

static void unified_tries_what_was_pushed_again_three_times_at_once(void **state) {
    whi_subscription *s = make(&whi_system_unified, "{" UNIFIED_LEAST "}");

    (void)state;
    assert_null(s->retry); /* the system's */
    assert_int_equal(whi_system_unified.retry_count, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(whi_retry_delay(whi_system_unified.retry, 4, i, 0, 10, UINT32_MAX), 0);
    }
    assert_int_equal(whi_retry_delay(whi_system_unified.retry, 4, 4, 0, 10, 0), -1);
    whi_subscription_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unified_keeps_every_field_of_the_seeds),
        cmocka_unit_test(unified_s_database_is_where_it_delivers_to),
        cmocka_unit_test(what_unified_s_client_writes_back_leaves_the_password),
        cmocka_unit_test(what_unified_has_kept_beside_a_hook_is_masked),
        cmocka_unit_test(unified_writes_what_the_server_keeps_in_details),
        cmocka_unit_test(unified_tells_health_and_the_kind_of_webhook),
        cmocka_unit_test(unifieds_kind_of_webhook_is_settled_when_it_is_made),
        cmocka_unit_test(an_older_webhook_of_unified_keeps_its_kind_too),
        cmocka_unit_test(unified_takes_null_and_the_empty_text_as_absent),
        cmocka_unit_test(unified_filters_by_what_has_a_value),
        cmocka_unit_test(unified_changes_only_what_is_named),
        cmocka_unit_test(unified_refuses_by_the_wire_name),
        cmocka_unit_test(unified_lets_nothing_required_be_taken_away),
        cmocka_unit_test(filters_of_other_kinds_are_written_as_texts),
        cmocka_unit_test(what_one_system_made_another_reads),
        cmocka_unit_test(unified_tries_what_was_polled_again_at_fibonacci_minutes),
        cmocka_unit_test(unified_tries_what_was_pushed_again_three_times_at_once),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
