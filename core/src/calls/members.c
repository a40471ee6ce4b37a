/* Tests: test_settings, test_quota. */
#include "calls/members.h"

#include <string.h>

#include "base/error.h"
#include "webhook.h"

#define DEPTH 2

static int walk(const whi_json *json, whi_member_fn each, void *payload) {
    int code = WH_OK;

    if (json->nodes[0].type != WHI_JSON_OBJECT) {
        return whi_fail_field(WH_EINVALID, "document", "expected an object");
    }
    for (uint32_t at = whi_json_first(json, 0); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(json, 0, at)) {
        code = each(json, at, payload);
    }
    return code;
}

int whi_members_read(const char *document, size_t size, whi_member_fn each, void *payload) {
    whi_json json = { 0 };
    int code;

    if (document == NULL) {
        return whi_fail_field(WH_EINVALID, "document", "expected one, found NULL");
    }
    code = whi_json_scan(&json, document, size == WH_ZSTR ? strlen(document) : size, DEPTH);
    code = code == WH_OK ? walk(&json, each, payload) : whi_fail_within_field(code, "document");
    whi_json_free(&json);
    return code;
}
