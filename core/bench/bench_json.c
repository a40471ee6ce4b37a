/* bench_json FILE - the scanner against cJSON and json-c. FILE: real payloads, such as
 * api.github.com/index.json of the npm package @octokit/webhooks-examples. Each payload
 * (a member of an "examples" list) is read by itself, without blanks between its values,
 * as it comes over the wire; what was read is let go again. Goal: above 3 times cJSON. */
#include <cjson/cJSON.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "pure/json.h"

#define ROUNDS 15
#define PASSES 5
#define DEPTH 64

typedef struct payload {
    char *text;
    size_t size;
} payload;

typedef struct payloads {
    payload *all;
    size_t count, bytes;
} payloads;

static void stop(const char *why) {
    fprintf(stderr, "bench_json: %s\n", why);
    exit(1);
}

static char *read_file(const char *name, size_t *size) {
    FILE *file = fopen(name, "rb");
    char *text;
    long end;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (end = ftell(file)) < 0) {
        stop("the file cannot be read");
    }
    rewind(file);
    text = malloc((size_t)end + 1);
    if (text == NULL || fread(text, 1, (size_t)end, file) != (size_t)end) {
        stop("the file cannot be read");
    }
    fclose(file);
    text[end] = '\0';
    *size = (size_t)end;
    return text;
}

/* Without the blanks outside of strings. */
static size_t squeeze(const char *text, size_t size, char *out) {
    size_t used = 0;
    int inside = 0;

    for (size_t i = 0; i < size; i++) {
        if (!inside && strchr(" \t\r\n", text[i]) != NULL) {
            continue;
        }
        inside ^= text[i] == '"';
        out[used++] = text[i];
        if (inside && text[i] == '\\') {
            out[used++] = text[++i];
        }
    }
    out[used] = '\0';
    return used;
}

static void keep(payloads *out, const whi_json *json, uint32_t node) {
    payload *grown = realloc(out->all, (out->count + 1) * sizeof *grown);
    size_t size;
    const char *text = whi_json_span(json, node, &size);

    if (grown == NULL) {
        stop("no memory");
    }
    out->all = grown;
    grown[out->count].text = malloc(size + 1);
    if (grown[out->count].text == NULL) {
        stop("no memory");
    }
    grown[out->count].size = squeeze(text, size, grown[out->count].text);
    out->bytes += grown[out->count++].size;
}

static payloads read_payloads(const char *name) {
    payloads out = { 0 };
    whi_json json = { 0 };
    size_t size;
    char *text = read_file(name, &size);

    bench_check(whi_json_scan(&json, text, size, DEPTH), "scan");
    for (uint32_t at = 1; at < json.nodes[0].next; at = json.nodes[at].next) {
        uint32_t list = whi_json_member(&json, at, "examples", 8);
        for (size_t i = 0; list != WHI_JSON_NONE && i < json.nodes[list].count; i++) {
            keep(&out, &json, whi_json_item(&json, list, i));
        }
    }
    whi_json_free(&json);
    free(text);
    if (out.count == 0) {
        stop("the file has no payloads");
    }
    return out;
}

static void scan(const payloads *of) {
    static whi_json json; /* kept from one payload to the next, as a worker does */

    for (size_t i = 0; i < of->count; i++) {
        bench_check(whi_json_scan(&json, of->all[i].text, of->all[i].size, DEPTH), "scan");
    }
}

static void check(const payloads *of) {
    for (size_t i = 0; i < of->count; i++) {
        bench_check(whi_json_check(of->all[i].text, of->all[i].size, DEPTH), "check");
    }
}

static void cjson(const payloads *of) {
    for (size_t i = 0; i < of->count; i++) {
        cJSON *root = cJSON_ParseWithLength(of->all[i].text, of->all[i].size);
        if (root == NULL) {
            stop("cJSON refuses a payload");
        }
        cJSON_Delete(root);
    }
}

static void jsonc(const payloads *of) {
    for (size_t i = 0; i < of->count; i++) {
        json_object *root = json_tokener_parse(of->all[i].text);
        if (root == NULL) {
            stop("json-c refuses a payload");
        }
        json_object_put(root);
    }
}

static const struct reader {
    const char *name;
    void (*read)(const payloads *of);
} readers[] = { { "whi_json_scan", scan }, { "whi_json_check", check }, { "cJSON", cjson }, { "json-c", jsonc } };

#define READERS (sizeof readers / sizeof readers[0])

int main(int argc, char **argv) {
    double speed[READERS][ROUNDS], ratio[READERS][ROUNDS];
    payloads all;

    if (argc != 2) {
        stop("usage: bench_json FILE (index.json of @octokit/webhooks-examples)");
    }
    all = read_payloads(argv[1]);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < READERS; i++) {
            double start = bench_cpu();
            for (int pass = 0; pass < PASSES; pass++) {
                readers[i].read(&all);
            }
            speed[i][round] = PASSES * (double)all.bytes / (bench_cpu() - start) / 1e6;
        }
        for (size_t i = 0; i < READERS; i++) {
            ratio[i][round] = speed[0][round] / speed[i][round];
        }
    }
    printf("%zu payloads, %.0f bytes on average\n", all.count, (double)all.bytes / (double)all.count);
    for (size_t i = 0; i < READERS; i++) {
        printf("%-15s %7.0f MB/s  whi_json_scan is %.2f times that\n", readers[i].name, bench_median(speed[i], ROUNDS),
               bench_median(ratio[i], ROUNDS));
    }
    return 0;
}
