#include "pure/json_prune.h"

#include "base/error.h"

/* Behind a string that begins here. */
static size_t skip_string(const char *text, size_t size, size_t at) {
    for (at++; at < size && text[at] != '"'; at++) {
        at += text[at] == '\\';
    }
    return at < size ? at + 1 : size;
}

static int opens(char letter) {
    return letter == '[' || letter == '{';
}

static int closes(char letter) {
    return letter == ']' || letter == '}';
}

/* Behind the array or object that begins here. */
static size_t skip_container(const char *text, size_t size, size_t at) {
    size_t level = 0;

    while (at < size) {
        if (text[at] == '"') {
            at = skip_string(text, size, at);
            continue;
        }
        level += (size_t)opens(text[at]);
        level -= (size_t)closes(text[at]);
        at++;
        if (level == 0) {
            break;
        }
    }
    return at;
}

int whi_json_prune(const char *text, size_t size, int depth, whi_buf *out) {
    size_t at = 0, kept = 0; /* kept: up to here it is written */
    int level = 0;

    while (at < size) {
        if (text[at] == '"') {
            at = skip_string(text, size, at);
        } else if (opens(text[at]) && level >= depth) {
            whi_buf_add(out, text + kept, at - kept);
            whi_buf_text(out, "null");
            kept = at = skip_container(text, size, at);
        } else {
            level += opens(text[at]) - closes(text[at]);
            at++;
        }
    }
    whi_buf_add(out, text + kept, size - kept);
    return whi_buf_status(out);
}

int whi_json_scan_pruned(whi_json *json, const char *text, size_t size, whi_buf *pruned) {
    int code = whi_json_scan(json, text, size, WHI_JSON_DEPTH_MAXIMUM);

    if (code != WH_ELIMIT) {
        return code;
    }
    whi_buf_clear(pruned);
    code = whi_json_prune(text, size, WHI_JSON_DEPTH_MAXIMUM, pruned);
    return code == WH_OK ? whi_json_scan(json, pruned->data, pruned->size, WHI_JSON_DEPTH_MAXIMUM) : code;
}
