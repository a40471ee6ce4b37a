/* A letter for the profile, and an object as a client sends it. What was taken and applied is
 * written as JSON, reads back as an equal object, and is no change to itself. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "pure/profile.h"
#include "webhook.h"

#define RULE_MAXIMUM 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good) {
    if (!good) {
        abort();
    }
}

static void write(int profile, const whi_subscription *s, whi_buf *out) {
    whi_buf_clear(out);
    must(whi_profile_write(profile, s, NULL, WHI_PROFILE_SECRET, out) == WH_OK);
    must(whi_json_check(out->data, out->size, 64) == WH_OK);
}

/* The subscription that the object makes, or changes present into; NULL if it was refused. */
static whi_subscription *make(int profile, const char *text, size_t size, const whi_subscription *present,
                              whi_buf *document) {
    whi_subscription *made;
    int code;

    whi_buf_clear(document);
    code = whi_profile_read(profile, text, size, present != NULL ? WHI_PROFILE_PATCH : 0, present, document);
    if (code != WH_OK) {
        must(strlen(wh_last_error()) > 0 && strpbrk(wh_last_error(), "\r\n") == NULL);
        return NULL;
    }
    must(whi_json_check(document->data, document->size, 64) == WH_OK);
    must((present != NULL ? whi_subscription_copy(&made, present) : whi_subscription_new(&made)) == WH_OK);
    if (whi_subscription_apply(made, document->data, document->size, RULE_MAXIMUM, 0) != WH_OK ||
        whi_subscription_check(made) != WH_OK) {
        must(strncmp(wh_last_error(), "fields", 6) == 0 || strncmp(wh_last_error(), "filters", 7) == 0 ||
             strncmp(wh_last_error(), "name", 4) == 0); /* on the wire as they are here */
        whi_subscription_free(made);
        return NULL;
    }
    return made;
}

static void check(int profile, const whi_subscription *first) {
    whi_subscription *again, *changed;
    whi_buf one, two, document;

    whi_buf_init(&one, SIZE_MAX / 4);
    whi_buf_init(&two, SIZE_MAX / 4);
    whi_buf_init(&document, SIZE_MAX / 4);
    write(profile, first, &one);
    again = make(profile, one.data, one.size, NULL, &document);
    must(again != NULL);
    write(profile, again, &two);
    must(one.size == two.size && memcmp(one.data, two.data, one.size) == 0);
    changed = make(profile, one.data, one.size, first, &document);
    must(changed != NULL);
    write(profile, changed, &two);
    must(one.size == two.size && memcmp(one.data, two.data, one.size) == 0);
    for (int other = WHI_STANDARD; other < WHI_PROFILES; other++) {
        write(other, first, &two);
    }
    whi_subscription_free(again);
    whi_subscription_free(changed);
    whi_buf_free(&one);
    whi_buf_free(&two);
    whi_buf_free(&document);
}

static void change(int profile, const char *text, size_t size) {
    static const char *const least[] = {
        [WHI_UNIFIED] =
            "{\"connection_id\":\"c\",\"object_type\":\"o\",\"event\":\"created\",\"hook_url\":\"http://e\"}",
        [WHI_TRUTO] = "{\"target_url\":\"http://e\"}",
        [WHI_CALLFIRE] = "{\"callback\":\"http://e\",\"resource\":\"LowBalance\",\"events\":[\"Failed\"]}",
    };
    whi_subscription *present, *made;
    whi_buf document;

    whi_buf_init(&document, SIZE_MAX / 4);
    for (int by = WHI_UNIFIED; by < WHI_PROFILES; by++) {
        present = make(by, least[by], strlen(least[by]), NULL, &document);
        must(present != NULL);
        made = make(profile, text, size, present, &document);
        if (made != NULL) {
            write(profile, made, &document);
        }
        whi_subscription_free(made);
        whi_subscription_free(present);
    }
    whi_buf_free(&document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int profile = size > 0 ? WHI_UNIFIED + data[0] % 3 : WHI_UNIFIED;
    size_t left = size > 0 ? size - 1 : 0;
    char *text = malloc(left > 0 ? left : 1); /* of this size exactly: a read behind it shows */
    whi_subscription *made;
    whi_buf document;

    must(text != NULL);
    memcpy(text, data + (size > 0), left);
    whi_buf_init(&document, SIZE_MAX / 4);
    made = make(profile, text, left, NULL, &document);
    if (made != NULL) {
        check(profile, made);
    }
    whi_subscription_free(made);
    whi_buf_free(&document);
    change(profile, text, left);
    free(text);
    return 0;
}
