/* Tests: test_engine_order, test_engine_trouble, test_missed. */
#include "engine/result.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "pure/delivery.h"

void whi_result_sentence(const whi_decision *decision, char out[WH_RULE_ERROR_SIZE]) {
    const wh_rule_error *error = &decision->error;
    char place[40] = "";

    if (error->line > 0) {
        snprintf(place, sizeof place, "line %lld: ", (long long)error->line);
    }
    snprintf(out, WH_RULE_ERROR_SIZE, "%s%s%s%.400s", wh_error_name(decision->code), error->text[0] ? ": " : "", place,
             error->text);
}

int whi_result_state(const whi_subscription *s, const whi_decision *decision) {
    static const int on_failure[] = { [WHI_HOLD] = WHI_HELD, [WHI_SKIP] = WHI_ABSENT, [WHI_SEND] = WHI_SENDING };
    _Static_assert(WHI_HOLD == 0 && WHI_SKIP == 1 && WHI_SEND == 2, "a state for each policy");

    switch (decision->verdict) {
    case WHI_PASS:
    case WHI_PROJECT:
        return WHI_SENDING;
    case WHI_FAILED:
        return on_failure[s->on_rule_error];
    default:
        return WHI_ABSENT;
    }
}

int whi_result_looks_inside(const whi_subject *subject, const whi_registration *registration) {
    return whi_decide_looks_inside(registration) ||
           (subject->key[0] == '\0' && whi_system_is_ordered(registration->subscription->system, subject->type));
}

/* The rule's key, or the event's; "fifo" has one for all. */
static int write_key(const whi_decider *decider, const whi_subject *subject, const whi_subscription *s,
                     const whi_decision *decision, whi_buf *out) {
    if (s->order == WHI_ORDER_FIFO) {
        return WH_OK;
    }
    if (s->order != WHI_ORDER_NONE && decision->key != NULL) {
        whi_buf_text(out, decision->key);
    } else if (subject->key[0] != '\0') {
        whi_buf_text(out, subject->key);
    } else {
        return whi_system_order_key(s->system, subject->type, &decider->json, out);
    }
    return whi_buf_status(out);
}

static int has_key(const whi_decider *decider, const whi_subject *subject, const whi_subscription *s) {
    if (s->order == WHI_ORDER_NONE && !whi_system_is_ordered(s->system, subject->type)) {
        return 0;
    }
    return decider->scanned == WH_OK || s->order == WHI_ORDER_FIFO || subject->key[0] != '\0';
}

int whi_result_key(const whi_decider *decider, const whi_subject *subject, const whi_subscription *s,
                   const whi_decision *decision, char **out) {
    whi_buf key;
    int code;

    *out = NULL;
    if (!has_key(decider, subject, s)) {
        return WH_OK;
    }
    whi_buf_init(&key, WHI_ORDER_KEY_MAXIMUM + 1);
    code = write_key(decider, subject, s, decision, &key);
    if (code == WH_OK && (key.size > 0 || s->order == WHI_ORDER_FIFO)) {
        code = whi_buf_take(&key, out, NULL);
    }
    whi_buf_free(&key);
    return code;
}
