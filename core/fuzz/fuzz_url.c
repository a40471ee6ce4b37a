/* URLs of subscriptions. What was taken stays as it is when it is read again, and has
 * nothing in it that another parser could take for another host. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pure/url.h"
#include "webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good) {
    if (!good) {
        abort();
    }
}

static void check(const whi_url *url) {
    const char *authority = url->text + (url->https ? 8 : 7);
    whi_url again;

    must(strncmp(url->text, url->https ? "https://" : "http://", url->https ? 8 : 7) == 0);
    must(strncmp(authority + (*authority == '['), url->host, strlen(url->host)) == 0);
    must(url->port != 0 && url->host[0] != '\0');
    must(strcspn(authority, "@\\") >= strcspn(authority, "/?"));
    for (const char *at = url->text; *at != '\0'; at++) {
        must(*at > 0x20 && *at < 0x7f);
    }
    must(whi_url_parse(&again, url->text) == WH_OK);
    must(memcmp(&again, url, sizeof again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    whi_url url;

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (whi_url_parse(&url, text) == WH_OK) {
        check(&url);
    }
    free(text);
    return 0;
}
