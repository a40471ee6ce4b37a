#include "base/hex.h"

void whi_hex_write(const void *bytes, size_t size, char *out) {
    static const char digits[] = "0123456789abcdef";
    const uint8_t *from = bytes;

    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[from[i] >> 4];
        out[2 * i + 1] = digits[from[i] & 15];
    }
    out[2 * size] = '\0';
}

int whi_hex_digit(char letter) {
    if (letter >= '0' && letter <= '9') {
        return letter - '0';
    }
    if (letter >= 'a' && letter <= 'f') {
        return letter - 'a' + 10;
    }
    return letter >= 'A' && letter <= 'F' ? letter - 'A' + 10 : -1;
}

int whi_hex_read(const char *text, size_t size, uint8_t *out) {
    for (size_t i = 0; i < size; i++) {
        int high = whi_hex_digit(text[2 * i]), low = high >= 0 ? whi_hex_digit(text[2 * i + 1]) : -1;
        if (low < 0) {
            return 0;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return 1;
}
