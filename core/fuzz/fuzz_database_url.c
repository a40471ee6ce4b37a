/* URLs of databases. What was taken names one host that is a name or an address and one port; what was refused leaves
 * nothing behind, and its sentence holds no part of what may be a password. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "pure/database_url.h"
#include "webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good) {
    if (!good) {
        abort();
    }
}

static void check(const whi_database_url *url) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-._:";

    must(url->scheme >= 0 && url->scheme < WHI_DATABASE_SCHEMES);
    must(url->tls >= WHI_TLS_USUAL && url->tls <= WHI_TLS_VERIFY_FULL);
    must(whi_utf8_check(url->user, strlen(url->user)) && whi_utf8_check(url->database, strlen(url->database)));
    if (url->scheme == WHI_DATABASE_SQLITE) {
        must(url->path[0] == '/' && url->host[0] == '\0');
    } else {
        must(url->path[0] == '\0' && url->port != 0 && url->host[0] != '\0');
        must(url->host[strspn(url->host, letters)] == '\0');
    }
}

static void check_refused(const whi_database_url *url) {
    static const whi_database_url nothing;

    must(memcmp(url, &nothing, sizeof nothing) == 0);
    must(wh_last_error()[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char secret[] = "zq7zq7zq7";
    char *text = malloc(size + sizeof secret + 1);
    whi_database_url url;

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (whi_database_url_parse(&url, text) == WH_OK) {
        check(&url);
    } else {
        check_refused(&url);
    }
    /* The same with a password behind its first colon but one: wherever it lands, it is not said. */
    if (size > 0 && strchr(text, ':') != NULL) {
        char *colon = strchr(text, ':');
        char *place = strchr(colon + 1, ':') != NULL ? strchr(colon + 1, ':') + 1 : colon + 1;

        memmove(place + sizeof secret - 1, place, strlen(place) + 1);
        memcpy(place, secret, sizeof secret - 1);
        if (whi_database_url_parse(&url, text) != WH_OK) {
            must(strstr(wh_last_error(), secret) == NULL);
        }
    }
    free(text);
    return 0;
}
