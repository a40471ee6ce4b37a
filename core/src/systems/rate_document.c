/* Tests: test_subscription, test_engine_tenant_rate. */
#include "systems/rate_document.h"

#include "base/error.h"

static int take_member(const whi_values *from, uint32_t at, whi_rate *rate) {
    if (whi_json_string_is(from->json, at, "count", 5)) {
        return whi_value_integer(from, at + 1, "rate.count", 1, WHI_RATE_COUNT, &rate->count);
    }
    if (whi_json_string_is(from->json, at, "per", 3)) {
        return whi_value_integer(from, at + 1, "rate.per", 1, WHI_RATE_SECONDS, &rate->per);
    }
    if (whi_json_string_is(from->json, at, "burst", 5)) {
        return whi_value_is_null(from, at + 1)
                   ? WH_OK
                   : whi_value_integer(from, at + 1, "rate.burst", 1, WHI_RATE_COUNT, &rate->burst);
    }
    return whi_fail_field(WH_EINVALID, "rate", "unknown member, expected count, per and burst");
}

/* What holds between its members; seconds become ms. */
static int finish(whi_rate *rate) {
    if (rate->count == 0 || rate->per == 0) {
        return whi_fail_field(WH_EINVALID, "rate", "expected both count and per");
    }
    if (rate->burst > rate->count) {
        return whi_fail_field(WH_EINVALID, "rate.burst", "expected at most the count, %lld, found %lld",
                              (long long)rate->count, (long long)rate->burst);
    }
    rate->burst = rate->burst != 0 ? rate->burst : rate->count;
    rate->per *= 1000;
    return WH_OK;
}

int whi_rate_read(const whi_values *from, uint32_t node, whi_rate *out) {
    whi_rate rate = { 0 };
    int code = WH_OK;

    if (!whi_value_is_null(from, node)) {
        if (!whi_value_is(from, node, WHI_JSON_OBJECT)) {
            return whi_value_refuse(from, node, "rate", "an object of count and per");
        }
        for (uint32_t at = whi_json_first(from->json, node); at != WHI_JSON_NONE && code == WH_OK;
             at = whi_json_next_name(from->json, node, at)) {
            code = take_member(from, at, &rate);
        }
        code = code == WH_OK ? finish(&rate) : code;
    }
    *out = rate;
    return code;
}

void whi_rate_write(const whi_rate *rate, whi_buf *out) {
    whi_buf_format(out, "{\"count\":%lld,\"per\":%lld", (long long)rate->count, (long long)rate->per / 1000);
    if (rate->burst != rate->count) {
        whi_buf_format(out, ",\"burst\":%lld", (long long)rate->burst);
    }
    whi_buf_char(out, '}');
}
