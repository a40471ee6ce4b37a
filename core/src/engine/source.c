/* Tests: test_source. */
#include "engine/source.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "pure/match.h"

#define TYPE_MOST 100
#define NAMES_MOST 1000

whi_sources *whi_sources_new(void) {
    whi_sources *self = whi_calloc(1, sizeof *self);

    if (self != NULL) {
        pthread_mutex_init(&self->lock, NULL);
        atomic_init(&self->refs, 1);
        atomic_init(&self->count, 0);
        atomic_init(&self->news, 1);
        pthread_mutex_init(&self->look_lock, NULL);
        self->seen = -1;
    }
    return self;
}

static void unref_list(whi_sources *self) {
    if (atomic_fetch_sub(&self->refs, 1) == 1) {
        pthread_mutex_destroy(&self->look_lock);
        pthread_mutex_destroy(&self->lock);
        whi_free(self);
    }
}

/* ------------------------------------------------------------------- one of them */

static void free_names(char **names) {
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        whi_free(names[i]);
    }
    whi_free(names);
}

static int copy_names(char ***out, const char *const *names, const char *field) {
    size_t count = 0;

    while (names != NULL && names[count] != NULL && count <= NAMES_MOST) {
        count++;
    }
    if (count > NAMES_MOST) {
        return whi_fail_field(WH_EINVALID, field, "expected at most %d names, NULL at the end", NAMES_MOST);
    }
    *out = whi_calloc(count + 1, sizeof **out);
    for (size_t i = 0; *out != NULL && i < count; i++) {
        (*out)[i] = whi_strdup(names[i], WH_ZSTR);
        if ((*out)[i] == NULL) {
            return whi_fail_memory();
        }
    }
    return *out != NULL ? WH_OK : whi_fail_memory();
}

static void free_source(whi_source *source) {
    free_names(source->filters);
    free_names(source->without);
    free_names(source->required);
    whi_free(source->object_type);
    whi_free(source);
}

static int check(const char *object_type, const wh_source *own) {
    if (object_type == NULL || strlen(object_type) > TYPE_MOST || whi_type_check(object_type) != WH_OK) {
        return whi_fail_field(WH_EINVALID, "object_type", "expected 1 to %d of A-Z a-z 0-9 . _ : - /", TYPE_MOST);
    }
    if (own->list == NULL) {
        return whi_fail_field(WH_EINVALID, "source.list", "expected a function, found NULL");
    }
    return own->full_every >= 0
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "source.full_every", "expected 0 or more milliseconds, found %lld",
                                (long long)own->full_every);
}

static int fill(whi_source *source, const char *object_type, const wh_source *given) {
    int code = whi_struct_take_part(&source->own, sizeof source->own, given, "sizeof(wh_source)", "source");

    code = code == WH_OK ? check(object_type, &source->own) : code;
    code = code == WH_OK ? copy_names(&source->filters, source->own.filters, "source.filters") : code;
    code = code == WH_OK ? copy_names(&source->without, source->own.without, "source.without") : code;
    code = code == WH_OK ? copy_names(&source->required, source->own.required, "source.required") : code;
    if (code != WH_OK) {
        return code;
    }
    source->own.filters = (const char *const *)source->filters;
    source->own.without = (const char *const *)source->without;
    source->own.required = (const char *const *)source->required;
    source->object_type = whi_strdup(object_type, WH_ZSTR);
    return source->object_type != NULL ? WH_OK : whi_fail_memory();
}

/* -------------------------------------------------------------------------- the list */

static whi_source *find_of(whi_sources *self, const char *object_type, int is_kept) {
    whi_source *source = self->first;

    while (source != NULL && (source->is_kept != is_kept || strcmp(source->object_type, object_type) != 0)) {
        source = source->next;
    }
    return source;
}

static whi_source *find(whi_sources *self, const char *object_type) {
    whi_source *hosts = find_of(self, object_type, 0);

    return hosts != NULL ? hosts : find_of(self, object_type, 1);
}

static int enter_list(whi_sources *self, whi_source *source) {
    int code = WH_OK;

    pthread_mutex_lock(&self->lock);
    if (find_of(self, source->object_type, source->is_kept) != NULL) {
        code = whi_fail_field(WH_ECONFLICT, "object_type", "\"%s\" has a source", source->object_type);
    } else {
        source->next = self->first;
        self->first = source;
        atomic_fetch_add(&self->refs, 1);
        atomic_fetch_add(&self->count, 1);
        atomic_fetch_add(&self->news, 1);
    }
    pthread_mutex_unlock(&self->lock);
    return code;
}

static int put(whi_sources *self, const char *object_type, const wh_source *given, int is_kept) {
    whi_source *source;
    int code;

    if (given == NULL) {
        return whi_fail_field(WH_EINVALID, "source", "expected one, found NULL");
    }
    source = whi_calloc(1, sizeof *source);
    if (source == NULL) {
        return whi_fail_memory();
    }
    source->home = self;
    source->is_kept = is_kept;
    source->refs = 1;
    code = fill(source, object_type, given);
    code = code == WH_OK ? enter_list(self, source) : code;
    if (code != WH_OK) {
        whi_error error = *whi_error_last();
        free_source(source);
        return whi_error_again(code, &error);
    }
    return WH_OK;
}

