#include "write.h"

#include <stdio.h>
#include <string.h>

#define TRIES 3
#define EPOCH_US INT64_C(2000000) /* then other keys: many of them come to an end */
#define KEYS 4

/* Most are unordered, so that fifo, which is one request at a time, keeps up. */
static const enum type mix[] = { TYPE_PAID,   TYPE_KEYED, TYPE_PAID,  TYPE_FIFO,   TYPE_PAID, TYPE_KEYED, TYPE_PAID,
                                 TYPE_CAPPED, TYPE_PAID,  TYPE_KEYED, TYPE_FAILS,  TYPE_PAID, TYPE_KEYED, TYPE_FIFO,
                                 TYPE_PAID,   TYPE_KEYED, TYPE_PAID,  TYPE_CAPPED, TYPE_PAID, TYPE_HANGS };

#define MIX (sizeof mix / sizeof mix[0])

void write_draft(writer *self, draft *out) {
    long n = self->next++;
    entry *line = &out->line;
    char id[64];

    *line = (entry){ .kind = JOURNAL_ACCEPTED, .origin = self->origin };
    line->type = mix[(size_t)n % MIX];
    line->drop = n % 3 == 0;
    snprintf(line->writer, sizeof line->writer, "%s", self->name);
    snprintf(line->id, sizeof line->id, "%s-%ld", self->name, n);
    if (line->type == TYPE_KEYED) {
        snprintf(line->key, sizeof line->key, "k%ld-%lld", n / (long)MIX % KEYS, (long long)(now_us() / EPOCH_US));
    }
    snprintf(id, sizeof id, "%s-%ld", self->name, n); /* of the object: those with a key are states of one */
    snprintf(out->payload, sizeof out->payload, "{\"id\":\"%s\",\"n\":%ld,\"by\":\"%s\",\"key\":\"%s\",\"drop\":%s}",
             line->key[0] != '\0' ? line->key : id, n, self->name, line->key, line->drop ? "true" : "false");
    line->hash = hash_of(out->payload, strlen(out->payload));
}

static void fill(wh_event *event, const draft *from) {
    *event = (wh_event)WH_EVENT_INIT;
    event->id = from->line.id[0] != '\0' ? from->line.id : NULL;
    event->type = type_names[from->line.type];
    event->key = from->line.key;
    event->payload = from->payload;
    event->payload_size = WH_ZSTR;
}

/* A refusal changes nothing, so the same ids may be tried again; those that the engine
 * makes may not be told twice. */
static int publish(writer *self, const wh_event *events, size_t count, wh_receipt *receipts) {
    int code = WH_EBUSY;

    for (int i = 0; i < TRIES && code != WH_OK; i++) {
        code = count == 1 ? wh_publish(self->engine, events, receipts)
                          : wh_publish_batch(self->engine, events, count, receipts);
        atomic_fetch_add(code == WH_OK ? &here.shared->accepted : &here.shared->refused, 1);
    }
    return code;
}

/* Single events have ids of their own, batches those of the engine. */
void write_events(writer *self) {
    size_t count = (size_t)(1 + self->next % BATCH);
    wh_receipt receipts[BATCH];
    wh_event events[BATCH];
    draft drafts[BATCH];
    entry lines[BATCH];
    int64_t begin;

    for (size_t i = 0; i < count; i++) {
        write_draft(self, &drafts[i]);
        if (count > 1) {
            drafts[i].line.id[0] = '\0';
        }
        fill(&events[i], &drafts[i]);
    }
    begin = now_us();
    if (publish(self, events, count, receipts) != WH_OK) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        lines[i] = drafts[i].line;
        lines[i].begin = begin;
        lines[i].end = now_us();
        snprintf(lines[i].id, sizeof lines[i].id, "%.71s", receipts[i].id);
    }
    journal_write(self->journal, lines, count);
}

void write_rest(void) {
    while (atomic_load(&here.shared->silent) != 0) {
        rest_us(100000);
    }
    if (atomic_load(&here.shared->hot) == 0) {
        rest_us(INT64_C(1000000) * WRITERS * (1 + BATCH) / 2 / here.rate);
    }
}
