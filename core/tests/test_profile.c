/* The webhook objects of Unified.to and Truto, and what holds for all three systems. */
#include "profile_kit.h"

/* ------------------------------------------------------------------- unified */

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
        { "db_url", "\"postgres://u:p@h/d\"" },
        { "db_schema", "\"s\"" },
        { "db_name_prefix", "\"p_\"" },
        { "is_paused", "true" },
        { "is_beta", "true" },
        { NULL, NULL },
    };
    whi_subscription *s = make(WHI_UNIFIED, unified_all);

    (void)state;
    free(s->tenant);
    s->tenant = whi_strdup("tenant-1", WH_ZSTR);
    holds_all(written(WHI_UNIFIED, s), members);
    assert_int_equal(s->profile, WHI_UNIFIED);
    assert_string_equal(s->source, "conn_1");
    assert_int_equal(s->event_count, 1);
    assert_string_equal(s->events[0], "crm_contact.updated");
    assert_string_equal(s->filters, "{\"company_id\":\"7\"}");
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
    whi_subscription *s = make(WHI_UNIFIED, "{" UNIFIED_LEAST "}");

    (void)state;
    assert_int_equal(whi_subscription_apply(s, change, strlen(change), RULE_MAXIMUM, 0), WH_OK);
    holds_all(written(WHI_UNIFIED, s), members);
    patch(WHI_UNIFIED, s, "{\"page_max_limit\":5,\"runs\":[]}"); /* and keeps it through a change */
    holds(written(WHI_UNIFIED, s), "runs", "[\"a\",\"b\"]");
    holds(wire.data, "page_max_limit", "5");
    whi_subscription_free(s);
}

static void unified_tells_health_and_the_kind_of_webhook(void **state) {
    whi_subscription *s = make(WHI_UNIFIED, "{" UNIFIED_LEAST "}");

    (void)state;
    holds(written(WHI_UNIFIED, s), "webhook_type", "\"native\"");
    holds(wire.data, "is_healthy", "true");
    holds(written_with(WHI_UNIFIED, s, 0, 0), "is_healthy", "false");
    patch(WHI_UNIFIED, s, "{\"interval\":60}");
    s->disabled = whi_strdup("failing", WH_ZSTR);
    holds(written(WHI_UNIFIED, s), "webhook_type", "\"virtual\"");
    holds(wire.data, "is_healthy", "false");
    patch(WHI_UNIFIED, s, "{\"webhook_type\":\"push\",\"db_type\":\"cassandra\"}"); /* of a year to come */
    holds(written(WHI_UNIFIED, s), "webhook_type", "\"push\"");
    holds(wire.data, "db_type", "\"cassandra\"");
    patch(WHI_UNIFIED, s, "{\"is_paused\":false}"); /* switches on again what the engine switched off */
    assert_non_null(strstr(document.data, "\"paused\":false"));
    whi_subscription_free(s);
}

static void unified_takes_null_and_the_empty_text_as_absent(void **state) {
    static const char nulls[] =
        "{" UNIFIED_LEAST ",\"interval\":null,\"fields\":\"\",\"webhook_type\":\"\",\"meta\":null,"
        "\"page_max_limit\":null,\"filters\":null,\"db_type\":\"\",\"db_url\":\"\",\"db_schema\":null,"
        "\"db_name_prefix\":\"\",\"is_paused\":null,\"is_beta\":null,\"runs\":null,\"id\":null}";
    whi_subscription *s = make(WHI_UNIFIED, nulls), *all = make(WHI_UNIFIED, unified_all);

    (void)state;
    assert_string_equal(s->details, "{\"connection_id\":\"c\",\"object_type\":\"o\",\"event\":\"created\"}");
    assert_null(s->filters);
    assert_null(s->fields);
    patch(WHI_UNIFIED, all, nulls);
    assert_string_equal(all->details, "{\"connection_id\":\"c\",\"object_type\":\"o\",\"event\":\"created\"}");
    assert_null(all->filters);
    assert_null(all->fields);
    assert_int_equal(all->paused, 0);
    assert_string_equal(all->events[0], "o.created");
    whi_subscription_free(s);
    whi_subscription_free(all);
}

/* A client sends every list option that it knows, the unused ones empty. */
static void unified_filters_by_what_has_a_value(void **state) {
    whi_subscription *s = make(WHI_UNIFIED, "{" UNIFIED_LEAST ",\"filters\":{\"a\":\"\",\"b\":\"1\",\"c\":null}}");

    (void)state;
    assert_string_equal(s->filters, "{\"b\":\"1\"}");
    holds(written(WHI_UNIFIED, s), "filters", "{\"b\":\"1\"}");
    patch(WHI_UNIFIED, s, "{\"filters\":{\"b\":\"\"}}");
    assert_null(s->filters);
    holds(written(WHI_UNIFIED, s), "filters", NULL);
    whi_subscription_free(s);
}

