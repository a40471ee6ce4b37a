/* Fair turns: deficit round robin (Shreedhar and Varghese, 1995) between those that want something whose price is
 * known only when it was had.
 *
 * Who has something to do is in the ring. The first one has the turn as long as it has credit; then it gets a
 * quantum and goes to the end. What it used beyond its credit it pays by turns that it lets pass: so shares are
 * equal over time, whatever one item costs. Debts stay while it is out of the ring. Not locked. */
#ifndef WHI_FAIR_H
#define WHI_FAIR_H

#include <stdint.h>

typedef struct whi_turn {
    struct whi_turn *next, *previous; /* in the ring */
    int64_t credit;
    int in_ring;
} whi_turn;

/* All zero is an empty one. */
typedef struct whi_fair {
    whi_turn *first;
    whi_turn *last_early; /* of those that came before the others, which stand together; NULL: none */
} whi_fair;

/* It has something to do, and stands at the end. Nothing happens if it is there. */
void whi_fair_join(whi_fair *fair, whi_turn *turn);

/* The same, but if it has credit left it stands before all others, and behind those that came so: who wants little does
 * not wait for those who have used up what they have, and who comes back again and again has no more than its share. If
 * it has none left, it is as if it had stayed: it gets a quantum, and stands at the end. */
void whi_fair_join_first(whi_fair *fair, whi_turn *turn, int64_t quantum);

/* It has nothing to do. Nothing happens if it is not there. */
void whi_fair_leave(whi_fair *fair, whi_turn *turn);

/* Whose turn it is; NULL: nobody's. It stays where it is. quantum > 0. */
whi_turn *whi_fair_next(whi_fair *fair, int64_t quantum);

#endif
