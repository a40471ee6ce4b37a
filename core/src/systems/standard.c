/* Our own: documents as webhook.h describes them, and Standard Webhooks on the wire. Its headers
 * webhook-id, webhook-timestamp and webhook-signature are made for each attempt by
 * sinks/http_request.c, and checked by standard_verify.c. Tests: test_api. */
#include "pure/sign.h"
#include "systems/list.h"
#include "systems/standard_verify.h"
#include "systems/system.h"

static int check_secret(const char *text) {
    return whi_secret_check(text, 0);
}

static void refuse(const whi_refusal *refusal, whi_buf *out) {
    whi_buf_text(out, "\"error\":{");
    whi_refusal_plain(refusal, out);
    whi_buf_char(out, '}');
}

/* Not told by webhook-id: others send one beside their own. */
static const whi_format format = {
    .name = "standard",
    .header = "webhook-signature",
    .other = "svix-signature",
    .check = whi_check_timed,
};

/* What the API has besides, of events and deliveries, is no system's: faces/api_routes.c. */
static const whi_route routes[] = {
    { "GET", "/v1/subscriptions", 0, "list" },
    { "POST", "/v1/subscriptions", WHI_ROUTE_BODY | WHI_ROUTE_ASIDE, "make" },
    { "POST", "/v1/subscriptions/since", WHI_ROUTE_BODY | WHI_ROUTE_SLOW, "make_since" },
    { "GET", "/v1/subscriptions/{id}", 0, "get" },
    { "PATCH", "/v1/subscriptions/{id}", WHI_ROUTE_BODY | WHI_ROUTE_ASIDE, "change" },
    { "DELETE", "/v1/subscriptions/{id}", 0, "remove" },
    { "GET", "/v1/subscriptions/{id}/secrets", 0, "secrets" },
    { "GET", "/v1/subscriptions/{id}/versions/{version}", 0, "version" },
    { "POST", "/v1/subscriptions/{id}/backtest", WHI_ROUTE_BODY | WHI_ROUTE_SLOW, "backtest" },
    { "GET", "/v1/subscriptions/{id}/poll", WHI_ROUTE_ASIDE, "poll" },
    { "POST", "/v1/subscriptions/{id}/missed", WHI_ROUTE_BODY | WHI_ROUTE_OPTIONAL | WHI_ROUTE_SLOW, "missed" },
    { "POST", "/v1/subscriptions/{id}/test", WHI_ROUTE_BODY | WHI_ROUTE_OPTIONAL | WHI_ROUTE_SLOW, "test" },
    { NULL, NULL, 0, NULL },
};

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)

/* The example schedule of the Standard Webhooks specification. */
static const int64_t retry[] = {
    0, 5000, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
};

const whi_system whi_system_standard = {
    .name = "standard",
    .asks = WHI_SIGNS_WITH_TIME,
    .time = WHI_TIME_MS,
    .ident = whi_system_ident_own,
    .ident_parse = whi_system_ident_own_parse,
    .routes = routes,
    .challenge = "Bearer",
    .refuse = refuse,
    .retry = retry,
    .retry_count = sizeof retry / sizeof retry[0],
    .check_secret = check_secret,
    .format = &format,
};
