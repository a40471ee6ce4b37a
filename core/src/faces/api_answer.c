/* Answers: statuses by the group of an error, and its text in the shape of the system whose
 * route it is. Tests: test_api_strangers. */
#include "faces/api.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

/* ------------------------------------------------------------------------ statuses */

static const char *reason_of(int status) {
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 409, "Conflict" },
        { 413, "Payload Too Large" },
        { 414, "URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 422, "Unprocessable Entity" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 507, "Insufficient Storage" },
    };

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status) {
            return reasons[i].text;
        }
    }
    return "Error";
}

/* The words for codes that are ours alone. */
static const char *name_of(int code, int status) {
    static const struct {
        int status;
        const char *name;
    } names[] = {
        { 401, "unauthorized" }, { 403, "forbidden" },    { 404, "not_found" }, { 405, "method" }, { 413, "limit" },
        { 414, "limit" },        { 415, "content_type" }, { 429, "too_many" },  { 431, "limit" },  { 503, "closed" },
    };

    for (size_t i = 0; code == WHI_REFUSED && i < sizeof names / sizeof names[0]; i++) {
        if (names[i].status == status) {
            return names[i].name;
        }
    }
    return code == WHI_REFUSED ? "invalid" : wh_error_name(code);
}

/* A limit of bytes is that of what was sent; the others are of what it asks for. */
static int status_of_limit(void) {
    return whi_error_last()->is_of_size ? 413 : 422;
}

static int status_of(int code) {
    switch (code) {
    case WH_ENOTFOUND:
        return 404;
    case WH_ECONFLICT:
        return 409;
    case WH_ECLOSED:
    case WH_EBUSY:
    case WH_ERESOURCE:
        return 503;
    case WH_ENOMEM:
        return 500;
    case WH_EQUOTA: /* 429 is for who sends too fast, and clients repeat it within seconds: room comes with retention */
        return 507;
    case WH_ELIMIT:
        return status_of_limit();
    case WH_ECORRUPT:
        return 500;
    default:
        break;
    }
    switch (wh_error_group(code)[0]) {
    case 'u': /* usage */
        return 400;
    case 's': /* store; signature: a secret that cannot be read */
        return wh_error_group(code)[1] == 't' ? 503 : 400;
    case 'r': /* rule, and remote */
        return wh_error_group(code)[1] == 'u' ? 422 : 502;
    case 'n': /* network */
        return code == WH_ETIMEOUT ? 504 : 502;
    default:
        return 500;
    }
}

/* Some clients know no others of the kind than the first few. */
static int status_in(const whi_system *system, int status) {
    return system->asks & WHI_ERRORS_UP_TO_404 && status > 404 && status < 500 ? 400 : status;
}

int whi_refuse(whi_call *call, int status, const char *field, const char *format, ...) {
    char sentence[WHI_ERROR_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    call->status = status;
    return whi_fail_field(WHI_REFUSED, field, "%s", sentence);
}

/* -------------------------------------------------------------------------- errors */

static void add_text(whi_buf *out, const char *name, const char *text) {
    whi_json_write_name(out, name);
    whi_json_write_string(out, text, strlen(text));
}

static void add_int(whi_buf *out, const char *name, int64_t number) {
    whi_json_write_name(out, name);
    whi_buf_int(out, number);
}

static void write_error(whi_call *call, int code, int status, const char *message, const char *field) {
    whi_refusal refusal = { .status = status,
                            .number = code == WHI_REFUSED ? 0 : code,
                            .name = name_of(code, status),
                            .reason = reason_of(status),
                            .message = message,
                            .field = field };

    whi_buf_char(&call->out, '{');
    call->system->refuse(&refusal, &call->out);
    whi_buf_char(&call->out, '}');
}

/* What went wrong inside is for the log, not for a stranger: it may name files. */
static void answer_error(whi_call *call, int code) {
    char message[WHI_ERROR_SIZE];
    int status = code == WHI_REFUSED ? call->status : status_in(call->system, status_of(code));
    int inside = code != WHI_REFUSED && (status == 500 || status == 503);
    char field[WHI_PLACE_SIZE] = "";

    snprintf(message, sizeof message, "%s", inside ? wh_error_text(code) : wh_last_error());
    if (inside) {
        whi_insight_log(call->engine, "API: %s %s: %s", call->route != NULL ? call->route->method : "",
                        call->route != NULL ? call->route->path : "", wh_last_error());
    } else {
        whi_error_place(whi_error_last(), field);
    }
    call->status = status;
    call->content_type = "application/json";
    whi_buf_clear(&call->out);
    write_error(call, code, status, message, field);
}

/* ------------------------------------------------------------------------- success */

static void add_header(wh_api_response *response, const char *name, const char *value) {
    if (response->header_count < sizeof response->headers / sizeof response->headers[0]) {
        response->headers[response->header_count++] = (wh_header){ name, value };
    }
}

void whi_call_header_text(whi_call *call, const char *name, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(call->response->text, sizeof call->response->text, format, arguments);
    va_end(arguments);
    call->text_name = name;
}

void whi_call_header_static(whi_call *call, const char *name, const char *value) {
    add_header(call->response, name, value);
}

static void fill(whi_call *call) {
    wh_api_response *response = call->response;
    int is_head = call->request->method != NULL && strcmp(call->request->method, "HEAD") == 0;

    response->status = call->status;
    if (call->text_name != NULL) {
        add_header(response, call->text_name, response->text);
    }
    if (call->out.size == 0) {
        response->content_type = call->typed ? call->content_type : NULL;
        return;
    }
    response->content_type = call->content_type;
    if (!call->kept) {
        add_header(response, "Cache-Control", "no-store"); /* secrets, and what changes */
    }
    if (!is_head) {
        whi_buf_take(&call->out, &response->body, &response->body_size);
    }
}

void whi_call_answer(whi_call *call, int code) {
    if (code == WH_OK && call->out.failed) {
        code = whi_buf_status(&call->out);
    }
    if (code != WH_OK) {
        answer_error(call, code);
    }
    if (call->out.failed) {
        whi_buf_free(&call->out); /* not even memory for an error's text: the status alone */
    }
    fill(call);
}

int whi_call_hand_over(whi_call *call, int code, char *text, size_t size) {
    if (code == WH_OK) {
        whi_buf_free(&call->out);
        call->out.data = text;
        call->out.size = size;
        call->out.capacity = size + 1; /* its zero byte */
    }
    return code;
}

void whi_out_text(whi_call *call, const char *name, const char *text) {
    if (text != NULL) {
        add_text(&call->out, name, text);
    } else {
        whi_json_write_name(&call->out, name);
        whi_buf_text(&call->out, "null");
    }
}

void whi_out_int(whi_call *call, const char *name, int64_t number) {
    add_int(&call->out, name, number);
}

int whi_call_set_aside(whi_call *call) {
    whi_buf_reserve(&call->out, 256);
    return whi_buf_status(&call->out);
}

void whi_call_fall_back(whi_call *call, const char *id) {
    const char *quote = call->system->asks & WHI_ID_IS_NUMBER ? "" : "\"";

    whi_buf_clear(&call->out);
    whi_buf_text(&call->out, "{\"id\":");
    whi_buf_text(&call->out, quote);
    whi_buf_text(&call->out, id);
    whi_buf_text(&call->out, quote);
    whi_buf_char(&call->out, '}');
}