static void unified_changes_only_what_is_named(void **state) {
    whi_subscription *s = make(WHI_UNIFIED, unified_all);
    char *before;

    (void)state;
    before = whi_strdup(written(WHI_UNIFIED, s), WH_ZSTR);
    patch(WHI_UNIFIED, s, "{}");
    assert_string_equal(document.data, "{}");
    patch(WHI_UNIFIED, s, before); /* the whole object sent back is no change */
    assert_string_equal(document.data, "{}");
    patch(WHI_UNIFIED, s, "{\"event\":\"deleted\"}");
    assert_string_equal(s->events[0], "crm_contact.deleted");
    patch(WHI_UNIFIED, s, "{\"object_type\":\"ats_job\",\"connection_id\":\"conn_2\"}");
    assert_string_equal(s->events[0], "ats_job.deleted");
    holds(written(WHI_UNIFIED, s), "connection_id", "\"conn_2\"");
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
          "hook_url: expected a URL, found none" },
        { "{\"connection_id\":\"c\",\"object_type\":\"o\",\"event\":\"created\",\"db_url\":\"mysql://h\"}",
          "hook_url: expected a URL besides db_url: databases alone are not delivered to" },
        { "{" UNIFIED_LEAST ",\"event\":\"go.ne\"}", "event: expected a word like \"updated\", of A-Z a-z 0-9 _ -" },
        { "{" UNIFIED_LEAST ",\"event\":\"g\\none\"}", "event: expected a word like \"updated\", of A-Z a-z 0-9 _ -" },
        { "{" UNIFIED_LEAST ",\"interval\":0.5}", "interval: expected a number of at least 1, found 0.5" },
        { "{" UNIFIED_LEAST ",\"interval\":1e999}", "interval: expected a number, found 1e999" },
        { "{" UNIFIED_LEAST ",\"hook_url\":\"ftp://e.com\"}",
          "hook_url: expected \"http://\" or \"https://\" and a host" },
        { "{" UNIFIED_LEAST ",\"connection_id\":\"a b\"}",
          "connection_id: expected 1 to 128 of A-Z a-z 0-9 . _ : - /" },
        { "{" UNIFIED_LEAST ",\"object_type\":\"crm_*\"}",
          "object_type: expected a name like \"crm_contact\", of A-Z a-z 0-9 . _ : - /" },
        { "{" UNIFIED_LEAST ",\"filters\":{\"a\":1}}", "filters: expected an object of texts, found an object" },
        { "{" UNIFIED_LEAST ",\"db_schema\":\"a\\u0000b\"}", "db_schema: expected a text without zero bytes" },
        { "[]", "document: expected an object" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        refuses(WHI_UNIFIED, rows[i][0], NULL, rows[i][1]);
    }
    assert_int_equal(read_text(WHI_UNIFIED, "{", NULL), WH_EJSON);
}

static void unified_lets_nothing_required_be_taken_away(void **state) {
    whi_subscription *s = make(WHI_UNIFIED, unified_all);

    (void)state;
    refuses(WHI_UNIFIED, "{\"event\":null}", s, "event: expected a text, found none");
    refuses(WHI_UNIFIED, "{\"connection_id\":\"\"}", s, "connection_id: expected a text, found none");
    refuses(WHI_UNIFIED, "{\"hook_url\":\"\",\"db_url\":null}", s, "hook_url: expected a URL, found none");
    refuses(WHI_UNIFIED, "{\"hook_url\":null}", s,
            "hook_url: expected a URL besides db_url: databases alone are not delivered to");
    whi_subscription_free(s);
}

/* ------------------------------------------------------------------- truto */

static void truto_keeps_every_field_of_the_seed(void **state) {
    static const member members[] = {
        { "id", "\"77656268-6f6f-4000-8000-000000000102\"" },
        { "target_url", "\"https://example.com/webhook\"" },
        { "is_active", "false" },
        { "event_types", "[\"integrated_account:created\",\"record:updated\",\"not_yet:known\"]" },
        { "environment_id", "\"env-1\"" },
        { "created_at", "\"2016-09-13T15:50:17.000Z\"" },
        { "updated_at", "\"2016-09-13T15:50:17.123Z\"" },
        { "secret", NULL },
        { NULL, NULL },
    };
    static const char secret[] = "{\"secrets\":[\"d5fac1cb-1820-4da7-bfd8-a6b758bcf8ff\"]}";
    whi_subscription *s = make(WHI_TRUTO, truto_all);

    (void)state;
    assert_int_equal(s->secret_count, 0); /* the engine's to make */
    free(s->tenant);
    s->tenant = whi_strdup("env-1", WH_ZSTR);
    assert_int_equal(whi_subscription_apply(s, secret, strlen(secret), RULE_MAXIMUM, 0), WH_OK);
    holds_all(written(WHI_TRUTO, s), members);
    holds(written_with(WHI_TRUTO, s, 1, WHI_PROFILE_SECRET), "secret", "\"d5fac1cb-1820-4da7-bfd8-a6b758bcf8ff\"");
    whi_subscription_free(s);
}

