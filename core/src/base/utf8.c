#include "base/utf8.h"

#include <string.h>

static int follows(unsigned char c) {
    return (c & 0xc0) == 0x80;
}

/* The Unicode Standard, table 3-7: the second byte's range depends on the first. */
size_t whi_utf8_length(const unsigned char *s, size_t left) {
    unsigned char a = s[0], low = 0x80, high = 0xbf;

    if (a >= 0xc2 && a <= 0xdf) {
        return left >= 2 && follows(s[1]) ? 2 : 0;
    }
    if (a >= 0xe0 && a <= 0xef) {
        low = a == 0xe0 ? 0xa0 : low;
        high = a == 0xed ? 0x9f : high;
        return left >= 3 && s[1] >= low && s[1] <= high && follows(s[2]) ? 3 : 0;
    }
    if (a >= 0xf0 && a <= 0xf4) {
        low = a == 0xf0 ? 0x90 : low;
        high = a == 0xf4 ? 0x8f : high;
        return left >= 4 && s[1] >= low && s[1] <= high && follows(s[2]) && follows(s[3]) ? 4 : 0;
    }
    return 0;
}

int whi_utf8_check(const char *text, size_t size) {
    const unsigned char *s = (const unsigned char *)text;

    for (size_t i = 0, length; i < size; i += length) {
        length = s[i] < 0x80 ? 1 : whi_utf8_length(s + i, size - i);
        if (length == 0) {
            return 0;
        }
    }
    return 1;
}

uint32_t whi_utf8_read(const unsigned char *s) {
    size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    uint32_t point = s[0] & (0x7fU >> length);

    for (size_t i = 1; i < length; i++) {
        point = point << 6 | (s[i] & 0x3fU);
    }
    return point;
}

size_t whi_utf8_write(uint32_t point, char *out) {
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xc0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

const char *whi_text_shown(const char *text, char *out, size_t room) {
    size_t size = strnlen(text, room - 1);

    while (size > 0 && text[size] != '\0' && ((unsigned char)text[size] & 0xc0) == 0x80) {
        size--;
    }
    for (size_t i = 0; i < size; i++) {
        out[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
    }
    out[size] = '\0';
    return out;
}

int whi_text_is_near(const char *a, const char *b) {
    size_t size_a = strlen(a), size_b = strlen(b), head = 0, tail = 0;

    if (size_a > size_b) {
        return whi_text_is_near(b, a);
    }
    if (size_b - size_a > 1) {
        return 0;
    }
    while (head < size_a && a[head] == b[head]) {
        head++;
    }
    while (tail < size_a - head && a[size_a - 1 - tail] == b[size_b - 1 - tail]) {
        tail++;
    }
    return size_b - head - tail <= 1;
}
