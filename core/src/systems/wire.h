/* Tables of fields, for the systems and for object_*.c alone.
 *
 * A field has its name on the wire, its JSON type, who writes it, what it may be, and where it
 * lives in the canonical subscription. wire.c knows JSON, wire_reading.c an object that is being
 * read, wire_place.c the places of the subscription. */
#ifndef WHI_WIRE_H
#define WHI_WIRE_H

#include "systems/object.h"

enum whi_wire_kind {
    WHI_WIRE_TEXT,
    WHI_WIRE_TEXTS,  /* a list of them */
    WHI_WIRE_NUMBER, /* from the field's least to its most */
    WHI_WIRE_MS,     /* an integer: ms since 1970 */
    WHI_WIRE_FLAG,
    WHI_WIRE_MAP, /* an object of texts; absent ones are dropped */
    WHI_WIRE_ANY,
};

/* Where a field lives in the canonical subscription; wire_place.c has a row for each. */
enum whi_wire_place {
    WHI_AT_OWN = 0, /* the system's finish reads it, the field's own function writes it */
    WHI_AT_DETAILS, /* the member of `details` with the wire's name */
    WHI_AT_URL,
    WHI_AT_NAME,
    WHI_AT_FIELDS,
    WHI_AT_FILTERS,
    WHI_AT_SOURCE,
    WHI_AT_EVENTS,
    WHI_AT_SECRET,
    WHI_AT_PAUSED,
    WHI_AT_ACTIVE, /* the opposite of paused; also 0 while the engine has it disabled */
    WHI_AT_INSECURE,
    WHI_AT_SINGLE_USE,
    WHI_AT_EXPIRES,
    WHI_AT_ID, /* from here on: written by us alone */
    WHI_AT_TENANT,
    WHI_AT_CREATED,
    WHI_AT_UPDATED,
    WHI_AT_HEALTHY,
    WHI_WIRE_PLACES,
};

enum {
    WHI_WIRE_REQUIRED = 1,  /* on creation, and it cannot be taken away */
    WHI_WIRE_READ_ONLY = 2, /* ignored on input */
    WHI_WIRE_CHECKED = 4,   /* with READ_ONLY: its type is checked all the same */
    WHI_WIRE_PRIVATE = 16,  /* holds a password: for its owner, not for who is sent to */
    WHI_WIRE_FIXED = 32,    /* settled on creation: in a change it is ignored, whatever it is */
    WHI_WIRE_DETAILS = 8,   /* kept in details, beside its place or for the system's own functions */
};

typedef struct whi_reading whi_reading;
typedef struct whi_writing whi_writing;

typedef struct whi_wire_field {
    const char *name;
    int kind;
    int place;
    int flags;
    const char *const *values; /* what a text must be one of, ends with NULL; NULL: any */
    const char *fallback;      /* JSON written where there is none; NULL: the field is left out */
    void (*write)(whi_writing *self, const struct whi_wire_field *field); /* NULL: as its place has it */
    int least, most;                                                      /* most: 0 for no end */
} whi_wire_field;

#define WHI_WIRE_FIELDS 32 /* a bit each */

/* ------------------------------------------------------------------- reading */

struct whi_reading {
    const whi_system *system;
    const whi_json *given;                /* the client's document; its members are those of node 0 */
    const whi_json *present;              /* when patching: the object as it is on the wire; otherwise without nodes */
    const whi_subscription *subscription; /* when patching, or NULL */
    uint32_t changed;                     /* a bit for each field that is named and not as it was */
    whi_buf *out;                         /* the canonical document, its brace still open */
    whi_buf details;                      /* its details' new members; not yet closed, NULL data without any */
    whi_buf scratch;
    const whi_asker *asker; /* NULL: nobody knows */
};

/* A member's value; WHI_JSON_NONE also where there are no nodes. */
uint32_t whi_wire_member(const whi_json *json, const char *name);

/* 1 if the client named the field and it is not as it was. */
int whi_reading_changed(const whi_reading *self, const char *name);

/* Lets the old value in details go, as if the client had named the field. */
void whi_reading_drop(whi_reading *self, const char *name);

/* The value after the change: the given one if it changed (NONE if that is null), else the
 * present one. where receives the tape that it is on. */
uint32_t whi_reading_value(const whi_reading *self, const char *name, const whi_json **where);

/* 1 if null, or "" where that means the same. */
int whi_reading_absent(const whi_reading *self, const whi_json *json, uint32_t node);

/* The text of a string, with a zero byte behind it, in scratch until its next use. WH_EINVALID
 * for one that holds a zero byte; field is for the sentence. */
int whi_reading_text(whi_reading *self, const whi_json *json, uint32_t node, const char *field, const char **out);

/* The name of a new member of details; its value is to be written behind. Returns the buffer. */
whi_buf *whi_reading_keep(whi_reading *self, const char *name);

/* "field: expected …, found …": of a text no more than that it is one. WH_EINVALID. */
int whi_reading_fail(const whi_json *json, uint32_t node, const char *field, const char *expected);

/* "field: expected "a", "b" or "c", found …" for one of a list that ends with NULL. WH_EINVALID. */
int whi_reading_fail_name(const char *field, const char *const *names, size_t stride, const char *found);

/* What a kind is called in sentences. */
extern const char *const whi_wire_kinds[];

/* 1 if the value is of the kind: no sentence. */
int whi_wire_fits(const whi_json *json, uint32_t node, int kind);

/* ------------------------------------------------------------------- writing */

struct whi_writing {
    const whi_system *system;
    const whi_subscription *subscription;
    const whi_facts *facts; /* or NULL: then only `disabled` tells of health */
    whi_json details;       /* without nodes when there are none */
    int flags;
    whi_buf *out;
};

/* One member; NULL: none. */
void whi_wire_text(whi_buf *out, const char *name, const char *text);
void whi_wire_part(whi_buf *out, const char *name, const char *text, size_t size);
void whi_wire_flag(whi_buf *out, const char *name, int flag);

/* The member of details, if it is of the field's kind. */
void whi_wire_detail(whi_writing *self, const whi_wire_field *field);

/* ------------------------------------------------------------------- places */

typedef struct whi_wire_place_row {
    const char *member; /* of the canonical document; NULL: none */
    int (*check)(whi_reading *self, const whi_wire_field *field, uint32_t node); /* NULL: the kind says all */
    void (*put)(whi_reading *self, uint32_t node); /* the canonical value; NULL: the value's own bytes */
    void (*write)(whi_writing *self, const whi_wire_field *field);
    const char *none; /* the canonical value where null is given */
} whi_wire_place_row;

extern const whi_wire_place_row whi_wire_places[WHI_WIRE_PLACES];

#define WHI_EXPIRES_MAXIMUM INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* Where "invoice.paid" and "sync_job_run:started" come apart: the offset of the last '.' or
 * ':' with something on both sides, or 0. */
size_t whi_type_split(const char *type);

#endif
