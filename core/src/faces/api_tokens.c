/* Tokens: making, listing, revoking; a link for a customer; and who asks. Tests: test_api_auth. */
#include "faces/api.h"

#include <string.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

#define PORTAL_MS INT64_C(3600000)
#define BASE_MAXIMUM 512 /* bytes of where the page is */

int whi_serve_token_list(whi_call *call) {
    static const char *const names[] = { "tenant", NULL };
    const char *tenant;
    char *text = NULL;
    size_t size = 0;
    int code = whi_call_only(call, names);

    code = code == WH_OK ? whi_scope_tenant(call, &tenant) : code;
    code = code == WH_OK ? wh_tokens(call->engine, tenant, &text, &size) : code;
    return whi_call_hand_over(call, code, text, size);
}

typedef struct made {
    const char *tenant, *name, *base;
    int64_t expires_in;
    char token[WH_SECRET_SIZE];
    whi_token_owner owner;
} made;

static int read_made(whi_call *call, const char *const *names, int64_t expires_in, made *out) {
    int code = whi_body_only(call, 0, names);

    code = code == WH_OK ? whi_body_text(call, 0, "tenant", &out->tenant) : code;
    code = code == WH_OK ? whi_body_text(call, 0, "name", &out->name) : code;
    code = code == WH_OK ? whi_body_text(call, 0, "base", &out->base) : code;
    return code == WH_OK ? whi_body_number(call, 0, "expires_in", 1, WH_TOKEN_LONGEST, expires_in, &out->expires_in)
                         : code;
}

static int make(whi_call *call, made *self) {
    int code;

    whi_buf_reserve(&call->out, 4096); /* enough for all of it: it can be read only now */
    code = whi_buf_status(&call->out);
    code =
        code == WH_OK ? wh_token_add_for(call->engine, self->tenant, self->name, self->expires_in, self->token) : code;
    if (code == WH_OK) {
        whi_insight_token(call->engine, self->token, &self->owner);
        call->status = 201;
        whi_call_header_text(call, "Location", "/v1/tokens/%s", self->owner.id);
    }
    return code;
}

static void out_time(whi_call *call, const char *name, int64_t at) {
    char text[WHI_TIME_SIZE];

    whi_time_text(at, text);
    whi_out_text(call, name, at != 0 ? text : NULL);
}

static void out_made(whi_call *call, const made *self) {
    whi_out_text(call, "id", self->owner.id);
    whi_out_text(call, "token", self->token);
    whi_out_text(call, "tenant", self->tenant);
    whi_out_text(call, "name", self->name != NULL ? self->name : "");
    out_time(call, "expires_at", self->owner.expires_at);
}

int whi_serve_token_make(whi_call *call) {
    static const char *const names[] = { "tenant", "name", "expires_in", NULL };
    made self = { .tenant = NULL };
    int code = read_made(call, names, 0, &self);

    code = code == WH_OK ? make(call, &self) : code;
    if (code == WH_OK) {
        whi_buf_char(&call->out, '{');
        out_made(call, &self);
        whi_buf_char(&call->out, '}');
    }
    whi_wipe(self.token, sizeof self.token);
    return code;
}

int whi_serve_token_remove(whi_call *call) {
    int code = wh_token_revoke(call->engine, call->id);

    call->status = code == WH_OK ? 204 : call->status;
    return code;
}

/* ------------------------------------------------------------------- a customer's link */

static int is_http(const char *base) {
    return whi_ascii_same_part(base, "http://", 7) || whi_ascii_same_part(base, "https://", 8);
}

/* Where the page is, as the caller has it: behind a proxy only he knows. Else as he has called us. */
static int read_base(whi_call *call, made *self, const char **scheme) {
    int hosts;
    const char *host = whi_call_header(call, "Host", &hosts);

    *scheme = "";
    if (self->base == NULL && hosts == 1) {
        self->base = host;
        *scheme = "http://";
    } else if (self->base == NULL) {
        return whi_fail_field(WH_EINVALID, "base", "expected one, since the request has no Host");
    } else if (!is_http(self->base) || strpbrk(self->base, "?# ") != NULL) {
        return whi_fail_field(WH_EINVALID, "base", "expected http:// or https://, without a query and a fragment");
    }
    return strlen(self->base) <= BASE_MAXIMUM
               ? WH_OK
               : whi_fail_field(WH_ELIMIT, "base", "expected at most %d bytes", BASE_MAXIMUM);
}

/* The token is behind the "#", which a browser sends to nobody. */
static void out_url(whi_call *call, const made *self, const char *scheme) {
    size_t size = strlen(self->base);
    whi_buf url;

    while (size > 0 && self->base[size - 1] == '/') {
        size--;
    }
    whi_buf_init(&url, SIZE_MAX / 4);
    whi_buf_reserve(&url, 2048);
    whi_buf_format(&url, "%s%.*s/#token=%s", scheme, (int)size, self->base, self->token);
    whi_json_write_name(&call->out, "url");
    whi_json_write_string(&call->out, url.failed ? "" : url.data, url.size);
    call->out.failed = call->out.failed || url.failed;
    if (url.data != NULL) {
        whi_wipe(url.data, url.size);
    }
    whi_buf_free(&url);
}

int whi_serve_portal(whi_call *call) {
    static const char *const names[] = { "tenant", "name", "base", "expires_in", NULL };
    made self = { .tenant = NULL };
    const char *scheme;
    int code = read_made(call, names, PORTAL_MS, &self);

    if (code == WH_OK && self.tenant == NULL) {
        code = whi_fail_field(WH_EINVALID, "tenant", "expected a text, found nothing");
    }
    self.name = self.name != NULL ? self.name : "portal";
    code = code == WH_OK ? read_base(call, &self, &scheme) : code;
    code = code == WH_OK ? make(call, &self) : code;
    if (code == WH_OK) {
        whi_buf_char(&call->out, '{');
        out_url(call, &self, scheme);
        out_made(call, &self);
        whi_buf_char(&call->out, '}');
    }
    whi_wipe(self.token, sizeof self.token);
    return code;
}

/* ------------------------------------------------------------------------- who asks */

int whi_serve_me(whi_call *call) {
    static const char *const names[] = { NULL };
    int code = whi_call_only(call, names);

    if (code != WH_OK) {
        return code;
    }
    whi_buf_text(&call->out, call->all ? "{\"operator\":true" : "{\"operator\":false");
    whi_out_text(call, "tenant", call->all ? NULL : call->tenant);
    out_time(call, "expires_at", call->expires_at);
    whi_out_text(call, "version", wh_version());
    whi_buf_char(&call->out, '}');
    return WH_OK;
}
