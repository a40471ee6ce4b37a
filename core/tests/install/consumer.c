/* A program that uses the installed libraries, in C and in C++. */
#include <stdio.h>
#include <string.h>
#include <webhook.h>
#include <webhook_backend.h>
#include <webhook_rule.h>

/* The sentence comes from the library that failed, whichever of the two carries copies. */
static int refuses_with_a_reason(wh_engine *engine) {
    return wh_subscribe(engine, "{\"url\":\"ftp://example.com/\"}", WH_ZSTR, NULL) == WH_EINVALID &&
           strcmp(wh_last_error_field(), "url") == 0 &&
           wh_subscribe(engine, "{\"url\":\"https://example.com/\",\"rule\":\"return (\"}", WH_ZSTR, NULL) ==
               WH_ERULE_SYNTAX &&
           strcmp(wh_last_error_field(), "rule") == 0;
}

static int works(void) {
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine = NULL;
    char secret[WH_SECRET_SIZE];
    char id[WH_ID_SIZE];
    int good;

    options.rules = wh_rule_lua();
    if (strcmp(wh_version(), WH_VERSION) != 0 || wh_secret(secret) != WH_OK ||
        wh_open(&engine, ":memory:", &options) != WH_OK) {
        return 0;
    }
    good = wh_subscribe(engine, "{\"url\":\"https://example.com/\",\"rule\":\"return true\"}", WH_ZSTR, id) == WH_OK &&
           refuses_with_a_reason(engine);
    wh_close(engine);
    return good;
}

int main(void) {
    if (!works()) {
        fprintf(stderr, "consumer: %s\n", wh_last_error());
        return 1;
    }
    return 0;
}
