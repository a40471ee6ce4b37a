/* What a database does itself, behind a destination. outside/destination.c knows objects, batches and what to do with
 * one that cannot be written; outside/destination_plan.h makes rows and columns of objects; a dialect knows one
 * client library.
 *
 * A failure is told as a whi_object_result without a look at which object it was: its outcome, the state and the
 * sentence. WHI_OBJECT_WRITTEN is success. */
#ifndef WHI_DIALECT_H
#define WHI_DIALECT_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/table.h"
#include "outside/destination.h"
#include "pure/columns.h"
#include "pure/database_url.h"

/* An outcome between the floors of this library: the table is not as it was when it was looked at. */
#define WHI_OBJECT_SHAPE 16

#define WHI_TYPE_SIZE 128
#define WHI_SQL_MAXIMUM ((size_t)4 << 20)

/* A column as the database has it. Generated ones are not listed. */
typedef struct whi_column {
    char name[WHI_COLUMN_SIZE];
    char type[WHI_TYPE_SIZE]; /* the database's word */
    int kind;                 /* enum whi_column_kind */
    int is_kept;              /* 1: has a default or must not be null: left alone where no object has a value for it */
    struct whi_field *owner;  /* of outside/destination_plan.c, as at: where in a row it stands, or -1 */
    int at;
} whi_column;

/* A table as it was when it was looked at. */
typedef struct whi_shape {
    char name[WHI_COLUMN_SIZE];
    whi_buf quoted; /* with its schema */
    whi_column *columns;
    size_t count, room;
    whi_table by_name;
    int exists, is_known;
    int is_full; /* no more columns can be added to it */
    int has_key; /* the database keeps _connection_id and id apart, together */
    int is_guard;
    struct whi_shape *guard; /* the table that remembers which rows were removed, where they are; NULL: they stay */
} whi_shape;

typedef struct whi_value {
    const char *text; /* NULL: null */
    size_t size;
} whi_value;

enum whi_part_kind {
    WHI_PART_PUT,    /* all columns */
    WHI_PART_MARK,   /* of a row that is there _version, _synced_at and _deleted_at alone */
    WHI_PART_EXPEL,  /* the row goes if the shape's guard knows it as removed since */
    WHI_PART_REMOVE, /* the row goes */
};

/* Rows for one statement. Columns 0 to 2 are _connection_id, id and _version. */
typedef struct whi_part {
    int kind;
    const whi_shape *shape;
    whi_column **columns;
    size_t width;
    whi_value **rows; /* each of width values */
    size_t count;
} whi_part;

#define WHI_PART_KEYS 3

typedef struct whi_dialect whi_dialect;

typedef struct whi_database {
    const whi_dialect *dialect;
    whi_database_url url;
    char schema[WHI_COLUMN_SIZE]; /* "": the database's own choice; a dialect puts that there when it connects */
    int create, removes, times, allow_files;
    int64_t connect_timeout, statement_timeout, lock_timeout, check_timeout;
    int64_t until; /* us of whi_monotonic_us that no wait goes beyond: the end of a check; 0: none is under way */
    const whi_policy *policy;
    char *ca_file; /* NULL: the system's */
    atomic_int is_cut;
} whi_database;

struct whi_dialect {
    whi_column_rules rules;
    size_t columns; /* of a table, at most */
    char quote;
    int adds_many;                       /* 1: several columns in one ALTER TABLE */
    const char *widen, *widen_to;        /* in ALTER TABLE before a column and before its wider type; NULL: it cannot */
    int has_zone;                        /* 1: times are written with T and Z */
    const char *types[WHI_COLUMN_KINDS]; /* of new columns */
    const char *connection_type, *id_type;
    const char *ending; /* behind CREATE TABLE (…) */

    /* The dialect's own struct, which begins with a whi_database, zeroed. NULL without memory. */
    whi_database *(*make)(void);
    void (*free)(whi_database *database); /* closes, and frees what make gave */

    /* 0, or WH_EINVALID: what the dialect has against the options. */
    int (*accept)(const whi_database *database);

    void (*connect)(whi_database *database, whi_object_result *result); /* nothing to do where it is connected */
    void (*look)(whi_database *database, whi_shape *shape, whi_object_result *result);
    void (*run)(whi_database *database, const char *sql, whi_object_result *result);
    /* All parts in one transaction, in their order, or nothing. Of two transactions that put and remove one row at a
     * time one sees the other's guard: the dialect locks what that takes. */
    void (*write)(whi_database *database, const whi_part *parts, size_t count, whi_object_result *result);
    /* Rights; the table is there, or may be made. */
    void (*check)(whi_database *database, const whi_shape *shape, whi_object_result *result);
    void (*rest)(whi_database *database);
    void (*wake)(whi_database *database); /* is_cut has been set; any thread */
};

extern const whi_dialect whi_dialect_sqlite;
extern const whi_dialect whi_dialect_postgres;
extern const whi_dialect whi_dialect_mariadb;

/* The result: outcome, state and a sentence, of which what a driver said may be a part. Where the password is in it,
 * the sentence is left out. */
void whi_database_tell(const whi_database *database, whi_object_result *result, int outcome, const char *state,
                       const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The same without the state and without a driver's words. */
void whi_result_set(whi_object_result *result, int outcome, const char *sentence);

/* A column that was found, appended to the shape. NULL without memory. */
whi_column *whi_shape_add(whi_shape *shape, const char *name, const char *type, int kind);
whi_column *whi_shape_find(const whi_shape *shape, const char *name);
void whi_shape_clear(whi_shape *shape);
void whi_shape_free(whi_shape *shape);

/* A name in the dialect's quotes. */
void whi_sql_name(whi_buf *out, const whi_dialect *dialect, const char *name);

/* "a", "b", … of the part's columns. */
void whi_sql_columns(whi_buf *out, const whi_dialect *dialect, const whi_part *part);

/* "ON CONFLICT … DO UPDATE SET …", as SQLite and PostgreSQL have it, for a table that is called held. */
void whi_sql_conflict(whi_buf *out, const whi_dialect *dialect, const whi_part *part);

/* 1: of its rows the first WHI_PART_KEYS columns alone are used. */
int whi_part_is_of_keys(const whi_part *part);

/* 1 if a row that is there takes this column from the new one. */
int whi_part_updates(const whi_part *part, size_t column);

#endif
