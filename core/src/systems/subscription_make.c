/* Tests: test_subscription. */
#include "systems/subscription_make.h"

#include "base/error.h"
#include "base/mem.h"
#include "systems/registry.h"
#include "systems/subscription_write.h"

int whi_subscription_new(whi_subscription **out) {
    whi_subscription *s = whi_calloc(1, sizeof *s);

    *out = s;
    if (s == NULL) {
        return whi_fail_memory();
    }
    s->tenant = whi_strdup("", 0);
    s->system = whi_system_default();
    s->concurrency = WHI_CONCURRENCY_DEFAULT;
    s->retrying.jitter = WHI_JITTER_PERCENT;
    if (s->tenant == NULL) {
        whi_free(s);
        *out = NULL;
        return whi_fail_memory();
    }
    return WH_OK;
}

int whi_subscription_copy(whi_subscription **out, const whi_subscription *from) {
    whi_buf document;
    int code = whi_subscription_new(out);

    if (code != WH_OK) {
        return code;
    }
    whi_buf_init(&document, SIZE_MAX / 4);
    whi_buf_reserve(&document, whi_subscription_written_size(from)); /* growing would leave secrets in freed memory */
    whi_subscription_write(from, WHI_WRITE_SECRETS | WHI_WRITE_CREDENTIALS | WHI_WRITE_BRIEF, &document);
    code = whi_buf_status(&document);
    if (code == WH_OK) {
        code = whi_subscription_apply(*out, document.data, document.size, SIZE_MAX, 1);
    }
    whi_wipe(document.data, document.capacity);
    whi_buf_free(&document);
    if (code != WH_OK) {
        whi_subscription_free(*out);
        *out = NULL;
        return code;
    }
    (*out)->id = from->id;
    (*out)->version = from->version;
    return WH_OK;
}
