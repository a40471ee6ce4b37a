#include "sinks/sink.h"

const whi_sink_vtable *const whi_sinks[WHI_SINK_KINDS] = {
    [WHI_SINK_HTTP] = &whi_sink_http,
    [WHI_SINK_POOL] = &whi_sink_pool,
};

enum whi_sink_kind whi_sink_kind_of(const whi_subscription *subscription) {
    return whi_subscription_is_waited_for(subscription) ? WHI_SINK_POOL : WHI_SINK_HTTP;
}
