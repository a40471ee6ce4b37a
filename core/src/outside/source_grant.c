/* Tests: test_source_http. */
#include "outside/source_grant.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "outside/source_ask.h"
#include "pure/json.h"

#define ANSWER_BYTES 65536
#define TIMEOUT_MS 30000
#define EARLY_MS 60000          /* before its end a token is renewed; a short one in its last tenth */
#define LIFE_MS INT64_C(600000) /* of a token that does not tell its own */

int whi_source_grant_init(whi_source_grant *grant) {
    *grant = (whi_source_grant){ .token = NULL };
    return pthread_mutex_init(&grant->lock, NULL) == 0 ? WH_OK : whi_fail_memory();
}

static void forget(whi_source_grant *grant) {
    if (grant->token != NULL) {
        whi_free_secret(grant->token, strlen(grant->token));
    }
    grant->token = NULL;
}

void whi_source_grant_free(whi_source_grant *grant) {
    forget(grant);
    pthread_mutex_destroy(&grant->lock);
}

/* A token has the letters of RFC 6750: what else there is could end the header. */
static int is_token(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return 0;
        }
    }
    return size > 0;
}

static int64_t life_of(const whi_json *json) {
    uint32_t life = whi_json_member(json, 0, "expires_in", 10);
    int64_t seconds = 0, ms = LIFE_MS;

    if (life != WHI_JSON_NONE && json->nodes[life].type == WHI_JSON_NUMBER && whi_json_whole(json, life, &seconds)) {
        ms = seconds > 0 && seconds < 86400 ? seconds * 1000 : seconds > 0 ? 86400000 : 0;
    }
    return ms - (ms / 10 < EARLY_MS ? ms / 10 : EARLY_MS);
}

static int take_token(const whi_json *json, char **out) {
    uint32_t token = whi_json_member(json, 0, "access_token", 12);
    size_t size = 0;
    const char *text;
    whi_buf scratch;
    int code = WH_OK;

    if (token == WHI_JSON_NONE || json->nodes[token].type != WHI_JSON_STRING) {
        return whi_fail_field(WH_EINVALID, "auth.token_url", "the answer has no access_token");
    }
    whi_buf_init(&scratch, ANSWER_BYTES);
    text = whi_json_string(json, token, &scratch, &size);
    if (text == NULL) {
        code = WH_ENOMEM;
    } else if (!is_token(text, size)) {
        code = whi_fail_field(WH_EINVALID, "auth.token_url", "the access_token has other letters than a token's");
    } else {
        *out = whi_strdup(text, size);
        code = *out != NULL ? WH_OK : whi_fail_memory();
    }
    whi_buf_free(&scratch);
    return code;
}

int whi_source_grant_read(const char *text, size_t size, char **token, int64_t *life) {
    whi_json json = { 0 };
    int code = whi_json_scan(&json, size > 0 ? text : "", size, 20);

    *token = NULL;
    code = code == WH_OK ? take_token(&json, token) : code;
    *life = code == WH_OK ? life_of(&json) : 0;
    whi_json_free(&json);
    return code == WH_EJSON || code == WH_ELIMIT ? whi_fail_field(WH_EJSON, "auth.token_url", "the answer is not JSON")
                                                 : code;
}

static int read_answer(whi_source_grant *grant, const whi_source_request *request, int64_t now) {
    char *token;
    int64_t life;
    int code = whi_source_grant_read(request->answer.data, request->answer.size, &token, &life);

    if (code == WH_OK) {
        forget(grant);
        grant->token = token;
        grant->renew_at = now + life;
        grant->count++;
    }
    return code;
}

/* Under the lock. */
static int ask(whi_source_grant *grant, whi_source_client *client, unsigned cuts, const whi_source_auth *auth,
               const wh_clock *clock, int *refused, int64_t *retry_after) {
    whi_source_request request = { .method = "POST", .timeout = TIMEOUT_MS, .maximum = ANSWER_BYTES, .cuts = cuts };
    whi_source_asked asked;
    int code = whi_source_ask_token(&asked, auth);

    if (code == WH_OK) {
        request.url = asked.url.data;
        request.lines = asked.lines;
        request.body = asked.body.data;
        request.body_size = asked.body.size;
        code = whi_source_fetch(client, &request);
        if (code == WH_OK && request.status == 200) {
            code = read_answer(grant, &request, whi_clock_now(clock));
        } else if (code == WH_OK) {
            *refused = request.status == 400 || request.status == 401 || request.status == 403;
            *retry_after = whi_source_retry_after(&request, whi_clock_now(clock));
            code = whi_fail_field(WH_ESTATUS, "auth.token_url", "answered %d", request.status);
        }
        whi_source_answer_free(&request);
    }
    whi_source_asked_free(&asked);
    return code;
}

int whi_source_grant_take(whi_source_grant *grant, whi_source_client *client, unsigned cuts,
                          const whi_source_auth *auth, const wh_clock *clock, unsigned spent, char **token,
                          unsigned *count, int *refused, int64_t *retry_after) {
    int code = WH_OK;

    *token = NULL;
    pthread_mutex_lock(&grant->lock);
    if (grant->token == NULL || whi_clock_now(clock) >= grant->renew_at || (spent != 0 && spent == grant->count)) {
        code = ask(grant, client, cuts, auth, clock, refused, retry_after);
    }
    if (code == WH_OK) {
        *token = whi_strdup(grant->token, WH_ZSTR);
        *count = grant->count;
        code = *token != NULL ? WH_OK : whi_fail_memory();
    }
    pthread_mutex_unlock(&grant->lock);
    return code;
}
