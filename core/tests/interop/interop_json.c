/* For interop_json.mjs: a JSON text a line; answered by JavaScript's text of it, or "?" where that would mean another
 * value. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pure/stringify.h"
#include "webhook.h"

static void answer(const char *text, size_t size) {
    whi_json json = { 0 };
    whi_buf out;
    int same = 0, code = whi_json_scan(&json, text, size, WHI_JSON_DEPTH_MAXIMUM);

    whi_buf_init(&out, WHI_JSON_MAXIMUM);
    code = code == WH_OK ? whi_stringify(&json, 0, &out, &same) : code;
    if (code != WH_OK) {
        puts(wh_last_error());
    } else {
        puts(same ? out.data : out.size == 0 ? "?" : "something was left");
    }
    whi_buf_free(&out);
    whi_json_free(&json);
}

int main(void) {
    char *line = NULL;
    size_t room = 0;
    ssize_t size;

    while ((size = getline(&line, &room, stdin)) > 0) {
        answer(line, (size_t)size - (line[size - 1] == '\n'));
    }
    free(line);
    return 0;
}
