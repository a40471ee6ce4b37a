/* Tests: test_listing, test_engine. */
#include "calls/cursor.h"

#include "base/error.h"
#include "base/ident.h"

static int result(int code) {
    return code == WH_OK ? WH_OK
                         : whi_fail_field(WH_EINVALID, "cursor", "expected the \"next\" of a page of this list");
}

int whi_cursor_read(const wh_query *query, const char *prefix, int64_t *out) {
    return query->cursor != NULL ? result(whi_ident_parse(prefix, query->cursor, out)) : WH_OK;
}

int whi_cursor_read_delivery(const wh_query *query, int64_t *event, int64_t *subscription) {
    return query->cursor != NULL ? result(whi_ident_parse_delivery(query->cursor, event, subscription)) : WH_OK;
}
