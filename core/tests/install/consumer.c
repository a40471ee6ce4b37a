/* A program that uses the installed library, in C and in C++. */
#include <stdio.h>
#include <string.h>
#include <webhook.h>
#include <webhook_backend.h>
#include <webhook_rule.h>

int main(void) {
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine = NULL;
    char secret[WH_SECRET_SIZE];
    char id[WH_ID_SIZE];

    options.rules = wh_rule_lua();
    if (strcmp(wh_version(), WH_VERSION) != 0 || wh_secret(secret) != WH_OK) {
        fprintf(stderr, "%s\n", wh_last_error());
        return 1;
    }
    if (wh_open(&engine, ":memory:", &options) != WH_OK ||
        wh_subscribe(engine, "{\"url\":\"https://example.com/\",\"rule\":\"return true\"}", WH_ZSTR, id) != WH_OK) {
        fprintf(stderr, "%s\n", wh_last_error());
        return 1;
    }
    wh_close(engine);
    return 0;
}