int whi_source_put(whi_sources *self, const char *object_type, const wh_source *given) {
    return put(self, object_type, given, 0);
}

int whi_source_put_kept(whi_sources *self, const char *object_type, const wh_source *given) {
    return put(self, object_type, given, 1);
}

static whi_source *leave_list(whi_sources *self, const char *object_type, int is_kept) {
    whi_source **place = &self->first, *found;

    pthread_mutex_lock(&self->lock);
    found = find_of(self, object_type, is_kept);
    if (found != NULL) {
        while (*place != found) {
            place = &(*place)->next;
        }
        *place = found->next;
        atomic_fetch_sub(&self->count, 1);
        atomic_fetch_add(&self->news, 1);
    }
    pthread_mutex_unlock(&self->lock);
    return found;
}

static int drop(whi_sources *self, const char *object_type, int is_kept) {
    whi_source *found = object_type != NULL ? leave_list(self, object_type, is_kept) : NULL;

    if (found == NULL) {
        return whi_fail_field(WH_ENOTFOUND, "object_type", "no such source");
    }
    if (found->own.cut != NULL) {
        found->own.cut(found->own.payload);
    }
    whi_source_unref(found);
    return WH_OK;
}

int whi_source_drop(whi_sources *self, const char *object_type) {
    return drop(self, object_type, 0);
}

int whi_source_drop_kept(whi_sources *self, const char *object_type) {
    return drop(self, object_type, 1);
}

whi_source *whi_source_get(whi_sources *self, const char *object_type) {
    whi_source *found;

    pthread_mutex_lock(&self->lock);
    found = find(self, object_type);
    if (found != NULL) {
        found->refs++;
    }
    pthread_mutex_unlock(&self->lock);
    return found;
}

int whi_source_is(whi_sources *self, const char *object_type) {
    int is;

    pthread_mutex_lock(&self->lock);
    is = find(self, object_type) != NULL;
    pthread_mutex_unlock(&self->lock);
    return is;
}

int whi_source_is_hosts(whi_sources *self, const char *object_type) {
    int is;

    pthread_mutex_lock(&self->lock);
    is = find_of(self, object_type, 0) != NULL;
    pthread_mutex_unlock(&self->lock);
    return is;
}

void whi_source_ref(whi_source *source) {
    pthread_mutex_lock(&source->home->lock);
    source->refs++;
    pthread_mutex_unlock(&source->home->lock);
}

void whi_source_unref(whi_source *source) {
    whi_sources *home;
    int left = 1;

    if (source != NULL) {
        pthread_mutex_lock(&source->home->lock);
        left = --source->refs;
        pthread_mutex_unlock(&source->home->lock);
    }
    if (left == 0) {
        if (source->own.free != NULL) {
            source->own.free(source->own.payload);
        }
        home = source->home;
        free_source(source);
        unref_list(home);
    }
}

int whi_source_is_allowed(const whi_source *source, const char *tenant, const char *connection) {
    return source->own.allows == NULL || source->own.allows(source->own.payload, tenant, connection);
}

int whi_source_allows(whi_sources *self, const char *object_type, const char *tenant, const char *connection) {
    whi_source *source = whi_source_get(self, object_type);
    int allowed = source == NULL || whi_source_is_allowed(source, tenant, connection);

    whi_source_unref(source);
    return allowed;
}

int whi_source_enter(whi_source *source, int most) {
    int entered;

    pthread_mutex_lock(&source->home->lock);
    entered = source->readers < most;
    source->readers += entered;
    pthread_mutex_unlock(&source->home->lock);
    return entered;
}

void whi_source_leave(whi_source *source) {
    pthread_mutex_lock(&source->home->lock);
    source->readers--;
    pthread_mutex_unlock(&source->home->lock);
}

/* The function may come back here, and whatever is in the list may leave it meanwhile: it is called without the lock,
 * with a reference, and the list is looked through anew after each. */
static whi_source *next_of(whi_sources *self, long long round) {
    whi_source *next;

    pthread_mutex_lock(&self->lock);
    next = self->first;
    while (next != NULL && next->round >= round) {
        next = next->next;
    }
    if (next != NULL) {
        next->round = round;
        next->refs++;
    }
    pthread_mutex_unlock(&self->lock);
    return next;
}

void whi_sources_cut(whi_sources *self) {
    long long round;

    pthread_mutex_lock(&self->lock);
    round = ++self->rounds;
    pthread_mutex_unlock(&self->lock);
    for (whi_source *at = next_of(self, round); at != NULL; at = next_of(self, round)) {
        if (at->own.cut != NULL) {
            at->own.cut(at->own.payload);
        }
        whi_source_unref(at);
    }
}

void whi_sources_end(whi_sources *self) {
    while (self->first != NULL) {
        (void)drop(self, self->first->object_type, self->first->is_kept);
    }
    unref_list(self);
}
