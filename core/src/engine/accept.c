/* Tests: test_engine_input. */
#include "engine/accept.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/sized.h"
#include "base/utf8.h"
#include "outside/capacity.h"
#include "pure/json.h"
#include "pure/match.h"
#include "pure/poll.h"
#include "pure/sign.h"
#include "systems/system.h"

/* These two are the machine's where nobody says anything. */
static void fill_room(wh_limits *limits) {
    limits->connections = limits->connections ? limits->connections : whi_capacity_here();
    limits->in_flight = limits->in_flight ? limits->in_flight : whi_capacity_in_flight(limits->connections);
}

static int fill_limits(wh_limits *limits) {
    static const wh_limits defaults = {
#define WH_X(name, value, what) .name = value,
        WH_LIMITS(WH_X)
#undef WH_X
    };

#define WH_X(name, value, what)                                                                                        \
    if (limits->name < 0) {                                                                                            \
        return whi_fail_field(WH_EINVALID, "limits." #name, "expected 0 or more, found %lld",                          \
                              (long long)limits->name);                                                                \
    }                                                                                                                  \
    limits->name = limits->name ? limits->name : defaults.name;
    WH_LIMITS(WH_X)
#undef WH_X
    fill_room(limits);
    if (limits->payload_bytes > (int64_t)1 << 27) {
        return whi_fail_field(WH_EINVALID, "limits.payload_bytes", "expected at most 134217728");
    }
    return limits->json_depth > 1000 ? whi_fail_field(WH_EINVALID, "limits.json_depth", "expected at most 1000")
                                     : WH_OK;
}

int whi_limits_take(wh_limits *out, const wh_limits *given) {
    static const wh_limits defaults = WH_LIMITS_INIT;
    int code = whi_struct_take_part(out, sizeof *out, given != NULL ? given : &defaults, "WH_LIMITS_INIT", "limits");

    return code == WH_OK ? fill_limits(out) : code;
}

int whi_rules_take(wh_rule_engine *out, const wh_rule_engine *given) {
    int code = whi_struct_take_part(out, sizeof *out, given, "sizeof(wh_rule_engine)", "rules");
    const char *missing = out->open == NULL      ? "rules.open"
                          : out->close == NULL   ? "rules.close"
                          : out->compile == NULL ? "rules.compile"
                          : out->release == NULL ? "rules.release"
                          : out->run == NULL     ? "rules.run"
                                                 : NULL;

    if (code != WH_OK) {
        return code;
    }
    return missing == NULL ? WH_OK : whi_fail_field(WH_EINVALID, missing, "expected a function, found NULL");
}

static int check_key(const char *key) {
    size_t size = strlen(key);

    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)key[i] < ' ' || key[i] == 0x7f) {
            return WH_EINVALID;
        }
    }
    return size <= WHI_ORDER_KEY_MAXIMUM && whi_utf8_check(key, size) ? WH_OK : WH_EINVALID;
}

int whi_accept_check(const wh_limits *limits, const wh_event *event) {
    int code;

    if (event->type == NULL || whi_type_check(event->type) != WH_OK) {
        return whi_fail_field(WH_EINVALID, "type", "expected 1 to 128 of A-Z a-z 0-9 . _ : - /");
    }
    if (event->id != NULL && whi_id_check(event->id) != WH_OK) {
        return whi_fail_field(WH_EINVALID, "id", "expected 1 to 64 of A-Z a-z 0-9 . _ : -");
    }
    if (event->id != NULL && whi_signed_id_check(event->id) != WH_OK) {
        return WH_EINVALID;
    }
    if (event->tenant != NULL && whi_tenant_check(event->tenant) != WH_OK) {
        return WH_EINVALID;
    }
    if (event->source != NULL && event->source[0] != '\0' && whi_type_check(event->source) != WH_OK) {
        return whi_fail_field(WH_EINVALID, "source", "expected at most 128 of A-Z a-z 0-9 . _ : - /");
    }
    if (event->key != NULL && check_key(event->key) != WH_OK) {
        return whi_fail_field(WH_EINVALID, "key", "expected at most %d bytes of UTF-8 without control characters",
                              WHI_ORDER_KEY_MAXIMUM);
    }
    if (event->time != 0 && whi_time_check("time", event->time) != WH_OK) {
        return WH_EINVALID;
    }
    if (event->payload == NULL) {
        return whi_fail_field(WH_EINVALID, "payload", "expected JSON, found nothing");
    }
    if (event->payload_size > (size_t)limits->payload_bytes) {
        return whi_fail_size("payload", event->payload_size, (long long)limits->payload_bytes);
    }
    code = whi_json_check(event->payload, event->payload_size, (int)limits->json_depth);
    return code == WH_OK ? WH_OK : whi_fail_within_field(code, "payload");
}

/* Whoever looks for an event by a made id must find that one, also an operator, who sees all tenants' ids. */
int whi_accept_given(const char *id) {
    int64_t number;

    if (id != NULL && whi_poll_event_kind(id, NULL) != WHI_POLL_NONE) {
        return whi_fail_field(WH_EINVALID, "id", "has the form of one that polling makes, \"poll_\" and 27 letters");
    }
    return id != NULL && whi_ident_parse("msg_", id, &number) == WH_OK
               ? whi_fail_field(WH_EINVALID, "id", "has the form of one that the engine makes, \"msg_\" and 13 letters")
               : WH_OK;
}

int whi_accept_publish(wh_event *out, const wh_event *given, const wh_limits *limits) {
    int code = whi_accept_take(out, given, limits);

    return code == WH_OK ? whi_accept_given(out->id) : code;
}

int whi_accept_take(wh_event *out, const wh_event *given, const wh_limits *limits) {
    int code = wh_struct_take(out, sizeof *out, given, "WH_EVENT_INIT");

    if (code != WH_OK) {
        return code;
    }
    if (out->payload != NULL && out->payload_size == WH_ZSTR) {
        out->payload_size = strlen(out->payload);
    }
    return whi_accept_check(limits, out);
}