static void truto_without_event_types_takes_all(void **state) {
    whi_subscription *s = make(WHI_TRUTO, "{\"target_url\":\"https://e.com/\"}");

    (void)state;
    assert_int_equal(s->event_count, 0);
    assert_int_equal(s->paused, 0);
    holds(written(WHI_TRUTO, s), "event_types", "[]");
    patch(WHI_TRUTO, s, "{\"event_types\":[\"a:b\"],\"is_active\":false}");
    assert_int_equal(s->event_count, 1);
    assert_int_equal(s->paused, 1);
    patch(WHI_TRUTO, s, "{\"event_types\":null,\"is_active\":true}");
    assert_int_equal(s->event_count, 0);
    assert_int_equal(s->paused, 0);
    s->disabled = whi_strdup("failing", WH_ZSTR);
    holds(written(WHI_TRUTO, s), "is_active", "false");
    patch(WHI_TRUTO, s, "{\"is_active\":true}");
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
        refuses(WHI_TRUTO, rows[i][0], NULL, rows[i][1]);
    }
}

/* ------------------------------------------------------------------- all of them */

/* Each field that is read, with a value of a wrong type. */
static void a_wrong_type_names_the_field(void **state) {
    static const struct {
        int profile;
        const char *least;
        const char *names[20];
    } rows[] = {
        { WHI_UNIFIED,
          UNIFIED_LEAST,
          { "connection_id", "hook_url", "object_type", "interval", "event", "fields", "webhook_type", "page_max_limit",
            "filters", "db_type", "db_url", "db_schema", "db_name_prefix", "is_paused", "is_beta" } },
        { WHI_TRUTO,
          "\"target_url\":\"https://e.com\"",
          { "target_url", "is_active", "event_types", "environment_id" } },
        { WHI_CALLFIRE,
          "\"callback\":\"https://e.com\"",
          { "name", "resource", "events", "callback", "fields", "secret", "enabled", "nonStrictSsl", "singleUse",
            "expiresAt" } },
    };
    static const char *const values[] = { "[{}]", "{\"a\":{}}", "-1e400" };
    char text[300];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (const char *const *name = rows[i].names; *name != NULL; name++) {
            for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
                snprintf(text, sizeof text, "{%s,\"%s\":%s}", rows[i].least, *name, values[k]);
                assert_int_equal(read_text(rows[i].profile, text, NULL), WH_EINVALID);
                assert_memory_equal(wh_last_error(), *name, strlen(*name));
                assert_non_null(strchr(":[", wh_last_error()[strlen(*name)]));
            }
        }
    }
}

static void the_last_of_two_members_counts_and_unknown_ones_do_not(void **state) {
    whi_subscription *s = make(WHI_TRUTO, "{\"target_url\":5,\"is_active\":true,\"target_url\":\"http://e.com/2\","
                                          "\"is_active\":false,\"other\":{\"target_url\":7},\"\\u0000\":1}");

    (void)state;
    assert_string_equal(s->url, "http://e.com/2");
    assert_int_equal(s->paused, 1);
    whi_subscription_free(s);
    s = make(WHI_TRUTO, "{\"t\\u0061rget_url\":\"http://e.com/3\"}");
    assert_string_equal(s->url, "http://e.com/3");
    whi_subscription_free(s);
}

