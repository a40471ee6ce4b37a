/* What tests that hold for every system need to know of each: objects of its clients. */
#ifndef SAMPLES_H
#define SAMPLES_H

#include "systems/list.h"
#include "systems/system.h"

typedef struct sample {
    const char *all;      /* an object with every field; read-only ones with values that must not come back */
    const char *least;    /* one that suffices, without braces, to https://example.com/h */
    const char *type;     /* of an event that this one takes */
    const char *ordered;  /* of events that the system orders: those of one "id", or "account"; NULL */
    const char *mask;     /* fields that leave of a body nothing but the data; NULL: its mask is the data's */
    const char *roots[3]; /* where the paths of its routes begin */
    const char *error[6]; /* members of an error that the API answers */
    const char *status;   /* the one that repeats the status; NULL */
} sample;

#define WHI_X(name, header) extern const sample sample_##name;
WHI_SYSTEMS(WHI_X)
#undef WHI_X

/* In the order of the systems; NULL at the end. */
const sample *sample_at(size_t index);

#endif
