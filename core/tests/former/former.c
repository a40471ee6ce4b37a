/* A program that was compiled against a former webhook.h, the one beside this file, and runs with
 * the library of today: every struct that it hands over is shorter than the library's own. Behind
 * each lies what no library should read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "webhook.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "former: line %d: %s: %s\n", __LINE__, #condition, wh_last_error());                       \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* A struct with its _INIT, and rubbish behind it. */
#define ENDS(type, name, ...)                                                                                          \
    struct {                                                                                                           \
        type it;                                                                                                       \
        unsigned char rubbish[64];                                                                                     \
    } name = { __VA_ARGS__, { 0 } };                                                                                   \
    memset(name.rubbish, 0xa5, sizeof name.rubbish)

static wh_engine *open_engine(void) {
    static const char *const allow[] = { "127.0.0.1" };
    wh_engine *engine;
    ENDS(wh_limits, limits, WH_LIMITS_INIT);
    ENDS(wh_options, options, WH_OPTIONS_INIT);

    limits.it.batch_events = 3;
    limits.it.in_flight = 7;
    options.it.limits = &limits.it;
    options.it.allow = allow;
    options.it.allow_count = 1;
    options.it.user_agent = "former/1";
    limits.it.in_flight = -1;
    CHECK(wh_open(&engine, ":memory:", &options.it) == WH_EINVALID);
    CHECK(strcmp(wh_last_error_field(), "limits.in_flight") == 0);
    limits.it.in_flight = 7;
    CHECK(wh_open(&engine, ":memory:", &options.it) == WH_OK);
    return engine;
}

static void publish(wh_engine *engine) {
    wh_event all[4] = { WH_EVENT_INIT, WH_EVENT_INIT, WH_EVENT_INIT, WH_EVENT_INIT };
    wh_receipt receipts[4];
    ENDS(wh_event, one, WH_EVENT_INIT);

    one.it.type = "order.paid";
    one.it.source = "shop";
    one.it.payload = "{\"id\":1}";
    one.it.payload_size = WH_ZSTR;
    CHECK(wh_publish(engine, &one.it, &receipts[0]) == WH_OK);
    for (int i = 0; i < 4; i++) {
        all[i] = one.it;
    }
    CHECK(wh_publish_batch(engine, all, 3, receipts) == WH_OK);
    CHECK(strcmp(receipts[0].id, receipts[2].id) != 0 && !receipts[2].duplicate);
    CHECK(wh_publish_batch(engine, all, 4, receipts) == WH_ELIMIT); /* as this program's options say */
    all[1].source = "a b";
    CHECK(wh_publish_batch(engine, all, 3, NULL) == WH_EINVALID);
    CHECK(wh_last_error_index() == 1 && strcmp(wh_last_error_field(), "source") == 0);
}

static void look_back(wh_engine *engine, const char *subscription) {
    char *text;
    int64_t count;
    ENDS(wh_query, query, WH_QUERY_INIT);
    ENDS(wh_backtest, backtest, WH_BACKTEST_INIT);

    query.it.limit = 2;
    CHECK(wh_events(engine, &query.it, &text, NULL) == WH_OK);
    CHECK(strstr(text, "\"source\":\"shop\"") != NULL && strstr(text, "\"key\":null") != NULL);
    CHECK(strstr(text, "\"next\":\"msg_") != NULL);
    wh_free(text);
    CHECK(wh_replay_query(engine, &query.it, &count) == WH_OK && count == 0);
    backtest.it.subscription = subscription;
    backtest.it.document = "{\"fields\":\"id\"}";
    backtest.it.document_size = WH_ZSTR;
    CHECK(wh_backtest_run(engine, &backtest.it, &text, NULL) == WH_OK);
    CHECK(strstr(text, "\"events\":4") != NULL);
    wh_free(text);
}

static void ask_api(wh_engine *engine) {
    wh_api *api;
    char token[WH_SECRET_SIZE], bearer[WH_SECRET_SIZE + 8];
    wh_header header = { "Authorization", bearer };
    ENDS(wh_api_options, options, WH_API_OPTIONS_INIT);
    ENDS(wh_api_request, request, WH_API_REQUEST_INIT);
    ENDS(wh_api_needs, needs, WH_API_NEEDS_INIT);
    ENDS(wh_api_response, response, WH_API_RESPONSE_INIT);

    CHECK(wh_token_add(engine, NULL, "former", token) == WH_OK);
    snprintf(bearer, sizeof bearer, "Bearer %s", token);
    options.it.body_bytes = 1000;
    CHECK(wh_api_open(&api, engine, &options.it) == WH_OK);
    request.it.method = "GET";
    request.it.path = "/v1/events";
    CHECK(wh_api_handle(api, &request.it, &response.it) == 401); /* nobody says who this is, or that all may */
    wh_free(response.it.body);
    request.it.headers = &header;
    request.it.header_count = 1;
    CHECK(wh_api_handle(api, &request.it, &response.it) == 200 && response.it.size == sizeof response.it);
    CHECK(strstr(response.it.body, "order.paid") != NULL);
    wh_free(response.it.body);
    wh_api_look(api, &request.it, &needs.it);
    CHECK(!needs.it.slow && needs.it.body_bytes > 0 && needs.it.body_bytes <= 1000);
    for (size_t i = 0; i < sizeof response.rubbish; i++) { /* and none wrote there */
        CHECK(response.rubbish[i] == 0xa5 && needs.rubbish[i] == 0xa5);
    }
    wh_api_close(api);
}

static void verify(void) {
    const char *secrets[] = { "secret" };
    const char *found;
    wh_header header = { "X-CallFire-Signature", "nonsense" };
    ENDS(wh_verify_options, options, WH_VERIFY_INIT);

    options.it.format = "callfire";
    CHECK(wh_verify_as(&options.it, secrets, 1, &header, 1, "x", 1, &found) < 0);
    CHECK(strcmp(found, "callfire") == 0);
}

int main(void) {
    char id[WH_ID_SIZE];
    wh_engine *engine = open_engine();

    CHECK(wh_subscribe(engine, "{\"url\":\"http://127.0.0.1:1/\",\"events\":[\"none\"]}", WH_ZSTR, id) == WH_OK);
    publish(engine);
    CHECK(wh_run(engine) == WH_OK);
    look_back(engine, id);
    ask_api(engine);
    verify();
    wh_close(engine);
    return 0;
}
