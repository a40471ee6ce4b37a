/* Looks at databases and queues that are under way, on the threads of those who make subscriptions. */
#ifndef WHI_LOOKING_H
#define WHI_LOOKING_H

#include "engine/context.h"

#define WHI_LOOK_MS 5000 /* all of it: somebody waits for it */

/* The caller's, until it has ended. */
struct whi_looking {
    struct whi_looking *next;
    const char *tenant;
    void *receiver; /* NULL: not open yet, or closed */
    int is_cut;     /* it ends as soon as it has one */
    void (*cut)(wh_engine *engine, void *receiver);
};

/* WH_EBUSY, of the field "url": as many are under way as there may be, of one tenant or of all. */
int whi_looking_begin(wh_engine *engine, struct whi_looking *self);
void whi_looking_end(wh_engine *engine, const struct whi_looking *self);

/* From here on it may be cut, until it is shown with NULL; where that was asked for before, it is at once. */
void whi_looking_show(wh_engine *engine, struct whi_looking *self, void *receiver,
                      void (*cut)(wh_engine *engine, void *receiver));

/* Ends all that are under way, as receivers that give no answer. Any thread. */
void whi_looking_cut(wh_engine *engine);

#endif
