/* What a subscription's document says of how its receiver is reached: `auth`, `tls` and `proxy` (systems/access.h).
 * They stand in the store's documents sealed, and in all others with masks where a secret is; a mask that is written
 * back leaves what was there, unless it would lead elsewhere. */
#ifndef WHI_SUBSCRIPTION_ACCESS_H
#define WHI_SUBSCRIPTION_ACCESS_H

#include "pure/subscription.h"
#include "systems/value.h"

enum whi_access { WHI_ACCESS_AUTH, WHI_ACCESS_TLS, WHI_ACCESS_PROXY, WHI_ACCESSES };
extern const char *const whi_access_names[WHI_ACCESSES];

/* Takes the object, or null. stored: the store's own, which is not judged again. WH_EINVALID. */
int whi_subscription_take_access(whi_subscription *subscription, enum whi_access which, const whi_values *from,
                                 uint32_t node, int stored);

/* To whom a subscription's auth went before a change. */
typedef struct whi_access_before {
    char *url, *proxy, *tls; /* or NULL */
    int insecure;
} whi_access_before;

/* WH_ENOMEM. To be freed in any case. */
int whi_access_before_take(whi_access_before *out, const whi_subscription *subscription);
void whi_access_before_free(whi_access_before *before);

/* Behind all members. WH_EINVALID of "url", "proxy", "insecure", "tls.ca" or "tls.pin": it leads to another host, or by
 * another proxy, or to whom was not trusted before, and auth, or the password of a queue, was not given with it, so
 * that who does not know it would have it sent there. */
int whi_subscription_check_access(const whi_subscription *subscription, const whi_access_before *before,
                                  int auth_is_new);

/* 1: the object has a mask in it. */
int whi_access_is_masked(const whi_json *json, uint32_t node);

/* Appends it with masks. */
void whi_access_write_masked(const char *text, whi_buf *out);

#endif
