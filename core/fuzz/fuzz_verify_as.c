/* Requests of any sender: the first byte chooses the format (or that it is told), the lines
 * after it are "name: value" headers up to an empty one, the rest is the body. Nothing here is
 * signed by these secrets but what the corpus holds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "webhook.h"

#define NOW (INT64_C(1700000000) * 1000)
#define HEADERS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const secrets[] = {
    "workspace-secret", "whpk_JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=",
    "whsec_uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
};

static void must(int good) {
    if (!good) {
        abort();
    }
}

/* Parts the lines of text, whose headers they stay; returns the body. */
static char *split(char *text, wh_header *headers, size_t *count) {
    *count = 0;
    while (*text != '\0' && *text != '\n') {
        char *end = text + strcspn(text, "\n"), *colon;
        int more = *end != '\0';

        *end = '\0';
        colon = strstr(text, ": ");
        if (colon != NULL && *count < HEADERS) {
            *colon = '\0';
            headers[(*count)++] = (wh_header){ text, colon + 2 };
        }
        text = end + more;
    }
    return text + (*text == '\n');
}

static int verify(const char *format, const wh_header *headers, size_t count, const char *body, size_t size) {
    wh_verify_options options = WH_VERIFY_INIT;
    const char *found;
    int code;

    options.format = format;
    options.now = NOW;
    options.url = "https://example.com/hooks?a=1";
    code = wh_verify_as(&options, secrets, 3, headers, count, body, size, &found);
    must(code == WH_OK || (code <= WH_ESIG_HEADER && code >= WH_ESECRET));
    must(code != WH_OK || found != NULL);
    return code;
}

static void read_sequence(const wh_header *headers, size_t count) {
    int64_t number;
    int code = wh_sequence(headers, count, &number);

    must(code == WH_OK ? number > 0 : number == 0 && (code == WH_ESIG_HEADER || code == WH_ESIG_FORMAT));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const formats[] = { NULL,     "standard", "unified", "truto",   "callfire",
                                           "github", "stripe",   "slack",   "shopify", "rfc9421" };
    wh_header headers[HEADERS];
    size_t count, left;
    char *text, *body;
    int code;

    if (size < 1 || (text = malloc(size)) == NULL) {
        return 0;
    }
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    body = split(text, headers, &count);
    left = (size_t)(text + size - 1 - body);
    read_sequence(headers, count);
    code = verify(formats[data[0] % 10], headers, count, body, left);
    if (code == WH_OK && left > 0 && data[0] % 10 != 2 && data[0] % 10 != 0) {
        body[left - 1] ^= 1;
        must(verify(formats[data[0] % 10], headers, count, body, left) != WH_OK);
    }
    free(text);
    return 0;
}
