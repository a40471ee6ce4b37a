#include "sinks/sink.h"

const whi_sink_vtable *const whi_sinks[WHI_SINK_KINDS] = {
    [WHI_SINK_HTTP] = &whi_sink_http,
};

enum whi_sink_kind whi_sink_kind_of(const whi_subscription *subscription) {
    (void)subscription; /* each has a url */
    return WHI_SINK_HTTP;
}
