/* Numbers of states as texts, for the statements of SQLite's store. */
#ifndef WHI_STORE_SQLITE_STATES_H
#define WHI_STORE_SQLITE_STATES_H

#include "pure/delivery.h"

/* The numbers of states are in the texts below, because a partial index is only used
 * for a condition that the planner can compare with its own. */
#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define WAITING TEXT(WHI_WAITING_NUMBER)
#define SENDING "2" /* a state until version 5 */
#define DELIVERED TEXT(WHI_DELIVERED_NUMBER)
#define EXHAUSTED TEXT(WHI_EXHAUSTED_NUMBER)
#define HELD TEXT(WHI_HELD_NUMBER)
#define CANCELLED TEXT(WHI_CANCELLED_NUMBER)
#define ABORTED TEXT(WHI_DUE_ABORTED)
#define NEWEST TEXT(WHI_DUE_NEWEST)
#define BEHIND "9223372036854775807" /* WHI_DUE_BEHIND */

#define OPEN_STATES                                                                                                    \
    "(state = " WAITING " OR state = " EXHAUSTED " OR state = " HELD ")" /* with an entry in webhook_deliveries_open   \
                                                                          */

#define IS_KEYED "key IS NOT NULL AND (state = " WAITING " OR due < 0)" /* with an entry in ..._keyed */

#define NOWHERE "9223372036854775807" /* position of who has no partition */

#endif
