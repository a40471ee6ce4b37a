/* A program that serves the API, in C and in C++. */
#include <stdio.h>
#include <string.h>
#include <webhook_http.h>

/* The sentence comes from the library that failed, whichever of the two carries copies. */
static int refuses_with_a_reason(wh_api *api) {
    wh_http_options options = WH_HTTP_OPTIONS_INIT;
    wh_http *http;

    options.address = "nowhere";
    return wh_http_start(&http, api, &options) == WH_EINVALID && strcmp(wh_last_error_field(), "address") == 0;
}

static int works(void) {
    wh_engine *engine = NULL;
    wh_http *http = NULL;
    wh_api *api = NULL;
    int good;

    if (wh_open(&engine, ":memory:", NULL) != WH_OK || wh_api_open(&api, engine, NULL) != WH_OK ||
        wh_http_start(&http, api, NULL) != WH_OK) {
        return 0;
    }
    good = wh_http_port(http) > 0 && refuses_with_a_reason(api);
    wh_http_stop(http, 0);
    wh_api_close(api);
    wh_close(engine);
    return good;
}

int main(void) {
    if (!works()) {
        fprintf(stderr, "http: %s\n", wh_last_error());
        return 1;
    }
    return 0;
}
