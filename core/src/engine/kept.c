/* Tests: test_kept. */
#include "engine/kept.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"

/* Of an engine that does not say what its rules take: a state of its own, and a source that grows when it is compiled.
 */
#define STATE_BYTES 16384
#define GROWS 12

typedef struct owner {
    struct whi_kept_rule *first, *last; /* used last, and longest ago */
    size_t bytes;
    char name[];
} owner;

typedef struct whi_kept_rule {
    struct whi_kept_rule *next, *previous; /* of its owner */
    owner *owner;
    uint64_t hash;
    void *rule;
    size_t bytes;
    size_t source_size;
    char source[];
} whi_kept_rule;

static uint32_t hash_owner(const void *entry) {
    return whi_table_spread_text(0, ((const owner *)entry)->name);
}

static int is_owner(const void *entry, const void *key) {
    return strcmp(((const owner *)entry)->name, key) == 0;
}

static const whi_table_kind owner_kind = { hash_owner, is_owner };

static uint32_t hash_rule(const void *entry) {
    return whi_table_spread(((const whi_kept_rule *)entry)->hash);
}

static int is_rule(const void *entry, const void *key) {
    const whi_kept_rule *rule = entry;
    const whi_registration *asked = key;
    const whi_subscription *s = asked->subscription;

    return rule->hash == asked->rule_hash && rule->source_size == s->rule_size &&
           strcmp(rule->owner->name, s->tenant) == 0 && memcmp(rule->source, s->rule, s->rule_size) == 0;
}

static const whi_table_kind rule_kind = { hash_rule, is_rule };

void whi_kept_init(whi_kept *kept, const wh_rule_engine *engine, void *runtime, size_t most) {
    *kept = (whi_kept){ .engine = engine, .runtime = runtime, .most = most };
}

/* ------------------------------------------------------------------- of an owner */

static void link_first(whi_kept_rule *rule) {
    owner *of = rule->owner;

    rule->previous = NULL;
    rule->next = of->first;
    if (of->first != NULL) {
        of->first->previous = rule;
    } else {
        of->last = rule;
    }
    of->first = rule;
}

static void unlink_rule(whi_kept_rule *rule) {
    owner *of = rule->owner;

    if (rule->previous != NULL) {
        rule->previous->next = rule->next;
    } else {
        of->first = rule->next;
    }
    if (rule->next != NULL) {
        rule->next->previous = rule->previous;
    } else {
        of->last = rule->previous;
    }
}

static owner *owner_of(whi_kept *kept, const char *name) {
    owner *found = whi_table_get(&kept->owners, &owner_kind, whi_table_spread_text(0, name), name);
    size_t size = strlen(name) + 1;

    if (found != NULL || whi_table_reserve(&kept->owners, &owner_kind) != WH_OK) {
        return found;
    }
    found = whi_calloc(1, sizeof *found + size);
    if (found != NULL) {
        memcpy(found->name, name, size);
        whi_table_put(&kept->owners, &owner_kind, found);
    }
    return found;
}

static void drop_owner_if_empty(whi_kept *kept, owner *of) {
    if (of->first == NULL) {
        (void)whi_table_take(&kept->owners, &owner_kind, hash_owner(of), of->name);
        whi_free(of);
    }
}

/* ------------------------------------------------------------------------- bytes */

static void measure(whi_kept *kept, whi_kept_rule *rule) {
    size_t former = rule->bytes;
    size_t taken = kept->engine->bytes != NULL ? kept->engine->bytes(kept->runtime, rule->rule)
                                               : STATE_BYTES + rule->source_size * GROWS;

    rule->bytes = sizeof *rule + rule->source_size + taken;
    rule->owner->bytes += rule->bytes - former;
    kept->bytes += rule->bytes - former;
}

