/* What this process may have to read: an entry for each poll whose subscriptions are there, and for each history; and
 * the tenants that they are of. Under the lock of poll.h's threads. */
#ifndef WHI_POLL_ENTRIES_H
#define WHI_POLL_ENTRIES_H

#include "engine/registry.h"
#include "pure/poll.h"
#include "work/poll_same.h"

typedef struct whi_poll_entry {
    int64_t id, due; /* ms */
    whi_registration **list;
    size_t count;
    size_t tenant;  /* its place among the tenants */
    long long read; /* which of all readings was its last one, 0: none */
    int blocked;
    int again; /* it was wished for while it was being read */
    int joins; /* of a poll: a history has been sent, and is to be read along */
    char trouble[WHI_POLL_RUN_SIZE];
    whi_poll_same *same; /* what its last complete reading has met; NULL: there was none */
} whi_poll_entry;

typedef struct whi_poll_tenant {
    const char *name; /* of an entry */
    long long served; /* which of all readings was the last one for it, 0: none */
    long long round;  /* the last look that has found it active */
    size_t readers;   /* at that look */
} whi_poll_tenant;

typedef struct whi_poll_entries {
    whi_poll_entry **list; /* by their ids */
    size_t count;
    whi_poll_tenant *tenants; /* by their names */
    size_t tenant_count;
} whi_poll_entries;

/* Begins zeroed. Reads anew whom the registry has; what is known of those that were there stays, but that all are
 * looked at again from now (ms) on, what has just come not before what has waited. WH_ENOMEM: it is as it was. */
int whi_poll_entries_read(whi_poll_entries *entries, whi_registry *registry, int64_t now);
void whi_poll_entries_free(whi_poll_entries *entries);

/* NULL: there is none. Valid until the next read. */
whi_poll_entry *whi_poll_entry_find(const whi_poll_entries *entries, int64_t id);
whi_poll_tenant *whi_poll_tenant_find(const whi_poll_entries *entries, const char *name);

const char *whi_poll_tenant_of(const whi_poll_entry *entry);

#endif
