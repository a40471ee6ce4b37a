#include "feed.h"

#include <stdio.h>
#include <unistd.h>

#include "bare.h"
#include "bench.h"

#define BATCH 128

const char *feed_transport;
int feed_durability;

wh_engine *feed_open(const char *file, const char *more) {
    static const char *const allow[] = { "127.0.0.1" };
    wh_options options = WH_OPTIONS_INIT;
    char document[256];
    wh_engine *engine;

    options.allow = allow;
    options.allow_count = 1;
    options.transport = feed_transport;
    options.durability = feed_durability;
    bench_check(wh_open(&engine, file, &options), "open");
    for (int i = 0; i < bare.endpoints; i++) {
        snprintf(document, sizeof document, "{\"url\":\"%s\",\"events\":[\"to.%d\"]%s}", bare.urls[i], i, more);
        bench_check(wh_subscribe(engine, document, WH_ZSTR, NULL), "subscribe");
    }
    return engine;
}

static uint64_t arrived(void) {
    sink_counts counts;

    sink_read(bare.receiver, &counts);
    return counts.requests;
}

static void publish(wh_engine *engine, long from, int count, long keys) {
    static char types[BATCH][16], names[BATCH][24];
    wh_event events[BATCH];

    for (int i = 0; i < count; i++) {
        snprintf(types[i], sizeof types[i], "to.%ld", (from + i) % bare.endpoints);
        events[i] = (wh_event)WH_EVENT_INIT;
        events[i].type = types[i];
        events[i].payload = bare.body;
        events[i].payload_size = BARE_BODY;
        if (keys > 0) {
            snprintf(names[i], sizeof names[i], "k%ld", (from + i) % keys);
            events[i].key = names[i];
        }
    }
    bench_check(wh_publish_batch(engine, events, (size_t)count, NULL), "publish");
}

void feed_run(wh_engine *engine, long count, long keys) {
    uint64_t before = arrived();

    for (long published = 0; published < count;) {
        int batch = count - published < BATCH ? (int)(count - published) : BATCH;
        while (published - (long)(arrived() - before) > FEED_WINDOW - batch) {
            usleep(200);
        }
        publish(engine, published, batch, keys);
        published += batch;
    }
    while (wh_idle(engine) != 1) {
        usleep(500);
    }
}
