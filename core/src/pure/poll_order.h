/* Which of the polls that are due is read next, and how many readers a tenant may have.
 *
 * Readers are few, and a source may take a minute for each page. So tenants take turns: nobody waits behind all that
 * another has to be read, and while more than one tenant polls a share of the readers stays free for whoever comes
 * next. */
#ifndef WHI_POLL_ORDER_H
#define WHI_POLL_ORDER_H

#include <stddef.h>
#include <stdint.h>

typedef struct whi_poll_place {
    size_t readers;   /* under way of its tenant */
    long long served; /* when its tenant's last one began, 0: never */
    int64_t due;      /* ms */
    long long read;   /* when it was read last, as served; 0: never */
} whi_poll_place;

/* 1: a goes before b. */
int whi_poll_is_before(const whi_poll_place *a, const whi_poll_place *b);

/* How many of so many readers one tenant may have: all where it is the only one that polls. active: those that have
 * something due or under way. */
size_t whi_poll_share(size_t readers, size_t tenants, size_t active);

#endif
