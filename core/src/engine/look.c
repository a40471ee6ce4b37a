/* Tests: test_database, test_queue_redis. */
#include "engine/look.h"

#include "base/error.h"
#include "engine/database.h"
#include "engine/looking.h"
#include "engine/queue.h"

static int refuse(const whi_object_result *result) {
    const char *later =
        result->outcome == WHI_OBJECT_AGAIN ? "; with database.check false it is not looked at now" : "";

    return whi_fail_field(WH_EINVALID, "url", "%s%s%s%s", result->state, result->state[0] != '\0' ? ": " : "",
                          result->sentence, later);
}

static int look_at(wh_engine *engine, const whi_subscription *s, struct whi_looking *self) {
    whi_object_result result = { .outcome = WHI_OBJECT_WRITTEN };
    int code = whi_subscription_is_queue(s) ? whi_queue_look(engine, s, self, &result)
                                            : whi_database_look(engine, s, self, &result);

    return code == WH_OK && result.outcome != WHI_OBJECT_WRITTEN ? refuse(&result) : code;
}

int whi_look(wh_engine *engine, const whi_subscription *s) {
    struct whi_looking self = { .tenant = s->tenant };
    int code;

    if (!whi_subscription_is_waited_for(s)) {
        return WH_OK;
    }
    if (s->unchecked) {
        return look_at(engine, s, &self);
    }
    code = whi_looking_begin(engine, &self);
    if (code != WH_OK) {
        return code;
    }
    code = look_at(engine, s, &self);
    whi_looking_end(engine, &self);
    return code;
}
