/* Which subscriptions there are, in order: for pages of them, of one tenant or of all, that
 * cost the same however many there are.
 *
 * Ids stand in runs of at most a few hundred, so adding and removing moves little, also
 * when they come in any order. Not locked: the registry's lock is around it. */
#ifndef WHI_LISTING_H
#define WHI_LISTING_H

#include <stddef.h>
#include <stdint.h>

typedef struct whi_listing whi_listing;

int whi_listing_new(whi_listing **out);
void whi_listing_free(whi_listing *listing);

/* Adds an id under its tenant; one that is there already stays. WH_ENOMEM: nothing changed. */
int whi_listing_add(whi_listing *listing, const char *tenant, int64_t id);
void whi_listing_remove(whi_listing *listing, const char *tenant, int64_t id);
/* Takes it away from a tenant when another one has it too. */
void whi_listing_leave(whi_listing *listing, const char *tenant, int64_t id);

/* What of the order a page takes. */
typedef struct whi_page {
    int64_t from;   /* exclusive; 0: from the first one */
    int descending; /* 1: largest id first, and from is an upper bound */
    size_t skip;    /* so many are passed over */
    size_t limit;
} whi_page;

/* Fills ids with at most page->limit; returns how many. tenant NULL: of all. */
size_t whi_listing_page(const whi_listing *listing, const char *tenant, const whi_page *page, int64_t *ids);

size_t whi_listing_count(const whi_listing *listing, const char *tenant);

#endif
