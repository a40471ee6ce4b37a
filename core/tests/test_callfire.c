/* CallFire's webhook object. */
#include "object_kit.h"
#include "systems/callfire.h"

static void callfire_keeps_every_field_of_the_seed(void **state) {
    static const member members[] = {
        { "id", "258" },
        { "name", "\"Test \\\"Webhook\\\"\"" },
        { "resource", "\"OutboundCall\"" },
        { "events", "[\"Finished\"]" },
        { "callback", "\"https://example.com/cb\"" },
        { "fields", "\"events(resource(id))\"" },
        { "secret", NULL },
        { "enabled", "false" },
        { "nonStrictSsl", "true" },
        { "singleUse", "true" },
        { "expiresAt", "1790000000000" },
        { "createdAt", "1473781817000" },
        { "updatedAt", "1473781817123" },
        { NULL, NULL },
    };
    whi_subscription *s = make(&whi_system_callfire, callfire_all);

    (void)state;
    holds_all(written(&whi_system_callfire, s), members);
    holds(written_with(&whi_system_callfire, s, 1, WHI_OBJECT_SECRET), "secret", "\"mysecrets\"");
    assert_int_equal(s->event_count, 1);
    assert_string_equal(s->events[0], "OutboundCall.Finished");
    assert_string_equal(s->details, "{\"resource\":\"OutboundCall\",\"events\":[\"Finished\"]}");
    patch(&whi_system_callfire, s, "{\"expiresAt\":1.790000000001e12}");
    holds(written(&whi_system_callfire, s), "expiresAt", "1790000000001");
    s->id = INT64_C(7420017300281076000);
    holds(written(&whi_system_callfire, s), "id", "7420017300281076000");
    whi_subscription_free(s);
}

static void callfire_without_events_takes_all_of_the_resource(void **state) {
    whi_subscription *s = make(&whi_system_callfire, "{\"callback\":\"http://e.com\",\"resource\":\"CallBroadcast\"}");

    (void)state;
    assert_int_equal(s->event_count, 3);
    assert_string_equal(s->events[1], "CallBroadcast.Stopped");
    holds(written(&whi_system_callfire, s), "events", "[\"Started\",\"Stopped\",\"Finished\"]");
    holds(wire.data, "enabled", "true");
    patch(&whi_system_callfire, s, "{\"resource\":\"ContactList\"}");
    holds(written(&whi_system_callfire, s), "events", "[\"ValidationFinished\",\"ValidationFailed\"]");
    patch(&whi_system_callfire, s, "{\"events\":[\"validationfailed\"]}");
    holds(written(&whi_system_callfire, s), "events", "[\"ValidationFailed\"]");
    refuses(&whi_system_callfire, "{\"resource\":\"InboundCall\"}", s,
            "events[0]: InboundCall: expected \"Finished\", found \"ValidationFailed\"");
    patch(&whi_system_callfire, s, "{\"resource\":null}");
    assert_int_equal(s->event_count, 0);
    assert_null(s->details);
    holds(written(&whi_system_callfire, s), "resource", NULL);
    whi_subscription_free(s);
}

static void callfires_new_resource_keeps_the_events_in_force(void **state) {
    whi_subscription *s =
        make(&whi_system_callfire,
             "{\"callback\":\"http://e.com\",\"resource\":\"CallBroadcast\",\"events\":[\"Started\"]}");

    (void)state;
    patch(&whi_system_truto, s, "{\"event_types\":[\"CallBroadcast.Finished\",\"CallBroadcast.Stopped\"]}");
    patch(&whi_system_callfire, s, "{\"resource\":\"TextBroadcast\"}");
    holds(written(&whi_system_callfire, s), "events", "[\"Stopped\",\"Finished\"]");
    patch(&whi_system_truto, s, "{\"event_types\":[\"TextBroadcast.*\"]}");
    patch(&whi_system_callfire, s, "{\"resource\":\"InboundCall\"}"); /* all of one become all of the other */
    holds(written(&whi_system_callfire, s), "events", "[\"Finished\"]");
    patch(&whi_system_callfire, s, "{\"resource\":\"CallBroadcast\",\"events\":[\"Finished\"]}");
    patch(&whi_system_callfire, s, "{\"resource\":\"OutboundCall\"}");
    patch(&whi_system_callfire, s, "{\"resource\":\"CccCampaign\"}"); /* by name, though it was all */
    holds(written(&whi_system_callfire, s), "events", "[\"Finished\"]");
    whi_subscription_free(s);
}

static void callfire_says_which_event_is_wrong(void **state) {
    static const char unknown[] =
        "{\"callback\":\"http://e.com\",\"resource\":\"InboundCall\",\"events\":[\"Finished\",\"x\"]}";
    static const char number[] =
        "{\"callback\":\"http://e.com\",\"resource\":\"InboundCall\",\"events\":[\"Finished\",7]}";

    (void)state;
    assert_int_equal(whi_object_read(&whi_system_callfire, unknown, strlen(unknown), 0, NULL, &document), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "events");
    assert_int_equal(wh_last_error_index(), 1);
    assert_int_equal(whi_object_read(&whi_system_callfire, number, strlen(number), 0, NULL, &document), WH_EINVALID);
    assert_int_equal(wh_last_error_index(), 1);
}

