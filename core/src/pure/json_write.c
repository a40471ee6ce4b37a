/* Writing JSON. Tests: test_json. */
#include "pure/json.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/hex.h"
#include "base/number.h"
#include "base/utf8.h"

static void write_escape(whi_buf *out, unsigned char c) {
    char text[7] = "\\u00";
    const char *shorts = "\bb\ff\nn\rr\tt\"\"\\\\";

    for (; *shorts != '\0'; shorts += 2) {
        if ((unsigned char)shorts[0] == c) {
            whi_buf_char(out, '\\');
            whi_buf_char(out, shorts[1]);
            return;
        }
    }
    whi_hex_write(&c, 1, text + 4);
    whi_buf_text(out, text);
}

void whi_json_write_string(whi_buf *out, const char *text, size_t size) {
    const unsigned char *bytes = (const unsigned char *)text;
    size_t at = 0, plain = 0;

    whi_buf_char(out, '"');
    while (at < size) {
        unsigned char c = bytes[at];
        size_t length = c < 0x80 ? c >= ' ' && c != '"' && c != '\\' : whi_utf8_length(bytes + at, size - at);
        if (length > 0) {
            at += length;
            continue;
        }
        whi_buf_add(out, text + plain, at - plain);
        if (c < 0x80) {
            write_escape(out, c);
        } else {
            whi_buf_text(out, "\xef\xbf\xbd"); /* U+FFFD */
        }
        plain = ++at;
    }
    whi_buf_add(out, text + plain, at - plain);
    whi_buf_char(out, '"');
}

/* The fewest digits that read back the same: every text of 15 digits is one double's
 * own, except below DBL_MIN. */
void whi_json_write_double(whi_buf *out, double number) {
    char text[40];

    if (!isfinite(number)) {
        whi_buf_text(out, "null");
        return;
    }
    for (int digits = fabs(number) < DBL_MIN ? 1 : DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
        whi_number_write(text, sizeof text, digits, number);
        if (whi_number_read(text) == number) {
            break;
        }
    }
    whi_buf_text(out, text);
}

void whi_json_write_name(whi_buf *out, const char *name) {
    if (out->size == 0 || out->data == NULL || out->data[out->size - 1] != '{') {
        whi_buf_char(out, ',');
    }
    whi_json_write_string(out, name, strlen(name));
    whi_buf_char(out, ':');
}
