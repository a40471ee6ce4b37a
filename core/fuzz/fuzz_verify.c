/* Requests that anybody may send: the first byte chooses (see below), the lines after it
 * are id, timestamp and signature header, the rest is the body. What was signed here
 * must verify; what was not signed must not. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pure/sign.h"
#include "webhook.h"

#define NOW (INT64_C(1614265330) * 1000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const secrets[] = {
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
};

static void must(int good) {
    if (!good) {
        abort();
    }
}

/* The next line as text of its own, or all that is left. */
static char *line(const uint8_t **at, const uint8_t *end) {
    const uint8_t *stop = memchr(*at, '\n', (size_t)(end - *at));
    size_t size = (size_t)((stop != NULL ? stop : end) - *at);
    char *text = malloc(size + 1);

    must(text != NULL);
    memcpy(text, *at, size);
    text[size] = '\0';
    *at = stop != NULL ? stop + 1 : end;
    return text;
}

static void check_own(const char *id, const void *body, size_t size) {
    wh_header headers[] = { { "webhook-id", id },
                            { "webhook-timestamp", "1614265330" },
                            { "webhook-signature", NULL } };
    const char *const signing[] = { secrets[0], secrets[2] };
    char *signature;

    if (wh_sign(signing, 2, id, NOW / 1000, body, size, &signature) != WH_OK) {
        must(whi_signed_id_check(id) != WH_OK);
        return;
    }
    headers[2].value = signature;
    must(wh_verify(secrets, 1, headers, 3, body, size, 0, NOW) == WH_OK);
    must(wh_verify(secrets + 1, 1, headers, 3, body, size, 0, NOW) == WH_OK);
    must(wh_verify(secrets, 1, headers, 3, "other", 5, 0, NOW) ==
         (size == 5 && memcmp(body, "other", 5) == 0 ? WH_OK : WH_ESIG_MISMATCH));
    wh_free(signature);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *at = data + 1, *end = data + size;
    char *id, *stamp, *signature;
    const char *family;

    if (size < 1) {
        return 0;
    }
    family = data[0] & 1 ? "svix-" : "webhook-";
    id = line(&at, end);
    stamp = line(&at, end);
    signature = line(&at, end);

    char names[3][32];
    wh_header headers[4] = { { names[0], id }, { names[1], stamp }, { names[2], signature }, { names[0], stamp } };

    snprintf(names[0], sizeof names[0], "%sid", family);
    snprintf(names[1], sizeof names[1], "%sTimestamp", family);
    snprintf(names[2], sizeof names[2], "%sSIGNATURE", family);
    int code = wh_verify(secrets, 1 + data[0] / 2 % 3, headers, data[0] & 64 ? 4 : 3, at, (size_t)(end - at),
                         data[0] & 128 ? -1 : 0, NOW);

    must(code == WH_OK || (code <= WH_ESIG_HEADER && code >= WH_ESIG_MISMATCH));
    check_own(id, at, (size_t)(end - at));
    free(id);
    free(stamp);
    free(signature);
    return 0;
}
