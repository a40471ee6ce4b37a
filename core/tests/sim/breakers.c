#include "breakers.h"

#include <string.h>

#include "engine/context.h"
#include "engine/lease.h"
#include "engine/position.h"
#include "model.h"

#define OWNERS 32

typedef struct breaker {
    int64_t owners[OWNERS]; /* all that have sent, the present one last */
    int owner_count;
    int64_t came;      /* when that one had come to its partition */
    int is_unknown;    /* it had it before: nobody knows what its lane remembers */
    int count;         /* closed: answers */
    int is_open, open; /* open: probes under way */
} breaker;

static breaker breakers[MODEL_SUBSCRIPTIONS];

/* The model's own tests have neither an engine nor, at times, a subscription. */
static int has_breaker(int k) {
    return k >= 0 && k < model_subscription_count && model_subscriptions[k] != NULL && model_subscriptions[k]->breaks;
}

static int64_t present(const breaker *self) {
    return self->owner_count > 0 ? self->owners[self->owner_count - 1] : 0;
}

static int has_sent(const breaker *self, int64_t owner) {
    int found = 0;

    for (int i = 0; i < self->owner_count; i++) {
        found |= self->owners[i] == owner;
    }
    return found;
}

static void take_over(breaker *self, int64_t owner, int64_t came) {
    self->is_unknown = has_sent(self, owner) || self->owner_count == OWNERS;
    if (self->owner_count == OWNERS) {
        memmove(self->owners, self->owners + 1, sizeof self->owners - sizeof self->owners[0]);
        self->owner_count--;
    }
    self->owners[self->owner_count++] = owner;
    self->came = came;
    self->count = self->is_open = self->open = 0;
}

int breakers_begin(const sim_process *process, int k, int64_t subscription) {
    breaker *self = has_breaker(k) ? &breakers[k] : NULL;
    int64_t owner = process->engine != NULL ? atomic_load(&process->engine->lease->owner) : 0, came;

    if (owner == 0 || self == NULL || !judge_has(owner, subscription)) {
        return 0;
    }
    came = whi_position_came(process->engine->position, subscription);
    if (owner != present(self)) {
        take_over(self, owner, came);
    }
    self->is_unknown |= came != self->came;
    if (self->is_unknown || !self->is_open) {
        return 0;
    }
    if (self->open > 0 && !(sim_plan_now->kinds & 1u << SIM_clock)) {
        sim_fail("breaker", "the breaker of %d is open, and a second probe goes beside the first", k);
    }
    self->open++;
    return 1;
}

/* What ran out here, or was cut, says nothing of the receiver. */
static int says_nothing(int error) {
    return error == WH_ECLOSED || error == WH_ERESOURCE || error == WH_ENOMEM;
}

void breakers_told(int k, int64_t owner, int probe, int status, int error) {
    breaker *self = has_breaker(k) ? &breakers[k] : NULL;
    int good = error == WH_OK && status >= 200 && status < 300;

    if (self == NULL || owner != present(self)) {
        return;
    }
    self->open -= probe;
    if (says_nothing(error) || (self->is_open && !probe)) {
        return;
    }
    if (probe) {
        self->is_open = !good;
        return;
    }
    self->count++;
    if (!good && self->count >= MODEL_BREAKER) {
        self->is_open = 1;
        self->count = 0;
    }
}