static void callfire_leaves_other_systems_webhooks_their_secrets(void **state) {
    static const char *const secrets[] = { "{\"secret\":\"\"}", "{\"secret\":null}", "{\"secret\":\"x\"}" };
    whi_subscription *s = make(&whi_system_unified, "{" UNIFIED_LEAST "}");

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            whi_object_read(&whi_system_callfire, secrets[i], strlen(secrets[i]), WHI_OBJECT_PATCH, s, &document),
            WH_EINVALID);
        assert_string_equal(wh_last_error(),
                            "secret: this webhook was made through another system, and is signed its way");
    }
    whi_subscription_free(s);
}

static void callfire_signs_only_with_a_secret(void **state) {
    whi_subscription *s = make(&whi_system_callfire, "{\"callback\":\"http://e.com\"}");

    (void)state;
    assert_non_null(strstr(document.data, "\"secrets\":[]"));
    assert_int_equal(s->secret_count, 0);
    patch(&whi_system_callfire, s, "{\"secret\":\"a\\\"b\"}");
    assert_string_equal(s->secrets[0], "a\"b");
    patch(&whi_system_callfire, s, "{\"name\":\"n\"}");
    assert_int_equal(s->secret_count, 1);
    patch(&whi_system_callfire, s, "{\"secret\":\"\"}");
    assert_int_equal(s->secret_count, 0);
    patch(&whi_system_callfire, s, "{\"secret\":\"x\"}");
    patch(&whi_system_callfire, s, "{\"secret\":null}");
    assert_int_equal(s->secret_count, 0);
    whi_subscription_free(s);
}

static void callfire_refuses_by_the_wire_name(void **state) {
    static const char *const rows[][2] = {
        { "{}", "callback: expected a text, found none" },
        { "{\"callback\":\"http://e.com\",\"resource\":\"Fax\"}",
          "resource: expected \"MonthlyRenewal\", \"LowBalance\", \"CccCampaign\", \"CallBroadcast\", "
          "\"TextBroadcast\", \"OutboundCall\", \"InboundCall\", \"OutboundText\", \"InboundText\", \"ContactList\" "
          "or \"OutboundTextDeliveryReport\", found \"Fax\"" },
        { "{\"callback\":\"http://e.com\",\"resource\":\"OutboundCall\",\"events\":[\"Started\"]}",
          "events[0]: OutboundCall: expected \"Finished\", found \"Started\"" },
        { "{\"callback\":\"http://e.com\",\"events\":[\"Started\"]}",
          "events: expected a resource that they are of, found none" },
        { "{\"callback\":\"http://e.com\",\"events\":\"Started\"}", "events: expected a list of texts, found a text" },
        { "{\"callback\":\"http://e.com\",\"expiresAt\":1.5}",
          "expiresAt: expected an integer of 1 to 253402300799999 (milliseconds since 1970), found 1.5" },
        { "{\"callback\":\"http://e.com\",\"expiresAt\":\"2026-01-01\"}",
          "expiresAt: expected an integer of 1 to 253402300799999 (milliseconds since 1970), found a text" },
        { "{\"callback\":\"http://e.com\",\"expiresAt\":0}",
          "expiresAt: expected an integer of 1 to 253402300799999 (milliseconds since 1970), found 0" },
        { "{\"callback\":\"http://e.com\",\"expiresAt\":-1}",
          "expiresAt: expected an integer of 1 to 253402300799999 (milliseconds since 1970), found -1" },
        { "{\"callback\":\"http://e.com\",\"expiresAt\":253402300800000}",
          "expiresAt: expected an integer of 1 to 253402300799999 (milliseconds since 1970), found 253402300800000" },
        { "{\"callback\":\"http://e.com\",\"secret\":5}", "secret: expected a text, found 5" },
        { "{\"callback\":\"http://e.com\",\"secret\":\"a\\nb\"}",
          "secret: expected a text without control characters" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        refuses(&whi_system_callfire, rows[i][0], NULL, rows[i][1]);
    }
}

static void callfires_resources_are_eleven(void **state) {
    size_t count = 0;

    (void)state;
    while (whi_callfire_resource_at(count) != NULL) {
        assert_non_null(whi_callfire_resource_at(count)->events[0]);
        count++;
    }
    assert_int_equal(count, 11);
    assert_string_equal(whi_callfire_resource_at(9)->events[1], "ValidationFailed");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callfire_keeps_every_field_of_the_seed),
        cmocka_unit_test(callfire_without_events_takes_all_of_the_resource),
        cmocka_unit_test(callfires_new_resource_keeps_the_events_in_force),
        cmocka_unit_test(callfire_says_which_event_is_wrong),
        cmocka_unit_test(callfire_leaves_other_systems_webhooks_their_secrets),
        cmocka_unit_test(callfire_signs_only_with_a_secret),
        cmocka_unit_test(callfire_refuses_by_the_wire_name),
        cmocka_unit_test(callfires_resources_are_eleven),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
