/* Tests: test_queue_redis, test_queue_rabbitmq, test_queue_nats. */
#include "engine/queue.h"

#include "base/error.h"
#include "base/mem.h"
#include "engine/looking.h"
#include "pure/sink_url.h"

#define PUBLISH_MS 15000 /* unless the subscription has a time-out of its own */

static int open_within(wh_engine *engine, const whi_subscription *s, int64_t publish, whi_queue **out) {
    char url[WHI_URL_SIZE + WHI_PASSWORD_SIZE];
    whi_queue_options options = { .url = url,
                                  .connect_timeout = engine->options.connect_timeout,
                                  .publish_timeout = publish,
                                  .check_timeout = WHI_LOOK_MS,
                                  .policy = engine->policy,
                                  .ca_file = engine->options.ca_file,
                                  .insecure = s->insecure };
    int code = whi_sink_url_join(s->url, s->password, url);

    *out = NULL;
    if (code == WH_OK) {
        code = whi_queue_open(out, &options);
        whi_wipe(url, sizeof url);
    }
    return code;
}

int whi_queue_of(wh_engine *engine, const whi_subscription *s, whi_queue **out) {
    return open_within(engine, s, s->timeout != 0 ? s->timeout : PUBLISH_MS, out);
}

static void cut(wh_engine *engine, void *queue) {
    (void)engine;
    whi_queue_cut(queue);
}

int whi_queue_look(wh_engine *engine, const whi_subscription *s, struct whi_looking *looking,
                   whi_object_result *result) {
    whi_queue *queue;
    int code = open_within(engine, s, WHI_LOOK_MS, &queue);

    if (code != WH_OK) {
        return code;
    }
    if (!s->unchecked) {
        whi_looking_show(engine, looking, queue, cut);
        whi_queue_check(queue, result);
        whi_looking_show(engine, looking, NULL, NULL);
    }
    whi_queue_close(queue);
    return WH_OK;
}
