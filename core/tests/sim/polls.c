/* A source in simulated time, and the judge of what was told of its objects. */
#include "polls.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "webhook_source.h"
#include "world.h"

#define TYPE "thing"
#define OBJECTS 24
#define VERSIONS 4096 /* of all objects */
#define PAGE 7
#define PAGE_SIZE 1024
#define WAIT_MS 2000

/* Versions are counted for all objects alike, so that a version is one of one object. */
typedef struct version {
    int object, there;
} version;

typedef struct object {
    int version; /* its last one */
    int there;
    int buried;      /* it is still listed, as deleted */
    int known, told; /* by the log: 1 it was told of or met at first; the version that was told */
} object;

static object objects[OBJECTS + 1]; /* by their ids, from 1 */
static version versions[VERSIONS];
static int version_count, first_count, met, mistaken; /* met: the first reading is over */
static char id[WH_ID_SIZE];
static sim_chance chance;

static void set(int number, int there) {
    object *o = &objects[number];

    if (version_count == VERSIONS) {
        return;
    }
    versions[version_count] = (version){ number, there };
    o->version = version_count++;
    o->there = there;
    o->buried = !there && sim_one_in(&chance, 2);
    sim_note("thing %d is %s, version %d", number, there ? "there" : "gone", o->version);
}

void polls_begin(void) {
    memset(objects, 0, sizeof objects);
    version_count = 1;
    met = mistaken = 0;
    sim_chance_seed(&chance, sim_plan_now->seed, 13);
    for (int i = 1; i <= OBJECTS; i++) {
        if (!sim_one_in(&chance, 3)) {
            set(i, 1);
        }
    }
    first_count = version_count;
}

/* Mostly it says something else; else it comes or goes. */
static void change_one(void) {
    int number = 1 + (int)sim_below(&chance, OBJECTS);
    object *o = &objects[number];

    set(number, o->there ? !sim_one_in(&chance, 3) : 1);
}

/* ----------------------------------------------------------------------- the source */

static size_t write_object(int number, char *out, size_t size) {
    const object *o = &objects[number];

    return (size_t)snprintf(out, size, "{\"id\":%d,\"v\":%d%s}", number, o->version,
                            o->there ? "" : ",\"deleted\":true");
}

/* The page behind this object, by ids: so none is missed that is there all the time. What the last one is, or 0. */
static int write_page(int after, char out[PAGE_SIZE]) {
    size_t used = 1;
    int count = 0, number = after + 1;

    out[0] = '[';
    for (; number <= OBJECTS && count < PAGE; number++) {
        if (objects[number].there || objects[number].buried) {
            out[used] = ',';
            used += count > 0;
            used += write_object(number, out + used, PAGE_SIZE - used);
            count++;
        }
    }
    memcpy(out + used, "]", 2);
    return number <= OBJECTS ? number - 1 : 0;
}

/* 1: it fails, as the page says. */
static int fails(wh_source_page *page) {
    if (!met || world_healing || !sim_one_in(&chance, 6)) {
        return 0;
    }
    if (sim_one_in(&chance, 3)) {
        page->items = "[{\"id\":1,";
        page->items_size = WH_ZSTR;
        return 1;
    }
    page->code = WH_ESTATUS;
    page->error = "as the seed says";
    page->retry_after = sim_one_in(&chance, 2) ? -1 : sim_below(&chance, WAIT_MS);
    return 1;
}

/* Once: an engine that believed it at once would tell all as deleted. */
static int is_mistaken(const wh_source_query *query) {
    if (met && !mistaken && query->page == NULL && sim_one_in(&chance, 4)) {
        mistaken = 1;
        return 1;
    }
    return 0;
}

static void list(void *payload, const wh_source_query *query, wh_source_call *call) {
    wh_source_page page = { .size = sizeof page, .retry_after = -1 };
    char items[PAGE_SIZE] = "[]", next[16];
    int after = query->page != NULL ? (int)strtol(query->page, NULL, 10) : 0;

    (void)payload;
    if (met && !world_healing && sim_one_in(&chance, 2)) {
        change_one();
    }
    if (!fails(&page)) {
        int last = is_mistaken(query) ? 0 : write_page(after, items);
        snprintf(next, sizeof next, "%d", last);
        page.items = items;
        page.items_size = WH_ZSTR;
        page.next = last > 0 ? next : NULL;
    }
    sim_note("a page behind %d: %s", after, page.code != WH_OK ? "fails" : page.items);
    sim_sleep(sim_spread(&chance, 100, 3 * SIM_SECOND)); /* what it says is old when it arrives */
    call->answer(call, &page);
}

void polls_add(wh_engine *engine) {
    const wh_source source = { .size = sizeof source, .can = WH_SOURCE_ALL | WH_SOURCE_DELETED, .list = list };

    while (sim_plan_now->polls && wh_source_add(engine, TYPE, &source) != WH_OK) {
        sim_note("cannot add the source: %s", wh_last_error());
        sim_sleep(SIM_SECOND / 10);
    }
}

/* ---------------------------------------------------------------------- who wants it */

