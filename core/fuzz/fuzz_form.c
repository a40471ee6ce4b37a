/* Forms of signatures: whatever is read as one signs, and verifies what it has signed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "systems/form.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t headers_of(char *lines, size_t count, wh_header *out) {
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(lines);
        char *colon = strchr(lines, ':');

        *colon = '\0';
        out[i] = (wh_header){ lines, colon + 2 };
        lines += size + 1;
    }
    return count;
}

static void verify(const whi_form *form, const whi_form_message *message, const wh_header *headers) {
    static const char *const secrets[] = { SECRET };
    wh_verify_options options = WH_VERIFY_INIT;
    whi_check check = { &options, secrets, 1, headers, form->header_count, message->body, message->size };

    options.tolerance = -1;
    options.url = message->url;
    (void)whi_form_verify(form, &check); /* a literal may look like what stands beside it: then it is refused */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char *const secrets[] = { SECRET };
    const whi_form_message message = { "evt_1", "order.paid", "https://a.example/", 1700000000, "{}", 2 };
    wh_header headers[WHI_FORM_HEADERS];
    whi_form *form;
    whi_buf lines;

    if (whi_form_read(&form, (const char *)data, size) != WH_OK) {
        return 0;
    }
    whi_buf_init(&lines, 65536);
    if (whi_form_sign(form, &message, secrets, 1, &lines) == WH_OK) {
        headers_of(lines.data, form->header_count, headers);
        verify(form, &message, headers);
    }
    whi_buf_free(&lines);
    whi_form_free(form);
    return 0;
}
