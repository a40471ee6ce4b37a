/* What the tests of the profiles share: objects as clients send them, read, applied and written. */
#ifndef PROFILE_KIT_H
#define PROFILE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "pure/delivery.h"
#include "pure/profile.h"
#include "pure/retry.h"
#include "webhook.h"

#define RULE_MAXIMUM 65536
#define KIT __attribute__((unused)) /* not every test uses every word */

static whi_buf wire, document;

KIT static int setup(void **state) {
    (void)state;
    whi_buf_init(&wire, 1 << 20);
    whi_buf_init(&document, 1 << 20);
    return 0;
}

KIT static int teardown(void **state) {
    (void)state;
    whi_buf_free(&wire);
    whi_buf_free(&document);
    return 0;
}

KIT static int read_size(int profile, const char *text, size_t size, const whi_subscription *present) {
    char *exact = malloc(size ? size : 1); /* a read behind it shows */
    int code;

    memcpy(exact, text, size);
    whi_buf_clear(&document);
    code = whi_profile_read(profile, exact, size, present != NULL ? WHI_PROFILE_PATCH : 0, present, &document);
    free(exact);
    return code;
}

KIT static int read_text(int profile, const char *text, const whi_subscription *present) {
    return read_size(profile, text, strlen(text), present);
}

KIT static void apply(whi_subscription *s) {
    if (whi_subscription_apply(s, document.data, document.size, RULE_MAXIMUM, 0) != WH_OK) {
        fail_msg("%s: %s", document.data, wh_last_error());
    }
    assert_int_equal(whi_subscription_check(s), WH_OK);
}

KIT static whi_subscription *make(int profile, const char *text) {
    whi_subscription *s;

    if (read_text(profile, text, NULL) != WH_OK) {
        fail_msg("%s: %s", text, wh_last_error());
    }
    assert_int_equal(whi_subscription_new(&s), WH_OK);
    apply(s);
    s->id = 258;
    s->version = 1;
    s->created_at = INT64_C(1473781817000);
    s->updated_at = INT64_C(1473781817123);
    return s;
}

KIT static void patch(int profile, whi_subscription *s, const char *text) {
    if (read_text(profile, text, s) != WH_OK) {
        fail_msg("%s: %s", text, wh_last_error());
    }
    apply(s);
}

KIT static const char *written_with(int profile, const whi_subscription *s, int healthy, int flags) {
    whi_profile_facts facts = { healthy };

    whi_buf_clear(&wire);
    assert_int_equal(whi_profile_write(profile, s, &facts, flags, &wire), WH_OK);
    assert_int_equal(whi_json_check(wire.data, wire.size, 64), WH_OK);
    return wire.data;
}

KIT static const char *written(int profile, const whi_subscription *s) {
    return written_with(profile, s, 1, 0);
}

KIT static uint32_t scan(whi_json *json, const char *text, const char *name) {
    assert_int_equal(whi_json_scan(json, text, strlen(text), 64), WH_OK);
    return whi_json_member(json, 0, name, strlen(name));
}

/* The member is this JSON; NULL: it is not there. */
KIT static void holds(const char *object, const char *name, const char *value) {
    whi_json a = { 0 }, b = { 0 };
    uint32_t node = scan(&a, object, name);

    if (value == NULL) {
        assert_int_equal(node, WHI_JSON_NONE);
    } else {
        if (node == WHI_JSON_NONE) {
            fail_msg("%s: no %s", object, name);
        }
        assert_int_equal(whi_json_scan(&b, value, strlen(value), 64), WH_OK);
        if (!whi_json_equal(&a, node, &b, 0)) {
            fail_msg("%s: %s is not %s", object, name, value);
        }
    }
    whi_json_free(&a);
    whi_json_free(&b);
}

KIT static void refuses(int profile, const char *text, const whi_subscription *present, const char *sentence) {
    int code = read_text(profile, text, present);

    if (code != WH_EINVALID || strcmp(wh_last_error(), sentence) != 0) {
        fail_msg("%s: %d \"%s\", expected \"%s\"", text, code, wh_last_error(), sentence);
    }
}

typedef struct member {
    const char *name, *value; /* JSON; NULL: not there */
} member;

KIT static void holds_all(const char *object, const member *members) {
    for (; members->name != NULL; members++) {
        holds(object, members->name, members->value);
    }
}

/* Every field of the three documents, the read-only ones with values that must not come back. */
KIT static const char unified_all[] =
    "{\"id\":\"x\",\"created_at\":\"2001-01-01T00:00:00Z\",\"updated_at\":\"2001-01-01T00:00:00Z\","
    "\"workspace_id\":\"w\",\"connection_id\":\"conn_1\",\"hook_url\":\"https://example.com/h\","
    "\"object_type\":\"crm_contact\",\"interval\":62.5,\"checked_at\":\"2001-01-01T00:00:00Z\","
    "\"integration_type\":\"hubspot\",\"environment\":\"Sandbox\",\"event\":\"updated\",\"runs\":[\"r\"],"
    "\"fields\":\"subject, body\",\"webhook_type\":\"native\",\"meta\":{\"k\":[1.10,null]},\"is_healthy\":false,"
    "\"page_max_limit\":25,\"filters\":{\"company_id\":\"7\",\"none\":null},\"db_type\":\"postgres\","
    "\"db_url\":\"postgres://u:p@h/d\",\"db_schema\":\"s\",\"db_name_prefix\":\"p_\",\"is_paused\":true,"
    "\"is_beta\":true}";

#define UNIFIED_LEAST                                                                                                  \
    "\"connection_id\":\"c\",\"object_type\":\"o\",\"event\":\"created\",\"hook_url\":\"https://e.com/\""

KIT static const char truto_all[] =
    "{\"id\":\"4a4de828-f4db-4c9e-adfd-434e0864c3c7\",\"target_url\":\"https://example.com/webhook\","
    "\"is_active\":false,\"environment_id\":\"05daecaf-4365-42e8-8370-8127de5dd717\","
    "\"event_types\":[\"integrated_account:created\",\"record:updated\",\"not_yet:known\"],"
    "\"created_at\":\"2021-08-10T10:00:00.000Z\",\"updated_at\":\"2021-08-10 10:00:00\","
    "\"secret\":\"d5fac1cb-1820-4da7-bfd8-a6b758bcf8ff\"}";

KIT static const char callfire_all[] =
    "{\"id\":7420017300281076000,\"name\":\"Test \\\"Webhook\\\"\",\"resource\":\"outboundcall\","
    "\"events\":[\"FINISHED\",\"Finished\"],\"callback\":\"https://example.com/"
    "cb\",\"fields\":\"events(resource(id))\","
    "\"secret\":\"mysecrets\",\"enabled\":false,\"nonStrictSsl\":true,\"singleUse\":true,"
    "\"expiresAt\":1790000000000,\"createdAt\":1,\"updatedAt\":2}";

#endif
