/* Signs and verifies for interop.mjs and interop_as.mjs: one request a line, one answer a line. Texts that
 * may hold any byte are in hexadecimal, "-" stands for none.
 *
 *   sign TIMESTAMP ID BODY SECRET…
 *       the signature header, or the name of the error
 *   verify NOW ID TIMESTAMP SIGNATURE BODY FAMILY SECRET…
 *       "ok", or the name of the error; NOW in seconds, FAMILY "webhook" or "svix"
 *   as NOW FORMAT METHOD URL BODY SECRET [NAME VALUE]…
 *       the format, or the name of the error; FORMAT "auto" is told by the headers */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "webhook.h"

#define WORDS 80

static int digit(char c) {
    const char *digits = "0123456789abcdef", *at = strchr(digits, c);

    return at != NULL && c != '\0' ? (int)(at - digits) : 0;
}

/* Decodes in place; the zero byte behind the text is not counted. */
static size_t decode(char *text) {
    size_t size = 0;

    if (strcmp(text, "-") != 0) {
        for (; text[2 * size] != '\0'; size++) {
            text[size] = (char)(digit(text[2 * size]) << 4 | digit(text[2 * size + 1]));
        }
    }
    text[size] = '\0';
    return size;
}

static int split(char *line, char *words[WORDS]) {
    int count = 0;

    for (line += strspn(line, " \n"); *line != '\0' && count < WORDS; line += strspn(line, " \n")) {
        words[count++] = line;
        line += strcspn(line, " \n");
        if (*line != '\0') {
            *line++ = '\0';
        }
    }
    return count;
}

static void sign(char *words[], int count) {
    size_t size = decode(words[3]);
    char *out;
    int code;

    decode(words[2]);
    code = wh_sign((const char *const *)words + 4, (size_t)(count - 4), words[2], strtoll(words[1], NULL, 10), words[3],
                   size, &out);
    puts(code == WH_OK ? out : wh_error_name(code));
    wh_free(out);
}

static void verify(char *words[], int count) {
    size_t size = decode(words[5]);
    int svix = strcmp(words[6], "svix") == 0, code;

    decode(words[2]);
    decode(words[3]);
    decode(words[4]);
    wh_header headers[] = { { svix ? "Svix-Id" : "Webhook-Id", words[2] },
                            { svix ? "svix-timestamp" : "webhook-timestamp", words[3] },
                            { svix ? "SVIX-SIGNATURE" : "WEBHOOK-SIGNATURE", words[4] } };
    code = wh_verify((const char *const *)words + 7, (size_t)(count - 7), headers, 3, words[5], size, 0,
                     strtoll(words[1], NULL, 10) * 1000);
    puts(wh_error_name(code));
}

static void verify_as(char *words[], int count) {
    wh_verify_options options = WH_VERIFY_INIT;
    wh_header headers[WORDS / 2];
    size_t size = decode(words[5]), header_count = 0;
    const char *found = NULL;
    int code;

    decode(words[4]);
    decode(words[6]);
    for (int i = 7; i + 1 < count; i += 2) {
        decode(words[i + 1]);
        headers[header_count++] = (wh_header){ words[i], words[i + 1] };
    }
    options.now = strtoll(words[1], NULL, 10) * 1000;
    options.format = strcmp(words[2], "auto") == 0 ? NULL : words[2];
    options.method = words[3];
    options.url = words[4];
    code = wh_verify_as(&options, (const char *const *)words + 6, 1, headers, header_count, words[5], size, &found);
    puts(code == WH_OK ? found : wh_error_name(code));
}

int main(void) {
    char *line = NULL, *words[WORDS];
    size_t room = 0;

    while (getline(&line, &room, stdin) > 0) {
        int count = split(line, words);

        if (count > 4 && strcmp(words[0], "sign") == 0) {
            sign(words, count);
        } else if (count > 7 && strcmp(words[0], "verify") == 0) {
            verify(words, count);
        } else if (count > 6 && strcmp(words[0], "as") == 0) {
            verify_as(words, count);
        } else {
            puts("what?");
        }
        fflush(stdout);
    }
    free(line);
    return 0;
}
