/* Writing JSON. Tests: test_json. */
#include "pure/json.h"

#include <math.h>
#include <string.h>

#include "base/hex.h"
#include "base/number.h"
#include "base/utf8.h"
#include "pure/json_plain.h"

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

static void write_plain(whi_buf *out, const char *text, size_t size) {
    char *room = whi_buf_reserve(out, size + 2);

    if (room == NULL) {
        return;
    }
    room[0] = '"';
    memcpy(room + 1, text, size);
    memcpy(room + 1 + size, "\"", 2);
    out->size += size + 2;
}

void whi_json_write_string(whi_buf *out, const char *text, size_t size) {
    const unsigned char *bytes = (const unsigned char *)text;
    size_t at = 0, plain = 0;

    if (size > 0 && whi_json_is_plain(bytes, size)) {
        write_plain(out, text, size);
        return;
    }
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

void whi_json_write_double(whi_buf *out, double number) {
    char text[40];

    if (!isfinite(number)) {
        whi_buf_text(out, "null");
        return;
    }
    whi_number_write_shortest(text, sizeof text, number);
    whi_buf_text(out, text);
}

void whi_json_write_name(whi_buf *out, const char *name) {
    if (out->size == 0 || out->data == NULL || out->data[out->size - 1] != '{') {
        whi_buf_char(out, ',');
    }
    whi_json_write_string(out, name, strlen(name));
    whi_buf_char(out, ':');
}
