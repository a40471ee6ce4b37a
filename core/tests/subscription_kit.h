/* A subscription that documents are applied to, and how it is written. */
#ifndef SUBSCRIPTION_KIT_H
#define SUBSCRIPTION_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "systems/subscription_make.h"
#include "systems/subscription_read.h"
#include "systems/subscription_write.h"
#include "webhook.h"

static whi_subscription *subscription;

static int apply_as(const char *document, int stored) {
    int code = whi_subscription_apply(subscription, document, strlen(document), 1000, stored);

    return code == WH_OK ? whi_subscription_check(subscription) : code;
}

static int begin(void **state) {
    (void)state;
    return whi_subscription_new(&subscription);
}

static int end(void **state) {
    (void)state;
    whi_subscription_free(subscription);
    return 0;
}

/* part: NULL, or it is there; absent: NULL, or it is not. */
static void written_as(int flags, const char *part, const char *absent) {
    whi_buf out;

    whi_buf_init(&out, 262144);
    whi_subscription_write(subscription, flags, &out);
    assert_int_equal(whi_buf_status(&out), WH_OK);
    if (part != NULL && strstr(out.data, part) == NULL) {
        fail_msg("no %s in %s", part, out.data);
    }
    if (absent != NULL && strstr(out.data, absent) != NULL) {
        fail_msg("%s in %s", absent, out.data);
    }
    whi_buf_free(&out);
}

#endif
