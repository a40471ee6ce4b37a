/* Documents of subscriptions. What was taken is written as JSON, and what was written
 * reads back as the same subscription. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "pure/json.h"
#include "systems/subscription_make.h"
#include "systems/subscription_write.h"
#include "webhook.h"

#define RULE_MAXIMUM 65536
#define ALL (WHI_WRITE_SECRETS | WHI_WRITE_CREDENTIALS)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good) {
    if (!good) {
        abort();
    }
}

static void write(const whi_subscription *subscription, int secrets, whi_buf *out) {
    whi_buf_clear(out);
    whi_subscription_write(subscription, secrets, out);
    must(whi_buf_status(out) == WH_OK);
    must(whi_json_check(out->data, out->size, 64) == WH_OK);
}

/* What the engine relies on without a look: no header line holds a second one. */
static void check_values(const whi_subscription *s) {
    for (size_t i = 0; i < s->header_count; i++) {
        must(strpbrk(s->headers[i], "\r\n") == NULL && strcspn(s->headers[i], ":;") > 0);
    }
    must(s->concurrency >= 1 && s->concurrency <= WHI_CONCURRENCY_MAXIMUM && s->timeout >= 0);
    must(s->rule_size == (s->rule != NULL ? strlen(s->rule) : 0));
}

static void check(const whi_subscription *first) {
    whi_subscription *again, *copy;
    whi_buf one, two;

    whi_buf_init(&one, SIZE_MAX / 4);
    whi_buf_init(&two, SIZE_MAX / 4);
    write(first, ALL, &one);
    must(whi_subscription_new(&again) == WH_OK);
    must(whi_subscription_apply(again, one.data, one.size, RULE_MAXIMUM, 1) == WH_OK);
    write(again, ALL, &two);
    must(one.size == two.size && memcmp(one.data, two.data, one.size) == 0);
    must(whi_subscription_copy(&copy, first) == WH_OK);
    write(copy, ALL, &two);
    must(one.size == two.size && memcmp(one.data, two.data, one.size) == 0);
    write(first, 0, &two);
    must(two.size < one.size);
    whi_subscription_free(again);
    whi_subscription_free(copy);
    whi_buf_free(&one);
    whi_buf_free(&two);
}

static void apply(const char *document, size_t size, int stored) {
    whi_subscription *subscription;
    int code;

    must(whi_subscription_new(&subscription) == WH_OK);
    code = whi_subscription_apply(subscription, document, size, RULE_MAXIMUM, stored);
    must(code == WH_OK || (strlen(wh_last_error()) > 0 && strpbrk(wh_last_error(), "\r\n") == NULL));
    if (code == WH_OK) {
        check_values(subscription);
        check(subscription);
    }
    whi_subscription_free(subscription);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *document = malloc(size > 0 ? size : 1); /* of this size exactly: a read behind it shows */

    must(document != NULL);
    memcpy(document, data, size);
    apply(document, size, 0);
    apply(document, size, 1);
    free(document);
    return 0;
}
