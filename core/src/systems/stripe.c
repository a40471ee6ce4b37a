/* Stripe's events: what is known of it is at wh_verify_as. Tests: test_verify_as. */
#include "systems/received.h"

#include <string.h>

#include "base/error.h"

#define STRIPE "stripe-signature"

/* One that cannot be read is passed over, as a scheme that is not known is; more than fit are refused. */
static int signature_read(const whi_check_pair *pair, whi_check_list *list, int *unread) {
    int code = whi_check_list_add(list, pair->value, pair->value_size, WHI_CHECK_HEX);

    *unread |= code != WH_OK;
    return list->count < WHI_CHECK_SIGNATURES ? WH_OK : code;
}

/* Schemes that are not known ("v0" is Stripe's for tests) are passed over. */
static int stripe_read(const char *value, whi_check_pair *stamp, whi_check_list *list) {
    whi_check_pair pair;
    int code = WH_OK, unread = 0;

    while (whi_check_pair_next(&value, &pair)) {
        if (whi_check_pair_is(&pair, "t")) {
            code = whi_check_pair_once(STRIPE, &pair, stamp);
        } else if (whi_check_pair_is(&pair, "v1")) {
            code = signature_read(&pair, list, &unread);
        }
        if (code != WH_OK) {
            return code;
        }
    }
    if (stamp->name != NULL && list->count == 0 && unread) {
        return WH_ESIG_FORMAT; /* the sentence is that of the last one */
    }
    if (stamp->name == NULL || list->count == 0) {
        return whi_fail(WH_ESIG_FORMAT, WHI_CHECK_NAME STRIPE ": no %s, expected \"t=…,v1=…\"",
                        stamp->name == NULL ? "t" : "v1");
    }
    return WH_OK;
}

static int check_stripe(const whi_check *check) {
    whi_check_pair stamp = { NULL, NULL, 0, 0 };
    whi_check_list list;
    whi_value value;
    int64_t seconds = 0;
    int code = whi_check_header(check, STRIPE, &value);

    whi_check_list_init(&list, WHI_CHECK_NAME STRIPE, "SHA256");
    if (code == WH_OK) {
        code = stripe_read(value.text, &stamp, &list);
    }
    if (code == WH_OK) {
        code = whi_stamp_read(WHI_CHECK_NAME STRIPE ", t", stamp.value, stamp.value_size, &seconds);
    }
    if (code == WH_OK) {
        code = whi_stamp_check(WHI_CHECK_NAME STRIPE ", t", seconds, check->options->tolerance, check->options->now);
    }
    if (code != WH_OK) {
        return code;
    }
    whi_check_part parts[] = { { stamp.value, stamp.value_size }, { ".", 1 }, { check->body, check->size } };

    return whi_check_match(check, &list, parts, 3);
}

const whi_format whi_format_stripe = {
    .name = "stripe",
    .header = "stripe-signature",
    .check = check_stripe,
};