void polls_subscribe(wh_engine *engine) {
    char text[300];

    if (!sim_plan_now->polls) {
        return;
    }
    snprintf(text, sizeof text,
             "{\"url\":\"http://r.test/%d\",\"source\":\"c\",\"events\":[\"" TYPE ".*\"],"
             "\"retry\":[0,100,200,300,400,500],\"poll\":{\"type\":\"" TYPE "\",\"interval\":60000}}",
             SIM_POLLED);
    if (wh_subscribe(engine, text, WH_ZSTR, id) != WH_OK) {
        sim_fail("setup", "subscribing: %s", wh_last_error());
    }
}

static int64_t number(const char *sql) {
    int64_t found;

    sim_quiet_begin();
    found = judge_number(sql);
    sim_quiet_end();
    return found;
}

/* What is there before the first reading is over stays as it is: it is what that one met. */
void polls_await_first(void) {
    while (sim_plan_now->polls && !met) {
        sim_sleep(SIM_SECOND / 100);
        met = number("SELECT count(*) FROM webhook_poll WHERE checked_at > 0") > 0;
    }
}

void polls_operate(sim_process *process) {
    if (!sim_plan_now->polls) {
        return;
    }
    for (int i = (int)sim_below(&chance, 4); i > 0; i--) {
        change_one();
    }
    if (!sim_one_in(&chance, 3)) {
        sim_note("wishes a reading: %d", wh_poll_now(process->engine, id, 0));
    }
}

int polls_wish(wh_engine *engine) {
    return wh_poll_now(engine, id, 0);
}

int polls_rest(void) {
    return number("SELECT count(*) FROM webhook_poll WHERE phase = 0 AND asked = 0 AND failures = 0"
                  " AND checked_at > 0") == 1;
}

/* -------------------------------------------------------------------------- the judge */

static int was_gone_since(int number, int told) {
    for (int i = told + 1; i < version_count; i++) {
        if (versions[i].object == number && !versions[i].there) {
            return 1;
        }
    }
    return 0;
}

static void check_deleted(int number) {
    object *o = &objects[number];

    if (!o->known) {
        sim_fail("poll", "thing %d is told as deleted, and nothing was told of it", number);
    }
    if (!was_gone_since(number, o->told)) {
        sim_fail("poll", "thing %d is told as deleted, and was there all the time", number);
    }
    o->known = 0;
}

static void check_state(const char *type, int number, int told) {
    object *o = &objects[number];
    int is_new = strcmp(type, TYPE ".created") == 0;

    if (told <= 0 || told >= version_count || versions[told].object != number || !versions[told].there) {
        sim_fail("poll", "thing %d is told as %d, which it never was", number, told);
    }
    if (is_new == o->known) {
        sim_fail("poll", "thing %d is told as %s, and was %s", number, type, o->known ? "known" : "not known");
    }
    if (told <= o->told) {
        sim_fail("poll", "thing %d is told as %d, and was told as %d before", number, told, o->told);
    }
    o->known = 1;
    o->told = told;
}

static void check_event(sqlite3_stmt *row, void *payload) {
    const char *type = (const char *)sqlite3_column_text(row, 0), *at = (const char *)sqlite3_column_text(row, 1);

    (void)payload;
    for (at = strchr(at, '{'); at != NULL; at = strchr(at + 1, '{')) {
        int number = 0, told = 0;
        int read = sscanf(at, "{\"id\":%d,\"v\":%d", &number, &told);
        if (read < 1 || number < 1 || number > OBJECTS) {
            sim_fail("poll", "%s of what is no thing: %s", type, at);
        }
        if (strcmp(type, TYPE ".deleted") == 0) {
            check_deleted(number);
        } else {
            check_state(type, number, told);
        }
    }
}

/* What the first reading has met: nothing had changed before. */
static void begin_with_first(void) {
    for (int i = 1; i < first_count; i++) {
        objects[versions[i].object].told = i;
        objects[versions[i].object].known = 1;
    }
}

static void check_last(int number) {
    const object *o = &objects[number];

    if (o->known != o->there || (o->there && o->told != o->version)) {
        sim_fail("poll", "thing %d is %s, version %d, and the last that was told is %d%s", number,
                 o->there ? "there" : "gone", o->version, o->told, o->known ? "" : ", deleted");
    }
}

void polls_end(void) {
    if (!sim_plan_now->polls) {
        return;
    }
    begin_with_first();
    if (!judge_ask("SELECT type, payload FROM webhook_events WHERE id LIKE 'poll\\_%' ESCAPE '\\' ORDER BY number",
                   check_event)) {
        sim_fail("poll", "the log cannot be read");
    }
    for (int i = 1; i <= OBJECTS; i++) {
        check_last(i);
    }
    if (judge_number("SELECT count(*) FROM webhook_events e WHERE id LIKE 'poll\\_%' ESCAPE '\\' AND NOT EXISTS"
                     " (SELECT 1 FROM webhook_deliveries d WHERE d.event = e.number AND d.state = 3)") != 0) {
        sim_fail("poll", "what was told was not delivered");
    }
}
