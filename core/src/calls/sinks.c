/* Where deliveries can go, and whether they would arrive. Tests: test_database. */
#include <string.h>

#include "base/error.h"
#include "engine/look.h"
#include "outside/destinations.h"
#include "outside/queue.h"
#include "pure/json.h"
#include "pure/sink_url.h"
#include "systems/subscription_make.h"
#include "systems/subscription_read.h"

#define FEATURES_MAXIMUM 4096
#define DOCUMENT_MAXIMUM 65536

static void put_sinks(whi_buf *out) {
    static const char *const schemes[] = { "postgresql", "postgres", "mysql", "mariadb",  "sqlite",
                                           "amqp",       "amqps",    "redis", "rediss",   "nats",
                                           "tls",        "nats+tls", "kafka", "kafka+ssl" };

    whi_buf_text(out, "\"sinks\":[\"http\",\"https\"");
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (whi_destinations_built.has(schemes[i]) == 1 || whi_queue_has(schemes[i]) == 1) {
            whi_buf_char(out, ',');
            whi_json_write_string(out, schemes[i], strlen(schemes[i]));
        }
    }
    whi_buf_char(out, ']');
}

int wh_features(char **out, size_t *size) {
    whi_buf buf;

    if (out == NULL) {
        return whi_fail_field(WH_EINVALID, "out", "expected one, found NULL");
    }
    whi_buf_init(&buf, FEATURES_MAXIMUM);
    whi_buf_text(&buf, "{\"version\":\"" WH_VERSION "\",");
    put_sinks(&buf);
    whi_buf_char(&buf, '}');
    return whi_buf_take(&buf, out, size);
}

static int test(wh_engine *engine, whi_subscription *s, const char *document, size_t size) {
    int code = whi_subscription_apply(s, document, size, 0, 0);

    code = code == WH_OK ? whi_subscription_check(s) : code;
    if (code == WH_OK && !whi_subscription_is_waited_for(s)) {
        return whi_fail_field(WH_EINVALID, "url",
                              "expected a database's or a queue's; an HTTP receiver is asked by a delivery alone");
    }
    return code == WH_OK ? whi_look(engine, s) : code;
}

int wh_sink_test(wh_engine *engine, const char *document, size_t size) {
    whi_subscription *subscription = NULL;
    int code = whi_engine_check(engine);

    if (code != WH_OK) {
        return code;
    }
    if (document == NULL) {
        return whi_fail_field(WH_EINVALID, "document", "expected one, found NULL");
    }
    size = size == WH_ZSTR ? strlen(document) : size;
    if (size > DOCUMENT_MAXIMUM) {
        return whi_fail_size("document", size, DOCUMENT_MAXIMUM);
    }
    code = whi_subscription_new(&subscription);
    code = code == WH_OK ? test(engine, subscription, document, size) : code;
    whi_subscription_free(subscription);
    return code;
}
