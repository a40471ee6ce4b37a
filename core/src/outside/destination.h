/* A destination: a database whose tables receive objects, one row for each. Nothing here knows of subscriptions or
 * deliveries; sinks/database_batch.c does.
 *
 * A destination belongs to one thread that may wait, and waits at most as long as its time-outs say;
 * whi_destination_cut alone may be called by another. */
#ifndef WHI_DESTINATION_H
#define WHI_DESTINATION_H

#include <stddef.h>
#include <stdint.h>

#include "pure/address.h"

typedef struct whi_destination whi_destination;

/* What may be changed in the database's schema. */
enum whi_destination_create {
    WHI_CREATE_FULL = 0, /* tables and columns are made, and columns widened */
    WHI_CREATE_ADD,      /* columns alone */
    WHI_CREATE_NEVER,    /* what is there is written, the rest goes to _raw if there is one */
};

/* Texts are copied. */
typedef struct whi_destination_options {
    const char *url;    /* "postgresql://user:password@host/database?sslmode=verify-full", "sqlite:/path" */
    const char *schema; /* NULL: the database's own choice */
    const char *prefix; /* of tables' names; NULL: none */
    int create;         /* enum whi_destination_create */
    int removes;        /* 1: a deleted object's row goes, and nothing remembers it; 0: it gets _deleted_at */
    int64_t connect_timeout, statement_timeout, lock_timeout; /* ms; 0: 10, 30 and 10 s */
    int64_t check_timeout;    /* ms, of a whole check, whatever the others say; 0: they alone say */
    const whi_policy *policy; /* which addresses may be connected to; the caller's, until close */
    const char *ca_file;      /* PEM of authorities for TLS; NULL: the system's */
    int allow_files;          /* 1: "sqlite:" may name a file of this machine. The operator's to say, no customer's */
    int times;                /* 1: texts of ISO 8601 in fields that end in "_at" become times of the database */
} whi_destination_options;

/* One object, as a delivery brings it. Texts are the caller's during the call. */
typedef struct whi_object {
    const char *connection; /* "" for none */
    const char *type;       /* "crm_contact": the table is the prefix and this */
    const char *bytes;      /* a JSON object with "id" */
    size_t size;
    int64_t version;   /* ascending: a row with a newer one stays as it is */
    int64_t synced_at; /* ms */
    int deleted;
} whi_object;

enum whi_object_outcome {
    WHI_OBJECT_WRITTEN, /* also where a newer one was there */
    WHI_OBJECT_AGAIN,   /* nothing was written; the database is away or busy: the same later */
    WHI_OBJECT_OWNER,   /* nothing was written; somebody has to do something (rights, password, no such database) */
    WHI_OBJECT_ALONE,   /* this object cannot be written, as it is */
};

typedef struct whi_object_result {
    int outcome;        /* enum whi_object_outcome */
    char state[8];      /* SQLSTATE or the database's own number, "" for none */
    char sentence[320]; /* for a human, without secrets; "" when written */
} whi_object_result;

/* 0, or WH_EINVALID with a sentence: what is wrong with the URL, without its secrets; which scheme is not built.
 * Nothing is connected yet. */
int whi_destination_open(whi_destination **out, const whi_destination_options *options);

/* Writes all, each with its result. A batch in which one cannot be written is written without it. Applied twice it
 * changes nothing. Returns 0, or WH_ENOMEM with nothing written. */
int whi_destination_write(whi_destination *destination, const whi_object *objects, size_t count,
                          whi_object_result *results);

/* Connects and looks whether rights suffice for tables of this type. result->sentence says what is missing, and the
 * statement that grants it. */
void whi_destination_check(whi_destination *destination, const char *type, whi_object_result *result);

/* From any thread: what waits for the database ends soon with WHI_OBJECT_AGAIN. Where nothing waits, the next call
 * ends so, unless whi_destination_rest comes before. */
void whi_destination_cut(whi_destination *destination);

/* Closes the connection; the next write makes one. */
void whi_destination_rest(whi_destination *destination);

void whi_destination_close(whi_destination *destination);

/* 1 if URLs of this scheme ("postgresql") are built in; 0: known and not built; -1: unknown. */
int whi_destination_has(const char *scheme);

#endif
