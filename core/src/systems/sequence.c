/* wh_sequence: the number of a request that has its place in an order. sinks/http_request.c writes it.
 * Tests: test_sequence. */
#include <string.h>

#include "base/error.h"
#include "systems/check.h"

#define NAME "webhook-sequence"
#define DIGITS_MAXIMUM 19 /* of INT64_MAX */

/* In the one way in which it is written: no sign, no leading zero. */
static int number_read(const char *text, size_t size, int64_t *out) {
    uint64_t number = 0;

    for (size_t i = 0; i < size && i < DIGITS_MAXIMUM; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return whi_fail(WH_ESIG_FORMAT, "header " NAME ": expected a number in digits alone");
        }
        number = number * 10 + (uint64_t)(text[i] - '0'); /* of 19 digits: below 2^64 */
    }
    if (size == 0 || text[0] == '0' || size > DIGITS_MAXIMUM || number > INT64_MAX) {
        return whi_fail(WH_ESIG_FORMAT, "header " NAME ": expected a number from 1 to 2^63 - 1");
    }
    *out = (int64_t)number;
    return WH_OK;
}

int wh_sequence(const wh_header *headers, size_t header_count, int64_t *out) {
    whi_value value;
    int code;

    if (out == NULL) {
        return whi_fail_field(WH_EINVALID, "out", "expected where to write the number");
    }
    *out = 0;
    if (headers == NULL && header_count > 0) {
        return whi_fail_field(WH_EINVALID, "headers", "no array, but a count of %zu", header_count);
    }
    code = whi_header_find(headers, header_count, "", NAME, &value);
    if (code != WH_OK) {
        return code;
    }
    return value.text != NULL ? number_read(value.text, value.size, out)
                              : whi_fail(WH_ESIG_HEADER, "header " NAME ": missing");
}
