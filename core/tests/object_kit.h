/* What the tests of objects share: objects as clients send them, read, applied and written. */
#ifndef OBJECT_KIT_H
#define OBJECT_KIT_H

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
#include "pure/retry.h"
#include "samples.h"
#include "systems/list.h"
#include "systems/object.h"
#include "systems/subscription_make.h"
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

KIT static int read_size(const whi_system *system, const char *text, size_t size, const whi_subscription *present) {
    char *exact = malloc(size ? size : 1); /* a read behind it shows */
    int code;

    memcpy(exact, text, size);
    whi_buf_clear(&document);
    code = whi_object_read(system, exact, size, present != NULL ? WHI_OBJECT_PATCH : 0, present, &document);
    free(exact);
    return code;
}

KIT static int read_text(const whi_system *system, const char *text, const whi_subscription *present) {
    return read_size(system, text, strlen(text), present);
}

KIT static void apply(whi_subscription *s) {
    if (whi_subscription_apply(s, document.data, document.size, RULE_MAXIMUM, 0) != WH_OK) {
        fail_msg("%s: %s", document.data, wh_last_error());
    }
    assert_int_equal(whi_subscription_check(s), WH_OK);
}

KIT static whi_subscription *make(const whi_system *system, const char *text) {
    whi_subscription *s;

    if (read_text(system, text, NULL) != WH_OK) {
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

KIT static void patch(const whi_system *system, whi_subscription *s, const char *text) {
    if (read_text(system, text, s) != WH_OK) {
        fail_msg("%s: %s", text, wh_last_error());
    }
    apply(s);
}

KIT static const char *written_with(const whi_system *system, const whi_subscription *s, int healthy, int flags) {
    whi_facts facts = { .healthy = healthy };

    whi_buf_clear(&wire);
    assert_int_equal(whi_object_write(system, s, &facts, flags, &wire), WH_OK);
    assert_int_equal(whi_json_check(wire.data, wire.size, 64), WH_OK);
    return wire.data;
}

KIT static const char *written(const whi_system *system, const whi_subscription *s) {
    return written_with(system, s, 1, 0);
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

KIT static void refuses(const whi_system *system, const char *text, const whi_subscription *present,
                        const char *sentence) {
    int code = read_text(system, text, present);

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

/* Every field that there is, the read-only ones with values that must not come back: samples.c. */
#define unified_all sample_unified.all
#define truto_all sample_truto.all
#define callfire_all sample_callfire.all

#define UNIFIED_LEAST                                                                                                  \
    "\"connection_id\":\"c\",\"object_type\":\"o\",\"event\":\"created\",\"hook_url\":\"https://e.com/\""

#endif