/* As far as the other one can express it. */
static void what_one_profile_made_another_reads(void **state) {
    whi_subscription *s = make(WHI_CALLFIRE, callfire_all);

    (void)state;
    holds(written(WHI_TRUTO, s), "event_types", "[\"OutboundCall.Finished\"]");
    holds(written(WHI_UNIFIED, s), "object_type", "\"OutboundCall\"");
    holds(wire.data, "event", "\"Finished\"");
    holds(wire.data, "connection_id", "\"\"");
    patch(WHI_UNIFIED, s, wire.data);
    assert_string_equal(document.data, "{}");
    patch(WHI_UNIFIED, s, "{\"event\":\"created\"}");
    assert_string_equal(s->events[0], "OutboundCall.created");
    assert_string_equal(s->details, "{\"event\":\"created\",\"resource\":\"OutboundCall\",\"events\":[\"Finished\"]}");
    assert_int_equal(s->profile, WHI_CALLFIRE);
    holds(written(WHI_CALLFIRE, s), "resource", NULL);
    holds(written(WHI_STANDARD, s), "profile", "\"callfire\"");
    whi_subscription_free(s);

    s = make(WHI_TRUTO, truto_all);
    holds(written(WHI_UNIFIED, s), "object_type", "\"\"");
    holds(written(WHI_CALLFIRE, s), "callback", "\"https://example.com/webhook\"");
    patch(WHI_UNIFIED, s, "{\"event\":\"created\"}"); /* one half alone says nothing of events */
    assert_int_equal(s->event_count, 3);
    whi_subscription_free(s);
}

static void filters_of_other_kinds_are_written_as_texts(void **state) {
    static const char change[] = "{\"filters\":{\"a\":12,\"b\":true,\"c\":[1],\"d\":null,\"e\":\"x\"}}";
    whi_subscription *s = make(WHI_UNIFIED, "{" UNIFIED_LEAST "}");

    (void)state;
    assert_int_equal(whi_subscription_apply(s, change, strlen(change), RULE_MAXIMUM, 0), WH_OK);
    holds(written(WHI_UNIFIED, s), "filters", "{\"a\":\"12\",\"b\":\"true\",\"e\":\"x\"}");
    whi_subscription_free(s);
}

static void ids_go_there_and_back(void **state) {
    static const int64_t numbers[] = { 1, 258, INT64_C(7420017300281076000), INT64_MAX };
    static const char *const wrong[] = { "",
                                         "0",
                                         "-1",
                                         "01",
                                         "9223372036854775808",
                                         "1x",
                                         "sub_",
                                         "sub_000000000008",
                                         "77656268-6f6f-4000-8000-00000000010g",
                                         "77656268-6f6f-4008-8000-000000000102",
                                         "4a4de828-f4db-4c9e-adfd-434e0864c3c7",
                                         "77656268-6f6f-4f00-8000-000000000102" };
    char text[WH_ID_SIZE];
    int64_t number;

    (void)state;
    for (int profile = WHI_STANDARD; profile < WHI_PROFILES; profile++) {
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            whi_profile_ident(profile, numbers[i], text);
            assert_int_equal(whi_profile_ident_parse(profile, text, &number), WH_OK);
            assert_int_equal(number, numbers[i]);
        }
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
            assert_int_equal(whi_profile_ident_parse(profile, wrong[i], &number), WH_ENOTFOUND);
        }
        assert_int_equal(whi_profile_ident_parse(profile, NULL, &number), WH_ENOTFOUND);
    }
    assert_int_equal(whi_profile_ident_parse(WHI_TRUTO, "77656268-6F6F-4000-8000-00000000ABCD", &number), WH_OK);
    assert_int_equal(number, 0xabcd);
}

static void retry_lists_are_those_of_the_systems(void **state) {
    const int64_t *list;
    int64_t sum = 0;
    size_t count;

    (void)state;
    list = whi_profile_retry(WHI_UNIFIED, &count);
    assert_int_equal(count, 21);
    for (size_t i = 0; i < count; i++) {
        sum += list[i];
        assert_true(i < 3 || list[i] == list[i - 1] + list[i - 2]);
        assert_true(list[i] <= WHI_RETRY_DELAY_MAXIMUM);
    }
    assert_int_equal(sum, INT64_C(28655) * 60000);
    list = whi_profile_retry(WHI_TRUTO, &count);
    assert_int_equal(count, 4);
    assert_int_equal(list[0] + list[1] + list[2] + list[3], 7000);
    assert_ptr_equal(whi_profile_retry(WHI_STANDARD, &count), whi_retry_standard);
    assert_int_equal(count, whi_retry_standard_count);
    assert_int_equal(whi_profile_retry(WHI_CALLFIRE, &count)[0], 0);
    assert_int_equal(count, 6);
}

