/* The page in the browser. It is what an operator or a customer sees of the API, and uses nothing but its routes: so
 * whoever asks may have the files, and what they show needs a token. Tests: test_api_page. */
#include "faces/api.h"

#include <string.h>

/* Of this server alone, nothing written within the markup, in nobody's frame; and no text may become markup. */
#define POLICY                                                                                                         \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "              \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "                \
    "trusted-types 'none'"

static const whi_page_file *find(const char *name) {
    const whi_page_file *file = whi_page_files;

    while (file->name != NULL && strcmp(file->name, name) != 0) {
        file++;
    }
    return file->name != NULL ? file : NULL;
}

/* Its mark is in a list, or stands behind "W/" where a proxy has packed it. */
static int is_known(whi_call *call, const whi_page_file *file) {
    int count;
    const char *marks = whi_call_header(call, "If-None-Match", &count);

    return marks != NULL && (strstr(marks, file->mark) != NULL || strcmp(marks, "*") == 0);
}

int whi_serve_page(whi_call *call) {
    const whi_page_file *file = find(call->id != NULL ? call->id : "index.html");

    if (file == NULL) {
        return whi_refuse(call, 404, "path", "nothing is here");
    }
    call->kept = 1;
    call->content_type = file->type;
    whi_call_header_static(call, "Cache-Control", "no-cache"); /* kept, and asked for again */
    whi_call_header_static(call, "ETag", file->mark);
    whi_call_header_static(call, "Content-Security-Policy", POLICY);
    whi_call_header_static(call, "Referrer-Policy", "no-referrer");
    if (is_known(call, file)) {
        call->status = 304;
        return WH_OK;
    }
    whi_buf_add(&call->out, file->bytes, file->size);
    return WH_OK;
}