/* Another one's hash may be the same: it is looked for by what it is. */
static void take_out(whi_kept *kept, const whi_kept_rule *rule) {
    whi_subscription s = { 0 };
    whi_registration key = { .subscription = &s, .rule_hash = rule->hash };

    s.tenant = rule->owner->name;
    s.rule = (char *)(uintptr_t)rule->source;
    s.rule_size = rule->source_size;
    (void)whi_table_take(&kept->rules, &rule_kind, hash_rule(rule), &key);
}

static void evict(whi_kept *kept, whi_kept_rule *rule) {
    owner *of = rule->owner;

    take_out(kept, rule);
    unlink_rule(rule);
    of->bytes -= rule->bytes;
    kept->bytes -= rule->bytes;
    kept->engine->release(kept->runtime, rule->rule);
    whi_free(rule);
    drop_owner_if_empty(kept, of);
}

static owner *largest(const whi_kept *kept) {
    owner *found = NULL;

    for (uint32_t i = 0; i < kept->owners.capacity; i++) {
        owner *one = kept->owners.slots[i];
        if (one != NULL && (found == NULL || one->bytes > found->bytes)) {
            found = one;
        }
    }
    return found;
}

/* The one that is in use stays, whatever it takes. */
static void make_room(whi_kept *kept) {
    while (kept->bytes > kept->most) {
        owner *of = largest(kept);
        whi_kept_rule *rule = of != NULL ? of->last : NULL;

        rule = rule != NULL && rule == kept->last ? rule->previous : rule;
        if (rule == NULL) {
            return;
        }
        evict(kept, rule);
    }
}

/* ----------------------------------------------------------------------- getting */

static int make(whi_kept *kept, const whi_registration *registration, whi_kept_rule **out, wh_rule_error *error) {
    const whi_subscription *s = registration->subscription;
    whi_kept_rule *made = whi_calloc(1, sizeof *made + s->rule_size);
    int code = made != NULL ? whi_table_reserve(&kept->rules, &rule_kind) : whi_fail_memory();

    code = code == WH_OK ? kept->engine->compile(kept->runtime, s->tenant, s->rule, s->rule_size, &made->rule, error)
                         : code;
    if (code != WH_OK) {
        whi_free(made);
        return code;
    }
    made->owner = owner_of(kept, s->tenant);
    if (made->owner == NULL) {
        kept->engine->release(kept->runtime, made->rule);
        whi_free(made);
        return whi_fail_memory();
    }
    made->hash = registration->rule_hash;
    made->source_size = s->rule_size;
    memcpy(made->source, s->rule, s->rule_size);
    link_first(made);
    whi_table_put(&kept->rules, &rule_kind, made);
    *out = made;
    return WH_OK;
}

int whi_kept_get(whi_kept *kept, const whi_registration *registration, void **out, wh_rule_error *error) {
    whi_kept_rule *found =
        whi_table_get(&kept->rules, &rule_kind, whi_table_spread(registration->rule_hash), registration);
    int code = WH_OK;

    kept->last = NULL;
    if (found == NULL) {
        code = make(kept, registration, &found, error);
        if (code != WH_OK) {
            return code;
        }
        kept->last = found;
        measure(kept, found);
        make_room(kept);
    } else if (found != found->owner->first) {
        unlink_rule(found);
        link_first(found);
    }
    kept->last = found;
    *out = found->rule;
    return WH_OK;
}

void whi_kept_ran(whi_kept *kept) {
    if (kept->last != NULL) {
        measure(kept, kept->last);
        make_room(kept);
    }
}

void whi_kept_end(whi_kept *kept) {
    kept->last = NULL;
    for (uint32_t i = 0; i < kept->rules.capacity; i++) {
        whi_kept_rule *rule = kept->rules.slots[i];
        if (rule != NULL) {
            kept->engine->release(kept->runtime, rule->rule);
            whi_free(rule);
        }
    }
    for (uint32_t i = 0; i < kept->owners.capacity; i++) {
        whi_free(kept->owners.slots[i]);
    }
    whi_table_free(&kept->rules);
    whi_table_free(&kept->owners);
    kept->bytes = 0;
}