static void outcomes_are_the_profiles_own(void **state) {
    static const struct {
        int profile;
        const char *type;
        int error, status, outcome, code, abort;
    } rows[] = {
        { WHI_STANDARD, "a", 0, 204, WHI_OUTCOME_SUCCESS, WH_OK, 0 },
        { WHI_UNIFIED, "a", 0, 201, WHI_OUTCOME_SUCCESS, WH_OK, 0 },
        { WHI_CALLFIRE, "a", 0, 202, WHI_OUTCOME_SUCCESS, WH_OK, 0 },
        { WHI_TRUTO, "a", 0, 200, WHI_OUTCOME_SUCCESS, WH_OK, 0 },
        { WHI_TRUTO, "a", 0, 204, WHI_OUTCOME_RETRY, WH_ESTATUS, 0 },
        { WHI_TRUTO, "a", 0, 400, WHI_OUTCOME_RETRY, WH_ESTATUS, 0 },
        { WHI_TRUTO, "sync_job_run:started", 0, 400, WHI_OUTCOME_SUCCESS, WH_ESTATUS, 1 },
        { WHI_TRUTO, "sync_job_run:started", 0, 200, WHI_OUTCOME_SUCCESS, WH_OK, 0 },
        { WHI_TRUTO, "sync_job_run:started", WH_ETIMEOUT, 400, WHI_OUTCOME_RETRY, WH_ETIMEOUT, 0 },
        { WHI_UNIFIED, "sync_job_run:started", 0, 400, WHI_OUTCOME_RETRY, WH_ESTATUS, 0 },
        { WHI_TRUTO, "a", 0, 410, WHI_OUTCOME_GONE, WH_EGONE, 0 },
        { WHI_CALLFIRE, "a", 0, 410, WHI_OUTCOME_GONE, WH_EGONE, 0 },
        { WHI_UNIFIED, "a", 0, 302, WHI_OUTCOME_RETRY, WH_EREDIRECT, 0 },
    };
    int code, aborted;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(
            whi_profile_outcome(rows[i].profile, rows[i].type, rows[i].error, rows[i].status, &code, &aborted),
            rows[i].outcome);
        assert_int_equal(code, rows[i].code);
        assert_int_equal(aborted, rows[i].abort);
    }
    assert_null(whi_profile_get(WHI_PROFILES));
    assert_null(whi_profile_get(-1));
    assert_non_null(whi_profile_get(WHI_CALLFIRE));
}

static int all_of_it(int profile, const char *text, const whi_subscription *present) {
    whi_profile_facts facts = { 1 };
    int code;

    whi_buf_free(&wire);
    whi_buf_free(&document);
    whi_buf_init(&wire, 1 << 20);
    whi_buf_init(&document, 1 << 20);
    code = whi_profile_read(profile, text, strlen(text), 0, NULL, &document);
    whi_buf_clear(&document);
    code = code == WH_OK ? whi_profile_read(profile, text, strlen(text), WHI_PROFILE_PATCH, present, &document) : code;
    return code == WH_OK ? whi_profile_write(profile, present, &facts, WHI_PROFILE_SECRET, &wire) : code;
}

static void without_memory_nothing_leaks(void **state) {
    static const char *const texts[] = { NULL, unified_all, truto_all, callfire_all };

    (void)state;
    for (int profile = WHI_UNIFIED; profile < WHI_PROFILES; profile++) {
        whi_subscription *s = make(profile, texts[profile]);
        int code, failed = 1;
        for (long n = 0; failed; n++) {
            fault_set(n);
            code = all_of_it(profile, texts[profile], s);
            failed = fault_clear();
            assert_int_equal(code, failed ? WH_ENOMEM : WH_OK);
        }
        whi_subscription_free(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unified_keeps_every_field_of_the_seeds),
        cmocka_unit_test(unified_writes_what_the_server_keeps_in_details),
        cmocka_unit_test(unified_tells_health_and_the_kind_of_webhook),
        cmocka_unit_test(unified_takes_null_and_the_empty_text_as_absent),
        cmocka_unit_test(unified_filters_by_what_has_a_value),
        cmocka_unit_test(unified_changes_only_what_is_named),
        cmocka_unit_test(unified_refuses_by_the_wire_name),
        cmocka_unit_test(unified_lets_nothing_required_be_taken_away),
        cmocka_unit_test(truto_keeps_every_field_of_the_seed),
        cmocka_unit_test(truto_without_event_types_takes_all),
        cmocka_unit_test(truto_refuses_by_the_wire_name),
        cmocka_unit_test(a_wrong_type_names_the_field),
        cmocka_unit_test(the_last_of_two_members_counts_and_unknown_ones_do_not),
        cmocka_unit_test(what_one_profile_made_another_reads),
        cmocka_unit_test(filters_of_other_kinds_are_written_as_texts),
        cmocka_unit_test(ids_go_there_and_back),
        cmocka_unit_test(retry_lists_are_those_of_the_systems),
        cmocka_unit_test(outcomes_are_the_profiles_own),
        cmocka_unit_test(without_memory_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
