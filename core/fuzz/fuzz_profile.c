/* A letter for the system, and an object as a client sends it. What was taken and applied is
 * written as JSON, reads back as an equal object, and is no change to itself. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "systems/list.h"
#include "systems/object.h"
#include "systems/registry.h"
#include "systems/subscription_make.h"
#include "webhook.h"

#define RULE_MAXIMUM 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good) {
    if (!good) {
        abort();
    }
}

static void write(const whi_system *system, const whi_subscription *s, whi_buf *out) {
    whi_buf_clear(out);
    must(whi_object_write(system, s, NULL, WHI_OBJECT_SECRET, out) == WH_OK);
    must(whi_json_check(out->data, out->size, 64) == WH_OK);
}

/* The subscription that the object makes, or changes present into; NULL if it was refused. */
static whi_subscription *make(const whi_system *system, const char *text, size_t size, const whi_subscription *present,
                              whi_buf *document) {
    whi_subscription *made;
    int code;

    whi_buf_clear(document);
    code = whi_object_read(system, text, size, present != NULL ? WHI_OBJECT_PATCH : 0, present, document);
    if (code != WH_OK) {
        must(strlen(wh_last_error()) > 0 && strpbrk(wh_last_error(), "\r\n") == NULL);
        return NULL;
    }
    must(whi_json_check(document->data, document->size, 64) == WH_OK);
    must((present != NULL ? whi_subscription_copy(&made, present) : whi_subscription_new(&made)) == WH_OK);
    if (whi_subscription_apply(made, document->data, document->size, RULE_MAXIMUM, 0) != WH_OK ||
        whi_subscription_check(made) != WH_OK) {
        must(strncmp(wh_last_error(), "fields", 6) == 0 || strncmp(wh_last_error(), "filters", 7) == 0 ||
             strncmp(wh_last_error(), "name", 4) == 0 ||   /* on the wire as they are here */
             strstr(wh_last_error(), "password") != NULL); /* a mask in place of one that is not known */
        whi_subscription_free(made);
        return NULL;
    }
    return made;
}

static void check(const whi_system *system, const whi_subscription *first) {
    whi_subscription *again, *changed;
    whi_buf one, two, document;

    whi_buf_init(&one, SIZE_MAX / 4);
    whi_buf_init(&two, SIZE_MAX / 4);
    whi_buf_init(&document, SIZE_MAX / 4);
    write(system, first, &one);
    again = make(system, one.data, one.size, NULL, &document);
    must((again != NULL) == (first->password == NULL)); /* which is not written */
    if (again != NULL) {
        write(system, again, &two);
        must(one.size == two.size && memcmp(one.data, two.data, one.size) == 0);
    }
    changed = make(system, one.data, one.size, first, &document);
    must(changed != NULL);
    write(system, changed, &two);
    must(one.size == two.size && memcmp(one.data, two.data, one.size) == 0);
    for (size_t i = 0; whi_system_at(i) != NULL; i++) {
        write(whi_system_at(i), first, &two);
    }
    whi_subscription_free(again);
    whi_subscription_free(changed);
    whi_buf_free(&one);
    whi_buf_free(&two);
    whi_buf_free(&document);
}

static void change(const whi_system *system, const char *text, size_t size) {
    static const struct {
        const whi_system *by;
        const char *least;
    } made_by[] = {
        { &whi_system_unified, "{\"connection_id\":\"c\",\"object_type\":\"o\",\"event\":\"created\","
                               "\"hook_url\":\"http://e\"}" },
        { &whi_system_truto, "{\"target_url\":\"http://e\"}" },
        { &whi_system_callfire, "{\"callback\":\"http://e\",\"resource\":\"LowBalance\",\"events\":[\"Failed\"]}" },
    };
    whi_subscription *present, *made;
    whi_buf document;

    whi_buf_init(&document, SIZE_MAX / 4);
    for (size_t i = 0; i < sizeof made_by / sizeof made_by[0]; i++) {
        present = make(made_by[i].by, made_by[i].least, strlen(made_by[i].least), NULL, &document);
        must(present != NULL);
        made = make(system, text, size, present, &document);
        if (made != NULL) {
            write(system, made, &document);
        }
        whi_subscription_free(made);
        whi_subscription_free(present);
    }
    whi_buf_free(&document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const whi_system *system = whi_system_at(size > 0 ? 1 + data[0] % 3 : 1);
    size_t left = size > 0 ? size - 1 : 0;
    char *text = malloc(left > 0 ? left : 1); /* of this size exactly: a read behind it shows */
    whi_subscription *made;
    whi_buf document;

    must(text != NULL);
    memcpy(text, data + (size > 0), left);
    whi_buf_init(&document, SIZE_MAX / 4);
    made = make(system, text, left, NULL, &document);
    if (made != NULL) {
        check(system, made);
    }
    whi_subscription_free(made);
    whi_buf_free(&document);
    change(system, text, left);
    free(text);
    return 0;
}
